// SPDX-License-Identifier: BSL-1.0
//
// A coroutine reads from top to bottom, and never blocks its loop: what takes time runs on the pool, everything else on the loop.
// All lines below come from the main thread, in this order.
#include "eap/adaptors/awaitable.hpp"
#include "eap/async_operation.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/delegate.hpp"
#include "eap/operation_options.hpp"
#include "eap/run_on.hpp"

#include <coroutine>
#include <iostream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

const std::thread::id main_thread = std::this_thread::get_id();
std::vector<std::string> said; // on the main thread

void say(const std::string& text) {
    said.push_back(text + (std::this_thread::get_id() == main_thread ? "" : " (NOT on the main thread)"));
    std::cout << said.back() << '\n' << std::flush;
}

//! [work]
bool is_prime(int n) {
    for (int divisor = 2; divisor * divisor <= n; ++divisor)
        if (n % divisor == 0)
            return false;
    return n > 1;
}

/// How many primes there are from `first` to `last`.
int count_primes(int first, int last) {
    if (first > last)
        throw std::invalid_argument{"the first number is greater than the last"};
    int count = 0;
    for (int n = first; n <= last; ++n)
        count += is_prime(n) ? 1 : 0;
    return count;
}

/// The same, and tells how far it is; stops when it is asked to.
int count_in_steps(eap::async_operation<int, int>& operation, int last) {
    int count = 0;
    for (int percent = 0; percent != 100; ++percent) {
        if (operation.cancellation_pending())
            throw eap::operation_cancelled{};
        count += count_primes(last / 100 * percent + 1, last / 100 * (percent + 1));
        if (percent % 25 == 24)
            operation.report_progress(percent + 1, count);
    }
    return count;
}
//! [work]

/// The least coroutine: it begins at once, nobody waits for it, and what it throws goes to whoever runs it.
struct begun {
    struct promise_type {
        begun get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const { throw; }
    };
};

begun tour(eap::event_loop& loop) {
    co_await eap::resume_on(loop.context()); // from here on, on the loop

    //! [one]
    // One call.
    const auto one = eap::begin_invoke(count_primes, 1, 100'000);
    say("below 100000: " + std::to_string(co_await one));

    // Two that run at the same time.
    const auto low = eap::begin_invoke(count_primes, 1, 50'000);
    const auto high = eap::begin_invoke(count_primes, 50'001, 100'000);
    say("in two halves: " + std::to_string(co_await low) + " + " + std::to_string(co_await high));
    //! [one]

    // What a call throws is thrown here.
    try {
        co_await eap::begin_invoke(count_primes, 2, 1);
    } catch (const std::invalid_argument& error) {
        say(std::string{"an error: "} + error.what());
    }

    // An operation: it tells how far it is, and what is told comes before its end.
    const auto count_on_pool = [](eap::async_operation<int, int> operation) {
        eap::run_on(eap::thread_pool::shared(), std::move(operation),
                    [](auto& mine) { return count_in_steps(mine, 100'000); });
    };
    const int count = co_await eap::start_operation<int, int>(count_on_pool, [](const auto& report) {
        say(std::to_string(report.progress_percentage()) + "%: " + std::to_string(report.value()));
    });
    say("in steps: " + std::to_string(count));

    // One that is stopped as soon as it has told anything.
    std::stop_source stop;
    try {
        co_await eap::cancel_when(stop.get_token(), eap::start_operation<int, int>(
                                                        [](eap::async_operation<int, int> operation) {
                                                            eap::run_on(eap::thread_pool::shared(),
                                                                        std::move(operation), [](auto& mine) {
                                                                            for (;;)
                                                                                count_in_steps(mine, 1'000);
                                                                        });
                                                        },
                                                        [&](const auto&) { stop.request_stop(); },
                                                        {.progress = eap::progress_delivery::latest()}));
    } catch (const eap::operation_cancelled&) {
        say("stopped");
    }
}

} // namespace

int main() {
    eap::event_loop loop;
    tour(loop);
    loop.run(); // until the coroutine waits for nothing any more

    const std::vector<std::string> expected = {
        "below 100000: 9592",
        "in two halves: 5133 + 4459",
        "an error: the first number is greater than the last",
        "25%: 2762",
        "50%: 5133",
        "75%: 7393",
        "100%: 9592",
        "in steps: 9592",
        "stopped",
    };
    const bool as_expected = said == expected;
    std::cout << (as_expected ? "as expected, all on the main thread\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
