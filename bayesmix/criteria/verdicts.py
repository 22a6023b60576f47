"""What differences of elpd mean in words, and whether the estimates can be trusted at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesmix.criteria.waic import GOOD_P_WAIC

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["SMALL_DIFFERENCE", "caution", "doubts", "in_words", "remedy"]

SMALL_DIFFERENCE = 4.0
FEW_UNITS = 100
# Models that a sentence names.
_MOST_NAMES = 3


def doubts(result: ELPDData) -> str:
    """Say why a result should not be trusted; empty if it can."""
    if result.pareto_k is not None and result.good_k is not None and (bad := _bad_k(result)):
        return f"{bad} Pareto k above {result.good_k:.2f}"
    p_waic_i = getattr(result, "p_waic_i", None)
    if p_waic_i is not None:
        bad = int((np.asarray(p_waic_i) > GOOD_P_WAIC).sum())
        return f"{bad} p_waic above {GOOD_P_WAIC}: use LOO" if bad else ""
    return "some refits did not converge" if result.warning else ""


def _bad_k(result: ELPDData) -> int:
    return int((np.asarray(result.pareto_k) > result.good_k).sum())


def caution(results: Mapping[str, ELPDData], criterion: str, way_out: str) -> str:
    """Say that estimates cannot be trusted, of which models, and what to do; empty if they can.

    Parameters
    ----------
    results : mapping of str to ELPDData
        By name of the model.
    criterion : str
        ``"LOO"``, to begin the sentence with.
    way_out : str
        What to do, a sentence.

    Returns
    -------
    str
    """
    found = {name: why for name, result in results.items() if (why := doubts(result))}
    if not found:
        return ""
    shown = [f"'{name}' ({_share(results[name], why)})" for name, why in found.items()]
    more = f" and {len(shown) - _MOST_NAMES} more" if len(shown) > _MOST_NAMES else ""
    each = ", ".join(shown[:_MOST_NAMES]) + more
    return f"{criterion} cannot be trusted here, and no model is judged by it: {each}. {way_out}"


def _share(result: ELPDData, why: str) -> str:
    """Count the doubtful rows or groups among all, where there is a count."""
    count, _, rest = why.partition(" ")
    if not count.isdigit():
        return why
    units = "groups" if getattr(result, "group", "") else "rows"
    return f"{count} of {result.elpd_i.size} {units}: {rest.partition(':')[0]}"


def remedy(results: Collection[ELPDData], criterion: str, *, from_fits: bool) -> str:
    """Say what makes the estimates of a comparison trustworthy.

    Parameters
    ----------
    results : collection of ELPDData
    criterion : {"loo", "waic", "logo", "kfold"}
    from_fits : bool
        Whether `compare` was given the fits, so that its own options help.

    Returns
    -------
    str
    """
    call = "bm.compare(..., {})" if from_fits else "fit.{}"
    if criterion == "waic":
        return f"Use LOO: {call.format('ic=' + repr('loo') if from_fits else 'loo()')}."
    bad = sum(_bad_k(result) for result in results if result.pareto_k is not None)
    if criterion == "kfold" or not bad:
        return "Fit with more draws and tune, so that the refits converge."
    what = "group" if criterion == "logo" else "row"
    conditional = any(getattr(result, "integrated", None) is False for result in results)
    again = "integrated=False, reloo=True" if conditional else "reloo=True"
    if from_fits:
        one = call.format(again)
        folds = call.format("ic='kfold'")
    else:
        one = f"fit.logo(..., {again})" if criterion == "logo" else f"fit.loo({again})"
        folds = "fit.kfold()"
    refits = f"{one} refits without each {what} whose Pareto k is too high ({bad} in all)"
    if criterion == "logo":
        return f"{refits}."
    return f"{refits}; {folds} holds out ten parts instead."


def in_words(
    order: Sequence[str],
    difference: Mapping[str, float],
    se_difference: Mapping[str, float],
    p_worse: Mapping[str, float],
    n: int,
    units: str,
    doubtful: Iterable[str] = (),
) -> str:
    """Say what the differences from the best model mean.

    Parameters
    ----------
    order : sequence of str
        Names of the models, best first.
    difference, se_difference : mapping of str to float
        How much less elpd than the best, and its standard error.
    p_worse : mapping of str to float
        Probability that the elpd is less than that of the best.
    n : int
        Number of rows or groups.
    units : str
        ``"rows"`` or ``"groups"``.
    doubtful : iterable of str
        Models whose estimates cannot be trusted: a difference of one of these is no verdict.

    Returns
    -------
    str
    """
    best, *others = order
    untrusted = set(doubtful)
    judged = [name for name in others if not untrusted & {best, name}]
    sentences = []
    for name in others:
        d, se = difference[name], se_difference[name]
        size = f"{d:.1f} units of elpd (standard error {se:.1f}"
        if name in judged:
            better = f"probability of a better expected prediction {_probability(p_worse[name])}"
            sentences.append(f"{best} is ahead of {name} by {size}; {better}), {_verdict(d, se)}.")
        else:
            sentences.append(
                f"The difference of {best} and {name} comes out as {size}), and may be quite "
                "another: which one predicts better is not known."
            )
    if any(difference[name] < SMALL_DIFFERENCE for name in judged):
        sentences.append(
            f"Under {SMALL_DIFFERENCE:.0f} units the standard error is itself uncertain, and so is "
            "the probability; choose between such models for other reasons."
        )
    if n < FEW_UNITS:
        sentences.append(f"With {n} {units} standard errors tend to be too small.")
    sentences.append("Delta is on the scale of -2 elpd, twice these numbers.")
    return " ".join(sentences)


def _probability(p: float) -> str:
    """Show a probability from a half to one; one is never sure."""
    return "above 0.99" if p > 0.99 else f"{p:.2f}"


def _verdict(d: float, se: float) -> str:
    if d < SMALL_DIFFERENCE:
        return "a small difference: the two predict about equally well"
    if d < 2 * se:
        return "less than two standard errors: which one predicts better is not clear"
    if d < 4 * se:
        return "more than two standard errors: it probably predicts better"
    return "more than four standard errors: it predicts better"
