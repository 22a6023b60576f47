"""The import rules that keep the stages in order and `import bayesmix` light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bayesmix as bm

PACKAGE = Path(bm.__file__).parent

# A module may import those before it.
STAGES = (
    "errors",
    "arguments",
    "files",
    "archive",
    "plain",
    "records",
    "labels",
    "interrupts",
    "waiting",
    "advice",
    "tokens",
    "brackets",
    "margins",
    "expansion",
    "bars",
    "rwords",
    "rfunctions",
    "leftside",
    "unquoted",
    "formula",
    "terms",
    "coding",
    "rewrites",
    "splitting",
    "families",
    "frames",
    "spelling",
    "values",
    "textnumbers",
    "columns",
    "contrasts",
    "calls",
    "transforms",
    "sizes",
    "limits",
    "remembered",
    "evaluation",
    "effects",
    "outcomes",
    "responses",
    "responsechecks",
    "dependence",
    "candidates",
    "drafts",
    "groupchecks",
    "slopes",
    "fewlevels",
    "checks",
    "design",
    "magnitudes",
    "priors",
    "zeros",
    "spec",
    "centring",
    "model",
    "crossproducts",
    "theta",
    "implied",
    "scaling",
    "marginal",
    "independence",
    "exact",
    "integrated",
    "matching",
    "tables",
    "pooling",
    "rescaling",
    "sampling",
    "report",
    "draws",
    "predict",
    "heldout",
    "crossval",
    "elpd",
    "criteria",
    "verdicts",
    "comparison",
    "correlation",
    "panels",
    "plots",
    "groupplots",
    "fitting",
    "states",
    "learnt",
    "encoding",
    "specs",
    "trees",
    "storage",
    "datasets",
    "simulation",
)
LIBRARIES = {"formulae", "numpy", "pandas", "scipy", "threadpoolctl"}
PYMC_DOORS = {"priors", "model", "sampling"}
# Subclasses of ArviZ's results; nothing imports it when it is imported itself.
ARVIZ_DOORS = {"elpd"}


def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module="bayesmix", names=names):
            return [f"bayesmix.{alias.name}" for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
    return []


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(node: ast.AST, *, deferred: bool) -> set[str]:
    """Modules that a module imports when it runs, those inside functions only if `deferred`."""
    found = set(imported(node))
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if not is_type_checking(child) and (deferred or not is_function):
            found |= imports(child, deferred=deferred)
    return found


def in_fresh_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def loaded_by(statement: str) -> set[str]:
    output = in_fresh_python(f"import sys; {statement}; print(*sys.modules)")
    return {name.partition(".")[0] for name in output.split()}


def test_every_module_is_a_stage():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert modules == set(STAGES)
    assert not list(PACKAGE.glob("*/**/*.py")), "the package is flat"


@pytest.mark.parametrize("module", STAGES)
def test_imports_only_earlier_stages(module):
    own = {
        name.partition(".")[2].partition(".")[0]
        for name in imports(tree(module), deferred=False)
        if name.partition(".")[0] == "bayesmix"
    }
    later = own - set(STAGES[: STAGES.index(module)])
    assert not later
    assert not own & ARVIZ_DOORS


@pytest.mark.parametrize("module", sorted(set(STAGES) - ARVIZ_DOORS))
def test_heavy_libraries_are_imported_when_first_needed(module):
    roots = {name.partition(".")[0] for name in imports(tree(module), deferred=False)}
    assert roots - set(sys.stdlib_module_names) - {"bayesmix"} <= LIBRARIES


@pytest.mark.parametrize("module", sorted(set(STAGES) - PYMC_DOORS))
def test_pymc_enters_by_few_doors(module):
    roots = {name.partition(".")[0] for name in imports(tree(module), deferred=True)}
    assert not roots & {"pymc", "pytensor", "nutpie", "numba"}


def test_importing_the_package_loads_the_standard_library_only():
    others = loaded_by("import bayesmix") - loaded_by("pass") - set(sys.stdlib_module_names)
    assert others == {"bayesmix"}


def test_preparing_a_model_needs_no_sampler():
    statement = (
        "import bayesmix as bm; "
        "bm.prepare('Reaction ~ Days + (Days | Subject)', bm.load_dataset('sleepstudy'))"
    )
    heavy = {"pymc", "pytensor", "nutpie", "numba", "matplotlib", "arviz", "arviz_base"}
    assert not loaded_by(statement) & heavy


def test_public_names_exist():
    for name in bm.__all__:
        assert getattr(bm, name).__name__ == name
        assert name in dir(bm)
    assert bm.__all__ == sorted(bm.__all__, key=lambda name: (not name.isupper(), name))


def test_type_checkers_see_the_same_names():
    hints = next(node for node in tree("__init__").body if is_type_checking(node))
    seen = {
        alias.name: node.module.removeprefix("bayesmix.")
        for node in hints.body
        for alias in node.names
    }
    assert seen == bm._MODULE_OF
    assert set(seen) == set(bm.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'bayesmix' has no attribute 'fits'"):
        bm.fits  # noqa: B018


def test_no_module_has_the_name_of_a_public_function():
    assert not {path.stem for path in PACKAGE.iterdir()} & set(bm.__all__)


FIRST = (
    "import bayesmix",
    "import bayesmix.fitting",
    "import bayesmix.simulation",
    "import bayesmix.fit",
    "import bayesmix.compare as compare",
    "from bayesmix import simulate, fit",
    "from bayesmix.fit import MixedFit",
    "from bayesmix.fitting import MixedFit",
    "from bayesmix.simulate import Simulation",
    "import importlib; importlib.import_module('bayesmix.fit')",
    "import bayesmix; bayesmix.prepare; bayesmix.Simulation",
    "from bayesmix import *",
)


@pytest.mark.parametrize("first", FIRST)
def test_public_names_are_functions_whatever_was_imported_first(first):
    in_fresh_python(
        f"""
{first}
import inspect, pickle
import bayesmix as bm
from bayesmix import compare, fit, simulate
assert all(map(inspect.isfunction, (bm.compare, bm.fit, bm.simulate)))
assert compare is bm.compare and fit is bm.fit and simulate is bm.simulate
assert pickle.loads(pickle.dumps(fit)) is fit
from bayesmix.compare import Comparison
from bayesmix.fit import MixedFit, fit as again
from bayesmix.simulate import Simulation
assert again is fit and MixedFit is bm.MixedFit
import bayesmix.fit, bayesmix.fitting
assert inspect.isfunction(bayesmix.fit) and inspect.ismodule(bayesmix.fitting)
"""
    )


def test_the_package_is_a_plain_module():
    assert type(bm) is type(sys)
