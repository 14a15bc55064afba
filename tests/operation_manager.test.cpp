// SPDX-License-Identifier: BSL-1.0
#include "eap/operation_manager.hpp"

#include "eap/contexts/asio_context.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/scoped_context.hpp"
#include "eap/tracked.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/functions.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using tests::lines;

constexpr auto ignore = [](const auto&) {};

/// A home pumped by hand that counts its notifications.
struct counting_home {
    tests::manual_queue queue;
    std::shared_ptr<tests::notification_counts> counts = std::make_shared<tests::notification_counts>();

    tests::counting_context<> context() const { return {queue.context(), counts}; }
};

/// A home that lets somebody know when it is asked whose thread this is: a wait asks first.
struct asked_home {
    eap::thread_pool::context_type inner;
    std::latch* asked;

    template <class F> void post(F&& function) const { inner.post(std::forward<F>(function)); }
    bool running_in_this_thread() const {
        asked->count_down();
        return false;
    }
    bool operator==(const asked_home&) const = default;
};

/// A home that calls `*within`, once, while it is told that an operation has started.
struct starting_home {
    tests::manual_context inner;
    std::function<void()>* within;

    template <class F> void post(F&& function) const { inner.post(std::forward<F>(function)); }
    void operation_started() const {
        if (const auto now = std::exchange(*within, nullptr))
            now();
    }
    bool operator==(const starting_home&) const = default;
};

eap::operation_options named(const char* name) {
    eap::operation_options options;
    options.name = name;
    return options;
}

} // namespace

// ---- homes ----

static_assert(!std::is_copy_constructible_v<eap::operation_manager>);

TEST_CASE("without a fixed home an operation comes home to the context current at its creation",
          "[operation_manager][MG-1][OP-4]") {
    tests::manual_queue one, two;
    eap::operation_manager manager;
    std::optional<eap::async_operation<>> first, second;
    {
        const eap::scoped_context here{one.context()};
        first = manager.create_operation();
    }
    {
        const eap::scoped_context here{two.context()};
        second = manager.create_operation();
    }
    CHECK(first->synchronization_context() == one.context());
    CHECK(second->synchronization_context() == two.context());
}

TEST_CASE("without a fixed home and a current context an operation comes home to the shared pool",
          "[operation_manager][MG-1]") {
    eap::operation_manager manager;
    const auto operation = manager.create_operation();
    CHECK(operation.synchronization_context() == eap::thread_pool::shared());
}

TEST_CASE("creating an operation installs no current context", "[operation_manager][MG-2][O-9]") {
    eap::operation_manager manager;
    const auto operation = manager.create_operation();
    CHECK(eap::scoped_context::current() == nullptr);
    CHECK_FALSE(eap::scoped_context::is_set());
}

TEST_CASE("a fixed home serves every operation, whatever is current", "[operation_manager][MG-1]") {
    tests::manual_queue home, elsewhere;
    eap::operation_manager manager{home.context()};
    const eap::scoped_context here{elsewhere.context()};
    CHECK(manager.create_operation().synchronization_context() == home.context());
    home.run_all();
}

TEST_CASE("an empty home is refused with what to do instead", "[operation_manager]") {
    const std::string message = tests::message_of<std::invalid_argument>(
        [] { const eap::operation_manager manager{eap::any_synchronization_context{}}; });
    CHECK(message.find("default constructor") != std::string::npos);
}

// ---- ids ----

TEST_CASE("the id of a pending operation is refused", "[operation_manager][BC-7][O-21]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto first = manager.create_operation(1);
    const std::string message =
        tests::message_of<eap::duplicate_task_id>([&] { static_cast<void>(manager.create_operation(1)); });
    CHECK(message.find("another id") != std::string::npos);
}

TEST_CASE("ids of equal value are the same id, whatever their type", "[operation_manager][BC-7]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto first = manager.create_operation(3), text = manager.create_operation("three");
    CHECK_THROWS_AS(manager.create_operation(3U), eap::duplicate_task_id);
    CHECK_THROWS_AS(manager.create_operation(std::string{"three"}), eap::duplicate_task_id);
    CHECK_NOTHROW(manager.create_operation(4));
}

TEST_CASE("a duplicate has no effect at all", "[operation_manager][BC-7][G9][O-21]") {
    counting_home home;
    eap::operation_manager manager{home.context()};
    tests::record told;
    manager.on_undelivered([&](const eap::undelivered& what) { told.add(tests::told(what)); });
    auto first = manager.create_operation(1, ignore);
    const auto kept = std::make_shared<int>(0);
    try {
        static_cast<void>(manager.create_operation(1, [kept](const eap::completed_event_args<>&) {}));
    } catch (const eap::duplicate_task_id&) {
    }
    CHECK(home.counts->started == 1); // of the first one
    CHECK(home.counts->completed == 0);
    CHECK(kept.use_count() == 1);
    CHECK(manager.pending() == 1);
    CHECK(manager.is_pending(1));
    CHECK_FALSE(first.completed());
    CHECK_FALSE(first.cancellation_pending());
    CHECK(home.queue.size() == 0);
    CHECK(told.all().empty());
    first.complete();
    home.queue.run_all();
    CHECK_FALSE(manager.is_pending(1));
}

TEST_CASE("a duplicate leaves its handlers with the caller", "[operation_manager][BC-7][G9]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto first = manager.create_operation(1);
    auto handler = [held = std::make_unique<int>(7)](const eap::completed_event_args<>&) {};
    CHECK_THROWS_AS(manager.create_operation(1, std::move(handler)), eap::duplicate_task_id);
    first.operation_completed();
    auto second = manager.create_operation(1, std::move(handler)); // not moved from by the refused call
    CHECK(manager.is_pending(1));
}

TEST_CASE("operations without an id may be as many as one likes", "[operation_manager][BC-8]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto first = manager.create_operation(), second = manager.create_operation({});
    CHECK(manager.pending() == 2);
}

TEST_CASE("an id is free when its completion handler starts", "[operation_manager][O-21][G12]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    lines story;
    std::optional<eap::async_operation<>> next;
    auto first = manager.create_operation(1, [&](const eap::completed_event_args<>&) {
        story.push_back(manager.is_pending(1) ? "taken" : "free");
        next = manager.create_operation(
            1, [&](const eap::completed_event_args<>&) { story.push_back("second"); });
        story.push_back(manager.is_pending(1) ? "taken" : "free");
    });
    first.complete();
    CHECK(manager.is_pending(1)); // decided, not delivered
    CHECK_THROWS_AS(manager.create_operation(1), eap::duplicate_task_id);
    home.run_all();
    CHECK(manager.is_pending(1)); // the first one's end does not free what is now the second's
    next->complete();
    home.run_all();
    CHECK(story == lines{"free", "taken", "second"});
    CHECK(manager.pending() == 0);
}

TEST_CASE("an id is free after an outcome that could not be delivered", "[operation_manager][O-21][G1]") {
    eap::operation_manager manager{tests::dropping_context{}};
    auto first = manager.create_operation(1, ignore);
    first.complete();
    CHECK_FALSE(manager.is_pending(1));
    CHECK_NOTHROW(manager.create_operation(1, ignore));
}

TEST_CASE("an id is free already when its undelivered outcome is told", "[operation_manager][O-21]") {
    eap::operation_manager manager{tests::dropping_context{}};
    bool was_pending = true;
    manager.on_undelivered(
        [&](const eap::undelivered& what) { was_pending = manager.is_pending(what.user_state); });
    auto first = manager.create_operation(1, ignore);
    first.complete();
    CHECK_FALSE(was_pending);
}

TEST_CASE("an id in one manager means nothing to another", "[operation_manager][OP-19]") {
    tests::manual_queue home;
    eap::operation_manager one{home.context()}, other{home.context()};
    auto first = one.create_operation(1), second = other.create_operation(1);
    one.cancel(1);
    CHECK_FALSE(second.cancellation_pending());
}

// ---- cancel ----

TEST_CASE("cancel reaches the operation with that id and no other", "[operation_manager][CN-1][O-22]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto one = manager.create_operation(1), two = manager.create_operation(2),
         none = manager.create_operation();
    CHECK(manager.cancel(1));
    CHECK(one.cancellation_pending());
    CHECK_FALSE(two.cancellation_pending());
    CHECK_FALSE(none.cancellation_pending());
    CHECK_FALSE(one.completed()); // a request, no more
}

TEST_CASE("cancel with an empty id reaches every operation without one", "[operation_manager][CN-9]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto one = manager.create_operation(1), first = manager.create_operation(),
         second = manager.create_operation();
    CHECK(manager.cancel({}));
    CHECK_FALSE(one.cancellation_pending());
    CHECK(first.cancellation_pending());
    CHECK(second.cancellation_pending());
    CHECK_FALSE(manager.cancel({}));
}

TEST_CASE("cancelling an unknown, a decided, a finished or a cancelled id does nothing",
          "[operation_manager][CN-4][CN-6]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    CHECK_FALSE(client.manager.cancel(99));
    CHECK_FALSE(client.manager.cancel({}));
    auto cancelled = client.start(1);
    CHECK(client.manager.cancel(1));
    CHECK_FALSE(client.manager.cancel(1));
    auto decided = client.start<int>(2);
    decided.complete(7);
    CHECK_FALSE(client.manager.cancel(2));
    home.run_all();
    CHECK_FALSE(client.manager.cancel(2));
    CHECK(client.log.all() == lines{"value 7"});
}

TEST_CASE("cancel cannot throw", "[operation_manager][CN-2]") {
    const eap::operation_manager* manager = nullptr;
    CHECK(noexcept(const_cast<eap::operation_manager*>(manager)->cancel(1)));
    CHECK(noexcept(const_cast<eap::operation_manager*>(manager)->cancel_all()));
    CHECK(noexcept(const_cast<eap::operation_manager*>(manager)->close()));
}

TEST_CASE("cancel and cancel_all allocate nothing", "[operation_manager][CN-2][G8]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<eap::async_operation<>> operations;
    for (int i = 0; i < 100; ++i)
        operations.push_back(manager.create_operation(i));
    const eap::user_state id = 7;
    std::size_t allocations = 0;
    {
        const tests::allocation_watch watch;
        manager.cancel(id);
        manager.cancel_all();
        allocations = watch.count();
    }
    CHECK(allocations == 0);
}

TEST_CASE("cancel_all asks every operation, and counts the requests that it recorded",
          "[operation_manager][CN-1]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<eap::async_operation<>> operations;
    for (int i = 0; i < 100; ++i)
        operations.push_back(manager.create_operation(i % 2 == 0 ? eap::user_state{i} : eap::user_state{}));
    manager.cancel(10);
    operations[20].operation_completed(); // and at home already: nothing was to be called
    auto decided = manager.create_operation(1000, ignore);
    decided.complete();
    CHECK(manager.cancel_all() == 98);
    CHECK(manager.cancel_all() == 0);
    int asked = 0;
    for (const auto& each : operations)
        asked += each.cancellation_pending() ? 1 : 0;
    CHECK(asked == 99);
}

TEST_CASE("stop callbacks run inside cancel, and may cancel, complete, create and destroy",
          "[operation_manager][G12][G13]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    std::optional<eap::async_operation<>> first = client.start(1), second = client.start(2),
                                          third = client.start(3);
    std::optional<eap::async_operation<>> created;
    std::size_t inner_count = 99;
    const std::stop_callback by_first{first->stop_token(), [&] {
                                          client.manager.cancel(2);
                                          created = client.start(4);
                                          third.reset(); // a worker that lets go
                                          first->complete();
                                      }};
    const std::stop_callback by_second{second->stop_token(), [&] {
                                           inner_count = client.manager.cancel_all();
                                           second->complete_cancelled();
                                       }};
    CHECK(client.manager.cancel(1));
    CHECK(inner_count == 1); // the third one; the fourth did not exist yet
    CHECK_FALSE(created->cancellation_pending());
    home.run_all();
    CHECK(client.log.all() == lines{"cancelled", "cancelled", "value"});
}

TEST_CASE("cancel_all works from inside stop callbacks, and each request is counted once",
          "[operation_manager][G12][G13]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<eap::async_operation<>> operations;
    std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> callbacks;
    std::size_t counted = 0;
    for (int i = 0; i < 50; ++i) {
        operations.push_back(manager.create_operation(i));
        callbacks.push_back(std::make_unique<std::stop_callback<std::function<void()>>>(
            operations.back().stop_token(), [&] { counted += manager.cancel_all(); }));
    }
    counted += manager.cancel_all();
    CHECK(counted == 50);
}

TEST_CASE("the manager may be destroyed inside a stop callback", "[operation_manager][G12]") {
    tests::manual_queue home;
    auto manager = std::make_unique<eap::operation_manager>(home.context());
    auto* const raw = manager.get();
    auto one = manager->create_operation(1), two = manager->create_operation(2);
    const std::stop_callback callback{one.stop_token(), [&] { manager.reset(); }};
    raw->cancel(1);
    CHECK(manager == nullptr);
    CHECK(two.cancellation_pending());
}

TEST_CASE("the manager may be destroyed, and its last operation end, inside a stop callback of cancel_all",
          "[operation_manager][G12]") {
    auto manager = std::make_unique<eap::operation_manager>(tests::dropping_context{});
    auto* const raw = manager.get();
    std::optional<eap::async_operation<>> operation = manager->create_operation(1);
    const std::stop_callback callback{operation->stop_token(), [&] {
                                          manager.reset();
                                          operation->operation_completed();
                                          operation.reset();
                                      }};
    CHECK(raw->cancel_all() == 1);
    CHECK(manager == nullptr);
}

TEST_CASE("cancel_all concerns what is pending when it is called, whatever ends or begins meanwhile",
          "[operation_manager][G12][CN-1]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    constexpr std::size_t count = 60; // more than cancel_all takes in one go
    std::vector<std::optional<eap::async_operation<>>> operations(count);
    std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> callbacks;
    std::vector<eap::async_operation<>> begun;
    for (std::size_t i = 0; i < count; ++i) {
        operations[i] = manager.create_operation(i);
        const auto when_asked = [&, i] {
            for (const std::size_t which : {i, (i + 20) % count}) // itself, and one not yet or long asked
                if (!operations[which]->completed())
                    operations[which]->operation_completed();
            begun.push_back(manager.create_operation());
        };
        callbacks.push_back(std::make_unique<std::stop_callback<std::function<void()>>>(
            operations[i]->stop_token(), when_asked));
    }
    const std::size_t asked = manager.cancel_all();
    CHECK(asked >= count / 3);
    CHECK(asked <= count);
    CHECK(manager.pending() == begun.size());
    int asked_later = 0;
    for (const auto& each : begun)
        asked_later += each.cancellation_pending() ? 1 : 0;
    CHECK(asked_later == 0);
}

TEST_CASE("work that ends by itself while a request is pending is not cancelled",
          "[operation_manager][CN-7]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    auto operation = client.start<int>(1);
    client.manager.cancel(1);
    operation.complete(7);
    home.run_all();
    CHECK(client.log.all() == lines{"value 7"});
}

TEST_CASE("a cancelled operation that its worker drops ends as cancelled", "[operation_manager][CN-3][G4]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    static_cast<void>(client.start<int>(1));
    {
        const auto operation = client.start<int>(2);
        client.manager.cancel(2);
    }
    home.run_all();
    CHECK(client.log.all() == lines{"abandoned", "cancelled"});
}

// ---- close ----

TEST_CASE("close asks every operation to stop, and creates no more", "[operation_manager][G9]") {
    counting_home home;
    eap::operation_manager manager{home.context()};
    auto one = manager.create_operation(1), none = manager.create_operation();
    manager.close();
    CHECK(one.cancellation_pending());
    CHECK(none.cancellation_pending());
    CHECK_THROWS_AS(manager.create_operation(2), eap::invalid_operation);
    CHECK_THROWS_AS(manager.create_operation(), eap::invalid_operation);
    CHECK(home.counts->started == 2);
    CHECK_FALSE(manager.is_pending(2));
}

TEST_CASE("what is pending at close goes on to its end", "[operation_manager][G1]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    auto operation = client.start<int>(1);
    client.manager.close();
    CHECK(operation.report_progress(50));
    CHECK(operation.complete(7));
    CHECK(client.manager.pending() == 1);
    home.run_all();
    CHECK(client.log.all() == lines{"50%", "value 7"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("closing twice does nothing more", "[operation_manager]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    manager.close();
    manager.close();
    CHECK_THROWS_AS(manager.create_operation(), eap::invalid_operation);
}

TEST_CASE("an operation that is being created while its manager closes is asked to stop at once",
          "[operation_manager][O-22]") {
    tests::manual_queue home;
    std::function<void()> within;
    eap::operation_manager manager{starting_home{home.context(), &within}};
    within = [&] { manager.close(); };
    auto operation = manager.create_operation(1);
    CHECK(operation.cancellation_pending());
}

// ---- waiting ----

TEST_CASE("waiting for an idle manager returns true at once, also at home", "[operation_manager]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    bool idle = false;
    loop.context().post([&] { idle = manager.wait_idle_for(-1ns); });
    loop.poll();
    CHECK(idle);
    CHECK(manager.wait_idle_for(0ns));
    CHECK(manager.wait_idle_for(std::chrono::nanoseconds::max()));
}

TEST_CASE("a wait of zero, of less, or of a moment ends with false while an operation is pending",
          "[operation_manager]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    auto operation = manager.create_operation(1, ignore);
    operation.complete();
    for (const std::chrono::nanoseconds time : {0ns, -1ns, std::chrono::nanoseconds::min(), 1000000ns})
        CHECK_FALSE(manager.wait_idle_for(time));
    home.run_all();
    CHECK(manager.wait_idle_for(0ns));
}

TEST_CASE("a wait of any length ends when the last handler has returned", "[operation_manager]") {
    for (const std::chrono::nanoseconds time :
         {std::chrono::nanoseconds::max(), std::chrono::nanoseconds{std::chrono::hours{1}}}) {
        tests::parallel_pool pool{1};
        eap::operation_manager manager{pool.context()};
        std::atomic<bool> returned{false};
        std::latch go_on{1};
        auto operation = manager.create_operation(1, [&](const eap::completed_event_args<>&) {
            go_on.wait();
            returned = true;
        });
        operation.complete();
        CHECK_FALSE(manager.wait_idle_for(1ms)); // decided, the handler has not returned
        go_on.count_down();
        CHECK(manager.wait_idle_for(time));
        CHECK(returned);
    }
}

TEST_CASE("a handler may destroy the manager that another thread waits for", "[operation_manager][G12]") {
    eap::thread_pool pool{1};
    std::latch is_waiting{1};
    auto manager = std::make_unique<eap::operation_manager>(asked_home{pool.context(), &is_waiting});
    eap::operation_manager& waited_for = *manager;
    manager
        ->create_operation<>({},
                             [&](const eap::completed_event_args<>&) {
                                 is_waiting.wait();
                                 manager.reset();
                             })
        .complete();
    CHECK(waited_for.wait_idle_for(1min));
}

TEST_CASE("a wait at home for what has to come home there would never end", "[operation_manager][O-13]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    auto operation = manager.create_operation(1, ignore);
    std::string message;
    loop.context().post([&] {
        message = tests::message_of<eap::would_deadlock>(
            [&] { static_cast<void>(manager.wait_idle_for(std::chrono::nanoseconds::max())); });
    });
    loop.poll();
    CHECK(message.find("on_idle") != std::string::npos);
}

TEST_CASE("a wait at the home of one of the operations is refused, without a fixed home too",
          "[operation_manager][O-13]") {
    eap::thread_pool pool{1};
    eap::operation_manager manager;
    std::optional<eap::async_operation<>> operation;
    std::latch done{1};
    std::atomic<bool> refused{false};
    pool.context().post([&] {
        operation = manager.create_operation(1, ignore); // home: this pool
        try {
            static_cast<void>(manager.wait_idle_for(0ns));
        } catch (const eap::would_deadlock&) {
            refused = true;
        }
        done.count_down();
    });
    done.wait();
    CHECK(refused);
    CHECK_FALSE(manager.wait_idle_for(0ns)); // elsewhere it may be waited for
    operation->complete();
    CHECK(manager.wait_idle_for(1min));
}

TEST_CASE("a wait inside on_undelivered is refused: what it was told of is still pending",
          "[operation_manager][O-13][G12]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    int refused = 0;
    manager.on_undelivered([&](const eap::undelivered&) {
        try {
            static_cast<void>(manager.wait_idle_for(1h));
        } catch (const eap::would_deadlock&) {
            ++refused;
        }
    });
    auto with_handler = manager.create_operation(1, ignore);
    {
        const auto abandoned = manager.create_operation(2);
    } // no handler for its error
    CHECK(refused == 1);
    home.close();
    with_handler.complete();
    CHECK(refused == 2);
}

TEST_CASE("a wait inside a handler of the manager is refused, on contexts that cannot tell too",
          "[operation_manager][O-13][G12]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<std::string> refused;
    const auto wait = [&](const char* where) {
        try {
            static_cast<void>(manager.wait_idle_for(1h));
        } catch (const eap::would_deadlock&) {
            refused.emplace_back(where);
        }
    };
    auto operation = manager.create_operation(
        1, [&](const eap::completed_event_args<>&) { wait("completed"); },
        [&](const eap::progress_changed_event_args<>&) { wait("progress"); });
    operation.report_progress(1);
    operation.post([&] { wait("posted"); });
    operation.complete();
    home.run_all();
    CHECK(refused == std::vector<std::string>{"progress", "posted", "completed"});
}

TEST_CASE("a handler may wait for another manager", "[operation_manager][G12]") {
    tests::manual_queue home;
    tests::parallel_pool pool{1};
    eap::operation_manager one{home.context()}, other{pool.context()};
    bool idle = false;
    auto operation = one.create_operation(1, [&](const eap::completed_event_args<>&) {
        auto elsewhere = other.create_operation(1, ignore);
        elsewhere.complete();
        idle = other.wait_idle_for(1min);
    });
    operation.complete();
    home.run_all();
    CHECK(idle);
}

TEST_CASE("a wait ends also by an outcome that cannot be delivered", "[operation_manager][G1]") {
    std::optional<tests::manual_queue> home{std::in_place};
    eap::operation_manager manager{home->context()};
    auto operation = manager.create_operation(1, ignore);
    operation.complete();
    CHECK_FALSE(manager.wait_idle_for(0ns));
    home.reset();
    CHECK(manager.wait_idle_for(0ns));
}

// ---- on_idle ----

TEST_CASE("on_idle runs at the fixed home, after the last handler has returned", "[operation_manager][G5]") {
    tests::manual_queue home, elsewhere;
    eap::operation_manager manager{home.context()};
    lines story;
    auto one =
        manager.create_operation(1, [&](const eap::completed_event_args<>&) { story.push_back("one"); });
    auto two =
        manager.create_operation(2, [&](const eap::completed_event_args<>&) { story.push_back("two"); });
    {
        const eap::scoped_context here{elsewhere.context()};
        manager.on_idle([&] { story.push_back("idle"); });
    }
    one.complete();
    home.run_all();
    CHECK(story == lines{"one"});
    two.complete();
    home.run_all();
    CHECK(story == lines{"one", "two", "idle"});
    CHECK(elsewhere.size() == 0);
}

TEST_CASE("on_idle without a fixed home runs at the context current when it was called",
          "[operation_manager]") {
    tests::manual_queue home, elsewhere;
    eap::operation_manager manager;
    bool ran = false;
    std::optional<eap::async_operation<>> operation;
    {
        const eap::scoped_context here{home.context()};
        operation = manager.create_operation(1, ignore);
    }
    {
        const eap::scoped_context here{elsewhere.context()};
        manager.on_idle([&] { ran = true; });
    }
    operation->complete();
    home.run_all();
    CHECK_FALSE(ran);
    elsewhere.run_all();
    CHECK(ran);
}

TEST_CASE("on_idle of an idle manager posts at once, and never runs within the call", "[operation_manager]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    bool ran = false;
    manager.on_idle([&, held = std::make_unique<int>(1)] { ran = true; });
    CHECK_FALSE(ran);
    home.run_all();
    CHECK(ran);
}

TEST_CASE("on_idle runs once, and several in the order given", "[operation_manager]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<int> ran;
    auto operation = manager.create_operation(1, ignore);
    for (int i = 0; i < 3; ++i)
        manager.on_idle([&, i] { ran.push_back(i); });
    operation.complete();
    home.run_all();
    auto again = manager.create_operation(1, ignore);
    again.complete();
    home.run_all();
    CHECK(ran == std::vector{0, 1, 2});
}

TEST_CASE("on_idle waits for what a handler starts", "[operation_manager][G12]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    lines story;
    std::optional<eap::async_operation<>> next;
    auto first = manager.create_operation(1, [&](const eap::completed_event_args<>&) {
        next = manager.create_operation(
            1, [&](const eap::completed_event_args<>&) { story.push_back("second"); });
    });
    manager.on_idle([&] { story.push_back("idle"); });
    first.complete();
    home.run_all();
    CHECK(story.empty());
    next->complete();
    home.run_all();
    CHECK(story == lines{"second", "idle"});
}

TEST_CASE("event_loop::run returns after what on_idle was given", "[operation_manager]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    bool ran = false;
    auto operation = manager.create_operation(1, ignore);
    manager.on_idle([&] { ran = true; });
    std::thread worker{[operation = std::move(operation)]() mutable { operation.complete(); }};
    loop.run();
    worker.join();
    CHECK(ran);
}

TEST_CASE("what on_idle was given is destroyed when its home is gone, and nobody else suffers",
          "[operation_manager][G14]") {
    tests::fate fate;
    tests::manual_queue other;
    bool ran = false;
    {
        std::optional<tests::manual_queue> home{std::in_place};
        eap::operation_manager manager;
        std::optional<eap::async_operation<>> operation;
        {
            const eap::scoped_context here{home->context()};
            operation = manager.create_operation(1, ignore);
            manager.on_idle(tests::traced{fate, [] {}});
        }
        {
            const eap::scoped_context here{other.context()};
            manager.on_idle([&] { ran = true; });
        }
        home.reset();
        operation->complete();
    }
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
    other.run_all();
    CHECK(ran);
}

TEST_CASE("no name is an empty name", "[operation_manager]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    const auto operation = manager.create_operation<int>(1, ignore, named(nullptr));
    REQUIRE(manager.pending_operations().size() == 1);
    CHECK(manager.pending_operations().front().name.empty());
}

TEST_CASE("an empty function is refused by name", "[operation_manager]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    const auto says = [](const char* which, const std::function<void()>& call) {
        return tests::message_of<std::invalid_argument>(call).find(which) != std::string::npos;
    };
    CHECK(says("on_idle", [&] { manager.on_idle(std::function<void()>{}); }));
    CHECK(says("on_undelivered",
               [&] { manager.on_undelivered(std::function<void(const eap::undelivered&)>{}); }));
    CHECK(says("completed", [&] {
        static_cast<void>(
            manager.create_operation(1, std::function<void(const eap::completed_event_args<>&)>{}));
    }));
    CHECK(says("progress", [&] {
        static_cast<void>(manager.create_operation(
            1, ignore, std::function<void(const eap::progress_changed_event_args<>&)>{}));
    }));
    CHECK(manager.pending() == 0);
    CHECK_FALSE(manager.is_pending(1));
}

// ---- on_undelivered ----

TEST_CASE("an outcome whose home drops it is told as context_gone, with everything that is known",
          "[operation_manager][G1][O-26]") {
    eap::operation_manager manager{tests::dropping_context{}};
    std::optional<eap::undelivered> told;
    int times = 0;
    manager.on_undelivered([&](const eap::undelivered& what) {
        told = what;
        ++times;
    });
    auto operation = manager.create_operation<int>("id", ignore, named("search"));
    operation.complete_error(std::runtime_error{"broken"});
    REQUIRE(told.has_value());
    CHECK(times == 1);
    CHECK(told->user_state == eap::user_state{"id"});
    CHECK(told->name == "search");
    CHECK(told->reason == eap::undelivered_reason::context_gone);
    CHECK_FALSE(told->cancelled);
    REQUIRE(told->error != nullptr);
    CHECK(tests::told(told->error) == "error: broken");
}

TEST_CASE("each way of not being delivered has its reason", "[operation_manager][G1]") {
    SECTION("the home dies with the completion queued") {
        std::optional<tests::manual_queue> home{std::in_place};
        tests::client client{home->context()};
        auto operation = client.start<int>(1);
        operation.complete(7);
        home.reset();
        CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    }
    SECTION("the home is closed already") {
        tests::manual_queue home;
        tests::client client{home.context()};
        auto operation = client.start<int>(1);
        home.close();
        CHECK(operation.complete_cancelled());
        CHECK(client.log.all() == lines{"undelivered, context gone: cancelled"});
    }
    SECTION("the home died with a report queued, long before") {
        std::optional<tests::manual_queue> home{std::in_place};
        tests::client client{home->context()};
        auto operation = client.start<int>(1);
        operation.report_progress(1);
        home.reset();
        CHECK(operation.cancellation_pending());
        CHECK_FALSE(operation.report_progress(2));
        CHECK(operation.complete(7));
        CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    }
    SECTION("the home refuses the completion") {
        tests::client client{tests::throwing_context{}};
        auto operation = client.start<int>(1);
        CHECK(operation.complete(7));
        CHECK(client.log.all() == lines{"undelivered, post failed: value"});
    }
    SECTION("the receiver is gone") {
        tests::manual_queue home;
        tests::client client{home.context()};
        auto receiver = std::make_shared<int>(1);
        auto operation = client.manager.create_operation<int>(
            1, eap::tracked(receiver, [](const eap::completed_event_args<int>&) {}));
        operation.complete(7);
        receiver.reset();
        home.run_all();
        CHECK(client.log.all() == lines{"undelivered, receiver gone: value"});
    }
    SECTION("an error, and nobody wanted to hear of it") {
        tests::manual_queue home;
        tests::client client{home.context()};
        auto operation = client.manager.create_operation(1);
        operation.complete_error(std::runtime_error{"broken"});
        home.run_all();
        CHECK(client.log.all() == lines{"undelivered, no handler: error: broken"});
    }
    SECTION("an operation without handlers was let go of") {
        tests::manual_queue home;
        tests::client client{home.context()};
        static_cast<void>(client.manager.create_operation(1));
        home.run_all();
        CHECK(client.log.all() == lines{"undelivered, no handler: abandoned"});
    }
}

TEST_CASE("an operation without handlers that ends well, or as cancelled, is not undelivered",
          "[operation_manager][OP-8]") {
    tests::manual_queue home;
    tests::client client{home.context()};
    auto one = client.manager.create_operation(), two = client.manager.create_operation();
    one.operation_completed();
    two.complete_cancelled();
    home.run_all();
    CHECK(client.log.all().empty());
}

TEST_CASE("on_undelivered may call the manager, replace itself, and destroy the manager",
          "[operation_manager][G12][G13]") {
    auto manager = std::make_unique<eap::operation_manager>(tests::dropping_context{});
    tests::fate first_fate;
    lines story;
    manager->on_undelivered([&, trace = std::make_shared<tests::traced<void (*)()>>(
                                    first_fate, +[] {})](const eap::undelivered&) {
        story.push_back("first, pending " + std::to_string(manager->pending()));
        manager->on_undelivered([&](const eap::undelivered&) {
            story.push_back("second");
            manager.reset();
        });
        story.push_back(first_fate.destroyed == 0 ? "alive" : "destroyed while running");
    });
    auto one = manager->create_operation(1, ignore), two = manager->create_operation(2, ignore);
    one.complete();
    CHECK(first_fate.destroyed == 1);
    two.complete();
    CHECK(story == lines{"first, pending 2", "alive", "second"});
    CHECK(manager == nullptr);
}

TEST_CASE("on_undelivered outlives its manager while operations are pending", "[operation_manager][G1]") {
    tests::record log;
    eap::async_operation<> operation = [&] {
        eap::operation_manager manager{tests::dropping_context{}};
        manager.on_undelivered([log](const eap::undelivered& what) { log.add(tests::told(what)); });
        return manager.create_operation(1, ignore);
    }();
    operation.complete();
    CHECK(log.all() == lines{"undelivered, context gone: value"});
}

// ---- pending_operations ----

TEST_CASE("an operation is pending until its handler has returned", "[operation_manager][BC-5]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::size_t inside = 0, listed = 0;
    auto operation = manager.create_operation(1, [&](const eap::completed_event_args<>&) {
        inside = manager.pending();
        listed = manager.pending_operations().size();
    });
    CHECK(manager.pending() == 1);
    operation.complete();
    CHECK(manager.pending() == 1);
    home.run_all();
    CHECK(inside == 1);
    CHECK(listed == 1);
    CHECK(manager.pending() == 0);
    CHECK(manager.pending_operations().empty());
}

TEST_CASE("operations leave the list from its middle, its ends, and in any order", "[operation_manager]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<eap::async_operation<>> operations;
    for (int i = 0; i < 4; ++i)
        operations.push_back(manager.create_operation(i));
    const auto ids = [&] {
        std::vector<int> left;
        for (const auto& each : manager.pending_operations())
            left.push_back(each.id.get<int>());
        return left;
    };
    operations[1].operation_completed();
    CHECK(ids() == std::vector{0, 2, 3});
    operations[3].operation_completed();
    CHECK(ids() == std::vector{0, 2});
    operations[0].operation_completed();
    operations.push_back(manager.create_operation(4));
    CHECK(ids() == std::vector{2, 4});
}

TEST_CASE("is_pending without an id asks whether there is any operation without one",
          "[operation_manager][BC-8]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    CHECK_FALSE(manager.is_pending({}));
    auto one = manager.create_operation(1);
    CHECK_FALSE(manager.is_pending({}));
    auto none = manager.create_operation();
    CHECK(manager.is_pending({}));
    none.operation_completed();
    CHECK_FALSE(manager.is_pending({}));
}

TEST_CASE("an operation without an id has none to free: it is pending until its handler has returned",
          "[operation_manager][BC-8]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    bool inside = false;
    auto none = manager.create_operation(
        {}, [&](const eap::completed_event_args<>&) { inside = manager.is_pending({}); });
    none.complete();
    home.run_all();
    CHECK(inside);
    CHECK_FALSE(manager.is_pending({}));
}

// ---- the manager's end ----

TEST_CASE("a manager that is destroyed asks its operations to stop, and they come home as before",
          "[operation_manager][G1]") {
    tests::manual_queue home;
    tests::record log;
    std::optional<eap::async_operation<int>> one, two;
    {
        eap::operation_manager manager{home.context()};
        const auto write = [log](const eap::completed_event_args<int>& e) { log.add(tests::told(e)); };
        one = manager.create_operation<int>(1, write);
        two = manager.create_operation<int>(2, write);
    }
    CHECK(one->cancellation_pending());
    one->complete(7);
    two.reset();
    home.run_all();
    CHECK(log.all() == lines{"value 7", "cancelled"});
}

TEST_CASE("a manager may be destroyed inside any handler of its operations", "[operation_manager][G12]") {
    for (const int where : {0, 1, 2}) {
        tests::manual_queue home;
        tests::record log;
        auto manager = std::make_unique<eap::operation_manager>(home.context());
        const auto at = [&](int here, const char* line) {
            log.add(line);
            if (here == where)
                manager.reset();
        };
        auto operation = manager->create_operation(
            1, [&](const eap::completed_event_args<>&) { at(2, "completed"); },
            [&](const eap::progress_changed_event_args<>&) { at(0, "progress"); });
        operation.report_progress(1);
        operation.post([&] { at(1, "posted"); });
        operation.complete();
        home.run_all();
        CHECK(log.all() == lines{"progress", "posted", "completed"});
        CHECK(manager == nullptr);
    }
}

TEST_CASE("what on_idle was given runs although the manager is gone by then", "[operation_manager]") {
    tests::manual_queue home;
    bool idle = false;
    std::optional<eap::async_operation<>> operation;
    {
        eap::operation_manager manager{home.context()};
        operation = manager.create_operation(1, ignore);
        manager.on_idle([&] { idle = true; });
    }
    operation->complete();
    home.run_all();
    CHECK(idle);
}

// ---- creation that fails ----

TEST_CASE("a home that refuses to start an operation: nothing is left of it, and nothing is told",
          "[operation_manager][G9][G10][OP-17]") {
    counting_home home;
    tests::record told;
    eap::operation_manager manager{home.context()};
    manager.on_undelivered([&](const eap::undelivered& what) { told.add(tests::told(what)); });
    const auto kept = std::make_shared<int>(0);
    home.counts->refusals = 1;
    CHECK_THROWS_AS(manager.create_operation(1, [kept](const eap::completed_event_args<>&) {}),
                    tests::post_refused);
    CHECK(home.counts->started == 0);
    CHECK(home.counts->completed == 0);
    CHECK(kept.use_count() == 1);
    CHECK_FALSE(manager.is_pending(1));
    CHECK(manager.pending() == 0);
    CHECK(home.queue.size() == 0);
    CHECK(told.all().empty());
    CHECK_NOTHROW(manager.create_operation(1)); // the id is free
}

TEST_CASE("a closed home: creation throws, and nothing is left of it", "[operation_manager][G9]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    loop.close();
    CHECK_THROWS_AS(manager.create_operation(1), eap::context_closed);
    CHECK(manager.pending() == 0);
    CHECK_FALSE(manager.is_pending(1));
}

TEST_CASE("an id in the making is taken, but not pending", "[operation_manager][O-21]") {
    tests::manual_queue home;
    std::function<void()> within;
    eap::operation_manager manager{starting_home{home.context(), &within}};
    bool pending = true, cancelled = true, duplicate = false;
    std::size_t count = 99;
    within = [&] {
        pending = manager.is_pending(1);
        cancelled = manager.cancel(1);
        count = manager.pending();
        try {
            static_cast<void>(manager.create_operation(1));
        } catch (const eap::duplicate_task_id&) {
            duplicate = true;
        }
    };
    auto operation = manager.create_operation(1);
    CHECK_FALSE(pending);
    CHECK_FALSE(cancelled);
    CHECK(count == 0);
    CHECK(duplicate);
    CHECK(manager.is_pending(1));
}

namespace {

/// A handler whose k-th copy or move throws; counts those alive.
struct fragile {
    struct state {
        int until_throw = 0; // 0: never
        int alive = 0;
    };
    explicit fragile(state& s) : where(&s) { ++where->alive; }
    fragile(const fragile& other) : where(other.where) { born(); }
    fragile(fragile&& other) : where(other.where) { born(); } // NOLINT(*-noexcept-move*): the point
    fragile& operator=(const fragile&) = delete;
    ~fragile() { --where->alive; }
    void operator()(const eap::completed_event_args<>&) {}
    void operator()(const eap::progress_changed_event_args<>&) {}

    void born() {
        if (where->until_throw != 0 && --where->until_throw == 0)
            throw std::runtime_error{"this handler does not travel"};
        ++where->alive;
    }
    state* where;
};

} // namespace

TEST_CASE("a handler that throws when it is copied or moved: creation has no effect",
          "[operation_manager][G9]") {
    for (const bool moved : {false, true}) {
        counting_home home;
        eap::operation_manager manager{home.context()};
        fragile::state state;
        fragile completed{state}, progress{state};
        int failures = 0;
        for (bool failed = true; failed; ++failures) {
            state.until_throw = failures + 1;
            failed = false;
            try {
                auto operation = moved
                                     ? manager.create_operation(1, std::move(completed), std::move(progress))
                                     : manager.create_operation(1, completed, progress);
                state.until_throw = 0;
                operation.complete();
            } catch (const std::runtime_error&) {
                failed = true;
                REQUIRE(home.counts->started == 0);
                REQUIRE(manager.pending() == 0);
                REQUIRE_FALSE(manager.is_pending(1));
            }
            home.queue.run_all();
            REQUIRE(state.alive == 2); // the test's own
        }
        CHECK(failures == 3); // each of the two handlers once, then none
        CHECK(home.counts->started == 1);
        CHECK(home.counts->completed == 1);
    }
}

namespace {

/// Creates, reports and completes an operation with the k-th allocation failing, for each k; returns how many
/// runs failed. What the library left behind is told as a line.
template <class Create> lines sweep(Create create) {
    lines wrong;
    for (std::size_t k = 1; k < 1000; ++k) {
        counting_home home;
        tests::record told;
        const auto kept = std::make_shared<int>(0);
        bool failed = false;
        {
            eap::operation_manager manager{home.context()};
            manager.on_undelivered([told](const eap::undelivered& what) { told.add(tests::told(what)); });
            auto before = manager.create_operation("before", ignore);
            const eap::user_state id{std::string{"the id of the operation to be made"}};
            {
                tests::allocation_watch watch;
                watch.fail(k);
                try {
                    [[maybe_unused]] const auto operation = create(manager, id, kept);
                    watch.fail(0);
                } catch (const std::bad_alloc&) {
                    failed = true;
                }
            }
            const std::string at = "allocation " + std::to_string(k) + ": ";
            const auto expect = [&](bool holds, const char* what) {
                if (!holds)
                    wrong.push_back(at + what);
            };
            if (failed) {
                expect(home.counts->started == 1, "the home was told of a start");
                expect(home.counts->completed == 0, "the home was told of an end");
                expect(manager.pending() == 1, "something is pending");
                expect(!manager.is_pending(id), "the id is taken");
                expect(kept.use_count() == 1, "a handler was kept");
                expect(home.queue.size() == 0, "something was posted");
            } else {
                expect(home.counts->started == 2, "the home was not told of the start");
            }
            before.complete();
            home.queue.run_all();
            expect(manager.pending() == 0, "something stayed pending");
            expect(told.all().empty(), "something was told");
        }
        if (kept.use_count() != 1)
            wrong.emplace_back("a handler survived its operation");
        if (home.counts->started != home.counts->completed)
            wrong.emplace_back("the notifications do not balance");
        if (!failed)
            return wrong;
    }
    wrong.emplace_back("it never succeeded");
    return wrong;
}

} // namespace

TEST_CASE("when any allocation of creation fails, it has no effect", "[operation_manager][G9]") {
    if (!tests::allocation_watch::works)
        return;
    static_cast<void>(eap::detail::timer_queue::shared()); // its one start is not part of an operation
    SECTION("with handlers") {
        CHECK(sweep([](eap::operation_manager& manager, const eap::user_state& id, const auto& kept) {
                  return manager.create_operation<int, std::string>(
                      id, [kept](const eap::completed_event_args<int>&) {},
                      [kept](const eap::progress_changed_event_args<std::string>&) {});
              }) == lines{});
    }
    SECTION("with a deadline and a throttle") {
        eap::operation_options options = named("throttled");
        options.timeout = 1h;
        options.progress = eap::progress_delivery::at_most_every(1h);
        CHECK(sweep([options](eap::operation_manager& manager, const eap::user_state& id, const auto& kept) {
                  return manager.create_operation<int>(
                      id, [kept](const eap::completed_event_args<int>&) {}, options);
              }) == lines{});
    }
    SECTION("without handlers") {
        CHECK(sweep([](eap::operation_manager& manager, const eap::user_state& id, const auto&) {
                  return manager.create_operation(id).operation_completed();
              }) == lines{});
    }
}

// ---- notifications balance ----

TEST_CASE("every way to end is one started and one completed notification",
          "[operation_manager][G10][O-25]") {
    counting_home home;
    const auto counts = home.counts;
    eap::operation_manager manager{home.context()};
    auto operation = manager.create_operation<int>(1, ignore);
    CHECK(counts->started == 1);
    SECTION("a value") { operation.complete(7); }
    SECTION("an error") { operation.complete_error(std::runtime_error{"broken"}); }
    SECTION("cancelled") { operation.complete_cancelled(); }
    SECTION("abandoned") { const auto gone = std::move(operation); }
    SECTION("a home that is gone") {
        home.queue.close();
        operation.complete(7);
    }
    SECTION("a home that dies with the completion queued") {
        operation.complete(7);
        home.queue.close();
    }
    SECTION("a home that dropped a report before") {
        operation.report_progress(1);
        home.queue.drop_all();
        operation.complete(7);
    }
    CHECK(counts->completed == 1); // also before anything was delivered
    home.queue.run_all();
    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
    CHECK(manager.pending() == 0);
}

TEST_CASE("a home that refuses the completion is told of its end all the same",
          "[operation_manager][G10][O-16]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    eap::operation_manager manager{
        tests::counting_context<tests::throwing_context>{tests::throwing_context{}, counts}};
    auto operation = manager.create_operation(1, ignore);
    operation.complete();
    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
    CHECK(manager.pending() == 0);
}

TEST_CASE("a handler that throws out of an inline home leaves the notifications balanced",
          "[operation_manager][G10][G11]") {
    const auto counts = std::make_shared<tests::notification_counts>();
    eap::operation_manager manager{tests::counting_context<tests::inline_context>{{}, counts}};
    auto operation = manager.create_operation(
        1, [](const eap::completed_event_args<>&) { throw std::runtime_error{"from the handler"}; });
    CHECK_THROWS_AS(operation.complete(), std::runtime_error);
    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
    CHECK(manager.pending() == 0);
    CHECK_FALSE(manager.is_pending(1));
}

TEST_CASE("io_context::run returns when the last operation has ended", "[operation_manager][G10][O-25]") {
    boost::asio::io_context io;
    tests::client client{eap::asio_context{io}};
    auto operation = client.start<int>(1);
    std::thread worker{[operation = std::move(operation)]() mutable { operation.complete(7); }};
    io.run();
    worker.join();
    CHECK(client.log.all() == lines{"value 7"});
}

// ---- sizes and threads ----

TEST_CASE("fifty thousand operations are listed and cancelled in one go", "[operation_manager]") {
    constexpr int count = 50'000; // quadratic work would take the better part of a minute

    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<eap::async_operation<>> operations;
    for (int i = 0; i < count; ++i)
        operations.push_back(manager.create_operation(i, ignore));
    CHECK(manager.pending_operations().size() == count);
    CHECK(manager.cancel_all() == count);
    operations.clear();
    home.run_all();
    CHECK(manager.pending() == 0);
}

TEST_CASE("of threads that create under one id, one at a time succeeds",
          "[operation_manager][stress][O-19][BC-7]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::atomic<int> holders{0}, overlapping{0}, created{0}, refused{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                try {
                    auto operation = manager.create_operation(1);
                    overlapping += holders++ == 0 ? 0 : 1;
                    ++created;
                    --holders;
                    operation.operation_completed();
                } catch (const eap::duplicate_task_id&) {
                    ++refused;
                }
            }
        });
    for (auto& each : threads)
        each.join();
    CHECK(overlapping == 0);
    CHECK(created + refused == 6000);
    CHECK(created > 0);
    CHECK(manager.pending() == 0);
}

TEST_CASE(
    "an operation that a stop callback of another ends, while all are asked to stop, is not asked any more",
    "[operation_manager][PA-4]") {
    eap::operation_manager manager{tests::inline_context{}};
    std::vector<eap::async_operation<>> all;
    for (int i = 0; i != 40; ++i)
        all.push_back(manager.create_operation());
    int asked = 0;
    std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> callbacks;
    for (std::size_t i = 0; i != all.size(); ++i)
        callbacks.push_back(
            std::make_unique<std::stop_callback<std::function<void()>>>(all[i].stop_token(), [&, i] {
                ++asked;
                if (i == 0) // the first that the next look would find, and the last of all
                    for (const std::size_t other : {std::size_t{16}, std::size_t{17}, std::size_t{39}})
                        all[other].complete_cancelled();
            }));
    CHECK(manager.cancel_all() == 37);
    CHECK(asked == 37);
    CHECK(manager.pending() == 37);
}
