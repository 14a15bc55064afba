// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. A handler of Boost.Asio as the client of an operation. Decides where it waits, where it is called, and when it dies.
#ifndef EAP_ADAPTORS_ASIO_CLIENT_HPP
#define EAP_ADAPTORS_ASIO_CLIENT_HPP

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "eap needs Boost 1.81 or newer: put its headers first, e.g. g++ -isystem /path/to/boost_1_81_0 ..."
#endif

#include "eap/any_synchronization_context.hpp"
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/contexts/asio_context.hpp"
#include "eap/current_context.hpp"
#include "eap/detail/inline_context.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/revocable.hpp"
#include "eap/errors.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/unmanaged_operation.hpp"

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_context.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace eap::detail {

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

} // namespace eap::detail

#endif
