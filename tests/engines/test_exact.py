"""The exact method against NUTS, on hard cases, and its sampler on known densities."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from scipy import stats

import bayesmix as bm
from bayesmix.blocks.plan import marginal_model
from bayesmix.engines.exact.chains import (
    covers,
    has_stuck,
    learn_from,
    long_chains,
    short_chains,
)
from bayesmix.engines.exact.drawn import ExactDraws
from bayesmix.engines.exact.learning import Learnt, NowhereError, learn
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.mixture import Mixture
from bayesmix.engines.exact.sampler import sample_exact
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.engines.run import sample
from bayesmix.model.centring import scale_as_written, sd_and_cor
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from cases import BY_ID
from gaussian import CASES
from hard_cases import HARD, walk

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

Draws = dict[str, np.ndarray]

REAL = (
    "gpa-slopes",
    "sleepstudy-slopes",
    "sleepstudy-uncorrelated",
    "pupils-slopes",
    "pupils-combinations",
    "penicillin-crossed",
    "pastes-nested",
)
# Against NUTS where NUTS on the joint model is at ease, against walkers on theta elsewhere.
HARD_FOR_NUTS = (
    "dyestuff2",
    "tiny slope sd",
    "five groups",
    "five effects",
    "correlation 0.99",
    "two factors, q = 4",
)
SLOW_TO_SAMPLE = ("two factors, q = 4", "five effects", "five effects, six groups")
LEVELS_COMPARED = 25


# -------------------------------------------------------------------- comparing draws


def largest_z(ours: Draws, theirs: Draws) -> dict[str, float]:
    """Differences of mean, sd, 2.5 % and 97.5 % in combined Monte-Carlo standard errors.

    Draws have shape (chain, draw); returns the largest of the four for each name.
    """
    result = {}
    for name, draws in ours.items():
        a, a_error = estimates(draws)
        b, b_error = estimates(theirs[name])
        result[name] = float(np.abs((a - b) / np.hypot(a_error, b_error)).max())
    return result


def estimates(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.025, 0.975])]
    kinds = ({"method": "mean"}, {"method": "sd"}, *QUANTILES)
    errors = [array_stats.mcse(draws, chain_axis=0, draw_axis=1, **kind) for kind in kinds]
    return np.array(values), np.array(errors, dtype=float)


QUANTILES = ({"method": "quantile", "prob": 0.025}, {"method": "quantile", "prob": 0.975})


def allowed(comparisons: int) -> float:
    """Bonferroni's bound of the largest |z| at 0.1 %, and never less than 4."""
    return max(4.0, float(stats.norm.isf(0.5e-3 / comparisons)))


def parameters(spec: ModelSpec, values: Draws) -> Draws:
    """Sds, correlations and sigma by name, from arrays named as in the posterior."""
    draws = {}
    for term in spec.design.groups:
        for i, effect in enumerate(term.effects):
            draws[f"sd {term.factor} {effect}"] = values[f"sd_{term.factor}"][..., i]
        cor = correlations(term, values)
        for block in term.blocks:
            for i in block:
                for j in block:
                    if j < i:
                        name = f"cor {term.factor} {term.effects[i]} {term.effects[j]}"
                        draws[name] = cor[..., i, j]
    return draws | {"sigma": values["sigma"]}


def correlations(term, values):
    identity = np.broadcast_to(np.eye(term.n_effects), (1, 1, term.n_effects, term.n_effects))
    return values.get(f"cor_{term.factor}", identity)


def population_effects(spec: ModelSpec, values: Draws) -> Draws:
    return {f"beta {term}": values["beta"][..., i] for i, term in enumerate(spec.design.terms)}


def some_group_effects(spec: ModelSpec, values: Draws) -> Draws:
    draws = {}
    for term in spec.design.groups:
        step = -(-term.n_levels // LEVELS_COMPARED)
        for level in range(0, term.n_levels, step):
            for i, effect in enumerate(term.effects):
                name = f"u {term.factor} {term.levels[level]} {effect}"
                draws[name] = values[f"u_{term.factor}"][..., level, i]
    return draws


def on_log_scale(draws: Draws) -> Draws:
    """Sds as logarithms: with three groups their tails are too heavy for an sd of the sd."""
    return {k: v if k.startswith(("cor", "beta")) else np.log(v) for k, v in draws.items()}


def exact(spec: ModelSpec, *, draws=1000, chains=4, random_seed=1):
    return sample_exact(spec, draws=draws, chains=chains, cores=2, random_seed=random_seed)


@functools.cache
def hard(name: str) -> tuple[ModelSpec, ExactDraws]:
    spec = HARD[name].spec()
    return spec, exact(spec)


def long_nuts(spec: ModelSpec, draws: int = 4000) -> Draws:
    options = SampleOptions(
        method="nuts",
        draws=draws,
        nuts={"target_accept": 0.95},
        random_seed=2,
        progressbar=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        posterior = sample(spec, options)["posterior"].dataset
    return {name: array.to_numpy() for name, array in posterior.data_vars.items()}


# -------------------------------------------------------------------- the same posterior


@pytest.mark.slow
@pytest.mark.parametrize("case_id", REAL)
def test_same_posterior_as_nuts(case_id, load):
    case = BY_ID[case_id]
    spec = bm.prepare(case.formula, load(case.dataset))
    ours, theirs = exact(spec).values, long_nuts(spec)
    z = largest_z(
        parameters(spec, ours) | population_effects(spec, ours),
        parameters(spec, theirs) | population_effects(spec, theirs),
    )
    assert max(z.values()) < allowed(4 * len(z)), z
    z = largest_z(some_group_effects(spec, ours), some_group_effects(spec, theirs))
    assert max(z.values()) < allowed(4 * len(z)), z


# -------------------------------------------------------------------- hard cases


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW_TO_SAMPLE else [])
        for name in HARD
    ],
)
def test_hard_cases_are_well_sampled(name):
    spec, drawn = hard(name)
    assert drawn.theta.settled
    for parameter, draws in parameters(spec, drawn.values).items():
        assert array_stats.rhat(draws, chain_axis=0, draw_axis=1) <= 1.01, parameter
        assert array_stats.ess(draws, chain_axis=0, draw_axis=1, method="bulk") >= 400, parameter


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD_FOR_NUTS)
def test_hard_cases_agree_with_nuts(name):
    spec, drawn = hard(name)
    ours, theirs = drawn.values, long_nuts(spec, 1000 if name == "two factors, q = 4" else 4000)
    z = largest_z(
        on_log_scale(parameters(spec, ours)) | population_effects(spec, ours),
        on_log_scale(parameters(spec, theirs)) | population_effects(spec, theirs),
    )
    assert max(z.values()) < allowed(4 * len(z)), z


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HARD if name not in HARD_FOR_NUTS])
def test_hard_cases_agree_with_walkers(name):
    """An ensemble sampler that shares nothing with ours but the density, which PyMC's confirms."""
    spec, drawn = hard(name)
    space = ThetaSpace.of(spec)
    model = marginal_of(spec).model

    def density(x):
        values = np.full(len(x), -np.inf)
        inside = space.inside(x)
        with np.errstate(all="ignore"):
            log = model.log_density(space.theta(x[inside])) + space.log_prior(x[inside])
        values[inside] = np.where(np.isfinite(log), log, -np.inf)
        return values

    rng = np.random.default_rng(3)
    if name == "tiny sigma":
        # The prior is so far away that walkers from there end where rounding rules.
        draws = drawn.theta.x.reshape(-1, space.size)
        start = draws.mean(axis=0) + 3 * (draws[:400] - draws.mean(axis=0))
    else:
        candidates = space.candidates(rng, 5000)
        start = candidates[np.argsort(-density(candidates))[:400]]
    x = walk(density, start, rng)
    sds, partials, sigma = space.split(x)
    theirs = {"sigma": sigma}
    for term, sd, partial in zip(spec.design.groups, sds, partials, strict=True):
        pairs = spec.correlations(term)
        root = sd[..., None] * pairs.factor(partial)
        written = sd_and_cor(scale_as_written(spec.centre(term), root))
        theirs |= dict(zip((f"sd_{term.factor}", f"cor_{term.factor}"), written, strict=True))
    z = largest_z(
        on_log_scale(parameters(spec, drawn.values)),
        on_log_scale(parameters(spec, theirs)),
    )
    assert max(z.values()) < allowed(4 * len(z)), z


@pytest.mark.parametrize(("draws", "chains"), [(50, 2), (1000, 1), (1, 1), (3, 7)])
def test_few_draws_and_chains(draws, chains):
    spec = HARD["five groups"].spec()
    drawn = exact(spec, draws=draws, chains=chains)
    assert drawn.theta.settled
    assert drawn.values["beta"].shape == (chains, draws, 2)
    assert all(np.isfinite(values).all() for values in drawn.values.values())


def test_one_chain_draws_the_same_posterior_as_four():
    spec = HARD["five groups"].spec()
    one = on_log_scale(parameters(spec, exact(spec, chains=1, draws=4000).values))
    four = on_log_scale(parameters(spec, exact(spec, random_seed=7).values))
    z = largest_z({k: v.reshape(4, -1) for k, v in one.items()}, four)
    assert max(z.values()) < allowed(4 * len(z)), z


def test_the_scale_of_the_response_changes_nothing():
    small, large = (HARD[f"y times {factor}"].spec() for factor in ("1e-6", "1e6"))
    a, b = (parameters(spec, exact(spec).values) for spec in (small, large))
    for name in a:
        unit = 1.0 if name.startswith("cor") else 1e12
        rounding = 1e-7 * b[name].std()  # a correlation may be near 0
        np.testing.assert_allclose(b[name], unit * a[name], rtol=1e-5, atol=rounding, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "formula",
    [
        "group ~ 1 + (1 | g)",
        "line ~ x + z",
        "line ~ x + z + (1 | g)",
        "both ~ x + (1 | g)",
        "both ~ 1 + (x | g)",
        "whole ~ x + (x | g)",
    ],
)
@pytest.mark.parametrize("unit", [1.0, 1e-60, 1e60])
def test_a_response_that_is_explained_exactly(formula, unit):
    """There is no posterior: the density of sigma grows without end towards 0."""
    rng = np.random.default_rng(1)
    g, u = np.repeat(np.arange(12), 5), rng.normal(size=12)
    x, z = rng.normal(size=(2, 60))
    data = pd.DataFrame({"g": g, "x": x, "z": z, "group": u[g], "whole": np.round(u)[g]})
    data["line"], data["both"] = 2 * x + 3 * z, u[g] + 1.5 * x
    data[["group", "whole", "line", "both"]] *= unit
    words = r"explains the response '\w+' exactly.*Look for columns or levels"
    with pytest.raises(bm.BayesmixError, match=words):
        bm.fit(formula, data, random_seed=1, progressbar=False)


@pytest.mark.parametrize("gain", [0.0, np.inf])
@pytest.mark.parametrize(
    "name", ["crossed", "crossed with slopes", "three crossed", "nested and crossed", "weights"]
)
def test_dense_and_sparse_couplings_give_the_same_density(name, gain):
    spec = CASES[name].spec()
    space = ThetaSpace.of(spec)
    theta = space.theta(np.random.default_rng(1).normal(-0.3, 0.5, size=(5, space.size)))
    model = marginal_of(spec).model
    chosen = model.log_density(theta)
    forced = marginal_model(model.products, model.precision, model.patterns, dense_gain=gain)
    if name != "weights":
        assert (forced.first.columns is None) == (gain == 0)
    np.testing.assert_allclose(forced.log_density(theta), chosen, rtol=1e-10)


# -------------------------------------------------------------------- known densities


@dataclasses.dataclass(frozen=True)
class Known:
    """A log density and independent draws from it."""

    log_density: Callable[[np.ndarray], np.ndarray]
    draw: Callable[[np.random.Generator, int], np.ndarray]
    size: int


def banana() -> Known:
    def draw(rng, n):
        z = rng.standard_normal((n, 2))
        return np.column_stack([2 * z[:, 0], z[:, 1] + 0.5 * (4 * z[:, 0] ** 2 - 4)])

    return Known(
        lambda x: -0.5 * (x[:, 0] ** 2 / 4 + (x[:, 1] - 0.5 * (x[:, 0] ** 2 - 4)) ** 2), draw, 2
    )


def funnel() -> Known:
    def draw(rng, n):
        z = rng.standard_normal((n, 2))
        return np.column_stack([1.5 * z[:, 0], np.exp(0.75 * z[:, 0]) * z[:, 1]])

    return Known(
        lambda x: -0.5 * (x[:, 0] ** 2 / 2.25 + x[:, 1] ** 2 * np.exp(-x[:, 0]) + x[:, 0]), draw, 2
    )


def heavy_tails(d: int = 10, freedom: int = 9) -> Known:
    covariance = 0.8 ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    t = stats.multivariate_t(np.ones(d), covariance, freedom)
    return Known(t.logpdf, lambda rng, n: t.rvs(n, random_state=rng), d)


def two_modes(distance: float) -> Known:
    centre = np.array([distance, 0.0])

    def log_density(x):
        return np.logaddexp(
            np.log(0.3) - 0.5 * (x**2).sum(axis=1),
            np.log(0.7) - 0.5 * ((x - centre) ** 2).sum(axis=1),
        )

    def draw(rng, n):
        return rng.standard_normal((n, 2)) + centre * (rng.random((n, 1)) < 0.7)

    return Known(log_density, draw, 2)


KNOWN = {
    "banana": banana(),
    "funnel": funnel(),
    "heavy tails": heavy_tails(),
    "two modes": two_modes(5.0),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("run", [short_chains, long_chains])
def test_known_densities(name, run):
    known = KNOWN[name]
    rng = np.random.default_rng(31)
    learnt = learn(known.log_density, np.full(known.size, 0.5), rng)
    drawn = run(known.log_density, learnt, chains=4, draws=2000, rng=rng)
    assert drawn.settled
    np.testing.assert_allclose(
        drawn.log_density.ravel(), known.log_density(drawn.x.reshape(-1, known.size))
    )
    truth = known.draw(rng, 40_000).reshape(4, -1, known.size)
    z = largest_z(*({str(i): x[..., i] for i in range(known.size)} for x in (drawn.x, truth)))
    assert max(z.values()) < allowed(4 * len(z)), z


@pytest.mark.slow
@pytest.mark.parametrize("run", [short_chains, long_chains])
def test_draws_of_short_and_long_chains_are_not_biased(run):
    """Many short runs, pooled: what a single run could hide in its Monte-Carlo error."""
    known = two_modes(5.0)
    rng = np.random.default_rng(32)
    learnt = learn(known.log_density, np.zeros(2), rng)
    shares = [
        (run(known.log_density, learnt, chains=4, draws=50, rng=rng).x[..., 0] > 2.5).mean()
        for _ in range(200)
    ]
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.7) < 4 * error


def test_a_proposal_that_is_never_accepted_is_not_settled():
    known = two_modes(5.0)
    rng = np.random.default_rng(35)
    learnt = learn(known.log_density, np.zeros(2), rng)
    # A density that no proposal meets: far away and narrow.
    drawn = short_chains(
        lambda x: -0.5 * (((x - 1e3) / 1e-3) ** 2).sum(axis=1),
        learnt,
        chains=2,
        draws=50,
        rng=rng,
        most_steps=20,
    )
    assert not drawn.settled


def test_an_impossible_density_is_an_error():
    learnt = learn(two_modes(5.0).log_density, np.zeros(2), np.random.default_rng(36))
    with pytest.raises(NowhereError, match="zero wherever"):
        short_chains(
            lambda x: np.full(len(x), -np.inf),
            learnt,
            chains=2,
            draws=10,
            rng=np.random.default_rng(37),
        )


def test_long_chains_that_stick_go_on_with_a_better_proposal():
    """Log of an exponential variable: a long arm to the left, which a narrow proposal misses."""

    def density(x: np.ndarray) -> np.ndarray:
        return x[:, 0] - np.exp(x[:, 0])

    rng = np.random.default_rng(3)
    narrow = Mixture(np.ones(1), np.zeros((1, 1)), np.full((1, 1, 1), 0.25))
    learnt = Learnt(narrow, np.zeros((1, 1)), 1.0)
    sampled = long_chains(density, learnt, chains=4, draws=1000, rng=rng)
    assert has_stuck(sampled)
    rounds = 0
    while has_stuck(sampled) and rounds < 4:
        learnt = learn_from(sampled, learnt, rng)
        sampled = long_chains(density, learnt, chains=4, draws=1000, thin=2, rng=rng)
        rounds += 1
    assert sampled.x.shape == (4, 1000, 1)
    assert sampled.steps == 2
    assert not has_stuck(sampled)
    error = sampled.x.std() / np.sqrt(800)
    assert abs(sampled.x.mean() + np.euler_gamma) < 4 * error
    assert not has_stuck(long_chains(density, learnt, chains=2, draws=10, rng=rng))


def test_long_chains_that_stay_for_long_do_not_cover():
    """One draw in 200 is far out, where the proposal hardly goes: the effective sample is large."""
    rng = np.random.default_rng(6)
    shares, far = np.array([199, 1]) / 200, np.array([[0.0], [10.0]])

    def density(x: np.ndarray) -> np.ndarray:
        return np.log(shares @ np.exp(-0.5 * (x - far.T) ** 2).T)

    ones = np.ones((2, 1, 1))
    stays = {}
    for share in (0.0001, 0.05):
        proposal = Mixture(np.array([1 - share, share]), far, ones)
        sampled = long_chains(
            density, Learnt(proposal, far, 1.0), chains=4, draws=2000, thin=4, rng=rng
        )
        assert not has_stuck(sampled)
        stays[share] = sampled.stay
        assert covers(sampled) == (share == 0.05)
    assert stays[0.0001] > 5 > 1 > stays[0.05]


def test_good_proposals_take_few_steps_and_poor_ones_more():
    known = KNOWN["heavy tails"]
    steps = []
    for efficiency in (0.7, 0.2):
        rng = np.random.default_rng(7)
        learnt = learn(known.log_density, np.zeros(known.size), rng)
        learnt = dataclasses.replace(learnt, efficiency=efficiency)
        steps.append(short_chains(known.log_density, learnt, chains=4, draws=500, rng=rng).steps)
    assert steps[0] < steps[1]
