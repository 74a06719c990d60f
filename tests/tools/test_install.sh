#!/usr/bin/env bash
# test_install.sh PREFIX FOLDER: takes roux as installed under PREFIX and uses it as a project outside would. Every
# installed header compiles by itself and brings in nothing slow; the test program in tests/install builds and passes
# through pkg-config, and through CMake where that is installed, in FOLDER.
set -euo pipefail
unset MAKEFLAGS MAKELEVEL MFLAGS  # CMake's make is none of ours.
prefix=$(cd "$1" && pwd) source=$(cd "$(dirname "$0")/../install" && pwd)
rm -rf "$2" && mkdir -p "$2" && cd "$2"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig CXX=${CXX:-g++}
flags=$(pkg-config --cflags roux)

(cd "$prefix/include" && find roux -name '*.h') | sort >headers
xargs -a headers -P "$(nproc)" -I{} sh -c "echo '#include <{}>' | $CXX $flags -fsyntax-only -Wall -x c++ -" ||
  { echo "test-install: a header does not compile by itself" >&2; exit 1; }
slow=$(sed 's/.*/#include <&>/' headers | $CXX $flags -M -x c++ - |
  grep -oE '/[^ ]*(nlohmann/json\.hpp|immintrin\.h|arm_neon\.h|CLI/CLI\.hpp|cblas\.h|/thread|/future)$' || true)
[ -z "$slow" ] || { printf 'test-install: the headers bring in\n%s\n' "$slow" >&2; exit 1; }

$CXX $flags "$source"/*.cpp -o by_pkg_config "$prefix/lib/libroux_test_main.a" $(pkg-config --libs roux)
./by_pkg_config
if command -v cmake >/dev/null; then
  cmake -S "$source" -B by_cmake -DCMAKE_PREFIX_PATH="$prefix" >cmake.log || { cat cmake.log >&2; exit 1; }
  cmake --build by_cmake
  by_cmake/layer_test
fi
echo "test-install: $(wc -l <headers) headers and a program outside are fine"
