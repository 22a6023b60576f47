"""Whether group effects are correlated, and whether that matters: one call, one answer."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import as_number, few, shown, true_or_false
from bayesmix.base.errors import BayesmixError, ComparisonWarning, warn
from bayesmix.criteria.correlation_factors import (
    correlation_factors,
    evidence_if_known,
    what_is_zero,
)
from bayesmix.criteria.correlation_words import cautions_of, sentence_of, what_is_compared
from bayesmix.criteria.correlations import (
    Correlation,
    correlated_effects,
    correlation_table,
    correlations,
)
from bayesmix.criteria.logo import logo
from bayesmix.criteria.loo import loo
from bayesmix.design.joint_effects import JointEffects
from bayesmix.design.names import path_start
from bayesmix.engines.left_out import groups_left_out_obstacle
from bayesmix.engines.refits import refitted
from bayesmix.posterior.fitted import Fitted
from bayesmix.priors.prior import LKJ
from bayesmix.tables.page import Summary

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["CorrelationComparison", "compare_correlation"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CorrelationComparison:
    """What the data say of the correlations; prints as text and shows as HTML in a notebook.

    Attributes
    ----------
    sentence : str
        The answer in words.
    models : DataFrame
        ``criterion, elpd_correlated, elpd_uncorrelated, difference, se``, a row for LOO and one
        for LOGO of each factor with correlated effects. ``difference`` is correlated minus
        uncorrelated: positive where the correlation helps.
    correlations : DataFrame
        ``group_var, effect_1, effect_2, value, lower_2.5, upper_97.5, prior_2.5, prior_97.5,
        p_positive``, a row for each correlation: posterior mean and interval, interval of the
        prior, and P(r > 0).
    priors : DataFrame
        ``eta, group_var, effect_1, effect_2, value, lower_2.5, upper_97.5, p_positive,
        loo_difference, loo_se``: how the answer moves with the prior LKJ(eta).
    draws : tuple of Correlation
        Draws and prior of each correlation, for `bayesmix.plot_correlation`.
    warnings : tuple of str
        Which estimates cannot be trusted: said first, and then the criteria are no verdict.
    formula : str
    notes : tuple of str
        What is compared, where a covariate is not centred: the uncorrelated model depends on
        where it is zero.
    bayes_factors : DataFrame
        ``eta, against, bayes_factor, log_bayes_factor, se``: of the correlated model, by LKJ
        prior, against the uncorrelated one (by the evidence of both) and against itself with a
        correlation at zero (by Savage & Dickey, for blocks of two effects). ``se`` is the
        Monte-Carlo standard error of the logarithm.
    """

    sentence: str
    models: pd.DataFrame
    correlations: pd.DataFrame
    priors: pd.DataFrame
    draws: tuple[Correlation, ...]
    warnings: tuple[str, ...]
    formula: str
    notes: tuple[str, ...] = ()
    bayes_factors: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)

    def _summary(self) -> Summary:
        priors, factors = self.priors.copy(), self.bayes_factors.copy()
        for table in (priors, factors):
            if len(table):
                table["eta"] = [f"{eta:g}" for eta in table["eta"]]
        of_factors = (("Bayes factors", factors),) if len(factors) else ()
        return Summary(
            header=(self.formula, self.sentence),
            sections=(
                ("Correlated against uncorrelated", self.models),
                ("Correlations", self.correlations),
                ("With the prior LKJ(eta)", priors),
                *of_factors,
            ),
            footer=(
                "Difference: elpd of the correlated model less that of the uncorrelated one. LOO "
                "predicts new rows of the groups in the data, LOGO all rows of a new group.",
                *self.notes,
                *what_is_zero(self.bayes_factors),
            ),
            alerts=self.warnings,
        )

    def __repr__(self) -> str:
        """Return the sentence and the tables as text."""
        return repr(self._summary())

    def _repr_html_(self) -> str:
        return self._summary()._repr_html_()


def compare_correlation(
    fit: Fitted, *, eta: Sequence[float] = (1.0, 2.0, 4.0), logo: bool | None = None
) -> CorrelationComparison:
    """Compare a model with correlated group effects with the same model without correlations.

    Refits with every block of effects split into blocks of one, and once for each LKJ prior. Both
    are compared in prediction, and by Bayes factors: against the uncorrelated model by the
    evidence of both, and against the same model with one correlation at zero by the ratio of its
    prior and posterior densities there (Savage & Dickey).

    Where a covariate is not centred, the two differ in more than a correlation. The default prior
    of ``(x | g)`` is set with x at its mean, so that the correlated model is the same wherever x
    is zero. The uncorrelated model ``(x || g)`` takes the intercepts where x is zero, which may be
    far from all data, as independent of the slopes: with another zero it is another model, and a
    difference may speak of the zero alone. The result says so then. Centre x, as in
    ``center(x)``, where its zero has no meaning.

    Parameters
    ----------
    fit : Fitted
        A model with correlated effects.
    eta : sequence of float
        LKJ priors to try; larger ones hold correlations closer to zero, those of the effects where
        the columns of a block are at their means (see `fit.priors`).
    logo : bool, optional
        Whether to leave groups out, too. By default where that needs no refits; elsewhere it
        takes two refits for each group.

    Returns
    -------
    CorrelationComparison

    Raises
    ------
    BayesmixError
        The model has no correlated effects, or an eta is not a positive number.

    Warns
    -----
    ComparisonWarning
        Estimates cannot be trusted: Pareto k are too high.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.compare_correlation()  # doctest: +SKIP
    """
    etas = _etas(eta)
    if logo is not None:
        true_or_false("logo", logo)
    correlated = correlated_effects(fit.spec)
    if not correlated:
        raise BayesmixError(
            f"'{fit.spec.design.formula.text}' has no correlated group effects. Fit a model with "
            "some, such as (1 + x | g), and compare that."
        )
    with_logo = logo
    if with_logo is None:
        codes = [joint.terms[0].codes for joint in correlated]
        with_logo = not any(groups_left_out_obstacle(fit.spec, own) for own in codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ComparisonWarning)
        split = refitted(fit, fit.spec.uncorrelated())
        own_loo, split_loo = loo(fit), loo(split)
        criteria = [("LOO", own_loo, split_loo)]
        others = []
        if with_logo:
            criteria += _logos(fit, split, correlated)
        frames = []
        without = evidence_if_known(split)
        factors = [correlation_factors(fit, without)]
        for value in etas:
            other = _with_eta(fit, value)
            other_loo = own_loo if other is fit else loo(other)
            if other is not fit:
                others.append((f"LOO with LKJ({value:g})", other_loo))
                factors.append(correlation_factors(other, without))
            difference, se = _difference(other_loo, split_loo)
            frame = correlation_table(correlations(other))
            frame = frame[[name for name in frame if not str(name).startswith("prior")]]
            frame = frame.assign(loo_difference=difference, loo_se=se)
            frame.insert(0, "eta", value)
            frames.append(frame)
    rows: list[tuple[Any, ...]] = []
    for criterion, correlated, uncorrelated in criteria:
        difference, se = _difference(correlated, uncorrelated)
        elpds = float(correlated.elpd), float(uncorrelated.elpd)
        rows.append((criterion, *elpds, difference, se))
    models = pd.DataFrame(
        rows, columns=["criterion", "elpd_correlated", "elpd_uncorrelated", "difference", "se"]
    )
    draws = correlations(fit)
    table = correlation_table(draws)
    cautions = cautions_of(criteria, others)
    if cautions:
        text = " ".join(cautions)
        warn(text, ComparisonWarning)
    bayes_factors = pd.concat([own for own in factors if len(own)] or factors[:1])
    bayes_factors = bayes_factors.sort_values("eta", kind="stable", ignore_index=True)
    return CorrelationComparison(
        sentence=sentence_of(table, models, trusted=not cautions),
        models=models,
        correlations=table,
        priors=pd.concat(frames, ignore_index=True),
        draws=draws,
        warnings=cautions,
        formula=fit.spec.design.formula.text,
        notes=what_is_compared(fit.spec),
        bayes_factors=bayes_factors,
    )


def _etas(eta: object) -> list[float]:
    given = few("eta", eta)
    values = [as_number(value) for value in given]
    usable = [LKJ(value).eta for value in values if value is not None and 0 < value < np.inf]
    if not values or len(usable) < len(values):
        raise BayesmixError(
            f"eta={shown(eta)} is not usable: give positive numbers, such as (1, 2, 4)."
        )
    return list(dict.fromkeys(usable))


def _with_eta(fit: Fitted, eta: float) -> Fitted:
    """Refit with another LKJ prior; the fit itself where it has that prior."""
    every = correlated_effects(fit.spec)
    if all(fit.spec.joint_correlations(joint).eta == eta for joint in every):
        return fit
    paths = (f"{path_start(joint.predictor)}cor:{joint.factor}" for joint in every)
    priors = fit.spec.priors.replace(dict.fromkeys(paths, LKJ(eta)))
    return refitted(fit, dataclasses.replace(fit.spec, priors=priors))


def _logos(
    fit: Fitted, split: Fitted, correlated: Iterable[JointEffects]
) -> list[tuple[str, ELPDData, ELPDData]]:
    """Leave the levels of each factor out, with both models."""
    # Refits without the few groups that importance sampling cannot do take seconds.
    return [
        (
            f"LOGO, {factor}",
            logo(fit, factor, reloo=True),
            logo(split, factor, reloo=True),
        )
        for factor in dict.fromkeys(joint.factor for joint in correlated)
    ]


def _difference(one: ELPDData, other: ELPDData) -> tuple[float, float]:
    """Difference of two elpds, and its standard error, from the pointwise values."""
    each = np.asarray(one.elpd_i) - np.asarray(other.elpd_i)
    return float(each.sum()), float(np.sqrt(each.size * each.var()))
