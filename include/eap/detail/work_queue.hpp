// SPDX-License-Identifier: BSL-1.0
//
// Detail – functions that wait for their turn: the queue behind the contexts of this library.
#ifndef EAP_DETAIL_WORK_QUEUE_HPP
#define EAP_DETAIL_WORK_QUEUE_HPP

#include "eap/detail/deadline.hpp"
#include "eap/detail/function_target.hpp"
#include "eap/detail/sync.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace eap::detail {

/// A function in a queue. It owns its memory and is ended by exactly one of its two members, which give that
/// memory back *before* they touch the function: what runs may post again into the same memory, and what is
/// destroyed may take the memory's source with it.
class work {
  public:
    virtual void run() = 0;
    virtual void drop() noexcept = 0;

    work() = default;
    work(const work&) = delete;
    work& operator=(const work&) = delete;

  protected:
    ~work() = default;

  private:
    friend class work_list;
    work* next_ = nullptr;
};

struct work_dropper {
    void operator()(work* unrun) const noexcept { unrun->drop(); }
};
using work_ptr = std::unique_ptr<work, work_dropper>; // destroyed, it drops; `release()->run()` runs

template <class F> class function_work final : public work {
    using allocator = std::allocator_traits<decltype(allocator_of(
        std::declval<const F&>()))>::template rebind_alloc<function_work>;
    using traits = std::allocator_traits<allocator>;

  public:
    /// Takes its memory from the function's allocator. Throws what allocating or moving throws.
    template <class G> [[nodiscard]] static work_ptr make(G&& function) {
        allocator memory{allocator_of(function)};
        function_work* const self = traits::allocate(memory, 1);
        try {
            return work_ptr{::new (static_cast<void*>(self)) function_work(std::forward<G>(function))};
        } catch (...) {
            traits::deallocate(memory, self, 1);
            throw;
        }
    }

    void run() override {
        F function = take(); // a move that throws leaves here as a call that throws would
        std::move(function)();
    }
    void drop() noexcept override {
        if constexpr (std::is_nothrow_move_constructible_v<F>)
            static_cast<void>(take());
        else
            const releaser at_end{this};
    }

  private:
    template <class G> explicit function_work(G&& function) : function_(std::forward<G>(function)) {}
    ~function_work() = default;

    struct releaser { // the allocator is taken while the function still knows it
        explicit releaser(function_work* s) noexcept : self(s), memory(allocator_of(s->function_)) {}
        releaser(const releaser&) = delete;
        releaser& operator=(const releaser&) = delete;
        ~releaser() {
            self->~function_work();
            traits::deallocate(memory, self, 1);
        }
        function_work* self;
        allocator memory;
    };

    F take() {
        const releaser at_end{this};
        return std::move(function_);
    }

    F function_;
};

template <class F> [[nodiscard]] work_ptr make_work(F&& function) {
    return function_work<std::decay_t<F>>::make(std::forward<F>(function));
}

/// Work in order. Destroyed, it drops what is left, oldest first.
class work_list {
  public:
    work_list() = default;
    work_list(work_list&& other) noexcept { append(other); }
    work_list& operator=(work_list&&) = delete;
    ~work_list() {
        while (first_ != nullptr)
            static_cast<void>(pop_front());
    }

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }

    void push_back(work_ptr last) noexcept {
        *end_ = last.release();
        end_ = &(*end_)->next_;
        ++size_;
    }
    [[nodiscard]] work_ptr pop_front() noexcept { // requires !empty()
        work* const first = first_;
        first_ = first->next_;
        if (first_ == nullptr)
            end_ = &first_;
        --size_;
        return work_ptr{first};
    }
    /// Moves all of `other` behind the last one here.
    void append(work_list& other) noexcept {
        if (other.first_ == nullptr)
            return;
        *end_ = std::exchange(other.first_, nullptr);
        end_ = std::exchange(other.end_, &other.first_);
        size_ += std::exchange(other.size_, 0);
    }

  private:
    work* first_ = nullptr;
    work** end_ = &first_; // the null at the end of the chain
    std::size_t size_ = 0;
};

/// A queue with any number of senders and takers, which can be closed for good.
///
/// Guarantees    no function is called or destroyed under the lock.
/// Thread safety all members.
template <class Sync = std_sync> class work_queue {
  public:
    enum class pushed : unsigned char { first, later, refused };

    /// Tells whether nothing was queued before. A closed queue refuses, and drops `last`.
    pushed push(work_ptr last) {
        pushed result = pushed::refused;
        {
            const std::lock_guard lock{mutex_};
            if (closed_.load(std::memory_order_relaxed))
                return result; // `last` is dropped after the lock
            result = queued_.empty() ? pushed::first : pushed::later;
            queued_.push_back(std::move(last));
        }
        changed_.notify_one(); // the caller keeps the queue alive
        return result;
    }

    /// The oldest, when there is one; waits for it. Null when the queue is closed.
    [[nodiscard]] work_ptr wait_one() {
        std::unique_lock lock{mutex_};
        while (queued_.empty()) {
            if (closed_.load(std::memory_order_relaxed))
                return nullptr;
            changed_.wait(lock);
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
        const auto ready = [&] {
            return !queued_.empty() || closed_.load(std::memory_order_relaxed) || give_up();
        };
        if (until == forever) {
            while (!ready())
                changed_.wait(lock);
        } else {
            changed_.wait_until(lock, until, ready);
        }
        taken.append(queued_);
    }

    /// Lets waiting threads ask `give_up` again; what it reads was written before.
    void interrupt() {
        {
            const std::lock_guard lock{mutex_};
        } // whoever is about to wait has begun to, or sees what was written
        changed_.notify_all();
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
        const std::lock_guard lock{mutex_};
        closed_.store(true, std::memory_order_release);
        changed_.notify_all();
        return std::move(queued_);
    }

    bool empty() const {
        const std::lock_guard lock{mutex_};
        return queued_.empty();
    }
    bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  private:
    mutable typename Sync::mutex mutex_;
    typename Sync::condition_variable changed_;
    work_list queued_;                                   // guarded by mutex_
    typename Sync::template atomic<bool> closed_{false}; // written under mutex_
};

} // namespace eap::detail

#endif
