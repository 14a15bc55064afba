// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/glib_context.hpp>

#include <eap/contexts/thread_pool.hpp>
#include <eap/errors.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>
#include <eap/testing/context_conformance.hpp>
#include <eap/tracked.hpp>
#include <eap/undelivered.hpp>

#include "support/catch.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

/// A GMainLoop on a main context of its own.
struct main_loop {
    main_loop() : context(g_main_context_new()), loop(g_main_loop_new(context, FALSE)) {}
    main_loop(const main_loop&) = delete;
    main_loop& operator=(const main_loop&) = delete;
    ~main_loop() {
        g_main_loop_unref(loop);
        g_main_context_unref(context);
    }
    void run() const { g_main_loop_run(loop); }
    void quit() const { g_main_loop_quit(loop); }
    void run_what_is_ready() const {
        while (g_main_context_iteration(context, FALSE) != FALSE) {
        }
    }

    GMainContext* context;
    GMainLoop* loop;
};

struct glib_place {
    main_loop glib;
    eap::glib_loop loop{glib.context};
    std::exception_ptr caught;

    glib_place() {
        loop.on_exception([this](const std::exception_ptr& error) { caught = error; });
    }
    auto context() const { return loop.context(); }
    void run() const { glib.run(); }
    void stop() const { glib.quit(); }
    void close() { loop.close(); }
    std::exception_ptr take_exception() const { return caught; }
};

} // namespace

TEST_CASE("a main context of GLib conforms", "[conformance][glib]") {
    const auto report = lab::check_context([] { return glib_place{}; }, {.runs_in_order = true,
                                                                         .runs_one_at_a_time = true,
                                                                         .refuses_after_end = true,
                                                                         .is_current_inside = true,
                                                                         .knows_its_thread = true,
                                                                         .survives_exceptions = true,
                                                                         .uses_function_memory = true});
    INFO(report);
    CHECK(report);
}

TEST_CASE("nothing runs inside a post to a main context that nobody runs", "[glib]") {
    const main_loop glib;
    const eap::glib_loop loop{glib.context};
    std::thread::id ran_on;
    std::thread{[&] { loop.context().post([&] { ran_on = std::this_thread::get_id(); }); }}.join();
    CHECK(ran_on == std::thread::id{});
    glib.run_what_is_ready();
    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("the default main context is the home when none is given", "[glib]") {
    const eap::glib_loop loop;
    bool ran = false;
    loop.context().post([&] { ran = true; });
    CHECK(g_main_context_iteration(nullptr, FALSE) == TRUE);
    CHECK(ran);
}

TEST_CASE("an idle seat is not ready, and one dispatch runs a burst", "[glib]") {
    const main_loop glib;
    const eap::glib_loop loop{glib.context};
    CHECK(g_main_context_pending(glib.context) == FALSE);
    int ran = 0;
    for (int i = 0; i < 1000; ++i)
        loop.context().post([&] { ++ran; });
    g_main_context_iteration(glib.context, FALSE);
    CHECK(ran == 1000);
    glib.run_what_is_ready();
    CHECK(g_main_context_pending(glib.context) == FALSE);
}

TEST_CASE("a seat of higher priority goes first", "[glib]") {
    const main_loop glib;
    const eap::glib_loop idle{glib.context, G_PRIORITY_DEFAULT_IDLE};
    const eap::glib_loop urgent{glib.context, G_PRIORITY_HIGH};
    const eap::glib_loop usual{glib.context};
    std::string trace;
    idle.context().post([&] { trace += 'i'; });
    usual.context().post([&] { trace += 'd'; });
    urgent.context().post([&] { trace += 'h'; });
    glib.run_what_is_ready();
    CHECK(trace == "hdi");
    CHECK_FALSE(idle.context() == usual.context());
}

TEST_CASE("a loop nested in a function runs what is behind it", "[glib]") {
    const main_loop glib;
    const eap::glib_loop loop{glib.context};
    std::string trace;
    GMainLoop* const dialog = g_main_loop_new(glib.context, FALSE);
    loop.context().post([&] {
        trace += '(';
        g_main_loop_run(dialog);
        trace += ')';
    });
    loop.context().post([&] { trace += 'b'; });
    loop.context().post([&] { g_main_loop_quit(dialog); });
    loop.context().post([&] { glib.quit(); });
    glib.run();
    CHECK(trace == "(b)");
    g_main_loop_unref(dialog);
}

TEST_CASE("what is queued when the seat ends is destroyed, and its operation told", "[glib]") {
    const main_loop glib;
    std::optional<eap::glib_loop> loop{std::in_place, glib.context};
    const auto home = loop->context();
    eap::operation_manager operations{home};
    std::optional<eap::undelivered_reason> reason;
    operations.on_undelivered([&](const eap::undelivered& what) { reason = what.reason; });
    auto operation = operations.create_operation<int>("queued", [](const auto&) {});
    operation.complete(1);
    loop.reset();
    CHECK(reason == eap::undelivered_reason::context_gone);
    CHECK_THROWS_AS(home.post([] {}), eap::context_closed);
    glib.run_what_is_ready();
}

TEST_CASE("a seat may end on another thread, and inside its own function", "[glib]") {
    const main_loop glib;
    std::optional<eap::glib_loop> loop{std::in_place, glib.context};
    auto unrun = std::make_shared<int>();
    loop->context().post([&] { loop.reset(); });
    loop->context().post([unrun] { *unrun = 1; });
    glib.run_what_is_ready();
    CHECK(unrun.use_count() == 1);
    CHECK(*unrun == 0);

    loop.emplace(glib.context);
    loop->context().post([unrun] { *unrun = 1; });
    std::thread{[&] { loop.reset(); }}.join();
    CHECK(unrun.use_count() == 1);
    glib.run_what_is_ready();
    CHECK(*unrun == 0);
}

TEST_CASE("seats that end while others post and the loop runs lose nothing but what they destroy", "[glib]") {
    const main_loop glib;
    std::jthread runner{[&] { glib.run(); }};
    for (int round = 0; round < 50; ++round) {
        auto alive = std::make_shared<int>();
        std::optional<eap::glib_loop> loop{std::in_place, glib.context};
        std::jthread poster{[home = loop->context(), alive] {
            try {
                for (;;)
                    home.post([alive] {});
            } catch (const eap::context_closed&) { // as it should
            }
        }};
        loop.reset();
    }
    eap::glib_loop last{glib.context};
    last.context().post([&] { glib.quit(); });
    runner.join();
}

TEST_CASE("an exception does not reach GLib, and the loop goes on", "[glib]") {
    const main_loop glib;
    eap::glib_loop loop{glib.context};
    std::vector<std::exception_ptr> told;
    loop.on_exception([&](std::exception_ptr error) { told.push_back(std::move(error)); });
    loop.context().post([] { throw std::runtime_error{"one"}; });
    loop.context().post([&] { glib.quit(); });
    glib.run();
    REQUIRE(told.size() == 1);
    CHECK_THROWS_AS(std::rethrow_exception(told.front()), std::runtime_error);
}

TEST_CASE("a GObject is a receiver: kept while its handler runs, and missed when it is gone", "[glib]") {
    const main_loop glib;
    const eap::glib_loop loop{glib.context};
    eap::operation_manager operations{loop.context()};
    std::vector<eap::undelivered_reason> reasons;
    operations.on_undelivered([&](const eap::undelivered& what) { reasons.push_back(what.reason); });
    auto* const object = G_OBJECT(g_object_new(G_TYPE_OBJECT, nullptr));
    bool is_gone = false;
    g_object_weak_ref(object, [](gpointer gone, GObject*) { *static_cast<bool*>(gone) = true; }, &is_gone);
    int called = 0;
    bool kept = false;
    const auto handler = [&](const auto&) {
        ++called;
        g_object_unref(object); // its owner lets go of it, inside
        kept = !is_gone;
    };
    operations.create_operation<>("first", eap::tracked(eap::glib_receiver{object}, handler)).complete();
    operations.create_operation<>("second", eap::tracked(eap::glib_receiver{object}, handler)).complete();
    glib.run_what_is_ready();
    CHECK(called == 1);
    CHECK(kept);
    CHECK(is_gone);
    CHECK(reasons == std::vector{eap::undelivered_reason::receiver_gone});
}

TEST_CASE("work on the pool comes home to GLib's thread", "[glib]") {
    const main_loop glib;
    const eap::glib_loop loop{glib.context};
    eap::operation_manager operations{loop.context()};
    const auto here = std::this_thread::get_id();
    bool always_here = true;
    int reports = 0;
    int result = 0;
    eap::run_on(eap::thread_pool::shared(),
                operations.create_operation<int>(
                    "sum",
                    [&](const eap::completed_event_args<int>& e) {
                        always_here = always_here && std::this_thread::get_id() == here;
                        result = e.result();
                        glib.quit();
                    },
                    [&](const eap::progress_changed_event_args<>&) {
                        always_here = always_here && std::this_thread::get_id() == here;
                        ++reports;
                    }),
                [](auto& self) {
                    for (int i = 1; i <= 100; ++i)
                        self.report_progress(i);
                    return 5050;
                });
    glib.run();
    CHECK(result == 5050);
    CHECK(reports == 100);
    CHECK(always_here);
}
