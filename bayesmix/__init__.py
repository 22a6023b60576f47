"""Bayesian mixed models from lme4 formulas.

Data goes one way. Each stage takes a finished, immutable value and returns another:

========================  ==========================================================
`bayesmix.errors`         one base error, typed warnings
`bayesmix.arguments`      checks of single arguments, in the same words everywhere
`bayesmix.files`          paths that a user gives; files there whole or not at all
`bayesmix.archive`        a zip of JSON and arrays, read without trust
`bayesmix.plain`          plain values <-> JSON and arrays
`bayesmix.records`        dataclasses <-> plain values, each field checked
`bayesmix.labels`         pandas' indexes <-> plain values
`bayesmix.interrupts`     Ctrl-C that waits for an import to end
`bayesmix.waiting`        a sign of life where no bar can be drawn
`bayesmix.advice`         what to write for functions that are not there
`bayesmix.tokens`         text of a formula -> tokens, names
`bayesmix.brackets`       tokens -> nested brackets, and back to text
`bayesmix.margins`        order of terms: parts before wholes
`bayesmix.expansion`      sums and products of terms, written out
`bayesmix.bars`           bars -> effects that vary by a grouping factor
`bayesmix.rwords`         R's words -> formulae's
`bayesmix.rfunctions`     elementwise functions under R's names
`bayesmix.response`       the left side of a formula
`bayesmix.unquoted`       columns that need backquotes
`bayesmix.formula`        an lme4 formula -> response, common part and bars
`bayesmix.terms`          terms for formulae, read one factor at a time
`bayesmix.coding`         contrasts or indicators, term by term
`bayesmix.rewrites`       a formula with changes, as warnings offer it
`bayesmix.splitting`      a formula rewritten as that of another model
`bayesmix.families`       what the response may be: link, auxiliaries, density
`bayesmix.frames`         the door for data frames of any library
`bayesmix.spelling`       how a level is written, and which texts mean the same
`bayesmix.values`         numbers, text, or neither
`bayesmix.textnumbers`    text that was meant as numbers
`bayesmix.columns`        categories and levels, learnt from a column
`bayesmix.contrasts`      contrasts of categories by name
`bayesmix.calls`          calls in a formula as trees
`bayesmix.transforms`     formulae's transformations where they need help
`bayesmix.sizes`          sizes of matrices, before they are made
`bayesmix.limits`         arguments that the rows of the fit cannot carry
`bayesmix.remembered`     functions of all rows: remembered, or refused
`bayesmix.evaluation`     terms -> columns, with checks before and after
`bayesmix.effects`        one side of a formula -> numbers, for old rows and new
`bayesmix.outcomes`       text and categories as a response
`bayesmix.responses`      the left side of a formula: response and trials
`bayesmix.responsechecks` what a response cannot be
`bayesmix.dependence`     columns that are made of others
`bayesmix.candidates`     effects that another formula would have
`bayesmix.drafts`         a formula on its way to a better one
`bayesmix.groupchecks`    group effects that only priors tell from something else
`bayesmix.slopes`         effects that vary round a mean of zero
`bayesmix.fewlevels`      factors with few levels, as population effects
`bayesmix.checks`         what probably was not meant
`bayesmix.design`         formula + data -> arrays and names
`bayesmix.magnitudes`     how large a column is, and what cannot be computed with
`bayesmix.priors`         which prior stands on which parameter
`bayesmix.zeros`          covariates whose zero is far from the data
`bayesmix.spec`           design + family + priors: the whole model as plain data
`bayesmix.centring`       group effects of centred columns, and as written
`bayesmix.model`          the specification -> a joint PyMC model
`bayesmix.tables`         posterior -> the tables that mixed-model users read
`bayesmix.pooling`        what partial pooling did, group by group
`bayesmix.rescaling`      a specification in other units, and back
`bayesmix.sampling`       draws in one schema, convergence checked
`bayesmix.report`         tables -> text and HTML
`bayesmix.draws`          posterior -> arrays, the linear predictor of any rows
`bayesmix.predict`        linear predictor, expected and new responses
`bayesmix.heldout`        densities of rows that were not fitted
`bayesmix.crossval`       k-fold cross-validation on any executor
`bayesmix.elpd`           results of the criteria, as ArviZ's
`bayesmix.criteria`       how well a model predicts: LOO, WAIC, leave one group out
`bayesmix.verdicts`       differences of elpd in words, if they can be trusted
`bayesmix.comparison`     models by how well they predict: a table
`bayesmix.correlation`    whether group effects are correlated, and whether it matters
`bayesmix.panels`         what all figures share
`bayesmix.plots`          figures from tables
`bayesmix.groupplots`     figures of single groups
`bayesmix.fitting`        `prepare` and `fit`: all of the above
`bayesmix.states`         the state of transformations <-> plain values
`bayesmix.learnt`         what formulae has learnt <-> plain values
`bayesmix.encoding`       what encodes new data <-> plain values
`bayesmix.specs`          designs, priors and options <-> plain values
`bayesmix.trees`          draws <-> plain values, checked against their model
`bayesmix.storage`        a fit to one file and back
`bayesmix.datasets`       example data
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

if TYPE_CHECKING:
    from bayesmix.comparison import Comparison, compare
    from bayesmix.correlation import CorrelationComparison
    from bayesmix.datasets import load_dataset
    from bayesmix.errors import (
        BayesmixError,
        ComparisonWarning,
        ConvergenceWarning,
        DesignWarning,
        FormulaError,
    )
    from bayesmix.families import Family, get_family
    from bayesmix.fitting import MixedFit, fit, prepare
    from bayesmix.plots import plot_compare, plot_correlation
    from bayesmix.priors import LKJ, Prior
    from bayesmix.simulation import Simulation, simulate, simulate_from
    from bayesmix.spec import ModelSpec
    from bayesmix.storage import load

__version__ = "0.1.0"

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
    "LKJ": "priors",
    "BayesmixError": "errors",
    "Comparison": "comparison",
    "ComparisonWarning": "errors",
    "ConvergenceWarning": "errors",
    "CorrelationComparison": "correlation",
    "DesignWarning": "errors",
    "Family": "families",
    "FormulaError": "errors",
    "MixedFit": "fitting",
    "ModelSpec": "spec",
    "Prior": "priors",
    "Simulation": "simulation",
    "compare": "comparison",
    "fit": "fitting",
    "get_family": "families",
    "load": "storage",
    "load_dataset": "datasets",
    "plot_compare": "plots",
    "plot_correlation": "plots",
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
