// SPDX-License-Identifier: BSL-1.0
//
// Detail – points in time that do not overflow.
#ifndef EAP_DETAIL_DEADLINE_HPP
#define EAP_DETAIL_DEADLINE_HPP

#include "eap/detail/platform.hpp"

#include <chrono>

namespace eap::detail {

/// The end of time: as a deadline, none.
inline constexpr steady_time end_of_time = steady_time::max();

/// Now plus `delay`, rounded up; now for less than zero; `end_of_time` when it lies beyond.
template <class Rep, class Period>
steady_time deadline_after(std::chrono::duration<Rep, Period> delay) noexcept {
    using seconds = std::chrono::duration<double>;
    const steady_time now = steady_now();
    // compared as floating point numbers, which do not overflow, with a second to spare for their rounding
    if (!(seconds{delay} < seconds{end_of_time - now} - seconds{1}))
        return end_of_time;
    if (delay <= delay.zero())
        return now;
    return now + std::chrono::ceil<steady_time::duration>(delay);
}

} // namespace eap::detail

#endif
