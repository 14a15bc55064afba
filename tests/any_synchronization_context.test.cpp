// SPDX-License-Identifier: BSL-1.0
#include <eap/any_synchronization_context.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/functions.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

using eap::any_synchronization_context;
using namespace std::chrono_literals;

namespace {

/// Too large to be held in place, and its copies may throw: held in a box.
struct large_context {
    tests::manual_context inner;
    char more[64] = {};

    explicit large_context(tests::manual_context c) : inner(std::move(c)) {}
    large_context(const large_context& other) : inner(other.inner) {}
    large_context& operator=(const large_context&) = default;
    template <class F> void post(F f) const { inner.post(std::move(f)); }
    bool operator==(const large_context& other) const { return inner == other.inner; }
};

/// Everything optional, told apart.
struct able_context {
    std::string* trace;

    template <class F> void post(F f) const {
        *trace += "post ";
        f();
    }
    template <class F> void send(F&& f) const {
        *trace += "send ";
        f();
    }
    template <class F> void post_after(std::chrono::nanoseconds delay, F f) const {
        *trace += delay == 5ms ? "after " : "? ";
        f();
    }
    static constexpr int nodes_per_post = 1;
    void operation_started() const { *trace += "started "; }
    void operation_completed() const { *trace += "completed "; }
    bool running_in_this_thread() const { return true; }
    bool operator==(const able_context&) const = default;
};

int plain_calls = 0;
void plain_function() { ++plain_calls; }

} // namespace

TEST_CASE("every context is some context", "[any_synchronization_context]") {
    STATIC_REQUIRE(eap::synchronization_context<any_synchronization_context>);
    STATIC_REQUIRE(std::is_convertible_v<tests::manual_context, any_synchronization_context>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<int, any_synchronization_context>);
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<any_synchronization_context>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<any_synchronization_context>);
    tests::manual_queue queue;
    const any_synchronization_context some = queue.context();
    CHECK(some.has_value());
    bool ran = false;
    some.post([&, owned = std::make_unique<int>()] { ran = true; });
    CHECK(queue.run_all() == 1);
    CHECK(ran);
}

TEST_CASE("a plain function can be posted", "[any_synchronization_context]") {
    tests::manual_queue queue;
    const any_synchronization_context some = queue.context();
    plain_calls = 0;
    some.post(plain_function);
    some.post(&plain_function);
    queue.run_all();
    CHECK(plain_calls == 2);
}

TEST_CASE("a plain function, and a const one, can be sent", "[any_synchronization_context]") {
    const eap::any_synchronization_context handle{tests::inline_context{}};
    plain_calls = 0;
    handle.send(plain_function);
    const auto counts = [] { ++plain_calls; };
    handle.send(counts);
    eap::send(handle, counts);
    CHECK(plain_calls == 3);
}

TEST_CASE("equality is that of the contexts", "[any_synchronization_context][SC-23]") {
    tests::manual_queue one;
    tests::manual_queue two;
    const any_synchronization_context some = one.context();
    CHECK(some == any_synchronization_context{one.context()});
    CHECK(some != any_synchronization_context{two.context()});
    CHECK(some != any_synchronization_context{large_context{one.context()}}); // of another type
    CHECK(any_synchronization_context{large_context{one.context()}} ==
          any_synchronization_context{large_context{one.context()}});
    CHECK(some != any_synchronization_context{});
    CHECK(any_synchronization_context{} == any_synchronization_context{});
}

TEST_CASE("copies of a small handle and of a boxed one name the same place",
          "[any_synchronization_context]") {
    tests::manual_queue queue;
    const auto check = [&](any_synchronization_context some) {
        any_synchronization_context copy = some;
        CHECK(copy == some);
        any_synchronization_context moved = std::move(some);
        CHECK(moved == copy);
        some = copy; // assigned to again after it was moved from
        CHECK(some == moved);
        const auto& same = some;
        some = same;
        CHECK(some == moved);
        copy = any_synchronization_context{};
        CHECK_FALSE(copy.has_value());
        some.post([] {});
        moved.post([] {});
        CHECK(queue.run_all() == 2);
    };
    check(queue.context());
    check(large_context{queue.context()});
}

TEST_CASE("copying and moving allocate nothing", "[any_synchronization_context]") {
    tests::manual_queue queue;
    const any_synchronization_context small = queue.context();
    const any_synchronization_context boxed = large_context{queue.context()};
    std::size_t allocations = 0;
    {
        tests::allocation_watch watch;
        any_synchronization_context copy = small;
        copy = boxed;
        const any_synchronization_context moved = std::move(copy);
        allocations = watch.count();
    }
    CHECK(allocations == 0);
}

TEST_CASE("the context comes back by its type", "[any_synchronization_context]") {
    tests::manual_queue queue;
    const any_synchronization_context some = queue.context();
    REQUIRE(some.target<tests::manual_context>() != nullptr);
    CHECK(*some.target<tests::manual_context>() == queue.context());
    CHECK(some.target<large_context>() == nullptr);
    CHECK(any_synchronization_context{}.target<tests::manual_context>() == nullptr);
    const any_synchronization_context boxed = large_context{queue.context()};
    REQUIRE(boxed.target<large_context>() != nullptr);
}

TEST_CASE("the optional abilities of the context shine through", "[any_synchronization_context]") {
    std::string trace;
    const any_synchronization_context some = able_context{&trace};
    eap::operation_started(some);
    eap::send(some, [&] { trace += "ran "; });
    eap::operation_completed(some);
    CHECK(trace == "started send ran completed ");
    CHECK(eap::running_in_this_thread(some) == std::optional{true});
    trace.clear();
    auto function = eap::detail::function_target<void (*)()>::make(&plain_function);
    CHECK(some.try_post_after(5ms, function));
    CHECK(trace == "after ");
    CHECK(some.nodes_per_post() == 1);
}

TEST_CASE("abilities that the context lacks are absent through it as well", "[any_synchronization_context]") {
    tests::manual_queue queue;
    const any_synchronization_context some = queue.context();
    eap::operation_started(some);
    eap::operation_completed(some);
    CHECK(eap::running_in_this_thread(some) == std::nullopt);
    plain_calls = 0;
    auto function = eap::detail::function_target<void (*)()>::make(&plain_function);
    CHECK_FALSE(some.try_post_after(5ms, function));
    CHECK(some.nodes_per_post() == 2); // as many as any context known of
    function();                        // untouched
    CHECK(plain_calls == 1);
}

TEST_CASE("an empty handle says so, and leaves the function alone", "[any_synchronization_context]") {
    const any_synchronization_context none;
    bool kept = false;
    auto function = [&kept, owned = std::make_unique<int>(1)] { kept = owned != nullptr; };
    CHECK_THROWS_AS(none.post(std::move(function)), eap::invalid_operation);
    function();
    CHECK(kept);
    CHECK_THROWS_AS(eap::operation_started(none), eap::invalid_operation);
    CHECK_THROWS_AS(eap::send(none, [] {}), eap::invalid_operation);
    eap::operation_completed(none);
    CHECK(eap::running_in_this_thread(none) == std::nullopt);
    CHECK(none.nodes_per_post() == 0);
}

TEST_CASE("what is dropped is destroyed once, and so is what is refused",
          "[any_synchronization_context][G14]") {
    tests::fate fate;
    any_synchronization_context{tests::dropping_context{}}.post(tests::traced{fate, [] {}});
    CHECK(fate.destroyed == 1);
    CHECK_THROWS_AS(any_synchronization_context{tests::throwing_context{}}.post(tests::traced{fate, [] {}}),
                    tests::post_refused);
    CHECK(fate.destroyed == 2);
    {
        tests::manual_queue queue;
        any_synchronization_context{queue.context()}.post(tests::traced{fate, [] {}});
    }
    CHECK(fate.destroyed == 3);
    any_synchronization_context{tests::inline_context{}}.post(tests::traced{fate, [] {}});
    CHECK(fate.destroyed == 4);
    CHECK(fate.called == 1);
}

TEST_CASE("a function's memory serves what is posted through the handle",
          "[any_synchronization_context][G8]") {
    tests::memory_source memory;
    int in_use = -1;
    any_synchronization_context{tests::inline_context{}}.post(
        tests::with_memory{memory, [&] { in_use = memory.in_use; }});
    CHECK(memory.taken == 1);
    CHECK(in_use == 0);
}
