// SPDX-License-Identifier: BSL-1.0
//
// Layer 4 – what is known of a pending operation.
#ifndef EAP_OPERATION_INFO_HPP
#define EAP_OPERATION_INFO_HPP

#include "eap/detail/platform.hpp"
#include "eap/operation_state.hpp"
#include "eap/user_state.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace eap {

/// What is known of a pending operation, for display and diagnosis; a copy of one moment.
/// Lifetime      `name` is the operation's own: see `operation_options`.
struct operation_info {
    enum class phase : unsigned char {
        running, ///< the outcome is open
        decided, ///< the outcome is on its way home
    };
    eap::user_state id;
    std::string_view name;
    phase state;
    std::chrono::nanoseconds age;
    int last_percentage; ///< the highest step reported last; 0 before the first report
    /// How long ago a stop was requested; empty when none was.
    std::optional<std::chrono::nanoseconds> cancel_requested_since;
};

namespace detail {

inline operation_info info_of(const operation_state& which, steady_time now) {
    const auto requested = which.stop_requested_at();
    return {which.user_state(),
            which.name(),
            which.decided() ? operation_info::phase::decided : operation_info::phase::running,
            now - which.created(),
            which.last_percentage(),
            requested ? std::optional<std::chrono::nanoseconds>{now - *requested} : std::nullopt};
}

} // namespace detail

} // namespace eap

#endif
