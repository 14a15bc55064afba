// SPDX-License-Identifier: BSL-1.0
#include <eap/operation_state.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/scripted_home.hpp"

#include <eap/async_operation.hpp>
#include <eap/operation_manager.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using tests::lines;
using tests::on_another_thread;
using tests::refuses;

// ---- deadlines ----

TEST_CASE("a deadline passes while the home is stalled, and a late worker is told false",
          "[operation_state][G7]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>({}, {.timeout = 1ms});
    std::promise<void> asked;
    const std::stop_callback stopped{operation.stop_token(), [&] { asked.set_value(); }};
    asked.get_future().wait();

    CHECK(operation.completed());
    CHECK_FALSE(operation.complete(1));
    CHECK_FALSE(operation.complete(2)); // a call that lost is not the worker's completion
    CHECK_FALSE(operation.complete_cancelled());
    CHECK_FALSE(operation.report_progress(1));
    CHECK_FALSE(operation.post([] {}));
}

TEST_CASE("a deadline that passes delivers a time-out and nothing of the late worker",
          "[operation_state][G7]") {
    tests::record log;
    tests::client client{tests::scripted_context{[&](std::function<void()> function) {
        on_another_thread(std::move(function));
        log.add("delivered");
    }}};
    auto operation = client.start<int>({}, {.timeout = 1ms});
    log.wait_for(1);
    operation.complete(1);

    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("a deadline of zero or less has passed at creation", "[operation_state]") {
    for (const auto timeout : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        tests::manual_queue queue;
        tests::client client{queue.context()};
        auto operation = client.start<int>({}, {.timeout = timeout});

        CHECK(operation.completed());
        CHECK(operation.cancellation_pending());
        CHECK_FALSE(operation.complete(1));
        queue.run_all();
        CHECK(client.log.all() == lines{"timed out"});
    }
}

TEST_CASE("a deadline too far for the clock never passes", "[operation_state]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>({}, {.timeout = std::chrono::nanoseconds::max() - 1ns});

    CHECK_FALSE(operation.completed());
    CHECK(operation.complete(1));
    queue.run_all();
    CHECK(client.log.all() == lines{"value 1"});
}

TEST_CASE("a deadline passes while a report is being refused: the time-out comes home once",
          "[operation_state][G1][G7]") {
    tests::manual_queue queue;
    tests::record posted;
    std::promise<void> asked;
    std::atomic<int> posts{0};
    tests::client client{tests::scripted_context{[&](std::function<void()> function) {
        if (posts++ == 0) {
            asked.get_future().wait();
            throw tests::post_refused{};
        }
        queue.context().post(std::move(function));
        posted.add("posted");
    }}};
    auto operation = client.start<int>({}, {.timeout = 1ms});
    const std::stop_callback stopped{operation.stop_token(), [&] { asked.set_value(); }};
    try {
        operation.report_progress(1);
    } catch (const tests::post_refused&) {
    }
    posted.wait_for(1);
    queue.run_all();

    CHECK(client.log.all() == lines{"timed out"});
}

TEST_CASE("an operation that ends before its deadline is let go of at once", "[operation_state][G14]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    auto in_handler = std::make_shared<int>();
    auto in_value = std::make_shared<int>();
    const std::weak_ptr<int> handler = in_handler;
    const std::weak_ptr<int> value = in_value;
    {
        auto operation = manager.create_operation<std::shared_ptr<int>>(
            {}, [held = std::move(in_handler)](const eap::completed_event_args<std::shared_ptr<int>>&) {},
            {.timeout = 1h});
        operation.complete(std::move(in_value));
    }
    queue.run_all();

    CHECK(handler.expired());
    CHECK(value.expired());
}

TEST_CASE("a deadline that races the completion decides or loses, never both", "[operation_state][G7]") {
    for (int i = 0; i < 200; ++i) {
        tests::manual_queue queue;
        tests::record posted;
        tests::client client{tests::scripted_context{[&](std::function<void()> function) {
            queue.context().post(std::move(function));
            posted.add("posted");
        }}};
        auto operation = client.start<int>({}, {.timeout = std::chrono::microseconds{i}});
        const bool won = operation.complete(1);
        posted.wait_for(1);
        queue.run_all();

        if (client.log.all() != lines{won ? "value 1" : "timed out"})
            FAIL("round " << i << ", complete returned " << won);
    }
    SUCCEED();
}

// ---- progress of which only the newest counts ----

TEST_CASE("with latest, a stalled home holds one report, the newest", "[operation_state][G15]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start({}, {.progress = eap::progress_delivery::latest()});
    for (int i = 0; i <= 100; ++i)
        CHECK(operation.report_progress(i));
    CHECK(queue.size() == 1);
    queue.run_all();

    CHECK(client.log.all() == lines{"100%"});
    operation.complete();
}

TEST_CASE("with latest, each report is delivered to a home that keeps up", "[operation_state][G15]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start({}, {.progress = eap::progress_delivery::latest()});
    for (int i = 1; i <= 3; ++i) {
        operation.report_progress(i);
        queue.run_all();
    }
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"1%", "2%", "3%", "value"});
}

TEST_CASE("with latest, the last report comes before the completion", "[operation_state][G15]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start({}, {.progress = eap::progress_delivery::latest()});
    operation.report_progress(1);
    operation.report_progress(2);
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"2%", "value"});
}

TEST_CASE("with latest, a report that the home refuses throws and stays the newest",
          "[operation_state][G15]") {
    tests::manual_queue queue;
    tests::client client{tests::throwing_context{queue, 1}};
    auto operation = client.start({}, {.progress = eap::progress_delivery::latest()});
    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"1%", "value"});
}

TEST_CASE("with latest, later reports come home although two posts before them were refused",
          "[operation_state][G15][OP-15]") {
    tests::scripted_home home;
    auto operation = home.client.start({}, {.progress = eap::progress_delivery::latest()});
    home.steps = {[&](std::function<void()>) {
                      on_another_thread([&] { operation.report_progress(1); });
                      throw tests::post_refused{};
                  },
                  refuses};
    CHECK_THROWS_AS(operation.post([] {}), tests::post_refused);
    CHECK(operation.report_progress(2));
    home.queue.run_all();

    CHECK(home.client.log.all() == lines{"2%"});
    operation.complete();
}

TEST_CASE("with at_most_every, the first report comes at once and the last before the completion",
          "[operation_state][G15]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start({}, {.progress = eap::progress_delivery::at_most_every(1h)});
    for (int i = 1; i <= 5; ++i) {
        operation.report_progress(i);
        queue.run_all();
    }
    CHECK(client.log.all() == lines{"1%"});
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"1%", "5%", "value"});
}

TEST_CASE("with at_most_every, a report that waits comes home by itself", "[operation_state][G15]") {
    tests::client client{tests::scripted_context{
        [](std::function<void()> function) { on_another_thread(std::move(function)); }}};
    auto operation = client.start({}, {.progress = eap::progress_delivery::at_most_every(1ms)});
    operation.report_progress(1);
    operation.report_progress(2);

    CHECK(client.log.wait_for(2) == lines{"1%", "2%"});
    operation.complete();
}

TEST_CASE("a held-back report does not keep a completed operation alive", "[operation_state][G14]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    auto in_handler = std::make_shared<int>();
    const std::weak_ptr<int> handler = in_handler;
    {
        auto operation = manager.create_operation<>(
            {}, [held = std::move(in_handler)](const eap::completed_event_args<>&) {},
            {.progress = eap::progress_delivery::at_most_every(1h)});
        operation.report_progress(1);
        operation.report_progress(2);
        operation.complete();
    }
    queue.run_all();

    CHECK(handler.expired());
}
