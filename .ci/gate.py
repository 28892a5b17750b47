"""The gate: what keeps the house readable. python .ci/gate.py [--all]

Prints a table of what each notebook and its module owe; --all also names every debt of notebooks that are not
rebuilt yet. The exit status is 1 if a notebook in `rebuilt.txt` owes anything, or if there are more than five
exceptions."""
import ast
import io
import json
import re
import statistics
import subprocess
import sys
import tokenize
from collections import Counter, defaultdict

from notebooks import all_notebooks, is_code, is_export, read, root, source, stale, title

limits = dict(columns=120, logic=40, median=12, in_a_row=3, export_cells=30, module_lines=450, picture_within=8)
here = root/'.ci'


def lines_of(path):
    "The lines of a list in .ci, without comments"
    text = [line.split('#')[0].strip() for line in path.read_text(encoding='utf8').splitlines()]
    return [line for line in text if line]


def tree_of(cell):
    "The syntax tree of a cell; None if it is not plain Python (a shell command, a magic)"
    try: return ast.parse(source(cell))
    except SyntaxError: return None


def is_imports(cell):
    "Does a cell hold imports and nothing else?"
    tree = tree_of(cell)
    return tree is not None and all(isinstance(n, (ast.Import, ast.ImportFrom)) for n in tree.body)


def signature_lines(node):
    "Numbers of the lines that hold the signature of a function or class"
    first = min([node.lineno] + [d.lineno for d in node.decorator_list])
    return range(first, max(node.body[0].lineno, node.lineno + 1))


def docstring_lines(node):
    "Numbers of the lines that hold the docstring of a function, class or module"
    first = node.body[0] if node.body else None
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return range(first.lineno, first.end_lineno + 1) if text else []


def logic_lines(cell):
    "How many lines of a cell hold logic: no imports, signatures, fields, docstrings, comments, blanks"
    tree = tree_of(cell)
    lines = source(cell).splitlines()
    numbers = {i for i, line in enumerate(lines, 1) if line.strip() and not line.strip().startswith('#')}
    if tree is None: return len(numbers)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)): numbers -= set(range(node.lineno, node.end_lineno + 1))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            body = node.body[0].lineno
            if body > node.lineno: numbers -= set(signature_lines(node))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)): numbers -= set(docstring_lines(node))
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign): numbers -= set(range(field.lineno, field.end_lineno + 1))
    return len(numbers)


def has_picture(cell):
    "Does a cell show a picture, saved or drawn in Markdown?"
    if cell['cell_type'] == 'markdown': return bool(re.search(r'!\[(?!Open in Colab)|```mermaid|<img', source(cell)))
    kinds = [kind for output in cell.get('outputs', []) for kind in output.get('data', {})]
    return any(kind.startswith('image/') or 'plotly' in kind for kind in kinds)


def longest_row(cells):
    "How many export cells stand in a row without a cell of code that runs them"
    row = worst = 0
    for cell in cells:
        if not is_export(cell): row = 0
        elif not is_imports(cell): row += 1
        worst = max(worst, row)
    return worst


def joined_statements(cell):
    "Lines that join two statements by a semicolon; one in a string or a comment joins nothing"
    code = re.sub(r'^[%!].*', '', source(cell), flags=re.M)
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    ends = tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER
    return [a.line for a, b in zip(tokens, tokens[1:]) if a.string == ';' and b.type not in ends]


def shape_of(nb, name):
    "(kind, words) of everything in which a notebook has the wrong shape"
    cells = [c for c in nb['cells'] if is_code(c) and 'nbdev_export()' not in source(c)]
    exports = [c for c in cells if is_export(c)]
    logic = [(logic_lines(c), c) for c in cells if not is_imports(c)]
    for n, cell in logic:
        if n > limits['logic']: yield 'long cells', f'"{title(cell)}" has {n} lines of logic'
    if logic and (middle := statistics.median(n for n, _ in logic if n)) > limits['median']:
        yield 'median', f'half of its cells have more than {middle:.0f} lines of logic'
    if len(exports) > limits['export_cells']: yield 'export cells', f'it has {len(exports)} export cells'
    if (row := longest_row(cells)) > limits['in_a_row']:
        yield 'in a row', f'{row} export cells in a row that nothing runs'
    seen = [cell for cell in nb['cells'][1:] if 'colab' not in cell.get('id', '')]      # without the title
    pictures = any(map(has_picture, seen[:limits['picture_within']]))
    if not pictures and name != '00_core': yield 'picture', f'no picture in its first {limits["picture_within"]} cells'
    for cell in cells:
        for line in source(cell).splitlines():
            if len(line) > limits['columns']: yield 'long lines', f'"{line.strip()[:60]}" has {len(line)} columns'
            if re.match(r'\s*\w+ = lambda\b', line): yield 'named lambdas', f'"{line.strip()[:60]}" names a lambda'
        for line in joined_statements(cell): yield 'semicolons', f'"{line.strip()[:60]}" joins statements'


def module_of(nb):
    "The module that a notebook exports, or None"
    found = re.findall(r'^#\|\s*default_exp\s+(\S+)', '\n'.join(source(c) for c in nb['cells']), re.M)
    return root/f'eva_dit/{found[0]}.py' if found else None


def own_lines(path):
    "The number of the line at which nbdev's own head of a module ends"
    lines = path.read_text(encoding='utf8').splitlines()
    return next((i for i, line in enumerate(lines, 1) if line.startswith('# %% ../')), 0), lines


def by_ruff():
    "What ruff says, by module"
    command = ['ruff', 'check', '--config', here/'ruff.toml', '--output-format', 'json', root/'eva_dit']
    said = defaultdict(list)
    for found in json.loads(subprocess.run(command, capture_output=True, text=True).stdout):
        path, row = root/found['filename'], found['location']['row']
        head, lines = own_lines(path)
        told = found['code'] in ('E501', 'E702', 'E731')                # by the notebook's own shape
        if row <= head or told: continue
        said[path.stem].append((found['code'], f'line {row}: {found["message"]}', lines[row - 1].strip()))
    return said


def by_mypy(modules):
    "What mypy says about some modules, by module"
    if not modules: return {}
    command = ['mypy', '--config-file', here/'mypy.ini', *modules]
    said = defaultdict(list)
    for line in subprocess.run(command, capture_output=True, text=True, cwd=root).stdout.splitlines():
        found = re.match(r'.*?(\w+)\.py:(\d+): error: (.*)', line)
        if found: said[found[1]].append(('mypy', f'line {found[2]}: {found[3][:120]}', ''))
    return said


def exceptions():
    "The lines of exceptions.txt: module, rule, the words of the line that is excepted, reason"
    return [[part.strip() for part in line.split('|')] for line in lines_of(here/'exceptions.txt')]


def excepted(module, rule, line, allowed):
    "Is a finding among the exceptions?"
    return any(module == m and rule == r and words in line for m, r, words, _ in allowed)


def debts(path, ruff, mypy, allowed):
    "(kind, words) of everything that a notebook and its module owe"
    nb, name = read(path), path.stem
    yield from shape_of(nb, name)
    for cell, why in stale(nb): yield 'stale', f'the output of "{title(cell)}" {why}'
    module = module_of(nb)
    if module is None or not module.exists(): return
    n = len(own_lines(module)[1])
    if n > limits['module_lines']: yield 'module', f'{module.name} has {n} lines'
    for rule, words, line in ruff.get(module.stem, []) + mypy.get(module.stem, []):
        if not excepted(module.stem, rule, line, allowed): yield rule, f'{module.name} {words}'


def main():
    "Print the table, and say whether the gate holds"
    rebuilt, allowed = lines_of(here/'rebuilt.txt'), exceptions()
    named = {p.relative_to(root/'nbs').with_suffix('').as_posix(): p for p in all_notebooks()}
    modules = [m for n in rebuilt if n in named and (m := module_of(read(named[n])))]
    ruff, mypy = by_ruff(), by_mypy(modules)
    missing = [f'rebuilt.txt names {n}, and there is no such notebook' for n in rebuilt if n not in named]
    total, broken = 0, missing
    print(f'{"notebook":40}  owes')
    for name, path in named.items():
        owed = list(debts(path, ruff, mypy, allowed))
        counts = Counter(kind for kind, _ in owed)
        print(f'{name:40}  {", ".join(f"{kind} {n}" for kind, n in counts.most_common()) or "nothing"}')
        if name in rebuilt: broken = broken + [f'{name}: {words}' for _, words in owed]
        elif '--all' in sys.argv: print(*(f'    {words}' for _, words in owed), sep='\n')
        total += len(owed)
    if len(allowed) > 5: broken = broken + [f'there are {len(allowed)} exceptions, and five are allowed']
    print(*broken, sep='\n')
    print(f'{len(rebuilt)} of {len(named)} notebooks are rebuilt; they owe {len(broken)}; all together {total}; '
          f'{len(allowed)} of 5 exceptions')
    sys.exit(bool(broken))


if __name__ == '__main__': main()
