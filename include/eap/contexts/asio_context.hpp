// SPDX-License-Identifier: BSL-1.0
//
// Layer 3 – places. Any executor of Boost.Asio. Decides what happens when its owner is gone, unlike Asio.
#ifndef EAP_CONTEXTS_ASIO_CONTEXT_HPP
#define EAP_CONTEXTS_ASIO_CONTEXT_HPP

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "eap needs Boost 1.81 or newer: put its headers first, e.g. g++ -isystem /path/to/boost_1_81_0 ..."
#endif

#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/revocable.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"

#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <concepts>
#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

/// Tells our handles that an io_context or a pool of Asio's ends, while executors can still be used and
/// destroyed.
///
/// Asio shuts services down newest first, and a strand must not be posted to while the service of strands
/// shuts down. So ours has to be newer than any that its executors use: there is one for each type of
/// executor, made when an executor exists; and since an erased executor may be a strand's, the service of
/// strands is made before.
template <class Executor> class asio_service final : public boost::asio::execution_context::service {
  public:
    using key_type = asio_service;
    static inline boost::asio::execution_context::id id;

    explicit asio_service(boost::asio::execution_context& owner) : service(owner) {}

    static const intrusive_ptr<revocable_list>& list_of(const Executor& executor) {
        boost::asio::execution_context& owner = boost::asio::query(executor, boost::asio::execution::context);
        if (!boost::asio::has_service<asio_service>(owner))
            static_cast<void>(boost::asio::strand<Executor>{executor});
        return boost::asio::use_service<asio_service>(owner).list_;
    }

  private:
    void shutdown() override { list_->end(); }

    const intrusive_ptr<revocable_list> list_{new revocable_list, adopt_reference};
};

template <class Executor>
concept type_erased = requires(const Executor& executor) {
    executor.template target<boost::asio::io_context::executor_type>();
};

/// Whether the calling thread runs functions of the executor; empty when it is of a type that cannot tell.
template <class Executor> std::optional<bool> runs_in_this_thread(const Executor& executor) {
    namespace asio = boost::asio;
    if constexpr (requires {
                      { executor.running_in_this_thread() } -> std::convertible_to<bool>;
                  }) {
        return executor.running_in_this_thread();
    } else if constexpr (type_erased<Executor>) {
        std::optional<bool> answer;
        const auto ask = [&]<class E>(std::type_identity<E>) {
            if (const E* const known = executor.template target<E>())
                answer = known->running_in_this_thread();
        };
        ask(std::type_identity<asio::io_context::executor_type>{});
        ask(std::type_identity<asio::strand<asio::io_context::executor_type>>{});
        ask(std::type_identity<asio::thread_pool::executor_type>{});
        ask(std::type_identity<asio::strand<asio::thread_pool::executor_type>>{});
        return answer;
    } else {
        return std::nullopt;
    }
}

/// One whose type is erased does not know where to ask for memory.
template <class Executor>
inline constexpr std::size_t nodes_per_execute =
    type_erased<Executor> ? 0
    : std::same_as<Executor, boost::asio::io_context::executor_type> ||
            std::same_as<Executor, boost::asio::thread_pool::executor_type>
        ? 1
        : 2;

/// A strand takes one more than the executor inside.
template <class Inner>
inline constexpr std::size_t nodes_per_execute<boost::asio::strand<Inner>> =
    nodes_per_execute<Inner> == 0 ? 0 : nodes_per_execute<Inner> + 1;

/// An executor and the count of operations outstanding on it, both lent by the executor's owner.
template <class Executor> class asio_cell final : public revocable {
    static constexpr auto never = boost::asio::execution::blocking.never;
    static constexpr auto fork = boost::asio::execution::relationship.fork;
    static constexpr auto tracked = boost::asio::execution::outstanding_work.tracked;

  public:
    explicit asio_cell(Executor executor)
        : revocable(asio_service<Executor>::list_of(executor)),
          executors_(std::in_place, std::move(executor)) {
        join();
    }

    // ---- inside a pin ----

    const Executor& executor() const noexcept { return executors_->given; }

    /// What `asio::post` does.
    template <class F> void post(F&& function) const {
        executors_->posting.execute(std::forward<F>(function));
    }
    template <class F, class Allocator> void post(F&& function, const Allocator& allocator) const {
        boost::asio::prefer(executors_->posting, boost::asio::execution::allocator(allocator))
            .execute(std::forward<F>(function));
    }

    /// The first one outstanding makes the executor's owner stay in run().
    void add_operation() {
        std::size_t count = outstanding_.load(std::memory_order_relaxed);
        while (count != 0)
            if (outstanding_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed))
                return;
        std::optional<tracking_executor> first{boost::asio::prefer(executors_->given, tracked)};
        const std::lock_guard lock{mutex_};
        if (outstanding_.fetch_add(1, std::memory_order_relaxed) == 0)
            work_.swap(first);
    }
    void remove_operation() noexcept { // all changes from and to 0 are made under the lock
        std::size_t count = outstanding_.load(std::memory_order_relaxed);
        while (count > 1)
            if (outstanding_.compare_exchange_weak(count, count - 1, std::memory_order_relaxed))
                return;
        std::optional<tracking_executor> last; // destroyed after the lock: it may stop the io_context
        const std::lock_guard lock{mutex_};
        if (outstanding_.fetch_sub(1, std::memory_order_relaxed) == 1)
            work_.swap(last);
    }

  private:
    using posting_executor = std::remove_cvref_t<decltype(boost::asio::prefer(
        boost::asio::require(std::declval<const Executor&>(), never), fork))>;
    using tracking_executor =
        std::remove_cvref_t<decltype(boost::asio::prefer(std::declval<const Executor&>(), tracked))>;

    struct executors {
        explicit executors(Executor e)
            : given(std::move(e)), posting(boost::asio::prefer(boost::asio::require(given, never), fork)) {}
        Executor given;
        posting_executor posting;
    };

    void revoke() noexcept override {
        work_.reset();
        executors_.reset();
    }

    std::optional<executors> executors_;
    std_sync::atomic<std::size_t> outstanding_{0};
    std_sync::brief_mutex mutex_;
    std::optional<tracking_executor> work_; // guarded by mutex_; held while operations are outstanding
};

} // namespace detail

/// An executor of Boost.Asio as a context: `asio_context{io}`, `asio_context{strand}`, `asio_context{pool}`.
///
/// Guarantees    `post` does what `asio::post` does, with the function's allocator (which an any_io_executor
///               does not pass on). While the function runs, this is the current context. `operation_started`
///               keeps `run()` and `join()` of the owner from returning until `operation_completed`.
/// Thread safety as any value; the place may be used by, and may end while, any number of threads post.
/// Errors        What escapes a function leaves `io_context::run`; on `asio::thread_pool` it terminates the
///               program.
/// Lifetime      Unlike a bare executor it may outlive the io_context or pool: then `post` and
///               `operation_started` throw `context_closed`, and `operation_completed` does nothing. (A
///               stopped io_context is not gone: what is queued in it neither runs nor dies until it is
///               restarted or destroyed.)
template <class Executor> class asio_context {
    static_assert(boost::asio::execution::is_executor<Executor>::value,
                  "asio_context takes an executor of Boost.Asio, or an io_context or pool that lends one.");

  public:
    using executor_type = Executor;

    static constexpr std::size_t nodes_per_post = detail::nodes_per_execute<Executor>;

    explicit asio_context(Executor executor)
        : cell_(new detail::asio_cell<Executor>(std::move(executor)), detail::adopt_reference) {}

    template <std::derived_from<boost::asio::execution_context> Owner>
        requires std::convertible_to<typename Owner::executor_type, Executor>
    explicit asio_context(Owner& owner) : asio_context(Executor(owner.get_executor())) {}

    template <class F>
        requires std::invocable<std::decay_t<F>>
    void post(F&& function) const {
        const pin alive{*cell_};
        if (!alive)
            throw context_closed{};
        if constexpr (requires { function.get_allocator(); }) {
            const auto allocator = function.get_allocator();
            cell_->post(current_here<std::decay_t<F>>{*this, std::forward<F>(function)}, allocator);
        } else {
            cell_->post(current_here<std::decay_t<F>>{*this, std::forward<F>(function)});
        }
    }

    void operation_started() const {
        const pin alive{*cell_};
        if (!alive)
            throw context_closed{};
        cell_->add_operation();
    }
    void operation_completed() const noexcept {
        if (const pin alive{*cell_})
            cell_->remove_operation();
    }

    /// Whether the calling thread runs the io_context, is in the strand, or of the pool. Empty for executors
    /// that do not tell; false when the place is gone.
    std::optional<bool> running_in_this_thread() const {
        const pin alive{*cell_};
        return alive ? detail::runs_in_this_thread(cell_->executor()) : false;
    }

    /// Handles made from equal executors are equal while the place lives.
    bool operator==(const asio_context& other) const noexcept {
        if (cell_ == other.cell_)
            return true;
        const pin alive{*cell_};
        const pin others_alive{*other.cell_};
        return alive && others_alive && cell_->executor() == other.cell_->executor();
    }

  private:
    using pin = detail::revocable::pin;

    template <class F>
    struct current_here { // runs a function with the context it was posted to as the current one
        void operator()() {
            const scoped_context current{std::move(here)};
            std::move(function)();
        }
        asio_context here;
        F function;
    };

    detail::intrusive_ptr<detail::asio_cell<Executor>> cell_;
};

template <class Executor>
    requires boost::asio::execution::is_executor<Executor>::value
asio_context(Executor) -> asio_context<Executor>;

template <std::derived_from<boost::asio::execution_context> Owner>
asio_context(Owner&) -> asio_context<typename Owner::executor_type>;

static_assert(synchronization_context<asio_context<boost::asio::io_context::executor_type>>);
static_assert(
    synchronization_context<asio_context<boost::asio::strand<boost::asio::io_context::executor_type>>>);
static_assert(synchronization_context<asio_context<boost::asio::thread_pool::executor_type>>);

} // namespace eap

#endif
