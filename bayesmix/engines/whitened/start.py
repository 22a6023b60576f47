"""Where to start: penalised reweighted least squares, factor after factor."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.layout import Factor, Layout
from bayesmix.engines.whitened.working import Working, level_products

__all__ = ["Start", "start_of", "working_weights"]

ROUNDS = 30
# Linear predictors and steps beyond these lead nowhere yet.
FURTHEST, LONGEST = 40.0, 5.0
SMALLEST = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """A rough fit.

    Attributes
    ----------
    working : Working
    values : ndarray, shape (d,)
        Of the parameters.
    """

    working: Working
    values: FloatArray


def working_weights(information: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Return positive weights: the information, or something else where that is none."""
    usable = np.isfinite(information) & (information > SMALLEST)
    return np.where(usable, information, np.maximum(otherwise, SMALLEST))


def start_of(layout: Layout) -> Start:
    """Fit roughly, in a pass over the rows a round."""
    return _Rounds(layout).fit()


class _Rounds:
    """What changes from round to round."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.values = layout.coordinates.values(np.zeros((layout.coordinates.size, 1)))[:, 0]
        self.beta = np.zeros(layout.X.shape[1])
        self.shares = [np.zeros_like(layout.offset) for _ in layout.factors]
        self.covariances: list[FloatArray] = []

    def fit(self) -> Start:
        layout = self.layout
        eta = layout.offset + self._row_by_row()
        w = z = np.zeros_like(eta)
        for _ in range(ROUNDS):
            before = eta
            self._auxiliary(eta)
            w, z = self._working(np.clip(eta, -FURTHEST, FURTHEST))
            fixed = self._population(w, z)
            for t, factor in enumerate(layout.factors):
                others = sum(share for s, share in enumerate(self.shares) if s != t)
                self._factor(t, factor, w, z - fixed - others)
            eta = layout.offset + fixed + sum(self.shares)
            if np.abs(eta - before).max(initial=0.0) < 1e-3 * (1 + np.abs(eta).max(initial=0.0)):
                break
        coordinates = layout.coordinates
        self.values[coordinates.population] = self.beta
        for t, factor in enumerate(layout.factors):
            self._parameters(factor, self.covariances[t])
        return Start(Working(w, z, self.values), self.values)

    def _slope(self, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        layout = self.layout
        family, names = layout.family, layout.predictors
        first, *others = layout.by_predictor(eta[:, None])
        auxiliary = layout.auxiliary(self.values[:, None])
        auxiliary |= dict(zip(names[1:], others, strict=True))
        p = family.chains_first(first, auxiliary)
        slopes = family.slopes(layout.y, p, layout.rows, *names)
        every = [np.broadcast_arrays(*slopes[name], layout.y)[:2] for name in names]
        score, information = (
            np.concatenate(list(map(np.ravel, own))) for own in zip(*every, strict=True)
        )
        return score, working_weights(information, 1e-3 * score**2)

    def _row_by_row(self) -> FloatArray:
        """Find where each row would like to be, half of the way from where all are."""
        eta = -self.layout.offset
        for _ in range(ROUNDS):
            score, w = self._slope(eta + self.layout.offset)
            for rows, by, weights in zip(
                *map(self.layout.by_predictor, (eta, score, w)), strict=True
            ):
                rows += np.clip(by.sum() / weights.sum(), -LONGEST, LONGEST)
        middle = eta.copy()
        for _ in range(10):
            score, w = self._slope(eta + self.layout.offset)
            typical = np.concatenate(
                [np.full(len(own), own.mean()) for own in self.layout.by_predictor(w)]
            )
            eta += np.clip((score - typical * (eta - middle)) / (w + typical), -1.0, 1.0)
        return 0.5 * (eta + middle)

    def _working(self, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        score, w = self._slope(eta)
        return w, eta - self.layout.offset + np.clip(score / w, -LONGEST, LONGEST)

    def _population(self, w: FloatArray, z: FloatArray) -> FloatArray:
        layout = self.layout
        if not len(self.beta):
            return np.zeros_like(w)
        slope, curvature = layout.coordinates.population_prior(self.beta)
        matrix = (layout.X * w[:, None]).T @ layout.X + np.diag(curvature)
        matrix += np.diag(1e-9 * np.diag(matrix) + 1e-300)
        rest = z - sum(self.shares, np.zeros_like(z))
        right = layout.X.T @ (w * rest) + curvature * self.beta + slope
        size = np.sqrt(np.diag(matrix))
        scaled = matrix / size / size[:, None]
        self.beta = np.linalg.solve(scaled, right / size) / size
        self.beta = layout.coordinates.inside(self.beta, 1 / size)
        return layout.X @ self.beta

    def _factor(self, t: int, factor: Factor, w: FloatArray, rest: FloatArray) -> None:
        """Effects given their covariance, then the covariance given them (a step of EM)."""
        q, J = factor.n_effects, factor.n_levels
        gram = np.ascontiguousarray(level_products(factor, w).transpose(2, 0, 1))
        right = np.empty((J, q))
        for a in range(q):
            right[:, a] = np.bincount(factor.codes, w * factor.Z[a] * rest, minlength=J)
        informed = np.einsum("n,qn->q", w, factor.Z**2) / self.layout.n_rows
        # A column of zeros says nothing of an sd, which its prior then moves to where it may be.
        size = 0.075 / np.maximum(np.where(informed > 0, informed, 1.0), 1e-300)
        if t == len(self.covariances):
            self.covariances.append(np.diag(size))
        inverse = np.linalg.inv(gram + np.linalg.inv(self.covariances[t]))
        u = np.einsum("jab,jb->ja", inverse, right)
        covariance = (u.T @ u + inverse.sum(axis=0) + np.diag(size)) / (J + 1)
        kept = np.zeros((q, q), dtype=bool)
        for a, b in factor.correlations.pattern:
            kept[a, b] = kept[b, a] = True
        self.covariances[t] = np.where(kept, covariance, 0.0)
        self.shares[t] = np.einsum("nq,qn->n", u[factor.codes], factor.Z)

    def _auxiliary(self, eta: FloatArray) -> None:
        """Move each auxiliary parameter to where the rows are likely, one step of Newton."""
        layout = self.layout
        coordinates, family = layout.coordinates, layout.family
        for _ in range(3 if coordinates.auxiliary else 0):
            x = coordinates.back(self.values[:, None])
            slopes = []
            for step in (-1e-4, 0.0, 1e-4):
                moved = coordinates.evaluate(x + step)
                first, *others = layout.by_predictor(eta[:, None].copy())
                known = layout.auxiliary(moved.values)
                known |= dict(zip(layout.predictors[1:], others, strict=True))
                scores = family.scores(layout.y, first, known, layout.rows)
                by_values = np.zeros_like(x)
                for name, rows in coordinates.auxiliary.items():
                    by_values[rows] = layout.by_rows(name, scores.auxiliary[name])
                slopes.append(moved.slope + moved.pull(by_values))
            curvature = (slopes[0] - slopes[2]) / 2e-4
            for rows in coordinates.auxiliary.values():
                change = slopes[1][rows] / np.maximum(np.abs(curvature[rows]), 1e-3)
                x[rows] += np.clip(change, -1.0, 1.0)
            for rows in coordinates.auxiliary.values():
                self.values[rows] = coordinates.values(x)[rows, 0]

    def _parameters(self, factor: Factor, covariance: FloatArray) -> None:
        sd = np.sqrt(np.diag(covariance))
        self.values[factor.sds] = self.layout.coordinates.plausible(sd, factor.sds)
        if factor.correlations:
            root = np.linalg.cholesky(covariance / np.outer(sd, sd))
            self.values[factor.free] = np.clip(factor.correlations.free(root), -0.95, 0.95)
