// SPDX-License-Identifier: BSL-1.0
//
// Detail – no place at all: what is posted runs where it is posted.
#ifndef EAP_DETAIL_INLINE_CONTEXT_HPP
#define EAP_DETAIL_INLINE_CONTEXT_HPP

#include <cstddef>
#include <utility>

namespace eap::detail {

/// The home of an operation whose client is told by whoever completes it: a promise, which has no thread.
struct inline_context {
    static constexpr std::size_t nodes_per_post = 0;

    template <class F> void post(F&& function) const {
        auto taken = std::forward<F>(function);
        std::move(taken)();
    }
    bool operator==(const inline_context&) const = default;
};

} // namespace eap::detail

#endif
