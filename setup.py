"Everything that setuptools wants to know is written in settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup, find_packages

ini = ConfigParser(delimiters=['='])
ini.read(Path(__file__).with_name('settings.ini'), encoding='utf8')
cfg = ini['DEFAULT']
requirements, dev_requirements = cfg['requirements'].split(), cfg['dev_requirements'].split()
readme = Path(__file__).with_name('README.md')

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    long_description=readme.read_text(encoding='utf8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    keywords=cfg['keywords'],
    author=cfg['author'],
    author_email=cfg['author_email'],
    url=cfg['git_url'],
    license='MIT',
    python_requires='>=' + cfg['min_python'],
    packages=find_packages(include=['eva_dit', 'eva_dit.*']),
    install_requires=requirements,
    extras_require=dict(dev=dev_requirements),
    entry_points=dict(console_scripts=cfg['console_scripts'].split(), nbdev=[f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"]),
    classifiers=['Intended Audience :: Science/Research', 'Natural Language :: English', 'Programming Language :: Python :: 3'],
    zip_safe=False,
)
