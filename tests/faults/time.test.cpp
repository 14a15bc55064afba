// SPDX-License-Identifier: BSL-1.0
//
// Faults of time: limits of any length, clocks that jump, deadlines that race, waits that are interrupted. Rows 22 to 25
// and 40 of the catalogue (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/throwing.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/detail/platform.hpp>
#include <eap/timer.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <ratio>
#include <string>
#include <thread>
#include <type_traits>

#if defined(__unix__)
#include <csignal>
#include <pthread.h>
#endif

using namespace std::chrono_literals;
using tests::lines;
using tests::message_of;
namespace asio = boost::asio;

namespace {

struct times; // of this file
using value = tests::throwing<int, times>;

/// A clock that says what the test wants, a time for each look at it; the last one for ever.
struct jumping_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<jumping_clock>;
    [[maybe_unused]] static constexpr bool is_steady = false;
    static inline std::atomic<rep> first{0}, later{0};
    static inline std::atomic<int> looks{0};
    static time_point now() noexcept {
        return time_point{duration{looks++ == 0 ? first.load() : later.load()}};
    }
    static void jump(duration from, duration to) {
        first = from.count();
        later = to.count();
        looks = 0;
    }
};

} // namespace

TEST_CASE("F22: a wait with a limit of any length neither overflows nor hangs", "[faults][F22]") {
    using floating = std::chrono::duration<double, std::ratio<86400 * 365>>;
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>();
    const auto call = eap::begin_invoke(loop.context(), [] { return 7; });

    for (const auto limit : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        CHECK_FALSE(call.wait_for(limit));
        CHECK_FALSE(eap::wait_any_for(limit, call).has_value());
        CHECK_FALSE(eap::wait_all_for(limit, call));
        CHECK_FALSE(client.manager.wait_idle_for(limit));
    }
    CHECK_FALSE(call.wait_until(std::chrono::steady_clock::time_point::min()));
    CHECK_FALSE(call.wait_for(-floating{std::numeric_limits<double>::max()}));

    operation.complete(1);
    std::thread runner{[&] { loop.run(); }};
    CHECK(call.wait_for(std::chrono::hours::max()));
    CHECK(call.wait_for(std::chrono::nanoseconds::max()));
    CHECK(call.wait_for(floating{std::numeric_limits<double>::infinity()}));
    CHECK(call.wait_until(std::chrono::steady_clock::time_point::max()));
    CHECK(call.wait_callback_for(std::chrono::nanoseconds::max()));
    CHECK(eap::wait_any_for(std::chrono::hours::max(), call) == 0U);
    CHECK(client.manager.wait_idle_for(std::chrono::nanoseconds::max()));
    runner.join();
    CHECK(loop.run_for(std::chrono::hours::max()) == 0);
    CHECK(loop.run_for(-1h) == 0);
}

TEST_CASE("F22: an operation may have a time-out of any length", "[faults][F22]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    for (const auto timeout : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        auto operation = client.start<int>({}, {.timeout = timeout});
        CHECK(operation.cancellation_pending());
        CHECK_FALSE(operation.complete(1));
    }
    loop.run();
    CHECK(client.log.all() == lines(3, "timed out"));

    auto longest = client.start<int>({}, {.timeout = std::chrono::nanoseconds::max() - 1ns});
    auto throttled = client.start<int>(
        {}, {.progress = eap::progress_delivery::at_most_every(std::chrono::nanoseconds::max())});
    throttled.report_progress(1);
    throttled.report_progress(2);
    CHECK(longest.complete(8));
    CHECK(throttled.complete(9));
    loop.run();
    CHECK(client.log.count("value 8") == 1);
    CHECK(client.log.count("2%") == 1);
    CHECK(client.log.count("value 9") == 1);
}

TEST_CASE("F23: deadlines go by the steady clock alone", "[faults][F23]") {
    STATIC_REQUIRE(std::is_same_v<eap::detail::steady_time, std::chrono::steady_clock::time_point>);
    STATIC_REQUIRE(std::chrono::steady_clock::is_steady);
}

TEST_CASE("F23: a wait by a clock of the caller's own bears with its jumps", "[faults][F23]") {
    eap::event_loop loop;
    const auto call = eap::begin_invoke(loop.context(), [] { return 7; });
    jumping_clock::jump(2h, 2h); // it has gone forward, beyond the limit
    CHECK_FALSE(call.wait_until(jumping_clock::time_point{1h}));
    CHECK_FALSE(call.wait_until(std::chrono::system_clock::time_point{})); // 1970
    jumping_clock::jump(1h - 1ms,
                        -24h); // when the limit is there, it has gone back: that lies in the future again
    std::thread runner{[&] {
        while (jumping_clock::looks < 2)
            std::this_thread::yield();
        loop.run();
    }};
    CHECK(call.wait_until(jumping_clock::time_point{1h}));
    CHECK(call.wait_until(std::chrono::system_clock::now() + 24h));
    runner.join();
}

TEST_CASE("F24: of a deadline and a completion one wins, and the other is silent", "[faults][F24]") {
    eap::thread_pool pool{2};
    int timed_out = 0;
    for (int round = 0; round < 300; ++round) {
        tests::client client{pool.context()};
        auto operation = client.start<value>("id", {.timeout = std::chrono::microseconds{round}});
        std::exception_ptr error;
        const bool took = operation.complete(1);
        CHECK(client.manager.wait_idle_for(60s));
        timed_out += took ? 0 : 1;
        if (client.log.all() != lines{took ? "value" : "timed out"})
            FAIL("round " << round << ": complete returned " << took);
    }
    INFO(timed_out << " timed out");
    CHECK(value::alive == 0);
}

TEST_CASE("F24: what times out says what to do, and a deadline that came too late holds nothing",
          "[faults][F24]") {
    const auto held = std::make_shared<int>();
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::exception_ptr error;
    auto late = manager.create_operation<value>(
        {}, [&](const eap::completed_event_args<value>& args) { error = args.error(); }, {.timeout = 0ns});
    queue.run_all();
    REQUIRE(error != nullptr);
    CHECK(message_of<eap::operation_timed_out>([&] { std::rethrow_exception(error); }) ==
          "The operation was not complete at its deadline. Give it a longer time-out, or start it again.");

    {
        auto operation = manager.create_operation<value>(
            {}, [held](const eap::completed_event_args<value>&) {}, {.timeout = 24h});
        operation.complete(1);
        queue.run_all();
        CHECK(value::alive == 0); // with the deadline a day away
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("F25: time is the library's own thread's: what it posts runs on the executor, and nowhere else",
          "[faults][F25]") {
    constexpr int count = 50;
    asio::io_context io;
    const eap::asio_context context{asio::make_strand(io)};
    auto work = asio::make_work_guard(io);
    std::thread runners[] = {std::thread{[&] { io.run(); }}, std::thread{[&] { io.run(); }}};
    std::atomic<int> there{0}, elsewhere{0};
    int alone = 0; // without a lock: it is a strand
    const auto look = [&] {
        ++alone;
        ++(eap::running_in_this_thread(context).value_or(false) ? there : elsewhere);
    };
    const auto post = [&] {
        for (int i = 0; i < count; ++i)
            eap::post_after(context, std::chrono::microseconds{i}, look);
    };
    std::thread posters[] = {std::thread{post}, std::thread{post}};
    for (auto& each : posters)
        each.join();
    work.reset();
    for (auto& each : runners)
        each.join(); // run() goes on until all have been posted
    CHECK(there == 2 * count);
    CHECK(elsewhere == 0);
    CHECK(alone == 2 * count);
}

#if defined(__unix__)

namespace {

std::atomic<int> signals{0};
void note_signal(int) { ++signals; }

/// Sends signals to a thread that is in `wait`, until `end` lets that return. True when it returned no earlier.
template <class Wait, class End> bool survives_signals(Wait wait, End end) {
    struct sigaction action = {}, before = {};
    action.sa_handler = note_signal; // without SA_RESTART: calls of the system return EINTR
    sigaction(SIGUSR1, &action, &before);
    signals = 0;
    std::atomic<bool> returned{false};
    std::thread waiter{[&] {
        wait();
        returned = true;
    }};
    const pthread_t whom = waiter.native_handle();
    for (int sent = 0; sent < 100 || signals == 0; ++sent) {
        pthread_kill(whom, SIGUSR1);
        std::this_thread::yield();
    }
    const bool returned_early = returned;
    end();
    waiter.join();
    sigaction(SIGUSR1, &before, nullptr);
    return !returned_early;
}

} // namespace

TEST_CASE("F40: no wait returns for a signal, or for no reason", "[faults][F40]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>();
    const auto call = eap::begin_invoke(loop.context(), [] { return 7; });
    const auto run = [&] { loop.poll(); };
    CHECK(survives_signals([&] { call.wait_for(1h); }, run));

    const auto next = eap::begin_invoke(loop.context(), [] { return 8; });
    CHECK(survives_signals([&] { eap::wait_any_for(1h, next); }, run));
    CHECK(survives_signals([&] { client.manager.wait_idle_for(1h); },
                           [&] {
                               operation.complete(1);
                               loop.poll();
                           }));
    CHECK(call.end_invoke() == 7);
    CHECK(next.end_invoke() == 8);

    eap::event_loop waiting;
    waiting.context().operation_started();
    CHECK(survives_signals([&] { waiting.run(); }, [&] { waiting.context().operation_completed(); }));
}

#endif
