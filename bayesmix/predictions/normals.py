"""Summaries of rows that are normal given each draw: mixtures, where effects are not drawn."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.mixtures import Normals, marginals_of_mixtures
from bayesmix.posterior.summaries import Interval, Marginals
from bayesmix.posterior.threads import threads
from bayesmix.predictions.blocks import Predicted, eta_of

__all__ = ["marginals_of_rows"]


def marginals_of_rows(
    fit: Fitted, predicted: Predicted, interval: Interval, *, responses: bool
) -> Marginals:
    """Summarise linear predictors, or new responses, of a Gaussian model.

    Parameters
    ----------
    fit : Fitted
    predicted : Predicted
        Rows with effects that are not among the draws.
    interval : Interval
    responses : bool
        Whether to add the residual.
    """
    undrawn, design = predicted.undrawn, predicted.rows.design
    assert undrawn is not None

    def given(some: IntArray) -> Normals:
        parameters, laws = predicted.parameters[some], undrawn.laws[some]
        sigma = parameters.auxiliary.get("sigma", np.ones(len(some)))

        def normals(places: IntArray) -> tuple[FloatArray, FloatArray]:
            own = design.take(places)
            new = {factor: levels[places] for factor, levels in predicted.new.items()}
            mean = eta_of(own, parameters, new, predicted.seed)
            (term,) = (term for term in own.groups if term.factor == laws.factor)
            rows = np.flatnonzero(term.codes >= 0)
            sd = np.zeros(mean.shape)
            if len(rows):
                added, sd[rows] = laws.normals(term.Z[rows], term.codes[rows])
                mean[rows] += added
            if responses:
                weights = 1.0 if own.weights is None else own.weights[:, None]
                sd = np.hypot(sd, sigma / np.sqrt(weights))
            return mean, sd

        return normals

    with threads(fit) as pool:
        return marginals_of_mixtures(given, design.n_rows, predicted.n_draws, interval, pool.map)
