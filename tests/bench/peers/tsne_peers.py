"""t-SNE beside its peers: plot_embeddings, openTSNE and scikit-learn (Intel's too, where sklearnex is installed) on the
first rows of a file of word vectors, all on two threads, with their defaults.

    python3 tests/bench/peers/tsne_peers.py glove.6B.100d.txt [--points 2500] [--runs 3] [--apps build/apps]

Prints for each the seconds of the method alone (the best of the runs), the divergence over all pairs at perplexity 30
with scikit-learn's probabilities, and scikit-learn's trustworthiness of 12 neighbours: the same two for everybody.
"""
import argparse
import importlib.util
import json
import os
import subprocess
import tempfile
import time

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.manifold import TSNE, _t_sne, trustworthiness
from sklearn.metrics import pairwise_distances

THREADS = 2


def quality(vectors, points):
    distances = pairwise_distances(vectors, squared=True).astype(np.float32)
    p = np.maximum(_t_sne._joint_probabilities(distances, 30, 0), 1e-300)
    q = 1 / (1 + pdist(np.asarray(points, dtype=np.float64), "sqeuclidean"))
    q /= 2 * q.sum()
    return 2 * float((p * np.log(p / q)).sum()), trustworthiness(vectors, points, n_neighbors=12)


def ours(file, count, apps):
    with tempfile.TemporaryDirectory() as folder:
        coordinates = os.path.join(folder, "map.tsv")
        command = [os.path.join(apps, "plot_embeddings"), file, os.path.join(folder, "map.svg"), "--first", str(count),
                   "--method", "tsne", "--coords", coordinates, "--json"]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        with open(coordinates, encoding="utf-8", errors="replace") as lines:
            return told["seconds"], np.array([line.split("\t")[:2] for line in lines], dtype=np.float64)


def timed(make, vectors):
    start = time.perf_counter()
    points = make(vectors)
    return time.perf_counter() - start, points


def open_tsne(vectors):
    from openTSNE import TSNE as OpenTSNE

    return OpenTSNE(n_jobs=THREADS, random_state=0).fit(vectors)


def intel(vectors):
    from sklearnex.manifold import TSNE as IntelTSNE

    return IntelTSNE(n_jobs=THREADS, random_state=0).fit_transform(vectors)


parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--points", type=int, default=2500)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--apps", default="build/apps")
options = parser.parse_args()
with open(options.file, encoding="utf-8", errors="replace") as lines:
    rows = [next(lines).rstrip("\n").split(" ")[1:] for _ in range(options.points)]
x = np.array(rows, dtype=np.float32)
peers = {"plot_embeddings": lambda: ours(options.file, options.points, options.apps)}
if importlib.util.find_spec("openTSNE"):
    peers["openTSNE"] = lambda: timed(open_tsne, x)
peers["scikit-learn"] = lambda: timed(TSNE(n_jobs=THREADS, random_state=0).fit_transform, x)
if importlib.util.find_spec("sklearnex"):
    peers["scikit-learn, Intel's"] = lambda: timed(intel, x)
print(f"{'':24}{'seconds':>9}{'divergence':>12}{'trustworthiness':>17}")
for name, run in peers.items():
    results = [run() for _ in range(options.runs)]
    divergence, trust = quality(x, results[0][1])
    print(f"{name:24}{min(seconds for seconds, _ in results):9.2f}{divergence:12.3f}{trust:17.3f}", flush=True)
