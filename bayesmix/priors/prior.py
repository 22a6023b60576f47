"""One prior: a distribution of a parameter, or of correlations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Never

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import as_number, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.priors.distributions import pymc_variable, refuse_unknown
from bayesmix.priors.forms import FORMS, IMPROPER, Form, beta_moments, form_of, written
from bayesmix.priors.hyperpriors import check_hyperpriors
from bayesmix.priors.standard import STANDARD

__all__ = ["LKJ", "Prior", "vectorise"]

# Beyond these the correlations are nearer to 0, or to 1, than numbers can tell.
_SMALLEST_ETA, _LARGEST_ETA = 1e-8, 1e12


@dataclass(frozen=True, init=False, repr=False)
class Prior:
    """A distribution by PyMC's name, with the names that PyMC gives its parameters.

    Parameters
    ----------
    distribution : str
        ``"Normal"``, ``"HalfNormal"``, ``"StudentT"``, ``"Exponential"``, ... Any univariate
        distribution of PyMC; the common ones are checked without importing it.
    **parameters : float or Prior
        Finite numbers. Those left out take PyMC's defaults and are written out. In the prior of
        population effects a parameter may have a prior of its own, a hyperprior.

    Raises
    ------
    BayesmixError
        The distribution or a parameter is unknown, a parameter is missing, is not a finite number
        or lies outside its range, or its hyperprior has mass there.

    Examples
    --------
    >>> Prior("Normal", sigma=2.5)
    Normal(mu=0, sigma=2.5)
    >>> Prior("HalfStudentT", nu=3, sigma=10).log_density([-1.0, 0.0]).round(2)
    array([ -inf, -2.61])

    Coefficients that share a scale, which is estimated:

    >>> Prior("Normal", mu=0, sigma=Prior("HalfNormal", sigma=1))
    Normal(mu=0, sigma=HalfNormal(sigma=1))
    """

    distribution: str
    _items: tuple[tuple[str, float | Prior], ...]

    def __init__(self, distribution: str, *unnamed: Never, **parameters: float | Prior) -> None:
        if not isinstance(distribution, str):
            raise BayesmixError(
                f"A prior's distribution must be a name such as 'Normal'; got "
                f"{shown(distribution)}."
            )
        if unnamed:
            raise BayesmixError(
                f"The parameters of {distribution} need their names; got "
                f"{', '.join(map(shown, unnamed))}. "
                "Write them as in Prior('Normal', mu=0, sigma=1)."
            )
        nested = {name: own for name, own in parameters.items() if isinstance(own, Prior)}
        values: dict[str, Any] = {
            name: own if name in nested else _finite_number(distribution, name, own)
            for name, own in parameters.items()
        }
        if nested:
            values = _with_hyperpriors(distribution, values, nested)
        elif distribution in FORMS:
            values = _complete(distribution, values)
        elif distribution in IMPROPER:
            refuse_unknown(distribution, values, {})
        else:
            values = dict(sorted(values.items()))
            pymc_variable(distribution, tuple(values.items()))
        object.__setattr__(self, "distribution", distribution)
        object.__setattr__(self, "_items", tuple(values.items()))

    def __repr__(self) -> str:
        """Return the prior as a user reads it, numbers to six significant digits."""
        written = (
            f"{name}={x!r}" if isinstance(x, Prior) else f"{name}={x:g}" for name, x in self._items
        )
        return f"{self.distribution}({', '.join(written)})"

    @property
    def arguments(self) -> dict[str, float | Prior]:
        """Numbers and hyperpriors by PyMC's names of the parameters."""
        return dict(self._items)

    @property
    def hyperpriors(self) -> dict[str, Prior]:
        """The priors of those parameters that are no numbers."""
        return {name: x for name, x in self._items if isinstance(x, Prior)}

    @property
    def depth(self) -> int:
        """How many priors stand below one another, 1 where all parameters are numbers."""
        return 1 + max((prior.depth for prior in self.hyperpriors.values()), default=0)

    @property
    def at_medians(self) -> Prior:
        """The same distribution with each parameter that has a prior at its median."""
        if not self.hyperpriors:
            return self
        numbers = {name: x.median if isinstance(x, Prior) else x for name, x in self._items}
        return Prior(self.distribution, **numbers)

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the mass of one of the common distributions that are proper ends."""
        form, law = self.at_medians._law()
        lower, upper = (float(bound) for bound in law.support())
        return (0.0 if form.folded else lower), upper

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters by PyMC's names, in full precision.

        They are NumPy's floats: PyTensor takes Python's for single precision where it can, and
        computes their logarithms so.

        Raises
        ------
        NotImplementedError
            Some have priors; `arguments` has these, too.
        """
        numbers = {name: x for name, x in self._items if not isinstance(x, Prior)}
        if len(numbers) < len(self._items):
            raise NotImplementedError(f"Parameters of {self} are no numbers.")
        return numbers

    @property
    def has_log_density(self) -> bool:
        """Whether `log_density` is known here, without PyMC."""
        if self.hyperpriors:
            return False
        return self.distribution in FORMS or self.distribution in IMPROPER

    @property
    def is_proper(self) -> bool:
        """Whether the density has a finite integral, so that it can be drawn from."""
        return self.distribution not in IMPROPER

    def log_density(self, x: npt.ArrayLike) -> FloatArray:
        """Compute the log density; minus infinity outside the support.

        Parameters
        ----------
        x : array_like
            Any shape.

        Returns
        -------
        ndarray
            Same shape as `x`. Constant zero on the support of an improper prior.

        Raises
        ------
        NotImplementedError
            The distribution is none of the common ones (`has_log_density` is False).
        """
        x = np.asarray(x, dtype=np.float64)
        if not self.is_proper:
            return np.where(x >= IMPROPER[self.distribution][0], 0.0, -np.inf)
        form = self._form()
        if form.scipy in STANDARD:
            values = STANDARD[form.scipy].log_density(x, **form.convert(**self.parameters))
        else:
            values = np.asarray(self._law()[1].logpdf(x), dtype=np.float64)
        return np.where(x < 0, -np.inf, math.log(2) + values) if form.folded else values

    def draw(
        self, rng: np.random.Generator, size: int | tuple[int, ...] | None = None
    ) -> FloatArray:
        """Draw from the prior.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        size : int or tuple of int, optional
            Shape of the draws.

        Returns
        -------
        ndarray of shape `size`

        Raises
        ------
        BayesmixError
            The prior is improper.
        NotImplementedError
            The distribution is none of the common ones (`has_log_density` is False).
        """
        if not self.is_proper:
            raise BayesmixError(
                f"{self} is improper, so it cannot be drawn from. "
                "Use a wide proper prior such as Normal or HalfNormal."
            )
        form = self._form()
        if form.scipy in STANDARD:
            drawn = STANDARD[form.scipy].draw(rng, size, **form.convert(**self.parameters))
        else:
            law = self._law()[1]
            drawn = np.asarray(law.rvs(size=size, random_state=rng), dtype=np.float64)
        return np.abs(drawn) if form.folded else drawn

    def above(self, bound: float, share: npt.ArrayLike) -> FloatArray:
        """Compute what a share of the mass above a bound exceeds, of a common proper one."""
        form, law = self._law()
        half = 0.5 if form.folded else 1.0
        mass = half * np.exp(self.log_mass_above(bound))
        value = law.isf(mass * np.asarray(share, dtype=np.float64))
        return np.asarray(np.maximum(value, bound), dtype=np.float64)

    def log_mass_above(self, bound: float) -> float:
        """Compute the log probability of more than a bound, of a common one that is proper."""
        form, law = self._law()
        if form.folded:
            return 0.0 if bound <= 0 else math.log(2) + float(law.logsf(bound))
        return float(law.logsf(bound))

    @property
    def median(self) -> float:
        """The median of one of the common distributions that are proper.

        Parameters with priors stand at their medians.
        """
        form, law = self.at_medians._law()
        # What is folded is symmetric about zero.
        return float(law.ppf(0.75 if form.folded else 0.5))

    def _form(self) -> Form:
        form = form_of(self.distribution, self.parameters) if self.has_log_density else None
        if form is None:
            raise NotImplementedError(
                f"{self.distribution} has no density here; PyMC's own is needed."
            )
        return form

    def _law(self) -> tuple[Form, Any]:
        self._form()
        return scipy_law(self)


@dataclass(frozen=True, repr=False)
class LKJ:
    """The LKJ prior of the correlations between the effects of a grouping factor.

    Parameters
    ----------
    eta : float
        1 is uniform over correlation matrices; larger values favour weak correlations.

    Raises
    ------
    BayesmixError
        `eta` is not a positive finite number.

    References
    ----------
    Lewandowski, Kurowicka & Joe (2009), Journal of Multivariate Analysis 100, 1989-2001,
    https://doi.org/10.1016/j.jmva.2009.04.008

    Examples
    --------
    >>> LKJ(2)
    LKJ(eta=2)
    """

    eta: float = 1.0

    def __post_init__(self) -> None:
        """Check `eta` and make it a float."""
        eta = _finite_number("LKJ", "eta", self.eta)
        if eta <= 0:
            raise BayesmixError(f"LKJ: eta must be positive, got {eta:g}.")
        if eta < _SMALLEST_ETA:
            raise BayesmixError(
                f"LKJ: eta={eta:g} leaves no correlations but -1 and 1. Give one of at least "
                f"{_SMALLEST_ETA:g}; 1 is uniform over correlation matrices."
            )
        if eta > _LARGEST_ETA:
            raise BayesmixError(
                f"LKJ: eta={eta:g} leaves no correlation at all. Write (x || g) for a model "
                f"without correlations, or an eta of at most {_LARGEST_ETA:g}."
            )
        object.__setattr__(self, "eta", eta)

    def __repr__(self) -> str:
        """Return the prior as a user reads it."""
        return f"LKJ(eta={self.eta:g})"


def vectorise(priors: Sequence[Prior]) -> tuple[str, dict[str, FloatArray]] | None:
    """Put priors that differ in their numbers only into one distribution with array parameters.

    Parameters
    ----------
    priors : sequence of Prior
        At least one.

    Returns
    -------
    tuple of (str, dict of str to ndarray of shape (len(priors),)), or None
        Distribution and parameters; None where the priors differ in more than numbers, or some of
        their parameters are none.

    Examples
    --------
    >>> vectorise([Prior("Normal", sigma=1), Prior("Normal", sigma=3)])
    ('Normal', {'mu': array([0., 0.]), 'sigma': array([1., 3.])})
    >>> vectorise([Prior("Normal"), Prior("Laplace", mu=0, b=1)]) is None
    True
    """
    kinds = {(prior.distribution, tuple(prior.arguments)) for prior in priors}
    if len(kinds) != 1 or any(prior.hyperpriors for prior in priors):
        return None
    distribution, names = kinds.pop()
    return distribution, {
        name: np.array([prior.parameters[name] for prior in priors]) for name in names
    }


def _finite_number(distribution: str, name: str, value: object) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    try:
        number = as_number(value)
    except OverflowError:  # whole numbers beyond 1e308
        number = math.inf
    if number is None:
        many = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
        hint = " Give each parameter of the model its own prior by path." if many else ""
        if isinstance(value, Prior):
            hint = " Priors of the parameters of priors are for those of population effects."
        raise BayesmixError(f"{distribution}: {name} must be one number, got {shown(value)}.{hint}")
    if not math.isfinite(number):
        raise BayesmixError(f"{distribution}: {name} must be finite, got {number}.")
    return np.float64(number) + 0.0  # never -0.0, which would print as such


def _with_hyperpriors(
    distribution: str, given: dict[str, Any], nested: dict[str, Prior]
) -> dict[str, Any]:
    """Check parameters that have priors, and write PyMC's defaults of the others out."""
    form = form_of(distribution, given) if distribution in FORMS else None
    check_hyperpriors(distribution, form, nested)
    medians = {name: np.float64(own.median) for name, own in nested.items()}
    complete = _complete(distribution, given | medians)
    return {name: nested.get(name, value) for name, value in complete.items()}


def _complete(distribution: str, values: dict[str, float]) -> dict[str, float]:
    """Check the parameters of a common distribution and write PyMC's defaults out."""
    forms = FORMS[distribution]
    refuse_unknown(distribution, values, dict.fromkeys(n for f in forms for n in f.arguments))
    form = form_of(distribution, values)
    if form is None:
        ways = " or ".join(f"{distribution}({', '.join(written(form))})" for form in forms)
        given = ", ".join(values) if values else "no parameters"
        raise BayesmixError(f"{distribution} cannot be made from {given}. Write {ways}.")
    for name in form.positive:
        if values.get(name, 1.0) <= 0:
            raise BayesmixError(f"{distribution}: {name} must be positive, got {values[name]:g}.")
    complete = {
        name: values.get(name, default)
        for name, default in form.arguments.items()
        if name in values or (default is not None and math.isfinite(default))
    }
    values = {name: np.float64(value) for name, value in complete.items() if value is not None}
    if not values.get("lower", -math.inf) < values.get("upper", math.inf):
        raise BayesmixError(
            f"{distribution}: lower must be less than upper, got "
            f"{values['lower']:g} and {values['upper']:g}."
        )
    with np.errstate(all="ignore"):
        converted = form.convert(**values)
    free = form.scipy == "truncnorm"
    if not free and not all(0 < x < math.inf for key, x in converted.items() if key != "loc"):
        shown = ", ".join(f"{name}={value:g}" for name, value in values.items())
        limits = (
            " mu must lie in (0, 1) and sigma below sqrt(mu (1 - mu))."
            if form.convert is beta_moments
            else ""
        )
        raise BayesmixError(
            f"{distribution}: there is no such distribution with {shown}, "
            f"or its numbers are beyond double precision.{limits}"
        )
    return values


@lru_cache(maxsize=1024)
def scipy_law(prior: Prior) -> tuple[Form, Any]:
    # scipy.stats takes as long to import as everything else together, and defaults do without.
    from scipy import stats

    form = form_of(prior.distribution, prior.parameters)
    assert form is not None
    return form, getattr(stats, form.scipy)(**form.convert(**prior.parameters))
