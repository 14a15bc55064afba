// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/qt_context.hpp>

#include <eap/contexts/thread_pool.hpp>
#include <eap/errors.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>
#include <eap/synchronization_context.hpp>
#include <eap/testing/context_conformance.hpp>
#include <eap/undelivered.hpp>

#include "support/catch.hpp"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qeventloop.h>
#include <QtCore/qobject.h>
#include <QtCore/qpointer.h>
#include <QtCore/qthread.h>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

struct application {
    int count = 1;
    char name[4] = "eap";
    char* arguments[2] = {name, nullptr};
    QCoreApplication qt{count, arguments};
};

struct qt_place {
    QObject object;
    QEventLoop events;
    eap::qt_loop loop{&object};
    std::exception_ptr caught;

    qt_place() {
        loop.on_exception([this](const std::exception_ptr& error) { caught = error; });
    }
    auto context() const { return loop.context(); }
    void run() { events.exec(); }
    void stop() { events.quit(); }
    void close() { loop.close(); }
    std::exception_ptr take_exception() const { return caught; }
};

/// A receiver, as a window is.
class window : public QObject {
  public:
    int called = 0;
};

} // namespace

TEST_CASE("a thread of Qt conforms", "[conformance][qt]") {
    const application app;
    const auto report = lab::check_context([] { return qt_place{}; }, {.runs_in_order = true,
                                                                       .runs_one_at_a_time = true,
                                                                       .refuses_after_end = true,
                                                                       .is_current_inside = true,
                                                                       .knows_its_thread = true,
                                                                       .survives_exceptions = true,
                                                                       .uses_function_memory = true});
    INFO(report);
    CHECK(report);
}

TEST_CASE("the application is the object when none is given", "[qt]") {
    application app;
    const eap::qt_loop loop;
    bool ran = false;
    std::thread{[&] { loop.context().post([&] { ran = true; }); }}.join();
    loop.context().post([&] { app.qt.quit(); });
    CHECK(app.qt.exec() == 0);
    CHECK(ran);
}

TEST_CASE("one event runs a burst", "[qt]") {
    const application app;
    const eap::qt_loop loop;
    int ran = 0;
    for (int i = 0; i < 100'000; ++i)
        loop.context().post([&] { ++ran; });
    QCoreApplication::sendPostedEvents();
    CHECK(ran == 100'000);
}

TEST_CASE("a seat is made on the thread of its object", "[qt]") {
    CHECK_THROWS_AS(eap::qt_loop{nullptr}, eap::invalid_operation);
    QObject object;
    bool refused = false;
    std::thread{[&] {
        try {
            const eap::qt_loop loop{&object};
        } catch (const eap::invalid_operation&) {
            refused = true;
        }
    }}.join();
    CHECK(refused);
    CHECK(object.children().empty());
}

TEST_CASE("events of higher priority go first", "[qt]") {
    const application app;
    QObject object;
    const eap::qt_loop usual{&object};
    const eap::qt_loop urgent{&object, Qt::HighEventPriority};
    std::string trace;
    usual.context().post([&] { trace += 'n'; });
    urgent.context().post([&] { trace += 'h'; });
    QCoreApplication::sendPostedEvents();
    CHECK(trace == "hn");
}

TEST_CASE("a loop nested in a function runs what is behind it", "[qt]") {
    application app;
    const eap::qt_loop loop;
    std::string trace;
    QEventLoop dialog;
    loop.context().post([&] {
        trace += '(';
        dialog.exec();
        trace += ')';
    });
    loop.context().post([&] { trace += 'b'; });
    loop.context().post([&] { dialog.quit(); });
    loop.context().post([&] { app.qt.quit(); });
    app.qt.exec();
    CHECK(trace == "(b)");
}

TEST_CASE("what is queued when the object is destroyed is destroyed, and its operation told", "[qt]") {
    const application app;
    auto object = std::make_unique<QObject>();
    const eap::qt_loop loop{object.get()};
    eap::operation_manager operations{loop.context()};
    std::optional<eap::undelivered_reason> reason;
    operations.on_undelivered([&](const eap::undelivered& what) { reason = what.reason; });
    auto operation = operations.create_operation<int>("queued", [](const auto&) {});
    operation.complete(1);
    object.reset();
    CHECK(reason == eap::undelivered_reason::context_gone);
    CHECK_THROWS_AS(loop.context().post([] {}), eap::context_closed);
    QCoreApplication::sendPostedEvents();
}

TEST_CASE("the end of the application ends every seat", "[qt]") {
    QObject outlives;
    std::optional<application> app{std::in_place};
    const eap::qt_loop loop{&outlives};
    const auto unrun = std::make_shared<int>();
    loop.context().post([unrun] {});
    app.reset();
    CHECK(unrun.use_count() == 1);
    CHECK_THROWS_AS(loop.context().post([] {}), eap::context_closed);
}

TEST_CASE("a function may end its seat, or destroy the object; those behind it are destroyed", "[qt]") {
    const application app;
    const auto unrun = std::make_shared<int>();
    QObject object;
    std::optional<eap::qt_loop> loop{std::in_place, &object};
    loop->context().post([&] { loop.reset(); });
    loop->context().post([unrun] { *unrun = 1; });
    QCoreApplication::sendPostedEvents();
    CHECK(unrun.use_count() == 1);
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    CHECK(object.children().empty());

    auto window = std::make_unique<QObject>();
    const eap::qt_loop bound{window.get()};
    bound.context().post([&] { window.reset(); });
    bound.context().post([unrun] { *unrun = 1; });
    QCoreApplication::sendPostedEvents();
    CHECK(unrun.use_count() == 1);
    CHECK(*unrun == 0);
    CHECK_THROWS_AS(bound.context().post([] {}), eap::context_closed);
}

TEST_CASE("seats that end on another thread while others post lose nothing but what they destroy", "[qt]") {
    const application app;
    QObject object;
    for (int round = 0; round < 50; ++round) {
        std::optional<eap::qt_loop> loop{std::in_place, &object};
        std::jthread other{[&, home = loop->context()] {
            std::jthread poster{[home] {
                try {
                    for (;;)
                        home.post([] {});
                } catch (const eap::context_closed&) { // as it should
                }
            }};
            loop.reset();
        }};
        QCoreApplication::sendPostedEvents();
    }
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    CHECK(object.children().empty());
}

TEST_CASE("a seat ends on one thread while its object is destroyed on its own", "[qt]") {
    const application app;
    for (int round = 0; round < 200; ++round) {
        auto object = std::make_unique<QObject>();
        std::optional<eap::qt_loop> loop{std::in_place, object.get()};
        loop->context().post([] {});
        std::jthread other{[&] { loop.reset(); }};
        object.reset();
    }
    SUCCEED("and nothing is left of either");
}

TEST_CASE("a seat moves with its object to another thread", "[qt]") {
    const application app;
    QThread thread;
    auto* const object = new QObject;
    const eap::qt_loop loop{object};
    CHECK(loop.context().running_in_this_thread());
    object->moveToThread(&thread);
    QObject::connect(&thread, &QThread::finished, object, &QObject::deleteLater);
    thread.start();
    bool ran_there = false;
    bool was_its_own = false;
    CHECK_FALSE(loop.context().running_in_this_thread());
    eap::send(loop.context(), [&] { // waits, and does not run it here
        ran_there = QThread::currentThread() == &thread;
        was_its_own = loop.context().running_in_this_thread();
    });
    thread.quit();
    thread.wait();
    CHECK(ran_there);
    CHECK(was_its_own);
    CHECK_THROWS_AS(loop.context().post([] {}), eap::context_closed); // the object went with the thread
}

TEST_CASE("an exception does not reach Qt, and the loop goes on", "[qt]") {
    application app;
    eap::qt_loop loop;
    std::vector<std::exception_ptr> told;
    loop.on_exception([&](std::exception_ptr error) { told.push_back(std::move(error)); });
    loop.context().post([] { throw std::runtime_error{"one"}; });
    loop.context().post([&] { app.qt.quit(); });
    app.qt.exec();
    REQUIRE(told.size() == 1);
    CHECK_THROWS_AS(std::rethrow_exception(told.front()), std::runtime_error);
}

TEST_CASE("a QPointer is a receiver, missed when its object is gone", "[qt]") {
    const application app;
    const eap::qt_loop loop;
    eap::operation_manager operations{loop.context()};
    std::vector<eap::undelivered_reason> reasons;
    operations.on_undelivered([&](const eap::undelivered& what) { reasons.push_back(what.reason); });
    auto there = std::make_unique<window>();
    auto* const object = there.get();
    const auto handler = [object](const auto&) { ++object->called; };
    operations.create_operation<>("first", eap::tracked(QPointer{object}, handler)).complete();
    QCoreApplication::sendPostedEvents();
    CHECK(object->called == 1);
    operations.create_operation<>("second", eap::tracked(QPointer{object}, handler)).complete();
    there.reset(); // before the callback
    QCoreApplication::sendPostedEvents();
    CHECK(reasons == std::vector{eap::undelivered_reason::receiver_gone});
}

TEST_CASE("work on the pool comes home to Qt's thread", "[qt]") {
    application app;
    const eap::qt_loop loop;
    eap::operation_manager operations{loop.context()};
    const auto here = std::this_thread::get_id();
    bool always_here = true;
    int reports = 0;
    int result = 0;
    eap::run_on(eap::thread_pool::shared(),
                operations.create_operation<int>(
                    "sum",
                    [&](const eap::completed_event_args<int>& e) {
                        always_here = always_here && std::this_thread::get_id() == here;
                        result = e.result();
                        app.qt.quit();
                    },
                    [&](const eap::progress_changed_event_args<>&) {
                        always_here = always_here && std::this_thread::get_id() == here;
                        ++reports;
                    }),
                [](auto& self) {
                    for (int i = 1; i <= 100; ++i)
                        self.report_progress(i);
                    return 5050;
                });
    app.qt.exec();
    CHECK(result == 5050);
    CHECK(reports == 100);
    CHECK(always_here);
}
