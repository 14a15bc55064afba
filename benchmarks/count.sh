#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# count.sh PROGRAM: for each of its workloads, the instructions of one operation (callgrind, two counts, the difference)
# and its allocations. Both repeat exactly; neither is a time.
set -eu
program=$1

instructions() { # instructions WORKLOAD COUNT
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'
}
"$program" 2>&1 | grep -E "${2:-.}" | sed -n 's/^  //p' | while read -r workload; do
    few=$(instructions "$workload" 1000)
    many=$(instructions "$workload" 11000)
    echo "$("$program" "$workload" 10000 | sed 's/ (.*//'), $(((many - few) / 10000)) instructions"
done
