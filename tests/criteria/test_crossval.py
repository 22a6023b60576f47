from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats import compare
from scipy import stats
from threadpoolctl import threadpool_info

import bayesmix as bm
from bayesmix.criteria import jobs
from bayesmix.criteria import kfold as crossval
from bayesmix.criteria.folds import folds
from bayesmix.criteria.jobs import FoldJob, run_fold
from bayesmix.criteria.kfold import logo_by_refit
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.engines.run import sample
from gaussian import CASES

K = 3


@pytest.fixture(scope="module")
def sleepstudy() -> pd.DataFrame:
    return bm.load_dataset("sleepstudy")


@pytest.fixture(scope="module")
def fit(sleepstudy: pd.DataFrame) -> bm.MixedFit:
    return bm.fit(
        "Reaction ~ Days + (Days | Subject)",
        sleepstudy,
        draws=500,
        random_seed=1,
        progressbar=False,
    )


@pytest.fixture(scope="module")
def alone(fit: bm.MixedFit) -> Any:
    """Result of no executor."""
    return fit.kfold(K)


# --- folds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(10, 10), (11, 3), (100, 7)])
def test_random_folds_differ_by_a_row_at_most(n, k):
    sizes = np.bincount(folds(n, k, random_seed=1))[1:]
    assert len(sizes) == k
    assert sizes.max() - sizes.min() <= 1


def test_a_seed_repeats_the_folds_and_another_does_not():
    assert (folds(50, 5, random_seed=3) == folds(50, 5, random_seed=3)).all()
    assert (folds(50, 5, random_seed=3) != folds(50, 5, random_seed=4)).any()
    generator = np.random.default_rng(3)
    assert (folds(50, 5, random_seed=generator) != folds(50, 5, random_seed=generator)).any()


def test_grouped_folds_keep_groups_together_and_balance_rows():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.integers(1, 9, 60))
    rng.shuffle(groups)
    fold = folds(len(groups), 6, group_by=groups.astype(str), random_seed=1)
    assert (pd.Series(fold).groupby(groups).nunique() == 1).all()
    sizes = np.bincount(fold)[1:]
    assert len(sizes) == 6
    assert sizes.max() - sizes.min() <= 8
    assert (fold != folds(len(groups), 6, group_by=groups, random_seed=2)).any()


def test_as_many_folds_as_groups_leave_one_out_each():
    fold = folds(9, 3, group_by=list("aaaaaaabc"), random_seed=1)
    assert sorted(np.bincount(fold)) == [0, 1, 1, 7]


@pytest.mark.parametrize("labels", [list("abc"), [10, 2, 3], [True, False, True]])
def test_stratified_folds_spread_every_value(labels):
    rng = np.random.default_rng(0)
    strata = rng.choice(np.array(labels), 101)
    fold = folds(101, 4, stratify_by=strata, random_seed=1)
    counts = pd.crosstab(strata, fold)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert np.ptp(np.bincount(fold)[1:]) <= 1


def test_fractional_numbers_are_stratified_by_deciles():
    x = np.random.default_rng(0).standard_normal(1000)
    means = pd.Series(x).groupby(folds(1000, 5, stratify_by=x, random_seed=1)).mean()
    plain = pd.Series(x).groupby(folds(1000, 5, random_seed=1)).mean()
    assert means.std() < plain.std() / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 5, "k": 6}, r"k=6 is more than the 5 rows. Give k from 2 to 5"),
        ({"n": 5, "k": 1}, "k=1 is not usable"),
        ({"n": 5, "k": 2.0}, "k=2.0 is not usable"),
        ({"n": 4, "k": 3, "group_by": list("aabb")}, "k=3 is more than the 2 groups"),
        ({"n": 4, "k": 2, "group_by": list("aaaa")}, "one group only"),
        ({"n": 4, "k": 2, "group_by": list("aab")}, r"group_by has shape \(3,\)"),
        ({"n": 2, "k": 2, "group_by": [[1], [1, 2]]}, r"group_by has shape \(\)"),
        ({"n": 2, "k": 2, "stratify_by": [[1, 2], [3, 4]]}, r"stratify_by has shape \(2, 2\)"),
        ({"n": 3, "k": 2, "stratify_by": [1.0, np.nan, 2.0]}, "1 missing values"),
        ({"n": 2, "k": 2, "group_by": [1, 2], "stratify_by": [1, 2]}, "Both group_by and"),
    ],
)
def test_folds_refuses(arguments, message):
    with pytest.raises(bm.BayesmixError, match=message):
        folds(**arguments)


# --- the same numbers, whatever runs the folds --------------------------------------------------


class Backwards(Executor):
    """Runs the jobs when all are there, the last first."""

    def __init__(self, n_jobs: int) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[Any], Any], Any]] = []
        self.n_jobs = n_jobs

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, function, pickle.loads(pickle.dumps(arguments[0]))))
        if len(self.waiting) == self.n_jobs:
            for one, run, job in reversed(self.waiting):
                one.set_result(run(job))
        return future


def processes(method: str) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))


@pytest.fixture(scope="module")
def spawned() -> Iterator[Executor]:
    """Two processes that have imported the package once they did a job."""
    with processes("spawn") as executor:
        yield executor


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "forked processes": lambda: processes("fork"),
    "last first": lambda: Backwards(K),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", EXECUTORS)
def test_the_executor_does_not_change_a_digit(name, fit, alone):
    with EXECUTORS[name]() as executor:
        assert_same(fit.kfold(K, executor=executor), alone)


def test_spawned_processes_do_not_change_a_digit(spawned, fit, alone):
    assert_same(fit.kfold(K, executor=spawned), alone)


def assert_same(result: Any, alone: Any) -> None:
    np.testing.assert_array_equal(result.elpd_i, alone.elpd_i)
    np.testing.assert_array_equal(result.p_kfold_i, alone.p_kfold_i)
    assert (result.elpd, result.se, result.p) == (alone.elpd, alone.se, alone.p)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("in_processes", [False, True])
def test_dask_changes_the_last_digit_at_most(in_processes, fit, alone):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    with (
        distributed.LocalCluster(
            n_workers=2 if in_processes else 1,
            threads_per_worker=1 if in_processes else 2,
            processes=in_processes,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        result = fit.kfold(K, executor=client.get_executor())
        with pytest.raises(bm.BayesmixError, match=r"type Client.*client.get_executor\(\)"):
            fit.kfold(K, executor=client)
    # What a cluster hands over may lie elsewhere in memory, by which sums round.
    np.testing.assert_allclose(result.elpd_i, alone.elpd_i, rtol=1e-13)
    np.testing.assert_allclose(result.p_kfold_i, alone.p_kfold_i, rtol=1e-9, atol=1e-12)


def test_jobs_pickle_whatever_the_formula_calls(sleepstudy, spawned):
    later = lambda days: days - 4.5  # noqa: E731
    shifted = bm.fit(
        "Reaction ~ later(Days) + (1 | Subject)", sleepstudy, random_seed=1, progressbar=False
    )
    assert later(4.5) == 0
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(shifted.spec.design)
    assert np.isfinite(shifted.kfold(2, executor=spawned).elpd)


def test_settings_of_the_process_are_restored(fit):
    before = list(warnings.filters), [lib["num_threads"] for lib in threadpool_info()]
    with ThreadPoolExecutor(2) as executor:
        fit.kfold(K, executor=executor)
    assert before == (list(warnings.filters), [lib["num_threads"] for lib in threadpool_info()])


# --- the result ---------------------------------------------------------------------------------


def test_result_is_that_of_arviz(fit, alone):
    n = fit.design.n_rows
    assert alone.kind == "loo_kfold"
    assert alone.elpd_i.dims == ("obs",)
    assert set(np.unique(alone.elpd_i["fold"])) == {1, 2, 3}
    assert (alone.elpd_i["obs"] == fit.design.rows).all()
    assert alone.elpd == pytest.approx(alone.elpd_i.values.sum())
    assert alone.se == pytest.approx(np.sqrt(n * alone.elpd_i.values.var(ddof=1)))
    assert (alone.n_folds, alone.n_data_points, alone.n_samples) == (K, n, 2000)
    assert not alone.warning
    assert "3-fold" in str(alone)
    assert len(compare({"a": alone, "b": alone})) == 2


@pytest.mark.slow
def test_p_is_near_that_of_leave_one_out(fit):
    assert 25 < fit.kfold(6).p < 50  # arviz_stats.loo: 34 of the conditional log likelihood


def test_no_seed_gives_models_of_the_same_rows_the_same_folds(fit, alone):
    other = bm.fit(
        "Reaction ~ Days + (1 | Subject)",
        bm.load_dataset("sleepstudy"),
        draws=500,
        progressbar=False,
    )
    result = other.kfold(K)
    np.testing.assert_array_equal(result.elpd_i["fold"], alone.elpd_i["fold"])
    seeded = fit.kfold(K, random_seed=1)
    assert (seeded.elpd_i["fold"].values != alone.elpd_i["fold"].values).any()


def test_two_folds_written_out_by_hand(fit, sleepstudy):
    result = fit.kfold(2)
    fold = result.elpd_i["fold"].values
    # Priors that are set are for effects as written, and those of the fit for Days at its mean.
    sleepstudy = sleepstudy.assign(Days=sleepstudy["Days"] - sleepstudy["Days"].mean())
    priors = {leaf.path: leaf.prior for leaf in fit.spec.priors.leaves}
    for number in (1, 2):
        refit = bm.fit(
            "Reaction ~ Days + (Days | Subject)",
            sleepstudy[fold != number],
            priors=priors,
            random_seed=10 + number,
            progressbar=False,
        )
        draws = refit.posterior.stack(sample=("chain", "draw"))
        held_out = sleepstudy[fold == number]
        u = draws["u_Subject"].sel(Subject=held_out["Subject"].astype(str).to_numpy()).values
        days = held_out["Days"].to_numpy()[:, None]
        beta = draws["beta"].values
        mean = beta[0] + days * beta[1] + u[:, 0] + days * u[:, 1]
        density = stats.norm(mean, draws["sigma"].values).pdf(
            held_out["Reaction"].to_numpy()[:, None]
        )
        average = density.mean(axis=1)
        influence = (density / average[:, None] - 1).sum(axis=0)
        error = influence.std() / np.sqrt(len(influence))
        ours = result.elpd_i.values[fold == number].sum()
        assert error < 1
        assert abs(ours - np.log(average).sum()) < 4 * error


# --- jobs ---------------------------------------------------------------------------------------


def jobs_of(fit: bm.MixedFit, fold: np.ndarray) -> list[FoldJob]:
    return list(jobs._jobs(fit.spec, fold, fit.options, np.random.SeedSequence(1)))


def test_jobs_split_the_rows_and_have_seeds_of_their_own(fit):
    fold = folds(180, 4, random_seed=1)
    jobs = jobs_of(fit, fold)
    assert [job.number for job in jobs] == [1, 2, 3, 4]
    assert sorted(np.concatenate([job.rows for job in jobs])) == list(range(180))
    assert len({job.options.random_seed for job in jobs}) == 4
    for job in jobs:
        assert job.spec.design.n_rows + job.held_out.n_rows == 180
        np.testing.assert_array_equal(job.held_out.y, fit.design.y[fold == job.number])
        assert job.spec.design.groups[0].n_levels == 18
        assert job.spec.design.source is job.held_out.source is None


@pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning", "ignore:Numba will use:UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_folds_have_the_priors_of_the_whole_model(case):
    spec = CASES[case].spec()
    plain = jobs._fold_spec(spec)
    ours = dict(zip(plain.prior_table()["parameter"], plain.prior_table()["prior"], strict=True))
    if "Intercept" in set(spec.prior_table()["parameter"]):
        ours["Intercept"] = ours.pop("beta:Intercept_centred")
    theirs = dict(zip(spec.prior_table()["parameter"], spec.prior_table()["prior"], strict=True))
    if "Intercept" in theirs:  # the columns of folds are centred before there are priors
        theirs["Intercept"] = repr(spec.priors.intercept)
    assert ours == theirs
    # On all rows it is the same model; on some of them, the columns keep their centre.
    space = ThetaSpace.of(spec)
    theta = space.theta(space.candidates(np.random.default_rng(1), 5))
    np.testing.assert_allclose(
        marginal_of(plain).model.log_density(theta),
        marginal_of(spec).model.log_density(theta),
        rtol=1e-9,
    )
    half = dataclasses.replace(plain, design=plain.design.take(np.arange(40)))
    assert not marginal_of(half).center.any()


def test_priors_of_an_informative_intercept_stay_at_the_centre_of_all_rows():
    """Fold 1 has the low half of x: its intercept prior must not move to its own mean of x."""
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0, 10, 60))
    data = pd.DataFrame({"x": x, "y": 3 * x + rng.standard_normal(60)})
    priors = {
        "Intercept": bm.Prior("Normal", mu=3 * x.mean(), sigma=0.01),
        "sigma": bm.Prior("HalfNormal", sigma=1),
    }
    fit = bm.fit("y ~ x", data, priors=priors, random_seed=1, progressbar=False)
    result = fit.kfold(2, group_by=np.arange(60) < 30)
    assert result.elpd / 60 > stats.norm.logpdf(3, 0, 1)


# --- unseen levels ------------------------------------------------------------------------------


def test_held_out_groups_are_predicted_as_new_ones(fit, alone):
    codes = fit.design.groups[0].codes
    new = fit.kfold(K, group_by="Subject")
    assert (pd.Series(new.elpd_i["fold"]).groupby(codes).nunique() == 1).all()
    assert new.elpd < alone.elpd - 20
    # Each row alone, from the response's law given theta, beta and Sigma of the other groups.
    fold = new.elpd_i["fold"].values
    (job,) = (job for job in jobs_of(fit, fold) if job.number == 2)
    draws = sample(job.spec, job.options)["posterior"].dataset.stack(sample=("chain", "draw"))
    X, Z = job.held_out.X, job.held_out.groups[0].Z
    sd = draws["sd_Subject"].transpose("sample", ...).values
    covariance = sd[:, :, None] * sd[:, None] * draws["cor_Subject"].transpose("sample", ...).values
    variance = np.einsum("ia,sab,ib->si", Z, covariance, Z) + draws["sigma"].values[:, None] ** 2
    mean = draws["beta"].transpose("sample", ...).values @ X.T
    density = stats.norm(mean, np.sqrt(variance)).pdf(job.held_out.y)
    error = density.std(axis=0) / density.mean(axis=0) / np.sqrt(len(density))
    difference = new.elpd_i.values[fold == 2] - np.log(density.mean(axis=0))
    assert (np.abs(difference) < 6 * error).all()


def test_groups_by_name_and_by_values_are_the_same(fit):
    split = crossval._column("group_by", "Subject", fit.design)
    by_name = folds(180, 6, group_by=split, random_seed=1)
    by_value = folds(180, 6, group_by=fit.design.groups[0].codes, random_seed=1)
    np.testing.assert_array_equal(by_name, by_value)


def test_logo_by_refit_predicts_groups_jointly(sleepstudy):
    few = sleepstudy[sleepstudy["Subject"].isin(sleepstudy["Subject"].unique()[:6])]
    fit = bm.fit("Reaction ~ Days + (1 | Subject)", few, random_seed=1, progressbar=False)
    result = logo_by_refit(fit, "Subject")
    assert result.elpd_i.dims == ("Subject",)
    assert list(result.elpd_i["Subject"]) == list(fit.design.groups[0].levels)
    level = 2
    rows = fit.design.groups[0].codes == level
    refit = bm.fit(
        "Reaction ~ Days + (1 | Subject)",
        few[~rows],
        priors={leaf.path: leaf.prior for leaf in fit.spec.priors.leaves},
        random_seed=5,
        progressbar=False,
    )
    draws = refit.posterior.stack(sample=("chain", "draw"))
    y, days = few["Reaction"].to_numpy()[rows], few["Days"].to_numpy()[rows]
    residual = y - np.array([np.ones(len(y)), days]).T.dot(draws["beta"].values).T
    sd, sigma = draws["sd_Subject"].values[0], draws["sigma"].values
    covariance = sd[:, None, None] ** 2 + sigma[:, None, None] ** 2 * np.eye(len(y))
    squares = (residual * np.linalg.solve(covariance, residual[..., None])[..., 0]).sum(axis=1)
    density = np.exp(-0.5 * (np.linalg.slogdet(2 * np.pi * covariance)[1] + squares))
    error = density.std() / density.mean() / np.sqrt(len(density))
    assert abs(result.elpd_i.values[level] - np.log(density.mean())) < 5 * error


def test_logo_by_refit_needs_a_factor(fit):
    with pytest.raises(bm.BayesmixError, match=r"group='Subjct' is no.*Did you mean 'Subject'"):
        logo_by_refit(fit, "Subjct")


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 181}, "k=181 is more than the 180 rows"),
        ({"k": 1}, "k=1 is not usable"),
        ({"k": 19, "group_by": "Subject"}, "k=19 is more than the 18 groups"),
        ({"group_by": "Subjct"}, r"Subjct' is no grouping factor.*data\['column'\].*Did you mean"),
        ({"stratify_by": "Days"}, "stratify_by='Days' is no grouping factor"),
        ({"group_by": [1, 2, 3]}, r"group_by has shape \(3,\)"),
        ({"group_by": "Subject", "stratify_by": "Subject"}, "Both group_by and stratify_by"),
        ({"random_seed": -1}, "random_seed=-1"),
        ({"executor": 4}, "executor is of type int"),
        ({"progressbar": "no"}, "progressbar='no'"),
    ],
)
def test_kfold_refuses(arguments, message, fit):
    with pytest.raises(bm.BayesmixError, match=message):
        fit.kfold(**arguments)


def test_columns_align_by_their_index():
    data = bm.load_dataset("sleepstudy")
    data.loc[[3, 70], "Reaction"] = np.nan
    with pytest.warns(bm.DesignWarning, match="2 of 180 rows"):
        fit = bm.fit("Reaction ~ Days", data, random_seed=1, progressbar=False)
    fold = fit.kfold(3, group_by=data["Subject"].sample(frac=1)).elpd_i["fold"].values
    kept = data["Subject"].dropna()[fit.design.index]
    assert (pd.Series(fold, kept.index).groupby(kept.astype(str)).nunique() == 1).all()
    with pytest.raises(bm.BayesmixError, match="another index"):
        fit.kfold(3, group_by=data["Subject"].iloc[:100])


class Sabotage(Executor):
    """Runs another function in place of one job."""

    def __init__(
        self, executor: Executor, number: int, function: Callable[..., Any], *arguments: Any
    ) -> None:
        self.executor, self.number, self.instead = executor, number, (function, *arguments)

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
        if arguments[0].number == self.number:
            return self.executor.submit(*self.instead)
        return self.executor.submit(function, *arguments)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.executor.shutdown(wait, cancel_futures=cancel_futures)


def test_a_worker_that_dies_gives_no_result(fit):
    with (
        Sabotage(processes("spawn"), 2, os._exit, 1) as executor,
        pytest.raises(bm.BayesmixError, match=r"A worker died before the folds .*2.* were done"),
    ):
        fit.kfold(K, executor=executor)
    with pytest.raises(bm.BayesmixError, match="A worker died before the folds 1, 2, 3 of 3"):
        fit.kfold(K, executor=executor)


def test_a_job_that_fails_names_its_fold(fit):
    with (
        Sabotage(ThreadPoolExecutor(2), 2, int, "two") as executor,
        pytest.raises(bm.BayesmixError, match=r"^Fold 2 of 3 failed: ValueError") as caught,
    ):
        fit.kfold(K, executor=executor)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_job_that_fails_in_this_process_names_its_fold(fit, monkeypatch):
    def fail(job: FoldJob) -> None:
        if job.number == 3:
            raise FloatingPointError("nothing left")
        return run_fold(job)

    monkeypatch.setattr(jobs, "run_fold", fail)
    with pytest.raises(bm.BayesmixError, match=r"^Fold 3 of 3 failed: FloatingPointError: nothing"):
        fit.kfold(K)


def test_an_executor_that_is_closed_is_refused(fit):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(bm.BayesmixError, match="does not take fold 1 of 3: cannot schedule"):
        fit.kfold(K, executor=executor)


def test_an_option_that_does_not_pickle_is_named(fit, spawned):
    options = dataclasses.replace(fit.options, nuts={"callback": lambda: None})
    with pytest.raises(bm.BayesmixError, match="cannot be sent to another process"):
        dataclasses.replace(fit, options=options).kfold(K, executor=spawned)


def test_an_interrupted_fold_ends_the_cross_validation(fit, monkeypatch):
    def interrupted(spec: Any, options: Any) -> xr.DataTree:
        return fit.idata.map_over_datasets(
            lambda one: one.isel(draw=slice(10)) if "draw" in one.dims else one
        )

    monkeypatch.setattr(jobs, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.kfold(K)


def test_warnings_come_once_with_the_numbers_of_the_folds(sleepstudy):
    with pytest.warns(bm.ConvergenceWarning):
        fit = bm.fit(
            "Reaction ~ Days + (1 | Subject)",
            sleepstudy,
            draws=20,
            chains=2,
            random_seed=1,
            progressbar=False,
        )
    with pytest.warns(bm.ConvergenceWarning, match=r"2 of 2 folds.*fold 1: .*fold 2: ") as caught:
        result = fit.kfold(2)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert result.warning


def test_results_compare(fit, alone):
    other = bm.fit(
        "Reaction ~ Days + (1 | Subject)",
        bm.load_dataset("sleepstudy"),
        draws=500,
        random_seed=1,
        progressbar=False,
    )
    table = bm.compare({"slopes": alone, "intercepts": other.kfold(K)})
    assert list(table.index) == ["slopes", "intercepts"]
    assert list(table["K"]) == [6, 4]
    with pytest.raises(bm.BayesmixError, match="held out different folds"):
        bm.compare({"slopes": alone, "intercepts": other.kfold(K, random_seed=2)})


def test_nothing_is_printed(fit, capfd):
    fit.kfold(2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_ten_folds_of_gpa_take_seconds(fitted):
    import time

    fit = fitted("gpa-slopes")
    start = time.perf_counter()
    with processes("spawn") as executor:
        by_processes = fit.kfold(executor=executor)
    assert time.perf_counter() - start < 20
    np.testing.assert_array_equal(by_processes.elpd_i, fit.kfold().elpd_i)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesmix.ConvergenceWarning")
def test_nuts_by_processes():
    simulation = bm.simulate(
        10, 8, beta={"Intercept": 0.5}, sd={"Intercept": 0.5}, family="poisson", random_seed=1
    )
    fit = bm.fit(
        simulation.formula, simulation.data, family="poisson", random_seed=1, progressbar=False
    )
    serial = fit.kfold(2)
    with processes("spawn") as executor:
        np.testing.assert_array_equal(fit.kfold(2, executor=executor).elpd_i, serial.elpd_i)
    with ThreadPoolExecutor(2) as executor:
        np.testing.assert_array_equal(fit.kfold(2, executor=executor).elpd_i, serial.elpd_i)
