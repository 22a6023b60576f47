from __future__ import annotations

import datetime
import decimal
import functools
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr

import bayesmix as bm
from bayesmix.frames.frames import open_frame, plain_series
from bayesmix.frames.spelling import find_label, label_of
from bayesmix.frames.textnumbers import numbers_as_text
from bayesmix.model.options import SampleOptions
from fuzzing.frames import run
from posteriors import make_case

N = 60
SES = ["low", "mid", "high"]
DAYS = [datetime.date(2024, 1, 1 + k % 7) for k in range(N)]
FORMULA = (
    "y ~ x + i + b + s + e + o + price + (1 + x | g) + (1 | day) + (1 | moment) + (1 | zoned)"
    " + (1 | s) + (1 | wait) + (1 | price)"
)


@functools.cache
def kinds() -> pd.DataFrame:
    """Every kind of column that the libraries share, with holes."""
    rng = np.random.default_rng(0)
    moments = pd.Series(pd.to_datetime(DAYS)) + pd.Timedelta("90min")
    data = pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": np.where(np.arange(N) == 5, np.nan, rng.normal(size=N)),
            "i": pd.array([pd.NA if k == 3 else k % 5 for k in range(N)], dtype="Int64"),
            "b": pd.array([pd.NA if k == 4 else k % 3 == 0 for k in range(N)], dtype="boolean"),
            "s": [None if k == 6 else SES[k % 3] for k in rng.integers(0, 9, N)],
            "e": pd.Categorical(rng.choice(SES, N), [*SES, "never"]),
            "o": pd.Categorical(rng.choice(SES, N), SES, ordered=True),
            "g": np.arange(N) % 10 + 2**53,
            "day": DAYS,
            "moment": moments,
            "zoned": moments.dt.tz_localize("Europe/Berlin"),
            "price": [decimal.Decimal(k % 6) / 4 for k in range(N)],
            "wait": pd.to_timedelta(np.arange(N) % 6, unit="h"),
        }
    )
    data.loc[7, "s"] = None
    return data


def in_polars(data: pd.DataFrame) -> pl.DataFrame:
    enums = {name: pl.Enum([*SES, "never"]) for name in "eo"}
    return pl.from_pandas(data.astype(dict.fromkeys(enums, str))).cast(enums)


LIBRARIES = {
    "polars": in_polars,
    "polars, lazy": lambda data: in_polars(data).lazy(),
    "pyarrow": pa.Table.from_pandas,
    "pandas on pyarrow": lambda data: pa.Table.from_pandas(data).to_pandas(
        types_mapper=pd.ArrowDtype
    ),
    "nullable pandas": lambda data: data.convert_dtypes(),
}


def quietly(call: Any, *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        for kind in (bm.DesignWarning, bm.ConvergenceWarning):
            warnings.simplefilter("ignore", kind)
        return call(*arguments, **options)


def assert_same(one: Any, other: Any) -> None:
    assert one.terms == other.terms
    for name in ("y", "X", "rows", "weights"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for a, b in zip(one.groups, other.groups, strict=True):
        assert a.levels.tolist() == b.levels.tolist()
        np.testing.assert_array_equal(a.codes, b.codes)
        np.testing.assert_array_equal(a.Z, b.Z)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_design_is_that_of_the_pandas_frame(library):
    data = kinds()
    frame = LIBRARIES[library](data)
    expected = quietly(bm.prepare, FORMULA, data, weights="g").design
    result = quietly(bm.prepare, FORMULA, frame, weights="g").design
    assert_same(result, expected)
    assert result.n_rows == N - int(data.isna().any(axis=1).sum()) < N
    assert [t for t in result.terms if t.startswith("e")] == ["e[mid]", "e[high]"]
    complete = data.dropna().reset_index(drop=True)
    new = expected.at(LIBRARIES[library](complete))
    assert_same(new, expected.at(complete))
    np.testing.assert_array_equal(new.X, expected.X)


def test_an_enum_of_polars_keeps_its_order_and_is_not_ordinal():
    frame = in_polars(kinds().dropna())
    design = bm.prepare("y ~ e", frame).design
    assert design.notes == ()
    assert design.terms == ("Intercept", "e[mid]", "e[high]")


@pytest.mark.parametrize("library", ["polars", "pyarrow", "pandas on pyarrow"])
def test_an_order_is_kept(library):
    frame = LIBRARIES[library](kinds())
    column = open_frame(frame, "data").read(["o"]).series("o")
    assert column.cat.ordered == (library != "polars")  # an Enum has a place for each, no scale
    assert column.cat.categories[:3].tolist() == SES


def test_whole_numbers_beside_missing_ones_keep_their_last_digit():
    levels = [2**53 + k % 3 for k in range(12)]
    frame = pl.DataFrame({"y": np.arange(12.0), "g": [None, *levels[1:]]})
    design = quietly(bm.prepare, "y ~ 1 + (1 | g)", frame).design
    assert design.groups[0].levels.tolist() == [str(2**53 + k) for k in range(3)]


def test_polars_categories_and_those_of_pyarrow():
    values = list("zazbzzab")
    frame = pl.DataFrame({"y": np.arange(8.0), "c": pl.Series(values, dtype=pl.Categorical)})
    expected = bm.prepare("y ~ c", frame.to_pandas()).design
    assert_same(bm.prepare("y ~ c", frame).design, expected)
    table = pa.table({"y": np.arange(8.0), "c": pa.array(values).dictionary_encode()})
    assert bm.prepare("y ~ c", table).design.terms == ("Intercept", "c[a]", "c[b]")
    assert bm.prepare("y ~ c", table.to_pandas()).design.terms == ("Intercept", "c[a]", "c[b]")


def test_dask_frames_of_new_rows_are_computed_with_the_used_columns():
    dask = pytest.importorskip("dask.dataframe")
    data = kinds()[["y", "x", "g"]].dropna()
    design = quietly(bm.prepare, "y ~ x + (1 | g)", data).design
    frame = dask.from_pandas(data.assign(junk=1), npartitions=3)
    assert_same(design.at(frame), design.at(data))


# --- used columns only ----------------------------------------------------------------------------


def test_a_lazy_frame_is_collected_once_with_the_used_columns_only():
    seen = []

    def counted(values: pl.Series) -> pl.Series:
        seen.append(values.name)
        return values

    def broken(values: pl.Series) -> pl.Series:
        raise RuntimeError("this column is not used")

    frame = pl.LazyFrame({"y": np.arange(9.0) % 4, "x": np.arange(9.0), "junk": 1.0})
    counts = pl.col("y", "x").map_batches(counted, return_dtype=pl.Float64)
    frame = frame.with_columns(counts, pl.col("junk").map_batches(broken, return_dtype=pl.Float64))
    design = bm.prepare("y ~ x", frame).design
    assert sorted(seen) == ["x", "y"]
    np.testing.assert_array_equal(design.X[:, 1], np.arange(9.0))
    seen.clear()
    new = design.at(frame)
    assert sorted(seen) == ["x", "y"]
    np.testing.assert_array_equal(new.y, design.y)
    with pytest.raises(bm.BayesmixError, match=r"polars LazyFrame, could not be read.*not used"):
        bm.prepare("y ~ junk", frame)


def test_unused_columns_of_pandas_are_not_looked_at():
    seen = set()

    class Watched(pd.DataFrame):
        def __getitem__(self, key: Any) -> Any:
            seen.add(key)
            return super().__getitem__(key)

    data = Watched({"y": [1.0, 2, 4, 3], "x": [1.0, 0, 2, 1], "junk": [[], {}, set(), ()]})
    design = bm.prepare("y ~ x", data).design
    design.at(data)
    assert seen == {"y", "x"}


def test_hundred_thousand_columns_and_names_of_all_kinds():
    numbers = np.zeros((4, 100_000))
    data = pd.DataFrame(numbers, columns=[f"c{k}" for k in range(100_000)])
    data = pd.concat([data, pd.DataFrame({"y": [1.0, 2, 4, 3], "x": [1.0, 0, 2, 1]})], axis=1)
    assert bm.prepare("y ~ x", data).design.n_terms == 2
    with pytest.raises(bm.BayesmixError, match="Unknown column 'z'") as caught:
        bm.prepare("y ~ z", data)
    assert len(str(caught.value)) < 400
    dates = pd.DataFrame(numbers[:, :2], columns=pd.to_datetime(["2024-01-01", "2024-01-02"]))
    with pytest.raises(bm.BayesmixError, match="Unknown column '2024'"):
        bm.prepare("`2024` ~ 1", dates)


def test_a_formula_without_a_column_of_a_lazy_frame():
    frame = pl.LazyFrame({"y": [1.0, 2.0, 3.0]})
    assert len(open_frame(frame, "data").read([])) == 3
    assert len(open_frame(pa.table({"y": [1.0, 2.0]}), "data").read([])) == 2


# --- predictions and the other doors --------------------------------------------------------------


@functools.cache
def fitted() -> bm.MixedFit:
    """A fit whose posterior was set by hand."""
    data = kinds()[["y", "x", "e", "g"]].dropna().astype({"g": str})
    spec = bm.prepare("y ~ x + e + (1 | g)", data)
    design = spec.design
    labels = [f"beta:{term}" for term in design.terms]
    labels += ["sigma", "sd:g:Intercept"]
    labels += [f"u:g:{effect}:{k}" for effect in ("Intercept",) for k in design.groups[0].levels]
    posterior = make_case(design, {label: (0.5, 0.25) for label in labels}, spec.family).posterior
    idata = xr.DataTree.from_dict({"posterior": posterior})
    idata.attrs.update(messages="[]", method="nuts", seconds=1.0)
    return bm.MixedFit(spec, idata, SampleOptions(random_seed=1))


@pytest.mark.parametrize("verb", ["linpred", "epred", "predict"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_predictions_come_on_a_range_index(verb, library):
    data = kinds()[["x", "e", "g"]].set_axis(range(100, 100 + N))
    message = r"1 row of newdata has missing values, in 'x' \(1\)"
    with pytest.warns(bm.DesignWarning, match=message):
        expected = getattr(fitted(), verb)(data)
    frame = LIBRARIES[library](data.assign(o=data.e).reset_index(drop=True))
    with pytest.warns(bm.DesignWarning, match=message):
        result = getattr(fitted(), verb)(frame)
    assert isinstance(result, pd.DataFrame)
    pd.testing.assert_index_equal(result.index, pd.RangeIndex(N))
    np.testing.assert_array_equal(result, expected)


def test_simulate_from_takes_frames_of_other_libraries():
    data = kinds()[["x", "e", "g"]].fillna({"x": 0.0})
    expected = bm.simulate_from(fitted(), data, random_seed=2)
    result = bm.simulate_from(fitted(), in_polars(data.assign(o=data.e)).lazy(), random_seed=2)
    np.testing.assert_array_equal(result.data["y"], expected.data["y"])
    assert result.data.columns.tolist() == ["x", "e", "g", "o", "y"]


@pytest.mark.parametrize(
    "weights",
    [
        pl.Series([1.0, 2.0, 3.0, 4.0]),
        pl.Series([1, 2, 3, 4]),
        pa.chunked_array([[1.0, 2.0], [3.0, 4.0]]),
        pa.array([1.0, 2.0, 3.0, 4.0]),
        pd.Series([1.0, 2.0, 3.0, 4.0], dtype="double[pyarrow]", index=list("abcd")),
        (1, 2, 3, 4),
    ],
    ids=lambda values: f"{type(values).__module__.partition('.')[0]} {type(values).__name__}",
)
def test_weights_of_other_libraries(weights):
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "x": [1.0, 0, 2, 1]}, index=list("abcd"))
    design = bm.prepare("y ~ x", data, weights=weights).design
    np.testing.assert_array_equal(design.weights, [1, 2, 3, 4])


def test_a_missing_weight_of_polars_drops_its_row():
    data = pl.DataFrame({"y": [1.0, 2, 4, 3], "x": [1.0, 0, 2, 1]})
    with pytest.warns(bm.DesignWarning, match=r"in weights \(1\)"):
        design = bm.prepare("y ~ x", data, weights=pl.Series([1, None, 2, 3])).design
    np.testing.assert_array_equal(design.weights, [1, 2, 3])


def test_groups_of_folds_may_come_from_another_library():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3, 2, 1], "x": [1.0, 0, 2, 1, 4, 3]})
    fit = quietly(
        bm.fit, "y ~ x", data, draws=50, chains=2, cores=1, random_seed=1, progressbar=False
    )
    groups = list("aabbcc")
    folds = {"k": 3, "random_seed": 1, "progressbar": False}
    expected = quietly(fit.kfold, group_by=groups, **folds)
    result = quietly(fit.kfold, group_by=pl.Series(groups), **folds)
    np.testing.assert_allclose(result.elpd, expected.elpd)


NO_FRAMES = {
    "series of polars": pl.Series([1.0]),
    "grouped polars": pl.DataFrame({"y": [1.0]}).group_by("y"),
    "pyarrow array": pa.array([1.0]),
    "none": None,
    "matrix": np.ones((3, 2)),
    "dict": {"y": [1.0]},
}


@pytest.mark.parametrize("data", NO_FRAMES.values(), ids=list(NO_FRAMES))
def test_what_is_no_frame(data):
    with pytest.raises(bm.BayesmixError, match=r"data must be a data frame \(pandas, polars"):
        bm.prepare("y ~ x", data)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"y": [1.0], "x": [1.0]}).clear(), "data has no rows"),
        (pl.LazyFrame({"y": [], "x": []}), "data has no rows"),
        (pl.LazyFrame({"y": [1.0], "z": [1.0]}), "Unknown column 'x'. Columns: y, z"),
        (
            pa.Table.from_arrays([pa.array([1.0, 2])] * 3, names=["y", "x", "x"]),
            "2 columns named 'x'",
        ),
        (
            pl.DataFrame({"y": [1.0, 2], "x": [[1], [2]]}),
            r"'x' holds values .*\(list\)",
        ),
        (pl.DataFrame({"y": [1.0, 2], "x": DAYS[:2]}), "'x' holds date values"),
        (pl.DataFrame({"y": [1.0, 2], "x": [b"a", b"b"]}), "'x' holds bytes"),
        (pl.DataFrame({"y": [1.0, 2], "x": [{"a": 1}, {"a": 2}]}), r"\(dict\)"),
        (pl.DataFrame({"y": [1.0, 2], "x": [None, None]}), "'x' has no values"),
    ],
)
def test_frames_of_other_libraries_that_cannot_be_used(frame, message):
    with pytest.raises(bm.BayesmixError, match=message):
        bm.prepare("y ~ x", frame)


def test_repeated_names_that_are_not_used_do_no_harm():
    columns = [pa.array([1.0, 2, 4]), pa.array([1.0, 0, 2]), *[pa.array([1, 2, 3])] * 2]
    table = pa.Table.from_arrays(columns, names=["y", "x", "junk", "junk"])
    assert bm.prepare("y ~ x", table).design.n_rows == 3


def test_not_a_number_is_missing_in_every_storage():
    for dtype in ("float64", "Float64", "double[pyarrow]"):
        values = pd.Series([0.0, 1.0], dtype=dtype) / pd.Series([0.0, 1.0], dtype=dtype)
        assert plain_series(values).isna().tolist() == [True, False]


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "known", "place"),
    [
        ("10.0", ["9", "10"], 1),
        ("10", ["9.0", "10.0"], 1),
        ("1.50", ["1.5"], 0),
        ("10", ["9.0", "10.0", "10"], 2),
        ("2024-02-01", ["2024-01-31 00:00:00", "2024-02-01 00:00:00"], 1),
        ("2024-02-01T00:00:00Z", ["2024-02-01 00:00:00+00:00"], 0),
        ("2024-02-01 10:30", ["2024-02-01 10:30:00"], 0),
        ("2024-02-01 10:30:00.500000", ["2024-02-01 10:30:00.500"], 0),
        ("2024-02-01 00:00:00", ["2024-02-01"], 0),
        ("2024-02-01", ["2024-02-01 10:00:00"], -1),
        ("007", ["7"], -1),
        ("7.5", ["7"], -1),
        ("a", ["A"], -1),
    ],
)
def test_labels_of_the_same_value(label, known, place):
    assert find_label(label, {text: k for k, text in enumerate(known)}) == place


def test_a_label_that_could_be_several_is_unknown():
    assert find_label("3.00", {"3": 0, "3.0": 1}) == -1


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (10.0, "10"),
        (-0.5, "-0.5"),
        (np.float32(0.1), "0.1"),
        (-0.0, "0"),
        (1e300, "1e+300"),
        (decimal.Decimal("1.50"), "1.5"),
        (decimal.Decimal("1E+2"), "100"),
        (10**400, "1" + "0" * 400),
        (True, "True"),
        ("a\0", "a"),
    ],
)
def test_labels(value, label):
    assert label_of(value) == label


def times(kind: str) -> Any:
    moments = pd.date_range("2020-01-30", periods=4)
    if kind == "pyarrow":
        return pd.Index(pd.array(moments, dtype="timestamp[ns][pyarrow]"))
    return moments.tz_localize("UTC") if kind == "zone" else moments


CATEGORIES = {
    "integers": pd.Index([3, 1, 2, 10]),
    "whole floats": pd.Index([3.0, 1.0, 2.0, 10.0]),
    "fractions": pd.Index([-0.5, 0.5, 1.25]),
    "days": times("days"),
    "times with a zone": times("zone"),
    "times of pyarrow": times("pyarrow"),
    "integers of pyarrow": pd.Index(pd.array([3, 1, 2], dtype="int64[pyarrow]")),
    "intervals": pd.interval_range(0.5, 3.5),
    "periods": pd.period_range("2024-01", periods=3, freq="M"),
    "durations": pd.to_timedelta([1, 2, 3], unit="h"),
    "text": pd.Index(["b", "a", "c"]),
}


@pytest.mark.parametrize("kind", CATEGORIES)
def test_categories_are_matched_by_label_and_own_data_are_understood(kind, tmp_path):
    categories = CATEGORIES[kind]
    codes = np.arange(36) * 7 % len(categories)
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {
            "y": rng.normal(size=36),
            "c": pd.Categorical.from_codes(codes, categories),
            "g": pd.Categorical.from_codes((codes + np.arange(36) % 2) % 3, categories[:3]),
        }
    )
    design = quietly(bm.prepare, "y ~ c + (c | g)", data).design
    assert design.n_terms == len(categories)
    expected = np.eye(len(categories))[codes][:, 1:]
    np.testing.assert_array_equal(design.X[:, 1:], expected)
    data.to_csv(tmp_path / "data.csv", index=False)
    as_text = data.assign(c=data.c.astype(str), g=data.g.astype(str))
    for new in (data, data.iloc[::-1].iloc[::-1], as_text, pd.read_csv(tmp_path / "data.csv")):
        again = design.at(new)
        np.testing.assert_array_equal(again.X, design.X)
        np.testing.assert_array_equal(again.groups[0].codes, design.groups[0].codes)


def test_text_of_the_fit_is_matched_by_numbers_of_new_data():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3, 1, 2], "c": list("123123")})
    design = bm.prepare("y ~ c", data).design
    for new in ([1, 2, 3], [1.0, 2.0, 3.0], pd.Categorical([1, 2, 3]), pl.Series([1, 2, 3])):
        np.testing.assert_array_equal(design.at(pd.DataFrame({"c": new})).X, design.X[:3])


def test_an_unknown_category_is_not_offered_back():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "c": pd.Categorical([1, 2, 1, 2])})
    with pytest.raises(bm.BayesmixError, match=r"Unknown category '3'.*of the fit: 1, 2") as caught:
        bm.prepare("y ~ c", data).design.at(pd.DataFrame({"c": ["3"]}))
    assert "Did you mean" not in str(caught.value)


# --- grouping factors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([-0.5, 0.5], ["-0.5", "0.5"]),
        ([0.5, 1.0, 1.5], ["0.5", "1", "1.5"]),
        ([decimal.Decimal("0.50"), decimal.Decimal("-0.5")], ["-0.5", "0.5"]),
        (np.array([0.1, 0.2], dtype=np.float32), ["0.1", "0.2"]),
    ],
    ids=str,
)
def test_codes_that_are_fractions_are_levels(values, levels):
    data = pd.DataFrame({"y": np.arange(24.0) % 5, "g": np.resize(values, 24)})
    (group,) = quietly(bm.prepare, "y ~ 1 + (1 | g)", data).design.groups
    assert group.levels.tolist() == levels


@pytest.mark.parametrize("dtype", ["float64", "Float64", "object", "float32", "double[pyarrow]"])
def test_measurements_are_no_levels_and_the_remedies_work(dtype):
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.normal(size=40)})
    data["g"] = pd.Series(rng.normal(size=40)).astype(dtype)
    with pytest.raises(bm.BayesmixError, match="40 different ones in 40 rows") as caught:
        bm.prepare("y ~ 1 + (1 | g)", data)
    for remedy in ("pd.cut(data['g'], 5)", "data['g'].astype(str)"):
        assert remedy in str(caught.value)
        labels = eval(remedy, {"pd": pd, "data": data})
        quietly(bm.prepare, "y ~ 1 + (1 | g)", data.assign(g=labels))


def test_an_infinite_level_is_refused_and_the_remedy_works():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3, 1], "g": [1.0, 2, 1, 2, np.inf]})
    with pytest.raises(bm.BayesmixError, match="'g' is infinite in 1 of 5 rows") as caught:
        bm.prepare("y ~ 1 + (1 | g)", data)
    remedy = "data['g'].replace([np.inf, -np.inf], np.nan)"
    assert remedy in str(caught.value)
    fixed = data.assign(g=eval(remedy, {"np": np, "data": data}))
    assert quietly(bm.prepare, "y ~ 1 + (1 | g)", fixed).design.n_rows == 4


@pytest.mark.parametrize(
    "name", ["g_effect", "g_effect_bis", "g_pair", "sd_g", "u_g", "cor_g", "zeta_g", "y_observed"]
)
def test_a_factor_called_like_something_of_the_posterior(name):
    data = pd.DataFrame({"y": np.arange(36.0) % 7, "g": np.arange(36) % 6, name: np.arange(36) % 9})
    with pytest.raises(bm.BayesmixError, match=f"can be called '{name}' here.*Rename the column"):
        bm.prepare(f"y ~ 1 + (1 | g) + (1 | {name})", data)
    quietly(bm.prepare, f"y ~ {name} + (1 | g)", data)


@pytest.mark.parametrize("name", ["chain", "draw", "obs", "term", "sample", "statistic", "sigma"])
def test_a_factor_called_like_a_dim_of_every_posterior(name):
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"y": rng.normal(size=40), name: np.arange(40) % 8})
    options = {"draws": 50, "chains": 2, "cores": 1, "random_seed": 1, "progressbar": False}
    fit = quietly(bm.fit, f"y ~ 1 + (1 | {name})", data, **options)
    assert fit.ranef()["group"].tolist() == list("01234567")
    assert fit.epred(pl.from_pandas(data)).shape == (40, 4)


# --- numbers as text ------------------------------------------------------------------------------

AGES = [str(age) for age in range(20, 70)]
MEANT = {
    "a stray point": ([*AGES, "."], "'.' becomes missing"),
    "not available": ([*AGES, "n/a"], "'n/a' becomes missing"),
    "several marks": ([*AGES, "-", "NA", "?"], "'-', '?', 'NA' become missing"),
    "few values and a mark": (["1", "2", "3", "."], "makes 4 categories"),
    "a typing error": ([*AGES, "4o"], "'4o' becomes missing"),
    "spaces": ([" 1.5", "2.5 ", "3.5", "4.5", "5.5", "6.5"], "' 1.5'"),
    "many whole numbers": (AGES, "50 categories"),
    "fractions": (["0.1", "0.2", "0.5", "1.25", "7.5", "9.1"], "6 categories"),
    "exponents": (["1e3", "2e3", "1.5e3", "1e4", "2e4", "3e4"], "6 categories"),
    "decimal commas": (["1,5", "2,25", "3"], "replace(',', '.')"),
    "points and commas": (["1.000,5", "2.000,25", "3,5"], "str.replace('.', '')"),
    "thousands": (["1,500", "2,250", "13,000"], "str.replace(',', '')"),
    "thousands and points": (["1,500.5", "2,250.5", "13,000.25"], "str.replace(',', '')"),
    "units": ([f"{age} years" for age in AGES], "str.replace('years', '')"),
    "units without a space": ([f"{age}kg" for age in AGES], "str.replace('kg', '')"),
    "one letter as a unit": ([f"{age}.5m" for age in AGES], "str.replace('m', '')"),
    "units over units": ([f"{age}.5 km/h" for age in AGES], "str.replace('km/h', '')"),
    "percent": ([f"{age}.5%" for age in AGES], "str.replace('%', '')"),
    "percent with a mark": ([*(f"{age} %" for age in AGES), "n/a"], "'n/a' becomes missing"),
    "dollars": ([f"${age}.5" for age in AGES], "str.replace('$', '')"),
    "dollars and thousands": (["$1,500.50", "$2,250", "$900"], "str.replace('$', '')"),
    "euros": (["1.500,50 \u20ac", "20,5 \u20ac", "7,25 \u20ac"], "str.replace('\u20ac', '')"),
    "minus signs": ([f"\u2212{age}.5" for age in AGES], "str.replace('\u2212', '-')"),
    "some minus signs": ([*AGES, *(f"\u2013{age}" for age in AGES)], "100 categories"),
    "thin spaces": ([f"1\u202f{age}0,5" for age in AGES], r"str.replace('\u202f', '')"),
    "spaces for thousands": ([f"1 {age}0" for age in AGES], "str.replace(' ', '')"),
    "spaces that do not break": ([f"{age}.5\u00a0" for age in AGES], r"replace('\xa0', '')"),
}
LABELS = {
    "codes": ["1", "2", "3"],
    "a dozen codes": [str(k) for k in range(1, 13)],
    "doses": ["0.5", "1", "2"],
    "postal codes": ["01067", "10115", "20095", *AGES],
    "words": ["low", "mid", "high"],
    "words and a mark": ["low", "high", "."],
    "a few doses": ["10 mg", "20 mg", "50 mg"],
    "numbers with letters": [f"{age}N" for age in AGES],
    "letters with numbers": [f"A{age}" for age in AGES],
    "several units": [*(f"{age} weeks" for age in AGES), *(f"{age} days" for age in AGES)],
    "places": [f"{place}th" for place in range(4, 20)] + ["1st", "2nd", "3rd"],
    "combinations": [f"{age}:low" for age in AGES],
    "ranges": [f"{age}-{age + 9}" for age in range(0, 900, 10)],
    "months": [f"2024-{month:02d}" for month in range(1, 13)] + ["2025-01"],
    "one number": ["1", "."],
    "dates": [f"2024-01-{day}" for day in range(10, 30)],
    "versions": [f"1.{k}.0" for k in range(20)],
}
NUMBERS = {
    "a stray point": 20.0,
    "decimal commas": 1.5,
    "points and commas": 1000.5,
    "thousands": 1500.0,
    "exponents": 1000.0,
    "spaces": 1.5,
    "thousands and points": 1500.5,
    "units": 20.0,
    "units without a space": 20.0,
    "one letter as a unit": 20.5,
    "units over units": 20.5,
    "percent": 20.5,
    "percent with a mark": 20.0,
    "dollars": 20.5,
    "dollars and thousands": 1500.5,
    "euros": 1500.5,
    "minus signs": -20.5,
    "some minus signs": 20.0,
    "thin spaces": 1200.5,
    "spaces for thousands": 1200.0,
    "spaces that do not break": 20.5,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MEANT)
def test_text_that_was_meant_as_numbers_is_warned_of_and_the_remedy_works(kind):
    values, words = MEANT[kind]
    data = pd.DataFrame({"age": values * 3}).assign(y=np.arange(3.0 * len(values)) % 7)
    for column in (data["age"], data["age"].astype("category"), data["age"].astype("string")):
        given = data.assign(age=column)
        with pytest.warns(bm.DesignWarning, match="'age' holds numbers as text") as caught:
            design = bm.prepare("y ~ age", given).design
        (note,) = [str(w.message) for w in caught if "numbers as text" in str(w.message)]
        assert note in design.notes
        assert words in note
        assert len(caught) == len(design.notes)
        remedy = re.search(r"meant: (data\['age'\] = .*?'coerce'\))", note)
        assert remedy is not None
        exec(remedy[1], {"pd": pd, "data": given})
        assert quietly(bm.prepare, "y ~ age", given).design.terms == ("Intercept", "age")
        assert given["age"].iloc[0] == NUMBERS.get(kind, given["age"].iloc[0])
        assert given["age"].notna().mean() > 0.7  # three of four, where one is missing
        assert "write C(age) in the formula" in note
        assert not any("as text" in n for n in quietly(bm.prepare, "y ~ C(age)", data).design.notes)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_are_numbers_are_left_alone(kind):
    assert numbers_as_text("x", LABELS[kind]) is None


def test_groups_that_are_numbers_as_text_are_left_alone():
    data = pd.DataFrame({"y": np.arange(100.0) % 7, "g": AGES * 2})
    assert bm.prepare("y ~ 1 + (1 | g)", data).design.notes == ()


# --- odd values -----------------------------------------------------------------------------------


def objects(*values: Any) -> pd.Series:
    array = np.empty(24, dtype=object)
    for k in range(24):
        array[k] = values[k % len(values)]
    return pd.Series(array, dtype=object)


DATES = pd.Series(pd.date_range("2024-01-01", periods=24))
REMEDIES = [
    ("dates", DATES, "time = pd.to_datetime(data['x']); data['x'] = (time - time.min()).dt.days"),
    (
        "zoned",
        DATES.dt.tz_localize("UTC"),
        "time = pd.to_datetime(data['x']); data['x'] = (time - time.min()).dt.days",
    ),
    (
        "date objects",
        DATES.dt.date,
        "time = pd.to_datetime(data['x']); data['x'] = (time - time.min()).dt.days",
    ),
    (
        "durations",
        DATES - DATES[0],
        "data['x'] = pd.to_timedelta(data['x']).dt.total_seconds()",
    ),
    (
        "times of the day",
        objects(datetime.time(8), datetime.time(9, 30)),
        "data['x'] = data['x'].map(lambda time: time.hour + time.minute / 60)",
    ),
    ("bytes", objects(b"a", b"b"), "data['x'] = data['x'].str.decode('utf-8')"),
    ("complex", pd.Series(np.arange(24) * 1j), "data['x'] = data['x'].map(abs)"),
    ("periods", DATES.dt.to_period("D"), "data['x'] = data['x'].astype(str)"),
    (
        "intervals",
        pd.Series(pd.interval_range(0, 24)),
        "data['x'] = data['x'].astype(str)",
    ),
    ("mixture", objects("a", 1, "."), "data['x'].astype(str)"),
    ("mixture of numbers", objects(1, 2.5, "n/a"), "pd.to_numeric(data['x'], errors='coerce')"),
    ("digits", objects(10**400, 10**399), "data['x'] = data['x'] // 10**386"),
    ("levels of many digits", objects(10**400, 10**399), "data['x'].astype(str)"),
    ("things", objects(int, str), "data['x'].astype(str)"),
    (
        "surrogates",
        objects("a\ud800", "b"),
        "data['x'].map(lambda text: text.encode('utf-8', 'replace').decode())",
    ),
]


@pytest.mark.parametrize(("kind", "values", "remedy"), REMEDIES, ids=[row[0] for row in REMEDIES])
def test_odd_values_are_named_and_the_remedy_works(kind, values, remedy):
    data = pd.DataFrame({"y": np.arange(24.0) % 7, "x": values})
    with pytest.raises(bm.BayesmixError, match="'x'") as caught:
        bm.prepare("y ~ x", data)
    assert remedy in str(caught.value)
    names = {"pd": pd, "np": np, "data": data}
    if remedy.startswith(("data['x'] =", "time =")):
        exec(remedy, names)
    else:
        data["x"] = eval(remedy, names)
    quietly(bm.prepare, "y ~ x", data)


@pytest.mark.parametrize(
    "values",
    [
        objects(b"a", b"b"),
        objects(1j, 2j),
        objects([1], [2]),
        objects({"a": 1}, {"a": 2}),
        objects((1, 2), (3, 4)),
        objects("a", 1),
        objects("a\ud800", "b"),
        objects(10**5000, 10**5001),
        objects("a" * 12_000_000, *"bcdefghijklmnopqrstuvwx"),
        pd.Series(pd.array([[1], [2]] * 12, dtype=pd.ArrowDtype(pa.list_(pa.int64())))),
    ],
    ids=[
        "bytes", "complex", "lists", "dicts", "tuples", "mixture", "surrogates", "digits",
        "characters", "pyarrow lists",
    ],
)  # fmt: skip
def test_levels_that_cannot_be_used(values):
    data = pd.DataFrame({"y": np.arange(24.0) % 7, "g": values})
    with pytest.raises(bm.BayesmixError) as caught:
        bm.prepare("y ~ 1 + (1 | g)", data)
    assert len(str(caught.value)) < 420


@pytest.mark.parametrize(
    "values",
    [
        objects(decimal.Decimal("sNaN"), 1, 2),
        objects(decimal.Decimal("NaN"), decimal.Decimal("1.5"), decimal.Decimal(2)),
        objects(None, 1, 2.5),
        pd.Series([None, 1, 2] * 8, dtype="Int64"),
    ],
)
def test_missing_numbers_of_all_kinds_are_dropped(values):
    data = pd.DataFrame({"y": np.arange(24.0) % 7, "x": values})
    with pytest.warns(bm.DesignWarning, match=r"8 of 24 rows have missing values, in 'x' \(8\)"):
        design = bm.prepare("y ~ x", data).design
    assert design.n_terms == 2
    design = quietly(bm.prepare, "y ~ 1 + (1 | g)", data.rename(columns={"x": "g"})).design
    assert design.notes[0].startswith("8 of 24 rows have missing values, in 'g' (8)")


LONG = "Ä" * 3000


@pytest.mark.parametrize(
    ("formula", "change"),
    [
        ("y ~ c", {"c": LONG}),
        ("y ~ 1 + (1 | c)", {"c": LONG}),
        ("y ~ c", {"c": objects(LONG, 1)}),
        ("y ~ c", {"c": pd.Categorical([1, "1"] * 12, [1, "1", LONG])}),
        ("y ~ 1 + (1 | a:b)", {"a": [LONG, LONG + ":x"] * 12, "b": ["x:y", "y"] * 12}),
    ],
)
def test_long_labels_are_shortened(formula, change):
    data = pd.DataFrame({"y": np.arange(24.0) % 7, "x": np.arange(24.0)}).assign(**change)
    with pytest.raises(bm.BayesmixError) as caught:
        bm.prepare(formula, data)
    assert len(str(caught.value)) < 420


def test_long_labels_of_new_data_are_shortened():
    values = [LONG + "a", LONG + "b"] * 12
    data = pd.DataFrame({"y": np.arange(24.0) % 7, "c": values})
    design = bm.prepare("y ~ c", data).design
    with pytest.raises(bm.BayesmixError, match="Unknown category") as caught:
        design.at(data.assign(c=LONG))
    assert len(str(caught.value)) < 420


# --- fuzzing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "fits"), [(60, 1), pytest.param(1500, 150, marks=pytest.mark.slow)]
)
def test_frames_of_all_dtypes(count, fits):
    tally = run(seed=20261126, count=count, fits=fits)
    assert not tally.faults, "\n".join(tally.faults[:5])
    assert tally.prepared > count / 3
    assert tally.fits >= fits / 2
