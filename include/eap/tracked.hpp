// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – receivers that may die. Decides whether a handler still has somebody to talk to.
#ifndef EAP_TRACKED_HPP
#define EAP_TRACKED_HPP

#include "eap/detail/is_empty_function.hpp"

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace eap {

/// What knows whether a receiver is still there: std::weak_ptr, the watch of an `anchor`, or one of your own.
///
/// Requires      `watch.lock()` returns something that is true when the receiver is there, and then keeps it there for as long
///               as it lives, on the calling thread's stack.
template <class W>
concept receiver_watch =
    std::move_constructible<W> && requires(W& watch) { static_cast<bool>(watch.lock()); };

/// A handler bound to the life of its receiver: see `tracked`.
template <receiver_watch Watch, class F> class tracked_handler {
  public:
    tracked_handler(Watch receiver, F function) noexcept(std::is_nothrow_move_constructible_v<Watch> &&
                                                         std::is_nothrow_move_constructible_v<F>)
        : receiver_(std::move(receiver)), function_(std::move(function)) {}

    /// Calls the function, with the receiver kept there meanwhile. False when the receiver is gone.
    template <class... Args>
        requires std::invocable<F&, Args...>
    bool try_invoke(Args&&... args) {
        auto alive = receiver_.lock();
        if (!static_cast<bool>(alive))
            return false;
        std::invoke(function_, std::forward<Args>(args)...);
        return true;
    }

    template <class... Args>
        requires std::invocable<F&, Args...>
    void operator()(Args&&... args) {
        static_cast<void>(try_invoke(std::forward<Args>(args)...));
    }

    /// True when the function cannot be called: the handler is then refused, or left out, as the function would be.
    bool is_empty_function() const noexcept { return detail::is_empty_function(function_); }

  private:
    Watch receiver_;
    F function_;
};

/// Makes a handler that does nothing once its receiver is gone, and tells the operation so.
///
/// Effects       while `function` runs, the receiver is kept. A progress report to a dead receiver requests a stop of the
///               work, unless `operation_options` says otherwise; a completion to one goes to `on_undelivered` with
///               `receiver_gone`; an event forgets the handler.
/// Thread safety the receiver may end on any thread while the handler is being delivered. Of a shared_ptr the handler may turn
///               out to hold the last reference: the receiver is then destroyed on the handler's thread.
template <receiver_watch Watch, class F>
tracked_handler<Watch, std::decay_t<F>> tracked(Watch receiver, F&& function) {
    return {std::move(receiver), std::forward<F>(function)};
}
template <class Receiver, class F>
tracked_handler<std::weak_ptr<Receiver>, std::decay_t<F>> tracked(const std::shared_ptr<Receiver>& receiver,
                                                                  F&& function) {
    return {std::weak_ptr<Receiver>{receiver}, std::forward<F>(function)};
}

template <class Receiver, class F>
void tracked(Receiver*, F&&) = delete; // give a shared_ptr or an anchor: they know when it ends

namespace detail {

enum class delivery : unsigned char { made, receiver_gone, nobody_there };

/// Calls a handler, which may say by its `try_invoke` what became of it.
template <class Handler, class... Args> delivery deliver_to(Handler& handler, Args&&... args) {
    if constexpr (!requires { handler.try_invoke(std::forward<Args>(args)...); }) {
        std::invoke(handler, std::forward<Args>(args)...);
        return delivery::made;
    } else {
        const auto became = handler.try_invoke(std::forward<Args>(args)...);
        if constexpr (std::same_as<decltype(became), const delivery>)
            return became;
        else
            return became ? delivery::made : delivery::receiver_gone;
    }
}

} // namespace detail

} // namespace eap

#endif
