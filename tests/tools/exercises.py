#!/usr/bin/env python3
"""Exercises for readers: functions of this tree to write again, and a check whether what was written is right.

  exercises.py list        what there is, the easy ones first: `make exercises`
  exercises.py blank NAME  copies the source to build/exercises/ with the body blanked: `make exercise NAME=mul`
  exercises.py check NAME  compiles that copy, links it before the library with the tests that are nearest to the
                           source, and runs them: `make exercise-check NAME=mul`
  exercises.py self-test   every exercise fails while it is blank and passes with the body that was there: else exit 1

The source itself is never touched. How one file is compiled and linked with its tests: mutants.py.
"""
import argparse
import dataclasses
import os
import signal
import sys
import textwrap

sys.dont_write_bytecode = True  # nothing is written outside of build/
import mutants
import mutations

FOLDER = "build/exercises"
SECONDS = 600  # of the processor, at most, for the tests of one


@dataclasses.dataclass(frozen=True)
class Exercise:
    name: str
    title: str
    file: str
    blocks: list  # what is blanked: for each, texts that follow each other in the file; the next {...} behind the last
    task: str
    read: str

    @property
    def copy(self):
        return f"{FOLDER}/{self.name}{os.path.splitext(self.file)[1]}"


EXERCISES = [
    Exercise("mul", "the gradient of a product", "autograd/ops_elementwise.cpp",
             [("Variable mul(const Variable& a, const Variable& b) {", "GradSink& to)")],
             "The result is a * b, entry by entry; x is the value of a, y that of b, g the gradient of the result. "
             "Ask to.wants(i) whether input i needs a gradient, and hand it over with to.add_broadcast(i, ...), which "
             "sums over what was broadcast.",
             "add and sub above; GradSink in autograd/grad_sink.h"),
    Exercise("relu", "the gradient of max(x, 0), for one number", "tensor/functions.h",
             [("struct ReluBackward {", "operator()(T g, T y) const")],
             "y is the result max(x, 0), g its gradient. Return the gradient of x; where x is 0 it is 0.",
             "TanhBackward above; how a kernel calls it: choose_binary at the end of the file"),
    Exercise("mean", "the gradient of a mean", "autograd/ops_reduce.cpp",
             [("Variable mean(const Variable& x,", "GradSink& to)")],
             "Each value counted 1 / n in its mean, n being reduced_count(to.shape(0), kept). `kept` is the shape of "
             "the result with the reduced dimensions at length 1: reshape g to it, expand it to to.shape(0), the "
             "shape of x, and hand it over with to.add(0, ...).",
             "sum above, and the helpers at the head of the file"),
    Exercise("matmul", "the gradients of a matrix product", "autograd/ops_layers.cpp",
             [("Variable matmul(const Variable& a, const Variable& b) {", "GradSink& to)")],
             "With Y = A B and the gradient G of Y, A gets G B^T and B gets A^T G. A vector on the left is a matrix of "
             "one row, on the right of one column, and G lacks that dimension: unsqueeze puts it back. Leading "
             "dimensions are batches and may have been broadcast: sum_to(gradient, shape) sums over those.",
             "linear below; matmul in tensor/ops.h; transposed at the head of the file"),
    Exercise("cross_entropy", "the gradient of the loss by the logits", "tensor/cpu/cross_entropy.cpp",
             [("void index_gradients(",)],
             "Rows [begin, end) of `out` hold the probabilities p; make each p[c] * (sum of t) - t[c], times "
             "grad[row], with the targets t that the head of the file defines. Rows whose label is ignore_index get "
             "zeros. targets.kept is 1 - e, targets.smoothing is e / classes, targets.weight(c) is w[c], "
             "targets.weight_sum the sum of w.",
             "the head of the file; probability_gradients below, which does the same for targets as probabilities"),
    Exercise("softmax", "the gradient of softmax and of its logarithm", "tensor/cpu/softmax.cpp",
             [("void backward_row(",), ("void backward_columns(",)],
             "The comment above has the two formulas. backward_row: n numbers side by side, lane_sum(n, f) adds up "
             "f(0) .. f(n - 1). backward_columns: the same for `width` columns at once; number j of column c is at "
             "j * inner + c.",
             "CpuBackend::softmax_backward at the end of the file, which calls both"),
    Exercise("adam", "one step of Adam", "tensor/cpu/adam.cpp",
             [("void step_elements(", "[=](int64_t i, auto access)")],
             "One vector of weights, from entry i: load w (access.load(at.w + i)), g = gradient * c.grad_scale + "
             "w * c.l2, then m = m * c.beta1 + g * c.gain1 and v = v * c.beta2 + g * g * c.gain2; store m and v. With "
             "Amsgrad the largest v so far, max_v, takes the place of v below and is stored, too. At the end "
             "w - w * c.decay - m * c.rate / (sqrt(v) + c.eps) is stored: square_root<T>(x), reciprocal<T>(x). Pass m "
             "through without_denormals<T>(x) and v through at_most(x, largest number).",
             "AdamConstants in tensor/adam_constants.h; tensor/cpu/simd.h; nn/adam.h"),
    Exercise("layer_norm", "the gradients of layer normalisation", "tensor/cpu/layer_norm.cpp",
             [("void backward_row(",), ("void add_row(",)],
             "The comments above have the formulas: backward_row gives the gradient of one row of x (weight may be "
             "null: all 1), add_row adds that row's part to the gradients of weight and bias. Derive the first one: "
             "mean and rstd depend on x as well.",
             "normalize_row above, whose gradient it is; lane_sum in tensor/cpu/lanes.h"),
    Exercise("backward", "the walk through the graph", "autograd/engine.cpp",
             [("void run_backward(", "while (!queue.heap.empty())")],
             "Take the newest node from the queue. A leaf is complete: its gradient becomes its own (own_values). For "
             "any other, take its gradient out of it, make a GradSink for it, set queue.given to false for each of "
             "its inputs, run the node, check that it gave every input its gradient, and release it unless the graph "
             "is retained.",
             "the head of the file; GradSink::Queue, take_gradient and run_node above; autograd/node.h"),
    Exercise("embedding_bag", "the gradient of a table of which few rows were used", "tensor/cpu/embedding.cpp",
             [("void pool_backward(",)],
             "Each bag's row of `grad`, times 1 / (ids that count) for Pooling::mean, is added to the row of every id "
             "in it: row slots[i] of rows.values, times weights[i] if Weighted; a slot of -1 is padding. Rows are not "
             "cleared before: a slot that is new stores, the next adds, and rows from the last new slot on to "
             "row_count become zeros. Plain loops are right; the original takes columns in blocks, in parallel.",
             "the head of the file; Bags in bags.h; RowGradients above, whose add() does one bag; pool_bag in pooling.cpp, the "
             "forward"),
]


def find_block(text, anchors):
    """[begin, end) of the braces and what is between them."""
    code, at = mutations.without_comments(text), 0
    for anchor in anchors:
        found = text.find(anchor, at)
        if found < 0:
            sys.exit(f"there is no `{anchor}` (hint: the source has changed; mend EXERCISES in exercises.py)")
        at = found + len(anchor.rstrip("{ "))
    begin = code.index("{", at)
    return begin, mutations.closing(code, begin)


def blanked(exercise):
    text = mutants.read(exercise.file)
    for number, anchors in enumerate(exercise.blocks):
        begin, end = find_block(text, anchors)
        line = text[text.rindex("\n", 0, begin) + 1:begin]
        indent = " " * (len(line) - len(line.lstrip()))
        about = [f"Exercise: {exercise.task}", f"Read: {exercise.read}."] if number == 0 else ["Exercise: see above."]
        comment = [part for each in about for part in textwrap.wrap(each, 110 - len(indent))]
        throws = f'  ::roux::fail("{exercise.name}", "exercise: not written yet");'
        body = [*(f"  // {part}" for part in comment), throws]
        text = text[:begin] + "{\n" + "".join(f"{indent}{part}\n" for part in body) + indent + "}" + text[end:]
    return text


def print_list():
    for number, exercise in enumerate(EXERCISES, 1):
        print(f"{number:2}  {exercise.name:14}{exercise.title:52}{exercise.file}")
    print("make exercise NAME=mul blanks one, make exercise-check NAME=mul tries what you wrote.")


def blank(exercise):
    os.makedirs(FOLDER, exist_ok=True)
    if os.path.exists(exercise.copy) and mutants.read(exercise.copy) != blanked(exercise):
        print(f"{exercise.copy} is there and stays as it is (hint: remove it to begin anew)")
    else:
        with open(exercise.copy, "w") as stream:
            stream.write(blanked(exercise))
    for number, line in enumerate(mutants.read(exercise.copy).split("\n"), 1):
        if "// Exercise: " in line:
            print(f"{exercise.copy}:{number}")
    print("\n".join(textwrap.wrap(f"Write {exercise.title}. {exercise.task}", 100)))
    print("\n".join(textwrap.wrap(f"Read: {exercise.read}.", 100)))
    print(f"Then: make exercise-check NAME={exercise.name}")


def attempt(workshop, exercise, text):
    """Whether the nearest tests pass with `text` in the place of the file, and what was said otherwise."""
    compiled = workshop.compile(exercise.file, text)
    if not compiled:
        return False, "It does not compile:\n" + workshop.messages.replace("/dev/stdin", exercise.copy)
    program, output = workshop.link(exercise.file, compiled)
    if not program:
        return False, f"It does not link (hint: make build/tests/roux_tests makes what is missing):\n{output}"
    status, output = workshop.test(program, SECONDS)
    if status == 0:
        return True, ""
    if status == -signal.SIGXCPU:
        return False, f"It runs for more than {SECONDS} s."
    lines = [line for line in output.split("\n") if line.strip() and not line.startswith(("[doctest]", "====="))]
    died = [f"It died: {signal.Signals(-status).name}."] if status < 0 else []
    return False, "\n".join(["The first checks that fail:", *lines[:20], *died])


def check(exercise, arguments):
    if not os.path.exists(exercise.copy):
        sys.exit(f"there is no {exercise.copy} (hint: make exercise NAME={exercise.name})")
    passed, why = attempt(mutants.Workshop(arguments, "exercise"), exercise, mutants.read(exercise.copy))
    if passed:
        files = len(mutants.tests_of(exercise.file))
        print(f"{exercise.name}: passed, the tests of {files} files. Compare: diff {exercise.copy} {exercise.file}")
        return 0
    print(f"{exercise.name}: not yet. {why}")
    return 1


def self_test(chosen, arguments):
    wrong, workshop = 0, mutants.Workshop(arguments, "exercise")
    for exercise in chosen:
        passed, why = attempt(workshop, exercise, blanked(exercise))
        fails = not passed and "exercise: not written yet" in why
        passes, reason = attempt(workshop, exercise, mutants.read(exercise.file))
        wrong += not (fails and passes)
        print(f"{exercise.name}: {'fails' if fails else 'DOES NOT FAIL'} while it is blank, "
              f"{'passes' if passes else 'DOES NOT PASS'} with the body that was there", flush=True)
        if not fails:
            print(why)
        if not passes:
            print(reason)
    print(f"exercises: {len(chosen) - wrong} of {len(chosen)} are right")
    return 1 if wrong else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description="Functions of this tree to write again.")
    parser.add_argument("action", choices=["list", "blank", "check", "self-test"])
    parser.add_argument("name", nargs="?", default="", help="of one exercise")
    mutants.add_build_options(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.action == "list":
        print_list()
        return 0
    chosen = [exercise for exercise in EXERCISES if arguments.name in ("", exercise.name)]
    if not chosen or arguments.action != "self-test" and not arguments.name:
        sys.exit(f"NAME={arguments.name}: expected {', '.join(exercise.name for exercise in EXERCISES)}")
    if arguments.action == "blank":
        blank(chosen[0])
        return 0
    mutants.copy_library(arguments.library)
    return check(chosen[0], arguments) if arguments.action == "check" else self_test(chosen, arguments)


if __name__ == "__main__":
    sys.exit(main())
