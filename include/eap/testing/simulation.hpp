// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. One run of a program under a scheduler that decides every step, in virtual time.
#ifndef EAP_TESTING_SIMULATION_HPP
#define EAP_TESTING_SIMULATION_HPP

#include "eap/detail/platform.hpp"
#include "eap/errors.hpp"
#include "eap/testing/schedule_text.hpp"
#include "eap/testing/thread_cache.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

/// The lab: what runs in it is simulated, with the library's own contexts, pools and timers; not doubles of them.
///
/// Inside, one thread runs at a time. Which one goes on is decided at each *step*: a post, a report, a completion, a request
/// to stop, a wait, a function that is about to run, a `checkpoint`. Time stands still while anybody can go on, and then
/// jumps to the next deadline; a wait of an hour takes none.
namespace eap::testing {

/// What is wrong with a run, and how to see it again.
struct failure {
    std::string what;
    std::string schedule;         ///< for `replay`; the same program goes the same way again
    std::exception_ptr exception; ///< what the program threw; null when it is not that
};

/// The bounds of a run.
struct simulation_options {
    std::size_t processors = 2;  ///< threads of the shared pool: at least two
    std::size_t steps = 100'000; ///< more of them are a failure: the program would never end
    bool deadlines_may_be_early =
        true; ///< whether a deadline may pass while threads could go on; else only when none can
    std::chrono::seconds patience{10}; ///< of real time, until a thread that comes to no step is given up
};

/// Decides where a run goes: at each step with more than one way on.
class chooser {
  public:
    chooser() = default;
    chooser(const chooser&) = delete;
    chooser& operator=(const chooser&) = delete;
    virtual ~chooser() = default;

    /// Less than `ways`. 0 is the usual one: the thread that runs goes on, or, if it cannot, the one that has been able to for
    /// longest. All from `natural` on preempt: they take the turn from a thread that could go on, or let a deadline pass
    /// before its time.
    virtual std::size_t choose(std::size_t ways, std::size_t natural) noexcept = 0;
};

/// One run. Made, run once, and asked what was found.
///
/// Effects       everything of this library that is made on the run's threads belongs to it: the threads of pools, the shared
///               pool, the timer, the hook for unobserved errors. What was made outside does not know of it.
/// Requires      what runs waits for nothing but this library and `testing`. A std::mutex that one thread holds over a step,
///               or a std::future, stops the run for real; that is found, when its patience is over, and told.
/// Lifetime      A run that hangs leaves its threads as they are, blocked, with all that they hold: they cannot be unwound.
///               Such a simulation must not be destroyed; `explore` sees to that.
class simulation final : eap::detail::platform {
  public:
    using steady_time = eap::detail::steady_time;

    simulation(chooser& decides, detail::thread_cache& threads, const simulation_options& options = {})
        : chooser_(decides), threads_(threads), options_(options) {}
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;
    ~simulation() = default;

    /// Runs `body` as the thread "main" and, when it has returned, whatever it has set going, to its end. Then the shared pool
    /// and the timer end, and nothing may be left.
    void run(std::function<void()> body) {
        add("main", [this, body = std::move(body)] {
            keep_what_is_thrown(body);
            end();
        });
        running_ = std::exchange(ready_.front(), nullptr);
        ready_.clear();
        running_->runs_on->go.release();
        const std::shared_ptr<std::binary_semaphore> over = over_;
        constexpr int looks = 8; // in the time of its patience
        std::size_t before = moves_.load(std::memory_order_acquire);
        for (int without = 0; !over->try_acquire_for(std::chrono::milliseconds{options_.patience} / looks);) {
            const std::size_t now = moves_.load(std::memory_order_acquire);
            without = now == before ? without + 1 : 0;
            before = now;
            if (without == looks) {
                lose_patience();
                return;
            }
        }
        if (!is_stuck())
            for (auto& each : ended_)
                threads_.give_back(std::move(each));
    }

    /// What was wrong, if anything was.
    const std::optional<failure>& found() const noexcept { return failure_; }
    /// Whether threads are left that will never go on.
    bool is_stuck() const noexcept { return is_stuck_.load(std::memory_order_acquire); }
    std::size_t steps() const noexcept { return steps_.load(std::memory_order_relaxed); }

    /// The one that runs the calling thread. Throws `invalid_operation` where there is none.
    static simulation& current() {
        if (current_ == nullptr)
            throw invalid_operation{
                "eap: this is for code that runs in a simulation; call it inside explore()"};
        return *current_;
    }

    // ---- for the code that runs ----

    void checkpoint(const char* what) noexcept { step_before(what); }
    std::size_t start(std::string name, std::function<void()> body) {
        step_before("start a thread");
        return add(std::move(name), std::move(body));
    }
    void join(std::size_t which) noexcept { join_thread(which); }
    steady_time now() noexcept override { return now_; }
    void let_time_pass_until(steady_time time) noexcept {
        step_before("let time pass");
        if (time > now_)
            block(nullptr, time);
    }
    /// Returns when no thread can go on without time passing.
    void settle() noexcept {
        running_->doing.store("settle", std::memory_order_relaxed);
        block(&quiet_, {});
    }

  private:
    /// One thread of the run. What others do to it, they do in their turn.
    struct actor {
        std::string name;
        std::function<void()> body;
        std::shared_ptr<detail::thread_cache::worker> runs_on; // null when it has ended
        std::atomic<const char*> doing = "begin"; // relaxed: it may still be told when patience is lost
        const void* waits_at = nullptr;           // while it waits; null: for its time alone
        std::optional<steady_time> until{};       // likewise, with a deadline
        bool timed_out = false;                   // how its last wait ended
    };

    // ---- what the library asks for ----

    std::size_t processors() noexcept override { return options_.processors; }
    std::shared_ptr<void>& kept(const void* name) override {
        for (auto& each : kept_)
            if (each.first == name)
                return each.second;
        return kept_.emplace_back(name, nullptr).second;
    }
    void count(int change) noexcept override { operations_ += change; }

    void wait(const void* at, std::unique_lock<std::mutex>& lock) noexcept override {
        lock.unlock(); // nobody else runs before `block`
        block(at, {});
        lock.lock();
    }
    bool wait_until(const void* at, std::unique_lock<std::mutex>& lock, steady_time time) noexcept override {
        if (time <= now_)
            return false;
        lock.unlock();
        const bool is_notified = block(at, time);
        lock.lock();
        return is_notified;
    }
    void notify(const void* at, bool all) noexcept override {
        for (std::size_t i = 0; i < waiting_.size();)
            if (waiting_[i]->waits_at != at)
                ++i;
            else if (wake(*waiting_[i], false), !all)
                return;
    }

    std::size_t start_thread(const char* name, std::function<void()> body) override {
        return add(name, std::move(body));
    }
    void join_thread(std::size_t which) noexcept override {
        actor& wanted = *actors_[which];
        step_before("join a thread");
        while (wanted.runs_on != nullptr)
            block(&wanted, {});
    }

    // ---- turns: all of it by the thread that runs ----

    void step_before(const char* what) noexcept override {
        actor& self = *running_;
        self.doing.store(what, std::memory_order_relaxed);
        stay_if_given_up();
        if (steps() >= options_.steps)
            get_stuck("it is not over after " + std::to_string(options_.steps) + " steps");
        if (++steps_in_a_row_ > longest_row && !ready_.empty()) // it may poll for what others do
            yield_to(*ready_.front());
        else if (const std::size_t way = choose(1 + ready_.size(), 1); way != 0)
            yield_to(next(way - 1));
        steps_.fetch_add(1, std::memory_order_relaxed);
        moves_.fetch_add(1, std::memory_order_release); // last: see `lose_patience`
    }

    /// True when it was notified; false when its time had come.
    bool block(const void* at, std::optional<steady_time> until) noexcept {
        stay_if_given_up();
        actor& self = *running_;
        self.waits_at = at;
        self.until = until;
        waiting_.push_back(&self);
        pass_to(next_of_ready(), &self);
        return !self.timed_out;
    }

    void yield_to(actor& next) noexcept {
        ready_.push_back(running_);
        pass_to(next, running_);
    }

    /// Gives the turn to `next`, and waits for the next turn of `self`, unless that has ended.
    void pass_to(actor& next, actor* self) noexcept {
        std::erase(ready_, &next);
        steps_in_a_row_ = 0;
        running_ = &next;
        if (&next == self)
            return;
        const auto mine = self != nullptr ? self->runs_on : nullptr;
        moves_.fetch_add(1, std::memory_order_release); // likewise
        next.runs_on->go.release();
        if (mine != nullptr)
            mine->go.acquire();
    }

    /// The number of ways is one more when a deadline could pass: that is the last one.
    std::size_t choose(std::size_t ways, std::size_t natural) noexcept {
        if (options_.deadlines_may_be_early && earliest() != nullptr)
            ++ways;
        if (ways == 1)
            return 0;
        std::size_t way = chooser_.choose(ways, natural);
        if (way >= ways) {
            fail("the schedule is that of another program: there are " + std::to_string(ways) +
                 " ways where it takes way " + std::to_string(way));
            way = 0;
        }
        schedule_.add(way);
        return way;
    }
    /// One of `ready_`, or, beyond its end, the one whose deadline passes.
    actor& next(std::size_t way) noexcept {
        if (way == ready_.size())
            wake(*earliest(), true);
        return *ready_[way];
    }
    actor& next_of_ready() noexcept {
        while (ready_.empty()) {
            if (wake_one_that_waits_for(&quiet_))
                continue;
            if (actor* const first = earliest(); first != nullptr)
                wake(*first, true);
            else if (!wake_one_that_waits_for(&end_))
                get_stuck("no thread can ever go on");
        }
        return next(choose(ready_.size(), ready_.size()));
    }
    bool wake_one_that_waits_for(const void* at) noexcept {
        const auto found = std::ranges::find(waiting_, at, &actor::waits_at);
        if (found == waiting_.end())
            return false;
        wake(**found, false);
        return true;
    }

    /// Of those that wait with a deadline, the one whose deadline passes first; null when there is none.
    actor* earliest() const noexcept {
        actor* first = nullptr;
        for (actor* const each : waiting_)
            if (each->until && (first == nullptr || *each->until < *first->until))
                first = each;
        return first;
    }
    void wake(actor& which, bool by_time) noexcept {
        if (by_time)
            now_ = std::max(now_, *which.until);
        which.timed_out = by_time;
        which.waits_at = nullptr;
        which.until.reset();
        std::erase(waiting_, &which);
        ready_.push_back(&which);
    }

    // ---- the life of a thread ----

    std::size_t add(std::string name, std::function<void()> body) {
        const std::size_t number = actors_.size();
        if (std::ranges::any_of(actors_, [&](const auto& each) { return each->name == name; }))
            name += ' ' + std::to_string(number);
        auto made = std::make_unique<actor>();
        made->name = std::move(name);
        made->body = std::move(body);
        made->runs_on = threads_.take([this, self = made.get()] { live(*self); });
        ready_.push_back(made.get());
        actors_.push_back(std::move(made));
        return number;
    }

    void live(actor& self) noexcept {
        of_this_thread_ = this;
        current_ = this;
        keep_what_is_thrown(self.body);
        self.body = nullptr; // what it holds may take steps
        of_this_thread_ = nullptr;
        current_ = nullptr;
        ended_.push_back(std::exchange(self.runs_on, nullptr));
        notify(&self, true);
        if (ready_.empty() && waiting_.empty()) {
            const std::shared_ptr<std::binary_semaphore> over = over_; // the run may be destroyed at once
            over->release();
        } else {
            pass_to(next_of_ready(), nullptr);
        }
    }

    template <class F> void keep_what_is_thrown(const F& body) noexcept {
        try {
            body();
        } catch (...) {
            take_over(std::current_exception());
        }
    }
    void take_over(const std::exception_ptr& thrown) noexcept override {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
            fail("the thread \"" + running_->name + "\" threw: " + error.what(), thrown);
        } catch (...) {
            fail("the thread \"" + running_->name + "\" threw what is no std::exception", thrown);
        }
    }

    /// The end of the thread "main".
    void end() noexcept {
        running_->doing.store("wait for the end of all others", std::memory_order_relaxed);
        block(&end_, {});
        while (!kept_.empty()) { // in turn, and what they make at the end as well
            kept_.back().second.reset();
            kept_.pop_back();
        }
        if (operations_ != 0)
            fail(std::to_string(operations_) +
                 " operations are left: somebody holds an async_operation or an async_call");
    }

    // ---- what is wrong ----

    void fail(std::string what, std::exception_ptr exception = nullptr) noexcept {
        if (!failure_)
            failure_ = failure{std::move(what), schedule_.text(), std::move(exception)};
    }

    [[noreturn]] void get_stuck(std::string why) noexcept {
        for (const auto& each : actors_)
            if (each->runs_on != nullptr)
                why += "\n  " + each->name + ": " + each->doing.load(std::memory_order_relaxed);
        fail(std::move(why));
        is_stuck_.store(true, std::memory_order_release);
        over_->release();
        stay_for_ever();
    }
    void stay_if_given_up() const noexcept {
        if (is_stuck())
            stay_for_ever();
    }
    [[noreturn]] static void stay_for_ever() noexcept {
        for (std::binary_semaphore never{0};;)
            never.acquire();
    }
    /// By the thread that called `run`. The one that runs has come to no step for long: what was written before that, and before it
    /// got its turn, is visible here by `moves_`, and it will not go on when it comes to the next.
    void lose_patience() noexcept {
        is_stuck_.store(true, std::memory_order_release);
        fail("the thread \"" + running_->name + "\" has come to no step for " +
             std::to_string(options_.patience.count()) + " seconds since \"" +
             running_->doing.load(std::memory_order_relaxed) +
             "\"; let it wait for nothing but the library, or be more patient when it has much to compute");
    }

    static inline constinit thread_local simulation* current_ = nullptr;
    static constexpr std::size_t longest_row = 100; // steps of one thread while others could go on

    chooser& chooser_;
    detail::thread_cache& threads_;
    const simulation_options options_;
    const std::shared_ptr<std::binary_semaphore> over_ = std::make_shared<std::binary_semaphore>(0);

    // All that follows belongs to the thread that runs.
    std::vector<std::unique_ptr<actor>> actors_;
    actor* running_ = nullptr;
    std::vector<std::shared_ptr<detail::thread_cache::worker>>
        ended_;                   // each is one thread of the run, not two
    std::vector<actor*> ready_;   // those that could go on, the longest first
    std::vector<actor*> waiting_; // the longest first
    steady_time now_{std::chrono::hours{1}};
    std::list<std::pair<const void*, std::shared_ptr<void>>> kept_;
    int operations_ = 0; // alive
    detail::schedule_text schedule_;
    std::size_t steps_in_a_row_ = 0;
    std::optional<failure> failure_;
    const char quiet_ = 0, end_ = 0; // to wait at

    std::atomic<std::size_t> steps_{0};
    std::atomic<std::size_t> moves_{0}; // steps, and turns handed on
    std::atomic<bool> is_stuck_{false};
};

} // namespace eap::testing

#endif
