// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – receivers that no shared_ptr owns. Decides when it is safe for one to end.
#ifndef EAP_ANCHOR_HPP
#define EAP_ANCHOR_HPP

#include "eap/detail/gate.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/tracked.hpp"

#include <type_traits>
#include <utility>

namespace eap {

/// A member that makes any object a receiver: `eap::tracked(anchor_, handler)`.
///
/// Effects       its destructor lets no tracked handler begin any more, and waits for those that run on other threads. An
///               object may end in its own handler: that one is not waited for.
/// Requires      that it is the *last* member, so that it ends first, while the others are still there. In a class that is
///               derived from, the most derived one has it.
/// Thread safety all members. Whoever destroys the object holds no lock that these handlers take.
/// Lifetime      a copied or moved object has an anchor of its own: handlers stay with the object they were made for.
class anchor {
    struct core : detail::reference_counted<core> {
        detail::gate<> way_in;
    };

  public:
    /// Keeps the object there for as long as it lives, if it was still there.
    class hold {
      public:
        hold(const hold&) = delete;
        hold& operator=(const hold&) = delete;
        explicit operator bool() const noexcept { return static_cast<bool>(inside_); }

      private:
        friend anchor;
        explicit hold(detail::intrusive_ptr<core> of) noexcept
            : core_(std::move(of)), inside_(core_->way_in) {}

        detail::intrusive_ptr<core> core_; // first: the way in must outlive the one who is inside
        detail::gate<>::entry inside_;
    };

    /// Knows whether the object is still there.
    class watch {
      public:
        hold lock() const noexcept { return hold{core_}; }

      private:
        friend anchor;
        explicit watch(detail::intrusive_ptr<core> of) noexcept : core_(std::move(of)) {}

        detail::intrusive_ptr<core> core_;
    };

    anchor() : core_(new core, detail::adopt_reference) {}
    anchor(const anchor&) : anchor() {}
    anchor& operator=(const anchor&) noexcept { return *this; }
    ~anchor() {
        detail::platform::step("end a receiver");
        core_->way_in.close_for_good();
    }

    watch watched() const noexcept { return watch{core_}; }

  private:
    const detail::intrusive_ptr<core> core_;
};
static_assert(receiver_watch<anchor::watch>);

/// As `tracked` of other receivers.
template <class F>
tracked_handler<anchor::watch, std::decay_t<F>> tracked(const anchor& receiver, F&& function) {
    return {receiver.watched(), std::forward<F>(function)};
}
template <class F> void tracked(const anchor&&, F&&) = delete; // it ends with this expression

} // namespace eap

#endif
