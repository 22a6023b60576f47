"""Gaussian models with all effects integrated out: log density of theta, exact draws of effects.

theta holds the sds and correlations of the group effects and the residual sd. Given theta, group
effects u = L zeta and population effects beta are jointly Gaussian, so that they integrate out and
can be drawn exactly (see docs/exact-method.md). Everything here takes a batch of B values of theta.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import CrossProducts
from bayesmix.blocks.dense import Dense
from bayesmix.blocks.first import First, eliminate_first, substitute_first
from bayesmix.blocks.multifrontal import Multifrontal
from bayesmix.blocks.nested import Nested
from bayesmix.blocks.small import cholesky, unpack_lower
from bayesmix.blocks.theta import Theta

__all__ = ["Effects", "MarginalModel"]


LARGEST_BATCH = 1 << 21


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Exact draws of the effects, one for each theta.

    Attributes
    ----------
    beta : ndarray, shape (B, p)
        Population effects of the centred columns.
    zeta : tuple of ndarray, shape (B, J, q)
        Standardised group effects of each factor, ``u = L zeta``.
    log_density : ndarray, shape (B,)
        Log density of the response given theta, which comes with the factorisation.
    """

    beta: FloatArray
    zeta: tuple[FloatArray, ...]
    log_density: FloatArray

    def __getitem__(self, index: IntArray) -> Effects:
        return Effects(
            self.beta[index], tuple(zeta[index] for zeta in self.zeta), self.log_density[index]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class MarginalModel:
    """Cross-products, prior and order of elimination: all that the density needs.

    Attributes
    ----------
    products : CrossProducts
    precision : ndarray, shape (p,)
        Prior precision of the population effects of the centred columns.
    """

    products: CrossProducts
    precision: FloatArray
    patterns: tuple[tuple[tuple[int, int], ...], ...]
    first: First | None
    rest: Nested | Dense | Multifrontal | None

    @property
    def batch(self) -> int:
        """Number of thetas that are worked on at once."""
        size = 1 if self.rest is None else self.rest.size
        most = 256 if isinstance(self.rest, Nested) else 1024
        if self.first is not None:
            if self.first.rest is not None:
                size += len(self.first.gram)
            if self.first.columns is not None:
                size += 2 * self.first.columns.size
        return int(np.clip(LARGEST_BATCH // max(size, 1), 1, most))

    @property
    def cost(self) -> float:
        """Rough number of floating-point operations of one density."""
        cost = float(len(self.precision) ** 3 + 1000)
        if self.first is not None:
            cost += self.first.cost
        return cost + (0.0 if self.rest is None else self.rest.cost)

    def log_density(self, theta: Theta, run: Callable[..., Any] = map) -> FloatArray:
        """Compute the log density of the response given theta.

        Parameters
        ----------
        theta : Theta
            A batch of B values.
        run : callable
            ``map``, or an executor's: batches are of fixed size, so that the numbers do not
            depend on it.

        Returns
        -------
        ndarray, shape (B,)
            NaN where theta is beyond what the machine can factorise.
        """
        parts = list(run(lambda part: self._eliminate(part)[0], self._batches(theta)))
        return np.concatenate(parts) if parts else np.empty(0)

    def log_density_given(self, theta: Theta, beta: FloatArray) -> FloatArray:
        """Compute the log density of the response given theta and population effects.

        Parameters
        ----------
        theta : Theta
            A batch of B values.
        beta : ndarray, shape (B, p)
            Of the centred columns, less their prior mean.

        Returns
        -------
        ndarray, shape (B,)
        """
        products, found, done = self.products, [], 0
        for part in self._batches(theta):
            with np.errstate(all="ignore"):
                corner, log_determinant, _ = self._eliminate_groups(part)
            own = beta[done : done + len(part)]
            done += len(part)
            rest = np.concatenate([-own, np.ones((len(part), 1))], axis=1)
            square = np.einsum("bi,ijb,bj->b", rest, corner, rest)
            variance = part.sigma**2
            log_determinant = log_determinant - self._n_zeta * np.log(variance)
            log = products.n_rows * np.log(2 * np.pi * variance) - products.log_weights
            found.append(-0.5 * (log + log_determinant + square / variance))
        return np.concatenate(found) if found else np.empty(0)

    def draw(
        self,
        theta: Theta,
        rng: np.random.Generator,
        run: Callable[..., Any] = map,
        report: Callable[[float], None] = lambda share: None,
        *,
        with_first: bool = True,
    ) -> Effects:
        """Draw the effects exactly, once for each theta.

        Parameters
        ----------
        theta : Theta
            A batch of B values.
        rng : Generator
        run : callable
            As in `log_density`.
        report : callable
            Called with the share that is done.
        with_first : bool
            Whether to draw the factor that is eliminated first, too. Its array is empty otherwise.

        Returns
        -------
        Effects
        """
        batches = self._batches(theta)
        generators = rng.spawn(len(batches))

        def draw(part: Theta, generator: np.random.Generator) -> Effects:
            log, state = self._eliminate(part)
            return self._substitute(part, log, state, generator, with_first)

        left_out = None if with_first or self.first is None else self.first.factor
        beta = np.empty((len(theta), len(self.precision)))
        zeta = tuple(
            np.empty((len(theta), *(d.shape[:2] if t != left_out else (0, d.shape[1]))))
            for t, d in enumerate(self.products.diagonal)
        )
        log_density = np.empty(len(theta))
        done = 0
        for effects in run(draw, batches, generators):
            place = slice(done, done + len(effects.beta))
            beta[place], log_density[place] = effects.beta, effects.log_density
            for whole, part in zip(zeta, effects.zeta, strict=True):
                whole[place] = part
            done = place.stop
            report(done / len(theta))
        return Effects(beta, zeta, log_density)

    def covariance_of_dense(self, theta: Theta) -> tuple[FloatArray, FloatArray]:
        """Compute mean and covariance of all effects but those of the factor eliminated first.

        Only where factors cross: the others need no dense matrix.

        Parameters
        ----------
        theta : Theta
            A batch of B values.

        Returns
        -------
        mean : ndarray, shape (B, m + p)
            Of u of the factors in `rest`, level by level, and of the population effects of the
            centred columns, less their prior mean.
        covariance : ndarray, shape (B, m + p, m + p)
            Divided by the residual variance.
        """
        dense = self.rest.dense if isinstance(self.rest, Multifrontal) else self.rest
        assert isinstance(dense, Dense)
        with np.errstate(all="ignore"):
            _, state = dataclasses.replace(self, rest=dense)._eliminate_quietly(theta)
            return dense.moments(theta, state)

    @property
    def _n_zeta(self) -> int:
        """Number of group effects."""
        return sum(d.shape[0] * d.shape[1] for d in self.products.diagonal)

    def _batches(self, theta: Theta) -> list[Theta]:
        return [theta[i : i + self.batch] for i in range(0, len(theta), self.batch)]

    def _eliminate(self, theta: Theta) -> tuple[FloatArray, dict[str, Any]]:
        with np.errstate(all="ignore"):
            return self._eliminate_quietly(theta)

    def _eliminate_groups(self, theta: Theta) -> tuple[FloatArray, FloatArray, dict[str, Any]]:
        """Eliminate the group effects; what is left of the corner, and the log determinant."""
        products = self.products
        B, size = len(theta), len(products.corner)
        variance = theta.sigma**2
        state: dict[str, Any] = {}
        log_determinant = np.zeros(B)
        corner = np.broadcast_to(products.corner[..., None], (size, size, B))
        if self.first is not None:
            taken, entries, log_first = eliminate_first(
                self.first, theta.scale[self.first.factor], variance, self.rest
            )
            log_determinant += log_first
            corner = corner - unpack_lower(taken, size)
            if self.rest is not None and entries is not None:
                corner, log_rest = self.rest.eliminate(entries, corner, theta, variance, state)
                log_determinant += log_rest
        return corner, log_determinant, state

    def _eliminate_quietly(self, theta: Theta) -> tuple[FloatArray, dict[str, Any]]:
        products = self.products
        B, p = len(theta), len(self.precision)
        variance = theta.sigma**2
        corner, log_determinant, state = self._eliminate_groups(theta)
        A = np.moveaxis(corner[:p, :p], -1, 0) / variance[:, None, None]
        A = A + np.diag(self.precision)
        c = corner[:p, p].T / variance[:, None]
        C = cholesky(A)
        half = np.linalg.solve(C, c[..., None])[..., 0] if p else np.zeros((B, 0))
        log_determinant += 2 * np.log(np.diagonal(C, axis1=1, axis2=2)).sum(axis=1)
        log_determinant -= self._n_zeta * np.log(variance)
        log = -0.5 * (
            products.n_rows * np.log(2 * np.pi * variance)
            - products.log_weights
            - np.log(self.precision).sum()
            + log_determinant
            + corner[p, p] / variance
            - (half**2).sum(axis=1)
        )
        # y'y / sigma^2 less what the effects explain: of that difference rounding leaves nothing
        # where sigma is this small, and a huge density would come of it.
        log[np.finfo(float).eps * products.corner[p, p] > 0.1 * variance] = np.nan
        state |= {"C": C, "half": half}
        return log, state

    def _substitute(
        self,
        theta: Theta,
        log_density: FloatArray,
        state: dict[str, Any],
        rng: np.random.Generator,
        with_first: bool,
    ) -> Effects:
        B, p = len(theta), len(self.precision)
        C, half = state["C"], state["half"]
        noise = rng.standard_normal((B, p))
        beta = np.linalg.solve(np.swapaxes(C, 1, 2), (half + noise)[..., None])[..., 0]
        # The last column of every border is the response: what beta explains is taken off.
        zeta: dict[int, FloatArray] = {}
        u: dict[int, FloatArray] = {}
        if self.rest is not None:
            self.rest.substitute(beta, theta, state, zeta, u, rng)
        if self.first is not None and not with_first:
            zeta[self.first.factor] = np.empty((B, 0, self.first.gram.shape[1]))
        elif self.first is not None:
            substitute_first(self.first, beta, theta, zeta, u, rng)
        return Effects(beta, tuple(zeta[t] for t in range(len(theta.scale))), log_density)
