// SPDX-License-Identifier: BSL-1.0
//
// Layer 0 – values. Decides how a value of any type becomes a key: compared, hashed, read back typed; knows
// nothing about what has that key.
#ifndef EAP_USER_STATE_HPP
#define EAP_USER_STATE_HPP

#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/type_id.hpp"

#include <any>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace eap {

class user_state;

namespace detail {

// ---- what is kept as what ----

template <class C>
concept character = std::same_as<C, char> || std::same_as<C, wchar_t> || std::same_as<C, char8_t> ||
                    std::same_as<C, char16_t> || std::same_as<C, char32_t>;

template <character C> std::basic_string<C> owned_text(const C* text) {
    if (text == nullptr)
        throw std::invalid_argument{
            "A user state was made from a null pointer to text. Pass {} for no user state."};
    return text;
}
template <character C> std::basic_string<C> owned_text(std::basic_string_view<C> text) {
    return std::basic_string<C>{text};
}

// Kept as a string.
template <class V>
concept borrowed_text = requires(const V& value) { detail::owned_text(value); };

// Kept by its mathematical value.
template <class V>
concept small_integer = std::integral<V> && sizeof(V) <= sizeof(std::uint64_t);

template <class V>
concept hashable = requires(const V& value) {
    { std::hash<V>{}(value) } -> std::convertible_to<std::size_t>;
};

// An optional one too: comparing optionals asks whether a user_state can be made from them, which must not
// ask how optionals compare.
template <class V> inline constexpr bool is_user_state = std::is_convertible_v<const V*, const user_state*>;
template <class V> inline constexpr bool is_user_state<std::optional<V>> = is_user_state<V>;

// Kept in a box. Hashing is asked before comparing, and copying is not asked at all: a wrapper that is made
// from a user_state would answer by asking whether it can become one, which is this very question.
template <class V>
concept boxable =
    std::is_object_v<V> && std::same_as<V, std::remove_cv_t<V>> && !is_user_state<V> && !std::integral<V> &&
    !borrowed_text<V> && !std::is_null_pointer_v<V> && hashable<V> && std::equality_comparable<V>;

template <class V>
concept keepable = borrowed_text<V> || boxable<V>;

template <class V, class Value = std::remove_cvref_t<V>>
concept unfit = !keepable<Value> && !small_integer<Value> && !is_user_state<Value>;

// ---- the box ----

class boxed_value : public reference_counted<boxed_value> { // immutable once made
  public:
    virtual ~boxed_value() = default;
    virtual const void* find(type_id type) const noexcept = 0; // the value when it is of this type, else null
    virtual bool equals(const boxed_value& other) const = 0;
    std::size_t hash() const noexcept { return hash_; }

  protected:
    std::size_t hash_ = 0; // computed once, by the constructor
};

template <class V> class boxed final : public boxed_value {
    static_assert(
        std::is_copy_constructible_v<V>,
        "eap: a user state is a value: its type must be copyable. Pass a key of your own, or a shared_ptr.");
    static_assert(std::is_nothrow_destructible_v<V>,
                  "eap: a user state dies where nobody could catch: its destructor must not throw.");

  public:
    template <class U> explicit boxed(U&& value) : value_(std::forward<U>(value)) {
        hash_ = std::hash<V>{}(value_);
    }
    const void* find(type_id type) const noexcept override {
        return type == type_id::of<V>() ? std::addressof(value_) : nullptr;
    }
    bool equals(const boxed_value& other) const override {
        if (hash() != other.hash())
            return false;
        const void* const found = other.find(type_id::of<V>());
        return found != nullptr && value_ == *static_cast<const V*>(found);
    }

  private:
    const V value_;
};

class bad_user_state_cast final : public std::bad_any_cast {
  public:
    explicit bad_user_state_cast(const char* what) noexcept : what_(what) {}
    const char* what() const noexcept override { return what_; }

  private:
    const char* what_; // a literal
};

} // namespace detail

/// One immutable, regular value of any type: the client's own key for an operation. (.NET: object userState)
///
/// Requires      The value is copyable, comparable with == and hashable by std::hash; its destructor does not
///               throw. Comparing and hashing must not call back into the library.
/// Effects       Integers of up to 64 bits, bool and characters among them, are kept and compared by their
///               mathematical value: 3 == 3u == 3L, and -1 equals no unsigned number. Literals, character
///               pointers and string views are kept as strings. Any other value equals what has the very same
///               type and is == to it. Moved from, a user state is empty.
/// Guarantees    Copying never throws and never allocates; copies share the value, which is hashed once and
///               destroyed once, with the last of them. Integers never allocate.
/// Thread safety Different objects may be used at the same time, copies of one another too.
/// Errors        A null character pointer throws std::invalid_argument. What allocating, copying,
///               comparing or hashing the value throws comes through.
class user_state {
  public:
    constexpr user_state() noexcept = default;

    template <detail::small_integer V>
    constexpr user_state(V value) noexcept // NOLINT(google-explicit-constructor): a key is passed as it is
        : content_{.integer = widened(value)}, kind_(kind_of(value)) {}

    template <class V>
        requires detail::keepable<std::remove_cvref_t<V>>
    user_state(V&& value) // NOLINT(google-explicit-constructor)
        : content_{.box = new_box(std::forward<V>(value))}, kind_(kind::boxed) {}

    template <detail::unfit V>
    user_state(V&&) = delete; // a user state must be copyable, comparable with == and hashable by std::hash

    constexpr user_state(const user_state& other) noexcept : content_(other.content_), kind_(other.kind_) {
        if (const detail::boxed_value* const shared = box())
            shared->add_reference();
    }
    constexpr user_state(user_state&& other) noexcept
        : content_(other.content_), kind_(std::exchange(other.kind_, kind::empty)) {}
    constexpr user_state& operator=(user_state other) noexcept {
        std::swap(content_, other.content_);
        std::swap(kind_, other.kind_);
        return *this;
    }
    constexpr ~user_state() {
        if (const detail::boxed_value* const mine = box())
            mine->release_reference();
    }

    [[nodiscard]] constexpr bool has_value() const noexcept { return kind_ != kind::empty; }

    /// The value when it is an integer that a `U` can represent.
    template <detail::small_integer U> [[nodiscard]] constexpr std::optional<U> get_if() const noexcept {
        if (kind_ == kind::non_negative && content_.integer <= widened(std::numeric_limits<U>::max()))
            return static_cast<U>(content_.integer);
        if constexpr (std::signed_integral<U>)
            if (kind_ == kind::negative && content_.integer >= widened(std::numeric_limits<U>::min()))
                return static_cast<U>(content_.integer);
        return std::nullopt;
    }
    /// The value when it was made from a `U`, else null.
    /// Lifetime      The pointer is good while this object, or any copy, keeps the value.
    template <class U>
        requires(!detail::small_integer<U>)
    [[nodiscard]] const U* get_if() const& noexcept {
        static_assert(
            detail::boxable<U>,
            "eap: no user state holds this type. Text is held as std::string, 128-bit integers not at all.");
        const detail::boxed_value* const mine = box();
        return mine == nullptr ? nullptr : static_cast<const U*>(mine->find(detail::type_id::of<U>()));
    }
    template <class U>
        requires(!detail::small_integer<U>)
    const U* get_if() const&& = delete; // the value may die with this temporary: name it first

    /// As `get_if`, but throws std::bad_any_cast when there is no such value.
    template <detail::small_integer U> [[nodiscard]] constexpr U get() const {
        if (const std::optional<U> found = get_if<U>())
            return *found;
        throw_bad_cast();
    }
    template <class U>
        requires(!detail::small_integer<U>)
    [[nodiscard]] const U& get() const& {
        if (const U* const found = get_if<U>())
            return *found;
        throw_bad_cast();
    }
    template <class U>
        requires(!detail::small_integer<U>)
    const U& get() const&& = delete; // the value may die with this temporary: name it first

    [[nodiscard]] constexpr bool operator==(const user_state& other) const {
        if (kind_ != other.kind_)
            return false;
        if (const detail::boxed_value* const mine = box())
            return mine->equals(*other.content_.box);
        return !has_value() || content_.integer == other.content_.integer;
    }

  private:
    friend struct std::hash<user_state>;

    enum class kind : unsigned char { empty, negative, non_negative, boxed };

    union content {
        std::uint64_t integer; // modulo 2^64; the kind tells the sign
        const detail::boxed_value* box;
    };

    template <class V> static constexpr std::uint64_t widened(V value) noexcept {
        return static_cast<std::uint64_t>(value);
    }
    template <class V> static constexpr kind kind_of(V value) noexcept {
        if constexpr (std::signed_integral<V>)
            if (value < 0)
                return kind::negative;
        return kind::non_negative;
    }

    template <class V> static const detail::boxed_value* new_box(V&& value) {
        if constexpr (detail::borrowed_text<std::remove_cvref_t<V>>)
            return user_state::new_box(detail::owned_text(value));
        else
            return new detail::boxed<std::remove_cvref_t<V>>{std::forward<V>(value)};
    }

    [[nodiscard]] constexpr const detail::boxed_value* box() const noexcept {
        return kind_ == kind::boxed ? content_.box : nullptr;
    }

    [[nodiscard]] std::size_t hash() const noexcept {
        if (!has_value())
            return 0;
        const detail::boxed_value* const mine = box();
        return mine == nullptr ? std::hash<std::uint64_t>{}(content_.integer) : mine->hash();
    }

    [[noreturn]] void throw_bad_cast() const {
        switch (kind_) {
        case kind::empty:
            throw detail::bad_user_state_cast{
                "This user state is empty. Ask has_value() first, or use get_if."};
        case kind::boxed:
            throw detail::bad_user_state_cast{"This user state was made from a value of another type. "
                                              "Ask for that type (text is std::string), or use get_if."};
        default:
            throw detail::bad_user_state_cast{"This user state is an integer that the type asked for cannot "
                                              "represent. Ask for a wider integer, or use get_if."};
        }
    }

    content content_{.integer = 0};
    kind kind_ = kind::empty;
};

} // namespace eap

template <> struct std::hash<eap::user_state> {
    std::size_t operator()(const eap::user_state& state) const noexcept { return state.hash(); }
};

#endif
