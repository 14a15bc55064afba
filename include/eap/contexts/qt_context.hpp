// SPDX-License-Identifier: BSL-1.0
//
// Layer 7 – a toolkit; not in eap.hpp. The thread of a QObject as a home. Decides how it is woken, and what a dead object means.
#ifndef EAP_CONTEXTS_QT_CONTEXT_HPP
#define EAP_CONTEXTS_QT_CONTEXT_HPP

#if !__has_include(<QtCore/qobject.h>)
#error                                                                                                       \
    "eap/contexts/qt_context.hpp needs Qt 6 Core: install its headers and compile with `pkg-config --cflags Qt6Core` and -fPIC."
#endif

#include "eap/contexts/foreign_loop.hpp"
#include "eap/detail/intrusive_ptr.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/tracked.hpp"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qcoreevent.h>
#include <QtCore/qglobal.h>
#include <QtCore/qnamespace.h>
#include <QtCore/qobject.h>
#include <QtCore/qpointer.h>
#include <QtCore/qthread.h>

#include <concepts>
#include <cstddef>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>

#if QT_VERSION < QT_VERSION_CHECK(6, 0, 0)
#error "eap/contexts/qt_context.hpp needs Qt 6: the one that was found is older."
#endif

namespace eap {

/// A handle to a `qt_loop`: that of its event_loop.
using qt_context = foreign_loop::context_type;

/// A seat on the thread of a QObject, best as the last member of a window: what is posted to `context()` runs where Qt delivers
/// events to that object.
///
/// Requires      it is made on the object's thread.
/// Effects       one event of Qt for any number of posts. A loop nested in a function (a dialog) runs what is behind it. The
///               seat moves with the object to another thread.
/// Guarantees    those of `foreign_loop`. No moc is needed.
/// Thread safety all members but the constructor, and all of a handle.
/// Errors        What escapes a function never reaches Qt: it goes to `on_exception`, without which the program terminates.
/// Lifetime      The seat ends on any thread; by itself when the object is destroyed, and when the QCoreApplication is: Qt would
///               neither run nor free what is posted after that. When it ends, what is queued is destroyed unrun, and handles
///               refuse. A function of it may end it, and may destroy the object.
///
/// | races | what holds |
/// |---|---|
/// | a post and the end of the seat, the object or the application | refused with `context_closed`; or queued, and destroyed by the end. The end waits for a wake-up under way: nobody sends an event to the receiver after it |
/// | a post and a delivery | the queue is taken when the event has arrived: what comes later sends another |
/// | the seat ends on another thread, and the object | whoever comes first takes the receiver, under a lock; another thread has it deleted on its own |
class qt_loop {
  public:
    using context_type = qt_context;

    /// Bound to `object`, without one to the application. Events of higher `priority` go first.
    /// Throws `invalid_operation` on another thread than the object's, and when there is no object.
    explicit qt_loop(QObject* object = QCoreApplication::instance(), int priority = Qt::NormalEventPriority)
        : core_(new core, detail::adopt_reference) {
        if (object == nullptr || object->thread() != QThread::currentThread())
            throw invalid_operation{"A qt_loop is made on the thread of the QObject that it is bound to."};
        core_->receiver = new receiver{core_, object};
        core_->loop.pump(); // this is the thread
        core_->loop.on_wake([to = core_->receiver, priority, &sent = core_->events_sent] {
            auto* const wake_up = new QEvent{wake_event()};
            sent.fetch_add(1, std::memory_order_release);
            QCoreApplication::postEvent(to, wake_up, priority);
        });
    }
    qt_loop(const qt_loop&) = delete;
    qt_loop& operator=(const qt_loop&) = delete;
    ~qt_loop() { core_->end(); }

    qt_context context() const noexcept { return core_->loop.context(); }

    /// See `foreign_loop::on_exception`.
    template <class F>
        requires std::invocable<std::decay_t<F>&, std::exception_ptr>
    void on_exception(F&& handler) {
        core_->loop.on_exception(std::forward<F>(handler));
    }
    void on_exception(std::nullptr_t) { core_->loop.on_exception(nullptr); }

    /// For good: later posts throw `context_closed`, what is queued is destroyed unrun on the calling thread.
    void close() { core_->close(); }

  private:
    struct core;

    /// The child of the object to which events are sent.
    class receiver final : public QObject {
      public:
        receiver(detail::intrusive_ptr<core> of, QObject* parent) : QObject(parent), core_(std::move(of)) {
            if (QCoreApplication* const application = QCoreApplication::instance())
                QObject::connect(
                    application, &QObject::destroyed, this, [of = core_] { of->close(); },
                    Qt::DirectConnection);
        }
        ~receiver() override {
            core_->close();
            const std::lock_guard lock{core_->mutex};
            core_->receiver = nullptr;
        }
        bool event(QEvent* what) override {
            static_cast<void>(core_->events_sent.load(std::memory_order_acquire));
            if (what->type() == QEvent::ThreadChange) {
                core_->loop.forget_thread();
                QCoreApplication::postEvent(this, new QEvent{wake_event()}); // so that the new one is known
            }
            if (what->type() != wake_event())
                return QObject::event(what);
            const detail::intrusive_ptr<core> alive = core_; // a function may destroy the object
            ++alive->deliveries;
            alive->loop.pump();
            --alive->deliveries;
            return true;
        }

      private:
        const detail::intrusive_ptr<core> core_;
    };

    struct core : detail::reference_counted<core> {
        foreign_loop loop;
        detail::std_sync::mutex mutex;
        qt_loop::receiver* receiver = nullptr; // guarded by mutex; null when it is gone
        detail::std_sync::atomic<unsigned> events_sent{
            0};             // orders what Qt's queue does, for tools that cannot look into Qt
        int deliveries = 0; // under way; the object's thread's

        void close() {
            loop.on_wake(nullptr); // nobody sends it an event any more
            loop.close();
        }
        void end() {
            close();
            std::unique_lock lock{mutex};
            if (receiver == nullptr)
                return;
            if (receiver->thread() != QThread::currentThread() || deliveries != 0) {
                receiver->deleteLater();
                return;
            }
            qt_loop::receiver* const mine = receiver;
            lock.unlock();
            delete mine; // on its thread: nobody else can
        }
    };

    static QEvent::Type wake_event() noexcept {
        static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
        return type;
    }

    const detail::intrusive_ptr<core> core_;
};
static_assert(synchronization_context<qt_context>);

/// Knows whether a QObject is still there: `eap::tracked(QPointer{this}, handler)`.
///
/// Requires      the handler runs on the object's thread, which is the only one where it ends: its home is a `qt_loop` there.
class qt_receiver {
  public:
    explicit qt_receiver(QPointer<QObject> object) noexcept : object_(std::move(object)) {}
    QPointer<QObject> lock() const noexcept { return object_; }

  private:
    QPointer<QObject> object_;
};
static_assert(receiver_watch<qt_receiver>);

/// As `tracked` of other receivers.
template <class Object, class F>
tracked_handler<qt_receiver, std::decay_t<F>> tracked(const QPointer<Object>& receiver, F&& function) {
    return {qt_receiver{QPointer<QObject>{receiver.data()}}, std::forward<F>(function)};
}

} // namespace eap

#endif
