"""A share of the damaged files of `tests/fuzzing/files.py`, with a fixed seed."""

from __future__ import annotations

import os

import pytest

from fuzzing import files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="memory is measured as on Unix")


def faults(seed: int, count: int) -> list[str]:
    return [
        f"{number} ({trial.how}): {trial.fault}"
        for number, _, trial in files.run(seed, count)
        if trial.fault
    ]


def test_a_few_damaged_files():
    assert not faults(seed=20261126, count=40)


@pytest.mark.slow
def test_many_damaged_files():
    assert not faults(seed=20261127, count=800)
