// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – delegates: call a function here, or begin to call it there and end the call later.
#ifndef EAP_DELEGATE_HPP
#define EAP_DELEGATE_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/async_call.hpp" // IWYU pragma: export: what begin_invoke returns
#include "eap/call_block.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/errors.hpp"
#include "eap/operation_state.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/user_state.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace eap {

template <class Signature> class delegate;

namespace detail {

/// What the copies of a delegate share.
template <class R, class... Args>
class delegate_target : public reference_counted<delegate_target<R, Args...>> {
  public:
    virtual ~delegate_target() = default;
    virtual R call(operation_state* operation, Args&&... arguments) = 0;
};

template <class F, class R, class... Args>
class function_delegate_target final : public delegate_target<R, Args...> {
  public:
    template <class G>
    explicit function_delegate_target(std::in_place_t, G&& function) : function_(std::forward<G>(function)) {}
    R call(operation_state* operation, Args&&... arguments) override {
        return detail::invoke_target<R>(function_, operation, std::forward<Args>(arguments)...);
    }

  private:
    F function_;
};

template <class Call, class Callback> decltype(auto) checked_callback(Callback&& callback) {
    if constexpr (std::is_null_pointer_v<std::remove_cvref_t<Callback>>) {
        return no_callback{};
    } else {
        static_assert(std::invocable<std::decay_t<Callback>&, const Call&>,
                      "eap: the callback of begin_invoke must be callable with the async_call, a const "
                      "async_call<R(Args...)>&");
        return std::forward<Callback>(callback);
    }
}

/// The part of a delegate that ends calls: its parameters are the in-out ones of the signature.
template <class Signature, class Outs> class delegate_ending;

template <class R, class... Args, class... Outs> class delegate_ending<R(Args...), type_list<Outs...>> {
  public:
    /// Ends a call that this delegate, or a copy of it, has begun: `call.end_invoke(outs...)`. (.NET: EndInvoke)
    /// Errors        also `invalid_operation` for a call that another delegate began; that ends nothing.
    R end_invoke(Outs&... outs, const async_call<R(Args...)>& call) const {
        auto& begun = call_access::typed(call);
        if (!this->target_ || begun.delegate_target() != target_.get())
            throw invalid_operation{
                "eap: this call was begun by another delegate; end it with that one, a copy of it, or "
                "call.end_invoke()"};
        return begun.end(outs...);
    }

  protected:
    intrusive_ptr<delegate_target<R, Args...>> target_; // null when the delegate is empty
};

/// Calls a delegate's target as the work of a call.
template <class R, class... Args> struct delegate_work {
    R operator()(operation_state& operation, Args&&... arguments) {
        return target->call(&operation, std::forward<Args>(arguments)...);
    }
    intrusive_ptr<delegate_target<R, Args...>> target;
};
/// Calls a function that belongs to the call.
template <class F, class R, class... Args> struct function_work_of {
    R operator()(operation_state& operation, Args&&... arguments) {
        return detail::invoke_target<R>(function, &operation, std::forward<Args>(arguments)...);
    }
    F function;
};

template <class F> struct signature_of; // of a callable that has one: without a leading std::stop_token
template <class R, class... Args> struct signature_of<std::function<R(Args...)>> {
    using type = R(Args...);
};
template <class R, class... Args> struct signature_of<std::function<R(std::stop_token, Args...)>> {
    using type = R(Args...);
};

} // namespace detail

/// A function that can be called here, or begun there and ended later. (.NET: a delegate with BeginInvoke and EndInvoke)
///
/// Requires      the target takes `Args...`, and returns `R`. If it takes them only behind a leading `std::stop_token`, it
///               gets one, which `async_call::cancel` reaches; called here, one that nobody can ask to stop.
/// Effects       copies share one target; they are the same delegate. A default-constructed one is empty, and so is one
///               made from an empty function.
/// Thread safety any number of calls of one delegate may run at the same time, if its target may be.
/// Lifetime      a call keeps the target, and copies of the arguments: whatever else is destroyed meanwhile.
template <class R, class... Args>
class delegate<R(Args...)> : public detail::delegate_ending<R(Args...), detail::outs_of<Args...>> {
    using target_type = detail::delegate_target<R, Args...>;

  public:
    using call_type = async_call<R(Args...)>;

    delegate() noexcept = default;
    delegate(std::nullptr_t) noexcept {}
    /// Of overloaded functions, takes the one of this very signature.
    delegate(R (*function)(Args...)) { set(function); }
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, delegate>) &&
                detail::target_for<std::decay_t<F>, R, Args...>
    delegate(F&& function) {
        set(std::forward<F>(function));
    }
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, delegate>) &&
                    (!detail::target_for<std::decay_t<F>, R, Args...>)
    delegate(F&&) = delete; // eap: a target must be callable with the parameters, and return the result

    explicit operator bool() const noexcept { return static_cast<bool>(this->target_); }
    /// Whether they are copies of one delegate.
    template <std::same_as<delegate> D> // else any function would be taken for a delegate, and never be equal
    bool operator==(const D& other) const noexcept {
        return this->target_ == other.target_;
    }

    /// Calls the target on this thread. (.NET: Invoke)
    /// Errors        what the target throws; std::bad_function_call when the delegate is empty.
    R operator()(Args... arguments) const {
        return target()->call(nullptr, std::forward<Args>(arguments)...);
    }
    R invoke(Args... arguments) const { return target()->call(nullptr, std::forward<Args>(arguments)...); }

    /// Begins to call the target where `on` says, else on the shared pool, and returns. (.NET: BeginInvoke)
    ///
    /// Effects       each argument is copied now, or moved: the call works on a value of its own, also for a `T&`
    ///               parameter. When the call is complete, however it ended, `callback(call)` runs once, at the context
    ///               that is current now, else on the shared pool; it may end the call, and `tracked` binds it to a
    ///               receiver. An empty function is no callback. `async_state` is the caller's own.
    /// Errors        std::bad_function_call when the delegate is empty; what the place refuses the call with, such as
    ///               `context_closed`; what copying throws. Then nothing has begun, and the callback never runs. A place
    ///               that loses the call later ends it with `operation_abandoned`. An exception of the callback reaches
    ///               whoever runs the context.
    template <class Callback = detail::no_callback>
    call_type begin_invoke(detail::argument_t<Args>... arguments, Callback&& callback = {},
                           user_state async_state = {}) const {
        static_assert((detail::is_checked<Args> && ...));
        auto work = detail::delegate_work<R, Args...>{target()};
        return detail::begin_call(std::type_identity<R(Args...)>{},
                                  where_.has_value() ? where_
                                                     : any_synchronization_context{thread_pool::shared()},
                                  this->target_.get(), std::move(work),
                                  detail::checked_callback<call_type>(std::forward<Callback>(callback)),
                                  std::move(async_state), std::move(arguments)...);
    }

    /// The same delegate; the calls that it begins run on `where`, which must be closed or run by its owner in the end: it
    /// keeps what is queued there, and that keeps it.
    /// Errors        std::invalid_argument when `where` names no place.
    delegate on(any_synchronization_context where) const {
        if (!where.has_value())
            throw std::invalid_argument{
                "eap: a delegate was to begin its calls on an empty context; give it one that "
                "names a place"};
        delegate same{*this};
        same.where_ = std::move(where);
        return same;
    }

  private:
    friend std::hash<delegate>;
    std::size_t hash() const noexcept { return std::hash<const void*>{}(this->target_.get()); }

    template <class F> void set(F&& function) {
        if (!detail::is_empty_function(function))
            this->target_ = {new detail::function_delegate_target<std::decay_t<F>, R, Args...>{
                                 std::in_place, std::forward<F>(function)},
                             detail::adopt_reference};
    }
    /// Kept for as long as it is called: it may let go of the delegate.
    detail::intrusive_ptr<target_type> target() const {
        if (!this->target_)
            throw std::bad_function_call{};
        return this->target_;
    }

    any_synchronization_context where_; // empty: the shared pool
};

template <class F>
delegate(F) -> delegate<typename detail::signature_of<decltype(std::function{std::declval<F>()})>::type>;

namespace detail {

template <class F, class... A>
auto begin_function(any_synchronization_context where, F&& function, A&&... arguments) {
    using target = std::decay_t<F>;
    static_assert(
        !lends_context<target>,
        "eap: begin_invoke was given a place, such as a pool or a loop, where it takes a context; give it "
        "the place's context()");
    static_assert((std::is_constructible_v<std::decay_t<A>, A> && ...),
                  "eap: begin_invoke keeps a copy of each argument, and one of these cannot be copied; give "
                  "it by std::move, "
                  "or std::ref");
    constexpr bool callable =
        std::invocable<target&, std::decay_t<A>...> || takes_stop_token<target, std::decay_t<A>...>;
    static_assert(callable || lends_context<target>,
                  "eap: the function given to begin_invoke must be callable with copies of the arguments, as "
                  "rvalues, or "
                  "with a std::stop_token before them; for a T& parameter give std::ref, or use a delegate");
    if constexpr (callable) {
        using returned = typename target_result<target, std::decay_t<A>...>::type;
        using result =
            std::conditional_t<std::is_rvalue_reference_v<returned>, std::remove_cvref_t<returned>, returned>;
        if (is_empty_function(function))
            throw std::bad_function_call{};
        return begin_call(std::type_identity<result(std::decay_t<A>...)>{}, std::move(where), nullptr,
                          function_work_of<target, result, std::decay_t<A>...>{std::forward<F>(function)},
                          no_callback{}, user_state{}, std::forward<A>(arguments)...);
    }
}

} // namespace detail

/// Begins to call `function(arguments...)` on `where`, without a delegate; end it with `call.end_invoke()`.
///
/// Effects       function and arguments are copied now, or moved, and passed to the call as rvalues. A `T&` parameter wants
///               std::ref, or a delegate. A leading std::stop_token, if the function takes one, is filled in.
/// Errors        as `delegate::begin_invoke`.
template <synchronization_context C, class F, class... A>
auto begin_invoke(const C& where, F&& function, A&&... arguments) {
    return detail::begin_function(where, std::forward<F>(function), std::forward<A>(arguments)...);
}
/// The same, on the shared pool.
template <class F, class... A>
    requires(!synchronization_context<std::remove_cvref_t<F>>)
auto begin_invoke(F&& function, A&&... arguments) {
    return detail::begin_function(thread_pool::shared(), std::forward<F>(function),
                                  std::forward<A>(arguments)...);
}

} // namespace eap

/// Of the delegate that it is a copy of.
template <class R, class... Args> struct std::hash<eap::delegate<R(Args...)>> {
    std::size_t operator()(const eap::delegate<R(Args...)>& which) const noexcept { return which.hash(); }
};

#endif
