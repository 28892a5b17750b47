"Everything that setuptools wants to know is written in settings.ini."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
ini = ConfigParser(delimiters=['='])
ini.read(here/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']
name = cfg['lib_name']
notebook = cfg['notebook_requirements'].split()
dev = cfg['dev_requirements'].split()
# README's links lead into the repository, from wherever its text is shown
readme = (here/'README.md').read_text(encoding='utf8')
readme = readme.replace('](nbs/images/', f"]({cfg['git_url']}/raw/{cfg['branch']}/nbs/images/")
readme = readme.replace('](nbs/', f"]({cfg['git_url']}/blob/{cfg['branch']}/nbs/")

setup(
    name=name,
    version=cfg['version'],
    description=cfg['description'],
    long_description=readme,
    long_description_content_type='text/markdown',
    keywords=cfg['keywords'],
    author=cfg['author'],
    author_email=cfg['author_email'],
    url=cfg['git_url'],
    license='MIT',
    python_requires='>=' + cfg['min_python'],
    packages=find_packages(include=[name, f'{name}.*']),
    package_data={name: ['static/*']},
    install_requires=cfg['requirements'].split(),
    extras_require=dict(notebook=notebook, dev=notebook + dev),
    entry_points=dict(console_scripts=cfg['console_scripts'].split(), nbdev=[f'{name}={name}._modidx:d']),
    classifiers=[
        'Intended Audience :: Science/Research',
        'Natural Language :: English',
        'Programming Language :: Python :: 3',
    ],
    zip_safe=False,
)
