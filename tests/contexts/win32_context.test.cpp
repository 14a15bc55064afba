// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/win32_context.hpp>

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

void run_messages() { // until PostQuitMessage
    MSG message;
    while (GetMessageW(&message, nullptr, 0, 0) > 0)
        DispatchMessageW(&message);
}
void run_what_is_ready() {
    MSG message;
    while (PeekMessageW(&message, nullptr, 0, 0, PM_REMOVE) != 0)
        DispatchMessageW(&message);
}

struct win32_place {
    eap::win32_loop loop;
    std::exception_ptr caught;

    win32_place() {
        loop.on_exception([this](const std::exception_ptr& error) { caught = error; });
    }
    auto context() const { return loop.context(); }
    static void run() { run_messages(); }
    static void stop() { PostQuitMessage(0); }
    void close() { loop.close(); }
    std::exception_ptr take_exception() const { return caught; }
};

} // namespace

TEST_CASE("a message loop of Windows conforms", "[conformance][win32]") {
    const auto report = lab::check_context([] { return win32_place{}; }, {.runs_in_order = true,
                                                                          .runs_one_at_a_time = true,
                                                                          .refuses_after_end = true,
                                                                          .is_current_inside = true,
                                                                          .knows_its_thread = true,
                                                                          .survives_exceptions = true,
                                                                          .uses_function_memory = true});
    INFO(report);
    CHECK(report);
}

TEST_CASE("one message runs a burst", "[win32]") {
    const eap::win32_loop loop;
    int ran = 0;
    for (int i = 0; i < 100'000; ++i)
        loop.context().post([&] { ++ran; });
    run_what_is_ready();
    CHECK(ran == 100'000);
}

TEST_CASE("a loop nested in a function, as that of a dialog, runs what is behind it", "[win32]") {
    const eap::win32_loop loop;
    std::string trace;
    bool closed = false;
    loop.context().post([&] {
        trace += '(';
        MSG message;
        while (!closed && GetMessageW(&message, nullptr, 0, 0) > 0)
            DispatchMessageW(&message);
        trace += ')';
    });
    loop.context().post([&] { trace += 'b'; });
    loop.context().post([&] { closed = true; });
    loop.context().post([] { PostQuitMessage(0); });
    run_messages();
    CHECK(trace == "(b)");
}

TEST_CASE("a full message queue loses no wake-up", "[win32]") {
    const eap::win32_loop loop;
    constexpr int more_than_windows_takes = 10'001;
    int taken = 0;
    while (taken != more_than_windows_takes && PostThreadMessageW(GetCurrentThreadId(), WM_NULL, 0, 0) != 0)
        ++taken;
    if (taken == more_than_windows_takes)
        WARN("this Windows has no limit: nothing is shown here");
    bool here = false;
    loop.context().post([&] { here = true; });
    run_what_is_ready();
    CHECK(here);
}

TEST_CASE("what is queued when the seat ends is destroyed, and its operation told", "[win32]") {
    std::optional<eap::win32_loop> loop{std::in_place};
    const auto home = loop->context();
    eap::operation_manager operations{home};
    std::optional<eap::undelivered_reason> reason;
    operations.on_undelivered([&](const eap::undelivered& what) { reason = what.reason; });
    auto operation = operations.create_operation<int>("queued", [](const auto&) {});
    operation.complete(1);
    loop.reset();
    CHECK(reason == eap::undelivered_reason::context_gone);
    CHECK_THROWS_AS(home.post([] {}), eap::context_closed);
    run_what_is_ready();
}

TEST_CASE("a seat may end inside its own function, and on another thread while others post", "[win32]") {
    std::optional<eap::win32_loop> loop{std::in_place};
    const auto unrun = std::make_shared<int>();
    loop->context().post([&] { loop.reset(); });
    loop->context().post([unrun] { *unrun = 1; });
    run_what_is_ready();
    CHECK(unrun.use_count() == 1);
    for (int round = 0; round < 50; ++round) {
        loop.emplace();
        std::jthread other{[&, home = loop->context()] {
            std::jthread poster{[home] {
                try {
                    for (;;)
                        home.post([] {});
                } catch (const eap::context_closed&) { // as it should
                }
            }};
            loop.reset();
        }};
        run_what_is_ready();
    }
    run_what_is_ready(); // the last one's window
    CHECK(FindWindowExW(HWND_MESSAGE, nullptr, L"eap::win32_loop", nullptr) == nullptr);
}

TEST_CASE("an exception does not reach Windows, and the loop goes on", "[win32]") {
    eap::win32_loop loop;
    std::vector<std::exception_ptr> told;
    loop.on_exception([&](std::exception_ptr error) { told.push_back(std::move(error)); });
    loop.context().post([] { throw std::runtime_error{"one"}; });
    loop.context().post([] { PostQuitMessage(0); });
    run_messages();
    REQUIRE(told.size() == 1);
    CHECK_THROWS_AS(std::rethrow_exception(told.front()), std::runtime_error);
}

TEST_CASE("work on the pool comes home to the thread of the message loop", "[win32]") {
    const eap::win32_loop loop;
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
                        PostQuitMessage(0);
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
    run_messages();
    CHECK(result == 5050);
    CHECK(reports == 100);
    CHECK(always_here);
}
