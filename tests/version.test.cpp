// SPDX-License-Identifier: BSL-1.0
#include <eap/version.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

TEST_CASE("the version is usable in the preprocessor, and orders releases", "[version]") {
#if EAP_VERSION >= 100 && EAP_VERSION < 1000000
    const bool ordered = true;
#else
    const bool ordered = false;
#endif
    CHECK(ordered);
}

TEST_CASE("the build has read its version from the header", "[version]") {
    CHECK(EAP_BUILD_VERSION == EAP_VERSION);
}
