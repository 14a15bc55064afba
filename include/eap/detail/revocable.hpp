// SPDX-License-Identifier: BSL-1.0
//
// Detail – what a place lends out and takes back when it ends, however many still hold it.
#ifndef EAP_DETAIL_REVOCABLE_HPP
#define EAP_DETAIL_REVOCABLE_HPP

#include "eap/detail/gate.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/sync.hpp"

#include <cstddef>
#include <mutex>
#include <utility>

namespace eap::detail {

class revocable_list;

/// Something that may be used only while its place lives, counted by those who hold it.
///
/// Invariant     `revoke` is called exactly once, while the place lives: by the place when it ends, or when
///               the last holder lets go before that. Nobody is inside the gate then.
class revocable {
  public:
    /// Joins a place; one that has ended already has it revoked at once. The caller holds it.
    explicit revocable(intrusive_ptr<revocable_list> place) noexcept : place_(std::move(place)) {}
    revocable(const revocable&) = delete;
    revocable& operator=(const revocable&) = delete;

    void add_reference() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    void release_reference() noexcept;

    /// While it is true, the place lives and what it lent may be used.
    class pin {
      public:
        explicit pin(revocable& what) noexcept : inside_(what.gate_.try_enter() ? &what : nullptr) {}
        pin(const pin&) = delete;
        pin& operator=(const pin&) = delete;
        ~pin() {
            if (inside_ != nullptr)
                inside_->gate_.leave();
        }
        explicit operator bool() const noexcept { return inside_ != nullptr; }

      private:
        revocable* inside_;
    };

  protected:
    virtual ~revocable() = default;
    void join() noexcept; // by the constructor of the derived class, as its last step
    virtual void revoke() noexcept = 0;

  private:
    friend revocable_list;

    bool add_reference_unless_zero() noexcept {
        std::size_t count = count_.load(std::memory_order_relaxed);
        while (count != 0)
            if (count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed))
                return true;
        return false;
    }

    gate<> gate_;
    std_sync::atomic<std::size_t> count_{1}; // born with its creator's reference
    const intrusive_ptr<revocable_list> place_;
    revocable* next_ =
        nullptr; // these three are guarded by the list's mutex; later `next_` is the ending place's
    revocable* previous_ = nullptr;
    bool is_listed_ = false;
};

/// What a place has lent out.
class revocable_list : public reference_counted<revocable_list> {
  public:
    /// The place ends: takes back what is lent out, and waits for those who use it or are about to give it
    /// back. Runs nothing under the lock. A second call does nothing.
    void end() noexcept {
        revocable* held = nullptr;
        {
            const std::lock_guard lock{mutex_};
            ended_ = true;
            for (revocable* each = first_; each != nullptr;) {
                revocable* const next = each->next_;
                if (each->add_reference_unless_zero()) { // otherwise its last holder is letting go: see below
                    unlink(*each);
                    each->next_ = std::exchange(held, each);
                }
                each = next;
            }
        }
        while (held != nullptr) {
            revocable* const next = held->next_;
            held->gate_.close();
            held->revoke();
            held->release_reference();
            held = next;
        }
        std::unique_lock lock{mutex_};
        while (first_ != nullptr || leaving_ != 0)
            left_.wait(lock);
    }

  private:
    friend revocable;

    bool link(revocable& last) noexcept {
        const std::lock_guard lock{mutex_};
        if (ended_)
            return false;
        last.is_listed_ = true;
        last.next_ = first_;
        if (first_ != nullptr)
            first_->previous_ = &last;
        first_ = &last;
        return true;
    }
    /// True when the place had not taken it back: it waits now until `left` is called.
    bool leave(revocable& what) noexcept {
        const std::lock_guard lock{mutex_};
        if (!what.is_listed_)
            return false;
        unlink(what);
        ++leaving_;
        return true;
    }
    void left() noexcept {
        const std::lock_guard lock{mutex_};
        --leaving_;
        left_.notify_all();
    }
    void unlink(revocable& what) noexcept { // under the lock
        (what.previous_ != nullptr ? what.previous_->next_ : first_) = what.next_;
        if (what.next_ != nullptr)
            what.next_->previous_ = what.previous_;
        what.next_ = what.previous_ = nullptr;
        what.is_listed_ = false;
    }

    std_sync::mutex mutex_;
    std_sync::condition_variable left_;
    revocable* first_ = nullptr; // guarded by mutex_, as all below
    std::size_t leaving_ = 0;
    bool ended_ = false;
};

inline void revocable::join() noexcept {
    if (!place_->link(*this)) {
        gate_.close();
        revoke();
    }
}

inline void revocable::release_reference() noexcept {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    if (place_->leave(*this)) {
        revoke();
        place_->left();
    }
    delete this;
}

} // namespace eap::detail

#endif
