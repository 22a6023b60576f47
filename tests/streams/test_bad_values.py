"""Values in files that no model can have: errors that name the file and the row."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import bayesmix as bm
from bayesmix.streams import parquet
from rows_on_disk import assert_same_model, quietly, rows, written

FORMULA = "y ~ x + f + (1 | school)"


BAD = {
    "infinite": ("x", np.inf, FORMULA, {}, "'x' is infinite or not a number in row"),
    "response": ("y", -np.inf, FORMULA, {}, "Response 'y' is infinite or not a number in row"),
    "offset": ("exposure", np.inf, "y ~ offset(exposure)", {}, r"'offset\(exposure\)' is infinite"),
    "logarithm": ("x", -1.0, "y ~ log(x)", {}, r"'log\(x\)' is infinite.* values above 0"),
    "level": (
        "exposure",
        np.inf,
        "y ~ (1 | exposure)",
        {},
        "Grouping factor 'exposure' is infinite",
    ),
    "negative weight": ("w", -1.0, FORMULA, {"weights": "w"}, "column 'w' has -1 in row"),
    "no weight": (
        "w",
        0.0,
        FORMULA,
        {"weights": "w"},
        "positive and finite; column 'w' has 0 in row",
    ),
    "infinite weight": ("w", np.inf, FORMULA, {"weights": "w"}, "column 'w' has inf in row"),
    "standard error": ("se", 0.0, FORMULA, {"se": "se"}, "Column 'se' has 0 in row"),
}


@pytest.mark.parametrize("row", [5, 597])
@pytest.mark.parametrize("bad", BAD)
def test_bad_values_are_named_with_their_file_and_row(tmp_path, monkeypatch, bad, row):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 37)
    name, value, formula, options, words = BAD[bad]
    data = rows().assign(exposure=np.arange(600) % 6 / 2)
    data.loc[[1, 480], "y"] = None  # rows that are dropped are counted
    data.loc[row, name] = value
    pattern = written(data, tmp_path)
    with pytest.raises(bm.BayesmixError, match=words) as error:
        quietly(bm.prepare, formula, pattern, **options)
    file, place = divmod(row, 150)
    said = str(error.value)
    assert said.startswith(f"'{tmp_path / f'part-{file}.parquet'}': ")
    assert f"in row {place} (counted from 0). " in said
    assert said.count(str(tmp_path)) == 1


@pytest.mark.parametrize("row", [3, 450])
def test_bad_values_of_new_rows_are_named_with_their_row(row):
    from bayesmix.streams.more_rows import with_more_rows

    data = rows()
    spec = quietly(bm.prepare, FORMULA, data)
    changed = data.assign(x=data["x"].where(data.index != row, np.inf))
    changed = changed.set_index("school", drop=False)
    with pytest.raises(bm.BayesmixError, match=rf"^rows: 'x' is infinite.* in row {row} \(counted"):
        with_more_rows(spec, changed, "drop", lambda *_: None)


@pytest.mark.parametrize("column", ["y", "exposure"])
def test_numbers_whose_squares_overflow_are_refused_without_a_warning(tmp_path, column):
    data = rows()
    data.loc[400, column] = 1e200
    with pytest.raises(bm.BayesmixError, match=r"size 1e200\. Sizes from 1e-140"):
        bm.prepare("y ~ x + offset(exposure) + (1 | school)", written(data, tmp_path))


def test_weights_of_text(tmp_path):
    pattern = written(rows(), tmp_path)
    with pytest.raises(
        bm.BayesmixError, match=r"column 't' holds text or categories. Make numbers"
    ):
        bm.prepare(FORMULA, pattern, weights="t")


def test_numbers_that_are_text_are_told_of(tmp_path):
    data = rows()
    data["x"] = data["x"].round(1).astype(str)
    pattern = written(data, tmp_path)
    with pytest.warns(bm.DesignWarning, match="Column 'x' holds numbers as text"):
        bm.prepare("y ~ x + (1 | school)", pattern)


def test_a_file_without_any_value_of_a_column_has_missing_values(tmp_path):
    data = rows()
    pattern = written(data, tmp_path)
    for k in (0, 3):
        part = data[150 * k : 150 * k + 150].assign(x=None, f=None)
        part.to_parquet(tmp_path / f"part-{k}.parquet")
    both = data.assign(x=data["x"].where((data.index >= 150) & (data.index < 450)))
    assert_same_model(quietly(bm.prepare, FORMULA, pattern), quietly(bm.prepare, FORMULA, both))


def test_whole_numbers_that_do_not_fit_are_told_of_by_column(tmp_path):
    data = rows()
    pattern = written(data, tmp_path)
    huge = data[450:].assign(z=np.arange(150, dtype=np.uint64) + np.uint64(2**64 - 200))
    huge.to_parquet(tmp_path / "part-3.parquet")
    with pytest.raises(bm.BayesmixError, match=r"part-3.*'z' is uint64 here and read as int64 bec"):
        bm.prepare("y ~ z + (1 | school)", pattern)
