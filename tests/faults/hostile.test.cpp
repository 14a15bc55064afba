// SPDX-License-Identifier: BSL-1.0
//
// Contexts that lie: they run what they were given twice, never, inside post, in another order, on several threads, or keep
// it and throw. Row 44 of the catalogue (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/hostile_context.hpp"
#include "support/throwing.hpp"

#include <eap/async_method.hpp>
#include <eap/background_worker.hpp>
#include <eap/delegate.hpp>
#include <eap/errors.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>
#include <eap/synchronization_context.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

using tests::lines;
using tests::message_of;

namespace {

struct hostile; // of this file
using value = tests::throwing<int, hostile>;

/// A client at a hostile home, and what is left of it at the end.
template <class Policy> struct hostile_home {
    tests::hostile_place<Policy> place;
    std::shared_ptr<tests::notification_counts> counts = std::make_shared<tests::notification_counts>();
    const eap::any_synchronization_context home{tests::counting_context{place.context(), counts}};
    std::shared_ptr<int> witness = std::make_shared<int>();

    bool nothing_is_left() const { return witness.use_count() == 1 && counts->started == counts->completed; }
};

} // namespace

#define EAP_TEST_HOMES_THAT_RUN                                                                              \
    tests::runs_in_order, tests::runs_twice, tests::runs_again_later, tests::runs_newest_first,              \
        tests::runs_on_many_threads, tests::runs_inline, tests::runs_inline_and_again

TEMPLATE_TEST_CASE(
    "F44: an operation is told once and in order, whatever its home does with what it is given",
    "[faults][F44]", EAP_TEST_HOMES_THAT_RUN) {
    hostile_home<TestType> here;
    {
        tests::client client{here.home};
        auto first = client.manager.create_operation<value, int>(
            "first",
            [log = client.log, held = here.witness](const eap::completed_event_args<value>& args) {
                log.add("value " + std::to_string(args.result().value));
            },
            [log = client.log, held = here.witness](const eap::progress_changed_event_args<int>& args) {
                log.add(std::to_string(args.value()));
            });
        lines expected;
        for (int i = 0; i < 200; ++i) { // more than a drain takes in one go
            first.report_progress(0, i);
            if (i % 50 == 0)
                here.place.run_all();
            expected.push_back(std::to_string(i));
        }
        first.complete(7);
        expected.push_back("value 7");
        here.place.run_all();
        here.place.run_all(); // for those that run it again later
        CHECK(client.log.all() == expected);
        CHECK(client.manager.pending() == 0);
    }
    CHECK(value::alive == 0);
    CHECK(here.nothing_is_left());
}

TEMPLATE_TEST_CASE("F44: coalesced reports come in order, the last of them and the outcome last",
                   "[faults][F44]", EAP_TEST_HOMES_THAT_RUN) {
    hostile_home<TestType> here;
    {
        tests::client client{here.home};
        auto operation = client.start<int, int>({}, {.progress = eap::progress_delivery::latest()});
        for (int i = 0; i < 50; ++i)
            operation.report_progress(0, i);
        operation.complete(7);
        here.place.run_all();
        here.place.run_all();
        const lines told = client.log.all();
        REQUIRE(told.size() >= 2);
        CHECK(told[told.size() - 2] == "0% 49");
        CHECK(told.back() == "value 7");
        CHECK(client.log.count("value 7") == 1);
    }
    CHECK(here.nothing_is_left());
}

TEMPLATE_TEST_CASE("F44: a call runs once and calls back once, whatever its place and its home do",
                   "[faults][F44]", EAP_TEST_HOMES_THAT_RUN) {
    hostile_home<TestType> here;
    std::atomic<int> ran{0}, called_back{0};
    {
        const eap::scoped_context current{here.home};
        const eap::delegate<value(value)> next{[&ran, held = here.witness](const value& v) {
            ++ran;
            return value{v.value + 1};
        }};
        const auto call = next.on(here.home).begin_invoke(
            value{1}, [&called_back, held = here.witness](const auto&) { ++called_back; });
        here.place.run_all();
        here.place.run_all();
        CHECK(call.end_invoke().value == 2);
        CHECK(message_of<eap::invalid_operation>([&] { static_cast<void>(call.end_invoke()); }) ==
              "eap: this call has been ended already, and its outcome is gone; end each call once");
    }
    CHECK(ran == 1);
    CHECK(called_back == 1);
    CHECK(value::alive == 0);
    CHECK(here.nothing_is_left());
}

TEMPLATE_TEST_CASE("F44: a method and a worker run each start once, whatever their place and home do",
                   "[faults][F44]", EAP_TEST_HOMES_THAT_RUN) {
    hostile_home<TestType> here;
    std::atomic<int> ran{0};
    tests::record log;
    {
        const eap::scoped_context current{here.home};
        const eap::async_method<int(int)> method{[&ran](int n) { return ++ran, n; }, {.where = here.home}};
        const eap::scoped_connection completed{
            method.completed.connect([log, held = here.witness](const eap::completed_event_args<int>& args) {
                log.add(tests::told(args));
            })};
        method.start(7, "id");
        here.place.run_all();
        here.place.run_all();
        CHECK(method.pending() == 0);

        eap::background_worker<int, int> worker{{.where = here.home}};
        const eap::scoped_connection works{worker.do_work.connect([&ran, held = here.witness](auto& args) {
            ++ran;
            args.set_result(args.argument());
        })};
        const eap::scoped_connection ended{worker.run_worker_completed.connect(
            [log, held = here.witness](const eap::completed_event_args<int>& args) {
                log.add(tests::told(args));
            })};
        worker.run_worker_async(8);
        here.place.run_all();
        here.place.run_all();
        CHECK_FALSE(worker.is_busy());
    }
    CHECK(ran == 2);
    CHECK(log.all() == lines{"value 7", "value 8"});
    CHECK(here.nothing_is_left());
}

TEST_CASE("F44: what a home drops is undelivered, work that a place drops is abandoned", "[faults][F44]") {
    hostile_home<tests::drops> here;
    {
        tests::client client{here.home};
        auto operation = client.start<value>();
        CHECK_FALSE(operation.report_progress(1));
        CHECK(operation.cancellation_pending());
        CHECK(operation.complete(7));
        CHECK(client.log.all() == lines{"undelivered, context gone: value"});

        tests::manual_queue queue;
        tests::client at_home{queue.context()};
        eap::run_on(here.home, at_home.start(), [held = here.witness] {});
        queue.run_all();
        CHECK(at_home.log.all() == lines{"abandoned"});

        const auto call = eap::begin_invoke(here.home, [held = here.witness] {});
        CHECK(message_of<eap::operation_abandoned>([&] { call.end_invoke(); }) ==
              "The worker let go of the operation without completing it. Complete it with a value, an error "
              "or as "
              "cancelled before it is destroyed.");
    }
    CHECK(value::alive == 0);
    CHECK(here.nothing_is_left());
}

TEST_CASE("F44: a home that runs what it is given inside post meets no lock", "[faults][F44]") {
    hostile_home<tests::runs_inline> here;
    tests::client client{here.home};
    auto other = client.start<int>("other");
    auto operation = client.manager.create_operation<int>(
        "id",
        [&](const eap::completed_event_args<int>& args) {
            client.manager.cancel_all();
            CHECK(client.manager.pending_operations().size() == 2);
            other.complete_cancelled();
            client.log.add(tests::told(args));
        },
        [&](const eap::progress_changed_event_args<>&) {
            auto inner = client.start<int>("inner");
            inner.complete(1);
        });
    operation.report_progress(1);
    operation.complete(7);
    CHECK(client.log.all() == lines{"value 1", "cancelled", "value 7"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE(
    "F44: a place that keeps what it is given and throws is believed that it throws; nothing comes twice",
    "[faults][F44]") {
    hostile_home<tests::accepts_and_throws> here;
    {
        tests::client client{here.home};
        auto operation = client.start<value>();
        CHECK(message_of<tests::post_refused>([&] { operation.report_progress(1); }) ==
              "this post was refused");
        CHECK(operation.report_progress(2)); // its reader is on its way
        CHECK(operation.complete(7));
        here.place.run_all();
        CHECK(client.log.all() == lines{"1%", "2%", "value"});

        auto next = client.start<value>();
        CHECK_THROWS_AS(next.complete(8), tests::post_refused);
        CHECK(next.completed());
        here.place.run_all();
        CHECK(client.log.all() == lines{"1%", "2%", "value", "value"});
        CHECK(client.manager.pending() == 0);
    }
    CHECK(value::alive == 0);
    CHECK(here.nothing_is_left());
}

TEST_CASE("F44: a call on such a place never was for whoever began it, and is gone when it has run",
          "[faults][F44]") {
    hostile_home<tests::accepts_and_throws> here;
    tests::manual_queue queue;
    int ran = 0;
    {
        const eap::scoped_context current{queue.context()};
        CHECK_THROWS_AS(eap::begin_invoke(here.home, [&, held = here.witness] { ++ran; }),
                        tests::post_refused);
        here.place.run_all();
        queue.run_all();
    }
    CHECK(ran <= 1);
    CHECK(here.witness.use_count() == 1);
}

TEMPLATE_TEST_CASE("F44: a function that is sent runs once; sent and dropped, the sender hears of it",
                   "[faults][F44]", tests::runs_inline, tests::drops) {
    tests::hostile_place<TestType> place;
    int ran = 0;
    const std::string said =
        message_of<eap::context_closed>([&] { eap::send(place.context(), [&] { ++ran; }); });
    if constexpr (std::is_same_v<TestType, tests::drops>)
        CHECK(said ==
              "The context is closed and accepts no more work. Keep its owner open for as long as work is "
              "posted to it.");
    CHECK(ran == (std::is_same_v<TestType, tests::drops> ? 0 : 1));
}

TEST_CASE("F44: a function that is sent runs once, also when the place runs it twice", "[faults][F44]") {
    tests::hostile_place<tests::runs_inline_and_again> place;
    int ran = 0;
    eap::send(place.context(), [&] { ++ran; });
    place.run_all(); // by then the function is gone, and who waited for it
    CHECK(ran == 1);
}
