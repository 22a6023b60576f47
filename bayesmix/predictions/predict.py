"""Posterior to predictions: linear predictor, expected response, new response, for any rows.

Rows are those of the fit or of new data, which are encoded as the fit's were. Work goes in blocks
of rows, so that a summary of many rows never holds all of their draws.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmix.base.arguments import names_of, one_of, seed, true_or_false
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, DesignWarning, suggest, warn
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.encoding.responsechecks import missing_trials
from bayesmix.frames.columns import distinct_levels, listed
from bayesmix.frames.frames import Frame
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.summaries import summarised

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["epred", "linpred", "predict"]

type Seed = int | np.random.Generator | None

GROUPS = ("conditional", "population")
NEW_LEVELS = ("error", "population", "sample")

# Numbers in the largest array of one block of rows.
BLOCK = 1 << 21
# Levels among which one that a typing error might have meant is looked for.
_MOST_SEARCHED = 1000


def linpred(
    fit: Fitted,
    newdata: pd.DataFrame | None = None,
    *,
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: Seed = None,
) -> pd.DataFrame | xr.DataArray:
    """Predict the linear predictor: ``x'beta``, plus the offset, plus ``z'u`` of each factor.

    Parameters
    ----------
    fit : Fitted
    newdata : DataFrame, optional
        Rows to predict; those of the fit by default. It needs the columns of the formula, the
        response left out, and is never changed. Categories and transformations are those of the
        fit: ``scale(x)`` takes the mean and the sd of the rows that were fitted. Levels of
        grouping factors are compared as labels, so that ``10``, ``10.0`` and ``"10"`` are the same.
    groups : {"conditional", "population"} or list of str
        Grouping factors whose effects are added: ``"conditional"`` for all, ``"population"`` for
        none, or those named, such as ``["school"]`` or ``["school:class"]``; one name may come as
        text, where it is neither of the two words. Effects of the others are left out (u = 0):
        their columns need not be there, and their labels do not matter. lme4's
        ``re.form = ~ (1 | school)``.
    new_levels : {"error", "population", "sample"}
        What to do with levels that the fit did not have. ``"error"`` names them. ``"population"``
        leaves their effects out (u = 0). ``"sample"`` draws their effects from the group
        distribution, given the sds and correlations of each posterior draw: one joint draw for
        each level, the same in all its rows. Each factor counts for itself: with ``g1/g2``, a new
        ``g1:g2`` in a known ``g1`` keeps the effects of that ``g1``. With ``"population"`` a
        missing label is a new level, as in lme4.
    ci_level : float
        Probability inside the interval, above 0 and below 1.
    draws : bool
        Return all draws instead of a summary.
    random_seed : int, Generator or None
        The same seed gives the same numbers. By default the seed of the fit, so that a call
        repeats its numbers, and a new level has the same effects in every call.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        ``value, se, lower_2.5, upper_97.5`` on the index of `newdata`, or of the rows that were
        fitted: mean, sd and equal-tailed interval of the draws of each row. With ``draws=True``
        an array with dims ``chain, draw, obs``; the coordinate ``obs`` is that index. Rows of
        `newdata` with a missing value in a column that is needed are NaN.

    Raises
    ------
    BayesmixError
        A column is missing, a category of a population effect or, with ``new_levels="error"``, a
        level was not in the fit, `groups` names what is no grouping factor, an argument is not one
        of the allowed, or draws of the group effects were too large to be kept.

    Warns
    -----
    DesignWarning
        Rows of `newdata` have missing values in a column that is needed.

    Examples
    --------
    >>> import bayesmix as bm
    >>> import pandas as pd
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (Days | Subject)", data)  # doctest: +SKIP
    >>> fit.linpred()  # doctest: +SKIP
    >>> new = pd.DataFrame({"Subject": ["308", "somebody"], "Days": [10, 10]})
    >>> fit.linpred(new, new_levels="sample")  # doctest: +SKIP
    >>> nested = bm.fit("y ~ x + (1 | school/class)", pupils)  # doctest: +SKIP
    >>> nested.linpred(new_classes, groups=["school"])  # doctest: +SKIP
    """
    return _predicted(
        "linpred",
        lambda rows, parameters, eta: eta,
        _rows(fit.spec, newdata, groups, new_levels),
        fit,
        new_levels=new_levels,
        ci_level=ci_level,
        draws=draws,
        seed=_seed(fit, random_seed),
    )


def epred(
    fit: Fitted,
    newdata: pd.DataFrame | None = None,
    *,
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: Seed = None,
) -> pd.DataFrame | xr.DataArray:
    """Predict the expected response: the mean that the family has given its parameters.

    Parameters
    ----------
    fit, newdata, groups, new_levels, ci_level, draws, random_seed
        As in `linpred`. For the binomial family `newdata` needs the number of trials.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        As `linpred`, on the scale of the response: a mean, a probability for the Bernoulli
        family, an expected count (trials times probability) for the binomial. Of a response of
        categories the probability of each: one row, or one element of the dim ``category``, for
        each category.

    Raises
    ------
    BayesmixError
        As in `linpred`, and if the number of trials is missing.

    Warns
    -----
    DesignWarning
        As in `linpred`.

    Notes
    -----
    The mean is the inverse link of the linear predictor, or what auxiliary parameters make of it,
    as the share of additional zeros does. The draws are transformed before they are summarised.
    With a link other than the identity, ``groups="population"`` and
    ``new_levels="population"`` give the expectation in a group whose
    effects are zero; the average over groups is another one, which ``new_levels="sample"`` gives.

    Examples
    --------
    >>> fit.epred(groups="population")  # doctest: +SKIP
    """

    def expected(rows: Design, parameters: Draws, eta: FloatArray) -> FloatArray:
        family = fit.family
        known = family.rows(_column(rows.weights), _column(rows.trials))
        return np.asarray(family.mean(family.values(eta, parameters.auxiliary), known))

    return _predicted(
        "epred",
        expected,
        _rows(fit.spec, newdata, groups, new_levels, trials=True),
        fit,
        new_levels=new_levels,
        ci_level=ci_level,
        draws=draws,
        seed=_seed(fit, random_seed),
    )


def predict(
    fit: Fitted,
    newdata: pd.DataFrame | None = None,
    *,
    groups: str | Collection[str] = "conditional",
    new_levels: str = "error",
    ci_level: float = 0.95,
    draws: bool = False,
    random_seed: Seed = None,
) -> pd.DataFrame | xr.DataArray:
    """Predict new responses: one for each posterior draw and row.

    Parameters
    ----------
    fit, newdata, groups, new_levels, ci_level, draws, random_seed
        As in `linpred`. For the binomial family `newdata` needs the number of trials; after a fit
        with weights, the column of the weights.

    Returns
    -------
    pandas.DataFrame or xarray.DataArray
        As `linpred`, of responses: whole numbers for the discrete families, counts of successes
        for the binomial. The interval holds a new response of that row with probability
        `ci_level`.

    Raises
    ------
    BayesmixError
        As in `linpred`, and if the number of trials or the weights are missing.

    Warns
    -----
    DesignWarning
        As in `linpred`.

    Notes
    -----
    The residual sd of a row with weight w is ``sigma / sqrt(w)``. ``groups="population"`` leaves
    the group effects out and keeps the residual: it is the response in a group whose effects are
    zero, not in a group drawn at random, for which there is ``new_levels="sample"``.

    Examples
    --------
    >>> fit.predict(ci_level=0.9)  # doctest: +SKIP
    """
    own_seed = _seed(fit, random_seed)
    rng = _generator(own_seed, "response")

    def drawn(rows: Design, parameters: Draws, eta: FloatArray) -> FloatArray:
        weights, trials = _column(rows.weights), _column(rows.trials)
        return fit.family.draw(rng, eta, parameters.auxiliary, weights, trials)

    return _predicted(
        "predict",
        drawn,
        _rows(fit.spec, newdata, groups, new_levels, trials=True, weights=True),
        fit,
        new_levels=new_levels,
        ci_level=ci_level,
        draws=draws,
        seed=own_seed,
    )


def _seed(fit: Fitted, random_seed: Seed) -> int:
    return seed(fit.options.random_seed if random_seed is None else random_seed)


def _column(values: FloatArray | None) -> FloatArray | None:
    return None if values is None else values[:, np.newaxis]


def _predicted(
    name: str,
    quantity: Callable[[Design, Draws, FloatArray], FloatArray],
    rows: _Rows,
    fit: Fitted,
    *,
    new_levels: str,
    ci_level: float,
    draws: bool,
    seed: int,
) -> pd.DataFrame | xr.DataArray:
    """Compute a quantity of each row and draw, block by block, and summarise or keep it.

    `quantity` makes an array (b, S), or (b, S, categories), of a block of rows, all draws, and
    their linear predictor. Rows come first, so that random numbers come in the same order
    whatever the blocks.
    """
    true_or_false("draws", draws)
    columns = list(summarised(np.empty((0, 1)), ci_level))
    new = {} if new_levels == "population" else _new_levels(rows)
    if new and new_levels == "error":
        raise _unknown_levels(rows.design, new)
    posterior = fit.posterior
    parameters = Draws.of(fit.spec, posterior)
    _check_kept(rows.design, parameters)
    n_draws = len(parameters)
    kept = np.full((n_draws if draws else len(columns), len(rows.index)), np.nan)
    step = max(1, BLOCK // n_draws)
    for start in range(0, rows.design.n_rows, step):
        block = slice(start, min(start + step, rows.design.n_rows))
        design = rows.design.take(np.arange(block.start, block.stop))
        own = {factor: levels[block] for factor, levels in new.items()}
        with np.errstate(over="ignore", invalid="ignore"):
            values = quantity(design, parameters, _eta(design, parameters, own, seed))
            if start == 0 and values.ndim > 2:
                kept = np.full((*kept.shape, *values.shape[2:]), np.nan)
            kept[:, rows.place[block]] = (
                np.moveaxis(values, 1, 0) if draws else _summaries(values, ci_level)
            )
    if draws:
        return _as_array(name, kept, posterior, rows.index)
    return _as_frame(columns, kept, rows.index)


def _summaries(values: FloatArray, ci_level: float) -> FloatArray:
    """Summarise over the draws: (b, S, ...) to (columns, b, ...)."""
    draws_last = np.moveaxis(values, 1, -1)
    by_row = draws_last.reshape(-1, draws_last.shape[-1])
    columns = np.array(list(summarised(by_row, ci_level).values()))
    return columns.reshape(-1, *draws_last.shape[:-1])


def _eta(design: Design, parameters: Draws, new: Mapping[str, _NewLevels], seed: int) -> FloatArray:
    """Compute the linear predictor (n, S), with drawn effects of the levels in `new`."""
    unseen = {term.factor: term.codes < 0 for term in design.groups}
    eta = np.ascontiguousarray(linear_predictor(design, parameters, unseen).T)
    for term in design.groups:
        scale = parameters.scale[term.factor]
        for label, rows in new[term.factor].rows() if term.factor in new else ():
            rng = _generator(seed, "level", term.factor, *label)
            standard = rng.standard_normal((len(scale), term.n_effects))
            eta[rows] += term.Z[rows] @ np.einsum("sij,sj->is", scale, standard)
    return eta


def _generator(seed: int, *names: str) -> np.random.Generator:
    """Make a generator for one purpose: the same whatever else is drawn."""
    digest = hashlib.blake2b(json.dumps(names).encode(), digest_size=16).digest()
    key = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


# --- rows ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """Encoded rows, and where they stand among those that were asked for.

    Attributes
    ----------
    design : Design
        Rows without missing values.
    place : ndarray of int64
        Their positions in `index`.
    index : Index
        Of all rows.
    columns : mapping of str to Series
        Columns of the grouping factors of `design`; empty for the rows of the fit.
    """

    design: Design
    place: IntArray
    index: pd.Index
    columns: Mapping[str, pd.Series]


def _rows(
    spec: ModelSpec,
    newdata: pd.DataFrame | None,
    groups: str | Collection[str],
    new_levels: str,
    *,
    trials: bool = False,
    weights: bool = False,
) -> _Rows:
    """Encode the rows to predict; `trials` and `weights` say whether these are needed."""
    one_of("new_levels", new_levels, NEW_LEVELS)
    encoder = spec.design.encoder
    groupings = encoder.selected(_factors(spec.design, groups))
    factors = tuple(grouping.factor.name for grouping in groupings)
    chosen = tuple(term for term in spec.design.groups if term.factor in factors)
    design = dataclasses.replace(spec.design, groups=chosen)
    if newdata is None:
        return _Rows(design, np.arange(design.n_rows), design.index, {})
    frame = encoder.open(newdata)
    used_columns = encoder.used_columns(frame, groups=factors)
    # As in lme4, a missing label is a new level where those have no effect.
    missing_levels = new_levels == "population"
    needed = list(encoder.effect_columns(groupings) if missing_levels else used_columns)
    if trials and spec.family.trials:
        _check_trials(spec, frame)
        needed += encoder.response.trial_columns
    if weights and spec.design.weights is not None:
        needed.append(_weights_column(spec, frame))
    read = {name: frame.series(name) for name in dict.fromkeys([*needed, *used_columns])}
    used = pd.DataFrame(read, index=frame.index, copy=False)
    complete = _complete(used[list(dict.fromkeys(needed))])
    present = used if complete.all() else used[complete]
    if len(present):
        design = encoder.encode(present, groups=factors, missing_levels=missing_levels)
    else:
        design = design.take([])
    variables = {name for term in design.groups for name in term.variables}
    columns = {name: present[name] for name in variables}
    return _Rows(design, np.flatnonzero(complete), frame.index, columns)


def _factors(design: Design, groups: str | Collection[str]) -> bool | tuple[str, ...]:
    """Read `groups`: True for all grouping factors, or the names of some."""
    if not isinstance(groups, str):
        return names_of("groups", groups)
    if groups in GROUPS:
        return groups == "conditional" or ()
    one_of("groups", groups, [*GROUPS, *(term.factor for term in design.groups)])
    return (groups,)


def _complete(needed: pd.DataFrame) -> pd.Series:
    """Tell the rows without a missing value, and warn of the others."""
    missing = needed.isna()
    incomplete = missing.any(axis=1)
    if incomplete.any():
        counts = ", ".join(f"'{name}' ({n})" for name, n in missing.sum().items() if n)
        note = (
            f"{int(incomplete.sum())} of {len(needed)} rows of newdata have missing values, in "
            f"{counts}: their predictions are NaN. Fill them in to predict these rows; a missing "
            "label of a grouping factor is a new level with new_levels='population', and leaving "
            "the factor out of groups= needs none."
        )
        warn(note, DesignWarning)
    return ~incomplete


def _check_trials(spec: ModelSpec, newdata: Frame) -> None:
    response = spec.design.encoder.response
    absent = [name for name in response.trial_columns if name not in newdata.columns]
    if absent:
        raise BayesmixError(missing_trials(response, absent))


def _weights_column(spec: ModelSpec, newdata: Frame) -> str:
    name = spec.design.encoder.weights
    if name is None:
        raise BayesmixError(
            "The weights of the fit came as an array, so that those of newdata are not known, and "
            "with them the residual sd. Refit with weights='<column>', a column of both data "
            "frames; linpred and epred need no weights."
        )
    if name not in newdata.columns:
        raise BayesmixError(
            f"newdata has no column '{name}', the weights that predict needs for the residual sd. "
            f"Add it, for example newdata.assign({name}=1); linpred and epred need no weights."
        )
    return name


# --- levels -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _NewLevels:
    """Levels of one factor that the fit did not have.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        New level of each row; -1 for a row whose level is known.
    labels : list of tuple of str
        One label for each variable of the factor.
    """

    codes: IntArray
    labels: list[tuple[str, ...]]

    def __getitem__(self, rows: slice) -> _NewLevels:
        return _NewLevels(self.codes[rows], self.labels)

    def rows(self) -> Iterator[tuple[tuple[str, ...], IntArray]]:
        """Yield the label and the rows of each new level that has rows."""
        order = np.argsort(self.codes, kind="stable")
        order = order[np.searchsorted(self.codes, 0, sorter=order) :]
        for rows in np.split(order, np.flatnonzero(np.diff(self.codes[order])) + 1):
            if len(rows):
                yield self.labels[self.codes[rows[0]]], rows


def _new_levels(rows: _Rows) -> dict[str, _NewLevels]:
    """List the levels that the fit did not have, by factor."""
    found = {}
    for term in rows.design.groups:
        new = term.codes < 0
        if new.any():
            columns = {name: rows.columns[name][new] for name in term.variables}
            codes = np.full(len(new), -1, dtype=np.int64)
            codes[new], labels = distinct_levels(term.variables, columns)
            found[term.factor] = _NewLevels(codes, labels)
    return found


def _unknown_levels(design: Design, new: Mapping[str, _NewLevels]) -> BayesmixError:
    terms = {term.factor: term for term in design.groups}
    parts = []
    for factor, levels in new.items():
        labels = [":".join(label) for label in levels.labels]
        n_rows = int((levels.codes >= 0).sum())
        parts.append(
            f"of '{factor}' {listed(map(repr, labels), 5)} ({n_rows} row{'s' * (n_rows > 1)}; "
            f"levels of the fit: {_known(terms[factor])})"
        )
    factor, levels = next(iter(new.items()))
    known = terms[factor].levels
    hint = suggest(":".join(levels.labels[0]), known) if len(known) <= _MOST_SEARCHED else ""
    return BayesmixError(
        f"newdata has levels that the fit did not have: {'; '.join(parts)}. {hint}".rstrip()
        + " Pass new_levels='sample' to draw the effects of a new level from their distribution, "
        "or new_levels='population' to leave them at zero; groups= names the factors whose effects "
        "are added."
    )


def _known(term: GroupTerm) -> str:
    shown = listed(term.levels[:5], 5)
    return shown if term.n_levels <= 5 else f"{shown}, ... ({term.n_levels - 5} more)"


def _check_kept(design: Design, parameters: Draws) -> None:
    for term in design.groups:
        if term.factor not in parameters.u and (term.codes >= 0).any():
            raise BayesmixError(
                f"Conditional predictions need the draws of the effects of '{term.factor}', whose "
                f"{term.n_levels} levels were too many to keep them: the fit has summaries only. "
                "Leave them out with groups='population' or a list of other factors, or refit "
                "with fewer draws and chains, so that they are kept."
            )


# --- results ------------------------------------------------------------------------------------


def _as_frame(columns: list[str], values: FloatArray, index: pd.Index) -> pd.DataFrame:
    """Make a table of (columns, n), or of (columns, n, categories) with a row for each category."""
    if values.ndim == 2:
        return pd.DataFrame(dict(zip(columns, values, strict=True)), index=index)
    n_rows, n_categories = values.shape[1:]
    category = {"category": np.tile(np.arange(n_categories), n_rows)}
    numbers = dict(zip(columns, values.reshape(len(columns), -1), strict=True))
    return pd.DataFrame(category | numbers, index=index.repeat(n_categories))


def _as_array(
    name: str, values: FloatArray, posterior: xr.Dataset, index: pd.Index
) -> xr.DataArray:
    import xarray as xr

    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    coords = {"chain": posterior["chain"].values, "draw": posterior["draw"].values}
    dims = ["chain", "draw", "obs"]
    if values.ndim > 2:
        dims.append("category")
        coords["category"] = np.arange(values.shape[2])
    array = xr.DataArray(
        values.reshape(chains, draws, *values.shape[1:]), dims=dims, coords=coords, name=name
    )
    if isinstance(index, pd.MultiIndex):
        names = [None if name in array.dims else name for name in index.names]
        index = index.set_names(names)
        return array.assign_coords(xr.Coordinates.from_pandas_multiindex(index, "obs"))
    return array.assign_coords(obs=("obs", index))
