// SPDX-License-Identifier: BSL-1.0
#include <eap/unobserved_error.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/death.hpp"

#include <eap/async_call.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/delegate.hpp>
#include <eap/detail/parking.hpp>
#include <eap/errors.hpp>
#include <eap/scoped_context.hpp>
#include <eap/tracked.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

using tests::lines;

namespace {

struct target_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Writes down the unobserved errors, for as long as it lives: "error: why, state".
struct listening {
    tests::record log;

    listening() {
        eap::on_unobserved_error([log = log](const eap::unobserved_error& what) {
            const std::string* const state = what.async_state.get_if<std::string>();
            log.add(tests::told(what.error) + (state != nullptr ? ", " + *state : ""));
        });
    }
    listening(const listening&) = delete;
    listening& operator=(const listening&) = delete;
    ~listening() { eap::on_unobserved_error(nullptr); }

    lines heard() const { return log.all(); }
};

/// A queue where calls run, a queue that is this thread's context, where their callbacks run, and a listener.
struct scene {
    tests::manual_queue where;
    tests::manual_queue home;
    eap::scoped_context current{home.context()};
    listening listener;
    eap::delegate<int()> fails =
        eap::delegate<int()>{[]() -> int { throw target_error{"why"}; }}.on(where.context());

    /// Runs the calls, then the callbacks.
    void run() {
        where.run_all();
        home.run_all();
    }
    lines heard() const { return listener.heard(); }
};

} // namespace

TEST_CASE("an error that nobody fetched is told when the last handle dies", "[unobserved_error][O-2][EX-2]") {
    scene at;
    std::optional call{at.fails.begin_invoke({}, "state")};
    auto copy = std::make_optional(*call);
    at.run();
    call.reset();
    CHECK(at.heard() == lines{});
    copy.reset();

    CHECK(at.heard() == lines{"error: why, state"});
}

TEST_CASE("an error of a call whose last handle died before is told when it completes",
          "[unobserved_error][O-2]") {
    scene at;
    at.fails.begin_invoke({}, "state");
    CHECK(at.heard() == lines{});
    at.run();

    CHECK(at.heard() == lines{"error: why, state"});
}

TEST_CASE("an unobserved error is the very exception that the target threw", "[unobserved_error][EX-1]") {
    tests::manual_queue where;
    const auto thrown = std::make_exception_ptr(target_error{"why"});
    std::exception_ptr told;
    eap::on_unobserved_error([&](const eap::unobserved_error& what) { told = what.error; });
    eap::begin_invoke(where.context(), [&] { std::rethrow_exception(thrown); });
    where.run_all();
    eap::on_unobserved_error(nullptr);

    CHECK(told == thrown);
}

TEST_CASE("an unobserved error is told on the thread that lets go of the last handle", "[unobserved_error]") {
    tests::manual_queue where;
    std::thread::id told_on;
    eap::on_unobserved_error([&](const eap::unobserved_error&) { told_on = std::this_thread::get_id(); });
    std::thread::id let_go_on;
    std::optional call{eap::begin_invoke(where.context(), [] { throw target_error{"why"}; })};
    where.run_all();
    std::thread{[&] {
        let_go_on = std::this_thread::get_id();
        call.reset();
    }}.join();
    eap::on_unobserved_error(nullptr);

    CHECK(told_on == let_go_on);
}

TEST_CASE("an unobserved error is told on the thread that completes the call, when that comes last",
          "[unobserved_error]") {
    tests::manual_queue where;
    std::thread::id told_on;
    eap::on_unobserved_error([&](const eap::unobserved_error&) { told_on = std::this_thread::get_id(); });
    std::thread::id completed_on;
    eap::begin_invoke(where.context(), [] { throw target_error{"why"}; });
    std::thread{[&] {
        completed_on = std::this_thread::get_id();
        where.run_all();
    }}.join();
    eap::on_unobserved_error(nullptr);

    CHECK(told_on == completed_on);
}

TEST_CASE("a handle that is assigned another call lets go of its own", "[unobserved_error]") {
    scene at;
    auto call = at.fails.begin_invoke({}, "first");
    at.run();
    call = at.fails.begin_invoke({}, "second");

    CHECK(at.heard() == lines{"error: why, first"});
}

TEST_CASE("a handle without the call's signature keeps the error as well", "[unobserved_error]") {
    scene at;
    eap::async_call<> untyped = at.fails.begin_invoke();
    at.run();
    CHECK(at.heard() == lines{});
    untyped = {};

    CHECK(at.heard() == lines{"error: why"});
}

TEST_CASE("an error that an end has thrown is not told again", "[unobserved_error]") {
    scene at;
    {
        const auto call = at.fails.begin_invoke();
        at.run();
        CHECK_THROWS_AS(call.end_invoke(), target_error);
    }

    CHECK(at.heard() == lines{});
}

TEST_CASE("an error that try_end_invoke has given is not told, even when nobody looks at it",
          "[unobserved_error]") {
    scene at;
    {
        const auto call = at.fails.begin_invoke();
        at.run();
        static_cast<void>(call.try_end_invoke());
    }

    CHECK(at.heard() == lines{});
}

TEST_CASE("an error that an end waits for is not told when the other handles die meanwhile",
          "[unobserved_error]") {
    listening listener;
    eap::detail::parking<> go;
    auto call = eap::begin_invoke([&] {
        go.wait();
        throw target_error{"why"};
    });
    bool thrown = false;
    const eap::async_call<> watched = call;
    std::thread ending{[&, mine = std::move(call)] {
        try {
            mine.end_invoke();
        } catch (const target_error&) {
            thrown = true;
        }
    }};
    while (!watched.end_invoke_called())
        std::this_thread::yield();
    go.set();
    ending.join();

    CHECK(thrown);
    CHECK(listener.heard() == lines{});
}

TEST_CASE("waiting and polling do not count as fetching the error", "[unobserved_error][EX-2]") {
    scene at;
    {
        const auto call = at.fails.begin_invoke();
        at.run();
        call.wait();
        CHECK(call.is_completed());
        CHECK(call.wait_for(std::chrono::seconds{0}));
        eap::wait_all(call);
        call.wait_callback();
    }

    CHECK(at.heard() == lines{"error: why"});
}

TEST_CASE("an end that was refused does not count as fetching the error", "[unobserved_error][DG-8][DG-24]") {
    scene at;
    int refused = 0;
    {
        std::optional<eap::async_call<int()>> own;
        own = eap::begin_invoke(at.where.context(), [&]() -> int {
            try {
                own->end_invoke(); // inside the target
            } catch (const eap::would_deadlock&) {
                ++refused;
            }
            throw target_error{"why"};
        });
        at.run();
        try {
            at.fails.end_invoke(*own); // another delegate
        } catch (const eap::invalid_operation&) {
            ++refused;
        }
    }

    CHECK(refused == 2);
    CHECK(at.heard() == lines{"error: why"});
}

TEST_CASE("values are not told", "[unobserved_error]") {
    scene at;
    eap::begin_invoke(at.where.context(), [] { return 7; });
    {
        const auto call = eap::begin_invoke(at.where.context(), [] {});
        at.run();
    }

    CHECK(at.heard() == lines{});
}

TEST_CASE("cancelled calls are not told, however they were cancelled", "[unobserved_error]") {
    scene at;
    at.fails.begin_invoke().cancel();
    eap::begin_invoke(at.where.context(), [] { throw eap::operation_cancelled{}; });
    {
        const auto call = at.fails.begin_invoke();
        call.cancel();
        at.run();
    }

    CHECK(at.heard() == lines{});
}

TEST_CASE("abandoned calls are told", "[unobserved_error][G1]") {
    scene at;
    at.fails.begin_invoke({}, "closed");
    at.where.close();
    at.fails.on(tests::dropping_context{}).begin_invoke({}, "dropped");
    {
        eap::event_loop loop;
        at.fails.on(loop.context()).begin_invoke({}, "of a loop");
    }

    CHECK(at.heard() == lines{"abandoned, closed", "abandoned, dropped", "abandoned, of a loop"});
}

TEST_CASE("a call that could not begin is not told", "[unobserved_error][DG-19][G9]") {
    scene at;
    CHECK_THROWS_AS(at.fails.on(tests::throwing_context{}).begin_invoke(), tests::post_refused);
    CHECK_THROWS_AS(eap::delegate<void()>{}.begin_invoke(), std::bad_function_call);
    at.run();

    CHECK(at.heard() == lines{});
}

TEST_CASE("a call that fails inside begin_invoke, on an inline context, is told", "[unobserved_error]") {
    scene at;
    at.fails.on(tests::inline_context{}).begin_invoke();

    CHECK(at.heard() == lines{"error: why"});
}

TEST_CASE("a callback that does not end the call does not fetch its error", "[unobserved_error]") {
    scene at;
    at.fails.begin_invoke([](const auto&) {}, "state");
    at.where.run_all();
    CHECK(at.heard() == lines{}); // the callback may still end it
    at.home.run_all();

    CHECK(at.heard() == lines{"error: why, state"});
}

TEST_CASE("a callback that ends the call fetches its error", "[unobserved_error]") {
    scene at;
    at.fails.begin_invoke([](const auto& done) { static_cast<void>(done.try_end_invoke()); });
    at.run();

    CHECK(at.heard() == lines{});
}

TEST_CASE("a callback that keeps its handle keeps the error", "[unobserved_error]") {
    scene at;
    std::optional<eap::async_call<int()>> kept;
    at.fails.begin_invoke([&](const eap::async_call<int()>& done) { kept = done; });
    at.run();
    CHECK(at.heard() == lines{});
    kept.reset();

    CHECK(at.heard() == lines{"error: why"});
}

TEST_CASE("an error is told when the callback that was to fetch it never runs",
          "[unobserved_error][O-26][O-27]") {
    scene at;
    const auto end = [](const eap::async_call<int()>& done) { static_cast<void>(done.try_end_invoke()); };
    auto receiver = std::make_shared<int>();
    at.fails.begin_invoke(eap::tracked(receiver, end), "receiver gone");
    receiver.reset();
    at.run();
    at.fails.begin_invoke(end, "dropped");
    at.where.run_all();
    at.home.drop_all();
    at.fails.begin_invoke(end, "home gone");
    at.home.close();
    at.where.run_all();

    CHECK(at.heard() == lines{"error: why, receiver gone", "error: why, dropped", "error: why, home gone"});
}

TEST_CASE("without a function, unobserved errors are dropped", "[unobserved_error][EX-2]") {
    tests::manual_queue where;
    eap::on_unobserved_error(nullptr);
    eap::begin_invoke(where.context(), [] { throw target_error{"why"}; });

    CHECK_NOTHROW(where.run_all());
}

TEST_CASE("errors from before the function was set are not told later", "[unobserved_error]") {
    tests::manual_queue where;
    eap::begin_invoke(where.context(), [] { throw target_error{"early"}; });
    where.run_all();
    const listening listener;

    CHECK(listener.heard() == lines{});
}

TEST_CASE("a later function for unobserved errors replaces the one before, which is destroyed",
          "[unobserved_error]") {
    tests::manual_queue where;
    tests::record first;
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    eap::on_unobserved_error(
        [first, held = std::move(held)](const eap::unobserved_error&) { first.add("told"); });
    const listening second;
    CHECK(watched.expired());
    eap::begin_invoke(where.context(), [] { throw target_error{"why"}; });
    where.run_all();

    CHECK(first.all() == lines{});
    CHECK(second.heard() == lines{"error: why"});
}

TEST_CASE("the function for unobserved errors is destroyed when it is cleared", "[unobserved_error]") {
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    eap::on_unobserved_error([held = std::move(held)](const eap::unobserved_error&) {});
    CHECK_FALSE(watched.expired());
    eap::on_unobserved_error(nullptr);

    CHECK(watched.expired());
}

TEST_CASE("when the function for unobserved errors has been cleared, it is not running any more",
          "[unobserved_error]") {
    tests::manual_queue where;
    eap::detail::parking<> inside;
    std::atomic<bool> returning{false};
    eap::on_unobserved_error([&](const eap::unobserved_error&) {
        inside.set();
        for (int i = 0; i < 1000; ++i) // gives a clear that does not wait the time to show it
            std::this_thread::yield();
        returning = true;
    });
    eap::begin_invoke(where.context(), [] { throw target_error{"why"}; });
    std::thread completing{[&] { where.run_all(); }};
    inside.wait();
    eap::on_unobserved_error(nullptr);
    const bool returned = returning;
    completing.join();

    CHECK(returned);
}

TEST_CASE("the function for unobserved errors may begin calls, and may replace itself",
          "[unobserved_error][G12]") {
    tests::manual_queue where;
    tests::record log;
    eap::on_unobserved_error([&, log](const eap::unobserved_error& what) {
        log.add("first: " + tests::told(what.error));
        eap::begin_invoke(where.context(), [] { throw target_error{"again"}; });
        eap::on_unobserved_error(
            [log](const eap::unobserved_error& next) { log.add("second: " + tests::told(next.error)); });
    });
    eap::begin_invoke(where.context(), [] { throw target_error{"why"}; });
    where.run_all();
    eap::on_unobserved_error(nullptr);

    CHECK(log.all() == lines{"first: error: why", "second: error: again"});
}

TEST_CASE("a function for unobserved errors that throws ends the program", "[unobserved_error]") {
    const auto ends = tests::terminates([] {
        tests::manual_queue where;
        eap::on_unobserved_error(
            [](const eap::unobserved_error&) { throw target_error{"from the function"}; });
        eap::begin_invoke(where.context(), [] { throw target_error{"why"}; });
        where.run_all();
    });
    if (ends.has_value())
        CHECK(*ends);
}

TEST_CASE("an error is told once when its last two handles die at once", "[unobserved_error]") {
    scene at;
    for (int round = 1; round <= 500; ++round) {
        auto call = std::make_optional(at.fails.begin_invoke());
        auto copy = std::make_optional(*call);
        at.run();
        std::latch start{2};
        std::thread other{[&] {
            start.arrive_and_wait();
            copy.reset();
        }};
        start.arrive_and_wait();
        call.reset();
        other.join();
        if (at.heard().size() != static_cast<std::size_t>(round))
            FAIL("round " << round << ": " << at.heard().size() << " told");
    }
    SUCCEED();
}

TEST_CASE("an error is told once when the last handle dies while the call completes", "[unobserved_error]") {
    scene at;
    for (int round = 1; round <= 500; ++round) {
        auto call = std::make_optional(at.fails.begin_invoke());
        std::latch start{2};
        std::thread other{[&] {
            start.arrive_and_wait();
            call.reset();
        }};
        start.arrive_and_wait();
        at.where.run_all();
        other.join();
        if (at.heard().size() != static_cast<std::size_t>(round))
            FAIL("round " << round << ": " << at.heard().size() << " told");
    }
    SUCCEED();
}

TEST_CASE("an error is fetched or told, not both, when an end races with the end of the other handles",
          "[unobserved_error]") {
    scene at;
    for (int round = 1; round <= 500; ++round) {
        auto call = std::make_optional(at.fails.begin_invoke());
        auto copy = std::make_optional(*call);
        std::latch start{3};
        bool fetched = false;
        std::thread ending{[&] {
            start.arrive_and_wait();
            fetched = copy->try_end_invoke().error() != nullptr;
            copy.reset();
        }};
        std::thread letting_go{[&] {
            start.arrive_and_wait();
            call.reset();
        }};
        start.arrive_and_wait();
        at.where.run_all();
        ending.join();
        letting_go.join();
        if (!fetched || !at.heard().empty())
            FAIL("round " << round << ": " << at.heard().size() << " told");
    }
    SUCCEED();
}
