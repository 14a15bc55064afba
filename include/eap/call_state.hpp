// SPDX-License-Identifier: BSL-1.0
//
// Layer 5 – one call without its types: who runs it, who waits for it, who is left to care. Knows no results.
#ifndef EAP_CALL_STATE_HPP
#define EAP_CALL_STATE_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/detail/call_word.hpp"
#include "eap/detail/inside.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/lifetime_word.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/posted.hpp"
#include "eap/detail/raw_memory.hpp"
#include "eap/detail/wakeups.hpp"
#include "eap/detail/work_node.hpp"
#include "eap/errors.hpp"
#include "eap/operation_state.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/unobserved_error.hpp"
#include "eap/user_state.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace eap::detail {

/// The part of a call that is not an operation: the operation knows how it ends and how its callback comes home.
///
/// A *ticket* is queued where the call is to run. Whoever begins the call – the ticket, a thread that waits, `cancel`, or
/// the place that loses the ticket – sees to its end; the others find it begun and leave it alone.
///
/// Invariants    `word_` elects who begins and who ends, and says what has been reached.
///               `handles_` counts the `async_call`s, and the callback that is still to get one. Together they hold one
///               reference to the operation; the ticket, while it is queued, another. When it is complete and no handle is
///               left, all that the user gave and got is destroyed, however long the ticket stays queued.
/// Race table    docs/architecture.md
class call_state {
  public:
    using milestone = call_word<>::milestone;

    call_state(const call_state&) = delete;
    call_state& operator=(const call_state&) = delete;

    // ---- handles ----

    void add_reference() noexcept { handles_.add_reference(); }
    void release_reference() noexcept {
        if (!handles_.release())
            return;
        if (word_.forget())
            nobody_cares_any_more();
        operation_.release_reference();
    }

    // ---- what anybody may ask ----

    const eap::user_state& user_state() const noexcept { return operation_.user_state(); }
    bool has_reached(milestone which) const noexcept {
        platform::step("look how far a call is");
        return word_.has_reached(which);
    }
    bool end_called() const noexcept { return word_.has_ended(); }
    bool has_begun() const noexcept { return word_.has_begun(); }
    /// Whether this thread is inside the target, or inside the callback.
    bool is_inside() const noexcept { return inside<call_state>::of(this); }

    // ---- beginning ----

    /// Queues the ticket. A home goes with a callback, and no home with none. When it throws, the call never was: nothing runs,
    /// and nobody hears of it.
    void start() {
        const any_synchronization_context& home = operation_.home();
        const bool has_callback = home.has_value();
        if (has_callback) {
            eap::operation_started(home);
            add_reference(); // the callback's
        }
        operation_.add_early_reference(); // the ticket's
        const post_outcome posted = post_target(where_, ticket_);
        if (posted.became == post_outcome::kind::dropped)
            ticket_.dropped();
        else if (posted.became == post_outcome::kind::refused) {
            operation_.release_reference();
            if (has_callback) {
                eap::operation_completed(home);
                release_reference(); // the last is the caller's
            }
            std::rethrow_exception(posted.refusal);
        }
    }

    /// Asks the work to stop; work that has not begun never does. True when that was recorded while the outcome was open.
    /// Lets out only what a callback throws that an inline home runs here.
    bool cancel() {
        const intrusive_ptr<call_state> alive{this}; // who hears of the stop may drop the last handle
        const bool recorded = operation_.request_stop();
        if (word_.begin())
            operation_.complete_cancelled();
        return recorded;
    }

    /// Runs the call on this thread, if it has not begun and this is a place for it. True when it is complete now.
    bool help() {
        if (word_.has_begun())
            return false;
        const intrusive_ptr<call_state> alive{this}; // the target may drop the handle that this was called by
        bool helped = false;
        const auto run = [&] {
            helped = word_.begin();
            if (!helped)
                return;
            const auto* const pool = where_.target<thread_pool::context_type>();
            const scoped_context here{pool != nullptr ? pool->current_inside() : where_};
            run_here(intrusive_ptr<operation_state>{&operation_});
        };
        if (!eap::try_run_here(where_, run) && is_pools_business())
            run();
        return helped;
    }

    // ---- waiting ----

    /// Throws when this thread runs the call, and could wait for ever.
    void refuse_wait_inside() const {
        if (is_inside())
            throw would_deadlock{"eap: an asynchronous call was waited for by the thread that runs it; "
                                 "return from it first, or wait on another thread"};
    }

    /// Waits until the call is complete; until `time`, if that is given. Without, runs it when this is a place for it.
    template <class... Time> bool wait(Time... time) {
        if (has_reached(milestone::completed))
            return true;
        refuse_wait_inside();
        if constexpr (sizeof...(time) == 0)
            if (help())
                return true;
        return sleep(milestone::completed, time...);
    }

    /// Waits until the callback has returned, or never will run.
    template <class... Time> bool wait_handled(Time... time) {
        if (has_reached(milestone::handled))
            return true;
        if (is_inside() || eap::running_in_this_thread(operation_.home()).value_or(false))
            throw would_deadlock{
                "eap: the end of a callback was waited for on the thread that has to run it; "
                "wait on another thread, or for the call alone"};
        const intrusive_ptr<call_state> alive{this};
        if constexpr (sizeof...(time) == 0)
            help();
        return sleep(milestone::handled, time...);
    }

    /// Wakes when the call is complete.
    class sleeper : call_word<>::sleeper {
      public:
        sleeper(call_state& call, wakeups<>& where)
            : call_word<>::sleeper(call.word_, milestone::completed, where) {}
        using call_word<>::sleeper::leave; // see `leave_all`
    };

    /// Runs `continuation` when the call is complete, on whatever thread completes it; now, when it is.
    void when_completed(work_ptr continuation) {
        platform::step("continue a call");
        if (work_ptr now = word_.when_completed(std::move(continuation)))
            now.release()->run();
    }

    // ---- ending ----

    /// Makes the caller the one that ends the call: it may take the outcome, once that is there.
    void claim_end() {
        if (!word_.end())
            throw invalid_operation{"eap: this call has been ended already, and its outcome is gone; "
                                    "end each call once"};
    }
    /// By the one that ends, which does not want the outcome after all.
    void give_end_back() noexcept { word_.give_end_back(); }

    /// Claims the end and waits for the outcome. A call that is run or waited for here stays for as long as what this returns: what
    /// runs meanwhile may drop the handle.
    [[nodiscard]] intrusive_ptr<call_state> claim_end_and_wait() {
        intrusive_ptr<call_state> alive;
        if (!has_reached(milestone::completed)) {
            alive = intrusive_ptr<call_state>{this};
            refuse_wait_inside();
        }
        claim_end();
        try {
            wait();
        } catch (...) { // from a callback that an inline home runs here: the outcome is still to be had
            give_end_back();
            throw;
        }
        return alive;
    }

  protected:
    call_state(operation_state& operation, any_synchronization_context&& where)
        : operation_(operation), where_(std::move(where)) {
        static_cast<void>(unobserved_error_hook()); // made here, where failing is harmless
    }
    ~call_state() = default;

    /// Instead of `start`, for work that is under way by itself.
    void has_begun_by_itself() noexcept { static_cast<void>(word_.begin()); }

    /// Runs the work here and completes the operation. By whoever began, who passes a reference to the worker.
    virtual void run_here(intrusive_ptr<operation_state> workers) = 0;
    /// Destroys what the user gave and got. The call is complete, and no handle is left.
    virtual void destroy_contents() noexcept = 0;

    // What the operation tells: its outcome is written, and not sent yet; its callback has returned, or never will run.
    void outcome_is_there() noexcept {
        const bool has_callback = operation_.home().has_value();
        if (has_callback ? word_.reach(milestone::completed) : word_.reach_both())
            nobody_cares_any_more();
    }
    void callback_is_over() noexcept {
        if (!operation_.home().has_value())
            return;
        release_reference(); // first: who waits for this may have let go of all others
        word_.reach(milestone::handled);
    }

  private:
    class ticket final : public postable {
      public:
        explicit ticket(call_state& call) noexcept : call_(call) {}

        void run_posted() override {
            platform::step("begin a call");
            intrusive_ptr<operation_state> queued{&call_.operation_, adopt_reference};
            if (!call_.word_.begin())
                return;
            std::optional<scoped_context>
                here; // a foreign context does not say where its functions run: we do
            if (!scoped_context::is_set())
                here.emplace(call_.where_);
            call_.run_here(std::move(queued));
        }
        void dropped() noexcept override {
            const intrusive_ptr<operation_state> queued{&call_.operation_, adopt_reference};
            if (call_.word_.begin())
                call_.operation_.abandon();
        }

        // The operation's slots are for its way home, which must not fail, and a ticket may be queued for longer than the call. But
        // without a callback there is no way home.
        void* allocate(std::size_t bytes, std::size_t alignment) override {
            if (!has_callback())
                return call_.operation_.allocate(bytes, alignment);
            void* const memory = raw_allocate(bytes, alignment);
            call_.operation_.add_reference(); // the ticket frees it
            return memory;
        }
        void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept override {
            if (!has_callback()) {
                call_.operation_.deallocate(memory, bytes, alignment);
                return;
            }
            raw_deallocate(memory, bytes, alignment);
            call_.operation_.release_reference();
        }

      private:
        bool has_callback() const noexcept { return call_.operation_.home().has_value(); }

        call_state& call_;
    };

    /// Any pool's thread may run what is bound to any pool, so that pools which wait for each other get on.
    bool is_pools_business() const noexcept {
        return thread_pool_core::some_runs_in_this_thread() &&
               where_.target<thread_pool::context_type>() != nullptr;
    }

    template <class... Time> bool sleep(milestone until, Time... time) {
        platform::step("wait for a call");
        wakeups<> here;
        const call_word<>::sleeper sleeping{word_, until, here};
        if constexpr (sizeof...(time) != 0)
            return here.wait_until(time...);
        here.wait();
        return true;
    }

    void nobody_cares_any_more() noexcept {
        if (!word_.has_ended())
            if (std::exception_ptr error = operation_.outcome_error(); error != nullptr)
                unobserved_error_hook().call({std::move(error), user_state()});
        destroy_contents();
    }

    call_word<> word_;
    lifetime_word<> handles_;    // born with that of whoever begins the call
    operation_state& operation_; // the other part of the same block
    const any_synchronization_context where_;
    ticket ticket_{*this};
};

} // namespace eap::detail

#endif
