"""Writes projection.json: what scikit-learn makes of small tables: PCA (its full SVD), t-SNE's probabilities, and the
divergence of a map; with a folder of outside data also PCA of true word vectors.

    python3 tests/oracle/projection.py [DATA] > tests/oracle/projection.json       made with scikit-learn 1.9.1
"""
import json
import os
import sys

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.decomposition import PCA
from sklearn.manifold import _t_sne
from sklearn.metrics import pairwise_distances

random = np.random.default_rng(3)


def numbers(array, digits=9):
    return [float(f"{x:.{digits}g}") for x in np.asarray(array, dtype=np.float64).ravel()]


def table(name, x):
    x = np.round(x, 4)
    count = min(x.shape)
    pca = PCA(n_components=count, svd_solver="full").fit(x)
    ratio = np.nan_to_num(pca.explained_variance_ratio_)  # 0 / 0 when all points are equal
    return {"name": name, "shape": x.shape, "x": numbers(x), "mean": numbers(pca.mean_), "count": count,
            "components": numbers(pca.components_), "variance": numbers(pca.explained_variance_),
            "ratio": numbers(ratio), "transformed": numbers(pca.transform(x))}


scales = np.array([3, 0.2, 1, 0.7])
constant = random.normal(0, 1, (10, 5)) * [1, 0, 2, 0, 0.5] + [0, 7, 0, -3, 1000]
tables = [
    table("more points than dimensions", random.normal(0, 1, (12, 4)) * scales + [5, -1, 0, 100]),
    table("fewer points than dimensions", random.normal(0, 1, (5, 9))),
    table("as many", random.normal(0, 1, (6, 6))),
    table("constant columns", constant),
    table("two points", random.normal(0, 1, (2, 3))),
    table("one dimension", random.normal(0, 1, (7, 1))),
    table("all equal", np.full((4, 3), 2.5)),
]

x = np.round(random.normal(0, 1, (40, 6)), 4)
y = np.round(random.normal(0, 3, (40, 2)), 4)
p = _t_sne._joint_probabilities(pairwise_distances(x, squared=True).astype(np.float32), 7, 0)
q = 1 / (1 + pdist(y, "sqeuclidean"))
q /= 2 * q.sum()
tsne = {"shape": x.shape, "x": numbers(x), "map": numbers(y), "perplexity": 7, "p": numbers(squareform(p), 7),
        "divergence": float(2 * (p * np.log(p / q)).sum())}

result = {"tables": tables, "tsne": tsne}
if len(sys.argv) > 1:
    path = os.path.join(sys.argv[1], "glove/glove.6B.100d.subset.txt")
    glove = np.loadtxt(path, dtype=str, comments=None)[:1000, 1:].astype(np.float32)
    pca = PCA(n_components=3, svd_solver="full").fit(glove)
    result["glove"] = {"rows": 1000, "components": numbers(pca.components_, 7), "variance": numbers(pca.explained_variance_),
                       "ratio": numbers(pca.explained_variance_ratio_), "transformed": numbers(pca.transform(glove[:4]), 7)}
print(json.dumps(result).replace('}, {"name"', '},\n {"name"').replace('], "', '],\n "'))
