#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# sh tests/coverage.sh DIRECTORY [TEST-ARGUMENT...]
#
# Which lines and branches of include/ the tests reach. Builds the tests in DIRECTORY (which it keeps, so that the next
# time is quicker) with g++ and --coverage, runs them, and prints a table: lines and branches of each header. Then
# DIRECTORY/coverage/index.html shows each line. Branches that only an exception takes are not counted: every call has one.
# The arguments after DIRECTORY go to the tests, for example "[event]"; without any, all of them run.
#
# Wants g++, its gcov, and gcovr 5 or newer (apt-get install gcovr); the first time takes some minutes. NICE, JOBS and CXX
# may be set. The exit status is that of the tests.
set -eu
[ $# != 0 ] || { echo "usage: sh tests/coverage.sh DIRECTORY [TEST-ARGUMENT...]" >&2 && exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
shift
command -v gcovr >/dev/null || { echo "coverage.sh: there is no gcovr: apt-get install gcovr, or pip install gcovr" >&2 && exit 77; }

compiler=${CXX:-g++}
case $("$compiler" -dumpfullversion 2>/dev/null || true) in
*.*) gcov=$("$compiler" -print-prog-name=gcov) ;;
*) echo "coverage.sh: $compiler is not g++; set CXX" >&2 && exit 77 ;;
esac

# Lines that a header only has for constant evaluation or for other platforms are not compiled, so they are not counted.
cmake -S "$root" -B "$build" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None -DEAP_BUILD_EXAMPLES=OFF \
    -DCMAKE_CXX_FLAGS="-g1 -O0 --coverage -fprofile-update=atomic" \
    -DCMAKE_PREFIX_PATH="$root/build/dependencies/boost/usr;$root/build/dependencies/catch2/usr" >/dev/null
nice -n "${NICE:-10}" cmake --build "$build" --target eap_tests --parallel "${JOBS:-1}"

find "$build" -name '*.gcda' -exec rm -f {} +
verdict=0
# The explored words repeat the same few lines millions of times: some of these repetitions will do here.
EAP_EXPLORE_BOUND=${EAP_EXPLORE_BOUND:-1} nice -n "${NICE:-10}" "$build/tests/eap_tests" "$@" || verdict=$?

mkdir -p "$build/coverage"
cd "$build"
gcovr --root "$root" --filter "$root/include/" --gcov-executable "$gcov" --exclude-throw-branches \
    --exclude-unreachable-branches --json coverage/counts.json "$build"
report() { gcovr --root "$root" --add-tracefile coverage/counts.json "$@"; }
report
report --branches
report --html-details coverage/index.html
echo "each line: $build/coverage/index.html; the tests: exit status $verdict"
exit $verdict
