#!/usr/bin/env python3
"""Runs the tests of a build with CONFIG=coverage and says which lines they ran: see `make coverage`.

Prints a line for each folder and fails below LEAST of its lines. build/coverage/lines.txt names, for each file, the
lines that no test ran; build/coverage/lines/index.html shows them in the code.
"""

import argparse
import collections
import glob
import json
import os
import subprocess
import sys

FOLDERS = ["tensor", "autograd", "nn", "text"]
LEAST = 0.95


def run_tests(build, flags):
    """Fresh counts of one run of the tests. A part of them may be run by doctest's options.

    The programs that tests start (ROUX_APPS) are not counted: several programs' counts of one header do not merge.
    """
    for counts in glob.glob(f"{build}/**/*.gcda", recursive=True):
        os.remove(counts)
    command = [f"{build}/tests/roux_tests", "--test-suite-exclude=slow", *flags]
    if subprocess.run(command).returncode != 0:
        sys.exit("coverage: tests fail")


def collect(build, compiler, folders):
    """gcovr's summary of all files in these folders; its reports lie in `build`."""
    gcov = subprocess.run([*compiler.split(), "-print-prog-name=gcov"], capture_output=True, text=True, check=True)
    os.makedirs(f"{build}/lines", exist_ok=True)
    command = ["gcovr", "--root", ".", "--gcov-executable", gcov.stdout.strip(), "--txt", f"{build}/lines.txt",
               "--html-details", f"{build}/lines/index.html", "--json-summary", f"{build}/lines.json"]
    for folder in folders:
        command += ["--filter", f"{folder}/"]
    subprocess.run([*command, *(f"{build}/{folder}" for folder in [*folders, "tests"])], check=True)
    with open(f"{build}/lines.json") as stream:
        return json.load(stream)["files"]


def print_folders(files):
    """A line for each folder; whether all reach LEAST."""
    total, covered = collections.Counter(), collections.Counter()
    for file in files:
        folder = file["filename"].split("/")[0]
        total[folder] += file["line_total"]
        covered[folder] += file["line_covered"]
    for folder in total:
        share = covered[folder] / total[folder]
        print(f"{folder:10} {covered[folder]:6} of {total[folder]:6} lines {100 * share:6.1f}%")
    return all(covered[folder] >= LEAST * total[folder] for folder in total)


def main():
    parser = argparse.ArgumentParser(description="Says which lines the tests run.")
    parser.add_argument("--build", default="build/coverage", help="folder of the build (default %(default)s)")
    parser.add_argument("--compiler", default="g++", help="whose gcov is used (default %(default)s)")
    parser.add_argument("--folder", action="append", choices=FOLDERS, help="only these; repeatable")
    parser.add_argument("flags", nargs="*", help="doctest options, behind --")
    arguments = parser.parse_args()
    run_tests(arguments.build, arguments.flags)
    if print_folders(collect(arguments.build, arguments.compiler, arguments.folder or FOLDERS)):
        return 0
    print(f"less than {100 * LEAST:.0f} % in a folder: {arguments.build}/lines.txt names the lines", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
