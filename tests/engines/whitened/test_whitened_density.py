"""The whitened density against PyMC's compiled joint density, and its gradient by differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.engines.whitened.density import Density
from bayesmix.engines.whitened.layout import layout_of
from bayesmix.engines.whitened.named import as_written
from bayesmix.engines.whitened.whitening import Whitening
from bayesmix.engines.whitened.working import Working, eliminate
from bayesmix.model.centring import sd_variable
from bayesmix.model.schema import free_variables
from gaussian import CASES as GAUSSIAN_CASES
from gaussian import frame

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")


def counts() -> pd.DataFrame:
    data = frame()
    rng = np.random.default_rng(3)
    data["yes"] = rng.integers(0, 2, len(data))
    data["count"] = rng.poisson(3, len(data))
    data["n"] = rng.integers(3, 8, len(data))
    data["s"] = np.minimum(data["count"], data["n"])
    data["positive"], data["share"] = rng.gamma(2.0, size=len(data)), rng.uniform(size=len(data))
    data["rating"] = np.minimum(data["count"], 4) + 1
    data["kind"] = np.array(list("abcd"))[np.minimum(data["count"] // 2, 3)]
    return data


SIDES = {
    "no groups": "x + z",
    "one effect": "x + (1 | g)",
    "two effects": "x + (x | g)",
    "three effects": "x + z + (x + z | g)",
    "two blocks": "x + z + (1 | g) + (0 + x + z | g)",
    "no correlation": "x + (x || g)",
    "nested": "x + (1 | g/h)",
    "nested twice": "x + (1 | h/k/f) + (0 + x | h)",
    "crossed with slopes": "x + z + (x | g) + (z | h)",
    "three crossed": "x + (x | g) + (x || h) + (1 | k)",
    "offset": "x + offset(known) + (x | g)",
    "no intercept": "0 + x + (x | g)",
    "no population effects": "0 + (x | g)",
    "far from zero": "year + (year | g)",
    "rank-deficient levels": "flat + (flat | g)",
}
RESPONSES = {
    "bernoulli": ("yes", ("logit", "probit", "cloglog", "cauchit")),
    "binomial": ("p(s, n)", ("logit", "probit", "cloglog", "cauchit")),
    "poisson": ("count", ("log",)),
}
SPECS = {
    f"{family}({links[0]}), {name}": (f"{response} ~ {side}", family, links[0], {})
    for family, (response, links) in RESPONSES.items()
    for name, side in SIDES.items()
}
SPECS |= {
    f"{family}({link}), crossed": (f"{response} ~ x + (x | g) + (1 | h)", family, link, {})
    for family, (response, links) in RESPONSES.items()
    for link in links[1:]
}
SPECS |= {
    f"{family}, two effects": (f"{response} ~ x + (x | g)", family, None, {})
    for response, families in {
        "y": ("student", "exgaussian", "skew_normal"),
        "positive": ("lognormal", "hurdle_lognormal", "gamma", "weibull"),
        "share": ("beta",),
    }.items()
    for family in families
}
SPECS |= {
    f"{family}, {name}": (f"rating ~ {SIDES[name]}", family, None, {})
    for family in ("cumulative", "sratio(cloglog)", "cratio", "acat")
    for name in ("two effects", "crossed with slopes", "far from zero", "no groups")
}
SPECS |= {
    f"{family}, thresholds": ("rating ~ 1 + (1 | g)", family, None, {})
    for family in (
        "cumulative(probit)",
        "cumulative(cloglog)",
        "cumulative(cauchit, threshold=equidistant)",
        "acat(probit, threshold=equidistant)",
    )
}
SPECS["cumulative, two categories"] = ("yes ~ x + (x | g)", "cumulative", None, {})
SPECS["other priors"] = (
    "yes ~ x + z + v + (x | g)",
    "bernoulli",
    "logit",
    {
        "priors": {
            "Intercept": bm.Prior("StudentT", nu=3, mu=0, sigma=2),
            "beta:x": bm.Prior("Laplace", mu=0, b=1),
            "beta:z": bm.Prior("HalfNormal", sigma=1),
            "beta:v": bm.Prior("TruncatedNormal", mu=0, sigma=1, upper=2),
            "sd:g:Intercept": bm.Prior("Uniform", lower=0, upper=3),
            "sd:g:x": bm.Prior("Gamma", alpha=2, beta=1),
            "cor:g": bm.LKJ(0.5),
        }
    },
)
SPECS |= {
    f"known errors and a residual, {name}": (
        f"y ~ {SIDES[name]}",
        "gaussian",
        "identity",
        {"se": "w", "residual": True},
    )
    for name in ("no groups", "two effects", "crossed with slopes")
}
SPECS |= {
    f"gaussian, {name}": (case.formula, "gaussian", "identity", case.options)
    for name, case in GAUSSIAN_CASES.items()
    if name != "own priors"
}
OTHERS = {
    "gaussian, sigma by level": ("y ~ x + (x | g)", "gaussian", {"sigma": "~ x + (x | g)"}),
    "gaussian, sigma far from zero": (
        "y ~ year + (year | g)",
        "gaussian",
        {"sigma": "~ year + (year | g) + (1 | h)", "weights": "w"},
    ),
    "gaussian, sigma without intercept": (
        "y ~ x + offset(known)",
        "gaussian",
        {"sigma": "~ 0 + z + offset(known) + (1 | h)"},
    ),
    "gaussian, sigma alone by level": ("y ~ x", "gaussian", {"sigma": "~ 0 + (1 | g/h)"}),
    "student, sigma and nu": ("y ~ x + (1 | g)", "student", {"sigma": "~ x", "nu": "~ (1 | h)"}),
    "exgaussian, tau": ("y ~ x + (1 | g)", "exgaussian", {"tau": "~ x + (1 | g)"}),
    "skew_normal, alpha": ("y ~ x + (1 | g)", "skew_normal", {"alpha": "~ z"}),
    "lognormal, sigma": ("positive ~ x + (1 | g)", "lognormal", {"sigma": "~ (1 | g)"}),
    "gamma, shape": ("positive ~ x + (1 | g)", "gamma", {"shape": "~ x"}),
    "weibull, shape": ("positive ~ x + (1 | g)", "weibull", {"shape": "~ x"}),
    "beta, phi": ("share ~ x + (1 | g)", "beta", {"phi": "~ x + (1 | h)"}),
    "negbinomial, shape": ("count ~ x + (1 | g)", "negbinomial", {"shape": "~ x + (1 | g)"}),
    "beta_binomial, phi": ("p(s, n) ~ x + (1 | g)", "beta_binomial", {"phi": "~ x"}),
    "zero inflation": (
        "count ~ x + (1 | g)",
        "zero_inflated_negbinomial",
        {"zi": "~ z + (1 | g)", "shape": "~ x"},
    ),
    "hurdle": ("count ~ x + (1 | g)", "hurdle_poisson", {"hu": "~ x + (x | h)"}),
    "cumulative, disc": ("rating ~ x + (x | g)", "cumulative", {"disc": "~ 0 + x + (1 | h)"}),
    "sratio, disc": ("rating ~ x + (1 | g)", "sratio(cloglog)", {"disc": "~ 0 + f"}),
    "cratio, disc": ("rating ~ x", "cratio", {"disc": "~ 0 + z + (1 | g)"}),
    "acat, disc": ("rating ~ x + (1 | g)", "acat(probit)", {"disc": "~ z"}),
    "acat, at single thresholds": ("rating ~ x + cs(year) + (1 | g)", "acat", {}),
    "sratio, at single thresholds": (
        "rating ~ cs(x + f) + (x | g)",
        "sratio(cloglog)",
        {"disc": "~ 0 + z"},
    ),
    "cratio, at single thresholds": ("rating ~ year + cs(z)", "cratio(probit)", {}),
    "categorical": ("kind ~ x + (x | g)", "categorical", {}),
    "categorical, crossed": (
        "kind ~ year + offset(known) + (year | g) + (1 | h)",
        "categorical",
        {},
    ),
    "categorical, own formulas": (
        "kind ~ x + (1 | g)",
        "categorical",
        {"muc": "~ 0 + z + (1 | h)", "mud": "~ 1"},
    ),
    "equidistant, disc": (
        "rating ~ year + (1 | g)",
        "cumulative(probit, threshold=equidistant)",
        {"disc": "~ 0 + x"},
    ),
}
LINKED = {
    "linked, sigma": ("y ~ x + (1 | p | g)", "gaussian", {"sigma": "~ (1 | p | g)"}),
    "linked, far from zero": (
        "y ~ year + (1 + year | p | g) + (1 | h)",
        "gaussian",
        {"sigma": "~ year + (1 + year | p | g) + (1 | h)", "priors": {"cor:g": bm.LKJ(2)}},
    ),
    "linked, intercept as written": (
        "y ~ year + (1 + year | p | g)",
        "gaussian",
        {
            "sigma": "~ year + (1 + year | p | g)",
            "priors": {"sigma:sd:g:Intercept": bm.Prior("HalfNormal", sigma=1)},
        },
    ),
    "linked, two ids and others": (
        "y ~ x + (1 | p | g) + (0 + x | q | g) + (0 + z | g)",
        "student",
        {"sigma": "~ (1 | q | g) + (0 + z | p | g) + (0 + x | p | g)", "nu": "~ (1 | h)"},
    ),
    "linked, nested": ("y ~ x + (1 | 1 | g/h)", "gaussian", {"sigma": "~ (1 | 1 | g/h) + (1 | k)"}),
    "linked, in part": ("y ~ x + (1 | p | g/h)", "gaussian", {"sigma": "~ (x | p | g)"}),
    "linked, not with the formula": (
        "y ~ x + (x | g)",
        "student",
        {"sigma": "~ (1 | p | g)", "nu": "~ (1 | p | g)"},
    ),
    "linked, three": (
        "count ~ x + (x | p | g)",
        "zero_inflated_negbinomial",
        {"zi": "~ z + (1 | p | g)", "shape": "~ x + (1 | p | g) + (1 | h)"},
    ),
    "linked, categorical": ("kind ~ x + (year | p | g) + (1 | h)", "categorical", {}),
    "linked, disc": ("rating ~ x + (x | p | g)", "cumulative", {"disc": "~ 0 + x + (1 | p | g)"}),
    "one id": ("y ~ x + (1 | p | g) + (0 + z | g) + (0 + x | p | g)", "gaussian", {}),
}
OTHERS |= LINKED
SPECS |= {name: (formula, family, None, given) for name, (formula, family, given) in OTHERS.items()}
SOME = (
    "gaussian, sigma far from zero",
    "zero inflation",
    "linked, far from zero",
    "linked, two ids and others",
    "cumulative, disc",
    "acat, at single thresholds",
    "categorical, own formulas",
    "bernoulli(logit), two effects",
    "poisson(log), three crossed",
    "gaussian, weights, crossed",
    "known errors and a residual, two effects",
    "cumulative, far from zero",
    "acat(probit, threshold=equidistant), thresholds",
)


def spec_of(name: str):
    formula, family, link, options = SPECS[name]
    return bm.prepare(formula, counts(), family=bm.get_family(family, link=link), **options)


def density_of(spec, rng) -> Density:
    """A density in coordinates of nowhere in particular: exact whatever they are."""
    layout = layout_of(spec)
    d, k = layout.coordinates.size, layout.coordinates.sds
    coordinates = layout.coordinates.with_units(rng.uniform(0.3, 1, k.stop - k.start))
    values = coordinates.values(0.3 * rng.standard_normal((d, 1)))[:, 0]
    n = len(layout.offset)
    working = Working(rng.uniform(0.2, 1, n), rng.standard_normal(n), values)
    eliminated, _ = eliminate(layout, working)
    root = np.tril(0.1 * rng.standard_normal((d, d))) + 0.5 * np.eye(d)
    center = 0.1 * rng.standard_normal(d)
    return Density(layout, coordinates, Whitening(layout, eliminated), center, root)


@pytest.mark.parametrize("name", SPECS)
def test_the_gradient_is_that_of_differences(name):
    rng = np.random.default_rng(5)
    density = density_of(spec_of(name), rng)
    x = rng.standard_normal((density.layout.size, 3))
    point = density.at(x)
    step = 1e-4
    for i in rng.choice(len(x), min(len(x), 12), replace=False):
        shift = np.zeros((len(x), 1))
        shift[i] = step
        log = [density.at(x + k * shift).log_density for k in (-2, -1, 1, 2)]
        difference = (log[0] - 8 * log[1] + 8 * log[2] - log[3]) / (12 * step)
        rounding = 50 * np.finfo(float).eps * np.abs(point.log_density).max() / step
        np.testing.assert_allclose(point.gradient[i], difference, rtol=1e-7, atol=1e-8 + rounding)


def free_draws(density: Density, x: np.ndarray) -> dict[str, np.ndarray]:
    """Free variables of the joint model at points (d + m, M)."""
    layout = density.layout
    spec = layout.spec
    values, effects = density.effects(x)
    draws = as_written(layout, values.T)
    for factor, solved in zip(layout.factors, effects.solved, strict=True):
        sds, zeta = values[factor.sds].T, np.stack(solved.v, axis=-1)
        for term, place in factor.joint.members:
            draws[sd_variable(spec.part(term), term)] = sds[:, place]
            draws[term.names.zeta] = zeta[..., place]
        draws[factor.joint.names.free] = values[factor.free].T
    free = free_variables(spec, draws)
    if spec.family.thresholds is not None:  # made of `cutpoint_centred`
        del free["cutpoint"]
    return free


def log_jacobian(density: Density, x: np.ndarray) -> float:
    """Of the free variables (M = 1) by the whitened coordinates, by differences."""

    def flat(at: np.ndarray) -> np.ndarray:
        draws = free_draws(density, at)
        return np.concatenate([np.ravel(draws[name]) for name in sorted(draws)])

    columns = []
    step = 1e-3
    for i in range(len(x)):
        shift = np.zeros((len(x), 1))
        shift[i] = step
        far, near, close, beyond = (flat(x + k * shift) for k in (-2, -1, 1, 2))
        columns.append((far - 8 * near + 8 * close - beyond) / (12 * step))
    return float(np.linalg.slogdet(np.column_stack(columns))[1])


# Sides without a family of their own stand with bernoulli; PyMC compiles each for some seconds.
ALIKE = tuple(
    f"{family}, {side}"
    for family in ("binomial(logit)", "poisson(log)")
    for side in SIDES
    if side not in ("two effects", "nested twice", "three crossed", "offset", "far from zero")
)
COMPILED = [name for name in SPECS if name not in ALIKE]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in SOME else pytest.mark.slow) for name in COMPILED],
)
def test_the_density_is_pymcs_joint_density_with_the_jacobian_of_the_map(name):
    rng = np.random.default_rng(6)
    spec = spec_of(name)
    density = density_of(spec, rng)
    x = 0.7 * rng.standard_normal((density.layout.size, 1))
    draws = free_draws(density, x)
    model = spec.build()
    point = {}
    for variable in model.free_RVs:
        value = model.rvs_to_values[variable]
        transform = model.rvs_to_transforms[variable]
        own = np.asarray(draws[variable.name][0])
        if transform is not None:
            own = transform.forward(own, *variable.owner.inputs).eval()
        point[value.name] = own
    theirs = float(model.compile_logp(jacobian=False, mode="FAST_COMPILE")(point))
    ours = float(density.at(x).log_density[0])
    assert ours == pytest.approx(theirs + log_jacobian(density, x), rel=1e-8)


@pytest.mark.parametrize("name", ["two effects", "nested", "weights"])
def test_effects_of_a_gaussian_likelihood_are_exactly_standard_normal(name):
    """At the sigma of the working model, and at the sds that factors were eliminated at."""
    spec = GAUSSIAN_CASES[name].spec()
    layout = layout_of(spec)
    rng = np.random.default_rng(7)
    d = layout.coordinates.size
    values = layout.coordinates.values(0.2 * rng.standard_normal((d, 1)))[:, 0]
    sigma = values[layout.coordinates.auxiliary["sigma"].start]
    weights = np.ones(layout.n_rows) if spec.design.weights is None else layout.rows.weights
    working = Working(weights / sigma**2, layout.y - layout.offset, values)
    eliminated, _ = eliminate(layout, working)
    center = layout.coordinates.back(values[:, None])[:, 0]
    density = Density(layout, layout.coordinates, Whitening(layout, eliminated), center, np.eye(d))
    x = np.zeros((layout.size, 40))
    x[d:] = rng.standard_normal((layout.size - d, 40))
    log = density.at(x).log_density + 0.5 * (x[d:] ** 2).sum(axis=0)
    np.testing.assert_allclose(log, log[0], rtol=1e-10)
    np.testing.assert_allclose(density.at(x).gradient[d:], -x[d:], atol=1e-8)
