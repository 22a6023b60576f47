"""Thresholds as reported, and those that have a prior: columns at their means, and maybe fewer."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.parameters import Parameter
from bayesmix.families.thresholds import threshold_weights
from bayesmix.model.spec import ModelSpec

__all__ = ["centred_name", "centred_thresholds", "end_dim", "weights_of"]


def centred_name(name: str) -> str:
    """Name the free variable of the joint model that makes the thresholds."""
    return f"{name}_centred"


def end_dim(name: str) -> str:
    """Name the dimension of thresholds that make the others."""
    return f"{name}_end"


def weights_of(spec: ModelSpec, thresholds: Parameter) -> FloatArray:
    """Return what makes all thresholds of those that have a prior, (K - 1, F)."""
    length = spec.priors.lengths[thresholds.name]
    if length is None:
        raise AssertionError("thresholds have a length")
    return threshold_weights(spec.family.threshold, length)


def centred_thresholds(
    spec: ModelSpec, thresholds: Parameter, written: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return the thresholds that have a prior, with the columns at their means.

    Parameters
    ----------
    spec : ModelSpec
    thresholds : Parameter
    written : ndarray, shape (..., K - 1)
    beta : ndarray, shape (..., p)

    Returns
    -------
    ndarray, shape (..., F)
    """
    centred = written - (beta @ spec.population_centre)[..., np.newaxis]
    weights = weights_of(spec, thresholds)
    return centred if len(weights) == weights.shape[1] else centred[..., [0, -1]]
