"""A share of the hostile calls of `tests/fuzzing/calls.py`, with a fixed seed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import bayesmix as bm
from fuzzing import calls
from fuzzing.hostile import VALUES

pytestmark = pytest.mark.filterwarnings("ignore")


def told(problems: list[calls.Problem]) -> str:
    return "\n".join(f"{one.call}\n    {one.kind}\n{one.trace}" for one in problems)


def test_some_calls():
    problems = calls.run(seed=20, count=150)
    assert not problems, told(problems)


@pytest.mark.slow
def test_many_calls():
    problems = calls.run(seed=21, count=1000)
    assert not problems, told(problems)


def test_what_it_tells(tmp_path, monkeypatch):
    """A generator that finds nothing must be one that could."""
    fit = calls.frame()

    def careless(*, value=None):
        if isinstance(value, str):
            raise KeyError(value)
        if isinstance(value, float):
            np.float64(1) / np.float64(0)
        if isinstance(value, list):
            fit.loc[0, "x"] += 1.0
        if isinstance(value, dict):
            raise bm.BayesmixError("")
        return 1

    call = calls.Call(
        "careless", careless, {"value": fit}, tuple(inspect.signature(careless).parameters.values())
    )

    def only(name):
        class Random:
            def choice(self, options):
                return 1 if options[0] == 1 else name if name in options else options[0]

            def random(self):
                return 0.5

        return calls.attempt(call, Random())[1]

    assert only("factor").kind == "KeyError: 'g'"
    assert only("inf").kind.startswith("warning: divide by zero")
    assert only("names").kind.startswith("changed")
    assert only("dict").kind == "message of 0 characters"
    assert only("None") is None


def test_every_public_call_is_made(tmp_path):
    made = {call.name for call in calls.calls(str(tmp_path))}
    public = {
        name
        for name in bm.__all__
        if not name.endswith(("Error", "Warning")) and name not in calls.MADE
    }
    methods = {
        f"MixedFit.{name}"
        for name, value in vars(bm.MixedFit).items()
        if name[0] != "_" and inspect.isfunction(value)
    }
    assert public | methods <= made
    assert len(VALUES) > 100


# What may come without its name: what the call is about.
FIRST = {
    "simulate": ("n_groups", "n_per_group"),
    "fit": ("formula", "data"),
    "prepare": ("formula", "data"),
    "get_family": ("family", "link"),
    "simulate_from": ("fit", "data"),
    "power": ("simulation", "formula", "statement"),
    "datagrid": ("fit_or_data", "columns"),
}


def test_all_other_arguments_are_given_by_name(tmp_path):
    for call in calls.calls(str(tmp_path)):
        by_place = [p.name for p in call.parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if call.name in FIRST:
            assert tuple(by_place) == FIRST[call.name]
        else:
            assert len(by_place) <= 1, call.name
