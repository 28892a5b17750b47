"What changed in a version, for the page of its release: python .ci/changelog.py VERSION"
import re
import sys
from pathlib import Path

root = Path(__file__).parents[1]


def sections():
    "Version -> text, newest first, as nbs/changelog.qmd has them"
    text = (root/'nbs/changelog.qmd').read_text(encoding='utf8')
    _, *parts = re.split(r'^## +', text, flags=re.M)
    heads = [part.partition('\n') for part in parts]
    return {head.strip(): body.strip() for head, _, body in heads}


def released(version):
    "The text of a version that is ready; ends the program with a sentence if there is none"
    found = sections()
    if version not in found: sys.exit(f'nbs/changelog.qmd has no section {version}, but {", ".join(found)}.')
    text = found[version]
    if not text: sys.exit(f'The section {version} of nbs/changelog.qmd is empty.')
    if 'In the making' in text: sys.exit(f'The section {version} of nbs/changelog.qmd still says "In the making".')
    return text


if __name__ == '__main__':
    if len(sys.argv) != 2: sys.exit(__doc__)
    print(released(sys.argv[1].removeprefix('v')))
