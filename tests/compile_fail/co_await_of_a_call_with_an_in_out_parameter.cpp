// SPDX-License-Identifier: BSL-1.0
//
// A coroutine gets the result; what has become of the variables would be lost.
// expect: wait by `co_await eap::async_call<>\{call\};` and then end it with end_invoke
#include <eap/adaptors/awaitable.hpp>
#include <eap/delegate.hpp>

#include <coroutine>
#include <exception>

struct begun {
    struct promise_type {
        begun get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const { std::terminate(); }
    };
};

begun count(eap::async_call<int(int&)> call) {
    co_await eap::async_call<>{call};
#ifndef EAP_CONTROL
    co_await call; // offending line
#endif
}

int main() { count({}); }
