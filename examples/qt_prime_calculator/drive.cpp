// SPDX-License-Identifier: BSL-1.0
//
// Drives the window as a user would, without a display, and checks what it shows: the exit status is the verdict.
// An argument names a file for a picture of the window.
#include "../prime_calculator/primality.hpp"
#include "task_list.hpp"
#include "window.hpp"

#include <eap/contexts/qt_context.hpp>
#include <eap/scoped_context.hpp>

#include <QApplication>
#include <QDeadlineTimer>
#include <QElapsedTimer>

#include <cstddef>
#include <iostream>
#include <memory>
#include <string>

namespace {

bool all_is_well = true;
void check(bool holds, const char* what) {
    if (holds)
        return;
    all_is_well = false;
    std::cerr << "qt_prime_calculator: not so: " << what << '\n';
}

/// Lets the window work until `is_so()`; a minute at most.
template <class Condition> void wait_until(Condition is_so, const char* what) {
    const QDeadlineTimer minute{60'000};
    while (!is_so() && !minute.hasExpired())
        QApplication::processEvents(QEventLoop::WaitForMoreEvents | QEventLoop::AllEvents, 100);
    check(is_so(), what);
}

QTreeWidgetItem& row(const primes::window& of, int number) { return *of.list->topLevelItem(number); }
std::string text(const primes::window& of, int number, primes::task_list::column which) {
    return row(of, number).text(which).toStdString();
}

constexpr primes::number held_at = 99'991;

void start_and_finish(primes::window& window) {
    for (const primes::number each : {7919, 7920, 196'249, 49, -7})
        window.start(each);
    check(text(window, 0, primes::task_list::progress) == "Not Started", "a row begins as Not Started");
    wait_until([&] { return window.list->running() == 0; }, "all tasks end");
    using list = primes::task_list;
    check(text(window, 0, list::result) == "Prime" && text(window, 0, list::divisor) == "1", "7919 is prime");
    check(text(window, 1, list::result) == "Composite" && text(window, 1, list::divisor) == "2",
          "7920 is even");
    check(text(window, 2, list::divisor) == "443", "196249 is the square of 443");
    check(text(window, 3, list::divisor) == "7", "49 is the square of 7");
    check(text(window, 4, list::result) == "Not prime", "-7 is not prime");
    check(text(window, 0, list::current) == "7907", "the last report comes before the result");
    check(row(window, 0).background(0).color() == QColor{"lightgray"}, "a result is light grey");
}

void select_and_cancel(primes::window& window) {
    const int first = window.list->topLevelItemCount();
    for (int i = 0; i != 3; ++i)
        window.start(199'999, held_at);
    const auto reached = [&](int which) {
        return text(window, which, primes::task_list::current) == std::to_string(held_at);
    };
    wait_until([&] { return reached(first) && reached(first + 1); }, "two tasks get to where they hold");
    check(!window.cancel_button->isEnabled(), "nothing is selected, so there is nothing to cancel");
    row(window, first).setSelected(true);
    row(window, first + 1).setSelected(true);
    check(window.cancel_button->isEnabled(), "what runs and is selected can be cancelled");
    window.cancel_button->click();
    check(!window.cancel_button->isEnabled(), "cancelling clears the selection");
    wait_until([&] { return window.list->running() == 1; }, "those that were selected end, and no other");
    check(text(window, first, primes::task_list::result) == "Canceled", "and are shown as canceled");
    check(row(window, first).background(0).color() == QColor{"pink"}, "in pink");
    row(window, first).setSelected(true);
    check(!window.cancel_button->isEnabled(), "what has ended cannot be cancelled");
    window.list->clearSelection();
    wait_until([&] { return reached(first + 2); }, "the third gets its turn");
}

/// A flood of reports does not stall the window: what it does in between comes soon, whatever fifty tasks report.
void flood(primes::window& window) {
    const std::size_t before = window.list->running();
    for (int i = 0; i != 50; ++i)
        window.start_button->click();
    check(window.list->running() == before + 50, "fifty are on their way");
    wait_until([&] { return window.list->running() == before; }, "all of them end");
}

} // namespace

int main(int argc, char** argv) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    const QApplication application{argc, argv};
    const eap::qt_loop home;
    const eap::scoped_context here{home.context()};
    auto window = std::make_unique<primes::window>();
    window->show();
    start_and_finish(*window);
    select_and_cancel(*window);
    if (argc > 1)
        check(window->grab().save(argv[1]), "the picture can be written");
    flood(*window);
    window->start(199'999);
    window.reset(); // while tasks run: one holds, one is at work
    QApplication::processEvents();
    return all_is_well ? 0 : 1;
}
