"A real JupyterLab on loopback and a real Chromium: what the dashboard's browser tests stand on"
import json, os, re, secrets, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request
from contextlib import contextmanager
from pathlib import Path

root = Path(__file__).resolve().parents[1]
settings = {'@jupyterlab/apputils-extension/notification.jupyterlab-settings': dict(fetchNews='false', checkForUpdates=False),
            '@jupyterlab/docmanager-extension/plugin.jupyterlab-settings': dict(autosaveInterval=3600)}

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def end(process):
    "Ask the server and all its kernels to end; then make them"
    for sig, wait in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try: os.killpg(process.pid, sig)
        except ProcessLookupError: return
        try: process.wait(wait)
        except subprocess.TimeoutExpired: continue
    try: os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError: pass

@contextmanager
def server(command, folder, address=None, wait=60):
    "Run a server in a process group of its own, with a home of its own, until the block ends; yields its address, which it may print itself"
    home = Path(tempfile.mkdtemp(prefix='home-'))
    env = {**os.environ, 'HOME': str(home), 'PYTHONPATH': os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')]), 'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'}
    for k in ('CONFIG_DIR', 'DATA_DIR', 'RUNTIME_DIR'): env[f'JUPYTER_{k}'] = str(home/k.lower())
    env.update(JUPYTERLAB_SETTINGS_DIR=str(home/'settings'), JUPYTERLAB_WORKSPACES_DIR=str(home/'workspaces'), IPYTHONDIR=str(home/'ipython'))
    for name, value in settings.items():
        plugin = home/'settings'/name
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.write_text(json.dumps(value))
    with open(home/'log', 'w') as log: process = subprocess.Popen([str(c) for c in command], cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)

    def up():
        "The address, once somebody answers there"
        if address is None: return next(iter(re.findall(r'^http\S+', (home/'log').read_text(), re.M)), None)
        try: urllib.request.urlopen(address, timeout=2).close()
        except OSError: return None
        return address

    try:
        until = time.time() + wait
        while not (found := up()):
            if process.poll() is not None or time.time() > until: raise RuntimeError(f'{command[0]} did not come up:\n{(home/"log").read_text()[-3000:]}')
            time.sleep(.2)
        yield found
    finally: end(process); shutil.rmtree(home, ignore_errors=True)

@contextmanager
def lab(folder):
    "JupyterLab over a folder; yields a function from a notebook's name to its address"
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}', '--ServerApp.port_retries=0', f'--IdentityProvider.token={token}', '--LabApp.expose_app_in_browser=True', '--LabApp.news_url=None']
    with server(command, folder, f'http://127.0.0.1:{port}/api') as address: yield lambda name: f'{address[:-4]}/doc/tree/{name}?token={token}&reset'

@contextmanager
def notebook7(folder):
    "Jupyter Notebook 7 over a folder; yields a function from a notebook's name to its address"
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, '-m', 'notebook', '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}', '--ServerApp.port_retries=0', f'--IdentityProvider.token={token}', '--JupyterNotebookApp.expose_app_in_browser=True']
    with server(command, folder, f'http://127.0.0.1:{port}/api') as address: yield lambda name: f'{address[:-4]}/notebooks/{name}?token={token}'

@contextmanager
def chromium(width=1280, height=900, dark=False):
    "A browser with one page"
    from playwright.sync_api import sync_playwright
    path = next((p for p in map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')) if p), None)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=['--no-sandbox', '--disable-dev-shm-usage'])
        try:
            page = browser.new_page(viewport=dict(width=width, height=height), color_scheme='dark' if dark else 'light')
            page.set_default_timeout(30_000)
            yield page
        finally: browser.close()

def write_notebook(path, *cells):
    "A notebook of code cells"
    import nbformat
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')))
    nbformat.write(nb, path)

def open_notebook(page, address, run=True):
    "Open a notebook in the single-document view, wait for its kernel, and run all its cells (without waiting for their end)"
    page.goto(address)
    page.wait_for_function('() => window.jupyterapp && document.querySelector(".jp-Notebook .jp-Cell")', timeout=60_000)
    page.wait_for_function('() => { const p = window.jupyterapp.shell.currentWidget; return p && p.sessionContext && p.sessionContext.session && p.sessionContext.session.kernel && p.sessionContext.session.kernel.status == "idle" }', timeout=60_000)
    if run: command(page, 'notebook:run-all-cells')

def command(page, name, args=None):
    "One of JupyterLab's commands, not waited for"
    page.evaluate('([name, args]) => { window.jupyterapp.commands.execute(name, args || {}); }', [name, args])

def outputs(page):
    "The text of all outputs"
    return page.evaluate('() => [...document.querySelectorAll(".jp-OutputArea-output")].map(o => o.innerText).join("\\n")')

def limit(seconds):
    "End this process with an error after so long, whatever happens"
    def late(*_): raise TimeoutError(f'the browser test took more than {seconds} s')
    signal.signal(signal.SIGALRM, late); signal.alarm(seconds)

class Steps:
    "Says what holds, and how long it took"
    def __init__(self, page, shots): self.page, self.shots, self.last, self.errors = page, Path(shots), time.time(), []

    def ok(self, what):
        now = time.time(); print(f'ok: {what} ({now - self.last:.1f} s)', flush=True); self.last = now

    def shot(self, name): self.page.screenshot(path=self.shots/f'{name}.png')

    def until(self, condition, what, seconds=40):
        "Wait until a function gives something true, and say so"
        end = time.time() + seconds
        while not (found := condition()):
            if time.time() > end: raise AssertionError(f'not seen within {seconds} s: {what}')
            time.sleep(.15)
        self.ok(what)
        return found

toy = '''import threading, time, numpy as np, torch
from pathlib import Path
from PIL import Image
from skimage import data
from eva_dit.pictures import Readout, to_patches
from eva_dit.store import EmbeddingStore, add_small_file, write_manifest, write_shard
from eva_dit.runs import Checkpoint
from eva_dit.train import TrainConfig, Trainer
from eva_dit.dashboard import *
torch.set_num_threads(1)
def crops(name, n, seed=0):
    "Random squares of a photograph, (n, 64, 64, 3)"
    photo, rng = Image.fromarray(getattr(data, name)()).convert('RGB'), np.random.default_rng(seed)
    found = []
    for side in rng.integers(140, min(photo.size), n).tolist():
        x, y = (int(rng.integers(0, size - side + 1)) for size in photo.size)
        found.append(np.array(photo.resize((64, 64), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side))))
    return torch.from_numpy(np.stack(found))
def toy_store(folder, each=40):
    "Tokens of 8 x 8 patches by two random functions, one of which sees less than the other"
    if (Path(folder)/'manifest.json').exists(): return EmbeddingStore(folder)
    names = 'astronaut', 'chelsea', 'clock', 'retina', 'brick', 'coffee', 'rocket', 'camera'
    pictures, g = torch.cat([crops(name, each, k) for k, name in enumerate(names)]), torch.Generator().manual_seed(0)
    pixels = to_patches(pictures, (8, 8)) - .5
    eva = torch.tanh(2*pixels @ torch.randn(192, 64, generator=g)/192**.5)
    clip = torch.tanh(4*pixels.view(-1, 64, 64, 3).mean(2) @ torch.randn(3, 24, generator=g))
    samples = [dict(key=f'{name}-{i:02}', caption=name, group=name, split='held_out' if k > 4 else 'train') for k, name in enumerate(names) for i in range(each)]
    write_shard(folder, 0, eva, clip, samples)
    tower = dict(name='toy function', weights='none', random_weights=True, fingerprint='toy')
    write_manifest(folder, 1, cls=False, grid=(8, 8), encoders=dict(eva=tower, clip=tower))
    store, n = EmbeddingStore(folder), 5*each
    readout = Readout.fit([(eva[:n], pictures[:n], torch.arange(n) % 5 == 0)], store.statistics(), (8, 8), store=store.identity(), tower='toy')
    add_small_file(folder, 'readout', *readout.parts())
    add_small_file(folder, 'thumbnails', {str(i): pictures[i].contiguous() for i in range(n, len(pictures))})
    return EmbeddingStore(folder)
def toy_trainer(name, **kwargs):
    toy_store('store')
    return Trainer(TrainConfig('store', name, **{**dict(model_size='nano', batch_size=8, max_steps=20_000, warmup_steps=20, eval_every=100, eval_num_samples=16, log_every=2, resume=(Path(name)/'config.json').exists()), **kwargs}))
'''
plot = 'document.querySelector(".eva-panel-%s .js-plotly-plot")'
def points(page, panel='loss', name=None):
    "Points of the longest curve of a panel"
    named = f'.filter(t => t.name == "{name}")' if name else ''
    return page.evaluate(f'() => Math.max(0, ...({plot % panel}?.data || []){named}.map(t => t.x?.length || 0))')

def xrange(page, panel):
    "First and last step that a panel shows"
    kind, ends = page.evaluate(f'() => [{plot % panel}.layout.xaxis.type, [...{plot % panel}.layout.xaxis.range]]')
    return [round(10**x if kind == 'log' else x) for x in ends]

def status(page): return page.evaluate('() => document.querySelector(".eva-status")?.innerText || ""')
def phase(page): return page.evaluate('() => document.querySelector(".eva-phase")?.innerText || ""')
def said(page): return page.evaluate('() => document.querySelector(".eva-said")?.innerText || ""')
def foot(page): return page.evaluate('() => [...document.querySelectorAll(".eva-foot")].map(e => e.innerText).join("\\n")')
def marks(page): return set(page.evaluate('() => [...document.querySelectorAll(".eva-plot .annotation")].map(a => a.textContent).join("")'))
def drawn(page): return page.evaluate('() => [...document.querySelectorAll(".js-plotly-plot .main-svg")].length')

misfits = """() => [...document.querySelectorAll('.eva-cell')].filter(c => c.querySelector('.js-plotly-plot .main-svg'))
  .map(c => Math.abs(c.querySelector('.main-svg').getBoundingClientRect().width - c.clientWidth)).filter(d => d > 2)"""
def fits(page):
    "Is every drawn panel as wide as its place, and does nothing stick out of the page?"
    wide = page.evaluate('() => { const e = document.querySelector(".eva-chart"); return e.scrollWidth - e.clientWidth }')
    return drawn(page) and not page.evaluate(misfits) and wide <= 2

def records(folder):
    lines = (folder/'metrics.jsonl').read_text().split('\n')[:-1] if (folder/'metrics.jsonl').exists() else []
    return [r for r in map(json.loads, lines) if 'event' not in r]

def run_in_kernel(page, code):
    "Execute code beside the notebook's cells, not waited for"
    page.evaluate('code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }); }', code)

def run_cell(page, index):
    "Run a cell again"
    page.evaluate('i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i }', index)
    command(page, 'notebook:run-cell')

def area(page, panel):
    "Where the axes of a panel are on the page"
    drag = page.locator(f'.eva-panel-{panel} .draglayer .nsewdrag')
    drag.scroll_into_view_if_needed()
    return drag.bounding_box()

def drag(page, panel, a, b):
    "Draw a rectangle into a panel"
    box = area(page, panel)
    at = lambda p: (box['x'] + p[0]*box['width'], box['y'] + p[1]*box['height'])
    page.mouse.move(*at(a)); page.mouse.down(); page.mouse.move(*at(b), steps=5); page.mouse.up()

def begin_test(s, at, folder):
    "Before anything is logged: no empty axes, baselines from the start, one height of the line above"
    page = s.page
    write_notebook(folder/'train.ipynb', "from toy import *\ntrainer = toy_trainer('run', save_every=200)", 'd = TrainingDashboard(trainer)\nd')
    open_notebook(page, at('train.ipynb'))
    s.until(lambda: phase(page) == 'idle', 'the notebook opens, and the dashboard shows itself; nothing trains yet', 90)
    empty = page.evaluate('() => [...document.querySelectorAll(".eva-none")].filter(e => e.offsetParent).length')
    assert empty >= 7, f'{empty} panels say that nothing was measured'
    shown = page.evaluate('() => [...document.querySelectorAll(".eva-plot")].filter(e => e.style.visibility != "hidden" && e.querySelector(".main-svg")).length')
    assert shown <= 2, f'{shown} panels show empty axes'
    top = lambda: page.evaluate('() => { const g = document.querySelector(".eva-grid").getBoundingClientRect(), c = document.querySelector(".eva-chart").getBoundingClientRect(); return Math.round(g.top - c.top) }')
    high = top()
    page.click('.eva-start')
    s.until(lambda: points(page) >= 4, 'Start: curves appear')
    assert top() == high, 'the chart jumped'
    ridge = page.evaluate(f'() => {plot % "eva"}.data.filter(t => t.name == "ridge" || t.name == "mean token").map(t => [...t.x])')
    assert len(ridge) == 2 and all(r[0] < r[1] for r in ridge) and not any('eva_similarity' in r for r in records(folder/'run')), f'the baselines do not cross the panel from the start: {ridge}'
    s.ok('ridge and mean token cross the panel before the first evaluation')

def training_test(s, at, folder):
    "The dashboard of a trainer in the notebook: curves, pause, learning rate, back, run again, reload, failure, restart"
    begin_test(s, at, folder)
    page = s.page
    n = points(page); s.until(lambda: points(page) > n + 3, 'the curves move')
    page.click('.eva-pause'); s.until(lambda: phase(page) == 'paused', 'Pause: the line says so')
    now = lambda: (len(records(folder/'run')), page.inner_text('.eva-step'))
    shown = now()
    time.sleep(2)
    assert now() == shown, 'the step count moved while paused'
    s.ok(f'it stands still: {shown}')
    n = points(page); command(page, 'docmanager:save'); time.sleep(1)
    for k in range(2):
        page.reload()
        s.until(lambda: points(page) >= n > 0, f'the page is loaded again ({k + 1}): the curves are there', 60)
        assert 'model not found' not in outputs(page)
    page.fill('.eva-lr input', '1.5e-4')
    page.press('.eva-lr input', 'Enter')
    s.until(lambda: 'e-' in said(page) or '0.00015' in said(page), 'a typed rate is answered')
    page.click('.eva-pause')
    s.until(lambda: records(folder/'run')[-1]['lr'] < 1.6e-4, 'learning rate changed, and Resume: metrics.jsonl has it')
    heap = lambda: page.evaluate('() => performance.memory.usedJSHeapSize/1e6'); before = heap()
    for _ in range(4): run_cell(page, 1); time.sleep(1.2)
    s.until(lambda: page.locator('.eva-chart').count() == 1 and points(page) > n, 'the cell is run again, four times: one chart, and the same training goes on')
    assert phase(page) == 'training'
    grown = heap() - before
    assert grown < 60, f'the page grew by {grown:.0f} MB'
    s.ok(f'the page grew by {grown:.0f} MB')
    steps = [r['step'] for r in records(folder/'run')]
    assert steps == sorted(set(steps)), 'a second training wrote into the log'
    page.click('.eva-evaluate')
    s.until(lambda: points(page, 'eva', 'DiT') >= 1, 'Evaluate now: EVA similarity is on the page')
    s.until(lambda: page.locator('.eva-pictures img').is_visible(), 'and a picture stands in the first row')
    run_in_kernel(page, 'trainer.evaluate_soon()')
    s.until(lambda: int(page.get_attribute('.eva-scrub input', 'max')) >= 1, 'another one: the slider has two steps')
    source = page.get_attribute('.eva-pictures img', 'src')
    page.locator('.eva-scrub input').focus()
    page.keyboard.press('Home')
    s.until(lambda: page.get_attribute('.eva-pictures img', 'src') != source, 'the slider goes back in time')
    page.click('.eva-save')
    s.until(lambda: 'step' in page.inner_text('.eva-checkpoint') and not page.is_disabled('.eva-back'), 'Save checkpoint: there is one to go back to')
    looks_test(s)
    page.click('.eva-back')
    s.until(lambda: phase(page) == 'stopped' and 'Back at step' in said(page), 'Back to checkpoint')
    assert records(folder/'run')[-1]['step'] <= int(page.inner_text('.eva-step').split()[1].replace(',', ''))
    page.click('.eva-export'); s.until(lambda: (folder/'Training_run.html').exists(), 'Export HTML writes a page')
    page.click('.eva-start'); s.until(lambda: phase(page) == 'training', 'Start goes on from there')
    run_in_kernel(page, "def trip(trainer, record): raise RuntimeError('the disk caught fire')\ntrainer.callbacks.append(trip)")
    s.until(lambda: 'RuntimeError: the disk caught fire' in foot(page), 'an exception in training is shown')
    page.click('.eva-problem summary')
    s.shot('failure')
    assert 'in trip' in foot(page) and phase(page) == 'failed' and 'last good checkpoint' in foot(page)
    page.evaluate('() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }')
    s.until(lambda: 'no word from the kernel' in status(page), 'the kernel is restarted: the old dashboard says that it is dead', 60)
    s.shot('restarted')
    command(page, 'notebook:run-all-cells')
    s.until(lambda: phase(page) == 'idle', 'run again after the restart: the run is there, to go on from its checkpoint', 60)
    saved_test(s, folder)

def looks_test(s):
    "Zoom, logarithmic axes, hover, mode bar, words, widths, themes"
    page = s.page
    whole = xrange(page, 'loss'); drag(page, 'loss', (.3, .3), (.6, .7))
    s.until(lambda: xrange(page, 'loss')[0] > whole[0] and xrange(page, 'grad') == xrange(page, 'loss'), 'zoomed in: all panels show the same steps')
    zoomed = xrange(page, 'loss')
    n = page.get_attribute('.eva-chart', 'data-drawn')
    s.until(lambda: int(page.get_attribute('.eva-chart', 'data-drawn')) > int(n) + 2, 'drawing goes on')
    assert xrange(page, 'loss') == zoomed, f'a redraw lost the zoom: {zoomed} became {xrange(page, "loss")}'
    page.click('.eva-log-steps input')
    s.until(lambda: page.evaluate(f'() => {plot % "loss"}.layout.xaxis.type') == 'log', 'log steps while zoomed')
    a, b = xrange(page, 'loss')
    assert abs(a - zoomed[0]) <= 1 and abs(b - zoomed[1]) <= 1, f'zoomed to {zoomed}, and after log steps {a, b}'
    page.click('.eva-log-steps input')
    s.until(lambda: page.evaluate(f'() => {plot % "loss"}.layout.xaxis.type') == 'linear' and xrange(page, 'loss') == zoomed, 'and back')
    box = area(page, 'loss')
    page.mouse.dblclick(box['x'] + 50, box['y'] + 50)
    s.until(lambda: xrange(page, 'loss')[0] < zoomed[0] and xrange(page, 'grad')[0] < zoomed[0], 'a double click shows all again')
    box = area(page, 'loss')
    page.mouse.move(box['x'] + box['width']*.5, box['y'] + box['height']*.5)
    page.mouse.move(box['x'] + box['width']*.55, box['y'] + box['height']*.5)
    hover = lambda: page.evaluate('() => { const h = document.querySelector(".eva-panel-loss .hoverlayer"); return [h.textContent, h.querySelector("rect, path")?.style.fill || ""] }')
    s.until(lambda: hover()[0], 'pointing at a curve says its value'); text, fill = hover()
    assert text.count('squared error') <= 1 and fill and 'transparent' not in fill and not fill.endswith(', 0)'), f'hover: {text!r} on {fill!r}'
    s.until(lambda: page.evaluate('() => [...document.querySelectorAll(".eva-hair")].filter(h => !h.hidden && h.style.left).length') >= 5, 'one cross-hair in all panels')
    box = area(page, 'by_t')
    page.mouse.move(box['x'] + 30, box['y'] + 30)
    bar = page.locator('.eva-panel-by_t .modebar')
    bar.wait_for()
    under = bar.bounding_box(); assert under['y'] + under['height'] <= box['y'] + 1, 'the mode bar lies on the map'
    buttons = page.evaluate('() => [...document.querySelectorAll(".eva-panel-by_t .modebar-btn")].map(b => b.dataset.title)')
    assert len(buttons) == 4 and not any('cloud' in b.lower() or 'share' in b.lower() for b in buttons), buttons
    box = area(page, 'eva')
    words = page.evaluate('() => [...document.querySelectorAll(".eva-panel-eva .annotation")].filter(a => /good|high|excellent/.test(a.textContent)).map(a => a.getBoundingClientRect().left)')
    assert len(words) == 4 and min(words) >= box['x'] + box['width'] - 1, 'words of the bands lie on the curves'
    s.ok('the mode bar is off the map, the words are off the curves')
    page.mouse.move(5, 300)
    for width, height in ((1400, 1100), (800, 1500), (390, 2600), (1400, 1100)):
        page.set_viewport_size(dict(width=width, height=height))
        s.until(lambda: fits(page), f'{width} pixels wide: every panel fits')
        time.sleep(.8)
        s.shot(f'training-light-{width}')
    command(page, 'application:toggle-left-area')
    s.until(lambda: fits(page), 'the side bar is moved')
    command(page, 'application:toggle-left-area')
    page.set_viewport_size(dict(width=1280, height=1000))
    s.until(lambda: fits(page), '1280 pixels wide')
    s.shot('training-light-1280')
    command(page, 'apputils:change-theme', dict(theme='JupyterLab Dark'))
    s.until(lambda: page.evaluate('() => document.body.dataset.jpThemeLight') == 'false', 'dark theme')
    time.sleep(2)
    ink = page.evaluate('() => getComputedStyle(document.querySelector(".eva-panel-loss .xtick text")).fill')
    assert max(map(int, re.findall(r'\d+', ink)[:3])) > 180, f'dark text on a dark page: {ink}'
    s.shot('training-dark-1280')
    page.set_viewport_size(dict(width=800, height=1500))
    s.until(lambda: fits(page), '800 pixels, dark')
    time.sleep(.8)
    s.shot('training-dark-800')
    command(page, 'apputils:change-theme', dict(theme='JupyterLab Light'))
    page.set_viewport_size(dict(width=1280, height=1000))
    time.sleep(1)

def saved_test(s, folder):
    "A saved page: offline, on a telephone, dark"
    page, address = s.page, (folder/'Training_run.html').resolve().as_uri()
    for width, scheme in ((1280, 'light'), (390, 'dark'), (390, 'light')):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(dict(width=width, height=1000 if width > 400 else 2600))
        page.goto(address)
        s.until(lambda: points(page) > 3 and fits(page), f'the saved page at {width} pixels, {scheme}')
        time.sleep(.8)
        s.shot(f'saved-{scheme}-{width}')
        tops = page.evaluate('() => [...document.querySelectorAll(".eva-cell")].filter(c => !c.hidden).map(c => Math.round(c.getBoundingClientRect().left))')
        assert width > 400 or len(set(tops)) == 1, 'more than one column on a telephone'
    page.emulate_media(color_scheme='light'); page.set_viewport_size(dict(width=1280, height=1000))

def watch_test(s, at, folder):
    "A run of another process, followed in the notebook, and in a page served by eva_dit_watch"
    page = s.page
    (folder/'train.py').write_text("from toy import *\nt = toy_trainer('other', max_steps=1500)\nask = Path('ask')\nfor r in t:\n    time.sleep(.02)\n    if not ask.exists(): continue\n    ask.unlink()\n    t.set_learning_rate(1e-3)\n    t.pause()\n    threading.Timer(4, t.unpause).start()\n")
    write_notebook(folder/'watch.ipynb', "from eva_dit.dashboard import *\nwatch('other')")
    open_notebook(page, at('watch.ipynb'))
    s.until(lambda: phase(page) == 'waiting', 'watch: a run that is not there yet is waited for', 60)
    with open(folder/'train.log', 'w') as log: other = subprocess.Popen([sys.executable, 'train.py'], cwd=folder, stdout=log, stderr=log, start_new_session=True, env={**os.environ, 'PYTHONPATH': str(root)})
    try:
        s.until(lambda: points(page) > 2, 'another process trains: its curves are there', 60)
        n = points(page)
        s.until(lambda: points(page) > n + 2, 'they move')
        assert points(page, 'eva', 'ridge') == 2, 'a watched run does not show what the baselines reach from the start'
        s.until(lambda: phase(page) == 'live', 'it is said to be live', 20)       # it may be evaluating just now
        (folder/'ask').touch()
        s.until(lambda: phase(page) == 'paused', 'somebody pauses it, there: the line says so here')
        s.until(lambda: phase(page) == 'live' and {'↕', '‖', '▷'} <= marks(page), 'and when it goes on, pause and learning rate stand as marks on the curves')
        s.shot('watch')
        with server([sys.executable, '-c', 'from eva_dit.dashboard import eva_dit_watch; eva_dit_watch("other")'], folder) as address:
            outside = []
            page.on('response', lambda r: r.url.startswith('http') and '127.0.0.1' not in r.url and outside.append(r.url))
            page.on('requestfailed', lambda r: 'csp' not in (r.failure or '') and '127.0.0.1' not in r.url and outside.append(f'{r.url}: {r.failure}'))
            page.goto(address, timeout=120_000, wait_until='commit')
            s.until(lambda: points(page) > 2, 'eva_dit_watch: the same view as a web page, behind a token', 120)
            n = points(page)
            s.until(lambda: points(page) > n + 2, 'and it moves')
            s.until(lambda: fits(page), 'it fits')
            s.shot('voila')
            page.emulate_media(color_scheme='dark'); time.sleep(2); s.shot('voila-dark')
            paper, label = page.evaluate('() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector(".eva-smoothing .widget-label")).color]')
            assert max(map(int, re.findall(r'\d+', paper)[:3])) < 60 and min(map(int, re.findall(r'\d+', label)[:3])) > 180, f'a dark browser, and the page is {paper}, its labels {label}'
            page.emulate_media(color_scheme='light')
            page.set_viewport_size(dict(width=390, height=1600))
            s.until(lambda: fits(page), '390 pixels')
            time.sleep(1)
            s.shot('voila-390')
            page.set_viewport_size(dict(width=1280, height=1000))
            assert not outside, f'the page asked for {outside}'; s.ok('nothing is loaded from elsewhere')
    finally: end(other)

def views_test(s, at, folder):
    "Comparison, inspector and explorer: they draw, and answer to clicks"
    page = s.page
    made = "for name, lr in (('a', 2e-3), ('b', 5e-4)):\n    if not Path(name).exists(): list(toy_trainer(name, max_steps=60, learning_rate=lr, eval_every=20, resume=False))"
    write_notebook(folder/'views.ipynb', 'from toy import *\nfrom eva_dit.compare import compare\nfrom eva_dit.inspector import EmbeddingInspector\nfrom eva_dit.explorer import ArchitectureExplorer\n' + made, "compare(['a', 'b'])", "EmbeddingInspector('a', 'store')", 'ArchitectureExplorer()')
    open_notebook(page, at('views.ipynb'))
    s.until(lambda: points(page) > 5, 'compare: two runs', 90); assert 'learning_rate' in outputs(page)
    shown = lambda: page.evaluate(f'() => {plot % "loss"}.data.filter(t => t.x.length && !t.fill).map(t => t.name)')
    assert shown() == ['a', 'b']
    page.locator('.eva-chart > .eva-sub button').first.click()
    s.until(lambda: shown() == ['b'], 'a click on a name hides the run')
    s.shot('compare')
    page.locator('.eva-chart > .eva-sub button').first.click(); page.mouse.move(5, 300)
    page.wait_for_selector('.eva-maps .eva-mark', state='attached', timeout=60_000)
    s.ok('inspector: the pictures are there')
    page.locator('.eva-maps').scroll_into_view_if_needed()
    box = page.locator('.eva-maps .eva-pic').first.bounding_box()
    corner = box['x'] + box['width']*.9, box['y'] + box['height']*.1
    page.mouse.move(*corner)
    s.until(lambda: 'row 0, column 7' in page.inner_text('.eva-maps'), 'pointing at a place shows it in all pictures')
    page.mouse.click(*corner)
    page.mouse.move(5, 300)
    s.until(lambda: 'from (0, 7), block' in page.inner_text('.eva-maps'), 'a click shows where that place looks')
    s.shot('inspector')
    key = lambda: page.inner_text('.eva-words'); before = key()
    page.locator('.eva-gallery .eva-thumb').nth(2).click()
    s.until(lambda: key() != before and page.locator('.eva-gallery .eva-chosen').count() == 1, 'another image is chosen')
    total = lambda: page.evaluate(f'() => [...({plot % "parts"}?.data?.[0].x || [])].reduce((a, b) => a + b, 0)')
    page.locator('.eva-layers').scroll_into_view_if_needed(); s.until(total, 'explorer: it draws'); n = total()
    page.locator('.eva-layers .noUi-handle').focus()
    page.keyboard.press('ArrowRight')
    s.until(lambda: total() > n, 'a slider moves, and the numbers follow')
    time.sleep(1)
    s.shot('explorer')

def notebook7_test(s, at, folder):
    "The dashboard in Jupyter Notebook 7: it draws, moves, and fits"
    page = s.page
    write_notebook(folder/'seven.ipynb', "from toy import *\nTrainingDashboard(toy_trainer('seven'))")
    with notebook7(folder) as seven:
        open_notebook(page, seven('seven.ipynb'))
        s.until(lambda: phase(page) == 'idle', 'Notebook 7: the dashboard shows itself', 90)
        s.errors.clear()                                                       # Notebook 7 has one of its own while it starts
        page.click('.eva-start'); s.until(lambda: points(page) >= 4, 'Start: curves appear')
        n = points(page); s.until(lambda: points(page) > n + 3 and fits(page), 'they move, and every panel fits')
        page.click('.eva-pause'); s.until(lambda: phase(page) == 'paused', 'Pause'); s.shot('notebook7')
        page.click('.eva-stop'); s.until(lambda: phase(page) == 'stopped', 'Stop')

speed = """
def steps_a_second(seconds):
    first, start = trainer.step, time.perf_counter()
    time.sleep(seconds)
    return (trainer.step - first)/(time.perf_counter() - start)

def measure():
    shares = []
    for k in range(5):
        with d.lock: still = steps_a_second(6)                           # a tick waits for this lock: nothing is drawn
        shares.append(1 - steps_a_second(6)/still)
    Path('shares.json').write_text(json.dumps(shares))

threading.Thread(target=measure, daemon=True).start()
"""
timed = """import json
from toy import *
from eva_dit.training_pictures import Pictures
class Timed(Pictures):
    seconds = 0.
    def draw(self, trainer):
        start = time.perf_counter()
        super().draw(trainer)
        Timed.seconds += time.perf_counter() - start

trainer = toy_trainer('fast', max_steps=100_000, batch_size=16, eval_every=500, log_every=1)
trainer.callbacks = [Timed() if isinstance(c, Pictures) else c for c in trainer.callbacks]
begun = time.perf_counter()"""

def speed_test(s, at, folder):
    "What somebody waits for, and what it costs. Only on a quiet machine do these numbers mean anything"
    page = s.page
    write_notebook(folder/'speed.ipynb', timed, 'd = TrainingDashboard(trainer)\nd.rate.value = 4.\nd.start()\nd')
    open_notebook(page, at('speed.ipynb'), run=False)
    run_cell(page, 0)
    time.sleep(15)
    run_cell(page, 1)
    start = time.time()
    while drawn(page) < 6: time.sleep(.02)
    print(f'first draw after {time.time() - start:.1f} s (should be under 2)')
    number = lambda: int(page.get_attribute('.eva-chart', 'data-drawn') or 0)
    time.sleep(5); n, start = number(), time.time(); time.sleep(20)
    print(f'{(number() - n)/(time.time() - start):.1f} redraws a second (4 are asked for)')
    run_in_kernel(page, speed)
    s.until(lambda: (folder/'shares.json').exists(), 'steps a second were compared, with and without drawing', 120)
    shares = sorted(json.loads((folder/'shares.json').read_text()))
    print(f'drawing takes {shares[len(shares)//2]:.1%} of the training (from {shares[0]:.1%} to {shares[-1]:.1%}; should be under 2 %)')
    run_in_kernel(page, "Path('pictures.json').write_text(json.dumps(Timed.seconds/(time.perf_counter() - begun)))")
    s.until(lambda: (folder/'pictures.json').exists(), 'pictures were timed')
    print(f'pictures took {float((folder/"pictures.json").read_text()):.1%} of the time since the start')

tests = dict(training=training_test, watch=watch_test, views=views_test, notebook7=notebook7_test, speed=speed_test)
usual = 'training', 'watch', 'views', 'notebook7'


def main():
    import argparse
    p = argparse.ArgumentParser(description='The dashboards in a real JupyterLab and a real Chromium')
    p.add_argument('tests', nargs='*', default=[*usual], help=f'which of {", ".join(tests)}; {", ".join(usual)} if none is given')
    p.add_argument('--shots', default=str(Path(tempfile.gettempdir())/'eva_dit_browser'), help='folder for screenshots')
    p.add_argument('--limit', type=int, default=480, help='seconds after which the test has failed')
    a = p.parse_args(); limit(a.limit)
    Path(a.shots).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix='eva_dit_browser-')); start = time.time()
    (folder/'toy.py').write_text(toy)
    try:
        with lab(folder) as at, chromium(1280, 1000) as page:
            s = Steps(page, a.shots)
            page.on('pageerror', lambda e: s.errors.append(str(e)))
            s.ok('JupyterLab and Chromium are up')
            try:
                for name in a.tests: tests[name](s, at, folder)
                assert not s.errors, f'errors in the page: {s.errors[:3]}'
            except BaseException:
                s.shot('failed'); print('the outputs of the notebook:\n' + outputs(page)[-2000:], file=sys.stderr)
                raise
    finally: signal.alarm(0); shutil.rmtree(folder, ignore_errors=True)
    print(f'all of it holds ({time.time() - start:.0f} s); screenshots in {a.shots}')

if __name__ == '__main__': main()
