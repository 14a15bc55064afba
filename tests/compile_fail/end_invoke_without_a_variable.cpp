// SPDX-License-Identifier: BSL-1.0
//
// What a T& parameter has become is not lost by an oversight.
// expect: ending a call takes a variable for each T& parameter of its signature
#include <eap/delegate.hpp>

int main() {
    const eap::delegate<int(int&)> target{[](int& in_out) { return ++in_out; }};
    const auto call = target.begin_invoke(1);
    int variable = 0;
    static_cast<void>(call.try_end_invoke(variable));
#ifndef EAP_CONTROL
    static_cast<void>(call.try_end_invoke()); // offending line
#endif
}
