// SPDX-License-Identifier: BSL-1.0
//
// A result dies where nobody could catch.
// expect: eap: a value dies where nobody could catch: its destructor must not throw
#include <eap/completed_event_args.hpp>

struct quiet {
    ~quiet() {}
};
struct throwing {
    ~throwing() noexcept(false) {}
};

int main() {
    const eap::completed_event_args<quiet> good{{}, eap::cancelled};
#ifndef EAP_CONTROL
    const eap::completed_event_args<throwing> bad{{}, eap::cancelled}; // offending line
#endif
}
