// SPDX-License-Identifier: BSL-1.0
//
// Detail – the synchronisation primitives that shared state is written against.
#ifndef EAP_DETAIL_SYNC_HPP
#define EAP_DETAIL_SYNC_HPP

#include "eap/detail/brief_mutex.hpp"
#include "eap/detail/platform.hpp"

#include <atomic> // IWYU pragma: export: whoever names a policy names memory orders
#include <mutex>

namespace eap::detail {

/// The synchronisation policy in use. Every word that two threads share is a small class template over
/// such a policy, so that a model checker can drive the very code that ships with primitives of its own.
struct std_sync {
    template <class T> using atomic = std::atomic<T>;
    template <class T> using plain = T; // ordered by the others
    using mutex = std::mutex;
    using brief_mutex = detail::brief_mutex<std_sync>;
    using condition_variable = detail::condition_variable;
    using semaphore = detail::semaphore;
};

} // namespace eap::detail

#endif
