// SPDX-License-Identifier: BSL-1.0
#include <eap/completed_event_args.hpp>

#include <eap/errors.hpp>
#include <eap/user_state.hpp>

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using eap::completed_event_args;
using eap::user_state;

namespace {

struct alignas(128) over_aligned {
    int number;
};
struct one_mebibyte {
    explicit one_mebibyte(char fill) { bytes.fill(fill); }
    std::array<char, 1 << 20> bytes;
};
struct not_default_constructible {
    explicit not_default_constructible(int with) : number(with) {}
    int number;
};

/// Copies and moves throw while `armed`; counts who is alive.
struct throwing_move {
    static inline bool armed = false;
    static inline int alive = 0;

    explicit throwing_move(int with) : number(with) {
        fail_if_armed();
        ++alive;
    }
    throwing_move(const throwing_move& other) : number(other.number) {
        fail_if_armed();
        ++alive;
    }
    throwing_move(throwing_move&& other) noexcept(false) : number(other.number) {
        fail_if_armed();
        ++alive;
    }
    throwing_move& operator=(const throwing_move& other) {
        fail_if_armed();
        number = other.number;
        return *this;
    }
    ~throwing_move() { --alive; }

    static void fail_if_armed() {
        if (armed)
            throw std::runtime_error{"no move"};
    }

    int number;
};

/// Arms `throwing_move` for a scope.
struct armed_moves {
    armed_moves() { throwing_move::armed = true; }
    armed_moves(const armed_moves&) = delete;
    armed_moves& operator=(const armed_moves&) = delete;
    ~armed_moves() { throwing_move::armed = false; }
};

// For each type of result: args that hold one, and whether what is read is that one. On the heap, for the big one.
template <class T> using owned = std::unique_ptr<completed_event_args<T>>;

template <class T, class... V> owned<T> success(user_state state, V&&... v) {
    return std::make_unique<completed_event_args<T>>(std::move(state), std::in_place, std::forward<V>(v)...);
}

template <class T> struct sample;
template <> struct sample<void> {
    static owned<void> make(user_state state = {}) { return success<void>(std::move(state)); }
};
template <> struct sample<int> {
    static owned<int> make(user_state state = {}) { return success<int>(std::move(state), 42); }
    static bool is(const int& value) { return value == 42; }
};
template <> struct sample<const int> {
    static owned<const int> make(user_state state = {}) { return success<const int>(std::move(state), 42); }
    static bool is(const int& value) { return value == 42; }
};
template <> struct sample<std::string> {
    static owned<std::string> make(user_state state = {}) {
        return success<std::string>(std::move(state), std::size_t{100}, 'x');
    }
    static bool is(const std::string& value) { return value == std::string(100, 'x'); }
};
template <> struct sample<std::unique_ptr<int>> {
    static owned<std::unique_ptr<int>> make(user_state state = {}) {
        return success<std::unique_ptr<int>>(std::move(state), std::make_unique<int>(42));
    }
    static bool is(const std::unique_ptr<int>& value) { return *value == 42; }
};
template <> struct sample<int&> {
    static inline int object = 42;
    static owned<int&> make(user_state state = {}) { return success<int&>(std::move(state), object); }
    static bool is(int& value) { return &value == &object; }
};
template <> struct sample<over_aligned> {
    static owned<over_aligned> make(user_state state = {}) {
        return success<over_aligned>(std::move(state), 42);
    }
    static bool is(const over_aligned& value) {
        return value.number == 42 && reinterpret_cast<std::uintptr_t>(&value) % alignof(over_aligned) == 0;
    }
};
template <> struct sample<one_mebibyte> {
    static owned<one_mebibyte> make(user_state state = {}) {
        return success<one_mebibyte>(std::move(state), 'x');
    }
    static bool is(const one_mebibyte& value) {
        return value.bytes.front() == 'x' && value.bytes.back() == 'x';
    }
};
template <> struct sample<not_default_constructible> {
    static owned<not_default_constructible> make(user_state state = {}) {
        return success<not_default_constructible>(std::move(state), 42);
    }
    static bool is(const not_default_constructible& value) { return value.number == 42; }
};
template <> struct sample<throwing_move> {
    static owned<throwing_move> make(user_state state = {}) {
        return success<throwing_move>(std::move(state), 42);
    }
    static bool is(const throwing_move& value) { return value.number == 42; }
};
template <> struct sample<std::atomic<int>> { // neither copyable nor movable
    static owned<std::atomic<int>> make(user_state state = {}) {
        return success<std::atomic<int>>(std::move(state), 42);
    }
    static bool is(const std::atomic<int>& value) { return value == 42; }
};

template <class... T> struct types;
using value_types = types<int, const int, std::string, std::unique_ptr<int>, int&, over_aligned, one_mebibyte,
                          not_default_constructible, throwing_move, std::atomic<int>>;
using result_types = types<void, int, const int, std::string, std::unique_ptr<int>, int&, over_aligned,
                           one_mebibyte, not_default_constructible, throwing_move, std::atomic<int>>;

std::exception_ptr some_error() { return std::make_exception_ptr(std::domain_error{"no such page"}); }

template <class T> owned<T> failure(user_state state = {}) {
    return std::make_unique<completed_event_args<T>>(std::move(state), some_error());
}
template <class T> owned<T> cancellation(user_state state = {}) {
    return std::make_unique<completed_event_args<T>>(std::move(state), eap::cancelled);
}
template <class T> owned<T> failure_and_cancellation(user_state state = {}) {
    return std::make_unique<completed_event_args<T>>(std::move(state), some_error(), eap::cancelled);
}

} // namespace

// ---- reading the outcome ----

TEMPLATE_LIST_TEST_CASE("success has no error, is not cancelled, and gives back its user state",
                        "[completed_event_args][CA-1]", result_types) {
    const auto args = sample<TestType>::make("id");
    CHECK_FALSE(args->cancelled());
    CHECK((args->error() == nullptr));
    CHECK(args->user_state() == "id");
}

TEMPLATE_LIST_TEST_CASE("a failure gives back the very error, and its user state",
                        "[completed_event_args][CA-1]", result_types) {
    const std::exception_ptr error = some_error();
    const completed_event_args<TestType> args{"id", error};
    CHECK((args.error() == error));
    CHECK_FALSE(args.cancelled());
    CHECK(args.user_state() == "id");
}

TEMPLATE_LIST_TEST_CASE("a cancellation is cancelled, has no error, and gives back its user state",
                        "[completed_event_args][CA-1]", result_types) {
    const completed_event_args<TestType> args{"id", eap::cancelled};
    CHECK(args.cancelled());
    CHECK((args.error() == nullptr));
    CHECK(args.user_state() == "id");
}

TEMPLATE_LIST_TEST_CASE("args of a component's own may be cancelled and hold an error",
                        "[completed_event_args][CA-1][CA-6]", result_types) {
    const std::exception_ptr error = some_error();
    const completed_event_args<TestType> args{"id", error, eap::cancelled};
    CHECK(args.cancelled());
    CHECK((args.error() == error));
    CHECK(args.user_state() == "id");
}

TEMPLATE_TEST_CASE("asking for the outcome never throws", "[completed_event_args][CA-2]", void, int,
                   std::string, int&) {
    using args = completed_event_args<TestType>;
    STATIC_REQUIRE(noexcept(std::declval<const args&>().cancelled()));
    STATIC_REQUIRE(noexcept(std::declval<const args&>().error()));
    STATIC_REQUIRE(noexcept(std::declval<const args&>().user_state()));
}

TEST_CASE("args keep the user state of their own invocation", "[completed_event_args][CA-13]") {
    const completed_event_args<int> first{1, std::in_place, 10};
    const completed_event_args<int> second{2, std::in_place, 20};
    CHECK(first.user_state() == 1);
    CHECK(second.user_state() == 2);
}

TEST_CASE("args may have no user state", "[completed_event_args][CA-12]") {
    CHECK_FALSE(completed_event_args<int>{{}, std::in_place, 1}.user_state().has_value());
}

TEST_CASE("completed args give back their user state by identity", "[completed_event_args][OP-3]") {
    const user_state id = std::string{"id"};
    const completed_event_args<> args{id, eap::cancelled};
    CHECK(args.user_state().get_if<std::string>() == id.get_if<std::string>());
}

// ---- raising ----

TEMPLATE_LIST_TEST_CASE("success raises nothing", "[completed_event_args][CA-3]", result_types) {
    CHECK_NOTHROW(sample<TestType>::make()->raise_exception_if_necessary());
}

TEMPLATE_LIST_TEST_CASE("a failure raises the error as it was thrown, without a wrapper",
                        "[completed_event_args][CA-4]", result_types) {
    const auto args = failure<TestType>();
    CHECK_THROWS_AS(args->raise_exception_if_necessary(), std::domain_error);
    CHECK_THROWS_WITH(args->raise_exception_if_necessary(), "no such page");
}

TEST_CASE("an error need not be a std::exception", "[completed_event_args][CA-4]") {
    const completed_event_args<int> args{{}, std::make_exception_ptr(42)};
    CHECK_THROWS_AS(args.result(), int);
}

TEMPLATE_LIST_TEST_CASE("a cancellation raises operation_cancelled", "[completed_event_args][CA-5]",
                        result_types) {
    const auto args = cancellation<TestType>();
    CHECK_THROWS_AS(args->raise_exception_if_necessary(), eap::operation_cancelled);
    CHECK_THROWS_AS(args->raise_exception_if_necessary(), eap::invalid_operation);
}

TEMPLATE_LIST_TEST_CASE("of an error and a cancellation the error is raised", "[completed_event_args][CA-6]",
                        result_types) {
    CHECK_THROWS_AS(failure_and_cancellation<TestType>()->raise_exception_if_necessary(), std::domain_error);
}

TEST_CASE("each access raises the same error again", "[completed_event_args][CA-7]") {
    const auto args = failure<int>();
    for (int access = 0; access < 3; ++access)
        CHECK_THROWS_WITH(args->result(), "no such page");
    CHECK((args->error() != nullptr));
}

TEST_CASE("a null error is refused with a sentence", "[completed_event_args][31]") {
    CHECK_THROWS_AS((completed_event_args<int>{{}, std::exception_ptr{}}), std::invalid_argument);
    CHECK_THROWS_AS((completed_event_args<int>{{}, nullptr}), std::invalid_argument);
    CHECK_THROWS_WITH((completed_event_args<int>{{}, std::exception_ptr{}, eap::cancelled}),
                      "An outcome was made from a null exception_ptr. "
                      "Pass std::in_place for success, or eap::cancelled.");
}

// ---- the result ----

TEMPLATE_LIST_TEST_CASE("the result of a success is its value", "[completed_event_args][CA-8][CA-9][30]",
                        value_types) {
    const auto args = sample<TestType>::make();
    CHECK(sample<TestType>::is(args->result()));
    CHECK(sample<TestType>::is(std::move(*args).result()));
}

TEMPLATE_LIST_TEST_CASE("reading a result that is not there raises first", "[completed_event_args][CA-8]",
                        result_types) {
    CHECK_THROWS_AS(failure<TestType>()->result(), std::domain_error);
    CHECK_THROWS_AS(std::move(*failure<TestType>()).result(), std::domain_error);
    CHECK_THROWS_AS(cancellation<TestType>()->result(), eap::operation_cancelled);
    CHECK_THROWS_AS(std::move(*cancellation<TestType>()).result(), eap::operation_cancelled);
    CHECK_THROWS_AS(failure_and_cancellation<TestType>()->result(), std::domain_error);
}

TEMPLATE_TEST_CASE("the result has the type of the method's return value", "[completed_event_args][CA-9]",
                   int, const int, std::string, std::unique_ptr<int>) {
    using args = completed_event_args<TestType>;
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<const args&>().result()), const TestType&>);
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<args&>().result()), const TestType&>);
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<args&&>().result()), TestType&&>);
}

TEST_CASE("the result of a method without one is void", "[completed_event_args][CA-10]") {
    STATIC_REQUIRE(std::is_same_v<completed_event_args<>, completed_event_args<void>>);
    STATIC_REQUIRE(std::is_void_v<decltype(std::declval<const completed_event_args<>&>().result())>);
    STATIC_REQUIRE(std::is_void_v<decltype(std::declval<completed_event_args<>&&>().result())>);
    CHECK_NOTHROW(completed_event_args<>{{}, std::in_place}.result());
}

TEST_CASE("several out values travel as one struct", "[completed_event_args][CA-11]") {
    struct prime_test {
        bool is_prime;
        int first_divisor;
    };
    const completed_event_args<prime_test> args{91, std::in_place, false, 7};
    CHECK_FALSE(args.result().is_prime);
    CHECK(args.result().first_divisor == 7);
}

TEST_CASE("a move-only result can be moved out", "[completed_event_args][30]") {
    completed_event_args<std::unique_ptr<int>> args{{}, std::in_place, std::make_unique<int>(42)};
    const std::unique_ptr<int> mine = std::move(args).result();
    CHECK(*mine == 42);
    CHECK(args.result() == nullptr); // NOLINT(bugprone-use-after-move): still a success
}

TEST_CASE("a reference result is the caller's object, const args or not", "[completed_event_args][30]") {
    using args = completed_event_args<int&>;
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<const args&>().result()), int&>);
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<args&&>().result()), int&>);
    int object = 1;
    const args const_args{{}, std::in_place, object};
    const_args.result() = 2;
    CHECK(object == 2);
}

TEST_CASE("a reference result never binds to a temporary", "[completed_event_args]") {
    using args = completed_event_args<const std::string&>;
    STATIC_REQUIRE(std::is_constructible_v<args, user_state, std::in_place_t, std::string&>);
    STATIC_REQUIRE(!std::is_constructible_v<args, user_state, std::in_place_t, std::string>);
    STATIC_REQUIRE(!std::is_constructible_v<args, user_state, std::in_place_t, const char*>);
    STATIC_REQUIRE(!std::is_constructible_v<args, user_state, std::in_place_t>);
}

TEST_CASE("a reference result may be to a base class or a function", "[completed_event_args]") {
    std::domain_error derived{"derived"};
    const completed_event_args<std::exception&> args{{}, std::in_place, derived};
    CHECK(&args.result() == &derived);
    const completed_event_args<std::exception_ptr (&)()> function{{}, std::in_place, some_error};
    CHECK((function.result()() != nullptr));
}

TEST_CASE("a result may itself be an exception_ptr", "[completed_event_args]") {
    const completed_event_args<std::exception_ptr> args{{}, std::in_place, some_error()};
    CHECK((args.error() == nullptr));
    CHECK((args.result() != nullptr));
}

TEST_CASE("args are made only from what their value is made from", "[completed_event_args]") {
    STATIC_REQUIRE(!std::is_constructible_v<completed_event_args<void>, user_state, std::in_place_t, int>);
    STATIC_REQUIRE(
        !std::is_constructible_v<completed_event_args<int>, user_state, std::in_place_t, std::string>);
    STATIC_REQUIRE(!std::is_constructible_v<completed_event_args<int>, user_state, int>);
    STATIC_REQUIRE(!std::is_default_constructible_v<completed_event_args<int>>);
}

TEST_CASE("when the value's constructor throws, that comes through and nothing is left",
          "[completed_event_args][5]") {
    const auto witness = std::make_shared<int>(0);
    const int alive = throwing_move::alive;
    {
        const armed_moves armed;
        CHECK_THROWS_WITH((completed_event_args<throwing_move>{witness, std::in_place, 1}), "no move");
    }
    CHECK(throwing_move::alive == alive);
    CHECK(witness.use_count() == 1);
}

// ---- copying, moving, assigning ----

TEST_CASE("args are copyable and movable exactly as their value is", "[completed_event_args]") {
    STATIC_REQUIRE(std::copyable<completed_event_args<void>>);
    STATIC_REQUIRE(std::copyable<completed_event_args<int>>);
    STATIC_REQUIRE(std::copyable<completed_event_args<const int>>);
    STATIC_REQUIRE(std::copyable<completed_event_args<int&>>);
    STATIC_REQUIRE(std::copyable<completed_event_args<throwing_move>>);
    STATIC_REQUIRE(std::movable<completed_event_args<std::unique_ptr<int>>>);
    STATIC_REQUIRE(!std::is_copy_constructible_v<completed_event_args<std::unique_ptr<int>>>);
    STATIC_REQUIRE(!std::is_copy_assignable_v<completed_event_args<std::unique_ptr<int>>>);
    STATIC_REQUIRE(!std::is_move_constructible_v<completed_event_args<std::atomic<int>>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<completed_event_args<std::string>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<completed_event_args<std::string>>);
    STATIC_REQUIRE(!std::is_nothrow_move_constructible_v<completed_event_args<throwing_move>>);
}

TEMPLATE_TEST_CASE("a copy has the same outcome, and the original keeps its own", "[completed_event_args]",
                   int, const int, std::string, int&, over_aligned, one_mebibyte, throwing_move) {
    const auto original = sample<TestType>::make("id");
    const auto copy = std::make_unique<completed_event_args<TestType>>(*original);
    CHECK(sample<TestType>::is(copy->result()));
    CHECK(sample<TestType>::is(original->result()));
    CHECK(copy->user_state() == "id");
    CHECK(original->user_state() == "id");
}

TEMPLATE_TEST_CASE("a move carries the value and the user state away", "[completed_event_args]", int,
                   const int, std::string, std::unique_ptr<int>, int&, over_aligned, one_mebibyte,
                   throwing_move) {
    const auto from = sample<TestType>::make("id");
    const auto to = std::make_unique<completed_event_args<TestType>>(std::move(*from));
    CHECK(sample<TestType>::is(to->result()));
    CHECK(to->user_state() == "id");
    CHECK_FALSE(from->user_state().has_value());
    CHECK_NOTHROW(from->result()); // the outcome is a value still, moved from
}

TEMPLATE_TEST_CASE("moved-from args keep their error", "[completed_event_args]", void, std::string, int&) {
    const std::exception_ptr error = some_error();
    completed_event_args<TestType> from{"id", error, eap::cancelled};
    const completed_event_args<TestType> to = std::move(from);
    CHECK((to.error() == error));
    CHECK((from.error() == error)); // NOLINT(bugprone-use-after-move)
    CHECK(from.cancelled());
    CHECK_THROWS_AS(from.result(), std::domain_error);
}

TEMPLATE_TEST_CASE("every outcome can be assigned to every other", "[completed_event_args]", std::string,
                   int&, throwing_move) {
    using args = completed_event_args<TestType>;
    const auto outcomes = [] {
        std::vector<args> all;
        all.push_back(*sample<TestType>::make(1));
        all.push_back(*failure<TestType>(2));
        all.push_back(*cancellation<TestType>(3));
        all.push_back(*failure_and_cancellation<TestType>(4));
        return all;
    };
    const auto are_same = [](const args& a, const args& b) {
        if (a.error() == nullptr && !a.cancelled() && !sample<TestType>::is(a.result()))
            return false;
        return a.cancelled() == b.cancelled() && a.error() == b.error() && a.user_state() == b.user_state();
    };
    const std::vector<args> sources = outcomes();
    for (const args& source : sources)
        for (args target : outcomes()) {
            target = source;
            CHECK(are_same(target, source));
            args second = *cancellation<TestType>();
            second = std::move(target);
            CHECK(are_same(second, source));
        }
}

TEST_CASE("args assigned to themselves stay as they are", "[completed_event_args]") {
    completed_event_args<std::string> args{"id", std::in_place, "value"};
    auto& same = args;
    args = same;
    args = std::move(same);
    CHECK(args.result() == "value");
    CHECK(args.user_state() == "id");
}

TEST_CASE("assigning a reference result binds it anew", "[completed_event_args]") {
    int first = 1;
    int second = 2;
    completed_event_args<int&> args{{}, std::in_place, first};
    args = completed_event_args<int&>{{}, std::in_place, second};
    CHECK(&args.result() == &second);
    CHECK(first == 1);
}

TEST_CASE("when copying or moving the value throws, both sides stay as they were",
          "[completed_event_args][6]") {
    const auto source = sample<throwing_move>::make("source");
    const auto error = some_error();
    completed_event_args<throwing_move> failed{"failed", error};
    completed_event_args<throwing_move> cancelled{"cancelled", eap::cancelled};
    {
        const armed_moves armed;
        CHECK_THROWS_WITH(completed_event_args<throwing_move>{*source}, "no move");
        CHECK_THROWS_WITH(completed_event_args<throwing_move>{std::move(*source)}, "no move");
        CHECK_THROWS_WITH(failed = *source, "no move");
        CHECK_THROWS_WITH(failed = std::move(*source), "no move");
        CHECK_THROWS_WITH(cancelled = std::move(*source), "no move");
    }
    CHECK(sample<throwing_move>::is(source->result()));
    CHECK(source->user_state() == "source");
    CHECK((failed.error() == error));
    CHECK(failed.user_state() == "failed");
    CHECK(cancelled.cancelled());
    CHECK(cancelled.user_state() == "cancelled");
}

TEST_CASE("every value is destroyed exactly once", "[completed_event_args]") {
    const int alive = throwing_move::alive;
    {
        using args = completed_event_args<throwing_move>;
        args first{{}, std::in_place, 1};
        args second = first;
        const args third = std::move(second);
        first = args{{}, eap::cancelled};
        second = third;
        second = args{{}, some_error()};
        first = third;
    }
    CHECK(throwing_move::alive == alive);
}

// ---- size ----

#if defined(__GNUC__) // other compilers have padding of their own
TEST_CASE("args cost a user state, and the larger of their value and an exception_ptr",
          "[completed_event_args]") {
    STATIC_REQUIRE(sizeof(completed_event_args<void>) == sizeof(user_state) + sizeof(std::exception_ptr));
    STATIC_REQUIRE(sizeof(completed_event_args<char>) == sizeof(user_state) + sizeof(std::exception_ptr));
    STATIC_REQUIRE(sizeof(completed_event_args<int&>) == sizeof(user_state) + sizeof(std::exception_ptr));
    STATIC_REQUIRE(sizeof(completed_event_args<std::string>) == sizeof(user_state) + sizeof(std::string));
}
#endif
