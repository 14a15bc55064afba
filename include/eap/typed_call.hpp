// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – a call by its signature, seen by whoever ends it: arguments and outcome. Knows no target and no callback.
#ifndef EAP_TYPED_CALL_HPP
#define EAP_TYPED_CALL_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/call_state.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_options.hpp"
#include "eap/operation_state.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/tracked.hpp"
#include "eap/user_state.hpp"

#include <optional>
#include <type_traits>
#include <utility>

namespace eap::detail {

template <class Signature> class typed_call;

/// A call, seen by whoever ends it.
template <class R, class... Args>
class typed_call<R(Args...)> : public typed_operation<R, void>, public call_state {
    static_assert(
        !std::is_object_v<R> || std::is_move_constructible_v<R>,
        "eap: the result of an asynchronous call is moved to whoever ends it, and this one cannot be moved. "
        "Return a std::unique_ptr to it.");

  public:
    /// The target of the delegate that began it; null when none did.
    const void* delegate_target() const noexcept { return delegate_target_; }

    /// Takes the outcome: returns the value and fills `outs`, or throws the error and leaves them alone.
    template <class... Outs> R end(Outs&... outs) {
        const auto alive = claim_end_and_wait();
        return take_outcome(outs...);
    }
    template <class... Outs> completed_event_args<R> try_end(Outs&... outs) {
        const auto alive = claim_end_and_wait();
        if (this->outcome_->error() == nullptr && !this->outcome_->cancelled())
            arguments_->write_back(outs...);
        return std::move(*this->outcome_);
    }

    /// Likewise, of a call that is complete, by the one that has claimed its end.
    template <class... Outs> R take_outcome(Outs&... outs) {
        auto& outcome = *this->outcome_;
        outcome.raise_exception_if_necessary();
        if constexpr (std::is_void_v<R>) {
            arguments_->write_back(outs...);
        } else {
            std::remove_const_t<R> result = std::move(outcome).result();
            arguments_->write_back(outs...);
            return result;
        }
    }

  protected:
    template <class... V>
    typed_call(any_synchronization_context&& home, eap::user_state&& async_state,
               any_synchronization_context&& where, const void* delegate_target, V&&... arguments)
        : typed_operation<R, void>(std::move(home), std::move(async_state), operation_options{}),
          call_state(static_cast<operation_state&>(*this), std::move(where)),
          delegate_target_(delegate_target),
          arguments_(std::in_place, std::in_place, std::forward<V>(arguments)...) {}

    arguments<Args...>& kept() noexcept { return *arguments_; }
    void destroy_contents() noexcept override {
        arguments_.reset();
        this->outcome_.reset();
    }

  private:
    void outcome_is_written() noexcept final { outcome_is_there(); }
    delivery call_progress_handler(const progress_changed_event_args<void>&) final {
        return delivery::nobody_there;
    }

    const void* const delegate_target_;
    std::optional<arguments<Args...>>
        arguments_; // of whoever began, until `completed`; then of whoever ended
};

} // namespace eap::detail

#endif
