// SPDX-License-Identifier: BSL-1.0
//
// A future has room for the result; what has become of the variables would be lost.
// expect: a future holds one result, and ending this call also gives variables back
#include <eap/adaptors/future.hpp>
#include <eap/delegate.hpp>

int main() {
    const eap::delegate<int(int&)> increment = [](int& n) { return ++n; };
    const eap::delegate<int(int)> next = [](int n) { return n + 1; };
    eap::to_future(next.begin_invoke(1)).get();
#ifndef EAP_CONTROL
    eap::to_future(increment.begin_invoke(1)).get(); // offending line
#endif
}
