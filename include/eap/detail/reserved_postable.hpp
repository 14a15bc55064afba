// SPDX-License-Identifier: BSL-1.0
//
// Detail – a counted block that brings along the memory a context needs to queue it.
#ifndef EAP_DETAIL_RESERVED_POSTABLE_HPP
#define EAP_DETAIL_RESERVED_POSTABLE_HPP

#include "eap/detail/block_memory.hpp"
#include "eap/detail/lifetime_word.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/raw_memory.hpp"

#include <cstddef>

namespace eap::detail {

/// The target of closures that must be posted without allocating: contexts that honour `get_allocator` find
/// the memory for their nodes here.
///
/// Guarantees    two nodes of up to `slot_size` bytes at a time (an Asio strand takes two for one function);
///               what is larger, or more, comes from the heap. A context that gives memory back late does no
///               harm: what is lent out keeps the block alive.
class reserved_postable : public postable, public in_block_memory {
  public:
    static constexpr std::size_t slot_size = 80;

    void add_reference() noexcept { lifetime_.add_reference(); }
    /// While nobody else knows of it.
    void add_early_reference() noexcept { lifetime_.add_early_reference(); }
    void release_reference() noexcept {
        if (lifetime_.release())
            delete this;
    }

    void* allocate(std::size_t bytes, std::size_t alignment) final {
        if (bytes <= slot_size && alignment <= alignof(slot))
            if (const int free = lifetime_.take_slot(); free >= 0)
                return slots_[free].bytes;
        void* const memory = raw_allocate(bytes, alignment);
        add_reference(); // keeps the block alive as a slot does: it is the block that frees the memory
        return memory;
    }
    void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept final {
        for (int i = 0; i != lifetime_word<>::slot_count; ++i) {
            if (memory == slots_[i].bytes) {
                if (lifetime_.give_back(i))
                    delete this;
                return;
            }
        }
        raw_deallocate(memory, bytes, alignment);
        release_reference();
    }

  protected:
    reserved_postable() = default;
    virtual ~reserved_postable() = default;

  private:
    struct alignas(std::max_align_t) slot {
        std::byte bytes[slot_size];
    };

    lifetime_word<> lifetime_;
    slot slots_[lifetime_word<>::slot_count]; // each owned by whoever took it from lifetime_
};

} // namespace eap::detail

#endif
