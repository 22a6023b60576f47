"""Real fits against lme4's estimates of the same models and against exact posteriors.

A posterior mean is not lme4's estimate: an sd's posterior is skewed, so that its mean is above the
mode, the more so the fewer levels or residual degrees of freedom there are. The tolerances are
those that the project set itself; where one is missed, the test is marked and a second test shows
why. Monte-Carlo errors are asserted too, so that no figure agrees by luck.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats

import bayesmix as bm
from bayesmix.model.spec import ModelSpec
from cases import BY_ID
from lme4_comparison import fixed_effects, group_effects, group_sds, plain, residual_sd

GOLDEN = Path(__file__).parent / "golden"

# The poorly sampled models warn, as they should; two tests hold the others to silence.
sampled = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning"),
]

WELL_SAMPLED = (
    "sleepstudy-slopes",
    "sleepstudy-uncorrelated",
    "gpa-intercept",
    "gpa-slopes",
    "gpa-uncorrelated",
    "cbpp-binomial",
)
POORLY_SAMPLED = ("penicillin-crossed", "pastes-nested")
COMPARED = WELL_SAMPLED + POORLY_SAMPLED
PUPILS = ("pupils-slopes", "pupils-cell-means", "pupils-combinations")

FEW_LEVELS = 12


def each_run(case_ids, methods=("nuts", "exact"), misses=None):
    """Parametrise by case and method; `misses` says by case, or case and method, what is missed.

    Not strictly: a run with another seed may be inside the tolerance by chance.
    """
    runs = []
    for case_id, method in itertools.product(case_ids, methods):
        if method == "exact" and BY_ID[case_id].family != "gaussian":
            continue
        reason = (misses or {}).get(case_id) or (misses or {}).get((case_id, method))
        marks = [pytest.mark.xfail(reason=reason, strict=False)] if reason else []
        runs.append(pytest.param(case_id, method, marks=marks, id=f"{case_id}-{method}"))
    return pytest.mark.parametrize(("case_id", "method"), runs)


@pytest.fixture
def reference(lme4):
    def find(case_id):
        case = BY_ID[case_id]
        return lme4["fits"][case.dataset][case.lme4]

    return find


class TestAgreement:
    pytestmark = sampled

    @each_run(
        COMPARED,
        misses={
            ("penicillin-crossed", "nuts"): "about 100 effective draws of 4000: too few for 0.15",
            ("pastes-nested", "nuts"): "50 to 300 effective draws of 4000: too few for 0.15",
        },
    )
    def test_fixed_effects(self, case_id, method, fitted, reference):
        table = fixed_effects(fitted(case_id, method=method), reference(case_id))
        assert (2 * table["mcse"] < 0.15).all(), table
        assert (table["difference"].abs() < 0.15).all(), table

    @each_run(
        [case_id for case_id in COMPARED if BY_ID[case_id].family == "gaussian"],
        misses={
            "pastes-nested": "30 degrees of freedom: the exact posterior mean is 4 % above REML"
        },
    )
    def test_residual_sd(self, case_id, method, fitted, reference):
        assert abs(residual_sd(fitted(case_id, method=method), reference(case_id)) - 1) < 0.03

    @each_run(COMPARED)
    def test_group_sds(self, case_id, method, fitted, reference):
        table = group_sds(fitted(case_id, method=method), reference(case_id))
        assert table.loc[table["levels"] >= FEW_LEVELS, "inside"].all(), table

    @each_run(COMPARED)
    def test_group_effects(self, case_id, method, fitted, reference):
        table = group_effects(fitted(case_id, method=method), reference(case_id))
        assert (table["correlation"] > 0.995).all(), table

    @each_run(WELL_SAMPLED, ["nuts"])
    def test_nuts_has_nothing_to_warn_of(self, case_id, method, fitted):
        assert fitted(case_id, method=method, draws=2000).idata.attrs["messages"] == "[]"

    @each_run(COMPARED, ["exact"])
    def test_marginal_has_nothing_to_warn_of(self, case_id, method, fitted):
        assert fitted(case_id, method=method).idata.attrs["messages"] == "[]"

    def test_penicillin_with_what_the_warning_recommends(self, load, reference):
        case = BY_ID["penicillin-crossed"]
        longer = bm.fit(
            case.formula,
            load(case.dataset),
            method="nuts",
            draws=4000,
            nuts={"target_accept": 0.95},
            random_seed=1,
            progressbar=False,
        )
        table = fixed_effects(longer, reference(case.id))
        assert (2 * table["mcse"] < 0.15).all(), table
        assert (table["difference"].abs() < 0.15).all(), table


class TestExactPosterior:
    """Quadrature over the sds, everything else integrated out: no Monte-Carlo error."""

    @pytest.mark.parametrize("case_id", POORLY_SAMPLED)
    def test_fixed_effect_is_that_of_lme4(self, case_id, load, reference):
        mean = exact_means(prepared(case_id, load))["beta"]
        assert mean == pytest.approx(reference(case_id)["fixed"][0]["estimate"], abs=1e-8)

    @pytest.mark.parametrize(
        ("case_id", "lower", "upper"),
        [
            ("penicillin-crossed", 1.005, 1.015),
            ("pastes-nested", 1.035, 1.045),
        ],
    )
    def test_mean_of_the_residual_sd_is_above_reml(self, case_id, lower, upper, load, reference):
        mean = exact_means(prepared(case_id, load))["sigma"]
        assert lower < mean / reference(case_id)["sigma"] < upper

    @each_run(POORLY_SAMPLED)
    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
    def test_draws_agree(self, case_id, method, fitted):
        fit = fitted(case_id, method=method)
        spec, posterior = fit.spec, fit.posterior
        draws = {"sigma": posterior["sigma"].values, "beta": posterior["beta"].values[..., 0]}
        for term in spec.design.groups:
            draws[term.factor] = posterior[f"sd_{term.factor}"].values[..., 0]
        for name, mean in exact_means(spec).items():
            error = array_stats.mcse(draws[name], method="mean")
            assert abs(draws[name].mean() - mean) < 4 * error, name


class TestChapter:
    """The three pupils models as the chapter prints them; lme4 finds the first two singular."""

    pytestmark = sampled

    @each_run(PUPILS)
    def test_effects_and_levels_are_labelled_as_printed(self, case_id, method, fitted):
        fit = fitted(case_id, method=method)
        printed = printed_for(case_id, "school_10")
        ours = school_10(fit)
        assert labels(ours) == labels(printed)
        components = fit.varcorr()
        printed = printed_for(case_id, "variance_components")
        assert {*zip(components["group"], components["effect"].map(plain), strict=True)} == {
            *zip(printed["group"], printed["effect"], strict=True)
        }
        assert [plain(term) for term in fit.fixef()["term"]] == [
            *printed_for(case_id, "fixed_effects")["term"]
        ]

    @each_run(PUPILS)
    def test_number_of_random_effects(self, case_id, method, fitted):
        [size] = printed_for(case_id, "sizes")["n_random_effects"]
        assert len(fitted(case_id, method=method).ranef()) == int(size)

    @each_run(PUPILS)
    def test_shares_of_the_variance_add_up(self, case_id, method, fitted):
        assert fitted(case_id, method=method).varcorr()["var_prop"].sum() == pytest.approx(
            1, abs=1e-12
        )

    @each_run(PUPILS)
    def test_fixed_effects(self, case_id, method, fitted, reference):
        table = fixed_effects(fitted(case_id, method=method), reference(case_id))
        assert (2 * table["mcse"] < 0.15).all(), table
        assert (table["difference"].abs() < 0.15).all(), table

    @each_run(PUPILS)
    def test_residual_sd(self, case_id, method, fitted, reference):
        assert abs(residual_sd(fitted(case_id, method=method), reference(case_id)) - 1) < 0.03

    @each_run(PUPILS)
    def test_school_10(self, case_id, method, fitted):
        ours = school_10(fitted(case_id, method=method))
        keys = ["group_var", "effect", "group"]
        both = ours.merge(printed_for(case_id, "school_10"), on=keys, suffixes=("", "_printed"))
        difference = both["value"] - both["value_printed"].astype(float)
        assert len(both) == len(ours)
        assert (difference.abs() < 0.05).all(), both


@pytest.mark.parametrize(
    ("table", "entry"),
    [
        ("fixed_effects", "fixed"),
        ("variance_components", "var_components"),
        ("correlations", "correlations"),
        ("school_10", "ranef"),
    ],
)
def test_golden_tables_are_the_reference_rounded(table, entry, lme4):
    reference = {"value": "estimate"} if entry == "fixed" else {}
    for row in read(table).to_dict("records"):
        kept = lme4["fits"][row.pop("dataset")][row.pop("model")][entry]
        names = ("term", "group", "group_var", "effect", "effect1", "effect2")
        label = {name: row.pop(name) for name in names if name in row}
        [found] = [
            candidate
            for candidate in kept
            if all((candidate[name] or "") == value for name, value in label.items())
        ]
        for name, printed in row.items():
            half_a_digit = 0.5 * 10 ** -len(printed.partition(".")[2])
            exact = found[reference.get(name, name)]
            assert abs(exact - float(printed)) <= 1.0001 * half_a_digit, (label, name)


def test_golden_sizes_are_those_of_the_reference(lme4):
    for row in read("sizes").to_dict("records"):
        kept = lme4["fits"][row["dataset"]][row["model"]]
        assert kept["n_random_effects"] == int(row["n_random_effects"])
        assert kept["df"] == int(row["K"])
        assert f"{kept['AICc']:.3f}" == row["AICc"]


def read(table: str) -> pd.DataFrame:
    """Read a golden table as text, so that the digits printed are known."""
    return pd.read_csv(GOLDEN / f"{table}.csv", dtype=str, keep_default_na=False)


def printed_for(case_id: str, table: str) -> pd.DataFrame:
    case = BY_ID[case_id]
    printed = read(table)
    return printed[(printed["dataset"] == case.dataset) & (printed["model"] == case.lme4)]


def school_10(fit: bm.MixedFit) -> pd.DataFrame:
    effects = fit.ranef()
    effects["effect"] = effects["effect"].map(plain)
    return effects[effects["group"].str.split(":").str[0] == "10"]


def labels(effects: pd.DataFrame) -> set[tuple[str, ...]]:
    keys = effects[["group_var", "effect", "group"]]
    return {*keys.itertuples(index=False, name=None)}


def prepared(case_id, load):
    case = BY_ID[case_id]
    return bm.prepare(case.formula, load(case.dataset))


def exact_means(spec: ModelSpec, n_grid: int = 60) -> dict[str, float]:
    """Posterior means of a Gaussian model of one intercept and random intercepts.

    In the space of the columns the covariance of y is B + sigma^2 I with B independent of sigma,
    so that its eigenvalues serve every sigma; outside that space there is sigma alone.
    """
    y = spec.design.y
    intercept = spec.priors.intercept.parameters
    columns = [np.ones((len(y), 1)), *(np.eye(t.n_levels)[t.codes] for t in spec.design.groups)]
    space, size, _ = np.linalg.svd(np.hstack(columns), full_matrices=False)
    space = space[:, size > 1e-9 * size[0]]
    ones, *crosses = [space.T @ column for column in columns]
    outcome = space.T @ (y - intercept["mu"])
    rest = ((y - intercept["mu"]) ** 2).sum() - (outcome**2).sum()
    n_rest = len(y) - space.shape[1]

    log_sd = np.linspace(np.log(1e-3), np.log(30), n_grid)
    log_sigma = np.log(np.sqrt(rest / n_rest)) + np.linspace(-1, 1, n_grid)
    log_sds = np.array(list(itertools.product(log_sd, repeat=len(crosses))))
    prior = intercept["sigma"] ** 2 * ones @ ones.T
    products = np.array([cross @ cross.T for cross in crosses])
    B = prior + np.einsum("kt,tij->kij", np.exp(2 * log_sds), products)
    values, vectors = np.linalg.eigh(B)
    z = np.einsum("kij,i->kj", vectors, outcome)
    x = np.einsum("kij,i->kj", vectors, ones[:, 0])

    scales = [spec.priors.sd[t.factor][0].parameters["scale"] for t in spec.design.groups]
    scale = spec.priors.auxiliary["sigma"].parameters["scale"]
    log_density = np.empty((len(log_sds), n_grid))
    beta = np.empty_like(log_density)
    for j, log in enumerate(log_sigma):
        variances = values + np.exp(2 * log)
        log_density[:, j] = (
            -0.5 * (np.log(variances) + z**2 / variances).sum(axis=1)
            - n_rest * log
            - 0.5 * rest / np.exp(2 * log)
            - np.exp(log) / scale
            + log
        )
        beta[:, j] = intercept["mu"] + intercept["sigma"] ** 2 * (x * z / variances).sum(axis=1)
    log_density += (log_sds - np.exp(log_sds) / scales).sum(axis=1)[:, np.newaxis]
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    means = {
        term.factor: float(weights.sum(axis=1) @ np.exp(log_sds[:, i]))
        for i, term in enumerate(spec.design.groups)
    }
    means["sigma"] = float(weights.sum(axis=0) @ np.exp(log_sigma))
    means["beta"] = float((weights * beta).sum())
    return means
