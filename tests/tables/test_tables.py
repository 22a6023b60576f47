from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior import diagnostics, parameters
from bayesmix.tables import components, groups, population
from posteriors import (
    CASES,
    Case,
    DesignStandIn,
    counts,
    even_quantile,
    even_sd,
    make_case,
    pupils,
    regression,
    slopes,
    term_of,
)

GROUP_COLUMNS = ["group_var", "effect", "group", "value", "se", "lower_2.5", "upper_97.5"]

COLUMNS: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "fixef": (population.fixef, ["term", "value", "se", "lower_2.5", "upper_97.5"]),
    "varcorr": (
        components.varcorr,
        ["group", "effect", "variance", "sd", "sd_2.5", "sd_97.5", "var_prop"],
    ),
    "ranef": (groups.ranef, GROUP_COLUMNS),
    "coef": (groups.coef, GROUP_COLUMNS),
    "find_typical": (groups.find_typical, GROUP_COLUMNS),
    "diagnostics": (
        diagnostics.diagnostics,
        ["parameter", "r_hat", "ess_bulk", "ess_tail"],
    ),
}


def quantile(values: list[float], p: float) -> float:
    """Interpolate linearly between order statistics."""
    ordered = sorted(values)
    place = p * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def summary(values: list[float], lower: float = 0.025, upper: float = 0.975) -> list[float]:
    return [
        math.fsum(values) / len(values),
        statistics.stdev(values),
        quantile(values, lower),
        quantile(values, upper),
    ]


def with_posterior(case: Case, posterior: xr.Dataset) -> Case:
    return dataclasses.replace(case, posterior=posterior)


def with_design(case: Case, design: DesignStandIn, posterior: xr.Dataset) -> Case:
    return dataclasses.replace(case, design=design, posterior=posterior)


def flat(array: xr.DataArray) -> list[float]:
    return [float(x) for chain in array.values for x in chain]


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(
        np.asarray(actual, dtype=float), np.asarray(expected, dtype=float), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("case_id", CASES)
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_and_index(name: str, case_id: str):
    case = CASES[case_id]()
    function, columns = COLUMNS[name]
    table = function(case)
    assert list(table.columns) == columns
    assert isinstance(table.index, pd.RangeIndex)
    assert table.index.equals(pd.RangeIndex(len(table)))
    text = {"term", "group", "effect", "group_var", "parameter"} & set(columns)
    if name == "varcorr":
        assert table["group"].iloc[-1] == ("herd" if case_id == "counts" else "Residual")
    for column in columns:
        assert pd.api.types.is_numeric_dtype(table[column]) == (column not in text)


@pytest.mark.parametrize(
    ("ci_level", "lower", "upper"),
    [
        (0.9, "5", "95"),
        (0.8, "10", "90"),
        (0.95, "2.5", "97.5"),
        (0.5, "25", "75"),
        (0.999, "0.05", "99.95"),
        (np.float32(0.5), "25", "75"),
    ],
)
def test_interval_names(ci_level: float, lower: str, upper: str):
    case = pupils()
    arguments = (case,)
    for function in (population.fixef, groups.ranef, groups.coef, groups.find_typical):
        table = function(*arguments, ci_level=ci_level)
        assert list(table.columns)[-2:] == [f"lower_{lower}", f"upper_{upper}"]
    long = components.cor_re(*arguments, long=True, ci_level=ci_level)
    assert list(long.columns)[-2:] == [f"lower_{lower}", f"upper_{upper}"]
    posterior = components.varcorr(
        *arguments, ci_level=ci_level, ci_scale="var", estimator="posterior"
    )
    assert list(posterior.columns)[4:] == [
        f"var_{lower}",
        f"var_{upper}",
        "var_prop",
        f"var_prop_{lower}",
        f"var_prop_{upper}",
    ]


@pytest.mark.parametrize("ci_level", [0, 1, 95, -0.5, 1.5, np.nan, np.inf, "0.95", None, True])
@pytest.mark.parametrize(
    "verb",
    [
        population.fixef,
        components.varcorr,
        groups.ranef,
        groups.coef,
        groups.find_typical,
        components.cor_re,
    ],
)
def test_bad_ci_level(verb: Callable[..., Any], ci_level: Any):
    case = slopes()
    with pytest.raises(BayesmixError, match=r"ci_level=.*above 0 and below 1"):
        verb(case, ci_level=ci_level)


def test_ci_level_in_percent_gets_a_hint():
    case = slopes()
    with pytest.raises(BayesmixError, match=r"Did you mean 0\.95\?"):
        population.fixef(case, ci_level=95)


def test_fixef_in_closed_form():
    case = slopes()
    table = population.fixef(case, ci_level=0.9)
    assert table["term"].tolist() == ["Intercept", "Days"]
    for row, label in zip(table.itertuples(index=False), case.design.terms, strict=True):
        centre, half = case.truth[f"beta:{label}"]
        expected = [
            centre,
            even_sd(half),
            even_quantile(centre, half, 0.05),
            even_quantile(centre, half, 0.95),
        ]
        close(row[1:], expected)


def test_fixef_exponentiates_the_draws():
    case = counts()
    table = population.fixef(case, exponentiate=True)
    for row in table.itertuples(index=False):
        draws = flat(case.posterior["beta"].sel(term=row.term))
        close(row[1:], summary([math.exp(x) for x in draws]))


def test_fixef_exponentiates_without_a_warning_where_it_overflows():
    case = slopes()
    huge = case.posterior.assign(beta=case.posterior["beta"] * 100)
    assert np.isinf(population.fixef(with_posterior(case, huge), exponentiate=True)["value"][0])


def test_varcorr_in_closed_form():
    case = slopes()
    table = components.varcorr(case)
    assert table["group"].tolist() == ["Subject", "Subject", "Residual"]
    assert table["effect"].tolist() == ["Intercept", "Days", ""]
    close(table["sd"], [27, 6.5, 26])
    close(table["variance"], [729, 42.25, 676])
    close(table["sd_2.5"], [27 - 11.4, 6.5 - 2.85, 26 - 2.85])
    close(table["sd_97.5"], [27 + 11.4, 6.5 + 2.85, 26 + 2.85])
    close(table["var_prop"], np.array([729, 42.25, 676]) / 1447.25)


def test_varcorr_interval_of_the_variance():
    case = slopes()
    of_sd = components.varcorr(case)
    of_variance = components.varcorr(case, ci_scale="var")
    columns = ["group", "effect", "variance", "sd", "var_2.5", "var_97.5", "var_prop"]
    assert list(of_variance.columns) == columns
    close(of_variance["var_2.5"], of_sd["sd_2.5"] ** 2)
    close(of_variance["var_97.5"], of_sd["sd_97.5"] ** 2)
    close(of_variance[["variance", "sd", "var_prop"]], of_sd[["variance", "sd", "var_prop"]])


def test_varcorr_posterior_means():
    case = pupils()
    table = components.varcorr(case, estimator="posterior")
    mean = components.varcorr(case)
    variables = [
        case.posterior["sd_school"].isel(school_effect=0),
        case.posterior["sd_school"].isel(school_effect=1),
        case.posterior["sd_school"].isel(school_effect=2),
        case.posterior["sd_school:term"].isel({"school:term_effect": 0}),
        case.posterior["sigma"],
    ]
    variances = [[x * x for x in flat(variable)] for variable in variables]
    totals = [sum(draw) for draw in zip(*variances, strict=True)]
    for i, values in enumerate(variances):
        share = [x / total for x, total in zip(values, totals, strict=True)]
        mean_share, _, lower, upper = summary(share)
        close(table.loc[i, "variance"], math.fsum(values) / len(values))
        close(
            table.loc[i, ["var_prop", "var_prop_2.5", "var_prop_97.5"]],
            [mean_share, lower, upper],
        )
    close(table["var_prop"].sum(), 1)
    assert list(table.columns)[-2:] == ["var_prop_2.5", "var_prop_97.5"]
    pd.testing.assert_frame_equal(
        table[["group", "effect", "sd", "sd_2.5", "sd_97.5"]],
        mean[["group", "effect", "sd", "sd_2.5", "sd_97.5"]],
    )
    assert (table["variance"] > mean["variance"]).all()


@pytest.mark.parametrize("case_id", CASES)
@pytest.mark.parametrize("estimator", ["mean", "posterior"])
def test_var_prop_sums_to_one(case_id: str, estimator: str):
    case = CASES[case_id]()
    table = components.varcorr(case, estimator=estimator)
    close(table["var_prop"].sum(), 1)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("ci_scale", "variance", r"Unknown ci_scale='variance'\. Allowed: sd, var"),
        ("estimator", "means", r"Unknown estimator='means'\. .*Did you mean 'mean'\?"),
    ],
)
def test_varcorr_bad_option(option: str, value: str, message: str):
    case = slopes()
    with pytest.raises(BayesmixError, match=message):
        components.varcorr(case, **{option: value})


def test_cor_re_has_every_factor():
    case = pupils()
    matrices = components.cor_re(case)
    assert list(matrices) == ["school", "school:term"]
    school = matrices["school"]
    effects = ["Intercept", "ses[mid]", "age"]
    assert school.index.tolist() == school.columns.tolist() == effects
    close(school, [[1, -0.6, 0], [-0.6, 1, 0], [0, 0, 1]])
    pd.testing.assert_frame_equal(
        matrices["school:term"], pd.DataFrame([[1.0]], ["Intercept"], ["Intercept"])
    )


def test_cor_re_of_a_block_out_of_order():
    school = pupils().design.groups[0]
    term = dataclasses.replace(school, blocks=((0, 2), (1,)))
    design = DesignStandIn("", (), (term,))
    truth = {f"sd:school:{e}": (1.0, 0.5) for e in term.effects}
    truth |= {f"u:school:{e}:{v}": (0.0, 1.0) for e in term.effects for v in term.levels}
    truth |= {"cor:school:Intercept:age": (0.25, 0.5)}
    case = make_case(design, truth, bm.get_family("bernoulli"))
    close(
        components.cor_re(with_design(case, design, case.posterior))["school"],
        [[1, 0, 0.25], [0, 1, 0], [0.25, 0, 1]],
    )
    draws = parameters.parameter_draws(design, case.family, case.posterior)
    assert "cor:school:Intercept:age" in draws


def test_cor_re_long():
    case = pupils()
    table = components.cor_re(case, long=True, ci_level=0.8)
    columns = ["group_var", "effect_1", "effect_2", "value", "se", "lower_10", "upper_90"]
    assert list(table.columns) == columns
    assert table.iloc[:, :3].to_numpy().tolist() == [["school", "Intercept", "ses[mid]"]]
    close(table.iloc[0, 3:], [-0.6, even_sd(0.3), -0.6 - 0.3 * 0.8, -0.6 + 0.3 * 0.8])


@pytest.mark.parametrize("case_id", ["counts", "regression"])
def test_cor_re_long_without_any(case_id: str):
    case = CASES[case_id]()
    table = components.cor_re(case, long=True)
    assert len(table) == 0
    assert list(table.columns)[:4] == ["group_var", "effect_1", "effect_2", "value"]


def test_cor_fe():
    case = pupils()
    table = population.cor_fe(case)
    first, second = (flat(case.posterior["beta"].isel(term=i)) for i in (0, 1))
    expected = statistics.correlation(first, second)
    close(table, [[1, expected], [expected, 1]])
    assert table.index.tolist() == table.columns.tolist() == ["Intercept", "ses[mid]"]


def test_cor_fe_of_a_fixed_parameter():
    case = slopes()
    beta = case.posterior["beta"].copy()
    beta[..., 1] = 0.1
    table = population.cor_fe(with_posterior(case, case.posterior.assign(beta=beta)))
    assert np.isnan(table.iloc[0, 1])
    close(np.diag(table), [1, 1])


@pytest.mark.parametrize("case_id", ["slopes", "pupils", "counts"])
def test_ranef_in_closed_form(case_id: str):
    case = CASES[case_id]()
    table = groups.ranef(case)
    expected = [
        (term.factor, effect, level)
        for term in case.design.groups
        for effect in term.effects
        for level in term.levels
    ]
    keys = table[["group_var", "effect", "group"]]
    assert list(keys.itertuples(index=False, name=None)) == expected
    for row in table.itertuples(index=False):
        centre, half = case.truth[f"u:{row.group_var}:{row.effect}:{row.group}"]
        close(row[3:], [centre, even_sd(half), centre - 0.95 * half, centre + 0.95 * half])


def test_ranef_counts_rows():
    case = pupils()
    table = groups.ranef(case, add_group_N=True)
    assert list(table.columns) == [*GROUP_COLUMNS, "n"]
    assert table["n"].tolist() == [4, 2] * 3 + [3, 1, 2]
    pd.testing.assert_frame_equal(table[GROUP_COLUMNS], groups.ranef(case))
    assert list(groups.ranef(*no_groups(), add_group_N=True).columns) == [*GROUP_COLUMNS, "n"]


def no_groups() -> tuple[DesignStandIn, xr.Dataset]:
    case = regression()
    return (case,)


@pytest.mark.parametrize("function", [groups.ranef, groups.coef, groups.find_typical])
def test_re_picks_one_factor(function: Callable[..., pd.DataFrame]):
    case = pupils()
    everything = function(case)
    for factor in ("school", "school:term"):
        table = function(case, re=factor)
        expected = everything[everything["group_var"] == factor].reset_index(drop=True)
        pd.testing.assert_frame_equal(table, expected)
    with pytest.raises(
        BayesmixError,
        match=r"re='shool' is no grouping factor of the model\. "
        r"Grouping factors: school, school:term\. "
        r"Did you mean 'school'\?",
    ):
        function(case, re="shool")
    with pytest.raises(BayesmixError, match="no grouping factor"):
        function(*no_groups(), re="school")


@pytest.mark.parametrize("case_id", ["slopes", "pupils", "counts"])
def test_coef_adds_draws(case_id: str):
    case = CASES[case_id]()
    table = groups.coef(case, ci_level=0.8)
    population = {term: flat(case.posterior["beta"].sel(term=term)) for term in case.design.terms}
    rows = iter(table.itertuples(index=False))
    for term in case.design.groups:
        u = case.posterior[f"u_{term.factor}"]
        for (i, effect), (j, level) in itertools.product(
            enumerate(term.effects), enumerate(term.levels)
        ):
            row = next(rows)
            assert (row.group_var, row.effect, row.group) == (term.factor, effect, level)
            draws = flat(u.isel({term.dim: j, term.effect_dim: i}))
            beta = population.get(effect, [0.0] * len(draws))
            close(row[3:], summary([a + b for a, b in zip(beta, draws, strict=True)], 0.1, 0.9))
    assert next(rows, None) is None


def test_coef_of_an_effect_without_population_twin():
    case = pupils()
    coefficients = groups.coef(case).query("effect == 'age'")
    deviations = groups.ranef(case).query("effect == 'age'")
    pd.testing.assert_frame_equal(coefficients, deviations)


def test_find_typical_of_the_average():
    case = slopes()
    table = groups.find_typical(case)
    assert table[["effect", "group"]].to_numpy().tolist() == [["Intercept", "310"], ["Days", "330"]]
    close(table["value"], [-1.5, -4.5])
    close(table["se"], [even_sd(22), even_sd(3.5)])


def test_find_typical_of_quantiles():
    case = slopes()
    table = groups.find_typical(case, probs=[0, 0.29, 0.5, 1])
    # Means of Intercept: -40, -1.5, 2.25, 24; of Days: -8.5, -5.5, -4.5, 9.
    assert table["group"].tolist() == ["309", "310", "308", "330", "309", "310", "310", "308"]
    assert table["probs"].tolist() == ["0%", "29%", "50%", "100%"] * 2
    assert list(table.columns) == [*GROUP_COLUMNS, "probs"]
    assert table["effect"].tolist() == ["Intercept"] * 4 + ["Days"] * 4
    # The median is as far from 310 as from 308, of which 308 comes first.
    close(table["value"], [-40, -1.5, 2.25, 24, -8.5, -5.5, -5.5, 9])


@pytest.mark.parametrize("values", [[0.1, 0.3], [0.3, 0.1]])
def test_the_first_of_two_equally_close(values: list[float]):
    assert abs(0.1 - 0.2) != abs(0.3 - 0.2)
    assert groups._closest(np.array(values), 0.2) == 0


def test_find_typical_takes_one_number():
    case = slopes()
    table = groups.find_typical(case, probs=0.025)
    assert table["probs"].tolist() == ["2.5%", "2.5%"]


@pytest.mark.parametrize("probs", [[], [0.5, 1.5], -0.1, [np.nan], "25%", ["a"], [None], True])
def test_find_typical_bad_probs(probs: Any):
    case = slopes()
    with pytest.raises(BayesmixError, match=r"probs=.*probabilities from 0 to 1"):
        groups.find_typical(case, probs=probs)


def test_find_typical_without_groups():
    assert len(groups.find_typical(*no_groups(), probs=[0.5])) == 0


@pytest.mark.parametrize("case_id", CASES)
def test_nothing_changes_the_posterior(case_id: str):
    case = CASES[case_id]()
    before = case.posterior.copy(deep=True)
    for function in (
        population.fixef,
        components.varcorr,
        components.cor_re,
        population.cor_fe,
        groups.ranef,
        groups.coef,
        groups.find_typical,
        diagnostics.diagnostics,
    ):
        function(case)
    components.varcorr(case, estimator="posterior")
    xr.testing.assert_identical(case.posterior, before)


def one_level() -> Case:
    term = term_of("g", np.array(["a"]), ("Intercept",), ((0,),), np.zeros(3, dtype=int))
    design = DesignStandIn("y ~ 1 + (1 | g)", ("Intercept",), (term,), 3)
    truth = {"beta:Intercept": (1.0, 1.0), "sd:g:Intercept": (1.0, 0.5)}
    return make_case(design, truth | {"u:g:Intercept:a": (0.5, 2.0)}, None)


def test_a_single_level_is_copied_before_it_is_summarised():
    case = one_level()
    before = case.posterior.copy(deep=True)
    close(groups.coef(case)["value"], [1.5])
    close(groups.ranef(case)["value"], [0.5])
    xr.testing.assert_identical(case.posterior, before)


@pytest.mark.parametrize("chunk", [1, 3 * 200, 10**9])
def test_chunks_do_not_change_a_digit(monkeypatch: pytest.MonkeyPatch, chunk: int):
    rng = np.random.default_rng(3)
    levels = np.arange(37).astype(str)
    term = term_of("g", levels, ("Intercept", "x"), ((0,), (1,)), np.arange(37))
    design = DesignStandIn("", ("Intercept",), (term,), 37)
    u = rng.normal(1e3, 1, size=(2, 100, 37, 2))
    beta = rng.normal(size=(2, 100, 1))
    posterior = xr.Dataset(
        {"u_g": (("chain", "draw", "g", "g_effect"), u), "beta": (("chain", "draw", "term"), beta)}
    )
    case = Case(design, posterior)
    expected = groups.coef(case)
    monkeypatch.setattr("bayesmix.tables.levels._CHUNK_SIZE", chunk)
    pd.testing.assert_frame_equal(
        groups.coef(case),
        expected,
        check_exact=True,
    )


def test_order_of_dims_does_not_matter():
    case = pupils()
    turned = case.posterior.transpose(..., "draw", "chain")
    for function in (
        population.fixef,
        components.varcorr,
        groups.coef,
        diagnostics.diagnostics,
    ):
        pd.testing.assert_frame_equal(
            function(with_posterior(case, turned)),
            function(case),
            check_exact=True,
        )


def test_parameter_draws():
    case = pupils()
    draws = parameters.parameter_draws(case.design, case.family, case.posterior)
    assert list(draws) == [
        "beta:Intercept",
        "beta:ses[mid]",
        "sd:school:Intercept",
        "sd:school:ses[mid]",
        "sd:school:age",
        "cor:school:Intercept:ses[mid]",
        "sd:school:term:Intercept",
        "sigma",
    ]
    np.testing.assert_array_equal(draws["beta:ses[mid]"], case.posterior["beta"].values[..., 1])
    np.testing.assert_array_equal(
        draws["cor:school:Intercept:ses[mid]"], case.posterior["cor_school"].values[..., 0, 1]
    )
    np.testing.assert_array_equal(draws["sigma"], case.posterior["sigma"].values)
    for values in draws.values():
        assert values.shape == (2, 100)


def test_diagnostics_are_those_of_arviz():
    from arviz_stats import ess, rhat

    case = slopes()
    table = diagnostics.parameter_diagnostics(case.design, case.family, case.posterior).set_index(
        "parameter"
    )
    for label, variable in {
        "beta:Days": case.posterior["beta"].sel(term="Days"),
        "cor:Subject:Intercept:Days": case.posterior["cor_Subject"][..., 0, 1],
        "sigma": case.posterior["sigma"],
    }.items():
        close(table.loc[label, "r_hat"], rhat(variable))
        close(table.loc[label, "ess_bulk"], ess(variable))
        close(table.loc[label, "ess_tail"], ess(variable, method="tail", prob=(0.05, 0.95)))


def test_diagnostics_see_chains_that_disagree():
    case = slopes()
    sigma = case.posterior["sigma"] + xr.DataArray([0.0, 50.0], dims="chain")
    table = diagnostics.parameter_diagnostics(
        case.design, case.family, case.posterior.assign(sigma=sigma)
    )
    by_name = table.set_index("parameter")
    assert by_name.loc["sigma", "r_hat"] > 1.5
    assert by_name.drop("sigma")["r_hat"].max() < 1.01


def test_diagnostics_of_what_cannot_be_judged():
    case = slopes()
    beta = case.posterior["beta"].copy(deep=True)
    beta[..., 0] = 0.1
    beta[0, 3, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = diagnostics.parameter_diagnostics(
            case.design, case.family, case.posterior.assign(beta=beta)
        )
    missing = table.set_index("parameter").isna().all(axis=1)
    assert missing[missing].index.tolist() == ["beta:Intercept", "beta:Days"]


def test_diagnostics_of_chains_that_are_stuck():
    case = slopes()
    sigma = xr.zeros_like(case.posterior["sigma"]) + xr.DataArray([1.0, 2.0], dims="chain")
    table = diagnostics.parameter_diagnostics(
        case.design, case.family, case.posterior.assign(sigma=sigma)
    )
    assert table.set_index("parameter").loc["sigma", "r_hat"] > 1e3


@pytest.mark.parametrize("chains", [1, 2])
@pytest.mark.parametrize("draws", [1, 2, 3, 4, 5, 100])
def test_few_draws_do_not_raise(chains: int, draws: int):
    for make in CASES.values():
        case = make()
        posterior = case.posterior.isel(chain=slice(chains), draw=slice(draws))
        table = diagnostics.parameter_diagnostics(case.design, case.family, posterior)
        assert table["r_hat"].isna().all() == (chains == 1 or draws < 4)
        assert table["ess_bulk"].isna().all() == (draws < 4)
        for function in (population.fixef, components.varcorr, groups.ranef, groups.coef):
            result = function(with_posterior(case, posterior))
            if "se" in result and len(result):
                assert result["se"].isna().all() == (chains * draws == 1)
        components.cor_re(with_posterior(case, posterior), long=True)
        population.cor_fe(with_posterior(case, posterior))


def test_a_model_without_population_effects():
    case = slopes()
    design = dataclasses.replace(case.design, terms=())
    posterior = case.posterior.drop_vars("beta")
    assert len(population.fixef(with_design(case, design, posterior))) == 0
    assert (
        list(population.fixef(with_design(case, design, posterior)).columns) == COLUMNS["fixef"][1]
    )
    assert population.cor_fe(with_design(case, design, posterior)).shape == (0, 0)
    pd.testing.assert_frame_equal(
        groups.coef(with_design(case, design, posterior)), groups.ranef(case)
    )
    assert (
        diagnostics.parameter_diagnostics(design, case.family, posterior)["parameter"][0]
        == "sd:Subject:Intercept"
    )


def test_a_posterior_without_sd_or_residual():
    case = dataclasses.replace(regression(), family=bm.get_family("poisson"))
    posterior = case.posterior.drop_vars("sigma")
    assert len(components.varcorr(with_posterior(case, posterior))) == 0
    assert len(components.varcorr(with_posterior(case, posterior), estimator="posterior")) == 0


def test_numbers_are_not_rounded():
    case = counts()
    value = population.fixef(case)["se"][0]
    assert value != round(value, 6)
