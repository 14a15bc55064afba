// SPDX-License-Identifier: BSL-1.0
//
// Detail – a way in that can be closed, and that tells when the last one has left.
#ifndef EAP_DETAIL_GATE_HPP
#define EAP_DETAIL_GATE_HPP

#include "eap/detail/inside.hpp"
#include "eap/detail/parking.hpp"
#include "eap/detail/sync.hpp"

#include <cstddef>
#include <utility>

namespace eap::detail {

/// Lets threads in until it is closed; whoever closes it waits for those who are inside.
///
/// The word      bit 0: closed; the rest: the number of threads inside.
/// Ordering      entering is acquire and leaving release, closing both: whoever returned from `close` sees
///               all that was done inside, and whoever was refused sees what was done before `close`.
/// Lifetime      the last one to leave touches the gate after whoever waits has been let go: those who enter keep it alive.
template <class Sync = std_sync> class gate {
  public:
    gate() = default;
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    /// When true, the caller is inside until it calls `leave`.
    [[nodiscard]] bool try_enter() noexcept {
        std::size_t old = word_.load(std::memory_order_acquire);
        do { // not an increment that is taken back: of two who leave, neither would be the last
            if ((old & closed) != 0)
                return false;
        } while (!word_.compare_exchange_weak(old, old + one_inside, std::memory_order_acquire,
                                              std::memory_order_acquire));
        return true;
    }
    /// True when it is closed and nobody is inside any more.
    bool leave() noexcept {
        if (word_.fetch_sub(one_inside, std::memory_order_acq_rel) != (one_inside | closed))
            return false;
        left_.set();
        return true;
    }

    /// Inside for as long as it lives, if it was let in; and its thread knows. Entries of one thread nest.
    class entry {
      public:
        explicit entry(gate& way_in) noexcept
            : way_in_(way_in.try_enter() ? &way_in : nullptr), frame_(way_in_) {}
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;
        ~entry() { leave(); }
        /// As that of the gate; once.
        bool leave() noexcept { return way_in_ != nullptr && std::exchange(way_in_, nullptr)->leave(); }
        explicit operator bool() const noexcept { return way_in_ != nullptr; }

      private:
        gate* way_in_; // null when refused
        const inside<gate> frame_;
    };

    /// Lets nobody in any more. True when nobody is inside.
    bool shut() noexcept { return (word_.fetch_or(closed, std::memory_order_acq_rel) & ~closed) == 0; }

    /// Lets nobody in any more, and waits until nobody is inside. Where this thread has an entry itself, it does not wait:
    /// false then.
    bool close() noexcept {
        const bool is_empty = shut();
        if (inside<gate>::of(this))
            return false;
        if (!is_empty)
            left_.wait();
        return true;
    }
    /// As `close`, by whoever ends what is behind the gate, once: waits for all other threads, also from inside.
    /// Not beside a `close` on another thread, which could return while this one is still inside.
    void close_for_good() noexcept {
        shut();
        const std::size_t mine = inside<gate>::times(this) * one_inside;
        if (word_.fetch_sub(mine, std::memory_order_acq_rel) - mine != closed) // as if this thread had left
            left_.wait();
        word_.fetch_add(mine, std::memory_order_relaxed); // it leaves later
    }
    [[nodiscard]] bool is_closed() const noexcept {
        return (word_.load(std::memory_order_acquire) & closed) != 0;
    }

  private:
    static constexpr std::size_t closed = 1;
    static constexpr std::size_t one_inside = 2;

    typename Sync::template atomic<std::size_t> word_{0};
    parking<Sync> left_;
};

} // namespace eap::detail

#endif
