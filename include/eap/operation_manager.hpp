// SPDX-License-Identifier: BSL-1.0
//
// Layer 4 – many operations. Decides which exist, under which task ids, and how they are stopped together.
#ifndef EAP_OPERATION_MANAGER_HPP
#define EAP_OPERATION_MANAGER_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp" // IWYU pragma: export: handlers take it
#include "eap/current_context.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_info.hpp" // IWYU pragma: export: part of its interface
#include "eap/operation_options.hpp"
#include "eap/operation_registry.hpp"
#include "eap/progress_changed_event_args.hpp" // IWYU pragma: export: likewise
#include "eap/synchronization_context.hpp"
#include "eap/task_id_table.hpp"
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap {

/// Creates operations, and keeps track of them until their completion handler has returned.
/// (.NET: AsyncOperationManager, and the dictionary of pending operations that every component keeps beside
/// it)
///
/// Effects       an operation's home is the one given here, else the context current when it is created.
/// Guarantees    creating has no effect when it fails. Of the operations that are pending, no two have equal
///               task ids (empty ones aside); an id is free again when its completion handler starts.
/// Thread safety all members, from any threads, also from inside handlers.
/// Lifetime      may be destroyed with operations pending, also from inside a handler: their stop is
///               requested, and they go on to end and to come home as before. Nothing blocks.
class operation_manager {
  public:
    operation_manager() : registry_(make_registry(any_synchronization_context{})) {}
    /// Errors        std::invalid_argument when `home` names no place.
    explicit operation_manager(any_synchronization_context home)
        : registry_(make_registry(checked(std::move(home)))) {}
    template <detail::lends_context Place>
    explicit operation_manager(Place&) = delete; // a place is not a context: give it `place.context()`
    operation_manager(const operation_manager&) = delete;
    operation_manager& operator=(const operation_manager&) = delete;
    ~operation_manager() { close(); }

    /// An operation without handlers: what is to run at home is posted function by function.
    /// (.NET: CreateOperation)
    /// Errors        `duplicate_task_id` for the id of a pending operation, `invalid_operation` after
    ///               `close`, and what the home's `operation_started` throws.
    async_operation<> create_operation(eap::user_state id = {}) {
        return create<void, void>(std::move(id), operation_options{}, [](auto&&... common) {
            return detail::reserved_postable::make<detail::plain_operation>(std::move(common)...);
        });
    }

    /// An operation that ends with a `T` and reports progress of type `P`.
    ///
    /// Requires      `completed` takes a `completed_event_args<T>`: by value, `&&` or `const&`; `progress` a
    ///               `const progress_changed_event_args<P>&`. Neither is an empty function.
    /// Errors        as above; std::invalid_argument for an empty function.
    /// Lifetime      the handlers are destroyed at home, right after the completion.
    template <class T = void, class P = void, class Completed, class Progress = ignore_progress>
        requires(!std::same_as<std::remove_cvref_t<Progress>, operation_options>)
    async_operation<T, P> create_operation(eap::user_state id, Completed&& completed,
                                           Progress&& progress = {}, operation_options options = {}) {
        using completed_handler = std::decay_t<Completed>;
        using progress_handler = std::decay_t<Progress>;
        static_assert(
            std::invocable<completed_handler&, completed_event_args<T>>,
            "eap: the completed handler must be callable with the operation's completed_event_args<T>: by "
            "value, by && or by const&, with the T that create_operation<T> names");
        static_assert(std::invocable<progress_handler&, const progress_changed_event_args<P>&>,
                      "eap: the progress handler must be callable with the operation's const "
                      "progress_changed_event_args<P>&, with the P that create_operation<T, P> names");
        detail::check_handler(completed, "completed");
        detail::check_handler(progress, "progress");
        return create<T, P>(std::move(id), options, [&](auto&&... common) {
            using block = detail::operation_block<T, P, completed_handler, progress_handler>;
            return detail::reserved_postable::make<block>(
                std::move(common)..., std::forward<Completed>(completed), std::forward<Progress>(progress));
        });
    }
    template <class T = void, class P = void, class Completed>
    async_operation<T, P> create_operation(eap::user_state id, Completed&& completed,
                                           operation_options options) {
        return create_operation<T, P>(std::move(id), std::forward<Completed>(completed), ignore_progress{},
                                      options);
    }

    /// Asks the work of a pending operation to stop; with an empty id, of every operation without one.
    /// True when a first request was recorded while the outcome was open. Never throws, never waits for the
    /// work; its std::stop_callback functions run here. (.NET: CancelAsync)
    bool cancel(const eap::user_state& id) noexcept { return registry_->cancel(id); }
    /// Asks all of them. The number of requests recorded.
    std::size_t cancel_all() noexcept { return registry_->cancel_all(); }

    /// Whether an operation with this id is pending: from creation until its completion handler starts. With an
    /// empty id, which nobody can reuse: whether any operation without one is, until its handler has returned.
    bool is_pending(const eap::user_state& id) const { return registry_->is_pending(id); }
    /// The operations whose completion handler has not returned yet.
    std::size_t pending() const { return registry_->pending(); }
    /// What is known of them, for display and diagnosis; oldest first.
    std::vector<operation_info> pending_operations() const { return registry_->pending_operations(); }

    /// Creates no more, and requests every stop. What is pending ends and comes home as before.
    void close() noexcept { registry_->close(); }

    /// Waits until nothing is pending; false when that took longer than `time`, which may be anything.
    /// Errors        `would_deadlock` on the thread of a home, and inside a handler, that it would wait for.
    bool wait_idle_for(std::chrono::nanoseconds time) { return registry_->wait_idle_for(time); }

    /// Runs `function()` once, as soon as nothing is pending: at the manager's home, else on the context
    /// current now. A home that is gone by then destroys it.
    /// Errors        std::invalid_argument for an empty function.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void on_idle(F&& function) {
        detail::check_handler(function, "on_idle");
        const auto& fixed = registry_->home();
        registry_->on_idle(fixed.has_value() ? fixed : current_context(), std::forward<F>(function));
    }

    /// Has `function(const undelivered&)` called for every outcome from now on that reaches no handler, on
    /// the thread that found out, outside locks, possibly on several at once. It must not throw. It replaces
    /// the one before.
    /// Errors        std::invalid_argument for an empty function.
    template <class F>
        requires std::invocable<std::decay_t<F>&, const undelivered&>
    void on_undelivered(F&& function) {
        detail::check_handler(function, "on_undelivered");
        registry_->on_undelivered(std::forward<F>(function));
    }

  private:
    static any_synchronization_context checked(any_synchronization_context home) {
        if (!home.has_value())
            throw std::invalid_argument{
                "eap: the home given to an operation_manager is empty; give it a context, or use "
                "the default constructor for the context current at each creation"};
        return home;
    }
    static detail::intrusive_ptr<detail::operation_registry> make_registry(any_synchronization_context home) {
        return {new detail::operation_registry{std::move(home)}, detail::adopt_reference};
    }

    template <class T, class P, class MakeBlock>
    async_operation<T, P> create(eap::user_state id, const operation_options& options, MakeBlock make_block) {
        return detail::create_operation<T, P>(registry_, detail::task_ids::unique, std::move(id), options,
                                              std::move(make_block));
    }

    detail::intrusive_ptr<detail::operation_registry> registry_;
};

} // namespace eap

#endif
