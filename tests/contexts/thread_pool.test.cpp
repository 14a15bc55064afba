// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/thread_pool.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/death.hpp"
#include "support/functions.hpp"

#include "eap/detail/parking.hpp"
#include "eap/testing/exploration.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Runs `f` on the context and waits for it.
template <class C, class F> void run_there(const C& context, F f) {
    eap::detail::parking<> ran;
    context.post([&] {
        f();
        ran.set();
    });
    ran.wait();
}

} // namespace

TEST_CASE("a thread pool runs functions on its own threads", "[thread_pool]") {
    eap::thread_pool pool{2};
    std::thread::id ran_on;
    run_there(pool.context(), [&] { ran_on = std::this_thread::get_id(); });
    CHECK(ran_on != std::this_thread::get_id());
}

TEST_CASE("a thread pool runs as many functions at a time as it has threads", "[thread_pool][SC-5]") {
    constexpr int threads = 4;
    std::latch all_at_once{threads}; // opens only when all of them run at the same time
    std::latch ended{threads};
    eap::thread_pool pool{threads};
    for (int i = 0; i < threads; ++i)
        pool.context().post([&] {
            all_at_once.arrive_and_wait();
            ended.count_down();
        });
    ended.wait();
    SUCCEED("all were running at once");
}

TEST_CASE("a pool of one thread keeps the order of posts", "[thread_pool]") {
    eap::thread_pool pool{1};
    std::vector<int> order;
    for (int i = 0; i < 100; ++i)
        pool.context().post([&, i] { order.push_back(i); });
    run_there(pool.context(), [] {});
    CHECK(order.size() == 100);
    CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("functions of a pool may post to it", "[thread_pool]") {
    eap::detail::parking<> last;
    eap::thread_pool pool{1};
    pool.context().post(
        [&, home = pool.context()] { home.post([&, home] { home.post([&] { last.set(); }); }); });
    last.wait();
    SUCCEED("the last one ran");
}

TEST_CASE("every function posted from many threads runs once", "[thread_pool]") {
    constexpr int threads = 3;
    constexpr int posts = 500;
    tests::fate fate;
    std::latch all{threads * posts};
    {
        eap::thread_pool pool{4};
        std::vector<std::thread> posters;
        for (int t = 0; t < threads; ++t)
            posters.emplace_back([&, home = pool.context()] {
                for (int i = 0; i < posts; ++i)
                    home.post(tests::traced{fate, [&] { all.count_down(); }});
            });
        for (auto& poster : posters)
            poster.join();
        all.wait();
    }
    CHECK(fate.called == threads * posts);
    CHECK(fate.destroyed == threads * posts);
}

TEST_CASE("a pool without threads is refused", "[thread_pool]") {
    CHECK_THROWS_AS(eap::thread_pool{0}, std::invalid_argument);
    CHECK_THROWS_WITH(eap::thread_pool{0}, Catch::Matchers::Contains("one or more"));
}

TEST_CASE("when a thread cannot be started, none is left", "[thread_pool][G9]") {
    if (!tests::allocation_watch::works)
        return;
    int refusals = 0;
    bool made = false;
    for (std::size_t failing = 1; !made && failing < 100; ++failing) { // each allocation in turn
        tests::allocation_watch watch;
        watch.fail(failing);
        try {
            const eap::thread_pool pool{3};
            made = true;
        } catch (const std::bad_alloc&) {
            ++refusals; // the destructor of a thread that was not joined would have ended the program
        }
    }
    CHECK(made);
    CHECK(refusals >= 4);
}

// ---- contexts and handles ----

TEST_CASE("inside a function the pool is the current context", "[thread_pool]") {
    eap::thread_pool pool{1};
    bool right = false;
    run_there(pool.context(), [&] {
        const auto* current = eap::scoped_context::current();
        right = current != nullptr && *current == eap::any_synchronization_context{pool.context()};
    });
    CHECK(right);
}

TEST_CASE("the creator's context does not flow to the pool", "[thread_pool][SC-3]") {
    eap::thread_pool creators{1};
    const eap::scoped_context guard{creators.context()};
    eap::thread_pool pool{1};
    bool right = false;
    run_there(pool.context(), [&] {
        right = *eap::scoped_context::current() == eap::any_synchronization_context{pool.context()};
    });
    CHECK(right);
}

TEST_CASE("inside a function of the shared pool there is no current context", "[thread_pool][SC-3][SC-9]") {
    bool none = false;
    bool is_said = false;
    run_there(eap::thread_pool::shared(), [&] {
        none = eap::scoped_context::current() == nullptr;
        is_said = eap::scoped_context::is_set();
    });
    CHECK(none);
    CHECK(is_said);
}

TEST_CASE("the shared pool is one and the same, with two threads or more", "[thread_pool][G16]") {
    CHECK(eap::thread_pool::shared() == eap::thread_pool::shared());
    std::latch both{2};
    std::latch ended{2};
    for (int i = 0; i < 2; ++i)
        eap::thread_pool::shared().post([&] {
            both.arrive_and_wait();
            ended.count_down();
        });
    ended.wait();
    SUCCEED("two ran at once");
}

TEST_CASE("a pool knows its threads", "[thread_pool]") {
    eap::thread_pool pool{1};
    eap::thread_pool other{1};
    bool own = false;
    bool others = true;
    run_there(pool.context(), [&] {
        own = pool.context().running_in_this_thread();
        others = other.context().running_in_this_thread();
    });
    CHECK(own);
    CHECK_FALSE(others);
    CHECK_FALSE(pool.context().running_in_this_thread());
}

TEST_CASE("a pool's handle is one pointer, and names its pool", "[thread_pool]") {
    using handle = eap::thread_pool::context_type;
    static_assert(sizeof(handle) == sizeof(void*));
    static_assert(std::is_nothrow_copy_constructible_v<handle>);
    static_assert(!std::copyable<eap::thread_pool>);
    eap::thread_pool one{1};
    eap::thread_pool two{1};
    CHECK(one.context() == one.context());
    CHECK(one.context() != two.context());
}

TEST_CASE("a handle outlives its pool, and then refuses", "[thread_pool]") {
    std::optional<eap::thread_pool::context_type> handle;
    {
        eap::thread_pool pool{1};
        handle = pool.context();
        handle->operation_started();
    }
    tests::fate fate;
    CHECK_THROWS_AS(handle->post(tests::traced{fate, [] {}}), eap::context_closed);
    CHECK(fate.destroyed == 1);
    CHECK_THROWS_AS(handle->operation_started(), eap::context_closed);
    CHECK_THROWS_AS(eap::send(*handle, [] {}), eap::context_closed);
    handle->operation_completed();
    CHECK_FALSE(handle->running_in_this_thread());
}

// ---- functions: ownership and memory ----

TEST_CASE("a function is destroyed right after it ran, before the next", "[thread_pool][G14]") {
    tests::fate fate;
    int destroyed = -1;
    eap::thread_pool pool{1};
    pool.context().post(tests::traced{fate, [owned = std::make_unique<int>()] {}});
    run_there(pool.context(), [&] { destroyed = fate.destroyed; });
    CHECK(destroyed == 1);
}

TEST_CASE("a pool takes a function's own memory, and gives it back before the call", "[thread_pool][G8]") {
    tests::memory_source memory;
    int in_use = -1;
    std::size_t allocations = 0;
    eap::detail::parking<> ran;
    eap::thread_pool pool{1};
    {
        tests::allocation_watch watch;
        pool.context().post(tests::with_memory{memory, [&] {
                                                   in_use = memory.in_use;
                                                   ran.set();
                                               }});
        allocations = watch.count();
    }
    ran.wait();
    CHECK(memory.taken == 1);
    CHECK(in_use == 0);
    CHECK(allocations <= 1); // the source's own
    CHECK(memory.largest <= 64);
}

// ---- send ----

TEST_CASE("send to a pool waits, and rethrows", "[thread_pool][SC-4][SC-7]") {
    eap::thread_pool pool{1};
    std::thread::id ran_on;
    eap::send(pool.context(), [&] { ran_on = std::this_thread::get_id(); });
    CHECK(ran_on != std::thread::id{});
    CHECK(ran_on != std::this_thread::get_id());
    CHECK_THROWS_WITH(eap::send(pool.context(), [] { throw std::runtime_error{"sent"}; }), "sent");
}

TEST_CASE("send on a thread of the pool runs inline", "[thread_pool][SC-17]") {
    eap::thread_pool pool{1}; // by posting it would wait for ever
    bool inlined = false;
    run_there(pool.context(), [&] {
        const auto here = std::this_thread::get_id();
        eap::send(pool.context(), [&] { inlined = std::this_thread::get_id() == here; });
    });
    CHECK(inlined);
}

// ---- exceptions ----

TEST_CASE("what escapes a function goes to on_exception, and the pool goes on", "[thread_pool]") {
    eap::thread_pool pool{1};
    std::string caught;
    bool on_the_pool = false;
    pool.on_exception([&, owned = std::make_unique<int>()](std::exception_ptr error) {
        on_the_pool = pool.context().running_in_this_thread();
        try {
            std::rethrow_exception(error);
        } catch (const std::runtime_error& e) {
            caught += e.what();
        }
    });
    pool.context().post([] { throw std::runtime_error{"a"}; });
    pool.context().post([] { throw std::runtime_error{"b"}; });
    run_there(pool.context(), [] {});
    CHECK(caught == "ab");
    CHECK(on_the_pool);

    auto alive = std::make_shared<int>();
    const std::weak_ptr<int> watch = alive;
    pool.on_exception([alive = std::move(alive)](const std::exception_ptr&) {});
    CHECK_FALSE(watch.expired());
    pool.on_exception(nullptr);
    CHECK(watch.expired());
}

TEST_CASE("without on_exception, what escapes a function ends the program", "[thread_pool][SC-8]") {
    const auto terminated = tests::terminates([] {
        const eap::thread_pool pool{1};
        run_there(pool.context(), [] { throw std::runtime_error{"nobody wants it"}; });
    });
    CHECK(terminated.value_or(true));
}

TEST_CASE("a handler of exceptions that throws ends the program", "[thread_pool]") {
    const auto terminated = tests::terminates([] {
        eap::thread_pool pool{1};
        pool.on_exception([](const std::exception_ptr& error) { std::rethrow_exception(error); });
        run_there(pool.context(), [] { throw std::runtime_error{"passed on"}; });
    });
    CHECK(terminated.value_or(true));
}

TEST_CASE("a pool destroyed by its own function ends the program", "[thread_pool][G12]") {
    const auto terminated = tests::terminates([] {
        auto pool = std::make_unique<eap::thread_pool>(1U);
        run_there(pool->context(), [&] { pool.reset(); });
    });
    CHECK(terminated.value_or(true));
}

// ---- close, and the end ----

TEST_CASE("close refuses later posts, lets what has begun end, and destroys the rest at once",
          "[thread_pool]") {
    tests::fate begun;
    tests::fate queued;
    eap::detail::parking<> inside;
    eap::detail::parking<> go_on;
    eap::thread_pool pool{1};
    pool.context().post(tests::traced{begun, [&] {
                                          inside.set();
                                          go_on.wait();
                                      }});
    inside.wait();
    std::thread::id destroyed_on;
    pool.context().post(tests::traced{queued, [] {}});
    pool.context().post([note = std::shared_ptr<void>(
                             nullptr, [&](void*) { destroyed_on = std::this_thread::get_id(); })] {});
    pool.close();
    CHECK(queued.destroyed == 1);
    CHECK(destroyed_on == std::this_thread::get_id());
    CHECK(begun.destroyed == 0);
    CHECK_THROWS_AS(pool.context().post([] {}), eap::context_closed);
    pool.close();
    go_on.set();
    while (begun.destroyed == 0)
        std::this_thread::yield();
    CHECK(begun.called == 1);
    CHECK(queued.called == 0);
}

TEST_CASE("a function may close its pool", "[thread_pool][G12]") {
    tests::fate queued;
    int destroyed_inside = -1;
    bool refused = false;
    {
        eap::detail::parking<> filled;
        eap::detail::parking<> ended;
        eap::thread_pool pool{1};
        pool.context().post([&] {
            filled.wait();
            pool.close();
            destroyed_inside = queued.destroyed;
            try {
                pool.context().post([] {});
            } catch (const eap::context_closed&) {
                refused = true;
            }
            ended.set();
        });
        pool.context().post(tests::traced{queued, [] {}});
        filled.set();
        ended.wait();
    }
    CHECK(destroyed_inside == 1);
    CHECK(queued.called == 0);
    CHECK(refused);
}

TEST_CASE("the end of a pool waits for what has begun and destroys the rest", "[thread_pool]") {
    tests::fate begun;
    tests::fate queued;
    eap::detail::parking<> inside;
    {
        eap::thread_pool pool{1};
        pool.context().post(tests::traced{begun, [&] {
                                              inside.set();
                                              while (queued.destroyed == 0) // so the end has begun
                                                  std::this_thread::yield();
                                          }});
        pool.context().post(tests::traced{queued, [] {}});
        inside.wait();
    }
    CHECK(begun.called == 1);
    CHECK(begun.destroyed == 1);
    CHECK(queued.called == 0);
    CHECK(queued.destroyed == 1);
}

TEST_CASE("a sender whose function a closing pool destroys learns of it", "[thread_pool]") {
    eap::detail::parking<> inside;
    eap::detail::parking<> go_on;
    eap::thread_pool pool{1};
    pool.context().post([&] {
        inside.set();
        go_on.wait();
    });
    inside.wait();
    bool closed = false;
    std::thread sender{[&, home = pool.context()] {
        try {
            eap::send(home, [] {});
        } catch (const eap::context_closed&) {
            closed = true; // dropped, or refused when it came late
        }
    }};
    pool.close();
    sender.join();
    go_on.set();
    CHECK(closed);
}

TEST_CASE("posting may race with the end of the pool: every function runs or is destroyed", "[thread_pool]") {
    for (int round = 0; round < 50; ++round) {
        tests::fate fate;
        std::atomic<int> made{0};
        std::vector<std::thread> posters;
        std::latch start{3};
        {
            eap::thread_pool pool{2};
            for (int t = 0; t < 2; ++t)
                posters.emplace_back([&, home = pool.context()] {
                    start.arrive_and_wait();
                    try {
                        for (int i = 0; i < 100; ++i) {
                            ++made;
                            home.post(tests::traced{fate, [] {}});
                        }
                    } catch (const eap::context_closed&) {
                    }
                });
            start.arrive_and_wait();
        }
        for (auto& poster : posters)
            poster.join();
        CHECK(fate.destroyed == made);
    }
}

TEST_CASE("in the lab, what escapes a function of a pool ends the run, and is told; a handler takes it back",
          "[thread_pool][SC-8][lab]") {
    const auto post_what_throws = [] {
        eap::thread_pool::shared().post([] { throw std::runtime_error{"escaped"}; });
        eap::testing::settle();
    };
    const auto failed = eap::testing::explore(eap::testing::in_order{}, post_what_throws);
    REQUIRE(failed.found);
    CHECK(failed.found->what.find("escaped") != std::string::npos);

    int told = 0;
    const auto handled = eap::testing::explore(eap::testing::in_order{}, [&] {
        eap::thread_pool::on_shared_exception([&](const std::exception_ptr&) { ++told; });
        post_what_throws();
    });
    CHECK(!handled.found);
    CHECK(told == 1);
    const auto cleared = eap::testing::explore(eap::testing::in_order{}, [&] {
        eap::thread_pool::on_shared_exception([&](const std::exception_ptr&) { ++told; });
        eap::thread_pool::on_shared_exception(nullptr);
        post_what_throws();
    });
    CHECK(cleared.found);
    CHECK(told == 1);
}
