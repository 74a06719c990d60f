#!/usr/bin/env python3
"""Sets the text pipeline beside Hugging Face's tokenizers, nanotoken, tokie, gigatoken and scikit-learn, and prints a table.

    compare_text.py [PART...] [--rounds N] [--json FILE] [--build DIR]

Parts: wordpiece unicode bpe threads program long training tfidf (all when none is named). One thread unless said. What
tokenizers make of texts is compared by peers/tokenizers_agreement.py, how well apps/classify labels by
peers/classify_peers.py. Reads the environment:
    ROUX_DATA        folder of the data sets: recipes/corpus.txt.gz, bert/vocab.txt, recipes/recipes_fruit_veg.csv; needed
    PEERS_PYTHON     a Python with tokenizers, nanotoken, tokie, gigatoken, scikit-learn; default: python3
    TOKENIZERS_NEXT  a folder with another version of the package tokenizers (pip install --target), where there is one
"""
import argparse
import gzip
import json
import os
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from compare import PEERS, Row, can_run, measure, measure_parts, print_table, write_rows

# Where the characters of random texts come from: ASCII three times as often as each of the others.
CHARACTERS = [(0x20, 0x7F)] * 3 + [(0xA0, 0x250), (0x370, 0x600), (0x600, 0x700), (0x900, 0xE00), (0x2000, 0x2070),
                                   (0x3040, 0xA000), (0xAC00, 0xD7A4), (0x1F300, 0x1FB00)]


def random_unicode(texts=40000, length=120):
    draw = random.Random(0)
    return "\n".join("".join(chr(draw.randrange(*draw.choice(CHARACTERS))) for _ in range(length))
                     for _ in range(texts))


def last_json(text):
    return json.loads(text.strip().splitlines()[-1])


class Setting:
    """Programs, data and peers, and the calls that run each of them once."""

    def __init__(self, options, folder):
        self.rounds, self.folder = options.rounds, folder
        self.build = Path(options.build).resolve()
        self.python = os.environ.get("PEERS_PYTHON", "python3")
        self.next = os.environ.get("TOKENIZERS_NEXT")
        data = os.environ.get("ROUX_DATA")
        if not data or not (Path(data) / "recipes" / "corpus.txt.gz").exists():
            print("compare_text.py: skipped: ROUX_DATA names no folder with recipes/corpus.txt.gz")
            sys.exit(0)
        if not (self.build / "bench" / "tokenizers_bench").exists():
            sys.exit("compare_text.py: %s has no bench/tokenizers_bench (hint: make bench-programs)" % self.build)
        self.data = Path(data).resolve()
        os.environ["ROUX_DATA"] = str(self.data)
        self.vocabulary = self.data / "bert" / "vocab.txt"
        self.corpus, self.unicode = folder / "corpus.txt", folder / "unicode.txt"
        self.corpus.write_bytes(gzip.decompress((self.data / "recipes" / "corpus.txt.gz").read_bytes()))
        self.unicode.write_text(random_unicode(), encoding="utf-8", newline="")
        self.wordpiece_json, self.bpe_json = folder / "wordpiece.json", folder / "bpe.json"
        if self.has("tokenizers"):
            self.peer("--make", "wordpiece", self.vocabulary, self.wordpiece_json)
            self.peer("--make", "bpe", self.corpus, self.bpe_json)
        else:
            measure([self.build / "apps" / "tokenize", "train", "--kind", "bpe", "--size", 8000, "--out",
                     folder / "bpe", self.corpus])
            self.bpe_json = folder / "bpe" / "tokenizer.json"

    def has(self, module):
        return can_run([self.python, "-c", "import " + module])

    def peer(self, *arguments, next_version=False):
        search = ["env", "PYTHONPATH=" + self.next] if next_version else []
        text, _, _ = measure([*search, self.python, PEERS / "tokenizers_speed.py", *arguments])
        return last_json(text)

    def ours(self, tokenizer, texts, threads=1):
        text, _, _ = measure([self.build / "bench" / "tokenizers_bench", "time", tokenizer, texts, "--threads", threads,
                              "--repeat", 5])
        return last_json(text)

    def beside(self, tokenizer, texts, peers):
        """A result of ours a round, and of each peer that is there, in turn: name -> results."""
        calls = {}
        for module in peers:
            if module == "next":
                if self.next:
                    calls[module] = lambda file: self.peer("hf", file, texts, next_version=True)
            elif self.has({"hf": "tokenizers"}.get(module, module)):
                calls[module] = lambda file, name=module: self.peer(name, file, texts)
        file = self.bpe_json if tokenizer == self.bpe_json else self.wordpiece_json
        ours, theirs = [], {name: [] for name in peers}
        for _ in range(self.rounds):
            ours.append(self.ours(tokenizer, texts))
            for name, call in calls.items():
                theirs[name].append(call(file))
        return ours, theirs


def values(results, key):
    return [result[key] for result in results]


def speeds(what, ours, theirs, targets):
    """`targets`: peer -> (key of ours, at least this many times as fast)."""
    for name, (key, least) in targets.items():
        title = theirs[name][0]["peer"] if theirs[name] else name
        for state, cold in (("cold", "_cold"), ("warm", "")):
            yield Row("%s, %s, %s" % (what, key, state), "MB/s", values(ours, key + cold + "_mb_per_s"), title,
                      values(theirs[name], cold[1:] + "_mb_per_s" if cold else "mb_per_s"), at_least=least)


def wordpiece(setting):
    ours, theirs = setting.beside(setting.vocabulary, setting.corpus, ("nanotoken", "tokie", "next"))
    yield from speeds("WordPiece, corpus", ours, theirs,
                      {"nanotoken": ("ids", 1), "tokie": ("ids", 1), "next": ("encodings", 2)})


def unicode(setting):
    ours, theirs = setting.beside(setting.vocabulary, setting.unicode, ("tokie", "next"))
    yield from speeds("WordPiece, random Unicode", ours, theirs, {"tokie": ("ids", 1), "next": ("ids", 1)})


def bpe(setting):
    ours, theirs = setting.beside(setting.bpe_json, setting.corpus, ("gigatoken", "next"))
    yield from speeds("BPE, corpus", ours, theirs, {"gigatoken": ("ids", 1), "next": ("ids", 1)})


def threads(setting):
    for name, tokenizer in (("WordPiece", setting.vocabulary), ("BPE", setting.bpe_json)):
        one, two = [], []
        for _ in range(setting.rounds):
            one.append(setting.ours(tokenizer, setting.corpus))
            two.append(setting.ours(tokenizer, setting.corpus, threads=2))
        for key in ("ids", "encodings"):
            yield Row("%s %s, 2 threads" % (name, key), "MB/s", values(two, key + "_mb_per_s"), "ours, 1 thread",
                      values(one, key + "_mb_per_s"), at_least=1.8)


def program(setting):
    """tokenize --ids into a file, start and loading included, beside the call alone."""
    for count in (1, 2):
        whole, call = [], []
        out = setting.folder / "ids.txt"
        tokenize = "%s --tokenizer %s --threads %d" % (setting.build / "apps" / "tokenize", setting.vocabulary, count)
        for _ in range(setting.rounds):
            _, seconds, _ = measure(["sh", "-c", "%s --ids < %s > %s" % (tokenize, setting.corpus, out)])
            whole.append(seconds)
            result = setting.ours(setting.vocabulary, setting.corpus, count)
            call.append(result["mb"] / result["ids_cold_mb_per_s"])
        yield Row("tokenize --ids, %d thread%s" % (count, "s" if count > 1 else ""), "seconds", whole,
                  "the call alone, cold", call, at_most=2)


def long(setting):
    """A text without a space, of 8 MB and of 16 MB."""
    def without_spaces(size):
        letters = setting.corpus.read_bytes().replace(b" ", b"").replace(b"\n", b"")
        path = setting.folder / ("%d.txt" % size)
        path.write_bytes((letters * (size // len(letters) + 1))[:size])
        return path

    short, double = without_spaces(8 << 20), without_spaces(16 << 20)
    for name, tokenizer in (("WordPiece", setting.vocabulary), ("BPE", setting.bpe_json)):
        seconds = {path: [] for path in (short, double)}
        for _ in range(setting.rounds):
            for path, taken in seconds.items():
                result = setting.ours(tokenizer, path)
                taken.append(result["mb"] / result["ids_mb_per_s"])
        yield Row("%s, 16 MB without a space" % name, "seconds", seconds[double], "ours, 8 MB", seconds[short],
                  at_most=2.2)


def training(setting):
    for kind in ("bpe", "wordpiece"):
        command = [setting.python, PEERS / "tokenizer_training.py", setting.build / "bench" / "trainers_bench",
                   setting.corpus, "--rounds", setting.rounds, "--threads", 1]
        if not setting.has("tokenizers"):
            return
        if kind == "bpe":
            results = {result["kind"]: result for result in map(json.loads, measure(command)[0].strip().splitlines())}
        yield Row("training 8,000 pieces, " + kind, "seconds", [results[kind]["ours_s"]], "tokenizers",
                  [results[kind]["theirs_s"]], at_most=1 / 3)


def tfidf(setting):
    if not setting.has("sklearn"):
        return
    command = [setting.python, PEERS / "tfidf_sklearn.py", setting.data / "recipes" / "recipes_fruit_veg.csv",
               setting.build / "bench" / "vectorizer_bench"]
    rounds = [[json.loads(line) for line in measure(command)[0].strip().splitlines()] for _ in range(setting.rounds)]
    for cases in zip(*rounds):
        yield Row("TF-IDF of 43,513 titles, " + cases[0]["case"].replace("_", " "), "seconds", values(cases, "seconds"),
                  "scikit-learn", values(cases, "scikit-learn"), at_most=0.2)


PARTS = {part.__name__: part for part in (wordpiece, unicode, bpe, threads, program, long, training, tfidf)}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of: " + " ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures of all rounds")
    parser.add_argument("--build", default="build", metavar="DIR", help="where the programs are (default build)")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown or options.rounds < 1:
        parser.error("there is no part " + unknown[0] if unknown else "--rounds must be 1 or more")
    return options


def main():
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(options, Path(folder))
        rows, failures = measure_parts("compare_text.py", options.parts or PARTS, PARTS, setting)
    print_table(rows, True)
    if options.json:
        write_rows(options.json, rows)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
