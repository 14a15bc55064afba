#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# win32.sh BUILD_DIR INCLUDE_DIRS: compiles the test of win32_context.hpp with MinGW, for Windows, and runs it under Wine, without
# a display. INCLUDE_DIRS, separated by semicolons, are where Boost and Catch2 may be. Exit status 77: something is missing.
set -eu
build=$1 places="$2;/usr/include"
root=$(cd "$(dirname "$0")/../.." && pwd)

skip() { echo "skipped: $*" && exit 77; }
first_of() { for program; do command -v "$program" && return; done; }

compiler=$(first_of x86_64-w64-mingw32-g++-posix x86_64-w64-mingw32-g++) || skip "MinGW is not installed"
wine=$(first_of wine64 wine /usr/lib/wine/wine64) || skip "Wine is not installed"

# Only these two from where they are: next to them may be the headers of another system.
rm -rf "$build/include" && mkdir -p "$build/include"
IFS=';'
for place in $places; do
    for library in boost catch2; do
        [ -e "$build/include/$library" ] || [ ! -d "$place/$library" ] || ln -s "$place/$library" "$build/include/$library"
    done
done
unset IFS
[ -e "$build/include/catch2/catch.hpp" ] || skip "this takes the single header of Catch2 2"
[ -e "$build/include/boost/version.hpp" ] || skip "the headers of Boost were not found"

printf '#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n' >"$build/main.cpp"
"$compiler" -std=c++20 -static -pthread -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
    -I"$root/include" -I"$root/tests" -isystem "$build/include" \
    "$root/tests/contexts/win32_context.test.cpp" "$build/main.cpp" -o "$build/eap_tests_win32.exe"
WINEPREFIX=$build/wine WINEDEBUG=-all "$wine" "$build/eap_tests_win32.exe" --durations yes
