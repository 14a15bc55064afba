// SPDX-License-Identifier: BSL-1.0
//
// Without an incremental result there is no value() to read.
// expect: value
// expect: !std::is_void_v<|is_void
#include <eap/progress_changed_event_args.hpp>

int main() {
    const eap::progress_changed_event_args<int> with{{}, 50, 1};
    const eap::progress_changed_event_args<> without{{}, 50};
    int sum = with.value() + without.progress_percentage();
#ifndef EAP_CONTROL
    sum += without.value(); // offending line
#endif
    return sum;
}
