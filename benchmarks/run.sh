#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# run.sh COUNT MEASURE [INCLUDE-DIRECTORY;...]: counts, measures, and writes docs/benchmarks.md and its plots.
set -eu
count=$1 measure=$2
root=$(cd "$(dirname "$0")/.." && pwd)
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
echo "counting ..."
sh "$root/benchmarks/count.sh" "$count" >"$counts"
echo "what a header costs ..."
CXXFLAGS=$(echo "${3:-}" | tr ';' '\n' | grep -v '^/usr/include' | sed 's/^/-isystem /' | tr '\n' ' ') sh "$root/benchmarks/include_cost.sh" >>"$counts"
"$measure" --counts="$counts" --page="$root/docs/benchmarks.md" --images=images
echo "written: docs/benchmarks.md"
