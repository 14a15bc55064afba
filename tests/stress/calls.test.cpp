// SPDX-License-Identifier: BSL-1.0
//
// Many calls at once on real threads: waiters that help, two that end each, cancellers, handles that die, places that close.
#include "eap/delegate.hpp"

#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/scoped_context.hpp"
#include "support/catch.hpp"
#include "support/client.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int total = 3000;

struct live {
    static inline std::atomic<int> count{0};
    live() noexcept { ++count; }
    live(const live&) noexcept { ++count; }
    live(live&&) noexcept { ++count; }
    live& operator=(const live&) = default;
    live& operator=(live&&) = default;
    ~live() { --count; }
};

/// What became of one call.
struct story {
    std::atomic<int> runs{0};
    std::atomic<int> callbacks{0};
    std::atomic<int> early_callbacks{0}; // that came before the call was complete
    std::atomic<int> ends{0};
    std::atomic<int> refused_ends{0};
    std::atomic<int> unobserved{0};
    bool began = false;
    std::string outcome; // written by the one that ended it
};

bool fails(int number) { return number % 4 == 1; }
bool is_cancelled(int number) { return number % 3 == 0; }
bool is_ended(int number) { return number % 5 != 0; }

using call_type = eap::async_call<live(int, live)>;

/// The callback of a call.
struct noting {
    void operator()(const call_type& call) const {
        ++told->callbacks;
        told->early_callbacks += call.is_completed() ? 0 : 1;
    }
    story* told;
    live held{};
};

class scene {
  public:
    scene() {
        live::count = 0;
        eap::on_unobserved_error(
            [this](const eap::unobserved_error& what) { ++of(what.async_state.get<int>()).unobserved; });
    }
    ~scene() { eap::on_unobserved_error(nullptr); }

    /// Begins all of them on `pool`; `closes` says after how many it is closed.
    void run(eap::thread_pool& pool, int closes) {
        eap::thread_pool other{2};
        eap::event_loop home;
        {
            const eap::scoped_context here{home.context()};
            const eap::delegate<live(int, live)> target{[this](int number, live kept) {
                ++of(number).runs;
                if (fails(number))
                    throw std::runtime_error{"failed"};
                return kept;
            }};
            const auto there = target.on(pool.context());
            for (int number = 0; number < total; ++number) {
                if (number == closes)
                    pool.close();
                try {
                    race(there.begin_invoke(number, live{}, noting{&of(number)}, number), number, other);
                    of(number).began = true;
                } catch (const eap::context_closed&) {
                }
                home.poll();
            }
        }
        home.run(); // until each callback has come home
        while (outstanding_ != 0)
            std::this_thread::yield();
        for (auto& each : threads_)
            each.join();
        threads_.clear();
    }

    tests::lines breaches() {
        tests::lines found;
        const auto expect = [&](bool holds, const char* what) {
            if (!holds && std::find(found.begin(), found.end(), what) == found.end())
                found.emplace_back(what);
        };
        for (int number = 0; number < total; ++number) {
            const story& each = of(number);
            expect(each.runs <= 1, "ran twice");
            expect(each.callbacks == (each.began ? 1 : 0), "not exactly one callback");
            expect(each.early_callbacks == 0, "a callback before the completion");
            if (!each.began) {
                expect(each.runs == 0, "a call that had not begun ran");
                continue;
            }
            expect(each.ends == (is_ended(number) ? 1 : 0), "not exactly one end");
            expect(each.refused_ends == (is_ended(number) ? 1 : 0), "the other end was not refused");
            const bool ran = each.runs == 1;
            const std::string& outcome = each.outcome;
            if (is_ended(number)) {
                expect(each.unobserved == 0, "an error was told that somebody had fetched");
                expect(ran || outcome == "cancelled" || outcome == "abandoned",
                       "an outcome of a call that never ran");
                expect(!ran || outcome == (fails(number) ? "error: failed" : "value"), "the wrong outcome");
                expect(outcome != "cancelled" || is_cancelled(number),
                       "cancelled, and nobody had asked for it");
            } else {
                expect(each.unobserved <= 1, "an error was told twice");
                expect(each.unobserved == 1 || !ran || !fails(number), "an error was not told");
            }
        }
        expect(live::count == 0, "something is alive, or was destroyed twice");
        return found;
    }
    int ran() {
        int sum = 0;
        for (const story& each : stories_)
            sum += each.runs;
        return sum;
    }

  private:
    story& of(int number) { return stories_[static_cast<std::size_t>(number)]; }

    void end(const call_type& call, int number) {
        try {
            const std::string outcome = tests::told(call.try_end_invoke());
            ++of(number).ends;
            of(number).outcome = outcome;
        } catch (const eap::invalid_operation&) {
            ++of(number).refused_ends;
        }
    }

    template <class F> void send(const eap::thread_pool& other, F function) {
        ++outstanding_;
        other.context().post([this, function = std::move(function)] {
            function();
            --outstanding_;
        });
    }

    /// Sets threads on the call: pool threads, which may help, and others.
    void race(call_type call, int number, const eap::thread_pool& other) {
        if (number % 2 == 0)
            send(other, [call] { call.wait(); });
        if (is_ended(number))
            send(other, [this, call, number] { end(call, number); });
        if (threads_.size() == 4) {
            for (auto& each : threads_)
                each.join();
            threads_.clear();
        }
        threads_.emplace_back([this, call = std::move(call), number] {
            if (is_cancelled(number))
                call.cancel();
            if (number % 7 == 0)
                static_cast<void>(eap::wait_any_for(10us, call, call));
            if (is_ended(number))
                end(call, number);
        });
    }

    std::vector<story> stories_{total};
    std::vector<std::thread> threads_;
    std::atomic<int> outstanding_{0};
};

} // namespace

TEST_CASE("3 000 raced calls: each runs at most once, ends once, calls back once",
          "[stress][delegate][DG-7][CB-2][G1][G14][O-2]") {
    scene s;
    {
        eap::thread_pool pool{2};
        s.run(pool, -1);
    }
    CHECK(s.breaches() == tests::lines{});
    CHECK(s.ran() > total / 2);
}

TEST_CASE("3 000 raced calls on a pool of one thread", "[stress][delegate][DG-25][O-15]") {
    scene s;
    {
        eap::thread_pool pool{1};
        s.run(pool, -1);
    }
    CHECK(s.breaches() == tests::lines{});
    CHECK(s.ran() > total / 2);
}

TEST_CASE("3 000 raced calls whose pool is closed in the middle: each that began has one end",
          "[stress][delegate][G1][G9][G14]") {
    scene s;
    {
        eap::thread_pool pool{2};
        s.run(pool, total / 2);
    }
    CHECK(s.breaches() == tests::lines{});
    CHECK(s.ran() < total);
}
