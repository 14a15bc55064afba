// SPDX-License-Identifier: BSL-1.0
//
// Faults of memory: there is none, or much is asked of it. Rows 12 to 14 and 34 of the catalogue (README.md); each failure
// over whole scenarios is in sweeps.test.cpp.
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/throwing.hpp"

#include <eap/async_method.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/scoped_context.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using tests::allocation_watch;
using tests::lines;
using tests::message_of;
namespace asio = boost::asio;

namespace {

struct memory; // of this file
using value = tests::throwing<int, memory>;
const std::string no_memory = std::bad_alloc{}.what();

/// Calls `begin` with the first allocation failing, then the second, and so on, until it needs no more; after each failure
/// calls `check`. How many failed.
template <class Begin, class Check> std::size_t fail_each(Begin begin, Check check) {
    for (std::size_t number = 1;; ++number) {
        std::string said;
        {
            allocation_watch watch{allocation_watch::sees::asio_too};
            watch.fail(number);
            try {
                begin();
                if (watch.failures() == 0)
                    return number - 1;
            } catch (const std::bad_alloc& error) {
                watch.fail(0);
                said = error.what();
            }
        }
        CHECK(said == no_memory); // "" if it went on as if nothing had happened
        check();
    }
}

} // namespace

TEST_CASE("F12: without memory nothing is begun, and nothing is left of the attempt", "[faults][F12]") {
    if (!allocation_watch::works)
        return;
    tests::manual_queue home;
    eap::event_loop place;
    const auto counts = std::make_shared<tests::notification_counts>();
    const eap::any_synchronization_context counted{tests::counting_context<>{home.context(), counts}};
    const eap::scoped_context current{counted};
    const auto held = std::make_shared<int>();
    const std::string id(100, 'x');
    const auto nothing_is_left = [&] {
        CHECK(held.use_count() == 1);
        CHECK(counts->started == counts->completed);
        CHECK(home.run_all() == 0);
        CHECK(place.poll() == 0);
        CHECK(value::alive == 0);
    };
    {
        const auto completed = [held](const eap::completed_event_args<value>&) {};
        eap::operation_manager manager;
        std::optional<eap::async_operation<value>> operation;
        const auto create = [&] {
            operation = manager.create_operation<value>(id, completed, {.timeout = 1h});
        };
        CHECK(fail_each(create, [&] {
                  CHECK(manager.pending() == 0);
                  CHECK_FALSE(manager.is_pending(id));
                  CHECK(held.use_count() == 2);
              }) >= 4);
        operation->complete(1);
        home.run_all();
    }
    nothing_is_left();

    std::optional<eap::async_call<void()>> call;
    const eap::delegate<void()> nothing{[] {}};
    const auto elsewhere = nothing.on(place.context());
    const auto begin = [&] { call = elsewhere.begin_invoke([held](const auto&) {}, id); };
    CHECK(fail_each(begin, [&] {
              CHECK_FALSE(call.has_value());
              nothing_is_left();
          }) >= 2);
    place.run();
    home.run_all();
    call.reset();
    nothing_is_left();

    const eap::async_method<int(int)> method{[](int n) { return n; }, {.where = place.context()}};
    const auto start = [&] { method.start(1, id); };
    CHECK(fail_each(start, [&] {
              CHECK(method.pending() == 0);
              nothing_is_left();
          }) >= 4);
    place.run();
    home.run_all();
    CHECK(method.pending() == 0);
    nothing_is_left();
}

TEST_CASE("F13: a report for which there is no memory throws, and the operation goes on", "[faults][F13]") {
    if (!allocation_watch::works)
        return;
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start<int, std::string>();
    const std::string text(100, 'x');
    const std::size_t failures =
        fail_each([&] { operation.report_progress(50, text); }, [&] { CHECK_FALSE(operation.completed()); });
    CHECK(failures >= 3);
    CHECK(operation.complete(7));
    queue.run_all();
    CHECK(client.log.all() == lines{"50%", "value 7"});
}

namespace {

template <class Make> struct asio_home {
    asio::io_context io;
    eap::any_synchronization_context context() { return Make::of(io.get_executor()); }
    void run() { io.run(); }
};
struct plain {
    template <class E> static auto of(const E& executor) { return eap::asio_context{executor}; }
};
struct stranded {
    template <class E> static auto of(const E& executor) {
        return eap::asio_context{asio::make_strand(executor)};
    }
};
template <class Make> struct asio_pool_home {
    asio::thread_pool pool{1};
    eap::any_synchronization_context context() { return Make::of(pool.get_executor()); }
    void run() { pool.join(); }
};
struct loop_home {
    eap::event_loop loop;
    eap::any_synchronization_context context() { return loop.context(); }
    void run() { loop.run(); }
};
struct pool_home {
    std::optional<eap::thread_pool> pool{1};
    eap::any_synchronization_context context() { return pool->context(); }
    static void run() {}
};

} // namespace

TEMPLATE_TEST_CASE("F13: on contexts that take memory from what is posted, ending needs none",
                   "[faults][F13]", loop_home, pool_home, asio_home<plain>, asio_home<stranded>,
                   asio_pool_home<plain>, asio_pool_home<stranded>) {
    if (!allocation_watch::works)
        return;
    TestType home;
    tests::client client{home.context()};
    std::vector<eap::async_operation<int>> operations;
    for (int i = 0; i < 20; ++i)
        operations.push_back(client.start<int>());
    bool all_took = true;
    std::size_t failures = 0;
    {
        allocation_watch watch{allocation_watch::sees::asio_too};
        watch.fail_from(1);
        for (std::size_t i = 0; i + 1 < operations.size(); ++i)
            all_took = operations[i].complete(7) && all_took;
        operations.pop_back(); // and abandoning none either
        failures = watch.failures();
    }
    home.run();
    CHECK(client.manager.wait_idle_for(60s));
    CHECK(all_took);
    CHECK(failures == 0);
    CHECK(client.log.count("value 7") == 19);
    CHECK(client.log.count("abandoned") == 1);
}

TEST_CASE("F14: when memory is gone for good, what was begun ends, and is told", "[faults][F14]") {
    if (!allocation_watch::works)
        return;
    for (std::size_t number = 1;; ++number) {
        INFO("from allocation " << number << " on");
        const auto held = std::make_shared<int>();
        int completed = 0, undelivered = 0, created = 0;
        std::size_t failures = 0;
        {
            tests::manual_queue queue; // its posts need memory
            eap::operation_manager manager{queue.context()};
            manager.on_undelivered([&](const eap::undelivered& what) {
                undelivered += what.reason == eap::undelivered_reason::post_failed ? 1 : 100;
            });
            {
                allocation_watch watch;
                watch.fail_from(number);
                std::optional<eap::async_operation<value, value>> operation;
                try {
                    operation = manager.create_operation<value, value>(
                        "id", [&completed, held](const eap::completed_event_args<value>&) { ++completed; });
                    ++created;
                    operation->report_progress(1, 1);
                } catch (const std::bad_alloc&) {
                }
                if (operation)
                    operation->complete(7);
                failures = watch.failures();
            }
            queue.run_all();
            CHECK(completed + undelivered == created);
            CHECK(manager.pending() == 0);
        }
        CHECK(held.use_count() == 1);
        CHECK(value::alive == 0);
        if (failures == 0)
            break;
    }
}

TEST_CASE("F34: each of many operations costs what one does", "[faults][F34]") {
    constexpr std::size_t many = 100'000;
    eap::event_loop loop;
    std::size_t told = 0;
    {
        eap::operation_manager manager{loop.context()};
        std::vector<eap::async_operation<value>> operations;
        operations.reserve(many);
        const auto create = [&] {
            operations.push_back(manager.create_operation<value>(
                {}, [&](const eap::completed_event_args<value>&) { ++told; }));
        };
        create();
        std::size_t each = 0, all = 0;
        {
            const allocation_watch watch;
            create();
            each = watch.count();
        }
        {
            const allocation_watch watch;
            while (operations.size() != many)
                create();
            all = watch.count();
        }
        CHECK(all == each * (many - 2));
        CHECK(manager.pending() == many);
        CHECK(manager.cancel_all() == many);
        for (auto& operation : operations)
            operation.complete(1);
        CHECK(value::alive == static_cast<int>(many));
        loop.run();
        CHECK(told == many);
        CHECK(manager.pending() == 0);
    }
    CHECK(value::alive == 0);
}

TEST_CASE("F34: of a slow consumer, latest keeps one report, and every keeps each", "[faults][F34]") {
    constexpr int many = 20'000;
    for (const bool every : {false, true}) {
        tests::manual_queue queue;
        eap::operation_manager manager{queue.context()};
        int reports = 0, last = -1;
        auto operation = manager.create_operation<void, value>(
            {}, [](const eap::completed_event_args<>&) {},
            [&](const eap::progress_changed_event_args<value>& args) {
                ++reports;
                last = args.value().value;
            },
            {.progress = every ? eap::progress_delivery::every() : eap::progress_delivery::latest()});
        for (int i = 0; i < many; ++i)
            operation.report_progress(0, i);
        CHECK(value::alive == (every ? many : 1));
        CHECK(queue.size() == 1); // the home itself is not flooded
        operation.complete();
        queue.run_all();
        CHECK(reports == (every ? many : 1));
        CHECK(last == many - 1);
        CHECK(value::alive == 0);
    }
}
