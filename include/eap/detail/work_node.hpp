// SPDX-License-Identifier: BSL-1.0
//
// Detail – what a queue of this library queues, and a chain of such.
#ifndef EAP_DETAIL_WORK_NODE_HPP
#define EAP_DETAIL_WORK_NODE_HPP

#include <cstddef>
#include <memory>
#include <utility>

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

/// Work in order. Destroyed, it drops what is left, oldest first.
class work_list {
  public:
    work_list() = default;
    work_list(work_list&& other) noexcept { append(other); }
    work_list& operator=(work_list&&) = delete;
    ~work_list() {
        while (first_ != nullptr)
            static_cast<void>(pop_front());
    }

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }

    void push_back(work_ptr last) noexcept {
        work_node* const node = last.release();
        node->next_ = nullptr; // it may have been queued before
        *end_ = node;
        end_ = &node->next_;
        ++size_;
    }
    [[nodiscard]] work_ptr pop_front() noexcept { // requires !empty()
        work_node* const first = first_;
        first_ = first->next_;
        if (first_ == nullptr)
            end_ = &first_;
        --size_;
        return work_ptr{first};
    }
    /// Moves all of `other` behind the last one here.
    void append(work_list& other) noexcept {
        if (other.first_ == nullptr)
            return;
        *end_ = std::exchange(other.first_, nullptr);
        end_ = std::exchange(other.end_, &other.first_);
        size_ += std::exchange(other.size_, 0);
    }

  private:
    work_node* first_ = nullptr;
    work_node** end_ = &first_; // the null at the end of the chain
    std::size_t size_ = 0;
};

} // namespace eap::detail

#endif
