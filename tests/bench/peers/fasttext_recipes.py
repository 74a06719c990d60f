"""fastText's supervised classifier on the recipe titles, timed as a whole process.

    fasttext_recipes.py TRAIN.csv VALIDATION.csv [--threads N] [--epochs N] [--dim N] [--seed N] [--program fasttext]

Both files have the columns name and category. The titles are cleaned as everywhere here (lower case, letters a-z) and
written as fastText reads them; this is not timed. The program then runs with -dim 64 -epoch 5 -minCount 2, from start
to exit, and predicts the validation part. Needs nothing but Python and the program. Prints one line of JSON:

    seconds            the whole process of training: reading, vocabulary, training, writing the model
    peak_megabytes     of that process
    words_per_second   as fastText reports it, a thread; the clock is read 10 times a second: take 20 epochs or more
    tokens_per_title   what fastText counts as words: the words of a title, its label and the end of its line
    words_per_title    the words alone
    titles_per_second  words_per_second / tokens_per_title
    accuracy, f1       on the validation part; F1 averaged over the categories
"""
import argparse
import csv
import json
import os
import re
import subprocess
import tempfile
import time


def read_rows(path):
    """Cleaned name and category of each row with a name."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["category"]) for row in csv.DictReader(file) if row["name"]]
    return [(" ".join(re.sub(r"[^a-z\s]", "", name.lower()).split()), category) for name, category in rows]


def write_training_file(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines("__label__%s %s\n" % (category, name) for name, category in rows)


def train(options, source, model):
    """Runs the program; its seconds, its peak of memory and what it reports."""
    command = [options.program, "supervised", "-input", source, "-output", model, "-dim", options.dim,
               "-epoch", options.epochs, "-thread", options.threads, "-minCount", 2, "-seed", options.seed]
    with tempfile.TemporaryFile() as report:
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=report, stderr=report)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        report.seek(0)
        text = report.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise SystemExit("fasttext failed: " + text.strip())
    return seconds, usage.ru_maxrss / 1024, text


def predict(options, model, rows):
    text = "".join(name + "\n" for name, _ in rows)
    result = subprocess.run([options.program, "predict", model + ".bin", "-"], input=text, stdout=subprocess.PIPE,
                            text=True, check=True)
    labels = result.stdout.splitlines()
    if len(labels) != len(rows):
        raise SystemExit("fasttext predicted %d lines for %d titles" % (len(labels), len(rows)))
    return [label.replace("__label__", "", 1).strip() for label in labels]


def scores(predicted, rows):
    """Accuracy and macro F1."""
    pairs = list(zip(predicted, (category for _, category in rows)))
    categories = sorted({category for _, category in rows})
    f1 = []
    for category in categories:
        both = sum(guess == truth == category for guess, truth in pairs)
        either = sum(guess == category for guess, _ in pairs) + sum(truth == category for _, truth in pairs)
        f1.append(2 * both / either if either else 0.0)
    return sum(guess == truth for guess, truth in pairs) / len(pairs), sum(f1) / len(f1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("validation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--program", default="fasttext")
    options = parser.parse_args()

    rows = read_rows(options.train)
    with tempfile.TemporaryDirectory() as folder:
        source, model = os.path.join(folder, "train.txt"), os.path.join(folder, "model")
        write_training_file(source, rows)
        seconds, peak, report = train(options, source, model)
        validation = read_rows(options.validation)
        accuracy, f1 = scores(predict(options, model, validation), validation)
    rates = re.findall(r"words/sec/thread:\s*(\d+)", report)
    words = sum(len(name.split()) for name, _ in rows) / len(rows)
    tokens = words + 2
    rate = float(rates[-1]) if rates else None
    print(json.dumps({"peer": "fastText", "threads": options.threads, "epochs": options.epochs, "titles": len(rows),
                      "seconds": seconds, "peak_megabytes": peak, "words_per_second": rate, "words_per_title": words,
                      "tokens_per_title": tokens, "titles_per_second": rate and rate / tokens,
                      "accuracy": accuracy, "f1": f1}))


if __name__ == "__main__":
    main()
