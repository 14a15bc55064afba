// SPDX-License-Identifier: BSL-1.0
//
// A completed handler takes the args of the operation it belongs to.
// expect: the completed handler must be callable with the operation's completed_event_args<T>
#include <eap/operation_manager.hpp>

int main() {
    eap::operation_manager manager;
    const auto right = [](const eap::completed_event_args<int>&) {};
    const auto first = manager.create_operation<int>({}, right);
#ifndef EAP_CONTROL
    const auto wrong = [](int) {};
    const auto second = manager.create_operation<int>({}, wrong); // offending line
#endif
}
