// SPDX-License-Identifier: BSL-1.0
//
// The same of components: methods, workers and events.
#ifndef EAP_TESTS_FAULTS_COMPONENT_SCENARIOS_HPP
#define EAP_TESTS_FAULTS_COMPONENT_SCENARIOS_HPP

#include "faults/scenarios.hpp"

#include <eap/async_method.hpp>
#include <eap/background_worker.hpp>
#include <eap/errors.hpp>
#include <eap/event.hpp>
#include <eap/scoped_context.hpp>

#include <utility>

namespace tests {

/// Two starts of a method with one id, the second while the first is pending.
template <eap::pending_id Policy> struct method_story final : story {
    struct work : bound {
        using bound::bound;
        swept operator()(eap::async_operation<swept, swept>& self, const swept& v) const {
            ++to->ran;
            self.report_progress(1, swept{1});
            return swept{v.value};
        }
    };
    template <class... A> explicit method_story(A&&... a) : story(std::forward<A>(a)...) {
        hear_of_undelivered(method);
        completed = method.completed.connect(on_completed{told, witness});
        progress = method.progress_changed.connect(counted{told, witness, &ledger::reports});
    }
    bool start(int n) {
        bool has_begun = false;
        const eap::scoped_context here{home};
        attempt([&] {
            try {
                has_begun = method.start(swept{n}, id);
            } catch (const eap::duplicate_task_id&) {
            }
        });
        return has_begun;
    }
    void act() override {
        const bool first = start(1);
        const bool second = start(10);
        starts = (first ? 1 : 0) + (second ? 1 : 0);
        only_first = first && !second;
        place.pump();
    }
    bool over() const override { return method.pending() == 0; }
    std::string wrong() override {
        ledger& l = told;
        check(l.completed + l.undelivered == starts, "not one outcome for each start");
        check(l.ran <= starts, "ran too often");
        check(Policy != eap::pending_id::supersede || !only_first || l.cancelled == 0,
              "superseded by a start that failed");
        check(start(100), "cannot be started again");
        place.settle([this] { return over(); });
        check(l.completed + l.undelivered == starts + 1, "the next start has no outcome");
        return wrong_notifications();
    }
    eap::async_method<swept(swept), swept> method{
        work{told, witness}, eap::async_method_options{.where = home, .on_pending_id = Policy}};
    eap::scoped_connection completed, progress;
    int starts = 0;
    bool only_first = false;
};
using rejecting_method = method_story<eap::pending_id::reject>;
using superseding_method = method_story<eap::pending_id::supersede>;
using joining_method = method_story<eap::pending_id::join>;
using queueing_method = method_story<eap::pending_id::queue>;

/// A run of a worker that reports progress; or one that was asked to stop before it was started.
template <bool Stopped> struct any_worker_story final : story {
    using worker_type = eap::background_worker<swept, swept, swept>;
    template <class... A> explicit any_worker_story(A&&... a) : story(std::forward<A>(a)...) {
        worker.set_worker_reports_progress(true);
        worker.set_worker_supports_cancellation(true);
        hear_of_undelivered(worker);
        does_work = worker.do_work.connect([this, held = witness](auto& args) {
            ++told.ran;
            for (int i = 1; i <= 3; ++i)
                worker.report_progress(i, swept{i});
            args.set_result(swept{args.argument().value + 1});
        });
        progress = worker.progress_changed.connect(on_progress{told, witness});
        completed = worker.run_worker_completed.connect(on_completed{told, witness});
    }
    bool run() {
        const eap::scoped_context here{home};
        return attempt([&] { worker.run_worker_async(swept{6}, id); });
    }
    void act() override {
        if (Stopped)
            worker.cancel_async();
        has_begun = run();
        place.pump();
    }
    bool over() const override {
        return told.completed + told.undelivered >= (has_begun ? 1 : 0) && !worker.is_busy();
    }
    std::string wrong() override {
        ledger& l = told;
        check(!worker.is_busy(), "left busy");
        check(worker.cancellation_pending() == (Stopped && !has_begun),
              "a request to stop is lost, or stays");
        check(!Stopped || (l.ran == 0 && l.values == 0), "has run all the same");
        check(l.completed + l.undelivered == (has_begun ? 1 : 0), "not one outcome");
        check(l.ran <= (has_begun ? 1 : 0), "ran too often");
        check(l.values == 0 || (l.values == 7 && l.reports == 3), "a value without its reports");
        check(l.out_of_order == 0 && l.late == 0, "out of order");
        return wrong_notifications();
    }
    worker_type worker{eap::async_method_options{.where = home}};
    eap::scoped_connection does_work, progress, completed;
    bool has_begun = false;
};
using worker_story = any_worker_story<false>;
using stopped_worker_story = any_worker_story<true>;

/// Handlers of one event, connected and raised; no place has a part in it.
struct event_story final : story {
    using story::story;
    void act() override {
        eap::connection connections[3];
        for (auto& each : connections) {
            if (attempt([&] { each = changed.connect(counted{told, witness, &ledger::ran}); }))
                ++connected;
            if (attempt([&] {
                    try {
                        changed(swept{1});
                    } catch (const handler_failed&) { // after all have been called
                    }
                }))
                expected += connected;
            else // the argument could not be passed, and nobody was called
                ++refused;
        }
        for (const auto& each : connections)
            each.disconnect();
        attempt([&] { changed(swept{1}); });
        ran = told.ran;
    }
    bool over() const override { return true; }
    std::string wrong() override {
        check(ran == expected, "not each handler once");
        check(witness.use_count() <= 3, "a disconnected handler lives");
        attempt([&] {
            changed.connect(counted{told, witness, &ledger::called_back});
            changed(swept{1});
        });
        check(told.called_back == 1, "the event is of no use any more");
        return wrong_notifications();
    }
    eap::event<swept> changed;
    int connected = 0, expected = 0, refused = 0, ran = 0;
};

} // namespace tests

#endif
