"""apps/classify beside fastText and a linear SVM over TF-IDF, as whole processes on the same texts.

    classify_peers.py DATA [--classify build/apps/classify] [--fasttext fasttext] [--seeds N] [--threads N] [--json FILE]

DATA holds SMSSpamCollection, TREC.train.all (ISO-8859-1) and TREC.test.all. SMS is split 80 to 20 by class, anew for each
seed; TREC has a test file, and seeds are those of the trainings. Each peer trains from a file and labels the other part
in processes of its own; seconds are those of training, from start to exit (for the SVM with the imports of
scikit-learn). Needs scikit-learn and the program fasttext. Settings were chosen by cross-validation on the training
part of TREC and on SMS. Prints a table of means over the seeds, in percent and seconds.

    classify   its defaults
    fasttext   lower case, punctuation apart; -wordNgrams 2 -epoch 25 -lr 0.5 -dim 50 -bucket 200000
    svm        words 1 to 2 and characters 2 to 5, sublinear TF-IDF of scikit-learn each, LinearSVC with C = 1
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

FASTTEXT = "-wordNgrams 2 -epoch 25 -lr 0.5 -dim 50 -bucket 200000".split()


def read(path, separator, encoding):
    with open(path, encoding=encoding, newline="\n") as file:
        rows = [line.rstrip("\n").split(separator, 1) for line in file if line.strip()]
    return [(label, " ".join(text.split())) for label, text in rows]


def write(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{label}\t{text}\n" for label, text in rows)


def splits(data, seeds):
    """Name, seed, rows to train on, rows to test on."""
    from sklearn.model_selection import train_test_split

    sms = read(os.path.join(data, "SMSSpamCollection"), "\t", "utf-8")
    for seed in range(seeds):
        train, test = train_test_split(sms, test_size=0.2, stratify=[row[0] for row in sms], random_state=seed)
        yield "sms", seed, train, test
    trec = [read(os.path.join(data, f"TREC.{part}.all"), " ", "latin-1") for part in ("train", "test")]
    for seed in range(seeds):
        yield "trec", seed, trec[0], trec[1]


def timed(command, **options):
    started = time.perf_counter()
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr.strip()}")
    return time.perf_counter() - started, done.stdout


def classify(options, folder, seed, train, test):
    model = os.path.join(folder, "classify")
    seconds, _ = timed([options.classify, "train", "--data", train, "--format", "tsv", "--save", model, "--seed", seed,
                        "--threads", options.threads])
    text = "".join(line.split("\t", 1)[1] for line in open(test, encoding="utf-8"))
    _, output = timed([options.classify, "predict", model], input=text)
    return seconds, [line.split("\t", 1)[0] for line in output.splitlines()]


def fasttext(options, folder, seed, train, test):
    def prepared(path, labels):
        rows = [line.rstrip("\n").split("\t", 1) for line in open(path, encoding="utf-8")]
        words = [" ".join(re.findall(r"\w+|[^\w\s]", text.lower())) for _, text in rows]
        return "".join((f"__label__{row[0]} " if labels else "") + text + "\n" for row, text in zip(rows, words))

    source, model = os.path.join(folder, "fasttext.txt"), os.path.join(folder, "fasttext")
    with open(source, "w", encoding="utf-8") as file:
        file.write(prepared(train, True))
    seconds, _ = timed([options.fasttext, "supervised", "-input", source, "-output", model, "-seed", seed, "-thread",
                        options.threads, *FASTTEXT])
    _, output = timed([options.fasttext, "predict", model + ".bin", "-"], input=prepared(test, False))
    return seconds, [line.replace("__label__", "", 1) for line in output.splitlines()]


def svm(options, folder, seed, train, test):
    model = os.path.join(folder, "svm")
    seconds, _ = timed([sys.executable, __file__, "--svm-train", train, model])
    _, output = timed([sys.executable, __file__, "--svm-predict", test, model])
    return seconds, output.splitlines()


def svm_process(action, path, model):
    """A process of its own: trains from a file and keeps the model, or labels a file."""
    import pickle
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    rows = [line.rstrip("\n").split("\t", 1) for line in open(path, encoding="utf-8")]
    texts, labels = [row[1] for row in rows], [row[0] for row in rows]
    if action == "--svm-train":
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
        characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True)
        fitted = make_pipeline(make_union(words, characters), LinearSVC(C=1)).fit(texts, labels)
        with open(model, "wb") as file:
            pickle.dump(fitted, file)
    else:
        with open(model, "rb") as file:
            print("\n".join(pickle.load(file).predict(texts)))


def scores(found, truth):
    """Accuracy, and F1 averaged over the classes."""
    if len(found) != len(truth):
        sys.exit(f"{len(found)} labels for {len(truth)} texts")
    f1 = []
    for label in sorted(set(truth)):
        both = sum(a == b == label for a, b in zip(found, truth))
        f1.append(2 * both / (found.count(label) + truth.count(label)))
    return sum(a == b for a, b in zip(found, truth)) / len(truth), sum(f1) / len(f1)


def main():
    if len(sys.argv) == 4 and sys.argv[1] in ("--svm-train", "--svm-predict"):
        return svm_process(*sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--classify", default="build/apps/classify")
    parser.add_argument("--fasttext", default="fasttext")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    options = parser.parse_args()
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        train, test = os.path.join(folder, "train.tsv"), os.path.join(folder, "test.tsv")
        for name, seed, train_rows, test_rows in splits(options.data, options.seeds):
            write(train, train_rows)
            write(test, test_rows)
            for peer in (classify, fasttext, svm):
                seconds, found = peer(options, folder, seed, train, test)
                accuracy, f1 = scores(found, [row[0] for row in test_rows])
                runs.setdefault((name, peer.__name__), []).append((accuracy, f1, seconds))
    results = []
    print(f"{'texts':6} {'peer':9} {'accuracy':>9} {'macro F1':>9} {'seconds':>8}")
    for (name, peer), values in runs.items():
        accuracy, f1, seconds = (statistics.mean(column) for column in zip(*values))
        results.append({"texts": name, "peer": peer, "accuracy": accuracy, "f1": f1, "seconds": seconds,
                        "runs": [dict(zip(("accuracy", "f1", "seconds"), run)) for run in values]})
        print(f"{name:6} {peer:9} {100 * accuracy:9.2f} {100 * f1:9.2f} {seconds:8.2f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
