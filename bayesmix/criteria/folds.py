"""Which rows are left out together: random, grouped or stratified folds."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import generator, shape_of, shown, whole_number
from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count

__all__ = ["folds"]


# The split where no seed is given: the same for all models of the same rows.
SPLIT_SEED = 20_260_806
QUANTILES = 10


def folds(
    n: int,
    k: int,
    group_by: npt.ArrayLike | None = None,
    stratify_by: npt.ArrayLike | None = None,
    random_seed: int | np.random.Generator | None = None,
) -> IntArray:
    """Assign rows to folds at random.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of folds.
    group_by : array_like, shape (n,), optional
        Rows with the same value go into the same fold. The groups are dealt out in random order,
        each to the fold with the fewest rows so far.
    stratify_by : array_like, shape (n,), optional
        Each value is spread over the folds as evenly as it can be. Fractional numbers are cut at
        their deciles first.
    random_seed : int, Generator or None
        The same seed gives the same folds.

    Returns
    -------
    ndarray of int64, shape (n,)
        Fold of each row, 1 to k. Without groups, folds differ by at most one row.

    Raises
    ------
    BayesmixError
        k is below 2 or above the number of rows or groups, a column has another length or missing
        values, or both columns are given.

    Examples
    --------
    >>> folds(6, 3, group_by=list("aabbcc"), random_seed=1)
    array([3, 3, 1, 1, 2, 2])
    >>> fold = folds(9, 3, stratify_by=list("aaabbbccc"), random_seed=1)
    >>> sorted(fold[:3]) == sorted(fold[3:6]) == sorted(fold[6:]) == [1, 2, 3]
    True
    """
    n = whole_number("n", n, at_least=1)
    k = whole_number("k", k, at_least=2)
    if group_by is not None and stratify_by is not None:
        raise BayesmixError(
            "Both group_by and stratify_by came: the first keeps a group in one fold, the second "
            "spreads it over all. Give one of them."
        )
    if k > n:
        raise BayesmixError(
            f"k={shown(k)} is more than the {count(n, 'row')}. Give k from 2 to {n}."
        )
    rng = generator(random_seed)
    if group_by is not None:
        return _grouped(_codes("group_by", group_by, n), k, rng)
    order = rng.permutation(n)
    if stratify_by is not None:
        strata = _codes("stratify_by", stratify_by, n)
        order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % k
    return rng.permutation(k)[fold] + 1


def _grouped(codes: IntArray, k: int, rng: np.random.Generator) -> IntArray:
    sizes = np.bincount(codes)
    if k > len(sizes):
        raise BayesmixError(
            f"k={shown(k)} is more than the {len(sizes)} groups of group_by. Give k from 2 to "
            f"{len(sizes)}."
            if len(sizes) > 1
            else "group_by has one group only, and none would be left to fit. Leave it out."
        )
    rows = np.zeros(k, dtype=np.int64)
    of_group = np.empty(len(sizes), dtype=np.int64)
    for group in rng.permutation(len(sizes)):
        of_group[group] = rows.argmin()
        rows[of_group[group]] += sizes[group]
    return rng.permutation(k)[of_group][codes] + 1


def _codes(name: str, values: npt.ArrayLike, n: int) -> IntArray:
    """Turn the values of a column into numbers, 0 for the first that occurs."""
    shape = shape_of(values, n)
    if shape != (n,):
        raise BayesmixError(f"{name} has shape {shape}; one value per row is needed: ({n},).")
    if isinstance(values, pd.MultiIndex):
        values = values.to_flat_index()
    column = pd.Series(cast(Any, values)).reset_index(drop=True)
    missing = int(column.isna().sum())
    if missing:
        raise BayesmixError(f"{name} has {missing} missing values. Fill them in.")
    if name == "stratify_by" and pd.api.types.is_float_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64)
        if (numbers != np.floor(numbers)).any():
            column = pd.qcut(column, QUANTILES, labels=False, duplicates="drop")
    return pd.factorize(column)[0].astype(np.int64)
