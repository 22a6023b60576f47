"""Rows that are not in memory: the same model as that of the frame, in parts."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

import bayesmix as bm
from bayesmix.design.totals import ABSENT
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.target import Target
from bayesmix.streams import encoding, facts, parquet
from rows_on_disk import (
    assert_same_model,
    quietly,
    rows,
    with_gaps,
    written,
)

MODELS = {
    "slopes": ("y ~ x + (1 + x | school)", {}),
    "without an intercept": ("y ~ 0 + f + z + (1 | item)", {}),
    "no groups": ("y ~ x * f", {}),
    "nested": ("y ~ x + (1 | school/pupil)", {}),
    "crossed": ("y ~ z + (1 + z | school) + (1 | item) + (1 | pupil)", {}),
    "uncorrelated": ("y ~ z + (z || school)", {}),
    "cells": ("y ~ 1 + (0 + f | school)", {}),
    "categories": ("y ~ f + t + C(year) + is_on + (f | item)", {}),
    "contrasts": ("y ~ C(t, Helmert) + C(f, Treatment('mid')) + (1 | year)", {}),
    "weights": ("y ~ x + (x | school)", {"weights": "w"}),
    "offset": ("y ~ x + offset(exposure) + (1 | school)", {}),
    "known errors": ("y ~ z + (1 | item)", {"se": "se"}),
    "scaled": ("y ~ scale(x) + center(z) + (scale(x) | school)", {}),
    "means": ("y ~ I(x - np.mean(x)) + I(z / z.max()) + (1 | school)", {}),
    "within each other": ("y ~ scale(log(x)) + center(scale(x) ** 2) + (1 | item)", {}),
    "function of the response": ("log(y) ~ x + (1 | item)", {}),
    "powers": ("y ~ poly(x, 2, raw=True) + (1 | item)", {}),
    "interaction": ("y ~ x:t + (1 | t:f)", {}),
}


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_the_model_is_that_of_the_frame(model, gaps, tmp_path):
    formula, options = MODELS[model]
    data = with_gaps(rows()) if gaps else rows()
    streamed = quietly(bm.prepare, formula, written(data, tmp_path), **options)
    assert_same_model(streamed, quietly(bm.prepare, formula, data, **options))


@pytest.mark.parametrize(
    "model", ["slopes", "crossed", "weights", "offset", "scaled", "known errors"]
)
def test_the_density_is_that_of_the_frame(model, tmp_path):
    formula, options = MODELS[model]
    data = rows()
    streamed = quietly(bm.prepare, formula, written(data, tmp_path), **options)
    whole = quietly(bm.prepare, formula, data, **options)
    one, two = Target.of(streamed, map), Target.of(whole, map)
    x = two.space.candidates(np.random.default_rng(1), 20)
    np.testing.assert_allclose(one(x), two(x), rtol=1e-9, atol=1e-6)


def test_levels_beyond_signed_numbers(tmp_path):
    data = rows()
    data["school"] = pd.factorize(data["school"])[0].astype(np.uint64) + np.uint64(2**63)
    streamed = quietly(bm.prepare, "y ~ x + (1 | school)", written(data, tmp_path))
    assert_same_model(streamed, quietly(bm.prepare, "y ~ x + (1 | school)", data))


def test_columns_of_huge_and_tiny_numbers_have_the_same_units(tmp_path):
    data = rows()
    data["x"] *= 1e40
    data["y"] *= 1e-30
    data["w"] *= 1e35
    formula, options = MODELS["weights"]
    streamed = quietly(bm.prepare, formula, written(data, tmp_path), **options)
    whole = quietly(bm.prepare, formula, data, **options)
    assert_same_model(streamed, whole)
    one, two = marginal_of(streamed), marginal_of(whole)
    assert not one.units.are_one
    assert one.units.response == two.units.response
    space = Target.of(whole, map)
    x = space.space.candidates(np.random.default_rng(1), 20)
    np.testing.assert_allclose(Target.of(streamed, map)(x), space(x), rtol=1e-9, atol=1e-6)


def test_batches_change_nothing(tmp_path, monkeypatch):
    data = with_gaps(rows())
    formula = MODELS["crossed"][0]
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 37)
    monkeypatch.setattr(encoding, "CELLS", 50)
    monkeypatch.setattr(encoding, "LEAST_ROWS", 5)
    streamed = quietly(bm.prepare, formula, written(data, tmp_path), weights="w")
    assert_same_model(streamed, quietly(bm.prepare, formula, data, weights="w"))


@pytest.mark.parametrize("model", ["nested", "crossed", "categories", "within each other"])
def test_few_rows_stand_for_all(model, tmp_path, monkeypatch):
    formula, options = MODELS[model]
    data = with_gaps(rows())
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 37)
    monkeypatch.setattr(facts, "HEAD", 3)
    streamed = quietly(bm.prepare, formula, written(data, tmp_path), **options)
    assert len(streamed.design.totals.rows) < 200
    assert_same_model(streamed, quietly(bm.prepare, formula, data, **options))


def test_paths_folders_lists_and_datasets_are_the_same_rows(tmp_path):
    data = rows()
    pattern = written(data, tmp_path)
    files = sorted(map(str, tmp_path.glob("*.parquet")))
    whole = bm.prepare("y ~ x + (1 | school)", data)
    dataset = ds.dataset(files, format="parquet")
    for given in (pattern, tmp_path, str(tmp_path), files, tuple(tmp_path.iterdir()), dataset):
        assert_same_model(bm.prepare("y ~ x + (1 | school)", given), whole)
    one = tmp_path / "part-0.parquet"
    first = bm.prepare("y ~ x + (1 | school)", str(one))
    assert_same_model(first, bm.prepare("y ~ x + (1 | school)", pd.read_parquet(one)))


def test_a_dataset_with_a_filter_and_one_in_memory(tmp_path):
    data = rows()
    written(data, tmp_path)
    chosen = ds.dataset(tmp_path).filter(ds.field("year") > 2000)
    whole = bm.prepare("y ~ x + (1 | school)", data[data["year"] > 2000])
    assert_same_model(bm.prepare("y ~ x + (1 | school)", chosen), whole)
    table = ds.dataset(pa.Table.from_pandas(data, preserve_index=False))
    whole = bm.prepare("y ~ x + f + (1 | school)", data)
    assert_same_model(bm.prepare("y ~ x + f + (1 | school)", table), whole)


def test_folders_by_a_column_are_read_with_it(tmp_path):
    data = rows()
    pq.write_to_dataset(pa.Table.from_pandas(data, preserve_index=False), tmp_path, ["year"])
    assert_same_model(
        bm.prepare("y ~ x + C(year) + (1 | school)", tmp_path),
        bm.prepare("y ~ x + C(year) + (1 | school)", data),
    )


def test_whole_numbers_in_one_file_and_others_in_the_next(tmp_path):
    data = rows()
    data.iloc[:300].to_parquet(tmp_path / "a.parquet")
    data.iloc[300:].assign(z=data["z"] + 0.5).to_parquet(tmp_path / "b.parquet")
    both = data.assign(z=np.where(np.arange(N := len(data)) < N // 2, data["z"], data["z"] + 0.5))
    assert_same_model(
        bm.prepare("y ~ z + (1 | school)", tmp_path), bm.prepare("y ~ z + (1 | school)", both)
    )


def test_dropped_rows_are_told_of_and_may_be_refused(tmp_path):
    pattern = written(with_gaps(rows()), tmp_path)
    with pytest.warns(bm.DesignWarning, match=r"of 600 rows have missing values, in 'y' \(\d+\)"):
        bm.prepare("y ~ x + (1 | school)", pattern)
    with pytest.raises(bm.BayesmixError, match="missing='drop'"):
        bm.prepare("y ~ x + (1 | school)", pattern, missing="raise")


def test_columns_that_say_nothing_are_told_of(tmp_path):
    data = rows().assign(one=3.0)
    data["double"] = 2 * data["x"] + 1
    data["row"] = np.arange(len(data))
    pattern = written(data, tmp_path)
    with pytest.warns(bm.DesignWarning) as told:
        bm.prepare("y ~ x + one + double + (1 | row)", pattern)
    texts = " ".join(str(one.message) for one in told)
    assert "'one' is constant (3 in every row)" in texts
    assert "'double' is a linear combination" in texts
    assert "'row' has 600 levels" in texts


def test_draws_are_those_of_the_frame_up_to_rounding(tmp_path):
    data = bm.load_dataset("sleepstudy")
    data.to_parquet(tmp_path / "rows.parquet", row_group_size=50)
    formula = "Reaction ~ Days + (Days | Subject)"
    options = {"random_seed": 1, "draws": 200, "progressbar": False}
    streamed = bm.fit(formula, tmp_path / "rows.parquet", **options)
    whole = bm.fit(formula, data, **options)
    for name in ("beta", "sd_Subject", "u_Subject", "sigma"):
        one, two = streamed.posterior[name], whole.posterior[name]
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-5)
    assert streamed.ranef(add_group_N=True)["n"].eq(10).all()
    new = data.head(3)
    np.testing.assert_allclose(streamed.epred(new), whole.epred(new), rtol=1e-6)
    split = streamed.uncorrelated()
    assert split.design.formula.text == "Reaction ~ Days + (Days || Subject)"


def test_unusual_types_are_those_of_the_frame(tmp_path):
    data = rows()
    n = len(data)
    rng = np.random.default_rng(3)
    day = pd.Series(pd.date_range("2024-01-01", periods=7).date[rng.integers(0, 7, n)])
    table = pa.table(
        {
            "y": data["y"],
            "float32": pa.array(data["x"], pa.float32()),
            "whole": pa.array(np.where(np.arange(n) % 50, data["z"], -1), pa.int8()),
            "gaps": pa.array([None if k % 60 == 0 else k % 7 for k in range(n)], pa.int64()),
            "flag": pa.array([None if k % 90 == 0 else k % 3 == 0 for k in range(n)], pa.bool_()),
            "day": pa.array(day, pa.date32()),
            "moment": pa.array(pd.to_datetime(day), pa.timestamp("us")),
            "text": pa.array(data["t"], pa.large_string()),
            "code": pa.array(data["pupil"].astype(str)).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=100)
    formula = "y ~ float32 + whole + flag + text + code + (1 | day) + (1 + float32 | gaps)"
    for one in (formula, "y ~ gaps + (1 | moment) + (1 | code:text)"):
        streamed = quietly(bm.prepare, one, tmp_path)
        assert_same_model(streamed, quietly(bm.prepare, one, table))


def test_sums_are_the_same_to_the_bit_with_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 97)
    written(with_gaps(rows()), tmp_path)
    formula, threads, found = "y ~ x + t + (x | school) + (1 | item)", pa.cpu_count(), []
    try:
        for count in (1, 2, 5):
            pa.set_cpu_count(count)
            found.append(quietly(bm.prepare, formula, tmp_path, weights="w").design.totals.products)
    finally:
        pa.set_cpu_count(threads)
    for other in found[1:]:
        assert (other.corner == found[0].corner).all()
        for one, two in zip(
            other.diagonal + other.border, found[0].diagonal + found[0].border, strict=True
        ):
            assert (one == two).all()


def test_a_model_without_rows_pickles_and_copies(tmp_path):
    spec = bm.prepare("y ~ x + (1 | school)", written(rows(), tmp_path))
    for again in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec)):
        assert again.design.y is ABSENT
        assert_same_model(again, bm.prepare("y ~ x + (1 | school)", rows()))


@pytest.mark.parametrize(
    "use",
    [
        len,
        np.asarray,
        np.sum,
        lambda y: y[0],
        lambda y: y.shape,
        lambda y: y + 1,
        lambda y: np.ones(3) - y,
        lambda y: y == 0,
        lambda y: y < 0,
        lambda y: list(y),
        lambda y: y @ y,
        lambda y: pd.Series(y),
        lambda y: -y,
        bool,
    ],
)
def test_whoever_looks_at_absent_rows_is_told(use):
    with pytest.raises(bm.BayesmixError, match="rows of this fit are not in memory"):
        use(ABSENT)


def test_codes_with_fractions_are_levels_where_rows_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "HEAD", 3)
    data = rows().assign(code=np.arange(600) // 5 / 2)
    formula, options = "y ~ x + (1 | code)", {"draws": 100, "random_seed": 1, "progressbar": False}
    whole = quietly(bm.prepare, formula, data)
    fit = quietly(bm.fit, formula, written(data, tmp_path), **options)
    fit.save(tmp_path / "fit")
    for spec in (fit.spec, bm.load(tmp_path / "fit").spec):
        assert_same_model(spec, whole)
    measured = data.assign(code=data["x"])
    with pytest.raises(bm.BayesmixError, match=r"600 different ones in 600 rows, so it looks cont"):
        bm.prepare(formula, written(measured, tmp_path))
