// SPDX-License-Identifier: BSL-1.0
//
// Detail – a queue with many senders, one drain in flight, and a last message.
#ifndef EAP_DETAIL_MAILBOX_HPP
#define EAP_DETAIL_MAILBOX_HPP

#include "eap/detail/sync.hpp"

#include <cstdint>
#include <utility>

namespace eap::detail {

struct alignas(8) mailbox_node { // the alignment leaves three bits of a pointer to it free
    mailbox_node* next = nullptr;
};

/// Messages from any threads to one reader at a time, ended by a last one behind which nothing is taken in.
///
/// The word       a stack of new messages, and three flags in its low bits:
///                  draining  somebody has the right to read: a drain is in flight, or running (with
///                            `closed`: whether that was so when the last message was sent)
///                  closed    the last message has been sent
///                  gone      the reader's place does not exist any more
/// Invariant      `draining` is given to the sender that finds it unset, handed on with the drain it posts,
///                and given back by `release` alone. Only its owner calls the reader's half and touches
///                `taken_`.
/// Why one word   the exchange that appends the last message also settles its races: against a report (which
///                is then before it or refused), against a drain that goes idle, and against a place that
///                goes away.
/// Ordering       sending is acq_rel and taking acquire, so the reader sees what the sender wrote, and an
///                owner of `draining` sees what the previous owner left in `taken_` (`release` is a release).
template <class Sync = std_sync> class mailbox {
  public:
    enum class sent : unsigned char {
        queued,    // a drain is in flight and will find it
        must_post, // the caller now owns `draining`: it posts a drain
        closed,    // `send` only: the last message was sent before
        gone,      // there is no place any more; the caller of `close` now owns `draining` for good
    };

    // ---- the senders' half: any thread ----

    /// Appends a message.
    [[nodiscard]] sent send(mailbox_node& message) noexcept {
        std::uintptr_t old = word_.load(std::memory_order_relaxed);
        do {
            if ((old & (closed_bit | gone_bit)) != 0)
                return (old & gone_bit) != 0 ? sent::gone : sent::closed;
            message.next = to_node(old);
        } while (!word_.compare_exchange_weak(old, to_word(message) | draining_bit, std::memory_order_acq_rel,
                                              std::memory_order_relaxed));
        return (old & draining_bit) != 0 ? sent::queued : sent::must_post;
    }

    /// Appends the last message. Called once.
    [[nodiscard]] sent close(mailbox_node& last) noexcept {
        std::uintptr_t old = word_.load(std::memory_order_relaxed);
        std::uintptr_t kept = 0;
        do {
            last.next = to_node(old);
            kept = (old & gone_bit) != 0 ? gone_bit : old & draining_bit;
        } while (!word_.compare_exchange_weak(old, to_word(last) | closed_bit | kept,
                                              std::memory_order_acq_rel, std::memory_order_relaxed));
        return (kept & gone_bit) != 0       ? sent::gone
               : (kept & draining_bit) != 0 ? sent::queued
                                            : sent::must_post;
    }

    // ---- the reader's half: the owner of `draining` ----

    /// The oldest message, now the caller's; null when there is none at the moment.
    [[nodiscard]] mailbox_node* take() noexcept {
        if (taken_ == nullptr)
            take_in(word_.load(std::memory_order_relaxed));
        mailbox_node* const first = taken_;
        if (first != nullptr)
            taken_ = first->next;
        return first;
    }

    /// Puts back what `take` returned last.
    void untake(mailbox_node& first) noexcept {
        first.next = taken_;
        taken_ = &first;
    }

    /// Takes the messages that match out of the queue, wherever they stand; oldest first.
    template <class Match> [[nodiscard]] mailbox_node* remove_if(Match matches) noexcept {
        take_in(word_.load(std::memory_order_relaxed));
        mailbox_node* kept = taken_;
        mailbox_node* removed = nullptr;
        mailbox_node** last_removed = &removed;
        for (mailbox_node** link = &kept; *link != nullptr;) {
            mailbox_node& each = **link;
            if (matches(std::as_const(each))) {
                *link = each.next;
                each.next = nullptr;
                *last_removed = &each;
                last_removed = &each.next;
            } else {
                link = &each.next;
            }
        }
        taken_ = kept;
        return removed;
    }

    /// Whether messages are left that were taken in already.
    [[nodiscard]] bool has_taken() const noexcept { return taken_ != nullptr; }

    /// Gives `draining` back; false, and still the owner, when messages have arrived. Messages taken in
    /// earlier may stay behind: the next sender becomes their reader.
    [[nodiscard]] bool release() noexcept {
        std::uintptr_t expected = draining_bit;
        return word_.compare_exchange_strong(expected, 0, std::memory_order_release,
                                             std::memory_order_relaxed);
    }

    struct remains {
        mailbox_node* messages; // oldest first
        bool has_last;          // the last message is among them
    };

    /// Says that the place is gone, for good, and takes out what was sent before. The right to read ends
    /// here, unless the last message was among it: otherwise it passes to the sender of the last message,
    /// whose `close` returns `gone`.
    [[nodiscard]] remains place_is_gone() noexcept {
        std::uintptr_t old = word_.load(std::memory_order_relaxed);
        for (;;) {
            old = take_in(old);
            mailbox_node* const all = taken_;
            taken_ = nullptr; // given up before `gone` says so
            if (word_.compare_exchange_strong(old, old | gone_bit, std::memory_order_acq_rel,
                                              std::memory_order_relaxed))
                return {all, (old & closed_bit) != 0};
            taken_ = all; // one more came
        }
    }

    /// Whether `close` returned `queued`; for the reader of the last message.
    [[nodiscard]] bool last_was_queued() const noexcept {
        return (word_.load(std::memory_order_relaxed) & draining_bit) != 0;
    }

    /// Whether the last message is in the queue already.
    [[nodiscard]] bool is_closed() const noexcept {
        return (word_.load(std::memory_order_acquire) & closed_bit) != 0;
    }

  private:
    static constexpr std::uintptr_t draining_bit = 1;
    static constexpr std::uintptr_t closed_bit = 2;
    static constexpr std::uintptr_t gone_bit = 4;
    static constexpr std::uintptr_t flags = draining_bit | closed_bit | gone_bit;

    static mailbox_node* to_node(std::uintptr_t word) noexcept {
        return reinterpret_cast<mailbox_node*>(word & ~flags);
    }
    static std::uintptr_t to_word(mailbox_node& node) noexcept {
        return reinterpret_cast<std::uintptr_t>(&node);
    }

    /// Moves the stack of new messages, turned round, behind those in `taken_`; returns the word as it is
    /// then.
    std::uintptr_t take_in(std::uintptr_t old) noexcept {
        if (to_node(old) == nullptr)
            return old;
        while (!word_.compare_exchange_weak(old, old & flags, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
        }
        mailbox_node* oldest_first = nullptr;
        for (mailbox_node* node = to_node(old); node != nullptr;) {
            mailbox_node* const older = node->next;
            node->next = oldest_first;
            oldest_first = node;
            node = older;
        }
        mailbox_node* all = taken_;
        mailbox_node** link = &all;
        while (*link != nullptr)
            link = &(*link)->next;
        *link = oldest_first;
        taken_ = all;
        return old & flags;
    }

    typename Sync::template atomic<std::uintptr_t> word_{0};
    typename Sync::template plain<mailbox_node*> taken_{}; // oldest first; of the owner of `draining`
};

} // namespace eap::detail

#endif
