// SPDX-License-Identifier: BSL-1.0
//
// Contexts of the kind that users write, and hostile ones. They have the least a context needs unless said
// otherwise.
#ifndef EAP_TESTS_SUPPORT_CONTEXTS_HPP
#define EAP_TESTS_SUPPORT_CONTEXTS_HPP

#include "eap/errors.hpp"
#include "eap/synchronization_context.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tests {

/// A move-only function turned into a std::function.
template <class F> std::function<void()> shared_function(F function) {
    return [held = std::make_shared<F>(std::move(function))] { (*held)(); };
}

// ---- a queue pumped by hand ----

struct manual_state {
    std::mutex mutex;
    std::deque<std::function<void()>> queue; // guarded by mutex
    bool closed = false;                     // guarded by mutex
};

/// The context that a user writes in a dozen lines: copies, compares, posts.
class manual_context {
  public:
    explicit manual_context(std::shared_ptr<manual_state> state) noexcept : state_(std::move(state)) {}

    template <class F> void post(F function) const {
        auto held = shared_function(std::move(function));
        const std::lock_guard lock{state_->mutex};
        if (state_->closed)
            throw eap::context_closed{};
        state_->queue.push_back(std::move(held));
    }
    bool operator==(const manual_context&) const = default;

  private:
    std::shared_ptr<manual_state> state_;
};
static_assert(eap::synchronization_context<manual_context>);

/// Its owner. Dies with work queued: what is queued is destroyed unrun, and later posts throw context_closed.
class manual_queue {
  public:
    manual_queue() = default;
    manual_queue(const manual_queue&) = delete;
    manual_queue& operator=(const manual_queue&) = delete;
    ~manual_queue() { close(); }

    manual_context context() const noexcept { return manual_context{state_}; }

    /// Runs the oldest function on this thread; false when there is none.
    bool run_one() {
        std::function<void()> first;
        {
            const std::lock_guard lock{state_->mutex};
            if (state_->queue.empty())
                return false;
            first = std::move(state_->queue.front());
            state_->queue.pop_front();
        }
        first();
        return true;
    }
    /// Runs until nothing is queued; returns how many ran.
    std::size_t run_all() {
        std::size_t count = 0;
        while (run_one())
            ++count;
        return count;
    }
    /// Destroys the oldest function unrun; false when there is none.
    bool drop_one() {
        std::function<void()> first;
        const std::lock_guard lock{state_->mutex};
        if (state_->queue.empty())
            return false;
        first.swap(state_->queue.front()); // destroyed after the lock
        state_->queue.pop_front();
        return true;
    }
    /// Destroys what is queued, unrun; returns how many that were.
    std::size_t drop_all() {
        const auto dropped = take_all();
        return dropped.size();
    }
    void close() {
        {
            const std::lock_guard lock{state_->mutex};
            state_->closed = true;
        }
        drop_all();
    }
    std::size_t size() const {
        const std::lock_guard lock{state_->mutex};
        return state_->queue.size();
    }

  private:
    std::deque<std::function<void()>> take_all() {
        const std::lock_guard lock{state_->mutex};
        return std::exchange(state_->queue, {});
    }

    std::shared_ptr<manual_state> state_ = std::make_shared<manual_state>();
};

// ---- hostile contexts ----

/// Accepts every function and destroys it at once, unrun.
struct dropping_context {
    template <class F> void post(F&& function) const {
        const auto dropped = std::forward<F>(function);
        static_cast<void>(dropped);
    }
    bool operator==(const dropping_context&) const = default;
};
static_assert(eap::synchronization_context<dropping_context>);

/// Runs every function inside `post`.
struct inline_context {
    template <class F> void post(F function) const { function(); }
    bool operator==(const inline_context&) const = default;
};
static_assert(eap::synchronization_context<inline_context>);

struct post_refused : std::runtime_error {
    post_refused() : std::runtime_error{"this post was refused"} {}
};

/// Throws from some posts; what it accepts goes to a manual_queue.
class throwing_context {
  public:
    static constexpr std::size_t every_later_one = std::numeric_limits<std::size_t>::max();

    /// Refuses every post.
    throwing_context() : throwing_context(nullptr, 1, every_later_one) {}
    /// Refuses the `first`-th post, counted from 1, and `how_many` in all.
    explicit throwing_context(const manual_queue& accepts, std::size_t first = 1, std::size_t how_many = 1)
        : throwing_context(std::make_shared<manual_context>(accepts.context()), first, how_many) {}

    /// The same context with another exception.
    template <class E> throwing_context with(E exception) const {
        state_->exception = std::make_exception_ptr(std::move(exception));
        return *this;
    }
    /// How many posts were tried.
    std::size_t posts() const noexcept { return state_->posts.load(); }

    template <class F> void post(F&& function) const {
        const std::size_t number = ++state_->posts;
        if (number >= state_->first && number - state_->first < state_->how_many) {
            const auto taken =
                std::forward<F>(function); // a careless context: the function is gone when it refuses
            static_cast<void>(taken);
            std::rethrow_exception(state_->exception);
        }
        state_->accepts->post(std::forward<F>(function));
    }
    bool operator==(const throwing_context&) const = default;

  private:
    struct state {
        std::shared_ptr<manual_context> accepts;
        std::size_t first;
        std::size_t how_many;
        std::exception_ptr exception = std::make_exception_ptr(post_refused{});
        std::atomic<std::size_t> posts{0};
    };

    throwing_context(std::shared_ptr<manual_context> accepts, std::size_t first, std::size_t how_many)
        : state_(std::make_shared<state>()) {
        state_->accepts = std::move(accepts);
        state_->first = first;
        state_->how_many = how_many;
    }

    std::shared_ptr<state> state_;
};
static_assert(eap::synchronization_context<throwing_context>);

// ---- many threads at once, in no order ----

struct parallel_state {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> queue; // guarded by mutex
    bool closed = false;                     // guarded by mutex
};

class parallel_context {
  public:
    explicit parallel_context(std::shared_ptr<parallel_state> state) noexcept : state_(std::move(state)) {}

    template <class F> void post(F function) const {
        auto held = shared_function(std::move(function));
        const std::lock_guard lock{state_->mutex};
        if (state_->closed)
            throw eap::context_closed{};
        state_->queue.push_back(std::move(held));
        state_->changed.notify_one();
    }
    bool operator==(const parallel_context&) const = default;

  private:
    std::shared_ptr<parallel_state> state_;
};
static_assert(eap::synchronization_context<parallel_context>);

/// Its owner. Runs everything that was posted before `join`, or before its end. The functions must not throw.
class parallel_pool {
  public:
    explicit parallel_pool(unsigned threads = 4) {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([state = state_] { work(*state); });
    }
    parallel_pool(const parallel_pool&) = delete;
    parallel_pool& operator=(const parallel_pool&) = delete;
    ~parallel_pool() { join(); }

    parallel_context context() const noexcept { return parallel_context{state_}; }

    /// Runs what is queued, then refuses later posts, and ends the threads.
    void join() {
        {
            const std::lock_guard lock{state_->mutex};
            state_->closed = true;
            state_->changed.notify_all();
        }
        for (auto& thread : threads_)
            thread.join();
        threads_.clear();
    }

  private:
    static void work(parallel_state& state) {
        for (;;) {
            std::function<void()> next;
            {
                std::unique_lock lock{state.mutex};
                state.changed.wait(lock, [&] { return state.closed || !state.queue.empty(); });
                if (state.queue.empty())
                    return;
                next = std::move(state.queue.front());
                state.queue.pop_front();
            }
            next();
        }
    }

    std::shared_ptr<parallel_state> state_ = std::make_shared<parallel_state>();
    std::vector<std::thread> threads_;
};

// ---- notifications ----

struct notification_counts {
    std::atomic<int> started{0};
    std::atomic<int> completed{0};
    std::atomic<int> refusals{0}; // how many of the next starts are refused with post_refused
};

/// Any context, and counts its notifications. Refuses `operation_started` while `counts->refusals` is
/// positive; a refused start is not counted.
template <class Inner = manual_context> class counting_context {
  public:
    counting_context(Inner inner, std::shared_ptr<notification_counts> counts)
        : inner_(std::move(inner)), counts_(std::move(counts)) {}

    template <class F> void post(F&& function) const { inner_.post(std::forward<F>(function)); }
    void operation_started() const {
        if (counts_->refusals.load() > 0) {
            --counts_->refusals;
            throw post_refused{};
        }
        eap::operation_started(inner_);
        ++counts_->started;
    }
    void operation_completed() const noexcept {
        ++counts_->completed;
        eap::operation_completed(inner_);
    }
    bool operator==(const counting_context&) const = default;

  private:
    Inner inner_;
    std::shared_ptr<notification_counts> counts_;
};
static_assert(eap::synchronization_context<counting_context<>>);

} // namespace tests

#endif
