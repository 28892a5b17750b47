"""Time and memory of every notebook's tests: python .ci/cost.py [--write] [NOTEBOOK ...]

--write states them at the notebook's foot, in a cell of their own after everything else that a reader sees."""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from notebooks import directives, read, root, source, write

said = re.compile(r'\*About \d+ seconds[^\n]*\*')


def measure(path):
    "Seconds, and peak GB of the process that runs the notebook's default cells"
    start = time.time()
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(['nbdev_test', '--path', str(path), '--n_workers', '0'], **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    if status: sys.exit(f'{path}: its tests fail; run nbdev_test --path {path}')
    return time.time() - start, usage.ru_maxrss/1e6


def line(seconds, gb):
    "What the foot says"
    return (f'*About {max(5, 5*round(seconds/5))} seconds and {gb:.1f} GB on {os.cpu_count()} cores, '
            'without the cells marked slow (`python .ci/cost.py`).*')


def at_the_foot(nb, text):
    "The cells of a notebook, with a text in a cell of its own after the last one that a reader sees"
    cells = [c for c in nb['cells'] if not (c['cell_type'] == 'markdown' and said.fullmatch(source(c).strip()))]
    last = max(i for i, c in enumerate(cells) if 'hide' not in directives(c))
    foot = dict(cell_type='markdown', id='cost', metadata={}, source=[text])
    return cells[:last + 1] + [foot] + cells[last + 1:]


def main():
    "Measure the notebooks that are named, or all"
    names = [Path(a) for a in sys.argv[1:] if a != '--write']
    everything = sorted((root/'nbs').glob('*.ipynb')) + sorted((root/'nbs/tutorials').glob('*.ipynb'))
    everything = [path for path in everything if path.stem not in ('index', 'results')]         # they compute nothing
    for path in names or everything:
        seconds, gb = measure(path)
        print(f'{path.name:<32}{seconds:6.0f} s{gb:6.1f} GB', flush=True)
        nb = read(path)
        if '--write' in sys.argv: write(path, dict(nb, cells=at_the_foot(nb, line(seconds, gb))))


if __name__ == '__main__': main()
