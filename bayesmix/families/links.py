"""Links between a parameter and its linear predictor, for arrays and for tensors alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import expit, gammaln, log_ndtr, logit, ndtr, ndtri

from bayesmix.families.tails import (
    cauchy,
    gumbel,
    log1mexp,
    log_cauchy,
    log_expit,
    log_gumbel,
)

__all__ = ["ARRAYS", "LINKS", "Functions", "Link"]


@dataclass(frozen=True)
class Functions:
    """The elementary functions that links are made of.

    `ARRAYS` has those of NumPy and SciPy; the joint model brings those of its tensors.

    Attributes
    ----------
    exp, log : callable
    expit, log_expit : callable
        Logistic distribution function and its logarithm.
    ndtr, log_ndtr : callable
        Normal distribution function and its logarithm.
    gumbel, log_gumbel : callable
        Distribution function of Gumbel's law of minima, 1 - exp(-exp(eta)), and its logarithm.
    cauchy, log_cauchy : callable
        Distribution function of Cauchy's law and its logarithm.
    gammaln : callable
        Logarithm of the gamma function.
    log1mexp : callable
        x above 0 -> log(1 - exp(-x)).
    where : callable
        Condition and two alternatives, element by element.
    cumsum, joined : callable
        Sums of the elements up to each, and several arrays as one, along the last axis.
    """

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    expit: Callable[[Any], Any]
    log_expit: Callable[[Any], Any]
    ndtr: Callable[[Any], Any]
    log_ndtr: Callable[[Any], Any]
    gumbel: Callable[[Any], Any]
    log_gumbel: Callable[[Any], Any]
    cauchy: Callable[[Any], Any]
    log_cauchy: Callable[[Any], Any]
    gammaln: Callable[[Any], Any]
    log1mexp: Callable[[Any], Any]
    where: Callable[[Any, Any, Any], Any]
    cumsum: Callable[[Any], Any]
    joined: Callable[[Sequence[Any]], Any]


def _exp(eta: Any) -> Any:
    with np.errstate(over="ignore"):
        return np.exp(eta)


def _log(value: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(value)


ARRAYS = Functions(
    exp=_exp,
    log=_log,
    expit=expit,
    log_expit=log_expit,
    ndtr=ndtr,
    log_ndtr=log_ndtr,
    gumbel=gumbel,
    log_gumbel=log_gumbel,
    cauchy=cauchy,
    log_cauchy=log_cauchy,
    gammaln=gammaln,
    log1mexp=log1mexp,
    where=np.where,
    cumsum=lambda values: np.cumsum(values, axis=-1),
    joined=lambda parts: np.concatenate(parts, axis=-1),
)


@dataclass(frozen=True)
class Link:
    """A link and its inverse, with a logarithm that stays finite where that rounds to 0.

    Attributes
    ----------
    name : str
    function : callable
        Value of the parameter -> linear predictor, of arrays.
    inverse : callable
        Linear predictor and `Functions` -> value of the parameter.
    log_inverse : callable
        Linear predictor and `Functions` -> logarithm of the value.
    complement : tuple of str and callable, optional
        Where one less the value is itself the inverse of a link: the name of that link, and linear
        predictor and `Functions` -> linear predictor there. A symmetric link has its own name
        and minus the linear predictor.
    rough : callable, optional
        As `function`, where somewhere near is good enough to start from.
    derivative : callable, optional
        Value -> its derivative by the linear predictor, of the links of further parameters.
    """

    name: str
    function: Callable[[Any], Any]
    inverse: Callable[[Any, Functions], Any]
    log_inverse: Callable[[Any, Functions], Any]
    complement: tuple[str, Callable[[Any, Functions], Any]] | None = None
    rough: Callable[[Any], Any] | None = None
    derivative: Callable[[Any], Any] | None = None

    def near(self, value: Any) -> Any:
        """Compute a linear predictor near that of a value."""
        return (self.rough or self.function)(value)


def _log_odds(probability: Any) -> Any:
    return np.log(probability / (1 - probability))


def _complementary_log_log(probability: Any) -> Any:
    return np.log(-np.log1p(np.negative(probability)))


def _cauchy_quantile(probability: Any) -> Any:
    below = -1 / np.tan(np.pi * np.minimum(probability, 0.5))
    above = 1 / np.tan(np.pi * np.minimum(np.subtract(1, probability), 0.5))
    return np.where(np.less(probability, 0.5), below, above)


def _minus(eta: Any, of: Functions) -> Any:
    return -eta


LINKS: Mapping[str, Link] = MappingProxyType(
    {
        link.name: link
        for link in (
            Link(
                "identity",
                np.positive,
                lambda eta, of: eta,
                lambda eta, of: of.log(eta),
                derivative=np.ones_like,
            ),
            Link(
                "log",
                np.log,
                lambda eta, of: of.exp(eta),
                lambda eta, of: eta,
                derivative=np.positive,
            ),
            Link(
                "logit",
                logit,
                lambda eta, of: of.expit(eta),
                lambda eta, of: of.log_expit(eta),
                complement=("logit", _minus),
                rough=_log_odds,
                derivative=lambda probability: probability * (1 - probability),
            ),
            Link(
                "probit",
                ndtri,
                lambda eta, of: of.ndtr(eta),
                lambda eta, of: of.log_ndtr(eta),
                complement=("probit", _minus),
                # The probit is close to 1.7 times flatter than the logit.
                rough=lambda probability: _log_odds(probability) / 1.7,
            ),
            Link(
                "cloglog",
                _complementary_log_log,
                lambda eta, of: of.gumbel(eta),
                lambda eta, of: of.log_gumbel(eta),
                complement=("log", lambda eta, of: -of.exp(eta)),
            ),
            Link(
                "cauchit",
                _cauchy_quantile,
                lambda eta, of: of.cauchy(eta),
                lambda eta, of: of.log_cauchy(eta),
                complement=("cauchit", _minus),
            ),
        )
    }
)
