// SPDX-License-Identifier: BSL-1.0
#include <eap/adaptors/as_async_call.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/functions.hpp"

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

TEST_CASE("as_async_call makes a call of an operation of Asio's: to poll, to wait for, to end",
          "[as_async_call]") {
    asio::io_context io;
    asio::steady_timer timer{io, 0ms};
    const auto call = timer.async_wait(eap::as_async_call);
    static_assert(std::is_same_v<decltype(call), const eap::async_call<void()>>);
    CHECK(!call.is_completed());
    CHECK(!call.wait_for(0s));
    std::jthread runner{[&] { io.run(); }};
    call.wait();
    CHECK(call.is_completed());
    CHECK_NOTHROW(call.end_invoke());
    CHECK_THROWS_AS(call.end_invoke(), eap::invalid_operation);
}

namespace {

/// An operation that somebody wrote, which ends when told to. With an executor, as it should have, or without.
template <class... T> struct own_operation {
    asio::io_context::executor_type executor;
    std::function<void(T...)> finish{};
    bool was_cancelled = false;
    std::function<void()> dropped{};

    struct initiation {
        using executor_type = asio::io_context::executor_type;
        executor_type get_executor() const noexcept { return self.executor; }
        template <class Handler> void operator()(Handler&& handler) const {
            self.keep(std::forward<Handler>(handler));
        }
        own_operation& self;
    };
    template <class Handler> void keep(Handler&& handler) {
        if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.assign([this](asio::cancellation_type_t) { was_cancelled = true; });
        finish = [held = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler))](
                     T... values) { (*held)(std::move(values)...); };
    }
    template <class Token> auto begin(Token&& token) {
        return asio::async_initiate<Token, void(T...)>(initiation{*this}, token);
    }
    template <class Token> auto begin_without_executor(Token&& token) {
        return asio::async_initiate<Token, void(T...)>(
            [this](auto&& handler) { this->keep(std::forward<decltype(handler)>(handler)); }, token);
    }
};

} // namespace

TEST_CASE("what an operation of Asio's ends with becomes the outcome of its call", "[as_async_call]") {
    using error_code = boost::system::error_code;
    asio::io_context io;
    SECTION("values") {
        own_operation<> nothing{io.get_executor()};
        const auto a = nothing.begin(eap::as_async_call);
        nothing.finish();
        CHECK_NOTHROW(a.end_invoke());
        own_operation<std::string> one{io.get_executor()};
        const auto b = one.begin(eap::as_async_call);
        one.finish("x");
        CHECK(b.end_invoke() == "x");
        own_operation<error_code, std::size_t, std::string> several{io.get_executor()};
        const auto c = several.begin(eap::as_async_call);
        several.finish(error_code{}, 3, "y");
        CHECK(c.end_invoke() == std::tuple<std::size_t, std::string>{3, "y"});
        own_operation<std::exception_ptr, int> also{io.get_executor()};
        const auto d = also.begin(eap::as_async_call);
        also.finish(nullptr, 4);
        CHECK(d.end_invoke() == 4);
    }
    SECTION("errors") {
        own_operation<error_code, int> coded{io.get_executor()};
        const auto a = coded.begin(eap::as_async_call);
        coded.finish(asio::error::eof, 3);
        CHECK(tests::message_of<boost::system::system_error>([&] { a.end_invoke(); }).find("End of file") ==
              0);
        own_operation<std::exception_ptr> thrown{io.get_executor()};
        const auto b = thrown.begin(eap::as_async_call);
        thrown.finish(std::make_exception_ptr(std::out_of_range{"far"}));
        CHECK_THROWS_AS(b.end_invoke(), std::out_of_range);
        const auto c = coded.begin(asio::as_tuple(eap::as_async_call));
        coded.finish(asio::error::eof, 3);
        CHECK(c.end_invoke() == std::tuple<error_code, int>{asio::error::eof, 3});
    }
    SECTION("cancelled") {
        own_operation<error_code, int> coded{io.get_executor()};
        const auto a = coded.begin(eap::as_async_call);
        coded.finish(asio::error::operation_aborted, 0);
        CHECK_THROWS_AS(a.end_invoke(), eap::operation_cancelled);
        own_operation<std::exception_ptr> thrown{io.get_executor()};
        const auto b = thrown.begin(eap::as_async_call);
        thrown.finish(std::make_exception_ptr(boost::system::system_error{asio::error::operation_aborted}));
        CHECK_THROWS_AS(b.end_invoke(), eap::operation_cancelled);
        const auto c = thrown.begin(eap::as_async_call);
        thrown.finish(std::make_exception_ptr(eap::operation_cancelled{}));
        CHECK_THROWS_AS(c.end_invoke(), eap::operation_cancelled);
    }
}

TEST_CASE("cancel reaches an operation of Asio's on its executor, and not across threads",
          "[as_async_call]") {
    asio::io_context io;
    SECTION("a timer") {
        asio::steady_timer timer{io, 1h};
        const auto call = timer.async_wait(eap::as_async_call);
        CHECK(call.cancel());
        CHECK(!call.is_completed());
        io.run();
        CHECK_THROWS_AS(call.end_invoke(), eap::operation_cancelled);
        CHECK(!call.cancel());
    }
    SECTION("an operation that says no executor is not asked") {
        own_operation<int> own{io.get_executor()};
        const auto call = own.begin_without_executor(eap::as_async_call);
        CHECK(call.cancel());
        io.run();
        CHECK(!own.was_cancelled);
        own.finish(1);
        CHECK(call.end_invoke() == 1);
    }
    SECTION("one that has ended meanwhile is not asked any more") {
        own_operation<int> own{io.get_executor()};
        const auto call = own.begin(eap::as_async_call);
        CHECK(call.cancel());
        own.finish(1);
        io.run();
        CHECK(!own.was_cancelled);
        CHECK(call.end_invoke() == 1);
    }
    SECTION("a coroutine of Asio's") {
        const auto call = asio::co_spawn(
            io,
            []() -> asio::awaitable<int> {
                asio::steady_timer timer{co_await asio::this_coro::executor, 1h};
                co_await timer.async_wait(asio::use_awaitable);
                co_return 1;
            },
            eap::as_async_call);
        io.poll();
        call.cancel();
        io.run();
        CHECK_THROWS_AS(call.end_invoke(), eap::operation_cancelled);
    }
}

TEST_CASE(
    "an operation that Asio destroys with the io_context abandons its call; to cancel it then does nothing",
    "[as_async_call]") {
    auto io = std::make_unique<asio::io_context>();
    auto timer = std::make_unique<asio::steady_timer>(*io, 1h);
    const auto call = timer->async_wait(eap::as_async_call);
    const auto asked = timer->async_wait(eap::as_async_call);
    asked.cancel(); // queued, and lost
    timer.reset();  // what waited for it is queued now
    io.reset();
    CHECK_THROWS_AS(call.end_invoke(), eap::operation_abandoned);
    CHECK_THROWS_AS(asked.end_invoke(), eap::operation_cancelled); // it had been asked to stop
    CHECK(!call.cancel());
}

TEST_CASE("when beginning an operation of Asio's throws, there is no call, and nobody is told",
          "[as_async_call]") {
    tests::record log;
    eap::on_unobserved_error([log](const eap::unobserved_error& what) { log.add(tests::told(what.error)); });
    CHECK_THROWS_AS((asio::async_initiate<const eap::as_async_call_t, void(int)>(
                        [](auto&&) { throw std::runtime_error{"no"}; }, eap::as_async_call)),
                    std::runtime_error);
    eap::on_unobserved_error(nullptr);
    CHECK(log.all().empty());
}

TEST_CASE("calls of Asio's and of ours wait side by side", "[as_async_call]") {
    asio::io_context io;
    asio::steady_timer timer{io, 0ms};
    tests::manual_queue nobody;
    const auto never = eap::begin_invoke(nobody.context(), [] {});
    const auto soon = timer.async_wait(eap::as_async_call);
    std::jthread runner{[&] { io.run(); }};
    CHECK(eap::wait_any(never, soon) == 1);
    soon.end_invoke();
}

TEST_CASE("many cancellations beside many completions: each call has one outcome",
          "[as_async_call][stress]") {
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    std::jthread runner{[&] { io.run(); }};
    int done = 0, cancelled = 0;
    for (int i = 0; i != 200; ++i) {
        auto timer = std::make_shared<asio::steady_timer>(io, std::chrono::microseconds{i % 20});
        const auto call = timer->async_wait(eap::as_async_call);
        call.cancel();
        try {
            call.end_invoke();
            ++done;
        } catch (const eap::operation_cancelled&) {
            ++cancelled;
        }
        asio::post(io, [timer] {}); // destroyed where it is used
    }
    work.reset();
    CHECK(done + cancelled == 200);
}
