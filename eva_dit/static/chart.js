// One live chart: a line that says what is going on, and panels that plotly draws through its public API.
// `model` is anywidget's, or, in a saved page, an object with the same methods (chart.html). status.js and panel.js
// stand before this.

// plotly, once a page: asked of a kernel by the first chart that needs it; all others wait for the same answer
const shared = (window.evaPlotly ||= { asked: -Infinity });
shared.ready ||= new Promise(resolve => { shared.resolve = resolve });

async function unpacked(zipped) {
  const text = await new Response(new Blob([zipped]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
  const module = { exports: {} };
  new Function('module', 'exports', 'define', text)(module, module.exports, undefined);    // clear of require.js
  return module.exports.newPlot ? module.exports : window.Plotly;
}

function fetchPlotly(model) {
  const heard = (message, buffers) => {
    if (!message.plotly || shared.got) return;
    shared.got = true;
    unpacked(buffers[0]).then(shared.resolve).catch(e => { shared.got = false; console.error(e) });
  };
  const ask = () => {
    if (shared.got || performance.now() - shared.asked < 2500) return;
    shared.asked = performance.now();
    tell(model, { need: 'plotly' });
  };
  model.on('msg:custom', heard); ask();
  const clock = setInterval(ask, 3000), end = () => { clearInterval(clock); model.off('msg:custom', heard) };
  shared.ready.then(end);
  return end;
}

// A panel's place on the page: title, legend, what plotly draws, what is said while there is nothing, the cross-hair
function cellOf(panel, grid) {
  const box = make('div', `eva-cell eva-panel-${panel.name}`, undefined, grid);
  const head = make('div', 'eva-head', undefined, box);
  make('div', 'eva-title', panel.title, head);
  const sub = make('div', 'eva-sub', undefined, head), plot = make('div', 'eva-plot', undefined, box);
  const none = make('div', 'eva-none', panel.empty || 'not measured yet', box);
  const hair = make('div', 'eva-hair', undefined, box);
  return box.cell = { panel, box, sub, plot, none, hair, near: false, bound: false };
}

function render({ model, el }) {
  el.classList.add('eva-chart');
  const parts = ['status', 'foot', 'sub', 'grid', 'foot'].map(name => make('div', `eva-${name}`, undefined, el));
  const [root, top, keys, grid, foot] = parts, status = statusLine(model, root);
  const picture = make('div', 'eva-cell eva-pictures', undefined, grid), showPicture = pictures(model, picture);
  const hidden = new Set(), linked = () => cells.filter(c => c.panel.linked);
  const logged = name => model.get('log').includes(name);
  let Plotly, cells = [], view = null, resets = 0, bright = null, heard = performance.now();
  let waiting = false, drawing = false, again = false, ended = false;

  const seen = new IntersectionObserver(all => {
    for (const e of all) e.target.cell.near = e.isIntersecting;
    later();
  }, { rootMargin: '200px' });
  const build = () => {
    for (const c of cells) { Plotly?.purge(c.plot); seen.unobserve(c.box); c.box.remove() }
    cells = model.get('spec').panels.map(panel => cellOf(panel, grid));
    for (const c of cells) seen.observe(c.box);
  };

  const key = (t, sub) => {                               // made once: a button must stay under the pointer
    const b = make('button', '', '', sub);
    b.title = 'click: hide or show; point: highlight';
    b.onclick = () => { hidden.has(t.name) ? hidden.delete(t.name) : hidden.add(t.name); bright = null; later() };
    b.onpointerenter = () => { bright = hidden.has(t.name) ? null : t.name; later() };
    b.onpointerleave = () => { bright = null; later() };
    return b;
  };
  const legend = (sub, traces, note, live, theme) => {
    const named = traces.filter(t => t.legend);
    if (note && !sub.children.length) make('span', 'eva-unit', note, sub);
    sub.made ||= named.map(t => key(t, sub));
    named.forEach((t, i) => {
      const b = sub.made[i], text = `${t.name} ${live.values?.[t.id] || ''}`.trim();
      if (b.textContent !== text) b.textContent = text;
      b.style.color = theme.shade(t.color);
      b.classList.toggle('eva-off', hidden.has(t.name));
    });
  };

  const rangeOf = arrays => {                             // first and last step of all linked panels
    const steps = linked().flatMap(c => c.panel.traces).map(t => arrays[t.x]).filter(x => x?.length);
    if (!steps.length) return model.get('live').span || [0, 1];
    const a = Math.min(...steps.map(x => x[0])), b = Math.max(...steps.map(x => x[x.length - 1]));
    if (logged('x')) return [Math.max(a, 1e-3), Math.max(b, a + 1e-3)];
    if (b <= a) return [a - 1, a + 1];
    const jump = 2**Math.floor(Math.log2(b - a) - 4);     // it grows in jumps: most drawings leave the axes as they are
    return [a, a + Math.ceil((b - a)/jump)*jump];
  };
  const zoom = to => { view = to; tell(model, { view: to }); later() }, whole = () => { resets++; zoom(null) };
  const hairs = x => {                                    // at this step in all panels; nowhere if null
    for (const c of linked()) {
      const at = c.xlog ? Math.log10(x) : x, share = c.range ? (at - c.range[0])/(c.range[1] - c.range[0]) : NaN;
      c.hair.hidden = x === null || !(share >= 0 && share <= 1);
      if (!c.hair.hidden) c.hair.style.left = `${c.margin.l + share*(c.wide - c.margin.l - c.margin.r)}px`;
    }
  };
  const bind = c => {
    c.bound = true;
    c.plot.on('plotly_doubleclick', () => { whole(); return false });
    c.plot.on('plotly_relayout', e => {
      const r = e['xaxis.range'] || (e['xaxis.range[0]'] !== undefined && [e['xaxis.range[0]'], e['xaxis.range[1]']]);
      if (r && c.panel.linked) zoom(r.map(v => logged('x') ? 10**v : Number(v)));
    });
    c.plot.on('plotly_hover', e => { if (c.panel.linked) hairs(e.points[0].x) });
    c.plot.on('plotly_unhover', () => hairs(null));
  };

  async function drawCell(c, arrays, live, theme, range, log) {
    const mine = c.panel.traces, width = c.width;
    legend(c.sub, mine, c.panel.note, live, theme);
    c.plot.style.visibility = c.none.hidden ? '' : 'hidden';
    if (!c.none.hidden || width < 40) return;
    const layout = layoutOf(c.panel, live, theme, width, range, log, resets), { xaxis, margin } = layout;
    Object.assign(c, { range: xaxis.range, xlog: xaxis.type === 'log', margin, wide: width });
    const data = mine.filter(t => !hidden.has(t.name))
      .map(t => traceOf(t, arrays, theme, range, bright && t.name !== bright));
    const now = JSON.stringify([data, layout]);
    if (now === c.before) return;                         // it would look the same
    const home = { name: 'whole', title: 'Show all (double click)', icon: Plotly.Icons.home, click: whole };
    const modeBarButtons = [['toImage', 'zoom2d', 'pan2d', home]], off = { displaylogo: false, doubleClick: false };
    await Plotly.react(c.plot, data, layout, { ...off, responsive: false, modeBarButtons });
    c.before = now;
    if (!c.bound) bind(c);
  }
  async function drawAll() {
    const begun = performance.now(), n = model.get('n'), live = model.get('live'), log = model.get('log');
    const theme = themeOf(el);
    const data = floats(model.get('data')), sizes = Object.entries(model.get('sizes'));
    let from = 0;
    const arrays = Object.fromEntries(sizes.map(([name, size]) => [name, data.subarray(from, from += size)]));
    const range = view || rangeOf(arrays), moved = c => c.wide && c.wide !== c.width;
    legend(keys, model.get('spec').legend || [], '', live, theme);
    for (const c of cells) c.none.hidden = c.panel.traces.some(t => arrays[t.y]?.length || arrays[t.x]?.length);
    if (!Plotly) return;
    for (const c of cells) c.width = Math.floor(c.box.clientWidth);              // all before the first is drawn
    for (const c of cells) if (c.near || moved(c)) await drawCell(c, arrays, live, theme, range, log);
    el.dataset.drawn = n;
    setTimeout(() => tell(model, { drawn: n }), performance.now() - begun);      // half of a core at most: others work
  }
  async function draw() {
    waiting = false;
    if (ended || drawing || !el.isConnected || el.clientWidth < 40) return;      // hidden: drawn when it is shown
    drawing = true;
    again = false;
    try { await drawAll() }
    catch (e) { console.error(e); make('div', 'eva-problem', `The chart could not be drawn: ${e.message}`, top) }
    finally { drawing = false; if (again) later() }
  }
  const later = () => { again = true; if (!waiting) { waiting = true; requestAnimationFrame(draw) } };

  const age = () => {
    const quiet = Math.round((performance.now() - heard)/1000), dead = model.get('feeding') && quiet > 8;
    const e = root.querySelector('.eva-age'), word = `no word from the kernel for ${quiet} s: restarted, or very busy?`;
    if (!e) return;
    e.classList.toggle('eva-dead', dead);
    e.textContent = dead ? word : model.get('status').at || '';
  };
  const say = () => { status.draw(); status.below(model.get('status'), top, foot); age() };
  const hear = then => () => { heard = performance.now(); then() };
  const news = {
    'change:n': hear(later), 'change:status': hear(say), 'change:log': later, 'change:live': later,
    'change:spec': () => { build(); later() }, 'change:feeding': age,
    'change:steps': showPicture, 'change:picture': showPicture, 'change:step': showPicture,
  };
  for (const [name, f] of Object.entries(news)) model.on(name, f);
  build(); say(); showPicture();

  const size = new ResizeObserver(later), theme = new MutationObserver(later), clock = setInterval(age, 1000);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  size.observe(el); theme.observe(document.body, { attributes: true }); scheme.addEventListener('change', later);
  let still;                                              // the notebook's picture of it, which this takes the place of
  requestAnimationFrame(() => {
    still = el.closest('.jp-OutputArea-child')?.previousElementSibling;
    if (still?.querySelector('img')) still.classList.add('eva-still');
  });
  const end = fetchPlotly(model);
  shared.ready.then(p => { Plotly = p; later() });
  return () => {
    ended = true; end(); clearInterval(clock);
    for (const o of [size, theme, seen]) o.disconnect();
    scheme.removeEventListener('change', later);
    still?.classList.remove('eva-still');
    for (const [name, f] of Object.entries(news)) model.off(name, f);
    for (const c of cells) Plotly?.purge(c.plot);
  };
}
export default { render };
