from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.facts import Facts

COLUMNS = [
    "K",
    "LOOIC",
    "Delta_LOOIC",
    "se_Delta",
    "elpd",
    "se",
    "p",
    "p_worse",
    "weight",
    "N_random_effects",
    "warning",
]


def result(values, *, kind="loo", k=None, facts=None, p_waic=None):
    """Make a result of known pointwise values."""
    import xarray as xr

    from bayesmix.criteria.elpd import ELPDDataLOGO, ELPDDataLOO, ELPDDataWAIC

    values = np.asarray(values, dtype=float)
    dim = "Subject" if kind == "logo" else "obs"
    attrs = {} if facts is None else facts.attrs
    fields = {
        "elpd": values.sum(),
        "se": float(np.sqrt(values.size * values.var(ddof=1))),
        "p": 1.0,
        "n_samples": 100,
        "n_data_points": values.size,
        "scale": "log",
        "warning": False,
        "good_k": None if k is None else 0.7,
        "elpd_i": xr.DataArray(values, dims=dim, attrs=attrs),
        "pareto_k": None if k is None else xr.DataArray(k, dims=dim),
    }
    if kind == "waic":
        p_waic_i = xr.DataArray(np.zeros(values.size) if p_waic is None else p_waic, dims=dim)
        return ELPDDataWAIC(**fields, p_waic_i=p_waic_i)
    return ELPDDataLOGO(**fields, group="Subject") if kind == "logo" else ELPDDataLOO(**fields)


def rows(n=200, scale=1.0, seed=1):
    return np.random.default_rng(seed).normal(-1, 0.1 * scale, n)


@pytest.fixture(scope="module")
def pupils(fitted):
    return bm.compare(
        {
            "Model 1": fitted("pupils-slopes"),
            "Model 2": fitted("pupils-cell-means"),
            "Model 3": fitted("pupils-combinations"),
        }
    )


class TestTable:
    @pytest.mark.slow
    def test_of_the_three_codings(self, pupils):
        assert isinstance(pupils, pd.DataFrame)
        assert list(pupils.columns) == COLUMNS
        assert pupils.index.name == "Model"
        assert pupils["K"].to_dict() == {"Model 1": 10, "Model 2": 10, "Model 3": 6}
        effects = {"Model 1": 150, "Model 2": 150, "Model 3": 198}
        assert pupils["N_random_effects"].to_dict() == effects
        assert abs(pupils.loc["Model 1", "elpd"] - pupils.loc["Model 2", "elpd"]) < 2
        assert (pupils["warning"] == "").all()
        assert pupils.attrs["caution"] == ""
        assert "cannot be trusted" not in repr(pupils)
        assert pupils["Delta_LOOIC"].is_monotonic_increasing
        assert pupils["weight"].sum() == pytest.approx(1)

    def test_agrees_with_arviz(self, fitted):
        import arviz_stats

        results = {c: fitted(c).loo() for c in ("sleepstudy-slopes", "sleepstudy-intercept")}
        expected = arviz_stats.compare(results, round_to="none")
        for table in (bm.compare(results), bm.compare({case: fitted(case) for case in results})):
            assert list(table.index) == list(expected.index)
            for name, factor, other in (
                ("LOOIC", -2, "elpd"),
                ("Delta_LOOIC", -2, "elpd_diff"),
                ("se_Delta", 2, "dse"),
                ("elpd", 1, "elpd"),
                ("se", 1, "se"),
                ("p", 1, "p"),
                ("p_worse", 1, "p_worse"),
            ):
                np.testing.assert_allclose(
                    table[name], factor * expected[other].astype(float), rtol=1e-9, atol=1e-9
                )
            np.testing.assert_allclose(table["weight"], expected["weight"].astype(float), atol=0.02)
            assert table["K"].tolist() == [6, 4]

    def test_of_known_pointwise_values(self):
        a = rows()
        b = a - np.tile([0.1, 0.3], 100)
        table = bm.compare({"b": result(b), "a": result(a)})
        assert list(table.index) == ["a", "b"]
        assert table.loc["a", "Delta_LOOIC"] == 0
        assert table.loc["b", "Delta_LOOIC"] == pytest.approx(80)
        assert table.loc["b", "se_Delta"] == pytest.approx(2 * np.sqrt(200) * 0.1)
        assert table.loc["a", "LOOIC"] == pytest.approx(-2 * a.sum())
        assert np.isnan(table.loc["a", "p_worse"])
        assert table["K"].isna().all()
        assert table.attrs["n"] == 200

    def test_models_that_differ_by_a_constant_or_in_the_sum_by_nothing(self):
        a = np.full(40, -2.0)
        turned = a + np.tile([0.5, -0.5], 20)
        table = bm.compare({"a": result(a), "turned": result(turned), "less": result(a - 1)})
        assert table["p_worse"].tolist()[1:] == [0.5, 1.0]

    def test_weights_survive_densities_that_underflow(self):
        a = rows(40) * 900
        b = a + np.where(np.arange(40) < 30, 0.5, -0.5)
        table = bm.compare({"a": result(a, kind="logo"), "b": result(b, kind="logo")})
        assert table["weight"].sum() == pytest.approx(1)
        assert 0.5 < table.loc["b", "weight"] <= 1

    def test_a_model_that_adds_nothing_has_no_weight(self):
        a = rows()
        table = bm.compare({name: result(a - i) for i, name in enumerate("abc")})
        assert table["weight"].tolist() == [1, 0, 0]

    def test_columns_carry_the_criterion(self, fitted):
        fits = {case: fitted(case) for case in ("sleepstudy-slopes", "sleepstudy-intercept")}
        with pytest.warns(bm.ComparisonWarning, match="WAIC cannot be trusted"):
            waic = bm.compare(fits, ic="waic")
        assert {"WAIC", "Delta_WAIC"} < set(waic.columns)
        assert waic["warning"].str.contains(r"p_waic above 0\.4: use LOO").any()
        logo = bm.compare(fits, ic="logo", group="Subject")
        assert {"LOGOIC", "Delta_LOGOIC"} < set(logo.columns)
        assert logo.attrs["n"] == 18
        pd.testing.assert_frame_equal(logo, bm.compare(fits, ic="logo"))

    def test_of_folds(self, fitted):
        fits = {case: fitted(case) for case in ("sleepstudy-slopes", "sleepstudy-intercept")}
        table = bm.compare(fits, ic="kfold", k=2, progressbar=False)
        assert {"KFOLDIC", "Delta_KFOLDIC"} < set(table.columns)
        assert list(table.index) == ["sleepstudy-slopes", "sleepstudy-intercept"]
        assert table["K"].tolist() == [6, 4]

    def test_a_model_without_the_factor_takes_the_groups_of_the_others(self, fitted):
        fits = {
            "none": fitted("sleepstudy-no-groups"),
            "intercepts": fitted("sleepstudy-intercept"),
        }
        table = bm.compare(fits, ic="logo", group="Subject")
        assert list(table.index) == ["intercepts", "none"]
        assert table.loc["none", "Delta_LOGOIC"] > 50

    def test_warning_says_how_many_rows_have_a_high_k(self):
        k = np.zeros(200)
        k[:3] = 0.9
        with pytest.warns(bm.ComparisonWarning):
            table = bm.compare({"a": result(rows(), k=k), "b": result(rows(seed=2), k=0 * k)})
        assert table["warning"].to_dict() == {"a": "3 Pareto k above 0.70", "b": ""}
        assert "Warning: a: 3 Pareto k above 0.70." in repr(table)

    def test_is_a_data_frame_whose_parts_are_plain(self, pupils):
        assert type(pupils) is bm.Comparison
        assert type(pupils[["elpd"]]) is pd.DataFrame
        assert type(pupils.head(2)) is pd.DataFrame
        assert pupils["LOOIC"].dtype == np.float64


class TestInWords:
    def sentences(self, difference, spread, n=200):
        a = rows(n)
        sign = np.where(np.arange(n) % 2, 1, -1)
        b = a - difference / n + sign * spread / np.sqrt(n)
        return bm.compare({"a": result(a), "b": result(b)}).attrs["note"]

    def test_small(self):
        note = self.sentences(3, 1)
        size = "3.0 units of elpd (standard error 1.0; probability of a better"
        assert f"a is ahead of b by {size} expected prediction above 0.99), a small" in note
        assert "Under 4 units the standard error is itself uncertain" in note

    def test_unclear(self):
        note = self.sentences(8, 6)
        assert "less than two standard errors: which one predicts better is not clear" in note
        assert "Under 4" not in note

    def test_clear(self):
        assert "more than two standard errors: it probably predicts better" in self.sentences(8, 3)
        assert "more than four standard errors: it predicts better" in self.sentences(20, 3)

    def test_few_rows(self):
        assert "With 20 rows standard errors tend to be too small" in self.sentences(8, 3, n=20)

    def test_stand_below_the_table_in_text_and_html(self):
        table = bm.compare({"a": result(rows()), "b": result(rows(seed=2))})
        text, html = repr(table), table._repr_html_()
        flat = " ".join(text.split())
        for words in ("LOO: prediction of a new row", table.attrs["note"], "10.48550/arXiv.2008"):
            assert words in flat
            assert words in html
        assert "<table" in html
        assert max(map(len, text.splitlines())) <= 80

    def test_the_chapters_columns_stand_side_by_side(self, fitted):
        fits = {"slopes": fitted("sleepstudy-slopes"), "means": fitted("sleepstudy-intercept")}
        first = repr(bm.compare(fits)).splitlines()
        header = next(line for line in first if "LOOIC" in line)
        assert header.split() == [
            "K",
            "LOOIC",
            "Delta_LOOIC",
            "se_Delta",
            "weight",
            "N_random_effects",
        ]
        assert any(line.split()[:2] == ["slopes", "6"] for line in first)


class TestTrust:
    """What cannot be trusted is said before anything else, and is no verdict."""

    def doubtful(self, bad=58, which="ab"):
        k = np.zeros(236)
        k[:bad] = 1.2
        a = rows(236)
        b = a - 8 / 236 + np.where(np.arange(236) % 2, 3, -3) / np.sqrt(236)
        models = {
            name: result(values, k=k if name in which else 0 * k)
            for name, values in (("a", a), ("b", b), ("c", b - 0.3))
        }
        with pytest.warns(bm.ComparisonWarning) as caught:
            table = bm.compare(models)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        return table, str(caught[0].message)

    def test_comes_first_everywhere(self):
        table, warning = self.doubtful()
        start = "LOO cannot be trusted here, and no model is judged by it: 'a' (58 of 236 rows: "
        assert warning.startswith(start)
        assert table.attrs["caution"] == warning
        text = " ".join(repr(table).split())
        assert text.startswith(f"Warning: {warning} Warning: a: 58 Pareto k above 0.70.")
        html = table._repr_html_()
        assert html.index("cannot be trusted") < html.index("prediction of a new row")
        assert html.index("cannot be trusted") < html.index("<table")
        assert max(map(len, repr(table).splitlines())) <= 80

    def test_no_model_is_judged(self):
        table, _ = self.doubtful()
        for words in ("is ahead", "probably", "predicts better."):
            assert words not in table.attrs["note"]
        assert "difference of a and b comes out as 8.0" in table.attrs["note"]
        assert "which one predicts better is not known" in table.attrs["note"]

    def test_others_are_judged(self):
        note = self.doubtful(which="b")[0].attrs["note"]
        assert "difference of a and b comes out as 8.0" in note
        assert "a is ahead of c by 78.8 units" in note
        best_is_doubtful = self.doubtful(which="a")[0].attrs["note"]
        assert "is ahead" not in best_is_doubtful

    def test_of_refits_and_of_waic(self):
        a, b = result(rows()), result(rows(seed=2))
        a.warning = True
        with pytest.warns(
            bm.ComparisonWarning, match=r"'a' \(some refits did not converge\)\. Fit w"
        ):
            bm.compare({"a": a, "b": b})
        models = {
            name: result(rows(seed=seed), kind="waic", p_waic=np.full(200, 0.5))
            for name, seed in (("a", 1), ("b", 2))
        }
        with pytest.warns(
            bm.ComparisonWarning, match=r"200 of 200 rows: p_waic above 0\.4\).*fit\.loo"
        ):
            bm.compare(models)

    @pytest.mark.slow
    def test_the_ways_out_are_ways_out(self):
        """Of rows that, given the group effects, tell much of these."""
        data = bm.load_dataset("sleepstudy").query("Days < 3").reset_index(drop=True)
        data.loc[4, "Reaction"] += 4000
        options = {"draws": 500, "random_seed": 1, "progressbar": False}
        formulas = ("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days + (Days || Subject)")
        outliers = [bm.fit(formula, data, **options) for formula in formulas]
        with pytest.warns(bm.ComparisonWarning, match="cannot be trusted") as caught:
            bm.compare(*outliers, integrated=False)
        message = str(caught[0].message)
        assert "bm.compare(..., integrated=False, reloo=True)" in message
        assert "bm.compare(..., ic='kfold')" in message
        mended = bm.compare(*outliers, integrated=False, reloo=True)
        assert mended.attrs["caution"] == ""
        assert bm.compare(*outliers, ic="kfold", progressbar=False).attrs["caution"] == ""
        with pytest.warns(bm.ComparisonWarning, match=r"Use LOO: bm\.compare\(\.\.\., ic='loo'\)"):
            bm.compare(*outliers, ic="waic")


class TestNames:
    @pytest.mark.slow
    def test_fits_one_after_another_have_their_formulas(self, fitted):
        a, b = fitted("sleepstudy-slopes"), fitted("sleepstudy-intercept")
        table = bm.compare(a, b)
        texts = [a.design.formula.text, b.design.formula.text]
        assert list(table.index) == texts
        named = bm.compare(dict(zip(texts, (a, b), strict=True)))
        pd.testing.assert_frame_equal(table, named)
        for models in ([a, b], (a, b)):
            pd.testing.assert_frame_equal(bm.compare(models), table)
        pd.testing.assert_frame_equal(
            bm.compare(models={"a": a, "b": b}), bm.compare({"a": a, "b": b})
        )
        results = bm.compare(a.loo(), b.loo())
        assert list(results.index) == texts

    def test_numbers_where_formulas_are_equal_unknown_or_long(self, fitted, monkeypatch):
        a, b = fitted("sleepstudy-slopes"), fitted("sleepstudy-slopes", draws=500)
        assert set(bm.compare(a, b).index) == {"model 1", "model 2"}
        assert list(bm.compare(result(rows() - 1), result(rows())).index) == ["model 2", "model 1"]
        monkeypatch.setattr("bayesmix.criteria.comparison.LONGEST_NAME", 20)
        other = fitted("sleepstudy-intercept")
        assert set(bm.compare(a, other).index) == {"model 1", "model 2"}

    @pytest.mark.slow
    def test_any_sequence_or_mapping_of_fits(self, fitted):
        fits = {"b": fitted("sleepstudy-intercept"), "a": fitted("sleepstudy-slopes")}
        expected = bm.compare(fits)
        pd.testing.assert_frame_equal(bm.compare(pd.Series(fits)), expected)
        array = np.empty(2, dtype=object)
        array[:] = list(fits.values())
        expected = bm.compare(list(fits.values()))
        for models in (
            array,
            (fit for fit in fits.values()),
            pd.Series(list(fits.values())),
            fits.values(),
        ):
            pd.testing.assert_frame_equal(bm.compare(models), expected)
        for other in (3, "fit", pd.DataFrame({"a": [1]})):
            with pytest.raises(BayesmixError, match=f"one mapping .*got {type(other).__name__}"):
                bm.compare(other)

    def test_what_are_no_models(self, fitted):
        a, b = fitted("sleepstudy-slopes"), fitted("sleepstudy-intercept")
        for models in (({"a": a}, b), ([a, b], [a]), ({"a": a}, {"b": b})):
            with pytest.raises(BayesmixError, match="one list of fits, or one mapping"):
                bm.compare(*models)
        with pytest.raises(BayesmixError, match="'model 2' is a str; give a fit"):
            bm.compare(a, "b")
        with pytest.raises(BayesmixError, match=r"two models or more; got 1"):
            bm.compare(a)
        with pytest.raises(BayesmixError, match=r"Unknown option relo=True for ic='loo'.*'reloo'"):
            bm.compare(a, b, relo=True)
        with pytest.raises(BayesmixError, match=r"Unknown option k=3 for ic='loo'"):
            bm.compare(a, b, k=3)


class TestRefusals:
    def refuse(self, match, models, **options):
        with pytest.raises(BayesmixError, match=match):
            bm.compare(models, **options)

    @pytest.fixture
    def fits(self, fitted):
        return {"a": fitted("sleepstudy-slopes"), "b": fitted("sleepstudy-intercept")}

    def test_one_model(self, fits):
        self.refuse("two models or more; got 1", {"a": fits["a"]})
        self.refuse("two models or more; got 1", [fits["a"]])
        with pytest.raises(BayesmixError, match="two models or more; got 0"):
            bm.compare()
        with pytest.raises(BayesmixError, match=r"compare\(\{'a': a, 'b': b\}\)"):
            bm.compare()
        named = r"got models as the keywords a, b. Write compare\(\{'a': \.\.\., 'b': \.\.\.\}\)"
        with pytest.raises(BayesmixError, match=named):
            bm.compare(a=fits["a"], b=fits["b"])
        with pytest.raises(BayesmixError, match=r"the keywords b\. Write"):
            bm.compare(fits["a"], b=fits["b"])

    def test_a_fit_with_itself(self, fits):
        self.refuse("'a' and 'c' are the same fit", {**fits, "c": fits["a"]})
        copy = dataclasses.replace(fits["a"])
        self.refuse("'a' and 'c' are the same fit", {**fits, "c": copy})
        self.refuse("'x' and 'y' are the same", {"x": result(rows()), "y": result(rows())})

    def test_different_rows(self, fits):
        fewer = self.taken(fits["b"], np.arange(170))
        self.refuse("different rows: 'a' has 180, 'c' has 170", {"a": fits["a"], "c": fewer})
        facts = Facts.of(fits["a"])
        moved = dataclasses.replace(facts, positions="0", labels="0")
        self.refuse(
            "different rows: those of 'a' and 'c' differ in their positions",
            {"a": fits["a"], "c": result(rows(180), facts=moved)},
        )

    def taken(self, fit, positions):
        spec = dataclasses.replace(fit.spec, design=fit.design.take(positions))
        return dataclasses.replace(fit, spec=spec)

    def test_other_positions_of_the_same_labels_are_the_same_rows(self, fits):
        moved = dataclasses.replace(Facts.of(fits["a"]), positions="0")
        table = bm.compare({"a": fits["a"], "c": result(rows(180), facts=moved)})
        assert len(table) == 2

    def test_different_responses(self, fits, fitted):
        self.refuse(
            r"different responses.*'Reaction' and 'np\.log\(Reaction\)' in 'a' and 'c'",
            {"a": fits["a"], "c": fitted("sleepstudy-transforms")},
        )
        shuffled = self.taken(fits["b"], np.arange(180)[::-1])
        self.refuse("in another order", {"a": fits["a"], "c": shuffled})

    @pytest.mark.parametrize(
        ("family", "measure"),
        [
            ("poisson", "probabilities"),
            ("hurdle_lognormal", "probabilities of zeros and densities of the others"),
            ("gamma", None),
        ],
    )
    def test_probabilities_and_densities(self, fits, family, measure):
        other = dataclasses.replace(fits["b"].spec, family=bm.get_family(family))
        facts = Facts.of(dataclasses.replace(fits["b"], spec=other))
        models = {"a": fits["a"], "c": result(rows(180), facts=facts)}
        if measure is None:
            assert len(bm.compare(models)) == 2
        else:
            self.refuse(f"'a' gives densities and 'c' {measure}", models)

    def test_mixed_criteria(self, fits):
        loo, waic = result(rows(180)), result(rows(180, seed=2), kind="waic")
        self.refuse(r"different criteria: 'a' \(loo\), 'b' \(waic\)", {"a": loo, "b": waic})
        self.refuse("ic='loo', but 'b': results of waic", {"a": fits["a"], "b": waic}, ic="loo")

    def test_unknown_criterion(self, fits):
        self.refuse("Unknown ic='aic'. Allowed: loo, waic, logo, kfold", fits, ic="aic")
        self.refuse("Did you mean 'waic'", fits, ic="waci")

    def test_a_group_that_is_not_there(self, fits):
        self.refuse("'Subjct' is no .* Did you mean 'Subject'", fits, ic="logo", group="Subjct")
        self.refuse("group='Subject' is for ic='logo'", fits, group="Subject")

    def test_no_group_named_of_two(self, fitted):
        fits = {"a": fitted("penicillin-crossed"), "b": fitted("penicillin-crossed", draws=999)}
        self.refuse("ic='logo' needs a group. Grouping factors: plate, sample", fits, ic="logo")

    def test_different_groups(self):
        a, b = result(rows(18), kind="logo"), result(rows(18, seed=2), kind="logo")
        b.group = "Other"
        self.refuse("'a' leaves out Subject, and 'b' Other", {"a": a, "b": b})

    def test_different_numbers_of_rows_of_results(self):
        self.refuse("'a' has 200, 'b' 100", {"a": result(rows()), "b": result(rows(100))})

    def test_different_folds(self):
        results = {"a": result(rows()), "b": result(rows(seed=2))}
        for name, folds in (("a", [1, 2]), ("b", [2, 1])):
            own = results[name].elpd_i
            results[name].elpd_i = own.assign_coords(fold=("obs", np.repeat(folds, 100)))
        self.refuse("held out different folds", results)

    def test_something_else(self, fits):
        self.refuse("'b' is a str; give a fit", {"a": fits["a"], "b": "fit"})
        self.refuse("Names of models are text; got 1", {"a": fits["a"], 1: fits["b"]})
        no_rows = result(rows())
        no_rows.elpd_i = None
        self.refuse("'a' has no pointwise values", {"a": no_rows, "b": result(rows())})
        self.refuse(
            "integrated is for fits",
            {"a": result(rows()), "b": result(rows(seed=2))},
            integrated=False,
        )
