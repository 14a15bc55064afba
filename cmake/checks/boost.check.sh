#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# boost.check.sh ROOT: Boost is included only here (files, or folders with /*), so that the rest stands without it.
set -eu
may_include_boost='contexts/asio_context.hpp adaptors/*'

cd "$1/include/eap"
verdict=0
for header in $(find . -name '*.hpp' | sed 's|^\./||' | sort); do
    grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]boost/' "$header" >/dev/null || continue
    allowed=no
    set -f # the patterns are for `case`, not for file names
    for pattern in $may_include_boost; do
        # shellcheck disable=SC2254 # a pattern is what it is
        case $header in $pattern) allowed=yes ;; esac
    done
    set +f
    [ $allowed = yes ] || { echo "include/eap/$header includes Boost; only these may: $may_include_boost" && verdict=1; }
done
exit $verdict
