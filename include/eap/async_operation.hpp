// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – the worker's end of one operation: progress reports in order, then exactly one completion.
#ifndef EAP_ASYNC_OPERATION_HPP
#define EAP_ASYNC_OPERATION_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/platform.hpp"
#include "eap/errors.hpp"
#include "eap/homebound_mailbox.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_state.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <exception>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace eap {

template <class T, class P> class async_operation;

namespace detail {

/// Makes the handle of a block; for whoever creates operations.
struct operation_access {
    template <class T, class P>
    static async_operation<T, P> make(intrusive_ptr<typed_operation<T, P>> state) noexcept {
        return async_operation<T, P>{std::move(state)};
    }

    /// Ends an operation whose work has not begun, without a word to its client: see `operation_state::discard`.
    /// True also for one that was moved away: then nothing of it is left here.
    template <class T, class P> static bool discard(async_operation<T, P> operation) noexcept {
        return !operation.state_ || operation.state_->discard();
    }

    template <class T, class P>
    static intrusive_ptr<progress_operation<P>> reports_of(const async_operation<T, P>& operation) noexcept {
        return operation.state_;
    }
    template <class T, class P>
    static intrusive_ptr<operation_state> state(const async_operation<T, P>& operation) noexcept {
        return operation.state_;
    }

    /// Whether the worker has completed it, by a call that took effect, or moved it away. False when it merely lost.
    template <class T, class P>
    static bool was_ended_by_worker(const async_operation<T, P>& operation) noexcept {
        return !operation.state_ || operation.state_->completed_by_worker();
    }
};

/// Whether every value of `From` is one of `To`, as far as arithmetic types go.
template <class From, class To>
inline constexpr bool keeps_value = [] {
    if constexpr (!std::is_arithmetic_v<From> || !std::is_arithmetic_v<To> || std::same_as<From, To>)
        return true;
    else if constexpr (std::is_floating_point_v<From>)
        return std::is_floating_point_v<To> && sizeof(From) <= sizeof(To);
    else
        return std::numeric_limits<From>::digits <= std::numeric_limits<To>::digits &&
               (std::is_signed_v<To> || !std::is_signed_v<From>);
}();

} // namespace detail

/// Reports progress of an operation from helper threads of the work.
///
/// Thread safety copies may be used from any threads, also at the same time and after the operation has
///               ended.
/// Errors        never throws: a report that can not be made, for whatever reason, returns false.
/// Lifetime      keeps the memory of the operation, not the operation: that ends with its `async_operation`.
template <class P = void> class progress_reporter {
  public:
    bool report_progress(int percentage) const noexcept
        requires std::is_void_v<P>
    {
        return try_report(percentage);
    }
    template <class V = P>
        requires(!std::is_void_v<P>) && std::constructible_from<P, V>
    bool report_progress(int percentage, V&& value) const noexcept {
        return try_report(percentage, std::forward<V>(value));
    }

  private:
    template <class, class> friend class async_operation;
    explicit progress_reporter(detail::intrusive_ptr<detail::progress_operation<P>> state) noexcept
        : state_(std::move(state)) {}

    template <class... V> bool try_report(int percentage, V&&... value) const noexcept {
        try {
            return state_ && !state_->decided() && state_->report(percentage, std::forward<V>(value)...);
        } catch (...) {
            return false;
        }
    }

    detail::intrusive_ptr<detail::progress_operation<P>> state_; // null after a move
};

/// One run of asynchronous work, in the hands of the worker. (.NET: AsyncOperation)
///
/// Effects       what is reported, posted and completed here runs on the operation's home, in order, one at a
///               time, the completion last. Made by `operation_manager::create_operation`.
/// Guarantees    exactly one outcome. Of a completion, a deadline and another completion that race, the first
///               wins and the others return false. Completing allocates nothing but what the value itself
///               needs. Destroyed while running, the operation ends: cancelled if a stop had been requested,
///               else with `operation_abandoned`.
/// Thread safety calls may race each other from any threads; moving and destroying may not.
/// Errors        A call that finds the operation completed by the worker throws `invalid_operation` and has
///               no effect; one that lost to a deadline or to a racing call returns false. A report that the
///               home would not take throws what its `post` threw, and the operation is as usable as before
///               (with `progress_delivery` other than `every`, the value stays the newest). When the home is
///               gone, reports return false.
template <class T = void, class P = void> class [[nodiscard]] async_operation {
  public:
    async_operation(async_operation&&) noexcept = default;
    async_operation& operator=(async_operation&& other) noexcept {
        async_operation old{std::move(other)};
        std::swap(state_, old.state_);
        return *this;
    }
    ~async_operation() {
        if (state_)
            state_->abandon();
    }

    /// Tells the client how far the work is: 0 to 100; what lies outside is clamped. True when it will be
    /// delivered, or replaced by a newer report. (.NET: Post of a ProgressChangedEventArgs)
    bool report_progress(int percentage)
        requires std::is_void_v<P>
    {
        return state().report(percentage);
    }
    template <class V = P>
        requires(!std::is_void_v<P>) && std::constructible_from<P, V>
    bool report_progress(int percentage, V&& value) {
        return state().report(percentage, std::forward<V>(value));
    }

    /// Runs `function()` at home, in order with the reports. (.NET: Post)
    /// Errors        std::invalid_argument for an empty function, after the check for completion.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    bool post(F&& function) {
        if (!state().may_report())
            return false;
        return state_->send(*make_message(std::forward<F>(function))) ==
               detail::homebound_mailbox::sent::on_its_way;
    }

    /// Ends the operation with a value, made from the arguments. True when that is the outcome.
    /// Errors        what making the value throws becomes the outcome instead.
    bool complete()
        requires std::is_void_v<T>
    {
        return state().complete();
    }
    template <class V = T>
        requires(!std::is_void_v<T>) && std::is_constructible_v<T, V>
    bool complete(V&& value) {
        static_assert(
            detail::keeps_value<std::remove_cvref_t<V>, std::remove_cvref_t<T>>,
            "eap: this conversion to the operation's result type can change the value; convert it yourself "
            "before you give it to complete()");
        return state().complete(std::forward<V>(value));
    }
    template <class... V>
        requires(sizeof...(V) != 1) && (!std::is_void_v<T>) && std::is_constructible_v<T, V...>
    bool complete(V&&... values) {
        return state().complete(std::forward<V>(values)...);
    }

    /// Ends the operation with an error, which the client finds unchanged. True when that is the outcome.
    /// Errors        std::invalid_argument for a null pointer; nothing has changed then.
    bool complete_error(std::exception_ptr error) {
        static_cast<void>(state().may_report());
        if (error == nullptr)
            throw std::invalid_argument{"eap: complete_error was given a null exception_ptr; use complete or "
                                        "complete_cancelled to end without an error"};
        return state_->complete_error(std::move(error));
    }
    template <class E>
        requires std::derived_from<std::remove_cvref_t<E>, std::exception>
    bool complete_error(E&& error) {
        auto shared = std::make_exception_ptr(
            std::forward<E>(error)); // of a copy, which is gone before anybody else sees it
        return complete_error(std::move(shared));
    }

    /// Ends the operation as cancelled, asked for or not. True when that is the outcome.
    bool complete_cancelled() { return state().complete_cancelled(); }

    /// Whether somebody asked the work to stop: the client, the deadline, or a home or receiver that is gone.
    bool cancellation_pending() const noexcept {
        detail::platform::step("look for a stop request");
        return state_ && state_->stop_requested();
    }
    /// The same as a token, made at the first call. (.NET: CancellationToken)
    /// Errors        std::bad_alloc, at the first call only.
    std::stop_token stop_token() const { return state().stop_token(); }

    /// Whether the outcome is decided; true for a moved-from operation.
    bool completed() const noexcept { return !state_ || state_->decided(); }

    /// The client's key for this operation. (.NET: UserSuppliedState)
    const eap::user_state& user_state() const { return state().user_state(); }
    /// The home. (.NET: SynchronizationContext)
    const any_synchronization_context& synchronization_context() const { return state().home(); }

    progress_reporter<P> reporter() const {
        static_cast<void>(state());
        return progress_reporter<P>{state_};
    }

    /// Ends an operation that has no handlers. (.NET: OperationCompleted)
    /// Errors        `invalid_operation` for one that has: its client waits for an outcome.
    bool operation_completed()
        requires std::is_void_v<T> && std::is_void_v<P>
    {
        return state().complete_with(nullptr);
    }
    /// Ends it with `function()` as the last that runs at home for it. (.NET: PostOperationCompleted)
    /// Errors        likewise; std::invalid_argument for an empty function.
    template <class F>
        requires std::is_void_v<T> && std::is_void_v<P> && std::invocable<std::decay_t<F>&>
    bool post_operation_completed(F&& function) {
        static_cast<void>(state().may_report());
        return state_->complete_with(make_message(std::forward<F>(function)));
    }

  private:
    friend detail::operation_access;
    explicit async_operation(detail::intrusive_ptr<detail::typed_operation<T, P>> state) noexcept
        : state_(std::move(state)) {}

    detail::typed_operation<T, P>& state() const {
        if (!state_)
            throw invalid_operation{"eap: this async_operation was moved from; use the one it was moved to"};
        return *state_;
    }

    template <class F> static detail::homebound_mailbox::message* make_message(F&& function) {
        if (detail::is_empty_function(function))
            throw std::invalid_argument{
                "eap: an empty function was given to an operation; give it one that can be "
                "called"};
        return new detail::function_message<std::decay_t<F>>(std::forward<F>(function));
    }

    detail::intrusive_ptr<detail::typed_operation<T, P>> state_; // null after a move
};

} // namespace eap

#endif
