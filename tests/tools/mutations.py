"""Ways to break C++ code, found by reading it line by line: what mutants.py tries one at a time.

The code is laid out by clang-format, and that is what the patterns rely on: a binary operator stands between blanks
(`a * b`, `i < n`), pointers, references and template brackets do not (`T* const`, `view.as<T>()`).
"""

import dataclasses
import re

BLANK = " "


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    line: int  # from 1
    kind: str
    function: str  # in which it stands
    before: str  # the line as it is, without the blanks around it
    after: str
    source: str = dataclasses.field(repr=False)  # the whole file with the breakage

    @property
    def gradient(self):
        """Whether it breaks a gradient: all of autograd, elsewhere what is named so."""
        return self.file.startswith("autograd/") or bool(re.search("backward|grad|spread", self.function, re.I))


def closing(code, start):
    """The place behind the bracket that closes the one at `start`."""
    depth = 0
    for i in range(start, len(code)):
        depth += code[i] in "([{"
        depth -= code[i] in ")]}"
        if depth == 0:
            return i + 1
    return len(code)


def statement_end(code, start):
    """The place of the semicolon that ends the statement at `start`; None where there is none."""
    i = start
    while i < len(code):
        if code[i] in "([{":
            i = closing(code, i)
        elif code[i] == ";":
            return i
        elif code[i] in ")]}":
            return None
        else:
            i += 1
    return None


def blanked(code, start, end):
    return code[:start] + re.sub(r"[^\n]", BLANK, code[start:end]) + code[end:]


# What is not broken: checks and their messages, what only prefetches, deals out work or names types.
IGNORED_CALLS = re.compile(r"\b(?:ROUX_CHECK|static_assert|fail|fail_index|__builtin_prefetch|prefetch\w*|"
                           r"pieces_per_task|tile_queries|grain_of|multiplications|alignas|sizeof|decltype)\s*\(")
IGNORED_LINES = re.compile(r"^.*\b(?:\w*grain\w*|\w+_per_task|(?:least|most|preferred)_task\w*|most_tile_\w+|"
                           r"namespace|using|typedef|__attribute__)\b.*$", re.M)

# Arrays that are declared: more room changes nothing.
ARRAYS = re.compile(r"^ *(?!return )(?:[\w:]+(?:<[\w:, ]*>)? )+\w+\[[^;=]*\](?= = \{\};|;)", re.M)


def without_comments(text):
    """The text with comments, strings, characters and directives replaced by blanks: same length, same lines."""
    pieces = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![\w])\'(?:\\.|[^\'\\\n])\''
                        r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.S | re.M)
    return pieces.sub(lambda match: re.sub(r"[^\n]", BLANK, match.group()), text)


def code_of(text):
    """The text with all that is not to be broken replaced by blanks: same length, same lines."""
    code = without_comments(text)
    for match in list(IGNORED_CALLS.finditer(code)):
        end = closing(code, match.end() - 1)
        if code[end:end + 2] == " {":  # the function itself
            end = closing(code, end + 1)
        code = blanked(code, match.start(), end)
    for match in [*re.finditer(r"\[\[.*?\]\]", code), *ARRAYS.finditer(code)]:
        code = blanked(code, *match.span())
    for match in list(re.finditer(r"\bfor \(", code)):  # a loop in which only something of the above was done
        end = closing(code, match.end() - 1)
        body = closing(code, end + 1) if code[end:end + 2] == " {" else statement_end(code, end) or end
        if not code[end:body].strip(" \n{};"):
            code = blanked(code, match.start(), end)
    for match in list(IGNORED_LINES.finditer(code)):
        code = blanked(code, *match.span())
    return without_template_arguments(code)


def without_template_arguments(code):
    """Blanks <...> where it follows a name or `template` closely enough not to be a comparison."""
    for match in list(re.finditer(r"template <|(?<=\w)<(?=[\w:])", code)):
        depth, i = 0, match.end() - 1
        while i < len(code) and code[i] not in ";{}":
            depth += code[i] == "<"
            depth -= code[i] == ">" and code[i - 1] != "-"
            i += 1
            if depth == 0:
                code = blanked(code, match.start(), i)
                break
    return code


def functions_of(code):
    """For each line the name of the function, class or structure of the outermost level in which it stands."""
    names, current, inside = [], "", False
    for line in code.split("\n"):
        if re.match(r"\w", line):
            found = re.search(r"^(?:struct|class)\s+(\w+)", line) or re.search(r"([\w:~]+|operator\S+)\s*\(", line)
            if found and not inside:
                current, inside = found.group(1), True
        names.append(current)
        if line.startswith("}") or (inside and re.match(r"\w.*[;}]\s*$", line)):
            inside = False
    return names


# What strides and lengths are called.
LENGTHS = "inner|outer|stride|dim|width|classes|columns|rows|count|n|k|lanes"
# kind, what to look for, what to put in place of its group 1 (or of all of it).
SUBSTITUTIONS = [
    ("sign", r"(?<=\s)(\+)(?=\s)", "-"),
    ("sign", r"(?<=\s)(-)(?=\s)", "+"),
    ("sign", r"(?:(?<=[(\[{,?:=] )|(?<=[(\[{])|(?<=return ))(-)(?=[\w(])", ""),
    ("sign", r"\b(neg)(?=\()", ""),
    ("accumulation", r"(?<=\s)([+\-*|&]=)(?=\s)", "="),
    ("sign", r"(?<=\s)(\+=)(?=\s)", "-="),
    ("sign", r"(?<=\s)(-=)(?=\s)", "+="),
    ("factor", r"(?<=\s)(\*=)(?=\s)", "/="),
    ("factor", r"(?<=\s)(/=)(?=\s)", "*="),
    ("factor", r"(?<=\s)(\*)(?=\s)", "/"),
    ("factor", r"(?<=\s)(/)(?=\s)", "*"),
    ("factor", r"\b(mul)(?=\()", "div"),
    ("factor", r"\b(div)(?=\()", "mul"),
    ("factor", r"(?<![\w.:])((?:std::|vector_math::)?(?:square|sqrt|exp|log|sign|sigmoid|reciprocal))(?=\()", ""),
    ("axis", r"\b(transposed)(?=\()", ""),
    ("axis", r"(\.transpose\([^()]*\))", ""),
    ("stride", rf"( [*%] (?:\w+\.)*(?:{LENGTHS}))\b(?![\[(.])", ""),
    ("off by one", r"( [+-] 1)\b(?![\w.])", ""),
    ("comparison", r"(?<=\s)(<)(?=\s)", "<="),
    ("comparison", r"(?<=\s)(<=)(?=\s)", "<"),
    ("comparison", r"(?<=\s)(>)(?=\s)", ">="),
    ("comparison", r"(?<=\s)(>=)(?=\s)", ">"),
    ("comparison", r"(?<=\s)(==)(?=\s)", "!="),
    ("comparison", r"(?<=\s)(!=)(?=\s)", "=="),
    ("comparison", r"(?<![\w.])(le)(?=\()", "lt"),
    ("comparison", r"(?<![\w.])(lt)(?=\()", "le"),
    ("comparison", r"(?<![\w.])(ge)(?=\()", "gt"),
    ("comparison", r"(?<![\w.])(gt)(?=\()", "ge"),
    ("comparison", r"(?<![\w.])(eq)(?=\()", "ne"),
    ("comparison", r"(?<![\w.])(ne)(?=\()", "eq"),
    ("comparison", r"\b(?:std::)(min)(?=[(<\s])", "max"),
    ("comparison", r"\b(?:std::)(max)(?=[(<\s])", "min"),
    ("condition", r"(?<=\s)(&&)(?=\s)", "||"),
    ("condition", r"(?<=\s)(\|\|)(?=\s)", "&&"),
    ("condition", r"\b(logical_or)(?=\()", "logical_and"),
    ("condition", r"\b(logical_and)(?=\()", "logical_or"),
    ("condition", r"\b(true)\b", "false"),
    ("condition", r"\b(false)\b", "true"),
    ("condition", r"(?:(?<=[(!])|(?<=, )|(?<=&& )|(?<=return )|(?<=[^=!<>]= ))()[\w.]+(?:\([^()]*\))? \? ", "!"),
    ("condition", r"\bif \(()[\w.]+(?:\([^()]*\))*\)", "!"),
    ("condition", r"\bif \((!)[\w.]+(?:\([^()]*\))*\)", ""),
    ("bits", r"(?<=\s)(<<)(?=\s)", ">>"),
    ("bits", r"(?<=\s)(>>)(?=\s)", "<<"),
]
# Elsewhere than in the head of a loop, where too little is done either way.
SWAPPED = [("comparison", r"(?<=\s)(<=?)(?=\s)", ">"), ("comparison", r"(?<=\s)(>=?)(?=\s)", "<")]
INTEGER = re.compile(r"(?<![\w.'])(?<!\d[eE][+-])(?:0x[0-9A-Fa-f]+|\d+)(?![\w.'])")
FRACTION = re.compile(r"(?<![\w.'])(?:\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)")
# Statements that are dropped: what hands over or changes values. Others would mostly not compile.
STATEMENT = re.compile(r"(?:\w+\.)+(?:add|add_broadcast|\w+_)\(|(?:\w+(?:\(\w+\))?\.)+\w*backward\w*\(|"
                       r"std::(?:fill|fill_n|copy|copy_n|memcpy|memmove|swap)\(|access\.store\(|"
                       r"\*?[\w.]+(?:\[[^\]]*\])? [+\-*/|&]?= ")

# In front of the name of what a line at the outermost level declares: another name would be another function.
DECLARATION = re.compile(r"\w[\w:<>&*\[\] ]* ")


def edits(code):
    """(kind, start, end, replacement) of every way to break the code."""
    for kind, pattern, replacement in SUBSTITUTIONS:
        for match in re.finditer(pattern, code):
            yield kind, *match.span(1), replacement
    loops = [(match.start(), closing(code, match.end() - 1)) for match in re.finditer(r"\b(?:for|while) \(", code)]
    for kind, pattern, replacement in SWAPPED:
        for match in re.finditer(pattern, code):
            if not any(start < match.start() < end for start, end in loops):
                yield kind, *match.span(1), replacement
    for match in INTEGER.finditer(code):
        yield "off by one", *match.span(), str(int(match.group(), 0) + 1)
    for match in FRACTION.finditer(code):
        yield "factor", *match.span(), "2 * " + match.group()
    for match in STATEMENT.finditer(code):
        if code[:match.start()].rstrip()[-1:] not in set(";{})"):
            continue
        end = statement_end(code, match.start())
        if end is not None:
            yield "dropped", match.start(), end, re.sub(r"[^\n]", "", code[match.start():end])


def find(file, text):
    """All mutants of a file, by line."""
    code = code_of(text)
    functions = functions_of(code)
    found = {}
    for kind, start, end, replacement in edits(code):
        source = text[:start] + replacement + text[end:]
        line = text.count("\n", 0, start)
        if DECLARATION.fullmatch(text[text.rfind("\n", 0, start) + 1:start]):
            continue
        before, after = (whole.split("\n")[line].strip() for whole in (text, source))
        mutant = Mutant(file, line + 1, kind, functions[line], before, after, source)
        if source != text:
            found.setdefault(source, mutant)
    return sorted(found.values(), key=lambda mutant: (mutant.line, mutant.kind, mutant.after))
