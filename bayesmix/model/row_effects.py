"""A residual beside known standard errors, as an effect of each row: a Gaussian model again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arrays import FloatArray, read_only
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.known_errors import with_known_errors
from bayesmix.families.registry import get_family
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sigma_of_rows", "with_row_effects", "with_sd_of_rows"]

_ROWS = "(rows)"


def with_row_effects(spec: ModelSpec) -> ModelSpec:
    """Return the same model with its residual written as one more grouping factor, the last.

    ``sd_i = sqrt(se_i^2 + sigma^2)`` is a row with a known sd and an effect of its own with sd
    sigma, which integrates out as other effects do. Other models are returned as they are.
    """
    if not (spec.family.known_errors and spec.family.has_residual_sd):
        return spec
    n, factor = spec.design.n_rows, _ROWS
    while any(term.factor == factor for term in spec.design.groups):
        factor = f"({factor})"
    rows = GroupTerm(
        factor=factor,
        variables=(),  # no other factor is made of no columns
        levels=np.arange(n).astype(str),
        codes=read_only(np.arange(n, dtype=np.int64)),
        effects=("Intercept",),
        Z=read_only(np.ones((n, 1))),
        blocks=((0,),),
    )
    leaves = (
        dataclasses.replace(leaf, node=("sd", factor, "Intercept"))
        if leaf.kind == spec.family.residual
        else leaf
        for leaf in spec.priors.leaves
    )
    return ModelSpec(
        dataclasses.replace(spec.design, groups=(*spec.design.groups, rows)),
        with_known_errors(get_family("gaussian")),
        dataclasses.replace(spec.priors, leaves=tuple(leaves)),
    )


def with_sd_of_rows(spec: ModelSpec, posterior: xr.Dataset) -> xr.Dataset:
    """Add the sd of the effects of rows to the draws of the model as it was written."""
    last = spec.design.groups[-1] if spec.design.groups else None
    if last is None or last.variables:
        return posterior
    sigma = posterior["sigma"].expand_dims(last.effect_dim, axis=-1)
    return posterior.assign({last.names.sd: sigma})


def sigma_of_rows(spec: ModelSpec, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Return draws by name of the model as it was written, from those with effects of rows."""
    last = with_row_effects(spec).design.groups[-1]
    own = {*last.names.besides_the_dim, last.names.coef, last.names.free}
    kept = {name: draws for name, draws in values.items() if name not in own}
    return kept | {"sigma": values[last.names.sd][..., 0]}
