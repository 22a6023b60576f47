"""Data like those of a fit, with new groups and new rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import generator, one_of
from bayesmix.base.errors import BayesmixError
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.design.joint_effects import JointEffects
from bayesmix.design.names import population_names
from bayesmix.frames.columns import learn_factor
from bayesmix.frames.frames import open_frame
from bayesmix.model.centring import (
    centred_scale,
    effects_as_written,
    joint_scale_as_written,
    sd_and_cor,
)
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.fitted import Fitted
from bayesmix.posterior.mixing import draw_mixing
from bayesmix.priors.prior import Prior
from bayesmix.simulation.truth import Predictor, Simulation

if TYPE_CHECKING:
    import xarray as xr
    from narwhals.typing import IntoFrame

__all__ = ["simulate_from"]


def simulate_from(
    fit: Fitted,
    data: IntoFrame | None = None,
    *,
    parameters: str = "mean",
    random_seed: int | np.random.Generator | None = None,
) -> Simulation:
    """Simulate a study like the one that was fitted, with new groups and new rows.

    Group effects and responses are drawn anew; population effects, sds, correlations, degrees of
    freedom of effects that are Student-t, and the residual sd are those of the fit.

    Parameters
    ----------
    fit : Fitted
        A fit.
    data : DataFrame, optional
        Of any library, as in `bayesmix.fit`. Covariates and grouping factors of the study to
        simulate, as many rows and levels as it shall have. By default the rows of the fit.
        Weights that were given as an array are the column ``"weights="``, and
        standard errors ``"se="``.
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
    family = fit.spec.family
    study, columns = _study(fit, data)
    truth = _Truth.of(fit, is_mean=parameters == "mean", rng=rng)
    groups = _draw_groups(truth, study, rng)
    main, *others = (truth.predictor(*one) for one in zip(study.parts, groups, strict=True))
    predictors = dict(zip(study.predictors, others, strict=True))
    auxiliary = {name: truth.value(name)[()] for name in family.auxiliary}
    etas = {name: own.eta for name, own in predictors.items()}
    y = family.draw(rng, main.eta, auxiliary | etas, study.weights, study.trials)
    return Simulation(
        data=pd.DataFrame(columns | _response_columns(study, y), index=study.index),
        family=family,
        auxiliary={name: x if np.ndim(x) else float(x) for name, x in auxiliary.items()},
        predictors=predictors,
        **{field.name: getattr(main, field.name) for field in dataclasses.fields(main)},
    )


@dataclasses.dataclass(frozen=True)
class _EffectsOfPredictor:
    """Sds, correlations, effects of the levels and degrees of freedom of these, by factor."""

    sd: dict[str, dict[str, float]]
    cor: dict[str, pd.DataFrame]
    u: dict[str, pd.DataFrame]
    df: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class _Truth:
    """Parameters at their posterior means, or those of one draw."""

    spec: ModelSpec
    posterior: xr.Dataset
    draws: xr.Dataset  # the same, chains together
    one: int | None  # the draw, None for means

    @classmethod
    def of(cls, fit: Fitted, *, is_mean: bool, rng: np.random.Generator) -> _Truth:
        """Choose the draw, if it is one."""
        posterior = fit.idata["posterior"].dataset
        draws = posterior.stack(sample=("chain", "draw"), create_index=False)
        one = int(rng.integers(draws.sizes["sample"]))
        return cls(fit.spec, posterior, draws, None if is_mean else one)

    def value(self, name: str) -> npt.NDArray[np.float64]:
        """Return the value of a variable."""
        values = self.draws[name].transpose("sample", ...)
        return np.asarray(values.mean("sample") if self.one is None else values[self.one])

    def scale(self, joint: JointEffects) -> npt.NDArray[np.float64]:
        """Return the square root of Sigma of the columns as the priors see them."""
        scales = centred_scale(self.spec, joint, self.posterior)
        return _mean_scale(scales) if self.one is None else np.asarray(scales[self.one])

    def df(self, term: GroupTerm) -> float | None:
        """Return the degrees of freedom of effects that are Student-t."""
        law = self.spec.part(term).student(term)
        if law is None:
            return None
        return float(self.value(term.names.df) if isinstance(law.nu, Prior) else law.nu)

    def predictor(self, design: Design, groups: _EffectsOfPredictor) -> Predictor:
        """Put the linear predictor of the rows of a study together."""
        names = population_names(design.predictor)
        beta = self.value(names.beta) if design.n_terms else np.zeros(0)
        eta = design.X @ beta
        if design.offset is not None:
            eta = eta + design.offset
        for term in design.groups:
            eta = eta + term.dot(groups.u[term.factor].to_numpy())
        effects = dict(zip(design.terms, beta.tolist(), strict=True))
        text = design.formula.text
        return Predictor(text, effects, groups.sd, groups.cor, groups.u, eta, groups.df)


def _draw_groups(
    truth: _Truth, study: Design, rng: np.random.Generator
) -> list[_EffectsOfPredictor]:
    """Draw the effects of new levels, for each predictor."""
    spec = truth.spec
    found = [_EffectsOfPredictor({}, {}, {}, {}) for _ in study.parts]
    by_name = {part.predictor: own for part, own in zip(study.parts, found, strict=True)}
    for joint, own in zip(spec.design.joint_effects, study.joint_effects, strict=True):
        scale = truth.scale(joint)
        sd, R = sd_and_cor(joint_scale_as_written(spec, joint, scale))
        if joint.correlations:
            matrix = pd.DataFrame(R, joint.effects, joint.effects)
            by_name[joint.predictor].cor[joint.factor] = matrix
        standard = rng.standard_normal((own.n_levels, own.n_effects))
        for term in joint.terms:
            if (nu := truth.df(term)) is not None:
                by_name[term.predictor].df[term.factor] = nu
                standard *= np.sqrt(draw_mixing(rng, np.full(own.n_levels, nu)))[:, None]
        values = standard @ scale.T
        for term, new, place in zip(joint.terms, own.terms, joint.places, strict=True):
            u = effects_as_written(spec.part(term).centre(term), values[:, place])
            into = by_name[term.predictor]
            into.sd[term.factor] = dict(zip(term.effects, sd[place].tolist(), strict=True))
            into.u[term.factor] = pd.DataFrame(u, pd.Index(new.levels), list(term.effects))
    return found


def _study(fit: Fitted, data: IntoFrame | None) -> tuple[Design, dict[str, Any]]:
    """Return the design of the study, whose grouping factors have its own levels, and columns."""
    if data is None:
        return fit.design, _columns_of(fit.design)
    opened = open_frame(data, "data")
    study = opened.read(opened.columns)
    design = fit.design.at(study)
    columns = {str(name): study[name] for name in study.columns}
    main, *others = (_with_own_levels(part, columns) for part in design.parts)
    return dataclasses.replace(main, predictors={own.predictor: own for own in others}), columns


def _with_own_levels(design: Design, columns: dict[str, Any]) -> Design:
    terms = []
    for term in design.groups:
        factor, codes = learn_factor(term.variables, columns)
        terms.append(dataclasses.replace(term, levels=factor.levels, codes=codes))
    return dataclasses.replace(design, groups=tuple(terms))


def _mean_scale(scales: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the square root of Sigma with the means of sds and correlations.

    They are of the columns as the priors see them: as written, those of a covariate far from zero
    cancel.
    """
    sd, R = (values.mean(axis=0) for values in sd_and_cor(scales))
    return np.asarray(sd[:, None] * np.linalg.cholesky(R))


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
