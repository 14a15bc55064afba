// SPDX-License-Identifier: BSL-1.0
//
// begin_invoke copies what is not given to it by std::move.
// expect: keeps a copy of each argument, and one of these cannot be copied
#include <eap/delegate.hpp>

#include <memory>
#include <utility>

int main() {
    const auto look = [](const std::unique_ptr<int>& value) { return *value; };
    auto owned = std::make_unique<int>(7);
    auto another = std::make_unique<int>(8);
    eap::begin_invoke(look, std::move(owned));
#ifndef EAP_CONTROL
    eap::begin_invoke(look, another); // offending line
#endif
}
