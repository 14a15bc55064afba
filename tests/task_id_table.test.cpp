// SPDX-License-Identifier: BSL-1.0
#include <eap/task_id_table.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/contexts.hpp"

#include <eap/detail/intrusive_ptr.hpp>
#include <eap/operation_block.hpp>
#include <eap/user_state.hpp>

#include <utility>

using eap::detail::adopt_reference;
using eap::detail::intrusive_ptr;
using eap::detail::plain_operation;
using eap::detail::task_id_table;
using eap::detail::task_ids;

namespace {

struct fixture {
    intrusive_ptr<plain_operation> make(const eap::user_state& id) {
        return {eap::detail::reserved_postable::make<plain_operation>(2U, home.context(), eap::user_state{id},
                                                                      eap::operation_options{}),
                adopt_reference};
    }
    intrusive_ptr<plain_operation> add(const eap::user_state& id, task_ids ids) {
        auto* const entry = table.reserve(id, ids);
        REQUIRE(entry != nullptr);
        auto made = make(id);
        table.fill(*entry, *made);
        return made;
    }

    tests::manual_queue home;
    task_id_table table;
};

} // namespace

TEST_CASE("an id has an entry while it is reserved", "[task_id_table]") {
    fixture f;
    auto* const entry = f.table.reserve(1, task_ids::unique);
    REQUIRE(entry != nullptr);
    CHECK(f.table.find(1) == entry);
    CHECK(entry->only == nullptr);
    CHECK(f.table.reserve(1, task_ids::unique) == nullptr);
    CHECK(f.table.find(2) == nullptr);
    CHECK_FALSE(f.table.give_back(*entry, 1).empty());
    CHECK(f.table.find(1) == nullptr);
}

TEST_CASE("an id has an entry until the last of its operations has released it", "[task_id_table][O-21]") {
    fixture f;
    const auto first = f.add(1, task_ids::shared);
    CHECK(f.table.find(1)->only == first.get());
    const auto second = f.add(1, task_ids::shared);
    CHECK(f.table.find(1)->only == nullptr);
    CHECK(f.table.find(1)->operations == 2);
    CHECK(first->is_under_its_id);
    CHECK(f.table.release(*first).empty());
    CHECK_FALSE(first->is_under_its_id);
    CHECK(f.table.release(*first).empty()); // once more has no effect
    CHECK(f.table.find(1)->operations == 1);
    CHECK(f.table.find(1)->only == nullptr); // which one is left is not known
    CHECK_FALSE(f.table.release(*second).empty());
    CHECK(f.table.find(1) == nullptr);
}

TEST_CASE("a reservation keeps the entry when the operations have gone", "[task_id_table]") {
    fixture f;
    const auto made = f.add(1, task_ids::shared);
    auto* const entry = f.table.reserve(1, task_ids::shared);
    CHECK(f.table.release(*made).empty());
    CHECK(f.table.find(1) == entry);
    const auto next = f.make(1);
    f.table.fill(*entry, *next);
    CHECK(f.table.find(1)->only == next.get());
    CHECK_FALSE(f.table.release(*next).empty());
}
