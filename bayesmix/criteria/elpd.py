"""Results of the criteria: ArviZ's `ELPDData`, with a note on how each was made.

The only module that imports ArviZ when it is imported itself: nothing imports it before a
criterion is asked for.
"""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any, ClassVar

import arviz_stats

from bayesmix.base.words import count

__all__ = ["ELPDDataLOGO", "ELPDDataLOO", "ELPDDataLOOSubsample", "ELPDDataWAIC"]


def _noted(footer: str, note: str) -> str:
    return f"{footer}\n{textwrap.fill(note, 80)}\n" if note else footer


@dataclasses.dataclass(kw_only=True, repr=False)
class ELPDDataLOO(arviz_stats.ELPDDataLOO):  # type: ignore[misc]
    """Leave one row out.

    Attributes
    ----------
    elpd, se, p : float
        Expected log predictive density of new rows of the same groups, its standard error, and
        the effective number of parameters (of those that were not integrated out).
    elpd_i, pareto_k, p_loo_i : DataArray
        The same for each row, and how far the importance sampling can be trusted; dim ``obs``.
    integrated : bool
        Whether population and group effects were integrated out in closed form.
    note : str
        What was done beyond the standard, such as refits.
    """

    integrated: bool = False
    note: str = ""

    def _footer(self) -> str:
        return _noted(super()._footer(), self.note)


@dataclasses.dataclass(kw_only=True, repr=False)
class ELPDDataLOOSubsample(arviz_stats.ELPDDataLOOSubsample):  # type: ignore[misc]
    """Leave one row out, for a random subsample of the rows.

    Attributes
    ----------
    elpd, se, p : float
        Estimates for all rows, and the standard error of ``elpd`` as if all had been left out.
    subsampling_se : float
        Standard error of ``elpd`` from the subsample.
    elpd_i, pareto_k : DataArray
        Of the rows of the subsample, NaN elsewhere; dim ``obs``.
    elpd_loo_approx : DataArray
        Approximation at the posterior mean, for all rows.
    loo_subsample_observations : ndarray of int
        Positions of the subsample.
    integrated : bool
        Whether population and group effects were integrated out in closed form.
    note : str
        What was done beyond the standard.
    """

    integrated: bool = False
    note: str = ""

    def _footer(self) -> str:
        return _noted(super()._footer(), self.note)


@dataclasses.dataclass(kw_only=True, repr=False)
class ELPDDataWAIC(arviz_stats.ELPDData):  # type: ignore[misc]
    """The widely applicable information criterion.

    Attributes
    ----------
    elpd, se, p : float
        ``elpd`` is WAIC on the log scale (WAIC = -2 elpd), ``p`` the sum of ``p_waic_i``.
    elpd_i, p_waic_i : DataArray
        The same for each row; dim ``obs``.
    note : str
        How many rows make the criterion doubtful.
    """

    _kind: ClassVar[str] = "waic"

    p_waic_i: Any = None
    note: str = ""

    def _footer(self) -> str:
        return _noted(super()._footer(), self.note)


@dataclasses.dataclass(kw_only=True, repr=False)
class ELPDDataLOGO(arviz_stats.ELPDDataLOO):  # type: ignore[misc]
    """Leave one group out.

    Attributes
    ----------
    elpd, se, p : float
        Expected log predictive density of all rows of a new group, summed over the groups, its
        standard error, and the effective number of parameters.
    elpd_i, pareto_k, p_loo_i : DataArray
        The same for each group; the dim is the grouping factor's.
    group : str
        The grouping factor.
    n_data_points : int
        Number of groups.
    note : str
        What was done beyond the standard, such as refits.
    """

    _kind: ClassVar[str] = "logo"

    group: str
    note: str = ""

    def _header(self) -> str:
        return (
            f"Computed from {count(self.n_samples, 'posterior sample')} and "
            f"{count(self.n_data_points, 'group')} of {self.group}, left out one at a time."
        )

    def _footer(self) -> str:
        return _noted(super()._footer(), self.note)
