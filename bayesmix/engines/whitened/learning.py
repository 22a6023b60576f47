"""What chains teach of the likelihood, and the density in coordinates made of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.coordinates import Coordinates
from bayesmix.engines.whitened.density import Density, Point
from bayesmix.engines.whitened.layout import Layout
from bayesmix.engines.whitened.passes import predictors, row_blocks, rows_between
from bayesmix.engines.whitened.start import Start, working_weights
from bayesmix.engines.whitened.whitening import Whitening
from bayesmix.engines.whitened.working import Working, eliminate

__all__ = ["Lesson", "LostError", "first_density", "look_at", "taught"]


class LostError(Exception):
    """The chains are where nothing can be computed."""


class Lesson(NamedTuple):
    """What was seen of the chains.

    Attributes
    ----------
    values : ndarray, shape (d, M)
        Parameters of each chain.
    rows : ndarray, shape (4, n)
        Sums over chains of the linear predictor without offset, of the score, of its square and of
        the information; K n rows of K predictors.
    """

    values: FloatArray
    rows: FloatArray


def look_at(density: Density, point: Point) -> Lesson:
    """Look at parameters and rows of a batch of chains."""
    layout = density.layout
    values, effects = density.effects(point.x)
    beta = values[layout.coordinates.population]
    auxiliary = layout.auxiliary(values)
    family = layout.family
    rows = np.empty((4, len(layout.predictors), layout.n_rows))
    for start, stop in row_blocks(layout.n_rows, values.shape[1], len(layout.predictors)):
        eta, others = predictors(layout, beta, effects.u, start, stop)
        p = family.chains_first(eta, {**auxiliary, **others})
        known = rows_between(layout.rows, start, stop)
        slopes = family.slopes(layout.y[start:stop], p, known, *layout.predictors)
        for k, name in enumerate(layout.predictors):
            own, score, information = rows[:, k, start:stop], *slopes[name]
            own[0] = p[name].eta.sum(axis=0)
            score = np.broadcast_to(score, p[name].eta.shape)
            own[1] = score.sum(axis=0)
            own[2] = np.einsum("mn,mn->n", score, score)
            own[3] = np.broadcast_to(information, score.shape).sum(axis=0)
    stacked = rows.reshape(4, -1)
    stacked[0] -= layout.offset * values.shape[1]
    return Lesson(values, stacked)


def taught(density: Density, lessons: list[Lesson]) -> Density:
    """Return a density in coordinates made of what was seen."""
    layout = density.layout
    values = np.concatenate([lesson.values for lesson in lessons], axis=1)
    eta, score, square, information = sum(lesson.rows for lesson in lessons) / values.shape[1]
    weights = working_weights(information, square)
    working = Working(weights, eta + score / weights, np.median(values, axis=1))
    coordinates = layout.coordinates.with_units(_units(values[layout.coordinates.sds]))
    x = coordinates.back(values)
    if not np.isfinite(x).all():
        raise LostError
    center = x.mean(axis=1)
    root = _metric(density, coordinates, x - center[:, None], np.median(values, axis=1))
    eliminated, _ = eliminate(layout, working)
    return Density(layout, coordinates, Whitening(layout, eliminated), center, root)


def _units(sds: FloatArray) -> FloatArray:
    low, high = np.quantile(sds, [0.16, 0.84], axis=1) if len(sds) else np.empty((2, 0))
    return np.maximum(0.5 * (high - low), 1e-3 * np.maximum(high, 1e-300))


def _metric(
    density: Density, coordinates: Coordinates, deviations: FloatArray, middle: FloatArray
) -> FloatArray:
    """Return a root of the covariance of the parameters, shrunk towards the one in use."""
    d, count = deviations.shape
    before = density.coordinates.back(middle[:, None])
    step = 1e-3
    after = [coordinates.back(density.coordinates.values(before + sign * step)) for sign in (-1, 1)]
    slope = np.clip((after[1] - after[0])[:, 0] / (2 * step), 1e-3, 1e3)
    old = slope[:, None] * density.root
    seen = linalg.solve_triangular(old, deviations, lower=True)
    covariance = seen @ seen.T / max(count - 1, 1)
    share = count / (count + 3.0 * d)
    covariance *= share
    diagonal = np.arange(d)
    covariance[diagonal, diagonal] *= 1 / share
    covariance[diagonal, diagonal] += 1e-10
    return np.tril(old @ np.linalg.cholesky(covariance))


def first_density(layout: Layout, start: Start) -> Density:
    """Return the density in coordinates made of the rough fit."""
    sds = start.values[layout.coordinates.sds]
    coordinates = layout.coordinates.with_units(np.maximum(0.5 * sds, 1e-300))
    eliminated, precision = eliminate(layout, start.working)
    center = coordinates.back(start.values[:, None])[:, 0]
    root = 0.3 * np.eye(layout.coordinates.size)
    population = layout.coordinates.population
    p = population.stop - population.start
    if p:
        _, curvature = layout.coordinates.population_prior(start.values[population])
        precision = precision + np.diag(curvature)
        precision += np.diag(1e-9 * np.diag(precision) + 1e-300)
        covariance = np.linalg.inv(precision)
        slope = coordinates.evaluate(center[:, None]).pull(np.ones((len(center), 1)))[population]
        covariance = 1.5 * covariance / (slope * slope.T)
        root[:p, :p] = np.linalg.cholesky(0.5 * (covariance + covariance.T))
    return Density(layout, coordinates, Whitening(layout, eliminated), center, root)
