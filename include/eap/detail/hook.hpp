// SPDX-License-Identifier: BSL-1.0
//
// Detail – a function that one thread may exchange while others call it.
#ifndef EAP_DETAIL_HOOK_HPP
#define EAP_DETAIL_HOOK_HPP

#include "eap/detail/sync.hpp"

#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace eap::detail {

/// At most one function, called with `Args`.
///
/// Guarantees    once `set` or `clear` has returned, the previous function is destroyed and not running –
///               except in the calling thread itself, when it was called from inside that function.
/// Thread safety all members. No lock is held while the function is called or destroyed.
/// Errors        The function must not throw; if it does, the program terminates.
template <class... Args> class hook {
  public:
    template <class F> void set(F&& function) {
        exchange(std::make_shared<model<std::decay_t<F>>>(std::forward<F>(function)));
    }
    void clear() { exchange(nullptr); }

    /// A hint: whoever sets the function sees to calls that others omit meanwhile.
    bool is_set() const noexcept { return is_set_.load(std::memory_order_relaxed); }

    /// False when there is no function.
    bool call(Args... args) noexcept {
        if (!is_set())
            return false;
        const running call_in_progress{*this};
        if (call_in_progress.target == nullptr)
            return false;
        call_in_progress.target->call(std::forward<Args>(args)...);
        return true;
    }

  private:
    struct target_base {
        virtual ~target_base() = default;
        virtual void call(Args... args) = 0;
        int calls = 0; // in progress; guarded by mutex_
    };
    template <class F> struct model final : target_base {
        template <class G> explicit model(G&& g) : function(std::forward<G>(g)) {}
        void call(Args... args) override { function(std::forward<Args>(args)...); }
        F function;
    };

    struct running { // a call in progress, known to its thread
        explicit running(hook& h) : owner(h), outer(innermost) {
            const std::lock_guard lock{owner.mutex_};
            target = owner.target_;
            if (target != nullptr)
                ++target->calls;
            innermost = this;
        }
        running(const running&) = delete;
        running& operator=(const running&) = delete;
        ~running() {
            innermost = outer;
            if (target == nullptr)
                return;
            std::shared_ptr<target_base> last; // destroyed after the lock
            const std::lock_guard lock{owner.mutex_};
            --target->calls;
            owner.ended_.notify_all();
            if (target.use_count() == 1) // exchanged from inside itself
                last = std::move(target);
            target.reset(); // else whoever exchanges it destroys it, and has not returned yet
        }

        hook& owner;
        std::shared_ptr<target_base> target;
        running* outer;

        static inline constinit thread_local running* innermost = nullptr;
    };

    static int calls_of_this_thread(const target_base& target) noexcept {
        int calls = 0;
        for (const running* frame = running::innermost; frame != nullptr; frame = frame->outer)
            calls += frame->target.get() == &target ? 1 : 0;
        return calls;
    }

    void exchange(std::shared_ptr<target_base> target) {
        std::unique_lock lock{mutex_};
        target_.swap(target);
        is_set_.store(target_ != nullptr, std::memory_order_relaxed);
        if (target != nullptr)
            ended_.wait(lock, [&] { return target->calls == calls_of_this_thread(*target); });
        lock.unlock(); // before the previous function is destroyed
    }

    std_sync::mutex mutex_;
    std_sync::condition_variable ended_;
    std::shared_ptr<target_base> target_;  // guarded by mutex_
    std_sync::atomic<bool> is_set_{false}; // written under mutex_
};

} // namespace eap::detail

#endif
