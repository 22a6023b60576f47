from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.optimize import linprog, minimize

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import FAMILIES
from bayesmix.tables.pooling import no_pooling, shrinkage
from posteriors import fit_of
from summarised import with_effects_summarised

COLUMNS = ["group_var", "effect", "group", "value", "se", "n"]
SHRINKAGE = ["group_var", "effect", "group", "n", "no_pooling", "partial_pooling"]
SHRINKAGE += ["population", "shrinkage"]


def prepared(formula, data, **options):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bm.DesignWarning)
        return bm.prepare(formula, data, **options)


def own(spec, posterior=None, **options):
    empty = xr.Dataset() if posterior is None else posterior
    return no_pooling(fit_of(spec, empty), **options)


def wide(table, column="value"):
    return table.pivot(index="group", columns="effect", values=column)


def draws(**beta):
    """Posterior of population effects that do not vary."""
    values = np.array(list(beta.values()))
    return xr.Dataset({"beta": (("chain", "draw", "term"), np.broadcast_to(values, (2, 3, 2)))})


def unbalanced(seed=1, groups=60):
    """Groups of one to eight rows; some with one place of x, some all at zero."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rng.integers(1, 9, groups))
    x = rng.normal(3, 2, len(g))
    x[g % 7 == 0] = 2.5
    x[g % 7 == 1] = 0.0
    y = rng.normal(5 + 0.1 * g + 0.5 * x, 1)
    frame = pd.DataFrame({"g": g.astype(str), "x": x, "y": y, "w": rng.uniform(0.2, 3, len(g))})
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


class TestLeastSquares:
    def test_equals_a_loop_of_lstsq_on_gpa(self, load):
        data = load("gpa")
        table = own(prepared("gpa ~ occasion + (1 + occasion | student)", data))
        assert list(table) == COLUMNS
        found = wide(table)[["Intercept", "occasion"]]
        for student, rows in data.groupby("student", observed=True):
            Z = np.column_stack([np.ones(len(rows)), rows["occasion"]])
            expected = np.linalg.lstsq(Z, rows["gpa"], rcond=None)[0]
            np.testing.assert_allclose(found.loc[str(student)], expected, rtol=0, atol=1e-10)
        assert (table["n"] == 6).all()

    def test_equals_a_regression_for_each_unbalanced_group(self):
        data = unbalanced()
        table = own(prepared("y ~ x + (1 + x | g)", data))
        value, se, n = wide(table), wide(table, "se"), wide(table, "n")
        seen = set()
        for g, rows in data.groupby("g"):
            Z = np.column_stack([np.ones(len(rows)), rows["x"]])
            b, _, rank, _ = np.linalg.lstsq(Z, rows["y"], rcond=None)
            assert n.loc[g, "x"] == len(rows)
            if rank < 2:
                zero = (rows["x"] == 0).all()
                seen.add("zero" if zero else "place")
                assert np.isnan(value.loc[g, "x"])
                if zero:
                    assert value.loc[g, "Intercept"] == pytest.approx(rows["y"].mean(), abs=1e-12)
                    sd = rows["y"].std() / np.sqrt(len(rows)) if len(rows) > 1 else np.nan
                    assert se.loc[g, "Intercept"] == pytest.approx(sd, nan_ok=True)
                else:
                    assert np.isnan(value.loc[g, "Intercept"])
                continue
            np.testing.assert_allclose(value.loc[g, ["Intercept", "x"]], b, atol=1e-10)
            left = rows["y"] - Z @ b
            if len(rows) == 2:
                seen.add("no residual")
                assert np.isnan(se.loc[g]).all()
            else:
                seen.add("full")
                s2 = (left**2).sum() / (len(rows) - 2)
                expected = np.sqrt(s2 * np.diag(np.linalg.inv(Z.T @ Z)))
                np.testing.assert_allclose(se.loc[g, ["Intercept", "x"]], expected, rtol=1e-9)
        assert seen == {"zero", "place", "no residual", "full"}

    def test_order_of_factor_effect_level_and_one_factor_by_choice(self, load):
        data = load("penicillin")
        spec = prepared("diameter ~ 1 + (1 | plate) + (1 | sample)", data)
        table = own(spec)
        assert list(table["group_var"].unique()) == ["plate", "sample"]
        np.testing.assert_array_equal(
            table["group"],
            np.concatenate([np.asarray(term.levels, dtype=str) for term in spec.design.groups]),
        )
        means = data.groupby("plate", observed=True)["diameter"].mean()
        np.testing.assert_allclose(own(spec, re="plate")["value"], means, atol=1e-12)
        pd.testing.assert_frame_equal(
            own(spec, re="sample"), table.iloc[24:].reset_index(drop=True)
        )
        with pytest.raises(BayesmixError, match="re='plat' is no grouping factor"):
            own(spec, re="plat")

    def test_weights(self):
        data = unbalanced(3)
        spec = prepared("y ~ x + (1 + x | g)", data, weights="w")
        value, se = wide(own(spec)), wide(own(spec), "se")
        checked = 0
        for g, rows in data.groupby("g"):
            if len(rows) < 4 or rows["x"].nunique() == 1:
                continue
            Z, W = np.column_stack([np.ones(len(rows)), rows["x"]]), np.diag(rows["w"])
            inverse = np.linalg.inv(Z.T @ W @ Z)
            b = inverse @ Z.T @ W @ rows["y"]
            left = rows["y"] - Z @ b
            s2 = left @ W @ left / (len(rows) - 2)
            np.testing.assert_allclose(value.loc[g, ["Intercept", "x"]], b, atol=1e-9)
            np.testing.assert_allclose(
                se.loc[g, ["Intercept", "x"]], np.sqrt(s2 * np.diag(inverse)), rtol=1e-9
            )
            checked += 1
        assert checked > 10

    def test_offset_and_population_terms_without_a_twin_are_taken_off(self):
        data = unbalanced(4)
        data["y2"] = data["y"] - data["w"]
        base = own(prepared("y2 ~ 1 + (1 | g)", data))
        offset = own(prepared("y ~ 1 + offset(w) + (1 | g)", data))
        np.testing.assert_allclose(offset["value"], base["value"], atol=1e-12)
        data["y3"] = data["y"] - 0.5 * data["x"]
        spec = prepared("y ~ x + (1 | g)", data)
        adjusted = own(spec, draws(Intercept=9.0, x=0.5))
        np.testing.assert_allclose(
            adjusted["value"], own(prepared("y3 ~ 1 + (1 | g)", data))["value"], atol=1e-12
        )

    def test_a_category_that_does_not_occur_leaves_the_others(self):
        data = pd.DataFrame(
            {
                "s": list("abcabcab"),
                "g": list("11122222"),
                "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 9.0],
            }
        )
        data = data[~((data["g"] == "2") & (data["s"] == "c"))]
        cells = wide(own(prepared("y ~ 0 + s + (0 + s | g)", data)))
        np.testing.assert_allclose(cells.loc["1"], [1, 2, 3])
        np.testing.assert_allclose(cells.loc["2"], [6, 7, np.nan])
        contrasts = wide(own(prepared("y ~ s + (s | g)", data)))
        np.testing.assert_allclose(contrasts.loc["2"], [6, 1, np.nan])

    def test_columns_of_other_scales_and_far_from_zero(self):
        data = unbalanced(6, groups=20)
        data = data[data.groupby("g")["x"].transform("nunique") > 2]
        base = wide(own(prepared("y ~ x + (x | g)", data)))
        data["x"] = data["x"] * 1e-8
        small = wide(own(prepared("y ~ x + (x | g)", data)))
        np.testing.assert_allclose(small["x"] * 1e-8, base["x"], rtol=1e-9)
        data["x"] = data["x"] * 1e8 + 1e6
        far = wide(own(prepared("y ~ x + (x | g)", data)))
        np.testing.assert_allclose(far["x"], base["x"], rtol=1e-6)

    def test_a_level_without_rows_and_rows_without_a_level(self):
        data = unbalanced(7, groups=10)
        spec = prepared("y ~ x + (x | g)", data)
        design = spec.design
        kept = design.take(design.groups[0].codes != 4)
        table = no_pooling(fit_of(dataclasses.replace(spec, design=kept), xr.Dataset()))
        gone = table[table["group"] == design.groups[0].levels[4]]
        assert (gone["n"] == 0).all()
        assert gone[["value", "se"]].isna().all(axis=None)
        (term,) = design.groups
        codes = np.where(term.codes == 4, -1, term.codes)
        unseen = dataclasses.replace(design, groups=(dataclasses.replace(term, codes=codes),))
        pd.testing.assert_frame_equal(
            no_pooling(fit_of(dataclasses.replace(spec, design=unseen), xr.Dataset())), table
        )

    def test_a_model_without_groups_has_an_empty_table(self, fitted):
        fit = fitted("sleepstudy-no-groups")
        assert list(fit.no_pooling()) == COLUMNS
        assert list(fit.shrinkage()) == SHRINKAGE
        assert not len(fit.no_pooling())
        assert not len(fit.shrinkage())

    def test_three_effects(self):
        rng = np.random.default_rng(8)
        data = pd.DataFrame({"g": np.repeat(list("abcd"), 9)})
        data["x"], data["z"] = rng.normal(size=(2, 36))
        data["y"] = rng.normal(size=36)
        data.loc[data["g"] == "c", "z"] = 2 * data["x"] + 1
        found = wide(own(prepared("y ~ x + z + (x + z | g)", data)))
        assert found.loc["c"].isna().all()
        for g, rows in data[data["g"] != "c"].groupby("g"):
            Z = np.column_stack([np.ones(9), rows[["x", "z"]]])
            expected = np.linalg.lstsq(Z, rows["y"], rcond=None)[0]
            np.testing.assert_allclose(found.loc[g, ["Intercept", "x", "z"]], expected, atol=1e-10)


def has_maximum(Z, y, trials, poisson):
    """Whether a likelihood has a maximum: no direction in which it never falls."""
    top = np.full(len(y), np.inf) if poisson else trials
    inner = (y > 0) & (y < top)
    sign = np.where(y == 0, -1.0, 1.0)[:, None]
    edge = sign * Z
    result = linprog(
        -edge[~inner].sum(axis=0),
        A_ub=np.vstack([-edge[~inner], edge[~inner]]),
        b_ub=np.concatenate([np.zeros((~inner).sum()), np.ones((~inner).sum())]),
        A_eq=Z[inner] if inner.any() else None,
        b_eq=np.zeros(inner.sum()) if inner.any() else None,
        bounds=(None, None),
    )
    return inner.all() or -result.fun < 1e-7


BINARY_LINKS = ("logit", "probit", "cloglog", "cauchit")
FAMILY_AND_LINK = [
    *("bernoulli", "bernoulli(probit)", "bernoulli(cloglog)", "bernoulli(cauchit)"),
    *("binomial", "binomial(probit)", "binomial(cloglog)", "binomial(cauchit)"),
    "poisson",
]


def generalised(family, seed=1):
    name = bm.get_family(family).name
    options = {"trials": 5} if name == "binomial" else {}
    return bm.simulate(
        150,
        np.random.default_rng(seed).integers(1, 12, 150),
        beta={"Intercept": 0.3, "x": 0.5},
        sd={"Intercept": 0.8, "x": 0.5},
        family=family,
        random_seed=seed,
        **options,
    )


class TestMaximumLikelihood:
    @pytest.mark.slow
    @pytest.mark.parametrize("family", FAMILY_AND_LINK)
    def test_equals_one_fit_after_another_and_is_absent_where_there_is_none(self, family):
        simulation = generalised(family)
        spec = prepared(simulation.formula, simulation.data, family=family)
        design, (term,) = spec.design, spec.design.groups
        table = own(spec)
        value, se = wide(table), wide(table, "se")
        counts = {"found": 0, "none": 0, "undetermined": 0}
        for code, level in enumerate(term.levels):
            rows = term.codes == code
            Z, y = term.Z[rows], design.y[rows]
            trials = np.ones(len(y)) if design.trials is None else design.trials[rows]
            if np.linalg.matrix_rank(Z) < 2:
                counts["undetermined"] += 1
                assert value.loc[level].isna().all()
                continue
            if not has_maximum(Z, y, trials, family == "poisson"):
                counts["none"] += 1
                assert value.loc[level].isna().all()
                assert se.loc[level].isna().all()
                continue
            counts["found"] += 1
            given = trials if design.trials is not None else None
            at = value.loc[level, list(term.effects)].to_numpy()

            def loss(b, Z=Z, y=y, given=given):
                return -spec.family.log_density(y, Z @ b, {}, None, given).sum()

            assert np.isfinite(at).all()
            best = minimize(loss, at + 0.1, method="BFGS", options={"gtol": 1e-6})
            assert loss(at) <= best.fun + 1e-9 * (1 + abs(best.fun))
            np.testing.assert_allclose(at, best.x, rtol=2e-3, atol=2e-3)
        assert min(counts.values()) >= (0 if family.startswith("binomial") else 1)
        assert counts["found"] > 50
        assert counts["none"] > 0

    @pytest.mark.parametrize("family", FAMILY_AND_LINK)
    def test_the_gradient_vanishes_and_se_is_of_the_information(self, family):
        simulation = generalised(family, seed=2)
        spec = prepared(simulation.formula, simulation.data, family=family)
        design, (term,) = spec.design, spec.design.groups
        table = own(spec)
        value, se = wide(table), wide(table, "se")
        step = 1e-4
        for code, level in enumerate(term.levels[:60]):
            at = value.loc[level, list(term.effects)].to_numpy()
            if np.isnan(at).any() or np.abs(at).max() > 6:
                continue
            rows = term.codes == code
            given = None if design.trials is None else design.trials[rows]

            def density(b, rows=rows, given=given):
                eta = term.Z[rows] @ b
                return spec.family.log_density(design.y[rows], eta, {}, None, given).sum()

            for k in range(2):
                e = step * np.eye(2)[k]
                slope = (density(at + e) - density(at - e)) / (2 * step)
                assert abs(slope) < 1e-5
            if spec.family.link in ("logit", "log"):  # of no response
                mean = spec.family.inverse_link(term.Z[rows] @ at)
                weight = mean if family == "poisson" else mean * (1 - mean)
                weight = weight * (1.0 if given is None else given)
                information = term.Z[rows].T @ (weight[:, None] * term.Z[rows])
                np.testing.assert_allclose(
                    se.loc[level, list(term.effects)],
                    np.sqrt(np.diag(np.linalg.inv(information))),
                    rtol=1e-6,
                )

    @pytest.mark.slow
    @pytest.mark.parametrize("family", FAMILY_AND_LINK)
    def test_wild_data_neither_lose_a_maximum_nor_invent_one(self, family):
        rng = np.random.default_rng(5)
        rows = np.repeat(np.arange(300), rng.integers(2, 9, 300))
        n = len(rows)
        data = pd.DataFrame({"g": rows.astype(str), "x": 30 * rng.standard_t(2, n)})
        data["known"], data["trials"] = rng.normal(0, 3, n), rng.integers(1, 1000, n)
        p = 1 / (1 + np.exp(-rng.normal(0, 9, n)))
        name = bm.get_family(family).name
        data["y"] = {
            "poisson": lambda: rng.poisson(np.exp(rng.normal(0, 6, n)).clip(0, 1e6)),
            "binomial": lambda: rng.binomial(data["trials"], p),
            "bernoulli": lambda: rng.random(n) < p,
        }[name]().astype(int)
        response = "p(y, trials)" if name == "binomial" else "y"
        formula = f"{response} ~ x + offset(known) + (x | g)"
        value = wide(own(prepared(formula, data, family=family)))
        found, lost = 0, 0
        for g, group in data.groupby("g"):
            Z = np.column_stack([np.ones(len(group)), group["x"] / group["x"].abs().max()])
            trials = group["trials"] if name == "binomial" else np.ones(len(group))
            exists = has_maximum(
                Z, group["y"].to_numpy(), np.asarray(trials, dtype=float), family == "poisson"
            )
            found += exists
            is_there = np.isfinite(value.loc[g]).all()
            assert exists or not is_there, g
            lost += exists and not is_there
        assert found > 20
        # Flat tails and steep sides: a maximum may be further than the steps go.
        assert lost <= (0.03 * found if "cauchit" in family or "cloglog" in family else 0)

    def test_intercepts_are_the_means_on_the_link_scale(self, load):
        data = load("cbpp")
        data.loc[data["herd"] == "3", "incidence"] = 0
        table = own(prepared("p(incidence, size) ~ 1 + (1 | herd)", data, family="binomial"))
        sums = data.groupby("herd", observed=True)[["incidence", "size"]].sum()
        p = (sums["incidence"] / sums["size"]).to_numpy()
        with np.errstate(divide="ignore"):
            expected = np.log(p / (1 - p))
        expected[~np.isfinite(expected)] = np.nan
        assert np.isnan(expected).any()
        np.testing.assert_allclose(table["value"], expected, atol=1e-9)
        p = np.where(p == 0, np.nan, p)
        se = np.sqrt(1 / (sums["size"].to_numpy() * p * (1 - p)))
        np.testing.assert_allclose(table["se"], se, rtol=1e-7)

    def test_an_offset_of_a_rate(self):
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"g": np.repeat(list("abc"), 5), "time": rng.uniform(1, 9, 15)})
        data["log_time"] = np.log(data["time"])
        data["y"] = rng.poisson(2 * data["time"])
        data.loc[data["g"] == "b", "y"] = 0
        table = own(prepared("y ~ 1 + offset(log_time) + (1 | g)", data, family="poisson"))
        rate = data.groupby("g")["y"].sum() / data.groupby("g")["time"].sum()
        np.testing.assert_allclose(table["value"][[0, 2]], np.log(rate[["a", "c"]]), atol=1e-10)
        assert np.isnan(table["value"][1])

    def test_large_counts_and_rare_events(self):
        data = pd.DataFrame(
            {
                "g": np.repeat(list("ab"), 4),
                "x": [0.0, 1, 2, 3] * 2,
                "y": [1, 4, 2, 3, 999_998, 999_990, 999_995, 999_999],
                "m": [1_000_000] * 8,
            }
        )
        table = own(prepared("p(y, m) ~ 1 + (1 | g)", data, family="binomial"))
        p = data.groupby("g")["y"].sum() / 4e6
        np.testing.assert_allclose(table["value"], np.log(p / (1 - p)), rtol=1e-9)
        counts = own(prepared("y ~ 1 + (1 | g)", data, family="poisson"))
        np.testing.assert_allclose(counts["value"], np.log(4e6 * p / 4), rtol=1e-10)

    def test_every_family_has_its_regressions(self):
        links = {(family.name, link) for family in FAMILIES.values() for link in family.links}
        assert links >= {("gaussian", "identity"), ("poisson", "log")} | {
            (name, link) for name in ("bernoulli", "binomial") for link in BINARY_LINKS
        }


class TestShrinkage:
    def test_is_the_share_of_the_way_to_the_population(self, fitted):
        fit = fitted("sleepstudy-slopes")
        table = fit.shrinkage()
        assert list(table) == SHRINKAGE
        np.testing.assert_array_equal(table["no_pooling"], fit.no_pooling()["value"])
        np.testing.assert_array_equal(table["partial_pooling"], fit.coef()["value"])
        fixed = fit.fixef().set_index("term")["value"]
        np.testing.assert_array_equal(table["population"], fixed[table["effect"]])
        back = table["shrinkage"] * table["population"]
        back += (1 - table["shrinkage"]) * table["no_pooling"]
        np.testing.assert_allclose(back, table["partial_pooling"], rtol=1e-10)
        assert 0 < table["shrinkage"].median() < 1
        assert (table["n"] == 10).all()
        pd.testing.assert_frame_equal(shrinkage(fit), table)

    def test_is_that_of_the_algebra_for_intercepts(self, fitted):
        fit = fitted("penicillin-crossed")
        with_one = bm.fit(
            "diameter ~ 1 + (1 | plate)",
            pd.DataFrame(
                {"diameter": fit.design.y, "plate": fit.design.groups[0].codes.astype(str)}
            ),
            random_seed=1,
            progressbar=False,
        )
        table = with_one.shrinkage()
        sd = with_one.posterior["sd_plate"].values.ravel()
        sigma = with_one.posterior["sigma"].values.ravel()
        expected = (sigma**2 / (sigma**2 + 6 * sd**2)).mean()
        far = (table["no_pooling"] - table["population"]).abs() > 0.5
        np.testing.assert_allclose(table["shrinkage"][far], expected, atol=0.06)

    def test_an_effect_without_a_twin_is_drawn_to_zero(self, fitted):
        fit = fitted("pupils-cell-means")
        table = fit.shrinkage()
        low = table[table["effect"] == "ses[low]"]
        assert (low["population"] == 0).all()
        # The intercept of the population is taken off: deviations, not means of about 6.
        assert low["no_pooling"].abs().median() < 2
        assert 0 < low["shrinkage"].median() < 1

    def test_nan_without_an_own_regression(self):
        data = bm.load_dataset("sleepstudy")
        first = data["Subject"] == data["Subject"].iloc[0]
        data = data[~first | (data["Days"] == 3)]
        fit = bm.fit(
            "Reaction ~ Days + (Days | Subject)", data, random_seed=1, progressbar=False, draws=200
        )
        alone = fit.shrinkage().query("n == 1")
        assert len(alone) == 2
        assert alone[["no_pooling", "shrinkage"]].isna().all(axis=None)
        assert alone[["partial_pooling", "population"]].notna().all(axis=None)

    def test_no_infinity_where_an_estimate_lies_on_the_population(self):
        data = pd.DataFrame({"y": [1.0, 2.0, 3.0, 0.5], "g": ["a", "a", "b", "b"]})
        spec = prepared("y ~ 1 + (1 | g)", data)
        posterior = xr.Dataset(
            {
                "beta": (("chain", "draw", "term"), np.full((1, 2, 1), 1.5)),
                "u_g": (("chain", "draw", "g", "g_effect"), np.full((1, 2, 2, 1), 0.1)),
            },
            coords={"g": ["a", "b"], "g_effect": ["Intercept"]},
        )
        table = shrinkage(fit_of(spec, posterior))
        assert np.isnan(table["shrinkage"][0])
        assert table["shrinkage"][1] == pytest.approx(1 - 0.1 / 0.25)

    def test_more_for_fewer_rows_and_for_extreme_estimates(self):
        n = np.resize([3, 6, 24], 120)
        simulation = bm.simulate(
            120,
            n.tolist(),
            beta={"Intercept": 1.0, "x": 0.5},
            sd={"Intercept": 1.0, "x": 0.5},
            cor=0.2,
            sigma=1.0,
            random_seed=3,
        )
        fit = bm.fit(simulation.formula, simulation.data, random_seed=1, progressbar=False)
        table = fit.shrinkage()
        for _, effect in table.groupby("effect"):
            by_size = effect.groupby("n")["shrinkage"].median()
            assert by_size[3] > by_size[6] > by_size[24]
            moved = (effect["no_pooling"] - effect["partial_pooling"]).abs()
            away = (effect["no_pooling"] - effect["population"]).abs()
            for _, same in effect.groupby("n"):
                extreme = away[same.index] > away[same.index].median()
                assert moved[same.index][extreme].mean() > moved[same.index][~extreme].mean()
            # The sizes mix rows and extremes: estimates of small groups lie further out.
            assert np.corrcoef(away.rank(), moved.rank())[0, 1] > 0.5

    def test_gpa_has_far_fewer_negative_slopes(self, fitted):
        table = fitted("gpa-slopes").shrinkage().query("effect == 'occasion'")
        assert (table["no_pooling"] < 0).sum() == 23
        assert (table["partial_pooling"] < 0).sum() in {2, 3, 4}

    def test_effects_without_draws(self):
        formula, data = "Reaction ~ Days + (Days | Subject)", bm.load_dataset("sleepstudy")
        whole = bm.fit(formula, data, random_seed=1, progressbar=False)
        complete, fit = whole.shrinkage(), with_effects_summarised(whole)
        assert "u_Subject" not in fit.posterior
        kept = fit.shrinkage()
        np.testing.assert_array_equal(kept["no_pooling"], complete["no_pooling"])
        np.testing.assert_allclose(kept["partial_pooling"], complete["partial_pooling"], atol=1)
