// SPDX-License-Identifier: BSL-1.0
//
// Detail – one place for the newest of many values.
#ifndef EAP_DETAIL_LATEST_SLOT_HPP
#define EAP_DETAIL_LATEST_SLOT_HPP

#include "eap/detail/sync.hpp"

#include <cstdint>

namespace eap::detail {

/// Holds at most one `Node`, the newest. One sender at a time is *in charge*: it sees to it that a reader
/// comes.
///
/// The word      the pointer, and two flags in its low bits: `in_charge`, a sender is seeing to it, or has
///               done so; `closed`, the last reader has been, and nothing is taken in any more.
/// Invariant     a node that was put in comes out exactly once: to a reader, or to the sender that replaced
///               it.
/// Ordering      every exchange is acq_rel: a node travels with all that was written into it.
template <class Node, class Sync = std_sync> class latest_slot {
  public:
    enum class put_as : unsigned char {
        replacement,      // a reader has been promised already
        sender_in_charge, // the caller sends for a reader, or resigns
        refused,          // closed; the node is still the caller's
    };
    struct put_result {
        put_as became;
        Node* replaced; // the caller's to destroy; may be null
    };

    [[nodiscard]] put_result put(Node& newest) noexcept {
        std::uintptr_t old = word_.load(std::memory_order_relaxed);
        do {
            if ((old & closed_bit) != 0)
                return {put_as::refused, nullptr};
        } while (!word_.compare_exchange_weak(old, reinterpret_cast<std::uintptr_t>(&newest) | charge_bit,
                                              std::memory_order_acq_rel, std::memory_order_relaxed));
        return {(old & charge_bit) != 0 ? put_as::replacement : put_as::sender_in_charge, to_node(old)};
    }

    /// The sender in charge got no reader. What is in the slot stays there, for the next sender to see to, or
    /// for the last reader.
    void resign() noexcept { word_.fetch_and(~charge_bit, std::memory_order_release); }

    /// A reader: the newest node, or null.
    [[nodiscard]] Node* take() noexcept {
        return to_node(word_.fetch_and(closed_bit, std::memory_order_acq_rel));
    }

    /// The last reader: the newest node, or null; every later `put` is refused.
    [[nodiscard]] Node* close() noexcept {
        return to_node(word_.exchange(closed_bit, std::memory_order_acq_rel));
    }

  private:
    static constexpr std::uintptr_t charge_bit = 1;
    static constexpr std::uintptr_t closed_bit = 2;

    static Node* to_node(std::uintptr_t word) noexcept {
        return reinterpret_cast<Node*>(word & ~(charge_bit | closed_bit));
    }

    typename Sync::template atomic<std::uintptr_t> word_{0};
};

} // namespace eap::detail

#endif
