// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/this_thread_number.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <set>
#include <thread>

TEST_CASE("a thread keeps its number, and no later thread inherits it", "[this_thread_number]") {
    std::set<std::uint64_t> numbers{eap::detail::this_thread_number()};
    CHECK(numbers.count(0) == 0);
    CHECK(numbers.count(eap::detail::this_thread_number()) == 1);
    constexpr int threads = 20; // one after the other: the system reuses their ids
    for (int i = 0; i < threads; ++i)
        std::thread{[&] { numbers.insert(eap::detail::this_thread_number()); }}.join();
    CHECK(numbers.size() == threads + 1);
}
