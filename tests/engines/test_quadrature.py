"""Effects integrated out by quadrature: against dense grids and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import bayesmix as bm
from bayesmix.design.design import Design
from bayesmix.engines.left_out import (
    groups_left_out_obstacle,
    left_out,
    left_out_obstacle,
)
from bayesmix.engines.quadrature import targets
from bayesmix.engines.quadrature.layers import chain_of_groups, chain_of_rows
from bayesmix.engines.quadrature.left_out import QuadratureLeftOut
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws, linear_predictor

S = 5
# A grid of standard normal effects, with the log weights of its points.
GRID = np.linspace(-9, 9, 181)
LOG_WEIGHTS = -0.5 * GRID**2 - 0.5 * np.log(2 * np.pi) + np.log(GRID[1] - GRID[0])


def frame(n_groups: int = 6, rows: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(n_groups), rows)
    x = rng.standard_normal(len(g))
    eta = 0.6 + 0.4 * x + 0.7 * rng.standard_normal(n_groups)[g]
    return pd.DataFrame(
        {
            "y": rng.poisson(np.exp(eta)),
            "z": rng.poisson(np.exp(eta)) * rng.binomial(1, 0.7, len(g)),
            "won": rng.binomial(8, 1 / (1 + np.exp(-eta))),
            "of": 8,
            "yes": rng.binomial(1, 1 / (1 + np.exp(-eta))),
            "grade": np.clip(np.round(eta + rng.logistic(size=len(g))), 0, 3).astype(int),
            "kind": rng.choice(["a", "b", "c"], len(g)),
            "score": eta + 0.5 * rng.standard_normal(len(g)),
            "x": x,
            "t": np.tile(np.arange(rows), n_groups) / rows,
            "g": g,
            "half": np.arange(len(g)) // 2,
            "row": np.arange(len(g)),
            "item": np.arange(len(g)) % 5,
        }
    )


AUXILIARY = {
    "sigma": 0.5,
    "shape": 3.0,
    "phi": 4.0,
    "nu": 5.0,
    "threshold_end": 1.0,
    "zi": 0.25,
    "threshold": np.array([-0.5, 0.6, 1.6]),
    "cutpoint": np.array([-0.5, 0.6, 1.6]),
}


def made_up(spec: ModelSpec, sd: float = 0.6, correlation: float = 0.3) -> Draws:
    """Draws that need not fit the data well: densities are asked for any of them."""
    rng, design = np.random.default_rng(5), spec.design
    auxiliary = {}
    for name in spec.family.auxiliary:
        value = np.asarray(AUXILIARY[name])
        auxiliary[name] = value * (1 + 0.1 * rng.random((S, *[1] * value.ndim)))
    roots = {}
    for joint in design.joint_effects:
        q = joint.n_effects
        covariance = sd**2 * ((1 - correlation) * np.eye(q) + correlation)
        root = np.linalg.cholesky(covariance) * (1 + 0.3 * rng.random((S, 1, 1)))
        for term, place in joint.members:
            roots[term.predictor, term.factor] = root[:, place]

    def own(part: Design) -> Draws:
        return Draws(
            0.3 + 0.2 * rng.standard_normal((S, part.n_terms)),
            {} if part.predictor else auxiliary,
            {term.factor: roots[part.predictor, term.factor] for term in part.groups},
            {
                term.factor: 0.5 * rng.standard_normal((S, term.n_levels, term.n_effects))
                for term in part.groups
            },
        )

    main, *others = (own(part) for part in design.parts)
    main.predictors.update(
        {part.predictor: one for part, one in zip(design.parts[1:], others, strict=True)}
    )
    return main


def log_densities(
    spec: ModelSpec, draws: Draws, added: dict[str, np.ndarray], without
) -> np.ndarray:
    """Log densities (points, S, n) where some effects add to linear predictors."""
    design = spec.design
    drop = {factor: np.ones(design.n_rows, dtype=bool) for factor in without}
    etas = [
        linear_predictor(part, one, drop) + added.get(part.predictor, 0.0)
        for part, one in zip(design.parts, draws.parts, strict=True)
    ]
    shape = np.broadcast_shapes(*(eta.shape for eta in etas))
    eta, *others = (np.broadcast_to(eta, shape) for eta in etas)
    auxiliary = draws.auxiliary_beside(1) | dict(zip(design.predictors, others, strict=True))
    return spec.family.log_density(design.y, eta, auxiliary, design.weights, design.trials)


def by_grid(spec: ModelSpec, draws: Draws, factor: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and groups left out, all effects of one factor on a dense grid."""
    design = spec.design
    terms = [(part, term) for part in design.parts for term in part.groups if term.factor == factor]
    joints = [joint for joint in design.joint_effects if joint.factor == factor]
    Q = sum(joint.n_effects for joint in joints)
    points = np.array(list(itertools.product(GRID[:: 1 if Q == 1 else 2], repeat=Q)))
    log_weights = -0.5 * (points**2 + np.log(2 * np.pi)).sum(axis=1)
    log_weights += Q * np.log((GRID[1] - GRID[0]) * (1 if Q == 1 else 2))
    added, start = {}, 0
    for joint in joints:
        for term, _ in joint.members:
            own = next(
                d
                for p, d in zip(design.parts, draws.parts, strict=True)
                if p.predictor == term.predictor
            )
            u = np.einsum(
                "sqd,kd->ksq", own.scale[factor], points[:, start : start + joint.n_effects]
            )
            added[term.predictor] = added.get(term.predictor, 0.0) + u @ term.Z.T
        start += joint.n_effects
    log = log_densities(spec, draws, added, {factor})
    codes = terms[0][1].codes
    groups = np.empty((S, codes.max() + 1))
    rows = np.empty((S, design.n_rows))
    for j in range(groups.shape[1]):
        mine = np.flatnonzero(codes == j)
        total = log[..., mine].sum(axis=-1) + log_weights[:, None]
        groups[:, j] = logsumexp(total, axis=0)
        for i in mine:
            rows[:, i] = groups[:, j] - logsumexp(total - log[..., i], axis=0)
    return rows, groups


def rows_of(spec: ModelSpec, draws: Draws, **options) -> np.ndarray:
    found = np.full((S, spec.design.n_rows), np.nan)
    for rows, log in QuadratureLeftOut(spec).rows(draws, **options):
        found[:, rows] = log
    return found


@pytest.mark.parametrize(
    ("formula", "family", "options"),
    [
        ("y ~ x + (1 | g)", "poisson", {}),
        ("y ~ x + offset(t) + (1 | g)", "poisson", {}),
        ("y ~ x + (1 | g)", "negbinomial", {}),
        ("z ~ x + (1 | g)", "zero_inflated_poisson", {}),
        ("p(won, of) ~ x + (1 | g)", "binomial", {}),
        ("yes ~ x + (1 | g)", "bernoulli", {}),
        ("grade ~ x + (1 | g)", "cumulative", {}),
        ("score ~ x + (1 | g)", "student", {}),
        ("score ~ x + (1 | g)", "gaussian", {"weights": "of"}),
        ("y ~ x + (x | g)", "poisson", {}),
        ("grade ~ cs(x) + (1 | g)", "acat", {}),
        ("kind ~ x + (1 | p | g)", "categorical", {}),
        ("score ~ x + (1 | p | g)", "gaussian", {"sigma": "~ (1 | p | g)"}),
        ("score ~ x + (1 | g)", "gaussian", {"sigma": "~ x + (1 | g)"}),
        ("z ~ x + (1 | g)", "zero_inflated_poisson", {"zi": "~ (1 | g)"}),
    ],
)
def test_equals_a_dense_grid(formula, family, options):
    spec = bm.prepare(formula, frame(), family=family, **options)
    draws = made_up(spec)
    rows, groups = by_grid(spec, draws, "g")
    # Effects of mean and sd, of four rows that the made-up draws do not fit, are far from normal.
    times = 20 if options.keys() & {"sigma", "zi"} else 2 if "x |" in formula else 1
    codes = spec.design.every_group[0].codes
    found = QuadratureLeftOut(spec).groups(draws, codes)
    np.testing.assert_allclose(found, groups, atol=5e-4 * times)
    found = rows_of(spec, draws)
    np.testing.assert_allclose(found, rows, atol=1e-3 * times)
    assert np.abs(found - rows).mean() < 1e-4 * times


def test_equals_the_closed_form_of_gaussian_models():
    spec = bm.prepare("score ~ x + t + (x + t | g)", frame(6, 7))
    draws, (term,) = made_up(spec), spec.design.groups
    rows = np.empty((S, spec.design.n_rows))
    groups = np.empty((S, term.n_levels))
    for s in range(S):
        sigma, root = draws.auxiliary["sigma"][s], draws.scale["g"][s]
        mean = spec.design.X @ draws.beta[s]
        for j in range(term.n_levels):
            mine = np.flatnonzero(term.codes == j)
            V = term.Z[mine] @ root @ root.T @ term.Z[mine].T + sigma**2 * np.eye(len(mine))
            precision, rest = np.linalg.inv(V), spec.design.y[mine] - mean[mine]
            g, v = precision @ rest, np.diag(precision)
            rows[s, mine] = 0.5 * (np.log(v) - np.log(2 * np.pi) - g**2 / v)
            groups[s, j] = multivariate_normal(mean[mine], V).logpdf(spec.design.y[mine])
    quadrature = QuadratureLeftOut(spec)
    np.testing.assert_allclose(quadrature.groups(draws, term.codes), groups, atol=2e-4)
    np.testing.assert_allclose(rows_of(spec, draws), rows, atol=1e-3)


def test_four_effects_are_integrated_at_many_points():
    spec = bm.prepare("score ~ x + t + row + (x + t + row | g)", frame(6, 30))
    draws, (term,) = made_up(spec, sd=0.1), spec.design.groups
    expected = np.empty((S, term.n_levels))
    for s in range(S):
        sigma, root = draws.auxiliary["sigma"][s], draws.scale["g"][s]
        mean = spec.design.X @ draws.beta[s]
        for j in range(term.n_levels):
            mine = np.flatnonzero(term.codes == j)
            V = term.Z[mine] @ root @ root.T @ term.Z[mine].T + sigma**2 * np.eye(len(mine))
            expected[s, j] = multivariate_normal(mean[mine], V).logpdf(spec.design.y[mine])
    found = QuadratureLeftOut(spec).groups(draws, term.codes)
    np.testing.assert_allclose(found, expected, atol=0.05)


def nested_by_grid(spec: ModelSpec, draws: Draws) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, halves and groups left out, both factors on dense grids."""
    inner, outer = (
        next(term for term in spec.design.groups if term.factor == name) for name in ("half", "g")
    )
    log = log_densities(
        spec,
        draws,
        {
            "": draws.scale["half"][:, 0, 0, None] * GRID[:, None, None, None]
            + draws.scale["g"][:, 0, 0, None] * GRID[:, None, None]
        },
        {"half", "g"},
    )  # (inner, outer, S, n)
    rows, halves = np.empty((S, spec.design.n_rows)), np.empty((S, inner.n_levels))
    groups = np.empty((S, outer.n_levels))
    for j in range(outer.n_levels):
        mine = np.unique(inner.codes[outer.codes == j])
        members = {c: np.flatnonzero(inner.codes == c) for c in mine}
        totals = {c: log[..., own].sum(axis=-1) for c, own in members.items()}
        each = {c: logsumexp(t + LOG_WEIGHTS[:, None, None], axis=0) for c, t in totals.items()}
        total = sum(each.values()) + LOG_WEIGHTS[:, None]
        groups[:, j] = logsumexp(total, axis=0)
        for c, own in members.items():
            halves[:, c] = groups[:, j] - logsumexp(total - each[c], axis=0)
            for i in own:
                left = totals[c] - log[..., i] + LOG_WEIGHTS[:, None, None]
                without = total - each[c] + logsumexp(left, axis=0)
                rows[:, i] = groups[:, j] - logsumexp(without, axis=0)
    return rows, halves, groups


@pytest.mark.parametrize("family", ["poisson", "cumulative"])
def test_nested_factors_equal_dense_grids(family):
    response = "y" if family == "poisson" else "grade"
    spec = bm.prepare(f"{response} ~ x + (1 | g) + (1 | half)", frame(), family=family)
    draws = made_up(spec)
    rows, halves, groups = nested_by_grid(spec, draws)
    quadrature = QuadratureLeftOut(spec)
    codes = {term.factor: term.codes for term in spec.design.groups}
    np.testing.assert_allclose(quadrature.groups(draws, codes["g"]), groups, atol=2e-3)
    np.testing.assert_allclose(quadrature.groups(draws, codes["half"]), halves, atol=3e-3)
    found = rows_of(spec, draws)
    np.testing.assert_allclose(found, rows, atol=5e-3)
    assert np.abs(found - rows).mean() < 3e-4


def test_a_row_that_has_its_level_for_itself_is_a_group():
    spec = bm.prepare("y ~ x + (1 | row) + (1 | g)", frame(), family="poisson")
    draws, quadrature = made_up(spec), QuadratureLeftOut(spec)
    codes = next(term.codes for term in spec.design.groups if term.factor == "row")
    groups = quadrature.groups(draws, codes)
    np.testing.assert_allclose(rows_of(spec, draws), groups[:, codes], atol=1e-10)


def test_crossed_factors_are_given_by_their_draws():
    data = frame()
    spec = bm.prepare("y ~ x + (1 | g) + (1 | item)", data, family="poisson")
    draws = made_up(spec)
    (layer,) = chain_of_rows(spec)
    assert layer.factors == {"g"}
    item = next(term for term in spec.design.groups if term.factor == "item")
    found = rows_of(spec, draws)
    for s in range(S):
        known = item.dot(draws.u["item"][s])
        own = bm.prepare(
            "y ~ x + offset(known) + (1 | g)", data.assign(known=known), family="poisson"
        )
        one = Draws(draws.beta, {}, {"g": draws.scale["g"]}, {"g": draws.u["g"]})
        np.testing.assert_allclose(rows_of(own, one)[s], found[s], atol=5e-4)


def test_labels_that_are_no_factor_of_the_model():
    spec = bm.prepare("y ~ x", frame(), family="poisson")
    codes = frame()["g"].to_numpy()
    draws = made_up(spec)
    log = log_densities(spec, draws, {}, set())
    expected = np.add.reduceat(log, np.flatnonzero(np.diff(codes, prepend=-1)), axis=1)
    assert groups_left_out_obstacle(spec, codes) is None
    np.testing.assert_allclose(QuadratureLeftOut(spec).groups(draws, codes), expected, atol=1e-10)


@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ x + (1 | g) + (1 | half)"])
def test_blocks_and_threads_change_nothing(formula, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    spec = bm.prepare(formula, frame(), family="poisson")
    draws = made_up(spec)
    expected = rows_of(spec, draws)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(rows_of(spec, draws, run=pool.map), expected)
    chosen = np.array([3, 4, 17])
    some = np.empty((S, 3))
    for rows, log in QuadratureLeftOut(spec).rows(draws, first=chosen):
        some[:, rows] = log
    np.testing.assert_allclose(some, expected[:, chosen], atol=1e-6)
    monkeypatch.setattr(targets, "_ROWS", 5)
    monkeypatch.setattr(targets, "_NUMBERS", 500)
    np.testing.assert_allclose(rows_of(spec, draws), expected, atol=1e-6)


def test_the_factor_with_the_fewest_rows_is_integrated_out():
    def chain(formula, **options):
        spec = bm.prepare(formula, frame(12, 8), family="poisson", **options)
        return [sorted(layer.factors) for layer in chain_of_rows(spec)]

    assert chain("y ~ x + (1 | g)") == [["g"]]
    assert chain("y ~ x + (1 | g) + (1 | half)") == [["half"], ["g"]]
    assert chain("y ~ x + (1 | item) + (1 | half)") == [["half"]]
    heavy = {"u:half": bm.StudentT(4)}
    assert chain("y ~ x + (1 | g) + (1 | half)", priors=heavy) == [["g"]]


def test_groups_take_what_is_nested_in_them_along():
    spec = bm.prepare("y ~ x + (1 | g) + (1 | half) + (1 | item)", frame(), family="poisson")
    codes = {term.factor: term.codes for term in spec.design.groups}
    layers, target = chain_of_groups(spec, codes["g"])
    assert [sorted(layer.factors) for layer in layers] == [["half"], ["g"]]
    assert target == 1
    layers, target = chain_of_groups(spec, codes["half"])
    assert [sorted(layer.factors) for layer in layers] == [["half"], ["g"]]
    assert target == 0


class TestObstacles:
    def test_without_groups(self):
        spec = bm.prepare("y ~ x", frame(), family="poisson")
        assert left_out_obstacle(spec) == "the model has no group effects"

    def test_student_effects(self):
        priors = {"u:g": bm.StudentT(4)}
        spec = bm.prepare("y ~ x + (1 | g)", frame(), family="poisson", priors=priors)
        assert left_out_obstacle(spec) == "the effects of 'g' are Student-t"
        codes = spec.design.groups[0].codes
        assert groups_left_out_obstacle(spec, codes) == "the effects of 'g' are Student-t"

    def test_factors_that_cross_in_a_group(self):
        data = frame(6, 12).assign(
            left=lambda d: d["g"] * 3 + np.arange(72) % 3,
            right=lambda d: d["g"] * 4 + np.arange(72) % 4,
        )
        spec = bm.prepare("y ~ x + (1 | left) + (1 | right)", data, family="poisson")
        assert "cross" in groups_left_out_obstacle(spec, data["g"].to_numpy())
        assert left_out_obstacle(spec) is None

    def test_draws_that_were_not_kept(self):
        spec = bm.prepare("y ~ x + (1 | g) + (1 | item)", frame(), family="poisson")
        draws = made_up(spec)
        del draws.u["item"]
        with pytest.raises(bm.BayesmixError, match="5 levels of 'item' were too many to be kept"):
            rows_of(spec, draws)

    def test_gaussian_models_have_a_closed_form(self):
        spec = bm.prepare("score ~ x + (1 | g)", frame())
        assert not isinstance(left_out(spec), QuadratureLeftOut)
        spec = bm.prepare("score ~ x + (1 | g)", frame(), family="student")
        assert isinstance(left_out(spec), QuadratureLeftOut)
