// SPDX-License-Identifier: BSL-1.0
#include <eap/progress_changed_event_args.hpp>

#include <eap/user_state.hpp>

#include "support/catch.hpp"

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using eap::progress_changed_event_args;
using eap::user_state;

namespace {

struct alignas(128) over_aligned {
    int number;
};
struct one_mebibyte {
    explicit one_mebibyte(char fill) { bytes.fill(fill); }
    std::array<char, 1 << 20> bytes;
};
struct throwing_copy {
    throwing_copy() = default;
    throwing_copy(const throwing_copy&) { throw std::runtime_error{"no copy"}; }
    throwing_copy& operator=(const throwing_copy&) = default;
};

template <class P>
concept has_value_member = requires(const progress_changed_event_args<P>& args) { args.value(); };

} // namespace

TEST_CASE("a percentage within 0 and 100 is given back as it is", "[progress_changed_event_args][PA-1]") {
    for (int percentage = 0; percentage <= 100; ++percentage)
        CHECK(progress_changed_event_args<>{{}, percentage}.progress_percentage() == percentage);
}

TEST_CASE("a percentage below 0 becomes 0", "[progress_changed_event_args][PA-1][32]") {
    for (const int percentage : {-1, -100, -256, std::numeric_limits<int>::min()})
        CHECK(progress_changed_event_args<>{{}, percentage}.progress_percentage() == 0);
}

TEST_CASE("a percentage above 100 becomes 100", "[progress_changed_event_args][PA-1][32]") {
    for (const int percentage : {101, 255, 256, 300, std::numeric_limits<int>::max()})
        CHECK(progress_changed_event_args<>{{}, percentage}.progress_percentage() == 100);
}

TEST_CASE("a percentage is clamped beside a value too", "[progress_changed_event_args][PA-1][32]") {
    CHECK(progress_changed_event_args<int>{{}, std::numeric_limits<int>::min(), 1}.progress_percentage() ==
          0);
    CHECK(progress_changed_event_args<int>{{}, std::numeric_limits<int>::max(), 1}.progress_percentage() ==
          100);
}

TEST_CASE("progress args give back their user state by identity",
          "[progress_changed_event_args][PA-1][OP-3]") {
    const user_state id = std::string{"id"};
    const progress_changed_event_args<> args{id, 10};
    CHECK(args.user_state().get_if<std::string>() == id.get_if<std::string>());
}

TEST_CASE("another measure goes into the value, with the percentage left at 0",
          "[progress_changed_event_args][PA-2]") {
    const progress_changed_event_args<long long> args{{}, 0, 5'000'000'000LL};
    CHECK(args.progress_percentage() == 0);
    CHECK(args.value() == 5'000'000'000LL);
}

TEST_CASE("an incremental result is read by const reference", "[progress_changed_event_args][PA-3]") {
    const progress_changed_event_args<std::string> args{1, 50, "found"};
    STATIC_REQUIRE(std::is_same_v<decltype(args.value()), const std::string&>);
    CHECK(args.value() == "found");
    CHECK(args.progress_percentage() == 50);
    CHECK(args.user_state() == 1);
}

TEST_CASE("without an incremental result there is nothing to read", "[progress_changed_event_args][PA-3]") {
    STATIC_REQUIRE(std::is_same_v<progress_changed_event_args<>, progress_changed_event_args<void>>);
    STATIC_REQUIRE(!has_value_member<void>);
    STATIC_REQUIRE(has_value_member<int>);
    STATIC_REQUIRE(!std::is_constructible_v<progress_changed_event_args<>, user_state, int, int>);
    STATIC_REQUIRE(!std::is_constructible_v<progress_changed_event_args<int>, user_state, int>);
}

TEST_CASE("an incremental result may be move-only", "[progress_changed_event_args][PA-3][30]") {
    using args = progress_changed_event_args<std::unique_ptr<int>>;
    args first{1, 50, std::make_unique<int>(42)};
    const args second = std::move(first);
    CHECK(*second.value() == 42);
    STATIC_REQUIRE(std::movable<args>);
    STATIC_REQUIRE(!std::is_copy_constructible_v<args>);
}

TEST_CASE("an incremental result may be the caller's object", "[progress_changed_event_args][PA-3][30]") {
    using args = progress_changed_event_args<std::vector<int>&>;
    std::vector<int> found;
    const args now{{}, 50, found};
    STATIC_REQUIRE(std::is_same_v<decltype(now.value()), std::vector<int>&>);
    now.value().push_back(7);
    CHECK(found == std::vector{7});
    STATIC_REQUIRE(!std::is_constructible_v<args, user_state, int, std::vector<int>>);
}

TEST_CASE("an incremental result may be const", "[progress_changed_event_args][30]") {
    const progress_changed_event_args<const int> args{{}, 50, 42};
    CHECK(args.value() == 42);
    STATIC_REQUIRE(std::copyable<progress_changed_event_args<const int>>);
}

TEST_CASE("an incremental result may be over-aligned", "[progress_changed_event_args][30]") {
    const auto args =
        std::make_unique<progress_changed_event_args<over_aligned>>(user_state{}, 50, over_aligned{42});
    CHECK(args->value().number == 42);
    CHECK(reinterpret_cast<std::uintptr_t>(&args->value()) % alignof(over_aligned) == 0);
}

TEST_CASE("an incremental result may be large", "[progress_changed_event_args][30]") {
    const auto args = std::make_unique<progress_changed_event_args<one_mebibyte>>(user_state{}, 50, 'x');
    CHECK(args->value().bytes.back() == 'x');
}

TEST_CASE("an incremental result may be written in braces", "[progress_changed_event_args]") {
    const progress_changed_event_args<std::vector<int>> args{{}, 50, {1, 2, 3}};
    CHECK(args.value() == std::vector{1, 2, 3});
}

TEST_CASE("what making the incremental result throws comes through, and nothing is left",
          "[progress_changed_event_args]") {
    const auto witness = std::make_shared<int>(0);
    const throwing_copy value;
    CHECK_THROWS_WITH((progress_changed_event_args<throwing_copy>{witness, 50, value}), "no copy");
    CHECK(witness.use_count() == 1);
}

TEST_CASE("reports of several operations are told apart by their user states",
          "[progress_changed_event_args][PA-4]") {
    const progress_changed_event_args<> first{1, 10};
    const progress_changed_event_args<> second{2, 10};
    CHECK_FALSE(first.user_state() == second.user_state());
}

TEST_CASE("reading progress args never throws", "[progress_changed_event_args]") {
    using args = progress_changed_event_args<std::string>;
    STATIC_REQUIRE(noexcept(std::declval<const args&>().progress_percentage()));
    STATIC_REQUIRE(noexcept(std::declval<const args&>().value()));
    STATIC_REQUIRE(noexcept(std::declval<const args&>().user_state()));
}

TEST_CASE("a copy of progress args says the same, and moved-from ones keep their percentage",
          "[progress_changed_event_args]") {
    progress_changed_event_args<std::string> original{"id", 50, "found"};
    const auto copy = original;
    const auto moved = std::move(original);
    CHECK(copy.value() == moved.value());
    CHECK(copy.user_state() == moved.user_state());
    CHECK(original.progress_percentage() == 50); // NOLINT(bugprone-use-after-move)
    CHECK_FALSE(original.user_state().has_value());
}

#if defined(__GNUC__) // other compilers have padding of their own
TEST_CASE("a report without a value costs no more than its user state", "[progress_changed_event_args]") {
    STATIC_REQUIRE(sizeof(progress_changed_event_args<>) == sizeof(user_state));
}
#endif
