"""The prior density of an expression at zero: in closed form where there is one, else by draws."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import FormulaError
from bayesmix.base.words import count
from bayesmix.design.names import path_start
from bayesmix.engines.prior import draw_variables
from bayesmix.model.schema import Schema
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.priors.compiled import compile_log_density
from bayesmix.priors.prior import Prior
from bayesmix.questions.densities import density_at_zero
from bayesmix.questions.expressions import Affine, Expression
from bayesmix.questions.names import Parameters, levels_of

__all__ = ["PriorDensity", "prior_density"]

_DRAWS = 4_000
_SEED = 20_211
# Numbers of effects of single levels that are drawn from the prior at most.
_MOST_NUMBERS = 50_000_000
_FEWEST_DRAWS = 1_000
_QUARTILES = 1.349  # between those of a normal distribution of sd 1


@dataclasses.dataclass(frozen=True)
class PriorDensity:
    """The prior density of an expression at zero.

    Attributes
    ----------
    value : float
        NaN where there is none.
    problem : str
        Why there is none, or empty.
    spread : float
        The sd of the prior, or what stands for it; NaN where it is not known.
    relative_se : float
        Monte-Carlo standard error over `value`.
    """

    value: float
    problem: str = ""
    spread: float = math.nan
    relative_se: float = 0.0


def prior_density(fit: Fitted, expression: Expression) -> PriorDensity:
    """Find the prior density of an expression at zero."""
    affine = expression.affine
    if affine is not None:
        used = {label: factor for label, factor in affine.coefficients.items() if factor}
        affine = Affine(affine.constant, used)
        found = _of_normals(fit.spec, affine) or _of_one(fit.spec, affine)
        if found is not None:
            return found
    return _of_draws(fit, expression)


def _of_one(spec: ModelSpec, affine: Affine) -> PriorDensity | None:
    """Use the prior of a single parameter, where it has one of its own as it is reported."""
    if len(affine.coefficients) != 1:
        return None
    ((label, factor),) = affine.coefficients.items()
    leaf = next((leaf for leaf in spec.priors.leaves if leaf.path == label), None)
    if leaf is None or leaf.is_centred or leaf.at_means or leaf.length is not None:
        return None
    prior = leaf.prior
    # The prior of degrees of freedom is cut off.
    if not isinstance(prior, Prior) or prior.hyperpriors or leaf.kind == "df":
        return None
    if not prior.is_proper:
        return _improper([label])
    law = prior.log_density if prior.has_log_density else compile_log_density(prior)
    point = -affine.constant / factor
    near = 1e-9 * max(abs(point), 1e-3)
    left, at, right = np.exp(law(np.array([point - near, point, point + near])))
    if not math.isfinite(at):
        return PriorDensity(math.nan, f"the prior of {label}, {prior}, is infinite at {point:g}")
    if (left == 0) != (right == 0):
        return _at_the_edge()
    if left == 0:
        return PriorDensity(math.nan, f"the prior of {label}, {prior}, excludes {point:g}")
    spread = math.nan
    if prior.has_log_density:
        drawn = prior.draw(np.random.default_rng(_SEED), _DRAWS)
        spread = abs(factor) * _spread(drawn)
    return PriorDensity(float(at) / abs(factor), spread=spread)


def _of_normals(spec: ModelSpec, affine: Affine) -> PriorDensity | None:
    """Add up population effects with normal priors; None where there is anything else."""
    left = dict(affine.coefficients)
    mean, spread = affine.constant, 0.0
    for part in spec.parts:
        start = path_start(part.design.predictor)
        weights = np.array([left.pop(f"{start}beta:{term}", 0.0) for term in part.design.terms])
        priors = part.population_priors
        if not weights.any():
            continue
        if part.design.has_intercept:
            # The intercept that has the prior is that of the columns at their means.
            weights = weights - weights[0] * part.population_centre
        used = [(w, p) for w, p in zip(weights, priors, strict=True) if w]
        if any(p.distribution != "Normal" or p.hyperpriors for _, p in used):
            return None
        for weight, prior in used:
            numbers = prior.parameters
            sd = numbers["sigma"] if "sigma" in numbers else numbers["tau"] ** -0.5
            mean += weight * numbers["mu"]
            spread = math.hypot(spread, weight * sd)
    if left or not spread > 0:
        return None
    value = math.exp(-0.5 * (mean / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
    return PriorDensity(value, spread=spread)


def _of_draws(fit: Fitted, expression: Expression) -> PriorDensity:
    improper = [
        leaf.path
        for leaf in fit.spec.priors.leaves
        if isinstance(leaf.prior, Prior) and not leaf.prior.is_proper
    ]
    try:
        draws = _prior_draws(fit, expression.labels)
    except NotImplementedError:
        return _improper(improper)
    if not draws:
        return PriorDensity(
            math.nan, "the effects of so many levels cannot be drawn from the prior"
        )
    size = len(next(iter(draws.values())))
    try:
        values = expression.values(draws, size)
    except FormulaError:
        return PriorDensity(math.nan, "it has no value, or too large a one, in some prior draws")
    if np.ptp(values) == 0:
        return PriorDensity(math.nan, "its prior draws do not have a density")
    if (values < 0).all() or (values > 0).all():
        return _at_the_edge()
    density = density_at_zero(values, float(size))
    if density.is_tail:
        return PriorDensity(
            math.nan, f"only {count(round(density.beyond), 'prior draw')} of {size} beyond it"
        )
    if not math.isfinite(density.value):
        return PriorDensity(math.nan, "its prior draws do not have a density")
    return PriorDensity(density.value, spread=_spread(values), relative_se=density.relative_se)


def _prior_draws(fit: Fitted, labels: tuple[str, ...]) -> dict[str, FloatArray]:
    """Draw parameters from the prior, by label; nothing where they are too many."""
    import xarray as xr

    spec, schema = fit.spec, Schema.of(fit.spec)
    wanted = [
        variable.name
        for variable in schema.variables.values()
        if any(_is_of(label, variable.paths) for label in labels)
    ]
    size = _DRAWS
    for levels in levels_of(spec.design):
        if any(levels.names(label) for label in labels):
            wanted.append(levels.term.names.u)
            size = min(size, _MOST_NUMBERS // (levels.term.n_levels * levels.term.n_effects))
    if size < _FEWEST_DRAWS:
        return {}
    drawn = draw_variables(spec, wanted, size, _SEED)
    dataset = {}
    for name, variable in schema.variables.items():
        dims = variable.dims
        if name in drawn:
            own = drawn[name][np.newaxis]
        elif variable.role in ("level", "free") or name not in fit.posterior:
            continue
        else:
            own = np.full((1, size, *(len(schema.coords[dim]) for dim in dims)), np.nan)
        coords = {dim: schema.coords[dim] for dim in dims}
        dataset[name] = xr.DataArray(own, dims=("chain", "draw", *dims), coords=coords)
    posterior = xr.Dataset(dataset)
    return Parameters(spec.design, spec.family, posterior).draws(labels)


def _is_of(label: str, paths: tuple[str, ...]) -> bool:
    return any(label == path or label.startswith(f"{path}:") for path in paths)


def _spread(draws: FloatArray) -> float:
    low, high = np.quantile(draws, [0.25, 0.75])
    return float(high - low) / _QUARTILES


def _improper(paths: list[str]) -> PriorDensity:
    what = "the prior of" if len(paths) == 1 else "one of the priors of"
    return PriorDensity(
        math.nan, f"{what} {', '.join(paths)} is improper, and no density to compare with"
    )


def _at_the_edge() -> PriorDensity:
    return PriorDensity(
        math.nan,
        "it is at the edge of, or beyond, what the prior allows; compare models with and without "
        "the parameter",
    )
