"""Writes tokenizer_parts.json: added tokens, templates, pairs and truncation as tokenizers 0.23.3 does them.

    python3 tests/oracle/tokenizer_parts.py > tests/oracle/tokenizer_parts.json
"""
import json, os, random
os.environ["RUST_BACKTRACE"] = "0"
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

r = random.Random(6)
CLS, SEP = ("[CLS]", 1), ("[SEP]", 2)
WORDS = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "ab", "##a", "##b", "foo", "bar", "e", "##e", "!", "1", "hello"]
PARTS = ["a", "b", "ab", " ", "  ", "<x>", "<x>y", "Foo", "foo", "bar", "[SEP]", "e", "é", "!", "1", "_", "\u0301", "\u2003", "\u200d", "\u24b6", "\U0001F600"]
ADDED = [
    [],
    [AddedToken("<x>", normalized=False), AddedToken("<x>y", normalized=False), AddedToken("Foo", normalized=True)],
    [AddedToken("<x>", lstrip=True, normalized=False), AddedToken("foo", rstrip=True, normalized=False)],
    [AddedToken("bar", single_word=True, normalized=False), AddedToken("FOO", single_word=True, normalized=True)],
    [AddedToken("<x>", lstrip=True, rstrip=True, normalized=False), AddedToken(" ", normalized=False), AddedToken("É", normalized=True)],
]
def wordpiece(added, post):
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer, t.decoder = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    t.add_special_tokens(["[CLS]", "[SEP]"])
    t.add_tokens(added)
    if post: t.post_processor = post
    return t
def byte_level(added, post):
    names = ["<s>", "</s>"] + sorted(pre_tokenizers.ByteLevel.alphabet()) + ["ab", "oo", "foo", "Ġa"]
    t = Tokenizer(models.BPE({w: i for i, w in enumerate(names)}, [("a", "b"), ("o", "o"), ("f", "oo"), ("Ġ", "a")]))
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.add_tokens(added)
    if post: t.post_processor = post
    return t
template = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[CLS, SEP])
swapped = processors.TemplateProcessing(single="$A", pair="$B:1 [SEP]:3 $A:0", special_tokens=[SEP])
roberta = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
TOKENIZERS = [wordpiece(ADDED[0], None), wordpiece(ADDED[1], template), wordpiece(ADDED[2], processors.BertProcessing(SEP, CLS)),
              wordpiece(ADDED[3], template), wordpiece(ADDED[4], swapped),
              byte_level(ADDED[1], processors.ByteLevel(trim_offsets=False)), byte_level(ADDED[2], roberta)]
STRATEGIES = ["longest_first", "only_first", "only_second"]

def case(t):
    first, second = ("".join(r.choice(PARTS) for _ in range(r.randrange(0, 10))) for _ in "ab")
    options = dict(max_length=r.choice([0, 0, 3, 4, 5, 6, 8]), truncation=r.choice(STRATEGIES), stride=r.choice([0, 0, 1]),
                   left=r.random() < .3, add_special_tokens=r.random() < .7)
    is_pair = r.random() < .5
    c = dict(first=first, second=second if is_pair else None, **options)
    t.no_truncation()
    try:
        if options["max_length"]:
            t.enable_truncation(options["max_length"], stride=options["stride"], strategy=options["truncation"],
                                direction="left" if options["left"] else "right")
        e = t.encode(first, second if is_pair else None, add_special_tokens=options["add_special_tokens"])
    except BaseException:
        return dict(c, error=True)
    return dict(c, ids=e.ids, types=e.type_ids, special=e.special_tokens_mask, offsets=[x for o in e.offsets for x in o],
                overflowing=[o.ids for o in e.overflowing])

rows = []
for t in TOKENIZERS:
    file = t.to_str()
    cases = [c for c in (case(t) for _ in range(40))
             if c["max_length"] == 0 or not c["add_special_tokens"] or c["max_length"] > t.num_special_tokens_to_add(c["second"] is not None)]
    rows.append('{"file": ' + json.dumps(file, ensure_ascii=True) + ',\n "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "]}")
print("[" + ",\n".join(rows) + "]")
