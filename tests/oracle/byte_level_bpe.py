"""Makes byte_level_bpe.json: small models trained by the pip package tokenizers 0.23.3, and what it makes of texts.

    python3 tests/oracle/byte_level_bpe.py > tests/oracle/byte_level_bpe.json
"""

import json
import random

import tokenizers
from tokenizers import BertWordPieceTokenizer, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())

WORDS = """apple tart with butter, brown sugar and cinnamon; the dough rests for 30 minutes. Don't open the oven's door, we'll
be there and they've said I'd know it's done: she's right, you're not, I'm. 1 1/2 cups of flour, 250 g of Crème fraîche,
naïve jalapeño, señor, größer, Ελληνικά, привет мир, 日本語 の 料理, 안녕 하세요, e\u0301 o\u0308, \U0001F34E\U0001F967
\U0001F468\u200D\U0001F373,
½ cup, 100% butter... (optional) ingredients: butter butterscotch buttermilk, better bitter batter""".replace("\n", " ").split(" ")

TEXTS = [
    "", " ", "  ", "\n", "\t\t", " \n ", "\r\n\r\n", "a", " a", "a ", "  a", "a  b", "a   b", "a \n b", "a\n\nb",
    "it's", "it 's", "it''s", "'s's", "don'ts", "we'll've", "I'LL", "'r", "'re", "'ve!", "'l", "'ll", "x'", "'", "''",
    "' s",
    "butter and sugar", "Butter  AND\tsugar\n", "buttermilk butterscotch better", "12 345,678.90", "a1b2 c3", "1½²③",
    "Crème fraîche naïve", "e\u0301e\u0301 o\u0308", "日本語の料理 日本", "안녕 하세요", "привет, мир", "\U0001F34E\U0001F967!",
    "\U0001F468\u200D\U0001F373 x", "a\u00a0b", "a\u3000\u3000b", "a \u2003b", "\u0085", "x\u200bx",
    "\u1c89\u1c8a\ua7cb \U000105C0", "\ufffd\ufffd", "\x00\x01\x7f",
    "(optional) ... 100%", "\ufeffbutter", "  butter", "      ", "butter      ", "ingredients: apple, sugar",
]


def random_texts(count):
    draw = random.Random(3)
    characters = "   aabbttuuee'''sdl\n\t12é日\U0001F34E.,"
    return ["".join(draw.choice(characters) for _ in range(draw.randrange(40))) for _ in range(count)]


def corpus():
    draw = random.Random(1)
    return [" ".join(draw.choice(WORDS) for _ in range(draw.randrange(3, 14))) for _ in range(120)]


def trained(lines, special_tokens=(), **options):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=options.pop("add_prefix_space", False))
    trainer = trainers.BpeTrainer(
        special_tokens=list(special_tokens), initial_alphabet=ALPHABET, show_progress=False, **options
    )
    tokenizer.train_from_iterator(lines, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = sorted(model["vocab"], key=model["vocab"].get)
    return vocabulary, [list(merge) for merge in model["merges"]]


def encoded(vocabulary, merges, texts, add_prefix_space=False, use_regex=True, trim=None, **model_options):
    model = models.BPE(
        vocab={token: i for i, token in enumerate(vocabulary)}, merges=[tuple(merge) for merge in merges], **model_options
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=use_regex)
    tokenizer.decoder = decoders.ByteLevel()
    if trim is not None:
        tokenizer.post_processor = processors.ByteLevel(add_prefix_space=trim, trim_offsets=True)
    found = []
    for text in texts:
        encoding = tokenizer.encode(text)
        offsets = [position for span in encoding.offsets for position in span]
        found.append([encoding.ids, offsets, tokenizer.decode(encoding.ids)])
    return found


def main():
    lines = corpus()
    vocabulary, merges = trained(lines, vocab_size=420)
    # Without some bytes: "b", the space, and the last byte of many characters. Merges that need them go as well.
    lost = set("bĠ\u0101ģ©")
    few = [token for token in vocabulary if not lost & set(token)] + ["<unk>"]
    few_merges = [merge for merge in merges if not lost & set("".join(merge))]
    whole = vocabulary + ["Ġbuttermilk", "sug", "日本", "ĠĠĠĠ", "Ċ"]
    whole = list(dict.fromkeys(whole))
    texts = TEXTS + random_texts(20)
    models_by_name = {
        "all bytes": (vocabulary, merges),
        "few bytes": (few, few_merges),
        "whole words": (whole, merges),
    }
    cases = [
        ("all bytes", {}),
        ("all bytes", {"add_prefix_space": True}),
        ("all bytes", {"use_regex": False}),
        ("all bytes", {"trim": True}),
        ("all bytes", {"trim": False}),
        ("all bytes", {"trim": True, "add_prefix_space": True}),
        ("all bytes", {"trim": False, "add_prefix_space": True}),
        ("whole words", {"ignore_merges": True}),
        ("few bytes", {}),
        ("few bytes", {"unk_token": "<unk>"}),
        ("few bytes", {"unk_token": "<unk>", "fuse_unk": True}),
        ("few bytes", {"unk_token": "<unk>", "fuse_unk": True, "use_regex": False, "add_prefix_space": True}),
    ]
    special = ["<s>", "</s>", "Ġb", "tte"]
    trainings = []
    for options in (
        {"vocab_size": 420},
        {"vocab_size": 2000},
        {"vocab_size": 600, "min_frequency": 4, "special_tokens": special},
        {"vocab_size": 400, "add_prefix_space": True},
    ):
        tokens, pairs = trained(lines, **options)
        first = len(options.get("special_tokens", [])) + 256
        trainings.append({"options": options, "first": tokens[: first + 1], "size": len(tokens), "merges": pairs})

    # Hugging Face's trainer numbers characters inside words anew in every run; as special tokens their order is fixed.
    wordpiece = BertWordPieceTokenizer(lowercase=True)
    inside = sorted(set(wordpiece.normalizer.normalize_str("".join(WORDS))))
    wordpiece_special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + ["##" + character for character in inside]
    wordpiece.train_from_iterator(
        lines, vocab_size=300, min_frequency=2, limit_alphabet=1000, special_tokens=wordpiece_special, show_progress=False
    )
    vocab = wordpiece.get_vocab()
    result = {
        "made by": "tests/oracle/byte_level_bpe.py with tokenizers " + tokenizers.__version__,
        "corpus": lines,
        "texts": texts,
        "models": {name: {"vocabulary": tokens, "merges": pairs} for name, (tokens, pairs) in models_by_name.items()},
        "cases": [
            {"model": name, "options": options, "texts": encoded(*models_by_name[name], texts, **options)}
            for name, options in cases
        ],
        "trainings": trainings,
        "wordpiece": {
            "options": {"vocab_size": 300, "min_frequency": 2, "special_tokens": wordpiece_special},
            "vocabulary": sorted(vocab, key=vocab.get),
        },
    }
    print("{")
    lines_of_json = (
        json.dumps(key) + ": " + json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        for key, value in result.items()
    )
    print(",\n".join(lines_of_json))
    print("}")


main()
