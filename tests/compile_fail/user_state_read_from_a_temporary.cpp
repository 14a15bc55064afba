// SPDX-License-Identifier: BSL-1.0
//
// A reference into a user state that dies at the end of the line would dangle.
// expect: deleted
// expect: the value may die with this temporary: name it first
#include <eap/user_state.hpp>

#include <string>

eap::user_state made() { return "id"; }

int main() {
    const eap::user_state named = made();
    const std::string& good = named.get<std::string>();
#ifndef EAP_CONTROL
    const std::string& bad = made().get<std::string>(); // offending line
    return static_cast<int>(bad.size());
#endif
    return static_cast<int>(good.size());
}
