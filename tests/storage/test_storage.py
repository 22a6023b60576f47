from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import decimal
import io
import json
import os
import pickle
import random
import warnings
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import formulae
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesmix as bm
from bayesmix.model.options import SampleOptions
from bayesmix.model.schema import Schema
from bayesmix.preparation.make import make_design
from bayesmix.priors.defaults import resolve_priors
from bayesmix.storage.archive import Archive
from bayesmix.storage.digest import digest_of, is_same
from bayesmix.storage.plain import Writer, decode

CHAINS, DRAWS = 2, 20
HAS_SPLINES = "cr" in formulae.transforms.TRANSFORMS


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 90
    size = rng.integers(3, 9, n)
    return pd.DataFrame(
        {
            "y": rng.normal(5, 1, n),
            "positive": rng.gamma(4, 1, n),
            "x": rng.normal(size=n),
            "a b": rng.uniform(1, 2, n),
            "whole": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "flag": rng.random(n) < 0.5,
            "answer": rng.choice(["no", "yes"], n),
            "ses": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"]),
            "year": rng.integers(2001, 2005, n),
            "age": pd.cut(rng.uniform(0, 60, n), [0, 20, 40, 60]),
            "size": size,
            "hits": rng.binomial(size, 0.4),
            "w": rng.uniform(0.5, 2, n),
            "g": np.repeat(np.arange(1, 11), 9),
            "h": np.tile(["p", "q", "r"], 30),
            "holes": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        },
        index=[f"row {i}" for i in range(n)],
    )


def dims_of(spec: bm.ModelSpec) -> dict[str, tuple[str, ...]]:
    variables = Schema.of(spec).variables.values()
    return {one.name: one.dims for one in variables if one.dims}


def hand_made(
    formula: str,
    data: pd.DataFrame,
    *,
    family: Any = "gaussian",
    priors: Any = None,
    **options: Any,
) -> bm.MixedFit:
    """Fit with a posterior of random numbers."""
    family = bm.get_family(family)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
        design = make_design(formula, data, family=family, **options)
    spec = bm.ModelSpec(design, family, resolve_priors(design, family, priors))
    rng = np.random.default_rng(2)
    coords: dict[str, Any] = {"chain": np.arange(CHAINS), "draw": np.arange(DRAWS)}
    coords["term"] = list(design.terms)
    variables: dict[str, Any] = {"beta": ("term",)}
    for term in design.groups:
        coords |= {term.dim: term.levels, term.effect_dim: list(term.effects)}
        if len(pairs := spec.correlations(term)):
            coords[term.effect_dim_bis] = list(term.effects)
            coords[f"{term.dim}_pair"] = list(pairs.labels)
    dims = {name: d for name, d in dims_of(spec).items() if set(d) <= set(coords)}
    draws: dict[str, Any] = {}
    for name, own in (variables | dims | {name: () for name in spec.family.auxiliary}).items():
        shape = (CHAINS, DRAWS, *(len(coords[dim]) for dim in own))
        draws[name] = (("chain", "draw", *own), rng.gamma(2, 1, shape) / 10)
    posterior = xr.Dataset(draws, coords, {"library": "by hand", "sizes": [1, 2]})
    posterior["beta"].attrs["unit"] = "points"
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), rng.random((CHAINS, DRAWS)) < 0.1),
            "started": ("chain", np.array(["2026-01-01", "2026-01-02"], "datetime64[ns]")),
            "reason": ("chain", np.array(["", "é:ø"], dtype=object)),
            "step": ("chain", [0.1, np.nan]),
        }
    )
    observed = xr.Dataset({design.response: ("obs", design.y)}, {"obs": design.rows})
    constant = xr.Dataset({"X": (("obs", "term"), design.X)}, {"obs": design.rows})
    idata = xr.DataTree.from_dict(
        {
            "/": xr.Dataset(
                attrs={
                    "method": "nuts",
                    "seconds": np.float64(1.5),
                    "messages": json.dumps(["R-hat"]),
                    "random_seed": 2**40,
                }
            ),
            "/posterior": posterior,
            "/sample_stats": stats,
            "/observed_data": observed,
            "/constant_data": constant,
        },
        name="draws",
    )
    sampled = SampleOptions(draws=DRAWS, chains=CHAINS, random_seed=3, nuts={"target_accept": 0.9})
    return bm.MixedFit(spec, idata, sampled)


def round_trip(fit: bm.MixedFit, folder: Path, **options: Any) -> bm.MixedFit:
    fit.save(folder / "a.fit")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return bm.load(folder / "a.fit", **options)


def assert_same(first: Any, second: Any, place: str = "fit") -> None:
    """Compare two values of any depth: dataclasses, arrays, formulae's objects."""
    first, second = (v.item() if isinstance(v, np.generic) else v for v in (first, second))
    assert type(first) is type(second), place
    if isinstance(first, ModuleType | type) or callable(getattr(first, "__wrapped__", None)):
        assert first is second, place
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype, place
        assert first.flags.fnc == second.flags.fnc, place
        np.testing.assert_array_equal(first, second, err_msg=place)
    elif isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    elif isinstance(first, pd.Index):
        pd.testing.assert_index_equal(first, second, exact=True)
    elif isinstance(first, xr.DataTree):
        xr.testing.assert_identical(first, second)
    elif isinstance(first, dict):
        assert list(first) == list(second), place
        for key in first:
            assert_same(first[key], second[key], f"{place}[{key!r}]")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), place
        for i, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{place}[{i}]")
    elif dataclasses.is_dataclass(first):
        for field in dataclasses.fields(first):
            one, other = getattr(first, field.name), getattr(second, field.name)
            assert_same(one, other, f"{place}.{field.name}")
    elif type(first).__module__.startswith("formulae.terms"):
        ignored = {"_intermediate_data", "env", "value", "data", "len", "op"}
        for name in vars(first).keys() - ignored:
            assert_same(vars(first)[name], vars(second)[name], f"{place}.{name}")
    elif hasattr(first, "params_set"):
        for name in vars(first).keys() - {"_spline"}:
            assert_same(vars(first)[name], vars(second)[name], f"{place}.{name}")
    elif isinstance(first, str | int | float | None):
        assert first == second, place


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "slopes": (
        "y ~ x + ses + (1 + x | g)",
        {
            "priors": {
                "x": bm.Prior("Normal", sigma=0.1),
                "sd": bm.Prior("HalfNormal", sigma=1 / 3),
                "sd:g:x": bm.Prior("HalfStudentT", nu=3, sigma=0.2),
                "cor:g": bm.LKJ(2.5),
            }
        },
    ),
    "uncorrelated": ("y ~ x + (x || g)", {}),
    "nested": ("positive ~ 1 + (1 | g/h) + (0 + ses | h)", {}),
    "crossed": ("y ~ x + (1 | g) + (1 | h:ses)", {}),
    "transforms": (
        "np.log(positive) ~ scale(x) + poly(x, 2) + bs(`a b`, df=5) + center(whole) "
        "+ np.sqrt(`a b`) + (scale(x) + poly(x, 2) | g)",
        {},
    ),
    "categories": (
        "y ~ C(year) + S(ses) + T(answer, 'yes') + age + flag + B(answer, 'yes') + (1 | g)",
        {},
    ),
    "contrasts": ("y ~ C(year, Sum) + 0 + ses + (1 | g)", {}),
    "interactions": ("y ~ ses*x + x:answer + scale(x):ses + I(x**2) + (1 | g)", {}),
    "extra terms": ("y ~ 0 + answer:ses + (0 + flag:ses | g)", {}),
    "nested spline": ("y ~ I(bs(x, df=4)):answer + (1 | g)", {}),
    "binomial": ("p(hits, size) ~ x + (1 | g)", {"family": "binomial"}),
    "constant trials": ("p(hits, 8) ~ x + (1 | g)", {"family": ("binomial", "probit")}),
    "bernoulli": ("answer['yes'] ~ x + (1 | g)", {"family": "bernoulli(probit)"}),
    "poisson": ("hits ~ x + offset(np.log(size)) + (1 | g)", {"family": "poisson"}),
    "weights": ("y ~ x + (1 | g)", {"weights": "w"}),
    "weights array": ("y ~ x + (1 | g)", {"weights": np.linspace(1, 2, 90)}),
    "missing": ("y ~ holes + (1 + holes | g)", {}),
    "no groups": ("y ~ whole + x", {}),
    "no effects": ("y ~ 0 + (1 | g)", {}),
}
if HAS_SPLINES:
    CASES |= {
        "splines": ("y ~ cr(x, df=4) + cc(`a b`, period=1) + (1 | g)", {}),
        "thin plates": ("y ~ tp(x, df=4) + (1 | g)", {}),
    }


def tables(fit: bm.MixedFit) -> dict[str, Any]:
    found = {
        "fixef": fit.fixef(ci_level=0.9),
        "priors": fit.priors,
        "diagnostics": fit.diagnostics(),
        "varcorr": fit.varcorr(estimator="posterior"),
    }
    if fit.design.groups:
        found |= {
            "ranef": fit.ranef(add_group_N=True),
            "coef": fit.coef(),
            "typical": fit.find_typical(probs=[0.1, 0.9]),
            "cor_re": fit.cor_re(long=True),
        }
    return found


def new_rows(data: pd.DataFrame) -> pd.DataFrame:
    """Rows with levels never seen, without the response, in an order of their own."""
    rows = data.iloc[[80, 3, 3, 41, 20]].drop(columns=["y"]).fillna({"holes": 0.5})
    return rows.assign(g=[1, 2, 77, 10, 3], x=rows["x"] / 2 + 0.1)


@pytest.mark.parametrize("case", CASES)
def test_everything_comes_back(case, data, tmp_path):
    formula, options = CASES[case]
    fit = hand_made(formula, data, **options)
    again = round_trip(fit, tmp_path)
    assert_same(fit.spec.design, again.spec.design, "design")
    assert_same(fit.spec.priors, again.spec.priors, "priors")
    assert_same(fit.spec.family, again.spec.family, "family")
    assert_same(fit.options, again.options, "options")
    assert_same(fit.idata, again.idata, "idata")
    assert (again.idata.attrs, again.idata.name) == (fit.idata.attrs, "draws")
    for name, table in tables(fit).items():
        pd.testing.assert_frame_equal(table, tables(again)[name], check_exact=True)
    assert repr(fit) == repr(again)
    assert fit._repr_html_() == again._repr_html_()


@pytest.mark.parametrize("case", CASES)
def test_new_data_are_encoded_as_before(case, data, tmp_path):
    formula, options = CASES[case]
    fit = hand_made(formula, data, **options)
    again = round_trip(fit, tmp_path)
    for rows in (new_rows(data), data.dropna()):
        assert_same(fit.design.at(rows), again.design.at(rows), "at")
    train = data.dropna() if case == "missing" else data
    np.testing.assert_allclose(again.design.at(train).X, fit.design.X, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_a_loaded_fit_is_saved_the_same(case, data, tmp_path):
    formula, options = CASES[case]
    fit = hand_made(formula, data, **options)
    again = round_trip(fit, tmp_path)
    again.save(tmp_path / "b.fit")
    first, second = (zipfile.ZipFile(tmp_path / name) for name in ("a.fit", "b.fit"))
    assert first.namelist() == second.namelist()
    for name in first.namelist():
        assert first.read(name) == second.read(name)


@pytest.mark.parametrize("case", ["slopes", "nested", "binomial"])
def test_the_model_is_the_same(case, data, tmp_path):
    formula, options = CASES[case]
    fit = hand_made(formula, data, **options)
    again = round_trip(fit, tmp_path)
    point = {k: v + 0.1 for k, v in fit.model.initial_point().items()}
    densities = [one.model.compile_logp(mode="FAST_COMPILE")(point) for one in (fit, again)]
    assert densities[0] == densities[1]
    assert np.isfinite(densities[0])


def test_the_uncorrelated_model_comes_from_a_loaded_fit(data, tmp_path):
    formula, options = CASES["slopes"]
    fit = hand_made(formula, data, **options)
    again = round_trip(fit, tmp_path)
    assert_same(fit.spec.uncorrelated().design, again.spec.uncorrelated().design)
    assert_same(fit.spec.uncorrelated().priors, again.spec.uncorrelated().priors)
    split = bm.MixedFit(fit.spec.uncorrelated(), fit.idata, fit.options)
    split.save(tmp_path / "split.fit")
    assert bm.load(tmp_path / "split.fit").design.groups[0].blocks == ((0,), (1,))


def test_a_real_fit_comes_back_and_is_refitted(mock_pymc_sample, tmp_path):
    data = bm.load_dataset("sleepstudy")
    formula = "np.log(Reaction) ~ scale(Days) + (scale(Days) | Subject)"
    options = {"draws": 30, "chains": 2, "random_seed": 1, "progressbar": False}
    with pytest.warns(bm.ConvergenceWarning):
        fit = bm.fit(formula, data, **options)
    again = round_trip(fit, tmp_path)
    xr.testing.assert_identical(fit.idata, again.idata)
    assert repr(fit) == repr(again)
    with pytest.warns(bm.ConvergenceWarning):
        refitted = again.uncorrelated()
    assert refitted.posterior.sizes["draw"] == 30
    assert "cor_Subject" not in refitted.posterior


def test_draws_can_be_changed_and_the_design_cannot(data, tmp_path):
    again = round_trip(hand_made("y ~ x + (1 | g)", data), tmp_path)
    again.idata["constant_data"]["X"][0, 0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        again.design.X[0, 0] = 5.0
    assert again.design.X[0, 0] == 1.0


EACH_DAY = [datetime.date(2024, 1, 31) + datetime.timedelta(days=i) for i in range(90)]
INDEXES = {
    "range": pd.RangeIndex(10, 190, 2, name="id"),
    "numbers": pd.Index(np.arange(90) * 0.5),
    "text": pd.Index([f"é{i}" for i in range(90)], name="pupil"),
    "text with a hole": pd.Index([None, *(f"é{i}" for i in range(89))], dtype=object),
    "nullable": pd.Index(np.arange(90), dtype="Int64"),
    "dates": pd.DatetimeIndex(pd.date_range("2026-01-01", periods=90).to_numpy()),
    "moments": pd.DatetimeIndex(
        pd.date_range("2026-10-25", periods=90, freq="h", tz="Europe/Berlin"), freq=None
    ),
    "categories": pd.CategoricalIndex(np.repeat(["b", "a"], 45), ["b", "a"]),
    "ordered": pd.CategoricalIndex(np.repeat(["b", "a"], 45), ["b", "a"], ordered=True),
    "two columns": pd.MultiIndex.from_product([["a", "b"], range(45)], names=["k", None]),
    "intervals": pd.interval_range(0, 90),
    "mixed": pd.Index([1, "a", 2.5] * 30, dtype=object),
    "days": pd.Index(EACH_DAY, dtype=object, name="day"),
    "dates and numbers": pd.MultiIndex.from_arrays([EACH_DAY, range(90)]),
    "categories of dates": pd.CategoricalIndex(EACH_DAY),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_row_labels_come_back(kind, data, tmp_path):
    fit = hand_made("y ~ x + (1 | g)", data.set_axis(INDEXES[kind], axis=0))
    index = round_trip(fit, tmp_path).design.index
    pd.testing.assert_index_equal(index, INDEXES[kind], exact=True)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (pd.Index([frozenset({i}) for i in range(90)], dtype=object), "frozenset"),
        (pd.period_range("2026-01", periods=90, freq="M"), "Period"),
        (pd.Index([1, datetime.date(2024, 1, 31)] * 45, dtype=object), "date"),
        (pd.CategoricalIndex(pd.period_range("2026-01", periods=90, freq="M")), "Period"),
    ],
)
def test_odd_row_labels_come_back_as_text_and_that_is_said(labels, kind, data, tmp_path):
    fit = hand_made("y ~ x + (1 | g)", data.set_axis(labels, axis=0))
    with pytest.warns(bm.DesignWarning, match=f"are {kind} objects .*gives text.*reset_index"):
        fit.save(tmp_path / "a.fit")
    assert list(bm.load(tmp_path / "a.fit").design.index) == list(map(str, labels))


def test_odd_labels_of_two_columns_come_back_as_text_and_that_is_said(data, tmp_path):
    periods = pd.period_range("2026-01", periods=90, freq="M")
    fit = hand_made("y ~ x + (1 | g)", data.set_index([periods, pd.RangeIndex(90)]))
    with pytest.warns(bm.DesignWarning, match="are Period objects"):
        fit.save(tmp_path / "a.fit")
    assert bm.load(tmp_path / "a.fit").design.index[3] == ("2026-04", 3)


@pytest.mark.parametrize("name", ["..", "ä:ø", "$array", "a'b\\", "a b"])
def test_any_column_name_survives(name, data, tmp_path):
    renamed = data.drop(columns="a b").rename(columns={"h": name, "x": f"x{name}"})
    fit = hand_made(f"y ~ `x{name}` + (1 | g) + (`x{name}` | `{name}`)", renamed)
    again = round_trip(fit, tmp_path)
    assert_same(fit.design, again.design)
    assert again.ranef().equals(fit.ranef())


def repeated(values: Any, dtype: Any = object) -> pd.Series:
    """Make a column of 90 rows of a few values, in an order that is not theirs."""
    return pd.Series([values[(7 * i) % len(values)] for i in range(90)], dtype=dtype)


DAYS = pd.date_range("2026-03-01", periods=5, freq="9D")
COLUMNS: dict[str, tuple[pd.Series, bool]] = {
    "float16": (repeated([0.5, 3, 10], np.float16), True),
    "float32": (repeated([0.1, 3, 10], np.float32), True),
    "int8": (repeated([-3, 3, 100], np.int8), True),
    "uint64": (repeated([2**63 - 1, 3, 10], np.uint64), True),
    "bool": (repeated([True, False], bool), True),
    "Int64": (repeated([9, 10, 3], "Int64"), True),
    "UInt8": (repeated([9, 10, 3], "UInt8"), True),
    "Float64": (repeated([0.1, 10, 3], "Float64"), True),
    "boolean": (repeated([True, False], "boolean"), True),
    "text": (repeated(["b", "ä", "10", "9"], "str"), True),
    "string": (repeated(["b", "ä", "10", "9"], "string"), True),
    "text objects": (repeated(["b", "ä", "10", "9"]), True),
    "integer objects": (repeated([9, 10, 3]), True),
    "float objects": (repeated([0.5, np.float32(10), 3.0]), True),
    "truth objects": (repeated([True, False]), True),
    "number objects": (repeated([1, 2.5, True, np.float32(3), np.int16(7)]), True),
    "huge numbers": (repeated([10**30, 3, 10**25]), True),
    "decimals as numbers": (repeated([decimal.Decimal("0.1"), decimal.Decimal(3)]), True),
    "decimals as labels": (repeated([decimal.Decimal("10.0"), decimal.Decimal(9)]), False),
    "days": (repeated([day.date() for day in DAYS[::-1]]), False),
    "times": (repeated(DAYS[::-1], "datetime64[us]"), False),
    "moments": (repeated(DAYS.tz_localize("Europe/Berlin"), None), False),
    "spans": (repeated(DAYS - DAYS[2], "timedelta64[ns]"), False),
    "periods": (repeated(pd.period_range("2025-11", periods=4, freq="M"), None), False),
    "intervals": (repeated(pd.interval_range(0, 12, 4), None), False),
    "unordered": (repeated(["b", "a", "c"], pd.CategoricalDtype(["c", "b", "none", "a"])), True),
    "ordered": (repeated([10, 9, 1], pd.CategoricalDtype([10, 1, 9], ordered=True)), True),
    "categories of times": (repeated(DAYS, pd.CategoricalDtype(DAYS[::-1])), True),
    "categories of periods": (
        repeated(pd.period_range("2025-11", periods=4, freq="M"), "category"),
        True,
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_any_kind_make_the_same_design(kind, data, tmp_path):
    column, is_effect = COLUMNS[kind]
    rows = data.assign(k=column.set_axis(data.index))
    formulas = ["y ~ x + (1 | k)"] * (kind not in ("decimals as numbers", "number objects"))
    formulas += ["y ~ k + (1 | g)"] * is_effect
    for formula in formulas:
        fit = hand_made(formula, rows)
        fit.save(tmp_path / "a.fit", overwrite=True)
        again = bm.load(tmp_path / "a.fit")
        without = dataclasses.replace(fit.design, source=None)
        assert_same(without, dataclasses.replace(again.design, source=None))
        new = rows.iloc[[5, 80, 41]].assign(x=0.25)
        assert_same(fit.design.at(new), again.design.at(new))
        again.save(tmp_path / "b.fit", overwrite=True)
        assert_same(again.design, bm.load(tmp_path / "b.fit").design)


def test_objects_that_are_numbers_and_labels_cannot_be_saved(data, tmp_path):
    column, _ = COLUMNS["decimals as labels"]
    fit = hand_made("y ~ k + (1 | k)", data.assign(k=column.set_axis(data.index)))
    with pytest.raises(bm.BayesmixError, match=r"'k' holds Decimal .*astype\(float\)"):
        fit.save(tmp_path / "a.fit")


def test_a_fit_of_a_part_of_a_design_cannot_be_saved(data, tmp_path):
    fit = hand_made("y ~ scale(x) + (1 | g)", data)
    parts = [fit.design.take(rows) for rows in (np.arange(50), np.arange(90)[::-1])]
    for design in (*parts, dataclasses.replace(fit.design, source=None)):
        part = dataclasses.replace(fit, spec=dataclasses.replace(fit.spec, design=design))
        with pytest.raises(bm.BayesmixError, match="Take the rows from the data and fit those"):
            part.save(tmp_path / "a.fit")


def test_a_loaded_fit_simulates_the_study_again(data, tmp_path):
    options = {"family": "binomial"}
    fit = hand_made("p(hits, size) ~ np.exp(x) + ses + (1 | g)", data, **options)
    again = round_trip(fit, tmp_path)
    first, second = (bm.simulate_from(one, random_seed=1).data for one in (fit, again))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first.drop(columns="hits"), data[["size", "x", "ses", "g"]])


def test_what_is_the_same_but_for_rounding_is_the_same(file, monkeypatch):
    """As on another machine, whose logarithm has another last digit."""
    saved = digest_of(bm.load(file).design)
    X = bm.load(file).design.X
    for change, same in ((1 + 1e-14, True), (1 + 1e-6, False)):
        other = dataclasses.replace(bm.load(file).design, X=X * change)
        assert is_same(other, saved) is same
    shuffled = dataclasses.replace(bm.load(file).design, X=X[::-1])
    assert not is_same(shuffled, saved)


# --- files of earlier versions ------------------------------------------------------------------


def test_a_file_of_an_older_format_is_told():
    path = Path(__file__).parents[1] / "data" / "format-1.fit"
    with pytest.raises(
        bm.BayesmixError, match=r"fitted by an older bayesmix \(format 1; .*Fit the"
    ):
        bm.load(path)


# --- functions and values of the user -----------------------------------------------------------


def half(x):
    return x / 2


def test_own_values_are_in_the_file(data, tmp_path):
    fit = hand_made("y ~ I(x - shift) + (1 | g)", data, namespace={"shift": 3.5})
    again = round_trip(fit, tmp_path)
    assert_same(fit.design.at(new_rows(data)), again.design.at(new_rows(data)))


def test_own_functions_must_be_passed_again(data, tmp_path):
    fit = hand_made("y ~ half(x) + (1 | g)", data, namespace={"half": half})
    fit.save(tmp_path / "a.fit")
    with pytest.raises(bm.BayesmixError, match=r"calls half\(\).*namespace=\{'half': half\}"):
        bm.load(tmp_path / "a.fit")
    with pytest.raises(bm.BayesmixError, match=r"gives no function for 'half'"):
        bm.load(tmp_path / "a.fit", namespace={"half": 3})
    again = bm.load(tmp_path / "a.fit", namespace={"half": half})
    assert_same(fit.design.at(new_rows(data)).X, again.design.at(new_rows(data)).X)


@pytest.mark.parametrize("call", ["np.sinc", "np.isreal", "pd.to_numeric"])
def test_other_functions_of_numpy_and_pandas_must_be_passed(call, data, tmp_path):
    fit = hand_made(f"y ~ {call}(x) + (1 | g)", data)
    fit.save(tmp_path / "a.fit")
    root = call.partition(".")[0]
    with pytest.raises(bm.BayesmixError, match=f"{call}.*namespace=.*'{root}': {root}"):
        bm.load(tmp_path / "a.fit")
    again = bm.load(tmp_path / "a.fit", namespace={"np": np, "pd": pd})
    assert_same(fit.design.at(new_rows(data)).X, again.design.at(new_rows(data)).X)


REMEMBERED = [
    ("I((x - np.mean(x)) / np.std(x))", "flag"),
    ("np.log(x - np.min(x) + 1)", "np.log(x - np.min(x) + 1)"),
    ("I(x / np.linalg.norm(x)) + np.exp(-x)", "I(x - x.quantile(q))"),
    ("I(x > np.quantile(x, q)) + offset(x - x.median())", "x"),
    ("I(x - farthest(x))", "I(x / farthest(x))"),
    ("bs(x, knots=np.quantile(x, several))", "1"),
]


@pytest.mark.parametrize(("effects", "bar"), REMEMBERED)
def test_what_was_remembered_is_in_the_file_and_its_functions_are_not_needed(
    effects, bar, data, tmp_path
):
    names = {"q": 0.4, "several": np.array([0.3, 0.6]), "farthest": lambda x: x[np.abs(x).argmax()]}
    fit = hand_made(f"y ~ {effects} + (1 + {bar} | g)", data, namespace=names)
    again = round_trip(fit, tmp_path)
    new = new_rows(data).assign(x=data["x"].iloc[:5].to_numpy())
    for rows in (new, new.head(1)):
        first, second = fit.design.at(rows), again.design.at(rows)
        assert_same(first.X, second.X)
        assert_same(first.offset, second.offset)
        assert_same(first.groups[0].Z, second.groups[0].Z)


def test_numpys_functions_under_other_names(data, tmp_path):
    formula = "y ~ exp(x) + N.where(x > 0, 1, 0) + (1 | g)"
    fit = hand_made(formula, data, namespace={"exp": np.exp, "N": np})
    again = round_trip(fit, tmp_path)
    assert_same(fit.design.at(new_rows(data)).X, again.design.at(new_rows(data)).X)


def test_what_is_called_np_but_is_not_numpy_must_be_passed(data, tmp_path):
    other = SimpleNamespace(exp=half)
    fit = hand_made("y ~ np.exp(x) + (1 | g)", data, namespace={"np": other})
    fit.save(tmp_path / "a.fit")
    with pytest.raises(bm.BayesmixError, match=r"calls np\.exp\(\), which is not in the file"):
        bm.load(tmp_path / "a.fit")
    again = bm.load(tmp_path / "a.fit", namespace={"np": other})
    assert_same(fit.design.at(new_rows(data)).X, again.design.at(new_rows(data)).X)


@pytest.mark.parametrize("namespace", [3, "half", [half], half])
def test_a_namespace_that_is_no_mapping(namespace, tmp_path, data):
    hand_made("y ~ x + (1 | g)", data).save(tmp_path / "a.fit")
    with pytest.raises(bm.BayesmixError, match=r"namespace is a .*give a mapping"):
        bm.load(tmp_path / "a.fit", namespace=namespace)


def test_a_function_of_another_version_of_formulae_is_told(data, tmp_path, monkeypatch):
    fit = hand_made("y ~ center(x) + (1 | g)", data)
    fit.save(tmp_path / "a.fit")
    rewrite(tmp_path / "a.fit", lambda metadata: metadata.update(formulae="99.0"))
    monkeypatch.delitem(formulae.transforms.TRANSFORMS, "center")
    message = r"saved with formulae 99\.0 and .*\(formulae has no center\(\)\)\. Install"
    with pytest.raises(bm.BayesmixError, match=message):
        bm.load(tmp_path / "a.fit")


class Share:
    """A transformation that learns, written by a user."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self.total: float | None = None

    def __call__(self, x: Any) -> Any:
        if self.total is None:
            self.total = float(np.sum(x))
        return x / self.total


def test_own_transformations_keep_what_they_learnt(data, tmp_path):
    fit = hand_made("y ~ share(whole) + (1 | g)", data, namespace={"share": Share})
    again = round_trip(fit, tmp_path, namespace={"share": Share})
    assert_same(fit.design.at(new_rows(data)).X, again.design.at(new_rows(data)).X)
    with pytest.raises(
        bm.BayesmixError, match=r"other values than when .*Pass the 'share' of that"
    ):
        bm.load(tmp_path / "a.fit", namespace={"share": half})


# --- files from someone else --------------------------------------------------------------------


def rewrite(path: Path, change: Any = None, members: dict[str, bytes | None] | None = None) -> None:
    """Change the JSON of a file, or its members, None to drop one."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    if change is not None:
        metadata = json.loads(content["bayesmix.json"])
        change(metadata)
        content["bayesmix.json"] = json.dumps(metadata).encode()
    content |= members or {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            if value is not None:
                archive.writestr(name, value)


@pytest.fixture
def file(data, tmp_path) -> Path:
    fit = hand_made("y ~ scale(x) + np.exp(x) + ses + (1 + x | g)", data)
    fit.save(tmp_path / "a.fit")
    return tmp_path / "a.fit"


class Marker:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


def test_a_pickle_in_the_file_is_not_read(file, tmp_path):
    target = tmp_path / "made"
    array = np.empty(1, dtype=object)
    array[0] = Marker(target)
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    bad = (tmp_path / "bad.npy").read_bytes()
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
    for name in names:
        rewrite(file, members={name: bad})
        with pytest.raises(bm.BayesmixError, match="damaged"):
            bm.load(file)
        assert not target.exists()
    np.load(tmp_path / "bad.npy", allow_pickle=True)
    assert target.exists()


@pytest.mark.parametrize(
    "call",
    [
        "np.load",
        "np.fromfile",
        "np.save",
        "np.exp.outer",
        "half",
        "open",
        "pd.read_pickle",
        "eval",
        "np.lib.os.system",
        "storage.os.getcwd",
        "log.__globals__.clear",
        "abs.at",
        "as.__reduce__",
    ],
)
def test_a_formula_in_the_file_calls_no_function_of_its_choice(call, file):
    def change(metadata):
        content = metadata["content"]
        text = json.dumps(content).replace("np.exp(x)", f"{call}(x)")
        metadata["content"] = json.loads(text)
        root = call.partition(".")[0]
        kind = "R" if root in ("log", "abs", "as") else "numpy"
        metadata["content"]["names"][root] = {"is": kind}

    rewrite(file, change)
    with pytest.raises(bm.BayesmixError, match=rf"calls {call}\(\), which is not in the file"):
        bm.load(file)
    for kind in ("formulae", "ufunc", "value", "given"):

        def change_again(metadata, kind=kind):
            stored = {"is": kind, "value": "load"}
            metadata["content"]["names"][call.partition(".")[0]] = stored

        rewrite(file, change_again)
        with pytest.raises(bm.BayesmixError, match=rf"calls {call}\(\), which is not in the file"):
            bm.load(file)


def test_a_formula_in_the_file_reaches_nothing_inside_of_a_function_that_is_given(file):
    def change(metadata):
        text = json.dumps(metadata["content"])
        call = "half.__globals__.update(x)"
        metadata["content"] = json.loads(text.replace("np.exp(x)", call))

    rewrite(file, change)
    with pytest.raises(bm.BayesmixError, match="is no function"):
        bm.load(file, namespace={"half": half})


@pytest.mark.parametrize("value", [None, 1.0, [1.0], {"a": 1}])
def test_saying_that_a_call_is_remembered_does_not_call_it(value, file, data, tmp_path):
    target = tmp_path / "written.npy"

    def change(metadata):
        content = metadata["content"]
        text = json.dumps(content).replace("np.exp(x)", f"np.save('{target}', x)")
        metadata["content"] = content = json.loads(text)
        content["names"] |= {"np.save": {"is": "remembered"}, "np": {"is": "numpy"}}
        content["remembered"] = {f"np.save('{target}', x)": value}

    rewrite(file, change)
    with pytest.raises(bm.BayesmixError):
        bm.load(file).design.at(data.dropna().head(2))
    assert not target.exists()


def test_a_later_format_is_told(file):
    rewrite(file, lambda metadata: metadata.update(format_version=4, bayesmix="9.0"))
    with pytest.raises(bm.BayesmixError, match=r"saved by bayesmix 9\.0 in format 4.*Upgrade") as e:
        bm.load(file)
    assert "damaged" not in str(e.value)


@pytest.mark.parametrize("library", ["formulae", "bayesmix"])
def test_another_version_that_makes_another_design_is_told(library, file):
    def change(metadata):
        metadata[library] = "0.0.1"

    rewrite(file, change)
    assert bm.load(file).design.n_rows == 90

    def change_again(metadata):
        metadata["content"]["digest"]["names"] = "0" * 64

    rewrite(file, change_again)
    message = rf"saved with {library} 0\.0\.1 and cannot be read.*Install {library} 0\.0\.1"
    with pytest.raises(bm.BayesmixError, match=message):
        bm.load(file)


def test_priors_are_those_of_the_file_whatever_the_defaults_are_now(file):
    def change(metadata):
        for leaf in metadata["content"]["priors"]["leaves"]:
            if leaf["node"] == {"$tuple": ["sigma"]}:
                leaf["prior"]["parameters"]["scale"] = 123.0

    rewrite(file, change)
    assert bm.load(file).spec.priors.auxiliary["sigma"] == bm.Prior("Exponential", scale=123.0)


def test_parts_of_different_fits_are_told(file):
    def change(metadata):
        group = metadata["content"]["idata"]["groups"]["/posterior"]
        group["variables"]["sd_g"] = group["variables"]["sigma"]

    rewrite(file, change)
    with pytest.raises(bm.BayesmixError, match="the draws of sd_g are of another model"):
        bm.load(file)


def test_a_member_that_goes_on_is_told(file):
    with zipfile.ZipFile(file) as archive:
        content = archive.read("0.npy")
    rewrite(file, members={"0.npy": content + b"more"})
    with pytest.raises(bm.BayesmixError, match=r"0\.npy is longer than its array"):
        bm.load(file)


def test_files_that_are_none_of_ours(tmp_path):
    text = tmp_path / "a.csv"
    text.write_text("a,b\n1,2\n")
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    arrays = tmp_path / "a.npz"
    np.savez(arrays, a=np.arange(3))
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("bayesmix.json", json.dumps({"format": "something else"}))
    pickled = tmp_path / "a.pkl"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    for path, kind in (
        (text, ""),
        (empty, "It is empty. "),
        (arrays, "It is another zip archive. "),
        (other, "It is another zip archive. "),
        (pickled, "It is a pickle, which pickle.load reads. "),
    ):
        message = rf"is not a file that fit\.save has made\. {kind}Save the fit with fit\.save"
        with pytest.raises(bm.BayesmixError, match=message) as caught:
            bm.load(path)
        assert type(caught.value) is bm.BayesmixError
    with pytest.raises(bm.BayesmixError, match="does not exist"):
        bm.load(tmp_path / "none")
    with pytest.raises(bm.BayesmixError, match="is a folder"):
        bm.load(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99, 0.9999])
def test_a_truncated_file_is_told(share, file):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(bm.BayesmixError, match="damaged"):
        bm.load(file)


def test_a_flipped_bit_is_told(file):
    """In the contents of a member: zip's check sums do not cover times and the like."""
    content = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        places = [
            info.header_offset + 30 + len(info.filename) + 20 + info.compress_size // 2
            for info in archive.infolist()
        ]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 0x10
        file.write_bytes(changed)
        with pytest.raises(bm.BayesmixError, match="damaged"):
            bm.load(file)


# A change of one place, and what is said of it.
CONTRADICTIONS: dict[str, tuple[str, Any, str]] = {
    "text for a number": ("columns.x", {"kind": "objects", "values": ["a"] * 90}, "."),
    "a column of no kind": ("columns.ses", {"kind": "x"}, "a column of an unknown kind"),
    "a column of levels": ("columns.ses.kind", "levels", "a column of an unknown kind"),
    "an endless range": (
        "columns.ses.categories",
        {"kind": "range", "name": None, "range": [0, 10**12, 1]},
        "a range",
    ),
    "a shorter column": ("columns.x", {"kind": "objects", "values": [0.5] * 89}, "the rows differ"),
    "a column of nothing": ("columns.x", None, "a column|x is not what it should be"),
    "other categories": (
        "columns.ses.categories.values",
        {"$objects": ["low", "high", "mid"], "shape": [3]},
        "make another design",
    ),
    "text that is none": ("columns.ses", {"kind": "text", "codes": 1}, "an unknown kind"),
    "weights that are none": ("weights", "w", "the weights"),
    "weights that were none": ("weights", "g", "make another design"),
    "another formula": ("formula", "y ~ scale(x) + np.exp(x) + ses + (1 | g)", "another design"),
    "another order": ("formula", "y ~ scale(x) + ses + np.exp(x) + (1 + x | g)", "another design"),
    "a spline": ("formula", "y ~ bs(x, df=30, degree=25) + (1 | g)", "."),
    "a polynomial": ("formula", "y ~ poly(x, 1000000) + (1 | g)", "."),
    "a digest that is none": ("digest", {}, "the digest"),
    "another digest": ("digest.numbers", {"$array": "0.npy"}, "make another design|the digest"),
    "rows that are none": ("rows", [1, 2], "the rows"),
    "a shorter index": (
        "index",
        {"kind": "range", "name": None, "range": [0, 89, 1]},
        "the rows differ",
    ),
    "a prior that is none": ("priors.leaves.0.prior.distribution", "Norml", "Unknown distribution"),
    "a prior of another support": (
        "priors.leaves.5.prior",
        {"distribution": "Normal", "parameters": {"mu": 0.0, "sigma": 1.0}},
        "must have its support on the positive numbers",
    ),
    "messages that are none": ("idata.groups./.attrs.messages", "{", "the messages"),
    "seconds that are none": ("idata.groups./.attrs.seconds", "long", "the seconds"),
    "a method that is none": ("idata.groups./.attrs.method", None, "the method"),
    "a method of another name": ("idata.groups./.attrs.method", "g", "the method"),
    "too few chains": ("options.chains", 0, "chains=0 is not usable"),
    "a seed that is none": ("options.random_seed", None, "the seed"),
    "a family that is none": ("family.name", "gausian", "Unknown family|gausian"),
    "a family of another response": ("family.name", "poisson", "poisson|identity"),
    "a formula of another response": ("formula", "z ~ x", "."),
    "notes that are none": ("notes", "abc", "the notes is not what it should be"),
    "an option of the future": ("options.colour", "red", "unexpected keyword argument 'colour'"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_are_told_when_the_file_is_read(case, file):
    place, value, problem = CONTRADICTIONS[case]

    def change(metadata):
        node = metadata["content"]
        *above, last = place.split(".")
        for key in above:
            node = node[int(key) if isinstance(node, list) else key]
        if isinstance(node, list):
            node[int(last)] = value
        else:
            assert last in node or place == "options.colour"
            node[last] = value

    rewrite(file, change)
    with pytest.raises(bm.BayesmixError, match=f"damaged or was changed.*({problem})"):
        bm.load(file)


@pytest.mark.parametrize(
    ("name", "value"), [("sd_g", -1.0), ("sigma", -1.0), ("cor_g", 2.0), ("beta", np.nan)]
)
def test_draws_out_of_their_range_are_told(name, value, data, tmp_path):
    fit = hand_made("y ~ x + (1 + x | g)", data)
    fit.idata["posterior"][name][...] = value
    fit.save(tmp_path / "a.fit")
    with pytest.raises(bm.BayesmixError, match=f"a draw of {name} is"):
        bm.load(tmp_path / "a.fit")


def test_sizes_are_compared_before_an_array_is_unpacked(file, monkeypatch):
    """A bomb in the place of any array of the rows or the draws is not even opened."""
    with zipfile.ZipFile(file) as archive:
        metadata = json.loads(archive.read("bayesmix.json"))
    posterior = metadata["content"]["idata"]["groups"]["/posterior"]["variables"]
    names = {
        metadata["content"]["columns"]["x"]["values"]["$array"],
        metadata["content"]["columns"]["ses"]["codes"]["$array"],
        posterior["sigma"]["data"]["$array"],
        posterior["u_g"]["data"]["$array"],
    }
    original = file.read_bytes()
    monkeypatch.setattr(Archive, "array", None)
    for name in names:
        file.write_bytes(original)
        bomb = io.BytesIO()
        np.save(bomb, np.zeros((100, 1000)))
        rewrite(file, members={name: bomb.getvalue()})
        with pytest.raises(bm.BayesmixError, match=r"the rows differ|has two sizes|the dims of"):
            bm.load(file)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
        else:
            found.append((*path, key))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_changed_metadata_never_raise_anything_else(seed, file):
    with zipfile.ZipFile(file) as archive:
        metadata = json.loads(archive.read("bayesmix.json"))
    rng = random.Random(seed)
    original = file.read_bytes()
    for place in rng.sample(places(metadata), 25):
        changed = copy.deepcopy(metadata)
        parent = changed
        for key in place[:-1]:
            parent = parent[key]
        if rng.random() < 0.3:
            del parent[place[-1]]
        else:
            parent[place[-1]] = rng.choice([None, -1, 10**30, "x", [], {}, [["x"]], {"a": 1}, 0.5])
        file.write_bytes(original)
        rewrite(
            file, lambda metadata, changed=changed: (metadata.clear(), metadata.update(changed))
        )
        with contextlib.suppress(bm.BayesmixError):
            bm.load(file)


# --- writing ------------------------------------------------------------------------------------


def test_a_path_that_exists_is_not_overwritten(data, tmp_path):
    path = tmp_path / "a.fit"
    path.write_text("precious")
    fit = hand_made("y ~ x + (1 | g)", data)
    with pytest.raises(bm.BayesmixError, match=r"exists.*overwrite=True"):
        fit.save(path)
    assert path.read_text() == "precious"
    fit.save(str(path), overwrite=True)
    assert bm.load(str(path)).fixef().equals(fit.fixef())
    with pytest.raises(bm.BayesmixError, match="is a folder"):
        fit.save(tmp_path, overwrite=True)
    with pytest.raises(bm.BayesmixError, match="overwrite='yes' is not usable"):
        fit.save(path, overwrite="yes")
    with pytest.raises(bm.BayesmixError, match="does not exist"):
        fit.save(tmp_path / "none" / "a.fit")
    assert [p.name for p in tmp_path.iterdir()] == ["a.fit"]


def test_an_interrupted_save_leaves_what_was_there(data, tmp_path, monkeypatch):
    path = tmp_path / "a.fit"
    fit = hand_made("y ~ x + (1 | g)", data)
    fit.save(path)
    before = path.read_bytes()
    write, count = np.lib.format.write_array, iter(range(100))

    def interrupted(*args: Any, **kwargs: Any) -> None:
        if next(count) == 3:
            raise KeyboardInterrupt
        write(*args, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.save(path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.fit"]


def test_a_file_made_meanwhile_is_not_overwritten(data, tmp_path, monkeypatch):
    path = tmp_path / "a.fit"
    write = np.lib.format.write_array

    def meanwhile(*args: Any, **kwargs: Any) -> None:
        path.write_text("precious")
        write(*args, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", meanwhile)
    with pytest.raises(bm.BayesmixError, match="exists"):
        hand_made("y ~ x + (1 | g)", data).save(path)
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.fit"]


def test_a_value_that_cannot_be_saved_is_named(data, tmp_path):
    fit = hand_made("y ~ x + (1 | g)", data)
    options = dataclasses.replace(fit.options, nuts={"callback": print})
    with pytest.raises(bm.BayesmixError, match=r"options\.nuts\.callback is of type builtin"):
        dataclasses.replace(fit, options=options).save(tmp_path / "a.fit")
    assert not list(tmp_path.iterdir())


def test_categories_of_any_kind_are_saved_as_their_labels(data, tmp_path):
    days = data.assign(day=pd.Categorical(pd.period_range("2026", periods=3, freq="Y").repeat(30)))
    fit = hand_made("y ~ day + (1 | g)", days)
    fit.save(tmp_path / "a.fit")
    loaded = bm.load(tmp_path / "a.fit").design
    assert loaded.encoder.categories["day"].tolist() == ["2026", "2027", "2028"]
    np.testing.assert_array_equal(loaded.at(days).X, fit.design.X)


def test_categories_that_are_dates_stay_what_they_are(data, tmp_path):
    days = data.assign(day=pd.Categorical(np.repeat(EACH_DAY[:3], 30)))
    fit = hand_made("y ~ day + (1 | g)", days)
    loaded = round_trip(fit, tmp_path).design
    np.testing.assert_array_equal(loaded.at(days).X, fit.design.X)


def test_an_error_of_a_file_is_of_the_public_class(data, tmp_path):
    half = SimpleNamespace(half=lambda x: x / 2).half
    hand_made("y ~ half(x) + (1 | g)", data, namespace={"half": half}).save(tmp_path / "a.fit")
    for given in ({}, {"half": 3}, {"half": lambda x: x}):
        with pytest.raises(bm.BayesmixError) as caught:
            bm.load(tmp_path / "a.fit", namespace=given)
        assert type(caught.value) is bm.BayesmixError


def test_a_sampler_that_is_not_installed_does_not_hinder_loading(file):
    def change(metadata):
        metadata["content"]["options"]["nuts_sampler"] = "none"

    rewrite(file, change)
    assert bm.load(file).options.nuts_sampler is None


def test_every_array_is_stored_once_and_columns_that_are_not_used_are_not(data, tmp_path):
    fit = hand_made("y ~ x + (1 | g)", data.assign(secret="do not store"))
    fit.save(tmp_path / "a.fit")
    content = [value for _, value in members(tmp_path / "a.fit")]
    assert len(set(content)) == len(content)
    assert not any(b"secret" in value or b"do not store" in value for value in content)


def members(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def test_a_fit_that_was_loaded_pickles(data, tmp_path):
    again = round_trip(hand_made("y ~ scale(x) + (1 | g)", data), tmp_path)
    design = pickle.loads(pickle.dumps(again.spec)).design
    assert_same(design.at(new_rows(data)).X, again.design.at(new_rows(data)).X)


def test_text_of_any_kind_comes_back(tmp_path):
    values = {
        "text": np.array([["", "a\x00"], ["ü" * 50, "\ud800"]], dtype=object),
        "mixed": np.array([1, None, "a", 2.5, True], dtype=object),
        "numbers": [np.inf, -np.inf, 0.1, 1e-300, 2**70, True, None, "a"],
        "keys": {1: "one", (1, 2): "two", "$array": 3},
        "empty": np.empty((0, 3)),
        "scalar": np.array(3.5),
        "rows": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "whole zeros": np.zeros(4, dtype=np.int64),
        "real zeros": np.zeros(4),
    }
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        node = json.loads(json.dumps(Writer(archive).encode(values, "")))
    with path.open("rb") as file:
        assert_same(values, decode(Archive(file, path.stat().st_size), node))
