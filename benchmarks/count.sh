#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# count.sh PROGRAM [PATTERN]: a line for each of its workloads that matches: name, allocations for each, and instructions for each of
# all threads (valgrind; of two counts the difference; a dash without valgrind). Neither is a time.
set -eu
program=$1 few=1000 many=6000
instructions() { # instructions WORKLOAD COUNT
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'
}
"$program" | grep -E "${2:-.}" | while read -r workload; do
    each=-
    if command -v valgrind >/dev/null; then
        each=$((($(instructions "$workload" $many) - $(instructions "$workload" $few)) / (many - few)))
    fi
    echo "$("$program" "$workload" 10000) $each"
done
