// One table of names, read in both directions: our modules have PyTorch's names, the same for both models, and files
// have those of transformers, which differ.
#include "nn/transformers/names.h"

#include <utility>

namespace roux::nn {
namespace {

struct Names {
  std::string_view ours, distilbert, bert;

  std::string_view of(ModelType type) const { return type == ModelType::bert ? bert : distilbert; }
};

constexpr Names encoder_prefix{"encoder.", "distilbert.", "bert."};
constexpr Names layer_prefix{"layers.", "transformer.layer.", "encoder.layer."};

// What follows the number of a layer.
constexpr Names layer_parts[] = {
    {"self_attn.q_proj.", "attention.q_lin.", "attention.self.query."},
    {"self_attn.k_proj.", "attention.k_lin.", "attention.self.key."},
    {"self_attn.v_proj.", "attention.v_lin.", "attention.self.value."},
    {"self_attn.out_proj.", "attention.out_lin.", "attention.output.dense."},
    {"norm1.", "sa_layer_norm.", "attention.output.LayerNorm."},
    {"linear1.", "ffn.lin1.", "intermediate.dense."},
    {"linear2.", "ffn.lin2.", "output.dense."},
    {"norm2.", "output_layer_norm.", "output.LayerNorm."},
};

// Everything else that differs: the tables (embeddings.word_embeddings, ...), pre_classifier and classifier do not.
constexpr Names other_parts[] = {
    {"embeddings.layer_norm.", "embeddings.LayerNorm.", "embeddings.LayerNorm."},
    {"pooler.", "pooler.dense.", "pooler.dense."},
};

// `name` with the first of `parts` that it begins with put in the other's words.
template <size_t n>
std::string replaced(ModelType type, std::string_view name, const Names (&parts)[n]) {
  for (const Names& part : parts)
    if (name.starts_with(part.ours)) return std::string(part.of(type)).append(name.substr(part.ours.size()));
  return std::string(name);
}

}  // namespace

std::string hugging_face_name(ModelType type, std::string_view name) {
  std::string result;
  if (name.starts_with(encoder_prefix.ours)) {
    result = encoder_prefix.of(type);
    name.remove_prefix(encoder_prefix.ours.size());
  }
  if (!name.starts_with(layer_prefix.ours)) return result + replaced(type, name, other_parts);
  name.remove_prefix(layer_prefix.ours.size());
  const std::string_view number = name.substr(0, name.find('.') + 1);
  return result.append(layer_prefix.of(type)).append(number) + replaced(type, name.substr(number.size()), layer_parts);
}

std::string canonical_name(ModelType type, std::string_view name) {
  const std::string_view prefix = encoder_prefix.of(type);
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  for (const auto& [old_end, end] : {std::pair{".gamma", ".weight"}, std::pair{".beta", ".bias"}})
    if (name.ends_with(std::string("LayerNorm") + old_end))
      return std::string(name.substr(0, name.size() - std::string_view(old_end).size())) + end;
  return std::string(name);
}

}  // namespace roux::nn
