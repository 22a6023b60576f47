"""Lines on standard error while something takes long."""

from __future__ import annotations

import io
import sys
import time

import pytest

import bayesmix as bm
from bayesmix.base.waiting import heartbeat


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr("bayesmix.base.waiting.FIRST", 0.05)


def wait_for(capsys, words: str) -> str:
    """Read standard error until some words are there."""
    text, end = "", time.monotonic() + 30
    while words not in text and time.monotonic() < end:
        time.sleep(0.01)
        text += capsys.readouterr().err
    return text


def test_lines_say_what_goes_on_and_for_how_long(soon, capsys):
    with heartbeat("Counting") as tell:
        first = wait_for(capsys, "so far")
        tell("Counting on, 50 %")
        second = wait_for(capsys, "50 %")
    assert first.startswith("Counting, 0 s so far\n")
    assert "Counting on, 50 %, " in second
    time.sleep(0.2)
    assert capsys.readouterr().err.count("\n") <= 1


def test_nothing_is_said_of_what_is_soon_done(capsys):
    with heartbeat("Counting"):
        pass
    assert capsys.readouterr().err == ""


def test_an_error_stops_it(soon):
    def fail():
        with heartbeat("Counting"):
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fail()


def test_a_closed_standard_error_is_no_error(soon, monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with heartbeat("Counting"):
        time.sleep(0.2)


@pytest.mark.slow
def test_a_long_fit_speaks_where_no_bar_can_be_drawn(soon, capsys):
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    options = {"draws": 60_000, "chains": 2, "random_seed": 1}
    bm.fit(formula, data, **options)
    captured = capsys.readouterr()
    assert "s so far" in captured.err
    assert captured.out == ""
    bm.fit(formula, data, progressbar=False, **options)
    assert capsys.readouterr().err == ""
