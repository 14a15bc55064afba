// SPDX-License-Identifier: BSL-1.0
//
// The result of a call is moved to whoever ends it.
// expect: the result of an asynchronous call is moved to whoever ends it, and this one cannot be moved
#include <eap/delegate.hpp>

#include <memory>
#include <mutex>

int main() {
    eap::begin_invoke([] { return std::make_unique<std::mutex>(); });
#ifndef EAP_CONTROL
    eap::begin_invoke([] { return std::mutex{}; }); // offending line
#endif
}
