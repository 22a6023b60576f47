"""`prepare` and `fit`: from formula and data to a fit that answers in tables."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.design.design import Design
from bayesmix.families.families import Family, get_family
from bayesmix.model.spec import ModelSpec
from bayesmix.predictions import predict
from bayesmix.preparation.make import make_design
from bayesmix.preparation.zeros import warn_of_zeros
from bayesmix.priors.priors import LKJ, Prior, resolve_priors
from bayesmix.tables import tables
from bayesmix.tables.report import Summary, summarise

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pymc as pm
    import xarray as xr
    from arviz_stats.utils import ELPDData
    from matplotlib.axes import Axes
    from narwhals.typing import IntoFrame

    from bayesmix.criteria.correlation import CorrelationComparison
    from bayesmix.criteria.elpd import (
        ELPDDataLOGO,
        ELPDDataLOO,
        ELPDDataLOOSubsample,
        ELPDDataWAIC,
    )
    from bayesmix.model.options import SampleOptions

__all__ = ["MixedFit", "fit", "prepare"]


def prepare(
    formula: str,
    data: IntoFrame,
    *,
    family: str | Family = "gaussian",
    priors: Mapping[str, Prior | LKJ] | None = None,
    weights: str | npt.ArrayLike | None = None,
    missing: str = "drop",
) -> ModelSpec:
    """Do everything but the sampling: read the formula, encode the data, set the priors.

    Parameters
    ----------
    formula : str
        An lme4 formula, such as ``"Reaction ~ Days + (1 + Days | Subject)"``.
    data : DataFrame
        One row per observation; never changed. pandas', or any other frame that narwhals reads:
        polars' (a LazyFrame is collected once, with the used columns), pyarrow's, Dask's, DuckDB's.
    family : str or Family
        ``"gaussian"``, ``"bernoulli"``, ``"binomial"`` or ``"poisson"``, or one with another link
        from `bayesmix.get_family`. A response of two levels is bernoulli: text, in the order of the
        alphabet, a Categorical, in its own, or booleans; the second level is the success, as the
        summary says. ``binomial`` takes it as one trial.
    priors : mapping, optional
        Path to prior, such as ``{"sd:Subject": Prior("HalfNormal", sigma=50)}``. Paths cascade:
        ``sd`` < ``sd:Subject`` < ``sd:Subject:Days``.
    weights : str or array_like, optional
        Column name or one positive weight per row. Gaussian: the residual sd of row i is
        ``sigma / sqrt(weight_i)``. Binomial: the number of trials of a response that is the
        proportion of successes. Other families take none.
    missing : {"drop", "raise"}
        What to do with rows that have a missing value in a used column.

    Returns
    -------
    ModelSpec

    Raises
    ------
    BayesmixError
        For input that cannot be used; the message names it and the remedy.

    Warns
    -----
    DesignWarning
        For a model that can be fitted, but probably is not what was meant.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> spec = bm.prepare("Reaction ~ Days + (1 + Days | Subject)", data)
    >>> spec.design.terms, spec.design.groups[0].effects
    (('Intercept', 'Days'), ('Intercept', 'Days'))
    """
    return _prepare(formula, data, family, priors, weights, missing, _callers_namespace())


def fit(
    formula: str,
    data: IntoFrame,
    *,
    family: str | Family = "gaussian",
    priors: Mapping[str, Prior | LKJ] | None = None,
    method: str = "auto",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    cores: int | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
    nuts_sampler: str | None = None,
    nuts: Mapping[str, Any] | None = None,
    weights: str | npt.ArrayLike | None = None,
    missing: str = "drop",
) -> MixedFit:
    """Fit a Bayesian mixed model.

    Parameters
    ----------
    formula, data, family, priors, weights, missing
        As in `prepare`.
    method : {"auto", "marginal", "nuts"}
        How to sample. ``"marginal"`` integrates all effects out exactly, for Gaussian models with
        Normal priors on the population effects; ``"nuts"`` samples the joint model; ``"auto"``
        takes the first where it is possible.
    draws, tune, chains : int
        Draws kept and adaptation steps per chain, number of chains.
    cores : int, optional
        Chains that run side by side; all cores by default.
    random_seed : int or Generator, optional
        The same seed gives the same numbers.
    progressbar : bool
        Show progress.
    nuts_sampler : {"nutpie", "pymc", "numpyro", "blackjax"}, optional
        The fastest installed by default.
    nuts : mapping, optional
        Further options of NUTS, such as ``{"target_accept": 0.95}``.

    Returns
    -------
    MixedFit
        Shows its summary when printed.

    Raises
    ------
    BayesmixError
        For input that cannot be used; the message names it and the remedy.

    Warns
    -----
    DesignWarning
        For a model that can be fitted, but probably is not what was meant.
    ConvergenceWarning
        When the draws should not be trusted yet.

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> fit = bm.fit("Reaction ~ Days + (1 + Days | Subject)", data)  # doctest: +SKIP
    >>> fit.ranef().head()  # doctest: +SKIP
    """
    from bayesmix.model.options import SampleOptions

    options = SampleOptions(
        method=method,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores,
        random_seed=random_seed,
        progressbar=progressbar,
        nuts_sampler=nuts_sampler,
        nuts=nuts,
    )
    spec = _prepare(formula, data, family, priors, weights, missing, _callers_namespace())
    return _sampled(spec, options)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MixedFit:
    """A fitted model: the specification, the posterior, and the tables made from it.

    A fit prints, never samples twice and never changes: a changed model is a new fit.

    Attributes
    ----------
    spec : ModelSpec
        Design, family and priors.
    idata : DataTree
        Posterior and data in one schema, whichever method drew it; PyMC's and ArviZ's functions
        take it.
    options : SampleOptions
        How it was sampled.
    """

    spec: ModelSpec
    idata: xr.DataTree
    options: SampleOptions

    @property
    def design(self) -> Design:
        """Arrays and names made from the formula and the data."""
        return self.spec.design

    @property
    def posterior(self) -> xr.Dataset:
        """The posterior draws, dims ``chain, draw`` first.

        Effects of a factor with too many levels to keep their draws have a dim ``statistic``
        (mean, sd, quantiles) instead.
        """
        posterior: xr.Dataset = self.idata["posterior"].dataset
        if "group_effects" in self.idata.children:
            return posterior.merge(self.idata["group_effects"].dataset)
        return posterior

    @property
    def priors(self) -> pd.DataFrame:
        """``parameter, prior``: one row per parameter, defaults written out."""
        return self.spec.prior_table()

    @functools.cached_property
    def model(self) -> pm.Model:
        """The joint model in PyMC, whichever method drew the samples."""
        return self.spec.build()

    def summary(
        self, *, ci: bool = True, cor_re: bool = False, cor_fe: bool = False, digits: int = 2
    ) -> Summary:
        """Variance components, fixed effects and one line on the sampling.

        Parameters
        ----------
        ci : bool
            Show the 95 % intervals.
        cor_re, cor_fe : bool
            Show the correlations of the group effects, of the population effects.
        digits : int
            Decimals shown; the tables themselves are never rounded.

        Returns
        -------
        Summary
            Prints as text and shows as HTML in a notebook.
        """
        return summarise(
            self.design,
            self.spec.family,
            self.posterior,
            ci=ci,
            cor_re=cor_re,
            cor_fe=cor_fe,
            digits=digits,
            sampling=self._sampling,
            notes=(*json.loads(self.idata.attrs["messages"]), *self.design.notes),
        )

    def fixef(self, *, ci_level: float = 0.95, exponentiate: bool = False) -> pd.DataFrame:
        """Return population effects; see `bayesmix.tables.tables.fixef`."""
        return tables.fixef(
            self.design, self.posterior, ci_level=ci_level, exponentiate=exponentiate
        )

    def varcorr(
        self, *, ci_level: float = 0.95, ci_scale: str = "sd", estimator: str = "mean"
    ) -> pd.DataFrame:
        """Return variance components; see `bayesmix.tables.tables.varcorr`."""
        return tables.varcorr(
            self.design,
            self.posterior,
            ci_level=ci_level,
            ci_scale=ci_scale,
            estimator=estimator,
        )

    def cor_re(
        self, *, long: bool = False, ci_level: float = 0.95
    ) -> dict[str, pd.DataFrame] | pd.DataFrame:
        """Return correlations of the group effects; see `bayesmix.tables.tables.cor_re`."""
        return tables.cor_re(self.design, self.posterior, long=long, ci_level=ci_level)

    def ranef(
        self, re: str | None = None, *, ci_level: float = 0.95, add_group_N: bool = False
    ) -> pd.DataFrame:
        """Return group effects; see `bayesmix.tables.tables.ranef`."""
        return tables.ranef(
            self.design, self.posterior, re=re, ci_level=ci_level, add_group_N=add_group_N
        )

    def coef(self, re: str | None = None, *, ci_level: float = 0.95) -> pd.DataFrame:
        """Return population and group effects added; see `bayesmix.tables.tables.coef`."""
        return tables.coef(self.design, self.posterior, re=re, ci_level=ci_level)

    def find_typical(
        self, re: str | None = None, *, probs: npt.ArrayLike | None = None
    ) -> pd.DataFrame:
        """Return typical levels; see `bayesmix.tables.tables.find_typical`."""
        return tables.find_typical(self.design, self.posterior, re=re, probs=probs)

    def diagnostics(self) -> pd.DataFrame:
        """Return R-hat and effective sample sizes; see `bayesmix.tables.tables.diagnostics`."""
        return self._diagnostics.copy()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the fit to one file, for `bayesmix.load`.

        The file holds the draws, the arrays of the design, the priors and the options; not the
        data frame, and no pickle.

        Parameters
        ----------
        path : str or path
            The file; any suffix.
        overwrite : bool
            Replace a file that exists. Until the new one is complete, the old one stays; its mode
            passes on. A symbolic link stays one, and the file that it leads to is written.

        Raises
        ------
        BayesmixError
            The path exists, is none or no regular file, the system refuses it, or the fit holds a
            value that a file cannot hold.
        """
        from bayesmix.storage.storage import save

        save(self, path, overwrite=overwrite)

    def kfold(
        self,
        k: int = 10,
        *,
        group_by: str | npt.ArrayLike | None = None,
        stratify_by: str | npt.ArrayLike | None = None,
        executor: Executor | None = None,
        random_seed: int | np.random.Generator | None = None,
        progressbar: bool = True,
    ) -> ELPDData:
        """Return the result of k-fold cross-validation; see `bayesmix.criteria.crossval.kfold`."""
        from bayesmix.criteria.crossval import kfold

        return kfold(
            self,
            k,
            group_by=group_by,
            stratify_by=stratify_by,
            executor=executor,
            random_seed=random_seed,
            progressbar=progressbar,
        )

    def loo(
        self,
        *,
        integrated: bool | None = None,
        reloo: bool = False,
        subsample: int | None = None,
        executor: Executor | None = None,
    ) -> ELPDDataLOO | ELPDDataLOOSubsample:
        """Return the result of leaving one row out; see `bayesmix.criteria.criteria.loo`."""
        from bayesmix.criteria.criteria import loo

        return loo(self, integrated=integrated, reloo=reloo, subsample=subsample, executor=executor)

    def waic(self) -> ELPDDataWAIC:
        """Return the WAIC, given the group effects; see `bayesmix.criteria.criteria.waic`."""
        from bayesmix.criteria.criteria import waic

        return waic(self)

    def logo(
        self,
        group: str | npt.ArrayLike,
        *,
        refit: bool | None = None,
        reloo: bool = False,
        executor: Executor | None = None,
    ) -> ELPDDataLOGO:
        """Return the result of leaving one group out; see `bayesmix.criteria.criteria.logo`."""
        from bayesmix.criteria.criteria import logo

        return logo(self, group, refit=refit, reloo=reloo, executor=executor)

    def compare_correlation(
        self, *, eta: Sequence[float] = (1.0, 2.0, 4.0), logo: bool | None = None
    ) -> CorrelationComparison:
        """Ask whether group effects are correlated; see `bayesmix.criteria.correlation`."""
        from bayesmix.criteria.correlation import compare_correlation

        return compare_correlation(self, eta=eta, logo=logo)

    def linpred(
        self,
        newdata: pd.DataFrame | None = None,
        *,
        groups: str | Collection[str] = "conditional",
        new_levels: str = "error",
        ci_level: float = 0.95,
        draws: bool = False,
        random_seed: int | np.random.Generator | None = None,
    ) -> pd.DataFrame | xr.DataArray:
        """Predict the linear predictor; see `bayesmix.predictions.predict.linpred`.

        Without `random_seed` the seed of the fit is taken, so that a call repeats its numbers.
        """
        return predict.linpred(
            self.spec,
            self.posterior,
            newdata,
            groups=groups,
            new_levels=new_levels,
            ci_level=ci_level,
            draws=draws,
            random_seed=self.options.random_seed if random_seed is None else random_seed,
        )

    def epred(
        self,
        newdata: pd.DataFrame | None = None,
        *,
        groups: str | Collection[str] = "conditional",
        new_levels: str = "error",
        ci_level: float = 0.95,
        draws: bool = False,
        random_seed: int | np.random.Generator | None = None,
    ) -> pd.DataFrame | xr.DataArray:
        """Predict the expected response; see `bayesmix.predictions.predict.epred`.

        Without `random_seed` the seed of the fit is taken, so that a call repeats its numbers.
        """
        return predict.epred(
            self.spec,
            self.posterior,
            newdata,
            groups=groups,
            new_levels=new_levels,
            ci_level=ci_level,
            draws=draws,
            random_seed=self.options.random_seed if random_seed is None else random_seed,
        )

    def predict(
        self,
        newdata: pd.DataFrame | None = None,
        *,
        groups: str | Collection[str] = "conditional",
        new_levels: str = "error",
        ci_level: float = 0.95,
        draws: bool = False,
        random_seed: int | np.random.Generator | None = None,
    ) -> pd.DataFrame | xr.DataArray:
        """Predict new responses; see `bayesmix.predictions.predict.predict`.

        Without `random_seed` the seed of the fit is taken, so that a call repeats its numbers.
        """
        return predict.predict(
            self.spec,
            self.posterior,
            newdata,
            groups=groups,
            new_levels=new_levels,
            ci_level=ci_level,
            draws=draws,
            random_seed=self.options.random_seed if random_seed is None else random_seed,
        )

    def no_pooling(self, re: str | None = None) -> pd.DataFrame:
        """Return a regression of each group alone; see `bayesmix.tables.pooling.no_pooling`."""
        from bayesmix.tables.pooling import no_pooling

        return no_pooling(self.design, self.spec.family, self.posterior, re=re)

    def shrinkage(self, re: str | None = None) -> pd.DataFrame:
        """Return what partial pooling did; see `bayesmix.tables.pooling.shrinkage`."""
        from bayesmix.tables.pooling import shrinkage

        return shrinkage(self.design, self.spec.family, self.posterior, re=re)

    def plot_shrinkage(
        self,
        kind: str | None = None,
        *,
        re: str | None = None,
        effects: Sequence[str] | str | None = None,
        ax: Axes | npt.NDArray[Any] | None = None,
    ) -> Axes | npt.NDArray[Any]:
        """Draw what partial pooling did; see `bayesmix.figures.groupplots.plot_shrinkage`."""
        from bayesmix.figures.groupplots import plot_shrinkage

        return plot_shrinkage(self, kind, re=re, effects=effects, ax=ax)

    def plot_ranef(
        self,
        re: str | None = None,
        *,
        effects: Sequence[str] | str | None = None,
        ci_level: float = 0.95,
        ax: Axes | npt.NDArray[Any] | None = None,
    ) -> Axes | npt.NDArray[Any]:
        """Draw the group effects in order; see `bayesmix.figures.groupplots.plot_ranef`."""
        from bayesmix.figures.groupplots import plot_ranef

        return plot_ranef(self, re, effects=effects, ci_level=ci_level, ax=ax)

    def plot_trends(
        self,
        effect: str | None = None,
        *,
        re: str | None = None,
        ax: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[Any]:
        """Draw a line for each group; see `bayesmix.figures.groupplots.plot_trends`."""
        from bayesmix.figures.groupplots import plot_trends

        return plot_trends(self, effect, re=re, ax=ax)

    def plot_varcorr(self, *, ax: Axes | npt.NDArray[Any] | None = None) -> Axes | npt.NDArray[Any]:
        """Draw sds and correlations with their priors; see `bayesmix.figures.plots.plot_varcorr`."""
        from bayesmix.figures.plots import plot_varcorr

        return plot_varcorr(self, ax=ax)

    def plot_ppc(
        self,
        *,
        draws: int = 50,
        random_seed: int | np.random.Generator | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw replicated data over the data; see `bayesmix.figures.plots.plot_ppc`."""
        from bayesmix.figures.plots import plot_ppc

        return plot_ppc(self, draws=draws, random_seed=random_seed, ax=ax)

    def plot_trace(
        self,
        parameters: Sequence[str] | str | None = None,
        *,
        ax: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[Any]:
        """Draw the chains of each parameter; see `bayesmix.figures.plots.plot_trace`."""
        from bayesmix.figures.plots import plot_trace

        return plot_trace(self, parameters, ax=ax)

    def uncorrelated(self) -> MixedFit:
        """Refit the same model with every block of effects split into blocks of one.

        Its formula is ``(x || g)`` for ``(x | g)``, and ``diag(f | g)`` for a categorical f, whose
        columns ``||`` keeps together. Options and priors stay.

        The default prior of ``(x | g)`` does not depend on where x is zero. That of ``(x || g)``
        does, and so does the model: it takes the intercepts where x is zero as independent of the
        slopes. Where the zero of x has no meaning, center x first, as in
        ``center(x) + (center(x) || g)``.

        Returns
        -------
        MixedFit

        Warns
        -----
        DesignWarning
            The zero of a covariate is far from the data, and the new model depends on it.

        Examples
        --------
        >>> import bayesmix as bm
        >>> data = bm.load_dataset("sleepstudy")
        >>> spec = bm.prepare("Reaction ~ Days + (Days | Subject)", data)
        >>> spec.uncorrelated().design.formula.text
        'Reaction ~ Days + (Days || Subject)'
        """
        split = self.spec.uncorrelated()
        if split.design.formula != self.design.formula:
            design = warn_of_zeros(split.design, split.priors)
            split = dataclasses.replace(split, design=design)
        return _sampled(split, self.options)

    @functools.cached_property
    def _diagnostics(self) -> pd.DataFrame:
        return tables.diagnostics(self.design, self.posterior)

    @property
    def _sampling(self) -> dict[str, Any]:
        from bayesmix.engines.sampling import divergences

        table = self._diagnostics
        n_draws = self.posterior.sizes["chain"] * self.posterior.sizes["draw"]
        return {
            "method": self.idata.attrs["method"],
            "chains": self.posterior.sizes["chain"],
            "draws": self.posterior.sizes["draw"],
            "r_hat": float(table["r_hat"].max()),
            "ess_bulk": float(table["ess_bulk"].min()),
            "seconds": float(self.idata.attrs["seconds"]),
            "divergences": divergences(self.idata),
            "summarised": {
                term.factor: 16e-9 * term.n_levels * term.n_effects * n_draws
                for term in self.design.groups
                if f"u_{term.factor}" not in self.idata["posterior"]
            },
        }

    def __repr__(self) -> str:
        """Return the summary as text."""
        return repr(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def _prepare(
    formula: str,
    data: IntoFrame,
    family: str | Family,
    priors: Mapping[str, Prior | LKJ] | None,
    weights: str | npt.ArrayLike | None,
    missing: str,
    namespace: Mapping[str, Any],
) -> ModelSpec:
    resolved = get_family(family)
    design = make_design(
        formula,
        data,
        family=resolved,
        weights=weights,
        missing=missing,
        namespace=namespace,
    )
    prior_set = resolve_priors(design, resolved, priors)
    return ModelSpec(warn_of_zeros(design, prior_set), resolved, prior_set)


def _sampled(spec: ModelSpec, options: SampleOptions) -> MixedFit:
    from bayesmix.engines.sampling import sample

    return MixedFit(spec, sample(spec, options), options)


def _callers_namespace() -> dict[str, Any]:
    """Names that a formula may use from where `fit` or `prepare` was called."""
    frame = sys._getframe(2)
    return {**frame.f_globals, **frame.f_locals}
