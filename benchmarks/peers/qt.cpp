// SPDX-License-Identifier: BSL-1.0
//
// Qt 6: QtConcurrent::run and its future; a queued invocation on an event loop; progress by a QPromise.
#include "../calls.hpp"
#include "../workloads.hpp"

#include <QCoreApplication>
#include <QFuture>
#include <QFutureWatcher>
#include <QMetaObject>
#include <QObject>
#include <QPromise>
#include <QThreadPool>
#include <QtConcurrent>

namespace {

using namespace benchmarks;

QCoreApplication& application() {
    static int argc = 1;
    static char name[] = "benchmarks";
    static char* argv[] = {name, nullptr};
    static QCoreApplication instance{argc, argv};
    return instance;
}
QThreadPool& pool() {
    static QThreadPool instance;
    instance.setMaxThreadCount(static_cast<int>(threads()));
    return instance;
}

struct qt_concurrent {
    auto begin(long i) const { return QtConcurrent::run(&pool(), payload, i); }
    long end(QFuture<long>& call) const { return call.result(); }
};

/// To the loop of this thread.
long queued(long count) {
    application();
    QObject receiver;
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        QMetaObject::invokeMethod(&receiver, [&sum, i] { sum += i + 1; }, Qt::QueuedConnection);
        if (i % 32 == 31)
            QCoreApplication::sendPostedEvents();
    }
    QCoreApplication::sendPostedEvents();
    return sum;
}
long queued_one_at_a_time(long count) {
    application();
    QObject receiver;
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        QMetaObject::invokeMethod(&receiver, [&sum, i] { sum += i + 1; }, Qt::QueuedConnection);
        QCoreApplication::sendPostedEvents();
    }
    return sum;
}
/// The watcher tells the newest, now and then.
double progress_of_promise(long count) {
    application();
    QPromise<void> promise;
    QFutureWatcher<void> watcher;
    long last = 0;
    QObject::connect(&watcher, &QFutureWatcher<void>::progressValueChanged, [&](int value) { last = value; });
    watcher.setFuture(promise.future());
    promise.start();
    promise.setProgressRange(0, static_cast<int>(count));
    for (long i = 0; i != count; ++i) {
        promise.setProgressValue(static_cast<int>(i + 1));
        if (i % 32 == 31)
            QCoreApplication::sendPostedEvents();
    }
    promise.finish();
    QCoreApplication::sendPostedEvents();
    return 0;
}

const registration latency{"latency", {checked("qt_concurrent", one_at_a_time<qt_concurrent>, 2'000)}};
const registration begin_end{"begin_end", {checked("qt_concurrent", begun_then_ended<qt_concurrent, 1'000>)}};
const registration operation{"operation", {checked("qt_queued_invocation", queued_one_at_a_time)}};
const registration progress{
    "progress", {checked("qt_queued_invocation", queued), {"qt_promise_progress", progress_of_promise}}};

} // namespace
