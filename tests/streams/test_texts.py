"""Text of batches as codes that stay the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa

import bayesmix as bm
from bayesmix.streams import parquet
from bayesmix.streams.arrow import Texts, as_pandas
from bayesmix.streams.seen import Seen
from rows_on_disk import assert_same_model, quietly, rows, written


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
def test_texts_are_coded_as_they_come(kind):
    rng = np.random.default_rng(3)
    texts = Texts()
    parts = [[None, None], ["b", None, "a", "b"], [], ["a", "", "c", None], ["b", "a"]]
    parts.append(rng.choice(["a", "c", "d", "Ä", "b"], 50).tolist())
    met: list[str] = []
    for part in parts:
        halves = [pa.array(half, kind) for half in (part[:2], part[2:])]
        table = pa.table({"t": pa.chunked_array(halves), "x": np.arange(len(part))})
        frame = as_pandas(table, ["x", "t"], texts)
        met = list(dict.fromkeys([*met, *(one for one in part if one is not None)]))
        assert frame["t"].cat.categories.tolist() == met
        assert [one if isinstance(one, str) else None for one in frame["t"]] == part
        assert frame["x"].tolist() == list(range(len(part)))


def test_categories_are_made_once_while_no_text_is_new():
    texts = Texts()
    first, second = (texts.coded("t", pa.chunked_array([list(part)])) for part in ("abc", "cba"))
    assert first.cat.categories is second.cat.categories


def test_the_first_row_of_each_category_is_new_whatever_its_code():
    seen = Seen()
    parts = [
        (pd.Categorical(["a", "b", "a"], ["b", "a", "z"]), [True, True, False]),
        (pd.Categorical(["c", "a", "c"], ["a", "c"]), [True, False, False]),
        (pd.Categorical(["z", "z", "b"], ["z", "b", "c"]), [True, False, False]),
        (pd.Categorical([], []), []),
    ]
    for column, expected in parts:
        frame = pd.DataFrame({"t": column})
        assert seen.new(frame, ("t",)).tolist() == expected
        assert not seen.new(frame, ("t",)).any()


def test_levels_that_come_late(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 37)
    data = rows().sort_values("school", ascending=False, ignore_index=True)
    formula = "y ~ x + (1 | school) + (1 | t:school)"
    streamed = quietly(bm.prepare, formula, written(data, tmp_path))
    assert_same_model(streamed, quietly(bm.prepare, formula, data))
