// SPDX-License-Identifier: BSL-1.0
//
// Detail – a counted block that brings along the memory a context needs to queue it.
#ifndef EAP_DETAIL_RESERVED_POSTABLE_HPP
#define EAP_DETAIL_RESERVED_POSTABLE_HPP

#include "eap/detail/lifetime_word.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/raw_memory.hpp"
#include "eap/detail/seldom.hpp"

#include <algorithm>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new> // IWYU pragma: keep (placement)
#include <utility>

namespace eap::detail {

/// The target of closures that must be posted without allocating: contexts that honour `get_allocator` find
/// the memory for their nodes here, in slots that lie before the block.
///
///     | slot 1 | slot 0 | the block: this, and what derives from it |
///
/// Guarantees    as many nodes of up to `slot_size` bytes at a time as it was made with slots; what is larger, or more,
///               comes from the heap. A context that gives memory back late does no harm: what is lent out
///               keeps the block alive.
class reserved_postable : public postable {
  public:
    static constexpr std::size_t slot_size = 80;

    /// Makes a block, the caller's, with slots for what a context takes at a time: see `nodes_per_post`.
    /// Requires      this is the first of the block's bases, and theirs.
    template <std::derived_from<reserved_postable> Block, class... Args>
    [[nodiscard]] static Block* make(std::size_t nodes, Args&&... args) {
        nodes = std::min<std::size_t>(nodes, lifetime_word<>::slot_count);
        const std::size_t room = room_for<Block>(nodes);
        auto* const memory = take<Block>(room);
        try {
            auto* const made = ::new (static_cast<void*>(memory + room)) Block(std::forward<Args>(args)...);
            reserved_postable& self = *made;
            assert(static_cast<void*>(&self) == made);
            self.nodes_ = static_cast<std::uint8_t>(nodes);
            self.destroy_ = destroy<Block>;
            return made;
        } catch (...) {
            give_back<Block>(memory, room);
            throw;
        }
    }
    static void* operator new(std::size_t) = delete; // `make` makes them

    void add_reference() noexcept { lifetime_.add_reference(); }
    /// While nobody else knows of it.
    void add_early_reference() noexcept { lifetime_.add_early_reference(); }
    void release_reference() noexcept {
        if (lifetime_.release())
            destroy_(*this);
    }

    void* allocate(std::size_t bytes, std::size_t alignment) final {
        if (nodes_ != 0 && bytes <= slot_size && alignment <= alignof(std::max_align_t))
            if (const int free = lifetime_.take_slot(nodes_); free >= 0)
                return slot(free);
        return lend_from_heap(bytes, alignment);
    }
    void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept final {
        const int lent = nodes_ > 0 && memory == slot(0) ? 0 : nodes_ > 1 && memory == slot(1) ? 1 : -1;
        if (lent < 0)
            give_back_to_heap(memory, bytes, alignment);
        else if (lifetime_.give_back(lent))
            destroy_(*this);
    }

  protected:
    reserved_postable() = default;
    ~reserved_postable() = default;

  private:
    static_assert(slot_size % alignof(std::max_align_t) == 0);

    EAP_SELDOM void* lend_from_heap(std::size_t bytes, std::size_t alignment) {
        void* const memory = raw_allocate(bytes, alignment);
        add_reference(); // keeps the block alive as a slot does: it is the block that frees the memory
        return memory;
    }
    EAP_SELDOM void give_back_to_heap(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
        raw_deallocate(memory, bytes, alignment);
        release_reference();
    }

    /// Bytes, so many that the block behind them is aligned.
    template <class Block> static constexpr std::size_t room_for(std::size_t nodes) noexcept {
        return (nodes * slot_size + alignof(Block) - 1) / alignof(Block) * alignof(Block);
    }
    template <class Block> static std::byte* take(std::size_t room) { // a size that is known is found faster
        return static_cast<std::byte*>(room == 0 ? raw_allocate(sizeof(Block), alignof(Block))
                                                 : raw_allocate(room + sizeof(Block), alignof(Block)));
    }
    template <class Block> static void give_back(std::byte* memory, std::size_t room) noexcept {
        if (room == 0)
            raw_deallocate(memory, sizeof(Block), alignof(Block));
        else
            raw_deallocate(memory, room + sizeof(Block), alignof(Block));
    }
    template <class Block> static void destroy(reserved_postable& which) noexcept {
        const std::size_t room = room_for<Block>(which.nodes_);
        auto& block = static_cast<Block&>(which);
        block.~Block();
        give_back<Block>(reinterpret_cast<std::byte*>(&block) - room, room);
    }

    /// Owned by whoever took it from `lifetime_`.
    std::byte* slot(int number) noexcept {
        return reinterpret_cast<std::byte*>(this) - (number + 1) * std::ptrdiff_t{slot_size};
    }

    void (*destroy_)(reserved_postable&) noexcept = nullptr; // set by `make`, as `nodes_`
    lifetime_word<> lifetime_;
    std::uint8_t nodes_ = 0;
};

} // namespace eap::detail

#endif
