// SPDX-License-Identifier: BSL-1.0
#include "eap/timer.hpp"

#include "eap/contexts/asio_context.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/operation_manager.hpp"
#include "eap/run_on.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/functions.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;
using tests::lines;

/// Waits until somebody has counted the latch down.
struct fired {
    void operator()() const { latch->count_down(); }
    std::shared_ptr<std::latch> latch = std::make_shared<std::latch>(1);
};

eap::operation_options due_in(std::chrono::nanoseconds timeout) {
    eap::operation_options options;
    options.timeout = timeout;
    return options;
}

/// A context with a `post_after` of its own, which only notes the delay.
class own_timer_context {
  public:
    struct state {
        std::vector<std::chrono::nanoseconds> delays;
        std::vector<std::function<void()>> functions;
        int posts = 0;
    };
    explicit own_timer_context(std::shared_ptr<state> s) : state_(std::move(s)) {}

    template <class F> void post(F function) const {
        ++state_->posts;
        function();
    }
    template <class F> void post_after(std::chrono::nanoseconds delay, F function) const {
        state_->delays.push_back(delay);
        state_->functions.push_back(tests::shared_function(std::move(function)));
    }
    bool operator==(const own_timer_context&) const = default;

  private:
    std::shared_ptr<state> state_;
};
static_assert(eap::synchronization_context<own_timer_context>);

/// A thread pool all of whose threads are blocked until this goes away.
class blocked_pool {
  public:
    blocked_pool() {
        for (int i = 0; i < 2; ++i)
            pool_.context().post([this] {
                blocked_.count_down();
                release_.wait();
            });
        blocked_.wait();
    }
    ~blocked_pool() { release(); }
    eap::thread_pool::context_type context() const { return pool_.context(); }
    void release() {
        if (!std::exchange(released_, true))
            release_.count_down();
    }

  private:
    std::latch blocked_{2};
    std::latch release_{1};
    bool released_ = false;
    eap::thread_pool pool_{2}; // last: joined before the latches go
};

} // namespace

// ---- post_after ----

TEST_CASE("a delayed function runs on its context, not before its time", "[timer][post_after]") {
    eap::event_loop loop;
    const auto began = clock::now();
    std::optional<clock::time_point> ran;
    std::thread::id ran_on;
    eap::post_after(loop.context(), 10ms, [&] {
        ran = clock::now();
        ran_on = std::this_thread::get_id();
    });
    loop.run(); // it counts as outstanding: run() waits for it
    REQUIRE(ran.has_value());
    CHECK(*ran - began >= 10ms);
    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("a delayed function keeps event_loop::run alive through an erased handle", "[timer][post_after]") {
    eap::event_loop loop;
    bool ran = false;
    const eap::any_synchronization_context context = loop.context();
    eap::post_after(context, 5ms, [&] { ran = true; });
    loop.run();
    CHECK(ran);
}

TEST_CASE("a delayed function runs on a thread pool", "[timer][post_after]") {
    const eap::thread_pool pool{1};
    std::atomic<bool> on_pool{false};
    const fired done;
    eap::post_after(pool.context(), 1ms, [&on_pool, done, context = pool.context()] {
        on_pool = context.running_in_this_thread();
        done();
    });
    done.latch->wait();
    CHECK(on_pool);
}

TEST_CASE("a delayed function runs on the shared pool", "[timer][post_after]") {
    std::atomic<bool> on_pool{false};
    const fired done;
    const auto shared = eap::thread_pool::shared();
    eap::post_after(shared, 1ms, [&on_pool, done, shared] {
        on_pool = shared.running_in_this_thread();
        done();
    });
    done.latch->wait();
    CHECK(on_pool);
}

TEST_CASE("a delayed function keeps io_context::run alive, and runs there", "[timer][post_after]") {
    boost::asio::io_context io;
    bool ran = false;
    eap::post_after(eap::asio_context{io}, 5ms, [&] { ran = true; });
    io.run();
    CHECK(ran);
}

TEST_CASE("a delayed function runs in a strand", "[timer][post_after]") {
    boost::asio::io_context io;
    const auto strand = boost::asio::make_strand(io);
    bool in_strand = false;
    const eap::any_synchronization_context context = eap::asio_context{strand};
    eap::post_after(context, 5ms, [&] { in_strand = strand.running_in_this_thread(); });
    io.run();
    CHECK(in_strand);
}

TEST_CASE("a delayed function keeps an Asio pool's join from returning", "[timer][post_after]") {
    boost::asio::thread_pool pool{1};
    std::atomic<bool> ran{false};
    eap::post_after(eap::asio_context{pool}, 5ms, [&] { ran = true; });
    pool.join();
    CHECK(ran);
}

TEST_CASE("a delayed function runs on a context that has nothing but post", "[timer][post_after]") {
    tests::parallel_pool pool{1};
    const fired done;
    eap::post_after(pool.context(), 1ms, done);
    done.latch->wait();
    SUCCEED("it ran");
}

TEST_CASE("a context's own post_after is preferred, and given the delay as it is", "[timer][post_after]") {
    const auto state = std::make_shared<own_timer_context::state>();
    const own_timer_context own{state};
    int ran = 0;
    eap::post_after(own, 3h, [&] { ++ran; });
    eap::post_after(eap::any_synchronization_context{own}, -4h,
                    [&, held = std::make_unique<int>(1)] { ran += *held; });
    CHECK(state->posts == 0);
    CHECK(state->delays == std::vector<std::chrono::nanoseconds>{3h, -4h});
    for (auto& each : state->functions)
        each();
    CHECK(ran == 2);
}

TEST_CASE("a delay of zero or less posts as soon as possible, never within the call", "[timer][post_after]") {
    for (const std::chrono::nanoseconds delay : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        std::thread::id ran_on;
        const fired done;
        eap::post_after(tests::inline_context{}, delay, [&ran_on, done] {
            ran_on = std::this_thread::get_id();
            done();
        });
        done.latch->wait();
        CHECK(ran_on != std::this_thread::get_id());
    }
}

TEST_CASE("a huge delay does not fire, and does not hold up others", "[timer][post_after]") {
    tests::manual_queue never;
    tests::fate fate;
    eap::post_after(never.context(), std::chrono::nanoseconds::max(), tests::traced{fate, [] {}});
    eap::post_after(never.context(), std::chrono::hours{24 * 365 * 100}, tests::traced{fate, [] {}});
    eap::event_loop loop;
    bool ran = false;
    eap::post_after(loop.context(), 1ms, [&] { ran = true; });
    loop.run();
    CHECK(ran);
    CHECK(never.size() == 0);
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 0); // waits
}

TEST_CASE("delayed functions run in the order of their times, not of the calls", "[timer][post_after]") {
    eap::event_loop loop;
    std::vector<int> order;
    eap::post_after(loop.context(), 60ms, [&] { order.push_back(3); });
    eap::post_after(loop.context(), 30ms, [&] { order.push_back(2); });
    eap::post_after(loop.context(), 1ms, [&] { order.push_back(1); });
    loop.run();
    // a machine that stalls between the calls may change the times, but not by so much that 3 precedes 1
    REQUIRE(order.size() == 3);
    CHECK(order.front() == 1);
    CHECK(order.back() == 3);
}

TEST_CASE("delayed functions of one time run in the order of the calls", "[timer][post_after]") {
    std::vector<int> order;
    struct numbered final : eap::detail::timer_queue::entry {
        numbered(int n, std::vector<int>& o, fired d) : number(n), order(o), done(std::move(d)) {}
        void expired() noexcept override {
            order.push_back(number);
            if (number == 2)
                done();
        }
        int number;
        std::vector<int>& order;
        fired done;
    };
    const fired done;
    numbered first{0, order, done}, second{1, order, done}, third{2, order, done};
    const auto when = clock::now() + 20ms;
    for (numbered* each : {&first, &second, &third})
        each->arm(when);
    done.latch->wait();
    CHECK(order == std::vector{0, 1, 2});
}

TEST_CASE("an entry that was disarmed in time never expires, and may be armed again", "[timer]") {
    struct once final : eap::detail::timer_queue::entry {
        void expired() noexcept override { done.latch->count_down(); }
        fired done;
    };
    once entry;
    CHECK_FALSE(entry.disarm()); // was never armed
    entry.arm(clock::time_point::max());
    CHECK(entry.disarm());
    CHECK_FALSE(entry.disarm());
    entry.arm(clock::now());
    entry.done.latch->wait();
    CHECK_FALSE(entry.disarm()); // too late
}

TEST_CASE("a delayed function is destroyed unrun when its context is gone by then", "[timer][post_after]") {
    std::optional<eap::event_loop> loop{std::in_place};
    std::atomic<bool> ran{false};
    const fired destroyed;
    std::shared_ptr<void> at_end{nullptr, [destroyed](void*) { destroyed(); }};
    eap::post_after(loop->context(), 10ms, [end = std::move(at_end), &ran] { ran = true; });
    loop.reset();
    destroyed.latch->wait();
    CHECK_FALSE(ran);
}

TEST_CASE("a delayed function is destroyed unrun when its context refuses it", "[timer][post_after]") {
    const tests::throwing_context refusing;
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> alive = held;
    eap::post_after(refusing, 1ms, [held = std::move(held)] {});
    while (!alive.expired())
        std::this_thread::yield();
    CHECK(refusing.posts() == 1);
}

TEST_CASE("a context that refuses to start an operation gets no delayed function, and is told of no end",
          "[timer][post_after]") {
    tests::manual_queue home;
    const auto counts = std::make_shared<tests::notification_counts>();
    counts->refusals = 1;
    tests::fate fate;
    const tests::counting_context<> refusing{home.context(), counts};
    CHECK_THROWS_AS(eap::post_after(refusing, 0ns, tests::traced{fate, [] {}}), tests::post_refused);
    CHECK(fate.destroyed == 1);
    CHECK(counts->completed == 0);
}

TEST_CASE("a plain function can be delayed, and one that only an rvalue can be called as",
          "[timer][post_after]") {
    eap::event_loop loop;
    static int calls = 0;
    struct once {
        void operator()() && { ++calls; }
    };
    struct plain {
        static void function() { ++calls; }
    };
    eap::post_after(loop.context(), 0ns, plain::function);
    eap::post_after(eap::any_synchronization_context{loop.context()}, 0ns, plain::function);
    eap::post_after(loop.context(), 0ns, once{});
    loop.run();
    CHECK(calls == 3);
}

TEST_CASE("a delayed function is one started and one completed operation of its context",
          "[timer][post_after]") {
    tests::parallel_pool pool{1};
    const auto counts = std::make_shared<tests::notification_counts>();
    const tests::counting_context<tests::parallel_context> home{pool.context(), counts};
    const fired done;
    eap::post_after(home, 5ms, done);
    CHECK(counts->started == 1);
    done.latch->wait();
    while (counts->completed == 0) // told after the post
        std::this_thread::yield();
    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
}

TEST_CASE("nothing can be posted after a while to an empty handle", "[timer][post_after]") {
    tests::fate fate;
    CHECK_THROWS_AS(eap::post_after(eap::any_synchronization_context{}, 1ms, tests::traced{fate, [] {}}),
                    eap::invalid_operation);
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
}

TEST_CASE("a closed loop refuses a delayed function at once", "[timer][post_after]") {
    eap::event_loop loop;
    loop.close();
    CHECK_THROWS_AS(eap::post_after(loop.context(), 1ms, [] {}), eap::context_closed);
}

TEST_CASE("a delayed function may be move-only, and is destroyed once", "[timer][post_after][G14]") {
    eap::event_loop loop;
    tests::fate fate;
    eap::post_after(loop.context(), 1ms, tests::traced{fate, [held = std::make_unique<int>(1)] {}});
    loop.run();
    CHECK(fate.called == 1);
    CHECK(fate.destroyed == 1);
}

TEST_CASE("when an allocation fails, post_after has no effect", "[timer][post_after][G9]") {
    if (!tests::allocation_watch::works)
        return;
    static_cast<void>(eap::detail::timer_queue::shared()); // started already
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::manual_queue home;
    const tests::counting_context<> context{home.context(), counts};
    bool failed = true;
    for (std::size_t k = 1; failed; ++k) {
        tests::fate fate;
        failed = false;
        {
            tests::allocation_watch watch;
            watch.fail(k);
            try {
                eap::post_after(context, std::chrono::nanoseconds::max(),
                                tests::traced{fate, [held = std::shared_ptr<int>{}] {}});
            } catch (const std::bad_alloc&) {
                failed = true;
            }
        }
        if (failed) {
            REQUIRE(fate.destroyed == 1);
            REQUIRE(counts->started == 0);
        } else {
            CHECK(k > 1);
            CHECK(counts->started == 1);
        }
    }
    CHECK(counts->completed == 0);
}

TEST_CASE("a delayed function fires while every thread of its pool is blocked, and waits in the queue",
          "[timer][post_after]") {
    blocked_pool pool;
    const fired posted;
    eap::thread_pool::context_type context = pool.context();
    tests::scripted_context watched{[&, context](std::function<void()> function) {
        context.post(std::move(function));
        posted();
    }};
    std::atomic<bool> ran{false};
    const fired done;
    eap::post_after(watched, 1ms, [&ran, done] {
        ran = true;
        done();
    });
    posted.latch->wait();
    CHECK_FALSE(ran);
    pool.release();
    done.latch->wait();
    CHECK(ran);
}

// ---- deadlines ----

TEST_CASE("a deadline that passes is told as an error, not as a cancellation", "[timer][TO-1][BC-1]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>(1, due_in(1ms));
    loop.run();
    CHECK(client.log.all() == lines{"timed out"}); // a cancellation would be written down too
}

TEST_CASE("the error of a deadline is operation_timed_out, with a sentence on what to do", "[timer][TO-1]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    std::exception_ptr error;
    bool cancelled = true;
    auto operation = manager.create_operation(
        {},
        [&](const eap::completed_event_args<>& e) {
            error = e.error();
            cancelled = e.cancelled();
        },
        due_in(1ms));
    loop.run();
    CHECK_FALSE(cancelled);
    REQUIRE(error != nullptr);
    CHECK(tests::message_of<eap::operation_timed_out>([&] { std::rethrow_exception(error); }) ==
          eap::operation_timed_out{}.what());
}

TEST_CASE("a late worker is told false, and nothing of it is delivered", "[timer][TO-2][TO-3]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>(1, due_in(1ms));
    loop.run();
    CHECK(operation.completed());
    CHECK_FALSE(operation.report_progress(50));
    CHECK_FALSE(operation.post([] {}));
    CHECK_FALSE(operation.complete(7));
    CHECK_FALSE(operation.complete(7)); // a call that lost is no completion of the worker's own
    CHECK_FALSE(operation.complete_cancelled());
    CHECK_FALSE(operation.complete_error(std::runtime_error{"late"}));
    loop.poll();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a deadline asks the worker to stop", "[timer][O-18]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>(1, due_in(1ms));
    const fired asked;
    const std::stop_callback callback{operation.stop_token(), asked};
    asked.latch->wait();
    CHECK(operation.cancellation_pending());
    loop.run();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a worker that drops its operation after the deadline changes nothing", "[timer][G4][G7]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    {
        auto operation = client.start<int>(1, due_in(1ms));
        loop.run();
    }
    loop.poll();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("what was reported before the deadline is delivered before it", "[timer][TO-1][G2]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>(1, due_in(30ms));
    const bool in_time = operation.report_progress(10);
    loop.run();
    CHECK(client.log.all() == (in_time ? lines{"10%", "timed out"} : lines{"timed out"}));
}

TEST_CASE("a timeout of zero or less has passed at creation: the worker is told so, the client at home",
          "[timer][TO-1]") {
    for (const std::chrono::nanoseconds timeout : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        tests::manual_queue home;
        tests::client client{home.context()};
        auto operation = client.start<int>(1, due_in(timeout));
        CHECK(operation.completed());
        CHECK(operation.cancellation_pending());
        CHECK_FALSE(operation.complete(7));
        CHECK(client.log.all().empty()); // not within create_operation
        home.run_all();
        CHECK(client.log.all() == lines{"timed out"});
    }
}

TEST_CASE("a huge timeout never passes", "[timer]") {
    for (const std::chrono::nanoseconds timeout :
         {eap::no_timeout, eap::no_timeout - 1ns,
          std::chrono::nanoseconds{std::chrono::hours{24 * 365 * 200}}}) {
        tests::manual_queue home;
        tests::client client{home.context()};
        auto operation = client.start<int>(1, due_in(timeout));
        const fired later;
        eap::post_after(tests::inline_context{}, 1ms, later);
        later.latch->wait();
        CHECK_FALSE(operation.completed());
        CHECK(operation.complete(7));
        home.run_all();
        CHECK(client.log.all() == lines{"value 7"});
    }
}

TEST_CASE("an operation that ended before its deadline is told once, and its notifications balance",
          "[timer][TO-2][G10]") {
    tests::manual_queue home;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<>{home.context(), counts}};
    auto operation = client.start<int>(1, due_in(5ms));
    const bool in_time = operation.complete(7);
    const fired later;
    eap::post_after(tests::inline_context{}, 10ms, later);
    later.latch->wait();
    home.run_all();
    CHECK(client.log.all() == lines{in_time ? "value 7" : "timed out"});
    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
}

TEST_CASE("an operation that ended takes its deadline with it: nothing of it is kept", "[timer]") {
    tests::manual_queue home;
    std::weak_ptr<int> handler_alive, state_alive;
    {
        eap::operation_manager manager{home.context()};
        const auto in_handler = std::make_shared<int>(1);
        const auto in_state = std::make_shared<int>(2);
        handler_alive = in_handler;
        state_alive = in_state;
        auto operation = manager.create_operation(
            in_state, [in_handler](const eap::completed_event_args<>&) {}, due_in(1h));
        operation.complete();
        home.run_all();
    }
    CHECK(handler_alive.expired());
    CHECK(state_alive.expired()); // the block itself is gone: the timer held none of it
}

TEST_CASE("a deadline fires while every thread of the worker's pool is blocked", "[timer][TO-1][TO-2]") {
    blocked_pool pool;
    eap::event_loop loop;
    tests::client client{loop.context()};
    std::atomic<bool> began{false};
    eap::run_on(pool.context(), client.start<int>(1, due_in(1ms)), [&] {
        began = true;
        return 7;
    });
    loop.run();
    CHECK(client.log.all() == lines{"timed out"});
    CHECK_FALSE(began);
}

TEST_CASE("work whose deadline passed before it began is not run", "[timer][TO-2]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    std::atomic<bool> began{false};
    {
        blocked_pool pool;
        eap::run_on(pool.context(), client.start<int>(1, due_in(1ms)), [&] {
            began = true;
            return 7;
        });
        loop.run();
        pool.release();
        const fired behind;
        pool.context().post(behind);
        behind.latch->wait(); // the work was taken before this, and the end of the pool waits for it
    }
    CHECK_FALSE(began);
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a deadline decides while the home is stalled, and is delivered when the home goes on",
          "[timer][TO-1][TO-3]") {
    tests::manual_queue home; // nobody pumps it
    tests::client client{home.context()};
    auto operation = client.start<int>(1, due_in(1ms));
    const fired asked;
    const std::stop_callback callback{operation.stop_token(), asked};
    asked.latch->wait();
    CHECK_FALSE(operation.complete(7));
    while (home.size() == 0) // decided; its post is on the way
        std::this_thread::yield();
    home.run_all();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a deadline whose home is gone is told to on_undelivered", "[timer][G1]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    auto operation = client.start<int>(1, due_in(5ms));
    home.close();
    CHECK(client.log.wait_for(1) == lines{"undelivered, context gone: timed out"});
}

TEST_CASE("of a deadline and a cancel request only the deadline decides", "[timer][G6]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>(1, due_in(1ms));
    client.manager.cancel(1);
    loop.run();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a deadline may be met from inside its own completion handler by starting anew", "[timer][G12]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    int timeouts = 0;
    std::vector<eap::async_operation<>> operations;
    std::function<void()> start = [&] {
        operations.push_back(manager.create_operation(
            1,
            [&](const eap::completed_event_args<>&) {
                if (++timeouts < 3)
                    start();
            },
            due_in(1ms)));
    };
    start();
    loop.run();
    CHECK(timeouts == 3);
}

TEST_CASE("a deadline that passes while the worker writes the value loses", "[timer][G7][TO-3]") {
    struct slow {
        explicit slow(const fired& gate) { gate.latch->wait(); }
    };
    bool completed = false;
    lines told;
    for (std::chrono::nanoseconds timeout = 20ms; !completed;
         timeout *= 2) { // the machine may be slow to begin
        eap::event_loop loop;
        tests::client client{loop.context()};
        auto operation = client.start<slow>(1, due_in(timeout));
        const fired well_after;
        eap::post_after(tests::inline_context{}, timeout + 20ms, well_after);
        completed = operation.complete(well_after); // claims at once, then waits in the value's constructor
        loop.run();
        told = client.log.all();
        CHECK(told == lines{completed ? "value" : "timed out"});
    }
    CHECK(told == lines{"value"});
}

TEST_CASE("a worker that completes while the deadline is on its way home loses", "[timer][G7][TO-3]") {
    tests::manual_queue home;
    const fired posting, go_on;
    tests::client client{tests::scripted_context{[&, inner = home.context()](std::function<void()> function) {
        posting();
        go_on.latch->wait();
        inner.post(std::move(function));
    }}};
    auto operation = client.start<int>(1, due_in(1ms));
    posting.latch->wait();
    CHECK(operation.completed());
    CHECK_FALSE(operation.complete(7));
    CHECK_FALSE(operation.report_progress(1));
    go_on();
    REQUIRE_FALSE(client.manager.wait_idle_for(0ns));
    while (!home.run_one())
        std::this_thread::yield();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a worker that completes inside its stop callback, within the deadline, loses", "[timer][G7]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start<int>(1, due_in(1ms));
    std::atomic<int> told{-1};
    const std::stop_callback callback{operation.stop_token(), [&] { told = operation.complete(7) ? 1 : 0; }};
    loop.run();
    CHECK(told == 0);
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("of 20 000 deadlines that race a completion, each has one winner",
          "[timer][stress][G1][G7][TO-3]") {
    constexpr int count = 20'000;
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    int values = 0, timeouts = 0, others = 0, told_true = 0;
    const auto handler = [&](const eap::completed_event_args<int>& e) {
        if (e.cancelled())
            ++others;
        else if (e.error() == nullptr)
            ++values;
        else
            ++timeouts;
    };
    for (int i = 0; i < count; ++i) {
        auto operation =
            manager.create_operation<int>(i, handler, due_in(std::chrono::nanoseconds{1 + i % 5000}));
        for (int spin = i % 97; spin > 0; --spin)
            static_cast<void>(operation.cancellation_pending());
        told_true += operation.complete(i) ? 1 : 0;
        if (i % 64 == 0)
            home.run_all();
    }
    while (manager.pending() != 0) {
        home.run_all();
        std::this_thread::yield();
    }
    CHECK(others == 0);
    CHECK(values == told_true);
    CHECK(values + timeouts == count);
}
