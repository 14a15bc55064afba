// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/uv_context.hpp>

#include <eap/contexts/thread_pool.hpp>
#include <eap/errors.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>
#include <eap/testing/context_conformance.hpp>
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

/// A loop of libuv. Closing it says whether everything in it has been closed before.
struct raw_loop {
    raw_loop() { uv_loop_init(&loop); }
    raw_loop(const raw_loop&) = delete;
    raw_loop& operator=(const raw_loop&) = delete;
    ~raw_loop() {
        run();
        if (uv_loop_close(&loop) != 0)
            std::terminate();
    }
    void run() { uv_run(&loop, UV_RUN_DEFAULT); }

    uv_loop_t loop{};
};

struct uv_place {
    raw_loop uv;
    eap::uv_loop loop{&uv.loop};
    std::exception_ptr caught;

    uv_place() {
        loop.on_exception([this](const std::exception_ptr& error) { caught = error; });
    }
    auto context() const { return loop.context(); }
    void run() { uv.run(); }
    void close() { loop.close(); }
    std::exception_ptr take_exception() const { return caught; }
};

} // namespace

TEST_CASE("a loop of libuv conforms, with every ability", "[conformance][uv]") {
    const auto report = lab::check_context([] { return uv_place{}; }, {.runs_in_order = true,
                                                                       .runs_one_at_a_time = true,
                                                                       .refuses_after_end = true,
                                                                       .is_current_inside = true,
                                                                       .counts_operations = true,
                                                                       .knows_its_thread = true,
                                                                       .survives_exceptions = true,
                                                                       .uses_function_memory = true});
    INFO(report);
    CHECK(report);
}

TEST_CASE("uv_run returns when nothing is queued and nothing is outstanding", "[uv]") {
    raw_loop uv;
    const eap::uv_loop loop{&uv.loop};
    uv.run(); // nothing to do
    bool ran = false;
    loop.context().post([&] { ran = true; });
    uv.run();
    CHECK(ran);
}

TEST_CASE("what is posted before the first run, by any thread, runs in it", "[uv]") {
    raw_loop uv;
    const eap::uv_loop loop{&uv.loop};
    bool ran = false;
    std::thread{[&] { loop.context().post([&] { ran = true; }); }}.join();
    uv.run();
    CHECK(ran);
}

TEST_CASE("what a function posts still runs before uv_run returns", "[uv]") {
    raw_loop uv;
    const eap::uv_loop loop{&uv.loop};
    std::string trace;
    const auto home = loop.context();
    home.post([&, home] {
        home.post([&, home] {
            home.post([&] { trace += 'c'; });
            trace += 'b';
        });
        trace += 'a';
    });
    uv.run();
    CHECK(trace == "abc");
}

TEST_CASE("what is queued when the seat ends is destroyed, and its operation told", "[uv]") {
    raw_loop uv;
    std::optional<eap::uv_loop> loop{std::in_place, &uv.loop};
    const auto home = loop->context();
    eap::operation_manager operations{home};
    std::optional<eap::undelivered_reason> reason;
    operations.on_undelivered([&](const eap::undelivered& what) { reason = what.reason; });
    auto operation = operations.create_operation<int>("queued", [](const auto&) {});
    operation.complete(1);
    loop.reset();
    CHECK(reason == eap::undelivered_reason::context_gone);
    CHECK_THROWS_AS(home.post([] {}), eap::context_closed);
    CHECK_THROWS_AS(home.operation_started(), eap::context_closed);
    home.operation_completed();
}

TEST_CASE("a seat may end inside its own function; those behind it are destroyed", "[uv]") {
    raw_loop uv;
    std::optional<eap::uv_loop> loop{std::in_place, &uv.loop};
    const auto unrun = std::make_shared<int>();
    loop->context().post([&] { loop.reset(); });
    loop->context().post([unrun] { *unrun = 1; });
    uv.run();
    CHECK(unrun.use_count() == 1);
    CHECK(*unrun == 0);
}

TEST_CASE("a seat may end on another thread while the loop runs and others post", "[uv]") {
    for (int round = 0; round < 50; ++round) {
        raw_loop uv;
        std::optional<eap::uv_loop> ends{std::in_place, &uv.loop};
        const eap::uv_loop stays{&uv.loop};
        stays.context().operation_started(); // so that the loop runs
        std::thread other{[&] {
            std::jthread poster{[home = ends->context()] {
                try {
                    for (;;)
                        home.post([] {});
                } catch (const eap::context_closed&) { // as it should
                }
            }};
            ends.reset();
            poster.join();
            stays.context().operation_completed();
        }};
        uv.run();
        other.join();
    }
    SUCCEED("and every loop could be closed");
}

TEST_CASE("an exception does not reach libuv, and the loop goes on", "[uv]") {
    raw_loop uv;
    eap::uv_loop loop{&uv.loop};
    std::vector<std::exception_ptr> told;
    bool later = false;
    loop.on_exception([&](std::exception_ptr error) { told.push_back(std::move(error)); });
    loop.context().post([] { throw std::runtime_error{"one"}; });
    loop.context().post([&] { later = true; });
    uv.run();
    CHECK(told.size() == 1);
    CHECK(later);
}

TEST_CASE("work on the pool comes home, and uv_run waits for it", "[uv]") {
    raw_loop uv;
    const eap::uv_loop loop{&uv.loop};
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
    uv.run(); // nobody stops it
    CHECK(result == 5050);
    CHECK(reports == 100);
    CHECK(always_here);
}
