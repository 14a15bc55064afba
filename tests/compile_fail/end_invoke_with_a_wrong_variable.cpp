// SPDX-License-Identifier: BSL-1.0
//
// Ending a call takes a variable for each T& parameter, of that very type, and none for the others.
// expect: ending a call takes a variable for each T& parameter of its signature
#include <eap/delegate.hpp>

int main() {
    const eap::delegate<void(int&, int)> target{[](int& in_out, int in) { in_out += in; }};
    const auto call = target.begin_invoke(1, 2);
    int right = 0;
    call.end_invoke(right);
#ifndef EAP_CONTROL
    long wrong = 0;
    call.end_invoke(wrong); // offending line
#endif
}
