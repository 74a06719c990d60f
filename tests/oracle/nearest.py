"""Writes nearest.json: what gensim answers about a dozen small vectors, and scikit-learn's cosines of four of them.

    python3 nearest.py > nearest.json        made with gensim 4.4.0, scikit-learn 1.9.1, numpy 2.4.6
"""
import json

import numpy as np
from gensim.models import KeyedVectors
from sklearn.metrics.pairwise import cosine_similarity

words = "apple pear plum king queen man woman car bike bus tea coffee".split()
vectors = np.round(np.random.default_rng(7).normal(0, 1, (len(words), 5)), 2).astype(np.float32)
at = {word: vectors[i] for i, word in enumerate(words)}
keyed = KeyedVectors(5)
keyed.add_vectors(words, vectors)


def pairs(answers):
    return [[word, round(float(score), 6)] for word, score in answers]


print(json.dumps({
    "words": words,
    "vectors": [[round(float(x), 2) for x in vector] for vector in vectors],
    "closest_to_apple": pairs(keyed.similar_by_vector(at["apple"], topn=4)),
    "plain_analogy": pairs([a for a in keyed.similar_by_vector(at["king"] - at["man"] + at["woman"], topn=7)
                            if a[0] not in ("king", "man", "woman")][:4]),
    "unit_analogy": pairs(keyed.most_similar(positive=["king", "woman"], negative=["man"], topn=4)),
    "odd": [[group, keyed.doesnt_match(group)] for group in
            (words[:4], words[7:], words)],
    "cosines": [[round(float(x), 9) for x in row] for row in cosine_similarity(vectors[:4].astype(np.float64))],
}))
