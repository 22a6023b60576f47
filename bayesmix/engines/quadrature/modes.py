"""Where the effects of nested units are most probable, and how the density curves there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.quadrature.elements import Entries, backward, cholesky, forward
from bayesmix.engines.quadrature.problem import Problem

__all__ = ["Curvature", "Mode", "mode_of"]

# Standard deviations of its prior by which an effect moves in one step at most.
_LONGEST_STEP = 2.0
# Steps at most, and posterior standard deviations that one would be long if it were not taken.
_MOST_STEPS, _SMALL_STEP = 20, 0.3

type Effects = list[list[FloatArray]]


@dataclasses.dataclass(frozen=True, eq=False)
class Curvature:
    """Of the log density by the effects of each layer, those of finer ones eliminated.

    Attributes
    ----------
    roots : list of Entries
        By layer, Cholesky factors of minus the second derivatives.
    coupled : list of list of list of ndarray
        By layer and effect of coarser layers, ``C^-1 B`` with the second derivatives B by both.
    steps : list of list of ndarray
        By layer, C^-1 of the first derivatives.
    """

    roots: list[Entries]
    coupled: list[list[list[FloatArray]]]
    steps: list[list[FloatArray]]


@dataclasses.dataclass(frozen=True, eq=False)
class Mode:
    """Effects by layer with their linear predictors, and the curvature near them."""

    etas: list[FloatArray]
    effects: Effects
    curvature: Curvature

    def follow(self, problem: Problem, by: list[FloatArray]) -> Effects:
        """Move the effects of the coarsest layer, and those of finer ones to where they belong."""
        top = len(self.effects) - 1
        return _back(problem, self.curvature, top, by, with_steps=False)


def mode_of(
    problem: Problem, top: int, etas: Sequence[FloatArray], effects: Effects, steps: int
) -> Mode:
    """Go uphill by scoring in the effects of the layers up to `top`, all units side by side.

    So many steps, and more for units whose effects are far from where they belong.
    """
    at, own = list(etas), [list(layer) for layer in effects]
    crossed, step = len(problem.varying) > 1, 0
    while True:
        step += 1
        scores, information = problem.slopes(at, crossed=crossed and step >= steps)
        curvature = _curvature(problem, top, scores, information, own)
        far = None if step < steps else _far(problem, top, curvature)
        if far is not None and (step >= _MOST_STEPS or not far.any()):
            return Mode(at, own, curvature)
        last = backward(curvature.roots[top], curvature.steps[top])
        by = _back(problem, curvature, top, last, with_steps=True)
        if far is not None:
            # The others stay: what becomes of a unit depends on no other.
            by = [
                [values * problem.block.copies(far, top, layer) for values in own_by]
                for layer, own_by in enumerate(by)
            ]
        at = problem.moved(at, by)
        own = [[v + d for v, d in zip(*pair, strict=True)] for pair in zip(own, by, strict=True)]


def _far(problem: Problem, top: int, curvature: Curvature) -> FloatArray:
    """Tell of units of layer `top` whether a step is long beside a posterior sd, 1 or 0."""
    far = np.zeros(())
    for layer in range(top + 1):
        far = problem.block.sums(far, layer)
        for step in curvature.steps[layer]:
            far = far + ~(np.abs(step) < _SMALL_STEP)
    return np.asarray(np.minimum(far, 1.0))


def _curvature(
    problem: Problem, top: int, scores: Any, information: Entries, effects: Effects
) -> Curvature:
    block, sizes = problem.block, problem.sizes
    matrix, slope = _by_rows(problem, top, scores, information)
    found = Curvature([], [], [])
    for layer in range(top + 1):
        q, rest = sizes[layer], sum(sizes[layer + 1 : top + 1])
        matrix = {place: block.sums(value, layer) for place, value in matrix.items()}
        slope = [block.sums(value, layer) for value in slope]
        own = {(i, j): matrix[i, j] + (i == j) for i in range(q) for j in range(i, q)}
        root = cholesky(own, q)
        step = forward(root, [slope[i] - effects[layer][i] for i in range(q)])
        coupled = [forward(root, [matrix[i, q + e] for i in range(q)]) for e in range(rest)]
        matrix = {
            (e, f): matrix[q + e, q + f] - _dot(coupled[e], coupled[f])
            for e in range(rest)
            for f in range(e, rest)
        }
        slope = [slope[q + e] - _dot(coupled[e], step) for e in range(rest)]
        found.roots.append(root)
        found.coupled.append(coupled)
        found.steps.append(step)
    return found


def _by_rows(
    problem: Problem, top: int, scores: Any, information: Entries
) -> tuple[Entries, list[FloatArray]]:
    """Differentiate the log density of each row by the effects of all layers up to `top`."""
    loadings = [
        {
            k: problem.loadings[layer][k][d]
            for k in scores
            if problem.loadings[layer][k][d] is not None
        }
        for layer in range(top + 1)
        for d in range(problem.sizes[layer])
    ]
    zero = np.zeros(())
    slope: list[FloatArray] = [
        sum((own * scores[k] for k, own in one.items()), start=zero) for one in loadings
    ]
    matrix: Entries = {}
    for i, one in enumerate(loadings):
        for j, other in enumerate(loadings[i:], i):
            matrix[i, j] = sum(
                (
                    own * further * information[k, m]
                    for k, own in one.items()
                    for m, further in other.items()
                    if (k, m) in information
                ),
                start=zero,
            )
    return matrix, slope


def _dot(x: list[FloatArray], y: list[FloatArray]) -> Any:
    return sum((a * b for a, b in zip(x, y, strict=True)), start=np.zeros(()))


def _back(
    problem: Problem,
    curvature: Curvature,
    top: int,
    last: list[FloatArray],
    *,
    with_steps: bool,
) -> Effects:
    """Substitute from the coarsest layer, whose steps are known, to the finest."""
    block = problem.block
    found: dict[int, list[FloatArray]] = {top: _bounded(last) if with_steps else last}
    for layer in range(top - 1, -1, -1):
        coarser = [
            block.copies(values, other, layer)
            for other in range(layer + 1, top + 1)
            for values in found[other]
        ]
        right = []
        for i in range(problem.sizes[layer]):
            value: Any = curvature.steps[layer][i] if with_steps else np.zeros(())
            for own, by in zip(curvature.coupled[layer], coarser, strict=True):
                value = value - own[i] * by
            right.append(value)
        own_step = backward(curvature.roots[layer], right)
        found[layer] = _bounded(own_step) if with_steps else own_step
    return [found[layer] for layer in range(top + 1)]


def _bounded(steps: list[FloatArray]) -> list[FloatArray]:
    found = [np.clip(step, -_LONGEST_STEP, _LONGEST_STEP) for step in steps]
    return [np.nan_to_num(step) if np.isnan(step).any() else step for step in found]
