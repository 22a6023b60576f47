"""Sums in files: what is not as it was written is damage."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import bayesmix as bm
from bayesmix.storage.archive import Damaged
from bayesmix.storage.totals import plain_totals, restore_states, restore_totals
from bayesmix.streams.more_rows import forgetting_rows
from bayesmix.streams.teaching import taught_by
from rows_on_disk import quietly, rows


@pytest.fixture(scope="module")
def stored():
    spec = quietly(bm.prepare, "y ~ z + (1 + z | school) + (1 | item)", rows())
    spec = forgetting_rows(spec, "a file", "nothing")
    totals = spec.design.totals
    return plain_totals(totals), taught_by(spec, totals.rows, totals.states, 600)


def test_what_was_written_is_read(stored):
    plain, taught = stored
    design = restore_totals(plain, taught, {})
    assert design.n_rows == 600
    np.testing.assert_array_equal(design.totals.products.corner, plain["products"]["corner"])


def changed(plain, *path, by):
    plain = copy.deepcopy(plain)
    place = plain
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = by(place[path[-1]])
    return plain


CHANGES = {
    "another number of rows": (("columns", "n_rows"), lambda n: n + 1),
    "no rows": (("columns", "n_rows"), lambda n: 0),
    "a sum that is no number": (("columns", "total"), lambda v: v * np.nan),
    "sums of fewer columns": (("columns", "products"), lambda v: v[1:, 1:]),
    "counts of more rows": (("levels", 0, "counts"), lambda v: v + 1),
    "a level without rows": (("levels", 0, "counts"), lambda v: v - v.min()),
    "fewer factors": (("levels",), lambda v: v[:1]),
    "no weight": (("weight",), lambda v: -v),
    "products of fewer levels": (("products", "diagonal"), lambda v: (v[0][1:], *v[1:])),
    "products of whole numbers": (("products", "corner"), lambda v: v.astype(np.int64)),
    "a level that is not there": (("products", "cross", 0, "row"), lambda v: v + 1),
    "pairs in another order": (("products", "cross", 0, "column"), lambda v: v[::-1].copy()),
    "no pair of factors": (("products", "cross"), lambda v: []),
    "another reference": (("reference", "Z"), lambda v: v[:1]),
    "nothing": (("products",), lambda v: None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_as_it_was_written_is_damage(change, stored):
    plain, taught = stored
    path, by = CHANGES[change]
    with pytest.raises(Damaged):
        restore_totals(changed(plain, *path, by=by), taught, {})


@pytest.mark.parametrize("states", [{"f": (1.0, 2.0, 3.0)}, {"f": ("x",)}, {"f": 1.0}, [1.0]])
def test_states_are_one_number_or_two(states):
    with pytest.raises(Damaged):
        restore_states(states)
