// SPDX-License-Identifier: BSL-1.0
//
// The second file that includes all of eap: what is not inline there would be defined twice, and not link.
#include <eap/eap.hpp>

int answer_computed_by_the_other_file();

int answer_computed_by_the_other_file() { return 42; }
