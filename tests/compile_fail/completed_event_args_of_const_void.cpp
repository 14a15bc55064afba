// SPDX-License-Identifier: BSL-1.0
//
// A result is void, or it is not.
// expect: eap: write void without const and volatile
#include <eap/completed_event_args.hpp>

int main() {
    const eap::completed_event_args<void> good{{}, eap::cancelled};
#ifndef EAP_CONTROL
    const eap::completed_event_args<const void> bad{{}, eap::cancelled}; // offending line
#endif
}
