#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# limits.sh COUNT: whether each workload of limits.txt stays below its limits; instructions where there is valgrind, on x86-64.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(uname -m)" = x86_64 ] && command -v valgrind >/dev/null || echo "instructions are not counted: that needs valgrind, on x86-64"
verdict=0
while read -r workload allocations instructions; do
    case $workload in '' | '#'*) continue ;; esac
    counted=$(sh "$here/count.sh" "$1" "^$workload\$" </dev/null)
    [ "$(uname -m)" = x86_64 ] || counted="${counted% *} -"
    echo "$counted" | awk -v allocations="$allocations" -v instructions="$instructions" '
        { verdict = $2 <= allocations && ($3 == "-" || $3 <= instructions) ? "" : "   MORE THAN " allocations " AND " instructions }
        { print $0 verdict }
        END { exit NR != 1 || verdict != "" }' || verdict=1
done <"$here/limits.txt"
exit $verdict
