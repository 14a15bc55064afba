// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – a function as the work of an operation. Decides how its end becomes the outcome.
#ifndef EAP_RUN_ON_HPP
#define EAP_RUN_ON_HPP

#include "eap/async_operation.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/posted.hpp"
#include "eap/errors.hpp"
#include "eap/synchronization_context.hpp"

#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

template <class F, class T, class P> struct work_result : std::invoke_result<F&> {};
template <class F, class T, class P>
    requires std::invocable<F&, async_operation<T, P>&>
struct work_result<F, T, P> : std::invoke_result<F&, async_operation<T, P>&> {};

/// Whether what the work returns, if it is anything, can end the operation.
template <class F, class T, class P, class Result = typename work_result<F, T, P>::type>
inline constexpr bool ends_by_its_result =
    std::is_void_v<Result> || std::is_void_v<T> || std::is_constructible_v<T, Result>;

/// Runs `work` and ends `operation` by what it does.
template <class T, class P, class F> void run_work(async_operation<T, P>& operation, F& work) {
    constexpr bool takes_operation = std::invocable<F&, async_operation<T, P>&>;
    if (operation.cancellation_pending()) { // asked to stop before it began: it never runs
        operation.complete_cancelled();
        return;
    }
    const auto call = [&]() -> decltype(auto) {
        if constexpr (takes_operation)
            return work(operation);
        else
            return work();
    };
    using result = decltype(call());
    // The end is not the work's any more when it completed the operation itself, or moved it away. When the work lost to
    // a deadline it still is: the completion returns false, and what the work threw is dropped with it.
    const auto is_left_to_us = [&] { return !operation_access::was_ended_by_worker(operation); };
    std::exception_ptr error; // null: cancelled
    try {
        if constexpr (std::is_void_v<result>) {
            call();
            if constexpr (std::is_void_v<T>) {
                if (is_left_to_us())
                    operation.complete();
            }
        } else if constexpr (std::is_void_v<T>) {
            static_cast<void>(call());
            if (is_left_to_us())
                operation.complete();
        } else {
            result value = call();
            if (is_left_to_us())
                operation.complete(static_cast<result&&>(value));
        }
        return;
    } catch (const operation_cancelled&) {
        if (!is_left_to_us())
            throw;
    } catch (...) {
        if (!is_left_to_us())
            throw; // thrown after the end: this is for whoever runs the context
        error = std::current_exception();
    }
    // Behind the handlers, which hold the exception: from here on it is the client's, who decides where it dies.
    if (error != nullptr)
        operation.complete_error(std::move(error));
    else
        operation.complete_cancelled();
}

/// An operation and its work, on the way to where it runs. Referred to by the closure that is posted, and by
/// the thread that posts it.
template <class T, class P, class F>
class work_item final : public postable, public reference_counted<work_item<T, P, F>> {
  public:
    /// When it throws, `operation` has not been moved from.
    template <class G>
    work_item(async_operation<T, P>&& operation, G&& work)
        : contents_(std::in_place, std::forward<G>(work), std::move(operation)) {}

    void run_posted() override {
        struct end_here { // whoever still refers to the item: what the work holds dies where it ran
            work_item& self;
            ~end_here() { self.contents_.reset(); }
        };
        const intrusive_ptr<work_item> closure{this, adopt_reference};
        const end_here end{*this};
        run_work(contents_->operation, contents_->work);
    }
    void dropped() noexcept override {
        const intrusive_ptr<work_item> closure{this, adopt_reference};
        contents_.reset(); // and with it the operation, which ends as abandoned
    }

    /// For the thread that posted it, when the context refused: the operation is its own again.
    async_operation<T, P> take_back() noexcept {
        async_operation<T, P> operation = std::move(contents_->operation);
        contents_.reset();
        return operation;
    }

  private:
    friend reference_counted<work_item<T, P, F>>;
    ~work_item() = default;

    struct contents {
        template <class G>
        contents(G&& w, async_operation<T, P>&& o) : work(std::forward<G>(w)), operation(std::move(o)) {}
        F work; // first: making it may throw
        async_operation<T, P> operation;
    };
    std::optional<contents> contents_; // the closure's; the poster's again when it was refused
};

/// As `run_on`, but a refusal is returned, and so is `operation` then; nothing has begun. Null when it is on its way.
template <class C, class T, class P, class F>
std::exception_ptr try_run_on(const C& where, async_operation<T, P>& operation, F&& work) {
    using item = work_item<T, P, std::decay_t<F>>;
    const intrusive_ptr<item> held{new item{std::move(operation), std::forward<F>(work)}, adopt_reference};
    held->add_reference(); // the closure's
    const post_outcome result = post_target(where, *held);
    if (result.became == post_outcome::kind::dropped)
        held->dropped();
    else if (result.became == post_outcome::kind::refused) {
        held->release_reference();
        operation = held->take_back();
    }
    return result.refusal;
}

} // namespace detail

/// Runs `work(operation)` or `work()` on a context, and turns its end into the operation's outcome. (.NET:
/// what BackgroundWorker and BeginInvoke do with their delegate)
///
/// Requires      `work` returns void or what `T` can be made from; a `work(operation)` that returns void
///               completes an operation with a value itself.
/// Effects       a return completes the operation with the value, a throw with the exception, unchanged;
///               `operation_cancelled` ends it as cancelled, and so does a stop requested before the work
///               began, which then never runs. A context that loses the work abandons the operation. What the
///               work completed itself, or moved away, stays as it is.
/// Errors        a context that refuses the work makes its refusal the operation's error: the client hears of
///               it as of any failure. When storing the work throws, so does this, and the operation ends as
///               abandoned. What the work throws after it had completed the operation leaves to whoever runs
///               the context.
template <synchronization_context C, class T, class P, class F>
void run_on(const C& where, async_operation<T, P> operation, F&& work) {
    using function = std::decay_t<F>;
    constexpr bool callable = std::invocable<function&, async_operation<T, P>&> || std::invocable<function&>;
    static_assert(callable, "eap: the work given to run_on must be callable as work(operation) or as work()");
    if constexpr (callable) {
        constexpr bool fits = detail::ends_by_its_result<function, T, P>;
        static_assert(
            fits,
            "eap: what the work returns cannot become the result of its operation; return that type, or "
            "return nothing and let the work complete the operation");
        if constexpr (fits)
            if (std::exception_ptr refusal = detail::try_run_on(where, operation, std::forward<F>(work)))
                operation.complete_error(std::move(refusal));
    }
}

} // namespace eap

#endif
