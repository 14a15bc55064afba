// SPDX-License-Identifier: BSL-1.0
//
// The handlers of an event share its arguments: none may move one away from those that come after it.
// expect: a handler of an event must be callable with the event.s arguments
#include <eap/event.hpp>

#include <memory>

int main() {
    eap::event<std::unique_ptr<int>> arrived;
    const auto right = arrived.connect([](const std::unique_ptr<int>&) {});
#ifndef EAP_CONTROL
    const auto wrong = arrived.connect([](std::unique_ptr<int>) {}); // offending line
#endif
}
