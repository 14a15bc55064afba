// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/parking.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <thread>

using namespace std::chrono_literals;

TEST_CASE("a gate opens once and stays open", "[parking]") {
    eap::detail::parking<> gate;
    CHECK_FALSE(gate.is_set());
    gate.set();
    gate.set();
    CHECK(gate.is_set());
    gate.wait();
    CHECK(gate.wait_until(std::chrono::steady_clock::now() - 1h));
}

TEST_CASE("a gate lets a waiting thread see what was written before it opened", "[parking]") {
    eap::detail::parking<> gate;
    int written = 0;
    int seen = 0;
    std::thread waiter{[&] {
        gate.wait();
        seen = written;
    }};
    written = 1;
    gate.set();
    waiter.join();
    CHECK(seen == 1);
}

TEST_CASE("a wait until a time that has come returns", "[parking]") {
    const eap::detail::parking<> gate;
    CHECK_FALSE(gate.wait_until(std::chrono::steady_clock::now() - 1s));
    CHECK_FALSE(gate.wait_until(std::chrono::steady_clock::now() + 1ms));
}

TEST_CASE("the waiter may destroy the gate as soon as it wakes", "[parking]") {
    for (int round = 0; round < 200; ++round) {
        auto gate = std::make_unique<eap::detail::parking<>>();
        std::thread opener{[opened = gate.get()] { opened->set(); }};
        gate->wait();
        gate.reset();
        opener.join();
    }
    SUCCEED("no use after free");
}
