// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/asio_context.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/functions.hpp"

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/parking.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;

namespace {

using io_executor = asio::io_context::executor_type;
using pool_executor = asio::thread_pool::executor_type;

/// An io_context that a thread runs until its end.
struct running_io {
    asio::io_context io;
    asio::executor_work_guard<io_executor> work{io.get_executor()};
    std::thread thread{[this] { io.run(); }};

    running_io() = default;
    running_io(const running_io&) = delete;
    running_io& operator=(const running_io&) = delete;
    ~running_io() {
        work.reset();
        thread.join();
    }
};

} // namespace

TEST_CASE("an asio_context is made from any executor, or from what lends one", "[asio_context]") {
    std::latch on_pool{4};
    asio::io_context io;
    asio::thread_pool pool{1};
    static_assert(std::same_as<decltype(eap::asio_context{io}), eap::asio_context<io_executor>>);
    static_assert(
        std::same_as<decltype(eap::asio_context{io.get_executor()}), eap::asio_context<io_executor>>);
    static_assert(std::same_as<decltype(eap::asio_context{pool}), eap::asio_context<pool_executor>>);
    static_assert(std::same_as<decltype(eap::asio_context{asio::make_strand(io)}),
                               eap::asio_context<asio::strand<io_executor>>>);
    static_assert(std::same_as<decltype(eap::asio_context{asio::make_strand(pool)}),
                               eap::asio_context<asio::strand<pool_executor>>>);
    static_assert(sizeof(eap::asio_context<io_executor>) == sizeof(void*));
    static_assert(std::is_nothrow_copy_constructible_v<eap::asio_context<asio::any_io_executor>>);

    int ran = 0;
    eap::asio_context{io}.post([&] { ++ran; });
    eap::asio_context{asio::make_strand(io)}.post([&] { ++ran; });
    eap::asio_context{asio::any_io_executor{io.get_executor()}}.post([&] { ++ran; });
    eap::asio_context<asio::any_io_executor>{io}.post([&] { ++ran; });
    eap::asio_context{asio::make_strand(asio::any_io_executor{io.get_executor()})}.post([&] { ++ran; });
    io.run();
    CHECK(ran == 5);

    eap::asio_context{pool}.post([&] { on_pool.count_down(); });
    eap::asio_context{asio::make_strand(pool)}.post([&] { on_pool.count_down(); });
    eap::asio_context{asio::any_io_executor{pool.get_executor()}}.post([&] { on_pool.count_down(); });
    eap::asio_context{asio::system_executor{}}.post([&] { on_pool.count_down(); });
    on_pool.wait();
}

TEST_CASE("an io_context runs posted functions in order, on the thread that runs it",
          "[asio_context][SC-16]") {
    asio::io_context io;
    const eap::asio_context context{io};
    std::string trace;
    std::thread::id ran_on;
    context.post([&, context] {
        context.post([&] { trace += 'c'; }); // deferred, also from inside
        trace += 'a';
        ran_on = std::this_thread::get_id();
    });
    context.post([&, owned = std::make_unique<char>('b')] { trace += *owned; });
    CHECK(trace.empty());
    CHECK(io.run() == 3);
    CHECK(trace == "abc");
    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("an io_context keeps the order of each thread that posts", "[asio_context][SC-16]") {
    constexpr int posts = 300;
    std::vector<std::vector<int>> seen(3);
    asio::io_context io;
    std::vector<std::thread> posters;
    const eap::asio_context context{io};
    for (std::size_t t = 0; t < seen.size(); ++t) {
        context.operation_started();
        posters.emplace_back([&, t, context] {
            for (int i = 0; i < posts; ++i)
                context.post([&, t, i] { seen[t].push_back(i); });
            context.operation_completed();
        });
    }
    io.run();
    for (auto& poster : posters)
        poster.join();
    for (const auto& each : seen) {
        CHECK(each.size() == posts);
        CHECK(std::is_sorted(each.begin(), each.end()));
    }
}

TEST_CASE("a strand of a pool runs one function at a time, in order", "[asio_context]") {
    std::vector<int> order;
    std::atomic<int> at_once{0};
    std::atomic<bool> overlapped{false};
    eap::detail::parking<> last;
    asio::thread_pool pool{4};
    const eap::asio_context strand{asio::make_strand(pool)};
    for (int i = 0; i < 300; ++i)
        strand.post([&, i] {
            if (++at_once != 1)
                overlapped = true;
            order.push_back(i);
            --at_once;
            if (i == 299)
                last.set();
        });
    last.wait();
    CHECK_FALSE(overlapped);
    CHECK(order.size() == 300);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("an exception leaves io_context::run, and run goes on", "[asio_context][OP-22][G11]") {
    asio::io_context io;
    const eap::asio_context context{io};
    bool later = false;
    context.post([] { throw std::runtime_error{"first"}; });
    context.post([&] { later = true; });
    CHECK_THROWS_WITH(io.run(), "first");
    CHECK_FALSE(later);
    CHECK(io.run() == 1);
    CHECK(later);
}

TEST_CASE("what escapes a function on Asio's own pool ends the program", "[asio_context][SC-8]") {
    const auto terminated = tests::terminates([] {
        asio::thread_pool pool{1};
        eap::asio_context{pool}.post([] { throw std::runtime_error{"nobody wants it"}; });
        pool.join();
    });
    CHECK(terminated.value_or(true));
}

// ---- the current context, and the thread ----

TEST_CASE("inside a function its asio_context is current, afterwards the previous one",
          "[asio_context][SC-1]") {
    asio::io_context io;
    const eap::asio_context context{io};
    const eap::asio_context strand{asio::make_strand(io)};
    std::vector<bool> right;
    const auto current_is = [](const auto& expected) {
        const auto* current = eap::scoped_context::current();
        return current != nullptr && *current == eap::any_synchronization_context{expected};
    };
    context.post([&] { right.push_back(current_is(context)); });
    strand.post([&] { right.push_back(current_is(strand)); });
    eap::any_synchronization_context{strand}.post([&] { right.push_back(current_is(strand)); });
    io.run();
    io.restart();
    context.post([] { throw std::runtime_error{"restored all the same"}; });
    CHECK_THROWS(io.run());
    CHECK(right == std::vector<bool>(3, true));
    CHECK(eap::scoped_context::current() == nullptr);
}

TEST_CASE("executors that know their threads say so, erased or not", "[asio_context]") {
    running_io place;
    asio::thread_pool pool{1};
    const auto knows = [](const auto& context) {
        bool inside = false;
        eap::detail::parking<> ran;
        context.post([&] {
            inside = context.running_in_this_thread() == std::optional{true};
            ran.set();
        });
        ran.wait();
        return inside && context.running_in_this_thread() == std::optional{false};
    };
    const auto knows_erased = [&](const auto& executor) {
        return knows(eap::asio_context{executor}) &&
               knows(eap::asio_context{asio::any_io_executor{executor}});
    };
    CHECK(knows_erased(place.io.get_executor()));
    CHECK(knows_erased(asio::make_strand(place.io)));
    CHECK(knows_erased(pool.get_executor()));
    CHECK(knows_erased(asio::make_strand(pool)));
}

TEST_CASE("an executor of an unknown type leaves it open", "[asio_context]") {
    const eap::asio_context context{asio::system_executor{}};
    CHECK(context.running_in_this_thread() == std::nullopt);
    const eap::asio_context erased{asio::any_io_executor{asio::system_executor{}}};
    CHECK(erased.running_in_this_thread() == std::nullopt);
}

TEST_CASE("handles are equal when their executors are", "[asio_context]") {
    asio::io_context one;
    asio::io_context two;
    CHECK(eap::asio_context{one} == eap::asio_context{one.get_executor()});
    CHECK(eap::asio_context{one} != eap::asio_context{two});
    const auto strand = asio::make_strand(one);
    CHECK(eap::asio_context{strand} == eap::asio_context{strand});
    CHECK(eap::asio_context{strand} != eap::asio_context{asio::make_strand(one)});
}

// ---- send ----

TEST_CASE("send runs inline on the place's thread and waits elsewhere", "[asio_context][SC-4][SC-17]") {
    running_io place;
    const eap::asio_context context{place.io};
    bool inlined = false;
    std::thread::id ran_on;
    eap::send(context, [&] {
        ran_on = std::this_thread::get_id();
        eap::send(context, [&] { inlined = true; }); // by posting it would wait for ever
    });
    CHECK(ran_on == place.thread.get_id());
    CHECK(inlined);
    CHECK_THROWS_WITH(eap::send(context, [] { throw std::runtime_error{"sent"}; }), "sent"); // [SC-7]
}

TEST_CASE("a sender whose function dies with the io_context learns of it", "[asio_context][SC-19]") {
    auto io = std::make_unique<asio::io_context>();
    bool closed = false;
    std::thread sender{[&, context = eap::asio_context{*io}] {
        try {
            eap::send(context, [] {});
        } catch (const eap::context_closed&) {
            closed = true; // dropped, or refused when it came late
        }
    }};
    io.reset(); // nobody ever ran it
    sender.join();
    CHECK(closed);
}

// ---- operations ----

TEST_CASE("outstanding operations keep run from returning", "[asio_context][OP-2]") {
    const auto keeps_running = [](auto make_executor) {
        asio::io_context io;
        const eap::asio_context context{make_executor(io)};
        bool ran = false;
        context.operation_started();
        context.operation_started();
        std::thread worker;
        context.post([&] { // so the worker starts when run has begun
            worker = std::thread{[&, context] {
                context.operation_completed();
                context.post([&] { ran = true; });
                context.operation_completed();
            }};
        });
        io.run();
        worker.join();
        return ran;
    };
    CHECK(keeps_running([](asio::io_context& io) { return io.get_executor(); }));
    CHECK(keeps_running([](asio::io_context& io) { return asio::make_strand(io); }));
    CHECK(keeps_running([](asio::io_context& io) { return asio::any_io_executor{io.get_executor()}; }));
}

TEST_CASE("run ends when the last operation has, however often", "[asio_context][OP-8]") {
    asio::io_context io;
    const eap::asio_context context{io};
    for (int round = 0; round < 3; ++round) {
        io.restart();
        context.operation_started();
        CHECK(io.poll() == 0);
        CHECK_FALSE(io.stopped());
        context.operation_completed();
        CHECK(io.stopped());
    }
}

TEST_CASE("operations may start and end on many threads at once", "[asio_context]") {
    asio::io_context io;
    const eap::asio_context context{io};
    std::latch start{3};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, context] {
            start.arrive_and_wait();
            for (int i = 0; i < 1000; ++i) {
                context.operation_started();
                context.operation_completed();
            }
        });
    for (auto& thread : threads)
        thread.join();
    io.restart();
    CHECK(io.run() == 0); // nothing is outstanding
}

TEST_CASE("operations keep Asio's pool from being joined", "[asio_context]") {
    asio::thread_pool pool{1};
    const eap::asio_context context{pool};
    context.operation_started();
    std::atomic<bool> completed{false};
    std::thread worker{[&, context] {
        completed = true;
        context.operation_completed();
    }};
    pool.join();
    CHECK(completed);
    worker.join();
}

// ---- the end of the place ----

TEST_CASE("a handle outlives its io_context, and then refuses", "[asio_context][SC-19]") {
    std::optional<eap::asio_context<io_executor>> plain;
    std::optional<eap::asio_context<asio::strand<io_executor>>> strand;
    std::optional<eap::asio_context<asio::any_io_executor>> erased;
    std::optional<eap::any_synchronization_context> any;
    tests::fate fate;
    {
        asio::io_context io;
        plain.emplace(io);
        strand.emplace(asio::make_strand(io));
        erased.emplace(asio::make_strand(io));
        any.emplace(*strand);
        plain->operation_started();
        strand->operation_started();
        strand->post(tests::traced{fate, [] {}});
    }
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
    const auto refuses = [](const auto& context) {
        context.operation_completed();
        bool refused_start = false;
        try {
            context.operation_started();
        } catch (const eap::context_closed&) {
            refused_start = true;
        }
        try {
            context.post([] {});
        } catch (const eap::context_closed&) {
            return refused_start && context.running_in_this_thread() == std::optional{false};
        }
        return false;
    };
    CHECK(refuses(*plain));
    CHECK(refuses(*strand));
    CHECK(refuses(*erased));
    CHECK(refuses(*any));
    CHECK_THROWS_AS(eap::send(*plain, [] {}), eap::context_closed);
    CHECK(*strand == *strand);
    const auto copy = *strand;
    CHECK(copy == *strand);
    CHECK(any->target<eap::asio_context<asio::strand<io_executor>>>() != nullptr);
}

TEST_CASE("a handle outlives Asio's pool, and then refuses", "[asio_context]") {
    std::optional<eap::asio_context<pool_executor>> handle;
    tests::fate fate;
    eap::detail::parking<> stopped;
    {
        asio::thread_pool pool{1};
        handle.emplace(pool);
        handle->post([&] { stopped.wait(); });
        handle->post(tests::traced{fate, [] {}});
        pool.stop(); // leaves what is queued alive until the destructor
        stopped.set();
    }
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
    CHECK_THROWS_AS(handle->post([] {}), eap::context_closed);
}

TEST_CASE("a function that is destroyed with its place may post there, and is refused",
          "[asio_context][G12]") {
    bool refused = false;
    const auto poster = [&](const auto& context) {
        return [note = std::shared_ptr<void>(nullptr, [&, context](void*) {
                    try {
                        context.post([] {});
                    } catch (const eap::context_closed&) {
                        refused = true;
                    }
                })] {};
    };
    SECTION("from an io_context") {
        asio::io_context io;
        const eap::asio_context context{io};
        context.post(poster(context));
    }
    SECTION("from a strand") {
        asio::io_context io;
        const eap::asio_context context{asio::make_strand(io)};
        context.post(poster(context));
        context.post(poster(context));
    }
    SECTION("from a strand that is younger than the first handle") {
        asio::io_context io;
        const eap::asio_context first{io};
        const eap::asio_context context{asio::make_strand(io)};
        context.post(poster(first));
        context.post(poster(context));
    }
    SECTION("from an erased strand that is younger than the first erased handle") {
        asio::io_context io;
        const eap::asio_context first{asio::any_io_executor{io.get_executor()}};
        const eap::asio_context context{asio::any_io_executor{asio::make_strand(io)}};
        context.post(poster(first));
        context.post(poster(context));
    }
    CHECK(refused);
}

TEST_CASE("handles that come and go leave nothing behind in the io_context", "[asio_context]") {
    asio::io_context io;
    for (int i = 0; i < 100; ++i) {
        eap::asio_context one{io};
        const eap::asio_context two{asio::make_strand(io)};
        const eap::asio_context three = two;
        one = eap::asio_context{io};
        if (i % 10 == 0)
            three.post([] {});
    }
    CHECK(io.run() == 10);
}

TEST_CASE("a handle made while its place ends is refused from birth", "[asio_context]") {
    bool refused = false;
    {
        asio::io_context io;
        io.get_executor().execute([note = std::shared_ptr<void>(nullptr, [&](void*) {
                                       const eap::asio_context late{io};
                                       try {
                                           late.post([] {});
                                       } catch (const eap::context_closed&) {
                                           refused = true;
                                       }
                                   })] {});
        eap::asio_context{io}.post([] {});
    }
    CHECK(refused);
}

TEST_CASE("the end of an io_context may race with posts, notifications and the last handles",
          "[asio_context]") {
    for (int round = 0; round < 100; ++round) {
        tests::fate fate;
        std::atomic<int> made{0};
        auto io = std::make_unique<asio::io_context>();
        std::latch start{5};
        std::vector<std::thread> threads;
        const auto use = [&](auto context) {
            start.arrive_and_wait();
            try {
                for (int i = 0; i < 200; ++i) {
                    context.operation_started();
                    ++made;
                    context.post(tests::traced{fate, [] {}});
                    context.operation_completed();
                    static_cast<void>(context.running_in_this_thread());
                    static_cast<void>(context == decltype(context){context});
                }
            } catch (const eap::context_closed&) {
                context.operation_completed();
            }
        };
        threads.emplace_back([&, context = eap::asio_context{*io}]() mutable { use(std::move(context)); });
        threads.emplace_back(
            [&, context = eap::asio_context{asio::make_strand(*io)}]() mutable { use(std::move(context)); });
        threads.emplace_back([&, context = eap::asio_context{asio::any_io_executor{
                                     asio::make_strand(*io)}}]() mutable { use(std::move(context)); });
        threads.emplace_back(
            [&, context = std::optional{eap::asio_context{asio::make_strand(*io)}}]() mutable {
                start.arrive_and_wait();
                context.reset(); // the last handle, while the place may be ending
            });
        start.arrive_and_wait();
        if (round % 2 == 0)
            io->poll();
        io.reset();
        for (auto& thread : threads)
            thread.join();
        CHECK(fate.destroyed == made);
    }
}

// ---- memory ----

TEST_CASE("a function's own memory serves Asio's node and is free when it runs", "[asio_context][G8]") {
    asio::io_context io;
    tests::memory_source memory;
    int in_use = -1;
    const eap::asio_context context{io};
    context.post(tests::with_memory{memory, [&] { in_use = memory.in_use; }});
    CHECK(memory.taken == 1);
    CHECK(context.nodes_per_post == 1);
    io.run();
    CHECK(in_use == 0);
    CHECK(memory.largest <= 80);
}

TEST_CASE("a pool of Asio's takes one node from the function's own memory", "[asio_context][G8]") {
    asio::thread_pool pool{1};
    tests::memory_source memory;
    const eap::asio_context context{pool};
    context.post(tests::with_memory{memory, [] {}});
    CHECK(memory.taken == 1);
    CHECK(context.nodes_per_post == 1);
    pool.join();
    CHECK(memory.in_use == 0);
    CHECK(memory.largest <= 80);
}

TEST_CASE("a strand of strands takes a node more, one of an erased executor none", "[asio_context][G8]") {
    asio::io_context io;
    tests::memory_source memory;
    const eap::asio_context nested{asio::make_strand(asio::make_strand(io))};
    nested.post(tests::with_memory{memory, [] {}});
    CHECK(memory.taken == nested.nodes_per_post);
    const eap::asio_context erased{
        asio::strand<asio::any_io_executor>{asio::any_io_executor{io.get_executor()}}};
    erased.post(tests::with_memory{memory, [] {}});
    CHECK(memory.taken == nested.nodes_per_post + erased.nodes_per_post);
    CHECK(erased.nodes_per_post == 0);
    io.run();
}

TEST_CASE("an executor whose type is erased takes nothing from the function's own memory", "[asio_context]") {
    asio::io_context io;
    tests::memory_source memory;
    const eap::asio_context context{asio::any_io_executor{io.get_executor()}};
    context.post(tests::with_memory{memory, [] {}});
    CHECK(memory.taken == 0);
    CHECK(context.nodes_per_post == 0);
    io.run();
}

TEST_CASE("a strand takes two nodes from the function's own memory", "[asio_context][G8]") {
    asio::io_context io;
    tests::memory_source memory;
    int in_use = -1;
    const eap::asio_context context{asio::make_strand(io)};
    context.post(tests::with_memory{memory, [&] { in_use = memory.in_use; }});
    CHECK(memory.taken == 2);
    CHECK(context.nodes_per_post == 2);
    io.run();
    CHECK(in_use == 0);
    CHECK(memory.largest <= 80);
}

TEST_CASE("memory goes back when the place dies with the function queued", "[asio_context][G14]") {
    tests::memory_source memory;
    {
        asio::io_context io;
        eap::asio_context{asio::make_strand(io)}.post(tests::with_memory{memory, [] {}});
    }
    CHECK(memory.taken == 2);
    CHECK(memory.in_use == 0);
}

TEST_CASE("through any_synchronization_context the function's memory is used as well", "[asio_context][G8]") {
    asio::io_context io;
    tests::memory_source memory;
    const eap::any_synchronization_context context{eap::asio_context{io}};
    context.post(tests::with_memory{memory, [] {}});
    CHECK(memory.taken == 2); // the function's, and Asio's node
    io.run();
    CHECK(memory.in_use == 0);
}
