#!/usr/bin/env python3
"""Sets train_recipes beside PyTorch, fastText and scikit-learn on the same titles, and prints a table.

    compare.py [PART...] [--quality] [--rounds N] [--json FILE] [--build DIR]

Parts: training fasttext process growth memory start tuned (all of these when none is named) and quality, which takes
minutes. Ours and theirs run in turn, never side by side; figures are medians of the rounds, ratios the median of the
rounds' own ratios. What a figure means is in README.md beside this file. Needs Python 3 alone. Reads the environment:
    ROUX_DATA      folder of the data sets (recipes/recipes_fruit_veg.csv); without it the recipes in apps/data are used
    PEERS_PYTHON   a Python with torch and scikit-learn; default: python3
"""
import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

# Options of train_recipes for the part `tuned`, chosen on a slice of the training part alone.
TUNED_FLAGS = ("--model embedding_bag --word-ngrams 2 --char-ngrams 3-6 --dim 8 --init-std 0.05 --dropout 0 "
               "--class-weights none --lr 0.002 --schedule linear --epochs 8").split()

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent / "peers"
MODELS = ("embedding_bag", "mean", "max", "sum")
SEEDS = (0, 1, 2)
DEFAULT_PARTS = ("training", "fasttext", "process", "growth", "memory", "start", "tuned")


@dataclass
class Row:
    """One line of the table. Lists hold a value a round (or a seed)."""

    what: str
    unit: str
    ours: list
    peer: str = ""
    theirs: list = field(default_factory=list)
    compare: str = "ratio"  # ours / theirs; or "difference", ours - theirs; or "ours", without a peer
    at_least: float = None  # targets
    at_most: float = None

    def compared(self):
        """What the target is about; None where the peer is missing."""
        if self.compare == "ours":
            return statistics.median(self.ours)
        if not self.theirs:
            return None
        if self.compare == "difference":
            return statistics.mean(self.ours) - statistics.mean(self.theirs)
        return statistics.median(ours / theirs for ours, theirs in zip(self.ours, self.theirs))

    def target(self):
        sign = {"ratio": "x", "difference": "", "ours": " " + self.unit}[self.compare]
        digits = "%+.4f" if self.compare == "difference" else "%g"
        if self.at_least is not None:
            return "at least " + digits % self.at_least + sign
        return "at most " + digits % self.at_most + sign if self.at_most is not None else ""

    def verdict(self):
        value = self.compared()
        if value is None or not self.target():
            return ""
        met = value >= self.at_least if self.at_least is not None else value <= self.at_most
        return "met" if met else "MISSED"

    def figure(self, values):
        if not values:
            return "-"
        if self.unit in ("accuracy", "F1"):
            return "%.4f" % statistics.mean(values)
        middle = statistics.median(values)
        return "{:,.0f}".format(middle) if middle >= 1000 else "%.3g" % middle

    def cells(self, judged):
        value = self.compared() if self.compare != "ours" else None
        ratio = "" if value is None else "%+.4f" % value if self.compare == "difference" else "%.3gx" % value
        target = [self.target(), self.verdict()] if judged else ["", ""]
        return [self.what, self.unit, self.figure(self.ours), self.figure(self.theirs) if self.peer else "", ratio,
                *target, self.peer if self.theirs or not self.peer else "missing: " + self.peer]


class Failed(Exception):
    """A program that we ran has failed."""


def measure(command):
    """Runs a command to its end: standard output, seconds, peak of resident memory in megabytes."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise Failed("failed (%d): %s\n%s" % (process.returncode, " ".join(map(str, command)), text[-2000:]))
    per_megabyte = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return text, seconds, usage.ru_maxrss / per_megabyte


def can_run(command):
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


class Setting:
    """What is there to compare: programs, data, peers; and the calls that run each of them once."""

    def __init__(self, options, folder):
        self.rounds, self.folder = options.rounds, folder
        self.build = (ROOT / options.build).resolve()
        self.program = self.build / "apps" / "train_recipes"
        if not self.program.exists():
            sys.exit("compare.py: %s is not there (hint: make)" % self.program)
        python = os.environ.get("PEERS_PYTHON", "python3")
        self.torch = python if can_run([python, "-c", "import torch, sklearn, numpy"]) else None
        self.sklearn = python if self.torch or can_run([python, "-c", "import sklearn"]) else None
        self.fasttext = shutil.which("fasttext")
        self.find_data()

    def find_data(self):
        data = os.environ.get("ROUX_DATA")
        large = Path(data).resolve() / "recipes" / "recipes_fruit_veg.csv" if data else None
        self.judged = bool(large and large.exists())
        self.data = large if self.judged else ROOT / "apps" / "data" / "recipes.csv"
        self.train, self.validation = self.folder / "train.csv", self.folder / "validation.csv"
        if self.sklearn:
            measure([self.sklearn, PEERS / "recipes_pytorch.py", self.data, "--write-split", self.folder])
        else:
            write_split(self.data, self.train, self.validation)

    def describe(self):
        processor = next((line.split(":", 1)[1].strip() for line in read_lines("/proc/cpuinfo")
                          if line.startswith("model name")), "unknown")
        print("processor   %s, %d threads" % (processor, os.cpu_count()))
        print("data        %s%s" % (self.data.name, "" if self.judged else
                                    ": the small set that ships with roux, because ROUX_DATA is not set or has no "
                                    "recipes; targets are for the large one and left out"))
        print("split       %s" % ("scikit-learn's, stratified, random_state 42" if self.sklearn else
                                  "our own, stratified, because there is no scikit-learn"))
        for name, found, hint in (("PyTorch", self.torch, "set PEERS_PYTHON to a Python with torch and scikit-learn"),
                                  ("fastText", self.fasttext, "install the program fasttext")):
            print("%-11s %s" % (name, "found" if found else "missing: ours are shown alone (%s)" % hint))
        if os.getloadavg()[0] > 0.5:
            print("note        the machine is not idle (load average %.1f): figures will be off" % os.getloadavg()[0])
        print(flush=True)

    def ours(self, *flags, threads=1, seed=0):
        """Models by name as the program's JSON has them, and seconds and megabytes of the whole process."""
        target = self.folder / "ours.json"
        command = [self.program, "--data", self.train, "--validation", self.validation, "--threads", threads,
                   "--seed", seed, "--json", target, *flags]
        _, seconds, megabytes = measure(command)
        models = {model["name"]: model for model in json.loads(target.read_text())["models"]}
        return {"models": models, "seconds": seconds, "megabytes": megabytes}

    def script(self, python, name, *arguments):
        """The result that a peer's script prints as its last line, with the peak of memory."""
        text, _, megabytes = measure([python, PEERS / name, *arguments])
        return {"megabytes": megabytes, **json.loads(text.strip().splitlines()[-1])}

    def pytorch(self, *flags):
        return self.script(self.torch, "recipes_pytorch.py", self.data, *flags) if self.torch else None

    def fasttext_run(self, *flags):
        if not self.fasttext:
            return None
        return self.script(sys.executable, "fasttext_recipes.py", self.train, self.validation, *flags)

    def svm(self):
        return self.script(self.sklearn, "linear_svm_sklearn.py", self.train, self.validation) if self.sklearn else None

    def in_turn(self, *calls, rounds=None):
        """Calls each in turn, round by round: for each of them the list of its results; None for a missing peer."""
        results = [[] for _ in calls]
        for number in range(rounds or self.rounds):
            for result, call in zip(results, calls):
                result.append(call(number))
        return [None if None in result else result for result in results]


def read_lines(path):
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def write_split(source, train, validation):
    """A stratified split, a fifth to validate, for machines without scikit-learn."""
    with open(source, encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["category"]) for row in csv.DictReader(file) if row["name"]]
    random.Random(42).shuffle(rows)
    parts = {train: [], validation: []}
    for category in sorted({category for _, category in rows}):
        members = [row for row in rows if row[1] == category]
        cut = round(len(members) / 5)
        parts[validation] += members[:cut]
        parts[train] += members[cut:]
    for path, part in parts.items():
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("name", "category"), *part])


def values(results, key):
    return [result[key] for result in results] if results else []


def of_model(results, model, key):
    return [result["models"][model][key] for result in results]


# ---- The parts: each gives rows. -------------------------------------------------------------------------------------


def training(setting):
    """EmbeddingBag with the course's settings, one thread, against PyTorch's three forms."""
    ours, lab, dense, best = setting.in_turn(
        lambda _: setting.ours("--model", "embedding_bag"),
        lambda _: setting.pytorch("--form", "lab", "--epochs", 2),
        lambda _: setting.pytorch("--form", "dense", "--epochs", 4),
        lambda _: setting.pytorch("--form", "best", "--epochs", 4))
    rate = of_model(ours, "embedding_bag", "titles_per_second")
    for name, peer, bound in (("lab", lab, 40), ("dense", dense, 8), ("best", best, 8)):
        yield Row("EmbeddingBag training, 1 thread", "titles/s", rate, "PyTorch, " + name,
                  values(peer, "titles_per_second"), at_least=bound)


def fasttext(setting):
    """The same against fastText: its rate over many epochs, and whole processes of 5."""
    ours, rates, whole = setting.in_turn(lambda _: setting.ours("--model", "embedding_bag"),
                                         lambda _: setting.fasttext_run("--epochs", 50),
                                         lambda _: setting.fasttext_run())
    rate = of_model(ours, "embedding_bag", "titles_per_second")
    strict = [run["words_per_second"] / run["words_per_title"] for run in rates or []]
    what = "EmbeddingBag training, 1 thread"
    yield Row(what, "titles/s", rate, "fastText, words/s : (words + label + line end)",
              values(rates, "titles_per_second"), at_least=1)
    yield Row(what, "titles/s", rate, "fastText, words/s : words alone", strict, at_least=1)
    yield Row("EmbeddingBag, whole process, 1 thread", "seconds", values(ours, "seconds"), "fastText",
              values(whole, "seconds"))


def process(setting):
    """All four models, 5 epochs, 2 threads, against one fastText model."""
    ours, one, two = setting.in_turn(lambda _: setting.ours("--model", "all", threads=2),
                                     lambda _: setting.fasttext_run(),
                                     lambda _: setting.fasttext_run("--threads", 2))
    what, seconds = "four models, whole process, 2 threads", values(ours, "seconds")
    yield Row(what, "seconds", seconds, "fastText, one model, 1 thread", values(one, "seconds"), at_most=4)
    yield Row(what, "seconds", seconds, "fastText, one model, 2 threads", values(two, "seconds"))


def growth(setting):
    """A step with a table of 400,000 rows over one of 4,000: here `ours` is that ratio, and so is the peer's."""
    program = setting.build / "bench" / "training_bench"
    if not program.exists():
        raise Failed("%s is not there (hint: make bench-programs)" % program)
    text, _, _ = measure([program, "--benchmark_filter=^embedding_bag/rows", "--benchmark_format=json",
                          "--benchmark_repetitions=%d" % setting.rounds, "--benchmark_enable_random_interleaving=true"])
    times = {}
    for run in json.loads(text[text.index("{"):])["benchmarks"]:
        if run["run_type"] == "iteration":
            times.setdefault(run["run_name"].split("/")[1], []).append(run["real_time"])
    base = statistics.median(times["rows:4000"])
    flags = "--form", "dense", "--titles", 640, "--epochs", 3, "--table-rows"
    short, long = setting.in_turn(lambda _: setting.pytorch(*flags, 4000), lambda _: setting.pytorch(*flags, 400000))
    theirs = [a["titles_per_second"] / b["titles_per_second"] for a, b in zip(short or [], long or [])]
    for rows in ("40000", "400000"):
        yield Row("time of a step, %s rows : 4,000" % "{:,}".format(int(rows)), "times",
                  [time / base for time in times["rows:" + rows]], "PyTorch, dense" if rows == "400000" else "",
                  theirs if rows == "400000" else [], compare="ours", at_most=1.3)


def memory(setting):
    ours, lab = setting.in_turn(lambda _: setting.ours("--model", "all", threads=2),
                                lambda _: setting.pytorch("--epochs", 1, "--titles", 3200), rounds=1)
    yield Row("peak resident memory, four models", "MB", values(ours, "megabytes"), "PyTorch, lab",
              values(lab, "megabytes"), compare="ours", at_most=120)


def start(setting):
    """Milliseconds from the start of a process to its end, beside a program that does nothing."""
    runs = setting.in_turn(lambda _: 1000 * measure([setting.program, "--help"])[1],
                           lambda _: 1000 * measure(["true"])[1], rounds=20)
    yield Row("train_recipes --help", "ms", runs[0], "true", runs[1], compare="ours", at_most=10)


def quality(setting):
    """The course's settings, mean of three seeds; PyTorch on one thread, which does not change its results."""
    ours = [setting.ours("--model", "all", threads=2, seed=seed) for seed in SEEDS]
    for model in MODELS:
        peer, = setting.in_turn(lambda seed: setting.pytorch("--model", model, "--seed", seed), rounds=len(SEEDS))
        for unit, key, bound in (("accuracy", "accuracy", -0.003), ("F1", "f1", -0.004)):
            yield Row("%s, course's settings" % model, unit, of_model(ours, model, key), "PyTorch, lab",
                      values(peer, key), compare="difference", at_least=bound)


def tuned(setting):
    """Settings of our choice, mean of three seeds, against fastText and a linear SVM; seconds of whole processes."""
    ours, text, svm = setting.in_turn(lambda seed: setting.ours(*TUNED_FLAGS, threads=2, seed=seed),
                                      lambda seed: setting.fasttext_run("--seed", seed),
                                      lambda _: setting.svm(), rounds=len(SEEDS))
    name = next(iter(ours[0]["models"]))
    for peer, results in (("fastText", text), ("linear SVM", svm)):
        for unit, key in (("accuracy", "accuracy"), ("F1", "f1")):
            yield Row("tuned, 2 threads", unit, of_model(ours, name, key), peer, values(results, key),
                      compare="difference", at_least=0)
    yield Row("tuned, whole process", "seconds", values(ours, "seconds"), "linear SVM, without Python's start",
              values(svm, "seconds"), at_most=1)


PARTS = {part.__name__: part for part in (training, fasttext, process, growth, memory, start, tuned, quality)}


def print_table(rows, judged):
    header = ["what", "unit", "ours", "theirs", "compared", "target", "", "peer"]
    lines, shown = [header], set()
    for row in rows:  # ours once where the peers it would stand beside are missing
        if row.theirs or not row.peer or (row.what, row.unit) not in shown:
            lines.append(row.cells(judged))
        shown.add((row.what, row.unit))
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    right = {2, 3, 4}
    for line in lines:
        cells = [cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(line)]
        print("  ".join(cells).rstrip())


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of: " + " ".join(PARTS))
    parser.add_argument("--quality", action="store_true", help="the part quality too")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures of all rounds")
    parser.add_argument("--build", default="build", metavar="DIR", help="where the programs are (default build)")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown or options.rounds < 1:
        parser.error("there is no part " + unknown[0] if unknown else "--rounds must be 1 or more")
    options.parts = list(options.parts or DEFAULT_PARTS)
    if options.quality and "quality" not in options.parts:
        options.parts.append("quality")
    return options


def measure_parts(program, names, parts, setting):
    """The rows of the parts of these names, and how many parts failed."""
    rows, failures = [], 0
    for part in names:
        print("measuring: " + part, file=sys.stderr, flush=True)
        try:
            rows += parts[part](setting)
        except Failed as failure:
            print("%s: %s: %s" % (program, part, failure), file=sys.stderr)
            failures += 1
    return rows, failures


def write_rows(path, rows, **more):
    judged = [{**asdict(row), "compared": row.compared(), "verdict": row.verdict()} for row in rows]
    Path(path).write_text(json.dumps({**more, "rows": judged}, indent=2) + "\n")


def main():
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(options, Path(folder))
        setting.describe()
        rows, failures = measure_parts("compare.py", options.parts, PARTS, setting)
    print_table(rows, setting.judged)
    if options.json:
        write_rows(options.json, rows, data=setting.data.name)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
