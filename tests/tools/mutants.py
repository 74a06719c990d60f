#!/usr/bin/env python3
"""Breaks gradients and kernels one at a time and says which breakages no test notices: see `make mutants`.

Each mutant is compiled by itself, linked in front of the library with the tests nearest to it, and run until the first
failed check. The build is not touched: everything is written under build/mutants/. Outcomes:

  caught         a check failed, the program crashed, or it took far longer than it should
  survived       the tests passed
  same code      the compiler made the same machine code of it
  not compiled   the compiler or the linker refused it
  explained      listed in mutants_explained.txt with the reason why no test can notice; not run

The score is caught / (caught + survived). Exit 1 if a gradient's mutant survived or the score is below 95 %.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import glob
import json
import os
import queue
import random
import resource
import shlex
import signal
import subprocess
import sys
import threading
import zlib

sys.dont_write_bytecode = True  # nothing is written outside of build/
import mutations

FOLDER = "build/mutants"
LIBRARY = f"{FOLDER}/libroux.a"  # a copy without what debuggers read, which would take most of the time to link
EXPLAINED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mutants_explained.txt")
LEAST_SCORE = 0.95
# Without inlining across everything this compiles in a fraction of the time. Warnings are of no interest here.
QUICKER = ["-O1", "-g0", "-w"]

# A header is broken in one kernel that uses most of it.
COMPILED_IN = {
    "tensor/functions.h": "tensor/cpu/elementwise.cpp",
    "tensor/cpu/strided_loop.h": "tensor/cpu/elementwise.cpp",
    "tensor/cpu/attention_products.h": "tensor/cpu/attention.cpp",
    "tensor/cpu/attention_rows.h": "tensor/cpu/attention.cpp",
    "tensor/cpu/lanes.h": "tensor/cpu/softmax.cpp",
    "tensor/cpu/bags.h": "tensor/cpu/embedding.cpp",
    "tensor/cpu/simd.h": "tensor/cpu/adam.cpp",
    "tensor/cpu/softmax_rows.h": "tensor/cpu/softmax.cpp",
    "tensor/cpu/transpose4.h": "tensor/cpu/matmul_float32.cpp",
}
# What is broken unless --only names something else.
SOURCES = ["autograd/ops*.cpp", "autograd/gradient.cpp", "autograd/engine.cpp", "tensor/cpu/*.cpp", *COMPILED_IN]
# The tests nearest to a source beside the table of operations; of several patterns the first that fits.
OPERATIONS = "tests/operations/*.cpp"
NEAREST = [
    ("autograd/ops_layers.cpp", ["tests/nn/embedding_test.cpp", "tests/nn/lazy_adam_test.cpp",
                                 "tests/nn/training_test.cpp"]),
    ("autograd/ops*", ["tests/autograd/variable_test.cpp"]),
    ("autograd/*", ["tests/autograd/*_test.cpp", "tests/nn/clip_grad_test.cpp"]),
    ("tensor/cpu/lazy_adam*", ["tests/nn/lazy_adam*_test.cpp"]),
    ("tensor/cpu/adam*", ["tests/tensor/adam_test.cpp", "tests/nn/optimizer_test.cpp"]),
    ("tensor/cpu/attention*", ["tests/tensor/attention_test.cpp"]),
    ("tensor/cpu/matmul*", ["tests/tensor/matmul_test.cpp"]),
    ("tensor/cpu/philox*", ["tests/tensor/philox_test.cpp", "tests/tensor/random_test.cpp"]),
    ("tensor/cpu/random*", ["tests/tensor/random_test.cpp"]),
    ("tensor/cpu/sort*", ["tests/tensor/sort_test.cpp"]),
    ("tensor/cpu/reduce*", ["tests/tensor/reduce_test.cpp"]),
    ("tensor/cpu/index*", ["tests/tensor/index_test.cpp", "tests/tensor/embedding_test.cpp"]),
    ("tensor/cpu/softmax*", ["tests/tensor/softmax_test.cpp"]),
    ("tensor/cpu/embedding*", ["tests/tensor/embedding_test.cpp"]),
    ("tensor/cpu/pooling*", ["tests/tensor/embedding_test.cpp", "tests/tensor/layer_ops_test.cpp"]),
    ("tensor/cpu/elementwise*", ["tests/tensor/vector_math_test.cpp", "tests/tensor/dtype_test.cpp"]),
    ("tensor/cpu/copy*", ["tests/tensor/tensor_test.cpp", "tests/tensor/dtype_test.cpp"]),
    ("tensor/cpu/blas_threads*", ["tests/tensor/parallel_test.cpp"]),
    ("tensor/*", ["tests/tensor/layer_ops_test.cpp"]),
]


# Long tests of what lies above the kernels: mutants of kernels go without.
ABOVE_KERNELS = "*gradients are those of the function,*nothing is left behind,*variables give what tensors give*"


def left_out(file):
    """The tests that mutants of `file` go without, as doctest takes them."""
    return "" if file.startswith("autograd/") else ABOVE_KERNELS


def compiled_source(file):
    return COMPILED_IN.get(file, file)


def tests_of(file):
    """The sources of the tests that are run for a mutant of `file`."""
    source = compiled_source(file)
    nearest = next((tests for pattern, tests in NEAREST if fnmatch.fnmatch(source, pattern)), [])
    return sorted(name for pattern in [OPERATIONS, *nearest] for name in glob.glob(pattern))


def limits(cpu_seconds):
    def set_limits():
        os.setpgid(0, 0)  # so that all it starts can be ended
        os.nice(5)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # a broken size must not take all memory
    return set_limits


def run(command, cpu_seconds, **options):
    """The exit code and what was printed; -SIGXCPU where it took too long.

    Time is the processor's: other work on the machine makes nothing a hang. What sleeps for good is ended as well.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=limits(cpu_seconds), **{"stdin": subprocess.DEVNULL, **options})
    try:
        output, _ = process.communicate(timeout=2 * cpu_seconds + 30)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code = -signal.SIGXCPU
    return code, output.decode(errors="replace")


class Workshop:
    """Where one mutant at a time is compiled, linked and run."""

    precompiled = set()  # headers of this run, for all workshops

    def __init__(self, arguments, number):
        self.arguments = arguments
        self.folder = f"{FOLDER}/{number}"
        self.environment = {**os.environ, "TMPDIR": os.path.abspath(self.folder)}
        self.environment.pop("ROUX_DATA", None)  # what every machine can test
        os.makedirs(self.folder, exist_ok=True)

    def object_of(self, source):
        return f"{self.arguments.objects}/{os.path.splitext(source)[0]}.o"

    def precompile(self, source):
        """What the source includes, read once: half of the time that a mutant takes. The options that use it."""
        includes = "".join(line + "\n" for line in read(source).split("\n") if line.startswith('#include "'))
        header = f"{FOLDER}/{zlib.crc32(includes.encode()):08x}.h"
        if header in self.precompiled:
            return ["-include", header]
        with open(header, "w") as stream:
            stream.write(includes)
        self.precompiled.add(header)
        command = [*self.arguments.compile, *QUICKER, "-x", "c++-header", "-c", header, "-o", header + ".gch"]
        return ["-include", header] if subprocess.run(command).returncode == 0 else []

    def compile(self, file, text, whole=None):
        """Compiles what `file` is part of, with `text` in its place; the object's name, or None if it is refused.

        What the compiler said is in `messages` then.
        """
        source = compiled_source(file)
        result = f"{self.folder}/mutant.o"
        overlay = f"{self.folder}/include"
        options = whole.precompiled if whole else []
        if source != file:
            os.makedirs(f"{overlay}/{os.path.dirname(file)}", exist_ok=True)
            with open(f"{overlay}/{file}", "w") as header:
                header.write(text)
            options = [f"-I{overlay}", f"-ffile-prefix-map={overlay}/="]
        # From a pipe, so that the object does not tell where its source lay.
        command = [*self.arguments.compile[:1], *options, *self.arguments.compile[1:], *QUICKER,
                   "-x", "c++", "-c", "/dev/stdin", "-o", result]
        compiler = subprocess.run(command, input=(text if source == file else read(source)).encode(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.messages = compiler.stderr.decode(errors="replace")
        if source != file:
            os.remove(f"{overlay}/{file}")
        return result if compiler.returncode == 0 else None

    def link(self, file, mutant):
        """Links the mutant with the tests: the program, and what the linker said of one that cannot be.

        The mutant goes before the library, whose own object is then not needed.
        """
        program = f"{self.folder}/tests"
        objects = [mutant, *(self.object_of(test) for test in tests_of(file)), self.object_of("tests/main.cpp")]
        command = [*self.arguments.link, "-Wl,--strip-debug", *objects, LIBRARY, *self.arguments.libs, "-o", program]
        code, output = run(command, 600)
        return program if code == 0 else None, output

    def test(self, program, cpu_seconds, leave_out=""):
        command = [program, "--test-suite-exclude=slow", f"--test-case-exclude={leave_out}", "--abort-after=1",
                   "--no-intro=1", "--no-version=1"]
        return run(command, cpu_seconds, env=self.environment)


def read(file):
    with open(file) as stream:
        return stream.read()


@dataclasses.dataclass
class Whole:
    """A source as it is: what its mutants are compared with."""
    precompiled: list  # options
    code: bytes = b""
    seconds: float = 0


def measure_whole(workshop, file):
    """Compiles, links and runs the tests of a file that is not broken."""
    whole = Whole(workshop.precompile(file) if compiled_source(file) == file else [])
    compiled = workshop.compile(file, read(file), whole)
    if not compiled:
        sys.exit(f"{file} does not compile (hint: a header needs a line in COMPILED_IN of mutants.py)")
    with open(compiled, "rb") as stream:
        whole.code = stream.read()
    program, output = workshop.link(file, compiled)
    if not program:
        sys.exit(f"cannot link the tests of {file} (hint: make mutants builds them first)\n{output}")
    before = os.times()
    status, output = workshop.test(program, 3600, left_out(file))
    after = os.times()
    if status != 0:
        sys.exit(f"the tests of {file} fail although nothing is broken:\n{output}")
    whole.seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return whole


def try_mutant(workshop, mutant, whole):
    """The outcome, and of a caught mutant how."""
    compiled = workshop.compile(mutant.file, mutant.source, whole)
    if not compiled:
        return "not compiled", ""
    with open(compiled, "rb") as stream:
        if stream.read() == whole.code:
            return "same code", ""
    program, _ = workshop.link(mutant.file, compiled)
    if not program:
        return "not compiled", ""
    limit = int(3 * whole.seconds + 5)
    status, output = workshop.test(program, limit, left_out(mutant.file))
    if status == 0:
        return "survived", ""
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "caught", f"longer than {limit} s"
    if status < 0:
        return "caught", signal.Signals(-status).name
    found = [line for line in output.split("\n") if line.startswith("TEST CASE:")]
    return "caught", found[0][len("TEST CASE:"):].strip() if found else "exit code"


# ---- Survivors that are known -------------------------------------------------------------------------------------

def read_explained():
    """{file: [(line before, line after or None, reason)]}: the format is described in the file."""
    explained = collections.defaultdict(list)
    reason = ""
    for line in read(EXPLAINED).split("\n"):
        if line.startswith("    "):
            file, _, edit = line.strip().partition(": ")
            before, arrow, after = edit.partition(" => ")
            explained[file].append((before, after if arrow else None, reason))
        elif line.strip() and not line.startswith("#"):
            reason = line.strip()
    return explained


def reason_of(mutant, explained):
    for before, after, reason in explained.get(mutant.file, []):
        if mutant.before == before and after in (None, mutant.after):
            return reason
    return None


def check_explained(explained):
    """An explanation whose line is gone explains nothing."""
    gone = [f"{file}: {before}" for file, edits in explained.items() for before, _, _ in edits
            if not os.path.exists(file) or before not in {line.strip() for line in read(file).split("\n")}]
    if gone:
        sys.exit(f"{EXPLAINED} explains lines that are not there:\n  " + "\n  ".join(gone))


# ---- Which, and the report ----------------------------------------------------------------------------------------

def chosen_files(only):
    """The files to break: those of SOURCES that a pattern of --only names, or any others that it names exactly."""
    known = sorted(name for pattern in SOURCES for name in glob.glob(pattern))
    if not only:
        return known
    return sorted({name for pattern in only for name in fnmatch.filter(known, f"*{pattern}*") or glob.glob(pattern)})


def sample(mutants, limit, seed):
    """At most `limit` of them, as many from each file as possible."""
    by_file = collections.defaultdict(list)
    for mutant in mutants:
        by_file[mutant.file].append(mutant)
    generator = random.Random(seed)
    for own in by_file.values():
        generator.shuffle(own)
    chosen = []
    while len(chosen) < limit and any(by_file.values()):
        for own in by_file.values():
            if own and len(chosen) < limit:
                chosen.append(own.pop())
    return sorted(chosen, key=lambda mutant: (mutant.file, mutant.line))


def survivors_of(report):
    with open(report) as stream:
        return {(each["file"], each["before"], each["after"]) for each in json.load(stream)["mutants"]
                if each["outcome"] == "survived"}


def run_all(arguments, mutants):
    """[(mutant, outcome, how)]; each worker has a workshop of its own. Interrupted, it returns what is done."""
    workshops = queue.Queue()
    for number in range(arguments.jobs):
        workshops.put(Workshop(arguments, number))
    wholes, measuring = {}, threading.Lock()
    results, lock, stopped = [], threading.Lock(), threading.Event()

    def one(mutant):
        if stopped.is_set():
            return
        workshop = workshops.get()
        try:
            with measuring:
                if mutant.file not in wholes:
                    wholes[mutant.file] = measure_whole(workshop, mutant.file)
            outcome, how = try_mutant(workshop, mutant, wholes[mutant.file])
        finally:
            workshops.put(workshop)
        with lock:
            results.append((mutant, outcome, how))
            print(f"{len(results)}/{len(mutants)} {mutant.file}:{mutant.line} {mutant.kind}: {outcome}"
                  f"{' (' + how + ')' if how else ''}", file=sys.stderr, flush=True)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        try:
            for future in [pool.submit(one, mutant) for mutant in mutants]:
                future.result()
        except KeyboardInterrupt:
            print(f"interrupted after {len(results)} of {len(mutants)}", file=sys.stderr)
        finally:
            stopped.set()
    return results


OUTCOMES = ["caught", "survived", "explained", "same code", "not compiled"]


def score(outcomes):
    tried = outcomes["caught"] + outcomes["survived"]
    return outcomes["caught"] / tried if tried else 1.0


def print_report(results):
    by_file = collections.defaultdict(collections.Counter)
    for mutant, outcome, _ in results:
        by_file[mutant.file][outcome] += 1
        by_file["all"][outcome] += 1
        if mutant.gradient:
            by_file["all gradients"][outcome] += 1
    totals = [name for name in ("all gradients", "all") if name in by_file]
    print(f"{'file':34}" + "".join(f"{outcome:>13}" for outcome in OUTCOMES) + "      score")
    for file in [*(name for name in by_file if name not in totals), *totals]:
        outcomes = by_file[file]
        print(f"{file:34}" + "".join(f"{outcomes[each]:13}" for each in OUTCOMES) + f"{100 * score(outcomes):10.1f}%")
    survivors = [mutant for mutant, outcome, _ in results if outcome == "survived"]
    for mutant in survivors:
        print(f"\n{mutant.file}:{mutant.line} in {mutant.function} ({mutant.kind}"
              f"{', a gradient' if mutant.gradient else ''})\n  - {mutant.before}\n  + {mutant.after}")
    return score(by_file["all"]), any(mutant.gradient for mutant in survivors)


def write_json(path, results, arguments):
    with open(path, "w") as stream:
        json.dump({"seed": arguments.seed, "limit": arguments.limit, "mutants": [
            {"file": mutant.file, "line": mutant.line, "kind": mutant.kind, "function": mutant.function,
             "gradient": mutant.gradient, "before": mutant.before, "after": mutant.after, "outcome": outcome,
             "how": how} for mutant, outcome, how in results]}, stream, indent=1)
        stream.write("\n")


def add_build_options(parser):
    parser.add_argument("--compile", type=shlex.split, default="g++ -std=c++20 -I.", help="the compiler and its flags")
    parser.add_argument("--link", type=shlex.split, default="g++ -pthread", help="the linker and its flags")
    parser.add_argument("--libs", type=shlex.split, default="-lopenblas", help="libraries")
    parser.add_argument("--objects", default="build/release", help="folder of the objects (default %(default)s)")
    parser.add_argument("--library", default="build/libroux.a", help="(default %(default)s)")


def copy_library(library):
    """LIBRARY, made from the library unless it is newer than that."""
    os.makedirs(FOLDER, exist_ok=True)
    if os.path.exists(LIBRARY) and os.path.getmtime(LIBRARY) > os.path.getmtime(library):
        return
    subprocess.run(["strip", "--strip-debug", "-o", LIBRARY + ".new", library], check=True)
    os.replace(LIBRARY + ".new", LIBRARY)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Says which breakages of gradients and kernels no test notices.")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="files whose path holds this; repeatable")
    parser.add_argument("--limit", type=int, help="a sample of so many, spread over the files")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time (default: all processors)")
    parser.add_argument("--again", metavar="REPORT", help="only what survived in this JSON report")
    parser.add_argument("--list", action="store_true", help="print the mutants and run none")
    parser.add_argument("--json", metavar="FILE", default=f"{FOLDER}/report.json", help="report (default %(default)s)")
    add_build_options(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    os.makedirs(FOLDER, exist_ok=True)
    explained = read_explained()
    check_explained(explained)
    mutants = [mutant for file in chosen_files(arguments.only) for mutant in mutations.find(file, read(file))]
    if arguments.again:
        survivors = survivors_of(arguments.again)
        mutants = [mutant for mutant in mutants if (mutant.file, mutant.before, mutant.after) in survivors]
    if arguments.limit is not None:
        mutants = sample(mutants, arguments.limit, arguments.seed)
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant.file}:{mutant.line} {mutant.kind}\n  - {mutant.before}\n  + {mutant.after}")
        return 0
    if not mutants:
        sys.exit("there is nothing to break (hint: --list shows what there is)")
    copy_library(arguments.library)
    known = [(mutant, "explained", reason_of(mutant, explained)) for mutant in mutants if reason_of(mutant, explained)]
    unknown = [mutant for mutant in mutants if not reason_of(mutant, explained)]
    results = sorted(known + run_all(arguments, unknown), key=lambda result: (result[0].file, result[0].line))
    write_json(arguments.json, results, arguments)
    total, gradient_survived = print_report(results)
    return 1 if gradient_survived or total < LEAST_SCORE else 0


if __name__ == "__main__":
    sys.exit(main())
