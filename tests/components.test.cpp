// SPDX-License-Identifier: BSL-1.0
//
// G12 as a matrix: in each handler of each kind of component, everything that a handler may do.
#include <eap/background_worker.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/async_method.hpp>
#include <eap/async_operation.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/errors.hpp>
#include <eap/event.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

using eap::invocations;
using tests::lines;

namespace {

struct handler_error : std::runtime_error {
    handler_error() : std::runtime_error{"handler"} {}
};

enum class handler : unsigned char { progress, completed };
enum class action : unsigned char { start, cancel, disconnect_self, disconnect_all, destroy, close, raise };

constexpr std::array all_actions{
    std::pair{action::start, "start"},
    std::pair{action::cancel, "cancel"},
    std::pair{action::disconnect_self, "disconnect itself"},
    std::pair{action::disconnect_all, "disconnect all"},
    std::pair{action::destroy, "destroy the component"},
    std::pair{action::close, "close the home"},
    std::pair{action::raise, "throw"},
};

/// What is called when something happens; it counts as alive for as long as somebody keeps it.
struct subscriber {
    std::function<void()> progress;
    std::function<void(const std::string& outcome)> completed;
    std::shared_ptr<int> witness;
};
using connections = std::array<eap::connection, 2>; // to progress, and to completed

// ---- homes ----

/// Handlers run later.
struct loop_home {
    static constexpr bool is_inline = false;
    auto context() const { return loop.context(); }
    bool run_one() { return loop.poll() != 0; }
    void close() { loop.close(); }

    eap::event_loop loop;
};

/// Handlers run inside the work.
class inline_home {
  public:
    static constexpr bool is_inline = true;
    struct context_type {
        template <class F> void post(F function) const {
            check();
            function();
        }
        void operation_started() const { check(); }
        void check() const {
            if (*closed)
                throw eap::context_closed{};
        }
        bool operator==(const context_type&) const = default;
        std::shared_ptr<bool> closed;
    };
    context_type context() const { return {closed_}; }
    bool run_one() { return false; }
    void close() { *closed_ = true; }

  private:
    std::shared_ptr<bool> closed_ = std::make_shared<bool>(false);
};

// ---- components: each work reports progress once, then looks whether it is to stop ----

template <invocations I> class a_method {
  public:
    static constexpr bool is_single = I == invocations::single, has_events = true, cancels_the_next = false;

    a_method(const eap::any_synchronization_context& place, std::shared_ptr<int> witness)
        : method_(
              [kept = std::move(witness)](eap::async_operation<>& operation) {
                  operation.report_progress(50);
                  if (operation.cancellation_pending())
                      throw eap::operation_cancelled{};
              },
              {.where = place}) {}
    connections subscribe(const subscriber& who) {
        return {method_.progress_changed += [who](const auto&) { who.progress(); },
                method_.completed += [who](const auto& args) { who.completed(tests::told(args)); }};
    }
    void start() { method_.start(); }
    void cancel() { method_.cancel_all(); }
    template <class F> void on_undelivered(F function) { method_.on_undelivered(std::move(function)); }

  private:
    eap::async_method<void(), void, I> method_;
};

class a_worker {
  public:
    static constexpr bool is_single = true, has_events = true, cancels_the_next = true;

    a_worker(const eap::any_synchronization_context& place, std::shared_ptr<int> witness)
        : worker_({.where = place}) {
        worker_.set_worker_reports_progress(true);
        worker_.set_worker_supports_cancellation(true);
        worker_.do_work += [this, here = std::weak_ptr<int>{here_}, kept = std::move(witness)](auto& args) {
            if (!here.expired())
                worker_.report_progress(50);
            if (!here.expired() && worker_.cancellation_pending())
                args.set_cancelled();
        };
    }
    connections subscribe(const subscriber& who) {
        return {worker_.progress_changed += [who](const auto&) { who.progress(); },
                worker_.run_worker_completed +=
                [who](const auto& args) { who.completed(tests::told(args)); }};
    }
    void start() { worker_.run_worker_async(); }
    void cancel() { worker_.cancel_async(); }
    template <class F> void on_undelivered(F function) { worker_.on_undelivered(std::move(function)); }

  private:
    eap::background_worker<> worker_;
    std::shared_ptr<int> here_ = std::make_shared<int>(); // ends first
};

class a_manager {
  public:
    static constexpr bool is_single = false, has_events = false, cancels_the_next = false;

    a_manager(eap::any_synchronization_context place, std::shared_ptr<int> witness)
        : place_(std::move(place)), witness_(std::move(witness)) {}
    connections subscribe(const subscriber& who) {
        if (!who_) // there is one handler of each kind
            who_ = who;
        return {};
    }
    void start() {
        auto operation = manager_.create_operation<>(
            {}, [who = *who_](const auto& args) { who.completed(tests::told(args)); },
            [who = *who_](const auto&) { who.progress(); });
        eap::run_on(place_, std::move(operation), [kept = witness_](eap::async_operation<>& self) {
            self.report_progress(50);
            if (self.cancellation_pending())
                throw eap::operation_cancelled{};
        });
    }
    void cancel() { manager_.cancel_all(); }
    template <class F> void on_undelivered(F function) { manager_.on_undelivered(std::move(function)); }

  private:
    eap::any_synchronization_context place_;
    std::shared_ptr<int> witness_;
    std::optional<subscriber> who_;
    eap::operation_manager manager_;
};

// ---- the play ----

/// Two subscribers, the first of which does `what` in its handler `where`, once. It is heard as "P" and "C …", the
/// other one as "p" and "c …". What is still there afterwards is started again.
template <class Component, class Home> class play {
  public:
    play(handler where, action what) : where_(where), what_(what) {
        component_.emplace(place_.context(), witness_);
        component_->on_undelivered(
            [log = log_](const auto& what_of_it) { log.add(tests::told(what_of_it)); });
        first_ = component_->subscribe(
            {[this] { heard(handler::progress, "P"); },
             [this](const std::string& outcome) { heard(handler::completed, "C " + outcome); }, witness_});
        second_ = component_->subscribe(
            {[log = log_] { log.add("p"); },
             [log = log_](const std::string& outcome) { log.add("c " + outcome); }, witness_});
        start();
        pump();
        if (component_) {
            log_.add("again");
            start();
            pump();
        }
    }
    play(const play&) = delete;
    play& operator=(const play&) = delete;

    lines heard() const { return log_.all(); }
    bool is_balanced() const { return counts_->started == counts_->completed; }
    /// Whether something has survived the component.
    bool leaks() {
        component_.reset();
        return witness_.use_count() != 1;
    }

  private:
    void heard(handler which, std::string line) {
        log_.add(std::move(line));
        if (which == where_ && !std::exchange(has_acted_, true))
            act();
    }
    void act() {
        switch (what_) {
        case action::start:
            return start();
        case action::cancel:
            return component_->cancel();
        case action::disconnect_self:
            return first_[static_cast<std::size_t>(where_)].disconnect();
        case action::disconnect_all:
            for (const auto& both : {first_, second_})
                for (const auto& each : both)
                    each.disconnect();
            return;
        case action::destroy:
            return component_.reset();
        case action::close:
            return home_.close();
        case action::raise:
            throw handler_error{};
        }
    }
    void start() {
        const eap::scoped_context here{tests::counting_context{home_.context(), counts_}};
        try {
            component_->start();
        } catch (const eap::invalid_operation&) {
            log_.add("refused");
        } catch (const eap::context_closed&) {
            log_.add("closed");
        }
    }
    void pump() {
        for (bool more = true; more;) {
            try {
                more = place_.run_one() || home_.run_one();
            } catch (const handler_error&) {
                log_.add("thrown");
            }
        }
    }

    const handler where_;
    const action what_;
    bool has_acted_ = false;
    tests::record log_;
    std::shared_ptr<int> witness_ = std::make_shared<int>();
    std::shared_ptr<tests::notification_counts> counts_ = std::make_shared<tests::notification_counts>();
    Home home_;
    tests::manual_queue place_;
    connections first_, second_;
    std::optional<Component> component_;
};

/// What is to be heard then: each invocation ends once, nothing comes after it, and nothing of one that the handler has
/// undone.
template <class Component, bool IsInline> lines expected(handler where, action what) {
    const bool in_progress = where == handler::progress;
    const auto when = [what](action a, bool it_matters = true) { return it_matters && what == a; };
    const bool ends_all = Component::has_events && (when(action::disconnect_all) || when(action::destroy));
    std::string outcome = "value"; // the work goes on after its progress handlers on an inline home alone
    if (when(action::cancel, IsInline && in_progress) ||
        when(action::destroy, IsInline && in_progress && !Component::has_events))
        outcome = "cancelled";
    if (when(action::raise, IsInline && in_progress))
        outcome = "error: handler";
    lines all;
    const auto hear = [&](std::string first, std::string second) {
        if (!first.empty())
            all.push_back(std::move(first));
        if (Component::has_events && !second.empty())
            all.push_back(std::move(second));
    };
    const bool is_refused = when(action::start, in_progress && Component::is_single);

    hear("P", "");
    if (is_refused)
        all.emplace_back("refused");
    hear("", in_progress && ends_all ? "" : "p");
    if (when(action::raise, in_progress && !IsInline))
        all.emplace_back("thrown");
    if (when(action::close, in_progress && IsInline))
        all.emplace_back("undelivered, context gone: value");
    else if (!(in_progress && ends_all))
        hear("C " + outcome, ends_all ? "" : "c " + outcome);
    if (when(action::raise, !in_progress))
        all.emplace_back("thrown");
    if (when(action::start) && !is_refused) {
        hear("P", "p");
        hear("C value", "c value");
    }

    if (when(action::destroy))
        return all;
    all.emplace_back("again");
    if (when(action::close))
        all.emplace_back("closed");
    else if (when(action::cancel, !in_progress && Component::cancels_the_next))
        hear("C cancelled", "c cancelled");
    else if (!when(action::disconnect_all)) {
        hear(when(action::disconnect_self, in_progress) ? "" : "P", "p");
        hear(when(action::disconnect_self, !in_progress) ? "" : "C value", "c value");
    }
    return all;
}

} // namespace

TEMPLATE_TEST_CASE("in each handler everything may be done, and each invocation ends once",
                   "[components][G1][G3][G11][G12][G14][BW-9][BW-26][BW-28][EV-3]",
                   (std::tuple<a_method<invocations::single>, loop_home>),
                   (std::tuple<a_method<invocations::single>, inline_home>),
                   (std::tuple<a_method<invocations::multiple>, loop_home>),
                   (std::tuple<a_method<invocations::multiple>, inline_home>),
                   (std::tuple<a_worker, loop_home>), (std::tuple<a_worker, inline_home>),
                   (std::tuple<a_manager, loop_home>), (std::tuple<a_manager, inline_home>)) {
    using component = std::tuple_element_t<0, TestType>;
    using home = std::tuple_element_t<1, TestType>;
    for (const handler where : {handler::progress, handler::completed}) {
        for (const auto& [what, name] : all_actions) {
            if (!component::has_events && (what == action::disconnect_self || what == action::disconnect_all))
                continue; // there is nothing to disconnect
            INFO((where == handler::progress ? "progress: " : "completed: ") << name);
            play<component, home> it{where, what};
            CHECK(it.heard() == expected<component, home::is_inline>(where, what));
            CHECK(it.is_balanced());
            CHECK_FALSE(it.leaks());
        }
    }
}
