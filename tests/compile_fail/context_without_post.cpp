// SPDX-License-Identifier: BSL-1.0
//
// A context is something that functions can be posted to.
// expect: context\.post
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>

struct plain_context {
    template <class F> void post(F function) const { function(); }
    bool operator==(const plain_context&) const = default;
};

struct context_without_post {
    bool operator==(const context_without_post&) const = default;
};

int main() {
    eap::operation_manager manager{plain_context{}};
    eap::run_on(plain_context{}, manager.create_operation(), [] {});
#ifndef EAP_CONTROL
    eap::run_on(context_without_post{}, manager.create_operation(), [] {}); // offending line
#endif
}
