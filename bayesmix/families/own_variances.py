"""The variance of a distribution itself on the scale of the linear predictor.

What a variance component is compared with: of a threshold on a latent scale that of the law of the
link, with the log link that of the logarithm of a response, approximately [1]_.

References
----------
.. [1] Nakagawa, S., Johnson, P. C. D. & Schielzeth, H. (2017). The coefficient of determination R2
   and intra-class correlation coefficient from generalized linear mixed-effects models revisited
   and expanded. Journal of the Royal Society Interface 14: 20170213.
   https://doi.org/10.1098/rsif.2017.0213
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmix.families.values import Rows, Values

__all__ = [
    "OF_COUNTS",
    "OF_GAMMA",
    "OF_LATENT",
    "OF_NEGBINOMIAL",
    "OF_RESIDUAL",
    "OF_STUDENT",
    "OwnVariance",
]

_OF_LINK = {
    "logit": (np.pi**2 / 3, "pi^2 / 3"),
    "probit": (1.0, "1"),
    "cloglog": (np.pi**2 / 6, "pi^2 / 6"),
}


@dataclass(frozen=True)
class OwnVariance:
    """The variance, and its formula.

    Attributes
    ----------
    formula : str
        As text; empty where it is that of the link.
    of : callable
        Values of the parameters, the first being where the response is on average, and rows -> the
        variance of each draw, or of each draw and row.
    """

    formula: str
    of: Callable[[Values, Rows], Any]

    def text(self, link: str) -> str:
        """Return the formula; empty for a link whose law has no variance."""
        return self.formula or (_OF_LINK[link][1] if link in _OF_LINK else "")


def _residual(p: Values, rows: Rows) -> Any:
    variance = p["sigma"].value ** 2
    return variance if rows.weights is None else variance / rows.weights


def _student(p: Values, rows: Rows) -> Any:
    nu = p["nu"].value
    with np.errstate(divide="ignore", invalid="ignore"):
        return _residual(p, rows) * np.where(nu > 2, nu / (nu - 2), np.inf)


def _latent(p: Values, rows: Rows) -> Any:
    return np.asarray(_OF_LINK[next(iter(p.values())).link.name][0])


def _counts(p: Values, rows: Rows) -> Any:
    return np.log1p(1 / p["mu"].value)


def _negbinomial(p: Values, rows: Rows) -> Any:
    return np.log1p(1 / p["mu"].value + 1 / p["shape"].value)


def _gamma(p: Values, rows: Rows) -> Any:
    return np.log1p(1 / p["shape"].value)


OF_RESIDUAL = OwnVariance("sigma^2", _residual)
OF_STUDENT = OwnVariance("sigma^2 nu / (nu - 2)", _student)
OF_LATENT = OwnVariance("", _latent)
OF_COUNTS = OwnVariance("log(1 + 1 / mean)", _counts)
OF_NEGBINOMIAL = OwnVariance("log(1 + 1 / mean + 1 / shape)", _negbinomial)
OF_GAMMA = OwnVariance("log(1 + 1 / shape)", _gamma)
