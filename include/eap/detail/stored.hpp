// SPDX-License-Identifier: BSL-1.0
//
// Detail – a `T` that may be void, const or a reference, kept as a plain object.
#ifndef EAP_DETAIL_STORED_HPP
#define EAP_DETAIL_STORED_HPP

#include <memory>
#include <type_traits>
#include <utility>

namespace eap::detail {

struct nothing {}; // what void is kept as

/// Whether a result or a progress value can be of type `T`; if not, exactly one sentence says why.
template <class T> struct check_storable {
    static constexpr bool is_by_value = std::is_object_v<T> && !std::is_array_v<T> && !std::is_abstract_v<T>;

    static_assert(!std::is_void_v<T> || std::is_same_v<T, void>,
                  "eap: write void without const and volatile.");
    static_assert(!std::is_rvalue_reference_v<T>, "eap: hand over a T, not a T&&: it is moved all the way.");
    static_assert(!std::is_function_v<T>, "eap: hand over a pointer or a reference to the function.");
    static_assert(!std::is_array_v<T>, "eap: an array cannot be handed over; use std::array or std::vector.");
    static_assert(!std::is_abstract_v<T>, "eap: an abstract class has no values; use std::unique_ptr of it.");
    static_assert(!is_by_value || std::is_nothrow_destructible_v<std::conditional_t<is_by_value, T, nothing>>,
                  "eap: a value dies where nobody could catch: its destructor must not throw.");

    using type =
        std::conditional_t<is_by_value, std::remove_cv_t<T>,
                           std::conditional_t<std::is_lvalue_reference_v<T>, std::add_pointer_t<T>, nothing>>;
};
template <class T> using stored_t = typename check_storable<T>::type;

/// How the kept `T` is read: `const T&`, the reference itself, or void.
template <class T>
using read_t = std::conditional_t<std::is_void_v<T>, void, std::add_lvalue_reference_t<std::add_const_t<T>>>;

template <class T, class... V>
inline constexpr bool is_storable_from = std::is_constructible_v<std::remove_cv_t<T>, V...>;
template <class T>
inline constexpr bool is_storable_from<T> = std::is_void_v<T> || std::is_default_constructible_v<T>;
template <class T, class V> // a reference binds to an object of the caller's, never to a temporary
inline constexpr bool is_storable_from<T&, V> =
    std::is_lvalue_reference_v<V> && std::is_convertible_v<std::add_pointer_t<V>, T*>;

/// Whether a `T` can be kept that is made from `V...`.
template <class T, class... V>
concept storable_from = is_storable_from<T, V...>;

template <class T, class... V>
inline constexpr bool nothrow_storable_from =
    !std::is_object_v<T> || std::is_nothrow_constructible_v<stored_t<T>, V...>;

/// The kept form of the `T` that is made from `v...`.
template <class T, class... V>
constexpr stored_t<T> store(V&&... v) noexcept(nothrow_storable_from<T, V...>) {
    if constexpr (std::is_reference_v<T>)
        return std::addressof(v...);
    else
        return stored_t<T>(std::forward<V>(v)...);
}

template <class T> constexpr read_t<T> read(const stored_t<T>& kept) noexcept {
    if constexpr (std::is_reference_v<T>)
        return *kept;
    else if constexpr (!std::is_void_v<T>)
        return kept;
}

} // namespace eap::detail

#endif
