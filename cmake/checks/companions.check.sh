#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# companions.check.sh ROOT: each public header <path>.hpp has tests/<path>.test.cpp, which includes it first, and a section
# in docs/reference.md, a heading that names eap/<path>.hpp.
set -eu
cd "$1"
verdict=0
wrong() { echo "$*" && verdict=1; }

for header in $(find include/eap -name '*.hpp' ! -path 'include/eap/detail/*' ! -path include/eap/eap.hpp | sort); do
    name=${header#include/} test=tests/${header#include/eap/}
    test=${test%.hpp}.test.cpp
    if [ ! -e "$test" ]; then
        wrong "$header has no $test"
    elif ! grep -m 1 '^#include' "$test" | grep -qF "$name"; then
        wrong "$test does not include <$name> first"
    fi
    grep '^#' docs/reference.md 2>/dev/null | grep -qF "$name" || wrong "$header has no section in docs/reference.md, a heading with $name"
done
exit $verdict
