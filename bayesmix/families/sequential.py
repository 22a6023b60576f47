"""Ordered categories that are reached one after the other: a binary outcome at each threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.ordinal import Ordinal, Sorted
from bayesmix.families.partials import Partials
from bayesmix.families.sides import SIDES
from bayesmix.families.supports import REAL
from bayesmix.families.values import Value

__all__ = ["sequential"]


def sequential(name: str, *, stops_below: bool) -> Ordinal:
    """Return the model in which a row stops at a threshold, or goes on.

    Parameters
    ----------
    name : str
    stops_below : bool
        Whether the link is that of the probability to stop, or else of that to go on.
    """

    def outcomes(distances: Value) -> tuple[Value, Value]:
        """To stop, and to go on."""
        if stops_below:
            return distances, distances.complement
        onwards = replace(distances, eta=-distances.eta)
        return onwards.complement, onwards

    def logs(distances: Value) -> Any:
        stop, onwards = outcomes(distances)
        of, passed = distances.functions, distances.functions.cumsum(onwards.log)
        after = stop.log[..., 1:] + passed[..., :-1]
        return of.joined([stop.log[..., :1], after, passed[..., -1:]])

    def log(at: Callable[[int], Value], k: int, n: int) -> Any:
        reached = sum((outcomes(at(j))[1].log for j in range(k)), np.zeros(()))
        return reached if k == n else reached + outcomes(at(k))[0].log

    def by_eta(link: str) -> tuple[Side, Side]:
        """Log probability to stop and to go on at distances, and derivatives by these."""
        success, failure = SIDES[link]
        return (success, failure) if stops_below else (_turned(failure), _turned(success))

    def partials(distances: Value) -> Partials:
        stop, onwards = (side(distances.eta)[1] for side in by_eta(distances.link.name))
        return Partials(below=stop, above=onwards, lower=np.zeros_like(stop), higher=onwards)

    def scores(rows: Sorted, link: str) -> tuple[FloatArray, FloatArray]:
        total, score = np.zeros(rows.eta.shape[1]), np.zeros_like(rows.eta)
        stop, onwards = by_eta(link)
        for k in range(len(rows.thresholds)):
            here, after = rows.starts[k], rows.starts[k + 1]
            for side, own in ((stop, slice(here, after)), (onwards, slice(after, None))):
                log, slope = side(rows.threshold(k, own) - rows.eta[own])
                total += log.sum(axis=0)
                rows.add(k, own, slope)
                score[own] -= slope
        return total, score

    return Ordinal(name, REAL, logs, partials, scores, log)


type Side = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def _turned(side: Side) -> Side:
    """Take minus the distance."""

    def turned(distance: FloatArray) -> tuple[FloatArray, FloatArray]:
        log, slope = side(-distance)
        return log, -slope

    return turned
