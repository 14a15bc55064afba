// SPDX-License-Identifier: BSL-1.0
//
// A function is no value, but a reference to it is.
// expect: eap: hand over a pointer or a reference to the function
#include <eap/completed_event_args.hpp>

int main() {
    const eap::completed_event_args<int (&)()> good{{}, eap::cancelled};
#ifndef EAP_CONTROL
    const eap::completed_event_args<int()> bad{{}, eap::cancelled}; // offending line
#endif
}
