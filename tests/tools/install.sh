#!/usr/bin/env bash
# install.sh PREFIX VERSION OUT LIBS HEADER...: what `make install` does. OUT holds the built libraries, LIBS is what a
# program links besides them. Headers go to PREFIX/include/roux with their includes rewritten for outsiders:
# #include "nn/linear.h" becomes #include <roux/nn/linear.h>.
set -euo pipefail
prefix=$1 version=$2 out=$3 libs=$4
shift 4

install -d "$prefix"/lib/{pkgconfig,cmake/roux} "$prefix/share/roux"
install -m 644 "$out"/libroux.a "$out"/libroux_test_main.a "$prefix/lib"
install -m 644 tensor/gdb_printers.py "$prefix/share/roux"
rm -rf "$prefix/include/roux"  # A header that roux no longer has must not stay behind.
for header in "$@"; do install -D -m 644 "$header" "$prefix/include/roux/$header"; done
find "$prefix/include/roux" -name '*.h' -exec \
  sed -i -E 's|#include "((tensor\|autograd\|nn\|text\|cuda)/[^"]*)"|#include <roux/\1>|' {} +

cat >"$prefix/lib/pkgconfig/roux.pc" <<END
prefix=\${pcfiledir}/../..
Name: roux
Description: A small tensor and autograd engine with layers and a text pipeline
Version: $version
Cflags: -std=c++20 -I\${prefix}/include
Libs: -L\${prefix}/lib -lroux -pthread $libs
END
cat >"$prefix/lib/pkgconfig/roux_test_main.pc" <<END
prefix=\${pcfiledir}/../..
Name: roux_test_main
Description: doctest's main, for programs that test layers made with roux
Version: $version
Requires: roux
Libs: -L\${prefix}/lib -lroux_test_main
END

# LINK_ONLY: who links roux needs these too, but takes over nothing else of them.
private=$(printf "\$<LINK_ONLY:%s>;" $libs Threads::Threads)
cmake=$prefix/lib/cmake/roux
cat >"$cmake/roux-config.cmake" <<END
# Targets: roux::roux, the library; roux::test_main, doctest's main for programs of tests.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
get_filename_component(roux_prefix "\${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET roux::roux)
  add_library(roux::roux STATIC IMPORTED)
  set_target_properties(roux::roux PROPERTIES
    IMPORTED_LOCATION "\${roux_prefix}/lib/libroux.a"
    INTERFACE_INCLUDE_DIRECTORIES "\${roux_prefix}/include"
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_LINK_LIBRARIES "${private%;}")
  add_library(roux::test_main STATIC IMPORTED)
  set_target_properties(roux::test_main PROPERTIES
    IMPORTED_LOCATION "\${roux_prefix}/lib/libroux_test_main.a"
    INTERFACE_LINK_LIBRARIES roux::roux)
endif()
END
cat >"$cmake/roux-config-version.cmake" <<END
set(PACKAGE_VERSION "$version")
if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
END
echo "installed roux $version under $prefix: $# headers, libroux.a, libroux_test_main.a, pkg-config and CMake files"
