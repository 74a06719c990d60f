#!/usr/bin/env python3
"""Sets apps/custom_layer beside the same in PyTorch's C++ API: compile time, start of the program, lines; prints a table.

    compare_custom_layer.py [--rounds N] [--json FILE] [--prefix DIR]

Both files are compiled by one command each, without optimisation as their READMEs do, and started; in turn, figures are
medians of the rounds. Needs an installed roux (`make test-outsider` leaves one in build/installed) and Python 3;
PEERS_PYTHON names a Python with torch (default: python3), CXX a compiler (default: g++).
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is written outside build/
from compare import PEERS, ROOT, Failed, Row, measure, print_table

CXX = shlex.split(os.environ.get("CXX", "g++"))
OURS = ROOT / "apps" / "custom_layer" / "custom_layer.cpp"
THEIRS = PEERS / "custom_layer_pytorch.cpp"
STARTS = 20  # a round


def our_flags(prefix):
    path = str(ROOT / prefix / "lib" / "pkgconfig")
    answer = subprocess.run(["pkg-config", "--cflags", "--libs", "roux_test_main"], stdout=subprocess.PIPE,
                            env={**os.environ, "PKG_CONFIG_PATH": path})
    if answer.returncode != 0:
        sys.exit("compare_custom_layer.py: no roux in %s (hint: make test-outsider)" % prefix)
    return shlex.split(answer.stdout.decode())


def their_flags():
    """None where there is no torch. What links against CUDA is left out: it would start later."""
    python = os.environ.get("PEERS_PYTHON", "python3")
    try:
        answer = subprocess.run([python, "-c", "import torch; print(torch.__path__[0])"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
    except OSError:
        return None
    if answer.returncode != 0:
        return None
    folder = Path(answer.stdout.decode().strip())
    include, lib = folder / "include", folder / "lib"
    return ["-std=c++20", "-I%s" % include, "-I%s" % (include / "torch" / "csrc" / "api" / "include"), "-L%s" % lib,
            "-Wl,-rpath,%s" % lib, "-ltorch_cpu", "-lc10"]


def one_round(source, flags, program):
    """Seconds of compiling and linking, milliseconds of a start without a test."""
    _, compiling, _ = measure([*CXX, source, *flags, "-o", program])
    measure([program])  # its tests pass; and it is in memory now
    return compiling, 1000 * statistics.median(measure([program, "--count"])[1] for _ in range(STARTS))


def first_test_ends(source):
    """Lines up to the end of the first test: an operation, its gradient and their check."""
    lines = source.read_text().split("\n")
    test = next(number for number, line in enumerate(lines) if line.startswith("TEST_CASE"))
    return next(number + 1 for number, line in enumerate(lines) if number > test and line == "}")


def rows_of(options):
    ours, theirs = our_flags(options.prefix), their_flags()
    rounds = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            rounds["ours"].append(one_round(OURS, ours, Path(folder) / "ours"))
            if theirs:
                rounds["theirs"].append(one_round(THEIRS, theirs, Path(folder) / "theirs"))
    peer = "PyTorch's C++ API"
    for index, (what, unit) in enumerate((("compiling and linking", "s"), ("start to exit", "ms"))):
        values = [[each[index] for each in rounds[side]] for side in ("ours", "theirs")]
        yield Row(what, unit, values[0], peer, values[1])
        yield Row(what, unit, values[0], compare="ours", at_most=(3, 10)[index])
    yield Row("operation, gradient, test", "lines", [first_test_ends(OURS)], peer,
              [first_test_ends(THEIRS)] if theirs else [])
    yield Row("operation, gradient, test", "lines", [first_test_ends(OURS)], compare="ours", at_most=30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="all figures as JSON")
    parser.add_argument("--prefix", default="build/installed", help="where roux is installed (default %(default)s)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    try:
        rows = list(rows_of(options))
    except Failed as failure:
        sys.exit("compare_custom_layer.py: %s" % failure)
    if os.getloadavg()[0] > 1.5:
        print("note: the machine is not idle (load average %.1f): figures will be off" % os.getloadavg()[0])
    print_table(rows, judged=True)
    if options.json:
        figures = [{**asdict(row), "compared": row.compared(), "verdict": row.verdict()} for row in rows]
        Path(options.json).write_text(json.dumps({"rows": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
