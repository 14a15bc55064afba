// SPDX-License-Identifier: BSL-1.0
#include <eap/operation_info.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <eap/operation_manager.hpp>
#include <eap/operation_options.hpp>
#include <eap/user_state.hpp>

#include <chrono>

using namespace std::chrono_literals;

namespace {

constexpr auto ignore = [](const auto&) {};

eap::operation_options named(const char* name) { return {.name = name}; }

} // namespace

TEST_CASE("pending_operations tells what is known of each, oldest first", "[operation_info]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    const auto before = std::chrono::steady_clock::now();
    auto one = manager.create_operation<int>(1, ignore, named("one"));
    auto two = manager.create_operation<int>("two", ignore);
    auto three = manager.create_operation<int>({}, ignore, named("three"));
    one.report_progress(40);
    three.report_progress(250);
    manager.cancel("two");
    two.complete(7);

    const auto all = manager.pending_operations();
    const auto passed = std::chrono::steady_clock::now() - before;

    REQUIRE(all.size() == 3);
    CHECK(all[0].id == eap::user_state{1});
    CHECK(all[0].name == "one");
    CHECK(all[0].state == eap::operation_info::phase::running);
    CHECK(all[0].last_percentage == 40);
    CHECK_FALSE(all[0].cancel_requested_since.has_value());
    CHECK(all[0].age >= 0ns);
    CHECK(all[0].age <= passed);
    CHECK(all[0].age >= all[1].age);
    CHECK(all[1].id == eap::user_state{"two"});
    CHECK(all[1].name.empty());
    CHECK(all[1].state == eap::operation_info::phase::decided);
    CHECK(all[1].last_percentage == 0);
    REQUIRE(all[1].cancel_requested_since.has_value());
    CHECK(*all[1].cancel_requested_since >= 0ns);
    CHECK(*all[1].cancel_requested_since <= all[1].age);
    CHECK_FALSE(all[2].id.has_value());
    CHECK(all[2].last_percentage == 100);
}
