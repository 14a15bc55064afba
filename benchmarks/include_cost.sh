#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# include_cost.sh: a row of a table for each public header: what a file costs that includes nothing else. CXX and CXXFLAGS may be set,
# for example to "-isystem build/dependencies/boost/usr/include".
set -eu
cd "$(dirname "$0")/.."
file=$(mktemp --suffix=.cpp)
trap 'rm -f "$file"' EXIT
now() { date +%s%N; }
for header in $(sed -n 's/^#include "\(eap\/[^"]*\)".*/\1/p' include/eap/eap.hpp) eap/eap.hpp; do
    echo "#include <$header>" >"$file"
    # shellcheck disable=SC2086 # words
    set -- ${CXX:-g++} -std=c++20 -O0 -Iinclude ${CXXFLAGS:-} "$file"
    lines=$("$@" -E | wc -l)
    times=''
    for _ in 1 2 3; do
        begun=$(now)
        "$@" -c -o /dev/null
        times="$times $((($(now) - begun) / 10000000))"
    done
    # shellcheck disable=SC2086
    median=$(printf '%s\n' $times | sort -n | sed -n 2p)
    # shellcheck disable=SC2016 # Markdown's quotes
    printf '| `%s` | %d.%02d | %d |\n' "$header" $((median / 100)) $((median % 100)) "$lines"
done
