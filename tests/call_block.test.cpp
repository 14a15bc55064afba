// SPDX-License-Identifier: BSL-1.0
#include <eap/call_block.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/contexts.hpp"

#include <eap/contexts/event_loop.hpp>
#include <eap/delegate.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace {

using eap::detail::target_for;

struct with_token {
    int operator()(std::stop_token, int) const { return 1; }
};
struct generic {
    template <class... A> int operator()(A&&...) const { return static_cast<int>(sizeof...(A)); }
};
struct base {};
struct derived : base {};

static_assert(target_for<int (*)(int), int, int>);
static_assert(target_for<int (*)(int), long, short>);
static_assert(target_for<int (*)(int), void, int>);
static_assert(!target_for<int (*)(int), std::string, int>);
static_assert(!target_for<int (*)(int), int>);
static_assert(target_for<with_token, int, int>);
static_assert(target_for<generic, int, int>);
static_assert(!target_for<int (*)(int&), int, int>);
static_assert(target_for<int (*)(int&), int, int&>);

// a reference must not be to a temporary
static_assert(!target_for<int (*)(), const int&>);
static_assert(!target_for<derived (*)(), const base&>);
static_assert(target_for<derived& (*)(), const base&>);
static_assert(!target_for<const int& (*)(), const long&>);

} // namespace

TEST_CASE("a target that can do without a stop token is given none", "[call_block]") {
    generic target;
    CHECK(eap::detail::invoke_target<int>(target, nullptr, 1, 2) == 2);
}

TEST_CASE("a target that asks for a stop token gets one that nobody can ask to stop, when nobody can",
          "[call_block]") {
    bool possible = true;
    auto target = [&](const std::stop_token& stop, int) { possible = stop.stop_possible(); };
    eap::detail::invoke_target<void>(target, nullptr, 7);
    CHECK_FALSE(possible);
}

TEST_CASE("a call is one allocation, and completing and ending it are none", "[call_block][G8]") {
    if (!tests::allocation_watch::works)
        return;
    eap::event_loop loop;
    const eap::delegate<long(int)> target{[](int value) { return long{value}; }};
    const eap::delegate<long(int)> there = target.on(loop.context());
    const auto allocations_of_a_call = [&] {
        const tests::allocation_watch watch;
        const auto call = there.begin_invoke(7);
        const std::size_t to_begin = watch.count();
        loop.poll();
        const long result = call.end_invoke();
        return std::array{to_begin, watch.count(), static_cast<std::size_t>(result)};
    };
    allocations_of_a_call(); // the errors that all calls share are made with the first
    CHECK(allocations_of_a_call() == std::array<std::size_t, 3>{1, 1, 7});
}

TEST_CASE("a callback is part of the one allocation", "[call_block][G8]") {
    if (!tests::allocation_watch::works)
        return;
    eap::event_loop loop;
    const eap::scoped_context here{loop.context()};
    const eap::delegate<long(int)> target{[](int value) { return long{value}; }};
    const eap::delegate<long(int)> there = target.on(loop.context());
    const auto allocations_of_a_call = [&] {
        long got = 0;
        const tests::allocation_watch watch;
        there.begin_invoke(7, [&](const eap::async_call<long(int)>& call) { got = call.end_invoke(); });
        const std::size_t to_begin = watch.count();
        loop.run();
        return std::array{to_begin, watch.count(), static_cast<std::size_t>(got)};
    };
    allocations_of_a_call();
    CHECK(allocations_of_a_call() == std::array<std::size_t, 3>{1, 1, 7});
}

TEST_CASE("what the work holds is destroyed with the call, the callback when it has run",
          "[call_block][G14]") {
    tests::manual_queue place, home;
    const auto in_work = std::make_shared<int>(), in_callback = std::make_shared<int>();
    auto call = [&] {
        const eap::scoped_context here{home.context()};
        const eap::delegate<void(std::shared_ptr<int>)> target{[](const std::shared_ptr<int>&) {}};
        return target.on(place.context()).begin_invoke(in_work, [in_callback](const auto&) {});
    }();
    place.run_all();
    CHECK(in_callback.use_count() == 2);
    home.run_all();
    CHECK(in_callback.use_count() == 1);
    call = {};
    CHECK(in_work.use_count() == 1);
}
