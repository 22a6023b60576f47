"""A Gaussian model with all effects integrated out, in units of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.blocks.crossproducts import CrossProducts, cross_products
from bayesmix.blocks.marginal import MarginalModel
from bayesmix.blocks.moved import moved, shift_of_columns
from bayesmix.blocks.plan import marginal_model
from bayesmix.design.design import Design
from bayesmix.design.magnitudes import LARGEST, SMALLEST
from bayesmix.design.totals import Totals
from bayesmix.engines.scaling import ORDINARY_TO_EXACT, Units
from bayesmix.model.spec import ModelSpec

__all__ = ["Marginal", "marginal_of", "products_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Marginal:
    """A Gaussian model with all effects integrated out, in units of its own.

    Attributes
    ----------
    units : Units
        What one is in the numbers of the user; everything else here is in these units.
    design : Design
    model : MarginalModel
    center : ndarray, shape (p,)
        Means of the columns of X, zero for the intercept: the prior is of the centred columns.
    mean : ndarray, shape (p,)
        Prior mean of the population effects of the centred columns.
    shifts : tuple of ndarray, shape (q,)
        What the priors take off the columns of each grouping factor (`ModelSpec.centre`).
    """

    units: Units
    design: Design
    model: MarginalModel
    center: FloatArray
    mean: FloatArray
    shifts: tuple[FloatArray, ...]

    def beta_as_written(self, beta: FloatArray) -> FloatArray:
        """Return population effects (B, p) of the columns as written, in the user's numbers."""
        beta = beta + self.mean
        if self.design.has_intercept:
            beta[:, 0] -= beta[:, 1:] @ self.center[1:]
        beta *= self.units.beta
        return beta


def marginal_of(spec: ModelSpec) -> Marginal:
    """Pass over the rows once.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle (`bayesmix.model.gaussian`).

    Returns
    -------
    Marginal
    """
    units = Units.of(spec.design, ORDINARY_TO_EXACT, known_errors=spec.family.known_errors)
    design = units.design(spec.design)
    priors = spec.population_priors
    mean = np.array([prior.parameters["mu"] for prior in priors], dtype=np.float64)
    sd = np.array([prior.parameters["sigma"] for prior in priors], dtype=np.float64)
    center, mean = spec.population_centre / units.X, mean / units.beta
    # Beyond these a prior is flat or a point to the machine, and its precision no number.
    sd = np.clip(sd / units.beta, SMALLEST, LARGEST)
    patterns = tuple(term.correlations.pattern for term in design.groups)
    shifts = tuple(spec.centre(term) for term in design.groups)
    # A prior may be so far from the data that nothing is finite; then no density is.
    with np.errstate(all="ignore"):
        products = products_of(spec.design, units, center, mean, shifts)
        model = marginal_model(products, 1 / sd**2, patterns)
    return Marginal(units, design, model, center, mean, shifts)


def products_of(
    design: Design,
    units: Units,
    center: FloatArray,
    mean: FloatArray,
    shifts: Sequence[FloatArray],
) -> CrossProducts:
    """Pass over the rows, or take their sums where these are all there is."""
    if design.totals is None:
        return cross_products(units.design(design), center, mean, shifts)
    return _of_totals(design.totals, units, center, mean, shifts)


def _of_totals(
    totals: Totals,
    units: Units,
    center: FloatArray,
    mean: FloatArray,
    shifts: Sequence[FloatArray],
) -> CrossProducts:
    """Move the cross-products of rows that are not in memory to the centres of the priors."""
    at = totals.reference
    p = len(at.X)
    columns = np.zeros((p + 1, p + 1))
    columns[:p, :p] = shift_of_columns(at.X, units.X, center)
    columns[p, p] = 1 / units.response
    columns[:p, p] = -columns[:p, :p] @ mean
    columns[:1, p] += at.y / units.response
    effects = [
        shift_of_columns(before, unit, after)
        for before, unit, after in zip(at.Z, units.Z, shifts, strict=True)
    ]
    return moved(totals.products, columns, effects, units.root_weight)
