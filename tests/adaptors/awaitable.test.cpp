// SPDX-License-Identifier: BSL-1.0
#include <eap/adaptors/awaitable.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/coroutine.hpp"

#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/delegate.hpp"
#include "eap/run_on.hpp"
#include "eap/testing/exploration.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
namespace lab = eap::testing;
using tests::coroutine;
using tests::lines;

namespace {

/// A home and a place for calls, both run by hand, and what a coroutine tells.
struct by_hand {
    tests::manual_queue home;
    tests::manual_queue place;
    tests::record log;
    eap::scoped_context here{home.context()};
};

template <class Call> coroutine tell_end_of(Call call, tests::record log) {
    log.add("waits");
    try {
        log.add(std::to_string(co_await call));
    } catch (const eap::operation_cancelled&) {
        log.add("cancelled");
    } catch (const std::exception&) {
        log.add(tests::told(std::current_exception()));
    }
}

/// Tells how an operation ends that `start` begins; with `latest` reports, so that none is kept.
template <class Start>
coroutine tell_end_of_operation(Start start, tests::record log, std::stop_token stop = {}) {
    log.add("waits");
    try {
        const int value = co_await eap::cancel_when(
            stop, eap::start_operation<int, int>(
                      std::move(start), [log](const auto& report) { log.add(tests::told(report)); }));
        log.add(std::to_string(value));
    } catch (const eap::operation_cancelled&) {
        log.add("cancelled");
    } catch (const std::exception&) {
        log.add(tests::told(std::current_exception()));
    }
}

using operation = eap::async_operation<int, int>;

} // namespace

// ---- calls ----

TEST_CASE("a coroutine that waits for a call goes on at the context where it waited, with the result",
          "[awaitable]") {
    by_hand t;
    const auto waiting = tell_end_of(eap::begin_invoke(t.place.context(), [] { return 42; }), t.log);
    CHECK(t.log.all() == lines{"waits"});
    std::jthread{[&] { t.place.run_all(); }}.join();
    CHECK(t.log.all() == lines{"waits"}); // complete, and not home yet
    REQUIRE(t.home.run_all() == 1);
    CHECK(t.log.all() == lines{"waits", "42"});
    CHECK(waiting.is_done());
}

TEST_CASE("a call that is complete does not put a coroutine to sleep", "[awaitable]") {
    by_hand t;
    const auto call = eap::begin_invoke(t.place.context(), [] { return 7; });
    t.place.run_all();
    const auto waiting = tell_end_of(call, t.log);
    CHECK(t.log.all() == lines{"waits", "7"});
    CHECK(t.home.size() == 0);
}

TEST_CASE("a coroutine gets the error of its call, or that it was cancelled, or lost", "[awaitable]") {
    by_hand t;
    const auto failed = tell_end_of(
        eap::begin_invoke(t.place.context(), []() -> int { throw std::runtime_error{"boom"}; }), t.log);
    t.place.run_all();
    const auto call = eap::begin_invoke(t.place.context(), [] { return 1; });
    const auto cancelled = tell_end_of(call, t.log);
    CHECK(call.cancel());
    const auto lost = tell_end_of(eap::begin_invoke(t.place.context(), [] { return 1; }), t.log);
    t.place.drop_all();
    t.home.run_all();
    CHECK(t.log.all() == lines{"waits", "waits", "waits", "error: boom", "cancelled", "abandoned"});
}

TEST_CASE("results of any kind come to a coroutine", "[awaitable]") {
    by_hand t;
    int object = 7;
    const auto waiting = [](auto place, int& whose, tests::record log) -> coroutine {
        co_await eap::begin_invoke(place, [] {});
        int& same = co_await eap::begin_invoke(place, [&]() -> int& { return whose; });
        const auto moved = co_await eap::begin_invoke(place, [] { return std::make_unique<int>(3); });
        log.add(&same == &whose ? "the object" : "a copy");
        log.add(std::to_string(*moved));
    }(t.place.context(), object, t.log);
    for (int i = 0; i != 3; ++i) {
        t.place.run_all();
        t.home.run_all();
    }
    CHECK(t.log.all() == lines{"the object", "3"});
}

TEST_CASE("several waits in one expression", "[awaitable]") {
    by_hand t;
    const auto waiting = [](auto place, tests::record log) -> coroutine {
        const auto a = eap::begin_invoke(place, [] { return 40; });
        const auto b = eap::begin_invoke(place, [] { return 2; });
        log.add(std::to_string(co_await a + co_await b));
    }(t.place.context(), t.log);
    t.place.run_all();
    t.home.run_all();
    CHECK(t.log.all() == lines{"42"});
}

TEST_CASE("to wait for an async_call<> leaves its end, and the variables, to whoever ends it",
          "[awaitable]") {
    by_hand t;
    const eap::delegate<int(int&)> increment = [](int& n) { return n++; };
    const auto call = increment.on(t.place.context()).begin_invoke(41);
    const auto waiting = [](auto begun, tests::record log) -> coroutine {
        co_await eap::async_call<>{begun};
        int n = 0;
        const int old = begun.end_invoke(n);
        log.add(std::to_string(old) + " " + std::to_string(n));
        co_await eap::async_call<>{begun}; // also when it has been ended
    }(call, t.log);
    t.place.run_all();
    t.home.run_all();
    CHECK(t.log.all() == lines{"41 42"});
    CHECK(waiting.is_done());
}

TEST_CASE("of two coroutines that wait for one call, and of a third that ends it, one has the outcome",
          "[awaitable]") {
    by_hand t;
    const auto call = eap::begin_invoke(t.place.context(), [] { return 1; });
    const auto first = tell_end_of(call, t.log);
    const auto second = tell_end_of(call, t.log);
    CHECK(t.log.all().size() == 3); // the second was told at once
    CHECK_THROWS_AS(call.end_invoke(), eap::invalid_operation);
    t.place.run_all();
    t.home.run_all();
    CHECK(t.log.all().back() == "1");
    CHECK(tests::message_of<eap::invalid_operation>([&] {
              [](eap::async_call<int()> none) -> coroutine { co_await none; }({}).get();
          }).find("names no call") != std::string::npos);
}

TEST_CASE("a coroutine may be destroyed while it waits: the call goes on, and can be ended by others",
          "[awaitable]") {
    by_hand t;
    const auto call = eap::begin_invoke(t.place.context(), [] { return 42; });
    SECTION("before the call is complete") {
        tell_end_of(call, t.log).destroy();
        t.place.run_all();
    }
    SECTION("when it is complete, and the waking on its way") {
        auto waiting = tell_end_of(call, t.log);
        t.place.run_all();
        waiting.destroy();
    }
    t.home.run_all();
    CHECK(t.log.all() == lines{"waits"});
    CHECK(call.end_invoke() == 42);
}

TEST_CASE("a coroutine whose home is gone stays asleep, and its owner destroys it", "[awaitable]") {
    by_hand t;
    {
        const auto waiting = tell_end_of(eap::begin_invoke(t.place.context(), [] { return 42; }), t.log);
        SECTION("before the call is complete") {
            t.home.close();
            t.place.run_all();
        }
        SECTION("with the waking queued") {
            t.place.run_all();
            t.home.close();
        }
        CHECK(!waiting.is_done());
    }
    CHECK(t.log.all() == lines{"waits"});
}

TEST_CASE(
    "a loop stays in run while a coroutine waits on it, and pools are where those go on that have no context",
    "[awaitable]") {
    eap::event_loop loop;
    std::thread::id there;
    std::optional<coroutine> waiting;
    loop.context().post([&] {
        waiting.emplace([](std::thread::id& where) -> coroutine {
            co_await eap::begin_invoke([] {});
            where = std::this_thread::get_id();
        }(there));
    });
    loop.run();
    CHECK(waiting->is_done());
    CHECK(there == std::this_thread::get_id());

    tests::manual_queue place;
    bool was_pool = false;
    const auto without = [](auto at, bool& pool) -> coroutine {
        co_await eap::begin_invoke(at, [] {});
        pool = eap::running_in_this_thread(eap::thread_pool::shared()).value_or(false);
    }(place.context(), was_pool);
    place.run_all();
    without.wait();
    CHECK(was_pool);
}

TEST_CASE("on an inline home a coroutine goes on inside whoever completes the call", "[awaitable]") {
    by_hand t;
    const eap::scoped_context here{tests::inline_context{}};
    const auto waiting = tell_end_of(eap::begin_invoke(t.place.context(), [] { return 42; }), t.log);
    t.place.run_all();
    CHECK(t.log.all() == lines{"waits", "42"});
}

TEST_CASE("a stop that is requested while a coroutine waits cancels its call", "[awaitable]") {
    by_hand t;
    std::stop_source stop;
    const auto tell = [](auto call, std::stop_token token, tests::record log) -> coroutine {
        try {
            log.add(std::to_string(co_await eap::cancel_when(token, call)));
        } catch (const eap::operation_cancelled&) {
            log.add("cancelled");
        }
    };
    SECTION("before the call has begun") {
        const auto waiting =
            tell(eap::begin_invoke(t.place.context(), [] { return 1; }), stop.get_token(), t.log);
        stop.request_stop();
        t.home.run_all();
        CHECK(t.log.all() == lines{"cancelled"});
    }
    SECTION("before the coroutine waits") {
        stop.request_stop();
        const auto waiting =
            tell(eap::begin_invoke(t.place.context(), [] { return 1; }), stop.get_token(), t.log);
        t.home.run_all();
        CHECK(t.log.all() == lines{"cancelled"});
    }
    SECTION("while it runs, when its target listens") {
        const auto target = [&](std::stop_token token) {
            CHECK(!token.stop_requested());
            stop.request_stop();
            return token.stop_requested() ? 2 : 1;
        };
        const auto waiting = tell(eap::begin_invoke(t.place.context(), target), stop.get_token(), t.log);
        t.place.run_all();
        t.home.run_all();
        CHECK(t.log.all() == lines{"2"});
    }
    SECTION("after that, it does nothing") {
        const auto call = eap::begin_invoke(t.place.context(), [] { return 1; });
        const auto waiting = tell(call, stop.get_token(), t.log);
        t.place.run_all();
        t.home.run_all();
        stop.request_stop();
        CHECK(t.log.all() == lines{"1"});
    }
    SECTION("nor when the coroutine is gone") {
        const auto call = eap::begin_invoke(t.place.context(), [] { return 1; });
        tell(call, stop.get_token(), t.log).destroy();
        stop.request_stop();
        t.place.run_all();
        CHECK(call.end_invoke() == 1);
    }
}

// ---- operations ----

TEST_CASE("a coroutine is the client of the operation that it starts: reports, and then the outcome",
          "[awaitable]") {
    by_hand t;
    std::optional<operation> begun;
    const auto waiting = tell_end_of_operation([&](operation op) { begun.emplace(std::move(op)); }, t.log);
    begun->report_progress(10, 1);
    begun->report_progress(20, 2);
    begun->complete(42);
    CHECK(t.log.all() == lines{"waits"});
    t.home.run_all();
    CHECK(t.log.all() == lines{"waits", "10% 1", "20% 2", "42"});
}

TEST_CASE("each end of an operation comes to the coroutine that started it", "[awaitable]") {
    by_hand t;
    const auto failed =
        tell_end_of_operation([](operation op) { op.complete_error(std::runtime_error{"boom"}); }, t.log);
    const auto cancelled = tell_end_of_operation([](operation op) { op.complete_cancelled(); }, t.log);
    const auto let_go = tell_end_of_operation([](const operation&) {}, t.log);
    const auto late = [](tests::record log) -> coroutine {
        try {
            co_await eap::start_operation([](eap::async_operation<>&& op) { auto held = std::move(op); },
                                          {.timeout = 0s});
        } catch (const std::exception&) {
            log.add(tests::told(std::current_exception()));
        }
    }(t.log);
    t.home.run_all();
    CHECK(t.log.all() ==
          lines{"waits", "waits", "waits", "error: boom", "cancelled", "abandoned", "timed out"});
}

TEST_CASE("an operation that comes home before its coroutine sleeps does not let it sleep", "[awaitable]") {
    by_hand t;
    SECTION("on an inline home") {
        const eap::scoped_context here{tests::inline_context{}};
        const auto waiting = tell_end_of_operation([](operation op) { op.complete(42); }, t.log);
        CHECK(t.log.all() == lines{"waits", "42"});
    }
    SECTION("on a home that another thread runs meanwhile") {
        const auto waiting = tell_end_of_operation(
            [&](operation op) {
                op.complete(42);
                std::jthread{[&] { t.home.run_all(); }}.join();
            },
            t.log);
        CHECK(t.log.all() == lines{"waits", "42"});
    }
}

TEST_CASE("what the function throws that starts an operation comes to the coroutine, and nothing else",
          "[awaitable]") {
    by_hand t;
    SECTION("when it still has the operation") {
        const auto waiting =
            tell_end_of_operation([](const operation&) { throw std::runtime_error{"no"}; }, t.log);
    }
    SECTION("when it has given it away") {
        std::optional<operation> begun;
        const auto waiting = tell_end_of_operation(
            [&](operation op) {
                begun.emplace(std::move(op));
                throw std::runtime_error{"no"};
            },
            t.log);
        begun->report_progress(10, 1);
        begun->complete(1);
    }
    SECTION("when it has come home by then") {
        const auto waiting = tell_end_of_operation(
            [&](operation op) {
                op.complete(1);
                t.home.run_all();
                throw std::runtime_error{"no"};
            },
            t.log);
    }
    t.home.run_all();
    CHECK(t.log.all() == lines{"waits", "error: no"});
}

TEST_CASE("when its coroutine is destroyed, the work of an operation is asked to stop, and nothing is called "
          "any more",
          "[awaitable]") {
    by_hand t;
    std::optional<operation> begun;
    auto waiting = tell_end_of_operation([&](operation op) { begun.emplace(std::move(op)); }, t.log);
    begun->report_progress(10, 1);
    CHECK(!begun->cancellation_pending());
    waiting.destroy();
    CHECK(begun->cancellation_pending());
    begun->complete(1);
    t.home.run_all();
    CHECK(t.log.all() == lines{"waits"});
}

TEST_CASE("a stop that is requested while a coroutine waits reaches the work of its operation",
          "[awaitable]") {
    by_hand t;
    std::stop_source stop;
    std::optional<operation> begun;
    const auto waiting =
        tell_end_of_operation([&](operation op) { begun.emplace(std::move(op)); }, t.log, stop.get_token());
    CHECK(!begun->cancellation_pending());
    stop.request_stop();
    CHECK(begun->cancellation_pending());
    begun.reset();
    t.home.run_all();
    CHECK(t.log.all() == lines{"waits", "cancelled"});
}

// ---- resume_on ----

TEST_CASE("resume_on goes on there", "[awaitable]") {
    tests::manual_queue first, second;
    tests::record log;
    const auto moving = [](auto a, auto b, tests::record told) -> coroutine {
        co_await eap::resume_on(a);
        told.add(eap::scoped_context::current()->template target<tests::manual_context>() != nullptr &&
                         *eap::scoped_context::current() == eap::any_synchronization_context{a}
                     ? "first"
                     : "elsewhere");
        co_await eap::resume_on(b);
        told.add("second");
    }(first.context(), second.context(), log);
    CHECK(second.run_all() == 0);
    CHECK(first.run_all() == 1);
    CHECK(log.all() == lines{"first"});
    CHECK(second.run_all() == 1);
    CHECK(log.all() == lines{"first", "second"});
}

TEST_CASE("a place that refuses leaves the coroutine where it was, with the refusal", "[awaitable]") {
    tests::manual_queue closed;
    closed.close();
    const auto there = [](auto place) -> coroutine { co_await eap::resume_on(place); };
    CHECK_THROWS_AS(there(closed.context()).get(), eap::context_closed);
    CHECK_THROWS_AS(there(tests::throwing_context{}).get(), tests::post_refused);
}

TEST_CASE("a place that loses a coroutine leaves it asleep; one that is gone is not resumed", "[awaitable]") {
    tests::manual_queue place;
    const auto there = [](auto where, tests::record log) -> coroutine {
        co_await eap::resume_on(where);
        log.add("resumed");
    };
    tests::record log;
    {
        const auto lost = there(place.context(), log);
        place.drop_all();
        CHECK(!lost.is_done());
    }
    there(place.context(), log).destroy();
    CHECK(place.run_all() == 1);
    CHECK(log.all().empty());
    const auto resumed = there(tests::inline_context{}, log);
    CHECK(log.all() == lines{"resumed"});
}

// ---- memory ----

TEST_CASE(
    "when memory runs out while a coroutine is about to wait, it hears of it, and the call is as before",
    "[awaitable]") {
    if (!tests::allocation_watch::works)
        return;
    std::size_t failed = 0;
    for (std::size_t k = 1;; ++k) {
        by_hand t;
        const auto call = eap::begin_invoke(t.place.context(), [] { return 42; });
        bool out_of_memory = false;
        {
            tests::allocation_watch watch;
            const auto waiting = [](auto c, auto& w, std::size_t number, bool& out) -> coroutine {
                w.fail(number);
                try {
                    const int value = co_await c;
                    CHECK(value == 42);
                } catch (const std::bad_alloc&) {
                    out = true;
                }
            }(call, watch, k, out_of_memory);
            watch.fail(0);
            t.place.run_all();
            t.home.run_all();
            CHECK(waiting.is_done());
        }
        if (!out_of_memory)
            break;
        ++failed;
        CHECK(call.end_invoke() == 42);
    }
    CHECK(failed >= 3);
}

// ---- every order ----

TEST_CASE("a coroutine that waits for a call on a pool: in every order one outcome, on its loop, and nothing "
          "is left",
          "[awaitable][lab]") {
    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 2}, [] {
        eap::event_loop loop;
        eap::thread_pool pool{1};
        int outcomes = 0;
        const auto call = eap::begin_invoke(pool.context(), [] { return 42; });
        std::optional<coroutine> waiting;
        loop.context().post([&] {
            waiting.emplace([](auto awaited, int& ends) -> coroutine {
                try {
                    lab::check(co_await awaited == 42, "its result");
                } catch (const eap::operation_cancelled&) {
                }
                ++ends;
            }(call, outcomes));
        });
        lab::thread canceller{"cancel", [&] { static_cast<void>(call.cancel()); }};
        loop.run();
        canceller.join();
        lab::check(outcomes == 1 && waiting->is_done(), "resumed once");
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}

TEST_CASE("a coroutine that is destroyed while its call ends: in every order it is not resumed after that",
          "[awaitable][lab]") {
    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 2}, [] {
        eap::event_loop loop;
        eap::thread_pool pool{1};
        bool gone = false;
        const auto call = eap::begin_invoke(pool.context(), [] { return 42; });
        std::optional<coroutine> waiting;
        loop.context().post([&] {
            waiting.emplace([](auto awaited, bool& is_gone) -> coroutine {
                co_await awaited;
                lab::check(!is_gone, "resumed when it was gone");
            }(call, gone));
        });
        loop.context().post([&] {
            gone = true;
            waiting.reset();
        });
        loop.run();
        pool.close();
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}

TEST_CASE("an operation that is completed while its coroutine falls asleep: in every order it goes on once",
          "[awaitable][lab]") {
    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 2}, [] {
        eap::thread_pool home{2}; // one falls asleep, the other wakes
        int resumed = 0;
        std::optional<coroutine> waiting;
        lab::thread starter{"start", [&] {
                                const eap::scoped_context here{home.context()};
                                waiting.emplace([](int& times) -> coroutine {
                                    const int value = co_await eap::start_operation<int>(
                                        [](eap::async_operation<int> op) { op.complete(42); });
                                    lab::check(value == 42, "its value");
                                    ++times;
                                }(resumed));
                            }};
        starter.join();
        waiting->wait();
        home.close();
        lab::check(resumed == 1, "resumed once");
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}
