#!/usr/bin/env python3
"""Probes the BERT normaliser and pre-tokeniser of Hugging Face's tokenizers on every code point and writes what they
know of Unicode as text/tokenizers/unicode_table.cpp.

  unicode_table.py > text/tokenizers/unicode_table.cpp     needs the pip package tokenizers (made with 0.23.3)

Each of the four steps is asked alone, with the code point alone and between two letters; that the steps do not depend on
what stands around a code point, and that all of them together are the steps one after the other, is checked. The one
thing that does depend on it is canonical reordering. Which code points take part in it is probed too; their combining
classes, which never change (Unicode's stability policy), are those of Python's unicodedata."""
import sys
import unicodedata

import tokenizers
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)
TABLES = []  # name and type of each table written
LOW, HIGH = "\u1b44", "\u1dfb"  # kept marks of combining classes 9 and 230, known to reorder


def normalizer(**steps):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return BertNormalizer(**{**off, **steps}).normalize_str


def probe(normalize):
    """What each code point becomes; asserts that it is the same between two letters."""
    result = {}
    for c in CODE_POINTS:
        result[c] = normalize(chr(c))
        assert normalize("a" + chr(c) + "b") == "a" + result[c] + "b", hex(c)
    return result


def ranges(code_points, step=1):
    found = []
    for c in sorted(code_points):
        if found and found[-1][1] == c - step:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def written(value):
    """A number, or a list in braces."""
    if isinstance(value, list):
        return "{" + ", ".join(map(written, value)) + "}"
    return f"0x{value:X}" if value > 255 else str(value)


def table(name, what, type_name, rows):
    """One table of the generated file; a row is a list of numbers and lists."""
    print(f"\n// {what}")
    print(f"constexpr {type_name} {name}_list[] = {{")
    line = "   "
    for row in rows:
        item = f" {written(row if len(row) > 1 else row[0])},"
        if len(line) + len(item) > 120:
            print(line)
            line = "   "
        line += item
    print(line + "\n};" if line.strip() else "};")
    TABLES.append((name, type_name))


def lower_rows(lower):
    """Runs of mappings by the same difference, one or two apart: first, last, step, difference."""
    rows = []
    for c in sorted(lower):
        difference = ord(lower[c]) - c
        if rows and rows[-1][3] == difference:
            first, last, step, _ = rows[-1]
            if c - last == step or (first == last and c - last == 2):
                rows[-1][1:3] = [c, c - last]
                continue
        rows.append([c, c, 1, difference])
    return rows


def decomposition_words(strip):
    """Runs of consecutive code points that become one each: first, how many, what they become; flat."""
    words, run = [], []
    changed = [c for c in CODE_POINTS if len(strip[c]) == 1 and strip[c] != chr(c)]
    for c in changed + [None]:
        if run and (c is None or c != run[-1] + 1):
            words += [run[0], len(run)] + [ord(strip[r]) for r in run]
            run = []
        run.append(c)
    return words


def combining_classes(strip):
    """Combining class of every code point that reorders, dropped ones included; of the first where it decomposes."""
    classes = {}
    for c in CODE_POINTS:
        between = normalizer_strip("a" + HIGH + chr(c) + LOW)
        dropped = strip[c] == ""
        if dropped and between == "a" + LOW + HIGH:
            classes[c] = unicodedata.combining(unicodedata.normalize("NFD", chr(c))[0])
        elif not dropped and (between != "a" + HIGH + strip[c] + LOW) and unicodedata.combining(chr(c)):
            classes[c] = unicodedata.combining(chr(c))
    return classes


normalizer_strip = normalizer(strip_accents=True)


def main():
    clean, cjk = probe(normalizer(clean_text=True)), probe(normalizer(handle_chinese_chars=True))
    strip, lower = probe(normalizer_strip), probe(normalizer(lowercase=True))
    everything = probe(normalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True))
    split = {c: tuple(part for part, _ in BertPreTokenizer().pre_tokenize_str("a" + chr(c) + "b")) for c in CODE_POINTS}
    for c in CODE_POINTS:
        text = chr(c)
        for step in (clean, cjk, strip, lower):
            text = "".join(step[ord(x)] for x in text)
        assert text == everything[c], hex(c)
        assert split[c] in (("a", "b"), ("a", chr(c), "b"), ("a" + chr(c) + "b",)), hex(c)
        assert clean[c] in ("", " ", chr(c)) and cjk[c] in (chr(c), f" {chr(c)} "), hex(c)
        if c in HANGUL:
            assert strip[c] == unicodedata.normalize("NFD", chr(c)), hex(c)
    white_space = [c for c in CODE_POINTS if split[c] == ("a", "b")]
    removed = [c for c in CODE_POINTS if clean[c] == ""]
    assert [c for c in CODE_POINTS if clean[c] == " "] == [c for c in white_space if c not in set(removed)]
    marks = [c for c in CODE_POINTS if strip[c] == ""]
    lowered = {c: lower[c] for c in CODE_POINTS if lower[c] != chr(c)}
    assert lowered.pop(0x130) == "i\u0307" and all(len(s) == 1 for s in lowered.values())
    longer = [c for c in CODE_POINTS if len(strip[c]) > 1 and c not in HANGUL]
    classes = combining_classes(strip)

    print("// What Hugging Face's tokenizers know of Unicode, code point by code point: see unicode_table.h.")
    print(f"// Generated by tests/oracle/unicode_table.py from tokenizers {tokenizers.__version__}; not to be edited by hand.")
    print("// clang-format off")
    print('#include "text/tokenizers/unicode_table.h"')
    print("\nnamespace roux::text::unicode_table {\nnamespace {")
    table("white_space", "Where words end.", "Range", ranges(white_space))
    table("removed", "What clean_text drops.", "Range", ranges(removed))
    table("ideographs", "What handle_chinese_chars puts spaces around.", "Range",
          ranges(c for c in CODE_POINTS if cjk[c] != chr(c)))
    table("punctuation", "What stands alone.", "Range", ranges(c for c in CODE_POINTS if split[c] == ("a", chr(c), "b")))
    table("marks", "What strip_accents drops, and what decomposes to nothing else.", "Range", ranges(marks))
    by_class = {}
    for c, value in classes.items():
        by_class.setdefault(value, []).append(c)
    rows = sorted([first, last, value] for value, members in by_class.items() for first, last in ranges(members))
    table("combining", "Combining classes other than 0.", "CombiningRange", rows)
    table("lower", "Lower case: first, last, step, what is added. U+0130 is beside it: i and U+0307.", "LowerRange", lower_rows(lowered))
    table("decomposed", "What strip_accents replaces by one code point: first of a run, its length, what they become.",
          "int32_t", [[w] for w in decomposition_words(strip)])
    table("decomposed_longer", "What it replaces by two or three; Hangul syllables are not in here.", "Decomposition",
          [[c, [ord(x) for x in strip[c]] + [0] * (3 - len(strip[c]))] for c in longer])
    print("\n}  // namespace\n")
    for name, type_name in TABLES:
        print(f"const std::span<const {type_name}> {name} = {name}_list;")
    print("\n}  // namespace roux::text::unicode_table")


if __name__ == "__main__":
    sys.exit(main())
