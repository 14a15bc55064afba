// SPDX-License-Identifier: BSL-1.0
//
// A pool is not a context: it lends one.
// expect: give it the place.s context
#include <eap/delegate.hpp>

int main() {
    eap::thread_pool pool{1};
    eap::begin_invoke(pool.context(), [] {}).end_invoke();
#ifndef EAP_CONTROL
    eap::begin_invoke(pool, [] {}); // offending line
#endif
}
