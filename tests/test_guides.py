"""The code of guides runs as it stands, block after block."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import pytest

import bayesmix as bm

GUIDES = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@pytest.mark.parametrize("name", ["distributional", "hypotheses", "sensitivity"])
def test_blocks_run_one_after_the_other(name):
    mpl.use("Agg")
    text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        exec(compile(block, name, "exec"), names)
    fit = names["fit"]
    assert isinstance(fit, bm.MixedFit)
    # The priors that the guide shows are those of the fit.
    for path, prior in fit.priors.itertuples(index=False):
        assert re.search(rf"^\d +{re.escape(path)} +{re.escape(prior)}$", text, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
def test_residuals_are_those_of_the_guide():
    mpl.use("Agg")
    text = (GUIDES / "residuals.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        exec(compile(block, "residuals", "exec"), names)
    fit = names["fit"]
    assert isinstance(fit, bm.MixedFit)
    found = fit.residual_tests()
    # The words above the numbers, of the model as it is and of the one that is right.
    assert "zeros, too: compare with family='negbinomial')." in repr(found)
    for name, observed in zip(found.table["test"], found.table["observed"], strict=True):
        shown = re.search(rf"^{name} +x? +([\d.]+) ", text, flags=re.MULTILINE)
        assert shown is not None
        assert float(shown[1]) == pytest.approx(observed, rel=0.1, abs=0.02)
    table = fit.residuals()
    for row in re.findall(r"^(\d) +(0\.\d+) +(-?[\d.]+) +([\d.]+) +([\d.]+)$", text, re.MULTILINE):
        place, uniform, residual, fitted, k = map(float, row)
        own = table.iloc[int(place)]
        assert own["fitted"] == pytest.approx(fitted, abs=0.1)
        assert own["uniform"] == pytest.approx(uniform, abs=0.03)
        assert own["residual"] == pytest.approx(residual, abs=0.15)
        assert own["pareto_k"] == pytest.approx(k, abs=0.25)


def test_heavy_tails_shows_the_priors_of_its_model(monkeypatch):
    text = (GUIDES / "heavy-tails.md").read_text(encoding="utf-8")
    block = re.search(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert block is not None
    monkeypatch.setattr(bm, "fit", lambda *model, priors, **_: bm.prepare(*model, priors=priors))
    names: dict[str, object] = {}
    exec(compile(block[1], "heavy-tails", "exec"), names)
    spec = names["fit"]
    assert isinstance(spec, bm.ModelSpec)
    for path, prior in spec.prior_table().itertuples(index=False):
        assert re.search(rf"^\d +{re.escape(path)} +{re.escape(prior)}$", text, flags=re.MULTILINE)
