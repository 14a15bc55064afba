// SPDX-License-Identifier: BSL-1.0
//
// A progress handler takes the args that carry the operation's type of progress.
// expect: the progress handler must be callable with the operation's const progress_changed_event_args<P>&
#include <eap/operation_manager.hpp>

#include <string>

int main() {
    eap::operation_manager manager;
    const auto completed = [](const eap::completed_event_args<>&) {};
    const auto right = [](const eap::progress_changed_event_args<std::string>&) {};
    const auto first = manager.create_operation<void, std::string>({}, completed, right);
#ifndef EAP_CONTROL
    const auto wrong = [](const eap::progress_changed_event_args<int>&) {};
    const auto second = manager.create_operation<void, std::string>({}, completed, wrong); // offending line
#endif
}
