#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# openings.check.sh ROOT: every source and script opens with its licence, and the guard of a header is its path.
set -eu
cd "$1"
verdict=0
wrong() { echo "$*" && verdict=1; }

find_in() { # find_in FOLDER...: of the folders that exist, all that is source or script
    for folder; do [ ! -d "$folder" ] || find "$folder" -type f; done |
        grep -E '\.(hpp|cpp|cmake|in|sh|yml)$|/CMakeLists\.txt$|^\.ci/' | sort
}
for file in CMakeLists.txt $(find_in include tests examples benchmarks cmake .ci .github); do
    sed -n '1{p;/^#!/!q};2{p;q}' "$file" | grep -qF 'SPDX-License-Identifier: BSL-1.0' || wrong "$file does not open with its licence"
done
for header in $(find include -name '*.hpp' | sort); do
    guard=$(echo "${header#include/}" | tr 'a-z/.' 'A-Z__')
    grep -m 1 '^#' "$header" | grep -qx "#ifndef $guard" || wrong "$header is not guarded by $guard"
done
exit $verdict
