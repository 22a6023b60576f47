"""Verbs of fits whose group effects are summaries: all say the same of them."""

from __future__ import annotations

import pytest

import bayesmix as bm
from summarised import with_effects_summarised

SAID = (
    r" need the draws of the effects of 'Subject', whose 18 levels were too many for them to be "
    r"kept: the fit has summaries only\. "
)
CALLS = {
    "Conditional predictions": (
        lambda fit: fit.epred(),
        lambda fit: fit.predictions(by="Days"),
        lambda fit: fit.comparisons("Days", by=True, groups="conditional"),
    ),
    "Conditional residuals": (lambda fit: fit.residuals(predictive="conditional"),),
    "Residual tests": (lambda fit: fit.residual_tests(),),
    "Effects of single levels": (
        lambda fit: fit.draws_frame(["u"]),
        lambda fit: fit.hypothesis("u:Subject:Days:308 > 0"),
    ),
    "Conditional criteria": (lambda fit: fit.waic(),),
    "Replicated data": (lambda fit: fit.plot_ppc(),),
}


@pytest.fixture(scope="module")
def summarised() -> bm.MixedFit:
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    options = {"draws": 100, "chains": 2, "random_seed": 1, "progressbar": False}
    return with_effects_summarised(bm.fit(formula, data, **options))


@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@pytest.mark.parametrize("asker", CALLS)
def test_what_needs_the_draws_says_so(summarised, asker):
    for call in CALLS[asker]:
        with pytest.raises(bm.BayesmixError, match=f"^{asker}{SAID}[A-Zr].*\\.$"):
            call(summarised)


@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
def test_what_needs_none_goes_on(summarised):
    assert len(summarised.ranef()) == 36
    assert len(summarised.epred(groups="population")) == 180
    assert len(summarised.residuals()) == 180
