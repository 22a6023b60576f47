"""What a family is: its parameters, their links (the first is the default), what is computed.

`FAMILIES` of `bayesmix.families.registry` has one for each distribution of the response. Everybody
else asks a family what is said here and knows no more, so that a further one touches no other
module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.links import ARRAYS, LINKS, Functions
from bayesmix.families.own_variances import OwnVariance
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import Labels, ResponseKind, as_numbers, rows_of
from bayesmix.families.scores import Scores, chains_first, scores_of_slopes
from bayesmix.families.slopes import Slope, difference
from bayesmix.families.sums import RowSums
from bayesmix.families.supports import REAL
from bayesmix.families.thresholds import EQUIDISTANT, specific_names
from bayesmix.families.values import Rows, Value, Values

__all__ = ["ENTRIES", "Family"]

type Auxiliary = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Family:
    """The distribution of the response given the linear predictor.

    Made by `get_family`; pickles as its name and its link.

    Attributes
    ----------
    name : str
        What a user types: ``"gaussian"``.
    parameters : tuple of Parameter
        First the one with the linear predictor, then the auxiliary ones.
    response : ResponseKind
        What the response may be.
    density : callable
        Response, values of the parameters by name (`Value`) and `Rows` -> log density, stable in
        the tails.
    mean : callable
        Values and rows -> expected response; of categories their probabilities, on a last axis.
    random : callable
        Generator, values and rows -> one response for each draw and row.
    pymc : callable
        Values and rows, which may be tensors -> PyMC's name of the distribution and its arguments.
    cumulative : callable, optional
        Response, values and rows -> probability of a response that is not above it, stable in the
        lower tail. It is asked for responses inside the bounds of `response`, whole numbers where
        these are.
    variance : callable, optional
        Values and rows -> variance of the response, infinite where there is none; of categories
        there is no such function.
    closed_slopes : callable, optional
        As `slopes`, for the parameters whose derivatives are known in closed form; the expected
        information where the observed one may be negative.
    further_slopes : mapping of str to callable
        By further parameter the same of that alone, where it is known in closed form; the square
        of the score may stand for its expected information.
    closed_scores : callable, optional
        Response, values of the parameters, chains last, and rows -> `Scores`, fast. It may
        overwrite the linear predictor.
    scores_predictors : bool
        Whether `closed_scores` knows linear predictors of further parameters, (n, M).
    of_categories : callable, optional
        Categories of the response, the first being the reference -> parameters, all of which
        have predictors: of a family that is complete with these; see `completed`.
    categories : tuple of str
        Those that completed it.
    intercepts : callable, optional
        Response and number of predictors -> where their intercepts are, where these are known
        from shares of the response.
    of_mean : callable, optional
        Mean response -> the first parameter, where this is not the mean itself: so the default
        prior finds where the intercept is.
    response_link : str
        The link that takes the response to where the first parameter is: ``"log"`` for the mean
        of its logarithm.
    residual : str, optional
        The parameter that is the sd of a residual on the scale of the response.
    sums : RowSums, optional
        How rows with the same linear predictor add up to one, where they do.
    own_variance : OwnVariance, optional
        Of the distribution on the scale of the linear predictor, where that is known.
    weights : bool
        Whether rows may have weights.
    known_errors : bool
        Whether the weights are ``1 / se^2`` of standard errors that are known.
    link : str
        The link in use, of the first parameter; by default the first that it knows.
    predicted : tuple of (str, str)
        Further parameters that have a linear predictor of their own, with its link; see
        `with_predictors`.
    threshold : {"", "flexible", "equidistant"}
        Which thresholds have a prior (`bayesmix.families.thresholds`); empty for a family that
        has an intercept.
    takes_specific : bool
        Whether single thresholds may have predictors of their own; see `with_specific`.

    Examples
    --------
    >>> from bayesmix import get_family
    >>> family = get_family("bernoulli", link="probit")
    >>> family
    bernoulli(probit)
    >>> float(family.inverse_link(0.0))
    0.5
    """

    name: str
    parameters: tuple[Parameter, ...]
    response: ResponseKind
    density: Callable[[Any, Values, Rows], Any]
    mean: Callable[[Values, Rows], Any]
    random: Callable[[np.random.Generator, Values, Rows], Any]
    pymc: Callable[[Values, Rows], tuple[str, dict[str, Any]]]
    cumulative: Callable[[Any, Values, Rows], Any] | None = None
    variance: Callable[[Values, Rows], Any] | None = None
    closed_slopes: Callable[[Any, Values, Rows], Mapping[str, Slope]] | None = None
    further_slopes: Mapping[str, Callable[[Any, Values, Rows], Slope]] = field(
        default_factory=dict, hash=False
    )
    closed_scores: Callable[[Any, Values, Rows], Scores] | None = None
    scores_predictors: bool = False
    of_categories: Callable[[tuple[str, ...]], tuple[Parameter, ...]] | None = None
    categories: tuple[str, ...] = ()
    intercepts: Callable[[FloatArray, int], FloatArray] | None = None
    of_mean: Callable[[Any], Any] | None = None
    response_link: str = "identity"
    residual: str | None = None
    sums: RowSums | None = None
    own_variance: OwnVariance | None = None
    weights: bool = False
    known_errors: bool = False
    link: str = ""
    predicted: tuple[tuple[str, str], ...] = ()
    threshold: str = ""
    takes_specific: bool = False

    def __post_init__(self) -> None:
        """Take the default link."""
        if not self.link:
            object.__setattr__(self, "link", self.links[0])

    def __repr__(self) -> str:
        """Return the text that `get_family` reads."""
        asked = f", threshold={self.threshold}" if self.threshold == EQUIDISTANT else ""
        return f"{self.name}({self.link}{asked})"

    def completed(self, categories: tuple[str, ...]) -> Family:
        """Return the family of a response with these categories; itself, if it needs none."""
        if self.of_categories is None:
            return self
        own = self.of_categories(categories)
        predicted = tuple((parameter.name, parameter.links[0]) for parameter in own[1:])
        return replace(self, categories=categories, parameters=own, predicted=predicted)

    def with_specific(self, length: int) -> Family:
        """Return the family with a further linear predictor at each of so many thresholds."""
        names = specific_names(length)
        own = tuple(Parameter(name, REAL, fixed=0.0) for name in names)
        predicted = (*self.predicted, *((one.name, one.links[0]) for one in own))
        return replace(self, parameters=(*self.parameters, *own), predicted=predicted)

    @property
    def specific(self) -> tuple[str, ...]:
        """Names of the parameters that are predictors at single thresholds, in their order."""
        possible = specific_names(len(self.predicted)) if self.takes_specific else ()
        return tuple(name for name, _ in self.predicted if name in possible)

    @property
    def distribution(self) -> str:
        """PyMC's name of the distribution."""
        nothing = np.full(1, np.nan)
        p = self.values(nothing, dict.fromkeys(self.others, nothing))
        return self.pymc(p, Rows(weights=nothing if self.weights else None, trials=nothing))[0]

    @property
    def links(self) -> tuple[str, ...]:
        """Links that the family knows, the default first."""
        return self.parameters[0].links

    @property
    def auxiliary(self) -> tuple[str, ...]:
        """Names of the parameters without a linear predictor, ``("sigma",)`` for gaussian."""
        return tuple(name for name in self.others if name not in dict(self.predicted))

    @property
    def others(self) -> tuple[str, ...]:
        """Names of all parameters but the first, without those that are fixed."""
        predicted = dict(self.predicted)
        return tuple(
            one.name for one in self.parameters[1:] if one.fixed is None or one.name in predicted
        )

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the parameters with a linear predictor, the first of the family first."""
        return (self.parameters[0].name, *dict(self.predicted))

    @property
    def thresholds(self) -> Parameter | None:
        """The parameter that takes the place of the intercept."""
        return next((one for one in self.parameters if one.is_threshold), None)

    @property
    def trials(self) -> bool:
        """Whether each row needs a number of trials."""
        return self.response.has_trials

    @property
    def discrete(self) -> bool:
        """Whether the response is a whole number."""
        return self.response.is_discrete

    @property
    def binary(self) -> bool:
        """Whether a trial either succeeds or fails: a response of two levels has a meaning."""
        return self.response.is_binary

    @property
    def has_residual_sd(self) -> bool:
        """Whether there is a `Residual` among the variance components."""
        return self.residual is not None

    @property
    def on_response_scale(self) -> bool:
        """Whether the linear predictor has the unit of the response (identity link)."""
        return self.link == self.response_link == "identity"

    def on_predictor_scale(self, y: npt.ArrayLike) -> FloatArray | None:
        """Take responses to where linear predictors are; None where they have no place there.

        Single responses without a place are NaN: a zero, where the logarithm is normal.
        """
        if self.link != "identity":
            return None
        with np.errstate(divide="ignore"):
            placed = np.array(LINKS[self.response_link].function(np.asarray(y, dtype=np.float64)))
        placed[placed == -np.inf] = np.nan
        return placed

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of a name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def values(
        self, eta: Any, auxiliary: Auxiliary | None = None, functions: Functions = ARRAYS
    ) -> dict[str, Value]:
        """Put the parameters together that the functions of the family take.

        Parameters
        ----------
        eta : ndarray or tensor, shape (..., n)
            Linear predictor.
        auxiliary : mapping of str to ndarray or tensor, optional
            Auxiliary parameters on their own scale. They broadcast against `eta`, draws as
            (..., 1); one with a length has its elements on one more axis, the last. Of a
            parameter with a predictor its linear predictor, shape (..., n).
        functions : Functions
            Those of tensors, where these are given.

        Returns
        -------
        dict of str to Value

        Raises
        ------
        BayesmixError
            An auxiliary parameter is missing.
        """
        given, links = {} if auxiliary is None else auxiliary, dict(self.predicted)
        for name in self.others:
            if name not in given:
                raise BayesmixError(f"Family {self.name!r} needs the auxiliary parameter {name!r}.")
        own = {
            name: Value(
                np.asarray(given[name]) if functions is ARRAYS else given[name],
                LINKS[links.get(name, "identity")],
                functions,
            )
            for name in self.others
        }
        return {self.parameters[0].name: Value(eta, LINKS[self.link], functions), **own}

    def rows(self, weights: Any = None, trials: Any = None) -> Rows:
        """Put together what the functions of the family take beside the parameters.

        Raises
        ------
        BayesmixError
            Trials are missing, or weights have no meaning.
        """
        if trials is None and self.trials:
            raise BayesmixError(f"Family {self.name!r} needs the number of trials of each row.")
        if weights is not None and not self.weights:
            self.check_weights(weights)
        return Rows(weights, trials)

    def slopes(self, y: Any, p: Values, rows: Rows, *names: str) -> dict[str, Slope]:
        """Differentiate the log density by the linear predictor of each parameter.

        Parameters
        ----------
        y : ndarray, shape (n,)
        p : mapping of str to Value
        rows : Rows
        *names : str
            Parameters; by default all that are one number.

        Returns
        -------
        dict of str to Slope
            Slope and negative curvature (score, information) of each row: in closed form where
            it is known, otherwise by differences.
        """
        closed = self.closed_slopes(y, p, rows) if self.closed_slopes else {}
        numbers = (name for name in p if self.parameter(name).length is None)
        found: dict[str, Slope] = {}
        for name in names or numbers:
            if name in closed:
                found[name] = closed[name]
            elif name in self.further_slopes:
                found[name] = self.further_slopes[name](y, p, rows)
            else:
                found[name] = self._difference(y, p, rows, name)
        return found

    def _difference(self, y: Any, p: Values, rows: Rows, name: str) -> Slope:
        def log_density(eta: FloatArray) -> FloatArray:
            return np.asarray(self.density(y, {**p, name: replace(p[name], eta=eta)}, rows))

        at = p[name].eta
        scale = None if name in self.predictors else self.parameter(name).support.scale(at)
        return difference(log_density, at, scale)

    def scores(
        self, y: FloatArray, eta: FloatArray, auxiliary: Auxiliary | None, rows: Rows
    ) -> Scores:
        """Sum the log density over the rows in each of M chains, and differentiate it.

        Parameters
        ----------
        y : ndarray, shape (n,)
        eta : ndarray, shape (n, M)
            Linear predictor, chains last; it may be overwritten.
        auxiliary : mapping of str to ndarray, shape (M,) or (K, M)
            Auxiliary parameters on their own scale; K elements of one with a length. Linear
            predictors (n, M) of parameters that have one.
        rows : Rows

        Returns
        -------
        Scores
            In closed form where the family has one, otherwise of `density` and `slopes`.
        """
        if self.closed_scores is not None and (self.scores_predictors or not self.predicted):
            return self.closed_scores(y, self.values(eta, auxiliary), rows)
        p = self.chains_first(eta, auxiliary or {})

        slopes, own = self.slopes(y, p, rows), [self.parameter(name) for name in p]
        return scores_of_slopes(self.density, slopes, own, self.predictors, y, p, rows)

    def chains_first(self, eta: FloatArray, auxiliary: Auxiliary) -> dict[str, Value]:
        """Put parameters together of linear predictors (n, M) and others (M,) or (K, M)."""
        rows_last = {
            name: np.ascontiguousarray(own.T)
            for name, own in auxiliary.items()
            if name in self.predictors
        }
        others = {name: own for name, own in auxiliary.items() if name not in rows_last}
        return self.values(np.ascontiguousarray(eta.T), {**chains_first(others), **rows_last})

    def inverse_link(self, eta: npt.ArrayLike) -> FloatArray:
        """Compute the first parameter: a mean, or the probability of a success.

        Parameters
        ----------
        eta : array_like
            Linear predictor, any shape.

        Returns
        -------
        ndarray
            Same shape as `eta`.
        """
        return np.array(LINKS[self.link].inverse(np.asarray(eta, dtype=np.float64), ARRAYS))

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
            As in `values`.
        weights : array_like, shape (n,), optional
            The residual sd of row i is ``sigma / sqrt(weights[i])``.
        trials : array_like, shape (n,), optional
            Number of trials of each row.

        Returns
        -------
        ndarray, shape (..., n)
        """
        p, rows = self.values(_floats(eta), auxiliary), self.rows(weights, trials)
        return np.asarray(self.density(_floats(y), p, rows))

    def cdf(
        self,
        y: npt.ArrayLike,
        eta: npt.ArrayLike,
        auxiliary: Auxiliary | None = None,
        weights: Any = None,
        trials: Any = None,
        *,
        strict: bool = False,
    ) -> FloatArray:
        """Compute the distribution function: the probability of a response of at most y.

        Of a continuous response it is uniform between 0 and 1 where the model is right; of a
        discrete one a uniform number between the probabilities of less than y, `strict`, and of at
        most y is, so that its normal quantile is a randomised quantile residual [1]_.

        Parameters
        ----------
        y : array_like, shape (n,) or (..., n)
            Any numbers: also some that no response is, such as 0.5 for a count.
        eta : array_like, shape (..., n)
            Linear predictor.
        auxiliary, weights, trials : optional
            As in `log_density`.
        strict : bool
            The probability of a response below y, without y itself.

        Returns
        -------
        ndarray, shape (..., n)
            From 0 to 1; NaN where y is.

        Raises
        ------
        BayesmixError
            The family has no distribution function, an auxiliary parameter or the trials are
            missing, or weights have no meaning.

        References
        ----------
        .. [1] Dunn, P. K. & Smyth, G. K. (1996). Randomized quantile residuals. Journal of
           Computational and Graphical Statistics, 5, 236-244.
           https://doi.org/10.1080/10618600.1996.10474708

        Examples
        --------
        >>> from bayesmix import get_family
        >>> poisson = get_family("poisson")
        >>> poisson.cdf([0, 1, 2], 0.0).round(3)
        array([0.368, 0.736, 0.92 ])
        >>> poisson.cdf([0, 1, 2], 0.0, strict=True).round(3)
        array([0.   , 0.368, 0.736])
        """
        true_or_false("strict", strict)
        if self.cumulative is None:
            raise BayesmixError(
                f"Family {self.name!r} has no distribution function. Give it one, cumulative=, a "
                "function of responses, values and rows."
            )
        p, rows = self.values(_floats(eta), auxiliary), self.rows(weights, trials)
        given, lower, upper = _floats(y), self.response.lower, self.response.upper
        at = given
        if self.discrete:
            at = np.ceil(given) - 1 if strict else np.floor(given)
        is_below = (at < lower) | (strict and given <= lower)
        # Where the function is not asked, any number that it takes.
        is_inside = np.isfinite(given) & ~is_below & (at < upper)
        center = lower if np.isfinite(lower) else 0.0
        inside = np.where(is_inside, at, center if np.isinf(upper) else 0.5 * (center + upper))
        with np.errstate(all="ignore"):
            value = np.clip(self.cumulative(inside, p, rows), 0.0, 1.0)
        ends = np.where(np.isnan(given), np.nan, np.where(is_below | (given == -np.inf), 0.0, 1.0))
        return np.where(is_inside, value, ends)

    def expectation(
        self,
        eta: npt.ArrayLike,
        trials: Any = None,
        auxiliary: Auxiliary | None = None,
        weights: Any = None,
    ) -> FloatArray:
        """Compute the expected response.

        Parameters
        ----------
        eta : array_like, shape (..., n)
            Linear predictor.
        trials, auxiliary, weights : optional
            As in `log_density`. Without auxiliary parameters a mean that depends on them is NaN.

        Returns
        -------
        ndarray, shape (..., n) or (..., n, categories)
        """
        known = dict.fromkeys(self.others, np.nan) if auxiliary is None else auxiliary
        p, rows = self.values(_floats(eta), known), self.rows(weights, trials)
        return np.array(self.mean(p, rows), dtype=np.float64)

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
        auxiliary, weights, trials : optional
            As in `log_density`.

        Returns
        -------
        ndarray of float64, shape (..., n)
            Whole numbers where the family is discrete.
        """
        p, rows = self.values(_floats(eta), auxiliary), self.rows(weights, trials)
        return np.asarray(self.random(rng, p, rows), dtype=np.float64)

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
        self.response.check_numbers(self.name, name, y, trials, labels)

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
            takers = ", ".join(repr(name) for name, family in ENTRIES.items() if family.weights)
            raise BayesmixError(
                f"Family {self.name!r} takes no weights; they scale the residual sd of {takers}. "
                "Leave weights out; counts of successes out of many belong into "
                "p(successes, trials) with family='binomial'."
            )
        values = as_numbers("weights", weights)
        if (values <= 0).any():
            raise BayesmixError(
                f"weights must be positive; {rows_of(values <= 0)}. "
                "Leave out rows that are to have no weight."
            )


def _floats(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


# By name; `bayesmix.families.registry` fills it, whose files need this one.
ENTRIES: dict[str, Family] = {}
