// SPDX-License-Identifier: BSL-1.0
//
// Which runs are tried, and what is found in them.
#include <eap/testing/exploration.hpp> // first: proves that the header stands alone

#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/errors.hpp>
#include <eap/operation_manager.hpp>
#include <eap/timer.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

/// Two threads that add one to the same number, in two steps.
void lose_an_update() {
    int number = 0;
    const auto add_one = [&number] {
        const int before = number;
        lab::checkpoint();
        number = before + 1;
    };
    lab::thread first{"first", add_one};
    lab::thread second{"second", add_one};
    first.join();
    second.join();
    lab::check(number == 2, "an update is lost");
}

/// Runs two threads of `steps` steps each, and notes in which order they came.
auto orders_of(std::set<std::string>& seen, int steps) {
    return [&seen, steps] {
        std::string order;
        const auto write = [&order, steps](char letter) {
            return [&order, steps, letter] {
                for (int i = 0; i < steps; ++i) {
                    lab::checkpoint();
                    order += letter;
                }
            };
        };
        {
            const lab::thread a{"a", write('a')};
            const lab::thread b{"b", write('b')};
        }
        seen.insert(order);
    };
}

} // namespace

TEST_CASE("in order, each thread goes on until it has to wait", "[exploration]") {
    std::set<std::string> seen;

    const lab::exploration result = lab::explore(lab::in_order{}, orders_of(seen, 3));

    CHECK(result);
    CHECK(result.runs == 1);
    CHECK(seen == std::set<std::string>{"aaabbb"});
}

TEST_CASE("every order is every order", "[exploration]") {
    std::set<std::string> seen;

    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 9}, orders_of(seen, 2));

    CHECK(result.is_exhausted);
    CHECK(seen == std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"});
}

TEST_CASE("every order of no preemption is one for each choice of who goes next", "[exploration]") {
    std::set<std::string> seen;

    CHECK(lab::explore(lab::every_order{.preemptions = 0}, orders_of(seen, 3)).is_exhausted);

    CHECK(seen == std::set<std::string>{"aaabbb", "bbbaaa"});
}

TEST_CASE("no more runs are tried than asked for", "[exploration]") {
    std::set<std::string> seen;

    const lab::exploration result =
        lab::explore(lab::every_order{.preemptions = 9, .at_most = 5}, orders_of(seen, 3));

    CHECK(result.runs == 5);
    CHECK_FALSE(result.is_exhausted);
}

TEST_CASE("random runs are the same ones for the same seed", "[exploration]") {
    std::set<std::string> one, same, other;

    CHECK(lab::explore(lab::at_random{.runs = 5, .seed = 7}, orders_of(one, 8)).runs == 5);
    static_cast<void>(lab::explore(lab::at_random{.runs = 5, .seed = 7}, orders_of(same, 8)));
    static_cast<void>(lab::explore(lab::at_random{.runs = 5, .seed = 8}, orders_of(other, 8)));

    CHECK(one == same);
    CHECK(one != other);
}

TEST_CASE("a lost update is found, and its schedule shows it again", "[exploration]") {
    const auto how = GENERATE(as<lab::strategy>{}, lab::every_order{.preemptions = 1}, lab::at_random{});

    const lab::exploration result = lab::explore(how, lose_an_update);

    CHECK_FALSE(result);
    REQUIRE(result.found);
    CHECK(result.found->what == "the thread \"main\" threw: an update is lost");
    CHECK_THROWS_AS(std::rethrow_exception(result.found->exception), lab::check_failed);

    const lab::exploration again = lab::explore(lab::replay{result.found->schedule}, lose_an_update);
    REQUIRE(again.found);
    CHECK(again.runs == 1);
    CHECK(again.found->what == result.found->what);
    CHECK(again.found->schedule == result.found->schedule);
}

TEST_CASE("what is printed says how to see it again", "[exploration]") {
    std::ostringstream text;

    text << lab::explore(lab::every_order{.preemptions = 1}, lose_an_update);

    CHECK(text.str() ==
          "5 runs, 30 steps; the last one failed: the thread \"main\" threw: an update is lost\n"
          "replay it with: eap::testing::replay{\"3:1\"}");
}

TEST_CASE("a schedule that is none is refused before anything runs", "[exploration]") {
    const std::string text = GENERATE("x", "1", "1:", ":1", "1:2 ", "1:2,3:4", "-1:2", "1:2222222222222");
    bool has_run = false;

    CHECK_THROWS_AS(lab::explore(lab::replay{text}, [&] { has_run = true; }), std::invalid_argument);
    CHECK_FALSE(has_run);
}

TEST_CASE("the schedule of another program is told", "[exploration]") {
    const lab::exploration result = lab::explore(lab::replay{"0:7"}, lose_an_update);

    REQUIRE(result.found);
    CHECK(result.found->what ==
          "the schedule is that of another program: there are 2 ways where it takes way 7");
}

TEST_CASE("a wait that can never end is found, with what everybody waits for", "[exploration]") {
    const lab::exploration result = lab::explore(lab::in_order{}, [] {
        eap::event_loop loop; // that nobody runs
        const auto call = eap::delegate<int()>{[] { return 1; }}.on(loop.context()).begin_invoke();
        const lab::thread waiter{"waiter", [&call] { call.wait(); }};
    });

    REQUIRE(result.found);
    CHECK(result.found->what == "no thread can ever go on\n  main: join a thread\n  waiter: wait for a call");
}

TEST_CASE("a program that never ends is found", "[exploration]") {
    const lab::exploration result = lab::explore(lab::in_order{},
                                                 [] {
                                                     for (;;)
                                                         lab::checkpoint("turn in circles");
                                                 },
                                                 {.steps = 1'000});

    REQUIRE(result.found);
    CHECK(result.found->what == "it is not over after 1000 steps\n  main: turn in circles");
}

TEST_CASE("a thread that polls lets the others on", "[exploration]") {
    const auto how = GENERATE(as<lab::strategy>{}, lab::in_order{}, lab::every_order{.preemptions = 0});

    CHECK(lab::explore(how, [] {
        const auto call = eap::begin_invoke([] { return 1; });
        while (!call.is_completed()) {
        }
        lab::check(call.end_invoke() == 1, "the result");
    }));
}

TEST_CASE("an operation that is left is found", "[exploration]") {
    std::optional<eap::async_operation<>> kept;

    const lab::exploration result = lab::explore(lab::in_order{}, [&kept] {
        eap::operation_manager manager;
        kept.emplace(manager.create_operation());
    });

    REQUIRE(result.found);
    CHECK(result.found->what == "1 operations are left: somebody holds an async_operation or an async_call");
}

TEST_CASE("time passes when nobody can go on, and takes none", "[exploration]") {
    CHECK(lab::explore(lab::every_order{}, [] {
        const auto begin = lab::now();
        eap::event_loop loop;
        eap::post_after(loop.context(), std::chrono::hours{24}, [&] {
            lab::check(lab::now() - begin >= std::chrono::hours{24}, "not before its time");
        });
        lab::let_time_pass(std::chrono::hours{1});
        lab::check(loop.poll() == 0 || lab::now() - begin >= std::chrono::hours{24}, "not now");
        loop.run();
    }));
}

TEST_CASE("a deadline may pass while work goes on, if that is wanted", "[exploration]") {
    const bool is_wanted = GENERATE(false, true);
    bool timed_out = false;

    CHECK(lab::explore(lab::every_order{.preemptions = 1},
                       [&] {
                           eap::event_loop loop;
                           eap::operation_manager manager{loop.context()};
                           auto operation =
                               manager.create_operation<int>({},
                                                             [&](const eap::completed_event_args<int>& e) {
                                                                 timed_out |= e.error() != nullptr;
                                                             },
                                                             {.timeout = std::chrono::seconds{1}});
                           const lab::thread worker{"worker", [&] { operation.complete(1); }};
                           loop.run();
                       },
                       {.deadlines_may_be_early = is_wanted}));

    CHECK(timed_out == is_wanted);
}

TEST_CASE("each run has a shared pool of its own, which ends with it", "[exploration]") {
    std::vector<eap::thread_pool::context_type> kept;

    CHECK(lab::explore(lab::at_random{.runs = 3}, [&] {
        const auto pool = eap::thread_pool::shared();
        lab::check(!pool.running_in_this_thread(), "main is no thread of it");
        int there = 0;
        auto call = eap::begin_invoke(
            [&] { return eap::thread_pool::shared().running_in_this_thread() ? ++there : 0; });
        lab::check(call.end_invoke() == 1, "the call is");
        kept.push_back(pool);
    }));

    for (const auto& pool : kept)
        CHECK_THROWS_AS(pool.post([] {}), eap::context_closed);
    CHECK(std::ranges::find(kept, eap::thread_pool::shared()) == kept.end());
}

TEST_CASE("once settled, nothing moves without time", "[exploration]") {
    CHECK(lab::explore(lab::every_order{.preemptions = 1}, [] {
        bool is_called = false;
        const auto call = eap::begin_invoke([&] { is_called = true; });
        lab::settle();
        lab::check(is_called, "the call had its turn");
    }));
}

TEST_CASE("outside of a simulation a checkpoint does nothing, and the rest says so", "[exploration]") {
    lab::checkpoint();

    CHECK_THROWS_AS(lab::now(), eap::invalid_operation);
    CHECK_THROWS_AS(lab::settle(), eap::invalid_operation);
    CHECK_THROWS_AS(lab::let_time_pass(std::chrono::seconds{1}), eap::invalid_operation);
    CHECK_THROWS_AS((lab::thread{"none", [] {}}), eap::invalid_operation);
}
