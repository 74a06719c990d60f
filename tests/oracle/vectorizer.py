"""Writes vectorizer.json: what scikit-learn's TfidfVectorizer makes of a few texts that are hard to take apart.

    python3 tests/oracle/vectorizer.py > tests/oracle/vectorizer.json
"""
import json

import sklearn
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

TEXTS = [
    "I love love my dog",
    "I love my cat",
    "Don't  PANIC, it's only\tsalt & pepper_grinder 2x!",
    "cr\u00e8me br\u00fbl\u00e9e \u2014 CR\u00c8ME Br\u00dbL\u00c9E; \u0421\u0443\u043f \u0431\u043e\u0440\u0449 \u0431\u043e\u0440\u0449",
    "",
    " \n ",
    "\u5bff\u53f8 \u5bff\u53f8\u5c4b a b",
    "e\u0301clair \u0661\u0662 x\u00b2 \u00bd cup \U0001F34B lemon",
    "dog dog cat",
    "line one\nline  two \t end ",
    "two\t\ttabs\n y\tz",
]
CASES = [
    dict(kind="words", analyzer="word", ngram_range=(1, 1), token_pattern=r"(?u)\b\w\w+\b"),
    dict(kind="words", analyzer="word", ngram_range=(1, 3), token_pattern=r"(?u)\b\w\w+\b"),
    dict(kind="words", analyzer="word", ngram_range=(2, 2), token_pattern=r"(?u)\b\w+\b", min_df=1),
    dict(kind="words", analyzer="word", ngram_range=(1, 1), token_pattern=r"(?u)\b\w+\b", min_df=2, sublinear_tf=True),
    dict(kind="words", analyzer="word", ngram_range=(1, 1), token_pattern=r"(?u)\b\w+\b", max_df=0.2),
    dict(kind="words", analyzer="word", ngram_range=(1, 1), token_pattern=r"(?u)\b\w+\b", lowercase=False),
    dict(kind="characters", analyzer="char", ngram_range=(2, 5)),
    dict(kind="characters", analyzer="char", ngram_range=(1, 1), min_df=3),
    dict(kind="characters_in_words", analyzer="char_wb", ngram_range=(2, 5)),
    dict(kind="characters_in_words", analyzer="char_wb", ngram_range=(6, 8)),
]


def rows(matrix, names):
    matrix = matrix.tocsr()
    return [{names[c]: round(float(v), 7) for c, v in zip(r.indices, r.data)} for r in matrix]


def case(kind, **arguments):
    result = dict(kind=kind, ngram_min=arguments["ngram_range"][0], ngram_max=arguments["ngram_range"][1],
                  min_word_length=2 if r"\w\w" in arguments.get("token_pattern", "") else 1,
                  lowercase=arguments.get("lowercase", True), min_df=arguments.get("min_df", 1),
                  max_df_share=arguments.get("max_df", 1.0), sublinear=arguments.get("sublinear_tf", False))
    tfidf = TfidfVectorizer(**arguments)
    result["tfidf"] = rows(tfidf.fit_transform(TEXTS), tfidf.get_feature_names_out())
    arguments.pop("sublinear_tf", None)
    count = CountVectorizer(**arguments)
    result["count"] = rows(count.fit_transform(TEXTS), count.get_feature_names_out())
    return result


print(json.dumps({"made_by": f"scikit-learn {sklearn.__version__}", "texts": TEXTS,
                  "cases": [case(**arguments) for arguments in CASES]}, ensure_ascii=True, separators=(",", ":")))
