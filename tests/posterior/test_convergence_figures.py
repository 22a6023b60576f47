"""R-hat and effective sample sizes against those of ArviZ, whatever the draws are."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmix.posterior.convergence import bulk_ess, r_hat, tail_ess


def walks(rng: np.random.Generator, chains: int, draws: int, persistence: float) -> np.ndarray:
    """Autoregressive draws (4, chains, draws) of variance one."""
    x = rng.standard_normal((4, chains, draws))
    for t in range(1, draws):
        x[..., t] = persistence * x[..., t - 1] + np.sqrt(1 - persistence**2) * x[..., t]
    return x


@pytest.mark.parametrize("draws", [4, 5, 6, 7, 8, 9, 12, 33, 100, 251])
@pytest.mark.parametrize("chains", [1, 2, 4])
def test_figures_are_those_of_arviz(chains, draws):
    """Ties, infinite tails, chains apart, few draws, single events: to rounding."""
    from arviz_stats.base import array_stats

    rng = np.random.default_rng(100 * chains + draws)
    for persistence in (-0.9, 0.0, 0.6, 0.98):
        x = walks(rng, chains, draws, persistence)
        apart = x + 3 * np.arange(chains)[:, None]
        x = np.concatenate([x, np.round(x), apart, np.exp(20 * x), x > 0, x > 2.0])
        x = x[np.ptp(x, axis=(1, 2)) > 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            pairs = (
                (r_hat(x), array_stats.rhat(x)),
                (bulk_ess(x), array_stats.ess(x, method="bulk")),
                (tail_ess(x), array_stats.ess(x, method="tail", prob=(0.05, 0.95))),
            )
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_too_few_draws_have_no_figures():
    x = np.random.default_rng(1).standard_normal((2, 4, 3))
    assert np.isnan([r_hat(x), bulk_ess(x), tail_ess(x)]).all()
