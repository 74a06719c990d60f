// Reference figures, written by tests/oracle/cleaning.py with Python 3.11.7 (Unicode 14.0.0):
// clean("q" + c + "z") for every code point c but the surrogates; those that are not listed give "qz".
// clang-format off
#pragma once

#include <cstdint>

struct CleanedCodePoint {
  int32_t code_point;
  const char* cleaned;
};

constexpr CleanedCodePoint cleaned_code_points[] = {
    {0x9, "q z"}, {0xA, "q z"}, {0xB, "q z"}, {0xC, "q z"},
    {0xD, "q z"}, {0x1C, "q z"}, {0x1D, "q z"}, {0x1E, "q z"},
    {0x1F, "q z"}, {0x20, "q z"}, {0x41, "qaz"}, {0x42, "qbz"},
    {0x43, "qcz"}, {0x44, "qdz"}, {0x45, "qez"}, {0x46, "qfz"},
    {0x47, "qgz"}, {0x48, "qhz"}, {0x49, "qiz"}, {0x4A, "qjz"},
    {0x4B, "qkz"}, {0x4C, "qlz"}, {0x4D, "qmz"}, {0x4E, "qnz"},
    {0x4F, "qoz"}, {0x50, "qpz"}, {0x51, "qqz"}, {0x52, "qrz"},
    {0x53, "qsz"}, {0x54, "qtz"}, {0x55, "quz"}, {0x56, "qvz"},
    {0x57, "qwz"}, {0x58, "qxz"}, {0x59, "qyz"}, {0x5A, "qzz"},
    {0x61, "qaz"}, {0x62, "qbz"}, {0x63, "qcz"}, {0x64, "qdz"},
    {0x65, "qez"}, {0x66, "qfz"}, {0x67, "qgz"}, {0x68, "qhz"},
    {0x69, "qiz"}, {0x6A, "qjz"}, {0x6B, "qkz"}, {0x6C, "qlz"},
    {0x6D, "qmz"}, {0x6E, "qnz"}, {0x6F, "qoz"}, {0x70, "qpz"},
    {0x71, "qqz"}, {0x72, "qrz"}, {0x73, "qsz"}, {0x74, "qtz"},
    {0x75, "quz"}, {0x76, "qvz"}, {0x77, "qwz"}, {0x78, "qxz"},
    {0x79, "qyz"}, {0x7A, "qzz"}, {0x85, "q z"}, {0xA0, "q z"},
    {0x130, "qiz"}, {0x1680, "q z"}, {0x2000, "q z"}, {0x2001, "q z"},
    {0x2002, "q z"}, {0x2003, "q z"}, {0x2004, "q z"}, {0x2005, "q z"},
    {0x2006, "q z"}, {0x2007, "q z"}, {0x2008, "q z"}, {0x2009, "q z"},
    {0x200A, "q z"}, {0x2028, "q z"}, {0x2029, "q z"}, {0x202F, "q z"},
    {0x205F, "q z"}, {0x212A, "qkz"}, {0x3000, "q z"},
};
