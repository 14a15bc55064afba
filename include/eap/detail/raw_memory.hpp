// SPDX-License-Identifier: BSL-1.0
//
// Detail – untyped memory of any alignment.
#ifndef EAP_DETAIL_RAW_MEMORY_HPP
#define EAP_DETAIL_RAW_MEMORY_HPP

#include "eap/detail/block_memory.hpp"

#include <cstddef>
#include <limits>
#include <new>

namespace eap::detail {

// The aligned forms of new and delete cost several times the plain ones: they serve over-aligned types only.

inline void* raw_allocate(std::size_t bytes, std::size_t alignment) {
    return alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__ ? block_memory::allocate(bytes)
                                                         : ::operator new(bytes, std::align_val_t{alignment});
}

inline void raw_deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
    if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__)
        block_memory::deallocate(memory, bytes);
    else
        ::operator delete(memory, std::align_val_t{alignment});
}

/// std::allocator, in such memory.
template <class T> struct raw_allocator {
    using value_type = T;

    raw_allocator() = default;
    template <class U> explicit(false) raw_allocator(const raw_allocator<U>& /*other*/) noexcept {}

    T* allocate(std::size_t n) {
        if (n > std::numeric_limits<std::size_t>::max() / sizeof(T))
            throw std::bad_array_new_length{};
        return static_cast<T*>(raw_allocate(n * sizeof(T), alignof(T)));
    }
    void deallocate(T* memory, std::size_t n) noexcept { raw_deallocate(memory, n * sizeof(T), alignof(T)); }

    template <class U> bool operator==(const raw_allocator<U>& /*other*/) const noexcept { return true; }
};

} // namespace eap::detail

#endif
