// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – one asynchronous method of a component: start, cancel, completed, progress_changed.
#ifndef EAP_ASYNC_METHOD_HPP
#define EAP_ASYNC_METHOD_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp" // IWYU pragma: export: handlers take it
#include "eap/contexts/thread_pool.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"
#include "eap/event.hpp"
#include "eap/method_invocation.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_options.hpp"
#include "eap/operation_registry.hpp"
#include "eap/progress_changed_event_args.hpp" // IWYU pragma: export: likewise
#include "eap/run_on.hpp"
#include "eap/task_id_table.hpp"
#include "eap/tracked.hpp"
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace eap {

/// How many invocations of one `async_method` may be pending at once.
enum class invocations : unsigned char {
    single,   ///< one: a second start is refused, and `is_busy` tells
    multiple, ///< any number, told apart by their task ids
};

/// What may be chosen for a method; the defaults suit most.
struct async_method_options {
    any_synchronization_context where = {};        ///< where the work runs; empty: the shared pool
    pending_id on_pending_id = pending_id::reject; ///< for `invocations::multiple`
    operation_options operation = {};              ///< of each invocation: time-out, progress delivery, name
};

namespace detail {

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

} // namespace detail

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
        work_type work{shared, detail::arguments<Args...>{std::in_place, std::move(arguments)...}};
        const pending_id policy =
            I == invocations::single || !id.has_value() ? pending_id::reject : shared->options.on_pending_id;
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
