"""The exact method against PyMC's joint density and against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.blocks.crossproducts import cross_products
from bayesmix.engines.exact import sampler
from bayesmix.engines.exact.learning import learn
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.sampler import Limits, sample_exact
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.engines.run import ENGINES, chosen
from bayesmix.model.centring import sd_variable
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.options import ENGINE_WORDS, SampleOptions
from gaussian import CASES, dense, frame

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def points(space: ThetaSpace, n: int = 3) -> np.ndarray:
    rng = np.random.default_rng(21)
    return rng.normal(-0.3, 0.5, size=(n, space.size))


@pytest.mark.slow
@cases
def test_marginal_density_is_pymcs_joint_density_less_the_conditional(case):
    """p(y, u, beta, theta) / p(u, beta | y, theta) = p(y, theta), at any u and beta."""
    spec = case.spec()
    space = ThetaSpace.of(spec)
    x = points(space)
    model = marginal_of(spec).model
    ours = model.log_density(space.theta(x)) + space.log_prior(x)

    joint_model = spec.build()
    joint = joint_model.compile_logp(mode="FAST_COMPILE")
    sds, partials, sigma = space.split(x)
    theta = space.theta(x)
    rng = np.random.default_rng(22)
    for b in range(len(x)):
        algebra = dense(spec, theta, b)
        mean, covariance = algebra.posterior()
        effects = rng.normal(mean, np.sqrt(np.diag(covariance)))
        draws = {"sigma": sigma[b]}
        start = 0
        for t, term in enumerate(spec.design.groups):
            size = term.n_levels * term.n_effects
            draws[f"zeta_{term.factor}"] = effects[start : start + size].reshape(
                term.n_levels, term.n_effects
            )
            draws[sd_variable(spec, term)] = sds[t][b]
            draws[f"free_{term.factor}"] = partials[t][b]
            start += size
        point = value_point(spec, joint_model, draws, effects[start:])
        conditional = stats.multivariate_normal(mean, covariance, allow_singular=True)
        # PyMC's logodds of (1 + w) / 2 is twice the atanh of w.
        jacobian = np.log(2) * sum(len(pairs) for pairs in space.correlations)
        theirs = joint(point) - conditional.logpdf(effects) + jacobian
        assert ours[b] == pytest.approx(theirs, rel=1e-8)


def value_point(spec, model, draws, centred):
    """Values of the model's free variables on PyMC's unconstrained scale."""
    free = dict(draws)
    design = spec.design
    if design.has_intercept:
        free["Intercept_centred"], free["slope"] = centred[0], centred[1:]
    else:
        free["beta"] = centred
    for term in design.groups:
        free[f"lkj_{term.factor}"] = (1 + draws[f"free_{term.factor}"]) / 2
        name = sd_variable(spec, term)
        for effect, sd in zip(term.effects, draws[name], strict=True):
            free[f"{name}_{effect}"] = sd
    point = {}
    for rv in model.free_RVs:
        value = np.asarray(free[rv.name], dtype=float)
        transform = model.rvs_to_transforms[rv]
        if transform is not None:
            value = transform.forward(value, *rv.owner.inputs).eval()
        point[model.rvs_to_values[rv].name] = value
    return point


@cases
def test_exact_draws_have_the_moments_of_the_conditional(case):
    spec = case.spec()
    space = ThetaSpace.of(spec)
    B = 4000
    x = np.repeat(points(space, 1), B, axis=0)
    theta = space.theta(x)
    marginal = marginal_of(spec)
    model, mean = marginal.model, marginal.mean
    drawn = model.draw(theta, np.random.default_rng(23))
    draws = np.hstack([*(zeta.reshape(B, -1) for zeta in drawn.zeta), drawn.beta + mean])
    expected, covariance = dense(spec, theta, 0).posterior()
    # Whitened, the draws are independent standard normals.
    white = np.linalg.solve(np.linalg.cholesky(covariance), (draws - expected).T)
    z = np.sqrt(B) * white.mean(axis=1)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    product = (white @ white.T - B * np.eye(len(white))) / np.sqrt(B)
    lower = product[np.tril_indices(len(white), -1)]
    if len(lower) > 1:
        assert stats.kstest(lower, "norm").pvalue > 1e-3
    assert np.abs(np.diag(product)).max() / np.sqrt(2) < 5


@cases
def test_batches_and_threads_do_not_change_the_numbers(case):
    from concurrent.futures import ThreadPoolExecutor

    spec = case.spec()
    space = ThetaSpace.of(spec)
    theta = space.theta(points(space, 40))
    model = marginal_of(spec).model
    together = model.log_density(theta)
    one_by_one = np.concatenate([model.log_density(theta[b : b + 1]) for b in range(40)])
    np.testing.assert_allclose(together, one_by_one, rtol=1e-12)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(model.log_density(theta, pool.map), together)


@cases
def test_cross_products_add_up(case):
    design = case.spec().design
    center, mean = np.zeros(design.n_terms), np.zeros(design.n_terms)
    rng = np.random.default_rng(24)
    shifts = [rng.normal(size=term.n_effects) for term in design.groups]
    whole = cross_products(design, center, mean, shifts)
    parts = cross_products(design, center, mean, shifts, rows_at_once=17)
    W = np.ones(design.n_rows) if design.weights is None else design.weights
    y = design.y - (0 if design.offset is None else design.offset)
    columns = np.column_stack([design.X, y])
    np.testing.assert_allclose(whole.corner, columns.T @ (columns * W[:, None]))
    assert whole.n_rows == parts.n_rows == design.n_rows
    assert whole.log_weights == pytest.approx(parts.log_weights, abs=1e-12)
    np.testing.assert_allclose(whole.corner, parts.corner)
    for t, term in enumerate(design.groups):
        for level in range(term.n_levels):
            rows = term.codes == level
            Z = term.Z[rows] - shifts[t]
            gram = Z.T @ (Z * W[rows, None])
            np.testing.assert_allclose(whole.diagonal[t][level], gram, atol=1e-12)
            np.testing.assert_allclose(parts.diagonal[t][level], gram, atol=1e-12)
        np.testing.assert_allclose(whole.border[t], parts.border[t], atol=1e-10)
    for pair, blocks in whole.cross.items():
        np.testing.assert_array_equal(blocks.row, parts.cross[pair].row)
        np.testing.assert_array_equal(blocks.column, parts.cross[pair].column)
        np.testing.assert_allclose(blocks.values, parts.cross[pair].values, atol=1e-12)


def test_a_theta_beyond_the_machine_is_nan_and_spoils_no_other():
    spec = CASES["crossed with slopes"].spec()
    space = ThetaSpace.of(spec)
    x = points(space, 4)
    model = marginal_of(spec).model
    good = model.log_density(space.theta(x))
    x[2, 0] = np.nan
    values = model.log_density(space.theta(x))
    assert np.isnan(values[2])
    np.testing.assert_allclose(values[[0, 1, 3]], good[[0, 1, 3]], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two effects", "nested", "crossed with slopes", "no groups"])
def test_cores_and_seeds(name):
    spec = CASES[name].spec()
    options = {"draws": 200, "chains": 2, "random_seed": 5}
    one = sample_exact(spec, cores=1, **options)
    two = sample_exact(spec, cores=2, **options)
    other = sample_exact(spec, cores=2, **(options | {"random_seed": 6}))
    for variable, values in one.values.items():
        np.testing.assert_array_equal(values, two.values[variable])
    assert not np.array_equal(one.values["beta"], other.values["beta"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"priors": {"x": bm.Prior("StudentT", nu=4, mu=0, sigma=1)}}, "beta:x is StudentT"),
        ({"priors": {"Intercept": bm.Prior("Flat")}}, "Intercept is Flat"),
    ],
)
def test_marginal_says_why_not(options, words):
    spec = bm.prepare("y ~ x + (x | g)", frame(), **options)
    assert words in effects_obstacle(spec)
    with pytest.raises(bm.BayesmixError, match=words.split(" is")[0]):
        bm.fit("y ~ x + (x | g)", frame(), method="exact", **options)


def test_marginal_refuses_other_families():
    data = frame().assign(y=lambda d: (d["y"] > 50).astype(int))
    with pytest.raises(bm.BayesmixError, match="bernoulli family is not Gaussian"):
        bm.fit("y ~ x + (x | g)", data, family="bernoulli", method="exact")


def test_what_does_not_settle_goes_to_the_next_method_and_says_so(monkeypatch):
    import dataclasses

    from bayesmix.engines.exact import engine
    from bayesmix.engines.exact import sampler as exact

    def unsettled(spec, **options):
        drawn = exact.sample_exact(spec, **options)
        return dataclasses.replace(drawn, theta=dataclasses.replace(drawn.theta, settled=False))

    monkeypatch.setattr(engine, "sample_exact", unsettled)
    fit = bm.fit("y ~ x + (x | g)", frame(), random_seed=1)
    assert fit.idata.attrs["method"] == "whitened"
    assert "did not settle" in repr(fit)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["dear_step", "sparing_step"])
@pytest.mark.parametrize("good", [0.0, 1.1])
@pytest.mark.parametrize("name", ["two effects", "three effects", "nested", "crossed with slopes"])
def test_dear_densities_take_long_chains_to_the_same_posterior(name, good, limit):
    from arviz_stats.base import array_stats

    spec = CASES[name].spec()
    options = {"draws": 1000, "chains": 4, "cores": 2}
    short = sample_exact(spec, random_seed=7, limits=Limits(dear_step=np.inf), **options)
    limits = Limits(**({"dear_step": 0.0} | {limit: 0.0}), good_proposal=good)
    long = sample_exact(spec, random_seed=8, limits=limits, **options)
    assert short.theta.index is None
    assert long.theta.index is not None
    z = []
    for variable in short.values:
        if variable.startswith("cor_"):  # partial correlations, and the ones of a diagonal
            continue
        a, b = (np.moveaxis(drawn.values[variable], (0, 1), (-2, -1)) for drawn in (short, long))
        a, b = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
        error = np.hypot(array_stats.mcse(a, method="mean"), array_stats.mcse(b, method="mean"))
        z.extend((a.mean(axis=(1, 2)) - b.mean(axis=(1, 2))) / error)
    assert np.abs(z).max() < stats.norm.isf(0.0005 / len(z))


def test_poor_proposals_of_dear_densities_are_learnt_again_and_take_more_steps(monkeypatch):
    rounds = []

    def counted(*arguments, points, **options):
        rounds.append(points)
        return learn(*arguments, points=points, **options)

    monkeypatch.setattr(sampler, "learn", counted)
    spec, options = CASES["two effects"].spec(), {"draws": 200, "chains": 4, "cores": 1}
    found = {}
    for name, good, patience in (("good", 0.0, 3), ("poor", 1.1, 3), ("hopeless", 1.1, 0)):
        limits = Limits(dear_step=0.0, sparing_step=0.0, good_proposal=good, patience=patience)
        rounds.clear()
        sampled = sample_exact(spec, random_seed=3, limits=limits, **options).theta
        found[name] = (len(rounds), sampled.steps, sampled.index is not None)
        assert sampled.settled
    (once, few, _), (twice, more, long), (again, _, of_hopeless) = found.values()
    assert (once, twice, again) == (1, 2, 2)
    assert few <= 2 < 16 <= more
    assert long
    assert not of_hopeless


def test_a_sigma_that_rounding_hides_has_no_density():
    spec = CASES["two effects"].spec()
    space = ThetaSpace.of(spec)
    model = marginal_of(spec).model
    x = np.zeros((20, space.size))
    x[:, -1] = np.linspace(0, -25, 20)
    theta = space.theta(x)
    log = model.log_density(theta)
    assert np.isnan(log[theta.sigma < 1e-8]).all()
    assert np.isfinite(log[theta.sigma > 1e-5]).all()


def test_too_few_draws_to_judge(load):
    for draws, chains in ((1, 4), (3, 2), (2, 1)):
        with pytest.warns(bm.ConvergenceWarning, match="per chain cannot tell whether") as caught:
            fit = bm.fit(
                "Reaction ~ Days + (1 | Subject)",
                load("sleepstudy"),
                draws=draws,
                chains=chains,
                random_seed=1,
                progressbar=False,
            )
        assert len(caught) == 1
        assert "refit with more draws" in repr(fit)


def test_what_numpy_does_at_errors_is_the_users_and_does_not_matter(load):
    options = {"draws": 250, "random_seed": 1, "progressbar": False}
    plain = bm.fit("Reaction ~ Days + (Days | Subject)", load("sleepstudy"), **options)
    with np.errstate(all="raise"):
        strict = bm.fit("Reaction ~ Days + (Days | Subject)", load("sleepstudy"), **options)
    assert strict.posterior.equals(plain.posterior)


def test_a_slash_in_the_name_of_a_factor(load, tmp_path):
    data = load("sleepstudy").rename(columns={"Subject": "ward/bed"})
    fit = bm.fit("Reaction ~ Days + (Days | `ward/bed`)", data, random_seed=1, progressbar=False)
    assert fit.ranef("ward/bed")["group_var"].unique().tolist() == ["ward/bed"]
    fit.save(tmp_path / "a.fit")
    again = bm.load(tmp_path / "a.fit")
    pd.testing.assert_frame_equal(again.epred(data.head(3)), fit.epred(data.head(3)))


def test_the_earlier_name_of_the_method(load):
    options = {"draws": 250, "random_seed": 1, "progressbar": False}
    fits = [
        bm.fit("Reaction ~ Days + (1 | Subject)", load("sleepstudy"), method=method, **options)
        for method in ("exact", "marginal", "auto")
    ]
    assert [fit.options.method for fit in fits] == ["exact", "exact", "auto"]
    assert {fit.idata.attrs["method"] for fit in fits} == {"exact"}
    assert all(fit.posterior.equals(fits[0].posterior) for fit in fits)


def test_each_engine_has_its_word():
    assert [engine.name for engine in ENGINES] == list(ENGINE_WORDS)


def test_options_of_nuts_ask_for_nuts(load):
    spec = bm.prepare("Reaction ~ Days + (1 | Subject)", load("sleepstudy"))
    names = [
        [engine.name for engine in chosen(spec, SampleOptions(**options))]
        for options in ({}, {"nuts": {}}, {"nuts_sampler": "pymc"}, {"method": "exact", "nuts": {}})
    ]
    every = ["exact", "whitened", "nuts"]
    assert names == [every, ["nuts"], ["nuts"], every]
    counts = bm.prepare("k ~ 1", load("sleepstudy").assign(k=1), family="poisson")
    assert [engine.name for engine in chosen(counts, SampleOptions())] == ["whitened", "nuts"]
    with pytest.raises(bm.BayesmixError, match="but the poisson family is not Gaussian"):
        chosen(counts, SampleOptions(method="exact"))
