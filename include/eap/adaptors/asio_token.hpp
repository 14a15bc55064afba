// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. Calls as asynchronous operations of Boost.Asio, for any of its completion tokens.
#ifndef EAP_ADAPTORS_ASIO_TOKEN_HPP
#define EAP_ADAPTORS_ASIO_TOKEN_HPP

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "eap needs Boost 1.81 or newer: put its headers first, e.g. g++ -isystem /path/to/boost_1_81_0 ..."
#endif

#include "eap/any_synchronization_context.hpp"
#include "eap/async_call.hpp"
#include "eap/async_operation.hpp"
#include "eap/call_block.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/contexts/asio_context.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/current_context.hpp"
#include "eap/detail/arguments.hpp"
#include "eap/detail/inline_context.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/revocable.hpp"
#include "eap/detail/work_node.hpp"
#include "eap/errors.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/synchronization_context.hpp"

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_context.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

// A handler of Asio's is the client of an operation: its home is the handler's executor, its completion handler calls the handler.
// So it is called once, there, and not after that place is gone: then it is destroyed, as Asio destroys handlers, while the place
// still stands.

/// A handler, in memory of its own allocator.
template <class Handler> class stored_handler {
    using allocator = typename std::allocator_traits<
        boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<Handler>;
    using traits = std::allocator_traits<allocator>;

  public:
    explicit stored_handler(Handler&& handler) {
        allocator memory{boost::asio::get_associated_allocator(handler)};
        Handler* const made = traits::allocate(memory, 1);
        try {
            handler_ = ::new (static_cast<void*>(made)) Handler(std::move(handler));
        } catch (...) {
            traits::deallocate(memory, made, 1);
            throw;
        }
    }
    stored_handler(stored_handler&& other) noexcept : handler_(std::exchange(other.handler_, nullptr)) {}
    stored_handler& operator=(stored_handler&&) = delete;
    ~stored_handler() { reset(); }

    /// Its memory is given back before it can be called, so that it may use it again.
    Handler take() {
        Handler taken{std::move(*handler_)};
        reset();
        return taken;
    }
    void reset() noexcept {
        if (handler_ == nullptr)
            return;
        allocator memory{boost::asio::get_associated_allocator(*handler_)};
        std::destroy_at(handler_);
        traits::deallocate(memory, std::exchange(handler_, nullptr), 1);
    }

  private:
    Handler* handler_;
};

/// One that an executor's place takes back when it ends.
template <class Handler> class lent_handler final : public revocable {
  public:
    lent_handler(intrusive_ptr<revocable_list> place, Handler&& handler)
        : revocable(std::move(place)), handler_(std::move(handler)) {
        join();
    }
    Handler take() { return handler_.take(); } // inside a pin

  private:
    void revoke() noexcept override { handler_.reset(); }
    stored_handler<Handler> handler_;
};

/// Where a handler of an executor comes home to.
template <class Executor> struct place_of {
    static constexpr bool is_asios = true; // which tells when it ends
    static any_synchronization_context home(const Executor& executor) {
        return asio_context<Executor>{executor};
    }
};
template <class Executor> // a context's, as those of as_executor
    requires synchronization_context<std::remove_cvref_t<decltype(std::declval<const Executor&>().context())>>
struct place_of<Executor> {
    static constexpr bool is_asios = false;
    static any_synchronization_context home(const Executor& executor) { return executor.context(); }
};
template <class Executor> // any thread will do, as for the executor of use_future
    requires std::same_as<boost::asio::system_context&,
                          decltype(boost::asio::query(std::declval<const Executor&>(),
                                                      boost::asio::execution::context))>
struct place_of<Executor> {
    static constexpr bool is_asios = false;
    static any_synchronization_context home(const Executor&) { return inline_context{}; }
};

struct no_executor {};
template <> struct place_of<no_executor> {
    static constexpr bool is_asios = false;
    static any_synchronization_context home(no_executor) { return current_context(); }
};

template <class R, class Handler> void call_asio_handler(Handler& handler, completed_event_args<R>&& args) {
    std::exception_ptr error = args.error();
    if (error == nullptr && args.cancelled())
        error = std::make_exception_ptr(operation_cancelled{});
    if constexpr (std::is_void_v<R>)
        std::move(handler)(std::move(error));
    else if (error == nullptr)
        std::move(handler)(std::exception_ptr{}, std::move(args).result());
    else
        std::move(handler)(std::move(error), R{});
}

/// The completion handler of an operation whose client is a handler of Asio's. `Keeper` is one of the two above.
template <class R, class Handler, class Slot, class Keeper> class asio_client {
  public:
    asio_client(Keeper keeper, Slot slot) : keeper_(std::move(keeper)), slot_(std::move(slot)) {}

    bool try_invoke(completed_event_args<R>&& args) {
        if constexpr (requires { keeper_->take(); }) {
            std::optional<Handler> handler;
            if (const revocable::pin alive{*keeper_})
                handler.emplace(keeper_->take());
            if (!handler)
                return false;
            call(std::move(*handler), std::move(args));
        } else {
            call(keeper_.take(), std::move(args));
        }
        return true;
    }
    void operator()(completed_event_args<R>&& args) { static_cast<void>(try_invoke(std::move(args))); }

  private:
    void call(Handler&& handler, completed_event_args<R>&& args) {
        slot_.clear(); // first: the handler may use it for what it begins next
        detail::call_asio_handler<R>(handler, std::move(args));
    }

    Keeper keeper_;
    Slot slot_;
};

/// An operation whose client is a handler, until `release`: then it is the work's. Before that, nothing has begun.
template <class R, class P, class Handler> class asio_operation {
    using slot = boost::asio::associated_cancellation_slot_t<Handler>;

  public:
    /// `make_stop(operation)` makes what the handler's cancellation slot calls.
    template <class MakeStop, class Progress = ignore_progress>
    asio_operation(Handler&& handler, MakeStop make_stop, Progress progress = {},
                   const operation_options& options = {})
        : slot_(boost::asio::get_associated_cancellation_slot(handler)),
          operation_(create(
              std::move(handler), std::move(progress), options, [&](const async_operation<R, P>& made) {
                  if (slot_.is_connected())
                      slot_.assign([stop = make_stop(made)](boost::asio::cancellation_type_t) { stop(); });
              })) {}
    asio_operation(const asio_operation&) = delete;
    asio_operation& operator=(const asio_operation&) = delete;
    ~asio_operation() {
        if (!is_released_)
            static_cast<void>(undo());
    }

    async_operation<R, P>& operator*() noexcept { return operation_; }
    void release() noexcept { is_released_ = true; }

    /// A refusal is the outcome; what throws leaves nothing behind, unless the deadline was first: then that is the outcome.
    template <class C, class F> void run_on(const C& where, F&& work) {
        std::exception_ptr refusal;
        try {
            refusal = detail::try_run_on(where, operation_, std::forward<F>(work));
        } catch (...) {
            release();
            if (undo())
                throw;
            return;
        }
        release();
        if (refusal != nullptr)
            operation_.complete_error(std::move(refusal));
    }

  private:
    /// False when there is an outcome already.
    bool undo() noexcept {
        const bool is_undone = operation_access::discard(std::move(operation_));
        if (is_undone)
            slot_.clear();
        return is_undone;
    }
    template <class Progress, class Prepare>
    async_operation<R, P> create(Handler&& handler, Progress&& progress, const operation_options& options,
                                 Prepare prepare) const {
        using associated = boost::asio::associated_executor<Handler, no_executor>;
        using executor_type = typename associated::type;
        const executor_type executor = associated::get(handler, no_executor{});
        const auto begin = [&]<class Keeper>(Keeper keeper) {
            return create_unmanaged_operation<R, P>(
                place_of<executor_type>::home(executor),
                asio_client<R, Handler, slot, Keeper>{std::move(keeper), slot_},
                std::forward<Progress>(progress), options, prepare);
        };
        if constexpr (place_of<executor_type>::is_asios)
            return begin(intrusive_ptr<lent_handler<Handler>>{
                new lent_handler<Handler>{asio_service<executor_type>::list_of(executor), std::move(handler)},
                adopt_reference});
        else
            return begin(stored_handler<Handler>{std::move(handler)});
    }

    slot slot_;
    async_operation<R, P> operation_;
    bool is_released_ = false;
};

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

/// Ends a call for an operation.
template <class Signature> class end_for_operation final : public work_node {
    using result = typename async_call<Signature>::result_type;

  public:
    end_for_operation(async_call<Signature> call, async_operation<result>&& operation) noexcept
        : call_(std::move(call)), operation_(std::move(operation)) {}

    void run() override {
        const std::unique_ptr<end_for_operation> self{this};
        auto work = [this]() -> result { return call_access::typed<Signature>(call_).take_outcome(); };
        detail::run_work(operation_, work);
    }
    void drop() noexcept override { delete this; }

  private:
    async_call<Signature> call_;
    async_operation<result> operation_;
};

template <class Signature> struct initiate_end {
    using result = typename async_call<Signature>::result_type;

    template <class Handler> void operator()(Handler&& handler, const async_call<Signature>& call) const {
        asio_operation<result, void, std::decay_t<Handler>> client{
            std::forward<Handler>(handler),
            [&](const async_operation<result>&) { return [call] { static_cast<void>(call.cancel()); }; }};
        auto& state = call_access::typed(call);
        state.claim_end();
        work_ptr then;
        try {
            then.reset(new end_for_operation<Signature>{call, std::move(*client)});
        } catch (...) {
            state.give_end_back();
            throw;
        }
        client.release();
        state.when_completed(std::move(then));
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
