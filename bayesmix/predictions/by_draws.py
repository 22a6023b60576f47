"""Densities of held-out rows of any family: effects of unseen levels are drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtri

from bayesmix.base.arrays import FloatArray
from bayesmix.base.words import count
from bayesmix.design.design import Design
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.predictions.splits import Split

__all__ = ["ByDraws", "variance_of_unseen"]


# Points at which an effect of an unseen level is integrated out, for each draw.
POINTS = 32
# Draws of the effects of a left-out group, for each posterior draw: to find where they must be,
# and to integrate.
PILOT_POINTS, GROUP_POINTS = 4, 8
# Effective number of draws below which the density of a left-out group is uncertain.
ENOUGH = 200


class ByDraws:
    """The effects of seen levels are those of the draws, those of unseen levels are integrated."""

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Nothing stands in the way."""
        return None

    def rows(self, split: Split, rng: np.random.Generator) -> Iterator[FloatArray]:
        """Integrate over shifted quantiles of what unseen levels add to the linear predictor."""
        return _by_quantiles(split, rng)

    def together(self, split: Split, rng: np.random.Generator) -> tuple[float, tuple[str, ...]]:
        """Integrate over the effects of unseen levels by importance sampling."""
        return _by_importance(split, rng)


def _by_quantiles(split: Split, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield log densities (B, m), the effects of unseen levels integrated out."""
    spec, held_out, draws, unseen = split.spec, split.held_out, split.draws, split.unseen
    new = np.zeros(held_out.n_rows, dtype=np.bool_)
    for rows in unseen.values():
        new |= rows
    shifts = [
        (rng.permutation(len(draws)) + rng.random(len(draws))) / len(draws) for _ in held_out.parts
    ]
    done = 0
    for batch in draws.batches(held_out.n_rows + int(new.sum()) * POINTS):
        etas = _linear_predictors(held_out, batch, unseen)
        result = np.empty(etas[0].shape)
        known = [eta[:, ~new] for eta in etas]
        result[:, ~new] = _log_density(spec, held_out.take(~new), known, batch)
        if new.any():
            own = zip(held_out.parts, batch.parts, etas, shifts, _ratios(len(etas)), strict=True)
            points = []
            for part, drawn, eta, shift, ratio in own:
                # The first of them is a grid with one point between any two quantiles.
                first = shift[done : done + len(batch), None] * (1 if ratio == 1 else POINTS)
                t = ndtri((np.arange(POINTS) * ratio + first) % POINTS / POINTS)
                sd = np.sqrt(variance_of_unseen(part, drawn, unseen))[:, new]
                points.append(eta[:, None, new] + t[..., None] * sd[:, None])
            logs = _log_density(spec, held_out.take(new), points, batch)
            result[:, new] = logsumexp(logs, axis=1) - np.log(POINTS)
        done += len(batch)
        yield result


def _ratios(n: int) -> FloatArray:
    """Return the steps of a lattice that fills a cube: one, and powers of an irrational root.

    The root solves x^n = x + 1, as the golden ratio does for two.
    """
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / n)
    return np.array([1.0, *(POINTS * root ** -np.arange(1.0, n))])


def variance_of_unseen(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> FloatArray:
    """Compute the variance (B, m) of what unseen levels add to a linear predictor."""
    variance = np.zeros((len(draws), design.n_rows))
    for term in design.groups:
        Z = np.where(unseen[term.factor][:, None], term.Z, 0.0)
        root = Z @ draws.scale[term.factor]
        variance += (root**2).sum(axis=-1)
    return variance


def _linear_predictors(
    design: Design, draws: Draws, unseen: Mapping[str, npt.NDArray[np.bool_]]
) -> list[FloatArray]:
    parts = zip(design.parts, draws.parts, strict=True)
    return [linear_predictor(part, own, unseen) for part, own in parts]


def _log_density(
    spec: ModelSpec, design: Design, etas: Sequence[FloatArray], draws: Draws
) -> FloatArray:
    """Compute log densities at the linear predictors of all parameters that have one."""
    eta, *others = etas
    auxiliary = draws.auxiliary_beside(eta.ndim - 1)
    auxiliary |= dict(zip(design.predictors, others, strict=True))
    return spec.family.log_density(design.y, eta, auxiliary, design.weights, design.trials)


def _by_importance(split: Split, rng: np.random.Generator) -> tuple[float, tuple[str, ...]]:
    """Integrate over the standardised effects t of the unseen levels by importance sampling."""
    spec, held_out, draws, unseen = split.spec, split.held_out, split.draws, split.unseen
    new = [
        (k, term, np.where(rows & (term.codes == code), 1.0, 0.0))
        for k, part in enumerate(held_out.parts)
        for term in part.groups
        for rows in (unseen[term.factor],)
        for code in np.unique(term.codes[rows])
    ]
    D = sum(term.n_effects for _, term, _ in new)

    def log_likelihood(t: FloatArray) -> FloatArray:
        """Log densities (S, m) of all rows together, for t (S, m, D)."""
        parts, done = [], 0
        for batch in draws.batches(held_out.n_rows * t.shape[1]):
            own = t[done : done + len(batch)]
            etas = [
                np.repeat(eta[:, None], t.shape[1], axis=1)
                for eta in _linear_predictors(held_out, batch, unseen)
            ]
            start = 0
            for k, term, rows in new:
                place = slice(start, start + term.n_effects)
                u = own[..., place] @ np.swapaxes(batch.parts[k].scale[term.factor], 1, 2)
                etas[k] += u @ (term.Z * rows[:, None]).T
                start = place.stop
            parts.append(_log_density(spec, held_out, etas, batch).sum(axis=-1))
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
    note = (
        f"the effects of the new level were integrated over with {count(round(effective), 'draw')} "
        "only"
    )
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
