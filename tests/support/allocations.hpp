// SPDX-License-Identifier: BSL-1.0
//
// Watches operator new on the calling thread; and std::aligned_alloc, by which Boost.Asio allocates, when asked to.
#ifndef EAP_TESTS_SUPPORT_ALLOCATIONS_HPP
#define EAP_TESTS_SUPPORT_ALLOCATIONS_HPP

#include <cstddef>

// The sanitizers replace operator new themselves. (AddressSanitizer lets it be replaced once more, and then sees the malloc
// behind it: for a run that is to have both, define EAP_TESTS_ALLOCATIONS_SEEN.)
#if defined(EAP_TESTS_ALLOCATIONS_SEEN)
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EAP_TESTS_ALLOCATIONS_UNSEEN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define EAP_TESTS_ALLOCATIONS_UNSEEN
#endif
#endif

namespace tests {

/// Counts the allocations of this thread since it was made, and can make one of them fail, or all from one on.
/// Watches do not nest.
class allocation_watch {
  public:
    /// What comes from the heap by `operator new`, and what Asio takes; while such a watch lives, this thread's blocks all come
    /// from the heap. Or the heap alone: blocks that are used again are not seen.
    enum class sees : unsigned char { operator_new, asio_too, heap_alone };

#ifdef EAP_TESTS_ALLOCATIONS_UNSEEN
    static constexpr bool works = false; // counts none, fails none
#else
    static constexpr bool works = true;
#endif

    explicit allocation_watch(sees what = sees::operator_new) noexcept;
    allocation_watch(const allocation_watch&) = delete;
    allocation_watch& operator=(const allocation_watch&) = delete;
    ~allocation_watch();

    std::size_t count() const noexcept;
    /// The `number`-th allocation from now, counted from 1, throws std::bad_alloc. 0: none does.
    void fail(std::size_t number) noexcept;
    /// So does every one after it.
    void fail_from(std::size_t number) noexcept;
    /// How many have failed.
    std::size_t failures() const noexcept;
};

} // namespace tests

#endif
