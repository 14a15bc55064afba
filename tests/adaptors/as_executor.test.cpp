// SPDX-License-Identifier: BSL-1.0
#include <eap/adaptors/as_executor.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"

#include "eap/contexts/event_loop.hpp"
#include "eap/detail/parking.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

struct throwing_copies {
    tests::manual_context inner;
    explicit throwing_copies(tests::manual_context c) : inner(std::move(c)) {}
    throwing_copies(const throwing_copies& other) noexcept(false) : inner(other.inner) {}
    throwing_copies& operator=(const throwing_copies&) = default;
    template <class F> void post(F f) const { inner.post(std::move(f)); }
    bool operator==(const throwing_copies&) const = default;
};

} // namespace

TEST_CASE("any context is an executor of Asio", "[as_executor]") {
    tests::manual_queue queue;
    using executor = decltype(eap::as_executor(queue.context()));
    static_assert(asio::execution::is_executor<executor>::value);
    static_assert(asio::execution::is_executor<decltype(eap::as_executor(tests::dropping_context{}))>::value);
    static_assert(executor::query(asio::execution::blocking) == asio::execution::blocking.never);
    static_assert(asio::can_require<executor, asio::execution::blocking_t::never_t>::value);
    static_assert(asio::can_query<executor, asio::execution::context_t>::value);
    static_assert(asio::can_prefer<executor, asio::execution::outstanding_work_t::tracked_t>::value);
    static_assert(asio::can_prefer<executor, asio::execution::relationship_t::fork_t>::value);
    SUCCEED("it compiles");
}

TEST_CASE("a context whose copies may throw is an executor too", "[as_executor]") {
    tests::manual_queue queue;
    const auto executor = eap::as_executor(throwing_copies{queue.context()});
    static_assert(asio::execution::is_executor<std::remove_const_t<decltype(executor)>>::value);
    asio::post(executor, [] {});
    CHECK(queue.run_all() == 1);
}

TEST_CASE("asio::post and dispatch queue on the context, and keep move-only functions", "[as_executor]") {
    tests::manual_queue queue;
    const auto executor = eap::as_executor(queue.context());
    std::string trace;
    asio::post(executor, [&, owned = std::make_unique<char>('a')] { trace += *owned; });
    asio::dispatch(executor, [&, owned = std::make_unique<char>('b')] { trace += *owned; });
    executor.execute([&] { trace += 'c'; });
    CHECK(trace.empty());
    CHECK(queue.run_all() == 3);
    CHECK(trace == "abc");
}

TEST_CASE("executors are equal when their contexts are", "[as_executor]") {
    tests::manual_queue one;
    tests::manual_queue two;
    CHECK(eap::as_executor(one.context()) == eap::as_executor(one.context()));
    CHECK(eap::as_executor(one.context()) != eap::as_executor(two.context()));
    CHECK(asio::any_io_executor{eap::as_executor(one.context())} ==
          asio::any_io_executor{eap::as_executor(one.context())});
    CHECK(eap::as_executor(one.context()).context() == one.context());
}

TEST_CASE("a context becomes an any_io_executor, and its properties can be asked for", "[as_executor]") {
    tests::manual_queue queue;
    const asio::any_io_executor erased{eap::as_executor(queue.context())};
    bool ran = false;
    asio::post(erased, [&, owned = std::make_unique<int>()] { ran = true; });
    const auto fork = asio::prefer(asio::require(erased, asio::execution::blocking.never),
                                   asio::execution::relationship.fork);
    asio::post(fork, [] {});
    CHECK(&asio::query(erased, asio::execution::context) == &asio::query(fork, asio::execution::context));
    CHECK(queue.run_all() == 2);
    CHECK(ran);
}

TEST_CASE("a strand over a context that is none runs one function at a time", "[as_executor]") {
    std::vector<int> order;
    std::atomic<int> at_once{0};
    std::atomic<bool> overlapped{false};
    eap::detail::parking<> done;
    {
        tests::parallel_pool pool{4};
        const auto strand = asio::make_strand(eap::as_executor(pool.context()));
        for (int i = 0; i < 200; ++i)
            asio::post(strand, [&, i] {
                if (++at_once != 1)
                    overlapped = true;
                order.push_back(i);
                --at_once;
                if (i == 199)
                    done.set();
            });
        done.wait();
    }
    CHECK_FALSE(overlapped);
    CHECK(order.size() == 200);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a coroutine on an event loop runs and resumes on the loop's thread", "[as_executor]") {
    eap::event_loop loop;
    asio::io_context elsewhere;
    std::vector<std::thread::id> threads;
    std::thread::id other;
    std::thread::id here;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work{elsewhere.get_executor()};
    std::thread worker{[&] { elsewhere.run(); }};
    asio::co_spawn(
        eap::as_executor(loop.context()),
        [&]() -> asio::awaitable<void> {
            threads.push_back(std::this_thread::get_id());
            other = co_await asio::co_spawn(
                elsewhere, []() -> asio::awaitable<std::thread::id> { co_return std::this_thread::get_id(); },
                asio::use_awaitable);
            threads.push_back(std::this_thread::get_id());
            co_await asio::post(asio::use_awaitable);
            threads.push_back(std::this_thread::get_id());
        },
        asio::detached);
    loop.run(); // until the coroutine has ended: it is outstanding
    const auto worker_id = worker.get_id();
    work.reset();
    worker.join();
    here = std::this_thread::get_id();
    CHECK(threads == std::vector(3, here));
    CHECK(other == worker_id);
}

TEST_CASE("a timer on an event loop comes home to it", "[as_executor]") {
    eap::event_loop loop;
    std::thread::id resumed_on;
    bool current = false;
    asio::co_spawn(
        eap::as_executor(loop.context()),
        [&]() -> asio::awaitable<void> {
            asio::steady_timer timer{co_await asio::this_coro::executor, 1ms};
            co_await timer.async_wait(asio::use_awaitable);
            resumed_on = std::this_thread::get_id();
            current = eap::scoped_context::current() != nullptr &&
                      *eap::scoped_context::current() == eap::any_synchronization_context{loop.context()};
        },
        asio::detached);
    loop.run();
    CHECK(resumed_on == std::this_thread::get_id());
    CHECK(current);
}

TEST_CASE("what a coroutine throws reaches whoever asks for it", "[as_executor]") {
    eap::event_loop loop;
    std::exception_ptr error;
    asio::co_spawn(
        eap::as_executor(loop.context()),
        []() -> asio::awaitable<void> {
            throw std::runtime_error{"from the coroutine"};
            co_return;
        },
        [&](std::exception_ptr e) { error = e; });
    loop.run();
    CHECK_THROWS_WITH(std::rethrow_exception(error), "from the coroutine");
}

TEST_CASE("Asio's outstanding work is an operation of the context, and balances", "[as_executor]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    const auto executor = eap::as_executor(tests::counting_context<>{queue.context(), counts});
    {
        auto tracked = asio::prefer(executor, asio::execution::outstanding_work.tracked);
        CHECK(counts->started == 1);
        auto copy = tracked;
        CHECK(counts->started == 2);
        auto moved = std::move(copy);
        CHECK(counts->started == 2);
        tracked = moved;
        auto untracked = asio::prefer(tracked, asio::execution::outstanding_work.untracked);
        CHECK(counts->started - counts->completed == 2);
        const asio::any_io_executor erased =
            asio::prefer(asio::any_io_executor{executor}, asio::execution::outstanding_work.tracked);
        CHECK(counts->started - counts->completed == 3);
    }
    CHECK(counts->started == counts->completed);
}

TEST_CASE("a context that refuses to hear of work is not told of its end", "[as_executor][SC-20]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    counts->refusals = 1;
    {
        const auto tracked =
            asio::prefer(eap::as_executor(tests::counting_context<>{queue.context(), counts}),
                         asio::execution::outstanding_work.tracked);
    }
    CHECK(counts->started == 0);
    CHECK(counts->completed == 0);
}

TEST_CASE("an executor outlives its place, and then refuses", "[as_executor]") {
    std::optional<asio::any_io_executor> executor;
    std::optional<asio::strand<asio::any_io_executor>> strand;
    {
        eap::event_loop loop;
        executor = eap::as_executor(loop.context());
        strand.emplace(*executor);
        asio::post(*strand, [] {});
    }
    CHECK_THROWS_AS(asio::post(*executor, [] {}), eap::context_closed);
    strand.reset(); // of a bare Asio executor this would be use after free
}
