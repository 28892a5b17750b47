"""Links to Colab: python .ci/colab.py [--write]

Each notebook that a visitor may open in Colab begins with a link to it, and with a cell that fetches the repository
there and does nothing anywhere else. The addresses follow from settings.ini. --write puts both in; without it, the
notebooks that lack them are named."""
import sys
from configparser import ConfigParser

from notebooks import read, root, write

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
    colab = 'https://colab.research.google.com'
    badge = f'![Open in Colab]({colab}/assets/colab-badge.svg)'
    return f'[{badge}]({colab}/github/{cfg["user"]}/{cfg["repo"]}/blob/{cfg["branch"]}/{place})'


def setup(path, cfg):
    "The first cell of code: in Colab, the repository and its package; elsewhere, nothing"
    folder = path.parent.relative_to(root).as_posix()
    here = f'/content/{cfg["repo"]}'
    return (f"{flags}if 'google.colab' in str(get_ipython()):\n"
            f'    !git clone -q --depth 1 -b {cfg["branch"]} {cfg["git_url"]} {here}\n'
            f"    %pip install -q '{here}[dev]'\n"
            f'    %cd {here}/{folder}')


def cell(kind, name, text):
    "A new cell"
    code = dict(execution_count=None, outputs=[]) if kind == 'code' else {}
    return dict(cell_type=kind, id=name, metadata={}, source=text.splitlines(keepends=True), **code)


def headed(nb, path, cfg):
    "The cells of a notebook: its title, the link, the cell for Colab, and all others"
    title, *rest = [c for c in nb['cells'] if c.get('id') not in ('colab-link', 'colab')]
    text = next(i for i, c in enumerate(rest) if c['cell_type'] == 'code')            # the cells before the first code
    return [title, cell('markdown', 'colab-link', link(path, cfg)), *rest[:text],
            cell('code', 'colab', setup(path, cfg)), *rest[text:]]


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
