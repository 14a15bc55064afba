// SPDX-License-Identifier: BSL-1.0
//
// Layer 3 – this thread's context, or the shared pool's. Decides where work goes when nobody said where.
#ifndef EAP_CURRENT_CONTEXT_HPP
#define EAP_CURRENT_CONTEXT_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/scoped_context.hpp"

namespace eap {

/// The calling thread's context; the shared pool's when it has none. (.NET:
/// AsyncOperationManager.SynchronizationContext, which installs the context that it makes up; reading this
/// one installs nothing.)
///
/// Errors        What starting the shared pool throws, at its first use.
inline any_synchronization_context current_context() {
    const any_synchronization_context* const current = scoped_context::current();
    return current != nullptr ? *current : thread_pool::shared();
}

} // namespace eap

#endif
