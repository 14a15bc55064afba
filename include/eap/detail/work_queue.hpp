// SPDX-License-Identifier: BSL-1.0
//
// Detail – functions that wait for their turn: the queue behind the contexts of this library.
#ifndef EAP_DETAIL_WORK_QUEUE_HPP
#define EAP_DETAIL_WORK_QUEUE_HPP

#include "eap/detail/deadline.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sleepers.hpp"
#include "eap/detail/sync.hpp"
#include "eap/detail/work_node.hpp"

#include <mutex>
#include <utility>

namespace eap::detail {

/// A queue with any number of senders and takers, which can be closed for good.
///
/// Guarantees    no function is called or destroyed under the lock. Whoever sends wakes one taker that sleeps, the last to
///               have lain down, and nobody when none does.
/// Thread safety all members.
template <class Sync = std_sync> class work_queue {
  public:
    enum class pushed : unsigned char { first, later, refused };

    /// Tells whether nothing was queued before. A closed queue refuses, and drops `last`.
    pushed push(work_ptr last) {
        wake_ups to_one;
        const std::lock_guard lock{mutex_};
        if (closed_.load(std::memory_order_relaxed))
            return pushed::refused; // `last` is dropped after the lock
        const pushed result = queued_.empty() ? pushed::first : pushed::later;
        queued_.push_back(std::move(last));
        to_one = takers_.take_one();
        return result;
    }

    /// The oldest, when there is one; waits for it. Null when the queue is closed.
    [[nodiscard]] work_ptr wait_one() {
        std::unique_lock lock{mutex_};
        while (queued_.empty()) {
            if (closed_.load(std::memory_order_relaxed))
                return nullptr;
            takers_.sleep(lock, end_of_time);
        }
        return queued_.pop_front();
    }

    /// Moves all that is queued behind `taken`.
    void take_all(work_list& taken) {
        const std::lock_guard lock{mutex_};
        taken.append(queued_);
    }

    /// As `take_all`, but waits until there is something, the queue is closed, `until` has come, or
    /// `give_up()`.
    template <class GiveUp> void wait_all(work_list& taken, steady_time until, GiveUp give_up) {
        std::unique_lock lock{mutex_};
        while (queued_.empty() && !closed_.load(std::memory_order_relaxed) && !give_up())
            if (!takers_.sleep(lock, until))
                break;
        taken.append(queued_);
    }

    /// Lets waiting threads ask `give_up` again; what it reads was written before.
    void interrupt() {
        wake_ups to_all;
        const std::lock_guard lock{mutex_}; // whoever is about to sleep does, or sees what was written
        to_all = takers_.take_all();
    }

    /// Puts `taken` back before all that is queued; a closed queue leaves it with the caller. True when now
    /// something is queued.
    bool put_back(work_list& taken) {
        const std::lock_guard lock{mutex_};
        if (closed_.load(std::memory_order_relaxed))
            return false;
        taken.append(queued_);
        queued_.append(taken);
        return !queued_.empty();
    }

    /// Closes the queue and hands over what is queued.
    [[nodiscard]] work_list close() {
        wake_ups to_all;
        const std::lock_guard lock{mutex_};
        closed_.store(true, std::memory_order_release);
        to_all = takers_.take_all();
        return work_list{std::move(queued_)};
    }

    bool empty() const {
        const std::lock_guard lock{mutex_};
        return queued_.empty();
    }
    bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  private:
    using wake_ups = typename sleepers<Sync>::owed; // declared before the lock, made after it

    mutable typename Sync::brief_mutex mutex_;
    sleepers<Sync> takers_;                              // guarded by mutex_
    work_list queued_;                                   // guarded by mutex_
    typename Sync::template atomic<bool> closed_{false}; // written under mutex_
};

} // namespace eap::detail

#endif
