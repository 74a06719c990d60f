#!/usr/bin/env python3
"""Shows a header to Doxygen as its readers read it (`make docs`).

Doxygen does not know that here
  - a docstring is also read by who looks at the declarations below it, up to the next empty line: overloads get it as
    well, the others a reference to it,
  - `// --- Section. ---` says something of all declarations below it,
  - one behind or above several members of a line holds for each of them,
  - some names need no words, because they mean the same in every C++ program or in all of this tree,
  - docstrings are text and `code`: no HTML, and an apostrophe is no quotation mark.
"""
import re
import sys

MEMBERS = re.compile(r'^(\s*)((?:mutable |const )*[\w:<>]+) (\w+(?: = [^,;()<>{}]+)?(?:, \w+(?: = [^,;()<>{}]+)?)+);'
                     r'\s*(///<.*)?$')
DECLARATION = re.compile(r'^\s*(?!//|#|}|public:|private:|protected:|return|using namespace|namespace|if |for |else)'
                         r'[\w:<>~&*\[(]')
KNOWN = [(re.compile(pattern), sentence) for pattern, sentence in [
    (r'operator==\(', 'Whether both are the same.'),
    (r'^\s*(\w+)\(const \1& ', 'A copy.'),
    (r'^\s*(\w+)\(\1&& ', 'Takes over what the other has, which is empty then.'),
    (r'\w\(\w+&&\) = default;|operator=\(.*= default;', 'As the compiler makes it.'),
    (r'explicit operator bool\(\) const \{ return ok; \}', 'The same as `ok`.'),
    (r'std::ostream& operator<<\(', 'Prints it.'),
    (r' operator\(\)\(', 'The same as `forward`.'),
    (r'^\s*(const )?(\w+\*|Iterator|auto) begin\(\)', 'The first one, for loops over all.'),
    (r'^\s*(const )?(\w+\*|std::default_sentinel_t|auto) end\(\)', 'Behind the last one, for loops over all.'),
    (r'^\s*bool empty\(\) const', 'Whether there is none.'),
    (r'^\s*int(64_t)? size\(\) const', 'How many there are.'),
    (r' shape\(\) const', 'Its shape.'),
    (r' strides\(\) const', 'From one element to the next along each dimension, in elements.'),
    (r' dim\(\) const \{ return \w+(\(\))?\.(dim|size)\(\)', 'How many dimensions it has.'),
    (r' numel\(\) const', 'How many elements it has.'),
    (r' dtype\(\) const', 'The type of its elements.'),
    (r' device\(\) const', 'Where it lies.'),
    (r' is_contiguous\(\) const', 'Whether its elements lie side by side, the last dimension first.'),
    (r' bump_version\(\) const', 'Counts a write that was made past the operations.'),
    (r'Options& options\(\) const', 'What it was made with.'),
    (r' vocabulary\(\) const', 'Its tokens, by id.'),
    (r'void load_state_dict\(', 'Goes on from what `state_dict` gave.'),
]]
SECTION = re.compile(r'^\s*// -{2,} (.*?)[. ]*-*$')
NOT_DOCUMENTED = re.compile(r'~\w+\(|= (delete|default);|operator=\(')


def plain(line):
    """A line with what Doxygen would take for markup in its docstring escaped, but not in `code`."""
    code, marker, text = line.partition('///')
    if not marker:
        return line
    parts = text.split('`')
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r'<(?=/?[A-Za-z])', r'\\<', parts[i])
        parts[i] = re.sub(r"(?<=\w)'(?=\w)", '&rsquo;', parts[i])
    return code + marker + '`'.join(parts)


def known(line):
    return next((sentence for pattern, sentence in KNOWN if '//' not in line and pattern.search(line)), None)


def name_of(lines, i):
    """What the declaration at line i declares; a template's name stands behind its parameters."""
    line = lines[i + 1] if lines[i].strip().startswith('template') and i + 1 < len(lines) else lines[i]
    function = re.search(r'(\w+)\(', line.partition(' = ')[0])
    return function[1] + '()' if function else re.sub(r'( = |;|\{).*', '', line).split()[-1]


def below(docstring, named, name, section):
    """What is said of a declaration that stands below a docstring without having one."""
    if name == named:
        return docstring
    return ['/// %s.' % section] if section else ['/// See %s, which stands above it.' % named]


def with_docstrings(lines):
    lines = [plain(line) for line in lines]
    docstring, named, fresh, indent, complete, section, result = None, '', False, 0, True, None, []
    for i, line in enumerate(lines):
        text, own = line.strip(), len(line) - len(line.lstrip())
        was_fresh = fresh
        if SECTION.match(line):
            section = SECTION.match(line)[1]
        elif text.startswith('};'):
            section = None
        if text.startswith('///') and not text.startswith('///<'):
            if not fresh:
                docstring = []
            docstring.append(text)
            fresh = True
        elif not text:
            docstring, fresh = None, False
        elif fresh:
            indent, fresh, named = own, False, name_of(lines, i)
        elif known(line):
            result.append(' ' * own + '/// ' + known(line))
        elif (docstring and complete and own == indent and '///<' not in line and DECLARATION.match(line)
              and not NOT_DOCUMENTED.search(line)):
            result += [' ' * indent + part for part in below(docstring, named, name_of(lines, i), section)]
        complete = text.endswith((';', '}')) or text.startswith('//')
        members = MEMBERS.match(line)
        if not members:
            result.append(line)
            continue
        for number, name in enumerate(members[3].split(', ')):
            if number > 0 and was_fresh:
                result += [' ' * own + part for part in docstring]
            result.append('%s%s %s;  %s' % (members[1], members[2], name, members[4] or ''))
    return result


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as source:
        sys.stdout.write('\n'.join(with_docstrings(source.read().split('\n'))))
