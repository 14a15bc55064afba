// SPDX-License-Identifier: BSL-1.0
#include <eap/adaptors/asio_client.hpp>

#include "eap/adaptors/asio_token.hpp"
#include "support/allocations.hpp"

#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/functions.hpp"

#include "eap/adaptors/as_executor.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/delegate.hpp"
#include "eap/scoped_context.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using tests::lines;

TEST_CASE("a handler waits in memory of its own allocator, which has it back before the handler is called",
          "[asio_client]") {
    tests::manual_queue place;
    tests::memory_source memory;
    const eap::scoped_context here{tests::inline_context{}};
    int in_use = -1;
    eap::async_invoke(
        place.context(), [] {},
        asio::bind_allocator(tests::source_allocator<std::byte>{memory},
                             [&](const std::exception_ptr&) { in_use = memory.in_use; }));
    CHECK(memory.in_use == 1);
    place.run_all();
    CHECK(in_use == 0);
    CHECK(memory.taken == 1);
}

TEST_CASE("a handler whose io_context ends first is destroyed by that, and not called when the work ends",
          "[asio_client]") {
    tests::manual_queue place;
    tests::fate fate;
    bool stopped = false;
    auto io = std::make_unique<asio::io_context>();
    auto handler = tests::traced{fate, [] {}};
    eap::async_invoke(
        place.context(), [&](const std::stop_token& token) { stopped = token.stop_requested(); },
        asio::bind_executor(
            *io, [handler = std::move(handler)](const std::exception_ptr&) mutable { handler(); }));
    SECTION("before the work has run") {
        io.reset();
        CHECK(fate.destroyed == 1);
        place.run_all();
    }
    SECTION("with the handler on its way") {
        place.run_all();
        CHECK(fate.destroyed == 0);
        io.reset();
        CHECK(fate.destroyed == 1);
    }
    CHECK(fate.called == 0);
}

TEST_CASE("while work ends, the io_context of its handler ends: the handler is called or destroyed, once",
          "[asio_client][stress]") {
    const eap::thread_pool pool{1};
    tests::fate fate;
    const int rounds = 300;
    for (int i = 0; i != rounds; ++i) {
        asio::io_context io;
        eap::async_invoke(
            pool.context(), [] {},
            asio::bind_executor(io, [handler = tests::traced{fate, [] {}}](
                                        const std::exception_ptr&) mutable { handler(); }));
        for (int k = 0; k != i % 8; ++k)
            io.poll();
    }
    CHECK(fate.destroyed == rounds);
}

TEST_CASE("an asio coroutine whose io_context ends while it waits ends with it", "[asio_client]") {
    tests::manual_queue place;
    const auto alive = std::make_shared<int>(0);
    {
        asio::io_context io;
        asio::co_spawn(
            io,
            [](tests::manual_context where, std::shared_ptr<int> held) -> asio::awaitable<void> {
                co_await eap::async_invoke(where, [] {}, asio::use_awaitable);
                ++*held;
            }(place.context(), alive),
            asio::detached);
        io.poll();
        CHECK(alive.use_count() > 1);
    }
    CHECK(alive.use_count() == 1);
    place.run_all();
    CHECK(*alive == 0);
}
