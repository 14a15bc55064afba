// SPDX-License-Identifier: BSL-1.0
//
// A component with one asynchronous method, everything around which a test has in its hands.
#ifndef EAP_TESTS_SUPPORT_COMPONENT_HPP
#define EAP_TESTS_SUPPORT_COMPONENT_HPP

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/async_method.hpp>
#include <eap/async_operation.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/event.hpp>
#include <eap/method_invocation.hpp>
#include <eap/operation_options.hpp>
#include <eap/progress_changed_event_args.hpp>
#include <eap/scoped_context.hpp>
#include <eap/undelivered.hpp>
#include <eap/user_state.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tests {

/// An argument that is counted, and one of whose next copies and moves fails when a test says so.
class number {
  public:
    number(int v) : value(v) { ++alive; } // NOLINT(google-explicit-constructor)
    number(const number& other) : value(other.value) { count(); }
    number(number&& other) : value(other.value) { count(); } // NOLINT: it may throw
    number& operator=(const number&) = default;
    ~number() { --alive; }

    int value;
    static inline std::atomic<int> alive{0};
    static inline thread_local int until_failure = 0; // 0: never

  private:
    static void count() {
        if (until_failure != 0 && --until_failure == 0)
            throw std::runtime_error{"an argument refused to be copied"};
        ++alive;
    }
};

/// "a: " for the task id "a"; nothing without one.
inline std::string who(const eap::user_state& id) {
    const auto* const name = id.get_if<std::string>();
    return name == nullptr ? "" : *name + ": ";
}

/// The place where its works run and the home of its invocations are pumped by hand. All that it tells is written down,
/// each line with the task id.
template <eap::invocations I = eap::invocations::multiple> struct component {
    using method_type = eap::async_method<int(number), void, I>;
    using operation = eap::async_operation<int>;
    static constexpr eap::invocations how_many = I;

    explicit component(eap::pending_id policy = eap::pending_id::reject, eap::operation_options each = {})
        : method(std::make_unique<method_type>(
              [this, kept = witness](operation& self, const number& n) {
                  begun.add(std::to_string(n.value));
                  if (during)
                      during(self, n.value);
                  if (holds)
                      running.push_back(std::move(self));
                  return n.value;
              },
              eap::async_method_options{place_context(), policy, each})) {
        completed = method->completed +=
            [log = log, kept = witness](const eap::completed_event_args<int>& args) {
                log.add(who(args.user_state()) + told(args));
            };
        progress = method->progress_changed +=
            [log = log, kept = witness](const eap::progress_changed_event_args<>& args) {
                log.add(who(args.user_state()) + told(args));
            };
        method->on_undelivered(
            [log = log](const eap::undelivered& what) { log.add(who(what.user_state) + told(what)); });
    }
    component(const component&) = delete;
    component& operator=(const component&) = delete;

    bool start(int n, eap::user_state id = {}) {
        const eap::scoped_context here{home_context};
        return method->start(n, std::move(id));
    }
    void pump() {
        while (place.run_all() + home.run_all() != 0) {
        }
    }
    /// Ends the method, and says what is left then that should not be.
    std::string left() {
        std::string what;
        if (method && method->pending() != 0)
            what += "an invocation, ";
        if (counts->started != counts->completed)
            what += "a notification, ";
        running.clear();
        method.reset();
        if (witness.use_count() != 1)
            what += "a handler or work, ";
        if (number::alive != 0)
            what += "an argument, ";
        return what;
    }

    // What its works do.
    std::function<void(operation&, int)> during; // empty: nothing
    bool holds = false;                          // keep their operations in `running`, and end nothing
    std::vector<operation> running;
    record begun; // their arguments

    std::exception_ptr refusal;         // what the place throws at the next post; null: it accepts
    std::function<void()> when_refused; // called inside that post; empty: nothing
    std::function<void()> when_posted;  // called inside the posts that it accepts; empty: nothing
    manual_queue home, place;
    std::shared_ptr<notification_counts> counts = std::make_shared<notification_counts>();
    const eap::any_synchronization_context home_context{counting_context<>{home.context(), counts}};
    record log;
    std::shared_ptr<int> witness = std::make_shared<int>(); // held by the work and by the handlers
    eap::connection completed, progress;
    std::unique_ptr<method_type> method;

  private:
    eap::any_synchronization_context place_context() {
        return scripted_context{[this](std::function<void()> function) {
            if (refusal != nullptr) {
                const auto thrown = std::exchange(refusal, nullptr);
                if (when_refused)
                    std::exchange(when_refused, nullptr)();
                std::rethrow_exception(thrown);
            }
            place.context().post(std::move(function));
            if (when_posted)
                when_posted();
        }};
    }
};

/// One kind of them.
template <eap::invocations I, eap::pending_id P> struct component_of : component<I> {
    static constexpr eap::pending_id policy = P;
    explicit component_of(eap::operation_options each = {}) : component<I>(P, each) {}
};
using single_component = component_of<eap::invocations::single, eap::pending_id::reject>;
template <eap::pending_id P> using multiple_component = component_of<eap::invocations::multiple, P>;

using single_and_multiple = std::tuple<single_component, multiple_component<eap::pending_id::reject>>;
using each_policy =
    std::tuple<multiple_component<eap::pending_id::reject>, multiple_component<eap::pending_id::supersede>,
               multiple_component<eap::pending_id::join>, multiple_component<eap::pending_id::queue>>;
using each_kind =
    decltype(std::tuple_cat(std::declval<std::tuple<single_component>>(), std::declval<each_policy>()));

/// A home that calls a function whenever an operation is started on it.
class noticing_context {
  public:
    noticing_context(const manual_queue& queue, std::function<void()> notice)
        : inner_(queue.context()), notice_(std::make_shared<std::function<void()>>(std::move(notice))) {}
    template <class F> void post(F&& function) const { inner_.post(std::forward<F>(function)); }
    void operation_started() const { (*notice_)(); }
    bool operator==(const noticing_context&) const = default;

  private:
    manual_context inner_;
    std::shared_ptr<std::function<void()>> notice_;
};

/// How far apart the stack frames are from which it is called; 0 where nobody can tell.
class stack_depth {
  public:
    void note() {
#if defined(__GNUC__)
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest_ = std::min(lowest_, here);
        highest_ = std::max(highest_, here);
#endif
    }
    std::uintptr_t spread() const { return highest_ < lowest_ ? 0 : highest_ - lowest_; }

  private:
    std::uintptr_t lowest_ = UINTPTR_MAX, highest_ = 0;
};

} // namespace tests

#endif
