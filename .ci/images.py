"""The pictures in nbs/images, made anew: python .ci/images.py [dit] [faults] [noise_to_photograph] [report] [dashboard]

    dit         the model and one of its blocks, drawn (a second)
    faults      the first picture of 57_diagnosis, as it is saved there
    noise_to_photograph   the picture that the demo ends with: tokens on their way, as a linear read-out shows them
    report      what Chromium shows of the demo's report (a second, once there is a demo)
    dashboard   what Chromium shows of JupyterLab while a run on the demo's tokens is under way (minutes)

--demo FOLDER names a finished demo; without it, one is made first (about five minutes). --output FOLDER: for a look."""
import argparse
import shutil
import base64
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from PIL import Image

from notebooks import root
from servers import chromium, lab, open_notebook, write_notebook
from steps import records

pale, norm, mix, ada = '#eef3fb', '#fdf1dc', '#e3f1e3', '#f5e3ee'       # linear, norms, mixing, what depends on time
ink, faint = '#333333', '#999999'


class Diagram:
    "Boxes, arrows and words, by their places"
    def __init__(self, ax, title):
        self.ax = ax
        ax.set(xlim=(-3.3, 3.3), ylim=(-.2, 8.3), title=title)
        ax.axis('off')

    def box(self, x, y, text, color=pale, width=1.9, height=.52):
        corner = x - width/2, y - height/2
        self.ax.add_patch(plt.Rectangle(corner, width, height, fc=color, ec='#4a6fa5', lw=1))
        self.ax.text(x, y, text, ha='center', va='center', fontsize=8)

    def plus(self, x, y):
        self.ax.plot(x, y, 'o', ms=13, mfc='white', mec=ink)
        self.ax.text(x, y, '+', ha='center', va='center')

    def arrow(self, *points, color=ink):
        "From the first point by way of the others; the last piece has the head"
        for a, b in zip(points, points[1:-1]):
            self.ax.plot(*zip(a, b), color=color, lw=1.1, solid_capstyle='round')
        style = dict(arrowstyle='->', color=color, lw=1.1, shrinkA=0, shrinkB=0)
        self.ax.annotate('', points[-1], points[-2], arrowprops=style)

    def up(self, x, *places):
        "Arrows upwards at x, from each place to the one after it, two at a time"
        for a, b in zip(places[::2], places[1::2]): self.arrow((x, a), (x, b))

    def words(self, x, y, text, size=8):
        self.ax.text(x, y, text, ha='center', va='center', fontsize=size)


def draw_model(d):
    "Tokens on the left, conditioning and time on the right"
    left, right = -1.2, 1.6
    d.words(left, .25, '$x_t$  (B, N, E)', 9)
    d.box(left, 1.2, 'x_embed')
    d.plus(left, 2.2)
    d.box(left, 3.4, 'blocks', mix)
    d.box(left, 5.2, 'LayerNorm  (1 + s)', norm)
    d.box(left, 6.2, 'head: linear + SwiGLU')
    d.plus(left, 7.2)
    d.words(-2.85, 3.4, 'places')                                       # where the tokens stand: both attentions
    d.arrow((-2.5, 3.4), (-2.17, 3.4))
    d.words(left, 8.05, 'velocity  (B, N, E)', 9)
    d.up(left, .45, .94, 1.46, 1.98, 2.42, 3.14, 3.66, 4.94, 5.46, 5.94, 6.46, 6.98, 7.42, 7.85)

    d.words(right, .25, 'cond  (B, M, C)', 9)
    d.box(right, 1.2, 'cond_embed')
    d.box(right, 3.0, 'mean, pool_embed')
    d.plus(right, 3.85)
    d.box(right, 4.7, 'time_embed', ada)
    d.box(right, 6.2, 'gate', ada)
    d.words(2.95, 4.7, '$t$', 9)
    d.up(right, .45, .94, 1.46, 2.74, 3.26, 3.63, 4.96, 5.94)
    d.arrow((right, 4.44), (right, 4.07))
    d.arrow((2.8, 4.7), (2.56, 4.7))

    d.arrow((right, 2.2), (left + .22, 2.2))                            # the conditioning token of the same place
    d.words(-.42, 2.35, 'aligned')
    d.arrow((.15, 2.2), (.15, 3.2), (-.24, 3.2))                        # all of them, for cross-attention
    d.words(.35, 2.75, '$c$', 9)
    d.arrow((right - .22, 3.85), (.4, 3.85), (.4, 3.5), (-.24, 3.5))    # time and pooled conditioning
    d.arrow((.4, 3.85), (.4, 5.2), (-.24, 5.2))
    d.words(.8, 4.0, '$e$', 9)
    d.arrow((right, 6.46), (right, 7.2), (left + .22, 7.2))
    d.words(.6, 7.37, '× $x_t$', 9)


def draw_block(d):
    "Attention, then SwiGLU, each between two norms and around it a residual"
    d.words(0, .08, '$y$  (B, N, D)', 9)
    d.box(0, .95, 'RMSNorm  (1 + $s_1$)', norm)
    d.box(-1.15, 1.85, 'self-attention', mix)
    d.box(1.15, 1.85, 'cross-attention', mix)
    d.plus(0, 2.5)
    d.box(0, 3.1, 'projection')
    d.box(0, 3.85, 'RMSNorm  tanh $g_1$', norm)
    d.plus(0, 4.6)
    d.box(0, 5.4, 'RMSNorm  (1 + $s_2$)', norm)
    d.box(0, 6.15, 'SwiGLU', mix)
    d.box(0, 6.9, 'RMSNorm  tanh $g_2$', norm)
    d.plus(0, 7.55)
    d.up(0, .25, .69, 2.72, 2.84, 3.36, 3.59, 4.11, 4.38, 4.82, 5.14, 5.66, 5.89, 6.41, 6.64, 7.16, 7.33, 7.77, 8.1)

    for side in (-1, 1):
        d.arrow((0, 1.21), (0, 1.4), (1.15*side, 1.4), (1.15*side, 1.59))
        d.arrow((1.15*side, 2.11), (1.15*side, 2.5), (.22*side, 2.5))
    d.words(-2.85, 1.2, 'places')
    d.arrow((-2.85, 1.35), (-2.85, 1.85), (-2.11, 1.85))
    d.words(2.25, 2.35, '× tanh(gate of the head)')
    d.words(2.6, .75, 'RMSNorm($c$)')
    d.arrow((2.6, .95), (2.6, 1.85), (2.11, 1.85))

    d.arrow((0, .4), (-2.3, .4), (-2.3, 4.6), (-.22, 4.6), color=faint)
    d.arrow((0, 4.95), (1.6, 4.95), (1.6, 7.55), (.22, 7.55), color=faint)
    d.box(-2.4, 6.15, 'AdaLN', ada, width=1.2)
    d.words(-2.4, 6.65, '$s_1, g_1, s_2, g_2$')
    d.arrow((-2.4, 5.64), (-2.4, 5.88))
    d.words(-2.4, 5.45, '$e$', 9)


def dit(target):
    "The model, and one of its blocks"
    matplotlib.use('agg')
    fig, axs = plt.subplots(1, 2, figsize=(9.5, 5.6), layout='constrained', width_ratios=(1.15, 1))
    draw_model(Diagram(axs[0], 'the model'))
    draw_block(Diagram(axs[1], 'a block'))
    fig.savefig(target, dpi=110, metadata={'Software': None})


def faults(target):
    "The matrix of planted faults and checks, as 57_diagnosis has it"
    cells = json.loads((root/'nbs/57_diagnosis.ipynb').read_text(encoding='utf8'))['cells']
    shown = (output.get('data', {}).get('image/png') for cell in cells for output in cell.get('outputs', []))
    picture = next(filter(None, shown))
    target.write_bytes(base64.b64decode(''.join(picture)))


def noise_to_photograph(target, demo):
    "Held-out photographs out of noise, as the demo has drawn them"
    shutil.copy(demo/'noise_to_photograph.png', target)


def report(target, demo):
    "The first page of the demo's report"
    with chromium(1000, 1800) as page:
        page.goto((demo/'evaluation/report.html').resolve().as_uri())
        page.wait_for_selector('h1')
        page.wait_for_timeout(1500)
        page.screenshot(path=target)


imports = 'from eva_dit.dashboard import TrainingDashboard\nfrom eva_dit.train import TrainConfig, Trainer'
train = '''config = TrainConfig({store!r}, 'run', model_size='nano', max_steps=600, eval_every=20, log_every=2)
dashboard = TrainingDashboard(Trainer(config))
dashboard'''


def dashboard(target, demo):
    "A dashboard after eight evaluations of a run that goes on"
    with tempfile.TemporaryDirectory() as folder:
        folder, store = Path(folder), str((demo/'embeddings').resolve())
        write_notebook(folder/'train.ipynb', imports, train.format(store=store))
        with lab(folder) as at, chromium(1280, 1400) as page:
            open_notebook(page, at('train.ipynb'))
            page.wait_for_selector('.eva-start', timeout=120_000)
            page.click('.eva-start')
            wait_for_evaluations(folder/'run', 8)
            page.mouse.move(0, 0)
            page.wait_for_timeout(1500)
            page.locator('.eva-dash').first.screenshot(path=target)


def wait_for_evaluations(run, n, seconds=900):
    "Wait until the log of a run has n evaluations"
    end = time.time() + seconds
    while sum('eva_similarity' in record for record in records(run)) < n:
        if time.time() > end: raise TimeoutError(f'{run} has not been evaluated {n} times within {seconds} s')
        time.sleep(.5)


def small(picture):
    "Write a screenshot with 128 colors: a third of the bytes, and no difference that one sees"
    Image.open(picture).convert('RGB').quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


def made_demo(folder):
    "Run the demo's command"
    command = Path(sys.executable).parent/'eva_dit_demo'
    subprocess.run([command, '--output_dir', folder], check=True)
    return folder


def main():
    "Make the pictures that are asked for"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='as above; all if none is given')
    parser.add_argument('--demo', type=Path, help='folder of a finished demo')
    parser.add_argument('--output', type=Path, default=root/'nbs/images', help='where the pictures go')
    args = parser.parse_args()
    screenshots = dict(report=report, dashboard=dashboard)
    of_demo = dict(noise_to_photograph=noise_to_photograph) | screenshots
    alone = dict(dit=dit, faults=faults)
    names = args.names or [*alone, *of_demo]
    unknown = [name for name in names if name not in [*alone, *of_demo]]
    if unknown: parser.error(f'there is no picture {unknown[0]}; choose from {", ".join([*alone, *of_demo])}')
    args.output.mkdir(parents=True, exist_ok=True)
    for name in alone:
        if name in names: alone[name](args.output/f'{name}.png')
    with tempfile.TemporaryDirectory() as folder:
        wanted = [name for name in names if name in of_demo]
        demo = args.demo or (made_demo(Path(folder)/'demo') if wanted else None)
        for name in wanted:
            of_demo[name](args.output/f'{name}.png', demo)
            if name in screenshots: small(args.output/f'{name}.png')


if __name__ == '__main__': main()
