"""TF-IDF over recipe titles in scikit-learn, beside ours: times, and whether the matrices agree.

    tfidf_sklearn.py TITLES.csv build/bench/vectorizer_bench

TITLES.csv is the file that vectorizer_bench reads (ROUX_DATA/recipes/recipes_fruit_veg.csv, else apps/data/recipes.csv).
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

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

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


def ours(program, name, folder):
    out = os.path.join(folder, name)
    seconds = json.loads(subprocess.run([program, "--write", name, out], check=True, capture_output=True).stdout)["seconds"]
    with open(out + ".terms", "rb") as file:
        terms = file.read().decode().split("\0")[:-1]
    indptr, indices, values = (numpy.fromfile(out + end, dtype) for end, dtype in
                               [(".indptr", numpy.int64), (".indices", numpy.int32), (".values", numpy.float32)])
    return seconds, scipy.sparse.csr_matrix((values, indices, indptr), shape=(len(indptr) - 1, len(terms))), terms


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        titles = [row["name"] for row in csv.DictReader(file) if row["name"]]
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in CASES.items():
            our_seconds, our_matrix, our_terms = ours(sys.argv[2], name, folder)
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
