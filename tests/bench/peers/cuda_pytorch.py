"""What cuda_bench measures, in PyTorch on the same card, under the same names.

    cuda_pytorch.py [memory] [products] [attention] [training] [finetuning] [--corpus FILE] [--size small] [--device cpu]

Prints one line of JSON: the device, and a row for each figure as cuda_bench --json has it. Where PyTorch or its CUDA is
missing the line is {"missing": "why"}. Products are cuBLAS's: without TF32, with it, and of operands converted to
bfloat16 in the call. What attention and finetuning are says cuda_transformers.py. FILE is what cuda_bench --write-corpus
writes; without it nothing is trained. Training is EmbeddingBag, dropout 0.5, a linear layer, Adam at 0.001, batches
gathered by NumPy:
    eager                  call by call, Adam as it is by default
    eager, fused Adam      the same with Adam(fused=True)
    graphs                 torch.cuda.graph of the whole step over static inputs, fused and capturable Adam; ids are
                           filled up to a few common lengths, so that few graphs are recorded, and a batch goes to the
                           device in one asynchronous copy from pinned memory
    graphs, batches ready  the same, of batches that lie on the device already: what gathering costs is left out
--device cpu is for trying the script out: it leaves graphs out, and its figures say nothing.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

FULL = SimpleNamespace(elements=1 << 26, side=1 << 13, table_rows=100000, batches=(32, 1024), steps=12000,
                       heat_seconds=1, warm_up=5, samples=15, sample_seconds=0.01,
                       products=((1024, 1024, 1024), (4096, 4096, 4096), (8192, 8192, 8192), (1000, 768, 3072)),
                       attention=((32, 12, 128, 64), (8, 12, 512, 64)), texts=32, tokens=128, model={})
SMALL = SimpleNamespace(elements=4096, side=64, table_rows=100, batches=(16, 64), steps=1, heat_seconds=0,
                        warm_up=1, samples=3, sample_seconds=0, products=((16, 16, 16), (10, 12, 14)),
                        attention=((2, 2, 12, 8),), texts=2, tokens=8,
                        model=dict(vocab_size=100, max_position_embeddings=16, n_layers=2, n_heads=2, dim=16,
                                   hidden_dim=32))
PARTS = ["memory", "products", "attention", "training", "finetuning"]
DIM, DROPOUT, LEARNING_RATE, IGNORED = 64, 0.5, 1e-3, -100


class Report:
    """Times calls as cuda_bench does: a sample is some calls and one wait; figures are medians of samples."""

    def __init__(self, size, device):
        self.size, self.device, self.rows = size, device, []

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def sample(self, call, calls):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        self.wait()
        return (time.perf_counter() - started) / calls

    def seconds_of(self, call):
        self.wait()
        self.sample(call, self.size.warm_up)
        calls = min(max(round(self.size.sample_seconds / self.sample(call, 1)), 1), 500)
        return statistics.median(self.sample(call, calls) for _ in range(self.size.samples))

    def heat(self, call):
        """Calls for a while before anything is measured: clocks rise."""
        started = time.perf_counter()
        while time.perf_counter() - started < self.size.heat_seconds:
            self.sample(call, 10)

    def memory(self, name, size_in_bytes, call):
        seconds = self.seconds_of(call)
        self.rows.append({"part": "memory", "name": name, "bytes": size_in_bytes, "seconds": seconds,
                          "gb_per_s": size_in_bytes / seconds * 1e-9})

    def product(self, name, operations, call, part="products"):
        seconds = self.seconds_of(call)
        self.rows.append({"part": part, "name": name, "seconds": seconds,
                          "tflop_per_s": operations / seconds * 1e-12})

    def training(self, name, form, titles, seconds, note=""):
        seconds = seconds[len(seconds) // 3:]
        self.rows.append({"part": "training", "name": name, "form": form,
                          "titles_per_s": titles / statistics.median(seconds), "note": note})


# ---- Memory. ---------------------------------------------------------------------------------------------------------


def time_elementwise(report, uniform):
    n = report.size.elements
    a, b = uniform(n), uniform(n)
    condition = a < b
    report.memory("copy", 8 * n, lambda: b.copy_(a))
    report.memory("add", 12 * n, lambda: torch.add(a, b))
    report.memory("mul by a number", 8 * n, lambda: torch.mul(a, 1.5))
    report.memory("exp", 8 * n, lambda: torch.exp(a))
    report.memory("gelu", 8 * n, lambda: functional.gelu(a))
    report.memory("where", 13 * n, lambda: torch.where(condition, a, b))
    report.memory("dropout", 9 * n, lambda: torch.native_dropout(a, DROPOUT, True))


def time_rows(report, uniform):
    n, side = report.size.elements, report.size.side
    x = uniform(side, side)
    report.memory("sum of all", 4 * side * side, lambda: torch.sum(x))
    report.memory("sum over rows", 4 * side * (side + 1), lambda: torch.sum(x, 0))
    report.memory("sum over columns", 4 * side * (side + 1), lambda: torch.sum(x, 1))
    report.memory("copy, transposed", 8 * side * side, lambda: x.t().contiguous())
    for length in (128, 1024, 30522):
        rows = uniform(max(n // length, 1), length)
        report.memory("softmax, rows of %d" % length, 8 * rows.numel(), lambda: torch.softmax(rows, -1))
    rows, weight, bias = uniform(n // 768, 768), uniform(768), uniform(768)
    report.memory("layer_norm, rows of 768", 8 * rows.numel(),
                  lambda: functional.layer_norm(rows, (768,), weight, bias, 1e-5))
    logits, seed = uniform(n // 1024, 1024).requires_grad_(), uniform(n // 1024)
    labels = torch.randint(0, 1024, (n // 1024,), device=report.device)
    report.memory("cross_entropy, 1,024 classes", 8 * logits.numel(),
                  lambda: functional.cross_entropy(logits.detach(), labels, reduction="none"))
    losses = functional.cross_entropy(logits, labels, reduction="none")
    report.memory("cross_entropy, backward", 8 * logits.numel(),
                  lambda: torch.autograd.grad(losses, logits, seed, retain_graph=True))


def time_by_index(report, uniform):
    size, device = report.size, report.device
    rows, count = size.table_rows, size.elements // 32
    bags = count // 4
    table, seed = uniform(rows, DIM).requires_grad_(), uniform(bags, DIM)
    ids = torch.randint(0, rows, (count,), device=device)
    offsets = torch.arange(0, count, 4, device=device)
    least = 4 * DIM * (min(rows, count) + bags) + 8 * (count + bags)
    report.memory("embedding_bag", least,
                  lambda: functional.embedding_bag(ids, table.detach(), offsets, mode="mean"))
    pooled = functional.embedding_bag(ids, table, offsets, mode="mean")
    report.memory("embedding_bag, backward", least,
                  lambda: torch.autograd.grad(pooled, table, seed, retain_graph=True))
    x = uniform(size.elements // 256, 256)
    order = torch.randperm(x.shape[0], device=device)
    report.memory("index_select, rows of 256", 8 * (x.numel() + order.numel()), lambda: torch.index_select(x, 0, order))


def time_adam(report, uniform):
    weight = uniform(report.size.elements).requires_grad_()
    weight.grad = uniform(report.size.elements)
    optimizer = torch.optim.Adam([weight], fused=True)
    report.memory("adam", 28 * weight.numel(), optimizer.step)


# ---- Products. -------------------------------------------------------------------------------------------------------


def time_products(report):
    for m, k, n in report.size.products:
        def time_product(type_name, a, b, convert=lambda x: x):
            report.product("matmul %s %d x %d x %d" % (type_name, m, k, n), 2 * m * k * n,
                           lambda: torch.matmul(convert(a), convert(b)))

        a, b = (torch.rand(*shape, device=report.device) for shape in ((m, k), (k, n)))
        torch.backends.cuda.matmul.allow_tf32 = False
        time_product("float32", a, b)
        time_product("float64", a.double(), b.double())
        torch.backends.cuda.matmul.allow_tf32 = True
        time_product("tf32", a, b)
        time_product("bfloat16", a, b, lambda x: x.bfloat16())
        torch.backends.cuda.matmul.allow_tf32 = False


# ---- Training. -------------------------------------------------------------------------------------------------------


class Corpus:
    """Titles as ids in one flat array; batches of them as arrays."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.rows, self.classes = map(int, file.readline().split())
            titles = [list(map(int, line.split())) for line in file]
        self.labels = numpy.array([title[0] for title in titles], dtype=numpy.int64)
        self.flat = numpy.array([i for title in titles for i in title[1:]], dtype=numpy.int64)
        self.lengths = numpy.array([len(title) - 1 for title in titles], dtype=numpy.int64)
        self.starts = numpy.cumsum(self.lengths) - self.lengths

    def __len__(self):
        return len(self.labels)

    def class_weights(self):
        counts = numpy.bincount(self.labels, minlength=self.classes)
        return torch.tensor(len(self) / (self.classes * numpy.maximum(counts, 1)), dtype=torch.float32)

    def bag(self, chosen):
        lengths = self.lengths[chosen]
        offsets = numpy.cumsum(lengths) - lengths
        positions = numpy.arange(lengths.sum()) + numpy.repeat(self.starts[chosen] - offsets, lengths)
        return self.flat[positions], offsets, self.labels[chosen]

    def epoch(self, batch_size):
        """The titles of each batch, in a new order."""
        order = numpy.random.permutation(len(self))
        return [order[start:start + batch_size] for start in range(0, len(order), batch_size)]


def make_training(corpus, device, **adam):
    """The model, its optimizer, and a step: the loss of a batch, its gradients, and what they change."""
    table = torch.nn.EmbeddingBag(corpus.rows, DIM, mode="mean").to(device)
    dropout, linear = torch.nn.Dropout(DROPOUT), torch.nn.Linear(DIM, corpus.classes).to(device)
    optimizer = torch.optim.Adam([*table.parameters(), *linear.parameters()], lr=LEARNING_RATE, **adam)
    loss_function = torch.nn.CrossEntropyLoss(weight=corpus.class_weights().to(device), ignore_index=IGNORED)
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def by_hand(ids, offsets):
        """EmbeddingBag of operations that a graph can record wherever it cannot record EmbeddingBag."""
        bag_of = torch.searchsorted(offsets, torch.arange(len(ids), device=device), right=True) - 1
        sums = torch.zeros(len(offsets), DIM, device=device)
        counts = torch.zeros(len(offsets), device=device).index_add(0, bag_of, torch.ones(len(ids), device=device))
        return sums.index_add(0, bag_of, functional.embedding(ids, table.weight)) / counts.clamp(min=1).unsqueeze(1)

    training = SimpleNamespace(device=device, pool=table)

    def step(ids, offsets, labels):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(linear(dropout(training.pool(ids, offsets))), labels)
        loss.backward()
        optimizer.step()
        loss_sum.add_(loss.detach(), alpha=len(labels))

    training.step, training.by_hand = step, by_hand
    return training


def timed_epochs(report, epochs, run_epoch):
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        run_epoch()
        report.wait()
        seconds.append(time.perf_counter() - started)
    return seconds


def train_eager(report, corpus, batch_size, epochs, **adam):
    training = make_training(corpus, report.device, **adam)

    def run_epoch():
        for chosen in corpus.epoch(batch_size):
            training.step(*(torch.from_numpy(array).to(report.device) for array in corpus.bag(chosen)))

    return timed_epochs(report, epochs, run_epoch)


class Packed:
    """A batch in one array: ids filled up to a common length, offsets, labels. What only fills up is one more bag,
    whose label is ignored."""

    def __init__(self, corpus, batch_size):
        self.corpus, self.bags = corpus, batch_size + 1

    def room(self, chosen):
        """The next multiple of a quarter of the power of two below."""
        needed = int(self.corpus.lengths[chosen].sum()) + 1
        quarter = (1 << (max(needed, 16).bit_length() - 1)) // 4
        return -(-needed // quarter) * quarter

    def fill(self, array, room, chosen):
        ids, offsets, labels = self.corpus.bag(chosen)
        array[:len(ids)] = ids
        array[len(ids):room] = ids[0] if len(ids) else 0
        array[room:room + len(offsets)] = offsets
        array[room + len(offsets):room + self.bags] = len(ids)
        array[room + self.bags:room + self.bags + len(labels)] = labels
        array[room + self.bags + len(labels):] = IGNORED

    def split(self, tensor, room):
        return tensor[:room], tensor[room:room + self.bags], tensor[room + self.bags:]


class Recorded:
    """A step as a graph, for batches of one length, and pinned memory to fill: some sets of it, since the device reads
    them later."""

    def __init__(self, training, packed, room, pool):
        length = room + 2 * packed.bags
        self.sets = [torch.zeros(length, dtype=torch.int64).pin_memory() for _ in range(4)]
        self.arrays = [tensor.numpy() for tensor in self.sets]
        self.read = [torch.cuda.Event() for _ in self.sets]
        self.next = 0
        self.inputs = torch.zeros(length, dtype=torch.int64, device=training.device)
        self.packed, self.room = packed, room
        ids, offsets, labels = packed.split(self.inputs, room)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                training.step(ids, offsets, labels)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool):
            training.step(ids, offsets, labels)

    def run(self, chosen):
        place = self.next
        self.next = (place + 1) % len(self.sets)
        self.read[place].synchronize()
        self.packed.fill(self.arrays[place], self.room, chosen)
        self.inputs.copy_(self.sets[place], non_blocking=True)
        self.read[place].record()
        self.graph.replay()

    def run_ready(self, batch):
        self.inputs.copy_(batch)
        self.graph.replay()


class GraphTraining:
    def __init__(self, corpus, batch_size, device, by_hand):
        self.training = make_training(corpus, device, fused=True, capturable=True)
        if by_hand:
            self.training.pool = self.training.by_hand
        self.corpus, self.packed = corpus, Packed(corpus, batch_size)
        self.pool, self.recorded = torch.cuda.graph_pool_handle(), {}

    def of(self, room):
        if room not in self.recorded:
            self.recorded[room] = Recorded(self.training, self.packed, room, self.pool)
        return self.recorded[room]

    def run_epoch(self):
        for chosen in self.corpus.epoch(self.packed.bags - 1):
            self.of(self.packed.room(chosen)).run(chosen)

    def ready_epoch(self):
        """The batches of an epoch on the device, each with its graph."""
        batches = []
        for chosen in self.corpus.epoch(self.packed.bags - 1):
            room = self.packed.room(chosen)
            array = numpy.zeros(room + 2 * self.packed.bags, dtype=numpy.int64)
            self.packed.fill(array, room, chosen)
            batches.append((self.of(room), torch.from_numpy(array).to(self.training.device)))
        return batches


def each_training(report, corpus):
    """Name, size of batches and number of epochs of each training."""
    for batch_size in report.size.batches:
        yield ("EmbeddingBag training, batch %d" % batch_size, batch_size,
               max(report.size.steps // -(-len(corpus) // batch_size), 6))


def time_eager(report, corpus):
    for name, batch_size, epochs in each_training(report, corpus):
        for form, adam in (("eager", {}), ("eager, fused Adam", {"fused": True})):
            report.training(name, form, len(corpus), train_eager(report, corpus, batch_size, epochs, **adam))


def time_graphs(report, corpus, by_hand):
    for name, batch_size, epochs in each_training(report, corpus):
        training = GraphTraining(corpus, batch_size, report.device, by_hand)
        seconds = timed_epochs(report, epochs, training.run_epoch)
        batches = training.ready_epoch()

        def run_ready():
            for recorded, batch in batches:
                recorded.run_ready(batch)

        ready = timed_epochs(report, epochs, run_ready)
        report.training(name, "graphs", len(corpus), seconds)
        report.training(name, "graphs, batches ready", len(corpus), ready)


def time_graphs_by_hand(report, options, why):
    """After a recording has failed, its process records no more: another one does it without EmbeddingBag."""
    command = [sys.executable, __file__, "--corpus", options.corpus, "--size", options.size, "--by-hand"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for row in json.loads(run.stdout.strip().splitlines()[-1])["rows"]:
        report.rows.append({**row, "note": "EmbeddingBag by hand, because: " + why})


def time_training(report, options):
    corpus = Corpus(options.corpus)
    if options.by_hand:
        time_graphs(report, corpus, by_hand=True)
        return
    time_eager(report, corpus)
    if report.device.type != "cuda":
        return
    before = len(report.rows)
    try:
        time_graphs(report, corpus, by_hand=False)
    except RuntimeError as error:
        del report.rows[before:]
        time_graphs_by_hand(report, options, (str(error) or "no reason given").splitlines()[0])


# ---- The program. ----------------------------------------------------------------------------------------------------


def find_torch(device):
    """Imports what is needed; a sentence when it is not there."""
    global cuda_transformers, functional, numpy, torch
    try:
        import numpy
        import torch
        import cuda_transformers
        from torch.nn import functional
    except ImportError as error:
        return "this Python has no PyTorch: %s" % error
    if device == "cuda" and not torch.cuda.is_available():
        return "PyTorch %s finds no CUDA device (built for CUDA %s)" % (torch.__version__, torch.version.cuda)
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of " + ", ".join(PARTS) + "; all when none is named")
    parser.add_argument("--corpus", metavar="FILE")
    parser.add_argument("--size", choices=["full", "small"], default="full")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--by-hand", action="store_true", help="only graphs, with EmbeddingBag by simpler operations")
    options = parser.parse_args()
    parts = ["training"] if options.by_hand else options.parts or PARTS
    why = find_torch(options.device)
    if why:
        print(json.dumps({"missing": why}))
        return
    torch.manual_seed(0)
    numpy.random.seed(0)
    device = torch.device(options.device, 0 if options.device == "cuda" else None)
    report = Report(SMALL if options.size == "small" else FULL, device)

    def uniform(*shape):
        return torch.rand(*shape, device=device)

    a = uniform(report.size.elements)
    report.heat(lambda: a.copy_(a + 1))
    del a
    if "memory" in parts:
        for time_part in (time_elementwise, time_rows, time_by_index, time_adam):
            time_part(report, uniform)
    if "products" in parts:
        time_products(report)
    if "attention" in parts:
        cuda_transformers.time_attention(report)
    if "training" in parts and options.corpus:
        time_training(report, options)
    if "finetuning" in parts:
        cuda_transformers.time_finetuning(report)
    print(json.dumps({"peer": "PyTorch " + torch.__version__,  # the last line: warnings may stand before it
                      "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
                      "rows": report.rows}))


if __name__ == "__main__":
    main()
