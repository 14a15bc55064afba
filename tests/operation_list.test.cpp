// SPDX-License-Identifier: BSL-1.0
#include <eap/operation_list.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <eap/detail/intrusive_ptr.hpp>
#include <eap/detail/reserved_postable.hpp>
#include <eap/operation_block.hpp>
#include <eap/operation_options.hpp>
#include <eap/user_state.hpp>

#include <deque>
#include <vector>

namespace {

using eap::detail::intrusive_ptr;
using eap::detail::operation_list;
using eap::detail::operation_state;
using eap::detail::plain_operation;

/// Operations with the numbers from 1 on, in a list.
struct numbered {
    explicit numbered(int count) {
        for (int i = 1; i <= count; ++i)
            add(i);
    }
    void add(int number) {
        all.emplace_back(eap::detail::reserved_postable::make<plain_operation>(
                             0, home.context(), eap::user_state{number}, eap::operation_options{}),
                         eap::detail::adopt_reference);
        list.push_back(*all.back());
    }
    void remove(int number) {
        for (const auto& each : all)
            if (number_of(*each) == number)
                list.remove(*each);
    }

    static int number_of(const operation_state& which) { return which.user_state().get<int>(); }
    std::vector<int> there() const {
        std::vector<int> numbers;
        list.for_each([&](const operation_state& each) { numbers.push_back(number_of(each)); });
        return numbers;
    }

    tests::manual_queue home;
    std::deque<intrusive_ptr<plain_operation>> all;
    operation_list list;
};

using numbers = std::vector<int>;

/// A walk that has begun, and ends with this.
struct walking {
    explicit walking(operation_list& l) : list(l) { list.begin(walk); }
    ~walking() { list.end(walk); }
    int next() {
        const operation_state* const each = walk.next();
        return each != nullptr ? numbered::number_of(*each) : 0;
    }
    operation_list& list;
    operation_list::walk walk;
};

} // namespace

TEST_CASE("a list keeps the order in which operations began, whoever leaves", "[operation_list]") {
    numbered some{4};
    CHECK(some.there() == numbers{1, 2, 3, 4});
    some.remove(2);
    CHECK(some.there() == numbers{1, 3, 4});
    some.remove(1);
    some.remove(4);
    CHECK(some.there() == numbers{3});
    some.add(5);
    CHECK(some.there() == numbers{3, 5});
    CHECK(some.list.size() == 2);
    some.remove(3);
    some.remove(5);
    CHECK(some.there().empty());
    CHECK(some.list.size() == 0);
}

TEST_CASE("a walk sees what was there when it began", "[operation_list]") {
    numbered some{2};
    walking through{some.list};
    CHECK(through.next() == 1);
    some.add(3);
    CHECK(through.next() == 2);
    CHECK(through.next() == 0);
    CHECK(through.next() == 0);
}

TEST_CASE("a walk through an empty list is at its end", "[operation_list]") {
    numbered none{0};
    walking through{none.list};
    none.add(1);
    CHECK(through.next() == 0);
}

TEST_CASE("what leaves the list leaves every walk through it", "[operation_list]") {
    numbered some{4};
    walking early{some.list};
    CHECK(early.next() == 1);
    {
        walking late{some.list};
        some.remove(2); // the next of one, and in the middle of the other
        some.remove(4); // the last of both
        some.remove(1); // the next of the other, and behind the one
        CHECK(late.next() == 3);
        CHECK(late.next() == 0);
    }
    CHECK(early.next() == 3);
    CHECK(early.next() == 0);
}

TEST_CASE("a walk whose last ones all leave ends", "[operation_list]") {
    numbered some{3};
    walking through{some.list};
    CHECK(through.next() == 1);
    some.remove(3);
    some.remove(2);
    some.add(4);
    CHECK(through.next() == 0);
}

TEST_CASE("walks end in any order", "[operation_list]") {
    numbered some{2};
    operation_list::walk first, second;
    some.list.begin(first);
    some.list.begin(second);
    some.list.end(first);
    some.remove(1); // which only the second has to hear of
    CHECK(numbered::number_of(*second.next()) == 2);
    some.list.end(second);
}
