#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# layers.check.sh ROOT: eap.hpp lists every public header once, bottom to top, with a clause; a header includes only what
# stands above it there, or detail/; detail/ includes only the standard library and detail/.
# A header whose opening comment says "not in eap.hpp" (it needs a toolkit, or is for tests) is the one kind that is not
# listed; it may include others of its folder that say so.
set -eu
cd "$1"
all=include/eap/eap.hpp
[ -e "$all" ] || all=include/eap.hpp
[ -e "$all" ] || { echo "there is no include/eap/eap.hpp" && exit 1; }

# eap.hpp first: awk reads the files in this order.
# shellcheck disable=SC2046 # header names have no blanks
LC_ALL=C awk '
    function wrong(text) { print FILENAME ":" FNR ": " text; failed = 1 }
    function folder(path) { sub(/[^\/]*$/, "", path); return path }

    FNR == 1 {
        name = FILENAME
        sub(/^include\//, "", name)
        is_all = (files_read++ == 0)
        is_detail = name ~ /^eap\/detail\//
        unlisted = 0; opening = 1
        if (!is_all) exists[name] = 1
        if (is_detail && name in place) wrong("eap.hpp lists it, and it is a detail")
    }
    opening && !/^\/\// {
        opening = 0
        if (!is_all && !is_detail && !unlisted && !(name in place)) wrong("eap.hpp does not list it, and it does not say \"not in eap.hpp\"")
        if (unlisted && name in place) wrong("it says \"not in eap.hpp\", and is listed there")
    }
    opening && /not in eap\.hpp/ { unlisted = 1; says_unlisted[name] = 1 }
    FNR == 3 && !is_all && !is_detail {
        if ($0 !~ /^\/\/ Layer [0-9] \342\200\223 ./) wrong("its third line is not: // Layer N \342\200\223 what it decides")
        else layer_of[name] = $3 + 0
    }

    /^[ \t]*#[ \t]*include/ {
        target = $0
        sub(/^[^<"]*[<"]/, "", target)
        sub(/[>"].*$/, "", target)
        ours = target ~ /^eap\//
        quoted = $0 ~ /^[^<]*"/
        if (quoted && !ours) wrong("a header of the project is included by its whole name, \"eap/\342\200\246\"")

        if (is_all) {
            if (!ours) { wrong("eap.hpp includes headers of eap only"); next }
            if ($0 !~ /[>"] +\/\/ [^ ]/) wrong(target " has no clause, // what it is")
            if (target in place) wrong(target " is listed twice")
            place[target] = ++count
            line_of[count] = FNR
            name_at[count] = target
        } else if (is_detail) {
            if (ours && target !~ /^eap\/detail\//) wrong("a detail includes " target)
            if (!ours && target !~ /^[a-z_0-9]+$/) wrong("a detail includes <" target ">, which is not of the standard library")
        } else if (ours && target !~ /^eap\/detail\//) {
            if (!(target in place) && unlisted && folder(target) == folder(name)) unlisted_too[target] = FILENAME ":" FNR
            else if (!(target in place)) wrong("it includes " target ", which eap.hpp does not list")
            else if (name in place && place[target] >= place[name]) wrong("it includes " target ", which stands not above it in eap.hpp")
        }
    }

    END {
        FILENAME = "eap.hpp"
        for (i = 1; i <= count; ++i) {
            FNR = line_of[i]
            if (!(name_at[i] in exists)) wrong(name_at[i] " does not exist")
            if (i > 1 && layer_of[name_at[i]] < layer_of[name_at[i - 1]]) wrong(name_at[i] " is of a lower layer than the header before it")
        }
        for (target in unlisted_too)
            if (!(target in says_unlisted)) { print unlisted_too[target] ": it includes " target ", which does not exist"; failed = 1 }
        exit failed
    }
' "$all" $(find include -name '*.hpp' ! -path "$all" | sort)
