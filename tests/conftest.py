from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bayesmix as bm
from cases import BY_ID

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    """Close what a test drew, so that others can tell whether they left an empty figure."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets, outside the repository."""
    if not (SHARED_DATA / "lme4.json").exists():
        pytest.skip("the real data sets are not in ../shared/data")
    return SHARED_DATA


@pytest.fixture(scope="session")
def lme4(shared_data: Path) -> dict[str, Any]:
    """Estimates of lme4: ``lme4["fits"][dataset][model]``."""
    return json.loads((shared_data / "lme4.json").read_text())


@pytest.fixture(scope="session")
def load(request: pytest.FixtureRequest) -> Callable[[str], pd.DataFrame]:
    """Load a data set by name: a fresh frame, categories in lme4's order of levels."""

    @functools.cache
    def read(name: str) -> pd.DataFrame:
        if name == "sleepstudy":
            return bm.load_dataset(name)
        if name.startswith("simulated-"):
            return simulated(name.removeprefix("simulated-")).data
        description = request.getfixturevalue("lme4")["datasets"][name]
        path = request.getfixturevalue("shared_data") / description["file"]
        levels = {
            column: facts["levels"]
            for column, facts in description["columns"].items()
            if facts["type"] == "categorical"
        }
        data = pd.read_csv(path, dtype=dict.fromkeys(levels, str))
        for column, categories in levels.items():
            data[column] = pd.Categorical(data[column], categories)
        return data

    return lambda name: read(name).copy()


def simulated(family: str) -> bm.Simulation:
    cor = 0.3 if family == "poisson" else None
    slope = {"x": 0.3} if family == "poisson" else {}
    return bm.simulate(
        30,
        8,
        beta={"Intercept": 0.5, "x": 0.4},
        sd={"Intercept": 0.5} | slope,
        cor=cor,
        family=family,
        random_seed=1,
    )


@pytest.fixture(scope="session")
def fitted(load: Callable[[str], pd.DataFrame]) -> Callable[..., bm.MixedFit]:
    """Fit a case once for the whole session: ``fitted("gpa-slopes", draws=500)``."""

    @functools.cache
    def fit(case_id: str, **options: Any) -> bm.MixedFit:
        case = BY_ID[case_id]
        options = {"random_seed": 1, "progressbar": False} | options
        return bm.fit(case.formula, load(case.dataset), family=case.family, **options)

    return fit


@pytest.fixture
def mock_pymc_sample() -> Iterator[None]:
    """Let `pymc.sample` return prior draws, so that a whole fit takes seconds."""
    from pymc.testing import mock_sample_setup_and_teardown

    yield from mock_sample_setup_and_teardown()


@pytest.fixture
def without_a_screen() -> Iterator[None]:
    """Draw into memory, and leave no figure open."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    backend = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)
