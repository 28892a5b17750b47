// What plotly is given for one panel; the same module as chart.js, before it.

// Colors: each trace has one for a light page, which becomes lighter on a dark one
const rgb = color => /^#[0-9a-f]{6}$/i.test(color) ? [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16)) : null;
const lighter = color => rgb(color) ? `rgb(${rgb(color).map(v => Math.round(v + .35*(255 - v)))})` : color;
const line = 'rgba(128,128,128,.22)', clear = 'rgba(0,0,0,0)';

function themeOf(el) {
  const style = getComputedStyle(el), get = name => style.getPropertyValue(name).trim();
  const ink = style.color, dark = Number((ink.match(/\d+/) || [0])[0]) > 128;
  return { ink, soft: get('--eva-soft'), paper: get('--eva-paper'), shade: c => dark ? lighter(c) : c };
}

// A curve, a map, bars or a filled band; `ends` are the first and last step in view
function traceOf(t, arrays, theme, ends, faint) {
  const color = theme.shade(t.color || '#0072B2'), [x, y, z] = ['x', 'y', 'z'].map(k => arrays[t[k]] || []);
  const common = {
    name: t.name, type: t.type || 'scatter', opacity: faint ? .12 : t.opacity ?? 1, cliponaxis: t.clip ?? true,
    hovertemplate: t.silent ? undefined : t.hover, hoverinfo: t.silent ? 'skip' : undefined,
    ...(t.right ? { yaxis: 'y2' } : {}),
  };
  if (t.type === 'heatmap') {
    const rows = Array.from(y, (_, i) => z.subarray(i*x.length, (i + 1)*x.length));
    const colorbar = { thickness: 8, outlinewidth: 0, xpad: 6, tickfont: { size: 10 }, nticks: 5, len: 1.08 };
    const scale = { colorscale: 'Cividis', zmin: t.zmin, zmax: t.zmax, hoverongaps: false, colorbar };
    return { ...common, x, y, z: rows, ...scale };
  }
  if (t.labels) return { ...common, x, y: t.labels, orientation: 'h', marker: { color: t.colors.map(theme.shade) } };
  if (t.fill) {
    const band = { mode: 'lines', fill: 'toself', fillcolor: color, opacity: .15, line: { width: 0 } };
    return { ...common, x, y, ...band, hoverinfo: 'skip' };
  }
  const level = t.across && y.length;                     // one value, from end to end
  return {
    ...common, x: level ? ends : x, y: level ? [y[0], y[0]] : y, mode: t.mode || 'lines',
    line: { color, width: t.width ?? 2, dash: t.dash },
    marker: { color, size: t.size ?? 4, symbol: t.symbol, line: { color, width: t.symbol ? 2 : 0 } },
  };
}

function axesOf(panel, live, theme, range, log, resets) {
  const kind = name => log.includes(name) ? 'log' : 'linear';
  const axis = { gridcolor: line, linecolor: line, zeroline: false, tickfont: { size: 11 }, nticks: 6 };
  const xlog = panel.linked && kind('x') === 'log', ticks = live.ticks?.[panel.name];
  const xr = panel.linked ? range && (xlog ? range.map(Math.log10) : range) : panel.xrange;
  const text = panel.linked && live.x || panel.x || '';
  const xaxis = {
    ...axis, showgrid: false, showline: true, type: xlog ? 'log' : 'linear',
    title: { text, font: { size: 11, color: theme.soft }, standoff: 4 },
    uirevision: JSON.stringify([xr, xlog, resets]),
    ...(xr ? { range: [...xr], autorange: false } : { autorange: true }),
  };
  const fixed = panel.range && kind(panel.name) === 'linear';
  const yaxis = {
    ...axis, type: panel.traces.some(t => t.labels) ? 'category' : kind(panel.name),
    exponentformat: 'power', minexponent: 4, uirevision: kind(panel.name) + resets,
    ...(fixed ? { range: [...panel.range] } : { rangemode: panel.zero ? 'tozero' : 'normal' }),
    ...(panel.reversed ? { autorange: 'reversed' } : {}),
    ...(ticks ? { tickvals: ticks[0], ticktext: ticks[1] } : {}),
  };
  const second = panel.traces.find(t => t.right);
  if (!second) return { xaxis, yaxis };
  const right = { overlaying: 'y', side: 'right', showgrid: false, rangemode: 'tozero', tickformat: '.1f' };
  return { xaxis, yaxis, yaxis2: { ...axis, ...right, tickfont: { size: 11, color: theme.shade(second.color) } } };
}

// Bands with a word each at the right edge
function addWords(layout, words, theme) {
  const edges = Object.keys(words || {}).map(Number).sort((a, b) => a - b), across = { xref: 'paper', x0: 0, x1: 1 };
  edges.forEach((y0, i) => {
    const look = { layer: 'below', line: { width: 0 }, fillcolor: '#009E73', opacity: .05*(i + 1) };
    layout.shapes.push({ type: 'rect', ...across, y0, y1: edges[i + 1] ?? 1, ...look });
    const place = { xref: 'paper', x: 1, y: y0, xanchor: 'left', yanchor: 'middle', xshift: 3, showarrow: false };
    layout.annotations.push({ text: words[String(y0)], ...place, font: { size: 9.5, color: theme.soft } });
  });
}

// What happened at a step: a line, and a symbol above it; several at one step stand beside each other
function addMarks(layout, marks, theme) {
  for (const m of marks) {
    const color = theme.shade(m.color), x = layout.xaxis.type === 'log' ? Math.log10(m.x) : m.x;
    const look = { layer: 'below', line: { color, width: 1, dash: 'dot' } };
    layout.shapes.push({ type: 'line', x0: m.x, x1: m.x, yref: 'paper', y0: 0, y1: 1, ...look });
    const same = layout.annotations.find(a => a.yref === 'paper' && a.x === x);
    const place = { x, yref: 'paper', y: 1, yanchor: 'bottom', yshift: -4, showarrow: false };
    if (same) Object.assign(same, { text: same.text + m.symbol, hovertext: `${same.hovertext}<br>${m.text}` });
    else layout.annotations.push({ text: m.symbol, ...place, font: { size: 11, color }, hovertext: m.text });
  }
}

function layoutOf(panel, live, theme, width, range, log, resets) {
  const wide = panel.words || panel.traces.some(t => t.type === 'heatmap' || t.right);
  const layout = {
    width, height: 230, margin: { l: panel.left || 46, r: wide ? 66 : 14, t: 50, b: 36 },
    showlegend: false, uirevision: 'eva', dragmode: 'zoom', paper_bgcolor: clear, plot_bgcolor: clear,
    hovermode: panel.traces.some(t => t.type) ? 'closest' : 'x unified',
    font: { family: 'system-ui, sans-serif', size: 11, color: theme.ink },
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.soft, font: { size: 11, color: theme.ink } },
    modebar: { bgcolor: clear, color: theme.soft, activecolor: theme.ink },
    shapes: [], annotations: [], ...axesOf(panel, live, theme, range, log, resets),
  };
  addWords(layout, panel.words, theme);
  if (panel.linked) addMarks(layout, (live.marks || []).filter(m => m.panels.includes(panel.name)), theme);
  return layout;
}
