"""Compare models by how well they predict: a table, best first, and what it means in words."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from bayesmix.base.arguments import MOST_VALUES, shown
from bayesmix.base.errors import BayesmixError, ComparisonWarning, suggest, warn
from bayesmix.criteria.comparable import (
    check_models,
    check_same_data,
    check_same_units,
    is_result,
)
from bayesmix.criteria.elpd_table import elpd_columns, elpd_summary
from bayesmix.criteria.evidence import log_evidence
from bayesmix.criteria.evidence_table import evidence_columns, evidence_summary, evidences
from bayesmix.criteria.facts import Facts
from bayesmix.criteria.kfold import kfold
from bayesmix.criteria.logo import logo
from bayesmix.criteria.loo import loo
from bayesmix.criteria.waic import waic
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.page import Summary

if TYPE_CHECKING:
    from arviz_stats import ELPDData

__all__ = ["Comparison", "compare"]

# Characters of a formula that can be the name of a model in a table.
LONGEST_NAME = 60

CRITERIA: dict[str, Callable[..., ELPDData]] = {
    "loo": loo,
    "waic": waic,
    "logo": logo,
    "kfold": kfold,
}


class Comparison(pd.DataFrame):
    """The table of `compare`: a data frame that prints with a note on what it means.

    Whatever is made of it is a plain data frame. ``attrs`` holds ``ic``, ``group`` (of logo),
    ``n`` (rows, or groups), ``note`` and ``caution``: why the estimates cannot be trusted, which is
    printed first; empty where they can.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _summary(self) -> Summary:
        if self.attrs["ic"] == "evidence":
            return evidence_summary(self)
        return elpd_summary(self)

    def __repr__(self) -> str:
        """Return the table and its note as text."""
        return repr(self._summary())

    def _repr_html_(self) -> str:
        return self._summary()._repr_html_()


def compare(
    *models: Mapping[str, Fitted | ELPDData] | Sequence[Fitted | ELPDData] | Fitted | ELPDData,
    ic: str | None = None,
    group: str | None = None,
    **options: Any,
) -> Comparison:
    """Compare models of the same response by how well they predict, or by their evidence.

    Parameters
    ----------
    *models : Fitted or ELPDData, or a mapping or list of these
        Two or more fits, or results of `loo`, `waic`, `logo` or `kfold`. A mapping gives them
        names; otherwise the names are the formulas where these differ, else ``model 1``,
        ``model 2`` and so on.
    ic : {"loo", "waic", "logo", "kfold", "evidence"}, optional
        The criterion. ``"loo"`` by default, or that of the results given. ``"evidence"`` asks
        another question, under which model and priors the response is more probable, and takes
        fits alone.
    group : str, optional
        For ``"logo"``: the grouping factor whose levels are left out. It may be left out where
        the models have one factor only. A model without it takes the groups of the others.
    **options
        For the criterion: those of `MixedFit.loo`, `MixedFit.logo`, `MixedFit.kfold` or
        `MixedFit.log_evidence`.

    Returns
    -------
    Comparison
        A data frame, best first, index ``Model``: ``K`` (number of population effects, variances,
        correlations and auxiliary parameters), ``LOOIC`` (-2 elpd), ``Delta_LOOIC`` and
        ``se_Delta`` (difference from the best, and its standard error), ``elpd``, ``se`` and ``p``
        (effective number of parameters), ``p_worse`` (probability that the model is expected to
        predict worse than the best one, NaN for the best), ``weight`` (stacking),
        ``N_random_effects`` (levels times effects) and ``warning``, empty where the estimate can
        be trusted. The names are
        ``WAIC``, ``LOGOIC`` or ``KFOLDIC`` for another criterion. It prints with a note that says
        in words what the difference means; where estimates cannot be trusted, that is said first,
        and no model is judged by them.

        Of ``"evidence"`` the columns are ``K``, ``log_evidence`` and ``se`` (its Monte-Carlo
        standard error), ``Delta_log_evidence`` and ``se_Delta``, ``Bayes_factor`` (of the model
        against the best, at most 1), ``probability`` (of the model, all being as probable before),
        ``N_random_effects`` and ``warning``.

    Raises
    ------
    BayesmixError
        For one model, different rows or responses, a fit compared with itself, mixed or unknown
        criteria, an unknown option, or a group that is not there; with
        ``"evidence"`` for improper priors, and for a response that is discrete under one model
        and continuous under another.

    Warns
    -----
    ComparisonWarning
        Estimates cannot be trusted: Pareto k or p_waic are too high in some rows, or refits did
        not converge.

    References
    ----------
    Sivula, Magnusson, Matamoros & Vehtari (2025), https://doi.org/10.48550/arXiv.2008.10296;
    Yao, Vehtari, Simpson & Gelman (2018), Bayesian Analysis 13, 917-1007,
    https://doi.org/10.1214/17-BA1091

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> slopes = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> intercepts = bm.fit("Reaction ~ Days + (1 | Subject)", data)  # doctest: +SKIP
    >>> bm.compare({"slopes": slopes, "intercepts": intercepts})  # doctest: +SKIP
    >>> bm.compare(slopes, intercepts, ic="logo")  # doctest: +SKIP
    >>> bm.compare(slopes, intercepts, ic="evidence")  # doctest: +SKIP
    """
    return _compare(_named(models, options), ic, group, options)


_TAKES = (
    "compare takes fits, or one list of fits, or one mapping of names to fits such as "
    "{'a': fit_a, 'b': fit_b}"
)


def _named(models: tuple[Any, ...], options: dict[str, Any]) -> Mapping[str, Any]:
    """Give names to models that came without: their formulas, or numbers."""
    _check_keywords(options)
    if not models and "models" in options:
        models = (options.pop("models"),)
    if len(models) == 1 and not isinstance(models[0], Fitted) and not is_result(models[0]):
        (several,) = models
        if isinstance(several, Mapping):
            return several
        if isinstance(several, pd.Series) and _are_names(several.index):
            return dict(zip(several.index, several, strict=True))
        is_one = isinstance(several, str) or not isinstance(several, Iterable)
        if is_one or getattr(several, "ndim", 1) != 1:
            raise BayesmixError(f"{_TAKES}; got {type(several).__name__}.")
        models = tuple(itertools.islice(several, MOST_VALUES))
    if any(isinstance(model, Mapping | list | tuple) for model in models):
        raise BayesmixError(f"{_TAKES}; got several of these.")
    formulas = [_formula(model) for model in models]
    short = all(formula and len(formula) <= LONGEST_NAME for formula in formulas)
    if short and len(set(formulas)) == len(formulas):
        return dict(zip(formulas, models, strict=True))
    return {f"model {i}": model for i, model in enumerate(models, 1)}


def _check_keywords(options: Mapping[str, Any]) -> None:
    """Raise for models that came as keywords, which are options."""
    named = [
        name
        for name, value in options.items()
        if name != "models" and (isinstance(value, Fitted) or is_result(value))
    ]
    if named:
        mapping = ", ".join(f"{name!r}: ..." for name in named)
        raise BayesmixError(
            f"compare takes names of models in a mapping, and got models as the keywords "
            f"{', '.join(named)}. Write compare({{{mapping}}}), with all models in it."
        )


def _are_names(index: pd.Index[Any]) -> bool:
    return index.is_unique and all(isinstance(name, str) for name in index)


def _formula(model: Any) -> str:
    if isinstance(model, Fitted):
        return model.spec.design.formula.text
    facts = Facts.read(model) if is_result(model) and model.elpd_i is not None else None
    return "" if facts is None else facts.formula


def _compare(
    models: Mapping[str, Any], ic: str | None, group: str | None, options: dict[str, Any]
) -> Comparison:
    criterion = check_models(models, ic)
    if group is not None and criterion != "logo":
        raise BayesmixError(f"group={shown(group)} is for ic='logo', and ic is '{criterion}'.")
    if any(not is_result(model) for model in models.values()):
        _check_options(criterion, options)
    facts = {
        name: Facts.read(model) if is_result(model) else Facts.of(cast("Fitted", model))
        for name, model in models.items()
    }
    check_same_data(facts)
    if criterion == "evidence":
        of_fits = {name: own for name, own in facts.items() if own is not None}
        return _finished(*evidence_columns(evidences(models, options), of_fits))
    results = _results(models, criterion, group, options)
    check_same_units(results)
    facts = {name: Facts.read(result) or facts[name] for name, result in results.items()}
    from_fits = not any(map(is_result, models.values()))
    return _finished(*elpd_columns(results, facts, criterion, from_fits=from_fits))


def _finished(columns: dict[str, Any], order: list[str], attributes: dict[str, Any]) -> Comparison:
    """Make the table with what it prints, and warn of what cannot be trusted."""
    table = Comparison(columns, index=pd.Index(order, name="Model"))
    table.attrs.update(attributes)
    if table.attrs["caution"]:
        warn(table.attrs["caution"], ComparisonWarning)
    return table


def _check_options(criterion: str, options: Mapping[str, Any]) -> None:
    """Refuse an option that the criterion does not have."""
    verb = log_evidence if criterion == "evidence" else CRITERIA[criterion]
    taken = inspect.signature(verb).parameters
    known = [name for name in taken if name not in ("fit", "group")]
    for name in options:
        if name not in known:
            raise BayesmixError(
                f"Unknown option {name}={shown(options[name])} for ic='{criterion}'. Options: "
                f"{', '.join([*known, 'ic', 'group'])}. {suggest(name, known)}".rstrip()
            )
    if options.get("subsample") is not None:
        raise BayesmixError(
            f"subsample={shown(options['subsample'])}: compare judges by all rows, and leaves no "
            "part of them out. Give the results of fit.loo(subsample=...) to arviz_stats.compare, "
            "whose differences know the error of the subsample."
        )


def _results(
    models: Mapping[str, Any], criterion: str, group: str | None, options: Mapping[str, Any]
) -> dict[str, ELPDData]:
    """Compute the criterion of each fit; warnings go into the table."""
    fits = {name: model for name, model in models.items() if not is_result(model)}
    groups: dict[str, Any] = {}
    if criterion == "logo" and fits:
        groups = _groups(fits, group or _group_of(models))
    if options and not fits:
        raise BayesmixError(f"{next(iter(options))} is for fits; the models are results already.")
    results: dict[str, ELPDData] = {}
    for name, model in models.items():
        if name not in fits:
            results[name] = model
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ComparisonWarning)
            results[name] = (
                logo(model, groups[name], **options)
                if criterion == "logo"
                else CRITERIA[criterion](model, **options)
            )
    return results


def _group_of(models: Mapping[str, Any]) -> str | None:
    """Return the group of the results among the models."""
    found = (getattr(model, "group", None) for model in models.values() if is_result(model))
    return next(filter(None, found), None)


def _groups(fits: Mapping[str, Fitted], group: str | None) -> dict[str, Any]:
    """Return what to leave out of each fit: the factor, or its labels where a model has none."""
    factors = {
        name: [term.factor for term in fit.spec.design.every_group] for name, fit in fits.items()
    }
    every = list(dict.fromkeys(factor for own in factors.values() for factor in own))
    if group is None:
        if len(every) != 1:
            raise BayesmixError(
                f"ic='logo' needs a group. Grouping factors: {', '.join(every) or 'none'}."
            )
        group = every[0]
    if group not in every:
        raise BayesmixError(
            f"group={shown(group)} is no grouping factor of any of the models. Grouping factors: "
            f"{', '.join(every) or 'none'}. {suggest(group, every)}".rstrip()
        )
    owner = next(fit for name, fit in fits.items() if group in factors[name])
    term = next(term for term in owner.spec.design.every_group if term.factor == group)
    labels = pd.Series(pd.Categorical(term.levels[term.codes], list(term.levels)), name=group)
    return {name: group if group in factors[name] else labels for name in fits}
