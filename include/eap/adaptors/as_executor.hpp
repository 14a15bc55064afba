// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – bridges. A context as an executor of Boost.Asio; contexts/asio_context.hpp is the way there.
#ifndef EAP_ADAPTORS_AS_EXECUTOR_HPP
#define EAP_ADAPTORS_AS_EXECUTOR_HPP

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "eap needs Boost 1.81 or newer: put its headers first, e.g. g++ -isystem /path/to/boost_1_81_0 ..."
#endif

#include "eap/any_synchronization_context.hpp"
#include "eap/synchronization_context.hpp"

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// "Something is outstanding", for as long as it and its copies live. A context that refuses to hear of it
/// (it is closed) is not told of the end either.
template <class C> class outstanding_on {
  public:
    explicit outstanding_on(C context) noexcept : context_(std::move(context)), told_(tell()) {}
    outstanding_on(const outstanding_on& other) noexcept : context_(other.context_), told_(tell()) {}
    outstanding_on(outstanding_on&& other) noexcept
        : context_(other.context_), told_(std::exchange(other.told_, false)) {}
    outstanding_on& operator=(outstanding_on other) noexcept {
        std::swap(context_, other.context_);
        std::swap(told_, other.told_);
        return *this;
    }
    ~outstanding_on() {
        if (told_)
            eap::operation_completed(context_);
    }

    const C& context() const noexcept { return context_; }

  private:
    bool tell() const noexcept {
        try {
            eap::operation_started(context_);
            return true;
        } catch (...) {
            return false;
        }
    }

    C context_;
    bool told_;
};

template <class C> struct untracked_on {
    const C& context() const noexcept { return held; }
    C held;
};

/// An Asio context for executors that have none: it lends services (strands, timers) a place to live.
inline boost::asio::execution_context& context_of_contexts() {
    static boost::asio::execution_context& instance =
        *new boost::asio::execution_context; // outlives every executor
    return instance;
}

} // namespace detail

/// A context as an executor: for `asio::post`, `any_io_executor`, strands, `co_spawn`.
///
/// Requires      the context's `post` queues; it does not run the function inside.
/// Guarantees    Asio's outstanding work becomes operations of the context: `event_loop::run` does not return
///               before a coroutine spawned on the loop has ended.
/// Thread safety as the context.
/// Errors        `execute` throws what `post` throws: `context_closed` when the place is gone.
/// Lifetime      May outlive the place, and is destroyed safely at any time. Timers on it run on a thread
///               that Asio starts at the first one, and come home to the context.
template <synchronization_context C, bool Tracked = false> class context_executor {
    static_assert(std::is_nothrow_copy_constructible_v<C>,
                  "Asio's executors must copy without throwing: as_executor "
                  "wraps such a context into any_synchronization_context.");
    using blocking_t = boost::asio::execution::blocking_t;
    using context_t = boost::asio::execution::context_t;
    using outstanding_work_t = boost::asio::execution::outstanding_work_t;

  public:
    explicit context_executor(C context) noexcept : holder_{std::move(context)} {}

    const C& context() const noexcept { return holder_.context(); }

    template <class F>
        requires std::invocable<std::decay_t<F>>
    void execute(F&& function) const {
        context().post(std::forward<F>(function));
    }
    bool operator==(const context_executor& other) const noexcept { return context() == other.context(); }

    static constexpr blocking_t query(blocking_t) noexcept { return blocking_t::never; }
    static boost::asio::execution_context& query(context_t) { return detail::context_of_contexts(); }
    static constexpr outstanding_work_t query(outstanding_work_t) noexcept {
        return Tracked ? outstanding_work_t(outstanding_work_t::tracked)
                       : outstanding_work_t(outstanding_work_t::untracked);
    }
    context_executor<C, true> require(outstanding_work_t::tracked_t) const noexcept {
        return context_executor<C, true>{context()};
    }
    context_executor<C, false> require(outstanding_work_t::untracked_t) const noexcept {
        return context_executor<C, false>{context()};
    }

  private:
    std::conditional_t<Tracked, detail::outstanding_on<C>, detail::untracked_on<C>> holder_;
};

/// Makes an executor of a context of any type.
template <class C>
    requires synchronization_context<std::remove_cvref_t<C>>
[[nodiscard]] auto as_executor(C&& context) {
    if constexpr (std::is_nothrow_copy_constructible_v<std::remove_cvref_t<C>>)
        return context_executor<std::remove_cvref_t<C>>{std::forward<C>(context)};
    else
        return context_executor<any_synchronization_context>{std::forward<C>(context)};
}

} // namespace eap

#endif
