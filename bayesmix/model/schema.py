"""What the variables of the posterior are called, and their dims and labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import JointEffects
from bayesmix.design.names import hyper_name, path_start, population_names
from bayesmix.families.registry import parameter_names
from bayesmix.families.thresholds import EQUIDISTANT
from bayesmix.model.centring import sd_variable
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import centred_name, centred_thresholds, end_dim
from bayesmix.priors.prior import Prior, vectorise

__all__ = ["Schema", "Variable", "free_variables", "part_name"]


_TAKEN = (
    *("X", "y", "beta", "Intercept_centred", "slope", "offset", "weights", "trials"),
    *("category", "cutpoint_centred", "cutpoint_end"),
)


@dataclasses.dataclass(frozen=True)
class Variable:
    """One variable of the posterior.

    Attributes
    ----------
    name : str
        ``"sd_Subject"``.
    role : {"population", "sd", "cor", "level", "auxiliary", "free"}
        What it is; ``"free"`` for what the joint model samples and no table shows.
    dims : tuple of str
        Its dims, chain and draw left out.
    paths : tuple of str
        Label of each number in tables, which is the path of its prior: ``"sd:Subject:Days"``. Empty
        for free variables and for effects of levels.
    """

    name: str
    role: str
    dims: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Schema:
    """The variables of the posterior of a specification, whichever method draws them.

    Attributes
    ----------
    variables : mapping of str to Variable
        By name, in the order of the tables.
    coords : mapping of str to ndarray
        Labels of each dim.
    observed : str
        Name of the response.
    """

    variables: Mapping[str, Variable]
    coords: Mapping[str, npt.NDArray[Any]]
    observed: str

    @classmethod
    def of(cls, spec: ModelSpec) -> Schema:
        """Lay out the posterior of a specification."""
        auxiliary = [
            Variable(name, "auxiliary", () if length is None else (element_dim(name),), (name,))
            for name, length in spec.priors.lengths.items()
        ]
        auxiliary += _free_thresholds(spec)
        auxiliary += [
            Variable(hyper_name(path), "auxiliary", (), (path,))
            for path in spec.priors.hyperparameters
        ]
        joint = spec.design.joint_effects
        variables = [
            *(v for design in spec.design.parts for v in _of_predictor(design, joint)),
            *auxiliary,
        ]
        return cls({one.name: one for one in variables}, _coords(spec), _observed(spec.design))

    def dims(self, name: str) -> tuple[str, ...]:
        """Return the dims of a variable; none for a free one that stands for a single label."""
        return self.variables[name].dims if name in self.variables else ()


def _free_thresholds(spec: ModelSpec) -> list[Variable]:
    thresholds = spec.family.thresholds
    if thresholds is None:
        return []
    dim = element_dim(thresholds.name)
    if spec.family.threshold == EQUIDISTANT:
        dim = end_dim(thresholds.name)
    return [Variable(centred_name(thresholds.name), "free", (dim,))]


def _of_predictor(design: Design, joint: Sequence[JointEffects]) -> list[Variable]:
    names, start = population_names(design.predictor), path_start(design.predictor)
    paths = tuple(f"{start}beta:{term}" for term in design.terms)
    slope = Variable(names.slope, "free", (names.slope_dim,))
    population = [Variable(names.beta, "population", (names.dim,), paths), slope]
    of_term = {id(one.terms[0]): one for one in joint}
    return [
        *population,
        *(v for term in design.groups for v in _of_term(term, of_term.get(id(term)), start)),
    ]


def _of_term(term: GroupTerm, joint: JointEffects | None, start: str) -> list[Variable]:
    names, effects = term.names, (term.effect_dim,)
    correlations = [] if joint is None else _of_correlations(joint, start)
    return [
        Variable(
            names.sd,
            "sd",
            effects,
            tuple(f"{start}sd:{term.factor}:{effect}" for effect in term.effects),
        ),
        Variable(names.centred_sd, "free", effects),
        *correlations,
        Variable(names.df, "auxiliary", (), (f"{start}df:{term.factor}",)),
        Variable(names.zeta, "free", (term.dim, term.effect_dim)),
        Variable(names.u, "level", (term.dim, term.effect_dim)),
    ]


def _of_correlations(joint: JointEffects, start: str) -> list[Variable]:
    names, effects = joint.names, joint.effects
    paths = tuple(
        f"{start}cor:{joint.factor}:{effects[i]}:{effects[j]}" for i, j in joint.correlations.pairs
    )
    return [
        Variable(names.cor, "cor", joint.dims, paths),
        Variable(names.lkj, "free", (names.pair_dim,)),
    ]


def _observed(design: Design) -> str:
    """Keep the response's name but where it is not possible.

    A parameter or a dim may have it, and a data tree reads a slash as a path.
    """
    taken = {*_TAKEN, *parameter_names(), *(term.dim for term in design.groups), "obs", "term"}
    name = design.response.replace("/", "\N{DIVISION SLASH}")
    return f"{name}_observed" if name in taken else name


def _coords(spec: ModelSpec) -> dict[str, npt.NDArray[Any]]:
    coords: dict[str, Any] = {} if spec.design.totals else {"obs": spec.design.rows}
    for name, length in spec.priors.lengths.items():
        if length is not None:
            coords[element_dim(name)] = np.arange(1, length + 1)
            if spec.family.threshold == EQUIDISTANT and spec.family.parameter(name).is_threshold:
                coords[end_dim(name)] = np.unique([1, length])
    for part in spec.parts:
        design, names = part.design, population_names(part.design.predictor)
        if design.n_terms:
            coords[names.dim] = design.terms
        if design.has_intercept and design.n_terms > 1:
            coords[names.slope_dim] = design.terms[1:]
        for term in design.groups:
            coords[term.dim] = term.levels
            coords[term.effect_dim] = term.effects
    for joint in spec.design.joint_effects:
        if correlations := spec.joint_correlations(joint):
            coords |= dict.fromkeys(joint.dims, joint.effects)
            coords[joint.names.pair_dim] = correlations.labels
    return {dim: np.asarray(labels) for dim, labels in coords.items()}


def free_variables(spec: ModelSpec, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute the model's free variables from draws of the reported parameters.

    Whatever drew the posterior, PyMC's own functions need the free variables of `build_model`.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping
        By predictor ``beta`` (..., p), the auxiliaries (...), and for each factor
        ``sd_<factor>`` or ``centred_sd_<factor>`` (..., q), ``zeta_<factor>`` (..., J, q) and,
        where there are correlations, ``free_<factor>`` (..., k), the free numbers of these.

    Returns
    -------
    dict of ndarray
        By the names of `build_model`.
    """
    free: dict[str, np.ndarray] = {name: draws[name] for name in spec.family.auxiliary}
    for part in spec.parts:
        free |= _free_of_predictor(part, draws)
    for joint in spec.design.joint_effects:
        if spec.joint_correlations(joint):
            free[joint.names.lkj] = (1 + draws[joint.names.free]) / 2
    thresholds = spec.family.thresholds
    if thresholds is not None:
        betas = {name: draws[population_names(name).beta] for name in ("", *spec.design.predictors)}
        free[centred_name(thresholds.name)] = centred_thresholds(
            spec, thresholds, draws[thresholds.name], betas
        )
    return free


def _free_of_predictor(spec: ModelSpec, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    design, names = spec.design, population_names(spec.design.predictor)
    free: dict[str, np.ndarray] = {}
    beta = draws[names.beta]
    if design.has_intercept:
        free[names.centred_intercept] = beta[..., 0] + beta[..., 1:] @ design.columns.mean[1:]
        free |= _split(names.slope, design.terms[1:], spec.priors.beta, beta[..., 1:])
    elif design.n_terms:
        free |= _split(names.beta, design.terms, spec.priors.beta, beta)
    for term in design.groups:
        sd = sd_variable(spec, term)
        free |= _split(sd, term.effects, spec.priors.sd[term.factor], draws[sd])
        if term.names.zeta in draws:
            free[term.names.zeta] = draws[term.names.zeta]
    return free


def element_dim(name: str) -> str:
    """Name of the dimension of a parameter that has a length."""
    return f"{name}_element"


def _split(
    name: str, labels: Sequence[str], priors: Sequence[Prior], values: np.ndarray
) -> dict[str, np.ndarray]:
    if vectorise(priors) is not None:
        return {name: values}
    return {part_name(name, label): values[..., i] for i, label in enumerate(labels)}


def part_name(name: str, label: str) -> str:
    """Name the part of a vector whose priors differ too much for one variable."""
    return f"{name}_{label}".replace("/", "\N{DIVISION SLASH}")
