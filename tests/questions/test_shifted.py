"""Averages over new groups by products of exponentials: those of the functions themselves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.predictions import averaged
from bayesmix.predictions.shifted import MEANS_OVER_SHIFTS


@pytest.mark.parametrize("link", MEANS_OVER_SHIFTS)
def test_means_are_those_of_the_inverse(link):
    rng = np.random.default_rng(1)
    eta = np.concatenate([rng.normal(0, 3, (50, 40)), [[-745.0] * 40, [-300.0] * 40, [300.0] * 40]])
    shifts, weights = rng.normal(0, 2, (7, 40)), rng.dirichlet(np.ones(7))
    expected = sum(
        weight * LINKS[link].inverse(eta + shift, ARRAYS)
        for weight, shift in zip(weights, shifts, strict=True)
    )
    found = MEANS_OVER_SHIFTS[link](eta, shifts, weights)
    assert_allclose(found, expected, rtol=1e-12, atol=1e-120)


def test_they_do_not_overflow():
    eta, weights = np.array([[-1e4], [0.0], [1e4]]), np.array([0.5, 0.5])
    for shifts in (np.zeros((2, 1)), np.array([[-30.0], [30.0]])):
        found = MEANS_OVER_SHIFTS["logit"](eta, shifts, weights)
        assert_allclose(found[:, 0], [0, 0.5, 1], atol=1e-15)


@pytest.mark.parametrize("family", ["binomial", "poisson", "bernoulli", "lognormal", "cumulative"])
def test_the_averages_are_the_same(fits, family, monkeypatch):
    fit = fits[family]
    calls = []

    def counted(link):
        def mean(*arguments):
            calls.append(link)
            return MEANS_OVER_SHIFTS[link](*arguments)

        return mean

    known = {link: counted(link) for link in MEANS_OVER_SHIFTS}
    monkeypatch.setattr(averaged, "MEANS_OVER_SHIFTS", known)
    fast = fit.predictions(groups="average", draws=True)
    monkeypatch.setattr(averaged, "MEANS_OVER_SHIFTS", {})
    assert_allclose(fast, fit.predictions(groups="average", draws=True), rtol=1e-12)
    # Slopes make shifts that differ between rows; a log sd is in the mean of lognormal responses.
    assert set(calls) == {"binomial": {"logit"}, "poisson": {"log"}}.get(family, set())


def test_a_further_parameter(fits, monkeypatch):
    fit = fits["hurdle_poisson"]
    average = fit.predictions(groups="average", parameter="hu", draws=True)
    monkeypatch.setattr(averaged, "MEANS_OVER_SHIFTS", {})
    assert_allclose(average, fit.predictions(groups="average", parameter="hu", draws=True))
