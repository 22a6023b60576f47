"""Densities of single rows, given the group effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray, draws_first
from bayesmix.design.design import Design
from bayesmix.design.names import population_names
from bayesmix.model.schema import Schema
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.kept import check_kept

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["BLOCK", "conditional_blocks", "conditional_densities"]


# Numbers in one block of draws by rows: 64 MB.
BLOCK = 1 << 23


def conditional_densities(spec: ModelSpec, posterior: xr.Dataset, rows: slice) -> FloatArray:
    """Compute the log density of some rows given population and group effects.

    Parameters
    ----------
    spec : ModelSpec
    posterior : Dataset
        Draws of ``beta``, ``u_<factor>`` and the auxiliary parameters.
    rows : slice
        Positions in the design.

    Returns
    -------
    ndarray, shape (S, rows)
        ``log p(y_i | beta, u, auxiliaries)`` for each draw, chains after one another.

    Raises
    ------
    BayesmixError
        The draws of a factor were not kept.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import bayesmix as bm
    >>> from bayesmix.criteria.conditional import conditional_densities
    >>> spec = bm.prepare("Reaction ~ Days", bm.load_dataset("sleepstudy"))
    >>> posterior = xr.Dataset(
    ...     {
    ...         "beta": (("chain", "draw", "term"), [[[250.0, 10.0]]]),
    ...         "sigma": (("chain", "draw"), [[50.0]]),
    ...     }
    ... )
    >>> conditional_densities(spec, posterior, slice(0, 3)).round(3)
    array([[-4.831, -4.831, -4.905]])
    """
    design = spec.design
    eta, *others = (_linear_predictor(part, posterior, rows) for part in design.parts)
    schema = Schema.of(spec)
    auxiliary = {
        name: draws_first(posterior[name], *schema.dims(name))[:, None]
        for name in spec.family.auxiliary
    }
    auxiliary |= dict(zip(design.predictors, others, strict=True))
    weights, trials = (
        None if values is None else values[rows] for values in (design.weights, design.trials)
    )
    return spec.family.log_density(design.y[rows], eta, auxiliary, weights, trials)


def _linear_predictor(design: Design, posterior: xr.Dataset, rows: slice) -> FloatArray:
    """Compute the linear predictor of a parameter, shape (S, rows)."""
    S = posterior.sizes["chain"] * posterior.sizes["draw"]
    names = population_names(design.predictor)
    eta = np.zeros((S, len(range(*rows.indices(design.n_rows)))))
    if design.n_terms:
        eta += draws_first(posterior[names.beta], names.dim) @ design.X[rows].T
    if design.offset is not None:
        eta += design.offset[rows]
    check_kept(
        posterior,
        design.groups,
        "Conditional criteria",
        "Use fit.loo() or fit.logo(), which integrate them out, or refit with fewer draws and "
        "chains.",
    )
    for term in design.groups:
        u = draws_first(posterior[term.names.u], term.dim, term.effect_dim)
        for k in range(term.n_effects):
            eta += u[:, term.codes[rows], k] * term.Z[rows, k]
    return eta


def conditional_blocks(
    spec: ModelSpec, posterior: xr.Dataset, block: int = BLOCK
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield rows and their log densities, as many rows at a time as make `block` numbers."""
    step = max(1, block // (posterior.sizes["chain"] * posterior.sizes["draw"]))
    for start in range(0, spec.design.n_rows, step):
        rows = slice(start, min(start + step, spec.design.n_rows))
        yield rows, conditional_densities(spec, posterior, rows)
