// SPDX-License-Identifier: BSL-1.0
//
// An operation has one worker's end: when that is destroyed, the work has let go. It moves, and is never copied.
// expect: deleted
// expect: async_operation
#include <eap/operation_manager.hpp>

#include <utility>

int main() {
    eap::operation_manager manager;
    auto operation = manager.create_operation();
    auto moved = std::move(operation);
#ifndef EAP_CONTROL
    auto copy = moved; // offending line
#endif
}
