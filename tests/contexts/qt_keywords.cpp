// SPDX-License-Identifier: BSL-1.0
//
// Qt's own headers first, with slots, signals, emit, foreach and forever as macros: every header compiles after them.
#include <QtCore/qobject.h>

#include <eap/contexts/qt_context.hpp>
#include <eap/eap.hpp>
#include <eap/testing/context_conformance.hpp>
#include <eap/testing/exploration.hpp>

#if !defined(slots) || !defined(forever)
#error "these are what this file is about"
#endif
