"""Which effects are integrated out: those of factors that are nested in each other."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.design.joint_effects import JointEffects
from bayesmix.engines.quadrature.rules import FEW_STEPS, MOST_EFFECTS, STEPS, rules_of
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws

__all__ = [
    "Layer",
    "chain_of_groups",
    "chain_of_rows",
    "groups_obstacle",
    "n_densities",
    "n_points",
    "rows_obstacle",
]

# Points of all layers together: how many are worth their time for rows, and for groups, for which
# there are only refits otherwise.
_MOST_POINTS, _MOST_OF_GROUPS = 150, 1000


# Rows of a unit, in the mean, with which its effects are known well without one of them.
_MANY_ROWS = 10
# Densities of a row that take as long as their derivatives.
_OF_A_STEP = 2.5


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """All effects of one partition of the rows, whichever predictors they belong to.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        Which unit a row belongs to.
    joint : tuple of JointEffects
        None where the units have no effects of their own.
    heavy : bool
        Whether some effects are Student-t.
    """

    codes: IntArray
    joint: tuple[JointEffects, ...]
    heavy: bool = False

    @functools.cached_property
    def size(self) -> int:
        """Number of effects Q of a unit."""
        return sum(one.n_effects for one in self.joint)

    @property
    def kind(self) -> tuple[int, bool]:
        """Number of effects, and whether they are of several predictors."""
        return self.size, len({term.predictor for one in self.joint for term in one.terms}) > 1

    @functools.cached_property
    def n_units(self) -> int:
        """Number of units that have rows."""
        return len(np.unique(self.codes))

    @property
    def factors(self) -> frozenset[str]:
        """Names of the grouping factors."""
        return frozenset(one.factor for one in self.joint)

    @property
    def obstacle(self) -> str | None:
        """Why its effects cannot be integrated out; None if they can."""
        name = " and ".join(f"'{factor}'" for factor in sorted(self.factors))
        if self.heavy:
            return f"the effects of {name} are Student-t"
        if self.size > MOST_EFFECTS:
            return f"each level of {name} has {self.size} effects, more than {MOST_EFFECTS}"
        return None

    def loadings(
        self, n_predictors: int, places: dict[str, int], draws: Draws, rows: IntArray
    ) -> list[list[FloatArray | None]]:
        """Compute what each standardised effect adds to each predictor, arrays (S, rows)."""
        found: list[list[FloatArray | None]] = [[None] * self.size for _ in range(n_predictors)]
        start = 0
        for joint in self.joint:
            for term in joint.terms:
                k, Z = places[term.predictor], term.Z[rows]
                root = draws.parts[k].scale[term.factor]
                for d in range(joint.n_effects):
                    if root[..., d].any():
                        found[k][start + d] = root[..., d] @ Z.T
            start += joint.n_effects
        return found

    def standardised(self, draws: Draws, places: dict[str, int], units: IntArray) -> FloatArray:
        """Return the drawn effects of some units as standard normal numbers (Q, S, units)."""
        found = np.zeros((self.size, len(draws), len(units)))
        start = 0
        for joint in self.joint:
            owners = [(draws.parts[places[term.predictor]], term) for term in joint.terms]
            if all(term.factor in own.u for own, term in owners):
                root = np.concatenate([own.scale[term.factor] for own, term in owners], axis=1)
                u = np.concatenate([own.u[term.factor][:, units] for own, term in owners], axis=2)
                place = slice(start, start + joint.n_effects)
                found[place] = np.moveaxis(_whitened(root, u), 2, 0)
            start += joint.n_effects
        return np.clip(found, -6.0, 6.0)


def _whitened(root: FloatArray, u: FloatArray) -> FloatArray:
    """Solve ``root v = u`` for effects (S, J, Q); 0 where an sd of zero leaves v open."""
    with np.errstate(all="ignore"):
        if root.shape[-1] == 1:
            v = u / root[:, 0, :, None]
        else:
            v = u @ np.swapaxes(np.linalg.pinv(root), 1, 2)
    return np.where(np.isfinite(v), v, 0.0)


def layers_of(spec: ModelSpec) -> tuple[Layer, ...]:
    """Put effects together whose factors part the rows in the same way; most units first."""
    found: list[Layer] = []
    for joint in spec.design.joint_effects:
        codes = joint.terms[0].codes
        heavy = any(spec.part(term).student(term) is not None for term in joint.terms)
        for place, other in enumerate(found):
            if nested_in(codes, other.codes) and nested_in(other.codes, codes):
                either = heavy or other.heavy
                found[place] = Layer(other.codes, (*other.joint, joint), either)
                break
        else:
            found.append(Layer(codes, (joint,), heavy))
    return tuple(sorted(found, key=lambda layer: -layer.n_units))


def nested_in(inner: IntArray, outer: IntArray) -> bool:
    """Whether all rows of each unit lie in one unit of another partition."""
    order = np.argsort(inner, kind="stable")
    own, other = inner[order], outer[order]
    return bool(((own[1:] != own[:-1]) | (other[1:] == other[:-1])).all())


def n_points(layers: Sequence[Layer]) -> int:
    """Count the points at which each row is evaluated."""
    rules = rules_of([layer.kind for layer in layers])
    return int(np.prod([len(rule) for rule in rules]))


def n_densities(layers: Sequence[Layer]) -> float:
    """Count the densities of each row that take as long, steps to the modes included."""
    rules = rules_of([layer.kind for layer in layers])
    total, points = 0.0, 1
    for rule, steps in zip(reversed(rules), (STEPS, *[FEW_STEPS] * len(rules)), strict=False):
        total += _OF_A_STEP * steps * points
        points *= len(rule)
    return total + points


def nested_chain(
    layers: Iterable[Layer], most_points: int, start: Sequence[Layer] = ()
) -> tuple[Layer, ...]:
    """Take layers one after the other that contain the last, while their points are few.

    The first is always taken.
    """
    chain = list(start)
    for layer in layers:
        fits = not chain or nested_in(chain[-1].codes, layer.codes)
        few = not chain or n_points([*chain, layer]) <= most_points
        if fits and few and layer.obstacle is None:
            chain.append(layer)
    return tuple(chain)


def chain_of_rows(spec: ModelSpec) -> tuple[Layer, ...]:
    """Choose the layers to integrate out where rows are left out; empty if there are none.

    The factor whose levels have the fewest rows says most of a row by itself, and the row of it;
    then those in which it is nested, while they have few rows, too.
    """
    able = [layer for layer in layers_of(spec) if layer.obstacle is None]
    few = (layer for layer in able[1:] if len(layer.codes) <= _MANY_ROWS * layer.n_units)
    return nested_chain(few, _MOST_POINTS, able[:1])


def rows_obstacle(spec: ModelSpec) -> str | None:
    """Say why no effects can be integrated out of the densities of rows; None if some can."""
    layers = layers_of(spec)
    if not layers:
        return "the model has no group effects"
    if chain_of_rows(spec):
        return None
    return " and ".join(filter(None, (layer.obstacle for layer in layers)))


def chain_of_groups(spec: ModelSpec, codes: IntArray) -> tuple[tuple[Layer, ...], int]:
    """Choose the layers for groups that are left out, and say which of them are the groups."""
    layers = layers_of(spec)
    within = [layer for layer in layers if nested_in(layer.codes, codes)]
    same = [layer for layer in within if nested_in(codes, layer.codes)]
    own = Layer(codes, same[0].joint if same else ())
    finer = nested_chain((layer for layer in within if layer not in same), _MOST_OF_GROUPS)
    # What is finer and crossed with the chain stands beside the groups, see `groups_obstacle`.
    coarser = [layer for layer in layers if layer not in within and nested_in(codes, layer.codes)]
    return nested_chain(coarser, _MOST_POINTS, (*finer, own)), len(finer)


def groups_obstacle(spec: ModelSpec, codes: IntArray) -> str | None:
    """Say why groups cannot be left out without refits; None if they can.

    Effects of which only rows of a group tell are to be integrated out, all of them.
    """
    chain, target = chain_of_groups(spec, codes)
    inside = [layer for layer in layers_of(spec) if nested_in(layer.codes, codes)]
    for layer in inside:
        if layer.obstacle is not None:
            return layer.obstacle
    taken = frozenset[str]().union(*(layer.factors for layer in chain[: target + 1]))
    left = sorted(factor for layer in inside for factor in layer.factors - taken)
    if left or n_points(chain[: target + 1]) > _MOST_OF_GROUPS:
        which = f"of {' and '.join(map(repr, left))} " if left else ""
        return f"the effects {which}within the groups are too many, or cross, to be integrated out"
    return None
