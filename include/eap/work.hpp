// SPDX-License-Identifier: BSL-1.0
//
// Layer 1 – a function as a node: for contexts whose place queues pointers.
#ifndef EAP_WORK_HPP
#define EAP_WORK_HPP

#include "eap/detail/function_target.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/work_node.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace eap {

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
        return detail::function_target<std::decay_t<F>>::make(std::forward<F>(function)).release();
}

} // namespace eap

#endif
