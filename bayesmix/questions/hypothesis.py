"""Hypotheses on the parameters: how probable, or how much more so than before the data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import few, shown
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, short
from bayesmix.base.words import count
from bayesmix.engines.convergence import ESS_PER_CHAIN, R_HAT_LIMIT
from bayesmix.posterior.diagnostics import figures_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.posterior.summaries import (
    Marginals,
    interval_of,
    marginals_of,
    text_column,
)
from bayesmix.questions.densities import density_at_zero
from bayesmix.questions.names import Parameters, spelling_of
from bayesmix.questions.prior_densities import prior_density
from bayesmix.questions.reading import Hypothesis, read_hypothesis
from bayesmix.tables.page import Summary

__all__ = ["Hypotheses", "hypothesis"]

# A prior this many times as wide as the posterior decides a point hypothesis by its width.
_NEARLY_FLAT = 100
# Relative standard error beyond which a ratio is an order of magnitude only.
_LARGEST_SE = 0.3
# Characters of a hypothesis that are shown beside the numbers.
_LONGEST_IN_TEXT, _LONGEST_IN_HTML = 40, 100


class Hypotheses(pd.DataFrame):
    """The table of `hypothesis`: a data frame that prints with notes on what cannot be trusted.

    Whatever is made of it is a plain data frame. ``attrs`` holds ``title``.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _summary(self, longest: int) -> Summary:
        texts = [short(text, longest) for text in self["hypothesis"]]
        table = pd.DataFrame(self).assign(hypothesis=texts)
        notes = zip(table["hypothesis"], table["note"], strict=True)
        return Summary(
            header=(self.attrs.get("title", "Hypotheses"),),
            sections=(("Hypotheses", table.drop(columns="note")),),
            footer=tuple(f"{name}: {note}." for name, note in notes if note),
        )

    def __repr__(self) -> str:
        """Return the table and its notes as text."""
        return repr(self._summary(_LONGEST_IN_TEXT))

    def _repr_html_(self) -> str:
        return self._summary(_LONGEST_IN_HTML)._repr_html_()


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the draws say of a hypothesis."""

    probability: float
    evidence_ratio: float
    notes: tuple[str, ...]


def hypothesis(
    fit: Fitted, hypotheses: str | Sequence[str], *, ci_level: float = 0.95
) -> Hypotheses:
    """Ask how probable statements on the parameters are.

    Parameters
    ----------
    fit : Fitted
    hypotheses : str or list of str
        Each an expression, a comparison and an expression: ``"Days > 0"``,
        ``"2 * Days = x"``, ``"sd:Subject:Days / sigma < 1"``. Names are those of
        ``fit.draws_frame().columns``, terms of the population effects also without ``beta:``,
        and effects of single levels such as ``u:Subject:Days:308``. Names that could be arithmetic
        go into backquotes. There are numbers, ``+ - * / **``, parentheses, ``exp``, ``log``,
        ``sqrt``, ``abs``, and ``> >= < <= =``. The text is parsed, never executed.
    ci_level : float
        Probability inside the interval, above 0 and below 1, for all rows. `brms` takes 0.9 for
        hypotheses with ``>`` or ``<``.

    Returns
    -------
    Hypotheses
        A data frame ``hypothesis, value, se, lower_2.5, upper_97.5, probability, evidence_ratio,
        note``, one row for each. ``value`` is the posterior mean of the left side less the right
        one, ``se`` its sd.

        With ``>`` or ``<``: ``probability`` is the share of draws in which it holds, and
        ``evidence_ratio`` that over the share in which it does not; infinite where it holds in all
        draws.

        With ``=``: ``evidence_ratio`` is the Savage-Dickey ratio, the posterior density of the
        difference at zero over its prior density there; above 1 the data speak for the hypothesis,
        below 1 against it. ``probability`` is ``ratio / (1 + ratio)``, for even odds before the
        data. Both are NaN where there is no ratio.

        ``note`` says what cannot be trusted, and why; empty where nothing is to be said.

    Raises
    ------
    FormulaError
        A hypothesis cannot be read, or has no value, or one that is too large for a number, in some
        draw; with a caret under the place.
    BayesmixError
        `ci_level` is not between 0 and 1; `hypotheses` is not text.

    Notes
    -----
    The ratio of a point hypothesis is the Bayes factor of the model with the point against the
    model as it is, where the other parameters have the prior that they have given the point. It is
    in proportion to the width of the prior, and asks for one that says what is plausible.
    Posterior densities are from the draws, by a log-spline. Prior densities are closed forms for a
    single parameter and for sums of population effects with normal priors, else from draws of the
    prior (with PyMC, some seconds).

    References
    ----------
    Wagenmakers, Lodewyckx, Kuriyal & Grasman (2010). Bayesian hypothesis testing for
    psychologists: a tutorial on the Savage-Dickey method. Cognitive Psychology 60, 158-189.
    https://doi.org/10.1016/j.cogpsych.2009.12.001

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (Days | Subject)", data, random_seed=1, progressbar=False)
    >>> table = fit.hypothesis(["Days > 5", "sd:Subject:Days < sigma"])
    >>> table[["hypothesis", "value", "probability"]].round()
                    hypothesis  value  probability
    0                 Days > 5    5.0          1.0
    1  sd:Subject:Days < sigma  -20.0          1.0
    """
    interval = interval_of(ci_level)
    texts = _texts(hypotheses)
    parameters = Parameters.of(fit)
    names = spelling_of(parameters, texts)
    read = [read_hypothesis(text, names) for text in texts]
    draws = parameters.draws(
        dict.fromkeys(label for one in read for label in one.expression.labels)
    )
    size = number_of_draws(fit.posterior)
    differences = np.array([one.expression.values(draws, size) for one in read])
    # By a power of two, so that squares of large numbers are finite and no digit changes.
    exponents = np.frexp(np.abs(differences).max(axis=1))[1] - 1
    scaled, scales = np.ldexp(differences, -exponents[:, None]), np.ldexp(1.0, exponents)
    answers = [_answer(fit, *one) for one in zip(read, scaled, scales, strict=True)]
    summaries = Marginals(*(own * scales for own in marginals_of(scaled, interval)))
    table = Hypotheses(
        {
            "hypothesis": text_column([one.text for one in read]),
            **summaries.columns(interval),
            "probability": [answer.probability for answer in answers],
            "evidence_ratio": [answer.evidence_ratio for answer in answers],
            "note": text_column(["; ".join(answer.notes) for answer in answers]),
        }
    )
    table.attrs["title"] = f"{'; '.join(fit.design.formulas)}"
    return table


def _texts(hypotheses: object) -> list[str]:
    texts = few("hypotheses", hypotheses)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise BayesmixError(
            f"hypotheses={shown(hypotheses)} is not usable: give a text such as 'x > 0', or a list "
            "of these."
        )
    return [str(text) for text in texts]


def _answer(fit: Fitted, asked: Hypothesis, draws: FloatArray, scale: float) -> Answer:
    """Say what draws tell, which are those of the difference over a scale."""
    size = len(draws)
    if np.ptp(draws) == 0:
        notes: tuple[str, ...] = ("the difference does not vary",)
    else:
        notes = _of_chains(fit, draws)
    if asked.comparison == "=":
        return _point(fit, asked, draws, scale, notes)
    holds = {
        ">": draws > 0,
        ">=": draws >= 0,
        "<": draws < 0,
        "<=": draws <= 0,
    }[asked.comparison]
    n = int(holds.sum())
    if n in (0, size):
        every = "all" if n else "none"
        beyond = "infinite" if n else "zero"
        notes = (
            f"holds in {every} of {size} draws: the ratio shows as {beyond}, and is "
            f"{'above' if n else 'below'} what they can tell",
            *notes,
        )
    ratio = math.inf if n == size else n / (size - n)
    return Answer(n / size, ratio, notes)


def _point(
    fit: Fitted, asked: Hypothesis, draws: FloatArray, scale: float, notes: tuple[str, ...]
) -> Answer:
    """Compare densities at zero after and before the data."""
    if np.ptp(draws) == 0:
        return Answer(math.nan, math.nan, (*notes, "no evidence ratio of a point"))
    prior = prior_density(fit, asked.expression)
    if prior.problem or not prior.value > 0:
        problem = prior.problem or "its prior density is zero there"
        return Answer(math.nan, math.nan, (f"no evidence ratio: {problem}", *notes))
    posterior = density_at_zero(draws, _effective(fit, draws))
    if not math.isfinite(posterior.value):
        return Answer(math.nan, math.nan, ("no evidence ratio: too few distinct draws", *notes))
    ratio = posterior.value / scale / prior.value
    own = []
    if posterior.is_tail:
        own.append(
            f"{_effective_draws(posterior.beyond)} beyond it: the ratio is from a normal curve, "
            "and an order of magnitude at best"
        )
    elif math.hypot(posterior.relative_se, prior.relative_se) > _LARGEST_SE:
        error = math.hypot(posterior.relative_se, prior.relative_se)
        own.append(f"the Monte-Carlo error of the ratio is {100 * error:.0f} %")
    flat = prior.spread / scale / float(np.std(draws))
    if flat > _NEARLY_FLAT:
        own.append(
            f"the prior is {flat:.0f} times as wide as the posterior, and the ratio in proportion "
            "to it: set a prior that says which values are plausible"
        )
    return Answer(ratio / (1 + ratio), ratio, (*own, *notes))


def _effective_draws(number: float) -> str:
    return count(round(number), "effective draw") if number >= 1 else "no draws"


def _figures(fit: Fitted, draws: FloatArray) -> dict[str, float]:
    sizes = fit.posterior.sizes
    stacked = draws.reshape(1, sizes["chain"], sizes["draw"])
    return {name: float(own[0]) for name, own in figures_of(stacked).items()}


def _effective(fit: Fitted, draws: FloatArray) -> float:
    ess = _figures(fit, draws)["ess_bulk"]
    return min(ess, float(len(draws))) if math.isfinite(ess) else float(len(draws))


def _of_chains(fit: Fitted, draws: FloatArray) -> tuple[str, ...]:
    """Say what is wrong with the draws of a difference."""
    figures, notes = _figures(fit, draws), []
    if figures["r_hat"] > R_HAT_LIMIT:
        notes.append(f"the chains disagree, R-hat {figures['r_hat']:.3f}")
    if figures["ess_bulk"] < ESS_PER_CHAIN * fit.posterior.sizes["chain"]:
        notes.append(f"only {_effective_draws(figures['ess_bulk'])}")
    return tuple(notes)
