// SPDX-License-Identifier: BSL-1.0
//
// Detail – a std::stop_source that exists only when somebody asked for a token.
#ifndef EAP_DETAIL_LAZY_STOP_SOURCE_HPP
#define EAP_DETAIL_LAZY_STOP_SOURCE_HPP

#include "eap/detail/operation_word.hpp"
#include "eap/detail/sync.hpp"

#include <memory>
#include <stop_token>

namespace eap::detail {

/// Turns the stop bit of an operation_word into std::stop_token.
///
/// Ordering      a requester sets the bit, then looks for the source; a maker publishes the source, then
///               looks at the bit. All four are seq_cst, so at least one of the two sees the other and
///               requests the stop.
template <class Sync = std_sync> class lazy_stop_source {
  public:
    lazy_stop_source() = default;
    lazy_stop_source(const lazy_stop_source&) = delete;
    lazy_stop_source& operator=(const lazy_stop_source&) = delete;
    ~lazy_stop_source() { delete source_.load(std::memory_order_acquire); }

    /// A token; the first call allocates and may throw std::bad_alloc.
    std::stop_token token(const operation_word<Sync>& word) {
        std::stop_source* source = source_.load(std::memory_order_acquire);
        if (source == nullptr) {
            auto made = std::make_unique<std::stop_source>();
            if (source_.compare_exchange_strong(source, made.get(), std::memory_order_seq_cst))
                source = made.release();
            if (word.stop_requested())
                source->request_stop();
        }
        return source->get_token();
    }

    /// To be called after the bit was set. Runs the stop callbacks on this thread, when it is the first.
    void request_stop() noexcept {
        if (std::stop_source* const source = source_.load(std::memory_order_seq_cst))
            source->request_stop();
    }

  private:
    typename Sync::template atomic<std::stop_source*> source_{nullptr};
};

} // namespace eap::detail

#endif
