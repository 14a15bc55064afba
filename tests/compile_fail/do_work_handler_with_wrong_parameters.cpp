// SPDX-License-Identifier: BSL-1.0
//
// A handler of do_work takes the args that carry the worker's types of argument and result.
// expect: no sender comes with them
#include <eap/background_worker.hpp>

int main() {
    eap::background_worker<int, int> worker;
    worker.do_work.connect([](eap::do_work_event_args<int, int>&) {});
#ifndef EAP_CONTROL
    worker.do_work += [](auto* /*sender*/, eap::do_work_event_args<int, int>&) {}; // offending line
#endif
}
