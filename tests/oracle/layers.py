"""Writes layers.h: what PyTorch and scikit-learn make of small inputs, for the tests of nn/.

    python3 tests/oracle/layers.py > tests/oracle/layers.h

Inputs are pattern(shape, seed), which tests/nn/pattern.h computes too: exact in binary, so that both sides start alike.
Everything is computed in float64. A name that ends in _grad_x holds the gradient of x after (output * pattern(.., 90)).sum().
"""
import math, warnings
import numpy as np, sklearn, torch
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

warnings.simplefilter("ignore")


def pattern(shape, seed):
    n = math.prod(shape)
    return torch.tensor([((i * 37 + seed * 101) % 199 - 99) / 64 for i in range(n)], dtype=torch.float64).reshape(shape)


def braced(values):
    values = values.detach().flatten().tolist() if isinstance(values, torch.Tensor) else list(values)
    lines, line = [], ""
    for part in (f"{v:.9g}" for v in values):
        if len(line) + len(part) > 110:
            lines.append(line.rstrip())
            line = ""
        line += part + ", "
    lines.append(line.rstrip(", "))
    return "{" + lines[0] + "}" if len(lines) == 1 and len(lines[0]) <= 50 else "{\n    " + "\n    ".join(lines) + "}"


def show(name, values):
    print(f"inline const std::vector<double> {name}{braced(values)};")


def show_reductions(name, loss, shape, seed):  # loss(x, reduction)
    parts = []
    for reduction in ("mean", "sum", "none"):
        x = leaf(shape, seed)
        output = loss(x, reduction)
        (output * pattern(tuple(output.shape), 90)).sum().backward()
        parts.append(f"{{{braced(output)},\n    {braced(x.grad)}}}")
    print(f"inline const Loss {name}[3]{{\n    " + ",\n    ".join(parts) + "};")


def show_with_grads(name, output, **inputs):
    show(name, output)
    (output * pattern(tuple(output.shape), 90)).sum().backward()
    for key, x in inputs.items():
        show(f"{name}_grad_{key}", x.grad)


def leaf(shape, seed):
    return pattern(shape, seed).requires_grad_()


print(f"""// Reference figures, written by tests/oracle/layers.py with PyTorch {torch.__version__.split("+")[0]} and scikit-learn {sklearn.__version__}.
// clang-format off
#pragma once

#include <vector>

namespace figures {{

/// A loss and its gradient of x; three of them are the reductions mean, sum and none.
struct Loss {{
  std::vector<double> output, grad_x;
}};
""")

x, w, b = leaf((2, 3, 5), 1), leaf((4, 5), 2), leaf((4,), 3)
show_with_grads("linear", F.linear(x, w, b), x=x, weight=w, bias=b)

ids = torch.tensor([[1, 4, 2], [4, 0, 4]])
for name, options in {"embedding": {}, "embedding_padded": {"padding_idx": 4}, "embedding_by_frequency": {"scale_grad_by_freq": True}}.items():
    w = leaf((6, 3), 4)
    show_with_grads(name, F.embedding(ids, w, **options), table=w)

for p, text in ((2.0, "2"), (1.0, "1"), (math.inf, "inf")):
    w = pattern((6, 3), 4)
    F.embedding(ids, w, max_norm=1.25, norm_type=p)
    show(f"renormalized_{text}", w)

# Bags of 3, 0, 2 and 1 ids; id 2 is the padding where there is one; the last bag holds nothing else.
ids, offsets = torch.tensor([5, 2, 5, 0, 1, 2]), torch.tensor([0, 3, 3, 5])
for mode in ("sum", "mean", "max"):
    for name, options in {"": {}, "_padded": {"padding_idx": 2}, "_by_frequency": {"scale_grad_by_freq": True}}.items():
        if mode == "max" and name == "_by_frequency":
            continue
        w = leaf((6, 4), 5)
        show_with_grads(f"bag_{mode}{name}", F.embedding_bag(ids, w, offsets, mode=mode, **options), table=w)
w, s = leaf((6, 4), 5), leaf((6,), 6)
show_with_grads("bag_weighted", F.embedding_bag(ids, w, offsets, mode="sum", per_sample_weights=s), table=w, weights=s)

x, w, b = leaf((3, 7), 7), leaf((7,), 8), leaf((7,), 9)
show_with_grads("layer_norm", F.layer_norm(x, (7,), w, b, 1e-5), x=x, weight=w, bias=b)
show("layer_norm_plain", F.layer_norm(x, (7,), None, None, 1e-3))

x = pattern((8,), 10) * 2
show("gelu", F.gelu(x))
show("gelu_tanh", F.gelu(x, approximate="tanh"))
show("tanh", torch.tanh(x))
show("sigmoid", torch.sigmoid(x))
show("relu", torch.relu(x))

mask = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
for how in ("sum", "mean", "max"):
    x = leaf((3, 4, 2), 11)
    m = mask.unsqueeze(-1).double()
    if how == "max":
        y = x.masked_fill(m == 0, -1e9).max(1).values * mask.any(1, keepdim=True)
    else:
        y = (x * m).sum(1)
        if how == "mean":
            y = y / m.sum(1).clamp(min=1)
    show_with_grads(f"masked_{how}", y, x=x)

labels, soft = torch.tensor([2, 0, -100, 1, 2]), torch.softmax(pattern((5, 3), 13), 1)
for name, options in {
    "plain": {}, "weighted": {"weight": pattern((3,), 14).abs()}, "smoothed": {"label_smoothing": 0.1},
    "all": {"weight": pattern((3,), 14).abs(), "label_smoothing": 0.3, "ignore_index": 0},
}.items():
    for target, y in (("index", labels.clone()), ("soft", soft)):
        if name == "all":
            if target == "soft":
                options = {k: v for k, v in options.items() if k != "ignore_index"}
            else:
                y[2] = 1
        show_reductions(f"cross_entropy_{name}_{target}",
                        lambda x, reduction: F.cross_entropy(x, y, reduction=reduction, **options), (5, 3), 12)
show("soft_targets", soft)

y = (pattern((4, 3), 16) > 0).double() * 0.75
for name, options in {"plain": {}, "weighted": {"weight": pattern((3,), 17).abs(), "pos_weight": pattern((3,), 18).abs()}}.items():
    show_reductions(f"binary_{name}",
                    lambda x, reduction: F.binary_cross_entropy_with_logits(x, y, reduction=reduction, **options), (4, 3), 15)
show_reductions("mse", lambda x, reduction: F.mse_loss(x, pattern((2, 3), 20), reduction=reduction), (2, 3), 19)

# Class 3 is never predicted, class 4 never true.
found, truth = [(i * 7 + i // 3) % 5 % 3 if i % 9 else 4 for i in range(40)], [(i * i + i // 4) % 4 for i in range(40)]
show("predictions", found)
show("labels", truth)
p, r, f, s = precision_recall_fscore_support(truth, found, labels=range(5), zero_division=0)
for name, values in (("precision", p), ("recall", r), ("f1", f), ("support", s)):
    show(f"class_{name}", values)
for average in ("macro", "micro"):
    show(f"{average}_scores", precision_recall_fscore_support(truth, found, labels=range(5), average=average, zero_division=0)[:3])
show("accuracy", [accuracy_score(truth, found)])
show("confusion", confusion_matrix(truth, found, labels=range(5)).flatten())
show("balanced", compute_class_weight("balanced", classes=np.arange(4), y=truth))
print("\n}  // namespace figures")
