// SPDX-License-Identifier: BSL-1.0
//
// Without a delegate nothing could be written back: a T& parameter would silently change a copy.
// expect: for a T& parameter give std::ref, or use a delegate
#include <eap/delegate.hpp>

#include <functional>

void increment(int& value) { ++value; }

int main() {
    int variable = 0;
    eap::begin_invoke(increment, std::ref(variable)).end_invoke();
#ifndef EAP_CONTROL
    eap::begin_invoke(increment, variable).end_invoke(); // offending line
#endif
}
