"""What probably was not meant: one small function per check of a design, each returns messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from bayesmix.columns import listed

if TYPE_CHECKING:
    from bayesmix.design import Design
    from bayesmix.families import Family

__all__ = [
    "check_design",
    "few_levels",
    "more_effects_than_rows",
    "one_row_per_level",
    "redundant_columns",
    "response_among_columns",
    "slopes_without_population_effect",
]

type FloatArray = npt.NDArray[np.float64]

_FEW = 5
_CHUNK = 65_536
# Share of a column's variance that the columns before it must leave unexplained.
_TOLERANCE = 1e-11


def check_design(design: Design, family: Family) -> tuple[str, ...]:
    """Run every check on a design.

    Parameters
    ----------
    design : Design
    family : Family

    Returns
    -------
    tuple of str
        Messages with counts and a suggested rewrite; empty if there is nothing to say.
    """
    return (
        *redundant_columns(design),
        *response_among_columns(design),
        *slopes_without_population_effect(design),
        *few_levels(design),
        *one_row_per_level(design, family),
        *more_effects_than_rows(design),
    )


def redundant_columns(design: Design) -> list[str]:
    """Find columns of X that are constant, or made of others, so that the data cannot tell them."""
    if design.n_terms >= design.n_rows:
        return [_more_columns_than_rows(design)]
    messages: dict[str, str] = {}
    columns = []
    for j, label in enumerate(design.terms):
        values = design.X[:, j]
        is_constant = values.min() == values.max()
        if is_constant and values[0] == 0:
            messages[label] = (
                f"Column '{label}' is zero in every row, so only its prior speaks. Leave it out."
            )
        elif is_constant and design.has_intercept and label != "Intercept":
            messages[label] = (
                f"Column '{label}' is constant ({values[0]:g} in every row), so it cannot be told "
                "from the intercept and only its prior speaks. Leave it out."
            )
        elif label != "Intercept":
            columns.append(j)
    gram = _gram([design.X[:, [j]] for j in columns], centre=design.has_intercept)
    for j, others in _dependent(gram, len(columns)).items():
        names = listed((f"'{design.terms[columns[k]]}'" for k in others), _FEW)
        relation = "is a multiple of" if len(others) == 1 else "is a linear combination of"
        messages[design.terms[columns[j]]] = (
            f"Column '{design.terms[columns[j]]}' {relation} {names}"
            f"{' and the intercept' if design.has_intercept else ''}, so the data cannot tell "
            "their effects apart and only the priors do. Leave one of them out."
        )
    if len(messages) <= _FEW:
        return list(messages.values())
    names = listed(map(repr, messages), _FEW)
    return [
        f"{len(messages)} of the {design.n_terms} columns of the population effects are constant "
        f"or made of others ({names}), so that the data cannot tell their effects apart and only "
        "the priors do. Use fewer terms."
    ]


def _more_columns_than_rows(design: Design) -> str:
    effects = design.encoder.common
    name, span = max(zip(effects.names, effects.spans, strict=True), key=lambda pair: len(pair[1]))
    message = (
        f"The population effects have {design.n_terms} columns for {design.n_rows} rows, so that "
        "the data cannot tell them apart and only the priors do. Use fewer terms."
    )
    if 2 * len(span) < design.n_rows:
        return message
    message += f" '{name}' alone makes {len(span)} columns"
    if design.encoder.categories.get(name) is None:
        return f"{message}."
    return f"{message}: numbers read as text become numbers with pd.to_numeric(data['{name}'])."


def response_among_columns(design: Design) -> list[str]:
    """Find columns of X that are the response itself, but for a factor and a constant."""
    if design.n_rows <= 2 or (design.trials is not None and (design.trials > 1).any()):
        return []
    y = _direction(design.y, centre=design.has_intercept)
    messages = []
    for label, values in zip(design.terms, design.X.T, strict=True):
        x = _direction(values, centre=design.has_intercept)
        if label != "Intercept" and x.any() and np.abs(y - (x @ y) * x).max() < 1e-9:
            messages.append(
                f"Column '{label}' is the response '{design.response}' again, but for a factor and "
                f"a constant, so it leaves nothing to explain. Leave '{label}' out."
            )
    return messages


def _direction(values: FloatArray, *, centre: bool) -> FloatArray:
    """Scale to unit length; a constant, if centred, becomes zeros."""
    size = float(np.abs(values).max()) or 1.0
    scaled = values / size
    scaled = scaled - scaled.mean() if centre else scaled
    length = float(np.linalg.norm(scaled))
    return scaled / length if length > 1e-12 * len(values) ** 0.5 else np.zeros(len(values))


def slopes_without_population_effect(design: Design) -> list[str]:
    """Find effects that vary by a factor round a mean that the formula fixes at zero."""
    messages = []
    seen = set()
    for bar in design.formula.bars:
        effects = design.encoder.bars[bar.effects]
        known = {*design.terms, "Intercept"}
        new = [j for j, label in enumerate(effects.labels) if label not in known]
        if not new:
            continue
        Z = next(
            term.Z[:, [term.effects.index(effects.labels[j]) for j in new]]
            for term in design.groups
            if set(term.variables) == set(bar.factor)
        )
        X = design.X[:, 1:] if design.has_intercept else design.X
        gram = _gram([X, Z], centre=design.has_intercept)
        explained = {k - X.shape[1] for k in _dependent(gram, X.shape[1]) if k >= X.shape[1]}
        for name, span in zip(effects.names, effects.spans, strict=True):
            unexplained = [j for k, j in enumerate(new) if j in span and k not in explained]
            key = (name, frozenset(bar.factor))
            if unexplained and key not in seen:
                seen.add(key)
                formula = design.formula
                bars = " + ".join(map(str, formula.bars))
                messages.append(
                    f"{bar}: the effect of '{name}' varies by '{':'.join(bar.factor)}' but has no "
                    "population effect, so that its mean is fixed at zero. Add it: "
                    f"'{formula.response} ~ {formula.common} + {name} + {bars}'."
                )
    return messages


def few_levels(design: Design) -> list[str]:
    """Find factors with so few levels that their sd rests on the prior."""
    return [
        f"Grouping factor '{term.factor}' has {term.n_levels} levels; an sd estimated from fewer "
        f"than {_FEW} leans on its prior. Check that prior, or use a population effect: "
        f"'{design.formula.response} ~ {design.formula.common} + {term.factor}'."
        for term in design.groups
        if term.n_levels < _FEW
    ]


def one_row_per_level(design: Design, family: Family) -> list[str]:
    """Find intercepts that vary by row, as the residual of the family does."""
    if not family.has_residual_sd:
        return []
    return [
        f"Every row has its own level of '{term.factor}' ({term.n_levels} levels, {design.n_rows} "
        "rows), so that its intercept cannot be told from the residual and only the priors of the "
        f"two sds do. Remove the intercept of '{term.factor}'."
        for term in design.groups
        if term.n_levels == design.n_rows and "Intercept" in term.effects
    ]


def more_effects_than_rows(design: Design) -> list[str]:
    """Find factors where half of the levels or more have fewer rows than effects."""
    messages = []
    for term in design.groups:
        counts = np.bincount(term.codes, minlength=term.n_levels)
        short = int((counts < term.n_effects).sum())
        if term.n_effects > 1 and 2 * short >= term.n_levels:
            share = f"{short} of {term.n_levels}" if short < term.n_levels else f"all {short}"
            messages.append(
                f"Grouping factor '{term.factor}' has {term.n_effects} effects "
                f"({', '.join(term.effects)}), but {share} levels have fewer rows than that, so "
                "the data say little about their sds and correlations. Use fewer effects, for "
                f"example (1 | {term.factor})."
            )
    return messages


def _gram(parts: Sequence[FloatArray], *, centre: bool) -> FloatArray:
    """Cross-products of the columns scaled to length one, centred first or not, in chunks."""
    size = sum(part.shape[1] for part in parts)
    if not size:
        return np.zeros((0, 0))
    n = len(parts[0])
    # Powers of two: no bit is lost, and the squares of huge and of tiny numbers stay in range.
    largest = np.concatenate([np.abs(part).max(axis=0, initial=0.0) for part in parts])
    units = np.ldexp(1.0, np.frexp(largest)[1] - 1)
    means = np.zeros(size)
    if centre:
        means = np.concatenate([(part / unit).mean(axis=0) for part, unit in _split(parts, units)])
    gram = np.zeros((size, size))
    for start in range(0, n, _CHUNK):
        rows = np.column_stack([part[start : start + _CHUNK] for part in parts]) / units - means
        gram += rows.T @ rows
    length = np.sqrt(np.diag(gram))
    scale = np.divide(1.0, length, out=np.zeros(size), where=length > 0)
    scaled: FloatArray = gram * scale * scale[:, None]
    return scaled


def _split(
    parts: Sequence[FloatArray], units: FloatArray
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Pair each part with the entries of `units` that belong to its columns."""
    ends = np.cumsum([part.shape[1] for part in parts])
    return zip(parts, np.split(units, ends[:-1]), strict=True)


def _dependent(gram: FloatArray, basis: int) -> dict[int, list[int]]:
    """Find columns that are linear combinations of columns before them.

    Only the first `basis` columns can be those that others are made of.
    """
    found: dict[int, list[int]] = {}
    independent: list[int] = []
    cholesky = np.zeros((basis, basis))
    for j in range(len(gram)):
        size = len(independent)
        factor = cholesky[:size, :size]
        row = solve_triangular(factor, gram[independent, j], lower=True) if size else np.zeros(0)
        left = gram[j, j] - row @ row
        if left < _TOLERANCE:
            weights = solve_triangular(factor, row, lower=True, trans="T") if size else row
            found[j] = [independent[k] for k in np.flatnonzero(np.abs(weights) > 1e-6)]
        elif j < basis:
            cholesky[size, :size] = row
            cholesky[size, size] = np.sqrt(left)
            independent.append(j)
    return found
