"""TF-IDF over recipe titles in scikit-learn, beside ours: times, and whether the matrices agree.

    tfidf_sklearn.py TITLES.csv build/bench/vectorizer_bench

TITLES.csv is one of the two files that vectorizer_bench reads: .../recipes/recipes_fruit_veg.csv of a folder of data
sets, or apps/data/recipes.csv of this source tree. Which of them is told to it through ROUX_DATA.
For each case a line of JSON: seconds of either (the best of five, one thread, fit_transform alone), their ratio, the
shape, and the largest difference between two values. Exits 1 where columns or values differ.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

ROOT = Path(__file__).resolve().parents[3]
CASES = {
    "words": dict(),
    "words_1_2": dict(ngram_range=(1, 2)),
    "characters_2_5": dict(analyzer="char", ngram_range=(2, 5)),
    "characters_in_words_2_5": dict(analyzer="char_wb", ngram_range=(2, 5)),
}


def theirs(titles, arguments):
    best = float("inf")
    for _ in range(5):
        vectorizer = TfidfVectorizer(**arguments)
        started = time.perf_counter()
        matrix = vectorizer.fit_transform(titles)
        best = min(best, time.perf_counter() - started)
    return best, matrix, vectorizer.get_feature_names_out()


def surroundings(titles):
    """The environment in which vectorizer_bench reads this file; it runs in the root of the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "ROUX_DATA"}
    if titles.parts[-2:] == ("recipes", "recipes_fruit_veg.csv"):
        return environment | {"ROUX_DATA": str(titles.parent.parent)}
    if titles == ROOT / "apps" / "data" / "recipes.csv":
        return environment
    sys.exit("tfidf_sklearn.py: vectorizer_bench cannot read %s; expected .../recipes/recipes_fruit_veg.csv or %s"
             % (titles, ROOT / "apps" / "data" / "recipes.csv"))


def ours(program, name, folder, environment):
    out = os.path.join(folder, name)
    run = subprocess.run([program, "--write", name, out], check=True, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    seconds = json.loads(run.stdout)["seconds"]
    with open(out + ".terms", "rb") as file:
        terms = file.read().decode().split("\0")[:-1]
    indptr, indices, values = (numpy.fromfile(out + end, dtype) for end, dtype in
                               [(".indptr", numpy.int64), (".indices", numpy.int32), (".values", numpy.float32)])
    return seconds, scipy.sparse.csr_matrix((values, indices, indptr), shape=(len(indptr) - 1, len(terms))), terms


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    path, program = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    environment = surroundings(path)
    with open(path, encoding="utf-8", newline="") as file:
        titles = [row["name"] for row in csv.DictReader(file) if row["name"]]
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in CASES.items():
            our_seconds, our_matrix, our_terms = ours(program, name, folder, environment)
            seconds, matrix, terms = theirs(titles, arguments)
            same_terms = sorted(our_terms) == sorted(terms)
            difference = None
            if same_terms and our_matrix.shape == matrix.shape:
                column = {term: i for i, term in enumerate(our_terms)}
                reordered = our_matrix[:, [column[term] for term in terms]].astype(numpy.float64)
                difference = float(abs(reordered - matrix).max())
            agree = agree and difference is not None and difference < 1e-6
            print(json.dumps({"case": name, "seconds": our_seconds, "scikit-learn": seconds,
                              "ratio": seconds / our_seconds, "shape": matrix.shape, "same_terms": same_terms,
                              "largest_difference": difference}), flush=True)
    sys.exit(0 if agree else 1)


main()
