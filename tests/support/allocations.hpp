// SPDX-License-Identifier: BSL-1.0
//
// Watches operator new on the calling thread. (Boost.Asio mostly allocates by other means, unseen here.)
#ifndef EAP_TESTS_SUPPORT_ALLOCATIONS_HPP
#define EAP_TESTS_SUPPORT_ALLOCATIONS_HPP

#include <cstddef>

namespace tests {

/// Counts the allocations of this thread since it was made, and can make one of them fail. Watches do not
/// nest.
class allocation_watch {
  public:
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
