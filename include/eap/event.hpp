// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – the subscribers of one event. Decides who is called and in what order; knows nothing about what happened.
#ifndef EAP_EVENT_HPP
#define EAP_EVENT_HPP

#include "eap/detail/gate.hpp"
#include "eap/detail/inside.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/is_empty_function.hpp"
#include "eap/detail/parking.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sync.hpp"
#include "eap/tracked.hpp"

#include <concepts>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap {

template <class... Args> class event;

namespace detail {

/// One handler of one event. It runs inside its gate: who closes that knows when it does not run any more.
class subscription_base : public reference_counted<subscription_base> {
  public:
    virtual ~subscription_base() = default;

    bool connected() const noexcept { return !calls_.is_closed(); }
    void disconnect() noexcept {
        platform::step("disconnect a handler");
        if (!calls_.close())
            return;
        destroy_once();
        destroyed_.wait(); // it may be another thread that destroys it
    }
    /// As `disconnect`, but does not wait for a call that is running.
    void retire() noexcept {
        if (calls_.shut())
            destroy_once();
    }

  protected:
    /// One call of the handler, if it is still connected. The last one after it was disconnected destroys it.
    class running {
      public:
        explicit running(subscription_base& which) noexcept : which_(which), inside_(which.calls_) {}
        running(const running&) = delete;
        running& operator=(const running&) = delete;
        ~running() {
            if (inside_.leave())
                which_.destroy_once();
        }
        explicit operator bool() const noexcept { return static_cast<bool>(inside_); }

      private:
        subscription_base& which_;
        gate<>::entry inside_;
    };

  private:
    virtual void destroy_handler() noexcept = 0;
    void destroy_once() noexcept {
        if (is_destroyed_.exchange(true, std::memory_order_acq_rel))
            return;
        {
            const inside<gate<>> frame{&calls_}; // what it holds may disconnect it once more
            destroy_handler();
        }
        destroyed_.set();
    }

    gate<> calls_;
    std_sync::atomic<bool> is_destroyed_{false}; // or being destroyed, by whoever set it
    parking<> destroyed_;
};

enum class at_exceptions : unsigned char { go_on, stop };

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
  public:
    event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event() {
        if (list* const mine = list_.load(std::memory_order_acquire)) {
            const detail::intrusive_ptr<list> last{mine, detail::adopt_reference};
            mine->end_all([](subscription& each) { each.disconnect(); });
        }
    }

    /// Subscribes. An empty function is not subscribed, and its connection is not connected.
    template <class F>
        requires std::invocable<std::decay_t<F>&, const Args&...>
    connection connect(F&& handler) {
        if (detail::is_empty_function(handler))
            return connection{};
        detail::intrusive_ptr<subscription> made{
            new handler_of<std::decay_t<F>>{std::in_place, std::forward<F>(handler)},
            detail::adopt_reference};
        connection result{made};
        if (!subscribers().add(std::move(made)))
            result.disconnect();
        return result;
    }
    template <class F>
        requires std::invocable<std::decay_t<F>&, const Args&...>
    connection operator+=(F&& handler) {
        return connect(std::forward<F>(handler));
    }
    event& operator-=(const connection& which) noexcept {
        which.disconnect();
        return *this;
    }

    void operator()(Args... args) const { static_cast<void>(raise(detail::at_exceptions::go_on, args...)); }

  private:
    friend detail::event_access;

    /// What became of one handler's turn.
    enum class turn : unsigned char { not_connected, receiver_gone, ran };

    class subscription : public detail::subscription_base {
      public:
        virtual turn call(const Args&... args) = 0;
        detail::intrusive_ptr<subscription> next_garbage; // guarded by the list's mutex; then its finder's
    };

    template <class F> class handler_of final : public subscription {
      public:
        template <class G>
        explicit handler_of(std::in_place_t, G&& handler) : handler_(std::forward<G>(handler)) {}
        turn call(const Args&... args) override {
            detail::platform::step("call a handler of an event");
            const detail::subscription_base::running call{*this};
            if (!call)
                return turn::not_connected;
            if (detail::deliver_to(*handler_, args...) != detail::delivery::receiver_gone)
                return turn::ran;
            this->disconnect(); // the receiver does not come back
            return turn::receiver_gone;
        }

      private:
        void destroy_handler() noexcept override { handler_.reset(); }
        std::optional<F> handler_; // until it is disconnected
    };

    /// The subscribers, in generations: one that is being read is not changed; the next one is made instead.
    class list : public detail::reference_counted<list> {
      public:
        ~list() = default;

        /// False when the event has ended.
        bool add(detail::intrusive_ptr<subscription> last) {
            garbage found;
            const std::lock_guard lock{mutex_};
            if (is_ended_) {
                found.add(std::move(last)); // its caller sees to the rest
                return false;
            }
            if (current_->readers != 0) {
                auto next = std::make_unique<generation>();
                next->all.reserve(current_->all.size() + 1);
                for (const auto& each : current_->all)
                    if (each->connected())
                        next->all.push_back(each);
                static_cast<void>(current_.release()); // its last reader frees it
                current_ = std::move(next);
            } else {
                current_->remove_disconnected(found);
            }
            current_->all.push_back(std::move(last));
            is_empty_.store(false, std::memory_order_relaxed);
            return true;
        }

        detail::delivery call_all(detail::at_exceptions then, const Args&... args) {
            std::exception_ptr error;
            bool one_ran = false, one_was_gone = false;
            {
                const reading now{*this};
                for (const auto& each : now->all) {
                    try {
                        const turn became = each->call(args...);
                        one_ran = one_ran || became == turn::ran;
                        one_was_gone = one_was_gone || became == turn::receiver_gone;
                    } catch (...) {
                        if (error == nullptr)
                            error = std::current_exception();
                        if (then == detail::at_exceptions::stop)
                            break;
                    }
                }
            }
            if (error != nullptr)
                std::rethrow_exception(error);
            return one_ran        ? detail::delivery::made
                   : one_was_gone ? detail::delivery::receiver_gone
                                  : detail::delivery::nobody_there;
        }
        /// Takes in no more, and calls `end` for all that are there.
        template <class End> void end_all(End end) noexcept {
            {
                const std::lock_guard lock{mutex_};
                is_ended_ = true;
            }
            const reading now{*this};
            for (const auto& each : now->all)
                end(*each);
        }
        /// A hint: somebody may be subscribing.
        bool is_empty() const noexcept { return is_empty_.load(std::memory_order_relaxed); }

      private:
        class garbage { // what must not be destroyed under the lock, since it may hold anything
          public:
            garbage() = default;
            garbage(const garbage&) = delete;
            garbage& operator=(const garbage&) = delete;
            ~garbage() {
                while (first_)
                    first_ = std::exchange(first_->next_garbage, {});
            }
            void add(detail::intrusive_ptr<subscription> more) noexcept {
                more->next_garbage = std::exchange(first_, more);
            }

          private:
            detail::intrusive_ptr<subscription> first_;
        };

        struct generation {
            void remove_disconnected(garbage& found) noexcept {
                auto end = all.begin(); // of those that stay
                for (auto& each : all) {
                    if (each->connected())
                        std::swap(*end++, each);
                    else
                        found.add(std::move(each));
                }
                all.erase(end, all.end());
            }
            std::vector<detail::intrusive_ptr<subscription>> all; // changes only while nobody reads
            int readers = 0;
        };

        class reading {
          public:
            explicit reading(list& from) : from_(from) {
                const std::lock_guard lock{from_.mutex_};
                now_ = from_.current_.get();
                ++now_->readers;
            }
            reading(const reading&) = delete;
            reading& operator=(const reading&) = delete;
            ~reading() {
                std::unique_ptr<generation> old;
                garbage found;
                const std::lock_guard lock{from_.mutex_};
                if (--now_->readers != 0)
                    return;
                if (now_ != from_.current_.get()) {
                    old.reset(now_);
                    return;
                }
                now_->remove_disconnected(found);
                from_.is_empty_.store(now_->all.empty(), std::memory_order_relaxed);
            }
            const generation* operator->() const noexcept { return now_; }

          private:
            list& from_;
            generation* now_;
        };

        detail::std_sync::mutex mutex_;
        std::unique_ptr<generation> current_ =
            std::make_unique<generation>();             // guarded by mutex_, with what it points to
        bool is_ended_ = false;                         // guarded by mutex_
        detail::std_sync::atomic<bool> is_empty_{true}; // written under mutex_
    };

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
