// SPDX-License-Identifier: BSL-1.0
//
// Nor is a loop.
// expect: use of deleted function .*operation_manager|call to deleted constructor .*operation_manager
// expect: a place is not a context
#include <eap/contexts/event_loop.hpp>
#include <eap/operation_manager.hpp>

int main() {
    eap::event_loop loop;
    const eap::operation_manager right{loop.context()};
#ifndef EAP_CONTROL
    const eap::operation_manager wrong{loop}; // offending line
#endif
}
