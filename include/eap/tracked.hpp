// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – receivers that may die. Decides whether a handler still has somebody to talk to.
#ifndef EAP_TRACKED_HPP
#define EAP_TRACKED_HPP

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace eap {

/// A handler bound to the life of its receiver: see `tracked`.
template <class Receiver, class F> class tracked_handler {
  public:
    tracked_handler(std::weak_ptr<Receiver> receiver,
                    F function) noexcept(std::is_nothrow_move_constructible_v<F>)
        : receiver_(std::move(receiver)), function_(std::move(function)) {}

    /// Calls the function, with the receiver kept alive meanwhile. False when the receiver is gone.
    template <class... Args>
        requires std::invocable<F&, Args...>
    bool try_invoke(Args&&... args) {
        const std::shared_ptr<Receiver> alive = receiver_.lock();
        if (alive == nullptr)
            return false;
        std::invoke(function_, std::forward<Args>(args)...);
        return true;
    }

    template <class... Args>
        requires std::invocable<F&, Args...>
    void operator()(Args&&... args) {
        static_cast<void>(try_invoke(std::forward<Args>(args)...));
    }

  private:
    std::weak_ptr<Receiver> receiver_;
    F function_;
};

/// Makes a handler that does nothing once its receiver is gone, and tells the operation so.
///
/// Effects       while `function` runs, the receiver is kept alive. A progress report to a dead receiver
/// requests a
///               stop of the work; a completion to one goes to `on_undelivered` with `receiver_gone`.
/// Thread safety the receiver may be released on any thread while the handler is being delivered; when the
/// handler
///               turns out to hold the last reference, the receiver is destroyed on the handler's thread.
template <class Receiver, class F>
tracked_handler<Receiver, std::decay_t<F>> tracked(std::weak_ptr<Receiver> receiver, F&& function) {
    return {std::move(receiver), std::forward<F>(function)};
}
template <class Receiver, class F>
tracked_handler<Receiver, std::decay_t<F>> tracked(const std::shared_ptr<Receiver>& receiver, F&& function) {
    return {std::weak_ptr<Receiver>{receiver}, std::forward<F>(function)};
}

namespace detail {

/// Calls a handler; false when it has lost its receiver.
template <class Handler, class... Args> bool deliver_to(Handler& handler, Args&&... args) {
    if constexpr (requires { handler.try_invoke(std::forward<Args>(args)...); }) {
        return handler.try_invoke(std::forward<Args>(args)...);
    } else {
        std::invoke(handler, std::forward<Args>(args)...);
        return true;
    }
}

} // namespace detail

} // namespace eap

#endif
