"Make README.md from nbs/index.ipynb: python .ci/readme.py [where]. (nbdev_readme does the same through quarto, which pip cannot install.)"
import re, subprocess, sys
from pathlib import Path
from nbconvert import MarkdownExporter
import nbformat

root = Path(__file__).parents[1]
target = Path(sys.argv[1]) if len(sys.argv) > 1 else root/'README.md'
subprocess.run(['nbdev_proc_nbs'], cwd=root, check=True, stdout=subprocess.DEVNULL)
nb = nbformat.read(root/'_proc/index.ipynb', 4)
head = nb.cells[0]
if head.cell_type == 'raw':                                   # nbdev moves title and description into a YAML header
    meta = dict(re.findall(r'^(title|description): (.*)$', head.source, re.M))
    nb.cells[0] = nbformat.v4.new_markdown_cell(f"# {meta['title']}\n\n> {meta['description']}")
for c in nb.cells:
    c.source = re.sub(r'^#\|.*\n', '', c.source, flags=re.M)
    if c.cell_type == 'markdown': c.source = re.sub(r'\]\((images/|[0-9]{2}_\w+\.ipynb)', r'](nbs/\1', c.source)
md, _ = MarkdownExporter().from_notebook_node(nb)
md = '\n'.join(line.rstrip() for line in md.splitlines())
md = '<!-- Made from nbs/index.ipynb by .ci/readme.py: change that, not this. -->\n\n' + re.sub(r'\n{3,}', '\n\n', md).strip() + '\n'
target.write_text(md, encoding='utf8')
