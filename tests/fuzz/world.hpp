// SPDX-License-Identifier: BSL-1.0
//
// What a script of the fuzzer plays with, in a simulation; and what must hold of it, whatever the script.
#ifndef EAP_TESTS_FUZZ_WORLD_HPP
#define EAP_TESTS_FUZZ_WORLD_HPP

#include "fuzz/script.hpp"
#include "fuzz/stories.hpp"
#include "fuzz/values.hpp"

#include <eap/anchor.hpp>
#include <eap/async_method.hpp>
#include <eap/async_operation.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/delegate.hpp>
#include <eap/event.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>
#include <eap/testing/exploration.hpp>
#include <eap/timer.hpp>
#include <eap/tracked.hpp>
#include <eap/unobserved_error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {

using namespace std::chrono_literals;
namespace lab = eap::testing;

// In a simulation one thread runs at a time, and hands over to the next: what follows needs neither locks nor atomics.

class world {
  public:
    explicit world(const script& plays) : script_(plays) { counted::alive = 0; }
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    /// The whole run, as the thread "main" of a simulation.
    void live();

    /// What did not hold; after the simulation has ended.
    const std::vector<std::string>& breaches();
    /// The calls in the order in which they began.
    const std::vector<std::size_t>& begun() const noexcept { return begun_; }

  private:
    // ---- what the slots of a script hold ----

    using operation = eap::async_operation<value, report>;
    struct held { // by the slots
        operation_story& of;
        operation it;
        held(operation_story& s, operation o) : of(s), it(std::move(o)) {}
        held(const held&) = delete;
        held& operator=(const held&) = delete;
        ~held() { of.is_dropped = true; }
    };
    struct held_plain {
        operation_story& of;
        eap::async_operation<> it;
        held_plain(operation_story& s, eap::async_operation<> o) : of(s), it(std::move(o)) {}
        held_plain(const held_plain&) = delete;
        held_plain& operator=(const held_plain&) = delete;
        ~held_plain() { of.is_dropped = true; }
    };
    using call = eap::async_call<value(value)>;
    struct held_call {
        call_story* of = nullptr;
        bool is_bound_to_a_pool = false;
        call it;
    };
    struct subscription {
        eap::connection it;
        int running = 0;
        bool is_disconnected = false; // and the call has returned
        std::weak_ptr<int> handler;   // expired when that is destroyed
    };
    using method = eap::async_method<value(int), report>;
    using single_method = eap::async_method<value(int), report, eap::invocations::single>;

    void expect(bool holds, const char* what) {
        if (!holds && std::ranges::find(breaches_, what) == breaches_.end())
            breaches_.emplace_back(what);
    }

    // ---- beginning and end ----

    void open();
    template <class Method> std::shared_ptr<Method> make_method(const eap::async_method_options& options);
    value work_of(eap::async_operation<value, report>& op, int way, bool is_single);

    void close();
    /// False when nothing has moved, and nothing is pending.
    bool let_go_of_everything();
    bool holds_anything() const;
    /// Runs the loop, in spite of handlers that throw and of another thread that runs it. Whether anything ran, or may have.
    template <class Run> bool pump(Run run) {
        bool ran = false;
        for (;;) {
            try {
                return run() != 0 || ran;
            } catch (const thrown_by_handler&) {
                ++caught_;
                ran = true;
            } catch (const eap::invalid_operation&) { // it may leave something
                return true;
            }
        }
    }
    void caught(const std::exception_ptr& error);

    void judge(const operation_story& each);
    void judge(const call_story& each);
    void judge(const invocation_story& each);

    // ---- places ----

    eap::any_synchronization_context context_of(fuzz::home which) {
        switch (which) {
        case home::pool:
            return told_context{*pool_context_, told_[1]};
        case home::inside_post:
            return told_context{inside_post{}, told_[2]};
        default:
            return told_context{*loop_context_, told_[0]};
        }
    }
    static std::size_t manager_of(fuzz::home which) noexcept { return which == home::managers_own ? 1 : 0; }
    bool is_closed(fuzz::home which) const noexcept {
        return which == home::pool ? pool_is_closed_ : which != home::inside_post && loop_is_closed_;
    }
    bool is_here(fuzz::home which) const {
        return which == home::inside_post || (which == home::pool ? pool_context_->running_in_this_thread()
                                                                  : loop_context_->running_in_this_thread());
    }
    bool is_gone(fuzz::receiver which) const noexcept {
        return which == receiver::anchor ? anchor_is_ended_ : which == receiver::shared && shared_is_ended_;
    }

    /// Calls `then(handler...)` with the handlers as they are to be given away: bound to the receiver, if there is one.
    template <class Then, class... Handlers>
    void with_receiver(fuzz::receiver which, Then then, Handlers... handlers) {
        // Whoever binds a handler to an object has the object.
        if (const auto anchor = anchor_; which == receiver::anchor && anchor != nullptr)
            then(eap::tracked(*anchor, std::move(handlers))...);
        else if (const auto shared = shared_; which == receiver::shared && shared != nullptr)
            then(eap::tracked(shared, std::move(handlers))...);
        else
            then(std::move(handlers)...);
    }

    // ---- the script ----

    void play(unsigned thread);

    void play(const action& next);

    // ---- operations ----

    static eap::user_state key_of(unsigned id) {
        return id == 0 ? eap::user_state{} : eap::user_state{task{id, 0}};
    }

    operation_story& new_story(unsigned key, fuzz::home at, fuzz::receiver listener);

    void create(const action& how) { create(how, how.mischief()); }
    void create(const action& how, fuzz::mischief trick);
    /// Those whose id has been free for `by`, which has it now: nothing may be heard of them any more.
    void note_replaced(std::size_t manager, const operation_story& by);
    void run(operation made, operation_story& of, const action& how);

    void create_plain(const action& how);

    void report_progress(const action& how);

    void post_function(const action& how);

    void end(const action& how);
    template <class End> void end(operation_story& of, End how);

    void look(unsigned slot, unsigned id);

    // ---- what handlers hear, and do ----

    /// How deep this thread is in handlers.
    struct visit {
        explicit visit(world& w) : of(w) {
            ++depth;
            ++of.visits_;
        }
        visit(const visit&) = delete;
        visit& operator=(const visit&) = delete;
        ~visit() {
            --depth;
            --of.visits_;
        }
        world& of;
        static inline thread_local int depth = 0;
    };
    struct inside { // a handler of an operation
        inside(world& w, operation_story& s) : of(s), here(w) {
            w.expect(!std::exchange(of.is_inside, true), "an operation's handlers run one at a time");
            w.expect(w.is_here(of.at), "handlers run at home");
            w.expect(!of.is_replaced, "an id is free when the handler of its operation starts");
            lab::checkpoint("inside a handler");
        }
        inside(const inside&) = delete;
        inside& operator=(const inside&) = delete;
        ~inside() { of.is_inside = false; }
        operation_story& of;
        visit here;
    };

    void hear(operation_story& of, const eap::completed_event_args<value>& outcome, fuzz::mischief trick);
    void hear(operation_story& of, const eap::progress_changed_event_args<report>& what,
              fuzz::mischief trick);
    void hear(const eap::undelivered& what);

    void play_tricks(fuzz::mischief trick, operation_story* of);

    void end_receiver(fuzz::receiver which);
    void drop_manager(std::size_t which);
    void close(fuzz::home which);

    // ---- calls ----

    void begin_call(const action& how);
    eap::any_synchronization_context place_of_call(unsigned way);

    void end_call(const held_call which, bool as_value);
    void wait_for_call(const action& how);
    void wait_for_any_call(const action& how);

    // ---- components ----

    void start_method(unsigned way, unsigned id, fuzz::home at);

    void connect(const action& how);

    void raise();

    const script& script_;
    std::vector<std::string> breaches_;
    std::vector<std::size_t> begun_;
    int thrown_ = 0;
    int caught_ = 0;
    int working_ = 0;
    int visits_ = 0; // handlers that run, on all threads

    std::array<notifications, 3> told_{};
    bool loop_is_closed_ = false;
    bool pool_is_closed_ = false;
    bool manager_is_closed_ = false;
    bool anchor_is_ended_ = false;
    bool shared_is_ended_ = false;

    std::deque<operation_story> operations_; // what is in it stays where it is
    std::vector<std::size_t> owners_;        // the manager of each
    std::deque<call_story> calls_;
    std::deque<invocation_story> invocations_;

    std::unique_ptr<eap::event_loop> loop_;
    std::unique_ptr<eap::thread_pool> pool_;
    std::optional<eap::event_loop::context_type> loop_context_; // these outlive them
    std::optional<eap::thread_pool::context_type> pool_context_;
    std::array<std::shared_ptr<eap::operation_manager>, 2> managers_;
    std::shared_ptr<eap::anchor> anchor_;
    std::shared_ptr<counted> shared_;
    std::array<std::shared_ptr<held>, 4> slots_;
    std::array<std::shared_ptr<held_plain>, 4> plain_;
    std::array<held_call, 4> held_calls_;
    std::shared_ptr<method> many_;
    std::shared_ptr<single_method> one_;
    std::shared_ptr<eap::event<int>> event_;
    std::array<std::shared_ptr<subscription>, 4> subscriptions_;
};

} // namespace fuzz

#endif
