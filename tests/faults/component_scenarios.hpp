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
template <class Place, eap::pending_id Policy> struct method_story : story<Place> {
    struct work : bound {
        using bound::bound;
        swept operator()(eap::async_operation<swept, swept>& self, const swept& v) const {
            ++this->to->ran;
            self.report_progress(1, swept{1});
            return swept{v.value};
        }
    };
    template <class... A> explicit method_story(A&&... a) : story<Place>(std::forward<A>(a)...) {
        this->hear_of_undelivered(method);
        completed = method.completed.connect(on_completed{this->told, this->witness});
        progress = method.progress_changed.connect(counted{this->told, this->witness, &ledger::reports});
    }
    bool start(int n) {
        bool has_begun = false;
        const eap::scoped_context here{this->home};
        attempt([&] {
            try {
                has_begun = method.start(swept{n}, this->id);
            } catch (const eap::duplicate_task_id&) {
            }
        });
        return has_begun;
    }
    void act() {
        const bool first = start(1);
        const bool second = start(10);
        starts = (first ? 1 : 0) + (second ? 1 : 0);
        only_first = first && !second;
        this->place.pump();
    }
    bool over() const { return method.pending() == 0; }
    std::string wrong() {
        ledger& l = this->told;
        this->check(l.completed + l.undelivered == starts, "not one outcome for each start");
        this->check(l.ran <= starts, "ran too often");
        this->check(Policy != eap::pending_id::supersede || !only_first || l.cancelled == 0,
                    "superseded by a start that failed");
        this->check(start(100), "cannot be started again");
        this->place.settle([this] { return over(); });
        this->check(l.completed + l.undelivered == starts + 1, "the next start has no outcome");
        return this->wrong_notifications();
    }
    eap::async_method<swept(swept), swept> method{
        work{this->told, this->witness},
        eap::async_method_options{.where = this->home, .on_pending_id = Policy}};
    eap::scoped_connection completed, progress;
    int starts = 0;
    bool only_first = false;
};
template <class Place> using rejecting_method = method_story<Place, eap::pending_id::reject>;
template <class Place> using superseding_method = method_story<Place, eap::pending_id::supersede>;
template <class Place> using joining_method = method_story<Place, eap::pending_id::join>;
template <class Place> using queueing_method = method_story<Place, eap::pending_id::queue>;

/// A run of a worker that reports progress; or one that was asked to stop before it was started.
template <class Place, bool Stopped> struct any_worker_story : story<Place> {
    using worker_type = eap::background_worker<swept, swept, swept>;
    template <class... A> explicit any_worker_story(A&&... a) : story<Place>(std::forward<A>(a)...) {
        worker.set_worker_reports_progress(true);
        worker.set_worker_supports_cancellation(true);
        this->hear_of_undelivered(worker);
        does_work = worker.do_work.connect([this, held = this->witness](auto& args) {
            ++this->told.ran;
            for (int i = 1; i <= 3; ++i)
                worker.report_progress(i, swept{i});
            args.set_result(swept{args.argument().value + 1});
        });
        progress = worker.progress_changed.connect(on_progress{this->told, this->witness});
        completed = worker.run_worker_completed.connect(on_completed{this->told, this->witness});
    }
    bool run() {
        const eap::scoped_context here{this->home};
        return attempt([&] { worker.run_worker_async(swept{6}, this->id); });
    }
    void act() {
        if (Stopped)
            worker.cancel_async();
        has_begun = run();
        this->place.pump();
    }
    bool over() const {
        return this->told.completed + this->told.undelivered >= (has_begun ? 1 : 0) && !worker.is_busy();
    }
    std::string wrong() {
        ledger& l = this->told;
        this->check(!worker.is_busy(), "left busy");
        this->check(worker.cancellation_pending() == (Stopped && !has_begun),
                    "a request to stop is lost, or stays");
        this->check(!Stopped || (l.ran == 0 && l.values == 0), "has run all the same");
        this->check(l.completed + l.undelivered == (has_begun ? 1 : 0), "not one outcome");
        this->check(l.ran <= (has_begun ? 1 : 0), "ran too often");
        this->check(l.values == 0 || (l.values == 7 && l.reports == 3), "a value without its reports");
        this->check(l.out_of_order == 0 && l.late == 0, "out of order");
        return this->wrong_notifications();
    }
    worker_type worker{eap::async_method_options{.where = this->home}};
    eap::scoped_connection does_work, progress, completed;
    bool has_begun = false;
};
template <class Place> using worker_story = any_worker_story<Place, false>;
template <class Place> using stopped_worker_story = any_worker_story<Place, true>;

/// Handlers of one event, connected and raised; no place has a part in it.
template <class Place> struct event_story : story<Place> {
    using story<Place>::story;
    void act() {
        eap::connection connections[3];
        for (auto& each : connections) {
            if (attempt([&] { each = changed.connect(counted{this->told, this->witness, &ledger::ran}); }))
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
        ran = this->told.ran;
    }
    static bool over() { return true; }
    std::string wrong() {
        this->check(ran == expected, "not each handler once");
        this->check(this->witness.use_count() <= 3, "a disconnected handler lives");
        attempt([&] {
            changed.connect(counted{this->told, this->witness, &ledger::called_back});
            changed(swept{1});
        });
        this->check(this->told.called_back == 1, "the event is of no use any more");
        return this->wrong_notifications();
    }
    eap::event<swept> changed;
    int connected = 0, expected = 0, refused = 0, ran = 0;
};

} // namespace tests

#endif
