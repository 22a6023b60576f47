"""What can go wrong with rows in files: errors that name the file, and nothing lost."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyarrow")

import bayesmix as bm
from bayesmix.streams import parquet, specification
from rows_on_disk import assert_same_model, quietly, rows, written

FORMULA = "y ~ x + f + (1 | school)"


def test_a_damaged_file_is_named(tmp_path):
    pattern = written(rows(), tmp_path)
    broken = tmp_path / "part-2.parquet"
    content = bytearray(broken.read_bytes())
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(bm.BayesmixError, match=r"part-2\.parquet.*cannot be read.*Nothing was"):
        bm.prepare(FORMULA, pattern)


def test_a_file_with_damaged_pages_is_named(tmp_path):
    pattern = written(rows(), tmp_path)
    broken = tmp_path / "part-1.parquet"
    content = bytearray(broken.read_bytes())
    content[8:4000] = b"\xff" * 3992
    broken.write_bytes(content)
    with pytest.raises(bm.BayesmixError, match=r"part-1\.parquet' cannot be read"):
        bm.prepare(FORMULA, pattern)


def test_files_with_other_types_or_columns_are_named(tmp_path):
    data = rows()
    pattern = written(data, tmp_path)
    other = tmp_path / "part-3.parquet"
    data.assign(x="many").to_parquet(other)
    with pytest.raises(
        bm.BayesmixError, match=r"part-3\.parquet': column 'x' has the type.*string"
    ):
        bm.prepare(FORMULA, pattern)
    data.drop(columns="x").to_parquet(other)
    with pytest.raises(bm.BayesmixError, match=r"part-3\.parquet': there is no column 'x'"):
        bm.prepare(FORMULA, pattern)


def changed_between_passes(monkeypatch, change):
    real = specification.taught

    def taught(*args):
        change()
        return real(*args)

    monkeypatch.setattr(specification, "taught", taught)


def test_a_file_that_is_written_between_the_passes(tmp_path, monkeypatch):
    data = rows()
    pattern = written(data, tmp_path)
    first = data[:150].assign(school="new")
    changed_between_passes(monkeypatch, lambda: first.to_parquet(tmp_path / "part-0.parquet"))
    with pytest.raises(bm.BayesmixError, match=r"part-0\.parquet': the file has changed"):
        bm.prepare(FORMULA, pattern)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"f": "top"}, r"part-0\.parquet': Unknown category 'top' in column 'f'"),
        ({"school": "new"}, r"part-0\.parquet': 'school' has the level 'new'.*have changed"),
        ({"y": np.nan}, "600 rows without missing values in the first pass and 0 in the second"),
    ],
)
def test_values_that_the_first_pass_did_not_meet(tmp_path, monkeypatch, change, words):
    pattern = written(rows(), tmp_path)
    real = parquet.as_pandas

    def changed():
        monkeypatch.setattr(parquet, "as_pandas", lambda *args: real(*args).assign(**change))

    changed_between_passes(monkeypatch, changed)
    with pytest.raises(bm.BayesmixError, match=words):
        bm.prepare(FORMULA, pattern)


@pytest.mark.parametrize("after", [2, 6])
def test_an_interrupted_pass_leaves_nothing_behind(tmp_path, monkeypatch, after):
    data = rows()
    pattern = written(data, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    calls = []
    real = parquet.as_pandas

    def interrupted(*args):
        calls.append(args)
        if len(calls) == after:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(parquet, "as_pandas", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bm.prepare(FORMULA, pattern)
    assert len(calls) == after
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert_same_model(bm.prepare(FORMULA, pattern), bm.prepare(FORMULA, data))


def test_an_interrupted_update_leaves_the_fit_as_it_is(monkeypatch):
    from bayesmix.streams import more_rows

    data = rows()
    spec = quietly(bm.prepare, FORMULA, data[:300])
    kept = more_rows.forgetting_rows(spec, "an update", "nothing")
    before = kept.design.totals.products.corner.copy()

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(more_rows, "with_lookups", interrupted)
        with pytest.raises(KeyboardInterrupt):
            more_rows.with_more_rows(kept, data[300:], "drop", lambda stage, share: None)
    np.testing.assert_array_equal(kept.design.totals.products.corner, before)


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        ("y ~ poly(x, 2)", {}, r"'poly\(x, 2\)' is made from all rows at once.*scale\(x\)"),
        ("y ~ bs(x, df=4)", {}, r"'bs\(x, df ?= ?4\)' is made from all rows at once"),
        ("y ~ I(x - np.median(x))", {}, r"'np.median\(x\)' looks at all rows at once"),
        ("y ~ I(x - x.quantile(0.2))", {}, "looks at all rows at once"),
        ("is_on ~ x", {"family": "bernoulli"}, "family 'bernoulli'.*needs the rows themselves"),
        ("y ~ x", {"sigma": "~ x"}, "sigma with a predictor of its own"),
        ("y ~ x", {"weights": np.ones(600)}, "weights must be the name of a column"),
        ("y ~ x", {"weights": "v"}, "weights='v' is not a column"),
        ("y ~ x", {"se": "se", "residual": True}, "residual=True beside known standard errors"),
        ("y ~ x", {"priors": {"x": bm.Prior("Laplace", mu=0, b=1)}}, "prior of beta:x"),
        ("y ~ nothing", {}, "Unknown column 'nothing'"),
        ("y ~ x + (1 | nothing)", {}, "Unknown column 'nothing'"),
        ("y ~ log(x - 60)", {}, "infinite or not a number"),
    ],
)
def test_models_that_need_all_rows_are_refused(tmp_path, formula, options, words):
    pattern = written(rows(), tmp_path)
    with pytest.raises(bm.BayesmixError, match=words):
        quietly(bm.prepare, formula, pattern, **options)


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(bm.BayesmixError, match="no file has such a name"):
        bm.prepare(FORMULA, str(tmp_path / "*.parquet"))
    with pytest.raises(bm.BayesmixError, match="there is no such file"):
        bm.prepare(FORMULA, tmp_path / "rows.parquet")
    with pytest.raises(bm.BayesmixError, match="no Parquet files"):
        bm.prepare(FORMULA, tmp_path)
    pd.DataFrame({"y": [1.0]}).to_csv(tmp_path / "rows.csv")
    with pytest.raises(bm.BayesmixError, match=r"pd\.read_csv"):
        bm.prepare(FORMULA, str(tmp_path / "rows.csv"))
    pattern = written(rows(), tmp_path)
    with pytest.raises(bm.BayesmixError, match="is a folder among 2 paths"):
        bm.prepare(FORMULA, [str(tmp_path), pattern.replace("*", "part-0")])
    rows()[:0].to_parquet(tmp_path / "none.parquet")
    with pytest.raises(bm.BayesmixError, match="no rows"):
        bm.prepare(FORMULA, tmp_path / "none.parquet")


ROWS_NEEDED = (
    *("loo", "waic", "kfold", "residuals", "residual_tests", "predict", "epred", "linpred"),
    *("r2", "no_pooling", "shrinkage", "plot_ppc", "plot_trends", "plot_shrinkage"),
    *("plot_residuals", "compare_correlation"),
)
NO_ROWS_NEEDED = (
    *("summary", "fixef", "varcorr", "cor_re", "ranef", "coef", "find_typical", "diagnostics"),
    *("draws_frame", "plot_ranef", "plot_varcorr", "plot_trace", "log_evidence"),
)


@pytest.mark.slow
def test_verbs_that_need_rows_say_what_works_without(tmp_path):
    pattern = written(rows(), tmp_path)
    options = {"random_seed": 1, "draws": 100, "progressbar": False}
    fit = quietly(bm.fit, "y ~ x + (1 + x | school)", pattern, **options)
    for name in ROWS_NEEDED:
        with pytest.raises(bm.BayesmixError, match="rows of this fit are not in memory"):
            quietly(getattr(fit, name))
    for name in NO_ROWS_NEEDED:
        assert quietly(getattr(fit, name)) is not None
    with pytest.raises(bm.BayesmixError, match="rows of this fit are not in memory"):
        fit.model  # noqa: B018
    with pytest.raises(bm.BayesmixError, match="rows of this fit are not in memory"):
        fit.logo("school")
    new = rows()[:3]
    with pytest.raises(bm.BayesmixError, match=r"as it was made of sums .* of newdata="):
        fit.predictions()
    assert "x > 0" in repr(fit.hypothesis("x > 0"))
    assert len(fit.predictions(newdata=new)) == 3
    assert len(fit.predict(new, new_levels="sample")) == 3
    whole = quietly(bm.fit, "y ~ x + (1 + x | school)", rows(), **options)
    one, two = fit.log_evidence(), whole.log_evidence()
    np.testing.assert_allclose(one.log_evidence, two.log_evidence, rtol=1e-6)
    for method in ("nuts", "whitened"):
        with pytest.raises(bm.BayesmixError, match="rows of the data are not in memory"):
            fit.update(method=method)


def test_differences_and_slopes_at_new_rows(tmp_path):
    pattern = written(rows(), tmp_path)
    options = {"random_seed": 1, "draws": 200, "progressbar": False}
    formula = "y ~ x + f + (1 | school)"
    fit = quietly(bm.fit, formula, pattern, **options)
    whole = quietly(bm.fit, formula, rows(), **options)
    new = rows(seed=5)[:20]
    for verb, variables in (("comparisons", "f"), ("comparisons", {"x": 2}), ("slopes", "x")):
        one = quietly(getattr(fit, verb), variables, newdata=new)
        two = quietly(getattr(whole, verb), variables, newdata=new)
        np.testing.assert_allclose(one["value"], two["value"], rtol=1e-5, atol=1e-6)
    with pytest.raises(bm.BayesmixError, match="'sd' is of all rows"):
        fit.comparisons({"x": "sd"}, newdata=new)


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, monkeypatch):
    pattern = written(rows(), tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(bm.BayesmixError, match=r"pip install 'bayesmix\[scale\]'"):
        bm.prepare(FORMULA, pattern)
    spec = quietly(bm.prepare, FORMULA, rows())
    assert spec.design.n_rows == 600


def test_passes_tell_how_far_they_are(tmp_path):
    from bayesmix.preparation.request import Request
    from bayesmix.streams.rows import open_rows
    from bayesmix.streams.specification import streamed_specification

    told = []
    rows_there = open_rows(written(rows(), tmp_path))
    streamed_specification(
        Request(FORMULA), rows_there, lambda stage, share: told.append((stage, share))
    )
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["Reading levels and categories", "Summing over the rows"]
    for stage in stages:
        shares = [share for own, share in told if own == stage]
        assert shares == sorted(shares)
        assert shares[-1] == 1


def test_lists_that_are_none_of_paths(tmp_path):
    frame = rows()
    for data, words in (
        ([], "data is an empty list"),
        ([frame, frame], "data is a list of 2 data frames. Put them together: pd.concat"),
        ([written(frame, tmp_path), None], "item 1 is a NoneType"),
    ):
        with pytest.raises(bm.BayesmixError, match=words):
            bm.prepare("y ~ x", data)


def test_the_root_of_all_files_is_not_looked_through(tmp_path):
    root = tmp_path.anchor
    for data in (root, f"{tmp_path}/{'../' * len(tmp_path.parts)}"):
        with pytest.raises(bm.BayesmixError, match="is the root of all files"):
            bm.prepare(FORMULA, data)


def test_other_files_beside_those_of_parquet(tmp_path):
    from bayesmix.streams.rows import open_rows

    written(rows(), tmp_path)
    (tmp_path / "README.txt").write_text("about these rows")
    assert open_rows(tmp_path).columns.tolist() == rows().columns.tolist()
