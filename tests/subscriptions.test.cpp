// SPDX-License-Identifier: BSL-1.0
//
// What a list of handlers does by itself. What users see of it is tested with events.
#include <eap/subscriptions.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"
#include "support/client.hpp"

#include <eap/detail/intrusive_ptr.hpp>
#include <eap/tracked.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace {

using eap::detail::adopt_reference;
using eap::detail::at_exceptions;
using eap::detail::delivery;
using eap::detail::intrusive_ptr;
using tests::lines;
using list = eap::detail::subscriber_list<int>;
using subscription = eap::detail::subscription<int>;

template <class F> intrusive_ptr<subscription> handler(F f) {
    return {new eap::detail::handler_of<F, int>{std::in_place, std::move(f)}, adopt_reference};
}

struct fixture {
    lines log;
    intrusive_ptr<list> all{new list, adopt_reference};

    intrusive_ptr<subscription> add(std::string name) {
        auto made =
            handler([this, name = std::move(name)](int i) { log.push_back(name + std::to_string(i)); });
        CHECK(all->add(made));
        return made;
    }
};

} // namespace

TEST_CASE("a list tells whether somebody may be subscribed", "[subscriptions]") {
    fixture f;
    CHECK(f.all->is_empty());
    CHECK(f.all->call_all(at_exceptions::go_on, 1) == delivery::nobody_there);
    const auto one = f.add("one");
    CHECK_FALSE(f.all->is_empty());
    CHECK(f.all->call_all(at_exceptions::go_on, 1) == delivery::made);
    one->disconnect();
    CHECK(f.all->call_all(at_exceptions::go_on, 2) == delivery::nobody_there);
    CHECK(f.all->is_empty()); // the last reader has looked
    CHECK(f.log == lines{"one1"});
}

TEST_CASE("a list that is being read changes from the next reading on", "[subscriptions]") {
    fixture f;
    CHECK(f.all->add(handler([&f](int i) {
        if (i == 1)
            f.add("late");
        f.log.push_back("first" + std::to_string(i));
    })));
    f.add("second");
    f.all->call_all(at_exceptions::go_on, 1);
    CHECK(f.log == lines{"first1", "second1"});
    f.all->call_all(at_exceptions::go_on, 2);
    CHECK(f.log == lines{"first1", "second1", "first2", "second2", "late2"});
}

TEST_CASE("after an exception a list goes on, or stops, as it is told", "[subscriptions][EV-4]") {
    fixture f;
    CHECK(f.all->add(handler([](int) { throw std::runtime_error{"first"}; })));
    CHECK(f.all->add(handler([](int) { throw std::logic_error{"second"}; })));
    f.add("third");
    CHECK_THROWS_AS(f.all->call_all(at_exceptions::stop, 1), std::runtime_error);
    CHECK(f.log.empty());
    CHECK_THROWS_AS(f.all->call_all(at_exceptions::go_on, 2), std::runtime_error);
    CHECK(f.log == lines{"third2"});
}

TEST_CASE("a list that has ended takes nobody in", "[subscriptions]") {
    fixture f;
    const auto there = f.add("there");
    f.all->end_all([](auto& each) { each.retire(); });
    CHECK_FALSE(there->connected());
    CHECK_FALSE(f.all->add(handler([](int) {})));
    f.all->call_all(at_exceptions::go_on, 1);
    CHECK(f.log.empty());
}
