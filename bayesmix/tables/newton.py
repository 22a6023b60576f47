"""Maximum likelihood in each level, all at once, by Newton's method."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayesmix.base.arrays import BoolArray, FloatArray, IntArray
from bayesmix.families.links import LINKS
from bayesmix.families.supports import POSITIVE, UNIT
from bayesmix.posterior.draws import Draws, mean_predicted
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.regressions import Basis, sums

if TYPE_CHECKING:
    from bayesmix.families.family import Family
    from bayesmix.families.slopes import Slope

__all__ = ["Likelihood", "maximum_likelihood"]


# Steps of Newton's method. Where there is a maximum it takes about 6, and more where a row far out
# holds it up; where there is none, the linear predictor moves on by about 1 a step, until so little
# information is left that the level is given up.
_STEPS, _HALVINGS, _GIVEN_UP_FROM = 100, 25, 30
_CONVERGED = 1e-9
# Most that a step may move the linear predictor, in the root mean square of the rows.
_LONGEST_STEP = 10.0
# Information below which a maximum cannot be told from a likelihood that is flat up to infinity.
_SMALLEST_INFORMATION = 1e-13


class Likelihood(NamedTuple):
    """What rows say of their linear predictor, whatever the family.

    `auxiliary` has one value for all rows, or the linear predictor of each.
    """

    family: Family
    y: FloatArray
    auxiliary: dict[str, FloatArray]
    weights: FloatArray | None
    trials: FloatArray | None

    @classmethod
    def of(cls, fit: Fitted, rows: IntArray) -> Likelihood:
        """Take some rows of a fit, with auxiliary parameters at their posterior means."""
        design, posterior = fit.design, fit.posterior
        auxiliary = {
            name: posterior[name].mean(("chain", "draw")).to_numpy()
            for name in fit.family.auxiliary
        }
        if design.predictors:
            auxiliary |= mean_predicted(design, Draws.of(fit.spec, posterior))
        return cls(fit.family, design.y, auxiliary, design.weights, design.trials).take(rows)

    def take(self, rows: IntArray | BoolArray) -> Likelihood:
        """Keep some of the rows."""
        weights, trials = (
            None if values is None else values[rows] for values in (self.weights, self.trials)
        )
        auxiliary = {
            name: values[rows] if name in self.family.predictors else values
            for name, values in self.auxiliary.items()
        }
        return self._replace(y=self.y[rows], auxiliary=auxiliary, weights=weights, trials=trials)

    def log_density(self, eta: FloatArray) -> FloatArray:
        """Compute the log density of each row."""
        return self.family.log_density(self.y, eta, self.auxiliary, self.weights, self.trials)

    def slope(self, eta: FloatArray) -> Slope:
        """Differentiate the log density by the linear predictor."""
        family, name = self.family, self.family.parameters[0].name
        p, rows = family.values(eta, self.auxiliary), family.rows(self.weights, self.trials)
        return family.slopes(self.y, p, rows, name)[name]

    def near_response(self, known: FloatArray) -> FloatArray:
        """Linear predictors near each response, away from the edge; `known` on a latent scale."""
        support, link = self.family.parameters[0].support, LINKS[self.family.link]
        if self.family.of_mean is not None:
            near = self._share() if self.family.binary else self.y + 0.5
            with np.errstate(all="ignore"):
                start = np.asarray(link.near(self.family.of_mean(near)))
            return np.where(np.isfinite(start), start, known)
        if support == UNIT:
            return np.asarray(link.near(self._share()))
        if support == POSITIVE:
            return np.asarray(link.near(self.y + 0.5))
        placed = self.family.on_predictor_scale(self.y)
        return known if placed is None else np.where(np.isnan(placed), known, placed)

    def _share(self) -> FloatArray:
        trials = 1.0 if self.trials is None else self.trials
        return np.asarray((self.y + 0.5) / (trials + 1.0))


def maximum_likelihood(
    basis: Basis,
    codes: IntArray,
    known: FloatArray,
    likelihood: Likelihood,
    n: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Run Newton's method in every level at once, in the coordinates of the basis."""
    n_levels, q = basis.kept.shape
    value, se = np.full((n_levels, q), np.nan), np.full((n_levels, q), np.nan)
    levels = np.flatnonzero(n > 0)
    Q, eta = basis.Q, known
    for step in range(_STEPS):
        # Levels that have converged are left out, and the others numbered anew.
        number = np.full(n_levels, -1)
        number[levels] = np.arange(len(levels))
        rows = number[codes] >= 0
        codes, levels_of = codes[rows], number[codes[rows]]
        Q, known, eta = Q[rows], known[rows], eta[rows]
        likelihood = likelihood.take(rows)
        if step == 0:
            # From the responses themselves to a point on the model.
            start = likelihood.near_response(known)
            score, weight = likelihood.slope(start)
            score += weight * (start - known)
        else:
            score, weight = likelihood.slope(eta)
        gradient, information = _quadratic(Q, score, weight, levels_of, basis.kept[levels])
        move, sound = _solve(information, gradient)
        along = (Q * move[levels_of]).sum(axis=1)
        length = np.sqrt(sums(along**2, levels_of, len(levels)))
        most = _LONGEST_STEP * np.sqrt(n[levels])
        along *= (np.minimum(length, most) / np.where(length > 0, length, 1.0))[levels_of]
        eta = eta + along * _share(likelihood, eta, along, levels_of, len(levels))
        done = sound & (length < _CONVERGED)
        if step == 0:
            continue
        finished = levels[done]
        value[finished], se[finished] = _finished(
            basis.inverse[finished], Q, eta - known, information[done], levels_of, done
        )
        levels = levels[~done & (sound | (step < _GIVEN_UP_FROM))]
        if not len(levels):
            break
    return value, se


def _finished(
    inverse: FloatArray,
    Q: FloatArray,
    eta: FloatArray,
    information: FloatArray,
    codes: IntArray,
    done: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Turn coordinates and their information into effects and standard errors."""
    coordinates = np.stack(
        [sums(Q[:, k] * eta, codes, len(done))[done] for k in range(Q.shape[1])], axis=1
    )
    covariance = inverse @ np.linalg.inv(information) @ np.swapaxes(inverse, 1, 2)
    effects = np.einsum("jkl,jl->jk", inverse, coordinates)
    return effects, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))


def _quadratic(
    Q: FloatArray, score: FloatArray, weight: FloatArray, codes: IntArray, kept: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Sum gradient (J, q) and information (J, q, q) of each level."""
    n_levels, q = kept.shape
    gradient, information = np.empty((n_levels, q)), np.empty((n_levels, q, q))
    for k in range(q):
        gradient[:, k] = sums(Q[:, k] * score, codes, n_levels)
        for j in range(k + 1):
            information[:, k, j] = sums(Q[:, k] * Q[:, j] * weight, codes, n_levels)
            information[:, j, k] = information[:, k, j]
        information[~kept[:, k], k, k] = 1.0
    return gradient, information


def _solve(information: FloatArray, gradient: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Solve for a step, and tell where the information has not all but vanished."""
    size, axes = np.linalg.eigh(information)
    sound = size[:, 0] > _SMALLEST_INFORMATION
    size = np.maximum(size, _SMALLEST_INFORMATION)
    step: FloatArray = np.einsum("jkl,jl,jml,jm->jk", axes, 1 / size, axes, gradient)
    return step, sound


def _share(
    likelihood: Likelihood,
    eta: FloatArray,
    along: FloatArray,
    codes: IntArray,
    n_levels: int,
) -> FloatArray:
    """Halve the step of a level until its likelihood does not fall; one share for each row."""
    share = np.ones(n_levels)

    def by_level(at: FloatArray) -> FloatArray:
        return sums(likelihood.log_density(at), codes, n_levels)

    before = by_level(eta)
    for _ in range(_HALVINGS):
        with np.errstate(over="ignore", invalid="ignore"):
            after = by_level(eta + share[codes] * along)
        falls = ~(after >= before - 1e-10 * (1 + np.abs(before)))
        if not falls.any():
            break
        share[falls] /= 2
    return share[codes]
