// SPDX-License-Identifier: BSL-1.0
//
// Detail – a gate that opens once, and threads that wait for it.
#ifndef EAP_DETAIL_PARKING_HPP
#define EAP_DETAIL_PARKING_HPP

#include "eap/detail/sync.hpp"

#include <chrono>
#include <mutex>

namespace eap::detail {

/// Opens once, and stays open.
///
/// Guarantees    what happened before `set` is visible after `wait` and after `is_set` returned true.
/// Thread safety all members, from any thread; the object must outlive every call on it.
template <class Sync = std_sync> class parking {
  public:
    void set() {
        const std::lock_guard lock{mutex_};
        set_ = true;
        opened_.notify_all(); // under the lock: a waiter that wakes may destroy this object at once
    }
    bool is_set() const {
        const std::lock_guard lock{mutex_};
        return set_;
    }
    void wait() const {
        std::unique_lock lock{mutex_};
        while (!set_)
            opened_.wait(lock);
    }
    /// True when it opened in time.
    template <class Clock, class Duration>
    bool wait_until(std::chrono::time_point<Clock, Duration> deadline) const {
        std::unique_lock lock{mutex_};
        return opened_.wait_until(lock, deadline, [this] { return set_; });
    }

  private:
    mutable typename Sync::mutex mutex_;
    mutable typename Sync::condition_variable opened_;
    bool set_ = false; // guarded by mutex_
};

} // namespace eap::detail

#endif
