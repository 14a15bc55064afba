// SPDX-License-Identifier: BSL-1.0
//
// Layer 1 – which context the calling thread is on. Decides nothing about threads that were never told.
#ifndef EAP_SCOPED_CONTEXT_HPP
#define EAP_SCOPED_CONTEXT_HPP

#include "eap/any_synchronization_context.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace eap {

/// Makes a context the calling thread's current one for a scope; the previous one comes back at its end.
/// (.NET: SynchronizationContext.SetSynchronizationContext, which has no way back)
///
/// Thread safety Concerns the calling thread only; the context does not flow to threads and work that it
///               starts.
/// Lifetime      Scopes of one thread end in the reverse order of their beginning.
class [[nodiscard]] scoped_context {
  public:
    template <std::convertible_to<any_synchronization_context> C>
    explicit scoped_context(C&& context) noexcept(
        std::is_nothrow_constructible_v<any_synchronization_context, C>)
        : context_(std::forward<C>(context)) {}
    scoped_context(const scoped_context&) = delete;
    scoped_context& operator=(const scoped_context&) = delete;
    ~scoped_context() { slot_ = outer_; }

    /// The calling thread's current context; null when it has none. Reading installs nothing.
    static const any_synchronization_context* current() noexcept {
        return slot_ != nullptr && slot_->has_value() ? slot_ : nullptr;
    }

    /// Whether some scope has said what this thread is on, be it "no context" (an empty one).
    static bool is_set() noexcept { return slot_ != nullptr; }

  private:
    // `slot_` is read by its own thread only
    static inline constinit thread_local const any_synchronization_context* slot_ = nullptr;

    any_synchronization_context context_;
    const any_synchronization_context* outer_ = std::exchange(slot_, &context_);
};

} // namespace eap

#endif
