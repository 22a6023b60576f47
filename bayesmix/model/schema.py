"""What the variables of the posterior are called, and their dims and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.registry import parameter_names
from bayesmix.model.centring import sd_variable
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.prior import Prior, vectorise

__all__ = ["coordinates", "free_variables", "observed_name", "variable_dims"]


_TAKEN = ("X", "y", "beta", "Intercept_centred", "slope", "offset", "weights", "trials")


def observed_name(design: Design) -> str:
    """Return the response's name in the model, changed only where that name is not possible.

    A parameter or a dim may have it, and a data tree reads a slash as a path.
    """
    taken = {*_TAKEN, *parameter_names(), *(term.dim for term in design.groups), "obs", "term"}
    name = design.response.replace("/", "\N{DIVISION SLASH}")
    return f"{name}_observed" if name in taken else name


def free_variables(spec: ModelSpec, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute the model's free variables from draws of the reported parameters.

    Whatever drew the posterior, PyMC's own functions need the free variables of `build_model`.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping
        ``beta`` (..., p), the auxiliaries (...), and for each factor ``sd_<factor>`` or
        ``centred_sd_<factor>`` (..., q),
        ``zeta_<factor>`` (..., J, q) and, where there are correlations, ``partial_<factor>``
        (..., k), the canonical partial correlations.

    Returns
    -------
    dict of ndarray
        By the names of `build_model`.
    """
    free: dict[str, np.ndarray] = {name: draws[name] for name in spec.family.auxiliary}
    design = spec.design
    beta = draws["beta"]
    if design.has_intercept:
        free["Intercept_centred"] = beta[..., 0] + beta[..., 1:] @ design.X[:, 1:].mean(axis=0)
        free |= _split("slope", design.terms[1:], spec.priors.beta, beta[..., 1:])
    elif design.n_terms:
        free |= _split("beta", design.terms, spec.priors.beta, beta)
    for term in design.groups:
        sd = sd_variable(spec, term)
        free |= _split(sd, term.effects, spec.priors.sd[term.factor], draws[sd])
        if f"zeta_{term.factor}" in draws:
            free[f"zeta_{term.factor}"] = draws[f"zeta_{term.factor}"]
        if len(spec.partial_correlations(term)):
            free[f"lkj_{term.factor}"] = (1 + draws[f"partial_{term.factor}"]) / 2
    return free


def variable_dims(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """Return the dims of every variable of the posterior schema, chain and draw left out."""
    design = spec.design
    dims: dict[str, tuple[str, ...]] = {"beta": ("term",), "slope": ("slope_term",)}
    dims |= {
        name: () if length is None else (element_dim(name),)
        for name, length in spec.priors.lengths.items()
    }
    for term in design.groups:
        dims[f"sd_{term.factor}"] = (term.effect_dim,)
        dims[f"centred_sd_{term.factor}"] = (term.effect_dim,)
        dims[f"cor_{term.factor}"] = (term.effect_dim, term.effect_dim_bis)
        dims[f"lkj_{term.factor}"] = (pair_dim(term),)
        dims[f"zeta_{term.factor}"] = (term.dim, term.effect_dim)
        dims[f"u_{term.factor}"] = (term.dim, term.effect_dim)
    return dims


def coordinates(spec: ModelSpec) -> dict[str, Any]:
    """Return the coords of the posterior schema, by dim."""
    design = spec.design
    coords: dict[str, Any] = {"obs": design.rows}
    if design.n_terms:
        coords["term"] = design.terms
    if design.has_intercept and design.n_terms > 1:
        coords["slope_term"] = design.terms[1:]
    for name, length in spec.priors.lengths.items():
        if length is not None:
            coords[element_dim(name)] = np.arange(1, length + 1)
    for term in design.groups:
        coords[term.dim] = term.levels
        coords[term.effect_dim] = term.effects
        pairs = spec.partial_correlations(term)
        if len(pairs):
            coords[term.effect_dim_bis] = term.effects
            coords[pair_dim(term)] = pairs.labels
    return {dim: np.asarray(labels) for dim, labels in coords.items()}


def element_dim(name: str) -> str:
    """Name of the dimension of a parameter that has a length."""
    return f"{name}_element"


def pair_dim(term: GroupTerm) -> str:
    return f"{term.dim}_pair"


def _split(
    name: str, labels: Sequence[str], priors: Sequence[Prior], values: np.ndarray
) -> dict[str, np.ndarray]:
    if vectorise(priors) is not None:
        return {name: values}
    return {part_name(name, label): values[..., i] for i, label in enumerate(labels)}


def part_name(name: str, label: str) -> str:
    return f"{name}_{label}".replace("/", "\N{DIVISION SLASH}")
