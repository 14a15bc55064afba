// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – a toolkit; not in eap.hpp. A thread with a message loop of Windows as a home. Decides how it is woken.
#ifndef EAP_CONTEXTS_WIN32_CONTEXT_HPP
#define EAP_CONTEXTS_WIN32_CONTEXT_HPP

#if !defined(_WIN32) || !__has_include(<windows.h>)
#error "eap/contexts/win32_context.hpp needs Windows and its headers: leave it out elsewhere."
#endif

#include "eap/contexts/foreign_loop.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/synchronization_context.hpp"

// Neither min and max as macros, nor the old sockets that those of Asio refuse to stand next to.
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include <concepts>
#include <cstddef>
#include <exception>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eap {

/// A handle to a `win32_loop`: that of its event_loop.
using win32_context = foreign_loop::context_type;

/// A seat in the message loop of a thread: what is posted to `context()` runs where GetMessage and DispatchMessage do, also in
/// the loops of dialogs, menus and windows that are being moved.
///
/// Requires      it is made on the thread that runs the loop, and ends before that thread does.
/// Effects       one window that is never seen, and one message for any number of posts. Where the thread's message queue is
///               full (10 000), the wake-up finds another way: a timer, or a sent message.
/// Guarantees    those of `foreign_loop`.
/// Thread safety all members but the constructor, and all of a handle.
/// Errors        What escapes a function never reaches Windows: it goes to `on_exception`, without which the program
///               terminates.
/// Lifetime      The seat ends on any thread. What is queued is destroyed unrun then, and handles refuse. A function of it may
///               end it.
///
/// | races | what holds |
/// |---|---|
/// | a post and the end of the seat | refused with `context_closed`; or queued, and destroyed by the end. The end waits for a wake-up under way: nobody sends to the window after it |
/// | a post and a message's delivery | the queue is taken when the message has arrived: what comes later sends another |
/// | the end on another thread and a delivery | the window is destroyed on its own thread, and keeps until then what both use |
class win32_loop {
  public:
    using context_type = win32_context;

    /// Throws std::system_error when Windows cannot make the window.
    win32_loop() : seat_(new seat, detail::adopt_reference) { seat_->begin(); }
    win32_loop(const win32_loop&) = delete;
    win32_loop& operator=(const win32_loop&) = delete;
    ~win32_loop() { seat_->end(); }

    win32_context context() const noexcept { return seat_->loop.context(); }

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
    static constexpr UINT wake_message = WM_APP;
    static constexpr UINT end_message = WM_APP + 1;
    static constexpr UINT_PTR wake_timer = 1;

    struct seat : detail::reference_counted<seat> { // held by the owner and by the window
        foreign_loop loop;
        HWND window = nullptr;
        const DWORD thread = GetCurrentThreadId();

        void begin() {
            HINSTANCE module = nullptr; // this one, be it a DLL: classes go by module
            GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                   GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                               reinterpret_cast<LPCWSTR>(&called), &module);
            WNDCLASSEXW kind{};
            kind.cbSize = sizeof(kind);
            kind.lpfnWndProc = &called;
            kind.hInstance = module;
            kind.lpszClassName = L"eap::win32_loop";
            RegisterClassExW(&kind); // again: refused, and there already
            window = CreateWindowExW(0, kind.lpszClassName, L"", 0, 0, 0, 0, 0, HWND_MESSAGE, nullptr, module,
                                     nullptr);
            if (window == nullptr)
                throw std::system_error{static_cast<int>(GetLastError()), std::system_category(),
                                        "CreateWindowEx"};
            this->add_reference(); // the window's
            SetWindowLongPtrW(window, GWLP_USERDATA, reinterpret_cast<LONG_PTR>(this));
            loop.pump(); // this is the thread
            loop.on_wake([this] { send(wake_message); });
        }
        void send(UINT message) noexcept {
            if (PostMessageW(window, message, 0, 0) != 0)
                return;
            if (GetCurrentThreadId() == thread)
                SetTimer(window, wake_timer, 0, nullptr);
            else
                SendNotifyMessageW(window, message, 0, 0);
        }
        void end() noexcept {
            loop.on_wake(nullptr); // nobody else sends to the window any more
            loop.close();
            if (GetCurrentThreadId() == thread)
                DestroyWindow(window);
            else
                send(end_message);
        }
    };

    static LRESULT CALLBACK called(HWND window, UINT message, WPARAM first, LPARAM second) noexcept {
        auto* const its = reinterpret_cast<seat*>(GetWindowLongPtrW(window, GWLP_USERDATA));
        if (its == nullptr)
            return DefWindowProcW(window, message, first, second);
        const detail::intrusive_ptr<seat> alive{its}; // a function may end the seat
        switch (message) {
        case WM_TIMER:
            KillTimer(window, wake_timer);
            [[fallthrough]];
        case wake_message:
            alive->loop.pump();
            return 0;
        case end_message:
            DestroyWindow(window);
            return 0;
        case WM_NCDESTROY:
            SetWindowLongPtrW(window, GWLP_USERDATA, 0);
            its->release_reference();
            break;
        default:
            break;
        }
        return DefWindowProcW(window, message, first, second);
    }

    const detail::intrusive_ptr<seat> seat_;
};
static_assert(synchronization_context<win32_context>);

} // namespace eap

#endif
