// SPDX-License-Identifier: BSL-1.0
//
// A user state is a value: what cannot be copied cannot be one, though it compares and hashes.
// expect: eap: a user state is a value: its type must be copyable
#include <eap/user_state.hpp>

#include <memory>

int main() {
    eap::user_state shared = std::make_shared<int>(1);
#ifndef EAP_CONTROL
    eap::user_state unique = std::make_unique<int>(1); // offending line
#endif
}
