// SPDX-License-Identifier: BSL-1.0
//
// Detail – whether a function, of whatever type, is one that cannot be called.
#ifndef EAP_DETAIL_IS_EMPTY_FUNCTION_HPP
#define EAP_DETAIL_IS_EMPTY_FUNCTION_HPP

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace eap::detail {

/// True for null pointers, and for objects of the kind of std::function: made from nullptr they are empty, and they say so
/// when asked for a bool. What wraps a function tells by a member of this name. Whatever else can be called is taken to be
/// there.
template <class F> bool is_empty_function(const F& function) noexcept {
    constexpr bool is_pointer =
        std::is_pointer_v<F> || std::is_member_pointer_v<F>; // of a function itself compilers warn
    constexpr bool is_nullable = std::is_class_v<F> && std::is_constructible_v<F, std::nullptr_t> &&
                                 std::is_constructible_v<bool, const F&>;
    if constexpr (std::is_null_pointer_v<F>)
        return true;
    else if constexpr (is_pointer)
        return function == nullptr;
    else if constexpr (is_nullable)
        return !static_cast<bool>(function);
    else if constexpr (requires {
                           { function.is_empty_function() } -> std::same_as<bool>;
                       })
        return function.is_empty_function();
    else
        return false;
}

/// Throws std::invalid_argument for an empty one.
template <class F> void check_handler(const F& function, std::string_view which) {
    if (is_empty_function(function))
        throw std::invalid_argument{"eap: the " + std::string{which} +
                                    " handler is an empty function; give it one that can be called"};
}

} // namespace eap::detail

#endif
