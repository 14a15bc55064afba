// SPDX-License-Identifier: BSL-1.0
//
// One call, and all that can happen to it at the same time: every two, and chosen threes of it, in every order.
#include <eap/testing/exploration.hpp>

#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/detail/parking.hpp>
#include <eap/scoped_context.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

enum class party {
    end,
    try_end,
    end_on_another_pool, // whose thread may run the call itself
    wait,
    wait_for,
    wait_any,
    wait_for_the_callback,
    cancel,
    let_go, // of one handle; whoever does so last leaves the outcome to nobody
    close_the_pool,
    close_the_home,
    // what has no thread of its own, but makes the others meet something else:
    throwing_target,
    calling_target, // which waits for a call of the pool that it runs on
    calling_callback,
    ending_callback,
};
constexpr std::array all_parties{party::end,
                                 party::try_end,
                                 party::end_on_another_pool,
                                 party::wait,
                                 party::wait_for,
                                 party::wait_any,
                                 party::wait_for_the_callback,
                                 party::cancel,
                                 party::let_go,
                                 party::close_the_pool,
                                 party::close_the_home,
                                 party::throwing_target,
                                 party::calling_target,
                                 party::calling_callback,
                                 party::ending_callback};

const char* name(party which) {
    constexpr std::array names{"end",
                               "try to end",
                               "end on another pool",
                               "wait",
                               "wait for a second",
                               "wait for any",
                               "wait for the callback",
                               "cancel",
                               "let go",
                               "close the pool",
                               "close the home",
                               "a target that throws",
                               "a target that calls",
                               "a callback that calls",
                               "a callback that ends the call"};
    return names.at(static_cast<std::size_t>(which));
}
bool ends(party which) {
    return which == party::end || which == party::try_end || which == party::end_on_another_pool;
}
bool has_a_thread(party which) { return which < party::throwing_target; }

/// Where the callback comes home to.
enum class home { nowhere, loop, pool };
const char* name(home which) {
    constexpr std::array names{"no callback", "callback on a loop", "callback on the pool of the call"};
    return names.at(static_cast<std::size_t>(which));
}

/// A result that is counted while it lives.
class value {
  public:
    explicit value(int& alive) : alive_(&alive) { ++*alive_; }
    value(const value& other) : alive_(other.alive_) { ++*alive_; }
    value& operator=(const value&) = delete;
    ~value() { --*alive_; }

  private:
    int* alive_;
};

struct failed : std::runtime_error {
    failed() : std::runtime_error{"failed"} {}
};

enum class outcome { value, failed, cancelled, abandoned, closed };

outcome outcome_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const failed&) {
        return outcome::failed;
    } catch (const eap::operation_cancelled&) {
        return outcome::cancelled;
    } catch (const eap::operation_abandoned&) {
        return outcome::abandoned;
    } catch (const eap::context_closed&) {
        return outcome::closed;
    }
}

/// One run: a call that is bound to a pool of one thread, and the parties, each on a thread of its own.
class meeting {
    using delegate = eap::delegate<value()>;
    using call = delegate::call_type;

  public:
    meeting(const std::vector<party>& parties, home where) : parties_(parties), home_(where) {}
    meeting(const meeting&) = delete;
    meeting& operator=(const meeting&) = delete;
    ~meeting() = default;

    void run() {
        eap::on_unobserved_error([this](const eap::unobserved_error& which) {
            ++unobserved_;
            has_come_to(outcome_of(which.error));
        });
        {
            std::vector<lab::thread> threads;
            begin(threads);
            loop_.run();
        }
        loop_.run();
        lab::settle(); // what is queued on the pool has its turn
        pool_.reset();
        others_.clear();
        eap::on_unobserved_error(nullptr);
        check_what_came_of_it();
    }

  private:
    void begin(std::vector<lab::thread>& threads) {
        const eap::any_synchronization_context homes[] = {{}, loop_.context(), place_};
        const eap::scoped_context here{homes[static_cast<std::size_t>(home_)]};
        const delegate target{[this, counted = value{alive_}] { return work(); }};
        const delegate there = target.on(place_);
        const call begun =
            home_ == home::nowhere
                ? there.begin_invoke()
                : there.begin_invoke([this, counted = value{alive_}](const call& self) { hear(self); });
        threads.reserve(parties_.size());
        for (const party each : parties_)
            if (each == party::end_on_another_pool)
                others_.emplace_back(1).context().post([this, mine = begun] { end(mine); });
            else if (has_a_thread(each))
                threads.emplace_back(name(each), [this, each, mine = begun] { act(each, mine); });
    }

    value work() {
        check(++ran_ == 1, "the target runs once");
        lab::checkpoint("inside the target");
        try {
            if (there_is(party::calling_target))
                eap::begin_invoke(place_, [] { lab::checkpoint("inside the target's call"); }).end_invoke();
            if (there_is(party::throwing_target))
                throw failed{};
        } catch (...) {
            has_come_to(outcome_of(std::current_exception()));
            throw;
        }
        has_come_to(outcome::value);
        return value{alive_};
    }

    void hear(const call& self) {
        check(++callbacks_ == 1, "the callback runs once");
        check(self.is_completed(), "the callback comes after the outcome");
        check(home_ == home::loop ? loop_.context().running_in_this_thread()
                                  : place_.running_in_this_thread(),
              "the callback comes home");
        is_in_callback_ = true;
        lab::checkpoint("inside the callback");
        if (there_is(party::calling_callback)) {
            try {
                eap::begin_invoke(place_, [] { lab::checkpoint("inside the callback's call"); }).end_invoke();
            } catch (const eap::context_closed&) {
                check(there_is(party::close_the_pool), "the pool is open");
            } catch (const eap::operation_abandoned&) {
                check(there_is(party::close_the_pool), "the pool is open");
            }
        }
        if (there_is(party::ending_callback))
            end(self);
        is_in_callback_ = false;
    }

    void act(party which, const call& begun) {
        switch (which) {
        case party::end:
            end(begun);
            break;
        case party::try_end:
            try_end(begun);
            break;
        case party::wait:
            begun.wait();
            check(begun.is_completed(), "complete after a wait");
            break;
        case party::wait_for:
            if (begun.wait_for(std::chrono::seconds{1}))
                check(begun.is_completed(), "complete after a wait in time");
            break;
        case party::wait_any:
            wait_any(begun);
            break;
        case party::wait_for_the_callback: {
            begun.wait_callback();
            check(begun.is_completed(), "complete after the callback");
            check(!is_in_callback_, "no callback runs any more");
            check(home_ != home::loop || there_is(party::close_the_home) || callbacks_ == 1,
                  "the callback has run");
            const int before = callbacks_;
            lab::checkpoint("has waited for the callback");
            check(callbacks_ == before, "no callback runs later");
            break;
        }
        case party::cancel:
            cancelled_in_time_ = begun.cancel() || cancelled_in_time_;
            break;
        case party::close_the_pool:
            pool_->close();
            break;
        case party::close_the_home:
            loop_.close();
            break;
        default:
            lab::checkpoint("hold the call");
        }
    }

    void end(const call& begun) {
        try {
            const value taken = begun.end_invoke();
            has_come_to(outcome::value);
        } catch (const eap::operation_cancelled&) {
            has_come_to(outcome::cancelled);
        } catch (const eap::invalid_operation&) {
            ++refused_;
            return;
        } catch (...) {
            has_come_to(outcome_of(std::current_exception()));
        }
        ++ended_;
    }
    void try_end(const call& begun) {
        try {
            const auto taken = begun.try_end_invoke();
            has_come_to(taken.cancelled()          ? outcome::cancelled
                        : taken.error() != nullptr ? outcome_of(taken.error())
                                                   : outcome::value);
            ++ended_;
        } catch (const eap::invalid_operation&) {
            ++refused_;
        }
    }
    void wait_any(const call& begun) {
        const auto never = eap::begin_invoke(nobody_.context(), [] {});
        check(eap::wait_any(never, begun) == 1, "the one that is told is complete");
        check(begun.is_completed(), "complete after a wait for any");
        never.cancel();
    }

    void check_what_came_of_it() {
        check(!problem_, problem_.value_or(""));
        const int ending = static_cast<int>(std::ranges::count_if(parties_, ends)) +
                           (there_is(party::ending_callback) ? callbacks_ : 0);
        check(ended_ == std::min(1, ending), "one end succeeds");
        check(refused_ == ending - ended_, "all other ends are refused");
        if (came_to_) {
            check(*came_to_ != outcome::value || ran_ == 1, "a value is of a target that ran");
            check(*came_to_ != outcome::failed || there_is(party::throwing_target), "nobody failed");
            check(*came_to_ != outcome::cancelled || (there_is(party::cancel) && ran_ == 0),
                  "cancelled is what was asked to stop before it began");
            check((*came_to_ != outcome::abandoned && *came_to_ != outcome::closed) ||
                      there_is(party::close_the_pool),
                  "lost is what a closed pool has lost");
            check(!cancelled_in_time_ || ran_ == 1 || *came_to_ == outcome::cancelled,
                  "asked in time to stop, and it did not run: cancelled");
        } else {
            check(ran_ == 0 && (there_is(party::cancel)), "the outcome of what ran, or was lost, is known");
        }
        const bool is_error = came_to_ && *came_to_ != outcome::value && *came_to_ != outcome::cancelled;
        check(unobserved_ == (is_error && ended_ == 0 ? 1 : 0), "an error that nobody fetched is told once");
        const bool home_may_close =
            there_is(home_ == home::loop ? party::close_the_home : party::close_the_pool);
        check(callbacks_ == 1 || (callbacks_ == 0 && (home_ == home::nowhere || home_may_close)),
              "one callback");
        check(alive_ == 0, "all values, the target and the callback are destroyed");
    }

    /// Everybody who learns the outcome learns the same.
    void has_come_to(outcome what) {
        check(!came_to_ || *came_to_ == what, "all hear of the same outcome");
        came_to_ = what;
    }
    /// Kept until the end: what a target throws is an outcome.
    void check(bool holds, const std::string& what) {
        if (!holds && !problem_)
            problem_ = what;
        lab::check(holds, what);
    }
    bool there_is(party which) const { return std::ranges::count(parties_, which) != 0; }

    const std::vector<party>& parties_;
    const home home_;

    int alive_ = 0; // one thread runs at a time: nothing here is atomic
    int ran_ = 0, callbacks_ = 0, ended_ = 0, refused_ = 0, unobserved_ = 0;
    bool is_in_callback_ = false;
    bool cancelled_in_time_ = false;
    std::optional<outcome> came_to_;
    std::optional<std::string> problem_;

    eap::event_loop loop_;   // of "main"
    eap::event_loop nobody_; // runs it
    std::unique_ptr<eap::thread_pool> pool_ = std::make_unique<eap::thread_pool>(1);
    const eap::thread_pool::context_type place_ = pool_->context();
    std::list<eap::thread_pool> others_;
};

bool makes_sense(home where, const std::vector<party>& parties) {
    const auto there_is = [&](party which) { return std::ranges::count(parties, which) != 0; };
    return (where == home::loop || !there_is(party::close_the_home)) &&
           (where != home::nowhere ||
            !(there_is(party::calling_callback) || there_is(party::ending_callback)));
}

std::string names(const std::vector<party>& parties) {
    std::string all;
    for (const party each : parties)
        all += std::string{all.empty() ? "" : ", "} + name(each);
    return all;
}

/// The number of runs.
std::size_t explore(home where, const std::vector<party>& parties, unsigned preemptions) {
    if (!makes_sense(where, parties))
        return 0;
    const lab::exploration result =
        lab::explore(lab::every_order{.preemptions = preemptions, .at_most = 100'000}, [&] {
            meeting of{parties, where};
            of.run();
        });
    INFO(names(parties) << "; " << name(where) << ": " << result);
    CHECK(result);
    CHECK((result.is_exhausted || !result));
    return result.runs;
}

/// Whether there is more to see than in other pairs: `try_end` goes the way of `end`, and who waits changes nothing.
bool is_a_race(party a, party b) {
    const auto waits = [](party which) {
        return which == party::wait || which == party::wait_for || which == party::wait_any;
    };
    const auto needs_a_look = [](party which) {
        return ends(which) || which == party::cancel || which == party::close_the_pool ||
               which == party::throwing_target;
    };
    return (has_a_thread(a) || a != b) && !(waits(a) && waits(b)) &&
           (a != party::try_end || needs_a_look(b)) && (b != party::try_end || needs_a_look(a));
}

std::size_t explore_pairs(home where, unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a; b < all_parties.size(); ++b)
            if (is_a_race(all_parties.at(a), all_parties.at(b)))
                runs += explore(where, {all_parties.at(a), all_parties.at(b)}, preemptions);
    return runs;
}

std::size_t explore_triples(home where, unsigned preemptions) {
    constexpr std::array ways_to_end{party::end, party::cancel, party::close_the_pool};
    std::size_t runs = 0;
    for (std::size_t a = 0; a < ways_to_end.size(); ++a)
        for (std::size_t b = a; b < ways_to_end.size(); ++b)
            for (const party c : all_parties)
                runs += explore(where, {ways_to_end.at(a), ways_to_end.at(b), c}, preemptions);
    return runs;
}

/// What a scenario with nothing to choose comes to.
template <class F> void explore(unsigned preemptions, const F& body) {
    const lab::exploration result =
        lab::explore(lab::every_order{.preemptions = preemptions, .at_most = 1'000'000}, body);
    INFO(result);
    CHECK(result);
    CHECK((result.is_exhausted || !result));
    WARN(result.runs << " runs");
}

} // namespace

TEST_CASE("one call: every two parties, in every order of one preemption", "[lab]") {
    WARN(explore_pairs(home::loop, 1)
         << " runs with a callback on a loop, " << explore_pairs(home::nowhere, 0) << " without one, "
         << explore_pairs(home::pool, 0) << " with one on the call's pool");
}

TEST_CASE("one call: those who end it, and every third party, in every order without preemption", "[lab]") {
    WARN(explore_triples(home::loop, 0) << " runs");
}

TEST_CASE("one call: every two parties, in every order of two preemptions", "[.long]") {
    for (const home where : {home::loop, home::nowhere, home::pool})
        WARN(explore_pairs(where, 2) << " runs with " << name(where));
}

TEST_CASE("one call: those who end it, and every third party, in every order of one preemption", "[.long]") {
    for (const home where : {home::loop, home::nowhere, home::pool})
        WARN(explore_triples(where, 1) << " runs with " << name(where));
}

TEST_CASE("a second end is refused while the first one waits", "[lab]") {
    explore(2, [] {
        eap::thread_pool pool{1};
        eap::detail::parking<> refused;
        const auto call = eap::begin_invoke(pool.context(), [&] { refused.wait(); });
        const auto end = [&call, &refused] {
            try {
                call.end_invoke();
            } catch (const eap::invalid_operation&) {
                refused.set(); // a loser that waited would be stuck
            }
        };
        const lab::thread one{"one", end};
        const lab::thread other{"other", end};
    });
}

TEST_CASE("of two calls that complete at once, a wait for any tells one, and a wait for all waits for both",
          "[lab]") {
    explore(1, [] {
        eap::thread_pool pool{2};
        const auto work = [] { lab::checkpoint("inside a call"); };
        const auto first = eap::begin_invoke(pool.context(), work);
        const auto second = eap::begin_invoke(pool.context(), work);
        const lab::thread any{"any", [=] {
                                  const std::size_t which = eap::wait_any(first, second);
                                  lab::check((which == 0 ? first : second).is_completed(), "it is complete");
                              }};
        const auto in_time = eap::wait_any_for(std::chrono::seconds{1}, first, second);
        lab::check(!in_time || (*in_time == 0 ? first : second).is_completed(), "it is complete in time");
        eap::wait_all(first, second);
        lab::check(first.is_completed() && second.is_completed(), "both are complete");
    });
}

TEST_CASE("a call that begins while its pool closes runs, or is lost, or is refused; and is told of once",
          "[lab]") {
    explore(2, [] {
        int alive = 0, ran = 0, callbacks = 0;
        {
            eap::event_loop loop;
            eap::thread_pool pool{1};
            const lab::thread closing{"close", [&] { pool.close(); }};
            const eap::scoped_context home{loop.context()};
            const eap::delegate<void()> target =
                eap::delegate<void()>{[&, held = value{alive}] { ++ran; }}.on(pool.context());
            bool is_refused = false;
            try {
                const auto call = target.begin_invoke([&, held = value{alive}](const auto&) { ++callbacks; });
                const auto ended = call.try_end_invoke();
                lab::check((ended.error() == nullptr) == (ran == 1), "what ran has returned");
                lab::check(ended.error() == nullptr || outcome_of(ended.error()) == outcome::abandoned,
                           "what did not run was lost");
            } catch (const eap::context_closed&) {
                is_refused = true;
            }
            loop.run();
            lab::check(callbacks == (is_refused ? 0 : 1), "one callback of what has begun");
            lab::check(ran == 0 || !is_refused, "what was refused does not run");
        }
        lab::check(alive == 0, "the target and the callback are destroyed");
    });
}

TEST_CASE("two pools of one thread that wait for each other get on", "[lab]") {
    explore(1, [] {
        eap::thread_pool one{1}, other{1};
        int ran = 0;
        const auto there_and_back = [&ran](const eap::thread_pool& there, const eap::thread_pool& back) {
            return [&ran, there = there.context(), back = back.context()] {
                eap::begin_invoke(there, [&ran, back] {
                    eap::begin_invoke(back, [&ran] { ++ran; }).end_invoke();
                }).end_invoke();
            };
        };
        const auto a = eap::begin_invoke(one.context(), there_and_back(other, one));
        const auto b = eap::begin_invoke(other.context(), there_and_back(one, other));
        a.end_invoke();
        b.end_invoke();
        lab::check(ran == 2, "both have got on");
    });
}

TEST_CASE("a thread that is none of a pool's does not run what is bound to a pool", "[lab]") {
    explore(1, [] {
        auto ended = std::make_unique<eap::thread_pool>(1);
        const eap::thread_pool pool{1};
        ended.reset();
        const auto call =
            eap::begin_invoke(pool.context(), [&] { return pool.context().running_in_this_thread(); });
        bool is_on_the_pool = true;
        lab::thread{"waiter", [&] { is_on_the_pool = call.end_invoke(); }}.join();
        lab::check(is_on_the_pool, "it ran on a thread of its pool");
    });
}
