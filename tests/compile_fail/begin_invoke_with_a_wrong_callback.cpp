// SPDX-License-Identifier: BSL-1.0
//
// The callback of begin_invoke takes the call, not its result: it ends the call to get that.
// expect: the callback of begin_invoke must be callable with the async_call
#include <eap/delegate.hpp>

int main() {
    const eap::delegate<int(int)> target{[](int value) { return value; }};
    target.begin_invoke(1, [](const eap::async_call<int(int)>&) {});
    target.begin_invoke(1, [](const eap::async_call<>&) {});
#ifndef EAP_CONTROL
    target.begin_invoke(1, [](int) {}); // offending line
#endif
}
