"""Rows with levels that no row before them has, whatever parts they come in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmix.streams import facts, seen
from bayesmix.streams.facts import FactSums, Plan
from bayesmix.streams.seen import Seen

COLUMNS = {
    "small": lambda rng, n: rng.integers(0, 30, n),
    "bytes": lambda rng, n: rng.integers(0, 200, n).astype(np.uint8),
    "below zero": lambda rng, n: rng.integers(-20, 20, n).astype(np.int16),
    "growing": lambda rng, n: 10**6 - np.arange(n) // 3,
    "huge": lambda rng, n: rng.integers(0, 9, n) * 10**15,
    "beyond int64": lambda rng, n: rng.integers(0, 9, n).astype(np.uint64) + np.uint64(2**63),
    "text": lambda rng, n: rng.choice(list("abcdefg"), n),
    "fractions": lambda rng, n: rng.integers(0, 9, n) / 2,
    "truth": lambda rng, n: rng.random(n) < 0.5,
}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_first_row_of_each_level_is_kept(name, monkeypatch):
    monkeypatch.setattr(facts, "HEAD", 0)
    n = 300
    values = COLUMNS[name](np.random.default_rng(2), n)
    frame = pd.DataFrame({"g": values, "row": np.arange(n)})
    sums = FactSums(Plan(("g", "row"), (("g",),), frozenset(), frozenset(), ()))
    for start in range(0, n, 40):
        sums.add(frame[start : start + 40].reset_index(drop=True))
    found = sums.total()
    assert found.n_rows == found.n_kept == n
    expected = frame[~frame["g"].duplicated()]
    assert found.rows["row"].tolist() == expected["row"].tolist()
    assert found.rows["g"].tolist() == expected["g"].tolist()


def test_the_first_rows_are_kept_once(monkeypatch):
    monkeypatch.setattr(facts, "HEAD", 50)
    frame = pd.DataFrame({"g": np.arange(300) % 7, "row": np.arange(300)})
    sums = FactSums(Plan(("g", "row"), (("g",),), frozenset(), frozenset(), ()))
    for start in range(0, 300, 40):
        sums.add(frame[start : start + 40].reset_index(drop=True))
    assert sums.total().rows["row"].tolist() == list(range(50))


def test_numbers_that_become_too_far_apart_for_a_table(monkeypatch):
    monkeypatch.setattr(seen, "_PLACES", 100)
    known = Seen()
    parts = [[5, 6, 5], [50, 6, 7], [500, 5, 500], [7, 8, 8]]
    marks = [known.new(pd.DataFrame({"g": part}), ("g",)).tolist() for part in parts]
    assert marks[:2] == [[True, True, False], [True, False, True]]
    assert marks[2] == [True, True, False]  # of this part alone
    assert marks[3] == [False, True, False]
