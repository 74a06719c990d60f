#!/usr/bin/env bash
# Makes apps/data/small_bert, the transformer that ships with roux: a vocabulary of the shipped recipes, a BERT of two
# layers with new weights, trained to tell fruit from vegetable dishes by their ingredients and then by their titles.
# All from what is in this tree; the fifth of the recipes that train_recipes and finetune validate with (seed 0) is seen
# by neither training. Run it after `make`: the same processor makes the same files again.
set -euo pipefail
cd "$(dirname "$0")/.."
apps=build/apps recipes=apps/data/recipes.csv work=build/small_model
rm -rf "$work" && mkdir -p "$work"

# A title and its ingredients a line, without the label and without quotes.
sed -E '1d; s/,[a-z]+\r?$//; s/"//g' "$recipes" >"$work/texts.txt"
"$apps/tokenize" train --kind wordpiece --size 1000 --out "$work/new" "$work/texts.txt"
cat >"$work/new/config.json" <<'CONFIG'
{
  "architectures": ["BertForSequenceClassification"],
  "model_type": "bert",
  "vocab_size": 1000,
  "max_position_embeddings": 64,
  "type_vocab_size": 2,
  "num_hidden_layers": 2,
  "num_attention_heads": 4,
  "hidden_size": 64,
  "intermediate_size": 128,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "attention_probs_dropout_prob": 0.1,
  "layer_norm_eps": 1e-12,
  "initializer_range": 0.05,
  "pad_token_id": 0
}
CONFIG

train() {  # train FOLDER COLUMN DIR OPTIONS...
  "$apps/finetune" "$1" --data "$recipes" --text-column "$2" --epochs 6 --lr 1e-3 --warmup 0.1 --batch-size 16 \
    --save "$3" "${@:4}"
}
train "$work/new" ingredients "$work/by_ingredients" --from-config
rm -rf apps/data/small_bert
train "$work/by_ingredients" name apps/data/small_bert
