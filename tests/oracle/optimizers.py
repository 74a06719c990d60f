"""Writes optimizers.h: what PyTorch's optimizers make of a small table over 60 steps, in float64.

    python3 tests/oracle/optimizers.py > tests/oracle/optimizers.h

Weights and gradients are exact in binary and the same in tests/nn/optimizer_test.cpp. Row optimizers get the same
gradients in two rows a step and zeros elsewhere.
"""
import torch

ROWS, DIM, STEPS = 6, 3, 60
SHOWN = [1, 2, 5, 10, 30, 60]


def start():
    return torch.tensor([((i * 7) % 11 - 5) / 8 for i in range(ROWS * DIM)], dtype=torch.float64).reshape(ROWS, DIM)


def gradient(k):
    values = [(((k * 31 + i * 17 + (k * i) % 13) % 41) - 20) / 64 / 2 ** (k // 16) for i in range(ROWS * DIM)]
    return torch.tensor(values, dtype=torch.float64).reshape(ROWS, DIM)


def touched(k):
    return sorted({(k * 5) % ROWS, (k // 7 + 1) % ROWS})


def row_gradient(k):
    dense = torch.zeros(ROWS, DIM, dtype=torch.float64)
    dense[touched(k)] = gradient(k)[touched(k)]
    return dense


def run(make, gradients, sparse=False, schedule=None):
    w = start().requires_grad_()
    optimizer = make([w])
    scheduler = schedule(optimizer) if schedule else None
    shown = []
    for k in range(1, STEPS + 1):
        g = gradients(k)
        w.grad = g.to_sparse(1) if sparse else g
        optimizer.step()
        if scheduler: scheduler.step()
        if k in SHOWN: shown.append(w.detach().clone().flatten().tolist())
    return shown


optim = torch.optim
runs = {
    "sgd": run(lambda p: optim.SGD(p, lr=0.1), gradient),
    "sgd_momentum": run(lambda p: optim.SGD(p, lr=0.1, momentum=0.9), gradient),
    "sgd_dampening": run(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5), gradient),
    "sgd_nesterov": run(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), gradient),
    "sgd_weight_decay": run(lambda p: optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.1), gradient),
    "sgd_maximize": run(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, maximize=True), gradient),
    "sgd_rows": run(lambda p: optim.SGD(p, lr=0.1), row_gradient),
    "sgd_momentum_rows": run(lambda p: optim.SGD(p, lr=0.1, momentum=0.9), row_gradient),
    "adam": run(lambda p: optim.Adam(p, lr=0.01), gradient),
    "adam_betas": run(lambda p: optim.Adam(p, lr=0.01, betas=(0.5, 0.9), eps=1e-3), gradient),
    "adam_weight_decay": run(lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1), gradient),
    "adam_amsgrad": run(lambda p: optim.Adam(p, lr=0.01, amsgrad=True), gradient),
    "adam_maximize": run(lambda p: optim.Adam(p, lr=0.01, maximize=True, weight_decay=0.1), gradient),
    "adamw": run(lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1), gradient),
    "adamw_amsgrad": run(lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1, amsgrad=True), gradient),
    "adam_rows": run(lambda p: optim.Adam(p, lr=0.01), row_gradient),
    "adam_amsgrad_rows": run(lambda p: optim.Adam(p, lr=0.01, amsgrad=True), row_gradient),
    "adam_weight_decay_rows": run(lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1), row_gradient),
    "adamw_rows": run(lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1), row_gradient),
    "sparse_adam": run(lambda p: optim.SparseAdam(p, lr=0.01), row_gradient, sparse=True),
    "sparse_adam_maximize": run(lambda p: optim.SparseAdam(p, lr=0.01, maximize=True), row_gradient, sparse=True),
    "adam_step_lr": run(lambda p: optim.Adam(p, lr=0.01), row_gradient,
                        schedule=lambda o: optim.lr_scheduler.StepLR(o, 20, gamma=0.5)),
}

parameter = torch.nn.Parameter(torch.zeros(1))


def rates(make, steps):
    optimizer = optim.SGD([parameter], lr=0.4)
    schedule, result = make(optimizer), []
    for _ in range(steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return result


def warmup(warm, total):
    return lambda step: step / max(1, warm) if step < warm else max(0.0, (total - step) / max(1, total - warm))


schedules = {
    "step_lr": rates(lambda o: optim.lr_scheduler.StepLR(o, 3, gamma=0.1), 12),
    "cosine_annealing_lr": rates(lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 8, eta_min=0.05), 12),
    "linear_warmup_lr": rates(lambda o: optim.lr_scheduler.LambdaLR(o, warmup(4, 10)), 12),
}


def block(values, digits):
    text, line = [], "      "
    for v in values:
        part = f"{v:.{digits}g}, "
        if len(line) + len(part) > 118:
            text.append(line.rstrip())
            line = "      "
        line += part
    return "\n".join(text + [line.rstrip(", ")])


print(f"""// Reference figures, written by tests/oracle/optimizers.py with PyTorch {torch.__version__.split('+')[0]}.
// clang-format off
#pragma once

#include <map>
#include <string>
#include <vector>

namespace figures {{

inline const std::vector<int> shown_steps{{{', '.join(map(str, SHOWN))}}};

/// The weights after each of shown_steps, one after the other.
inline const std::map<std::string, std::vector<double>> trajectories{{""")
for name, shown in runs.items():
    print(f'    {{"{name}",\n     {{\n{block([v for step in shown for v in step], 13)}}}}},')
print("""};

/// Learning rates from 0.4, before each step.
inline const std::map<std::string, std::vector<double>> learning_rates{""")
for name, values in schedules.items():
    print(f'    {{"{name}",\n     {{\n{block(values, 15)}}}}},')
print("""};

}  // namespace figures""")
