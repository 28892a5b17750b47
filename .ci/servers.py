"What browser tests and screenshots stand on: JupyterLab, Notebook 7 and other servers, Chromium, and notebooks there"
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

root = Path(__file__).resolve().parents[1]
settings = {'apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False),
            'docmanager-extension/plugin': dict(autosaveInterval=3600)}
widget = 'window.jupyterapp.shell.currentWidget'
kernel = f'{widget}?.sessionContext?.session?.kernel'


def free_port():
    "A port that nobody listens to"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def end(process):
    "Ask the server and all its kernels to end; then make them"
    for sig, wait in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try: os.killpg(process.pid, sig)
        except ProcessLookupError: return
        try: process.wait(wait)
        except subprocess.TimeoutExpired: continue
    with suppress(ProcessLookupError): os.killpg(process.pid, signal.SIGKILL)


def start(command, folder, log, env):
    "Start a process in a process group of its own, so that `end` reaches its children"
    with open(log, 'w') as out:
        return subprocess.Popen([str(c) for c in command], cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, start_new_session=True)


def environment(home):
    "Variables for a process that finds this library, and whose settings are in a folder of its own"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    library = os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')])
    names = dict(HOME='', IPYTHONDIR='ipython', JUPYTER_CONFIG_DIR='config_dir', JUPYTER_DATA_DIR='data_dir',
                 JUPYTER_RUNTIME_DIR='runtime_dir', JUPYTERLAB_SETTINGS_DIR='settings',
                 JUPYTERLAB_WORKSPACES_DIR='workspaces')
    return {**os.environ, 'PATH': path, 'PYTHONPATH': library, **{k: str(home/v) for k, v in names.items()}}


def write_settings(folder):
    "JupyterLab asks nobody for news, and saves a notebook only when told"
    for name, value in settings.items():
        path = folder/'@jupyterlab'/f'{name}.jupyterlab-settings'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))


def answering(address, log):
    "The address of a server, which it may print itself, once somebody answers there"
    if address is None: return next(iter(re.findall(r'^http\S+', log.read_text(), re.M)), None)
    try: urllib.request.urlopen(address, timeout=2).close()
    except OSError: return None
    return address


@contextmanager
def server(command, folder, address=None, wait=60):
    "Run a server with a home of its own until the block ends; yields its address, which it may print itself"
    home = Path(tempfile.mkdtemp(prefix='home-'))
    log, late = home/'log', time.time() + wait
    write_settings(home/'settings')
    process = start(command, folder, log, environment(home))
    try:
        while not (found := answering(address, log)):
            if process.poll() is not None or time.time() > late:
                raise RuntimeError(f'{command[0]} did not come up:\n{log.read_text()[-3000:]}')
            time.sleep(.2)
        yield found
    finally:
        end(process)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def jupyter(app, folder, view, *options):
    "A Jupyter application over a folder; yields a function from a notebook's name to its address"
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, '-m', app, '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1',
               f'--ServerApp.port={port}', '--ServerApp.port_retries=0', f'--IdentityProvider.token={token}', *options]
    base = f'http://127.0.0.1:{port}'
    with server(command, folder, f'{base}/api'): yield lambda name: f'{base}/{view.format(name=name, token=token)}'


def lab(folder):
    "JupyterLab over a folder"
    return jupyter('jupyterlab', folder, 'doc/tree/{name}?token={token}&reset',
                   '--LabApp.expose_app_in_browser=True', '--LabApp.news_url=None')


def notebook7(folder):
    "Jupyter Notebook 7 over a folder"
    return jupyter('notebook', folder, 'notebooks/{name}?token={token}',
                   '--JupyterNotebookApp.expose_app_in_browser=True')


@contextmanager
def chromium(width=1280, height=900):
    "A browser with one page"
    from playwright.sync_api import sync_playwright
    path = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=['--no-sandbox', '--disable-dev-shm-usage'])
        try:
            page = browser.new_page(viewport=dict(width=width, height=height))
            page.set_default_timeout(30_000)
            yield page
        finally: browser.close()


def write_notebook(path, *cells):
    "A notebook of code cells"
    from nbformat import v4, write
    python = dict(name='python3', display_name='Python 3', language='python')
    write(v4.new_notebook(cells=[v4.new_code_cell(c) for c in cells], metadata=dict(kernelspec=python)), path)


def open_notebook(page, address, run=True):
    "Open a notebook, wait for its kernel, and run all its cells (without waiting for their end)"
    page.goto(address)
    page.wait_for_function('() => window.jupyterapp && document.querySelector(".jp-Notebook .jp-Cell")', timeout=60_000)
    page.wait_for_function(f'() => {kernel}?.status == "idle"', timeout=60_000)
    if run: command(page, 'notebook:run-all-cells')


def command(page, name, args=None):
    "One of JupyterLab's commands, not waited for"
    page.evaluate('([name, args]) => { window.jupyterapp.commands.execute(name, args || {}); }', [name, args])


def run_cell(page, index):
    "Run a cell again, not waited for"
    page.evaluate(f'i => {{ {widget}.content.activeCellIndex = i }}', index)
    command(page, 'notebook:run-cell')


def run_in_kernel(page, code):
    "Execute code beside the notebook's cells, not waited for"
    page.evaluate(f'code => {{ {kernel}.requestExecute({{ code }}); }}', code)


def restart_kernel(page):
    "Restart the notebook's kernel, not waited for"
    page.evaluate(f'() => {{ {kernel}.restart(); }}')
