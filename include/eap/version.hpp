// SPDX-License-Identifier: BSL-1.0
//
// Layer 0 – which eap this is. The one place that says so: the build reads it from here.
#ifndef EAP_VERSION_HPP
#define EAP_VERSION_HPP

// NOLINTBEGIN(modernize-macro-to-enum): #if has to see them
#define EAP_VERSION_MAJOR 0
#define EAP_VERSION_MINOR 1
#define EAP_VERSION_PATCH 0
// NOLINTEND(modernize-macro-to-enum)

/// One number that orders releases, for `#if EAP_VERSION >= 100` (0.1.0); two digits each for minor and patch.
#define EAP_VERSION (EAP_VERSION_MAJOR * 10000 + EAP_VERSION_MINOR * 100 + EAP_VERSION_PATCH)

#endif
