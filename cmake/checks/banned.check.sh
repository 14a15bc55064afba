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
verdict=0

without_comments() { sed 's|//.*||' "$1"; }
has() { # has FILE REGEX: says where
    found=$(without_comments "$1" | grep -nE "$2") && echo "$found" | sed "s|^|$1:|"
}

for header in $(find include -name '*.hpp' | sort); do
    has "$header" 'atomic_thread_fence' && echo "  no fences" && verdict=1
    has "$header" 'sleep_(for|until)[[:space:]]*\(' && echo "  no sleeping" && verdict=1
    if without_comments "$header" | grep -qE '(class|typename) Sync([^[:alnum:]_]|$)'; then
        has "$header" 'std::(atomic|mutex|timed_mutex|recursive_mutex|shared_mutex|condition_variable|counting_semaphore|binary_semaphore|latch|barrier)' &&
            echo "  it is a template over Sync: take the primitive from there" && verdict=1
    fi
done
exit $verdict
