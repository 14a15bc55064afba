// SPDX-License-Identifier: BSL-1.0
//
// Detail – threads that sleep on a list, under a mutex of one word.
#ifndef EAP_DETAIL_SLEEPERS_HPP
#define EAP_DETAIL_SLEEPERS_HPP

#include "eap/detail/deadline.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sync.hpp"
#include "eap/detail/wakeups.hpp"

#include <mutex>
#include <utility>

namespace eap::detail {

/// Threads that wait for what a mutex guards, and sleep meanwhile. (std::condition_variable, for a brief_mutex: nobody is woken under
/// the lock, nobody wakes unless somebody woke it, and waking nobody costs a look)
///
/// Thread safety the mutex guards all members. `sleep` gives it back meanwhile.
template <class Sync = std_sync> class sleepers {
    /// Whoever takes it off the list owes it a wake-up.
    struct sleeper {
        wakeups<Sync> woken;
        typename Sync::template plain<sleeper*> next;
    };
    using link = decltype(sleeper::next);

  public:
    /// Wake-ups that are owed. They are made when this goes, which is to be after the lock: so it is declared before it.
    class owed {
      public:
        owed() = default;
        owed(const owed&) = delete;
        owed& operator=(owed&& all) noexcept { // of one that owed nothing
            first_ = std::exchange(all.first_, nullptr);
            return *this;
        }
        ~owed() {
            while (first_ != nullptr)
                std::exchange(first_, first_->next)->woken.wake(); // which may be gone then
        }

      private:
        friend sleepers;
        explicit owed(sleeper* first) noexcept : first_(first) {}
        sleeper* first_ = nullptr;
    };

    /// False when the time has come first. It returns with the lock, as it was called.
    bool sleep(std::unique_lock<typename Sync::brief_mutex>& lock, steady_time until) {
        sleeper* const before = first_;
        sleeper self{{}, before};
        first_ = &self;
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

    /// The last to have lain down, if any sleeps.
    [[nodiscard]] owed take_one() noexcept {
        sleeper* const last = first_;
        if (last != nullptr) {
            first_ = last->next;
            last->next = nullptr;
        }
        return owed{last};
    }
    [[nodiscard]] owed take_all() noexcept {
        sleeper* const all = first_;
        first_ = nullptr;
        return owed{all};
    }

  private:
    /// True when it was on the list: nobody owes it anything.
    bool take_off(const sleeper& self) noexcept {
        for (link* place = &first_; *place != nullptr;) {
            sleeper* const each = *place;
            if (each == &self) {
                *place = each->next;
                return true;
            }
            place = &each->next;
        }
        return false;
    }

    link first_{}; // the last to have lain down
};

} // namespace eap::detail

#endif
