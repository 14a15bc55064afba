// SPDX-License-Identifier: BSL-1.0
//
// Watches operator new on the calling thread. (Boost.Asio mostly allocates by other means, unseen here.)
#ifndef EAP_TESTS_SUPPORT_ALLOCATIONS_HPP
#define EAP_TESTS_SUPPORT_ALLOCATIONS_HPP

#include <cstddef>

// The sanitizers replace operator new themselves.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EAP_TESTS_ALLOCATIONS_UNSEEN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define EAP_TESTS_ALLOCATIONS_UNSEEN
#endif
#endif

namespace tests {

/// Counts the allocations of this thread since it was made, and can make one of them fail. Watches do not
/// nest.
class allocation_watch {
  public:
#ifdef EAP_TESTS_ALLOCATIONS_UNSEEN
    static constexpr bool works = false; // counts none, fails none
#else
    static constexpr bool works = true;
#endif

    allocation_watch() noexcept;
    allocation_watch(const allocation_watch&) = delete;
    allocation_watch& operator=(const allocation_watch&) = delete;
    ~allocation_watch();

    std::size_t count() const noexcept;
    /// The `number`-th allocation from now, counted from 1, throws std::bad_alloc. 0: none does.
    void fail(std::size_t number) noexcept;
};

} // namespace tests

#endif
