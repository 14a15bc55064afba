// SPDX-License-Identifier: BSL-1.0
//
// Runs a few short threads in every order of their steps. A step ends before each access to a
// `stepping_sync::atomic`: give that policy to the shared words of detail/.
#ifndef EAP_TESTS_SUPPORT_INTERLEAVINGS_HPP
#define EAP_TESTS_SUPPORT_INTERLEAVINGS_HPP

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace tests {

/// Explores orders depth first: each execution repeats the choices of the one before up to the last choice that
/// has an alternative left. Exactly one thread runs at a time, so the accesses are sequentially consistent.
/// Orders with more than `preemptions` switches away from a thread that could go on are left out.
class interleavings {
  public:
    explicit interleavings(unsigned preemptions) : preemptions_(preemptions) {}
    interleavings(const interleavings&) = delete;
    interleavings& operator=(const interleavings&) = delete;
    ~interleavings() {
        for (auto& each : threads_) {
            each->body = nullptr;
            each->go.pass();
            each->thread.join();
        }
    }

    /// Whether there is one more order to try.
    bool next() {
        if (executions_ != 0) {
            while (!path_.empty() && path_.back().taken + 1 == path_.back().options)
                path_.pop_back();
            if (path_.empty())
                return false;
            ++path_.back().taken;
        }
        ++executions_;
        depth_ = 0;
        return true;
    }
    std::size_t executions() const noexcept { return executions_; }

    /// Runs the bodies, which must not throw, to their ends; called once after each `next`.
    void run(std::initializer_list<std::function<void()>> bodies) {
        while (threads_.size() < bodies.size())
            threads_.push_back(std::make_unique<worker>(*this));
        alive_.clear();
        std::size_t index = 0;
        for (const auto& body : bodies) {
            threads_[index]->body = body;
            alive_.push_back(threads_[index++].get());
        }
        preemptions_left_ = preemptions_;
        alive_[choose(alive_.size())]->go.pass();
        all_done_.take();
    }

    /// The running thread is about to touch what others may touch. Nothing on threads of other kinds.
    static void step() {
        if (worker* const self = running; self != nullptr)
            self->owner.maybe_switch(*self);
    }

    class mutex;

  private:
    class baton {
      public:
        void pass() {
            const std::lock_guard lock{mutex_};
            here_ = true;
            arrived_.notify_one();
        }
        void take() {
            std::unique_lock lock{mutex_};
            arrived_.wait(lock, [this] { return here_; });
            here_ = false;
        }

      private:
        std::mutex mutex_;
        std::condition_variable arrived_;
        bool here_ = false; // guarded by mutex_
    };

    // Everything below belongs to whoever has the baton.
    struct worker {
        explicit worker(interleavings& o) : owner(o), thread([this] { work(); }) {}
        void work() {
            running = this;
            for (;;) {
                go.take();
                if (body == nullptr)
                    return;
                body();
                owner.finished(*this);
            }
        }
        interleavings& owner;
        baton go;
        std::function<void()> body; // empty: end
        std::thread thread;
    };
    struct choice {
        std::size_t taken;
        std::size_t options;
    };

    std::size_t choose(std::size_t options) {
        if (options < 2)
            return 0;
        if (depth_ == path_.size())
            path_.push_back({0, options});
        return path_[depth_++].taken;
    }
    void maybe_switch(worker& self) {
        if (preemptions_left_ == 0)
            return;
        const std::size_t taken = choose(alive_.size()); // 0: goes on
        if (taken == 0)
            return;
        --preemptions_left_;
        std::size_t others = 0;
        for (worker* each : alive_) {
            if (each == &self || ++others != taken)
                continue;
            each->go.pass();
            break;
        }
        self.go.take();
    }
    void let_go_on(worker& self, worker& other) {
        other.go.pass();
        self.go.take();
    }
    void finished(worker& self) {
        std::erase(alive_, &self);
        if (alive_.empty())
            all_done_.pass();
        else
            alive_[choose(alive_.size())]->go.pass();
    }

    static inline thread_local worker* running = nullptr;

    const unsigned preemptions_;
    unsigned preemptions_left_ = 0;
    std::vector<choice> path_;
    std::size_t depth_ = 0;
    std::size_t executions_ = 0;
    std::vector<std::unique_ptr<worker>> threads_;
    std::vector<worker*> alive_;
    baton all_done_;
};

/// A mutex whose locking is a step. A thread that finds it held lets the holder go on first.
class interleavings::mutex {
  public:
    void lock() {
        step();
        while (holder_ != nullptr)
            running->owner.let_go_on(*running, *holder_);
        holder_ = running;
    }
    void unlock() { holder_ = nullptr; }

  private:
    worker* holder_ = nullptr; // belongs to whoever has the baton; null on threads of other kinds
};

/// std::atomic, with a step before each access.
template <class T> class stepping_atomic {
  public:
    stepping_atomic() noexcept = default;
    stepping_atomic(T value) noexcept
        : value_(value) {} // NOLINT(google-explicit-constructor): as std::atomic

    T load(std::memory_order = std::memory_order_seq_cst) const { return stepped().load(); }
    void store(T value, std::memory_order = std::memory_order_seq_cst) { stepped().store(value); }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) { return stepped().exchange(value); }
    template <class... Orders> bool compare_exchange_weak(T& expected, T desired, Orders...) {
        return stepped().compare_exchange_strong(expected, desired);
    }
    template <class... Orders> bool compare_exchange_strong(T& expected, T desired, Orders...) {
        return stepped().compare_exchange_strong(expected, desired);
    }
    T fetch_add(T value, std::memory_order = std::memory_order_seq_cst) { return stepped().fetch_add(value); }
    T fetch_sub(T value, std::memory_order = std::memory_order_seq_cst) { return stepped().fetch_sub(value); }
    T fetch_or(T value, std::memory_order = std::memory_order_seq_cst) { return stepped().fetch_or(value); }
    T fetch_and(T value, std::memory_order = std::memory_order_seq_cst) { return stepped().fetch_and(value); }

  private:
    std::atomic<T>& stepped() const {
        interleavings::step();
        return value_;
    }

    mutable std::atomic<T> value_{};
};

/// The synchronisation policy whose every access is a step.
struct stepping_sync {
    template <class T> using atomic = stepping_atomic<T>;
    using mutex = interleavings::mutex;
    struct condition_variable { // nobody waits in what is explored: a body ends instead, and looks again
        void notify_one() noexcept {}
        void notify_all() noexcept {}
        template <class Lock> [[noreturn]] void wait(Lock&) { std::terminate(); }
    };
};

} // namespace tests

#endif
