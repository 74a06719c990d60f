"""A tokenizer of another library on a file of texts, a text a line: MB/s of one call for all of them, the first and the
fastest.

    tokenizers_speed.py hf|nanotoken|tokie|gigatoken TOKENIZER.json TEXTS [--repeat N]
    tokenizers_speed.py --make wordpiece VOCAB.txt OUT.json     the tokenizer.json of bert-base-uncased's kind
    tokenizers_speed.py --make bpe TEXTS OUT.json               a byte-level BPE of 8,000 pieces, and the seconds it took

One thread. nanotoken and gigatoken give ids alone, hf (the package tokenizers) and tokie whole encodings. Prints a line of
JSON.
"""
import argparse
import json
import os
import time

os.environ["RAYON_NUM_THREADS"] = "1"


def lines_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read().split("\n")


def make_wordpiece(vocabulary, out):
    from tokenizers import BertWordPieceTokenizer

    BertWordPieceTokenizer(vocabulary, lowercase=True).save(out)


def make_bpe(texts, out):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    lines = lines_of(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=8000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.save(out)


def call_of(peer, file, lines):
    """The name with its version, and the call to time."""
    if peer == "hf":
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(file)
        return "tokenizers " + tokenizers.__version__, lambda: tokenizer.encode_batch(lines)
    if peer == "tokie":
        import tokie

        tokenizer = tokie.Tokenizer.from_json(file)
        return peer, lambda: tokenizer.encode_batch(lines, add_special_tokens=True)
    module = __import__(peer)
    tokenizer = module.Tokenizer(file)
    return peer, lambda: tokenizer.encode_batch(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", help="hf, nanotoken, tokie, gigatoken; with --make: wordpiece, bpe")
    parser.add_argument("file")
    parser.add_argument("texts")
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--repeat", type=int, default=4)
    options = parser.parse_args()
    started = time.perf_counter()
    if options.make:
        {"wordpiece": make_wordpiece, "bpe": make_bpe}[options.peer](options.file, options.texts)
        print(json.dumps({"seconds": time.perf_counter() - started}))
        return
    lines = lines_of(options.texts)
    megabytes = sum(len(line.encode()) for line in lines) / 1e6
    name, call = call_of(options.peer, options.file, lines)
    seconds = []
    for _ in range(options.repeat):
        started = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - started)
        del result
    print(json.dumps({"peer": name, "mb": megabytes, "cold_mb_per_s": megabytes / seconds[0],
                      "mb_per_s": megabytes / min(seconds)}))


if __name__ == "__main__":
    main()
