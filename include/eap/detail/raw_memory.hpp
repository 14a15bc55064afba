// SPDX-License-Identifier: BSL-1.0
//
// Detail – untyped memory of any alignment.
#ifndef EAP_DETAIL_RAW_MEMORY_HPP
#define EAP_DETAIL_RAW_MEMORY_HPP

#include <cstddef>
#include <new>

namespace eap::detail {

// The aligned forms of new and delete cost several times the plain ones: they serve over-aligned types only.

inline void* raw_allocate(std::size_t bytes, std::size_t alignment) {
    return alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__ ? ::operator new(bytes)
                                                         : ::operator new(bytes, std::align_val_t{alignment});
}

inline void raw_deallocate(void* memory, std::size_t alignment) noexcept {
    if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__)
        ::operator delete(memory);
    else
        ::operator delete(memory, std::align_val_t{alignment});
}

} // namespace eap::detail

#endif
