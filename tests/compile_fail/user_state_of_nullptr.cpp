// SPDX-License-Identifier: BSL-1.0
//
// nullptr is no user state, and does not mean "none": that is {}.
// expect: deleted
// expect: must be copyable, comparable with == and hashable by std::hash
#include <eap/user_state.hpp>

int main() {
    eap::user_state none = {};
#ifndef EAP_CONTROL
    none = nullptr; // offending line
#endif
}
