"""How far parameters depend on the priors, and on the data: power-scaling."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import as_number, names_of, shown, true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.psis import FEWEST_DRAWS, enough_draws, good_k_of, warn_of
from bayesmix.engines.refits import refitted
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.posterior.summaries import text_column
from bayesmix.priors.leaves import Leaf
from bayesmix.questions.likelihoods import integrates_groups, log_likelihood
from bayesmix.questions.log_priors import ALL, is_constant, log_prior, priors_under
from bayesmix.questions.power_scaling import sensitivities, weighted
from bayesmix.questions.quantities import quantities
from bayesmix.questions.scaled_priors import with_powered
from bayesmix.questions.sensitivity_words import diagnosis, pulls, sentence, trust
from bayesmix.tables.page import Summary

__all__ = ["Sensitivity", "sensitivity"]

_MOST_POWER, _LEAST_POWER = 10.0, 1.01


class Sensitivity(pd.DataFrame):
    """The table of `sensitivity`: a data frame that prints with what it means in words.

    Whatever is made of it is a plain data frame. ``attrs`` holds ``title``, ``sentence``,
    ``notes`` and ``warnings``.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _summary(self) -> Summary:
        # Printing leaves out what the words below the table say.
        hidden = ["diagnosis", "prior_k", "likelihood_k", "value_k"]
        names = map(str, self.columns)
        short = {name: name.replace("value_", "at_") for name in names if name.startswith("value_")}
        table = pd.DataFrame(self).drop(columns=hidden).rename(columns=short)
        return Summary(
            header=(self.attrs.get("title", ""), self.attrs.get("sentence", "")),
            sections=(("Power-scaling sensitivity", table),),
            footer=self.attrs.get("notes", ()),
            alerts=self.attrs.get("warnings", ()),
        )

    def __repr__(self) -> str:
        """Return the table and what it means as text."""
        return repr(self._summary())

    def _repr_html_(self) -> str:
        return self._summary()._repr_html_()


def sensitivity(
    fit: Fitted,
    parameters: str | Sequence[str] | None = None,
    *,
    priors: str | Sequence[str] = ALL,
    power: float = 2.0,
    threshold: float = 0.05,
    integrated: bool | None = None,
    refit: bool = False,
) -> Sensitivity:
    """Ask how far parameters depend on the priors, and on the data.

    Priors, or the likelihood, are counted a little more and a little less: their density is taken
    to a power close to 1. The draws are weighted accordingly, and the distance between the two
    posteriors of a parameter is its sensitivity. One that is sensitive to the prior and to the
    likelihood is pulled to different places by them; one that is sensitive to the prior alone has
    its value from the prior.

    Parameters
    ----------
    fit : Fitted
    parameters : str or list of str, optional
        Names, or what names begin with, as in ``fit.draws_frame()``, such as ``"sd"``, ``"Days"``
        or ``"u:Subject:Days:308"``; or expressions, as in ``fit.hypothesis()``, such as
        ``"sd:Subject:Days / sigma"``. By default all but the effects of single levels.
    priors : str or list of str
        Which priors are scaled: ``"all"`` together; ``"population"``, those of intercepts,
        thresholds and population effects; or those under a path, as `fit.priors` has them:
        ``"sd"``, ``"sd:Subject"``, ``"cor"``, ``"beta:Days"``, ``"sigma"``. Each element of a list
        is scaled by itself.
    power : float
        How often the priors count for ``value_<power>``, from 1.01 to 10; 1 over that for the
        column before it.
    threshold : float
        Sensitivity from which on a parameter depends on the priors, or on the data.
    integrated : bool, optional
        True for the likelihood with the group effects integrated out, which needs a Gaussian
        response and normal group effects; False for that given the group effects. By default the
        first where it is possible.
    refit : bool
        Refit with the priors to that power where the weights cannot be trusted.

    Returns
    -------
    Sensitivity
        A data frame, one row for each parameter, and for each element of `priors`, which is the
        first column then: ``priors, parameter, value, se, prior, likelihood, value_0.5, value_2,
        prior_k, likelihood_k, value_k, diagnosis``. ``value`` is the posterior mean, ``se`` its
        sd; ``prior`` and ``likelihood`` are the sensitivities; ``value_0.5`` and ``value_2`` the
        posterior means with the priors counted half, and twice; ``..._k`` the Pareto k of the
        weights that these rest on, 0 of a refit. ``diagnosis`` is ``"potential prior-data
        conflict"`` where both sensitivities reach the threshold, ``"potential strong prior / weak
        likelihood"`` where that to the prior alone does, ``"depends on the prior"`` where that to
        the likelihood is not known (NaN), else ``"-"``.

    Raises
    ------
    BayesmixError
        For arguments that cannot be used; fewer than 25 draws; a prior whose density is zero or
        infinite in some draws; with `refit`, a prior that is none of the known distributions when
        it is taken to a power.

    Warns
    -----
    ComparisonWarning
        A Pareto k is too high: above min(1 - 1 / log10(S), 0.7).

    Notes
    -----
    Sensitivity is the gradient, by log2 of the power, of the cumulative Jensen-Shannon distance
    between the posterior of a parameter and that with the powers 0.99 and 1.01, as priorsense (R)
    and ArviZ compute it. A diagnosis says where to look: a prior that is meant to inform is
    reported, too.

    The prior of an sd is taken to its power as a density of the sd, that of correlations as a
    density of the matrix, and those of the intercept and of correlated blocks where they are set,
    at the means of the columns. LKJ(1), Uniform and flat priors are constant, and no power of them
    is another. Exponential(scale=s) counted twice is Exponential(scale=s/2), Normal(mu, sigma) is
    Normal(mu, sigma / sqrt(2)).

    Group effects given their sds are part of the model: their distribution is neither prior nor
    likelihood, and keeps its power of 1; so does that of population effects given parameters of
    their prior, whose own priors are scaled. brms and priorsense scale the likelihood given the
    group effects. Then a level's own rows are counted more against the distribution of levels,
    which changes what an sd is. Where group effects can be integrated out in closed form, the
    likelihood of population effects, sds, correlations and sigma is that of all rows of a level
    together, and this is scaled. Elsewhere it is that given the group effects.

    References
    ----------
    Kallioinen, Paananen, Buerkner & Vehtari (2024). Detecting and diagnosing prior and likelihood
    sensitivity with power-scaling. Statistics and Computing 34, 57.
    https://doi.org/10.1007/s11222-023-10366-5

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (Days | Subject)", data, random_seed=1, progressbar=False)
    >>> table = fit.sensitivity()
    >>> table[["parameter", "prior", "likelihood"]].round(1).head(2)
            parameter  prior  likelihood
    0  beta:Intercept    0.0         0.1
    1       beta:Days    0.0         0.1
    """
    true_or_false("refit", refit)
    power = _number("power", power, _LEAST_POWER, _MOST_POWER)
    threshold = _number("threshold", threshold, 1e-6, 1.0)
    names = names_of("priors", priors)
    if not names:
        raise BayesmixError(f"priors={shown(priors)} names nothing: give '{ALL}', or paths.")
    groups = {name: priors_under(fit.spec, name) for name in names}
    is_integrated = integrates_groups(fit.spec, integrated)
    enough_draws(number_of_draws(fit.posterior), at_least=FEWEST_DRAWS)
    draws = quantities(fit, parameters)
    log, of_likelihood = log_likelihood(fit, is_integrated)
    likelihood, likelihood_k = np.full(len(draws), math.nan), math.nan
    if log is not None:
        likelihood, likelihood_k = sensitivities(draws, log)
    asked = Asked(fit, parameters, draws, power, good_k_of(number_of_draws(fit.posterior)), refit)
    parts = [asked.about(name, leaves) for name, leaves in groups.items()]
    for part in parts:
        part["likelihood"], part["likelihood_k"] = likelihood, likelihood_k
        pairs = zip(part["prior"], likelihood, strict=True)
        part["diagnosis"] = text_column([diagnosis(*pair, threshold) for pair in pairs])
    columns = ["priors", "parameter", "value", "se", "prior", "likelihood", *asked.columns]
    columns += ["prior_k", "likelihood_k", "value_k", "diagnosis"]
    whole = pd.concat(parts, ignore_index=True)[columns]
    table = Sensitivity(
        whole if len(names) > 1 or names != (ALL,) else whole.drop(columns="priors")
    )
    warnings = trust(
        {name: float(whole[f"{name}_k"].max()) for name in ("prior", "likelihood", "value")},
        asked.good_k,
        is_refitted=refit,
        means=asked.columns,
    )
    constant = [leaf.path for leaves in groups.values() for leaf in leaves if is_constant(leaf)]
    table.attrs |= {
        "title": "; ".join(fit.design.formulas),
        "sentence": sentence(whole, threshold),
        "notes": (*pulls(whole, *asked.columns, power), of_likelihood, *_of_constant(constant)),
        "warnings": warnings,
    }
    if warnings:
        warn_of(" ".join(warnings))
    return table


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of the priors of a fit."""

    fit: Fitted
    parameters: str | Sequence[str] | None
    draws: Mapping[str, FloatArray]
    power: float
    good_k: float
    refit: bool

    @property
    def columns(self) -> tuple[str, str]:
        """Columns of the means with the priors counted less, and more."""
        return f"value_{1 / self.power:.4g}", f"value_{self.power:.4g}"

    def about(self, name: str, leaves: Sequence[Leaf]) -> pd.DataFrame:
        """Scale some of the priors."""
        fit = self.fit
        sizes = fit.posterior.sizes
        log = log_prior(fit.spec, fit.posterior, leaves).reshape(sizes["chain"], sizes["draw"])
        flat = np.array([own.ravel() for own in self.draws.values()])
        prior, k = sensitivities(self.draws, log)
        table = pd.DataFrame({"parameter": text_column(list(self.draws))})
        table["priors"] = text_column([name] * len(table))
        table["value"], table["se"] = flat.mean(axis=1), flat.std(axis=1, ddof=1)
        table["prior"], table["prior_k"], table["value_k"] = prior, k, 0.0
        for column, power in zip(self.columns, (1 / self.power, self.power), strict=True):
            weights = weighted(log, power)
            if self.refit and weights.k > self.good_k:
                table[column] = self._refitted(leaves, power)
                continue
            table[column] = weights.mean(flat)
            table["value_k"] = np.maximum(table["value_k"], weights.k)
        return table

    def _refitted(self, leaves: Sequence[Leaf], power: float) -> FloatArray:
        other = refitted(self.fit, with_powered(self.fit.spec, leaves, power))
        found = quantities(other, self.parameters)
        return np.array([found[name].mean() for name in self.draws])


def _of_constant(paths: Sequence[str]) -> tuple[str, ...]:
    if not paths:
        return ()
    listed = ", ".join(dict.fromkeys(paths))
    return (f"Constant priors, which no power changes: {listed}.",)


def _number(name: str, value: object, least: float, most: float) -> float:
    number = as_number(value)
    if number is None or not least <= number <= most:
        raise BayesmixError(
            f"{name}={shown(value)} is not usable: give a number from {least:g} to {most:g}."
        )
    return number
