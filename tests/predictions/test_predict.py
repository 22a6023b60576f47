"""Predictions against loops, closed forms and PyMC's own posterior predictive."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

import bayesmix as bm
from bayesmix.design.design import Design
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.summaries import summarised
from bayesmix.predictions import blocks, predict
from cases import BY_ID
from gaussian import CASES, frame, theta_variables
from posteriors import fit_of

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

COLUMNS = ["value", "se", "lower_2.5", "upper_97.5"]


def linpred(spec: ModelSpec, posterior: xr.Dataset, /, *rows: Any, **options: Any) -> Any:
    return predict.linpred(fit_of(spec, posterior), *rows, **options)


def epred(spec: ModelSpec, posterior: xr.Dataset, /, *rows: Any, **options: Any) -> Any:
    return predict.epred(fit_of(spec, posterior), *rows, **options)


def new_responses(spec: ModelSpec, posterior: xr.Dataset, /, *rows: Any, **options: Any) -> Any:
    return predict.predict(fit_of(spec, posterior), *rows, **options)


QUANTITIES = {"linpred": linpred, "epred": epred, "predict": new_responses}


def posterior(
    spec: ModelSpec, n_draws: int = 12, *, same: bool = False, sd: float | None = None
) -> xr.Dataset:
    """Draws of all parameters, set by hand; one theta and beta in all draws with `same`."""
    rng = np.random.default_rng(8)
    design = spec.design
    size = 1 if same else n_draws
    values: dict[str, Any] = {}
    if design.n_terms:
        values["beta"] = ("term",), 0.3 * rng.standard_normal((size, design.n_terms))
    for term in design.groups:
        q, pairs = term.n_effects, spec.correlations(term)
        sds = rng.uniform(0.3, 0.8, (size, q)) if sd is None else np.full((size, q), sd)
        partial = rng.uniform(-0.8, 0.8, (size, len(pairs)))
        variables, scale = theta_variables(spec, term, sds, partial)
        u = rng.standard_normal((n_draws, term.n_levels, q)) @ np.swapaxes(scale, 1, 2)
        values |= variables
        values[f"u_{term.factor}"] = (term.dim, term.effect_dim), u
    for name in spec.family.auxiliary:
        values[name] = (), rng.uniform(0.5, 2, size)
    variables = {}
    for name, (dims, array) in values.items():
        full = np.broadcast_to(array, (n_draws, *array.shape[1:])).copy()
        shape = (2, n_draws // 2, *full.shape[1:])
        variables[name] = (("chain", "draw", *dims), full.reshape(shape))
    return xr.Dataset(variables, {"chain": [0, 1], "draw": np.arange(n_draws // 2)})


def flat(draws: xr.Dataset, name: str) -> np.ndarray:
    values = draws[name].transpose("chain", "draw", ...).values
    return values.reshape(-1, *values.shape[2:])


def covariance(spec: ModelSpec, draws: xr.Dataset, k: int = 0) -> np.ndarray:
    """Sigma of the k-th factor in the first draw."""
    term = spec.design.groups[k]
    sd = flat(draws, f"sd_{term.factor}")[0]
    name = f"cor_{term.factor}"
    return np.outer(sd, sd) * (flat(draws, name)[0] if name in draws else np.eye(len(sd)))


def by_loops(design: Design, draws: xr.Dataset, *, groups: bool = True) -> np.ndarray:
    """Linear predictor (S, n), term by term and row by row."""
    n_draws = draws.sizes["chain"] * draws.sizes["draw"]
    eta = np.zeros((n_draws, design.n_rows))
    for s in range(n_draws):
        for i in range(design.n_rows):
            if design.n_terms:
                eta[s, i] += design.X[i] @ flat(draws, "beta")[s]
            if design.offset is not None:
                eta[s, i] += design.offset[i]
            for term in design.groups if groups else ():
                if term.codes[i] >= 0:
                    eta[s, i] += term.Z[i] @ flat(draws, f"u_{term.factor}")[s, term.codes[i]]
    return eta


def rows_of(result: xr.DataArray) -> np.ndarray:
    """Draws (S, n)."""
    return result.values.reshape(-1, result.sizes["obs"])


def counts(formula: str, family: str) -> tuple[ModelSpec, pd.DataFrame]:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 5), "h": np.tile(np.arange(5), 8)})
    data["x"] = rng.standard_normal(40)
    data["size"] = rng.integers(1, 9, 40)
    data["y"] = rng.binomial(1 if family[:4] == "bern" else data["size"].to_numpy(), 0.5, 40)
    return bm.prepare(formula, data, family=family), data


FAMILIES = {
    "bernoulli": "y ~ x + (1 | g)",
    "bernoulli(probit)": "y ~ x + (1 | g)",
    "bernoulli(cloglog)": "y ~ x + (1 | g)",
    "binomial(cauchit)": "p(y, size) ~ x + (x | g)",
    "binomial": "p(y, size) ~ x + (x | g)",
    "poisson": "y ~ x + (x || g) + (1 | h)",
}


@pytest.fixture(scope="module")
def sleep() -> bm.MixedFit:
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    return bm.fit(formula, data, draws=500, random_seed=1, progressbar=False)


# --- the three quantities -----------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_linpred_equals_loops_for_old_rows_and_new(case):
    spec = CASES[case].spec()
    draws = posterior(spec)
    expected = by_loops(spec.design, draws)
    ours = linpred(spec, draws, draws=True)
    np.testing.assert_allclose(rows_of(ours), expected, rtol=1e-12, atol=1e-12)
    order = np.random.default_rng(1).permutation(len(expected.T))
    again = linpred(spec, draws, frame().iloc[order].drop(columns="y"), draws=True)
    np.testing.assert_allclose(rows_of(again), expected[:, order], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("newdata", [None, frame().drop(columns=["y", "g", "h", "k"])])
@pytest.mark.parametrize("case", ["three crossed", "offset", "no population effects", "weights"])
def test_population_linpred_is_x_beta_exactly(case, newdata):
    spec = CASES[case].spec()
    draws = posterior(spec)
    design = spec.design
    expected = np.zeros((12, design.n_rows))
    if design.n_terms:
        expected += flat(draws, "beta") @ design.X.T
    if design.offset is not None:
        expected += design.offset
    if case == "no population effects" and newdata is not None:
        newdata = newdata.assign(g="anything")
    ours = linpred(spec, draws, newdata, groups="population", draws=True)
    np.testing.assert_allclose(rows_of(ours), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("family", FAMILIES)
def test_epred_is_the_inverse_link_of_linpred(family):
    spec, data = counts(FAMILIES[family], family)
    draws = posterior(spec)
    inverse = {
        "logit": expit,
        "probit": stats.norm.cdf,
        "cloglog": stats.gumbel_l.cdf,
        "cauchit": stats.cauchy.cdf,
        "log": np.exp,
    }
    mean = inverse[spec.family.link](by_loops(spec.design, draws))
    if spec.family.trials:
        mean = mean * data["size"].to_numpy()
    for newdata in (None, data):
        ours = epred(spec, draws, newdata, draws=True)
        np.testing.assert_allclose(rows_of(ours), mean, rtol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_responses_have_the_mean_and_the_variance_of_their_family(family):
    spec, data = counts(FAMILIES[family], family)
    draws = posterior(spec, 4000, same=True, sd=0.0)
    y = rows_of(new_responses(spec, draws, data, draws=True, random_seed=4))
    mean = rows_of(epred(spec, draws, data, draws=True))[0]
    trials = data["size"].to_numpy() if spec.family.trials else 1
    variance = mean if family == "poisson" else mean * (1 - mean / trials)
    z = (y.mean(axis=0) - mean) / np.sqrt(variance / len(y))
    assert np.abs(z).max() < 5
    np.testing.assert_allclose(y.var(axis=0), variance, rtol=0.25)
    assert (y == np.floor(y)).all()
    assert (y >= 0).all()
    if family != "poisson":
        assert (y <= trials).all()
        assert y.max() == np.max(trials)


def test_residual_sd_of_a_row_follows_its_weight():
    spec = CASES["weights"].spec()
    draws = posterior(spec, 4000, same=True)
    sigma = flat(draws, "sigma")[0]
    data = frame().head(3).assign(w=[0.25, 1.0, 4.0])
    noise = rows_of(new_responses(spec, draws, data, draws=True, random_seed=1))
    noise = noise - rows_of(linpred(spec, draws, data, draws=True))
    np.testing.assert_allclose(noise.std(axis=0), sigma * np.array([2, 1, 0.5]), rtol=0.05)
    old = rows_of(new_responses(spec, draws, draws=True, random_seed=1))
    old = old - rows_of(linpred(spec, draws, draws=True))
    np.testing.assert_allclose(old.std(axis=0), sigma / np.sqrt(frame()["w"]), rtol=0.1)


def test_population_responses_keep_the_residual_and_no_group_effects():
    spec = CASES["two effects"].spec()
    draws = posterior(spec, 4000, same=True, sd=30.0)
    y = rows_of(new_responses(spec, draws, groups="population", draws=True, random_seed=2))
    eta = spec.design.X @ flat(draws, "beta")[0]
    sigma = flat(draws, "sigma")[0]
    np.testing.assert_allclose((y - eta).std(axis=0), sigma, rtol=0.07)
    assert np.abs((y - eta).mean(axis=0)).max() < 5 * sigma / np.sqrt(4000)


# --- what comes back ----------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_tables_summarise_the_draws(quantity):
    spec = CASES["crossed"].spec()
    draws = posterior(spec, 50)
    call = QUANTITIES[quantity]
    each = rows_of(call(spec, draws, draws=True, random_seed=1))
    table = call(spec, draws, random_seed=1)
    assert list(table) == COLUMNS
    np.testing.assert_allclose(table["value"], each.mean(axis=0))
    np.testing.assert_allclose(table["se"], each.std(axis=0, ddof=1))
    np.testing.assert_allclose(table["lower_2.5"], np.quantile(each, 0.025, axis=0))
    np.testing.assert_allclose(table["upper_97.5"], np.quantile(each, 0.975, axis=0))
    narrow = call(spec, draws, random_seed=1, ci_level=0.5)
    np.testing.assert_allclose(narrow["lower_25"], np.quantile(each, 0.25, axis=0))
    np.testing.assert_allclose(narrow["upper_75"], np.quantile(each, 0.75, axis=0))


INDICES = {
    "text": pd.Index(["c", "a", "b"]),
    "repeated": pd.Index([1, 1, 0], name="row"),
    "dates": pd.date_range("2026-01-01", periods=3),
    "two levels": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]),
    "two names": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["s", "t"]),
    "a name of a dim": pd.MultiIndex.from_tuples(
        [("a", 1), ("a", 2), ("b", 1)], names=["s", "obs"]
    ),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_draws_that_are_too_large_for_a_number_are_infinite_and_not_nan():
    inf = np.inf
    draws = np.array(
        [
            [1.0, 2.0, 3.0, inf, inf, inf],
            [inf] * 6,
            [-inf, -inf, 1.0, 2.0, 3.0, 4.0],
            [-inf, -inf, -inf, inf, inf, inf],
            [1e308] * 6,
            [1.0, 2.0, 3.0, 4.0, 5.0, np.nan],
        ]
    )
    table = pd.DataFrame(summarised(draws, 0.8))
    assert table["value"].tolist()[:3] == [inf, inf, -inf]
    assert (table["se"][:5] == inf).all()
    assert table["lower_10"].tolist()[:4] == [1.5, inf, -inf, -inf]
    assert table["upper_90"].tolist()[:4] == [inf, inf, 3.5, inf]
    assert table.loc[4, ["lower_10", "upper_90"]].tolist() == [1e308, 1e308]
    assert table.loc[5].isna().all()


@pytest.mark.parametrize("index", INDICES)
def test_results_have_the_index_of_the_data(index):
    spec = CASES["two effects"].spec()
    draws = posterior(spec)
    data = frame().head(3).set_index(INDICES[index])
    assert linpred(spec, draws, data).index.equals(INDICES[index])
    array = linpred(spec, draws, data, draws=True)
    assert array.dims == ("chain", "draw", "obs")
    assert array.sizes == {"chain": 2, "draw": 6, "obs": 3}
    assert array.indexes["obs"].equals(INDICES[index])
    np.testing.assert_array_equal(array["draw"], draws["draw"])
    np.testing.assert_allclose(array[:, :, 2], by_loops(spec.design, draws)[:, 2].reshape(2, 6))


def test_rows_of_the_fit_keep_their_index_and_leave_out_dropped_rows():
    data = frame().set_index(pd.Index(np.arange(100, 190)))
    data.loc[[103, 105], "x"] = np.nan
    spec = bm.prepare("y ~ x + (1 | g)", data)
    table = linpred(spec, posterior(spec))
    assert table.index.equals(data.index.drop([103, 105]))
    assert np.isfinite(table).all(axis=None)


def test_names_of_the_arrays(sleep):
    for quantity in QUANTITIES:
        assert getattr(sleep, quantity)(draws=True).name == quantity


@pytest.mark.parametrize("size", [1, 12 * 7, 12 * 89])
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("case", ["three crossed", "nested with slopes", "poisson", "binomial"])
def test_blocks_do_not_change_the_numbers(case, quantity, size, monkeypatch):
    if case in FAMILIES:
        spec, data = counts(FAMILIES[case], case)
    else:
        spec, data = CASES[case].spec(), frame()
    draws = posterior(spec)
    data = data.assign(g=np.where(data["g"] % 3 == 0, 50 + data["g"], data["g"]))
    call, options = QUANTITIES[quantity], {"new_levels": "sample", "random_seed": 3}
    whole = call(spec, draws, data, **options)
    array = call(spec, draws, data, draws=True, **options)
    monkeypatch.setattr(blocks, "BLOCK", size)
    pd.testing.assert_frame_equal(call(spec, draws, data, **options), whole, rtol=1e-9)
    xr.testing.assert_allclose(call(spec, draws, data, draws=True, **options), array, rtol=1e-9)


def test_a_block_holds_few_rows_at_a_time(monkeypatch):
    spec = CASES["crossed"].spec()
    draws = posterior(spec)
    sizes = []
    monkeypatch.setattr(blocks, "BLOCK", 12 * 20)
    monkeypatch.setattr(
        blocks,
        "linear_predictor",
        lambda design, *rest: sizes.append(design.n_rows) or np.zeros((12, design.n_rows)),
    )
    linpred(spec, draws)
    assert sizes == [20, 20, 20, 20, 10]


# --- new rows -----------------------------------------------------------------------------------


TRANSFORMS = (
    "y ~ scale(x) + (scale(x) | g)",
    "y ~ poly(x, 2) + (1 | g)",
    "y ~ bs(x, df=4) + (1 | g)",
    "y ~ C(k) + (1 | g)",
    "y ~ f * x + (f | g)",
    "y ~ f:x + center(z) + (0 + f | h)",
    "y ~ np.exp(x) + I(x**2) + offset(known) + (x || g)",
    "np.log(y) ~ x + (1 | g/h)",
)


@pytest.mark.parametrize("formula", TRANSFORMS)
def test_few_new_rows_are_encoded_as_all_rows_of_the_fit(formula):
    spec = bm.prepare(formula, frame())
    draws = posterior(spec)
    few = frame().iloc[[4, 40, 5]].drop(columns="y")
    whole = linpred(spec, draws).iloc[[4, 40, 5]]
    pd.testing.assert_frame_equal(linpred(spec, draws, few), whole, rtol=1e-9)


@pytest.mark.parametrize("response", ["n/a", None, -1.0, np.inf])
def test_the_response_of_new_rows_does_not_matter(response):
    spec = bm.prepare("np.log(y) ~ x + (x | g)", frame(), weights="w")
    draws = posterior(spec)
    whole = new_responses(spec, draws, frame().drop(columns="y"), random_seed=1)
    ours = new_responses(spec, draws, frame().assign(y=response), random_seed=1)
    pd.testing.assert_frame_equal(ours, whole)
    ours = linpred(spec, draws, frame().assign(y=response, w="n/a"))
    pd.testing.assert_frame_equal(ours, linpred(spec, draws), rtol=1e-9)


def test_levels_are_compared_as_labels():
    spec = CASES["two effects"].spec()
    draws = posterior(spec)
    data = frame().head(4)
    whole = linpred(spec, draws, data)
    for values in (data["g"].astype(float), data["g"].astype(str), data["g"].astype("category")):
        pd.testing.assert_frame_equal(linpred(spec, draws, data.assign(g=values)), whole)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_nothing_of_the_user_is_changed(quantity):
    spec = CASES["nested with slopes"].spec()
    draws = posterior(spec)
    data = frame().assign(h=np.arange(90))
    data.loc[3, "x"] = np.nan
    before, kept = draws.copy(deep=True), data.copy(deep=True)
    for as_draws in (False, True):
        options = {"new_levels": "sample", "draws": as_draws}
        result = QUANTITIES[quantity](spec, draws, data, **options)
        QUANTITIES[quantity](spec, draws, draws=as_draws)
        result.loc[:] = 0.0
    xr.testing.assert_identical(draws, before)
    pd.testing.assert_frame_equal(data, kept)


# --- new levels ---------------------------------------------------------------------------------


def test_new_levels_are_an_error_that_names_them():
    spec = CASES["crossed"].spec()
    data = frame().head(3).assign(g=[0, 123, 123], h=["zz", 0, 1])
    with pytest.raises(bm.BayesmixError) as error:
        linpred(spec, posterior(spec), data)
    for part in ("'g' '123' (2 rows", "'h' 'zz' (1 row;", "0, 1, 2, 3, 4, ...", "'sample'"):
        assert part in str(error.value)
    assert "'population'" in str(error.value)
    data = bm.load_dataset("sleepstudy")
    spec = bm.prepare("Reaction ~ Days + (1 | Subject)", data)
    with pytest.raises(bm.BayesmixError, match="Did you mean '308'"):
        linpred(spec, posterior(spec), data.head(1).assign(Subject="3O8"))


def test_population_leaves_out_the_new_factor_only():
    spec = CASES["crossed with slopes"].spec()
    draws = posterior(spec)
    data = frame().head(20)
    known = linpred(spec, draws, data, draws=True)
    ours = linpred(spec, draws, data.assign(g="new"), new_levels="population", draws=True)
    term = spec.design.take(np.arange(20)).groups[0]
    np.testing.assert_allclose(rows_of(known - ours), term.dot(flat(draws, "u_g")), atol=1e-12)


def test_known_levels_do_not_depend_on_what_happens_to_new_ones():
    spec = CASES["crossed"].spec()
    draws = posterior(spec)
    whole = linpred(spec, draws, frame())
    data = frame().assign(g=np.where(np.arange(90) < 5, 777, frame()["g"]))
    for new_levels in ("population", "sample"):
        ours = linpred(spec, draws, data, new_levels=new_levels)
        pd.testing.assert_frame_equal(ours.iloc[5:], whole.iloc[5:])
        assert (ours.iloc[:5] - whole.iloc[:5]).abs().to_numpy().min() > 0


@pytest.mark.parametrize("case", ["two effects", "three effects", "two blocks", "no correlation"])
def test_one_joint_draw_per_new_level(case):
    spec = CASES[case].spec()
    draws = posterior(spec, 20_000, same=True)
    data = frame().head(4).assign(g=["a", "a", "b", "a"], f="a")
    u = rows_of(linpred(spec, draws, data, new_levels="sample", draws=True, random_seed=1))
    u = u - rows_of(linpred(spec, draws, data, new_levels="population", draws=True))
    Z = spec.design.at(data).groups[0].Z
    expected = Z @ covariance(spec, draws) @ Z.T
    expected[2, [0, 1, 3]] = expected[[0, 1, 3], 2] = 0
    error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / len(u))
    assert (np.abs(np.cov(u.T) - expected) < 5 * error).all()
    assert (np.abs(u.mean(axis=0)) < 5 * np.sqrt(np.diag(expected) / len(u))).all()
    if Z.shape[1] == 2:
        slope = (u[:, 0] - u[:, 1]) / (Z[0, 1] - Z[1, 1])
        np.testing.assert_allclose(u[:, 0] - Z[0, 1] * slope, u[:, 3] - Z[3, 1] * slope, atol=1e-9)


def test_predictive_sd_of_a_new_level_is_that_of_the_model():
    spec = CASES["two effects"].spec()
    draws = posterior(spec, 20_000)
    draws["beta"][:] = 0.0
    data = frame().head(5).assign(g=list("abcde"))
    y = rows_of(new_responses(spec, draws, data, new_levels="sample", draws=True, random_seed=1))
    Z = spec.design.at(data).groups[0].Z
    sd = flat(draws, "sd_g")
    sigmas = sd[:, :, None] * sd[:, None] * flat(draws, "cor_g")
    variance = np.einsum("ia,sab,ib->si", Z, sigmas, Z) + flat(draws, "sigma")[:, None] ** 2
    expected = np.sqrt(variance.mean(axis=0))
    error = np.sqrt((3 * variance**2).mean(axis=0) - expected**4) / np.sqrt(len(y))
    assert (np.abs(y.var(axis=0) - expected**2) < 5 * error).all()
    lower, upper = np.quantile(y, [0.05, 0.95], axis=0)
    inside = stats.norm.cdf(upper / np.sqrt(variance)) - stats.norm.cdf(lower / np.sqrt(variance))
    np.testing.assert_allclose(inside.mean(axis=0), 0.9, atol=0.01)


def test_factors_are_drawn_separately():
    spec = CASES["crossed"].spec()
    draws = posterior(spec, 20_000, same=True)
    data = frame().head(3).assign(g=["a", "a", 0], h=["a", 0, "a"])
    u = rows_of(linpred(spec, draws, data, new_levels="sample", draws=True, random_seed=1))
    u = u - rows_of(linpred(spec, draws, data, new_levels="population", draws=True))
    g, h = covariance(spec, draws, 0).item(), covariance(spec, draws, 1).item()
    np.testing.assert_allclose(u[:, 0], u[:, 1] + u[:, 2], atol=1e-9)
    assert np.abs(np.corrcoef(u[:, 1], u[:, 2])[0, 1]) < 5 / np.sqrt(len(u))
    np.testing.assert_allclose(u[:, 1:].var(axis=0), [g, h], rtol=0.05)


def test_a_new_part_of_a_known_level_keeps_the_known_part():
    spec = CASES["nested with slopes"].spec()
    draws = posterior(spec, 20_000, same=True)
    inner, outer = spec.design.groups[1], spec.design.groups[0]
    assert (outer.factor, inner.factor) == ("g", "g:h")
    data = frame().iloc[[10, 10, 10, 10]].assign(h=["new", "new", "other", frame()["h"][10]])
    u = rows_of(linpred(spec, draws, data, new_levels="sample", draws=True, random_seed=1))
    known = spec.design.at(data.iloc[:1]).groups[0].dot(flat(draws, "u_g"))
    own = u - known - (spec.design.at(data).X @ flat(draws, "beta")[0])
    np.testing.assert_allclose(own[:, 0], own[:, 1], atol=1e-9)
    z = inner.Z[10]
    variance = z @ covariance(spec, draws, 1) @ z
    np.testing.assert_allclose(own[:, [0, 2]].var(axis=0), variance, rtol=0.05)
    assert np.abs(np.corrcoef(own[:, 0], own[:, 2])[0, 1]) < 5 / np.sqrt(len(u))
    np.testing.assert_allclose(u[:, 3], rows_of(linpred(spec, draws, draws=True))[:, 10])
    both = data.assign(g="new")
    u = rows_of(linpred(spec, draws, both, new_levels="sample", draws=True, random_seed=1))
    own = u - (spec.design.at(both).X @ flat(draws, "beta")[0])
    variance = variance + z @ covariance(spec, draws, 0) @ z
    np.testing.assert_allclose(own.var(axis=0), variance, rtol=0.05)
    shared = z @ covariance(spec, draws, 0) @ z
    assert np.cov(own[:, 0], own[:, 2])[0, 1] == pytest.approx(shared, rel=0.1)


def test_a_new_level_has_the_same_effects_in_every_call():
    spec = CASES["nested"].spec()
    draws = posterior(spec)
    data = frame().head(4).assign(g=[91, 92, 91, 0], h=["p", "p", "q", "r"])
    options = {"new_levels": "sample", "random_seed": 5}
    whole = linpred(spec, draws, data, **options)
    for rows in ([0], [2, 1], [3]):
        again = linpred(spec, draws, data.iloc[rows], **options)
        pd.testing.assert_frame_equal(again, whole.iloc[rows])
    text = data.assign(g=["91", "92", 91.0, 0])
    pd.testing.assert_frame_equal(linpred(spec, draws, text, **options), whole)
    expected = epred(spec, draws, data, **options)
    pd.testing.assert_frame_equal(expected, whole)
    other = linpred(spec, draws, data, new_levels="sample", random_seed=6)
    assert not np.allclose(other, whole)


def test_labels_with_colons_are_not_mixed_up():
    data = frame().assign(g=lambda d: d["g"].astype(str), h=lambda d: d["h"].astype(str))
    spec = bm.prepare("y ~ x + (1 | g:h)", data)
    draws = posterior(spec)
    new = data.head(2).assign(g=["a:b", "a"], h=["c", "b:c"], x=0.0)
    u = rows_of(linpred(spec, draws, new, new_levels="sample", draws=True, random_seed=1))
    assert not np.allclose(u[:, 0], u[:, 1])


def test_sds_of_zero_and_correlations_of_one():
    spec = CASES["two effects"].spec()
    draws = posterior(spec)
    draws["lkj_g"][:] = 1.0
    draws["centred_sd_g"][..., 0] = 0.0
    data = frame().head(2).assign(g="new")
    assert np.isfinite(linpred(spec, draws, data, new_levels="sample")).all(axis=None)


# --- effects that were not kept -----------------------------------------------------------------


def test_effects_without_draws():
    """Of a response that is not normal they have no law in closed form."""
    spec = bm.prepare(CASES["crossed"].formula, frame(), family="student")
    draws = posterior(spec)
    kept = {"u_g": draws["u_g"].mean(["chain", "draw"]).expand_dims(statistic=["mean"])}
    summarised = draws.drop_vars("u_g").assign(kept)
    for call in QUANTITIES.values():
        with pytest.raises(bm.BayesmixError, match=r"'g', whose 13 levels.*groups='population'"):
            call(spec, summarised)
    population = linpred(spec, summarised, groups="population")
    pd.testing.assert_frame_equal(population, linpred(spec, draws, groups="population"))
    data = frame().head(3).assign(g="new")
    for new_levels in ("sample", "population"):
        options = {"new_levels": new_levels, "random_seed": 1}
        expected = linpred(spec, draws, data, **options)
        pd.testing.assert_frame_equal(linpred(spec, summarised, data, **options), expected)
    with pytest.raises(bm.BayesmixError, match="groups='population'"):
        linpred(spec, summarised, data.assign(g=["new", "new", 0]), new_levels="sample")


# --- missing values -----------------------------------------------------------------------------


@pytest.mark.parametrize("as_draws", [False, True])
def test_rows_with_missing_values_are_nan_and_counted(as_draws):
    spec = CASES["two effects"].spec()
    draws = posterior(spec)
    data = frame().head(6)
    data["g"] = data["g"].astype(object)
    whole = np.asarray(linpred(spec, draws, data, draws=as_draws))
    data.loc[1, "x"] = np.nan
    data.loc[[1, 4], "g"] = None
    data["z"] = np.nan  # not in the formula
    message = r"2 rows of newdata .* 'x' \(1\), 'g' \(2\): their predictions are NaN"
    with pytest.warns(bm.DesignWarning, match=message):
        result = linpred(spec, draws, data, draws=as_draws)
    values = np.asarray(result)
    lost = np.isin(np.arange(6), [1, 4])
    ours = values if as_draws else values.T
    whole = whole if as_draws else whole.T
    assert np.isnan(ours[..., lost]).all()
    np.testing.assert_allclose(ours[..., ~lost], whole[..., ~lost])


def test_missing_values_in_columns_that_are_not_needed_are_nothing():
    spec = CASES["weights"].spec()
    draws = posterior(spec)
    data = frame().head(3).assign(g=None, y=np.nan, w=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = linpred(spec, draws, data, groups="population")
        assert np.isfinite(table).all(axis=None)
    with pytest.warns(bm.DesignWarning, match="'w'"):
        table = new_responses(spec, draws, data, groups="population")
    assert np.isnan(table).all(axis=None)


def test_missing_trials_and_weights_are_nan():
    spec, data = counts(FAMILIES["binomial"], "binomial")
    data["size"] = data["size"].astype(float)
    data.loc[2, "size"] = np.nan
    for call in (epred, new_responses):
        with pytest.warns(bm.DesignWarning, match="'size'"):
            table = call(spec, posterior(spec), data)
        assert table.isna().all(axis=1).to_numpy().nonzero()[0].tolist() == [2]
    assert np.isfinite(linpred(spec, posterior(spec), data)).all(axis=None)
    spec = CASES["weights"].spec()
    data = frame().head(3)
    data.loc[0, "w"] = np.nan
    with pytest.warns(bm.DesignWarning, match="'w'"):
        table = new_responses(spec, posterior(spec), data)
    assert table.isna().all(axis=1).tolist() == [True, False, False]


# --- bad input ----------------------------------------------------------------------------------


BAD = {
    "groups": ({"groups": "all"}, "Unknown groups='all'. Allowed: conditional, population"),
    "new_levels": ({"new_levels": "samples"}, "Did you mean 'sample'"),
    "ci_level": ({"ci_level": 95}, "Did you mean 0.95"),
    "draws": ({"draws": 1}, "draws=1 is not usable"),
    "random_seed": ({"random_seed": "x"}, "random_seed='x' is not usable"),
    "newdata": ({"newdata": {"x": [1]}}, "newdata must be a data frame"),
    "a path": (
        {"newdata": "new.csv"},
        "str. Read the file first: newdata = pd.read_csv('new.csv')",
    ),
    "no rows": ({"newdata": frame().head(0)}, "newdata has no rows"),
    "column": ({"newdata": frame().drop(columns="x")}, "Unknown column 'x'"),
    "factor": ({"newdata": frame().drop(columns="g")}, "Unknown column 'g'"),
    "category": ({"newdata": frame().assign(f="d")}, "Unknown category 'd' in column 'f'"),
    "text": ({"newdata": frame().assign(x="1.0 m")}, "was numeric in the fit"),
    "infinite": ({"newdata": frame().assign(x=np.inf)}, "'x' is infinite"),
    "twice": ({"newdata": frame()[["x", "x", "f", "g"]]}, "2 columns named 'x'"),
    "level": ({"newdata": frame().assign(g=-1)}, "levels that the fit did not have"),
}


@pytest.mark.parametrize("as_draws", [False, True])
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_an_error_that_says_what_to_do(bad, quantity, as_draws):
    spec = bm.prepare("y ~ x + f + (x | g)", frame())
    options, message = BAD[bad]
    with pytest.raises(bm.BayesmixError) as error:
        QUANTITIES[quantity](spec, posterior(spec), **{"draws": as_draws} | options)
    assert message in str(error.value)


def test_unknown_category_of_an_effect_that_varies_is_an_error():
    spec = bm.prepare("y ~ x + (0 + f | g)", frame())
    data = frame().head(2).assign(f="d")
    for new_levels in ("error", "population", "sample"):
        with pytest.raises(bm.BayesmixError, match="Unknown category 'd'"):
            linpred(spec, posterior(spec), data, new_levels=new_levels)
    assert len(linpred(spec, posterior(spec), data, groups="population")) == 2


def test_trials_are_needed_for_counts_only():
    spec, data = counts(FAMILIES["binomial"], "binomial")
    draws = posterior(spec)
    data = data.drop(columns=["size", "y"])
    for call in (epred, new_responses):
        with pytest.raises(bm.BayesmixError, match=r"no column 'size', the number of trials"):
            call(spec, draws, data)
    assert len(linpred(spec, draws, data)) == 40
    with pytest.raises(bm.BayesmixError, match="whole numbers"):
        epred(spec, draws, data.assign(size=1.5))
    none = epred(spec, draws, data.assign(size=0))
    assert (none == 0).all(axis=None)


def test_constant_trials_need_no_column():
    _, data = counts(FAMILIES["binomial"], "binomial")
    spec = bm.prepare("p(y, 10) ~ x + (1 | g)", data, family="binomial")
    draws = posterior(spec)
    ours = epred(spec, draws, data[["x", "g"]], draws=True)
    np.testing.assert_allclose(rows_of(ours), 10 * expit(by_loops(spec.design, draws)))


def test_weights_are_needed_for_responses_only():
    spec = CASES["weights"].spec()
    draws = posterior(spec)
    data = frame().head(3).drop(columns="w")
    with pytest.raises(bm.BayesmixError, match=r"no column 'w'.*newdata.assign\(w=1\)"):
        new_responses(spec, draws, data)
    assert len(linpred(spec, draws, data)) == len(epred(spec, draws, data)) == 3
    with pytest.raises(bm.BayesmixError, match="must be positive"):
        new_responses(spec, draws, data.assign(w=[1, 1, 0]))
    spec = bm.prepare("y ~ x + (x | g)", frame(), weights=frame()["w"])
    with pytest.raises(bm.BayesmixError, match=r"came as an array.*Refit"):
        new_responses(spec, draws, data)
    assert len(new_responses(spec, draws)) == 90


def test_overflow_is_infinite_and_no_warning():
    spec, data = counts("y ~ x + (1 | g)", "poisson")
    draws = posterior(spec)
    table = epred(spec, draws, data.assign(x=1e6))
    assert np.isinf(table["value"]).any()
    assert (new_responses(spec, draws, data.assign(x=1e6))["value"] >= 0).all()


# --- methods of a fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_methods_take_the_seed_of_the_fit(quantity, sleep):
    data = bm.load_dataset("sleepstudy").assign(Subject="new")
    method = getattr(sleep, quantity)
    first = method(data, new_levels="sample")
    pd.testing.assert_frame_equal(method(data, new_levels="sample"), first)
    other = method(data, new_levels="sample", random_seed=2)
    assert not np.allclose(other, first)
    generator = np.random.default_rng(1)
    one = method(data, new_levels="sample", random_seed=generator)
    assert not np.allclose(method(data, new_levels="sample", random_seed=generator), one)
    call = QUANTITIES[quantity]
    function = call(sleep.spec, sleep.posterior, data, new_levels="sample", random_seed=1)
    pd.testing.assert_frame_equal(function, first)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_methods_pass_all_arguments_on(quantity, sleep):
    data = bm.load_dataset("sleepstudy").head(2)
    method = getattr(sleep, quantity)
    array = method(data, groups="population", new_levels="sample", ci_level=0.9, draws=True)
    assert array.sizes == {"chain": 4, "draw": 500, "obs": 2}
    table = method(data, groups="population", new_levels="sample", ci_level=0.9)
    assert list(table) == ["value", "se", "lower_5", "upper_95"]
    np.testing.assert_allclose(table["value"], array.mean(["chain", "draw"]))
    assert len(method()) == 180


def test_noise_is_not_that_of_the_sampler(sleep):
    noise = sleep.predict(draws=True) - sleep.linpred(draws=True)
    seed = np.random.SeedSequence(1)
    for stream in (seed, *seed.spawn(3)):
        sampled = np.random.default_rng(stream).standard_normal(noise.size)
        assert np.abs(np.corrcoef(rows_of(noise).T.ravel(), sampled)[0, 1]) < 0.01
    assert np.abs(np.corrcoef(rows_of(noise), rowvar=False)[0, 1:]).max() < 5 / np.sqrt(2000)


def test_a_saved_fit_predicts_the_same(sleep, tmp_path):
    sleep.save(tmp_path / "fit")
    again = bm.load(tmp_path / "fit")
    data = bm.load_dataset("sleepstudy").assign(Subject="new")
    for quantity in QUANTITIES:
        ours = getattr(again, quantity)(data, new_levels="sample")
        pd.testing.assert_frame_equal(ours, getattr(sleep, quantity)(data, new_levels="sample"))


def test_linpred_agrees_with_the_table_of_coefficients(sleep):
    coef = sleep.coef().set_index(["group", "effect"])["value"]
    value = sleep.linpred(pd.DataFrame({"Subject": ["335"], "Days": [7.5]}))["value"].item()
    expected = coef["335", "Intercept"] + 7.5 * coef["335", "Days"]
    assert value == pytest.approx(expected)


# --- against PyMC, lme4 and the truth -----------------------------------------------------------


def agree(theirs: np.ndarray, ours: np.ndarray, sd: np.ndarray) -> None:
    """Means of draws (S, n) of independent noise differ by no more than chance."""
    z = (theirs.mean(axis=0) - ours.mean(axis=0)) / sd
    assert np.abs(z).max() < stats.norm.isf(5e-4 / len(z))
    p = stats.chi2(len(z)).cdf((z**2).sum())
    assert 1e-4 < p < 1 - 1e-4


def posterior_predictive(fit: bm.MixedFit, response: str) -> np.ndarray:
    import pymc as pm

    tree = pm.sample_posterior_predictive(
        fit.idata, model=fit.model, progressbar=False, random_seed=3
    )
    return rows_of(tree["posterior_predictive"][response])


@pytest.mark.slow
def test_gaussian_predictions_agree_with_pymc(fitted):
    fit = fitted("sleepstudy-slopes")
    theirs = posterior_predictive(fit, "Reaction")
    mean, y = (rows_of(method(draws=True)) for method in (fit.epred, fit.predict))
    sd = np.sqrt((flat(fit.posterior, "sigma") ** 2).mean() / len(y))
    agree(theirs, mean, sd)
    agree(y, mean, sd)
    agree(theirs, y, np.sqrt(2) * sd)
    np.testing.assert_allclose(theirs.std(axis=0), y.std(axis=0), rtol=0.07)


@pytest.mark.slow
@pytest.mark.usefixtures("mock_pymc_sample")
@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
@pytest.mark.parametrize("case", [BY_ID["yes-no"], BY_ID["cbpp-binomial"]], ids=lambda c: c.id)
def test_predictions_of_other_families_agree_with_pymc(case, load):
    options = {"draws": 500, "chains": 2, "nuts_sampler": "pymc", "random_seed": 1}
    data = load(case.dataset)
    fit = bm.fit(case.formula, data, family=case.family, progressbar=False, **options)
    (response,) = fit.idata["observed_data"].data_vars
    theirs = posterior_predictive(fit, response)
    mean, y = (rows_of(method(draws=True)) for method in (fit.epred, fit.predict))
    trials = 1 if fit.design.trials is None else fit.design.trials
    variance = mean * (1 - mean / trials)
    sd = np.sqrt(variance.mean(axis=0) / len(y))
    population = rows_of(fit.linpred(groups="population", draws=True))
    effects = rows_of(fit.linpred(draws=True)) - population
    for drawn in (theirs, y):
        agree(drawn, mean, sd)
        for direction in (population, effects):
            score = ((drawn - mean) * direction).sum()
            assert abs(score) < 4 * np.sqrt((variance * direction**2).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "model"),
    [
        ("pupils-slopes", "model_1"),
        ("pupils-cell-means", "model_2"),
        ("pupils-combinations", "model_3"),
    ],
)
def test_predictions_of_school_10_are_near_those_of_the_chapter(case, model, fitted, lme4):
    printed = {"model_1": [6.293, 6.520, 6.839], "model_3": [6.289, 6.548, 6.787]}
    rows = lme4["fits"]["pupils_demo"]["predictions_school_10"]
    assert [row["ses"] for row in rows] == ["low", "mid", "high"]
    theirs = np.array([row[model] for row in rows])
    np.testing.assert_allclose(theirs, printed.get(model, printed["model_1"]), atol=5.1e-4)
    fit = fitted(case)
    school = pd.DataFrame({"primary_school_id": 10, "ses": ["low", "mid", "high"]})
    table = fit.epred(school)
    np.testing.assert_allclose(table["value"], theirs, atol=0.1)
    assert (np.abs(table["value"] - theirs) < 0.5 * table["se"]).all()


@pytest.mark.slow
def test_predictive_sd_of_a_new_subject_integrates_over_the_posterior(fitted):
    fit = fitted("sleepstudy-slopes", draws=5000)
    data = pd.DataFrame({"Subject": ["a", "b", "c"], "Days": [0, 4, 9]})
    y = rows_of(fit.predict(data, new_levels="sample", draws=True))
    posterior = fit.posterior
    sd, R = flat(posterior, "sd_Subject"), flat(posterior, "cor_Subject")
    Z = np.column_stack([np.ones(3), data["Days"]])
    within = np.einsum("ia,sab,ib->si", Z, sd[:, :, None] * sd[:, None] * R, Z)
    within = within + flat(posterior, "sigma")[:, None] ** 2
    mean = rows_of(fit.linpred(data, groups="population", draws=True))
    # Given theta and beta: a Normal law with this mean and variance.
    centre = mean.mean(axis=0)
    noise = (y - mean) ** 2 - within
    assert (np.abs(noise.mean(axis=0)) < 4 * noise.std(axis=0) / np.sqrt(len(y))).all()
    expected = np.sqrt(within.mean(axis=0) + ((mean - centre) ** 2).mean(axis=0))
    np.testing.assert_allclose(y.std(axis=0), expected, rtol=0.03)


@pytest.mark.slow
def test_intervals_cover_rows_of_known_and_of_new_groups():
    inside: dict[str, list[np.ndarray]] = {"known": [], "new": []}
    rng = np.random.default_rng(11)
    for k in range(200):
        simulation = bm.simulate(
            60,
            6,
            beta={"Intercept": 2.0, "time": 0.5},
            sd={"Intercept": 1.0, "time": 0.3},
            cor=-0.3,
            sigma=0.8,
            random_seed=k,
        )
        levels = simulation.data["group"].astype(str)
        train = simulation.data[levels.isin(levels.unique()[:40])].assign(group=levels)
        held_out = rng.random(len(train)) < 1 / 6
        options = {"draws": 250, "random_seed": k, "progressbar": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.ConvergenceWarning)
            fit = bm.fit(simulation.formula, train[~held_out], **options)
        new = simulation.data[~levels.isin(levels.unique()[:40])]
        for name, rows in (("known", train[held_out]), ("new", new)):
            table = fit.predict(rows, new_levels="sample", ci_level=0.9)
            inside[name].append(rows["y"].between(table["lower_5"], table["upper_95"]).to_numpy())
    for name, covered in inside.items():
        share = np.concatenate(covered).mean()
        assert 0.87 < share < 0.93, f"{name}: {share:.3f}"
