"""Grouped data from a known truth."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import (
    as_number,
    as_whole_number,
    few,
    generator,
    one_of,
    shape_of,
    shown,
)
from bayesmix.base.errors import BayesmixError, suggest
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.families.family import Family
from bayesmix.families.given import given_parameters
from bayesmix.families.registry import get_family
from bayesmix.frames.columns import learn_factor
from bayesmix.frames.frames import open_frame
from bayesmix.model.centring import (
    centred_scale,
    effects_as_written,
    scale_as_written,
    sd_and_cor,
)
from bayesmix.posterior.fitted import Fitted

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

__all__ = ["Simulation", "simulate", "simulate_from"]

type Correlation = float | npt.ArrayLike | pd.DataFrame

MOST_ROWS = 10_000_000
_INTERCEPT = "Intercept"
_TIME = "time"
_RESPONSE = "y"
_TRIALS = "trials"
_LARGEST_COUNT = 2.0**62
_CONSTANTS = ("True", "False", "None")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """Simulated data together with the truth that they were drawn from.

    Attributes
    ----------
    data : pandas.DataFrame
        One row for each observation: the grouping factors (categorical), ``time``, the other
        covariates, ``trials`` for the binomial family, and the response ``y``.
    formula : str
        The formula of the true model.
    family : Family
        Family of the response.
    beta : dict of str to float
        Population effects.
    sd : dict of str to dict
        For each grouping factor, the sd of each group effect.
    cor : dict of str to pandas.DataFrame
        For each grouping factor with correlated effects, their correlation matrix,
        effect x effect.
    u : dict of str to pandas.DataFrame
        For each grouping factor, the effects that were drawn, level x effect.
    auxiliary : dict of str to float or ndarray
        The other parameters of the family: ``sigma``, ``nu``, ...
    eta : ndarray, shape (n,)
        Linear predictor of each row of `data`.
    """

    data: pd.DataFrame
    formula: str
    family: Family
    beta: dict[str, float]
    sd: dict[str, dict[str, float]]
    cor: dict[str, pd.DataFrame]
    u: dict[str, pd.DataFrame]
    auxiliary: dict[str, float | npt.NDArray[np.float64]]
    eta: npt.NDArray[np.float64]

    @property
    def sigma(self) -> float | None:
        """Residual sd; None for a family without one."""
        sigma = self.auxiliary.get("sigma")
        return None if sigma is None else float(sigma)

    @property
    def parameters(self) -> dict[str, float]:
        """True values by the labels of the tables.

        ``"beta:time"``, ``"sd:group:Intercept"``, ``"cor:group:Intercept:time"``, ``"sigma"``.
        """
        values = {f"beta:{name}": value for name, value in self.beta.items()}
        for factor, sds in self.sd.items():
            values |= {f"sd:{factor}:{effect}": value for effect, value in sds.items()}
        for factor, matrix in self.cor.items():
            R = matrix.to_numpy()
            for (i, first), (j, second) in itertools.combinations(enumerate(matrix), 2):
                values[f"cor:{factor}:{first}:{second}"] = float(R[i, j])
        for name, value in self.auxiliary.items():
            if np.ndim(value):
                values |= {f"{name}:{k}": float(x) for k, x in enumerate(np.ravel(value), start=1)}
            else:
                values[name] = float(value)
        return values

    def __repr__(self) -> str:
        """Return the formula, the sizes and the true values as text."""
        sizes = ", ".join(f"{factor} ({len(u)})" for factor, u in self.u.items())
        truth = pd.Series(self.parameters).to_string()
        return (
            f"Simulation: {self.formula}\n"
            f"{self.family}, {len(self.data)} rows, groups: {sizes}\n"
            f"{truth}"
        )


def simulate(
    n_groups: int | Mapping[str, int] = 50,
    n_per_group: int | Sequence[int] = 10,
    *,
    beta: Mapping[str, float],
    sd: Mapping[str, float] | Mapping[str, Mapping[str, float]],
    cor: Correlation | Mapping[str, Correlation] | None = None,
    sigma: float | None = None,
    family: str | Family = "gaussian",
    trials: int | Sequence[int] = 10,
    dropout: float = 0.0,
    random_seed: int | np.random.Generator | None = None,
    **parameters: float | Sequence[float],
) -> Simulation:
    """Simulate grouped data from a mixed model with known parameters.

    The names in `beta` and `sd` make the columns: ``Intercept`` is the constant, ``time`` counts
    the rows of a group from 0, and every other name is a covariate drawn from Normal(0, 1) for
    each row. The group effects of a level are jointly normal with the given sds and correlations.

    Parameters
    ----------
    n_groups : int or mapping of str to int
        Number of levels of the grouping factor, which is then called ``group``, or of several
        factors by name. Rows are laid out by the first factor; each further factor is crossed
        with it: its levels are given to the rows at random, as evenly as possible.
    n_per_group : int or sequence of int
        Rows of each level of the first factor, or one number for each level.
    beta : mapping of str to float
        Population effects. Without ``Intercept`` the model has none.
    sd : mapping
        Sd of each group effect, ``{"Intercept": 0.5, "time": 0.1}``; with several factors, one
        such mapping for each.
    cor : float, array_like, DataFrame or mapping, optional
        Correlations of the group effects: one number for every pair, or a matrix in the order of
        `sd`, or a frame labelled by effect; with several factors, a mapping from factor to these.
        None draws independent effects, and the formula then says ``||``.
    sigma : float, optional
        Residual sd, of the families that have one. Default 1.
    family : str or Family
        Family of the response, with its link.
    trials : int or sequence of int
        Number of trials of each row, for the binomial family.
    dropout : float
        Probability that a group, present at one time, is gone at the next and stays away. The
        first row of every group remains.
    random_seed : int, Generator or None
        The same seed gives the same data.
    **parameters : float or sequence of float
        The other parameters of the family by name, such as ``nu``; all that it has.

    Returns
    -------
    Simulation
        The data, the formula that fits them, and the truth.

    Raises
    ------
    BayesmixError
        If a size, an sd, a correlation matrix, a name or a parameter cannot be used.

    Examples
    --------
    >>> import bayesmix as bm
    >>> simulation = bm.simulate(
    ...     n_groups=100,
    ...     n_per_group=6,
    ...     beta={"Intercept": 2.6, "time": 0.1},
    ...     sd={"Intercept": 0.2, "time": 0.07},
    ...     cor=-0.1,
    ...     sigma=0.2,
    ...     random_seed=1,
    ... )
    >>> simulation
    Simulation: y ~ 1 + time + (1 + time | group)
    gaussian(identity), 600 rows, groups: group (100)
    beta:Intercept               2.60
    beta:time                    0.10
    sd:group:Intercept           0.20
    sd:group:time                0.07
    cor:group:Intercept:time    -0.10
    sigma                        0.20
    >>> list(simulation.data)
    ['group', 'time', 'y']

    Unbalanced counts with a second, crossed factor:

    >>> crossed = bm.simulate(
    ...     n_groups={"student": 40, "item": 12},
    ...     n_per_group=12,
    ...     beta={"Intercept": 0.5, "x": 0.3},
    ...     sd={"student": {"Intercept": 0.4, "x": 0.2}, "item": {"Intercept": 0.3}},
    ...     family="poisson",
    ...     dropout=0.05,
    ...     random_seed=2,
    ... )
    >>> crossed.formula
    'y ~ 1 + x + (1 + x || student) + (1 | item)'
    """
    rng = generator(random_seed)
    family = get_family(family)
    levels = _levels(n_groups)
    beta = _intercept_first(_numbers("beta", beta))
    sds = _sds(sd, levels)
    correlations = _correlations(cor, sds)
    sds = {factor: _intercept_first(effects) for factor, effects in sds.items()}
    _check_names(family, levels, {*beta, *(name for effects in sds.values() for name in effects)})

    codes, time = _rows(levels, n_per_group, dropout, rng)
    covariates = _covariates(beta, sds, time, rng)
    n_rows = len(time)
    eta = np.zeros(n_rows)
    for name, value in beta.items():
        eta += value * covariates[name]
    terms = [
        _term(factor, levels[factor], codes[factor], sds[factor], covariates) for factor in sds
    ]
    u = {}
    for term in terms:
        values = rng.standard_normal((term.n_levels, term.n_effects))
        if term.factor in correlations:
            values = values @ np.linalg.cholesky(correlations[term.factor]).T
        values = values * np.array(list(sds[term.factor].values()))
        u[term.factor] = pd.DataFrame(values, pd.Index(term.levels), list(term.effects))
        eta += term.dot(values)

    auxiliary = given_parameters("simulate", family, {"sigma": sigma, **parameters})
    counts = _trials(trials, n_rows) if family.trials else None
    response = family.draw(rng, eta, auxiliary, None, counts)
    if family.discrete and not response.max() <= _LARGEST_COUNT:
        raise BayesmixError(
            f"The counts are as large as {response.max():g}, beyond whole numbers of 64 bits. Give "
            f"smaller values in beta or sd: they are on the scale of the {family.link} link."
        )
    columns: dict[str, Any] = {
        factor: pd.Categorical.from_codes(codes[factor], pd.Index(levels[factor]))
        for factor in levels
    }
    columns |= {_TIME: time}
    columns |= {name: x for name, x in covariates.items() if name not in {_INTERCEPT, _TIME}}
    if counts is not None:
        columns[_TRIALS] = counts
    columns[_RESPONSE] = response.astype(np.int64) if family.discrete else response
    return Simulation(
        data=pd.DataFrame(columns),
        formula=_formula(family, beta, sds, correlated=set(correlations)),
        family=family,
        beta=beta,
        sd=sds,
        cor=correlations,
        u=u,
        auxiliary=auxiliary,
        eta=eta,
    )


def simulate_from(
    fit: Fitted,
    data: IntoFrame | None = None,
    *,
    parameters: str = "mean",
    random_seed: int | np.random.Generator | None = None,
) -> Simulation:
    """Simulate a study like the one that was fitted, with new groups and new rows.

    Group effects and responses are drawn anew; population effects, sds, correlations and the
    residual sd are those of the fit.

    Parameters
    ----------
    fit : Fitted
        A fit.
    data : DataFrame, optional
        Of any library, as in `bayesmix.fit`. Covariates and grouping factors of the study to
        simulate, as many rows and levels as it shall have. By default the rows of the fit.
        Weights that were given as an array are the column ``"weights="``.
    parameters : {"mean", "draw"}
        Posterior means as the truth, or one draw of the posterior, which carries its uncertainty.
        Means of sds and correlations are those of a block with its other columns centred where the
        priors are, and so need not be those of the tables.
    random_seed : int, Generator or None
        The same seed gives the same data.

    Returns
    -------
    Simulation
        The data under the names of the formula, and the truth.

    Raises
    ------
    BayesmixError
        The response is a calculation such as ``np.log(y)``, the design has no rows
        of its data, or an argument is unknown.

    Examples
    --------
    >>> import bayesmix as bm
    >>> fit = bm.fit(
    ...     "Reaction ~ Days + (1 + Days | Subject)",
    ...     bm.load_dataset("sleepstudy"),
    ...     random_seed=1,
    ...     progressbar=False,
    ... )
    >>> simulation = bm.simulate_from(fit, random_seed=2)
    >>> simulation.data.shape
    (180, 3)
    >>> bm.fit(simulation.formula, simulation.data).varcorr()  # doctest: +SKIP
    """
    if not isinstance(fit, Fitted):
        raise BayesmixError(f"simulate_from takes a fit; got {type(fit).__name__}.")
    one_of("parameters", parameters, ("mean", "draw"))
    rng = generator(random_seed)
    encoder, family = fit.design.encoder, fit.spec.family
    if data is None:
        design, columns = fit.design, _columns_of(fit.design)
    else:
        opened = open_frame(data, "data")
        study = opened.read(opened.columns)
        design = fit.design.at(study)
        columns = {str(name): study[name] for name in study.columns}
    posterior = fit.idata["posterior"].dataset
    draws = posterior.stack(sample=("chain", "draw"), create_index=False)
    one = rng.integers(draws.sizes["sample"])

    def value(name: str) -> npt.NDArray[np.float64]:
        values = draws[name].transpose("sample", ...)
        return np.asarray(values.mean("sample") if parameters == "mean" else values[int(one)])

    beta = value("beta") if design.n_terms else np.zeros(0)
    eta = design.X @ beta
    if design.offset is not None:
        eta = eta + design.offset
    sds: dict[str, dict[str, float]] = {}
    correlations, u = {}, {}
    for place, (term, grouping) in enumerate(zip(design.groups, encoder.groupings, strict=True)):
        if data is not None:
            factor, codes = learn_factor(grouping.factor.variables, columns)
            term = dataclasses.replace(term, levels=factor.levels, codes=codes)
        # Means of sds and correlations, of the columns as the priors see them: as written, those of
        # a covariate far from zero cancel.
        scale = centred_scale(fit.spec, fit.design.groups[place], posterior)
        if parameters == "mean":
            sd, R = (values.mean(axis=0) for values in sd_and_cor(scale))
            scale = sd[:, None] * np.linalg.cholesky(R)
        else:
            scale = scale[one]
        centre = fit.spec.centre(fit.design.groups[place])
        sd, R = sd_and_cor(scale_as_written(centre, scale))
        if term.names.cor in posterior:
            correlations[term.factor] = pd.DataFrame(R, term.effects, term.effects)
        standard = rng.standard_normal((term.n_levels, len(sd)))
        values = effects_as_written(centre, standard @ scale.T)
        eta = eta + term.dot(values)
        sds[term.factor] = dict(zip(term.effects, sd.tolist(), strict=True))
        u[term.factor] = pd.DataFrame(values, pd.Index(term.levels), list(term.effects))
    auxiliary = {name: value(name)[()] for name in family.auxiliary}
    y = family.draw(rng, eta, auxiliary, design.weights, design.trials)
    columns |= _response_columns(design, y)
    return Simulation(
        data=pd.DataFrame(columns, index=design.index),
        formula=fit.design.formula.text,
        family=family,
        beta=dict(zip(design.terms, beta.tolist(), strict=True)),
        sd=sds,
        cor=correlations,
        u=u,
        auxiliary={name: x if np.ndim(x) else float(x) for name, x in auxiliary.items()},
        eta=eta,
    )


def _columns_of(design: Design) -> dict[str, Any]:
    """Take the columns that the design was made of."""
    if design.source is None:
        raise BayesmixError(
            f"The design of '{design.formula.text}' has no columns of its data. Give simulate_from "
            "the data frame: simulate_from(fit, data)."
        )
    return {str(name): column for name, column in design.source.items()}


def _response_columns(design: Design, y: npt.NDArray[np.float64]) -> dict[str, Any]:
    response = design.encoder.response
    columns = response.undone(y, design.trials, design.encoder.categories.get(response.name))
    if columns is None:
        raise BayesmixError(
            f"simulate_from writes the response into a column, but '{response.name}' is "
            "calculated. Fit a column that holds its values."
        )
    return columns


def _levels(n_groups: int | Mapping[str, int]) -> dict[str, list[str]]:
    sizes = dict(n_groups) if isinstance(n_groups, Mapping) else {"group": n_groups}
    if not sizes:
        raise BayesmixError("n_groups names no grouping factor. Give a number or {'group': 50}.")
    levels = {}
    for factor, size in sizes.items():
        count = _counts(f"the number of levels of '{factor}'", size, 1)[0]
        levels[factor] = [str(level) for level in range(1, count + 1)]
    return levels


def _sds(
    sd: Mapping[str, float] | Mapping[str, Mapping[str, float]], levels: Mapping[str, list[str]]
) -> dict[str, dict[str, float]]:
    if not isinstance(sd, Mapping) or not sd:
        raise BayesmixError(
            f"sd must map each group effect to its sd, as in {{'Intercept': 0.5}}; got {shown(sd)}."
        )
    nested = any(isinstance(value, Mapping) for value in sd.values())
    by_factor: Mapping[str, Any] = sd if nested else {next(iter(levels)): sd}
    _check_factors("sd", by_factor, levels)
    for factor in levels:
        if factor not in by_factor:
            raise BayesmixError(
                f"Grouping factor '{factor}' has no sd. Give one mapping for each factor: "
                f"sd={{'{factor}': {{'Intercept': 0.5}}, ...}}."
            )
    sds = {factor: _numbers(f"sd of '{factor}'", by_factor[factor]) for factor in levels}
    for factor, effects in sds.items():
        if not effects:
            raise BayesmixError(
                f"Grouping factor '{factor}' has no effect. Give at least one sd: "
                f"sd={{'{factor}': {{'Intercept': 0.5}}}}."
            )
    for factor, effects in sds.items():
        for effect, value in effects.items():
            if value < 0:
                raise BayesmixError(
                    f"The sd of '{effect}' by '{factor}' is {value}. An sd is 0 or positive."
                )
    return sds


def _correlations(
    cor: Correlation | Mapping[str, Correlation] | None, sds: Mapping[str, Mapping[str, float]]
) -> dict[str, pd.DataFrame]:
    if cor is None:
        return {}
    if isinstance(cor, Mapping):
        _check_factors("cor", cor, sds)
        by_factor = cor
    elif len(sds) == 1:
        by_factor = dict.fromkeys(sds, cor)
    else:
        raise BayesmixError(
            "With several grouping factors cor maps each factor to its correlations, as in "
            f"cor={{'{next(iter(sds))}': -0.2}}. Factors: {', '.join(sds)}."
        )
    matrices = {
        factor: _matrix(factor, list(sds[factor]), by_factor[factor]) for factor in by_factor
    }
    return {factor: matrix for factor, matrix in matrices.items() if len(matrix) > 1}


_REMEDY = "Give one number, or a symmetric positive definite matrix with ones on its diagonal."


def _no_matrix(factor: str, effects: list[str], shape: tuple[int, ...]) -> BayesmixError:
    return BayesmixError(
        f"The correlations of '{factor}' have shape {shape}, but it has {len(effects)} effects "
        f"({', '.join(effects)}). {_REMEDY}"
    )


def _matrix(factor: str, effects: list[str], value: Correlation) -> pd.DataFrame:
    q = len(effects)
    if isinstance(value, pd.DataFrame):
        if set(value.index) != set(effects) or set(value.columns) != set(effects):
            raise BayesmixError(
                f"The correlations of '{factor}' are labelled {', '.join(map(str, value.index))}. "
                f"Its effects: {', '.join(effects)}."
            )
        value = value.loc[effects, effects]
    elif (shape := shape_of(value, q)) and shape[0] > q:  # what has a length may be endless
        raise _no_matrix(factor, effects, shape)
    try:
        matrix = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise BayesmixError(
            f"The correlations of '{factor}' must be numbers; got {shown(value)}."
        ) from None
    if matrix.ndim == 0:
        matrix = np.where(np.eye(q, dtype=bool), 1.0, matrix)
    if matrix.shape != (q, q):
        raise _no_matrix(factor, effects, matrix.shape)
    if (
        not np.isfinite(matrix).all()
        or not np.allclose(matrix, matrix.T)
        or not np.allclose(np.diag(matrix), 1.0)
    ):
        raise BayesmixError(f"The correlations of '{factor}' are no correlation matrix. {_REMEDY}")
    if np.linalg.eigvalsh(matrix).min() < 1e-12:
        raise BayesmixError(
            f"The correlation matrix of '{factor}' is not positive definite. {_REMEDY}"
        )
    frame = pd.DataFrame(matrix, effects, effects)
    order = list(_intercept_first(dict.fromkeys(effects)))
    return frame.loc[order, order]


def _rows(
    levels: Mapping[str, list[str]],
    n_per_group: int | Sequence[int],
    dropout: float,
    rng: np.random.Generator,
) -> tuple[dict[str, npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    share = as_number(dropout)
    if share is None or not 0 <= share < 1:
        raise BayesmixError(f"dropout is {shown(dropout)}. It is a probability: 0 <= dropout < 1.")
    first, *others = levels
    size = _counts("n_per_group", n_per_group, len(levels[first]))
    if size.sum() > MOST_ROWS:
        raise BayesmixError(
            f"n_per_group makes {size.sum():,} rows. No more than {MOST_ROWS:,} fit into memory."
        )
    if dropout:
        size = np.minimum(size, rng.geometric(dropout, len(size)))
    code = np.repeat(np.arange(len(size)), size)
    time = np.arange(len(code)) - np.repeat(np.cumsum(size) - size, size)
    codes = {first: code}
    for factor in others:
        codes[factor] = rng.permutation(np.arange(len(code)) % len(levels[factor]))
    return codes, time


def _covariates(
    beta: Mapping[str, float],
    sds: Mapping[str, Mapping[str, float]],
    time: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.float64]]:
    covariates = {_INTERCEPT: np.ones(len(time)), _TIME: time.astype(np.float64)}
    for names in (beta, *sds.values()):
        for name in names:
            if name not in covariates:
                covariates[name] = rng.standard_normal(len(time))
    return covariates


def _term(
    factor: str,
    levels: list[str],
    codes: npt.NDArray[np.int64],
    effects: Mapping[str, float],
    covariates: Mapping[str, npt.NDArray[np.float64]],
) -> GroupTerm:
    return GroupTerm(
        factor=factor,
        variables=(factor,),
        levels=np.array(levels),
        codes=codes,
        effects=tuple(effects),
        Z=np.column_stack([covariates[effect] for effect in effects]),
        blocks=(tuple(range(len(effects))),),
    )


def _trials(trials: int | Sequence[int], n_rows: int) -> npt.NDArray[np.int64]:
    return _counts("trials", trials, n_rows)


def _formula(
    family: Family,
    beta: Mapping[str, float],
    sds: Mapping[str, Mapping[str, float]],
    *,
    correlated: set[str],
) -> str:
    response = f"p({_RESPONSE}, {_TRIALS})" if family.trials else _RESPONSE
    bars = [
        f"({_side(effects)} {'|' if factor in correlated or len(effects) == 1 else '||'} {factor})"
        for factor, effects in sds.items()
    ]
    return f"{response} ~ {' + '.join([_side(beta), *bars])}"


def _side(names: Mapping[str, float]) -> str:
    return " + ".join(
        ["1" if _INTERCEPT in names else "0", *(name for name in names if name != _INTERCEPT)]
    )


def _numbers(what: str, values: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(values, Mapping):
        raise BayesmixError(
            f"{what} must map names to numbers, as in {{'Intercept': 1.0, 'x': 0.5}}; "
            f"got {shown(values)}."
        )
    numbers = {}
    for name, value in values.items():
        number = as_number(value)
        if number is None or not np.isfinite(number):
            raise BayesmixError(
                f"{what} has {shown(value)} for '{name}'. It must be a finite number."
            )
        numbers[name] = number
    return numbers


def _intercept_first[T](values: Mapping[str, T]) -> dict[str, T]:
    return {name: values[name] for name in sorted(values, key=lambda name: name != _INTERCEPT)}


def _counts(what: str, value: int | Sequence[int], size: int) -> npt.NDArray[np.int64]:
    # The shape comes first: what has a length may be endless.
    shape = shape_of(value, size)
    fits = shape in {(), (size,)}
    counts = np.asarray(value if fits else 1)
    whole = fits or all(as_whole_number(one) is not None for one in few(what, value))
    if not (whole and np.issubdtype(counts.dtype, np.integer)) or counts.min(initial=1) < 1:
        raise BayesmixError(f"{what} must be made of positive whole numbers; got {shown(value)}.")
    if not fits or not counts.size:
        raise BayesmixError(
            f"{what} has shape {shape}. Give one number, or one for each of {size}."
        )
    if counts.max() > MOST_ROWS:
        raise BayesmixError(
            f"{what} is {shown(value)}. No more than {MOST_ROWS:,} fit into memory."
        )
    return np.broadcast_to(counts, (size,)).astype(np.int64)


def _check_factors(what: str, given: Mapping[str, Any], factors: Mapping[str, Any]) -> None:
    for factor in given:
        if factor not in factors:
            hint = suggest(factor, factors)
            raise BayesmixError(
                f"{what} names the unknown grouping factor {shown(factor)}. "
                f"Factors: {', '.join(factors)}. {hint}".rstrip()
            )


def _check_names(family: Family, levels: Mapping[str, Any], names: set[str]) -> None:
    reserved = {_RESPONSE, _TRIALS} if family.trials else {_RESPONSE}
    for name in (*levels, *sorted(names, key=str)):
        if not isinstance(name, str) or not name.isidentifier() or name in _CONSTANTS:
            raise BayesmixError(f"{shown(name)} cannot be a column. Use a plain name such as 'x1'.")
        if name in reserved:
            raise BayesmixError(f"'{name}' is taken by the response. Choose another name.")
    for factor in levels:
        if factor in names or factor in {_INTERCEPT, _TIME}:
            raise BayesmixError(
                f"'{factor}' is both a grouping factor and a covariate. Rename one of them."
            )
