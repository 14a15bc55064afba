#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
#
# sh cmake/run.sh demo    gets what is missing, builds, and runs the demo
# sh cmake/run.sh test    the same for the tests
#
# Missing tools are installed with apt-get. The two libraries, Boost and Catch2, are taken from the system when they
# are new enough; else they are unpacked below build/, so that nothing of yours is replaced.
set -eu
cd "$(dirname "$0")/.."
case ${1-} in demo | test) ;; *) echo "usage: sh cmake/run.sh demo|test" >&2 && exit 2 ;; esac
boost=build/dependencies/boost catch2=build/dependencies/catch2

exec 3>&2 # what is said is seen also where apt-get is silenced
say() { echo "run.sh: $*" >&3; }
give_up() { say "$@" && exit 1; }
here() { command -v "$1" >/dev/null; }

# has HEADER CONDITION: does the compiler that CMake will choose find the header, and is it new enough?
has() {
    printf '#if __has_include(<%s>)\n#include <%s>\n#endif\n#if !(%s)\n#error\n#endif\n' "$1" "$1" "$2" |
        ${CXX:-c++} -std=c++20 -isystem $boost/usr/include -isystem $catch2/usr/include -E -x c++ - >/dev/null 2>&1
}
has_catch2() {
    has catch2/catch_version_macros.hpp 'CATCH_VERSION_MAJOR >= 3' ||
        has catch2/catch.hpp 'CATCH_VERSION_MAJOR * 10000 + CATCH_VERSION_MINOR * 100 + CATCH_VERSION_PATCH >= 21305'
}
find_missing() { # find_missing demo|test: sets tools and libraries; fails when there is nothing to get
    tools='' libraries=''
    has version '__cpp_lib_jthread >= 201911L' || tools="$tools g++"
    cmake --version 2>/dev/null | grep -Eq ' (3\.(2[5-9]|[3-9][0-9])|[4-9])\.' || tools="$tools cmake"
    here ninja || here make || tools="$tools ninja-build"
    has boost/version.hpp 'BOOST_VERSION >= 108100' || libraries="$libraries boost"
    [ "$1" = demo ] || has_catch2 || libraries="$libraries catch2"
    [ -n "$tools$libraries" ]
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else here sudo && say "sudo $*" && sudo "$@"; fi; }
unpack() { # unpack PACKAGE DIRECTORY: whole or not at all
    rm -rf "$2" "$2.part" && mkdir -p "$2.part" && [ -n "$1" ] || return
    (cd "$2.part" && apt-get -qq -o APT::Sandbox::User=root download "$1" && dpkg -x ./*.deb . && rm ./*.deb) && mv "$2.part" "$2"
}
newest() { apt-cache search --names-only "^($1)\$" | sed 's/ .*//' | sort -V | tail -n 1; }
get_missing() {
    # shellcheck disable=SC2086 # a list of words
    [ -z "$tools" ] || as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends -y $tools || return
    case $libraries in *boost*) unpack "$(newest 'libboost1\.(8[1-9]|9[0-9]|1[0-9][0-9])-dev')" $boost || return ;; esac
    case $libraries in *catch2*) unpack "$(newest 'catch2|libcatch2-dev')" $catch2 || return ;; esac
}

if find_missing "$1"; then
    say "getting$tools$libraries"
    here apt-get || for line in 'sudo dnf install gcc-c++ cmake ninja-build boost-devel catch-devel' \
        'sudo pacman -S --needed gcc cmake ninja boost catch2' 'brew install cmake ninja boost catch2'; do
        manager=${line#sudo }
        ! here "${manager%% *}" || give_up "this line gets all of it; then run me again: $line"
    done
    here apt-get || give_up "install a C++20 compiler, CMake 3.25, Ninja, Boost 1.81 and Catch2, or newer; then run me again"

    # The package lists may be absent or stale: fetch them only when it does not work without.
    get_missing >/dev/null 2>&1 || {
        as_root apt-get -qq update -o APT::Update::Error-Mode=any && get_missing >/dev/null
    } || if [ "$(id -u)" = 0 ]; then
        give_up "the packages could not be downloaded: connect this machine to the network, then run me again"
    else
        give_up "with the network up, run this as root, then me again: apt-get update${tools:+ && apt-get install --no-install-recommends -y$tools}"
    fi
    ! find_missing "$1" || give_up "this system's packages are too old for:$tools$libraries. Install newer ones, then run me again"
fi

{ [ -n "${CMAKE_GENERATOR-}" ] || ! here ninja; } || export CMAKE_GENERATOR=Ninja
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}"
exec cmake --workflow --preset "$1"
