from __future__ import annotations

import dataclasses
import importlib.metadata
import pickle
import re
import subprocess
import sys
import time
import tracemalloc
import warnings
from pathlib import Path

import formulae
import numpy as np
import pandas as pd
import pytest

from bayesmix.base.errors import BayesmixError, DesignWarning, FormulaError
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.registry import get_family
from bayesmix.formula.formula import Formula, parse_formula
from bayesmix.preparation.make import make_design
from cases import CASES

FORMULAE = tuple(map(int, importlib.metadata.version("formulae").split(".")[:2]))


def design(formula, data, family="gaussian", **options) -> Design:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return make_design(formula, data, family=get_family(family), **options)


def small() -> pd.DataFrame:
    """Six rows whose designs can be written by hand."""
    return pd.DataFrame(
        {
            "y": [1.0, 2.0, 4.0, 3.0, 5.0, 9.0],
            "x": [1, 2, 3, 4, 5, 6],
            "z": [2.0, 0.0, 1.0, 0.0, 3.0, 1.0],
            "ses": pd.Categorical(
                ["low", "high", "mid", "low", "high", "mid"], ["low", "mid", "high", "never"]
            ),
            "sex": ["m", "f", "f", "m", "m", "f"],
            "flag": [True, False, False, True, True, False],
            "g": [10, 9, 10, 9, 2, 2],
            "h": ["b", "a", "b", "b", "a", "a"],
            "wins": [1, 0, 2, 3, 1, 2],
            "games": [3, 3, 2, 4, 4, 5],
            "answer": ["yes", "no", "no", "yes", "yes", "no"],
        }
    )


def large(n: int = 60) -> pd.DataFrame:
    """Rows with no accidental structure, for comparisons with other code."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.uniform(1, 5, n),
            "z": rng.normal(size=n),
            "ses": pd.Categorical(np.resize(["low", "mid", "high"], n), ["low", "mid", "high"]),
            "sex": np.resize(["m", "f"], n),
            "year": np.resize([3, 1, 2, 2], n),
            "flag": np.resize([True, False, False], n),
            "my col": rng.normal(size=n),
            "g": np.repeat(np.arange(10, 20), n // 10),
            "h": np.resize(list("abcdefg"), n),
        }
    )


def half(x):
    return x / 2


# --- population effects -------------------------------------------------------------------------

BY_HAND = {
    "x": (["Intercept", "x"], [[1, 1], [1, 2], [1, 3], [1, 4], [1, 5], [1, 6]]),
    "0 + x": (["x"], [[1], [2], [3], [4], [5], [6]]),
    "x + 1": (["Intercept", "x"], [[1, 1], [1, 2], [1, 3], [1, 4], [1, 5], [1, 6]]),
    "1": (["Intercept"], [[1]] * 6),
    "0": ([], [[]] * 6),
    # The order of a Categorical is kept, and a category that never occurs has no column.
    "ses": (
        ["Intercept", "ses[mid]", "ses[high]"],
        [[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0]],
    ),
    "0 + ses": (
        ["ses[low]", "ses[mid]", "ses[high]"],
        [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]],
    ),
    # Text is sorted.
    "sex": (["Intercept", "sex[m]"], [[1, 1], [1, 0], [1, 0], [1, 1], [1, 1], [1, 0]]),
    # True counts as 1.
    "flag": (["Intercept", "flag"], [[1, 1], [1, 0], [1, 0], [1, 1], [1, 1], [1, 0]]),
    "x:sex": (
        ["Intercept", "x:sex[f]", "x:sex[m]"],
        [[1, 0, 1], [1, 2, 0], [1, 3, 0], [1, 0, 4], [1, 0, 5], [1, 6, 0]],
    ),
    "0 + I(x**2)": (["I(x ** 2)"], [[1], [4], [9], [16], [25], [36]]),
    "0 + np.log(x)": (["np.log(x)"], [[np.log(k)] for k in range(1, 7)]),
    "0 + scale(x)": (["scale(x)"], [[(k - 3.5) / np.sqrt(35 / 12)] for k in range(1, 7)]),
    "0 + center(x)": (["center(x)"], [[k - 3.5] for k in range(1, 7)]),
    "0 + C(g)": (
        ["C(g)[2]", "C(g)[9]", "C(g)[10]"],
        [[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 0]],
    ),
    "0 + half(x)": (["half(x)"], [[0.5], [1], [1.5], [2], [2.5], [3]]),
    "0 + I(x > k)": (["I(x > k)"], [[0], [0], [0], [1], [1], [1]]),
}


@pytest.mark.parametrize("effects", BY_HAND)
def test_columns_written_by_hand(effects):
    terms, X = BY_HAND[effects]
    result = design(f"y ~ {effects}", small(), namespace={"half": half, "k": 3, "unused": 1})
    assert result.terms == tuple(terms)
    assert result.X.shape == (6, len(terms))
    np.testing.assert_allclose(result.X, np.array(X, dtype=float).reshape(6, -1))


FORMULAE_READS = [
    "x",
    "0 + x",
    "x*z",
    "(x + z + year)**2",
    "x/z",
    "ses",
    "0 + ses + sex",
    "ses*sex",
    "ses:sex",
    "ses*sex - ses:sex",
    "x:ses",
    "x + x:ses",
    "ses*sex*x",
    "flag*x",
    "flag:ses",
    "C(year)*x",
    "C(flag)",
    "C(ses)",
    "T(ses, ref='mid')",
    "S(ses)",
    "C(sex, Treatment('m'))",
    "{x + z}",
    "np.exp(-x)",
    "I(sex == 'm')",
    "scale(x)*ses",
    "center(np.log(x))",
    "standardize(z)",
    "poly(x, 2)",
    "poly(x, 3, raw=True)",
    "poly(x, 2):ses",
    "scale(`my col`)*x",
    "binary(sex, 'm')",
    pytest.param("bs(x, df=5)", marks=pytest.mark.skipif(FORMULAE < (0, 7), reason="drops one")),
    pytest.param(
        "bs(x, df=5, degree=2, center=False)",
        marks=pytest.mark.skipif(FORMULAE < (0, 7), reason="has no center"),
    ),
    pytest.param("cr(x, df=5)", marks=pytest.mark.skipif(FORMULAE < (0, 7), reason="has no cr")),
    pytest.param("tp(x, df=5)", marks=pytest.mark.skipif(FORMULAE < (0, 7), reason="has no tp")),
]


@pytest.mark.parametrize("effects", FORMULAE_READS)
def test_effects_are_those_of_formulae_in_X_and_in_Z_for_old_and_new_rows(effects):
    data = large()
    result = design(f"y ~ {effects} + ({effects} | h)", data)
    ordered = data.assign(
        ses=data["ses"].cat.as_ordered(),
        sex=pd.Categorical(data["sex"], ["f", "m"], ordered=True),
    )
    expected = formulae.design_matrices(effects, ordered).common
    frame = expected.as_dataframe()
    assert set(result.terms) == set(frame.columns)
    np.testing.assert_allclose(result.X, frame[list(result.terms)])
    (group,) = result.groups
    assert group.effects == result.terms
    np.testing.assert_allclose(group.Z, result.X)

    inside = effects.startswith(("bs", "cr", "tp"))  # whose knots end where the data do
    new = ordered.assign(x=np.linspace(*((1.2, 4.8) if inside else (0.5, 9)), len(data)))
    again = expected.evaluate_new_data(new).as_dataframe()[list(result.terms)]
    renewed = pickle.loads(pickle.dumps(result)).at(new.iloc[[3, 8, 33]])
    np.testing.assert_allclose(renewed.X, again.iloc[[3, 8, 33]])
    np.testing.assert_allclose(renewed.groups[0].Z, renewed.X)
    assert np.isnan(result.at(new.drop(columns="y")).y).all()


@pytest.mark.parametrize(
    "effects",
    ["bs(x, df=4)", "bs(x, 6, degree=2)", "bs(x, knots=knots)", "bs(x, df=5, lower_bound=0)"],
)
def test_bs_is_a_basis_without_a_constant_whatever_the_version_of_formulae(effects):
    data = large()
    result = design(f"y ~ {effects}", data, namespace={"knots": np.array([2.0, 3.0])})
    B = result.X[:, 1:]
    np.testing.assert_allclose(B.sum(axis=0), 0, atol=1e-10)
    # With the intercept it spans all polynomials of its degree, on new rows as well.
    degree = 2 if "degree" in effects else 3
    powers = np.vander(data["x"], degree + 1)
    weights, *_ = np.linalg.lstsq(result.X, powers, rcond=None)
    np.testing.assert_allclose(result.X @ weights, powers, atol=1e-8)
    new = pd.DataFrame({"x": np.linspace(data["x"].min(), data["x"].max(), 9)})
    np.testing.assert_allclose(
        result.at(new).X @ weights, np.vander(new["x"], degree + 1), atol=1e-8
    )


def test_bs_in_a_product_is_refused_in_both_versions_and_the_remedy_works():
    formula = Formula("y ~ bs(x, df=4):ses", "y", "1 + bs(x, df=4):ses")
    with pytest.raises(BayesmixError, match=r"I\(bs\(x, df=4\)\):z"):
        design(formula, large())
    result = design("y ~ I(bs(x, df=4)):ses", large())
    assert result.n_terms == 1 + 4 * 3
    np.testing.assert_allclose(result.at(large().tail(5)).X, result.X[-5:])


def test_values_in_new_data_are_coded_as_in_the_fit():
    result = design("y ~ scale(x) + B(sex) + ses", small())
    new = small().iloc[[4]]  # neither "f" nor "low"
    np.testing.assert_allclose(result.at(new).X, result.X[[4]])
    new = small().iloc[[1, 2]]
    np.testing.assert_allclose(result.X[:, 2], [0, 1, 1, 0, 0, 1])
    coded = result.at(new.assign(ses=["high", "mid"])).X
    np.testing.assert_allclose(coded, result.X[[1, 2]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "same"),
    [
        ("x", pd.array([1, 2, 3, 4, 5, 6], dtype="Int64")),
        ("x", np.array([1, 2, 3, 4, 5, 6], dtype=np.uint8)),
        ("x", np.array([1, 2, 3, 4, 5, 6], dtype=object)),
        ("x", np.array([1, 2, 3, 4, 5, 6], dtype=np.float32)),
        ("sex", pd.array(list("mffmmf"), dtype="string")),
        ("sex", pd.Categorical(list("mffmmf"))),
        ("flag", pd.array([True, False, False, True, True, False], dtype="boolean")),
        ("flag", np.array([True, False, False, True, True, False], dtype=object)),
        ("ses", pd.Categorical(list(small()["ses"]), ["low", "mid", "high"], ordered=True)),
        ("g", np.array([10.0, 9, 10, 9, 2, 2])),
        ("g", pd.array([10, 9, 10, 9, 2, 2], dtype="Int64")),
        ("h", np.array(list("babbaa"), dtype=object)),
    ],
)
def test_the_type_of_a_column_does_not_matter(column, same):
    formula = "y ~ I(x * x) + sex + flag + ses + (1 + x | g:h)"
    expected, result = design(formula, small()), design(formula, small().assign(**{column: same}))
    assert_same(result, expected)
    assert_same(expected.at(small().assign(**{column: same})), expected)


def assert_same(one: Design, other: Design) -> None:
    assert one.terms == other.terms
    for name in ("y", "X", "offset", "weights", "trials"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_allclose(a, b, err_msg=name)
    assert len(one.groups) == len(other.groups)
    for a, b in zip(one.groups, other.groups, strict=True):
        assert (a.factor, a.variables, a.effects) == (b.factor, b.variables, b.effects)
        assert a.levels.tolist() == b.levels.tolist()
        np.testing.assert_array_equal(a.codes, b.codes)
        np.testing.assert_allclose(a.Z, b.Z)


# --- group effects ------------------------------------------------------------------------------

BARS = {
    "(1 | g)": ("g", ["Intercept"], [(0,)]),
    "(x | g)": ("g", ["Intercept", "x"], [(0, 1)]),
    "(0 + x | g)": ("g", ["x"], [(0,)]),
    "(x - 1 | g)": ("g", ["x"], [(0,)]),
    "(x || g)": ("g", ["Intercept", "x"], [(0,), (1,)]),
    "(1 | g) + (0 + x | g)": ("g", ["Intercept", "x"], [(0,), (1,)]),
    "(0 + x | g) + (1 | g)": ("g", ["Intercept", "x"], [(0,), (1,)]),
    "(0 + z | g) + (1 + x | g)": ("g", ["Intercept", "x", "z"], [(0, 1), (2,)]),
    "(0 + x + z | g) + (1 | g)": ("g", ["Intercept", "x", "z"], [(0,), (1, 2)]),
    "(ses | g)": ("g", ["Intercept", "ses[mid]", "ses[high]"], [(0, 1, 2)]),
    "(0 + ses | g)": ("g", ["ses[low]", "ses[mid]", "ses[high]"], [(0, 1, 2)]),
    "(x + ses || g)": ("g", ["Intercept", "x", "ses[mid]", "ses[high]"], [(0,), (1,), (2, 3)]),
    "(0 + ses || g)": ("g", ["ses[low]", "ses[mid]", "ses[high]"], [(0, 1, 2)]),
    "(poly(x, 2) || g)": ("g", ["Intercept", "poly(x, 2)[0]", "poly(x, 2)[1]"], [(0,), (1, 2)]),
    "(x:sex | g)": ("g", ["Intercept", "x:sex[f]", "x:sex[m]"], [(0, 1, 2)]),
    "(1 | g:h) + (0 + x | h:g)": ("g:h", ["Intercept", "x"], [(0,), (1,)]),
}


@pytest.mark.parametrize("bars", BARS)
def test_bars_of_one_factor_become_one_term_with_blocks(bars):
    factor, effects, blocks = BARS[bars]
    (group,) = design(f"y ~ x + z + ses + {bars}", small()).groups
    assert (group.factor, group.effects, group.blocks) == (factor, tuple(effects), tuple(blocks))
    assert group.Z.shape == (6, len(effects))
    assert sorted(k for block in group.blocks for k in block) == list(range(group.n_effects))


def test_blocks_are_the_only_difference_between_correlated_and_uncorrelated():
    terms = [
        design(f"y ~ x + {bars}", small()).groups[0]
        for bars in ("(x | g)", "(x || g)", "(0 + x | g) + (1 | g)")
    ]
    for term in terms[1:]:
        np.testing.assert_array_equal(term.Z, terms[0].Z)
        assert term.effects == terms[0].effects
        assert term.blocks == terms[0].split().blocks == ((0,), (1,))
    uncorrelated = design("y ~ x + (x | g) + (1 | h)", small()).uncorrelated()
    assert [term.blocks for term in uncorrelated.groups] == [((0,), (1,)), ((0,),)]


LEVELS = {
    "integers by number": ([10, 9, 10, 2], ["2", "9", "10"], [2, 1, 2, 0]),
    "text sorted": (["10", "9", "10", "2"], ["10", "2", "9"], [0, 2, 0, 1]),
    "Categorical in its order": (
        pd.Categorical(list("bcba"), list("cxba")),
        ["c", "b", "a"],
        [1, 0, 1, 2],
    ),
    "Categorical of numbers": (pd.Categorical([3.0, 1.0, 3.0, 1.0]), ["1", "3"], [1, 0, 1, 0]),
    "whole floats": ([2.0, 1.0, 2.0, 1.0], ["1", "2"], [1, 0, 1, 0]),
    "booleans": ([True, False, True, True], ["False", "True"], [1, 0, 1, 1]),
    "nullable": (pd.array([7, 5, 5, 7], dtype="Int64"), ["5", "7"], [1, 0, 0, 1]),
    "dates": (
        pd.to_datetime(["2024-02-01", "2023-01-01", "2024-02-01", "2023-01-01"]),
        ["2023-01-01 00:00:00", "2024-02-01 00:00:00"],
        [1, 0, 1, 0],
    ),
}


@pytest.mark.parametrize("case", LEVELS)
def test_levels_and_codes(case):
    values, levels, codes = LEVELS[case]
    data = pd.DataFrame({"y": [1.0, 2.0, 3.0, 5.0], "g": values})
    result = design("y ~ 1 + (1 | g)", data)
    (group,) = result.groups
    assert group.levels.tolist() == levels
    assert group.levels.dtype.kind == "U"
    assert group.codes.tolist() == codes
    assert group.codes.dtype == np.int64
    assert result.at(data.iloc[::-1]).groups[0].codes.tolist() == codes[::-1]


def test_combinations_that_occur_first_variable_slowest():
    result = design("y ~ 1 + (1 | g:h) + (1 | h:g)", small().assign(h=list("babbab")))
    assert len(result.groups) == 1, "g:h and h:g are the same factor"
    data = small()
    two, three = design("y ~ 1 + (1 | g:h) + (1 | ses:h:g)", data).groups
    assert two.levels.tolist() == ["2:a", "9:a", "9:b", "10:b"]
    assert two.codes.tolist() == [3, 1, 3, 2, 0, 0]
    assert three.levels.tolist() == [
        "low:b:9",
        "low:b:10",
        "mid:a:2",
        "mid:b:10",
        "high:a:2",
        "high:a:9",
    ]
    labels = data["ses"].astype(str) + ":" + data["h"] + ":" + data["g"].astype(str)
    assert three.levels[three.codes].tolist() == labels.tolist()


def test_new_levels_have_code_minus_one_and_labels_decide():
    result = design("y ~ x + (x | g) + (1 | h:g)", small())
    new = pd.DataFrame({"x": 1.0, "g": [2, 9, 10, 99, 2], "h": ["a", "b", "a", "a", "new"]})
    g, both = result.at(new).groups
    assert g.codes.tolist() == [0, 1, 2, -1, 0]
    assert both.levels[both.codes[:2]].tolist() == ["a:2", "b:9"]
    assert both.codes[2:].tolist() == [-1, -1, -1], "a:10 never occurred"
    crossed = design("y ~ 1 + (1 | g:h)", small())
    assert crossed.at(pd.DataFrame({"g": [10, 99], "h": ["new", "b"]})).groups[0].codes.max() == -1
    for same in (new["g"].astype(float), new["g"].astype(str), pd.Categorical(new["g"])):
        assert result.at(new.assign(g=same)).groups[0].codes.tolist() == g.codes.tolist()


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_dot_is_the_sum_over_effects_and_zero_for_new_levels(shape):
    group = design("y ~ x + z + (1 + x + z | g)", small()).groups[0]
    group = dataclasses.replace(group, codes=np.array([2, -1, 0, 1, -1, 0]))
    u = np.random.default_rng(1).normal(size=(*shape, 3, 3))
    result = group.dot(u)
    assert result.shape == (*shape, 6)
    for i, code in enumerate(group.codes):
        expected = 0.0 if code < 0 else (u[..., code, :] * group.Z[i]).sum(axis=-1)
        np.testing.assert_allclose(result[..., i], np.broadcast_to(expected, shape))


def test_dims_do_not_collide_with_names_of_the_posterior():
    term = design("y ~ 1 + (1 | term) + (1 | g)", small().rename(columns={"h": "term"})).groups
    assert [t.dim for t in term] == ["term_level", "g"]
    assert (term[0].effect_dim, term[0].effect_dim_bis) == (
        "term_level_effect",
        "term_level_effect_bis",
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_names_and_sizes_of_the_cases(case, load):
    result = design(case.formula, load(case.dataset), family=case.family)
    assert (result.n_rows, result.terms) == (case.n_rows, case.terms)
    assert [term.factor for term in result.groups] == list(case.groups)
    for term, group in zip(result.groups, case.groups.values(), strict=True):
        assert (term.effects, term.n_levels, term.blocks) == (
            group.effects,
            group.n_levels,
            group.blocks,
        )


LME4_FITS = [
    ("gpa", "intercept"),
    ("gpa", "corr_slope"),
    ("gpa", "uncorr_slope_dbar"),
    ("gpa", "covariates"),
    ("sleepstudy", "corr"),
    ("sleepstudy", "uncorr"),
    ("pupils_demo", "model_1"),
    ("pupils_demo", "model_2"),
    ("pupils_demo", "model_3"),
    ("pupils_demo", "crossed"),
    ("sim_slopes", "with_slopes"),
    ("penicillin", "crossed"),
    ("pastes", "nested"),
    ("pastes", "sample_batch"),
]


@pytest.mark.parametrize(("dataset", "model"), LME4_FITS)
def test_the_design_reproduces_lme4_from_its_variances(dataset, model, load, lme4):
    """Generalised least squares on our X, Z, codes with lme4's variances gives lme4's effects."""
    fit = lme4["fits"][dataset][model]
    result = design(fit["formula"], load(dataset))

    def plain(label):
        return re.sub(r"[\[\]]", "", label)

    lme4_name = {term.factor: term.factor for term in result.groups} | {"batch:cask": "cask:batch"}
    V = np.eye(result.n_rows) * fit["sigma"] ** 2
    covariances = []
    for term in result.groups:
        sd = {
            row["effect"]: row["sd"]
            for row in fit["var_components"]
            if row["group"] == lme4_name[term.factor]
        }
        cor = {
            frozenset((row["effect1"], row["effect2"])): row["cor"]
            for row in fit["correlations"]
            if row["group"] == lme4_name[term.factor]
        }
        names = [plain(effect) for effect in term.effects]
        R = [[1.0 if a == b else cor.get(frozenset((a, b)), 0.0) for b in names] for a in names]
        G = np.array(R) * np.outer([sd[a] for a in names], [sd[a] for a in names])
        covariances.append(G)
        V += (term.Z @ G @ term.Z.T) * (term.codes[:, None] == term.codes)
    P = np.linalg.solve(V, result.X)
    beta = np.linalg.solve(result.X.T @ P, P.T @ result.y)
    estimates = {row["term"]: row["estimate"] for row in fit["fixed"]}
    assert [plain(label) for label in result.terms] == list(estimates)
    np.testing.assert_allclose(beta, list(estimates.values()), rtol=2e-4)

    residual = np.linalg.solve(V, result.y - result.X @ beta)
    for term, G in zip(result.groups, covariances, strict=True):
        modes = {
            (row["group"], row["effect"]): row["value"]
            for row in fit["ranef"]
            if row["group_var"] == lme4_name[term.factor]
        }
        assert len(modes) == term.n_levels * term.n_effects
        weighted = np.zeros((term.n_levels, term.n_effects))
        np.add.at(weighted, term.codes, term.Z * residual[:, None])
        u = weighted @ G
        for j, level in enumerate(term.levels):
            # lme4 turns a nested factor's label round.
            name = ":".join(level.split(":")[::-1]) if term.factor == "batch:cask" else level
            expected = [modes[name, plain(effect)] for effect in term.effects]
            np.testing.assert_allclose(u[j], expected, atol=2e-3 * np.abs(u).max())


# --- response, offset, weights, trials ----------------------------------------------------------

RESPONSES = {
    "y": ("gaussian", "y", [1, 2, 4, 3, 5, 9], None),
    "np.log(y)": ("gaussian", "np.log(y)", np.log([1, 2, 4, 3, 5, 9]), None),
    "{y * 2}": ("gaussian", "I(y * 2)", [2, 4, 8, 6, 10, 18], None),
    "center(y)": ("gaussian", "center(y)", [-3, -2, 0, -1, 1, 5], None),
    "wins": ("poisson", "wins", [1, 0, 2, 3, 1, 2], None),
    "flag": ("bernoulli", "flag", [1, 0, 0, 1, 1, 0], None),
    "answer['yes']": ("bernoulli", "answer", [1, 0, 0, 1, 1, 0], None),
    "answer[no]": ("bernoulli", "answer", [0, 1, 1, 0, 0, 1], None),
    "ses['high']": ("bernoulli", "ses", [0, 1, 0, 0, 1, 0], None),
    "g['2']": ("bernoulli", "g", [0, 0, 0, 0, 1, 1], None),
    "p(wins, games)": ("binomial", "p(wins, games)", [1, 0, 2, 3, 1, 2], [3, 3, 2, 4, 4, 5]),
    "prop(wins, 5)": ("binomial", "prop(wins, 5)", [1, 0, 2, 3, 1, 2], [5] * 6),
    "proportion(wins, wins + games)": (
        "binomial",
        "proportion(wins, wins + games)",
        [1, 0, 2, 3, 1, 2],
        [4, 3, 4, 7, 5, 7],
    ),
    "p(wins, trials=games)": (
        "binomial",
        "p(wins, trials=games)",
        [1, 0, 2, 3, 1, 2],
        [3, 3, 2, 4, 4, 5],
    ),
}


@pytest.mark.parametrize("response", RESPONSES)
def test_responses(response):
    family, name, y, trials = RESPONSES[response]
    data = small()
    result = design(f"{response} ~ x + (1 | h)", data, family=family)
    assert result.response == name
    np.testing.assert_allclose(result.y, y)
    assert (result.trials is None) == (trials is None)
    if trials is not None:
        np.testing.assert_allclose(result.trials, trials)
    part = result.at(data.iloc[[4, 3]])
    np.testing.assert_allclose(part.y, np.array(y, dtype=float)[[4, 3]])


def test_new_data_may_lack_the_response_its_trials_and_the_weights():
    data = small()
    result = design("p(wins, games) ~ x", data, family="binomial")
    only_trials = result.at(data[["x", "games"]])
    assert np.isnan(only_trials.y).all()
    np.testing.assert_array_equal(only_trials.trials, data["games"])
    assert result.at(data[["x"]]).trials is None
    partly = design("y ~ x", data).at(data.assign(y=[1, np.nan, 3, np.nan, 5, 6]))
    np.testing.assert_array_equal(partly.y, [1, np.nan, 3, np.nan, 5, 6])
    weighted = design("y ~ x", data, weights="games")
    assert weighted.at(data[["x"]]).weights is None
    np.testing.assert_array_equal(weighted.at(data.head(2)).weights, [3, 3])


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("offset(z)", [2, 0, 1, 0, 3, 1]),
        ("offset(np.log(x))", np.log([1, 2, 3, 4, 5, 6])),
        ("offset(2)", [2] * 6),
        ("offset(z) + offset(x)", [3, 2, 4, 4, 8, 7]),
    ],
)
def test_offsets_are_taken_out_of_the_columns(offset, expected):
    result = design(f"wins ~ {offset} + x + (1 | h)", small(), family="poisson")
    assert result.terms == ("Intercept", "x")
    np.testing.assert_allclose(result.offset, expected)
    np.testing.assert_allclose(result.at(small().iloc[[5, 0]]).offset, np.array(expected)[[5, 0]])
    np.testing.assert_allclose(result.take([5, 0]).offset, np.array(expected)[[5, 0]])


@pytest.mark.parametrize(
    "weights", ["games", small()["games"], small()["games"].tolist(), small()["games"].to_numpy()]
)
def test_weights_by_name_or_by_value(weights):
    data = small()
    data.loc[2, "x"] = np.nan
    result = design("y ~ x", data, weights=weights)
    np.testing.assert_array_equal(result.weights, [3, 3, 4, 4, 5])
    np.testing.assert_array_equal(result.take([0, 4]).weights, [3, 5])


# --- rows ---------------------------------------------------------------------------------------


def with_gaps() -> pd.DataFrame:
    data = small().set_index(pd.Index(list("ABCDEF")))
    data["x"] = data["x"].astype(float)
    data.loc["A", "x"] = np.nan
    data.loc["B", "ses"] = np.nan
    data.loc["C", "h"] = None
    data.loc["C", "z"] = np.nan  # not used
    return data


def test_rows_with_missing_values_are_dropped_and_counted():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        result = make_design("y ~ x + ses + (1 | h)", with_gaps(), family=get_family("gaussian"))
    texts = [str(warning.message) for warning in record]
    assert texts[0].startswith("3 of 6 rows have missing values, in 'x' (1), 'ses' (1), 'h' (1),")
    assert "'z'" not in texts[0]
    assert result.notes == tuple(texts)
    assert all(warning.filename == __file__ for warning in record)
    assert result.rows.tolist() == [3, 4, 5]
    assert result.index.tolist() == ["D", "E", "F"]
    assert result.y.tolist() == [3, 5, 9]
    assert result.groups[0].levels.tolist() == ["a", "b"]
    with pytest.raises(BayesmixError, match=r"3 of 6 rows.*missing='drop'"):
        design("y ~ x + ses + (1 | h)", with_gaps(), missing="raise")


def test_a_category_that_only_dropped_rows_have_has_no_column():
    data = small().assign(z=[1.0, None, 2.0, 1.0, None, 3.0])  # the rows of "high"
    assert design("y ~ z + ses", data).terms == ("Intercept", "z", "ses[mid]")


def test_take_keeps_all_levels():
    result = design("y ~ x + (x | g)", small(), weights="games")
    for rows in ([4, 5, 0], np.array([False, True, False, False, True, True])):
        part = result.take(rows)
        kept = np.arange(6)[rows]
        np.testing.assert_array_equal(part.y, result.y[kept])
        np.testing.assert_array_equal(part.X, result.X[kept])
        np.testing.assert_array_equal(part.rows, kept)
        assert part.index.tolist() == kept.tolist()
        assert part.groups[0].levels.tolist() == ["2", "9", "10"]
        np.testing.assert_array_equal(part.groups[0].codes, result.groups[0].codes[kept])
        np.testing.assert_array_equal(part.groups[0].Z, result.groups[0].Z[kept])
    assert result.take([1]).take([0]).rows.tolist() == [1]
    assert_same(part.at(small()), result)


def test_population_effects_alone_need_no_grouping_columns():
    result = design("y ~ x + (z | g) + (1 | h)", small())
    population = result.at(small()[["x"]], groups=False)
    assert population.groups == ()
    np.testing.assert_array_equal(population.X, result.X)


def test_the_users_frame_never_changes_and_the_design_cannot():
    data = with_gaps()
    before = data.copy(deep=True)
    result = design("y ~ x + ses + sex + (1 | h)", data, weights="games")
    result.at(data.dropna())
    pd.testing.assert_frame_equal(data, before)
    complete = small().astype({"x": float, "games": float})
    weighted = design("y ~ x", complete, weights="games")
    for result in (weighted, weighted.at(complete)):
        assert not np.shares_memory(result.weights, complete["games"].to_numpy())
    result = design("y ~ x + (1 | h)", complete)
    arrays = (result.y, result.X, result.rows, result.groups[0].codes, result.groups[0].Z)
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    source = result.source.copy()
    complete.loc[:, ["x", "y"]] = 0.0
    complete.iloc[0, 0] = 7.0
    assert result.y[0] == 1
    assert result.X[0, 1] == 1
    pd.testing.assert_frame_equal(result.source, source)


def test_the_source_is_the_used_columns_of_the_kept_rows():
    data = with_gaps().set_axis(list("aabcde"), axis=0)
    games = np.arange(1, 7)
    result = design("y ~ np.exp(x) + ses + (1 | h)", data, weights=games)
    kept = data[["y", "x", "ses", "h"]].assign(**{"weights=": games}).iloc[result.rows]
    pd.testing.assert_frame_equal(result.source, kept)
    pd.testing.assert_frame_equal(result.take([1, 0]).source, kept.iloc[[1, 0]])
    games[:] = 9
    pd.testing.assert_frame_equal(result.source, kept)
    named = design("y ~ np.exp(x)", data, weights="games").source
    assert list(named) == ["y", "x", "games"]
    assert result.at(data.dropna()).source is None


# --- what a design holds ------------------------------------------------------------------------


def test_a_design_pickles_with_the_names_that_it_uses_only():
    namespace = {"half": half, "module": np, "lock": (i for i in ()), "np": np}
    formula = "np.log1p(x) ~ half(x) + module.sqrt(x) + bs(x, df=4) + (scale(x) + ses || g)"
    result = design(formula, large(), namespace=namespace)
    restored = pickle.loads(pickle.dumps(result))
    assert_same(restored, result)
    assert_same(restored.at(large()), result)
    assert restored.formula == result.formula


def test_a_pickled_design_encodes_new_rows_in_another_process(tmp_path):
    result = design("y ~ np.log(x) + poly(x, 2) + ses + (bs(x, df=4) | g)", large())
    (tmp_path / "design.pickle").write_bytes(pickle.dumps((result, large().tail(7))))
    code = (
        "import pickle, sys; design, new = pickle.load(open(sys.argv[1], 'rb'));"
        "new = design.at(new); pickle.dump((new.X, new.groups[0].Z), open(sys.argv[2], 'wb'))"
    )
    paths = [str(tmp_path / "design.pickle"), str(tmp_path / "new.pickle")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
    X, Z = pickle.loads((tmp_path / "new.pickle").read_bytes())
    np.testing.assert_allclose(X, result.X[-7:])
    np.testing.assert_allclose(Z, result.groups[0].Z[-7:])


def test_the_encoder_keeps_no_rows():
    data = pd.concat([large()] * 500, ignore_index=True)
    effects = "poly(x, 2) + scale(z) + ses*x + C(year)" + ("+ tp(z, df=5)" * (FORMULAE > (0, 7)))
    result = design(f"np.exp(y) ~ {effects} + offset(z) + (bs(x, df=4) | g:h)", data)
    assert len(pickle.dumps(result.encoder)) < 30_000
    assert result.n_rows == 30_000


def test_instructor_evaluations_need_little_time_and_memory(load):
    data = load("insteval")
    data = data.assign(**{name: data[name].astype(str) for name in ("s", "d", "dept", "service")})
    tracemalloc.start()
    start = time.perf_counter()
    result = design("y ~ service + (1 | s) + (1 | d) + (1 | dept:service)", data)
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [term.n_levels for term in result.groups] == [2972, 1128, 28]
    assert seconds < 3
    assert peak < 100e6


@pytest.mark.slow
def test_ten_million_rows():
    rng = np.random.default_rng(1)
    n = 10_000_000
    data = pd.DataFrame({"y": rng.normal(size=n), "x": rng.normal(size=n)})
    data["g"] = rng.integers(0, 10_000, n)
    tracemalloc.start()
    start = time.perf_counter()
    result = design("y ~ x + (x | g)", data)
    assert time.perf_counter() - start < 30
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.groups[0].n_levels == 10_000
    assert peak < 16 * 8 * n


def test_designs_print_names_and_sizes():
    result = design("y ~ x + (x || g)", small())
    assert repr(result) == (
        "Design: y ~ x + (x || g)\n6 rows; Intercept, x\n"
        "GroupTerm(g: 3 levels; effects: Intercept | x)"
    )


# --- warnings -----------------------------------------------------------------------------------


def levels(n: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(n + rows)
    g = np.repeat(np.arange(n), rows)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n * rows),
            "x": rng.normal(size=n * rows),
            "z": rng.normal(size=n * rows),
            "ses": np.resize(["low", "mid", "high"], n * rows),
            "g": g,
        }
    ).assign(twice=lambda d: 2 * d["x"] + 1, both=lambda d: d["x"] - d["z"], one=1.0, none=0)


WARNINGS = {
    ("y ~ x + (z | g)", 6, 5): [
        r"\(1 \+ z \| g\).*'z' varies by 'g'.*'y ~ 1 \+ x \+ z \+ \(1 \+ z \| g\)'"
    ],
    ("y ~ x + (z + ses || g)", 6, 5): ["effects of 'z', 'ses' vary by 'g'"],
    ("y ~ 1 + (1 + x + z | g)", 6, 2): ["3 effects.*all 6 levels", "'x', 'z' vary"],
    ("y ~ x + z + (x + z | g)", 6, 2): ["3 effects .*Intercept, x, z.* all 6 levels"],
    ("y ~ x + (1 | g)", 4, 5): [r"'g' has 4 levels.*'y ~ 1 \+ x \+ C\(g\)'"],
    ("y ~ x + (1 | g)", 20, 1): ["Every row has its own level of 'g'.*20 levels, 20 rows"],
    ("y ~ x + one + (1 | g)", 6, 5): [r"'one' is constant \(1 in every row\)"],
    ("y ~ 0 + x + none + (1 | g)", 6, 5): ["'none' is zero"],
    ("y ~ x + twice + (1 | g)", 6, 5): ["'twice' is a multiple of 'x' and the intercept"],
    ("y ~ x + z + both + (1 | g)", 6, 5): ["'both' is a linear combination of 'x', 'z'"],
    ("y ~ x + x:ses + z + (1 | g)", 6, 5): [],
    ("y ~ x + (1 | g) + (1 | g)", 6, 5): [r"\(1 \| g\) is in the formula twice"],
    ("y ~ x + (1 | g/h) + (1 | g)", 6, 5): [r"\(1 \| g\) is in the formula twice"],
    # Nothing to say:
    ("y ~ x + (x | g)", 6, 5): [],
    ("y ~ 0 + x + (1 | g)", 6, 5): [],
    ("y ~ 0 + x + twice + (1 | g)", 6, 5): [],
    ("y ~ ses + (0 + ses | g)", 6, 5): [],
    ("y ~ 0 + ses + (ses | g)", 6, 5): [],
    ("y ~ x*z + (x*z | g)", 6, 5): [],
    ("y ~ I(x + 1000) + I((x + 1000)**2) + (x | g)", 6, 5): [],
}


@pytest.mark.parametrize(("formula", "n", "rows"), WARNINGS)
def test_warnings(formula, n, rows):
    expected = WARNINGS[formula, n, rows]
    data = levels(n, rows)
    data["h"] = np.arange(len(data)) % 2
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        result = make_design(formula, data, family=get_family("gaussian"))
    texts = [str(warning.message) for warning in record]
    assert all(warning.category is DesignWarning for warning in record)
    assert result.notes == tuple(texts)
    assert len(texts) == len(expected), texts
    for text, pattern in zip(texts, expected, strict=True):
        assert re.search(pattern, text), text
    assert len({term.factor for term in result.groups}) == len(result.groups)


def test_one_row_per_level_is_fine_where_there_is_no_residual():
    data = small().assign(row=range(6))
    assert design("wins ~ x + (1 | row)", data, family="poisson").notes == ()


# --- errors -------------------------------------------------------------------------------------

ERRORS = {
    "y ~ ocasion + (1 | h)": "Unknown column 'ocasion'. Columns: y, x, z",
    "y ~ gmaes": "Did you mean 'games'?",
    "scores ~ x": "Unknown column 'scores'",
    "y ~ x + (1 | gg)": "Unknown column 'gg'",
    "y ~ x + (Z | g)": "Did you mean 'z'?",
    "y ~ scale(xx)": "Unknown column 'xx'",
    "y ~ clip(x)": "Unknown function 'clip'. Write np.clip(...)",
    "y ~ np.lgo(x)": "Did you mean 'np.log'?",
    "y ~ scal(x)": "Did you mean 'scale'?",
    "y ~ mine(x)": "Unknown function 'mine'",
    "y ~ k": "Unknown column 'k'",
    "y ~ k(x)": "Unknown function 'k'",
    "y ~ nothing": "Column 'nothing' has no values: all 6 are missing",
    "y ~ x + (1 | nothing)": "Column 'nothing' has no values",
    "y ~ left + right": "no row is complete",
    "y ~ infinite": "'infinite' is infinite or not a number in 2 of 6 rows (first at index 1)",
    "infinite ~ x": "Response 'infinite' is infinite",
    "y ~ np.log(z)": "'np.log(z)' is infinite or not a number in 2 of 6 rows",
    "np.log(z) ~ x": "Response 'np.log(z)' is infinite",
    "y ~ x + (np.log(z) | g)": "'np.log(z)' is infinite",
    "y ~ x + offset(np.log(z))": "'offset(np.log(z))' is infinite",
    "y ~ offset(sex)": "offset() can only be used with numeric variables",
    "y ~ np.log(sex)": "Cannot evaluate 'np.log(sex)'",
    "y ~ fail(x)": "Cannot evaluate 'fail(x)'. KeyError",
    "y ~ short(x)": "one value per row",
    "y ~ one": "'one' has one category ('a')",
    "y ~ C(same)": "'C(same)' has one category ('1')",
    "y ~ x + (1 | one)": "Grouping factor 'one' has one level ('a')",
    "y ~ x + (1 | z2)": "Grouping factor 'z2' holds numbers such as 0.5",
    "y ~ x + (1 | mixed)": "Column 'mixed' mixes text and other values ('a', 1",
    "y ~ mixed": "Column 'mixed' mixes text",
    "y ~ when": "Column 'when' holds datetime",
    "y ~ phase": "Column 'phase' holds complex",
    "y ~ labels": "Two categories of column 'labels' have the same label",
    "y ~ x + (1 | labels)": "Two levels of grouping factor 'labels' have the same label '1'",
    "y ~ x + (1 | a:b)": "Two levels of grouping factor 'a:b' have the same label 'u:v:w'",
    "answer ~ x": "For the probability of 'yes' pass family='bernoulli'",
    "ses ~ x": "holds text or categories (low, mid, high)",
    "answer['yess'] ~ x": "Did you mean 'yes'?",
    "np.log(answer) ~ x": "Cannot evaluate 'np.log(answer)'. ",
    "poly(y, 2) ~ x": "one number per row",
    "p(wins) ~ x": "two arguments",
    "p(wins, games) ~ x": "family 'gaussian' takes none",
    "y ~ dup": "2 columns named 'dup'",
    "y ~ x + (1 | g) + (x | g)": "(1 + x | g) for correlated effects, (1 + x || g) without",
    "y ~ x + (0 + x | g) + (x + z | g)": "(1 + x + z | g) for correlated",
    "y ~ x + (x | g) + (x || g)": "The intercept varies by 'g' in two bars",
    "y ~ T(ses, ref='none')": "'none' is no category of 'ses'. Write one of 'high', 'low', 'mid'.",
    "y ~ bs(x, df=2)": "Cannot evaluate 'bs(x, df=2)'",
    "y ~ x:offset(z)": "offset",
    "y ~ x + p(wins, games)": "p() is a binomial response",
    "same ~ x": "constant",
    "y ~ Intercept": "No effect can be called 'Intercept'",
}


def awkward() -> pd.DataFrame:
    data = small().assign(
        nothing=np.nan,
        left=[1.0, 2.0, 3.0, None, None, None],
        right=[None, None, None, 1.0, 2.0, 3.0],
        infinite=[1.0, np.inf, 2.0, -np.inf, 1.0, 0.0],
        one="a",
        same=1,
        z2=[0.5, 1.0, 2.0, 0.5, 1.0, 2.0],
        mixed=["a", 1, "b", 2, "a", 1],
        when=pd.date_range("2024-01-01", periods=6),
        phase=np.arange(6) * 1j,
        labels=pd.Categorical([1, "1", 1, "1", 1, "1"]),
        a=["u", "u:v", "u", "u:v", "u", "u"],
        b=["v:w", "w", "v:w", "w", "k", "k"],
        Intercept=[3, 1, 2, 2, 1, 1],
    )
    twice = data[["x", "z"]].set_axis(["dup", "dup"], axis=1)
    return pd.concat([data, twice], axis=1)


def fail(x):
    raise KeyError("nope")


@pytest.mark.parametrize("formula", ERRORS)
def test_errors_name_the_thing_and_the_remedy(formula, capsys):
    namespace = {"k": 3, "fail": fail, "short": lambda x: np.asarray(x)[:2]}
    with pytest.raises(BayesmixError) as caught:
        design(formula, awkward(), namespace=namespace)
    assert ERRORS[formula] in str(caught.value)
    assert capsys.readouterr().out == "", "formulae prints"


def test_an_unknown_name_is_shown_in_the_formula():
    with pytest.raises(FormulaError) as caught:
        design("y ~ x + ocasion", small())
    assert str(caught.value).splitlines()[1:] == ["    y ~ x + ocasion", "            ^"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"y": [1, 2]}, "reads); got dict. Make one with pd.DataFrame(data)"),
        (None, "data must be a data frame (pandas, polars, pyarrow"),
        ("data.csv", "got str. Read the file first: data = pd.read_csv('data.csv')."),
        (Path("a/b.parquet"), "Path. Read the file first: data = pd.read_parquet('a/b.parq"),
        ("text", "got str. Read the file first: data = pd.read_csv('text')."),
        (pd.Series([1.0]), "got Series"),
        (small().head(0), "data has no rows"),
    ],
)
def test_data_must_be_a_frame_with_rows(data, message):
    with pytest.raises(BayesmixError, match=re.escape(message)):
        design("y ~ x", data)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("game", "Did you mean 'games'?"),
        ([1, 2], "shape (2,)"),
        (np.ones((6, 1)), "shape (6, 1)"),
        (pd.Series(np.ones(6), index=range(1, 7)), "another index"),
        ([1, 2, 3, 4, 5, 0], "weights"),
        ([1, 2, 3, 4, 5, np.inf], "weights"),
        ("sex", "must be numbers"),
        ([np.nan] * 6, "has no values"),
    ],
)
def test_weights_that_cannot_be_used(weights, message):
    with pytest.raises(BayesmixError, match=re.escape(message)):
        design("y ~ x", small(), weights=weights)


def test_weights_belong_to_families_with_a_residual():
    with pytest.raises(BayesmixError, match="takes no weights"):
        design("wins ~ x", small(), family="poisson", weights="games")


def test_missing_is_drop_or_raise():
    with pytest.raises(BayesmixError, match=r"missing='keep'. Allowed: drop, raise"):
        design("y ~ x", small(), missing="keep")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda new: new.drop(columns="x"), "Unknown column 'x'"),
        (lambda new: new.drop(columns="g"), "Unknown column 'g'"),
        (lambda new: new.assign(x=[1, None, 3, 4, 5, 6]), "missing values in 'x' (1)"),
        (lambda new: new.assign(g=[1, None, 3, 4, 5, 6]), "missing values in 'g' (1)"),
        (
            lambda new: new.assign(ses=["low"] * 5 + ["hihg"]),
            "Unknown category 'hihg' in column 'ses'",
        ),
        (lambda new: new.assign(ses=["low"] * 5 + ["hihg"]), "Did you mean 'high'?"),
        (
            lambda new: new.assign(ses=["low"] * 5 + ["never"]),
            "Categories of the fit: low, mid, high",
        ),
        (lambda new: new.assign(x=list("abcdef")), "Column 'x' was numeric in the fit"),
        (lambda new: new.assign(x=pd.Categorical([1, 2, 3, 4, 5, 6])), "Column 'x' was numeric"),
        (lambda new: new.assign(wins=7), "Cannot evaluate 'C(wins)'"),
        (lambda new: new.assign(wins=7), "Categories of the fit: 0, 1, 2, 3"),
        (lambda new: new.assign(games=0), "'np.log(games)' is infinite"),
        (lambda new: new.head(0), "newdata has no rows"),
        (lambda new: new.to_dict("list"), "newdata must be a data frame"),
    ],
)
def test_new_data_that_cannot_be_encoded(change, message, capsys):
    result = design("y ~ x + ses + C(wins) + np.log(games) + (1 | g)", small())
    with pytest.raises(BayesmixError) as caught:
        result.at(change(small()))
    assert message in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_formula_that_was_read_is_taken_as_it_is():
    formula = parse_formula("y ~ x + (x | g)")
    assert design(formula, small()).formula is formula


def test_group_terms_can_be_made_by_hand():
    term = GroupTerm(
        factor="g",
        variables=("g",),
        levels=np.array(["a", "b"]),
        codes=np.array([0, 1, 1]),
        effects=("Intercept",),
        Z=np.ones((3, 1)),
        blocks=((0,),),
    )
    np.testing.assert_array_equal(term.dot([[1.0], [2.0]]), [1, 2, 2])
    np.testing.assert_array_equal(term.take([2, 0]).dot([[1.0], [2.0]]), [2, 1])


def test_effects_equal_to_the_population_effects_share_their_memory():
    data = pd.DataFrame({"y": np.arange(18.0), "x": np.arange(18.0) % 7, "g": list("abcdef") * 3})
    same = make_design("y ~ x + (1 + x | g)", data, family=get_family("gaussian"))
    assert np.shares_memory(same.X, same.groups[0].Z)
    other = make_design("y ~ x + (0 + x | g)", data, family=get_family("gaussian"))
    assert not np.shares_memory(other.X, other.groups[0].Z)
