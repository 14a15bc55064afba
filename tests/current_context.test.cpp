// SPDX-License-Identifier: BSL-1.0
#include <eap/current_context.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include <optional>
#include <thread>

TEST_CASE("a thread without a context has the shared pool's", "[current_context][MG-1]") {
    CHECK(eap::current_context() == eap::any_synchronization_context{eap::thread_pool::shared()});
}

TEST_CASE("a thread's context is the one of its scope", "[current_context][MG-1]") {
    tests::manual_queue queue;
    const eap::scoped_context guard{queue.context()};
    CHECK(eap::current_context() == eap::any_synchronization_context{queue.context()});
}

TEST_CASE("a scope without a context leads to the shared pool as well", "[current_context][SC-9]") {
    tests::manual_queue queue;
    const eap::scoped_context outer{queue.context()};
    const eap::scoped_context guard{eap::any_synchronization_context{}};
    CHECK(eap::current_context() == eap::any_synchronization_context{eap::thread_pool::shared()});
}

TEST_CASE("reading the current context installs nothing, unlike .NET", "[current_context][O-9][MG-2]") {
    static_cast<void>(eap::current_context());
    CHECK(eap::scoped_context::current() == nullptr);
    CHECK_FALSE(eap::scoped_context::is_set());
}

TEST_CASE("what was read outlives the scope it was read in", "[current_context]") {
    tests::manual_queue queue;
    std::optional<eap::any_synchronization_context> read;
    {
        const eap::scoped_context guard{queue.context()};
        read = eap::current_context();
    }
    read->post([] {});
    CHECK(queue.run_all() == 1);
}

TEST_CASE("a new thread starts without its creator's context", "[current_context][SC-3]") {
    tests::manual_queue queue;
    const eap::scoped_context guard{queue.context()};
    std::optional<eap::any_synchronization_context> read;
    std::thread{[&] { read = eap::current_context(); }}.join();
    CHECK(*read == eap::any_synchronization_context{eap::thread_pool::shared()});
}

TEST_CASE("work on the shared pool goes on there: what it starts comes home to the pool",
          "[current_context][SC-9]") {
    std::optional<eap::any_synchronization_context> read;
    eap::send(eap::thread_pool::shared(), [&] { read = eap::current_context(); });
    CHECK(*read == eap::any_synchronization_context{eap::thread_pool::shared()});
}
