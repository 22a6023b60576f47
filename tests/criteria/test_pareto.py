"""Smoothing by rows at once is ArviZ's, row by row."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from bayesmix.criteria.pareto import leave_out
from bayesmix.criteria.psis import pareto_smoothed


def densities(S: int, seed: int) -> np.ndarray:
    """Log densities of rows that the draws say little or far too much of."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(-1, 1.5, 90))[:, None]
    log = -2 + spread * rng.standard_t(4, (90, S))
    log[:30] = -spread[:30] * rng.chisquare(1, (30, S)) * 5
    log[30:40] -= 800.0
    log[40:45] *= 200.0
    return log


@pytest.mark.parametrize(
    ("S", "r_eff"), [(4000, 1.0), (4000, 0.3), (4000, 1.8), (500, 0.5), (225, 1.0), (60, 1.0)]
)
def test_elpd_p_and_k_are_those_of_arviz(S, r_eff):
    log = densities(S, S)
    elpd, k, p = array_stats.loo(log, chain_axis=None, r_eff=r_eff)
    ours = leave_out(log, r_eff)
    np.testing.assert_allclose(ours.elpd, elpd, rtol=1e-12)
    np.testing.assert_allclose(ours.p, p, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.k, k, rtol=1e-10, atol=1e-12)


def test_a_tail_of_one_value_needs_no_smoothing():
    log = np.zeros((1, 1000))
    log[0, :300] = -1.0
    found = leave_out(log, 1.0)
    assert found.k[0] == 0
    np.testing.assert_allclose(found.elpd[0], -np.log(np.exp(-log).mean()), rtol=1e-12)


def test_a_tail_far_from_a_pareto_law_has_no_k():
    log = np.zeros((1, 1000))
    log[0, :5] = [-9, -8, -7, -6, -5]
    assert np.isnan(leave_out(log, 1.0).k[0])
    assert np.isnan(array_stats.loo(log, chain_axis=None)[1][0])
    assert np.isinf(pareto_smoothed([(slice(0, 1), log.T)], 1, 1000, 1.0).k[0])


def test_rows_keep_their_places_in_blocks_and_parts():
    log = densities(400, 3)
    whole = leave_out(log, 1.0)
    order = np.random.default_rng(4).permutation(90)
    blocks = [(order[:70], log[order[:70]].T), (order[70:], log[order[70:]].T)]
    found = pareto_smoothed(blocks, 90, 400, 1.0)
    np.testing.assert_array_equal(found.elpd, whole.elpd)
    np.testing.assert_array_equal(found.k, np.where(np.isnan(whole.k), np.inf, whole.k))
