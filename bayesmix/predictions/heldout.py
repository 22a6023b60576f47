"""Posterior to log predictive densities of rows that were held out, new levels included."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logsumexp, ndtri

from bayesmix.base.arguments import generator
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.centring import centred_design
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws, linear_predictor

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["log_joint_predictive", "log_predictive"]


# Points at which an effect of an unseen level is integrated out, for each draw.
POINTS = 32
# Draws of the effects of a left-out group, for each posterior draw: to find where they must be,
# and to integrate.
PILOT_POINTS, GROUP_POINTS = 4, 8
# Effective number of draws below which the density of a left-out group is uncertain.
ENOUGH = 200


def log_predictive(
    spec: ModelSpec,
    held_out: Design,
    posterior: xr.Dataset,
    random_seed: int | np.random.Generator | None = None,
) -> FloatArray:
    """Compute the log predictive density of rows, one by one.

    Parameters
    ----------
    spec : ModelSpec
        The model with its training rows.
    held_out : Design
        Rows with the same columns and levels; a level without training rows counts as new.
    posterior : Dataset
        Draws given the training rows.
    random_seed : int, Generator or None
        For the integral over the effects of unseen levels; Gaussian models need none.

    Returns
    -------
    ndarray, shape (m,)
        ``log(mean(p(y_i | draw)))``; `kfold` tells what is integrated over.
    """
    spec, held_out, draws = _centred(spec, held_out, posterior)
    if _is_gaussian(spec):
        size, gaussian = _gaussian_predictor(spec, held_out, draws)
        batches: Iterator[FloatArray] = (
            _normal_log_density(held_out.y, mean, variance)
            for mean, variance in map(gaussian, draws.batches(size))
        )
    else:
        batches = _by_quantiles(spec, held_out, draws, generator(random_seed))
    total: FloatArray = np.full(held_out.n_rows, -np.inf)
    for log_density in batches:
        total = np.logaddexp(total, logsumexp(log_density, axis=0))
    return np.asarray(total - np.log(len(draws)))


def log_joint_predictive(
    spec: ModelSpec, held_out: Design, posterior: xr.Dataset, rng: np.random.Generator
) -> tuple[float, tuple[str, ...]]:
    """Compute the log predictive density of all rows together, and say if it is uncertain."""
    spec, held_out, draws = _centred(spec, held_out, posterior)
    if not _is_gaussian(spec):
        return _by_importance(spec, held_out, draws, rng)
    n = held_out.n_rows
    size, gaussian = _gaussian_predictor(spec, held_out, draws, joint=True)
    logs = []
    for batch in draws.batches(max(size, n * n)):
        mean, covariance = gaussian(batch)
        factor = np.linalg.cholesky(covariance)
        white = np.linalg.solve(factor, (held_out.y - mean)[..., None])[..., 0]
        log_root = np.log(np.einsum("bii->bi", factor)).sum(axis=1)
        logs.append(-0.5 * (n * np.log(2 * np.pi) + (white**2).sum(axis=1)) - log_root)
    return float(logsumexp(np.concatenate(logs)) - np.log(len(draws))), ()


def _centred(
    spec: ModelSpec, held_out: Design, posterior: xr.Dataset
) -> tuple[ModelSpec, Design, Draws]:
    """Take columns and effects as their priors see them: as written, they may cancel."""
    train, rows = centred_design(spec), centred_design(spec, held_out)
    draws = Draws.of(spec, posterior).centred(spec)
    return dataclasses.replace(spec, design=train), rows, draws


def _is_gaussian(spec: ModelSpec) -> bool:
    return (spec.family.name, spec.family.link) == ("gaussian", "identity")


def _normal_log_density(y: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    return -0.5 * (np.log(2 * np.pi * variance) + (y - mean) ** 2 / variance)


def _unseen(spec: ModelSpec, held_out: Design) -> dict[str, npt.NDArray[np.bool_]]:
    """Tell the held-out rows whose level has no training rows, by factor."""
    return {
        new.factor: np.bincount(old.codes, minlength=old.n_levels)[new.codes] == 0
        for old, new in zip(spec.design.groups, held_out.groups, strict=True)
    }


def _gaussian_predictor(
    spec: ModelSpec, held_out: Design, draws: Draws, *, joint: bool = False
) -> tuple[int, Callable[[Draws], tuple[FloatArray, FloatArray]]]:
    """Prepare the mean (B, m) and the variance (B, m) or covariance (B, m, m) of the rows.

    They are given theta, beta and the group effects, except those of unseen levels and of one
    factor. Given all else, the effects of a level j of that factor are Normal with covariance
    ``sigma^2 K`` and mean ``K r``, where ``K = L (L' G L + sigma^2)^-1 L'``, ``L L' = Sigma``,
    ``G = Z'WZ`` of the level's training rows and ``r = Z'W`` of what else leaves of the response.
    An unseen level has G = 0 and r = 0, which is its prior.
    """
    train = spec.design
    unseen = _unseen(spec, held_out)
    weights = np.ones(held_out.n_rows) if held_out.weights is None else held_out.weights
    terms = {term.factor: term for term in held_out.groups}
    chosen = _integrated_factor(train, draws)
    every = np.ones(held_out.n_rows, dtype=np.bool_)
    without = unseen | ({chosen.factor: every} if chosen else {})
    level = _LevelPosterior.of(train, chosen, terms[chosen.factor]) if chosen else None

    def predict(batch: Draws) -> tuple[FloatArray, FloatArray]:
        noise = batch.auxiliary["sigma"][:, None] ** 2
        mean = linear_predictor(held_out, batch, without)
        spread = noise / weights
        if joint:
            spread = spread[:, :, None] * np.eye(held_out.n_rows)
        for factor, rows in unseen.items():
            if rows.any() and (chosen is None or factor != chosen.factor):
                scale = batch.scale[factor]
                sigma = scale @ np.swapaxes(scale, 1, 2)
                of_rows = np.broadcast_to(sigma[None], (held_out.n_rows, *sigma.shape))
                spread = spread + _spread(terms[factor], of_rows, rows, joint)
        if level is not None:
            K, of_level = level(batch)
            term = terms[level.factor]
            for a in range(term.n_effects):
                mean = mean + term.Z[:, a] * of_level[level.place, :, a].T
            rows_K = K[level.class_of[level.place]] * noise[..., None]
            spread = spread + _spread(term, rows_K, every, joint)
        return mean, spread

    q = max((term.n_effects for term in held_out.groups), default=1)
    size = held_out.n_rows * (q * q + (held_out.n_rows if joint else 1))
    return max(size, level.n_rows if level else 0), predict


def _spread(
    term: GroupTerm, covariance: FloatArray, rows: npt.NDArray[np.bool_], joint: bool
) -> FloatArray:
    """Compute the variance (B, m) or covariance (B, m, m) that group effects give to rows.

    `covariance` (m, B, q, q) is that of the effects of each row's level.
    """
    Z = np.where(rows[:, None], term.Z, 0.0)
    total: Any = 0.0
    same = term.codes[:, None] == term.codes if joint else None
    for a in range(term.n_effects):
        for b in range(term.n_effects):
            if same is None:
                total = total + Z[:, a] * Z[:, b] * covariance[..., a, b].T
            else:
                pairs = Z[:, a, None] * Z[:, b] * same
                total = total + pairs * covariance[..., a, b].T[:, :, None]
    return np.asarray(total)


def _integrated_factor(design: Design, draws: Draws) -> GroupTerm | None:
    """Choose the factor whose draws were not kept, or else the one with the most effects."""
    return max(
        design.groups,
        key=lambda term: (term.factor not in draws.u, term.n_levels * term.n_effects),
        default=None,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _LevelPosterior:
    """Normal law of the effects of some levels of one factor, given all else and their rows.

    Attributes
    ----------
    factor : str
    rows : Design
        Their training rows.
    place : ndarray of int64, shape (m,)
        Place of the level of each held-out row among these levels.
    gram : ndarray, shape (C, q, q)
        The distinct ``Z'WZ``.
    class_of : ndarray of int64, shape (J,)
    weighted : tuple of sparse (J, n)
        ``Z'W`` of each effect.
    """

    factor: str
    rows: Design
    place: IntArray
    gram: FloatArray
    class_of: IntArray
    weighted: tuple[sparse.csr_array, ...]

    @classmethod
    def of(cls, train: Design, term: GroupTerm, held_out: GroupTerm) -> _LevelPosterior:
        levels, place = np.unique(held_out.codes, return_inverse=True)
        rows = train.take(np.isin(term.codes, levels))
        own = next(one for one in rows.groups if one.factor == term.factor)
        at = np.searchsorted(levels, own.codes)
        W = np.ones(rows.n_rows) if rows.weights is None else rows.weights
        J, q = len(levels), term.n_effects
        gram = np.zeros((J, q, q))
        np.add.at(gram, at, own.Z[:, :, None] * (W[:, None] * own.Z)[:, None, :])
        distinct, class_of = np.unique(gram.reshape(J, -1), axis=0, return_inverse=True)
        weighted = tuple(
            sparse.csr_array(
                (W * own.Z[:, k], (at, np.arange(rows.n_rows))), shape=(J, rows.n_rows)
            )
            for k in range(q)
        )
        return cls(term.factor, rows, place, distinct.reshape(-1, q, q), class_of.ravel(), weighted)

    @property
    def n_rows(self) -> int:
        """Training rows, which bound the batches of draws."""
        return self.rows.n_rows

    def __call__(self, batch: Draws) -> tuple[FloatArray, FloatArray]:
        """Return K of the classes (C, B, q, q) and the means of the levels (J, B, q)."""
        L = batch.scale[self.factor]
        transposed = np.swapaxes(L, 1, 2)
        q = L.shape[-1]
        M = transposed @ self.gram[:, None] @ L
        M += (batch.auxiliary["sigma"] ** 2)[:, None, None] * np.eye(q)
        K = L @ np.linalg.solve(M, np.broadcast_to(transposed, M.shape))
        every = np.ones(self.rows.n_rows, dtype=np.bool_)
        residual = self.rows.y - linear_predictor(self.rows, batch, {self.factor: every})
        r = np.stack([matrix @ residual.T for matrix in self.weighted], axis=-1)
        mean = np.zeros(r.shape)
        for a in range(q):
            for b in range(q):
                mean[..., a] += K[self.class_of, :, a, b] * r[..., b]
        return K, mean


def _by_quantiles(
    spec: ModelSpec, held_out: Design, draws: Draws, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Yield log densities (B, m), the effects of unseen levels integrated out."""
    unseen = _unseen(spec, held_out)
    new = np.zeros(held_out.n_rows, dtype=np.bool_)
    for rows in unseen.values():
        new |= rows
    shifts = (rng.permutation(len(draws)) + rng.random(len(draws))) / len(draws)
    done = 0
    for batch in draws.batches(held_out.n_rows + int(new.sum()) * POINTS):
        eta = linear_predictor(held_out, batch, unseen)
        result = np.empty(eta.shape)
        result[:, ~new] = _log_density(spec, held_out.take(~new), eta[:, ~new], batch)
        if new.any():
            variance = np.zeros(eta.shape)
            for term in held_out.groups:
                Z = np.where(unseen[term.factor][:, None], term.Z, 0.0)
                root = Z @ batch.scale[term.factor]
                variance += (root**2).sum(axis=-1)
            shift = shifts[done : done + len(batch), None]
            t = ndtri((np.arange(POINTS) + shift) / POINTS)
            sd = np.sqrt(variance[:, new])
            points = eta[:, None, new] + t[..., None] * sd[:, None]
            logs = _log_density(spec, held_out.take(new), points, batch)
            result[:, new] = logsumexp(logs, axis=1) - np.log(POINTS)
        done += len(batch)
        yield result


def _log_density(spec: ModelSpec, design: Design, eta: FloatArray, draws: Draws) -> FloatArray:
    auxiliary = draws.auxiliary_beside(eta.ndim - 1)
    return spec.family.log_density(design.y, eta, auxiliary, design.weights, design.trials)


def _by_importance(
    spec: ModelSpec, held_out: Design, draws: Draws, rng: np.random.Generator
) -> tuple[float, tuple[str, ...]]:
    """Integrate over the standardised effects t of the unseen levels by importance sampling."""
    unseen = _unseen(spec, held_out)
    new = [
        (term, np.where(rows & (term.codes == code), 1.0, 0.0))
        for term in held_out.groups
        for rows in (unseen[term.factor],)
        for code in np.unique(term.codes[rows])
    ]
    D = sum(term.n_effects for term, _ in new)

    def log_likelihood(t: FloatArray) -> FloatArray:
        """Log densities (S, m) of all rows together, for t (S, m, D)."""
        parts, done = [], 0
        for batch in draws.batches(held_out.n_rows * t.shape[1]):
            own = t[done : done + len(batch)]
            eta = np.repeat(linear_predictor(held_out, batch, unseen)[:, None], t.shape[1], axis=1)
            start = 0
            for term, rows in new:
                place = slice(start, start + term.n_effects)
                u = own[..., place] @ np.swapaxes(batch.scale[term.factor], 1, 2)
                eta += u @ (term.Z * rows[:, None]).T
                start = place.stop
            parts.append(_log_density(spec, held_out, eta, batch).sum(axis=-1))
            done += len(batch)
        return np.concatenate(parts)

    if not D:
        log = log_likelihood(np.zeros((len(draws), 1, 0)))
        return float(logsumexp(log) - np.log(log.size)), ()
    proposal = _Proposal(np.zeros(D), np.eye(D))
    for _ in range(3):
        t = proposal.draw(rng, (len(draws), PILOT_POINTS))
        proposal = proposal.moved(t, log_likelihood(t) + proposal.log_ratio(t))
    t = proposal.draw(rng, (len(draws), GROUP_POINTS))
    log = log_likelihood(t) + proposal.log_ratio(t)
    total = logsumexp(log)
    effective = float(np.exp(2 * total - logsumexp(2 * log)))
    note = f"the effects of the new level were integrated over with {effective:.0f} draws only"
    return float(total - np.log(log.size)), () if effective >= ENOUGH else (note,)


@dataclasses.dataclass(frozen=True, eq=False)
class _Proposal:
    """A Normal law for t, widened, and mixed with the prior Normal(0, I)."""

    mean: FloatArray
    covariance: FloatArray
    prior_share: float = 0.2
    wider: float = 1.3

    @property
    def factor(self) -> FloatArray:
        return np.linalg.cholesky(self.covariance) * self.wider

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        noise = rng.standard_normal((*shape, len(self.mean)))
        from_prior = rng.random((*shape, 1)) < self.prior_share
        return np.where(from_prior, noise, self.mean + noise @ self.factor.T)

    def log_ratio(self, t: FloatArray) -> FloatArray:
        """Log of prior over proposal density; the constants of the Normal laws cancel."""
        prior = -0.5 * (t**2).sum(axis=-1)
        factor = self.factor
        white = np.linalg.solve(factor, (t - self.mean)[..., None])[..., 0]
        own = -0.5 * (white**2).sum(axis=-1) - np.log(np.diagonal(factor)).sum()
        share = self.prior_share
        own = np.logaddexp(np.log(share) + prior, np.log1p(-share) + own)
        return np.asarray(prior - own)

    def moved(self, t: FloatArray, log_weights: FloatArray) -> _Proposal:
        """Return the law with the mean and covariance of weighted draws, kept from collapsing."""
        flat, weights = t.reshape(-1, t.shape[-1]), np.exp(log_weights - logsumexp(log_weights))
        mean = weights.ravel() @ flat
        centred = flat - mean
        covariance = (centred * weights.reshape(-1, 1)).T @ centred
        size = 1 / (weights**2).sum()
        trust = size / (size + 10 * len(mean))
        return dataclasses.replace(
            self,
            mean=mean,
            covariance=trust * covariance + (1 - trust) * self.covariance,
        )
