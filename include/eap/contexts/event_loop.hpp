// SPDX-License-Identifier: BSL-1.0
//
// Layer 3 – places. A queue that its owner runs, or pumps from any foreign loop; it has no thread of its own.
#ifndef EAP_CONTEXTS_EVENT_LOOP_HPP
#define EAP_CONTEXTS_EVENT_LOOP_HPP

#include "eap/contexts/event_loop_core.hpp"
#include "eap/detail/deadline.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/work.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace eap {

/// A queue of functions and the calls that run them. (.NET: WPF's Dispatcher, without a thread)
///
/// Guarantees    functions run one at a time, in the order posted, on the thread that runs the loop, where
///               the loop is then the current context. An exception from a function leaves the call that runs
///               the loop; the later functions stay queued, in order, and the next call goes on with them.
/// Thread safety `context`, `close`, `on_wake` and all of a handle: any thread. One thread at a time runs the
///               loop: a second one gets `invalid_operation`. From inside a function of the loop, what waits
///               without a bound (`run`, `run_one`) throws `would_deadlock`; `poll` and `run_for` go on in
///               order.
/// Lifetime      A function of the loop may destroy it: the call that runs it then returns. Handles may
///               outlive it.
class event_loop {
  public:
    class context_type;

    event_loop() = default;
    event_loop(const event_loop&) = delete;
    event_loop& operator=(const event_loop&) = delete;
    ~event_loop() {
        core_->close();
        core_->disown();
    }

    context_type context() const noexcept;

    /// Runs functions until no operation is outstanding and nothing is queued, or the loop is closed. Returns
    /// how many.
    std::size_t run() { return run_until(detail::end_of_time, may_not_nest); }

    /// Waits for one function and runs it. False when there was none to wait for, or the loop is closed.
    bool run_one();

    /// Runs what is queued now, without waiting; not what is posted meanwhile. Returns how many.
    std::size_t poll();

    /// As `run`, but begins no function later than `duration` from now. What is queued already gets its turn:
    /// at least one function runs, however short the time.
    template <class Rep, class Period> std::size_t run_for(std::chrono::duration<Rep, Period> duration) {
        const detail::steady_time until = detail::deadline_after(duration);
        return run_until(until, until != detail::end_of_time); // without an end it is a run() by another name
    }

    /// For good: later posts throw `context_closed`, what is queued is destroyed unrun on the calling thread,
    /// and whoever runs the loop returns. While another thread is running a function, the few behind it that
    /// it has already taken up are destroyed there, as soon as that function returns. A second call does
    /// nothing.
    void close() { core_->close(); }

    /// `wake()` tells a foreign loop to call `poll` soon. It is called on the posting thread whenever the
    /// queue stops being empty; on the running thread when a call that ran the loop leaves functions queued,
    /// be it by an exception, and when `poll` is about to run several: should one of them run the foreign loop
    /// nested in itself, as a dialog does, the others run there; and at once when some are queued already. So
    /// one pending wake-up is enough, and none is missed.
    /// Requires      it only wakes: it neither throws (the program would terminate), nor waits, nor runs the
    ///               loop.
    /// Effects       replaces the previous one, which is destroyed and not running any more when this
    ///               returns.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void on_wake(F&& wake) {
        core_->set_wake(std::forward<F>(wake));
    }
    void on_wake(std::nullptr_t) { core_->clear_wake(); }

    /// The loop moves to another thread: until that one runs it, `running_in_this_thread` is false everywhere.
    void forget_thread() noexcept { core_->forget_thread(); }

    /// Whether an operation is outstanding: `run` would wait for it.
    bool has_outstanding() const noexcept { return core_->has_outstanding(); }

    /// `changed()` tells a foreign loop that ends by itself to ask `has_outstanding`: it is called when the first
    /// operation has started and when the last one has completed, on the thread that tells of it. Two threads may
    /// do so at the same time.
    /// Requires      as `on_wake`.
    /// Effects       as `on_wake`.
    template <class F>
        requires std::invocable<std::decay_t<F>&>
    void on_outstanding(F&& changed) {
        core_->on_outstanding().set(std::forward<F>(changed));
    }
    void on_outstanding(std::nullptr_t) { core_->on_outstanding().clear(); }

  private:
    using core = detail::event_loop_core;
    class running;
    static constexpr bool may_nest = true;
    static constexpr bool may_not_nest = false;

    std::size_t run_until(detail::steady_time until, bool nesting);

    const detail::intrusive_ptr<core> core_{new core, detail::adopt_reference};
};

/// The loop as a context.
///
/// Guarantees    a function's node is taken from its `get_allocator()`, and given back before the function is
///               called.
/// Lifetime      When the loop is closed or gone, `post` and `operation_started` throw `context_closed`, and
///               `operation_completed` does nothing.
class event_loop::context_type {
  public:
    /// Posts queue what they are given as it is.
    static constexpr std::size_t nodes_per_post = 0;

    template <class F>
        requires std::invocable<std::decay_t<F>>
    void post(F&& function) const {
        core_->post(*make_work(std::forward<F>(function)).release());
    }
    /// Keeps `run` from returning until `operation_completed`.
    void operation_started() const { core_->operation_started(); }
    void operation_completed() const noexcept { core_->operation_completed(); }

    /// True on the thread that is running the loop or has last run it: between two polls, the thread of a
    /// window is still the thread of that window. False before anybody ran it, and when the loop is gone.
    bool running_in_this_thread() const noexcept { return core_->runs_in_this_thread(); }
    /// Runs `function()` at once on that thread, unless another one is running the loop meanwhile.
    template <std::invocable F> bool try_run_here(F&& function) const {
        return core_->try_run_here(std::forward<F>(function));
    }

    bool operator==(const context_type&) const noexcept = default;

  private:
    friend event_loop;
    explicit context_type(detail::intrusive_ptr<core> c) noexcept : core_(std::move(c)) {}

    detail::intrusive_ptr<core> core_;
};
static_assert(synchronization_context<event_loop::context_type>);

/// "This thread runs the loop": makes it the current context, and puts back at the end what was taken up and
/// not run. The handle in `current_` keeps the core alive even when a function destroys the loop.
class event_loop::running {
  public:
    running(const event_loop& loop, bool nesting)
        : core_(*loop.core_), nested_(core_.begin_running(nesting)), current_(loop.context()) {}
    running(const running&) = delete;
    running& operator=(const running&) = delete;
    ~running() {
        if (!nested_)
            core_.end_running();
    }

    core* operator->() const noexcept { return &core_; }

  private:
    core& core_;
    const bool nested_;
    const scoped_context current_;
};

inline event_loop::context_type event_loop::context() const noexcept { return context_type{core_}; }

inline std::size_t event_loop::run_until(detail::steady_time until, bool nesting) {
    const running loop{*this, nesting};
    std::size_t count = 0;
    while (loop->wait_for_work(until)) {
        loop->run_next();
        ++count;
        if (until != detail::end_of_time && detail::steady_now() >= until)
            break;
    }
    return count;
}

inline bool event_loop::run_one() {
    const running loop{*this, may_not_nest};
    if (!loop->wait_for_work(detail::end_of_time))
        return false;
    loop->run_next();
    return true;
}

inline std::size_t event_loop::poll() {
    const running loop{*this, may_nest};
    const std::uint64_t end = loop->take_all();
    if (end - loop->executed() > 1)
        loop->wake(); // the first may run a foreign loop nested in itself, which gets to the others by this
    std::size_t count = 0;
    while (loop->executed() < end && loop->has_work()) {
        loop->run_next();
        ++count;
    }
    return count;
}

} // namespace eap

#endif
