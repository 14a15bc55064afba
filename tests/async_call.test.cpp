// SPDX-License-Identifier: BSL-1.0
#include <eap/async_call.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/detail/parking.hpp>
#include <eap/errors.hpp>
#include <eap/scoped_context.hpp>
#include <eap/testing/exploration.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <latch>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using tests::lines;

namespace {

struct target_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A queue where calls run, and a queue that is this thread's context, where their callbacks run.
struct two_places {
    tests::manual_queue where;
    tests::manual_queue home;
    eap::scoped_context current{home.context()};

    /// Runs the calls, then the callbacks.
    void run() {
        where.run_all();
        home.run_all();
    }
};

/// Holds up whoever passes it, until the test says so.
struct gate {
    eap::detail::parking<> reached;
    eap::detail::parking<> open;
    void pass() {
        reached.set();
        open.wait();
    }
};

/// A pool of one thread, which is held up at a gate: what is posted to it stays queued.
struct busy_pool {
    gate busy;
    eap::thread_pool pool{1};

    busy_pool() {
        pool.context().post([this] { busy.pass(); });
        busy.reached.wait();
    }
    busy_pool(const busy_pool&) = delete;
    busy_pool& operator=(const busy_pool&) = delete;
    ~busy_pool() { busy.open.set(); }
};

/// A thread that the test may leave by an exception.
class joining_thread {
  public:
    template <class F> explicit joining_thread(F&& function) : thread_(std::forward<F>(function)) {}
    joining_thread(const joining_thread&) = delete;
    joining_thread& operator=(const joining_thread&) = delete;
    ~joining_thread() { join(); }
    void join() {
        if (thread_.joinable())
            thread_.join();
    }

  private:
    std::thread thread_;
};

template <class Call> void wait_until_ending(const Call& call) {
    while (!call.end_invoke_called())
        std::this_thread::yield();
}

/// "nothing", or the kind of error that `f()` throws.
template <class F> std::string thrown_by(F&& f) {
    try {
        static_cast<void>(std::forward<F>(f)());
    } catch (const eap::would_deadlock&) {
        return "would_deadlock";
    } catch (const eap::operation_cancelled&) {
        return "operation_cancelled";
    } catch (const eap::invalid_operation&) {
        return "invalid_operation";
    } catch (const eap::operation_abandoned&) {
        return "operation_abandoned";
    } catch (const target_error&) {
        return "target_error";
    } catch (...) {
        return "something else";
    }
    return "nothing";
}

/// A queue that belongs to the thread that made this handle, and knows it.
struct own_thread_context {
    tests::manual_context queue;
    std::thread::id mine = std::this_thread::get_id();
    template <class F> void post(F function) const { queue.post(std::move(function)); }
    bool running_in_this_thread() const { return std::this_thread::get_id() == mine; }
    bool operator==(const own_thread_context&) const = default;
};

int seven() { return 7; }
int fails() { throw target_error{"why"}; }

using call_of_int = eap::async_call<int()>;

} // namespace

// ---- handles ----

TEST_CASE("a call handle that was default-constructed names no call", "[async_call]") {
    const eap::async_call<> nothing;
    const call_of_int typed;

    CHECK_FALSE(nothing.has_value());
    CHECK_FALSE(typed.has_value());
    CHECK(nothing == typed);
}

TEST_CASE("using a handle that names no call throws, and the message says what to do", "[async_call][DG-9]") {
    two_places at;
    call_of_int moved_from = eap::begin_invoke(at.where.context(), seven);
    const call_of_int moved = std::move(moved_from);
    const call_of_int default_constructed;
    const call_of_int& nothing = GENERATE(true, false) ? moved_from : default_constructed;

    CHECK_THROWS_AS(nothing.is_completed(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.completed_synchronously(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.end_invoke_called(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.async_state(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.wait(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.wait_for(0ns), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.wait_until(std::chrono::steady_clock::now()), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.wait_callback(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.wait_callback_for(0ns), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.wait_callback_until(std::chrono::steady_clock::now()), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.cancel(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.end_invoke(), eap::invalid_operation);
    CHECK_THROWS_AS(nothing.try_end_invoke(), eap::invalid_operation);
    CHECK_THROWS_WITH(nothing.wait(), Catch::Matchers::Contains("begin_invoke"));
    CHECK(moved.has_value());
}

TEST_CASE("copies of a handle name the same call, also without its type", "[async_call]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    const auto other = eap::begin_invoke(at.where.context(), seven);
    const auto copy = call;
    const eap::async_call<> untyped = call;

    CHECK(copy == call);
    CHECK(untyped == call);
    CHECK(other != call);
    CHECK(untyped != eap::async_call<>{other});
    at.run();
    CHECK(untyped.is_completed());
    CHECK(copy.end_invoke() == 7);
}

TEST_CASE("handles can be keys: handles of one call have the same hash, also without its type",
          "[async_call]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    const auto other = eap::begin_invoke(at.where.context(), seven);
    const auto copy = call;
    const std::unordered_set<call_of_int> typed{call};
    const std::unordered_set<eap::async_call<>> untyped{call, eap::async_call<>{}};

    CHECK(typed.contains(copy));
    CHECK_FALSE(typed.contains(other));
    CHECK(untyped.contains(copy));
    CHECK(untyped.contains(eap::async_call<>{}));
    CHECK_FALSE(untyped.contains(other));
}

TEST_CASE("what one copy of a handle has ended, all have", "[async_call][DG-6]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    const auto copy = call;
    at.run();
    copy.end_invoke();

    CHECK_THROWS_AS(call.end_invoke(), eap::invalid_operation);
    CHECK(call.end_invoke_called());
}

// ---- what a call tells ----

TEST_CASE("a call tells its state, which is empty unless one was given", "[async_call][DG-21][CB-6]") {
    two_places at;
    const auto there = eap::delegate<int()>{seven}.on(at.where.context());
    const auto object = std::make_shared<int>(7);

    CHECK_FALSE(there.begin_invoke().async_state().has_value());
    CHECK(there.begin_invoke({}, 42).async_state() == 42);
    CHECK(there.begin_invoke({}, "text").async_state() == "text");
    const auto call = there.begin_invoke({}, object);
    CHECK(call.async_state().get<std::shared_ptr<int>>() == object);
    at.run();
    call.end_invoke();
    CHECK(call.async_state().get<std::shared_ptr<int>>() == object);
}

TEST_CASE("the state of a call outlives a handle that is gone", "[async_call][DG-21]") {
    two_places at;
    const auto there = eap::delegate<int()>{seven}.on(at.where.context());
    const std::string text = "text that is long enough to be allocated, as most text is";
    const auto& state = there.begin_invoke({}, text).async_state();
    at.run();

    CHECK(state == text);
}

TEST_CASE("a call is not complete before it has run, and complete from then on",
          "[async_call][DG-21][WH-2]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    CHECK_FALSE(call.is_completed());
    at.run();
    CHECK(call.is_completed());
    call.end_invoke();

    CHECK(call.is_completed());
}

TEST_CASE("a call is not complete while its target runs", "[async_call][DG-21]") {
    two_places at;
    std::optional<eap::async_call<>> own;
    bool complete = true;
    own = eap::begin_invoke(at.where.context(), [&] { complete = own->is_completed(); });
    at.run();

    CHECK_FALSE(complete);
    CHECK(own->is_completed());
}

TEST_CASE("a call that failed is complete", "[async_call][EX-2]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), fails);
    at.run();

    CHECK(call.is_completed());
    CHECK_NOTHROW(call.wait());
    CHECK(call.wait_for(0ns));
}

TEST_CASE("no call completes synchronously, not even inside begin_invoke", "[async_call][DG-21]") {
    two_places at;
    const auto queued = eap::begin_invoke(at.where.context(), seven);
    const auto inside = eap::begin_invoke(tests::inline_context{}, seven);

    CHECK(inside.is_completed());
    CHECK_FALSE(inside.completed_synchronously());
    CHECK_FALSE(queued.completed_synchronously());
    at.run();
    CHECK_FALSE(queued.completed_synchronously());
}

TEST_CASE("a call tells whether it has been ended", "[async_call][DG-22]") {
    two_places at;
    const auto ended = eap::begin_invoke(at.where.context(), seven);
    const auto tried = eap::begin_invoke(at.where.context(), seven);
    const auto failed = eap::begin_invoke(at.where.context(), fails);
    at.run();
    CHECK_FALSE(ended.end_invoke_called());
    ended.end_invoke();
    static_cast<void>(tried.try_end_invoke());
    CHECK_THROWS_AS(failed.end_invoke(), target_error);

    CHECK(ended.end_invoke_called());
    CHECK(tried.end_invoke_called());
    CHECK(failed.end_invoke_called());
}

TEST_CASE("a call counts as ended from the moment that somebody waits to end it", "[async_call][DG-22]") {
    gate target;
    const auto call = eap::begin_invoke([&] { target.pass(); });
    joining_thread ending{[&] { call.end_invoke(); }};
    wait_until_ending(call); // or for ever
    const bool complete = call.is_completed();
    target.open.set();

    CHECK_FALSE(complete);
}

// ---- ending ----

TEST_CASE("a call may be ended on any thread", "[async_call][DG-5]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    at.run();
    int value = 0;
    joining_thread{[&] { value = call.end_invoke(); }}.join();

    CHECK(value == 7);
}

TEST_CASE("a second end throws invalid_operation", "[async_call][DG-6][DG-10]") {
    two_places at;
    const auto of_value = eap::begin_invoke(at.where.context(), seven);
    const auto of_nothing = eap::begin_invoke(at.where.context(), [] {});
    at.run();
    CHECK(of_value.end_invoke() == 7);
    CHECK_NOTHROW(of_nothing.end_invoke());

    CHECK_THROWS_AS(of_value.end_invoke(), eap::invalid_operation);
    CHECK_THROWS_AS(of_value.try_end_invoke(), eap::invalid_operation);
    CHECK_THROWS_AS(of_nothing.end_invoke(), eap::invalid_operation);
    CHECK_THROWS_AS(of_nothing.try_end_invoke(), eap::invalid_operation);
}

TEST_CASE("a second end of a failed call throws invalid_operation, not the error again",
          "[async_call][DG-6]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), fails);
    at.run();

    CHECK(thrown_by([&] { return call.end_invoke(); }) == "target_error");
    CHECK(thrown_by([&] { return call.end_invoke(); }) == "invalid_operation");
}

TEST_CASE("a second end leaves the variables of in/out parameters untouched", "[async_call][DG-6][DG-17]") {
    two_places at;
    const auto call =
        eap::delegate<void(int&)>{[](int& value) { ++value; }}.on(at.where.context()).begin_invoke(1);
    at.run();
    int first = 0;
    int second = 0;
    call.end_invoke(first);

    CHECK_THROWS_AS(call.end_invoke(second), eap::invalid_operation);
    CHECK_THROWS_AS(call.try_end_invoke(second), eap::invalid_operation);
    CHECK(first == 2);
    CHECK(second == 0);
}

TEST_CASE("while one thread waits to end a call, another is refused at once", "[async_call][DG-7]") {
    gate target;
    const auto call = eap::begin_invoke([&] {
        target.pass();
        return 7;
    });
    int value = 0;
    joining_thread ending{[&] { value = call.end_invoke(); }};
    wait_until_ending(call);
    const auto end = thrown_by([&] { return call.end_invoke(); });
    const auto try_end = thrown_by([&] { return call.try_end_invoke(); });
    const bool complete = call.is_completed();
    target.open.set();
    ending.join();

    CHECK(end == "invalid_operation");
    CHECK(try_end == "invalid_operation");
    CHECK_FALSE(complete);
    CHECK(value == 7);
}

TEST_CASE("of two threads that end a call at once, exactly one gets the value", "[async_call][DG-7]") {
    two_places at;
    for (int round = 0; round < 500; ++round) {
        const auto call = eap::begin_invoke(at.where.context(), seven);
        at.run();
        std::latch start{2};
        std::atomic<int> values{0};
        std::atomic<int> refusals{0};
        const auto end = [&] {
            start.arrive_and_wait();
            try {
                values += call.end_invoke() == 7 ? 1 : 0;
            } catch (const eap::invalid_operation&) {
                ++refusals;
            }
        };
        joining_thread other{end};
        end();
        other.join();
        if (values != 1 || refusals != 1)
            FAIL("round " << round << ": " << values << " values, " << refusals << " refusals");
    }
    SUCCEED();
}

TEST_CASE("an end that races with the completion gets the value", "[async_call][DG-5]") {
    eap::thread_pool pool{1};
    for (int round = 0; round < 500; ++round) {
        std::latch start{2};
        const auto call = eap::begin_invoke(pool.context(), [&] {
            start.arrive_and_wait();
            return round;
        });
        start.arrive_and_wait();
        if (call.end_invoke() != round)
            FAIL("round " << round);
    }
    SUCCEED();
}

TEST_CASE("try_end_invoke tells the outcome, whichever it is, and never throws it", "[async_call][O-1]") {
    two_places at;
    const auto value = eap::begin_invoke(at.where.context(), seven);
    const auto error = eap::begin_invoke(at.where.context(), fails);
    const auto cancelled =
        eap::begin_invoke(at.where.context(), []() -> int { throw eap::operation_cancelled{}; });
    const auto abandoned = eap::begin_invoke(tests::dropping_context{}, seven);
    const auto nothing = eap::begin_invoke(at.where.context(), [] {});
    at.run();

    CHECK(tests::told(value.try_end_invoke()) == "value 7");
    CHECK(tests::told(error.try_end_invoke()) == "error: why");
    CHECK(tests::told(cancelled.try_end_invoke()) == "cancelled");
    CHECK(tests::told(abandoned.try_end_invoke()) == "abandoned");
    CHECK(tests::told(nothing.try_end_invoke()) == "value");
}

TEST_CASE("try_end_invoke gives the error as the very exception", "[async_call][EX-1][O-1]") {
    two_places at;
    const auto thrown = std::make_exception_ptr(target_error{"why"});
    const auto call = eap::begin_invoke(at.where.context(), [&] { std::rethrow_exception(thrown); });
    at.run();

    CHECK(call.try_end_invoke().error() == thrown);
}

TEST_CASE("what try_end_invoke gives carries the state of the call", "[async_call][O-1][CB-6]") {
    two_places at;
    const auto there = eap::delegate<int()>{seven}.on(at.where.context());
    const auto call = there.begin_invoke({}, "state");
    const auto cancelled = there.begin_invoke({}, "another");
    cancelled.cancel();
    at.run();

    CHECK(call.try_end_invoke().user_state() == "state");
    CHECK(cancelled.try_end_invoke().user_state() == "another");
}

TEST_CASE("try_end_invoke waits for the outcome", "[async_call][O-1]") {
    gate target;
    const auto call = eap::begin_invoke([&] {
        target.pass();
        return 7;
    });
    std::string told;
    joining_thread ending{[&] { told = tests::told(call.try_end_invoke()); }};
    wait_until_ending(call);
    target.open.set();
    ending.join();

    CHECK(told == "value 7");
}

TEST_CASE("try_end_invoke writes in/out parameters back when the call succeeded, only then",
          "[async_call][DG-15][DG-17]") {
    two_places at;
    const auto there = eap::delegate<void(int&)>{[](int& value) {
                           if (++value > 5)
                               throw target_error{"too much"};
                       }}.on(at.where.context());
    const auto good = there.begin_invoke(1);
    const auto bad = there.begin_invoke(5);
    at.run();
    int of_good = 0;
    int of_bad = 0;

    CHECK(tests::told(good.try_end_invoke(of_good)) == "value");
    CHECK(tests::told(bad.try_end_invoke(of_bad)) == "error: too much");
    CHECK(of_good == 2);
    CHECK(of_bad == 0);
}

TEST_CASE("try_end_invoke gives what can only be moved, and references", "[async_call][O-1]") {
    two_places at;
    int object = 0;
    const auto owner = eap::begin_invoke(at.where.context(), [] { return std::make_unique<int>(7); });
    const auto reference = eap::begin_invoke(at.where.context(), [&]() -> int& { return object; });
    at.run();

    CHECK(*owner.try_end_invoke().result() == 7);
    CHECK(&reference.try_end_invoke().result() == &object);
}

TEST_CASE("a value whose move throws at the end leaves the call ended", "[async_call][DG-6]") {
    struct fragile {
        explicit fragile(const bool& armed) : is_armed(&armed) {}
        fragile(fragile&& other) : is_armed(other.is_armed) {
            if (*is_armed)
                throw target_error{"a move"};
        }
        const bool* is_armed;
    };
    two_places at;
    bool armed = false;
    const auto call = eap::begin_invoke(at.where.context(), [&] { return fragile{armed}; });
    const auto tried = eap::begin_invoke(at.where.context(), [&] { return fragile{armed}; });
    at.run();
    REQUIRE(call.is_completed());
    armed = true;

    CHECK_THROWS_AS(call.end_invoke(), target_error);
    CHECK_THROWS_AS(tried.try_end_invoke(), target_error);
    CHECK(thrown_by([&] { return call.end_invoke(); }) == "invalid_operation");
    CHECK(thrown_by([&] { return tried.try_end_invoke(); }) == "invalid_operation");
}

TEST_CASE("a variable whose assignment throws at the end leaves the call ended",
          "[async_call][DG-6][DG-15]") {
    struct fragile {
        fragile() = default;
        fragile(const fragile&) = default;
        fragile& operator=(const fragile&) { throw target_error{"an assignment"}; }
    };
    two_places at;
    const auto call = eap::delegate<int(fragile&)>{[](fragile&) { return 7; }}
                          .on(at.where.context())
                          .begin_invoke(fragile{});
    at.run();
    fragile variable;

    CHECK_THROWS_AS(call.end_invoke(variable), target_error);
    CHECK(thrown_by([&] { return call.end_invoke(variable); }) == "invalid_operation");
}

// ---- ending and waiting inside the call itself ----

TEST_CASE("ending a call inside its own target throws would_deadlock, and consumes nothing",
          "[async_call][DG-24][O-13][departures]") {
    two_places at;
    std::optional<call_of_int> own;
    lines seen;
    own = eap::begin_invoke(at.where.context(), [&] {
        seen.push_back(thrown_by([&] { return own->end_invoke(); }));
        seen.push_back(thrown_by([&] { return own->try_end_invoke(); }));
        return own->end_invoke_called() ? 1 : 7;
    });
    at.run();

    CHECK(seen == lines{"would_deadlock", "would_deadlock"});
    CHECK(own->end_invoke() == 7);
}

TEST_CASE("any wait for a call inside its own target throws would_deadlock, whatever its limit",
          "[async_call][DG-24][O-13]") {
    two_places at;
    std::optional<call_of_int> own;
    lines seen;
    own =
        eap::delegate<int()>{[&] {
            seen.push_back(thrown_by([&] { return own->wait(), 0; }));
            seen.push_back(thrown_by([&] { return own->wait_for(0ns); }));
            seen.push_back(thrown_by([&] { return own->wait_for(1h); }));
            seen.push_back(thrown_by([&] { return own->wait_until(std::chrono::system_clock::now() + 1h); }));
            seen.push_back(thrown_by([&] { return eap::wait_any(*own); }));
            seen.push_back(thrown_by([&] { return eap::wait_any_for(1h, *own); }));
            seen.push_back(thrown_by([&] { return eap::wait_all(*own), 0; }));
            seen.push_back(thrown_by([&] { return eap::wait_all_for(1h, *own); }));
            return 7;
        }}.on(at.where.context())
            .begin_invoke();
    at.run();

    CHECK(seen == lines(8, "would_deadlock"));
    CHECK(own->end_invoke() == 7);
}

TEST_CASE("waiting for the callback of a call inside its own target throws would_deadlock",
          "[async_call][DG-24][O-5]") {
    two_places at;
    std::optional<call_of_int> own;
    lines seen;
    own = eap::delegate<int()>{[&] {
              seen.push_back(thrown_by([&] { return own->wait_callback(), 0; }));
              seen.push_back(thrown_by([&] { return own->wait_callback_for(1h); }));
              return 7;
          }}.on(at.where.context())
              .begin_invoke([](const auto&) {});
    at.run();

    CHECK(seen == lines{"would_deadlock", "would_deadlock"});
}

TEST_CASE("a call may be ended by a thread that its target waits for", "[async_call][DG-24]") {
    std::optional<call_of_int> own;
    eap::detail::parking<> known;
    std::string other;
    own = eap::begin_invoke([&] {
        known.wait();
        joining_thread{[&] { other = thrown_by([&] { return own->wait_for(0ns); }); }}.join();
        return 7;
    });
    known.set();

    CHECK(own->end_invoke() == 7);
    CHECK(other == "nothing"); // only the thread that runs the call is refused
}

TEST_CASE("a call that its own target lets run to the end inside a nested loop is refused there as well",
          "[async_call][DG-24]") {
    eap::event_loop loop;
    std::optional<call_of_int> outer;
    std::string seen;
    outer = eap::begin_invoke(loop.context(), [&] {
        loop.context().post([&] { seen = thrown_by([&] { return outer->end_invoke(); }); });
        loop.poll(); // inside the target
        return 7;
    });
    loop.poll();

    CHECK(seen == "would_deadlock");
    CHECK(outer->end_invoke() == 7);
}

// ---- polling and waiting ----

TEST_CASE("what a call wrote is visible when is_completed says that it is complete", "[async_call][DG-23]") {
    int written = 0; // neither atomic nor guarded
    const auto call = eap::begin_invoke([&] { written = 7; });
    while (!call.is_completed())
        std::this_thread::yield();

    CHECK(written == 7);
}

TEST_CASE("what a call wrote is visible when a wait for it has returned", "[async_call][DG-23]") {
    int written = 0;
    const auto call = eap::begin_invoke([&] { written = 7; });
    switch (GENERATE(0, 1, 2, 3, 4, 5)) {
    case 0:
        call.wait();
        break;
    case 1:
        REQUIRE(call.wait_for(1h));
        break;
    case 2:
        eap::wait_any(call);
        break;
    case 3:
        eap::wait_all(call);
        break;
    case 4:
        REQUIRE(eap::wait_any_for(1h, call) == 0U);
        break;
    default:
        REQUIRE(eap::wait_all_for(1h, call));
    }

    CHECK(written == 7);
}

TEST_CASE("waits end when the call completes, on any number of threads", "[async_call][WH-2]") {
    gate target;
    const auto call = eap::begin_invoke([&] { target.pass(); });
    std::latch waiting{4};
    std::atomic<int> woken{0};
    {
        const auto wait_by = [&](auto wait) {
            return [&, wait] {
                waiting.count_down();
                wait();
                woken += call.is_completed() ? 1 : 0;
            };
        };
        joining_thread first{wait_by([&] { call.wait(); })};
        joining_thread second{wait_by([&] { static_cast<void>(call.wait_for(1h)); })};
        joining_thread third{
            wait_by([&] { static_cast<void>(call.wait_until(std::chrono::system_clock::now() + 1h)); })};
        joining_thread fourth{wait_by([&] { call.end_invoke(); })};
        waiting.wait();
        target.open.set();
    }

    CHECK(woken == 4);
}

TEST_CASE("a wait after completion, or after the end, returns at once", "[async_call][WH-2][WH-3]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    at.run();
    CHECK_NOTHROW(call.wait());
    CHECK_NOTHROW(call.wait());
    CHECK(call.wait_for(0ns));
    call.end_invoke();

    CHECK_NOTHROW(call.wait());
    CHECK(call.wait_for(0ns));
    CHECK(call.wait_for(-1h));
    CHECK(eap::wait_any(call) == 0);
    CHECK(eap::wait_all_for(0ns, call));
}

TEST_CASE("a wait does not throw the call's error", "[async_call][WH-10][EX-2]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), fails);
    at.run();

    CHECK_NOTHROW(call.wait());
    CHECK_NOTHROW(call.wait_for(0ns));
    CHECK_NOTHROW(eap::wait_any(call));
    CHECK_NOTHROW(eap::wait_all(call));
    CHECK_NOTHROW(call.wait_callback());
    CHECK(thrown_by([&] { return call.end_invoke(); }) == "target_error");
}

TEST_CASE("a wait whose time is up says so, and changes nothing", "[async_call][WH-4]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);

    CHECK_FALSE(call.wait_for(0ns));
    CHECK_FALSE(call.wait_for(-1h));
    CHECK_FALSE(call.wait_for(std::chrono::hours::min()));
    CHECK_FALSE(call.wait_for(1ms));
    CHECK_FALSE(call.wait_for(std::chrono::duration<double>{0.001}));
    CHECK_FALSE(call.wait_until(std::chrono::steady_clock::now() + 1ms));
    CHECK_FALSE(call.wait_until(std::chrono::system_clock::now() + 1ms));
    CHECK_FALSE(call.wait_until(std::chrono::steady_clock::time_point::min()));
    CHECK_FALSE(call.is_completed());
    CHECK_FALSE(call.end_invoke_called());
    at.run();
    CHECK(call.end_invoke() == 7);
}

TEST_CASE("a wait takes its time: it does not say too early that its time is up", "[async_call][WH-4]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    const auto before = std::chrono::steady_clock::now();
    CHECK_FALSE(call.wait_for(20ms));

    CHECK(std::chrono::steady_clock::now() - before >= 20ms);
}

TEST_CASE("a time limit beyond the end of time is none", "[async_call][WH-4]") {
    const auto wait = [](auto by) {
        gate target;
        const auto call = eap::begin_invoke([&] { target.pass(); });
        bool in_time = false;
        joining_thread waiting{[&] { in_time = by(call); }};
        target.open.set();
        waiting.join();
        return in_time;
    };

    CHECK(wait([](const auto& call) { return call.wait_for(std::chrono::hours::max()); }));
    CHECK(wait([](const auto& call) { return call.wait_for(std::chrono::nanoseconds::max()); }));
    CHECK(wait([](const auto& call) { return call.wait_for(std::chrono::duration<double>{1e300}); }));
    CHECK(
        wait([](const auto& call) { return call.wait_until(std::chrono::steady_clock::time_point::max()); }));
    CHECK(wait(
        [](const auto& call) { return eap::wait_any_for(std::chrono::hours::max(), call).has_value(); }));
    CHECK(wait([](const auto& call) { return eap::wait_all_for(std::chrono::hours::max(), call); }));
}

// ---- several calls ----

TEST_CASE("wait_any returns the index of a call that is complete", "[async_call][wait_any][WH-5]") {
    two_places at;
    const auto first = eap::begin_invoke(at.where.context(), seven);
    const auto second = eap::begin_invoke(tests::inline_context{}, seven);
    const auto third = eap::begin_invoke(at.where.context(), [] { return std::string{"text"}; });

    CHECK(eap::wait_any(first, second, third) == 1);
    CHECK(eap::wait_any(third, first, second) == 2);
    CHECK(eap::wait_any_for(0ns, second, first) == 0U);
    CHECK(eap::wait_any_for(-1h, first, second) == 1U); // complete before the time was up
    CHECK(eap::wait_any_until(std::chrono::system_clock::now(), first, second) == 1U);
}

TEST_CASE("wait_any waits for the first call that completes", "[async_call][wait_any][WH-5]") {
    gate slow;
    gate quick;
    eap::thread_pool pool{2};
    const auto first = eap::begin_invoke(pool.context(), [&] { slow.pass(); });
    const auto second = eap::begin_invoke(pool.context(), [&] {
        quick.pass();
        return 7;
    });
    std::size_t index = 7;
    std::latch waiting{1};
    joining_thread other{[&] {
        waiting.count_down();
        index = eap::wait_any(first, second);
    }};
    waiting.wait();
    quick.open.set();
    other.join();
    const bool is_first_complete = first.is_completed();
    slow.open.set(); // what has waited for this one too is gone

    CHECK(index == 1);
    CHECK_FALSE(is_first_complete);
    first.end_invoke();
    CHECK(second.end_invoke() == 7);
}

TEST_CASE("wait_any whose time is up returns no index, and changes nothing", "[async_call][wait_any][WH-5]") {
    two_places at;
    const auto first = eap::begin_invoke(at.where.context(), seven);
    const auto second = eap::begin_invoke(at.where.context(), [] {});

    CHECK(eap::wait_any_for(0ns, first, second) == std::nullopt);
    CHECK(eap::wait_any_for(1ms, first, second) == std::nullopt);
    CHECK(eap::wait_any_until(std::chrono::steady_clock::now() + 1ms, first, second) == std::nullopt);
    CHECK(eap::wait_any_until(std::chrono::system_clock::now() + 1ms, first, second) == std::nullopt);
    at.run();
    CHECK(first.end_invoke() == 7);
    CHECK_NOTHROW(second.end_invoke());
}

TEST_CASE("wait_any and wait_all take ranges of calls", "[async_call][wait_any][wait_all][WH-5]") {
    two_places at;
    const auto pending = eap::begin_invoke(at.where.context(), seven);
    const auto complete = eap::begin_invoke(tests::inline_context{}, seven);
    const auto of_text = eap::begin_invoke(tests::inline_context{}, [] { return std::string{"text"}; });
    const std::vector<call_of_int> vector{pending, complete};
    const std::array<call_of_int, 2> array{complete, pending};
    const std::list<call_of_int> list{pending, pending, complete};
    const call_of_int plain_array[] = {pending, complete};
    const std::vector<eap::async_call<>> mixed{pending, of_text};

    CHECK(eap::wait_any(vector) == 1);
    CHECK(eap::wait_any(array) == 0);
    CHECK(eap::wait_any(list) == 2);
    CHECK(eap::wait_any(plain_array) == 1);
    CHECK(eap::wait_any(mixed) == 1);
    CHECK(eap::wait_any_for(0ns, vector) == 1U);
    CHECK_FALSE(eap::wait_all_for(0ns, vector));
    CHECK_FALSE(eap::wait_all_until(std::chrono::system_clock::now(), mixed));
    at.run();
    CHECK_NOTHROW(eap::wait_all(vector));
    CHECK_NOTHROW(eap::wait_all(mixed));
    CHECK(eap::wait_all_for(0ns, list));
}

TEST_CASE("one call may be given to a wait several times", "[async_call][wait_any][wait_all][WH-5]") {
    gate target;
    const auto call = eap::begin_invoke([&] { target.pass(); });
    CHECK(eap::wait_any_for(1ms, call, call) == std::nullopt);
    CHECK_FALSE(eap::wait_all_for(1ms, call, call));
    std::latch waiting{1};
    joining_thread other{[&] {
        waiting.count_down();
        eap::wait_any(call, call, call);
        eap::wait_all(call, call, call);
    }};
    waiting.wait();
    target.open.set();
    other.join();

    CHECK(call.is_completed());
}

TEST_CASE("wait_any of no calls at all is refused, in words; wait_all of none returns",
          "[async_call][wait_any][wait_all]") {
    const std::vector<call_of_int> none;

    CHECK_THROWS_AS(eap::wait_any(none), std::invalid_argument);
    CHECK_THROWS_AS(eap::wait_any_for(0ns, none), std::invalid_argument);
    CHECK_THROWS_AS(eap::wait_any_until(std::chrono::steady_clock::now(), none), std::invalid_argument);
    CHECK_THROWS_WITH(eap::wait_any(none), Catch::Matchers::Contains("one or more"));
    CHECK_NOTHROW(eap::wait_all(none));
    CHECK(eap::wait_all_for(0ns, none));
}

TEST_CASE("a handle that names no call is refused among others", "[async_call][wait_any][wait_all][DG-9]") {
    const auto complete = eap::begin_invoke(tests::inline_context{}, seven);
    const call_of_int nothing;

    CHECK_THROWS_AS(eap::wait_any(complete, nothing), eap::invalid_operation);
    CHECK_THROWS_AS(eap::wait_all(complete, nothing), eap::invalid_operation);
    CHECK_THROWS_AS(eap::wait_any(std::vector{complete, nothing}), eap::invalid_operation);
}

TEST_CASE("wait_all returns when the last call is complete", "[async_call][wait_all][WH-5]") {
    gate first_gate;
    gate second_gate;
    eap::thread_pool pool{2};
    const auto first = eap::begin_invoke(pool.context(), [&] { first_gate.pass(); });
    const auto second = eap::begin_invoke(pool.context(), [&] {
        second_gate.pass();
        return 7;
    });
    std::atomic<bool> returned{false};
    bool both = false;
    joining_thread other{[&] {
        eap::wait_all(first, second);
        both = first.is_completed() && second.is_completed();
        returned = true;
    }};
    first_gate.open.set();
    first.wait();
    const bool too_early = returned;
    second_gate.open.set();
    other.join();

    CHECK_FALSE(too_early);
    CHECK(both);
}

TEST_CASE("wait_all with a limit says whether all calls were complete in time",
          "[async_call][wait_all][WH-5]") {
    two_places at;
    const auto pending = eap::begin_invoke(at.where.context(), seven);
    const auto complete = eap::begin_invoke(tests::inline_context{}, [] {});

    CHECK_FALSE(eap::wait_all_for(0ns, complete, pending));
    CHECK_FALSE(eap::wait_all_for(1ms, pending, complete));
    CHECK_FALSE(eap::wait_all_until(std::chrono::steady_clock::now() + 1ms, pending, complete));
    at.run();
    CHECK(eap::wait_all_for(0ns, complete, pending));
    CHECK(eap::wait_all_until(std::chrono::system_clock::now() - 1h, complete, pending));
}

TEST_CASE("the limit of wait_all is one for all calls together", "[async_call][wait_all][WH-5]") {
    two_places at;
    std::vector<call_of_int> calls;
    for (int i = 0; i < 1000; ++i)
        calls.push_back(eap::begin_invoke(at.where.context(), seven));
    const auto before = std::chrono::steady_clock::now();
    CHECK_FALSE(eap::wait_all_for(50ms, calls));

    CHECK(std::chrono::steady_clock::now() - before < 50s);
}

TEST_CASE("wait_any that races with completions returns a call that is complete",
          "[async_call][wait_any][WH-5]") {
    eap::thread_pool pool{2};
    for (int round = 0; round < 500; ++round) {
        std::latch start{3};
        const auto meet = [&] { start.arrive_and_wait(); };
        const std::vector calls{eap::begin_invoke(pool.context(), meet),
                                eap::begin_invoke(pool.context(), meet)};
        start.arrive_and_wait();
        const std::size_t index = eap::wait_any(calls);
        if (index > 1 || !calls[index].is_completed())
            FAIL("round " << round << ": " << index);
        eap::wait_all(calls);
    }
    SUCCEED();
}

TEST_CASE("wait_any inside the target of one call waits for the others", "[async_call][wait_any][DG-24]") {
    two_places at;
    eap::thread_pool pool{1};
    gate other_target;
    std::optional<eap::async_call<>> own;
    std::size_t index = 7;
    std::size_t at_once = 7;
    std::string all;
    const auto other = eap::begin_invoke(pool.context(), [&] { other_target.pass(); });
    const auto complete = eap::begin_invoke(tests::inline_context{}, seven);
    own = eap::begin_invoke(at.where.context(), [&] {
        all = thrown_by([&] { return eap::wait_all(other, *own), 0; }); // before it waits for the other
        at_once = eap::wait_any(*own, complete);
        other_target.open.set();
        index = eap::wait_any(*own, other);
    });
    at.run();

    CHECK(all == "would_deadlock");
    CHECK(at_once == 1);
    CHECK(index == 1);
}

// ---- waiting for the callback ----

TEST_CASE("wait_callback waits until the callback has returned; a wait does not", "[async_call][O-5][CB-5]") {
    eap::thread_pool home{1};
    gate callback;
    std::atomic<bool> returning{false};
    call_of_int call;
    {
        const eap::scoped_context current{home.context()};
        call = eap::delegate<int()>{seven}.begin_invoke([&](const auto&) {
            callback.pass();
            returning = true;
        });
    }
    callback.reached.wait();
    CHECK_NOTHROW(call.wait());
    const bool too_early = call.wait_callback_for(1ms) ||
                           call.wait_callback_until(std::chrono::system_clock::now()) ||
                           call.wait_callback_for(0ns);
    bool returned = false;
    joining_thread other{[&] {
        call.wait_callback();
        returned = returning;
    }};
    callback.open.set();
    other.join();

    CHECK_FALSE(too_early);
    CHECK(returned);
    CHECK(call.wait_callback_for(0ns));
    CHECK_NOTHROW(call.wait_callback());
}

TEST_CASE("what the callback wrote is visible when wait_callback has returned", "[async_call][O-5]") {
    int written = 0;
    const auto call = eap::delegate<int()>{seven}.begin_invoke([&](const auto&) { written = 7; });
    if (GENERATE(true, false))
        call.wait_callback();
    else
        REQUIRE(call.wait_callback_for(1h));

    CHECK(written == 7);
}

TEST_CASE("wait_callback waits for the call when there is no callback", "[async_call][O-5]") {
    two_places at;
    const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke();
    CHECK_FALSE(call.wait_callback_for(0ns));
    CHECK_FALSE(call.wait_callback_for(1ms));
    at.run();

    CHECK_NOTHROW(call.wait_callback());
    CHECK(call.wait_callback_for(0ns));
}

TEST_CASE("wait_callback waits for a callback whose call has not even begun", "[async_call][O-5]") {
    two_places at;
    const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([](const auto&) {});

    CHECK_FALSE(call.wait_callback_for(0ns));
    at.where.run_all();
    CHECK_FALSE(call.wait_callback_for(1ms));
    at.home.run_all();
    CHECK(call.wait_callback_for(0ns));
}

TEST_CASE("wait_callback returns when the callback has thrown", "[async_call][O-5][CB-10]") {
    two_places at;
    const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([](const auto&) {
        throw target_error{"from the callback"};
    });
    at.where.run_all();
    CHECK_THROWS_AS(at.home.run_all(), target_error);

    CHECK(call.wait_callback_for(0ns));
}

TEST_CASE("when the home dies first, wait_callback returns, and the call can still be ended",
          "[async_call][O-5][O-26][G1]") {
    two_places at;
    int callbacks = 0;
    const auto there = eap::delegate<int()>{seven}.on(at.where.context());
    const auto before = there.begin_invoke([&](const auto&) { ++callbacks; });
    at.where.run_all(); // the callback is queued
    const auto after = there.begin_invoke([&](const auto&) { ++callbacks; });
    at.home.close();
    CHECK_NOTHROW(at.where.run_all());

    CHECK_NOTHROW(before.wait_callback());
    CHECK_NOTHROW(after.wait_callback());
    CHECK(before.end_invoke() == 7);
    CHECK(after.end_invoke() == 7);
    CHECK(callbacks == 0);
}

TEST_CASE("a thread that waits for the callback wakes when the home dies", "[async_call][O-5][O-26]") {
    two_places at;
    const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([](const auto&) {});
    at.where.run_all();
    std::latch waiting{1};
    bool woken = false;
    joining_thread other{[&] {
        waiting.count_down();
        call.wait_callback();
        woken = true;
    }};
    waiting.wait();
    at.home.close();
    other.join();

    CHECK(woken);
}

TEST_CASE("a home that refuses or drops the callback never runs it, and wait_callback returns",
          "[async_call][O-5][G5]") {
    tests::manual_queue where;
    int callbacks = 0;
    const eap::any_synchronization_context home =
        GENERATE(true, false) ? eap::any_synchronization_context{tests::throwing_context{}}
                              : eap::any_synchronization_context{tests::dropping_context{}};
    const eap::scoped_context current{home};
    const auto call =
        eap::delegate<int()>{seven}.on(where.context()).begin_invoke([&](const auto&) { ++callbacks; });
    CHECK_NOTHROW(where.run_all());

    CHECK_NOTHROW(call.wait_callback());
    CHECK(call.end_invoke() == 7);
    CHECK(callbacks == 0);
}

TEST_CASE("waiting for a callback inside it throws would_deadlock, on homes that cannot tell too",
          "[async_call][O-5][O-13]") {
    two_places at;
    lines seen;
    const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([&](const auto& done) {
        seen.push_back(thrown_by([&] { return done.wait_callback(), 0; }));
        seen.push_back(thrown_by([&] { return done.wait_callback_for(1h); }));
    });
    at.run();

    CHECK(seen == lines{"would_deadlock", "would_deadlock"});
}

TEST_CASE("waiting for a callback on its home's thread throws would_deadlock, until it has returned",
          "[async_call][O-5][O-13][departures]") {
    eap::event_loop home;
    home.poll(); // now it is this thread's
    const eap::scoped_context current{home.context()};
    const auto call = eap::delegate<int()>{seven}.begin_invoke([](const auto&) {});
    CHECK_NOTHROW(call.wait());

    CHECK_THROWS_AS(call.wait_callback(), eap::would_deadlock);
    CHECK_THROWS_AS(call.wait_callback_for(1h), eap::would_deadlock);
    home.run();
    CHECK_NOTHROW(call.wait_callback());
    CHECK(call.wait_callback_for(1h));
}

TEST_CASE("waiting for a callback on a thread of the pool where it is to run throws would_deadlock",
          "[async_call][O-5][O-13]") {
    eap::thread_pool home{1};
    std::string seen;
    eap::detail::parking<> looked;
    std::optional<call_of_int> call;
    home.context().post([&] {
        call = eap::delegate<int()>{seven}.begin_invoke([](const auto&) {});
        seen = thrown_by([&] { return call->wait_callback(), 0; });
        looked.set();
    });
    looked.wait();

    CHECK(seen == "would_deadlock");
    CHECK_NOTHROW(call->wait_callback());
}

TEST_CASE("a thread of another pool may wait for a callback", "[async_call][O-5]") {
    eap::thread_pool home{1};
    eap::thread_pool other{1};
    call_of_int call;
    {
        const eap::scoped_context current{home.context()};
        call = eap::delegate<int()>{seven}.begin_invoke([](const auto&) {});
    }
    const auto waiting = eap::begin_invoke(other.context(), [&] { call.wait_callback(); });

    CHECK_NOTHROW(waiting.end_invoke());
}

TEST_CASE("wait_callback runs a call that has not begun, where the call alone could be waited for",
          "[async_call][O-5][O-15]") {
    const eap::thread_pool home{1};
    eap::thread_pool pool{1};
    eap::event_loop loop;
    loop.poll(); // now it is this thread's
    const auto begin_on = [&](const eap::any_synchronization_context& where) {
        const eap::scoped_context current{home.context()};
        return eap::delegate<int()>{seven}.on(where).begin_invoke([](const auto&) {});
    };
    const auto of_loop = begin_on(loop.context());
    of_loop.wait_callback();
    const auto without = eap::begin_invoke(loop.context(), seven);
    without.wait_callback();
    const auto of_pool = eap::begin_invoke(pool.context(), [&] {
        const auto inner = begin_on(pool.context());
        inner.wait_callback();
        return inner.end_invoke();
    });

    CHECK(of_loop.is_completed());
    CHECK(without.is_completed());
    CHECK(of_pool.end_invoke() == 7);
}

// ---- waits that run the call ----

TEST_CASE("on a pool's only thread, ending a call of that pool runs it there and then",
          "[async_call][O-15][DG-25][departures]") {
    eap::thread_pool pool{1};
    std::thread::id outer_ran;
    std::thread::id inner_ran;
    const auto call = eap::begin_invoke(pool.context(), [&] {
        outer_ran = std::this_thread::get_id();
        return eap::begin_invoke(pool.context(),
                                 [&] {
                                     inner_ran = std::this_thread::get_id();
                                     return 7;
                                 })
            .end_invoke();
    });

    CHECK(call.end_invoke() == 7);
    CHECK(inner_ran == outer_ran);
}

TEST_CASE("every wait without a limit runs a call that has not begun", "[async_call][O-15][DG-25]") {
    eap::thread_pool pool{1};
    const int kind = GENERATE(0, 1, 2, 3, 4, 5);
    const auto call = eap::begin_invoke(pool.context(), [&] {
        const auto inner = eap::begin_invoke(pool.context(), seven);
        switch (kind) {
        case 0:
            inner.wait();
            break;
        case 1:
            eap::wait_any(inner);
            break;
        case 2:
            eap::wait_all(inner);
            break;
        case 3:
            eap::wait_any(std::vector<eap::async_call<>>{inner});
            break;
        case 4:
            eap::wait_all(std::vector{inner});
            break;
        default:
            return inner.try_end_invoke().result();
        }
        return inner.is_completed() ? inner.end_invoke() : 0;
    });

    CHECK(call.end_invoke() == 7);
}

TEST_CASE("a call that was run by who waited for it runs once", "[async_call][O-15][G1]") {
    eap::thread_pool pool{1};
    int runs = 0;
    eap::begin_invoke(pool.context(), [&] {
        eap::begin_invoke(pool.context(), [&] { ++runs; }).end_invoke();
    }).end_invoke();
    eap::begin_invoke(pool.context(), [] {}).end_invoke(); // what was queued before has had its turn

    CHECK(runs == 1);
}

TEST_CASE("nested calls on a pool of one thread end, a hundred levels deep", "[async_call][O-15][DG-25]") {
    eap::thread_pool pool{1};
    eap::delegate<int(int)> count;
    count = eap::delegate<int(int)>{[&](int level) {
                return level == 0 ? 0 : 1 + count.begin_invoke(level - 1).end_invoke();
            }}.on(pool.context());
    const int levels = count.begin_invoke(100).end_invoke();

    CHECK(levels == 100);
}

TEST_CASE("a tree of nested calls on the shared pool ends", "[async_call][O-15][DG-25]") {
    const eap::delegate<int(int)> leaves{[&](int depth) {
        if (depth == 0)
            return 1;
        const auto left = leaves.begin_invoke(depth - 1);
        const auto right = leaves.begin_invoke(depth - 1);
        return left.end_invoke() + right.end_invoke();
    }};

    CHECK(leaves.begin_invoke(8).end_invoke() == 256);
}

TEST_CASE("the calls of two pools of one thread may wait for calls of the other pool", "[async_call][O-15]") {
    eap::thread_pool first{1};
    eap::thread_pool second{1};
    std::latch both_begun{2};
    const auto cross = [&](const eap::thread_pool& there) {
        return [&] {
            const auto queued = eap::begin_invoke(there.context(), seven); // behind the one that waits there
            both_begun.arrive_and_wait();
            return queued.end_invoke();
        };
    };
    const auto one = eap::begin_invoke(first.context(), cross(second));
    const auto other = eap::begin_invoke(second.context(), cross(first));

    CHECK(one.end_invoke() == 7);
    CHECK(other.end_invoke() == 7);
}

TEST_CASE("calls that go back and forth between two pools of one thread end", "[async_call][O-15]") {
    eap::thread_pool first{1};
    eap::thread_pool second{1};
    eap::delegate<int(int)> bounce;
    bounce = [&](int level) {
        const auto& next = level % 2 == 0 ? first : second;
        return level == 0 ? 0 : 1 + bounce.on(next.context()).begin_invoke(level - 1).end_invoke();
    };

    CHECK(bounce.on(first.context()).begin_invoke(100).end_invoke() == 100);
}

TEST_CASE("a call that is run by who waits for it finds its own place as the current context",
          "[async_call][O-15]") {
    eap::thread_pool pool{1};
    const busy_pool other;
    bool in_same_pool = false;
    bool in_other_pool = false;
    bool back_again = false;
    const auto current_is = [](const eap::any_synchronization_context& place) {
        return eap::scoped_context::current() != nullptr && *eap::scoped_context::current() == place;
    };
    eap::begin_invoke(pool.context(), [&] {
        eap::begin_invoke(pool.context(), [&] { in_same_pool = current_is(pool.context()); }).end_invoke();
        eap::begin_invoke(other.pool.context(), [&] {
            in_other_pool = current_is(other.pool.context());
        }).end_invoke();
        back_again = current_is(pool.context());
    }).end_invoke();

    CHECK(in_same_pool);
    CHECK(in_other_pool);
    CHECK(back_again);
}

TEST_CASE("a call of the shared pool that is run by who waits for it finds no current context",
          "[async_call][O-15][DG-3][SC-9]") {
    const auto all_threads = static_cast<std::ptrdiff_t>(std::max(2U, std::thread::hardware_concurrency()));
    std::latch reached{all_threads};
    eap::detail::parking<> open;
    std::vector<eap::async_call<void()>> busy; // each holds up a thread of the shared pool
    for (std::ptrdiff_t i = 0; i < all_threads; ++i)
        busy.push_back(eap::begin_invoke([&] {
            reached.count_down();
            open.wait();
        }));
    reached.wait();
    eap::thread_pool pool{1};
    bool ran_here = false;
    bool has_context = true;
    eap::begin_invoke(pool.context(), [&] {
        eap::begin_invoke([&] {
            ran_here = pool.context().running_in_this_thread();
            has_context = eap::scoped_context::current() != nullptr;
        }).end_invoke();
    }).end_invoke();
    open.set();
    for (const auto& each : busy)
        each.end_invoke();

    CHECK(ran_here);
    CHECK_FALSE(has_context);
}

TEST_CASE("a call that fails while who waits for it runs it throws its error there only",
          "[async_call][O-15]") {
    eap::thread_pool pool{1};
    const auto call = eap::begin_invoke(pool.context(), [&] {
        const auto inner = eap::begin_invoke(pool.context(), fails);
        inner.wait();
        return thrown_by([&] { return inner.end_invoke(); });
    });

    CHECK(call.end_invoke() == "target_error");
}

TEST_CASE("inside a call that who waits for it runs, waiting for the waiting one throws would_deadlock",
          "[async_call][O-15][DG-24]") {
    eap::thread_pool pool{1};
    std::optional<call_of_int> outer;
    eap::detail::parking<> known;
    lines seen;
    outer = eap::begin_invoke(pool.context(), [&] {
        known.wait();
        return eap::begin_invoke(pool.context(),
                                 [&] {
                                     seen.push_back(thrown_by([&] { return outer->end_invoke(); }));
                                     seen.push_back(thrown_by([&] { return outer->wait_for(1h); }));
                                     return 7;
                                 })
            .end_invoke();
    });
    known.set();

    CHECK(outer->end_invoke() == 7);
    CHECK(seen == lines{"would_deadlock", "would_deadlock"});
}

TEST_CASE("on the thread of a loop, ending a call of that loop runs it there and then",
          "[async_call][O-13][departures]") {
    eap::event_loop loop;
    loop.poll(); // now it is this thread's
    std::thread::id ran_on;
    bool is_current = false;
    const auto call = eap::begin_invoke(loop.context(), [&] {
        ran_on = std::this_thread::get_id();
        is_current = eap::scoped_context::current() != nullptr &&
                     *eap::scoped_context::current() == eap::any_synchronization_context{loop.context()};
        return 7;
    });

    CHECK(call.end_invoke() == 7);
    CHECK(ran_on == std::this_thread::get_id());
    CHECK(is_current);
    CHECK(eap::scoped_context::current() == nullptr);
    CHECK_NOTHROW(loop.poll()); // what was queued finds nothing to do
}

TEST_CASE("inside a function of a loop, ending a call of that loop runs it before what was queued earlier",
          "[async_call][O-13]") {
    eap::event_loop loop;
    lines order;
    loop.context().post([&] {
        loop.context().post([&] { order.emplace_back("queued earlier"); });
        eap::begin_invoke(loop.context(), [&] { order.emplace_back("the call"); }).end_invoke();
        order.emplace_back("ended");
    });
    loop.run();

    CHECK(order == lines{"the call", "ended", "queued earlier"});
}

TEST_CASE("any context that knows its own thread has its calls run by who waits for them there",
          "[async_call][O-13]") {
    tests::manual_queue queue;
    const own_thread_context place{.queue = queue.context()};
    const auto call = eap::delegate<int()>{seven}.on(place).begin_invoke();

    CHECK(call.end_invoke() == 7);
    CHECK_NOTHROW(queue.run_all());
}

TEST_CASE("a thread of no pool never runs a pool's call, however long it waits", "[async_call][O-15]") {
    busy_pool place;
    std::thread::id ran_on;
    const auto call = eap::begin_invoke(place.pool.context(), [&] { ran_on = std::this_thread::get_id(); });
    joining_thread other{[&] {
        wait_until_ending(call);
        place.busy.open.set();
    }};
    call.end_invoke();
    other.join();

    CHECK(ran_on != std::thread::id{});
    CHECK(ran_on != std::this_thread::get_id());
}

TEST_CASE("a thread of a pool does not run the calls of a loop, but waits for them", "[async_call][O-15]") {
    eap::event_loop loop;
    eap::thread_pool pool{1};
    std::thread::id ran_on;
    const auto of_loop = eap::begin_invoke(loop.context(), [&] { ran_on = std::this_thread::get_id(); });
    const auto of_pool = eap::begin_invoke(pool.context(), [&] { of_loop.end_invoke(); });
    wait_until_ending(of_loop);
    CHECK_FALSE(of_loop.is_completed());
    loop.poll();
    of_pool.end_invoke();

    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("the thread of a loop does not run the calls of a pool or of another loop, but waits for them",
          "[async_call][O-15]") {
    eap::event_loop mine;
    mine.poll();
    std::thread::id ran_on;
    const auto note = [&] { ran_on = std::this_thread::get_id(); };
    if (GENERATE(true, false)) {
        busy_pool place;
        const auto call = eap::begin_invoke(place.pool.context(), note);
        joining_thread other{[&] {
            wait_until_ending(call);
            place.busy.open.set();
        }};
        call.end_invoke();
    } else {
        eap::event_loop theirs;
        const auto call = eap::begin_invoke(theirs.context(), note);
        joining_thread other{[&] {
            wait_until_ending(call);
            theirs.poll();
        }};
        call.end_invoke();
    }

    CHECK(ran_on != std::thread::id{});
    CHECK(ran_on != std::this_thread::get_id());
}

TEST_CASE("a wait with a limit never runs the call, not even on the thread of a loop that the call needs",
          "[async_call][O-15][WH-4]") {
    eap::event_loop loop;
    loop.poll(); // now it is this thread's
    bool ran = false;
    const auto call = eap::begin_invoke(loop.context(), [&] { ran = true; });

    CHECK_FALSE(call.wait_for(0ns));
    CHECK_FALSE(call.wait_for(1ms));
    CHECK_FALSE(call.wait_until(std::chrono::system_clock::now() + 1ms));
    CHECK(eap::wait_any_for(1ms, call) == std::nullopt);
    CHECK_FALSE(eap::wait_all_for(1ms, call));
    CHECK_FALSE(call.wait_callback_for(1ms));
    CHECK_FALSE(ran);
    call.end_invoke();
    CHECK(ran);
}

TEST_CASE("a wait with a limit on a pool's only thread does not run a call of that pool",
          "[async_call][O-15][WH-4]") {
    eap::thread_pool pool{1};
    bool ran = false;
    bool ran_meanwhile = true;
    bool in_time = true;
    eap::begin_invoke(pool.context(), [&] {
        const auto inner = eap::begin_invoke(pool.context(), [&] { ran = true; });
        in_time = inner.wait_for(1ms);
        ran_meanwhile = ran;
        inner.end_invoke();
    }).end_invoke();

    CHECK_FALSE(in_time);
    CHECK_FALSE(ran_meanwhile);
    CHECK(ran);
}

TEST_CASE("polling never runs the call", "[async_call][O-15]") {
    eap::event_loop loop;
    loop.poll();
    bool ran = false;
    const auto call = eap::begin_invoke(loop.context(), [&] { ran = true; });

    CHECK_FALSE(call.is_completed());
    CHECK_FALSE(ran);
}

TEST_CASE("wait_any runs the first call that has not begun, and no other", "[async_call][wait_any][O-15]") {
    eap::event_loop loop;
    loop.poll();
    std::vector<int> ran;
    const auto first = eap::begin_invoke(loop.context(), [&] { ran.push_back(1); });
    const auto second = eap::begin_invoke(loop.context(), [&] { ran.push_back(2); });

    CHECK(eap::wait_any(first, second) == 0);
    CHECK(ran == std::vector<int>{1});
    eap::wait_all(first, second);
    CHECK(ran == std::vector<int>{1, 2});
}

TEST_CASE("wait_any runs none of its calls when one has begun elsewhere: that one is on its way",
          "[async_call][wait_any][O-15]") {
    eap::event_loop loop;
    loop.poll();
    gate target;
    const auto elsewhere = eap::begin_invoke([&] { target.pass(); });
    target.reached.wait();
    bool ran = false;
    const auto here = eap::begin_invoke(loop.context(), [&] { ran = true; });
    std::latch waiting{1};
    joining_thread other{[&] {
        waiting.wait();
        for (int i = 0; i < 1000; ++i) // gives a wait that would run the other call the time to show it
            std::this_thread::yield();
        target.open.set();
    }};
    waiting.count_down();

    CHECK(eap::wait_any(here, elsewhere) == 1);
    CHECK_FALSE(ran);
}

TEST_CASE("wait_all runs what may run here before it waits for calls elsewhere, which may wait for it",
          "[async_call][wait_all][O-15]") {
    eap::event_loop loop;
    loop.poll();
    gate target;
    const auto elsewhere = eap::begin_invoke([&] { target.pass(); });
    target.reached.wait();
    const auto here = eap::begin_invoke(loop.context(), [&] { target.open.set(); });
    eap::wait_all(elsewhere, here);

    CHECK(elsewhere.is_completed());
    CHECK(here.is_completed());
}

TEST_CASE("a call that who waits for it runs may destroy its loop", "[async_call][O-13][G12]") {
    std::optional<eap::event_loop> loop;
    loop.emplace();
    loop->poll();
    const auto call = eap::begin_invoke(loop->context(), [&] {
        loop.reset();
        return 7;
    });

    CHECK(call.end_invoke() == 7);
}

TEST_CASE("wait_any runs none of its calls when one is complete", "[async_call][wait_any][O-15]") {
    eap::event_loop loop;
    loop.poll();
    bool ran = false;
    const auto complete = eap::begin_invoke(tests::inline_context{}, seven);
    const auto queued = eap::begin_invoke(loop.context(), [&] { ran = true; });

    CHECK(eap::wait_any(queued, complete) == 1);
    CHECK_FALSE(ran);
}

TEST_CASE("wait_all on a pool's only thread runs all the calls", "[async_call][wait_all][O-15]") {
    eap::thread_pool pool{1};
    const auto call = eap::begin_invoke(pool.context(), [&] {
        std::vector<call_of_int> calls;
        for (int i = 0; i < 10; ++i)
            calls.push_back(eap::begin_invoke(pool.context(), seven));
        eap::wait_all(calls);
        int sum = 0;
        for (const auto& each : calls)
            sum += each.end_invoke();
        return sum;
    });

    CHECK(call.end_invoke() == 70);
}

TEST_CASE("a thread of a pool waits for a call that another thread is running", "[async_call][O-15]") {
    eap::thread_pool pool{2};
    gate target;
    std::thread::id ran_on;
    std::thread::id waited_on;
    const auto running = eap::begin_invoke(pool.context(), [&] {
        target.pass();
        ran_on = std::this_thread::get_id();
        return 7;
    });
    target.reached.wait();
    const auto waiting = eap::begin_invoke(pool.context(), [&] {
        waited_on = std::this_thread::get_id();
        return running.end_invoke();
    });
    wait_until_ending(running);
    target.open.set();

    CHECK(waiting.end_invoke() == 7);
    CHECK(ran_on != waited_on);
}

TEST_CASE("the thread that runs a call and the one that would help it: one of them runs it",
          "[async_call][O-15][G1]") {
    eap::thread_pool pool{2};
    for (int round = 0; round < 500; ++round) {
        std::atomic<int> runs{0};
        const auto outer =
            eap::begin_invoke(pool.context(), [&] { // one thread helps, the other takes from the queue
                const auto inner = eap::begin_invoke(pool.context(), [&] { ++runs; });
                inner.end_invoke();
            });
        outer.end_invoke();
        if (runs != 1)
            FAIL("round " << round << ": " << runs);
    }
    SUCCEED();
}

TEST_CASE("the callback of a call that who waited for it ran comes home all the same",
          "[async_call][O-15][CB-3]") {
    eap::thread_pool pool{1};
    eap::event_loop home;
    std::thread::id called_back_on;
    eap::begin_invoke(pool.context(), [&] {
        const eap::scoped_context current{home.context()};
        eap::delegate<int()>{seven}
            .on(pool.context())
            .begin_invoke([&](const auto&) { called_back_on = std::this_thread::get_id(); })
            .end_invoke();
    }).end_invoke();
    home.run();

    CHECK(called_back_on == std::this_thread::get_id());
}

// ---- cancelling ----

TEST_CASE("cancel reaches the stop token of a running target", "[async_call][cancel][O-22]") {
    eap::detail::parking<> begun;
    const auto call = eap::begin_invoke([&](const std::stop_token& stop) {
        begun.set();
        while (!stop.stop_requested())
            std::this_thread::yield();
        return 7;
    });
    begun.wait();

    CHECK(call.cancel());
    CHECK(call.end_invoke() == 7); // a target that stops may have a result all the same
}

TEST_CASE("cancel reaches the target of a delegate, and only that of its own call", "[async_call][cancel]") {
    two_places at;
    std::optional<call_of_int> first;
    lines seen;
    const auto there = eap::delegate<int()>{[&](const std::stop_token& stop) {
                           if (!stop.stop_requested() && seen.empty())
                               first->cancel();
                           seen.emplace_back(stop.stop_requested() ? "stop" : "go on");
                           return 7;
                       }}.on(at.where.context());
    first = there.begin_invoke();
    const auto second = there.begin_invoke();
    at.run();

    CHECK(seen == lines{"stop", "go on"});
}

TEST_CASE("a stop callback of the target runs inside cancel, on its thread", "[async_call][cancel]") {
    gate target;
    std::thread::id ran_on;
    const auto call = eap::begin_invoke([&](const std::stop_token& stop) {
        const std::stop_callback note{stop, [&] { ran_on = std::this_thread::get_id(); }};
        target.pass();
    });
    target.reached.wait();
    call.cancel();
    CHECK(ran_on == std::this_thread::get_id());
    target.open.set();

    CHECK_NOTHROW(call.end_invoke());
}

TEST_CASE("a target that throws operation_cancelled ends cancelled, asked for or not",
          "[async_call][cancel][CN-3]") {
    two_places at;
    std::optional<call_of_int> asked;
    asked = eap::begin_invoke(at.where.context(), [&](const std::stop_token& stop) -> int {
        asked->cancel();
        if (stop.stop_requested())
            throw eap::operation_cancelled{};
        return 7;
    });
    const auto unasked =
        eap::begin_invoke(at.where.context(), []() -> int { throw eap::operation_cancelled{}; });
    at.run();

    CHECK(thrown_by([&] { return asked->end_invoke(); }) == "operation_cancelled");
    const auto args = unasked.try_end_invoke();
    CHECK(args.cancelled());
    CHECK(args.error() == nullptr);
}

TEST_CASE("a target that ignores the stop, or knows of none, ends with its value",
          "[async_call][cancel][CN-7]") {
    gate target;
    const auto call = eap::begin_invoke([&] {
        target.pass();
        return 7;
    });
    target.reached.wait();
    CHECK(call.cancel());
    target.open.set();

    CHECK(call.end_invoke() == 7);
}

TEST_CASE("a target that fails after it was asked to stop ends with its error", "[async_call][cancel][G6]") {
    gate target;
    const auto call = eap::begin_invoke([&]() -> int {
        target.pass();
        throw target_error{"why"};
    });
    target.reached.wait();
    call.cancel();
    target.open.set();
    const auto args = call.try_end_invoke();

    CHECK_FALSE(args.cancelled());
    CHECK(tests::told(args) == "error: why");
}

TEST_CASE("a call that is cancelled before it began is complete at once, and never runs",
          "[async_call][cancel][O-22][departures]") {
    two_places at;
    bool ran = false;
    const auto call = eap::begin_invoke(at.where.context(), [&] { ran = true; });
    CHECK(call.cancel());
    CHECK(call.is_completed());
    CHECK(thrown_by([&] { return call.end_invoke(), 0; }) == "operation_cancelled");
    at.run();

    CHECK_FALSE(ran);
}

TEST_CASE("a thread that waits for a call wakes when it is cancelled before it began",
          "[async_call][cancel]") {
    two_places at;
    const auto call = eap::begin_invoke(at.where.context(), seven);
    std::string seen;
    joining_thread other{[&] { seen = thrown_by([&] { return call.end_invoke(); }); }};
    wait_until_ending(call);
    call.cancel();
    other.join();

    CHECK(seen == "operation_cancelled");
}

TEST_CASE("the callback of a call that is cancelled before it began runs at home, once",
          "[async_call][cancel][CB-2]") {
    two_places at;
    lines seen;
    const auto call =
        eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([&](const call_of_int& done) {
            seen.push_back(tests::told(done.try_end_invoke()));
        });
    call.cancel();
    CHECK(seen.empty());
    at.home.run_all(); // the place of the call has nothing to do with it any more
    at.run();

    CHECK(seen == lines{"cancelled"});
}

TEST_CASE("cancel says whether it was the first request and in time", "[async_call][cancel]") {
    two_places at;
    gate target;
    const auto running = eap::begin_invoke([&] { target.pass(); });
    target.reached.wait();
    const bool first = running.cancel();
    const bool again = running.cancel();
    target.open.set();
    running.end_invoke();
    const auto queued = eap::begin_invoke(at.where.context(), seven);
    const auto complete = eap::begin_invoke(tests::inline_context{}, seven);

    CHECK(first);
    CHECK_FALSE(again);
    CHECK_FALSE(running.cancel());
    CHECK(queued.cancel());
    CHECK_FALSE(queued.cancel());
    CHECK_FALSE(complete.cancel());
    CHECK(complete.end_invoke() == 7);
}

TEST_CASE("cancel in the callback comes too late", "[async_call][cancel]") {
    two_places at;
    bool cancelled = true;
    const auto call =
        eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([&](const call_of_int& done) {
            cancelled = done.cancel();
        });
    at.run();

    CHECK_FALSE(cancelled);
    CHECK(call.end_invoke() == 7);
}

TEST_CASE("of two threads that cancel a call at once, exactly one is told that it did",
          "[async_call][cancel][G7]") {
    two_places at;
    for (int round = 0; round < 500; ++round) {
        int callbacks = 0;
        const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([&](const auto&) {
            ++callbacks;
        });
        std::latch start{2};
        std::atomic<int> told{0};
        const auto cancel = [&] {
            start.arrive_and_wait();
            told += call.cancel() ? 1 : 0;
        };
        joining_thread other{cancel};
        cancel();
        other.join();
        at.run();
        if (told != 1 || callbacks != 1 || tests::told(call.try_end_invoke()) != "cancelled")
            FAIL("round " << round << ": " << told << " told, " << callbacks << " callbacks");
    }
    SUCCEED();
}

TEST_CASE("a cancel that races with the begin of the target: the call runs or is cancelled, not both",
          "[async_call][cancel][G7]") {
    two_places at;
    for (int round = 0; round < 500; ++round) {
        bool ran = false;
        int callbacks = 0;
        const auto call = eap::delegate<int()>{[&] {
                              ran = true;
                              return 7;
                          }}.on(at.where.context())
                              .begin_invoke([&](const auto&) { ++callbacks; });
        std::latch start{2};
        bool cancelled = false;
        joining_thread other{[&] {
            start.arrive_and_wait();
            cancelled = call.cancel();
        }};
        start.arrive_and_wait();
        at.where.run_all();
        other.join();
        at.home.run_all();
        const std::string told = tests::told(call.try_end_invoke());
        if (callbacks != 1 || told != (ran ? "value 7" : "cancelled") || (!ran && !cancelled))
            FAIL("round " << round << ": " << told << (ran ? ", ran, " : ", ") << callbacks << " callbacks");
    }
    SUCCEED();
}

TEST_CASE("a call that is cancelled before it began lets go of what it holds", "[async_call][cancel][G14]") {
    two_places at;
    const auto held = std::make_shared<int>();
    {
        const auto call = eap::begin_invoke(at.where.context(), [held](const std::shared_ptr<int>&) {}, held);
        call.cancel();
    }
    at.run();

    CHECK(held.use_count() == 1);
}

// ---- places that lose calls ----

TEST_CASE("closing a pool ends the calls that it had queued as abandoned, and wakes who waits for them",
          "[async_call][close][G1][G4][O-33]") {
    busy_pool place;
    const auto held = std::make_shared<int>(7);
    lines seen;
    {
        const eap::delegate<int(std::shared_ptr<int>)> target{
            [held](const std::shared_ptr<int>& got) { return *got; }};
        const auto there = target.on(place.pool.context());
        const auto ended = there.begin_invoke(held);
        const auto waited = there.begin_invoke(held);
        const auto any = there.begin_invoke(held);
        const auto polled = there.begin_invoke(held);
        std::string end;
        std::latch waiting{2};
        joining_thread ending{[&] { end = thrown_by([&] { return ended.end_invoke(); }); }};
        joining_thread waiting_for_all{[&] {
            waiting.count_down();
            eap::wait_all(ended, waited);
        }};
        joining_thread waiting_for_any{[&] {
            waiting.count_down();
            eap::wait_any(any, polled);
        }};
        wait_until_ending(ended);
        waiting.wait();
        place.pool.close();
        seen.push_back(polled.is_completed() ? "complete" : "not complete");
        ending.join();
        waiting_for_all.join();
        waiting_for_any.join();
        seen.push_back(end);
        seen.push_back(thrown_by([&] { return waited.end_invoke(); }));
        seen.push_back(tests::told(any.try_end_invoke()));
    }

    CHECK(seen == lines{"complete", "operation_abandoned", "operation_abandoned", "abandoned"});
    CHECK(held.use_count() == 1);
}

TEST_CASE("destroying a pool ends the calls that it had queued as abandoned, also while it still waits",
          "[async_call][close][G1][G4]") {
    gate busy;
    auto pool = std::make_unique<eap::thread_pool>(1);
    const auto running = eap::begin_invoke(pool->context(), [&] {
        busy.pass();
        return 7;
    });
    busy.reached.wait();
    const auto queued = eap::begin_invoke(pool->context(), seven);
    joining_thread destroying{[&] { pool.reset(); }};
    const auto of_queued = thrown_by([&] { return queued.end_invoke(); });
    const bool is_running_complete = running.is_completed();
    busy.open.set();

    CHECK(of_queued == "operation_abandoned");
    CHECK_FALSE(is_running_complete);
    CHECK(running.end_invoke() == 7);
}

TEST_CASE("the callbacks of calls that a pool loses run at their home", "[async_call][close][G1][G5][CB-2]") {
    two_places at;
    busy_pool place;
    lines seen;
    const auto there = eap::delegate<int()>{seven}.on(place.pool.context());
    for (int i = 0; i < 3; ++i)
        there.begin_invoke(
            [&](const call_of_int& done) { seen.push_back(tests::told(done.try_end_invoke())); });
    place.pool.close();
    CHECK(seen.empty());
    at.home.run_all();

    CHECK(seen == lines(3, "abandoned"));
}

TEST_CASE("a context that drops a call ends it as abandoned, and its callback runs",
          "[async_call][close][G1][G4][CB-2]") {
    two_places at;
    int callbacks = 0;
    const auto call =
        eap::delegate<int()>{seven}.on(tests::dropping_context{}).begin_invoke([&](const auto&) {
            ++callbacks;
        });
    CHECK(call.is_completed());
    at.home.run_all();

    CHECK(callbacks == 1);
    CHECK(thrown_by([&] { return call.end_invoke(); }) == "operation_abandoned");
}

TEST_CASE("a context that drops a call later ends it as abandoned", "[async_call][close][G4]") {
    two_places at;
    const auto dropped = eap::begin_invoke(at.where.context(), seven);
    const auto next = eap::begin_invoke(at.where.context(), seven);
    at.where.drop_one();
    CHECK(thrown_by([&] { return dropped.end_invoke(); }) == "operation_abandoned");
    at.run();

    CHECK(next.end_invoke() == 7);
}

TEST_CASE("closing a loop, or its end, ends the calls that it had queued as abandoned",
          "[async_call][close][G4]") {
    std::optional<eap::event_loop> loop;
    loop.emplace();
    const auto call = eap::begin_invoke(loop->context(), seven);
    if (GENERATE(true, false))
        loop->close();
    else
        loop.reset();

    CHECK(thrown_by([&] { return call.end_invoke(); }) == "operation_abandoned");
}

TEST_CASE("an abandoned call leaves the variables of its in/out parameters untouched",
          "[async_call][close][DG-17]") {
    const auto call =
        eap::delegate<void(int&)>{[](int& value) { ++value; }}.on(tests::dropping_context{}).begin_invoke(1);
    int variable = 1;

    CHECK(thrown_by([&] { return call.end_invoke(variable), 0; }) == "operation_abandoned");
    CHECK(variable == 1);
}

TEST_CASE("a call that was cancelled before its place lost it stays cancelled",
          "[async_call][close][cancel][G6]") {
    two_places at;
    int callbacks = 0;
    const auto call =
        eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([&](const auto&) { ++callbacks; });
    call.cancel();
    at.where.close();
    at.home.run_all();

    CHECK(thrown_by([&] { return call.end_invoke(); }) == "operation_cancelled");
    CHECK(callbacks == 1);
}

TEST_CASE("a call that was run by who waited for it is not abandoned when its place loses what was queued",
          "[async_call][close][O-15][G1]") {
    eap::event_loop loop;
    loop.poll();
    const auto call = eap::begin_invoke(loop.context(), seven);
    call.wait();
    loop.close();

    CHECK(call.end_invoke() == 7);
}

TEST_CASE("a target may close the pool that runs it", "[async_call][close][G12]") {
    eap::thread_pool pool{1};
    const auto call = eap::begin_invoke(pool.context(), [&] {
        const auto queued = eap::begin_invoke(pool.context(), seven);
        pool.close();
        return thrown_by([&] { return queued.end_invoke(); });
    });

    CHECK(call.end_invoke() == "operation_abandoned");
}

TEST_CASE("a cancel that races with the loss of the call: one of them decides, and its callback runs once",
          "[async_call][close][cancel][G7]") {
    for (int round = 0; round < 500; ++round) {
        two_places at;
        int callbacks = 0;
        const auto call = eap::delegate<int()>{seven}.on(at.where.context()).begin_invoke([&](const auto&) {
            ++callbacks;
        });
        std::latch start{2};
        bool cancelled = false;
        joining_thread other{[&] {
            start.arrive_and_wait();
            cancelled = call.cancel();
        }};
        start.arrive_and_wait();
        at.where.drop_all();
        other.join();
        at.home.run_all();
        const std::string told = tests::told(call.try_end_invoke());
        if (callbacks != 1 || told != (cancelled ? "cancelled" : "abandoned"))
            FAIL("round " << round << ": " << told << ", " << callbacks << " callbacks");
    }
    SUCCEED();
}

TEST_CASE("in the lab a wait until a time of the wall clock ends when its time has come",
          "[async_call][lab]") {
    const auto result = eap::testing::explore(eap::testing::in_order{}, [] {
        eap::event_loop nobody;
        const auto never = eap::begin_invoke(nobody.context(), [] {});
        eap::testing::check(!never.wait_until(std::chrono::system_clock::now() + std::chrono::hours{1}),
                            "not complete");
        never.cancel();
    });
    INFO(result);
    CHECK(result);
}
