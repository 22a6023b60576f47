from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmix as bm

GPA = {
    "beta": {"Intercept": 2.6, "time": 0.1},
    "sd": {"Intercept": 0.2, "time": 0.07},
    "cor": -0.1,
    "sigma": 0.2,
}


def test_layout_of_the_data():
    simulation = bm.simulate(4, 3, **GPA, random_seed=1)
    data = simulation.data
    assert list(data) == ["group", "time", "y"]
    assert data["group"].tolist() == [level for level in "1234" for _ in range(3)]
    assert data["time"].tolist() == [0, 1, 2] * 4
    assert list(data["group"].cat.categories) == ["1", "2", "3", "4"]
    assert simulation.formula == "y ~ 1 + time + (1 + time | group)"


def test_rows_per_group_one_by_one():
    data = bm.simulate(3, [1, 4, 2], **GPA, random_seed=1).data
    assert data["group"].value_counts(sort=False).tolist() == [1, 4, 2]
    assert data["time"].tolist() == [0, 0, 1, 2, 3, 0, 1]


def test_linear_predictor_is_made_of_the_truth():
    simulation = bm.simulate(
        {"a": 5, "b": 3},
        4,
        beta={"x": 0.5, "Intercept": 1.0},
        sd={"a": {"time": 0.3, "Intercept": 2.0}, "b": {"x": 0.1}},
        cor={"a": [[1, 0.5], [0.5, 1]]},
        random_seed=3,
    )
    data, a, b = simulation.data, simulation.u["a"], simulation.u["b"]
    expected = [
        1.0
        + 0.5 * row.x
        + a.loc[row.a, "Intercept"]
        + a.loc[row.a, "time"] * row.time
        + b.loc[row.b, "x"] * row.x
        for row in data.itertuples()
    ]
    np.testing.assert_allclose(simulation.eta, expected, rtol=1e-12)
    assert simulation.formula == "y ~ 1 + x + (1 + time | a) + (0 + x | b)"


def test_same_seed_same_data():
    first = bm.simulate(5, 4, **GPA, random_seed=7)
    second = bm.simulate(5, 4, **GPA, random_seed=7)
    third = bm.simulate(5, 4, **GPA, random_seed=np.random.default_rng(7))
    other = bm.simulate(5, 4, **GPA, random_seed=8)
    pd.testing.assert_frame_equal(first.data, second.data)
    pd.testing.assert_frame_equal(first.data, third.data)
    assert not first.data["y"].equals(other.data["y"])


def test_a_generator_moves_on():
    rng = np.random.default_rng(7)
    first, second = (bm.simulate(5, 4, **GPA, random_seed=rng) for _ in range(2))
    assert not first.data["y"].equals(second.data["y"])


def test_group_effects_have_the_covariance():
    correlation = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]])
    sd = np.array([2.0, 0.5, 1.0])
    simulation = bm.simulate(
        40_000,
        1,
        beta={"Intercept": 0},
        sd=dict(zip(["Intercept", "x", "z"], sd, strict=True)),
        cor=correlation,
        random_seed=1,
    )
    u = simulation.u["group"].to_numpy()
    np.testing.assert_allclose(u.std(axis=0), sd, rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(u.T), correlation, atol=0.02)
    np.testing.assert_allclose(u.mean(axis=0), 0, atol=0.05)


def test_residuals_have_the_sd():
    simulation = bm.simulate(1000, 20, **GPA, random_seed=1)
    residual = simulation.data["y"] - simulation.eta
    assert residual.std() == pytest.approx(0.2, rel=0.02)


def test_matrix_follows_the_order_given_and_intercept_comes_first():
    simulation = bm.simulate(
        3,
        2,
        beta={"time": 1.0, "Intercept": 2.0},
        sd={"x": 1.0, "time": 2.0, "Intercept": 3.0},
        cor=[[1, 0.1, 0.2], [0.1, 1, 0.3], [0.2, 0.3, 1]],
        random_seed=1,
    )
    assert list(simulation.beta) == ["Intercept", "time"]
    assert simulation.sd == {"group": {"Intercept": 3.0, "x": 1.0, "time": 2.0}}
    cor = simulation.cor["group"]
    assert list(cor) == ["Intercept", "x", "time"]
    assert cor.loc["Intercept", "x"] == 0.2
    assert cor.loc["Intercept", "time"] == 0.3
    assert cor.loc["x", "time"] == 0.1


def test_labelled_matrix_is_put_in_order():
    frame = pd.DataFrame([[1, 0.4], [0.4, 1]], ["time", "Intercept"], ["time", "Intercept"])
    simulation = bm.simulate(3, 2, **(GPA | {"cor": frame}), random_seed=1)
    assert list(simulation.cor["group"]) == ["Intercept", "time"]


def test_independent_effects_are_said_to_be():
    simulation = bm.simulate(3, 2, **(GPA | {"cor": None}), random_seed=1)
    assert simulation.formula == "y ~ 1 + time + (1 + time || group)"
    assert simulation.cor == {}
    assert list(simulation.parameters) == [
        "beta:Intercept",
        "beta:time",
        "sd:group:Intercept",
        "sd:group:time",
        "sigma",
    ]


def test_parameters_by_their_labels():
    assert bm.simulate(3, 2, **GPA, random_seed=1).parameters == {
        "beta:Intercept": 2.6,
        "beta:time": 0.1,
        "sd:group:Intercept": 0.2,
        "sd:group:time": 0.07,
        "cor:group:Intercept:time": -0.1,
        "sigma": 0.2,
    }


def test_zero_sd_gives_zero_effects():
    simulation = bm.simulate(6, 5, beta={"Intercept": 1}, sd={"Intercept": 0.0}, random_seed=1)
    assert (simulation.u["group"] == 0).all(axis=None)


def test_model_without_population_intercept():
    simulation = bm.simulate(6, 5, beta={"x": 1}, sd={"Intercept": 1.0}, random_seed=1)
    assert simulation.formula == "y ~ 0 + x + (1 | group)"


def test_crossed_factor_is_spread_evenly():
    data = bm.simulate(
        {"student": 20, "item": 8},
        6,
        beta={"Intercept": 0},
        sd={"student": {"Intercept": 1}, "item": {"Intercept": 1}},
        random_seed=1,
    ).data
    assert data["item"].value_counts().eq(15).all()
    assert data["student"].value_counts().eq(6).all()


def test_dropout_is_a_constant_risk_and_final():
    data = bm.simulate(4000, 10, **GPA, dropout=0.2, random_seed=1).data
    size = data["group"].value_counts(sort=False)
    assert size.min() == 1
    assert size.max() == 10
    present = data["time"].value_counts().sort_index() / 4000
    np.testing.assert_allclose(present, 0.8 ** np.arange(10), atol=0.02)
    assert (data.groupby("group", observed=True)["time"].max() + 1).tolist() == size.tolist()


@pytest.mark.parametrize(
    ("family", "mean"),
    [
        ("bernoulli", lambda eta: 1 / (1 + np.exp(-eta))),
        ("binomial", lambda eta: 12 / (1 + np.exp(-eta))),
        ("poisson", np.exp),
    ],
)
def test_other_families(family, mean):
    simulation = bm.simulate(
        400,
        25,
        beta={"Intercept": 0.3, "x": 0.5},
        sd={"Intercept": 0.4},
        family=family,
        trials=12,
        random_seed=1,
    )
    y = simulation.data["y"]
    assert np.issubdtype(y.dtype, np.integer)
    assert y.min() >= 0
    assert y.mean() == pytest.approx(mean(simulation.eta).mean(), rel=0.02)
    assert simulation.sigma is None
    assert "sigma" not in simulation.parameters


def test_binomial_has_a_column_of_trials():
    trials = np.arange(1, 13)
    simulation = bm.simulate(
        3,
        4,
        beta={"Intercept": 0},
        sd={"Intercept": 1},
        family="binomial",
        trials=trials,
        random_seed=1,
    )
    assert simulation.formula == "p(y, trials) ~ 1 + (1 | group)"
    assert simulation.data["trials"].tolist() == trials.tolist()
    assert (simulation.data["y"] <= trials).all()


def test_formula_prepares_the_model_of_the_truth():
    simulation = bm.simulate(
        {"student": 12, "item": 6},
        6,
        beta={"Intercept": 1, "x": 0.5},
        sd={"student": {"Intercept": 1, "x": 1}, "item": {"Intercept": 1}},
        cor={"student": 0.2},
        random_seed=1,
    )
    design = bm.prepare(simulation.formula, simulation.data).design
    assert design.terms == tuple(simulation.beta)
    for term in design.groups:
        assert term.effects == tuple(simulation.sd[term.factor])
        assert list(term.levels) == list(simulation.u[term.factor].index)
    eta = design.X @ list(simulation.beta.values())
    for term in design.groups:
        eta = eta + term.dot(simulation.u[term.factor].to_numpy())
    np.testing.assert_allclose(eta, simulation.eta, rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_groups": 0}, "number of levels of 'group' must be made of positive whole numbers"),
        ({"n_groups": 2.5}, "positive whole numbers"),
        ({"n_groups": {}}, "names no grouping factor"),
        ({"n_groups": {"a b": 4}}, "'a b' cannot be a column"),
        ({"n_groups": {"time": 4}}, "both a grouping factor and a covariate"),
        ({"n_per_group": [3, 4]}, "n_per_group has shape"),
        ({"n_per_group": 0}, "n_per_group must be made of positive whole numbers"),
        ({"beta": [1, 2]}, "beta must map names to numbers"),
        ({"beta": {"Intercept": "a"}}, "beta has 'a' for 'Intercept'"),
        ({"beta": {"y": 1}}, "'y' is taken by the response"),
        ({"beta": {"x z": 1}}, "'x z' cannot be a column"),
        ({"sd": {}}, "sd must map each group effect"),
        ({"sd": 0.5}, "sd must map each group effect"),
        ({"sd": {"Intercept": -1, "time": 1}}, "sd of 'Intercept' by 'group' is -1"),
        ({"sd": {"grop": {"Intercept": 1}}}, "Did you mean 'group'"),
        ({"cor": 1.0}, "not positive definite"),
        ({"cor": [[1, 0.5], [0.4, 1]]}, "no correlation matrix"),
        ({"cor": [[1, 0.5]]}, r"have shape \(1, 2\)"),
        ({"cor": range(10**12)}, r"have shape \(1000000000000,\)"),
        ({"cor": "high"}, "must be numbers"),
        ({"cor": {"grp": 0.1}}, "Did you mean 'group'"),
        ({"sigma": 0}, "residual sd is positive"),
        ({"family": "poisson"}, "has no residual sd"),
        ({"family": "binomial", "sigma": None, "trials": 0}, "trials must be made of positive"),
        ({"dropout": 1.0}, "0 <= dropout < 1"),
    ],
)
def test_bad_input_is_named_with_its_remedy(changes, message):
    arguments = {"n_groups": 5, "n_per_group": 4, **GPA} | changes
    with pytest.raises(bm.BayesmixError, match=message):
        bm.simulate(**arguments)


def test_several_factors_need_names_for_their_correlations():
    with pytest.raises(bm.BayesmixError, match="cor maps each factor"):
        bm.simulate(
            {"a": 3, "b": 3},
            beta={"Intercept": 0},
            sd={"a": {"Intercept": 1, "x": 1}, "b": {"Intercept": 1}},
            cor=0.2,
        )


def test_every_factor_needs_its_sd():
    with pytest.raises(bm.BayesmixError, match="Grouping factor 'b' has no sd"):
        bm.simulate({"a": 3, "b": 3}, beta={"Intercept": 0}, sd={"a": {"Intercept": 1}})


@pytest.fixture(scope="module")
def sleep():
    data = bm.load_dataset("sleepstudy")
    formula = "Reaction ~ Days + (1 + Days | Subject)"
    return bm.fit(formula, data, random_seed=1, progressbar=False)


class TestSimulateFrom:
    def test_truth_is_the_posterior_mean(self, sleep):
        simulation = bm.simulate_from(sleep, random_seed=1)
        # The means are those of Days at its mean, where the priors are.
        draws = sleep.posterior
        intercept, slope = draws["centred_sd_Subject"].mean(["chain", "draw"]).values
        r = float(2 * draws["lkj_Subject"].mean() - 1)
        days = float(sleep.design.X[:, 1].mean())
        variance = intercept**2 + (days * slope) ** 2 - 2 * days * r * intercept * slope
        sds = [np.sqrt(variance), slope, sleep.varcorr()["sd"].iloc[-1]]
        assert [*simulation.sd["Subject"].values(), simulation.sigma] == pytest.approx(sds)
        assert list(simulation.beta.values()) == pytest.approx(sleep.fixef()["value"].tolist())
        covariance = r * intercept * slope - days * slope**2
        cor = covariance / sds[0] / sds[1]
        assert simulation.cor["Subject"].loc["Intercept", "Days"] == pytest.approx(cor)

    def test_rows_are_those_of_the_fit(self, sleep):
        data, original = bm.simulate_from(sleep, random_seed=1).data, bm.load_dataset("sleepstudy")
        assert data["Subject"].tolist() == original["Subject"].tolist()
        assert data["Days"].tolist() == original["Days"].tolist()
        assert not np.allclose(data["Reaction"], original["Reaction"])

    def test_response_is_made_of_the_truth(self, sleep):
        simulation = bm.simulate_from(sleep, random_seed=1)
        u = simulation.u["Subject"].loc[simulation.data["Subject"]].to_numpy()
        days = simulation.data["Days"].to_numpy()
        eta = simulation.beta["Intercept"] + simulation.beta["Days"] * days + u[:, 0]
        assert simulation.eta == pytest.approx(eta + u[:, 1] * days)
        residual = simulation.data["Reaction"] - simulation.eta
        assert residual.std() == pytest.approx(simulation.sigma, rel=4 / np.sqrt(2 * 180))

    def test_a_larger_study_gives_the_truth_back(self, sleep):
        levels = np.repeat(np.arange(2000), 10)
        larger = pd.DataFrame({"Subject": levels, "Days": np.tile(np.arange(10), 2000)})
        before = larger.copy()
        simulation = bm.simulate_from(sleep, larger, random_seed=2)
        pd.testing.assert_frame_equal(larger, before)
        assert len(simulation.u["Subject"]) == 2000
        covariance = simulation.u["Subject"].cov().to_numpy()
        sd = np.array(list(simulation.sd["Subject"].values()))
        truth = np.outer(sd, sd) * simulation.cor["Subject"].to_numpy()
        error = np.sqrt((truth**2 + np.outer(sd**2, sd**2)) / 2000)
        assert (np.abs(covariance - truth) < 4 * error).all()

    def test_a_draw_carries_the_uncertainty(self, sleep):
        seeds = range(40)
        draws = [bm.simulate_from(sleep, parameters="draw", random_seed=i).sigma for i in seeds]
        posterior = sleep.posterior["sigma"].to_numpy().ravel()
        assert set(draws) <= set(posterior.tolist())
        assert np.std(draws) == pytest.approx(posterior.std(), rel=0.5)

    def test_seed(self, sleep):
        one, two = (bm.simulate_from(sleep, random_seed=5).data for _ in range(2))
        pd.testing.assert_frame_equal(one, two)

    def test_categories_combinations_and_weights(self):
        data = bm.load_dataset("pupils").assign(w=1.0)
        formula = "achievement ~ ses + (1 | primary_school/ses)"
        with pytest.warns(bm.ConvergenceWarning):
            fit = bm.fit(
                formula, data, weights="w", draws=50, chains=2, random_seed=1, progressbar=False
            )
        simulated = bm.simulate_from(fit, random_seed=1)
        for column in ("ses", "primary_school", "w"):
            pd.testing.assert_series_equal(simulated.data[column], data[column])
        again = bm.prepare(simulated.formula, simulated.data, weights="w").design
        np.testing.assert_array_equal(again.X, fit.design.X)

    def test_errors(self, sleep):
        with pytest.raises(bm.BayesmixError, match="takes a fit; got DataFrame"):
            bm.simulate_from(bm.load_dataset("gpa"))
        with pytest.raises(bm.BayesmixError, match="parameters='median'"):
            bm.simulate_from(sleep, parameters="median")
        data = bm.load_dataset("sleepstudy")
        options = {"random_seed": 1, "progressbar": False}
        logs = bm.fit("np.log(Reaction) ~ Days + (1 | Subject)", data, **options)
        with pytest.raises(bm.BayesmixError, match=r"np\.log\(Reaction\)' is calculated"):
            bm.simulate_from(logs)
        inside = bm.fit("Reaction ~ np.sqrt(Days) + (1 | Subject)", data, **options)
        for study in (bm.simulate_from(inside), bm.simulate_from(inside, data)):
            assert study.data["Days"].tolist() == data["Days"].tolist()

    @pytest.mark.parametrize(
        ("change", "parts"),
        [
            (lambda d: d[["Days"]], ["Unknown column 'Subject'", "Add the column: its labels"]),
            (
                lambda d: d.assign(Days=d.Days.where(d.Days > 1)),
                ["data has missing", "data.dropna"],
            ),
            (lambda d: d.assign(Days=d.Days.astype(str) + "d"), ["data['Days'] = pd.to_numeric("]),
        ],
    )
    def test_errors_name_its_own_arguments(self, sleep, change, parts):
        with pytest.raises(bm.BayesmixError) as caught:
            bm.simulate_from(sleep, change(bm.load_dataset("sleepstudy")))
        message = str(caught.value)
        assert all(part in message for part in parts)
        assert not any(word in message for word in ("newdata", "groups=", "new_levels"))
