"""A proposal learnt from the mode on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import optimize, special

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.exact.mixture import Mixture, at_mode, fit_mixture

__all__ = ["Learnt", "learn"]


type LogDensity = Callable[[FloatArray], FloatArray]


class NowhereError(ArithmeticError):
    """The density is zero wherever it was tried."""


@dataclasses.dataclass(frozen=True, eq=False)
class Learnt:
    """What the adaptation knows of the density.

    Attributes
    ----------
    proposal : Mixture
    archive : ndarray, shape (m, d)
        Points close to draws from the density; differences of two are local moves.
    efficiency : float
        Effective share of draws from the proposal, 1 if it were the density itself.
    """

    proposal: Mixture
    archive: FloatArray
    efficiency: float


def learn(
    density: LogDensity,
    start: FloatArray,
    rng: np.random.Generator,
    *,
    points: int = 1000,
    rounds: int = 8,
    good_enough: float = 0.7,
) -> Learnt:
    """Learn a proposal by adaptive multiple importance sampling.

    The first proposal is a t distribution at the mode with the curvature there; later ones are
    mixtures fitted to all points so far, each weighted by the density over the average of the
    proposals that could have made it.

    Parameters
    ----------
    density : callable
        Log density, up to a constant, of points (n, d); -inf where impossible.
    start : ndarray, shape (d,)
        Where to look for the mode from.
    rng : Generator
    points, rounds : int
        Points per round, most rounds.
    good_enough : float
        Efficiency at which to stop.

    Returns
    -------
    Learnt

    Raises
    ------
    NowhereError
        The density is zero at all points.

    References
    ----------
    Cornuet, Marin, Mira & Robert (2012), Scandinavian Journal of Statistics 39, 798-812,
    https://doi.org/10.1111/j.1467-9469.2011.00756.x
    """
    mode = find_mode(density, start)
    proposal = at_mode(mode, curvature_at(density, mode))
    proposals: list[Mixture] = []
    x = np.empty((0, len(mode)))
    log_p = np.empty(0)
    log_q = np.empty((0, 0))
    for round_number in range(rounds):
        new = proposal.draw(rng, points)
        new_log_p = density(new)
        if not (np.isfinite(log_p).any() or np.isfinite(new_log_p).any()):
            raise NowhereError("the density is zero wherever it was tried")
        own = new_log_p - proposal.log_density(new)
        ratio = np.exp(own - max(own.max(), np.finfo(float).min))
        efficiency = float(ratio.sum() ** 2 / max((ratio**2).sum(), 1e-300) / points)
        proposals.append(proposal)
        older = [p.log_density(new) for p in proposals[:-1]]
        newer = proposal.log_density(np.concatenate([x, new]))
        log_q = np.vstack([np.hstack([log_q, np.array(older).reshape(-1, points)]), newer])
        x, log_p = np.concatenate([x, new]), np.concatenate([log_p, new_log_p])
        log_weight = log_p - special.logsumexp(log_q, axis=0)
        weight = np.exp(log_weight - log_weight.max())
        if efficiency > good_enough or round_number == rounds - 1:
            break
        # Truncated weights (Ionides 2008): one lucky point must not become the proposal.
        truncated = np.minimum(weight, weight.sum() / np.sqrt(len(weight)))
        proposal = fit_mixture(x, truncated / truncated.sum(), rng)
    archive = x[rng.choice(len(x), size=2000, p=weight / weight.sum())]
    return Learnt(proposal, archive, efficiency)


def find_mode(density: LogDensity, start: FloatArray) -> FloatArray:
    """Climb by BFGS; central differences of a batch cost little more than one density."""
    d = len(start)
    offsets = 1e-5 * np.concatenate([np.zeros((1, d)), np.eye(d), -np.eye(d)])

    def negative(x: FloatArray) -> tuple[float, FloatArray]:
        values = density(x + offsets)
        if not np.isfinite(values).all():
            return 1e300, np.zeros(d)
        return -values[0], -(values[1 : d + 1] - values[d + 1 :]) / 2e-5

    found = optimize.minimize(
        negative, start, jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 200}
    )
    return np.asarray(found.x)


def curvature_at(density: LogDensity, mode: FloatArray, step: float = 1e-3) -> FloatArray:
    """Minus the second derivatives, by central differences."""
    d = len(mode)
    i, j = np.tril_indices(d)
    unit = step * np.eye(d)
    corners = [a * unit[i] + b * unit[j] for a in (1, -1) for b in (1, -1)]
    values = density(np.concatenate([mode + corner for corner in corners])).reshape(4, -1)
    with np.errstate(invalid="ignore"):
        second = (values[0] - values[1] - values[2] + values[3]) / (4 * step**2)
    result = np.zeros((d, d))
    result[i, j] = result[j, i] = -second
    return result
