// SPDX-License-Identifier: BSL-1.0
#include <eap/background_worker.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/component.hpp"
#include "support/contexts.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/async_method.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/errors.hpp>
#include <eap/event.hpp>
#include <eap/operation_options.hpp>
#include <eap/scoped_context.hpp>
#include <eap/synchronization_context.hpp>
#include <eap/undelivered.hpp>
#include <eap/user_state.hpp>

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
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using tests::lines;
using tests::who;

namespace {

using worker = eap::background_worker<int, int>;
using work_args = eap::do_work_event_args<int, int>;

/// A worker whose works run at a place that is pumped by hand, and whose events come home to another one. All that it
/// tells is written down; what its work does is what the test connects to `do_work`.
struct scene {
    explicit scene(eap::operation_options each = {})
        : bw(std::make_unique<worker>(
              eap::async_method_options{.where = place_context(), .operation = each})) {
        bw->set_worker_reports_progress(true);
        bw->set_worker_supports_cancellation(true);
        completed = bw->run_worker_completed += [log = log, kept = witness](const auto& args) {
            log.add(who(args.user_state()) + tests::told(args));
        };
        progress = bw->progress_changed += [log = log, kept = witness](const auto& args) {
            log.add(who(args.user_state()) + tests::told(args));
        };
        bw->on_undelivered([log = log](const eap::undelivered& what) { log.add(tests::told(what)); });
    }
    scene(const scene&) = delete;
    scene& operator=(const scene&) = delete;

    void run(int argument = 0, eap::user_state state = {}) {
        const eap::scoped_context here{home_context};
        bw->run_worker_async(argument, std::move(state));
    }
    void pump() {
        while (place.run_all() + home.run_all() != 0) {
        }
    }
    /// Ends the worker, and says what is left then that should not be.
    std::string left() {
        std::string what = bw && bw->is_busy() ? "busy, " : "";
        if (counts->started != counts->completed)
            what += "a notification, ";
        bw.reset();
        if (witness.use_count() != 1)
            what += "a handler, ";
        return what;
    }

    std::exception_ptr refusal; // what the place throws at the next post; null: it accepts
    tests::manual_queue home, place;
    std::shared_ptr<tests::notification_counts> counts = std::make_shared<tests::notification_counts>();
    eap::any_synchronization_context home_context{tests::counting_context<>{home.context(), counts}};
    tests::record log;
    std::shared_ptr<int> witness = std::make_shared<int>(); // held by the handlers
    eap::connection completed, progress;
    std::unique_ptr<worker> bw;

  private:
    eap::any_synchronization_context place_context() {
        return tests::scripted_context{[this](std::function<void()> function) {
            if (refusal != nullptr)
                std::rethrow_exception(std::exchange(refusal, nullptr));
            place.context().post(std::move(function));
        }};
    }
};

const auto echo = [](work_args& args) { args.set_result(args.argument()); };

static_assert(noexcept(std::declval<worker&>().cancel_async()), "CN-2: cancelling never throws");

} // namespace

// ---- a run ----

TEST_CASE("a new worker is idle, and supports neither progress nor cancellation",
          "[background_worker][BW-1]") {
    const worker bw;
    CHECK_FALSE(bw.is_busy());
    CHECK_FALSE(bw.cancellation_pending());
    CHECK_FALSE(bw.worker_reports_progress());
    CHECK_FALSE(bw.worker_supports_cancellation());
}

TEST_CASE("a worker is busy from its start until just before its completed handlers, and so is a "
          "cancellation pending",
          "[background_worker][BW-2][BW-6][BW-7][BC-5]") {
    scene s;
    lines seen;
    const auto look = [&] {
        seen.push_back(std::string{s.bw->is_busy() ? "busy" : "idle"} +
                       (s.bw->cancellation_pending() ? ", cancelled" : ""));
    };
    s.bw->do_work += [&](work_args&) { look(); };
    s.bw->run_worker_completed += [&](const auto&) { look(); };
    s.run();
    look();
    s.place.run_all();
    s.bw->cancel_async();
    look();
    s.home.run_all();

    CHECK(seen == lines{"busy", "busy", "busy, cancelled", "idle"});
    CHECK(s.left() == "");
}

TEST_CASE("a run's home is the context that is current when it is started",
          "[background_worker][BW-3][O-8]") {
    tests::manual_queue at_construction, at_start;
    std::optional<scene> s;
    {
        const eap::scoped_context here{at_construction.context()};
        s.emplace();
        s->bw->do_work += echo;
    }
    {
        const eap::scoped_context here{at_start.context()};
        s->bw->run_worker_async(1);
    }
    s->place.run_all();

    CHECK(at_construction.size() + s->home.size() == 0);
    CHECK(at_start.run_all() == 1);
    CHECK(s->log.all() == lines{"value 1"});
}

TEST_CASE("the work of a worker runs on the shared pool with no current context, and has the argument",
          "[background_worker][BW-4][SC-9]") {
    eap::event_loop loop;
    std::optional<bool> on_the_pool, has_context;
    int got = 0;
    worker bw;
    bw.do_work += [&](work_args& args) {
        on_the_pool = eap::running_in_this_thread(eap::thread_pool::shared());
        has_context = eap::scoped_context::current() != nullptr;
        got = args.argument();
    };
    const eap::scoped_context here{loop.context()};
    bw.run_worker_async(7);
    loop.run(); // until the run has come home

    CHECK(on_the_pool == true);
    CHECK(has_context == false);
    CHECK(got == 7);
}

TEST_CASE("a run's progress and completion carry its user state", "[background_worker][O-24][BW-5]") {
    scene s;
    s.bw->do_work += [&](work_args& args) {
        s.bw->report_progress(10);
        s.bw->report_progress(20);
        echo(args);
    };
    s.run(7, "mine");
    s.pump();

    CHECK(s.log.all() == lines{"mine: 10%", "mine: 20%", "mine: value 7"});
}

TEST_CASE("on a pool a run's progress comes in order, and the completion last",
          "[background_worker][BW-5][BW-27][O-10][PA-6]") {
    scene s;
    tests::parallel_pool pool;
    s.bw->do_work += [&](work_args& args) {
        for (int i = 1; i <= 100; ++i)
            s.bw->report_progress(i);
        echo(args);
    };
    lines expected;
    for (int i = 1; i <= 100; ++i)
        expected.push_back(std::to_string(i) + "%");
    expected.emplace_back("value 1");
    {
        const eap::scoped_context here{pool.context()};
        s.bw->run_worker_async(1);
    }
    s.place.run_all();
    pool.join();

    CHECK(s.log.all() == expected);
    CHECK(s.left() == "");
}

TEST_CASE("a busy worker refuses a second run, without effect, until the first has been delivered",
          "[background_worker][BW-8][BC-3]") {
    scene s;
    s.bw->do_work += echo;
    const auto is_refused = [&] {
        CHECK_THROWS_AS(s.run(2), eap::invalid_operation);
        CHECK(s.counts->started == 1);
    };
    s.run(1);
    is_refused();
    s.place.run_all();
    is_refused();
    s.pump();

    CHECK(s.log.all() == lines{"value 1"});
    CHECK(s.left() == "");
}

TEST_CASE("a worker may run again from its completed handler, which later ones see",
          "[background_worker][BW-9]") {
    scene s;
    s.bw->do_work += echo;
    std::vector<bool> busy;
    s.bw->run_worker_completed += [&](const auto&) {
        if (busy.empty())
            s.run(2);
    };
    s.bw->run_worker_completed += [&](const auto&) { busy.push_back(s.bw->is_busy()); };
    s.run(1);
    s.pump();

    CHECK(busy == std::vector{true, false});
    CHECK(s.log.all() == lines{"value 1", "value 2"});
}

TEST_CASE("running a worker from its own work fails there, and becomes the run's error",
          "[background_worker][BW-10]") {
    scene s;
    s.bw->do_work += [&](work_args&) { s.run(2); };
    s.run(1);
    s.pump();

    CHECK(s.log.all().size() == 1);
    CHECK_THAT(s.log.all()[0], Catch::Matchers::Contains("error: eap: this method is busy"));
    CHECK(s.counts->started == 1);
}

TEST_CASE("a worker runs any number of times, whatever the outcomes",
          "[background_worker][BW-11][BW-30][CN-8]") {
    scene s;
    s.bw->do_work += [&](work_args& args) {
        switch (args.argument()) {
        case 0:
            throw std::runtime_error{"work"};
        case 1:
            return args.set_cancelled();
        default:
            args.set_result(args.argument());
        }
    };
    for (const int argument : {2, 0, 3, 1, 4}) {
        s.run(argument);
        s.pump();
    }

    CHECK(s.log.all() == lines{"value 2", "error: work", "value 3", "cancelled", "value 4"});
    CHECK(s.counts->started == 5);
    CHECK(s.counts->completed == 5);
}

// ---- cancelling ----

TEST_CASE("cancelling a worker that does not support it does nothing", "[background_worker][BW-12][CN-2]") {
    scene s;
    s.bw->set_worker_supports_cancellation(false);
    s.bw->do_work += echo;
    s.run(1);
    CHECK_FALSE(s.bw->cancel_async());
    CHECK_FALSE(s.bw->cancellation_pending());
    s.pump();

    CHECK(s.log.all() == lines{"value 1"});
}

TEST_CASE("a cancellation that is asked for before a run stops that run, and no other",
          "[background_worker][BW-12][BW-13][O-22]") {
    scene s;
    s.bw->do_work += echo;
    CHECK(s.bw->cancel_async());
    CHECK_FALSE(s.bw->cancel_async()); // asked for already
    CHECK(s.bw->cancellation_pending());
    for (const int argument : {1, 2}) {
        s.run(argument);
        s.pump();
    }

    CHECK(s.log.all() == lines{"cancelled", "value 2"});
}

TEST_CASE("a cancellation that is asked for while a run starts stops that run",
          "[background_worker][O-22][BW-33]") {
    scene s;
    s.bw->do_work += echo;
    {
        const eap::scoped_context here{tests::noticing_context{s.home, [&] { s.bw->cancel_async(); }}};
        s.bw->run_worker_async(1);
    }
    s.pump();

    CHECK(s.log.all() == lines{"cancelled"});
}

TEST_CASE("a start that fails leaves the cancellation for the next run", "[background_worker][O-22][G9]") {
    for (const bool at_home : {true, false}) {
        scene s;
        s.bw->do_work += echo;
        s.bw->cancel_async();
        if (at_home)
            s.counts->refusals = 1;
        else
            s.refusal = std::make_exception_ptr(tests::post_refused{});
        CHECK_THROWS_AS(s.run(1), tests::post_refused);
        CHECK(s.bw->cancellation_pending());
        s.run(2);
        s.pump();

        CHECK(s.log.all() == lines{"cancelled"});
        CHECK(s.left() == "");
    }
}

TEST_CASE("the work of a worker sees the request and says that it was cancelled, which drops its result",
          "[background_worker][BW-14][CN-3]") {
    scene s;
    bool seen_before = true, seen_after = false;
    s.bw->do_work += [&](work_args& args) {
        seen_before = s.bw->cancellation_pending();
        s.bw->cancel_async();
        seen_after = s.bw->cancellation_pending();
        args.set_result(1);
        args.set_cancelled();
    };
    s.run();
    s.pump();

    CHECK_FALSE(seen_before);
    CHECK(seen_after);
    CHECK(s.log.all() == lines{"cancelled"});
}

TEST_CASE("a request that the work ignores, or that comes too late, changes nothing of the outcome",
          "[background_worker][CN-6][CN-7][BW-6]") {
    for (const bool too_late : {false, true}) {
        scene s;
        s.bw->do_work += [&](work_args& args) {
            if (!too_late)
                s.bw->cancel_async();
            echo(args);
        };
        s.run(7);
        s.place.run_all();
        if (too_late)
            s.bw->cancel_async();
        s.home.run_all();

        CHECK(s.log.all() == lines{"value 7"});
        CHECK_FALSE(s.bw->cancellation_pending());
    }
}

// ---- outcomes ----

TEST_CASE("what the work throws is the run's error, the very object, cancelled or not",
          "[background_worker][BW-15][BW-16][O-23]") {
    scene s;
    const auto thrown = std::make_exception_ptr(std::runtime_error{"original"});
    std::exception_ptr got;
    bool was_cancelled = true, result_threw = false;
    s.bw->do_work += [&](work_args& args) {
        args.set_cancelled();
        std::rethrow_exception(thrown);
    };
    s.bw->run_worker_completed += [&](const eap::completed_event_args<int>& args) {
        got = args.error();
        was_cancelled = args.cancelled();
        try {
            static_cast<void>(args.result());
        } catch (const std::runtime_error& error) {
            result_threw = error.what() == std::string{"original"};
        }
    };
    s.run();
    s.pump();

    CHECK(got == thrown);
    CHECK_FALSE(was_cancelled);
    CHECK(result_threw);
}

TEST_CASE("reading the result of a cancelled run throws operation_cancelled",
          "[background_worker][BW-16][CA-5]") {
    scene s;
    bool threw = false;
    s.bw->do_work += [](work_args& args) { args.set_cancelled(); };
    s.bw->run_worker_completed += [&](const eap::completed_event_args<int>& args) {
        try {
            static_cast<void>(args.result());
        } catch (const eap::operation_cancelled&) {
            threw = true;
        }
    };
    s.run();
    s.pump();

    CHECK(threw);
}

TEST_CASE("several handlers of do_work run one after the other and share their args",
          "[background_worker][BW-17]") {
    scene s;
    std::vector<std::thread::id> threads;
    std::vector<bool> had_result;
    for (int i = 1; i <= 2; ++i)
        s.bw->do_work += [&, i](work_args& args) {
            threads.push_back(std::this_thread::get_id());
            had_result.push_back(args.has_result());
            args.set_result(10 * i + args.argument()++);
        };
    s.run(1);
    std::jthread{[&] { s.place.run_all(); }}.join();
    s.home.run_all();

    CHECK(threads.size() == 2);
    CHECK(threads[0] == threads[1]);
    CHECK(had_result == std::vector{false, true});
    CHECK(s.log.all() == lines{"value 22"});
}

TEST_CASE("an exception of one do_work handler skips the later ones", "[background_worker][BW-17]") {
    scene s;
    bool later_ran = false;
    s.bw->do_work += [](work_args&) { throw std::runtime_error{"first"}; };
    s.bw->do_work += [&](work_args&) { later_ran = true; };
    s.run();
    s.pump();

    CHECK_FALSE(later_ran);
    CHECK(s.log.all() == lines{"error: first"});
}

TEST_CASE("a run without do_work handlers, or whose handlers set none, has the default result",
          "[background_worker][BW-18]") {
    for (const bool has_handler : {false, true}) {
        scene s;
        if (has_handler)
            s.bw->do_work += [](work_args&) {};
        s.run(7);
        s.pump();

        CHECK(s.log.all() == lines{"value 0"});
    }
}

TEST_CASE("a run that sets no result, of a type that has no default, fails", "[background_worker][BW-18]") {
    struct no_default {
        explicit no_default(int) {}
    };
    tests::manual_queue home, place;
    eap::background_worker<void, no_default> bw{{.where = place.context()}};
    tests::record log;
    bw.run_worker_completed += [&](const auto& args) { log.add(tests::told(args)); };
    bool sets_it = false;
    bw.do_work += [&](auto& args) {
        if (sets_it)
            args.set_result(1);
    };
    const eap::scoped_context here{home.context()};
    for (; log.all().size() != 2; sets_it = true) {
        bw.run_worker_async();
        place.run_all();
        home.run_all();
    }

    CHECK_THAT(log.all()[0], Catch::Matchers::Contains("no handler of do_work set the result"));
    CHECK(log.all()[1] == "value");
}

TEST_CASE("a worker without argument and result runs", "[background_worker][CA-10]") {
    tests::manual_queue home, place;
    eap::background_worker<> bw{{.where = place.context()}};
    tests::record log;
    bw.do_work += [&](eap::do_work_event_args<void, void>&) { log.add("work"); };
    bw.run_worker_completed += [&](const auto& args) { log.add(who(args.user_state()) + tests::told(args)); };
    const eap::scoped_context here{home.context()};
    bw.run_worker_async("mine");
    place.run_all();
    home.run_all();

    CHECK(log.all() == lines{"work", "mine: value"});
}

TEST_CASE("argument, progress and result of a worker may be what can only be moved",
          "[background_worker][O-7]") {
    using box = std::unique_ptr<int>;
    tests::manual_queue home, place;
    eap::background_worker<box, box, box> bw{{.where = place.context()}};
    bw.set_worker_reports_progress(true);
    tests::record log;
    bw.do_work += [&](eap::do_work_event_args<box, box, box>& args) {
        bw.report_progress(50, std::make_unique<int>(*args.argument() + 1));
        args.set_result(std::move(args.argument()));
    };
    bw.progress_changed += [&](const eap::progress_changed_event_args<box>& args) {
        log.add(tests::told(args) + " " + std::to_string(*args.value()));
    };
    bw.run_worker_completed +=
        [&](const eap::completed_event_args<box>& args) { log.add(std::to_string(*args.result())); };
    const eap::scoped_context here{home.context()};
    bw.run_worker_async(std::make_unique<int>(7));
    place.run_all();
    home.run_all();

    CHECK(log.all() == lines{"50% 8", "7"});
}

// ---- progress ----

TEST_CASE("reporting progress of a worker that does not report any throws, and in the work becomes the error",
          "[background_worker][BW-19]") {
    scene s;
    s.bw->set_worker_reports_progress(false);
    s.bw->do_work += [&](work_args&) { s.bw->report_progress(1); };
    CHECK_THROWS_AS(s.bw->report_progress(1), eap::invalid_operation);
    s.run();
    s.pump();

    CHECK(s.log.all().size() == 1);
    CHECK_THAT(s.log.all()[0], Catch::Matchers::Contains("does not report progress"));
}

TEST_CASE("before the first run progress is raised here and now", "[background_worker][BW-20]") {
    scene s;
    std::thread::id where;
    s.bw->progress_changed += [&](const auto&) { where = std::this_thread::get_id(); };
    CHECK(s.bw->report_progress(10));

    CHECK(where == std::this_thread::get_id());
    CHECK(s.log.all() == lines{"10%"});
}

TEST_CASE("a run that cannot be started leaves progress outside of runs as it was",
          "[background_worker][BW-20][BW-22][G9]") {
    for (const bool at_home : {true, false}) {
        scene s;
        const auto fail = [&] {
            if (at_home)
                s.counts->refusals = 1;
            else
                s.refusal = std::make_exception_ptr(tests::post_refused{});
            CHECK_THROWS_AS(s.run(), tests::post_refused);
        };
        fail();
        CHECK(s.bw->report_progress(10));
        s.run();
        s.pump();
        fail();
        CHECK_THROWS_AS(s.bw->report_progress(20), eap::invalid_operation);

        CHECK(s.log.all() == lines{"10%", "value 0"});
        CHECK(s.left() == "");
    }
}

TEST_CASE("during a run any thread may report progress, which comes home", "[background_worker][BW-21]") {
    scene s;
    s.bw->do_work += [&](work_args& args) {
        std::jthread{[&] { s.bw->report_progress(10); }}.join();
        echo(args);
    };
    s.run(1);
    s.place.run_all();
    CHECK(s.log.all().empty());
    s.home.run_all();

    CHECK(s.log.all() == lines{"10%", "value 1"});
}

TEST_CASE("after a run reporting progress throws, also in its completed handler",
          "[background_worker][BW-22]") {
    scene s;
    int thrown = 0;
    const auto report = [&] {
        try {
            s.bw->report_progress(10);
        } catch (const eap::invalid_operation&) {
            ++thrown;
        }
    };
    s.bw->run_worker_completed += [&](const auto&) { report(); };
    s.run();
    s.place.run_all();
    report(); // the work has ended
    s.home.run_all();
    report();

    CHECK(thrown == 3);
    CHECK(s.log.all() == lines{"value 0"});
}

TEST_CASE("progress of a start that fails is not delivered, and keeps nothing busy",
          "[background_worker][G9]") {
    scene s;
    eap::background_worker<> bw{{.where = tests::scripted_context{[&](std::function<void()>) {
                                     try {
                                         bw.report_progress(
                                             10); // from wherever, while the start is in progress
                                     } catch (const eap::invalid_operation&) {
                                     }
                                     throw tests::post_refused{};
                                 }}}};
    bw.set_worker_reports_progress(true);
    int reports = 0;
    const eap::scoped_context here{s.home_context};
    bw.progress_changed += [&](const auto&) { ++reports; };
    CHECK_THROWS_AS(bw.run_worker_async(), tests::post_refused);
    const int inline_reports = reports; // there was no run yet
    CHECK_FALSE(bw.is_busy());
    s.home.run_all();

    CHECK(reports == inline_reports);
    CHECK(s.counts->started == s.counts->completed);
}

TEST_CASE("a worker that nobody has subscribed to runs and becomes idle",
          "[background_worker][BW-18][BW-23]") {
    scene s;
    s.progress.disconnect();
    s.completed.disconnect();
    s.bw->do_work += [&](work_args&) { s.log.add(s.bw->report_progress(10) ? "reported" : "not"); };
    s.run();
    s.pump();

    CHECK_FALSE(s.bw->is_busy());
    CHECK(s.log.all() == lines{"reported"});
}

TEST_CASE("what a worker supports may change during a run, at once", "[background_worker][BW-24]") {
    scene s;
    bool cancelled_first = true, cancelled_then = false;
    s.bw->set_worker_reports_progress(false);
    s.bw->set_worker_supports_cancellation(false);
    s.bw->do_work += [&](work_args&) {
        s.bw->set_worker_reports_progress(true);
        s.bw->report_progress(10);
        cancelled_first = s.bw->cancel_async();
        s.bw->set_worker_supports_cancellation(true);
        cancelled_then = s.bw->cancel_async();
    };
    s.run();
    s.pump();

    CHECK_FALSE(cancelled_first);
    CHECK(cancelled_then);
    CHECK(s.log.all() == lines{"10%", "value 0"});
}

TEST_CASE("handlers of a worker are those subscribed when the event is raised",
          "[background_worker][BW-25]") {
    scene s;
    s.bw->do_work += [&](work_args&) { s.bw->report_progress(10); };
    s.run();
    s.place.run_all();
    s.progress.disconnect();
    s.bw->progress_changed += [&](const auto&) { s.log.add("late"); };
    s.home.run_all();

    CHECK(s.log.all() == lines{"late", "value 0"});
}

TEST_CASE("a handler of a worker that throws surfaces in the pump, and every other one runs",
          "[background_worker][BW-26][O-12][G11]") {
    scene s;
    s.bw->do_work += [&](work_args&) { s.bw->report_progress(10); };
    s.bw->progress_changed += [](const auto&) { throw std::runtime_error{"progress"}; };
    s.bw->progress_changed += [&](const auto&) { s.log.add("next progress"); };
    s.bw->run_worker_completed += [](const auto&) { throw std::runtime_error{"completed"}; };
    s.bw->run_worker_completed += [&](const auto&) { s.log.add("next completed"); };
    s.run();
    s.place.run_all();
    CHECK_THROWS_WITH(s.home.run_all(), "progress");
    CHECK_THROWS_WITH(s.home.run_all(), "completed");

    CHECK(s.log.all() == lines{"10%", "next progress", "value 0", "next completed"});
    CHECK(s.left() == "");
}

TEST_CASE("with the latest progress alone, one report at most waits for a worker's home",
          "[background_worker][BW-36][O-11]") {
    scene s{{.progress = eap::progress_delivery::latest()}};
    s.bw->do_work += [&](work_args&) {
        for (int i = 1; i <= 100; ++i)
            s.bw->report_progress(i);
    };
    s.run();
    s.pump();

    CHECK(s.log.all() == lines{"100%", "value 0"});
}

// ---- what goes wrong, and the end ----

namespace {

void check_that_no_run_began(scene& s) {
    CHECK_FALSE(s.bw->is_busy());
    CHECK(s.counts->started == s.counts->completed);
    s.bw->do_work += echo;
    s.run(7);
    s.pump();
    CHECK(s.log.all() == lines{"value 7"});
    CHECK(s.left() == "");
}

} // namespace

TEST_CASE("a run that is refused leaves the worker idle", "[background_worker][BW-31][O-16][G9]") {
    scene s;
    SECTION("by the home") {
        s.counts->refusals = 1;
        CHECK_THROWS_AS(s.run(1), tests::post_refused);
    }
    SECTION("by the place") {
        s.refusal = std::make_exception_ptr(eap::context_closed{});
        CHECK_THROWS_AS(s.run(1), eap::context_closed);
    }
    check_that_no_run_began(s);
}

TEST_CASE("a run that finds no memory leaves the worker idle, wherever it does", "[background_worker][G9]") {
    if constexpr (tests::allocation_watch::works) {
        for (std::size_t which = 1, failed = which; failed == which; ++which) {
            scene s;
            const eap::user_state state{"a"};
            {
                const eap::scoped_context here{s.home_context};
                tests::allocation_watch watch;
                watch.fail(which);
                try {
                    s.bw->run_worker_async(1, state);
                    CHECK(which > 3);
                } catch (const std::bad_alloc&) {
                    failed = which + 1;
                }
            }
            if (failed == which + 1)
                check_that_no_run_began(s);
            else
                s.pump();
        }
    }
}

TEST_CASE("a worker whose completion is refused at home is idle, and that is told",
          "[background_worker][BW-32][O-16]") {
    scene s;
    {
        const eap::scoped_context here{tests::counting_context{tests::throwing_context{}, s.counts}};
        s.bw->run_worker_async(1);
    }
    s.place.run_all();
    CHECK(s.log.all() == lines{"undelivered, post failed: value"});
    CHECK_FALSE(s.bw->is_busy());
    CHECK_FALSE(s.bw->cancellation_pending());
    CHECK(s.left() == "");
}

TEST_CASE("of runs that are started at once, one wins", "[background_worker][BW-33][O-19]") {
    scene s;
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
                        s.run();
                        ++won;
                    } catch (const eap::invalid_operation&) {
                    }
                });
        }
        REQUIRE(won == 1);
        s.pump();
    }
    CHECK(s.left() == "");
}

TEST_CASE(
    "a worker that is started inside another one's work comes home on the pool, and leaves no context behind",
    "[background_worker][BW-34][O-9]") {
    tests::record log;
    std::optional<bool> on_the_pool, has_context;
    worker inner, outer;
    inner.run_worker_completed += [&, log](const auto&) {
        on_the_pool = eap::running_in_this_thread(eap::thread_pool::shared());
        log.add("inner");
    };
    outer.do_work += [&, log](work_args&) {
        inner.run_worker_async(1);
        has_context = eap::scoped_context::current() != nullptr;
        log.wait_for(1);
        log.add("outer");
    };
    outer.run_worker_async(1);

    CHECK(log.wait_for(2) == lines{"inner", "outer"});
    CHECK(on_the_pool == true);
    CHECK(has_context == false);
}

TEST_CASE("a worker whose deadline passes is idle though its work goes on",
          "[background_worker][TO-1][O-18]") {
    scene s{{.timeout = 1ms}};
    tests::parallel_pool home;
    s.bw->do_work += [&](work_args& args) {
        s.log.wait_for(1);
        echo(args); // too late
    };
    {
        const eap::scoped_context here{home.context()};
        s.bw->run_worker_async(1);
    }
    std::jthread elsewhere{[&] { s.place.run_all(); }};
    CHECK(s.log.wait_for(1) == lines{"timed out"});
    CHECK_FALSE(s.bw->is_busy());
    elsewhere.join();
    home.join();

    CHECK(s.log.all() == lines{"timed out"});
}

TEST_CASE("a worker may end while it runs: its work goes on, no handler starts any more, nothing waits",
          "[background_worker][BW-28][O-27][G12]") {
    scene s;
    eap::detail::parking<> begun, go_on;
    bool went_on = false;
    s.bw->do_work += [&, kept = s.witness](work_args& args) {
        s.bw->report_progress(10);
        begun.set();
        go_on.wait();
        went_on = true;
        echo(args);
    };
    s.run(1);
    std::jthread elsewhere{[&] { s.place.run_all(); }};
    begun.wait();
    s.bw.reset(); // would hang here
    go_on.set();
    elsewhere.join();
    s.home.run_all();

    CHECK(went_on);
    CHECK(s.log.all().empty());
    CHECK(s.left() == "");
}

TEST_CASE("a run that has not begun when its worker ends never does", "[background_worker][BW-28][G12]") {
    scene s;
    bool ran = false;
    s.bw->do_work += [&, kept = s.witness](work_args&) { ran = true; };
    s.run(1);
    s.bw.reset();
    s.pump();

    CHECK_FALSE(ran);
    CHECK(s.log.all().empty());
    CHECK(s.left() == "");
}
