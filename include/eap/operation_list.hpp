// SPDX-License-Identifier: BSL-1.0
//
// Layer 4 – the operations that are pending, in the order in which they began.
#ifndef EAP_OPERATION_LIST_HPP
#define EAP_OPERATION_LIST_HPP

#include "eap/operation_state.hpp"

#include <cstddef>
#include <utility>

namespace eap::detail {

/// A list through which several may walk while it changes.
///
/// Invariant     an operation is in one list at most, and alive while it is.
/// Thread safety none: its owner's mutex guards it, and every walk through it.
class operation_list {
  public:
    /// Through the operations that were there when it began, from the oldest to the newest, as far as they have not left when their
    /// turn comes.
    class walk {
      public:
        /// Null at the end.
        operation_state* next() noexcept {
            operation_state* const now = next_;
            if (now != nullptr)
                next_ = now == last_ ? nullptr : now->next;
            return now;
        }

      private:
        friend operation_list;
        void forget(const operation_state& which) noexcept {
            if (next_ == &which)
                static_cast<void>(next());
            if (last_ == &which)
                last_ = which.previous;
        }

        operation_state* next_ = nullptr; // null at the end
        operation_state* last_ = nullptr;
        walk* other_ = nullptr;
    };

    std::size_t size() const noexcept { return size_; }

    void push_back(operation_state& which) noexcept {
        which.previous = newest_;
        (newest_ != nullptr ? newest_->next : oldest_) = &which;
        newest_ = &which;
        ++size_;
    }
    void remove(operation_state& which) noexcept {
        for (walk* each = walks_; each != nullptr; each = each->other_)
            each->forget(which);
        (which.previous != nullptr ? which.previous->next : oldest_) = which.next;
        (which.next != nullptr ? which.next->previous : newest_) = which.previous;
        --size_;
    }

    void begin(walk& through) noexcept {
        through.next_ = oldest_;
        through.last_ = newest_;
        through.other_ = std::exchange(walks_, &through);
    }
    void end(const walk& through) noexcept {
        walk** link = &walks_;
        while (*link != &through)
            link = &(*link)->other_;
        *link = through.other_;
    }

    template <class F> void for_each(F function) const {
        for (operation_state* each = oldest_; each != nullptr; each = each->next)
            function(*each);
    }
    template <class Match> bool any_of(Match matches) const {
        for (const operation_state* each = oldest_; each != nullptr; each = each->next)
            if (matches(*each))
                return true;
        return false;
    }

  private:
    operation_state* oldest_ = nullptr;
    operation_state* newest_ = nullptr;
    std::size_t size_ = 0;
    walk* walks_ = nullptr; // those in progress
};

} // namespace eap::detail

#endif
