"What browser tests read off a page and a log, what a person does with a mouse, and saying that it holds"
import json
import re
import time
from pathlib import Path

# What a page shows

probes = '''
const all = css => [...document.querySelectorAll(css)];
const box = e => e.getBoundingClientRect();
const plot = panel => all(`.eva-panel-${panel} .js-plotly-plot`)[0];
'''


def query(page, js, arg=None):
    "What a function in JavaScript, which may use the probes above, says of the page"
    return page.evaluate(f'arg => {{ {probes} return ({js})(arg); }}', arg)


def text(page, css):
    "The text of the first such element; empty if there is none"
    return query(page, 'css => all(css)[0]?.innerText || ""', css)


def texts(page, css):
    "The texts of all such elements"
    return query(page, 'css => all(css).map(e => e.innerText).join("\\n")', css)


def status(page): return text(page, '.eva-status')
def phase(page): return text(page, '.eva-phase')
def said(page): return text(page, '.eva-said')
def foot(page): return texts(page, '.eva-foot')
def outputs(page): return texts(page, '.jp-OutputArea-output')


def points(page, panel='loss', name=None):
    "Points of the longest curve of a panel, or of the longest one of that name"
    return query(page, '''([panel, name]) => Math.max(0, ...(plot(panel)?.data || [])
        .filter(t => !name || t.name == name).map(t => t.x?.length || 0))''', [panel, name])


def curves(page, panel):
    "The curves of a panel: name, x, and whether it is a band"
    return query(page, '''panel => (plot(panel)?.data || [])
        .map(t => ({ name: t.name, x: [...(t.x || [])], band: !!t.fill }))''', panel)


def axis(page, panel):
    "Type of a panel's axis of steps, linear or log, and the first and last step that it shows"
    kind, ends = query(page, 'panel => { const a = plot(panel).layout.xaxis; return [a.type, [...a.range]] }', panel)
    return kind, [round(10**x if kind == 'log' else x) for x in ends]


def steps_shown(page, panel): return axis(page, panel)[1]


def marks(page):
    "The signs at the curves"
    return set(query(page, '() => all(".eva-plot .annotation").map(a => a.textContent).join("")'))


def empty_panels(page):
    "How many panels say that nothing was measured, and how many show axes"
    return query(page, '''() => [all(".eva-none").filter(e => e.offsetParent).length,
        all(".eva-plot").filter(e => e.style.visibility != "hidden" && e.querySelector(".main-svg")).length]''')


def height_above(page):
    "How many pixels of the chart are above its panels"
    return query(page, '() => Math.round(box(all(".eva-grid")[0]).top - box(all(".eva-chart")[0]).top)')


def drawn(page):
    "How many pictures plotly has drawn"
    return page.locator('.js-plotly-plot .main-svg').count()


def redraws(page):
    "How often the chart was drawn"
    return int(page.get_attribute('.eva-chart', 'data-drawn') or 0)


def count_paintings(page):
    "From now on the page counts, in `painted`, how often plotly draws each panel"
    query(page, '''() => { window.painted = {};
        for (const plot of all(".eva-plot.js-plotly-plot")) {
            const name = [...plot.closest(".eva-cell").classList].find(c => c.startsWith("eva-panel-")).slice(10);
            window.painted[name] = 0;
            plot.on("plotly_afterplot", () => window.painted[name]++);
        } }''')


def painted(page):
    "How often each panel was drawn since `count_paintings`"
    return query(page, '() => window.painted')


def fits(page):
    "Is every drawn panel as wide as its place, and does nothing stick out of the page?"
    wide, misfits = query(page, '''() => {
        const chart = all(".eva-chart")[0], cells = all(".eva-cell").map(c => [c, c.querySelector(".main-svg")]);
        const off = cells.filter(([_, svg]) => svg).map(([c, svg]) => Math.abs(box(svg).width - c.clientWidth));
        return [chart.scrollWidth - chart.clientWidth, off.filter(d => d > 2)] }''')
    return drawn(page) and not misfits and wide <= 2


def columns(page):
    "Where the left edges of the panels are"
    return set(query(page, '() => all(".eva-cell").filter(c => !c.hidden).map(c => Math.round(box(c).left))'))


def color(page, css, name):
    "Red, green and blue, from 0 to 255, that an element has in a style"
    found = query(page, '([css, name]) => getComputedStyle(all(css)[0])[name]', [css, name])
    return [int(n) for n in re.findall(r'\d+', found)[:3]]


def hover(page):
    "Text and paper of what pointing at the loss shows"
    return query(page, '''() => { const h = all(".eva-panel-loss .hoverlayer")[0];
        return [h.textContent, h.querySelector("rect, path")?.style.fill || ""] }''')


def cross_hairs(page):
    "How many panels show a cross-hair"
    return query(page, '() => all(".eva-hair").filter(h => !h.hidden && h.style.left).length')


def words_of_bands(page):
    "Left edges of the words beside the panel of EVA similarity"
    return query(page, '''() => all(".eva-panel-eva .annotation")
        .filter(a => /good|high|excellent/.test(a.textContent)).map(a => box(a).left)''')


def heap(page):
    "Megabytes that the page's JavaScript uses"
    return query(page, '() => performance.memory.usedJSHeapSize/1e6')


def asked_outside(page):
    "A list that fills with what the page asks for elsewhere than on this machine"
    asked = []
    def response(r):
        if r.url.startswith('http') and '127.0.0.1' not in r.url: asked.append(r.url)
    def failed(r):
        forbidden = 'csp' in (r.failure or '')                          # by the page itself: it was never sent
        if not forbidden and '127.0.0.1' not in r.url: asked.append(f'{r.url}: {r.failure}')
    page.on('response', response)
    page.on('requestfailed', failed)
    return asked


def records(folder):
    "What the log of a run says, line by line"
    log = folder/'metrics.jsonl'
    lines = log.read_text().split('\n')[:-1] if log.exists() else []
    return [r for r in map(json.loads, lines) if 'event' not in r]


# What a person does

def area(page, panel):
    "Where the axes of a panel are on the page"
    axes = page.locator(f'.eva-panel-{panel} .draglayer .nsewdrag')
    axes.scroll_into_view_if_needed()
    return axes.bounding_box()


def inside(box, x, y):
    "A point of a box; x and y from 0 to 1"
    return box['x'] + x*box['width'], box['y'] + y*box['height']


def drag(page, panel, a, b):
    "Draw a rectangle into a panel"
    box = area(page, panel)
    page.mouse.move(*inside(box, *a))
    page.mouse.down()
    page.mouse.move(*inside(box, *b), steps=5)
    page.mouse.up()


class Steps:
    "Says what holds, and how long it took"
    def __init__(self, page, shots):
        self.page, self.shots, self.last = page, Path(shots), time.time()
        self.errors, self.console = [], []                              # uncaught; everything that the console has
        page.on('pageerror', lambda e: self.errors.append(str(e)))
        page.on('console', lambda m: self.console.append(f'{m.type}: {m.text}'))

    def ok(self, what):
        "Say that something holds"
        now = time.time()
        print(f'ok: {what} ({now - self.last:.1f} s)', flush=True)
        self.last = now

    def shot(self, name, after=0.):
        "A screenshot, after some seconds in which the page comes to rest"
        time.sleep(after)
        self.page.screenshot(path=self.shots/f'{name}.png')

    def until(self, condition, what, seconds=40):
        "Wait until a function gives something true, and say so"
        late, heard = time.time() + seconds, {}                         # what was said; a message goes after 20 s
        while not (found := condition()):
            heard[said(self.page)] = True
            if time.time() > late:
                raise AssertionError(f'not seen within {seconds} s: {what} (the phase is {phase(self.page)!r}; '
                                     f'the page said {list(filter(None, heard))[-6:]})')
            time.sleep(.15)
        self.ok(what)
        return found

    def until_phase(self, name, what, seconds=40):
        "Wait until the line above a chart says what goes on"
        self.until(lambda: phase(self.page) == name, what, seconds)

    def until_moved(self, by, what):
        "Wait for more points of the loss"
        n = points(self.page)
        self.until(lambda: points(self.page) > n + by, what)

    def resize(self, width, height, what):
        "Give the window another size, and wait until every panel fits"
        self.page.set_viewport_size(dict(width=width, height=height))
        self.until(lambda: fits(self.page), what)
