"""Bayes factors of correlations: of a model against the same one where a correlation is zero.

The two models are nested, and all other parameters have the same prior at zero. So the Bayes factor
is the prior density of the correlation there over its posterior density (Dickey, 1971). Given the
sds and the effects of the levels the posterior of a correlation has one dimension, and its density
at zero is computed for each draw, and averaged.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import betaln, logsumexp

from bayesmix.base.arrays import FloatArray
from bayesmix.criteria.correlations import correlated_effects
from bayesmix.criteria.theta import relative_ess
from bayesmix.design.joint_effects import JointEffects
from bayesmix.model.centring import centred_effects, sd_variable
from bayesmix.posterior.fitted import Fitted

__all__ = ["AtZero", "correlations_at_zero", "log_ratio_at_zero"]

# Of the quadrature over atanh of the correlation: points, sds about the mode, and where to look for
# the mode from.
POINTS, WIDTH, FURTHEST, ROUNDS = 201, 12.0, 6.0, 12
# Draws that are worked on at a time.
BLOCK = 1000
# Monte-Carlo error beyond which a few draws decide.
LARGEST_ERROR = 0.25


class AtZero(NamedTuple):
    """A correlation that another model has at zero.

    Attributes
    ----------
    factor, effect_1, effect_2 : str
    log_bayes_factor : float
        Of the model with the correlation; NaN where zero is too far from all draws.
    se : float
        Monte-Carlo standard error.
    """

    factor: str
    effect_1: str
    effect_2: str
    log_bayes_factor: float
    se: float


def correlations_at_zero(fit: Fitted) -> list[AtZero]:
    """Compare with the model where a correlation is zero, for each block of two effects.

    There are none for larger blocks, effects that are Student-t, and those whose draws were not
    kept.
    """
    found: list[AtZero] = []
    for joint in correlated_effects(fit.spec):
        own = fit.spec.joint_correlations(joint)
        blocks = [
            (block.effects, block.structure.concentration(2, own.eta))
            for block in own.blocks
            if len(block) == 2 and block.structure.concentration is not None
        ]
        standardised = _standardised(fit, joint) if blocks else None
        if standardised is None:
            continue
        for (i, j), concentration in blocks:
            log_ratio, se = log_ratio_at_zero(standardised[..., [i, j]], concentration)
            known = log_ratio if se <= LARGEST_ERROR else np.nan
            found.append(AtZero(joint.factor, joint.effects[i], joint.effects[j], known, se))
    return found


def _standardised(fit: Fitted, joint: JointEffects) -> FloatArray | None:
    """Return the effects over their sds, (chains, draws, J, Q), as their priors see them."""
    posterior = fit.idata["posterior"].dataset
    found = []
    for term in joint.terms:
        part = fit.spec.part(term)
        if term.names.u not in posterior or part.student(term) is not None:
            return None
        u = posterior[term.names.u].transpose("chain", "draw", ...).to_numpy()
        sd = posterior[sd_variable(part, term)].transpose("chain", "draw", ...).to_numpy()
        found.append(centred_effects(part.centre(term), u) / sd[:, :, None, :])
    return np.concatenate(found, axis=-1)


def log_ratio_at_zero(v: FloatArray, concentration: float) -> tuple[float, float]:
    """Return log prior less log posterior density at zero, and its standard error.

    Parameters
    ----------
    v : ndarray, shape (chains, draws, J, 2)
        Effects with sds of one, given which the correlation is to be known.
    concentration : float
        Its prior is ``(1 + r) / 2 ~ Beta(concentration, concentration)``.
    """
    squares = np.einsum("...ja,...ja->...", v, v).ravel()
    products = np.einsum("...j,...j->...", v[..., 0], v[..., 1]).ravel()
    levels = v.shape[-2]
    parts = (slice(k, k + BLOCK) for k in range(0, len(squares), BLOCK))
    log = np.concatenate(
        [_log_density_at_zero(squares[k], products[k], levels, concentration) for k in parts]
    )
    posterior = float(logsumexp(log)) - np.log(len(log))
    prior = (1 - 2 * concentration) * np.log(2) - betaln(concentration, concentration)
    relative = np.exp(log - posterior)
    effective = len(log) * min(1.0, relative_ess([relative.reshape(v.shape[:2])]))
    return float(prior - posterior), float(relative.std() / np.sqrt(effective))


def _log_density_at_zero(
    squares: FloatArray, products: FloatArray, levels: int, concentration: float
) -> FloatArray:
    """Return the log posterior density of a correlation at zero given each draw of the effects.

    With ``r = tanh(y)`` it is, up to a constant and with the Jacobian, ``(J - 2 c) log cosh y -
    A cosh(2 y) / 4 + B sinh(2 y) / 2``, where A is the sum of squares and B that of products.
    """
    A, B, power = squares[:, None], products[:, None], levels - 2 * concentration

    def log(y: FloatArray) -> FloatArray:
        # Far out both terms overflow, and the density is zero there.
        with np.errstate(over="ignore", invalid="ignore"):
            value = power * np.log(np.cosh(y)) - A * np.cosh(2 * y) / 4 + B * np.sinh(2 * y) / 2
        return np.where(np.isnan(value), -np.inf, value)

    def curvature(y: FloatArray) -> FloatArray:
        second = power / np.cosh(y) ** 2 - A * np.cosh(2 * y) + 2 * B * np.sinh(2 * y)
        return np.maximum(-second, 1e-3)

    grid = np.linspace(-FURTHEST, FURTHEST, POINTS)[None]
    mode = grid[0, np.argmax(log(grid), axis=1)][:, None]
    for _ in range(ROUNDS):
        slope = power * np.tanh(mode) - A * np.sinh(2 * mode) / 2 + B * np.cosh(2 * mode)
        mode = mode + np.clip(slope / curvature(mode), -0.1, 0.1)
    step = 2 * WIDTH / (POINTS - 1) / np.sqrt(curvature(mode))
    nodes = mode + step * np.arange(-(POINTS // 2), POINTS // 2 + 1)
    total = logsumexp(log(nodes), axis=1) + np.log(step[:, 0])
    return np.asarray(log(np.zeros((1, 1)))[:, 0] - total)
