"""Fast special functions of families against SciPy's and against one another, tails included."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import erfcx, expit, log_ndtr

from bayesmix.families.intervals import INTERVALS, log_interval
from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.families.normal import log_ndtr_and_slope, mills_ratio
from bayesmix.families.sides import ODDS, SIDES

LINKS_OF_OUTCOMES = sorted(SIDES)
ANYWHERE = np.concatenate([np.linspace(-12, 12, 401), [-1e5, -700, -38.5, 0.0, 1e-9, 38.5]])


def test_mills_ratio():
    x = np.concatenate([np.linspace(0, 30, 3001), [8.0, np.nextafter(8.0, 9.0), 1e5, 1e300]])
    assert_allclose(mills_ratio(x), np.sqrt(np.pi / 2) * erfcx(x / np.sqrt(2)), rtol=3e-15)
    assert_allclose(mills_ratio(np.array(0.5)), 0.8763644564536924, rtol=1e-15)  # R: pnorm / dnorm


def test_normal_distribution_function_and_slope():
    log, slope = log_ndtr_and_slope(ANYWHERE)
    assert_allclose(log, log_ndtr(ANYWHERE), rtol=1e-13)
    above = -0.5 * ANYWHERE**2 - 0.5 * np.log(2 * np.pi)
    near = np.abs(ANYWHERE) < 100  # elsewhere the difference of SciPy's has no digits
    assert_allclose(slope[near], np.exp(above - log_ndtr(ANYWHERE))[near], rtol=1e-11)


@pytest.mark.parametrize("link", LINKS_OF_OUTCOMES)
def test_odds_are_those_of_both_sides(link):
    odds, slope = ODDS[link](ANYWHERE)
    (success, by_success), (failure, by_failure) = (side(ANYWHERE) for side in SIDES[link])
    assert_allclose(odds, success - failure, rtol=1e-12, atol=1e-15)
    assert_allclose(slope, by_success - by_failure, rtol=1e-12)


@pytest.mark.parametrize("link", LINKS_OF_OUTCOMES)
@pytest.mark.parametrize("width", [1e-3, 0.5, 4.0, 30.0])
def test_interval(link, width):
    lower = np.concatenate([np.linspace(-15, 15, 61), [-60.0, 30.0]])
    if link == "cloglog":
        lower = lower[lower < 4]  # beyond, the probability is below exp(-50)
    upper = lower + width
    log, by_lower, by_upper = INTERVALS[link](lower, upper, np.array(width))
    assert_allclose(log, log_interval(lower, upper, link, ARRAYS), rtol=1e-10, atol=1e-13)
    # The density at an end over the probability of the interval.
    density = {
        "logit": lambda x: expit(x) * expit(-x),
        "probit": lambda x: np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi),
        "cloglog": lambda x: np.exp(x - np.exp(x)),
        "cauchit": lambda x: 1 / (np.pi * (1 + x**2)),
    }[link]
    some = log > -600
    inside = np.exp(log[some])
    assert_allclose(by_lower[some] * inside, -density(lower[some]), rtol=1e-9, atol=1e-110)
    assert_allclose(by_upper[some] * inside, density(upper[some]), rtol=1e-9, atol=1e-110)


def test_interval_of_nearly_everything_has_digits():
    log, _, _ = INTERVALS["probit"](np.array([-10.0]), np.array([11.0]), np.array(21.0))
    assert_allclose(log, log_interval(np.array([-10.0]), np.array([11.0]), "probit", ARRAYS))
    assert log < 0


def test_every_binary_link_has_both():
    assert set(SIDES) == set(ODDS) == set(INTERVALS) <= set(LINKS)
