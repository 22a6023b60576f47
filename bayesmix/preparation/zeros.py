"""Covariates whose zero is far from the data, in models that depend on where the zero is.

In ``(x || g)`` the intercepts of the groups stand at x = 0 and are independent of the slopes there:
another model for another zero. It is the same where a prior was set for the sd of the intercept of
``(x | g)``, which is then for the effect as written, and for ``(0 + f + x | g)``, which has an
intercept for each category. Products and powers of x beside x have their own default priors, by the
size of their columns, which grows with the distance of the zero while their effects do not.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import DesignWarning, warn
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.formula.rewrites import add_terms, read_sum, replace_variables
from bayesmix.frames.columns import listed
from bayesmix.priors.priorset import PriorSet

__all__ = ["warn_of_zeros"]


# Sample sds between zero and the mean from which on a zero is far from the data.
FAR = 3.0
_POWER = re.compile(r"(?:I\(|\{)\s*(?P<name>[^\W\d_][\w.]*|`[^`]+`)\s*\*\*\s*[2-9]\s*(?:\)|\})$")


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
    products = _far_products(design)
    if not far and not products:
        return design
    note = _message(design, far, products)
    warn(note, DesignWarning)
    return dataclasses.replace(design, notes=(*design.notes, note))


def _far_columns(term: GroupTerm, priors: PriorSet) -> Iterator[_FarColumn]:
    if len(term.effects) < 2:
        return
    is_centred = term.means is not None and term.factor in priors.centred
    harmless = set(term.intercept_block) if is_centred else set()
    for k, label in enumerate(term.effects):
        if label != "Intercept" and k not in harmless and (far := _far(term.Z[:, k])):
            own = term.means is not None and k in term.intercept_block
            yield _FarColumn(label, *far, term.factor, own)


def _far(column: FloatArray) -> tuple[float, float] | None:
    """Return mean and sd of a column whose zero is far; of its rows that are not zero.

    Those of ``f[b]:x`` are the rows of b, where x stands as it is.
    """
    column = column[column != 0]
    if not column.size or (column == 1).all():
        return None
    # A power of two, so that the squares of huge and of tiny numbers stay in range.
    unit = np.ldexp(1.0, np.frexp(np.abs(column).max())[1] - 1)
    mean, sd = float((column / unit).mean()), float((column / unit).std())
    return (mean * unit, sd * unit) if abs(mean) > FAR * sd > 0 else None


def _far_products(design: Design) -> dict[str, _FarColumn]:
    """Find products and powers among the population effects of a column that is far from zero."""
    columns = dict(zip(design.terms, design.X.T, strict=True))
    found: dict[str, _FarColumn] = {}
    for label, column in columns.items():
        parts = _parts(label)
        if len(parts) < 2 and not _POWER.match(label):
            continue
        for part in parts:
            own = columns.get(part, column if len(parts) - _categories(label) == 1 else None)
            if own is not None and "[" not in part and (far := _far(own)):
                found.setdefault(part, _FarColumn(part, *far, label, False))
    return found


def _message(design: Design, far: list[_FarColumn], products: dict[str, _FarColumn]) -> str:
    columns = {column.label: column for column in [*far, *products.values()]}
    one = len(columns) == 1
    verb, zero = ("is", "its zero") if one else ("are", "their zeros")
    own = tuple(dict.fromkeys(column.factor for column in far if column.has_own_prior))
    factors = tuple(dict.fromkeys(c.factor for c in far if not c.has_own_prior))
    why = []
    if own:
        names = ", ".join(f"'sd:{factor}:Intercept'" for factor in own)
        why.append(f"the prior that was set for {names} is for the intercept there")
    if factors:
        why.append(f"the model of the group effects of {_quoted(factors)} depends on {zero}")
    if products:
        labels = tuple(dict.fromkeys(product.factor for product in products.values()))
        moves = "so does" if why else f"{zero} moves"
        why.append(f"{moves} the default prior of {listed(map(repr, labels), 3)}")
    centred = _centred(design, columns)
    remedy = (
        "Make a centred column in the data first and use that."
        if centred is None
        else f"Centre: {centred}."
    )
    if factors:
        remedy += (
            " In one correlated block with an intercept, (1 + x | g), the zero does not matter."
        )
    named, reasons = listed(map(str, columns.values())), ", and ".join(why)
    return f"{named} {verb} far from zero, and {reasons}. {remedy}"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _parts(label: str) -> tuple[str, ...]:
    return read_sum(f"0 + {label}").terms[0] if label != "Intercept" else ()


def _categories(label: str) -> int:
    return sum("[" in part for part in _parts(label))


def _centred(design: Design, columns: dict[str, _FarColumn]) -> str | None:
    """Write the formula with centred columns; None where that cannot be written."""
    near = {label for term in design.groups for label in term.effects} | set(design.terms)
    near -= set(columns)
    replacements = {}
    for label in columns:
        for part in _parts(label):
            power = _POWER.match(part)
            name = power["name"] if power else part
            if power or (name not in near and "[" not in name):
                replacements[name] = f"center({name if power else part})"
    changed = replace_variables(design.formula, replacements)
    if str(changed) == str(design.formula):
        return None
    # An effect that varies keeps its population effect, or gets it.
    known = {tuple(term) for term in read_sum(changed.common).terms}
    varying = {term for bar in changed.bars for term in read_sum(bar.effects).terms}
    new = {(text,) for text in replacements.values()} & varying - known
    return add_terms(changed, sorted(new)).text if new else changed.text
