"""What a response cannot be: its numbers beside the family, the formula and new data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, FormulaError, short
from bayesmix.encoding.calls import live_columns
from bayesmix.encoding.responses import TRIALS_IN_ARRAY, Response
from bayesmix.encoding.sides import Side
from bayesmix.formula.formula import names_in, quote
from bayesmix.frames.values import listed

if TYPE_CHECKING:
    from bayesmix.families.family import Family
    from bayesmix.formula.formula import Formula

__all__ = [
    "check_cbind",
    "check_response",
    "check_right_side",
    "missing_trials",
    "response_among_terms",
]


def check_response(
    response: Response,
    family: Family,
    y: FloatArray,
    trials: FloatArray | None,
    index: pd.Index[Any],
) -> None:
    """Raise if the response of the fit cannot come from its family.

    Parameters
    ----------
    response : Response
        Where the numbers come from.
    family : Family
        What they may be.
    y, trials : ndarray of float64, shape (n,), or None
        The response, or the successes, and the number of trials.
    index : Index, length n
        Labels of the rows, for the messages.

    Raises
    ------
    BayesmixError
        As `Family.check_response`; for a proportion in the words of proportions.
    """
    if response.weights is not None and trials is not None and (trials > 0).all():
        share = y / trials
        outside = (share < 0) | (share > 1)
        fractions = ~outside & (y != np.floor(y)) & (trials == np.floor(trials))
        if outside.any():
            row = int(outside.argmax())
            raise BayesmixError(
                f"Response '{response.name}' must be a proportion from 0 to 1, since the weights "
                f"of family '{family.name}' are its trials; it is {share[row]:.12g} at index "
                f"{index[row]}. For counts of successes write p(successes, trials), without "
                "weights."
            )
        if fractions.any():
            in_array = response.weights == TRIALS_IN_ARRAY
            trials_name = "trials" if in_array else quote(response.weights)
            is_call = hasattr(response._component, "call")
            share_name = response.name if is_call else quote(response.name)
            rounded = f"p(np.round({share_name} * {trials_name}), {trials_name})"
            row = int(fractions.argmax())
            raise BayesmixError(
                f"Response '{response.name}' times its weights must be a whole number of "
                f"successes; {share[row]:.12g} of {trials[row]:g} is {y[row]:.6g} at index "
                f"{index[row]} ({int(fractions.sum())} such rows). Write the counts, "
                f"p(successes, trials), or, of rounded proportions, {rounded}."
            )
    family.check_response(response.name, y, trials, index)


def check_cbind(formula: Formula, family: Family) -> None:
    """Raise in the user's words if cbind() joins responses, where it would be one of trials."""
    written, _, right = formula.text.partition("~")
    if family.trials or not written.strip().startswith("cbind("):
        return
    given = [part.strip() for part in written.strip()[len("cbind(") : -1].split(",")]
    columns = [quote(name) for name in names_in(written)[0]]
    one, other = given if given == columns and len(given) == 2 else ("y1", "y2")
    raise FormulaError(
        f"{short(written.strip())} is successes and failures, of family='binomial', and family "
        f"'{family.name}' takes one response at a time: {short(one)} ~{short(right)}, and "
        f"{short(other)} ~{short(right)} in another model.",
        formula.text,
        formula.text.index("cbind("),
    )


def missing_trials(response: Response, absent: Sequence[str]) -> str:
    """Say which columns with the number of trials new data lack, and what to put there."""
    if TRIALS_IN_ARRAY in absent:
        return (
            f"The weights of the fit, which are the trials of '{response.name}', came as an array, "
            "so that those of newdata are not known. Refit with weights='<column>', a column of "
            "both data frames; linpred needs no trials."
        )
    names = f"column '{absent[0]}'" if len(absent) == 1 else f"columns {', '.join(absent)}"
    message = f"newdata has no {names}, the number of trials of '{response.name}'."
    values = response.one_trial()
    if values.keys() <= set(absent) and values:
        given = ", ".join(f"{name}={value}" for name, value in values.items())
        example = f"for example newdata.assign({given}) for the probability of a success"
        return f"{message} Add {'it' if len(absent) == 1 else 'them'}, {example}; " + (
            f"linpred does not need {'it' if len(absent) == 1 else 'them'}."
        )
    return f"{message} Add {'it' if len(absent) == 1 else 'them'}; linpred needs no trials."


def check_right_side(response: Response, formula: Formula, sides: Sequence[Side]) -> None:
    """Raise if ``y['level']`` stands left, and y, which tells the answer, right."""
    terms = {name for side in sides for name in side.terms}
    terms |= {name for bar in formula.bars for name in bar.factor}
    if response.level is not None and response.name in terms:
        raise FormulaError(
            f"The response {response.name}['{response.level}'] is on the right of '~' too, as "
            f"'{response.name}'. Leave it out there.",
            formula.text,
        )


def response_among_terms(
    response: Response, sides: Sequence[Side], told: Sequence[str]
) -> tuple[str, ...]:
    """Say which functions of the response stand on the right, once for all of them.

    Parameters
    ----------
    response : Response
    sides : sequence of Side
        The population effects first, then those of the bars, evaluated.
    told : sequence of str
        Notes on columns that are the response itself; what they name is not repeated.

    Returns
    -------
    tuple of str
        One message, or none.
    """
    parts: dict[str, Any] = {}
    for part in (part for side in sides for part in side.components):
        parts.setdefault(part.name, part)  # a bar with the same effects was not evaluated
    own = response.own_columns
    names = [
        name
        for name, part in parts.items()
        if _tells(part, response, own) and not any(f"'{name}'" in note for note in told)
    ]
    if not names:
        return ()
    shown = listed([f"'{name}'" for name in names], 6)
    are, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return (
        f"{shown} on the right of '~' {are} made of the response '{response.name}', which then "
        f"explains itself. Leave {them} out, or name the column that is meant.",
    )


def _tells(part: Any, response: Response, own: frozenset[str]) -> bool:
    """Tell whether a function of columns is one of the response; its trials are known before."""
    trials = frozenset(response.trial_columns)
    used = live_columns(part, own | trials)
    is_trials = own < trials <= used
    return bool(own) and own <= used and not is_trials
