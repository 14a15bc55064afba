// SPDX-License-Identifier: BSL-1.0
//
// Detail – what a queue of this library queues.
#ifndef EAP_DETAIL_WORK_NODE_HPP
#define EAP_DETAIL_WORK_NODE_HPP

#include <memory>

namespace eap::detail {

/// A function in a queue. It is ended by exactly one of its two members. What holds a function in memory of its own gives that
/// memory back *before* it touches the function: what runs may post again into the same memory, and what is destroyed may take
/// the memory's source with it.
class work_node {
  public:
    virtual void run() = 0;
    virtual void drop() noexcept = 0;

    work_node() = default;
    work_node(const work_node&) = delete;
    work_node& operator=(const work_node&) = delete;

  protected:
    ~work_node() = default;

  private:
    friend class work_list;
    work_node* next_ = nullptr; // while it is queued, the queue's
};

struct work_dropper {
    void operator()(work_node* unrun) const noexcept { unrun->drop(); }
};
using work_ptr = std::unique_ptr<work_node, work_dropper>; // destroyed, it drops; `release()->run()` runs

} // namespace eap::detail

#endif
