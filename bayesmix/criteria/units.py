"""What is left out together: the levels of a factor, or labels of the rows."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import shape_of, shown
from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.design.design import Design
from bayesmix.design.groupterm import named_term

__all__ = ["OTHER_COLUMN", "Units", "factors_of"]

OTHER_COLUMN = "For another column give its values: data['column']."


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """The groups that are left out one at a time, and the group of each row."""

    name: str
    dim: str
    levels: npt.NDArray[Any]
    codes: IntArray
    in_model: bool

    @classmethod
    def of(cls, design: Design, group: str | npt.ArrayLike) -> Units:
        """Read the name of a grouping factor, or one label for each row."""
        if isinstance(group, str):
            term = named_term("group", group, design.every_group, OTHER_COLUMN)
            units = cls(group, term.dim, term.levels, term.codes, True)
        else:
            labels = _labels(group, design.n_rows)
            name = str(getattr(group, "name", None) or "group")
            levels = labels.cat.categories.astype(str).to_numpy()
            units = cls(name, name, levels, labels.cat.codes.to_numpy().astype(np.int64), False)
        if len(units.levels) < 2:
            raise BayesmixError(f"{units.name} has one level only, so that none can be left out.")
        return units


def _labels(group: npt.ArrayLike, n_rows: int) -> pd.Series[Any]:
    """Read one label for each row as categories."""
    ways = (
        "give the name of a grouping factor, or one label for each of the "
        f"{count(n_rows, 'row')} of the fit."
    )
    problem = BayesmixError(f"group={shown(group)} is not usable: {ways}")
    if isinstance(group, pd.MultiIndex):
        group = cast("npt.ArrayLike", group.to_flat_index())
    try:
        if (shape := shape_of(group, n_rows)) != (n_rows,):
            if shape:
                problem = BayesmixError(f"group has shape {shape}: {ways}")
            raise problem
        if missing := int(pd.isna(np.asarray(group)).sum()):
            problem = BayesmixError(f"group has {count(missing, 'missing label')}: {ways}")
            raise problem
        labels = pd.Series(cast(Any, group)).astype("category").cat.remove_unused_categories()
        labels.cat.categories.astype(str)
    except Exception as error:  # whatever the values' own methods raise
        if error is problem:
            raise
        raise problem from error
    return labels


def factors_of(design: Design) -> str:
    """List the grouping factors of a design."""
    return ", ".join(dict.fromkeys(term.factor for term in design.every_group))
