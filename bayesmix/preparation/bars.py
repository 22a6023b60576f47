"""The bars of a formula by grouping factor, each effect once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bayesmix.base.errors import BayesmixError, short
from bayesmix.encoding.effects import Effects
from bayesmix.formula.formula import Bar, Formula
from bayesmix.formula.rewrites import read_sum

__all__ = ["distinct_bars", "merge_bars"]


def distinct_bars(formula: Formula) -> tuple[tuple[Bar, ...], tuple[str, ...]]:
    """Leave out bars that stand in the formula twice, and say so."""
    bars: dict[Any, Bar] = {}
    notes = {}
    for bar in formula.bars:
        own = bar.plain() if bar.effects == "1" else bar
        key = (frozenset(bar.factor), dataclasses.replace(own, factor=()))
        if key in bars:
            notes[key] = (
                f"{bar} is in the formula twice (a/b stands for a and a:b). It is used once; "
                "remove the other."
            )
        bars.setdefault(key, bar)
    return tuple(bars.values()), tuple(notes.values())


def merge_bars(bars: Sequence[Bar], effects: Mapping[str, Effects]) -> list[tuple[Bar, ...]]:
    """Collect the bars of each grouping factor, the one with the intercept first.

    Bars with the same id follow each other.
    """
    factors: dict[frozenset[str], list[Bar]] = {}
    for bar in bars:
        factors.setdefault(frozenset(bar.factor), []).append(bar)
    merged = []
    for same in factors.values():
        seen: dict[str, Bar] = {}
        for bar in same:
            for label in effects[bar.effects].labels:
                if label in seen:
                    raise _repeated_effect(label, seen[label], bar)
                seen[label] = bar
        same.sort(key=lambda bar: "Intercept" not in effects[bar.effects].labels)
        ids = [bar.id or k for k, bar in enumerate(same)]
        same = [same[k] for k in sorted(range(len(same)), key=lambda k: ids.index(ids[k]))]
        merged.append(tuple(same))
    return merged


def _repeated_effect(label: str, first: Bar, second: Bar) -> BayesmixError:
    factor = ":".join(first.factor)
    what = "The intercept" if label == "Intercept" else f"The effect '{label}'"
    one, other = read_sum(first.effects), read_sum(second.effects)
    both = dataclasses.replace(one.plus(other.terms), intercept=one.intercept or other.intercept)
    together = dataclasses.replace(first, effects=str(both))
    correlated, without = together.plain(), together.uncorrelated()
    rewrite = f"Write {correlated} for correlated effects, {without} without."
    return BayesmixError(
        f"{what} varies by '{factor}' in two bars, {short(str(first), 160)} and "
        f"{short(str(second), 160)}, and the data cannot tell them apart; x in a bar stands for "
        f"1 + x. {rewrite}"
    )
