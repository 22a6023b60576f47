"""Bayesian mixed models from lme4 formulas.

Data goes one way. Each folder imports from those above it only:

======================  ====================================================
`bayesmix.base`         errors, checks of arguments, arrays, progress
`bayesmix.covariance`   how group effects of one factor are correlated
`bayesmix.formula`      text -> formula: no data is seen
`bayesmix.families`     what the response may be
`bayesmix.frames`       the one door for data frames
`bayesmix.encoding`     the one door to formulae: terms -> numbers
`bayesmix.design`       formula and frame as arrays and names
`bayesmix.checks`       what probably was not meant
`bayesmix.priors`       which prior stands on which parameter
`bayesmix.model`        design, family and priors: a model as plain data
`bayesmix.preparation`  formula, data and priors -> such a model
`bayesmix.blocks`       numerics: a small matrix for each level
`bayesmix.streams`      rows that are not in memory: Parquet files, clusters
`bayesmix.posterior`    a model with its draws
`bayesmix.engines`      a model -> draws
`bayesmix.tables`       the tables that mixed-model users read
`bayesmix.predictions`  rows old and new
`bayesmix.criteria`     how well a model predicts
`bayesmix.questions`    what people ask of a fit: predictions, comparisons, hypotheses
`bayesmix.figures`      figures
`bayesmix.storage`      a fit to one file and back
`bayesmix.simulation`   grouped data from a known truth
`bayesmix.fitting`      `prepare`, `fit`, `load`, and the verbs of a fit
`bayesmix.data`         example data
======================  ====================================================

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
    from bayesmix.criteria.evidence import Evidence
    from bayesmix.data.datasets import load_dataset
    from bayesmix.families.family import Family
    from bayesmix.families.registry import get_family
    from bayesmix.figures.components import plot_correlation
    from bayesmix.figures.models import plot_compare
    from bayesmix.figures.power import plot_power
    from bayesmix.fitting import MixedFit, fit, load, prepare
    from bayesmix.model.spec import ModelSpec
    from bayesmix.priors.effects import StudentT
    from bayesmix.priors.prior import LKJ, Prior
    from bayesmix.questions.grid import datagrid
    from bayesmix.questions.hypothesis import Hypotheses
    from bayesmix.questions.residual_tests import ResidualTests
    from bayesmix.questions.sensitivity import Sensitivity
    from bayesmix.questions.table import ModelTable, table
    from bayesmix.simulation.from_fit import simulate_from
    from bayesmix.simulation.from_parameters import simulate
    from bayesmix.simulation.power import power
    from bayesmix.simulation.truth import Simulation

__all__ = [
    "LKJ",
    "BayesmixError",
    "Comparison",
    "ComparisonWarning",
    "ConvergenceWarning",
    "CorrelationComparison",
    "DesignWarning",
    "Evidence",
    "Family",
    "FormulaError",
    "Hypotheses",
    "MixedFit",
    "ModelSpec",
    "ModelTable",
    "Prior",
    "ResidualTests",
    "Sensitivity",
    "Simulation",
    "StudentT",
    "compare",
    "datagrid",
    "fit",
    "get_family",
    "load",
    "load_dataset",
    "plot_compare",
    "plot_correlation",
    "plot_power",
    "power",
    "prepare",
    "simulate",
    "simulate_from",
    "table",
]

_MODULE_OF = {
    "LKJ": "priors.prior",
    "BayesmixError": "base.errors",
    "Comparison": "criteria.comparison",
    "ComparisonWarning": "base.errors",
    "ConvergenceWarning": "base.errors",
    "CorrelationComparison": "criteria.correlation",
    "DesignWarning": "base.errors",
    "Evidence": "criteria.evidence",
    "Family": "families.family",
    "FormulaError": "base.errors",
    "Hypotheses": "questions.hypothesis",
    "MixedFit": "fitting",
    "ModelSpec": "model.spec",
    "ModelTable": "questions.table",
    "Prior": "priors.prior",
    "ResidualTests": "questions.residual_tests",
    "Sensitivity": "questions.sensitivity",
    "Simulation": "simulation.truth",
    "StudentT": "priors.effects",
    "compare": "criteria.comparison",
    "datagrid": "questions.grid",
    "fit": "fitting",
    "get_family": "families.registry",
    "load": "fitting",
    "load_dataset": "data.datasets",
    "plot_compare": "figures.models",
    "plot_correlation": "figures.components",
    "plot_power": "figures.power",
    "power": "simulation.power",
    "prepare": "fitting",
    "simulate": "simulation.from_parameters",
    "simulate_from": "simulation.from_fit",
    "table": "questions.table",
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
