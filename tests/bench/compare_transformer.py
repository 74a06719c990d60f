#!/usr/bin/env python3
"""Sets transformer_bench beside PyTorch and transformers, and prints a table with the targets.

    compare_transformer.py [PART...] [--rounds N] [--json FILE] [--build DIR] [--threads N]

Parts: step partial bfloat16 inference memory (all when none is named). Ours and theirs run in turn, never side by side,
each setting in a process of its own; figures are medians of the rounds, ratios the median of the rounds' own ratios.
Needs Python 3 alone; PEERS_PYTHON names a Python with torch and transformers (default: python3).
"""
import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is written outside build/
from compare import PEERS, ROOT, Failed, Row, measure, print_table

# Part, what is measured, arguments of both programs, how many times faster than the peer it has to be.
STEPS = (
    ("step", "all layers, 32 x 16", "step --batch 32 --length 16", 1),
    ("step", "all layers, 32 x 128", "step --batch 32 --length 128", 1),
    ("partial", "last 2 layers, 32 x 16", "step --train last:2 --batch 32 --length 16", 1),
    ("bfloat16", "all layers, bfloat16, 32 x 16", "step --precision bfloat16 --batch 32 --length 16", 1),
    ("bfloat16", "all layers, bfloat16, 32 x 128", "step --precision bfloat16 --batch 32 --length 128", 1),
    ("inference", "inference, 1 x 16", "inference --batch 1 --length 16 --steps 50", 1.5),
    ("inference", "inference, 1 x 128", "inference --batch 1 --length 128 --steps 20", 1.2),
    ("memory", "all layers, 32 x 128, resident", "step --batch 32 --length 128 --steps 2", None),
)
PARTS = tuple(dict.fromkeys(part for part, *_ in STEPS))
SHARE_OF_PRODUCT = 88  # percent of our own square product's rate, of float32 training steps


class Setting:
    def __init__(self, options):
        self.options, self.missing = options, ""
        self.python = os.environ.get("PEERS_PYTHON", "python3")
        self.program = (ROOT / options.build).resolve() / "bench" / "transformer_bench"
        if not self.program.exists():
            sys.exit("compare_transformer.py: %s is not there (hint: make bench-programs)" % self.program)

    def run(self, command, arguments):
        text = measure([*command, *arguments, "--threads", self.options.threads])[0]
        return json.loads(text.strip().splitlines()[-1])

    def ours(self, arguments):
        return self.run([self.program, "--json"], arguments)

    def theirs(self, arguments):
        """None where the peer cannot run; why is in `missing` then."""
        if self.missing:
            return None
        try:
            result = self.run([self.python, PEERS / "transformer_peers.py"], arguments)
        except OSError as error:
            result = {"missing": str(error)}
        self.missing = result.get("missing", "")
        return None if self.missing else result

    def rounds(self, arguments):
        ours, theirs = [], []
        for _ in range(self.options.rounds):
            ours.append(self.ours(arguments))
            theirs.append(self.theirs(arguments))
        return ours, [] if None in theirs else theirs


def rows_of(setting, part, what, arguments, target):
    print("%s" % what, file=sys.stderr, flush=True)
    ours, theirs = setting.rounds(arguments.split())

    def values(runs, key, factor=1):
        return [run[key] * factor for run in runs]

    if part == "memory":
        yield Row(what, "MB", values(ours, "peak_mb"), "PyTorch", values(theirs, "peak_mb"), at_most=1)
        return
    # A rate, because "faster" is "more" in the table.
    yield Row(what, "steps/s", [1 / run["best_s"] for run in ours], "PyTorch", [1 / run["best_s"] for run in theirs],
              at_least=target)
    yield Row(what + ": product of 2048", "GFLOP/s", values(ours, "square_gflops"), "PyTorch",
              values(theirs, "square_gflops"))
    if part in ("step", "partial"):
        yield Row(what, "% of our product", [100 * run["gflops"] / run["square_gflops"] for run in ours], "", [],
                  compare="ours", at_least=SHARE_OF_PRODUCT)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of: " + " ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of both (default 2)")
    parser.add_argument("--json", metavar="FILE", help="write the figures of all rounds")
    parser.add_argument("--build", default="build", metavar="DIR", help="where the programs are (default build)")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown or options.rounds < 1:
        parser.error("there is no part " + unknown[0] if unknown else "--rounds must be 1 or more")
    options.parts = options.parts or list(PARTS)
    return options


def main():
    options = parse_options()
    setting = Setting(options)
    try:
        rows = [row for step in STEPS if step[0] in options.parts for row in rows_of(setting, *step)]
    except Failed as failure:
        print("compare_transformer.py: %s" % failure, file=sys.stderr)
        return 1
    if setting.missing:
        print("peer missing: ours are shown alone; %s (hint: set PEERS_PYTHON)" % setting.missing)
    if os.getloadavg()[0] > options.threads + 0.5:
        print("note: the machine is not idle (load average %.1f): figures will be off" % os.getloadavg()[0])
    print_table(rows, True)
    if options.json:
        figures = [{**asdict(row), "compared": row.compared(), "verdict": row.verdict()} for row in rows]
        Path(options.json).write_text(json.dumps({"rows": figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
