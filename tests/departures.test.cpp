// SPDX-License-Identifier: BSL-1.0
//
// Where an operation departs from .NET on purpose: a test case for each departure, with the number of what .NET does.
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/contexts/thread_pool.hpp>
#include <eap/current_context.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>
#include <eap/tracked.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using tests::lines;

namespace {

struct work_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

} // namespace

TEST_CASE("order on the pool: .NET's progress comes out of order and late there", "[departures][O-10]") {
    eap::thread_pool pool{4};
    eap::operation_manager manager{pool.context()};
    std::vector<int> seen; // without a lock: one handler at a time
    auto operation = manager.create_operation<void, int>(
        {}, [&](const eap::completed_event_args<>&) { seen.push_back(1000); },
        [&](const eap::progress_changed_event_args<int>& args) { seen.push_back(args.value()); });
    for (int i = 0; i < 1000; ++i)
        operation.report_progress(0, i);
    operation.complete();
    REQUIRE(manager.wait_idle_for(60s));

    CHECK(seen.size() == 1001);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("coalesced progress: .NET queues every report", "[departures][O-11]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start({}, {.progress = eap::progress_delivery::latest()});
    for (int i = 0; i < 100'001; ++i)
        operation.report_progress(i / 1000);
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"100%", "value"});
}

TEST_CASE("first-wins completion: in .NET two threads that complete at once can both succeed",
          "[departures][O-17][OP-18]") {
    tests::manual_queue queue;
    for (int round = 0; round < 500; ++round) {
        tests::client client{queue.context()};
        auto operation = client.start();
        std::latch start{2};
        std::atomic<int> successes{0};
        const auto complete = [&] {
            start.arrive_and_wait();
            try {
                successes += operation.complete() ? 1 : 0;
            } catch (const eap::invalid_operation&) { // it came after the other had returned
            }
        };
        std::thread other{complete};
        complete();
        other.join();
        queue.run_all();
        if (successes != 1 || client.log.all() != lines{"value"})
            FAIL("round " << round << ": " << successes << " successes");
    }
    SUCCEED();
}

TEST_CASE("abandonment: in .NET an operation that is dropped never completes", "[departures][O-17]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    {
        const auto operation = client.start();
    }
    queue.run_all();

    CHECK(client.log.all() == lines{"abandoned"});
}

TEST_CASE("deadlines: .NET leaves time-outs to every component", "[departures][O-18]") {
    tests::record log;
    tests::client client{tests::scripted_context{[&](std::function<void()> function) {
        function();
        log.add("brought home");
    }}};
    const auto operation = client.start({}, {.timeout = 1ms});
    log.wait_for(1);

    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("cancel never throws and says whether it did something: .NET's may throw, and says nothing",
          "[departures][O-22][CN-2]") {
    STATIC_REQUIRE(noexcept(std::declval<eap::operation_manager&>().cancel(eap::user_state{})));
    tests::manual_queue queue;
    tests::client client{queue.context()};
    const auto operation = client.start("id");

    CHECK_FALSE(client.manager.cancel("another"));
    CHECK(client.manager.cancel("id"));
}

TEST_CASE("a cancel before the work starts counts: .NET loses it", "[departures][O-22]") {
    tests::manual_queue where;
    tests::manual_queue home;
    tests::client client{home.context()};
    bool ran = false;
    eap::run_on(where.context(), client.start("id"), [&] { ran = true; });
    client.manager.cancel("id");
    where.run_all();
    home.run_all();

    CHECK_FALSE(ran);
    CHECK(client.log.all() == lines{"cancelled"});
}

TEST_CASE("the original exception: .NET's result throws a wrapper around it", "[departures][O-23][CA-4]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    const auto thrown = std::make_exception_ptr(work_error{"why"});
    std::exception_ptr caught;
    auto operation = manager.create_operation<int>({}, [&](const eap::completed_event_args<int>& args) {
        try {
            static_cast<void>(args.result());
        } catch (...) {
            caught = std::current_exception();
        }
    });
    operation.complete_error(thrown);
    queue.run_all();

    CHECK(caught == thrown);
}

TEST_CASE("waits that refuse: .NET's hang on the thread they need", "[departures][O-13]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::string said;
    auto operation = manager.create_operation<>({}, [&](const eap::completed_event_args<>&) {
        said = tests::message_of<eap::would_deadlock>([&] { manager.wait_idle_for(1h); });
    });
    operation.complete();
    queue.run_all();

    CHECK_THAT(said, Catch::Matchers::Matches(".*wait_idle_for.*use on_idle.*"));
}

TEST_CASE("receivers: .NET runs handlers on what has been disposed of", "[departures][O-27]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto window = std::make_shared<int>();
    auto operation =
        client.manager.create_operation<>({}, eap::tracked(window, [&](const eap::completed_event_args<>&) {
                                              client.log.add("on a dead window");
                                          }));
    operation.complete();
    window.reset();
    queue.run_all();

    CHECK(client.log.all() == lines{"undelivered, receiver gone: value"});
}

TEST_CASE("a completion that the context refuses: .NET throws it at the worker",
          "[departures][O-16][OP-14]") {
    tests::client client{tests::throwing_context{}};
    auto operation = client.start();
    bool decided = false;
    CHECK_NOTHROW(decided = operation.complete());

    CHECK(decided);
    CHECK(client.log.all() == lines{"undelivered, post failed: value"});
}

TEST_CASE("the context is always told: after a refused completion .NET's is not",
          "[departures][O-16][O-25][OP-14]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<tests::throwing_context>{tests::throwing_context{}, counts}};
    auto operation = client.start();
    operation.complete();

    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
}

TEST_CASE("a refused start is not followed by an end: .NET's finalizer sends one", "[departures][OP-17]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    counts->refusals = 1;
    tests::client client{tests::counting_context<>{queue.context(), counts}};

    CHECK_THROWS_AS(client.start(), tests::post_refused);
    CHECK(counts->completed == 0);
}

TEST_CASE("reading the current context installs nothing: .NET's changes the thread",
          "[departures][O-9][MG-2]") {
    const auto before = eap::current_context();
    CHECK(eap::scoped_context::current() == nullptr);
    eap::operation_manager manager;
    manager.create_operation().operation_completed();

    CHECK(eap::scoped_context::current() == nullptr);
    CHECK(eap::current_context() == before);
}

TEST_CASE("percentages are percentages: .NET takes any number", "[departures][PA-1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.report_progress(-5);
    operation.report_progress(250);
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"0%", "100%", "value"});
}

TEST_CASE(
    "reports of one operation may come in one go, each operation's in order: .NET keeps the order of all",
    "[departures][OP-20]") {
    tests::manual_queue queue;
    tests::client first{queue.context()};
    tests::client second{queue.context()};
    auto a = first.start();
    auto b = second.start();
    for (int i = 1; i <= 3; ++i) {
        a.report_progress(i);
        b.report_progress(i);
    }
    CHECK(queue.size() == 2); // one for each operation, not for each report
    queue.run_all();

    CHECK(first.log.all() == lines{"1%", "2%", "3%"});
    CHECK(second.log.all() == lines{"1%", "2%", "3%"});
    a.complete();
    b.complete();
}

TEST_CASE("operation_completed of a context must not throw: .NET lets that reach the worker",
          "[departures][OP-16]") {
    STATIC_REQUIRE(
        noexcept(eap::operation_completed(std::declval<const eap::any_synchronization_context&>())));
    STATIC_REQUIRE(noexcept(eap::operation_completed(std::declval<const tests::manual_context&>())));
}

TEST_CASE("operations of one manager have ids of their own: .NET leaves that to the component",
          "[departures][OP-19]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    tests::client another{queue.context()};
    auto operation = client.start("id");

    CHECK_THROWS_AS(client.start("id"), eap::duplicate_task_id);
    auto independent = another.start("id"); // another manager's
    independent.complete();
    queue.run_all();
    CHECK_FALSE(operation.completed());
    CHECK(another.log.all() == lines{"value"});
    operation.complete();
}

TEST_CASE("operations without an id are independent", "[departures][OP-19]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto first = client.start<int>();
    auto second = client.start<int>();
    first.complete(1);
    queue.run_all();

    CHECK_FALSE(second.completed());
    CHECK(client.log.all() == lines{"value 1"});
    second.complete(2);
}
