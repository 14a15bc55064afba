// SPDX-License-Identifier: BSL-1.0
//
// Detail – the sleep of one thread, and those who end it.
#ifndef EAP_DETAIL_WAKEUPS_HPP
#define EAP_DETAIL_WAKEUPS_HPP

#include "eap/detail/sync.hpp"

#include <chrono>

namespace eap::detail {

/// Counts the wake-ups of one thread, its owner, which sleeps until there is one.
///
/// A waker finds the owner by a list, under that list's lock, takes it off and wakes it *after* the lock: woken inside, the owner would
/// only run into the lock. So a waker that is under way cannot be told to stay away. Instead it owes one wake-up, its last touch, and
/// the owner takes in each that it is owed before it goes, or anything by which it was found.
///
/// Ordering      what happened before `wake` is visible after the `wait` or `take_in` that took that wake-up.
/// Thread safety `wake` by any thread; all else by the owner.
template <class Sync = std_sync> class wakeups {
  public:
    wakeups() = default;
    wakeups(const wakeups&) = delete;
    wakeups& operator=(const wakeups&) = delete;

    void wake() { count_.release(); }

    void wait() {
        count_.acquire();
        ++in_hand_;
    }
    /// False when the time has come first.
    template <class Clock, class Duration> bool wait_until(std::chrono::time_point<Clock, Duration> time) {
        if (!count_.try_acquire_until(time))
            return false;
        ++in_hand_;
        return true;
    }
    /// One wake-up that somebody owes, or that was waited for and has not been taken in: waits for it.
    void take_in() {
        if (in_hand_ != 0)
            --in_hand_;
        else
            count_.acquire();
    }

  private:
    typename Sync::semaphore count_;
    typename Sync::template plain<int> in_hand_{}; // the owner's: waited for, and not taken in
};

} // namespace eap::detail

#endif
