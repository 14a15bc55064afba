#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# sh tests/coverage.sh DIRECTORY [TEST-ARGUMENT...]
#
# Which lines and branches of include/ the tests reach. Builds the tests in DIRECTORY (which it keeps, so that the next
# time is quicker) with clang's source-based coverage, runs them, and prints a table: lines and branches of each header, and of
# the core, which is all but testing/ and the contexts of toolkits; and the lines of the core that no test has reached in any
# instantiation, but for those that unreached.txt explains. Then DIRECTORY/coverage/html/index.html shows each line. A
# branch is a condition in the source that was true, or false; of a template, the instantiation that was tried most counts.
# The arguments after DIRECTORY go to the tests, for example "[event]"; without any, all of them run.
#
# Wants clang, and llvm-profdata and llvm-cov of the same version (Debian: clang-19 llvm-19 libclang-rt-19-dev); the first time takes
# some minutes. VERSION, NICE and JOBS may be set. The exit status is that of the tests.
set -eu
[ $# != 0 ] || { echo "usage: sh tests/coverage.sh DIRECTORY [TEST-ARGUMENT...]" >&2 && exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
shift
version=${VERSION:-19}
for each in clang++ llvm-profdata llvm-cov; do
    command -v "$each-$version" >/dev/null || { echo "coverage.sh: there is no $each-$version; set VERSION" >&2 && exit 77; }
done

cmake -S "$root" -B "$build" -DCMAKE_CXX_COMPILER="clang++-$version" -DCMAKE_BUILD_TYPE=None -DEAP_BUILD_EXAMPLES=OFF \
    -DEAP_TEST_COMPILE_FAIL=OFF -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping" \
    -DCMAKE_PREFIX_PATH="$root/build/dependencies/boost/usr;$root/build/dependencies/catch2/usr" >/dev/null
nice -n "${NICE:-10}" cmake --build "$build" --target eap_tests --parallel "${JOBS:-2}"

rm -rf "$build/coverage"
mkdir "$build/coverage"
verdict=0
# The explored words repeat the same few lines millions of times: some of these repetitions will do here.
EAP_EXPLORE_BOUND=${EAP_EXPLORE_BOUND:-1} LLVM_PROFILE_FILE=$build/coverage/%p.profraw nice -n "${NICE:-10}" \
    "$build/tests/eap_tests" "$@" || verdict=$?

"llvm-profdata-$version" merge -o "$build/coverage/all.profdata" "$build"/coverage/*.profraw
seen() { # seen WHAT [OPTION...] FILE...
    what=$1
    shift
    "llvm-cov-$version" "$what" "$build/tests/eap_tests" -instr-profile="$build/coverage/all.profdata" "$@"
}
report() { seen report -show-region-summary=0 -show-branch-summary "$@"; }
core=$(find "$root/include/eap" -name '*.hpp' ! -path '*/testing/*' ! -name 'qt_*' ! -name 'glib_*' ! -name 'uv_*' ! -name 'win32_*')
# shellcheck disable=SC2086 # many names
echo "the core:" && report $core
echo "testing/:" && report "$root/include/eap/testing"
# shellcheck disable=SC2086
seen export -format=lcov $core | awk -v headers="$root/include/eap/" '
    FILENAME != "-" { # unreached.txt
        if (/^#/ || !NF) next
        split($0, part, " @ ")
        found = 0
        for (number = 1; (getline line < (headers part[1])) > 0; ++number)
            if (index(line, part[2]) && (found = 1))
                for (i = 0; i < part[3]; ++i) explained[part[1] ":" number + i] = 1
        close(headers part[1])
        if (!found) print "unreached.txt: there is no such line any more: " $0
        next
    }
    /^SF:/ { header = substr($0, 4 + length(headers)) }
    /^DA:/ {
        split(substr($0, 4), count, ",")
        at = header ":" count[1]
        if (!(at in most)) { most[at] = 0; all[++lines] = at }
        if (count[2] > most[at]) most[at] = count[2]
    }
    END {
        for (i = 1; i <= lines; ++i) {
            at = all[i]
            if (most[at] > 0) ++reached
            else if (at in explained) ++known
            else print at ": not reached"
        }
        printf "lines of the core: %d, reached %d, explained %d\n", lines, reached, known
    }' "$root/tests/unreached.txt" -
seen show -format=html -output-dir="$build/coverage/html" -show-branches=count "$root/include/eap" >/dev/null
echo "each line: $build/coverage/html/index.html; the tests: exit status $verdict"
exit $verdict
