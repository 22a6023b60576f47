"""Which prior stands on which parameter: defaults from the scale of the data, edits by path.

`resolve_priors` gives every column of a design its own prior once, in column order, so that
building the model needs no look-up by name. PyMC is imported only for a distribution that is not
among the common ones of this module.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Never

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from bayesmix.base.arguments import as_number, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.base.interrupts import import_whole
from bayesmix.design.magnitudes import check_sizes, mean, root_mean_weight, sd, spread
from bayesmix.families.families import FAMILIES, LINKS, Family

if TYPE_CHECKING:
    import pandas as pd

    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = ["LKJ", "Prior", "PriorSet", "resolve_priors", "vectorise", "without_correlations"]


# The common distributions: what PyMC calls them, what SciPy calls them.


@dataclass(frozen=True)
class _Form:
    """One way to parametrise a distribution.

    The arguments of `convert` are PyMC's names with PyMC's defaults; it returns SciPy's arguments.
    `folded` takes the absolute value of a distribution that is symmetric about zero.
    """

    scipy: str
    convert: Callable[..., dict[str, float]]
    positive: tuple[str, ...] = ()
    folded: bool = False

    @property
    def arguments(self) -> dict[str, float | None]:
        """Argument -> default, None where it must be given."""
        return {
            name: None if argument.default is inspect.Parameter.empty else argument.default
            for name, argument in inspect.signature(self.convert).parameters.items()
        }


def _normal(mu: float = 0.0, sigma: float = 1.0) -> dict[str, float]:
    return {"loc": mu, "scale": sigma}


def _normal_precision(tau: float, mu: float = 0.0) -> dict[str, float]:
    return _normal(mu, tau**-0.5)


def _truncated_normal(
    mu: float = 0.0, sigma: float = 1.0, lower: float = -math.inf, upper: float = math.inf
) -> dict[str, float]:
    return {"a": (lower - mu) / sigma, "b": (upper - mu) / sigma, "loc": mu, "scale": sigma}


def _beta_moments(mu: float, sigma: float) -> dict[str, float]:
    size = mu * (1 - mu) / sigma**2 - 1
    return {"a": mu * size, "b": (1 - mu) * size}


_COMMON: Mapping[str, tuple[_Form, ...]] = MappingProxyType(
    {
        "Normal": (
            _Form("norm", _normal, ("sigma",)),
            _Form("norm", _normal_precision, ("tau",)),
        ),
        "StudentT": (
            _Form(
                "t",
                lambda nu, mu=0.0, sigma=1.0: {"df": nu, "loc": mu, "scale": sigma},
                ("nu", "sigma"),
            ),
            _Form(
                "t",
                lambda nu, lam, mu=0.0: {"df": nu, "loc": mu, "scale": lam**-0.5},
                ("nu", "lam"),
            ),
        ),
        "Cauchy": (_Form("cauchy", lambda alpha, beta: {"loc": alpha, "scale": beta}, ("beta",)),),
        "Laplace": (_Form("laplace", lambda mu, b: {"loc": mu, "scale": b}, ("b",)),),
        "Logistic": (_Form("logistic", lambda mu=0.0, s=1.0: {"loc": mu, "scale": s}, ("s",)),),
        "Gumbel": (_Form("gumbel_r", lambda mu, beta: {"loc": mu, "scale": beta}, ("beta",)),),
        "Uniform": (
            _Form("uniform", lambda lower=0.0, upper=1.0: {"loc": lower, "scale": upper - lower}),
        ),
        "TruncatedNormal": (_Form("truncnorm", _truncated_normal, ("sigma",)),),
        "HalfNormal": (
            _Form("norm", lambda sigma=1.0: {"scale": sigma}, ("sigma",), folded=True),
            _Form("norm", lambda tau: {"scale": tau**-0.5}, ("tau",), folded=True),
        ),
        "HalfCauchy": (_Form("cauchy", lambda beta: {"scale": beta}, ("beta",), folded=True),),
        "HalfStudentT": (
            _Form(
                "t",
                lambda nu, sigma=1.0: {"df": nu, "scale": sigma},
                ("nu", "sigma"),
                folded=True,
            ),
            _Form("t", lambda nu, lam: {"df": nu, "scale": lam**-0.5}, ("nu", "lam"), folded=True),
        ),
        "Exponential": (
            _Form("expon", lambda scale=1.0: {"scale": scale}, ("scale",)),
            _Form("expon", lambda lam: {"scale": 1 / lam}, ("lam",)),
        ),
        "Gamma": (
            _Form("gamma", lambda alpha, beta: {"a": alpha, "scale": 1 / beta}, ("alpha", "beta")),
            _Form(
                "gamma",
                lambda mu, sigma: {"a": (mu / sigma) ** 2, "scale": sigma**2 / mu},
                ("mu", "sigma"),
            ),
        ),
        "InverseGamma": (
            _Form(
                "invgamma", lambda alpha, beta=1.0: {"a": alpha, "scale": beta}, ("alpha", "beta")
            ),
            _Form(
                "invgamma",
                lambda mu, sigma: {
                    "a": (mu / sigma) ** 2 + 2,
                    "scale": mu * ((mu / sigma) ** 2 + 1),
                },
                ("mu", "sigma"),
            ),
        ),
        "LogNormal": (
            _Form(
                "lognorm",
                lambda mu=0.0, sigma=1.0: {"s": sigma, "scale": np.exp(mu)},
                ("sigma",),
            ),
            _Form("lognorm", lambda tau, mu=0.0: {"s": tau**-0.5, "scale": np.exp(mu)}, ("tau",)),
        ),
        "Weibull": (
            _Form(
                "weibull_min", lambda alpha, beta: {"c": alpha, "scale": beta}, ("alpha", "beta")
            ),
        ),
        "Pareto": (_Form("pareto", lambda alpha, m: {"b": alpha, "scale": m}, ("alpha", "m")),),
        "ChiSquared": (_Form("chi2", lambda nu: {"df": nu}, ("nu",)),),
        "Beta": (
            _Form("beta", lambda alpha, beta: {"a": alpha, "b": beta}, ("alpha", "beta")),
            _Form("beta", _beta_moments, ("mu", "sigma")),
        ),
    }
)

# Improper: a constant density on the line, or on its positive half.
_IMPROPER: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"Flat": (-math.inf, math.inf), "HalfFlat": (0.0, math.inf)}
)

_POSITIVE_TWIN = MappingProxyType(
    {"Normal": "HalfNormal", "StudentT": "HalfStudentT", "Cauchy": "HalfCauchy"}
)


@dataclass(frozen=True, init=False, repr=False)
class Prior:
    """A distribution by PyMC's name, with the names that PyMC gives its parameters.

    Parameters
    ----------
    distribution : str
        ``"Normal"``, ``"HalfNormal"``, ``"StudentT"``, ``"Exponential"``, ... Any univariate
        distribution of PyMC; the common ones are checked without importing it.
    **parameters : float
        Finite numbers. Those left out take PyMC's defaults and are written out.

    Raises
    ------
    BayesmixError
        The distribution or a parameter is unknown, a parameter is missing, is not a finite number
        or lies outside its range.

    Examples
    --------
    >>> Prior("Normal", sigma=2.5)
    Normal(mu=0, sigma=2.5)
    >>> Prior("HalfStudentT", nu=3, sigma=10).log_density([-1.0, 0.0]).round(2)
    array([ -inf, -2.61])
    """

    distribution: str
    _items: tuple[tuple[str, float], ...]

    def __init__(self, distribution: str, *unnamed: Never, **parameters: float) -> None:
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
        values = {
            name: _finite_number(distribution, name, value) for name, value in parameters.items()
        }
        if distribution in _COMMON:
            values = _complete(distribution, values)
        elif distribution in _IMPROPER:
            _refuse_unknown(distribution, values, {})
        else:
            values = dict(sorted(values.items()))
            _pymc_variable(distribution, tuple(values.items()))
        object.__setattr__(self, "distribution", distribution)
        object.__setattr__(self, "_items", tuple(values.items()))

    def __repr__(self) -> str:
        """Return the prior as a user reads it, numbers to six significant digits."""
        return f"{self.distribution}({', '.join(f'{name}={x:g}' for name, x in self._items)})"

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters by PyMC's names, in full precision.

        They are NumPy's floats: PyTensor takes Python's for single precision where it can, and
        computes their logarithms so.
        """
        return dict(self._items)

    @property
    def has_log_density(self) -> bool:
        """Whether `log_density` is known here, without PyMC."""
        return self.distribution in _COMMON or self.distribution in _IMPROPER

    @property
    def is_proper(self) -> bool:
        """Whether the density has a finite integral, so that it can be drawn from."""
        return self.distribution not in _IMPROPER

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
            return np.where(x >= _IMPROPER[self.distribution][0], 0.0, -np.inf)
        form, law = self._law()
        if form.folded:
            return np.where(x < 0, -np.inf, math.log(2) + law.logpdf(x))
        return np.asarray(law.logpdf(x), dtype=np.float64)

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
        form, law = self._law()
        drawn = np.asarray(law.rvs(size=size, random_state=rng), dtype=np.float64)
        return np.abs(drawn) if form.folded else drawn

    def _law(self) -> tuple[_Form, Any]:
        if not self.has_log_density:
            raise NotImplementedError(
                f"{self.distribution} has no density here; PyMC's own is needed."
            )
        return _scipy_law(self)


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
        Distribution and parameters; None where the priors differ in more than numbers.

    Examples
    --------
    >>> vectorise([Prior("Normal", sigma=1), Prior("Normal", sigma=3)])
    ('Normal', {'mu': array([0., 0.]), 'sigma': array([1., 3.])})
    >>> vectorise([Prior("Normal"), Prior("Laplace", mu=0, b=1)]) is None
    True
    """
    kinds = {(prior.distribution, tuple(prior.parameters)) for prior in priors}
    if len(kinds) != 1:
        return None
    distribution, names = kinds.pop()
    return distribution, {
        name: np.array([prior.parameters[name] for prior in priors]) for name in names
    }


# Checks of a single prior.


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
        raise BayesmixError(f"{distribution}: {name} must be one number, got {shown(value)}.{hint}")
    if not math.isfinite(number):
        raise BayesmixError(f"{distribution}: {name} must be finite, got {number}.")
    return np.float64(number) + 0.0  # never -0.0, which would print as such


def _refuse_unknown(distribution: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in given:
        if name not in known:
            takes = f"It takes {', '.join(known)}." if known else "It takes no parameters."
            raise BayesmixError(
                f"{distribution} has no parameter {shown(name)}. {takes} "
                f"{suggest(name, known)}".strip()
            )


def _complete(distribution: str, values: dict[str, float]) -> dict[str, float]:
    """Check the parameters of a common distribution and write PyMC's defaults out."""
    forms = _COMMON[distribution]
    _refuse_unknown(distribution, values, dict.fromkeys(n for f in forms for n in f.arguments))
    form = _form_of(distribution, values)
    if form is None:
        ways = " or ".join(f"{distribution}({', '.join(_written(form))})" for form in forms)
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
            if form.convert is _beta_moments
            else ""
        )
        raise BayesmixError(
            f"{distribution}: there is no such distribution with {shown}, "
            f"or its numbers are beyond double precision.{limits}"
        )
    return values


def _written(form: _Form) -> list[str]:
    return [
        name if default is None else f"{name}={default:g}"
        for name, default in form.arguments.items()
    ]


def _form_of(distribution: str, values: Iterable[str]) -> _Form | None:
    """Find the first way to parametrise a distribution that the given names fit."""
    given = set(values)
    for form in _COMMON[distribution]:
        required = {name for name, default in form.arguments.items() if default is None}
        if required <= given <= set(form.arguments):
            return form
    return None


@lru_cache(maxsize=1024)
def _scipy_law(prior: Prior) -> tuple[_Form, Any]:
    # scipy.stats takes as long to import as everything else together, and defaults do without.
    from scipy import stats

    form = _form_of(prior.distribution, prior.parameters)
    assert form is not None
    return form, getattr(stats, form.scipy)(**form.convert(**prior.parameters))


@lru_cache(maxsize=256)
def _pymc_variable(distribution: str, items: tuple[tuple[str, float], ...]) -> Any:
    """Let PyMC make a distribution that is none of the common ones, or say why it cannot."""
    import_whole("pymc")
    import pymc as pm

    names = {
        name
        for name, value in vars(pm).items()
        if isinstance(value, type) and issubclass(value, pm.Distribution)
    }
    if distribution not in names:
        known = names | _COMMON.keys() | _IMPROPER.keys()
        same = [name for name in sorted(known) if name.lower() == distribution.lower()]
        hint = f"Did you mean '{same[0]}'?" if same else suggest(distribution, sorted(known))
        raise BayesmixError(
            f"Unknown distribution {shown(distribution)}. Any univariate distribution of PyMC can "
            f"be a prior, among them {', '.join(_COMMON)}. {hint}".strip()
        )
    rv_type = getattr(getattr(pm, distribution), "rv_type", None)
    if not (getattr(rv_type, "signature", None) or "->()").endswith("->()"):
        raise _is_multivariate(distribution)
    maker = getattr(pm, distribution).dist
    known_arguments = [
        name
        for name, argument in inspect.signature(maker).parameters.items()
        if argument.kind not in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL)
    ]
    _refuse_unknown(distribution, dict(items), known_arguments)
    try:
        variable = maker(**dict(items))
    except Exception as error:
        raise BayesmixError(
            f"{distribution} cannot be made: {str(error).rstrip('.')}. "
            f"It takes {', '.join(known_arguments)}."
        ) from error
    if variable.ndim != 0:
        raise _is_multivariate(distribution)
    return variable


def _is_multivariate(distribution: str) -> BayesmixError:
    return BayesmixError(
        f"{distribution} is the distribution of an array. A prior here stands on one number; "
        f"use one of {', '.join(_COMMON)}."
    )


@dataclass(frozen=True)
class _Support:
    """Where a prior puts its mass: what the checks of a path need to know."""

    discrete: bool
    negative: bool
    positive: bool


@lru_cache(maxsize=256)
def _support(prior: Prior) -> _Support:
    if not prior.is_proper:
        lower, upper = _IMPROPER[prior.distribution]
        return _Support(False, lower < 0, upper > 0)
    if prior.has_log_density:
        form, law = _scipy_law(prior)
        lower, upper = law.support()
        return _Support(False, lower < 0 and not form.folded, upper > 0)
    return _support_by_pymc(prior)


def _support_by_pymc(prior: Prior) -> _Support:
    """Look where PyMC's log density is finite, on a grid over many orders of magnitude."""
    import_whole("pymc")
    import pymc as pm

    variable = _pymc_variable(prior.distribution, tuple(prior.parameters.items()))
    if variable.dtype.startswith(("int", "uint", "bool")):
        return _Support(True, True, True)
    half = np.geomspace(1e-6, 1e6, 241)
    grid = np.concatenate([-half, half])
    many = getattr(pm, prior.distribution).dist(**prior.parameters, shape=grid.shape)
    try:
        finite = np.isfinite(pm.logp(many, grid).eval(mode="FAST_COMPILE"))
    except Exception as error:
        raise BayesmixError(
            f"The density of {prior} cannot be computed: {error}. Check its parameters."
        ) from error
    return _Support(False, bool(finite[: half.size].any()), bool(finite[half.size :].any()))


# The priors of a whole model.


@dataclass(frozen=True)
class _Leaf:
    """One parameter: its place in the tree of paths, its default and the prior it has."""

    node: tuple[str, ...]
    default: Prior | LKJ = field(compare=False)
    prior: Prior | LKJ
    # Of the sd of an intercept: the effects that are correlated with it, and whether the prior is
    # that of the block with their columns at their means, not at zero.
    beside: tuple[str, ...] = field(default=(), compare=False)
    is_centred: bool = False

    @property
    def path(self) -> str:
        return ":".join(self.node)

    @property
    def kind(self) -> str:
        return self.node[0]


@dataclass(frozen=True, repr=False)
class PriorSet:
    """The priors of a model, one per parameter, in the order of the design's columns.

    Made by `resolve_priors`. Two sets are equal when every parameter has the same prior, however
    it came to have it.

    Attributes
    ----------
    leaves : tuple
        The parameters with their paths, defaults and priors.

    Notes
    -----
    The prior of the intercept belongs to the model with centred columns.
    """

    leaves: tuple[_Leaf, ...]
    _edits: tuple[tuple[str, Prior | LKJ], ...] = field(default=(), compare=False)

    @property
    def intercept(self) -> Prior | None:
        """Prior of the intercept of the centred design; None without an intercept."""
        found = self._priors("Intercept")
        return found[0] if found else None

    @property
    def beta(self) -> tuple[Prior, ...]:
        """Priors of the population effects, one per column of X except the intercept."""
        return self._priors("beta")

    @property
    def sd(self) -> dict[str, tuple[Prior, ...]]:
        """Grouping factor -> priors of its sds, one per effect."""
        factors = dict.fromkeys(leaf.node[1] for leaf in self.leaves if leaf.kind == "sd")
        return {factor: self._priors("sd", factor) for factor in factors}

    @property
    def cor(self) -> dict[str, LKJ]:
        """Grouping factor -> prior of its correlations, where a block has more than one effect."""
        return {
            leaf.node[1]: leaf.prior
            for leaf in self.leaves
            if leaf.kind == "cor" and isinstance(leaf.prior, LKJ)
        }

    @property
    def centred(self) -> frozenset[str]:
        """Grouping factors whose priors are those of the block with its other columns centred.

        It is so for the default prior of the intercept of a correlated block. A prior that was set
        for the sd of that intercept is for the effect as written.
        """
        return frozenset(leaf.node[1] for leaf in self.leaves if leaf.is_centred)

    @property
    def auxiliary(self) -> dict[str, Prior]:
        """Auxiliary parameter of the family -> prior."""
        return {
            leaf.kind: leaf.prior
            for leaf in self.leaves
            if leaf.kind not in _ROOTS and isinstance(leaf.prior, Prior)
        }

    @property
    def defaults(self) -> PriorSet:
        """The same parameters with their default priors."""
        return _edited(self.leaves, {})

    @property
    def edits(self) -> dict[str, Prior | LKJ]:
        """What the user set, by full path; to resolve again for a changed design."""
        return dict(self._edits)

    def replace(self, priors: Mapping[str, Prior | LKJ]) -> PriorSet:
        """Return a set with further edits.

        Parameters
        ----------
        priors : mapping of str to Prior or LKJ
            Path -> prior, as in `resolve_priors`. An earlier edit of a more specific path stays.

        Returns
        -------
        PriorSet

        Raises
        ------
        BayesmixError
            As in `resolve_priors`.
        """
        return _edited(self.leaves, {**self.edits, **_read_edits(self.leaves, priors)})

    def centred_as(self, other: PriorSet) -> PriorSet:
        """Return a set in which the blocks of the same factors are centred as in another set."""
        centred = other.centred
        leaves = (
            replace(leaf, is_centred=bool(leaf.beside) and leaf.node[1] in centred)
            for leaf in self.leaves
        )
        return replace(self, leaves=tuple(leaves))

    def table(self) -> pd.DataFrame:
        """Show the priors as a table.

        Returns
        -------
        DataFrame
            Columns ``parameter`` (the path that edits it) and ``prior`` (text). The priors of the
            sd of an intercept and of its correlations say where the columns of the other effects
            of the block stand: ``Exponential(scale=56.3), Days at its mean``.
        """
        import pandas as pd

        where = {
            path: f", {_at(leaf)}"
            for leaf in self.leaves
            if leaf.beside
            for path in (leaf.path, f"cor:{leaf.node[1]}")
        }
        return pd.DataFrame(
            {
                "parameter": [leaf.path for leaf in self.leaves],
                "prior": [f"{leaf.prior!r}{where.get(leaf.path, '')}" for leaf in self.leaves],
            }
        )

    def __repr__(self) -> str:
        """Return the table as text."""
        return self.table().to_string(index=False)

    def _priors(self, *node: str) -> tuple[Prior, ...]:
        return tuple(
            leaf.prior
            for leaf in self.leaves
            if leaf.node[: len(node)] == node and isinstance(leaf.prior, Prior)
        )


_ROOTS = ("Intercept", "beta", "sd", "cor")
_MOST_NAMES = 3
# Beyond these the correlations are nearer to 0, or to 1, than numbers can tell.
_SMALLEST_ETA, _LARGEST_ETA = 1e-8, 1e12


def _at(leaf: _Leaf) -> str:
    """Say where the columns stand that the prior of an intercept depends on."""
    one = len(leaf.beside) == 1
    names = leaf.beside if len(leaf.beside) <= _MOST_NAMES else ("the other columns",)
    written = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    if leaf.is_centred:
        return f"{written} at {'its mean' if one else 'their means'}"
    return f"{written} at zero"


def resolve_priors(
    design: Design, family: Family, priors: Mapping[str, Prior | LKJ] | None = None
) -> PriorSet:
    """Give every parameter of a model its prior: the default, or the closest edit.

    Parameters
    ----------
    design : Design
        Columns, grouping factors and response.
    family : Family
        Distribution of the response.
    priors : mapping of str to Prior or LKJ, optional
        Path -> prior. Paths cascade, and the more specific one wins whatever the order:
        ``beta`` < ``beta:occasion`` (the bare name of a column is short for it);
        ``sd`` < ``sd:student`` < ``sd:student:occasion``; ``cor`` < ``cor:student``;
        ``Intercept``; the family's auxiliaries, such as ``sigma``.

    Returns
    -------
    PriorSet

    Raises
    ------
    BayesmixError
        A path is unknown, ambiguous or given twice, or its prior has the wrong type or support.

    Notes
    -----
    Defaults, with s_y the sd of the response where the link is the identity and 1 otherwise, and
    m_y the link of its mean less the mean of the offset:

    ==============================  ==================================================
    Intercept, of centred columns   Normal(m_y, 2.5 s_y)
    beta of a column x              Normal(0, 2.5 s_y / sd(x))
    sd of a group effect            Exponential with mean s_y for an intercept,
                                    s_y / sd(z) for the slope of a column z
    correlations                    LKJ(1)
    auxiliaries (sigma)             Exponential with mean s_y sqrt(mean(weights))
    ==============================  ==================================================

    The mean is that of all trials for probabilities, at most half a success away from 0 and 1;
    with weights it is the weighted one. For the log link m_y is the log of the sum of the responses
    over the sum of exp(offset), the rate by exposure; half a count stands for none at all.
    sigma is the sd of a row of weight one, so that with the root of the mean weight the unit of
    the weights changes nothing but sigma; weights with mean one leave its prior as it is without
    them.

    In a correlated block with an intercept, such as ``(x | g)``, the priors of sds and correlations
    are those of the block with its other columns centred at their means over the rows, so that the
    model does not depend on the zero of x; what is reported are the effects as written. A prior
    that is set for the sd of that intercept (``sd``, ``sd:g`` or ``sd:g:Intercept``) is for the
    effect as written, and then nothing of the block is centred.

    A constant column counts with its absolute value in place of its sd. Indicator columns that
    sum to one in every row are intercepts, one for each cell, not slopes: in ``0 + ses`` they get
    the prior that the intercept of the same model would have on uncentred columns,
    Normal(m_y, 2.5 s_y sqrt(1 + sum of (mean(x) / sd(x))^2 over the other columns)), and in
    ``(0 + ses | g)`` each sd gets the default of an intercept.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> design = SimpleNamespace(
    ...     y=np.array([1.0, 2.0, 3.0]),
    ...     X=np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]),
    ...     terms=("Intercept", "x"),
    ...     groups=(),
    ...     has_intercept=True,
    ...     offset=None,
    ...     weights=None,
    ... )
    >>> from bayesmix.families.families import get_family
    >>> resolve_priors(design, get_family("gaussian"), {"x": Prior("Normal", sigma=0.5)})
    parameter                  prior
    Intercept Normal(mu=2, sigma=2.5)
       beta:x Normal(mu=0, sigma=0.5)
        sigma   Exponential(scale=1)
    """
    leaves = _default_leaves(design, family)
    return _edited(leaves, _read_edits(leaves, {} if priors is None else priors))


def without_correlations(edits: Mapping[str, Prior | LKJ]) -> dict[str, Prior | LKJ]:
    """Leave out the edits of correlations, for a design whose blocks have been split.

    Parameters
    ----------
    edits : mapping of str to Prior or LKJ
        Path -> prior, such as `PriorSet.edits`.

    Returns
    -------
    dict of str to Prior or LKJ
    """
    return {path: prior for path, prior in edits.items() if not isinstance(prior, LKJ)}


# Defaults.


def _default_leaves(design: Design, family: Family) -> tuple[_Leaf, ...]:
    with np.errstate(over="ignore"):  # what is too large is named by `check_sizes`
        location = _location(design, family)
    scale = 1.0
    if family.on_response_scale:
        scale = sd(design.y)
        if scale == 0:
            raise BayesmixError(
                "The sd of the response is 0, so the default priors have no scale. "
                "Check that the response varies."
            )
    check_sizes(design, scale, location)
    residual = Prior("Exponential", scale=scale * root_mean_weight(design))
    defaults: list[tuple[tuple[str, ...], Prior | LKJ]] = []
    beside = {
        f"sd:{group.factor}:Intercept": tuple(group.effects[k] for k in group.intercept_block[1:])
        for group in design.groups
        if group.means is not None
    }
    if design.has_intercept:
        defaults.append((("Intercept",), Prior("Normal", mu=location, sigma=2.5 * scale)))
    first = int(design.has_intercept)
    for term, prior in zip(
        design.terms[first:],
        _population_defaults(design.X[:, first:], location, scale, not design.has_intercept),
        strict=True,
    ):
        defaults.append((("beta", term), prior))
    for group in design.groups:
        intercepts = _intercept_like(group)
        for effect, z, is_intercept in zip(group.effects, group.Z.T, intercepts, strict=True):
            size = scale if is_intercept else scale / spread(z)
            defaults.append((("sd", group.factor, effect), Prior("Exponential", scale=size)))
    defaults += [
        (("cor", group.factor), LKJ(1.0))
        for group in design.groups
        if any(len(block) > 1 for block in group.blocks)
    ]
    defaults += [((name,), residual) for name in family.auxiliary]
    return tuple(_Leaf(node, p, p, beside.get(":".join(node), ())) for node, p in defaults)


def _location(design: Design, family: Family) -> float:
    """Find where the intercept would be without other effects: the link of the mean response."""
    y, offset = design.y, design.offset
    if family.on_response_scale:
        return mean(y, design.weights) - (0.0 if offset is None else mean(offset))
    total = float(np.sum(y))
    if family.link == "log":
        # Offsets of a rate are exposures: the events over the sum of these. Without any event the
        # rate is that of half of one, below that of one event.
        exposure = math.log(len(y)) if offset is None else float(logsumexp(offset))
        return math.log(total if total > 0 else 0.5) - exposure
    if family.binary:
        trials = float(len(y) if design.trials is None else np.sum(design.trials))
        nearest = 0.5 / (trials + 1)  # all failures or all successes, where the link is infinite
        average = min(max(total / trials, nearest), 1 - nearest)
    else:
        average = mean(y, design.weights)
    return float(LINKS[family.link].function(average)) - (0.0 if offset is None else mean(offset))


def _population_defaults(X: FloatArray, location: float, scale: float, cells: bool) -> list[Prior]:
    """Priors of the columns except the intercept; `cells` looks for one intercept per cell."""
    spreads = np.array([spread(column) for column in X.T])
    is_cell = np.zeros(X.shape[1], dtype=bool)
    if cells:
        is_cell[_cell_columns(X)] = True
    uncentred = math.sqrt(1 + ((X.mean(axis=0) / spreads)[~is_cell] ** 2).sum())
    return [
        Prior("Normal", mu=location, sigma=2.5 * scale * uncentred)
        if cell
        else Prior("Normal", mu=0.0, sigma=2.5 * scale / size)
        for cell, size in zip(is_cell, spreads, strict=True)
    ]


def _intercept_like(group: GroupTerm) -> list[bool]:
    """Which effects of a grouping factor are intercepts: `Intercept`, or one per cell."""
    found = [effect == "Intercept" for effect in group.effects]
    for block in group.blocks:
        columns = [effect for effect in block if not found[effect]]
        for position in _cell_columns(group.Z[:, columns]):
            found[columns[position]] = True
    return found


def _cell_columns(X: FloatArray) -> list[int]:
    """Find the first run of neighbouring 0/1 columns that sum to one in every row."""
    binary = ((X == 0) | (X == 1)).all(axis=0)
    for start in range(X.shape[1]):
        total = np.zeros(X.shape[0])
        for stop in range(start, X.shape[1]):
            total = total + X[:, stop]
            if not binary[stop] or (total > 1).any():
                break
            if (total == 1).all():
                return list(range(start, stop + 1))
    return []


# Edits.


def _edited(leaves: Iterable[_Leaf], edits: Mapping[str, Prior | LKJ]) -> PriorSet:
    """Give each leaf the edit of its own path, else of the closest path above, else its default."""
    resolved = []
    for leaf in leaves:
        paths = [":".join(leaf.node[:depth]) for depth in range(len(leaf.node), 0, -1)]
        edit = next((edits[path] for path in paths if path in edits), None)
        prior, is_centred = (leaf.default, bool(leaf.beside)) if edit is None else (edit, False)
        resolved.append(replace(leaf, prior=prior, is_centred=is_centred))
    return PriorSet(tuple(resolved), tuple(edits.items()))


def _read_edits(
    leaves: Sequence[_Leaf], priors: Mapping[str, Prior | LKJ]
) -> dict[str, Prior | LKJ]:
    """Check the user's mapping and write its paths in full."""
    if not isinstance(priors, Mapping):
        raise BayesmixError(
            "priors must be a mapping from paths to priors, such as "
            f"{{'sd': Prior('HalfNormal', sigma=1)}}; got {type(priors).__name__}."
        )
    nodes = _nodes(leaves)
    edits: dict[str, Prior | LKJ] = {}
    for given, prior in priors.items():
        path = _full_path(given, leaves, nodes)
        if path in edits:
            raise BayesmixError(
                f"The prior of {path!r} is given twice, as {path!r} and as its short form. "
                "Give one of them."
            )
        check_prior(path, prior)
        edits[path] = prior
    return edits


def _nodes(leaves: Iterable[_Leaf]) -> dict[str, set[tuple[str, ...]]]:
    """Path as text -> the places of the tree that it may mean; factors have colons of their own."""
    nodes: dict[str, set[tuple[str, ...]]] = {}
    for leaf in leaves:
        for depth in range(1, len(leaf.node) + 1):
            node = leaf.node[:depth]
            nodes.setdefault(":".join(node), set()).add(node)
    return nodes


def _full_path(
    given: object, leaves: Sequence[_Leaf], nodes: Mapping[str, set[tuple[str, ...]]]
) -> str:
    if isinstance(given, str):
        for path in (given,) if given in _ROOTS else (given, f"beta:{given}"):
            if len(nodes.get(path, ())) > 1:
                meanings = " and ".join(map(str, sorted(nodes[path])))
                raise BayesmixError(
                    f"The prior path {path!r} has two meanings, {meanings}. "
                    "Set the paths above or below it."
                )
            if path in nodes:
                return path
    raise BayesmixError(
        f"Unknown prior path {shown(given)}. {_explain(given, leaves)}"
        f"Paths of this model: {', '.join(nodes)}. {_closest(given, nodes)}".strip()
    )


def _explain(given: object, leaves: Sequence[_Leaf]) -> str:
    """Say why a path that other models have is none of this model."""
    if not isinstance(given, str):
        return "A path is text. "
    root = given.partition(":")[0]
    kinds = {leaf.kind for leaf in leaves}
    if given in ("Intercept", "beta:Intercept"):
        if "Intercept" in kinds:
            return "The intercept has a path of its own, 'Intercept'. "
        return "The formula has no intercept. "
    if root == "cor":
        if "cor" in kinds:
            return "Only a factor with two or more effects in one bar has correlations. "
        return "The model has no correlations: no bar has two or more correlated effects. "
    if root == "sd" and "sd" not in kinds:
        return "The formula has no bars, so there are no sds of group effects. "
    if any(root in family.auxiliary for family in FAMILIES.values()) and root not in kinds:
        return f"The family has no {root}. "
    if root == "beta" and "beta" not in kinds:
        return "The formula has no population effects besides the intercept. "
    return ""


def _closest(given: object, nodes: Iterable[str]) -> str:
    """Suggest the closest path, a bare name being as good as one with its root."""
    if not isinstance(given, str):
        return ""
    tails = {node.partition(":")[2] or node: node for node in reversed(list(nodes))}
    options = {**{node: node for node in nodes}, **tails}
    matches = difflib.get_close_matches(given, options, n=1)
    return f"Did you mean '{options[matches[0]]}'?" if matches else ""


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
    support = _support(prior)
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
        twin = _POSITIVE_TWIN.get(prior.distribution)
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
