// SPDX-License-Identifier: BSL-1.0
//
// Many operations at once on real threads: reporters, completers, cancellers, deadlines, and workers that let go.
#include "eap/async_operation.hpp"

#include "eap/contexts/asio_context.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/operation_manager.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int workers = 4;
constexpr int each_starts = 1000; // on each of six homes: 24 000 operations
constexpr int total = workers * each_starts;
constexpr int senders = 2; // of each operation: its worker, and a neighbour that helps

/// Counts its objects, so that whatever is kept too long or destroyed twice shows.
struct live {
    static inline std::atomic<int> count{0};
    live() noexcept { ++count; }
    live(const live&) noexcept { ++count; }
    live& operator=(const live&) = default;
    ~live() { --count; }
};
struct numbered : live {
    numbered(int s, int n) noexcept : sender(s), number(n) {}
    int sender;
    int number;
};

/// What became of one operation.
struct story {
    // the handlers', which never overlap
    std::array<int, senders> last_of{-1, -1};
    int delivered = 0;
    bool out_of_order = false;
    bool after_the_end = false;
    // the helper's
    int helped = 0;
    // anybody's
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    std::atomic<int> completions{0};
    std::atomic<int> undelivered{0};
    std::atomic<int> accepted{0}; // reports that were told true
    std::atomic<int> wins{0};     // completions that were told true
    // the worker's, before the operation exists
    bool keeps_every = true;
    bool started = false;
};

struct entered {
    explicit entered(story& s) noexcept : in(s) {
        if (in.inside++ != 0)
            in.overlapped = true;
    }
    entered(const entered&) = delete;
    entered& operator=(const entered&) = delete;
    ~entered() { --in.inside; }
    story& in;
};

/// One run: the operations of all workers on one home.
class scene {
  public:
    scene() { live::count = 0; }

    /// Starts the workers, and calls `pump(manager)` until they are done and nothing is pending.
    template <class Home, class Pump> void run(const Home& home, Pump pump) {
        eap::operation_manager manager{tests::counting_context<Home>{home, counts_}};
        manager.on_undelivered(
            [this](const eap::undelivered& what) { ++story_of(what.user_state.get<int>()).undelivered; });
        std::atomic<int> working{workers};
        std::vector<std::thread> threads;
        for (int t = 0; t < workers; ++t)
            threads.emplace_back([&, t] {
                work(manager, t);
                --working;
            });
        while (working != 0 || manager.pending() != 0)
            pump(manager);
        for (auto& each : threads)
            each.join();
        while (manager.pending() != 0)
            pump(manager);
        while (counts_->completed != counts_->started) // the last may have been told on the timer thread
            std::this_thread::yield();
    }

    /// What does not hold; each kind of breach once.
    tests::lines breaches() const {
        tests::lines found;
        const auto expect = [&](bool holds, const char* what) {
            if (!holds && std::find(found.begin(), found.end(), what) == found.end())
                found.emplace_back(what);
        };
        int started = 0;
        for (const story& each : stories_) {
            started += each.started ? 1 : 0;
            expect(each.completions + each.undelivered == (each.started ? 1 : 0), "not exactly one end");
            expect(!each.out_of_order, "reports of one sender out of order");
            expect(!each.after_the_end, "a report after the end");
            expect(!each.overlapped, "handlers overlapped");
            expect(each.wins <= 1, "two winners");
            expect(each.delivered <= each.accepted, "a report was delivered that had been refused");
            if (each.keeps_every && each.completions == 1)
                expect(each.delivered == each.accepted, "a report that was accepted is not there");
        }
        expect(counts_->started == started, "a start was not told once");
        expect(counts_->completed == started, "an end was not told once");
        expect(live::count == 0, "something is alive, or was destroyed twice");
        return found;
    }
    int values() const { return values_; }
    int cancelled() const { return cancelled_; }
    int timed_out() const { return timed_out_; }
    int errors() const { return errors_; }
    int undelivered() const {
        int sum = 0;
        for (const story& each : stories_)
            sum += each.undelivered;
        return sum;
    }

  private:
    using operation = eap::async_operation<numbered, numbered>;

    story& story_of(int number) { return stories_[static_cast<std::size_t>(number)]; }

    /// What one worker shows another: the operation that it is on.
    struct window {
        std::mutex mutex;
        std::optional<eap::progress_reporter<numbered>> reporter; // guarded by mutex
        story* of = nullptr;                                      // guarded by mutex
    };

    static eap::operation_options options_of(int number) {
        eap::operation_options options;
        if (number % 5 == 1)
            options.progress = eap::progress_delivery::latest();
        if (number % 5 == 2)
            options.progress = eap::progress_delivery::at_most_every(20us);
        if (number % 4 == 1)
            options.timeout = (number % 100 - 1) * 1us; // some have passed at creation
        return options;
    }

    std::optional<operation> start(eap::operation_manager& manager, int number) {
        story& told = story_of(number);
        const auto options = options_of(number);
        told.keeps_every = options.progress.keeps_every();
        told.started = true;
        try {
            return manager.create_operation<numbered, numbered>(
                number,
                [this, &told, held = live{}](const eap::completed_event_args<numbered>& e) {
                    const entered here{told};
                    ++told.completions;
                    const std::string outcome = tests::told(e);
                    ++(outcome == "cancelled"   ? cancelled_
                       : outcome == "timed out" ? timed_out_
                       : outcome == "value"     ? values_
                                                : errors_);
                },
                [&told, held = live{}](const eap::progress_changed_event_args<numbered>& e) {
                    const entered here{told};
                    told.after_the_end = told.after_the_end || told.completions != 0;
                    int& before = told.last_of[static_cast<std::size_t>(e.value().sender)];
                    told.out_of_order = told.out_of_order || e.value().number <= before;
                    before = e.value().number;
                    ++told.delivered;
                },
                options);
        } catch (const eap::context_closed&) { // a home that ends in the middle of the run
            told.started = false;
            return std::nullopt;
        }
    }

    void help(int neighbour) {
        window& other = windows_[static_cast<std::size_t>(neighbour)];
        std::optional<eap::progress_reporter<numbered>> reporter;
        story* told = nullptr;
        {
            const std::lock_guard lock{other.mutex};
            reporter = other.reporter;
            told = other.of;
        }
        for (int i = 0; reporter.has_value() && i < 2; ++i)
            told->accepted += reporter->report_progress(i, numbered{1, told->helped++}) ? 1 : 0;
    }

    void work(eap::operation_manager& manager, int me) {
        window& mine = windows_[static_cast<std::size_t>(me)];
        for (int i = 0; i < each_starts; ++i) {
            const int number = me * each_starts + i;
            story& told = story_of(number);
            std::optional<operation> op = start(manager, number);
            if (!op.has_value())
                continue;
            {
                const std::lock_guard lock{mine.mutex};
                mine.reporter.emplace(op->reporter());
                mine.of = &told;
            }
            if (number % 7 == 0)
                manager.cancel((number + each_starts) % total); // what a neighbour is likely to be on
            if (number % 11 == 0)
                manager.cancel(number);
            if (number % 500 == 499)
                manager.cancel_all();
            const auto reporter = op->reporter();
            for (int k = 0; k < 3; ++k) {
                told.accepted += reporter.report_progress(k, numbered{0, k}) ? 1 : 0;
                help((me + 1) % workers);
            }
            end(*op, told, number);
        } // most operations have ended here; the others let go
        const std::lock_guard lock{mine.mutex};
        mine.reporter.reset();
    }

    static void end(operation& op, story& told, int number) {
        bool won = false;
        switch (number % 6) {
        case 0:
            return; // lets go
        case 1:
            won = op.complete_error(std::runtime_error{"stress"});
            break;
        case 2:
            won = op.cancellation_pending() ? op.complete_cancelled() : op.complete(0, number);
            break;
        default:
            won = op.complete(0, number);
        }
        told.wins += won ? 1 : 0;
    }

    std::vector<story> stories_{total};
    std::array<window, workers> windows_;
    std::shared_ptr<tests::notification_counts> counts_ = std::make_shared<tests::notification_counts>();
    std::atomic<int> values_{0}, errors_{0}, cancelled_{0}, timed_out_{0};
};

/// For homes with threads of their own.
constexpr auto wait = [](eap::operation_manager& manager) {
    if (manager.wait_idle_for(1ms))
        std::this_thread::yield();
};

void check_each_end_was_seen(const scene& s) {
    CHECK(s.values() > 0);
    CHECK(s.errors() > 0);
    CHECK(s.cancelled() > 0);
    CHECK(s.timed_out() > 0);
    CHECK(s.undelivered() == 0);
}

} // namespace

TEST_CASE("4 000 racing operations come home to an event_loop", "[stress][G1][G2][G3][G6][G7][G10][G14]") {
    eap::event_loop loop;
    scene s;
    s.run(loop.context(), [&](auto&) { loop.run_for(1ms); });
    CHECK(s.breaches() == tests::lines{});
    check_each_end_was_seen(s);
}

TEST_CASE("4 000 racing operations come home to a thread_pool", "[stress][G1][G2][G3][G6][G7][G10][G14]") {
    scene s;
    const eap::thread_pool pool{2};
    s.run(pool.context(), wait);
    CHECK(s.breaches() == tests::lines{});
    check_each_end_was_seen(s);
}

TEST_CASE("4 000 racing operations come home to an io_context", "[stress][G1][G2][G3][G6][G7][G10][G14]") {
    boost::asio::io_context io;
    scene s;
    s.run(eap::asio_context{io}, [&](auto&) {
        io.restart();
        io.run_for(1ms);
    });
    CHECK(s.breaches() == tests::lines{});
    check_each_end_was_seen(s);
}

TEST_CASE("4 000 racing operations come home to a strand of an Asio pool",
          "[stress][G1][G2][G3][G6][G7][G10][G14]") {
    scene s;
    boost::asio::thread_pool pool{2};
    s.run(eap::asio_context{boost::asio::make_strand(pool)}, wait);
    CHECK(s.breaches() == tests::lines{});
    check_each_end_was_seen(s);
}

TEST_CASE("4 000 racing operations whose loop is closed in the middle: each has one end all the same",
          "[stress][G1][G9][G10][G14]") {
    eap::event_loop loop;
    scene s;
    s.run(loop.context(), [&](auto&) {
        if (s.values() < 200)
            loop.run_for(1ms);
        else
            loop.close();
        std::this_thread::yield();
    });
    CHECK(s.breaches() == tests::lines{});
    CHECK(s.values() < total);
}

TEST_CASE("4 000 racing operations whose pool is closed in the middle: each has one end all the same",
          "[stress][G1][G9][G10][G14]") {
    scene s;
    eap::thread_pool pool{2};
    s.run(pool.context(), [&](eap::operation_manager& manager) {
        if (s.values() >= 200)
            pool.close();
        wait(manager);
    });
    CHECK(s.breaches() == tests::lines{});
    CHECK(s.values() < total);
}
