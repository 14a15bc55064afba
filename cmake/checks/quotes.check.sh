#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# quotes.check.sh ROOT: a C++ block in README.md or docs/ that follows the line
#
#     <!-- example: examples/hello.cpp#region -->
#
# equals, byte for byte, what stands between the two lines `//! [region]` of that file. README.md has no other C++ blocks.
set -eu
cd "$1"
[ -e README.md ] || { echo "there is no README.md" && exit 1; }
# shellcheck disable=SC2046 # document names have no blanks
LC_ALL=C awk '
    function wrong(text) { print FILENAME ":" start ": " text; failed = 1 }

    function region(file, name,    line, inside, seen, text, status) {
        while ((status = (getline line < file)) > 0) {
            if (line ~ /^[ \t]*\/\/! \[[^]]*\][ \t]*$/) {
                if (index(line, "//! [" name "]")) { inside = !inside; ++seen }
            } else if (inside) text = text line "\n"
        }
        close(file)
        if (status < 0) wrong(file " does not exist")
        else if (seen != 2) wrong(file " has not exactly two lines //! [" name "]")
        return text
    }

    FNR == 1 { in_block = 0; source = "" }
    in_block {
        if ($0 ~ /^```[ \t]*$/) {
            if (source != "" && block != expected) wrong("the block differs from " source)
            in_block = 0; source = ""
        } else block = block $0 "\n"
        next
    }
    /^```/ {
        start = FNR
        if (source != "" && $0 !~ /^```cpp[ \t]*$/) { wrong("the comment before it wants a cpp block"); source = "" }
        if (source == "" && FILENAME == "README.md" && /^```(cpp|c\+\+|C\+\+|cxx)/) wrong("a C++ block that no example stands for")
        in_block = 1; block = ""
        next
    }
    source != "" { start = FNR; wrong("no cpp block follows the comment about " source); source = "" }
    /^<!-- example:/ {
        start = FNR
        source = $3
        if (source !~ /^[^#]+#[^#]+$/) { wrong("not of the form <!-- example: file#region -->"); source = ""; next }
        split(source, part, "#")
        expected = region(part[1], part[2])
    }
    END { exit failed }
' README.md $([ ! -d docs ] || find docs -name '*.md' | sort)
