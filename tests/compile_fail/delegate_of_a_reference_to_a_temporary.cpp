// SPDX-License-Identifier: BSL-1.0
//
// A delegate does not return a reference to what its target has returned as a value, which would dangle.
// expect: deleted
// expect: a target must be callable with the parameters, and return the result
#include <eap/delegate.hpp>

#include <string>

int main() {
    static const std::string kept = "kept";
    const eap::delegate<const std::string&()> right{[]() -> const std::string& { return kept; }};
#ifndef EAP_CONTROL
    const eap::delegate<const std::string&()> wrong{[] { return "a literal"; }}; // offending line
#endif
}
