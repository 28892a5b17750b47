"A real JupyterLab on loopback and a real Chromium: what the dashboard's browser tests stand on"
import json, os, secrets, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request
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
def server(command, folder, address, wait=60, probe=None):
    "Run a server in a process group of its own, with a home of its own, until the block ends; yields its address"
    home = Path(tempfile.mkdtemp(prefix='home-'))
    env = {**os.environ, 'HOME': str(home), 'PYTHONPATH': os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')]), 'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'}
    for k in ('CONFIG_DIR', 'DATA_DIR', 'RUNTIME_DIR'): env[f'JUPYTER_{k}'] = str(home/k.lower())
    env.update(JUPYTERLAB_SETTINGS_DIR=str(home/'settings'), JUPYTERLAB_WORKSPACES_DIR=str(home/'workspaces'), IPYTHONDIR=str(home/'ipython'))
    for name, value in settings.items():
        plugin = home/'settings'/name; plugin.parent.mkdir(parents=True, exist_ok=True); plugin.write_text(json.dumps(value))
    with open(home/'log', 'w') as log: process = subprocess.Popen([str(c) for c in command], cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.time() + wait
        while True:
            try:
                if probe: socket.create_connection(('127.0.0.1', probe), 2).close()      # a page that costs a kernel is not asked for just to see
                else: urllib.request.urlopen(address, timeout=2).close()
                break
            except OSError:
                if process.poll() is not None or time.time() > until: raise RuntimeError(f'{command[0]} did not come up:\n{(home/"log").read_text()[-3000:]}')
                time.sleep(.2)
        yield address
    finally: end(process); shutil.rmtree(home, ignore_errors=True)

@contextmanager
def lab(folder):
    "JupyterLab over a folder; yields a function from a notebook's name to its address"
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}', '--ServerApp.port_retries=0', f'--IdentityProvider.token={token}', '--LabApp.expose_app_in_browser=True', '--LabApp.news_url=None']
    with server(command, folder, f'http://127.0.0.1:{port}/api') as address: yield lambda name: f'{address[:-4]}/doc/tree/{name}?token={token}&reset'

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
    def __init__(self, page, shots): self.page, self.shots, self.last = page, Path(shots), time.time()

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

toy = '''import threading, time, torch
from pathlib import Path
from eva_dit.store import EmbeddingStore, write_manifest, write_shard
from eva_dit.runs import Checkpoint
from eva_dit.train import TrainConfig, Trainer
from eva_dit.dashboard import *
torch.set_num_threads(1)
def toy_store(folder, n=96, E=48, C=24, grid=(4, 4)):
    if (Path(folder)/'manifest.json').exists(): return EmbeddingStore(folder)
    g, N = torch.Generator().manual_seed(0), grid[0]*grid[1] + 1
    mix, clip = torch.randn(C, E, generator=g)/C**.5, torch.randn(n, N, C, generator=g)
    eva = torch.tanh(2*clip @ mix) + .5 + .1*torch.randn(n, N, E, generator=g)
    write_shard(folder, 0, eva, clip, [dict(key=f'{i}.png', caption=f'number {i}', group=str(i//2), split='held_out' if i//2 % 6 == 0 else 'train') for i in range(n)])
    enc = dict(name='toy function', weights='none', random_weights=True, fingerprint='toy')
    write_manifest(folder, 1, grid=list(grid), encoders=dict(eva=enc, clip=enc))
    return EmbeddingStore(folder)
def toy_trainer(name, **kwargs):
    toy_store('store')
    return Trainer(TrainConfig('store', name, **{**dict(model_size='nano', batch_size=8, max_steps=20_000, warmup_steps=20, eval_every=100, log_every=2, resume=(Path(name)/'config.json').exists()), **kwargs}))
'''
points = '() => { const p = document.querySelector(".js-plotly-plot"); const t = p && p.data && p.data.find(t => t.meta == "loss"); return t && t.x ? t.x.length : 0 }'
status = '() => { const s = document.querySelector(".eva-status"); return s ? s.innerText : "" }'
def records(folder):
    lines = (folder/'metrics.jsonl').read_text().split('\n')[:-1] if (folder/'metrics.jsonl').exists() else []
    return [json.loads(l) for l in lines]

def run_in_kernel(page, code):
    "Execute code beside the notebook's cells, not waited for"
    page.evaluate('code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }); }', code)

def training_test(s, at, folder):
    "The dashboard of a trainer in the notebook: start, curves, pause, learning rate, run again, zoom, themes, reload, failure, restart"
    page, phase = s.page, lambda: page.evaluate(status).split('\n')[0]
    write_notebook(folder/'train.ipynb', "from toy import *\ntrainer = toy_trainer('run')", 'd = TrainingDashboard(trainer)\nd')
    open_notebook(page, at('train.ipynb'))
    s.until(lambda: phase() == 'idle', 'the notebook opens, and the dashboard shows itself; nothing trains yet', 90)
    page.click('.eva-start'); s.until(lambda: page.evaluate(points) >= 4, 'Start: curves appear')
    n = page.evaluate(points); s.until(lambda: page.evaluate(points) > n + 3, 'the curves move')
    page.click('.eva-pause'); s.until(lambda: phase() == 'paused', 'Pause: the line says so')
    now = lambda: (len(records(folder/'run')), page.evaluate(status).split('\n')[1])
    def still(): before = now(); time.sleep(2.5); return now() == before and before[1]
    shown = s.until(still, 'the step count stands still'); time.sleep(2.5); assert still() == shown, 'the step count moved while paused'
    s.ok(f'it stands still: {shown}')
    n = page.evaluate(points)
    command(page, 'docmanager:save'); time.sleep(1); page.reload()
    s.until(lambda: page.evaluate(points) >= n > 0, 'the page is loaded again: the curves are there', 60)
    page.fill('.eva-lr input', '1.5e-4'); page.press('.eva-lr input', 'Enter'); page.click('.eva-pause')
    s.until(lambda: records(folder/'run')[-1]['lr'] < 1.6e-4, 'learning rate changed, and Resume: metrics.jsonl has it')
    page.evaluate('() => { const n = window.jupyterapp.shell.currentWidget.content; n.activeCellIndex = 1 }'); command(page, 'notebook:run-cell')
    time.sleep(2); s.until(lambda: phase() == 'training' and page.evaluate(points) > n, 'the cell is run again: the same training goes on')
    steps = [r['step'] for r in records(folder/'run')]; assert steps == sorted(set(steps)), 'a second training wrote into the log'
    panel = page.locator('.draglayer .x4y4 .nsewdrag'); panel.scroll_into_view_if_needed(); box = panel.bounding_box()
    at_share = lambda x, y: (box['x'] + x*box['width'], box['y'] + y*box['height'])
    seen = '() => { const a = document.querySelector(".js-plotly-plot")._fullLayout; return [...a.xaxis.range, ...a.xaxis4.range].map(Math.round) }'
    whole = page.evaluate(seen)
    page.mouse.move(*at_share(.3, .3)); page.mouse.down(); page.mouse.move(*at_share(.6, .7), steps=5); page.mouse.up()
    s.until(lambda: page.evaluate(seen)[0] > whole[0], 'zoomed in'); zoomed = page.evaluate(seen); assert zoomed[:2] == zoomed[2:], f'the panels are not linked: {zoomed}'
    n = page.evaluate(points); s.until(lambda: page.evaluate(points) > n + 3, 'the curves move on, outside of the view'); assert page.evaluate(seen) == zoomed, f'a redraw lost the zoom: {zoomed} became {page.evaluate(seen)}'
    page.mouse.dblclick(*at_share(.5, .5)); s.until(lambda: page.evaluate(seen)[0] < zoomed[0], 'a double click shows all again'); page.mouse.move(5, 300)
    page.click('.eva-evaluate'); s.until(lambda: 'eva_similarity' in records(folder/'run')[-1] or any('eva_similarity' in r for r in records(folder/'run')[-3:]), 'Evaluate now: EVA similarity is in the log')
    time.sleep(1.5); s.shot('training-light-1280')
    command(page, 'apputils:change-theme', dict(theme='JupyterLab Dark')); s.until(lambda: page.evaluate('() => document.body.dataset.jpThemeLight') == 'false', 'dark theme'); time.sleep(1.5); s.shot('training-dark-1280')
    tall = page.evaluate('() => document.querySelector(".js-plotly-plot")._fullLayout.height')
    page.set_viewport_size(dict(width=800, height=1300)); s.until(lambda: page.evaluate('() => document.querySelector(".js-plotly-plot")._fullLayout.height') > tall, '800 pixels wide: the panels move below each other'); time.sleep(1.5); s.shot('training-dark-800')
    command(page, 'apputils:change-theme', dict(theme='JupyterLab Light')); time.sleep(1.5); s.shot('training-light-800')
    page.set_viewport_size(dict(width=1280, height=1000))
    run_in_kernel(page, "def trip(trainer, record): raise RuntimeError('the disk caught fire')\ntrainer.callbacks.append(trip)")
    s.until(lambda: 'RuntimeError: the disk caught fire' in page.evaluate(status), 'an exception in training is shown'); page.click('.eva-problem summary'); s.shot('failure')
    assert 'in trip' in page.evaluate(status) and phase() == 'failed'
    page.evaluate('() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }')
    s.until(lambda: 'no word from the kernel' in page.evaluate(status), 'the kernel is restarted: the old dashboard says that it is dead', 60); s.shot('restarted')
    command(page, 'notebook:run-all-cells')
    s.until(lambda: phase() == 'idle', 'run again after the restart: the run is there, to go on from its checkpoint', 60)

def watch_test(s, at, folder):
    "A run of another process, followed in the notebook and in a page served by voila; and the other views"
    page, phase = s.page, lambda: page.evaluate(status).split('\n')[0]
    (folder/'train.py').write_text("from toy import *\nt = toy_trainer('other', max_steps=1500)\nfor r in t: time.sleep(.02)\n")
    with open(folder/'train.log', 'w') as log: other = subprocess.Popen([sys.executable, 'train.py'], cwd=folder, stdout=log, stderr=log, start_new_session=True, env={**os.environ, 'PYTHONPATH': str(root)})
    try:
        s.until(lambda: len(records(folder/'other')) > 1, 'another process trains', 60)
        write_notebook(folder/'watch.ipynb', "from eva_dit.dashboard import *\nwatch('other')")
        open_notebook(page, at('watch.ipynb'))
        s.until(lambda: page.evaluate(points) > 2, 'watch: its curves are there', 60)
        n = page.evaluate(points); s.until(lambda: page.evaluate(points) > n + 2, 'they move'); assert phase() == 'live'; s.shot('watch')
        command_line = [sys.executable, '-m', 'voila', '--no-browser', f'--port={(port := free_port())}', '--Voila.ip=127.0.0.1', '--show_tracebacks=True', '--MappingKernelManager.cull_idle_timeout=60', 'watch.ipynb']
        with server(command_line, folder, f'http://127.0.0.1:{port}/static/', probe=port) as _:
            page.goto(f'http://127.0.0.1:{port}/', timeout=120_000, wait_until='commit'); s.until(lambda: page.evaluate(points) > 2, 'voila: the same view as a web page', 120)
            n = page.evaluate(points); s.until(lambda: page.evaluate(points) > n + 2, 'and it moves'); s.shot('voila')
    finally: end(other)

def views_test(s, at, folder):
    "Comparison, inspector and explorer: they draw, and answer to clicks"
    page = s.page
    plotted = lambda k: page.evaluate('k => [...document.querySelectorAll(".js-plotly-plot")][k]?.data?.some(t => t.x && t.x.length > 0) || false', k)
    made = "for name, lr in (('a', 2e-3), ('b', 5e-4)):\n    if not Path(name).exists(): list(toy_trainer(name, max_steps=60, learning_rate=lr, eval_every=20, resume=False))"
    write_notebook(folder/'views.ipynb', 'from toy import *\n' + made, "compare(['a', 'b'])", "EmbeddingInspector('a', 'store')", 'ArchitectureExplorer()')
    open_notebook(page, at('views.ipynb'))
    s.until(lambda: plotted(0), 'compare: two runs', 90); assert 'learning_rate' in outputs(page)
    page.wait_for_selector('.eva-maps .eva-mark', state='attached', timeout=60_000); s.ok('inspector: the pictures are there')
    page.locator('.eva-maps').scroll_into_view_if_needed()
    picture = page.locator('.eva-maps .eva-pic').first; box = picture.bounding_box()
    page.mouse.move(box['x'] + box['width']*.9, box['y'] + box['height']*.1); assert 'row 0, column 3' in page.inner_text('.eva-maps'); s.ok('pointing at a token shows it in all pictures')
    page.mouse.click(box['x'] + box['width']*.9, box['y'] + box['height']*.1); s.until(lambda: 'from (0, 3), block' in page.inner_text('.eva-maps'), 'a click shows where that token looks'); s.shot('inspector')
    page.locator('.eva-gallery .eva-thumb').nth(2).click(); s.until(lambda: '4.png' not in page.inner_text('.eva-maps') and page.locator('.eva-gallery .eva-chosen').count() == 1, 'another image is chosen')
    s.until(lambda: plotted(2), 'explorer: it draws')
    total = lambda: page.evaluate('() => [...[...document.querySelectorAll(".js-plotly-plot")][2].data[0].x].reduce((a, b) => a + b)')
    n = total(); page.locator('.eva-layers .noUi-handle').focus(); page.keyboard.press('ArrowRight'); page.keyboard.press('ArrowRight'); s.until(lambda: total() > n, 'a slider moves, and the numbers follow')
    page.locator('.eva-layers').scroll_into_view_if_needed(); time.sleep(1); s.shot('explorer')

cost = r'''from toy import *
import json, math, numpy as np, statistics
rng = np.random.default_rng(0)
def record(i):
    return dict(step=i, epoch=i/500, loss=2/(1 + i/1000) + .05*rng.normal(), velocity_similarity=.7 + .02*rng.normal(), velocity_similarity_by_t=rng.random(10).tolist(), grad_norm=math.exp(.3*rng.normal()), grad_norm_by_block={f'blocks.{b}': rng.random() for b in range(12)},
                lr=1e-3, samples_per_s=400 + rng.normal(), memory_gb=2.1, seconds=i/5, seconds_left=100., nonfinite=0, **(dict(eva_similarity=.7, eva_similarity_centred=.6, ridge=.7, mean_token=.3) if i % 200 == 0 else {}))
class Fed(View):
    def state(self): return dict(phase='live', step=int(self.history.last.get('step', 0)), total=200_000, chips=chips(self.history.last))
found = {}
def write(): Path('cost.json.tmp').write_text(json.dumps(found)); Path('cost.json.tmp').rename('cost.json')
def used(view, seconds):
    "Seconds of CPU of this process a second while four records a second arrive, and drawings a second"
    cpu, wall, n, end = time.process_time(), time.perf_counter(), view.figure._last_trace_edit_id, time.perf_counter() + seconds
    while time.perf_counter() < end: view.history.extend([record(len(view.history) + 1)]); time.sleep(.25)
    wall = time.perf_counter() - wall
    return (time.process_time() - cpu)/wall, (view.figure._last_trace_edit_id - n)/wall
def shares(view, name, rounds=5, seconds=6):
    on, off = [], []
    for _ in range(rounds):
        view.start_drawing(); time.sleep(.5); on.append(used(view, seconds))
        view._end.set(); view._thread.join(); time.sleep(.5); off.append(used(view, seconds))
    found[name] = dict(share=statistics.median(a[0] for a in on) - statistics.median(b[0] for b in off), redraws=statistics.median(a[1] for a in on))
'''
cost_cells = cost + "many = [record(i) for i in range(1, 100_001)]\n", '''start = time.perf_counter(), time.process_time()
small = Fed(); small.history.extend(many[:10_000]); made = time.process_time() - start[1]
def first():
    while not small.figure.drawn: time.sleep(.02)
    found['first draw'] = dict(seconds=time.perf_counter() - start[0], kernel_cpu=made)
threading.Thread(target=first).start()
small''', 'time.sleep(10)       # the first drawing is measured alone', "big = Fed(); big.history.extend(many)\nbig", "trainer = toy_trainer('cost', eval_every=100_000, log_every=5); d = TrainingDashboard(trainer)       # not shown: the browser would compete for the processor", '''def all_of_it():
    try:
        time.sleep(8); big._end.set(); shares(small, '10,000 records'); small._end.set()
        shares(big, '100,000 records'); big._end.set()
        d.start(); time.sleep(8); steps, wall, ratios = dict(on=0, off=0), dict(on=0., off=0.), []
        for k in range(50):                                                  # short and alternating, since other programs come and go
            pair = {}
            for kind in ('on', 'off') if k % 2 else ('off', 'on'):
                if kind == 'on': d.start_drawing()
                else: d._end.set(); d._thread and d._thread.join()
                n, start = trainer.step, time.perf_counter(); time.sleep(1.5); took = time.perf_counter() - start
                steps[kind] += trainer.step - n; wall[kind] += took; pair[kind] = (trainer.step - n)/took
            ratios.append(pair['on']/max(pair['off'], 1e-9))
        d.act('stop')
        found['training'] = dict(slower=1 - steps['on']/wall['on']/(steps['off']/wall['off']), error=statistics.stdev(ratios)/len(ratios)**.5, steps_a_second=steps['off']/wall['off'])
    except BaseException as e: found['error'] = repr(e)
    write()
threading.Thread(target=all_of_it, daemon=True).start()'''

def cost_test(s, at, folder):
    "What drawing costs the kernel and the training beside it; not part of the usual tests, since it takes minutes"
    write_notebook(folder/'cost.ipynb', *cost_cells)
    open_notebook(s.page, at('cost.ipynb'))
    s.until(lambda: (folder/'cost.json').exists(), 'measured', 460)
    found = json.loads((folder/'cost.json').read_text())
    for k, v in found.items(): print(f'    {k}: ' + (v if isinstance(v, str) else ', '.join(f'{n} {x if isinstance(x, list) else round(x, 4)}' for n, x in v.items())))
    assert 'error' not in found

tests = dict(training=training_test, watch=watch_test, views=views_test, cost=cost_test)
usual = 'training', 'watch', 'views'

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
            s, errors = Steps(page, a.shots), []
            page.on('pageerror', lambda e: errors.append(str(e)))
            s.ok('JupyterLab and Chromium are up')
            try:
                for name in a.tests: tests[name](s, at, folder)
                assert not errors, f'errors in the page: {errors[:3]}'
            except BaseException:
                s.shot('failed'); print('the outputs of the notebook:\n' + outputs(page)[-2000:], file=sys.stderr)
                raise
    finally: signal.alarm(0); shutil.rmtree(folder, ignore_errors=True)
    print(f'all of it holds ({time.time() - start:.0f} s); screenshots in {a.shots}')

if __name__ == '__main__': main()
