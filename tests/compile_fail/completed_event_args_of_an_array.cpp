// SPDX-License-Identifier: BSL-1.0
//
// An array has no copies, so it cannot be a result.
// expect: eap: an array cannot be handed over; use std::array or std::vector
#include <eap/completed_event_args.hpp>

#include <array>

int main() {
    const eap::completed_event_args<std::array<int, 3>> good{{}, eap::cancelled};
#ifndef EAP_CONTROL
    const eap::completed_event_args<int[3]> bad{{}, eap::cancelled}; // offending line
#endif
}
