// SPDX-License-Identifier: BSL-1.0
#include <eap/scoped_context.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <memory>
#include <stdexcept>
#include <thread>

namespace {

bool current_is(const tests::manual_queue& queue) {
    const auto* current = eap::scoped_context::current();
    return current != nullptr && *current == eap::any_synchronization_context{queue.context()};
}

} // namespace

TEST_CASE("a thread begins without a context", "[scoped_context][SC-1]") {
    CHECK(eap::scoped_context::current() == nullptr);
    CHECK_FALSE(eap::scoped_context::is_set());
}

TEST_CASE("a scope sets the context and puts the previous one back, unlike .NET", "[scoped_context][SC-2]") {
    tests::manual_queue outer;
    tests::manual_queue inner;
    {
        const eap::scoped_context first{outer.context()};
        CHECK(current_is(outer));
        {
            const eap::scoped_context second{inner.context()};
            CHECK(current_is(inner));
        }
        CHECK(current_is(outer));
    }
    CHECK(eap::scoped_context::current() == nullptr);
}

TEST_CASE("an exception puts the previous context back too", "[scoped_context]") {
    tests::manual_queue outer;
    const eap::scoped_context first{outer.context()};
    try {
        tests::manual_queue inner;
        const eap::scoped_context second{inner.context()};
        throw std::runtime_error{"out"};
    } catch (const std::runtime_error&) {
    }
    CHECK(current_is(outer));
}

TEST_CASE("a scope may say that there is no context", "[scoped_context][SC-9]") {
    tests::manual_queue outer;
    const eap::scoped_context first{outer.context()};
    {
        const eap::scoped_context none{eap::any_synchronization_context{}};
        CHECK(eap::scoped_context::current() == nullptr);
        CHECK(eap::scoped_context::is_set());
    }
    CHECK(current_is(outer));
}

TEST_CASE("the context does not flow to a new thread", "[scoped_context][SC-3]") {
    tests::manual_queue queue;
    const eap::scoped_context guard{queue.context()};
    bool flowed = true;
    std::thread{[&] { flowed = eap::scoped_context::is_set(); }}.join();
    CHECK_FALSE(flowed);
}

TEST_CASE("a scope keeps its handle alive, not the place", "[scoped_context]") {
    auto queue = std::make_unique<tests::manual_queue>();
    const eap::scoped_context guard{queue->context()};
    queue.reset();
    CHECK_THROWS_AS(eap::scoped_context::current()->post([] {}), eap::context_closed);
}
