"""The import rules that keep the stages in order and `import bayesmix` light."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import bayesmix as bm

PACKAGE = Path(bm.__file__).parent

# A folder may import those before it, and so may a file beside the folders.
FLOORS = (
    "base",
    "covariance",
    "formula",
    "families",
    "frames",
    "encoding",
    "design",
    "checks",
    "priors",
    "model",
    "preparation",
    "blocks",
    "streams",
    "posterior",
    "engines",
    "tables",
    "predictions",
    "criteria",
    "questions",
    "figures",
    "storage",
    "simulation",
    "fitting",
    "data",
    "__init__",
)
FACE = "__init__"


def module_of(path: Path) -> str:
    """``tables.page``, ``tables`` for the ``__init__.py`` of a folder, FACE for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


PATHS = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = tuple(PATHS)
LIBRARIES = {"formulae", "numpy", "pandas", "scipy", "threadpoolctl"}
PYMC_DOORS = {
    "priors.distributions",
    "priors.support",
    "priors.compiled",
    "engines.prior",
    "engines.nuts.heavy_tails",
    "engines.nuts.hyperpriors",
    "engines.nuts.joint",
    "engines.nuts.engine",
    "engines.nuts.failures",
    "engines.nuts.group_effects",
    "engines.nuts.tensors",
    "engines.nuts.variables",
}
# Subclasses of ArviZ's results; nothing imports it when it is imported itself.
ARVIZ_DOORS = {"criteria.elpd"}
# Private names of other libraries that are reached for, those of formulae's terms among them.
FOREIGN = {"_component", "_intermediate_data", "_knots", "_getframe", "_replace"}


def floor(module: str) -> int:
    return FLOORS.index(module.partition(".")[0])


def parsed(module: str) -> ast.Module:
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    """Names that a node imports, or that its text has import_module import."""
    match node:
        case ast.Import(names=names):
            # ``import bayesmix.base.words`` binds the face, and ``as words`` does not.
            faces = [alias.name.partition(".")[0] for alias in names if alias.asname is None]
            return [
                *(alias.name for alias in names),
                *(face for face in faces if face == "bayesmix"),
            ]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [module, *(f"{module}.{alias.name}" for alias in names)]
        case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]):
            called = ast.unparse(func).rpartition(".")[2]
            return [name] if called in ("import_module", "__import__") else []
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


def arrows(module: str, tree: ast.AST) -> set[str]:
    """Modules of the package that a module names in any import: deferred, or for types only.

    A folder's ``__init__.py`` is imported with each of its files; text that is the name of a module
    counts, since much can import it.
    """
    named = {name for node in ast.walk(tree) for name in imported(node)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    named |= {text for text in texts if isinstance(text, str) and text.startswith("bayesmix.")}
    inside = {name.removeprefix("bayesmix.") for name in named if name.startswith("bayesmix.")}
    inside |= {name.rpartition(".")[0] for name in inside & set(MODULES)} - set(packages_of(module))
    return (inside | {FACE} if "bayesmix" in named else inside) & set(MODULES) - {module}


def packages_of(module: str) -> list[str]:
    """Folders that a module is in, from the innermost outwards."""
    folder = module.rpartition(".")[0]
    return [folder, *packages_of(folder)] if folder else []


def upward(module: str, tree: ast.AST) -> set[str]:
    return {other for other in arrows(module, tree) if floor(other) > floor(module)}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of a circle, if there is one."""
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def is_private(name: object) -> bool:
    parts = name.split(".") if isinstance(name, str) else []
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def private_names(tree: ast.AST) -> list[str]:
    """Names that other modules keep to themselves: imported, or reached for through an object."""
    nodes = list(ast.walk(tree))
    froms = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    ours = [node for node in froms if any(name.startswith("bayesmix") for name in imported(node))]
    bound = {alias.asname or alias.name.partition(".")[0] for node in ours for alias in node.names}
    found = [name for node in ours for name in imported(node) if is_private(name)]
    own = {
        getattr(node, "name", getattr(node, "attr", getattr(node, "id", None)))
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        or isinstance(getattr(node, "ctx", None), ast.Store)
    }
    for node in nodes:
        match node:
            case ast.Attribute(value=value, attr=attr) if is_private(attr):
                is_bound = ast.unparse(value).partition(".")[0] in bound
                if is_bound or attr not in own | FOREIGN:
                    found.append(ast.unparse(node))
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_]):
                found += [name] * (is_private(name) and name not in FOREIGN)
    return found


def relative_imports(tree: ast.AST) -> list[str]:
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return [ast.unparse(node) for node in nodes if node.level]


def in_fresh_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def loaded_by(statement: str) -> set[str]:
    output = in_fresh_python(f"import sys; {statement}; print(*sys.modules)")
    return {name.partition(".")[0] for name in output.split()}


def test_every_folder_has_its_floor():
    assert {module.partition(".")[0] for module in MODULES} == set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    tree = parsed(module)
    assert not upward(module, tree)
    assert not private_names(tree)
    assert not relative_imports(tree)


def test_no_circle_of_files():
    assert not circle({module: arrows(module, parsed(module)) for module in MODULES})


def test_what_these_tests_would_see():
    """An import up, a circle and a private name, however they are written."""
    for text in (
        "from bayesmix.tables import page",
        "def f():\n    from bayesmix.tables.page import Summary",
        "if TYPE_CHECKING:\n    from bayesmix.tables.page import Summary",
        "import bayesmix.tables.page",
        "import bayesmix.tables.page as page",
        "importlib.import_module('bayesmix.tables.page')",
        "def f():\n    import_module('bayesmix.tables.page')",
        "page = sys.modules['bayesmix.tables.page']",
    ):
        assert upward("design.design", ast.parse(text)) - {FACE} == {"tables", "tables.page"}
    for text in (
        "import bayesmix.tables as tables",
        "from bayesmix import tables",
        "from bayesmix.tables import Anything",
        "def f():\n    import_module('bayesmix.tables')",
    ):
        assert upward("design.design", ast.parse(text)) - {FACE} == {"tables"}
    for text in (
        "import bayesmix as bm",
        "import bayesmix",
        "import bayesmix.base.words",
        "from bayesmix import fit",
        "def f():\n    from bayesmix import fit",
        "importlib.import_module('bayesmix')",
    ):
        assert upward("design.design", ast.parse(text)) == {FACE}
    assert upward("base", ast.parse("from bayesmix.tables import page")) == {
        "tables",
        "tables.page",
    }
    assert arrows("tables.page", ast.parse("import bayesmix.tables.newton as newton")) == {
        "tables.newton"
    }
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    for text in (
        "from bayesmix.design.design import _x",
        "import bayesmix.design._x as x",
        "from bayesmix.frames import columns\ncolumns._KEPT",
        "from bayesmix.frames import columns\n_KEPT = columns._KEPT",
        "import bayesmix.frames.columns as c\ndef f():\n    return c._KEPT",
        "from bayesmix.frames import columns\ngetattr(columns, '_KEPT')",
        "from bayesmix.families.family import Family\nFamily._difference",
        "def f(family):\n    return family._difference",
    ):
        assert private_names(ast.parse(text))
    assert not private_names(ast.parse("class A:\n    def _b(self):\n        self._b()"))
    assert relative_imports(ast.parse("def f():\n    from ..tables import page"))


def test_every_file_is_looked_at():
    assert {"tables", "tables.page", "engines.exact", "fitting", FACE} <= set(MODULES)
    assert set(PATHS.values()) == set(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_arviz_enters_by_one_door(module):
    assert not imports(parsed(module), deferred=False) & {
        f"bayesmix.{name}" for name in ARVIZ_DOORS
    }


@pytest.mark.parametrize("module", sorted(set(MODULES) - ARVIZ_DOORS))
def test_heavy_libraries_are_imported_when_first_needed(module):
    roots = {name.partition(".")[0] for name in imports(parsed(module), deferred=False)}
    assert roots - set(sys.stdlib_module_names) - {"bayesmix"} <= LIBRARIES


@pytest.mark.parametrize("module", sorted(set(MODULES) - PYMC_DOORS))
def test_pymc_enters_by_few_doors(module):
    roots = {name.partition(".")[0] for name in imports(parsed(module), deferred=True)}
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


def test_preparing_a_model_needs_no_laws_of_scipy():
    """They take as long to import as everything else together."""
    statement = (
        "import bayesmix as bm; bm.prepare('Reaction ~ Days', bm.load_dataset('sleepstudy'))"
    )
    in_fresh_python(f"import sys; {statement}; assert 'scipy.stats' not in sys.modules")


def test_a_fit_and_its_summary_load_no_other_verbs():
    statement = (
        "import bayesmix as bm; data = bm.load_dataset('sleepstudy'); "
        "fit = bm.fit('Reaction ~ Days + (Days | Subject)', data, draws=200, random_seed=1); "
        "str(fit.summary())"
    )
    output = in_fresh_python(f"import sys; {statement}; print(*sys.modules)")
    loaded = {".".join(name.split(".")[:2]) for name in output.split()}
    others = {"predictions", "criteria", "questions", "figures", "storage", "simulation"}
    assert not loaded & {f"bayesmix.{folder}" for folder in others}
    libraries = {"pymc", "pytensor", "nutpie", "numba", "matplotlib", "narwhals", "arviz_plots"}
    libraries |= {"arviz", "arviz_base", "arviz_stats", "xarray"}
    assert "scipy.stats" not in loaded
    assert not {name.partition(".")[0] for name in loaded} & libraries


def test_priors_of_default_models_need_no_laws_of_scipy():
    in_fresh_python(
        """
import sys
import numpy as np
import bayesmix as bm
spec = bm.prepare("Reaction ~ Days + (Days | Subject)", bm.load_dataset("sleepstudy"))
for prior in (*spec.priors.beta, *spec.priors.sd["Subject"], *spec.priors.auxiliary.values()):
    prior.log_density(prior.draw(np.random.default_rng(1), 3))
assert "scipy.stats" not in sys.modules
"""
    )


def test_type_checkers_see_the_same_verbs():
    """Those that are imported when they are first asked for."""
    tree = parsed("fitting")
    block = next(node for node in tree.body if is_type_checking(node))
    ours = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {
        (node.module, alias.name)
        for node in ours
        if str(node.module).startswith("bayesmix.")
        for alias in node.names
    }
    later = {
        tuple(ast.literal_eval(argument) for argument in call.args)
        for node in block.orelse
        for call in [node.value]
    }
    assert seen == later
    for module, name in later:
        assert inspect.isfunction(getattr(importlib.import_module(module), name))


def test_verbs_are_plain_methods_once_they_were_asked_for():
    code = """
import inspect, pydoc
import bayesmix as bm
assert "icc" in pydoc.render_doc(bm.MixedFit)
assert all(map(inspect.isfunction, (bm.MixedFit.icc, bm.MixedFit.__dict__["icc"])))
class Own(bm.MixedFit): pass
assert Own.r2 is bm.MixedFit.r2 and "r2" not in Own.__dict__
assert bm.MixedFit.loo.__module__ == "bayesmix.criteria.loo"
"""
    in_fresh_python(code)


def test_public_names_exist():
    for name in bm.__all__:
        assert getattr(bm, name).__name__ == name
        assert name in dir(bm)
    assert bm.__all__ == sorted(bm.__all__, key=lambda name: (not name.isupper(), name))


def test_type_checkers_see_the_same_names():
    hints = next(node for node in parsed("__init__").body if is_type_checking(node))
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


@pytest.mark.slow
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
