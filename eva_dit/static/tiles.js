// Pictures in a row: token grids that are linked, or a gallery to choose from. A place that is pointed at is marked in
// all grids; its row of attention lies over the photograph.
const make = (tag, name, text) => {
  const e = document.createElement(tag);
  if (name) e.className = name;
  if (text !== undefined) e.textContent = text;
  return e;
};

function render({ model, el }) {
  el.classList.add('eva-tiles');
  let grids = [];
  const size = () => model.get('grid');
  const put = (mark, [row, column]) => {
    const [rows, columns] = size(), percent = share => `${100*share}%`;
    const place = { left: percent(column/columns), top: percent(row/rows) };
    Object.assign(mark.style, place, { width: percent(1/columns), height: percent(1/rows) });
  };
  const attention = () => {                               // (N, N) of the chosen block and head; null if not known
    const v = model.get('attention');
    return v?.byteLength ? new Float32Array(v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength)) : null;
  };
  const overlay = (canvas, [row, column], maps) => {
    const [rows, columns] = size(), n = rows*columns;
    canvas.hidden = !maps;
    if (!maps) return;
    Object.assign(canvas, { width: columns, height: rows });
    const at = (row*columns + column)*n, mine = maps.subarray(at, at + n);
    const most = Math.max(...mine, 1e-9), pixels = new ImageData(columns, rows);
    mine.forEach((a, i) => pixels.data.set([255, 176, 0, 225*a/most], 4*i));
    canvas.getContext('2d').putImageData(pixels, 0, 0);
  };
  const thumbnail = (t, i, figure) => {
    const pick = () => {
      model.set('chosen', [i, model.get('chosen')[1] + 1]);         // the second number makes each click a change
      model.save_changes();
      [...el.children].forEach((c, k) => c.classList.toggle('eva-chosen', k === i));
    };
    const onkeydown = e => { if (e.key === 'Enter') pick() };
    Object.assign(figure, { title: t.title, tabIndex: 0, onclick: pick, onkeydown });
    figure.classList.toggle('eva-chosen', i === model.get('chosen')[0]);
  };
  const grid = (t, box, note) => {
    const mark = make('div', 'eva-mark'), cursor = make('div', 'eva-cursor'), canvas = make('canvas', 'eva-over');
    cursor.hidden = canvas.hidden = true;
    box.append(canvas, mark, cursor);
    put(mark, model.get('chosen'));
    grids.push({ t, mark, cursor, note, canvas });
    const place = e => {
      const b = box.getBoundingClientRect(), [rows, columns] = size();
      const cut = (x, n) => Math.min(n - 1, Math.max(0, Math.floor(x*n)));
      return [cut((e.clientY - b.top)/b.height, rows), cut((e.clientX - b.left)/b.width, columns)];
    };
    box.onmousemove = e => {
      const p = place(e), [row, column] = p, maps = attention();
      for (const g of grids) {
        g.cursor.hidden = false;
        put(g.cursor, p);
        if (g.t.smooth) overlay(g.canvas, p, maps);
        const value = g.t.values?.[row*size()[1] + column];
        g.note.textContent = `row ${row}, column ${column}${value === undefined ? '' : `: ${value.toFixed(3)}`}`;
      }
    };
    box.onmouseleave = () => {
      for (const g of grids) { g.cursor.hidden = g.canvas.hidden = true; g.note.textContent = g.t.note || '' }
    };
    box.onclick = e => {
      const p = place(e);
      for (const g of grids) put(g.mark, p);
      model.set('chosen', p);
      model.save_changes();
    };
  };
  const draw = () => {
    const gallery = model.get('gallery');
    el.replaceChildren();
    grids = [];
    model.get('tiles').forEach((t, i) => {
      const figure = make('figure', gallery ? 'eva-thumb' : 'eva-tile'), box = make('div', 'eva-pic');
      const image = make('img', t.smooth ? '' : 'eva-pixels'), note = make('figcaption', 'eva-below', t.note || '');
      Object.assign(image, { src: t.src, alt: t.title });
      box.append(image);
      if (!gallery) figure.append(make('figcaption', 'eva-name', t.title));
      figure.append(box);
      note.title = t.note || '';
      if (t.note || !gallery) figure.append(note);
      if (gallery) thumbnail(t, i, figure);
      else grid(t, box, note);
      el.append(figure);
    });
  };
  model.on('change:tiles', draw);
  draw();
}
export default { render };
