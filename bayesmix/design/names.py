"""What the variables and the dims of a grouping factor are called, and which names are taken."""

from __future__ import annotations

import dataclasses

from bayesmix.families.registry import parameter_names

__all__ = ["RESERVED", "TermNames"]

# Dims and variables of the posterior and of the joint model that a factor's dim must not take,
# beside the parameters of all families. The last line is of families to come, so that dims of today
# stay.
RESERVED = frozenset(
    {"obs", "term", "slope_term", "chain", "draw", "sample", "beta", "slope", "X", "y"}
    | {"Intercept_centred", "offset", "weights", "trials", "statistic"}
    | {"nu", "shape", "phi", "zi", "hu", "disc", "tau", "alpha", "cutpoint", "category"}
    | {"cutpoint_centred", "cutpoint_end"}
)


@dataclasses.dataclass(frozen=True)
class TermNames:
    """Names of one grouping factor in the posterior and in the joint model.

    Attributes
    ----------
    factor : str
        ``"student"``, or ``"g1:g2"`` for combinations.
    """

    factor: str

    @property
    def _factor(self) -> str:
        """The name of the factor; a data tree would read a slash as a path."""
        return self.factor.replace("/", "\N{DIVISION SLASH}")

    @property
    def dim(self) -> str:
        """Dim of the levels."""
        is_taken = self._factor in RESERVED or self._factor in parameter_names()
        return f"{self._factor}_level" if is_taken else self._factor

    @property
    def effect_dim(self) -> str:
        """Dim of the effects."""
        return f"{self.dim}_effect"

    @property
    def effect_dim_bis(self) -> str:
        """Dim of the columns of the correlation matrix."""
        return f"{self.dim}_effect_bis"

    @property
    def pair_dim(self) -> str:
        """Dim of the free numbers of the correlations."""
        return f"{self.dim}_pair"

    @property
    def u(self) -> str:
        """Effects of the levels, as written."""
        return f"u_{self._factor}"

    @property
    def coef(self) -> str:
        """Effects of the levels and of the population added, where these are summaries."""
        return f"coef_{self._factor}"

    @property
    def sd(self) -> str:
        """Sds of the effects, as written."""
        return f"sd_{self._factor}"

    @property
    def centred_sd(self) -> str:
        """Sds of the effects of the centred block."""
        return f"centred_sd_{self._factor}"

    @property
    def cor(self) -> str:
        """Correlations of the effects, as written."""
        return f"cor_{self._factor}"

    @property
    def zeta(self) -> str:
        """Standard normal numbers that the effects are made of."""
        return f"zeta_{self._factor}"

    @property
    def lkj(self) -> str:
        """Free numbers w of the correlations as (1 + w) / 2."""
        return f"lkj_{self._factor}"

    @property
    def free(self) -> str:
        """Free numbers of the correlations, which are never reported."""
        return f"free_{self._factor}"

    @property
    def Z(self) -> str:
        """Columns of the effects, among the data of the model."""
        return f"Z_{self._factor}"

    @property
    def codes(self) -> str:
        """Levels of the rows, among the data of the model."""
        return f"codes_{self._factor}"

    @property
    def besides_the_dim(self) -> tuple[str, ...]:
        """Every name but the dim of the levels."""
        variables = (self.u, self.sd, self.centred_sd, self.cor, self.zeta, self.lkj)
        dims = (self.effect_dim, self.effect_dim_bis, self.pair_dim)
        return (*variables, self.Z, self.codes, *dims)
