"""Rows and groups that move theta far, against quadrature over theta and against refits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayesmix as bm
from bayesmix.blocks.theta import Theta
from bayesmix.criteria.psis import pareto_smoothed
from bayesmix.engines.exact.left_out import group_densities, theta_of
from bayesmix.engines.exact.moved import matched
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.model.spec import ModelSpec
from gaussian import CASES

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

FAR_ROW, FAR_GROUP = 7, 4


def far_data() -> pd.DataFrame:
    """Ten groups of three; one row is far off, and so are all rows of one group."""
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(10), 3)
    y = 0.5 * rng.standard_normal(10)[g] + rng.standard_normal(30)
    y[FAR_ROW] += 9
    y[g == FAR_GROUP] -= 7
    return pd.DataFrame({"y": y, "g": g.astype(str)})


@pytest.fixture(scope="module")
def fits() -> list[bm.MixedFit]:
    return [
        bm.fit("y ~ 1 + (1 | g)", far_data(), random_seed=seed, progressbar=False)
        for seed in (2, 3)
    ]


def by_quadrature(spec: ModelSpec, codes: np.ndarray, group: int) -> float:
    """log p(y) - log p(y without the group), each integrated over a grid of log sd, log sigma."""
    design = spec.design
    grid = np.linspace(-5, 4, 141), np.linspace(-3, 4, 111)
    log_sd, log_sigma = (values.ravel() for values in np.meshgrid(*grid, indexing="ij"))
    priors = spec.priors.sd["g"][0], spec.priors.auxiliary["sigma"]
    log_prior = sum(
        stats.expon(scale=prior.parameters["scale"]).logpdf(np.exp(log)) + log
        for prior, log in zip(priors, (log_sd, log_sigma), strict=True)
    )
    mean, sd = (spec.priors.intercept.parameters[name] for name in ("mu", "sigma"))
    same = (design.groups[0].codes[:, None] == design.groups[0].codes).astype(float)

    def log_density(rows: np.ndarray) -> float:
        n = rows.sum()
        V = np.exp(2 * log_sigma)[:, None, None] * np.eye(n) + sd**2
        V += np.exp(2 * log_sd)[:, None, None] * same[rows][:, rows]
        L = np.linalg.cholesky(V)
        z = np.linalg.solve(L, (design.y[rows] - mean)[:, None])[..., 0]
        log = -np.log(np.einsum("bii->bi", L)).sum(axis=1) - 0.5 * (z**2).sum(axis=1)
        return float(logsumexp(log + log_prior) - 0.5 * n * np.log(2 * np.pi))

    every = np.ones(design.n_rows, dtype=bool)
    return log_density(every) - log_density(codes != group)


@pytest.mark.parametrize("what", ["row", "group"])
def test_equals_quadrature_where_the_draws_alone_fail(fits, what):
    design = fits[0].design
    codes = np.arange(30) if what == "row" else design.groups[0].codes
    group = FAR_ROW if what == "row" else list(design.groups[0].levels).index(str(FAR_GROUP))
    expected = by_quadrature(fits[0].spec, codes, group)
    for fit in fits:
        theta = theta_of(fit.spec, fit.posterior)
        alone = group_densities(fit.spec, theta, None, codes=np.where(codes == group, 0, -1))
        plain = pareto_smoothed([(slice(0, 1), alone)], 1, len(theta), 1.0)
        assert plain.k[0] > 0.9
        assert abs(plain.elpd[0] - expected) > 0.3
        elpd, k = matched(fit.spec, theta, codes, np.array([group]))
        assert k[0] < 0.8
        assert elpd[0] == pytest.approx(expected, abs=0.06)


def test_several_are_done_one_by_one(fits):
    fit = fits[0]
    theta, codes = theta_of(fit.spec, fit.posterior), np.arange(30)
    rows = np.array([FAR_ROW, 12])
    elpd, k = matched(fit.spec, theta, codes, rows)
    for place, row in enumerate(rows):
        one = matched(fit.spec, theta, codes, np.array([row]))
        assert (elpd[place], k[place]) == (one[0][0], one[1][0])


def test_draws_that_cannot_be_moved_say_so(fits):
    fit = fits[0]
    theta = theta_of(fit.spec, fit.posterior)
    scale = (theta.scale[0].copy(),)
    scale[0][3] = 0.0
    for broken in (Theta(scale, theta.sigma), theta[:2]):
        _, k = matched(fit.spec, broken, np.arange(30), np.array([0, 1]))
        assert np.isinf(k).all()


@pytest.mark.parametrize("case", ["no groups", "five effects", "two blocks", "nested and crossed"])
def test_vectors_of_theta_and_back(case):
    space = ThetaSpace.of(CASES[case].spec())
    x = np.random.default_rng(36).normal(0, 0.7, size=(20, space.size))
    np.testing.assert_allclose(space.vector(space.theta(x)), x, rtol=1e-7, atol=1e-9)
