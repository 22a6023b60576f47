"""Group effects that are correlated across predictors, ``(1 | p | g)``, from formula to file."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.criteria.correlations import correlations
from bayesmix.criteria.facts import Facts
from bayesmix.engines.nuts.joint import build_model
from bayesmix.engines.run import sample
from bayesmix.engines.whitened.engine import Whitened
from bayesmix.engines.whitened.layout import layout_of
from bayesmix.engines.whitened.sampler import Limits
from bayesmix.figures.densities import prior_densities
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.posterior.parameters import parameter_draws
from bayesmix.predictions.heldout import log_joint_predictive, log_predictive

pytestmark = pytest.mark.filterwarnings("ignore::bayesmix.DesignWarning")

FORMULA, SIGMA = "y ~ x + (1 + x | p | g)", "~ z + (1 + z | p | g)"
EFFECTS = ["Intercept", "x", "sigma_Intercept", "sigma_z"]
RHO = 0.6


def frame(J: int = 40, n: int = 10, seed: int = 1) -> pd.DataFrame:
    """Effects of g on the mean and on log sigma have the correlation RHO."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(J), n)
    data = pd.DataFrame({"g": g, "h": g // 4, "k": np.tile(np.arange(n), J)})
    data["x"], data["z"] = rng.normal(3, 1, J * n), rng.normal(-2, 1, J * n)
    u = rng.standard_normal((J, 2)) @ np.linalg.cholesky([[1, RHO], [RHO, 1]]).T * [0.8, 0.5]
    sigma = np.exp(-0.5 + u[g, 1] + 0.1 * (data["z"] + 2))
    data["y"] = 1 + 0.5 * data["x"] + u[g, 0] + sigma * rng.standard_normal(J * n)
    data["count"] = rng.poisson(np.exp(0.3 * u[g, 0] + 1)) * rng.integers(0, 2, J * n)
    data["kind"] = np.array(list("abc"))[rng.integers(0, 3, J * n)]
    data["sigma_z"] = data["x"]
    return data


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def fit(data) -> bm.MixedFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bm.fit(FORMULA, data, sigma=SIGMA, draws=150, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def draws(fit) -> Draws:
    return Draws.of(fit.spec, fit.posterior)


def joint_root(draws: Draws) -> np.ndarray:
    """Rows of all effects, (S, 4, 4)."""
    return np.concatenate([part.scale["g"] for part in draws.parts], axis=1)


def partition(spec, factor="g") -> list[list[str]]:
    (joint,) = (one for one in spec.design.joint_effects if one.factor == factor)
    return [[joint.effects[k] for k in part] for part in joint.correlations.partition]


BLOCKS = {
    "an id in one predictor": (
        ("y ~ (1 | p | g) + (0 + x | g) + (0 + z | p | g)", {}),
        [["Intercept", "z"], ["x"]],
    ),
    "an id used once": (("y ~ (1 | p | g)", {}), [["Intercept"]]),
    "several in one predictor and another": (
        ("y ~ (1 | p | g) + (0 + x | p | g)", {"sigma": "~ (1 | p | g)"}),
        [["Intercept", "x", "sigma_Intercept"]],
    ),
    "two ids": (
        (
            "y ~ (1 | p | g) + (0 + x | q | g)",
            {"sigma": "~ (0 + x | p | g) + (1 | q | g) + (0 + z | g)"},
        ),
        [["Intercept", "sigma_x"], ["x", "sigma_Intercept"], ["sigma_z"]],
    ),
    "a block without an id beside": (
        ("y ~ (1 | p | g) + (0 + x + z | g)", {"sigma": "~ (1 | p | g)"}),
        [["Intercept", "sigma_Intercept"], ["x", "z"]],
    ),
    "us()": (
        ("y ~ us(x | p | g)", {"sigma": "~ (1 | p | gr(g))"}),
        [["Intercept", "x", "sigma_Intercept"]],
    ),
    "every category": (
        ("kind ~ (1 + x | p | g)", {"family": "categorical"}),
        [["Intercept", "x", "muc_Intercept", "muc_x"]],
    ),
    "one category has its own": (
        ("kind ~ (1 | p | g)", {"family": "categorical", "muc": "~ (0 + x | p | g)"}),
        [["Intercept", "muc_x"]],
    ),
    "three parameters": (
        (
            "count ~ (1 | p | g)",
            {
                "family": "zero_inflated_negbinomial",
                "zi": "~ (1 | p | g)",
                "shape": "~ 0 + x + (0 + x | p | g)",
            },
        ),
        [["Intercept", "zi_Intercept", "shape_x"]],
    ),
}


class TestSpecification:
    def test_one_block_has_the_effects_of_all_predictors(self, data):
        spec = bm.prepare(FORMULA, data, sigma=SIGMA)
        assert partition(spec) == [EFFECTS]
        assert spec.prior_table()["parameter"].tolist() == [
            "Intercept",
            "beta:x",
            "sd:g:Intercept",
            "sd:g:x",
            "cor:g",
            "sigma:Intercept",
            "sigma:beta:z",
            "sigma:sd:g:Intercept",
            "sigma:sd:g:z",
        ]
        own = spec.prior_table().set_index("parameter")["prior"]
        assert own["cor:g"] == "LKJ(eta=1), x at its mean, sigma_z at its mean"
        assert own["sigma:sd:g:Intercept"] == "Exponential(scale=1), z at its mean"

    @pytest.mark.parametrize("name", BLOCKS)
    def test_effects_with_the_same_id_are_one_block(self, data, name):
        (formula, arguments), expected = BLOCKS[name]
        found = partition(bm.prepare(formula, data, **arguments))
        assert sorted(map(sorted, found)) == sorted(map(sorted, expected))

    def test_an_id_used_once_is_none(self, data):
        one = bm.prepare("y ~ x + (1 + x | p | g)", data, sigma="~ (1 | g)")
        none = bm.prepare("y ~ x + (1 + x | g)", data, sigma="~ (1 | g)")
        assert one.prior_table().equals(none.prior_table())
        assert not any(joint.is_linked for joint in one.design.joint_effects)

    def test_nested_factors_are_linked_level_by_level(self, data):
        spec = bm.prepare("y ~ (1 | p | h/k)", data, sigma="~ (1 | p | h/k) + (1 | g)")
        every = [(one.factor, one.is_linked) for one in spec.design.joint_effects]
        assert every == [("h", True), ("h:k", True), ("g", False)]
        part = bm.prepare("y ~ (1 | p | h/k)", data, sigma="~ (1 | p | h)")
        every = [(one.factor, one.is_linked) for one in part.design.joint_effects]
        assert every == [("h", True), ("h:k", False)]

    def test_correlations_without_the_formula_belong_to_the_first_parameter(self, data):
        spec = bm.prepare(
            "y ~ (1 + x | g)",
            data,
            family="student",
            sigma="~ (1 | p | g)",
            nu="~ (1 | p | g)",
            priors={"sigma:cor:g": bm.LKJ(3)},
        )
        own, linked = spec.design.joint_effects
        assert (own.effects, linked.effects) == (
            ("Intercept", "x"),
            ("sigma_Intercept", "nu_Intercept"),
        )
        assert spec.joint_correlations(linked).eta == 3
        assert spec.joint_correlations(own).eta == 1

    def test_uncorrelated_leaves_the_ids_out(self, data):
        spec = bm.prepare(FORMULA, data, sigma="~ (1 | p | g)").uncorrelated()
        assert spec.design.formula.text == "y ~ x + (1 + x || g)"
        assert spec.design.predictors["sigma"].formula.text == "sigma ~ (1 | g)"
        assert not any(joint.correlations for joint in spec.design.joint_effects)

    def test_the_default_does_not_depend_on_the_zero_of_covariates(self, data):
        far = data.assign(x=data["x"] + 1000, z=data["z"] - 300)
        one, other = (layout_of(bm.prepare(FORMULA, own, sigma=SIGMA)) for own in (data, far))
        assert_allclose(one.factors[0].Z, other.factors[0].Z, atol=1e-9)
        assert_allclose(one.X, other.X, atol=1e-9)
        leaves = zip(one.spec.priors.leaves, other.spec.priors.leaves, strict=True)
        for mine, theirs in leaves:
            mine, theirs = (leaf.prior for leaf in (mine, theirs))
            if isinstance(mine, bm.Prior):
                for key, value in mine.parameters.items():
                    assert theirs.parameters[key] == pytest.approx(value)

    def test_an_own_prior_leaves_the_other_predictor_centred(self, data):
        priors = {"sigma:sd:g:Intercept": bm.Prior("HalfNormal", sigma=1)}
        spec = bm.prepare(FORMULA, data, sigma=SIGMA, priors=priors)
        own = spec.prior_table().set_index("parameter")["prior"]
        assert own["cor:g"] == "LKJ(eta=1), x at its mean, sigma_z at zero"
        centres = [part.centre(part.design.groups[0]) for part in spec.parts]
        assert_allclose(centres, [[0, data["x"].mean()], [0, 0]])


BAD = {
    "different factors": ({"sigma": "~ (1 | p | h)"}, "different grouping factors, in (1"),
    "different factors in one formula": (
        {"formula": "y ~ (1 | p | g) + (1 | p | h)"},
        "different grouping factors",
    ),
    "the outer factor only": (
        {"formula": "y ~ (1 | p | h)", "sigma": "~ (1 | p | h:k)"},
        "different grouping factors",
    ),
    "columns in another order": (
        {"formula": "y ~ (1 | p | h:k)", "sigma": "~ (1 | p | k:h)"},
        "columns in the same order",
    ),
    "three, one of them elsewhere": (
        {"sigma": "~ (1 | p | g)", "nu": "~ (1 | p | h)", "family": "student"},
        "different grouping factors",
    ),
    "double bars first": ({"sigma": "~ (1 || p | g)"}, "|| asks for no correlations"),
    "double bars last": ({"sigma": "~ (1 | p || g)"}, "|| asks for no correlations"),
    "diag": ({"sigma": "~ diag(1 + x | p | g)"}, "diag()"),
    "zerocorr": ({"sigma": "~ zerocorr(1 + x | p | g)"}, "zerocorr()"),
    "us and double bars": ({"sigma": "~ us(1 || p | g)"}, "|| asks for no correlations"),
    "a sum": ({"sigma": "~ (1 | p + q | g)"}, "is no name"),
    "text": ({"sigma": "~ (1 | 'p' | g)"}, "is no name"),
    "a call": ({"sigma": "~ (1 | gr(p) | g)"}, "is no name"),
    "a negative number": ({"sigma": "~ (1 | -1 | g)"}, "FormulaError"),
    "two ids of one bar": ({"sigma": "~ (1 | p | q | g)"}, "More than two bars"),
    "no id": ({"sigma": "~ (1 | | g)"}, "Two bars in one term"),
    "no factor": ({"sigma": "~ (1 | p | )"}, "No grouping factor"),
    "no effect": ({"sigma": "~ ( | p | g)"}, "No effects before"),
    "id of gr()": ({"sigma": "~ (1 | gr(g, id = 'p'))"}, "between two bars: (1 | p | g)"),
    "the same effect twice": ({"formula": "y ~ (1 | p | g) + (1 | g)"}, "in two bars"),
    "the same effect with two ids": ({"formula": "y ~ (1 | p | g) + (1 | q | g)"}, "in two bars"),
    "labels that are alike": (
        {"formula": "y ~ (0 + sigma_z | p | g)", "sigma": "~ (0 + z | p | g)"},
        "are called 'sigma_z'",
    ),
    "a prior of the second parameter": (
        {"sigma": "~ (1 | p | g)", "priors": {"sigma:cor:g": bm.LKJ(2)}},
        "have one prior, that of 'cor:g'",
    ),
    "a prior of the second parameter, all factors": (
        {"sigma": "~ (1 | p | g)", "priors": {"sigma:cor": bm.LKJ(2)}},
        "have one prior, that of 'cor:g'",
    ),
    "a prior of one correlation": (
        {"sigma": "~ (1 | p | g)", "priors": {"cor:g:Intercept:sigma_Intercept": bm.LKJ(2)}},
        "Unknown prior path",
    ),
    "a Normal for the correlations": (
        {"sigma": "~ (1 | p | g)", "priors": {"cor:g": bm.Prior("Normal")}},
        "must be an LKJ",
    ),
    "a column that is not there": ({"sigma": "~ (1 | p | nothing)"}, "Unknown column 'nothing'"),
    "the exact method": ({"sigma": "~ (1 | p | g)", "method": "exact"}, "sigma has a predictor"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(data, name):
    arguments, message = BAD[name]
    formula = arguments.get("formula", "y ~ x + (1 | p | g)")
    others = {key: value for key, value in arguments.items() if key != "formula"}
    with pytest.raises(BayesmixError) as caught:
        bm.fit(formula, data, progressbar=False, draws=10, **others)
    if message != "FormulaError":
        assert message in str(caught.value)


class TestJointModel:
    def test_logp_is_that_made_by_hand(self, data):
        """Priors and likelihood by SciPy, effects by the Cholesky factor of `cor_g`."""
        priors = {"cor:g": bm.LKJ(2)}
        spec = bm.prepare(FORMULA, data, sigma=SIGMA, priors=priors)
        model = build_model(spec)
        point = model.initial_point()
        rng = np.random.default_rng(3)
        point = {
            name: value + 0.3 * rng.standard_normal(value.shape) for name, value in point.items()
        }
        names = ("centred_sd_g", "sigma_centred_sd_g", "zeta_g", "sigma_zeta_g", "lkj_g", "cor_g")
        names += ("beta", "sigma_beta", "sd_g", "sigma_sd_g", "u_g", "sigma_u_g")
        outputs = model.replace_rvs_by_values([model[name] for name in names])
        compiled = model.compile_fn(outputs, inputs=model.value_vars, mode="FAST_COMPILE")
        values = compiled(point)
        own = {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
        sd = np.concatenate([own["centred_sd_g"], own["sigma_centred_sd_g"]])
        zeta = np.hstack([own["zeta_g"], own["sigma_zeta_g"]])
        # Vine of partial correlations, written out (Lewandowski, Kurowicka & Joe 2009).
        w, L = 2 * own["lkj_g"] - 1, np.eye(4)
        for i, k in ((1, 0), (2, 1), (3, 3)):
            for j in range(i):
                L[i, j] = w[k + j] * np.sqrt(1 - (L[i, :j] ** 2).sum())
            L[i, i] = np.sqrt(1 - (L[i, :i] ** 2).sum())
        u = zeta @ (sd[:, None] * L).T
        T = np.eye(4)
        T[0, 1], T[2, 3] = -data["x"].mean(), -data["z"].mean()
        written = u @ T.T
        assert_allclose(np.hstack([own["u_g"], own["sigma_u_g"]]), written)
        sigma = T @ (sd[:, None] * L) @ (sd[:, None] * L).T @ T.T
        sds = np.sqrt(np.diag(sigma))
        assert_allclose(np.concatenate([own["sd_g"], own["sigma_sd_g"]]), sds)
        assert_allclose(own["cor_g"], sigma / np.outer(sds, sds))
        g = data["g"].to_numpy()
        mean = own["beta"] @ spec.design.X.T + written[g, 0] + written[g, 1] * data["x"]
        scale = own["sigma_beta"] @ spec.design.predictors["sigma"].X.T
        scale = np.exp(scale + written[g, 2] + written[g, 3] * data["z"])
        likelihood = stats.norm.logpdf(data["y"], mean, scale).sum()
        # Of the partial correlation with m before it in a matrix of 4: eta + (3 - 1 - m) / 2.
        shape = np.array([3.0, 3.0, 2.5, 3.0, 2.5, 2.0])
        lkj = stats.beta.logpdf(own["lkj_g"], shape, shape).sum()
        jacobian = np.log(own["lkj_g"] * (1 - own["lkj_g"])).sum() + np.log(sd).sum()
        table = {leaf.path: leaf.prior for leaf in spec.priors.leaves}
        paths = ("sd:g:Intercept", "sd:g:x", "sigma:sd:g:Intercept", "sigma:sd:g:z")
        prior = sum(table[path].log_density(value) for path, value in zip(paths, sd, strict=True))
        for start, name, x in (("", "beta", "x"), ("sigma:", "sigma_beta", "z")):
            intercept, slope = own[name]
            prior += table[f"{start}Intercept"].log_density(intercept + slope * data[x].mean())
            prior += table[f"{start}beta:{x}"].log_density(slope)
        total = likelihood + prior + lkj + jacobian + stats.norm.logpdf(zeta).sum()
        logp = model.compile_logp(mode="FAST_COMPILE")
        assert float(logp(point)) == pytest.approx(float(total), rel=1e-10)

    @pytest.mark.slow
    def test_free_variables_make_the_reported_draws(self, fit):
        import pytensor

        model, one = fit.model, fit.posterior.isel(chain=1, draw=7)

        def of(name: str) -> np.ndarray:
            return np.asarray(one[name].transpose(*model.named_vars_to_dims.get(name, ())))

        given = {variable: of(variable.name) for variable in model.free_RVs}
        names = ["u_g", "sigma_u_g", "sd_g", "sigma_sd_g", "cor_g", "beta", "sigma_beta"]
        wanted = [model[name] for name in names]
        values = pytensor.function([], wanted, givens=given, mode="FAST_COMPILE")()
        for name, value in zip(names, values, strict=True):
            assert_allclose(value, of(name), rtol=1e-6, atol=1e-8)


class TestTables:
    def test_matrices_have_all_effects(self, fit):
        matrices = fit.cor_re()
        assert list(matrices) == ["g"]
        assert matrices["g"].columns.tolist() == matrices["g"].index.tolist() == EFFECTS
        assert_allclose(np.diag(matrices["g"]), 1)
        assert_allclose(matrices["g"], matrices["g"].T)

    def test_long_tables_have_a_row_for_each_pair(self, fit, draws):
        table = fit.cor_re(long=True)
        assert len(table) == 6
        assert table["parameter"].unique().tolist() == ["mu"]
        root = joint_root(draws)
        covariance = root @ np.swapaxes(root, 1, 2)
        sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        own = (covariance / sd[:, :, None] / sd[:, None])[:, 1, 2]
        row = table[(table["effect_1"] == "x") & (table["effect_2"] == "sigma_Intercept")]
        assert row["value"].item() == pytest.approx(own.mean())

    def test_the_summary_shows_them(self, fit):
        text = repr(fit.summary(cor_re=True))
        assert (
            "Correlation of Random Effects, g" in text or "Correlation of Random Effects:" in text
        )
        assert "sigma_Intercept" in text

    def test_other_tables_keep_their_form(self, fit, draws):
        components = fit.varcorr()
        assert components["parameter"].tolist() == ["mu", "mu", "sigma", "sigma"]
        assert components["effect"].tolist() == ["Intercept", "x", "Intercept", "z"]
        root = joint_root(draws)
        assert_allclose(components["sd"], np.sqrt((root**2).sum(axis=2)).mean(axis=0))
        ranef = fit.ranef("g")
        u = np.concatenate([part.u["g"] for part in draws.parts], axis=2).mean(axis=0)
        assert_allclose(ranef["value"].to_numpy().reshape(4, 40), u.T)
        assert len(fit.coef("g")) == 160
        assert len(fit.find_typical()) > 0

    def test_shares_of_variance_are_of_the_effects_on_the_mean(self, fit, data, draws):
        covariance = joint_root(draws)[:, :2] @ np.swapaxes(joint_root(draws)[:, :2], 1, 2)
        Z = np.column_stack([np.ones(len(data)), data["x"]])
        of_group = np.einsum("ni,sij,nj->sn", Z, covariance, Z).mean(axis=1)
        log_sigma = linear_predictor(fit.design.predictors["sigma"], draws.predictors["sigma"], {})
        share = of_group / (of_group + np.exp(2 * log_sigma).mean(axis=1))
        icc = fit.icc().set_index("icc")["value"]
        assert icc["adjusted"] == pytest.approx(share.mean(), rel=1e-9)

    @pytest.mark.slow
    def test_effects_too_large_to_keep_are_summarised_for_each_parameter(self, fit, tmp_path):
        engine = Whitened(Limits(kept_bytes=500_000))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bm.ConvergenceWarning)
            few = dataclasses.replace(fit, idata=sample(fit.spec, fit.options, engines=(engine,)))
        assert not {"u_g", "sigma_u_g"} & set(few.idata["posterior"].data_vars)
        for table in ("ranef", "coef"):
            own, expected = getattr(few, table)("g"), getattr(fit, table)("g")
            assert own["parameter"].tolist() == expected["parameter"].tolist()
            # The draws are the same, of which some are kept.
            error = expected["se"] / np.sqrt(40)
            assert (np.abs(own["value"] - expected["value"]) < 4.5 * error).all()
        few.save(tmp_path / "few.fit")
        pd.testing.assert_frame_equal(bm.load(tmp_path / "few.fit").coef("g"), few.coef("g"))

    def test_all_correlations_count(self, fit):
        facts = Facts.of(fit)
        assert facts.K == 2 + 2 + 4 + 6 == len(fit.diagnostics())
        assert facts.n_random_effects == 160
        labels = parameter_draws(fit.design, fit.family, fit.posterior)
        assert "cor:g:Intercept:sigma_Intercept" in labels

    @pytest.mark.slow
    def test_priors_of_correlations_are_those_of_the_joint_model(self, fit):
        prior = fit.spec.sample_prior(4000, random_seed=1)["prior"].dataset
        cor = prior["cor_g"].transpose("chain", "draw", ...).values[0]
        for one in correlations(fit):
            i, j = EFFECTS.index(one.effect_1), EFFECTS.index(one.effect_2)
            levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
            share = (cor[:, i, j, None] < one.prior_quantile(levels)).mean(axis=0)
            assert_allclose(share, levels, atol=4.5 * 0.5 / np.sqrt(4000) + 0.01)

    def test_figures_know_every_parameter(self, fit):
        labels = parameter_draws(fit.design, fit.family, fit.posterior)
        densities = prior_densities(fit)
        shown = [label for label in labels if ":beta:" not in f":{label}"]
        assert set(shown) == set(densities)
        axes = np.ravel(fit.plot_varcorr())
        texts = [axis.get_xlabel() for axis in axes]
        assert "Correlation of Intercept\nand sigma_Intercept by g" in texts
        assert len(np.ravel(bm.plot_correlation(fit))) == 6


class TestPredictions:
    def test_effects_of_new_levels_are_drawn_jointly(self, fit, data, draws):
        new = data.head(1).assign(g="new")

        def added(**parameter):
            own = fit.linpred(new, new_levels="sample", draws=True, **parameter)
            own = own - fit.linpred(new, new_levels="population", draws=True, **parameter)
            return own.values[..., 0].ravel()

        both = np.column_stack([added(), added(parameter="sigma")])
        x, z = new[["x", "z"]].iloc[0]
        Z = np.array([[1, x, 0, 0], [0, 0, 1, z]])
        root = Z @ joint_root(draws)
        covariance = root @ np.swapaxes(root, 1, 2)
        white = np.linalg.solve(np.linalg.cholesky(covariance), both[..., None])[..., 0]
        assert stats.kstest(white.ravel(), "norm").pvalue > 1e-3
        assert abs(np.corrcoef(white.T)[0, 1]) < 4.5 / np.sqrt(len(white))
        assert abs(np.corrcoef(both.T)[0, 1]) > 0.3  # that test can fail

    def test_responses_at_new_levels_have_the_same_effects(self, fit, data):
        """The draws of the two predictors are those of the response's own distribution."""
        new = pd.concat([data.head(1)] * 2, ignore_index=True).assign(g="new")
        mean = fit.linpred(new, new_levels="sample", draws=True, random_seed=5)
        sigma = fit.epred(new, new_levels="sample", draws=True, parameter="sigma", random_seed=5)
        y = fit.predict(new, new_levels="sample", draws=True, random_seed=5)
        z = ((y - mean) / sigma).values.reshape(-1, 2)
        assert stats.kstest(z[:, 0], "norm").pvalue > 1e-3
        assert_allclose(mean.values[..., 0], mean.values[..., 1])

    @pytest.mark.slow
    def test_unseen_levels_are_integrated_jointly(self, fit, data, draws):
        """Against brute force: many draws of the effects of the level."""
        inside = np.flatnonzero(fit.design.groups[0].codes == 5)
        train = fit.design.take(np.setdiff1d(np.arange(fit.design.n_rows), inside))
        held_out = fit.design.take(inside[:4])
        spec = dataclasses.replace(fit.spec, design=train)
        rows = log_predictive(spec, held_out, fit.posterior, 1)
        together, _ = log_joint_predictive(spec, held_out, fit.posterior, np.random.default_rng(2))
        without = {"g": np.ones(4, dtype=bool)}
        main = linear_predictor(held_out, draws, without)[:, None]
        other = linear_predictor(held_out.predictors["sigma"], draws.predictors["sigma"], without)
        rng, many = np.random.default_rng(3), 4000
        root = joint_root(draws)

        def brute(root: np.ndarray) -> tuple[np.ndarray, float]:
            u = rng.standard_normal((len(draws), many, 4)) @ np.swapaxes(root, 1, 2)
            eta = main + u[..., :2] @ held_out.groups[0].Z.T
            log_sigma = other[:, None] + u[..., 2:] @ held_out.predictors["sigma"].groups[0].Z.T
            log = stats.norm.logpdf(held_out.y, eta, np.exp(log_sigma))
            return np.log(np.exp(log).mean(axis=(0, 1))), np.log(np.exp(log.sum(axis=-1)).mean())

        expected, joint = brute(root)
        assert_allclose(rows, expected, atol=0.02)
        assert_allclose(together, joint, atol=0.1)
        independent = root.copy()
        independent[:, :2], independent[:, 2:] = 0, 0
        covariance = root @ np.swapaxes(root, 1, 2)
        independent[:, :2, :2] = np.linalg.cholesky(covariance[:, :2, :2])
        independent[:, 2:, 2:] = np.linalg.cholesky(covariance[:, 2:, 2:])
        assert np.abs(brute(independent)[0] - expected).max() > 0.04  # that test can fail

    def test_simulated_levels_have_correlated_effects(self, fit):
        many = pd.concat([frame(400, 2, seed=s) for s in (3,)])
        simulation = bm.simulate_from(fit, many, random_seed=3)
        assert set(simulation.parameters) == set(fit.diagnostics()["parameter"])
        truth = simulation.cor["g"]
        assert truth.columns.tolist() == EFFECTS
        assert simulation.predictors["sigma"].cor == {}
        u = np.hstack([simulation.u["g"], simulation.predictors["sigma"].u["g"]])
        sds = [*simulation.sd["g"].values(), *simulation.predictors["sigma"].sd["g"].values()]
        covariance = truth.to_numpy() * np.outer(sds, sds)
        white = np.linalg.solve(np.linalg.cholesky(covariance), u.T)
        assert_allclose(np.cov(white), np.eye(4), atol=4.5 * np.sqrt(2 / 400))
        again = bm.prepare(simulation.formula, simulation.data, **simulation.formulas)
        assert partition(again) == [EFFECTS]


class TestVerbs:
    def test_a_file_brings_it_back(self, fit, tmp_path):
        fit.save(tmp_path / "linked.fit")
        again = bm.load(tmp_path / "linked.fit")
        pd.testing.assert_frame_equal(again.cor_re()["g"], fit.cor_re()["g"])
        pd.testing.assert_frame_equal(again.priors, fit.priors)
        assert partition(again.spec) == [EFFECTS]

    def test_conditional_criteria_are_those_of_the_rows(self, fit):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert np.isfinite(fit.loo().elpd)
            assert np.isfinite(fit.waic().elpd)

    @pytest.mark.slow
    def test_leaving_groups_out_integrates_their_effects_jointly(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            small = bm.fit(
                "y ~ 1 + (1 | p | g)",
                frame(8, 6),
                sigma="~ (1 | p | g)",
                draws=100,
                random_seed=1,
                progressbar=False,
            )
            assert np.isfinite(small.logo("g").elpd)
            comparison = small.compare_correlation(eta=(1,), logo=False)
        assert comparison.correlations["effect_2"].tolist() == ["sigma_Intercept"]

    @pytest.mark.slow
    def test_a_refit_keeps_or_splits_the_block(self, fit):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            folds = fit.kfold(k=2, group_by="g", progressbar=False)
            split = fit.uncorrelated()
        assert np.isfinite(folds.elpd)
        assert split.cor_re(long=True).empty
        assert list(split.cor_re()) == ["g", "sigma:g"]
        with pytest.raises(BayesmixError, match="no correlated group effects"):
            split.compare_correlation()

    def test_own_regressions_and_shrinkage(self, fit):
        assert len(fit.no_pooling("g")) == 80
        assert len(fit.shrinkage("g")) == 80
