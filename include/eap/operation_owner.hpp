// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – who keeps count of operations, seen from one of them. Decides nothing.
#ifndef EAP_OPERATION_OWNER_HPP
#define EAP_OPERATION_OWNER_HPP

#include "eap/undelivered.hpp"

namespace eap::detail {

class operation_state;

/// Told what becomes of an operation: from any thread, outside locks.
class operation_owner {
  public:
    virtual void add_reference() const noexcept = 0;
    virtual void release_reference() const noexcept = 0;
    /// The completion handler is about to start, or never will: the task id is free.
    virtual void release_id(operation_state& which) noexcept = 0;
    /// The completion handler has returned, or never will run.
    virtual void ended(operation_state& which) noexcept = 0;
    virtual void tell(const undelivered& what) noexcept = 0;

    operation_owner() = default;
    operation_owner(const operation_owner&) = delete;
    operation_owner& operator=(const operation_owner&) = delete;

  protected:
    ~operation_owner() = default;
};

} // namespace eap::detail

#endif
