// SPDX-License-Identifier: BSL-1.0
//
// A user state needs std::hash: the diagnostic quotes the sentence that says so.
// expect: deleted
// expect: must be copyable, comparable with == and hashable by std::hash
#include <eap/user_state.hpp>

struct session {
    int number;
    bool operator==(const session&) const = default;
};

int main() {
    const session mine{1};
    eap::user_state by_number = mine.number;
#ifndef EAP_CONTROL
    eap::user_state whole = mine; // offending line
#endif
}
