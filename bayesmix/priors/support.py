"""Where a prior may put a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.base.interrupts import import_whole
from bayesmix.priors.distributions import pymc_variable
from bayesmix.priors.forms import IMPROPER, POSITIVE_TWIN
from bayesmix.priors.prior import LKJ, Prior, scipy_law

__all__ = []


@dataclass(frozen=True)
class Support:
    """Where a prior puts its mass: what the checks of a path need to know."""

    discrete: bool
    negative: bool
    positive: bool


@lru_cache(maxsize=256)
def support_of(prior: Prior) -> Support:
    if not prior.is_proper:
        lower, upper = IMPROPER[prior.distribution]
        return Support(False, lower < 0, upper > 0)
    if prior.has_log_density:
        form, law = scipy_law(prior)
        lower, upper = law.support()
        return Support(False, lower < 0 and not form.folded, upper > 0)
    return _support_by_pymc(prior)


def _support_by_pymc(prior: Prior) -> Support:
    """Look where PyMC's log density is finite, on a grid over many orders of magnitude."""
    import_whole("pymc")
    import pymc as pm

    variable = pymc_variable(prior.distribution, tuple(prior.parameters.items()))
    if variable.dtype.startswith(("int", "uint", "bool")):
        return Support(True, True, True)
    half = np.geomspace(1e-6, 1e6, 241)
    grid = np.concatenate([-half, half])
    many = getattr(pm, prior.distribution).dist(**prior.parameters, shape=grid.shape)
    try:
        finite = np.isfinite(pm.logp(many, grid).eval(mode="FAST_COMPILE"))
    except Exception as error:
        raise BayesmixError(
            f"The density of {prior} cannot be computed: {error}. Check its parameters."
        ) from error
    return Support(False, bool(finite[: half.size].any()), bool(finite[half.size :].any()))


def check_prior(path: str, prior: object) -> None:
    """Raise unless the type and the support of a prior suit the parameters of its path."""
    root = path.partition(":")[0]
    if root == "cor":
        if not isinstance(prior, LKJ):
            raise BayesmixError(
                f"The prior of {path!r} must be an LKJ, such as LKJ(2); got {shown(prior)}."
            )
        return
    positive = root not in ("Intercept", "beta")
    example = "Prior('HalfNormal', sigma=1)" if positive else "Prior('Normal', mu=0, sigma=1)"
    if not isinstance(prior, Prior):
        other = " LKJ is for the paths of correlations, 'cor'." if isinstance(prior, LKJ) else ""
        raise BayesmixError(
            f"The prior of {path!r} must be a Prior, such as {example}; got {shown(prior)}.{other}"
        )
    support = support_of(prior)
    if support.discrete:
        raise BayesmixError(
            f"The prior of {path!r} must be continuous, but {prior} is discrete. "
            f"Use for example {example}."
        )
    if not positive:
        if not (support.negative or support.positive):
            raise BayesmixError(f"The prior of {path!r}, {prior}, has no mass anywhere.")
        return
    if support.negative or not support.positive:
        twin = POSITIVE_TWIN.get(prior.distribution)
        remedy = f"Use {twin}, or another" if twin else "Use a"
        if prior.distribution == "TruncatedNormal":
            remedy = "Set lower=0, or use a"
        raise BayesmixError(
            f"The prior of {path!r} must have its support on the positive numbers, but {prior} "
            f"does not. {remedy} distribution such as HalfNormal, HalfStudentT, Exponential, "
            "Gamma or LogNormal."
        )
    if not prior.is_proper:
        raise BayesmixError(
            f"The prior of {path!r} must be proper: with {prior} the posterior of an sd need not "
            f"exist. Use a wide prior, such as {example} with a large sigma."
        )
