#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# run.sh [FOLDER]: builds and runs the consumer in each of the ways that the README promises; FOLDER is for its builds.
# Exit status 77: a tool that one of the ways needs is missing, and all others passed.
set -eu
consumer=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$consumer/../.." && pwd)
mkdir -p "${1:-$root/build/consumer}"
work=$(cd "${1:-$root/build/consumer}" && pwd)
boost=$root/build/dependencies/boost/usr # there when the system has none: see cmake/run.sh
compiler=${CXX:-c++}
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-2}"
if [ -z "${CMAKE_GENERATOR-}" ] && command -v ninja >/dev/null; then export CMAKE_GENERATOR=Ninja; fi
skipped=

quietly() { # the output matters only when it fails
    "$@" >"$work/log" 2>&1 || { cat "$work/log" && echo "failed: $*" && exit 1; }
}
begin() { # begin NAME: sets build, an empty folder
    echo "consumer: $1"
    build=$work/$(echo "$1" | tr -c 'A-Za-z0-9\n' _)
    rm -rf "$build"
}
verify() { # verify PROGRAM
    quietly "$1"
    grep -q -x 'the answer is 42' "$work/log" || { cat "$work/log" && echo "failed: the output of $1" && exit 1; }
}
with_cmake() { # with_cmake NAME OPTION...
    begin "$1" && shift
    quietly cmake -S "$consumer" -B "$build" "$@"
    quietly cmake --build "$build"
    verify "$build/consumer"
}
installs_nothing() { # nothing of eap is installed along with a consumer that did not ask for it
    quietly cmake --install "$build" --prefix "$build/prefix"
    [ ! -e "$build/prefix" ] || { echo "failed: installing the consumer installs eap" && exit 1; }
}

begin 'plain compiler'
mkdir -p "$build"
quietly "$compiler" -std=c++20 -I "$root/include" -isystem "$boost/include" "$consumer/main.cpp" "$consumer/other.cpp" -pthread -o "$build/consumer"
verify "$build/consumer"

with_cmake 'add_subdirectory' -DEAP_FROM=subdirectory -DEAP_SOURCE="$root" -DCMAKE_PREFIX_PATH="$boost"
installs_nothing

with_cmake 'add_subdirectory, Boost brought along' -DEAP_FROM='subdirectory, Boost brought along' -DEAP_SOURCE="$root" -DCMAKE_PREFIX_PATH="$boost"

# The commit, not the working tree. A checkout may belong to another user than the one who runs this.
begin 'FetchContent, disconnected'
quietly cmake -S "$consumer" -B "$build" -DEAP_FROM=git -DEAP_REPOSITORY=nowhere -DEAP_COMMIT=none -DCMAKE_PREFIX_PATH="$boost" \
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DFETCHCONTENT_SOURCE_DIR_EAP="$root"
quietly cmake --build "$build"
verify "$build/consumer"
installs_nothing

printf '[safe]\n\tdirectory = *\n' >"$work/gitconfig"
export GIT_CONFIG_GLOBAL="$work/gitconfig"
if commit=$(git -C "$root" rev-parse HEAD 2>/dev/null); then
    with_cmake 'FetchContent, from git' -DEAP_FROM=git -DEAP_REPOSITORY="file://$root" -DEAP_COMMIT="$commit" -DCMAKE_PREFIX_PATH="$boost"
    installs_nothing
else
    echo "consumer: FetchContent from git is skipped: this is no git checkout" && skipped=yes
fi

begin 'install'
quietly cmake -S "$root" -B "$build" -DEAP_BUILD_TESTS=OFF -DEAP_BUILD_EXAMPLES=OFF -DCMAKE_PREFIX_PATH="$boost"
quietly cmake --install "$build" --prefix "$build/prefix"
rm -rf "$work/moved" && mv "$build/prefix" "$work/moved"
with_cmake 'find_package, from a moved prefix' -DEAP_FROM=package -DCMAKE_PREFIX_PATH="$work/moved;$boost"

if command -v pkg-config >/dev/null; then
    begin 'pkg-config, from a moved prefix'
    mkdir -p "$build"
    flags=$(PKG_CONFIG_PATH=$work/moved/share/pkgconfig pkg-config --cflags --libs eap)
    # shellcheck disable=SC2086 # a list of words
    quietly "$compiler" -std=c++20 "$consumer/main.cpp" "$consumer/other.cpp" -isystem "$boost/include" $flags -o "$build/consumer"
    verify "$build/consumer"
else
    echo "consumer: pkg-config is skipped: it is not installed" && skipped=yes
fi

[ -z "$skipped" ] || exit 77
echo "consumer: all ways work"
