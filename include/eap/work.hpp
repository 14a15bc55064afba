// SPDX-License-Identifier: BSL-1.0
//
// Layer 1 – a function as a node: for contexts whose place queues pointers.
#ifndef EAP_WORK_HPP
#define EAP_WORK_HPP

#include "eap/detail/function_target.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/work_node.hpp"

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// A function of any type as a node.
template <class F> class function_work final : public work_node {
    using allocator = std::allocator_traits<decltype(allocator_of(
        std::declval<const F&>()))>::template rebind_alloc<function_work>;
    using traits = std::allocator_traits<allocator>;

  public:
    /// Takes its memory from the function's allocator. Throws what allocating or moving throws.
    template <class G> [[nodiscard]] static work_ptr make(G&& function) {
        allocator memory{allocator_of(function)};
        function_work* const self = traits::allocate(memory, 1);
        try {
            return work_ptr{::new (static_cast<void*>(self)) function_work(std::forward<G>(function))};
        } catch (...) {
            traits::deallocate(memory, self, 1);
            throw;
        }
    }

    void run() override {
        F function = take(); // a move that throws leaves here as a call that throws would
        std::move(function)();
    }
    void drop() noexcept override {
        if constexpr (std::is_nothrow_move_constructible_v<F>)
            static_cast<void>(take());
        else
            const releaser at_end{this};
    }

  private:
    template <class G> explicit function_work(G&& function) : function_(std::forward<G>(function)) {}
    ~function_work() = default;

    struct releaser { // the allocator is taken while the function still knows it
        explicit releaser(function_work* s) noexcept : self(s), memory(allocator_of(s->function_)) {}
        releaser(const releaser&) = delete;
        releaser& operator=(const releaser&) = delete;
        ~releaser() {
            self->~function_work();
            traits::deallocate(memory, self, 1);
        }
        function_work* self;
        allocator memory;
    };

    F take() {
        const releaser at_end{this};
        return std::move(function_);
    }

    F function_;
};

} // namespace detail

/// A function that waits for its turn, its type forgotten. One of two members ends it, once: `run()` calls the function, and
/// lets out what that throws; `drop()` destroys it uncalled. Until then it stays where it is.
using work_node = detail::work_node;

/// The owner of one. Destroyed, it drops it; `release()->run()` runs it. (std::unique_ptr)
using work_ptr = detail::work_ptr;

/// `function` as a node, for a place that can queue a pointer: it needs no closure of its own then, and no memory for one. What
/// eap itself posts is such a node already, and becomes no other.
///
/// Effects       the node's memory is taken from `function.get_allocator()` when there is one, else from memory that is used again, and
///               given back before the function is called or destroyed.
/// Errors        What allocating, or moving the function, throws.
/// Thread safety A node may be run or dropped on any thread.
template <class F>
    requires std::invocable<std::decay_t<F>>
[[nodiscard]] work_ptr make_work(F&& function) {
    if constexpr (std::is_same_v<F, detail::posted>)
        return function.release();
    else
        return detail::function_work<std::decay_t<F>>::make(std::forward<F>(function));
}

} // namespace eap

#endif
