"""Power-scaling against closed forms of a conjugate model, and against ArviZ's own summary."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.fitting import MixedFit
from bayesmix.model.options import SampleOptions
from bayesmix.questions.log_priors import log_prior, priors_under
from odd_columns import QUIET, rows

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")

CHAINS, DRAWS = 4, 1000
S = CHAINS * DRAWS
# Estimates with known errors, and a prior of their mean.
Y, SE = np.array([1.0, 2.2, 1.6]), np.array([0.5, 0.8, 0.6])
MU, SIGMA = 0.0, 1.0


def law(prior: float, likelihood: float) -> tuple[float, float]:
    """Mean and sd of the posterior with powers of both."""
    precision = prior / SIGMA**2 + likelihood * (SE**-2.0).sum()
    mean = (prior * MU / SIGMA**2 + likelihood * (Y / SE**2).sum()) / precision
    return mean, precision**-0.5


def distance(p: tuple[float, float], q: tuple[float, float]) -> float:
    """The cumulative Jensen-Shannon distance, normalised as in the article, by quadrature."""
    low, high = stats.norm(*law(1, 1)).ppf([0.5 / S, 1 - 0.5 / S])

    def half(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return u * np.log2(2 * u / (u + v)) + (v - u) / (2 * math.log(2))

    def one(sign: float) -> float:
        x = np.linspace(*sorted((sign * low, sign * high)), 4001)
        u, v = (stats.norm(sign * mean, sd).cdf(x) for mean, sd in (p, q))
        total = integrate.simpson(half(u, v) + half(v, u), x=x)
        return math.sqrt(total / integrate.simpson(u + v, x=x))

    return max(one(1.0), one(-1.0))


def gradient(part: str) -> float:
    found = []
    for power in (0.99, 1.01):
        powers = (power, 1.0) if part == "prior" else (1.0, power)
        found.append(distance(law(1, 1), law(*powers)) / abs(math.log2(power)))
    return sum(found) / 2


def conjugate(priors: dict | None = None) -> MixedFit:
    """A posterior whose draws are the quantiles of the closed form, in a random order."""
    data = pd.DataFrame({"y": Y, "se": SE})
    priors = {"Intercept": bm.Prior("Normal", mu=MU, sigma=SIGMA)} if priors is None else priors
    spec = bm.prepare("y ~ 1", data, se="se", priors=priors)
    drawn = stats.norm(*law(1, 1)).ppf((np.random.default_rng(1).permutation(S) + 0.5) / S)
    beta = drawn.reshape(CHAINS, DRAWS, 1)
    posterior = xr.Dataset({"beta": (("chain", "draw", "term"), beta)})
    posterior = posterior.assign_coords(chain=range(CHAINS), draw=range(DRAWS))
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return MixedFit(spec, tree, SampleOptions())


@pytest.mark.parametrize("integrated", [True, False])
def test_conjugate_model(integrated):
    table = conjugate().sensitivity(integrated=integrated)
    (row,) = table.itertuples(index=False)
    mean, sd = law(1, 1)
    assert row.value == pytest.approx(mean, abs=1e-6)
    assert row.se == pytest.approx(sd, rel=2e-3)
    # Draws are quantiles, so that little but the smoothing of tails is left of the error.
    assert row[table.columns.get_loc("value_0.5")] == pytest.approx(law(0.5, 1)[0], abs=0.004)
    assert row.value_2 == pytest.approx(law(2, 1)[0], abs=0.004)
    assert row.prior == pytest.approx(gradient("prior"), rel=0.02)
    assert row.likelihood == pytest.approx(gradient("likelihood"), rel=0.02)
    assert row.prior > 0.05
    assert row.likelihood > 0.05
    assert row.diagnosis == "potential prior-data conflict"
    assert max(row.prior_k, row.likelihood_k, row.value_k) < 0.3


def test_the_power_is_that_of_the_columns():
    table = conjugate().sensitivity(power=1.25)
    assert table.columns[5:7].tolist() == ["value_0.8", "value_1.25"]
    assert table["value_0.8"].item() == pytest.approx(law(0.8, 1)[0], abs=0.002)
    assert table["value_1.25"].item() == pytest.approx(law(1.25, 1)[0], abs=0.002)


def test_expressions_have_the_sensitivity_of_their_draws():
    fit = conjugate()
    table = fit.sensitivity(["Intercept", "-3 * Intercept + 2"])
    assert table["parameter"].tolist() == ["beta:Intercept", "-3 * Intercept + 2"]
    first, last = table.to_dict("records")
    assert last["value"] == pytest.approx(2 - 3 * first["value"])
    assert last["value_2"] == pytest.approx(2 - 3 * first["value_2"])
    assert last["prior"] == pytest.approx(first["prior"], rel=1e-6)


def test_flat_priors_have_no_power():
    table = conjugate({"Intercept": bm.Prior("Flat")}).sensitivity()
    assert table["prior"].item() == 0
    assert table["value_2"].item() == pytest.approx(table["value"].item(), rel=1e-12)
    assert table["diagnosis"].item() == "-"
    assert table["prior_k"].item() == 0
    assert "Constant priors, which no power changes: Intercept." in repr(table)
    assert "The parameter does not depend noticeably on the prior" in repr(table)


def test_weak_data_are_told_from_conflict():
    far = conjugate({"Intercept": bm.Prior("Normal", mu=-3, sigma=SIGMA)})
    row = far.sensitivity(power=1.1).iloc[0]
    assert row["prior"] > 1.5 * row["likelihood"]
    for threshold, expected in (
        (0.9 * row["likelihood"], "potential prior-data conflict"),
        (1.1 * row["likelihood"], "potential strong prior / weak likelihood"),
        (1.1 * row["prior"], "-"),
    ):
        table = far.sensitivity(power=1.1, threshold=threshold)
        assert table["diagnosis"].item() == expected


def test_words_say_where_the_prior_pulls():
    text = " ".join(repr(conjugate().sensitivity()).split())
    assert "1 of 1 parameter depends on the prior (sensitivity 0.05 or more): beta:Int" in text
    lower, mean, upper = law(0.5, 1)[0], law(1, 1)[0], law(2, 1)[0]
    assert f"Counting the priors twice moves its mean from {mean:.3g}" in text
    assert "down to" in text
    assert upper < mean < lower
    html = conjugate().sensitivity()._repr_html_()
    assert "Power-scaling sensitivity" in html
    assert "down to" in html


def test_what_is_made_of_it_is_a_plain_frame():
    table = conjugate().sensitivity()
    assert type(table.head()) is pd.DataFrame
    assert repr(copy.copy(table)) == repr(copy.copy(table))


def test_weights_that_fail_are_told_of_with_the_remedy():
    narrow = conjugate({"Intercept": bm.Prior("Normal", mu=1.2, sigma=0.05)})
    with pytest.warns(bm.ComparisonWarning, match=r"refit=True"):
        table = narrow.sensitivity()
    assert table["value_k"].item() > 0.7
    text = " ".join(repr(table).split())
    assert text.startswith("Warning: ")
    assert "'value_0.5' and 'value_2' cannot be trusted" in text


def test_refit_takes_the_place_of_weights_that_fail():
    narrow = conjugate({"Intercept": bm.Prior("Normal", mu=1.2, sigma=0.05)})
    fit = MixedFit(narrow.spec, narrow.idata, SampleOptions(random_seed=3, progressbar=False))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The columns", bm.ComparisonWarning)
        warnings.filterwarnings("ignore", "The column 'prior'", bm.ComparisonWarning)
        table = fit.sensitivity(refit=True)
    for column, power in (("value_0.5", 0.5), ("value_2", 2)):
        precision = power / 0.05**2 + (SE**-2.0).sum()
        mean = (power * 1.2 / 0.05**2 + (Y / SE**2).sum()) / precision
        assert table[column].item() == pytest.approx(mean, abs=5 * precision**-0.5 / 60)
    assert table["value_k"].item() == 0


@pytest.fixture(scope="module")
def fit() -> bm.MixedFit:
    priors = {"cor": bm.LKJ(3), "sd": bm.Prior("HalfNormal", sigma=0.5)}
    return bm.fit("y ~ x + (x | g)", rows(), priors=priors, draws=500, **QUIET)


def test_it_is_arviz_summary(fit):
    from arviz_stats import psense_summary

    from bayesmix.engines.exact.given_population import densities_given_population

    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    draws = fit.draws_frame()
    every = {f"p{k}": own.to_numpy().reshape(shape) for k, (_, own) in enumerate(draws.items())}
    parts = {
        "posterior": every,
        "log_prior": {
            "all": log_prior(fit.spec, fit.posterior, priors_under(fit.spec, "all")).reshape(shape)
        },
        "log_likelihood": {
            "y": densities_given_population(fit.spec, fit.posterior).reshape(*shape, 1)
        },
    }
    tree = xr.DataTree.from_dict(
        {
            group: xr.Dataset(
                {name: (("chain", "draw", "obs")[: own.ndim], own) for name, own in values.items()}
            )
            for group, values in parts.items()
        }
    )
    expected = psense_summary(tree, round_to=8)
    table = fit.sensitivity()
    assert table["parameter"].tolist() == list(draws)
    for column in ("prior", "likelihood"):
        np.testing.assert_allclose(table[column], expected[column], rtol=0.01, atol=2e-4)
    assert (table["diagnosis"] != "-").tolist() == (expected["diagnosis"] != "✓").tolist()


def test_each_of_several_priors_is_scaled_by_itself(fit):
    several = ["population", "sd", "cor:g", "sigma", "all"]
    table = fit.sensitivity(["sd", "cor", "Intercept"], priors=several)
    assert list(dict.fromkeys(table["priors"])) == several
    assert len(table) == 5 * 4
    for name in several:
        alone = fit.sensitivity(["sd", "cor", "Intercept"], priors=name)
        own = table[table["priors"] == name].reset_index(drop=True)
        shared = alone.columns.drop("priors", errors="ignore")
        pd.testing.assert_frame_equal(own[shared], pd.DataFrame(alone)[shared])
    wide = table.pivot(index="parameter", columns="priors", values="prior")
    assert wide.loc["cor:g:Intercept:x", "cor:g"] > 5 * wide.loc["cor:g:Intercept:x", "sigma"]
    assert wide.loc["sd:g:x", "sd"] > 5 * wide.loc["sd:g:x", "population"]


def test_effects_of_levels_and_their_likelihoods(fit):
    integrated = fit.sensitivity(["u:g:x", "beta"])
    given = fit.sensitivity(["u:g:x", "beta"], integrated=False)
    levels = fit.design.groups[0].n_levels
    assert len(integrated) == levels + 2
    np.testing.assert_allclose(integrated["prior"], given["prior"])
    assert not np.allclose(integrated["likelihood"], given["likelihood"], rtol=0.1)
    assert "with the group effects integrated out" in repr(integrated)
    assert "given the group effects" in repr(given)


def test_effects_that_were_not_kept(rating_fit):
    posterior = rating_fit.posterior.drop_vars(["u_g", "zeta_g"], errors="ignore")
    tree = xr.DataTree.from_dict({"posterior": posterior})
    table = MixedFit(rating_fit.spec, tree, rating_fit.options).sensitivity("sd", threshold=1e-6)
    assert table["likelihood"].isna().all()
    assert table["diagnosis"].tolist() == ["depends on the prior"]
    assert "too many to be kept" in " ".join(repr(table).split())


def test_any_family_and_predictor(rating_fit, scale_fit, kind_fit):
    for one in (rating_fit, scale_fit, kind_fit):
        table = one.sensitivity()
        assert table["parameter"].tolist() == list(one.draws_frame())
        assert np.isfinite(table[["prior", "likelihood"]].to_numpy()).all()
        assert (table["likelihood"] > 0).all()


def test_a_fit_from_a_file_answers_the_same(fit, tmp_path):
    fit.save(tmp_path / "own.fit")
    again = bm.load(tmp_path / "own.fit")
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.sensitivity()), pd.DataFrame(fit.sensitivity())
    )


BAD = {
    "parameters: unknown": (["sdd"], {}, "Unknown parameter 'sdd'"),
    "parameters: a number": ([3], {}, "give a list of names"),
    "parameters: nothing": ([[]], {}, "names nothing"),
    "parameters: numbers": ([[1, 2]], {}, "give a list of names"),
    "an expression: unknown": (["x + zz"], {}, "zz"),
    "an expression: open": (["(x + sigma"], {}, r"\)|bracket|parenthes"),
    "an expression: a comparison": (["x > 0 * sigma"], {}, "operator"),
    "an expression: no name": (["2 * (3)"], {}, "names no parameter"),
    "an expression: no value": (["log(-sigma)"], {}, "no value"),
    "an expression: infinite": (["exp(1e9 * sigma)"], {}, "is too large for a number"),
    "priors: unknown": ([], {"priors": "sdd"}, "Did you mean 'sd'"),
    "priors: of another factor": ([], {"priors": "sd:h"}, "is no prior of this model"),
    "priors: a number": ([], {"priors": 2}, "give a list of names"),
    "priors: nothing": ([], {"priors": []}, "names nothing"),
    "priors: a mapping": ([], {"priors": {"sd": 1}}, "give a list of names"),
    "power: one": ([], {"power": 1}, "power=1 is not usable"),
    "power: below": ([], {"power": 0.5}, "from 1.01 to 10"),
    "power: too large": ([], {"power": 100}, "from 1.01 to 10"),
    "power: text": ([], {"power": "2"}, "power='2'"),
    "power: NaN": ([], {"power": math.nan}, "power=nan"),
    "power: True": ([], {"power": True}, "power=True"),
    "threshold: zero": ([], {"threshold": 0}, "threshold=0"),
    "threshold: percent": ([], {"threshold": 5}, "threshold=5"),
    "integrated: text": ([], {"integrated": "yes"}, "integrated='yes'"),
    "refit: text": ([], {"refit": "yes"}, "refit='yes'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_questions(fit, case):
    given, named, message = BAD[case]
    with pytest.raises(BayesmixError, match=message):
        fit.sensitivity(*given, **named)


def test_integrated_needs_a_gaussian_response(rating_fit):
    with pytest.raises(BayesmixError, match="not Gaussian"):
        rating_fit.sensitivity(integrated=True)


def test_few_draws():
    whole = conjugate()
    tree = xr.DataTree.from_dict({"posterior": whole.posterior.isel(draw=slice(0, 5))})
    with pytest.raises(BayesmixError, match="at least 25"):
        MixedFit(whole.spec, tree, whole.options).sensitivity()
