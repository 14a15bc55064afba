#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# openings.check.sh ROOT: every source and script opens with its licence, and the guard of a header is its path.
set -eu
cd "$1"

find_in() { # find_in FOLDER...: of the folders that exist, all that is source or script
    for folder; do [ ! -d "$folder" ] || find "$folder" -type f; done |
        grep -E '\.(hpp|cpp|cmake|in|sh|yml)$|/CMakeLists\.txt$|^\.ci/' | sort
}

# shellcheck disable=SC2046 # file names have no blanks
awk '
    function wrong(text) { print FILENAME " " text; failed = 1 }

    FNR == 1 { script = /^#!/; guarded = FILENAME !~ /^include\// }
    FNR == 1 + script && !/SPDX-License-Identifier: BSL-1.0/ { wrong("does not open with its licence") }
    !guarded && /^#/ {
        guarded = 1
        guard = toupper(FILENAME)
        sub(/^INCLUDE\//, "", guard)
        gsub(/[^A-Z0-9]/, "_", guard)
        if ($0 != "#ifndef " guard) wrong("is not guarded by " guard)
    }
    END { exit failed }
' CMakeLists.txt $(find_in include tests examples benchmarks cmake .ci .github)
