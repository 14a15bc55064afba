// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – the typed part of an operation: its value, its progress, its handlers. One block holds all of it.
#ifndef EAP_OPERATION_BLOCK_HPP
#define EAP_OPERATION_BLOCK_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/detail/deadline.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/latest_slot.hpp"
#include "eap/detail/platform.hpp"
#include "eap/errors.hpp"
#include "eap/homebound_mailbox.hpp"
#include "eap/operation_options.hpp"
#include "eap/operation_owner.hpp"
#include "eap/operation_state.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/tracked.hpp"
#include "eap/user_state.hpp"

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace eap::detail {

/// A function as a message: `post` of an operation.
template <class F> class function_message final : public homebound_mailbox::message {
  public:
    template <class G> explicit function_message(G&& function) : function_(std::forward<G>(function)) {}
    void deliver(homebound_mailbox&) override { function_(); }
    void discard() noexcept override { delete this; }

  private:
    ~function_message() = default;
    F function_;
};

/// An operation that reports progress of type `P`.
template <class P> class progress_operation : public operation_state {
  public:
    using args = progress_changed_event_args<P>;

    /// As `async_operation::report_progress`.
    template <class... V> bool report(int percentage, V&&... value) {
        if (!may_report())
            return false;
        auto made = std::make_unique<report_message>(user_state(), percentage, std::forward<V>(value)...);
        note_percentage(made->what().progress_percentage());
        std::exception_ptr why;
        const sent result = options().progress.keeps_every() ? send(*made.release(), why)
                                                             : replace_latest(std::move(made), why);
        if (result == sent::refused)
            std::rethrow_exception(why);
        return result == sent::on_its_way;
    }

  protected:
    using operation_state::operation_state;

  private:
    class report_message final : public homebound_mailbox::message {
      public:
        template <class... V>
        explicit report_message(const eap::user_state& id, int percentage, V&&... value)
            : what_(id, percentage, std::forward<V>(value)...) {}
        const args& what() const noexcept { return what_; }
        void deliver(homebound_mailbox& from) override {
            static_cast<progress_operation&>(from).deliver_report(what_);
        }
        void discard() noexcept override { delete this; }

      private:
        friend std::default_delete<report_message>;
        ~report_message() = default;
        args what_;
    };

    class latest_marker final : public homebound_mailbox::message { // "come and take what is in the slot"
      public:
        explicit latest_marker(latest_slot<report_message>& slot) noexcept : slot_(slot) {}
        void deliver(homebound_mailbox& from) override {
            if (const std::unique_ptr<report_message> newest{slot_.take()})
                newest->deliver(from);
        }
        void discard() noexcept override {} // it lives in the block
        // If it waited, later reports would rely on it and send nothing: instead the next one is in charge.
        bool can_wait() const noexcept override { return false; }
        void take_back() noexcept override { slot_.resign(); }

      private:
        latest_slot<report_message>& slot_;
    };

    virtual delivery call_progress_handler(const args& what) = 0;

    void deliver_report(const args& what) {
        if (this->is_discarded())
            return;
        if (call_progress_handler(what) == delivery::receiver_gone && options().stop_without_receiver)
            request_stop();
    }

    sent replace_latest(std::unique_ptr<report_message> newest, std::exception_ptr& why) {
        using put_as = latest_slot<report_message>::put_as;
        const auto result = latest_.put(*newest);
        if (result.became == put_as::refused)
            return sent::closed;
        static_cast<void>(newest.release());
        const std::unique_ptr<report_message> replaced{result.replaced};
        if (result.became == put_as::replacement)
            return sent::on_its_way;
        const auto interval = options().progress.interval();
        if (interval > std::chrono::nanoseconds{0}) {
            if (steady_now() < next_due_) {
                arm_throttle(next_due_);
                return sent::on_its_way;
            }
            next_due_ = deadline_after(interval);
        }
        return send_for_reader(why);
    }

    /// By the sender in charge. Refused, what is in the slot stays the newest, and comes home with the next report
    /// or at the end.
    sent send_for_reader(std::exception_ptr& why) {
        const sent result = send(marker_, why);
        return result == sent::closed ? sent::on_its_way // the last reader finds it in the slot
                                      : result;
    }

    void throttle_expired() noexcept override {
        next_due_ = deadline_after(options().progress.interval());
        std::exception_ptr why; // nobody to tell: the next report sees for itself
        static_cast<void>(send_for_reader(why));
    }

    void deliver_last_report() final {
        if (const auto newest = last_report())
            deliver_report(newest->what());
    }
    void discard_last_report() noexcept final { static_cast<void>(last_report()); }
    std::unique_ptr<report_message> last_report() noexcept {
        return std::unique_ptr<report_message>{options().progress.keeps_every() ? nullptr : latest_.close()};
    }

    latest_slot<report_message> latest_;
    latest_marker marker_{latest_}; // in the mailbox at most once: sent by the sender in charge alone
    steady_time next_due_{};        // written by the sender in charge
};

/// An operation that ends with a `T`.
template <class T, class P> class typed_operation : public progress_operation<P> {
  public:
    using args = completed_event_args<T>;

    /// As `async_operation::complete`.
    template <class... V> bool complete(V&&... value) {
        if (!this->claim())
            return false;
        try {
            outcome_.emplace(this->user_state(), std::in_place, std::forward<V>(value)...);
        } catch (...) {
            write_error(std::current_exception());
        }
        this->settle();
        return true;
    }

    /// As `async_operation::post_operation_completed`; an empty pointer means no callback.
    virtual bool complete_with(homebound_mailbox::message* last) {
        if (last != nullptr)
            last->discard();
        throw invalid_operation{
            "eap: this operation has a completion handler that waits for its outcome; use "
            "complete, complete_error or complete_cancelled"};
    }

    std::exception_ptr outcome_error() const noexcept final { return outcome_->error(); }
    bool outcome_cancelled() const noexcept final { return outcome_->cancelled(); }

  protected:
    using progress_operation<P>::progress_operation;

    std::optional<args>
        outcome_; // written by whoever claimed it, before `settle`; read by the reader, after that

  private:
    void write_error(std::exception_ptr error) noexcept final {
        outcome_.emplace(this->user_state(), std::move(error));
    }
    void write_cancelled() noexcept final { outcome_.emplace(this->user_state(), cancelled); }
};

/// The whole of an operation: what `create_operation` allocates, once.
template <class T, class P, class Completed, class Progress>
class operation_block final : public typed_operation<T, P> {
  public:
    template <class C, class R>
    operation_block(any_synchronization_context&& home, eap::user_state&& id,
                    const operation_options& options, intrusive_ptr<operation_owner> owner, C&& completed,
                    R&& progress)
        : typed_operation<T, P>(std::move(home), std::move(id), options, std::move(owner)),
          handlers_(std::in_place, std::forward<C>(completed), std::forward<R>(progress)) {}

  private:
    struct handlers {
        template <class C, class R>
        handlers(C&& c, R&& p) : completed(std::forward<C>(c)), progress(std::forward<R>(p)) {}
        [[no_unique_address]] Completed completed;
        [[no_unique_address]] Progress progress;
    };

    bool has_handler_for_last() const noexcept override { return !this->is_discarded(); }
    delivery call_completion_handler() override {
        return detail::deliver_to(handlers_->completed, std::move(*this->outcome_));
    }
    delivery call_progress_handler(const progress_changed_event_args<P>& what) override {
        return detail::deliver_to(handlers_->progress, what);
    }
    void destroy_handlers() noexcept override {
        handlers_.reset();
        this->outcome_.reset();
    }

    std::optional<handlers> handlers_; // touched by the reader only
};

/// An operation without handlers: its functions are posted one by one, and the last may be the completion.
class plain_operation final : public typed_operation<void, void> {
  public:
    plain_operation(any_synchronization_context&& home, eap::user_state&& id,
                    const operation_options& options, intrusive_ptr<operation_owner> owner)
        : typed_operation(std::move(home), std::move(id), options, std::move(owner)) {}

    bool complete_with(homebound_mailbox::message* last) override {
        struct discard_unless_sent {
            homebound_mailbox::message* last;
            ~discard_unless_sent() {
                if (last != nullptr)
                    last->discard();
            }
        };
        discard_unless_sent guard{last};
        if (!claim())
            return false;
        last_ = std::exchange(guard.last, nullptr);
        outcome_.emplace(user_state(), std::in_place);
        settle();
        return true;
    }

  private:
    ~plain_operation() override { destroy_handlers(); }

    bool has_handler_for_last() const noexcept override { return last_ != nullptr; }
    delivery call_completion_handler() override {
        if (last_ == nullptr)
            return delivery::nobody_there;
        last_->deliver(*this);
        return delivery::made;
    }
    delivery call_progress_handler(const progress_changed_event_args<void>&) override {
        return delivery::nobody_there;
    }
    void destroy_handlers() noexcept override {
        if (last_ != nullptr)
            std::exchange(last_, nullptr)->discard();
    }

    homebound_mailbox::message* last_ = nullptr; // written by whoever completed; then the reader's
};

} // namespace eap::detail

#endif
