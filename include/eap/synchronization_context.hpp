// SPDX-License-Identifier: BSL-1.0
//
// Layer 1 – the seam. Decides *where* a function runs; knows nothing about operations.
#ifndef EAP_SYNCHRONIZATION_CONTEXT_HPP
#define EAP_SYNCHRONIZATION_CONTEXT_HPP

#include "eap/detail/platform.hpp"
#include "eap/detail/wakeups.hpp"
#include "eap/errors.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace eap {

namespace archetypes {

/// The least that a posted function promises: it moves, and it can be called once.
struct work {
    work() = default;
    work(work&&) noexcept = default;
    work& operator=(work&&) noexcept = default;
    void operator()() {}
};

} // namespace archetypes

/// A handle to a place where functions run: a GUI loop, a strand, a pool. (.NET: SynchronizationContext)
///
/// Requires      `context.post(f)` takes any move-only nullary function and returns before it runs (a context
///               that runs it inline is tolerated); copies of a handle, and handles that compare equal, name
///               one place.
/// Guarantees    `f` runs at most once; if it never runs, it is destroyed.
/// Thread safety `post` may be called from any thread, also at the same time.
/// Errors        If `post` throws, `f` was not accepted and never runs. A place that is gone throws
///               `context_closed`.
/// Lifetime      A handle may outlive its place.
///
/// A context may also have these members; `eap::` has a function object of the same name for each, which takes
/// the context first and does the sensible thing when the member is absent:
///   `send(f)`                   runs `f` there and returns when it has returned
///   `operation_started()`       an operation that will come home here exists; may refuse by throwing
///   `operation_completed()`     ... and has ended; must not throw
///   `running_in_this_thread()`  whether the calling thread is this place's: bool or std::optional<bool>
///   `try_run_here(f)`           runs `f` at once, if this thread is this place's and may run it: bool
///   `post_after(duration, f)`   posts after a while (see timer.hpp)
/// A posted function may carry `get_allocator()`: a context that takes its own node from there, and gives it
/// back before it calls the function, makes completing an operation free of allocations. Each operation brings room for
/// two nodes of up to 80 bytes, or for as many as the context says:
///   `nodes_per_post`            how many a `post` takes at a time, a static constant; 0 when it takes none
template <class C>
concept synchronization_context = requires(const C& context, archetypes::work f) {
    context.post(std::move(f)); // first: of a type without it nothing more is asked, copying least of all
} && std::copyable<C> && std::equality_comparable<C>;

namespace detail {

/// Not a context, but an object that lends one, such as an event_loop.
template <class Place>
concept lends_context = !synchronization_context<Place> && requires(Place& place) {
    { place.context() } -> synchronization_context;
};

/// How many nodes a `post` to such a context takes at a time.
template <class C>
inline constexpr std::size_t nodes_per_post = [] {
    if constexpr (requires { std::size_t{C::nodes_per_post}; })
        return std::size_t{C::nodes_per_post};
    else
        return std::size_t{2};
}();

/// What a waiting `send` shares with the function it posted.
struct send_state {
    wakeups<> ended;          // of the waiter
    bool ran = false;         // written before `ended` is set
    std::exception_ptr error; // likewise
};

template <class F> class sent_function { // tells the waiter how it ended, also when it is destroyed unrun
  public:
    sent_function(std::shared_ptr<send_state> state, F& function) noexcept
        : state_(std::move(state)), function_(&function) {}
    sent_function(sent_function&&) noexcept = default;
    sent_function& operator=(sent_function&&) = delete;
    ~sent_function() {
        if (state_ != nullptr)
            state_->ended.wake();
    }
    void operator()() {
        const auto state = std::move(state_);
        if (state == nullptr) // a context that runs it twice: the waiter may be gone
            return;
        try {
            (*function_)();
        } catch (...) {
            state->error = std::current_exception();
        }
        state->ran = true;
        state->ended.wake();
    }

  private:
    std::shared_ptr<send_state> state_;
    F* function_; // the waiter's, who waits until `ended`
};

struct operation_started_fn {
    template <class C> void operator()(const C& context) const {
        if constexpr (requires { context.operation_started(); })
            context.operation_started();
    }
};

struct operation_completed_fn {
    template <class C> void operator()(const C& context) const noexcept {
        if constexpr (requires { context.operation_completed(); })
            context.operation_completed();
    }
};

struct running_in_this_thread_fn {
    template <class C> std::optional<bool> operator()(const C& context) const {
        if constexpr (requires { context.running_in_this_thread(); })
            return context.running_in_this_thread();
        else
            return std::nullopt;
    }
};

struct try_run_here_fn {
    template <synchronization_context C, std::invocable F>
    bool operator()(const C& context, F&& function) const {
        if constexpr (requires { context.try_run_here(std::forward<F>(function)); }) {
            return context.try_run_here(std::forward<F>(function));
        } else {
            if (!running_in_this_thread_fn{}(context).value_or(false))
                return false;
            std::forward<F>(function)();
            return true;
        }
    }
};

struct send_fn {
    template <synchronization_context C, std::invocable F>
    void operator()(const C& context, F&& function) const {
        if constexpr (requires { context.send(std::forward<F>(function)); })
            context.send(std::forward<F>(function));
        else if (!try_run_here_fn{}(context, function))
            post_and_wait(context, function);
    }

  private:
    template <class C, class F> static void post_and_wait(const C& context, F& function) {
        const auto state = std::make_shared<send_state>();
        context.post(sent_function<F>{state, function});
        platform::step("send");
        state->ended.wait();
        if (state->error != nullptr)
            std::rethrow_exception(std::move(state->error)); // moved: it dies here, not over there
        if (!state->ran)
            throw context_closed{};
    }
};

} // namespace detail

/// Tells the context that an operation which will come home to it has begun. (.NET: OperationStarted)
/// Effects       calls the member, which may refuse by throwing; nothing when there is none.
inline constexpr detail::operation_started_fn operation_started{};

/// Tells the context that such an operation has ended. (.NET: OperationCompleted)
/// Errors        The member must not throw; if it does, the program terminates.
inline constexpr detail::operation_completed_fn operation_completed{};

/// Whether the calling thread is the context's own. Empty when the context cannot tell.
inline constexpr detail::running_in_this_thread_fn running_in_this_thread{};

/// Runs `f()` at once, out of turn, if the calling thread is the context's own and may run it now; false, and `f` is
/// untouched, otherwise. When the member is absent, asks `running_in_this_thread`.
inline constexpr detail::try_run_here_fn try_run_here{};

/// Runs `f()` on the context and returns when it has returned: inline when this thread is the context's own,
/// else by posting and waiting. (.NET: Send)
/// Errors        What `f` throws. `context_closed` when the context let go of `f` without running it.
/// Lifetime      Waits as long as the context keeps `f` queued: never call it from a thread that the context
///               waits for.
inline constexpr detail::send_fn send{};

namespace archetypes {

/// The least that a context promises.
struct context {
    template <class F> void post(F&& function) const {
        auto taken = std::forward<F>(function);
        taken();
    }
    bool operator==(const context&) const = default;
};
static_assert(synchronization_context<context>);

} // namespace archetypes

} // namespace eap

#endif
