// SPDX-License-Identifier: BSL-1.0
//
// Text is kept as std::string, so asking for a view could never find it.
// expect: eap: no user state holds this type. Text is held as std::string
#include <eap/user_state.hpp>

#include <string>
#include <string_view>

int main() {
    const eap::user_state id = std::string_view{"id"};
    const std::string_view good = id.get<std::string>();
#ifndef EAP_CONTROL
    const std::string_view bad = id.get<std::string_view>(); // offending line
    return static_cast<int>(bad.size());
#endif
    return static_cast<int>(good.size());
}
