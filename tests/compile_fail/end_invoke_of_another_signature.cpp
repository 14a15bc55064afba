// SPDX-License-Identifier: BSL-1.0
//
// A delegate ends the calls of its own type only; that it is not the very delegate is found out at run time.
// expect: end_invoke
#include <eap/delegate.hpp>

int main() {
    const eap::delegate<int(int)> mine{[](int value) { return value; }};
    const eap::delegate<long(int)> other{[](int value) { return value; }};
    const auto call = mine.begin_invoke(1);
    mine.end_invoke(call);
#ifndef EAP_CONTROL
    other.end_invoke(call); // offending line
#endif
}
