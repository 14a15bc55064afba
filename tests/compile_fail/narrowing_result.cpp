// SPDX-License-Identifier: BSL-1.0
//
// A result is not silently changed on its way to the client.
// expect: this conversion to the operation's result type can change the value
#include <eap/operation_manager.hpp>

int main() {
    eap::operation_manager manager;
    auto operation = manager.create_operation<int>({}, [](const eap::completed_event_args<int>&) {});
    operation.complete(42);
#ifndef EAP_CONTROL
    operation.complete(42.5); // offending line
#endif
}
