// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – errors of calls that nobody ended. Decides whom they are told.
#ifndef EAP_UNOBSERVED_ERROR_HPP
#define EAP_UNOBSERVED_ERROR_HPP

#include "eap/detail/hook.hpp"
#include "eap/detail/platform.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace eap {

/// An error that no end call fetched, and that none can fetch any more: the last `async_call` is gone.
struct unobserved_error {
    std::exception_ptr error; ///< never null
    user_state async_state;   ///< of the call
};

namespace detail {

/// The one function of the program that hears of them.
inline hook<const unobserved_error&>& unobserved_error_hook() {
    return the_only<hook<const unobserved_error&>>(); // never destroyed: calls may end later
}

} // namespace detail

/// Has `function(const unobserved_error&)` called, once for each, in the whole program.
/// (.NET: TaskScheduler.UnobservedTaskException)
///
/// Requires      it does not throw: the program would terminate.
/// Effects       it is called on the thread that let go of the last handle, or on the one that completed the call when
///               that came later. It replaces the one before, which is destroyed and not running any more when this
///               returns. Without one, such errors are dropped.
/// Thread safety all of it; `function` may be called on several threads at once, outside locks.
template <class F>
    requires std::invocable<std::decay_t<F>&, const unobserved_error&>
void on_unobserved_error(F&& function) {
    detail::unobserved_error_hook().set(std::forward<F>(function));
}
inline void on_unobserved_error(std::nullptr_t) { detail::unobserved_error_hook().clear(); }

} // namespace eap

#endif
