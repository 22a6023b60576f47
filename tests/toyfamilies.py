"""Families that are none of ours, each as short as a file of `bayesmix.families` would be.

And what the tests know of them, and of two of ours: numbers, densities by SciPy, means in closed
form, and fits with draws by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special, stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.registry import FAMILIES
from bayesmix.families.responses import COUNTS, REAL_NUMBERS, ResponseKind
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import ORDERED, POSITIVE, REAL, UNIT, above
from bayesmix.families.values import Rows, Values
from bayesmix.model.schema import Schema
from posteriors import fit_of

# Student's t: a scale that is not the sd of a residual, and degrees of freedom above 1.


def _student_log_density(y: Any, p: Values, rows: Rows) -> Any:
    nu, sigma = p["nu"].value, p["sigma"].value
    z = (y - p["mu"].value) / sigma
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)
    return constant - 0.5 * np.log(np.pi * nu) - np.log(sigma) - (nu + 1) / 2 * np.log1p(z**2 / nu)


STUDENT = Family(
    name="bounded_student",
    parameters=(
        Parameter("mu", REAL),
        Parameter(
            "sigma",
            POSITIVE,
            prior=lambda sizes: ("Exponential", {"scale": sizes.residual}),
            has_unit=True,
        ),
        Parameter(
            "nu",
            above(1),
            prior=lambda sizes: ("TruncatedNormal", {"mu": 1.0, "sigma": 20.0, "lower": 1.0}),
        ),
    ),
    response=REAL_NUMBERS,
    density=_student_log_density,
    mean=lambda p, rows: p["mu"].value,
    random=lambda rng, p, rows: (
        p["mu"].value + p["sigma"].value * rng.standard_t(p["nu"].value, np.shape(p["mu"].value))
    ),
    pymc=lambda p, rows: ("StudentT", {name: value.value for name, value in p.items()}),
)


# Counts with zeros beside those of the Poisson distribution.


def _zip_log_density(y: Any, p: Values, rows: Rows) -> Any:
    mu, psi = p["mu"], p["psi"]
    counts = psi.complement.log + y * mu.log - mu.value - special.gammaln(y + 1)
    return np.where(y == 0, np.logaddexp(psi.log, psi.complement.log - mu.value), counts)


def _zip_random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    mean = p["mu"].value
    return np.where(rng.random(mean.shape) < p["psi"].value, 0, rng.poisson(mean))


ZERO_INFLATED = Family(
    name="inflated",
    parameters=(
        Parameter("mu", POSITIVE, links=("log",)),
        Parameter("psi", UNIT, prior=lambda sizes: ("Beta", {"alpha": 1.0, "beta": 1.0})),
    ),
    response=COUNTS,
    density=_zip_log_density,
    mean=lambda p, rows: p["psi"].complement.value * p["mu"].value,
    random=_zip_random,
    # PyMC's psi is the share of the Poisson distribution.
    pymc=lambda p, rows: (
        "ZeroInflatedPoisson",
        {"psi": p["psi"].complement.value, "mu": p["mu"].value},
    ),
)


# Counts that vary more than those of the Poisson distribution.


def _negative_binomial_log_density(y: Any, p: Values, rows: Rows) -> Any:
    mu, shape = p["mu"].value, p["shape"].value
    ways = special.gammaln(y + shape) - special.gammaln(shape) - special.gammaln(y + 1)
    return ways - shape * np.log1p(mu / shape) + y * (p["mu"].log - np.log(mu + shape))


def _negative_binomial_slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    mu, shape = p["mu"].value, p["shape"].value
    share = mu / (mu + shape)
    return {"mu": Slope(y - (y + shape) * share, (y + shape) * share * (1 - share))}


NEGATIVE_BINOMIAL = Family(
    name="dispersed",
    parameters=(
        Parameter("mu", POSITIVE, links=("log",)),
        Parameter("shape", POSITIVE, prior=lambda sizes: ("Gamma", {"alpha": 0.5, "beta": 0.1})),
    ),
    response=COUNTS,
    density=_negative_binomial_log_density,
    mean=lambda p, rows: p["mu"].value,
    random=lambda rng, p, rows: rng.poisson(
        rng.gamma(p["shape"].value, p["mu"].value / p["shape"].value)
    ),
    pymc=lambda p, rows: (
        "NegativeBinomial",
        {"mu": p["mu"].value, "alpha": p["shape"].value},
    ),
    closed_slopes=_negative_binomial_slopes,
)


# Ordered categories, counted from 0: a latent scale that cutpoints divide.


def _probabilities(p: Values, rows: Rows) -> Any:
    beyond = p["cutpoint"].value - np.asarray(p["mu"].eta)[..., np.newaxis]
    below = replace(p["mu"], eta=beyond).value
    ends = (np.zeros((*below.shape[:-1], 1)), np.ones((*below.shape[:-1], 1)))
    return np.diff(np.concatenate([ends[0], below, ends[1]], axis=-1), axis=-1)


def _cumulative_log_density(y: Any, p: Values, rows: Rows) -> Any:
    probabilities = _probabilities(p, rows)
    place = np.broadcast_to(y, probabilities.shape[:-1]).astype(int)[..., np.newaxis]
    return np.log(np.take_along_axis(probabilities, place, axis=-1)[..., 0])


def _cumulative_random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    reached = np.cumsum(_probabilities(p, rows), axis=-1)[..., :-1]
    return (rng.random((*reached.shape[:-1], 1)) > reached).sum(axis=-1)


def _check_categories(family: str, name: str, y: Any, trials: Any, labels: Any) -> None:
    if not np.array_equal(np.unique(y), np.arange(y.max() + 1)):
        raise BayesmixError(f"Response {name!r} of family {family!r} must count categories from 0.")


GRADED = Family(
    name="graded",
    parameters=(
        Parameter("mu", REAL, links=("logit", "probit")),
        Parameter(
            "cutpoint",
            ORDERED,
            prior=lambda sizes: ("Normal", {"sigma": 2.5}),
            length=lambda sizes: sizes.categories - 1,
        ),
    ),
    response=ResponseKind(_check_categories, is_discrete=True),
    density=_cumulative_log_density,
    mean=_probabilities,
    random=_cumulative_random,
    pymc=lambda p, rows: (
        {"logit": "OrderedLogistic", "probit": "OrderedProbit"}[p["mu"].link.name],
        {"eta": p["mu"].eta, "cutpoints": p["cutpoint"].value},
    ),
)

# Failures before the first success: the parameter is the probability of a success, not the mean.


GEOMETRIC = Family(
    name="geometric",
    parameters=(Parameter("p", UNIT, links=("logit",)),),
    response=COUNTS,
    density=lambda y, p, rows: p["p"].log + y * p["p"].complement.log,
    mean=lambda p, rows: p["p"].complement.value / p["p"].value,
    random=lambda rng, p, rows: rng.geometric(p["p"].value) - 1,
    # PyMC counts the trials.
    pymc=lambda p, rows: ("NegativeBinomial", {"n": 1.0, "p": p["p"].value}),
    of_mean=lambda mean: 1 / (1 + mean),
)


TOYS = (STUDENT, ZERO_INFLATED, NEGATIVE_BINOMIAL, GRADED, GEOMETRIC)


@dataclass(frozen=True)
class Case:
    """A family with numbers of its parameters and, if SciPy knows it, its distribution."""

    family: str
    auxiliary: dict[str, Any]
    y: tuple[float, ...]
    priors: dict[str, str]
    eta: tuple[float, ...] = (-1.2, 0.3, 0.9, 1.6)
    formula: str = "y ~ x + (1 + x | g)"
    residual: bool = False

    @property
    def made(self) -> Family:
        return next(one for one in (*FAMILIES.values(), *TOYS) if one.name == self.family)


_COUNTS, _REAL = (0.0, 1.0, 3.0, 0.0), (-3.0, 0.1, 2.0, 1.4)
_POSITIVE = (0.05, 0.9, 2.0, 9.0)
CASES = (
    Case("gaussian", {"sigma": 1.3}, _REAL, {"sigma": "Exponential"}, residual=True),
    Case("poisson", {}, _COUNTS, {}),
    Case(
        "bounded_student",
        {"sigma": 1.3, "nu": 4.5},
        _REAL,
        {"sigma": "Exponential", "nu": "TruncatedN"},
    ),
    Case("inflated", {"psi": 0.3}, _COUNTS, {"psi": "Beta(alpha=1, beta=1)"}),
    Case("dispersed", {"shape": 1.7}, _COUNTS, {"shape": "Gamma(alpha=0.5, beta=0.1)"}),
    Case(
        "graded",
        {"cutpoint": np.array([-1.0, 0.2, 1.5])},
        (0.0, 3.0, 1.0, 2.0),
        {"cutpoint": "Normal(mu=0, sigma=2.5)"},
        # The cutpoints are the intercepts.
        formula="y ~ 0 + x + (1 | g)",
    ),
    Case("geometric", {}, _COUNTS, {}, eta=(-0.4, 0.3, 0.9, 1.6)),
    Case("negbinomial", {"shape": 1.7}, _COUNTS, {"shape": "InverseGamma(alpha=0.4, beta=0.3)"}),
    Case("zero_inflated_poisson", {"zi": 0.3}, _COUNTS, {"zi": "Beta(alpha=1, beta=1)"}),
    Case("zero_inflated_negbinomial", {"shape": 1.7, "zi": 0.3}, _COUNTS, {"zi": "Beta"}),
    Case("hurdle_poisson", {"hu": 0.3}, _COUNTS, {"hu": "Beta(alpha=1, beta=1)"}),
    Case("hurdle_negbinomial", {"shape": 1.7, "hu": 0.3}, _COUNTS, {"hu": "Beta"}),
    Case("student", {"sigma": 1.3, "nu": 4.5}, _REAL, {"sigma": "Exponential", "nu": "Gamma"}),
    Case("lognormal", {"sigma": 0.6}, _POSITIVE, {"sigma": "Exponential"}),
    Case("hurdle_lognormal", {"sigma": 0.6, "hu": 0.3}, (0.0, 0.9, 2.0, 9.0), {"hu": "Beta"}),
    Case("gamma", {"shape": 2.7}, _POSITIVE, {"shape": "HalfStudentT(nu=3, sigma=10)"}),
    Case("weibull", {"shape": 1.7}, _POSITIVE, {"shape": "HalfStudentT(nu=3, sigma=10)"}),
    Case(
        "exgaussian",
        {"sigma": 0.6, "tau": 1.2},
        _REAL,
        {"sigma": "Exponential", "tau": "Exponential"},
    ),
    Case(
        "skew_normal",
        {"sigma": 1.3, "alpha": 3.0},
        _REAL,
        {"sigma": "Exponential", "alpha": "Normal(mu=0, sigma=4)"},
        residual=True,
    ),
    Case("beta", {"phi": 3.5}, (0.01, 0.7, 0.4, 0.98), {"phi": "HalfStudentT(nu=3, sigma=20)"}),
)


def _counts(p: dict[str, Any], mean: np.ndarray) -> Any:
    """SciPy's distribution of counts of a mean."""
    shape = p.get("shape")
    return stats.poisson(mean) if shape is None else stats.nbinom(shape, shape / (shape + mean))


def _with_zeros(p: dict[str, Any], y: np.ndarray, counts: Any) -> np.ndarray:
    if "zi" in p:
        return np.log((1 - p["zi"]) * counts.pmf(y) + p["zi"] * (y == 0))
    above = (1 - p["hu"]) * counts.pmf(y) / counts.sf(0)
    return np.log(np.where(y == 0, p["hu"], above))


def expected_log_density(case: Case, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """By SciPy."""
    p = case.auxiliary
    match case.family:
        case "gaussian":
            return stats.norm(eta, p["sigma"]).logpdf(y)
        case "student" | "bounded_student":
            return stats.t(p["nu"], eta, p["sigma"]).logpdf(y)
        case "gamma":
            return stats.gamma(p["shape"], scale=np.exp(eta) / p["shape"]).logpdf(y)
        case "exgaussian":
            law = stats.exponnorm(p["tau"] / p["sigma"], eta - p["tau"], p["sigma"])
            return law.logpdf(y)
        case "skew_normal":
            shift = np.sqrt(2 / np.pi * p["alpha"] ** 2 / (1 + p["alpha"] ** 2))
            scale = p["sigma"] / np.sqrt(1 - shift**2)
            return stats.skewnorm(p["alpha"], eta - shift * scale, scale).logpdf(y)
        case "beta":
            mean = special.expit(eta)
            return stats.beta(mean * p["phi"], (1 - mean) * p["phi"]).logpdf(y)
        case "weibull":
            scale = np.exp(eta) / special.gamma(1 + 1 / p["shape"])
            return stats.weibull_min(p["shape"], scale=scale).logpdf(y)
        case "lognormal":
            return stats.lognorm(p["sigma"], scale=np.exp(eta)).logpdf(y)
        case "hurdle_lognormal":
            above = (1 - p["hu"]) * stats.lognorm(p["sigma"], scale=np.exp(eta)).pdf(y)
            return np.log(np.where(y == 0, p["hu"], above))
        case "poisson":
            return stats.poisson(np.exp(eta)).logpmf(y)
        case "inflated":
            counts = (1 - p["psi"]) * stats.poisson(np.exp(eta)).pmf(y)
            return np.log(counts + p["psi"] * (y == 0))
        case "geometric":
            return stats.nbinom(1, special.expit(eta)).logpmf(y)
        case "dispersed" | "negbinomial":
            k = p["shape"]
            return stats.nbinom(k, k / (k + np.exp(eta))).logpmf(y)
    if "zi" in p or "hu" in p:
        return _with_zeros(p, y, _counts(p, np.exp(eta)))
    edges = np.concatenate([[-np.inf], p["cutpoint"], [np.inf]])
    latent = stats.logistic(eta)
    return np.log(latent.cdf(edges[y.astype(int) + 1]) - latent.cdf(edges[y.astype(int)]))


def expected_mean(case: Case, eta: np.ndarray) -> np.ndarray:
    """In closed form."""
    if case.family in ("gaussian", "student", "bounded_student", "exgaussian", "skew_normal"):
        return eta
    if case.family in ("lognormal", "hurdle_lognormal"):
        some = 1 - case.auxiliary.get("hu", 0.0)
        return some * np.exp(eta + case.auxiliary["sigma"] ** 2 / 2)
    if case.family == "graded":
        below = special.expit(case.auxiliary["cutpoint"] - eta[..., None])
        ends = np.zeros((*eta.shape, 1)), np.ones((*eta.shape, 1))
        return np.diff(np.concatenate([ends[0], below, ends[1]], axis=-1), axis=-1)
    if case.family == "beta":
        return special.expit(eta)
    if case.family == "geometric":
        return np.exp(-eta)
    p, mean = case.auxiliary, np.exp(eta)
    if "hu" in p:
        return (1 - p["hu"]) * mean / _counts(p, mean).sf(0)
    return (1 - p.get("psi", p.get("zi", 0.0))) * mean


def a_frame(case: Case, n_levels: int = 6, n_each: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = n_levels * n_each
    x = rng.normal(size=n)
    y = case.made.draw(rng, 0.4 * x, case.auxiliary)
    levels = np.repeat([f"g{j}" for j in range(n_levels)], n_each)
    return pd.DataFrame({"y": y, "x": x, "g": levels})


def labels_of(case: Case) -> list[str]:
    """Labels of the auxiliary parameters in tables."""
    return [
        f"{name}:{k + 1}" if np.ndim(value) else name
        for name, value in case.auxiliary.items()
        for k in range(np.size(value))
    ]


def labels_beside_the_residual(case: Case) -> list[str]:
    """Of those that are not among the variance components."""
    return [label for label in labels_of(case) if not case.residual or label != "sigma"]


def a_fit(case: Case, data: pd.DataFrame | None = None) -> bm.MixedFit:
    """A fit with draws by hand: sds and correlations fixed, effects and auxiliaries at random."""
    data = a_frame(case) if data is None else data
    spec = bm.prepare(case.formula, data, family=case.made)
    rng = np.random.default_rng(3)
    shape, schema = (2, 25), Schema.of(spec)
    coords = schema.coords
    sizes = {name: len(labels) for name, labels in coords.items()}
    term = spec.design.groups[0]
    q = term.n_effects
    values = {
        "beta": rng.normal(0.0, 0.3, (*shape, spec.design.n_terms)),
        f"u_{term.factor}": rng.normal(0.0, 0.3, (*shape, term.n_levels, q)),
        f"sd_{term.factor}": rng.gamma(4.0, 0.1, (*shape, q)),
        f"centred_sd_{term.factor}": rng.gamma(4.0, 0.1, (*shape, q)),
    }
    if q > 1:
        values[f"cor_{term.factor}"] = np.broadcast_to(np.eye(q), (*shape, q, q))
        values[f"lkj_{term.factor}"] = np.full((*shape, q * (q - 1) // 2), 0.5)
    for name, value in case.auxiliary.items():
        size = [sizes[dim] for dim in schema.dims(name)]
        noise = rng.uniform(0.9, 1.1, (*shape, *[1] * len(size)))
        values[name] = np.broadcast_to(value, size) * noise
    posterior = xr.Dataset(
        {name: (("chain", "draw", *schema.dims(name)), array) for name, array in values.items()},
        {"chain": [0, 1], "draw": np.arange(25)}
        | {dim: coords[dim] for name in values for dim in schema.dims(name) if dim in coords},
    )
    return fit_of(spec, posterior)


def eta_of(fit: bm.MixedFit) -> np.ndarray:
    """Linear predictor (S, n), by hand."""
    design, posterior = fit.design, fit.posterior
    term = design.groups[0]
    beta = posterior["beta"].values.reshape(-1, design.n_terms)
    u = posterior[f"u_{term.factor}"].values.reshape(-1, term.n_levels, term.n_effects)
    return beta @ design.X.T + (u[:, term.codes] * term.Z).sum(axis=-1)


def at_draw(case: Case, fit: bm.MixedFit, draw: int) -> Case:
    """The case with the auxiliaries of one draw."""
    values = {
        name: fit.posterior[name].values.reshape(50, *np.shape(case.auxiliary[name]))[draw]
        for name in case.auxiliary
    }
    return replace(case, auxiliary=values)
