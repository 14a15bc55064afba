// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/event_loop.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/functions.hpp"

#include "eap/detail/parking.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// ---- order, threads, nesting ----

TEST_CASE("an event loop runs functions in the order posted, on the thread that runs it",
          "[event_loop][SC-16]") {
    eap::event_loop loop;
    std::vector<int> order;
    std::vector<std::thread::id> threads;
    for (int i = 0; i < 3; ++i)
        loop.context().post([&, i] {
            order.push_back(i);
            threads.push_back(std::this_thread::get_id());
        });
    CHECK(order.empty()); // [SC-4]: post returns before the function runs
    CHECK(loop.run() == 3);
    CHECK(order == std::vector{0, 1, 2});
    CHECK(threads == std::vector(3, std::this_thread::get_id()));
}

TEST_CASE("a post from the loop's own thread is deferred too", "[event_loop][SC-16]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] {
        loop.context().post([&] { trace += 'b'; });
        trace += 'a';
    });
    loop.run();
    CHECK(trace == "ab");
}

TEST_CASE("posts from many threads keep each thread's order", "[event_loop][SC-16]") {
    constexpr int threads = 4;
    constexpr int posts = 500;
    eap::event_loop loop;
    std::vector<std::vector<int>> seen(threads);
    std::vector<std::thread> posters;
    for (std::size_t t = 0; t < threads; ++t) {
        loop.context().operation_started();
        posters.emplace_back([&, t, home = loop.context()] {
            for (int i = 0; i < posts; ++i)
                home.post([&, t, i] { seen[t].push_back(i); });
            home.operation_completed();
        });
    }
    CHECK(loop.run() == threads * posts);
    for (auto& poster : posters)
        poster.join();
    std::vector<int> expected(posts);
    for (int i = 0; i < posts; ++i)
        expected[static_cast<std::size_t>(i)] = i;
    for (const auto& each : seen)
        CHECK(each == expected);
}

TEST_CASE("poll runs what is queued now, and not what is posted meanwhile", "[event_loop]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] {
        trace += 'a';
        loop.context().post([&] { trace += 'c'; });
    });
    loop.context().post([&] { trace += 'b'; });
    CHECK(loop.poll() == 2);
    CHECK(trace == "ab");
    CHECK(loop.poll() == 1);
    CHECK(trace == "abc");
    CHECK(loop.poll() == 0);
}

TEST_CASE("poll never waits, whatever is outstanding", "[event_loop]") {
    eap::event_loop loop;
    loop.context().operation_started();
    CHECK(loop.poll() == 0);
}

TEST_CASE("a nested poll goes on in order, and the outer one does not run anything twice", "[event_loop]") {
    eap::event_loop loop;
    std::string trace;
    std::size_t inner = 0;
    loop.context().post([&] {
        loop.context().post([&] { trace += 'd'; });
        trace += '(';
        inner = loop.poll();
        trace += ')';
        loop.context().post([&] { trace += 'e'; });
    });
    loop.context().post([&] { trace += 'b'; });
    loop.context().post([&] { trace += 'c'; });
    CHECK(loop.poll() == 1); // the rest of its share ran inside
    CHECK(inner == 3);
    CHECK(trace == "(bcd)");
    CHECK(loop.run() == 1);
    CHECK(trace == "(bcd)e");
}

TEST_CASE("a nested poll inside run goes on in order too", "[event_loop]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] {
        trace += '(';
        loop.poll();
        trace += ')';
    });
    loop.context().post([&] { trace += 'b'; });
    CHECK(loop.run() == 1);
    CHECK(trace == "(b)");
}

TEST_CASE("a nested run_for pumps for a while inside a function", "[event_loop]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] {
        trace += '(';
        loop.run_for(1h); // nothing is outstanding: it ends with the queue
        trace += ')';
    });
    loop.context().post([&] { trace += 'b'; });
    loop.run();
    CHECK(trace == "(b)");
}

TEST_CASE("what waits without a bound inside a function of the loop is refused", "[event_loop][O-13]") {
    eap::event_loop loop;
    int refused = 0;
    bool later = false;
    const auto expect_refusal = [&](auto call) {
        try {
            call();
        } catch (const eap::would_deadlock&) {
            ++refused;
        }
    };
    loop.context().post([&] {
        expect_refusal([&] { loop.run(); });
        expect_refusal([&] { loop.run_one(); });
        expect_refusal([&] { loop.run_for(std::chrono::hours::max()); });
    });
    loop.context().post([&] { later = true; });
    loop.run();
    CHECK(refused == 3);
    CHECK(later);
}

TEST_CASE("the refusal reaches through a loop between", "[event_loop][O-13]") {
    eap::event_loop outer;
    eap::event_loop inner;
    bool refused = false;
    outer.context().post([&] {
        inner.context().post([&] {
            try {
                outer.run();
            } catch (const eap::would_deadlock&) {
                refused = true;
            }
        });
        inner.run();
    });
    outer.run();
    CHECK(refused);
}

TEST_CASE("a second thread is refused while a first one runs the loop", "[event_loop]") {
    eap::event_loop loop;
    eap::detail::parking<> running;
    eap::detail::parking<> go_on;
    loop.context().post([&] {
        running.set();
        go_on.wait();
    });
    std::thread first{[&] { loop.run(); }};
    running.wait();
    CHECK_THROWS_AS(loop.run(), eap::invalid_operation);
    CHECK_THROWS_AS(loop.poll(), eap::invalid_operation);
    go_on.set();
    first.join();
    CHECK(loop.poll() == 0); // its turn now
}

// ---- run, run_one, run_for ----

TEST_CASE("run on an idle loop returns at once", "[event_loop]") {
    eap::event_loop loop;
    CHECK(loop.run() == 0);
    CHECK_FALSE(loop.run_one());
    CHECK(loop.run_for(1h) == 0);
}

TEST_CASE("run waits while an operation is outstanding", "[event_loop][OP-2]") {
    eap::event_loop loop;
    const auto home = loop.context();
    home.operation_started();
    bool ran = false;
    std::thread worker;
    home.post([&] { // so the worker starts when run has begun
        worker = std::thread{[&, home] {
            home.post([&] { ran = true; });
            home.operation_completed();
        }};
    });
    CHECK(loop.run() == 2);
    CHECK(ran);
    worker.join();
}

TEST_CASE("the last operation_completed wakes a run that waits", "[event_loop][OP-8]") {
    eap::event_loop loop;
    const auto home = loop.context();
    home.operation_started();
    home.operation_started();
    std::thread worker{[home] {
        home.operation_completed();
        home.operation_completed();
    }};
    CHECK(loop.run() == 0);
    worker.join();
}

TEST_CASE("run_one waits for one function and runs only that", "[event_loop]") {
    eap::event_loop loop;
    const auto home = loop.context();
    home.operation_started();
    int ran = 0;
    std::thread worker{[&, home] {
        home.post([&] { ++ran; });
        home.post([&] { ++ran; });
    }};
    CHECK(loop.run_one());
    CHECK(ran == 1);
    worker.join();
    CHECK(loop.run_one());
    CHECK(ran == 2);
    home.operation_completed();
    CHECK_FALSE(loop.run_one());
}

TEST_CASE("run_for gives up when its time is over", "[event_loop]") {
    eap::event_loop loop;
    loop.context().operation_started();
    const auto begin = std::chrono::steady_clock::now();
    CHECK(loop.run_for(20ms) == 0);
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
}

TEST_CASE("run_for runs a function that is queued already, however short its time", "[event_loop]") {
    eap::event_loop loop;
    int ran = 0;
    for (int i = 0; i < 3; ++i)
        loop.context().post([&] { ++ran; });
    CHECK(loop.run_for(0ms) == 1);
    CHECK(loop.run_for(-1h) == 1);
    CHECK(loop.run_for(std::chrono::duration<double>{-1e300}) == 1);
    CHECK(ran == 3);
}

TEST_CASE("run_for takes a time beyond the clock's for no limit", "[event_loop]") {
    eap::event_loop loop;
    const auto home = loop.context();
    const auto run_with = [&](auto duration) {
        home.operation_started();
        std::thread worker{[home] {
            home.post([] {});
            home.operation_completed();
        }};
        const std::size_t count = loop.run_for(duration);
        worker.join();
        return count;
    };
    CHECK(run_with(std::chrono::hours::max()) == 1);
    CHECK(run_with(std::chrono::nanoseconds::max()) == 1);
    CHECK(run_with(std::chrono::duration<double>{1e300}) == 1);
    CHECK(run_with(1h) == 1);
}

// ---- exceptions ----

TEST_CASE("a function that throws leaves the later ones queued", "[event_loop][OP-22]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] { trace += 'a'; });
    loop.context().post([] { throw std::runtime_error{"second"}; });
    loop.context().post([&] { trace += 'c'; });
    loop.context().post([&] { trace += 'd'; });

    CHECK_THROWS_WITH(loop.poll(), "second");
    CHECK(trace == "a");
    loop.context().post([&] { trace += 'e'; });
    CHECK(loop.poll() == 3);
    CHECK(trace == "acde");
}

TEST_CASE("an exception leaves run, and run goes on", "[event_loop][G11]") {
    eap::event_loop loop;
    bool ran = false;
    loop.context().post([] { throw std::runtime_error{"first"}; });
    loop.context().post([&] { ran = true; });
    CHECK_THROWS_WITH(loop.run(), "first");
    CHECK_FALSE(ran);
    CHECK(loop.run() == 1);
    CHECK(ran);
}

TEST_CASE("an exception out of a nested poll keeps the order as well", "[event_loop]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] {
        loop.context().post([&] { trace += 'd'; });
        loop.poll();
    });
    loop.context().post([] { throw std::runtime_error{"inner"}; });
    loop.context().post([&] { trace += 'c'; });
    CHECK_THROWS_WITH(loop.poll(), "inner");
    CHECK(loop.poll() == 2);
    CHECK(trace == "cd");
}

// ---- functions: ownership and memory ----

TEST_CASE("an event loop takes move-only functions, function pointers and copies", "[event_loop]") {
    static int calls = 0;
    calls = 0;
    eap::event_loop loop;
    loop.context().post([owned = std::make_unique<int>(1)] { calls += *owned; });
    const std::function<void()> copied = [] { calls += 10; };
    loop.context().post(copied);
    void (&plain)() = *+[] { calls += 100; };
    loop.context().post(plain);
    loop.run();
    CHECK(calls == 111);
    CHECK(copied);
}

TEST_CASE("a function is destroyed once, right after it ran", "[event_loop][G14]") {
    eap::event_loop loop;
    tests::fate fate;
    int destroyed_before_next = -1;
    loop.context().post(tests::traced{fate, [] {}});
    loop.context().post([&] { destroyed_before_next = fate.destroyed; });
    loop.run();
    CHECK(fate.called == 1);
    CHECK(fate.destroyed == 1);
    CHECK(destroyed_before_next == 1);
}

TEST_CASE("what never ran is destroyed with the loop", "[event_loop][G14]") {
    tests::fate fate;
    {
        eap::event_loop loop;
        loop.context().post(tests::traced{fate, [] {}});
        loop.context().post(tests::traced{fate, [] {}});
        CHECK(fate.destroyed == 0);
    }
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 2);
}

TEST_CASE("a function's own memory serves its node and is free when it runs", "[event_loop][G8]") {
    eap::event_loop loop;
    tests::memory_source memory;
    int in_use = -1;
    std::size_t allocations = 0;
    {
        tests::allocation_watch watch;
        loop.context().post(tests::with_memory{memory, [&] { in_use = memory.in_use; }});
        loop.poll();
        allocations = watch.count();
    }
    CHECK(memory.taken == 1);
    CHECK(in_use == 0);
    CHECK(allocations <= 1); // the source's own
    CHECK(memory.largest <= 48);
}

TEST_CASE("memory goes back before an unrun function is destroyed", "[event_loop][G8]") {
    struct checks_memory {
        tests::memory_source* source;
        int* in_use;
        checks_memory(tests::memory_source& s, int& out) : source(&s), in_use(&out) {}
        checks_memory(checks_memory&& other) noexcept
            : source(other.source), in_use(std::exchange(other.in_use, nullptr)) {}
        ~checks_memory() {
            if (in_use != nullptr)
                *in_use = source->in_use;
        }
        void operator()() {}
        tests::source_allocator<std::byte> get_allocator() const noexcept {
            return tests::source_allocator<std::byte>{*source};
        }
    };
    tests::memory_source memory;
    int in_use = -1;
    {
        eap::event_loop loop;
        loop.context().post(checks_memory{memory, in_use});
    }
    CHECK(memory.taken == 1);
    CHECK(in_use == 0);
}

TEST_CASE("a post that finds no memory is not accepted", "[event_loop]") {
    if (!tests::allocation_watch::works)
        return;
    eap::event_loop loop;
    tests::fate fate;
    bool refused = false;
    {
        tests::allocation_watch watch;
        watch.fail(1);
        try {
            loop.context().post(tests::traced{fate, [] {}});
        } catch (const std::bad_alloc&) {
            refused = true;
        }
    }
    CHECK(refused);
    CHECK(loop.poll() == 0);
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
}

// ---- the handle ----

TEST_CASE("a handle is one pointer, and names its loop", "[event_loop][SC-23]") {
    using handle = eap::event_loop::context_type;
    static_assert(sizeof(handle) == sizeof(void*));
    static_assert(std::is_nothrow_copy_constructible_v<handle>);
    static_assert(!std::copyable<eap::event_loop>);
    eap::event_loop one;
    eap::event_loop two;
    CHECK(one.context() == one.context());
    CHECK(one.context() != two.context());
    CHECK(eap::any_synchronization_context{one.context()} == eap::any_synchronization_context{one.context()});
}

TEST_CASE("a handle outlives its loop, and then refuses", "[event_loop][SC-19]") {
    std::optional<eap::event_loop::context_type> handle;
    {
        eap::event_loop loop;
        handle = loop.context();
        handle->operation_started();
        loop.poll();
        CHECK(handle->running_in_this_thread());
    }
    CHECK_THROWS_AS(handle->post([] {}), eap::context_closed);
    CHECK_THROWS_AS(handle->operation_started(), eap::context_closed);
    CHECK_THROWS_AS(eap::send(*handle, [] {}), eap::context_closed);
    handle->operation_completed();
    CHECK_FALSE(handle->running_in_this_thread());
    CHECK(*handle == *handle);
}

TEST_CASE("the loop's thread is the one that runs it, or last ran it", "[event_loop]") {
    eap::event_loop loop;
    const auto home = loop.context();
    CHECK_FALSE(home.running_in_this_thread()); // nobody has run it yet
    bool inside = false;
    bool elsewhere = true;
    home.post([&] {
        inside = home.running_in_this_thread();
        std::thread{[&] { elsewhere = home.running_in_this_thread(); }}.join();
    });
    loop.poll();
    CHECK(inside);
    CHECK_FALSE(elsewhere);
    CHECK(home.running_in_this_thread()); // between two polls

    bool other = false;
    std::thread{[&] {
        loop.poll();
        other = home.running_in_this_thread();
    }}.join();
    CHECK(other);
    CHECK_FALSE(home.running_in_this_thread()); // the thread that ran it last has ended
    bool successor = true;                      // ... and bequeaths nothing to a thread in its place
    std::thread{[&] { successor = home.running_in_this_thread(); }}.join();
    CHECK_FALSE(successor);
}

TEST_CASE("inside a function the loop is the current context, afterwards the previous one",
          "[event_loop][SC-1]") {
    eap::event_loop outer;
    eap::event_loop inner;
    std::vector<bool> right;
    const auto current_is = [](const eap::event_loop& loop) {
        const auto* current = eap::scoped_context::current();
        return current != nullptr && *current == eap::any_synchronization_context{loop.context()};
    };
    outer.context().post([&] {
        right.push_back(current_is(outer));
        inner.context().post([&] {
            right.push_back(current_is(inner));
            outer.poll(); // nested by way of another loop
        });
        inner.run();
        right.push_back(current_is(outer));
    });
    outer.context().post([&] { right.push_back(current_is(outer)); });
    outer.run();
    CHECK(right == std::vector<bool>(4, true));
    CHECK(eap::scoped_context::current() == nullptr);
}

// ---- send ----

TEST_CASE("send on the loop's own thread runs inline, ahead of everything queued", "[event_loop][SC-17]") {
    eap::event_loop loop;
    std::string trace;
    loop.context().post([&] {
        loop.context().post([&] { trace += 'c'; });
        eap::send(loop.context(), [&] { trace += 'a'; });
        trace += 'b';
    });
    loop.run();
    CHECK(trace == "abc");
}

TEST_CASE("send from another thread waits until the loop has run it", "[event_loop][SC-4][SC-18]") {
    eap::event_loop loop;
    const auto home = loop.context();
    home.operation_started();
    std::thread::id ran_on;
    bool ran_before_return = false;
    std::thread sender{[&, home] {
        eap::send(home, [&] { ran_on = std::this_thread::get_id(); });
        ran_before_return = ran_on != std::thread::id{};
        home.operation_completed();
    }};
    loop.run();
    sender.join();
    CHECK(ran_on == std::this_thread::get_id());
    CHECK(ran_before_return);
}

TEST_CASE("what a sent function throws reaches the sender, not the loop", "[event_loop][SC-7]") {
    eap::event_loop loop;
    const auto home = loop.context();
    home.operation_started();
    std::string caught;
    std::thread sender{[&, home] {
        try {
            eap::send(home, [] { throw std::runtime_error{"sent"}; });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        home.operation_completed();
    }};
    CHECK(loop.run() == 1);
    sender.join();
    CHECK(caught == "sent");
}

TEST_CASE("a sender whose function is dropped learns that the loop closed", "[event_loop][SC-19]") {
    eap::event_loop loop;
    eap::detail::parking<> queued;
    loop.on_wake([&] { queued.set(); });
    bool closed = false;
    bool ran = false;
    std::thread sender{[&, home = loop.context()] {
        try {
            eap::send(home, [&] { ran = true; });
        } catch (const eap::context_closed&) {
            closed = true;
        }
    }};
    queued.wait();
    loop.close();
    sender.join();
    CHECK(closed);
    CHECK_FALSE(ran);
}

// ---- close ----

TEST_CASE("close refuses later posts and destroys what is queued on the closing thread", "[event_loop]") {
    eap::event_loop loop;
    tests::fate fate;
    std::thread::id destroyed_on;
    loop.context().post(tests::traced{fate, [] {}});
    loop.context().post([note = std::shared_ptr<void>(
                             nullptr, [&](void*) { destroyed_on = std::this_thread::get_id(); })] {});
    std::thread::id closer;
    std::thread{[&] {
        closer = std::this_thread::get_id();
        loop.close();
    }}.join();
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
    CHECK(destroyed_on == closer);
    CHECK_THROWS_AS(loop.context().post(tests::traced{fate, [] {}}), eap::context_closed);
    CHECK(fate.destroyed == 2);
    CHECK_THROWS_AS(loop.context().operation_started(), eap::context_closed);
    CHECK(loop.run() == 0);
    CHECK(loop.poll() == 0);
    CHECK_FALSE(loop.run_one());
    loop.close();
}

TEST_CASE("a function may close its loop: nothing later runs, and run returns", "[event_loop][G12]") {
    eap::event_loop loop;
    tests::fate fate;
    int destroyed_inside = -1;
    loop.context().operation_started(); // never completed: close ends run all the same
    loop.context().post([&] {
        loop.context().post(tests::traced{fate, [] {}});
        loop.close();
        destroyed_inside = fate.destroyed;
    });
    loop.context().post(tests::traced{fate, [] {}});
    CHECK(loop.run() == 1);
    CHECK(destroyed_inside == 2);
    CHECK(fate.called == 0);
}

TEST_CASE("close on another thread wakes a run that waits", "[event_loop]") {
    eap::event_loop loop;
    loop.context().operation_started();
    eap::detail::parking<> running;
    loop.context().post([&] { running.set(); });
    std::thread closer{[&] {
        running.wait();
        loop.close();
    }};
    CHECK(loop.run() == 1);
    closer.join();
}

TEST_CASE("close while another thread runs a function: nothing later runs", "[event_loop]") {
    eap::event_loop loop;
    tests::fate fate;
    eap::detail::parking<> inside;
    eap::detail::parking<> closed;
    loop.context().post([&] {
        inside.set();
        closed.wait();
    });
    loop.context().post(tests::traced{fate, [] {}}); // taken up by the runner already
    std::thread runner{[&] { loop.run(); }};
    inside.wait();
    loop.context().post(tests::traced{fate, [] {}}); // still queued
    loop.close();
    CHECK(fate.destroyed == 1);
    closed.set();
    runner.join();
    CHECK(fate.destroyed == 2);
    CHECK(fate.called == 0);
}

TEST_CASE("a function that is destroyed may post, close and poll", "[event_loop][G12]") {
    eap::event_loop loop;
    bool refused = false;
    std::size_t polled = 1;
    loop.context().post([note = std::shared_ptr<void>(nullptr, [&](void*) {
                             try {
                                 loop.context().post([] {});
                             } catch (const eap::context_closed&) {
                                 refused = true;
                             }
                             loop.close();
                             polled = loop.poll();
                         })] {});
    loop.close();
    CHECK(refused);
    CHECK(polled == 0);
}

TEST_CASE("a function may destroy its loop", "[event_loop]") {
    auto loop = std::make_unique<eap::event_loop>();
    tests::fate fate;
    loop->context().post([&] { loop.reset(); });
    loop->context().post(tests::traced{fate, [] {}});
    CHECK(loop->run() == 1);
    CHECK(fate.called == 0);
    CHECK(fate.destroyed == 1);
}

// ---- the wake hook ----

TEST_CASE("the wake hook is called on the posting thread when the queue stops being empty",
          "[event_loop][on_wake]") {
    eap::event_loop loop;
    std::vector<std::thread::id> wakes;
    loop.on_wake([&] { wakes.push_back(std::this_thread::get_id()); });
    std::thread::id poster;
    std::thread{[&] {
        poster = std::this_thread::get_id();
        loop.context().post([] {});
        loop.context().post([] {});
    }}.join();
    CHECK(wakes == std::vector{poster});
    loop.poll();
    const auto here = std::this_thread::get_id();
    CHECK(wakes == std::vector{poster, here}); // for a loop nested in the first of the two
    CHECK(loop.poll() == 0);
    CHECK(wakes.size() == 2);
    loop.context().post([] {});
    CHECK(wakes == std::vector{poster, here, here});
    loop.poll();
    CHECK(wakes.size() == 3); // there was one only
}

TEST_CASE("an exception out of poll wakes for what it left behind", "[event_loop][on_wake]") {
    eap::event_loop loop;
    int wakes = 0;
    loop.context().post([] { throw std::runtime_error{"first"}; });
    loop.context().post([] {});
    loop.on_wake([&] { ++wakes; });
    CHECK(wakes == 1); // something was queued already
    wakes = 0;
    CHECK_THROWS_AS(loop.poll(), std::runtime_error);
    CHECK(wakes == 2); // before the first of two, and after it
    CHECK(loop.poll() == 1);
    CHECK(wakes == 2);
}

TEST_CASE("a poll that leaves later functions behind wakes for them", "[event_loop][on_wake]") {
    eap::event_loop loop;
    bool pending = false;
    loop.on_wake([&] { pending = true; });
    loop.context().post([&] {
        loop.context().post([] {});
        pending = false; // a loop that takes note of wake-ups only when it is idle
    });
    loop.poll();
    CHECK(pending);
}

TEST_CASE("a foreign loop that runs nested in one function gets to those behind it",
          "[event_loop][on_wake]") {
    eap::event_loop loop;
    std::string trace;
    bool pending = false;
    loop.on_wake([&] { pending = true; });
    const auto run_foreign_loop = [&] {
        while (std::exchange(pending, false))
            loop.poll();
    };
    loop.context().post([&] {
        trace += '(';
        run_foreign_loop();
        trace += ')';
    });
    loop.context().post([&] { trace += 'b'; });
    loop.context().post([&] { trace += 'c'; });
    run_foreign_loop();
    CHECK(trace == "(bc)");
    CHECK_FALSE(pending);
}

TEST_CASE("a loop that moves belongs to no thread until the next one runs it", "[event_loop]") {
    eap::event_loop loop;
    loop.poll();
    CHECK(loop.context().running_in_this_thread());
    loop.forget_thread();
    CHECK_FALSE(loop.context().running_in_this_thread());
    bool is_of_the_other = false;
    std::thread{[&] {
        loop.poll();
        is_of_the_other = loop.context().running_in_this_thread();
    }}.join();
    CHECK(is_of_the_other);
    CHECK_FALSE(loop.context().running_in_this_thread());
}

TEST_CASE("a foreign loop hears of the first operation and of the end of the last", "[event_loop]") {
    eap::event_loop loop;
    std::string trace;
    loop.on_outstanding([&] { trace += loop.has_outstanding() ? '+' : '-'; });
    const auto home = loop.context();
    home.operation_started();
    home.operation_started();
    home.operation_completed();
    CHECK(trace == "+");
    home.operation_completed();
    CHECK(trace == "+-");
    loop.on_outstanding(nullptr);
    home.operation_started();
    CHECK(trace == "+-");
    CHECK(loop.has_outstanding());
    home.operation_completed();
}

TEST_CASE("a wake hook may be replaced and cleared, and dies when it is", "[event_loop][on_wake]") {
    eap::event_loop loop;
    std::string trace;
    auto alive = std::make_shared<int>();
    const std::weak_ptr<int> watch = alive;
    loop.on_wake([&, alive = std::move(alive)] { trace += 'a'; });
    loop.context().post([] {});
    loop.poll();
    loop.on_wake([&, owned = std::make_unique<int>()] { trace += 'b'; });
    CHECK(watch.expired());
    loop.context().post([] {});
    loop.poll();
    loop.on_wake(nullptr);
    loop.context().post([] {});
    CHECK(trace == "ab");
}

TEST_CASE("clearing the wake hook waits for a call in progress", "[event_loop][on_wake]") {
    eap::event_loop loop;
    eap::detail::parking<> inside;
    eap::detail::parking<> go_on;
    std::atomic<bool> ended{false};
    loop.on_wake([&] {
        inside.set();
        go_on.wait();
        ended = true;
    });
    std::thread poster{[home = loop.context()] { home.post([] {}); }};
    inside.wait();
    bool ended_before = false;
    std::thread clearer{[&] {
        loop.on_wake(nullptr);
        ended_before = ended;
    }};
    go_on.set();
    clearer.join();
    CHECK(ended_before);
    poster.join();
}

TEST_CASE("a wake hook may clear and replace itself", "[event_loop][on_wake]") {
    eap::event_loop loop;
    std::string trace;
    loop.on_wake([&, owned = std::make_unique<char>('a')] {
        loop.on_wake([&] { trace += 'b'; });
        trace += *owned; // still alive until it returns; the new one was called for what is queued
    });
    loop.context().post([] {});
    CHECK(trace == "ba");
    loop.poll();
    loop.context().post([] {});
    CHECK(trace == "bab");
}

TEST_CASE("wake hooks may be exchanged while threads post, and no wake is missed", "[event_loop][on_wake]") {
    constexpr int threads = 2;
    constexpr int posts = 1000;
    eap::event_loop loop;
    std::mutex mutex;
    std::condition_variable changed;
    bool pending = false; // guarded by mutex
    const auto wake = [&] {
        const std::lock_guard lock{mutex};
        pending = true;
        changed.notify_one();
    };
    loop.on_wake(wake);
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t)
        posters.emplace_back([home = loop.context()] {
            for (int i = 0; i < posts; ++i)
                home.post([] {});
        });
    std::atomic<bool> done{false};
    std::thread exchanger{[&] {
        while (!done)
            loop.on_wake(wake);
    }};
    std::size_t ran = 0;
    while (ran < threads * posts) {
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return pending; });
        pending = false;
        lock.unlock();
        ran += loop.poll();
    }
    done = true;
    exchanger.join();
    for (auto& poster : posters)
        poster.join();
    CHECK(ran == threads * posts);
}

TEST_CASE("a wake hook that throws ends the program", "[event_loop][on_wake]") {
    const auto terminated = tests::terminates([] {
        eap::event_loop loop;
        loop.on_wake([] { throw std::runtime_error{"a hook must not"}; });
        loop.context().post([] {});
    });
    CHECK(terminated.value_or(true));
}

// ---- churn ----

TEST_CASE("posts, closing and the end of a loop may race: every function runs or is destroyed",
          "[event_loop]") {
    for (int round = 0; round < 50; ++round) {
        tests::fate fate;
        std::atomic<int> accepted{0};
        std::vector<std::thread> posters;
        std::latch start{3};
        {
            eap::event_loop loop;
            for (int t = 0; t < 2; ++t)
                posters.emplace_back([&, home = loop.context()] {
                    start.arrive_and_wait();
                    try {
                        for (int i = 0; i < 100; ++i) {
                            home.post(tests::traced{fate, [] {}});
                            ++accepted;
                        }
                    } catch (const eap::context_closed&) {
                    }
                });
            start.arrive_and_wait();
            loop.run_for(100us);
            if (round % 2 == 0)
                loop.close();
        }
        for (auto& poster : posters)
            poster.join();
        CHECK(fate.destroyed >= accepted);
        CHECK(fate.called <= accepted);
    }
}
