// SPDX-License-Identifier: BSL-1.0
//
// Detail – a mutex for a few instructions at a time.
#ifndef EAP_DETAIL_BRIEF_MUTEX_HPP
#define EAP_DETAIL_BRIEF_MUTEX_HPP

#include <atomic>
#include <cstdint>

namespace eap::detail {

/// One word. Taken and given back while nobody else wants it, it costs one exchange each time, in the caller's own code; whoever finds
/// it taken looks a few times, as std::atomic does, and sleeps then. (std::mutex, without what a condition variable needs)
///
/// Word          `unlocked`; `locked`; or `awaited`: locked, and somebody may sleep until it is not
/// Ordering      taken by acquire, given back by release
/// Lifetime      Unlike a std::mutex, it is not to be destroyed before every `unlock` has returned.
template <class Sync> class brief_mutex {
  public:
    brief_mutex() = default;
    brief_mutex(const brief_mutex&) = delete;
    brief_mutex& operator=(const brief_mutex&) = delete;

    void lock() noexcept {
        std::uint32_t was = unlocked;
        if (!word_.compare_exchange_strong(was, locked, std::memory_order_acquire, std::memory_order_relaxed))
            wait_and_lock();
    }
    void unlock() noexcept {
        if (word_.exchange(unlocked, std::memory_order_release) == awaited)
            word_.notify_one();
    }

  private:
    static constexpr std::uint32_t unlocked = 0;
    static constexpr std::uint32_t locked = 1;
    static constexpr std::uint32_t awaited = 2;

    void wait_and_lock() noexcept { // whoever has slept cannot know that nobody else does: it stays `awaited`
        while (word_.exchange(awaited, std::memory_order_acquire) != unlocked)
            word_.wait(awaited, std::memory_order_relaxed);
    }

    typename Sync::template atomic<std::uint32_t> word_{unlocked};
};

} // namespace eap::detail

#endif
