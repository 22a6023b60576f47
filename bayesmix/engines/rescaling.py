"""A specification in units of its own, and a posterior of it in the user's numbers.

NUTS starts within 1 of the centre of every prior and learns the size of each parameter as it goes,
which takes it too long, or for ever, where the size is 1e10; whitened chains have numbers such as
1e-300 that stand for nothing. Both sample the specification in units of the data instead
(`bayesmix.engines.scaling`); parameters, data and free variables are then as if the model of the
user's numbers had been sampled.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.errors import BayesmixError
from bayesmix.design.names import population_names
from bayesmix.engines.scaling import ORDINARY_TO_NUTS, Units
from bayesmix.model.centring import sd_variable
from bayesmix.model.schema import Schema, free_variables
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.prior import Prior

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.families.family import Family

__all__ = ["rescaled", "units_of", "with_numbers_of", "with_unit"]

# Power of the unit by which each parameter of a distribution is divided, 0 for those not named.
_POWERS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "Normal": {"mu": 1, "sigma": 1, "tau": -2},
        "StudentT": {"mu": 1, "sigma": 1, "lam": -2},
        "Cauchy": {"alpha": 1, "beta": 1},
        "Laplace": {"mu": 1, "b": 1},
        "Logistic": {"mu": 1, "s": 1},
        "Gumbel": {"mu": 1, "beta": 1},
        "Uniform": {"lower": 1, "upper": 1},
        "TruncatedNormal": {"mu": 1, "sigma": 1, "lower": 1, "upper": 1},
        "HalfNormal": {"sigma": 1, "tau": -2},
        "HalfCauchy": {"beta": 1},
        "HalfStudentT": {"sigma": 1, "lam": -2},
        "Exponential": {"scale": 1, "lam": -1},
        "Gamma": {"beta": -1, "mu": 1, "sigma": 1},
        "InverseGamma": {"beta": 1, "mu": 1, "sigma": 1},
        "Weibull": {"beta": 1},
        "Pareto": {"m": 1},
        "Flat": {},
        "HalfFlat": {},
    }
)


def units_of(spec: ModelSpec) -> Units:
    """Choose units in which a specification is sampled.

    The response has none of its own where a parameter with its unit has a predictor: the
    logarithm of an sd is not divided by a unit.
    """
    family = spec.family
    predicted = any(family.parameter(name).has_unit for name, _ in family.predicted)
    has_unit = family.on_response_scale and not predicted
    return Units.of(
        spec.design, ORDINARY_TO_NUTS, response=has_unit, known_errors=family.known_errors
    )


def rescaled(spec: ModelSpec, units: Units) -> ModelSpec:
    """Return the same model in other units.

    Parameters
    ----------
    spec : ModelSpec
    units : Units

    Returns
    -------
    ModelSpec
        The same object where all units are one.

    Raises
    ------
    BayesmixError
        A prior of a parameter whose unit is not one does not change with the unit.
    """
    if units.are_one:
        return spec
    design = spec.design
    of_path = {"Intercept": units.response}
    of_path |= {f"beta:{t}": unit for t, unit in zip(design.terms, units.beta, strict=True)}
    for term, unit in zip(design.groups, units.Z, strict=True):
        for effect, own in zip(term.effects, unit, strict=True):
            of_path[f"sd:{term.factor}:{effect}"] = units.response / own
    of_path |= dict.fromkeys(with_unit(spec.family), units.residual)
    leaves = tuple(
        leaf
        if not isinstance(leaf.prior, Prior) or leaf.is_hyper
        else dataclasses.replace(
            leaf, prior=_in_unit(leaf.path, leaf.prior, of_path.get(leaf.path, 1.0))
        )
        for leaf in spec.priors.leaves
    )
    priors = dataclasses.replace(spec.priors, leaves=leaves)
    return ModelSpec(units.design(design), spec.family, priors)


def with_unit(family: Family) -> tuple[str, ...]:
    """Name the parameters that have the unit of the response."""
    if not family.on_response_scale:
        return ()
    return tuple(name for name in family.auxiliary if family.parameter(name).has_unit)


def _in_unit(path: str, prior: Prior, unit: float) -> Prior:
    """Return the prior of a parameter divided by a unit."""
    if unit == 1:
        return prior
    if prior.hyperpriors:
        raise BayesmixError(
            f"Sampling needs the numbers of {path!r} in another unit, and its prior, {prior}, has "
            "parameters with priors, which are for the numbers as they are. Rescale the response "
            "or the column so that the numbers are of an ordinary size."
        )
    given = prior.parameters
    if prior.distribution == "LogNormal":
        return Prior("LogNormal", **(given | {"mu": given["mu"] - math.log(unit)}))
    if prior.distribution not in _POWERS:
        raise BayesmixError(
            f"Sampling needs the numbers of {path!r} in another unit, and its prior, {prior}, has "
            "none. Rescale the response or the column, or take a prior with a scale, such as "
            "Normal, HalfNormal, Exponential or Gamma."
        )
    powers = _POWERS[prior.distribution]
    return Prior(
        prior.distribution,
        **{name: value / unit ** powers.get(name, 0) for name, value in given.items()},
    )


def with_numbers_of(spec: ModelSpec, units: Units, idata: xr.DataTree) -> xr.DataTree:
    """Return draws of the rescaled specification in the numbers of the user.

    Parameters
    ----------
    spec : ModelSpec
        As the user gave it.
    units : Units
    idata : DataTree
        Draws of ``rescaled(spec, units)``, in the posterior schema.

    Returns
    -------
    DataTree
        Log densities of ``sample_stats`` are those of the rescaled model.
    """
    if units.are_one:
        return idata
    design = spec.design
    posterior = idata["posterior"].dataset
    draws = {name: posterior[name].to_numpy() for name in spec.family.auxiliary}
    for name in with_unit(spec.family):
        draws[name] = draws[name] * (units.residual)
    if design.n_terms:
        draws["beta"] = posterior["beta"].to_numpy() * units.beta
    else:
        draws["beta"] = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"], 0))
    for term, unit in zip(design.groups, units.Z, strict=True):
        for name in {term.names.sd, sd_variable(spec, term), term.names.u}:
            draws[name] = posterior[name].to_numpy() * (units.response / unit)
        zeta = posterior[term.names.zeta].to_numpy()
        # Those of effects that are Student-t have the unit of these.
        is_normal = spec.student(term) is None
        draws[term.names.zeta] = zeta if is_normal else zeta * (units.response / unit)
    for joint in design.joint_effects:
        if spec.joint_correlations(joint):
            draws[joint.names.free] = 2 * posterior[joint.names.lkj].to_numpy() - 1
    for part in spec.parts[1:]:
        draws |= _as_they_are(part, posterior)
    values = draws | free_variables(spec, draws)
    if design.has_intercept and design.n_terms > 1:  # which is put together of several, or none
        values["slope"] = draws["beta"][..., 1:]
    numbers = {
        name: posterior[name].copy(data=values[name]) for name in posterior if name in values
    }
    changed = {"posterior": posterior.assign(numbers)}
    constant = {"X": design.X, "offset": design.offset, "weights": design.weights}
    constant |= {term.names.Z: term.Z for term in design.groups}
    for group, own in (
        ("observed_data", {Schema.of(spec).observed: design.y}),
        ("constant_data", constant),
    ):
        changed[group] = _with(idata[group].dataset, own)
    groups = {name: idata[name].dataset for name in idata.children}
    return idata.from_dict(groups | changed)


def _as_they_are(spec: ModelSpec, posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """Read the draws of the predictor of a further parameter, whose units are one."""
    names = population_names(spec.design.predictor)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], 0)
    beta = posterior[names.beta].to_numpy() if spec.design.n_terms else np.zeros(shape)
    draws = {names.beta: beta}
    for term in spec.design.groups:
        own = (term.names.sd, sd_variable(spec, term), term.names.u, term.names.zeta)
        draws |= {name: posterior[name].to_numpy() for name in own}
    return draws


def _with(data: xr.Dataset, values: Mapping[str, Any]) -> xr.Dataset:
    """Replace the numbers of the variables that have others."""
    return data.assign(
        {name: data[name].copy(data=value) for name, value in values.items() if name in data}
    )
