"""Arguments that nobody expects, in every public call: a `BayesmixError`, or it works.

    python tests/fuzzing/calls.py --seed 7 --count 5000

Each call has working arguments, of which one or two are replaced by values of `hostile.py`; now and
then an argument is left out, unknown, or one too many, which may be Python's own TypeError. Calls
are collected from the package: a new public function or method whose arguments are not known here
is told as well. What is told is any other exception or warning, a refusal that takes more than two
seconds, a call that does not end, and a changed fit, frame or setting. Ends with 1 if there was
any.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import hashlib
import inspect
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

import bayesmix as bm
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.priors.priorset import PriorSet

sys.path.insert(0, str(Path(__file__).parents[1]))
from fuzzing.hostile import VALUES

# Processor seconds that a refusal may take, and wall-clock seconds after which a call hangs.
SECONDS, HANG = 2.0, 60
GIGABYTES = 4
SETTINGS = {"draws": 30, "tune": 30, "chains": 2, "cores": 1, "random_seed": 1}
QUIET = SETTINGS | {"progressbar": False}
OURS = (bm.DesignWarning, bm.ConvergenceWarning, bm.ComparisonWarning)
# Values and results: made by the package, not by its users.
MADE = {"Comparison", "CorrelationComparison", "Family", "Hypotheses", "MixedFit", "ModelSpec"}
MADE |= {"Evidence", "ModelTable", "ResidualTests", "Sensitivity", "Simulation"}
# What methods of other classes than these do is for the package itself.
CLASSES = (bm.MixedFit, bm.ModelSpec, Design, GroupTerm, PriorSet)
INTERNAL = {"PriorSet.centred_as", "PriorSet.is_linked", "GroupTerm.dot"}
# PyMC compiles for these.
COMPILING = {"ModelSpec.build", "ModelSpec.sample_prior"}


@dataclasses.dataclass(frozen=True)
class Call:
    """A public function or method, and arguments with which it works."""

    name: str
    function: Callable[..., Any]
    working: dict[str, Any]
    parameters: tuple[inspect.Parameter, ...]


@dataclasses.dataclass(frozen=True)
class Problem:
    """A call that did what it should not."""

    call: str
    kind: str
    trace: str = ""


# --- what is called -----------------------------------------------------------------------------


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": np.repeat(np.arange(6), 4), "h": np.tile(np.arange(3), 8)})
    data["x"] = rng.normal(size=24)
    data["f"] = np.tile(list("ab"), 12)
    data["y"] = data["x"] + rng.normal(size=6)[data["g"]] + rng.normal(size=24)
    return data


def _grid(fit_or_data: Any, columns: Any = None) -> Any:
    """Give `datagrid` by name what it takes by place, since columns may have these names."""
    return bm.datagrid(fit_or_data, columns)


_FEW = {"replications": 2, "draws": 30, "chains": 2, "random_seed": 1, "progressbar": False}
_POWER = pd.DataFrame(
    {"n_groups": [4], "statement": ["x > 0"], "power": [0.5], "lower": [0.1], "upper": [0.9]}
)


def calls(folder: str) -> list[Call]:
    """Collect the public calls, and working arguments of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        formula = "y ~ x + (x | g) + (1 | g:h)"
        fit = bm.fit(formula, frame(), **QUIET)
        other = bm.fit("y ~ x + (1 | g)", frame(), **QUIET)
        table = bm.compare(fit, other)
        correlation = fit.compare_correlation(eta=[1], logo=False)
    saved = os.path.join(folder, "saved.fit")
    fit.save(saved)
    options = dict(QUIET)
    known: dict[str, dict[str, Any]] = {
        "LKJ": {"eta": 2.0},
        "Prior": {"distribution": "Normal", "mu": 0.0, "sigma": 1.0},
        "compare": {"models": (fit, other), "ic": "loo"},
        "fit": {"formula": "y ~ x + (x | g)", "data": frame(), "method": "auto", **options},
        "get_family": {"family": "bernoulli", "link": "probit"},
        "load": {"path": saved},
        "load_dataset": {"name": "sleepstudy"},
        "plot_compare": {"table": table},
        "plot_correlation": {"result": correlation},
        "prepare": {"formula": formula, "data": frame()},
        "simulate": {
            "n_groups": 4,
            "n_per_group": 3,
            "beta": {"Intercept": 1.0, "x": 0.5},
            "sd": {"Intercept": 1.0, "x": 0.5},
            "cor": 0.3,
            "random_seed": 1,
        },
        "simulate_from": {"fit": fit, "random_seed": 1},
        "table": {"models": {"a": fit, "b": other}},
        "datagrid": {"fit_or_data": fit, "columns": {"x": [0, 1]}},
        "plot_power": {"table": _POWER},
        "power": {
            "simulation": {"beta": {"x": 1.0}, "sd": {"Intercept": 1.0}, "sigma": 1.0},
            "statement": "x > 0",
            "n_groups": 4,
            **_FEW,
        },
        "StudentT": {"nu": 4.0},
        "MixedFit.power": {"statement": "x > 0", "group": "g", **_FEW},
        "MixedFit.predictions": {"by": "f", "newdata": frame()},
        "MixedFit.comparisons": {"variables": "x", "by": True},
        "MixedFit.slopes": {"variables": "x", "by": True},
        "MixedFit.plot_predictions": {"variable": "x"},
        "MixedFit.plot_comparisons": {"variables": "x"},
        "MixedFit.plot_slopes": {"variables": "x"},
        "MixedFit.update": {"formula": ". ~ . - (1 | g:h)", **QUIET},
        "MixedFit.hypothesis": {"hypotheses": ["x > 0", "x = sd:g:x"]},
        "MixedFit.sensitivity": {"parameters": ["x", "sd"], "priors": ["sd", "all"], "power": 1.2},
        "MixedFit.save": {"path": os.path.join(folder, "new.fit"), "overwrite": True},
        "MixedFit.kfold": {"k": 2, "progressbar": False},
        "MixedFit.logo": {"group": "g"},
        "MixedFit.compare_correlation": {"eta": [1.0], "logo": False},
        "MixedFit.plot_ppc": {"draws": 5},
        "ModelSpec.correlations": {"term": fit.design.groups[0]},
        "ModelSpec.is_centred": {"term": fit.design.groups[0]},
        "ModelSpec.centre": {"term": fit.design.groups[0]},
        "ModelSpec.sample_prior": {"draws": 3},
        "Design.at": {"newdata": frame().head(3)},
        "Design.take": {"rows": [0, 1]},
        "GroupTerm.take": {"rows": [0, 1]},
        "PriorSet.replace": {"priors": {"sd:g": bm.Prior("HalfNormal", sigma=1)}},
    }
    found = []
    for name in bm.__all__:
        target = getattr(bm, name)
        if not name.endswith(("Error", "Warning")) and name not in MADE:
            found.append((name, _grid if name == "datagrid" else target))
    owners = (fit, fit.spec, fit.design, fit.design.groups[0], fit.spec.priors)
    for cls, owner in zip(CLASSES, owners, strict=True):
        for name, value in vars(cls).items():
            full = f"{cls.__name__}.{name}"
            if name[0] != "_" and inspect.isfunction(value) and full not in INTERNAL:
                found.append((full, getattr(owner, name)))
    return [
        Call(
            name,
            function,
            known.get(name, {}),
            tuple(inspect.signature(function).parameters.values()),
        )
        for name, function in found
    ]


# --- one call -----------------------------------------------------------------------------------


def attempt(call: Call, random_: random.Random) -> tuple[str, Problem | None]:
    """Call once with something wrong, and tell what is not as it should be."""
    arguments, changed, own_type_error = replaced(call, random_)
    text = f"{call.name}({', '.join(f'{k}={v}' for k, v in changed.items())})"
    before = state(call)
    start, outcome, trace = time.process_time(), "", ""
    old = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(HANG)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # Deprecations are for the packages that cause them.
            warnings.simplefilter("ignore", DeprecationWarning)
            result = invoke(call, arguments)
            for shown in (repr, str):
                shown(result) if not isinstance(result, np.ndarray | tuple | dict) else None
        foreign = [str(w.message) for w in caught if not issubclass(w.category, OURS)]
        if foreign:
            outcome = f"warning: {foreign[0]}"
    except bm.BayesmixError as error:
        if not str(error).strip() or len(str(error)) > 3000:
            outcome = f"message of {len(str(error))} characters"
        elif time.process_time() - start > SECONDS and call.name not in COMPILING:
            outcome = f"refused after {time.process_time() - start:.1f} s"
    except TypeError as error:
        depth = len(traceback.extract_tb(error.__traceback__))
        if not (own_type_error and depth <= 3):
            outcome, trace = f"TypeError: {str(error)[:150]}", traceback.format_exc()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome, trace = f"{type(error).__name__}: {_safe(error)[:150]}", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        plt = sys.modules.get("matplotlib.pyplot")
        if plt is not None:
            plt.close("all")
    if not outcome and state(call) != before:
        outcome = "changed: the fit, the data or a setting"
    return text, Problem(text, outcome, trace) if outcome else None


def replaced(call: Call, random_: random.Random) -> tuple[dict[str, Any], dict[str, str], bool]:
    """Replace one or two arguments, or leave one out or add one."""
    arguments, changed = dict(call.working), {}
    names = [p.name for p in call.parameters if p.kind is not p.VAR_POSITIONAL] or ["unknown"]
    if "models" in call.working:
        names.append("models")
    own_type_error = False
    for _ in range(random_.choice([1, 1, 1, 2])):
        what = random_.random()
        if what < 0.03 and arguments:
            name = random_.choice(sorted(arguments))
            del arguments[name]
            changed[name], own_type_error = "(left out)", True
        elif what < 0.06:
            arguments["unknown"] = None
            changed["unknown"], own_type_error = "None", True
        else:
            name, value = random_.choice(names), random_.choice(sorted(VALUES))
            by_name = {p.name: p for p in call.parameters}
            own_type_error |= name not in by_name
            if name in by_name and by_name[name].kind is inspect.Parameter.VAR_KEYWORD:
                name = "sigma" if call.name == "Prior" else "reloo"
            arguments[name], changed[name] = VALUES[value](), value
    return arguments, changed, own_type_error


def invoke(call: Call, arguments: dict[str, Any]) -> Any:
    if call.name != "compare":
        return call.function(**arguments)
    models = arguments.pop("models", ())
    # Hostile models stand alone, or in the place of the second.
    together = models if isinstance(models, tuple) else (models,)
    return call.function(*together, **arguments)


def _hangs(*_: object) -> None:
    raise TimeoutError(f"no end after {HANG} s")


def _safe(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(no text)"


def state(call: Call) -> str:
    """Fingerprint everything that a call must leave as it was."""
    digest = hashlib.sha256()
    owner = getattr(call.function, "__self__", None)
    for value in (owner, *call.working.values()):
        for array in _arrays(value):
            digest.update(np.ascontiguousarray(array).tobytes())
    numpy_state = np.random.get_state()[1]  # noqa: NPY002
    digest.update(np.asarray(numpy_state).tobytes())
    settings = (np.geterr(), os.getcwd(), mpl.get_backend(), pd.get_option("display.width"))
    digest.update(repr((settings, len(warnings.filters), sorted(os.environ))).encode())
    return digest.hexdigest()


def _arrays(value: Any) -> Iterator[Any]:
    match value:
        case bm.MixedFit():
            yield from _arrays(value.design)
            for group in value.idata.children:
                for variable in value.idata[group].dataset.variables.values():
                    if variable.dtype != object:
                        yield variable.values.astype("U" if variable.dtype.kind in "UT" else None)
        case bm.ModelSpec():
            yield from _arrays(value.design)
        case Design():
            yield from (value.X, value.y, value.rows)
            yield from (array for term in value.groups for array in (term.Z, term.codes))
        case GroupTerm():
            yield from (value.Z, value.codes)
        case pd.DataFrame():
            yield pd.util.hash_pandas_object(value).to_numpy()
        case tuple() | list():
            for one in value:
                yield from _arrays(one)


# --- many calls ---------------------------------------------------------------------------------


def run(seed: int, count: int, *, only: str = "", verbose: bool = False) -> list[Problem]:
    """Make so many calls, each function as often as any other."""
    mpl.use("agg")
    random_ = random.Random(seed)
    problems = []
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            every = [call for call in calls(folder) if only in call.name]
            for i in range(count):
                call = every[i % len(every)]
                if call.name in COMPILING and random_.random() < 0.9:
                    call = random_.choice(
                        [one for one in every if one.name not in COMPILING] or [call]
                    )
                start = time.perf_counter()
                text, problem = attempt(call, random_)
                if verbose and time.perf_counter() - start > SECONDS:
                    print(f"{time.perf_counter() - start:5.1f} s  {text}", flush=True)
                if problem is not None:
                    problems.append(problem)
                    if verbose:
                        print(f"{problem.call}\n    {problem.kind}", flush=True)
        finally:
            os.chdir(here)
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", default="", help="part of the names of the calls")
    parser.add_argument("--traces", action="store_true", help="show where each came from")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    limit = GIGABYTES << 30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start = time.perf_counter()
    problems = run(seed, options.count, only=options.only, verbose=True)
    kinds = collections.Counter((p.call.split("(")[0], p.kind) for p in problems)
    print(f"\nseed {seed}: {options.count} calls, {time.perf_counter() - start:.0f} s")
    print(f"{len(problems)} problems of {len(kinds)} kinds")
    for (name, kind), n in kinds.most_common():
        print(f"{n:5d}  {name}: {kind}")
    if options.traces:
        shown = set()
        for problem in problems:
            key = problem.trace.splitlines()[-8:-1] and tuple(problem.trace.splitlines()[-6:-1])
            if problem.trace and key not in shown:
                shown.add(key)
                print(f"\n--- {problem.call}\n{problem.trace}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
