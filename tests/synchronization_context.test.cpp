// SPDX-License-Identifier: BSL-1.0
#include <eap/synchronization_context.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <concepts>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

/// Has every ability, and tells what was asked of it.
struct able_context {
    std::string* trace;
    bool here = false;

    template <class F> void post(F f) const {
        *trace += "post ";
        f();
    }
    template <class F> void send(F&& f) const {
        *trace += "send ";
        f();
    }
    void operation_started() const { *trace += "started "; }
    void operation_completed() const { *trace += "completed "; }
    bool running_in_this_thread() const { return here; }
    bool operator==(const able_context&) const = default;
};

/// Knows its thread, and cannot send.
struct local_context {
    std::optional<bool> here;
    tests::manual_context inner;

    template <class F> void post(F f) const { inner.post(std::move(f)); }
    std::optional<bool> running_in_this_thread() const { return here; }
    bool operator==(const local_context&) const = default;
};

struct no_post {
    bool operator==(const no_post&) const = default;
};
struct no_equality {
    template <class F> void post(F) const {}
};
struct not_copyable {
    not_copyable(not_copyable&&) = default;
    template <class F> void post(F) const {}
    bool operator==(const not_copyable&) const = default;
};
struct posts_copyable_only {
    template <std::copy_constructible F> void post(F) const {}
    bool operator==(const posts_copyable_only&) const = default;
};
struct posts_when_mutable {
    template <class F> void post(F) {}
    bool operator==(const posts_when_mutable&) const = default;
};

} // namespace

TEST_CASE("a context is what copies, compares and posts move-only functions", "[synchronization_context]") {
    STATIC_REQUIRE(eap::synchronization_context<tests::manual_context>);
    STATIC_REQUIRE(eap::synchronization_context<able_context>);
    STATIC_REQUIRE(eap::synchronization_context<eap::archetypes::context>);
    STATIC_REQUIRE_FALSE(eap::synchronization_context<no_post>);
    STATIC_REQUIRE_FALSE(eap::synchronization_context<no_equality>);
    STATIC_REQUIRE_FALSE(eap::synchronization_context<not_copyable>);
    STATIC_REQUIRE_FALSE(eap::synchronization_context<posts_copyable_only>);
    STATIC_REQUIRE_FALSE(eap::synchronization_context<posts_when_mutable>);
    STATIC_REQUIRE_FALSE(eap::synchronization_context<int>);
}

TEST_CASE("abilities that a context has are used", "[synchronization_context]") {
    std::string trace;
    const able_context context{&trace};
    eap::operation_started(context);
    eap::send(context, [&] { trace += "ran "; });
    eap::operation_completed(context);
    CHECK(trace == "started send ran completed ");
    CHECK(eap::running_in_this_thread(context) == std::optional{false});
}

TEST_CASE("abilities that a context lacks are sensibly absent", "[synchronization_context][SC-11]") {
    tests::manual_queue queue;
    eap::operation_started(queue.context());
    eap::operation_completed(queue.context());
    CHECK(eap::running_in_this_thread(queue.context()) == std::nullopt);
    CHECK(queue.size() == 0);
}

TEST_CASE("send runs inline when the context says that this is its thread", "[send][SC-17]") {
    tests::manual_queue queue;
    bool ran = false;
    eap::send(local_context{true, queue.context()}, [&] { ran = true; });
    CHECK(ran);
    CHECK(queue.size() == 0);
    CHECK_THROWS_WITH(
        eap::send(local_context{true, queue.context()}, [] { throw std::runtime_error{"inline"}; }),
        "inline");
}

TEST_CASE("send posts and waits when the context's thread is another, or unknown", "[send][SC-4][SC-18]") {
    const auto here = GENERATE(std::optional{false}, std::optional<bool>{});
    tests::parallel_pool pool{1};
    std::thread::id ran_on;
    eap::send(pool.context(), [&] { ran_on = std::this_thread::get_id(); });
    CHECK(ran_on != std::thread::id{});
    CHECK(ran_on != std::this_thread::get_id());

    tests::manual_queue queue;
    bool sent = false;
    std::thread sender{[&] {
        eap::send(local_context{here, queue.context()}, [] {});
        sent = true;
    }};
    while (!queue.run_one())
        std::this_thread::yield();
    sender.join();
    CHECK(sent);
}

TEST_CASE("send hands a function over by reference: it is neither copied nor moved", "[send][SC-10]") {
    struct pinned {
        pinned() = default;
        pinned(const pinned&) = delete;
        void operator()() { seen = this; }
        pinned* seen = nullptr;
    };
    tests::parallel_pool pool{1};
    pinned function;
    eap::send(pool.context(), function);
    CHECK(function.seen == &function);
}

TEST_CASE("what a sent function throws reaches the sender", "[send][SC-7]") {
    tests::parallel_pool pool{1};
    CHECK_THROWS_WITH(eap::send(pool.context(), [] { throw std::runtime_error{"sent"}; }), "sent");
    CHECK_THROWS_WITH(eap::send(tests::inline_context{}, [] { throw std::runtime_error{"inline"}; }),
                      "inline");
}

TEST_CASE("send to a context that drops what it is given throws context_closed", "[send][SC-19]") {
    bool ran = false;
    CHECK_THROWS_AS(eap::send(tests::dropping_context{}, [&] { ran = true; }), eap::context_closed);
    CHECK_FALSE(ran);
}

TEST_CASE("send to a context that dies with the function queued throws context_closed", "[send][SC-19]") {
    auto queue = std::make_unique<tests::manual_queue>();
    bool closed = false;
    std::thread sender{[&, context = queue->context()] {
        try {
            eap::send(context, [] {});
        } catch (const eap::context_closed&) {
            closed = true;
        }
    }};
    while (queue->size() == 0)
        std::this_thread::yield();
    queue.reset();
    sender.join();
    CHECK(closed);
}

TEST_CASE("send lets out what post throws", "[send][SC-14]") {
    CHECK_THROWS_AS(eap::send(tests::throwing_context{}, [] {}), tests::post_refused);
}
