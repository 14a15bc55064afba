// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – one asynchronous method of a component: start, cancel, completed, progress_changed.
#ifndef EAP_ASYNC_METHOD_HPP
#define EAP_ASYNC_METHOD_HPP

#include "eap/async_method_options.hpp" // IWYU pragma: export: part of its interface
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp" // IWYU pragma: export: handlers take it
#include "eap/detail/arguments.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"
#include "eap/event.hpp"
#include "eap/method_invocation.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_registry.hpp"
#include "eap/progress_changed_event_args.hpp" // IWYU pragma: export: likewise
#include "eap/task_id_table.hpp"
#include "eap/typed_invocation.hpp"
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace eap {

/// A method that runs elsewhere: started here, its progress and its one completion come home as events.
/// (.NET: MethodNameAsync, MethodNameCompleted, MethodNameProgressChanged, and the bookkeeping behind them)
///
/// Requires      the work is called as `work(async_operation<R, P>&, args...)` or `work(args...)`; as that of `run_on`, what it
///               returns or throws becomes the outcome. It must outlive the method if it is still running when that dies.
/// Effects       each invocation is an operation. Its home is the context that is current when it is started.
/// Guarantees    a start that throws has no effect: nothing runs, nothing is delivered, nothing is left busy. Handlers are those
///               that are subscribed when an event is raised.
/// Thread safety all members, from any threads, also from inside handlers.
/// Lifetime      may be destroyed at any time, also inside a handler: the pending invocations are asked to stop, and no handler
///               starts any more. Nothing blocks. What the handlers captured must live until those that run have returned.
template <class Signature, class P = void, invocations I = invocations::multiple> class async_method;

template <class R, class... Args, class P, invocations I> class async_method<R(Args...), P, I> {
    static_assert((!detail::is_out<Args> && ...), "eap: an async_method has no in-out parameters, since "
                                                  "nobody waits for them; let the parameter be a value, and "
                                                  "what becomes of it a part of the result");

    using core = detail::typed_method_core<R, P, Args...>;
    using invocation = detail::typed_invocation<R, P>;
    using work_type = detail::invocation_work<R, P, Args...>;

  public:
    template <class Work>
        requires(!std::same_as<std::remove_cvref_t<Work>, async_method>)
    explicit async_method(Work&& work, async_method_options options = {})
        : async_method(make_core(std::forward<Work>(work), std::move(options))) {}
    async_method(const async_method&) = delete;
    async_method& operator=(const async_method&) = delete;
    ~async_method() {
        core_->registry->close();
        detail::event_access::retire(completed);
        detail::event_access::retire(progress_changed);
    }

    /// Begins an invocation. False when `pending_id::join` found one whose completion will be that of both.
    /// (.NET: MethodNameAsync)
    /// Errors        for `multiple`, `duplicate_task_id` when the id is that of a pending invocation, unless the options say
    ///               otherwise; for `single`, `invalid_operation` while one is pending. What the home, or the place where the
    ///               work is to run, refuses it with; what copying the arguments throws.
    bool start(detail::argument_t<Args>... arguments, user_state id = {}) const {
        static_assert((detail::is_checked<Args> && ...));
        const auto shared = core_; // an inline home may run a handler that destroys the method
        const detail::intrusive_ptr<invocation> made{new invocation{shared, id}, detail::adopt_reference};
        if constexpr (I == invocations::single)
            made->occupy();
        detail::invocation_completed<R, P> when_completed{made}; // from here on, it is over when this dies
        const pending_id policy =
            I == invocations::single || !id.has_value() ? pending_id::reject : shared->options.on_pending_id;
        work_type work{policy == pending_id::queue ? detail::method_invocation::working{made}
                                                   : detail::method_invocation::working{},
                       shared, detail::arguments<Args...>{std::in_place, std::move(arguments)...}};
        const bool meets_others = policy == pending_id::supersede || policy == pending_id::queue;
        std::optional<detail::newest_invocations::start> meeting;
        if (meets_others)
            meeting.emplace(shared->newest, id);
        try {
            auto operation = detail::create_operation<R, P>(
                shared->registry, meets_others ? detail::task_ids::shared : detail::task_ids::unique, id,
                shared->options.operation, [&](auto&&... common) {
                    using block = detail::operation_block<R, P, detail::invocation_completed<R, P>,
                                                          detail::invocation_progress<R, P>>;
                    auto* const its = detail::reserved_postable::make<block>(
                        std::move(common)..., std::move(when_completed),
                        detail::invocation_progress<R, P>{made});
                    if constexpr (I == invocations::single)
                        shared->was_created(*its);
                    return its;
                });
            begin(*made, std::move(operation), std::move(work), policy, meeting);
        } catch (const duplicate_task_id&) {
            if (policy != pending_id::join)
                throw;
            return false;
        } catch (...) {
            made->never_began();
            throw;
        }
        return true;
    }

    /// Asks the pending invocation with this id to stop; with an empty id, every one without. True when a first request was
    /// recorded while the outcome was open. Never throws. (.NET: CancelAsync, MethodNameAsyncCancel)
    bool cancel(const user_state& id) const noexcept { return core_->registry->cancel(id); }
    /// Asks all of them. The number of requests recorded.
    std::size_t cancel_all() const noexcept { return core_->registry->cancel_all(); }
    /// The invocations whose `completed` handlers have not returned yet.
    std::size_t pending() const { return core_->registry->pending(); }

    /// Whether an invocation is pending: from its start until just before `completed` is raised. (.NET: IsBusy)
    bool is_busy() const noexcept
        requires(I == invocations::single)
    {
        return core_->is_busy.load(std::memory_order_acquire);
    }

    /// As that of an `operation_manager`: has `function(const undelivered&)` called for each outcome that reached no handler: the
    /// home was gone, all subscribers of `completed` have lost their receivers, or nobody subscribed and it was an error.
    template <class F>
        requires std::invocable<std::decay_t<F>&, const undelivered&>
    void on_undelivered(F&& function) const {
        detail::check_handler(function, "on_undelivered");
        core_->registry->on_undelivered(std::forward<F>(function));
    }

  private:
    template <class Work>
    static detail::intrusive_ptr<core> make_core(Work&& work, async_method_options options) {
        using given = std::decay_t<Work>;
        static_assert(
            std::invocable<given&, async_operation<R, P>&, Args...> || std::invocable<given&, Args...>,
            "eap: the work of an async_method must be callable as work(operation, arguments...) or as "
            "work(arguments...), with the parameters of its signature");
        if (detail::is_empty_function(work))
            throw std::invalid_argument{
                "eap: the work of an async_method is an empty function; give it one that can be called"};
        return {
            new detail::method_core_of<given, R, P, Args...>{std::move(options), std::forward<Work>(work)},
            detail::adopt_reference};
    }
    explicit async_method(detail::intrusive_ptr<core> c) noexcept
        : core_(std::move(c)), completed(core_->completed), progress_changed(core_->progress_changed) {}

    /// Sends the work on its way, or lets it wait. When it is refused, the invocation never was.
    static void begin(invocation& made, async_operation<R, P>&& operation, work_type&& work,
                      pending_id policy, std::optional<detail::newest_invocations::start>& meeting) {
        const auto shared = work.core;
        std::exception_ptr refusal;
        made.begins();
        try {
            if (policy == pending_id::queue) {
                auto* const turn = new detail::invocation_turn<R, P, Args...>{
                    detail::intrusive_ptr<invocation>{&made}, std::move(work), std::move(operation)};
                std::unique_ptr<detail::waiting_turn> waits{turn};
                if (meeting->queue_behind(made, waits))
                    return;
                operation = std::move(turn->operation);
                refusal = detail::begin_work(shared->options.where, operation, std::move(turn->work));
            } else {
                if (policy == pending_id::supersede) // before it can come to anything
                    meeting->enter(made, detail::operation_access::state(operation));
                refusal = detail::begin_work(shared->options.where, operation, std::move(work));
            }
        } catch (...) {
            refusal = std::current_exception();
        }
        if (refusal != nullptr) {
            made.never_began();
            if (detail::operation_access::discard(std::move(operation))) {
                if (policy == pending_id::supersede)
                    meeting->take_back(made);
                std::rethrow_exception(refusal);
            }
        }
        made.supersede_older(); // last: a start that fails leaves the older one alone
    }

    const detail::intrusive_ptr<core> core_;

  public:
    /// Raised at home, once for each invocation. (.NET: MethodNameCompleted)
    event<const completed_event_args<R>&>& completed;
    /// Raised at home, before `completed`. (.NET: ProgressChanged)
    event<const progress_changed_event_args<P>&>& progress_changed;
};

} // namespace eap

#endif
