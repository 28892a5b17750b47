// One live chart: a line that says what is going on, and panels that plotly draws through its public API.
// `model` is anywidget's, or, in a saved page, an object with the same methods (chart.html); status.js stands before this.

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
    if (message.plotly && !shared.got) { shared.got = true; unpacked(buffers[0]).then(shared.resolve) }
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

const rgb = color => /^#[0-9a-f]{6}$/i.test(color) ? [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16)) : null;
const lighter = color => rgb(color) ? `rgb(${rgb(color).map(v => Math.round(v + .35*(255 - v)))})` : color;
function themeOf(el) {
  const style = getComputedStyle(el), get = name => style.getPropertyValue(name).trim();
  const ink = style.color, dark = Number((ink.match(/\d+/) || [0])[0]) > 128;
  return { ink, soft: get('--eva-soft'), paper: get('--eva-paper'), shade: c => dark ? lighter(c) : c };
}

// What plotly is given for one panel
const line = 'rgba(128,128,128,.22)';
function traceOf(t, arrays, theme, ends, faint) {
  const color = theme.shade(t.color || '#0072B2');
  const out = { name: t.name, type: t.type || 'scatter', opacity: faint ? .12 : t.opacity ?? 1, hovertemplate: t.silent ? undefined : t.hover,
    hoverinfo: t.silent ? 'skip' : undefined, cliponaxis: t.clip ?? true, ...(t.right ? { yaxis: 'y2' } : {}) };
  const [x, y, z] = ['x', 'y', 'z'].map(k => arrays[t[k]] || []);
  if (t.type === 'heatmap') {
    const rows = Array.from(y, (_, i) => z.subarray(i*x.length, (i + 1)*x.length));
    return { ...out, x, y, z: rows, colorscale: 'Cividis', zmin: t.zmin, zmax: t.zmax, hoverongaps: false,
      colorbar: { thickness: 8, outlinewidth: 0, xpad: 6, tickfont: { size: 10 }, nticks: 5, len: 1.08 } };
  }
  if (t.labels) return { ...out, x, y: t.labels, orientation: 'h', marker: { color: t.colors.map(theme.shade) } };
  if (t.fill) return { ...out, x, y, mode: 'lines', fill: 'toself', fillcolor: color, opacity: .15, line: { width: 0 }, hoverinfo: 'skip' };
  return { ...out, x: t.across && y.length ? ends : x, y: t.across && y.length ? [y[0], y[0]] : y, mode: t.mode || 'lines',
    line: { color, width: t.width ?? 2, dash: t.dash }, marker: { color, size: t.size ?? 4, symbol: t.symbol, line: { color, width: t.symbol ? 2 : 0 } } };
}

function layoutOf(panel, live, theme, width, range, log, resets) {
  const kind = name => log.includes(name) ? 'log' : 'linear', axis = { gridcolor: line, linecolor: line, zeroline: false, tickfont: { size: 11 }, nticks: 6 };
  const right = panel.words || panel.traces.some(t => t.type === 'heatmap' || t.right) ? 66 : 14, size = { size: 11, color: theme.soft };
  const xlog = panel.linked && kind('x') === 'log', xr = panel.linked ? range && (xlog ? range.map(Math.log10) : range) : panel.xrange;
  const ticks = live.ticks?.[panel.name], layout = { width, height: 230, margin: { l: panel.left || 46, r: right, t: 50, b: 36 }, showlegend: false, uirevision: 'eva',
    hovermode: panel.traces.some(t => t.type) ? 'closest' : 'x unified', dragmode: 'zoom', paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: 'system-ui, sans-serif', size: 11, color: theme.ink }, shapes: [], annotations: [],
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.soft, font: { size: 11, color: theme.ink } },
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: theme.soft, activecolor: theme.ink },
    xaxis: { ...axis, showgrid: false, showline: true, type: xlog ? 'log' : 'linear', title: { text: panel.linked && live.x || panel.x || '', font: size, standoff: 4 },
      uirevision: JSON.stringify([xr, xlog, resets]), ...(xr ? { range: [...xr], autorange: false } : { autorange: true }) },
    yaxis: { ...axis, type: panel.traces.some(t => t.labels) ? 'category' : kind(panel.name), exponentformat: 'power', minexponent: 4, uirevision: kind(panel.name) + resets,
      ...(panel.range && kind(panel.name) === 'linear' ? { range: [...panel.range] } : { rangemode: panel.zero ? 'tozero' : 'normal' }),
      ...(panel.reversed ? { autorange: 'reversed' } : {}), ...(ticks ? { tickvals: ticks[0], ticktext: ticks[1] } : {}) } };
  const second = panel.traces.find(t => t.right);
  if (second) layout.yaxis2 = { ...axis, overlaying: 'y', side: 'right', showgrid: false, rangemode: 'tozero', tickformat: '.1f', tickfont: { size: 11, color: theme.shade(second.color) } };
  const edges = Object.keys(panel.words || {}).map(Number).sort((a, b) => a - b);
  edges.forEach((v, i) => {
    layout.shapes.push({ type: 'rect', xref: 'paper', x0: 0, x1: 1, y0: v, y1: edges[i + 1] ?? 1, layer: 'below', line: { width: 0 }, fillcolor: '#009E73', opacity: .05*(i + 1) });
    layout.annotations.push({ text: panel.words[String(v)], xref: 'paper', x: 1, y: v, xanchor: 'left', yanchor: 'middle', xshift: 3, showarrow: false, font: { size: 9.5, color: theme.soft } });
  });
  for (const m of (panel.linked && live.marks || []).filter(m => m.panels.includes(panel.name))) {
    const color = theme.shade(m.color), x = xlog ? Math.log10(m.x) : m.x;
    layout.shapes.push({ type: 'line', x0: m.x, x1: m.x, yref: 'paper', y0: 0, y1: 1, layer: 'below', line: { color, width: 1, dash: 'dot' } });
    const same = layout.annotations.find(a => a.yref === 'paper' && a.x === x);             // several at one step stand beside each other
    if (same) Object.assign(same, { text: same.text + m.symbol, hovertext: `${same.hovertext}<br>${m.text}` });
    else layout.annotations.push({ text: m.symbol, x, yref: 'paper', y: 1, yanchor: 'bottom', yshift: -4, showarrow: false, font: { size: 11, color }, hovertext: m.text });
  }
  return layout;
}

function render({ model, el }) {
  el.classList.add('eva-chart');
  const [root, top, keys, grid, foot] = ['status', 'foot', 'sub', 'grid', 'foot'].map(name => make('div', `eva-${name}`, undefined, el));
  const status = statusLine(model, root), picture = make('div', 'eva-cell eva-pictures', undefined, grid), showPicture = pictures(model, picture);
  let Plotly, cells = [], view = null, resets = 0, bright = null, waiting = false, drawing = false, again = false, ended = false, heard = performance.now(), cell;
  const hidden = new Set(), linked = () => cells.filter(c => c.panel.linked);

  const build = () => {
    for (const c of cells) { Plotly?.purge(c.plot); seen.unobserve(c.box); c.box.remove() }
    cells = model.get('spec').panels.map(panel => {
      const box = make('div', `eva-cell eva-panel-${panel.name}`, undefined, grid), head = make('div', 'eva-head', undefined, box);
      make('div', 'eva-title', panel.title, head);
      const sub = make('div', 'eva-sub', undefined, head), plot = make('div', 'eva-plot', undefined, box);
      const none = make('div', 'eva-none', panel.empty || 'not measured yet', box), hair = make('div', 'eva-hair', undefined, box);
      const c = { panel, box, sub, plot, none, hair, near: false, bound: false };
      box.cell = c;
      seen.observe(box);
      return c;
    });
  };
  const seen = new IntersectionObserver(all => { for (const e of all) e.target.cell.near = e.isIntersecting; later() }, { rootMargin: '200px' });

  const legend = (sub, traces, note, live, theme) => {                          // made once: a button must stay under the pointer
    const named = traces.filter(t => t.legend);
    if (note && !sub.children.length) make('span', 'eva-unit', note, sub);
    sub.made ||= named.map(t => {
      const b = Object.assign(make('button', '', '', sub), { title: 'click: hide or show; point: highlight' });
      b.onclick = () => { hidden.has(t.name) ? hidden.delete(t.name) : hidden.add(t.name); bright = null; later() };
      b.onpointerenter = () => { bright = hidden.has(t.name) ? null : t.name; later() };
      b.onpointerleave = () => { bright = null; later() };
      return b;
    });
    named.forEach((t, i) => {
      const b = sub.made[i], text = `${t.name} ${live.values?.[t.id] || ''}`.trim();
      if (b.textContent !== text) b.textContent = text;
      b.style.color = theme.shade(t.color);
      b.classList.toggle('eva-off', hidden.has(t.name));
    });
  };
  const rangeOf = arrays => {                                                   // first and last step of all linked panels
    let a = Infinity, b = -Infinity;
    for (const c of linked()) for (const t of c.panel.traces) { const x = arrays[t.x] || []; if (x.length) { a = Math.min(a, x[0]); b = Math.max(b, x[x.length - 1]) } }
    if (!(b >= a)) return model.get('live').span || [0, 1];
    return model.get('log').includes('x') ? [Math.max(a, 1e-3), Math.max(b, a + 1e-3)] : b > a ? [a, b] : [a - 1, a + 1];
  };
  const zoom = to => { view = to; tell(model, { view: to }); later() }, whole = () => { resets++; zoom(null) };
  const bind = c => {
    c.bound = true;
    c.plot.on('plotly_doubleclick', () => { whole(); return false });
    c.plot.on('plotly_relayout', e => {
      const r = e['xaxis.range'] || (e['xaxis.range[0]'] !== undefined && [e['xaxis.range[0]'], e['xaxis.range[1]']]);
      if (r && c.panel.linked) zoom(model.get('log').includes('x') ? r.map(v => 10**v) : r.map(Number));
    });
    c.plot.on('plotly_hover', e => { if (c.panel.linked) hairs(e.points[0].x) }); c.plot.on('plotly_unhover', () => hairs(null));
  };
  const hairs = x => { for (const c of linked()) {
    const at = c.range && x !== null ? (c.xlog ? Math.log10(x) : x) : NaN, share = c.range ? (at - c.range[0])/(c.range[1] - c.range[0]) : NaN;
    c.hair.hidden = !(share >= 0 && share <= 1);
    if (!c.hair.hidden) c.hair.style.left = `${c.margin.l + share*(c.wide - c.margin.l - c.margin.r)}px`;
  } };

  async function drawCell(c, arrays, live, theme, range, log) {
    const mine = c.panel.traces, width = Math.floor(c.box.clientWidth);
    legend(c.sub, mine, c.panel.note, live, theme);
    c.plot.style.visibility = c.none.hidden ? '' : 'hidden';
    if (!c.none.hidden || width < 40) return;
    const layout = layoutOf(c.panel, live, theme, width, range, log, resets);
    Object.assign(c, { range: layout.xaxis.range, xlog: layout.xaxis.type === 'log', margin: layout.margin, wide: width });
    const data = mine.filter(t => !hidden.has(t.name)).map(t => traceOf(t, arrays, theme, range, bright && t.name !== bright));
    const home = { name: 'whole', title: 'Show all (double click)', icon: Plotly.Icons.home, click: whole };
    await Plotly.react(c.plot, data, layout, { displaylogo: false, doubleClick: false, responsive: false, modeBarButtons: [['toImage', 'zoom2d', 'pan2d', home]] });
    if (!c.bound) bind(c);
  }
  async function draw() {
    waiting = false;
    if (ended || drawing || !el.isConnected || el.clientWidth < 40) return;      // hidden: drawn when it is shown
    drawing = true;
    again = false;
    try {
      const n = model.get('n'), live = model.get('live'), log = model.get('log'), theme = themeOf(el);
      const arrays = Object.fromEntries(Object.entries(model.get('arrays')).map(([k, v]) => [k, floats(v)])), range = view || rangeOf(arrays);
      legend(keys, model.get('spec').legend || [], '', live, theme);
      const moved = c => c.wide && c.wide !== Math.floor(c.box.clientWidth);        // what is out of sight must fit, too
      for (const c of cells) c.none.hidden = c.panel.traces.some(t => arrays[t.y]?.length || arrays[t.x]?.length);
      for (const c of cells) if (Plotly && (c.near || moved(c))) await drawCell(c, arrays, live, theme, range, log);
      if (Plotly) { el.dataset.drawn = n; tell(model, { drawn: n }) }
    } catch (e) { console.error(e); make('div', 'eva-problem', `The chart could not be drawn: ${e.message}`, top) }
    finally { drawing = false; if (again) later() }
  }
  const later = () => { again = true; if (!waiting) { waiting = true; requestAnimationFrame(draw) } };
  const say = () => { status.draw(); status.below(model.get('status'), top, foot); age() };
  const age = () => {
    const quiet = Math.round((performance.now() - heard)/1000), dead = model.get('feeding') && quiet > 8, e = root.querySelector('.eva-age');
    if (!e) return;
    e.classList.toggle('eva-dead', dead);
    e.textContent = dead ? `no word from the kernel for ${quiet} s: restarted, or very busy?` : model.get('status').at || '';
  };
  const hear = () => { heard = performance.now(); later() };
  const news = { 'change:n': hear, 'change:log': later, 'change:live': later, 'change:spec': () => { build(); later() }, 'change:status': () => { heard = performance.now(); say() },
    'change:feeding': age, 'change:steps': showPicture, 'change:picture': showPicture, 'change:step': showPicture };
  for (const [name, f] of Object.entries(news)) model.on(name, f);
  build(); say(); showPicture();
  const size = new ResizeObserver(later), theme = new MutationObserver(later), clock = setInterval(age, 1000), scheme = matchMedia('(prefers-color-scheme: dark)');
  size.observe(el); theme.observe(document.body, { attributes: true }); scheme.addEventListener('change', later);
  requestAnimationFrame(() => { cell = el.closest('.jp-OutputArea-child')?.previousElementSibling; cell?.querySelector('img') && cell.classList.add('eva-still') });
  const end = fetchPlotly(model); shared.ready.then(p => { Plotly = p; later() });
  return () => {
    ended = true; end(); clearInterval(clock); size.disconnect(); theme.disconnect(); seen.disconnect(); scheme.removeEventListener('change', later);
    cell?.classList.remove('eva-still');
    for (const [name, f] of Object.entries(news)) model.off(name, f);
    for (const c of cells) Plotly?.purge(c.plot);
  };
}
export default { render };
