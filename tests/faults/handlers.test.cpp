// SPDX-License-Identifier: BSL-1.0
//
// Faults of the handlers: they throw, destroy what calls them, and call back. Rows 8, 9, 26 to 28 and 45 of the catalogue
// (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/component.hpp"
#include "support/contexts.hpp"
#include "support/death.hpp"

#include <eap/async_method.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/event.hpp>
#include <eap/scoped_context.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using tests::lines;
using tests::message_of;
namespace asio = boost::asio;

namespace {

struct handler_error : std::runtime_error {
    handler_error() : std::runtime_error{"the handler failed"} {}
};

/// Completes with a handler that throws; true when the client has been told all the same.
void completes_with_a_throw(eap::operation_manager& manager, const tests::record& log) {
    auto operation = manager.create_operation<int>("id", [log](const eap::completed_event_args<int>& args) {
        log.add(tests::told(args));
        throw handler_error{};
    });
    operation.complete(7);
}

} // namespace

TEST_CASE("F8: what a completion handler throws leaves the loop that runs it, and the operation is over",
          "[faults][F8]") {
    eap::event_loop loop;
    tests::record log;
    eap::operation_manager manager{loop.context()};
    completes_with_a_throw(manager, log);
    loop.context().post([&] { log.add("later"); });

    CHECK(message_of<handler_error>([&] { loop.run(); }) == "the handler failed");
    CHECK(log.all() == lines{"value 7"});
    CHECK(manager.pending() == 0);
    CHECK_FALSE(manager.is_pending("id"));
    loop.run();
    CHECK(log.all() == lines{"value 7", "later"});
}

TEST_CASE("F8: it leaves io_context::run, which may go on", "[faults][F8]") {
    asio::io_context io;
    tests::record log;
    eap::operation_manager manager{eap::asio_context{io}};
    completes_with_a_throw(manager, log);

    CHECK(message_of<handler_error>([&] { io.run(); }) == "the handler failed");
    CHECK(manager.pending() == 0);
    io.run();
    CHECK(log.all() == lines{"value 7"});
}

TEST_CASE("F8: on a thread_pool it goes to on_exception, and ends the program when there is none",
          "[faults][F8]") {
    tests::record caught, log;
    eap::thread_pool pool{1};
    pool.on_exception([&](const std::exception_ptr& error) { caught.add(tests::told(error)); });
    eap::operation_manager manager{pool.context()};
    completes_with_a_throw(manager, log);
    CHECK(caught.wait_for(1) == lines{"error: the handler failed"});
    CHECK(manager.wait_idle_for(60s));
    CHECK(log.all() == lines{"value 7"});

    CHECK(tests::terminates([] {
              eap::thread_pool silent{1};
              tests::record nothing;
              eap::operation_manager last{silent.context()};
              completes_with_a_throw(last, nothing);
              static_cast<void>(last.wait_idle_for(60s));
              std::this_thread::sleep_for(60s); // the pool's thread ends the program
          }).value_or(true));
}

TEST_CASE("F9: after a progress handler that throws come the later reports, and the completion",
          "[faults][F9]") {
    eap::event_loop loop;
    tests::record log;
    eap::operation_manager manager{loop.context()};
    auto operation = manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { log.add(tests::told(args)); },
        [&](const eap::progress_changed_event_args<>& args) {
            log.add(tests::told(args));
            if (args.progress_percentage() < 3)
                throw handler_error{};
        });
    for (int i = 1; i <= 3; ++i)
        operation.report_progress(i);
    operation.complete(7);

    int threw = 0;
    while (manager.pending() != 0)
        threw += message_of<handler_error>([&] { loop.run(); }) == "the handler failed" ? 1 : 0;
    CHECK(threw == 2);
    CHECK(log.all() == lines{"1%", "2%", "3%", "value 7"});
}

TEST_CASE("F26: a handler may destroy its operation's handle and the manager", "[faults][F26]") {
    eap::event_loop loop;
    auto client = std::make_unique<tests::client>(loop.context());
    const tests::record log = client->log;
    std::optional<eap::async_operation<>> operation;
    operation = client->manager.create_operation<>(
        "id", [log](const eap::completed_event_args<>& args) { log.add(tests::told(args)); },
        [&](const eap::progress_changed_event_args<>&) {
            client.reset();
            operation.reset();
        });
    operation->report_progress(1);
    loop.run();

    CHECK(log.all() == lines{"cancelled"}); // the manager had asked for that
}

TEST_CASE("F26: a handler whose operation cannot be made may be the last to hold the manager",
          "[faults][F26][G9]") {
    struct component {
        explicit component(eap::any_synchronization_context home) : manager(std::move(home)) {}
        eap::operation_manager manager;
    };
    eap::event_loop loop;
    auto last = std::make_shared<component>(loop.context());
    const std::weak_ptr<component> watch = last;
    loop.close(); // which refuses the operation when its task id is taken, and its block is made
    auto& manager = last->manager;
    CHECK_THROWS_AS(
        manager.create_operation(1, [last = std::move(last)](const eap::completed_event_args<>&) {}),
        eap::context_closed);
    CHECK(watch.expired());
}

TEST_CASE("F26: a handler may destroy the event_loop that runs it", "[faults][F26]") {
    auto loop = std::make_unique<eap::event_loop>();
    tests::client client{loop->context()};
    auto next = client.start<int>();
    auto operation =
        client.manager.create_operation<>({}, [&](const eap::completed_event_args<>&) { loop.reset(); });
    operation.complete();
    next.complete(7);
    loop->run();

    CHECK(loop == nullptr);
    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE(
    "F26: a thread_pool that one of its functions destroys ends the program, for it cannot wait for itself",
    "[faults][F26]") {
    CHECK(tests::terminates([] {
              std::fclose(stderr); // it says so there
              auto pool = std::make_unique<eap::thread_pool>(1);
              pool->context().post([&] { pool.reset(); });
              std::this_thread::sleep_for(60s); // the pool's thread ends the program
          }).value_or(true));
}

TEST_CASE("F27: a handler may begin, report, cancel, complete and end", "[faults][F27]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto other = client.start<int>("other");
    std::optional<eap::async_operation<int>> again;
    auto operation = client.manager.create_operation<int>("id", [&](const eap::completed_event_args<int>&) {
        again = client.start<int>("id"); // its id is free
        again->report_progress(10);
        client.manager.cancel("other");
        other.complete_cancelled();
        client.log.add(std::to_string(eap::begin_invoke(loop.context(), [] { return 5; }).end_invoke()));
        again->complete(7);
    });
    operation.complete(1);
    loop.run();

    CHECK(client.log.all() == lines{"5", "10%", "value 7", "cancelled"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("F27: a handler that starts the next operation does not nest in it", "[faults][F27]") {
    constexpr int count = 20'000;
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    tests::stack_depth depth;
    int ended = 0;
    std::function<void()> next = [&] {
        auto operation = manager.create_operation<>("id", [&](const eap::completed_event_args<>&) {
            depth.note();
            if (++ended < count)
                next();
        });
        operation.complete();
    };
    next();
    loop.run();

    CHECK(ended == count);
    CHECK(depth.spread() < 4096);
}

TEST_CASE("F28: a progress handler may cancel, and no report follows the completion", "[faults][F28]") {
    eap::event_loop loop;
    tests::record log;
    eap::operation_manager manager{loop.context()};
    bool recorded = false;
    auto operation = manager.create_operation<int>(
        "id", [&](const eap::completed_event_args<int>& args) { log.add(tests::told(args)); },
        [&](const eap::progress_changed_event_args<>& args) {
            log.add(tests::told(args));
            recorded = manager.cancel("id") || recorded;
        });
    operation.report_progress(1);
    loop.poll();
    CHECK(recorded);
    CHECK(operation.cancellation_pending());
    CHECK(operation.report_progress(2)); // it has not ended
    CHECK(operation.complete_cancelled());
    CHECK_FALSE(operation.reporter().report_progress(3));
    loop.run();
    CHECK(log.all() == lines{"1%", "2%", "cancelled"});
    CHECK_FALSE(manager.cancel("id"));
}

TEST_CASE("F45: a stop callback that blocks keeps its canceller, and nobody else", "[faults][F45]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto slow = client.start<int>("slow");
    std::latch inside{1}, go_on{1};
    const std::stop_callback blocks{slow.stop_token(), [&] {
                                        inside.count_down();
                                        go_on.wait();
                                    }};
    std::thread canceller{[&] { client.manager.cancel("slow"); }};
    inside.wait();

    auto other = client.start<int>("other");
    CHECK(client.manager.cancel("other"));
    CHECK(client.manager.pending() == 2);
    CHECK(client.manager.pending_operations().size() == 2);
    CHECK(slow.report_progress(1));
    CHECK(slow.complete(1));
    CHECK(other.complete_cancelled());
    loop.run();
    CHECK(client.log.all() == lines{"1%", "value 1", "cancelled"});
    CHECK(client.manager.wait_idle_for(0s));
    go_on.count_down();
    canceller.join();
}

TEST_CASE("F45: a stop callback that throws ends the program, as std::stop_source has it", "[faults][F45]") {
    CHECK(tests::terminates([] {
              tests::manual_queue queue;
              tests::client client{queue.context()};
              auto operation = client.start("id");
              const std::stop_callback throws{operation.stop_token(), [] { throw handler_error{}; }};
              client.manager.cancel("id");
          }).value_or(true));
}
