"""Rows of a Dask DataFrame: the same sums, whoever computes them."""

from __future__ import annotations

import os
import signal

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from rows_on_disk import assert_same_model, quietly, rows, with_gaps

dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

FORMULAS = (
    "y ~ x + f + t + C(year) + (1 + x | school)",
    "y ~ scale(x) + (1 | school/pupil) + (1 | item)",
)


@pytest.fixture(autouse=True)
def _few_warnings():
    with dask.config.set({"dataframe.convert-string": False}):
        yield


@pytest.mark.parametrize("formula", FORMULAS)
def test_partitions_are_summed_as_the_frame(formula):
    data = with_gaps(rows())
    frame = dd.from_pandas(data, npartitions=7)
    streamed = quietly(bm.prepare, formula, frame, weights="w")
    assert_same_model(streamed, quietly(bm.prepare, formula, data, weights="w"))


def test_text_of_pyarrow_and_categories_that_a_partition_lacks():
    data = rows().sort_values("f", ignore_index=True)
    with dask.config.set({"dataframe.convert-string": True}):
        frame = dd.from_pandas(data, npartitions=5)
        streamed = quietly(bm.prepare, FORMULAS[0], frame)
    assert_same_model(streamed, quietly(bm.prepare, FORMULAS[0], data))


def test_a_partition_with_another_type_is_named():
    def part(k):
        data = rows()[100 * k : 100 * k + 100]
        return data.assign(x=data["x"].astype(str)) if k == 2 else data

    frame = dd.from_map(part, range(4), meta=rows()[:0])
    with pytest.raises(bm.BayesmixError, match=r"Partition 2: column 'x' holds text.*numbers"):
        bm.prepare("y ~ x + (1 | school)", frame)


@pytest.mark.parametrize("row", [7, 420])
def test_bad_values_are_named_with_their_partition_and_row(row):
    data = rows()
    data.loc[row, "x"] = -1.0
    frame = dd.from_map(lambda k: data[100 * k : 100 * k + 100], range(6), meta=data[:0])
    words = rf"^Partition {row // 100}: 'log\(x\)' is infinite.* in row {row % 100} \(counted"
    with pytest.raises(bm.BayesmixError, match=words):
        bm.prepare("y ~ log(x) + (1 | school)", frame)


def test_a_partition_that_cannot_be_made():
    def part(k):
        if k == 1:
            raise OSError("the disk is gone")
        return rows()

    frame = dd.from_map(part, range(3), meta=rows()[:0])
    with pytest.raises(bm.BayesmixError, match=r"OSError: the disk is gone.*Nothing was fitted"):
        bm.prepare("y ~ x + (1 | school)", frame)


def test_empty_partitions_count_for_nothing():
    frame = dd.from_map(lambda k: rows()[: 600 * (k % 2)], range(4), meta=rows()[:0])
    both = pd.concat([rows(), rows()], ignore_index=True)
    assert_same_model(
        bm.prepare("y ~ x + (1 | school)", frame), bm.prepare("y ~ x + (1 | school)", both)
    )


def test_families_that_need_rows_are_told_to_compute():
    frame = dd.from_pandas(rows(), npartitions=2)
    with pytest.raises(bm.BayesmixError, match=r"frame\.compute\(\)"):
        bm.prepare("is_on ~ x", frame, family="bernoulli")


@pytest.fixture
def cluster(tmp_path):
    options = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": None,
        "local_directory": str(tmp_path),
    }
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(**options) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_workers_make_the_same_sums_and_draws(cluster):
    data = with_gaps(rows())
    frame = dd.from_pandas(data, npartitions=9)
    for formula in FORMULAS:
        streamed = quietly(bm.prepare, formula, frame, weights="w")
        assert_same_model(streamed, quietly(bm.prepare, formula, data, weights="w"))
    options = {"random_seed": 1, "draws": 100, "progressbar": False}
    one = quietly(bm.fit, "y ~ x + (1 | school)", frame, **options)
    two = quietly(bm.fit, "y ~ x + (1 | school)", data, **options)
    np.testing.assert_allclose(one.posterior["beta"], two.posterior["beta"], rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_dies_once_changes_nothing(cluster, tmp_path):
    flag = tmp_path / "died"

    def part(k):
        if k == 3 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return rows()[100 * k : 100 * k + 100]

    frame = dd.from_map(part, range(6), meta=rows()[:0])
    streamed = quietly(bm.prepare, "y ~ x + (1 | school)", frame)
    assert flag.exists()
    assert_same_model(streamed, bm.prepare("y ~ x + (1 | school)", rows()))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_workers_that_die_each_time_are_an_error(cluster):
    def part(k):
        if k == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return rows()[100 * k : 100 * k + 100]

    frame = dd.from_map(part, range(3), meta=rows()[:0])
    with pytest.raises(bm.BayesmixError, match=r"KilledWorker.*Nothing was fitted.*Workers died"):
        bm.prepare("y ~ x + (1 | school)", frame)
