// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. A completion token that makes a call of any asynchronous operation of Boost.Asio.
#ifndef EAP_ADAPTORS_AS_ASYNC_CALL_HPP
#define EAP_ADAPTORS_AS_ASYNC_CALL_HPP

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "eap needs Boost 1.81 or newer: put its headers first, e.g. g++ -isystem /path/to/boost_1_81_0 ..."
#endif

#include "eap/any_synchronization_context.hpp"
#include "eap/async_call.hpp"
#include "eap/async_operation.hpp"
#include "eap/call_state.hpp"
#include "eap/contexts/asio_context.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/reserved_postable.hpp"
#include "eap/errors.hpp"
#include "eap/operation_block.hpp"
#include "eap/operation_state.hpp"
#include "eap/tracked.hpp"
#include "eap/typed_call.hpp"
#include "eap/user_state.hpp"

#pragma push_macro("emit") // a keyword of Qt's, and the name of a function of Asio's
#undef emit

#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// Passes a request to stop on to an operation of Asio's: by its cancellation slot, and on its executor.
class cancellation_relay final : public reserved_postable {
  public:
    explicit cancellation_relay(any_synchronization_context where) : where_(std::move(where)) {}

    void listen_to(std::stop_token token) { request_.emplace(std::move(token), pass_on{*this}); }
    boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }

    /// The operation has ended: what its slot would touch is gone. By whoever runs its handler, or destroys it.
    void end() noexcept {
        request_.reset();
        signal_.slot().clear();
    }

  private:
    struct pass_on {
        void operator()() const noexcept {
            relay.add_reference(); // the closure's
            try {
                const post_outcome posted = post_target(relay.where_, relay);
                if (posted.became != post_outcome::kind::accepted)
                    relay.release_reference();
            } catch (...) { // NOLINT(bugprone-empty-catch): an executor that throws what it has taken
            }
        }
        cancellation_relay& relay;
    };

    void run_posted() override {
        const intrusive_ptr<cancellation_relay> self{this, adopt_reference};
        signal_.emit(boost::asio::cancellation_type::all);
    }
    void dropped() noexcept override { release_reference(); }

    const any_synchronization_context where_;
    boost::asio::cancellation_signal signal_; // used on the executor alone
    std::optional<std::stop_callback<pass_on>> request_;
};

/// A call whose work is under way elsewhere: no ticket, no callback.
template <class R> class adopted_call final : public typed_call<R()> {
  public:
    adopted_call()
        : typed_call<R()>(any_synchronization_context{}, user_state{}, any_synchronization_context{},
                          nullptr) {
        this->has_begun_by_itself();
    }

  private:
    void run_here(intrusive_ptr<operation_state>) override {}
    bool has_handler_for_last() const noexcept override { return false; }
    delivery call_completion_handler() override { return delivery::made; }
    void destroy_handlers() noexcept override { this->callback_is_over(); }
};

/// What becomes of the values that an operation of Asio's ends with: nothing, one, or a tuple of them.
template <class... T> struct asio_values {
    using type = std::tuple<T...>;
};
template <> struct asio_values<> {
    using type = void;
};
template <class T> struct asio_values<T> {
    using type = T;
};

/// How such an operation ends a call. The first of its values may be an error.
template <class... T> struct asio_outcome {
    using type = typename asio_values<T...>::type;
    static void complete(async_operation<type>& operation, T... values) {
        operation.complete(std::move(values)...);
    }
};
template <class... T> struct asio_outcome<boost::system::error_code, T...> {
    using type = typename asio_values<T...>::type;
    static void complete(async_operation<type>& operation, const boost::system::error_code& error,
                         T... values) {
        if (!error)
            operation.complete(std::move(values)...);
        else if (error == boost::asio::error::operation_aborted)
            operation.complete_cancelled();
        else
            operation.complete_error(boost::system::system_error{error});
    }
};
template <class... T> struct asio_outcome<std::exception_ptr, T...> {
    using type = typename asio_values<T...>::type;
    static void complete(async_operation<type>& operation, std::exception_ptr error, T... values) {
        if (error == nullptr)
            operation.complete(std::move(values)...);
        else if (is_cancellation(error))
            operation.complete_cancelled();
        else
            operation.complete_error(std::move(error));
    }

  private:
    static bool is_cancellation(const std::exception_ptr& error) noexcept {
        try {
            std::rethrow_exception(error);
        } catch (const operation_cancelled&) {
            return true;
        } catch (const boost::system::system_error& other) {
            return other.code() == boost::asio::error::operation_aborted;
        } catch (...) {
            return false;
        }
    }
};

/// The handler of an operation of Asio's that a call is made of. Destroyed without being called, it abandons the call.
template <class... T> class call_handler {
    using outcome = asio_outcome<T...>;

  public:
    using cancellation_slot_type = boost::asio::cancellation_slot;

    call_handler(async_operation<typename outcome::type> operation,
                 intrusive_ptr<cancellation_relay> relay) noexcept
        : operation_(std::move(operation)), relay_(std::move(relay)) {}
    call_handler(call_handler&&) noexcept = default;
    call_handler& operator=(call_handler&&) = delete;
    ~call_handler() { end_relay(); }

    cancellation_slot_type get_cancellation_slot() const noexcept {
        return relay_ ? relay_->slot() : cancellation_slot_type{};
    }
    template <class... V> void operator()(V&&... values) {
        end_relay();
        outcome::complete(operation_, std::forward<V>(values)...);
    }

  private:
    void end_relay() noexcept {
        if (const auto relay = std::exchange(relay_, {}))
            relay->end();
    }

    async_operation<typename outcome::type> operation_;
    intrusive_ptr<cancellation_relay> relay_; // null when the operation says no executor, or has ended
};

template <class... T, class Initiation, class... A>
auto adopt_asio_operation(Initiation&& initiation, A&&... arguments) {
    using result = typename asio_outcome<T...>::type;
    auto* const made = reserved_postable::make<adopted_call<result>>(0);
    auto call = call_access::make<result()>(intrusive_ptr<call_state>{made, adopt_reference});
    auto operation = operation_access::make<result, void>(intrusive_ptr<typed_operation<result, void>>{made});
    try {
        intrusive_ptr<cancellation_relay> relay;
        if constexpr (requires { initiation.get_executor(); }) {
            const auto executor = initiation.get_executor();
            const asio_context where{executor};
            relay = {reserved_postable::make<cancellation_relay>(where.nodes_per_post, where),
                     adopt_reference};
            relay->listen_to(operation.stop_token());
        }
        std::forward<Initiation>(initiation)(call_handler<T...>{std::move(operation), std::move(relay)},
                                             std::forward<A>(arguments)...);
    } catch (...) { // nothing has begun, and nobody else is told of it
        made->claim_end();
        throw;
    }
    return call;
}

} // namespace detail

/// The type of `as_async_call`.
struct as_async_call_t {
    explicit as_async_call_t() = default;
};

/// A completion token that makes a call of any operation of Boost.Asio's: `auto call = timer.async_wait(eap::as_async_call);`
///
/// Effects       the call is an `async_call<R()>`, R what the operation gives: nothing, a value, or a std::tuple of several. An
///               error_code is thrown as `boost::system::system_error`, an exception as it is; `operation_aborted` ends the call as
///               cancelled. (`asio::as_tuple(eap::as_async_call)` gives the error_code as a value.)
///               `cancel` posts to the operation's executor and there emits the signal of its cancellation slot: never across threads, as
///               long as that executor runs one function at a time. An operation that says no executor is not asked to stop.
///               An operation that Asio destroys unfinished, with the io_context, ends its call with `operation_abandoned`.
/// Waiting       somebody has to run the executor: not the thread that waits.
/// Errors        what beginning the operation throws.
inline constexpr as_async_call_t as_async_call{};

} // namespace eap

template <class... T> class boost::asio::async_result<eap::as_async_call_t, void(T...)> {
  public:
    using return_type = eap::async_call<typename eap::detail::asio_outcome<std::decay_t<T>...>::type()>;

    template <class Initiation, class... A>
    static return_type initiate(Initiation&& initiation, eap::as_async_call_t, A&&... arguments) {
        return eap::detail::adopt_asio_operation<std::decay_t<T>...>(std::forward<Initiation>(initiation),
                                                                     std::forward<A>(arguments)...);
    }
};

#pragma pop_macro("emit")

#endif
