"""theta, the parameters that stay when all effects are integrated out, and its prior."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, log_expit

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.theta import Theta
from bayesmix.model.spec import ModelSpec, PartialCorrelations
from bayesmix.priors.prior import Prior

__all__ = ["ThetaSpace", "draw_from"]


# Standard deviations beyond exp(+-25) times the scale of the data are numerically 0 or infinite.
FURTHEST = 25.0
# Priors by so much away from the scale of the data do not say where to look for the mode.
FAR = 5.0


@dataclasses.dataclass(frozen=True, eq=False)
class ThetaSpace:
    """theta as a vector x of real numbers: log sds, atanh of partial correlations, log sigma.

    Attributes
    ----------
    spec : ModelSpec
    pairs : tuple of PartialCorrelations
        One per grouping factor.
    sd_priors : tuple of tuple of callable
        Log densities of the sds, in the order of factors and effects.
    sigma_prior : callable
    """

    spec: ModelSpec
    pairs: tuple[PartialCorrelations, ...]
    sd_priors: tuple[tuple[Callable[[FloatArray], FloatArray], ...], ...]
    sigma_prior: Callable[[FloatArray], FloatArray]

    @classmethod
    def of(cls, spec: ModelSpec) -> ThetaSpace:
        """Lay out the theta of a specification."""
        groups = spec.design.groups
        return cls(
            spec,
            tuple(spec.partial_correlations(term) for term in groups),
            tuple(tuple(map(_log_density, spec.priors.sd[term.factor])) for term in groups),
            _log_density(spec.priors.auxiliary["sigma"]),
        )

    @property
    def size(self) -> int:
        """Number of dimensions."""
        sds = sum(term.n_effects for term in self.spec.design.groups)
        return sds + sum(map(len, self.pairs)) + 1

    def split(self, x: FloatArray) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """Return sds (..., q) and partial correlations (..., k) by factor, and sigma (...)."""
        sds, partials, start = [], [], 0
        for term, pairs in zip(self.spec.design.groups, self.pairs, strict=True):
            sds.append(np.exp(x[..., start : start + term.n_effects]))
            start += term.n_effects
            partials.append(np.tanh(x[..., start : start + len(pairs)]))
            start += len(pairs)
        return sds, partials, np.exp(x[..., start])

    def join(
        self, sds: list[FloatArray], partials: list[FloatArray], sigma: FloatArray
    ) -> FloatArray:
        """Return x; the inverse of `split`."""
        parts = []
        for sd, partial in zip(sds, partials, strict=True):
            parts += [np.log(sd), np.arctanh(np.clip(partial, -1 + 1e-12, 1 - 1e-12))]
        return np.concatenate([*parts, np.log(sigma)[..., None]], axis=-1)

    def theta(self, x: FloatArray) -> Theta:
        """Return the batch of theta for x of shape (B, size)."""
        sds, partials, sigma = self.split(x)
        scale = []
        for sd, partial, pairs in zip(sds, partials, self.pairs, strict=True):
            q = sd.shape[-1]
            factor = pairs.cholesky(partial, q) if len(pairs) else np.eye(q)
            scale.append(sd[..., None] * factor)
        return Theta(tuple(scale), sigma)

    def vector(self, theta: Theta) -> FloatArray:
        """Return x (B, size); the inverse of `theta`."""
        sds, partials = [], []
        for scale, pairs in zip(theta.scale, self.pairs, strict=True):
            sd = np.sqrt((scale**2).sum(axis=-1))
            factor = scale / sd[..., None]
            # What is left of each row before each of its entries.
            left = 1 - np.cumsum(factor**2, axis=-1) + factor**2
            partial = factor / np.sqrt(np.maximum(left, 1e-300))
            sds.append(sd)
            partials.append(partial[..., pairs.row, pairs.column])
        return self.join(sds, partials, theta.sigma)

    def log_prior(self, x: FloatArray) -> FloatArray:
        """Log prior density of x (B, size), the Jacobian of the change of scale included."""
        sds, partials, sigma = self.split(x)
        total = self.sigma_prior(sigma) + np.log(sigma)
        for sd, partial, pairs, priors in zip(
            sds, partials, self.pairs, self.sd_priors, strict=True
        ):
            for i, log_density in enumerate(priors):
                total = total + log_density(sd[..., i]) + np.log(sd[..., i])
            if len(pairs):
                # (1 + w) / 2 = expit(2 y) is Beta(b, b), and its derivative 2 expit expit'.
                y = np.arctanh(partial)
                b = pairs.concentration
                both = log_expit(2 * y) + log_expit(-2 * y)
                total = total + (b * both - betaln(b, b) + np.log(2)).sum(axis=-1)
        return total

    def inside(self, x: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether x (B, size) can be computed with: neither 0 nor infinite to the machine."""
        of_data, of_priors = self._centers
        low, high = np.minimum(of_data, of_priors), np.maximum(of_data, of_priors)
        near: npt.NDArray[np.bool_] = ((low - FURTHEST < x) & (x < high + FURTHEST)).all(axis=-1)
        return near

    def candidates(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Points to look for the mode from: the prior, and the prior with smaller sds."""
        shrink = np.exp(-rng.exponential(1.5, size=n))
        with np.errstate(all="ignore"):
            sds = [
                np.stack([draw_from(prior, rng, n) for prior in priors], axis=-1) * shrink[:, None]
                for priors in self._sd_priors
            ]
            partials = [rng.uniform(-0.5, 0.5, size=(n, len(pairs))) for pairs in self.pairs]
            sigma = draw_from(self.spec.priors.auxiliary["sigma"], rng, n)
            x = self.join(sds, partials, sigma)
        of_data, of_priors = self._centers
        if (np.abs(of_data - of_priors) < FAR).all():
            return x
        is_sd = [
            np.repeat([1.0, 0.0], [len(priors), len(pairs)])
            for priors, pairs in zip(self._sd_priors, self.pairs, strict=True)
        ]
        smaller = np.linspace(0, FAR, 20)[:, None] * np.concatenate([*is_sd, np.ones(1)])
        return np.concatenate([x, of_data - smaller])

    @property
    def _sd_priors(self) -> list[tuple[Prior, ...]]:
        return [self.spec.priors.sd[term.factor] for term in self.spec.design.groups]

    @functools.cached_property
    def _centers(self) -> tuple[FloatArray, FloatArray]:
        """Return x at the scale of the data, which default priors have, and of the priors."""
        defaults = self.spec.priors.defaults
        groups = [defaults.sd[term.factor] for term in self.spec.design.groups]
        of_data = self._center(groups, defaults.auxiliary["sigma"])
        of_priors = self._center(self._sd_priors, self.spec.priors.auxiliary["sigma"])
        return of_data, np.where(np.isfinite(of_priors), of_priors, of_data)

    def _center(self, sds: Sequence[Sequence[Prior]], sigma: Prior) -> FloatArray:
        with np.errstate(all="ignore"):
            groups = [
                np.concatenate([np.log(_typical(priors)), np.zeros(len(pairs))])
                for priors, pairs in zip(sds, self.pairs, strict=True)
            ]
            return np.concatenate([*groups, np.log(_typical([sigma]))])


def _log_density(prior: Prior) -> Callable[[FloatArray], FloatArray]:
    if prior.has_log_density:
        return prior.log_density
    from bayesmix.priors.compiled import compile_log_density

    return compile_log_density(prior)


def draw_from(prior: Prior, rng: np.random.Generator, n: int) -> FloatArray:
    """Draw from any prior, by PyMC where it is not known here, shape (n,)."""
    if prior.has_log_density:
        return prior.draw(rng, n)
    from bayesmix.priors.compiled import draw_prior

    return draw_prior(prior, rng, n)


def _typical(priors: Sequence[Prior]) -> FloatArray:
    rng = np.random.default_rng(0)
    return np.array([np.median(draw_from(prior, rng, 64)) for prior in priors])
