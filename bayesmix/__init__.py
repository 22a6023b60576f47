"""Bayesian mixed models from lme4 formulas.

Data goes one way. Each stage takes a finished, immutable value and returns another:

========================  ==========================================================
`bayesmix.base.errors`         one base error, typed warnings
`bayesmix.base.arguments`      checks of single arguments, in the same words everywhere
`bayesmix.storage.files`          paths that a user gives; files there whole or not at all
`bayesmix.storage.archive`        a zip of JSON and arrays, read without trust
`bayesmix.storage.plain`          plain values <-> JSON and arrays
`bayesmix.storage.records`        dataclasses <-> plain values, each field checked
`bayesmix.storage.labels`         pandas' indexes <-> plain values
`bayesmix.base.interrupts`     Ctrl-C that waits for an import to end
`bayesmix.base.waiting`        a sign of life where no bar can be drawn
`bayesmix.formula.advice`         what to write for functions that are not there
`bayesmix.formula.tokens`         text of a formula -> tokens, names
`bayesmix.formula.brackets`       tokens -> nested brackets, and back to text
`bayesmix.formula.margins`        order of terms: parts before wholes
`bayesmix.formula.expansion`      sums and products of terms, written out
`bayesmix.formula.bars`           bars -> effects that vary by a grouping factor
`bayesmix.formula.rwords`         R's words -> formulae's
`bayesmix.formula.rfunctions`     elementwise functions under R's names
`bayesmix.response`       the left side of a formula
`bayesmix.formula.unquoted`       columns that need backquotes
`bayesmix.formula.formula`        an lme4 formula -> response, common part and bars
`bayesmix.formula.terms`          terms for formulae, read one factor at a time
`bayesmix.formula.coding`         contrasts or indicators, term by term
`bayesmix.formula.rewrites`       a formula with changes, as warnings offer it
`bayesmix.formula.splitting`      a formula rewritten as that of another model
`bayesmix.families.registry`       what the response may be, by name; a file a family
`bayesmix.frames.frames`         the door for data frames of any library
`bayesmix.frames.spelling`       how a level is written, and which texts mean the same
`bayesmix.frames.values`         numbers, text, or neither
`bayesmix.frames.textnumbers`    text that was meant as numbers
`bayesmix.frames.columns`        categories and levels, learnt from a column
`bayesmix.encoding.contrasts`      contrasts of categories by name
`bayesmix.encoding.calls`          calls in a formula as trees
`bayesmix.encoding.transforms`     formulae's transformations where they need help
`bayesmix.encoding.sizes`          sizes of matrices, before they are made
`bayesmix.encoding.limits`         arguments that the rows of the fit cannot carry
`bayesmix.encoding.remembered`     functions of all rows: remembered, or refused
`bayesmix.encoding.evaluation`     terms -> columns, with checks before and after
`bayesmix.encoding.effects`        one side of a formula -> numbers, for old rows and new
`bayesmix.encoding.outcomes`       text and categories as a response
`bayesmix.encoding.responses`      the left side of a formula: response and trials
`bayesmix.encoding.responsechecks` what a response cannot be
`bayesmix.checks.dependence`     columns that are made of others
`bayesmix.checks.candidates`     effects that another formula would have
`bayesmix.checks.drafts`         a formula on its way to a better one
`bayesmix.checks.groupchecks`    group effects that only priors tell from something else
`bayesmix.checks.slopes`         effects that vary round a mean of zero
`bayesmix.checks.fewlevels`      factors with few levels, as population effects
`bayesmix.checks.checks`         what probably was not meant
`bayesmix.design.design`         formula + data -> arrays and names
`bayesmix.design.magnitudes`     how large a column is, and what cannot be computed with
`bayesmix.priors.defaults`         which prior stands on which parameter
`bayesmix.preparation.zeros`          covariates whose zero is far from the data
`bayesmix.model.spec`           design + family + priors: the whole model as plain data
`bayesmix.model.centring`       group effects of centred columns, and as written
`bayesmix.engines.nuts.joint`          the specification -> a joint PyMC model
`bayesmix.tables.tables`         posterior -> the tables that mixed-model users read
`bayesmix.tables.pooling`        what partial pooling did, group by group
`bayesmix.engines.nuts.rescaling`      a specification in other units, and back
`bayesmix.engines.run`       draws in one schema, convergence checked
`bayesmix.tables.report`         tables -> text and HTML
`bayesmix.posterior.draws`          posterior -> arrays, the linear predictor of any rows
`bayesmix.predictions.predict`        linear predictor, expected and new responses
`bayesmix.predictions.heldout`        densities of rows that were not fitted
`bayesmix.criteria.kfold`       k-fold cross-validation on any executor
`bayesmix.criteria.elpd`           results of the criteria, as ArviZ's
`bayesmix.criteria.loo`       how well a model predicts: LOO, WAIC, leave one group out
`bayesmix.criteria.verdicts`       differences of elpd in words, if they can be trusted
`bayesmix.criteria.comparison`     models by how well they predict: a table
`bayesmix.criteria.correlation`    whether group effects are correlated, and whether it matters
`bayesmix.figures.panels`         what all figures share
`bayesmix.figures.plots`          figures from tables
`bayesmix.figures.groupplots`     figures of single groups
`bayesmix.fitting`        `prepare` and `fit`: all of the above
`bayesmix.storage.states`         the state of transformations <-> plain values
`bayesmix.storage.learnt`         what formulae has learnt <-> plain values
`bayesmix.storage.encoding`       what encodes new data <-> plain values
`bayesmix.storage.specs`          designs, priors and options <-> plain values
`bayesmix.storage.trees`          draws <-> plain values, checked against their model
`bayesmix.storage.storage`        a fit to one file and back
`bayesmix.data.datasets`       example data
`bayesmix.simulation`     grouped data from a known truth
========================  ==========================================================

Public names are imported when they are first used, so that ``import bayesmix`` costs
next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bayesmix.base.version import __version__ as __version__

if TYPE_CHECKING:
    from bayesmix.base.errors import (
        BayesmixError,
        ComparisonWarning,
        ConvergenceWarning,
        DesignWarning,
        FormulaError,
    )
    from bayesmix.criteria.comparison import Comparison, compare
    from bayesmix.criteria.correlation import CorrelationComparison
    from bayesmix.data.datasets import load_dataset
    from bayesmix.families.family import Family
    from bayesmix.families.registry import get_family
    from bayesmix.figures.plots import plot_compare, plot_correlation
    from bayesmix.fitting import MixedFit, fit, load, prepare
    from bayesmix.model.spec import ModelSpec
    from bayesmix.priors.prior import LKJ, Prior
    from bayesmix.simulation import Simulation, simulate, simulate_from

__all__ = [
    "LKJ",
    "BayesmixError",
    "Comparison",
    "ComparisonWarning",
    "ConvergenceWarning",
    "CorrelationComparison",
    "DesignWarning",
    "Family",
    "FormulaError",
    "MixedFit",
    "ModelSpec",
    "Prior",
    "Simulation",
    "compare",
    "fit",
    "get_family",
    "load",
    "load_dataset",
    "plot_compare",
    "plot_correlation",
    "prepare",
    "simulate",
    "simulate_from",
]

_MODULE_OF = {
    "LKJ": "priors.prior",
    "BayesmixError": "base.errors",
    "Comparison": "criteria.comparison",
    "ComparisonWarning": "base.errors",
    "ConvergenceWarning": "base.errors",
    "CorrelationComparison": "criteria.correlation",
    "DesignWarning": "base.errors",
    "Family": "families.family",
    "FormulaError": "base.errors",
    "MixedFit": "fitting",
    "ModelSpec": "model.spec",
    "Prior": "priors.prior",
    "Simulation": "simulation",
    "compare": "criteria.comparison",
    "fit": "fitting",
    "get_family": "families.registry",
    "load": "fitting",
    "load_dataset": "data.datasets",
    "plot_compare": "figures.plots",
    "plot_correlation": "figures.plots",
    "prepare": "fitting",
    "simulate": "simulation",
    "simulate_from": "simulation",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'bayesmix' has no attribute '{name}'")
    value = getattr(import_module(f"bayesmix.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})


# Earlier paths of three modules. No module may have the name of a public function, since importing
# it would set that name of the package to the module.
for _earlier in ("compare", "fit", "simulate"):
    _alias = ModuleType(f"{__name__}.{_earlier}", "Public names under an earlier path.")
    _alias.__dict__["__getattr__"] = __getattr__
    sys.modules[_alias.__name__] = _alias
del _earlier, _alias
