"""Links to Colab: python .ci/colab.py [--write]

Each notebook that a visitor may open in Colab begins with a link to it, and with a cell that fetches the repository
there and does nothing anywhere else. The addresses follow from settings.ini. --write puts both in; without it, the
notebooks that lack them are named."""
import re
import sys
from configparser import ConfigParser

from notebooks import read, root, source, write

book = '10_rope', '20_flow', '22_ceiling', '57_diagnosis'
flags = '#| hide\n#| notest\n'


def opened_in_colab():
    "The notebooks that get a link"
    return [root/f'nbs/{name}.ipynb' for name in book] + sorted((root/'nbs/tutorials').glob('*.ipynb'))


def settings():
    "What settings.ini says"
    cfg = ConfigParser(delimiters=['='])
    cfg.read(root/'settings.ini', encoding='utf8')
    return cfg['DEFAULT']


def link(path, cfg):
    "The line under the description of a notebook"
    place = path.relative_to(root).as_posix()
    badge = '![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)'
    return f'[{badge}](https://colab.research.google.com/github/{cfg["user"]}/{cfg["repo"]}/blob/{cfg["branch"]}/{place})'


def setup(path, cfg):
    "The first cell of code: in Colab, the repository and its package; elsewhere, nothing"
    folder = path.parent.relative_to(root).as_posix()
    here = f'/content/{cfg["repo"]}'
    return (f"{flags}if 'google.colab' in str(get_ipython()):\n"
            f'    !git clone -q --depth 1 -b {cfg["branch"]} {cfg["git_url"]} {here}\n'
            f"    %pip install -q '{here}[dev]'\n"
            f'    %cd {here}/{folder}')


def headed(nb, path, cfg):
    "The cells of a notebook, with the link and the first cell as they should be"
    head, *rest = nb['cells']
    text = re.sub(r'\n*\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)', '', source(head))
    description = re.search(r'^>.*$', text, re.M)
    text = text[:description.end()] + f'\n\n{link(path, cfg)}' + text[description.end():]
    first = dict(cell_type='code', execution_count=None, id='colab', metadata={}, outputs=[],
                 source=setup(path, cfg).splitlines(keepends=True))
    return [dict(head, source=text.splitlines(keepends=True)), first] + [c for c in rest if c.get('id') != 'colab']


def main():
    "Write, or say what is missing"
    cfg, lacking = settings(), []
    for path in opened_in_colab():
        nb = read(path)
        cells = headed(nb, path, cfg)
        if cells == nb['cells']: continue
        lacking.append(path.relative_to(root).as_posix())
        if '--write' in sys.argv: write(path, dict(nb, cells=cells))
    written = '--write' in sys.argv
    word = 'written' if written else 'run python .ci/colab.py --write for its link to Colab and the cell for it'
    for name in lacking: print(f'{name}: {word}')
    sys.exit(bool(lacking) and not written)


if __name__ == '__main__': main()
