// SPDX-License-Identifier: BSL-1.0
//
// A client that writes down what reaches it, in order, so that a test can compare the whole story; and contexts
// that a test can look into, and whose every post it can direct.
#ifndef EAP_TESTS_SUPPORT_CLIENT_HPP
#define EAP_TESTS_SUPPORT_CLIENT_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/errors.hpp"
#include "eap/operation_manager.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/undelivered.hpp"
#include "eap/user_state.hpp"

#include "support/contexts.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tests {

using lines = std::vector<std::string>;

/// Lines written by any threads, in the order in which they were written.
class record {
  public:
    void add(std::string line) const {
        const std::lock_guard lock{state_->mutex};
        state_->written.push_back(std::move(line));
        state_->changed.notify_all();
    }
    lines all() const {
        const std::lock_guard lock{state_->mutex};
        return state_->written;
    }
    /// Waits for the `count`-th line.
    lines wait_for(std::size_t count) const {
        std::unique_lock lock{state_->mutex};
        state_->changed.wait(lock, [&] { return state_->written.size() >= count; });
        return state_->written;
    }
    std::ptrdiff_t count(const std::string& line) const {
        const std::lock_guard lock{state_->mutex};
        return std::count(state_->written.begin(), state_->written.end(), line);
    }

  private:
    struct state {
        mutable std::mutex mutex;
        std::condition_variable changed;
        lines written; // guarded by mutex
    };
    std::shared_ptr<state> state_ = std::make_shared<state>(); // handlers may outlive the test's variables
};

/// What the exception of type `E` says that `f()` throws.
template <class E, class F> std::string message_of(F&& f) {
    try {
        std::forward<F>(f)();
    } catch (const E& error) {
        return error.what();
    }
    return "(nothing was thrown)";
}

inline std::string told(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const eap::operation_abandoned&) {
        return "abandoned";
    } catch (const eap::operation_timed_out&) {
        return "timed out";
    } catch (const std::exception& other) {
        return std::string{"error: "} + other.what();
    } catch (...) {
        return "error";
    }
}

template <class T> std::string told(const eap::completed_event_args<T>& args) {
    if (args.error() != nullptr)
        return told(args.error()) + (args.cancelled() ? " and cancelled" : "");
    if (args.cancelled())
        return "cancelled";
    if constexpr (std::is_arithmetic_v<T>)
        return "value " + std::to_string(args.result());
    else
        return "value";
}

template <class P> std::string told(const eap::progress_changed_event_args<P>& args) {
    std::string line = std::to_string(args.progress_percentage()) + "%";
    if constexpr (std::is_arithmetic_v<P>)
        line += " " + std::to_string(args.value());
    return line;
}

inline std::string told(const eap::undelivered& what) {
    constexpr const char* reasons[] = {"context gone", "post failed", "receiver gone", "no handler"};
    return std::string{"undelivered, "} + reasons[static_cast<std::size_t>(what.reason)] + ": " +
           (what.error != nullptr ? told(what.error)
            : what.cancelled      ? "cancelled"
                                  : "value");
}

/// A manager, and everything that its operations tell their client: reports as "30%", an outcome as "value 7",
/// "cancelled", "abandoned", "timed out" or "error: …", and "undelivered, …".
class client {
  public:
    explicit client(eap::any_synchronization_context home) : manager(std::move(home)) {
        manager.on_undelivered([log = log](const eap::undelivered& what) { log.add(told(what)); });
    }

    template <class T = void, class P = void>
    eap::async_operation<T, P> start(eap::user_state id = {}, eap::operation_options options = {}) {
        return manager.create_operation<T, P>(
            std::move(id), [log = log](const eap::completed_event_args<T>& args) { log.add(told(args)); },
            [log = log](const eap::progress_changed_event_args<P>& args) { log.add(told(args)); }, options);
    }

    record log;
    eap::operation_manager manager;
};

/// Any context, and writes down what an operation asks of it: "started", "post", "completed".
template <class Inner = manual_context> class witness_context {
  public:
    witness_context(Inner inner, record log) : inner_(std::move(inner)), log_(std::move(log)) {}

    template <class F> void post(F&& function) const {
        log_.add("post");
        inner_.post(std::forward<F>(function));
    }
    void operation_started() const {
        eap::operation_started(inner_);
        log_.add("started");
    }
    void operation_completed() const noexcept {
        eap::operation_completed(inner_);
        log_.add("completed");
    }
    bool operator==(const witness_context& other) const { return inner_ == other.inner_; }

  private:
    Inner inner_;
    record log_;
};
static_assert(eap::synchronization_context<witness_context<>>);

/// A context that does with each posted function what the test says: run it, keep it, drop it, throw. What the
/// test does not keep is destroyed before `post` ends.
class scripted_context {
  public:
    using script = std::function<void(std::function<void()>)>;

    explicit scripted_context(script what) : script_(std::make_shared<script>(std::move(what))) {}

    template <class F> void post(F function) const { (*script_)(shared_function(std::move(function))); }
    bool operator==(const scripted_context&) const = default;

  private:
    std::shared_ptr<script> script_;
};
static_assert(eap::synchronization_context<scripted_context>);

} // namespace tests

#endif
