"""Where a prior may put a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError
from bayesmix.base.interrupts import import_whole
from bayesmix.families.supports import POSITIVE, Support
from bayesmix.priors.distributions import pymc_variable
from bayesmix.priors.effects import check_df_prior
from bayesmix.priors.forms import IMPROPER, POSITIVE_TWIN
from bayesmix.priors.leaves import Leaf
from bayesmix.priors.prior import LKJ, Prior

__all__ = ["bounds_of", "check_leaf", "check_prior", "mass_of"]


# Parameters whose priors may have parameters with priors; correlations have an LKJ.
_NESTED = ("Intercept", "beta", "cor")
_POSITIVE = (
    *("HalfNormal", "HalfCauchy", "HalfStudentT", "Exponential", "Gamma", "InverseGamma"),
    *("LogNormal", "Weibull", "Pareto", "ChiSquared"),
)
# Of the distributions in FORMS that have bounds which are not among their parameters.
_BOUNDS = {"Beta": (0.0, 1.0)} | dict.fromkeys(_POSITIVE, (0.0, np.inf))
# Of those that only PyMC knows; a bound that is a parameter has its name, and PyMC's default.
_BOUNDS_OF_PYMC: dict[str, tuple[float | tuple[str, float], float | tuple[str, float]]] = {
    "Kumaraswamy": (0.0, 1.0),
    "Triangular": (("lower", 0.0), ("upper", 1.0)),
    "VonMises": (-np.pi, np.pi),
    "Rice": (0.0, np.inf),
    **dict.fromkeys(
        ("AsymmetricLaplace", "ExGaussian", "Moyal", "SkewNormal", "SkewStudentT"),
        (-np.inf, np.inf),
    ),
}


@dataclass(frozen=True)
class Mass:
    """Where a prior puts its mass: what the checks of a path need to know."""

    lower: float
    upper: float
    discrete: bool = False

    @property
    def is_empty(self) -> bool:
        return self.lower > self.upper


@lru_cache(maxsize=256)
def mass_of(prior: Prior) -> Mass:
    """Find out where a prior has its mass."""
    if prior.hyperpriors:
        return mass_of(prior.at_medians)  # where it has mass does not depend on them
    if not prior.is_proper:
        return Mass(*IMPROPER[prior.distribution])
    if prior.has_log_density:
        given = prior.parameters
        lower, upper = _BOUNDS.get(prior.distribution, (-np.inf, np.inf))
        return Mass(
            float(given.get("lower", given.get("m", lower))), float(given.get("upper", upper))
        )
    return _mass_by_pymc(prior)


def bounds_of(prior: Prior) -> tuple[float, float] | None:
    """Return where the density of a prior ends; None where only PyMC knows, and it has bounds."""
    if prior.distribution in _BOUNDS_OF_PYMC:
        lower, upper = (
            float(prior.parameters.get(*bound)) if isinstance(bound, tuple) else bound
            for bound in _BOUNDS_OF_PYMC[prior.distribution]
        )
        return lower, upper
    mass = mass_of(prior)
    if prior.has_log_density:
        return mass.lower, mass.upper
    # PyMC's density was looked at on a grid from 1e-6 to 1e6.
    if mass.upper > 9e5 and mass.lower < -9e5:
        return -np.inf, np.inf
    return (0.0, np.inf) if mass.upper > 9e5 and 0 < mass.lower < 1.1e-6 else None


def _mass_by_pymc(prior: Prior) -> Mass:
    """Look where PyMC's log density is finite, on a grid over many orders of magnitude."""
    import_whole("pymc")
    import pymc as pm

    variable = pymc_variable(prior.distribution, tuple(prior.parameters.items()))
    if variable.dtype.startswith(("int", "uint", "bool")):
        return Mass(-np.inf, np.inf, discrete=True)
    half = np.geomspace(1e-6, 1e6, 241)
    grid = np.concatenate([-half, half])
    many = getattr(pm, prior.distribution).dist(**prior.parameters, shape=grid.shape)
    try:
        finite = np.isfinite(pm.logp(many, grid).eval(mode="FAST_COMPILE"))
    except Exception as error:
        raise BayesmixError(
            f"The density of {prior} cannot be computed: {error}. Check its parameters."
        ) from error
    inside = np.sort(grid[finite])
    return Mass(inside[0], inside[-1]) if inside.size else Mass(np.inf, -np.inf)


def check_leaf(path: str, prior: object, leaf: Leaf) -> None:
    """Raise unless a prior suits one of the parameters of its path."""
    if leaf.kind == "df":
        check_df_prior(path, prior)
        return
    if isinstance(prior, Prior) and prior.hyperpriors and leaf.kind not in _NESTED:
        own = next(iter(prior.hyperpriors.values()))
        raise BayesmixError(
            f"The prior of {path!r}, {prior!r}, has priors in the place of numbers, which only "
            "those of population effects may have ('beta', 'Intercept'). Give numbers"
            + (f", or write priors={{{path!r}: {own!r}}}." if leaf.kind == "sd" else ".")
        )
    check_prior(path, prior, leaf.support, is_correlation=leaf.kind == "cor")


def check_prior(
    path: str, prior: object, support: Support, *, is_correlation: bool = False
) -> None:
    """Raise unless the type of a prior and its mass suit the parameters of its path."""
    if is_correlation:
        if not isinstance(prior, LKJ):
            raise BayesmixError(
                f"The prior of {path!r} must be an LKJ, such as LKJ(2); got {shown(prior)}."
            )
        return
    if not isinstance(prior, Prior):
        other = " LKJ is for the paths of correlations, 'cor'." if isinstance(prior, LKJ) else ""
        raise BayesmixError(
            f"The prior of {path!r} must be a Prior, such as {support.example}; "
            f"got {shown(prior)}.{other}"
        )
    mass = mass_of(prior)
    if mass.discrete:
        raise BayesmixError(
            f"The prior of {path!r} must be continuous, but {prior} is discrete. "
            f"Use for example {support.example}."
        )
    if mass.is_empty and not support.has_bounds:
        raise BayesmixError(f"The prior of {path!r}, {prior}, has no mass anywhere.")
    if mass.is_empty or mass.lower < support.lower or mass.upper > support.upper:
        raise BayesmixError(
            f"The prior of {path!r} must have its support {support.where}, but {prior} "
            f"does not. {_remedy(prior, support)}"
        )
    if support.has_bounds and not prior.is_proper:
        raise BayesmixError(
            f"The prior of {path!r} must be proper: with {prior} the posterior of an sd need not "
            f"exist. Use a wide prior, such as {support.example} with a large sigma."
        )


def _remedy(prior: Prior, support: Support) -> str:
    if support != POSITIVE:
        return f"Use for example {support.example}."
    twin = POSITIVE_TWIN.get(prior.distribution)
    remedy = f"Use {twin}, or another" if twin else "Use a"
    if prior.distribution == "TruncatedNormal":
        remedy = "Set lower=0, or use a"
    return (
        f"{remedy} distribution such as HalfNormal, HalfStudentT, Exponential, Gamma or LogNormal."
    )
