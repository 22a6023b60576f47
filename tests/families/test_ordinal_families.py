"""Families of ordered categories: densities by SciPy, by R and by identities between models."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

import bayesmix as bm
from bayesmix.base.errors import BayesmixError
from bayesmix.families.intervals import log_interval
from bayesmix.families.links import ARRAYS, LINKS
from bayesmix.families.registry import get_family
from bayesmix.families.thresholds import threshold_weights
from bayesmix.families.values import Rows, Value
from wine import wine

LATENT = {
    "logit": stats.logistic,
    "probit": stats.norm,
    "cloglog": stats.gumbel_l,
    "cauchit": stats.cauchy,
}
NAMES = ("cumulative", "sratio", "cratio", "acat")
SYMMETRIC = ("logit", "probit", "cauchit")
THRESHOLDS = np.array([-1.2, 0.1, 0.4, 2.0])
ETA = np.array([-1.5, -0.2, 0.0, 0.3, 1.1, 1.8])

every = pytest.mark.parametrize(
    ("name", "link"), [(name, link) for name in NAMES for link in LATENT]
)


def expected_probabilities(name: str, link: str, eta: np.ndarray, thresholds: np.ndarray):
    """By SciPy, term by term as the papers write them."""
    latent, n = LATENT[link], len(thresholds)
    up, down = (side(eta[:, None] - thresholds) for side in (latent.cdf, latent.sf))
    below, above = (side(thresholds - eta[:, None]) for side in (latent.cdf, latent.sf))
    p = np.ones((len(eta), n + 1))
    for k in range(n + 1):
        if name == "cumulative":
            ends = {0: below[:, 0], n: above[:, -1]}
            p[:, k] = ends[k] if k in ends else below[:, k] - below[:, k - 1]
        elif name == "acat":
            for j in range(n):
                p[:, k] *= up[:, j] if j < k else down[:, j]
        else:
            stop, onwards = (below, above) if name == "sratio" else (down, up)
            p[:, k] = np.prod(onwards[:, :k], axis=1)
            p[:, k] *= stop[:, k] if k < n else 1.0
    return p / p.sum(axis=1, keepdims=True)


@every
def test_probabilities(name, link):
    expected = expected_probabilities(name, link, ETA, THRESHOLDS)
    family = get_family(name, link)
    found = family.expectation(ETA, auxiliary={"cutpoint": THRESHOLDS})
    assert_allclose(found, expected, rtol=1e-11)
    for k in range(5):
        log = family.log_density(np.full(6, float(k)), ETA, {"cutpoint": THRESHOLDS})
        assert_allclose(log, np.log(expected[:, k]), rtol=1e-11)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("link", SYMMETRIC)
@pytest.mark.parametrize("far", [5.0, 36.0, 300.0])
def test_nothing_is_lost_in_either_tail(name, link, far):
    """The scale may be turned round, and then the upper tail is the lower one."""
    if name in ("sratio", "cratio"):
        other = {"sratio": "cratio", "cratio": "sratio"}[name]
        y, eta = np.arange(5.0), np.full(5, far)
        one, same = get_family(name, link), get_family(other, link)
        own, turned = ({"cutpoint": THRESHOLDS},) * 2
    else:
        one = same = get_family(name, link)
        y, eta = np.arange(5.0), np.full(5, far)
        own, turned = {"cutpoint": THRESHOLDS}, {"cutpoint": -THRESHOLDS[::-1]}
    log = one.log_density(y, eta, own)
    assert np.isfinite(log).all()
    if one is same:
        assert_allclose(log, same.log_density(4 - y, -eta, turned), rtol=1e-12)
    else:
        assert_allclose(log, same.log_density(y, eta, turned), rtol=1e-12)
    scores = one.scores(y, np.full((5, 1), far), {"cutpoint": THRESHOLDS[:, None]}, Rows())
    assert np.isfinite(scores.score).all()
    assert np.isfinite(scores.auxiliary["cutpoint"]).all()
    assert scores.total[0] == pytest.approx(log.sum(), rel=1e-12)


@pytest.mark.parametrize("link", LATENT)
def test_intervals_by_quadrature_and_in_closed_form(link):
    """Far out the density is flat over a short interval; near, differences have all digits."""
    lower, upper = np.array([-1.0, 0.3, -2.0]), np.array([0.5, 0.35, 2.5])
    latent = LATENT[link]
    expected = np.log(latent.cdf(upper) - latent.cdf(lower))
    assert_allclose(log_interval(lower, upper, link, ARRAYS), expected, rtol=1e-12)
    for at in (-30.0, 2.2 if link == "cloglog" else 30.0):
        width = 1e-7
        short = log_interval(np.array(at), np.array(at + width), link, ARRAYS)
        assert short == pytest.approx(latent.logpdf(at) + np.log(width), abs=1e-5)


@pytest.mark.parametrize("link", LATENT)
def test_with_two_categories_a_probability_of_the_higher(link):
    """cratio says this with the link itself; the others with that of the complement."""
    y, own = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]), {"cutpoint": np.array([0.4])}
    bernoulli = get_family("bernoulli", link)
    assert_allclose(
        get_family("cratio", link).log_density(y, ETA, own),
        bernoulli.log_density(y, ETA - 0.4),
        rtol=1e-12,
    )
    for name in ("cumulative", "sratio"):
        found = get_family(name, link).log_density(y, ETA, own)
        assert_allclose(found, bernoulli.log_density(1 - y, 0.4 - ETA), rtol=1e-12)


@pytest.mark.parametrize("link", SYMMETRIC)
def test_stopping_and_continuation_are_the_same_with_a_symmetric_link(link):
    own, y = {"cutpoint": THRESHOLDS}, np.array([0.0, 1, 2, 3, 4, 2])
    one, other = (get_family(name, link).log_density(y, ETA, own) for name in ("sratio", "cratio"))
    assert_allclose(one, other, rtol=1e-12)


def test_cumulative_and_stopping_are_the_same_with_cloglog():
    """Laara & Matthews (1985), https://doi.org/10.1093/biomet/72.1.206."""
    y = np.array([0.0, 1, 2, 3, 4, 2])
    steps = np.log(np.diff(np.exp(THRESHOLDS), prepend=0.0))
    one = get_family("cumulative", "cloglog").log_density(y, ETA, {"cutpoint": THRESHOLDS})
    other = get_family("sratio", "cloglog").log_density(y, ETA, {"cutpoint": steps})
    assert_allclose(one, other, rtol=1e-12)


def test_disc_divides_the_sd_of_the_latent_scale():
    family, y = get_family("cumulative"), np.array([0.0, 1, 2, 3, 4, 2])
    own = family.values(ETA, {"cutpoint": THRESHOLDS})
    wide = {**own, "disc": Value(np.full(6, 2.0), LINKS["identity"])}
    expected = family.log_density(y, 2 * ETA, {"cutpoint": 2 * THRESHOLDS})
    assert_allclose(family.density(y, wide, Rows()), expected, rtol=1e-13)


# Maxima of the likelihood of `wine` without judges: R 4.2.2, ordinal 2022.11-16,
# clm(rating ~ temp + contact, data = wine, link = ...), thresholds first; sratio by
# glm(stop ~ 0 + k + t + c, binomial) of a row for each threshold that a rating reaches, t and c
# being minus the indicators; acat by optim() on the multinomial likelihood, and cauchit by optim()
# on that of pcauchy(), from which clm() is 3e-4 away.
_OF_R = {
    ("cumulative", "logit"): (
        -86.49192337,
        (-1.344383411, 1.250808798, 3.466886926, 5.006404204, 2.503102008, 1.527797658),
    ),
    ("cumulative", "probit"): (
        -85.76114836,
        (-0.7732627288, 0.7360214898, 2.044680464, 2.941344982, 1.499374578, 0.8677435389),
    ),
    ("cumulative", "cloglog"): (
        -86.63407921,
        (-1.740082367, 0.2963290975, 1.728855343, 2.596797049, 1.605760091, 0.8597136565),
    ),
    ("cumulative", "cauchit"): (
        -92.5155540305,
        (-2.51114815342, 0.880218425479, 2.86574293619, 4.54117289608, 1.9628958808, 1.21827931101),
    ),
    ("sratio", "logit"): (
        -86.179704,
        (-1.4820545, 0.89299625, 2.6771938, 3.5464842, 2.2285558, 1.2389482),
    ),
    ("acat", "logit"): (
        -85.64416,
        (-0.98990458, 0.89010539, 2.515837, 2.7850436, 1.6884842, 0.96485347),
    ),
}


@pytest.mark.parametrize(("name", "link"), _OF_R)
def test_maximum_likelihood_is_that_of_r(name, link):
    data = wine()
    X = np.column_stack([data["temp"] == "warm", data["contact"] == "yes"]).astype(float)
    y, family = data["rating"].to_numpy() - 1.0, get_family(name, link)
    log_likelihood, estimates = _OF_R[name, link]

    def minus(theta):
        eta = (X @ theta[4:])[:, None]
        scores = family.scores(y, eta, {"cutpoint": theta[:4, None]}, Rows())
        gradient = [*scores.auxiliary["cutpoint"][:, 0], *(X.T @ scores.score)[:, 0]]
        return -scores.total[0], -np.array(gradient)

    value, gradient = minus(np.array(estimates))
    assert -value == pytest.approx(log_likelihood, abs=2e-6)
    assert np.abs(gradient).max() < 2e-3
    start = np.array([-1.0, 0.0, 1.0, 2.0, 0.5, 0.5])
    found = optimize.minimize(minus, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    assert -found.fun == pytest.approx(log_likelihood, abs=2e-6)
    assert_allclose(found.x, estimates, atol=2e-3)


def test_weights_of_equidistant_thresholds():
    assert_allclose(threshold_weights("equidistant", 4) @ [0.0, 6.0], [0, 2, 4, 6])
    for length in (1, 2):
        assert_allclose(threshold_weights("equidistant", length), np.eye(length))
    assert_allclose(threshold_weights("flexible", 4), np.eye(4))


class TestAsking:
    @pytest.mark.parametrize(
        "asked",
        [
            "cumulative(probit, threshold=equidistant)",
            "cumulative(threshold=equidistant, link=probit)",
            "cumulative( link = 'probit', threshold = \"equidistant\" )",
        ],
    )
    def test_text(self, asked):
        family = get_family(asked)
        assert family == get_family("cumulative", link="probit", threshold="equidistant")
        assert get_family(repr(family)) == family
        assert pickle.loads(pickle.dumps(family)) == family
        assert get_family(family, threshold="flexible") == get_family("cumulative", "probit")

    def test_a_layout_of_its_own_is_another_family(self):
        one, other = get_family("sratio"), get_family("sratio", threshold="equidistant")
        assert one != other
        assert (one.threshold, other.threshold) == ("flexible", "equidistant")
        assert pickle.loads(pickle.dumps(one)).threshold == "flexible"
        assert (repr(one), repr(other)) == ("sratio(logit)", "sratio(logit, threshold=equidistant)")

    @pytest.mark.parametrize(
        ("asked", "threshold", "message"),
        [
            (
                "cumulative",
                "equal",
                "Unknown threshold 'equal' for family 'cumulative'. Thresholds",
            ),
            ("cumulative", 3, "Unknown threshold 3"),
            ("gaussian", "flexible", "no thresholds, which .* 'cumulative', 'sratio', .*Leave"),
            ("poisson(threshold=flexible)", None, "Family 'poisson' has no thresholds"),
            ("cumulative(threshold=flexible)", "equidistant", "has the threshold 'flexible', but"),
            ("cumulative(threshold=)", None, "family must be a name"),
            ("cumulative(probit, logit)", None, "family must be a name"),
            ("cumulative(nope=probit)", None, "family must be a name"),
            ("cumulative(log)", None, "Unknown link 'log' for family 'cumulative'"),
            ("ordered", None, "Did you mean 'cumulative'"),
            ("adjacent", None, "Did you mean 'acat'"),
        ],
    )
    def test_errors(self, asked, threshold, message):
        with pytest.raises(BayesmixError, match=message):
            get_family(asked, threshold=threshold)


def test_default_priors_of_thresholds():
    spec = bm.prepare("rating ~ temp + contact + (1 | judge)", wine(), family="cumulative")
    table = spec.prior_table()
    assert table["parameter"].tolist()[0] == "cutpoint"
    assert table["prior"][0] == (
        "StudentT(nu=3, mu=0, sigma=2.5), temp[warm] and contact[yes] at their means"
    )
    assert spec.priors.lengths == {"cutpoint": 4}
    assert spec.design.terms == ("temp[warm]", "contact[yes]")
