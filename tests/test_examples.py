"""The examples: notebooks are those of the scripts, run from a clean kernel, on real data too."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import nbformat
import pandas as pd
import pytest

import bayesmix as bm

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))

from build_notebooks import NAMES, notebook_of, run  # noqa: E402

every = pytest.mark.parametrize("name", NAMES)
# The others run among the slow tests.
QUICK = ("gpa", "sleepstudy", "meta_analysis")
quick_first = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES],
)


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)


@every
def test_notebooks_are_those_of_the_scripts(name):
    kept, made = read(name), notebook_of(EXAMPLES / f"{name}.py")
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.cell_type, cell.source) for cell in made.cells
    ]


@every
def test_notebooks_have_been_run(name):
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.output_type for cell in code for output in cell.outputs}
    assert "error" not in kinds
    pictures = [o for cell in code for o in cell.outputs if "image/png" in o.get("data", {})]
    assert pictures


@quick_first
def test_notebooks_run_from_a_clean_kernel(name, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = run(notebook_of(EXAMPLES / f"{name}.py"))
    tables = [
        (ours.get("data", {}).get("text/plain"), theirs.get("data", {}).get("text/plain"))
        for ours, theirs in zip(outputs(notebook), outputs(read(name)), strict=True)
    ]
    assert all((a is None) == (b is None) for a, b in tables)


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpa", "pupils"])
def test_scripts_run_on_the_real_data(name, load, monkeypatch):
    """Seen for gpa: 3 negative slopes; for pupils: the chapter's predictions for school 10."""
    real = {"gpa": as_gpa, "pupils": as_pupils}[name](load)
    monkeypatch.setattr(bm, "load_dataset", lambda asked: real)
    mpl.use("Agg")
    seen = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    if name == "gpa":
        assert seen["negative"]["partial_pooling"] == 3
        assert seen["negative"]["no_pooling"] > 15
        assert seen["fit"].varcorr()["sd"].tolist() == pytest.approx([0.21, 0.07, 0.21], abs=0.01)
    else:
        chapter = {
            "intercept and differences": [6.293, 6.520, 6.839],
            "one effect per status": [6.293, 6.520, 6.839],
            "school, and school by status": [6.289, 6.548, 6.787],
        }
        for coding, values in chapter.items():
            assert seen["predictions"][coding].tolist() == pytest.approx(values, abs=0.08)
        assert seen["comparison"]["K"].to_dict() == dict(zip(chapter, (10, 10, 6), strict=True))


@pytest.mark.slow
def test_criteria_differ_on_the_real_data_as_written(load, lme4, monkeypatch):
    """The table of differences from Model 1 in the example and in docs/comparing.md."""
    real = as_pupils(load)
    monkeypatch.setattr(bm, "load_dataset", lambda asked: real)
    mpl.use("Agg")
    seen = runpy.run_path(str(EXAMPLES / "which_criterion.py"))["differences"]
    seen = seen.loc[["Model 2", "Model 3"]]
    assert seen["LOO"].tolist() == pytest.approx([-1.3, 6.8], abs=0.4)
    assert seen["LOGO"].tolist() == pytest.approx([-0.5, 5.7], abs=0.4)
    assert seen["evidence"].tolist() == pytest.approx([5.0, 1.3], abs=0.15)
    fits = lme4["fits"]["pupils_demo"]
    by_likelihood = fits["model_3_ML"]["AIC"] - fits["model_1_ML"]["AIC"]
    as_printed = fits["model_3"]["AICc"] - fits["model_1"]["AICc"]
    assert [by_likelihood, as_printed] == pytest.approx([6.9, 6.9], abs=0.05)


def as_gpa(load) -> pd.DataFrame:
    return load("gpa")[["student", "occasion", "gpa"]].astype({"student": "str"})


def as_pupils(load) -> pd.DataFrame:
    names = {
        "primary_school_id": "primary_school",
        "secondary_school_id": "secondary_school",
    }
    return load("pupils_demo").rename(columns=names)


def test_the_demo_compares_and_draws(tmp_path, monkeypatch, capsys):
    demo = runpy.run_path(str(EXAMPLES / "sleepstudy_demo.py"))
    monkeypatch.setitem(demo["main"].__globals__, "FIGURE", tmp_path / "deep" / "figure.png")
    demo["main"]()
    said = capsys.readouterr().out
    assert "uncorrelated" in said
    assert "Variance Components" in said
    assert os.path.getsize(tmp_path / "deep" / "figure.png") > 10_000


def test_simulated_data_sets_are_those_of_the_script():
    import make_datasets

    for name in ("gpa", "pupils"):
        made, shipped = getattr(make_datasets, name)(), bm.load_dataset(name)
        assert made.shape == shipped.shape
        for column in made:
            if pd.api.types.is_numeric_dtype(shipped[column]):
                assert made[column].to_numpy() == pytest.approx(shipped[column].to_numpy())
            else:
                assert made[column].astype(str).tolist() == shipped[column].astype(str).tolist()
