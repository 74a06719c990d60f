// The entry point of the test program: doctest's own main, compiled once because it is the slowest part of doctest.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
