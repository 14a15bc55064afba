// SPDX-License-Identifier: BSL-1.0
//
// A reference result that bound to a temporary would dangle before anybody reads it.
// expect: no match
#include <eap/completed_event_args.hpp>

#include <string>
#include <utility>

int main() {
    const std::string named = "named";
    const eap::completed_event_args<const std::string&> good{{}, std::in_place, named};
#ifndef EAP_CONTROL
    const eap::completed_event_args<const std::string&> bad{{}, std::in_place, "temporary"}; // offending line
#endif
}
