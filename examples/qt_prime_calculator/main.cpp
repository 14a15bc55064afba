// SPDX-License-Identifier: BSL-1.0
//
// Microsoft's form "Prime Number Calculator" as a Qt window, with the component of the console program.
#include "window.hpp"

#include <eap/contexts/qt_context.hpp>
#include <eap/scoped_context.hpp>

#include <QApplication>

int main(int argc, char** argv) {
    const QApplication application{argc, argv};
    const eap::qt_loop home;                        // of the application
    const eap::scoped_context here{home.context()}; // whatever this thread starts comes home to it
    primes::window window;
    window.show();
    return QApplication::exec();
}
