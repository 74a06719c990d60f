// Differentiable attention.
#include "autograd/ops.h"

namespace roux {

// q: (batch, heads, queries, head_dim), k, v: (batch, heads, keys, head_dim) -> the same shape as q
Variable attention(const Variable& q, const Variable& k, const Variable& v, const AttentionOptions& options) {
  const Tensor queries = q.data_or_undefined(), keys = k.data_or_undefined(), values = v.data_or_undefined();
  const AttentionResult result = attention(queries, keys, values, options);
  return record(
      "attention", result.output, {q, k, v},
      [queries = saved(queries, "q"), keys = saved(keys, "k"), values = saved(values, "v"),
       output = saved(result.output, "result"), log_sum_exp = saved(result.log_sum_exp, "log_sum_exp"),
       place = saved(result.place, "place"), mask = saved(options.mask, "mask"), causal = options.causal,
       scale = options.scale, dropout = options.dropout, seed = options.generator ? options.generator->seed() : 0,
       stream = options.generator ? options.generator->stream() : 0](const Tensor& grad, GradSink& to) {
        Generator words(seed, stream);  // where in it stands in `place`
        const AttentionGradients gradients = attention_backward(
            grad, queries.get(), keys.get(), values.get(), {output.get(), log_sum_exp, place},
            {.mask = mask.get(), .causal = causal, .scale = scale, .dropout = dropout, .generator = &words});
        to.add(0, gradients.q);
        to.add(1, gradients.k);
        to.add(2, gradients.v);
      });
}

}  // namespace roux
