// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/function_target.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/functions.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

namespace {

template <class F> eap::detail::posted make(F function) {
    return eap::detail::function_target<F>::make(std::move(function));
}

} // namespace

TEST_CASE("a function as a target runs once and dies right after", "[function_target]") {
    tests::fate fate;
    {
        auto closure = make(tests::traced{fate, [owned = std::make_unique<int>()] {}});
        closure();
        CHECK(fate.destroyed == 1);
    }
    CHECK(fate.called == 1);
    CHECK(fate.destroyed == 1);
}

TEST_CASE("a function as a target dies with its closure", "[function_target]") {
    tests::fate fate;
    {
        const auto closure = make(tests::traced{fate, [] {}});
    }
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
}

TEST_CASE("what the function throws comes out, and the function is destroyed", "[function_target]") {
    tests::fate fate;
    auto closure = make(tests::traced{fate, [] { throw std::runtime_error{"thrown"}; }});
    CHECK_THROWS_WITH(closure(), "thrown");
    CHECK(fate.destroyed == 1);
}

TEST_CASE("the function's allocator serves the target, and has it back before the call",
          "[function_target][G8]") {
    tests::memory_source memory;
    int in_use = -1;
    auto closure = make(tests::with_memory{memory, [&] { in_use = memory.in_use; }});
    CHECK(memory.in_use == 1);
    closure();
    CHECK(in_use == 0);
    CHECK(memory.taken == 1);
}

TEST_CASE("the function's allocator serves the context's node too", "[function_target][G8]") {
    tests::memory_source memory;
    {
        const auto closure = make(tests::with_memory{memory, [] {}});
        auto allocator = closure.get_allocator();
        std::byte* const node = allocator.allocate(40);
        CHECK(memory.in_use == 2);
        allocator.deallocate(node, 40);
        struct alignas(128) wide {
            std::byte bytes[128];
        };
        eap::detail::posted_allocator<wide> over_aligned{allocator};
        wide* const other = over_aligned.allocate(1); // from the heap: the function's knows no alignment
        CHECK(reinterpret_cast<std::uintptr_t>(other) % 128 == 0);
        over_aligned.deallocate(other, 1);
    }
    CHECK(memory.in_use == 0);
}

TEST_CASE("a target that cannot be made leaves nothing behind", "[function_target][G9]") {
    struct throwing_move {
        throwing_move() = default;
        throwing_move(throwing_move&&) { throw std::runtime_error{"will not move"}; }
        void operator()() {}
    };
    CHECK_THROWS_WITH(eap::detail::function_target<throwing_move>::make(throwing_move{}), "will not move");

    if (!tests::allocation_watch::works)
        return;
    tests::fate fate;
    bool refused = false;
    {
        tests::allocation_watch watch;
        watch.fail(1);
        try {
            static_cast<void>(make(tests::traced{fate, [] {}}));
        } catch (const std::bad_alloc&) {
            refused = true;
        }
    }
    CHECK(refused);
    CHECK(fate.destroyed == 1);
}

TEST_CASE("a function whose move throws late: the call throws, and nothing leaks", "[function_target]") {
    struct moves_twice {
        int moves = 0;
        moves_twice() = default;
        moves_twice(moves_twice&& other) : moves(other.moves + 1) {
            if (moves == 2)
                throw std::runtime_error{"moved once too often"};
        }
        void operator()() {}
    };
    auto closure = eap::detail::function_target<moves_twice>::make(moves_twice{});
    CHECK_THROWS_WITH(closure(), "moved once too often");
}
