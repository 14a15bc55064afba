// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/gate.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <latch>
#include <thread>

TEST_CASE("a gate lets in until it is closed", "[gate]") {
    eap::detail::gate<> gate;
    CHECK(gate.try_enter());
    CHECK(gate.try_enter());
    gate.leave();
    gate.leave();
    gate.close();
    CHECK_FALSE(gate.try_enter());
    CHECK_FALSE(gate.try_enter());
}

TEST_CASE("closing a gate waits for who is inside, not for who is refused", "[gate]") {
    eap::detail::gate<> gate;
    std::atomic<bool> left{false};
    CHECK(gate.try_enter());
    std::atomic<bool> was_left{false};
    std::thread closer{[&] {
        gate.close();
        was_left = left.load();
    }};
    while (gate.try_enter()) // until the closer has closed it
        gate.leave();
    left = true;
    gate.leave();
    closer.join();
    CHECK(was_left);
}

TEST_CASE("closing from inside does not wait", "[gate]") {
    eap::detail::gate<> gate;
    const eap::detail::gate<>::entry outer{gate};
    const eap::detail::gate<>::entry inner{gate};
    CHECK_FALSE(gate.close());
    CHECK(gate.is_closed());
    CHECK_FALSE(static_cast<bool>(eap::detail::gate<>::entry{gate}));
}

TEST_CASE("two that close from inside, on two threads, do not wait for each other", "[gate]") {
    eap::detail::gate<> gate;
    std::latch both_inside{2};
    const auto enter_and_close = [&] {
        const eap::detail::gate<>::entry inside{gate};
        both_inside.arrive_and_wait();
        gate.close();
    };
    std::thread other{enter_and_close};
    enter_and_close();
    other.join();
    CHECK(gate.close());
}

TEST_CASE("whoever leaves last after the gate was closed is told so", "[gate]") {
    eap::detail::gate<> gate;
    REQUIRE(gate.try_enter());
    REQUIRE(gate.try_enter());
    CHECK_FALSE(gate.leave());
    const eap::detail::inside<eap::detail::gate<>> as_if_inside{&gate}; // so that closing does not wait
    gate.close();
    CHECK(gate.leave());
}

TEST_CASE("every one that closes waits for who is inside", "[gate]") {
    eap::detail::gate<> gate;
    std::atomic<bool> left{false};
    std::atomic<int> too_early{0};
    REQUIRE(gate.try_enter());
    const auto close = [&] {
        gate.close();
        too_early += left ? 0 : 1;
    };
    std::thread first{close}, second{close};
    while (!gate.is_closed())
        std::this_thread::yield();
    left = true;
    gate.leave();
    first.join();
    second.join();
    gate.close(); // nobody is inside: does not wait
    CHECK(too_early == 0);
}

TEST_CASE("closing for good from inside keeps count of the entries that are left", "[gate]") {
    eap::detail::gate<> gate;
    eap::detail::gate<>::entry outer{gate};
    {
        eap::detail::gate<>::entry inner{gate};
        gate.close_for_good();
        CHECK_FALSE(inner.leave());
    }
    CHECK(outer.leave());
}
