// SPDX-License-Identifier: BSL-1.0
#include <eap/testing/thread_cache.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <semaphore>
#include <thread>

namespace {

using eap::testing::detail::thread_cache;

/// Runs a job to its end, and tells on which thread.
std::thread::id thread_of_a_job(thread_cache& threads) {
    std::binary_semaphore ended{0};
    std::thread::id which;
    const auto worker = threads.take([&] {
        which = std::this_thread::get_id();
        ended.release();
    });
    worker->go.release();
    ended.acquire();
    threads.give_back(worker);
    return which;
}

} // namespace

TEST_CASE("a thread that was given back does the next job", "[thread_cache]") {
    thread_cache threads;
    const auto first = thread_of_a_job(threads);
    CHECK(first != std::this_thread::get_id());
    CHECK(thread_of_a_job(threads) == first);
}

TEST_CASE("who takes a second thread gets another one", "[thread_cache]") {
    thread_cache threads;
    const auto held = threads.take([] {});
    CHECK(thread_of_a_job(threads) != held->thread.get_id());
    threads.give_back(held); // its job has not begun, and never does
}
