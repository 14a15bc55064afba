// SPDX-License-Identifier: BSL-1.0
//
// An anchor that ends with the expression would leave a handler that never runs. It is a member of the receiver.
// expect: use of deleted function .*tracked|call to deleted function .*tracked
#include <eap/anchor.hpp>

int main() {
    const eap::anchor anchor;
    auto right = eap::tracked(anchor, [] {});
#ifndef EAP_CONTROL
    eap::tracked(eap::anchor{}, [] {}); // offending line
#endif
}
