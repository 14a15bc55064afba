// SPDX-License-Identifier: BSL-1.0
//
// The last copy of a user state dies where nobody could catch.
// expect: eap: a user state dies where nobody could catch: its destructor must not throw
#include <eap/user_state.hpp>

#include <cstddef>
#include <functional>

template <bool Throwing> struct key {
    key() = default;
    key(const key&) = default;
    ~key() noexcept(!Throwing) {}
    bool operator==(const key&) const { return true; }
};
template <bool Throwing> struct std::hash<key<Throwing>> {
    std::size_t operator()(const key<Throwing>&) const noexcept { return 0; }
};

int main() {
    eap::user_state quiet = key<false>{};
#ifndef EAP_CONTROL
    eap::user_state throwing = key<true>{}; // offending line
#endif
}
