// SPDX-License-Identifier: BSL-1.0
//
// A delegate's target is called with the parameters of the delegate's signature.
// expect: deleted
// expect: a target must be callable with the parameters
#include <eap/delegate.hpp>

#include <stop_token>
#include <string>

int length(const std::string& text) { return static_cast<int>(text.size()); }
int length_or_stop(std::stop_token, const std::string& text) { return length(text); }

int main() {
    const eap::delegate<int(std::string)> right{length};
    const eap::delegate<int(std::string)> right_too{length_or_stop};
#ifndef EAP_CONTROL
    const eap::delegate<int(int)> wrong{length}; // offending line
#endif
}
