// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – an operation that no manager keeps count of: whoever creates it is its client. What bridges are built on.
#ifndef EAP_UNMANAGED_OPERATION_HPP
#define EAP_UNMANAGED_OPERATION_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_options.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/user_state.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

namespace eap::detail {

struct nothing_to_prepare {
    void operator()(const auto& /*operation*/) const noexcept {}
};

/// An operation that no manager keeps count of. `prepare(operation)`, which gets a constant one, is called before anything
/// can happen to it.
/// Throws what allocating and preparing do, and the home's `operation_started`; the client does not hear of that.
template <class T, class P, class Completed, class Progress, class Prepare = nothing_to_prepare>
async_operation<T, P> create_unmanaged_operation(any_synchronization_context home, Completed&& completed,
                                                 Progress&& progress, const operation_options& options,
                                                 Prepare&& prepare = {}) {
    using block = operation_block<T, P, std::decay_t<Completed>, std::decay_t<Progress>>;
    const std::size_t nodes = home.nodes_per_post();
    intrusive_ptr<block> made{reserved_postable::make<block>(nodes, std::move(home), user_state{}, options,
                                                             std::forward<Completed>(completed),
                                                             std::forward<Progress>(progress)),
                              adopt_reference};
    block& state = *made;
    eap::operation_started(state.home());
    auto operation = operation_access::make<T, P>(std::move(made));
    try {
        std::forward<Prepare>(prepare)(std::as_const(operation));
    } catch (...) {
        static_cast<void>(operation_access::discard(std::move(operation)));
        throw;
    }
    state.start_deadline(options.timeout);
    return operation;
}

} // namespace eap::detail

#endif
