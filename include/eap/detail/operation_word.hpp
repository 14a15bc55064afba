// SPDX-License-Identifier: BSL-1.0
//
// Detail – the word that decides an operation: who ends it, and whether it was asked to stop.
#ifndef EAP_DETAIL_OPERATION_WORD_HPP
#define EAP_DETAIL_OPERATION_WORD_HPP

#include "eap/detail/sync.hpp"

#include <cstdint>

namespace eap::detail {

/// First wins: of all that would end an operation, one `claim` succeeds.
///
/// Bits          decided          somebody has claimed the outcome, and is writing it or has written it
///               decided_by_worker  ... and it was the worker, by a call that took effect
///               stop_requested   the worker has been asked to stop; set before or after the decision
/// Ordering      the outcome itself travels with the mailbox; this word only elects. `claim` is acq_rel, so
///               that the winner sees a stop request whose caller was told that it was recorded. The stop bit
///               is seq_cst: see lazy_stop_source.
template <class Sync = std_sync> class operation_word {
  public:
    enum class claimant : unsigned char { worker, other };
    enum class claim_result : unsigned char {
        won,
        lost,              // somebody else was first
        already_completed, // the worker itself had completed it before this call began
    };

    /// `stop_came_first`, if given, is set by the winner: whether a stop was recorded before it won.
    [[nodiscard]] claim_result claim(claimant who, bool* stop_came_first = nullptr) noexcept {
        std::uint32_t old = word_.load(std::memory_order_acquire);
        if ((old & decided_by_worker) != 0)
            return claim_result::already_completed;
        const std::uint32_t bits = who == claimant::worker ? decided | decided_by_worker : decided;
        while ((old & decided) == 0) {
            if (word_.compare_exchange_weak(old, old | bits, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                if (stop_came_first != nullptr)
                    *stop_came_first = (old & stop) != 0;
                return claim_result::won;
            }
        }
        return claim_result::lost;
    }

    /// What `claim` would find, without claiming: `won` stands for "undecided".
    [[nodiscard]] claim_result look() const noexcept {
        const std::uint32_t now = word_.load(std::memory_order_acquire);
        return (now & decided) == 0             ? claim_result::won
               : (now & decided_by_worker) == 0 ? claim_result::lost
                                                : claim_result::already_completed;
    }
    [[nodiscard]] bool is_decided() const noexcept {
        return (word_.load(std::memory_order_acquire) & decided) != 0;
    }

    /// Records a stop request. True when it is the first, and the outcome was still open.
    bool request_stop() noexcept {
        const std::uint32_t old = word_.fetch_or(stop, std::memory_order_seq_cst);
        return (old & (stop | decided)) == 0;
    }
    [[nodiscard]] bool stop_requested() const noexcept {
        return (word_.load(std::memory_order_seq_cst) & stop) != 0;
    }

  private:
    static constexpr std::uint32_t decided = 1;
    static constexpr std::uint32_t decided_by_worker = 2;
    static constexpr std::uint32_t stop = 4;

    typename Sync::template atomic<std::uint32_t> word_{0};
};

} // namespace eap::detail

#endif
