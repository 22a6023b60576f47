from __future__ import annotations

import shutil
from pathlib import Path

import bayesmix

# Sphinx reads below its own folder only. The notebooks keep the outputs of their last run.
EXAMPLES = Path(__file__).parent / "examples"
EXAMPLES.mkdir(exist_ok=True)
for notebook in sorted((EXAMPLES.parents[1] / "examples").glob("*.ipynb")):
    shutil.copy(notebook, EXAMPLES)

project = "bayesmix"
author = "The bayesmix developers"
copyright = "2026, The bayesmix developers"
release = bayesmix.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
]
exclude_patterns = ["_build"]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "sphinx_book_theme"
html_title = "bayesmix"
