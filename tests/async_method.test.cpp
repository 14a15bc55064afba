// SPDX-License-Identifier: BSL-1.0
#include <eap/async_method.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/component.hpp"
#include "support/contexts.hpp"

#include <eap/async_operation.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/errors.hpp>
#include <eap/method_invocation.hpp>
#include <eap/operation_options.hpp>
#include <eap/scoped_context.hpp>
#include <eap/synchronization_context.hpp>
#include <eap/tracked.hpp>
#include <eap/undelivered.hpp>
#include <eap/user_state.hpp>

#include <algorithm>
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
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using eap::invocations;
using eap::pending_id;
using tests::component;
using tests::lines;
using tests::number;

namespace {

using operation = eap::async_operation<int>;

lines sorted(lines all) {
    std::sort(all.begin(), all.end());
    return all;
}

template <class M>
concept tells_whether_it_is_busy = requires(const M& method) { method.is_busy(); };
static_assert(tells_whether_it_is_busy<eap::async_method<int(int), void, invocations::single>>);
static_assert(!tells_whether_it_is_busy<eap::async_method<int(int), void, invocations::multiple>>,
              "BC-4: a method of multiple invocations is neither busy nor idle");

} // namespace

// ---- one invocation ----

TEMPLATE_LIST_TEST_CASE("an invocation runs at its place, and comes home with its task id",
                        "[async_method][BC-1][CA-13]", tests::each_kind) {
    TestType c;
    c.during = [](operation& self, int) { self.report_progress(10); };
    CHECK(c.start(7, "a"));
    CHECK(c.method->pending() == 1);
    CHECK(c.home.run_all() == 0);
    CHECK(c.place.run_all() == 1);
    CHECK(c.log.all().empty());
    c.home.run_all();

    CHECK(c.log.all() == lines{"a: 10%", "a: value 7"});
    CHECK(c.left() == "");
}

TEST_CASE("each end of a method's work is one outcome", "[async_method][BC-2][CN-3][CN-8][G6]") {
    const std::pair<std::function<void(component<>&)>, const char*> each[] = {
        {[](auto& c) { c.during = [](operation&, int) { throw std::runtime_error{"work"}; }; },
         "error: work"},
        {[](auto& c) { c.during = [](operation&, int) { throw eap::operation_cancelled{}; }; }, "cancelled"},
        {[](auto& c) { c.during = [](operation& self, int) { self.complete(5); }; }, "value 5"},
        {[](auto& c) { c.during = [](operation& self, int) { auto gone = std::move(self); }; }, "abandoned"},
        {[](auto& c) { c.method->cancel_all(); }, "cancelled"}, // before it begins
        {[](auto& c) { c.place.drop_all(); }, "abandoned"},
    };
    for (const auto& [arrange, expected] : each) {
        component c;
        c.start(1);
        arrange(c);
        c.pump();
        CHECK(c.log.all() == lines{expected});
        CHECK(c.left() == "");
    }
}

TEST_CASE("the error of an invocation is the object that its work threw", "[async_method][O-23][BC-2]") {
    const auto thrown = std::make_exception_ptr(std::runtime_error{"original"});
    std::exception_ptr got;
    component c;
    c.during = [&](operation&, int) { std::rethrow_exception(thrown); };
    c.method->completed += [&](const eap::completed_event_args<int>& args) { got = args.error(); };
    c.start(1);
    c.pump();

    CHECK(got == thrown);
}

TEST_CASE("a method's work may take its arguments without the operation, also what can only be moved",
          "[async_method]") {
    tests::manual_queue home, place;
    int got = 0;
    const eap::async_method<int(std::unique_ptr<int>, const std::string&)> method{
        [](std::unique_ptr<int> a, const std::string& b) { return *a + static_cast<int>(b.size()); },
        {.where = place.context()}};
    method.completed += [&](const eap::completed_event_args<int>& args) { got = args.result(); };
    const eap::scoped_context here{home.context()};
    method.start(std::make_unique<int>(40), "by");
    place.run_all();
    home.run_all();

    CHECK(got == 42);
}

TEST_CASE("without a place of its own a method's work runs on the shared pool, where no context is current",
          "[async_method][SC-9]") {
    eap::event_loop loop;
    std::optional<bool> on_the_pool, has_context;
    const eap::async_method<void()> method{[&] {
        on_the_pool = eap::running_in_this_thread(eap::thread_pool::shared());
        has_context = eap::scoped_context::current() != nullptr;
    }};
    const eap::scoped_context here{loop.context()};
    method.start();
    loop.run(); // until the invocation has come home

    CHECK(on_the_pool == true);
    CHECK(has_context == false);
}

TEST_CASE("an invocation's home is the context that is current when it is started", "[async_method][BW-3]") {
    tests::manual_queue at_construction, at_start, later;
    std::optional<component<>> c;
    {
        const eap::scoped_context here{at_construction.context()};
        c.emplace();
    }
    {
        const eap::scoped_context here{at_start.context()};
        c->method->start(1);
    }
    const eap::scoped_context here{later.context()};
    c->place.run_all();

    CHECK(at_construction.size() + later.size() + c->home.size() == 0);
    CHECK(at_start.run_all() == 1);
    CHECK(c->log.all() == lines{"value 1"});
}

TEST_CASE("an empty function is no work, and hears of nothing undelivered", "[async_method]") {
    using method = eap::async_method<void()>;
    CHECK_THROWS_AS(method{std::function<void()>{}}, std::invalid_argument);
    const method right{[] {}};
    CHECK_THROWS_AS(right.on_undelivered(std::function<void(const eap::undelivered&)>{}),
                    std::invalid_argument);
}

// ---- single or multiple ----

TEST_CASE("a single method refuses a second start, without effect, until the first has been delivered",
          "[async_method][BC-3][BW-7][BW-8]") {
    component<invocations::single> c;
    const auto is_refused = [&] {
        const auto queued = c.place.size() + c.home.size();
        CHECK(c.method->is_busy());
        CHECK_THROWS_AS(c.start(2, "b"), eap::invalid_operation);
        CHECK(c.place.size() + c.home.size() == queued);
        CHECK(c.counts->started == 1);
        CHECK(c.method->pending() == 1);
    };
    c.start(1, "a");
    is_refused();
    c.during = [&](operation&, int) { is_refused(); };
    c.place.run_all();
    is_refused(); // the work has ended
    c.home.run_all();

    CHECK_FALSE(c.method->is_busy());
    CHECK(c.log.all() == lines{"a: value 1"});
    CHECK(c.left() == "");
}

TEST_CASE("a single method is busy until just before its completed handlers", "[async_method][BC-5][BC-13]") {
    component<invocations::single> c;
    std::vector<bool> busy{c.method->is_busy()};
    c.during = [](operation& self, int) { self.report_progress(1); };
    c.method->progress_changed += [&](const auto&) { busy.push_back(c.method->is_busy()); };
    c.method->completed += [&](const auto&) { busy.push_back(c.method->is_busy()); };
    c.start(1);
    c.pump();

    CHECK(busy == std::vector{false, true, false});
}

TEMPLATE_LIST_TEST_CASE("a method may be started anew, with the same id, from its completed handler",
                        "[async_method][BW-9][O-21]", tests::each_kind) {
    TestType c;
    bool again = true;
    c.method->completed += [&](const auto&) {
        if (std::exchange(again, false))
            CHECK(c.start(2, "a"));
    };
    c.start(1, "a");
    c.pump();

    CHECK(c.log.all() == lines{"a: value 1", "a: value 2"});
    CHECK(c.left() == "");
}

TEST_CASE("a handler after the one that started a single method anew sees it busy", "[async_method][BW-9]") {
    component<invocations::single> c;
    std::vector<bool> busy;
    c.method->completed += [&](const auto&) {
        if (busy.empty())
            c.start(2);
    };
    c.method->completed += [&](const auto&) { busy.push_back(c.method->is_busy()); };
    c.start(1);
    c.pump();

    CHECK(busy == std::vector{true, false});
}

TEST_CASE("of multiple invocations, each has its id to itself while it is pending",
          "[async_method][BC-6][BC-7][O-21]") {
    component c;
    c.start(1, "a");
    c.start(2, "b");
    CHECK_THROWS_AS(c.start(3, "a"), eap::duplicate_task_id);
    c.place.run_all();
    CHECK_THROWS_AS(c.start(4, "b"), eap::duplicate_task_id); // has ended, and is not delivered
    CHECK(c.method->pending() == 2);
    CHECK(c.counts->started == 2);
    c.home.run_all();

    CHECK(c.log.all() == lines{"a: value 1", "b: value 2"});
    CHECK(c.left() == "");
}

TEMPLATE_LIST_TEST_CASE("a start that meets another one still in progress is refused",
                        "[async_method][BW-33][O-19]", tests::single_and_multiple) {
    TestType c;
    std::string refused;
    const eap::scoped_context here{tests::noticing_context{c.home, [&] {
                                                               try {
                                                                   c.start(2, "a");
                                                               } catch (const std::logic_error& error) {
                                                                   refused = error.what();
                                                               }
                                                           }}};
    c.method->start(1, "a");
    c.pump();

    CHECK(refused != "");
    CHECK(c.log.all() == lines{"a: value 1"});
}

TEMPLATE_LIST_TEST_CASE("of starts that race, one wins", "[async_method][BW-33][O-19]",
                        tests::single_and_multiple) {
    TestType c;
    constexpr int threads = 4, rounds = 100;
    for (int round = 0; round != rounds; ++round) {
        std::latch together{threads};
        std::atomic<int> won{0};
        {
            std::vector<std::jthread> racing;
            for (int i = 0; i != threads; ++i)
                racing.emplace_back([&] {
                    together.arrive_and_wait();
                    try {
                        c.start(1, "a");
                        ++won;
                    } catch (const std::logic_error&) { // busy, or a duplicate
                    }
                });
        }
        REQUIRE(won == 1);
        c.pump();
    }

    CHECK(c.log.all() == lines(rounds, "a: value 1"));
    CHECK(c.left() == "");
}

// ---- a start that fails ----

namespace {

/// What must be true after a start of `c` with the id "a" has failed.
template <class C> void check_that_nothing_began(C& c, const std::string& why) {
    INFO(why);
    CHECK(c.counts->started == c.counts->completed);
    CHECK(c.method->pending() == 0);
    if constexpr (C::how_many == invocations::single)
        CHECK_FALSE(c.method->is_busy());
    CHECK(number::alive == 0);
    CHECK(c.start(7, "a"));
    c.pump();
    CHECK(c.log.all() == lines{"a: value 7"});
    CHECK(c.begun.all() == lines{"7"});
    CHECK(c.left() == "");
}

} // namespace

TEMPLATE_LIST_TEST_CASE("a start that is refused has no effect", "[async_method][BW-31][O-16][G9]",
                        tests::each_kind) {
    {
        TestType c;
        c.counts->refusals = 1;
        CHECK_THROWS_AS(c.start(1, "a"), tests::post_refused);
        check_that_nothing_began(c, "the home refuses");
    }
    {
        TestType c;
        c.refusal = std::make_exception_ptr(tests::post_refused{});
        CHECK_THROWS_AS(c.start(1, "a"), tests::post_refused);
        check_that_nothing_began(c, "the place refuses");
    }
    {
        TestType c;
        c.refusal = std::make_exception_ptr(eap::context_closed{});
        CHECK_THROWS_AS(c.start(1, "a"), eap::context_closed);
        check_that_nothing_began(c, "the place is closed");
    }
}

TEMPLATE_LIST_TEST_CASE("a start that cannot copy an argument has no effect, whichever copy it is",
                        "[async_method][G9]", tests::each_kind) {
    for (int which = 1;; ++which) {
        TestType c;
        bool failed = false;
        {
            const eap::scoped_context here{c.home_context};
            number argument{1};
            number::until_failure = which;
            try {
                c.method->start(argument, "a");
            } catch (const std::runtime_error&) {
                failed = true;
            }
            number::until_failure = 0;
        }
        if (!failed) {
            CHECK(which > 3);
            c.method->cancel_all();
            c.pump();
            break;
        }
        check_that_nothing_began(c, "copy " + std::to_string(which));
    }
}

TEMPLATE_LIST_TEST_CASE("a start that runs out of memory has no effect, wherever it does",
                        "[async_method][G9][G14]", tests::each_kind) {
    if constexpr (tests::allocation_watch::works) {
        for (std::size_t which = 1;; ++which) {
            TestType c{{.timeout = 1h}};
            const eap::user_state id{"a"};
            bool failed = false;
            {
                const eap::scoped_context here{c.home_context};
                tests::allocation_watch watch;
                watch.fail(which);
                try {
                    c.method->start(1, id);
                } catch (const std::bad_alloc&) {
                    failed = true;
                }
            }
            if (!failed) {
                CHECK(which > 4);
                c.method->cancel_all();
                c.pump();
                break;
            }
            check_that_nothing_began(c, "allocation " + std::to_string(which));
        }
    }
}

TEST_CASE("a start that fails leaves the invocations alone that it would have met", "[async_method][G9]") {
    for (const auto policy : {pending_id::supersede, pending_id::queue}) {
        for (const bool at_home : {true, false}) {
            component c{policy};
            c.holds = true;
            c.start(1, "a");
            c.place.run_all();
            if (at_home)
                c.counts->refusals = 1;
            else
                c.refusal = std::make_exception_ptr(tests::post_refused{});
            if (at_home || policy == pending_id::supersede) {
                CHECK_THROWS_AS(c.start(2, "a"), tests::post_refused);
            }
            CHECK_FALSE(c.running[0].cancellation_pending());
            c.running[0].complete(1);
            c.refusal = nullptr;
            c.pump();

            CHECK(c.log.all() == lines{"a: value 1"});
            CHECK(c.left() == "");
        }
    }
}

// ---- what reaches no handler ----

TEMPLATE_LIST_TEST_CASE("when its completion is refused at home, an invocation is over, and that is told",
                        "[async_method][BW-32][O-16]", tests::each_kind) {
    TestType c;
    {
        const eap::scoped_context here{tests::counting_context{tests::throwing_context{}, c.counts}};
        c.method->start(1, "a");
    }
    c.place.run_all();

    CHECK(c.log.all() == lines{"a: undelivered, post failed: value"});
    CHECK(c.method->pending() == 0);
    if constexpr (TestType::how_many == invocations::single)
        CHECK_FALSE(c.method->is_busy());
    CHECK(c.start(2, "a"));
    c.pump();
    CHECK(c.log.all().back() == "a: value 2");
    CHECK(c.left() == "");
}

TEMPLATE_LIST_TEST_CASE("when its home is gone, an invocation is over, and that is told",
                        "[async_method][O-26]", tests::each_kind) {
    TestType c;
    {
        tests::manual_queue ended;
        const eap::scoped_context here{tests::counting_context<>{ended.context(), c.counts}};
        c.method->start(1, "a");
        c.place.run_all();
    }

    CHECK(c.log.all() == lines{"a: undelivered, context gone: value"});
    CHECK(c.start(2, "a"));
    c.pump();
    CHECK(c.log.all().back() == "a: value 2");
    CHECK(c.left() == "");
}

TEST_CASE("an error that nobody subscribed to hear of is told as undelivered", "[async_method][O-12]") {
    component c;
    c.completed.disconnect();
    c.during = [](operation&, int n) {
        if (n == 1)
            throw std::runtime_error{"work"};
        if (n == 2)
            throw eap::operation_cancelled{};
    };
    c.start(1, "a");
    c.start(2, "b"); // cancelled: nothing to tell
    c.start(3, "c"); // a value: likewise
    c.pump();

    CHECK(c.log.all() == lines{"a: undelivered, no handler: error: work"});
    CHECK(c.left() == "");
}

TEST_CASE("an outcome all of whose subscribers have lost their receivers is told as undelivered",
          "[async_method][O-27]") {
    component c;
    c.completed.disconnect();
    auto receiver = std::make_shared<int>();
    for (int i = 0; i != 2; ++i)
        c.method->completed += eap::tracked(receiver, [&](const auto&) { c.log.add("ran"); });
    c.start(1, "a");
    receiver.reset();
    c.pump();

    CHECK(c.log.all() == lines{"a: undelivered, receiver gone: value"});
}

TEST_CASE("one subscriber that still has its receiver is enough for an outcome to be delivered",
          "[async_method][O-27]") {
    component c;
    c.method->completed += eap::tracked(std::make_shared<int>(), [&](const auto&) { c.log.add("ran"); });
    c.start(1, "a");
    c.pump();

    CHECK(c.log.all() == lines{"a: value 1"});
}

TEST_CASE("progress all of whose subscribers have lost their receivers asks the work to stop",
          "[async_method][O-27]") {
    component c;
    c.progress.disconnect();
    c.holds = true;
    c.method->progress_changed += eap::tracked(std::make_shared<int>(), [&](const auto&) {});
    c.start(1);
    c.place.run_all();
    c.running[0].report_progress(1);
    c.home.run_all();

    CHECK(c.running[0].cancellation_pending());
}

// ---- events ----

TEST_CASE("handlers of a method are those subscribed when the event is raised", "[async_method][BW-25]") {
    component c;
    c.during = [](operation& self, int) { self.report_progress(10); };
    c.start(1);
    c.place.run_all();
    c.progress.disconnect();
    c.completed.disconnect();
    c.method->progress_changed += [&](const auto&) { c.log.add("late progress"); };
    c.method->completed += [&](const auto&) { c.log.add("late completed"); };
    c.home.run_all();

    CHECK(c.log.all() == lines{"late progress", "late completed"});
}

TEST_CASE("a handler of a method that throws stops neither the others nor the completion",
          "[async_method][BW-26][O-12][G11]") {
    component c;
    c.progress.disconnect();
    c.completed.disconnect();
    c.during = [](operation& self, int) { self.report_progress(10); };
    c.method->progress_changed += [](const auto&) { throw std::runtime_error{"progress"}; };
    c.method->progress_changed += [&](const auto&) { c.log.add("progress"); };
    c.method->completed += [](const auto&) { throw std::runtime_error{"completed"}; };
    c.method->completed += [&](const auto&) { c.log.add("completed"); };
    c.start(1, "a");
    c.place.run_all();

    CHECK_THROWS_WITH(c.home.run_all(), "progress");
    CHECK_THROWS_WITH(c.home.run_all(), "completed");
    CHECK(c.log.all() == lines{"progress", "completed"});
    CHECK(c.left() == "");
}

TEMPLATE_LIST_TEST_CASE(
    "on a pool, an invocation's handlers run in order, one at a time, the completion last",
    "[async_method][O-10][PA-5][PA-6]", tests::single_and_multiple) {
    TestType c;
    tests::parallel_pool pool;
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    c.method->progress_changed += [&](const auto&) {
        if (++inside != 1)
            overlapped = true;
        --inside;
    };
    c.during = [](operation& self, int) {
        for (int i = 1; i <= 100; ++i)
            self.report_progress(i);
    };
    {
        const eap::scoped_context here{pool.context()};
        c.method->start(1);
    }
    c.place.run_all();
    lines expected;
    for (int i = 1; i <= 100; ++i)
        expected.push_back(std::to_string(i) + "%");
    expected.emplace_back("value 1");

    CHECK(c.log.wait_for(101) == expected);
    CHECK_FALSE(overlapped);
    pool.join();
    CHECK(c.left() == "");
}

// ---- options of its operations ----

TEMPLATE_LIST_TEST_CASE("an invocation whose deadline passes is over, and its work hears of it",
                        "[async_method][TO-1][O-18]", tests::each_kind) {
    TestType c{{.timeout = 1ms}};
    tests::parallel_pool pool;
    {
        const eap::scoped_context here{pool.context()};
        c.method->start(1, "a");
    }
    CHECK(c.log.wait_for(1) == lines{"a: timed out"});
    pool.join();
    if constexpr (TestType::how_many == invocations::single)
        CHECK_FALSE(c.method->is_busy());
    c.pump();

    CHECK(c.begun.all().empty());
    CHECK(c.log.all() == lines{"a: timed out"});
    CHECK(c.left() == "");
}

TEMPLATE_LIST_TEST_CASE("a deadline may pass at any moment of a start", "[async_method][TO-1][O-18][stress]",
                        tests::each_kind) {
    TestType c{{.timeout = 1ns}};
    tests::parallel_pool pool;
    constexpr std::size_t rounds = 200;
    {
        const eap::scoped_context here{pool.context()};
        for (std::size_t round = 1; round <= rounds; ++round) {
            c.method->start(1, round);
            c.log.wait_for(round);
        }
    }
    pool.join();
    c.pump();

    CHECK(c.log.all() == lines(rounds, "timed out"));
    CHECK(c.begun.all().empty());
    CHECK(c.left() == "");
}

TEMPLATE_LIST_TEST_CASE("an invocation that is over before its start returns is so without a trace",
                        "[async_method][TO-1][OP-13]", tests::each_kind) {
    TestType c{{.timeout = 0ns}};
    {
        const eap::scoped_context here{tests::inline_context{}};
        for (int n = 1; n <= 3; ++n)
            CHECK(c.method->start(n, "a"));
    }
    c.pump();

    CHECK(c.log.all() == lines(3, "a: timed out"));
    CHECK(c.begun.all().empty());
    CHECK(c.left() == "");
}

TEST_CASE("with the latest progress alone, one report at most waits for a method's home",
          "[async_method][O-11][BW-36][G15]") {
    component c{pending_id::reject, {.progress = eap::progress_delivery::latest()}};
    c.during = [](operation& self, int) {
        for (int i = 1; i <= 100; ++i)
            self.report_progress(i);
    };
    c.start(1);
    c.place.run_all();
    c.home.run_all();

    CHECK(c.log.all() == lines{"100%", "value 1"});
}

// ---- cancelling ----

TEST_CASE("cancelling asks the work of one id, of those without an id, or of all",
          "[async_method][CN-1][CN-4][BC-6]") {
    component c;
    c.holds = true;
    for (const char* const id : {"a", "b"})
        c.start(1, id);
    c.start(1);
    c.start(1);
    c.place.run_all();
    const auto stopped = [&] {
        std::string all;
        for (const auto& each : c.running)
            all += each.cancellation_pending() ? 's' : '-';
        return all;
    };
    CHECK_FALSE(c.method->cancel("c"));
    CHECK(c.method->cancel("b"));
    CHECK_FALSE(c.method->cancel("b"));
    CHECK(stopped() == "-s--");
    CHECK(c.method->cancel({}));
    CHECK(stopped() == "-sss");
    CHECK(c.method->cancel_all() == 1);
    CHECK(stopped() == "ssss");

    c.running[0].complete(1); // it may end normally all the same
    c.running.clear();
    CHECK_FALSE(c.method->cancel("a")); // it has ended
    c.pump();
    CHECK(sorted(c.log.all()) == lines{"a: value 1", "b: cancelled", "cancelled", "cancelled"});
    CHECK(c.left() == "");
}

// ---- the end of the method ----

TEMPLATE_LIST_TEST_CASE("a method may end while an invocation is pending: no handler starts any more",
                        "[async_method][O-27][BW-28][G12]", tests::each_kind) {
    const std::function<void(TestType&)> each[] = {
        [](TestType&) {}, // its work has not begun
        [](TestType& c) { c.place.run_all(); },
        [](TestType& c) { c.place.run_all(), c.running[0].report_progress(1); },
        [](TestType& c) { c.place.run_all(), c.running[0].complete(1); },
    };
    for (const auto& state : each) {
        TestType c;
        c.holds = true;
        c.start(1, "a");
        if constexpr (TestType::how_many == invocations::multiple && TestType::policy != pending_id::reject)
            c.start(2, "a");
        state(c);
        c.method.reset();
        for (const auto& each_running : c.running)
            CHECK((each_running.completed() || each_running.cancellation_pending()));
        c.running.clear();
        c.pump();

        CHECK(c.log.all().empty());
        CHECK(c.left() == "");
    }
}

TEMPLATE_LIST_TEST_CASE("a method may end inside one of its handlers", "[async_method][G12]",
                        tests::each_kind) {
    for (const bool in_progress : {true, false}) {
        TestType c;
        c.during = [](operation& self, int) { self.report_progress(1); };
        if (in_progress)
            c.method->progress_changed += [&](const auto&) { c.method.reset(); };
        c.method->progress_changed += [&](const auto&) { c.log.add("next progress"); };
        if (!in_progress)
            c.method->completed += [&](const auto&) { c.method.reset(); };
        c.method->completed += [&](const auto&) { c.log.add("next completed"); };
        c.start(1, "a");
        if constexpr (TestType::policy == pending_id::queue)
            c.start(2, "a");
        c.pump();

        CHECK(c.log.all() == (in_progress ? lines{"a: 1%"} : lines{"a: 1%", "next progress", "a: value 1"}));
        CHECK(c.left() == "");
    }
}

TEMPLATE_LIST_TEST_CASE("a method may end inside its own work", "[async_method][G12]", tests::each_kind) {
    TestType c;
    bool was_stopped = false;
    c.during = [&](operation& self, int) {
        c.method.reset();
        was_stopped = self.cancellation_pending();
    };
    c.start(1, "a");
    c.pump();

    CHECK(was_stopped);
    CHECK(c.log.all().empty());
    CHECK(c.left() == "");
}

TEST_CASE("a method may end inside a start of it", "[async_method][G12]") {
    for (const bool by_a_deadline : {true, false}) {
        component c{pending_id::supersede, {.timeout = by_a_deadline ? 0ns : eap::no_timeout}};
        std::optional<std::stop_callback<std::function<void()>>> when_stopped;
        c.holds = true;
        if (by_a_deadline) {
            c.method->completed += [&](const auto&) { c.method.reset(); };
            const eap::scoped_context here{tests::inline_context{}};
            c.method->start(1, "a");
        } else {
            c.start(1, "a");
            c.place.run_all();
            when_stopped.emplace(c.running[0].stop_token(), [&] { c.method.reset(); });
            c.start(2, "a");
        }
        CHECK(c.method == nullptr);
        when_stopped.reset();
        c.running.clear();
        c.holds = false;
        c.pump();

        CHECK(c.log.all() == (by_a_deadline ? lines{"a: timed out"} : lines{}));
        CHECK(c.left() == "");
    }
}

TEST_CASE("the end of a method waits neither for its work nor for a handler that runs on another thread",
          "[async_method][G12]") {
    component c;
    eap::detail::parking<> arrived, go_on;
    bool in_the_work = false;
    const auto wait = [&] {
        arrived.set();
        go_on.wait();
    };
    SECTION("the work") {
        in_the_work = true;
        c.during = [&](operation& self, int) {
            wait();
            in_the_work = self.cancellation_pending();
        };
    }
    SECTION("a handler") {
        c.method->completed += [&](const auto&) { wait(); };
        c.method->completed += [&](const auto&) { c.log.add("the next one"); };
    }
    c.start(1, "a");
    std::jthread elsewhere{[&] { c.pump(); }};
    arrived.wait();
    c.method.reset(); // would hang here
    go_on.set();
    elsewhere.join();

    CHECK(c.log.all() == (in_the_work ? lines{} : lines{"a: value 1"}));
    CHECK(c.left() == "");
}
