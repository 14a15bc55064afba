// SPDX-License-Identifier: BSL-1.0
#include <eap/run_on.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/operation_manager.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
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

/// A queue where the work runs, a queue where the handlers run, and the client.
struct two_places {
    tests::manual_queue where;
    tests::manual_queue home;
    tests::client client{home.context()};

    lines finish() {
        where.run_all();
        home.run_all();
        return client.log.all();
    }
};

} // namespace

// ---- what the work's end becomes ----

TEST_CASE("what the work returns is the value", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [] { return 7; });

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("work that takes the operation reports through it, and returns the value", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [](eap::async_operation<int>& operation) {
        operation.report_progress(50);
        return 7;
    });

    CHECK(at.finish() == lines{"50%", "value 7"});
}

TEST_CASE("work that returns nothing completes an operation without a value", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start(), [] {});

    CHECK(at.finish() == lines{"value"});
}

TEST_CASE("once the operation has ended, what the work threw is the client's alone", "[run_on]") {
    struct error_with_token {
        std::shared_ptr<int> token;
    };
    tests::manual_queue where;
    eap::operation_manager manager{tests::inline_context{}}; // all of it happens where the work ends
    auto token = std::make_shared<int>(1);
    const std::weak_ptr<int> alive{token};
    std::vector<bool> held;
    auto operation = manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>&) { held.push_back(!alive.expired()); });
    manager.on_idle([&] { held.push_back(!alive.expired()); });
    eap::run_on(where.context(), std::move(operation),
                [token = std::move(token)]() mutable -> int { throw error_with_token{std::move(token)}; });
    where.run_all();

    CHECK(held == std::vector<bool>{true, false});
}

TEST_CASE("what the work returns is ignored by an operation without a value", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start(), [] { return 7; });

    CHECK(at.finish() == lines{"value"});
}

TEST_CASE("work may return what the value can be made from", "[run_on]") {
    two_places at;
    std::string got;
    auto operation = at.client.manager.create_operation<std::string>(
        {}, [&](const eap::completed_event_args<std::string>& args) { got = args.result(); });
    eap::run_on(at.where.context(), std::move(operation), [] { return "text"; });
    at.finish();

    CHECK(got == "text");
}

TEST_CASE("work may return what can only be moved", "[run_on]") {
    two_places at;
    std::unique_ptr<int> got;
    auto operation = at.client.manager.create_operation<std::unique_ptr<int>>(
        {}, [&](eap::completed_event_args<std::unique_ptr<int>> args) { got = std::move(args).result(); });
    eap::run_on(at.where.context(), std::move(operation), [] { return std::make_unique<int>(7); });
    at.finish();

    REQUIRE(got != nullptr);
    CHECK(*got == 7);
}

TEST_CASE("work may return a reference", "[run_on]") {
    two_places at;
    int object = 0;
    const int* got = nullptr;
    auto operation = at.client.manager.create_operation<int&>(
        {}, [&](const eap::completed_event_args<int&>& args) { got = &args.result(); });
    eap::run_on(at.where.context(), std::move(operation), [&]() -> int& { return object; });
    at.finish();

    CHECK(got == &object);
}

TEST_CASE("what the work throws is the error, unchanged", "[run_on]") {
    two_places at;
    std::exception_ptr got;
    auto operation = at.client.manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { got = args.error(); });
    eap::run_on(at.where.context(), std::move(operation), []() -> int { throw work_error{"why"}; });
    at.finish();

    REQUIRE(got != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(got), work_error);
}

TEST_CASE("work may throw what is no std::exception", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), []() -> int { throw 7; });

    CHECK(at.finish() == lines{"error"});
}

TEST_CASE("work that throws operation_cancelled ends as cancelled", "[run_on][CN-3]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(),
                []() -> int { throw eap::operation_cancelled{}; });

    CHECK(at.finish() == lines{"cancelled"});
}

TEST_CASE("what the work completed itself stays as it is", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(),
                [](eap::async_operation<int>& operation) { operation.complete(7); });

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("what the work returns after it completed the operation changes nothing", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [](eap::async_operation<int>& operation) {
        operation.complete_cancelled();
        return 7;
    });

    CHECK(at.finish() == lines{"cancelled"});
}

TEST_CASE("what the work throws after it completed the operation reaches whoever runs the context",
          "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [](eap::async_operation<int>& operation) {
        operation.complete(7);
        throw work_error{"too late"};
    });

    CHECK_THROWS_AS(at.where.run_all(), work_error);
    at.home.run_all();
    CHECK(at.client.log.all() == lines{"value 7"});
}

TEST_CASE(
    "a cancellation that the work throws after it completed the operation reaches whoever runs the context",
    "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [](eap::async_operation<int>& operation) {
        operation.complete(7);
        throw eap::operation_cancelled{};
    });

    CHECK_THROWS_AS(at.where.run_all(), eap::operation_cancelled);
    at.home.run_all();
    CHECK(at.client.log.all() == lines{"value 7"});
}

TEST_CASE("work that neither returns a value nor completes abandons its operation", "[run_on][G4]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [](eap::async_operation<int>&) {});

    CHECK(at.finish() == lines{"abandoned"});
}

TEST_CASE("work may move the operation away and complete it later", "[run_on]") {
    two_places at;
    std::optional<eap::async_operation<int>> kept;
    eap::run_on(at.where.context(), at.client.start<int>(),
                [&](eap::async_operation<int>& operation) { kept = std::move(operation); });
    CHECK(at.finish() == lines{});
    REQUIRE(kept.has_value());
    kept->complete(7);

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("a value that can not be made is the error", "[run_on]") {
    struct unmakeable {
        unmakeable() = default;
        unmakeable(unmakeable&&) { throw work_error{"no moves"}; }
    };
    two_places at;
    eap::run_on(at.where.context(), at.client.start<unmakeable>(), [] { return unmakeable{}; });

    CHECK(at.finish() == lines{"error: no moves"});
}

// ---- where and when ----

TEST_CASE("the work runs where it was told to, the handlers at home", "[run_on][G5]") {
    eap::event_loop home;
    eap::thread_pool pool{1};
    eap::operation_manager manager{home.context()};
    std::thread::id worked;
    std::thread::id handled;
    auto operation = manager.create_operation<>(
        {}, [&](const eap::completed_event_args<>&) { handled = std::this_thread::get_id(); });
    eap::run_on(pool.context(), std::move(operation), [&] { worked = std::this_thread::get_id(); });
    home.run(); // until the operation has ended and its completion has run

    CHECK(worked != std::thread::id{});
    CHECK(worked != std::this_thread::get_id());
    CHECK(handled == std::this_thread::get_id());
}

TEST_CASE("nothing runs inside run_on when the context queues", "[run_on]") {
    two_places at;
    bool ran = false;
    eap::run_on(at.where.context(), at.client.start(), [&] { ran = true; });

    CHECK_FALSE(ran);
    at.finish();
    CHECK(ran);
}

TEST_CASE("a context that runs inline runs the work inside run_on", "[run_on]") {
    two_places at;
    bool ran = false;
    eap::run_on(tests::inline_context{}, at.client.start(), [&] { ran = true; });

    CHECK(ran);
    CHECK(at.finish() == lines{"value"});
}

TEST_CASE("work that was asked to stop before it began never runs, and ends as cancelled", "[run_on][CN-1]") {
    two_places at;
    bool ran = false;
    eap::run_on(at.where.context(), at.client.start<int>("id"), [&] {
        ran = true;
        return 7;
    });
    CHECK(at.client.manager.cancel("id"));

    CHECK(at.finish() == lines{"cancelled"});
    CHECK_FALSE(ran);
}

TEST_CASE("work that timed out before it began never runs", "[run_on]") {
    two_places at;
    bool ran = false;
    eap::run_on(at.where.context(), at.client.start<int>("id", {.timeout = 0ns}), [&] {
        ran = true;
        return 7;
    });

    CHECK(at.finish() == lines{"timed out"});
    CHECK_FALSE(ran);
}

TEST_CASE("work that is told to stop may finish all the same", "[run_on][CN-7]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>("id"), [&] {
        at.client.manager.cancel("id");
        return 7;
    });

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("what the work returns after the deadline is told to nobody, and nothing escapes", "[run_on][G7]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>("id", {.timeout = 1ms}),
                [](eap::async_operation<int>& operation) {
                    while (!operation.completed())
                        std::this_thread::yield();
                    return 7;
                });

    CHECK_NOTHROW(at.where.run_all());
    // The timer thread decides first and brings home then.
    while (at.client.manager.pending() != 0)
        if (!at.home.run_one())
            std::this_thread::yield();
    CHECK(at.client.log.all() == lines{"timed out"});
}

// ---- contexts that lose the work ----

TEST_CASE("a context that refuses the work makes its refusal the error", "[run_on]") {
    two_places at;
    eap::run_on(tests::throwing_context{}, at.client.start<int>(), [] { return 7; });

    CHECK(at.finish() == lines{"error: this post was refused"});
}

TEST_CASE("a closed context makes context_closed the error", "[run_on]") {
    two_places at;
    at.where.close();
    std::exception_ptr got;
    auto operation = at.client.manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { got = args.error(); });
    eap::run_on(at.where.context(), std::move(operation), [] { return 7; });
    at.finish();

    REQUIRE(got != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(got), eap::context_closed);
}

TEST_CASE("a context that drops the work abandons the operation", "[run_on][G4]") {
    two_places at;
    eap::run_on(tests::dropping_context{}, at.client.start<int>(), [] { return 7; });

    CHECK(at.finish() == lines{"abandoned"});
}

TEST_CASE("a context that dies with the work queued abandons the operation", "[run_on][G4]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(), [] { return 7; });
    at.where.close();

    CHECK(at.finish() == lines{"abandoned"});
}

TEST_CASE("a context that dies with the work queued cancels the operation when that was asked for",
          "[run_on][G4]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>("id"), [] { return 7; });
    at.client.manager.cancel("id");
    at.where.close();

    CHECK(at.finish() == lines{"cancelled"});
}

TEST_CASE("a context that runs the work twice runs it once", "[run_on]") {
    two_places at;
    int runs = 0;
    eap::run_on(tests::scripted_context{[](const std::function<void()>& function) {
                    function();
                    function();
                }},
                at.client.start<int>(), [&] { return ++runs; });

    CHECK(at.finish() == lines{"value 1"});
    CHECK(runs == 1);
}

TEST_CASE("a context that runs the work on another thread before its post returns", "[run_on]") {
    two_places at;
    eap::run_on(tests::scripted_context{[](std::function<void()> function) {
                    std::thread{std::move(function)}.join();
                }},
                at.client.start<int>(), [] { return 7; });

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("a context that runs the work and then throws: the work's outcome counts", "[run_on][G1]") {
    two_places at;
    CHECK_THROWS_AS(eap::run_on(tests::scripted_context{[](const std::function<void()>& function) {
                                    function();
                                    throw tests::post_refused{};
                                }},
                                at.client.start<int>(), [] { return 7; }),
                    tests::post_refused);

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("when the work can not be stored, run_on throws and the operation is abandoned", "[run_on]") {
    struct unstorable {
        unstorable() = default;
        unstorable(const unstorable&) { throw work_error{"no copies"}; }
        void operator()() const {}
    };
    two_places at;
    const unstorable work;

    CHECK_THROWS_AS(eap::run_on(at.where.context(), at.client.start(), work), work_error);
    CHECK(at.finish() == lines{"abandoned"});
}

TEST_CASE("whichever allocation of run_on fails, the operation has one outcome", "[run_on][G1]") {
    if (!tests::allocation_watch::works)
        return;
    int failures = 0;
    for (std::size_t number = 1;; ++number) {
        two_places at;
        auto operation = at.client.start<int>();
        {
            tests::allocation_watch watch;
            watch.fail(number);
            try {
                eap::run_on(at.where.context(), std::move(operation), [] { return 7; });
            } catch (const std::bad_alloc&) {
            }
        }
        const auto told = at.finish();
        REQUIRE(told.size() == 1);
        if (told == lines{"value 7"})
            break;
        ++failures;
        CHECK((told.front() == "abandoned" || told.front().rfind("error: ", 0) == 0));
    }
    CHECK(failures > 0);
}

// ---- what the work holds ----

TEST_CASE("what the work holds dies where it ran", "[run_on][G14]") {
    two_places at;
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    eap::run_on(at.where.context(), at.client.start(), [held = std::move(held)] {});
    CHECK_FALSE(watched.expired());
    at.where.run_all();

    CHECK(watched.expired());
}

TEST_CASE("what the work holds dies when it never ran", "[run_on][G14]") {
    two_places at;
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    eap::run_on(at.where.context(), at.client.start(), [held = std::move(held)] {});
    at.where.drop_all();

    CHECK(watched.expired());
}

TEST_CASE("what the work holds dies when it is refused", "[run_on][G14]") {
    two_places at;
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    eap::run_on(tests::throwing_context{}, at.client.start(), [held = std::move(held)] {});

    CHECK(watched.expired());
}

TEST_CASE("work may be move-only, and may change what it holds", "[run_on]") {
    two_places at;
    eap::run_on(at.where.context(), at.client.start<int>(),
                [owned = std::make_unique<int>(7)]() mutable { return *std::exchange(owned, nullptr); });

    CHECK(at.finish() == lines{"value 7"});
}

TEST_CASE("a hundred pieces of work on a pool come home to one loop", "[run_on]") {
    eap::event_loop home;
    eap::thread_pool pool{4};
    eap::operation_manager manager{home.context()};
    int sum = 0;
    for (int i = 1; i <= 100; ++i)
        eap::run_on(pool.context(),
                    manager.create_operation<int>(
                        i, [&](const eap::completed_event_args<int>& args) { sum += args.result(); }),
                    [i] { return i; });
    home.run();

    CHECK(sum == 5050);
}
