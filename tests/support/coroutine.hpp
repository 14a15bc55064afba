// SPDX-License-Identifier: BSL-1.0
//
// A coroutine that begins at once, and whose owner destroys it, wherever it is.
#ifndef EAP_TESTS_SUPPORT_COROUTINE_HPP
#define EAP_TESTS_SUPPORT_COROUTINE_HPP

#include "eap/detail/parking.hpp"

#include <coroutine>
#include <exception>
#include <utility>

namespace tests {

class coroutine {
  public:
    struct promise_type {
        std::exception_ptr error;
        eap::detail::parking<> over;

        coroutine get_return_object() noexcept {
            return coroutine{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        auto final_suspend() const noexcept {
            struct tell { // the last thing that touches the frame
                bool await_ready() const noexcept { return false; }
                void await_suspend(std::coroutine_handle<promise_type> frame) const noexcept {
                    frame.promise().over.set();
                }
                void await_resume() const noexcept {}
            };
            return tell{};
        }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { error = std::current_exception(); }
    };

    coroutine(coroutine&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    coroutine& operator=(coroutine&&) = delete;
    ~coroutine() { destroy(); }

    void destroy() {
        if (frame_)
            std::exchange(frame_, nullptr).destroy();
    }
    bool is_done() const { return frame_.promise().over.is_set(); }
    /// Waits until it has ended, on whatever thread.
    void wait() const { frame_.promise().over.wait(); }
    /// Throws what it ended with, if that was an exception.
    void get() const {
        if (frame_.promise().error != nullptr)
            std::rethrow_exception(frame_.promise().error);
    }

  private:
    explicit coroutine(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

} // namespace tests

#endif
