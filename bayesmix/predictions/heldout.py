"""Posterior to log predictive densities of rows that were held out, new levels included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from bayesmix.base.arguments import generator
from bayesmix.base.arrays import FloatArray
from bayesmix.design.design import Design
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import BATCH
from bayesmix.predictions.predictive import predictive
from bayesmix.predictions.splits import Split

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["log_joint_predictive", "log_predictive"]


def log_predictive(
    spec: ModelSpec,
    held_out: Design,
    posterior: xr.Dataset,
    random_seed: int | np.random.Generator | None = None,
    *,
    batch: int = BATCH,
) -> FloatArray:
    """Compute the log predictive density of rows, one by one.

    Parameters
    ----------
    spec : ModelSpec
        The model with its training rows.
    held_out : Design
        Rows with the same columns and levels; a level without training rows counts as new.
    posterior : Dataset
        Draws given the training rows.
    random_seed : int, Generator or None
        For the integral over the effects of unseen levels; Gaussian models need none.
    batch : int
        Numbers in the largest array of one batch of draws.

    Returns
    -------
    ndarray, shape (m,)
        ``log(mean(p(y_i | draw)))``; `kfold` tells what is integrated over.
    """
    split = Split.of(spec, held_out, posterior, batch)
    total: FloatArray = np.full(held_out.n_rows, -np.inf)
    for log_density in predictive(split.spec).rows(split, generator(random_seed)):
        total = np.logaddexp(total, logsumexp(log_density, axis=0))
    return np.asarray(total - np.log(len(split.draws)))


def log_joint_predictive(
    spec: ModelSpec, held_out: Design, posterior: xr.Dataset, rng: np.random.Generator
) -> tuple[float, tuple[str, ...]]:
    """Compute the log predictive density of all rows together, and say if it is uncertain."""
    split = Split.of(spec, held_out, posterior)
    return predictive(split.spec).together(split, rng)
