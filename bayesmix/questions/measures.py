"""How two predictions are compared: differences, ratios, ratios of odds."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.base.arguments import one_of
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError

if TYPE_CHECKING:
    from bayesmix.posterior.fitted import Fitted
    from bayesmix.questions.contrasts import Contrast

__all__ = ["compared", "contrast_label", "measure_of"]

type Measure = Callable[[FloatArray, FloatArray], FloatArray]


def _odds(p: FloatArray) -> FloatArray:
    return p / (1 - p)


_MEASURES: MappingProxyType[str, tuple[Measure, str]] = MappingProxyType(
    {
        "difference": (lambda low, high: high - low, "{high} - {low}"),
        "ratio": (lambda low, high: high / low, "{high} / {low}"),
        "lift": (lambda low, high: (high - low) / low, "({high} - {low}) / {low}"),
        "lnratio": (lambda low, high: np.log(high / low), "ln({high} / {low})"),
        "oddsratio": (lambda low, high: _odds(high) / _odds(low), "odds({high}) / odds({low})"),
        "lnor": (
            lambda low, high: np.log(_odds(high) / _odds(low)),
            "ln(odds({high}) / odds({low}))",
        ),
    }
)
_OF_ODDS = ("oddsratio", "lnor")
_PROBABILITIES = ("logit", "probit", "cloglog", "cauchit")


def measure_of(fit: Fitted, comparison: str, scale: str, parameter: str | None = None) -> Measure:
    """Return how two predictions are compared.

    Raises
    ------
    BayesmixError
        The word is unknown, or odds are asked for of what is no probability.
    """
    one_of("comparison", comparison, _MEASURES)
    family = fit.family
    is_probability = family.binary or family.response.has_categories
    if isinstance(parameter, str) and parameter in dict(family.predicted):
        is_probability = dict(family.predicted)[parameter] in _PROBABILITIES
    if comparison in _OF_ODDS and (scale != "response" or not is_probability):
        raise BayesmixError(
            f"comparison={comparison!r} is of probabilities, and scale={scale!r} of family "
            f"{family.name!r} is none. Take comparison='difference' or 'ratio'."
        )
    return _MEASURES[comparison][0]


def contrast_label(contrast: Contrast, comparison: str) -> str:
    """Write what is compared: ``"b - a"``, ``"+1"``, ``"odds(b) / odds(a)"``."""
    template = _MEASURES[comparison][1]
    if not contrast.label:
        return template.format(low=contrast.low_label, high=contrast.high_label)
    if comparison == "difference":
        return contrast.label
    name, sign, step = contrast.variable, contrast.label[0], contrast.label[1:]
    if contrast.low == 0:
        return template.format(low=name, high=f"({name} {sign} {step})")
    return template.format(low=f"({name} - {step}/2)", high=f"({name} + {step}/2)")


def compared(
    measure: Measure, low: int, high: int, unit: float = 1.0
) -> Callable[[list[FloatArray]], FloatArray]:
    """Compare two of several settings."""
    if unit != 1.0:
        return lambda values: measure(values[low], values[high]) / unit
    return lambda values: measure(values[low], values[high])
