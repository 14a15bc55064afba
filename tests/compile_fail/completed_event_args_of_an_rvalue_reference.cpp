// SPDX-License-Identifier: BSL-1.0
//
// A result that is moved all the way needs no rvalue reference.
// expect: eap: hand over a T, not a T&&: it is moved all the way
#include <eap/completed_event_args.hpp>

int main() {
    const eap::completed_event_args<int> good{{}, eap::cancelled};
#ifndef EAP_CONTROL
    const eap::completed_event_args<int&&> bad{{}, eap::cancelled}; // offending line
#endif
}
