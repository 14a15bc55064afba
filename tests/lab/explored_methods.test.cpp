// SPDX-License-Identifier: BSL-1.0
//
// One asynchronous method, and all that can happen to its invocations at the same time, in every order.
#include <eap/testing/exploration.hpp>

#include <eap/async_method.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/scoped_context.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

/// What a start is to a pending invocation with its id; `single`: with any id.
enum class policy { reject, supersede, join, queue, single };
constexpr std::array all_policies{policy::reject, policy::supersede, policy::join, policy::queue,
                                  policy::single};
const char* name(policy which) {
    constexpr std::array names{"reject", "supersede", "join", "queue", "single"};
    return names.at(static_cast<std::size_t>(which));
}

enum class party {
    start_the_same,
    start_another,
    cancel,
    cancel_all,
    let_go, // of the method, which is destroyed by whoever is last to do so
    close_the_home,
    // what has no thread of its own, but makes the others meet something else:
    time_out,
    slow_work, // all that can go on does so while it is at work
    throwing_work,
    starting_handler,   // of `completed`: starts the same id anew, once
    destroying_handler, // of `completed`: lets go of the method
};
constexpr std::array all_parties{party::start_the_same,
                                 party::start_another,
                                 party::cancel,
                                 party::cancel_all,
                                 party::let_go,
                                 party::close_the_home,
                                 party::time_out,
                                 party::slow_work,
                                 party::throwing_work,
                                 party::starting_handler,
                                 party::destroying_handler};
const char* name(party which) {
    constexpr std::array names{"start the same id",
                               "start another id",
                               "cancel",
                               "cancel all",
                               "let go of the method",
                               "close the home",
                               "a time-out",
                               "work that takes time",
                               "work that throws",
                               "a handler that starts anew",
                               "a handler that lets go of the method"};
    return names.at(static_cast<std::size_t>(which));
}
bool has_a_thread(party which) { return which < party::time_out; }

constexpr int the_same = 1, another = 2; // ids

struct failed : std::runtime_error {
    failed() : std::runtime_error{"failed"} {}
};

/// Counted while it lives.
class counted {
  public:
    explicit counted(int& alive) : alive_(&alive) { ++*alive_; }
    counted(const counted& other) : alive_(other.alive_) { ++*alive_; }
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive_; }

  private:
    int* alive_;
};

/// One run: a method with an invocation of `the_same` pending, and the parties, each on a thread of its own. Invocations
/// are numbered; their work returns the number.
template <eap::invocations I> class meeting {
    using method = eap::async_method<int(int), void, I>;

  public:
    meeting(const std::vector<party>& parties, policy chosen) : parties_(parties), policy_(chosen) {}
    meeting(const meeting&) = delete;
    meeting& operator=(const meeting&) = delete;
    ~meeting() = default;

    void run() {
        make_method();
        start(*method_, the_same);
        if constexpr (I == eap::invocations::single)
            check(method_->is_busy(), "busy until it is delivered");
        {
            std::vector<lab::thread> threads;
            threads.reserve(parties_.size());
            for (const party each : parties_)
                if (has_a_thread(each))
                    threads.emplace_back(name(each), [this, each, mine = method_]() mutable {
                        act(each, *mine);
                        mine.reset();
                    });
            if (there_is(party::let_go))
                method_.reset();
            loop_.run();
        }
        loop_.run();
        if (there_is(party::slow_work))
            lab::let_time_pass(std::chrono::minutes{1});
        lab::settle(); // what runs on the pool comes to its end
        if constexpr (I == eap::invocations::single)
            check(!method_ || !method_->is_busy(), "not busy in the end");
        check(!method_ || method_->pending() == 0, "nothing is pending in the end");
        method_.reset();
        pool_.reset();
        check_what_came_of_it();
    }

  private:
    struct invocation {
        int id = 0;
        std::set<int> before; // that were started, and whose start had returned when this one was started
        bool is_accepted = false;
        bool has_begun = false;
        bool is_delivered = false; // as a value
    };

    void make_method() {
        constexpr std::array pending_ids{eap::pending_id::reject, eap::pending_id::supersede,
                                         eap::pending_id::join, eap::pending_id::queue,
                                         eap::pending_id::reject};
        eap::async_method_options options{.where = pool_->context(),
                                          .on_pending_id = pending_ids.at(static_cast<std::size_t>(policy_))};
        if (there_is(party::time_out))
            options.operation.timeout = std::chrono::seconds{1};
        method_ = std::shared_ptr<method>{
            new method{[this, held = counted{alive_}](eap::async_operation<int>& operation, int number) {
                           return work(operation, number);
                       },
                       options},
            [this](method* last) {
                delete last;
                is_destroyed_ = true;
            }};
        method_->on_undelivered([this, held = counted{alive_}](const eap::undelivered& which) {
            ++undelivered_[which.user_state.get<int>()];
        });
        method_->completed +=
            [this, held = counted{alive_}](const eap::completed_event_args<int>& e) { hear(e); };
        method_->progress_changed +=
            [this, held = counted{alive_}](const eap::progress_changed_event_args<>& e) { hear(e); };
    }

    void start(const method& which, int id) {
        const int number = static_cast<int>(started_.size());
        started_.emplace_back().id = id;
        for (int i = 0; i < number; ++i)
            if (started_.at(static_cast<std::size_t>(i)).is_accepted)
                of(number).before.insert(i);
        const int over = outcomes(id);
        const eap::scoped_context home{loop_.context()};
        try {
            if (which.start(number, id)) {
                of(number).is_accepted = true;
            } else {
                check(policy_ == policy::join, "a start is not left out");
                joined_ = std::max(joined_, over + 1);
            }
        } catch (const eap::duplicate_task_id&) {
            check(policy_ == policy::reject, "a pending id is no reason");
        } catch (const eap::invalid_operation&) {
            check(policy_ == policy::single, "nothing was busy");
        } catch (const eap::context_closed&) {
            check(there_is(party::close_the_home), "the home is open");
        }
    }

    int work(eap::async_operation<int>& operation, int number) {
        invocation& self = of(number);
        check(!std::exchange(self.has_begun, true), "work runs once");
        if (policy_ != policy::supersede && !there_is(party::time_out))
            for (int i = 0; i < static_cast<int>(started_.size()); ++i)
                check(i == number || of(i).id != self.id || !is_working_.contains(i),
                      "no two of one id at the same time");
        if (policy_ == policy::queue) {
            for (const int i : self.before)
                check(of(i).id != self.id || of(i).has_begun || there_is_a_way_to_end_without_work(),
                      "in the order of their starts");
            check(there_is(party::close_the_home) || there_is_a_way_not_to_hear() ||
                      outcomes(self.id) >= begun_[self.id],
                  "one begins when the one before has been delivered");
        }
        ++begun_[self.id];
        is_working_.insert(number);
        operation.report_progress(number);
        lab::checkpoint("inside the work");
        if (there_is(party::slow_work))
            lab::let_time_pass(std::chrono::milliseconds{1});
        is_working_.erase(number);
        if (operation.cancellation_pending() && (there_is(party::cancel) || there_is(party::cancel_all)))
            throw eap::operation_cancelled{"stopped"};
        if (there_is(party::throwing_work))
            throw failed{};
        for (invocation& each : started_) // what a newer one has superseded by now is of no interest
            if (&each != &self && each.is_accepted && each.id == self.id && each.before.contains(number))
                superseded_.insert(number);
        return number;
    }

    void hear(const eap::completed_event_args<int>& e) {
        const int id = e.user_state().get<int>();
        enter_handler();
        ++completed_[id];
        if (e.cancelled()) {
            check(may_be_cancelled(id), "nobody asked it to stop");
        } else if (e.error() != nullptr) {
            check(there_is(party::throwing_work) || there_is(party::time_out), "nothing failed");
        } else {
            const int number = e.result();
            invocation& self = of(number);
            check(self.has_begun && self.id == id, "the outcome is its own");
            check(!std::exchange(self.is_delivered, true), "one outcome each");
            last_value_[id] = number;
            if (policy_ == policy::supersede) {
                check(!superseded_.contains(number), "what was superseded is cancelled");
                for (const int i : newer_than(number))
                    check(!of(i).is_delivered, "no outcome after that of a newer one");
            }
        }
        if constexpr (I == eap::invocations::single)
            check(is_destroyed_ || there_is(party::start_the_same) || there_is(party::start_another) ||
                      there_is(party::starting_handler) || !method_ || !method_->is_busy(),
                  "not busy any more");
        if (there_is(party::starting_handler) && !std::exchange(has_started_anew_, true) && method_) {
            const std::size_t number = started_.size();
            start(*method_, id);
            check(started_.at(number).is_accepted || there_is(party::start_the_same) ||
                      there_is(party::start_another) || there_is(party::close_the_home),
                  "a handler may start the id anew");
        }
        if (there_is(party::destroying_handler))
            method_.reset();
        is_in_handler_ = false;
    }
    void hear(const eap::progress_changed_event_args<>& e) {
        enter_handler();
        const int number = e.progress_percentage();
        check(!of(number).is_delivered, "no progress after the outcome");
        if (policy_ == policy::supersede)
            for (const int i : newer_than(number))
                check(!of(i).is_delivered, "no progress after a newer one's outcome");
        is_in_handler_ = false;
    }
    void enter_handler() {
        check(!is_destroyed_, "no handler starts when the method is destroyed");
        check(!std::exchange(is_in_handler_, true), "one handler at a time");
        check(loop_.context().running_in_this_thread(), "handlers run at home");
        lab::checkpoint("inside a handler");
    }

    void act(party which, const method& on) {
        switch (which) {
        case party::start_the_same:
            start(on, the_same);
            break;
        case party::start_another:
            start(on, another);
            break;
        case party::cancel:
            on.cancel(the_same);
            break;
        case party::cancel_all:
            on.cancel_all();
            break;
        case party::close_the_home:
            loop_.close();
            break;
        default:
            lab::checkpoint("hold the method");
        }
    }

    void check_what_came_of_it() {
        check(!problem_, problem_.value_or(""));
        for (const int id : {the_same, another}) {
            const auto accepted = static_cast<int>(std::ranges::count_if(
                started_, [id](const invocation& each) { return each.id == id && each.is_accepted; }));
            check(outcomes(id) <= accepted, "no more outcomes than accepted starts");
            if (!there_is_a_way_not_to_hear())
                check(outcomes(id) == accepted, "one outcome for each accepted start");
        }
        check(outcomes(the_same) >= joined_ || there_is_a_way_not_to_hear(),
              "who has joined hears of a completion");
        check(there_is(party::close_the_home) || there_is_a_way_not_to_hear() ||
                  undelivered_[the_same] + undelivered_[another] == 0,
              "all that is told comes home");
        const bool all_come_to_a_value = std::ranges::all_of(
            parties_, [](party each) { return each <= party::start_another || each == party::slow_work; });
        if (all_come_to_a_value && policy_ == policy::supersede) {
            check(last_value_.contains(the_same) && newer_than(last_value_[the_same]).empty(),
                  "the last value is that of the newest one");
        }
        if (all_come_to_a_value && policy_ != policy::supersede)
            for (const invocation& each : started_)
                check(each.is_delivered == each.is_accepted, "all that was accepted comes to a value");
        check(alive_ == 0, "work and handlers are destroyed");
    }

    // ---- who may be what, by who is there ----

    bool there_is(party which) const { return std::ranges::count(parties_, which) != 0; }
    bool there_is_a_way_not_to_hear() const {
        return there_is(party::let_go) || there_is(party::destroying_handler);
    }
    bool there_is_a_way_to_end_without_work() const {
        return there_is(party::cancel) || there_is(party::cancel_all) || there_is(party::time_out) ||
               there_is(party::close_the_home) || there_is_a_way_not_to_hear();
    }
    bool may_be_cancelled(int id) const {
        return there_is(party::cancel_all) || (there_is(party::cancel) && id == the_same) ||
               there_is(party::close_the_home) || there_is_a_way_not_to_hear() ||
               (policy_ == policy::supersede && std::ranges::count(started_, id, &invocation::id) > 1);
    }
    std::set<int> newer_than(int number) {
        std::set<int> all;
        for (int i = 0; i < static_cast<int>(started_.size()); ++i)
            if (of(i).id == of(number).id && of(i).is_accepted && of(i).before.contains(number))
                all.insert(i);
        return all;
    }
    int outcomes(int id) { return completed_[id] + undelivered_[id]; }
    invocation& of(int number) { return started_.at(static_cast<std::size_t>(number)); }

    /// Kept until the end: what work throws is an outcome.
    void check(bool holds, const std::string& what) {
        if (!holds && !problem_)
            problem_ = what;
        lab::check(holds, what);
    }

    const std::vector<party>& parties_;
    const policy policy_;

    int alive_ = 0;                  // one thread runs at a time: nothing here is atomic
    std::deque<invocation> started_; // those that are there stay where they are
    std::set<int> is_working_, superseded_;
    std::map<int, int> begun_, completed_, undelivered_; // by id
    std::map<int, int> last_value_;                      // by id
    int joined_ = 0; // so many outcomes there must be, for those that joined
    bool is_destroyed_ = false;
    bool is_in_handler_ = false;
    bool has_started_anew_ = false;
    std::optional<std::string> problem_;

    eap::event_loop loop_; // of "main"
    std::unique_ptr<eap::thread_pool> pool_ =
        std::make_unique<eap::thread_pool>(policy_ == policy::supersede ? 2U : 1U);
    std::shared_ptr<method> method_;
};

std::string names(const std::vector<party>& parties) {
    std::string all;
    for (const party each : parties)
        all += std::string{all.empty() ? "" : ", "} + name(each);
    return all;
}

/// The number of runs.
std::size_t explore(policy chosen, const std::vector<party>& parties, unsigned preemptions) {
    const bool is_slow = std::ranges::count(parties, party::slow_work) != 0;
    const lab::exploration result =
        lab::explore(lab::every_order{.preemptions = preemptions, .at_most = 1'000'000},
                     [&] {
                         if (chosen == policy::single) {
                             meeting<eap::invocations::single> of{parties, chosen};
                             of.run();
                         } else {
                             meeting<eap::invocations::multiple> of{parties, chosen};
                             of.run();
                         }
                     },
                     {.deadlines_may_be_early = !is_slow});
    INFO(name(chosen) << ": " << names(parties) << ": " << result);
    CHECK(result);
    CHECK((result.is_exhausted || !result));
    return result.runs;
}

std::size_t explore_pairs(policy chosen, unsigned preemptions) {
    const auto supersedes = [](party which) {
        return which == party::start_the_same || which == party::starting_handler;
    };
    std::size_t runs = 0;
    for (std::size_t i = 0; i < all_parties.size(); ++i)
        for (std::size_t j = i; j < all_parties.size(); ++j) {
            const party a = all_parties.at(i), b = all_parties.at(j);
            if (a == b && !has_a_thread(a))
                continue;
            if (chosen != policy::supersede || supersedes(a) || supersedes(b)) // else it is as `reject`
                runs += explore(chosen, {a, b}, preemptions);
        }
    return runs;
}

/// Two starts with the id of a third, and somebody else.
std::size_t explore_triples(policy chosen, unsigned preemptions) {
    std::size_t runs = 0;
    for (const party each : all_parties)
        runs += explore(chosen, {party::start_the_same, party::start_the_same, each}, preemptions);
    return runs;
}

} // namespace

TEST_CASE("one method: every two parties, in every order without preemption", "[lab]") {
    for (const policy each : all_policies)
        WARN(name(each) << ": " << explore_pairs(each, 0) << " runs");
}

TEST_CASE("one method: two more starts and every third party, in every order without preemption", "[lab]") {
    for (const policy each : {policy::reject, policy::join, policy::queue, policy::single})
        WARN(name(each) << ": " << explore_triples(each, 0) << " runs");
}

TEST_CASE("one method: every two parties, in every order of one preemption", "[.long]") {
    for (const policy each : all_policies)
        WARN(name(each) << ": " << explore_pairs(each, 1) << " runs");
}

TEST_CASE("one method: two more starts and every third party, in more orders", "[.long]") {
    for (const policy each : all_policies)
        WARN(name(each) << ": " << explore_triples(each, each == policy::supersede ? 0 : 1) << " runs");
}

TEST_CASE(
    "what is superseded is cancelled, also when the newer one is delivered before its start has returned",
    "[lab]") {
    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 1}, [] {
        eap::event_loop loop;
        eap::thread_pool pool{2};
        eap::detail::parking<> newer_is_delivered;
        const eap::async_method<int(int)> method{
            [&](int number) {
                if (number == 0)
                    newer_is_delivered.wait();
                return number;
            },
            {.where = pool.context(), .on_pending_id = eap::pending_id::supersede}};
        int cancelled = 0, values = 0;
        method.completed += [&](const eap::completed_event_args<int>& e) {
            if (e.cancelled()) {
                ++cancelled;
            } else {
                lab::check(e.result() == 1, "it has a newer one");
                ++values;
                newer_is_delivered.set();
            }
        };
        const eap::scoped_context home{loop.context()};
        method.start(0, the_same);
        {
            const lab::thread newer{"newer", [&] {
                                        const eap::scoped_context the_same_home{loop.context()};
                                        method.start(1, the_same);
                                    }};
            loop.run();
        }
        loop.run();
        lab::check(cancelled == 1 && values == 1, "each has its outcome");
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}

TEST_CASE("of three starts with one id, what is older has been asked to stop when a newer one has returned",
          "[lab]") {
    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 1}, [] {
        using operation = eap::async_operation<int>;
        eap::event_loop loop;
        eap::thread_pool pool{1};
        std::array<std::optional<operation>, 3> pending; // the work goes on elsewhere
        const eap::async_method<int(int)> method{
            [&](operation& self, int number) {
                pending.at(static_cast<std::size_t>(number)) = std::move(self);
            },
            {.where = pool.context(), .on_pending_id = eap::pending_id::supersede}};
        const auto start = [&](int number) {
            const eap::scoped_context home{loop.context()};
            method.start(number, "the one id");
        };
        start(0);
        lab::settle();
        {
            const auto start_and_look = [&](int number) {
                start(number);
                lab::check(pending[0]->cancellation_pending(), "the oldest was asked to stop");
            };
            const lab::thread one{"start 1", [&] { start_and_look(1); }};
            const lab::thread two{"start 2", [&] { start_and_look(2); }};
        }
        lab::settle();
        for (auto& each : pending)
            each.reset();
        loop.run();
    });
    INFO(result);
    CHECK(result);
    WARN(result.runs << " runs");
}

TEST_CASE("what is queued begins when the work before it has ended, also when that has timed out", "[lab]") {
    const lab::exploration result = lab::explore(lab::every_order{.preemptions = 1}, [] {
        eap::event_loop loop;
        const eap::scoped_context home{loop.context()};
        int inside = 0, ended = 0;
        bool is_alone = true;
        const eap::async_method<void()> save{[&] {
                                                 is_alone = ++inside == 1 && is_alone;
                                                 lab::let_time_pass(std::chrono::milliseconds{15});
                                                 --inside;
                                             },
                                             {.on_pending_id = eap::pending_id::queue,
                                              .operation = {.timeout = std::chrono::milliseconds{10}}}};
        save.completed += [&](const eap::completed_event_args<>&) {
            if (++ended == 1)
                save.start("the document"); // the first has timed out, and its work goes on
        };
        save.start("the document");
        loop.run();
        while (inside != 0)
            lab::let_time_pass(std::chrono::milliseconds{1});
        lab::check(ended == 2, "not all are over");
        lab::check(is_alone, "two works at the same time");
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}
