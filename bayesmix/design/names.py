"""What the variables and the dims of a grouping factor are called, and which names are taken."""

from __future__ import annotations

import dataclasses

from bayesmix.families.registry import parameter_names

__all__ = [
    "RESERVED",
    "PopulationNames",
    "TermNames",
    "hyper_name",
    "hyper_path",
    "path_start",
    "population_names",
    "prefix_of",
]

# Dims and variables of the posterior and of the joint model that a factor's dim must not take,
# beside the parameters of all families. The last line is of families to come, so that dims of today
# stay.
RESERVED = frozenset(
    {"obs", "term", "slope_term", "chain", "draw", "sample", "beta", "slope", "X", "y"}
    | {"Intercept_centred", "offset", "weights", "trials", "statistic"}
    | {"nu", "shape", "phi", "zi", "hu", "disc", "tau", "alpha", "cutpoint", "category"}
    | {"cutpoint_centred", "cutpoint_end"}
)


_HYPER = "hyper_"


def prefix_of(predictor: str) -> str:
    """Start the names of what belongs to the predictor of a parameter, empty for the formula's."""
    return f"{predictor}_" if predictor else ""


def path_start(predictor: str) -> str:
    """Start the paths of the priors of what belongs to the predictor of a parameter."""
    return f"{predictor}:" if predictor else ""


def hyper_name(path: str) -> str:
    """Name a parameter of the prior of population effects in the posterior."""
    return f"{_HYPER}{path}".replace("/", "\N{DIVISION SLASH}")


def hyper_path(name: str) -> str | None:
    """Return the path that `hyper_name` has named; None for another variable."""
    if not name.startswith(_HYPER):
        return None
    return name.removeprefix(_HYPER).replace("\N{DIVISION SLASH}", "/")


@dataclasses.dataclass(frozen=True)
class PopulationNames:
    """Names of the population effects of a predictor in the posterior and in the joint model.

    Attributes
    ----------
    beta, slope, centred_intercept : str
        Effects as written, those but the intercept, and the intercept of centred columns.
    X, offset : str
        Among the data of the model.
    dim, slope_dim : str
        Dims of all effects, and of those but the intercept.
    """

    beta: str
    slope: str
    centred_intercept: str
    X: str
    offset: str
    dim: str
    slope_dim: str


def population_names(predictor: str) -> PopulationNames:
    """Name the population effects of the predictor of a parameter, empty for the formula's."""
    start = prefix_of(predictor)
    names = ("beta", "slope", "Intercept_centred", "X", "offset", "term", "slope_term")
    return PopulationNames(*(f"{start}{name}" for name in names))


@dataclasses.dataclass(frozen=True)
class TermNames:
    """Names of one grouping factor in the posterior and in the joint model.

    Attributes
    ----------
    factor : str
        ``"student"``, or ``"g1:g2"`` for combinations.
    predictor : str
        The parameter whose predictor has the effects; empty for that of the formula.
    """

    factor: str
    predictor: str = ""

    @property
    def _factor(self) -> str:
        """The name of the factor; a data tree would read a slash as a path."""
        return self.factor.replace("/", "\N{DIVISION SLASH}")

    @property
    def _prefix(self) -> str:
        return prefix_of(self.predictor)

    @property
    def dim(self) -> str:
        """Dim of the levels."""
        is_taken = self._factor in RESERVED or self._factor in parameter_names()
        return f"{self._factor}_level" if is_taken else self._factor

    @property
    def effect_dim(self) -> str:
        """Dim of the effects."""
        return f"{self._prefix}{self.dim}_effect"

    @property
    def effect_dim_bis(self) -> str:
        """Dim of the columns of the correlation matrix."""
        return f"{self.effect_dim}_bis"

    @property
    def joint_effect_dim(self) -> str:
        """Dim of the effects of several predictors that are correlated."""
        return f"{self._prefix}{self.dim}_joint_effect"

    @property
    def joint_effect_dim_bis(self) -> str:
        """Dim of the columns of their correlation matrix."""
        return f"{self.joint_effect_dim}_bis"

    @property
    def pair_dim(self) -> str:
        """Dim of the free numbers of the correlations."""
        return f"{self._prefix}{self.dim}_pair"

    @property
    def u(self) -> str:
        """Effects of the levels, as written."""
        return f"{self._prefix}u_{self._factor}"

    @property
    def df(self) -> str:
        """Degrees of freedom of effects that are Student-t."""
        return f"{self._prefix}df_{self._factor}"

    @property
    def coef(self) -> str:
        """Effects of the levels and of the population added, where these are summaries."""
        return f"{self._prefix}coef_{self._factor}"

    @property
    def sd(self) -> str:
        """Sds of the effects, as written."""
        return f"{self._prefix}sd_{self._factor}"

    @property
    def centred_sd(self) -> str:
        """Sds of the effects of the centred block."""
        return f"{self._prefix}centred_sd_{self._factor}"

    @property
    def cor(self) -> str:
        """Correlations of the effects, as written."""
        return f"{self._prefix}cor_{self._factor}"

    @property
    def zeta(self) -> str:
        """Standard normal numbers that the effects are made of; if Student-t, t with their sds."""
        return f"{self._prefix}zeta_{self._factor}"

    @property
    def lkj(self) -> str:
        """Free numbers w of the correlations as (1 + w) / 2."""
        return f"{self._prefix}lkj_{self._factor}"

    @property
    def free(self) -> str:
        """Free numbers of the correlations, which are never reported."""
        return f"{self._prefix}free_{self._factor}"

    @property
    def Z(self) -> str:
        """Columns of the effects, among the data of the model."""
        return f"{self._prefix}Z_{self._factor}"

    @property
    def codes(self) -> str:
        """Levels of the rows, among the data of the model."""
        return f"{self._prefix}codes_{self._factor}"

    @property
    def besides_the_dim(self) -> tuple[str, ...]:
        """Every name but the dim of the levels."""
        variables = (self.u, self.sd, self.centred_sd, self.cor, self.zeta, self.lkj)
        dims = (self.effect_dim, self.effect_dim_bis, self.pair_dim)
        joint_dims = (self.joint_effect_dim, self.joint_effect_dim_bis)
        return (*variables, self.Z, self.codes, *dims, *joint_dims)
