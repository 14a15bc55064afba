// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – the handlers of one event. Decides when each may run, and when it is destroyed.
#ifndef EAP_SUBSCRIPTIONS_HPP
#define EAP_SUBSCRIPTIONS_HPP

#include "eap/detail/gate.hpp"
#include "eap/detail/inside.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/parking.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/sync.hpp"
#include "eap/tracked.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace eap::detail {

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

/// What became of one handler's turn.
enum class handler_turn : unsigned char { not_connected, receiver_gone, ran };

/// One whose handler takes arguments of these types.
template <class... Args> class subscription : public subscription_base {
  public:
    virtual handler_turn call(const Args&... args) = 0;
    intrusive_ptr<subscription> next_garbage; // guarded by the list's mutex; then its finder's
};

template <class F, class... Args> class handler_of final : public subscription<Args...> {
  public:
    template <class G>
    explicit handler_of(std::in_place_t, G&& handler) : handler_(std::forward<G>(handler)) {}
    handler_turn call(const Args&... args) override {
        platform::step("call a handler of an event");
        const subscription_base::running call{*this};
        if (!call)
            return handler_turn::not_connected;
        if (deliver_to(*handler_, args...) != delivery::receiver_gone)
            return handler_turn::ran;
        this->disconnect(); // the receiver does not come back
        return handler_turn::receiver_gone;
    }

  private:
    void destroy_handler() noexcept override { handler_.reset(); }
    std::optional<F> handler_; // until it is disconnected
};

/// What a raise does when a handler has thrown.
enum class at_exceptions : unsigned char { go_on, stop };

/// The subscribers, in generations: one that is being read is not changed; the next one is made instead.
template <class... Args> class subscriber_list : public reference_counted<subscriber_list<Args...>> {
    using subscription = detail::subscription<Args...>;

  public:
    ~subscriber_list() = default;

    /// False when the event has ended.
    bool add(intrusive_ptr<subscription> last) {
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

    delivery call_all(at_exceptions then, const Args&... args) {
        std::exception_ptr error;
        bool one_ran = false, one_was_gone = false;
        {
            const reading now{*this};
            for (const auto& each : now->all) {
                try {
                    const handler_turn became = each->call(args...);
                    one_ran = one_ran || became == handler_turn::ran;
                    one_was_gone = one_was_gone || became == handler_turn::receiver_gone;
                } catch (...) {
                    if (error == nullptr)
                        error = std::current_exception();
                    if (then == at_exceptions::stop)
                        break;
                }
            }
        }
        if (error != nullptr)
            std::rethrow_exception(error);
        return one_ran ? delivery::made : one_was_gone ? delivery::receiver_gone : delivery::nobody_there;
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
        void add(intrusive_ptr<subscription> more) noexcept {
            more->next_garbage = std::exchange(first_, more);
        }

      private:
        intrusive_ptr<subscription> first_;
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
        std::vector<intrusive_ptr<subscription>> all; // changes only while nobody reads
        int readers = 0;
    };

    class reading {
      public:
        explicit reading(subscriber_list& from) : from_(from) {
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
        subscriber_list& from_;
        generation* now_;
    };

    std_sync::mutex mutex_;
    std::unique_ptr<generation> current_ =
        std::make_unique<generation>();     // guarded by mutex_, with what it points to
    bool is_ended_ = false;                 // guarded by mutex_
    std_sync::atomic<bool> is_empty_{true}; // written under mutex_
};

} // namespace eap::detail

#endif
