// SPDX-License-Identifier: BSL-1.0
#include <eap/homebound_mailbox.hpp> // first: proves that the header stands alone

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
using tests::drops;
using tests::handler_error;
using tests::is_closed;
using tests::lines;
using tests::on_another_thread;
using tests::refuses;
using tests::scripted_home;

namespace {

/// An inline context that notices when it is destroyed within its own `post`.
class self_watching_context {
  public:
    struct observations {
        const void* posting = nullptr;
        bool died_in_post = false;
    };
    explicit self_watching_context(std::shared_ptr<observations> seen) noexcept : seen_(std::move(seen)) {}
    self_watching_context(const self_watching_context&) noexcept = default;
    self_watching_context& operator=(const self_watching_context&) noexcept = default;
    ~self_watching_context() {
        if (seen_->posting == this)
            seen_->died_in_post = true;
    }
    template <class F> void post(F function) const {
        const auto seen = seen_;
        const void* const outer = std::exchange(seen->posting, this);
        function();
        seen->posting = outer;
    }
    bool operator==(const self_watching_context&) const = default;

  private:
    std::shared_ptr<observations> seen_;
};
static_assert(eap::synchronization_context<self_watching_context>);

} // namespace

// ---- a home that refuses ----

TEST_CASE("a refused report takes back only itself: what others sent meanwhile comes home",
          "[homebound_mailbox][OP-15]") {
    scripted_home home;
    auto operation = home.client.start();
    bool second_taken = false;
    home.steps = {[&](std::function<void()>) {
        on_another_thread([&] { second_taken = operation.report_progress(2); });
        throw tests::post_refused{};
    }};

    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(second_taken);
    operation.complete();
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"2%", "value"});
}

TEST_CASE("what was sent while two posts were refused comes home with the next report",
          "[homebound_mailbox][OP-15]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {[&](std::function<void()>) {
                      on_another_thread([&] { operation.report_progress(2); });
                      throw tests::post_refused{};
                  },
                  refuses};
    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(operation.report_progress(3));
    operation.complete();
    home.queue.run_all();

    CHECK(home.client.log.all() == lines{"2%", "3%", "value"});
}

TEST_CASE("what was sent while two posts were refused comes home before the completion",
          "[homebound_mailbox][OP-12]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {[&](std::function<void()>) {
                      on_another_thread([&] { operation.report_progress(2); });
                      throw tests::post_refused{};
                  },
                  refuses};
    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    operation.complete();
    home.queue.run_all();

    CHECK(home.client.log.all() == lines{"2%", "value"});
}

TEST_CASE("a completion sent during a refused report comes home", "[homebound_mailbox][G1]") {
    scripted_home home;
    auto operation = home.client.start<int>();
    bool completed = false;
    home.steps = {[&](std::function<void()>) {
        on_another_thread([&] { completed = operation.complete(7); });
        throw tests::post_refused{};
    }};

    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(completed);
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"value 7"});
}

TEST_CASE("a completion sent during a refused report, and refused itself, is told as undelivered once",
          "[homebound_mailbox][G1]") {
    scripted_home home;
    auto operation = home.client.start<int>();
    home.steps = {[&](std::function<void()>) {
                      on_another_thread([&] { operation.complete(7); });
                      throw tests::post_refused{};
                  },
                  refuses};

    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(home.client.log.all() == lines{"undelivered, post failed: value"});
    CHECK(home.client.manager.pending() == 0);
    CHECK(home.queue.run_all() == 0);
}

TEST_CASE("a completion sent during a refused report, and dropped then, is told as undelivered once",
          "[homebound_mailbox][G1]") {
    scripted_home home;
    auto operation = home.client.start<int>();
    home.steps = {[&](std::function<void()>) {
                      on_another_thread([&] { operation.complete(7); });
                      throw tests::post_refused{};
                  },
                  drops};

    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(home.client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(home.client.manager.pending() == 0);
}

TEST_CASE("a refused completion has decided, runs nothing, and is told as undelivered",
          "[homebound_mailbox][G1][G5]") {
    scripted_home home;
    auto operation = home.client.start<int>();
    home.steps = {refuses};

    CHECK(operation.complete(7));
    CHECK(operation.completed());
    CHECK(home.client.log.all() == lines{"undelivered, post failed: value"});
    CHECK(home.client.manager.pending() == 0);
}

TEST_CASE("reports that wait behind a refusal die with a completion that is refused too",
          "[homebound_mailbox][G1]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {[&](std::function<void()>) {
                      on_another_thread([&] { operation.report_progress(2); });
                      throw tests::post_refused{};
                  },
                  refuses, refuses};
    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(operation.complete());

    CHECK(home.client.log.all() == lines{"undelivered, post failed: value"});
    CHECK(home.queue.run_all() == 0);
}

TEST_CASE("a thousand refused reports leave nothing behind", "[homebound_mailbox][OP-15]") {
    tests::manual_queue queue;
    tests::client client{tests::throwing_context{queue, 1, 1000}};
    auto operation = client.start();
    for (int i = 0; i < 1000; ++i)
        CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"value"});
}

// ---- a home that is gone ----

TEST_CASE("a report to a closed home returns false and requests a stop", "[homebound_mailbox]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {is_closed};

    CHECK_FALSE(operation.report_progress(1));
    CHECK(operation.cancellation_pending());
    CHECK_FALSE(operation.completed());
    operation.complete();
}

TEST_CASE("a report that the home drops returns false and requests a stop", "[homebound_mailbox]") {
    tests::client client{tests::dropping_context{}};
    auto operation = client.start();

    CHECK_FALSE(operation.report_progress(1));
    CHECK(operation.cancellation_pending());
    operation.complete();
}

TEST_CASE("once the home is gone it is not asked again", "[homebound_mailbox]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {drops};
    operation.report_progress(1);

    CHECK_FALSE(operation.report_progress(2));
    CHECK_FALSE(operation.post([] {}));
    operation.complete();
    CHECK(home.posts == 1);
}

TEST_CASE("the outcome is recorded although the home is gone", "[homebound_mailbox][G1]") {
    scripted_home home;
    auto operation = home.client.start<int>();
    home.steps = {drops};
    operation.report_progress(1);

    CHECK(operation.complete(7));
    CHECK(home.client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(home.client.manager.pending() == 0);
}

TEST_CASE("a completion to a closed home is undelivered because the home is gone",
          "[homebound_mailbox][G1]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {is_closed};

    CHECK(operation.complete_error(handler_error{"why"}));
    CHECK(home.client.log.all() == lines{"undelivered, context gone: error: why"});
}

TEST_CASE("a completion that the home drops is told as undelivered", "[homebound_mailbox][G1]") {
    tests::client client{tests::dropping_context{}};
    auto operation = client.start();

    CHECK(operation.complete_cancelled());
    CHECK(client.log.all() == lines{"undelivered, context gone: cancelled"});
}

TEST_CASE("a queued report that the home destroys later requests a stop", "[homebound_mailbox]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>();
    CHECK(operation.report_progress(1));
    CHECK_FALSE(operation.cancellation_pending());
    queue.drop_all();

    CHECK(operation.cancellation_pending());
    CHECK_FALSE(operation.report_progress(2));
    CHECK(operation.complete(7));
    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
}

TEST_CASE("a queued completion that the home destroys later is told then", "[homebound_mailbox][G1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.report_progress(1);
    operation.complete();
    CHECK(client.log.all() == lines{});
    CHECK(client.manager.pending() == 1);
    queue.close();

    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("a home that dies between the last report and the completion is noticed once",
          "[homebound_mailbox][G1]") {
    tests::client client{[] {
        tests::manual_queue queue;
        return eap::any_synchronization_context{queue.context()};
    }()};
    auto operation = client.start();

    CHECK_FALSE(operation.report_progress(1));
    CHECK(operation.complete());
    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
}

TEST_CASE("a home that dies while the work completes: delivered or undelivered, never both",
          "[homebound_mailbox][G1]") {
    for (int i = 0; i < 500; ++i) {
        auto queue = std::make_unique<tests::manual_queue>();
        tests::client client{queue->context()};
        auto operation = client.start();
        operation.report_progress(1);
        std::latch start{2};
        std::thread owner{[&] {
            start.arrive_and_wait();
            queue->run_one();
            queue.reset();
        }};
        start.arrive_and_wait();
        operation.complete();
        owner.join();

        const auto outcomes =
            client.log.count("value") + client.log.count("undelivered, context gone: value");
        if (outcomes != 1 || client.manager.pending() != 0)
            FAIL("round " << i << ": told " << outcomes << " times, pending " << client.manager.pending());
    }
    SUCCEED();
}

// ---- a home that runs inside post ----

TEST_CASE("an inline home delivers in order", "[homebound_mailbox][G2]") {
    tests::client client{tests::inline_context{}};
    auto operation = client.start();
    operation.report_progress(1);
    operation.post([&] { client.log.add("posted"); });
    operation.complete();

    CHECK(client.log.all() == lines{"1%", "posted", "value"});
}

TEST_CASE("reports made by a handler on an inline home wait for it to return", "[homebound_mailbox][G2]") {
    tests::record log;
    eap::operation_manager manager{tests::inline_context{}};
    std::optional<eap::async_operation<>> operation;
    operation = manager.create_operation<>(
        {}, [&](const eap::completed_event_args<>&) { log.add("completed"); },
        [&](const eap::progress_changed_event_args<>& args) {
            log.add("begin " + tests::told(args));
            if (args.progress_percentage() < 3)
                operation->report_progress(args.progress_percentage() + 1);
            else
                operation->complete();
            log.add("end " + tests::told(args));
        });
    operation->report_progress(1);

    CHECK(log.all() == lines{"begin 1%", "end 1%", "begin 2%", "end 2%", "begin 3%", "end 3%", "completed"});
}

TEST_CASE("a chain of posts on an inline home takes no more stack than one", "[homebound_mailbox]") {
    eap::operation_manager manager{tests::inline_context{}};
    auto operation = manager.create_operation();
    int depth = 0;
    int deepest = 0;
    int left = 100'000;
    std::function<void()> again = [&] {
        deepest = std::max(deepest, ++depth);
        if (--left > 0)
            operation.post([&] { again(); });
        --depth;
    };
    operation.post([&] { again(); });
    operation.operation_completed();

    CHECK(left == 0);
    CHECK(deepest == 1);
}

TEST_CASE("what a handler throws on an inline home leaves the report, and the operation goes on",
          "[homebound_mailbox][G11]") {
    tests::client client{tests::inline_context{}};
    auto operation = client.start();

    CHECK_THROWS_AS(operation.post([] { throw handler_error{"inline"}; }), handler_error);
    CHECK_FALSE(operation.cancellation_pending());
    CHECK(operation.report_progress(2));
    CHECK(operation.complete());
    CHECK(client.log.all() == lines{"2%", "value"});
}

TEST_CASE("what a completion handler throws on an inline home leaves complete, which has taken effect",
          "[homebound_mailbox][G11]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<tests::inline_context>{tests::inline_context{}, counts}};
    auto operation = client.manager.create_operation<>(
        {}, [](const eap::completed_event_args<>&) { throw handler_error{"inline"}; });

    CHECK_THROWS_AS(operation.complete(), handler_error);
    CHECK(operation.completed());
    CHECK(client.log.all() == lines{});
    CHECK(client.manager.pending() == 0);
    CHECK(counts->completed == 1);
}

TEST_CASE("handlers behind one that throws on an inline home still run", "[homebound_mailbox][G11]") {
    tests::client client{tests::inline_context{}};
    auto operation = client.start();
    CHECK_THROWS_AS(operation.post([&] {
        operation.report_progress(1);
        operation.complete();
        throw handler_error{"inline"};
    }),
                    handler_error);

    CHECK(client.log.all() == lines{"1%", "value"});
}

TEST_CASE("a handler on an inline home may destroy the operation whose call runs it",
          "[homebound_mailbox][G12]") {
    const auto seen = std::make_shared<self_watching_context::observations>();
    tests::client client{self_watching_context{seen}};
    std::optional<eap::async_operation<>> operation;

    operation = client.start();
    operation->post([&] { operation.reset(); });
    CHECK(client.log.all() == lines{"abandoned"});

    operation = client.manager.create_operation<>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<>&) { operation.reset(); },
        {.progress = eap::progress_delivery::latest()});
    operation->report_progress(1);
    CHECK_FALSE(operation.has_value());

    CHECK_FALSE(seen->died_in_post);
    CHECK(client.manager.pending() == 0);
}

// ---- handlers that throw on a home that queues ----

TEST_CASE("what is behind a handler that throws is posted again before the exception leaves",
          "[homebound_mailbox][G11]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK_THROWS_AS(queue.run_one(), handler_error);
    CHECK(queue.size() == 1);
    CHECK(client.log.all() == lines{});
    queue.run_all();
    CHECK(client.log.all() == lines{"2%", "value"});
}

TEST_CASE("each handler that throws has its exception reach whoever runs the home",
          "[homebound_mailbox][G11]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    for (int i = 0; i < 3; ++i)
        operation.post([i] { throw handler_error{std::to_string(i)}; });
    operation.complete();
    lines caught;
    for (int i = 0; i < 3; ++i)
        caught.push_back(tests::message_of<handler_error>([&] { queue.run_one(); }));
    queue.run_all();

    CHECK(caught == lines{"0", "1", "2"});
    CHECK(client.log.all() == lines{"value"});
}

TEST_CASE("when going on later is refused, what is behind a handler that throws runs at once",
          "[homebound_mailbox][G11]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {home.accepts(), refuses, refuses, refuses};
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK_THROWS_AS(home.queue.run_one(), handler_error);
    CHECK(home.client.log.all() == lines{"2%", "value"});
}

TEST_CASE("when going on later is dropped, what is behind a handler that throws runs at once",
          "[homebound_mailbox][G11]") {
    scripted_home home;
    auto operation = home.client.start();
    home.steps = {home.accepts(), drops, drops, drops};
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK_THROWS_AS(home.queue.run_one(), handler_error);
    CHECK(home.client.log.all() == lines{"2%", "value"});
}

TEST_CASE("a home that dies with the rest of the handlers queued: the outcome is told",
          "[homebound_mailbox][G1][G11]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.post([] { throw handler_error{"first"}; });
    operation.complete();
    CHECK_THROWS_AS(queue.run_one(), handler_error);
    queue.close();

    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
}

TEST_CASE("of two handlers that throw in one call of the home, it gets the first exception",
          "[homebound_mailbox][G11]") {
    std::function<void()> drain;
    tests::client client{tests::scripted_context{[&](std::function<void()> function) {
        if (drain == nullptr)
            drain = std::move(function);
        else
            function(); // called from its own thread, this home runs functions at once
    }}};
    auto operation = client.manager.create_operation();
    operation.post([] { throw handler_error{"first"}; });
    operation.post([] { throw handler_error{"second"}; });
    operation.operation_completed();

    CHECK(tests::message_of<handler_error>(drain) == "first");
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("a completion handler that throws has been delivered", "[homebound_mailbox][G11]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.manager.create_operation<>(
        "id", [](const eap::completed_event_args<>&) { throw handler_error{"last"}; });
    operation.complete();

    CHECK_THROWS_AS(queue.run_all(), handler_error);
    CHECK(client.manager.pending() == 0);
    CHECK_FALSE(client.manager.is_pending("id"));
    CHECK(client.log.all() == lines{});
}

TEST_CASE("the completion comes although the handler of the last coalesced report throws",
          "[homebound_mailbox][G11]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    auto operation = manager.create_operation<>(
        {}, [&](const eap::completed_event_args<>& args) { log.add(tests::told(args)); },
        [](const eap::progress_changed_event_args<>&) { throw handler_error{"last report"}; },
        {.progress = eap::progress_delivery::latest()});
    operation.report_progress(100);
    operation.complete();
    CHECK_THROWS_AS(queue.run_all(), handler_error);
    queue.run_all();

    CHECK(log.all() == lines{"value"});
}

// ---- long queues ----

TEST_CASE("a long queue of reports lets other work of the home have its turn", "[homebound_mailbox]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    for (int i = 0; i < 1000; ++i)
        operation.report_progress(i / 10);
    std::size_t delivered_before = 1000;
    queue.context().post([&] { delivered_before = client.log.all().size(); });
    operation.complete();
    queue.run_all();

    CHECK(delivered_before < 1000);
    CHECK(client.log.all().size() == 1001);
    CHECK(client.log.all().back() == "value");
}

TEST_CASE("a long queue is delivered in order although every later post is refused",
          "[homebound_mailbox][G2]") {
    tests::manual_queue queue;
    tests::client client{tests::throwing_context{queue, 2, tests::throwing_context::every_later_one}};
    auto operation = client.start<void, int>();
    lines expected;
    for (int i = 0; i < 1000; ++i) {
        operation.report_progress(0, i);
        expected.push_back("0% " + std::to_string(i));
    }
    operation.complete();
    expected.emplace_back("value");
    queue.run_all();

    CHECK(client.log.all() == expected);
}

// ---- contexts that break their contract ----

TEST_CASE("a context that runs a function twice delivers once", "[homebound_mailbox][G1]") {
    tests::client client{tests::scripted_context{[](const std::function<void()>& function) {
        function();
        function();
    }}};
    auto operation = client.start();
    operation.report_progress(1);
    operation.complete();

    CHECK(client.log.all() == lines{"1%", "value"});
}

TEST_CASE("a context that runs a kept function twice delivers once", "[homebound_mailbox][G1]") {
    std::vector<std::function<void()>> kept;
    tests::client client{tests::scripted_context{
        [&](std::function<void()> function) { kept.push_back(std::move(function)); }}};
    auto operation = client.start();
    operation.report_progress(1);
    operation.complete();
    const auto twice = std::move(kept.at(0));
    twice();
    twice();

    CHECK(client.log.all() == lines{"1%", "value"});
}

TEST_CASE("a context that runs a function on another thread before its post returns delivers once",
          "[homebound_mailbox][G1][OP-7]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<tests::scripted_context>{
        tests::scripted_context{
            [](std::function<void()> function) { on_another_thread(std::move(function)); }},
        counts}};
    {
        auto operation = client.start();
        operation.report_progress(1);
        operation.complete();
    }

    CHECK(client.log.all() == lines{"1%", "value"});
    CHECK(counts->completed == 1);
}

TEST_CASE("a context that destroys a function on another thread before its post returns loses nothing",
          "[homebound_mailbox][G1]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<tests::scripted_context>{
        tests::scripted_context{[](std::function<void()> function) {
            on_another_thread([dropped = std::move(function)]() mutable { dropped = nullptr; });
        }},
        counts}};
    {
        auto operation = client.start();
        operation.complete();
    }

    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(counts->completed == 1);
}

TEST_CASE("a context that runs a function and then throws delivers once", "[homebound_mailbox][G1]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<tests::scripted_context>{
        tests::scripted_context{[](const std::function<void()>& function) {
            function();
            throw tests::post_refused{};
        }},
        counts}};
    auto operation = client.start();
    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK_THROWS_AS(operation.complete(), tests::post_refused);

    CHECK(client.log.all() == lines{"1%", "value"});
    CHECK(counts->completed == 1);
}

TEST_CASE("a context that throws, and runs the function all the same, delivers once",
          "[homebound_mailbox][G1]") {
    std::vector<std::function<void()>> kept;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<tests::scripted_context>{
        tests::scripted_context{[&](std::function<void()> function) {
            kept.push_back(std::move(function));
            throw tests::post_refused{};
        }},
        counts}};
    auto operation = client.start();
    CHECK_THROWS_AS(operation.complete(), tests::post_refused);
    for (const auto& each : kept)
        each();

    CHECK(client.log.all() == lines{"value"});
    CHECK(counts->completed == 1);
}
