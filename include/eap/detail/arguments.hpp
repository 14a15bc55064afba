// SPDX-License-Identifier: BSL-1.0
//
// Detail – the arguments of a call that outlives the expression it was begun in.
#ifndef EAP_DETAIL_ARGUMENTS_HPP
#define EAP_DETAIL_ARGUMENTS_HPP

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace eap::detail {

/// Whether a parameter is in and out: `T&`, but not `const T&`.
template <class A>
inline constexpr bool is_out = std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>>;

template <class... T> struct type_list {};
template <class... A, class... B> type_list<A..., B...> operator+(type_list<A...>, type_list<B...>);

/// The types of the in-out parameters, in order, without their `&`.
template <class... Args>
using outs_of =
    decltype((type_list<>{} + ... +
              std::conditional_t<is_out<Args>, type_list<std::remove_reference_t<Args>>, type_list<>>{}));

struct not_storable { // stands for an argument that cannot be kept; check_argument says why
    template <class V> not_storable(V&&) noexcept {} // NOLINT: takes anything
};

/// Whether an argument for a parameter of type `A` can be kept; if not, exactly one sentence says why.
template <class A> struct check_argument {
    using value = std::remove_cvref_t<A>;
    static constexpr bool is_object = std::is_object_v<value>;
    static constexpr bool is_movable = std::is_move_constructible_v<value>;

    static_assert(
        is_object,
        "eap: begin_invoke keeps a copy of each argument, and a function has none. Let the parameter be "
        "a pointer to it.");
    static_assert(!is_object || is_movable,
                  "eap: begin_invoke keeps a copy of each argument, and this one can be neither copied nor "
                  "moved. Let the "
                  "parameter be a pointer, a std::shared_ptr or a std::reference_wrapper.");
    static_assert(
        !is_movable || !std::is_reference_v<A> || !std::is_polymorphic_v<value> || std::is_final_v<value>,
        "eap: begin_invoke keeps a copy of each argument, and of a derived object that would be its base "
        "alone. Let "
        "the parameter be a pointer, a std::shared_ptr or a std::reference_wrapper, or the class be final.");
    static_assert(!is_movable || !is_out<A> || std::is_move_assignable_v<value>,
                  "eap: a T& parameter is in and out, and end_invoke assigns what it has become; this one "
                  "cannot be assigned. "
                  "Let the parameter be a pointer to it.");
};

template <class A> inline constexpr bool is_checked = sizeof(check_argument<A>) != 0;

/// The type by which begin_invoke takes an argument for a parameter of type `A`: by value.
template <class A>
using argument_t = std::conditional_t<std::is_move_constructible_v<std::remove_cvref_t<A>>,
                                      std::remove_cvref_t<A>, not_storable>;

/// Values for parameters of the types `Args`, each an object of its own whatever it was given as.
template <class... Args> class arguments {
  public:
    template <class... V>
    explicit arguments(std::in_place_t, V&&... values) : values_(std::forward<V>(values)...) {}

    /// Calls `function` with them: in-out ones as lvalues, `const T&` as such, all others as rvalues. Once.
    template <class F> decltype(auto) pass_to(F&& function) {
        return [&]<std::size_t... I>(std::index_sequence<I...>) -> decltype(auto) {
            return std::forward<F>(function)(static_cast<Args&&>(std::get<I>(values_))...);
        }(std::index_sequence_for<Args...>{});
    }

    /// Moves what the in-out ones have become into `outs`, in order.
    template <class... Outs> void write_back(Outs&... outs) {
        const std::tuple<Outs&...> targets{outs...};
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (write_one<I>(targets), ...);
        }(std::index_sequence_for<Args...>{});
    }

  private:
    template <std::size_t I> static constexpr std::size_t outs_before() {
        return []<std::size_t... J>(std::index_sequence<J...>) {
            return (std::size_t{0} + ... + std::size_t{is_out<std::tuple_element_t<J, std::tuple<Args...>>>});
        }(std::make_index_sequence<I>{});
    }
    template <std::size_t I, class Targets> void write_one(const Targets& targets) {
        if constexpr (is_out<std::tuple_element_t<I, std::tuple<Args...>>>)
            std::get<outs_before<I>()>(targets) = std::move(std::get<I>(values_));
    }

    std::tuple<std::remove_cvref_t<Args>...> values_;
};

} // namespace eap::detail

#endif
