// SPDX-License-Identifier: BSL-1.0
//
// Faults of the places to which handlers come home: they refuse, die, are closed, or outlive nothing. Rows 10, 11 and 15
// to 17 and 48 of the catalogue (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/hostile_context.hpp"
#include "support/throwing.hpp"

#include <eap/async_method.hpp>
#include <eap/background_worker.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using tests::lines;
using tests::message_of;
namespace asio = boost::asio;

namespace {

const std::string refused = "this post was refused";
const std::string closed =
    "The context is closed and accepts no more work. Keep its owner open for as long as work "
    "is posted to it.";

/// A client whose home refuses the posts that a test chooses.
struct refusing_client {
    tests::manual_queue queue;
    std::shared_ptr<tests::post_failures> failures = std::make_shared<tests::post_failures>();
    std::shared_ptr<tests::notification_counts> counts = std::make_shared<tests::notification_counts>();
    tests::client client{
        tests::failing_context{tests::counting_context<>{queue.context(), counts}, failures}};

    void refuse_next(std::size_t how_many = 1) {
        failures->first = failures->posts + 1;
        failures->how_many = how_many;
    }
};

struct homes; // of this file
using value = tests::throwing<int, homes>;

} // namespace

TEST_CASE("F10: a report that the home refuses throws what the home threw, and the operation goes on",
          "[faults][F10]") {
    for (const auto delivery : {eap::progress_delivery::every(), eap::progress_delivery::latest()}) {
        refusing_client here;
        auto operation = here.client.start<int>({}, {.progress = delivery});
        here.refuse_next();
        CHECK(message_of<tests::post_refused>([&] { operation.report_progress(1); }) == refused);
        here.refuse_next();
        CHECK(message_of<tests::post_refused>(
                  [&] { operation.post([&] { here.client.log.add("posted"); }); }) == refused);
        CHECK_FALSE(operation.completed());
        CHECK_FALSE(operation.cancellation_pending());
        here.queue.run_all();
        CHECK(here.client.log.all() == lines{});

        CHECK(operation.report_progress(2));
        CHECK(operation.complete(7));
        here.queue.run_all();
        CHECK(here.client.log.all() == lines{"2%", "value 7"});
        CHECK(here.client.manager.pending() == 0);
    }
}

TEST_CASE("F10: a reporter, which may not throw, is told false", "[faults][F10]") {
    refusing_client here;
    auto operation = here.client.start<int>();
    here.refuse_next();
    CHECK_FALSE(operation.reporter().report_progress(1));
    CHECK(operation.reporter().report_progress(2));
    operation.complete(7);
    here.queue.run_all();
    CHECK(here.client.log.all() == lines{"2%", "value 7"});
}

TEST_CASE("F11: an outcome that the home refuses stands, is told to on_undelivered, and runs nowhere else",
          "[faults][F11]") {
    {
        refusing_client here;
        int handled = 0;
        auto operation = here.client.manager.create_operation<value>(
            "id", [&](const eap::completed_event_args<value>&) { ++handled; });
        here.refuse_next();
        CHECK(operation.complete(7));

        CHECK(operation.completed());
        CHECK(here.client.log.all() == lines{"undelivered, post failed: value"});
        CHECK(handled == 0);
        CHECK(here.counts->started == 1);
        CHECK(here.counts->completed == 1);
        CHECK_FALSE(here.client.manager.is_pending("id"));
        CHECK(here.client.manager.wait_idle_for(0s));
        here.queue.run_all();
        CHECK(handled == 0);
    }
    CHECK(value::alive == 0);
}

TEST_CASE("F11: whoever waits for a call is not kept by a home that refuses its callback", "[faults][F11]") {
    refusing_client here;
    eap::event_loop loop;
    loop.poll(); // this is its thread: waiting runs the call
    int callbacks = 0;
    eap::async_call<int()> call;
    {
        const eap::scoped_context home{tests::failing_context{here.queue.context(), here.failures}};
        call = eap::delegate<int()>{[] { return 7; }}.on(loop.context()).begin_invoke([&](const auto&) {
            ++callbacks;
        });
    }
    here.refuse_next();
    loop.run();
    call.wait_callback(); // it never runs, and that is known
    CHECK(call.end_invoke() == 7);
    here.queue.run_all();
    CHECK(callbacks == 0);
}

TEMPLATE_TEST_CASE("F15: a home that dies with everything queued gives each outcome to on_undelivered",
                   "[faults][F15]", eap::event_loop, asio::io_context) {
    auto place = std::make_unique<TestType>();
    const auto home = [&]() -> eap::any_synchronization_context {
        if constexpr (std::is_same_v<TestType, eap::event_loop>)
            return place->context();
        else
            return eap::asio_context{*place};
    }();
    tests::client client{home};
    auto running = client.start<int>("running");
    auto completed = client.start<int>("completed");
    running.report_progress(1);
    completed.report_progress(1);
    completed.complete(7);
    eap::async_call<int()> call;
    int callbacks = 0;
    {
        const eap::scoped_context here{home};
        call =
            eap::delegate<int()>{[] { return 8; }}.on(tests::inline_context{}).begin_invoke([&](const auto&) {
                ++callbacks;
            });
    }
    place.reset();

    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    call.wait_callback();
    CHECK(call.end_invoke() == 8);
    CHECK(callbacks == 0);
    CHECK(running.cancellation_pending());
    CHECK_FALSE(running.report_progress(2));
    CHECK(running.complete(9));
    CHECK(client.log.all() == lines(2, "undelivered, context gone: value"));
    CHECK(client.manager.pending() == 0);
    CHECK(message_of<eap::context_closed>([&] { home.post([] {}); }) == closed);
    CHECK(message_of<eap::context_closed>([&] { static_cast<void>(client.start("late")); }) == closed);
    CHECK_FALSE(client.manager.is_pending("late"));
}

TEST_CASE("F16: a pool that was closed before refuses every start, and nothing is left of it",
          "[faults][F16]") {
    tests::manual_queue home;
    eap::thread_pool pool{1};
    const auto where = pool.context();
    pool.close();
    bool ran = false;
    const auto work = [&] { ran = true; };
    const auto begin = [&] { static_cast<void>(eap::begin_invoke(where, work)); };
    CHECK(message_of<eap::context_closed>(begin) == closed);

    const eap::scoped_context here{home.context()};
    int callbacks = 0;
    CHECK(message_of<eap::context_closed>([&] {
              static_cast<void>(
                  eap::delegate<void()>{work}.on(where).begin_invoke([&](const auto&) { ++callbacks; }));
          }) == closed);
    const eap::async_method<void()> method{work, {.where = where}};
    CHECK(message_of<eap::context_closed>([&] { method.start("id"); }) == closed);
    CHECK(method.pending() == 0);
    eap::background_worker<> worker{{.where = where}};
    const eap::scoped_connection working{worker.do_work.connect([&](auto&) { ran = true; })};
    CHECK(message_of<eap::context_closed>([&] { worker.run_worker_async(); }) == closed);
    CHECK_FALSE(worker.is_busy());
    tests::client client{home.context()};
    eap::run_on(where, client.start(), work); // the operation was there already: its client hears of it
    home.run_all();
    CHECK(client.log.all() == lines{"error: " + closed});
    CHECK_FALSE(ran);
    CHECK(callbacks == 0);
}

TEST_CASE("F16: what goes to a pool of Asio's that was joined is undelivered when the pool ends",
          "[faults][F16]") {
    auto pool = std::make_unique<asio::thread_pool>(1);
    tests::client client{eap::asio_context{*pool}};
    auto operation = client.start<int>();
    pool->stop();
    pool->join();
    CHECK(operation.complete(7)); // accepted, without a word
    CHECK(client.log.all() == lines{});
    pool.reset();
    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("F17: a manager that ends asks its operations to stop, waits for nothing, and they come home",
          "[faults][F17]") {
    tests::manual_queue queue;
    auto client = std::make_unique<tests::client>(queue.context());
    const tests::record log = client->log;
    auto cancelled = client->start<int>("a");
    auto completed = client->start<int>("b");
    auto let_go = std::make_optional(client->start<int>("c"));
    client.reset();

    CHECK(cancelled.cancellation_pending());
    cancelled.complete_cancelled();
    CHECK(completed.report_progress(50));
    completed.complete(7);
    let_go.reset();
    queue.run_all();
    CHECK(log.all() == lines{"cancelled", "50%", "value 7", "cancelled"});
}

TEST_CASE("F17: a manager that was closed creates nothing more", "[faults][F17]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    client.manager.close();
    CHECK(message_of<eap::invalid_operation>([&] { static_cast<void>(client.start("id")); }) ==
          "eap: this operation_manager was closed; it creates no more operations");
    CHECK_FALSE(client.manager.is_pending("id"));
    queue.run_all();
    CHECK(client.log.all() == lines{});
}

TEST_CASE("F48: a handle to a call outlives all that was around it", "[faults][F48]") {
    std::optional<eap::async_call<std::string(int)>> call;
    {
        const auto held = std::make_shared<int>(7);
        auto pool = std::make_unique<eap::thread_pool>(1);
        {
            const eap::delegate<std::string(int)> text{
                [held](int n) { return std::to_string(*held) + std::to_string(n); }};
            call = text.on(pool->context()).begin_invoke(8);
        }
        call->wait();
        pool.reset();
    }
    CHECK(call->wait_for(0s));
    CHECK(call->end_invoke() == "78");
}

TEST_CASE("F48: so does one to a call that its place never ran", "[faults][F48]") {
    const auto held = std::make_shared<int>(7);
    eap::async_call<int()> call;
    {
        eap::event_loop loop;
        call = eap::begin_invoke(loop.context(), [held] { return *held; });
    }
    CHECK(call.is_completed());
    CHECK_THROWS_AS(call.end_invoke(), eap::operation_abandoned);
    call = {};
    CHECK(held.use_count() == 1);
}
