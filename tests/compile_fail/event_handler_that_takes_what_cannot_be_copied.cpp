// SPDX-License-Identifier: BSL-1.0
//
// The handlers of an event share its arguments: none may move one away from those that come after it.
// expect: no matching (member )?function for call to .*connect
// expect: invocable
#include <eap/event.hpp>

#include <memory>

int main() {
    eap::event<std::unique_ptr<int>> arrived;
    const auto right = arrived.connect([](const std::unique_ptr<int>&) {});
#ifndef EAP_CONTROL
    const auto wrong = arrived.connect([](std::unique_ptr<int>) {}); // offending line
#endif
}
