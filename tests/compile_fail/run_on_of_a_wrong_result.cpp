// SPDX-License-Identifier: BSL-1.0
//
// What the work returns is the operation's value.
// expect: what the work returns cannot become the result of its operation
#include <eap/contexts/thread_pool.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>

#include <string>

int main() {
    eap::operation_manager manager;
    auto right =
        manager.create_operation<std::string>({}, [](const eap::completed_event_args<std::string>&) {});
    auto wrong =
        manager.create_operation<std::string>({}, [](const eap::completed_event_args<std::string>&) {});
    eap::run_on(eap::thread_pool::shared(), std::move(right), [] { return "text"; });
#ifndef EAP_CONTROL
    eap::run_on(eap::thread_pool::shared(), std::move(wrong), [] { return 1.5; }); // offending line
#endif
}
