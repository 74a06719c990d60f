"""Writes cleaning.h: what Python's own cleaning makes of every code point.

    python3 tests/oracle/cleaning.py > tests/oracle/cleaning.h
"""
import re, sys, unicodedata

def clean(text):
    return " ".join(re.sub(r"[^a-z\s]", "", text.lower()).split())

points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
results = {c: clean("q" + chr(c) + "z") for c in points}
kept = [(c, r) for c, r in results.items() if r != "qz"]
python = f"Python {sys.version.split()[0]} (Unicode {unicodedata.unidata_version})"
print(f"""// Reference figures, written by tests/oracle/cleaning.py with {python}:
// clean("q" + c + "z") for every code point c but the surrogates; those that are not listed give "qz".
// clang-format off
#pragma once

#include <cstdint>

struct CleanedCodePoint {{
  int32_t code_point;
  const char* cleaned;
}};

constexpr CleanedCodePoint cleaned_code_points[] = {{""")
for i in range(0, len(kept), 4):
    print("    " + " ".join(f'{{0x{c:X}, "{r}"}},' for c, r in kept[i:i + 4]))
print("};")
