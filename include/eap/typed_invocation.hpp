// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – the typed part of an invocation: its method's work and events, its handlers, its turn.
#ifndef EAP_TYPED_INVOCATION_HPP
#define EAP_TYPED_INVOCATION_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_method_options.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"
#include "eap/event.hpp"
#include "eap/method_invocation.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_registry.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/tracked.hpp"
#include "eap/user_state.hpp"

#include <atomic>
#include <concepts>
#include <exception>
#include <functional>
#include <utility>

namespace eap::detail {

/// What a method and its invocations share; it outlives the method while one is pending.
template <class R, class P> class method_core : public reference_counted<method_core<R, P>> {
  public:
    explicit method_core(async_method_options o)
        : options(std::move(o)),
          registry(new operation_registry{any_synchronization_context{}}, adopt_reference) {}
    virtual ~method_core() = default;
    // Of `single`, in this order, the next invocation's after this one's: its operation has been made, and nobody knows of it
    // yet; then either its work never begins, and it never was, or it is about to be delivered, or never will be.
    virtual void was_created(progress_operation<P>& operation) noexcept = 0;
    virtual void never_began() noexcept = 0;
    virtual void is_about_to_end() noexcept = 0;

    const async_method_options options;
    const intrusive_ptr<operation_registry> registry;
    event<const completed_event_args<R>&> completed;
    event<const progress_changed_event_args<P>&> progress_changed;
    newest_invocations newest;
    std_sync::atomic<bool> is_busy{false}; // `single`: from start until just before `completed`
};

/// The same, and its work.
template <class R, class P, class... Args> class typed_method_core : public method_core<R, P> {
  public:
    using method_core<R, P>::method_core;
    virtual void run(async_operation<R, P>& operation, Args&&... arguments) = 0;
};

template <class Work, class R, class P, class... Args>
class method_core_of final : public typed_method_core<R, P, Args...> {
  public:
    template <class W>
    method_core_of(async_method_options chosen, W&& work)
        : typed_method_core<R, P, Args...>(std::move(chosen)), work_(std::forward<W>(work)) {}

    void run(async_operation<R, P>& operation, Args&&... arguments) override {
        if constexpr (std::invocable<Work&, async_operation<R, P>&, Args...>) {
            auto bound = [&](async_operation<R, P>& self) -> decltype(auto) {
                return std::invoke(work_, self, std::forward<Args>(arguments)...);
            };
            run_work(operation, bound);
        } else {
            auto bound = [&]() -> decltype(auto) {
                return std::invoke(work_, std::forward<Args>(arguments)...);
            };
            run_work(operation, bound);
        }
    }

    // A work may ask to hear of these.
    void was_created(progress_operation<P>& operation) noexcept override {
        if constexpr (requires { work_.was_created(operation); })
            work_.was_created(operation);
    }
    void never_began() noexcept override {
        if constexpr (requires { work_.never_began(); })
            work_.never_began();
    }
    void is_about_to_end() noexcept override {
        if constexpr (requires { work_.is_about_to_end(); })
            work_.is_about_to_end();
    }

  private:
    Work work_;
};

/// One invocation of a method with a result of type `R`.
template <class R, class P> class typed_invocation final : public method_invocation {
  public:
    typed_invocation(intrusive_ptr<method_core<R, P>> of, eap::user_state id)
        : method_invocation(of->newest, std::move(id)), core_(std::move(of)) {}

    /// The only one of its method until it is delivered.
    /// Errors        `invalid_operation` when there is another one.
    void occupy() {
        if (core_->is_busy.exchange(true, std::memory_order_acq_rel))
            throw invalid_operation{
                "eap: this method is busy with an invocation and runs one at a time; start it again when "
                "`completed` is raised, or make it one of multiple invocations"};
        turn_.store(turn::taken, std::memory_order_relaxed);
    }

    delivery deliver(const completed_event_args<R>& outcome) {
        if (give_turn_back() != turn::none) // begun, or its deadline came before that
            not_busy_any_more();
        if (core_->options.on_pending_id != pending_id::queue)
            leave();
        if (is_superseded()) {
            event_access::raise(core_->completed, completed_event_args<R>{outcome.user_state(), cancelled});
            return delivery::made; // what it came to is nobody's business any more
        }
        return event_access::raise(core_->completed, outcome);
    }
    delivery deliver(const progress_changed_event_args<P>& report) {
        return is_superseded() ? delivery::made : event_access::raise(core_->progress_changed, report);
    }
    void is_over() noexcept {
        if (const turn was = give_turn_back(); was == turn::begun)
            not_busy_any_more();
        else if (was == turn::taken)
            never_was();
        end();
    }
    /// Its work is about to be sent on its way; and that has failed: what was asked of it is asked of the next one.
    void begins() noexcept {
        turn expected = turn::taken; // else its deadline has come
        turn_.compare_exchange_strong(expected, turn::begun, std::memory_order_acq_rel,
                                      std::memory_order_relaxed);
    }
    void never_began() noexcept {
        if (give_turn_back() != turn::none)
            never_was();
    }

  private:
    /// Of an invocation that is the only one of its method.
    enum class turn : unsigned char { none, taken, begun };

    /// Whoever is first to do so sees to the rest.
    turn give_turn_back() noexcept { return turn_.exchange(turn::none, std::memory_order_acq_rel); }
    void not_busy_any_more() noexcept {
        core_->is_about_to_end(); // first: what comes when it is not busy any more is the next one's
        free();
    }
    void never_was() noexcept {
        core_->never_began();
        free();
    }
    void free() noexcept { core_->is_busy.store(false, std::memory_order_release); }

    const intrusive_ptr<method_core<R, P>> core_;
    std_sync::atomic<turn> turn_{turn::none};
};

/// The completed handler of an invocation's operation. When it dies, the invocation is over.
template <class R, class P> class invocation_completed {
  public:
    explicit invocation_completed(intrusive_ptr<typed_invocation<R, P>> of) noexcept
        : invocation_(std::move(of)) {}
    invocation_completed(invocation_completed&&) noexcept = default;
    invocation_completed& operator=(invocation_completed&&) = delete;
    ~invocation_completed() {
        if (invocation_)
            invocation_->is_over();
    }
    delivery try_invoke(const completed_event_args<R>& outcome) { return invocation_->deliver(outcome); }

  private:
    intrusive_ptr<typed_invocation<R, P>> invocation_; // null after a move
};

/// The progress handler.
template <class R, class P> struct invocation_progress {
    delivery try_invoke(const progress_changed_event_args<P>& report) { return invocation->deliver(report); }
    intrusive_ptr<typed_invocation<R, P>> invocation;
};

/// The work of an invocation, and its arguments.
template <class R, class P, class... Args> struct invocation_work {
    void operator()(async_operation<R, P>& operation) {
        kept.pass_to([&](Args&&... arguments) { core->run(operation, std::forward<Args>(arguments)...); });
    }
    method_invocation::working until_it_ends; // first, so that it goes last
    intrusive_ptr<typed_method_core<R, P, Args...>> core;
    arguments<Args...> kept;
};

/// As `try_run_on`, at the place that the options name.
template <class R, class P, class... Args>
std::exception_ptr begin_work(const any_synchronization_context& where, async_operation<R, P>& operation,
                              invocation_work<R, P, Args...>&& work) {
    return where.has_value() ? try_run_on(where, operation, std::move(work))
                             : try_run_on(thread_pool::shared(), operation, std::move(work));
}

/// An invocation that may have to wait behind another one.
template <class R, class P, class... Args> class invocation_turn final : public waiting_turn {
  public:
    invocation_turn(intrusive_ptr<typed_invocation<R, P>> of, invocation_work<R, P, Args...>&& w,
                    async_operation<R, P>&& o)
        : invocation_(std::move(of)), work(std::move(w)), operation(std::move(o)) {}

    void begin() noexcept override {
        if (!invocation_->take_turn())
            return;
        std::exception_ptr refusal;
        try {
            refusal = begin_work(work.core->options.where, operation, std::move(work));
        } catch (...) {
            refusal = std::current_exception();
        }
        if (refusal != nullptr &&
            !operation.completed()) // who started it is long gone: the refusal is the outcome
            operation.complete_error(std::move(refusal));
    }

  private:
    intrusive_ptr<typed_invocation<R, P>> invocation_;

  public: // for whoever finds that there is nothing to wait for
    invocation_work<R, P, Args...> work;
    async_operation<R, P> operation;
};

} // namespace eap::detail

#endif
