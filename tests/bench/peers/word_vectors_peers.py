"""The words closest to a vector in faiss (IndexFlatIP, exact) and gensim, beside ours on the same vectors.

    word_vectors_peers.py FILE build/bench/nearest_bench [--threads 2] [--rounds 5] [--limit N]

FILE is GloVe text (or `random`: 400,000 vectors of 100 numbers). Every round asks each of them, in turn, 200 single
queries and 1,000 at once for the 6 closest words; shown are medians, and of ratios the medians of the rounds' ratios.
Peers get their vectors scaled to length 1 beforehand, ours as they are; making ours ready is shown beside (prepare_s),
and so is how fast this machine reads the vectors (read_gb_per_s). Exits 1 where our answers are not faiss's.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("file")
arguments.add_argument("program")
arguments.add_argument("--threads", type=int, default=2)
arguments.add_argument("--rounds", type=int, default=5)
arguments.add_argument("--limit", type=int, default=None, help="the first so many words only")
arguments = arguments.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(arguments.threads)

import faiss
import numpy

try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None

TOP, SINGLE, TOGETHER = 6, 200, 1000


def vectors_of(file, limit):
    if file == "random":
        return numpy.random.default_rng(0).normal(0, 0.4, (limit or 400000, 100)).astype(numpy.float32)
    rows = []
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            rows.append(numpy.array(line.rstrip("\n").split(" ")[1:], dtype=numpy.float32))
            if len(rows) == limit:
                break
    return numpy.stack(rows)


def rate(count, ask):
    started = time.perf_counter()
    ask()
    return count / (time.perf_counter() - started)


vectors = vectors_of(arguments.file, arguments.limit)
unit = numpy.ascontiguousarray(vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True))
together = min(TOGETHER, len(unit))
faiss.omp_set_num_threads(arguments.threads)
index = faiss.IndexFlatIP(unit.shape[1])
index.add(unit)
keyed = None
if KeyedVectors:
    keyed = KeyedVectors(unit.shape[1])
    keyed.add_vectors(["w%d" % i for i in range(len(vectors))], vectors)
    keyed.fill_norms()


def ask_faiss():
    return {
        "queries_per_s": rate(SINGLE, lambda: [index.search(unit[i:i + 1], TOP) for i in range(SINGLE)]),
        "batch_queries_per_s": rate(together, lambda: index.search(unit[:together], TOP)),
    }


def ask_gensim():
    return {"queries_per_s": rate(SINGLE, lambda: [keyed.similar_by_vector(vectors[i], topn=TOP)
                                                   for i in range(SINGLE)])}


def ask_ours(matrix, answers):
    command = [arguments.program, "--matrix", matrix, *map(str, vectors.shape), str(arguments.threads), answers]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def agrees(answers):
    """Whether ours are the words that faiss names, but for cosines that float32 cannot tell apart."""
    scores, rows = index.search(unit[:together], TOP)
    with open(answers) as lines:
        for query, line in enumerate(lines):
            parts = line.split()
            ours = numpy.array(parts[1::2], dtype=numpy.float64)
            if numpy.abs(ours - scores[query][:len(ours)]).max() > 2e-6:
                return False
            for place, row in enumerate(map(int, parts[::2])):
                if row != rows[query][place] and abs(float(unit[query] @ unit[row]) - scores[query][place]) > 2e-6:
                    return False
    return True


rounds = []
with tempfile.TemporaryDirectory() as folder:
    matrix, answers = os.path.join(folder, "matrix"), os.path.join(folder, "answers")
    vectors.tofile(matrix)
    for _ in range(arguments.rounds):
        rounds.append({"faiss": ask_faiss(), "gensim": ask_gensim() if keyed else {}, "ours": ask_ours(matrix, answers)})
    same = agrees(answers)


def median(values):
    return round(statistics.median(values), 2)


report = {"words": len(vectors), "dim": int(vectors.shape[1]), "threads": arguments.threads,
          "load_average": os.getloadavg()[0], "answers_agree": same}
for name in ("faiss", "gensim", "ours"):
    report[name] = {key: median(one[name][key] for one in rounds) for key in rounds[0][name]}
peers = [name for name in ("faiss", "gensim") if report[name]]
report["one_query_ratio"] = median(one["ours"]["queries_per_s"] / max(one[peer]["queries_per_s"] for peer in peers)
                                   for one in rounds)
report["many_queries_ratio"] = median(one["ours"]["batch_queries_per_s"] / one["faiss"]["batch_queries_per_s"]
                                      for one in rounds)
print(json.dumps(report, indent=1))
sys.exit(not same)
