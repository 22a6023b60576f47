"""How often a study would show what is to be shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import (
    as_number,
    few,
    one_of,
    seed,
    shown,
    true_or_false,
    whole_number,
)
from bayesmix.base.errors import BayesmixError, ComparisonWarning, warn
from bayesmix.base.words import count
from bayesmix.model.options import SampleOptions
from bayesmix.posterior.fitted import Fitted
from bayesmix.simulation.replications import Job, Result, Statement, run_all
from bayesmix.simulation.studies import FromFunction, Sizes, study_of

__all__ = ["power", "power_of_fit"]

_MOST_SIZE, _MOST_DESIGNS, _MOST_REPLICATIONS = 100_000, 50, 100_000
# Of the standard normal law, for Wilson's interval of a share.
_Z = 1.959963984540054
_OPTIONS = ("method", "tune", "nuts", "nuts_sampler")


def power(
    simulation: Mapping[str, Any] | Fitted | Callable[..., Any],
    formula: str | None = None,
    statement: str | Callable[[Fitted], bool] | Sequence[str | Callable[[Fitted], bool]] = (),
    *,
    n_groups: int | Sequence[int] | None = None,
    n_per_group: int | Sequence[int] | None = None,
    probability: float = 0.975,
    replications: int = 200,
    group: str | None = None,
    parameters: str = "mean",
    draws: int = 250,
    chains: int = 4,
    executor: Executor | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
    **model: Any,
) -> pd.DataFrame:
    """Estimate how often a study would show a statement, by simulating and fitting it.

    Parameters
    ----------
    simulation : mapping, MixedFit or callable
        Where the data come from: arguments of `simulate`, ``{"beta": {"Intercept": 0, "time": 1},
        "sd": ..., "sigma": ...}``; a fit, whose groups of rows are taken anew with new effects and
        responses; or a function of ``random_seed`` and of those of ``n_groups`` and
        ``n_per_group`` that are varied, which returns a data frame.
    formula : str, optional
        The model that is fitted; by default the one that the data come from.
    statement : str, callable or list of these
        What is to be shown: a hypothesis such as ``"time > 0"``, as `MixedFit.hypothesis` reads
        it, or a function of the fit that returns True or False.
    n_groups, n_per_group : int or list of int, optional
        Numbers of levels of the first factor and of rows of each, every combination of which is
        tried.
    probability : float
        Posterior probability from which on a hypothesis counts as shown; 0.975 is that of a
        two-sided interval of 95 % on one side of the bound.
    replications : int
        Data sets of each size.
    group : str, optional
        The factor of a fit whose levels are varied; its only one by default.
    parameters : {"mean", "draw"}
        The truth of data from a fit: its posterior means, or another draw of its posterior for each
        data set, which carries what is not known of the effect.
    draws, chains : int
        Of each fit.
    executor : concurrent.futures.Executor, optional
        Runs the replications: threads, processes, Dask's ``client.get_executor()``. The numbers do
        not depend on it.
    random_seed : int, Generator or None
        The same seed gives the same numbers.
    progressbar : bool
        Show progress where it takes longer than a second.
    **model
        Further arguments of `bayesmix.fit`: ``family``, ``priors``, ``sigma="~ x"``, ``method``.

    Returns
    -------
    pandas.DataFrame
        ``n_groups, n_per_group`` where they are varied, ``statement, power, se, lower, upper,
        replications, not_converged``, a row for each size and statement: the share of data sets in
        which the statement was shown, its Monte-Carlo standard error, Wilson's 95 % interval [1]_,
        and in how many of them the chains of the fit did not pass their checks.

    Raises
    ------
    BayesmixError
        An argument cannot be used, or a replication fails.

    Warns
    -----
    ComparisonWarning
        More than 5 % of the fits of a size did not pass their checks.

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.
       https://doi.org/10.1080/01621459.1927.10502953

    See Also
    --------
    bayesmix.plot_power : A curve of the result.

    Examples
    --------
    >>> import bayesmix as bm
    >>> study = {
    ...     "beta": {"Intercept": 250, "time": 10},
    ...     "sd": {"Intercept": 25, "time": 6},
    ...     "sigma": 25,
    ... }
    >>> bm.power(study, statement="time > 0", n_groups=[5, 10, 20], random_seed=1)  # doctest: +SKIP
    """
    study = study_of(simulation, group, parameters)
    one_of("parameters", parameters, ("mean", "draw"))
    statements = _statements(statement)
    threshold = as_number(probability)
    if threshold is None or not 0.5 <= threshold < 1:
        raise BayesmixError(
            f"probability={shown(probability)} is not usable: give the posterior probability from "
            "which on a statement counts as shown, from 0.5 to below 1."
        )
    n = whole_number("replications", replications, at_least=1, at_most=_MOST_REPLICATIONS)
    true_or_false("progressbar", progressbar)
    if executor is not None and not isinstance(executor, Executor):
        raise BayesmixError(
            f"executor is of type {type(executor).__name__}; it should be a "
            "concurrent.futures.Executor, such as ProcessPoolExecutor()."
        )
    if formula is None and isinstance(study, FromFunction):
        raise BayesmixError(
            "power: a function makes data and says nothing of their model. Give formula=."
        )
    sizes = _sizes(n_groups, n_per_group)
    options = SampleOptions(
        draws=draws,
        chains=chains,
        cores=1,
        progressbar=False,
        random_seed=0,
        **{name: model.pop(name) for name in _OPTIONS if name in model},
    )
    seeds = np.random.SeedSequence(seed(random_seed)).spawn(len(sizes) * n)
    jobs = [
        Job(
            number=number,
            design=number // n,
            study=study,
            sizes=sizes[number // n],
            seeds=(int(own[0]), int(own[1])),
            formula=formula,
            model=_model(simulation, formula, model),
            options=options,
            statements=statements,
        )
        for number, own in enumerate(one.generate_state(2) for one in seeds)
    ]
    return _table(run_all(jobs, executor, progressbar), sizes, statements, threshold)


def power_of_fit(
    fit: Fitted,
    statement: str | Callable[[Fitted], bool] | Sequence[str | Callable[[Fitted], bool]],
    **options: Any,
) -> pd.DataFrame:
    """Estimate how often a study like the one that was fitted would show a statement.

    Parameters
    ----------
    fit : Fitted
    statement, **options
        As of `bayesmix.power`: ``n_groups=[20, 40]``, ``n_per_group=``, ``parameters="draw"``, ...

    Returns
    -------
    pandas.DataFrame
        As `bayesmix.power`.

    Raises
    ------
    BayesmixError
        As `bayesmix.power`.

    Examples
    --------
    >>> fit.power("Days > 5", n_groups=[10, 20, 40])  # doctest: +SKIP
    """
    return power(fit, statement=statement, **options)


def _statements(given: Any) -> tuple[Statement, ...]:
    found = [given] if callable(given) else few("statement", given)
    if not found or not all(isinstance(one, str) or callable(one) for one in found):
        raise BayesmixError(
            f"statement={shown(given)} is not usable: give what is to be shown, such as 'x > 0', "
            "a function of the fit, or a list of these."
        )
    return tuple(found)


def _sizes(n_groups: Any, n_per_group: Any) -> list[Sizes]:
    """List all combinations of numbers of groups and of rows."""
    varied: dict[str, list[int]] = {}
    for name, given, least in (("n_groups", n_groups, 2), ("n_per_group", n_per_group, 1)):
        if given is None:
            continue
        numbers = [
            whole_number(name, one, at_least=least, at_most=_MOST_SIZE) for one in few(name, given)
        ]
        if not numbers or len(set(numbers)) < len(numbers):
            raise BayesmixError(f"{name}={shown(given)}: give different numbers, such as [10, 20].")
        varied[name] = numbers
    found: list[Sizes] = [
        dict(zip(varied, row, strict=True)) for row in itertools.product(*varied.values())
    ]
    if len(found) > _MOST_DESIGNS:
        raise BayesmixError(
            f"n_groups and n_per_group are {len(found):,} sizes, of at most {_MOST_DESIGNS:,}."
        )
    return found


def _model(simulation: Any, formula: str | None, model: Mapping[str, Any]) -> dict[str, Any]:
    """Sort the arguments of the model: those of any fit, and formulas of parameters."""
    own = dict(model)
    named: dict[str, Any] = {
        name: own.pop(name)
        for name in ("family", "priors", "weights", "se", "residual")
        if name in own
    }
    if isinstance(simulation, Fitted):
        spec, encoder = simulation.spec, simulation.design.encoder
        named.setdefault("priors", spec.priors.edits or None)
        named.setdefault("weights", encoder.weights or encoder.response.weights)
        named.setdefault("se", encoder.se)
        named.setdefault("residual", spec.family.known_errors and "sigma" in spec.family.others)
        if spec.family.known_errors:
            named.setdefault("family", "gaussian")
    return {**named, "predictors": own}


def _table(
    results: Sequence[Result], sizes: Sequence[Sizes], statements: Sequence[Statement], at: float
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for design, size in enumerate(sizes):
        own = [result for result in results if result.design == design]
        shown_in = np.array([result.probabilities for result in own]) >= at
        failed = sum(not result.has_converged for result in own)
        for k, statement in enumerate(statements):
            share, n = float(shown_in[:, k].mean()), len(own)
            lower, upper = _wilson(share, n)
            name = (
                statement
                if isinstance(statement, str)
                else getattr(statement, "__name__", "statement")
            )
            rows.append(
                {
                    **size,
                    "statement": name,
                    "power": share,
                    "se": float(np.sqrt(share * (1 - share) / n)),
                    "lower": lower,
                    "upper": upper,
                    "replications": n,
                    "not_converged": failed,
                }
            )
        if failed > 0.05 * len(own):
            written = ", ".join(f"{name}={number}" for name, number in size.items())
            warn(
                f"{failed} of {count(len(own), 'fit')}{f' with {written}' if written else ''} did "
                "not pass their checks, so that their power is not to be trusted. Give more draws.",
                ComparisonWarning,
            )
    return pd.DataFrame(rows)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return the limits of Wilson's interval of a share."""
    center = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return float(center - half), float(center + half)
