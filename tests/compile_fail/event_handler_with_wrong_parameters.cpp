// SPDX-License-Identifier: BSL-1.0
//
// A handler of an event takes the event's arguments.
// expect: a handler of an event must be callable with the event.s arguments
#include <eap/event.hpp>

#include <string>

int main() {
    eap::event<const std::string&> renamed;
    const auto right = renamed.connect([](const std::string&) {});
#ifndef EAP_CONTROL
    const auto wrong = renamed.connect([](int) {}); // offending line
#endif
}
