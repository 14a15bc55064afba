// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – one operation without its types: the one decision, its deadline, its end. Knows no manager by name.
#ifndef EAP_OPERATION_STATE_HPP
#define EAP_OPERATION_STATE_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/deadline.hpp"
#include "eap/detail/inside.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/lazy_stop_source.hpp"
#include "eap/detail/operation_word.hpp"
#include "eap/detail/platform.hpp"
#include "eap/errors.hpp"
#include "eap/homebound_mailbox.hpp"
#include "eap/operation_options.hpp"
#include "eap/operation_owner.hpp"
#include "eap/timer.hpp"
#include "eap/tracked.hpp"
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace eap::detail {

/// The error of every operation whose worker let go of it, made once: ending must not allocate.
inline const std::exception_ptr& abandoned_error() {
    static const auto& shared = *new std::exception_ptr{std::make_exception_ptr(operation_abandoned{})};
    return shared; // never destroyed: operations may end while static objects are being destroyed
}
/// The error of every operation whose deadline passed; likewise.
inline const std::exception_ptr& timed_out_error() {
    static const auto& shared = *new std::exception_ptr{std::make_exception_ptr(operation_timed_out{})};
    return shared;
}

/// One operation. It is a mailbox: reports are messages, and the completion is the last one.
///
/// Invariants    `word_` elects the one party that writes the outcome and then calls `settle`: the worker, its absence,
///               or the deadline. The outcome travels with the last message; only its reader reads it.
/// Race table    docs/architecture.md
class operation_state : public homebound_mailbox {
  public:
    // ---- what anybody may ask ----

    const eap::user_state& user_state() const noexcept { return id_; }
    const char* name() const noexcept { return name_; }
    steady_time created() const noexcept { return created_; }
    bool decided() const noexcept { return word_.is_decided(); }
    bool completed_by_worker() const noexcept { return word_.look() == found::already_completed; }
    bool stop_requested() const noexcept { return word_.stop_requested(); }
    std::stop_token stop_token() { return stop_source_.token(word_); }
    int last_percentage() const noexcept { return last_percentage_.load(std::memory_order_relaxed); }
    std::optional<steady_time> stop_requested_at() const noexcept {
        const auto ticks = stop_requested_at_.load(std::memory_order_relaxed);
        return ticks == 0 ? std::nullopt : std::optional{steady_time{steady_time::duration{ticks}}};
    }

    // ---- the outcome, once it is written ----

    virtual std::exception_ptr outcome_error() const noexcept = 0;
    virtual bool outcome_cancelled() const noexcept = 0;

    // ---- the client's side ----

    /// Asks the worker to stop. True when this is the first request and the outcome was still open.
    bool request_stop() noexcept {
        platform::step("request a stop");
        if (word_.stop_requested())
            return false; // a repetition costs a load
        steady_time::rep unset = 0;
        stop_requested_at_.compare_exchange_strong(unset, steady_now().time_since_epoch().count(),
                                                   std::memory_order_relaxed);
        const bool recorded = word_.request_stop();
        stop_source_.request_stop();
        return recorded;
    }

    // ---- the worker's side ----

    /// Whether a report may go on. Throws when the worker itself has completed the operation.
    bool may_report() const { return is_open(word_.look()); }

    bool complete_error(std::exception_ptr error) {
        if (!claim())
            return false;
        write_error(std::move(error));
        settle();
        return true;
    }
    bool complete_cancelled() {
        if (!claim())
            return false;
        write_cancelled();
        settle();
        return true;
    }

    /// The worker is gone: cancelled when that was asked for, else abandoned. Nothing when decided.
    void abandon() noexcept {
        if (decided())
            return; // as it mostly is
        platform::step("let go of an operation");
        bool stop_came_first = false; // one that comes later is told that it was too late
        if (word_.claim(claimant::other, &stop_came_first) != found::won)
            return;
        if (stop_came_first)
            write_cancelled();
        else
            write_error(abandoned_error());
        settle();
    }

    /// The work has not begun and never will, and the client is to hear nothing of it. False when there is an outcome already,
    /// which comes home as any other.
    bool discard() noexcept {
        if (word_.claim(claimant::other) != found::won)
            return false;
        is_discarded_.store(true, std::memory_order_relaxed);
        if (timers_ != nullptr)
            disarm_timers();
        send_last();
        return true;
    }

    /// From now on `owner` keeps count of it. Before anything can happen to it.
    void set_owner(intrusive_ptr<operation_owner> owner) noexcept {
        owner_ = std::move(owner);
        created_ = steady_now();
    }

    /// The deadline starts to count, or has passed already. Called once, after the home was notified, with the timeout that the
    /// operation was made with.
    void start_deadline(std::chrono::nanoseconds timeout) {
        if (timeout == no_timeout)
            return;
        if (timeout <= std::chrono::nanoseconds{0}) {
            time_out();
            return;
        }
        timers_->deadline.arm(deadline_after(timeout));
    }

    // The owner's list of its operations; guarded by the owner's mutex.
    operation_state* previous = nullptr;
    operation_state* next = nullptr;
    bool is_under_its_id = false; // counted there: see task_id_table

  protected:
    /// Throws std::bad_alloc, and std::system_error when a deadline or throttle needs the timer thread and it cannot
    /// be started.
    operation_state(any_synchronization_context&& home, eap::user_state&& id,
                    const operation_options& options)
        : homebound_mailbox(std::move(home)), id_(std::move(id)),
          stop_without_receiver_(options.stop_without_receiver), progress_(options.progress),
          name_(options.name != nullptr ? options.name : "") {
        platform::count_operation(1);
        static_cast<void>(abandoned_error()); // made here, where failing is harmless
        if (options.timeout != no_timeout || options.progress.interval() > std::chrono::nanoseconds{0}) {
            static_cast<void>(timed_out_error());
            timers_ = std::make_unique<timers>(*this);
        }
    }
    ~operation_state() { platform::count_operation(-1); }

    /// True when the caller is now the one to write the outcome and to call `settle`. Throws as `may_report`.
    bool claim() {
        platform::step("complete");
        return is_open(word_.claim(claimant::worker));
    }

    /// Sends the outcome, which the caller has claimed and written, on its way. Lets out only what a handler throws that
    /// an inline home runs within its `post`.
    void settle() {
        if (timers_ != nullptr)
            disarm_timers();
        outcome_is_written();
        if (home().has_value())
            send_last();
        else // a call without a callback: there is nobody to tell, and nothing was ever sent
            forget();
    }

    void note_percentage(int percentage) noexcept {
        last_percentage_.store(percentage, std::memory_order_relaxed);
    }
    bool is_discarded() const noexcept { return is_discarded_.load(std::memory_order_relaxed); }
    progress_delivery progress() const noexcept { return progress_; }
    bool stop_without_receiver() const noexcept { return stop_without_receiver_; }

    /// By the sender of the newest report that sends for a reader: whether one may come now. Otherwise one is sent for by
    /// `throttle_expired` when it may.
    bool may_send_newest() noexcept {
        if (progress_.interval() <= std::chrono::nanoseconds{0})
            return true;
        if (steady_now() >= timers_->next_due) {
            newest_was_due();
            return true;
        }
        timers_->throttle.arm(timers_->next_due);
        if (decided()) // `settle` may have looked before
            timers_->throttle.disarm();
        return false;
    }

  private:
    using claimant = operation_word<>::claimant;
    using found = operation_word<>::claim_result;

    // ---- what the typed part does ----

    virtual void write_error(std::exception_ptr error) noexcept = 0;
    virtual void write_cancelled() noexcept = 0;
    virtual void outcome_is_written() noexcept {} // by whoever wrote it, before it is sent
    virtual delivery call_completion_handler() = 0;
    virtual void destroy_handlers() noexcept = 0; // and the value
    virtual void deliver_last_report() = 0;       // what still waits to be replaced by a newer one
    virtual void discard_last_report() noexcept = 0;
    virtual void throttle_expired() noexcept = 0;

    static bool is_open(found now) {
        if (now == found::already_completed)
            throw invalid_operation{
                "eap: this operation has been completed already; complete it once, and report "
                "nothing after that"};
        return now == found::won;
    }

    // ---- the end; all of it by the reader ----

    void run_posted() final {
        const inside<operation_owner> frame{owner_.get()};
        read();
    }

    void end_at_home() final {
        struct forget_at_end { // also when a handler throws
            operation_state& self;
            ~forget_at_end() { self.forget(); }
        };
        const forget_at_end forget{*this};
        std::exception_ptr error;
        try {
            deliver_last_report();
        } catch (...) { // the completion comes all the same
            error = std::current_exception();
        }
        try {
            complete();
        } catch (...) {
            if (error == nullptr) // a thread can throw one exception: it is the first
                throw;
        }
        if (error != nullptr)
            std::rethrow_exception(error);
    }

    void complete() {
        if (owner_)
            owner_->release_id(*this);
        if (is_discarded())
            return;
        const delivery became = call_completion_handler();
        if (became == delivery::receiver_gone)
            tell(undelivered_reason::receiver_gone);
        else if (became == delivery::nobody_there && outcome_error() != nullptr)
            tell(undelivered_reason::no_handler);
    }

    void end_without_home(undelivered_reason reason) noexcept final {
        discard_last_report();
        if (owner_)
            owner_->release_id(*this);
        tell(reason);
        forget();
    }

    void home_was_lost() noexcept final {
        discard_last_report();
        request_stop();
    }

    void tell(undelivered_reason reason) noexcept {
        const inside<operation_owner> frame{owner_.get()};
        if (owner_)
            owner_->tell({id_, name_, outcome_error(), outcome_cancelled(), reason});
    }

    void forget() noexcept {
        destroy_handlers();
        if (owner_)
            owner_->ended(*this);
    }

    // ---- time ----

    struct timers {
        explicit timers(operation_state& op)
            : deadline(op, &operation_state::time_out), throttle(op, &operation_state::next_is_due) {}
        counted_timer<operation_state> deadline;
        counted_timer<operation_state> throttle;
        steady_time next_due{}; // of the newest report; written by the sender in charge
    };

    void time_out() {
        platform::step("time out");
        if (word_.claim(claimant::other) != found::won)
            return;
        write_error(timed_out_error());
        request_stop();
        settle();
    }

    void newest_was_due() noexcept { timers_->next_due = deadline_after(progress_.interval()); }
    void next_is_due() {
        newest_was_due();
        throttle_expired();
    }
    void disarm_timers() noexcept {
        timers_->deadline.disarm();
        timers_->throttle.disarm();
    }

    operation_word<> word_;
    lazy_stop_source<> stop_source_;
    [[no_unique_address]] const eap::user_state id_; // its padding has room for the next three
    const bool stop_without_receiver_;
    std::atomic<bool> is_discarded_{false}; // relaxed: travels with the last message; may be seen earlier
    std::atomic<int> last_percentage_{0};   // relaxed: for diagnostics only
    const progress_delivery progress_;
    const char* const name_;
    intrusive_ptr<operation_owner> owner_;               // null when nobody keeps count
    std::unique_ptr<timers> timers_;                     // null without a deadline and a throttle
    steady_time created_{};                              // for its owner
    std::atomic<steady_time::rep> stop_requested_at_{0}; // relaxed: for diagnostics only; 0 when it was not
};

} // namespace eap::detail

#endif
