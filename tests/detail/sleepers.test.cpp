// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/sleepers.hpp>

#include "support/catch.hpp"

#include <eap/detail/deadline.hpp>
#include <eap/detail/sync.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

namespace {

using eap::detail::end_of_time;
using sleepers = eap::detail::sleepers<>;
using mutex = eap::detail::std_sync::brief_mutex;

/// Some threads that lie down one after the other, each until it has been woken.
struct dormitory {
    mutex guard;
    sleepers all;
    int asleep = 0;             // guarded by `guard`
    std::atomic<int> awake = 0; // the thread that woke up last

    std::thread sleeper(int number) {
        std::thread made{[this, number] {
            std::unique_lock lock{guard};
            ++asleep;
            CHECK(all.sleep(lock, end_of_time));
            CHECK(lock.owns_lock());
            awake = number;
            awake.notify_one();
        }};
        for (bool is_there = false; !is_there; std::this_thread::yield()) {
            const std::lock_guard lock{guard};
            is_there = asleep == number;
        }
        return made;
    }
};

} // namespace

TEST_CASE("whoever lay down last is woken first", "[sleepers]") {
    dormitory here;
    std::thread first = here.sleeper(1), second = here.sleeper(2);
    const auto wake_one = [&here] {
        sleepers::owed to_one;
        const std::lock_guard lock{here.guard};
        to_one = here.all.take_one();
    };
    wake_one();
    second.join();
    CHECK(here.awake == 2);
    wake_one();
    first.join();
    CHECK(here.awake == 1);
    wake_one(); // nobody
}

TEST_CASE("all who sleep are woken at once", "[sleepers]") {
    dormitory here;
    std::thread first = here.sleeper(1), second = here.sleeper(2), third = here.sleeper(3);
    {
        sleepers::owed to_all;
        const std::lock_guard lock{here.guard};
        to_all = here.all.take_all();
        CHECK(here.awake == 0); // nobody is woken under the lock
    }
    for (std::thread* each : {&first, &second, &third})
        each->join();
}

TEST_CASE("a sleeper whose time has come leaves the list", "[sleepers]") {
    mutex guard;
    sleepers all;
    {
        std::unique_lock lock{guard};
        CHECK_FALSE(all.sleep(lock, std::chrono::steady_clock::now()));
        CHECK(lock.owns_lock());
    }
    sleepers::owed to_nobody;
    const std::lock_guard lock{guard};
    to_nobody = all.take_all(); // would touch what is gone
}
