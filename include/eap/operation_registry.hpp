// SPDX-License-Identifier: BSL-1.0
//
// Layer 4 – what a manager knows of its operations. Outlives it while one is pending.
#ifndef EAP_OPERATION_REGISTRY_HPP
#define EAP_OPERATION_REGISTRY_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/current_context.hpp"
#include "eap/detail/deadline.hpp"
#include "eap/detail/function_target.hpp"
#include "eap/detail/inside.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/sleepers.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_info.hpp"
#include "eap/operation_list.hpp"
#include "eap/operation_options.hpp"
#include "eap/operation_owner.hpp"
#include "eap/operation_state.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/task_id_table.hpp"
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap::detail {

/// What stands behind a manager: which operations are pending, under which task ids, and who is to be told what of them.
///
/// Invariants    an operation is in the list from `fill` until `ended`; under its id, if it has one, from the
///               reservation until `release_id`.
///               What is in the list is alive: `ended` is called by a reader that holds a reference.
///               No user code runs under the mutex, except comparing and hashing ids.
class operation_registry final : public operation_owner, public reference_counted<operation_registry> {
  public:
    explicit operation_registry(any_synchronization_context home) : home_(std::move(home)) {}

    void add_reference() const noexcept override { reference_counted::add_reference(); }
    void release_reference() const noexcept override { reference_counted::release_reference(); }

    /// Empty when each operation has a home of its own.
    const any_synchronization_context& home() const noexcept { return home_; }

    /// A task id taken, until the operation is there that goes with it. Given back when it never comes.
    class reservation {
      public:
        reservation(intrusive_ptr<operation_registry> registry, const eap::user_state& id,
                    task_ids ids = task_ids::unique)
            : registry_(std::move(registry)), id_(id), entry_(registry_->reserve(id, ids)) {}
        reservation(const reservation&) = delete;
        reservation& operator=(const reservation&) = delete;
        ~reservation() {
            if (registry_)
                registry_->unreserve(id_, entry_);
        }
        void fill(operation_state& operation) noexcept {
            operation_registry& registry = *registry_;
            operation.set_owner(std::move(registry_));
            registry.add(operation, entry_);
        }

      private:
        // A handler that dies with the operation, which fails to be made, may be the last to hold the manager.
        intrusive_ptr<operation_registry> registry_; // until it is the operation's
        const eap::user_state id_;
        task_id_table::entry* const entry_; // null without an id
    };

    bool cancel(const eap::user_state& id) noexcept {
        if (!id.has_value())
            return request_stops(
                       [](const operation_state& each) { return !each.user_state().has_value(); }) != 0;
        intrusive_ptr<operation_state> found;
        {
            const std::lock_guard lock{mutex_};
            const auto* const entry = by_id_.find(id);
            if (entry == nullptr)
                return false;
            found = intrusive_ptr<operation_state>{entry->only};
        }
        return found ? found->request_stop() : request_stops([&id](const operation_state& each) {
                                                   return each.is_under_its_id && each.user_state() == id;
                                               }) != 0;
    }
    std::size_t cancel_all() noexcept {
        return request_stops([](const operation_state&) { return true; });
    }

    bool is_pending(const eap::user_state& id) const {
        const std::lock_guard lock{mutex_};
        if (id.has_value()) {
            const auto* const entry = by_id_.find(id);
            return entry != nullptr && entry->operations != 0;
        }
        return pending_.any_of([](const operation_state& each) { return !each.user_state().has_value(); });
    }
    std::size_t pending() const {
        const std::lock_guard lock{mutex_};
        return pending_.size();
    }
    std::vector<operation_info> pending_operations() const {
        std::vector<operation_info> all;
        const auto now = steady_now();
        const std::lock_guard lock{mutex_};
        all.reserve(pending_.size());
        pending_.for_each([&](const operation_state& each) { all.push_back(info_of(each, now)); });
        return all;
    }

    void close() noexcept {
        {
            const std::lock_guard lock{mutex_};
            closed_.store(true, std::memory_order_relaxed);
        }
        cancel_all();
    }

    bool wait_idle_for(std::chrono::nanoseconds time) {
        platform::step("operation_manager: wait until idle");
        const intrusive_ptr<operation_registry> alive{this}; // a handler may destroy the manager meanwhile
        if (pending() == 0)
            return true;
        if (inside<operation_owner>::of(this) || waits_for_this_thread())
            throw would_deadlock{
                "eap: wait_idle_for was called on the thread that has to deliver what it would wait "
                "for; use on_idle there"};
        const auto deadline = deadline_after(time);
        std::unique_lock lock{mutex_};
        while (pending_.size() != 0)
            if (!waiters_.sleep(lock, deadline))
                return pending_.size() == 0;
        return true;
    }

    template <class F> void on_idle(any_synchronization_context where, F&& function) {
        waiting waiter{std::move(where), function_target<std::decay_t<F>>::make(std::forward<F>(function))};
        {
            const std::lock_guard lock{mutex_};
            if (pending_.size() != 0) {
                at_idle_.push_back(std::move(waiter));
                return;
            }
        }
        waiter.where.post(std::move(waiter.function));
    }

    template <class F> void on_undelivered(F&& function) {
        auto made = std::make_shared<const std::function<void(const undelivered&)>>(
            shared_function<std::decay_t<F>>{std::make_shared<std::decay_t<F>>(std::forward<F>(function))});
        const std::lock_guard lock{mutex_};
        on_undelivered_.swap(made); // the old one dies after the lock: `made` was declared before it
    }

    // ---- what operations tell ----

    void release_id(operation_state& which) noexcept override {
        if (!which.user_state().has_value())
            return;
        task_id_table::removed unused; // freed after the lock
        const std::lock_guard lock{mutex_};
        unused = by_id_.release(which);
    }
    void ended(operation_state& which) noexcept override {
        std::vector<waiting> to_post;
        {
            sleepers<>::owed to_wake; // after the lock
            const std::lock_guard lock{mutex_};
            pending_.remove(which);
            if (pending_.size() != 0)
                return;
            to_post.swap(at_idle_);
            to_wake = waiters_.take_all();
        }
        for (waiting& each : to_post) {
            try {
                each.where.post(std::move(each.function));
            } catch (
                ...) { // a home that is gone: the function has been destroyed, and there is nobody to tell
            }
        }
    }
    void tell(const undelivered& what) noexcept override {
        std::shared_ptr<const std::function<void(const undelivered&)>> hook;
        {
            const std::lock_guard lock{mutex_};
            hook = on_undelivered_;
        }
        if (hook != nullptr)
            (*hook)(what);
    }

  private:
    friend reference_counted<operation_registry>;
    ~operation_registry() = default;

    struct waiting {
        any_synchronization_context where;
        posted function;
    };
    template <class F>
    struct shared_function { // std::function asks for copies; move-only functions are welcome here
        std::shared_ptr<F> function;
        void operator()(const undelivered& what) const { (*function)(what); }
    };

    task_id_table::entry* reserve(const eap::user_state& id, task_ids ids) {
        if (closed_.load(std::memory_order_relaxed)) // what is closed meanwhile, `add` finds
            throw invalid_operation{"eap: this operation_manager was closed; it creates no more operations"};
        if (!id.has_value())
            return nullptr;
        const std::lock_guard lock{mutex_};
        if (auto* const entry = by_id_.reserve(id, ids))
            return entry;
        throw duplicate_task_id{
            "eap: the task id is that of a pending operation; use another id, or start again "
            "from its completion handler"};
    }
    void unreserve(const eap::user_state& id, task_id_table::entry* entry) noexcept {
        if (entry == nullptr)
            return;
        task_id_table::removed unused; // freed after the lock
        const std::lock_guard lock{mutex_};
        unused = by_id_.give_back(*entry, id);
    }
    void add(operation_state& operation, task_id_table::entry* entry) noexcept {
        bool was_closed_meanwhile = false;
        {
            const std::lock_guard lock{mutex_};
            if (entry != nullptr)
                by_id_.fill(*entry, operation);
            pending_.push_back(operation);
            was_closed_meanwhile = closed_.load(std::memory_order_relaxed);
        }
        if (was_closed_meanwhile)
            operation.request_stop();
    }

    /// Requests the stop of all that match, some at a time: stop callbacks are user code, and nothing may
    /// allocate.
    template <class Match> std::size_t request_stops(Match matches) noexcept {
        const intrusive_ptr<operation_registry> alive{this}; // a stop callback may destroy the manager
        std::size_t recorded = 0;
        std::array<intrusive_ptr<operation_state>, 16> batch;
        operation_list::walk all;
        {
            const std::lock_guard lock{mutex_};
            pending_.begin(all);
        }
        for (;;) {
            std::size_t count = 0;
            {
                const std::lock_guard lock{mutex_};
                while (count != batch.size()) {
                    operation_state* const each = all.next();
                    if (each == nullptr)
                        break;
                    if (matches(*each) && !each->stop_requested())
                        batch[count++] = intrusive_ptr<operation_state>{each};
                }
                if (count == 0) {
                    pending_.end(all);
                    return recorded;
                }
            }
            for (std::size_t i = 0; i != count; ++i) {
                recorded += batch[i]->request_stop() ? 1 : 0;
                batch[i] = {};
            }
        }
    }
    /// Whether some pending operation can only come home on the calling thread.
    bool waits_for_this_thread() const {
        if (home_.has_value())
            return eap::running_in_this_thread(home_).value_or(false);
        std::vector<intrusive_ptr<operation_state>> all; // contexts are asked outside the lock
        {
            const std::lock_guard lock{mutex_};
            pending_.for_each([&](operation_state& each) { all.emplace_back(&each); });
        }
        return std::ranges::any_of(
            all, [](const auto& each) { return eap::running_in_this_thread(each->home()).value_or(false); });
    }

    const any_synchronization_context home_;
    mutable std_sync::brief_mutex mutex_;
    operation_list pending_;          // guarded by mutex_
    sleepers<> waiters_;              // guarded by mutex_; until nothing is pending
    task_id_table by_id_;             // guarded by mutex_
    std::atomic<bool> closed_{false}; // written under mutex_
    std::vector<waiting> at_idle_;    // guarded by mutex_
    std::shared_ptr<const std::function<void(const undelivered&)>> on_undelivered_; // guarded by mutex_
};

/// Creates an operation in this order, so that a failure at any step leaves no trace: reserve the id, allocate, notify the
/// home, and then only what cannot fail.
template <class T, class P, class MakeBlock>
async_operation<T, P> create_operation(const intrusive_ptr<operation_registry>& registry, task_ids ids,
                                       eap::user_state id, const operation_options& options,
                                       MakeBlock make_block) {
    operation_registry::reservation place{registry, id, ids};
    any_synchronization_context home = registry->home().has_value() ? registry->home() : current_context();
    const std::size_t nodes = home.nodes_per_post();
    intrusive_ptr<typed_operation<T, P>> block{make_block(nodes, std::move(home), std::move(id), options),
                                               adopt_reference};
    eap::operation_started(block->home());
    place.fill(*block);
    block->start_deadline(options.timeout);
    return operation_access::make<T, P>(std::move(block));
}

} // namespace eap::detail

#endif
