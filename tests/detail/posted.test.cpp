// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/posted.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace {

using eap::detail::post_outcome;
using eap::detail::post_target;
using eap::detail::posted;
using eap::detail::posting;

struct target final : eap::detail::postable {
    int runs = 0;
    int drops = 0;
    bool throws = false;

    void run_posted() override {
        ++runs;
        if (throws)
            throw std::runtime_error{"a handler's"};
    }
    void dropped() noexcept override { ++drops; }
};

/// Throws after it has taken the function, and keeps it.
struct faithless_context {
    std::shared_ptr<std::unique_ptr<posted>> kept = std::make_shared<std::unique_ptr<posted>>();
    void post(posted f) const {
        *kept = std::make_unique<posted>(std::move(f));
        throw std::runtime_error{"kept it all the same"};
    }
    bool operator==(const faithless_context&) const = default;
};

} // namespace

TEST_CASE("a posted closure is one pointer, and moves only", "[posted]") {
    STATIC_REQUIRE(sizeof(posted) == sizeof(void*));
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<posted>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<posted>);
}

TEST_CASE("a closure tells its target exactly once what became of it", "[posted]") {
    target ran;
    target dropped;
    target moved;
    {
        posted closure{ran};
        closure();
        closure(); // a second time does nothing
        const posted unrun{dropped};
        posted source{moved};
        posted sink{std::move(source)};
        sink();
    }
    CHECK((ran.runs == 1 && ran.drops == 0));
    CHECK((dropped.runs == 0 && dropped.drops == 1));
    CHECK((moved.runs == 1 && moved.drops == 0));
}

TEST_CASE("assigning to a closure drops the one it held", "[posted]") {
    target first;
    target second;
    {
        posted closure{first};
        closure = posted{second};
        CHECK(first.drops == 1);
        CHECK(second.drops == 0);
        posted& same = closure;
        closure = std::move(same);
        CHECK(second.drops == 0);
    }
    CHECK(second.drops == 1);
}

TEST_CASE("the outcome of a post that was accepted", "[posted]") {
    target posted_to_queue;
    tests::manual_queue queue;
    CHECK(post_target(queue.context(), posted_to_queue).became == post_outcome::kind::accepted);
    CHECK(posted_to_queue.drops == 0);
    SECTION("run later") {
        queue.run_all();
        CHECK(posted_to_queue.runs == 1);
        CHECK(posted_to_queue.drops == 0);
    }
    SECTION("destroyed later") {
        queue.drop_all();
        CHECK(posted_to_queue.runs == 0);
        CHECK(posted_to_queue.drops == 1);
    }
}

TEST_CASE("the outcome of a post whose context dropped the closure: the poster knows, not the target",
          "[posted]") {
    target t;
    CHECK(post_target(tests::dropping_context{}, t).became == post_outcome::kind::dropped);
    CHECK(t.runs == 0);
    CHECK(t.drops == 0);
}

TEST_CASE("the outcome of a post that threw carries what it threw", "[posted]") {
    target t;
    const auto outcome = post_target(tests::throwing_context{}, t);
    CHECK(outcome.became == post_outcome::kind::refused);
    CHECK_THROWS_AS(std::rethrow_exception(outcome.refusal), tests::post_refused);
    CHECK(t.runs == 0);
    CHECK(t.drops == 0);
}

TEST_CASE("the outcome of a post that ran the closure inside", "[posted]") {
    target t;
    CHECK(post_target(tests::inline_context{}, t).became == post_outcome::kind::accepted);
    CHECK(t.runs == 1);
    CHECK(t.drops == 0);
}

TEST_CASE("a handler's exception out of an inline context is nobody's refusal", "[posted]") {
    target t;
    t.throws = true;
    CHECK_THROWS_WITH(static_cast<void>(post_target(tests::inline_context{}, t)), "a handler's");
    CHECK(t.runs == 1);
    CHECK(t.drops == 0);
}

TEST_CASE("a context that throws and keeps the closure has accepted it", "[posted]") {
    target t;
    {
        const faithless_context context;
        CHECK_THROWS_WITH(static_cast<void>(post_target(context, t)), "kept it all the same");
        CHECK(t.drops == 0);
    }
    CHECK(t.drops == 1); // later, so the target heard of it
}

TEST_CASE("nested posts of two targets are told apart", "[posted]") {
    struct nesting final : eap::detail::postable {
        target* inner;
        post_outcome::kind became = post_outcome::kind::accepted;
        void run_posted() override { became = post_target(tests::dropping_context{}, *inner).became; }
        void dropped() noexcept override {}
    };
    target inner;
    nesting outer;
    outer.inner = &inner;
    CHECK(post_target(tests::inline_context{}, outer).became == post_outcome::kind::accepted);
    CHECK(outer.became == post_outcome::kind::dropped);
    CHECK(inner.drops == 0);
    CHECK(posting::innermost == nullptr);
}

TEST_CASE("a closure's allocator is its target's memory", "[posted]") {
    struct source final : eap::detail::postable {
        int in_use = 0;
        void run_posted() override {}
        void dropped() noexcept override {}
        void* allocate(std::size_t bytes, std::size_t alignment) override {
            ++in_use;
            return postable::allocate(bytes, alignment);
        }
        void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept override {
            --in_use;
            postable::deallocate(memory, bytes, alignment);
        }
    };
    struct alignas(64) wide {
        char bytes[64];
    };
    source from;
    const posted closure{from};
    eap::detail::posted_allocator<wide> allocator{closure.get_allocator()};
    wide* const memory = allocator.allocate(2);
    CHECK(from.in_use == 1);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
    allocator.deallocate(memory, 2);
    CHECK(from.in_use == 0);
    CHECK(allocator == closure.get_allocator());
    CHECK_THROWS_AS(static_cast<void>(allocator.allocate(static_cast<std::size_t>(-1))),
                    std::bad_array_new_length);
}
