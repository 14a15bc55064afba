// SPDX-License-Identifier: BSL-1.0
#include <eap/async_operation.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/operation_manager.hpp>
#include <eap/scoped_context.hpp>

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using Catch::Matchers::Matches;
using tests::lines;
using tests::message_of;

namespace {

struct late_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A home that writes down what is asked of it.
struct watched_home {
    tests::manual_queue queue;
    tests::record asked;
    tests::client client{tests::witness_context<>{queue.context(), asked}};
};

/// All that a worker can do with an operation that has handlers, each by name.
struct worker_call {
    const char* name;
    std::function<void(eap::async_operation<int>&)> call;
};
const std::vector<worker_call>& worker_calls() {
    static const std::vector<worker_call> all{
        {"report_progress", [](auto& operation) { operation.report_progress(50); }},
        {"post", [](auto& operation) { operation.post([] {}); }},
        {"complete", [](auto& operation) { operation.complete(2); }},
        {"complete_error", [](auto& operation) { operation.complete_error(std::runtime_error{"second"}); }},
        {"complete_error with a null pointer",
         [](auto& operation) { operation.complete_error(std::exception_ptr{}); }},
        {"complete_cancelled", [](auto& operation) { operation.complete_cancelled(); }},
    };
    return all;
}

template <class Operation>
concept can_end_without_callback = requires(Operation& operation) { operation.operation_completed(); };

} // namespace

// ---- what an operation is ----

TEST_CASE("an operation is created by a manager only, and moved but never copied",
          "[async_operation][OP-1]") {
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<eap::async_operation<>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<eap::async_operation<int>>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<eap::async_operation<int>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<eap::async_operation<int, int>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<eap::async_operation<int, int>>);
}

TEST_CASE("an operation remembers the home and the user state it was created with",
          "[async_operation][OP-1]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    auto operation = manager.create_operation("id");

    CHECK(operation.synchronization_context() == eap::any_synchronization_context{queue.context()});
    CHECK(operation.user_state() == eap::user_state{"id"});
    operation.operation_completed();
}

TEST_CASE("creation tells the home once that an operation has started", "[async_operation][OP-2]") {
    watched_home home;
    auto operation = home.client.start();

    CHECK(home.asked.all() == lines{"started"});
    operation.complete();
}

TEST_CASE("the user state is the same at any time, also after completion", "[async_operation][OP-3]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start(7);
    operation.complete();
    queue.run_all();

    CHECK(operation.user_state().get<int>() == 7);
}

TEST_CASE("a user state may be empty", "[async_operation][OP-3]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();

    CHECK_FALSE(operation.user_state().has_value());
    operation.complete();
}

TEST_CASE("the home is the context that was current at creation, whatever is current later",
          "[async_operation][OP-4]") {
    tests::manual_queue first;
    tests::manual_queue second;
    bool ran = false;
    eap::operation_manager manager;
    std::optional<eap::async_operation<>> operation;
    {
        const eap::scoped_context current{first.context()};
        operation = manager.create_operation<>({}, [&](const eap::completed_event_args<>&) { ran = true; });
    }
    {
        const eap::scoped_context current{second.context()};
        operation->complete();
    }

    CHECK(second.run_all() == 0);
    first.run_all();
    CHECK(ran);
}

TEST_CASE("using an operation from another thread does not change its home", "[async_operation][OP-4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    std::thread{[&] { operation.complete(); }}.join();

    CHECK(client.log.all() == lines{});
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
}

// ---- post ----

TEST_CASE("post runs functions at home, as often as it is called, and does not end the operation",
          "[async_operation][OP-5]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    for (int i = 0; i < 3; ++i)
        operation.post([&, i] { client.log.add(std::to_string(i)); });
    std::thread{[&] { operation.post([&] { client.log.add("from another thread"); }); }}.join();
    queue.run_all();

    CHECK(client.log.all() == lines{"0", "1", "2", "from another thread"});
    CHECK_FALSE(operation.completed());
    operation.complete();
}

TEST_CASE("post takes functions that can only be moved", "[async_operation][OP-5]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    int seen = 0;
    operation.post([&, owned = std::make_unique<int>(7)] { seen = *owned; });
    queue.run_all();

    CHECK(seen == 7);
    operation.complete();
}

TEST_CASE("nothing runs inside the worker's calls when the home queues", "[async_operation][OP-23]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.report_progress(1);
    operation.post([&] { client.log.add("posted"); });
    operation.complete();

    CHECK(client.log.all() == lines{});
    queue.run_all();
    CHECK(client.log.all() == lines{"1%", "posted", "value"});
}

TEST_CASE("what was posted before the completion still runs, before the completion",
          "[async_operation][OP-12]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.post([&] { client.log.add("posted"); });
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"posted", "value"});
}

TEST_CASE("a posted function may post more, and complete its operation", "[async_operation][OP-21]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.post([&] {
        client.log.add("first");
        operation.post([&] { client.log.add("second"); });
        operation.complete();
    });
    queue.run_all();

    CHECK(client.log.all() == lines{"first", "second", "value"});
}

TEST_CASE("what a posted function throws reaches whoever runs the home", "[async_operation][OP-22]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.post([] { throw late_error{"thrown at home"}; });

    CHECK_THROWS_AS(queue.run_all(), late_error);
    operation.complete();
}

TEST_CASE("what is behind a posted function that throws still runs", "[async_operation][OP-22]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.post([] { throw late_error{"thrown at home"}; });
    operation.post([&] { client.log.add("behind"); });
    operation.complete();
    CHECK_THROWS_AS(queue.run_all(), late_error);
    queue.run_all();

    CHECK(client.log.all() == lines{"behind", "value"});
}

TEST_CASE("an exception from the home's post leaves post, and the operation stays usable",
          "[async_operation][OP-15]") {
    tests::manual_queue queue;
    tests::client client{tests::throwing_context{queue, 1}};
    auto operation = client.start();

    CHECK_THROWS_AS(operation.post([&] { client.log.add("refused"); }), tests::post_refused);
    CHECK(operation.post([&] { client.log.add("accepted"); }));
    operation.complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"accepted", "value"});
}

TEST_CASE("an exception from the home's post leaves report_progress, and the operation stays usable",
          "[async_operation][OP-15]") {
    tests::manual_queue queue;
    tests::client client{tests::throwing_context{queue, 1}};
    auto operation = client.start();

    CHECK_THROWS_AS(operation.report_progress(1), tests::post_refused);
    CHECK(operation.report_progress(2));
    operation.complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"2%", "value"});
}

// ---- progress ----

TEST_CASE("reports carry the percentage, the value and the user state", "[async_operation]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::optional<eap::progress_changed_event_args<std::string>> got;
    auto operation = manager.create_operation<void, std::string>(
        "id", [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<std::string>& args) { got.emplace(args); });
    CHECK(operation.report_progress(30, "thirty"));
    operation.complete();
    queue.run_all();

    REQUIRE(got.has_value());
    CHECK(got->progress_percentage() == 30);
    CHECK(got->value() == "thirty");
    CHECK(got->user_state() == eap::user_state{"id"});
}

TEST_CASE("a percentage outside 0 to 100 is clamped", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    operation.report_progress(-1);
    operation.report_progress(101);
    operation.report_progress(std::numeric_limits<int>::min());
    operation.report_progress(std::numeric_limits<int>::max());
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"0%", "100%", "0%", "100%", "value"});
}

TEST_CASE("a reporter reports for helper threads of the work", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<void, int>();
    const auto reporter = operation.reporter();
    bool taken = false;
    std::thread{[&, copy = reporter] { taken = copy.report_progress(10, 7); }}.join();
    operation.complete();
    queue.run_all();

    CHECK(taken);
    CHECK(client.log.all() == lines{"10% 7", "value"});
}

TEST_CASE("a reporter of a completed operation returns false and does not throw", "[async_operation][OP-9]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    const auto reporter = operation.reporter();
    operation.complete();

    bool taken = true;
    CHECK_NOTHROW(taken = reporter.report_progress(10));
    CHECK_FALSE(taken);
}

TEST_CASE("a reporter may outlive its operation, and returns false then", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    const auto reporter = [&] {
        auto operation = client.start();
        const auto made = operation.reporter();
        operation.complete();
        return made;
    }();
    queue.run_all();

    CHECK_FALSE(reporter.report_progress(10));
}

TEST_CASE("a reporter that was moved from returns false", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    auto reporter = operation.reporter();
    const auto moved_to = std::move(reporter);

    CHECK_FALSE(reporter.report_progress(10));
    CHECK(moved_to.report_progress(20));
}

TEST_CASE("a reporter does not keep its operation from being abandoned", "[async_operation][G4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    const auto reporter = client.start().reporter();
    queue.run_all();

    CHECK(client.log.all() == lines{"abandoned"});
    CHECK_FALSE(reporter.report_progress(10));
}

TEST_CASE("a reporter returns false when the home refuses the report", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{tests::throwing_context{queue, 1}};
    auto operation = client.start();
    const auto reporter = operation.reporter();

    bool taken = true;
    CHECK_NOTHROW(taken = reporter.report_progress(10));
    CHECK_FALSE(taken);
    CHECK(reporter.report_progress(20));
    operation.complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"20%", "value"});
}

TEST_CASE("a reporter returns false when making the value throws", "[async_operation]") {
    struct unwilling {
        unwilling() = default;
        unwilling(const unwilling&) { throw late_error{"no copies"}; }
    };
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    auto operation = manager.create_operation<void, unwilling>(
        {}, [](const eap::completed_event_args<>&) {},
        [](const eap::progress_changed_event_args<unwilling>&) {});
    const auto reporter = operation.reporter();
    const unwilling value;

    bool taken = true;
    CHECK_NOTHROW(taken = reporter.report_progress(10, value));
    CHECK_FALSE(taken);
    operation.complete();
}

// ---- completing ----

TEST_CASE("completing marks the operation, posts, then tells the home once, and waits for nothing",
          "[async_operation][OP-6]") {
    watched_home home;
    auto operation = home.client.start();
    CHECK(operation.complete());

    CHECK(operation.completed());
    CHECK(home.asked.all() == lines{"started", "post", "completed"});
    CHECK(home.client.log.all() == lines{});
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"value"});
}

TEST_CASE("an operation counts as completed before its completion is posted", "[async_operation][OP-6]") {
    tests::manual_queue queue;
    std::optional<eap::async_operation<>> operation;
    std::vector<bool> completed_inside_post;
    tests::client client{tests::scripted_context{[&](std::function<void()> function) {
        completed_inside_post.push_back(operation->completed());
        queue.context().post(std::move(function));
    }}};
    operation = client.start();
    operation->complete();
    queue.run_all();

    CHECK(completed_inside_post == std::vector<bool>{true});
}

TEST_CASE("a home is not told of the end before it has been given the drain that the completion relies on",
          "[async_operation][OP-6][G10]") {
    tests::record asked;
    tests::manual_queue queue;
    std::optional<eap::async_operation<>> operation;
    bool is_report = true;
    const tests::scripted_context slow{[&](std::function<void()> drain) {
        if (std::exchange(is_report, false)) // while the report is being posted, another thread completes
            std::thread{[&] { operation->complete(); }}.join();
        queue.context().post(std::move(drain));
        asked.add("taken");
    }};
    tests::client client{tests::witness_context<tests::scripted_context>{slow, asked}};
    operation = client.start();

    operation->report_progress(50);
    CHECK(asked.all() == lines{"started", "post", "taken"});
    queue.run_all();
    CHECK(asked.all() == lines{"started", "post", "taken", "completed"});
    CHECK(client.log.all() == lines{"50%", "value"});
}

TEST_CASE("the completion callback may run before the home is told", "[async_operation][OP-7]") {
    tests::record log;
    eap::operation_manager manager{
        tests::witness_context<tests::inline_context>{tests::inline_context{}, log}};
    auto operation =
        manager.create_operation<>({}, [&](const eap::completed_event_args<>&) { log.add("callback"); });
    operation.complete();

    CHECK(log.all() == lines{"started", "post", "callback", "completed"});
}

TEST_CASE("operation_completed ends an operation without a callback", "[async_operation][OP-8]") {
    watched_home home;
    auto operation = home.client.manager.create_operation();
    CHECK(operation.operation_completed());

    CHECK(operation.completed());
    CHECK(home.asked.count("completed") == 1);
    CHECK(home.queue.run_all() == 0);
    CHECK(home.client.manager.pending() == 0);
}

TEST_CASE("operation_completed comes after what was posted", "[async_operation][OP-8][OP-12]") {
    watched_home home;
    auto operation = home.client.manager.create_operation();
    operation.post([&] { home.client.log.add("posted"); });
    operation.operation_completed();

    CHECK(home.client.manager.pending() == 1);
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"posted"});
    CHECK(home.client.manager.pending() == 0);
}

TEST_CASE("post_operation_completed ends an operation with its function as the last",
          "[async_operation][OP-6]") {
    watched_home home;
    auto operation = home.client.manager.create_operation();
    operation.post([&] { home.client.log.add("posted"); });
    CHECK(operation.post_operation_completed([&] { home.client.log.add("last"); }));

    CHECK(operation.completed());
    CHECK(home.client.log.all() == lines{});
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"posted", "last"});
    CHECK(home.asked.count("completed") == 1);
}

TEST_CASE("an operation with handlers is not ended without them", "[async_operation]") {
    watched_home home;
    auto operation = home.client.start();

    CHECK_THAT(message_of<eap::invalid_operation>([&] { operation.operation_completed(); }),
               Matches(".*completion handler.*use complete.*"));
    CHECK_THAT(message_of<eap::invalid_operation>([&] { operation.post_operation_completed([] {}); }),
               Matches(".*completion handler.*use complete.*"));
    CHECK_FALSE(operation.completed());
    CHECK(home.asked.all() == lines{"started"});
    operation.complete();
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"value"});
}

TEST_CASE("an operation that ends with a value has no end without one", "[async_operation]") {
    STATIC_REQUIRE(can_end_without_callback<eap::async_operation<>>);
    STATIC_REQUIRE_FALSE(can_end_without_callback<eap::async_operation<int>>);
}

TEST_CASE("an error reaches the client as the very exception that the worker gave", "[async_operation]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::exception_ptr got;
    auto operation = manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { got = args.error(); });
    const auto error = std::make_exception_ptr(late_error{"why"});
    CHECK(operation.complete_error(error));
    queue.run_all();

    CHECK(got == error);
}

TEST_CASE("complete_error keeps the type of the exception it is given", "[async_operation]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::exception_ptr got;
    auto operation = manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { got = args.error(); });
    operation.complete_error(late_error{"why"});
    queue.run_all();

    REQUIRE(got != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(got), late_error);
}

TEST_CASE("the completed args carry the user state", "[async_operation]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    lines got;
    const auto remember = [&](const eap::completed_event_args<>& args) {
        got.push_back(args.user_state().get<std::string>());
    };
    manager.create_operation<>("value", remember).complete();
    manager.create_operation<>("error", remember).complete_error(late_error{"why"});
    manager.create_operation<>("cancelled", remember).complete_cancelled();
    {
        const auto abandoned = manager.create_operation<>("abandoned", remember);
    }
    queue.run_all();

    CHECK(got == lines{"value", "error", "cancelled", "abandoned"});
}

TEST_CASE("an operation is not completed until it is", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();

    CHECK_FALSE(operation.completed());
    operation.complete_cancelled();
    CHECK(operation.completed());
}

// ---- after completion ----

TEST_CASE("a call that finds the operation completed throws and says so", "[async_operation][OP-9]") {
    for (const worker_call& each : worker_calls()) {
        INFO(each.name);
        tests::manual_queue queue;
        tests::client client{queue.context()};
        auto operation = client.start<int>();
        operation.complete(1);

        CHECK_THAT(message_of<eap::invalid_operation>([&] { each.call(operation); }),
                   Matches(".*completed already.*complete it once.*"));
    }
}

TEST_CASE("a call that finds the operation completed reaches neither handler nor home",
          "[async_operation][OP-9]") {
    for (const worker_call& each : worker_calls()) {
        INFO(each.name);
        watched_home home;
        auto operation = home.client.start<int>();
        operation.complete(1);
        CHECK_THROWS_AS(each.call(operation), eap::invalid_operation);
        home.queue.run_all();
        CHECK_THROWS_AS(each.call(operation), eap::invalid_operation);
        home.queue.run_all();

        CHECK(home.client.log.all() == lines{"value 1"});
        CHECK(home.asked.all() == lines{"started", "post", "completed"});
    }
}

TEST_CASE("either way of completing makes the later calls throw", "[async_operation][OP-9]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    for (const bool with_callback : {false, true}) {
        INFO("with callback: " << with_callback);
        auto operation = manager.create_operation();
        with_callback ? operation.post_operation_completed([] {}) : operation.operation_completed();

        CHECK_THROWS_AS(operation.post([] {}), eap::invalid_operation);
        CHECK_THROWS_AS(operation.post_operation_completed([] {}), eap::invalid_operation);
        CHECK_THROWS_AS(operation.operation_completed(), eap::invalid_operation);
        CHECK_THROWS_AS(operation.complete(), eap::invalid_operation);
    }
}

TEST_CASE("the completion callback finds its operation completed when the home runs it inline",
          "[async_operation][OP-13]") {
    tests::record asked;
    eap::operation_manager manager{
        tests::witness_context<tests::inline_context>{tests::inline_context{}, asked}};
    std::optional<eap::async_operation<>> operation;
    bool was_completed = false;
    std::string said;
    operation = manager.create_operation<>({}, [&](const eap::completed_event_args<>&) {
        was_completed = operation->completed();
        said = message_of<eap::invalid_operation>([&] { operation->complete(); });
    });
    operation->complete();

    CHECK(was_completed);
    CHECK_THAT(said, Matches(".*completed already.*"));
    CHECK(asked.count("completed") == 1);
}

// ---- bad input ----

TEST_CASE("an empty function is refused, and the operation stays usable", "[async_operation][OP-10]") {
    watched_home home;
    auto operation = home.client.start();

    CHECK_THAT(message_of<std::invalid_argument>([&] { operation.post(std::function<void()>{}); }),
               Matches(".*empty function.*give it one that can be called.*"));
    CHECK_THROWS_AS(operation.post(static_cast<void (*)()>(nullptr)), std::invalid_argument);
    CHECK_FALSE(operation.completed());
    CHECK(home.asked.all() == lines{"started"});
    CHECK(operation.post([] {}));
    operation.complete();
}

TEST_CASE("an empty last function is refused, and the operation stays open", "[async_operation][OP-10]") {
    watched_home home;
    auto operation = home.client.manager.create_operation();

    CHECK_THAT(message_of<std::invalid_argument>(
                   [&] { operation.post_operation_completed(std::function<void()>{}); }),
               Matches(".*empty function.*"));
    CHECK_FALSE(operation.completed());
    CHECK(home.asked.all() == lines{"started"});
    CHECK(operation.operation_completed());
}

TEST_CASE("whether the operation is completed is asked before whether the function is empty",
          "[async_operation][OP-11]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    auto operation = manager.create_operation();
    operation.operation_completed();

    CHECK_THROWS_AS(operation.post(std::function<void()>{}), eap::invalid_operation);
    CHECK_THROWS_AS(operation.post_operation_completed(std::function<void()>{}), eap::invalid_operation);
}

TEST_CASE("complete_error with a null pointer says what to do, and changes nothing", "[async_operation]") {
    watched_home home;
    auto operation = home.client.start<int>();

    CHECK_THAT(message_of<std::invalid_argument>([&] { operation.complete_error(std::exception_ptr{}); }),
               Matches(".*null exception_ptr.*use complete.*"));
    CHECK_FALSE(operation.completed());
    CHECK(home.asked.all() == lines{"started"});
    CHECK(operation.complete(1));
    home.queue.run_all();
    CHECK(home.client.log.all() == lines{"value 1"});
}

TEST_CASE("an operation that was moved from says so", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>();
    auto moved_to = std::move(operation);

    for (const worker_call& each : worker_calls()) {
        INFO(each.name);
        CHECK_THAT(message_of<eap::invalid_operation>([&] { each.call(operation); }),
                   Matches(".*moved from.*use the one it was moved to.*"));
    }
    CHECK_THROWS_AS(operation.stop_token(), eap::invalid_operation);
    CHECK_THROWS_AS(operation.reporter(), eap::invalid_operation);
    CHECK(operation.completed());
    CHECK_FALSE(operation.cancellation_pending());
    moved_to.complete(1);
}

TEST_CASE("moving an operation ends nothing", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    auto second = std::move(operation);
    const auto third = std::make_unique<eap::async_operation<>>(std::move(second));

    CHECK_FALSE(third->completed());
    third->complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
}

TEST_CASE("an operation that is assigned over is abandoned", "[async_operation][G4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>();
    operation = client.start<int>();
    queue.run_all();
    CHECK(client.log.all() == lines{"abandoned"});

    operation.complete(2);
    queue.run_all();
    CHECK(client.log.all() == lines{"abandoned", "value 2"});
}

TEST_CASE("assigning an operation to itself changes nothing", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    auto& same = operation;
    operation = std::move(same);

    CHECK_FALSE(operation.completed());
    CHECK(operation.complete());
}

// ---- cancellation, seen by the worker ----

TEST_CASE("cancelling is a request: the operation may still end normally", "[async_operation][CN-1][CN-7]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>("id");
    CHECK(client.manager.cancel("id"));

    CHECK_FALSE(operation.completed());
    CHECK(operation.cancellation_pending());
    CHECK(operation.complete(1));
    queue.run_all();
    CHECK(client.log.all() == lines{"value 1"});
}

TEST_CASE("cancelling never throws", "[async_operation][CN-2]") {
    STATIC_REQUIRE(noexcept(std::declval<eap::operation_manager&>().cancel(eap::user_state{})));
    STATIC_REQUIRE(noexcept(std::declval<eap::operation_manager&>().cancel_all()));
}

TEST_CASE("a cancelled operation tells its client, and has no result", "[async_operation][CN-3]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    bool was_cancelled = false;
    bool had_error = true;
    std::string said;
    auto operation = manager.create_operation<int>("id", [&](const eap::completed_event_args<int>& args) {
        was_cancelled = args.cancelled();
        had_error = args.error() != nullptr;
        said = message_of<eap::operation_cancelled>([&] { static_cast<void>(args.result()); });
    });
    manager.cancel("id");
    operation.complete_cancelled();
    queue.run_all();

    CHECK(was_cancelled);
    CHECK_FALSE(had_error);
    CHECK_THAT(said, Matches(".*cancelled.*"));
}

TEST_CASE("cancelling an unknown, a cancelled or a finished operation does nothing",
          "[async_operation][CN-4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    CHECK_FALSE(client.manager.cancel("unknown"));

    auto operation = client.start<int>("id");
    CHECK(client.manager.cancel("id"));
    CHECK_FALSE(client.manager.cancel("id"));
    operation.complete(1);
    queue.run_all();
    CHECK_FALSE(client.manager.cancel("id"));
    CHECK(client.log.all() == lines{"value 1"});
}

TEST_CASE("progress that was queued when cancel was asked comes before the completion",
          "[async_operation][CN-5]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start("id");
    operation.report_progress(10);
    client.manager.cancel("id");
    operation.report_progress(20);
    operation.complete_cancelled();
    queue.run_all();

    CHECK(client.log.all() == lines{"10%", "20%", "cancelled"});
}

TEST_CASE("a request between the end of the work and its delivery has no effect", "[async_operation][CN-6]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int>("id");
    operation.complete(1);

    CHECK_FALSE(client.manager.cancel("id"));
    queue.run_all();
    CHECK(client.log.all() == lines{"value 1"});
}

TEST_CASE("an error while a request is pending is an error", "[async_operation][CN-7][G6]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start("id");
    client.manager.cancel("id");
    operation.complete_error(late_error{"why"});
    queue.run_all();

    CHECK(client.log.all() == lines{"error: why"});
}

TEST_CASE("the work may end as cancelled although nobody asked", "[async_operation][CN-8]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    CHECK(operation.complete_cancelled());
    queue.run_all();

    CHECK(client.log.all() == lines{"cancelled"});
}

TEST_CASE("the stop token tells of a request that came before it was made, and of one after",
          "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto early = client.start("early");
    auto late = client.start("late");
    client.manager.cancel("early");
    const std::stop_token of_early = early.stop_token();
    const std::stop_token of_late = late.stop_token();

    CHECK(of_early.stop_requested());
    CHECK_FALSE(of_late.stop_requested());
    client.manager.cancel("late");
    CHECK(of_late.stop_requested());
    early.complete_cancelled();
    late.complete_cancelled();
}

TEST_CASE("stop callbacks run once, within cancel", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start("id");
    int called = 0;
    const std::stop_callback callback{operation.stop_token(), [&] { ++called; }};
    client.manager.cancel("id");
    CHECK(called == 1);
    client.manager.cancel("id");
    CHECK(called == 1);
    operation.complete_cancelled();
}

TEST_CASE("a stop callback may complete the operation that it belongs to", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start("id");
    const std::stop_callback callback{operation.stop_token(), [&] { operation.complete_cancelled(); }};
    client.manager.cancel("id");
    queue.run_all();

    CHECK(client.log.all() == lines{"cancelled"});
}

TEST_CASE("a stop token may outlive its operation", "[async_operation]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    std::stop_token token;
    {
        auto operation = client.start();
        token = operation.stop_token();
        operation.complete();
    }
    queue.run_all();

    CHECK_FALSE(token.stop_requested());
}

TEST_CASE("an operation without handlers reports to nobody", "[async_operation]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    auto operation = manager.create_operation();
    CHECK(operation.report_progress(10));
    operation.operation_completed();
    CHECK(queue.run_all() != 0);
    CHECK(manager.pending() == 0);
}
