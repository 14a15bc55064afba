// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. Calls as asynchronous operations of Boost.Asio, for any of its completion tokens.
#ifndef EAP_ADAPTORS_ASIO_TOKEN_HPP
#define EAP_ADAPTORS_ASIO_TOKEN_HPP

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "eap needs Boost 1.81 or newer: put its headers first, e.g. g++ -isystem /path/to/boost_1_81_0 ..."
#endif

#include "eap/adaptors/asio_client.hpp"
#include "eap/async_call.hpp"
#include "eap/async_operation.hpp"
#include "eap/call_block.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/work_node.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/work.hpp"

#include <boost/asio/async_result.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

template <class R> struct asio_signature {
    static_assert(
        std::is_void_v<R> || std::is_default_constructible_v<R>,
        "eap: Asio passes a result also with an error, so this one must have a default value; return a "
        "std::optional or a std::unique_ptr of it");
    using type = void(std::exception_ptr, R);
};
template <> struct asio_signature<void> {
    using type = void(std::exception_ptr);
};

struct stop_operation {
    template <class R, class P> auto operator()(const async_operation<R, P>& operation) const {
        return [state = operation_access::state(operation)] { state->request_stop(); };
    }
};

template <class R> struct initiate_invoke {
    template <class Handler, class C, class F, class... A>
    void operator()(Handler&& handler, const C& where, F&& function, A&&... arguments) const {
        asio_operation<R, void, std::decay_t<Handler>> client{std::forward<Handler>(handler),
                                                              stop_operation{}};
        auto work = [target = std::decay_t<F>(std::forward<F>(function)),
                     kept = std::tuple<std::decay_t<A>...>(std::forward<A>(arguments)...)](
                        async_operation<R>& operation) mutable -> R {
            return std::apply(
                [&](std::decay_t<A>&... each) -> R {
                    return detail::invoke_target<R>(target, operation_access::state(operation).get(),
                                                    std::move(each)...);
                },
                kept);
        };
        client.run_on(where, std::move(work));
    }
};

template <class C, class F, class Token, class... A>
decltype(auto) async_invoke_with(const C& where, F&& function, Token&& token, A&&... arguments) {
    using target = std::decay_t<F>;
    constexpr bool callable =
        std::invocable<target&, std::decay_t<A>...> || takes_stop_token<target, std::decay_t<A>...>;
    static_assert(
        callable,
        "eap: the function given to async_invoke must be callable with copies of the arguments, as "
        "rvalues, or with a std::stop_token before them; the last argument of all is the completion "
        "token");
    if constexpr (callable) {
        using result = std::decay_t<typename target_result<target, std::decay_t<A>...>::type>;
        if (detail::is_empty_function(function))
            throw std::bad_function_call{};
        return boost::asio::async_initiate<std::remove_reference_t<Token>,
                                           typename asio_signature<result>::type>(
            initiate_invoke<result>{}, token, where, std::forward<F>(function),
            std::forward<A>(arguments)...);
    }
}

template <class T, class P> struct initiate_run_on {
    template <class Handler, class C, class F, class Progress>
    void operator()(Handler&& handler, const C& where, F&& work, Progress&& progress,
                    const operation_options& options) const {
        asio_operation<T, P, std::decay_t<Handler>> client{
            std::forward<Handler>(handler), stop_operation{},
            std::decay_t<Progress>(std::forward<Progress>(progress)), options};
        client.run_on(where, std::forward<F>(work));
    }
};

template <class Signature> struct initiate_end {
    using result = typename async_call<Signature>::result_type;

    template <class Handler> void operator()(Handler&& handler, const async_call<Signature>& call) const {
        using client_type = asio_operation<result, void, std::decay_t<Handler>>;
        auto client = std::make_unique<client_type>(
            std::forward<Handler>(handler),
            [&](const async_operation<result>&) { return [call] { static_cast<void>(call.cancel()); }; });
        auto& state = call_access::typed(call);
        state.claim_end();
        work_ptr end;
        try {
            end = make_work([call, client = std::move(client)]() mutable {
                client->release();
                auto work = [&]() -> result { return call_access::typed(call).take_outcome(); };
                detail::run_work(**client, work);
            });
        } catch (...) { // what has become of `client` by now has undone it
            state.give_end_back();
            throw;
        }
        state.when_completed(std::move(end));
    }
};

} // namespace detail

/// Begins to call `function(arguments...)` on `where`, as an asynchronous operation of Boost.Asio: the last argument is a completion
/// token. `co_await eap::async_invoke(pool, f, a, asio::use_awaitable)`.
///
/// Effects       as `begin_invoke`: function and arguments are copied now, or moved, and a leading std::stop_token is filled in. The
///               handler that the token makes is called once, as `handler(std::exception_ptr, result)`, the result left out when it is
///               void: on its executor; when it has none, at the context that is current now, else on the shared pool.
///               Its cancellation slot requests a stop: work that has not begun never does, and ends with `operation_cancelled`.
///               Its allocator gives the memory in which it waits.
/// Guarantees    Should the executor's place end before the work does, the handler is destroyed then, and not called.
/// Errors        a place that refuses the call, or loses it, is told to the handler. std::bad_function_call for an empty function,
///               and what copying throws, leave here, and the handler is not called.
template <synchronization_context C, class F, class... ArgumentsAndToken>
    requires(sizeof...(ArgumentsAndToken) != 0)
decltype(auto) async_invoke(const C& where, F&& function, ArgumentsAndToken&&... arguments_and_token) {
    constexpr std::size_t count = sizeof...(ArgumentsAndToken) - 1;
    return [&]<std::size_t... I>(std::index_sequence<I...>,
                                 std::tuple<ArgumentsAndToken&&...> all) -> decltype(auto) {
        return detail::async_invoke_with(where, std::forward<F>(function), std::get<count>(std::move(all)),
                                         std::get<I>(std::move(all))...);
    }(std::make_index_sequence<count>{}, std::forward_as_tuple(
                                             std::forward<ArgumentsAndToken>(arguments_and_token)...));
}
/// The same, on the shared pool.
template <class F, class... ArgumentsAndToken>
    requires(!synchronization_context<std::remove_cvref_t<F>> && sizeof...(ArgumentsAndToken) != 0)
decltype(auto) async_invoke(F&& function, ArgumentsAndToken&&... arguments_and_token) {
    return eap::async_invoke(thread_pool::shared(), std::forward<F>(function),
                             std::forward<ArgumentsAndToken>(arguments_and_token)...);
}

/// Runs `work(operation)` or `work()` on `where`, as `run_on` does, and makes an asynchronous operation of Boost.Asio of it: with
/// reports of progress, and with options such as a deadline.
///
/// Requires      `T` has a default value: Asio passes one also with an error. `progress` takes a `const progress_changed_event_args<P>&`.
/// Effects       `progress` is called where the handler will be, for each report, before it. All else as `async_invoke`.
template <class T, class P, synchronization_context C, class F, class Progress, class Token>
decltype(auto) async_run_on(const C& where, F&& work, Progress&& progress, const operation_options& options,
                            Token&& token) {
    static_assert(std::invocable<std::decay_t<F>&, async_operation<T, P>&> ||
                      std::invocable<std::decay_t<F>&>,
                  "eap: the work given to async_run_on<T, P> must be callable as work(operation), with an "
                  "async_operation<T, P>&, or as work()");
    static_assert(std::invocable<std::decay_t<Progress>&, const progress_changed_event_args<P>&>,
                  "eap: the progress handler must be callable with the operation's const "
                  "progress_changed_event_args<P>&, with the P that async_run_on<T, P> names");
    return boost::asio::async_initiate<std::remove_reference_t<Token>,
                                       typename detail::asio_signature<T>::type>(
        detail::initiate_run_on<T, P>{}, token, where, std::forward<F>(work),
        std::forward<Progress>(progress), options);
}

/// Waits for a call, and ends it, as an asynchronous operation of Boost.Asio. The handler is called as that of `async_invoke` is.
/// Its cancellation slot cancels the call.
/// Errors        `invalid_operation` leaves here when the call has been, or is being, ended, or the handle names none.
template <class R, class... Args, class Token>
decltype(auto) async_end_invoke(const async_call<R(Args...)>& call, Token&& token) {
    static_assert((!detail::is_out<Args> && ...),
                  "eap: this call has T& parameters, and a handler gets only its result; give begin_invoke a "
                  "callback, and end the call there");
    return boost::asio::async_initiate<std::remove_reference_t<Token>,
                                       typename detail::asio_signature<R>::type>(
        detail::initiate_end<R(Args...)>{}, token, call);
}

} // namespace eap

#endif
