// SPDX-License-Identifier: BSL-1.0
//
// Detail – the word that says how far a call has come, the threads that sleep until it has, and what goes on then.
#ifndef EAP_DETAIL_CALL_WORD_HPP
#define EAP_DETAIL_CALL_WORD_HPP

#include "eap/detail/sync.hpp"
#include "eap/detail/wakeups.hpp"
#include "eap/detail/work_node.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>

namespace eap::detail {

/// Elections and milestones of one call, a bit each. Whoever sets one is the first; only `ended` can be given back.
///
/// Elections      begun      who runs the work, or sees to it that it never runs
///                ended      which end call owns the outcome
/// Milestones     completed  the outcome is written
///                handled    the callback has returned, or never will run
/// The last bits  forgotten  no handle is left; of this and `completed`, whoever comes second tells of an error
///                awaited    somebody is, or was, in `sleepers_` or `continuations_`
/// Ordering       a bit is set by acq_rel, given back by release and read by acquire: who sees `completed` sees the outcome.
template <class Sync = std_sync> class call_word {
  public:
    enum class milestone : std::uint32_t { completed = 4, handled = 8 };

    call_word() = default;
    call_word(const call_word&) = delete;
    call_word& operator=(const call_word&) = delete;

    /// True for the one that begins.
    [[nodiscard]] bool begin() noexcept { return (set(begun) & begun) == 0; }
    [[nodiscard]] bool has_begun() const noexcept { return (now() & begun) != 0; }

    /// True for the one that ends.
    [[nodiscard]] bool end() noexcept { return (set(ended) & ended) == 0; }
    [[nodiscard]] bool has_ended() const noexcept { return (now() & ended) != 0; }
    /// By the one that ends, which got no outcome: another may try.
    void give_end_back() noexcept { word_.fetch_and(~ended, std::memory_order_release); }

    [[nodiscard]] bool has_reached(milestone which) const noexcept { return (now() & bit(which)) != 0; }
    /// Called once for each milestone. Wakes who sleeps until then. True when no handle was left by then.
    bool reach(milestone which) noexcept { return reach_all(bit(which)); }
    bool reach_both() noexcept { return reach_all(bit(milestone::completed) | bit(milestone::handled)); }
    /// Has it run when the call is complete, by the thread that completes it, outside the lock. Handed back when it is by now.
    [[nodiscard]] work_ptr when_completed(work_ptr continuation) {
        const std::lock_guard lock{mutex_};
        if ((set(awaited) & bit(milestone::completed)) == 0)
            continuations_.push_back(std::move(continuation));
        return continuation;
    }
    /// The last handle dies. True when the outcome was written by then.
    bool forget() noexcept {
        return has_reached(milestone::completed) || (set(forgotten) & bit(milestone::completed)) != 0;
    }

    /// Has `where` woken when the milestone is reached, or now when it has been, for as long as the sleeper lives.
    class sleeper {
      public:
        sleeper(call_word& word, milestone until, wakeups<Sync>& where)
            : word_(word), until_(until), where_(where) {
            std::unique_lock lock{word_.mutex_};
            if ((word_.set(awaited) & bit(until)) != 0) {
                lock.unlock();
                where_.wake();
                return;
            }
            next_ = word_.sleepers_;
            word_.sleepers_ = this;
        }
        sleeper(const sleeper&) = delete;
        sleeper& operator=(const sleeper&) = delete;
        ~sleeper() {
            if (leave())
                where_.take_in();
        }
        /// Takes it off the list. True when somebody has done so: that one wakes `where`, and looks at this until then.
        [[nodiscard]] bool leave() noexcept {
            return std::exchange(is_to_leave_, false) && !word_.take_off(*this);
        }

      private:
        friend call_word;
        call_word& word_;
        const milestone until_;
        wakeups<Sync>& where_;
        typename Sync::template plain<sleeper*>
            next_{};              // guarded by the word's mutex; then of whoever took it off
        bool is_to_leave_ = true; // the owner's
    };

  private:
    using link = decltype(sleeper::next_);

    static constexpr std::uint32_t begun = 1;
    static constexpr std::uint32_t ended = 2;
    static constexpr std::uint32_t forgotten = 16;
    static constexpr std::uint32_t awaited = 32;
    static constexpr std::uint32_t bit(milestone which) noexcept { return static_cast<std::uint32_t>(which); }

    std::uint32_t set(std::uint32_t bits) noexcept { return word_.fetch_or(bits, std::memory_order_acq_rel); }
    std::uint32_t now() const noexcept { return word_.load(std::memory_order_acquire); }

    bool reach_all(std::uint32_t bits) noexcept {
        const std::uint32_t old = set(bits);
        if ((old & awaited) != 0)
            go_on(bits);
        return (old & forgotten) != 0;
    }
    void go_on(std::uint32_t reached) noexcept {
        work_list next;
        sleeper* to_wake = take(reached, next);
        while (to_wake != nullptr)
            std::exchange(to_wake, to_wake->next_)->where_.wake(); // which may be gone then
        while (!next.empty())
            next.pop_front().release()->run();
    }
    /// Takes off the list who sleeps until then, and what is to be run.
    [[nodiscard]] sleeper* take(std::uint32_t reached, work_list& next) noexcept {
        const std::lock_guard lock{mutex_};
        sleeper* taken = nullptr;
        for (link* place = &sleepers_; *place != nullptr;) {
            sleeper* const each = *place;
            if ((bit(each->until_) & reached) != 0) {
                *place = each->next_;
                each->next_ = std::exchange(taken, each);
            } else {
                place = &each->next_;
            }
        }
        next.append(continuations_); // at `completed`; what comes later is handed back
        return taken;
    }
    /// True when it was on the list.
    bool take_off(const sleeper& which) noexcept {
        const std::lock_guard lock{mutex_};
        for (link* place = &sleepers_; *place != nullptr;) {
            sleeper* const each = *place;
            if (each == &which) {
                *place = each->next_;
                return true;
            }
            place = &each->next_;
        }
        return false;
    }

    typename Sync::template atomic<std::uint32_t> word_{0};
    typename Sync::mutex mutex_;
    link sleepers_{};         // guarded by mutex_
    work_list continuations_; // likewise
};

/// Ends the sleep of several sleepers that share `where`. A wake-up does not say whose it is: so all that are owed have come before
/// the first sleeper dies.
template <class Sleepers, class Sync> void leave_all(Sleepers& sleepers, wakeups<Sync>& where) {
    auto owed = std::ranges::count_if(sleepers, [](auto& each) { return each.leave(); });
    for (; owed != 0; --owed)
        where.take_in();
}

} // namespace eap::detail

#endif
