// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – outcomes that reach no handler. Decides what is told of them.
#ifndef EAP_UNDELIVERED_HPP
#define EAP_UNDELIVERED_HPP

#include "eap/user_state.hpp"

#include <exception>
#include <string_view>

namespace eap {

/// Why an outcome could not be handed to its handler.
enum class undelivered_reason : unsigned char {
    context_gone,  ///< the home was closed or destroyed, or dropped what was posted to it
    post_failed,   ///< the home refused the completion
    receiver_gone, ///< a tracked handler had lost its receiver
    no_handler,    ///< an error, and nobody had asked to hear of it
};

/// An outcome that reached no handler: what `operation_manager::on_undelivered` is told, once for each.
///
/// Lifetime      `name` is the literal given with `operation_options`.
struct undelivered {
    eap::user_state user_state;
    std::string_view name;
    std::exception_ptr error; ///< null when the operation ended with a value or was cancelled
    bool cancelled;
    undelivered_reason reason;
};

} // namespace eap

#endif
