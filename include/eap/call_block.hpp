// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – the whole of a call in one block: its work and its callback added. Decides how a call is begun.
#ifndef EAP_CALL_BLOCK_HPP
#define EAP_CALL_BLOCK_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_call.hpp"
#include "eap/async_operation.hpp"
#include "eap/call_state.hpp"
#include "eap/current_context.hpp"
#include "eap/detail/inside.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_state.hpp"
#include "eap/run_on.hpp"
#include "eap/tracked.hpp"
#include "eap/typed_call.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace eap::detail {

struct anything_else {};

/// Whether the target wants to hear of a stop: a leading std::stop_token, which is not part of the signature.
template <class F, class... Args>
concept takes_stop_token =
    !std::invocable<F&, Args...> && std::invocable<F&, std::stop_token, Args...> &&
    !std::invocable<F&, anything_else, Args...>; // what takes just anything does not ask for a token

template <class F, class... Args> struct target_result : std::invoke_result<F&, Args...> {};
template <class F, class... Args>
    requires takes_stop_token<F, Args...>
struct target_result<F, Args...> : std::invoke_result<F&, std::stop_token, Args...> {};

/// Whether what the target returns can be returned as `R`, without a reference to a temporary.
template <class From, class R>
concept returnable_as =
    std::is_void_v<R> ||
    (std::is_reference_v<R>
         ? std::is_reference_v<From> && std::is_convertible_v<std::add_pointer_t<From>, std::add_pointer_t<R>>
         : std::is_convertible_v<From, R>);

/// Whether an `F` can be the target of a call of type `R(Args...)`.
template <class F, class R, class... Args>
concept target_for = (std::invocable<F&, Args...> || takes_stop_token<F, Args...>) &&
                     returnable_as<typename target_result<F, Args...>::type, R>;

/// Calls it. `operation` is the one whose stop it hears of; null when nobody can ask it to stop.
template <class R, class F, class... Args>
R invoke_target(F& target, operation_state* operation, Args&&... arguments) {
    const auto call = [&]() -> decltype(auto) {
        if constexpr (takes_stop_token<F, Args...>)
            return std::invoke(target, operation != nullptr ? operation->stop_token() : std::stop_token{},
                               std::forward<Args>(arguments)...);
        else
            return std::invoke(target, std::forward<Args>(arguments)...);
    };
    if constexpr (std::is_void_v<R>)
        static_cast<void>(call());
    else
        return call();
}

struct no_callback {
    template <class Call> void operator()(const Call&) const noexcept {}
};

/// The whole of a call: what `begin_invoke` allocates, once. `Work` is called as `work(operation, arguments...)`.
template <class Signature, class Work, class Callback> class call_block;

template <class R, class... Args, class Work, class Callback>
class call_block<R(Args...), Work, Callback> final : public typed_call<R(Args...)> {
  public:
    template <class W, class C, class... V>
    call_block(any_synchronization_context&& home, eap::user_state&& async_state,
               any_synchronization_context&& where, const void* delegate_target, W&& work, C&& callback,
               V&&... arguments)
        : typed_call<R(Args...)>(std::move(home), std::move(async_state), std::move(where), delegate_target,
                                 std::forward<V>(arguments)...),
          work_(std::in_place, std::forward<W>(work)) {
        if (this->home().has_value())
            callback_.emplace(std::forward<C>(callback));
    }

  private:
    void run_here(intrusive_ptr<operation_state> workers) override {
        const inside<call_state> frame{this};
        auto worker = operation_access::make<R, void>(intrusive_ptr<typed_operation<R, void>>{
            static_cast<typed_operation<R, void>*>(workers.detach()), adopt_reference});
        auto work = [this]() -> R {
            return this->kept().pass_to([this](Args&&... arguments) -> R {
                return (*work_)(*this, std::forward<Args>(arguments)...);
            });
        };
        run_work(worker, work);
    }

    bool has_handler_for_last() const noexcept override { return callback_.has_value(); }
    delivery call_completion_handler() override {
        const inside<call_state> frame{this};
        call_state::add_reference();
        const auto call = call_access::make<R(Args...)>(intrusive_ptr<call_state>{this, adopt_reference});
        return detail::deliver_to(*callback_, call);
    }
    void destroy_handlers() noexcept override { // the outcome stays, for whoever ends the call
        callback_.reset();
        this->callback_is_over();
    }
    void destroy_contents() noexcept override {
        work_.reset();
        typed_call<R(Args...)>::destroy_contents();
    }

    std::optional<Work> work_;
    std::optional<Callback> callback_; // touched by the reader only
};

/// Begins a call on `where`. `work(operation, arguments...)` is what it does there.
template <class R, class... Args, class Work, class Callback, class... V>
async_call<R(Args...)> begin_call(std::type_identity<R(Args...)>, any_synchronization_context where,
                                  const void* delegate_target, Work&& work, Callback&& callback,
                                  user_state&& async_state, V&&... arguments) {
    using block = call_block<R(Args...), std::decay_t<Work>, std::decay_t<Callback>>;
    any_synchronization_context home;
    if constexpr (!std::same_as<std::decay_t<Callback>, no_callback>)
        if (!is_empty_function(callback))
            home = current_context();
    const std::size_t nodes = (home.has_value() ? home : where).nodes_per_post(); // see call_state::ticket
    auto* const made = reserved_postable::make<block>(
        nodes, std::move(home), std::move(async_state), std::move(where), delegate_target,
        std::forward<Work>(work), std::forward<Callback>(callback), std::forward<V>(arguments)...);
    auto call = call_access::make<R(Args...)>(intrusive_ptr<call_state>{made, adopt_reference});
    made->start();
    return call;
}

} // namespace eap::detail

#endif
