// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – what begin_invoke returns: poll, wait, end. Decides who may have the outcome; knows nothing about targets.
#ifndef EAP_ASYNC_CALL_HPP
#define EAP_ASYNC_CALL_HPP

#include "eap/call_state.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/call_word.hpp"
#include "eap/detail/deadline.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/wakeups.hpp"
#include "eap/errors.hpp"
#include "eap/typed_call.hpp"
#include "eap/unobserved_error.hpp" // IWYU pragma: export: what becomes of a call that is never ended
#include "eap/user_state.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap {

template <class Signature = void> class async_call;

namespace detail {
struct call_access;
}

/// A handle to one asynchronous call, whatever its signature: poll it, wait for it, cancel it.
/// (.NET: IAsyncResult; that name is Boost.Asio's here)
///
/// Guarantees    once `is_completed()` is true, or a wait has returned, all that the call wrote is visible.
/// Waiting       no wait throws the call's error. A wait without a limit, on a thread of the place that the call is bound to,
///               or on any thread_pool's thread for a call bound to some thread_pool, runs the call itself when it has not
///               begun. Every other wait only waits: with a limit it could not keep its time. (The thread of an event_loop is
///               the one that runs it, or has last run it: a loop that has never run has none.) On the thread that is running
///               the call, any wait throws `would_deadlock`.
/// Thread safety all of the call, from any threads; a handle itself as any value.
/// Errors        A handle that was default-constructed or moved from names no call: using it throws
///               `invalid_operation`.
/// Lifetime      Handles are copies of each other. The call goes on when the last one dies; if it ends with an error that
///               was never fetched, on_unobserved_error's function is told.
template <> class async_call<void> {
  public:
    async_call() noexcept = default;

    /// Whether it names a call.
    bool has_value() const noexcept { return static_cast<bool>(state_); }
    /// Whether they name the same call.
    bool operator==(const async_call&) const noexcept = default;

    /// Whether the outcome is there to be fetched. (.NET: IsCompleted)
    bool is_completed() const { return state().has_reached(milestone::completed); }
    /// Always false: a call reaches its target by way of a context. (.NET: CompletedSynchronously, likewise for delegates)
    bool completed_synchronously() const { return static_cast<void>(state()), false; }
    /// Whether some end call has begun, be it that it still waits. (.NET: EndInvokeCalled)
    bool end_invoke_called() const { return state().end_called(); }
    /// What was given to begin_invoke for the caller's own use. (.NET: AsyncState)
    const user_state& async_state() const& { return state().user_state(); }
    user_state async_state() && {
        return state().user_state();
    } // a copy: the call may be gone with this handle

    /// Waits for the outcome. (.NET: AsyncWaitHandle.WaitOne)
    void wait() const { state().wait(); }
    /// The same, with a limit; true when the outcome is there. (.NET: WaitOne(TimeSpan))
    template <class Rep, class Period> bool wait_for(std::chrono::duration<Rep, Period> time) const {
        return wait_until(detail::deadline_after(time));
    }
    template <class Clock, class Duration>
    bool wait_until(std::chrono::time_point<Clock, Duration> time) const {
        return state().wait(time);
    }

    /// Waits until the callback has returned, or is known never to run; without one, until the call is complete.
    /// Errors        also `would_deadlock` on a thread of the callback's home.
    void wait_callback() const { state().wait_handled(); }
    template <class Rep, class Period> bool wait_callback_for(std::chrono::duration<Rep, Period> time) const {
        return wait_callback_until(detail::deadline_after(time));
    }
    template <class Clock, class Duration>
    bool wait_callback_until(std::chrono::time_point<Clock, Duration> time) const {
        return state().wait_handled(time);
    }

    /// Asks the target to stop, by the std::stop_token that it takes; one that takes none does not hear of it. A call that has not begun never runs and is complete
    /// at once: ending it throws `operation_cancelled`. True when this was the first request and the outcome was open.
    bool cancel() const { return state().cancel(); }

  protected:
    using milestone = detail::call_state::milestone;

    explicit async_call(detail::intrusive_ptr<detail::call_state> state) noexcept
        : state_(std::move(state)) {}

    detail::call_state& state() const {
        if (!state_)
            throw invalid_operation{
                "eap: this async_call names no call; use the one that begin_invoke returned"};
        return *state_;
    }

  private:
    friend detail::call_access;
    detail::intrusive_ptr<detail::call_state> state_; // null when it names no call
};

/// A call of type `R(Args...)`: also ends it. (.NET: IAsyncResult, and the delegate's EndInvoke)
///
/// Effects       ending waits for the outcome and takes it: a value is moved out, an error is thrown as it was thrown, and
///               the variables given for the `T&` parameters, in order, get what they have become. When the call failed
///               they are left alone. What moving the value or assigning a variable throws leaves the call ended.
/// Requires      moving the value, or assigning a variable, does not let go of the last handle to the call.
/// Errors        `invalid_operation`, at once, when the call has been ended before, or is being ended by another thread;
///               `would_deadlock` on the thread that is running it, which ends nothing.
template <class R, class... Args> class async_call<R(Args...)> : public async_call<> {
  public:
    using result_type = R;

    async_call() noexcept = default;

    /// The result, or the call's error as an exception: `operation_cancelled` when it was cancelled,
    /// `operation_abandoned` when its place lost it. (.NET: EndInvoke)
    template <class... Outs> R end_invoke(Outs&... outs) const {
        if constexpr (check_outs<Outs...>())
            return call().end(outs...);
    }

    /// The same, but the call's error comes as a value.
    template <class... Outs> [[nodiscard]] completed_event_args<R> try_end_invoke(Outs&... outs) const {
        if constexpr (check_outs<Outs...>())
            return call().try_end(outs...);
    }

  private:
    friend detail::call_access;
    explicit async_call(detail::intrusive_ptr<detail::call_state> state) noexcept
        : async_call<>(std::move(state)) {}

    template <class... Outs> static constexpr bool check_outs() {
        constexpr bool fits = std::is_same_v<detail::type_list<Outs...>, detail::outs_of<Args...>>;
        static_assert(
            fits,
            "eap: ending a call takes a variable for each T& parameter of its signature, of that very type "
            "and in that order, and none for the others");
        return fits;
    }
    detail::typed_call<R(Args...)>& call() const {
        return static_cast<detail::typed_call<R(Args...)>&>(state());
    }
};

namespace detail {

/// Makes handles, and looks into them.
struct call_access {
    template <class Signature> static async_call<Signature> make(intrusive_ptr<call_state> state) noexcept {
        return async_call<Signature>{std::move(state)};
    }
    static call_state& state(const async_call<>& call) { return call.state(); }
    static std::size_t hash(const async_call<>& call) noexcept {
        return std::hash<const void*>{}(call.state_.get());
    }
    template <class Signature> static typed_call<Signature>& typed(const async_call<Signature>& call) {
        return call.call();
    }
};

using call_list =
    std::span<const intrusive_ptr<call_state>>; // kept: a target that is run here may drop the handles

inline std::optional<std::size_t> find_completed(call_list calls) noexcept {
    const auto found = std::ranges::find_if(
        calls, [](const auto& each) { return each->has_reached(call_state::milestone::completed); });
    return found == calls.end() ? std::nullopt
                                : std::optional{static_cast<std::size_t>(found - calls.begin())};
}

/// The index of a completed one; empty when there was none by `time`.
template <class... Time> std::optional<std::size_t> wait_for_any(call_list calls, Time... time) {
    if (calls.empty())
        throw std::invalid_argument{
            "eap: wait_any was given no calls, and would wait for ever; give it one or more"};
    if (const auto found = find_completed(calls))
        return found;
    if (std::ranges::all_of(calls, [](const auto& each) { return each->is_inside(); }))
        calls.front()->refuse_wait_inside();
    if constexpr (sizeof...(time) == 0)
        if (std::ranges::none_of(calls, [](const auto& each) { return each->has_begun(); }) &&
            std::ranges::any_of(calls, [](const auto& each) { return each->help(); }))
            return find_completed(calls);
    struct sleep_on_several {
        ~sleep_on_several() { leave_all(sleepers, here); }
        wakeups<> here;
        std::list<call_state::sleeper> sleepers;
    };
    sleep_on_several sleep;
    for (const auto& each : calls)
        sleep.sleepers.emplace_back(*each, sleep.here);
    platform::step("wait for any of several calls");
    if constexpr (sizeof...(time) == 0)
        sleep.here.wait();
    else
        sleep.here.wait_until(time...);
    return find_completed(calls);
}

/// False when one of them was not complete by `time`.
template <class... Time> bool wait_for_all(call_list calls, Time... time) {
    for (const auto& each : calls)
        if (!each->has_reached(call_state::milestone::completed))
            each->refuse_wait_inside();
    if constexpr (sizeof...(time) == 0)
        for (const auto& each : calls)
            each->help(); // first: one that runs elsewhere may wait for one that only this thread can run
    return std::ranges::all_of(calls, [&](const auto& each) { return each->wait(time...); });
}

template <class Range>
concept range_of_calls =
    std::ranges::input_range<const Range> &&
    std::convertible_to<std::ranges::range_reference_t<const Range>, const async_call<>&> &&
    std::is_lvalue_reference_v<std::ranges::range_reference_t<const Range>>;
template <class Call>
concept some_call = std::derived_from<Call, async_call<>>;

template <some_call... Calls>
std::array<intrusive_ptr<call_state>, sizeof...(Calls)> states_of(const Calls&... calls) {
    return {intrusive_ptr<call_state>{&call_access::state(calls)}...};
}
template <range_of_calls Range> std::vector<intrusive_ptr<call_state>> states_of(const Range& calls) {
    std::vector<intrusive_ptr<call_state>> all;
    for (const async_call<>& each : calls)
        all.emplace_back(&call_access::state(each));
    return all;
}

template <class... Calls>
concept calls = (sizeof...(Calls) != 0 && (some_call<Calls> && ...)) ||
                (sizeof...(Calls) == 1 && (range_of_calls<Calls> && ...));

} // namespace detail

/// Waits until one of the calls is complete, and returns its index: of calls of any signatures, or of a range of them
/// (`std::vector<async_call<>>` holds any). (.NET: WaitHandle.WaitAny)
///
/// Waiting       as `async_call::wait`. When none of the calls has begun, the first that may run on this thread is run.
/// Errors        std::invalid_argument for an empty range; `would_deadlock` when this thread is running all of them.
template <class... Calls>
    requires detail::calls<Calls...>
std::size_t wait_any(const Calls&... calls) {
    return detail::wait_for_any(detail::states_of(calls...)).value();
}
/// The same, with a limit; empty when that came first.
template <class Clock, class Duration, class... Calls>
    requires detail::calls<Calls...>
std::optional<std::size_t> wait_any_until(std::chrono::time_point<Clock, Duration> time,
                                          const Calls&... calls) {
    return detail::wait_for_any(detail::states_of(calls...), time);
}
template <class Rep, class Period, class... Calls>
    requires detail::calls<Calls...>
std::optional<std::size_t> wait_any_for(std::chrono::duration<Rep, Period> time, const Calls&... calls) {
    return eap::wait_any_until(detail::deadline_after(time), calls...);
}

/// Waits until all of the calls are complete: of any signatures, or a range of them. (.NET: WaitHandle.WaitAll)
///
/// Waiting       as `async_call::wait`, for one after the other.
/// Errors        `would_deadlock` when this thread is running one of them.
template <class... Calls>
    requires detail::calls<Calls...>
void wait_all(const Calls&... calls) {
    detail::wait_for_all(detail::states_of(calls...));
}
/// The same, with a limit; false when that came first.
template <class Clock, class Duration, class... Calls>
    requires detail::calls<Calls...>
bool wait_all_until(std::chrono::time_point<Clock, Duration> time, const Calls&... calls) {
    return detail::wait_for_all(detail::states_of(calls...), time);
}
template <class Rep, class Period, class... Calls>
    requires detail::calls<Calls...>
bool wait_all_for(std::chrono::duration<Rep, Period> time, const Calls&... calls) {
    return eap::wait_all_until(detail::deadline_after(time), calls...);
}

} // namespace eap

/// Of the call that a handle names: handles of one call are equal.
template <class Signature> struct std::hash<eap::async_call<Signature>> {
    std::size_t operator()(const eap::async_call<Signature>& call) const noexcept {
        return eap::detail::call_access::hash(call);
    }
};

#endif
