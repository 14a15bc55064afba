// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – a toolkit; not in eap.hpp. A loop of libuv as a home. Decides how it is woken, how long it runs, and how it is left.
#ifndef EAP_CONTEXTS_UV_CONTEXT_HPP
#define EAP_CONTEXTS_UV_CONTEXT_HPP

#if !__has_include(<uv.h>)
#error                                                                                                       \
    "eap/contexts/uv_context.hpp needs libuv 1.0 or newer: install its headers and compile with `pkg-config --cflags libuv`."
#endif

#include "eap/contexts/foreign_loop.hpp"
#include "eap/detail/sync.hpp"
#include "eap/detail/this_thread_number.hpp"
#include "eap/synchronization_context.hpp"

#include <uv.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eap {

/// A handle to a `uv_loop`: that of its event_loop.
using uv_context = foreign_loop::context_type;

/// A seat in a loop of libuv: what is posted to `context()` runs where `uv_run` runs.
///
/// Requires      it is made on the thread that runs the loop.
/// Effects       one uv_async_t, which is called once for any number of posts. `uv_run` goes on while an operation is
///               outstanding, and for what this thread has posted; what another thread posts when neither is the case does not
///               keep it from returning.
/// Guarantees    those of `foreign_loop`.
/// Thread safety all members but the constructor, and all of a handle.
/// Errors        What escapes a function never reaches libuv: it goes to `on_exception`, without which the program terminates.
/// Lifetime      When the seat ends, what is queued is destroyed unrun, and handles refuse; a function of it may end it. The
///               uv_async_t closes on the loop's thread: run the loop once more before uv_loop_close. Off that thread, end the
///               seat only while the loop runs.
///
/// | races | what holds |
/// |---|---|
/// | a post and the end of the seat | refused with `context_closed`; or queued, and destroyed by the end. The end waits for a wake-up under way: nobody touches the uv_async_t after it |
/// | a post and a call of the uv_async_t | the queue is taken after the call has begun: what comes later wakes again |
/// | the end on another thread and a call | the call after the end closes the uv_async_t |
/// | the last operation's end and `uv_run` | wakes the loop, which lets go there: references to a uv_async_t are the loop's thread's |
class uv_loop {
  public:
    using context_type = uv_context;

    /// Throws std::system_error when libuv cannot make a uv_async_t.
    explicit uv_loop(uv_loop_t* where = uv_default_loop()) : seat_(make_seat(where)) {}
    uv_loop(const uv_loop&) = delete;
    uv_loop& operator=(const uv_loop&) = delete;
    ~uv_loop() { seat_->end(); }

    uv_context context() const noexcept { return seat_->loop.context(); }

    /// See `foreign_loop::on_exception`.
    template <class F>
        requires std::invocable<std::decay_t<F>&, std::exception_ptr>
    void on_exception(F&& handler) {
        seat_->loop.on_exception(std::forward<F>(handler));
    }
    void on_exception(std::nullptr_t) { seat_->loop.on_exception(nullptr); }

    /// For good: later posts throw `context_closed`, what is queued is destroyed unrun on the calling thread.
    void close() { seat_->loop.close(); }

  private:
    /// Belongs to the uv_async_t from the moment that libuv knows it, and goes with it.
    struct seat {
        foreign_loop loop;
        uv_async_t async{};
        const std::uint64_t thread = detail::this_thread_number(); // that of the loop
        detail::std_sync::mutex mutex;
        bool has_ended = false;  // on another thread; guarded by mutex
        bool is_closing = false; // the loop's thread's, as all below
        bool is_pending = true;  // a call is due that must not be missed

        void begin() {
            async.data = this;
            loop.pump(); // this is the thread
            loop.on_wake([this] { wake(); });
            loop.on_outstanding([this] { wake(); });
            wake(); // a first call, so that uv_run does not miss what came before it
        }
        void wake() noexcept {
            if (detail::this_thread_number() == thread && !is_closing) {
                is_pending = true;
                uv_ref(handle());
            }
            uv_async_send(&async);
        }
        void called() noexcept {
            is_pending = false;
            loop.pump();
            if (is_closing)
                return;
            if (was_left())
                close();
            else if (is_pending || loop.has_outstanding())
                uv_ref(handle());
            else
                uv_unref(handle());
        }
        void end() noexcept {
            loop.on_wake(nullptr); // nobody but this thread and the loop's touches the uv_async_t any more
            loop.on_outstanding(nullptr);
            loop.close();
            if (detail::this_thread_number() == thread) {
                close();
            } else {
                const std::lock_guard lock{mutex}; // until the last call is sent, which closes it
                has_ended = true;
                uv_async_send(&async);
            }
        }
        bool was_left() {
            const std::lock_guard lock{mutex};
            return has_ended;
        }
        void close() noexcept {
            is_closing = true;
            uv_close(handle(), [](uv_handle_t* closed) { delete static_cast<seat*>(closed->data); });
        }
        uv_handle_t* handle() noexcept { return reinterpret_cast<uv_handle_t*>(&async); }
    };

    static seat* make_seat(uv_loop_t* where) {
        auto made = std::make_unique<seat>();
        const int error = uv_async_init(where, &made->async,
                                        [](uv_async_t* async) { static_cast<seat*>(async->data)->called(); });
        if (error != 0)
            throw std::system_error{-error, std::generic_category(), "uv_async_init"};
        made->begin();
        return made.release();
    }

    seat* const seat_;
};
static_assert(synchronization_context<uv_context>);

} // namespace eap

#endif
