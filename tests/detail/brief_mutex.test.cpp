// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/brief_mutex.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <eap/detail/sync.hpp>

#include <mutex>
#include <thread>
#include <vector>

using mutex = eap::detail::std_sync::brief_mutex;

TEST_CASE("a brief mutex is one word", "[brief_mutex]") { CHECK(sizeof(mutex) == 4); }

TEST_CASE("threads that want a brief mutex have it one at a time", "[brief_mutex]") {
    constexpr int threads = 4, rounds = 20'000;
    mutex m;
    int count = 0; // guarded by m
    {
        std::vector<std::jthread> all;
        for (int i = 0; i != threads; ++i)
            all.emplace_back([&] {
                for (int round = 0; round != rounds; ++round) {
                    const std::lock_guard lock{m};
                    ++count;
                }
            });
    }
    CHECK(count == threads * rounds);
}

TEST_CASE("whoever comes next sees what was done while a brief mutex was held", "[brief_mutex]") {
    mutex m;
    bool was_given_back = false; // guarded by m
    std::unique_lock lock{m};
    std::jthread other{[&] {
        const std::lock_guard waits{m};
        CHECK(was_given_back);
    }};
    was_given_back = true;
    lock.unlock();
}
