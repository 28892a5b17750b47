"""Time and memory of every notebook's tests: python .ci/cost.py [--write] [NOTEBOOK ...]; --write states them at the notebook's head."""
import json, os, re, subprocess, sys, time
from pathlib import Path

def measure(nb):
    "Seconds, and peak GB of the process that runs the notebook's default cells"
    start = time.time()
    p = subprocess.Popen(['nbdev_test', '--path', str(nb), '--n_workers', '0'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    if status: sys.exit(f'{nb}: its tests fail; run nbdev_test --path {nb}')
    return time.time() - start, usage.ru_maxrss/1e6

def state(nb, seconds, gb):
    "Put the figures into the last line of the first cell"
    d = json.loads(nb.read_text(encoding='utf8'))
    first, line = d['cells'][0], f'*About {max(5, 5*round(seconds/5))} seconds and {gb:.1f} GB on {os.cpu_count()} cores, without the cells marked slow (`python .ci/cost.py`).*'
    text = re.sub(r'\s*\*About \d+ seconds and [^\n]*\*\s*$', '', ''.join(first['source'])).rstrip() + '\n\n' + line
    first['source'] = text.splitlines(keepends=True)
    nb.write_text(json.dumps(d, indent=1, ensure_ascii=False, sort_keys=True) + '\n', encoding='utf8')

names = [a for a in sys.argv[1:] if a != '--write']
for nb in map(Path, names or sorted(Path('nbs').glob('[0-9]*.ipynb')) + sorted(Path('nbs/tutorials').glob('*.ipynb'))):
    seconds, gb = measure(nb)
    print(f'{nb.name:<32}{seconds:6.0f} s{gb:6.1f} GB', flush=True)
    if '--write' in sys.argv: state(nb, seconds, gb)
