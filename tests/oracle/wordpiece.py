#!/usr/bin/env python3
"""Writes wordpiece.json: what Hugging Face's tokenizers make of texts, and digests of what they know of every code point.

    wordpiece.py > tests/oracle/wordpiece.json      needs the pip package tokenizers (made with 0.23.3)
"""
import itertools
import json

import tokenizers
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

BLOCK = 256
SETTINGS = [  # clean_text, handle_chinese_chars, strip_accents, lowercase
    (True, True, None, True), (True, True, None, False), (False, False, False, False), (True, False, False, True),
    (False, True, True, False), (False, False, False, True), (True, True, True, False)]

# Each tells one thing; the vocabulary has their characters, some words, and leaves some out.
TEXTS = [
    "", " ", "\t\n\r \u00a0\u3000", "\0", "\0\0a\0b\0", "hello world", "Hello, World!", "HELLO", "don't", "a-b_c", "$5.00",
    "caf\u00e9", "cafe\u0301", "CAF\u00c9", "\u0301", "\u0301a", "a\u0301", "a \u0301 b", "\u00e9\u00e9", "na\u00efve caf\u00e9s",
    "\u4e2d", "a\u4e2db", "\u4e2d\u56fd\u4eba", "\uf900", "\u3400\u4dbf", "\U00020000", "\U0002b820", "\U0002b920",
    "\ud55c\uad6d\uc5b4", "\uac00\uac01", "\u0130stanbul", "STRASSE \u1e9e", "\u03a3\u03a3", "\ufb01x",
    "a\u200bb", "a\u00adb", "\u200da", "a\ufeff", "a\ufffdb", "\u0378a", "\U000e0041a", "\ue000a", "a\u0085b", "a\u000bb", "a\u001cb",
    "a\u2028b", "\u00bfque\u00a1", "a\u30fbb", "a\u00b7b", "a\u037eb", "a\u2014b", "\u00aba\u00bb", "a|b`c^d~e", "a+b=c",
    "\U0001f600 a", "a\U0001f600", "\U0001d160x", "a\U0001d16d\u1b44b", "a\U0001d16d\u0301\u1b44b", "\U0001d160\u1b44z",
    "\u1b44z", "a\U0001d16d\u4e2d\u1b44", "\u0e31a", "a\u0301\u0301\u1b44\U0001d16d\u1b44b", "\u302e\u1dfba\u0327\u302e\u0344\u1b44",
    "a\u0f73\u1b44b", "a\u1dfb\u200d\u1b44b", "a\u1dfb\u0e31\u1b44b", "\u00e9\U0001d16d\u1b44b", "unwanted running",
    "unaffable", "unwanter", "x" * 100, "x" * 101, "x" * 15 + " " + "x" * 16 + " " + "x" * 63 + " " + "x" * 64, "xy" * 50 + "z",
    "\u00e9" * 100, "\u00e9" * 101, "\ud55c" * 33, "\ud55c" * 34, "a" * 70 + "\u4e2d", "hello " * 20, ("hello, " * 8 + "caf\u00e9 ") * 3,
    "!" * 130, "word\u4e2d" * 30, "[UNK]", "##ing", "#", "q", "helloq", "q hello", "hello\u0416",
    "\u05d0\u05b8\u05d1", "\u0628\u064e", "\u0915\u093f", "\u0b4b", "\u0ddd",
]


def options(setting):
    names = ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]
    return dict(zip(names, setting))


def vocabulary():
    tokens = ["[UNK]", "hello", "world", "un", "##want", "##ed", "runn", "##ing", "##aff", "##able", "cafe", "caf\u00e9", "\u4e2d",
              "\u56fd", "word", "##x", "x", "##xx", "xx", "##xxxx", "xxxxxxxx", "Hello", "##y", "\ud55c"]
    left_out = set("q\u4eba\uad6d\u0416\u05d1")
    known = dict.fromkeys(tokens)
    for setting, text in itertools.product(SETTINGS, TEXTS):
        for c in BertNormalizer(**options(setting)).normalize_str(text):
            if c not in left_out and not c.isspace() and c != "\0":
                known.setdefault(c)
                known.setdefault("##" + c)
    return list(known)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def normalizer_digest(setting):
    """Of all code points but the surrogates, each between letters, 256 in one text."""
    normalize = BertNormalizer(**options(setting)).normalize_str
    texts = ("".join("a" + chr(c) + "b" for c in range(first, first + BLOCK)) for first in range(0, 0x110000, BLOCK)
             if not 0xD800 <= first < 0xE000)
    return fnv1a("".join(map(normalize, texts)).encode())


def splitting_digest():
    """A letter a code point: s for white space, p for what stands alone, w for what is part of a word."""
    kinds = {2: "s", 3: "p", 1: "w"}
    split = BertPreTokenizer().pre_tokenize_str
    return fnv1a("".join(kinds[len(split("a" + chr(c) + "b"))] for c in range(0x110000) if not 0xD800 <= c < 0xE000).encode())


def case(tokenizer, text):
    """The text, ids, and offsets in characters."""
    encoding = tokenizer.encode(text)
    return [text, encoding.ids, encoding.offsets]


def main():
    tokens, settings = vocabulary(), []
    for setting in SETTINGS:
        tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
        tokenizer.normalizer = BertNormalizer(**options(setting))
        tokenizer.pre_tokenizer = BertPreTokenizer()
        settings.append(dict(options=options(setting), digest=f"{normalizer_digest(setting):x}",
                             cases=[case(tokenizer, text) for text in TEXTS]))
    figures = dict(made_with=f"tokenizers {tokenizers.__version__}", vocabulary=tokens,
                   splitting_digest=f"{splitting_digest():x}", settings=settings)
    print(json.dumps(figures, separators=(",", ":")))


if __name__ == "__main__":
    main()
