// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. Calls and operations in coroutines, of any C++20 coroutine type. Decides where a coroutine goes on.
#ifndef EAP_ADAPTORS_AWAITABLE_HPP
#define EAP_ADAPTORS_AWAITABLE_HPP

#include "eap/anchor.hpp"
#include "eap/async_call.hpp"
#include "eap/async_operation.hpp"
#include "eap/call_state.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/current_context.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/sync.hpp"
#include "eap/operation_options.hpp"
#include "eap/operation_state.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/tracked.hpp"
#include "eap/unmanaged_operation.hpp"
#include "eap/work.hpp"

#include <concepts>
#include <coroutine>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

// A coroutine that waits is the client of an operation: its home is the context where the coroutine goes on, its completion handler
// resumes. So what holds of operations holds of coroutines: once, in order, at home, and not when the receiver is gone.

/// How a coroutine falls asleep and is woken. The last member of its awaiter, and so in the coroutine's own memory.
///
/// Race table    falling asleep against waking: whoever comes second lets the coroutine go on; the sleeper by not sleeping, on the
///               thread where it is, whose context is the home.
///               waking against the end of the coroutine: the anchor lets the waker finish, or not enter.
///               an exception on the way to sleep: it stays awake, and the waker finds nobody asleep.
class suspension {
  public:
    /// Calls `start()`, which sees to a waking, and says whether the coroutine sleeps then. Nothing here may be touched after.
    template <class Start> bool suspend(std::coroutine_handle<> sleeper, Start&& start) {
        sleeper_ = sleeper;
        std::forward<Start>(start)();
        return phase_.exchange(phase::asleep, std::memory_order_acq_rel) == phase::awake;
    }
    bool is_woken() const noexcept { return phase_.load(std::memory_order_acquire) == phase::woken; }

    /// The handler that wakes it, once `arrive(args...)` has put away what came. Whoever destroys the coroutine waits for that, but
    /// not for the coroutine, which may end in here.
    template <class Arrive> auto waker(Arrive arrive) { return waking<Arrive>{*this, std::move(arrive)}; }
    /// A handler for what comes meanwhile.
    template <class F> auto meanwhile(F&& function) {
        return tracked(anchor_.watched(), std::forward<F>(function));
    }

  private:
    enum class phase : unsigned char { awake, asleep, woken };

    template <class Arrive> class waking {
      public:
        waking(suspension& what, Arrive arrive)
            : receiver_(what.anchor_.watched()), what_(&what), arrive_(std::move(arrive)) {}

        template <class Args> bool try_invoke(Args&& args) {
            std::coroutine_handle<> sleeper;
            {
                const auto alive = receiver_.lock();
                if (!alive)
                    return false;
                arrive_(std::forward<Args>(args));
                if (what_->phase_.exchange(phase::woken, std::memory_order_acq_rel) == phase::asleep)
                    sleeper = what_->sleeper_;
            }
            if (sleeper)
                sleeper.resume();
            return true;
        }
        template <class Args> void operator()(Args&& args) {
            static_cast<void>(try_invoke(std::forward<Args>(args)));
        }

      private:
        anchor::watch receiver_;
        suspension* what_; // the receiver's
        Arrive arrive_;
    };

    std::coroutine_handle<> sleeper_; // written before `asleep`
    std_sync::atomic<phase> phase_{phase::awake};
    anchor anchor_; // last
};

/// Calls a function when a stop is requested, until it is destroyed.
template <class F> class stop_link {
  public:
    void arm(const std::stop_token& token, F function) {
        if (token.stop_possible())
            callback_.emplace(token, std::move(function));
    }

  private:
    std::optional<std::stop_callback<F>> callback_;
};

struct cancel_call {
    void operator()() const noexcept { static_cast<void>(call.cancel()); }
    async_call<> call;
};
struct cancel_operation {
    void operator()() const noexcept { operation->request_stop(); }
    intrusive_ptr<operation_state> operation;
};

template <class Signature> inline constexpr bool gives_variables_back = false;
template <class R, class... Args>
inline constexpr bool gives_variables_back<R(Args...)> = (is_out<Args> || ...);

/// Without a signature it waits, and leaves the end of the call to others.
template <class Signature> class [[nodiscard]] call_awaiter {
    static_assert(!gives_variables_back<Signature>,
                  "eap: this call has T& parameters, and co_await gives only its result; wait by `co_await "
                  "eap::async_call<>{call};` and then end it with end_invoke");
    static constexpr bool ends = !std::is_void_v<Signature> && !gives_variables_back<Signature>;

  public:
    explicit call_awaiter(async_call<Signature> call, std::stop_token stop = {})
        : call_(std::move(call)), stop_(std::move(stop)) {}
    call_awaiter(const call_awaiter&) = delete;
    call_awaiter& operator=(const call_awaiter&) = delete;
    ~call_awaiter() {
        if (owes_end_)
            call_access::state(call_).give_end_back();
    }

    bool await_ready() {
        auto& state = call_access::state(call_);
        if constexpr (ends) {
            state.claim_end();
            owes_end_ = true;
        }
        return state.has_reached(call_state::milestone::completed);
    }
    bool await_suspend(std::coroutine_handle<> sleeper) {
        return suspension_.suspend(sleeper, [this] {
            stop_link_.arm(stop_, {call_});
            auto operation = create_unmanaged_operation<void, void>(
                current_context(), suspension_.waker([](const completed_event_args<>&) {}), ignore_progress{},
                operation_options{});
            call_access::state(call_).when_completed(
                make_work([operation = std::move(operation)]() mutable { operation.complete(); }));
        });
    }
    decltype(auto) await_resume() {
        if constexpr (ends) {
            owes_end_ = false;
            return call_access::typed(call_).take_outcome();
        }
    }

  private:
    const async_call<Signature> call_;
    const std::stop_token stop_;
    bool owes_end_ = false; // the end is claimed, and the outcome not taken
    stop_link<cancel_call> stop_link_;
    suspension suspension_; // last
};

/// What `start_operation` was given.
template <class T, class P, class Start, class Progress> struct operation_to_start {
    Start start;
    Progress progress;
    operation_options options;
    std::stop_token stop{};

    auto operator co_await() &&;
};

template <class T, class P, class Start, class Progress> class [[nodiscard]] operation_awaiter {
  public:
    explicit operation_awaiter(operation_to_start<T, P, Start, Progress>&& what) : what_(std::move(what)) {}
    operation_awaiter(const operation_awaiter&) = delete;
    operation_awaiter& operator=(const operation_awaiter&) = delete;
    ~operation_awaiter() {
        if (operation_ && !suspension_.is_woken())
            operation_->request_stop(); // nobody is left who would want the outcome
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> sleeper) {
        return suspension_.suspend(sleeper, [this] {
            auto operation = create_unmanaged_operation<T, P>(
                current_context(), suspension_.waker([this](completed_event_args<T>&& args) {
                    outcome_.emplace(std::move(args));
                }),
                suspension_.meanwhile(std::move(what_.progress)), what_.options);
            operation_ = operation_access::state(operation);
            stop_link_.arm(what_.stop, {operation_});
            std::invoke(std::move(what_.start), std::move(operation));
        });
    }
    T await_resume() { return std::move(*outcome_).result(); }

  private:
    operation_to_start<T, P, Start, Progress> what_;
    intrusive_ptr<operation_state> operation_; // null until there is one
    stop_link<cancel_operation> stop_link_;
    std::optional<completed_event_args<T>> outcome_; // written by the waker
    suspension suspension_;                          // last
};

template <class T, class P, class Start, class Progress>
auto operation_to_start<T, P, Start, Progress>::operator co_await() && {
    return operation_awaiter<T, P, Start, Progress>{std::move(*this)};
}

template <synchronization_context C> class [[nodiscard]] resume_awaiter {
  public:
    explicit resume_awaiter(C where) : where_(std::move(where)) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> sleeper) {
        const C where = where_; // on this stack: when `post` returns, the coroutine may be gone
        where.post([sleeper, receiver = anchor_.watched(), where] {
            if (!receiver.lock()) // let go again at once: the coroutine may end in here
                return;
            std::optional<scoped_context>
                here; // a foreign context does not say where its functions run: we do
            if (!scoped_context::is_set())
                here.emplace(where);
            sleeper.resume();
        });
    }
    void await_resume() const noexcept {}

  private:
    const C where_;
    anchor anchor_; // last
};

} // namespace detail

/// `R r = co_await call;` waits for a call without blocking, and ends it.
///
/// Effects       the coroutine goes on at the context that is current where it waits, the shared pool when there is none; at once,
///               when the call is complete by then. It gets the value, or the exception that ending the call would throw.
///               That context hears of the wait as of an operation: an event_loop runs on until it is over. A context that has
///               gone by then cannot resume it: the coroutine stays asleep, for its owner to destroy. (C#: await)
/// Errors        `invalid_operation` when the call has been, or is being, ended, or the handle names none; what creating an
///               operation throws. Then the call is as before. For a call with `T&` parameters wait for an `async_call<>` of it,
///               and end it after that.
/// Lifetime      The coroutine may be destroyed while it waits: where it would go on, or where nothing else can resume it. The
///               call goes on, and may be ended by others.
template <class R, class... Args>
detail::call_awaiter<R(Args...)> operator co_await(const async_call<R(Args...)>& call) {
    return detail::call_awaiter<R(Args...)>{call};
}
/// `co_await async_call<>{call};` only waits: the call can be ended after that, and by anyone.
inline detail::call_awaiter<void> operator co_await(const async_call<>& call) {
    return detail::call_awaiter<void>{call};
}

/// `co_await start_operation<T>(start)`: an operation whose client is the coroutine.
///
/// Requires      `start(operation)` takes an `async_operation<T, P>`, by value or `&&`, and sees to its end: by `run_on`, on a thread
///               of its own, anyhow. `progress`, if it is given, takes a `const progress_changed_event_args<P>&`.
/// Effects       the home of the operation is the context that is current where the coroutine waits. There `progress` is called
///               for each report, and then the coroutine goes on, with the value, or the error as an exception:
///               `operation_cancelled` when it was cancelled. When the coroutine is destroyed meanwhile, a stop is requested and
///               nothing is called any more. Where it goes on, and what of a context that is gone: as for a call.
/// Errors        what creating an operation throws, and what `start` throws; the operation that it was given then ends unheard.
template <class T = void, class P = void, class Start, class Progress = ignore_progress>
    requires(!std::same_as<std::remove_cvref_t<Progress>, operation_options>)
[[nodiscard]] auto start_operation(Start&& start, Progress&& progress = {}, operation_options options = {}) {
    static_assert(std::invocable<std::decay_t<Start>, async_operation<T, P>&&>,
                  "eap: the function given to start_operation<T, P> must be callable with an "
                  "async_operation<T, P>, which it takes by value or by &&");
    static_assert(std::invocable<std::decay_t<Progress>&, const progress_changed_event_args<P>&>,
                  "eap: the progress handler must be callable with the operation's const "
                  "progress_changed_event_args<P>&, with the P that start_operation<T, P> names");
    return detail::operation_to_start<T, P, std::decay_t<Start>, std::decay_t<Progress>>{
        std::forward<Start>(start), std::forward<Progress>(progress), options};
}
template <class T = void, class P = void, class Start>
[[nodiscard]] auto start_operation(Start&& start, const operation_options& options) {
    return eap::start_operation<T, P>(std::forward<Start>(start), ignore_progress{}, options);
}

/// `co_await cancel_when(token, call)`, or `(token, start_operation<T>(...))`: waits as without it; when a stop is requested by the
/// token meanwhile, or has been, cancels the call, or asks the operation to stop. It waits for the end all the same.
template <class Signature>
detail::call_awaiter<Signature> cancel_when(std::stop_token token, const async_call<Signature>& call) {
    return detail::call_awaiter<Signature>{call, std::move(token)};
}
template <class T, class P, class Start, class Progress>
[[nodiscard]] auto cancel_when(std::stop_token token,
                               detail::operation_to_start<T, P, Start, Progress>&& operation) {
    operation.stop = std::move(token);
    return std::move(operation);
}

/// `co_await resume_on(context);` goes on there. (C#: an awaitable SynchronizationContext)
///
/// Errors        what `post` throws, such as `context_closed`: the coroutine gets that where it was. When the place loses what was
///               posted later, the coroutine stays asleep, for its owner to destroy.
template <class C>
    requires synchronization_context<std::remove_cvref_t<C>>
[[nodiscard]] auto resume_on(C&& where) {
    return detail::resume_awaiter<std::remove_cvref_t<C>>{std::forward<C>(where)};
}

} // namespace eap

#endif
