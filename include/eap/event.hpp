// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – something that happens. Decides who hears of it, and in what order; knows nothing about what it is.
#ifndef EAP_EVENT_HPP
#define EAP_EVENT_HPP

#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/sync.hpp"
#include "eap/subscriptions.hpp"
#include "eap/tracked.hpp"

#include <atomic>
#include <concepts>
#include <type_traits>
#include <utility>

namespace eap {

template <class... Args> class event;

namespace detail {

/// Raises events in other ways than their users do, and ends them; for components.
struct event_access {
    /// Also says what became of it.
    template <class... Args>
    static delivery raise(const event<Args...>& which, const std::type_identity_t<Args>&... args) {
        return which.raise(at_exceptions::go_on, args...);
    }
    /// The first exception skips the later handlers.
    template <class... Args>
    static delivery raise_up_to_exception(const event<Args...>& which,
                                          const std::type_identity_t<Args>&... args) {
        return which.raise(at_exceptions::stop, args...);
    }
    /// No handler starts any more; one that runs is not waited for.
    template <class... Args> static void retire(event<Args...>& which) noexcept {
        if (auto* const subscribers = which.list_.load(std::memory_order_acquire))
            subscribers->end_all([](subscription_base& each) { each.retire(); });
    }
};

} // namespace detail

/// One subscription, seen by whoever subscribed. (.NET: the delegate that `-=` takes)
///
/// Guarantees    copies name one subscription. Once `disconnect` has returned, the handler does not start again, and does not
///               run on another thread any more. What the handler holds is destroyed by then, unless it is running. From
///               inside a handler of that very subscription it returns at once: where raises overlap, another thread may be
///               inside it too, and even at its first line.
/// Thread safety all members. `disconnect` waits for a call on another thread, and for what the handler holds to be
///               destroyed: whoever calls it holds no lock that these take, and handlers that run at the same time do not
///               disconnect each other.
/// Lifetime      keeps neither the event nor, once disconnected, the handler. Does not disconnect when it dies.
class connection {
  public:
    connection() noexcept = default;

    bool connected() const noexcept { return subscription_ && subscription_->connected(); }
    void disconnect() const noexcept {
        if (const auto alive = subscription_) // what the handler holds may hold this connection
            alive->disconnect();
    }
    bool operator==(const connection&) const noexcept = default;

  private:
    template <class...> friend class event;
    explicit connection(detail::intrusive_ptr<detail::subscription_base> s) noexcept
        : subscription_(std::move(s)) {}

    detail::intrusive_ptr<detail::subscription_base> subscription_; // null when there is none
};

/// A connection that is disconnected when it dies: a member, declared last, of the object that the handler touches.
class [[nodiscard]] scoped_connection {
  public:
    scoped_connection() noexcept = default;
    scoped_connection(connection which) noexcept : connection_(std::move(which)) {}
    scoped_connection(scoped_connection&& other) noexcept : connection_(other.release()) {}
    scoped_connection& operator=(scoped_connection&& other) noexcept {
        const scoped_connection old{std::exchange(connection_, other.release())};
        return *this;
    }
    ~scoped_connection() { connection_.disconnect(); }

    bool connected() const noexcept { return connection_.connected(); }
    void disconnect() noexcept { release().disconnect(); }
    /// Gives the connection up without disconnecting it.
    connection release() noexcept { return std::exchange(connection_, connection{}); }

  private:
    connection connection_;
};

/// Something that happens, and the handlers that want to hear of it. (.NET: an event)
///
/// Effects       raised by calling it: the handlers run one after the other on the calling thread, in the order in which they
///               subscribed. One that is connected meanwhile is called from the next time on; one that is disconnected
///               meanwhile is not called any more. A handler may subscribe twice, and is called twice.
/// Errors        every handler runs; then the first exception that one threw is thrown.
/// Thread safety connecting, disconnecting and raising, from any threads, also from inside handlers. Raises overlap: a
///               handler may run on several threads at once.
/// Lifetime      destroying it disconnects all, as `connection::disconnect` does: afterwards no handler runs, but for one that
///               destroys it from inside. What is connected meanwhile is not. Nobody else raises it or connects to it then.
/// Cost          raising allocates nothing; an event that nobody ever subscribed to costs a load.
template <class... Args> class event {
    using list = detail::subscriber_list<Args...>;

  public:
    event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event() {
        if (list* const mine = list_.load(std::memory_order_acquire)) {
            const detail::intrusive_ptr<list> last{mine, detail::adopt_reference};
            mine->end_all([](detail::subscription_base& each) { each.disconnect(); });
        }
    }

    /// Subscribes. An empty function is not subscribed, and its connection is not connected.
    template <class F> connection connect(F&& handler) {
        constexpr bool callable = std::invocable<std::decay_t<F>&, const Args&...>;
        static_assert(callable,
                      "eap: a handler of an event must be callable with the event's arguments, which are its "
                      "event args alone for the events of this library: no sender comes with them");
        if constexpr (callable)
            return subscribe(std::forward<F>(handler));
        else
            return connection{};
    }
    template <class F> connection operator+=(F&& handler) { return connect(std::forward<F>(handler)); }
    event& operator-=(const connection& which) noexcept {
        which.disconnect();
        return *this;
    }

    void operator()(Args... args) const { static_cast<void>(raise(detail::at_exceptions::go_on, args...)); }

  private:
    friend detail::event_access;

    template <class F> connection subscribe(F&& handler) {
        if (detail::is_empty_function(handler))
            return connection{};
        detail::intrusive_ptr<detail::subscription<Args...>> made{
            new detail::handler_of<std::decay_t<F>, Args...>{std::in_place, std::forward<F>(handler)},
            detail::adopt_reference};
        connection result{made};
        if (!subscribers().add(std::move(made)))
            result.disconnect();
        return result;
    }

    detail::delivery raise(detail::at_exceptions then, const Args&... args) const {
        list* const mine = list_.load(std::memory_order_acquire);
        if (mine == nullptr || mine->is_empty())
            return detail::delivery::nobody_there;
        const detail::intrusive_ptr<list> alive{mine}; // a handler may destroy the event
        return mine->call_all(then, args...);
    }

    list& subscribers() {
        list* mine = list_.load(std::memory_order_acquire);
        if (mine == nullptr) {
            detail::intrusive_ptr<list> made{new list, detail::adopt_reference};
            if (list_.compare_exchange_strong(mine, made.get(), std::memory_order_acq_rel,
                                              std::memory_order_acquire))
                mine = made.detach();
        }
        return *mine;
    }

    detail::std_sync::atomic<list*> list_{nullptr}; // made by the first to subscribe; holds a reference
};

} // namespace eap

#endif
