#!/usr/bin/env bash
# test_install.sh PREFIX FOLDER [headers]: takes roux as installed under PREFIX and uses it as a project outside would:
# a copy of apps/custom_layer in FOLDER builds and passes through pkg-config, and through CMake where that is installed.
# With `headers` also: every installed header compiles by itself and brings in nothing slow.
set -euo pipefail
unset MAKEFLAGS MAKELEVEL MFLAGS  # CMake's make is none of ours.
prefix=$(cd "$1" && pwd) example=$(cd "$(dirname "$0")/../../apps/custom_layer" && pwd)
rm -rf "$2" && mkdir -p "$2" && cp -r "$example" "$2" && cd "$2"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig CXX=${CXX:-g++}
seconds_since() { awk "BEGIN { printf \"%.${2:-1}f\", ${EPOCHREALTIME/,/.} - $1 }"; }

check_headers() {
  local flags slow
  flags=$(pkg-config --cflags roux)
  (cd "$prefix/include" && find roux -name '*.h') | sort >headers
  xargs -a headers -P "$(nproc)" -I{} sh -c "echo '#include <{}>' | $CXX $flags -fsyntax-only -Wall -x c++ -" ||
    { echo "test-install: a header does not compile by itself" >&2; exit 1; }
  slow=$(sed 's/.*/#include <&>/' headers | $CXX $flags -M -x c++ - |
    grep -oE '/[^ ]*(nlohmann/json\.hpp|immintrin\.h|arm_neon\.h|CLI/CLI\.hpp|cblas\.h|/thread|/future)$' || true)
  [ -z "$slow" ] || { printf 'test-install: the headers bring in\n%s\n' "$slow" >&2; exit 1; }
  echo "test-install: $(wc -l <headers) headers compile by themselves"
}

# What the README of the example promises.
check_lengths() {
  local lines first_test
  lines=$(wc -l <custom_layer/custom_layer.cpp)
  first_test=$(awk '/^TEST_CASE/ { seen = 1 } seen && /^}/ { print NR; exit }' custom_layer/custom_layer.cpp)
  [ "$lines" -le 60 ] && [ "$first_test" -le 30 ] ||
    { echo "test-install: custom_layer.cpp has $lines lines, $first_test up to its first test; 60 and 30 at most" >&2; exit 1; }
  echo "test-install: custom_layer.cpp: $lines lines, $first_test of them for an operation, its gradient and its test"
}

by_pkg_config() {
  local start=${EPOCHREALTIME/,/.}
  $CXX custom_layer/custom_layer.cpp $(pkg-config --cflags --libs roux_test_main) -o by_pkg_config
  echo "test-install: compiled and linked through pkg-config in $(seconds_since "$start") s"
  ./by_pkg_config
  start=${EPOCHREALTIME/,/.}
  ./by_pkg_config --count >/dev/null
  echo "test-install: it starts and ends in $(seconds_since "$start" 3) s"
}

by_cmake() {
  if ! command -v cmake >/dev/null; then echo "test-install: skipped: CMake is not installed"; return; fi
  cmake -S custom_layer -B by_cmake -DCMAKE_PREFIX_PATH="$prefix" >cmake.log || { cat cmake.log >&2; exit 1; }
  cmake --build by_cmake >>cmake.log || { cat cmake.log >&2; exit 1; }
  by_cmake/custom_layer
}

if [ "${3:-}" = headers ]; then check_headers; fi
check_lengths
by_pkg_config
by_cmake
