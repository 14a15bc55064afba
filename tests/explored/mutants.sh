#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# Plants faults, one at a time, in a copy of include/, and lets the scenarios find each.
#
#   CXX=g++ CXXFLAGS="-O1" sh tests/explored/mutants.sh [part of a line of mutants.txt]
#   ...                    sh tests/explored/mutants.sh --automatic [header]
#
# Without --automatic, the faults of mutants.txt: somebody thought of each, and all must be found. With it, those that mutate.awk
# makes of the headers, line by line, whatever they mean. One that no scenario finds is given to the header's own tests
# (with Catch2 in CATCH2, a prefix), and then it is listed: survivors.txt says of each that is known why it does no harm.
#
# Needs a compiler of C++20 and nothing else. Exit status: 0 when every fault was found, or is known; 1 when one was not; 2 when the
# list, the compiler or the unchanged headers fail.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
automatic=
if [ "${1:-}" = --automatic ]; then
    automatic=yes
    shift
fi
only=${1:-}
cxx=${CXX:-c++}
flags=${CXXFLAGS:--O1}
limit=${LIMIT:-${automatic:+20}} # seconds for one run
limit=${limit:-120}
catch2=${CATCH2:-$root/build/dependencies/catch2/usr}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM

refuse() {
    echo "mutants: $*" >&2
    exit 2
}

# compile <scenarios>: against the copy, never against the headers it was made of
compile() {
    # shellcheck disable=SC2086 # flags are several words
    "$cxx" -std=c++20 $flags -w -DEAP_EXPLORED_ALONE -I"$work/include" -I"$root/tests" \
        "$here/$1.test.cpp" -o "$work/run" >"$work/compiler" 2>&1
}

# run: the exit status of the scenarios; above 128 when they crash, or take too long. The limit is one of processor time: what
# does not end is a loop, as nothing here sleeps, and a machine that is busy fells no verdict.
run() {
    (
        # shellcheck disable=SC3045 # every shell has it
        ulimit -t "$limit"
        exec "$work/run"
    ) >"$work/output" 2>&1
}

# own_tests <header>: false when they find what is wrong with the copy
own_tests() {
    [ -d "$catch2" ] || return 0
    set -- "$root/tests/detail/$1.test.cpp" -L"$catch2/lib" -lCatch2WithMain
    [ ! -f "$catch2/lib/libCatch2.a" ] || set -- "$@" -lCatch2
    "$cxx" -std=c++20 -w -pthread -fsanitize=address -I"$work/include" -I"$root/tests" -I"$catch2/include" "$@" \
        -o "$work/run" >"$work/compiler" 2>&1 || return 0
    if command -v timeout >/dev/null; then # its threads may wait for ever
        timeout 60 "$work/run" >"$work/output" 2>&1
    else
        run
    fi
}

# is_known <header> <line number> <text> <replacement>: whether survivors.txt has the line, and the change
is_known() {
    source=$(sed -n "$2s/^ *//p" "$work/original/eap/detail/$1.hpp")
    grep -q -F -e "$1 @ $source @ $3 @ $4 @ " "$here/survivors.txt"
}

# plant <header> <after> <text> <replacement> <number>: changes one line of the copy, and leaves its number in the copy
plant() {
    AFTER=$2 TEXT=$3 NEW=$4 NUMBER=$5 awk '
        BEGIN { after = ENVIRON["AFTER"]; text = ENVIRON["TEXT"]; begun = after == "-" }
        !begun && (after ~ /^[0-9]+$/ ? NR == after : index($0, after)) { begun = 1 }
        begun && !done && (at = index($0, text)) {
            $0 = substr($0, 1, at - 1) ENVIRON["NEW"] substr($0, at + length(text))
            done = 1
        }
        { print }
        END { print "#define EAP_MUTANT " ENVIRON["NUMBER"]; exit !done }
    ' "$work/original/eap/detail/$1.hpp" >"$work/include/eap/detail/$1.hpp"
}

field() { # the number of a field, of $line; without the blanks around it
    printf '%s\n' "$line" | awk -F ' @ ' -v n="$1" '{ print $n }'
}

mkdir -p "$work/original" "$work/include" || exit 2
cp -R "$root/include/." "$work/original/" || exit 2 # once: somebody may be at work on them
cp -R "$work/original/." "$work/include/" || exit 2
if [ -n "$automatic" ]; then
    for each in "$here"/*.test.cpp; do
        each=$(basename "$each" .test.cpp)
        if [ -z "$only" ] || [ "$only" = "$each" ]; then
            awk -v header="$each" -f "$here/mutate.awk" "$work/original/eap/detail/$each.hpp" || exit 2
        fi
    done >"$work/list"
else
    grep -v -e '^#' -e '^$' "$here/mutants.txt" | grep -F -e "$only" >"$work/list"
fi
[ -s "$work/list" ] || refuse "there is no fault with '$only'"

# The control: without a fault nothing is found, or whatever is found below means nothing.
while IFS= read -r line; do
    if [ "$(field 2)" = - ]; then field 1; else field 2; fi
done <"$work/list" | sort -u >"$work/scenarios"
while IFS= read -r scenarios; do
    compile "$scenarios" || refuse "$scenarios does not compile: $(cat "$work/compiler")"
    run || refuse "$scenarios fails without a fault: $(cat "$work/output")"
    grep -q '^no mutant$' "$work/output" || refuse "the control is not without a fault"
    [ -z "$automatic" ] || own_tests "$scenarios" || refuse "the tests of $scenarios fail without a fault: $(cat "$work/output")"
done <"$work/scenarios"

total=0
killed=0
known=0
: >"$work/survivors"
while IFS= read -r line; do
    total=$((total + 1))
    header=$(field 1)
    scenarios=$(field 2)
    [ "$scenarios" != - ] || scenarios=$header
    name=$(field 6)
    [ -n "$name" ] || refuse "a line without six fields: $line"
    plant "$header" "$(field 3)" "$(field 4)" "$(field 5)" "$total" || refuse "nothing to change: $line"
    if ! compile "$scenarios"; then
        [ -n "$automatic" ] || refuse "does not compile: $line
$(cat "$work/compiler")"
        total=$((total - 1)) # no fault at all
        cp "$work/original/eap/detail/$header.hpp" "$work/include/eap/detail/$header.hpp" || exit 2
        continue
    fi
    how=survived
    for bound in 1 ''; do # most are found by one preemption
        if [ -n "$bound" ]; then
            EAP_EXPLORE_BOUND=$bound
            export EAP_EXPLORE_BOUND
        else
            unset EAP_EXPLORE_BOUND
        fi
        run
        status=$?
        grep -q "^mutant $total\$" "$work/output" || refuse "what was compiled is not the mutant: $line"
        if [ "$status" -ne 0 ]; then
            how=$(sed -n 's/^  explored \([0-9]* executions: .*\); schedule.*/found in \1/p' "$work/output" | tail -n 1)
            case $status in
            137 | 152) how="found by its not ending" ;; # SIGKILL, SIGXCPU
            esac
            [ -n "$how" ] || how="found by its end, status $status"
            break
        fi
    done
    unset EAP_EXPLORE_BOUND
    if [ "$how" = survived ] && [ -n "$automatic" ]; then
        if own_tests "$header"; then
            is_known "$header" "$(field 3)" "$(field 4)" "$(field 5)" && how=known
        else
            how="found by the header's own tests"
        fi
    fi
    if [ "$how" = known ]; then
        known=$((known + 1))
    elif [ "$how" = survived ]; then
        echo "$header: $name" >>"$work/survivors"
    else
        killed=$((killed + 1))
    fi
    echo "$header: $name: $how"
    cp "$work/original/eap/detail/$header.hpp" "$work/include/eap/detail/$header.hpp" || exit 2
done <"$work/list"

echo "killed $killed of $total${automatic:+, $known known to do no harm}"
if [ -s "$work/survivors" ]; then
    echo "survivors:"
    sed 's/^/  /' "$work/survivors"
    exit 1
fi
exit 0
