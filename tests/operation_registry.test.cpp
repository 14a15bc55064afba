// SPDX-License-Identifier: BSL-1.0
#include "eap/operation_registry.hpp"

#include "eap/operation_block.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using eap::detail::adopt_reference;
using eap::detail::intrusive_ptr;
using eap::detail::task_ids;
using registry = eap::detail::operation_registry;
using operation = eap::detail::plain_operation;

struct fixture {
    tests::manual_queue home;
    intrusive_ptr<registry> list{new registry{home.context()}, adopt_reference};

    intrusive_ptr<operation> make(const eap::user_state& id) {
        return {eap::detail::reserved_postable::make<operation>(2U, home.context(), eap::user_state{id},
                                                                eap::operation_options{}),
                adopt_reference};
    }
    intrusive_ptr<operation> add(const eap::user_state& id, task_ids ids = task_ids::unique) {
        registry::reservation place{list, id, ids};
        auto made = make(id);
        place.fill(*made);
        return made;
    }
    std::vector<int> ids() const {
        std::vector<int> all;
        for (const auto& each : list->pending_operations())
            all.push_back(each.id.has_value() ? each.id.get<int>() : -1);
        return all;
    }
};

} // namespace

TEST_CASE("a reservation that is not filled gives its id back", "[operation_registry][O-21][G9]") {
    fixture f;
    {
        const registry::reservation place{f.list, 1};
        CHECK_FALSE(f.list->is_pending(1)); // taken, but there is nothing yet
        CHECK_THROWS_AS((registry::reservation{f.list, 1}), eap::duplicate_task_id);
        CHECK(f.list->pending() == 0);
        CHECK(f.list->wait_idle_for(0ns));
    }
    CHECK_NOTHROW(registry::reservation{f.list, 1});
}

TEST_CASE("a refused reservation leaves the id with its holder", "[operation_registry][BC-7]") {
    fixture f;
    const auto holder = f.add(1);
    CHECK_THROWS_AS((registry::reservation{f.list, 1}), eap::duplicate_task_id);
    CHECK(f.list->is_pending(1));
    CHECK(f.list->cancel(1));
    CHECK(holder->stop_requested());
    holder->abandon();
    f.home.run_all();
}

TEST_CASE("a shared id is that of several operations, which all hear of a cancellation",
          "[operation_registry][OP-19]") {
    fixture f;
    const auto first = f.add(1, task_ids::shared), second = f.add(1, task_ids::shared), other = f.add(2);
    CHECK_THROWS_AS((registry::reservation{f.list, 1}), eap::duplicate_task_id);
    CHECK(f.list->cancel(1));
    CHECK(first->stop_requested());
    CHECK(second->stop_requested());
    CHECK_FALSE(other->stop_requested());
    for (const auto& each : {first, second, other})
        each->abandon();
    f.home.run_all();
}

TEST_CASE("a shared id is pending until the last of its operations lets go of it",
          "[operation_registry][O-21]") {
    fixture f;
    const auto first = f.add(1, task_ids::shared), second = f.add(1, task_ids::shared);
    {
        const registry::reservation never_filled{f.list, 1, task_ids::shared};
    }
    f.list->release_id(*first);
    CHECK(f.list->is_pending(1));
    CHECK(f.list->cancel(1));
    CHECK_FALSE(first->stop_requested());
    CHECK(second->stop_requested());
    f.list->release_id(*second);
    CHECK_FALSE(f.list->is_pending(1));
    CHECK_FALSE(f.list->cancel(1));
    for (const auto& each : {first, second})
        each->abandon(); // lets go of the id again, which has no effect
    CHECK_NOTHROW(registry::reservation{f.list, 1});
    f.home.run_all();
}

TEST_CASE("reservations without an id take nothing", "[operation_registry][BC-8]") {
    fixture f;
    const registry::reservation one{f.list, {}}, two{f.list, {}};
    CHECK(f.list->pending() == 0);
    CHECK_FALSE(f.list->is_pending({}));
}

TEST_CASE("a reservation that runs out of memory has no effect", "[operation_registry][G9]") {
    if (!tests::allocation_watch::works)
        return;
    fixture f;
    const eap::user_state id = 1;
    std::size_t failures = 0;
    for (bool failed = true; failed;) {
        failed = false;
        tests::allocation_watch watch;
        watch.fail(failures + 1);
        try {
            const registry::reservation place{f.list, id};
        } catch (const std::bad_alloc&) {
            failed = true;
            ++failures;
        }
    }
    CHECK(failures > 0);
    CHECK_NOTHROW(registry::reservation{f.list, id});
}

TEST_CASE("an id is free from release_id on, the operation listed until ended",
          "[operation_registry][O-21]") {
    fixture f;
    const auto first = f.add(1);
    f.list->release_id(*first);
    CHECK_FALSE(f.list->is_pending(1));
    CHECK(f.list->pending() == 1);
    const auto second = f.add(1);
    CHECK(f.ids() == std::vector{1, 1});
    f.list->ended(*first);
    CHECK(f.list->is_pending(1)); // the second one's
    CHECK(f.list->cancel(1));
    CHECK(second->stop_requested());
    CHECK_FALSE(first->stop_requested());
    second->abandon();
    f.home.run_all();
    CHECK(f.list->pending() == 0);
}

TEST_CASE("an id stays where it was while many others come and go", "[operation_registry]") {
    fixture f;
    registry::reservation early{f.list, 0}; // its place must survive whatever the table does meanwhile
    std::vector<intrusive_ptr<operation>> others;
    for (int i = 1; i < 1000; ++i)
        others.push_back(f.add(i));
    const auto made = f.make(0);
    early.fill(*made);
    CHECK(f.list->cancel(0));
    CHECK(made->stop_requested());
    for (const auto& each : others)
        each->abandon();
    made->abandon();
    f.home.run_all();
    CHECK(f.list->pending() == 0);
}

TEST_CASE("a closed list takes no reservation, and asks what was being made to stop",
          "[operation_registry]") {
    fixture f;
    registry::reservation in_the_making{f.list, 1};
    f.list->close();
    CHECK_THROWS_AS((registry::reservation{f.list, 2}), eap::invalid_operation);
    CHECK_THROWS_AS((registry::reservation{f.list, {}}), eap::invalid_operation);
    const auto made = f.make(1);
    in_the_making.fill(*made);
    CHECK(made->stop_requested());
    made->abandon();
    f.home.run_all();
}

TEST_CASE("the list lives as long as an operation in it", "[operation_registry]") {
    tests::manual_queue home;
    const auto in_hook = std::make_shared<int>(1); // dies with the list
    std::optional<fixture> f{std::in_place};
    f->list->on_undelivered([in_hook](const eap::undelivered&) {});
    auto pending = f->add(1);
    f->list = {};
    CHECK(in_hook.use_count() == 2);
    pending->abandon();
    f->home.run_all();
    pending = {};
    CHECK(in_hook.use_count() == 1);
}

TEST_CASE("what was to run at idle and never did is destroyed with the list", "[operation_registry][G14]") {
    tests::manual_queue home;
    const auto held = std::make_shared<int>(1);
    {
        const intrusive_ptr<registry> list{new registry{home.context()}, adopt_reference};
        list->on_undelivered([held](const eap::undelivered&) {});
        list->on_idle(home.context(), [held] {}); // idle already: posted
        CHECK(held.use_count() == 3);
    }
    CHECK(held.use_count() == 2);
    home.drop_all();
    CHECK(held.use_count() == 1);
}

TEST_CASE("an outcome is told outside locks: the hook may ask and change the list",
          "[operation_registry][G13]") {
    fixture f;
    std::size_t pending = 99;
    f.list->on_undelivered([&](const eap::undelivered&) {
        pending = f.list->pending();
        f.list->on_undelivered([](const eap::undelivered&) {});
        f.list->close();
    });
    f.list->tell({{}, "", nullptr, false, eap::undelivered_reason::no_handler});
    CHECK(pending == 0);
}

TEST_CASE("the handlers that a client gives are checked by name", "[operation_registry]") {
    const std::function<void()> empty;
    CHECK(tests::message_of<std::invalid_argument>([&] {
              eap::detail::check_handler(empty, "completed");
          }).find("completed handler") != std::string::npos);
    CHECK_NOTHROW(eap::detail::check_handler([] {}, "completed"));
    CHECK_NOTHROW(eap::detail::check_handler(std::function<void()>{[] {}}, "completed"));
}
