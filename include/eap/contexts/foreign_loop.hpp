// SPDX-License-Identifier: BSL-1.0
//
// Layer 3 – places. An event_loop inside a loop that somebody else wrote, in C: decides where exceptions stop.
#ifndef EAP_CONTEXTS_FOREIGN_LOOP_HPP
#define EAP_CONTEXTS_FOREIGN_LOOP_HPP

#include "eap/contexts/event_loop.hpp"
#include "eap/detail/hook.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace eap {

/// An `event_loop` for a loop that exceptions must not cross: that of a GUI, or of a C library. Its wake hook sends one event,
/// whose handler calls `pump`.
///
/// Guarantees    those of `event_loop`. One wake-up is under way for any number of posts; when a function runs a loop nested
///               in itself (a dialog), the functions behind it run there.
/// Thread safety `pump`: the thread of the foreign loop. All else: any thread.
/// Errors        An exception that escapes a function goes to `on_exception`; without it the program terminates. Later
///               functions run all the same.
/// Lifetime      as `event_loop`: a function of the loop may destroy it.
class foreign_loop {
  public:
    using context_type = event_loop::context_type;

    context_type context() const noexcept { return loop_.context(); }

    /// `wake()` sends the one event. See `event_loop::on_wake`.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void on_wake(F&& wake) {
        loop_.on_wake(std::forward<F>(wake));
    }
    void on_wake(std::nullptr_t) { loop_.on_wake(nullptr); }

    /// See `event_loop::on_outstanding`.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void on_outstanding(F&& changed) {
        loop_.on_outstanding(std::forward<F>(changed));
    }
    void on_outstanding(std::nullptr_t) { loop_.on_outstanding(nullptr); }
    bool has_outstanding() const noexcept { return loop_.has_outstanding(); }

    /// `handler(std::exception_ptr)` is called, on the loop's thread, with what escapes a function.
    /// Requires      it does not throw: the program would terminate.
    template <class F>
        requires std::invocable<std::decay_t<F>&, std::exception_ptr>
    void on_exception(F&& handler) {
        on_exception_->hook.set(std::forward<F>(handler));
    }
    void on_exception(std::nullptr_t) { on_exception_->hook.clear(); }

    /// Runs what is queued now. The calling thread is from now on that of the loop.
    void pump() noexcept {
        const detail::intrusive_ptr<exception_hook> hook = on_exception_; // a function may destroy the loop
        try {
            loop_.poll();
        } catch (...) {
            const std::exception_ptr error = std::current_exception();
            if (!hook->hook.call(error) && !detail::platform::takes_over(error))
                std::terminate(); // inside the handler: it can still be told what it was
        }
    }

    /// See `event_loop::forget_thread`.
    void forget_thread() noexcept { loop_.forget_thread(); }

    /// For good: see `event_loop::close`.
    void close() { loop_.close(); }

  private:
    struct exception_hook : detail::reference_counted<exception_hook> {
        detail::hook<std::exception_ptr> hook;
    };

    event_loop loop_;
    const detail::intrusive_ptr<exception_hook> on_exception_{new exception_hook, detail::adopt_reference};
};

} // namespace eap

#endif
