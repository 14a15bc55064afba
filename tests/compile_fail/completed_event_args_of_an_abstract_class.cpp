// SPDX-License-Identifier: BSL-1.0
//
// An abstract class has no values, so it cannot be a result.
// expect: eap: an abstract class has no values; use std::unique_ptr of it
#include <eap/completed_event_args.hpp>

#include <memory>

struct shape {
    virtual ~shape() = default;
    virtual double area() const = 0;
};

int main() {
    const eap::completed_event_args<std::unique_ptr<shape>> good{{}, eap::cancelled};
#ifndef EAP_CONTROL
    const eap::completed_event_args<shape> bad{{}, eap::cancelled}; // offending line
#endif
}
