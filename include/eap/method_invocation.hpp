// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – one invocation of an asynchronous method, and what it is to another one that has its task id.
#ifndef EAP_METHOD_INVOCATION_HPP
#define EAP_METHOD_INVOCATION_HPP

#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/sync.hpp"
#include "eap/operation_state.hpp"
#include "eap/user_state.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace eap::detail {

/// What an invocation that waits for its turn does when it comes.
class waiting_turn {
  public:
    virtual ~waiting_turn() = default;

    /// Begins it, and those whose turn comes by that: one after the other, however many there are.
    static void run(std::unique_ptr<waiting_turn> first) noexcept {
        if (last_of_this_thread_ != nullptr) { // further up, this thread is in another one's turn
            *last_of_this_thread_ = std::move(first);
            last_of_this_thread_ = &(*last_of_this_thread_)->behind_;
            return;
        }
        std::unique_ptr<waiting_turn> waiting = std::move(first);
        last_of_this_thread_ = &waiting->behind_;
        while (waiting != nullptr) {
            std::unique_ptr<waiting_turn> now = std::move(waiting);
            waiting = std::move(now->behind_);
            if (waiting == nullptr)
                last_of_this_thread_ = &waiting;
            now->begin();
            now.reset(); // what it held may end, and bring one more turn
        }
        last_of_this_thread_ = nullptr;
    }

  private:
    virtual void begin() noexcept = 0;

    std::unique_ptr<waiting_turn> behind_; // of the thread that runs them
    /// The end of the list of those that wait for this thread to run them; null when it runs none.
    static inline constinit thread_local std::unique_ptr<waiting_turn>* last_of_this_thread_ = nullptr;
};

class method_invocation;

/// The newest invocation under each task id.
///
/// Invariant     an invocation is the newest of its id from `enter` until a newer one enters, or it leaves. What has not left
///               is alive: an invocation leaves before it dies.
class newest_invocations {
    struct entry {
        method_invocation* newest = nullptr; // null when it has left
        std::size_t pins = 0;                // starts in progress
    };
    using table = std::unordered_map<eap::user_state, entry>;

  public:
    /// A start in progress. Making it is the only step that can fail.
    class start {
      public:
        start(newest_invocations& of, eap::user_state id);
        start(const start&) = delete;
        start& operator=(const start&) = delete;
        ~start();

        /// `made`, whose operation is `its`, is the newest from now on, unless it has left. It supersedes the one before when it
        /// is delivered, or told to: whichever comes first.
        void enter(method_invocation& made, intrusive_ptr<operation_state> its) noexcept;
        /// The start has failed: the one before is what it was. When a still later one has entered meanwhile, it is that one's
        /// to supersede.
        void take_back(method_invocation& made) noexcept;
        /// As `enter`, and when there is one before that has not left, `turn` comes when it does. False when there is none.
        bool queue_behind(method_invocation& made, std::unique_ptr<waiting_turn>& turn) noexcept;

      private:
        newest_invocations& of_;
        const eap::user_state id_;
        entry* entry_; // stays where it is while it is pinned
    };

  private:
    friend method_invocation;

    table::node_type take_if_unused(const eap::user_state& id) noexcept {
        const auto at = entries_.find(id);
        return at != entries_.end() && at->second.newest == nullptr && at->second.pins == 0
                   ? entries_.extract(table::const_iterator{at})
                   : table::node_type{};
    }

    std_sync::mutex mutex_;
    table entries_; // guarded by mutex_
};

/// One invocation. Its operation's handlers hold it: when they die, it is over, be it delivered or not.
class method_invocation : public reference_counted<method_invocation> {
  public:
    method_invocation(newest_invocations& among, eap::user_state id) : among_(among), id_(std::move(id)) {}
    virtual ~method_invocation() = default;

    const eap::user_state& id() const noexcept { return id_; }

    /// Whether a newer one has taken its id. Once that was false for the last time it stays so: see `leave`.
    bool is_superseded() const noexcept { return superseded_.load(std::memory_order_acquire); }

    /// It has begun: of those before it nothing is delivered any more but that they were cancelled. They have been asked to stop
    /// when this returns, whoever else is at it.
    void supersede_older() noexcept {
        for (;;) {
            intrusive_ptr<method_invocation> older;
            intrusive_ptr<operation_state> its;
            {
                const std::lock_guard lock{among_.mutex_};
                if (!older_)
                    return;
                older = older_;
                if (!older->has_left_) {
                    older->superseded_.store(true, std::memory_order_release);
                    its = older->operation_;
                }
            }
            if (its)
                its->request_stop();
            const std::lock_guard lock{
                among_.mutex_};  // until here, others come upon it, and ask it themselves
            if (older_ == older) // else its start has failed, and it has taken itself out
                older_ = intrusive_ptr{older->older_};
        }
    }

    /// It does not meet later starts any more, also when it has not met any yet. Whatever waits behind it still waits.
    void leave() noexcept {
        supersede_older();
        intrusive_ptr<operation_state> its; // freed after the lock, as the next
        newest_invocations::table::node_type unused;
        const std::lock_guard lock{among_.mutex_};
        its = std::move(operation_);
        unused = leave_under_lock();
    }

    /// It has been delivered, or never will be.
    void end() noexcept {
        intrusive_ptr<operation_state> its; // freed after the lock
        {
            const std::lock_guard lock{among_.mutex_};
            is_over_ = true;
            its = std::move(operation_);
        }
        pass_turn_on();
    }

    /// While it lives, the work of an invocation may run: the one behind it waits for that too, however long ago the outcome was
    /// decided.
    class working {
      public:
        working() noexcept = default; // nobody waits for it
        /// Before others know of it.
        explicit working(intrusive_ptr<method_invocation> of) noexcept : of_(std::move(of)) {
            of_->may_work_ = true;
        }
        working(working&&) noexcept = default;
        working& operator=(working&&) = delete;
        ~working() {
            if (of_)
                of_->work_has_ended();
        }

      private:
        intrusive_ptr<method_invocation> of_; // null after a move
    };

    /// It is its turn. When it is over already, it has no use for that: the turn is that of the one behind it.
    bool take_turn() noexcept {
        bool has_use = false;
        {
            const std::lock_guard lock{among_.mutex_};
            has_turn_ = true;
            has_use = !is_over_;
            may_work_ = may_work_ && has_use;
        }
        if (!has_use)
            pass_turn_on();
        return has_use;
    }

  private:
    friend newest_invocations::start;

    void work_has_ended() noexcept {
        {
            const std::lock_guard lock{among_.mutex_};
            may_work_ = false;
        }
        pass_turn_on();
    }

    /// If it has had its turn, and nothing of it is left, it is the turn of the one behind it; otherwise it keeps its place.
    void pass_turn_on() noexcept {
        std::unique_ptr<waiting_turn> next;
        newest_invocations::table::node_type unused; // freed after the lock
        {
            const std::lock_guard lock{among_.mutex_};
            if (!is_over_ || may_work_ || !has_turn_)
                return;
            unused = leave_under_lock();
            next = std::move(next_);
        }
        if (next != nullptr)
            waiting_turn::run(std::move(next));
    }

    newest_invocations::table::node_type leave_under_lock() noexcept {
        has_left_ = true;
        const auto at = among_.entries_.find(id_);
        if (at == among_.entries_.end() || at->second.newest != this)
            return {};
        at->second.newest = nullptr;
        return among_.take_if_unused(id_);
    }

    newest_invocations& among_; // the method's, which every invocation keeps
    const eap::user_state id_;
    std_sync::atomic<bool> superseded_{false}; // written under among_'s mutex, while it has not left
    // guarded by among_'s mutex:
    intrusive_ptr<operation_state> operation_; // what a newer one asks to stop; null when it has left
    intrusive_ptr<method_invocation> older_;   // what it has still to supersede
    std::unique_ptr<waiting_turn> next_;       // of the one behind it
    bool has_left_ = false;
    bool has_turn_ = true; // false while it waits behind another one
    bool is_over_ = false;
    bool may_work_ = false; // it has work whose end is waited for
};

inline newest_invocations::start::start(newest_invocations& of, eap::user_state id)
    : of_(of), id_(std::move(id)) {
    const std::lock_guard lock{of_.mutex_};
    entry_ = &of_.entries_[id_];
    ++entry_->pins;
}

inline newest_invocations::start::~start() {
    table::node_type unused; // freed after the lock
    const std::lock_guard lock{of_.mutex_};
    --entry_->pins;
    unused = of_.take_if_unused(id_);
}

inline void newest_invocations::start::enter(method_invocation& made,
                                             intrusive_ptr<operation_state> its) noexcept {
    const std::lock_guard lock{of_.mutex_};
    made.older_ =
        intrusive_ptr<method_invocation>{std::exchange(entry_->newest, made.has_left_ ? nullptr : &made)};
    if (!made.has_left_)
        made.operation_ = std::move(its);
}

inline void newest_invocations::start::take_back(method_invocation& made) noexcept {
    intrusive_ptr<method_invocation> older; // freed after the lock
    const std::lock_guard lock{of_.mutex_};
    older = std::move(made.older_);
    if (!older || older->has_left_)
        return;
    if (entry_->newest == nullptr || entry_->newest == &made)
        entry_->newest = older.get();
    else if (entry_->newest->older_.get() == &made)
        entry_->newest->older_ = std::move(older);
}

inline bool newest_invocations::start::queue_behind(method_invocation& made,
                                                    std::unique_ptr<waiting_turn>& turn) noexcept {
    const std::lock_guard lock{of_.mutex_};
    if (made.has_left_)
        return false; // over before it could wait
    method_invocation* const before = std::exchange(entry_->newest, &made);
    if (before == nullptr)
        return false;
    made.has_turn_ = false;
    before->next_ = std::move(turn);
    return true;
}

} // namespace eap::detail

#endif
