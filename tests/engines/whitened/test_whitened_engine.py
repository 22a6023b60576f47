"""The whitened engine as a method of `fit`: draws, seeds, choices, interrupts, memory."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmix as bm
from bayesmix.engines.nuts.engine import Nuts
from bayesmix.engines.run import chosen, sample
from bayesmix.engines.whitened import passes
from bayesmix.engines.whitened.draws import Drawing
from bayesmix.engines.whitened.engine import Whitened
from bayesmix.engines.whitened.layout import layout_of
from bayesmix.engines.whitened.sampler import Limits, sample_whitened
from bayesmix.engines.whitened.team import sizes_of, spread_on
from bayesmix.model.options import SampleOptions
from bayesmix.posterior.diagnostics import parameter_diagnostics

QUIET = {"random_seed": 1, "progressbar": False}
OPTIONS = SampleOptions(**QUIET)


@pytest.fixture(scope="module")
def toads() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 240
    g, h = rng.integers(0, 16, n), rng.integers(0, 8, n)
    x = rng.standard_normal(n)
    eta = 0.4 + 0.5 * x + rng.normal(0, 0.6, 16)[g] + rng.normal(0, 0.4, 8)[h]
    return pd.DataFrame(
        {
            "y": eta + rng.normal(0, 0.8, n),
            "yes": rng.binomial(1, 1 / (1 + np.exp(-eta))),
            "count": rng.poisson(np.exp(eta)),
            "x": x,
            "g": g,
            "h": h,
        }
    )


@pytest.fixture(scope="module")
def binary(toads) -> bm.MixedFit:
    return bm.fit("yes ~ x + (x | g) + (1 | h)", toads, family="bernoulli", **QUIET)


def compare(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Differences of means and sds (2, k) of draws (chain, draw, k), in Monte-Carlo errors."""
    from arviz_stats.base import array_stats

    def figures(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        stacked = np.moveaxis(draws, -1, 0)
        errors = [array_stats.mcse(stacked, method=method) for method in ("mean", "sd")]
        return np.array([draws.mean(axis=(0, 1)), draws.std(axis=(0, 1))]), np.array(errors)

    (value, error), (other, other_error) = figures(ours), figures(theirs)
    return (value - other) / np.hypot(error, other_error)


@pytest.mark.slow
def test_a_gaussian_model_has_the_posterior_of_the_exact_method(toads):
    formula = "y ~ x + (x | g) + (1 | h)"
    fits = [
        bm.fit(formula, toads, method=method, draws=2000, **QUIET)
        for method in ("whitened", "exact")
    ]
    names = ["beta", "sd_g", "sd_h", "lkj_g", "sigma", "u_h"]
    ours, theirs = (
        np.concatenate(
            [fit.posterior[name].to_numpy().reshape(4, 2000, -1) for name in names], axis=-1
        )
        for fit in fits
    )
    z = compare(ours, theirs)
    assert np.abs(z).max() < stats.norm.isf(0.0005 / z.size)


def test_a_fit_is_by_the_whitened_method_and_says_so(binary):
    assert binary.idata.attrs["method"] == "whitened"
    assert "Whitened HMC, 4 chains x 1000 draws" in str(binary.summary())
    figures = binary.diagnostics()
    assert figures["r_hat"].max() < 1.01
    assert figures[["ess_bulk", "ess_tail"]].min().min() > 400


def test_verbs_take_it(binary, toads, tmp_path):
    assert len(binary.ranef()) == 16 * 2 + 8
    assert binary.epred(toads.head(3)).shape[0] == 3
    assert np.isfinite(float(binary.loo().elpd))
    binary.save(tmp_path / "toads.fit")
    again = bm.load(tmp_path / "toads.fit")
    pd.testing.assert_frame_equal(again.predict(toads.head(3)), binary.predict(toads.head(3)))


def test_what_is_reported_belongs_together(binary):
    posterior = binary.posterior
    sd, root = posterior["centred_sd_g"].to_numpy(), posterior["lkj_g"].to_numpy()[..., 0] * 2 - 1
    zeta = posterior["zeta_g"].to_numpy()
    slope = sd[..., 1, None] * (
        root[..., None] * zeta[..., 0] + np.sqrt(1 - root**2)[..., None] * zeta[..., 1]
    )
    np.testing.assert_allclose(posterior["u_g"].to_numpy()[..., 1], slope, rtol=1e-8, atol=1e-10)


def test_a_seed_gives_the_same_draws(toads, binary):
    again = bm.fit("yes ~ x + (x | g) + (1 | h)", toads, family="bernoulli", **QUIET)
    assert again.posterior.equals(binary.posterior)
    other = bm.fit(
        "yes ~ x + (x | g) + (1 | h)", toads, family="bernoulli", random_seed=2, progressbar=False
    )
    assert not other.posterior.equals(binary.posterior)


def test_draws_do_not_depend_on_the_number_of_cores():
    rng = np.random.default_rng(1)
    n = 70_000
    data = pd.DataFrame(
        {"g": rng.integers(0, 50, n), "x": rng.normal(size=n), "y": rng.poisson(2, n)}
    )
    spec = bm.prepare("y ~ x + (1 | g)", data, family="poisson")
    assert len(sizes_of(layout_of(spec), 4).batches) == 2
    one, two = (
        sample_whitened(spec, draws=20, chains=4, cores=cores, random_seed=3) for cores in (1, 2)
    )
    assert len(one.kept.values) == 4
    np.testing.assert_array_equal(one.kept.values, two.kept.values)
    np.testing.assert_array_equal(one.kept.zeta[0], two.kept.zeta[0])


def test_threads_are_as_quiet_as_their_caller():
    with ThreadPoolExecutor(2) as pool:
        (lost,) = spread_on(pool)(np.log, [np.array([-1.0])])
    assert np.isnan(lost)


@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")
@pytest.mark.parametrize("x", [0.0, 3.0])
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_a_constant_covariate_in_a_bar(toads, x, family):
    """Nothing is known of the slope but its prior."""
    data = toads.assign(x=x)
    fit = bm.fit("count ~ x + (1 + x | g)", data, family=family, method="whitened", **QUIET)
    assert fit.idata.attrs["method"] == "whitened"
    slope = fit.idata["posterior"]["sd_g"].sel(g_effect="x")
    assert 0.1 < float(slope.median()) < 3


def test_few_draws_are_not_made_anew(toads):
    spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli")
    for draws in (20, 50, 100):
        drawn = sample_whitened(spec, draws=draws, chains=4, cores=1, random_seed=1)
        assert drawn.thin == 1


def test_what_leaves_nothing_to_estimate(toads):
    for method in ("auto", "whitened", "nuts"):
        with pytest.raises(bm.BayesmixError, match=r"leaves nothing to estimate.*the intercept"):
            bm.fit("yes ~ 0", toads, family="bernoulli", method=method, **QUIET)


@pytest.mark.parametrize("method", ["whitened", "exact"])
def test_options_of_nuts_are_for_nuts(method):
    with pytest.raises(bm.BayesmixError, match=rf"nuts=.* is for NUTS, but method='{method}'"):
        SampleOptions(method=method, nuts={"target_accept": 0.9})
    with pytest.raises(bm.BayesmixError, match="nuts_sampler='pymc' is for NUTS"):
        SampleOptions(method=method, nuts_sampler="pymc")


@pytest.mark.parametrize(("chains", "draws"), [(1, 100), (3, 7), (5, 33), (40, 2)])
def test_any_number_of_chains_and_draws(toads, chains, draws):
    spec = bm.prepare("count ~ x + (1 | g)", toads, family="poisson")
    drawn = sample_whitened(spec, draws=draws, chains=chains, cores=2, random_seed=1)
    assert drawn.kept.values.shape == (chains, draws, 3)
    assert drawn.kept.zeta[0].shape == (chains, draws, 16, 1)
    assert np.isfinite(drawn.kept.values).all()


def test_sub_chains_of_a_chain_start_at_one_point(toads):
    """So that R-hat of the reported chains says whether the start is forgotten."""
    from bayesmix.engines.whitened import warmup

    starts = []
    original = warmup.stage

    def stage(tuned, sizes, *args):
        starts.append((np.concatenate([p.x for p in tuned.team.points], axis=1), sizes))
        return original(tuned, sizes, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warmup, "stage", stage)
        spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli")
        sample_whitened(spec, draws=10, chains=4, cores=1, random_seed=1)
    x, sizes = starts[0]
    by_chain = x.reshape(len(x), 4, sizes.parts)
    assert sizes.parts > 1
    assert (by_chain == by_chain[:, :, :1]).all()
    assert len({column.tobytes() for column in by_chain[:, :, 0].T}) == 4


def names(spec, **options) -> list[str]:
    return [engine.name for engine in chosen(spec, SampleOptions(**options))]


def test_auto_takes_the_quickest(toads, load):
    gaussian = bm.prepare("y ~ x + (x | g)", toads)
    assert names(gaussian) == ["exact", "whitened", "nuts"]
    assert names(gaussian, method="whitened") == ["whitened", "nuts"]
    assert names(gaussian, nuts_sampler="pymc") == ["nuts"]
    binary = bm.prepare("yes ~ x + (x | g)", toads, family="bernoulli")
    assert names(binary) == ["whitened", "nuts"]
    assert names(binary, method="nuts") == ["nuts"]
    robust = bm.prepare(
        "y ~ x + (x | g)", toads, priors={"beta:x": bm.Prior("StudentT", nu=3, sigma=1)}
    )
    assert names(robust) == ["whitened", "nuts"]


def test_auto_leaves_large_crossed_blocks_to_the_whitened_method():
    """Twenty-one sds and correlations, and a dense matrix of 160 effects."""
    rng = np.random.default_rng(2)
    n = 2000
    data = pd.DataFrame(rng.standard_normal((n, 4)), columns=list("yabc"))
    data["g"], data["h"] = rng.integers(0, 60, n), rng.integers(0, 40, n)
    spec = bm.prepare("y ~ a + b + c + (a + b + c | g) + (a + b + c | h)", data)
    assert names(spec) == ["whitened", "exact", "nuts"]


def test_a_prior_whose_bounds_only_pymc_knows_is_left_to_nuts(toads):
    priors = {"sd:g": bm.Prior("Wald", mu=1.0, lam=1.0, alpha=0.5)}
    spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli", priors=priors)
    assert names(spec) == ["nuts"]
    with pytest.raises(bm.BayesmixError, match="ends is known to PyMC alone"):
        chosen(spec, SampleOptions(method="whitened"))


def test_auto_says_why_it_takes_nuts(toads, monkeypatch):
    priors = {"sd:g": bm.Prior("Wald", mu=1.0, lam=1.0, alpha=0.5)}
    spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli", priors=priors)
    tree = Whitened().draw(bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli"), OPTIONS)
    monkeypatch.setattr(Nuts, "draw", lambda *args: tree)
    (said,) = json.loads(sample(spec, OPTIONS).attrs["messages"])
    assert said.startswith("NUTS was used, since where Wald(")
    assert "of sd:g:Intercept, ends" in said
    asked = dataclasses.replace(OPTIONS, nuts={"target_accept": 0.9})
    assert json.loads(sample(spec, asked).attrs["messages"]) == []


def test_a_prior_that_only_pymc_knows(toads):
    priors = {"beta:x": bm.Prior("ExGaussian", mu=0.0, sigma=1.0, nu=1.0)}
    fit = bm.fit("yes ~ x + (1 | g)", toads, family="bernoulli", priors=priors, **QUIET)
    assert fit.idata.attrs["method"] == "whitened"
    assert 0 < fit.fixef().set_index("term").loc["x", "value"] < 1.2


def test_draws_that_do_not_pass_go_on(toads, monkeypatch):
    asked = []
    original = Drawing.go

    def go(drawing, *args):
        asked.append(drawing.thin)
        return original(drawing, *args)

    monkeypatch.setattr(Drawing, "go", go)
    spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli")
    drawn = sample_whitened(
        spec, draws=100, chains=4, cores=1, random_seed=1, limits=Limits(r_hat=0.5)
    )
    assert asked == [1, 2, 4, 8]
    assert drawn.settled
    assert drawn.thin == 8


def test_chains_that_do_not_agree_are_left_to_the_next_method(toads):
    engine = Whitened(Limits(r_hat=0.5, worst_r_hat=0.5))
    spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli")
    assert engine.draw(spec, SampleOptions(draws=50, random_seed=1, progressbar=False)) is None


def test_effects_too_large_to_keep_are_summarised(toads):
    formula = "count ~ x + (x | g) + (1 | h)"
    whole = bm.fit(formula, toads, family="poisson", **QUIET)
    engine = Whitened(Limits(kept_bytes=1_500_000))
    idata = sample(whole.spec, whole.options, engines=(engine,))
    fit = dataclasses.replace(whole, idata=idata)
    assert "u_g" not in fit.idata["posterior"]
    assert "u_h" in fit.idata["posterior"]
    some, every = (f.ranef("g").set_index(["group", "effect"]) for f in (fit, whole))
    # The draws are the same; of the large factor every other is kept, of which a quarter counts.
    n_effective = 500
    error = every["se"] / np.sqrt(n_effective)
    assert (np.abs(some["value"] - every["value"]) < 4 * error).all()
    assert (np.abs(some["se"] - every["se"]) < 4 * error / np.sqrt(2)).all()
    coef, expected = (f.coef("g").set_index(["group", "effect"]) for f in (fit, whole))
    error = expected["se"] / np.sqrt(n_effective)
    assert (np.abs(coef["value"] - expected["value"]) < 4 * error).all()


@pytest.mark.parametrize("rows", [240, 30_000])
def test_an_interrupt_keeps_the_draws(toads, rows):
    """In the process of the chains, and with chains on threads."""
    rng = np.random.default_rng(1)
    data = toads.sample(rows, replace=True, random_state=1).assign(
        h=rng.integers(0, 8, rows) if rows > 240 else toads["h"]
    )
    spec = bm.prepare("count ~ x + (1 | g)", data, family="poisson")
    begun = threading.Event()
    # A job in the background is started with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def report(stage: str, share: float) -> None:
        if stage.startswith("Drawing") and share > 0 and not begun.is_set():
            begun.set()
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    try:
        drawn = sample_whitened(
            spec, draws=200_000, chains=4, cores=2, random_seed=1, report=report
        )
    finally:
        signal.signal(signal.SIGINT, before)
    draws = drawn.kept.values.shape[1]
    assert 0 < draws < 200_000
    assert drawn.kept.zeta[0].shape[1] == draws
    assert np.isfinite(drawn.kept.values).all()


def test_diagnostics_see_what_was_drawn(binary):
    table = parameter_diagnostics(binary.design, binary.family, binary.posterior)
    assert table["r_hat"].notna().all()
    assert {"acceptance", "step", "steps", "stages", "thin"} <= set(
        binary.idata["sample_stats"].attrs
    )


@pytest.mark.parametrize("offset", [500.0, -300.0])
def test_an_offset_far_from_zero_moves_the_intercept_alone(toads, offset):
    fits = [
        bm.fit("count ~ x + offset(o) + (1 | g)", toads.assign(o=o), family="poisson", **QUIET)
        for o in (0.0, offset)
    ]
    near, far = (fit.fixef().set_index("term")["value"] for fit in fits)
    error = fits[0].fixef().set_index("term")["se"] * np.sqrt(2 / 1000)
    assert abs(far["Intercept"] + offset - near["Intercept"]) < 5 * error["Intercept"]
    assert abs(far["x"] - near["x"]) < 5 * error["x"]


@pytest.mark.parametrize("size", [1e-9, 1e6])
def test_a_start_that_the_prior_of_an_sd_allows(toads, size):
    def sds(size):
        priors = {"sd:g": bm.Prior("HalfNormal", sigma=size)}
        fit = bm.fit("yes ~ x + (1 | g)", toads, family="bernoulli", priors=priors, **QUIET)
        assert fit.idata.attrs["method"] == "whitened"
        return fit.posterior["sd_g"].to_numpy()

    # The data know nothing of an sd of 1e-9, and a prior of 1e3 is as flat as one of 1e6.
    rng = np.random.default_rng(1)
    expected = sds(1e3) if size > 1 else np.abs(rng.normal(0, size, (4, 5000, 1)))
    assert np.abs(compare(sds(size), expected)).max() < 4


def test_chains_that_are_lost_are_left_to_the_next_method(toads, monkeypatch):
    from bayesmix.engines.whitened import warmup

    original = warmup.look_at

    def nowhere(density, point):
        lesson = original(density, point)
        return lesson._replace(values=np.full_like(lesson.values, np.nan))

    monkeypatch.setattr(warmup, "look_at", nowhere)
    spec = bm.prepare("yes ~ x + (1 | g)", toads, family="bernoulli")
    assert Whitened().draw(spec, SampleOptions(draws=50, random_seed=1, progressbar=False)) is None


def test_passes_do_without_private_functions_of_scipy(toads, monkeypatch):
    spec = bm.prepare("count ~ x + (x | g) + (1 | h)", toads, family="poisson")
    options = {"draws": 5, "chains": 2, "cores": 1, "random_seed": 1}
    layout = sample_whitened(spec, **options).layout
    rng = np.random.default_rng(1)
    beta, u = rng.standard_normal((2, 3)), rng.standard_normal((layout.n_effects, 3))
    ours = passes.likelihood(layout, beta, u, {})
    monkeypatch.setattr(passes, "csr_matvecs", None)
    monkeypatch.setattr(passes, "csc_matvecs", None)
    theirs = passes.likelihood(layout, beta, u, {})
    np.testing.assert_allclose(theirs.total, ours.total, rtol=1e-12)
    np.testing.assert_allclose(theirs.by_effects, ours.by_effects, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(theirs.by_population, ours.by_population, rtol=1e-10)
