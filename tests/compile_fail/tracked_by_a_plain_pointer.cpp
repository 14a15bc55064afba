// SPDX-License-Identifier: BSL-1.0
//
// A plain pointer does not know whether its receiver is still there. A shared_ptr, a weak_ptr or an anchor does.
// expect: use of deleted function .*tracked|call to deleted function .*tracked
// expect: give a shared_ptr or an anchor
#include <eap/anchor.hpp>

#include <memory>

struct window {
    eap::anchor anchor;
};

int main() {
    const auto shared = std::make_shared<window>();
    auto right = eap::tracked(shared, [] {});
    auto right_too = eap::tracked(shared->anchor, [] {});
#ifndef EAP_CONTROL
    auto wrong = eap::tracked(shared.get(), [] {}); // offending line
#endif
}
