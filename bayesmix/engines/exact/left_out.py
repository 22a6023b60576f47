"""Predictive densities of rows and groups that are left out, all effects integrated out.

Given theta the response of a Gaussian model is jointly normal, so that the density of a row or of a
group given all other rows is closed. Everything here is for specifications without an obstacle
(`bayesmix.model.gaussian`), whichever method sampled theta, and takes a batch of S thetas.

Let ``a_i`` be what row i multiplies the effects with, ``h_i = w_i a_i' Cov(effects | y) a_i /
sigma^2`` its leverage and ``e_i`` its residual at the posterior mean of the effects. Then

    y_i | y_-i, theta  ~  Normal(y_i - e_i / (1 - h_i), sigma^2 / (w_i (1 - h_i)))

Factors nested in one another are a tree, with the population effects at its root: each row is
swept through its levels from the inside out, and what a level tells the one above it is a small
matrix that can be taken off. Crossed factors need entries of the inverse of one dense matrix.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arrays import FloatArray, IntArray, draws_first
from bayesmix.blocks.crossproducts import cross_products
from bayesmix.blocks.plan import marginal_model
from bayesmix.blocks.theta import Theta
from bayesmix.design.design import Design
from bayesmix.engines.exact.densities import ROOM, Budget, OfRows, log_normal, standardised
from bayesmix.engines.exact.left_out_crossed import Crossed, crossed_of
from bayesmix.engines.exact.left_out_tree import Tree, tree_of
from bayesmix.engines.exact.marginal import Marginal, marginal_of
from bayesmix.model.centring import centred_design, centred_scale
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["group_densities", "row_densities", "row_scores", "theta_of"]


def theta_of(spec: ModelSpec, posterior: xr.Dataset) -> Theta:
    """Take theta from the draws of a fit, whichever method made them.

    Parameters
    ----------
    spec : ModelSpec
        A Gaussian one.
    posterior : Dataset
        Draws with ``sigma``, but 1 where standard errors are known, and, for each factor, the sds
        that have a prior (`bayesmix.model.centring.sd_variable`) and, where effects are correlated,
        ``lkj_``.

    Returns
    -------
    Theta
        A batch of all draws, chain after chain.
    """
    scale = tuple(centred_scale(spec, joint, posterior) for joint in spec.design.joint_effects)
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    known = spec.family.known_errors
    return Theta(scale, np.ones(n_draws) if known else draws_first(posterior["sigma"]))


def row_densities(
    spec: ModelSpec,
    theta: Theta,
    *,
    rows_at_once: int | None = None,
    stop: int | None = None,
    run: Callable[..., Any] = map,
    budget: Budget = ROOM,
) -> Iterator[tuple[slice, FloatArray]]:
    """Compute the log density of each row given all others, ``log p(y_i | y_-i, theta)``.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.
    theta : Theta
        A batch of S values.
    rows_at_once : int, optional
        Rows of one array that is yielded; by default so many that it stays below half a GiB.
    stop : int, optional
        Only so many of the first rows, still given all others.
    run : callable
        ``map``, or an executor's: batches are of fixed size, so that the numbers do not
        depend on it.
    budget : Budget
        Sizes of arrays.

    Yields
    ------
    rows : slice
        Rows of the design, in order.
    densities : ndarray, shape (S, rows)
        NaN for a theta beyond what the machine can factorise.
    """
    unit = float(np.log(marginal_of(spec).units.response))
    for rows, densities in _of_rows(spec, theta, log_normal, rows_at_once, stop, run, budget):
        densities -= unit
        yield rows, densities


def row_scores(
    spec: ModelSpec,
    theta: Theta,
    *,
    rows_at_once: int | None = None,
    run: Callable[..., Any] = map,
    budget: Budget = ROOM,
) -> Iterator[tuple[slice, FloatArray]]:
    """Compute how many sds each row is from its mean given all others, (S, rows).

    Arguments are those of `row_densities`, and so are the slices of rows.
    """
    return _of_rows(spec, theta, standardised, rows_at_once, None, run, budget)


def _of_rows(
    spec: ModelSpec,
    theta: Theta,
    of: OfRows,
    rows_at_once: int | None,
    stop: int | None,
    run: Callable[..., Any],
    budget: Budget,
) -> Iterator[tuple[slice, FloatArray]]:
    """Compute something of each row from its residual and leverage, in units of the model."""
    if not len(theta):
        raise ValueError("theta has no draws.")
    n = spec.design.n_rows if stop is None else stop
    most = max(1, budget.block // len(theta))
    yielded = most if rows_at_once is None else rows_at_once
    # What does not depend on the rows is computed once for each block, so blocks are large.
    block = max(1, most // yielded) * yielded
    marginal = marginal_of(spec)
    structure, theta = _structure(spec, marginal, budget), marginal.units.theta(theta)
    batches = _batches(structure, theta)
    keep = structure.size * len(theta) <= budget.kept
    kept: dict[int, Any] = {}
    for start in range(0, n, block):
        rows = slice(start, min(start + block, n))
        out = np.empty((len(theta), rows.stop - start))
        use = structure.of_rows(rows, of)

        def fill(
            part: slice, out: FloatArray = out, use: Callable[[Theta, Any], FloatArray] = use
        ) -> None:
            with np.errstate(all="ignore"):
                state = kept.get(part.start)
                if state is None:
                    state = structure.prepare(theta[part])
                    if keep:
                        kept[part.start] = state
                out[part] = use(theta[part], state)

        for _ in run(fill, batches):
            pass
        for first in range(start, rows.stop, yielded):
            place = slice(first, min(first + yielded, rows.stop))
            yield place, out[:, place.start - start : place.stop - start]


def group_densities(
    spec: ModelSpec,
    theta: Theta,
    factor: str | None,
    run: Callable[..., Any] = map,
    *,
    codes: IntArray | None = None,
    budget: Budget = ROOM,
) -> FloatArray:
    """Compute the log density of all rows of a group given all others, for each group.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.
    theta : Theta
        A batch of S values.
    factor : str or None
        A grouping factor of the design: its levels are the groups. Not used if `codes` come.
    run : callable
        As in `row_densities`.
    codes : ndarray of int64, shape (n,), optional
        Group of each row, 0 to J - 1, or -1 for rows that are never left out.
    budget : Budget
        Sizes of arrays.

    Returns
    -------
    ndarray, shape (S, J)
        ``log p(y_g | y_-g, theta)``; zero for a group without rows.

    Raises
    ------
    KeyError
        The design has no such factor, and no codes come.
    """
    if codes is None:
        by_name = {term.factor: term for term in spec.design.groups}
        if factor is None or factor not in by_name:
            raise KeyError(factor)
        codes, n_groups = by_name[factor].codes, by_name[factor].n_levels
    else:
        codes = np.asarray(codes, dtype=np.int64)
        n_groups = int(codes.max(initial=-1)) + 1
    out = np.zeros((len(theta), n_groups))
    marginal = marginal_of(spec)
    model, theta = marginal.model, marginal.units.theta(theta)
    structure = _structure(spec, marginal, budget)
    groups, use = structure.of_groups(codes)

    def fill(part: slice) -> None:
        with np.errstate(all="ignore"):
            state = structure.prepare(theta[part])
            out[part, groups] = use(theta[part], state)

    if len(groups):
        for _ in run(fill, _batches(structure, theta)):
            pass
    # What the structure has no shorter way for: p(y) / p(y_-g), both from cross-products.
    others = np.setdiff1d(codes[codes >= 0], groups)
    if len(others):
        whole = model.log_density(theta, run)
        for group in others:
            rest = design_without(marginal.design, codes == group)
            out[:, group] = whole
            if rest.n_rows:
                products = cross_products(rest, marginal.center, marginal.mean, marginal.shifts)
                smaller = marginal_model(products, model.precision, model.patterns)
                out[:, group] -= smaller.log_density(theta, run)
    sizes = np.bincount(codes[codes >= 0], minlength=n_groups)
    out -= sizes * np.log(marginal.units.response)
    return out


def _batches(structure: Tree | Crossed, theta: Theta) -> list[slice]:
    return [slice(i, i + structure.batch) for i in range(0, len(theta), structure.batch)]


def design_without(design: Design, rows: npt.NDArray[np.bool_]) -> Design:
    """Leave rows out, and the levels that have no others."""
    rest = design.take(~rows)
    groups = []
    for term in rest.groups:
        present, codes = np.unique(term.codes, return_inverse=True)
        groups.append(dataclasses.replace(term, levels=term.levels[present], codes=codes))
    return dataclasses.replace(rest, groups=tuple(groups))


def _response(design: Design, center: FloatArray, mean: FloatArray) -> tuple[FloatArray, ...]:
    """Centred columns and the response less offset and prior mean, as in the cross-products."""
    X = design.X - center
    y = design.y - X @ mean
    return X, y if design.offset is None else y - design.offset


def _structure(spec: ModelSpec, marginal: Marginal, budget: Budget) -> Tree | Crossed:
    design, model = marginal.units.design(centred_design(spec)), marginal.model
    X, y = _response(design, marginal.center, marginal.mean)
    tree = tree_of(design, model, X, y, budget)
    return crossed_of(design, model, X, y, budget) if tree is None else tree
