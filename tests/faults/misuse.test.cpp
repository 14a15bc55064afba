// SPDX-License-Identifier: BSL-1.0
//
// Faults of the callers: calls at the wrong time, with the wrong handle, or with nothing in their hands. Rows 1, 2, 18 to
// 21, 29, 31 and 46 of the catalogue (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/async_method.hpp>
#include <eap/background_worker.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/event.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;
using tests::lines;
using tests::message_of;

namespace {

const std::string completed_already =
    "eap: this operation has been completed already; complete it once, and report nothing after that";
const std::string ended_already =
    "eap: this call has been ended already, and its outcome is gone; end each call once";
const std::string names_no_call =
    "eap: this async_call names no call; use the one that begin_invoke returned";
const std::string moved_from = "eap: this async_operation was moved from; use the one it was moved to";
const std::string another_delegates =
    "eap: this call was begun by another delegate; end it with that one, a copy of it, or call.end_invoke()";
const std::string inside_call =
    "eap: an asynchronous call was waited for by the thread that runs it; return from "
    "it first, or wait on another thread";
const std::string empty_function =
    "eap: an empty function was given to an operation; give it one that can be called";

} // namespace

TEST_CASE("F1: a second outcome is refused, and the first one stands", "[faults][F1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>();
    CHECK(operation.complete(7));

    CHECK(message_of<eap::invalid_operation>([&] { operation.complete(8); }) == completed_already);
    CHECK(message_of<eap::invalid_operation>([&] { operation.complete_error(std::runtime_error{"late"}); }) ==
          completed_already);
    CHECK(message_of<eap::invalid_operation>([&] { operation.complete_cancelled(); }) == completed_already);
    CHECK(message_of<eap::invalid_operation>([&] { operation.complete_error(nullptr); }) ==
          completed_already);
    queue.run_all();
    CHECK(client.log.all() == lines{"value 7"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("F1: a completion that lost to the deadline is told false, as often as it asks", "[faults][F1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>({}, {.timeout = 0ns});

    CHECK_FALSE(operation.complete(8));
    CHECK_FALSE(operation.complete_error(std::runtime_error{"late"}));
    CHECK_FALSE(operation.complete_cancelled());
    queue.run_all();
    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("F2: a report after the outcome is refused, and never delivered", "[faults][F2]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>();
    const auto reporter = operation.reporter();
    operation.complete(7);

    CHECK(message_of<eap::invalid_operation>([&] { operation.report_progress(50); }) == completed_already);
    CHECK(message_of<eap::invalid_operation>(
              [&] { operation.post([&] { client.log.add("posted late"); }); }) == completed_already);
    CHECK_FALSE(reporter.report_progress(60));
    queue.run_all();
    CHECK_FALSE(reporter.report_progress(70));
    CHECK(client.log.all() == lines{"value 7"});
}

TEST_CASE("F18: a call is ended once", "[faults][F18]") {
    eap::event_loop loop;
    const eap::delegate<int()> answer{[] { return 42; }};
    const auto call = answer.on(loop.context()).begin_invoke();
    loop.run();
    CHECK(answer.end_invoke(call) == 42);

    CHECK(message_of<eap::invalid_operation>([&] { answer.end_invoke(call); }) == ended_already);
    CHECK(message_of<eap::invalid_operation>([&] { call.end_invoke(); }) == ended_already);
    CHECK(message_of<eap::invalid_operation>([&] { static_cast<void>(call.try_end_invoke()); }) ==
          ended_already);
}

TEST_CASE("F19: a handle that names no call says so, whatever is asked of it", "[faults][F19]") {
    const eap::async_call<int()> empty;
    CHECK(message_of<eap::invalid_operation>([&] { empty.end_invoke(); }) == names_no_call);
    CHECK(message_of<eap::invalid_operation>([&] { empty.wait(); }) == names_no_call);
    CHECK(message_of<eap::invalid_operation>([&] { empty.wait_for(1h); }) == names_no_call);
    CHECK(message_of<eap::invalid_operation>([&] { empty.cancel(); }) == names_no_call);
    CHECK(message_of<eap::invalid_operation>([&] { static_cast<void>(empty.is_completed()); }) ==
          names_no_call);
    CHECK(message_of<eap::invalid_operation>([&] { eap::wait_all(empty); }) == names_no_call);

    eap::event_loop loop;
    auto call = eap::begin_invoke(loop.context(), [] { return 1; });
    const auto moved_to = std::move(call);
    CHECK(message_of<eap::invalid_operation>([&] { call.wait(); }) == names_no_call); // NOLINT: moved from
    loop.run();
    CHECK(moved_to.end_invoke() == 1);
}

TEST_CASE("F19: an operation that was moved from says so, and is left alone", "[faults][F19]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    auto moved_to = std::move(operation);

    // NOLINTBEGIN(bugprone-use-after-move): what this is about
    CHECK(message_of<eap::invalid_operation>([&] { operation.complete(); }) == moved_from);
    CHECK(message_of<eap::invalid_operation>([&] { operation.report_progress(1); }) == moved_from);
    CHECK(message_of<eap::invalid_operation>([&] { static_cast<void>(operation.reporter()); }) == moved_from);
    CHECK(message_of<eap::invalid_operation>([&] { static_cast<void>(operation.user_state()); }) ==
          moved_from);
    CHECK(operation.completed());
    CHECK_FALSE(operation.cancellation_pending());
    // NOLINTEND(bugprone-use-after-move)
    CHECK(moved_to.complete());
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
}

TEST_CASE("F20: another delegate's call is refused, and nothing of it is consumed", "[faults][F20]") {
    eap::event_loop loop;
    const eap::delegate<int()> one{[] { return 1; }};
    const eap::delegate<int()> other{[] { return 2; }};
    const eap::delegate<int()> none;
    const auto call = one.on(loop.context()).begin_invoke();
    loop.run();

    CHECK(message_of<eap::invalid_operation>([&] { other.end_invoke(call); }) == another_delegates);
    CHECK(message_of<eap::invalid_operation>([&] { none.end_invoke(call); }) == another_delegates);
    CHECK_FALSE(call.end_invoke_called());
    CHECK(eap::delegate<int()>{one}.end_invoke(call) == 1);
}

TEST_CASE("F20: another manager's task id cancels nothing here", "[faults][F20]") {
    tests::manual_queue queue;
    tests::client one{queue.context()};
    tests::client other{queue.context()};
    auto operation = one.start("id");

    CHECK_FALSE(other.manager.cancel("id"));
    CHECK_FALSE(operation.cancellation_pending());
    operation.complete();
    queue.run_all();
    CHECK(one.log.all() == lines{"value"});
}

TEST_CASE("F21: ending a call on the only thread that could run it runs it", "[faults][F21]") {
    eap::event_loop loop;
    loop.poll(); // this is its thread now
    CHECK(eap::begin_invoke(loop.context(), [] { return 1; }).end_invoke() == 1);

    eap::thread_pool pool{1};
    const auto outer = eap::begin_invoke(pool.context(), [where = pool.context()] {
        return eap::begin_invoke(where, [] { return 2; }).end_invoke();
    });
    CHECK(outer.end_invoke() == 2);
}

TEST_CASE("F21: a wait that could never end is refused before it begins, and consumes nothing",
          "[faults][F21]") {
    eap::event_loop loop;
    eap::async_call<int()> call;
    lines said;
    call = eap::begin_invoke(loop.context(), [&] {
        said.push_back(message_of<eap::would_deadlock>([&] { call.end_invoke(); }));
        said.push_back(message_of<eap::would_deadlock>([&] { call.wait(); }));
        said.push_back(message_of<eap::would_deadlock>([&] { call.wait_for(1h); }));
        return 7;
    });
    loop.run();

    CHECK(said == lines{inside_call, inside_call, inside_call});
    CHECK(call.end_invoke() == 7);
}

TEST_CASE("F21: nor does the thread of a home wait for what only it could deliver", "[faults][F21]") {
    eap::event_loop loop;
    loop.poll();
    tests::client client{loop.context()};
    auto operation = client.start();
    CHECK(
        message_of<eap::would_deadlock>([&] { client.manager.wait_idle_for(1h); }) ==
        "eap: wait_idle_for was called on the thread that has to deliver what it would wait for; use on_idle "
        "there");

    const eap::delegate<void()> nothing{[] {}};
    const eap::scoped_context home{loop.context()};
    const auto call = nothing.begin_invoke([](const auto&) {});
    CHECK(
        message_of<eap::would_deadlock>([&] { call.wait_callback(); }) ==
        "eap: the end of a callback was waited for on the thread that has to run it; wait on another thread, "
        "or for the call alone");
    loop.context().post([&] {
        client.log.add(message_of<eap::would_deadlock>([&] { loop.run(); }));
        operation.complete();
    });
    loop.run();
    CHECK(client.log.all() ==
          lines{"A function of this event_loop waits for the loop that runs it. Use poll() or "
                "run_for() there.",
                "value"});
}

TEST_CASE("F29: of threads that end one call, one gets the outcome; all waits return", "[faults][F29]") {
    for (int round = 0; round < 50; ++round) {
        eap::thread_pool pool{1};
        const eap::delegate<int()> answer{[] { return 42; }};
        const auto call = answer.on(pool.context()).begin_invoke();
        std::atomic<int> values{0}, refusals{0}, waits{0};
        std::latch start{4};
        const auto end = [&] {
            start.arrive_and_wait();
            const std::string said = message_of<eap::invalid_operation>([&] { values += call.end_invoke(); });
            refusals += said == ended_already ? 1 : 0;
        };
        const auto wait = [&] {
            start.arrive_and_wait();
            call.wait();
            waits += call.is_completed() ? 1 : 0;
        };
        std::thread threads[] = {std::thread{end}, std::thread{end}, std::thread{wait}, std::thread{wait}};
        for (auto& each : threads)
            each.join();
        if (values != 42 || refusals != 1 || waits != 2)
            FAIL("round " << round << ": " << values << ", " << refusals << " refusals, " << waits
                          << " waits");
    }
    SUCCEED();
}

TEST_CASE("F31: an empty handler is refused by name, and nothing has started", "[faults][F31]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<>{queue.context(), counts}};
    const std::function<void(const eap::completed_event_args<>&)> completed;
    const std::function<void(const eap::progress_changed_event_args<>&)> progress;
    const auto create = [&](auto... handlers) {
        return message_of<std::invalid_argument>(
            [&] { auto made = client.manager.create_operation<>("id", handlers...); });
    };
    CHECK(create(completed) ==
          "eap: the completed handler is an empty function; give it one that can be called");
    CHECK(create([](const eap::completed_event_args<>&) {}, progress) ==
          "eap: the progress handler is an empty function; give it one that can be called");
    CHECK(message_of<std::invalid_argument>([&] { client.manager.on_idle(std::function<void()>{}); }) ==
          "eap: the on_idle handler is an empty function; give it one that can be called");
    CHECK(message_of<std::invalid_argument>([&] {
              client.manager.on_undelivered(std::function<void(const eap::undelivered&)>{});
          }) == "eap: the on_undelivered handler is an empty function; give it one that can be called");
    CHECK(counts->started == 0);
    CHECK_FALSE(client.manager.is_pending("id"));

    auto operation = client.start("id");
    CHECK(message_of<std::invalid_argument>([&] { operation.post(std::function<void()>{}); }) ==
          empty_function);
    CHECK(message_of<std::invalid_argument>([&] { operation.complete_error(nullptr); }) ==
          "eap: complete_error was given a null exception_ptr; use complete or complete_cancelled to end "
          "without "
          "an error");
    CHECK(operation.complete());
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
}

TEST_CASE("F31: an empty function cannot be begun, and an empty work makes no method", "[faults][F31]") {
    tests::manual_queue queue;
    const eap::delegate<void()> empty{std::function<void()>{}};
    CHECK_FALSE(empty);
    CHECK_THROWS_AS(empty(), std::bad_function_call);
    CHECK_THROWS_AS(empty.on(queue.context()).begin_invoke(), std::bad_function_call);
    CHECK_THROWS_AS(eap::begin_invoke(queue.context(), std::function<void()>{}), std::bad_function_call);
    CHECK(queue.size() == 0);
    CHECK(message_of<std::invalid_argument>([] {
              const eap::async_method<void()> method{std::function<void()>{}};
          }) == "eap: the work of an async_method is an empty function; give it one that can be called");

    eap::event<int> changed;
    CHECK_FALSE(changed.connect(std::function<void(int)>{}).connected());
    changed(1); // and calls nothing
}

TEST_CASE("F31: an empty context is refused by whoever is given it", "[faults][F31]") {
    const eap::any_synchronization_context nowhere;
    bool ran = false;
    CHECK(message_of<std::invalid_argument>([&] { const eap::operation_manager manager{nowhere}; }) ==
          "eap: the home given to an operation_manager is empty; give it a context, or use the default "
          "constructor for the context current at each creation");
    CHECK(message_of<std::invalid_argument>([&] {
              static_cast<void>(eap::delegate<void()>{[&] { ran = true; }}.on(nowhere));
          }) == "eap: a delegate was to begin its calls on an empty context; give it one that names a place");
    const std::string names_no_place =
        "eap: an empty any_synchronization_context names no place; give it a context before posting to it";
    CHECK(message_of<eap::invalid_operation>([&] { nowhere.post([&] { ran = true; }); }) == names_no_place);
    CHECK(message_of<eap::invalid_operation>(
              [&] { static_cast<void>(eap::begin_invoke(nowhere, [&] { ran = true; })); }) == names_no_place);

    tests::manual_queue queue;
    tests::client client{queue.context()};
    eap::run_on(nowhere, client.start(), [&] { ran = true; }); // the client hears of it
    queue.run_all();
    CHECK(client.log.all() == lines{"error: " + names_no_place});
    CHECK_FALSE(ran);
}

TEST_CASE("F46: an operation that another one is assigned to is abandoned first", "[faults][F46]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>("old");
    operation = client.start<int>("new");
    queue.run_all();
    CHECK(client.log.all() == lines{"abandoned"});

    auto& same = operation;
    operation = std::move(same);
    CHECK(operation.complete(1));
    queue.run_all();
    CHECK(client.log.all() == lines{"abandoned", "value 1"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("F46: a call whose handle is assigned to goes on; a scoped connection ends", "[faults][F46]") {
    eap::event_loop loop;
    int ran = 0;
    const auto count = [&] { return ++ran; };
    auto call = eap::begin_invoke(loop.context(), count);
    call = eap::begin_invoke(loop.context(), count);
    auto& same = call;
    call = same;
    loop.run();
    CHECK(ran == 2);
    CHECK(call.end_invoke() == 2);

    eap::event<> changed;
    eap::scoped_connection connection{changed.connect(count)};
    connection = eap::scoped_connection{};
    changed();
    CHECK(ran == 2);
}
