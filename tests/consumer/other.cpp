// SPDX-License-Identifier: BSL-1.0
//
// The second file: whatever in the headers is not inline is defined twice, and does not link.
#include <eap/version.hpp>

int version_seen_by_the_other_file();

int version_seen_by_the_other_file() { return EAP_VERSION; }
