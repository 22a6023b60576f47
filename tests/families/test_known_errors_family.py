"""The Gaussian family with known standard errors, against SciPy and differences."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import get_family, is_known

SE = np.array([1e-3, 0.5, 2.0, 1e3])
Y = np.array([0.1, -2.0, 3.0, 500.0])
ETA = np.array([[0.1, -1.0, 2.0, -100.0], [0.0, 0.0, 0.0, 0.0], [0.11, 50.0, -9.0, 3e4]])
SIGMA = np.array([[0.0], [1e-8], [3.0]])

residuals = pytest.mark.parametrize("residual", [False, True])


def family_of(residual: bool) -> bm.families.Family:
    return with_known_errors(get_family("gaussian"), residual)


def sd_of(residual: bool) -> np.ndarray:
    return np.sqrt(SE**2 + SIGMA**2) if residual else np.broadcast_to(SE, ETA.shape)


def own_parameters(residual: bool) -> dict[str, np.ndarray]:
    return {"sigma": SIGMA} if residual else {}


@residuals
def test_the_density_is_the_normal_one(residual):
    ours = family_of(residual).log_density(Y, ETA, own_parameters(residual), 1 / SE**2)
    np.testing.assert_allclose(ours, stats.norm.logpdf(Y, ETA, sd_of(residual)), rtol=1e-12)


@residuals
def test_slopes_are_those_of_differences(residual):
    family = family_of(residual)
    sigma = np.array([[0.4], [2.0]])
    eta, own = ETA[:2] / 10, {"sigma": sigma} if residual else {}
    weights = 1 / np.array([0.3, 0.5, 2.0, 5.0]) ** 2
    y = Y / 100

    def at(shift: float, name: str) -> np.ndarray:
        moved = {"sigma": sigma + shift * (name == "sigma")} if residual else {}
        return family.log_density(y, eta + shift * (name == "mu"), moved, weights)

    slopes = family.slopes(y, family.values(eta, own), family.rows(weights))
    assert list(slopes) == (["mu", "sigma"] if residual else ["mu"])
    for name, slope in slopes.items():
        difference = (at(1e-5, name) - at(-1e-5, name)) / 2e-5
        np.testing.assert_allclose(slope.score, difference, rtol=1e-6, atol=1e-8)
        assert (slope.information > 0).all()


def test_the_information_on_sigma_is_the_variance_of_its_score():
    family, rng = family_of(True), np.random.default_rng(1)
    weights, own = np.full(1, 4.0), {"sigma": np.full((1, 1), 0.7)}
    y = rng.normal(0.0, np.sqrt(0.25 + 0.49), size=(200_000, 1))
    slope = family.slopes(y, family.values(np.zeros((1, 1)), own), family.rows(weights))["sigma"]
    assert slope.score.var() == pytest.approx(float(slope.information[0, 0]), rel=0.02)


@residuals
def test_scores_of_many_chains_are_those_of_the_rows(residual):
    family, rng = family_of(residual), np.random.default_rng(3)
    y, eta, weights = rng.normal(size=30), rng.normal(size=(30, 5)), rng.uniform(0.1, 9, 30)
    own = {"sigma": rng.uniform(0.1, 3, 5)} if residual else {}
    rows = family.rows(weights)
    ours = family.scores(y, eta.copy(), own, rows)
    theirs = replace(family, closed_scores=None).scores(y, eta.copy(), own, rows)
    np.testing.assert_allclose(np.diff(ours.total), np.diff(theirs.total), rtol=1e-10)
    np.testing.assert_allclose(ours.score, theirs.score, rtol=1e-12)
    assert ours.auxiliary.keys() == theirs.auxiliary.keys()
    for name, value in ours.auxiliary.items():
        np.testing.assert_allclose(value, theirs.auxiliary[name], rtol=1e-8)


@residuals
def test_draws_have_the_standard_errors_of_their_rows(residual):
    family = family_of(residual)
    rows = np.tile(SE, (20_000, 1))
    own = {"sigma": np.full((20_000, 1), 1.5)} if residual else {}
    drawn = family.draw(np.random.default_rng(2), np.zeros(rows.shape), own, 1 / SE**2)
    wanted = np.sqrt(SE**2 + 1.5**2) if residual else SE
    np.testing.assert_allclose(drawn.std(axis=0), wanted, rtol=0.03)


@residuals
def test_it_pickles_as_what_it_is(residual):
    family = family_of(residual)
    assert pickle.loads(pickle.dumps(family)) == family
    assert is_known(family)
    assert family != get_family("gaussian")
    assert family.has_residual_sd is residual


def test_rows_without_standard_errors_are_refused():
    with pytest.raises(bm.BayesmixError, match="known standard error"):
        family_of(False).log_density(Y, ETA)


@pytest.mark.parametrize("family", ["student", "poisson", "lognormal", "bernoulli(probit)"])
def test_other_families_are_refused(family):
    with pytest.raises(bm.BayesmixError, match="gaussian family with the identity link"):
        with_known_errors(get_family(family))
