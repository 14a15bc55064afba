// SPDX-License-Identifier: BSL-1.0
//
// Detail – functions that wait for their turn: the queue behind the contexts of this library.
#ifndef EAP_DETAIL_WORK_QUEUE_HPP
#define EAP_DETAIL_WORK_QUEUE_HPP

#include "eap/detail/deadline.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sync.hpp"
#include "eap/detail/wakeups.hpp"
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
        sleeper* to_wake = nullptr;
        pushed result{};
        {
            const std::lock_guard lock{mutex_};
            if (closed_.load(std::memory_order_relaxed))
                return pushed::refused; // `last` is dropped after the lock
            result = queued_.empty() ? pushed::first : pushed::later;
            queued_.push_back(std::move(last));
            to_wake = take_sleeper();
        }
        if (to_wake != nullptr)
            to_wake->woken.wake();
        return result;
    }

    /// The oldest, when there is one; waits for it. Null when the queue is closed.
    [[nodiscard]] work_ptr wait_one() {
        std::unique_lock lock{mutex_};
        while (queued_.empty()) {
            if (closed_.load(std::memory_order_relaxed))
                return nullptr;
            sleep(lock, end_of_time);
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
            if (!sleep(lock, until))
                break;
        taken.append(queued_);
    }

    /// Lets waiting threads ask `give_up` again; what it reads was written before.
    void interrupt() {
        std::unique_lock lock{mutex_}; // whoever is about to sleep does, or sees what was written
        sleeper* const to_wake = sleepers_;
        sleepers_ = nullptr;
        lock.unlock();
        wake_all(to_wake);
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
        std::unique_lock lock{mutex_};
        closed_.store(true, std::memory_order_release);
        work_list unrun{std::move(queued_)};
        sleeper* const to_wake = sleepers_;
        sleepers_ = nullptr;
        lock.unlock();
        wake_all(to_wake);
        return unrun;
    }

    bool empty() const {
        const std::lock_guard lock{mutex_};
        return queued_.empty();
    }
    bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  private:
    /// A thread that sleeps. Whoever takes it off the list owes it a wake-up.
    struct sleeper {
        wakeups<Sync> woken;
        typename Sync::template plain<sleeper*> next;
    };
    using link = decltype(sleeper::next);

    /// False when the time has come first. It returns with the lock, as it was called.
    bool sleep(std::unique_lock<typename Sync::brief_mutex>& lock, steady_time until) {
        sleeper* const before = sleepers_;
        sleeper self{{}, before};
        sleepers_ = &self;
        lock.unlock();
        const bool is_woken = until == end_of_time ? (self.woken.wait(), true) : self.woken.wait_until(until);
        lock.lock();
        if (is_woken)
            return true;
        if (take_off(self))
            return false;
        lock.unlock();
        self.woken.take_in(); // who has taken it off is about to wake it
        lock.lock();
        return true;
    }
    /// True when it was on the list: nobody owes it anything.
    bool take_off(const sleeper& self) noexcept {
        for (link* place = &sleepers_; *place != nullptr;) {
            sleeper* const each = *place;
            if (each == &self) {
                *place = each->next;
                return true;
            }
            place = &each->next;
        }
        return false;
    }
    /// The last to have lain down, if any sleeps. Under the lock; woken after it.
    sleeper* take_sleeper() noexcept {
        sleeper* const last = sleepers_;
        if (last != nullptr)
            sleepers_ = last->next;
        return last;
    }
    static void wake_all(sleeper* each) noexcept {
        while (each != nullptr)
            std::exchange(each, each->next)->woken.wake(); // which may be gone then
    }

    mutable typename Sync::brief_mutex mutex_;
    link sleepers_{};                                    // guarded by mutex_; the last first
    work_list queued_;                                   // guarded by mutex_
    typename Sync::template atomic<bool> closed_{false}; // written under mutex_
};

} // namespace eap::detail

#endif
