// SPDX-License-Identifier: BSL-1.0
//
// An array has no copies, so it cannot be an incremental result.
// expect: eap: an array cannot be handed over; use std::array or std::vector
#include <eap/progress_changed_event_args.hpp>

#include <array>

int main() {
    const eap::progress_changed_event_args<std::array<int, 3>> good{{}, 50, std::array{1, 2, 3}};
#ifndef EAP_CONTROL
    const eap::progress_changed_event_args<int[3]>* none = nullptr;
    return none->progress_percentage(); // offending line
#endif
}
