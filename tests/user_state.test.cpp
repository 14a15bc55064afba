// SPDX-License-Identifier: BSL-1.0
#include <eap/user_state.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <any>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using eap::user_state;

namespace {

std::size_t hash_of(const user_state& state) { return std::hash<user_state>{}(state); }

/// Says how often it was copied, hashed and destroyed; equal when `key` is.
struct counted_key {
    struct counts {
        int alive = 0;
        int copied = 0;
        int hashed = 0;
        int compared = 0;
    };

    counted_key(counts& where, int with) : seen(&where), key(with) { ++seen->alive; }
    counted_key(const counted_key& other) : seen(other.seen), key(other.key) {
        ++seen->alive;
        ++seen->copied;
    }
    counted_key& operator=(const counted_key&) = delete;
    ~counted_key() { --seen->alive; }
    bool operator==(const counted_key& other) const {
        ++seen->compared;
        return key == other.key;
    }

    counts* seen;
    int key;
};

/// Throws where it is told to.
struct failing_key {
    enum class place { nowhere, copying, hashing, comparing };

    explicit failing_key(place where) : fails(where) {}
    failing_key(const failing_key& other) : fails(other.fails) {
        if (fails == place::copying)
            throw std::runtime_error{"copying"};
    }
    failing_key& operator=(const failing_key&) = default;
    bool operator==(const failing_key&) const {
        if (fails == place::comparing)
            throw std::runtime_error{"comparing"};
        return true;
    }

    place fails;
    std::shared_ptr<int> witness = std::make_shared<int>(0);
};

/// Every two of them collide.
struct colliding_key {
    int key;
    bool operator==(const colliding_key&) const = default;
};

struct alignas(128) over_aligned_key {
    int key;
    bool operator==(const over_aligned_key&) const = default;
};

/// A client's wrapper, made from a user_state without being asked.
struct job_id {
    job_id(user_state given) : state(std::move(given)) {} // NOLINT(google-explicit-constructor)
    bool operator==(const job_id&) const = default;
    user_state state;
};

enum class colour { red = 1, green = 2 };

struct incomparable {};
struct unhashable {
    bool operator==(const unhashable&) const = default;
};

} // namespace

template <> struct std::hash<counted_key> {
    std::size_t operator()(const counted_key& value) const noexcept {
        ++value.seen->hashed;
        return static_cast<std::size_t>(value.key);
    }
};
template <> struct std::hash<failing_key> {
    std::size_t operator()(const failing_key& value) const {
        if (value.fails == failing_key::place::hashing)
            throw std::runtime_error{"hashing"};
        return 0;
    }
};
template <> struct std::hash<colliding_key> {
    std::size_t operator()(const colliding_key&) const noexcept { return 0; }
};
template <> struct std::hash<over_aligned_key> {
    std::size_t operator()(const over_aligned_key& value) const noexcept {
        return static_cast<std::size_t>(value.key);
    }
};
template <> struct std::hash<job_id> {
    std::size_t operator()(const job_id& value) const noexcept { return hash_of(value.state); }
};
template <> struct std::hash<incomparable> {
    std::size_t operator()(const incomparable&) const noexcept { return 0; }
};

// ---- empty ----

TEST_CASE("a user state is empty by default", "[user_state][OP-3]") {
    const user_state none;
    CHECK_FALSE(none.has_value());
    CHECK(none == user_state{});
    CHECK(hash_of(none) == hash_of(user_state{}));
    CHECK_FALSE(none == 0);
    CHECK_FALSE(none == "");
    CHECK_FALSE(none == false);
}

TEST_CASE("an empty user state can be a global that costs nothing at start-up", "[user_state]") {
    static constinit user_state none;
    static constinit user_state three = 3;
    CHECK_FALSE(none.has_value());
    CHECK(three == 3);
}

// ---- integers ----

TEMPLATE_TEST_CASE("an integer is the same key in every integer type", "[user_state]", signed char,
                   unsigned char, short, unsigned short, int, unsigned, long, unsigned long, long long,
                   unsigned long long, char, wchar_t, char8_t, char16_t, char32_t, std::size_t,
                   std::ptrdiff_t) {
    const user_state three{TestType{3}};
    CHECK(three.has_value());
    CHECK(three == 3);
    CHECK(3u == three);
    CHECK(three == user_state{3L});
    CHECK(hash_of(three) == hash_of(3));
    CHECK(three.get<TestType>() == TestType{3});
    STATIC_REQUIRE(std::is_same_v<decltype(three.get<TestType>()), TestType>);
    STATIC_REQUIRE(std::is_nothrow_constructible_v<user_state, TestType>);
    CHECK_FALSE(three == 4);
}

TEST_CASE("integers compare by value, not by their bits", "[user_state]") {
    CHECK_FALSE(user_state{-1} == std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(user_state{-1} == std::numeric_limits<unsigned>::max());
    CHECK_FALSE(user_state{static_cast<std::int8_t>(-1)} == std::uint8_t{255});
    CHECK(user_state{static_cast<std::int8_t>(-1)} == std::int64_t{-1});
    CHECK(hash_of(static_cast<std::int8_t>(-1)) == hash_of(std::int64_t{-1}));
    CHECK(user_state{std::numeric_limits<std::int64_t>::min()} == std::numeric_limits<std::int64_t>::min());
    CHECK_FALSE(user_state{std::numeric_limits<std::int64_t>::min()} ==
                std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("bool is an integer", "[user_state]") {
    CHECK(user_state{true} == 1);
    CHECK(user_state{false} == 0);
    CHECK(user_state{1}.get<bool>());
    CHECK_THROWS_AS(user_state{2}.get<bool>(), std::bad_any_cast);
    CHECK_THROWS_AS(user_state{-1}.get<bool>(), std::bad_any_cast);
}

TEMPLATE_TEST_CASE("reading an integer converts to any integer type that can represent it", "[user_state]",
                   signed char, unsigned char, char, short, unsigned short, int, unsigned, long long,
                   unsigned long long) {
    const TestType lowest = std::numeric_limits<TestType>::min();
    const TestType highest = std::numeric_limits<TestType>::max();
    CHECK(user_state{static_cast<std::intmax_t>(lowest)}.get<TestType>() == lowest);
    CHECK(user_state{static_cast<std::uintmax_t>(highest)}.get<TestType>() == highest);
    if constexpr (sizeof(TestType) < sizeof(std::intmax_t)) {
        CHECK_THROWS_AS(user_state{std::intmax_t{lowest} - 1}.get<TestType>(), std::bad_any_cast);
        CHECK_THROWS_AS(user_state{std::intmax_t{highest} + 1}.get<TestType>(), std::bad_any_cast);
    }
    CHECK(user_state{static_cast<std::uintmax_t>(highest)}.get_if<TestType>() == highest);
}

TEST_CASE("an integer that does not fit says so", "[user_state]") {
    const user_state large = 1000;
    CHECK(large.get_if<unsigned char>() == std::nullopt);
    CHECK(user_state{-1}.get_if<std::uint64_t>() == std::nullopt);
    CHECK(user_state{std::numeric_limits<std::uint64_t>::max()}.get_if<std::int64_t>() == std::nullopt);
    CHECK_THROWS_WITH(large.get<unsigned char>(),
                      "This user state is an integer that the type asked for cannot represent. "
                      "Ask for a wider integer, or use get_if.");
}

TEST_CASE("integers never allocate", "[user_state]") {
    const tests::allocation_watch watch;
    const user_state id = 7;
    user_state copy = id;
    copy = -7;
    CHECK(watch.count() == 0);
}

TEST_CASE("integer keys work in constant expressions", "[user_state]") {
    STATIC_REQUIRE(user_state{3} == 3u);
    STATIC_REQUIRE(user_state{-3}.get<long>() == -3);
    STATIC_REQUIRE(!user_state{300}.get_if<unsigned char>());
    STATIC_REQUIRE(!user_state{}.has_value());
}

// ---- text ----

TEST_CASE("a literal, a character pointer and a string view are kept as a string", "[user_state]") {
    char letters[] = "page 1";
    char* const pointer = letters;
    const std::string_view view = letters;
    const user_state kept[] = {
        "page 1", letters, pointer, std::as_const(letters), view, std::string{"page 1"}};
    letters[5] = '2'; // what was borrowed from may change and go
    for (const user_state& state : kept) {
        CHECK(state.get<std::string>() == "page 1");
        CHECK(state == "page 1");
        CHECK(hash_of(state) == hash_of("page 1"));
        CHECK_FALSE(state == "page 2");
    }
}

TEMPLATE_TEST_CASE("text of every character type is kept by its characters", "[user_state]", char, wchar_t,
                   char8_t, char16_t, char32_t) {
    const TestType letters[] = {'i', 'd', 0};
    const TestType others[] = {'i', 'd', 0};
    CHECK(user_state{letters} == user_state{others});
    CHECK(user_state{letters} == user_state{std::basic_string_view<TestType>{others}});
    const user_state kept = letters;
    CHECK(kept.get<std::basic_string<TestType>>().size() == 2);
}

TEST_CASE("texts of different character types are different keys", "[user_state]") {
    CHECK_FALSE(user_state{"id"} == L"id");
    CHECK_FALSE(user_state{"id"} == u8"id");
}

TEST_CASE("a null pointer to text is refused with a sentence", "[user_state][31]") {
    const char* const text = nullptr;
    CHECK_THROWS_AS(user_state{text}, std::invalid_argument);
    CHECK_THROWS_WITH(user_state{text}, "A user state was made from a null pointer to text. "
                                        "Pass {} for no user state.");
}

// ---- everything else ----

TEST_CASE("any regular, hashable value is a key that equals its like", "[user_state]") {
    int here = 0;
    int there = 0;
    const auto shared = std::make_shared<int>(1);
    CHECK(user_state{&here} == &here);
    CHECK_FALSE(user_state{&here} == &there);
    CHECK(user_state{colour::red} == colour::red);
    CHECK_FALSE(user_state{colour::red} == colour::green);
    CHECK(user_state{shared} == shared);
    CHECK(user_state{std::byte{7}} == std::byte{7});
    CHECK(user_state{std::optional<int>{7}} == user_state{std::optional<int>{7}});
    CHECK(user_state{std::vector<bool>{true, false}} == std::vector<bool>{true, false});
    CHECK(user_state{std::this_thread::get_id()} == std::this_thread::get_id());
}

TEST_CASE("values of different types are different keys, integers aside", "[user_state]") {
    CHECK_FALSE(user_state{3} == 3.0);
    CHECK_FALSE(user_state{3.0} == 3.0f);
    CHECK_FALSE(user_state{colour::red} == 1);
    CHECK_FALSE(user_state{"3"} == 3);
    CHECK_FALSE(user_state{std::optional<int>{3}} == 3);
}

TEST_CASE("what the type itself calls equal is equal", "[user_state]") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const user_state not_a_number = nan;
    CHECK(user_state{0.0} == -0.0);
    CHECK_FALSE(not_a_number == nan);
    CHECK_FALSE(not_a_number == user_state{not_a_number}); // not even a copy of itself
}

TEST_CASE("values with equal hashes are still told apart", "[user_state]") {
    CHECK(hash_of(colliding_key{1}) == hash_of(colliding_key{2}));
    CHECK(user_state{colliding_key{1}} == colliding_key{1});
    CHECK_FALSE(user_state{colliding_key{1}} == colliding_key{2});
}

TEST_CASE("an over-aligned value is kept aligned", "[user_state][30]") {
    const user_state state = over_aligned_key{5};
    CHECK(reinterpret_cast<std::uintptr_t>(state.get_if<over_aligned_key>()) % alignof(over_aligned_key) ==
          0);
    CHECK(state == over_aligned_key{5});
}

TEST_CASE("a value of the very type is read by reference", "[user_state]") {
    const user_state state = std::string{"id"};
    STATIC_REQUIRE(std::is_same_v<decltype(state.get<std::string>()), const std::string&>);
    STATIC_REQUIRE(std::is_same_v<decltype(state.get_if<std::string>()), const std::string*>);
    CHECK(state.get_if<std::string>() == &state.get<std::string>());
    CHECK(state.get<std::string>() == "id");
}

TEST_CASE("asking for another type is an error that says what to do", "[user_state]") {
    const user_state state = 2.5;
    CHECK(state.get_if<float>() == nullptr);
    CHECK(state.get_if<int>() == std::nullopt);
    CHECK_THROWS_AS(state.get<float>(), std::bad_any_cast);
    CHECK_THROWS_AS(state.get<int>(), std::bad_any_cast);
    CHECK_THROWS_WITH(state.get<std::string>(), "This user state was made from a value of another type. "
                                                "Ask for that type (text is std::string), or use get_if.");
}

TEST_CASE("asking an empty user state for a value is an error that says what to do", "[user_state]") {
    const user_state none;
    CHECK(none.get_if<int>() == std::nullopt);
    CHECK(none.get_if<std::string>() == nullptr);
    CHECK_THROWS_AS(none.get<std::string>(), std::bad_any_cast);
    CHECK_THROWS_WITH(none.get<int>(), "This user state is empty. Ask has_value() first, or use get_if.");
}

// ---- value semantics ----

TEST_CASE("copies give back the very object that was put in", "[user_state][OP-3]") {
    const user_state original = std::string(100, 'x');
    const user_state copy = original;
    user_state assigned = 1;
    assigned = copy;
    CHECK(copy.get_if<std::string>() == original.get_if<std::string>());
    CHECK(assigned.get_if<std::string>() == original.get_if<std::string>());
    CHECK(assigned == original);
}

TEST_CASE("copying never throws and never allocates", "[user_state]") {
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<user_state>);
    STATIC_REQUIRE(std::is_nothrow_copy_assignable_v<user_state>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<user_state>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<user_state>);
    const user_state original = std::string(100, 'x');
    const tests::allocation_watch watch;
    const user_state copy = original;
    user_state assigned;
    assigned = copy;
    CHECK(watch.count() == 0);
}

TEMPLATE_TEST_CASE("a moved-from user state is empty, and can be used again", "[user_state]", int,
                   std::string) {
    TestType value{};
    user_state from = value;
    const user_state to = std::move(from);
    CHECK(to == value);
    CHECK(from == user_state{}); // NOLINT(bugprone-use-after-move)
    CHECK(hash_of(from) == hash_of({}));
    from = 5;
    CHECK(from == 5);
    user_state other;
    other = std::move(from);
    CHECK(other == 5);
    CHECK_FALSE(from.has_value()); // NOLINT(bugprone-use-after-move)
}

TEST_CASE("a user state assigned to itself stays as it is", "[user_state]") {
    user_state state = std::string{"id"};
    user_state& same = state;
    state = same;
    CHECK(state == "id");
    state = std::move(same);
    CHECK(state == "id");
}

TEST_CASE("a value is copied once, hashed once and destroyed once, with its last copy", "[user_state][35]") {
    counted_key::counts seen;
    {
        const counted_key key{seen, 1};
        user_state first = key;
        {
            const user_state second = first;
            first = {};
            CHECK(seen.alive == 2);
            CHECK(hash_of(second) == hash_of(second));
            CHECK(second == user_state{second});
        }
        CHECK(seen.alive == 1);
        CHECK(seen.copied == 1);
        CHECK(seen.hashed == 1);
    }
    CHECK(seen.alive == 0);
}

TEST_CASE("values whose hashes differ are not even compared", "[user_state]") {
    counted_key::counts seen;
    CHECK_FALSE(user_state{counted_key{seen, 1}} == user_state{counted_key{seen, 2}});
    CHECK(seen.compared == 0);
}

TEST_CASE("a value that is moved in is not copied", "[user_state]") {
    std::string text(100, 'x');
    const char* const letters = text.data();
    const user_state state = std::move(text);
    CHECK(state.get<std::string>().data() == letters);
}

TEST_CASE("what copying or hashing a value throws comes through, and nothing is left", "[user_state]") {
    using place = failing_key::place;
    const failing_key uncopyable{place::copying};
    const failing_key unhashed{place::hashing};
    CHECK_THROWS_WITH(user_state{uncopyable}, "copying");
    CHECK_THROWS_WITH(user_state{unhashed}, "hashing");
    CHECK(uncopyable.witness.use_count() == 1);
    CHECK(unhashed.witness.use_count() == 1);
}

TEST_CASE("what comparing values throws comes through", "[user_state]") {
    const user_state state = failing_key{failing_key::place::comparing};
    CHECK_THROWS_WITH(state == user_state{state}, "comparing");
}

TEST_CASE("when there is no memory for a value, bad_alloc comes through and the value is not lost",
          "[user_state]") {
    std::string text(100, 'x');
    tests::allocation_watch watch;
    if (!watch.works)
        return;
    watch.fail(1);
    CHECK_THROWS_AS(user_state{std::move(text)}, std::bad_alloc);
    CHECK(text == std::string(100, 'x')); // NOLINT(bugprone-use-after-move)
}

TEST_CASE("a user state costs two words", "[user_state]") { STATIC_REQUIRE(sizeof(user_state) <= 16); }

TEST_CASE("threads may copy, compare and drop copies of one user state at the same time", "[user_state]") {
    const auto witness = std::make_shared<int>(1);
    {
        const user_state original = witness;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([mine = original] {
                for (int round = 0; round < 1000; ++round) {
                    user_state copy = mine;
                    user_state other;
                    other = copy;
                    copy = {};
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        CHECK(original == witness);
    }
    CHECK(witness.use_count() == 1);
}

// ---- as a key ----

TEST_CASE("one table holds keys of many types", "[user_state]") {
    std::unordered_map<user_state, std::string> pending;
    pending[1] = "number";
    pending["1"] = "text";
    pending[colour::red] = "colour";
    pending[{}] = "none";
    CHECK(pending.size() == 4);
    CHECK(pending.at(1u) == "number");
    CHECK(pending.at(std::string{"1"}) == "text");
    CHECK(pending.at(colour::red) == "colour");
    CHECK(pending.at({}) == "none");
}

TEST_CASE("two user states made apart from equal values are equal", "[user_state][BC-7][OP-19]") {
    const user_state mine = std::string{"report"};
    const user_state yours = std::string{"report"};
    CHECK(mine == yours);
    CHECK(mine.get_if<std::string>() != yours.get_if<std::string>()); // yet each has its own value
}

// ---- what is no key ----

TEST_CASE("what cannot be a key does not convert to one", "[user_state]") {
    STATIC_REQUIRE(!std::is_constructible_v<user_state, incomparable>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, unhashable>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, std::nullptr_t>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, int(&)[3]>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, void (&)()>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, std::any>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, std::vector<int>>);
    STATIC_REQUIRE(!std::is_constructible_v<user_state, std::function<void()>>);
}

TEST_CASE("a client's wrapper of a user state copies, compares, and is itself a key", "[user_state]") {
    const job_id job = user_state{1};
    const job_id copy = job;
    CHECK(copy == job);
    CHECK(user_state{job} == user_state{copy});
    CHECK_FALSE(user_state{job} == 1);
}

TEST_CASE("standard wrappers of user states copy and compare", "[user_state]") {
    const std::optional<user_state> maybe = user_state{1};
    CHECK((maybe == std::optional<user_state>{user_state{1}}));
    CHECK((maybe == user_state{1}));
    CHECK((maybe != std::nullopt));
    CHECK((std::vector<user_state>{1, "x"} == std::vector<user_state>{1u, std::string{"x"}}));
    CHECK((std::pair<user_state, int>{1, 1} == std::pair<user_state, int>{1, 1}));
    CHECK((std::variant<user_state, job_id>{} == std::variant<user_state, job_id>{}));
    STATIC_REQUIRE(!std::is_constructible_v<user_state, std::optional<user_state>>);
    STATIC_REQUIRE(std::regular<user_state>);
}
