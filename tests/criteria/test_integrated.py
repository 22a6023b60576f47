"""LOO and LOGO of models that are not Gaussian, effects integrated out: against exact refits.

The constants are sums of ``fit.kfold(k=n)`` and ``fit.logo(group, refit=True)``, 4 x 1,000 draws
each. Their Monte-Carlo error is about 0.1.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError, ComparisonWarning
from bayesmix.criteria import repair
from wine import wine

CBPP = {"loo": -101.05, "logo": -98.26}
WINE = {"loo": -85.57, "logo": -88.82}
ZERO_INFLATED = {"loo": -191.65, "logo": -194.77}


@pytest.fixture(scope="module")
def cbpp(load) -> bm.MixedFit:
    formula = "p(incidence, size) ~ period + (1 | herd)"
    return bm.fit(formula, load("cbpp"), family="binomial", random_seed=1, progressbar=False)


def judged(**options) -> bm.MixedFit:
    return bm.fit(
        "rating ~ temp + contact + (1 | judge)",
        wine(),
        family="cumulative",
        random_seed=1,
        progressbar=False,
        **options,
    )


def zero_inflated() -> bm.MixedFit:
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(20), 5), rng.normal(size=100)
    counts = rng.poisson(np.exp(1 + 0.5 * x + 0.6 * rng.normal(size=20)[g]))
    data = pd.DataFrame({"y": counts * rng.binomial(1, 0.75, 100), "x": x, "g": g})
    family = "zero_inflated_poisson"
    return bm.fit("y ~ x + (1 | g)", data, family=family, random_seed=1, progressbar=False)


def check(fit: bm.MixedFit, group: str, exact: dict[str, float]) -> None:
    loo = fit.loo(reloo=False)
    assert loo.integrated
    assert loo.elpd == pytest.approx(exact["loo"], abs=0.4)
    assert float(loo.pareto_k.max()) <= 0.7
    logo = fit.logo(group)
    assert logo.elpd == pytest.approx(exact["logo"], abs=0.4)
    assert float(logo.pareto_k.max()) <= 0.7


def test_counts_of_successes(cbpp):
    check(cbpp, "herd", CBPP)


@pytest.mark.slow
def test_ordered_categories():
    check(judged(), "judge", WINE)


@pytest.mark.slow
def test_zero_inflation():
    check(zero_inflated(), "g", ZERO_INFLATED)


def test_the_conditional_version_is_too_high(cbpp):
    words = (
        r"fit.loo\(\) integrates the group effects out, and fit.loo\(integrated=False, reloo=True\)"
    )
    with pytest.warns(ComparisonWarning, match=words):
        conditional = cbpp.loo(integrated=False)
    assert conditional.elpd > cbpp.loo().elpd + 0.5
    assert float(conditional.pareto_k.max()) > 0.7
    assert not conditional.integrated


def test_a_sample_of_all_rows_is_the_whole(cbpp):
    whole, part = cbpp.loo(reloo=False), cbpp.loo(subsample=56)
    np.testing.assert_allclose(part.elpd_i, whole.elpd_i, atol=1e-6)
    assert cbpp.loo(subsample=30).elpd == pytest.approx(whole.elpd, abs=3.0)


def test_refits_come_unasked_where_they_are_quick(cbpp, monkeypatch):
    monkeypatch.setattr("bayesmix.criteria.loo.good_k_of", lambda S: 0.45)
    with pytest.warns(ComparisonWarning, match="1 of 56 rows has a Pareto k above 0.45"):
        plain = cbpp.loo(reloo=False)
    bad = (plain.pareto_k > 0.45).values
    assert bad.sum() == 1
    mended = cbpp.loo()
    assert "with a Pareto k above 0.45" in mended.note
    assert "reloo=False does not" in mended.note
    assert (mended.pareto_k.values[bad] == 0).all()
    np.testing.assert_array_equal(mended.elpd_i[~bad], plain.elpd_i[~bad])
    np.testing.assert_allclose(mended.elpd_i[bad], plain.elpd_i[bad], atol=0.3)
    monkeypatch.setattr(repair, "UNASKED", 0.0)
    with pytest.warns(ComparisonWarning, match="above 0.45"):
        np.testing.assert_array_equal(cbpp.loo().elpd_i, plain.elpd_i)


def test_questions_go_on(cbpp, load):
    formula = "p(incidence, size) ~ 1 + (1 | herd)"
    without = bm.fit(formula, load("cbpp"), family="binomial", random_seed=1, progressbar=False)
    table = repr(bm.compare({"periods": cbpp, "none": without}))
    assert "LOO: prediction of a new row" in table
    assert "periods is ahead of none" in table
    with pytest.warns(ComparisonWarning, match=r"integrated=False\) says how many"):
        assert "loo" in list(cbpp.r2(loo=True)["r2"])
    with pytest.warns(ComparisonWarning, match="5 of 56 rows"):
        assert len(cbpp.residuals()) == 56


def test_groups_that_cannot_be_integrated_out_are_named(cbpp):
    labels = np.arange(56) % 7
    # The herds cross these groups, and are given by their draws.
    with pytest.warns(ComparisonWarning, match="5 of 7 groups"):
        assert cbpp.logo(labels, reloo=False).n_data_points == 7
    with pytest.raises(BayesmixError, match=r"group has shape \(5,\)"):
        cbpp.logo(labels[:5])
