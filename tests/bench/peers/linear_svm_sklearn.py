"""A linear support vector machine over TF-IDF features of the recipe titles, in scikit-learn, timed.

    linear_svm_sklearn.py TRAIN.csv VALIDATION.csv

Features: runs of 1 to 2 words, and runs of 2 to 6 characters within words that occur in two titles at least; term
frequencies enter by their logarithm. Both files have the columns name and category; titles are cleaned to a-z.
Prints one line of JSON: seconds (features, training and prediction; not the start of Python), accuracy, macro F1.
"""
import csv
import json
import re
import sys
import time

import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC


def read_columns(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["category"]) for row in csv.DictReader(file) if row["name"]]
    return [re.sub(r"[^a-z\s]", "", name.lower()) for name, _ in rows], [category for _, category in rows]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    names, categories = read_columns(sys.argv[1])
    validation_names, validation_categories = read_columns(sys.argv[2])

    started = time.perf_counter()
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 6), min_df=2, sublinear_tf=True)
    model = make_pipeline(FeatureUnion([("words", words), ("characters", characters)]), LinearSVC(C=0.3))
    model.fit(names, categories)
    predicted = model.predict(validation_names)
    seconds = time.perf_counter() - started

    print(json.dumps({"peer": "scikit-learn " + sklearn.__version__, "seconds": seconds,
                      "accuracy": accuracy_score(validation_categories, predicted),
                      "f1": f1_score(validation_categories, predicted, average="macro")}))


if __name__ == "__main__":
    main()
