// SPDX-License-Identifier: BSL-1.0
//
// Layer 0 – memory. Decides where operations, calls, reports and posted functions are made.
#ifndef EAP_MEMORY_HPP
#define EAP_MEMORY_HPP

#include "eap/detail/block_memory.hpp"
#include "eap/errors.hpp"

#include <memory_resource>

namespace eap {

/// Has all that is made and destroyed with each operation, call, report and posted function come from `resource`, for the whole program.
/// (std::pmr::set_default_resource, for this library alone)
///
/// Effects       what has been given back is used again, as always: a thread keeps 272 KiB at most, all of them together 9 MiB, and
///               what is more goes back to the resource. Managers, loops, pools, task ids, std::stop_token and what values and
///               handlers allocate themselves come from where they would.
/// Requires      the resource may be used by any threads at the same time, and outlives all use of the library: a static object that
///               is never destroyed.
/// Errors        `invalid_operation` when something of it has been made already, or another resource is set: nothing changes then.
inline void set_memory_resource(std::pmr::memory_resource& resource) {
    if (!detail::block_source::set(resource))
        throw invalid_operation{
            "eap: the memory resource was set too late: operations have been made, or another "
            "resource was set; set it at the beginning of main"};
}

} // namespace eap

#endif
