// SPDX-License-Identifier: BSL-1.0
#include <eap/adaptors/asio_token.hpp>

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

namespace {

/// A handler that tells what it is called with.
auto tell(const tests::record& log) {
    return [log](const std::exception_ptr& error, const auto&... value) {
        if (error == nullptr)
            log.add("value" + (std::string{} + ... + (" " + std::to_string(value))));
        else
            try {
                std::rethrow_exception(error);
            } catch (const eap::operation_cancelled&) {
                log.add("cancelled");
            } catch (const std::exception&) {
                log.add(tests::told(error));
            }
    };
}

int add_one(int n) { return n + 1; }

} // namespace

// ---- async_invoke ----

TEST_CASE("async_invoke runs a function on a place and calls the handler on its executor", "[asio_token]") {
    tests::manual_queue place;
    tests::record log;
    asio::io_context io;
    std::thread::id there;
    eap::async_invoke(place.context(), add_one, 41,
                      asio::bind_executor(io, [&](std::exception_ptr, int value) {
                          there = std::this_thread::get_id();
                          log.add(std::to_string(value));
                      }));
    CHECK(io.poll() == 0);
    CHECK(!io.stopped()); // something is outstanding on it
    std::jthread{[&] { place.run_all(); }}.join();
    CHECK(log.all().empty());
    io.run();
    CHECK(log.all() == lines{"42"});
    CHECK(there == std::this_thread::get_id());
}

TEST_CASE("a handler without an executor is called at the context where it was begun", "[asio_token]") {
    tests::manual_queue place;
    tests::manual_queue home;
    tests::record log;
    const eap::scoped_context here{home.context()};
    eap::async_invoke(place.context(), add_one, 41, tell(log));
    eap::async_invoke(place.context(), [] {}, tell(log));
    place.run_all();
    CHECK(log.all().empty());
    home.run_all();
    CHECK(log.all() == lines{"value 42", "value"});
}

TEST_CASE("a handler of a context's executor is called there, and a coroutine goes on there",
          "[asio_token]") {
    eap::event_loop loop;
    const auto executor = eap::as_executor(loop.context());
    std::vector<std::thread::id> there;
    eap::async_invoke([] {}, asio::bind_executor(executor, [&](const std::exception_ptr&) {
                          there.push_back(std::this_thread::get_id());
                      }));
    asio::co_spawn(
        executor,
        [&]() -> asio::awaitable<void> {
            co_await eap::async_invoke([] {}, asio::use_awaitable);
            there.push_back(std::this_thread::get_id());
        },
        asio::detached);
    loop.run();
    CHECK(there == std::vector<std::thread::id>(2, std::this_thread::get_id()));
}

TEST_CASE("async_invoke takes every token of Asio's", "[asio_token]") {
    SECTION("use_future") {
        CHECK(eap::async_invoke(add_one, 41, asio::use_future).get() == 42);
        CHECK_NOTHROW(eap::async_invoke([] {}, asio::use_future).get());
        auto failed = eap::async_invoke([]() -> int { throw std::out_of_range{"far"}; }, asio::use_future);
        CHECK(tests::message_of<std::out_of_range>([&] { failed.get(); }) == "far");
    }
    SECTION("use_awaitable, as_tuple, deferred") {
        asio::io_context io;
        tests::record log;
        asio::co_spawn(
            io,
            [&]() -> asio::awaitable<void> {
                log.add(std::to_string(co_await eap::async_invoke(add_one, 1, asio::use_awaitable)));
                co_await eap::async_invoke([] {}, asio::use_awaitable);
                try {
                    co_await eap::async_invoke([]() -> int { throw std::runtime_error{"boom"}; },
                                               asio::use_awaitable);
                } catch (const std::runtime_error& error) {
                    log.add(error.what());
                }
                const auto [error, value] = co_await eap::async_invoke(
                    []() -> int { throw std::runtime_error{"boom"}; }, asio::as_tuple(asio::use_awaitable));
                log.add(tests::told(error) + ", " + std::to_string(value));
                auto later = eap::async_invoke(add_one, 2, asio::deferred);
                log.add("later");
                log.add(std::to_string(co_await std::move(later)(asio::use_awaitable)));
            },
            asio::detached);
        io.run();
        CHECK(log.all() == lines{"2", "boom", "error: boom, 0", "later", "3"});
    }
    SECTION("detached") {
        tests::manual_queue place;
        bool ran = false;
        eap::async_invoke(place.context(), [&] { ran = true; }, asio::detached);
        place.run_all();
        CHECK(ran);
    }
}

TEST_CASE("async_invoke keeps copies of what it is given, moves what moves, and passes rvalues",
          "[asio_token]") {
    tests::manual_queue place;
    tests::record log;
    const eap::scoped_context here{tests::inline_context{}};
    {
        std::string text = "text";
        eap::async_invoke(
            place.context(),
            [](std::string a, std::unique_ptr<int> b) { return static_cast<int>(a.size()) + *b; }, text,
            std::make_unique<int>(3), tell(log));
        text.clear();
    }
    place.run_all();
    CHECK(log.all() == lines{"value 7"});
    CHECK_THROWS_AS(eap::async_invoke(place.context(), std::function<void()>{}, tell(log)),
                    std::bad_function_call);
    CHECK(log.all().size() == 1);
}

TEST_CASE("a place that refuses a call, or loses it, is told to the handler", "[asio_token]") {
    tests::manual_queue place;
    tests::record log;
    const eap::scoped_context here{tests::inline_context{}};
    eap::async_invoke(place.context(), add_one, 1, tell(log));
    place.drop_all();
    place.close();
    eap::async_invoke(place.context(), add_one, 1, tell(log));
    REQUIRE(log.all().size() == 2);
    CHECK(log.all()[0] == "abandoned");
    CHECK(log.all()[1].find("The context is closed") != std::string::npos);
}

TEST_CASE("a signal of the handler's cancellation slot requests a stop", "[asio_token]") {
    tests::manual_queue place;
    tests::manual_queue home;
    tests::record log;
    const eap::scoped_context here{home.context()};
    asio::cancellation_signal signal;
    const auto begin = [&](auto function) {
        eap::async_invoke(place.context(), function, asio::bind_cancellation_slot(signal.slot(), tell(log)));
    };
    SECTION("work that has not begun never does") {
        bool ran = false;
        begin([&] { ran = true; });
        signal.emit(asio::cancellation_type::terminal);
        place.run_all();
        home.run_all();
        CHECK(!ran);
        CHECK(log.all() == lines{"cancelled"});
    }
    SECTION("work that listens hears of it") {
        begin([&](std::stop_token token) {
            const bool before = token.stop_requested();
            signal.emit(asio::cancellation_type::partial);
            return before ? 0 : token.stop_requested() ? 2 : 1;
        });
        place.run_all();
        home.run_all();
        CHECK(log.all() == lines{"value 2"});
    }
    SECTION("afterwards it is empty, before the handler is called") {
        bool was_empty = false;
        eap::async_invoke(
            place.context(), [] {},
            asio::bind_cancellation_slot(
                signal.slot(), [&](const std::exception_ptr&) { was_empty = !signal.slot().has_handler(); }));
        CHECK(signal.slot().has_handler());
        place.run_all();
        home.run_all();
        CHECK(was_empty);
    }
}

TEST_CASE("when async_invoke throws, nothing has begun, the handler is not called and the slot is empty",
          "[asio_token]") {
    if (!tests::allocation_watch::works)
        return;
    std::size_t failed = 0;
    for (std::size_t k = 1;; ++k) {
        tests::manual_queue place;
        tests::manual_queue home;
        const eap::scoped_context here{home.context()};
        asio::cancellation_signal signal;
        int calls = 0;
        bool threw = false;
        {
            tests::allocation_watch watch{tests::allocation_watch::sees::asio_too};
            watch.fail(k);
            try {
                eap::async_invoke(place.context(), add_one, 41,
                                  asio::bind_cancellation_slot(
                                      signal.slot(), [&](const std::exception_ptr& error, int value) {
                                          ++calls;
                                          CHECK((error != nullptr || value == 42));
                                      }));
            } catch (const std::bad_alloc&) {
                threw = true;
            }
            watch.fail(0);
            if (threw)
                CHECK(!signal.slot().has_handler());
            const bool none_failed = watch.failures() == 0;
            place.run_all();
            home.run_all();
            CHECK(calls == (threw ? 0 : 1));
            if (none_failed)
                break;
        }
        ++failed;
    }
    CHECK(failed >= 3);
}

// ---- async_run_on ----

TEST_CASE("async_run_on also tells of progress, on the handler's executor, and keeps a deadline",
          "[asio_token]") {
    tests::manual_queue place;
    tests::record log;
    asio::io_context io;
    const auto progress = [&](const auto& report) { log.add(tests::told(report)); };
    eap::async_run_on<int, int>(
        place.context(),
        [](eap::async_operation<int, int>& operation) {
            operation.report_progress(50, 7);
            return 42;
        },
        progress, {}, asio::bind_executor(io, tell(log)));
    place.run_all();
    CHECK(log.all().empty());
    io.run();
    CHECK(log.all() == lines{"50% 7", "value 42"});
    eap::async_run_on<int, int>(
        place.context(), [] { return 1; }, progress, {.timeout = 0ms}, asio::bind_executor(io, tell(log)));
    io.restart();
    io.run();
    CHECK(log.all().back() == "timed out");
}

namespace {
struct cannot_be_stored {
    cannot_be_stored() = default;
    cannot_be_stored(const cannot_be_stored&) { throw std::runtime_error{"no room"}; }
    cannot_be_stored& operator=(const cannot_be_stored&) = delete;
    ~cannot_be_stored() = default;
    int operator()() const { return 1; }
};
} // namespace

TEST_CASE("work that cannot be stored throws; not when the deadline has passed, which is the outcome then",
          "[asio_token][G1]") {
    tests::manual_queue place;
    tests::record log;
    asio::io_context io;
    const auto ignore = [](const auto&) {};
    const cannot_be_stored work;

    CHECK_THROWS_AS((eap::async_run_on<int, int>(place.context(), work, ignore, {}, tell(log))),
                    std::runtime_error);
    eap::async_run_on<int, int>(place.context(), work, ignore, {.timeout = 0ms},
                                asio::bind_executor(io, tell(log)));
    io.run();

    CHECK(log.all() == lines{"timed out"});
}

// ---- async_end_invoke ----

TEST_CASE("async_end_invoke ends a call for a handler", "[asio_token]") {
    tests::manual_queue place;
    tests::manual_queue home;
    tests::record log;
    const eap::scoped_context here{home.context()};
    const auto call = eap::begin_invoke(place.context(), add_one, 41);
    eap::async_end_invoke(call, tell(log));
    CHECK(call.end_invoke_called());
    CHECK_THROWS_AS(eap::async_end_invoke(call, tell(log)), eap::invalid_operation);
    CHECK_THROWS_AS(eap::async_end_invoke(eap::async_call<int()>{}, tell(log)), eap::invalid_operation);
    place.run_all();
    CHECK(log.all().empty());
    home.run_all();
    const auto failed = eap::begin_invoke(place.context(), [] { throw std::runtime_error{"boom"}; });
    place.run_all();
    eap::async_end_invoke(failed, tell(log)); // complete by now
    const auto cancelled = eap::begin_invoke(place.context(), add_one, 1);
    asio::cancellation_signal signal;
    eap::async_end_invoke(cancelled, asio::bind_cancellation_slot(signal.slot(), tell(log)));
    signal.emit(asio::cancellation_type::terminal);
    home.run_all();
    CHECK(log.all() == lines{"value 42", "error: boom", "cancelled"});
}

TEST_CASE("when async_end_invoke throws, the call is as before and the handler is not called",
          "[asio_token]") {
    if (!tests::allocation_watch::works)
        return;
    for (std::size_t k = 1;; ++k) {
        tests::manual_queue place;
        const eap::scoped_context here{tests::inline_context{}};
        const auto call = eap::begin_invoke(place.context(), add_one, 41);
        int calls = 0;
        bool threw = false;
        {
            tests::allocation_watch watch;
            watch.fail(k);
            try {
                eap::async_end_invoke(call, [&](const std::exception_ptr&, int) { ++calls; });
            } catch (const std::bad_alloc&) {
                threw = true;
            }
            watch.fail(0);
        }
        place.run_all();
        CHECK(calls == (threw ? 0 : 1));
        if (!threw)
            break;
        CHECK(call.end_invoke() == 42);
    }
}
