"""theta, the parameters that stay when all effects are integrated out, and its prior."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.theta import Theta
from bayesmix.covariance.correlations import Correlations
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.prior import Prior

__all__ = ["ThetaSpace", "draw_from"]


# Standard deviations beyond exp(+-25) times the scale of the data are numerically 0 or infinite.
FURTHEST = 25.0
# Priors by so much away from the scale of the data do not say where to look for the mode.
FAR = 5.0


@dataclasses.dataclass(frozen=True, eq=False)
class ThetaSpace:
    """theta as a vector x of real numbers: log sds, atanh of free numbers, log sigma.

    Attributes
    ----------
    spec : ModelSpec
    correlations : tuple of Correlations
        One per grouping factor.
    sd_priors : tuple of tuple of callable
        Log densities of the sds, in the order of factors and effects.
    sigma_prior : callable or None
        None where sigma is 1: standard errors are known, and the weights are made of them.
    """

    spec: ModelSpec
    correlations: tuple[Correlations, ...]
    sd_priors: tuple[tuple[Callable[[FloatArray], FloatArray], ...], ...]
    sigma_prior: Callable[[FloatArray], FloatArray] | None

    @classmethod
    def of(cls, spec: ModelSpec) -> ThetaSpace:
        """Lay out the theta of a specification."""
        groups, sigma = spec.design.groups, spec.priors.auxiliary.get("sigma")
        return cls(
            spec,
            tuple(spec.correlations(term) for term in groups),
            tuple(tuple(map(_log_density, spec.priors.sd[term.factor])) for term in groups),
            None if sigma is None else _log_density(sigma),
        )

    @property
    def size(self) -> int:
        """Number of dimensions."""
        sds = sum(term.n_effects for term in self.spec.design.groups)
        return sds + sum(map(len, self.correlations)) + (self.sigma_prior is not None)

    def split(self, x: FloatArray) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """Return sds (..., q) and free numbers (..., k) by factor, and sigma (...)."""
        sds, frees, start = [], [], 0
        for term, correlations in zip(self.spec.design.groups, self.correlations, strict=True):
            sds.append(np.exp(x[..., start : start + term.n_effects]))
            start += term.n_effects
            frees.append(np.tanh(x[..., start : start + len(correlations)]))
            start += len(correlations)
        known = self.sigma_prior is None
        return sds, frees, np.ones(x.shape[:-1]) if known else np.exp(x[..., start])

    def join(self, sds: list[FloatArray], frees: list[FloatArray], sigma: FloatArray) -> FloatArray:
        """Return x; the inverse of `split`."""
        parts = [] if self.sigma_prior is None else [np.log(sigma)[..., None]]
        for sd, free in zip(reversed(sds), reversed(frees), strict=True):
            parts[:0] = [np.log(sd), np.arctanh(np.clip(free, -1 + 1e-12, 1 - 1e-12))]
        return np.concatenate([np.empty((*sigma.shape, 0)), *parts], axis=-1)

    def theta(self, x: FloatArray) -> Theta:
        """Return the batch of theta for x of shape (B, size)."""
        sds, frees, sigma = self.split(x)
        scale = []
        for sd, free, correlations in zip(sds, frees, self.correlations, strict=True):
            scale.append(sd[..., None] * correlations.factor(free))
        return Theta(tuple(scale), sigma)

    def vector(self, theta: Theta) -> FloatArray:
        """Return x (B, size); the inverse of `theta`."""
        sds, frees = [], []
        for scale, correlations in zip(theta.scale, self.correlations, strict=True):
            sd = np.sqrt((scale**2).sum(axis=-1))
            sds.append(sd)
            frees.append(correlations.free(scale / sd[..., None]))
        return self.join(sds, frees, theta.sigma)

    def log_prior(self, x: FloatArray) -> FloatArray:
        """Log prior density of x (B, size), the Jacobian of the change of scale included."""
        sds, frees, sigma = self.split(x)
        total = np.zeros(sigma.shape)
        if self.sigma_prior is not None:
            total = self.sigma_prior(sigma) + np.log(sigma)
        for sd, free, correlations, priors in zip(
            sds, frees, self.correlations, self.sd_priors, strict=True
        ):
            for i, log_density in enumerate(priors):
                total = total + log_density(sd[..., i]) + np.log(sd[..., i])
            if len(correlations):
                total = total + correlations.log_prior(free)
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
            frees = [rng.uniform(-0.5, 0.5, size=(n, len(own))) for own in self.correlations]
            priors = self.spec.priors.auxiliary
            sigma = draw_from(priors["sigma"], rng, n) if "sigma" in priors else np.ones(n)
            x = self.join(sds, frees, sigma)
        of_data, of_priors = self._centers
        if (np.abs(of_data - of_priors) < FAR).all():
            return x
        is_sd = [
            np.repeat([1.0, 0.0], [len(priors), len(correlations)])
            for priors, correlations in zip(self._sd_priors, self.correlations, strict=True)
        ]
        of_all = np.concatenate([*is_sd, np.ones(int(self.sigma_prior is not None))])
        smaller = np.linspace(0, FAR, 20)[:, None] * of_all
        return np.concatenate([x, of_data - smaller])

    @property
    def _sd_priors(self) -> list[tuple[Prior, ...]]:
        return [self.spec.priors.sd[term.factor] for term in self.spec.design.groups]

    @functools.cached_property
    def _centers(self) -> tuple[FloatArray, FloatArray]:
        """Return x at the scale of the data, which default priors have, and of the priors."""
        defaults = self.spec.priors.defaults
        groups = [defaults.sd[term.factor] for term in self.spec.design.groups]
        of_data = self._center(groups, defaults.auxiliary.get("sigma"))
        of_priors = self._center(self._sd_priors, self.spec.priors.auxiliary.get("sigma"))
        return of_data, np.where(np.isfinite(of_priors), of_priors, of_data)

    def _center(self, sds: Sequence[Sequence[Prior]], sigma: Prior | None) -> FloatArray:
        with np.errstate(all="ignore"):
            groups = [
                np.concatenate([np.log(_typical(priors)), np.zeros(len(correlations))])
                for priors, correlations in zip(sds, self.correlations, strict=True)
            ]
            return np.concatenate([*groups, np.log(_typical([] if sigma is None else [sigma]))])


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
