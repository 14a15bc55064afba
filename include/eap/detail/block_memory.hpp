// SPDX-License-Identifier: BSL-1.0
//
// Detail – memory of a few sizes, used again: what is made and destroyed all the time does not go to the heap each time.
#ifndef EAP_DETAIL_BLOCK_MEMORY_HPP
#define EAP_DETAIL_BLOCK_MEMORY_HPP

#include "eap/detail/seldom.hpp"
#include "eap/detail/sync.hpp"

#include <array>
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <new>
#include <utility>

namespace eap::detail {

/// Where all blocks come from and go back to: the heap, or the one resource that was given before the first was taken.
class block_source {
  public:
    static void* allocate(std::size_t bytes) {
        static_cast<void>(set(heap())); // unless it is set: from now on it stays what it is
        std::pmr::memory_resource& from = *resource.load(std::memory_order_acquire);
        return &from == &heap() ? ::operator new(bytes) : from.allocate(bytes);
    }
    static void deallocate(void* memory, std::size_t bytes) noexcept {
        std::pmr::memory_resource& from = *resource.load(std::memory_order_acquire);
        if (&from == &heap())
            ::operator delete(memory);
        else
            from.deallocate(memory, bytes);
    }
    /// False when another one is set.
    static bool set(std::pmr::memory_resource& given) noexcept {
        std::pmr::memory_resource* now = resource.load(std::memory_order_acquire);
        return now == &given ||
               (now == nullptr && (resource.compare_exchange_strong(now, &given) || now == &given));
    }

  private:
    static std::pmr::memory_resource& heap() noexcept { return *std::pmr::new_delete_resource(); }

    // Null until the first use, then for ever the same.
    static inline constinit std_sync::atomic<std::pmr::memory_resource*> resource{nullptr};
};

/// Some blocks of one size, that are not in use. It does not own them.
struct block_pile {
    static constexpr std::size_t full = 16;

    struct block {
        block* next;
        block* next_pile; // of the first one of a pile in the depot
    };

    void* take() noexcept {
        block* const taken = first;
        if (taken != nullptr) {
            first = taken->next;
            --count;
        }
        return taken;
    }
    bool put(void* memory) noexcept {
        if (count >= full)
            return false;
        first = ::new (memory) block{first, nullptr};
        ++count;
        return true;
    }
    void free_all(std::size_t bytes) noexcept {
        while (void* const memory = take())
            block_source::deallocate(memory, bytes);
    }

    block* first = nullptr;
    std::size_t count = 0;
};

/// The full piles of one size that no thread keeps for itself.
class block_depot {
  public:
    static constexpr std::size_t most = 64;

    /// Empty when there is none.
    block_pile take() noexcept {
        const std::lock_guard lock{mutex_};
        block_pile::block* const taken = piles_;
        if (taken == nullptr)
            return {};
        piles_ = taken->next_pile;
        --count_;
        return {taken, block_pile::full};
    }
    /// Frees it when there are enough, or when it is not full.
    void put(block_pile pile, std::size_t bytes) noexcept {
        if (pile.count == block_pile::full && pile.first != nullptr) {
            const std::lock_guard lock{mutex_};
            if (count_ < most) {
                pile.first->next_pile = std::exchange(piles_, pile.first);
                ++count_;
                return;
            }
        }
        pile.free_all(bytes);
    }

  private:
    std_sync::mutex mutex_;
    block_pile::block* piles_ = nullptr; // guarded by mutex_
    std::size_t count_ = 0;              // likewise
};

/// What one thread keeps of one size. Before the thread's first use, and after its end, `now` holds nothing and takes nothing.
struct thread_blocks {
    block_pile now{nullptr, block_pile::full};
    block_pile other; // full or empty
};

/// Memory whose size is rounded up to a multiple of 64 bytes. A thread keeps some blocks of each size for itself, and exchanges
/// what is more with all others by the pile, under a lock: so memory that one thread takes and another one gives back finds
/// its way round, at the cost of one lock for sixteen blocks.
///
/// Guarantees    a thread keeps at most two piles of each size, 272 KiB in all, until it ends; then, and beyond that, they are
///               everybody's: at most 64 piles of each size, 9 MiB in all. What is more goes back to the heap.
/// Thread safety all members, also while threads and static objects end.
/// Errors        `allocate` throws std::bad_alloc.
class block_memory {
  public:
    static constexpr std::size_t largest = 1024; // bytes

    static void* allocate(std::size_t bytes) {
        if (bytes > largest || !is_used)
            return block_source::allocate(bytes);
        const std::size_t index = (bytes - 1) / step;
        void* const again = mine[index].now.take();
        return again != nullptr ? again : allocate_slowly(index);
    }
    static void deallocate(void* memory, std::size_t bytes) noexcept {
        if (bytes > largest || !is_used)
            block_source::deallocate(memory, bytes);
        else if (const std::size_t index = (bytes - 1) / step; !mine[index].now.put(memory))
            deallocate_slowly(memory, index);
    }

    /// From now on, until `resume`, this thread takes all blocks from the heap, and gives them back there: for who counts.
    static void suspend() noexcept {
        if (!begin_thread())
            return;
        is_suspended = true;
        for (std::size_t i = 0; i != sizes; ++i) {
            mine[i].now.free_all(size_of(i));
            mine[i].other.free_all(size_of(i));
            mine[i].now.count = block_pile::full;
        }
    }
    static void resume() noexcept {
        if (!std::exchange(is_suspended, false))
            return;
        for (thread_blocks& each : mine)
            each.now.count = 0;
    }

  private:
    static constexpr std::size_t step = 64;
    static constexpr std::size_t sizes = largest / step;
    static constexpr std::size_t size_of(std::size_t index) noexcept { return (index + 1) * step; }

    // A sanitizer is to see each use of memory that has been given back. MinGW's mutexes cannot be there before all else is.
#if defined(__SANITIZE_ADDRESS__) || defined(__MINGW32__)
    static constexpr bool is_used = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
    static constexpr bool is_used = false;
#else
    static constexpr bool is_used = true;
#endif
#else
    static constexpr bool is_used = true;
#endif

    EAP_SELDOM static void* allocate_slowly(std::size_t index) {
        if (begin_thread()) {
            thread_blocks& here = mine[index];
            std::swap(here.now, here.other);
            if (here.now.first == nullptr)
                here.now = shared[index].take();
            if (void* const again = here.now.take())
                return again;
        }
        return block_source::allocate(size_of(index));
    }
    EAP_SELDOM static void deallocate_slowly(void* memory, std::size_t index) noexcept {
        if (!begin_thread()) {
            block_source::deallocate(memory, size_of(index));
            return;
        }
        thread_blocks& here = mine[index];
        if (here.now.put(memory)) // the first of this thread
            return;
        std::swap(here.now, here.other);
        if (here.now.first != nullptr) // both are full
            shared[index].put(std::exchange(here.now, {}), size_of(index));
        static_cast<void>(here.now.put(memory));
    }

    /// Apart from what it looks after, so that this can be used without a look whether it has been made.
    struct thread_life {
        thread_life() noexcept {
            for (thread_blocks& each : mine)
                each.now.count = 0;
        }
        thread_life(const thread_life&) = delete;
        thread_life& operator=(const thread_life&) = delete;
        ~thread_life() {
            is_suspended = true; // for good
            for (std::size_t i = 0; i != sizes; ++i) {
                shared[i].put(std::exchange(mine[i].now, {nullptr, block_pile::full}), size_of(i));
                shared[i].put(std::exchange(mine[i].other, {}), size_of(i));
            }
        }
    };
    /// False when the thread does not keep blocks, also when it is at its end.
    static bool begin_thread() noexcept {
        if (is_suspended)
            return false;
        static thread_local const thread_life life;
        return true;
    }

    static inline constinit thread_local std::array<thread_blocks, sizes> mine{};
    static inline constinit thread_local bool is_suspended = false;
#ifdef __MINGW32__
    static inline std::array<block_depot, sizes> shared{}; // not used
#else
    static inline constinit std::array<block_depot, sizes> shared{};
#endif
};

/// Whatever derives from it is made in such memory.
struct in_block_memory {
    static void* operator new(std::size_t bytes) { return block_memory::allocate(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        block_memory::deallocate(memory, bytes);
    }
    // Over-aligned types are rare.
    static void* operator new(std::size_t bytes, std::align_val_t alignment) {
        return ::operator new(bytes, alignment);
    }
    static void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t alignment) noexcept {
        ::operator delete(memory, alignment);
    }
};

} // namespace eap::detail

#endif
