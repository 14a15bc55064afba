// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – what may be chosen for an asynchronous method.
#ifndef EAP_ASYNC_METHOD_OPTIONS_HPP
#define EAP_ASYNC_METHOD_OPTIONS_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/operation_options.hpp"

namespace eap {

/// How many invocations of one `async_method` may be pending at once.
enum class invocations : unsigned char {
    single,   ///< one: a second start is refused, and `is_busy` tells
    multiple, ///< any number, told apart by their task ids
};

/// What a start does whose task id is that of a pending invocation. Starts without an id never meet.
enum class pending_id : unsigned char {
    reject, ///< throws `duplicate_task_id`, and has no effect
    supersede, ///< begins; the older one is asked to stop, reports no more, and ends as cancelled, whatever it came to
    join,  ///< begins nothing: the one completion is that of both
    queue, ///< waits: its work begins when the one before it has been delivered, and its work has returned
};

/// What may be chosen for a method; the defaults suit most.
struct async_method_options {
    any_synchronization_context where = {};        ///< where the work runs; empty: the shared pool
    pending_id on_pending_id = pending_id::reject; ///< for `invocations::multiple`
    operation_options operation = {};              ///< of each invocation: time-out, progress delivery, name
};

} // namespace eap

#endif
