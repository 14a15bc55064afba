// SPDX-License-Identifier: BSL-1.0
#include <eap/tracked.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/async_operation.hpp>
#include <eap/operation_manager.hpp>

#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

using tests::lines;

namespace {

struct receiver { // what a window would be
    int seen = 0;
};

/// A watch of a user's own: a receiver of which nothing can be pinned but by a lock, whose hold stays where it is made.
struct lockable {
    bool is_there = true;
    int locked = 0;
};
class lock_watch {
  public:
    class hold {
      public:
        explicit hold(lockable& what) : what_(what) { ++what_.locked; }
        hold(const hold&) = delete;
        hold& operator=(const hold&) = delete;
        ~hold() { --what_.locked; }
        explicit operator bool() const { return what_.is_there; }

      private:
        lockable& what_;
    };

    explicit lock_watch(lockable& what) : what_(&what) {}
    lock_watch(lock_watch&&) = default; // and is not copied
    hold lock() { return hold{*what_}; }

  private:
    lockable* what_;
};
static_assert(eap::receiver_watch<lock_watch>);
static_assert(eap::receiver_watch<std::weak_ptr<receiver>>);
static_assert(!eap::receiver_watch<std::shared_ptr<receiver>>);
static_assert(!eap::receiver_watch<receiver*>);

} // namespace

TEST_CASE("a tracked handler runs while its receiver lives", "[tracked]") {
    const auto window = std::make_shared<receiver>();
    auto handler = eap::tracked(window, [raw = window.get()](int value) { raw->seen = value; });
    handler(7);

    CHECK(window->seen == 7);
}

TEST_CASE("a tracked handler does nothing once its receiver is gone", "[tracked]") {
    auto window = std::make_shared<receiver>();
    bool ran = false;
    auto handler = eap::tracked(window, [&] { ran = true; });
    window.reset();
    handler();

    CHECK_FALSE(ran);
}

TEST_CASE("a tracked handler does not keep its receiver alive", "[tracked]") {
    auto window = std::make_shared<receiver>();
    const std::weak_ptr<receiver> watched = window;
    const auto handler = eap::tracked(window, [] {});
    window.reset();

    CHECK(watched.expired());
}

TEST_CASE("a handler can be tracked by a weak pointer", "[tracked]") {
    auto window = std::make_shared<receiver>();
    int calls = 0;
    auto handler = eap::tracked(std::weak_ptr<receiver>{window}, [&] { ++calls; });
    handler();
    window.reset();
    handler();

    CHECK(calls == 1);
}

TEST_CASE("the receiver stays alive while its handler runs", "[tracked]") {
    auto window = std::make_shared<receiver>();
    const std::weak_ptr<receiver> watched = window;
    bool alive = false;
    auto handler = eap::tracked(window, [&] {
        window.reset();
        alive = !watched.expired();
    });
    handler();

    CHECK(alive);
    CHECK(watched.expired());
}

TEST_CASE("when the handler holds the last reference, the receiver dies on the handler's thread",
          "[tracked]") {
    struct says_where {
        std::thread::id* where;
        ~says_where() { *where = std::this_thread::get_id(); }
    };
    std::thread::id died;
    std::thread::id ran;
    auto window = std::make_shared<says_where>(&died);
    auto handler = eap::tracked(window, [&] { window.reset(); });
    std::thread{[&] {
        ran = std::this_thread::get_id();
        handler();
    }}.join();

    CHECK(died == ran);
}

TEST_CASE("a tracked handler may hold what can only be moved, and change it", "[tracked]") {
    const auto window = std::make_shared<receiver>();
    int got = 0;
    auto handler =
        eap::tracked(window, [&, owned = std::make_unique<int>(3)]() mutable { got += (*owned)++; });
    handler();
    auto moved = std::move(handler);
    moved();

    CHECK(got == 7);
}

TEST_CASE("a report to a dead receiver asks the work to stop", "[tracked]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto window = std::make_shared<receiver>();
    bool ran = false;
    auto operation = client.manager.create_operation<>(
        {}, [](const eap::completed_event_args<>&) {},
        eap::tracked(window, [&](const eap::progress_changed_event_args<>&) { ran = true; }));
    operation.report_progress(1);
    window.reset();
    CHECK_FALSE(operation.cancellation_pending());
    queue.run_all();

    CHECK(operation.cancellation_pending());
    CHECK_FALSE(ran);
    operation.complete_cancelled();
}

TEST_CASE("a report to a receiver that lives asks for nothing", "[tracked]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    const auto window = std::make_shared<receiver>();
    auto operation = client.manager.create_operation<>(
        {}, [](const eap::completed_event_args<>&) {},
        eap::tracked(window, [&](const eap::progress_changed_event_args<>&) { ++window->seen; }));
    operation.report_progress(1);
    queue.run_all();

    CHECK(window->seen == 1);
    CHECK_FALSE(operation.cancellation_pending());
    operation.complete();
}

TEST_CASE("a completion to a dead receiver is undelivered", "[tracked]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto window = std::make_shared<receiver>();
    auto operation = client.manager.create_operation<>(
        "id", eap::tracked(window, [&](const eap::completed_event_args<>&) { client.log.add("ran"); }));
    operation.complete();
    window.reset();
    queue.run_all();

    CHECK(client.log.all() == lines{"undelivered, receiver gone: value"});
    CHECK(client.manager.pending() == 0);
    CHECK_FALSE(client.manager.is_pending("id"));
}

TEST_CASE("a completion to a receiver that lives is delivered, and not told a second time", "[tracked]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    const auto window = std::make_shared<receiver>();
    auto operation = client.manager.create_operation<int>(
        {}, eap::tracked(window, [&](const eap::completed_event_args<int>& args) {
            client.log.add(tests::told(args));
        }));
    operation.complete(7);
    queue.run_all();

    CHECK(client.log.all() == lines{"value 7"});
}

TEST_CASE("a tracked handler may take a result that can only be moved", "[tracked]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    const auto window = std::make_shared<receiver>();
    auto operation = manager.create_operation<std::unique_ptr<int>>(
        {}, eap::tracked(window, [&](eap::completed_event_args<std::unique_ptr<int>> args) {
            window->seen = *std::move(args).result();
        }));
    operation.complete(std::make_unique<int>(7));
    queue.run_all();

    CHECK(window->seen == 7);
}

TEST_CASE(
    "a handler can be tracked by a watch of one's own, which holds the receiver for as long as the call",
    "[tracked]") {
    lockable what;
    int held = 0;
    auto handler = eap::tracked(lock_watch{what}, [&](int factor) { held += factor * what.locked; });
    auto moved = std::move(handler);
    CHECK(moved.try_invoke(1));
    CHECK(what.locked == 0);
    what.is_there = false;
    CHECK_FALSE(moved.try_invoke(10));

    CHECK(held == 1);
    CHECK(what.locked == 0);
}

TEST_CASE("a tracked handler that throws lets go of its receiver", "[tracked]") {
    lockable what;
    auto handler = eap::tracked(lock_watch{what}, [] { throw std::runtime_error{"thrown"}; });
    CHECK_THROWS_AS(handler(), std::runtime_error);

    CHECK(what.locked == 0);
}

TEST_CASE("an operation is told by a watch of one's own that the receiver is gone", "[tracked]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    lockable what;
    auto operation = client.manager.create_operation<int>(
        {},
        eap::tracked(lock_watch{what},
                     [&](const eap::completed_event_args<int>& args) { client.log.add(tests::told(args)); }),
        eap::tracked(lock_watch{what}, [&](const eap::progress_changed_event_args<>& args) {
            client.log.add(tests::told(args));
        }));
    operation.report_progress(1);
    queue.run_all();
    CHECK_FALSE(operation.cancellation_pending());
    what.is_there = false;
    operation.report_progress(2);
    queue.run_all();
    CHECK(operation.cancellation_pending());
    operation.complete(7);
    queue.run_all();

    CHECK(client.log.all() == lines{"1%", "undelivered, receiver gone: value"});
}

TEST_CASE("the work goes on without a receiver when the options say so", "[tracked]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto window = std::make_shared<receiver>();
    eap::operation_options options;
    options.stop_without_receiver = false;
    auto operation = client.manager.create_operation<>(
        {}, [&](const eap::completed_event_args<>& args) { client.log.add(tests::told(args)); },
        eap::tracked(window, [&](const eap::progress_changed_event_args<>&) { client.log.add("report"); }),
        options);
    window.reset();
    operation.report_progress(1);
    queue.run_all();

    CHECK_FALSE(operation.cancellation_pending());
    operation.complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
}
