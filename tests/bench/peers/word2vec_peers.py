"""Training of word vectors, `word_vectors train` beside fastText and gensim, one thread each: speed and quality.

    word2vec_peers.py CORPUS [--ours build/apps/word_vectors] [--fasttext fasttext] [--seeds 3] [--dim 100] [--epochs 5]
        [--sample 1e-4] [--lr 0.05] [--methods skipgram,subwords,cbow] [--json FILE]

CORPUS is a sentence a line, plain or .gz. All get the same dimension, epochs, window 5, 5 negatives, words that occur 5
times or more, sample and learning rate, which falls to 0 in a straight line. `subwords` is fastText's default, runs of
3 to 6 characters in 2,000,000 buckets; gensim has it too, several times slower, and is left out. The peers take turns, a
seed a round.

Speed is words/s of training alone (each word of the corpus once an epoch, also those that are passed over): what ours and
fastText tell themselves, and the seconds around gensim's train(); the best round counts. fastText counts the end of each
line as a word. Quality: for each of 31 fruit and vegetables, the share of its 5 nearest among the other 30 that are of
its own kind; the mean over the seeds, and behind +- the standard deviation. Needs numpy, gensim and the program fasttext.
"""
import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

FRUIT = "apple banana orange strawberry grape mango pineapple peach pear cherry berry lemon lime melon".split()
VEGETABLES = ("carrot broccoli spinach potato tomato onion garlic pepper lettuce cucumber celery mushroom corn bean pea "
              "cabbage asparagus").split()


def quality(path):
    """Of a .vec file."""
    import numpy as np

    wanted = FRUIT + VEGETABLES
    found = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            word, _, rest = line.rstrip().partition(" ")
            if word in wanted:
                found[word] = np.array(rest.split(), dtype=np.float64)
    vectors = np.array([found[word] for word in wanted])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    kind = np.array([word in FRUIT for word in wanted])
    nearest = np.argsort(-cosines, axis=1)[:, :5]
    return float((kind[nearest] == kind[:, None]).mean())


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout + done.stderr


def ours(options, method, corpus, out, seed):
    command = [options.ours, "train", corpus, out + ".vec", "--json", "--seed", seed, "--dim", options.dim, "--epochs",
               options.epochs, "--sample", options.sample, "--lr", options.lr]
    command += {"skipgram": [], "subwords": ["--subwords", "--buckets", 2000000], "cbow": ["--method", "cbow"]}[method]
    return json.loads(run(command).splitlines()[-1])["words_per_second"]


def fasttext(options, method, corpus, out, seed):
    command = [options.fasttext, "cbow" if method == "cbow" else "skipgram", "-input", corpus, "-output", out, "-thread", 1,
               "-seed", seed, "-dim", options.dim, "-epoch", options.epochs, "-t", options.sample, "-lr", options.lr]
    command += [] if method == "subwords" else ["-maxn", 0]
    return float(re.findall(r"words/sec/thread:\s*(\d+)", run(command))[-1])


def gensim(options, method, corpus, out, seed):
    """In a process of its own."""
    return float(run([sys.executable, __file__, corpus, "--gensim-worker", method, "--gensim-out", out + ".vec", "--seeds",
                      seed, "--dim", options.dim, "--epochs", options.epochs, "--sample", options.sample, "--lr",
                      options.lr]).split()[-1])


def gensim_worker(options):
    from gensim.models import Word2Vec

    model = Word2Vec(vector_size=options.dim, window=5, min_count=5, negative=5, sample=options.sample, alpha=options.lr,
                     min_alpha=0, epochs=options.epochs, workers=1, seed=options.seeds,
                     sg=int(options.gensim_worker == "skipgram"))
    model.build_vocab(corpus_file=options.corpus)
    words = sum(model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key)
    started = time.perf_counter()
    model.train(corpus_file=options.corpus, total_words=model.corpus_total_words, total_examples=model.corpus_count,
                epochs=options.epochs)
    print(words * options.epochs / (time.perf_counter() - started))
    model.wv.save_word2vec_format(options.gensim_out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--ours", default="build/apps/word_vectors")
    parser.add_argument("--fasttext", default="fasttext")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--sample", type=float, default=1e-4)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--methods", default="skipgram,subwords")
    parser.add_argument("--json")
    parser.add_argument("--gensim-worker", help=argparse.SUPPRESS)
    parser.add_argument("--gensim-out", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.gensim_worker:
        return gensim_worker(options)

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        corpus = os.path.join(folder, "corpus.txt")
        with (gzip.open if options.corpus.endswith(".gz") else open)(options.corpus, "rb") as source:
            with open(corpus, "wb") as target:
                shutil.copyfileobj(source, target)
        for method in options.methods.split(","):
            peers = [ours, fasttext] + ([gensim] if method != "subwords" else [])
            figures = {peer.__name__: ([], []) for peer in peers}
            for seed in range(1, options.seeds + 1):
                for peer in peers:
                    out = os.path.join(folder, "vectors")
                    speeds, qualities = figures[peer.__name__]
                    speeds.append(peer(options, method, corpus, out, seed))
                    qualities.append(quality(out + ".vec"))
            fastest = max(max(speeds) for name, (speeds, _) in figures.items() if name != "ours")
            results[method] = {"ratio": max(figures["ours"][0]) / fastest}
            print(f"{method:10} {'words/s':>12} {'quality':>17}")
            for name, (speeds, qualities) in figures.items():
                spread = statistics.stdev(qualities) if len(qualities) > 1 else 0
                results[method][name] = {"words_per_second": max(speeds), "quality": statistics.mean(qualities)}
                print(f"  {name:8} {max(speeds):12,.0f}    {statistics.mean(qualities):.4f} +- {spread:.4f}")
            print(f"  ours / the faster peer: {results[method]['ratio']:.2f}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
