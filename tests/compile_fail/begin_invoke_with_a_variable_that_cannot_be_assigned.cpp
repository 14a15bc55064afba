// SPDX-License-Identifier: BSL-1.0
//
// What a T& parameter has become is assigned to the variable that is given to end_invoke.
// expect: this one cannot be assigned
#include <eap/delegate.hpp>

struct fixed {
    const int value = 0;
};

int main() {
    fixed variable;
    const eap::delegate<void(fixed&)> target{[](fixed&) {}};
    target.invoke(variable);
    const eap::delegate<void(const fixed&)> right{[](const fixed&) {}};
    right.begin_invoke(variable);
#ifndef EAP_CONTROL
    target.begin_invoke(variable); // offending line
#endif
}
