// SPDX-License-Identifier: BSL-1.0
//
// Detail – threads, waiting and time: those of the operating system, or of whoever stands in for it.
#ifndef EAP_DETAIL_PLATFORM_HPP
#define EAP_DETAIL_PLATFORM_HPP

#include "eap/detail/seldom.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>

namespace eap::detail {

using steady_time = std::chrono::steady_clock::time_point;

/// Stands in for the operating system on threads of its own: it decides which of them goes on, and what time it is.
/// testing/simulation.hpp does. On all other threads there is none, and what follows costs a look at one thread-local word.
class platform {
  public:
    platform(const platform&) = delete;
    platform& operator=(const platform&) = delete;

    /// Null when it is the operating system's.
    static platform* of_this_thread() noexcept { return of_this_thread_; }

    /// This thread is about to do what another one could tell: that one may go first.
    static void step(const char* before) noexcept {
        if (platform* const here = of_this_thread())
            here->step_before(before);
    }
    /// An operation has been made (1), or destroyed (-1).
    static void count_operation(int change) noexcept {
        if (platform* const here = of_this_thread())
            here->count(change);
    }

    /// What nobody handles would end the program. False when it has to.
    static bool takes_over(const std::exception_ptr& error) noexcept {
        platform* const here = of_this_thread();
        if (here != nullptr)
            here->take_over(error);
        return here != nullptr;
    }

    virtual steady_time now() noexcept = 0;
    virtual std::size_t processors() noexcept = 0;

    // Waiting goes by address. A thread that is not notified wakes when its time has come: false then.
    virtual void wait(const void* at, std::unique_lock<std::mutex>& lock) noexcept = 0;
    virtual bool wait_until(const void* at, std::unique_lock<std::mutex>& lock,
                            steady_time time) noexcept = 0;
    virtual void notify(const void* at, bool all) noexcept = 0;

    virtual std::size_t start_thread(const char* name, std::function<void()> body) = 0;
    virtual void join_thread(std::size_t which) noexcept = 0;

    /// Where what there is one of is kept, by the address that names it: see `the_only`.
    virtual std::shared_ptr<void>& kept(const void* name) = 0;

  protected:
    platform() = default;
    ~platform() = default;

    static inline constinit thread_local platform* of_this_thread_ = nullptr;

  private:
    virtual void step_before(const char* what) noexcept = 0;
    virtual void count(int change) noexcept = 0;
    virtual void take_over(const std::exception_ptr& error) noexcept = 0;
};

inline steady_time steady_now() noexcept {
    platform* const here = platform::of_this_thread();
    return here != nullptr ? here->now() : std::chrono::steady_clock::now();
}

/// A time of any clock as one of the steady clock.
template <class Duration>
steady_time of_steady_clock(std::chrono::time_point<std::chrono::steady_clock, Duration> time) noexcept {
    return std::chrono::time_point_cast<steady_time::duration>(time);
}
template <class Clock, class Duration>
steady_time of_steady_clock(std::chrono::time_point<Clock, Duration> time) noexcept {
    return steady_now() + std::chrono::ceil<steady_time::duration>(time - Clock::now());
}

/// How many threads run at the same time. At least one.
inline std::size_t processors() noexcept {
    platform* const here = platform::of_this_thread();
    return here != nullptr ? here->processors() : std::max(1U, std::thread::hardware_concurrency());
}

template <class T> EAP_SELDOM T& the_only_of(platform& here) {
    static constexpr char name = 0;
    std::shared_ptr<void>& kept = here.kept(&name);
    if (kept == nullptr)
        kept = std::make_shared<T>();
    return *static_cast<T*>(kept.get());
}
template <class T> EAP_SELDOM T* new_for_everybody() { return new T; }

/// The one `T` of the program, made at first use and never destroyed: it serves static objects to their last breath.
/// A stand-in has one of its own, for as long as it lives.
template <class T> T& the_only() {
    if (platform* const here = platform::of_this_thread())
        return the_only_of<T>(*here);
    static T& everybodys = *new_for_everybody<T>();
    return everybodys;
}

/// std::condition_variable, with the least that is needed of it.
class condition_variable {
  public:
    void notify_one() noexcept { notify(false); }
    void notify_all() noexcept { notify(true); }

    void wait(std::unique_lock<std::mutex>& lock) {
        if (platform* const here = platform::of_this_thread())
            here->wait(this, lock);
        else
            real_.wait(lock);
    }
    template <class Ready> void wait(std::unique_lock<std::mutex>& lock, Ready ready) {
        while (!ready())
            wait(lock);
    }
    /// False when the time has come; it may return earlier.
    template <class Clock, class Duration>
    bool wait_until(std::unique_lock<std::mutex>& lock, std::chrono::time_point<Clock, Duration> time) {
        platform* const here = platform::of_this_thread();
        if (here == nullptr)
            return real_.wait_until(lock, time) == std::cv_status::no_timeout;
        return here->wait_until(this, lock, of_steady_clock(time));
    }
    template <class Clock, class Duration, class Ready>
    bool wait_until(std::unique_lock<std::mutex>& lock, std::chrono::time_point<Clock, Duration> time,
                    Ready ready) {
        while (!ready())
            if (!wait_until(lock, time))
                return ready();
        return true;
    }

  private:
    void notify(bool all) noexcept {
        if (platform* const here = platform::of_this_thread())
            here->notify(this, all);
        else if (all)
            real_.notify_all();
        else
            real_.notify_one();
    }

    std::condition_variable real_;
};

/// std::counting_semaphore, likewise; one thread waits. Who releases may be the last to touch it.
class semaphore {
  public:
    void release() noexcept {
        if (platform* const here = platform::of_this_thread()) {
            const std::lock_guard lock{stand_in_};
            ++count_;
            here->notify(this, false);
        } else {
            real_.release();
        }
    }
    void acquire() {
        platform* const here = platform::of_this_thread();
        if (here == nullptr) {
            real_.acquire();
            return;
        }
        std::unique_lock lock{stand_in_};
        while (count_ == 0)
            here->wait(this, lock);
        --count_;
    }
    /// False when the time has come first.
    template <class Clock, class Duration>
    bool try_acquire_until(std::chrono::time_point<Clock, Duration> time) {
        platform* const here = platform::of_this_thread();
        if (here == nullptr)
            return real_.try_acquire_until(time);
        std::unique_lock lock{stand_in_};
        while (count_ == 0)
            if (!here->wait_until(this, lock, of_steady_clock(time)) && count_ == 0)
                return false;
        --count_;
        return true;
    }

  private:
    std::counting_semaphore<> real_{0};
    std::mutex stand_in_; // with `count_`, for another platform
    int count_ = 0;
};

/// std::thread, likewise. Joined, or never destroyed.
class thread {
  public:
    template <class F> thread(const char* name, F body) {
        if (platform* const here = platform::of_this_thread())
            stand_in_ = here->start_thread(name, std::move(body));
        else
            real_ = std::thread{std::move(body)};
    }

    void join() {
        if (real_.joinable())
            real_.join();
        else
            platform::of_this_thread()->join_thread(stand_in_);
    }

  private:
    std::thread real_; // none when another platform runs it
    std::size_t stand_in_ = 0;
};

} // namespace eap::detail

#endif
