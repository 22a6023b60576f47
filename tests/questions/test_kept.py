"""Verbs of fits that have no draws of group effects: those that need them all say the same."""

from __future__ import annotations

import numpy as np
import pytest

import bayesmix as bm
from bayesmix.predictions import level_draws
from summarised import with_effects_summarised

SAID = (
    r" need the draws of the effects of 'Subject', whose 18 levels were too many for them to be "
    r"kept\. "
)
CALLS = {
    "Conditional criteria": (lambda fit: fit.waic(),),
}


@pytest.fixture(scope="module")
def summarised() -> bm.MixedFit:
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    return with_effects_summarised(bm.fit(formula, data, random_seed=1, progressbar=False))


@pytest.mark.parametrize("asker", CALLS)
def test_what_needs_the_draws_says_so(summarised, asker):
    for call in CALLS[asker]:
        with pytest.raises(bm.BayesmixError, match=f"^{asker}{SAID}[A-Zr].*\\.$"):
            call(summarised)


@pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
def test_what_needs_none_goes_on(summarised):
    assert len(summarised.ranef(ci_level=0.77)) == 36
    assert len(summarised.epred()) == 180
    assert len(summarised.predictions(by="Days")) == 10
    assert len(summarised.comparisons("Days", by=True, groups="conditional")) == 1
    assert summarised.draws_frame(["u"]).shape[1] >= 36
    assert len(summarised.hypothesis("u:Subject:Days:308 > 0")) == 1
    assert len(summarised.epred(groups="population")) == 180
    assert len(summarised.residuals()) == 180
    assert summarised.plot_ppc() is not None


@pytest.mark.filterwarnings("ignore::bayesmix.ComparisonWarning")
def test_residuals_given_effects_that_are_drawn_for_them(summarised, monkeypatch):
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    whole = bm.fit(formula, data, random_seed=2, progressbar=False)
    ours = summarised.residuals(predictive="conditional")["uniform"]
    theirs = whole.residuals(predictive="conditional")["uniform"]
    np.testing.assert_allclose(ours, theirs, atol=0.05)
    ours, theirs = (fit.residual_tests(random_seed=1).table for fit in (summarised, whole))
    np.testing.assert_allclose(ours["p_value"], theirs["p_value"], atol=0.05)
    monkeypatch.setattr(level_draws, "KEPT_BYTES", 0)
    for asker, call in {
        "Conditional residuals": lambda: summarised.residuals(predictive="conditional"),
        "Residual tests": lambda: summarised.residual_tests(),
    }.items():
        with pytest.raises(bm.BayesmixError, match=f"^{asker}{SAID}Refit"):
            call()
