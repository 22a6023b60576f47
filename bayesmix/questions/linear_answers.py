"""Answers that are linear in the parameters: rows are added up before draws are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import Interval, Marginals
from bayesmix.posterior.threads import threads
from bayesmix.predictions.blocks import Predicted
from bayesmix.predictions.combinations import Combinations, drawn_together, summed
from bayesmix.predictions.normals import marginals_of_combinations
from bayesmix.questions.averages import Cells, check_size

__all__ = ["averages", "summaries"]


def summaries(
    fit: Fitted,
    settings: Sequence[Predicted],
    cells: Cells | None,
    weights: Sequence[Sequence[tuple[int, float]]],
    interval: Interval,
) -> Iterator[tuple[IntArray, Marginals]]:
    """Summarise weighted sums of the values of settings, of rows or of averages.

    Parameters
    ----------
    fit : Fitted
    settings : sequence of Predicted
        The same rows in each.
    cells : Cells or None
        None for rows by themselves.
    weights : sequence
        For each sum its settings with their weights.
    interval : Interval

    Yields
    ------
    ndarray of int64
        Positions of rows or averages.
    Marginals
    """
    place = settings[0].rows.place
    rows = [Combinations.of(one) for one in settings]
    for parts in weights:
        if len(parts) == 1 and parts[0][1] == 1:
            own = rows[parts[0][0]]
        else:
            own = summed([(rows[setting], weight) for setting, weight in parts])
        if cells is not None:
            every = np.arange(len(cells))
            yield every, marginals_of_combinations(fit, _averaged(own, place, cells), interval)
        elif len(parts) == 1:
            yield place, marginals_of_combinations(fit, own, interval)
        else:
            # Most differences are those of other rows.
            kinds, kind = own.distinct()
            found = marginals_of_combinations(fit, kinds, interval)
            yield place, Marginals(*(values[kind] for values in found))


def averages(fit: Fitted, settings: Sequence[Predicted], cells: Cells) -> list[FloatArray]:
    """Compute the draws (cells, S) of the averages in each setting."""
    check_size((len(cells), settings[0].n_draws), len(settings))
    place = settings[0].rows.place
    parts = [_averaged(Combinations.of(one), place, cells) for one in settings]
    with threads(fit) as pool, np.errstate(all="ignore"):
        return drawn_together(parts, pool.map)


def _averaged(rows: Combinations, place: IntArray, cells: Cells) -> Combinations:
    return rows.averaged(cells.codes[place], cells.weights[place], len(cells))
