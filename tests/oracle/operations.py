"""Writes operations.json: what PyTorch makes of the inputs of every case in tests/operations/, values and gradients.

    ROUX_WRITE_INPUTS=build/inputs.json build/tests/roux_tests -tc="operations: write*"
    python3 tests/oracle/operations.py build/inputs.json > tests/oracle/operations.json

A case that is not among the functions below is an error, and so is a function without a case. Computed in float64.
"""
import json, math, sys

import torch
from torch.nn import functional as F

INF = math.inf


def first_occurrences(ids, exclude=None):
    """The distinct values in order of first occurrence, and each position's place among them (-1: excluded)."""
    places = {}
    slots = [-1 if i == exclude else places.setdefault(i, len(places)) for i in ids.flatten().tolist()]
    return torch.tensor(list(places), dtype=torch.int64), torch.tensor(slots, dtype=torch.int64)



def bag(mode, **options):
    def f(table, ids, offsets=None, weights=None):
        return F.embedding_bag(ids, table, offsets, mode=mode, per_sample_weights=weights, **options)
    return f


def masked_pool(mode):
    """Sequence by sequence, from the tokens that count alone; the first of equal maxima."""
    def f(x, mask):
        rows = []
        for tokens, kept in zip(x, mask):
            tokens = tokens[kept]
            if mode == "max" and len(tokens):
                rows.append(tokens.gather(0, tokens.max(0).indices[None])[0])
            elif mode == "mean" and len(tokens):
                rows.append(tokens.mean(0))
            else:
                rows.append(tokens.sum(0))
        return torch.stack(rows) if rows else x.sum(1)
    return f


def attention(scale=None, causal=False):
    """The result, and the logarithm of the sum of the scores' exponentials (-inf: a query without keys)."""
    def f(q, k, v, mask=None):
        queries, keys = q.shape[-2], k.shape[-2]
        allowed = torch.ones(*q.shape[:2], queries, keys, dtype=torch.bool)
        if mask is not None:
            allowed = allowed & mask
        if causal:
            allowed = allowed & torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
        scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
        sums = scores.masked_fill(~allowed, -INF).logsumexp(-1)
        if keys and not allowed.any(-1).all():  # as in Hugging Face's models
            return scores.masked_fill(~allowed, torch.finfo(q.dtype).min).softmax(-1) @ v, sums
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, scale=scale), sums
    return f


def cross_entropy(reduction, **options):
    def f(logits, labels, weight=None):
        return F.cross_entropy(logits, labels, weight=weight, reduction=reduction, **options)
    return f


def row_losses(soft=False, **options):
    """The losses, and each row's share of the mean's divisor."""
    def f(logits, labels, weight=None):
        losses = F.cross_entropy(logits, labels, weight=weight, reduction="none", **options)
        if soft:
            return losses, torch.ones_like(losses)
        kept = labels != options.get("ignore_index", -100)
        weights = torch.ones(logits.shape[1], dtype=logits.dtype) if weight is None else weight
        return losses, torch.where(kept, weights[labels.clamp(min=0)], 0.0)
    return f


def along(name, axis):
    """index_select and its like with the ids last."""
    return lambda x, ids, *source: getattr(x, name)(axis, ids, *source)


def argsorted(x, axis, descending=False):
    return tuple(torch.sort(x, dim=axis, descending=descending, stable=True))


FUNCTIONS = {
    # Elementwise, two operands.
    "add(T, T)": torch.add, "sub(T, T)": torch.sub, "mul(T, T)": torch.mul, "div(T, T)": torch.div,
    "pow(T, T)": torch.pow,
    "mul(T, T)/itself": lambda x: x * x,
    "pow(T, T)/integer exponents": torch.pow, "pow(T, T)/base of zero": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "maximum/ties": torch.maximum, "minimum/ties": torch.minimum,
    "maximum/nan": torch.maximum, "minimum/nan": torch.minimum,
    "add(T, Scalar)": lambda x: x + 1.5, "sub(T, Scalar)": lambda x: x - 2, "sub(Scalar, T)": lambda x: 2.5 - x,
    "mul(T, Scalar)": lambda x: x * -3, "div(T, Scalar)": lambda x: x / 4, "div(Scalar, T)": lambda x: 3 / x,
    "pow(T, Scalar)/square": lambda x: x**2, "pow(T, Scalar)/fraction": lambda x: x**1.5,
    "pow(T, Scalar)/negative": lambda x: x**-2, "pow(T, Scalar)/zero": lambda x: x**0,
    "operator+(T, T)": torch.add, "operator-(T, T)": torch.sub, "operator*(T, T)": torch.mul,
    "operator/(T, T)": torch.div,
    "operator+(T, Scalar)": lambda x: x + 2, "operator-(T, Scalar)": lambda x: x - 2.5,
    "operator*(T, Scalar)": lambda x: x * 2.5, "operator/(T, Scalar)": lambda x: x / 2,
    "operator+(Scalar, T)": lambda x: 2 + x, "operator-(Scalar, T)": lambda x: 2 - x,
    "operator*(Scalar, T)": lambda x: 2 * x, "operator/(Scalar, T)": lambda x: 2 / x, "operator-(T)": torch.neg,
    # Integers and booleans. Booleans count in int64, which PyTorch does not do for all of these.
    "add(T, T)/integers": torch.add, "add(T, T)/booleans": lambda a, b: a.long() + b.long(),
    "sub(T, T)/integers": torch.sub,
    "mul(T, T)/integers": torch.mul, "mul(T, T)/booleans and integers": torch.mul,
    "mul(T, T)/integers and fractions": torch.mul, "div(T, T)/integers": torch.div, "maximum/integers": torch.maximum,
    "add(T, Scalar)/integers": lambda x: x + 2, "add(T, Scalar)/integers and a fraction": lambda x: x + 0.5,
    "mul(T, Scalar)/booleans": lambda x: x * 3, "neg/integers": torch.neg, "abs/integers": torch.abs,
    "exp/integers": torch.exp, "eq(T, T)/large integers": lambda x: x + 1 == x,
    # Comparisons and choices.
    "eq(T, T)": torch.eq, "ne(T, T)": torch.ne, "lt(T, T)": torch.lt, "le(T, T)": torch.le, "gt(T, T)": torch.gt,
    "ge(T, T)": torch.ge,
    "eq(T, Scalar)": lambda x: x == 2, "ne(T, Scalar)": lambda x: x != 2, "lt(T, Scalar)": lambda x: x < 2,
    "le(T, Scalar)": lambda x: x <= 2, "gt(T, Scalar)": lambda x: x > 2, "ge(T, Scalar)": lambda x: x >= 2,
    "eq(T, Scalar)/integers and a fraction": lambda x: x == 2.5,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_not": torch.logical_not,
    "isnan": torch.isnan,
    "where": torch.where, "where/mixed types": torch.where,
    "masked_fill": lambda x, mask: x.masked_fill(mask, -INF if x.is_floating_point() else LOWEST),
    "clamp": lambda x: x.clamp(-0.5, 0.75), "clamp/below": lambda x: x.clamp(min=1),
    "clamp/bounds": lambda x: x.clamp(-1, 1),
    "clamp/integers": lambda x: x.clamp(min=2), "clamp/nan": lambda x: x.clamp(2, 5),
    # Elementwise, one operand.
    "neg": torch.neg, "abs": torch.abs, "sign": lambda x: torch.where(x.isnan(), x, x.sign()), "square": torch.square,
    "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal, "exp": torch.exp, "log": torch.log,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu, "erf": torch.erf, "gelu": F.gelu,
    "gelu/tanh": lambda x: F.gelu(x, approximate="tanh"), "softplus": lambda x: F.softplus(x, threshold=INF),
    "abs/at zero": torch.abs, "relu/at zero": torch.relu, "tanh/far out": torch.tanh, "sigmoid/far out": torch.sigmoid,
    "erf/far out": torch.erf, "gelu/far out": F.gelu, "gelu/tanh far out": lambda x: F.gelu(x, approximate="tanh"),
    "softplus/far out": F.softplus, "exp/small": torch.exp, "exp/special": torch.exp, "log/special": torch.log,
    "tanh/special": torch.tanh, "sigmoid/special": torch.sigmoid, "erf/special": torch.erf,
    "softplus/special": F.softplus, "relu/special": torch.relu, "sqrt/special": torch.sqrt,
    "elementwise_backward/tanh": lambda g, y: g * (1 - y * y),
    "elementwise_backward/sigmoid": lambda g, y: g * y * (1 - y),
    "elementwise_backward/relu": lambda g, y: torch.where(y > 0, g, 0.0),
    # Reductions.
    "sum/all": lambda x: x.sum(), "sum/axis 0": lambda x: x.sum(0), "sum/axis 1": lambda x: x.sum(1),
    "sum/axis -1 kept": lambda x: x.sum(-1, keepdim=True), "sum/axes 0, 2": lambda x: x.sum((0, 2)),
    "sum/axes 2, 1 kept": lambda x: x.sum((2, 1), keepdim=True), "sum/integers": lambda x: x.sum(1),
    "mean/all": lambda x: x.mean(), "mean/axis 1 kept": lambda x: x.mean(1, keepdim=True),
    "mean/axes 0, 2": lambda x: x.mean((0, 2)), "mean/integers": lambda x: x.float().mean(1),
    "var/all": lambda x: x.var(), "var/axis 1": lambda x: x.var(1),
    "var/axes 0, 1 kept, correction 0": lambda x: x.var((0, 1), keepdim=True, correction=0),
    "prod/integers": lambda x: x.prod(1), "prod/all": lambda x: x.prod(), "prod/axis 1": lambda x: x.prod(1),
    "prod/axes 1, 2 kept": lambda x: x.flatten(1).prod(1)[:, None, None],
    "norm": lambda x: x.flatten().norm(), "norm/zeros": lambda x: x.norm(),
    "sum_to": lambda x: x.sum_to_size(3, 1), "sum_to/scalar": lambda x: x.sum(),
    "any": lambda x: x.any(1), "any/all": lambda x: x.any(), "all": lambda x: x.all(1, keepdim=True),
    "all/all": lambda x: x.all(),
    "amax/all": lambda x: x.amax(), "amax/axis 1": lambda x: x.amax(1),
    "amax/axes 0, 2 kept": lambda x: x.amax((0, 2), keepdim=True), "amin/all": lambda x: x.amin(),
    "amin/axis -1": lambda x: x.amin(-1), "max/axis 1": lambda x: tuple(x.max(1)),
    "max/axis -1 kept": lambda x: tuple(x.max(-1, keepdim=True)), "max/axis 0": lambda x: tuple(x.max(0)),
    "max/scalar": lambda x: tuple(x.max(0)), "min/axis 1": lambda x: tuple(x.min(1)),
    "min/axis 0 kept": lambda x: tuple(x.min(0, keepdim=True)), "argmax": lambda x: x.argmax(-1),
    "argmax/axis 1 kept": lambda x: x.argmax(1, keepdim=True), "argmin": lambda x: x.argmin(0),
    "amax/ties": lambda x: x.amax(1), "amin/ties": lambda x: x.amin(1), "max/ties": lambda x: tuple(x.max(1)),
    "min/ties": lambda x: tuple(x.min(1)), "amax/special": lambda x: x.amax(1), "amin/special": lambda x: x.amin(0),
    "max/special": lambda x: tuple(x.max(1)), "min/special": lambda x: tuple(x.min(1)),
    # Order and softmax.
    "sort": lambda x: argsorted(x, -1), "sort/axis 1 descending": lambda x: argsorted(x, 1, True),
    "sort/ties": lambda x: argsorted(x, -1), "sort/ties descending": lambda x: argsorted(x, -1, True),
    "sort/special": lambda x: argsorted(x, 0), "sort/special descending": lambda x: argsorted(x, 0, True),
    "topk/largest": lambda x: tuple(x.topk(3, 1)), "topk/smallest": lambda x: tuple(x.topk(2, largest=False)),
    "topk/everything": lambda x: tuple(x.topk(4, 0)), "topk/nothing": lambda x: tuple(x.topk(0)),
    "topk/special": lambda x: tuple(x.topk(3)),
    "softmax": lambda x: x.softmax(-1), "softmax/axis 1": lambda x: x.softmax(1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "log_softmax/axis 0": lambda x: x.log_softmax(0), "softmax/special": lambda x: x.softmax(-1),
    "log_softmax/special": lambda x: x.log_softmax(-1),
    "softmax_backward": lambda g, y: y * (g - (g * y).sum(1, keepdim=True)),
    "softmax_backward/log": lambda g, y: g - y.exp() * g.sum(-1, keepdim=True),
    # Views.
    "reshape": lambda x: x.reshape(4, 15), "reshape/-1": lambda x: x.reshape(-1, 5), "flatten": lambda x: x.flatten(),
    "reshape/of a view": lambda x: x.flatten() * 2,
    "flatten/from 1": lambda x: x.flatten(1), "transpose": lambda x: x.transpose(0, -1),
    "permute": lambda x: x.permute(2, 0, 1), "permute/from the end": lambda x: x.permute(-2, -1, 0),
    "squeeze(int64_t)": lambda x: x.squeeze(2), "squeeze(int64_t)/longer": lambda x: x.squeeze(1),
    "squeeze()": lambda x: x.squeeze(), "unsqueeze": lambda x: x.unsqueeze(1),
    "unsqueeze/last": lambda x: x.unsqueeze(-1),
    "slice": lambda x: x[:, :, 1:4], "slice/steps": lambda x: x[:, :, -4:100:2], "slice/nothing": lambda x: x[2:1],
    "select": lambda x: x[1], "select/from the end": lambda x: x[..., -2], "expand": lambda x: x.expand(2, 3, -1, 5),
    "expand/scalar": lambda x: x.expand(2, 3), "contiguous": lambda x: x.transpose(0, 1).contiguous(),
    "clone": torch.clone, "to(DType)/float64": lambda x: x.double(), "to(Device)": lambda x: x * 1,
    "to(DType)/int64": lambda x: x.long(), "to(DType)/bool": lambda x: x.bool(),
    "to(DType)/from bool": lambda x: x.long(),
    # Joins and indexing.
    "cat/axis 0": lambda *x: torch.cat(x), "cat/axis -1": lambda *x: torch.cat(x, -1),
    "cat/axis 1": lambda *x: torch.cat(x, 1),
    "cat/mixed types": lambda *x: torch.cat(x), "stack/axis 0": lambda *x: torch.stack(x),
    "stack/axis -1": lambda *x: torch.stack(x, -1),
    "index_select/axis 0": along("index_select", 0), "index_select/axis 1": along("index_select", 1),
    "index_select/last axis": along("index_select", -1), "index_add/axis 0": along("index_add", 0),
    "index_add/axis -1": along("index_add", -1), "gather/axis 0": along("gather", 0),
    "gather/axis 1": along("gather", 1),
    "scatter_add/axis 0": along("scatter_add", 0), "scatter_add/axis -1": along("scatter_add", -1),
    "unique": first_occurrences, "unique/but 2": lambda x: first_occurrences(x, 2),
    # Products and layers.
    "matmul": torch.matmul, "linear": F.linear, "linear/no bias": F.linear,
    "embedding": lambda table, ids: F.embedding(ids, table),
    "embedding/padding": lambda table, ids: F.embedding(ids, table, padding_idx=2),
    "embedding/by frequency": lambda table, ids: F.embedding(ids, table, scale_grad_by_freq=True),
    **{f"embedding_bag/{mode}{label}": bag(mode, **options) for mode in ["sum", "mean", "max"]
       for label, options in [("", {}), (" of rows", {}), (" with last offset", {"include_last_offset": True}),
                              (" with padding", {"padding_idx": 3})]},
    "embedding_bag/weighted": bag("sum"), "embedding_bag/weighted with padding": bag("sum", padding_idx=3),
    "embedding_bag/sum by frequency": bag("sum", scale_grad_by_freq=True),
    "embedding_bag/mean by frequency": bag("mean", scale_grad_by_freq=True),
    **{f"masked_pool/{mode}": masked_pool(mode) for mode in ["sum", "mean", "max"]},
    "masked_pool/max of equals": masked_pool("max"), "masked_pool/max of nan": masked_pool("max"),
    "attention": attention(), "attention/scale 0.25": attention(scale=0.25), "attention/masked": attention(),
    "attention/masked, causal": attention(causal=True), "attention/causal": attention(causal=True),
    "layer_norm": lambda x, weight, bias: F.layer_norm(x, x.shape[-1:], weight, bias, 1e-5),
    "layer_norm/no weight": lambda x: F.layer_norm(x, x.shape[-1:], None, None, 1e-3),
    "layer_norm/no bias": lambda x, weight: F.layer_norm(x, x.shape[-1:], weight, None, 1e-12),
}
for label, options in [("plain", {}), ("weighted", {}), ("smoothed", {"label_smoothing": 0.1}),
                       ("weighted and smoothed", {"label_smoothing": 0.25}), ("ignoring 1", {"ignore_index": 1}),
                       ("ignoring 1, weighted and smoothed", {"ignore_index": 1, "label_smoothing": 0.25}),
                       ("ignoring all", {"ignore_index": 1}), ("soft", {}),
                       ("soft and smoothed", {"label_smoothing": 0.25})]:
    FUNCTIONS[f"cross_entropy/{label}"] = row_losses(soft=label.startswith("soft"), **options)
    FUNCTIONS[f"cross_entropy/{label} mean"] = cross_entropy("mean", **options)
    FUNCTIONS[f"cross_entropy/{label} sum"] = cross_entropy("sum", **options)

DTYPES = {"float64": torch.float64, "int64": torch.int64, "bool": torch.bool}
LOWEST = torch.iinfo(torch.int64).min


def tensor(item):
    dtype = DTYPES[item["dtype"]]
    values = [float(v) if dtype == torch.float64 else int(v) for v in item["values"]]
    return torch.tensor(values, dtype=dtype).reshape(item["shape"]).requires_grad_(item.get("grad", False))


def written(x):
    def number(v):
        if not isinstance(v, float):
            return int(v)
        return float(f"{v:.10g}") if math.isfinite(v) else str(v)
    values = [number(v) for v in x.flatten().tolist()]
    return {"dtype": str(x.dtype).removeprefix("torch."), "shape": list(x.shape), "values": values}


def figures(name, case):
    inputs = [tensor(item) for item in case["inputs"]]
    outputs = FUNCTIONS[case["case"]](*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    gradients = [None] * len(inputs)
    wanted = [i for i, x in enumerate(inputs) if x.requires_grad]
    if wanted and outputs[0].requires_grad:
        seed = tensor(case["cotangent"])
        results = torch.autograd.grad(outputs[0], [inputs[i] for i in wanted], seed, allow_unused=True)
        for i, gradient in zip(wanted, results):
            gradients[i] = written(gradient)
    return {"checksum": case["checksum"], "outputs": [written(x.detach()) for x in outputs], "gradients": gradients}


cases = json.load(open(sys.argv[1]))
unknown = {case["case"] for case in cases.values()} ^ set(FUNCTIONS)
if unknown:
    sys.exit(f"in only one of tests/operations and {sys.argv[0]}: {sorted(unknown)}")
compact = lambda value: json.dumps(value, separators=(",", ":"))
lines = [f"{json.dumps(name)}: {compact(figures(name, case))}" for name, case in cases.items()]
print("{\n" + ",\n".join(lines) + "\n}")
