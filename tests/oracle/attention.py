"""Writes attention.h: what PyTorch's MultiheadAttention and TransformerEncoderLayer make of small inputs.

    python3 tests/oracle/attention.py > tests/oracle/attention.h

Inputs and weights are pattern(shape, seed), see layers.py; PyTorch's in_proj_weight holds those of q, k and v below each
other. Everything is computed in float64. A name that ends in _grad_x holds the gradient of x after
(output * pattern(.., 90)).sum().
"""
import contextlib, io
import torch

with contextlib.redirect_stdout(io.StringIO()):
    from layers import leaf, pattern, show_with_grads

# Texts of 4 and 2 tokens; PyTorch's mask is true where a key is hidden.
hidden = torch.arange(4) >= torch.tensor([[4], [2]])
causal = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)


def set_weights(module):
    for seed, (name, parameter) in enumerate(module.named_parameters(), 1):
        parameter.data = pattern(tuple(parameter.shape), seed)


def attention():
    layer = torch.nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)
    set_weights(layer)
    return layer


print(f"""// Reference figures, written by tests/oracle/attention.py with PyTorch {torch.__version__.split("+")[0]}.
// clang-format off
#pragma once

#include <vector>

namespace figures {{
""")
layer, x = attention(), leaf((2, 4, 6), 11)
y = layer(x, x, x, key_padding_mask=hidden, need_weights=False)[0]
show_with_grads("self_attention", y, x=x, in_proj_weight=layer.in_proj_weight, in_proj_bias=layer.in_proj_bias,
                out_proj_weight=layer.out_proj.weight, out_proj_bias=layer.out_proj.bias)
layer, x = attention(), leaf((2, 4, 6), 11)
show_with_grads("causal_attention", layer(x, x, x, attn_mask=causal, need_weights=False)[0], x=x)
layer, x, memory = attention(), leaf((2, 3, 6), 12), leaf((2, 4, 6), 13)
y = layer(x, memory, memory, key_padding_mask=hidden, need_weights=False)[0]
show_with_grads("cross_attention", y, x=x, memory=memory)
for activation in ("gelu", "relu"):
    layer = torch.nn.TransformerEncoderLayer(6, 3, dim_feedforward=5, dropout=0, activation=activation, batch_first=True,
                                             dtype=torch.float64)
    set_weights(layer)
    x = leaf((2, 4, 6), 11)
    show_with_grads(f"encoder_layer_{activation}", layer(x, src_key_padding_mask=hidden), x=x,
                    in_proj_weight=layer.self_attn.in_proj_weight, linear1_weight=layer.linear1.weight)
print("\n}  // namespace figures")
