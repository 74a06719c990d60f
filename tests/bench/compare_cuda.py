#!/usr/bin/env python3
"""Sets cuda_bench beside PyTorch on the same card, and prints a table with the targets.

    compare_cuda.py [PART...] [--rounds N] [--json FILE] [--build DIR] [--size small]

Parts: memory products attention training finetuning (all when none is named). Ours and theirs run in turn, never side by side; figures are
medians of the rounds, ratios the median of the rounds' own ratios. What a figure means is in README.md beside this
file. Needs Python 3 alone; PEERS_PYTHON names a Python with PyTorch for CUDA (default: python3).
Where there is no CUDA device, or none in the build, it says so in one line and succeeds.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is written outside build/
from compare import PEERS, ROOT, Failed, Row, measure, print_table

PARTS = ("memory", "products", "attention", "training", "finetuning")
SHARE_OF_COPY, SHARE_OF_CUBLAS, OVER_EAGER, OVER_GRAPHS = 80, 0.95, 5, 1.2
STEP_OVER_EAGER, STEP_OVER_COMPILED = 1.2, 1


class Runs:
    """What both sides measured: for each round a dictionary, or nothing of the peer."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs

    def of(self, runs, key, **wanted):
        """The value of one row in each round; an empty list where there is none."""
        values = []
        for run in runs or []:
            found = [row[key] for row in run["rows"]
                     if key in row and all(row.get(name) == value for name, value in wanted.items())]
            values += found[:1]
        return values if len(values) == len(runs or []) else []

    def names(self, part):
        return list(dict.fromkeys(row["name"] for row in self.ours[0]["rows"] if row["part"] == part))

    def limits(self):
        """Of each round, the bandwidth of the fastest copy that anybody made, in GB/s."""
        limits = [run["copy_gb_per_s"] for run in self.ours]
        theirs = self.of(self.theirs, "gb_per_s", name="copy")
        return [max(pair) for pair in zip(limits, theirs)] if theirs else limits

    def notes(self):
        rows = [(row["name"], row["form"], row["note"]) for run in self.ours + (self.theirs or [])
                for row in run["rows"] if row.get("note")]
        return list(dict.fromkeys("%s, %s: %s" % row for row in rows))


def memory(runs):
    """Shares of a copy's bandwidth, of the bytes that must move at least."""
    limits = runs.limits()
    for name in runs.names("memory"):
        if name.startswith("copy, the driver"):
            continue
        ours, theirs = (runs.of(side, "gb_per_s", name=name) for side in (runs.ours, runs.theirs))
        if theirs and runs.of(runs.ours, "bytes", name=name) != runs.of(runs.theirs, "bytes", name=name):
            raise Failed("%s: the two sides did not do the same" % name)
        yield Row("%s (%.0f GB/s)" % (name, statistics.median(ours)), "% of a copy",
                  [100 * rate / limit for rate, limit in zip(ours, limits)], "PyTorch",
                  [100 * rate / limit for rate, limit in zip(theirs, limits)], compare="ours", at_least=SHARE_OF_COPY)


def products(runs):
    for name in runs.names("products"):
        yield Row(name, "TFLOP/s", runs.of(runs.ours, "tflop_per_s", name=name), "PyTorch: cuBLAS",
                  runs.of(runs.theirs, "tflop_per_s", name=name), at_least=SHARE_OF_CUBLAS)


def attention(runs):
    for name in runs.names("attention"):
        yield Row(name, "TFLOP/s", runs.of(runs.ours, "tflop_per_s", name=name), "PyTorch: SDPA",
                  runs.of(runs.theirs, "tflop_per_s", name=name))


def training(runs):
    for name in runs.names("training"):
        def rate(side, form):
            return runs.of(side, "titles_per_s", name=name, form=form)

        for form, bound in (("eager", OVER_EAGER), ("eager, fused Adam", OVER_EAGER), ("graphs", OVER_GRAPHS),
                            ("graphs, batches ready", None)):
            yield Row(name, "titles/s", rate(runs.ours, "replayed"), "PyTorch, " + form, rate(runs.theirs, form),
                      at_least=bound)
        yield Row(name + ", by calls", "titles/s", rate(runs.ours, "by calls"), "PyTorch, eager",
                  rate(runs.theirs, "eager"))


def finetuning(runs):
    for name in runs.names("finetuning"):
        for precision in ("float32", "tf32", "bfloat16"):
            ours = runs.of(runs.ours, "steps_per_s", name=name, form=precision)
            for form, bound in (("eager", STEP_OVER_EAGER), ("compile", STEP_OVER_COMPILED)):
                yield Row("%s, %s" % (name, precision), "steps/s", ours, "PyTorch, " + form,
                          runs.of(runs.theirs, "steps_per_s", name=name, form="%s, %s" % (precision, form)),
                          at_least=bound)


class Setting:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.python = os.environ.get("PEERS_PYTHON", "python3")
        self.corpus, self.missing = folder / "corpus.txt", ""

    def program(self):
        path = (ROOT / self.options.build).resolve() / "bench" / "cuda_bench"
        if not path.exists():
            sys.exit("compare_cuda.py: %s is not there (hint: make CUDA=1 bench-cuda)" % path)
        return path

    def device(self):
        """The name of the device, or a line that begins with `no CUDA device`."""
        return measure([self.program(), "--name"])[0].strip().splitlines()[-1]

    def run_ours(self):
        target = self.folder / "ours.json"
        measure([self.program(), *self.options.parts, "--size", self.options.size, "--json", target])
        return json.loads(target.read_text())

    def run_theirs(self):
        """None where the peer cannot run; why is in `missing` then."""
        if self.missing:
            return None
        command = [self.python, PEERS / "cuda_pytorch.py", *self.options.parts, "--size", self.options.size, "--corpus",
                   self.corpus, "--device", self.options.peer_device]
        try:
            result = json.loads(measure(command)[0].strip().splitlines()[-1])
        except OSError as error:
            result = {"missing": str(error)}
        except Failed as failure:
            print("compare_cuda.py: %s" % failure, file=sys.stderr)
            result = {"missing": "its script failed"}
        self.missing = result.get("missing", "")
        return None if self.missing else result

    def runs(self):
        measure([self.program(), "--size", self.options.size, "--write-corpus", self.corpus])
        ours, theirs = [], []
        for number in range(self.options.rounds):
            print("round %d of %d" % (number + 1, self.options.rounds), file=sys.stderr, flush=True)
            ours.append(self.run_ours())
            theirs.append(self.run_theirs())
        return Runs(ours, None if None in theirs else theirs)


def describe(setting, runs):
    ours = runs.ours[0]
    print("device      %s" % ours["device"])
    if runs.theirs:
        print("peer        %s on %s" % (runs.theirs[0]["peer"], runs.theirs[0]["device"]))
    else:
        print("peer        missing: ours are shown alone; %s (hint: set PEERS_PYTHON)" % setting.missing)
    copies = [("ours", runs.of(runs.ours, "gb_per_s", name="copy")),
              ("the driver's", runs.of(runs.ours, "gb_per_s", name="copy, the driver's")),
              ("PyTorch's", runs.of(runs.theirs, "gb_per_s", name="copy"))]
    print("copy        %s" % "; ".join("%s %.0f GB/s" % (name, statistics.median(rates))
                                       for name, rates in copies if rates))
    if "training" in setting.options.parts:
        print("titles      %s" % ours["corpus"])
    for note in runs.notes():
        print("note        %s" % note)
    print(flush=True)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of: " + " ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures of all rounds")
    parser.add_argument("--build", default="build", metavar="DIR", help="where the programs are (default build)")
    parser.add_argument("--size", choices=["full", "small"], default="full", help="small: to see that everything runs")
    parser.add_argument("--peer-device", choices=["cuda", "cpu"], default="cuda", help="cpu: to try the peer out")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown or options.rounds < 1:
        parser.error("there is no part " + unknown[0] if unknown else "--rounds must be 1 or more")
    options.parts = options.parts or list(PARTS)
    return options


def main():
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(options, Path(folder))
        name = setting.device()
        if name.startswith("no CUDA device"):
            print(name)
            return 0
        try:
            runs = setting.runs()
            rows = [row for part in (memory, products, attention, training, finetuning) if part.__name__ in options.parts
                    for row in part(runs)]
        except Failed as failure:
            print("compare_cuda.py: %s" % failure, file=sys.stderr)
            return 1
    describe(setting, runs)
    judged = options.size == "full"
    print_table(rows, judged)
    if options.json:
        figures = [{**asdict(row), "compared": row.compared(), "verdict": row.verdict() if judged else ""}
                   for row in rows]
        result = {"device": runs.ours[0]["device"], "peer": runs.theirs[0]["peer"] if runs.theirs else None,
                  "copy_gb_per_s": runs.limits(), "notes": runs.notes(), "rows": figures}
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
