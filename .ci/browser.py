"""The dashboards in a real JupyterLab, Notebook 7 and Chromium: what a person would do there, step by step

On a quiet machine, `python .ci/browser.py speed` says what somebody waits for, and what drawing costs."""
import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from servers import chromium, command, end, lab, notebook7, open_notebook, restart_kernel, root, run_cell
from servers import run_in_kernel, server, start, write_notebook
from speed import speed_test
from steps import Steps, area, asked_outside, axis, color, columns, count_paintings, cross_hairs, curves, drag
from steps import empty_panels, fits, foot, heap, height_above, hover, inside, marks, outputs, painted, phase, points
from steps import query, records, redraws, said, status, steps_shown, words_of_bands

# The trainer's dashboard

def training_test(s, at, folder):
    "The dashboard of a trainer in the notebook, from the first click to a saved page"
    begin_test(s, at, folder)
    pause_test(s, folder)
    again_test(s, folder)
    evaluate_test(s)
    zoom_test(s)
    pointing_test(s)
    looks_test(s)
    back_test(s, folder)
    failure_test(s)
    saved_test(s, folder)


def begin_test(s, at, folder):
    "Before anything is logged: no empty axes, baselines from the start, one height of the line above"
    page = s.page
    write_notebook(folder/'train.ipynb',
                   "from eva_dit.dashboard import *\nfrom toy import *\ntrainer = toy_trainer('run', eval_every=2_000)",
                   'd = TrainingDashboard(trainer)\nd')
    open_notebook(page, at('train.ipynb'))
    s.until_phase('idle', 'the notebook opens, and the dashboard shows itself; nothing trains yet', 90)
    empty, axes = empty_panels(page)
    assert empty >= 7, f'{empty} panels say that nothing was measured'
    assert axes <= 2, f'{axes} panels show empty axes'
    high = height_above(page)
    page.click('.eva-start')
    s.until(lambda: points(page) >= 4, 'Start: curves appear')
    assert height_above(page) == high, 'the chart jumped'
    lines = [c['x'] for c in curves(page, 'eva') if c['name'] in ('ridge', 'mean token')]
    assert len(lines) == 2 and all(x[0] < x[1] for x in lines), f'the baselines do not cross the panel: {lines}'
    assert not any('eva_similarity' in r for r in records(folder/'run')), 'the first evaluation came too early'
    s.ok('ridge and mean token cross the panel before the first evaluation')


def pause_test(s, folder):
    "Pause; while it stands still, the page is loaded again, and a rate is typed; Resume"
    page, run = s.page, folder/'run'
    s.until_moved(3, 'the curves move')
    page.click('.eva-pause')
    s.until_phase('paused', 'Pause: the line says so')
    def now(): return len(records(run)), page.inner_text('.eva-step')
    shown = now()
    time.sleep(2)
    assert now() == shown, 'the step count moved while paused'
    s.ok(f'it stands still: {shown}')
    count_paintings(page)
    run_in_kernel(page, 'd.smoothing.value = .8')
    s.until(lambda: painted(page)['loss'] > 0, 'another smoothing: the loss is drawn anew')
    time.sleep(1)
    assert painted(page)['eva'] == 0, f'panels that would look the same are drawn, too: {painted(page)}'
    s.ok(f'and what looks the same is left alone: {painted(page)}')
    n = points(page)
    command(page, 'docmanager:save')
    time.sleep(1)
    for k in range(2):
        page.reload()
        s.until(lambda: points(page) >= n > 0, f'the page is loaded again ({k + 1}): the curves are there', 60)
        assert 'model not found' not in outputs(page)
    run_in_kernel(page, 'd.chart.on_msg(d.chart.heard, remove=True)')
    page.reload()
    s.until(lambda: points(page) >= n > 0, 'and once more, when the kernel hears nothing of it', 60)
    run_in_kernel(page, 'd.chart.on_msg(d.chart.heard)')
    page.fill('.eva-lr input', '1.5e-4')
    page.press('.eva-lr input', 'Enter')
    s.until(lambda: 'e-' in said(page) or '0.00015' in said(page), 'a typed rate is answered')
    page.click('.eva-pause')
    s.until(lambda: records(run)[-1]['lr'] < 1.6e-4, 'learning rate changed, and Resume: metrics.jsonl has it')


def again_test(s, folder):
    "The cell of the dashboard is run again while it trains"
    page = s.page
    before, n = heap(page), points(page)
    for _ in range(4):
        run_cell(page, 1)
        time.sleep(1.2)
    s.until(lambda: page.locator('.eva-chart').count() == 1 and points(page) > n,
            'the cell is run again, four times: one chart')
    s.until_phase('training', 'and the same training goes on')
    s.until_moved(2, 'with the same curves')
    grown = heap(page) - before
    assert grown < 60, f'the page grew by {grown:.0f} MB'
    s.ok(f'the page grew by {grown:.0f} MB')
    steps = [r['step'] for r in records(folder/'run')]
    assert steps == sorted(set(steps)), 'a second training wrote into the log'


def evaluate_test(s):
    "Evaluations and their pictures, and a checkpoint"
    page = s.page
    picture = page.locator('.eva-pictures img')
    page.click('.eva-evaluate')
    s.until(lambda: points(page, 'eva', 'DiT') >= 1, 'Evaluate now: EVA similarity is on the page')
    s.until(picture.is_visible, 'and a picture stands in the first row')
    run_in_kernel(page, 'trainer.evaluate_soon()')
    s.until(lambda: int(page.get_attribute('.eva-scrub input', 'max')) >= 1, 'another one: the slider has two steps')
    source = picture.get_attribute('src')
    page.locator('.eva-scrub input').focus()
    page.keyboard.press('Home')
    s.until(lambda: picture.get_attribute('src') != source, 'the slider goes back in time')
    page.click('.eva-save')
    s.until(lambda: 'step' in page.inner_text('.eva-checkpoint') and not page.is_disabled('.eva-back'),
            'Save checkpoint: there is one to go back to')


def zoom_test(s):
    "A zoom holds in all panels, while drawing goes on and with steps on a log scale"
    page = s.page
    whole = steps_shown(page, 'loss')
    drag(page, 'loss', (.3, .3), (.6, .7))
    s.until(lambda: steps_shown(page, 'loss')[0] > whole[0] and steps_shown(page, 'grad') == steps_shown(page, 'loss'),
            'zoomed in: all panels show the same steps')
    zoomed, n = steps_shown(page, 'loss'), redraws(page)
    s.until(lambda: redraws(page) > n + 2, 'drawing goes on')
    then = steps_shown(page, 'loss')
    assert then == zoomed, f'a redraw lost the zoom: {zoomed} became {then}'
    page.click('.eva-log-steps input')
    s.until(lambda: axis(page, 'loss')[0] == 'log', 'log steps while zoomed')
    first, last = steps_shown(page, 'loss')
    assert abs(first - zoomed[0]) <= 1 and abs(last - zoomed[1]) <= 1, f'zoomed to {zoomed}, log: {first, last}'
    page.click('.eva-log-steps input')
    s.until(lambda: axis(page, 'loss') == ('linear', zoomed), 'and back')
    box = area(page, 'loss')
    page.mouse.dblclick(box['x'] + 50, box['y'] + 50)
    s.until(lambda: all(steps_shown(page, panel)[0] < zoomed[0] for panel in ('loss', 'grad')),
            'a double click shows all again')


def pointing_test(s):
    "What shows where the mouse is, and what must not stand in the way"
    page = s.page
    box = area(page, 'loss')
    page.mouse.move(*inside(box, .5, .5))
    page.mouse.move(*inside(box, .55, .5))
    s.until(lambda: hover(page)[0], 'pointing at a curve says its value')
    text, paper = hover(page)
    assert text.count('squared error') <= 1, f'hover: {text!r}'
    assert paper and 'transparent' not in paper and not paper.endswith(', 0)'), f'hover: {text!r} on {paper!r}'
    s.until(lambda: cross_hairs(page) >= 5, 'one cross-hair in all panels')
    box = area(page, 'by_t')
    page.mouse.move(box['x'] + 30, box['y'] + 30)
    bar = page.locator('.eva-panel-by_t .modebar')
    bar.wait_for()
    under = bar.bounding_box()
    assert under['y'] + under['height'] <= box['y'] + 1, 'the mode bar lies on the map'
    titles = query(page, '() => all(".eva-panel-by_t .modebar-btn").map(b => b.dataset.title)')
    assert len(titles) == 4 and not re.search('cloud|share', ' '.join(titles), re.I), titles
    box, words = area(page, 'eva'), words_of_bands(page)
    assert len(words) == 4 and min(words) >= box['x'] + box['width'] - 1, 'words of the bands lie on the curves'
    s.ok('the mode bar is off the map, the words are off the curves')
    page.mouse.move(5, 300)


def looks_test(s):
    "Widths and themes"
    page = s.page
    for width, height in ((1400, 1100), (800, 1500), (390, 2600), (1400, 1100)):
        s.resize(width, height, f'{width} pixels wide: every panel fits')
        s.shot(f'training-light-{width}', .8)
    command(page, 'application:toggle-left-area')
    s.until(lambda: fits(page), 'the side bar is moved')
    command(page, 'application:toggle-left-area')
    s.resize(1280, 1000, '1280 pixels wide')
    s.shot('training-light-1280')
    command(page, 'apputils:change-theme', dict(theme='JupyterLab Dark'))
    s.until(lambda: page.get_attribute('body', 'data-jp-theme-light') == 'false', 'dark theme')
    time.sleep(2)
    ink = color(page, '.eva-panel-loss .xtick text', 'fill')
    assert max(ink) > 180, f'dark text on a dark page: {ink}'
    s.shot('training-dark-1280')
    s.resize(800, 1500, '800 pixels, dark')
    s.shot('training-dark-800', .8)
    command(page, 'apputils:change-theme', dict(theme='JupyterLab Light'))
    page.set_viewport_size(dict(width=1280, height=1000))
    time.sleep(1)


def back_test(s, folder):
    "Back to a checkpoint, a saved page, and on"
    page = s.page
    page.click('.eva-back')
    s.until(lambda: phase(page) == 'stopped' and 'Back at step' in said(page), 'Back to checkpoint')
    step = int(page.inner_text('.eva-step').split()[1].replace(',', ''))
    assert records(folder/'run')[-1]['step'] <= step
    page.click('.eva-export')
    s.until(lambda: (folder/'Training_run.html').exists(), 'Export HTML writes a page')
    page.click('.eva-start')
    s.until_phase('training', 'Start goes on from there')


trip = '''
def trip(trainer, record): raise RuntimeError('the disk caught fire')
trainer.callbacks.append(trip)
'''


def failure_test(s):
    "An exception in training, and a kernel that ends"
    page = s.page
    run_in_kernel(page, trip)
    s.until(lambda: 'RuntimeError: the disk caught fire' in foot(page), 'an exception in training is shown')
    page.click('.eva-problem summary')
    s.shot('failure')
    assert 'in trip' in foot(page) and phase(page) == 'failed' and 'last good checkpoint' in foot(page)
    restart_kernel(page)
    s.until(lambda: 'no word from the kernel' in status(page),
            'the kernel is restarted: the old dashboard says that it is dead', 60)
    s.shot('restarted')
    command(page, 'notebook:run-all-cells')
    s.until_phase('idle', 'run again after the restart: the run is there, to go on from its checkpoint', 60)


def saved_test(s, folder):
    "A saved page: offline, on a telephone, dark"
    page, address = s.page, (folder/'Training_run.html').resolve().as_uri()
    for width, scheme in ((1280, 'light'), (390, 'dark'), (390, 'light')):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(dict(width=width, height=1000 if width > 400 else 2600))
        page.goto(address)
        s.until(lambda: points(page) > 3 and fits(page), f'the saved page at {width} pixels, {scheme}')
        s.shot(f'saved-{scheme}-{width}', .8)
        assert width > 400 or len(columns(page)) == 1, 'more than one column on a telephone'
    page.emulate_media(color_scheme='light')
    page.set_viewport_size(dict(width=1280, height=1000))


# The other views, and other pages

train_py = '''
import threading, time
from pathlib import Path
from toy import toy_trainer
trainer, ask = toy_trainer('other', max_steps=1500), Path('ask')
for record in trainer:
    time.sleep(.02)
    if not ask.exists(): continue
    ask.unlink()
    trainer.set_learning_rate(1e-3)
    trainer.pause()
    threading.Timer(4, trainer.unpause).start()
'''


@contextmanager
def other_training(folder):
    "A training in a process of its own, until the block ends; it pauses for 4 s when the file `ask` appears"
    (folder/'train.py').write_text(train_py)
    env = {**os.environ, 'PYTHONPATH': str(root)}
    process = start([sys.executable, 'train.py'], folder, folder/'train.log', env)
    try: yield
    finally: end(process)


def watch_test(s, at, folder):
    "A run of another process, followed in the notebook, and in a page served by eva_dit_watch"
    page = s.page
    write_notebook(folder/'watch.ipynb', "from eva_dit.dashboard import *\nwatch('other')")
    open_notebook(page, at('watch.ipynb'))
    s.until_phase('waiting', 'watch: a run that is not there yet is waited for', 60)
    with other_training(folder):
        s.until(lambda: points(page) > 2, 'another process trains: its curves are there', 60)
        s.until_moved(2, 'they move')
        assert points(page, 'eva', 'ridge') == 2, 'a watched run does not show from the start what the baselines reach'
        s.until_phase('live', 'it is said to be live', 20)                     # it may be evaluating just now
        (folder/'ask').touch()
        s.until_phase('paused', 'somebody pauses it, there: the line says so here')
        s.until(lambda: phase(page) == 'live' and {'↕', '‖', '▷'} <= marks(page),
                'and when it goes on, pause and learning rate stand as marks on the curves')
        s.shot('watch')
        page_test(s, folder)


def page_test(s, folder):
    "The same run in a page served by eva_dit_watch: it moves, fits, is dark when it should be, and asks nobody else"
    page, code = s.page, 'from eva_dit.dashboard import eva_dit_watch; eva_dit_watch("other")'
    with server([sys.executable, '-c', code], folder) as address:
        outside = asked_outside(page)
        page.goto(address, timeout=120_000, wait_until='commit')
        s.until(lambda: points(page) > 2, 'eva_dit_watch: the same view as a web page, behind a token', 120)
        s.until_moved(2, 'and it moves')
        s.until(lambda: fits(page), 'it fits')
        s.shot('voila')
        page.emulate_media(color_scheme='dark')
        s.shot('voila-dark', 2)
        paper, ink = color(page, 'body', 'backgroundColor'), color(page, '.eva-smoothing .widget-label', 'color')
        assert max(paper) < 60 and min(ink) > 180, f'a dark browser, and the page is {paper}, its labels {ink}'
        page.emulate_media(color_scheme='light')
        s.resize(390, 1600, '390 pixels')
        s.shot('voila-390', 1)
        page.set_viewport_size(dict(width=1280, height=1000))
        assert not outside, f'the page asked for {outside}'
        s.ok('nothing is loaded from elsewhere')


two_runs = '''
from pathlib import Path
from eva_dit.compare import compare
from eva_dit.explorer import ArchitectureExplorer
from eva_dit.inspector import EmbeddingInspector
from toy import toy_trainer
for name, lr in (('a', 2e-3), ('b', 5e-4)):
    if not Path(name).exists(): list(toy_trainer(name, max_steps=60, learning_rate=lr, eval_every=20, resume=False))
'''


def views_test(s, at, folder):
    "Comparison, inspector and explorer: they draw, and answer to clicks"
    write_notebook(folder/'views.ipynb', two_runs, "compare(['a', 'b'])", "EmbeddingInspector('a', 'store')",
                   'ArchitectureExplorer()')
    open_notebook(s.page, at('views.ipynb'))
    compare_test(s)
    inspector_test(s)
    explorer_test(s)


def compare_test(s):
    "A click on the name of a run hides it"
    page = s.page
    s.until(lambda: points(page) > 5, 'compare: two runs', 90)
    assert 'learning_rate' in outputs(page)
    def shown(): return [c['name'] for c in curves(page, 'loss') if c['x'] and not c['band']]
    assert shown() == ['a', 'b']
    name = page.locator('.eva-chart > .eva-sub button').first
    name.click()
    s.until(lambda: shown() == ['b'], 'a click on a name hides the run')
    s.shot('compare')
    name.click()
    page.mouse.move(5, 300)


def inspector_test(s):
    "Pointing at a place, a click on it, another image"
    page = s.page
    maps = page.locator('.eva-maps')
    page.wait_for_selector('.eva-maps .eva-mark', state='attached', timeout=60_000)
    s.ok('inspector: the pictures are there')
    maps.scroll_into_view_if_needed()
    corner = inside(maps.locator('.eva-pic').first.bounding_box(), .9, .1)
    page.mouse.move(*corner)
    s.until(lambda: 'row 0, column 7' in maps.inner_text(), 'pointing at a place shows it in all pictures')
    page.mouse.click(*corner)
    page.mouse.move(5, 300)
    s.until(lambda: 'from (0, 7), block' in maps.inner_text(), 'a click shows where that place looks')
    s.shot('inspector')
    gallery, before = page.locator('.eva-gallery'), page.inner_text('.eva-words')
    gallery.locator('.eva-thumb').nth(2).click()
    s.until(lambda: page.inner_text('.eva-words') != before and gallery.locator('.eva-chosen').count() == 1,
            'another image is chosen')


def explorer_test(s):
    "A slider, and the numbers that follow"
    page = s.page
    def total(): return sum(sum(c['x']) for c in curves(page, 'parts')[:1])
    page.locator('.eva-layers').scroll_into_view_if_needed()
    n = s.until(total, 'explorer: it draws')
    page.locator('.eva-layers .noUi-handle').focus()
    page.keyboard.press('ArrowRight')
    s.until(lambda: total() > n, 'a slider moves, and the numbers follow')
    s.shot('explorer', 1)


def notebook7_test(s, at, folder):
    "The dashboard in Jupyter Notebook 7: it draws, moves, and fits"
    page = s.page
    write_notebook(folder/'seven.ipynb',
                   "from eva_dit.dashboard import *\nfrom toy import *\nTrainingDashboard(toy_trainer('seven'))")
    with notebook7(folder) as seven:
        open_notebook(page, seven('seven.ipynb'))
        s.until_phase('idle', 'Notebook 7: the dashboard shows itself', 90)
        s.errors.clear()                                                # Notebook 7 has one of its own while it starts
        page.click('.eva-start')
        s.until(lambda: points(page) >= 4, 'Start: curves appear')
        n = points(page)
        s.until(lambda: points(page) > n + 3 and fits(page), 'they move, and every panel fits')
        page.click('.eva-pause')
        s.until_phase('paused', 'Pause')
        s.shot('notebook7')
        page.click('.eva-stop')
        s.until_phase('stopped', 'Stop')


tests = dict(training=training_test, watch=watch_test, views=views_test, notebook7=notebook7_test, speed=speed_test)
usual = 'training', 'watch', 'views', 'notebook7'


def limit(seconds):
    "End this process with an error after so long, whatever happens"
    def late(*_): raise TimeoutError(f'the browser test took more than {seconds} s')
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)


def run_tests(names, folder, shots):
    "Run tests one after the other in one page; if one fails, say what the page showed"
    with lab(folder) as at, chromium(1280, 1000) as page:
        s = Steps(page, shots)
        s.ok('JupyterLab and Chromium are up')
        try:
            for name in names: tests[name](s, at, folder)
            assert not s.errors, f'errors in the page: {s.errors[:3]}'
        except BaseException:
            s.shot('failed')
            print('the outputs of the notebook:\n' + outputs(page)[-2000:], file=sys.stderr)
            print('the console of the page:\n' + '\n'.join(s.console[-10:]), file=sys.stderr)
            print(f'errors in the page: {s.errors[:3]}', file=sys.stderr)
            raise


def main():
    "Run the tests that are asked for, in a folder that goes away"
    p = argparse.ArgumentParser(description='The dashboards in a real JupyterLab and a real Chromium')
    p.add_argument('tests', nargs='*', default=[*usual],
                   help=f'which of {", ".join(tests)}; {", ".join(usual)} if none is given')
    p.add_argument('--shots', default=str(Path(tempfile.gettempdir())/'eva_dit_browser'), help='folder for screenshots')
    p.add_argument('--limit', type=int, default=480, help='seconds after which the test has failed')
    a = p.parse_args()
    limit(a.limit)
    Path(a.shots).mkdir(parents=True, exist_ok=True)
    folder, begun = Path(tempfile.mkdtemp(prefix='eva_dit_browser-')), time.time()
    shutil.copy(root/'.ci/toy.py', folder)
    try: run_tests(a.tests, folder, a.shots)
    finally:
        signal.alarm(0)
        shutil.rmtree(folder, ignore_errors=True)
    print(f'all of it holds ({time.time() - begun:.0f} s); screenshots in {a.shots}')


if __name__ == '__main__': main()
