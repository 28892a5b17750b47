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
def server(command, folder, address, wait=60):
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
            try: urllib.request.urlopen(address, timeout=2).close(); break
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
