// SPDX-License-Identifier: BSL-1.0
//
// Layer 3 – what an event_loop and its handles share: the queue, who runs it, and what is outstanding.
#ifndef EAP_CONTEXTS_EVENT_LOOP_CORE_HPP
#define EAP_CONTEXTS_EVENT_LOOP_CORE_HPP

#include "eap/detail/hook.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sync.hpp"
#include "eap/detail/this_thread_number.hpp"
#include "eap/detail/work_node.hpp"
#include "eap/detail/work_queue.hpp"
#include "eap/errors.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eap::detail {

/// What a loop and its handles share.
class event_loop_core : public reference_counted<event_loop_core> {
  public:
    // ---- any thread ----

    void post(work_node& last) { // which is its own now
        const auto pushed = queue_.push(work_ptr{&last});
        if (pushed == work_queue<>::pushed::refused)
            throw context_closed{};
        if (pushed == work_queue<>::pushed::first)
            wake_.call();
        platform::step("go on after a post to an event_loop"); // the function may have run by now
    }
    void operation_started() {
        if (queue_.is_closed())
            throw context_closed{};
        if (outstanding_.fetch_add(1, std::memory_order_relaxed) == 0)
            outstanding_changed_.call();
    }
    void operation_completed() noexcept { // release pairs with wait_for_work: who saw the last sees its posts
        if (outstanding_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            if (runner_.load(std::memory_order_relaxed) != this_thread_number()) // else nobody sleeps
                queue_.interrupt();
            outstanding_changed_.call();
        }
    }
    bool has_outstanding() const noexcept { return outstanding_.load(std::memory_order_acquire) != 0; }
    hook<>& on_outstanding() noexcept { return outstanding_changed_; }
    bool is_closed() const noexcept { return queue_.is_closed(); }
    bool runs_in_this_thread() const noexcept {
        return last_runner_.load(std::memory_order_relaxed) == this_thread_number();
    }
    void close() {
        work_list unrun;
        if (runner_.load(std::memory_order_relaxed) == this_thread_number())
            unrun.append(taken_); // otherwise the thread that runs the loop drops them
        work_list queued = queue_.close();
        unrun.append(queued);
    }
    void disown() noexcept { // the loop is gone
        last_runner_.store(0, std::memory_order_relaxed);
        wake_.clear();
        outstanding_changed_.clear();
    }
    void forget_thread() noexcept { last_runner_.store(0, std::memory_order_relaxed); }
    template <class F> void set_wake(F&& wake) {
        wake_.set(std::forward<F>(wake));
        if (!queue_.empty())
            wake_.call();
    }
    void clear_wake() { wake_.clear(); }
    void wake() noexcept { wake_.call(); }

    // ---- the thread that runs the loop, between begin_running and end_running ----

    /// True when the calling thread runs the loop already: this is a nested call.
    bool begin_running(bool may_nest) {
        const std::uint64_t me = this_thread_number();
        std::uint64_t runner = 0;
        if (runner_.compare_exchange_strong(runner, me, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
            last_runner_.store(me, std::memory_order_relaxed);
            return false;
        }
        if (runner != me)
            throw invalid_operation{
                "Another thread is running this event_loop. Run it on one thread at a time."};
        if (!may_nest)
            throw would_deadlock{"A function of this event_loop waits for the loop that runs it. "
                                 "Use poll() or run_for() there."};
        return true;
    }
    /// Runs `function` out of turn, if this thread runs the loop, or has last run it and nobody does now.
    template <class F> bool try_run_here(F&& function) {
        if (!runs_in_this_thread())
            return false;
        std::uint64_t runner = 0;
        const bool begun = runner_.compare_exchange_strong(
            runner, this_thread_number(), std::memory_order_acquire, std::memory_order_relaxed);
        if (!begun && runner != this_thread_number())
            return false;
        struct end_at_end { // also when it throws
            event_loop_core* begun;
            ~end_at_end() {
                if (begun != nullptr)
                    begun->end_running();
            }
        };
        const intrusive_ptr<event_loop_core> alive{this}; // the function may destroy the loop
        const end_at_end end{begun ? this : nullptr};
        std::forward<F>(function)();
        return true;
    }
    void end_running() noexcept {
        work_list rest;
        rest.append(taken_);
        const bool is_queued = (!rest.empty() || wake_.is_set()) && queue_.put_back(rest);
        runner_.store(0, std::memory_order_release); // pairs with begin_running: `taken_`, `executed_`
        if (is_queued)
            wake_.call();
    }

    /// True when there is a function to run; otherwise there is none outstanding, time is up, or the loop
    /// closed.
    bool wait_for_work(steady_time until) {
        platform::step("event_loop: wait for a function");
        if (taken_.empty() && !is_closed())
            queue_.wait_all(taken_, until,
                            [this] { return outstanding_.load(std::memory_order_acquire) == 0; });
        return has_work();
    }
    bool has_work() {
        if (is_closed())
            drop_taken();
        return !taken_.empty();
    }
    void run_next() {
        work_ptr next = taken_.pop_front();
        ++executed_;
        next.release()->run();
    }
    /// What `executed()` will be when everything queued now has run.
    std::uint64_t take_all() {
        queue_.take_all(taken_);
        return executed_ + taken_.size();
    }
    std::uint64_t executed() const noexcept { return executed_; }

  private:
    void drop_taken() {
        work_list unrun;
        unrun.append(taken_);
    }

    work_queue<> queue_;
    hook<> wake_;
    hook<> outstanding_changed_;
    std_sync::atomic<std::size_t> outstanding_{0};
    std_sync::atomic<std::uint64_t> runner_{0};      // the thread that runs the loop now
    std_sync::atomic<std::uint64_t> last_runner_{0}; // ... or has last run it
    work_list taken_;                                // from the queue, in turn; the runner's
    std::uint64_t executed_ = 0;                     // functions that have begun; the runner's
};

} // namespace eap::detail

#endif
