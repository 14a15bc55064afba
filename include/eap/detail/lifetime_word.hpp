// SPDX-License-Identifier: BSL-1.0
//
// Detail – how long a block lives: its references and its lent slots, counted in one word.
#ifndef EAP_DETAIL_LIFETIME_WORD_HPP
#define EAP_DETAIL_LIFETIME_WORD_HPP

#include "eap/detail/sync.hpp"

#include <cstdint>

namespace eap::detail {

/// A reference count that also hands out two slots of the block's own memory.
///
/// Invariant     the block is alive while a reference is counted or a slot lent out, which keeps it as a
///               reference does: a context may give the memory back after everything else. Whoever adds a
///               reference holds one, or the lock under which the block leaves a list before its last one goes:
///               so who finds itself the only holder stays it, and takes no atomic step.
/// Layout        bits 0 and 1: the slots in use; the rest: the number of references.
/// Ordering      `release` and `give_back` are acq_rel: whoever destroys the block sees all that was done
///               with it.
template <class Sync = std_sync> class lifetime_word {
  public:
    static constexpr int slot_count = 2;

    void add_reference() noexcept { word_.fetch_add(one_reference, std::memory_order_relaxed); }
    /// By the creator, while nobody else knows of the block.
    void add_early_reference() noexcept {
        word_.store(word_.load(std::memory_order_relaxed) + one_reference, std::memory_order_relaxed);
    }

    /// True when this was the last reference and no slot is lent out: the caller destroys the block.
    [[nodiscard]] bool release() noexcept {
        return word_.load(std::memory_order_acquire) == one_reference || // nobody else could change it
               word_.fetch_sub(one_reference, std::memory_order_acq_rel) == one_reference;
    }

    /// The number of a free slot among the first so many, now the caller's, or -1. The caller must hold a reference.
    [[nodiscard]] int take_slot(int among = slot_count) noexcept {
        // acquire pairs with give_back: what the last user of the slot wrote comes before what we write
        auto old = word_.load(std::memory_order_relaxed);
        for (;;) {
            const int slot = (old & 1U) == 0 ? 0 : among > 1 && (old & 2U) == 0 ? 1 : -1;
            if (slot < 0)
                return -1;
            if (word_.compare_exchange_weak(old, old | (1U << slot), std::memory_order_acquire,
                                            std::memory_order_relaxed))
                return slot;
        }
    }

    /// True when nothing else kept the block: the caller destroys it.
    [[nodiscard]] bool give_back(int slot) noexcept {
        const std::uint32_t bit = 1U << slot;
        return word_.fetch_sub(bit, std::memory_order_acq_rel) == bit;
    }

  private:
    static constexpr std::uint32_t one_reference = 1U << slot_count;

    typename Sync::template atomic<std::uint32_t> word_{one_reference}; // born with its creator's reference
};

} // namespace eap::detail

#endif
