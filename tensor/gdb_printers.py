"""How gdb shows tensors, variables and shapes of roux: their values, instead of pointers and counters.

    (gdb) source tensor/gdb_printers.py      (after `make install`: PREFIX/share/roux/gdb_printers.py)
    (gdb) print x
    $1 = Tensor float32 (2, 3) [[1, 2, 3], [4, 5, 6]]
    (gdb) print loss
    $2 = Variable mean float32 () 0.6931, requires grad

Long dimensions are shortened; values on a CUDA device cannot be read from here. Your program needs debug information
(-g); roux itself need not have been built with it. Put the `source` line into ~/.gdbinit to have this always.
"""
import struct

import gdb

EDGE = 3  # so many values are shown at each end of a dimension that is longer than twice that

# DType -> bytes, and how struct reads them; bfloat16 is the upper half of a float32.
FORMATS = {
    "float32": (4, "f"), "float64": (8, "d"), "int64": (8, "q"), "int32": (4, "i"), "boolean": (1, "?"),
    "float16": (2, "e"), "bfloat16": (2, "H"),
}


def dims_of(value):
    """A Shape or Strides as a list of numbers."""
    return [int(value["values_"][i]) for i in range(int(value["size_"]))]


def shape_text(dims):
    return "(" + ", ".join(str(n) for n in dims) + ")"


def name_of(enumerator):
    """`float32` of roux::DType::float32."""
    return str(enumerator).rsplit("::", 1)[-1]


class Elements:
    """The elements of a tensor in the memory of the program."""

    def __init__(self, tensor):
        self.size, self.format = FORMATS[name_of(tensor["dtype_"])]
        self.shape, self.strides = dims_of(tensor["shape_"]), dims_of(tensor["strides_"])
        self.start = int(tensor["storage_"]["block_"]["data"]) + int(tensor["offset_"]) * self.size
        self.memory = gdb.selected_inferior()

    def one(self, offset):
        raw = bytes(self.memory.read_memory(self.start + offset * self.size, self.size))
        (value,) = struct.unpack("<" + self.format, raw)
        if self.size == 2 and self.format == "H":
            (value,) = struct.unpack("<f", b"\0\0" + raw)
        return "%.4g" % value if isinstance(value, float) else str(value)

    def text(self, axis=0, offset=0):
        if axis == len(self.shape):
            return self.one(offset)
        n = self.shape[axis]
        shown = list(range(n)) if n <= 2 * EDGE else list(range(EDGE)) + [None] + list(range(n - EDGE, n))
        parts = ["..." if i is None else self.text(axis + 1, offset + i * self.strides[axis]) for i in shown]
        return "[" + ", ".join(parts) + "]"


def tensor_text(tensor):
    """`float32 (2, 3) [[1, 2, 3], [4, 5, 6]]`"""
    block = tensor["storage_"]["block_"]
    if int(block) == 0:
        return "undefined"
    text = name_of(tensor["dtype_"]) + " " + shape_text(dims_of(tensor["shape_"]))
    device = block["device"]
    if name_of(device["type"]) != "cpu":
        return "%s on %s:%d" % (text, name_of(device["type"]), int(device["index"]))
    try:
        return text + " " + Elements(tensor).text()
    except gdb.MemoryError as error:
        return text + " <" + str(error) + ">"


def gradient_text(gradient):
    kind = name_of(gradient["kind_"])
    if kind == "none":
        return "none"
    content = gradient["content_"]
    rows = "rows " + tensor_text(content["rows"]) + " of values " if kind == "rows" else ""
    return rows + tensor_text(content["values"])


class TensorPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "Tensor " + tensor_text(self.value)


class VariablePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        target = self.value["value_"]["target_"]
        if int(target) == 0:
            return "Variable undefined"
        text, node = tensor_text(target["data"]), target["node"]["target_"]
        if int(node) == 0:
            return "Variable " + text
        if int(node["run"]) != 0:
            return "Variable " + node["name"].string() + " " + text + ", requires grad"
        return "Variable " + text + ", requires grad, gradient: " + gradient_text(node["gradient"])


class DimsPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return shape_text(dims_of(self.value))


PRINTERS = {
    "roux::Tensor": TensorPrinter,
    "roux::Variable": VariablePrinter,
    "roux::Dims": DimsPrinter,
    "roux::Axes": DimsPrinter,
}


def find_printer(value):
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        value = value.referenced_value()
        kind = value.type.strip_typedefs()
    printer = PRINTERS.get(kind.unqualified().tag or kind.unqualified().name)
    return printer(value) if printer else None


gdb.pretty_printers.append(find_printer)
