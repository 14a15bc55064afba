// SPDX-License-Identifier: BSL-1.0
//
// Detail – a name for the calling thread that no later thread inherits.
#ifndef EAP_DETAIL_THIS_THREAD_NUMBER_HPP
#define EAP_DETAIL_THIS_THREAD_NUMBER_HPP

#include <atomic>
#include <cstdint>

namespace eap::detail {

/// Not zero, and never used again. (std::thread::id is: a place that remembers the thread that ran it last
/// would take a new thread for the dead one.)
inline std::uint64_t this_thread_number() noexcept {
    static constinit std::atomic<std::uint64_t> last{0};
    static constinit thread_local std::uint64_t mine = 0;
    if (mine == 0)
        mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
    return mine;
}

} // namespace eap::detail

#endif
