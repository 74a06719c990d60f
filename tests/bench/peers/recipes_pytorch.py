"""The four recipe classifiers in PyTorch, trained and timed: what train_recipes is compared with.

    recipes_pytorch.py CSV --form lab|dense|best [--model embedding_bag|mean|max|sum] [--epochs N] [--threads N]
                       [--seed N]
    recipes_pytorch.py CSV --write-split DIR

Forms of training, all with batches of 32, dimension 64, dropout 0.5, Adam at 0.001 and balanced class weights:
    lab    Dataset, DataLoader with a collate function, Adam: how one learns to write it; every model
    dense  embedding_bag only: titles in one flat array, batches gathered by NumPy, fused Adam on all of the table
    best   the same with row-sparse gradients: SparseAdam on the table, fused Adam on the linear layer
CSV has the columns name and category. Four fifths of it train, one fifth validates: scikit-learn's stratified split,
random_state 42. --write-split writes these parts as train.csv and validation.csv and does nothing else.
Prints one line of JSON; titles_per_second is training only, of the fastest epoch.
"""
import argparse
import collections
import csv
import json
import os
import re
import time

from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split

DIM, DROPOUT, BATCH_SIZE, LEARNING_RATE = 64, 0.5, 32, 1e-3
PAD, UNKNOWN = 0, 1


def read_split(path):
    """Names and categories of the training and the validation part."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["category"]) for row in csv.DictReader(file) if row["name"]]
    return train_test_split(rows, test_size=0.2, stratify=[category for _, category in rows], random_state=42)


def write_split(path, folder):
    os.makedirs(folder, exist_ok=True)
    for part, rows in zip(("train", "validation"), read_split(path)):
        with open(os.path.join(folder, part + ".csv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("name", "category"))
            writer.writerows(rows)


class Titles:
    """A part of the data as ids, title by title and in one flat array."""

    def __init__(self, rows, vocabulary, categories):
        import numpy

        self.ids = [[vocabulary.get(word, UNKNOWN) for word in words_of(name)] for name, _ in rows]
        self.labels = [categories.index(category) for _, category in rows]
        self.flat = numpy.array([i for title in self.ids for i in title], dtype=numpy.int64)
        self.lengths = numpy.array([len(title) for title in self.ids], dtype=numpy.int64)
        self.starts = numpy.cumsum(self.lengths) - self.lengths
        self.label_array = numpy.array(self.labels, dtype=numpy.int64)

    def __len__(self):
        return len(self.labels)

    def bag(self, chosen):
        """Ids, offsets and labels of the chosen titles, as tensors."""
        import numpy
        import torch

        lengths = self.lengths[chosen]
        offsets = numpy.cumsum(lengths) - lengths
        positions = numpy.arange(lengths.sum()) + numpy.repeat(self.starts[chosen] - offsets, lengths)
        arrays = self.flat[positions], offsets, self.label_array[chosen]
        return [torch.from_numpy(array) for array in arrays]


def words_of(name):
    return re.sub(r"[^a-z\s]", "", name.lower()).split()


def make_vocabulary(rows):
    counts = collections.Counter(word for name, _ in rows for word in words_of(name))
    words = [word for word, count in counts.items() if count >= 2]
    return {"<pad>": PAD, "<unk>": UNKNOWN, **{word: i + 2 for i, word in enumerate(words)}}


def make_model(kind, rows, classes, sparse):
    import torch

    class Bag(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding_bag = torch.nn.EmbeddingBag(rows, DIM, mode="mean", sparse=sparse)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.fc = torch.nn.Linear(DIM, classes)

        def forward(self, ids, offsets):
            return self.fc(self.dropout(self.embedding_bag(ids, offsets)))

    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(rows, DIM, padding_idx=PAD)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.fc = torch.nn.Linear(DIM, classes)

        def forward(self, ids):
            embedded = self.embedding(ids)
            mask = (ids != PAD).unsqueeze(-1)
            if kind == "max":
                pooled = embedded.masked_fill(~mask, float("-inf")).max(dim=1).values
                pooled = pooled.masked_fill(~mask.any(dim=1), 0.0)  # a title without words
            else:
                pooled = (embedded * mask).sum(dim=1)
                if kind == "mean":
                    pooled = pooled / mask.sum(dim=1).clamp(min=1)
            return self.fc(self.dropout(pooled))

    return Bag() if kind == "embedding_bag" else Pooled()


def collate_bag(samples):
    import torch

    ids, labels = zip(*samples)
    offsets = torch.tensor([0] + [len(title) for title in ids[:-1]]).cumsum(dim=0)
    return (torch.cat(ids), offsets), torch.tensor(labels)


def collate_padded(samples):
    import torch

    ids, labels = zip(*samples)
    return (torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=PAD),), torch.tensor(labels)


def make_loader(titles, kind, batch_size, shuffle):
    """The lab's data loader: a tensor a title, joined or padded when a batch is made."""
    import torch

    shortest = [] if kind == "embedding_bag" else [PAD]  # padding needs one id at least

    class TitleDataset(torch.utils.data.Dataset):
        def __len__(self):
            return len(titles)

        def __getitem__(self, index):
            return torch.tensor(titles.ids[index] or shortest, dtype=torch.int64), titles.labels[index]

    collate = collate_bag if kind == "embedding_bag" else collate_padded
    return torch.utils.data.DataLoader(TitleDataset(), batch_size=batch_size, shuffle=shuffle, collate_fn=collate)


def lab_batches(titles, kind):
    """A function that starts an epoch: an iterable of (inputs, labels)."""
    loader = make_loader(titles, kind, BATCH_SIZE, shuffle=True)
    return lambda: loader


def flat_batches(titles):
    import numpy

    def epoch():
        order = numpy.random.permutation(len(titles))
        for start in range(0, len(order), BATCH_SIZE):
            ids, offsets, labels = titles.bag(order[start:start + BATCH_SIZE])
            yield (ids, offsets), labels

    return epoch


def make_optimizers(model, form):
    from torch.optim import Adam, SparseAdam

    if form == "lab":
        return [Adam(model.parameters(), lr=LEARNING_RATE)]
    if form == "dense":
        return [Adam(model.parameters(), lr=LEARNING_RATE, fused=True)]
    return [SparseAdam([model.embedding_bag.weight], lr=LEARNING_RATE),
            Adam(model.fc.parameters(), lr=LEARNING_RATE, fused=True)]


def train(model, start_epoch, optimizers, class_weights, epochs):
    """Seconds of each epoch."""
    import torch

    loss_function = torch.nn.CrossEntropyLoss(weight=class_weights)
    seconds = []
    model.train()
    for _ in range(epochs):
        started = time.perf_counter()
        for inputs, labels in start_epoch():
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss_function(model(*inputs), labels).backward()
            for optimizer in optimizers:
                optimizer.step()
        seconds.append(time.perf_counter() - started)
    return seconds


def score(model, kind, titles):
    """Accuracy and macro F1."""
    import torch

    model.eval()
    with torch.no_grad():
        loader = make_loader(titles, kind, 1024, shuffle=False)
        predicted = torch.cat([model(*inputs).argmax(dim=1) for inputs, _ in loader])
    return accuracy_score(titles.labels, predicted), f1_score(titles.labels, predicted, average="macro")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("--write-split", metavar="DIR")
    parser.add_argument("--form", choices=["lab", "dense", "best"], default="lab")
    parser.add_argument("--model", choices=["embedding_bag", "mean", "max", "sum"], default="embedding_bag")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table-rows", type=int, default=0, help="make the table at least so long")
    parser.add_argument("--titles", type=int, default=0, help="train on the first so many titles only")
    options = parser.parse_args()
    if options.form != "lab" and options.model != "embedding_bag":
        parser.error("the forms dense and best are of the model embedding_bag")
    return options


def main():
    options = parse_arguments()
    if options.write_split:
        write_split(options.csv, options.write_split)
        return
    import numpy
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    numpy.random.seed(options.seed)

    train_rows, validation_rows = read_split(options.csv)
    if options.titles:
        train_rows = train_rows[:options.titles]
    vocabulary = make_vocabulary(train_rows)
    categories = sorted({category for _, category in train_rows})
    titles = Titles(train_rows, vocabulary, categories)
    counts = numpy.bincount(titles.label_array)
    class_weights = torch.tensor(len(titles) / (len(counts) * counts), dtype=torch.float32)

    rows = max(len(vocabulary), options.table_rows)
    model = make_model(options.model, rows, len(categories), sparse=options.form == "best")
    start_epoch = lab_batches(titles, options.model) if options.form == "lab" else flat_batches(titles)
    seconds = train(model, start_epoch, make_optimizers(model, options.form), class_weights, options.epochs)
    accuracy, f1 = score(model, options.model, Titles(validation_rows, vocabulary, categories))
    print(json.dumps({"peer": "PyTorch " + torch.__version__, "form": options.form, "model": options.model,
                      "threads": options.threads, "titles": len(titles), "vocabulary": len(vocabulary),
                      "epoch_seconds": seconds, "titles_per_second": len(titles) / min(seconds),
                      "accuracy": accuracy, "f1": f1}))


if __name__ == "__main__":
    main()
