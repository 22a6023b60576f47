"""What is asked of the parameters of a fit: names, starts of names, and arithmetic of names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.questions.names import Parameters, spelling_of
from bayesmix.questions.reading import read_expression

__all__ = ["quantities"]

_ARITHMETIC = frozenset("+-*/^(")


def quantities(fit: Fitted, parameters: str | Sequence[str] | None) -> dict[str, FloatArray]:
    """Find the draws of what is asked for, each once.

    Parameters
    ----------
    fit : Fitted
    parameters : str or list of str, optional
        Each a name, or the start of names, as in `draws_frame`, or an expression as in
        `hypothesis`. By default all parameters but the effects of single levels.

    Returns
    -------
    dict of str to ndarray, shape (chain, draw)

    Raises
    ------
    BayesmixError
        A name is none of the model, an expression cannot be read or is infinite in some draw.
    """
    known = Parameters.of(fit)
    found: dict[str, FloatArray] = {}
    if parameters is None:
        found = known.named
    else:
        for name in known.names_of(parameters):
            found |= _meant(fit, known, name)
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    for name, draws in found.items():
        if not np.isfinite(draws).all():
            raise BayesmixError(f"'{name}' is no finite number in some draws. Ask for another.")
    return {name: draws.reshape(shape) for name, draws in found.items()}


def _meant(fit: Fitted, known: Parameters, name: str) -> dict[str, FloatArray]:
    try:
        return known.select([name])
    except BayesmixError:
        if not _ARITHMETIC.intersection(name):
            raise
    expression = read_expression(name, spelling_of(known, [name]))
    draws = known.draws(expression.labels)
    return {name.strip(): expression.values(draws, number_of_draws(fit.posterior))}
