"""Distribution functions of rows given their groups' draws, or given all other rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.conditional import BLOCK
from bayesmix.criteria.psis import FEWEST_DRAWS
from bayesmix.criteria.theta import ThetaDraws, relative_ess
from bayesmix.design.design import Design
from bayesmix.engines.left_out import closed_left_out, closed_obstacle
from bayesmix.posterior.draws import Draws
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import check_kept
from bayesmix.posterior.threads import threads
from bayesmix.predictions.level_draws import draws_with_effects
from bayesmix.predictions.unseen import variance_of_unseen
from bayesmix.questions.distributions import AtRows, at_rows, linear_predictors

__all__ = ["RowsCumulated", "conditional_rows", "held_out_rows"]

# Draws, and effects for each from -6 to 6 sds, where those of a row alone are integrated out.
ALONE_DRAWS, ALONE_SDS = 250, 6.0
# Along one axis, and along each of several, where several parameters have such effects.
ALONE_POINTS, ALONE_FEWER = 48, 20
# Weight of a draw, over the mean of all, below which no tail of weights is smoothed.
LARGEST_WEIGHT = 2.0
# Rows by draws that are computed before draws are thinned, and how many draws do.
NUMBERS, ENOUGH = 1e8, 500


@dataclasses.dataclass(frozen=True, eq=False)
class RowsCumulated:
    """What the predictive distribution of each row says of its response, shape (n,) each.

    Attributes
    ----------
    lower, upper : ndarray
        Probabilities of less than the response, and of at most the response.
    mean, sd : ndarray
        Expected response, and sd of it; NaN where the family has no variance.
    k : ndarray or None
        Pareto k of the weights, where rows were left out by importance sampling.
    """

    lower: FloatArray
    upper: FloatArray
    mean: FloatArray
    sd: FloatArray
    k: FloatArray | None = None

    @classmethod
    def empty(cls, n: int, *, weighted: bool) -> RowsCumulated:
        """Make room for n rows."""
        lower, upper, mean, sd, k = np.empty((5, n))
        return cls(lower, upper, mean, sd, k if weighted else None)

    @classmethod
    def averaged(
        cls, own: AtRows, weights: FloatArray, k: FloatArray | None = None
    ) -> RowsCumulated:
        """Average over draws (and points), with weights that sum to one for each row."""
        axes = tuple(range(own.eta.ndim - 1))
        lower, upper = ((weights * one).sum(axis=axes) for one in own.cdf)
        means = own.mean
        mean = (weights * means).sum(axis=axes)
        with np.errstate(over="ignore", invalid="ignore"):
            square = own.variance + np.square(means - mean)
            sd = np.sqrt((weights * square).sum(axis=axes))
        return cls(lower, upper, mean, sd, k)

    def put(self, rows: slice | IntArray, other: RowsCumulated) -> None:
        """Fill some rows."""
        self.lower[rows], self.upper[rows] = other.lower, other.upper
        self.mean[rows], self.sd[rows] = other.mean, other.sd
        if self.k is not None:
            self.k[rows] = other.k


def some_draws(draws: Draws, n: int) -> Draws:
    """Take as many evenly spaced draws as n rows allow."""
    return draws[_evenly(len(draws), n)]


def _evenly(n_draws: int, n: int) -> slice:
    return slice(None, None, -(-n_draws // max(ENOUGH, int(NUMBERS // n))))


def conditional_rows(fit: Fitted) -> RowsCumulated:
    """Average over the draws, those of the effects of each row's groups among them."""
    S = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    draws = draws_with_effects(
        fit,
        _evenly(S, fit.design.n_rows),
        "Conditional residuals",
        "Refit with fewer draws and chains"
        + ("." if closed_obstacle(fit.spec) else ", or use predictive='loo'."),
    )
    found = RowsCumulated.empty(fit.design.n_rows, weighted=False)
    for rows in _blocks(np.arange(fit.design.n_rows), len(draws) * _width(fit)):
        design = fit.design.take(rows)
        own = at_rows(fit.family, design, draws, linear_predictors(design, draws, {}))
        found.put(rows, RowsCumulated.averaged(own, np.full((len(draws), 1), 1 / len(draws))))
    return found


def held_out_rows(fit: Fitted) -> RowsCumulated:
    """Leave each row out: by importance sampling, with Gaussian effects integrated out."""
    S = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    if S < FEWEST_DRAWS:
        raise BayesmixError(
            f"The fit has {S} draws, and leaving rows out needs at least {FEWEST_DRAWS}. Fit with "
            "more draws, or use predictive='conditional'."
        )
    if closed_obstacle(fit.spec) is None:
        return _gaussian(fit)
    check_kept(
        fit.posterior,
        fit.design.every_group,
        "Residuals of rows that are left out",
        "Refit with fewer draws and chains.",
    )
    draws = some_draws(Draws.of(fit.spec, fit.posterior), fit.design.n_rows)
    posterior = fit.idata["posterior"].dataset
    ordered = (x.transpose("chain", "draw", ...) for x in posterior.data_vars.values())
    r_eff = min(1.0, relative_ess(x.to_numpy() for x in ordered) * S / len(draws))
    n = fit.design.n_rows
    found, alone = RowsCumulated.empty(n, weighted=True), rows_alone(fit.design)
    for rows in _blocks(np.flatnonzero(~alone), len(draws) * _width(fit)):
        found.put(rows, _weighted(fit, rows, draws, r_eff))
    some = draws[:: -(-len(draws) // ALONE_DRAWS)]
    rng = np.random.default_rng(0)
    n_points = max(ALONE_POINTS, ALONE_FEWER ** _parts_alone(fit.design))
    for rows in _blocks(np.flatnonzero(alone), len(some) * n_points * _width(fit)):
        own = min(1.0, r_eff * len(draws) / len(some))
        found.put(rows, _weighted_alone(fit, rows, some, own, rng))
    return found


def rows_alone(design: Design) -> npt.NDArray[np.bool_]:
    """Find the rows that a level of some factor has for itself."""
    alone = np.zeros(design.n_rows, dtype=np.bool_)
    for term in design.every_group:
        alone |= np.bincount(term.codes, minlength=term.n_levels)[term.codes] == 1
    return alone


def _parts_alone(design: Design) -> int:
    """Count the parameters with effects of levels that have one row."""
    return sum(
        any((np.bincount(term.codes, minlength=term.n_levels) == 1).any() for term in part.groups)
        for part in design.parts
    )


def _gaussian(fit: Fitted) -> RowsCumulated:
    """Average normal distributions over theta, weighted by what each row says of it."""
    drawn, leaving = ThetaDraws.of(fit), closed_left_out(fit.spec)
    n, S = fit.design.n_rows, len(drawn.theta)
    keep = np.arange(0, S, -(-S // max(ENOUGH, int(NUMBERS // n))))
    theta, r_eff = drawn.theta[keep], min(1.0, drawn.r_eff * S / len(keep))
    step = max(1, (BLOCK >> 2) // len(theta))
    y, found = fit.design.y, RowsCumulated.empty(n, weighted=True)
    with threads(fit) as pool:
        options: dict[str, Any] = {"rows_at_once": step, "run": pool.map}
        both = zip(
            leaving.rows(theta, **options),
            leaving.scores(theta, **options),
            strict=True,
        )
        for (rows, log), (_, z) in both:
            weights, k = _weights(log, r_eff)
            sd = np.exp(-log - 0.5 * z**2) / np.sqrt(2 * np.pi)
            upper = (weights * ndtr(z)).sum(axis=0)
            error = (weights * z * sd).sum(axis=0)
            root = np.sqrt((weights * (sd**2 + (z * sd - error) ** 2)).sum(axis=0))
            found.put(rows, RowsCumulated(upper, upper, y[rows] - error, root, k))
    return found


def _weighted(fit: Fitted, rows: IntArray, draws: Draws, r_eff: float) -> RowsCumulated:
    """Weigh the draws of all effects."""
    design = fit.design.take(rows)
    own = at_rows(fit.family, design, draws, linear_predictors(design, draws, {}))
    weights, k = _weights(own.log_density, r_eff)
    return RowsCumulated.averaged(own, weights, k)


def _weighted_alone(
    fit: Fitted, rows: IntArray, draws: Draws, r_eff: float, rng: np.random.Generator
) -> RowsCumulated:
    """Integrate out the effects that no other row tells of, and weigh the draws of all others."""
    design = fit.design.take(rows)
    unseen = {
        term.factor: np.bincount(whole.codes, minlength=whole.n_levels)[term.codes] == 1
        for term, whole in zip(design.every_group, fit.design.every_group, strict=True)
    }
    # Of effects that are Student-t, or correlated across predictors, draws are weighted as well.
    others = {factor for own in draws.parts for factor in own.df}
    others |= {joint.factor for joint in design.joint_effects if joint.is_linked}
    unseen = {
        factor: np.zeros_like(own) if factor in others else own for factor, own in unseen.items()
    }
    # A grid that is shifted at random for each row, the same in all draws: the weights of draws do
    # not depend on its error, and a coarse one leaves residuals uniform.
    owned = zip(design.parts, draws.parts, strict=True)
    sds = [np.sqrt(variance_of_unseen(part, own, unseen)) for part, own in owned]
    vary = [number for number, sd in enumerate(sds) if (sd > 0).any()]
    t = _grid(len(vary), rng.random((len(vary), len(rows))))
    log_share = -0.5 * (t**2).sum(axis=0)
    points = [
        np.broadcast_to(eta[:, None], (len(draws), *log_share.shape)).copy()
        for eta in linear_predictors(design, draws, unseen)
    ]
    for place, number in zip(t, vary, strict=True):
        points[number] += place * sds[number][:, None]
    log_share = log_share - logsumexp(log_share, axis=0)
    at = at_rows(fit.family, design, draws, points)
    log = logsumexp(at.log_density + log_share, axis=1)
    weights, k = _weights(log, r_eff)
    return RowsCumulated.averaged(at, weights[:, None] * np.exp(log_share), k)


def _grid(n_axes: int, shift: FloatArray) -> FloatArray:
    """Make points (axes, points, rows) that fill a cube, each row's shifted by (axes, rows)."""
    each = ALONE_POINTS if n_axes == 1 else ALONE_FEWER
    axes = np.meshgrid(*[np.arange(each)] * n_axes, indexing="ij")
    place = np.stack([axis.ravel() for axis in axes])[..., None] + shift[:, None]
    return ALONE_SDS * (2 * place / each - 1)


def _weights(log: FloatArray, r_eff: float) -> tuple[FloatArray, FloatArray]:
    """Make weights (S, b) of leaving each row out, and their Pareto k, of log densities."""
    from arviz_stats.base import array_stats

    weights, k = np.exp(log.min(axis=0) - log), np.zeros(log.shape[1])
    weights /= weights.sum(axis=0)
    # Weights that are nearly equal have no tail to be smoothed, as those of most rows of many.
    tailed = np.flatnonzero(~(weights.max(axis=0) * len(log) < LARGEST_WEIGHT))
    if len(tailed):
        by_row = np.ascontiguousarray(log[:, tailed].T)
        smoothed, k[tailed] = array_stats.psislw(by_row, r_eff=r_eff, axis=-1)
        weights[:, tailed] = np.exp(smoothed - logsumexp(smoothed, axis=-1, keepdims=True)).T
    return weights, np.where(np.isnan(k), np.inf, k)


def _width(fit: Fitted) -> int:
    """Count the numbers of a row and draw."""
    return 1 if fit.design.categories is None else len(fit.design.categories.values)


def _blocks(rows: IntArray, size: int) -> Iterator[IntArray]:
    """Yield as many rows at a time as keep arrays of `size` numbers a row small."""
    step = max(1, (BLOCK >> 2) // size)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
