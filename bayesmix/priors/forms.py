"""Common distributions: how each may be written, and its law in SciPy."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

__all__ = ["FORMS", "IMPROPER", "POSITIVE_TWIN", "Form", "beta_moments", "form_of", "written"]


@dataclass(frozen=True)
class Form:
    """One way to parametrise a distribution.

    The arguments of `convert` are PyMC's names with PyMC's defaults; it returns SciPy's arguments.
    `folded` takes the absolute value of a distribution that is symmetric about zero.
    """

    scipy: str
    convert: Callable[..., dict[str, float]]
    positive: tuple[str, ...] = ()
    folded: bool = False

    @functools.cached_property
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


def beta_moments(mu: float, sigma: float) -> dict[str, float]:
    """Turn mean and sd of a beta distribution into its two shapes."""
    size = mu * (1 - mu) / sigma**2 - 1
    return {"a": mu * size, "b": (1 - mu) * size}


FORMS: Mapping[str, tuple[Form, ...]] = MappingProxyType(
    {
        "Normal": (
            Form("norm", _normal, ("sigma",)),
            Form("norm", _normal_precision, ("tau",)),
        ),
        "StudentT": (
            Form(
                "t",
                lambda nu, mu=0.0, sigma=1.0: {"df": nu, "loc": mu, "scale": sigma},
                ("nu", "sigma"),
            ),
            Form(
                "t",
                lambda nu, lam, mu=0.0: {"df": nu, "loc": mu, "scale": lam**-0.5},
                ("nu", "lam"),
            ),
        ),
        "Cauchy": (Form("cauchy", lambda alpha, beta: {"loc": alpha, "scale": beta}, ("beta",)),),
        "Laplace": (Form("laplace", lambda mu, b: {"loc": mu, "scale": b}, ("b",)),),
        "Logistic": (Form("logistic", lambda mu=0.0, s=1.0: {"loc": mu, "scale": s}, ("s",)),),
        "Gumbel": (Form("gumbel_r", lambda mu, beta: {"loc": mu, "scale": beta}, ("beta",)),),
        "Uniform": (
            Form("uniform", lambda lower=0.0, upper=1.0: {"loc": lower, "scale": upper - lower}),
        ),
        "TruncatedNormal": (Form("truncnorm", _truncated_normal, ("sigma",)),),
        "HalfNormal": (
            Form("norm", lambda sigma=1.0: {"scale": sigma}, ("sigma",), folded=True),
            Form("norm", lambda tau: {"scale": tau**-0.5}, ("tau",), folded=True),
        ),
        "HalfCauchy": (Form("cauchy", lambda beta: {"scale": beta}, ("beta",), folded=True),),
        "HalfStudentT": (
            Form(
                "t",
                lambda nu, sigma=1.0: {"df": nu, "scale": sigma},
                ("nu", "sigma"),
                folded=True,
            ),
            Form("t", lambda nu, lam: {"df": nu, "scale": lam**-0.5}, ("nu", "lam"), folded=True),
        ),
        "Exponential": (
            Form("expon", lambda scale=1.0: {"scale": scale}, ("scale",)),
            Form("expon", lambda lam: {"scale": 1 / lam}, ("lam",)),
        ),
        "Gamma": (
            Form("gamma", lambda alpha, beta: {"a": alpha, "scale": 1 / beta}, ("alpha", "beta")),
            Form(
                "gamma",
                lambda mu, sigma: {"a": (mu / sigma) ** 2, "scale": sigma**2 / mu},
                ("mu", "sigma"),
            ),
        ),
        "InverseGamma": (
            Form(
                "invgamma", lambda alpha, beta=1.0: {"a": alpha, "scale": beta}, ("alpha", "beta")
            ),
            Form(
                "invgamma",
                lambda mu, sigma: {
                    "a": (mu / sigma) ** 2 + 2,
                    "scale": mu * ((mu / sigma) ** 2 + 1),
                },
                ("mu", "sigma"),
            ),
        ),
        "LogNormal": (
            Form(
                "lognorm",
                lambda mu=0.0, sigma=1.0: {"s": sigma, "scale": np.exp(mu)},
                ("sigma",),
            ),
            Form("lognorm", lambda tau, mu=0.0: {"s": tau**-0.5, "scale": np.exp(mu)}, ("tau",)),
        ),
        "Weibull": (
            Form("weibull_min", lambda alpha, beta: {"c": alpha, "scale": beta}, ("alpha", "beta")),
        ),
        "Pareto": (Form("pareto", lambda alpha, m: {"b": alpha, "scale": m}, ("alpha", "m")),),
        "ChiSquared": (Form("chi2", lambda nu: {"df": nu}, ("nu",)),),
        "Beta": (
            Form("beta", lambda alpha, beta: {"a": alpha, "b": beta}, ("alpha", "beta")),
            Form("beta", beta_moments, ("mu", "sigma")),
        ),
    }
)
# Improper: a constant density on the line, or on its positive half.
IMPROPER: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"Flat": (-math.inf, math.inf), "HalfFlat": (0.0, math.inf)}
)
POSITIVE_TWIN = MappingProxyType(
    {"Normal": "HalfNormal", "StudentT": "HalfStudentT", "Cauchy": "HalfCauchy"}
)


def written(form: Form) -> list[str]:
    """List the parameters of a form, with the defaults of those that have one."""
    return [
        name if default is None else f"{name}={default:g}"
        for name, default in form.arguments.items()
    ]


def form_of(distribution: str, values: Iterable[str]) -> Form | None:
    """Find the first way to parametrise a distribution that the given names fit."""
    given = set(values)
    for form in FORMS[distribution]:
        required = {name for name, default in form.arguments.items() if default is None}
        if required <= given <= set(form.arguments):
            return form
    return None
