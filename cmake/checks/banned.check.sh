#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# banned.check.sh ROOT: what no header of the library may contain.
# - Fences: thread sanitizer and model checkers do not follow them.
# - Sleeping: nothing here waits by guessing how long something takes.
# - std's primitives in a header that is a template over a synchronisation policy: a checker that brings its own
#   policy would not see them.
set -eu
cd "$1"

# shellcheck disable=SC2046 # file names have no blanks
awk '
    function wrong(text) { print FILENAME ":" FNR ": " text; failed = 1 }

    { sub(/\/\/.*/, "") }
    /(class|typename) Sync([^A-Za-z0-9_]|$)/ { over_sync[FILENAME] = 1 }
    /atomic_thread_fence/ { wrong("no fences") }
    /sleep_(for|until)[ \t]*\(/ { wrong("no sleeping") }
    /std::(atomic|mutex|timed_mutex|recursive_mutex|shared_mutex|condition_variable|counting_semaphore|binary_semaphore|latch|barrier)/ {
        file[++count] = FILENAME
        line[count] = FNR
    }
    END {
        for (i = 1; i <= count; ++i) {
            FILENAME = file[i]
            FNR = line[i]
            if (FILENAME in over_sync) wrong("a template over Sync takes its primitives from there")
        }
        exit failed
    }
' $(find include -name '*.hpp' | sort)
