"""What the response may be: distribution, link, auxiliary parameters, density.

A family is one entry of `FAMILIES`. Its functions take the linear predictor ``eta`` of shape
(..., n) and know nothing of formulas, priors or samplers; the parameters of its distribution are
written with operators only, so that the same line serves NumPy arrays and PyTensor's tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit, gammaln, log_expit, log_ndtr, logit, ndtr, ndtri

from bayesmix.base.arguments import shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.formula.formula import quote

__all__ = ["FAMILIES", "LINKS", "Family", "Link", "family", "get_family", "nearest_whole"]

type Auxiliary = Mapping[str, Any]
type Labels = Sequence[Any] | npt.NDArray[Any] | None

_LARGEST_POISSON_MEAN = 1e15


@dataclass(frozen=True)
class Link:
    """A link and its inverse, with logarithms that stay finite where that rounds to 0 or 1.

    Attributes
    ----------
    name : str
        By this name the joint model finds its own inverse for tensors.
    function : callable
        Mean, or probability of a success -> linear predictor.
    inverse : callable
        Linear predictor -> mean, or probability of a success.
    log_inverse : callable, optional
        Logarithm of `inverse`, for links to a mean or a probability that cannot be negative.
    log_complement : callable, optional
        Logarithm of ``1 - inverse``, for links to a probability.
    """

    name: str
    function: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    log_inverse: Callable[[Any], Any] | None = None
    log_complement: Callable[[Any], Any] | None = None


def _exp(eta: Any) -> Any:
    with np.errstate(over="ignore"):
        return np.exp(eta)


LINKS: Mapping[str, Link] = MappingProxyType(
    {
        link.name: link
        for link in (
            Link("identity", np.positive, np.positive),
            Link("log", np.log, _exp, np.positive),
            Link("logit", logit, expit, log_expit, lambda eta: log_expit(-eta)),
            Link("probit", ndtri, ndtr, log_ndtr, lambda eta: log_ndtr(-eta)),
        )
    }
)


@dataclass(frozen=True, repr=False)
class Family:
    """The distribution of the response given the linear predictor.

    Made by `get_family`; pickles as its name and its link.

    Attributes
    ----------
    name : str
        What a user types: ``"gaussian"``.
    distribution : str
        PyMC's name of the distribution.
    links : tuple of str
        Links that the family knows, the default first.
    link : str
        The link in use.
    auxiliary : tuple of str
        Positive parameters besides the mean, ``("sigma",)`` for gaussian.
    trials : bool
        Whether each row needs a number of trials.
    weights : bool
        Whether rows may have weights.
    discrete : bool
        Whether the response is a whole number.
    binary : bool
        Whether a trial either succeeds or fails, so that a response of two levels has a meaning.
    has_residual_sd : bool
        Whether ``sigma`` is the sd of a residual on the scale of the response, which is the
        `Residual` row among the variance components.

    Examples
    --------
    >>> family = get_family("bernoulli", link="probit")
    >>> family
    bernoulli(probit)
    >>> float(family.inverse_link(0.0))
    0.5
    """

    name: str
    distribution: str
    links: tuple[str, ...]
    link: str
    auxiliary: tuple[str, ...]
    trials: bool
    weights: bool
    discrete: bool
    binary: bool
    has_residual_sd: bool
    _parameters: Callable[[Any, Auxiliary, Any, Any], dict[str, Any]]
    _log_density: Callable[[Any, Any, Link, Auxiliary, Any, Any], Any]
    _draw: Callable[[np.random.Generator, Any, Auxiliary, Any, Any], Any]
    _check: Callable[[str, FloatArray, FloatArray | None, Labels], None]

    def __repr__(self) -> str:
        """Return the text that `get_family` reads."""
        return f"{self.name}({self.link})"

    def __reduce__(self) -> tuple[Callable[[str, str], Family], tuple[str, str]]:
        """Pickle by name, so that the functions stay where they are."""
        return (get_family, (self.name, self.link))

    @property
    def on_response_scale(self) -> bool:
        """Whether the linear predictor has the unit of the response (identity link)."""
        return self.link == "identity"

    def inverse_link(self, eta: npt.ArrayLike) -> FloatArray:
        """Compute the mean of the response, or the probability of a success.

        Parameters
        ----------
        eta : array_like
            Linear predictor, any shape.

        Returns
        -------
        ndarray
            Same shape as `eta`.
        """
        return np.asarray(LINKS[self.link].inverse(np.asarray(eta, dtype=np.float64)))

    def parameters(
        self, mu: Any, auxiliary: Auxiliary | None = None, weights: Any = None, trials: Any = None
    ) -> dict[str, Any]:
        """Name the parameters of the distribution as PyMC does.

        Parameters
        ----------
        mu : ndarray or tensor, shape (..., n)
            The inverse link of the linear predictor.
        auxiliary : mapping of str to ndarray or tensor, optional
            Auxiliary parameters; arrays must broadcast against `mu`, draws as (..., 1).
        weights : ndarray, shape (n,), optional
            The residual sd of row i is ``sigma / sqrt(weights[i])``.
        trials : ndarray, shape (n,), optional
            Number of trials of each row.

        Returns
        -------
        dict of str to ndarray or tensor
        """
        auxiliary = self._checked(auxiliary, weights, trials)
        return self._parameters(mu, auxiliary, weights, trials)

    def log_density(
        self,
        y: npt.ArrayLike,
        eta: npt.ArrayLike,
        auxiliary: Auxiliary | None = None,
        weights: Any = None,
        trials: Any = None,
    ) -> FloatArray:
        """Compute the log density (or log probability) of each response, stable in the tails.

        Parameters
        ----------
        y : array_like, shape (n,) or (..., n)
            Response, checked by `check_response`.
        eta : array_like, shape (..., n)
            Linear predictor.
        auxiliary : mapping of str to array_like, optional
            Auxiliary parameters; they broadcast against `eta`, draws as (..., 1).
        weights, trials : array_like, shape (n,), optional
            As in `parameters`.

        Returns
        -------
        ndarray, shape (..., n)
        """
        auxiliary = self._checked(auxiliary, weights, trials)
        y, eta = np.asarray(y, dtype=np.float64), np.asarray(eta, dtype=np.float64)
        return np.asarray(self._log_density(y, eta, LINKS[self.link], auxiliary, weights, trials))

    def expectation(self, eta: npt.ArrayLike, trials: Any = None) -> FloatArray:
        """Compute the expected response: inverse link, times the trials where there are some.

        Parameters
        ----------
        eta : array_like, shape (..., n)
            Linear predictor.
        trials : array_like, shape (n,), optional
            Number of trials of each row.

        Returns
        -------
        ndarray, shape (..., n)
        """
        self._checked({name: None for name in self.auxiliary}, None, trials)
        mean = self.inverse_link(eta)
        return mean * np.asarray(trials, dtype=np.float64) if self.trials else mean

    def draw(
        self,
        rng: np.random.Generator,
        eta: npt.ArrayLike,
        auxiliary: Auxiliary | None = None,
        weights: Any = None,
        trials: Any = None,
    ) -> FloatArray:
        """Draw one response for each element of the linear predictor.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        eta : array_like, shape (..., n)
            Linear predictor.
        auxiliary : mapping of str to array_like, optional
            Auxiliary parameters; they broadcast against `eta`, draws as (..., 1).
        weights, trials : array_like, shape (n,), optional
            As in `parameters`.

        Returns
        -------
        ndarray of float64, shape (..., n)
            Whole numbers where the family is discrete.
        """
        auxiliary = self._checked(auxiliary, weights, trials)
        drawn = self._draw(rng, self.inverse_link(eta), auxiliary, weights, trials)
        return np.asarray(drawn, dtype=np.float64)

    def check_response(
        self,
        name: str,
        y: npt.ArrayLike,
        trials: npt.ArrayLike | None = None,
        labels: Labels = None,
    ) -> None:
        """Raise if the response cannot come from this family.

        Parameters
        ----------
        name : str
            The response as the formula has it, for the message.
        y : array_like, shape (n,)
            Response without missing values.
        trials : array_like, shape (n,), optional
            Number of trials of each row.
        labels : sequence, length n, optional
            What the rows are called in messages; their positions by default.

        Raises
        ------
        BayesmixError
            The response is empty, not numeric, not finite, outside the support of the family or
            without information on its mean, or trials are absent, superfluous or too few.
        """
        if trials is not None and not self.trials:
            raise BayesmixError(
                f"Response {name!r} has a number of trials, but family {self.name!r} takes none. "
                "Use family='binomial', or a response without trials."
            )
        if trials is None and self.trials:
            raise BayesmixError(
                f"Family {self.name!r} needs the number of trials beside the response {name!r}. "
                "Write p(successes, trials) on the left of the formula, or, for a proportion, pass "
                "weights='<column of the trials>'; for one trial a row use family='bernoulli'."
            )
        response = _numeric(f"Response {name!r}", y, labels)
        if response.size == 0:
            raise BayesmixError(f"Response {name!r} has no rows.")
        what = f"The trials of response {name!r}"
        numbers = None if trials is None else _numeric(what, trials, labels)
        if self.discrete:
            response = nearest_whole(response)
            numbers = None if numbers is None else nearest_whole(numbers)
        self._check(name, response, numbers, labels)

    def check_weights(self, weights: npt.ArrayLike | None) -> None:
        """Raise if the weights cannot be used with this family.

        Parameters
        ----------
        weights : array_like, shape (n,), or None
            Precision weights of the rows.

        Raises
        ------
        BayesmixError
            The family takes no weights, or a weight is not a positive finite number.
        """
        if weights is None:
            return
        if not self.weights:
            takers = ", ".join(repr(name) for name, family in FAMILIES.items() if family.weights)
            raise BayesmixError(
                f"Family {self.name!r} takes no weights; they scale the residual sd of {takers}. "
                "Leave weights out; counts of successes out of many belong into "
                "p(successes, trials) with family='binomial'."
            )
        values = _numeric("weights", weights)
        if (values <= 0).any():
            raise BayesmixError(
                f"weights must be positive; {_rows(values <= 0)}. "
                "Leave out rows that are to have no weight."
            )

    def _checked(self, auxiliary: Auxiliary | None, weights: Any, trials: Any) -> Auxiliary:
        """Auxiliary parameters, once everything that the functions will read is there."""
        given = {} if auxiliary is None else auxiliary
        for name in self.auxiliary:
            if name not in given:
                raise BayesmixError(f"Family {self.name!r} needs the auxiliary parameter {name!r}.")
        if trials is None and self.trials:
            raise BayesmixError(f"Family {self.name!r} needs the number of trials of each row.")
        if weights is not None and not self.weights:
            self.check_weights(weights)
        return given


def nearest_whole(values: npt.ArrayLike, within: float | None = None) -> FloatArray:
    """Replace numbers that are whole but for rounding error by the whole number.

    Parameters
    ----------
    values : array_like of float
        Such as ``7 / 22 * 22``, which is 7.000000000000001.
    within : float, optional
        Largest difference; by default that of single precision, 1e-6 times the number, and at
        least 1e-6 and at most 1e-3.

    Returns
    -------
    ndarray of float64
        A copy; numbers further from a whole number, and NaN, as they came.

    Examples
    --------
    >>> nearest_whole([7 / 22 * 22, -1e-17, 2.5]).tolist()
    [7.0, 0.0, 2.5]
    """
    numbers = np.array(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        whole = np.rint(numbers)
        limit = np.clip(1e-6 * np.abs(whole), 1e-6, 1e-3) if within is None else within
        close = np.abs(numbers - whole) <= limit
    numbers[close] = whole[close] + 0.0  # never -0.0
    return numbers


def _numeric(what: str, values: npt.ArrayLike, labels: Labels = None) -> FloatArray:
    """Float64 copy of finite numbers; text, categories and infinities are errors."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        try:
            if array.dtype.kind != "O" or any(isinstance(value, str) for value in array.ravel()):
                raise TypeError
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            shown = ", ".join(map(str, dict.fromkeys(array.ravel()[:100].tolist())))
            shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
            remedy = (
                "For one level of a categorical column write column['level'] on the left of the "
                "formula, with family='bernoulli'."
                if what.startswith("Response")
                else "Convert the values to numbers."
            )
            raise BayesmixError(f"{what} is not numeric (it holds {shown}). {remedy}") from None
    array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        raise BayesmixError(
            f"{what} must be finite; {_rows(bad, labels)}. Drop or replace the infinite or missing "
            "values."
        )
    return array


def _rows(bad: npt.NDArray[np.bool_], labels: Labels = None) -> str:
    """Name the first offending rows: ``not so in 3 rows (positions 4, 7, 9)``."""
    where = np.flatnonzero(bad)
    first = where[:5] if labels is None else [labels[row] for row in where[:5]]
    shown = ", ".join(map(str, first)) + (", ..." if where.size > 5 else "")
    rows, positions = ("row", "position") if where.size == 1 else ("rows", "positions")
    place = positions if labels is None else "index"
    return f"not so in {where.size} {rows} ({place} {shown})"


def _check_counts(what: str, values: FloatArray, labels: Labels) -> None:
    if (values < 0).any():
        negative = values < 0
        raise BayesmixError(
            f"{what} must not be negative; {_rows(negative, labels)}, "
            f"for example {values[negative][0]:.12g}."
        )
    fractions = values != np.floor(values)
    if fractions.any():
        raise BayesmixError(
            f"{what} must be whole numbers; {_rows(fractions, labels)}, "
            f"for example {values[fractions][0]:.12g}."
        )


# One block per family: parameters, log density, draws, check of the response.


def _residual_sd(auxiliary: Auxiliary, weights: Any) -> Any:
    return auxiliary["sigma"] if weights is None else auxiliary["sigma"] / weights**0.5


def _gaussian_parameters(
    mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> dict[str, Any]:
    return {"mu": mu, "sigma": _residual_sd(auxiliary, weights)}


def _gaussian_log_density(
    y: Any, eta: Any, link: Link, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    sd = np.asarray(_residual_sd(auxiliary, weights), dtype=np.float64)
    return -0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * ((y - link.inverse(eta)) / sd) ** 2


def _gaussian_draw(
    rng: np.random.Generator, mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    return rng.normal(mu, _residual_sd(auxiliary, weights))


def _gaussian_check(name: str, y: FloatArray, trials: FloatArray | None, labels: Labels) -> None:
    if np.ptp(y) == 0:
        raise BayesmixError(
            f"Response {name!r} is constant (every row is {y[0]:g}), so there is nothing to "
            "explain. Check the column and the rows that are kept."
        )


def _bernoulli_parameters(
    mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> dict[str, Any]:
    return {"p": mu}


def _bernoulli_log_density(
    y: Any, eta: Any, link: Link, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    assert link.log_inverse is not None
    assert link.log_complement is not None
    return np.where(y == 1, link.log_inverse(eta), link.log_complement(eta))


def _bernoulli_draw(
    rng: np.random.Generator, mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    return rng.random(np.shape(mu)) < mu


def _bernoulli_check(name: str, y: FloatArray, trials: FloatArray | None, labels: Labels) -> None:
    values = np.unique(y)
    other = values[(values != 0) & (values != 1)]
    if other.size:
        shown = ", ".join(f"{value:.8g}" for value in other[:5])
        level = f"{values[-1]:g}" if values.size == 2 else "level"
        column = "column" if "(" in name else name
        quoted = quote(column)
        one = f"{column}['{level}']" if quoted == column else f"I({quoted} == {level})"
        share = values[0] >= 0 and values[-1] <= 1
        more = "proportions of successes" if share else "counts of successes"
        rewrite = "pass weights='<column of the trials>'" if share else "write p(successes, trials)"
        raise BayesmixError(
            f"Response {name!r} must be 0 or 1 for family 'bernoulli'; it holds "
            f"{shown}{', ...' if other.size > 5 else ''} too. For {more} use family='binomial' "
            f"and {rewrite}; for one level of a column against the others write {one}."
        )
    if values.size == 1:
        raise BayesmixError(
            f"Response {name!r} is {values[0]:g} in every row, so the data give its probability "
            "no bound. Check the column, the name of the level and the rows that are kept."
        )


def _binomial_parameters(
    mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> dict[str, Any]:
    return {"n": trials, "p": mu}


def _binomial_log_density(
    y: Any, eta: Any, link: Link, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    assert link.log_inverse is not None
    assert link.log_complement is not None
    failures = np.asarray(trials, dtype=np.float64) - y
    log_ways = -betaln(1 + failures, 1 + y) - np.log1p(failures + y)
    # Zero successes at log p = -inf contribute zero, not NaN.
    successes_part = y * np.where(y > 0, link.log_inverse(eta), 0.0)
    failures_part = failures * np.where(failures > 0, link.log_complement(eta), 0.0)
    return log_ways + successes_part + failures_part


def _binomial_draw(
    rng: np.random.Generator, mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    return rng.binomial(np.asarray(trials).astype(np.int64), mu)


def _binomial_check(name: str, y: FloatArray, trials: FloatArray | None, labels: Labels) -> None:
    assert trials is not None
    if trials.shape != y.shape:
        raise BayesmixError(
            f"Response {name!r} has {y.size} rows but {trials.size} numbers of trials."
        )
    _check_counts(f"The trials of response {name!r}", trials, labels)
    _check_counts(f"The successes of response {name!r}", y, labels)
    if (y > trials).any():
        raise BayesmixError(
            f"Response {name!r} must not have more successes than trials; "
            f"{_rows(y > trials, labels)}. "
            "The order is p(successes, trials)."
        )
    if (trials == 0).any():
        raise BayesmixError(
            f"The trials of response {name!r} must be at least 1; {_rows(trials == 0, labels)}. "
            "Leave out rows without trials."
        )
    for what, total in (("successes", y), ("failures", trials - y)):
        if not total.any():
            raise BayesmixError(
                f"Response {name!r} has no {what} in any row, so the data give its probability "
                "no bound. Check the columns and the rows that are kept."
            )


def _poisson_parameters(mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any) -> dict[str, Any]:
    return {"mu": mu}


def _poisson_log_density(
    y: Any, eta: Any, link: Link, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    assert link.log_inverse is not None
    return y * link.log_inverse(eta) - link.inverse(eta) - gammaln(y + 1)


def _poisson_draw(
    rng: np.random.Generator, mu: Any, auxiliary: Auxiliary, weights: Any, trials: Any
) -> Any:
    # Prior predictive means can pass what an int64 holds; there the mean stands for the draw,
    # whose relative sd is below 1e-7.
    drawn = rng.poisson(np.minimum(mu, _LARGEST_POISSON_MEAN))
    return np.where(mu > _LARGEST_POISSON_MEAN, np.round(mu), drawn)


def _poisson_check(name: str, y: FloatArray, trials: FloatArray | None, labels: Labels) -> None:
    _check_counts(f"Response {name!r} of family 'poisson'", y, labels)
    if not y.any():
        raise BayesmixError(
            f"Response {name!r} is 0 in every row, so the data give its rate no lower bound. "
            "Check the column and the rows that are kept."
        )


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family(
                name="gaussian",
                distribution="Normal",
                links=("identity",),
                link="identity",
                auxiliary=("sigma",),
                trials=False,
                weights=True,
                discrete=False,
                binary=False,
                has_residual_sd=True,
                _parameters=_gaussian_parameters,
                _log_density=_gaussian_log_density,
                _draw=_gaussian_draw,
                _check=_gaussian_check,
            ),
            Family(
                name="bernoulli",
                distribution="Bernoulli",
                links=("logit", "probit"),
                link="logit",
                auxiliary=(),
                trials=False,
                weights=False,
                discrete=True,
                binary=True,
                has_residual_sd=False,
                _parameters=_bernoulli_parameters,
                _log_density=_bernoulli_log_density,
                _draw=_bernoulli_draw,
                _check=_bernoulli_check,
            ),
            Family(
                name="binomial",
                distribution="Binomial",
                links=("logit", "probit"),
                link="logit",
                auxiliary=(),
                trials=True,
                weights=False,
                discrete=True,
                binary=True,
                has_residual_sd=False,
                _parameters=_binomial_parameters,
                _log_density=_binomial_log_density,
                _draw=_binomial_draw,
                _check=_binomial_check,
            ),
            Family(
                name="poisson",
                distribution="Poisson",
                links=("log",),
                link="log",
                auxiliary=(),
                trials=False,
                weights=False,
                discrete=True,
                binary=False,
                has_residual_sd=False,
                _parameters=_poisson_parameters,
                _log_density=_poisson_log_density,
                _draw=_poisson_draw,
                _check=_poisson_check,
            ),
        )
    }
)

# Words that users of other libraries type, for the suggestion in the error only.
_SYNONYMS = MappingProxyType(
    {"normal": "gaussian", "binary": "bernoulli", "logistic": "bernoulli", "count": "poisson"}
)


def get_family(family: str | tuple[str, str] | Family, link: str | None = None) -> Family:
    """Return a family by name, with its default link or the one asked for.

    Parameters
    ----------
    family : str, tuple of (str, str) or Family
        ``"bernoulli"``, ``"bernoulli(probit)"``, ``("bernoulli", "probit")`` or a family.
    link : str, optional
        The link; one of `Family.links`.

    Returns
    -------
    Family

    Raises
    ------
    BayesmixError
        The family or the link is unknown, or two different links are asked for.

    Examples
    --------
    >>> get_family("binomial")
    binomial(logit)
    >>> get_family("bernoulli(probit)") == get_family("bernoulli", link="probit")
    True
    """
    if isinstance(family, Family):
        return family if link is None else _with_link(family, link)
    name, own_link = _split_name(family)
    if name not in FAMILIES:
        hint = suggest(_SYNONYMS.get(name.lower(), name.lower()), FAMILIES)
        raise BayesmixError(
            f"Unknown family {shown(name)}. Families: {', '.join(FAMILIES)}. {hint}".strip()
        )
    if isinstance(link, str) and own_link is not None and link != own_link:
        raise BayesmixError(
            f"Family {shown(family)} has the link {own_link!r}, but link={shown(link)} came with "
            "it. Give one of them."
        )
    asked = own_link if link is None else link
    return FAMILIES[name] if asked is None else _with_link(FAMILIES[name], asked)


# The public name, as in ``bm.family("bernoulli", link="probit")``; inside, a variable has it.
family = get_family


def _split_name(family: object) -> tuple[str, str | None]:
    """Split ``"bernoulli(probit)"`` or ``("bernoulli", "probit")`` into name and link."""
    if isinstance(family, str):
        matched = re.fullmatch(r"\s*(\w+)\s*\(\s*(\w+)\s*\)\s*", family)
        return (matched[1], matched[2]) if matched else (family.strip(), None)
    if (
        isinstance(family, tuple)
        and len(family) == 2
        and all(isinstance(part, str) for part in family)
    ):
        return family[0], family[1]
    raise BayesmixError(
        f"family must be a name such as 'gaussian' or 'bernoulli(probit)', or a Family; got "
        f"{shown(family)}. Families: {', '.join(FAMILIES)}."
    )


def _with_link(family: Family, link: str) -> Family:
    if not isinstance(link, str) or link not in family.links:
        raise BayesmixError(
            f"Unknown link {shown(link)} for family {family.name!r}. "
            f"Links: {', '.join(family.links)}. {suggest(link, family.links)}".strip()
        )
    return replace(family, link=link)
