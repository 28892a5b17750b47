"Checks that are not notebooks: python .ci/checks.py imports | requirements | readme | docs | links | api | demo FOLDER [FOLDER of --no_gate]"
import ast, dataclasses, importlib, inspect, json, re, subprocess, sys, tempfile
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

root = Path(__file__).parents[1]

def module_numbers():
    "The number of each module, from the name of the notebook that exports it"
    numbers = {}
    for nb in sorted((root/'nbs').glob('[0-9][0-9]_*.ipynb')):
        source = '\n'.join(''.join(c['source']) for c in json.loads(nb.read_text())['cells'])
        exp = re.search(r'^#\|\s*default_exp\s+(\w+)', source, re.M)
        if exp: numbers[exp[1]] = int(nb.name[:2])
    return numbers

def imported(path):
    "Modules of this package that a file imports, anywhere in it, from its syntax tree"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or '').split('.')[0] == 'eva_dit'):
            name = node.module or ''
            name = name.removeprefix('eva_dit').lstrip('.')
            yield from [name.split('.')[0]] if name else [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            yield from (a.name.split('.')[1] for a in node.names if a.name.startswith('eva_dit.'))

def imports():
    "A module imports only from modules of lower-numbered notebooks"
    numbers = module_numbers()
    wrong = [f'{m}.py ({n:02}) imports {i} ({numbers.get(i, "no notebook")})' for m, n in numbers.items()
             for i in imported(root/'eva_dit'/f'{m}.py') if numbers.get(i, 99) >= n]
    orphans = [p.name for p in (root/'eva_dit').glob('*.py') if p.stem not in numbers and not p.name.startswith('_')]
    return wrong + [f'{o} has no notebook' for o in orphans]

def requirements():
    "Every package that the library imports is a runtime requirement in settings.ini, but for those that it can do without (`except ImportError`)"
    cfg = ConfigParser(delimiters=['=']); cfg.read(root/'settings.ini')
    normal = lambda s: re.split(r'[<>=!~\[]', s)[0].lower().replace('_', '-')
    required = {normal(r) for r in cfg['DEFAULT']['requirements'].split()}
    trees = {p.name: ast.parse(p.read_text()) for p in (root/'eva_dit').glob('*.py')}
    for t in trees.values():                                           # what may be missing is not required
        for n in ast.walk(t):
            if isinstance(n, ast.Try) and any(getattr(h.type, 'id', '') == 'ImportError' for h in n.handlers): n.body = []
    roots = {(name, (n.module if isinstance(n, ast.ImportFrom) else a.name).split('.')[0]) for name, t in trees.items() for n in ast.walk(t)
             if isinstance(n, ast.Import) or isinstance(n, ast.ImportFrom) and not n.level for a in n.names}
    dists = packages_distributions()
    return [f'{name} imports {r}, which is no runtime requirement' for name, r in sorted(roots)
            if r not in sys.stdlib_module_names | {'eva_dit'} and not required & {normal(d) for d in dists.get(r, [])}]

def readme():
    "README.md is what index.ipynb makes"
    with tempfile.TemporaryDirectory() as d:
        subprocess.run([sys.executable, root/'.ci/readme.py', f'{d}/README.md'], check=True)
        same = Path(f'{d}/README.md').read_text() == (root/'README.md').read_text()
    images = [i for i in re.findall(r'\]\((?![a-z]+:|#)([^)#\s]+)', (root/'README.md').read_text()) if not (root/i).exists()]
    return ([] if same else ['README.md differs from nbs/index.ipynb; run python .ci/readme.py']) + [f'README.md points to {i}, which is not there' for i in images]

def docs():
    "nbdev can turn every notebook into a page (cells that import are run for this, so they must do nothing else)"
    r = subprocess.run([sys.executable, '-c', 'from nbdev.serve import proc_nbs; proc_nbs(force=True)'], cwd=root, capture_output=True, text=True)
    mixed = re.findall(r'Found cells containing imports and other code.*?\n---\n(.*?)\n', r.stderr)
    return ([r.stderr.strip().splitlines()[-1]] if r.returncode else []) + [f'a cell imports and does other work: {m}' for m in mixed]

def links():
    "What the text of a notebook links to or shows is there; saved outputs are whole, small, and name no folder of one machine"
    wrong = []
    for nb in sorted((root/'nbs').rglob('*.ipynb')):
        if '.ipynb_checkpoints' in nb.parts: continue
        for c in json.loads(nb.read_text(encoding='utf8'))['cells']:
            source, name = ''.join(c['source']), nb.relative_to(root)
            if c['cell_type'] == 'markdown':
                for target in re.findall(r'\]\(([^)#\s]+)', re.sub(r'`[^`]*`|^```.*?^```', '', source, flags=re.M | re.S)):
                    if not re.match(r'[a-z]+:', target) and not (nb.parent/re.sub(r'\.html$', '.ipynb', target)).exists(): wrong.append(f'{name} points to {target}, which is not there')
            for o in c.get('outputs', []):
                saved, words = json.dumps(o), source.strip().split(chr(10))[0]
                if o['output_type'] == 'error': wrong.append(f'{name}: the saved output of the cell "{words}" is an error')
                if len(saved) > 200_000: wrong.append(f'{name}: the saved output of the cell "{words}" has {len(saved)//1000} kB, more than 200')
                if place := re.search(r'/(?:work|root|tmp|home|Users)/[\w.-]+', saved): wrong.append(f'{name}: the saved output of the cell "{words}" names {place[0]}, a place on one machine')
    return wrong

def lacking(name, f):
    "What the documentation of a function lacks: a docstring, a comment for each parameter"
    from fastcore.docments import docments
    if not (inspect.getdoc(f) or '').strip(): yield f'{name} has no docstring'
    comments = docments(f)
    for p, about in inspect.signature(f).parameters.items():          # comments of *args and **kwargs cannot be read
        if p not in ('self', 'cls') and not p.startswith('_') and about.kind not in (about.VAR_POSITIONAL, about.VAR_KEYWORD) and not comments.get(p): yield f'{name}: the parameter {p} has no comment'

def lacking_in_class(name, c):
    "What the documentation of a class lacks: a docstring, a comment for each field or parameter, a docstring for each method"
    from fastcore.docments import docments
    if not (c.__doc__ or '').strip() or c.__doc__.startswith(f'{c.__name__}('): yield f'{name} has no docstring'
    if dataclasses.is_dataclass(c): yield from (f'{name}: the field {f.name} has no comment' for f in dataclasses.fields(c) if not docments(c).get(f.name))
    elif '__init__' in vars(c): yield from (l for l in lacking(name, c.__init__) if 'docstring' not in l)
    for k, m in vars(c).items():
        m = m.fget if isinstance(m, property) else getattr(m, '__func__', m)
        if not k.startswith('_') and inspect.isfunction(m) and m.__module__ == c.__module__ and not (inspect.getdoc(m) or '').strip(): yield f'{name}.{k} has no docstring'

def api():
    "Every public name has a docstring and every parameter of it a comment; every public method has a docstring"
    wrong = []
    for m in module_numbers():
        module = importlib.import_module(f'eva_dit.{m}')
        for n in module.__all__:
            o = getattr(module, n)
            if inspect.isclass(o): wrong += lacking_in_class(f'{m}.{n}', o)
            elif inspect.isfunction(o): wrong += lacking(f'{m}.{n}', inspect.unwrap(o))
    return wrong

rows = {'DiT, full ODE': 'dit_ode', 'DiT, one step': 'dit_one_step', 'ridge from CLIP': 'ridge', 'mean token': 'mean_token', 'DiT, conditioning shuffled': 'shuffled'}

def demo(folder, bare=None, tolerance=.03):
    "The demo's DiT uses its conditioning and beats the trivial answers, and README quotes what the command really prints"
    m, text = json.loads((Path(folder)/'evaluation/metrics.json').read_text()), (root/'README.md').read_text()
    wrong, c = [], m['eva_similarity_centred']
    if not min(c['dit_ode'], c['dit_one_step']) > max(c['mean_token'], c['shuffled']) + .2: wrong.append(f'the DiT is not far above the trivial answers: {c}')
    r2 = m['explained_variance']['ridge']
    print(f'a ridge map from CLIP explains {r2:.2f} of the variance of the held-out tokens')
    if not .4 < r2 < .65: wrong.append(f'the task is not half linear any more: ridge explains {r2:.2f} of the variance')
    for title, way in rows.items():
        quoted = re.search(rf'^{title} +(-?\d\.\d+) +(-?\d\.\d+) +(-?\d\.\d+)', text, re.M)
        if not quoted: wrong.append(f'README.md does not quote the row "{title}"'); continue
        for k, q in zip(('eva_similarity', 'eva_similarity_centred', 'eva_similarity_standardised'), quoted.groups()):
            if abs(m[k][way] - float(q)) > tolerance: wrong.append(f'README.md quotes {q} for {title}, {k}; measured here: {m[k][way]:.3f}')
    if bare:
        z = json.loads((Path(bare)/'evaluation/metrics.json').read_text())['ceiling']
        if not z['measured'] < z['formula']: wrong.append(f'without the gate, the ceiling was passed: {z}')
        if abs(z['noise_left'] - (1 - z['width']/z['eva_dim'])) > .02: wrong.append(f'without the gate, the noise left is not what the width says: {z}')
    return wrong

if __name__ == '__main__':
    what, *args = sys.argv[1:]
    wrong = dict(imports=imports, requirements=requirements, readme=readme, docs=docs, links=links, api=api, demo=demo)[what](*args)
    print(*(wrong or [f'{what}: in order']), sep='\n')
    sys.exit(bool(wrong))
