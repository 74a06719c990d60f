"""Writes embedding_bag_curve.h: the loss curve of an EmbeddingBag classifier in PyTorch, 100 steps of Adam, no dropout.

    python3 tests/oracle/embedding_bag_curve.py > tests/oracle/embedding_bag_curve.h

Weights and batches come from a linear congruential generator that the test runs too. Computed in float64.
"""
import torch
from torch import nn

VOCAB, DIM, CLASSES, BATCH, STEPS, LR = 200, 16, 3, 32, 100, 0.01
state = 1


def draw():  # 24 bits
    global state
    state = (state * 1664525 + 1013904223) % 2**32
    return state >> 8


def weights(*shape):  # uniform in [-0.5, 0.5)
    n = torch.Size(shape).numel()
    return torch.tensor([draw() / 2**24 - 0.5 for _ in range(n)], dtype=torch.float64).reshape(shape)


def batch():  # bags of 0 to 8 ids, low ids more often; the label is the most frequent id % CLASSES, the first of equals
    ids, offsets, labels = [], [], []
    for _ in range(BATCH):
        offsets.append(len(ids))
        bag = [draw() % (draw() % VOCAB + 1) for _ in range(draw() % 9)]
        counts = [sum(i % CLASSES == c for i in bag) for c in range(CLASSES)]
        labels.append(counts.index(max(counts)))
        ids += bag
    return torch.tensor(ids), torch.tensor(offsets), torch.tensor(labels)


bag, fc = nn.EmbeddingBag(VOCAB, DIM, mode="mean").double(), nn.Linear(DIM, CLASSES).double()
with torch.no_grad():
    bag.weight.copy_(weights(VOCAB, DIM))
    fc.weight.copy_(weights(CLASSES, DIM))
    fc.bias.copy_(weights(CLASSES))
optimizer = torch.optim.Adam([*bag.parameters(), *fc.parameters()], lr=LR)
losses = []
for _ in range(STEPS):
    ids, offsets, labels = batch()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(fc(bag(ids, offsets)), labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

print(f"""// Reference figures, written by tests/oracle/embedding_bag_curve.py with PyTorch {torch.__version__.split("+")[0]}: the loss of each step.
// clang-format off
#pragma once

#include <vector>

inline const std::vector<double> embedding_bag_curve{{""")
print(",\n".join("    " + ", ".join(f"{loss:.9f}" for loss in losses[i:i + 8]) for i in range(0, STEPS, 8)) + "};")
