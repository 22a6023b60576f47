"""Whether group effects are correlated, and whether that matters: one call, one answer."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from bayesmix.base.arguments import as_number, few, shown, true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, ComparisonWarning, warn
from bayesmix.criteria.logo import logo
from bayesmix.criteria.loo import loo
from bayesmix.criteria.verdicts import SMALL_DIFFERENCE, caution, remedy
from bayesmix.design.groupterm import GroupTerm
from bayesmix.engines.exact.implied import ImpliedPrior, implied_priors
from bayesmix.engines.left_out import left_out_obstacle
from bayesmix.engines.refits import refitted
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.priors.prior import LKJ
from bayesmix.tables.report import Summary

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["Correlation", "CorrelationComparison", "compare_correlation", "correlations"]


LEVEL = 0.95
# A column whose mean is so many sds from zero is not centred.
NOT_CENTRED = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Correlation:
    """One correlation of two group effects: its draws and its prior.

    Attributes
    ----------
    factor, effect_1, effect_2 : str
    draws : ndarray, shape (S,)
    concentration : float
        The prior is ``(1 + r) / 2 ~ Beta(concentration, concentration)``, which is the marginal
        of LKJ(eta) for a block of d effects with concentration ``eta + (d - 2) / 2``.
    implied : ImpliedPrior or None
        The prior of a correlation with the intercept of a block whose other columns are centred.
    """

    factor: str
    effect_1: str
    effect_2: str
    draws: FloatArray
    concentration: float
    implied: ImpliedPrior | None = None

    def prior_density(self, r: npt.ArrayLike) -> FloatArray:
        """Compute the prior density of the correlation."""
        if self.implied is not None:
            return self.implied.density(r)
        half = (1 + np.asarray(r, dtype=np.float64)) / 2
        return np.asarray(beta.pdf(half, self.concentration, self.concentration) / 2)

    def prior_quantile(self, p: npt.ArrayLike) -> FloatArray:
        """Compute a quantile of the prior."""
        if self.implied is not None:
            return self.implied.quantile(p)
        p = np.asarray(p, dtype=np.float64)
        return np.asarray(2 * beta.ppf(p, self.concentration, self.concentration) - 1)

    def __repr__(self) -> str:
        """Return the names, not the draws."""
        return f"Correlation({self.factor}: {self.effect_1}, {self.effect_2})"


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
    """

    sentence: str
    models: pd.DataFrame
    correlations: pd.DataFrame
    priors: pd.DataFrame
    draws: tuple[Correlation, ...]
    warnings: tuple[str, ...]
    formula: str
    notes: tuple[str, ...] = ()

    def _summary(self) -> Summary:
        priors = self.priors.copy()
        priors["eta"] = [f"{eta:g}" for eta in priors["eta"]]
        return Summary(
            header=(self.formula, self.sentence),
            sections=(
                ("Correlated against uncorrelated", self.models),
                ("Correlations", self.correlations),
                ("With the prior LKJ(eta)", priors),
            ),
            footer=(
                "Difference: elpd of the correlated model less that of the uncorrelated one. LOO "
                "predicts new rows of the groups in the data, LOGO all rows of a new group.",
                *self.notes,
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

    Refits with every block of effects split into blocks of one, and once for each LKJ prior.

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
    terms = _correlated(fit.spec)
    if not terms:
        raise BayesmixError(
            f"'{fit.spec.design.formula.text}' has no correlated group effects. Fit a model with "
            "some, such as (1 + x | g), and compare that."
        )
    with_logo = left_out_obstacle(fit.spec) is None if logo is None else logo
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ComparisonWarning)
        split = refitted(fit, fit.spec.uncorrelated())
        own_loo, split_loo = loo(fit), loo(split)
        criteria = [("LOO", own_loo, split_loo)]
        others = []
        if with_logo:
            criteria += _logos(fit, split, terms)
        frames = []
        for value in etas:
            other = _with_eta(fit, value)
            other_loo = own_loo if other is fit else loo(other)
            if other is not fit:
                others.append((f"LOO with LKJ({value:g})", other_loo))
            difference, se = _difference(other_loo, split_loo)
            frame = _correlation_table(correlations(other))
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
    table = _correlation_table(draws)
    cautions = _cautions(criteria, others)
    if cautions:
        text = " ".join(cautions)
        warn(text, ComparisonWarning)
    return CorrelationComparison(
        sentence=_sentence(table, models, trusted=not cautions),
        models=models,
        correlations=table,
        priors=pd.concat(frames, ignore_index=True),
        draws=draws,
        warnings=cautions,
        formula=fit.spec.design.formula.text,
        notes=_what_is_compared(fit.spec),
    )


def correlations(fit: Fitted) -> tuple[Correlation, ...]:
    """Collect draws and prior of every correlation that a fit estimates.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    tuple of Correlation
    """
    found = []
    posterior = fit.idata["posterior"].dataset
    for term in _correlated(fit.spec):
        values = posterior[term.names.cor]
        values = values.transpose("chain", "draw", term.effect_dim, term.effect_dim_bis)
        array = values.to_numpy().reshape(-1, term.n_effects, term.n_effects)
        eta = fit.spec.priors.cor[term.factor].eta
        implied = implied_priors(fit.spec, term)[1] if fit.spec.is_centred(term) else {}
        found += [
            Correlation(
                term.factor,
                term.effects[i],
                term.effects[j],
                array[:, i, j],
                eta + (len(block) - 2) / 2,
                implied.get((term.effects[i], term.effects[j])) if i == block[0] else None,
            )
            for block in term.blocks
            for i in block
            for j in block
            if i < j
        ]
    return tuple(found)


def _etas(eta: object) -> list[float]:
    given = few("eta", eta)
    values = [as_number(value) for value in given]
    usable = [LKJ(value).eta for value in values if value is not None and 0 < value < np.inf]
    if not values or len(usable) < len(values):
        raise BayesmixError(
            f"eta={shown(eta)} is not usable: give positive numbers, such as (1, 2, 4)."
        )
    return list(dict.fromkeys(usable))


def _correlated(spec: ModelSpec) -> list[GroupTerm]:
    return [term for term in spec.design.groups if any(len(block) > 1 for block in term.blocks)]


def _with_eta(fit: Fitted, eta: float) -> Fitted:
    """Refit with another LKJ prior; the fit itself where it has that prior."""
    terms = _correlated(fit.spec)
    if all(fit.spec.priors.cor[term.factor].eta == eta for term in terms):
        return fit
    priors = fit.spec.priors.replace({f"cor:{term.factor}": LKJ(eta) for term in terms})
    return refitted(fit, dataclasses.replace(fit.spec, priors=priors))


def _logos(
    fit: Fitted, split: Fitted, terms: Iterable[GroupTerm]
) -> list[tuple[str, ELPDData, ELPDData]]:
    """Leave the levels of each factor out, with both models."""
    # Refits without the few groups that importance sampling cannot do take seconds.
    return [
        (
            f"LOGO, {term.factor}",
            logo(fit, term.factor, reloo=True),
            logo(split, term.factor, reloo=True),
        )
        for term in terms
    ]


def _difference(one: ELPDData, other: ELPDData) -> tuple[float, float]:
    """Difference of two elpds, and its standard error, from the pointwise values."""
    each = np.asarray(one.elpd_i) - np.asarray(other.elpd_i)
    return float(each.sum()), float(np.sqrt(each.size * each.var()))


def _correlation_table(draws: Iterable[Correlation]) -> pd.DataFrame:
    tail = (1 - LEVEL) / 2
    rows: list[dict[str, Any]] = []
    for one in draws:
        lower, upper = np.quantile(one.draws, [tail, 1 - tail])
        prior = one.prior_quantile([tail, 1 - tail])
        rows.append(
            {
                "group_var": one.factor,
                "effect_1": one.effect_1,
                "effect_2": one.effect_2,
                "value": float(one.draws.mean()),
                "lower_2.5": float(lower),
                "upper_97.5": float(upper),
                "prior_2.5": float(prior[0]),
                "prior_97.5": float(prior[1]),
                "p_positive": float((one.draws > 0).mean()),
            }
        )
    return pd.DataFrame(rows)


def _sentence(table: pd.DataFrame, models: pd.DataFrame, *, trusted: bool = True) -> str:
    """Say in words what the correlations are, and what they do for prediction."""
    return f"{_about_correlations(table)}; {_about_prediction(models, trusted=trusted)}."


# A prior interval beyond this leaves nothing to be found out.
_SETTLED = 0.9


def _about_correlations(table: pd.DataFrame) -> str:
    """Name the one correlation, or how many of several are clearly not zero."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    if len(rows) > 1:
        sure = [row for row in rows if row["lower_2.5"] > 0 or row["upper_97.5"] < 0]
        if not sure:
            return f"None of the {len(rows)} correlations has a 95 % interval without zero"
        names = ", ".join(
            f"{row['effect_1']} and {row['effect_2']} by {row['group_var']} ({row['value']:.2f})"
            for row in sure
        )
        have = "have" if len(sure) > 1 else "has"
        return (
            f"{len(sure)} of {len(rows)} correlations {have} a 95 % interval without zero: {names}"
        )
    (row,) = rows
    p = max(row["p_positive"], 1 - row["p_positive"])
    sign = "positive" if row["p_positive"] > 0.5 else "negative"
    how = "clearly" if p > 0.975 else "probably" if p > 0.9 else "perhaps"
    verdict = f"is {how} {sign}" if p > 0.75 else "is of uncertain sign"
    if row["prior_2.5"] > _SETTLED or row["prior_97.5"] < -_SETTLED:
        verdict = (
            f"is {sign} by where {row['effect_2']} is zero, far from the data: its prior says so "
            "too"
        )
    what = f"The correlation of {row['effect_1']} and {row['effect_2']} by {row['group_var']}"
    return (
        f"{what} {verdict} (mean {row['value']:.2f}, 95 % interval {row['lower_2.5']:.2f} "
        f"to {row['upper_97.5']:.2f}, P(r > 0) = {row['p_positive']:.2f})"
    )


def _about_prediction(models: pd.DataFrame, *, trusted: bool = True) -> str:
    if not trusted:
        return "what modelling it does to predictions is not known from these estimates"
    parts = []
    rows: list[dict[str, Any]] = models.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        difference, se = row["difference"], row["se"]
        factor = row["criterion"].removeprefix("LOGO, ")
        whom = "new rows of the same groups" if factor == "LOO" else f"a new {factor}"
        if abs(difference) < SMALL_DIFFERENCE:
            effect = "hardly changes"
        elif abs(difference) < 2 * se:
            effect = f"may {'improve' if difference > 0 else 'worsen'}"
        else:
            effect = "improves" if difference > 0 else "worsens"
        parts.append(
            f"{effect} the prediction of {whom} ({difference:+.1f} units of elpd, standard error "
            f"{se:.1f})"
        )
    return f"modelling it {', and '.join(parts)}"


def _cautions(
    criteria: Iterable[tuple[str, ELPDData, ELPDData]], others: Iterable[tuple[str, ELPDData]]
) -> tuple[str, ...]:
    """Say which estimates cannot be trusted, a sentence for each criterion."""
    found = []
    for criterion, correlated, uncorrelated in criteria:
        results = {"correlated": correlated, "uncorrelated": uncorrelated}
        kind = "logo" if criterion != "LOO" else "loo"
        way_out = remedy(results.values(), kind, from_fits=False)
        found.append(caution(results, criterion, way_out))
    for criterion, result in others:
        way_out = remedy([result], "loo", from_fits=False)
        found.append(caution({"correlated": result}, criterion, way_out))
    return tuple(filter(None, found))


def _what_is_compared(spec: ModelSpec) -> tuple[str, ...]:
    """Say of each factor that a covariate is not centred, and what then differs."""
    notes = []
    for term in _correlated(spec):
        beside = term.intercept_block[1:]
        off = {
            term.effects[k]: float(term.Z[:, k].mean())
            for k in beside
            if abs(term.Z[:, k].mean()) > NOT_CENTRED * term.Z[:, k].std()
        }
        if not off:
            continue
        names = " and ".join(filter(None, [", ".join([*off][:-1]), [*off][-1]]))
        means = ", ".join(f"{mean:.4g}" for mean in off.values())
        has = f"is zero (its mean is {means})" if len(off) == 1 else f"are zero (means {means})"
        correlated = (
            "the correlated model is the same wherever that is"
            if spec.is_centred(term)
            else "so does the correlated one, by the prior that was set for its intercept"
        )
        notes.append(
            f"What is compared: the uncorrelated model depends on where {names} {has}, since it "
            f"takes the intercepts by {term.factor} there as independent of the slopes; "
            f"{correlated}. Centre {names} if that zero has no meaning."
        )
    return tuple(notes)
