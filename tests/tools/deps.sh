#!/usr/bin/env bash
# Finds what is missing to build roux, and installs it on Debian and its kin.
#   deps.sh check GROUP...    says what is missing and under which names; exit 1 if something is
#   deps.sh install GROUP...  installs it (as root, or through sudo); does nothing when all is there
# Groups: build, bench, fuzz, lint, bare, cache, docs, reference, install, mutants, coverage, gdb.
# CXX is the compiler, FIND_FLAGS the -I flags to look for headers with.
set -euo pipefail

compiler=$(basename "${CXX:-g++}")
compiler=${compiler%% *}
case $compiler in clang*) compiler_package=clang ;; *) compiler_package=$compiler ;; esac

# group, name, how it is recognised, and its packages in Debian, Fedora, Arch and Homebrew.
table="
build   compiler         command:$compiler            $compiler_package  gcc-c++             gcc            gcc
build   pkg-config       command:pkg-config           pkg-config         pkgconf-pkg-config  pkgconf        pkgconf
build   OpenBLAS         header:cblas.h               libopenblas-dev    openblas-devel      openblas       openblas
build   utf8proc         header:utf8proc.h            libutf8proc-dev    utf8proc-devel      libutf8proc    utf8proc
build   zlib             header:zlib.h                zlib1g-dev         zlib-devel          zlib           zlib
build   nlohmann/json    header:nlohmann/json.hpp     nlohmann-json3-dev json-devel          nlohmann-json  nlohmann-json
build   CLI11            header:CLI/CLI.hpp           libcli11-dev       cli11-devel         cli11          cli11
build   doctest          header:doctest/doctest.h     doctest-dev        doctest-devel       doctest        doctest
bench   Google-Benchmark header:benchmark/benchmark.h libbenchmark-dev google-benchmark-devel benchmark   google-benchmark
fuzz    clang            command:clang++              clang              clang               clang          llvm
fuzz    libFuzzer        fuzzer:clang++               libclang-rt-dev    compiler-rt         compiler-rt    llvm
lint    clang-format     command:clang-format         clang-format       clang-tools-extra   clang          clang-format
bare    debootstrap      command:debootstrap          debootstrap        debootstrap         debootstrap    none
cache   ccache           command:ccache               ccache             ccache              ccache         ccache
docs    Python           command:python3              python3            python3             python         python
reference Doxygen      command:doxygen              doxygen            doxygen             doxygen        doxygen
install CMake            command:cmake                cmake              cmake               cmake          cmake
mutants Python           command:python3              python3            python3             python         python
coverage gcovr           command:gcovr                gcovr              gcovr               gcovr          gcovr
gdb     gdb              command:gdb                  gdb                gdb                 gdb            gdb
"

# Which of the headers given as arguments the compiler finds, one a line: one run of the preprocessor for all.
headers_found() {
  local header
  for header in "$@"; do printf '#if __has_include(<%s>)\nfound "%s"\n#endif\n' "$header" "$header"; done |
    ${CXX:-g++} -std=c++20 ${FIND_FLAGS:-} -E -x c++ - 2>/dev/null | sed -n 's/^found "\(.*\)"$/\1/p'
}

has_fuzzer() {
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    "$1" -fsanitize=fuzzer,address -x c++ - -o /dev/null 2>/dev/null
}

# The rows of the table that belong to the given groups and are not there.
missing_rows() {
  local rows headers has_compiler=yes group name sign package others
  command -v "$compiler" >/dev/null || has_compiler=no  # Then the headers cannot be looked for.
  rows=$(awk -v groups=" $* " 'NF && index(groups, " " $1 " ")' <<<"$table")
  headers=$(headers_found $(sed -n 's/.* header:\([^ ]*\) .*/\1/p' <<<"$rows")) || true
  while read -r group name sign package others; do
    case $sign in
      command:*) command -v "${sign#*:}" >/dev/null ;;
      fuzzer:*) has_fuzzer "${sign#*:}" ;;
      header:*) grep -qxF "${sign#*:}" <<<"$headers" || { [ $has_compiler = no ] && is_installed "$package"; } ;;
    esac || echo "$group $name $sign $package $others"
  done <<<"$rows"
}

is_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }
is_installed() { is_debian && dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

check() {
  local rows
  rows=$(missing_rows "$@")
  [ -n "$rows" ] || return 0
  {
    echo "roux cannot be built yet, these are missing:"
    awk 'BEGIN { row("", "Debian", "Fedora", "Arch", "Homebrew") } { row($2, $4, $5, $6, $7) }
         function row(a, b, c, d, e) { printf "  %-17s %-19s %-23s %-14s %s\n", a, b, c, d, e }' <<<"$rows"
    if is_debian; then echo "\`make deps\` installs them (with sudo when you are not root)."
    else echo "Install them with your system's package manager and run make again."; fi
  } >&2
  return 1
}

install() {
  local rows packages as_root=() apt
  rows=$(missing_rows "$@")
  [ -n "$rows" ] || return 0
  if ! is_debian; then check "$@"; return; fi
  packages=$(awk '{ print $4 }' <<<"$rows" | sort -u | tr '\n' ' ')
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "As root: apt-get install -y --no-install-recommends $packages" >&2; return 1; }
    as_root=(sudo)
  fi
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
  echo "make deps: installing $packages${as_root[*]:+(with sudo)}"
  # Package lists can be absent (a fresh image) or too old to name files that the mirror still has.
  if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then "${apt[@]}" update; fi
  "${apt[@]}" install -y --no-install-recommends $packages >/dev/null ||
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends $packages >/dev/null; }
  check "$@"
}

action=${1:-}
case $action in
  check | install) shift && "$action" "$@" ;;
  *) sed -n '2,6s/^# *//p' "$0" >&2; exit 2 ;;
esac
