"""Models compared by their evidence: the table, what it says, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix import Prior

QUICK = {"random_seed": 1, "draws": 500, "progressbar": False}
SLEEPSTUDY = bm.load_dataset("sleepstudy")


@pytest.fixture
def growth(fitted) -> dict[str, bm.MixedFit]:
    """Two models of the same rows."""
    uncorrelated = fitted("sleepstudy-uncorrelated")
    return {"slopes": fitted("sleepstudy-slopes"), "uncorrelated": uncorrelated}


def test_the_table(growth):
    table = bm.compare(growth, ic="evidence")
    found = {name: fit.log_evidence() for name, fit in growth.items()}
    best, other = table.index
    assert list(table.columns) == [
        *("K", "log_evidence", "se", "Delta_log_evidence", "se_Delta", "Bayes_factor"),
        *("probability", "N_random_effects", "warning"),
    ]
    assert table["log_evidence"].to_dict() == {
        name: one.log_evidence for name, one in found.items()
    }
    behind = found[best].log_evidence - found[other].log_evidence
    assert behind > 0
    assert table.loc[other, "Delta_log_evidence"] == pytest.approx(behind)
    assert table.loc[other, "Bayes_factor"] == pytest.approx(math.exp(-behind))
    assert table["probability"].sum() == pytest.approx(1)
    ratio = table.loc[other, "probability"] / table.loc[best, "probability"]
    assert ratio == pytest.approx(math.exp(-behind))
    errors = [one.se for one in found.values()]
    assert table.loc[other, "se_Delta"] == pytest.approx(math.hypot(*errors))
    assert table.loc[best, "se_Delta"] == 0


def test_says_what_it_means(growth):
    table = bm.compare(growth, ic="evidence")
    text = " ".join(repr(table).split())
    best, other = table.index
    factor = 1 / table.loc[other, "Bayes_factor"]
    assert f"The rows are {factor:.1f} times as probable under {best} as under {other}" in text
    assert "also where fit.sensitivity() finds no estimate that depends on it" in text
    assert "Kass & Raftery (1995)" in text
    assert "Bayes_factor" in table._repr_html_()


def test_depends_on_priors_on_which_no_estimate_does(growth):
    """Ten times the scale of the default prior: 2.0 less, as docs/comparing.md says."""
    slopes = growth["slopes"]
    wide = slopes.update(priors={"sd:Subject:Days": Prior("Exponential", scale=195.6)})
    for fit in (slopes, wide):
        assert fit.sensitivity("sd:Subject:Days")["prior"].max() < 0.05
    fell = slopes.log_evidence().log_evidence - wide.log_evidence().log_evidence
    assert fell == pytest.approx(2.0, abs=0.2)


def test_other_rows_are_refused(growth):
    fewer = bm.fit("Reaction ~ Days", SLEEPSTUDY.iloc[1:], **QUICK)
    with pytest.raises(bm.BayesmixError, match="different rows"):
        bm.compare(growth["slopes"], fewer, ic="evidence")


def test_probabilities_and_densities_are_refused():
    data = pd.DataFrame({"y": np.arange(30) % 4, "x": np.arange(30) / 10})
    counts = bm.fit("y ~ x", data, family="poisson", **QUICK)
    normal = bm.fit("y ~ x", data, **QUICK)
    reason = "'counts' gives probabilities and 'normal' densities. A density has a unit"
    with pytest.raises(bm.BayesmixError, match=reason):
        bm.compare({"counts": counts, "normal": normal}, ic="evidence")


def test_an_improper_prior_is_refused_with_the_name_of_the_model(growth):
    flat = bm.fit("Reaction ~ Days", SLEEPSTUDY, priors={"beta": Prior("Flat")}, **QUICK)
    with pytest.raises(bm.BayesmixError, match=r"^'flat': A model with an improper prior"):
        bm.compare({**growth, "flat": flat}, ic="evidence")


def test_takes_fits_alone_and_its_own_options(growth):
    results = {name: fit.loo() for name, fit in growth.items()}
    with pytest.raises(bm.BayesmixError, match="or the fits"):
        bm.compare(results, ic="evidence")
    with pytest.raises(bm.BayesmixError, match="Unknown option reloo"):
        bm.compare(growth, ic="evidence", reloo=True)
    other = bm.compare(growth, ic="evidence", random_seed=7)
    assert other["log_evidence"].iloc[0] != growth[other.index[0]].log_evidence().log_evidence


def test_no_model_is_judged_by_what_cannot_be_trusted(growth, monkeypatch):
    monkeypatch.setattr("bayesmix.engines.exact.evidence.LARGEST_ERROR", 1e-9)
    with pytest.warns(bm.ComparisonWarning, match="no model is judged by it"):
        table = bm.compare(growth, ic="evidence")
    assert repr(table).startswith("Warning: The evidence of")
    assert "which is not known well" in " ".join(repr(table).split())


def test_is_not_drawn_as_differences_in_prediction(growth):
    with pytest.raises(bm.BayesmixError, match="this table has evidences"):
        bm.plot_compare(bm.compare(growth, ic="evidence"))
