"""Distributions of group effects: normal, or Student's t."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import as_number, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.families.supports import above
from bayesmix.priors.forms import FORMS
from bayesmix.priors.prior import LKJ, Prior

__all__ = [
    "DF_PRIOR",
    "DF_SUPPORT",
    "LEAST_DF",
    "NORMAL_EFFECTS",
    "AnyPrior",
    "NormalEffects",
    "StudentT",
    "check_df_prior",
    "df_log_density",
    "effects_law",
]

DF_PRIOR = Prior("Gamma", alpha=2, beta=0.1)
LEAST_DF, _MOST_DF = 1.0, 1000.0
DF_SUPPORT = dataclasses.replace(above(LEAST_DF), example="Prior('Gamma', alpha=2, beta=0.1)")
# Of what is cut off at the least df, less is left than this where a prior has no mass above it.
_LEAST_LOG_MASS = math.log(1e-8)


@dataclass(frozen=True, repr=False)
class NormalEffects:
    """Group effects that are normal, which they are without further words."""

    def __repr__(self) -> str:
        """Return the name of the distribution."""
        return "Normal"


@dataclass(frozen=True, repr=False)
class StudentT:
    """Group effects that are Student-t: some levels may be far from all others.

    All effects of a level are multivariate t together, as in brms's ``gr(g, dist = "student")``:
    ``u_g = sqrt(w_g) diag(sd) L z_g`` with z_g standard normal and
    ``w_g ~ InverseGamma(nu / 2, nu / 2)``. ``sd`` is the scale of that distribution: the sd of the
    effects is ``sd sqrt(nu / (nu - 2))`` where nu is above 2.

    Parameters
    ----------
    nu : Prior or float
        Degrees of freedom: a prior, of which the part above 1 counts, or a number above 1. The
        default is brms's, ``Prior("Gamma", alpha=2, beta=0.1)``.

    Raises
    ------
    BayesmixError
        `nu` is neither, or has no mass above 1.

    References
    ----------
    Lange, Little & Taylor (1989), JASA 84, 881-896,
    https://doi.org/10.1080/01621459.1989.10478852;
    Juarez & Steel (2010), J. Bus. Econ. Stat. 28, 52-66, https://doi.org/10.1198/jbes.2009.07145

    Examples
    --------
    >>> StudentT()
    StudentT(nu=Gamma(alpha=2, beta=0.1))
    >>> StudentT(nu=4)
    StudentT(nu=4)
    """

    nu: Prior | float = DF_PRIOR

    def __post_init__(self) -> None:
        """Check `nu`, and make a number a float."""
        if isinstance(self.nu, Prior):
            if self.nu is not DF_PRIOR:  # SciPy's distributions take long to import
                check_df_prior("StudentT: nu", self.nu)
            return
        number = as_number(self.nu)
        if number is None or not LEAST_DF < number <= _MOST_DF:
            raise BayesmixError(
                f"StudentT: nu={shown(self.nu)} is not usable. Give a number above {LEAST_DF:g} "
                f"and up to {_MOST_DF:g}, with which effects are as good as normal, or a prior, "
                f"such as {DF_SUPPORT.example}."
            )
        object.__setattr__(self, "nu", np.float64(number))

    def __repr__(self) -> str:
        """Return the law as a user writes it."""
        nu = self.nu
        return f"StudentT(nu={nu!r})" if isinstance(nu, Prior) else f"StudentT(nu={nu:g})"


type AnyPrior = Prior | LKJ | StudentT | NormalEffects
"""What may stand on a path."""

NORMAL_EFFECTS = NormalEffects()
_WORDS = ("normal", "student")


def effects_law(path: str, given: object) -> StudentT | NormalEffects:
    """Read the law of group effects, a word or a value."""
    if isinstance(given, StudentT | NormalEffects):
        return given
    if isinstance(given, str) and given in _WORDS:
        return StudentT() if given == "student" else NORMAL_EFFECTS
    message = (
        f"The effects of {path!r} have a distribution, 'normal', 'student' or StudentT(nu=...); "
        f"got {shown(given)}."
    )
    if isinstance(given, Prior):
        message += f" The prior of their sds has the path {_beside(path, 'sd')!r}"
        nu = ", and that of degrees of freedom stands inside: StudentT(nu=Prior(...))"
        message += f"{nu if given.distribution == 'StudentT' else ''}."
    elif isinstance(given, LKJ):
        message += f" The prior of their correlations has the path {_beside(path, 'cor')!r}."
    elif isinstance(given, type) and issubclass(given, StudentT):
        message += " Write StudentT()."
    elif isinstance(given, str):
        message += f" {suggest(given, _WORDS)}".rstrip()
    raise BayesmixError(message)


def _beside(path: str, kind: str) -> str:
    """Write the path of another parameter of the same effects."""
    first, *others = path.split(":")
    if first == "u":
        return ":".join([kind, *others])
    return ":".join([first, kind, *others[1:]])


def check_df_prior(where: str, prior: object) -> None:
    """Raise unless a prior can be that of the degrees of freedom of group effects."""
    if not isinstance(prior, Prior):
        raise BayesmixError(
            f"The prior of {where!r} must be a Prior, such as {DF_SUPPORT.example}; got "
            f"{shown(prior)}. A number is fixed with priors={{'u:<factor>': StudentT(nu=4)}}."
        )
    if prior.hyperpriors or prior.distribution not in FORMS:
        what = "its parameters are numbers" if prior.hyperpriors else "it is one of the common ones"
        raise BayesmixError(
            f"The prior of {where!r} cannot be {prior!r}: {what}. Use for example "
            f"{DF_SUPPORT.example}."
        )
    if prior.log_mass_above(LEAST_DF) < _LEAST_LOG_MASS:
        raise BayesmixError(
            f"The prior of {where!r} has its mass {DF_SUPPORT.where}, what is below being cut "
            f"off, and {prior!r} has none there. Use for example {DF_SUPPORT.example}."
        )


def df_log_density(prior: Prior, nu: npt.ArrayLike) -> FloatArray:
    """Compute the log density of degrees of freedom, whose prior is cut off at the least df."""
    values = np.asarray(nu, dtype=np.float64)
    inside = prior.log_density(values) - prior.log_mass_above(LEAST_DF)
    return np.where(values > LEAST_DF, inside, -np.inf)
