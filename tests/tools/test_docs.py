#!/usr/bin/env python3
"""Executes what the documents of this tree show: `make test-docs`.

Every README.md (and whatever else ends in .md) is taken apart:
  - ```sh blocks, and commands in the text such as `build/apps/NAME ...`, are run by bash. A ```text block behind one is
    what it prints: figures may differ a little, seconds altogether, and a line of `...` stands for any lines.
  - ```cpp blocks are compiled with all public headers and `using namespace roux;`. With a TEST_CASE or a main they are
    linked and run; functions are compiled as they stand, anything else as the body of a function.
  - ```python blocks must be Python.
  - `make TARGET` must name a target, `nn/linear.h` a file, from the root or the document's folder, and words that look
    like names of code must stand somewhere in the sources.
Comments that no reader sees say more, in the lines above what they are about (or in the line, for a command in the text):
  <!-- test-docs: skip, WHY -->          not here: skipped, counted and listed
  <!-- test-docs: needs NAME, NAME -->   programs, or files: of the tree's build, or of the collection ROUX_DATA, linked
                                         under that name; skipped where one is missing
  <!-- test-docs: printed by COMMAND --> what the text block below shows
  <!-- test-docs: about 20 % -->         how far figures may differ
  <!-- test-docs: given (newline) CODE --> C++ that stands before the block, in the same function
  <!-- test-docs: compile column 2 -->   C++ in that column of the table below
Documents run in a folder of their own, with links to the tree and to its build: what commands write stays there.
Prints a line a block; exit status 1 if something fails or the tree was changed.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Names that documents use, and where the collection has such files.
DATA = {
    'glove.6B.100d.txt': 'glove/glove.6B.100d.subset.txt',
    'bert/vocab.txt': 'bert/vocab.txt',
    'recipes_fruit_veg.csv': 'recipes/recipes_fruit_veg.csv',
    'corpus.txt.gz': 'recipes/corpus.txt.gz',
    'SMSSpamCollection': 'text/SMSSpamCollection',
    'TREC.train.all': 'text/TREC.train.all',
    'TREC.test.all': 'text/TREC.test.all',
}
SECONDS = 170  # at most, a block
COMMAND = re.compile(r'(build/(apps|tests|bench)/\w+ |git grep |tests/tools/|apps/\w+\.sh)')
PROGRAM = re.compile(r'build/(apps|tests|bench)/(\w+)$')
NAME = re.compile(r'[A-Za-z_]\w*(::~?\w+|\.\w+)*(\(\))?$')
FILE = re.compile(r'(?!build/)[\w.*/-]+\.(h|cpp|cu|py|sh|md|dict)$')


class Item:
    """One thing to try: kind, first line, text, and what comments say about it."""

    def __init__(self, kind, line, text, marks, column=0):
        self.kind, self.line, self.text, self.marks, self.column = kind, line, text, marks, column
        self.expected = None  # of a sh or cpp block: the text block behind it

    def mark(self, name):
        for mark in self.marks:
            if mark.split(None, 1)[0].rstrip(',') == name:
                return mark.split(None, 1)[1] if ' ' in mark or '\n' in mark else ''
        return None


def comments(text):
    return [mark.strip() for mark in re.findall(r'<!--\s*test-docs:\s*(.*?)-->', text, re.S)]


def parse(lines):
    """The items of a document, in order."""
    items, marks, last, i = [], [], None, 0
    while i < len(lines):
        line = lines[i]
        fence = re.match(r'\s*```(.*)$', line)
        if fence:
            start, indent, body = i + 1, len(line) - len(line.lstrip()), []
            i += 1
            while i < len(lines) and not lines[i].strip().startswith('```'):
                body.append(lines[i][indent:])
                i += 1
            item = Item(fence.group(1).strip() or 'none', start + 1, '\n'.join(body) + '\n', marks)
            if item.kind == 'text' and item.mark('printed') is not None:
                item.kind, item.expected, item.text = 'sh', Item('text', start, item.text, []), item.mark('printed')[3:]
                items.append(item)
            elif item.kind == 'text' and item.mark('skip') is None and last is not None:
                last.expected, last.marks = item, last.marks + item.marks
            else:
                items.append(item)
            last = item if item.kind in ('sh', 'cpp') else None
            marks = []
        elif line.lstrip().startswith('<!--'):
            comment = line
            while '-->' not in comment and i + 1 < len(lines):
                i += 1
                comment += '\n' + lines[i]
            marks = marks + comments(comment)
        elif line.startswith('|') and any(mark.startswith('compile column') for mark in marks):
            number = int([mark for mark in marks if mark.startswith('compile column')][0].split()[2])
            while i < len(lines) and lines[i].startswith('|'):
                cells = re.split(r'(?<!\\)\|', lines[i])
                for code in re.findall(r'`([^`]+)`', cells[number]):
                    items.append(Item('cell', i + 1, code.replace('\\|', '|'), marks))
                i += 1
            marks = []
            continue
        elif line.strip():
            own = comments(line)
            for span in re.findall(r'`([^`]+)`', re.sub(r'<!--.*?-->', '', line)):
                kind = ('sh' if COMMAND.match(span) else 'program' if PROGRAM.match(span) else
                        'make' if re.match(r'make [a-z]', span) else 'file' if FILE.match(span) else 'name' if NAME.match(span) else None)
                if kind:
                    items.append(Item(kind, i + 1, span, (own or marks) if kind == 'sh' else []))
            if not lines[i + 1:i + 2] or not lines[i + 1].strip():
                marks = []
        i += 1
    return items


NUMBER = re.compile(r'([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)')
TIMES = re.compile(r'[\d.,]+ ?(ms|us|s|seconds|MB|titles/s|texts/s|words/s|million words)(?![\w])')


def same_line(expected, found, tolerance):
    expected, found = (re.sub(r'-{4,}', '----', ' '.join(TIMES.sub(r'0 \1', text).split())) for text in (expected, found))
    left, right = NUMBER.split(expected), NUMBER.split(found)
    if '...' in expected and expected != '...':
        pattern = '.*'.join(re.escape(part) for part in expected.split('...'))
        return re.fullmatch(pattern, found) is not None
    if len(left) != len(right):
        return False
    for i, (a, b) in enumerate(zip(left, right)):
        if a == b:
            continue
        if i % 2 == 0:
            if ' '.join(a.split()) != ' '.join(b.split()):
                return False
            continue
        if tolerance is None and '.' not in a:
            return False  # Whole numbers are ids and counts.
        a, b = float(a.replace(',', '')), float(b.replace(',', ''))
        if abs(a - b) > max(0.001, (tolerance or 0.02) * max(abs(a), abs(b))):
            return False
    return True


def same_output(expected, found, tolerance):
    """None, or the first line expected that is not there."""
    expected = [line for line in expected.splitlines() if line.strip()]
    found = [line for line in found.splitlines() if line.strip()]
    position, free = 0, False
    for line in expected:
        if line.strip() == '...':
            free = True
            continue
        while position < len(found) and free and not same_line(line, found[position], tolerance):
            position += 1
        if position == len(found) or not same_line(line, found[position], tolerance):
            return 'expected "%s"%s' % (line, ', found "%s"' % found[position] if position < len(found) else
                                        ', found nothing more')
        position, free = position + 1, False
    return None if free or position == len(found) else 'found "%s" behind what is expected' % found[position]


class Document:
    def __init__(self, path, options):
        self.path, self.options = path, options
        self.folder = os.path.join(options.scratch, path.replace('/', '.'))
        with open(os.path.join(ROOT, path), encoding='utf-8') as file:
            self.items = parse(file.read().split('\n'))
        self.results = []

    def make_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(os.path.join(self.folder, 'build'))
        for name in os.listdir(ROOT):
            if name not in ('build', '.git'):
                os.symlink(os.path.join(ROOT, name), os.path.join(self.folder, name))
        for name in ('apps', 'bench', 'tests', 'release', 'libroux.a', 'libroux_test_main.a'):
            path = os.path.join(ROOT, self.options.build, name)
            if os.path.exists(path):
                os.symlink(path, os.path.join(self.folder, 'build', name))

    def execute(self, command, folder=None):
        environment = dict(os.environ, NO_COLOR='1', LC_ALL='C.UTF-8')
        environment.pop('MAKEFLAGS', None)
        environment.pop('MAKELEVEL', None)
        with subprocess.Popen(command, cwd=folder or self.folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
            try:
                output, errors = process.communicate(timeout=SECONDS)
            except BaseException as error:  # whatever ends this program ends what it started
                os.killpg(process.pid, signal.SIGKILL)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                return 124, '', 'more than %d s' % SECONDS
        return process.returncode, output.decode('utf-8', 'replace'), errors.decode('utf-8', 'replace')

    def link_data(self, names):
        """Files of the collection are linked into the folder; the first name that is nowhere, or None."""
        data = os.environ.get('ROUX_DATA', '')
        for name in (part.strip() for part in names.split(',')):
            if shutil.which(name) or os.path.exists(os.path.join(self.folder, name)):
                continue
            source = os.path.join(data, DATA.get(name, name))
            if not data or not os.path.exists(source):
                return name
            target = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.lexists(target):
                os.symlink(source, target)
        return None

    def judge(self, item, status, output, errors):
        if status != 0:
            lines = (errors or output).strip().split('\n')
            wrong = [line for line in lines if ' error: ' in line or 'undefined reference' in line]
            return 'exit status %d: %s' % (status, '\n'.join(wrong[:8] or lines[-12:]))
        if item.expected is None:
            return None
        about = item.mark('about')
        return same_output(item.expected.text, output, float(about.split()[0]) / 100 if about else None)

    def shell(self, item):
        folder = ROOT if item.text.startswith('git ') else None
        return self.judge(item, *self.execute(['bash', '-euo', 'pipefail', '-c', item.text], folder))

    def compile(self, item, source, runs):
        name = os.path.join(self.folder, 'block%d' % item.line)
        with open(name + '.cpp', 'w', encoding='utf-8') as file:
            file.write(self.options.prelude + source)
        command = '%s -O0 -g0 -Wno-unused -Wno-shadow' % self.options.compile
        if not runs:
            status, output, errors = self.execute(['bash', '-c', '%s -fsyntax-only %s.cpp' % (command, name)], ROOT)
            return self.judge(item, status, output, errors)
        if 'int main' in source:  # doctest's header without its library
            command += ' -DDOCTEST_CONFIG_DISABLE'
        main = '' if 'int main' in source else os.path.join(self.options.build, 'libroux_test_main.a')
        status, output, errors = self.execute(
            ['bash', '-c', '%s -c %s.cpp -o %s.o && %s %s.o %s %s %s -o %s' %
             (command, name, name, self.options.link, name, main,
              os.path.join(self.options.build, 'libroux.a'), self.options.libs, name)], ROOT)
        if status == 0:
            status, output, errors = self.execute([name])
        return self.judge(item, status, output, errors)

    def cpp(self, item):
        given = (item.mark('given') or '') + '\n'
        line = '#line %d "%s"\n' % (item.line, self.path)
        if re.search(r'TEST_CASE|int main', item.text):
            return self.compile(item, given + line + item.text, True)
        if re.search(r'^(?!if|for|while|switch)\w[\w:<>&* ]* \w+\([^;]*\) (const )?\{', item.text, re.M):
            return self.compile(item, given + line + item.text, False)
        return self.compile(item, 'void example() {\n%s%s%s}\n' % (given, line, item.text), False)

    def cells(self, items):
        """All cells of a document at once, each in a block of its own; what they need is in the first one's comment."""
        source = 'void examples() {\n%s\n' % (items[0].mark('given') or '')
        for item in items:
            source += '#line %d "%s"\n{ %s; }\n' % (item.line, self.path, item.text.rstrip(';'))
        return self.compile(items[0], source + '}\n', False)

    def file(self, item):
        if item.text.startswith(('.', '*')) or 'NAME' in item.text:
            return None
        folder = os.path.dirname(self.path)
        places = [ROOT, os.path.join(ROOT, folder)] + [os.path.join(ROOT, folder, under) for under in self.options.under]
        if any(glob.glob(os.path.join(place, item.text)) for place in places):
            return None
        return 'there is no %s, from the root or from here' % item.text

    def name(self, item):
        unknown = [word for word in re.findall(r'[A-Za-z_]\w*', item.text) if len(word) > 3 and word not in self.options.words]
        return 'nothing here is called ' + unknown[0] if unknown else None

    def program(self, item):
        if 'NAME' in item.text:
            return None
        directory, name = PROGRAM.match(item.text).groups()
        source = {'apps': 'apps/%s.cpp', 'bench': 'tests/bench/%s.cpp', 'tests': '%s'}[directory] % name
        known = {'roux_tests', 'host_cuda_tests'}
        return None if name in known or os.path.exists(os.path.join(ROOT, source)) else 'there is no such program'

    def make(self, item):
        for word in item.text.split()[1:]:
            if re.fullmatch(r'[a-z][\w./-]*', word) and word not in self.options.targets:
                return 'the Makefile has no target ' + word
        return None

    def run(self):
        self.make_folder()
        cells = [item for item in self.items if item.kind == 'cell']
        for item in self.items:
            if item.kind == 'cell' and item is not cells[0]:
                continue
            started, skip = time.monotonic(), item.mark('skip')
            if skip is None and item.mark('needs') is not None:
                missing = self.link_data(item.mark('needs'))
                skip = 'there is no ' + missing if missing else None
            if skip is not None:
                self.results.append((item, 'skipped', skip, 0))
                continue
            if item.kind == 'cell':
                problem = self.cells(cells)
            elif item.kind in ('sh', 'cpp', 'file', 'name', 'program', 'make'):
                problem = {'sh': self.shell, 'cpp': self.cpp, 'file': self.file, 'name': self.name,
                           'program': self.program, 'make': self.make}[item.kind](item)
            elif item.kind == 'python':
                problem = None
                try:
                    compile(item.text, self.path, 'exec')
                except SyntaxError as error:
                    problem = str(error)
            elif item.kind == 'text':
                problem = 'it follows no block that prints something (hint: <!-- test-docs: skip, WHY -->)'
            else:
                problem = 'a block needs a language: sh, cpp, python, or text for what the block before prints'
            self.results.append((item, 'FAILED' if problem else 'passed', problem, time.monotonic() - started))
        return self


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('documents', nargs='*', help='these alone; default: all of the tree')
    parser.add_argument('--build', default='build', help='folder with apps/ and the libraries')
    parser.add_argument('--compile', default='g++ -std=c++20 -march=native -I.', help='the compiler, with its flags')
    parser.add_argument('--link', default='g++ -pthread')
    parser.add_argument('--libs', default='-lopenblas -lutf8proc -lz')
    parser.add_argument('--headers', default='', help='public headers, for C++ blocks')
    options = parser.parse_args()
    options.scratch = os.path.join(ROOT, options.build, 'test-docs')

    def git(*arguments):
        return subprocess.run(['git', '-C', ROOT] + list(arguments), stdout=subprocess.PIPE, check=True).stdout.decode()

    listed = git('ls-files', '--cached', '--others', '--exclude-standard', '*.md').split('\n')
    paths = options.documents or sorted(name for name in set(listed) if name and os.path.exists(os.path.join(ROOT, name)))
    with open(os.path.join(ROOT, 'Makefile'), encoding='utf-8') as file:
        text = file.read()
    options.targets = set(re.findall(r'^([a-z][\w-]*):', text, re.M)) | {'build/tests/host_cuda_tests', 'build/tests/roux_tests'}
    headers = options.headers.split() or [
        name for name in git('ls-files', 'tensor/*.h', 'autograd/*.h', 'nn/*.h', 'text/*.h').split() if '/cpu/' not in name]
    options.prelude = ''.join('#include "%s"\n' % header for header in headers)
    options.prelude += '#include <doctest/doctest.h>\n#include <iostream>\nusing namespace roux;\n'
    options.under = ['common', 'common/plots', 'cpu', 'peers']  # folders without documents of their own

    options.words = set()
    for name in git('ls-files', '--cached', '--others', '--exclude-standard', ':!*.md').split('\n'):
        if name and os.path.isfile(os.path.join(ROOT, name)) and os.path.getsize(os.path.join(ROOT, name)) < 1 << 20:
            with open(os.path.join(ROOT, name), encoding='utf-8', errors='replace') as file:
                options.words.update(re.findall(r'[A-Za-z_]\w*', file.read()))

    before = git('status', '--porcelain')
    started = time.monotonic()
    counts = {'passed': 0, 'FAILED': 0, 'skipped': 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for document in pool.map(Document.run, [Document(path, options) for path in paths]):
            quiet = ('file', 'name')
            names = sum(1 for item, verdict, _, _ in document.results if item.kind in quiet and verdict == 'passed')
            for item, verdict, why, seconds in document.results:
                counts[verdict] += 1
                if item.kind not in quiet or verdict != 'passed':
                    what = item.text.strip().split('\n')[0][:70] if item.kind != 'cell' else 'a column of C++'
                    print('%s:%d: %s %s, %.1f s: %s%s' % (document.path, item.line, item.kind, verdict, seconds, what,
                                                         '\n    ' + why.replace('\n', '\n    ') if why else ''))
            print('%s: %d names of files and code are right' % (document.path, names), flush=True)
    changed = git('status', '--porcelain') != before
    if changed:
        print('the documents\' commands changed the tree: git status')
    print('test-docs: %d passed, %d failed, %d skipped in %.0f s' %
          (counts['passed'], counts['FAILED'], counts['skipped'], time.monotonic() - started))
    shutil.rmtree(options.scratch, ignore_errors=True)
    return 1 if counts['FAILED'] or changed else 0


if __name__ == '__main__':
    sys.exit(main())
