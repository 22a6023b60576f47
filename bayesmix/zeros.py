"""Covariates whose zero is far from the data, in models that depend on where the zero is.

In ``(x || g)`` the intercepts of the groups stand at x = 0 and are independent of the slopes there:
another model for another zero. It is the same where a prior was set for the sd of the intercept of
``(x | g)``, which is then for the effect as written.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bayesmix.columns import listed
from bayesmix.design import Design, GroupTerm
from bayesmix.errors import DesignWarning
from bayesmix.priors import PriorSet
from bayesmix.rewrites import quoted, read_sum, replace_variables

__all__ = ["warn_of_zeros"]

type FloatArray = npt.NDArray[np.float64]

# Sample sds between zero and the mean from which on a zero is far from the data.
FAR = 3.0


@dataclasses.dataclass(frozen=True)
class _FarColumn:
    """A column of group effects, and why its zero matters."""

    label: str
    mean: float
    sd: float
    factor: str
    has_own_prior: bool

    def __str__(self) -> str:
        return f"'{self.label}' (mean {self.mean:.4g}, sd {self.sd:.3g})"


def warn_of_zeros(design: Design, priors: PriorSet) -> Design:
    """Warn where a model depends on a zero that is far from the data.

    Parameters
    ----------
    design : Design
    priors : PriorSet
        The priors of its model.

    Returns
    -------
    Design
        The same, with the text of the warning among its notes.

    Warns
    -----
    DesignWarning
        Once, for all columns whose mean is more than 3 sds from zero, with the formula to write.
    """
    far = [column for term in design.groups for column in _far_columns(term, priors)]
    if not far:
        return design
    note = _message(design, far)
    warnings.warn(note, DesignWarning, skip_file_prefixes=(os.path.dirname(__file__),))
    return dataclasses.replace(design, notes=(*design.notes, note))


def _far_columns(term: GroupTerm, priors: PriorSet) -> Iterator[_FarColumn]:
    if "Intercept" not in term.effects:
        return
    is_centred = term.means is not None and term.factor in priors.centred
    harmless = set(term.intercept_block) if is_centred else set()
    for k, label in enumerate(term.effects):
        column = term.Z[:, k]
        if label == "Intercept" or k in harmless or ((column == 0) | (column == 1)).all():
            continue
        # A power of two, so that the squares of huge and of tiny numbers stay in range.
        unit = np.ldexp(1.0, np.frexp(np.abs(column).max())[1] - 1)
        mean, sd = float((column / unit).mean()), float((column / unit).std())
        if abs(mean) > FAR * sd > 0:
            own = term.means is not None and k in term.intercept_block
            yield _FarColumn(label, mean * unit, sd * unit, term.factor, own)


def _message(design: Design, far: list[_FarColumn]) -> str:
    columns = {column.label: column for column in far}
    one = len(columns) == 1
    verb, zero = ("is", "its zero") if one else ("are", "their zeros")
    factors = tuple(dict.fromkeys(column.factor for column in far))
    own = tuple(dict.fromkeys(column.factor for column in far if column.has_own_prior))
    why = (
        f"the group effects of {_quoted(factors)} depend on {zero}: intercepts stand there and are "
        "independent of the slopes"
    )
    if own:
        names = ", ".join(f"'sd:{factor}:Intercept'" for factor in own)
        why = f"the prior that was set for {names} is for the intercept there"
    centred = _centred(design, columns)
    remedy = (
        "Make a centred column in the data first and use that."
        if centred is None
        else f"Centre: {centred}."
    )
    if not own:
        remedy += " Or let the effects be correlated, (x | g), where the zero does not matter."
    return f"{listed(map(str, columns.values()))} {verb} far from zero, and {why}. {remedy}"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _centred(design: Design, columns: dict[str, _FarColumn]) -> str | None:
    """Write the formula with centred columns; None where that cannot be written."""
    factors = [
        factor for label in columns for term in read_sum(f"0 + {label}").terms for factor in term
    ]
    near = {label for term in design.groups for label in term.effects} | set(design.terms)
    near -= set(columns)
    replacements = {
        factor: f"center({quoted(factor) if factor in design.encoder.categories else factor})"
        for factor in factors
        if factor not in near
    }
    changed = replace_variables(design.formula, replacements)
    return None if str(changed) == str(design.formula) else changed.text
