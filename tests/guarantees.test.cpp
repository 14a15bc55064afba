// SPDX-License-Identifier: BSL-1.0
//
// What docs/guarantees.md promises, a test case at least for each row, on every context of the library and on
// hostile ones.
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/run_on.hpp>
#include <eap/tracked.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <filesystem>
#include <iterator>
#endif

using namespace std::chrono_literals;
using tests::lines;
namespace asio = boost::asio;

namespace {

struct handler_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// ---- places that run by themselves until the end of the test ----

class event_loop_place {
  public:
    event_loop_place() {
        loop_.context().operation_started(); // run() goes on until this has ended
        thread_ = std::thread{[this] { loop_.run(); }};
    }
    ~event_loop_place() {
        loop_.context().operation_completed();
        thread_.join();
    }
    auto context() const { return loop_.context(); }

  private:
    eap::event_loop loop_;
    std::thread thread_;
};

template <class MakeExecutor, unsigned Threads> class io_context_place {
  public:
    io_context_place() {
        for (unsigned i = 0; i < Threads; ++i)
            threads_.emplace_back([this] { io_.run(); });
    }
    ~io_context_place() {
        work_.reset();
        for (auto& each : threads_)
            each.join();
    }
    auto context() { return eap::asio_context{MakeExecutor{}(io_.get_executor())}; }

  private:
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::vector<std::thread> threads_;
};
struct as_it_is {
    template <class E> auto operator()(const E& executor) const { return executor; }
};
struct as_strand {
    template <class E> auto operator()(const E& executor) const { return asio::make_strand(executor); }
};
struct as_any {
    template <class E> asio::any_io_executor operator()(const E& executor) const { return executor; }
};
using io_context_on_one_thread = io_context_place<as_it_is, 1>;
using io_context_on_four_threads = io_context_place<as_it_is, 4>;
using any_io_executor_on_four_threads = io_context_place<as_any, 4>;

template <class MakeExecutor> class asio_pool_place {
  public:
    ~asio_pool_place() { pool_.join(); }
    auto context() { return eap::asio_context{executor_}; }

  private:
    asio::thread_pool pool_{4};
    std::invoke_result_t<MakeExecutor, asio::thread_pool::executor_type> executor_ =
        MakeExecutor{}(pool_.get_executor());
};
using asio_thread_pool = asio_pool_place<as_it_is>;
using asio_strand_of_pool = asio_pool_place<as_strand>;

class eap_thread_pool {
  public:
    auto context() { return pool_.context(); }

  private:
    eap::thread_pool pool_{4};
};
struct shared_thread_pool {
    auto context() { return eap::thread_pool::shared(); }
};
class parallel_place {
  public:
    auto context() { return pool_.context(); }

  private:
    tests::parallel_pool pool_;
};
struct inline_place {
    auto context() { return tests::inline_context{}; }
};

// ---- places on which nothing runs, until they are destroyed ----

class stalled_event_loop {
  public:
    eap::any_synchronization_context context() const { return loop_->context(); }
    void destroy() { loop_.reset(); }

  private:
    std::unique_ptr<eap::event_loop> loop_ = std::make_unique<eap::event_loop>();
};
template <class MakeExecutor> class stalled_io_context {
  public:
    eap::any_synchronization_context context() const {
        return eap::asio_context{MakeExecutor{}(io_->get_executor())};
    }
    void destroy() { io_.reset(); }

  private:
    std::unique_ptr<asio::io_context> io_ = std::make_unique<asio::io_context>();
};
class stalled_thread_pool { // its one thread is held until the pool is closed
  public:
    stalled_thread_pool() {
        pool_->context().post([go = go_.get_future().share()] { go.wait(); });
    }
    ~stalled_thread_pool() {
        if (pool_ != nullptr)
            destroy();
    }
    eap::any_synchronization_context context() const { return pool_->context(); }
    void destroy() {
        pool_->close();
        go_.set_value();
        pool_.reset();
    }

  private:
    std::promise<void> go_;
    std::unique_ptr<eap::thread_pool> pool_ = std::make_unique<eap::thread_pool>(1);
};
class stalled_manual_queue {
  public:
    eap::any_synchronization_context context() const { return queue_->context(); }
    void destroy() { queue_.reset(); }

  private:
    std::unique_ptr<tests::manual_queue> queue_ = std::make_unique<tests::manual_queue>();
};

// ---- kinds of places: what is tried on each of them is compiled once, and never sees which one it is ----

struct any_place {
    std::shared_ptr<void> kept;
    std::function<eap::any_synchronization_context()> context;
    std::function<void()> destroy; // of a stalled one
};
struct kind_of_place {
    const char* name;
    any_place (*make)();
};
template <class Place> any_place make_place() {
    const auto made = std::make_shared<Place>();
    any_place erased{made, [at = made.get()] { return eap::any_synchronization_context{at->context()}; }, {}};
    if constexpr (requires { made->destroy(); })
        erased.destroy = [at = made.get()] { at->destroy(); };
    return erased;
}

const std::vector<kind_of_place> library_places{
    {"event_loop", make_place<event_loop_place>},
    {"io_context on one thread", make_place<io_context_on_one_thread>},
    {"io_context on four threads", make_place<io_context_on_four_threads>},
    {"any_io_executor on four threads", make_place<any_io_executor_on_four_threads>},
    {"asio::thread_pool", make_place<asio_thread_pool>},
    {"strand of an asio::thread_pool", make_place<asio_strand_of_pool>},
    {"thread_pool", make_place<eap_thread_pool>},
    {"shared thread_pool", make_place<shared_thread_pool>},
};
const std::vector<kind_of_place> all_places = [] {
    auto all = library_places;
    all.push_back({"many threads in no order", make_place<parallel_place>});
    all.push_back({"inside post", make_place<inline_place>});
    return all;
}();
const std::vector<kind_of_place> stalled_places{
    {"event_loop", make_place<stalled_event_loop>},
    {"io_context", make_place<stalled_io_context<as_it_is>>},
    {"strand of an io_context", make_place<stalled_io_context<as_strand>>},
    {"any_io_executor", make_place<stalled_io_context<as_any>>},
    {"thread_pool", make_place<stalled_thread_pool>},
    {"queue run by hand", make_place<stalled_manual_queue>},
};

// ---- threads ----

void race_all(const std::vector<std::function<void()>>& functions) {
    std::latch start{static_cast<std::ptrdiff_t>(functions.size())};
    std::vector<std::thread> threads;
    for (const auto& each : functions)
        threads.emplace_back([&start, &each] {
            start.arrive_and_wait();
            each();
        });
    for (auto& each : threads)
        each.join();
}

/// Calls all functions at once, each on a thread of its own.
template <class... F> void race(F... functions) { race_all({std::ref(functions)...}); }

/// Whether a worker's call took effect. A racing call may return false, or find the operation completed.
template <class F> bool took_effect(F call) {
    try {
        return call();
    } catch (const eap::invalid_operation&) {
        return false;
    }
}

template <class... F> int how_many_took_effect(F... calls) {
    std::atomic<int> count{0};
    race([&count, &calls] { count += took_effect(calls) ? 1 : 0; }...);
    return count;
}

} // namespace

// ---- G1 ----

TEST_CASE("G1 exactly once: whatever way operations end, each is delivered once", "[G1]") {
    constexpr int count = 200;
    const auto kind = GENERATE(from_range(all_places));
    INFO(kind.name);
    const auto place = kind.make();
    std::vector<std::atomic<int>> told(count);
    std::atomic<int> lost{0};
    eap::operation_manager manager{place.context()};
    manager.on_undelivered([&](const eap::undelivered&) { ++lost; });
    const auto end = [&](int first) {
        for (int i = first; i < count; i += 4) {
            auto operation =
                manager.create_operation<int>(i, [&told](const eap::completed_event_args<int>& args) {
                    ++told[args.user_state().get<std::size_t>()];
                });
            operation.report_progress(i % 100);
            if (i % 5 == 0)
                operation.complete(i);
            else if (i % 5 == 1)
                operation.complete_error(handler_error{"on purpose"});
            else if (i % 5 == 2)
                operation.complete_cancelled();
            else if (i % 5 == 3)
                manager.cancel(i);
        }
    };
    race([&] { end(0); }, [&] { end(1); }, [&] { end(2); }, [&] { end(3); });

    REQUIRE(manager.wait_idle_for(60s));
    CHECK(std::all_of(told.begin(), told.end(), [](const auto& times) { return times == 1; }));
    CHECK(lost == 0);
}

TEST_CASE("G1 exactly once: a context that dies with completions queued", "[G1]") {
    const auto kind = GENERATE(from_range(stalled_places));
    INFO(kind.name);
    const auto place = kind.make();
    tests::client client{place.context()};
    {
        auto operation = client.start();
        operation.report_progress(1);
        operation.complete();
    }
    CHECK(client.log.all() == lines{});
    place.destroy();

    CHECK(client.log.all() == lines{"undelivered, context gone: value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("G1 exactly once: a context that dies before the worker ends", "[G1]") {
    const auto kind = GENERATE(from_range(stalled_places));
    INFO(kind.name);
    const auto place = kind.make();
    tests::client client{place.context()};
    auto completed = client.start();
    auto abandoned = std::make_optional(client.start());
    completed.report_progress(1);
    place.destroy();
    CHECK(completed.cancellation_pending());
    CHECK_FALSE(completed.report_progress(2));
    CHECK(completed.complete());
    abandoned.reset();

    CHECK(client.log.all() ==
          lines{"undelivered, context gone: value", "undelivered, context gone: abandoned"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("G1 exactly once: a manager that dies first", "[G1]") {
    tests::manual_queue queue;
    auto client = std::make_unique<tests::client>(queue.context());
    const tests::record log = client->log;
    auto operation = client->start<int>();
    operation.report_progress(1);
    client.reset();
    CHECK(operation.cancellation_pending());
    CHECK(operation.complete(7));
    queue.run_all();

    CHECK(log.all() == lines{"1%", "value 7"});
}

TEST_CASE("G1 exactly once: a receiver that dies first", "[G1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto receiver = std::make_shared<int>(0);
    auto operation = client.manager.create_operation<>(
        {}, eap::tracked(receiver, [&](const eap::completed_event_args<>&) { client.log.add("delivered"); }));
    operation.complete();
    receiver.reset();
    queue.run_all();

    CHECK(client.log.all() == lines{"undelivered, receiver gone: value"});
}

TEST_CASE("G1 exactly once: a pool that refuses the work", "[G1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    eap::thread_pool pool{1};
    const auto where = pool.context();
    pool.close();
    eap::run_on(where, client.start(), [&] { client.log.add("the work ran"); });
    queue.run_all();

    REQUIRE(client.log.all().size() == 1);
    CHECK(client.log.all().front().rfind("error: ", 0) == 0);
}

TEST_CASE("G1 exactly once: a pool that dies with the work queued", "[G1]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    stalled_thread_pool pool;
    eap::run_on(pool.context(), client.start(), [&] { client.log.add("the work ran"); });
    pool.destroy();
    queue.run_all();

    CHECK(client.log.all() == lines{"abandoned"});
}

// ---- G2, G3 ----

namespace {

constexpr int reporters = 4;

/// What one operation's handlers saw. Without locks: they run one at a time, and a checker of races would tell.
struct serial {
    std::array<int, reporters> next{}; // the number expected of each thread
    int delivered = 0;
    int out_of_order = 0;
    int after_completion = 0;
    int completions = 0;
    std::atomic<int> inside{0};
    std::atomic<int> overlaps{0};

    template <class F> void handler(F body) {
        if (inside.fetch_add(1) != 0)
            ++overlaps;
        if (completions != 0)
            ++after_completion;
        body();
        inside.fetch_sub(1);
    }
};
using numbered = std::pair<int, int>; // thread, number

eap::async_operation<void, numbered> start_serial(eap::operation_manager& manager, serial& seen,
                                                  eap::operation_options options = {}) {
    return manager.create_operation<void, numbered>(
        {}, [&seen](const eap::completed_event_args<>&) { seen.handler([&] { ++seen.completions; }); },
        [&seen](const eap::progress_changed_event_args<numbered>& args) {
            seen.handler([&] {
                const auto [thread, number] = args.value();
                auto& expected = seen.next[static_cast<std::size_t>(thread)];
                seen.out_of_order += number < expected ? 1 : 0;
                expected = number + 1;
                ++seen.delivered;
            });
        },
        options);
}

} // namespace

TEST_CASE("G2 order: handlers run one at a time, in each thread's order, completion last", "[G2]") {
    constexpr int rounds = 10;
    constexpr int reports = 100;
    const auto kind = GENERATE(from_range(all_places));
    INFO(kind.name);
    const auto place = kind.make();
    std::array<serial, rounds> all;
    eap::operation_manager manager{place.context()};
    for (serial& seen : all) {
        auto operation = start_serial(manager, seen);
        const auto report = [&](int thread) {
            for (int i = 0; i < reports; ++i)
                operation.report_progress(i, numbered{thread, i});
        };
        race([&] { report(0); }, [&] { report(1); }, [&] { report(2); }, [&] { report(3); });
        operation.complete();
    }
    REQUIRE(manager.wait_idle_for(60s));

    for (const serial& seen : all) {
        CHECK(seen.delivered == reporters * reports);
        CHECK(seen.out_of_order == 0);
        CHECK(seen.overlaps == 0);
        CHECK(seen.after_completion == 0);
        CHECK(seen.completions == 1);
    }
}

TEST_CASE("G2 order: of coalesced reports, those delivered are in each thread's order", "[G2][G15]") {
    constexpr int reports = 500;
    const auto kind = GENERATE(from_range(all_places));
    INFO(kind.name);
    const auto place = kind.make();
    serial seen;
    eap::operation_manager manager{place.context()};
    auto operation = start_serial(manager, seen, {.progress = eap::progress_delivery::latest()});
    const auto report = [&](int thread) {
        for (int i = 0; i < reports; ++i)
            operation.report_progress(0, numbered{thread, i});
    };
    race([&] { report(0); }, [&] { report(1); }, [&] { report(2); }, [&] { report(3); });
    operation.report_progress(100, numbered{0, reports});
    operation.complete();
    REQUIRE(manager.wait_idle_for(60s));

    CHECK(seen.next[0] == reports + 1); // the last report came
    CHECK(seen.out_of_order == 0);
    CHECK(seen.overlaps == 0);
    CHECK(seen.after_completion == 0);
    CHECK(seen.completions == 1);
}

TEST_CASE("G2 order: a handler that pumps its home's queue is not entered again", "[G2][G12]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    std::optional<eap::async_operation<>> operation;
    operation = manager.create_operation<>(
        {}, [&](const eap::completed_event_args<>& args) { log.add(tests::told(args)); },
        [&](const eap::progress_changed_event_args<>& args) {
            log.add("begin " + tests::told(args));
            if (args.progress_percentage() == 1) {
                operation->report_progress(2);
                operation->complete();
                queue.run_all();
            }
            log.add("end " + tests::told(args));
        });
    operation->report_progress(1);
    queue.run_all();

    CHECK(log.all() == lines{"begin 1%", "end 1%", "begin 2%", "end 2%", "value"});
}

TEST_CASE("G3 nothing after: no report follows a completion that races with it", "[G3]") {
    constexpr int rounds = 50;
    const auto kind = GENERATE(from_range(all_places));
    INFO(kind.name);
    const auto place = kind.make();
    std::array<serial, rounds> all;
    eap::operation_manager manager{place.context()};
    int accepted_late = 0;
    std::array<std::atomic<int>, rounds> accepted{};
    for (std::size_t round = 0; round < rounds; ++round) {
        auto operation = start_serial(manager, all[round]);
        const auto reporter = operation.reporter();
        const auto report = [&](int thread) { // until it is told false
            for (int i = 0; reporter.report_progress(0, numbered{thread, i}); ++i)
                ++accepted[round];
        };
        race([&] { report(0); }, [&] { report(1); },
             [&] {
                 while (accepted[round] < 10)
                     std::this_thread::yield();
                 operation.complete();
             });
        accepted_late += reporter.report_progress(0, numbered{0, 1'000'000}) ? 1 : 0;
    }
    REQUIRE(manager.wait_idle_for(60s));

    CHECK(accepted_late == 0);
    for (std::size_t round = 0; round < rounds; ++round) {
        CHECK(all[round].after_completion == 0);
        CHECK(all[round].delivered == accepted[round]); // and what was accepted came
        CHECK(all[round].completions == 1);
    }
}

TEST_CASE("G3 nothing after: a report made by the completion handler reaches nobody", "[G3]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    std::optional<eap::progress_reporter<>> reporter;
    auto operation = manager.create_operation<>(
        {},
        [&](const eap::completed_event_args<>&) {
            log.add(reporter->report_progress(1) ? "accepted" : "refused");
        },
        [&](const eap::progress_changed_event_args<>&) { log.add("reported"); });
    reporter = operation.reporter();
    operation.complete();
    queue.run_all();

    CHECK(log.all() == lines{"refused"});
}

// ---- G4 ----

TEST_CASE("G4 abandonment: an operation destroyed while running ends with operation_abandoned", "[G4]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::exception_ptr error;
    {
        const auto operation = manager.create_operation<int>(
            {}, [&](const eap::completed_event_args<int>& args) { error = args.error(); });
    }
    queue.run_all();

    REQUIRE(error != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(error), eap::operation_abandoned);
}

TEST_CASE("G4 abandonment: with a stop requested it ends as cancelled", "[G4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    {
        const auto operation = client.start("id");
        client.manager.cancel("id");
    }
    queue.run_all();

    CHECK(client.log.all() == lines{"cancelled"});
}

TEST_CASE("G4 abandonment: an operation without handlers that is let go of is told as an error", "[G4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    {
        const auto operation = client.manager.create_operation();
    }
    queue.run_all();

    CHECK(client.log.all() == lines{"undelivered, no handler: abandoned"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("G4 abandonment: what was reported before comes first", "[G4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    {
        auto operation = client.start();
        operation.report_progress(50);
    }
    queue.run_all();

    CHECK(client.log.all() == lines{"50%", "abandoned"});
}

TEST_CASE("G4 abandonment: an exception that unwinds the worker abandons its operation", "[G4]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    try {
        const auto operation = client.start();
        throw handler_error{"in the work"};
    } catch (const handler_error&) {
    }
    queue.run_all();

    CHECK(client.log.all() == lines{"abandoned"});
}

// ---- G5 ----

TEST_CASE("G5 home: handlers run on the home, whichever thread reports and completes", "[G5]") {
    const auto kind = GENERATE(from_range(library_places));
    INFO(kind.name);
    const auto place = kind.make();
    const auto home = place.context();
    std::atomic<int> elsewhere{0};
    const auto look = [&, home] { elsewhere += eap::running_in_this_thread(home).value_or(true) ? 0 : 1; };
    eap::operation_manager manager{home};
    for (int i = 0; i < 20; ++i) {
        auto operation = manager.create_operation<>(
            {}, [look](const eap::completed_event_args<>&) { look(); },
            [look](const eap::progress_changed_event_args<>&) { look(); });
        race([&] { operation.report_progress(1); }, [&] { operation.post(look); });
        std::thread{[&] { operation.complete(); }}.join();
    }
    REQUIRE(manager.wait_idle_for(60s));

    CHECK(elsewhere == 0);
}

TEST_CASE("G5 home: inside a handler the home is the current context, also when it does not say so itself",
          "[G5]") {
    tests::manual_queue queue;
    const eap::any_synchronization_context home{queue.context()};
    eap::operation_manager manager{home};
    bool was_current = false;
    auto operation = manager.create_operation<>({}, [&](const eap::completed_event_args<>&) {
        const auto* const current = eap::scoped_context::current();
        was_current = current != nullptr && *current == home;
    });
    operation.complete();
    queue.run_all();

    CHECK(was_current);
    CHECK(eap::scoped_context::current() == nullptr);
}

TEST_CASE("G5 home: no handler runs on the worker's thread when the home refuses, drops or is closed",
          "[G5]") {
    std::vector<eap::any_synchronization_context> homes;
    homes.emplace_back(tests::throwing_context{});
    homes.emplace_back(tests::throwing_context{}.with(eap::context_closed{}));
    homes.emplace_back(tests::dropping_context{});
    eap::event_loop closed;
    auto before = closed.context();
    homes.emplace_back(before);

    for (std::size_t i = 0; i < homes.size(); ++i) {
        INFO("home number " << i);
        eap::operation_manager manager{homes[i]};
        int ran = 0;
        auto operation = manager.create_operation<>(
            {}, [&](const eap::completed_event_args<>&) { ++ran; },
            [&](const eap::progress_changed_event_args<>&) { ++ran; });
        if (i + 1 == homes.size())
            closed.close();
        try {
            operation.report_progress(1);
        } catch (const tests::post_refused&) {
        }
        operation.complete();
        CHECK(ran == 0);
        CHECK(manager.pending() == 0);
    }
}

// ---- G6, G7 ----

TEST_CASE("G6 exclusive outcome: racing ends never give two", "[G6]") {
    tests::parallel_pool pool;
    for (int round = 0; round < 300; ++round) {
        eap::operation_manager manager{pool.context()};
        int forms = 0;
        auto operation = manager.create_operation<int>("id", [&](const eap::completed_event_args<int>& args) {
            const bool failed = args.error() != nullptr;
            forms = (failed ? 1 : 0) + (args.cancelled() ? 1 : 0) +
                    (!failed && !args.cancelled() && args.result() == 1 ? 1 : 0);
        });
        how_many_took_effect([&] { return operation.complete(1); },
                             [&] { return operation.complete_error(handler_error{"race"}); },
                             [&] { return operation.complete_cancelled(); });
        REQUIRE(manager.wait_idle_for(60s));
        if (forms != 1)
            FAIL("round " << round << ": " << forms << " outcomes at once");
    }
    SUCCEED();
}

TEST_CASE("G7 first wins: of racing ends one takes effect, and its outcome is delivered", "[G7]") {
    tests::parallel_pool pool;
    for (int round = 0; round < 300; ++round) {
        tests::client client{pool.context()};
        auto operation = client.start<int>("id");
        std::atomic<const char*> winner{"nobody"};
        const auto won = [&](const char* who) {
            winner = who;
            return true;
        };
        const int effects = how_many_took_effect(
            [&] { return operation.complete(1) && won("value 1"); },
            [&] { return operation.complete_error(handler_error{"race"}) && won("error: race"); },
            [&] { return operation.complete_cancelled() && won("cancelled"); },
            [&] {
                client.manager.cancel("id"); // only a request
                return false;
            });
        REQUIRE(client.manager.wait_idle_for(60s));
        if (effects != 1 || client.log.all() != lines{winner.load()})
            FAIL("round " << round << ": " << effects << " took effect, the last was " << winner.load());
    }
    SUCCEED();
}

TEST_CASE("G7 first wins: a worker that completes, a deadline, and a cancel", "[G7]") {
    tests::parallel_pool pool;
    for (int round = 0; round < 200; ++round) {
        tests::client client{pool.context()};
        auto operation = client.start<int>("id", {.timeout = std::chrono::microseconds{round}});
        bool took = false;
        race([&] { client.manager.cancel("id"); }, [&] { took = operation.complete(1); });
        REQUIRE(client.manager.wait_idle_for(60s));
        if (client.log.all() != lines{took ? "value 1" : "timed out"})
            FAIL("round " << round << ": complete returned " << took);
    }
    SUCCEED();
}

TEST_CASE("G7 first wins: a worker that lets go races its deadline", "[G7]") {
    tests::parallel_pool pool;
    for (int round = 0; round < 200; ++round) {
        tests::client client{pool.context()};
        auto operation =
            std::make_optional(client.start<int>("id", {.timeout = std::chrono::microseconds{round / 2}}));
        operation.reset();
        REQUIRE(client.manager.wait_idle_for(60s));
        const auto told = client.log.all();
        if (told != lines{"timed out"} && told != lines{"abandoned"})
            FAIL("round " << round << ": " << told.size() << " outcomes");
    }
    SUCCEED();
}

TEST_CASE("G7 first wins: whatever is called on one operation may race", "[G7]") {
    tests::parallel_pool pool;
    for (int round = 0; round < 100; ++round) {
        tests::client client{pool.context()};
        auto operation = client.start<int, int>(
            "id", {.timeout = std::chrono::microseconds{100 + round * 10},
                   .progress = round % 2 == 0 ? eap::progress_delivery::every()
                                              : eap::progress_delivery::at_most_every(50us)});
        const auto report = [&] {
            took_effect([&] {
                for (int i = 0; operation.report_progress(i % 100, i) && i < 1000; ++i)
                    if (i % 10 == 0)
                        operation.post([] {});
                return false;
            });
        };
        race(
            report, report,
            [&] {
                const std::stop_callback stopped{operation.stop_token(), [] {}};
                const auto reporter = operation.reporter();
                while (!operation.completed())
                    reporter.report_progress(1, 1);
            },
            [&] {
                client.manager.cancel("id");
                static_cast<void>(client.manager.pending_operations());
            },
            [&] { took_effect([&] { return operation.complete(1); }); });
        REQUIRE(client.manager.wait_idle_for(60s));
        if (client.log.count("value 1") + client.log.count("timed out") != 1)
            FAIL("round " << round << ": not one outcome");
    }
    SUCCEED();
}

// ---- G8 ----

namespace {

/// Allocations of this thread from creation on, and what was told, when an operation ends by `end`.
template <class Home, class End> std::size_t allocations_to_end(const Home& home, End end) {
    eap::operation_manager manager{home};
    auto operation =
        std::make_optional(manager.create_operation<int>({}, [](const eap::completed_event_args<int>&) {}));
    const tests::allocation_watch watch;
    end(operation);
    return watch.count();
}
const auto completes = [](auto& operation) { operation->complete(1); };
const auto cancels = [](auto& operation) { operation->complete_cancelled(); };
const auto lets_go = [](auto& operation) { operation.reset(); };

} // namespace

TEST_CASE("G8 no allocation to end: none on an event_loop", "[G8]") {
    eap::event_loop loop;
    CHECK(allocations_to_end(loop.context(), completes) == 0);
    CHECK(allocations_to_end(loop.context(), cancels) == 0);
    CHECK(allocations_to_end(loop.context(), lets_go) == 0);
}

TEST_CASE("G8 no allocation to end: none on a thread_pool", "[G8]") {
    eap::thread_pool pool{1};
    CHECK(allocations_to_end(pool.context(), completes) == 0);
    CHECK(allocations_to_end(pool.context(), cancels) == 0);
    CHECK(allocations_to_end(pool.context(), lets_go) == 0);
}

TEST_CASE("G8 no allocation to end: none to deliver on an event_loop", "[G8]") {
    eap::event_loop loop;
    tests::record log;
    eap::operation_manager manager{loop.context()};
    int got = 0;
    auto operation = manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { got = args.result(); });
    std::size_t allocations = 0;
    {
        const tests::allocation_watch watch;
        operation.complete(7);
        loop.run();
        allocations = watch.count();
    }

    CHECK(got == 7);
    CHECK(allocations == 0);
}

TEST_CASE("G8 no allocation to end: delivered while no memory is left", "[G8]") {
    for (const auto& end :
         {std::function<void(std::optional<eap::async_operation<int>>&)>{completes}, {cancels}, {lets_go}}) {
        eap::event_loop loop;
        eap::operation_manager manager{loop.context()};
        int delivered = 0;
        auto operation = std::make_optional(
            manager.create_operation<int>({}, [&](const eap::completed_event_args<int>&) { ++delivered; }));
        bool threw = false;
        {
            tests::allocation_watch watch;
            watch.fail(1);
            try {
                end(operation);
            } catch (...) {
                threw = true;
            }
        }
        loop.run();

        CHECK_FALSE(threw);
        CHECK(delivered == 1);
    }
}

TEST_CASE("G8 no allocation to end: cancelling allocates nothing either", "[G8]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    std::vector<eap::async_operation<>> operations;
    for (int i = 0; i < 100; ++i)
        operations.push_back(manager.create_operation<>(i, [](const eap::completed_event_args<>&) {}));
    const eap::user_state one{1};
    std::size_t allocations = 1;
    std::size_t requested = 0;
    {
        const tests::allocation_watch watch;
        manager.cancel(one);
        requested = manager.cancel_all();
        allocations = watch.count();
    }

    CHECK(requested == 99);
    CHECK(allocations == 0);
}

TEST_CASE("G8 no allocation to end: where the context needs memory for a post, its lack loses nothing",
          "[G8]") {
    if (!tests::allocation_watch::works)
        return;
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::optional<eap::undelivered_reason> reason;
    bool error = false;
    manager.on_undelivered([&](const eap::undelivered& what) {
        reason = what.reason;
        error = what.error != nullptr;
    });
    auto operation = manager.create_operation<int>({}, [](const eap::completed_event_args<int>&) {});
    bool took = false;
    {
        tests::allocation_watch watch;
        watch.fail(1);
        took = operation.complete(1);
    }

    CHECK(took);
    CHECK(reason == eap::undelivered_reason::post_failed);
    CHECK_FALSE(error);
    CHECK(manager.pending() == 0);
}

TEST_CASE("G8 no allocation to end: a report for which memory is lacking throws, and the operation goes on",
          "[G8]") {
    if (!tests::allocation_watch::works)
        return;
    for (const auto delivery : {eap::progress_delivery::every(), eap::progress_delivery::latest()}) {
        tests::manual_queue queue;
        tests::client client{queue.context()};
        auto operation = client.start<void, std::string>({}, {.progress = delivery});
        const std::string value(100, 'x');
        int failures = 0;
        for (bool taken = false; !taken;) {
            tests::allocation_watch watch;
            watch.fail(static_cast<std::size_t>(failures) + 1);
            try {
                taken = operation.report_progress(failures + 1, value);
            } catch (const std::bad_alloc&) {
                ++failures;
            }
        }
        operation.complete();
        queue.run_all();

        CHECK(failures > 0);
        CHECK(client.log.all() == lines{std::to_string(failures + 1) + "%", "value"});
    }
}

// ---- G9 ----

TEST_CASE("G9 strong creation: whichever allocation fails, nothing is reserved, delivered or leaked",
          "[G9]") {
    if (!tests::allocation_watch::works)
        return;
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<>{queue.context(), counts}};
    const auto held = std::make_shared<int>();
    const std::string id(100, 'x');
    int failures = 0;
    for (std::size_t number = 1;; ++number) {
        std::optional<eap::async_operation<int, int>> operation;
        {
            tests::allocation_watch watch;
            watch.fail(number);
            try {
                operation = client.manager.create_operation<int, int>(
                    id, [held](const eap::completed_event_args<int>&) {},
                    [held](const eap::progress_changed_event_args<int>&) {},
                    {.timeout = 1h, .progress = eap::progress_delivery::at_most_every(1h)});
            } catch (const std::bad_alloc&) {
            }
        }
        if (operation) {
            operation->complete(1);
            break;
        }
        ++failures;
        CHECK(client.manager.pending() == 0);
        CHECK_FALSE(client.manager.is_pending(id));
        CHECK(counts->started == counts->completed);
        CHECK(held.use_count() == 1);
        CHECK(queue.size() == 0);
        CHECK(client.log.all() == lines{});
    }
    queue.run_all();

    CHECK(failures > 0);
    CHECK(counts->started == counts->completed);
    CHECK(held.use_count() == 1);
}

TEST_CASE(
    "G9 strong creation: a home that refuses the start lets its exception out, and nothing has happened",
    "[G9][OP-17]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<>{queue.context(), counts}};
    const auto held = std::make_shared<int>();
    counts->refusals = 1;

    CHECK_THROWS_AS(client.manager.create_operation<>("id", [held](const eap::completed_event_args<>&) {}),
                    tests::post_refused);
    CHECK(counts->started == 0);
    CHECK(counts->completed == 0);
    CHECK(held.use_count() == 1);
    CHECK(client.manager.pending() == 0);
    CHECK(client.log.all() == lines{});
    auto again = client.start("id");
    again.complete();
}

TEST_CASE("G9 strong creation: a duplicate id throws and has no effect at all", "[G9]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<>{queue.context(), counts}};
    auto first = client.start<int>("id");

    CHECK_THROWS_AS(client.start<int>("id"), eap::duplicate_task_id);
    CHECK(counts->started == 1);
    CHECK(client.manager.pending() == 1);
    CHECK_FALSE(first.cancellation_pending());
    first.complete(1);
    queue.run_all();
    CHECK(client.log.all() == lines{"value 1"});
    CHECK(counts->completed == 1);
}

TEST_CASE("G9 strong creation: a handler that cannot be stored leaves nothing behind", "[G9]") {
    struct unwilling {
        unwilling() = default;
        unwilling(const unwilling&) { throw handler_error{"no copies"}; }
        void operator()(const eap::completed_event_args<>&) const {}
    };
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    tests::client client{tests::counting_context<>{queue.context(), counts}};
    const unwilling handler;

    CHECK_THROWS_AS(client.manager.create_operation<>("id", handler), handler_error);
    CHECK(counts->started == counts->completed);
    CHECK_FALSE(client.manager.is_pending("id"));
    CHECK(client.manager.pending() == 0);
    CHECK(client.log.all() == lines{});
}

// ---- G10 ----

TEST_CASE("G10 notified once: as many ends as starts, however operations end", "[G10]") {
    const auto kind = GENERATE(from_range(all_places));
    INFO(kind.name);
    const auto place = kind.make();
    const auto counts = std::make_shared<tests::notification_counts>();
    {
        tests::client client{tests::counting_context{place.context(), counts}};
        const auto work = [&] {
            for (int i = 0; i < 40; ++i) {
                auto operation = client.start<int>({}, {.timeout = i % 4 == 3 ? 0ns : eap::no_timeout});
                if (i % 4 == 0)
                    operation.complete(1);
                else if (i % 4 == 1)
                    operation.complete_cancelled();
            }
        };
        race(work, work);
        REQUIRE(client.manager.wait_idle_for(60s));
    }

    CHECK(counts->started == 80);
    CHECK(counts->completed == 80);
}

TEST_CASE("G10 notified once: also by a home that refuses, drops or dies", "[G10][OP-14]") {
    tests::manual_queue dying;
    const auto check = [](auto inner, auto meanwhile) {
        const auto counts = std::make_shared<tests::notification_counts>();
        tests::client client{tests::counting_context{inner, counts}};
        auto operation = client.start();
        CHECK(counts->started == 1);
        operation.complete();
        meanwhile();
        CHECK(counts->completed == 1);
        CHECK(client.manager.pending() == 0);
    };
    const auto nothing = [] {};
    check(tests::throwing_context{}, nothing);
    check(tests::dropping_context{}, nothing);
    check(tests::inline_context{}, nothing);
    check(dying.context(), [&] { dying.close(); });
}

namespace {

struct asking_context { // on which thread it is told of starts
    std::shared_ptr<std::vector<std::thread::id>> started;
    template <class F> void post(F&&) const {}
    void operation_started() const { started->push_back(std::this_thread::get_id()); }
    bool operator==(const asking_context&) const = default;
};

} // namespace

TEST_CASE("G10 notified once: the start on the creating thread, before creation returns", "[G10][OP-2]") {
    const asking_context home{std::make_shared<std::vector<std::thread::id>>()};
    eap::operation_manager manager{home};
    std::thread::id creator;
    std::vector<std::thread::id> when_created;
    std::thread{[&] {
        creator = std::this_thread::get_id();
        auto operation = manager.create_operation();
        when_created = *home.started;
        operation.operation_completed();
    }}.join();

    CHECK(when_created == std::vector{creator});
    CHECK(*home.started == std::vector{creator});
}

TEST_CASE("G10 notified once: the end after the completion was posted", "[G10][OP-6]") {
    tests::manual_queue queue;
    tests::record asked;
    tests::client client{tests::witness_context<>{queue.context(), asked}};
    {
        auto operation = client.start();
        operation.report_progress(1);
    }
    queue.run_all();

    CHECK(asked.all() == lines{"started", "post", "completed"});
}

TEST_CASE("G10 notified once: a deadline notifies too, and a late worker does not again", "[G10]") {
    tests::manual_queue queue;
    tests::record asked;
    tests::client client{tests::witness_context<>{queue.context(), asked}};
    {
        auto operation = client.start<int>({}, {.timeout = 1ms});
        asked.wait_for(3);
        operation.complete(1);
    }
    queue.run_all();

    CHECK(asked.all() == lines{"started", "post", "completed"});
}

// ---- G11 ----

TEST_CASE("G11 handlers may throw: an event_loop lets it out, and the later handlers run", "[G11]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto operation = client.start();
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK_THROWS_AS(loop.run(), handler_error);
    loop.run();
    CHECK(client.log.all() == lines{"2%", "value"});
}

TEST_CASE("G11 handlers may throw: an io_context lets it out, and the later handlers run", "[G11]") {
    asio::io_context io;
    tests::client client{eap::asio_context{io}};
    auto operation = client.start();
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK_THROWS_AS(io.run(), handler_error);
    io.run();
    CHECK(client.log.all() == lines{"2%", "value"});
}

TEST_CASE("G11 handlers may throw: a strand lets it out, and the later handlers run", "[G11]") {
    asio::io_context io;
    tests::client client{eap::asio_context{asio::make_strand(io)}};
    auto operation = client.start();
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK_THROWS_AS(io.run(), handler_error);
    io.run();
    CHECK(client.log.all() == lines{"2%", "value"});
}

TEST_CASE("G11 handlers may throw: a thread_pool tells on_exception, and the later handlers run", "[G11]") {
    tests::record caught;
    eap::thread_pool pool{1};
    pool.on_exception([&](const std::exception_ptr& error) { caught.add(tests::told(error)); });
    tests::client client{pool.context()};
    auto operation = client.start();
    operation.post([] { throw handler_error{"first"}; });
    operation.report_progress(2);
    operation.complete();

    CHECK(client.log.wait_for(2) == lines{"2%", "value"});
    CHECK(caught.wait_for(1) == lines{"error: first"});
}

TEST_CASE("G11 handlers may throw: also the completion handler, and the operation has ended", "[G11]") {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    auto operation = manager.create_operation<>(
        "id", [](const eap::completed_event_args<>&) { throw handler_error{"last"}; });
    operation.complete();

    CHECK_THROWS_AS(loop.run(), handler_error);
    CHECK(manager.pending() == 0);
    CHECK(loop.run() == 0);
}

// ---- G12 ----

TEST_CASE("G12 handlers may do anything: start the same id anew", "[G12]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    std::optional<eap::async_operation<>> second;
    auto first = client.manager.create_operation<>(
        "id", [&](const eap::completed_event_args<>&) { second = client.start("id"); });
    first.complete();
    queue.run_all();

    REQUIRE(second.has_value());
    CHECK(client.manager.is_pending("id"));
    second->complete();
    queue.run_all();
    CHECK(client.log.all() == lines{"value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("G12 handlers may do anything: cancel and complete their own operation", "[G12]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    std::optional<eap::async_operation<>> operation;
    operation = manager.create_operation<>(
        "id", [&](const eap::completed_event_args<>& args) { log.add(tests::told(args)); },
        [&](const eap::progress_changed_event_args<>&) {
            manager.cancel("id");
            operation->complete_cancelled();
        });
    operation->report_progress(1);
    queue.run_all();

    CHECK(log.all() == lines{"cancelled"});
}

TEST_CASE("G12 handlers may do anything: no report follows a completion made by a progress handler",
          "[G12]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    std::optional<eap::async_operation<>> operation;
    operation = manager.create_operation<>(
        {}, [&](const eap::completed_event_args<>& args) { log.add(tests::told(args)); },
        [&](const eap::progress_changed_event_args<>& args) {
            log.add(tests::told(args));
            if (args.progress_percentage() == 1)
                operation->complete();
        });
    operation->report_progress(1);
    operation->report_progress(2); // before the completion: it was accepted, and comes before
    queue.run_all();

    CHECK(log.all() == lines{"1%", "2%", "value"});
}

TEST_CASE("G12 handlers may do anything: destroy the manager", "[G12]") {
    for (const bool in_completion : {false, true}) {
        INFO("in the completion handler: " << in_completion);
        tests::manual_queue queue;
        tests::record log;
        auto manager = std::make_unique<eap::operation_manager>(queue.context());
        auto operation = manager->create_operation<>(
            {},
            [&](const eap::completed_event_args<>& args) {
                log.add(tests::told(args));
                manager.reset();
            },
            [&](const eap::progress_changed_event_args<>& args) {
                log.add(tests::told(args));
                if (!in_completion)
                    manager.reset();
            });
        operation.report_progress(1);
        operation.complete();
        queue.run_all();

        CHECK(log.all() == lines{"1%", "value"});
        CHECK(manager == nullptr);
    }
}

TEST_CASE("G12 handlers may do anything: destroy the worker", "[G12]") {
    for (const bool in_completion : {false, true}) {
        INFO("in the completion handler: " << in_completion);
        tests::manual_queue queue;
        tests::record log;
        eap::operation_manager manager{queue.context()};
        std::optional<eap::async_operation<>> operation;
        operation = manager.create_operation<>(
            {},
            [&](const eap::completed_event_args<>& args) {
                operation.reset();
                log.add(tests::told(args));
            },
            [&](const eap::progress_changed_event_args<>& args) {
                if (!in_completion)
                    operation.reset();
                log.add(tests::told(args));
            });
        operation->report_progress(1);
        if (in_completion)
            operation->complete();
        queue.run_all();

        CHECK(log.all() == lines{"1%", in_completion ? "value" : "abandoned"});
    }
}

TEST_CASE("G12 handlers may do anything: destroy their receiver", "[G12]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto receiver = std::make_shared<int>(0);
    auto operation = client.manager.create_operation<>(
        {}, eap::tracked(receiver, [&](const eap::completed_event_args<>&) { client.log.add("delivered"); }),
        eap::tracked(receiver, [&](const eap::progress_changed_event_args<>&) {
            client.log.add("reported");
            receiver.reset();
        }));
    operation.report_progress(1);
    operation.report_progress(2);
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"reported", "undelivered, receiver gone: value"});
}

TEST_CASE("G12 handlers may do anything: on_undelivered may destroy the manager", "[G12]") {
    tests::manual_queue queue;
    auto manager = std::make_unique<eap::operation_manager>(queue.context());
    int told = 0;
    manager->on_undelivered([&, held = std::make_shared<int>(1)](const eap::undelivered&) {
        manager.reset();
        told += *held;
    });
    auto first = manager->create_operation<>({}, [](const eap::completed_event_args<>&) {});
    auto second = manager->create_operation<>({}, [](const eap::completed_event_args<>&) {});
    first.complete();
    second.complete();
    queue.close();

    CHECK(told == 2);
    CHECK(manager == nullptr);
}

TEST_CASE("G12 handlers may do anything: close the loop they run on", "[G12]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    auto first = client.manager.create_operation<>({}, [&](const eap::completed_event_args<>&) {
        client.log.add("first");
        loop.close();
    });
    auto second = client.start();
    auto third = client.start();
    first.complete();
    second.complete();
    loop.run();
    third.complete();

    CHECK(client.log.all() ==
          lines{"first", "undelivered, context gone: value", "undelivered, context gone: value"});
    CHECK(client.manager.pending() == 0);
}

TEST_CASE("G12 handlers may do anything: close the pool they run on", "[G12]") {
    eap::thread_pool pool{1};
    tests::client client{pool.context()};
    auto first =
        client.manager.create_operation<>({}, [&](const eap::completed_event_args<>&) { pool.close(); });
    auto second = client.start();
    first.complete();
    second.complete();

    REQUIRE(client.manager.wait_idle_for(60s));
    REQUIRE(client.log.all().size() == 1);
    CHECK(client.log.count("value") + client.log.count("undelivered, context gone: value") == 1);
}

TEST_CASE("G12 handlers may do anything: wait for nothing, register on_idle, ask what is pending", "[G12]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    auto operation = manager.create_operation<>("id", [&](const eap::completed_event_args<>&) {
        manager.on_idle([&] { log.add("idle"); });
        log.add("pending " + std::to_string(manager.pending()));
        log.add("listed " + std::to_string(manager.pending_operations().size()));
        log.add(manager.is_pending("id") ? "id taken" : "id free");
        try {
            manager.wait_idle_for(1h);
            log.add("waited");
        } catch (const eap::would_deadlock&) {
            log.add("would deadlock");
        }
    });
    operation.complete();
    queue.run_all();

    CHECK(log.all() == lines{"pending 1", "listed 1", "id free", "would deadlock", "idle"});
}

// ---- G13 ----

namespace {

/// A home that asks its manager something whenever it is asked something. Under a lock it would never return.
struct curious_context {
    tests::manual_context inner;
    std::shared_ptr<std::function<void()>> ask;

    template <class F> void post(F&& function) const {
        (*ask)();
        inner.post(std::forward<F>(function));
    }
    void operation_started() const { (*ask)(); }
    void operation_completed() const noexcept { (*ask)(); }
    std::optional<bool> running_in_this_thread() const {
        (*ask)();
        return false;
    }
    bool operator==(const curious_context& other) const {
        (*ask)();
        return inner == other.inner;
    }
};

/// Calls a function when it dies.
class last_words {
  public:
    explicit last_words(std::function<void()> say) : say_(std::make_shared<const guard>(std::move(say))) {}

  private:
    struct guard {
        explicit guard(std::function<void()> f) : say(std::move(f)) {}
        ~guard() { say(); }
        std::function<void()> say;
    };
    std::shared_ptr<const guard> say_;
};

} // namespace

TEST_CASE("G13 no user code under a lock: what the home is asked may ask the manager", "[G13]") {
    tests::manual_queue queue;
    const auto ask = std::make_shared<std::function<void()>>([] {});
    eap::operation_manager manager{curious_context{queue.context(), ask}};
    int asked = 0;
    *ask = [&] {
        static_cast<void>(manager.pending());
        static_cast<void>(manager.pending_operations());
        static_cast<void>(manager.is_pending("id"));
        ++asked;
    };
    auto operation = manager.create_operation<>("id", [](const eap::completed_event_args<>&) {});
    operation.report_progress(1);
    manager.on_idle([] {});
    CHECK_FALSE(manager.wait_idle_for(0ns));
    manager.cancel("id");
    operation.complete();
    queue.run_all();
    *ask = [] {};

    CHECK(asked >= 4);
    CHECK(manager.pending() == 0);
}

TEST_CASE("G13 no user code under a lock: destructors of handlers, values and functions may ask the manager",
          "[G13]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    int asked = 0;
    const auto ask = [&] {
        static_cast<void>(client.manager.pending());
        static_cast<void>(client.manager.pending_operations());
        ++asked;
    };
    {
        auto operation = client.manager.create_operation<last_words, last_words>(
            {}, [held = last_words{ask}](const eap::completed_event_args<last_words>&) {},
            [](const eap::progress_changed_event_args<last_words>&) {});
        operation.post([held = last_words{ask}] {});
        operation.report_progress(1, last_words{ask});
        operation.complete(last_words{ask});
        client.manager.on_idle([held = last_words{ask}] {});
        client.manager.on_undelivered([held = last_words{ask}](const eap::undelivered&) {});
        client.manager.on_undelivered([](const eap::undelivered&) {});
    }
    queue.run_all();

    CHECK(asked == 6);
}

TEST_CASE("G13 no user code under a lock: stop callbacks and on_undelivered may create and cancel", "[G13]") {
    tests::manual_queue queue;
    tests::record log;
    eap::operation_manager manager{queue.context()};
    manager.on_undelivered([&](const eap::undelivered&) {
        manager.cancel_all();
        manager.create_operation("from on_undelivered").operation_completed();
        log.add("told");
    });
    auto operation = manager.create_operation<>("id", [](const eap::completed_event_args<>&) {});
    const std::stop_callback stopped{
        operation.stop_token(), [&] {
            manager.create_operation("from a stop callback").operation_completed();
            manager.cancel_all();
            log.add("stopped");
        }};
    manager.cancel("id");
    operation.complete();
    queue.close();

    CHECK(log.all() == lines{"stopped", "told"});
}

// ---- G14 ----

namespace {

/// How many of something exist, and whether one was destroyed twice.
struct census {
    std::atomic<int> alive{0};
    std::atomic<int> made{0};
    std::atomic<int> destroyed_twice{0};
};
class counted {
  public:
    explicit counted(census& c) : census_(&c) { count(); }
    counted(const counted& other) : census_(other.census_) { count(); }
    counted& operator=(const counted&) = default;
    ~counted() {
        if (std::exchange(exists_, false))
            --census_->alive;
        else
            ++census_->destroyed_twice;
    }

  private:
    void count() {
        ++census_->alive;
        ++census_->made;
    }
    census* census_;
    volatile bool exists_ = true;
};

struct counted_key { // a task id
    std::shared_ptr<counted> held;
    bool operator==(const counted_key&) const = default;
};

} // namespace

template <> struct std::hash<counted_key> {
    std::size_t operator()(const counted_key& key) const noexcept {
        return std::hash<const void*>{}(key.held.get());
    }
};

TEST_CASE("G14 destroyed once: handlers, values, reports, functions and ids, whatever becomes of them",
          "[G14]") {
    struct fate {
        const char* name;
        std::function<void(eap::async_operation<counted, counted>, tests::manual_queue&, census&)> happens;
        eap::operation_options options{};
    };
    const auto busy = [](auto& operation, census& c) {
        operation.report_progress(1, counted{c});
        operation.post([held = counted{c}] {});
        operation.report_progress(2, counted{c});
    };
    const std::vector<fate> fates{
        {"delivered",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             operation.complete(counted{c});
             queue.run_all();
         }},
        {"abandoned", [&](auto operation, auto&, auto& c) { busy(operation, c); }},
        {"dropped with reports queued",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             queue.drop_all();
             busy(operation, c);
             operation.complete(counted{c});
         }},
        {"dropped with the completion queued",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             operation.complete(counted{c});
             queue.drop_all();
         }},
        {"refused",
         [&](auto operation, auto& queue, auto& c) {
             queue.close();
             busy(operation, c);
             operation.complete(counted{c});
         }},
        {"coalesced",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             busy(operation, c);
             operation.complete(counted{c});
             queue.run_all();
         },
         {.progress = eap::progress_delivery::latest()}},
        {"coalesced and dropped",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             queue.drop_all();
             busy(operation, c);
         },
         {.progress = eap::progress_delivery::latest()}},
        {"held back and dropped",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             busy(operation, c);
             operation.complete(counted{c});
             queue.drop_all();
         },
         {.progress = eap::progress_delivery::at_most_every(1h)}},
        {"timed out before the worker ends",
         [&](auto operation, auto& queue, auto& c) {
             busy(operation, c);
             operation.complete(counted{c});
             queue.run_all();
         },
         {.timeout = 0ns}},
    };
    for (const fate& each : fates) {
        INFO(each.name);
        census c;
        {
            tests::manual_queue queue;
            eap::operation_manager manager{queue.context()};
            each.happens(manager.create_operation<counted, counted>(
                             counted_key{std::make_shared<counted>(c)},
                             [held = counted{c}](const eap::completed_event_args<counted>&) {},
                             [held = counted{c}](const eap::progress_changed_event_args<counted>&) {},
                             each.options),
                         queue, c);
        }
        CHECK(c.made >= 6);
        CHECK(c.alive == 0);
        CHECK(c.destroyed_twice == 0);
    }
}

TEST_CASE("G14 destroyed once: handlers and value die at home, right after the completion", "[G14]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    census c;
    auto operation = manager.create_operation<counted>(
        {}, [held = counted{c}](const eap::completed_event_args<counted>&) {},
        [held = counted{c}](const eap::progress_changed_event_args<void>&) {});
    operation.complete(counted{c});
    CHECK(c.alive == 3);
    std::thread{[&] { queue.run_one(); }}.join();

    CHECK(c.alive == 0); // although the worker still holds its end
    CHECK(operation.completed());
}

TEST_CASE("G14 destroyed once: a posted function dies right after it ran", "[G14]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    census c;
    int alive_in_next = -1;
    auto operation = manager.create_operation();
    operation.post([held = counted{c}] {});
    operation.post([&] { alive_in_next = c.alive; });
    queue.run_all();

    CHECK(alive_in_next == 0);
    operation.operation_completed();
}

TEST_CASE("G14 destroyed once: the handlers of an operation that failed to be created", "[G14][G9]") {
    tests::manual_queue queue;
    const auto counts = std::make_shared<tests::notification_counts>();
    eap::operation_manager manager{tests::counting_context<>{queue.context(), counts}};
    counts->refusals = 1;
    census c;
    CHECK_THROWS_AS(manager.create_operation<>(counted_key{std::make_shared<counted>(c)},
                                               [held = counted{c}](const eap::completed_event_args<>&) {}),
                    tests::post_refused);

    CHECK(c.alive == 0);
    CHECK(c.destroyed_twice == 0);
}

// ---- G15 ----

TEST_CASE("G15 bounded: a stalled home holds one pending report, whoever reports how much", "[G15]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    census c;
    auto operation = manager.create_operation<void, counted>(
        {}, [](const eap::completed_event_args<>&) {},
        [](const eap::progress_changed_event_args<counted>&) {},
        {.progress = eap::progress_delivery::latest()});
    const auto report = [&] {
        for (int i = 0; i < 1000; ++i)
            operation.report_progress(i / 10, counted{c});
    };
    race(report, report, report);

    CHECK(c.alive == 1);
    CHECK(queue.size() == 1);
    operation.complete();
    queue.run_all();
    CHECK(c.alive == 0);
}

TEST_CASE("G15 bounded: the last report is delivered before the completion", "[G15]") {
    for (const auto delivery :
         {eap::progress_delivery::latest(), eap::progress_delivery::at_most_every(1h)}) {
        tests::manual_queue queue;
        tests::client client{queue.context()};
        auto operation = client.start({}, {.progress = delivery});
        operation.report_progress(1);
        queue.run_all();
        for (int i = 2; i <= 100; ++i)
            operation.report_progress(i);
        operation.complete();
        queue.run_all();

        CHECK(client.log.all() == lines{"1%", "100%", "value"});
    }
}

TEST_CASE("G15 bounded: the last report comes, however the home and the worker race", "[G15]") {
    constexpr int rounds = 100;
    const auto kind = GENERATE(from_range(all_places));
    INFO(kind.name);
    const auto place = kind.make();
    std::array<int, rounds> last{};
    std::array<int, rounds> at_completion{};
    eap::operation_manager manager{place.context()};
    for (std::size_t round = 0; round < rounds; ++round) {
        auto operation = manager.create_operation<void, int>(
            {}, [&, round](const eap::completed_event_args<>&) { at_completion[round] = last[round]; },
            [&, round](const eap::progress_changed_event_args<int>& args) { last[round] = args.value(); },
            {.progress = eap::progress_delivery::latest()});
        for (int i = 1; i <= 20; ++i)
            operation.report_progress(0, i);
        operation.complete();
    }
    REQUIRE(manager.wait_idle_for(60s));

    CHECK(std::all_of(at_completion.begin(), at_completion.end(), [](int value) { return value == 20; }));
}

// ---- G16 ----

#if defined(__linux__)

namespace {

std::ptrdiff_t threads_of_this_program() {
    const std::filesystem::directory_iterator tasks{"/proc/self/task"};
    return std::distance(begin(tasks), end(tasks));
}

} // namespace

TEST_CASE("G16 no hidden threads: without a deadline, none starts", "[G16]") {
    eap::event_loop loop;
    const auto before = threads_of_this_program();
    tests::client client{loop.context()};
    auto operation = client.start("id", {.progress = eap::progress_delivery::latest()});
    operation.report_progress(1);
    static_cast<void>(operation.stop_token());
    client.manager.cancel("id");
    operation.complete();
    const auto during = threads_of_this_program();
    loop.run();

    CHECK(client.log.all() == lines{"1%", "value"});
    CHECK(during <= before);
    CHECK(threads_of_this_program() <= before);
}

TEST_CASE("G16 no hidden threads: all deadlines together need one", "[G16]") {
    eap::event_loop loop;
    tests::client client{loop.context()};
    const auto before = threads_of_this_program();
    std::vector<eap::async_operation<>> operations;
    for (int i = 0; i < 10; ++i)
        operations.push_back(
            client.start(i, {.timeout = 1h, .progress = eap::progress_delivery::at_most_every(1h)}));
    const auto during = threads_of_this_program();

    CHECK(during <= before + 1);
    operations.clear();
    loop.run();
}

TEST_CASE("G16 no hidden threads: the shared pool does not start where there is a current context", "[G16]") {
    tests::manual_queue queue;
    const auto before = threads_of_this_program();
    const eap::scoped_context current{queue.context()};
    eap::operation_manager manager;
    auto operation = manager.create_operation();
    operation.operation_completed();

    CHECK(threads_of_this_program() <= before);
}

#endif
