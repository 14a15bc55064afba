// SPDX-License-Identifier: BSL-1.0
//
// Layer 3 – places. Threads with one queue, and the shared pool. Decides where work goes that asks for no place.
#ifndef EAP_CONTEXTS_THREAD_POOL_HPP
#define EAP_CONTEXTS_THREAD_POOL_HPP

#include "eap/any_synchronization_context.hpp"
#include "eap/detail/hook.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/platform.hpp"
#include "eap/detail/work_node.hpp"
#include "eap/detail/work_queue.hpp"
#include "eap/errors.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/work.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap {

namespace detail {

/// What a pool, its threads and its handles share. The program's shared pool never ends: references to it are not counted,
/// which all threads would do in one word.
class thread_pool_core : private reference_counted<thread_pool_core> {
    using counted = reference_counted<thread_pool_core>;
    friend counted;

  public:
    explicit thread_pool_core(bool is_shared) noexcept : is_shared_(is_shared) {}

    void never_end() noexcept { never_ends_ = true; }
    void add_reference() const noexcept {
        if (!never_ends_)
            counted::add_reference();
    }
    void release_reference() const noexcept {
        if (!never_ends_)
            counted::release_reference();
    }
    bool is_shared() const noexcept { return is_shared_; }
    void post(work_node& last) { // which is its own now
        if (queue_.push(work_ptr{&last}) == work_queue<>::pushed::refused)
            throw context_closed{};
        platform::step("go on after a post to a thread_pool"); // the function may have run by now
    }
    bool is_closed() const noexcept { return queue_.is_closed(); }
    void close() { const work_list unrun = queue_.close(); }
    bool runs_in_this_thread() const noexcept { return this_threads_pool == this; }
    /// Whether the calling thread is one of some pool.
    static bool some_runs_in_this_thread() noexcept { return this_threads_pool != nullptr; }
    hook<std::exception_ptr>& on_exception() noexcept { return on_exception_; }

    /// A thread's whole life. What a function throws and nobody wants ends the program.
    void work() noexcept {
        this_threads_pool = this;
        for (;;) {
            platform::step("thread_pool: next function");
            work_ptr next = queue_.wait_one();
            if (!next)
                break;
            try {
                next.release()->run();
            } catch (...) {
                const std::exception_ptr error = std::current_exception();
                if (!on_exception_.call(error) && !platform::takes_over(error))
                    std::terminate(); // inside the handler: it can still be told what it was
            }
        }
        this_threads_pool = nullptr; // a thread of the lab goes on with something else
    }

  private:
    static inline constinit thread_local const thread_pool_core* this_threads_pool = nullptr;

    const bool is_shared_;
    bool never_ends_ = false; // written before anybody but its threads knows of it, and they drop nothing
    work_queue<> queue_;
    hook<std::exception_ptr> on_exception_;
};

} // namespace detail

/// Threads that run functions, several at a time and in no promised order. (.NET: ThreadPool; it has only the
/// shared one)
///
/// Guarantees    a function runs on a thread of the pool, where the pool is then the current context. (A call of a
///               delegate may run on another pool's thread that waits for it: see async_call.)
/// Thread safety all members, and all of a handle.
/// Errors        An exception that escapes a function goes to `on_exception`; without it the program
///               terminates, as with any thread.
/// Lifetime      The destructor closes, and waits for the functions that have begun: destroy a pool anywhere
///               but on one of its own threads (that terminates the program). Handles may outlive it.
class thread_pool {
  public:
    class context_type;

    /// Starts `threads` threads. Throws std::invalid_argument for none, std::system_error when one cannot be
    /// started; then none is left.
    explicit thread_pool(std::size_t threads);
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool();

    context_type context() const noexcept;

    /// The pool that all of a program shares; no less than two threads, and one for each processor. It starts
    /// at first use and never ends: it serves static objects to their last breath, and what it runs when the
    /// program ends is not waited for. A function on it has no current context (.NET: SC-9), so what it
    /// starts goes to the pool as well.
    static context_type shared();

    /// For good: later posts throw `context_closed`, what has begun goes on, and what is queued is destroyed
    /// unrun on the calling thread before this returns. A function of the pool may call it. A second call
    /// does nothing.
    void close() { core_->close(); }

    /// `handler(std::exception_ptr)` is called, on the pool's thread, with what escapes a function.
    /// Requires      it does not throw: the program would terminate.
    /// Effects       replaces the previous one, which is destroyed and not running any more when this
    ///               returns.
    template <class F>
        requires std::invocable<std::decay_t<F>&, std::exception_ptr>
    void on_exception(F&& handler) {
        core_->on_exception().set(std::forward<F>(handler));
    }
    void on_exception(std::nullptr_t) { core_->on_exception().clear(); }
    /// The same, of the shared pool.
    template <class F>
        requires std::invocable<std::decay_t<F>&, std::exception_ptr>
    static void on_shared_exception(F&& handler) {
        shared_core().on_exception().set(std::forward<F>(handler));
    }
    static void on_shared_exception(std::nullptr_t) { shared_core().on_exception().clear(); }

  private:
    using core = detail::thread_pool_core;
    struct everybodys;
    static core& shared_core();

    void start(std::size_t threads);
    void join() noexcept;

    thread_pool(std::size_t threads, bool is_shared);

    const detail::intrusive_ptr<core> core_;
    std::vector<detail::thread> threads_;
};

/// The pool as a context.
///
/// Guarantees    a function's node is taken from its `get_allocator()`, and given back before the function is
///               called.
/// Lifetime      When the pool is closed or gone, `post` and `operation_started` throw `context_closed`.
class thread_pool::context_type {
  public:
    /// Posts queue what they are given as it is.
    static constexpr std::size_t nodes_per_post = 0;

    template <class F>
        requires std::invocable<std::decay_t<F>>
    void post(F&& function) const {
        core_->post(*make_work(std::forward<F>(function)).release());
    }
    void operation_started() const { // nothing to keep going: a pool runs until it is closed
        if (core_->is_closed())
            throw context_closed{};
    }
    void operation_completed() const noexcept {}

    /// True on the threads of the pool.
    bool running_in_this_thread() const noexcept { return core_->runs_in_this_thread(); }

    /// What is current while a function of the pool runs: the pool, but nothing on the shared one.
    any_synchronization_context current_inside() const {
        return core_->is_shared() ? any_synchronization_context{} : *this;
    }

    bool operator==(const context_type&) const noexcept = default;

  private:
    friend thread_pool;
    explicit context_type(detail::intrusive_ptr<core> c) noexcept : core_(std::move(c)) {}

    detail::intrusive_ptr<core> core_;
};
static_assert(synchronization_context<thread_pool::context_type>);

inline thread_pool::context_type thread_pool::context() const noexcept { return context_type{core_}; }

inline thread_pool::thread_pool(std::size_t threads) : thread_pool(threads, false) {}

inline thread_pool::thread_pool(std::size_t threads, bool is_shared)
    : core_(new core{is_shared}, detail::adopt_reference) {
    if (threads == 0)
        throw std::invalid_argument{"A thread_pool needs a thread to run anything. Ask for one or more."};
    start(threads);
}

inline void thread_pool::start(std::size_t threads) {
    const any_synchronization_context current = context().current_inside();
    try {
        threads_.reserve(threads);
        for (std::size_t i = 0; i < threads; ++i)
            threads_.emplace_back("thread_pool", [core = core_, current] {
                const scoped_context on_this_thread{current};
                core->work();
            });
    } catch (...) {
        core_->close();
        join();
        throw;
    }
}

inline void thread_pool::join() noexcept {
    for (detail::thread& thread : threads_)
        thread.join();
}

inline thread_pool::~thread_pool() {
    if (core_->runs_in_this_thread()) {
        std::fputs("eap: a thread_pool was destroyed by a function that it runs, and cannot wait for that "
                   "function to "
                   "end. Let another thread destroy it.\n",
                   stderr);
        std::terminate();
    }
    core_->close();
    join();
    core_->on_exception().clear();
}

struct thread_pool::everybodys : thread_pool {
    everybodys() : thread_pool(std::max<std::size_t>(2, detail::processors()), true) {
        if (detail::platform::of_this_thread() == nullptr) // a stand-in's ends with its run
            core_->never_end();
    }
};
inline detail::thread_pool_core& thread_pool::shared_core() { return *detail::the_only<everybodys>().core_; }
inline thread_pool::context_type thread_pool::shared() { return detail::the_only<everybodys>().context(); }

} // namespace eap

#endif
