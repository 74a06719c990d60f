#!/usr/bin/env python3
"""What dimension and starting point of word vectors do to the recipes' EmbeddingBag: a table in Markdown.

    ROUX_DATA=... tests/bench/vectors_experiment.py [--dims 16,50,100,300] [--seeds 3] [--epochs 5] [--json FILE]

For each dimension: random vectors; those that `word_vectors train` learns from recipes/corpus.txt.gz, cleaned as titles are
(skip-gram, one thread, kept in --work and used again); and the parts of GloVe in glove/ where they have that dimension. Those that come
from a file are trained on with the classifier, or frozen. Shown is the mean over the seeds, each with its own split.
The corpus holds the validation titles too, though not their labels: as with any vectors from unlabelled text.
Python 3 alone; nothing but apps of ours runs.
"""
import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "build" / "apps"


def say(text):
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def cleaned(corpus, folder):
    """The corpus as train_recipes cleans titles: lower case, letters a to z and spaces alone."""
    path = folder / "corpus.txt"
    if not path.exists():
        with gzip.open(corpus, "rt", encoding="utf-8") as lines, open(path, "w", encoding="utf-8") as out:
            for line in lines:
                out.write(" ".join(re.sub(r"[^a-z\s]", "", line.lower()).split()) + "\n")
    return path


def learned(dim, corpus, folder):
    """The vectors of the corpus, made when they are not there yet."""
    path = folder / ("corpus_%d.safetensors" % dim)
    if not path.exists():
        corpus = cleaned(corpus, folder)
        say("learning vectors of %d numbers" % dim)
        subprocess.run([APPS / "word_vectors", "train", corpus, path, "--dim", str(dim), "--min-count", "2"],
                       check=True, stdout=subprocess.DEVNULL)
    return path


def score(data, flags, seeds, epochs, folder):
    """Accuracy and F1, means over the seeds; the share of words found."""
    runs = []
    for seed in range(seeds):
        out = folder / "run.json"
        subprocess.run([APPS / "train_recipes", "--data", data, "--model", "embedding_bag", "--epochs", str(epochs),
                        "--seed", str(seed), "--json", out, *flags], check=True, stdout=subprocess.DEVNULL)
        runs.append(json.loads(out.read_text()))
    vectors = runs[0]["vectors"]
    words = vectors and vectors["found"] + vectors["from_subwords"] + vectors["not_found"]
    return {"accuracy": statistics.mean(run["models"][0]["accuracy"] for run in runs),
            "f1": statistics.mean(run["models"][0]["f1"] for run in runs),
            "found": vectors and (vectors["found"] + vectors["from_subwords"]) / words}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dims", default="16,50,100,300")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--work", type=Path, default=ROOT / "build" / "vectors", help="folder for learned vectors")
    options.add_argument("--json", type=Path, help="write the figures")
    options = options.parse_args()
    if "ROUX_DATA" not in os.environ:
        sys.exit("vectors_experiment.py: ROUX_DATA does not name the folder of the data sets")
    folder = Path(os.environ["ROUX_DATA"])
    data, corpus = folder / "recipes" / "recipes_fruit_veg.csv", folder / "recipes" / "corpus.txt.gz"
    options.work.mkdir(parents=True, exist_ok=True)

    rows = []
    for dim in map(int, options.dims.split(",")):
        starts = [("random", ["--dim", str(dim)])]
        files = [("the corpus", learned(dim, corpus, options.work))]
        glove = folder / "glove" / ("glove.6B.%dd.subset.txt" % dim)
        if glove.exists():
            files.append(("GloVe, a part", glove))
        for name, path in files:
            starts.append((name, ["--vectors", path]))
            starts.append((name + ", frozen", ["--vectors", path, "--freeze"]))
        for name, flags in starts:
            say("%d, %s" % (dim, name))
            rows.append({"dim": dim, "start": name, **score(data, flags, options.seeds, options.epochs, options.work)})

    print("| dimension | start | words found | accuracy | macro F1 |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        found = "%.1f %%" % (100 * row["found"]) if row["found"] is not None else ""
        print("| %d | %s | %s | %.4f | %.4f |" % (row["dim"], row["start"], found, row["accuracy"], row["f1"]))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
