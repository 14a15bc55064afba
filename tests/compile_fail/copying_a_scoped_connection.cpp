// SPDX-License-Identifier: BSL-1.0
//
// A scoped connection is the one that ends its subscription. It moves; what is copied is a plain connection.
// expect: deleted
// expect: scoped_connection
#include <eap/event.hpp>

#include <utility>

int main() {
    eap::event<> happened;
    const eap::connection plain = happened.connect([] {});
    const eap::connection plain_copy = plain;
    eap::scoped_connection scoped{plain_copy};
    auto moved = std::move(scoped);
#ifndef EAP_CONTROL
    auto copy = moved; // offending line
#endif
}
