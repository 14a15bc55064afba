// SPDX-License-Identifier: BSL-1.0
//
// Layer 0 – values. Decides what a handler receives meanwhile: percentage, incremental result, user state;
// knows nothing about when.
#ifndef EAP_PROGRESS_CHANGED_EVENT_ARGS_HPP
#define EAP_PROGRESS_CHANGED_EVENT_ARGS_HPP

#include "eap/detail/stored.hpp"
#include "eap/user_state.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace eap {

/// How far one operation is, what it has found so far, and its user state.
/// (.NET: ProgressChangedEventArgs, and the class derived from it for each type of incremental result)
///
/// Requires      `P` is void, an lvalue reference, or an object type whose destructor does not throw.
/// Effects       The percentage is one: what lies below 0 becomes 0, what lies above 100 becomes 100.
///               Progress by another measure goes into the value, and the percentage stays 0.
/// Guarantees    Copyable and movable as `P` is. Reading never throws. Moved from, it keeps its percentage.
/// Thread safety Any number of threads may read one object.
template <class P = void> class progress_changed_event_args {
    using stored = detail::stored_t<P>;

  public:
    progress_changed_event_args(eap::user_state state, int percentage) noexcept
        requires std::is_void_v<P>
        : user_state_(std::move(state)), percentage_(clamped(percentage)), value_{} {}

    template <class V = std::remove_cv_t<P>>
        requires detail::storable_from<P, V>
    progress_changed_event_args(eap::user_state state, int percentage,
                                V&& value) noexcept(detail::nothrow_storable_from<P, V>)
        : user_state_(std::move(state)), percentage_(clamped(percentage)),
          value_(detail::store<P>(std::forward<V>(value))) {}

    /// Always 0..100.
    [[nodiscard]] int progress_percentage() const noexcept { return percentage_; }

    /// The incremental result: `const P&`, or a reference `P` as it is.
    [[nodiscard]] detail::read_t<P> value() const noexcept
        requires(!std::is_void_v<P>)
    {
        return detail::read<P>(value_);
    }

    [[nodiscard]] const eap::user_state& user_state() const noexcept { return user_state_; }

  private:
    static unsigned char clamped(int percentage) noexcept {
        return static_cast<unsigned char>(std::clamp(percentage, 0, 100));
    }

    // The percentage is one byte, which the padding of the user state has room for.
    [[no_unique_address]] eap::user_state user_state_;
    unsigned char percentage_;
    stored value_;
};

/// The progress handler of an operation whose client wants none.
struct ignore_progress {
    template <class P> void operator()(const progress_changed_event_args<P>&) const noexcept {}
};

} // namespace eap

#endif
