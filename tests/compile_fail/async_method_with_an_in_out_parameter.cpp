// SPDX-License-Identifier: BSL-1.0
//
// Nobody waits for an invocation, so there is nobody whose variable could be written back.
// expect: an async_method has no in-out parameters
#include <eap/async_method.hpp>

int main() {
    const eap::async_method<void(const int&)> in{[](const int&) {}};
#ifndef EAP_CONTROL
    const eap::async_method<void(int&)> in_out{[](int& value) { ++value; }}; // offending line
#endif
}
