#!/usr/bin/env python3
"""Compares tokenizers with Hugging Face's on texts that nobody chose: every line of a corpus, every code point alone and
between letters, and random Unicode strings, as single texts and as pairs.

  tokenizers_agreement.py BENCH --wordpiece VOCAB [--cased] | --json TOKENIZER.json [--corpus FILE[.gz]] [--random N]

BENCH is build/bench/tokenizers_bench. Needs the pip package tokenizers (0.23.3). With --wordpiece the tokenizer is
BERT's, made from the vocabulary with the options given, and handed to BENCH as a tokenizer.json. Prints a line of JSON
for each kind of text; exits 1 if any text differs in ids, type ids, masks or offsets."""
import argparse
import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import numpy
import tokenizers

POOLS = [(0x20, 0x7E)] * 4 + [(0, 0x1F), (0x7F, 0xA0), (0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF),
         (0x700, 0x8FF), (0x900, 0xDFF), (0xE00, 0x11FF), (0x1200, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2FFF),
         (0x3000, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xF900, 0xFFFF),
         (0x10000, 0x11FFF), (0x12000, 0x1CFFF), (0x1D000, 0x1D24F), (0x1D250, 0x1EFFF), (0x1F000, 0x1FAFF),
         (0x1FB00, 0x323AF), (0x323B0, 0x10FFFF)]
# Marks that stay when accents are stripped, and some that do not, of many combining classes: order matters.
MARKS = [0x300, 0x301, 0x316, 0x323, 0x327, 0x344, 0x345, 0x5B0, 0x64B, 0x8D4, 0x8D5, 0xF73, 0xF71, 0xF72, 0xE31, 0x1B44,
         0x1BAA, 0x1DFB, 0x302E, 0x302F, 0xA9C0, 0x11446, 0x1D15E, 0x1D160, 0x1D164, 0x1D165, 0x1D16D, 0x1D16E, 0x1D1BD,
         0x1E000, 0x1E944, 0x1E94A, 0x200D, 0x200B, 0x0, 0xAD]


def character(r, pools):
    c = r.randint(*r.choice(pools))
    return chr(c) if not 0xD800 <= c < 0xE000 else "\ufffd"


def random_texts(count):
    """Each from one to four ranges of Unicode, or letters with marks, some with words of a pretrained vocabulary."""
    r = random.Random(1)
    words = ["the", "[SEP]", " [MASK] ", "don't", "naïve", "Straße", "İstanbul", "東京", "한국어", "\u00a0", "\t", "ﬁ", "##ing"]
    texts = []
    for _ in range(count):
        pools = r.sample(POOLS, r.randint(1, 4))
        kind, length = r.random(), int(r.expovariate(1 / 30)) + 1
        if kind < 0.2:
            texts.append("".join(chr(r.choice(MARKS)) if r.random() < 0.6 else r.choice("aez \u00e9中각") for _ in range(length)))
        elif kind < 0.4:
            texts.append("".join(r.choice(words) if r.random() < 0.3 else character(r, pools) for _ in range(length)))
        else:
            texts.append("".join(character(r, pools) for _ in range(length)))
    return texts


def code_points():
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            yield chr(c)
            yield "a" + chr(c) + "b"


def ours(bench, tokenizer, texts, pairs):
    """One array a text: ids, type ids, attention mask, special tokens mask, beginnings and ends of offsets."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = os.path.join(folder, "texts"), os.path.join(folder, "encodings")
        with open(inputs, "wb") as file:
            for text in texts:
                data = text.encode("utf-8")
                file.write(struct.pack("<I", len(data)) + data)
        subprocess.run([bench, "write", tokenizer, inputs, outputs] + ["--pairs"] * pairs, check=True)
        numbers = numpy.fromfile(outputs, dtype="<i4")
    at = 0
    while at < len(numbers):
        size = int(numbers[at])
        yield numbers[at + 1:at + 1 + 6 * size].tolist()
        at += 1 + 6 * size


def flat(encoding):
    begins, ends = [o[0] for o in encoding.offsets], [o[1] for o in encoding.offsets]
    return encoding.ids + encoding.type_ids + encoding.attention_mask + encoding.special_tokens_mask + begins + ends


def compare(name, bench, path, reference, texts, pairs=False):
    inputs = list(zip(texts[::2], texts[1::2])) if pairs else texts
    differences, count = 0, 0
    for begin in range(0, len(inputs), 100000):
        chunk = inputs[begin:begin + 100000]
        flat_chunk = [text for pair in chunk for text in pair] if pairs else chunk
        for text, expected, found in zip(chunk, reference.encode_batch(chunk), ours(bench, path, flat_chunk, pairs), strict=True):
            count += 1
            if flat(expected) != found:
                differences += 1
                if differences <= 3:
                    print(ascii(text), "\n  expected", flat(expected), "\n  found   ", found, file=sys.stderr)
    print(json.dumps(dict(tokenizer=os.path.basename(path), texts=name, pairs=pairs, count=count, differences=differences)), flush=True)
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("--wordpiece")
    parser.add_argument("--json")
    parser.add_argument("--cased", action="store_true")
    parser.add_argument("--strip-accents", choices=["yes", "no"])
    parser.add_argument("--keep-control", action="store_true", help="clean_text = false")
    parser.add_argument("--no-chinese", action="store_true", help="handle_chinese_chars = false")
    parser.add_argument("--corpus")
    parser.add_argument("--random", type=int, default=100000)
    parser.add_argument("--only", choices=["corpus", "code-points", "random"])
    parser.add_argument("--hand-over", help="what BENCH is given in the place of the tokenizer.json")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = a.json or os.path.join(folder, "tokenizer.json")
        if a.wordpiece:
            strip = None if a.strip_accents is None else a.strip_accents == "yes"
            tokenizers.BertWordPieceTokenizer(a.wordpiece, lowercase=not a.cased, strip_accents=strip,
                                              clean_text=not a.keep_control,
                                              handle_chinese_chars=not a.no_chinese).save(path)
        reference = tokenizers.Tokenizer.from_file(path)
        path = a.hand_over or path
        failed = 0
        if a.corpus and a.only in (None, "corpus"):
            opened = gzip.open if a.corpus.endswith(".gz") else open
            lines = opened(a.corpus, "rt", encoding="utf-8", newline="\n").read().split("\n")
            failed += compare("corpus", a.bench, path, reference, lines)
        if a.only in (None, "code-points"):
            failed += compare("code points", a.bench, path, reference, list(code_points()))
        if a.only in (None, "random"):
            texts = random_texts(a.random)
            failed += compare("random", a.bench, path, reference, texts)
            failed += compare("random", a.bench, path, reference, texts, pairs=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
