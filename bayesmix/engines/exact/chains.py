"""Draws of a density of few dimensions that is cheap in batches and expensive one by one.

The density is learnt by adaptive importance sampling with a mixture of t distributions. Many
short chains, or a few long ones where a density is expensive, then make it exact by
Metropolis-Hastings steps. See docs/exact-method.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, special

from bayesmix.base.arrays import FloatArray

__all__ = [
    "Learnt",
    "Mixture",
    "Sampled",
    "has_stuck",
    "learn",
    "learn_from",
    "long_chains",
    "short_chains",
]

type LogDensity = Callable[[FloatArray], FloatArray]

DEGREES_OF_FREEDOM = 5.0
DEFENSIVE_SHARE = 0.1


class NowhereError(ArithmeticError):
    """The density is zero wherever it was tried."""


# Effective draws of one long chain below which it goes on; fewer draws than the second say nothing.
ENOUGH_FOR_A_CHAIN, FEWEST_DRAWS = 200, 100
# Share of the draws whose region must have had time to fill.
COVERED = 0.998


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Mixture of multivariate t distributions.

    Attributes
    ----------
    shares : ndarray, shape (k,)
    means : ndarray, shape (k, d)
    factors : ndarray, shape (k, d, d)
        Cholesky factors of the scale matrices.
    """

    shares: FloatArray
    means: FloatArray
    factors: FloatArray

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw n points, shape (n, d)."""
        component = rng.choice(len(self.shares), size=n, p=self.shares)
        normal = rng.standard_normal((n, self.means.shape[1]))
        spread = np.sqrt(rng.chisquare(DEGREES_OF_FREEDOM, n) / DEGREES_OF_FREEDOM)
        steps = np.einsum("nij,nj->ni", self.factors[component], normal / spread[:, None])
        return np.asarray(self.means[component] + steps)

    def log_density(self, x: FloatArray) -> FloatArray:
        """Log density of points (n, d)."""
        nu, d = DEGREES_OF_FREEDOM, self.means.shape[1]
        constant = (
            special.gammaln((nu + d) / 2) - special.gammaln(nu / 2) - d / 2 * np.log(nu * np.pi)
        )
        parts = [
            np.log(share)
            + constant
            - np.log(np.diag(factor)).sum()
            - (nu + d) / 2 * np.log1p(_distance(x, mean, factor) / nu)
            for share, mean, factor in zip(self.shares, self.means, self.factors, strict=True)
        ]
        return np.asarray(special.logsumexp(parts, axis=0))


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


@dataclasses.dataclass(frozen=True, eq=False)
class Sampled:
    """Draws and how they came about.

    Attributes
    ----------
    x : ndarray, shape (chains, draws, d)
    log_density : ndarray, shape (chains, draws)
    acceptance : float
        Share of accepted independence moves.
    steps : int
        Metropolis-Hastings steps behind each draw.
    settled : bool
        Whether the chains have forgotten where they started.
    index : ndarray of int64, shape (chains, draws), or None
        Of long chains: which proposal each draw is, in the order of their evaluation.
    """

    x: FloatArray
    log_density: FloatArray
    acceptance: float
    steps: int
    settled: bool
    index: npt.NDArray[np.int64] | None = None


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
    mode = _find_mode(density, start)
    proposal = _at_mode(mode, _curvature(density, mode))
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
        proposal = _fit_mixture(x, truncated / truncated.sum(), rng)
    archive = x[rng.choice(len(x), size=2000, p=weight / weight.sum())]
    return Learnt(proposal, archive, efficiency)


def short_chains(
    density: LogDensity,
    learnt: Learnt,
    *,
    chains: int,
    draws: int,
    rng: np.random.Generator,
    most_steps: int = 400,
    report: Callable[[float], None] = lambda share: None,
) -> Sampled:
    """Run one short chain for each draw, all of them side by side.

    The short chains of one reported chain start at one common point. They move by independence
    and local moves in turn, until the reported chains cannot be told apart, and then as many
    steps again: R-hat says that the start is forgotten, as it does for long chains, and the draws
    of a chain are independent of each other.

    Parameters
    ----------
    density, learnt
        The log density and what `learn` made of it.
    chains, draws : int
    rng : Generator
    most_steps : int
        After so many steps it gives up, with ``settled`` false.
    report : callable
        Called with the share of steps done.

    Returns
    -------
    Sampled

    References
    ----------
    Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari & Gelman (2024), Bayesian Analysis,
    https://doi.org/10.1214/24-BA1453 (R-hat for many short chains);
    ter Braak & Vrugt (2008), Statistics and Computing 18, 435-446,
    https://doi.org/10.1007/s11222-008-9104-9 (local moves from an archive)
    """
    proposal, archive = learnt.proposal, learnt.archive
    start = _starts(density, proposal, chains, rng)
    x = np.repeat(start, draws, axis=0)
    n, d = x.shape
    log_p = np.repeat(density(start), draws)
    log_q = np.repeat(proposal.log_density(start), draws)
    renewed = np.zeros(n, dtype=bool)
    accepted: list[float] = []
    log_ratios: list[float] = []
    settled = False
    step, last, refits = 0, most_steps, 0
    while step < last:
        for _ in range(5):
            y = proposal.draw(rng, n)
            y_log_p, y_log_q = density(y), proposal.log_density(y)
            take = np.log(rng.random(n)) < y_log_p - y_log_q - log_p + log_q
            x, log_p = np.where(take[:, None], y, x), np.where(take, y_log_p, log_p)
            log_q = np.where(take, y_log_q, log_q)
            renewed |= take
            accepted.append(take.mean())
            log_ratios.append(special.logsumexp(y_log_p - y_log_q) - np.log(n))

            pair = rng.integers(len(archive), size=(2, n))
            usual = 2.38 / np.sqrt(2 * d) * np.exp(0.7 * rng.standard_normal(n) - 0.5)
            length = np.where(rng.random(n) < 0.1, 1.0, usual)
            jitter = 1e-6 * rng.standard_normal((n, d))
            y = x + length[:, None] * (archive[pair[0]] - archive[pair[1]]) + jitter
            y_log_p = density(y)
            take = np.log(rng.random(n)) < y_log_p - log_p
            x, log_p = np.where(take[:, None], y, x), np.where(take, y_log_p, log_p)
            log_q = np.where(take, proposal.log_density(x), log_q)
            step += 2
            report(step / 20)
        moves = len(accepted)
        if settled or step > most_steps // 2:
            continue
        # A region where the density is w times the proposal's fills in about w moves, and sooner
        # with the help of local moves.
        mean_ratio = special.logsumexp(log_ratios) - np.log(moves)
        w = np.exp(min(50.0, np.quantile(log_p - log_q, COVERED) - mean_ratio))
        early = step < most_steps // 4 and moves >= 10 * (refits + 1)
        if early and w > 2 * moves and n >= 100 * d:
            proposal = _fit_mixture(x, np.full(n, 1 / n), rng)
            log_q = proposal.log_density(x)
            renewed[:] = False
            accepted, log_ratios = [], []
            refits += 1
            continue
        filled = renewed.mean() > 1 - 1 / draws and moves >= 0.75 * w
        settled = bool(
            (filled or (renewed.mean() > 0.99 and step > most_steps // 2 - 10))
            and _worst_r_hat(x.reshape(chains, draws, d)) < 1 + 5 / draws
        )
        last = step + 2 * moves if settled else last
    return Sampled(
        x.reshape(chains, draws, d),
        log_p.reshape(chains, draws),
        float(np.mean(accepted)),
        step,
        settled,
    )


def long_chains(
    density: LogDensity,
    learnt: Learnt,
    *,
    chains: int,
    draws: int,
    rng: np.random.Generator,
    burn_in: int = 50,
    thin: int = 1,
    evaluate: LogDensity | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> Sampled:
    """Run independence Metropolis-Hastings chains: one density for each draw.

    Parameters
    ----------
    density, learnt, chains, draws, rng, report
        As in `short_chains`.
    burn_in : int
        First steps of each chain, left out.
    thin : int
        Steps for each draw that is kept.
    evaluate : callable, optional
        Takes the place of `density` for the proposals, each exactly once and in order, so that
        it can keep what else comes with them.

    Returns
    -------
    Sampled

    References
    ----------
    Tierney (1994), Annals of Statistics 22, 1701-1728, https://doi.org/10.1214/aos/1176325750
    """
    proposal = learnt.proposal
    start = _starts(density, proposal, chains, rng)
    length = burn_in + draws * thin
    y = proposal.draw(rng, chains * length)
    log_p = np.empty(len(y))
    at_once = max(1, len(y) // 50)
    for first in range(0, len(y), at_once):
        part = slice(first, first + at_once)
        log_p[part] = (evaluate or density)(y[part])
        report(min(1.0, (first + at_once) / len(y)))
    log_ratio = (log_p - proposal.log_density(y)).reshape(chains, length)
    log_uniform = np.log(rng.random((chains, length)))
    current = np.full(chains, -1)
    ratio = density(start) - proposal.log_density(start)
    index = np.empty((chains, length), dtype=np.int64)
    for i in range(length):
        take = log_uniform[:, i] < log_ratio[:, i] - ratio
        ratio = np.where(take, log_ratio[:, i], ratio)
        current = np.where(take, i, current)
        index[:, i] = current
    accepted = float((np.diff(index, axis=1) != 0).mean())
    kept = index[:, burn_in + thin - 1 :: thin]
    settled = bool((kept >= 0).all())
    kept = np.maximum(kept, 0)
    row = np.arange(chains)[:, None]
    x = y.reshape(chains, length, -1)[row, kept]
    log_p = log_p.reshape(chains, length)[row, kept]
    return Sampled(x, log_p, accepted, thin, settled, row * length + kept)


def has_stuck(sampled: Sampled) -> bool:
    """Whether long chains have too few effective draws.

    The proposal may be good on the whole and miss a long arm, such as an sd that goes to zero.
    Chains that got there stay for long.
    """
    from arviz_stats.base import array_stats

    chains, draws, _ = sampled.x.shape
    if draws < FEWEST_DRAWS:
        return False
    values, axes = np.moveaxis(sampled.x, -1, 0), {"chain_axis": 1, "draw_axis": 2}
    bulk = array_stats.ess(values, method="bulk", **axes)
    tail = array_stats.ess(values, method="tail", prob=(0.05, 0.95), **axes)
    smallest = float(np.nanmin([bulk, tail]))
    return bool(smallest < chains * min(ENOUGH_FOR_A_CHAIN, draws / 4))


def learn_from(sampled: Sampled, learnt: Learnt, rng: np.random.Generator) -> Learnt:
    """Learn the proposal again from draws: those that stuck show what it misses."""
    x = sampled.x.reshape(-1, sampled.x.shape[-1])
    proposal = _fit_mixture(x, np.full(len(x), 1 / len(x)), rng)
    return dataclasses.replace(learnt, proposal=proposal)


def _starts(
    density: LogDensity, proposal: Mixture, chains: int, rng: np.random.Generator
) -> FloatArray:
    """Points further apart than draws: the proposal has heavier tails than the density."""
    for _ in range(50):
        x = proposal.draw(rng, 10 * chains)
        x = x[np.isfinite(density(x))]
        if len(x) >= chains:
            return x[:chains]
    raise NowhereError("the density is zero wherever it was tried")


def _find_mode(density: LogDensity, start: FloatArray) -> FloatArray:
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


def _curvature(density: LogDensity, mode: FloatArray, step: float = 1e-3) -> FloatArray:
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


def _at_mode(mode: FloatArray, curvature: FloatArray) -> Mixture:
    """Make a t with the curvature at the mode, flat directions cut to sd 3, and a wider one."""
    if not np.isfinite(curvature).all():
        curvature = np.eye(len(mode))
    values, vectors = np.linalg.eigh(curvature)
    covariance = (vectors / np.maximum(values, 0.1)) @ vectors.T
    factor = np.linalg.cholesky(covariance)
    return Mixture(np.array([0.8, 0.2]), np.stack([mode, mode]), np.stack([factor, 1.7 * factor]))


def _fit_mixture(x: FloatArray, weight: FloatArray, rng: np.random.Generator) -> Mixture:
    """Fit a mixture to weighted points by EM, and add a wide component as a safeguard."""
    d = x.shape[1]
    mean = weight @ x
    covariance = _covariance(x, mean, weight)
    covariance += 1e-3 * np.diag(np.diag(covariance)) + 1e-12 * np.eye(d)
    effective = 1 / (weight**2).sum()
    k = int(np.clip(effective // (30 * d), 1, 6))
    if k == 1:
        shares, means, covariances = np.ones(1), mean[None], covariance[None]
    else:
        shares = np.full(k, 1 / k)
        means = x[rng.choice(len(x), size=k, p=weight)]
        covariances = np.repeat(covariance[None] / 2, k, axis=0)
        for _ in range(25):
            factors = np.linalg.cholesky(covariances)
            logs = np.stack(
                [
                    np.log(share) - np.log(np.diag(factor)).sum() - _distance(x, m, factor) / 2
                    for share, m, factor in zip(shares, means, factors, strict=True)
                ]
            )
            part = np.exp(logs - special.logsumexp(logs, axis=0)) * weight
            shares = part.sum(axis=1) + 1e-12
            means = part @ x / shares[:, None]
            # A component of few points leans on the covariance of all.
            lean = 0.01 + 0.3 * d / (shares * effective + d)
            covariances = np.stack(
                [
                    _covariance(x, m, p / share) + a * covariance
                    for m, p, share, a in zip(means, part, shares, lean, strict=True)
                ]
            )
            shares /= shares.sum()
    return Mixture(
        np.append(shares * (1 - DEFENSIVE_SHARE), DEFENSIVE_SHARE),
        np.concatenate([means, mean[None]]),
        np.linalg.cholesky(np.concatenate([covariances, 3 * covariance[None]])),
    )


def _covariance(x: FloatArray, mean: FloatArray, weight: FloatArray) -> FloatArray:
    centred = x - mean
    return np.asarray(centred.T @ (centred * weight[:, None]))


def _distance(x: FloatArray, mean: FloatArray, factor: FloatArray) -> FloatArray:
    """Squared Mahalanobis distance of each point."""
    z = linalg.solve_triangular(factor, (x - mean).T, lower=True)
    return np.asarray((z**2).sum(axis=0))


def _worst_r_hat(x: FloatArray) -> float:
    """Largest rank-normalised R-hat; 1 where there is nothing to compare."""
    from arviz_stats.base import array_stats

    if x.shape[0] < 2 or x.shape[1] < 4:
        return 1.0
    values = array_stats.rhat(np.moveaxis(x, -1, 0), chain_axis=1, draw_axis=2)
    return float(np.max(values))
