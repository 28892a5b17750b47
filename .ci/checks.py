"""Checks that are not notebooks: python .ci/checks.py CHECK

    imports | requirements | readme | docs | links | api | light | flags | version [TAG]
    demo FOLDER [FOLDER of --no_gate] | package FOLDER of sdist and wheel

A check is a function that yields what is wrong, one line each."""
import ast
import dataclasses
import importlib
import inspect
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import changelog
from notebooks import all_notebooks, read, root, source, title

library = root/'eva_dit'


def settings():
    "What settings.ini says"
    cfg = ConfigParser(delimiters=['='])
    cfg.read(root/'settings.ini', encoding='utf8')
    return cfg['DEFAULT']


# What imports what

def module_numbers():
    "The number of each module, such as 53 or 53a, from the name of the notebook that exports it"
    numbers = {}
    for path in sorted((root/'nbs').glob('[0-9][0-9]*_*.ipynb')):
        text = '\n'.join(source(cell) for cell in read(path)['cells'])
        exported = re.search(r'^#\|\s*default_exp\s+(\w+)', text, re.M)
        if exported: numbers[exported[1]] = path.name.partition('_')[0]
    return numbers


def own_modules(node):
    "Modules of this package that one statement imports"
    if isinstance(node, ast.Import):
        return [a.name.split('.')[1] for a in node.names if a.name.startswith('eva_dit.')]
    module = node.module or ''
    if not node.level and module.split('.')[0] != 'eva_dit': return []
    within = module.removeprefix('eva_dit').lstrip('.')
    return [within.split('.')[0]] if within else [a.name for a in node.names]


def imports():
    "A module imports only from modules of lower-numbered notebooks, lazy imports included"
    numbers = module_numbers()
    for module, number in numbers.items():
        for node in ast.walk(ast.parse((library/f'{module}.py').read_text(encoding='utf8'))):
            if not isinstance(node, (ast.Import, ast.ImportFrom)): continue
            for other in own_modules(node):
                at = numbers.get(other, 'no notebook')
                if numbers.get(other, '99') >= number: yield f'{module}.py ({number}) imports {other} ({at})'
    for path in library.glob('*.py'):
        if path.stem not in numbers and not path.name.startswith('_'): yield f'{path.name} has no notebook'


class Needed(ast.NodeVisitor):
    "Collects the packages that a file cannot do without: those tried with `except ImportError` may be missing"
    def __init__(self): self.packages = set()

    def visit_Import(self, node): self.packages |= {a.name.split('.')[0] for a in node.names}

    def visit_ImportFrom(self, node):
        if not node.level: self.packages.add(node.module.split('.')[0])

    def visit_Try(self, node):
        optional = any(isinstance(h.type, ast.Name) and h.type.id == 'ImportError' for h in node.handlers)
        for child in ast.iter_child_nodes(node):
            if not (optional and child in node.body): self.visit(child)


def plain(requirement):
    "The name of a requirement or distribution, as pip compares names"
    return re.split(r'[<>=!~\[]', requirement)[0].lower().replace('_', '-')


def requirements():
    "Every package that the library imports is a runtime requirement in settings.ini"
    required = {plain(r) for r in settings()['requirements'].split()}
    provided_by = packages_distributions()
    for path in sorted(library.glob('*.py')):
        needed = Needed()
        needed.visit(ast.parse(path.read_text(encoding='utf8')))
        for package in sorted(needed.packages - sys.stdlib_module_names - {'eva_dit'}):
            if not required & {plain(d) for d in provided_by.get(package, [])}:
                yield f'{path.name} imports {package}, which is no runtime requirement'


def light():
    "The transformer is there a second after torch, without what only towers and dashboards need"
    heavy = 'transformers', 'open_clip', 'timm', 'plotly', 'IPython', 'ipywidgets', 'skimage'
    importlib.import_module('torch').compiler.assume_constant_result(light)   # torch, and its compiler
    start = time.time()
    importlib.import_module('eva_dit.dit')
    took = time.time() - start
    print(f'import eva_dit.dit: {took:.1f} s, once torch is there')
    if took > 1: yield f'import eva_dit.dit takes {took:.1f} s beyond torch, and 1 is allowed'
    for module in heavy:
        if module in sys.modules: yield f'import eva_dit.dit imports {module}'


# Text: README, pages, links, saved outputs

def readme():
    "README.md is what index.ipynb makes, and the files that it points to are there"
    text = (root/'README.md').read_text(encoding='utf8')
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)/'README.md'
        subprocess.run([sys.executable, root/'.ci/readme.py', made], check=True)
        if made.read_text(encoding='utf8') != text:
            yield 'README.md differs from nbs/index.ipynb; run python .ci/readme.py'
    for target in re.findall(r'\]\((?![a-z]+:|#)([^)#\s]+)', text):
        if not (root/target).exists(): yield f'README.md points to {target}, which is not there'


def docs():
    """nbdev can turn every notebook into a page

    It takes title and description from the first cell and drops the rest of it, so there must be none. It runs cells
    that import, so they must do nothing else."""
    for path in all_notebooks():
        if not re.fullmatch(r'# .*\n\n?> .*\n?', source(read(path)['cells'][0])):
            yield f'{path.name}: the first cell holds more than title and description, which the page will lack'
    command = [sys.executable, '-c', 'from nbdev.serve import proc_nbs; proc_nbs(force=True)']
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if run.returncode: yield run.stderr.strip().splitlines()[-1]
    for cell in re.findall(r'Found cells containing imports and other code.*?\n---\n(.*?)\n', run.stderr):
        yield f'a cell imports and does other work: {cell}'


def dead_links(path, cell):
    "Links of one cell of Markdown that lead nowhere"
    text = re.sub(r'`[^`]*`|^```.*?^```', '', source(cell), flags=re.M | re.S)
    for target in re.findall(r'\]\(([^)#\s]+)', text):
        outside = re.match(r'[a-z]+:', target)
        if not outside and not (path.parent/re.sub(r'\.html$', '.ipynb', target)).exists():
            yield f'points to {target}, which is not there'


def bad_outputs(cell):
    "What is wrong with the saved outputs of one cell"
    for output in cell.get('outputs', []):
        saved = json.dumps(output)
        place = re.search(r'/(?:work|root|tmp|home|Users)/[\w.-]+', saved)
        what = f'the saved output of the cell "{title(cell)}"'
        if output['output_type'] == 'error': yield f'{what} is an error'
        if len(saved) > 200_000: yield f'{what} has {len(saved)//1000} kB, more than 200'
        if place: yield f'{what} names {place[0]}, a place on one machine'


def links():
    "What the text of a notebook links to is there; saved outputs are whole, small, and name no folder of one machine"
    for path in all_notebooks():
        name = path.relative_to(root/'nbs')
        for cell in read(path)['cells']:
            found = dead_links(path, cell) if cell['cell_type'] == 'markdown' else bad_outputs(cell)
            yield from (f'{name}: {words}' for words in found)


# Public names

def undocumented(name, function):
    "What the documentation of a function lacks: a docstring, a comment for each parameter"
    from fastcore.docments import docments
    if not inspect.getdoc(function): yield f'{name} has no docstring'
    comments = docments(function)
    for parameter, about in inspect.signature(function).parameters.items():
        unread = about.kind in (about.VAR_POSITIONAL, about.VAR_KEYWORD)       # docments does not read these comments
        if unread or parameter in ('self', 'cls') or parameter.startswith('_'): continue
        if not comments.get(parameter): yield f'{name}: the parameter {parameter} has no comment'


def undocumented_parts(name, cls):
    "What the documentation of a class lacks: a docstring, a comment for each field or parameter"
    from fastcore.docments import docments
    made_by_dataclass = (cls.__doc__ or '').startswith(f'{cls.__name__}(')
    if made_by_dataclass or not (cls.__doc__ or '').strip(): yield f'{name} has no docstring'
    if dataclasses.is_dataclass(cls):
        comments = docments(cls)
        missing = [field.name for field in dataclasses.fields(cls) if not comments.get(field.name)]
        yield from (f'{name}: the field {field} has no comment' for field in missing)
    elif '__init__' in vars(cls):
        yield from (words for words in undocumented(name, cls.__init__) if 'docstring' not in words)


def undocumented_methods(name, cls):
    "Public methods and properties of a class that have no docstring"
    for key, member in vars(cls).items():
        method = member.fget if isinstance(member, property) else getattr(member, '__func__', member)
        if key.startswith('_') or not inspect.isfunction(method) or method.__module__ != cls.__module__: continue
        if not inspect.getdoc(method): yield f'{name}.{key} has no docstring'


def api():
    "Every public name has a docstring and every parameter of it a comment; every public method has a docstring"
    for module_name in module_numbers():
        module = importlib.import_module(f'eva_dit.{module_name}')
        for key in module.__all__:
            name, thing = f'{module_name}.{key}', getattr(module, key)
            if inspect.isclass(thing):
                yield from undocumented_parts(name, thing)
                yield from undocumented_methods(name, thing)
            elif inspect.isfunction(thing): yield from undocumented(name, inspect.unwrap(thing))


# Commands and packages

def commands():
    "The names of the commands that the package brings"
    return [line.split('=')[0] for line in settings()['console_scripts'].split()]


def flags_of(command):
    "The flags that `COMMAND --help` lists; the command is run as people run it, from beside this Python"
    script = Path(sys.executable).parent/command
    run = subprocess.run([script, '--help'], capture_output=True, text=True, timeout=120)
    if run.returncode: raise RuntimeError(f'{command} --help fails: {run.stderr.strip().splitlines()[-1:]}')
    return set(re.findall(r'^ {2}(?:-\w, )?(--[\w-]+)', run.stdout, re.M))


def dropped_flags():
    "The flags that the newest section of the changelog names in a line with the word `dropped`"
    newest = next(iter(changelog.sections().values()))
    lines = [line for line in newest.splitlines() if 'dropped' in line.lower()]
    return set(re.findall(r'--[\w-]+', '\n'.join(lines)))


def flags():
    "No command has lost a flag that is in .ci/flags.json, but those that the changelog calls dropped"
    before = json.loads((root/'.ci/flags.json').read_text(encoding='utf8'))
    there, dropped = commands(), dropped_flags()
    yield from (f'the command {command} is gone' for command in before if command not in there)
    for command in there:
        try: now = flags_of(command)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as e:
            yield str(e)
            continue
        then = set(before.get(command, []))
        if now - then: print(f'{command} has new flags: {" ".join(sorted(now - then))}')
        for flag in sorted(then - now - dropped):
            yield f'{command} has lost {flag}, and no line of the changelog says that it was dropped'


def version(tag=None):
    "The package, CITATION.cff and a tag name the same version"
    want = settings()['version']
    for path, pattern in ((library/'__init__.py', r'__version__ = "(.*)"'), (root/'CITATION.cff', r'version: (.*)')):
        found = re.search(f'^{pattern}$', path.read_text(encoding='utf8'), re.M)[1]
        if found != want: yield f'{path.name} says {found}, settings.ini {want}'
    if tag and tag != f'v{want}': yield f'the tag is {tag}, the version in settings.ini {want}'


def package(folder):
    "The sdist and the wheel in a folder hold exactly the files of the library that git knows"
    listed = subprocess.run(['git', 'ls-files', 'eva_dit'], cwd=root, capture_output=True, text=True, check=True)
    want = set(listed.stdout.split())
    [sdist], [wheel] = Path(folder).glob('*.tar.gz'), Path(folder).glob('*.whl')
    with tarfile.open(sdist) as f: in_sdist = {m.name.partition('/')[2] for m in f.getmembers() if m.isfile()}
    with zipfile.ZipFile(wheel) as f: in_wheel = set(f.namelist())
    for name, files in ((sdist.name, in_sdist), (wheel.name, in_wheel)):
        files = {path for path in files if path.startswith('eva_dit/')}
        yield from (f'{name} lacks {path}' for path in sorted(want - files))
        yield from (f'{name} holds {path}, which git does not know' for path in sorted(files - want))


# The demo's numbers

rows = {
    'DiT, full ODE': 'dit_ode',
    'DiT, one step': 'dit_one_step',
    'ridge from CLIP': 'ridge',
    'mean token': 'mean_token',
    'DiT, conditioning shuffled': 'shuffled',
}
columns = 'eva_similarity', 'eva_similarity_centred', 'eva_similarity_standardised'


def misquoted(metrics, tolerance=.03):
    "Numbers of the table on the page of results that are not what was measured here"
    page = json.loads((root/'nbs/results.ipynb').read_text(encoding='utf8'))
    text = '\n'.join(''.join(cell['source']) for cell in page['cells'])
    for row, key in rows.items():
        quoted = re.search(rf'^{row} +(-?\d\.\d+) +(-?\d\.\d+) +(-?\d\.\d+)', text, re.M)
        if not quoted:
            yield f'results.ipynb does not quote the row "{row}"'
            continue
        for column, number in zip(columns, quoted.groups()):
            measured = metrics[column][key]
            if abs(measured - float(number)) > tolerance:
                yield f'results.ipynb quotes {number} for {row}, {column}; measured here: {measured:.3f}'


def wrong_ceiling(found):
    "What a run without the gate says about its ceiling, if it is not what the width demands"
    noise_left = 1 - found['width']/found['eva_dim']
    if found['measured'] >= found['formula']: yield f'without the gate, the ceiling was passed: {found}'
    if abs(found['noise_left'] - noise_left) > .02:
        yield f'without the gate, the noise left is not what the width says: {found}'


def demo(folder, bare=None):
    "The demo's DiT uses its conditioning and beats the trivial answers; results.ipynb quotes what the command prints"
    metrics = json.loads((Path(folder)/'evaluation/metrics.json').read_text(encoding='utf8'))
    centred, explained = metrics['eva_similarity_centred'], metrics['explained_variance']['ridge']
    ours, trivial = ('dit_ode', 'dit_one_step'), ('mean_token', 'shuffled')
    if min(centred[k] for k in ours) <= max(centred[k] for k in trivial) + .2:
        yield f'the DiT is not far above the trivial answers: {centred}'
    print(f'a ridge map from CLIP explains {explained:.2f} of the variance of the held-out tokens')
    if not .4 < explained < .65:
        yield f'the task is not half linear any more: ridge explains {explained:.2f} of the variance'
    yield from misquoted(metrics)
    if bare:
        metrics = json.loads((Path(bare)/'evaluation/metrics.json').read_text(encoding='utf8'))
        yield from wrong_ceiling(metrics['ceiling'])


checks = {f.__name__: f for f in (
    imports, requirements, readme, docs, links, api, light, flags, version, demo, package)}


def main():
    "Run one check; the exit status is 1 if anything is wrong"
    what, *args = sys.argv[1:] or ['']
    if what not in checks: sys.exit(__doc__)
    wrong = list(checks[what](*args))
    print(*(wrong or [f'{what}: in order']), sep='\n')
    sys.exit(bool(wrong))


if __name__ == '__main__': main()
