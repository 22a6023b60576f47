"""Hard cases settle by default, and posteriors are those of NUTS on the joint model.

`tests/benchmarks/whitened_posterior.py` compares all of them with NUTS; docs/whitened.md has the
figures.
"""

from __future__ import annotations

import numpy as np
import pytest

import bayesmix as bm
from benchmarks.whitened_posterior import differences
from whitened_cases import HARD, REAL, SHARED

# Few groups and a response that x tells apart are what these cases are about.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning"),
]
QUIET = {"random_seed": 1, "progressbar": False}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_pass_by_default(name):
    case = HARD[name]
    fit = bm.fit(case.formula, case.data(), family=case.family, **QUIET, **case.options)
    assert fit.idata.attrs["method"] == "whitened"
    figures = fit.diagnostics()
    assert figures["r_hat"].max() <= 1.01
    assert figures[["ess_bulk", "ess_tail"]].min().min() >= 400


# An R-hat of NUTS beyond 1.01 widens its Monte-Carlo errors, which the comparison is in.
@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@pytest.mark.parametrize("name", ["cbpp", "penicillin", "counts, nested"])
def test_the_posterior_is_that_of_nuts(name):
    case = REAL[name]
    if not SHARED.exists() and name in ("cbpp", "penicillin"):
        pytest.skip("the real data sets are not in ../shared/data")
    options = {"family": case.family, "draws": 2000} | QUIET | case.options
    ours = bm.fit(case.formula, case.data(), method="whitened", **options)
    theirs = bm.fit(case.formula, case.data(), nuts={"target_accept": 0.95}, **options)
    _, z = differences(ours, theirs)
    assert np.abs(z).max() < 4
