// What stands around a chart's panels; the same module as chart.js, before it.

// Small tools
const tell = (model, message) => { try { model.send(message) } catch { } };      // it throws when the kernel has gone
const copied = v => v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength);
const floats = v => new Float32Array(v ? copied(v) : 0);
function make(tag, name, text, parent) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  if (text !== undefined) e.textContent = text;
  parent?.append(e);
  return e;
}

// The line above: phase, progress, figures; it keeps its height, whatever is said
function statusLine(model, root) {
  const draw = () => {
    const s = model.get('status'), count = n => Math.round(n || 0).toLocaleString('en');
    root.replaceChildren();
    root.hidden = !s.phase;
    if (!s.phase) return;
    const row = make('div', 'eva-row', undefined, root), share = s.total ? Math.min(1, s.step/s.total) : 0;
    const step = `step ${count(s.step)}${s.total ? ` of ${count(s.total)}` : ''}`;
    make('span', `eva-phase eva-${s.phase}`, s.phase, row);
    if (s.step !== undefined) make('span', 'eva-step', step, row);
    make('span', 'eva-said', s.said || '', row).title = s.said || '';
    make('span', 'eva-age', '', row);
    const bar = make('div', 'eva-bar', undefined, root), fill = make('div', `eva-fill eva-${s.phase}`, undefined, bar);
    fill.style.width = `${100*share}%`;
    const facts = make('div', 'eva-facts', undefined, root);
    facts.hidden = !s.chips;
    for (const [name, value, tip] of s.chips || []) {
      const chip = make('span', 'eva-chip', undefined, facts);
      chip.title = tip || '';
      make('span', 'eva-name', name, chip);
      make('b', '', value, chip);
    }
  };
  const below = (s, top, foot) => {                    // what went wrong above the panels, the rest below
    top.replaceChildren();
    foot.replaceChildren();
    if (s.problem) {
      const p = make('div', 'eva-problem', undefined, top);
      make('b', '', s.problem, p);
      const details = s.trace && make('details', '', undefined, p);
      if (details) { make('summary', '', 'trace', details); make('pre', '', s.trace, details) }
    }
    for (const [kind, text] of s.notes || []) {
      make('div', `eva-note eva-${kind}`, text, kind === 'finding' ? top : foot);
    }
  };
  return { draw, below };
}

// The pictures that the run wrote, and a slider over its steps
function pictures(model, cell) {
  const img = make('img', '', undefined, cell), row = make('label', 'eva-scrub', undefined, cell);
  const slider = make('input', '', undefined, row), label = make('span', '', '', row);
  let url;
  Object.assign(img, { alt: 'photograph, true tokens and generated tokens of held-out images' });
  Object.assign(slider, { type: 'range', min: 0, step: 1 });
  const chosen = () => {                                  // -1 is the newest, also when more come
    const at = Number(slider.value), steps = model.get('steps');
    return at === steps.length - 1 ? -1 : steps[at];
  };
  slider.oninput = () => { model.set('step', chosen()); model.save_changes() };
  return () => {
    const steps = model.get('steps'), step = model.get('step'), bytes = model.get('picture');
    cell.hidden = !steps.length || !bytes?.byteLength;
    if (cell.hidden) return;
    slider.max = steps.length - 1;
    slider.value = step < 0 ? steps.length - 1 : steps.indexOf(step);
    label.textContent = `step ${(step < 0 ? steps.at(-1) : step).toLocaleString('en')}`;
    if (url) URL.revokeObjectURL(url);
    img.src = url = URL.createObjectURL(new Blob([bytes], { type: 'image/png' }));
  };
}
