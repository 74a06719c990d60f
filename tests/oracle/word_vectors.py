"""Writes word_vectors.json: small files of word vectors as gensim and fastText write them, in hexadecimal, and what these
two say of the vectors.

    python3 tests/oracle/word_vectors.py > tests/oracle/word_vectors.json    (with gensim 4.4 and fasttext 0.9.2)
"""
import json, os, subprocess, tempfile

import numpy as np
from gensim.models import KeyedVectors

TEXT = """crème brûlée and apple pie with cream
apple pie and pear pie with crème and cream
日本 soup with leek and 日本語 noodles
leek soup and apple soup with cream
""" * 3
LABELLED = """__label__sweet apple pie with cream
__label__sweet pear pie and crème
__label__savoury leek soup with noodles
__label__savoury soup and noodles
""" * 3
ASKED = ["apple", "pie", "crème", "日本", "apples", "日本語語", "x", "</s>"]
MODELS = {
    "skipgram": ["skipgram", "-minn", "3", "-maxn", "5", "-bucket", "40", "-dim", "5"],
    "cbow": ["cbow", "-minn", "1", "-maxn", "2", "-bucket", "17", "-dim", "3"],
    "no_subwords": ["skipgram", "-maxn", "0", "-dim", "4"],
    "supervised": ["supervised", "-dim", "4"],
    "supervised_word_ngrams": ["supervised", "-dim", "4", "-wordNgrams", "2", "-bucket", "11"],
    "supervised_subwords": ["supervised", "-dim", "4", "-minn", "2", "-maxn", "3", "-bucket", "23"],
}
WORDS = ["the", "crème", "日本", "x-y", "1"]

folder = tempfile.mkdtemp()
path = lambda name: os.path.join(folder, name)
run = lambda *words, **more: subprocess.run(["fasttext", *words], check=True, capture_output=True, **more).stdout
content = lambda name: open(path(name), "rb").read()

result = {"asked": ASKED, "models": {}}
open(path("text"), "w").write(TEXT)
open(path("labelled"), "w").write(LABELLED)
for name, flags in MODELS.items():
    supervised = flags[0] == "supervised"
    run(flags[0], "-input", path("labelled" if supervised else "text"), "-output", path(name), "-minCount", "1",
        "-epoch", "30", "-lr", "0.5", "-t", "1", "-thread", "1", *flags[1:])
    printed = run("print-word-vectors", path(name + ".bin"), input="\n".join(ASKED).encode() + b"\n").decode()
    entry = {"bin": content(name + ".bin").hex(), "vectors": []}
    for word, line in zip(ASKED, printed.strip("\n").split("\n")):
        assert line.startswith(word + " ")
        entry["vectors"].append([float(number) for number in line[len(word):].split()])
    if not supervised:
        entry["vec"] = content(name + ".vec").decode()
    result["models"][name] = entry
run("supervised", "-input", path("labelled"), "-output", path("many"), "-minCount", "1", "-minn", "2", "-maxn", "3",
    "-bucket", "256", "-dim", "1", "-epoch", "1", "-thread", "1")  # fewer rows are not quantised
run("quantize", "-input", path("labelled"), "-output", path("many"))
result["quantised"] = content("many.ftz").hex()

vectors = KeyedVectors(3)
numbers = np.random.default_rng(7).normal(size=(len(WORDS), 3)).astype(np.float32)
vectors.add_vectors(WORDS, numbers)
vectors.save_word2vec_format(path("gensim.bin"), binary=True)
vectors.save_word2vec_format(path("gensim.txt"), binary=False)
result["gensim"] = {"words": WORDS, "vectors": [float(x) for x in numbers.ravel()], "binary": content("gensim.bin").hex(),
                    "text": content("gensim.txt").decode()}
print(json.dumps(result, ensure_ascii=False, indent=1).replace("\n    ", " ").replace("\n   ", " "))
