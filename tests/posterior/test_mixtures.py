"""Mixtures of normals, against roots that SciPy finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from bayesmix.posterior import mixtures
from bayesmix.posterior.mixtures import marginals_of_mixtures
from bayesmix.posterior.summaries import interval_of

LEVELS = (0.5, 0.95, 0.99, 0.9999)


def summarised(means, sds, ci_level, **options):
    """Summaries of rows of arrays (k, S), and the numbers of draws that were mixed."""
    sizes = []

    def given(some):
        sizes.append(len(some))
        return lambda places: (means[places][:, some], sds[places][:, some])

    marginals = marginals_of_mixtures(given, *means.shape, interval_of(ci_level), **options)
    return marginals, sizes


def quantile(means, sds, p):
    ends = np.array([means + sds * stats.norm.ppf(p)]).ravel()
    if np.ptp(ends) == 0:
        return ends[0]
    return optimize.brentq(
        lambda x: stats.norm.cdf(x, means, sds).mean() - p, ends.min(), ends.max(), xtol=1e-13
    )


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    S = 203  # no probability is a whole number of draws, where gaps have no quantile
    return {
        "alike": (rng.normal(3, 0.05, S), rng.uniform(0.9, 1.1, S)),
        "the same": (np.full(S, 3.0), np.full(S, 2.0)),
        "wide and narrow": (rng.normal(0, 0.1, S), rng.choice([0.01, 3.0], S)),
        "two humps": (rng.choice([-10.0, 10.0], S) + rng.normal(0, 1, S), np.full(S, 0.5)),
        "one far away": (np.append(np.zeros(S - 1), 1e4), np.ones(S)),
        "means only": (rng.standard_t(3, S), np.full(S, 0.05)),
    }


@pytest.mark.parametrize("ci_level", LEVELS)
@pytest.mark.parametrize("unit", [1.0, 1e150, 1e-150])
@pytest.mark.parametrize("name", cases())
def test_moments_and_roots(name, unit, ci_level):
    means, sds = (values * unit for values in cases()[name])
    found, _ = summarised(means[None], sds[None], ci_level)
    sd = unit * np.hypot((means / unit).std(), np.sqrt(((sds / unit) ** 2).mean()))
    assert found.mean[0] == pytest.approx(means.mean(), rel=1e-12, abs=1e-12 * sd)
    assert found.sd[0] == pytest.approx(sd, rel=1e-12)
    interval = interval_of(ci_level)
    for p, limit in ((interval.lower, found.lower), (interval.upper, found.upper)):
        expected = quantile(means / unit, sds / unit, p)
        assert limit[0] / unit == pytest.approx(expected, abs=2e-5 * sd / unit)


def test_points():
    """Quantities without a spread of their own: quantiles of the draws, and constants."""
    draws = np.random.default_rng(2).normal(size=1000)
    found, _ = summarised(np.array([draws, np.full(1000, 7.0)]), np.zeros((2, 1000)), 0.9)
    ordered = np.sort(draws)
    assert ordered[49] - 1e-5 <= found.lower[0] <= ordered[50] + 1e-5
    assert ordered[949] - 1e-5 <= found.upper[0] <= ordered[950] + 1e-5
    assert found.sd[0] == pytest.approx(draws.std())
    assert [column[1] for column in found] == [7.0, 0.0, 7.0, 7.0]


def test_one_draw_is_a_normal():
    found, _ = summarised(np.array([[2.0]]), np.array([[3.0]]), 0.95)
    assert_allclose(np.ravel(found), [2, 3, *stats.norm.interval(0.95, 2, 3)], rtol=1e-9)


def test_as_many_draws_as_are_needed():
    """Few where the normals are alike, all where they differ; the error stays below half."""
    rng = np.random.default_rng(3)
    N, k = 4000, 300
    spread = np.concatenate([np.full(100, 0.02), np.full(100, 0.3), np.full(100, 5.0)])
    means, sds = spread[:, None] * rng.normal(size=(k, N)), np.ones((k, N))
    found, sizes = summarised(means, sds, 0.99, work=1)
    assert sizes == [64, 1024, 4000]  # 256 suffice for none that 64 do not
    whole, sizes = summarised(means, sds, 0.99)
    assert sizes == [4000]
    assert_allclose(np.array(found)[:, 200:], np.array(whole)[:, 200:], rtol=1e-12)
    sd = np.hypot(1, spread)
    # The truth is normal; all draws of the quantity itself would be as wrong as `mean` says.
    for own, truth, p in (
        (found.mean, 0.0, 0.5),
        (found.lower, stats.norm.ppf(0.005) * sd, 0.005),
        (found.upper, stats.norm.ppf(0.995) * sd, 0.995),
    ):
        error = np.sqrt(p * (1 - p) / N) / stats.norm.pdf(stats.norm.ppf(p)) * sd
        mean = sd / np.sqrt(N) if p == 0.5 else error
        z = ((own - truth) / mean).reshape(3, 100)
        # Half of it where draws are chosen, all of it where all draws are barely enough.
        assert (np.sqrt((z[:2] ** 2).mean(axis=1)) < 0.6).all()
        assert np.sqrt((z[2] ** 2).mean()) < 1.2


def test_threads_and_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(4)
    means, sds = rng.normal(size=(500, 64)), rng.uniform(0.5, 2, (500, 64))
    alone, _ = summarised(means, sds, 0.95)
    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(mixtures, "CACHE", 640)
        together, _ = summarised(means, sds, 0.95, run=pool.map)
    assert_allclose(np.array(together), np.array(alone), rtol=1e-12)


def test_nothing_to_summarise():
    found, _ = summarised(np.empty((0, 10)), np.empty((0, 10)), 0.95)
    assert [len(column) for column in found] == [0, 0, 0, 0]
