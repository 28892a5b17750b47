"How soon a dashboard is drawn, how often, and what that costs: python .ci/browser.py speed"
import json
import os
import statistics
import time

import psutil
from servers import open_notebook, run_cell, run_in_kernel, write_notebook
from steps import drawn, redraws

timed = '''
import os
from eva_dit.dashboard import *
from toy import *
trainer = toy_trainer('fast', max_steps=100_000, batch_size=16, eval_every=500, log_every=1)
pictures = time_pictures(trainer)
Path('kernel').write_text(str(os.getpid()))
'''
show_timed = '''
d = TrainingDashboard(trainer)
d.rate.value = 4.
d.start()
d
'''


def speed_test(s, at, folder):
    "What somebody waits for, and what it costs. Only on a quiet machine do these numbers mean anything"
    page = s.page
    write_notebook(folder/'speed.ipynb', timed, show_timed)
    open_notebook(page, at('speed.ipynb'), run=False)
    run_cell(page, 0)
    time.sleep(15)
    run_cell(page, 1)
    begun = time.time()
    while drawn(page) < 6: time.sleep(.02)
    print(f'first draw after {time.time() - begun:.1f} s (should be under 2)')
    time.sleep(5)
    n, begun = redraws(page), time.time()
    time.sleep(20)
    print(f'{(redraws(page) - n)/(time.time() - begun):.1f} redraws a second (4 are asked for)')
    for where, prepare in {'on the same cores': None, 'on another core': put_apart}.items():
        if prepare: prepare(int((folder/'kernel').read_text()))
        result = folder/f'{where}.json'
        run_in_kernel(page, f'measure_soon(d, pictures, {result.name!r})')
        s.until(result.exists, f'steps a second were compared, with and without drawing; the browser is {where}', 600)
        tell(json.loads(result.read_text()))


def put_apart(kernel):
    "The kernel on the first core; the browser, and what else belongs to this test, on the others"
    first, *others = sorted(os.sched_getaffinity(0))
    for process in psutil.Process().children(recursive=True):
        for thread in process.threads():
            os.sched_setaffinity(thread.id, [first] if process.pid == kernel else others)


def tell(found):
    "What was measured"
    assert found['threads'] == 1, f'torch takes {found["threads"]} threads, and with them the core of the browser'
    shares = found['training']
    error = statistics.stdev(shares)/len(shares)**.5
    print(f'drawing takes {statistics.mean(shares):.1%} of the training '
          f'(standard error {error:.1%} of {len(shares)} times 4 s without an evaluation; should be under 2 %)')
    costs, often = found['redraws']
    each, error = statistics.mean(costs), statistics.stdev(costs)/len(costs)**.5
    print(f'a redraw adds {1000*each:.1f} ms to the steps that it meets (standard error {1000*error:.1f} ms of '
          f'{len(costs)}): {each*often:.1%} of the training (should be under 2 %)')
    print(f'the drawing thread takes {found["processor"]:.1%} of a core (should be under 2 %)')
    print(f'pictures took {found["pictures"]:.1%} of the time since the start')
