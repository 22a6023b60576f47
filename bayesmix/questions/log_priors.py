"""Log densities of the priors in each draw, and which of them are scaled together.

The distributions of group effects given their sds, and of population effects given parameters of
their priors, are of the model: only priors whose parameters are numbers count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import shown
from bayesmix.base.arrays import FloatArray, draws_first
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.design.names import hyper_name, population_names
from bayesmix.model.centring import sd_variable
from bayesmix.model.schema import Schema
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import centred_name
from bayesmix.priors.leaves import Leaf
from bayesmix.priors.prior import LKJ, Prior

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ALL", "POPULATION", "is_constant", "log_prior", "priors_under", "scalable"]

# What stands for more than one path.
ALL, POPULATION = "all", "population"


def scalable(spec: ModelSpec) -> tuple[Leaf, ...]:
    """List the parameters whose priors have numbers for parameters."""
    return tuple(
        leaf
        for leaf in spec.priors.leaves
        if isinstance(leaf.prior, LKJ)
        or (isinstance(leaf.prior, Prior) and not leaf.prior.hyperpriors)
    )


def priors_under(spec: ModelSpec, name: str) -> tuple[Leaf, ...]:
    """Find the priors that a name stands for: all, those of the population, or a path.

    Raises
    ------
    BayesmixError
        There is no such path, or nothing under it can be scaled.
    """
    every = scalable(spec)
    if name == ALL:
        return every
    found = tuple(leaf for leaf in every if _is_under(leaf, name))
    if found:
        return found
    paths = dict.fromkeys(path for leaf in every for path in leaf.paths)
    if any(name in leaf.paths for leaf in spec.priors.leaves):
        raise BayesmixError(
            f"priors={shown(name)}: nothing there can be scaled. The distribution of effects given "
            "the parameters of their prior is part of the model; ask for those parameters: "
            f"{', '.join(leaf.path for leaf in every if leaf.is_hyper or leaf.kind == 'sd')}."
        )
    raise BayesmixError(
        f"priors={shown(name)} is no prior of this model. Give '{ALL}', '{POPULATION}', or a path: "
        f"{', '.join(paths)}. {suggest(name, [ALL, POPULATION, *paths])}".rstrip()
    )


def _is_under(leaf: Leaf, name: str) -> bool:
    if name == POPULATION:
        return leaf.kind in ("Intercept", "beta") or leaf.is_threshold or leaf.is_hyper
    return name in leaf.paths


def is_constant(leaf: Leaf) -> bool:
    """Whether a prior is constant where it has mass, so that no power of it is another."""
    prior = leaf.prior
    if isinstance(prior, LKJ):
        return prior.eta == 1
    return isinstance(prior, Prior) and (not prior.is_proper or prior.distribution == "Uniform")


def log_prior(spec: ModelSpec, posterior: xr.Dataset, leaves: Iterable[Leaf]) -> FloatArray:
    """Add up log densities of priors in each draw, but for constants.

    Each density is that of the parameter on the scale on which it has its prior: an sd, not its
    logarithm; the intercept with the columns at their means; the matrix of correlations.

    Parameters
    ----------
    spec : ModelSpec
    posterior : Dataset
        Draws by whichever method.
    leaves : iterable of Leaf
        Those whose priors are added.

    Returns
    -------
    ndarray, shape (S,)
        Chain after chain.

    Raises
    ------
    BayesmixError
        A density is zero or infinite in some draw.
    """
    total = np.zeros(posterior.sizes["chain"] * posterior.sizes["draw"])
    for leaf in leaves:
        if is_constant(leaf):
            continue
        if isinstance(leaf.prior, LKJ):
            log = (leaf.prior.eta - 1) * _log_determinant(spec, leaf, posterior)
        else:
            assert isinstance(leaf.prior, Prior)
            log = _density_of(leaf.prior)(_values(spec, leaf, posterior)).sum(axis=-1)
        if not np.isfinite(log).all():
            raise BayesmixError(
                f"The density of the prior of {leaf.path}, {leaf.prior!r}, is zero or infinite in "
                "some draws, so that no power of it is a weight. Set a prior whose density is "
                "finite there."
            )
        total += log
    return total


def _density_of(prior: Prior) -> Callable[[FloatArray], FloatArray]:
    if prior.has_log_density:
        return prior.log_density
    from bayesmix.priors.compiled import compile_log_density

    return compile_log_density(prior)


def _values(spec: ModelSpec, leaf: Leaf, posterior: xr.Dataset) -> FloatArray:
    """Draws (S, k) of a parameter on the scale of its prior."""
    if leaf.is_hyper:
        return draws_first(posterior[hyper_name(leaf.path)])[:, None]
    if leaf.is_auxiliary:
        name = centred_name(leaf.kind) if leaf.is_threshold else leaf.kind
        drawn = draws_first(posterior[name], *Schema.of(spec).dims(name))
        return drawn.reshape(len(drawn), -1)
    part = spec.predictor(leaf.predictor) if leaf.predictor else spec
    names = population_names(leaf.predictor)
    if leaf.kind in ("Intercept", "beta"):
        beta = draws_first(posterior[names.beta], names.dim)
        if leaf.kind == "Intercept":
            return beta[:, :1] + beta[:, 1:] @ part.population_centre[1:, None]
        return beta[:, [_place(part.design.terms, leaf)]]
    (term,) = (term for term in part.design.groups if term.factor == leaf.node[1])
    if leaf.kind == "df":
        return draws_first(posterior[term.names.df])[:, None]
    sd = draws_first(posterior[sd_variable(part, term)], term.effect_dim)
    return sd[:, [_place(term.effects, leaf)]]


def _place(labels: Sequence[str], leaf: Leaf) -> int:
    return tuple(labels).index(leaf.node[-1])


def _log_determinant(spec: ModelSpec, leaf: Leaf, posterior: xr.Dataset) -> FloatArray:
    """Log determinant of the matrix of correlations that has the prior."""
    (joint,) = (
        joint
        for joint in spec.design.joint_effects
        if joint.factor == leaf.node[1] and joint.predictor == leaf.predictor
    )
    free = 2 * draws_first(posterior[joint.names.lkj], joint.names.pair_dim) - 1
    factor = spec.joint_correlations(joint).factor(free)
    diagonal = np.diagonal(factor, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore"):
        log: FloatArray = 2 * np.log(diagonal).sum(axis=-1)
    return log
