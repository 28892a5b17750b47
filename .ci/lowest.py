"""The oldest versions that settings.ini allows, for pip: python .ci/lowest.py [--without NAME ...] > lowest.txt

    pip install . -c lowest.txt

NAME is left free, as when the packages for development pin it themselves."""
import argparse
import re
from configparser import ConfigParser
from pathlib import Path

root = Path(__file__).parents[1]


def lowest(requirement):
    "(name, version) of a requirement such as fastcore>=1.7,<2"
    found = re.fullmatch(r'([\w.-]+)>=([\w.]+)(,<[\w.]+)?', requirement)
    if not found: raise SystemExit(f'settings.ini: {requirement} has no lowest version (name>=version).')
    return found[1], found[2]


def main():
    "Print name==version, one a line"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--without', nargs='*', default=[], metavar='NAME', help='packages to leave out')
    args = parser.parse_args()
    cfg = ConfigParser(delimiters=['='])
    cfg.read(root/'settings.ini', encoding='utf8')
    for requirement in cfg['DEFAULT']['requirements'].split():
        name, version = lowest(requirement)
        if name not in args.without: print(f'{name}=={version}')


if __name__ == '__main__': main()
