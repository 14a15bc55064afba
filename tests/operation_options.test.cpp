// SPDX-License-Identifier: BSL-1.0
#include "eap/operation_options.hpp"

#include "eap/contexts/event_loop.hpp"
#include "eap/operation_manager.hpp"
#include "eap/timer.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using eap::operation_options;
using eap::progress_delivery;

operation_options with(progress_delivery delivery) {
    operation_options options;
    options.progress = delivery;
    return options;
}

/// What the handlers of one operation saw: the values reported, and -1 for the completion.
struct seen {
    std::vector<int> events;
    bool is_value = false;
};

eap::async_operation<int, int> start(eap::operation_manager& manager, seen& by_client,
                                     operation_options options) {
    return manager.create_operation<int, int>(
        {},
        [&](const eap::completed_event_args<int>& e) {
            by_client.events.push_back(-1);
            by_client.is_value = !e.cancelled() && e.error() == nullptr;
        },
        [&](const eap::progress_changed_event_args<int>& e) { by_client.events.push_back(e.value()); },
        options);
}

/// A manual context that does something else first, once, inside `post`.
tests::scripted_context meddling(const tests::manual_queue& home,
                                 std::shared_ptr<std::function<void()>> meddle) {
    return tests::scripted_context{[inner = home.context(), meddle](std::function<void()> function) {
        if (const auto now = std::exchange(*meddle, nullptr))
            now();
        inner.post(std::move(function));
    }};
}

/// A loop that notes which thread posted last.
class watched_context {
  public:
    watched_context(eap::event_loop::context_type inner, std::shared_ptr<std::atomic<std::thread::id>> poster)
        : inner_(std::move(inner)), poster_(std::move(poster)) {}

    template <class F> void post(F&& function) const {
        poster_->store(std::this_thread::get_id());
        inner_.post(std::forward<F>(function));
    }
    void operation_started() const { inner_.operation_started(); }
    void operation_completed() const noexcept { inner_.operation_completed(); }
    bool operator==(const watched_context&) const = default;

  private:
    eap::event_loop::context_type inner_;
    std::shared_ptr<std::atomic<std::thread::id>> poster_;
};
static_assert(eap::synchronization_context<watched_context>);

/// Counts the objects that are alive, moved-from ones included.
struct counted {
    explicit counted(int n, int& count) : number(n), alive(&count) { ++*alive; }
    counted(const counted& other) : number(other.number), alive(other.alive) { ++*alive; }
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive; }
    int number;
    int* alive;
};

} // namespace

TEST_CASE("by default there is no deadline, every report arrives, and the name is empty",
          "[operation_options]") {
    constexpr operation_options options;
    CHECK(options.timeout == eap::no_timeout);
    CHECK(options.progress == progress_delivery::every());
    CHECK(std::string{options.name}.empty());
}

TEST_CASE("the three ways of delivery differ, and know their interval", "[operation_options]") {
    CHECK(progress_delivery::every().keeps_every());
    CHECK_FALSE(progress_delivery::latest().keeps_every());
    CHECK_FALSE(progress_delivery::at_most_every(16ms).keeps_every());
    CHECK(progress_delivery::every().interval() == 0ns);
    CHECK(progress_delivery::latest().interval() == 0ns);
    CHECK(progress_delivery::at_most_every(16ms).interval() == 16ms);
    CHECK_FALSE(progress_delivery::every() == progress_delivery::latest());
    CHECK_FALSE(progress_delivery::at_most_every(1ms) == progress_delivery::at_most_every(2ms));
}

TEST_CASE("at most every zero, or less, is the latest", "[operation_options]") {
    CHECK(progress_delivery::at_most_every(0ns) == progress_delivery::latest());
    CHECK(progress_delivery::at_most_every(-1ns) == progress_delivery::latest());
    CHECK(progress_delivery::at_most_every(std::chrono::nanoseconds::min()) == progress_delivery::latest());
}

TEST_CASE("every report is delivered, in order, and then the completion",
          "[operation_options][G2][OP-12][CN-5]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::every()));
    std::vector<int> expected;
    for (int i = 0; i < 200; ++i) {
        REQUIRE(operation.report_progress(0, i));
        expected.push_back(i);
    }
    operation.complete(7);
    expected.push_back(-1);
    home.run_all();
    CHECK(client.events == expected);
}

TEST_CASE("with latest, a stalled home holds one report, which is the newest",
          "[operation_options][G15][O-11]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    int alive = 0;
    std::vector<int> delivered;
    auto operation = manager.create_operation<void, counted>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<counted>& e) { delivered.push_back(e.value().number); },
        with(progress_delivery::latest()));
    bool all_true = true;
    for (int i = 0; i < 1000; ++i) {
        all_true = operation.report_progress(i / 10, counted{i, alive}) && all_true;
        REQUIRE(alive == 1);
    }
    CHECK(all_true); // also of those that were replaced
    CHECK(home.size() == 1);
    home.run_all();
    CHECK(delivered == std::vector{999});
    CHECK(alive == 0);
    operation.complete();
    home.run_all();
    CHECK(delivered.size() == 1);
}

TEST_CASE("with latest, each report arrives when the home keeps up", "[operation_options]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::latest()));
    for (int i = 0; i < 3; ++i) {
        operation.report_progress(0, i);
        home.run_all();
    }
    operation.complete(7);
    home.run_all();
    CHECK(client.events == std::vector{0, 1, 2, -1});
}

TEST_CASE("with latest, the last report is delivered before the completion", "[operation_options][G15]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::latest()));
    operation.report_progress(0, 1);
    operation.report_progress(0, 2);
    operation.complete(7);
    CHECK(home.size() == 1);
    home.run_all();
    CHECK(client.events == std::vector{2, -1});
}

TEST_CASE("with latest, a report from inside a progress handler arrives", "[operation_options][G12][OP-21]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    std::vector<int> delivered;
    eap::async_operation<void, int>* self = nullptr;
    auto operation = manager.create_operation<void, int>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<int>& e) {
            delivered.push_back(e.value());
            if (e.value() < 3)
                self->report_progress(0, e.value() + 1);
        },
        with(progress_delivery::latest()));
    self = &operation;
    operation.report_progress(0, 1);
    home.run_all();
    CHECK(delivered == std::vector{1, 2, 3});
}

TEST_CASE("with latest, posted functions keep their order among the reports", "[operation_options][G2]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::latest()));
    operation.post([&] { client.events.push_back(100); });
    operation.report_progress(0, 1);
    operation.post([&] { client.events.push_back(101); });
    operation.complete(7);
    home.run_all();
    CHECK(client.events == std::vector{100, 1, 101, -1});
}

TEST_CASE("with latest, a refused post throws, and the next report works", "[operation_options][OP-15]") {
    tests::manual_queue home;
    const tests::throwing_context refusing{home, 1, 1};
    eap::operation_manager manager{refusing};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::latest()));
    CHECK_THROWS_AS(operation.report_progress(0, 1), tests::post_refused);
    CHECK(operation.report_progress(0, 2));
    home.run_all();
    CHECK(client.events == std::vector{2});
    operation.complete(7);
    home.run_all();
    CHECK(client.events == std::vector{2, -1});
}

TEST_CASE("with latest, a value whose post was refused still arrives before the completion",
          "[operation_options][G15]") {
    tests::manual_queue home;
    const tests::throwing_context refusing{home, 1, 1};
    eap::operation_manager manager{refusing};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::latest()));
    CHECK_THROWS_AS(operation.report_progress(0, 1), tests::post_refused);
    operation.complete(7);
    home.run_all();
    CHECK(client.events == std::vector{1, -1});
}

TEST_CASE("with every, a value whose post was refused is gone, and the next report works",
          "[operation_options][OP-15]") {
    tests::manual_queue home;
    const tests::throwing_context refusing{home, 1, 1};
    eap::operation_manager manager{refusing};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::every()));
    CHECK_THROWS_AS(operation.report_progress(0, 1), tests::post_refused);
    CHECK(operation.report_progress(0, 2));
    operation.complete(7);
    home.run_all();
    CHECK(client.events == std::vector{2, -1});
}

TEST_CASE("a home that comes back finds the reports that were made while it refused",
          "[operation_options][G15]") {
    for (const auto delivery : {progress_delivery::every(), progress_delivery::latest()}) {
        tests::manual_queue home;
        eap::async_operation<int, int>* self = nullptr;
        int posts = 0;
        // while a posted function is being refused, twice, a report is made that relies on that post
        eap::operation_manager manager{tests::scripted_context{[&](std::function<void()> function) {
            if (++posts == 1)
                self->report_progress(0, 1);
            if (posts <= 2)
                throw tests::post_refused{};
            home.context().post(std::move(function));
        }}};
        seen client;
        auto operation = start(manager, client, with(delivery));
        self = &operation;
        CHECK_THROWS_AS(operation.post([] {}), tests::post_refused);
        CHECK(operation.report_progress(0, 2));
        home.run_all();
        CHECK_FALSE(client.events.empty());
        CHECK((!client.events.empty() && client.events.back() == 2));
        operation.complete(7);
        home.run_all();
        CHECK(client.events.back() == -1);
    }
}

TEST_CASE("a completion that comes while a report is being posted stands behind it",
          "[operation_options][G3]") {
    for (const auto delivery :
         {progress_delivery::every(), progress_delivery::latest(), progress_delivery::at_most_every(1h)}) {
        tests::manual_queue home;
        const auto meddle = std::make_shared<std::function<void()>>();
        eap::operation_manager manager{meddling(home, meddle)};
        seen client;
        auto operation = start(manager, client, with(delivery));
        bool completed = false, later = true;
        *meddle = [&] {
            completed = operation.complete(7);
            later = operation.reporter().report_progress(0, 2);
        };
        CHECK(operation.report_progress(0, 1));
        CHECK(completed);
        CHECK_FALSE(later);
        home.run_all();
        CHECK(client.events == std::vector{1, -1});
    }
}

TEST_CASE("a completion that comes while a report is being refused is delivered", "[operation_options][G1]") {
    for (const auto delivery : {progress_delivery::every(), progress_delivery::latest()}) {
        tests::manual_queue home;
        const auto meddle = std::make_shared<std::function<void()>>();
        eap::operation_manager manager{meddling(home, meddle)};
        seen client;
        auto operation = start(manager, client, with(delivery));
        *meddle = [&] {
            operation.complete(7);
            throw tests::post_refused{};
        };
        CHECK_THROWS_AS(operation.report_progress(0, 1), tests::post_refused);
        home.run_all();
        // a replaceable value stays the newest; one of many is the caller's again
        CHECK(client.events == (delivery.keeps_every() ? std::vector{-1} : std::vector{1, -1}));
    }
}

TEST_CASE("a report made while the completion is being posted is refused", "[operation_options][G3]") {
    for (const auto delivery : {progress_delivery::every(), progress_delivery::latest()}) {
        tests::manual_queue home;
        const auto meddle = std::make_shared<std::function<void()>>();
        eap::operation_manager manager{meddling(home, meddle)};
        seen client;
        auto operation = start(manager, client, with(delivery));
        bool reported = true;
        *meddle = [&] { reported = operation.reporter().report_progress(0, 2); };
        CHECK(operation.complete(7));
        CHECK_FALSE(reported);
        home.run_all();
        CHECK(client.events == std::vector{-1});
    }
}

TEST_CASE("a throttled operation delivers the first report at once and holds back the next",
          "[operation_options][O-11]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::at_most_every(1h)));
    CHECK(operation.report_progress(0, 1));
    home.run_all();
    CHECK(client.events == std::vector{1});
    CHECK(operation.report_progress(0, 2));
    CHECK(operation.report_progress(0, 3));
    CHECK(home.size() == 0);
    operation.complete(7);
    home.run_all();
    CHECK(client.events ==
          std::vector{1, 3, -1}); // the last report comes with the completion, not in an hour
}

TEST_CASE("what was held back is posted by the timer thread when its time has come, without a further report",
          "[operation_options][O-11]") {
    eap::event_loop loop;
    const auto poster = std::make_shared<std::atomic<std::thread::id>>();
    eap::operation_manager manager{watched_context{loop.context(), poster}};
    seen client;
    std::chrono::nanoseconds interval = 20ms;
    for (bool was_held_back = false; !was_held_back;
         interval *= 2) { // the machine may be slower than the interval
        client.events.clear();
        auto operation = start(manager, client, with(progress_delivery::at_most_every(interval)));
        operation.report_progress(0, 1);
        loop.poll();
        poster->store({});
        operation.report_progress(0, 2);
        was_held_back = poster->load() == std::thread::id{};
        if (client.events.size() == 1)
            loop.run_one(); // waits for it
        REQUIRE(client.events == std::vector{1, 2});
        if (was_held_back)
            CHECK(poster->load() != std::this_thread::get_id());
        operation.complete(7);
        loop.poll();
        REQUIRE(client.events == std::vector{1, 2, -1});
    }
}

TEST_CASE("two deliveries of a throttled operation are at least the interval apart",
          "[operation_options][O-11]") {
    constexpr auto interval = 5ms;
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    std::vector<std::chrono::steady_clock::time_point> times;
    std::vector<int> values;
    auto operation = manager.create_operation<void, int>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<int>& e) {
            times.push_back(std::chrono::steady_clock::now());
            values.push_back(e.value());
        },
        with(progress_delivery::at_most_every(interval)));
    const auto began = std::chrono::steady_clock::now();
    int reported = 0;
    while (std::chrono::steady_clock::now() - began < 10 * interval || values.size() < 3) {
        REQUIRE(operation.report_progress(0, ++reported));
        loop.poll();
    }
    const auto took = std::chrono::steady_clock::now() - began;
    // the i-th post is due at least i intervals after the first: a late delivery may shorten one gap, never the sum
    for (std::size_t i = 1; i < times.size(); ++i)
        REQUIRE(times[i] - began >= static_cast<int>(i) * interval);
    CHECK(values.size() <= static_cast<std::size_t>(took / interval) + 1);
    operation.complete();
    loop.run(); // the timer thread may be posting just now
    CHECK(values.back() == reported);
}

TEST_CASE("a held back report that the home refuses later arrives before the completion",
          "[operation_options][G15]") {
    tests::manual_queue home;
    const tests::throwing_context refusing{home, 2, 1};
    eap::operation_manager manager{refusing};
    seen client;
    auto operation = start(manager, client, with(progress_delivery::at_most_every(1ms)));
    operation.report_progress(0, 1);
    home.run_all();
    try {
        operation.report_progress(0, 2); // now, or by the timer thread
    } catch (const tests::post_refused&) {
    }
    while (refusing.posts() < 2)
        std::this_thread::yield();
    operation.complete(7);
    while (manager.pending() != 0) { // the timer thread may still be about to see that there is more to post
        home.run_all();
        std::this_thread::yield();
    }
    CHECK(client.events == std::vector{1, 2, -1});
}

TEST_CASE("a held back report dies with a home that is gone", "[operation_options][G14]") {
    tests::manual_queue home;
    eap::operation_manager manager{home.context()};
    int alive = 0;
    auto operation = manager.create_operation<void, counted>(
        {}, [](const eap::completed_event_args<>&) {}, eap::ignore_progress{},
        with(progress_delivery::at_most_every(1h)));
    operation.report_progress(0, counted{1, alive});
    home.run_all();
    operation.report_progress(0, counted{2, alive});
    REQUIRE(alive == 1);
    home.close();
    operation.complete();
    CHECK(alive == 0);
}

TEST_CASE(
    "of 20 000 racing reports with latest, each thread's arrive in order, and one of the last before the end",
    "[operation_options][stress][G2][G15]") {
    constexpr int threads = 2, each_reports = 10'000;
    tests::parallel_pool pool{2};
    std::vector<int> values; // plain: handlers run one at a time
    std::atomic<bool> ended{false};
    std::atomic<int> late{0}, refused{0};
    {
        eap::operation_manager manager{pool.context()};
        auto operation = manager.create_operation<void, int>(
            {}, [&](const eap::completed_event_args<>&) { ended = true; },
            [&](const eap::progress_changed_event_args<int>& e) {
                late += ended ? 1 : 0;
                values.push_back(e.value());
            },
            with(progress_delivery::latest()));
        std::vector<std::thread> reporters;
        for (int t = 0; t < threads; ++t)
            reporters.emplace_back([&, t, reporter = operation.reporter()] {
                for (int i = 0; i < each_reports; ++i)
                    refused += reporter.report_progress(0, t * each_reports + i) ? 0 : 1;
            });
        for (auto& each : reporters)
            each.join();
        operation.complete();
        REQUIRE(manager.wait_idle_for(1min));
    }
    CHECK(ended);
    CHECK(late == 0);
    CHECK(refused == 0);
    std::array<int, threads> last{-1, -1};
    bool in_order = true;
    for (const int value : values) {
        int& before = last[static_cast<std::size_t>(value / each_reports)];
        in_order = in_order && value % each_reports > before;
        before = value % each_reports;
    }
    CHECK(in_order);
    REQUIRE_FALSE(values.empty());
    CHECK(values.back() % each_reports == each_reports - 1);
}
