"What the other scripts here know about notebooks: their cells, their flags, and which outputs are older than code"
import base64
import hashlib
import io
import json
import re
from pathlib import Path

from PIL import Image

root = Path(__file__).parents[1]
flags = 'notest', 'slow', 'browser', 'cuda', 'hub'          # tst_flags of settings.ini: cells that run only when asked


def all_notebooks():
    "Every notebook of the repository, in reading order"
    return sorted(p for p in (root/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)


def read(path):
    "A notebook as a dict"
    return json.loads(Path(path).read_text(encoding='utf8'))


def write(path, nb):
    "Write a notebook as nbdev writes it"
    text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)
    Path(path).write_text(text + '\n', encoding='utf8')


def source(cell):
    "The text of a cell"
    return ''.join(cell['source'])


def directives(cell):
    "The words of the `#|` lines at the head of a cell"
    return ' '.join(re.findall(r'^#\|(.*)', source(cell), re.M)).split()


def is_code(cell):
    "Does the cell hold code?"
    return cell['cell_type'] == 'code' and bool(re.sub(r'^\s*#.*$', '', source(cell), flags=re.M).strip())


def is_export(cell):
    "Does the cell become part of the library?"
    return is_code(cell) and any(d.startswith('export') for d in directives(cell))


def flag(cell):
    "The flag that keeps a cell from running by default, or None"
    return next((f for f in directives(cell) if f in flags), None)


def runs_by_default(cell):
    "Is the cell run by `nbdev_test` without flags?"
    return is_code(cell) and not flag(cell) and 'eval: false' not in ' '.join(directives(cell))


def code_of(cell):
    "The text of a cell without its directives, which change nothing of what it shows"
    return re.sub(r'^#\|.*\n?', '', source(cell), flags=re.M)


def fingerprints(nb):
    "(cell, hash) of each cell of code; the hash of one that runs by default holds the export cells above it, too"
    exported = ''
    for cell in nb['cells']:
        if not is_code(cell): continue
        if is_export(cell): exported += code_of(cell)
        seen = code_of(cell) + (exported if runs_by_default(cell) else '')
        yield cell, hashlib.sha256(seen.encode()).hexdigest()[:8]


def stale(nb):
    "(cell, why) of each cell whose saved output does not belong to the code as it stands"
    for cell, now in fingerprints(nb):
        then = cell['metadata'].get('ran')
        if 'nbdev_export()' in source(cell) or 'notest' in directives(cell): continue
        if flag(cell) and not cell['outputs']: continue              # nothing was saved that could be old
        changed = 'has changed since it ran'
        if then is None: yield cell, 'was never run by .ci/execute'
        elif then != now: yield cell, changed if flag(cell) else f'or an export cell above it {changed}'


def title(cell):
    "The first line of a cell that says something, to name it by"
    lines = [line for line in source(cell).splitlines() if line.strip() and not line.startswith('#|')]
    return lines[0].strip()[:70] if lines else '(empty)'


def fewer_colors(png, limit=100_000):
    "A PNG in base64, with 256 colors if it is large: a third of the bytes, and hardly a difference that one sees"
    if len(png) < limit: return png
    picture, small = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    picture.convert('RGB').quantize(256, dither=Image.Dither.NONE).save(small, 'PNG', optimize=True)
    return min(png, base64.b64encode(small.getvalue()).decode(), key=len)


def tidy(output):
    "Make a saved output small, and leave out what is another each time: temporary folders, warnings of torch's own log"
    data = output.get('data', {})
    if output.get('name') == 'stderr':
        output['text'] = re.sub(r'^\[?W\d{4} .*\n?', '', ''.join(output['text']), flags=re.M)
    if 'image/png' in data: data['image/png'] = fewer_colors(''.join(data['image/png']))
    for holder, key in ((output, 'text'), (data, 'text/plain'), (data, 'text/html')):
        if key not in holder: continue
        text = re.sub(r'/tmp/tmp\w+', '...', ''.join(holder[key]))
        holder[key] = text.splitlines(keepends=True) if isinstance(holder[key], list) else text


def joined(outputs):
    "What was printed in pieces, and in how many is chance, as one piece"
    found = []
    for output in outputs:
        last = found[-1] if found else {}
        if output['output_type'] == 'stream' and output['name'] == last.get('name'): last['text'] += output['text']
        else: found.append(output)
    return found
