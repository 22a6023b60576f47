"""The summary of a fit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from bayesmix.base.arguments import true_or_false
from bayesmix.base.errors import short
from bayesmix.base.words import count
from bayesmix.design.names import path_start
from bayesmix.families.thresholds import EQUIDISTANT
from bayesmix.model.options import ENGINE_WORDS
from bayesmix.posterior.diagnostics import parameter_diagnostics, worst_figures
from bayesmix.posterior.drawn import drawn_of
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.kept import given_others
from bayesmix.posterior.parameters import number_of_draws
from bayesmix.tables.components import correlation_matrices, family_parameters, varcorr
from bayesmix.tables.page import Summary
from bayesmix.tables.population import cor_fe as correlation_of_terms
from bayesmix.tables.population import fixef
from bayesmix.tables.prior_parameters import (
    degrees_of_freedom,
    hyperparameters,
    student_lines,
)

__all__ = ["sampling_line", "summary"]

_MOST_CATEGORIES = 7


def summary(
    fit: Fitted, *, ci: bool = True, cor_re: bool = False, cor_fe: bool = False, digits: int = 2
) -> Summary:
    """Show variance components, fixed effects and one line on the sampling.

    Parameters
    ----------
    fit : Fitted
    ci : bool
        Show the 95 % intervals.
    cor_re, cor_fe : bool
        Show the correlations of the group effects, of the population effects.
    digits : int
        Decimals shown, and significant digits of SEs: values and limits get more decimals where
        a small SE needs them. The tables themselves are never rounded.

    Returns
    -------
    Summary
        Prints as text and shows as HTML in a notebook. Sections: variance components, correlations
        of random effects if asked for (one for each factor that has any), fixed effects,
        correlations of fixed effects if asked for, parameters of the family beside its mean and
        its residual sd. Degrees of freedom of effects that are Student-t follow the variance
        components, and hyperparameters the fixed effects, where there are any.

    Raises
    ------
    BayesmixError
        If an argument is not one of the allowed.
    """
    for name, value in {"ci": ci, "cor_re": cor_re, "cor_fe": cor_fe}.items():
        true_or_false(name, value)
    tables = varcorr(fit), degrees_of_freedom(fit), fixef(fit), hyperparameters(fit)
    components, tails, population, hyper, others = (
        table if ci else _without_limits(table) for table in (*tables, family_parameters(fit))
    )
    sections = []
    if len(components):
        sections.append(("Variance Components", components))
    if len(tails):
        sections.append(("Degrees of Freedom of Group Effects", tails))
    if cor_re:
        sections += _correlation_sections(fit)
    if len(population):
        sections.append(("Fixed Effects", population))
        if cor_fe:
            sections.append(("Correlation of Fixed Effects", correlation_of_terms(fit)))
    if len(hyper):
        sections.append(("Hyperparameters", hyper))
    if len(others):
        sections.append(("Family Parameters", others))
    return Summary(
        header=(*fit.design.formulas, _facts(fit)),
        sections=tuple(sections),
        footer=(*student_lines(fit), _sampling_line(fit), *_effects_without_draws(fit)),
        warnings=fit.notes,
        digits=digits,
    )


def _without_limits(table: pd.DataFrame) -> pd.DataFrame:
    limits = [name for name in table if str(name).startswith(("sd_", "lower_", "upper_"))]
    return table.drop(columns=limits)


def _correlation_sections(fit: Fitted) -> list[tuple[str, pd.DataFrame]]:
    title = "Correlation of Random Effects"
    matrices = correlation_matrices(fit.design, drawn_of(fit).posterior)
    every = fit.design.joint_effects
    correlated = [f"{path_start(one.predictor)}{one.factor}" for one in every if one.correlations]
    if not correlated:
        return [(title, pd.DataFrame())]
    if len(every) == 1:
        return [(title, matrices[correlated[0]])]
    return [(f"{title}, {factor}", matrices[factor]) for factor in correlated]


def _facts(fit: Fitted) -> str:
    design = fit.design
    sizes = {term.factor: len(term.levels) for term in design.every_group}
    levels = [count(size, "level") + f" of {factor}" for factor, size in sizes.items()]
    rows = count(design.n_rows, "row")
    event = f"probability of {design.event}; " if design.event else ""
    family = f"{fit.family.name} family, {fit.family.link} link"
    if not fit.family.categories:
        links = dict(fit.family.predicted)
        others = (name for name in links if name not in fit.family.specific)
        family += "".join(f", {links[name]} link of {name}" for name in others)
    if fit.family.known_errors:
        family += f", known standard errors {design.encoder.se or ''}".rstrip()
    if fit.family.threshold == EQUIDISTANT:
        family += f", {EQUIDISTANT} thresholds"
    return f"{family}; {event}{_categories(fit)}" + ", ".join([rows, *levels])


def _categories(fit: Fitted) -> str:
    """Write the categories of a response in their order, or with that which is the reference."""
    categories = fit.design.categories
    if categories is None:
        return ""
    labels = [short(label) for label in categories.labels]
    if len(labels) > _MOST_CATEGORIES:
        labels = [*labels[:2], "...", labels[-1]]
    if not categories.are_ordered:
        return f"{len(categories.labels)} categories, {', '.join(labels)}, against {labels[0]}; "
    return f"{len(categories.labels)} categories, {' < '.join(labels)}; "


def _sampling_line(fit: Fitted) -> str:
    drawn = drawn_of(fit)
    worst = drawn.attrs
    if not {"r_hat", "ess"} <= worst.keys():  # a file of an earlier version
        worst = worst_figures(parameter_diagnostics(fit.design, fit.family, drawn.posterior))
    return sampling_line(
        method=drawn.attrs["method"],
        chains=drawn.posterior.sizes["chain"],
        draws=drawn.posterior.sizes["draw"],
        r_hat=float(worst["r_hat"]),
        ess=float(worst["ess"]),
        divergences=drawn.diverged,
        seconds=float(drawn.attrs["seconds"]),
        thin=drawn.thin,
    )


def sampling_line(
    *,
    method: str,
    chains: int,
    draws: int,
    r_hat: float,
    ess: float,
    divergences: int,
    seconds: float,
    thin: int = 1,
) -> str:
    """Say in one line how it was sampled, and how well; no word of figures that are NaN.

    `ess` is the smallest of all parameters, of bulk and tail: the one that is warned of.
    """
    what = ENGINE_WORDS[method] + (f" (one of {thin} iterations kept)" if thin > 1 else "")
    figures = []
    if not math.isnan(r_hat):
        figures.append(f"worst R-hat {r_hat:.3f}")
    elif chains == 1:
        figures.append("no R-hat of one chain")
    if not math.isnan(ess):
        figures.append(f"smallest ESS {ess:.0f}")
    if divergences:
        figures.append(count(divergences, "divergence"))
    figures.append(f"{seconds:.{0 if seconds >= 100 else 1}f} s")
    size = f"{count(chains, 'chain')} x {count(draws, 'draw')}"
    return f"{what}, {size}: {', '.join(figures)}"


def _effects_without_draws(fit: Fitted) -> Iterator[str]:
    """Say of which factors the draws are not kept, and what they would take."""
    posterior = drawn_of(fit).posterior
    n_draws, normal = number_of_draws(posterior), given_others(fit.spec, posterior)
    for term in fit.design.every_group:
        if term.names.u not in posterior:
            size = 8e-9 * 2 * term.n_levels * term.n_effects * n_draws
            kept = "normal given all other draws" if term is normal else "mean, sd and quantiles"
            yield f"Effects of {term.factor}: kept as {kept}; draws take {size:.1f} GB"
