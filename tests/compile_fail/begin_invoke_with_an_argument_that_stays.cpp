// SPDX-License-Identifier: BSL-1.0
//
// A call works on values of its own, so each argument must be copied or moved.
// expect: keeps a copy of each argument, and this one can be neither copied nor moved
#include <eap/delegate.hpp>

#include <mutex>

int main() {
    std::mutex mutex;
    const eap::delegate<void(std::mutex*)> right{[](std::mutex* it) { it->lock(); }};
    right.begin_invoke(&mutex);
    const eap::delegate<void(const std::mutex&)> only_here{[](const std::mutex&) {}};
    only_here.invoke(mutex);
#ifndef EAP_CONTROL
    only_here.begin_invoke(mutex); // offending line
#endif
}
