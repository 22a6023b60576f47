"""Make a notebook of each example script, and run it from a clean kernel.

    python examples/build_notebooks.py            # all
    python examples/build_notebooks.py gpa pupils

The scripts are the source; a notebook with its outputs is made from it and never edited.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
NAMES = (
    "gpa",
    "shrinkage_settings",
    "pupils",
    "sleepstudy",
    "slopes_with_and_without_correlation",
    "meta_analysis",
    "excess_zeros",
    "location_scale",
    "ratings",
    "what_does_it_say",
    "next_study",
    "wrong_family",
    "which_criterion",
)


def notebook_of(script: Path) -> nbformat.NotebookNode:
    """Read a script in the percent format as a notebook without outputs."""
    notebook = jupytext.read(script, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        # Made anew at each reading otherwise, so that an unchanged notebook would differ.
        cell["id"] = f"cell-{number}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run all cells in a clean kernel, and leave out what differs between two runs."""
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if not _is_progress(one)]
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _is_progress(output: nbformat.NotebookNode) -> bool:
    """Tell whether an output says how far the sampling is, which differs between two runs."""
    text = output.get("data", {}).get("text/plain", "")
    return output.get("name") == "stderr" or "for a progress bar" in text


def main(names: list[str]) -> None:
    for name in names:
        notebook = run(notebook_of(FOLDER / f"{name}.py"))
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")
        print(f"{name}: {len(notebook.cells)} cells", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(NAMES))
    main(parser.parse_args().names)
