"""A step of a DistilBERT-shaped classifier with random weights in PyTorch and transformers, as transformer_bench has it.

    transformer_peers.py step|inference [--train all|last:N] [--precision float32|bfloat16] [--batch N] [--length N]
                         [--steps N] [--threads N]

Prints one line of JSON under transformer_bench's names: seconds, GFLOP/s, the rate of a square product of 2048, and the
peak of resident memory. bfloat16 is torch.autocast. Where PyTorch or transformers are missing: {"missing": "why"}.
"""
import argparse
import json
import resource
import statistics
import time

WARM_UP = 2


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["step", "inference"])
    parser.add_argument("--train", default="all")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    for name, value in (("batch", 32), ("length", 16), ("steps", 5), ("threads", 2)):
        parser.add_argument("--" + name, type=int, default=value)
    return parser.parse_args()


def time_calls(steps, call):
    seconds = []
    for _ in range(steps + WARM_UP):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return seconds[WARM_UP:]


def trained_layers(options, layers):
    return layers if options.train == "all" else int(options.train.removeprefix("last:"))


def flop_of_step(options, config):
    """Multiplications and additions of linear layers and attention; backward takes two more of each trained layer."""
    tokens = options.batch * options.length
    layer = 2 * tokens * (4 * config.dim ** 2 + 2 * config.dim * config.hidden_dim + 2 * options.length * config.dim)
    trained = trained_layers(options, config.n_layers) if options.part == "step" else 0
    return layer * config.n_layers + 2 * layer * trained


def square_rate(torch, autocast, side=2048):
    a, b = torch.randn(side, side), torch.randn(side, side)

    def multiply():
        with autocast(), torch.no_grad():
            a @ b
    return 2 * side ** 3 / min(time_calls(5, multiply)) / 1e9


def measure(options):
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = DistilBertConfig(num_labels=2)
    model = DistilBertForSequenceClassification(config)
    if options.part == "step" and options.train != "all":
        model.requires_grad_(False)
        parts = [*model.distilbert.transformer.layer[-trained_layers(options, config.n_layers):],
                 model.pre_classifier, model.classifier]
        for part in parts:
            part.requires_grad_(True)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5, fused=True)
    ids = torch.randint(0, config.vocab_size, (options.batch, options.length))
    mask, labels = torch.ones_like(ids), torch.randint(0, 2, (options.batch,))

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bfloat16")

    def infer():
        with autocast(), torch.no_grad():
            model(input_ids=ids, attention_mask=mask)

    def step():
        with autocast():
            loss = torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.train(options.part == "step")
    seconds = time_calls(options.steps, step if options.part == "step" else infer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peer": "PyTorch " + torch.__version__, "best_s": min(seconds), "median_s": statistics.median(seconds),
            "gflops": flop_of_step(options, config) / min(seconds) / 1e9,
            "square_gflops": square_rate(torch, autocast), "peak_mb": peak}


if __name__ == "__main__":
    chosen = parse_options()
    try:
        print(json.dumps(measure(chosen)))
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
