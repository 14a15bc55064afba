// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/raw_memory.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

TEST_CASE("raw memory is aligned as wanted, and more than there can be is refused", "[raw_memory]") {
    for (const std::size_t alignment : {std::size_t{1}, alignof(std::max_align_t), std::size_t{64}}) {
        void* const memory = eap::detail::raw_allocate(100, alignment);
        CHECK(reinterpret_cast<std::uintptr_t>(memory) % alignment == 0);
        eap::detail::raw_deallocate(memory, 100, alignment);
    }
    eap::detail::raw_allocator<int> of_ints;
    int* const some = of_ints.allocate(3);
    of_ints.deallocate(some, 3);
    CHECK_THROWS_AS(of_ints.allocate(std::numeric_limits<std::size_t>::max() / 2), std::bad_array_new_length);
}
