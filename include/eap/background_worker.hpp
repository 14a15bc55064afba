// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – the .NET class, typed: one run at a time, its work and its ends as events.
#ifndef EAP_BACKGROUND_WORKER_HPP
#define EAP_BACKGROUND_WORKER_HPP

#include "eap/async_method.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp" // IWYU pragma: export: handlers take it
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sync.hpp"
#include "eap/do_work_event_args.hpp" // IWYU pragma: export: handlers take it
#include "eap/errors.hpp"
#include "eap/event.hpp"
#include "eap/operation_block.hpp"
#include "eap/progress_changed_event_args.hpp" // IWYU pragma: export: likewise
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// What a worker and its runs share.
///
/// Invariant     a request to stop is of one run: the one that is current when it is made, or the next one when there is none.
///               It ends with that run, and what comes when it has ended is of the next one. So they are under one lock.
template <class A, class R, class P> class worker_state : public reference_counted<worker_state<A, R, P>> {
    using operation = progress_operation<P>;

  public:
    event<do_work_event_args<A, R, P>&> do_work;
    std_sync::atomic<bool> reports_progress{false};
    std_sync::atomic<bool> supports_cancellation{false};

    /// The operation of the run that was started last; null before the first.
    intrusive_ptr<operation> last_run() const {
        const std::lock_guard lock{mutex_};
        return run_ ? run_ : last_run_;
    }
    bool cancellation_pending() const noexcept {
        return cancellation_pending_.load(std::memory_order_acquire);
    }

    /// False when that was asked for before.
    bool request_cancellation() noexcept {
        intrusive_ptr<operation> meant;
        {
            const std::lock_guard lock{mutex_};
            if (cancellation_pending_.exchange(true, std::memory_order_acq_rel))
                return false;
            meant = run_;
        }
        platform::step("ask the run to stop");
        if (meant)
            meant->request_stop();
        return true;
    }

    // Of one run after the other:
    void run_was_created(operation& its) noexcept {
        const intrusive_ptr<operation> kept{&its};
        {
            const std::lock_guard lock{mutex_};
            run_ = kept;
        }
        if (cancellation_pending())
            its.request_stop();
    }
    void run_never_began() noexcept {
        intrusive_ptr<operation> dies; // after the lock
        const std::lock_guard lock{mutex_};
        dies = std::move(run_);
    }
    void run_is_about_to_end() noexcept {
        intrusive_ptr<operation> dies; // after the lock
        const std::lock_guard lock{mutex_};
        dies = std::exchange(last_run_, std::move(run_));
        cancellation_pending_.store(false, std::memory_order_release);
    }

  private:
    mutable std_sync::mutex mutex_;
    intrusive_ptr<operation> run_; // guarded by mutex_; from its creation until it is about to be delivered
    intrusive_ptr<operation> last_run_;                  // guarded by mutex_; what has ended last
    std_sync::atomic<bool> cancellation_pending_{false}; // written under mutex_
};

/// The work of a worker's method: the handlers of do_work.
template <class A, class R, class P> struct worker_work {
    template <class... Argument> void operator()(async_operation<R, P>& operation, Argument&&... argument) {
        auto args = do_work_access::make<A, R, P>(operation, state->reports_progress,
                                                  std::forward<Argument>(argument)...);
        event_access::raise_up_to_exception(state->do_work, args);
        if (args.cancelled())
            operation.complete_cancelled();
        else
            complete(operation, do_work_access::result(args));
    }
    static void complete(async_operation<void, P>& operation, std::optional<bool>&) { operation.complete(); }
    template <class V> static void complete(async_operation<V, P>& operation, std::optional<V>& result) {
        if (result.has_value())
            operation.complete(*std::move(result));
        else if constexpr (std::is_default_constructible_v<V>)
            operation.complete(V{}); // .NET: null
        else
            throw invalid_operation{
                "eap: no handler of do_work set the result, and its type has no default; call set_result()"};
    }

    // what the method tells its work:
    void was_created(progress_operation<P>& run) noexcept { state->run_was_created(run); }
    void never_began() noexcept { state->run_never_began(); }
    void is_about_to_end() noexcept { state->run_is_about_to_end(); }

    intrusive_ptr<worker_state<A, R, P>> state;
};

template <class A, class R, class P> struct worker_method {
    using type = async_method<R(A), P, invocations::single>;
};
template <class R, class P> struct worker_method<void, R, P> {
    using type = async_method<R(), P, invocations::single>;
};

} // namespace detail

/// Runs its `do_work` handlers elsewhere, one run at a time, and brings progress and the end home. (.NET: BackgroundWorker)
///
/// Effects       a run's home is the context that is current when it is started. The handlers of `do_work` run one after the
///               other on the shared pool, or where the options say; an exception of one skips the later ones and is the run's
///               error, as it was thrown.
/// Guarantees    a start that throws has no effect, and leaves nothing busy. Busy ends, and so does a pending cancellation, just
///               before `run_worker_completed` is raised: a handler may start the next run.
/// Thread safety all members, from any threads, also from inside handlers.
/// Lifetime      may be destroyed at any time: a run is asked to stop, its `do_work` handlers go on until they see that, and no
///               handler of the other two events starts any more. Nothing blocks. So a `do_work` handler asks and reports by its
///               event args, which are there as long as it runs; the worker may not be.
template <class Argument = void, class Result = void, class P = void> class background_worker {
    using method = typename detail::worker_method<Argument, Result, P>::type;
    using state_type = detail::worker_state<Argument, Result, P>;
    struct no_argument {};
    using argument_type = std::conditional_t<std::is_void_v<Argument>, no_argument, Argument>;

    const detail::intrusive_ptr<state_type> state_{new state_type, detail::adopt_reference};
    method method_;

  public:
    explicit background_worker(async_method_options options = {})
        : method_(detail::worker_work<Argument, Result, P>{state_}, std::move(options)),
          do_work(state_->do_work), progress_changed(method_.progress_changed),
          run_worker_completed(method_.completed) {}
    background_worker(const background_worker&) = delete;
    background_worker& operator=(const background_worker&) = delete;

    /// The work: raised elsewhere, with no current context on the shared pool. (.NET: DoWork)
    event<do_work_event_args<Argument, Result, P>&>& do_work;
    /// Raised at home. (.NET: ProgressChanged)
    event<const progress_changed_event_args<P>&>& progress_changed;
    /// Raised at home, once for each run, after its last progress. (.NET: RunWorkerCompleted)
    event<const completed_event_args<Result>&>& run_worker_completed;

    /// Starts a run, and returns. (.NET: RunWorkerAsync)
    /// Errors        `invalid_operation` while it is busy; what the home, or the place of the work, refuses it with.
    void run_worker_async(argument_type argument, user_state state = {})
        requires(!std::is_void_v<Argument>)
    {
        static_cast<void>(method_.start(std::move(argument), std::move(state)));
    }
    void run_worker_async(user_state state = {})
        requires std::is_void_v<Argument>
    {
        static_cast<void>(method_.start(std::move(state)));
    }

    /// Tells how far the run is, from any thread: 0 to 100. Before the first run, `progress_changed` is raised here and now.
    /// False when the run's home is gone. (.NET: ReportProgress)
    /// Errors        `invalid_operation` unless `worker_reports_progress()`, and when the run has ended.
    bool report_progress(int percentage)
        requires std::is_void_v<P>
    {
        return report(percentage);
    }
    template <class V = P>
        requires(!std::is_void_v<P>) && std::constructible_from<P, V>
    bool report_progress(int percentage, V&& value) {
        return report(percentage, std::forward<V>(value));
    }

    /// Asks the run to stop, or the next one when there is none. True when that was asked for first; false, and nothing happens,
    /// unless `worker_supports_cancellation()`. Never throws. (.NET: CancelAsync, which throws then)
    bool cancel_async() noexcept { return worker_supports_cancellation() && state_->request_cancellation(); }

    bool is_busy() const noexcept { return method_.is_busy(); }
    /// Whether the run was asked to stop. (.NET: CancellationPending)
    bool cancellation_pending() const noexcept { return state_->cancellation_pending(); }

    // Both are false at first, and may be changed at any time.
    bool worker_reports_progress() const noexcept {
        return state_->reports_progress.load(std::memory_order_relaxed);
    }
    void set_worker_reports_progress(bool it_does) noexcept {
        state_->reports_progress.store(it_does, std::memory_order_relaxed);
    }
    bool worker_supports_cancellation() const noexcept {
        return state_->supports_cancellation.load(std::memory_order_relaxed);
    }
    void set_worker_supports_cancellation(bool it_does) noexcept {
        state_->supports_cancellation.store(it_does, std::memory_order_relaxed);
    }

    /// As that of `async_method`.
    template <class F>
        requires std::invocable<std::decay_t<F>&, const undelivered&>
    void on_undelivered(F&& function) {
        method_.on_undelivered(std::forward<F>(function));
    }

  private:
    template <class... V> bool report(int percentage, V&&... value) {
        detail::check_reports_progress(state_->reports_progress);
        if (const auto run = state_->last_run())
            return run->report(percentage, std::forward<V>(value)...);
        progress_changed(progress_changed_event_args<P>{user_state{}, percentage, std::forward<V>(value)...});
        return true;
    }
};

} // namespace eap

#endif
