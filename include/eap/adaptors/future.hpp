// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. A call, or an operation, as a std::future: for code that knows nothing else, and can afford to block.
#ifndef EAP_ADAPTORS_FUTURE_HPP
#define EAP_ADAPTORS_FUTURE_HPP

#include "eap/async_call.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/inline_context.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/unmanaged_operation.hpp"
#include "eap/work.hpp"

#include <exception>
#include <future>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// Keeps what `outcome()` returns or throws.
template <class R, class F> void fulfil(std::promise<R>& promise, F&& outcome) {
    try {
        if constexpr (std::is_void_v<R>) {
            std::forward<F>(outcome)();
            promise.set_value();
        } else {
            promise.set_value(std::forward<F>(outcome)());
        }
    } catch (...) {
        promise.set_exception(std::current_exception());
    }
}

} // namespace detail

/// The outcome of a call as a std::future, which ends the call: nobody else can.
///
/// Guarantees    the future is ready when the call is complete. It gives the value, or throws what ending the call would throw.
///               Destroying it does not wait, and the call goes on.
/// Errors        `invalid_operation` for a handle that names no call, and when the call has been, or is being, ended;
///               std::bad_alloc, which ends nothing. A call with `T&` parameters has more outcomes than a future holds.
template <class R, class... Args> [[nodiscard]] std::future<R> to_future(const async_call<R(Args...)>& call) {
    static_assert((!detail::is_out<Args> && ...),
                  "eap: a future holds one result, and ending this call also gives variables back for its T& "
                  "parameters; wait for the call and end it with end_invoke");
    auto& state = detail::call_access::typed(call);
    std::promise<R> promise;
    std::future<R> future = promise.get_future();
    work_ptr end = make_work([call, promise = std::move(promise)]() mutable {
        detail::fulfil(promise, [&]() -> R { return detail::call_access::typed(call).take_outcome(); });
    });
    state.claim_end();
    state.when_completed(std::move(end));
    return future;
}

/// An operation whose client is a future.
template <class T> struct [[nodiscard]] future_operation {
    async_operation<T> operation;
    std::future<T> future;
};

/// Creates one: `auto [operation, future] = eap::create_future_operation<int>();`
///
/// Effects       the operation goes to the worker, as always. It has no home: the future is ready when the worker has completed
///               it, and gives the value, or throws the error; `operation_cancelled` when it was cancelled,
///               `operation_abandoned` when the worker let go of it, `operation_timed_out` at its deadline.
/// Errors        std::bad_alloc; std::system_error when a deadline needs the timer thread and it cannot be started.
template <class T = void> future_operation<T> create_future_operation(const operation_options& options = {}) {
    std::promise<T> promise;
    std::future<T> future = promise.get_future();
    auto keep = [promise = std::move(promise)](completed_event_args<T>&& args) mutable {
        detail::fulfil(promise, [&]() -> T { return std::move(args).result(); });
    };
    return {detail::create_unmanaged_operation<T, void>(detail::inline_context{}, std::move(keep),
                                                        ignore_progress{}, options),
            std::move(future)};
}

} // namespace eap

#endif
