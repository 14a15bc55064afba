// SPDX-License-Identifier: BSL-1.0
//
// Faults of the surroundings: threads that end, exit() with everything running, fork(), signals, other builds of the same
// program. Rows 36 to 39, 42 and 43 of the catalogue (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "faults/layouts.hpp"
#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>
#include <eap/timer.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace std::chrono_literals;
using tests::lines;

TEST_CASE("F36: a thread may end with a manager and a running operation of its own", "[faults][F36]") {
    tests::manual_queue queue;
    const tests::record log;
    std::thread{[&] {
        struct own {
            explicit own(const tests::manual_queue& home) : manager(home.context()) {}
            eap::operation_manager manager;
            std::optional<eap::async_operation<int>> operation;
        };
        static thread_local own mine{queue}; // ends with the thread
        const eap::scoped_context current{queue.context()};
        mine.operation = mine.manager.create_operation<int>(
            {}, [log](const eap::completed_event_args<int>& args) { log.add(tests::told(args)); });
        mine.operation->report_progress(1);
    }}.join();
    queue.run_all();
    CHECK(log.all() == lines{"abandoned"});
    CHECK(eap::scoped_context::current() == nullptr);
}

TEST_CASE("F36: nothing takes a thread for one that has ended", "[faults][F36]") {
    eap::event_loop loop;
    int mistaken = 0;
    for (int i = 0; i < 20; ++i)
        std::thread{[&] {
            mistaken += eap::running_in_this_thread(loop.context()).value_or(true) ? 1 : 0;
            loop.poll();
        }}.join();
    CHECK(mistaken == 0);
    const auto call = eap::begin_invoke(loop.context(), [] { return 7; });
    CHECK_FALSE(call.wait_for(0s));
    loop.run();
    CHECK(call.end_invoke() == 7);
}

#if defined(__linux__)

namespace {

/// Before main: this program may have been started anew, to do one thing and to end.
constexpr const char* task_variable = "EAP_TESTS_FAULTS_TASK";

int run_again(const char* task) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv(task_variable, task, 1);
        ::execl("/proc/self/exe", "eap_tests", static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Uses everything, while static objects are being destroyed.
struct last_user {
    eap::thread_pool own{2};
    eap::operation_manager manager{own.context()};

    ~last_user() {
        const eap::delegate<int()> answer{[] { return 7; }};
        std::atomic<int> told{0};
        auto late = manager.create_operation<int>({}, [&](const eap::completed_event_args<int>&) { ++told; },
                                                  {.timeout = 1ms});
        eap::run_on(eap::thread_pool::shared(),
                    manager.create_operation<int>({}, [&](const auto&) { ++told; }), [] { return 8; });
        const auto call = answer.begin_invoke([&](const auto&) { ++told; });
        call.wait_callback();
        if (call.end_invoke() != 7 || answer.on(own.context()).begin_invoke().end_invoke() != 7 ||
            !manager.wait_idle_for(60s) || told != 3)
            ::_exit(1);
    }
};

struct task {
    task() {
        const char* const name = std::getenv(task_variable);
        if (name == nullptr || std::string{name} != "exit")
            return;
        // Statics of the library are made at their first use, before or after those of the program.
        static const last_user last;
        eap::thread_pool::shared().post([] {
            for (;;)
                std::this_thread::sleep_for(1h); // this thread is never joined
        });
        eap::post_after(eap::thread_pool::shared(), 24h, [] {}); // nor is this one waited for
        static_cast<void>(eap::begin_invoke([] { return 1; }));
        static const last_user another;
        std::exit(0);
    }
};
const task before_main;

} // namespace

TEST_CASE("F37: a program may end with everything running, and use it to its last breath", "[faults][F37]") {
    CHECK(run_again("exit") == 0);
}

#if !defined(EAP_TESTS_ALLOCATIONS_UNSEEN) // sanitizers do not all allow threads in a forked process

TEST_CASE("F38: after fork() a new pool works, and an old one accepts what it cannot run", "[faults][F38]") {
    eap::thread_pool pool{1};
    std::latch inside{1}, go_on{1};
    pool.context().post([&] { // so that the thread holds no lock of the pool's when the process forks
        inside.count_down();
        go_on.wait();
    });
    inside.wait();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        {
            eap::thread_pool anew{1};
            if (eap::begin_invoke(anew.context(), [] { return 7; }).end_invoke() != 7)
                ::_exit(1);
            eap::operation_manager manager{anew.context()};
            auto operation = manager.create_operation<int>({}, [](const eap::completed_event_args<int>&) {});
            operation.complete(1);
            if (!manager.wait_idle_for(60s))
                ::_exit(2);
        }
        const auto call =
            eap::begin_invoke(pool.context(), [] { return 8; }); // its thread is not in this process
        if (call.wait_for(20ms))
            ::_exit(3);
        call.cancel();
        ::_exit(call.wait_for(0s) ? 0 : 4);
    }
    go_on.count_down();
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(eap::begin_invoke(pool.context(), [] { return 9; }).end_invoke() == 9); // the parent's goes on
}

#endif
#endif

namespace {

// What a signal handler may touch. Nothing of the library may be called there: requesting a stop takes locks and runs
// functions of the user's.
std::atomic<bool> interrupted{false};
void interrupt(int) { interrupted = true; }

} // namespace

TEST_CASE("F39: a signal handler tells the work by a flag, which the work turns into its outcome",
          "[faults][F39]") {
    STATIC_REQUIRE(std::atomic<bool>::is_always_lock_free);
    eap::event_loop loop;
    tests::client client{loop.context()};
    interrupted = false;
    const auto before = std::signal(SIGTERM, interrupt);
    eap::run_on(loop.context(), client.start<int>(), [](eap::async_operation<int>& self) {
        for (int i = 0; !self.cancellation_pending(); ++i) {
            self.report_progress(i);
            if (i == 2)
                std::raise(SIGTERM);
            if (interrupted) {
                self.complete_cancelled();
                return;
            }
        }
    });
    loop.run();
    std::signal(SIGTERM, before);
    CHECK(client.log.all() == lines{"0%", "1%", "2%", "cancelled"});
}

TEST_CASE("F42: files compiled with and without NDEBUG agree on every layout, and on what they hand over",
          "[faults][F42]") {
    CHECK(tests::layouts_here() == tests::layouts_with_ndebug());

    tests::manual_queue queue;
    tests::client client{queue.context()};
    tests::complete_with_ndebug(client.start<int>("id"), 7);
    queue.run_all();
    CHECK(client.log.all() == lines{"50%", "value 7"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("F43: a type has one name in all files of a program, by which it is read back", "[faults][F43]") {
    const eap::user_state state = tests::state_of_another_file(7);
    CHECK(state == eap::user_state{tests::key{7}});
    CHECK(std::hash<eap::user_state>{}(state) ==
          std::hash<eap::user_state>{}(eap::user_state{tests::key{7}}));
    REQUIRE(state.get_if<tests::key>() != nullptr);
    CHECK(state.get<tests::key>().number == 7);

    const eap::event_loop loop;
    const eap::any_synchronization_context home = tests::erased_by_another_file(loop.context());
    CHECK(home == eap::any_synchronization_context{loop.context()});
    CHECK(home.target<eap::event_loop::context_type>() != nullptr);
}
