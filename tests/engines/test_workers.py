"""The package travels to other processes as any other does: by reference."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import bayesmix as bm

# What a user has in a notebook or a script: everything is in `__main__`.
FUNCTIONS = """
    import numpy as np
    import pandas as pd
    import bayesmix as bm

    def frame(seed):
        rng = np.random.default_rng(seed)
        g = np.repeat(np.arange(8), 6)
        x = rng.normal(size=48)
        return pd.DataFrame({"y": x + rng.normal(size=8)[g] + rng.normal(size=48), "x": x, "g": g})

    def slope(data):
        fit = bm.fit(
            "y ~ x + (1 | g)", data, draws=50, chains=2, cores=1, random_seed=1, progressbar=False
        )
        assert isinstance(fit, bm.MixedFit)
        return float(fit.fixef().set_index("term").loc["x", "value"])

    def main():
        import warnings
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        frames = [frame(seed) for seed in range(4)]
        alone = [slope(data) for data in frames]
"""
JOBLIB = """
        import joblib
        found = joblib.Parallel(2)(joblib.delayed(slope)(data) for data in frames)
        assert found == alone, (found, alone)
        print("same")
"""
DASK = """
        from distributed import Client
        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
            found = client.gather([client.submit(slope, data) for data in frames])
        assert found == alone, (found, alone)
        print("same")
"""
RUN = """
    if __name__ == "__main__":
        main()
"""


def script(body: str) -> str:
    return textwrap.dedent(FUNCTIONS + body + RUN)


def run(*arguments: str, code: str = "") -> str:
    result = subprocess.run(
        [sys.executable, *arguments],
        input=code,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    "value",
    [
        "lambda: bm.__name__",
        "bm",
        "{'bm': bm}",
        "bm.fit",
        "bm.MixedFit",
        "function",
        "bm.get_family",
    ],
)
def test_cloudpickle_takes_the_package_by_reference(value):
    cloudpickle = pytest.importorskip("cloudpickle")

    def function():
        return bm.simulate

    made = eval(value, {"bm": bm, "function": function})
    pickled = cloudpickle.dumps(made)
    assert len(pickled) < 2000
    again = cloudpickle.loads(pickled)
    if value == "function":
        assert again() is bm.simulate
    elif value.startswith("lambda"):
        assert again() == "bayesmix"
    else:
        assert again == made


def test_a_module_under_an_earlier_path_pickles():
    cloudpickle = pytest.importorskip("cloudpickle")
    alias = sys.modules["bayesmix.fit"]
    assert cloudpickle.loads(cloudpickle.dumps(alias)) is alias


@pytest.mark.slow
def test_joblib_runs_functions_of_a_script():
    pytest.importorskip("joblib")
    # From standard input, so that no other process can import the functions.
    assert run("-", code=script(JOBLIB)) == "same"


@pytest.mark.slow
def test_joblib_runs_functions_of_a_notebook():
    pytest.importorskip("joblib")
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [textwrap.dedent(FUNCTIONS + JOBLIB), "main()"]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    output = "".join(one.get("text", "") for one in notebook.cells[1].outputs)
    assert "same" in output


@pytest.mark.slow
def test_dask_runs_functions_of_a_script(tmp_path):
    pytest.importorskip("distributed", reason="dask is not installed")
    path = tmp_path / "script.py"
    path.write_text(script(DASK))
    assert run(str(path)) == "same"
