"""What figures of parameters show of each: its prior density, its bounds and its words."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.criteria.correlations import correlations
from bayesmix.design.names import path_start
from bayesmix.engines.exact.implied import implied_priors
from bayesmix.engines.exact.space import draw_from
from bayesmix.figures.panels import parameter_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.priors.effects import DF_SUPPORT, df_log_density
from bayesmix.priors.prior import Prior

__all__ = ["bounds_of", "component_label", "prior_densities", "prior_density", "view_of"]

type Density = Callable[[FloatArray], FloatArray]

# Draws that stand for a prior without a closed form.
_PRIOR_DRAWS = 4000


def prior_densities(fit: Fitted) -> dict[str, Density]:
    """Map the label of each sd, correlation, df and auxiliary parameter to its prior density."""
    priors = fit.spec.priors
    found: dict[str, Density] = {}
    for part, term in fit.spec.owned_terms:
        start = path_start(term.predictor)
        for effect, prior in zip(term.effects, part.priors.sd[term.factor], strict=True):
            found[f"{start}sd:{term.factor}:{effect}"] = functools.partial(prior_density, prior)
        nu = getattr(part.student(term), "nu", None)
        if isinstance(nu, Prior):
            found[f"{start}df:{term.factor}"] = functools.partial(_df_density, nu)
    spec = fit.spec
    for joint in spec.design.joint_effects:
        moved = [term for term in joint.terms if spec.part(term).is_centred(term)]
        sds = implied_priors(spec, joint)[0] if moved else {}
        for term, place in joint.members:
            if term in moved:
                label = f"{path_start(term.predictor)}sd:{term.factor}:Intercept"
                found[label] = sds[joint.effects[place.start]].density
    for one in correlations(fit):
        start = path_start(one.predictor)
        found[f"{start}cor:{one.factor}:{one.effect_1}:{one.effect_2}"] = one.prior_density
    for name, prior in priors.auxiliary.items():
        length = priors.lengths[name]
        if length is None:
            found[name] = functools.partial(prior_density, prior)
            continue
        is_ordered = fit.family.parameter(name).support.is_ordered
        same: list[Density] = [functools.partial(prior_density, prior)] * length
        elements = _ordered_densities(prior, length) if is_ordered else same
        found |= {f"{name}:{k}": element for k, element in enumerate(elements, start=1)}
    return found


def _df_density(prior: Prior, nu: FloatArray) -> FloatArray:
    return np.exp(df_log_density(prior, nu))


def prior_density(prior: Prior, x: FloatArray) -> FloatArray:
    """Compute the density of a prior, by PyMC where there is no formula here."""
    if prior.has_log_density:
        return np.exp(prior.log_density(x))
    from bayesmix.priors.compiled import compile_log_density

    return np.asarray(np.exp(compile_log_density(prior)(x)))


def _ordered_densities(prior: Prior, length: int) -> list[Density]:
    """Estimate the densities of independent numbers that have been sorted."""
    from scipy.stats import gaussian_kde

    draws = draw_from(prior, np.random.default_rng(0), _PRIOR_DRAWS * length)
    in_order = np.sort(draws.reshape(_PRIOR_DRAWS, length), axis=1)
    return [gaussian_kde(element) for element in in_order.T]


def view_of(fit: Fitted, label: str, values: FloatArray) -> tuple[float, float]:
    """Limits of a figure: both bounds, or from zero on, unless that presses all into a corner."""
    lower, upper = bounds_of(fit, label)
    if np.isfinite(lower) and np.isfinite(upper):
        return lower, upper
    low, high = (float(q) for q in np.quantile(values, [0.001, 0.999]))
    from_bound = np.isfinite(lower) and low - lower < 0.5 * (high - lower)
    low = lower if from_bound else low - 0.5 * (high - low)
    return low, high + 0.1 * (high - low)


def component_label(fit: Fitted, label: str) -> str:
    """Say what an sd or a correlation is of."""
    for term in fit.design.every_group:
        start = path_start(term.predictor)
        of = f" ({owner})" if (owner := parameter_of(fit, term)) else ""
        if label == f"{start}df:{term.factor}":
            return f"Degrees of freedom\nof effects by {term.factor}{of}"
        for effect in term.effects:
            if label == f"{start}sd:{term.factor}:{effect}":
                return f"Sd of {effect}{of}\nby {term.factor}"
    for joint in fit.design.joint_effects:
        owner = "" if joint.is_linked else parameter_of(fit, joint.terms[0])
        of = f" ({owner})" if owner else ""
        for i, j in joint.correlations.pairs:
            one, other = joint.effects[i], joint.effects[j]
            if label == f"{path_start(joint.predictor)}cor:{joint.factor}:{one}:{other}":
                return f"Correlation of {one}\nand {other} by {joint.factor}{of}"
    return f"Residual sd\nof {fit.design.response}" if label == fit.family.residual else label


def bounds_of(fit: Fitted, label: str) -> tuple[float, float]:
    """Return the bounds of a parameter, so that its density does not leak out."""
    hyper = fit.spec.priors.hyperparameters.get(label)
    if hyper is not None:
        return hyper.support.bounds
    kind, _, rest = label.partition(":")
    match rest.partition(":")[0] if kind in fit.design.predictors else kind:
        case "beta":
            return -np.inf, np.inf
        case "cor":
            return -1.0, 1.0
        case "sd":
            return 0.0, np.inf
        case "df":
            return DF_SUPPORT.bounds
        case name:
            return fit.family.parameter(name).support.bounds
