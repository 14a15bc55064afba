// SPDX-License-Identifier: BSL-1.0
//
// A method of multiple invocations is neither busy nor idle: it can always be started.
// expect: is_busy
// expect: constraints not satisfied
#include <eap/async_method.hpp>

int main() {
    const eap::async_method<void(), void, eap::invocations::single> single{[] {}};
    static_cast<void>(single.is_busy());
#ifndef EAP_CONTROL
    const eap::async_method<void(), void, eap::invocations::multiple> multiple{[] {}};
    static_cast<void>(multiple.is_busy()); // offending line
#endif
}
