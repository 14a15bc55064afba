// SPDX-License-Identifier: BSL-1.0
//
// Layer 0 – values. Decides what a handler receives once: value, error or cancelled, and the user state;
// knows nothing about how it gets there.
#ifndef EAP_COMPLETED_EVENT_ARGS_HPP
#define EAP_COMPLETED_EVENT_ARGS_HPP

#include "eap/detail/stored.hpp"
#include "eap/errors.hpp"
#include "eap/user_state.hpp"

#include <exception>
#include <memory>
#include <new> // IWYU pragma: keep (placement)
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace eap {

/// The outcome of one operation, and its user state.
/// (.NET: AsyncCompletedEventArgs, and the class derived from it for each type of result)
///
/// Requires      `T` is void, an lvalue reference, or an object type whose destructor does not throw. It
///               may be move-only, or neither copyable nor movable.
/// Effects       Holds a value, an error or "cancelled". Reading the result raises first: the very error, not
///               a wrapper, else operation_cancelled. What a component makes for events of its own may hold
///               an error and be cancelled too: the error wins. The library itself never makes both.
/// Guarantees    Asking for error, cancelled or user state never throws. Copyable and movable as `T` is.
///               Moved from, it keeps its outcome and its error; its value is a moved-from `T`, its user
///               state empty.
/// Thread safety Any number of threads may read one object.
template <class T = void> class completed_event_args {
    using stored = detail::stored_t<T>;

  public:
    /// Completed with the value that is made from `v...`.
    template <class... V>
        requires detail::storable_from<T, V...>
    completed_event_args(eap::user_state state, std::in_place_t,
                         V&&... v) noexcept(detail::nothrow_storable_from<T, V...>)
        : user_state_(std::move(state)), outcome_(outcome::value) {
        ::new (static_cast<void*>(std::addressof(value_))) stored(detail::store<T>(std::forward<V>(v)...));
    }

    /// Failed, or failed while cancelled.
    /// Errors        A null pointer throws std::invalid_argument.
    completed_event_args(eap::user_state state, std::exception_ptr error)
        : completed_event_args(std::move(state), std::move(error), outcome::error) {}
    completed_event_args(eap::user_state state, std::exception_ptr error, cancelled_t)
        : completed_event_args(std::move(state), std::move(error), outcome::error_and_cancellation) {}

    /// Cancelled.
    completed_event_args(eap::user_state state, cancelled_t) noexcept
        : user_state_(std::move(state)), outcome_(outcome::cancellation) {}

    completed_event_args(const completed_event_args& other) noexcept(
        std::is_nothrow_copy_constructible_v<stored>)
        requires std::is_copy_constructible_v<stored>
        : outcome_(other.outcome_) {
        construct_from(other);
        user_state_ = other.user_state_;
    }
    completed_event_args(completed_event_args&& other) noexcept(std::is_nothrow_move_constructible_v<stored>)
        requires std::is_move_constructible_v<stored>
        : outcome_(other.outcome_) {
        construct_from(std::move(other));
        user_state_ = std::move(other.user_state_);
    }

    /// Guarantees    When constructing a `T` throws, nothing has changed. When assigning one throws, there
    ///               is a value as before.
    completed_event_args& operator=(const completed_event_args& other)
        requires(std::is_copy_constructible_v<stored> && std::is_copy_assignable_v<stored>)
    {
        assign_from(other);
        return *this;
    }
    completed_event_args&
    operator=(completed_event_args&& other) noexcept(std::is_nothrow_move_constructible_v<stored> &&
                                                     std::is_nothrow_move_assignable_v<stored>)
        requires(std::is_move_constructible_v<stored> && std::is_move_assignable_v<stored>)
    {
        assign_from(std::move(other));
        return *this;
    }

    ~completed_event_args() { destroy(); }

    [[nodiscard]] bool cancelled() const noexcept {
        return outcome_ == outcome::cancellation || outcome_ == outcome::error_and_cancellation;
    }
    /// Null when there is none.
    [[nodiscard]] std::exception_ptr error() const noexcept { return has_error() ? error_ : nullptr; }
    [[nodiscard]] const eap::user_state& user_state() const noexcept { return user_state_; }

    /// Throws the error, else operation_cancelled when cancelled, else nothing.
    void raise_exception_if_necessary() const {
        if (has_error())
            std::rethrow_exception(error_);
        if (outcome_ == outcome::cancellation)
            throw operation_cancelled{};
    }

    /// The value: `const T&`, or `T&&` of an rvalue; a reference `T` as it is; nothing when `T` is void.
    /// Errors        As raise_exception_if_necessary(), so that no result is ever read that is not there.
    detail::read_t<T> result() const& {
        raise_exception_if_necessary();
        return detail::read<T>(value_);
    }
    std::add_rvalue_reference_t<T> result() && {
        raise_exception_if_necessary();
        if constexpr (std::is_object_v<T>)
            return static_cast<T&&>(value_);
        else
            return detail::read<T>(value_);
    }

  private:
    enum class outcome : unsigned char { value, error, cancellation, error_and_cancellation };

    completed_event_args(eap::user_state&& state, std::exception_ptr&& error, outcome how)
        : user_state_(std::move(state)), outcome_(how), error_(not_null(std::move(error))) {}

    static std::exception_ptr&& not_null(std::exception_ptr&& error) {
        if (error == nullptr)
            throw std::invalid_argument{"An outcome was made from a null exception_ptr. "
                                        "Pass std::in_place for success, or eap::cancelled."};
        return std::move(error);
    }

    [[nodiscard]] bool has_error() const noexcept {
        return outcome_ == outcome::error || outcome_ == outcome::error_and_cancellation;
    }

    /// Fills the empty union with what `outcome_` says. Never moves an error: what was moved from keeps it.
    template <class Other> void construct_from(Other&& other) {
        if (outcome_ == outcome::value)
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::forward<Other>(other).value_);
        else if (has_error())
            std::construct_at(std::addressof(error_), other.error_);
    }
    void destroy() noexcept {
        if (outcome_ == outcome::value)
            std::destroy_at(std::addressof(value_));
        else if (has_error())
            std::destroy_at(std::addressof(error_));
    }

    template <class Other> void assign_from(Other&& other) {
        if (this == std::addressof(other))
            return;
        if (outcome_ == outcome::value && other.outcome_ == outcome::value)
            value_ = std::forward<Other>(other).value_;
        else
            replace_by(std::forward<Other>(other));
        user_state_ = std::forward<Other>(other).user_state_;
    }
    /// Where at most one side has a value: only making the new one can throw, and the old outcome comes back.
    template <class Other> void replace_by(Other&& other) {
        const outcome before = outcome_;
        const std::exception_ptr error_before = error();
        destroy();
        outcome_ = other.outcome_;
        try {
            construct_from(std::forward<Other>(other));
        } catch (...) {
            outcome_ = before;
            if (has_error())
                std::construct_at(std::addressof(error_), error_before);
            throw;
        }
    }

    // The outcome is one byte, which the padding of the user state has room for.
    [[no_unique_address]] eap::user_state user_state_;
    outcome outcome_;
    union {
        stored value_;
        std::exception_ptr error_;
    };
};

} // namespace eap

#endif
