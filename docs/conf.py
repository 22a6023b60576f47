from __future__ import annotations

import bayesmix

project = "bayesmix"
author = "The bayesmix developers"
copyright = "2026, The bayesmix developers"
release = bayesmix.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "sphinx_book_theme"
html_title = "bayesmix"
