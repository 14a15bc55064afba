// SPDX-License-Identifier: BSL-1.0
//
// What two files of one program, compiled with different macros, have to agree on.
#ifndef EAP_TESTS_FAULTS_LAYOUTS_HPP
#define EAP_TESTS_FAULTS_LAYOUTS_HPP

#include <eap/any_synchronization_context.hpp>
#include <eap/async_method.hpp>
#include <eap/async_operation.hpp>
#include <eap/background_worker.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/event.hpp>
#include <eap/operation_manager.hpp>
#include <eap/user_state.hpp>

#include <cstddef>
#include <functional>
#include <vector>

namespace tests {

struct key {
    int number;
    bool operator==(const key&) const = default;
};

// Static, so that each file has its own: else the linker would choose one of them, and there were nothing to compare.
template <class... T> static std::vector<std::size_t> sizes_of() { return {sizeof(T)..., alignof(T)...}; }
static std::vector<std::size_t> layouts_here() {
    return sizes_of<eap::user_state, eap::any_synchronization_context, eap::async_operation<int, int>,
                    eap::detail::typed_operation<int, int>, eap::detail::operation_registry,
                    eap::detail::event_loop_core, eap::detail::thread_pool_core,
                    eap::detail::typed_call<int(int)>, eap::completed_event_args<int>,
                    eap::progress_changed_event_args<int>, eap::event<int>, eap::async_method<int(int)>,
                    eap::background_worker<int, int, int>, eap::delegate<int(int)>, eap::operation_manager,
                    eap::event_loop, eap::thread_pool, eap::detail::timer_queue::entry>();
}

// Of the file that is compiled with NDEBUG.
std::vector<std::size_t> layouts_with_ndebug();
void complete_with_ndebug(eap::async_operation<int> operation, int value);
eap::user_state state_of_another_file(int number);
eap::any_synchronization_context erased_by_another_file(const eap::event_loop::context_type& context);

} // namespace tests

template <> struct std::hash<tests::key> {
    std::size_t operator()(const tests::key& which) const noexcept { return std::hash<int>{}(which.number); }
};

#endif
