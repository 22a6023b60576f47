"""The face: `prepare`, `fit` and `load`, and the verbs of a fit.

A verb is written, typed and documented where its work is done, and takes the fit first; here it
becomes a method.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayesmix.base.callers import namespace_of_caller
from bayesmix.base.later import Later
from bayesmix.engines.run import draw
from bayesmix.families.family import Family
from bayesmix.model.options import SampleOptions
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior import diagnostics
from bayesmix.posterior.fitted import Fitted
from bayesmix.preparation.request import Request
from bayesmix.priors.effects import StudentT
from bayesmix.priors.prior import LKJ, Prior
from bayesmix.streams.anywhere import any_specification
from bayesmix.tables.page import Summary
from bayesmix.tables.summary import summary

if TYPE_CHECKING:
    import pymc as pm
    from narwhals.typing import IntoFrame

    from bayesmix.criteria.correlation import compare_correlation
    from bayesmix.criteria.evidence import log_evidence
    from bayesmix.criteria.kfold import kfold
    from bayesmix.criteria.logo import logo
    from bayesmix.criteria.loo import loo
    from bayesmix.criteria.waic import waic
    from bayesmix.engines.nuts.joint import build_model
    from bayesmix.engines.prior import sample_prior
    from bayesmix.engines.refits import uncorrelated
    from bayesmix.engines.updates import update
    from bayesmix.figures.chains import plot_trace
    from bayesmix.figures.compared import plot_comparisons, plot_slopes
    from bayesmix.figures.components import plot_varcorr
    from bayesmix.figures.effects import plot_ranef
    from bayesmix.figures.predicted import plot_predictions
    from bayesmix.figures.replications import plot_ppc
    from bayesmix.figures.residuals import plot_residuals
    from bayesmix.figures.shrinkage import plot_shrinkage
    from bayesmix.figures.trends import plot_trends
    from bayesmix.predictions.predict import epred, linpred, predict
    from bayesmix.questions.comparisons import comparisons, slopes
    from bayesmix.questions.draws_frame import draws_frame
    from bayesmix.questions.hypothesis import hypothesis
    from bayesmix.questions.icc import icc
    from bayesmix.questions.predictions import predictions
    from bayesmix.questions.r2 import r2
    from bayesmix.questions.residual_tests import residual_tests
    from bayesmix.questions.residuals import residuals
    from bayesmix.questions.sensitivity import sensitivity
    from bayesmix.simulation.power import power_of_fit
    from bayesmix.storage.storage import save
    from bayesmix.tables.components import cor_re, varcorr
    from bayesmix.tables.groups import coef, find_typical, ranef
    from bayesmix.tables.pooling import no_pooling, shrinkage
    from bayesmix.tables.population import fixef
else:
    # A fit that is printed needs few of them, and loading them takes as long as the fit.
    compare_correlation = Later("bayesmix.criteria.correlation", "compare_correlation")
    log_evidence = Later("bayesmix.criteria.evidence", "log_evidence")
    kfold = Later("bayesmix.criteria.kfold", "kfold")
    logo = Later("bayesmix.criteria.logo", "logo")
    loo = Later("bayesmix.criteria.loo", "loo")
    waic = Later("bayesmix.criteria.waic", "waic")
    build_model = Later("bayesmix.engines.nuts.joint", "build_model")
    sample_prior = Later("bayesmix.engines.prior", "sample_prior")
    uncorrelated = Later("bayesmix.engines.refits", "uncorrelated")
    update = Later("bayesmix.engines.updates", "update")
    plot_trace = Later("bayesmix.figures.chains", "plot_trace")
    plot_comparisons = Later("bayesmix.figures.compared", "plot_comparisons")
    plot_slopes = Later("bayesmix.figures.compared", "plot_slopes")
    plot_varcorr = Later("bayesmix.figures.components", "plot_varcorr")
    plot_ranef = Later("bayesmix.figures.effects", "plot_ranef")
    plot_predictions = Later("bayesmix.figures.predicted", "plot_predictions")
    plot_ppc = Later("bayesmix.figures.replications", "plot_ppc")
    plot_residuals = Later("bayesmix.figures.residuals", "plot_residuals")
    plot_shrinkage = Later("bayesmix.figures.shrinkage", "plot_shrinkage")
    plot_trends = Later("bayesmix.figures.trends", "plot_trends")
    epred = Later("bayesmix.predictions.predict", "epred")
    linpred = Later("bayesmix.predictions.predict", "linpred")
    predict = Later("bayesmix.predictions.predict", "predict")
    comparisons = Later("bayesmix.questions.comparisons", "comparisons")
    slopes = Later("bayesmix.questions.comparisons", "slopes")
    draws_frame = Later("bayesmix.questions.draws_frame", "draws_frame")
    hypothesis = Later("bayesmix.questions.hypothesis", "hypothesis")
    icc = Later("bayesmix.questions.icc", "icc")
    predictions = Later("bayesmix.questions.predictions", "predictions")
    r2 = Later("bayesmix.questions.r2", "r2")
    residual_tests = Later("bayesmix.questions.residual_tests", "residual_tests")
    residuals = Later("bayesmix.questions.residuals", "residuals")
    sensitivity = Later("bayesmix.questions.sensitivity", "sensitivity")
    power_of_fit = Later("bayesmix.simulation.power", "power_of_fit")
    save = Later("bayesmix.storage.storage", "save")
    cor_re = Later("bayesmix.tables.components", "cor_re")
    varcorr = Later("bayesmix.tables.components", "varcorr")
    coef = Later("bayesmix.tables.groups", "coef")
    find_typical = Later("bayesmix.tables.groups", "find_typical")
    ranef = Later("bayesmix.tables.groups", "ranef")
    no_pooling = Later("bayesmix.tables.pooling", "no_pooling")
    shrinkage = Later("bayesmix.tables.pooling", "shrinkage")
    fixef = Later("bayesmix.tables.population", "fixef")

__all__ = ["MixedFit", "Prepared", "fit", "load", "prepare"]


class Prepared(ModelSpec):
    """A specification that can be built in PyMC and drawn from before it has seen the data."""

    build = build_model
    sample_prior = sample_prior


class MixedFit(Fitted):
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

    summary = summary
    fixef = fixef
    varcorr = varcorr
    cor_re = cor_re
    ranef = ranef
    coef = coef
    find_typical = find_typical
    diagnostics = diagnostics.diagnostics

    no_pooling = no_pooling
    shrinkage = shrinkage

    linpred = linpred
    epred = epred
    predict = predict

    predictions = predictions
    comparisons = comparisons
    slopes = slopes
    icc = icc
    r2 = r2
    draws_frame = draws_frame
    hypothesis = hypothesis
    sensitivity = sensitivity

    residuals = residuals
    residual_tests = residual_tests

    loo = loo
    waic = waic
    logo = logo
    kfold = kfold
    log_evidence = log_evidence
    compare_correlation = compare_correlation
    uncorrelated = uncorrelated
    update = update

    plot_shrinkage = plot_shrinkage
    plot_ranef = plot_ranef
    plot_trends = plot_trends
    plot_varcorr = plot_varcorr
    plot_ppc = plot_ppc
    plot_predictions = plot_predictions
    plot_comparisons = plot_comparisons
    plot_slopes = plot_slopes
    plot_residuals = plot_residuals
    plot_trace = plot_trace

    power = power_of_fit

    save = save

    @functools.cached_property
    def model(self) -> pm.Model:
        """The joint model in PyMC, whichever method drew the samples."""
        from bayesmix.engines.nuts.joint import build_model

        return build_model(self.spec)

    @functools.cached_property
    def _shown(self) -> Summary:
        # A notebook asks for text and HTML, and R-hat of many parameters takes a while.
        return self.summary()

    def __repr__(self) -> str:
        """Return the summary as text."""
        return repr(self._shown)

    def _repr_html_(self) -> str:
        return self._shown._repr_html_()


def prepare(
    formula: str,
    data: IntoFrame | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    family: str | Family = "gaussian",
    priors: Mapping[str, Prior | LKJ | StudentT | str] | None = None,
    weights: str | npt.ArrayLike | None = None,
    se: str | npt.ArrayLike | None = None,
    residual: bool = False,
    missing: str = "drop",
    **parameters: str,
) -> Prepared:
    """Do everything but the sampling: read the formula, encode the data, set the priors.

    Parameters
    ----------
    formula : str
        An lme4 formula, such as ``"Reaction ~ Days + (1 + Days | Subject)"``.
    data : DataFrame, path or list of paths
        One row per observation; never changed. pandas', or any other frame that narwhals reads:
        polars' (a LazyFrame is collected once, with the used columns), pyarrow's, DuckDB's. Of
        Parquet files (a path, a folder, a pattern ``"rows/*.parquet"``, a list of paths), a
        dataset of pyarrow or a DataFrame of Dask the rows are never in memory: Gaussian models are
        fitted from sums that are made in two passes.
    family : str or Family
        ``"gaussian"``, ``"bernoulli"``, ``"binomial"``, ``"poisson"``, ... (an unknown name is
        answered with all), or one with another link from `bayesmix.get_family`. A response of two
        levels is bernoulli: text, in the order of the alphabet, a Categorical, in its own, or
        booleans; the second level is the success, as the summary says. ``binomial`` takes it as
        one trial.
    priors : mapping, optional
        Path to prior, such as ``{"sd:Subject": Prior("HalfNormal", sigma=50)}``. Paths cascade:
        ``sd`` < ``sd:Subject`` < ``sd:Subject:Days``. ``{"u:Subject": "student"}``, or a
        `StudentT`, makes group effects Student-t. Parameters of the priors of population effects
        may have priors: ``{"beta": Prior("Normal", sigma=Prior("HalfNormal", sigma=1))}``. Both
        are sampled by NUTS.
    weights : str or array_like, optional
        Column name or one positive weight per row. Gaussian: the residual sd of row i is
        ``sigma / sqrt(weight_i)``. Binomial: the number of trials of a response that is the
        proportion of successes. Other families take none.
    se : str or array_like, optional
        Column name or one known standard error per row: the response are estimates, as in a
        meta-analysis, and these are their residual sds, so that there is no sigma. Gaussian with
        the identity link; not with `weights`.
    residual : bool
        With `se`, estimate a residual beside them: the sd of row i is
        ``sqrt(se_i**2 + sigma**2)``.
    missing : {"drop", "raise"}
        What to do with rows that have a missing value in a used column.
    **parameters : str
        Predictors of further parameters of the family, on the scale of their links:
        ``sigma="~ x + (1 | g)"`` for the logarithm of the residual sd, ``zi="~ x"`` for the log
        odds of an additional zero. Of the family categorical each category but the first has a
        predictor, with the terms of the formula where ``mu<category>="~ x"`` gives no others.
        Effects of bars with the same name between two bars, ``(1 + x | p | g)`` in the formula and
        ``(1 | p | g)`` here, are correlated.

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
    namespace = namespace_of_caller()
    own = (formula, family, priors, weights, se, residual, missing, namespace, parameters)
    return _ready(any_specification(Request(*own), data, progressbar=False))


def fit(
    formula: str,
    data: IntoFrame | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    family: str | Family = "gaussian",
    priors: Mapping[str, Prior | LKJ | StudentT | str] | None = None,
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
    se: str | npt.ArrayLike | None = None,
    residual: bool = False,
    missing: str = "drop",
    **parameters: str,
) -> MixedFit:
    """Fit a Bayesian mixed model.

    Parameters
    ----------
    formula, data, family, priors, weights, se, residual, missing, **parameters
        As in `prepare`.
    method : {"auto", "exact", "whitened", "nuts"}
        How to sample. ``"exact"`` integrates all effects out exactly, for Gaussian models with
        Normal priors on the population effects; ``"whitened"`` is Hamiltonian Monte Carlo of any
        model in coordinates that the likelihood whitens, with nothing to compile; ``"nuts"``
        samples PyMC's joint model. ``"auto"`` takes the quickest of the first two that can, and
        NUTS where `nuts` or `nuts_sampler` is given, or where the chains of another do not agree.
    draws, tune, chains : int
        Draws kept and adaptation steps per chain, number of chains. `tune` is for NUTS: the other
        methods adapt until they fit.
    cores : int, optional
        Threads, or chains that run side by side; all cores by default.
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
    namespace = namespace_of_caller()
    own = (formula, family, priors, weights, se, residual, missing, namespace, parameters)
    spec = _ready(any_specification(Request(*own), data, progressbar=progressbar))
    return MixedFit(spec, draw(spec, options), options)


def load(path: str | os.PathLike[str], *, namespace: Mapping[str, Any] | None = None) -> MixedFit:
    """Read a fit that `MixedFit.save` has written.

    Loading runs no code from the file, so that a file from someone else is safe to open.

    Parameters
    ----------
    path : str or path
        The file.
    namespace : mapping, optional
        Functions and values that the formula uses and that are neither formulae's own nor NumPy's
        elementwise functions: ``{"f": f}``. A file does not hold functions.

    Returns
    -------
    MixedFit
        Its tables, its model and its encoding of new data are those of the fit that was saved.

    Raises
    ------
    BayesmixError
        The file does not exist or cannot be read, is none of bayesmix, is damaged, claims to hold
        more than it can, has the format of another version, or its formula uses a function that
        `namespace` does not have.

    Examples
    --------
    >>> import bayesmix as bm
    >>> fit = bm.load("sleepstudy.fit")  # doctest: +SKIP
    """
    from bayesmix.storage import storage

    stored = storage.read(path, namespace=namespace)
    return MixedFit(_ready(stored.spec), stored.idata, stored.options)


def _ready(spec: ModelSpec) -> Prepared:
    return Prepared(spec.design, spec.family, spec.priors)
