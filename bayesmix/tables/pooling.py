"""What partial pooling did: each group's own regression beside its estimate by the mixed model.

A group's own regression explains its rows by the effects of the bar and by nothing else. What the
model says beside the effects of the bar is taken off first, at its posterior mean: the offset,
and population terms without a twin among the effects. So both estimates of a group, its own and
the mixed model's (`coef`), are of the same quantity. Where every population term
varies by group, as in ``y ~ x + (1 + x | g)``, the regressions depend on the data alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from bayesmix.base.arrays import BoolArray, FloatArray, IntArray
from bayesmix.families.links import LINKS
from bayesmix.families.supports import POSITIVE, UNIT
from bayesmix.posterior.fitted import Fitted
from bayesmix.tables.groups import coef, ranef, selected
from bayesmix.tables.population import fixef

if TYPE_CHECKING:
    from bayesmix.design.groupterm import GroupTerm
    from bayesmix.families.family import Family
    from bayesmix.families.slopes import Slope

__all__ = ["no_pooling", "shrinkage"]


# Part of a column that the columns before it must leave over, for it to count as another one.
_SMALLEST_PART = 1e-10
# Steps of Newton's method. Where there is a maximum it takes about 6, and more where a row far out
# holds it up; where there is none, the linear predictor moves on by about 1 a step, until so little
# information is left that the level is given up.
_STEPS, _HALVINGS, _GIVEN_UP_FROM = 100, 25, 30
_CONVERGED = 1e-9
# Most that a step may move the linear predictor, in the root mean square of the rows.
_LONGEST_STEP = 10.0
# Information below which a maximum cannot be told from a likelihood that is flat up to infinity.
_SMALLEST_INFORMATION = 1e-13


def no_pooling(fit: Fitted, re: str | None = None) -> pd.DataFrame:
    """Fit a regression to each group alone, all groups at once.

    Parameters
    ----------
    fit : Fitted
        Gaussian: weighted least squares. Other families: maximum likelihood, with auxiliary
        parameters at their posterior means. Draws of ``beta`` are read only where a population
        term does not vary by the group.
    re : str, optional
        One grouping factor; all of them by default.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, value, se, n``, in the order of factor, effect, level. ``n`` is
        the number of rows of the group.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model.

    Notes
    -----
    The regression of a group has the columns of its bar, Z, and as its response what is left of
    the linear predictor: y less the offset and less ``x' E(beta)`` over the population terms
    without a twin in the bar (another label; the offset of the likelihood in a generalised
    model). Effects of other grouping factors stay in, as they do in `coef`: with
    crossed factors both describe a level on its own.

    ``value`` is NaN where the rows of the group do not determine the effect: a slope from rows at
    one place, one category of several that does not occur. Effects of the same group that they do
    determine keep their values. ``se`` has the residual variance of the group's own regression,
    and is NaN where as many effects as rows leave nothing to estimate it.

    In generalised models the likelihood of a group may have no maximum: counts that are all zero,
    successes only, or successes and failures that a covariate separates. All effects of such a
    group are NaN, since some or all of them run off to infinity (Albert & Anderson 1984).
    ``se`` comes from the observed information.

    Columns are made orthogonal within each level, by modified Gram-Schmidt with the response as
    the last column, which is as accurate as a QR decomposition (Bjoerck 1967).

    References
    ----------
    Albert & Anderson (1984). On the existence of maximum likelihood estimates in logistic
    regression models. Biometrika 71, 1-10. https://doi.org/10.1093/biomet/71.1.1

    Bjoerck (1967). Solving linear least squares problems by Gram-Schmidt orthogonalization. BIT 7,
    1-21. https://doi.org/10.1007/BF01934122

    Examples
    --------
    >>> import bayesmix as bm
    >>> data = bm.load_dataset("sleepstudy")
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> fit = bm.fit(formula, data, random_seed=1, progressbar=False)
    >>> fit.no_pooling().head(3).round(2)
      group_var     effect group   value     se   n
    0   Subject  Intercept   308  244.19  28.08  10
    1   Subject  Intercept   309  205.05   5.22  10
    2   Subject  Intercept   310  203.48   7.24  10
    """
    parts = []
    for term in selected(fit.design, re):
        value, se, n = _regressions(fit, term, _known(fit, term))
        labels = [str(level) for level in term.levels]
        parts += [
            pd.DataFrame(
                {
                    "group_var": [term.factor] * term.n_levels,
                    "effect": [effect] * term.n_levels,
                    "group": labels,
                    "value": value[:, k],
                    "se": se[:, k],
                    "n": n,
                }
            )
            for k, effect in enumerate(term.effects)
        ]
    if parts:
        return pd.concat(parts, ignore_index=True)
    empty = ranef(fit, add_group_N=True)
    return empty[["group_var", "effect", "group", "value", "se", "n"]]


def shrinkage(fit: Fitted, re: str | None = None) -> pd.DataFrame:
    """Compare each group's own regression with its estimate by the mixed model.

    Parameters
    ----------
    fit : Fitted
    re : str, optional
        One grouping factor; all of them by default.

    Returns
    -------
    pandas.DataFrame
        ``group_var, effect, group, n, no_pooling, partial_pooling, population, shrinkage``, in
        the order of factor, effect, level. ``no_pooling`` is the value of `no_pooling`,
        ``partial_pooling`` that of `coef`, and ``population`` the posterior mean
        of the population effect, 0 where the effect has no twin among the population terms.

    Raises
    ------
    BayesmixError
        If `re` is not a grouping factor of the model.

    Notes
    -----
    ``shrinkage`` is the share of the way from the group's own estimate to the population that the
    mixed model goes,

        shrinkage = 1 - (partial_pooling - population) / (no_pooling - population),

    0 for no pooling and 1 for complete pooling, from

        partial_pooling = shrinkage * population + (1 - shrinkage) * no_pooling.

    It is the pooling factor of Gelman & Pardoe (2006, section 1.2) for a single estimate, where
    theirs is an average over the groups. Below 0 and above 1 it is right, too: correlated effects
    of a group inform each other, so that an effect may be moved away from the population or past
    it, most of all where the group's own estimate is close to the population and the share a
    ratio of two small numbers. For the average of groups compare the sds of the two columns. NaN
    where there is no estimate without pooling, or where it lies on the population.

    References
    ----------
    Gelman & Pardoe (2006). Bayesian measures of explained variance and pooling in multilevel
    (hierarchical) models. Technometrics 48, 241-251. https://doi.org/10.1198/004017005000000517

    Gelman & Hill (2007). Data analysis using regression and multilevel/hierarchical models,
    chapter 12. Cambridge University Press.

    Examples
    --------
    >>> fit.shrinkage().groupby("effect")["shrinkage"].median()  # doctest: +SKIP
    """
    own = no_pooling(fit, re)
    partial = coef(fit, re)["value"].to_numpy()
    fixed = fixef(fit).set_index("term")["value"]
    population = own["effect"].map(fixed).fillna(0.0).to_numpy(dtype=np.float64)
    value = own["value"].to_numpy()
    way = value - population
    way[np.abs(way) <= 1e-12 * (np.abs(value) + np.abs(population))] = np.nan
    return pd.DataFrame(
        {
            "group_var": own["group_var"],
            "effect": own["effect"],
            "group": own["group"],
            "n": own["n"],
            "no_pooling": value,
            "partial_pooling": partial,
            "population": population,
            "shrinkage": 1 - (partial - population) / way,
        }
    )


def _known(fit: Fitted, term: GroupTerm) -> FloatArray:
    """Add up the offset and the population terms that do not vary by the factor."""
    design = fit.design
    known = np.zeros(design.n_rows) if design.offset is None else design.offset.copy()
    others = [name not in term.effects for name in design.terms]
    if any(others):
        population = fixef(fit)["value"].to_numpy()
        known += design.X[:, others] @ population[others]
    return known


def _regressions(
    fit: Fitted, term: GroupTerm, known: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Estimate the effects and their standard errors (J, q), and count the rows (J,)."""
    design, family = fit.design, fit.family
    rows = np.flatnonzero(term.codes >= 0)
    codes = term.codes[rows]
    n = np.bincount(codes, minlength=term.n_levels)
    y, known = design.y[rows], known[rows]
    if family.has_residual_sd and family.on_response_scale:
        root = None if design.weights is None else np.sqrt(design.weights[rows])
        Z = term.Z[rows] if root is None else term.Z[rows] * root[:, np.newaxis]
        left = y - known if root is None else (y - known) * root
        basis = _orthogonalise(Z, codes, term.n_levels)
        value, se = _least_squares(basis, codes, left, n)
    else:
        basis = _orthogonalise(term.Z[rows], codes, term.n_levels)
        likelihood = _Likelihood.of(fit, rows)
        value, se = _maximum_likelihood(basis, codes, known, likelihood, n)
    value[~basis.determined] = np.nan
    se[~basis.determined] = np.nan
    return value, se, n


class _Likelihood(NamedTuple):
    """What rows say of their linear predictor, whatever the family.

    `auxiliary` has one value for all rows.
    """

    family: Family
    y: FloatArray
    auxiliary: dict[str, FloatArray]
    weights: FloatArray | None
    trials: FloatArray | None

    @classmethod
    def of(cls, fit: Fitted, rows: IntArray) -> _Likelihood:
        design, posterior = fit.design, fit.posterior
        auxiliary = {
            name: posterior[name].mean(("chain", "draw")).to_numpy()
            for name in fit.family.auxiliary
        }
        return cls(fit.family, design.y, auxiliary, design.weights, design.trials).take(rows)

    def take(self, rows: IntArray | BoolArray) -> _Likelihood:
        weights, trials = (
            None if values is None else values[rows] for values in (self.weights, self.trials)
        )
        return self._replace(y=self.y[rows], weights=weights, trials=trials)

    def log_density(self, eta: FloatArray) -> FloatArray:
        return self.family.log_density(self.y, eta, self.auxiliary, self.weights, self.trials)

    def slope(self, eta: FloatArray) -> Slope:
        """Differentiate the log density by the linear predictor."""
        family, name = self.family, self.family.parameters[0].name
        p, rows = family.values(eta, self.auxiliary), family.rows(self.weights, self.trials)
        return family.slopes(self.y, p, rows, name)[name]

    def near_response(self, known: FloatArray) -> FloatArray:
        """Linear predictors near each response, away from the edge; `known` on a latent scale."""
        support, link = self.family.parameters[0].support, LINKS[self.family.link]
        if support == UNIT:
            trials = 1.0 if self.trials is None else self.trials
            return np.asarray(link.near((self.y + 0.5) / (trials + 1.0)))
        if support == POSITIVE:
            return np.asarray(link.near(self.y + 0.5))
        return self.y if self.family.on_response_scale else known


class _Basis(NamedTuple):
    """Columns made orthonormal within each level.

    `Q` (n, q) has zeros for a column that depends on those before it, and `kept` (J, q) is False
    there. Effects are ``inverse @ coordinates``, with `inverse` (J, q, q) the pseudo-inverse of R;
    `determined` (J, q) tells which of them are the same in all solutions.
    """

    Q: FloatArray
    kept: BoolArray
    inverse: FloatArray
    determined: BoolArray

    @property
    def rank(self) -> IntArray:
        return self.kept.sum(axis=1)


def _sums(values: FloatArray, codes: IntArray, n_levels: int) -> FloatArray:
    return np.bincount(codes, values, minlength=n_levels)


def _orthogonalise(Z: FloatArray, codes: IntArray, n_levels: int) -> _Basis:
    q = Z.shape[1]
    Q = np.array(Z, order="F")
    R = np.zeros((n_levels, q, q))
    length = np.empty((n_levels, q))
    for k in range(q):
        length[:, k] = np.sqrt(_sums(Q[:, k] ** 2, codes, n_levels))
        length[length[:, k] == 0, k] = 1.0
        Q[:, k] /= length[codes, k]
    for k in range(q):
        left = np.sqrt(_sums(Q[:, k] ** 2, codes, n_levels))
        kept = left > _SMALLEST_PART
        R[kept, k, k] = left[kept]
        Q[:, k] *= (kept / np.where(kept, left, 1.0))[codes]
        for j in range(k + 1, q):
            R[:, k, j] = _sums(Q[:, k] * Q[:, j], codes, n_levels)
            Q[:, j] -= R[codes, k, j] * Q[:, k]
    kept = np.diagonal(R, axis1=1, axis2=2) > 0
    inverse, determined = _pseudo_inverse(R, kept)
    return _Basis(Q, kept, inverse / length[:, :, np.newaxis], determined)


def _pseudo_inverse(R: FloatArray, kept: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Invert triangular matrices of full rank or less, and find what they determine."""
    inverse = np.zeros_like(R)
    determined = np.ones(kept.shape, dtype=np.bool_)
    full = kept.all(axis=1)
    inverse[full] = np.linalg.inv(R[full])
    if not full.all():
        U, size, Vt = np.linalg.svd(R[~full])
        counts = np.arange(R.shape[1]) < kept[~full].sum(axis=1)[:, np.newaxis]
        reciprocal = np.where(counts, 1 / np.where(counts, size, 1.0), 0.0)
        inverse[~full] = (np.swapaxes(Vt, 1, 2) * reciprocal[:, np.newaxis]) @ np.swapaxes(U, 1, 2)
        inside = (Vt**2 * counts[:, :, np.newaxis]).sum(axis=1)
        determined[~full] = inside > 1 - 1e-8
    return inverse, determined


def _least_squares(
    basis: _Basis, codes: IntArray, y: FloatArray, n: IntArray
) -> tuple[FloatArray, FloatArray]:
    n_levels, q = basis.kept.shape
    coordinates = np.empty((n_levels, q))
    left = y.copy()
    for k in range(q):
        coordinates[:, k] = _sums(basis.Q[:, k] * left, codes, n_levels)
        left -= coordinates[codes, k] * basis.Q[:, k]
    freedom = n - basis.rank
    variance = np.full(n_levels, np.nan)
    rest = freedom > 0
    variance[rest] = _sums(left**2, codes, n_levels)[rest] / freedom[rest]
    value = np.einsum("jkl,jl->jk", basis.inverse, coordinates)
    return value, np.sqrt(variance[:, np.newaxis] * (basis.inverse**2).sum(axis=2))


def _maximum_likelihood(
    basis: _Basis,
    codes: IntArray,
    known: FloatArray,
    likelihood: _Likelihood,
    n: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Run Newton's method in every level at once, in the coordinates of the basis."""
    n_levels, q = basis.kept.shape
    value, se = np.full((n_levels, q), np.nan), np.full((n_levels, q), np.nan)
    levels = np.flatnonzero(n > 0)
    Q, eta = basis.Q, known
    for step in range(_STEPS):
        # Levels that have converged are left out, and the others numbered anew.
        number = np.full(n_levels, -1)
        number[levels] = np.arange(len(levels))
        rows = number[codes] >= 0
        codes, levels_of = codes[rows], number[codes[rows]]
        Q, known, eta = Q[rows], known[rows], eta[rows]
        likelihood = likelihood.take(rows)
        if step == 0:
            # From the responses themselves to a point on the model.
            start = likelihood.near_response(known)
            score, weight = likelihood.slope(start)
            score += weight * (start - known)
        else:
            score, weight = likelihood.slope(eta)
        gradient, information = _quadratic(Q, score, weight, levels_of, basis.kept[levels])
        move, sound = _solve(information, gradient)
        along = (Q * move[levels_of]).sum(axis=1)
        length = np.sqrt(_sums(along**2, levels_of, len(levels)))
        most = _LONGEST_STEP * np.sqrt(n[levels])
        along *= (np.minimum(length, most) / np.where(length > 0, length, 1.0))[levels_of]
        eta = eta + along * _share(likelihood, eta, along, levels_of, len(levels))
        done = sound & (length < _CONVERGED)
        if step == 0:
            continue
        finished = levels[done]
        value[finished], se[finished] = _finished(
            basis.inverse[finished], Q, eta - known, information[done], levels_of, done
        )
        levels = levels[~done & (sound | (step < _GIVEN_UP_FROM))]
        if not len(levels):
            break
    return value, se


def _finished(
    inverse: FloatArray,
    Q: FloatArray,
    eta: FloatArray,
    information: FloatArray,
    codes: IntArray,
    done: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Turn coordinates and their information into effects and standard errors."""
    coordinates = np.stack(
        [_sums(Q[:, k] * eta, codes, len(done))[done] for k in range(Q.shape[1])], axis=1
    )
    covariance = inverse @ np.linalg.inv(information) @ np.swapaxes(inverse, 1, 2)
    effects = np.einsum("jkl,jl->jk", inverse, coordinates)
    return effects, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))


def _quadratic(
    Q: FloatArray, score: FloatArray, weight: FloatArray, codes: IntArray, kept: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Sum gradient (J, q) and information (J, q, q) of each level."""
    n_levels, q = kept.shape
    gradient, information = np.empty((n_levels, q)), np.empty((n_levels, q, q))
    for k in range(q):
        gradient[:, k] = _sums(Q[:, k] * score, codes, n_levels)
        for j in range(k + 1):
            information[:, k, j] = _sums(Q[:, k] * Q[:, j] * weight, codes, n_levels)
            information[:, j, k] = information[:, k, j]
        information[~kept[:, k], k, k] = 1.0
    return gradient, information


def _solve(information: FloatArray, gradient: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Solve for a step, and tell where the information has not all but vanished."""
    size, axes = np.linalg.eigh(information)
    sound = size[:, 0] > _SMALLEST_INFORMATION
    size = np.maximum(size, _SMALLEST_INFORMATION)
    step: FloatArray = np.einsum("jkl,jl,jml,jm->jk", axes, 1 / size, axes, gradient)
    return step, sound


def _share(
    likelihood: _Likelihood,
    eta: FloatArray,
    along: FloatArray,
    codes: IntArray,
    n_levels: int,
) -> FloatArray:
    """Halve the step of a level until its likelihood does not fall; one share for each row."""
    share = np.ones(n_levels)

    def by_level(at: FloatArray) -> FloatArray:
        return _sums(likelihood.log_density(at), codes, n_levels)

    before = by_level(eta)
    for _ in range(_HALVINGS):
        with np.errstate(over="ignore", invalid="ignore"):
            after = by_level(eta + share[codes] * along)
        falls = ~(after >= before - 1e-10 * (1 + np.abs(before)))
        if not falls.any():
            break
        share[falls] /= 2
    return share[codes]
