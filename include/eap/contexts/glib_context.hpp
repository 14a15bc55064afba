// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – a toolkit; not in eap.hpp. A main context of GLib as a home. Decides how it is woken, and when posts end.
#ifndef EAP_CONTEXTS_GLIB_CONTEXT_HPP
#define EAP_CONTEXTS_GLIB_CONTEXT_HPP

#if !__has_include(<glib-object.h>)
#error                                                                                                       \
    "eap/contexts/glib_context.hpp needs GLib 2.74 or newer: install its headers and compile with `pkg-config --cflags gobject-2.0`."
#endif

#include <glib-object.h>
#include <glib.h>

#if !GLIB_CHECK_VERSION(2, 74, 0)
#error "eap/contexts/glib_context.hpp needs GLib 2.74 or newer: the one that was found is older."
#endif

#include "eap/contexts/foreign_loop.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/tracked.hpp"

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace eap {

/// A handle to a `glib_loop`: that of its event_loop.
using glib_context = foreign_loop::context_type;

/// A seat in a main context of GLib: what is posted to `context()` runs where that is run, by a GMainLoop, GApplication or GTK.
///
/// Effects       one source, of one priority, which is dispatched once for any number of posts. It is ready only while something
///               is queued. A loop nested in a function (a dialog) runs what is behind it.
/// Guarantees    those of `foreign_loop`. Nothing ever runs inside `post`, not even while nobody runs the main context: so
///               g_main_context_invoke is not used.
/// Thread safety all members, and all of a handle.
/// Errors        What escapes a function never reaches GLib: it goes to `on_exception`, without which the program terminates.
/// Lifetime      Keeps the main context. When the seat ends, on any thread, what is queued is destroyed unrun, and handles
///               refuse. A function of it may end it. A main context that nobody runs any more keeps what is queued: end the
///               seat where the program's GMainLoop has ended.
///
/// | races | what holds |
/// |---|---|
/// | a post and the end of the seat | refused with `context_closed`; or queued, and destroyed by the end. The end waits for a wake-up under way |
/// | a post and a dispatch | the source is disarmed before the queue is taken: what comes later arms it again |
/// | the end of the seat and a dispatch | the source keeps what both use; what was taken up is destroyed by the dispatch |
class glib_loop {
  public:
    using context_type = glib_context;

    /// In the given main context; null is the default one. A smaller `priority` goes first.
    explicit glib_loop(GMainContext* where = nullptr, int priority = G_PRIORITY_DEFAULT)
        : main_context_(g_main_context_ref(where != nullptr ? where : g_main_context_default())),
          seat_(new seat, detail::adopt_reference), source_(make_source(seat_)) {
        g_source_set_priority(source_.get(), priority);
        g_source_attach(source_.get(), main_context_.get());
        seat_->loop.on_wake([source = source_.get()] { g_source_set_ready_time(source, at_once); });
    }
    glib_loop(const glib_loop&) = delete;
    glib_loop& operator=(const glib_loop&) = delete;
    ~glib_loop() {
        seat_->loop.on_wake(nullptr); // nobody touches the source any more
        g_source_destroy(source_.get());
        seat_->loop.close();
    }

    glib_context context() const noexcept { return seat_->loop.context(); }

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
    static constexpr std::int64_t at_once = 0;
    static constexpr std::int64_t never = -1;

    struct seat : detail::reference_counted<seat> { // held by the owner and by the source
        foreign_loop loop;
    };
    struct seat_source { // as GLib wants it: begins as a GSource, and nothing constructs it
        GSource base;
        seat* held; // by `held_by`: GLib's locks order it too, but thread sanitizer does not see them
    };
    static std::atomic_ref<seat*> held_by(GSource* source) noexcept {
        return std::atomic_ref{reinterpret_cast<seat_source*>(source)->held};
    }
    struct let_go {
        void operator()(GMainContext* what) const noexcept { g_main_context_unref(what); }
        void operator()(GSource* what) const noexcept { g_source_unref(what); }
    };

    static gboolean dispatch(GSource* source, GSourceFunc, gpointer) noexcept {
        g_source_set_ready_time(source, never);
        const detail::intrusive_ptr<seat> alive{held_by(source).load(std::memory_order_acquire)};
        alive->loop.pump();
        return G_SOURCE_CONTINUE;
    }
    static void finalize(GSource* source) noexcept {
        held_by(source).load(std::memory_order_acquire)->release_reference();
    }
    static std::unique_ptr<GSource, let_go> make_source(const detail::intrusive_ptr<seat>& of) {
        static constinit GSourceFuncs functions{nullptr, nullptr, &dispatch, &finalize, nullptr, nullptr};
        std::unique_ptr<GSource, let_go> source{g_source_new(&functions, sizeof(seat_source))};
        of->add_reference();
        held_by(source.get()).store(of.get(), std::memory_order_release);
        g_source_set_static_name(source.get(), "eap::glib_loop");
        g_source_set_can_recurse(source.get(), static_cast<gboolean>(true));
        return source;
    }

    const std::unique_ptr<GMainContext, let_go> main_context_;
    const detail::intrusive_ptr<seat> seat_;
    const std::unique_ptr<GSource, let_go> source_;
};
static_assert(synchronization_context<glib_context>);

/// Knows whether a GObject is still there: `eap::tracked(eap::glib_receiver{window}, handler)`.
///
/// Effects       while the handler runs, the object is kept by a reference: it may turn out to be the last, and the object then
///               ends on the handler's thread.
/// Thread safety copies may be used, and the object may end, on any thread.
class glib_receiver {
  public:
    /// `object` is a GObject, or of a class derived from it.
    explicit glib_receiver(gpointer object)
        : weak_(new GWeakRef, [](GWeakRef* last) {
              g_weak_ref_clear(last);
              delete last;
          }) {
        g_weak_ref_init(weak_.get(), object);
    }

    struct release {
        void operator()(gpointer object) const noexcept { g_object_unref(object); }
    };
    /// Null when it is gone.
    std::unique_ptr<void, release> lock() const noexcept {
        return std::unique_ptr<void, release>{g_weak_ref_get(weak_.get())};
    }

  private:
    std::shared_ptr<GWeakRef> weak_;
};
static_assert(receiver_watch<glib_receiver>);

} // namespace eap

#endif
