"""Effects that are not drawn: tables and predictions from mixtures, against very many draws."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

import bayesmix as bm
from bayesmix.engines.statistics import PROBABILITIES, STATISTICS
from gaussian import CASES, frame
from summarised import largest_z, with_draws, with_effects_summarised

OPTIONS = {"draws": 1000, "chains": 4, "random_seed": 9, "progressbar": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["two effects", "nested", "crossed", "far from zero", "known errors"]
)
def test_summaries_are_those_of_forty_thousand_draws(name):
    case = CASES[name]
    whole = bm.fit(case.formula, frame(), **case.options, **OPTIONS)
    fit, many = with_effects_summarised(whole), with_draws(whole, 10_000)
    sizes = {term.factor: term.n_levels * term.n_effects for term in fit.design.groups}
    factor = max(sizes, key=sizes.get)
    assert f"u_{factor}" not in fit.posterior
    assert f"zeta_{factor}" not in fit.posterior
    for ci_level in (0.99, 0.77):
        for verb in ("ranef", "coef"):
            ours, theirs = (getattr(own, verb)(factor, ci_level=ci_level) for own in (fit, many))
            pd.testing.assert_frame_equal(ours.iloc[:, :3], theirs.iloc[:, :3])
            # The errors are those of 4,000 draws at most, of which many are not needed.
            assert largest_z(ours, theirs, 4000, 40_000) < 1, (verb, ci_level)
        for verb in ("linpred", "epred", "predict"):
            ours, theirs = (getattr(own, verb)(ci_level=ci_level) for own in (fit, many))
            assert largest_z(ours, theirs, 4000, 40_000) < 1, (verb, ci_level)


def test_one_variance_by_quadrature():
    """Known standard errors: given the sd of the effects all is normal, and that is one number."""
    y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    se = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    data = pd.DataFrame({"y": y, "se": se, "school": list("ABCDEFGH")})
    priors = {
        "Intercept": bm.Prior("Normal", mu=0, sigma=20),
        "sd": bm.Prior("HalfNormal", sigma=15),
    }
    fit = bm.fit("y ~ 1 + (1 | school)", data, se="se", priors=priors, **OPTIONS)
    fit = with_effects_summarised(fit)
    # On a grid of the sd: its density, and moments of u and of mu + u, mu integrated out.
    tau = np.linspace(1e-3, 90, 3000)
    log, moments = [], []
    for t in tau:
        A = np.zeros((9, 9))  # precision of (u, mu)
        A[:8, :8] = np.diag(1 / se**2 + 1 / t**2)
        A[8, :8] = A[:8, 8] = 1 / se**2
        A[8, 8] = (1 / se**2).sum() + 1 / 20**2
        V, c = np.linalg.inv(A), np.append(y / se**2, (y / se**2).sum())
        mean = V @ c
        of_coef = (mean[:8] + mean[8], np.diag(V)[:8] + V[8, 8] + 2 * V[8, :8])
        moments.append((mean[:8], np.diag(V)[:8], *of_coef))
        total = se**2 + t**2
        cov = np.diag(total) + 20**2
        log.append(
            stats.multivariate_normal(np.zeros(8), cov).logpdf(y)
            + stats.halfnorm.logpdf(t, scale=15)
        )
    weight = np.exp(np.array(log) - max(log))
    weight /= integrate.trapezoid(weight, tau)
    u, var_u, b, var_b = (np.array(own) for own in zip(*moments, strict=True))
    for verb, mean, variance in (("ranef", u, var_u), ("coef", b, var_b)):
        table = getattr(fit, verb)(ci_level=0.99)
        truth = table.copy()
        for j in range(8):
            m, s = mean[:, j], np.sqrt(variance[:, j])

            def below(x, m=m, s=s):
                return integrate.trapezoid(weight * stats.norm.cdf(x, m, s), tau)

            truth.loc[j, "value"] = centre = integrate.trapezoid(weight * m, tau)
            square = integrate.trapezoid(weight * (s**2 + (m - centre) ** 2), tau)
            truth.loc[j, "se"] = np.sqrt(square)
            for column, p in (("lower_0.5", 0.005), ("upper_99.5", 0.995)):
                truth.loc[j, column] = optimize.brentq(
                    lambda x, p=p, below=below: below(x) - p, -400, 400
                )
        assert largest_z(table, truth, 4000, np.inf) < 1


@pytest.fixture(scope="module")
def undrawn() -> bm.MixedFit:
    data = bm.load_dataset("sleepstudy")
    options = OPTIONS | {"draws": 1000, "chains": 2}
    return with_effects_summarised(bm.fit("Reaction ~ Days + (Days | Subject)", data, **options))


class TestDrawsOnDemand:
    def test_of_single_levels_add_up_to_predictions(self, undrawn):
        names = [f"u:Subject:{effect}:308" for effect in ("Intercept", "Days")]
        frame = undrawn.draws_frame(["beta", *names])
        rows = pd.DataFrame({"Subject": ["309", "308"], "Days": [1.0, 4.0]})
        drawn = undrawn.linpred(rows, draws=True).to_numpy().reshape(-1, 2)[:, 1]
        ours = frame["beta:Intercept"] + 4 * frame["beta:Days"] + frame[names] @ [1.0, 4.0]
        assert_allclose(drawn, ours, rtol=1e-10)
        # The same level by itself, and in an average of rows.
        alone = undrawn.linpred(rows[1:], draws=True).to_numpy().ravel()
        assert_allclose(alone, drawn, rtol=1e-12)
        average = undrawn.predictions(newdata=rows, by=True, draws=True).to_numpy().ravel()
        both = undrawn.linpred(rows, draws=True).to_numpy().reshape(-1, 2)
        assert_allclose(average, both.mean(axis=1), rtol=1e-10)

    def test_have_the_moments_of_the_tables(self, undrawn):
        drawn = undrawn.draws_frame(["u:Subject"])
        table = undrawn.ranef("Subject")
        own = drawn[[f"u:Subject:{e}:{g}" for e, g in zip(table.effect, table.group, strict=True)]]
        z = (own.mean().to_numpy() - table["value"]) / table["se"] * np.sqrt(2000)
        assert np.abs(z).max() < stats.norm.isf(0.0005 / len(z)) * np.sqrt(2)
        assert_allclose(own.std().to_numpy(), table["se"], rtol=5 / np.sqrt(2 * 2000))

    def test_rows_of_new_and_missing_levels(self, undrawn):
        rows = pd.DataFrame({"Subject": ["308", "new"], "Days": [1.0, 4.0]})
        left_out = undrawn.linpred(rows, new_levels="population")
        known = undrawn.linpred(rows[:1])
        population = undrawn.linpred(rows[1:], groups="population")
        assert_allclose(left_out.to_numpy()[0], known.to_numpy()[0], rtol=1e-9)
        assert_allclose(left_out["value"][1], population["value"][1], rtol=1e-9)
        assert_allclose(left_out["lower_2.5"][1], population["lower_2.5"][1], rtol=1e-3)
        sampled = undrawn.linpred(rows, new_levels="sample")
        assert sampled["se"][1] > 1.5 * left_out["se"][1]
        with pytest.raises(bm.BayesmixError, match="levels that the fit did not have"):
            undrawn.linpred(rows)


class TestFiles:
    def test_a_fit_without_draws_of_effects(self, undrawn, tmp_path):
        undrawn.save(tmp_path / "fit.bm")
        loaded = bm.load(tmp_path / "fit.bm")
        for verb in ("ranef", "coef", "epred"):
            pd.testing.assert_frame_equal(getattr(loaded, verb)(), getattr(undrawn, verb)())

    def test_a_fit_with_summaries_of_effects(self, undrawn, tmp_path):
        """As they were saved once: the law of the effects is known all the same."""
        (term,) = undrawn.design.groups
        values = np.zeros((len(STATISTICS), 18, 2))
        values[2:] += stats.norm.ppf(PROBABILITIES)[:, None, None]
        coords = {
            "statistic": np.array(STATISTICS),
            term.dim: term.levels,
            term.effect_dim: list(term.effects),
        }
        dims = ("statistic", term.dim, term.effect_dim)
        summaries = xr.Dataset(
            {name: (dims, values) for name in ("u_Subject", "coef_Subject")}, coords
        )
        groups = {name: node.dataset for name, node in undrawn.idata.children.items()}
        tree = xr.DataTree.from_dict(groups | {"group_effects": summaries})
        tree.attrs = undrawn.idata.attrs
        old = dataclasses.replace(undrawn, idata=tree)
        old.save(tmp_path / "old.bm")
        loaded = bm.load(tmp_path / "old.bm")
        pd.testing.assert_frame_equal(loaded.ranef(ci_level=0.77), undrawn.ranef(ci_level=0.77))

    def test_draws_that_nothing_stands_for_are_missed(self, tmp_path):
        data = bm.load_dataset("sleepstudy").assign(slow=lambda d: (d.Reaction > 300).astype(int))
        fit = bm.fit("slow ~ Days + (1 | Subject)", data, family="bernoulli", **OPTIONS)
        fit.idata["posterior"] = fit.idata["posterior"].dataset.drop_vars("u_Subject")
        fit.save(tmp_path / "fit.bm")
        with pytest.raises(bm.BayesmixError, match="no draws of u_Subject"):
            bm.load(tmp_path / "fit.bm")


def test_the_summary_says_what_is_kept(undrawn):
    said = "Effects of Subject: kept as normal given all other draws; draws take 0.0 GB"
    assert said in str(undrawn.summary())
    assert said in undrawn._repr_html_()


@pytest.mark.slow
def test_a_residual_beside_known_errors_keeps_all_draws():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"g": np.arange(40) // 2, "se": rng.uniform(0.5, 1, 40)})
    data["y"] = rng.normal(size=20)[data.g] + rng.normal(size=40) * np.hypot(data.se, 0.5)
    fit = bm.fit("y ~ 1 + (1 | g)", data, se="se", residual=True, **OPTIONS)
    again = with_effects_summarised(fit)
    assert "u_g" in again.posterior
    pd.testing.assert_frame_equal(again.ranef(), fit.ranef())
