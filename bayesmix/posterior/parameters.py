"""Draws of parameters as arrays by label, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.design.names import hyper_path, path_start, population_names

if TYPE_CHECKING:
    from bayesmix.design.design import Design
    from bayesmix.design.joint_effects import JointEffects
    from bayesmix.families.family import Family
    from bayesmix.posterior.drawn import Posterior

__all__ = [
    "auxiliary_draws",
    "auxiliary_names",
    "beta_draws",
    "correlation_draws",
    "draws_of",
    "flat",
    "number_of_draws",
    "parameter_draws",
    "population_draws",
]


def parameter_draws(design: Design, family: Family, posterior: Posterior) -> dict[str, FloatArray]:
    """Collect the draws of each parameter, the effects of single levels left out.

    Parameters
    ----------
    design : Design
    family : Family
    posterior : Posterior

    Returns
    -------
    dict of str to ndarray, each of shape (chain, draw)
        Labelled like the paths of the priors: ``beta:Days``, ``sd:Subject:Days``,
        ``cor:Subject:Intercept:Days``, ``sigma``; population effects first, then for each
        grouping factor its sds and correlations, and its degrees of freedom, ``df:Subject``, if
        they are estimated; then the auxiliary parameters; of one with a
        length each element, ``cutpoint:1``; then the same of the predictors of further parameters,
        ``sigma:beta:Days``; then hyperparameters, ``beta:sigma``.
    """
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    joint = design.joint_effects
    main, *others = (_of_predictor(own, joint, posterior) for own in design.parts)
    draws = main | auxiliary_draws(family, posterior)
    for own in others:
        draws |= own
    for name in map(str, posterior.data_vars):
        if (path := hyper_path(name)) is not None:
            draws[path] = draws_of(posterior, name)
    return {label: values.reshape(shape) for label, values in draws.items()}


def _of_predictor(
    design: Design, joint: Sequence[JointEffects], posterior: Posterior
) -> dict[str, FloatArray]:
    start = path_start(design.predictor)
    paths = (f"{start}beta:{term}" for term in design.terms)
    draws = dict(zip(paths, beta_draws(design, posterior), strict=True))
    for term in design.groups:
        sd = draws_of(posterior, term.names.sd, term.effect_dim)
        paths = (f"{start}sd:{term.factor}:{effect}" for effect in term.effects)
        draws |= dict(zip(paths, sd, strict=True))
        for one in joint:
            if one.factor == term.factor and one.predictor == design.predictor:
                for i, j, values in correlation_draws(one, posterior):
                    draws[f"{start}cor:{one.factor}:{one.effects[i]}:{one.effects[j]}"] = values
        if term.names.df in posterior:
            draws[f"{start}df:{term.factor}"] = draws_of(posterior, term.names.df)
    return draws


def flat(values: Any, *dims: str) -> FloatArray:
    """Copy draws to an array of `dims` and, last, all chains together."""
    ordered = values.transpose(*dims, "chain", "draw").values
    copy = np.array(ordered, dtype=np.float64, order="C", copy=True)
    return copy.reshape(*copy.shape[:-2], -1)


def draws_of(posterior: Posterior, name: str, *dims: str) -> FloatArray:
    """Copy the draws of one variable, as `flat` does."""
    return flat(posterior[name], *dims)


def beta_draws(design: Design, posterior: Posterior) -> FloatArray:
    """Draws of the population effects (p, S); a model may have none."""
    if not len(design.terms):
        return np.empty((0, number_of_draws(posterior)))
    names = population_names(design.predictor)
    return draws_of(posterior, names.beta, names.dim)


def population_draws(design: Design, family: Family, posterior: Posterior) -> dict[str, FloatArray]:
    """Draws (S,) of what tables show as population effects, by term.

    Thresholds, which take the place of the intercept, are ``Intercept[1]``, ``Intercept[2]``, ...,
    and come first.
    """
    found: dict[str, FloatArray] = {}
    if family.thresholds is not None and not design.predictor:
        thresholds = _by_element(family.thresholds.name, posterior[family.thresholds.name])
        found = {f"Intercept[{k}]": one for k, one in enumerate(thresholds.values(), start=1)}
    return found | dict(zip(design.terms, beta_draws(design, posterior), strict=True))


def number_of_draws(posterior: Posterior) -> int:
    """Count the draws of all chains together."""
    return int(posterior.sizes["chain"] * posterior.sizes["draw"])


def auxiliary_names(family: Family, posterior: Posterior) -> list[str]:
    """Auxiliary parameters: the posterior also holds the joint model's free variables."""
    return [name for name in family.auxiliary if name in posterior.data_vars]


def auxiliary_draws(family: Family, posterior: Posterior) -> dict[str, FloatArray]:
    """Draws (S,) of the auxiliary parameters by label, of those with a length each element."""
    draws: dict[str, FloatArray] = {}
    for name in auxiliary_names(family, posterior):
        draws |= _by_element(name, posterior[name])
    return draws


def _by_element(name: str, values: Any) -> dict[str, FloatArray]:
    """Draws (S,) by label: one of a number, one for each element of a parameter with a length."""
    dims = [str(dim) for dim in values.dims if dim not in ("chain", "draw")]
    draws = flat(values, *dims)
    if not dims:
        return {name: draws}
    labels = np.asarray(values.coords[dims[0]])
    return {f"{name}:{label}": one for label, one in zip(labels, draws, strict=True)}


def correlation_draws(
    joint: JointEffects, posterior: Posterior
) -> Iterator[tuple[int, int, FloatArray]]:
    """Yield the two positions and the draws (S,) of each correlation that is estimated."""
    if joint.correlations:
        draws = draws_of(posterior, joint.names.cor, *joint.dims)
        for i, j in joint.correlations.pairs:
            yield i, j, draws[i, j]
