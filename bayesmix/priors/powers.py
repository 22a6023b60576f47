"""Priors to a power: many of the common distributions are such a distribution again."""

from __future__ import annotations

import math

from bayesmix.priors.effects import NormalEffects, StudentT
from bayesmix.priors.forms import form_of
from bayesmix.priors.prior import LKJ, Prior

__all__ = ["powered"]

type Numbers = dict[str, float]


def powered(
    prior: Prior | LKJ | StudentT | NormalEffects, power: float
) -> Prior | LKJ | StudentT | NormalEffects | None:
    """Return the distribution whose density is in proportion to that of a prior to a power.

    Parameters
    ----------
    prior : Prior, LKJ, StudentT or NormalEffects
        The laws of group effects are of the model and stay as they are, but for the prior of
        degrees of freedom.
    power : float
        Positive.

    Returns
    -------
    Prior, LKJ, StudentT, NormalEffects or None
        None where it is none of the common distributions, or has no finite integral.

    Examples
    --------
    >>> powered(Prior("Normal", mu=1, sigma=2), 4)
    Normal(mu=1, sigma=1)
    >>> powered(LKJ(2), 2)
    LKJ(eta=3)
    >>> powered(Prior("StudentT", nu=3, sigma=1), 2)
    StudentT(nu=7, mu=0, sigma=0.654654)
    """
    match prior:
        case NormalEffects():
            return prior
        case StudentT(nu=Prior() as nu):
            own = powered(nu, power)
            return StudentT(own) if isinstance(own, Prior) else None
        case StudentT():
            return prior
        case LKJ(eta):
            eta = power * (eta - 1) + 1
            return LKJ(eta) if eta > 0 else None
    if not prior.is_proper or prior.distribution == "Uniform":
        return prior
    form = None if prior.hyperpriors else _form(prior)
    if form is None:
        return None
    law, folded, numbers = form
    found = _LAWS[law](numbers, power) if law in _LAWS else None
    if found is None:
        return None
    name, numbers = found
    if folded:
        return Prior(f"Half{name}", **{k: x for k, x in numbers.items() if k != "mu"})
    if law == "truncnorm":
        bounds = {k: x for k, x in prior.parameters.items() if k in ("lower", "upper")}
        return Prior("TruncatedNormal", **numbers, **bounds)
    return Prior(name, **numbers)


def _form(prior: Prior) -> tuple[str, bool, Numbers] | None:
    """Find the law in SciPy and its numbers."""
    if not prior.has_log_density:
        return None
    form = form_of(prior.distribution, prior.parameters)
    assert form is not None
    return form.scipy, form.folded, form.convert(**prior.parameters)


def _normal(own: Numbers, power: float) -> tuple[str, Numbers]:
    return "Normal", {"mu": own.get("loc", 0.0), "sigma": own["scale"] / math.sqrt(power)}


def _student(own: Numbers, power: float) -> tuple[str, Numbers] | None:
    # (1 + z^2 / df) to the power of -(df + 1) / 2 is the kernel of a t with other df.
    df = own.get("df", 1.0)
    other = power * (df + 1) - 1
    if not other > 0:
        return None
    scale = own["scale"] * math.sqrt(df / other)
    return "StudentT", {"nu": other, "mu": own.get("loc", 0.0), "sigma": scale}


def _gamma(own: Numbers, power: float) -> tuple[str, Numbers] | None:
    alpha = power * (own["a"] - 1) + 1
    return ("Gamma", {"alpha": alpha, "beta": power / own["scale"]}) if alpha > 0 else None


def _inverse_gamma(own: Numbers, power: float) -> tuple[str, Numbers] | None:
    alpha = power * (own["a"] + 1) - 1
    return ("InverseGamma", {"alpha": alpha, "beta": power * own["scale"]}) if alpha > 0 else None


def _log_normal(own: Numbers, power: float) -> tuple[str, Numbers]:
    variance = own["s"] ** 2 / power
    mu = math.log(own["scale"]) + (1 - power) * variance
    return "LogNormal", {"mu": mu, "sigma": math.sqrt(variance)}


def _pareto(own: Numbers, power: float) -> tuple[str, Numbers] | None:
    alpha = power * (own["b"] + 1) - 1
    return ("Pareto", {"alpha": alpha, "m": own["scale"]}) if alpha > 0 else None


def _beta(own: Numbers, power: float) -> tuple[str, Numbers] | None:
    alpha, beta = (power * (own[name] - 1) + 1 for name in ("a", "b"))
    return ("Beta", {"alpha": alpha, "beta": beta}) if min(alpha, beta) > 0 else None


def _exponential(own: Numbers, power: float) -> tuple[str, Numbers]:
    return "Exponential", {"scale": own["scale"] / power}


def _weibull(own: Numbers, power: float) -> tuple[str, Numbers] | None:
    return _exponential(own, power) if own["c"] == 1 else None


# By SciPy's names, whose arguments `Form.convert` gives.
_LAWS = {
    "norm": _normal,
    "truncnorm": _normal,
    "t": _student,
    "cauchy": _student,
    "laplace": lambda own, power: ("Laplace", {"mu": own["loc"], "b": own["scale"] / power}),
    "expon": _exponential,
    "gamma": _gamma,
    "chi2": lambda own, power: _gamma({"a": own["df"] / 2, "scale": 2.0}, power),
    "invgamma": _inverse_gamma,
    "lognorm": _log_normal,
    "pareto": _pareto,
    "beta": _beta,
    "weibull_min": _weibull,
}
