// SPDX-License-Identifier: BSL-1.0
//
// All of eap, bottom to top: a header includes only headers above it.
#ifndef EAP_EAP_HPP
#define EAP_EAP_HPP

// clang-format off: the order is the architecture

// 0 – values
#include "eap/version.hpp"                     // which version this is
#include "eap/errors.hpp"                      // the exceptions
#include "eap/memory.hpp"                      // a memory resource for all that is made with each operation
#include "eap/user_state.hpp"                  // one regular value of any type: compared, hashed, read back typed
#include "eap/completed_event_args.hpp"        // what a handler receives once: value, error or cancelled
#include "eap/progress_changed_event_args.hpp" // what a handler receives meanwhile: percentage, incremental result

// 1 – the seam
#include "eap/synchronization_context.hpp"     // the concept: where functions run; its optional abilities
#include "eap/any_synchronization_context.hpp" // some context, type-erased
#include "eap/scoped_context.hpp"              // which context this thread is on, and a scope that sets it
#include "eap/work.hpp"                        // a function as a node, for places that queue pointers

// 2 – one operation
#include "eap/timer.hpp"               // the one timer thread; post_after
#include "eap/tracked.hpp"             // a handler bound to the life of its receiver
#include "eap/anchor.hpp"              // a receiver that no shared_ptr owns
#include "eap/operation_options.hpp"   // deadline, progress delivery, name
#include "eap/undelivered.hpp"         // what is told of an outcome that reaches no handler
#include "eap/homebound_mailbox.hpp"   // messages that run on a context, one at a time, in order, with a last one
#include "eap/operation_owner.hpp"     // who keeps count of operations, seen from one of them
#include "eap/operation_state.hpp"     // one operation without its types: the decision, the deadline, the end
#include "eap/operation_block.hpp"     // its typed part: value, progress, handlers
#include "eap/async_operation.hpp"     // the worker's end: progress reports in order, then exactly one completion
#include "eap/unmanaged_operation.hpp" // one that no manager keeps count of; what bridges are built on

// 3 – places
#include "eap/contexts/event_loop_core.hpp" // what a loop and its handles share
#include "eap/contexts/event_loop.hpp"      // a queue run or pumped by its owner; embeds into any foreign loop
#include "eap/contexts/foreign_loop.hpp"    // the same inside a loop that exceptions must not cross
#include "eap/contexts/asio_context.hpp"    // any Boost.Asio executor: io_context, strand, pool
#include "eap/contexts/thread_pool.hpp"     // the pool; the shared one is the default place for work
#include "eap/current_context.hpp"          // this thread's context, else the shared pool's

// 4 – many operations
#include "eap/task_id_table.hpp"      // which ids are taken, and by how many operations
#include "eap/operation_info.hpp"     // what is known of a pending operation
#include "eap/operation_list.hpp"     // the operations that are pending, and walks through them
#include "eap/operation_registry.hpp" // what a manager knows of them
#include "eap/operation_manager.hpp"  // creates operations, tracks them by task id, cancels, drains

// 5 – invoking
#include "eap/run_on.hpp"           // runs a function on a context and turns its end into the outcome
#include "eap/unobserved_error.hpp" // whom the errors are told that nobody fetched
#include "eap/call_state.hpp"       // one call without its types: who runs it, who waits, who is left to care
#include "eap/typed_call.hpp"       // one call by its signature: arguments and outcome
#include "eap/async_call.hpp"       // what begin_invoke returns: poll, wait, end
#include "eap/call_block.hpp"       // the whole of a call in one block: work and callback added
#include "eap/delegate.hpp"         // invoke, begin_invoke, end_invoke

// 6 – components
#include "eap/subscriptions.hpp"        // the handlers of one event: when each may run, and when it is destroyed
#include "eap/event.hpp"                // something that happens, and who hears of it
#include "eap/async_method_options.hpp" // what may be chosen for a method
#include "eap/method_invocation.hpp"    // one invocation of a method, and what it is to another of its id
#include "eap/typed_invocation.hpp"     // its typed part: work, events, turn
#include "eap/async_method.hpp"         // one asynchronous method of a component: start, cancel, completed
#include "eap/do_work_event_args.hpp"   // what the work of a background_worker receives, asks and says
#include "eap/background_worker.hpp"    // the .NET class, typed

// 7 – bridges
#include "eap/adaptors/as_executor.hpp"   // any context as a Boost.Asio executor
#include "eap/adaptors/future.hpp"        // a call or an operation as a std::future
#include "eap/adaptors/awaitable.hpp"     // co_await calls and operations; resume_on
#include "eap/adaptors/asio_client.hpp"   // a handler of Asio's as the client of an operation
#include "eap/adaptors/asio_token.hpp"    // calls as asynchronous operations of Asio's, for any completion token
#include "eap/adaptors/as_async_call.hpp" // any asynchronous operation of Asio's as a call

// clang-format on

#endif
