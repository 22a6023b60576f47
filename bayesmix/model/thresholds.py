"""Thresholds as reported, and those that have a prior: columns at their means, and maybe fewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.thresholds import threshold_weights
from bayesmix.model.spec import ModelSpec

__all__ = ["centred_name", "centred_thresholds", "end_dim", "level_at_means", "weights_of"]


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


def level_at_means(family: Family, levels: Mapping[str, Any]) -> list[Any]:
    """Return the linear predictor of each threshold with the columns at their means.

    Parameters
    ----------
    family : Family
    levels : mapping of str to ndarray or tensor
        Population effects at the means of the columns by predictor, that of the formula by the
        empty name.

    Returns
    -------
    list of ndarray or tensor
        One element stands for all thresholds where no predictor is of a single one.
    """
    return [levels[""] + levels[name] for name in family.specific] or [levels[""]]


def centred_thresholds(
    spec: ModelSpec, thresholds: Parameter, written: FloatArray, betas: Mapping[str, FloatArray]
) -> FloatArray:
    """Return the thresholds that have a prior, with the columns at their means.

    Parameters
    ----------
    spec : ModelSpec
    thresholds : Parameter
    written : ndarray, shape (..., K - 1)
    betas : mapping of str to ndarray, shape (..., p)
        By predictor.

    Returns
    -------
    ndarray, shape (..., F)
    """
    levels = {
        part.design.predictor: betas[part.design.predictor] @ part.population_centre
        for part in spec.parts
    }
    centred: FloatArray = written - np.stack(level_at_means(spec.family, levels), axis=-1)
    weights = weights_of(spec, thresholds)
    return centred if len(weights) == weights.shape[1] else centred[..., [0, -1]]
