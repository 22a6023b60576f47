"""Group effects with the other columns of their block at their means, and as written.

A covariate's zero is arbitrary, and the intercept of ``(year | g)`` stands where it is. The
default prior of such a block is therefore that of the block with its other columns centred,
``Z~ = Z - m`` for the columns beside the intercept. The same model has effects ``u~ = T u`` with
``T = [[1, m'], [0, I]]``, so that ``u_0 = u~_0 - m' u~_k`` and ``u_k = u~_k``. All computing is
done with ``Z~``, where nothing cancels; what is reported are the effects as written. Of effects
that are correlated across predictors, those of each predictor are moved by themselves: T has a
block for each.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray, draws_first
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import JointEffects
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "centred_design",
    "centred_effects",
    "centred_scale",
    "effects_as_written",
    "group_draws",
    "joint_scale_as_written",
    "scale_as_written",
    "sd_and_cor",
    "sd_variable",
]


# Numbers that are moved at once.
AT_ONCE = 1 << 16


def effects_as_written(centre: FloatArray, effects: FloatArray) -> FloatArray:
    """Return ``u = T^-1 u~``.

    Parameters
    ----------
    centre : ndarray, shape (q,)
        `ModelSpec.centre` of the factor; zero for the intercept.
    effects : ndarray, shape (..., q)
        Effects of the centred columns, ``u~``.

    Returns
    -------
    ndarray, shape (..., q)
    """
    return _moved(effects, -centre)


def move_to_written(centre: FloatArray, effects: FloatArray) -> None:
    """Do the same in place, some draws (B, J, q) at a time: of many levels a copy is dear."""
    step = max(1, AT_ONCE // max(1, effects[:1].size))
    for start in range(0, len(effects) if centre.any() else 0, step):
        some = effects[start : start + step]
        some[..., 0] -= some @ centre


def centred_effects(centre: FloatArray, effects: FloatArray) -> FloatArray:
    """Return ``u~ = T u``: the inverse of `effects_as_written`."""
    return _moved(effects, centre)


def scale_as_written(centre: FloatArray, scale: FloatArray) -> FloatArray:
    """Return ``T^-1 L`` of shape (..., q, Q), a square root of the covariance as written."""
    return np.swapaxes(_moved(np.swapaxes(scale, -1, -2), -centre), -1, -2)


def joint_scale_as_written(spec: ModelSpec, joint: JointEffects, scale: FloatArray) -> FloatArray:
    """Return ``T^-1 L`` (..., Q, Q) of the effects of all predictors, T having a block for each."""
    parts = [
        scale_as_written(spec.part(term).centre(term), scale[..., place, :])
        for term, place in joint.members
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)


def _moved(effects: FloatArray, by: FloatArray) -> FloatArray:
    if not by.any():
        return effects
    moved = np.array(effects)
    moved[..., 0] += effects @ by
    return moved


def sd_and_cor(scale: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sds (..., q) and correlations (..., q, q) of effects with ``Sigma = L L'``."""
    sd = np.sqrt((scale**2).sum(axis=-1))
    factor = scale / np.where(sd > 0, sd, 1.0)[..., None]
    cor = np.clip(factor @ np.swapaxes(factor, -1, -2), -1.0, 1.0)
    each = np.arange(cor.shape[-1])
    cor[..., each, each] = 1.0
    return sd, cor


def centred_design(spec: ModelSpec, design: Design | None = None) -> Design:
    """Return a design with the columns of group effects as their priors see them.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    design : Design, optional
        Rows with the same columns; those of the model by default.

    Returns
    -------
    Design
        The same object where nothing is centred.
    """
    design = spec.design if design is None else design
    predictors = {
        name: centred_design(spec.predictor(name), own) for name, own in design.predictors.items()
    }
    if any(own is not design.predictors[name] for name, own in predictors.items()):
        design = dataclasses.replace(design, predictors=predictors)
    if not any(spec.centre(term).any() for term in design.groups):
        return design
    groups = (
        dataclasses.replace(term, Z=term.Z - spec.centre(term), means=None)
        for term in design.groups
    )
    return dataclasses.replace(design, groups=tuple(groups))


def group_draws(
    spec: ModelSpec,
    joint: JointEffects,
    sd: FloatArray,
    free: FloatArray,
    scale: FloatArray,
    zeta: FloatArray | None,
) -> dict[str, FloatArray]:
    """Name draws of one grouping factor, of the columns as written.

    Parameters
    ----------
    spec : ModelSpec
        Of all predictors.
    joint : JointEffects
        One of its grouping factors.
    sd, free : ndarray, shape (B, Q) and (B, k)
        Sds that have a prior, and free numbers of the correlations.
    scale : ndarray, shape (B, Q, Q)
        The root of the covariance that they make.
    zeta : ndarray, shape (B, J, Q), or None
        Effects as standard normal numbers; None for those that are not kept.

    Returns
    -------
    dict of ndarray
        ``sd_``, ``free_`` and, where there are such, ``cor_``, ``centred_sd_``, ``zeta_``, ``u_``.
    """
    written = joint_scale_as_written(spec, joint, scale)
    sds, cor = sd_and_cor(written)
    u = None if zeta is None else zeta @ np.swapaxes(scale, 1, 2)
    values = {}
    for term, place in joint.members:
        part = spec.part(term)
        values[sd_variable(part, term)] = sd[:, place]
        if part.is_centred(term):
            values[term.names.sd] = sds[:, place]
        if zeta is not None and u is not None:
            values[term.names.zeta] = zeta[..., place]
            values[term.names.u] = own = u[..., place]
            move_to_written(part.centre(term), own)
    if spec.joint_correlations(joint):
        values[joint.names.cor] = cor
    values[joint.names.free] = free
    return values


def sd_variable(spec: ModelSpec, term: GroupTerm) -> str:
    """Name the variable of the posterior that holds the sds that have a prior."""
    return term.names.centred_sd if spec.is_centred(term) else term.names.sd


def centred_scale(spec: ModelSpec, joint: JointEffects, posterior: xr.Dataset) -> FloatArray:
    """Read a square root of the covariance of the effects of the centred columns.

    Parameters
    ----------
    spec : ModelSpec
        Of all predictors.
    joint : JointEffects
        One of its grouping factors.
    posterior : Dataset
        Draws by whichever method.

    Returns
    -------
    ndarray, shape (S, Q, Q)
        ``diag(sd) chol(R)`` of each draw, chain after chain; with `joint_scale_as_written` that of
        the effects as written.
    """
    correlations = spec.joint_correlations(joint)
    root = np.eye(joint.n_effects)
    if len(correlations):
        root = correlations.factor(2 * draws_first(posterior[joint.names.lkj], ...) - 1)
    sds = [draws_first(posterior[sd_variable(spec.part(term), term)], ...) for term in joint.terms]
    sd = sds[0] if len(sds) == 1 else np.concatenate(sds, axis=-1)
    return sd[..., None] * root
