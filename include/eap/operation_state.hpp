// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – the block behind one operation: a mailbox, a decision, a way home. Knows neither value types nor
// managers.
#ifndef EAP_OPERATION_STATE_HPP
#define EAP_OPERATION_STATE_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/lazy_stop_source.hpp"
#include "eap/detail/mailbox.hpp"
#include "eap/detail/operation_word.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/errors.hpp"
#include "eap/operation_options.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/timer.hpp"
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

class operation_state;

/// Who keeps count of an operation; told from any thread, outside locks.
class operation_owner {
  public:
    virtual void add_reference() const noexcept = 0;
    virtual void release_reference() const noexcept = 0;
    /// The completion handler is about to start, or never will: the task id is free.
    virtual void release_id(operation_state& which) noexcept = 0;
    /// The completion handler has returned, or never will run.
    virtual void ended(operation_state& which) noexcept = 0;
    virtual void tell(const undelivered& what) noexcept = 0;

    operation_owner() = default;
    operation_owner(const operation_owner&) = delete;
    operation_owner& operator=(const operation_owner&) = delete;

  protected:
    ~operation_owner() = default;
};

/// "This thread is delivering for that owner": a wait for the owner to become idle, from inside, could never
/// end.
class delivering {
  public:
    explicit delivering(const operation_owner* owner) noexcept : owner_(owner), outer_(innermost_) {
        innermost_ = this;
    }
    delivering(const delivering&) = delete;
    delivering& operator=(const delivering&) = delete;
    ~delivering() { innermost_ = outer_; }

    static bool for_owner(const operation_owner* owner) noexcept {
        const delivering* frame = innermost_;
        while (frame != nullptr && frame->owner_ != owner)
            frame = frame->outer_;
        return frame != nullptr;
    }

  private:
    const operation_owner* owner_;
    delivering* outer_;
    static inline constinit thread_local delivering* innermost_ = nullptr;
};

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

/// One operation. Reports and the completion are messages in a mailbox; whoever finds it without a reader
/// posts one *drain*, a closure of one pointer, to the home, and the drain handles messages in order, one at
/// a time, on every context. The completion is the last message, so nothing can come after it.
///
/// Invariants    `word_` elects the one party that writes the outcome and then calls `settle`.
///               `mailbox_` knows the one owner of the right to read: the thread that posts a drain, then the
///               drain, then nobody. Only the reader calls handlers, and destroys messages and handlers.
///               Every drain in flight and every armed timer holds a reference.
/// Race table    docs/architecture.md
class operation_state : public reserved_postable {
  public:
    /// What is sent home.
    class message : public mailbox_node {
      public:
        message() = default;
        message(const message&) = delete;
        message& operator=(const message&) = delete;
        virtual void deliver(operation_state& to) = 0; // at home
        virtual void discard() noexcept = 0;           // after `deliver`, or instead of it

      protected:
        ~message() = default;
    };

    // ---- what anybody may ask ----

    const eap::user_state& user_state() const noexcept { return id_; }
    const any_synchronization_context& home() const noexcept { return home_; }
    const operation_options& options() const noexcept { return options_; }
    steady_time created() const noexcept { return created_; }
    bool decided() const noexcept { return word_.is_decided(); }
    bool completed_by_worker() const noexcept {
        return word_.look() == operation_word<>::claim_result::already_completed;
    }
    bool stop_requested() const noexcept { return word_.stop_requested(); }
    std::stop_token stop_token() { return stop_source_.token(word_); }
    int last_percentage() const noexcept { return last_percentage_.load(std::memory_order_relaxed); }
    std::optional<steady_time> stop_requested_at() const noexcept {
        const auto ticks = stop_requested_at_.load(std::memory_order_relaxed);
        return ticks == 0 ? std::nullopt : std::optional{steady_time{steady_time::duration{ticks}}};
    }

    // ---- the client's side ----

    /// Asks the worker to stop. True when this is the first request and the outcome was still open.
    bool request_stop() noexcept {
        if (word_.stop_requested())
            return false; // a repetition costs a load
        steady_time::rep unset = 0;
        stop_requested_at_.compare_exchange_strong(
            unset, std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
        const bool recorded = word_.request_stop();
        stop_source_.request_stop();
        return recorded;
    }

    // ---- the worker's side ----

    /// Whether a report may go on. Throws when the worker itself has completed the operation.
    bool may_report() const {
        const auto now = word_.look();
        if (now == operation_word<>::claim_result::already_completed)
            throw_already_completed();
        return now == operation_word<>::claim_result::won;
    }

    /// True when the caller is now the one to write the outcome and to call `settle`; likewise.
    bool claim() {
        const auto result = word_.claim(operation_word<>::claimant::worker);
        if (result == operation_word<>::claim_result::already_completed)
            throw_already_completed();
        return result == operation_word<>::claim_result::won;
    }

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
        if (word_.claim(operation_word<>::claimant::other) != operation_word<>::claim_result::won)
            return;
        if (stop_requested())
            write_cancelled();
        else
            write_error(abandoned_error());
        settle();
    }

    /// How a message fared. `refused`: the home would not be woken; the message was taken back, and `why` is
    /// what its `post` threw. `closed`: the completion was sent before. `gone`: there is no home any more.
    enum class sent : unsigned char { on_its_way, refused, closed, gone };

    /// Sends a message home. However it fares, the operation discards it, now or when it has been delivered.
    /// Lets out only what a handler throws that an inline home runs within its `post`.
    sent send(message& what, std::exception_ptr& why) {
        switch (mailbox_.send(what)) {
        case mailbox<>::sent::queued:
            return sent::on_its_way;
        case mailbox<>::sent::must_post:
            return bring_home(what, why);
        case mailbox<>::sent::closed:
            what.discard();
            return sent::closed;
        default:
            what.discard();
            return sent::gone;
        }
    }

    /// Sends the outcome, which the caller has claimed and written, on its way. Lets out only what a handler
    /// throws that an inline home runs within its `post`.
    void settle() {
        const intrusive_ptr<operation_state> alive{this};
        if (timers_ != nullptr)
            disarm_timers();
        const auto result = mailbox_.close(completion_);
        if (result == mailbox<>::sent::queued)
            return;            // the reader notifies the home: see `notify_for_queued`
        struct notify_at_end { // the completion has been posted, or can not be: also when an exception passes
                               // through
            const operation_state& self;
            ~notify_at_end() { eap::operation_completed(self.home_); }
        };
        const notify_at_end notify{*this};
        if (result == mailbox<>::sent::gone)
            undeliver(undelivered_reason::context_gone);
        else
            bring_completion_home();
    }

    /// The deadline starts to count, or has passed already. Called once, after the home was notified.
    void start_deadline() {
        if (options_.timeout == no_timeout)
            return;
        if (options_.timeout <= std::chrono::nanoseconds{0}) {
            time_out();
            return;
        }
        add_reference(); // the armed timer's
        timers_->deadline.arm(saturating_deadline(options_.timeout));
    }

    // The owner's list of its operations; guarded by the owner's mutex.
    operation_state* previous = nullptr;
    operation_state* next = nullptr;

  protected:
    /// Throws std::bad_alloc, and std::system_error when a deadline or throttle needs the timer thread and it
    /// cannot be started.
    operation_state(any_synchronization_context home, eap::user_state id, const operation_options& options,
                    intrusive_ptr<operation_owner> owner)
        : home_(std::move(home)), id_(std::move(id)), options_(options), owner_(std::move(owner)) {
        static_cast<void>(abandoned_error()); // made here, where failing is harmless
        if (options.timeout != no_timeout || options.progress.interval() > std::chrono::nanoseconds{0}) {
            static_cast<void>(timed_out_error());
            timers_ = std::make_unique<timers>(*this);
        }
    }
    ~operation_state() override = default;

    void note_percentage(int percentage) noexcept {
        last_percentage_.store(percentage, std::memory_order_relaxed);
    }
    void arm_throttle(steady_time when) noexcept {
        add_reference(); // the armed timer's
        timers_->throttle.arm(when);
        if (decided() && timers_->throttle.disarm()) // `settle` may have looked before
            release_reference();
    }

  private:
    static constexpr int drain_batch = 64; // messages in one go, before other work of the home gets its turn

    // ---- what the typed part does ----

    virtual void write_error(std::exception_ptr error) noexcept = 0;
    virtual void write_cancelled() noexcept = 0;
    virtual std::exception_ptr outcome_error() const noexcept = 0;
    virtual bool outcome_cancelled() const noexcept = 0;
    virtual bool has_completion_handler() const noexcept = 0;
    virtual bool call_completion_handler() = 0;   // false when its receiver is gone
    virtual void destroy_handlers() noexcept = 0; // and the value
    virtual void deliver_last_report() {}         // what still waits to be replaced by a newer one
    virtual void discard_last_report() noexcept {}
    virtual mailbox_node* last_report_marker() noexcept { return nullptr; } // the message that fetches it
    virtual void last_report_was_not_sent() noexcept {}
    virtual void throttle_expired() noexcept {}

    [[noreturn]] static void throw_already_completed() {
        throw invalid_operation{
            "eap: this operation has been completed already; complete it once, and report nothing "
            "after that"};
    }

    // ---- the reader, on the thread that sends ----

    /// Posts a drain. Accepted: the right to read goes with it. Otherwise it is still the caller's.
    post_outcome post_drain() {
        add_reference(); // the drain's
        post_outcome result = post_target(home_, *this);
        if (result.became != post_outcome::kind::accepted)
            release_reference(); // never the last: the caller holds one
        return result;
    }

    /// A home that says so, or destroys what it accepted, will not take anything any more.
    static bool is_gone(const post_outcome& result) noexcept {
        if (result.became == post_outcome::kind::dropped)
            return true;
        try {
            std::rethrow_exception(result.refusal);
        } catch (const context_closed&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    sent bring_home(message& what, std::exception_ptr& why) {
        const intrusive_ptr<operation_state> alive{this}; // an inline home may run a handler that destroys
                                                          // the handle through which this was called
        const post_outcome result = post_drain();
        if (result.became == post_outcome::kind::accepted)
            return sent::on_its_way;
        if (is_gone(result)) {
            home_is_gone();
            return sent::gone;
        }
        mailbox_.remove(what);
        if (&what == last_report_marker())
            last_report_was_not_sent();
        what.discard();
        why = result.refusal;
        stop_reading();
        return sent::refused;
    }

    /// The home would not be woken. What others have sent meanwhile, trusting in this reader, gets another
    /// try.
    void stop_reading() {
        while (mailbox_.has_taken() || !mailbox_.release()) {
            const post_outcome again = post_drain();
            if (again.became == post_outcome::kind::accepted)
                return;
            if (is_gone(again)) {
                home_is_gone();
                return;
            }
            if (mailbox_.is_closed()) {
                undeliver(undelivered_reason::post_failed);
                return;
            }
            if (mailbox_node* const marker = last_report_marker();
                marker != nullptr && mailbox_.remove(*marker))
                last_report_was_not_sent(); // or later reports would rely on it, and send nothing
            if (mailbox_.release())
                return; // they stay, and come home with the next message that the home takes
        }
    }

    void bring_completion_home() {
        if (!has_completion_handler() && only_completion_is_left()) {
            end(); // nothing to call: the home need not be bothered
            return;
        }
        const post_outcome drain = post_drain();
        if (drain.became != post_outcome::kind::accepted)
            undeliver(is_gone(drain) ? undelivered_reason::context_gone : undelivered_reason::post_failed);
    }

    bool only_completion_is_left() noexcept {
        mailbox_node* const first = mailbox_.take();
        if (first == &completion_)
            return true;
        mailbox_.untake(*first);
        return false;
    }

    // ---- the reader, at home ----

    /// Handles messages in order until there are none, or it is somebody else's turn.
    void run() override {
        const intrusive_ptr<operation_state> drain{this, adopt_reference};
        std::optional<scoped_context> here; // a foreign context does not say where its functions run: we do
        if (!scoped_context::is_set())
            here.emplace(home_);
        const delivering frame{owner_.get()};
        const bool is_inline = posting::is_posting(*this); // then a drain posted from here would only nest
        std::exception_ptr error;
        for (int handled = 0;; ++handled) {
            auto* const first = static_cast<message*>(mailbox_.take());
            if (first == nullptr) {
                if (mailbox_.release())
                    break;
                continue;
            }
            if ((handled >= drain_batch || error != nullptr) && !is_inline) {
                mailbox_.untake(*first); // what is left goes behind other work of the home
                if (hand_on(error))
                    break;
                static_cast<void>(mailbox_.take()); // refused: this is home, so go on here
                handled = 0;
            }
            try {
                if (first == &completion_)
                    end();
                else
                    deliver(*first);
            } catch (...) {
                if (error == nullptr) // a thread can throw one; it is the first
                    error = std::current_exception();
            }
            if (first == &completion_)
                break;
        }
        if (error != nullptr)
            std::rethrow_exception(error);
    }

    /// True when another drain has the right to read now. What a handler throws in it, run within `post`, becomes
    /// the error when it is the first.
    bool hand_on(std::exception_ptr& error) {
        try {
            return post_drain().became == post_outcome::kind::accepted;
        } catch (...) {
            if (error == nullptr)
                error = std::current_exception();
            return true;
        }
    }

    void deliver(message& what) {
        struct discard_at_end {
            message& what;
            ~discard_at_end() { what.discard(); }
        };
        const discard_at_end discard{what};
        what.deliver(*this);
    }

    /// A completion that found a reader relies on a drain that another thread may still be posting. A home that
    /// heard of the end before it had that drain could stop running: so the reader says it.
    void notify_for_queued() noexcept {
        if (mailbox_.last_was_queued())
            eap::operation_completed(home_);
    }

    /// The completion is in hand, and nothing else is left.
    void end() {
        struct forget_at_end { // also when a handler throws
            operation_state& self;
            ~forget_at_end() {
                self.destroy_handlers();
                if (self.owner_)
                    self.owner_->ended(self);
            }
        };
        const forget_at_end forget{*this};
        notify_for_queued();
        try {
            deliver_last_report();
        } catch (...) {
            try {
                complete_at_home(); // the completion comes all the same
            } catch (...) {         // a thread can throw one; it is the first
            }
            throw;
        }
        complete_at_home();
    }

    void complete_at_home() {
        if (owner_)
            owner_->release_id(*this);
        if (!call_completion_handler())
            tell(undelivered_reason::receiver_gone);
        else if (!has_completion_handler() && outcome_error() != nullptr)
            tell(undelivered_reason::no_handler);
    }

    // ---- the reader, without a home ----

    /// On any thread: the home destroyed a drain that it had accepted. The drain was the reader.
    void dropped() noexcept override {
        const intrusive_ptr<operation_state> drain{this, adopt_reference};
        home_is_gone();
    }

    /// Reports are refused from now on. An outcome that has been sent is told here, a later one by whoever
    /// sends it.
    void home_is_gone() noexcept {
        const auto remains = mailbox_.place_is_gone();
        discard(remains.messages);
        discard_last_report();
        if (remains.has_last)
            undeliver(undelivered_reason::context_gone);
        else
            request_stop();
    }

    /// The completion is in hand, and there is no way to bring it home.
    void undeliver(undelivered_reason reason) noexcept {
        while (mailbox_node* const first = mailbox_.take())
            static_cast<message*>(first)->discard();
        discard_last_report();
        if (owner_)
            owner_->release_id(*this);
        tell(reason);
        notify_for_queued();
        destroy_handlers();
        if (owner_)
            owner_->ended(*this);
    }

    static void discard(mailbox_node* list) noexcept {
        while (list != nullptr)
            static_cast<message*>(std::exchange(list, list->next))->discard();
    }

    void tell(undelivered_reason reason) noexcept {
        const delivering frame{owner_.get()};
        if (owner_)
            owner_->tell({id_, options_.name, outcome_error(), outcome_cancelled(), reason});
    }

    // ---- time ----

    struct timer_entry final : timer_queue::entry { // armed, it holds a reference
        using action = void (operation_state::*)();
        timer_entry(operation_state& operation, action at_expiry)
            : operation_(operation), at_expiry_(at_expiry) {}
        void expired() noexcept override {
            const intrusive_ptr<operation_state> armed{&operation_, adopt_reference};
            (operation_.*at_expiry_)();
        }
        operation_state& operation_;
        action at_expiry_;
    };
    struct timers {
        explicit timers(operation_state& op)
            : deadline(op, &operation_state::time_out), throttle(op, &operation_state::throttle_expired) {}
        timer_entry deadline;
        timer_entry throttle;
    };

    void time_out() {
        if (word_.claim(operation_word<>::claimant::other) != operation_word<>::claim_result::won)
            return;
        write_error(timed_out_error());
        request_stop();
        settle();
    }

    void disarm_timers() noexcept {
        if (timers_->deadline.disarm())
            release_reference(); // never the last: the caller of `settle` holds one
        if (timers_->throttle.disarm())
            release_reference();
    }

    class completion_marker final : public message { // the drain knows it by its address
        void deliver(operation_state&) override {}
        void discard() noexcept override {}
    };

    operation_word<> word_;
    std::atomic<int> last_percentage_{0}; // relaxed: for diagnostics only
    mailbox<> mailbox_;
    completion_marker completion_;
    lazy_stop_source<> stop_source_;
    any_synchronization_context home_;
    eap::user_state id_;
    operation_options options_;
    intrusive_ptr<operation_owner> owner_; // null when nobody keeps count
    std::unique_ptr<timers> timers_;       // null without a deadline and a throttle
    steady_time created_ = std::chrono::steady_clock::now();
    std::atomic<steady_time::rep> stop_requested_at_{0}; // relaxed: for diagnostics only; 0 when it was not
};

} // namespace eap::detail

#endif
