"""The parts attention and finetuning of cuda_pytorch.py.

attention: scaled_dot_product_attention, which picks a fused kernel. float32 is strict, tf32 allows the tensor cores,
bfloat16 has operands of that type; nothing is converted in the call.
finetuning: a step of transformers' DistilBertForSequenceClassification, new weights, two labels, all layers, dropout,
fused AdamW. bfloat16 is autocast. Forms, each after the precision's name:
    eager    as it is, with SDPA
    compile  torch.compile(model)
Where transformers is missing or a form fails, a row without a figure is left out and a note says why.
"""
import torch
from torch.nn import functional

PRECISIONS = ("float32", "tf32", "bfloat16")
LEARNING_RATE = 5e-5


class Precision:
    """The setting of PyTorch's products while it is open."""

    def __init__(self, name):
        self.name, self.dtype = name, torch.bfloat16 if name == "bfloat16" else torch.float32

    def __enter__(self):
        torch.backends.cuda.matmul.allow_tf32 = self.name == "tf32"
        return self

    def __exit__(self, *_):
        torch.backends.cuda.matmul.allow_tf32 = False


def time_attention(report):
    for batch, heads, length, dim in report.size.attention:
        for name in PRECISIONS:
            with Precision(name) as precision:
                def operand():
                    return torch.rand(batch, length, heads, dim, device=report.device,
                                      dtype=precision.dtype).transpose(1, 2).detach().requires_grad_()

                q, k, v, seed = operand(), operand(), operand(), operand().detach()
                title = "attention %s %d x %d x %d x %d" % (name, batch, heads, length, dim)
                product = 2 * batch * heads * length * length * dim

                def forward():
                    with torch.no_grad():
                        functional.scaled_dot_product_attention(q, k, v)

                report.product(title, 2 * product, forward, part="attention")
                result = functional.scaled_dot_product_attention(q, k, v)
                report.product(title + ", backward", 5 * product,
                               lambda: torch.autograd.grad(result, (q, k, v), seed, retain_graph=True),
                               part="attention")


class Step:
    """A training step on one batch."""

    def __init__(self, size, device, precision, compiled):
        from transformers import DistilBertConfig, DistilBertForSequenceClassification
        torch.manual_seed(0)
        self.model = DistilBertForSequenceClassification(DistilBertConfig(num_labels=2, **size.model)).to(device)
        self.model.train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE, fused=True)
        self.forward = torch.compile(self.model) if compiled else self.model
        self.device, self.precision = device, precision
        self.ids = torch.randint(0, self.model.config.vocab_size, (size.texts, size.tokens), device=device)
        self.mask = torch.ones_like(self.ids)
        self.labels = torch.randint(0, 2, (size.texts,), device=device)

    def run(self):
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision.dtype == torch.bfloat16):
            logits = self.forward(input_ids=self.ids, attention_mask=self.mask).logits
            loss = functional.cross_entropy(logits, self.labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


def time_finetuning(report):
    title = "DistilBERT step, %d x %d" % (report.size.texts, report.size.tokens)
    for name in PRECISIONS:
        for form, compiled in (("eager", False), ("compile", True)):
            row = {"part": "finetuning", "name": title, "form": "%s, %s" % (name, form), "note": ""}
            try:
                with Precision(name) as precision:
                    step = Step(report.size, report.device, precision, compiled)
                    row["steps_per_s"] = 1 / report.seconds_of(step.run)
            except Exception as error:  # a compiler may fail in many ways; the others are measured all the same
                row["note"] = "NOT measured: " + (str(error) or type(error).__name__).splitlines()[0]
            report.rows.append(row)
