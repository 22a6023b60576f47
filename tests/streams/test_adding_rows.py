"""Rows that are added to a Gaussian fit by its sums: the model of all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.priors.defaults import resolve_priors
from bayesmix.streams import facts
from bayesmix.streams.more_rows import forgetting_rows, with_more_rows
from rows_on_disk import assert_same_model, quietly, rows, with_gaps

MODELS = {
    "slopes": ("y ~ x + (1 + x | school)", {}),
    "nested": ("y ~ x + (1 | school/pupil)", {}),
    "crossed": ("y ~ z + (1 + z | school) + (1 | item) + (1 | pupil)", {}),
    "categories": ("y ~ f + t + is_on + (f | item)", {}),
    "weights": ("y ~ x + (x | school)", {"weights": "w"}),
    "offset": ("y ~ x + offset(exposure) + (1 | school)", {}),
    "known errors": ("y ~ z + (1 | item)", {"se": "se"}),
}


def with_default_priors(spec):
    priors = resolve_priors(spec.design, spec.family)
    return dataclasses.replace(spec, priors=priors)


def silent(stage, share):
    pass


@pytest.mark.parametrize("model", MODELS)
def test_ten_steps_are_all_rows(model, monkeypatch):
    monkeypatch.setattr(facts, "HEAD", 3)
    formula, options = MODELS[model]
    data = rows().sort_values("school", ascending=False, ignore_index=True)
    steps = np.array_split(np.arange(len(data)), 10)
    spec = quietly(bm.prepare, formula, data.iloc[np.concatenate(steps[:3])], **options)
    for step in steps[3:]:
        spec = quietly(with_more_rows, spec, data.iloc[step], "drop", silent)
    whole = quietly(bm.prepare, formula, data, **options)
    assert_same_model(with_default_priors(spec), whole)


def test_forgetting_the_rows_changes_no_sum():
    data = rows()
    spec = quietly(bm.prepare, "y ~ scale(x) + (1 | school/pupil)", data)
    assert_same_model(forgetting_rows(spec, "a file", "nothing"), spec)


OPTIONS = {"random_seed": 1, "draws": 100, "chains": 2, "progressbar": False}


def assert_same_draws(one, two, within=1e-6):
    for name in ("beta", "sigma", "sd_school", "u_school"):
        a, b = one.posterior[name], two.posterior[name]
        np.testing.assert_allclose(a, b, rtol=within, atol=within)


def test_a_fit_of_two_parts_is_that_of_all_rows():
    data = rows()
    formula = "y ~ z + (1 | school)"
    first = quietly(bm.fit, formula, data.iloc[:200], **OPTIONS)
    before = first.posterior["beta"].copy()
    both = quietly(first.update, rows=data.iloc[200:])
    assert isinstance(both, bm.MixedFit)
    assert both.design.n_rows == 600
    assert_same_draws(both, quietly(bm.fit, formula, data, **OPTIONS))
    assert first.design.n_rows == 200
    assert (first.posterior["beta"] == before).all()
    assert "600 rows, 8 levels of school" in repr(both)


@pytest.mark.slow
def test_a_fit_for_each_of_ten_days_ends_as_the_fit_of_all_days():
    data = rows().sort_values("school", ignore_index=True)
    formula = "y ~ z + (1 + z | school)"
    fit = quietly(bm.fit, formula, data.iloc[:200], **OPTIONS)
    for day in np.array_split(np.arange(200, 600), 10):
        fit = quietly(fit.update, rows=data.iloc[day])
    assert_same_draws(fit, quietly(bm.fit, formula, data, **OPTIONS), within=1e-5)


def test_priors_that_were_set_stay_and_default_ones_are_of_all_rows():
    data = rows()
    sigma = bm.Prior("HalfNormal", sigma=3)
    fit = quietly(bm.fit, "y ~ z + (1 | school)", data[:300], priors={"sigma": sigma}, **OPTIONS)
    more = quietly(fit.update, rows=data[300:], priors={"z": bm.Prior("Normal", mu=0, sigma=1)})
    priors = {leaf.path: leaf.prior for leaf in more.spec.priors.leaves}
    assert priors["sigma"] == sigma
    assert priors["beta:z"].parameters["sigma"] == 1
    whole = quietly(bm.prepare, "y ~ z + (1 | school)", data)
    expected = {leaf.path: leaf.prior for leaf in whole.priors.leaves}
    value = expected["Intercept"].parameters["mu"]
    np.testing.assert_allclose(priors["Intercept"].parameters["mu"], value, rtol=1e-12)
    back = quietly(more.update, priors={"sigma": None})
    restored = {leaf.path: leaf.prior for leaf in back.spec.priors.leaves}
    scale = expected["sigma"].parameters["scale"]
    np.testing.assert_allclose(restored["sigma"].parameters["scale"], scale, rtol=1e-9)


def test_files_and_gaps_are_added_as_well(tmp_path):
    pytest.importorskip("pyarrow")
    data = with_gaps(rows())
    data[300:].to_parquet(tmp_path / "new.parquet")
    spec = quietly(bm.prepare, "y ~ x + f + (1 | school)", data[:300])
    more = quietly(with_more_rows, spec, str(tmp_path / "new.parquet"), "drop", silent)
    whole = quietly(bm.prepare, "y ~ x + f + (1 | school)", data)
    assert_same_model(with_default_priors(more), whole)
    with pytest.raises(bm.BayesmixError, match="missing values"):
        with_more_rows(spec, data[300:], "raise", silent)


def test_what_scale_has_learnt_stays():
    data = rows()
    spec = quietly(bm.prepare, "y ~ scale(x) + (1 | school)", data[:300])
    more = quietly(with_more_rows, spec, data[300:].assign(x=data["x"] + 5), "drop", silent)
    x = np.append(data["x"][:300], data["x"][300:] + 5)
    first = data["x"][:300]
    expected = ((x - first.mean()) / first.std(ddof=0)).mean()
    np.testing.assert_allclose(more.design.columns.mean[1], expected, rtol=1e-10)


def test_a_file_of_sums_goes_on(tmp_path):
    data = rows()
    formula = "y ~ scale(x) + f + (1 | school/pupil)"
    fit = quietly(bm.fit, formula, data[:300], **OPTIONS)
    fit.save(tmp_path / "fit", cross_products=True)
    loaded = bm.load(tmp_path / "fit")
    assert loaded.design.n_rows == 300
    assert_same_model(loaded.spec, fit.spec)
    np.testing.assert_array_equal(loaded.posterior["beta"], fit.posterior["beta"])
    assert loaded.ranef().equals(fit.ranef())
    one = quietly(loaded.update, rows=data[300:])
    two = quietly(fit.update, rows=data[300:])
    np.testing.assert_allclose(one.posterior["beta"], two.posterior["beta"], rtol=1e-9)
    one.save(tmp_path / "fit", overwrite=True)
    again = bm.load(tmp_path / "fit")
    assert again.design.n_rows == 600
    assert again.summary().__repr__() == one.summary().__repr__()
    new = data.head(4)
    np.testing.assert_allclose(again.epred(new), one.epred(new))


def test_rows_that_cannot_be_added_are_refused():
    data = rows()
    fit = quietly(bm.fit, "y ~ z + f + (1 | school)", data[:300], **OPTIONS)
    new = data[300:]
    with pytest.raises(bm.BayesmixError, match=r"categories of 'f'.*'top'.*grouping factor"):
        fit.update(rows=new.assign(f="top"))
    with pytest.raises(bm.BayesmixError, match="no column 'z'"):
        fit.update(rows=new.drop(columns="z"))
    with pytest.raises(bm.BayesmixError, match="'school' has no values"):
        fit.update(rows=new.assign(school=None))
    with pytest.raises(bm.BayesmixError, match="column 'z' holds text, and numbers"):
        fit.update(rows=new.assign(z="many"))
    with pytest.raises(bm.BayesmixError, match="infinite"):
        fit.update(rows=new.assign(y=np.inf))
    with pytest.raises(bm.BayesmixError, match="no rows"):
        fit.update(rows=new[:0])
    with pytest.raises(bm.BayesmixError, match="formula would make another one"):
        fit.update(". ~ . + x", rows=new)
    with pytest.raises(bm.BayesmixError, match="family would make another one"):
        fit.update(rows=new, family="student")
    assert fit.design.n_rows == 300


def test_models_that_need_their_rows_take_no_others():
    data = rows()
    spec = quietly(bm.prepare, "is_on ~ z + (1 | school)", data, family="bernoulli")
    with pytest.raises(bm.BayesmixError, match="bernoulli family is not Gaussian"):
        with_more_rows(spec, data, "drop", silent)
    spec = quietly(bm.prepare, "y ~ z + (1 | school)", data, weights=np.ones(len(data)))
    with pytest.raises(bm.BayesmixError, match="weights that came as an array"):
        with_more_rows(spec, data, "drop", silent)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x": "text"}, "column 'x' holds text, and numbers in the rows of the fit"),
        ({"y": True}, "column 'y' holds booleans, and numbers"),
    ],
)
def test_columns_of_another_kind(changed, words):
    data = pd.DataFrame({"y": [1.0, 2.5, 3.0, 2.0] * 5, "x": range(20), "g": list("abcde") * 4})
    spec = bm.prepare("y ~ x + (1 | g)", data)
    with pytest.raises(bm.BayesmixError, match=words):
        with_more_rows(spec, data.assign(**changed), "drop", silent)


def test_rows_in_the_place_of_the_formula(tmp_path):
    data = rows()
    fit = quietly(bm.fit, "y ~ z + (1 | school)", data, **OPTIONS)
    for given in (data, "new.parquet", tmp_path / "new", ["a.parquet", "b.parquet"]):
        with pytest.raises(bm.BayesmixError, match=r"first argument.*is a formula.*update\(rows="):
            fit.update(given)


def test_files_of_sums_of_other_models(tmp_path):
    data = rows()
    fit = quietly(bm.fit, "is_on ~ z + (1 | school)", data, family="bernoulli", **OPTIONS)
    words = (
        "cross_products=True writes sums.* bernoulli family is not Gaussian. Leave cross_products"
    )
    with pytest.raises(bm.BayesmixError, match=words):
        fit.save(tmp_path / "fit", cross_products=True)
    assert not list(tmp_path.iterdir())
    se = data["se"].to_numpy()
    fit = quietly(bm.fit, "y ~ z + (1 | school)", data, se=se, **OPTIONS)
    with pytest.raises(bm.BayesmixError, match=r"standard errors that came as an array.*se='...'"):
        fit.save(tmp_path / "fit", cross_products=True)
    fit.save(tmp_path / "fit")


def test_nothing_to_add():
    data = bm.load_dataset("sleepstudy")
    fit = bm.fit("Reaction ~ 1 + (1 | Subject)", data, draws=500, random_seed=1, progressbar=False)
    with pytest.raises(bm.BayesmixError, match="rows=None: there are no rows to add"):
        fit.update(rows=None)
