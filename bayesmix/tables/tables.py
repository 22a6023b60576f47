"""Posterior to the tables that mixed-model users read, each made once.

Every function takes the design and the posterior draws and returns plain frames of unrounded
numbers. ``value`` is a posterior mean, ``se`` a posterior standard deviation (``ddof=1``), and an
interval is equal-tailed: quantiles of all chains together, linearly interpolated. Column names
carry the tail: ``lower_2.5`` and ``upper_97.5`` for ``ci_level=0.95``. The columns are those of
the R package mixedup for brms fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import as_number, few, one_of, shown, true_or_false
from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.families.families import FAMILIES

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.design.design import Design
    from bayesmix.design.groupterm import GroupTerm

__all__ = [
    "coef",
    "cor_fe",
    "cor_re",
    "correlation_matrices",
    "diagnostics",
    "find_typical",
    "fixef",
    "parameter_draws",
    "ranef",
    "selected",
    "summarised",
    "varcorr",
]


# Draws of group effects copied at a time: 64 MB, whatever the number of levels.
_CHUNK_SIZE = 8_000_000


class _Interval(NamedTuple):
    """Two tail probabilities and how the columns name them."""

    lower: float
    upper: float

    def names(self, lower: str, upper: str) -> tuple[str, str]:
        return f"{lower}_{100 * self.lower:.10g}", f"{upper}_{100 * self.upper:.10g}"


class _Marginals(NamedTuple):
    """Summaries of k quantities, each of shape (k,)."""

    mean: FloatArray
    sd: FloatArray
    lower: FloatArray
    upper: FloatArray

    def columns(self, interval: _Interval) -> dict[str, FloatArray]:
        lower, upper = interval.names("lower", "upper")
        return {"value": self.mean, "se": self.sd, lower: self.lower, upper: self.upper}


def fixef(
    design: Design,
    posterior: xr.Dataset,
    *,
    ci_level: float = 0.95,
    exponentiate: bool = False,
) -> pd.DataFrame:
    """Summarise the population effects.

    Parameters
    ----------
    design : Design
        Terms of the model.
    posterior : xarray.Dataset
        Draws of ``beta``.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    exponentiate : bool
        Summarise ``exp(beta)``: odds ratios with a logit link, rate ratios with a log link.
        The draws are transformed before they are summarised, so that ``value`` is the posterior
        mean of the ratio, which is larger than the exponential of the mean.

    Returns
    -------
    pandas.DataFrame
        ``term, value, se, lower_2.5, upper_97.5``, one row for each column of X, in that order.

    Raises
    ------
    BayesmixError
        If `ci_level` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import bayesmix as bm
    >>> from bayesmix.tables import tables
    >>> design = bm.prepare("Reaction ~ Days", bm.load_dataset("sleepstudy")).design
    >>> draws = np.linspace([250, 8], [252, 12], 101)[np.newaxis]
    >>> posterior = xr.Dataset({"beta": (("chain", "draw", "term"), draws)})
    >>> tables.fixef(design, posterior, ci_level=0.9).round(2)
            term  value    se  lower_5  upper_95
    0  Intercept  251.0  0.59    250.1     251.9
    1       Days   10.0  1.17      8.2      11.8
    """
    interval = _interval(ci_level)
    true_or_false("exponentiate", exponentiate)
    beta = _beta(design, posterior)
    with np.errstate(over="ignore", invalid="ignore"):
        marginals = _summarise(np.exp(beta) if exponentiate else beta, interval)
    return pd.DataFrame({"term": _text(design.terms), **marginals.columns(interval)})


def varcorr(
    design: Design,
    posterior: xr.Dataset,
    *,
    ci_level: float = 0.95,
    ci_scale: str = "sd",
    estimator: str = "mean",
) -> pd.DataFrame:
    """Summarise the variance components.

    Parameters
    ----------
    design : Design
        Grouping factors of the model.
    posterior : xarray.Dataset
        Draws of ``sd_<factor>`` and, where the family has a residual sd, of ``sigma``.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    ci_scale : {"sd", "var"}
        Interval of the sd, or of the variance (its squares).
    estimator : {"mean", "posterior"}
        ``"mean"``, as ``mixedup::extract_vc`` for brms fits: ``variance`` is the square of the
        posterior mean of the sd, and ``var_prop`` that variance over the sum of all of them.
        ``"posterior"``: ``variance`` and ``var_prop`` are the posterior means of the variance and
        of its share, and ``var_prop`` has an interval.

    Returns
    -------
    pandas.DataFrame
        ``group, effect, variance, sd, sd_2.5, sd_97.5, var_prop``, with ``var_2.5, var_97.5``
        for ``ci_scale="var"``, and ``var_prop_2.5, var_prop_97.5`` besides for
        ``estimator="posterior"``. One row for each group effect, in the order of factor and
        effect; last a row ``Residual`` with an empty effect, where the family has a residual sd.
        ``sd`` is the posterior mean of the sd.

    Raises
    ------
    BayesmixError
        If an argument is not one of the allowed.

    Notes
    -----
    ``var_prop`` adds up the variances of all effects, whatever the scale of their covariates, and
    leaves covariances out; it depends on where a covariate has its zero. Without a residual sd
    the shares are those of the group effects alone. With weights, the residual variance is that
    of a row with weight 1.
    """
    interval = _interval(ci_level)
    one_of("ci_scale", ci_scale, ("sd", "var"))
    one_of("estimator", estimator, ("mean", "posterior"))
    groups, effects, draws = [], [], []
    for term in design.groups:
        groups += [term.factor] * len(term.effects)
        effects += list(term.effects)
        draws.append(_draws(posterior, f"sd_{term.factor}", term.effect_dim))
    if "sigma" in posterior:
        groups.append("Residual")
        effects.append("")
        draws.append(_draws(posterior, "sigma")[np.newaxis])
    sd = np.concatenate(draws) if draws else np.empty((0, _n_draws(posterior)))
    variances = sd**2
    marginals = _summarise(sd, interval)
    share = None
    if estimator == "posterior":
        share = _summarise(_proportions(variances), interval)
        variance, var_prop = variances.mean(axis=1), share.mean
    else:
        variance = marginals.mean**2
        var_prop = _proportions(variance)
    power = 2 if ci_scale == "var" else 1
    lower, upper = interval.names(ci_scale, ci_scale)
    table = {
        "group": _text(groups),
        "effect": _text(effects),
        "variance": variance,
        "sd": marginals.mean,
        lower: marginals.lower**power,
        upper: marginals.upper**power,
        "var_prop": var_prop,
    }
    if share is not None:
        lower, upper = interval.names("var_prop", "var_prop")
        table |= {lower: share.lower, upper: share.upper}
    return pd.DataFrame(table)


def cor_re(
    design: Design, posterior: xr.Dataset, *, long: bool = False, ci_level: float = 0.95
) -> dict[str, pd.DataFrame] | pd.DataFrame:
    """Summarise the correlations of the group effects.

    Parameters
    ----------
    design : Design
        Grouping factors of the model and which of their effects are correlated.
    posterior : xarray.Dataset
        Draws of ``cor_<factor>``.
    long : bool
        One row for each correlation, with its interval, instead of matrices.
    ci_level : float
        Probability inside the interval, above 0 and below 1; for the long form.

    Returns
    -------
    dict of str to pandas.DataFrame, or pandas.DataFrame
        Grouping factor -> effect x effect matrix of posterior means, for every grouping factor;
        effects of different blocks are independent in the model and have a zero. Long:
        ``group_var, effect_1, effect_2, value, se, lower_2.5, upper_97.5``, one row for each
        correlation that the model estimates, none for the zeros between blocks.

    Raises
    ------
    BayesmixError
        If `ci_level` is not between 0 and 1.
    """
    interval = _interval(ci_level)
    true_or_false("long", long)
    if not long:
        return correlation_matrices(design, posterior)
    factors, first, second, draws = [], [], [], []
    for term in design.groups:
        for i, j, values in _correlations(term, posterior):
            factors.append(term.factor)
            first.append(term.effects[i])
            second.append(term.effects[j])
            draws.append(values)
    stacked = np.array(draws) if draws else np.empty((0, _n_draws(posterior)))
    return pd.DataFrame(
        {
            "group_var": _text(factors),
            "effect_1": _text(first),
            "effect_2": _text(second),
            **_summarise(stacked, interval).columns(interval),
        }
    )


def correlation_matrices(design: Design, posterior: xr.Dataset) -> dict[str, pd.DataFrame]:
    """Average the correlation matrices of the group effects over the draws.

    Parameters
    ----------
    design : Design
    posterior : xarray.Dataset

    Returns
    -------
    dict of str to pandas.DataFrame
        Grouping factor -> effect x effect, for every grouping factor.
    """
    matrices = {}
    for term in design.groups:
        matrix = np.eye(len(term.effects))
        for i, j, values in _correlations(term, posterior):
            matrix[i, j] = matrix[j, i] = values.mean()
        effects = list(term.effects)
        matrices[term.factor] = pd.DataFrame(matrix, index=effects, columns=effects)
    return matrices


def cor_fe(design: Design, posterior: xr.Dataset) -> pd.DataFrame:
    """Correlate the draws of the population effects.

    Parameters
    ----------
    design : Design
    posterior : xarray.Dataset

    Returns
    -------
    pandas.DataFrame
        Term x term: correlations of the draws of ``beta``, NaN with a term that does not vary.
    """
    beta = _beta(design, posterior)
    centred = beta - beta.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    length[np.ptp(beta, axis=1) == 0] = np.nan
    matrix = centred @ centred.T / np.outer(length, length)
    np.fill_diagonal(matrix, 1.0)
    terms = list(design.terms)
    return pd.DataFrame(matrix, index=terms, columns=terms)


def ranef(
    design: Design,
    posterior: xr.Dataset,
    *,
    re: str | None = None,
    ci_level: float = 0.95,
    add_group_N: bool = False,
) -> pd.DataFrame:
    """Summarise the group effects: each level's deviation from the population.

    Parameters
    ----------
    design : Design
        Grouping factors of the model.
    posterior : xarray.Dataset
        Draws of ``u_<factor>``.
    re : str, optional
        One grouping factor; all of them by default.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    add_group_N : bool
        Add ``n``, the number of rows of the data in each level.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, value, se, lower_2.5, upper_97.5`` and ``n`` if asked for, in
        the order of factor, effect, level.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or `ci_level` not between 0 and 1.
    """
    true_or_false("add_group_N", add_group_N)
    return _group_table(design, posterior, re, ci_level, add_population=False, add_n=add_group_N)


def coef(
    design: Design, posterior: xr.Dataset, *, re: str | None = None, ci_level: float = 0.95
) -> pd.DataFrame:
    """Summarise each level's coefficients: population effect plus the level's deviation.

    Parameters
    ----------
    design : Design
        Terms and grouping factors of the model.
    posterior : xarray.Dataset
        Draws of ``beta`` and ``u_<factor>``.
    re : str, optional
        One grouping factor; all of them by default.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, value, se, lower_2.5, upper_97.5``, in the order of factor,
        effect, level. The draws are added before they are summarised, so that ``se`` and the
        interval count how the two depend on each other.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or `ci_level` not between 0 and 1.

    Notes
    -----
    An effect belongs to the population term of the same label; where there is none, the
    population counts 0. With several grouping factors each one is added to the population on its
    own, as in lme4's ``coef``: a row describes a level that is average in all other factors.
    """
    return _group_table(design, posterior, re, ci_level, add_population=True, add_n=False)


def find_typical(
    design: Design,
    posterior: xr.Dataset,
    *,
    re: str | None = None,
    probs: npt.ArrayLike | None = None,
    ci_level: float = 0.95,
) -> pd.DataFrame:
    """Find the levels that stand for the average, or for quantiles, of each group effect.

    Parameters
    ----------
    design : Design
        Grouping factors of the model.
    posterior : xarray.Dataset
        Draws of ``u_<factor>``.
    re : str, optional
        One grouping factor; all of them by default.
    probs : float or sequence of float, optional
        Probabilities, 0 to 1. By default the average level is looked for.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        The columns of `ranef`: for each effect the level whose posterior mean is closest to zero,
        which is the population's average. With `probs`, for each effect and probability the level
        closest to that quantile of the levels' posterior means, and a column ``probs`` that names
        it, such as ``25%``. Of several levels equally close, the first.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model, or `probs` or `ci_level` out of range.
    """
    probabilities = None if probs is None else _probabilities(probs)
    table = ranef(design, posterior, re=re, ci_level=ci_level)
    rows, labels = [], []
    for _, block in table.groupby(["group_var", "effect"], sort=False):
        values = block["value"].to_numpy()
        targets = [0.0] if probabilities is None else np.quantile(values, probabilities).tolist()
        rows += [block.index[_closest(values, target)] for target in targets]
        if probabilities is not None:
            labels += [f"{100 * p:.10g}%" for p in probabilities]
    typical = table.loc[rows].reset_index(drop=True)
    return typical if probabilities is None else typical.assign(probs=_text(labels))


def parameter_draws(design: Design, posterior: xr.Dataset) -> dict[str, FloatArray]:
    """Collect the draws of each parameter, the effects of single levels left out.

    Parameters
    ----------
    design : Design
    posterior : xarray.Dataset

    Returns
    -------
    dict of str to ndarray, each of shape (chain, draw)
        Labelled like the paths of the priors: ``beta:Days``, ``sd:Subject:Days``,
        ``cor:Subject:Intercept:Days``, ``sigma``; population effects first, then for each
        grouping factor its sds and correlations, then the auxiliary parameters.
    """
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    draws = dict(
        zip((f"beta:{term}" for term in design.terms), _beta(design, posterior), strict=True)
    )
    for term in design.groups:
        sd = _draws(posterior, f"sd_{term.factor}", term.effect_dim)
        draws |= {f"sd:{term.factor}:{e}": x for e, x in zip(term.effects, sd, strict=True)}
        for i, j, values in _correlations(term, posterior):
            draws[f"cor:{term.factor}:{term.effects[i]}:{term.effects[j]}"] = values
    for name in _auxiliary(posterior):
        draws[name] = _draws(posterior, name)
    return {label: values.reshape(shape) for label, values in draws.items()}


def summarised(draws: FloatArray, ci_level: float) -> dict[str, FloatArray]:
    """Summarise draws of any quantities.

    Parameters
    ----------
    draws : ndarray, shape (k, S)
        Draws of each quantity; they are used up: they may be reordered.
    ci_level : float
        Probability inside the interval, above 0 and below 1.

    Returns
    -------
    dict of str to ndarray, each of shape (k,)
        ``value, se, lower_2.5, upper_97.5``.

    Raises
    ------
    BayesmixError
        If `ci_level` is not between 0 and 1.
    """
    interval = _interval(ci_level)
    return _summarise(draws, interval).columns(interval)


def diagnostics(design: Design, posterior: xr.Dataset) -> pd.DataFrame:
    """Judge the draws of each parameter: R-hat and effective sample sizes.

    Parameters
    ----------
    design : Design
    posterior : xarray.Dataset

    Returns
    -------
    pandas.DataFrame
        ``parameter, r_hat, ess_bulk, ess_tail``, one row for each of `parameter_draws`: the
        rank-normalised split R-hat, and the effective sample sizes for the centre and for the
        5 % and 95 % quantiles. NaN where there is nothing to judge: a parameter that does not
        vary, draws that are not finite, fewer than four draws, and for R-hat a single chain.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021). Rank-normalization, folding, and
    localization: an improved R-hat. Bayesian Analysis 16, 667-718.
    https://doi.org/10.1214/20-BA1221
    """
    draws = parameter_draws(design, posterior)
    shape = (len(draws), posterior.sizes["chain"], posterior.sizes["draw"])
    stacked = np.array(list(draws.values())).reshape(shape)
    figures: dict[str, FloatArray] = {
        name: np.full(len(draws), np.nan) for name in ("r_hat", "ess_bulk", "ess_tail")
    }
    varies = np.isfinite(stacked).all(axis=(1, 2)) & (np.ptp(stacked, axis=(1, 2)) > 0)
    if varies.any():
        from arviz_stats.base import array_stats

        kept = stacked[varies]
        with np.errstate(divide="ignore", invalid="ignore"):
            figures["r_hat"][varies] = array_stats.rhat(kept)
            figures["ess_bulk"][varies] = array_stats.ess(kept, method="bulk")
            figures["ess_tail"][varies] = array_stats.ess(kept, method="tail", prob=(0.05, 0.95))
    return pd.DataFrame({"parameter": _text(list(draws)), **figures})


def _group_table(
    design: Design,
    posterior: xr.Dataset,
    re: str | None,
    ci_level: float,
    *,
    add_population: bool,
    add_n: bool,
) -> pd.DataFrame:
    interval = _interval(ci_level)
    population = {}
    if add_population:
        population = dict(zip(design.terms, _beta(design, posterior), strict=True))
    parts = []
    for term in selected(design, re):
        counts = np.bincount(term.codes[term.codes >= 0], minlength=len(term.levels))
        for effect in term.effects:
            marginals = _level_marginals(
                posterior, term, effect, interval, add=population.get(effect)
            )
            part = {
                "group_var": _text([term.factor] * len(term.levels)),
                "effect": _text([effect] * len(term.levels)),
                "group": _text(term.levels),
                **marginals.columns(interval),
            }
            parts.append(pd.DataFrame(part | ({"n": counts} if add_n else {})))
    if parts:
        return pd.concat(parts, ignore_index=True)
    nothing = np.empty(0)
    labels = {name: _text([]) for name in ("group_var", "effect", "group")}
    columns = _Marginals(nothing, nothing, nothing, nothing).columns(interval)
    return pd.DataFrame(
        {**labels, **columns, **({"n": np.empty(0, dtype=np.int64)} if add_n else {})}
    )


def _level_marginals(
    posterior: xr.Dataset,
    term: GroupTerm,
    effect: str,
    interval: _Interval,
    *,
    add: FloatArray | None,
) -> _Marginals:
    """Summarise one effect in every level: the only place that reads draws of group effects."""
    if f"u_{term.factor}" not in posterior or "statistic" in posterior[f"u_{term.factor}"].dims:
        return _kept_marginals(posterior, term, effect, interval, with_population=add is not None)
    u = posterior[f"u_{term.factor}"].isel({term.effect_dim: term.effects.index(effect)})
    step = max(1, _CHUNK_SIZE // _n_draws(posterior))
    parts = []
    for start in range(0, len(term.levels), step):
        chunk = u.isel({term.dim: slice(start, start + step)})
        draws = _flat(chunk, term.dim)
        if add is not None:
            draws += add
        parts.append(_summarise(draws, interval))
    return _Marginals(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _kept_marginals(
    posterior: xr.Dataset,
    term: GroupTerm,
    effect: str,
    interval: _Interval,
    *,
    with_population: bool,
) -> _Marginals:
    """Read what was kept of a factor whose draws were too large to keep."""
    name = f"coef_{term.factor}" if with_population else f"u_{term.factor}"
    kept = posterior[name].sel({term.effect_dim: effect})
    wanted = [f"{interval.lower:g}", f"{interval.upper:g}"]
    known = [str(label) for label in kept["statistic"].values]
    if any(label not in known for label in wanted):
        quantiles = np.array([float(label) for label in known if label not in ("mean", "sd")])
        levels = ", ".join(f"{1 - 2 * q:g}" for q in quantiles[quantiles < 0.5])
        raise BayesmixError(
            f"ci_level={interval.upper - interval.lower:g} is not among the intervals that were "
            f"kept of '{term.factor}', whose {term.n_levels} levels are too many to keep their "
            f"draws. Available: {levels}."
        )
    columns = (kept.sel(statistic=label).values for label in ("mean", "sd", *wanted))
    return _Marginals(*(np.asarray(column, dtype=np.float64) for column in columns))


def _summarise(draws: FloatArray, interval: _Interval) -> _Marginals:
    """Summarise each row of draws (k, S); the draws are used up: they may be reordered."""
    k, n_draws = draws.shape
    mean = draws.mean(axis=1)
    sd = draws.std(axis=1, ddof=1) if n_draws > 1 else np.full(k, np.nan)
    probs = [interval.lower, interval.upper]
    lower, upper = np.quantile(draws, probs, axis=1, overwrite_input=True) if k else (mean, mean)
    return _Marginals(mean, sd, lower, upper)


def _flat(values: xr.DataArray, *dims: str) -> FloatArray:
    """Copy draws to an array of `dims` and, last, all chains together."""
    ordered = values.transpose(*dims, "chain", "draw").values
    copy = np.array(ordered, dtype=np.float64, order="C", copy=True)
    return copy.reshape(*copy.shape[:-2], -1)


def _draws(posterior: xr.Dataset, name: str, *dims: str) -> FloatArray:
    return _flat(posterior[name], *dims)


def _beta(design: Design, posterior: xr.Dataset) -> FloatArray:
    """Draws of the population effects (p, S); a model may have none."""
    if not len(design.terms):
        return np.empty((0, _n_draws(posterior)))
    return _draws(posterior, "beta", "term")


def _n_draws(posterior: xr.Dataset) -> int:
    return int(posterior.sizes["chain"] * posterior.sizes["draw"])


def _auxiliary(posterior: xr.Dataset) -> list[str]:
    """Auxiliary parameters: the posterior also holds the joint model's free variables."""
    names = dict.fromkeys(name for family in FAMILIES.values() for name in family.auxiliary)
    return [name for name in names if name in posterior]


def _correlations(term: GroupTerm, posterior: xr.Dataset) -> Iterator[tuple[int, int, FloatArray]]:
    """Yield the two positions and the draws (S,) of each correlation that is estimated."""
    pairs = [(i, j) for block in term.blocks for i in block for j in block if i < j]
    if pairs:
        draws = _draws(posterior, f"cor_{term.factor}", term.effect_dim, term.effect_dim_bis)
        for i, j in pairs:
            yield i, j, draws[i, j]


def _closest(values: FloatArray, target: float) -> int:
    """Position of the first value closest to the target.

    The median of an even number of levels is as far from the one as from the other of the two in
    the middle: the last bits of their means should not decide.
    """
    distance = np.abs(values - target)
    return int(np.argmax(distance <= distance.min() + 1e-9 * np.abs(values).max()))


def _proportions(variances: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: FloatArray = variances / variances.sum(axis=0)
    return shares


def selected(design: Design, re: str | None) -> Sequence[GroupTerm]:
    """Return the grouping factor that was asked for, or all of them for None."""
    if re is None:
        return design.groups
    terms = {term.factor: term for term in design.groups}
    if not terms:
        raise BayesmixError(f"re={shown(re)} is not usable: this model has no grouping factor.")
    if not isinstance(re, str) or re not in terms:
        raise BayesmixError(
            f"Unknown grouping factor re={shown(re)}. Grouping factors: {', '.join(terms)}. "
            f"{suggest(re, terms)}".rstrip()
        )
    return [terms[re]]


def _interval(ci_level: float) -> _Interval:
    level = as_number(ci_level)
    if level is None or not 0 < level < 1:
        hint = f" Did you mean {level / 100:g}?" if level and 1 < level < 100 else ""
        raise BayesmixError(
            f"ci_level={shown(ci_level)} is not usable: give the probability inside the interval, "
            f"above 0 and below 1, such as 0.95.{hint}"
        )
    tail = (1 - level) / 2
    return _Interval(tail, 1 - tail)


def _probabilities(probs: Any) -> list[float]:
    values = few("probs", probs)
    numbers = [as_number(value) for value in values]
    usable = [number for number in numbers if number is not None and 0 <= number <= 1]
    if not values or len(usable) < len(values):
        raise BayesmixError(
            f"probs={shown(probs)} is not usable: give one or more probabilities from 0 to 1, "
            "such as [0.25, 0.5, 0.75]."
        )
    return usable


def _text(values: Sequence[str] | npt.NDArray[Any] | Mapping[str, Any]) -> pd.Series:
    """Labels as pandas' default text column, which an empty list alone would not be."""
    labels = [str(value) for value in values]
    return pd.Series(labels) if labels else pd.Series(["."])[:0]
