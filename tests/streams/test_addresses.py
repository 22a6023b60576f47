"""Addresses where paths are read: what is said, and that what it says to do works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

import pyarrow.dataset as ds

import bayesmix as bm
from rows_on_disk import assert_same_model, rows, written

FORMULA = "y ~ x + (1 | school)"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("s3://bucket/x.parquet", "data = pyarrow.dataset.dataset('s3://bucket/x.parquet', format"),
        ("s3://bucket/folder", "data = pyarrow.dataset.dataset('s3://bucket/folder', format"),
        (Path("s3://bucket/x.parquet"), "pyarrow.dataset.dataset('s3://bucket/x.parquet', format"),
        (["gs://b/a.parquet", "gs://b/b.parquet"], "pyarrow.dataset.dataset('gs://b/a.parquet', f"),
        ("s3://b/*.parquet", "fsspec.filesystem('s3'); data = pyarrow.dataset.dataset(store.glob("),
        (
            "https://host/x.parquet",
            "store = fsspec.filesystem('https'); data = pyarrow.dataset",
        ),
    ],
)
def test_addresses_are_told_how_to_be_opened(given, words):
    with pytest.raises(bm.BayesmixError, match=re.escape(words)):
        bm.prepare(FORMULA, given)


def test_addresses_of_other_files_are_told_what_reads_them():
    with pytest.raises(bm.BayesmixError, match=r"pd\.read_csv\('https://host/x\.csv'\)"):
        bm.prepare(FORMULA, "https://host/x.csv")


def advised(message, names):
    """Do what a message says."""
    _, _, statements = message.partition("give the dataset: ")
    exec(statements.partition(" Keys and")[0].rstrip("."), names)
    return names["data"]


def test_what_is_said_to_do_works_for_paths_with_a_scheme(tmp_path):
    import pyarrow

    data = rows()
    written(data, tmp_path)
    with pytest.raises(bm.BayesmixError) as error:
        bm.prepare(FORMULA, f"file://{tmp_path}")
    dataset = advised(str(error.value), {"pyarrow": pyarrow})
    assert_same_model(bm.prepare(FORMULA, dataset), bm.prepare(FORMULA, data))


def test_what_is_said_to_do_works_for_stores_of_fsspec():
    import pyarrow

    fsspec = pytest.importorskip("fsspec")
    data, store = rows(), fsspec.filesystem("memory")
    for k in range(3):
        with store.open(f"/rows/{k}.parquet", "wb") as file:
            data[200 * k : 200 * k + 200].to_parquet(file)
    with pytest.raises(bm.BayesmixError) as error:
        bm.prepare(FORMULA, "memory://rows/*.parquet")
    dataset = advised(str(error.value), {"pyarrow": pyarrow, "fsspec": fsspec})
    assert isinstance(dataset, ds.Dataset)
    assert_same_model(bm.prepare(FORMULA, dataset), bm.prepare(FORMULA, data))
