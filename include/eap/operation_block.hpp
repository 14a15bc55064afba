// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – the typed part of an operation: its value, its progress, its handlers. One block holds all of it.
#ifndef EAP_OPERATION_BLOCK_HPP
#define EAP_OPERATION_BLOCK_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/detail/latest_slot.hpp"
#include "eap/errors.hpp"
#include "eap/homebound_mailbox.hpp"
#include "eap/operation_options.hpp"
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
    void deliver(homebound_mailbox&) override {
        const std::unique_ptr<function_message> self{this};
        function_();
    }
    void discard() noexcept override { delete this; }

  private:
    friend std::default_delete<function_message>;
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
        auto& made = *new report_message(user_state(), percentage, std::forward<V>(value)...);
        note_percentage(made.what().progress_percentage());
        return (progress().keeps_every() ? send(made) : replace_latest(made)) == sent::on_its_way;
    }

  protected:
    using operation_state::operation_state;
    ~progress_operation() = default;

  private:
    class report_message final : public homebound_mailbox::message {
      public:
        template <class... V>
        explicit report_message(const eap::user_state& id, int percentage, V&&... value)
            : what_(id, percentage, std::forward<V>(value)...) {}
        const args& what() const noexcept { return what_; }
        void deliver(homebound_mailbox& from) override {
            const std::unique_ptr<report_message> self{this};
            static_cast<progress_operation&>(from).deliver_report(what_);
        }
        void discard() noexcept override { delete this; }

      private:
        friend std::default_delete<report_message>;
        ~report_message() = default;
        args what_;
    };

    struct newest_report final
        : homebound_mailbox::message { // sent, it says "come and take what is in the slot"
        void deliver(homebound_mailbox& from) override {
            if (report_message* const newest = slot.take())
                newest->deliver(from);
        }
        void discard() noexcept override {} // it lives in the block
        // If it waited, later reports would rely on it and send nothing: instead the next one is in charge.
        bool can_wait() const noexcept override { return false; }
        void take_back() noexcept override { slot.resign(); }

        latest_slot<report_message> slot;
    };

    virtual delivery call_progress_handler(const args& what) = 0;

    void deliver_report(const args& what) {
        if (this->is_discarded())
            return;
        if (call_progress_handler(what) == delivery::receiver_gone && stop_without_receiver())
            request_stop();
    }

    sent replace_latest(report_message& newest) {
        using put_as = latest_slot<report_message>::put_as;
        const auto result = newest_.slot.put(newest);
        if (result.became == put_as::refused) {
            newest.discard();
            return sent::closed;
        }
        if (result.replaced != nullptr)
            result.replaced->discard();
        const bool is_in_charge = result.became == put_as::sender_in_charge;
        return is_in_charge && may_send_newest() ? send_for_reader(at_refusal::rethrow) : sent::on_its_way;
    }

    /// By the sender in charge. Refused, what is in the slot stays the newest, and comes home with the next report
    /// or at the end.
    sent send_for_reader(at_refusal then) {
        const sent result = send(newest_, then);
        return result == sent::closed ? sent::on_its_way // the last reader finds it in the slot
                                      : result;
    }

    void throttle_expired() noexcept override {
        static_cast<void>(send_for_reader(at_refusal::say_so)); // to nobody: the next report sees for itself
    }

    void deliver_last_report() final {
        if (report_message* const newest = last_report())
            newest->deliver(*this);
    }
    void discard_last_report() noexcept final {
        if (report_message* const newest = last_report())
            newest->discard();
    }
    report_message* last_report() noexcept {
        return progress().keeps_every() ? nullptr : newest_.slot.close();
    }

    newest_report newest_; // in the mailbox at most once: sent by the sender in charge alone
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
    ~typed_operation() = default;

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
                    const operation_options& options, C&& completed, R&& progress)
        : typed_operation<T, P>(std::move(home), std::move(id), options),
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
                    const operation_options& options)
        : typed_operation(std::move(home), std::move(id), options) {}

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

    ~plain_operation() { destroy_handlers(); }

  private:
    bool has_handler_for_last() const noexcept override { return last_ != nullptr; }
    delivery call_completion_handler() override {
        if (last_ == nullptr)
            return delivery::nobody_there;
        std::exchange(last_, nullptr)->deliver(*this);
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
