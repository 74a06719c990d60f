#!/usr/bin/env python3
"""Sets the trainers of BPE and WordPiece beside those of Hugging Face's tokenizers: seconds, and whether both learn the
same and read a text alike.

    tokenizer_training.py BENCH CORPUS[.gz] [--size N] [--rounds N] [--threads N]

BENCH is build/bench/trainers_bench; CORPUS has a text a line. Needs the pip package tokenizers (0.23.3). Theirs and ours
run in turn, --rounds times; seconds and ratios are medians of the rounds. Hugging Face's WordPiece trainer numbers the
characters inside words by chance, and breaks ties by number; so both get those characters as special tokens, which
fixes their order. Prints a line of JSON a kind; exits 1 if any of it differs."""
import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def train_theirs(kind, lines, size, special):
    """Seconds, and the tokenizer."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer, decoders, models, pre_tokenizers, trainers

    begin = time.perf_counter()
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        tokenizer.train_from_iterator(
            lines, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
        )
    else:
        tokenizer = BertWordPieceTokenizer(lowercase=True)
        tokenizer.train_from_iterator(
            lines, vocab_size=size, min_frequency=2, limit_alphabet=1000, special_tokens=special, show_progress=False
        )
    return time.perf_counter() - begin, tokenizer


def train_ours(arguments, kind, texts, size, special, folder):
    command = [arguments.bench, kind, texts, str(size), folder, "--repeat", "1", "--threads", str(arguments.threads)]
    if special:
        path = os.path.join(folder, "special")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(special) + "\n")
        command += ["--special", path]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]


def inside_characters(lines):
    from tokenizers import normalizers

    found = set()
    normalize = normalizers.BertNormalizer(lowercase=True).normalize_str
    for line in lines:
        found.update(normalize(line))
    return sorted(character for character in found if not character.isspace())


def merges_of(tokenizer):
    return [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"].get("merges", [])]


def compare(arguments, kind, lines, texts, special):
    from tokenizers import Tokenizer

    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            theirs, reference = train_theirs(kind, lines, arguments.size, special)
            seconds.append((train_ours(arguments, kind, texts, arguments.size, special, folder), theirs))
        ours = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    same_vocabulary = ours.get_vocab() == reference.get_vocab()
    same_merges = merges_of(ours) == merges_of(reference)
    sample = lines[:: max(1, len(lines) // 2000)]
    same_ids = all(
        a.ids == b.ids
        for a, b in zip(
            ours.encode_batch(sample, add_special_tokens=False), reference.encode_batch(sample, add_special_tokens=False)
        )
    )
    print(json.dumps({
        "kind": kind,
        "size": len(ours.get_vocab()),
        "threads": arguments.threads,
        "ours_s": round(statistics.median(a for a, _ in seconds), 3),
        "theirs_s": round(statistics.median(b for _, b in seconds), 3),
        "ratio": round(statistics.median(b / a for a, b in seconds), 1),
        "same_vocabulary": same_vocabulary,
        "same_merges": same_merges,
        "same_ids": same_ids,
    }), flush=True)
    return same_vocabulary and same_merges and same_ids


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("corpus")
    parser.add_argument("--size", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)  # read when tokenizers first works in parallel
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    opened = gzip.open if arguments.corpus.endswith(".gz") else open
    with opened(arguments.corpus, "rt", encoding="utf-8") as file:
        lines = file.read().rstrip("\n").split("\n")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    special += ["##" + character for character in inside_characters(lines)]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as texts:
        texts.write("\n".join(lines) + "\n")
        texts.flush()
        same = [compare(arguments, kind, lines, texts.name, special if kind == "wordpiece" else [])
                for kind in ("bpe", "wordpiece")]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
