// SPDX-License-Identifier: BSL-1.0
//
// Whole stories of operations and calls, each of whose steps may fail, and what must hold when they are over. For the
// sweeps.
#ifndef EAP_TESTS_FAULTS_SCENARIOS_HPP
#define EAP_TESTS_FAULTS_SCENARIOS_HPP

#include "faults/places.hpp"

#include "support/contexts.hpp"
#include "support/hostile_context.hpp"
#include "support/throwing.hpp"

#include <eap/delegate.hpp>
#include <eap/errors.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace tests {

struct sweeps;
using swept = throwing<int, sweeps>; // every value, argument, result and capture of the stories

/// What a client hears; written by handlers, without allocating.
struct ledger {
    std::atomic<int> reports{0}, last_report{0}, out_of_order{0}, late{0};
    std::atomic<int> completed{0}, values{0}, cancelled{0}, undelivered{0};
    std::atomic<int> ran{0}, called_back{0}, idle{0};
};

struct handler_failed : std::runtime_error {
    handler_failed() : std::runtime_error{"a handler failed"} {}
};

/// Which call of a handler throws, counted from 1; 0: none.
struct failing_handlers {
    static inline std::atomic<std::size_t> number{0}, calls{0}, failures{0};
    static void note() {
        if (++calls == number) {
            ++failures;
            throw handler_failed{};
        }
    }
};

/// What a user's function holds.
struct bound {
    bound(ledger& l, const std::shared_ptr<int>& w) : to(&l), witness(w) {}
    ledger* to;
    std::shared_ptr<int> witness;
    swept capture{0};
};
struct on_progress : bound {
    using bound::bound;
    void operator()(const eap::progress_changed_event_args<swept>& args) const { note(args.value().value); }
    void note(int number) const {
        to->late += to->completed;
        to->out_of_order += number <= to->last_report ? 1 : 0;
        to->last_report = number;
        ++to->reports;
        failing_handlers::note();
    }
};
struct on_completed : bound {
    using bound::bound;
    void operator()(const eap::completed_event_args<swept>& args) const {
        ++to->completed;
        to->cancelled += args.cancelled() ? 1 : 0;
        to->values += args.error() == nullptr && !args.cancelled() ? args.result().value : 0;
        failing_handlers::note();
    }
};
struct counted : bound { // any function without parameters
    counted(ledger& l, const std::shared_ptr<int>& w, std::atomic<int> ledger::* which)
        : bound(l, w), counter(which) {}
    template <class... Any> void operator()(const Any&...) const {
        ++(to->*counter);
        failing_handlers::note();
    }
    std::atomic<int> ledger::* counter;
};

/// A step that may fail as a sweep has it; false when it did. Whatever else is thrown is a fault of the library's.
template <class Step> bool attempt(Step step) {
    try {
        step();
        return true;
    } catch (const std::bad_alloc&) {
    } catch (const post_refused&) {
    } catch (const value_refused&) {
    } catch (const eap::context_closed&) {
    }
    return false;
}

/// What all stories have around them.
struct story {
    story(tests::place& p, const std::shared_ptr<post_failures>& failures, std::shared_ptr<int> w)
        : place(p), witness(std::move(w)), home(p.home(failures, counts)) {}
    story(const story&) = delete;
    story& operator=(const story&) = delete;
    virtual ~story() = default;

    virtual void act() = 0;
    virtual bool over() const = 0;
    /// What does not hold when it is over; nothing, if all does.
    virtual std::string wrong() = 0;

    template <class Creator> void hear_of_undelivered(Creator& creator) {
        creator.on_undelivered([to = &told](const eap::undelivered&) { ++to->undelivered; });
    }
    void check(bool holds, const char* what) {
        if (!holds)
            problems += std::string{what} + "; ";
    }
    std::string wrong_notifications() {
        check(counts->started == counts->completed, "notifications do not balance");
        return problems;
    }

    tests::place& place;
    std::shared_ptr<int> witness;
    std::shared_ptr<notification_counts> counts = std::make_shared<notification_counts>();
    eap::any_synchronization_context home;
    ledger told;
    eap::user_state id{std::string(100, 'x')};
    std::string problems;
};

enum class reporting : unsigned char { ordered, coalesced, throttled };

/// Created with an id, reports, a posted function, a completion; or one that its deadline ends at once.
template <reporting How, bool TimesOut = false> struct operation_story final : story {
    template <class... A> explicit operation_story(A&&... a) : story(std::forward<A>(a)...) {
        hear_of_undelivered(manager);
    }
    static eap::operation_options options() {
        using std::chrono::hours;
        return {.timeout = TimesOut                      ? std::chrono::nanoseconds{0}
                           : How == reporting::throttled ? hours{1}
                                                         : eap::no_timeout,
                .progress = How == reporting::ordered     ? eap::progress_delivery::every()
                            : How == reporting::coalesced ? eap::progress_delivery::latest()
                                                          : eap::progress_delivery::at_most_every(hours{1})};
    }
    void act() override {
        std::optional<eap::async_operation<swept, swept>> operation;
        if (!attempt([&] {
                operation = manager.create_operation<swept, swept>(id, on_completed{told, witness},
                                                                   on_progress{told, witness}, options());
            }))
            return;
        created = true;
        for (int i = 1; i <= 4; ++i) {
            bool was_accepted = false;
            attempt([&] { was_accepted = operation->report_progress(i, swept{i}); });
            accepted += was_accepted ? 1 : 0;
            if (i != 1)
                place.pump();
        }
        attempt([&] { posted += operation->post(counted{told, witness, &ledger::ran}) ? 1 : 0; });
        attempt([&] { took = operation->complete(7); });
        operation.reset();
        place.pump();
    }
    bool over() const override { return manager.pending() == 0; }
    std::string wrong() override {
        ledger& l = told;
        check(!manager.is_pending(id), "the id is taken");
        check(took == (created && !TimesOut), "the completion was refused, or was late and was not");
        check(l.completed + l.undelivered == (created ? 1 : 0), "not one outcome");
        check(l.out_of_order == 0, "out of order");
        check(l.late == 0, "late");
        if (TimesOut) {
            check(accepted == 0 && l.reports == 0 && l.ran == 0 && l.values == 0, "something after the end");
        } else if (l.completed == 0) { // what was on its way may be lost with the home
            check(l.reports <= 4 && l.ran <= posted, "too much");
        } else if (How != reporting::ordered) {
            check(l.reports <= 4 && (l.reports != 0) >= (accepted != 0), "the last report is lost");
            check(l.ran == posted, "a function is lost");
        } else {
            check(l.reports == accepted && l.ran == posted, "not what was accepted");
        }
        return wrong_notifications();
    }

    eap::operation_manager manager{home};
    bool created = false, took = false;
    int accepted = 0, posted = 0;
};
using ordered_operation = operation_story<reporting::ordered>;
using coalesced_operation = operation_story<reporting::coalesced>;
using throttled_operation = operation_story<reporting::throttled>;
using late_operation = operation_story<reporting::ordered, true>;

/// An operation without handlers; and on_idle.
struct plain_operation_story final : story {
    template <class... A> explicit plain_operation_story(A&&... a) : story(std::forward<A>(a)...) {
        hear_of_undelivered(manager);
    }
    void act() override {
        std::optional<eap::async_operation<>> operation;
        if (!attempt([&] { operation = manager.create_operation(id); }))
            return;
        created = true;
        asked = attempt([&] { manager.on_idle(counted{told, witness, &ledger::idle}); });
        attempt([&] { posted += operation->post(counted{told, witness, &ledger::ran}) ? 1 : 0; });
        attempt([&] {
            last = operation->post_operation_completed(counted{told, witness, &ledger::called_back});
        });
        operation.reset(); // abandoned, if that could not be
        place.pump();
    }
    bool over() const override { return manager.pending() == 0; }
    std::string wrong() override {
        ledger& l = told;
        check(l.called_back + l.undelivered == (created ? 1 : 0), "not one end");
        check(last || l.called_back == 0, "an end that never was");
        check(l.idle <= (asked ? 1 : 0), "idle too often");
        check(l.ran <= posted, "too much");
        return wrong_notifications();
    }
    eap::operation_manager manager{home};
    bool created = false, last = false, asked = false;
    int posted = 0;
};

/// The work of an operation, run elsewhere.
struct run_on_story final : story {
    template <class... A> explicit run_on_story(A&&... a) : story(std::forward<A>(a)...) {
        hear_of_undelivered(manager);
    }
    struct work : bound {
        using bound::bound;
        swept operator()(eap::async_operation<swept, swept>& self) const {
            ++to->ran;
            for (int i = 1; i <= 3; ++i)
                self.report_progress(i, swept{i}); // what it throws is the outcome
            return swept{7};
        }
    };
    void act() override {
        std::optional<eap::async_operation<swept, swept>> operation;
        if (!attempt([&] {
                operation = manager.create_operation<swept, swept>(id, on_completed{told, witness},
                                                                   on_progress{told, witness});
            }))
            return;
        created = true;
        attempt([&] { eap::run_on(home, std::move(*operation), work{told, witness}); });
        operation.reset();
        place.pump();
    }
    bool over() const override { return manager.pending() == 0; }
    std::string wrong() override {
        ledger& l = told;
        check(l.completed + l.undelivered == (created ? 1 : 0), "not one outcome");
        check(l.ran <= 1, "ran twice");
        check(l.values == 0 || (l.values == 7 && l.ran == 1 && l.reports == 3), "a value without work");
        check(l.out_of_order == 0 && l.late == 0, "out of order");
        return wrong_notifications();
    }
    eap::operation_manager manager{home};
    bool created = false;
};

/// A delegate made, called here, begun there with a callback, and ended.
struct call_story final : story {
    using story::story;
    struct target : bound {
        using bound::bound;
        swept operator()(const swept& v, swept& out) const {
            ++to->ran;
            out.value = 5;
            return swept{v.value + 1};
        }
    };
    void act() override {
        const eap::scoped_context here{home};
        eap::delegate<swept(swept, swept&)> made;
        if (!attempt([&] { made = target{told, witness}; }))
            return;
        attempt([&] {
            swept out{0};
            called = made(swept{1}, out).value == 2 && out.value == 5;
        });
        ran_here = told.ran;
        attempt([&] {
            call = made.on(home).begin_invoke(swept{1}, swept{0},
                                              counted{told, witness, &ledger::called_back}, id);
        });
        made = nullptr;
        place.pump();
    }
    bool over() const override {
        return !call.has_value() ||
               (call->is_completed() && call->wait_callback_for(std::chrono::seconds{60}));
    }
    std::string wrong() override {
        ledger& l = told;
        check(ran_here <= 1, "called twice");
        if (!call.has_value()) {
            check(l.ran == ran_here && l.called_back == 0, "a call that never was has run");
        } else {
            check(l.ran <= ran_here + 1, "ran twice");
            check(l.called_back <= 1, "called back twice");
            const int ran_there = l.ran - ran_here;
            swept out{0};
            try {
                const bool is_right = call->end_invoke(out).value == 2 && out.value == 5;
                check(is_right && ran_there == 1, "a wrong result");
            } catch (const eap::operation_abandoned&) {
                check(ran_there == 0, "abandoned, and has run");
            } catch (const std::bad_alloc&) {
            } catch (const post_refused&) {
                check(false, "a refusal that its caller did not hear of");
            } catch (const value_refused&) {
            }
            try {
                static_cast<void>(call->end_invoke(out));
                check(false, "ended twice");
            } catch (const eap::invalid_operation&) {
            }
            call.reset();
        }
        return wrong_notifications();
    }
    std::optional<eap::async_call<swept(swept, swept&)>> call;
    bool called = false;
    int ran_here = 0;
};

} // namespace tests

#endif
