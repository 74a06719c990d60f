"""Settings for classify_peers.py, by five-fold cross-validation on training parts alone.

    classify_tuning.py DATA [--texts sms,trec] [--peers svm,fasttext,classify] [--classify build/apps/classify]
        [--fasttext fasttext]

TREC: the folds of TREC.train.all. SMS: those of the training parts of splits 0 and 1; classify_peers.py reports others. A
coordinate search: from the first value of each setting, each setting in turn takes its best value while the others stay,
twice around. Prints each accuracy, in percent, with its settings, and what was chosen.
"""
import argparse
import os
import statistics
import tempfile

import classify_peers as peers

GRIDS = {
    "svm": {"C": [1, 0.25, 0.5, 2, 4], "analyzer": ["char", "char_wb"], "ngrams": [(2, 5), (1, 5)]},
    "fasttext": {"-wordNgrams": [2, 1, 3], "-epoch": [25, 10, 50, 100], "-lr": [0.5, 0.1, 0.25, 1],
                 "-minn 0 -maxn": [0], "-dim": [50, 10, 100]},
    "fasttext characters": {"-wordNgrams": [2], "-epoch": [50], "-lr": [0.5, 1], "-minn 2 -maxn": [5], "-dim": [50]},
    "classify": {"--lr": [8, 3, 5, 12], "--char-ngrams": ["3-5", "2-5"], "--min-count": [2, 1, 3]},
}


def folds(name, data):
    from sklearn.model_selection import StratifiedKFold, train_test_split

    if name == "trec":
        parts = [peers.read(os.path.join(data, "TREC.train.all"), " ", "latin-1")]
    else:
        rows = peers.read(os.path.join(data, "SMSSpamCollection"), "\t", "utf-8")
        parts = [train_test_split(rows, test_size=0.2, stratify=[row[0] for row in rows], random_state=seed)[0]
                 for seed in (0, 1)]
    for part in parts:
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(part, [row[0] for row in part]):
            yield [part[i] for i in train], [part[i] for i in test]


def labels_found(peer, options, settings, folder, train_rows, test_rows):
    if peer == "svm":
        from sklearn.svm import LinearSVC

        features = peers.svm_features(settings)
        known = features.fit_transform([row[1] for row in train_rows])
        fitted = LinearSVC(C=settings["C"]).fit(known, [row[0] for row in train_rows])
        return list(fitted.predict(features.transform([row[1] for row in test_rows])))
    train, test = os.path.join(folder, "train.tsv"), os.path.join(folder, "test.tsv")
    peers.write(train, train_rows)
    peers.write(test, test_rows)
    arguments = " ".join(f"{name} {value}" for name, value in settings.items())
    if peer == "classify":
        return peers.train_classify(options, arguments, folder, 0, train, test)[1]
    return peers.train_fasttext(options, arguments, folder, 0, train, test)[1]


def search(measure, grid):
    known = {}

    def remembered(settings):
        key = str(settings)
        if key not in known:
            known[key] = measure(settings)
            print(f"{100 * known[key]:.2f} {settings}", flush=True)
        return known[key]

    chosen = {name: values[0] for name, values in grid.items()}
    for _ in range(2):
        for name, values in grid.items():
            chosen[name] = max(values, key=lambda value: remembered({**chosen, name: value}))
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--texts", default="sms,trec")
    parser.add_argument("--peers", default=",".join(GRIDS))
    parser.add_argument("--classify", default="build/apps/classify")
    parser.add_argument("--fasttext", default="fasttext")
    options = parser.parse_args()
    options.threads = 1
    for name in options.texts.split(","):
        parts = list(folds(name, options.data))
        for peer in options.peers.split(","):
            def measure(settings):
                with tempfile.TemporaryDirectory() as folder:
                    return statistics.mean(
                        peers.scores(labels_found(peer, options, settings, folder, *part), [row[0] for row in part[1]])[0]
                        for part in parts)

            print(name, peer, "chosen:", search(measure, GRIDS[peer]), flush=True)


if __name__ == "__main__":
    main()
