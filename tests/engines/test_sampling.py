"""Sampling: options, seeds, the one schema, one warning, interrupts, progress."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesmix as bm
from bayesmix.engines.convergence import convergence_messages
from bayesmix.engines.nuts.engine import stop_with_chain
from bayesmix.engines.nuts.failures import sampler_failures
from bayesmix.engines.trees import GROUPS, complete_draws
from bayesmix.model.options import SampleOptions
from bayesmix.model.schema import Schema
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.diagnostics import parameter_diagnostics
from bayesmix.posterior.drawn import Drawn, divergences
from bayesmix.posterior.parameters import parameter_draws

FORMULA = "Reaction ~ Days + (1 | Subject)"
CHAINS, DRAWS = 4, 500


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return bm.load_dataset("sleepstudy")


@pytest.fixture(scope="module")
def spec(data) -> ModelSpec:
    return bm.prepare(FORMULA, data)


@pytest.fixture
def tree(spec) -> xr.DataTree:
    return made(spec)


def made(spec: ModelSpec, *, chains: int = CHAINS, draws: int = DRAWS) -> xr.DataTree:
    """Make independent draws around the truth, as a sampler returns them."""
    rng = np.random.default_rng(5)
    dims = {name: Schema.of(spec).dims(name) for name in ("beta", "sd_Subject", "u_Subject")}
    dims["sigma"] = ()
    coords = {"chain": range(chains), "draw": range(draws)}
    coords |= {
        dim: values
        for dim, values in Schema.of(spec).coords.items()
        if dim in {d for own in dims.values() for d in own}
    }
    sizes = {dim: len(values) for dim, values in coords.items()}
    posterior = {
        name: (
            ("chain", "draw", *own),
            30 + rng.normal(size=(chains, draws, *(sizes[dim] for dim in own))),
        )
        for name, own in dims.items()
    }
    stats = {"diverging": (("chain", "draw"), np.zeros((chains, draws), dtype=bool))}
    only = {name: coords[name] for name in ("chain", "draw")}
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(posterior, coords),
            "sample_stats": xr.Dataset(stats, only),
            "observed_data": xr.Dataset({"Reaction": ("obs", spec.design.y)}),
            "constant_data": xr.Dataset({"X": (("obs", "term"), spec.design.X)}),
        }
    )


@pytest.fixture
def pymc_returns(monkeypatch):
    """Let `pymc.sample` return a tree at once; gives back the arguments that it was called with."""
    import pymc as pm

    def prepare(tree, during=lambda: None):
        seen = {}

        def pymc_sample(draws, **kwargs):
            seen.update(kwargs, draws=draws)
            during()
            return tree.copy(deep=True)

        monkeypatch.setattr(pm, "sample", pymc_sample)
        return seen

    return prepare


def messages_of(spec: ModelSpec, tree: xr.DataTree) -> tuple[str, ...]:
    table = parameter_diagnostics(spec.design, spec.family, tree["posterior"].dataset)
    return convergence_messages(Drawn.of(tree), table)


def fit(data, **options):
    options = {"method": "nuts", "draws": DRAWS, "random_seed": 1, "progressbar": False} | options
    return bm.fit(FORMULA, data, **options)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"method": "mcmc"}, "Unknown method"),
            ({"draws": 0}, "draws=0"),
            ({"tune": -1}, "tune=-1"),
            ({"chains": 2.0}, "chains=2.0"),
            ({"cores": 0}, "cores=0"),
            ({"random_seed": -3}, "random_seed=-3"),
            ({"progressbar": "yes"}, "progressbar='yes'"),
            ({"nuts_sampler": "nutpi"}, "Did you mean 'nutpie'"),
            ({"nuts": [("target_accept", 0.9)]}, "nuts is a list"),
            ({"nuts": {"target_accept": 1.0}}, "target_accept=1.0"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, options, words):
        with pytest.raises(bm.BayesmixError, match=words):
            SampleOptions(**options)

    def test_seed_becomes_a_number(self):
        assert SampleOptions(random_seed=np.int64(4)).random_seed == 4
        first, second = (SampleOptions().random_seed for _ in range(2))
        assert first != second

    def test_generators_in_one_state_give_one_seed(self):
        rng = np.random.default_rng(1)
        first = SampleOptions(random_seed=rng).random_seed
        assert first == SampleOptions(random_seed=np.random.default_rng(1)).random_seed
        assert first != SampleOptions(random_seed=rng).random_seed

    def test_reach_pymc(self, data, tree, pymc_returns):
        seen = pymc_returns(tree)
        fit(data, tune=7, cores=3, nuts={"target_accept": 0.9})
        assert {"draws": DRAWS, "tune": 7, "chains": 4, "cores": 3}.items() <= seen.items()
        assert seen["nuts"] == {"target_accept": 0.9}
        assert (seen["nuts_sampler"], seen["random_seed"]) == ("nutpie", 1)

    def test_all_cores_by_default_and_no_more_than_chains(self, data, spec, pymc_returns):
        seen = pymc_returns(made(spec, chains=1))
        fit(data, chains=1)
        assert seen["cores"] == 1

    def test_pymc_without_nutpie(self, data, tree, pymc_returns, monkeypatch):
        seen = pymc_returns(tree)
        found = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "nutpie" else found(name)
        )
        fit(data)
        assert seen["nuts_sampler"] == "pymc"


class TestConvergence:
    def test_nothing_to_say_of_good_draws(self, data, spec, tree, pymc_returns):
        assert messages_of(spec, tree) == ()
        pymc_returns(tree)
        fitted = fit(data)
        assert fitted.idata.attrs["messages"] == "[]"

    def test_divergences(self, spec, tree):
        tree["sample_stats"]["diverging"][0, :3] = True
        (message,) = messages_of(spec, tree)
        assert message.startswith("3 of 2000 draws diverged: refit with nuts={'target_accept'")

    def test_no_stats_is_no_divergence(self, spec, tree):
        del tree["sample_stats"]
        assert divergences(tree) == 0
        assert messages_of(spec, tree) == ()

    def test_a_chain_that_disagrees(self, spec, tree):
        tree["posterior"]["sigma"][0] += 1
        messages = messages_of(spec, tree)
        assert "R-hat is above 1.01 for 1 of 4 parameters (worst: sigma, 1." in messages[0]
        assert "refit with more tune and draws" in messages[0]

    def test_draws_that_depend_on_each_other(self, spec, tree):
        sigma = tree["posterior"]["sigma"]
        slow = np.repeat(sigma.values[:, ::25], 25, axis=1)
        tree["posterior"]["sigma"] = sigma.copy(data=slow)
        (message,) = [m for m in messages_of(spec, tree) if "effective" in m]
        assert "below 400 for 1 of 4 parameters (lowest: sigma, " in message
        assert message.endswith("refit with more draws")

    def test_one_warning_that_points_to_the_caller(self, data, tree, pymc_returns):
        tree["sample_stats"]["diverging"][0, :3] = True
        tree["posterior"]["sigma"][0] += 5
        pymc_returns(tree)
        with pytest.warns(bm.ConvergenceWarning) as caught:
            fitted = fit(data)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        text = str(caught[0].message)
        assert "diverged" in text
        assert "R-hat" in text
        assert "effective sample size" in text
        messages = json.loads(fitted.idata.attrs["messages"])
        assert text == "; ".join(messages) + "."
        assert all(f"Warning: {message}"[:60] in repr(fitted) for message in messages)

    def test_a_refit_warns_its_caller_too(self, data, tree, pymc_returns):
        tree["posterior"]["sigma"][0] += 5
        pymc_returns(tree)
        with pytest.warns(bm.ConvergenceWarning):
            fitted = fit(data)
        with pytest.warns(bm.ConvergenceWarning) as caught:
            fitted.uncorrelated()
        assert caught[0].filename == __file__

    def test_a_single_chain_has_no_r_hat(self, data, spec, pymc_returns):
        pymc_returns(made(spec, chains=1, draws=200))
        fitted = fit(data, chains=1, draws=200)
        assert fitted.diagnostics()["r_hat"].isna().all()
        assert "no R-hat of one chain" in repr(fitted)

    @pytest.mark.parametrize("draws", [1, 3, 10])
    def test_few_draws_give_no_spurious_error(self, data, spec, draws, pymc_returns):
        pymc_returns(made(spec, chains=1, draws=draws))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = fit(data, chains=1, draws=draws)
            assert repr(fitted)
        assert {w.category for w in caught} <= {bm.ConvergenceWarning}
        assert "R-hat is" not in "".join(str(w.message) for w in caught)


class TestSchema:
    def test_attributes(self, data, tree, pymc_returns):
        pymc_returns(tree)
        attrs = fit(data).idata.attrs
        assert attrs["bayesmix_version"] == bm.__version__
        assert attrs["formula"] == FORMULA
        assert (attrs["family"], attrs["link"], attrs["method"]) == ("gaussian", "identity", "nuts")
        assert attrs["random_seed"] == 1
        assert attrs["seconds"] > 0

    def test_groups_are_the_same_whatever_the_sampler_returns(self, data, tree, pymc_returns):
        posterior = tree["posterior"].dataset
        as_objects = posterior["Subject"].values.astype(object)
        tree["posterior"] = xr.DataTree(posterior.assign_coords(Subject=as_objects))
        text = np.full((CHAINS, DRAWS), None, dtype=object)
        tree["sample_stats"]["divergence_message"] = (("chain", "draw"), text)
        tree["warmup_posterior"] = tree["posterior"].copy()
        tree = xr.DataTree.from_dict({name: tree[name].dataset for name in [*tree.children][::-1]})
        pymc_returns(tree)
        idata = fit(data).idata
        assert tuple(idata.children) == GROUPS
        assert idata["posterior"]["Subject"].dtype.kind == "U"
        assert list(idata["sample_stats"].data_vars) == ["diverging"]

    def test_mock_pipeline_has_every_variable_of_the_schema(self, data, mock_pymc_sample):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.ConvergenceWarning)
            fitted = bm.fit(
                "Reaction ~ Days + (Days | Subject)",
                data,
                method="nuts",
                draws=20,
                chains=1,
                random_seed=1,
                progressbar=False,
            )
        for name, variable in Schema.of(fitted.spec).variables.items():
            if name in fitted.posterior:
                assert fitted.posterior[name].dims == ("chain", "draw", *variable.dims)
        assert list(fitted.posterior["Subject_effect"].values) == ["Intercept", "Days"]


def interrupted(tree, counts):
    """Blank what comes after the first draws of each chain, as nutpie does."""
    posterior = tree["posterior"].dataset.copy(deep=True)
    for chain, count in enumerate(counts):
        for values in posterior.data_vars.values():
            values[chain, count:] = np.nan
    tree["posterior"] = xr.DataTree(posterior)
    return tree


class TestInterrupt:
    @pytest.mark.parametrize(
        ("counts", "chains", "draws"),
        [
            ((500, 500, 500, 500), (0, 1, 2, 3), 500),
            ((500, 480, 490, 499), (0, 1, 2, 3), 480),
            ((300, 0, 200, 0), (0, 2), 200),
            ((500, 500, 10, 0), (0, 1), 500),
            ((0, 0, 0, 1), (3,), 1),
            ((400, 100, 100, 100), (0,), 400),
        ],
    )
    def test_keeps_as_many_whole_draws_as_there_are(self, tree, counts, chains, draws):
        kept = complete_draws(interrupted(tree, counts))
        assert tuple(kept["posterior"]["chain"].values) == chains
        for group in ("posterior", "sample_stats"):
            sizes = kept[group].sizes
            assert (sizes["chain"], sizes["draw"]) == (len(chains), draws)
        assert not kept["posterior"].dataset.isnull().any().to_array().any()
        assert kept["observed_data"].equals(tree["observed_data"])

    def test_a_value_that_is_not_a_number_is_no_interrupt(self, tree):
        tree["posterior"]["sigma"][1, 7] = np.nan
        assert complete_draws(tree) is tree

    @pytest.mark.parametrize("draws", [0, 5])
    def test_nothing_to_keep(self, spec, draws):
        tree = interrupted(made(spec, draws=draws), (0,) * CHAINS)
        with pytest.raises(KeyboardInterrupt, match="no draws to keep"):
            complete_draws(tree)

    @pytest.mark.parametrize(
        ("counts", "words"),
        [
            ((500, 480, 490, 499), "interrupted: 480 of 500 draws per chain were kept"),
            ((500, 500, 0, 0), "500 of 500 draws per chain were kept, in 2 of 4 chains"),
        ],
    )
    def test_says_what_was_kept(self, data, tree, pymc_returns, counts, words):
        pymc_returns(interrupted(tree, counts))
        with pytest.warns(bm.ConvergenceWarning, match=words):
            fitted = fit(data)
        assert len(fitted.ranef()) == 18
        assert " ".join(repr(fitted).split()).count(words) == 1

    def test_chains_one_after_another_all_end(self):
        class Draw:
            def __init__(self, chain, draw_idx):
                self.chain, self.draw_idx = chain, draw_idx

        options = SampleOptions(draws=3, tune=2)
        stop = stop_with_chain(options)
        for chain in (0, 1):
            for index in range(5):
                stop(None, Draw(chain, index))
        stop(None, Draw(2, 0))
        with pytest.raises(KeyboardInterrupt):
            stop(None, Draw(3, 0))

    def test_pymc_that_adapted_only(self):
        with (
            pytest.raises(KeyboardInterrupt, match="no draws to keep"),
            sampler_failures("pymc"),
        ):
            raise ValueError("Not enough samples to build a trace.")


class TestFailures:
    @pytest.mark.parametrize(
        ("sampler", "error", "words"),
        [
            ("nutpie", RuntimeError("All initialization points failed"), "no point to start from"),
            ("pymc", Exception("Initial evaluation of model at starting point"), "priors"),
            (
                "blackjax",
                TypeError("kernel() got an unexpected keyword argument 'progress_bar'"),
                "blackjax<1.6",
            ),
        ],
    )
    def test_what_a_user_can_mend_is_said_in_our_words(self, sampler, error, words):
        with pytest.raises(bm.BayesmixError, match=words), sampler_failures(sampler):
            raise error

    @pytest.mark.parametrize(
        ("sampler", "other"), [("nutpie", "pymc"), ("numpyro", "pymc"), ("pymc", "nutpie")]
    )
    def test_whatever_else_a_sampler_raises_is_named(self, sampler, other):
        class PanicException(BaseException):
            """As that of pyo3, which no `except Exception` catches."""

        words = rf"{sampler} failed with PanicException: poisoned. .* nuts_sampler='{other}'"
        with pytest.raises(bm.BayesmixError, match=words), sampler_failures(sampler):
            raise PanicException("poisoned\nStack backtrace: ...")

    @pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, MemoryError])
    def test_what_ends_a_program_is_no_failure_of_a_sampler(self, end):
        with pytest.raises(end), sampler_failures("nutpie"):
            raise end


class TestQuiet:
    def test_warnings_and_log_lines_of_libraries_are_kept_away(
        self, data, tree, pymc_returns, caplog, capsys
    ):
        def during():
            warnings.warn("a future of PyMC", FutureWarning, stacklevel=2)
            logging.getLogger("pymc.sampling.mcmc").warning("only 10 samples")

        pymc_returns(tree, during)
        fit(data, progressbar=True)
        assert caplog.records == []
        assert capsys.readouterr() == ("", "")

    def test_filters_and_levels_come_back(self, data, tree, pymc_returns):
        pymc_returns(tree)
        before = (list(warnings.filters), logging.getLogger("pymc").level)
        fit(data)
        assert (list(warnings.filters), logging.getLogger("pymc").level) == before

    def test_fast_math_is_off_so_that_cached_code_repeats_the_numbers(
        self, data, tree, pymc_returns
    ):
        import pytensor

        before, seen = pytensor.config.numba__fastmath, []
        pymc_returns(tree, lambda: seen.append(pytensor.config.numba__fastmath))
        fit(data)
        assert seen == [False]
        assert pytensor.config.numba__fastmath is before

    def test_blas_has_one_thread_while_it_samples(self, data, tree, pymc_returns):
        from threadpoolctl import threadpool_info, threadpool_limits

        def threads():
            return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

        seen = []
        kwargs = pymc_returns(tree, lambda: seen.append(threads()))
        with threadpool_limits(2, user_api="blas"):
            fit(data)
            after = threads()
        assert seen == [{1}]
        assert after != {1} or os.cpu_count() == 1
        assert kwargs["blas_cores"] is None


@pytest.fixture
def surroundings(monkeypatch):
    """Pretend to be in a terminal or a notebook, with or without ipywidgets."""
    import rich.console

    def pretend(*, terminal=False, notebook=False, ipywidgets=False):
        console = rich.console.Console
        monkeypatch.setattr(console, "is_terminal", property(lambda self: terminal))
        original = console.__init__

        def init(self, *args, **kwargs):
            original(self, *args, **kwargs)
            self.is_jupyter = notebook and "stderr" not in kwargs

        monkeypatch.setattr(console, "__init__", init)
        found = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name: ipywidgets or None if name == "ipywidgets" else found(name),
        )

    return pretend


class TestProgress:
    @pytest.mark.parametrize(
        ("where", "bar", "line"),
        [
            ({"terminal": True}, True, "Compiling the model ..."),
            ({}, False, ""),
            ({"notebook": True, "ipywidgets": True}, True, "Compiling the model ..."),
            ({"notebook": True}, False, "Sampling 4 chains x 500 draws (for a progress bar"),
        ],
    )
    def test_bar_where_it_can_be_drawn(
        self, data, tree, pymc_returns, surroundings, capsys, where, bar, line
    ):
        surroundings(**where)
        seen = pymc_returns(tree)
        fit(data, progressbar=True)
        assert seen["progressbar"] is bar
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith(line)
        assert bool(output.err) is bool(line)

    @pytest.mark.parametrize("where", [{"terminal": True}, {"notebook": True}])
    def test_nothing_when_not_wanted(self, data, tree, pymc_returns, surroundings, capsys, where):
        surroundings(**where)
        seen = pymc_returns(tree)
        fit(data, progressbar=False)
        assert seen["progressbar"] is False
        assert capsys.readouterr() == ("", "")


def in_fresh_python(code: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **kwargs,
    )


@pytest.mark.slow
class TestRealSampling:
    @pytest.mark.parametrize("sampler", ["nutpie", "pymc"])
    def test_a_seed_repeats_the_numbers(self, data, sampler):
        options = {"draws": 60, "tune": 200, "chains": 2, "nuts_sampler": sampler}
        seeds = {
            "int": 11,
            "again": 11,
            "one core": 11,
            "generator": np.random.default_rng(11),
            "its twin": np.random.default_rng(11),
        }
        draws = {}
        for name, seed in seeds.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", bm.ConvergenceWarning)
                fitted = fit(
                    data, random_seed=seed, cores=1 if name == "one core" else None, **options
                )
            draws[name] = fitted.posterior
        assert draws["int"].equals(draws["again"])
        assert draws["int"].equals(draws["one core"])
        assert draws["generator"].equals(draws["its twin"])
        assert not draws["int"].equals(draws["generator"])

    def test_nothing_reaches_stdout_and_no_warning_leaks(self, data, capsys):
        for sampler in ("nutpie", "pymc"):
            fit(data, tune=1000, draws=2500, nuts_sampler=sampler, progressbar=True)
        assert capsys.readouterr().out == ""

    def test_one_core_one_chain_ten_draws(self, data):
        with pytest.warns(bm.ConvergenceWarning, match="effective sample size") as caught:
            fitted = fit(data, cores=1, chains=1, draws=10, tune=100)
        assert len(caught) == 1
        assert "R-hat is" not in str(caught[0].message)
        assert len(fitted.fixef()) == 2

    @pytest.mark.parametrize("sampler", ["nutpie", "pymc"])
    def test_priors_that_contradict_the_data(self, data, sampler):
        priors = {"sigma": bm.Prior("Uniform", lower=0, upper=1e-200)}
        with pytest.raises(bm.BayesmixError, match="no point to start from"):
            fit(data, priors=priors, nuts_sampler=sampler, chains=2)


SAMPLERS = (
    "pymc",
    pytest.param("numpyro", marks=pytest.mark.numpyro),
    pytest.param("blackjax", marks=pytest.mark.blackjax),
)


@pytest.fixture(scope="module")
def by_nutpie(data) -> bm.MixedFit:
    return by_sampler(data, "nutpie")


def by_sampler(data, sampler) -> bm.MixedFit:
    return bm.fit(
        "Reaction ~ Days + (Days | Subject)",
        data,
        method="nuts",
        nuts_sampler=sampler,
        nuts={"target_accept": 0.95},
        random_seed=3,
        progressbar=False,
    )


def schema(tree) -> dict:
    return {
        group: {
            name: (values.dims, values.dtype, type(values.data))
            for name, values in sorted(tree[group].dataset.variables.items())
        }
        for group in tree.children
        if group != "sample_stats"
    }


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_agree(data, by_nutpie, sampler):
    if sampler != "pymc":
        pytest.importorskip(sampler)
    if sampler == "blackjax":
        version = importlib.metadata.version("blackjax").split(".")
        if tuple(map(int, version[:2])) >= (1, 6):
            pytest.skip("PyMC cannot use blackjax 1.6 (pymc issue 8367)")
    other = by_sampler(data, sampler)
    assert schema(other.idata) == schema(by_nutpie.idata)
    assert {"diverging", "energy"} <= set(other.idata["sample_stats"].data_vars)
    for dim, values in by_nutpie.posterior.coords.items():
        assert values.equals(other.posterior[dim])
    figures = zip(
        parameter_diagnostics(other.design, other.family, other.posterior).itertuples(),
        parameter_diagnostics(by_nutpie.design, by_nutpie.family, by_nutpie.posterior).itertuples(),
        strict=True,
    )
    ours = parameter_draws(other.design, other.family, other.posterior)
    theirs = parameter_draws(by_nutpie.design, by_nutpie.family, by_nutpie.posterior)
    for mine, yours in figures:
        x, y = ours[mine.parameter], theirs[yours.parameter]
        error = np.sqrt(x.var() / mine.ess_bulk + y.var() / yours.ess_bulk)
        # Seven parameters, three samplers: a z of 4 comes up once in a thousand such tests.
        assert abs(x.mean() - y.mean()) < 4 * error, mine.parameter


# Sends one real SIGINT from the sampler's own progress report, at a known place of the run.
INTERRUPTED = """
import json, os, signal, sys, warnings
import bayesmix as bm
import nutpie
from pymc.progress_bar import progress

sampler, stage, cores, chains = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
tune = 300 if stage == "drawing" else 10_000_000
sent = []

def interrupt():
    if not sent:
        sent.append(True)
        os.kill(os.getpid(), signal.SIGINT)

def reached(steps):
    return steps > (tune + 300 if stage == "drawing" else 100)

def nutpie_update(self, chains):
    if max(chain.finished_draws for chain in chains) > 0 and reached(
        max(chain.finished_draws for chain in chains)
    ):
        interrupt()

def pymc_update(self, chain_idx, is_last, draw, tuning, stats):
    if reached(draw):
        interrupt()

progress.NutpieProgressBarManager.update = nutpie_update
progress.MCMCProgressBarManager.update = pymc_update
if stage == "compiling":
    compiled = nutpie.compile_pymc_model
    nutpie.compile_pymc_model = lambda *args, **kwargs: (interrupt(), compiled(*args, **kwargs))[1]

result = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        fit = bm.fit(
            "Reaction ~ Days + (1 | Subject)",
            bm.load_dataset("sleepstudy"),
            method="nuts",
            nuts_sampler=sampler,
            tune=tune,
            draws=1_000_000,
            chains=chains,
            cores=cores,
            random_seed=1,
        )
    except KeyboardInterrupt as error:
        result["interrupt"] = str(error)
    else:
        result["sizes"] = [fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]]
        result["complete"] = not fit.posterior.isnull().any().to_array().any().item()
        result["rows"] = [len(fit.fixef()), len(fit.varcorr()), len(fit.ranef())]
        result["seed"] = fit.options.random_seed
        result["shown"] = repr(fit)
result["warnings"] = [[w.category.__name__, str(w.message)] for w in caught]
print(json.dumps(result))
"""


@pytest.mark.slow
class TestRealInterrupt:
    def run(self, *arguments):
        result = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    @pytest.mark.parametrize(
        ("sampler", "cores", "chains"), [("nutpie", 2, 2), ("pymc", 2, 2), ("pymc", 1, 2)]
    )
    def test_draws_made_so_far_are_kept(self, sampler, cores, chains):
        result = self.run(sampler, "drawing", cores, chains)
        kept, draws = result["sizes"]
        # On a busy machine the second chain may not have begun to draw.
        assert 1 <= kept <= min(chains, cores)
        assert 100 < draws < 1_000_000
        ((category, message),) = result["warnings"]
        assert category == "ConvergenceWarning"
        assert message.startswith(
            f"sampling was interrupted: {draws} of 1000000 draws per chain were kept"
        )
        assert result["complete"]
        assert result["rows"] == [2, 2, 18]
        assert result["seed"] == 1
        assert "sampling was interrupted" in result["shown"]

    @pytest.mark.parametrize(
        ("sampler", "stage", "words"),
        [
            ("nutpie", "tuning", "no draws to keep"),
            ("pymc", "tuning", "no draws to keep"),
            ("nutpie", "compiling", ""),
        ],
    )
    def test_before_the_first_draw_it_is_a_keyboard_interrupt(self, sampler, stage, words):
        result = self.run(sampler, stage, 2, 2)
        assert words in result["interrupt"]
        assert result["warnings"] == []


FIT_IT = f"""
import bayesmix as bm
fit = bm.fit(
    {FORMULA!r}, bm.load_dataset("sleepstudy"), method="nuts", draws=3000, random_seed=1
)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_terminal_shows_bars():
    import pty

    here, there = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "110"}
    process = subprocess.Popen(
        [sys.executable, "-c", FIT_IT], stdout=there, stderr=there, env=environment
    )
    os.close(there)
    shown, deadline = b"", time.monotonic() + 600
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline and (piece := os.read(here, 10_000)):
            shown += piece
    os.close(here)
    assert process.wait(60) == 0
    text = shown.decode(errors="replace")
    assert text.startswith("Compiling the model ...")
    assert "Draw" in text
    assert "━━━" in text


@pytest.mark.slow
def test_script_whose_output_goes_to_a_file_has_only_signs_of_life():
    result = in_fresh_python(FIT_IT)
    assert (result.returncode, result.stdout) == (0, "")
    line = r"Sampling 4 chains x 3000 draws by nutpie, \d+ s so far"
    assert all(re.fullmatch(line, one) for one in result.stderr.splitlines())


@pytest.mark.slow
def test_notebook_shows_a_bar_or_a_line_and_the_tables():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cells = (
        "import warnings; warnings.simplefilter('error')" + FIT_IT,
        "fit",
        "quiet = bm.fit(fit.design.formula.text, bm.load_dataset('sleepstudy'), method='nuts',"
        " draws=3000, random_seed=1, progressbar=False)",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    first, shown, quiet = (cell.outputs for cell in notebook.cells)
    assert {output.output_type for output in first} == {"display_data"}
    if importlib.util.find_spec("ipywidgets"):
        assert any("application/vnd.jupyter.widget-view+json" in output.data for output in first)
    else:
        assert "for a progress bar, install ipywidgets" in first[0].data["text/plain"]
    assert "<table" in shown[0].data["text/html"]
    assert "Variance Components" in shown[0].data["text/plain"]
    assert quiet == []
