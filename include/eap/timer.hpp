// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – time. Decides *when* something happens, on the one timer thread; knows nothing about operations.
#ifndef EAP_TIMER_HPP
#define EAP_TIMER_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/deadline.hpp"
#include "eap/detail/function_target.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/sync.hpp"
#include "eap/synchronization_context.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <map>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// The deadlines of the whole program, and the one thread that waits for them.
///
/// Effects       the thread starts with the first entry and is never joined: like the queue it lives to the
///               end of the program, so that it can be used while static objects are being destroyed.
/// Thread safety all members of the queue and of its entries.
class timer_queue {
  public:
    /// What is to happen at a deadline. Constructing it is the only step that can fail.
    class entry {
      public:
        entry() : queue_(shared()) {
            table reserved;
            place_ = reserved.extract(reserved.emplace(steady_time{}, this));
        }
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;

        /// Has `expired` called on the timer thread at `when`.
        void arm(steady_time when) noexcept { queue_.insert(*this, when); }
        /// True when it was armed and `expired` will not be called.
        bool disarm() noexcept { return queue_.remove(*this); }

      protected:
        ~entry() = default; // not while armed

        virtual void expired() noexcept = 0;

      private:
        friend timer_queue;
        timer_queue& queue_;
        std::multimap<steady_time, entry*>::node_type
            place_; // empty while armed; guarded by the queue's mutex
        std::multimap<steady_time, entry*>::iterator position_; // while armed; likewise
    };

    /// Throws std::system_error when the thread cannot be started.
    static timer_queue& shared() { return the_only<timer_queue>(); }

    timer_queue() = default;
    timer_queue(const timer_queue&) = delete;
    timer_queue& operator=(const timer_queue&) = delete;
    /// That of the program never ends. Entries that are armed have been lost by those who hold them.
    ~timer_queue() {
        {
            const std::lock_guard lock{mutex_};
            is_ended_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

  private:
    using table = std::multimap<steady_time, entry*>;

    void insert(entry& e, steady_time when) noexcept {
        bool is_first = false;
        {
            const std::lock_guard lock{mutex_};
            e.place_.key() = when;
            e.position_ = entries_.insert(std::move(e.place_));
            is_first = e.position_ == entries_.begin();
        }
        if (is_first)
            changed_.notify_one();
    }
    bool remove(entry& e) noexcept {
        const std::lock_guard lock{mutex_};
        if (!e.place_.empty())
            return false;
        e.place_ = entries_.extract(e.position_);
        return true;
    }
    void run() {
        std::unique_lock lock{mutex_};
        while (!is_ended_) {
            if (entries_.empty()) {
                changed_.wait(lock);
                continue;
            }
            const auto first = entries_.begin();
            const steady_time now = steady_now();
            if (first->first > now) {
                const steady_time until = std::min(first->first, now + std::chrono::hours{1}); // a copy:
                changed_.wait_until(lock, until); // meanwhile the entry may be removed and freed
                continue;
            }
            entry& due = *first->second;
            due.place_ = entries_.extract(first);
            lock.unlock();
            platform::step("a deadline");
            due.expired();
            lock.lock();
        }
    }

    std_sync::mutex mutex_;
    std_sync::condition_variable changed_;
    table entries_;         // guarded by mutex_
    bool is_ended_ = false; // likewise
    thread thread_{"timer", [this] { run(); }};
};

/// What an object that is counted does at a deadline. While it is armed, it holds a reference.
template <class Owner> class counted_timer final : timer_queue::entry {
  public:
    using action = void (Owner::*)();

    counted_timer(Owner& owner, action at_deadline) : owner_(owner), at_deadline_(at_deadline) {}

    void arm(steady_time when) noexcept {
        owner_.add_reference();
        entry::arm(when);
    }
    /// By somebody who holds a reference.
    void disarm() noexcept {
        if (entry::disarm())
            owner_.release_reference();
    }

  private:
    void expired() noexcept override {
        const intrusive_ptr<Owner> armed{&owner_, adopt_reference};
        (owner_.*at_deadline_)();
    }

    Owner& owner_;
    const action at_deadline_;
};

/// A function that waits for its time, then is posted.
template <class Context> class delayed_post final : timer_queue::entry {
  public:
    static void start(const Context& context, steady_time when, posted function) {
        std::unique_ptr<delayed_post> self{new delayed_post{context, std::move(function)}};
        eap::operation_started(self->context_);
        self.release()->arm(when); // owned by the queue until it expires
    }

  private:
    delayed_post(const Context& context, posted function)
        : context_(context), function_(std::move(function)) {}
    friend std::default_delete<delayed_post>;
    ~delayed_post() = default;

    void expired() noexcept override {
        const std::unique_ptr<delayed_post> self{this};
        try {
            context_.post(std::move(function_));
        } catch (...) { // refused: there is nobody to tell, and the function has been destroyed
        }
        eap::operation_completed(context_);
    }

    Context context_;
    posted function_;
};

struct post_after_fn {
    template <synchronization_context C, class F>
        requires std::invocable<std::decay_t<F>>
    void operator()(const C& context, std::chrono::nanoseconds delay, F&& function) const {
        if constexpr (std::same_as<C, any_synchronization_context>) {
            posted closure = function_target<std::decay_t<F>>::make(std::forward<F>(function));
            if (!context.try_post_after(delay, closure))
                delayed_post<C>::start(context, deadline_after(delay), std::move(closure));
        } else if constexpr (requires { context.post_after(delay, std::forward<F>(function)); }) {
            context.post_after(delay, std::forward<F>(function));
        } else {
            delayed_post<C>::start(context, deadline_after(delay),
                                   function_target<std::decay_t<F>>::make(std::forward<F>(function)));
        }
    }
};

} // namespace detail

/// Posts `f` to a context after a while: by the context's own `post_after` when it has one, else the timer
/// thread posts.
///
/// Effects       until it has been posted, `f` counts as an outstanding operation of the context, so a loop
///               that runs until nothing is outstanding waits for it. A delay of zero or less posts as soon
///               as possible.
/// Guarantees    fires while every thread of a pool is blocked, and while the context is stalled.
/// Errors        What `operation_started` of the context throws, std::bad_alloc, and std::system_error when
///               the timer thread cannot be started: then `f` never runs. A context that refuses `f` later
///               destroys it.
inline constexpr detail::post_after_fn post_after{};

} // namespace eap

#endif
