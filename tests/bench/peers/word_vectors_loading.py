"""Loading a file of word vectors: ours as a whole program beside gensim, polars and reading the bytes alone, in turn.

    python3 tests/bench/peers/word_vectors_loading.py FILE [--build build] [--rounds 3] [--without gensim]

FILE is GloVe text, once read before so that it lies in the page cache. Every round starts a process for each; a peer's
seconds are those of its load alone, without its start. Then FILE is written as .safetensors beside the programs and asked for
one word's vector, twenty times. Prints medians and their ratios, as a table and as a line of JSON. Needs gensim, polars, numpy.
"""
import argparse, json, os, statistics, subprocess, sys, time

PEERS = {
    "read": "open(f, 'rb').read()",
    "polars": "d = pl.read_csv(f, separator=' ', has_header=False, quote_char=None, "
              "schema={'w': pl.String, **{f'c{i}': pl.Float32 for i in range(dim)}}); "
              "np.ascontiguousarray(d.drop('w').to_numpy())",
    "gensim": "KeyedVectors.load_word2vec_format(f, binary=False, no_header=True)",
}
IMPORTS = {"read": "", "polars": "import polars as pl, numpy as np", "gensim": "from gensim.models import KeyedVectors"}


def peer_seconds(name, file, dim):
    code = f"import sys, time\n{IMPORTS[name]}\nf, dim = sys.argv[1], int(sys.argv[2])\nt = time.perf_counter()\n" \
           f"{PEERS[name]}\nprint(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code, file, str(dim)], check=True, capture_output=True, text=True).stdout)


def program(*command):
    """Seconds of a whole process and its peak resident memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command}: failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", action="append", default=[], choices=list(PEERS))
    options = parser.parse_args()
    ours = os.path.join(options.build, "apps", "word_vectors")
    info = json.loads(subprocess.run([ours, "info", "--json", options.file], check=True, capture_output=True).stdout)
    names = [name for name in PEERS if name not in options.without]
    seconds = {name: [] for name in names + ["ours"]}
    memory = 0
    for _ in range(options.rounds):
        for name in names:
            seconds[name].append(peer_seconds(name, options.file, info["dimensions"]))
        for _ in range(3):  # short runs: more of them
            took, peak = program(ours, "info", options.file)
            seconds["ours"].append(took)
            memory = max(memory, peak)
    with open(options.file) as lines:
        word = lines.readline().split(" ")[0]
    packed = os.path.join(options.build, "word_vectors_loading.safetensors")
    subprocess.run([ours, "convert", options.file, packed], check=True, stdout=subprocess.DEVNULL)
    first_answer = statistics.median(program(ours, "vector", packed, word)[0] for _ in range(20))
    os.remove(packed)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    vectors = info["words"] * info["dimensions"] * 4
    result = {"seconds": {name: round(value, 4) for name, value in medians.items()},
              "times_faster": {name: round(medians[name] / medians["ours"], 2) for name in names},
              "memory_over_vectors": round(memory / vectors, 3), "first_answer_ms": round(1000 * first_answer, 1)}
    for name in names + ["ours"]:
        print(f"{name:8} {medians[name]:8.3f} s   {medians[name] / medians['ours']:6.2f} times ours")
    print(f"memory {memory / 1e6:.0f} MB, {memory / vectors:.2f} times the vectors; first answer {1000 * first_answer:.1f} ms")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
