"""Predictive densities of rows and groups that are left out, all effects integrated out.

Given theta the response of a Gaussian model is jointly normal, so that the density of a row or of a
group given all other rows is closed. Everything here is for specifications without an obstacle
(`bayesmix.engines.exact.exact_obstacle`), whichever method sampled theta, and takes a batch of S
thetas.

Let ``a_i`` be what row i multiplies the effects with, ``h_i = w_i a_i' Cov(effects | y) a_i /
sigma^2`` its leverage and ``e_i`` its residual at the posterior mean of the effects. Then

    y_i | y_-i, theta  ~  Normal(y_i - e_i / (1 - h_i), sigma^2 / (w_i (1 - h_i)))

Factors nested in one another are a tree, with the population effects at its root: each row is
swept through its levels from the inside out, and what a level tells the one above it is a small
matrix that can be taken off. Crossed factors need entries of the inverse of one dense matrix.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import cross_products, within_levels
from bayesmix.blocks.marginal import MarginalModel, cholesky, factorise, marginal_model
from bayesmix.blocks.theta import Theta
from bayesmix.design.design import Design
from bayesmix.engines.exact import Marginal, marginal_of
from bayesmix.model.centring import centred_design, centred_scale
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["group_densities", "row_densities", "theta_of"]

type Pattern = tuple[tuple[int, int], ...]

# Numbers in the largest array that is yielded, in those of one batch, in what is kept between
# blocks of rows, and in one that is to stay in the cache.
LARGEST_BLOCK = 1 << 26
LARGEST_BATCH = 1 << 21
LARGEST_KEPT = 1 << 24
CACHE_SIZE = 1 << 14

# How many times the residual sd group effects may be before rounding shows in sums of terms of
# both signs.
FAR = 30.0

LOG_2_PI = float(np.log(2 * np.pi))


def theta_of(spec: ModelSpec, posterior: xr.Dataset) -> Theta:
    """Take theta from the draws of a fit, whichever method made them.

    Parameters
    ----------
    spec : ModelSpec
        A Gaussian one.
    posterior : Dataset
        Draws with ``sigma`` and, for each factor, the sds that have a prior
        (`bayesmix.model.centring.sd_variable`) and, where effects are correlated, ``lkj_``.

    Returns
    -------
    Theta
        A batch of all draws, chain after chain.
    """
    scale = tuple(centred_scale(spec, term, posterior) for term in spec.design.groups)
    sigma = posterior["sigma"].transpose("chain", "draw").to_numpy().astype(np.float64)
    return Theta(scale, sigma.reshape(-1))


def row_densities(
    spec: ModelSpec,
    theta: Theta,
    *,
    rows_at_once: int | None = None,
    stop: int | None = None,
    run: Callable[..., Any] = map,
) -> Iterator[tuple[slice, FloatArray]]:
    """Compute the log density of each row given all others, ``log p(y_i | y_-i, theta)``.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.
    theta : Theta
        A batch of S values.
    rows_at_once : int, optional
        Rows of one array that is yielded; by default so many that it stays below half a GiB.
    stop : int, optional
        Only so many of the first rows, still given all others.
    run : callable
        ``map``, or an executor's: batches are of fixed size, so that the numbers do not
        depend on it.

    Yields
    ------
    rows : slice
        Rows of the design, in order.
    densities : ndarray, shape (S, rows)
        NaN for a theta beyond what the machine can factorise.
    """
    if not len(theta):
        raise ValueError("theta has no draws.")
    n = spec.design.n_rows if stop is None else stop
    most = max(1, LARGEST_BLOCK // len(theta))
    yielded = most if rows_at_once is None else rows_at_once
    # What does not depend on the rows is computed once for each block, so blocks are large.
    block = max(1, most // yielded) * yielded
    marginal = marginal_of(spec)
    structure, theta = _structure(spec, marginal), marginal.units.theta(theta)
    unit = np.log(marginal.units.response)
    batches = _batches(structure, theta)
    keep = structure.size * len(theta) <= LARGEST_KEPT
    kept: dict[int, Any] = {}
    for start in range(0, n, block):
        rows = slice(start, min(start + block, n))
        out = np.empty((len(theta), rows.stop - start))
        use = structure.of_rows(rows)

        def fill(
            part: slice, out: FloatArray = out, use: Callable[[Theta, Any], FloatArray] = use
        ) -> None:
            with np.errstate(all="ignore"):
                state = kept.get(part.start)
                if state is None:
                    state = structure.prepare(theta[part])
                    if keep:
                        kept[part.start] = state
                out[part] = use(theta[part], state) - unit

        for _ in run(fill, batches):
            pass
        for first in range(start, rows.stop, yielded):
            place = slice(first, min(first + yielded, rows.stop))
            yield place, out[:, place.start - start : place.stop - start]


def group_densities(
    spec: ModelSpec,
    theta: Theta,
    factor: str | None,
    run: Callable[..., Any] = map,
    *,
    codes: IntArray | None = None,
) -> FloatArray:
    """Compute the log density of all rows of a group given all others, for each group.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.
    theta : Theta
        A batch of S values.
    factor : str or None
        A grouping factor of the design: its levels are the groups. Not used if `codes` come.
    run : callable
        As in `row_densities`.
    codes : ndarray of int64, shape (n,), optional
        Group of each row, 0 to J - 1, or -1 for rows that are never left out.

    Returns
    -------
    ndarray, shape (S, J)
        ``log p(y_g | y_-g, theta)``; zero for a group without rows.

    Raises
    ------
    KeyError
        The design has no such factor, and no codes come.
    """
    if codes is None:
        by_name = {term.factor: term for term in spec.design.groups}
        if factor is None or factor not in by_name:
            raise KeyError(factor)
        codes, n_groups = by_name[factor].codes, by_name[factor].n_levels
    else:
        codes = np.asarray(codes, dtype=np.int64)
        n_groups = int(codes.max(initial=-1)) + 1
    out = np.zeros((len(theta), n_groups))
    marginal = marginal_of(spec)
    model, theta = marginal.model, marginal.units.theta(theta)
    structure = _structure(spec, marginal)
    groups, use = structure.of_groups(codes)

    def fill(part: slice) -> None:
        with np.errstate(all="ignore"):
            state = structure.prepare(theta[part])
            out[part, groups] = use(theta[part], state)

    if len(groups):
        for _ in run(fill, _batches(structure, theta)):
            pass
    # What the structure has no shorter way for: p(y) / p(y_-g), both from cross-products.
    others = np.setdiff1d(codes[codes >= 0], groups)
    if len(others):
        whole = model.log_density(theta, run)
        for group in others:
            rest = _without(marginal.design, codes == group)
            out[:, group] = whole
            if rest.n_rows:
                products = cross_products(rest, marginal.center, marginal.mean, marginal.shifts)
                smaller = marginal_model(products, model.precision, model.patterns)
                out[:, group] -= smaller.log_density(theta, run)
    sizes = np.bincount(codes[codes >= 0], minlength=n_groups)
    out -= sizes * np.log(marginal.units.response)
    return out


def _batches(structure: _Tree | _Crossed, theta: Theta) -> list[slice]:
    return [slice(i, i + structure.batch) for i in range(0, len(theta), structure.batch)]


def _without(design: Design, rows: npt.NDArray[np.bool_]) -> Design:
    """Leave rows out, and the levels that have no others."""
    rest = design.take(~rows)
    groups = []
    for term in rest.groups:
        present, codes = np.unique(term.codes, return_inverse=True)
        groups.append(dataclasses.replace(term, levels=term.levels[present], codes=codes))
    return dataclasses.replace(rest, groups=tuple(groups))


def _response(design: Design, center: FloatArray, mean: FloatArray) -> tuple[FloatArray, ...]:
    """Centred columns and the response less offset and prior mean, as in the cross-products."""
    X = design.X - center
    y = design.y - X @ mean
    return X, y if design.offset is None else y - design.offset


def _log_normal(
    residual: FloatArray, leverage: FloatArray, weights: FloatArray | None, sigma: FloatArray
) -> FloatArray:
    """Log density of rows left out, shape (rows, B); `leverage` is still without the weight."""
    variance: Any = sigma**2
    if weights is not None:
        leverage = leverage * weights[:, None]
        variance = variance / weights[:, None]
    variance = variance * (1 - leverage)
    log: FloatArray = residual * residual
    log /= variance
    variance /= (1 - leverage) ** 2
    log += np.log(variance)
    log += LOG_2_PI
    log *= -0.5
    return log


# ---------------------------------------------------------------- factors nested in one another


@dataclasses.dataclass(frozen=True, eq=False)
class _Stage:
    """The levels of one factor that have rows: the nodes of the tree at one distance of the root.

    Nodes are sorted by those above them.
    """

    factor: int
    n_effects: int
    pattern: Pattern
    node: IntArray  # (n,) of each row
    parent: IntArray  # (J,) in the next stage


@dataclasses.dataclass(frozen=True, eq=False)
class _Tree:
    """Nested factors from the inside out, and the population effects as the root above them.

    The columns of stage i are its own effects, those of the stages above, X and the response.
    """

    stages: tuple[_Stage, ...]
    columns: FloatArray  # (n, k) of the innermost stage
    weights: FloatArray | None
    own: FloatArray  # (J, q, k) cross-products within each innermost level
    base: FloatArray  # (J', r, r) cross-products within each node of the next stage
    precision: FloatArray

    @property
    def n_terms(self) -> int:
        return len(self.precision)

    @property
    def size(self) -> int:
        """Numbers that one theta needs at once."""
        sizes, width = [], self.columns.shape[1]
        for stage in self.stages:
            sizes.append(len(stage.parent) * width**2)
            width -= stage.n_effects
        return int(sum(sizes[1:]) + width**2)

    @property
    def batch(self) -> int:
        return int(np.clip(LARGEST_BATCH // self.size, 1, 256))

    def prepare(self, theta: Theta) -> list[FloatArray]:
        """Pass messages up: what each node of the next stages, and the root, has from below.

        Symmetric matrices of their columns, one array (J, k, k, B) per stage but the innermost,
        the root last.
        """
        B, variance = len(theta), theta.sigma**2
        potential = np.repeat(self.base[..., None], B, axis=-1)
        found = [potential]
        for i, stage in enumerate(self.stages):
            q = stage.n_effects
            lower = self.own[..., None] if i == 0 else found[i - 1][:, :q]
            if i > 0:
                starts = np.searchsorted(stage.parent, np.arange(stage.parent[-1] + 1))
                potential = np.add.reduceat(found[i - 1][:, q:, q:], starts, axis=0)
                found.append(potential)
            for nodes in _chunks(len(lower), B * q * potential.shape[1]):
                white = factorise(
                    lower[nodes, :, :q], theta.scale[stage.factor], variance, stage.pattern
                )[1]
                half = _whitened(white, lower[nodes, :, q:], B)
                parent = stage.parent[nodes]
                if parent[0] == parent[-1]:
                    potential[parent[0]] -= np.einsum("jacb,jadb->cdb", half, half)
                else:
                    products = np.einsum("jacb,jadb->jcdb", half, half)
                    above, starts = np.unique(parent, return_index=True)
                    potential[above] -= np.add.reduceat(products, starts, axis=0)
        return found

    def of_rows(self, rows: slice) -> Callable[[Theta, Any], FloatArray]:
        """Prepare the log densities (B, rows) of some rows."""
        # Rows of the same level next to each other share its factorisation.
        order = np.arange(rows.start, rows.stop)
        if self.stages:
            order = order[np.argsort(self.stages[0].node[rows], kind="stable")]
        weights = self.weights

        def densities(theta: Theta, found: list[FloatArray]) -> FloatArray:
            root = self._root(theta, found[-1])
            out = np.empty((len(theta), len(order)))
            for chunk in _chunks(len(order), len(theta)):
                some = order[chunk]
                residual, leverage = self._sweep(some, theta, found, root)
                own = None if weights is None else weights[some]
                log = _log_normal(residual, leverage, own, theta.sigma)
                out[:, some - rows.start] = log.T
            return out

        return densities

    def _root(self, theta: Theta, potential: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Inverse Cholesky factor (B, p, p) of the population effects, and the half-solved y."""
        p = self.n_terms
        M = np.moveaxis(potential[0, :p, :p], -1, 0)
        M = M + theta.sigma[:, None, None] ** 2 * np.diag(self.precision)
        inverse = np.linalg.inv(cholesky(M)) if p else M
        return inverse, inverse @ potential[0, :p, p].T[..., None]

    def _sweep(
        self,
        rows: IntArray,
        theta: Theta,
        found: list[FloatArray],
        root: tuple[FloatArray, FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Residuals and leverages (rows, B), the effects eliminated from each row in turn."""
        B, p, variance = len(theta), self.n_terms, theta.sigma**2
        row: FloatArray = self.columns[rows, :, None]
        leverage = np.zeros((len(rows), B))
        for i, stage in enumerate(self.stages):
            q = stage.n_effects
            nodes, place = np.unique(stage.node[rows], return_inverse=True)
            lower = self.own[nodes, ..., None] if i == 0 else found[i - 1][nodes, :q]
            white = factorise(lower[:, :, :q], theta.scale[stage.factor], variance, stage.pattern)[
                1
            ]
            if len(nodes) > 1:
                white = {entry: values[place] for entry, values in white.items()}
            else:
                place = np.zeros(1, dtype=np.int64)
            solved: list[Any] = [0.0] * q
            for a in range(q):
                half: Any = 0.0
                for b in range(q):
                    if (a, b) in white:
                        half = half + white[a, b] * row[:, b]
                leverage += half * half
                for b in range(q):
                    if (a, b) in white:
                        solved[b] = solved[b] + white[a, b] * half
            row = np.repeat(row[:, q:], B, axis=2) if row.shape[2] < B else row[:, q:].copy()
            for b in range(q):
                row -= lower[place, b, q:] * solved[b][:, None]
        inverse, half_y = root
        if not p:
            return np.broadcast_to(row[:, 0], leverage.shape), leverage
        effects = np.ascontiguousarray(np.moveaxis(row[:, :p], 2, 0))
        half = effects @ np.swapaxes(inverse, 1, 2)
        leverage += np.einsum("bip,bip->ib", half, half)
        return row[:, p] - (half @ half_y)[..., 0].T, leverage

    # ------------------------------------------------------------------ whole levels left out

    def of_groups(self, codes: IntArray) -> tuple[IntArray, Callable[[Theta, Any], FloatArray]]:
        """Find the groups that are the nodes of a stage, and how to get their densities (B, J)."""
        for i, stage in enumerate(self.stages):
            group_of_node = np.empty(len(stage.parent), dtype=np.int64)
            group_of_node[stage.node] = codes
            distinct = len(np.unique(codes)) == len(group_of_node)
            if distinct and (codes >= 0).all() and (group_of_node[stage.node] == codes).all():
                inner = self.stages[0]
                weighted = (
                    self.columns if self.weights is None else self.columns * self.weights[:, None]
                )
                full = within_levels(inner.node, len(inner.parent), self.columns, weighted)
                return group_of_node, functools.partial(self._without_nodes, i, full[..., None])
        return np.empty(0, dtype=np.int64), self._without_none

    def _without_none(self, theta: Theta, found: list[FloatArray]) -> FloatArray:
        return np.empty((len(theta), 0))

    def _without_nodes(
        self, i: int, innermost: FloatArray, theta: Theta, prepared: list[FloatArray]
    ) -> FloatArray:
        """Log density (B, J) of the rows below each node of stage i, given all others.

        What a node told the one above it is taken off, and so on up to the root.
        """
        B, variance = len(theta), theta.sigma**2
        log_variance = np.log(variance)
        found = [innermost, *prepared]
        above = [
            (found[v], theta.scale[stage.factor], stage.pattern)
            for v, stage in enumerate(self.stages)
        ]
        counts = np.bincount(self.stages[i].node)
        log_weights = np.zeros(len(counts))
        if self.weights is not None:
            log_weights = np.bincount(self.stages[i].node, np.log(self.weights))
        # Log determinants of everything below each node of stage i.
        below: Any = 0.0
        for v in range(i):
            stage, width = self.stages[v], found[v].shape[1]
            own = np.concatenate(
                [
                    _message(found[v][nodes], *above[v][1:], variance)[1]
                    for nodes in _chunks(len(found[v]), B * width**2 // 4)
                ]
            )
            below = below + own - stage.n_effects * log_variance
            starts = np.searchsorted(stage.parent, np.arange(stage.parent[-1] + 1))
            below = np.add.reduceat(below, starts, axis=0)
        squares_before, log_root_before = self._squares(found[-1], theta)
        out = np.empty((B, len(counts)))
        for nodes in _chunks(len(counts), B * found[i].shape[1] ** 2 // 4):
            message, log = _message(found[i][nodes], *above[i][1:], variance)
            change = self.stages[i].n_effects * log_variance - log
            if i > 0:
                change = change - below[nodes]
            difference = -message
            place = self.stages[i].parent[nodes]
            for v in range(i + 1, len(above)):
                potential, scale, pattern = above[v]
                shared, which = np.unique(place, return_inverse=True)
                before, log_before = _message(potential[shared], scale, pattern, variance)
                after, log_after = _message(potential[place] + difference, scale, pattern, variance)
                difference = after - before[which]
                change = change + log_after - log_before[which]
                place = self.stages[v].parent[place]
            squares, log_root = self._squares(found[-1] + difference, theta)
            change = change + log_root - log_root_before
            log_density = counts[nodes, None] * (LOG_2_PI + log_variance)
            log_density = log_density - log_weights[nodes, None] - change
            log_density = log_density - (squares - squares_before) / variance
            out[:, nodes] = -0.5 * log_density.T
        return out

    def _squares(self, potential: FloatArray, theta: Theta) -> tuple[FloatArray, FloatArray]:
        """Weighted squares of y that nothing explains, and log determinants at the root, (J, B)."""
        p, variance = self.n_terms, theta.sigma**2
        # With the variance added the response's column is positive, even if all rows are out.
        prior = variance[:, None] * np.append(self.precision, 1.0)
        M = np.moveaxis(potential, -1, 1) + prior[..., None] * np.eye(p + 1)
        C = cholesky(M.reshape(-1, p + 1, p + 1))
        pivots = np.einsum("kii->ki", C).reshape(len(potential), len(theta), p + 1) ** 2
        return pivots[..., p] - variance, np.log(pivots[..., :p]).sum(axis=-1)


def _chunks(n: int, size: int) -> list[slice]:
    """Slices of a range whose items have `size` numbers each."""
    step = max(1, CACHE_SIZE // max(size, 1))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def _whitened(white: dict[tuple[int, int], FloatArray], values: FloatArray, B: int) -> FloatArray:
    """``W values`` for values (J, q, c, 1 or B), shape (J, q, c, B)."""
    out = np.zeros((*values.shape[:3], B))
    for (a, b), w in white.items():
        out[:, a] += w[:, None] * values[:, b]
    return out


def _message(
    potential: FloatArray, scale: FloatArray, pattern: Pattern, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Eliminate the first q of the columns of (J, k, k, 1 or B): what stays, log determinants."""
    q = scale.shape[-1]
    _, white, log = factorise(potential[:, :q, :q], scale, variance, pattern)
    half = _whitened(white, potential[:, :q, q:], len(variance))
    return potential[:, q:, q:] - np.einsum("jacb,jadb->jcdb", half, half), log


def _structure(spec: ModelSpec, marginal: Marginal) -> _Tree | _Crossed:
    design, model = marginal.units.design(centred_design(spec)), marginal.model
    X, y = _response(design, marginal.center, marginal.mean)
    tree = _tree(design, model, X, y)
    return _crossed(design, model, X, y) if tree is None else tree


def _tree(design: Design, model: MarginalModel, X: FloatArray, y: FloatArray) -> _Tree | None:
    """Lay out nested factors, or none at all, as a tree; None if two of them cross."""
    present = [np.unique(term.codes, return_inverse=True)[1] for term in design.groups]
    order = sorted(range(len(present)), key=lambda t: int(present[t].max(initial=-1)))
    node = np.zeros(design.n_rows, dtype=np.int64)
    stages: list[_Stage] = []
    for t in order:
        n_levels = int(present[t].max(initial=-1)) + 1
        keys, inside = np.unique(node * n_levels + present[t], return_inverse=True)
        if len(keys) > n_levels:
            return None
        term = design.groups[t]
        stages.insert(0, _Stage(t, term.n_effects, model.patterns[t], inside, keys // n_levels))
        node = inside
    columns = np.column_stack([*(design.groups[s.factor].Z for s in stages), X, y])
    weighted = columns if design.weights is None else columns * design.weights[:, None]
    if not stages:
        own, base = np.empty((0, 0, columns.shape[1])), (columns.T @ weighted)[None]
    else:
        q, J = stages[0].n_effects, len(stages[0].parent)
        own = within_levels(stages[0].node, J, columns[:, :q], weighted)
        above = stages[0].parent[stages[0].node]
        n_above = int(stages[0].parent[-1]) + 1
        if n_above == 1:
            base = (columns[:, q:].T @ weighted[:, q:])[None]
        else:
            base = within_levels(above, n_above, columns[:, q:], weighted[:, q:])
    return _Tree(tuple(stages), columns, design.weights, own, base, model.precision)


# ------------------------------------------------------------------------------ crossed factors


@dataclasses.dataclass(frozen=True, eq=False)
class _Crossed:
    """The factor that is eliminated first, and the columns of all other effects: "the rest".

    ``Cov(rest)`` is one dense matrix for each theta. A level of the first factor meets some of its
    columns; with H their cross-products, ``K = L M^-1 L'`` and ``T = H Cov(rest)``,

        Cov(u) = sigma^2 K + K T H' K,    Cov(u, rest) = -K T

    and a row needs them at its own columns only, all of which its level meets.
    """

    model: MarginalModel
    codes: IntArray  # (n,) level of the first factor
    Z: FloatArray  # (n, q)
    rest: sparse.csr_array  # (n, w) what the row multiplies the rest with
    n_terms: int  # p, the last columns of the rest
    y: FloatArray
    weights: FloatArray | None
    largest: tuple[float, ...]  # entry of Z of each factor, times the root of the largest weight
    border: FloatArray  # (J, q) cross-products with the response
    level: IntArray  # (P,) the level and the column of each meeting, sorted
    column: IntArray  # (P,)
    values: FloatArray  # (P, q) its H
    by_level: sparse.csr_array  # (J, P) sums over the meetings of a level
    couplings: FloatArray | None  # (J, q, w) H in full, where levels meet most columns
    to_meetings: tuple[sparse.csr_array, ...]  # (P, w * w) Cov(rest) -> T otherwise, per effect

    @property
    def width(self) -> int:
        return int(self.rest.shape[1])

    @property
    def size(self) -> int:
        """Numbers that one theta needs at once."""
        return 4 * self.width**2 + 2 * self.values.size

    @property
    def batch(self) -> int:
        return int(np.clip(LARGEST_BATCH // self.size, 1, 256))

    def prepare(self, theta: Theta) -> dict[str, Any]:
        """Compute the moments of all effects, as far as rows need them; thetas last."""
        model = self.model
        first = model.first
        assert first is not None
        B, (J, q) = len(theta), self.border.shape
        mean, covariance = model.covariance_of_dense(theta)
        _, white, _ = factorise(
            first.gram[..., None], theta.scale[first.factor], theta.sigma**2, first.pattern
        )
        white = {entry: value[first.class_of] for entry, value in white.items()}
        flat = np.ascontiguousarray(covariance.reshape(B, -1).T)
        rest_mean = np.ascontiguousarray(mean.T)
        # The mean of u is K (H_y - H mean).
        right = np.repeat(self.border[..., None], B, axis=2)
        met = rest_mean[self.column]
        for a in range(q):
            right[:, a] -= self.by_level @ (self.values[:, a, None] * met)
        half = _whitened(white, right[:, :, None], B)[:, :, 0]
        u = np.zeros((J, q, B))
        for (a, b), w in white.items():
            u[:, b] += w * half[:, a]
        if self.couplings is None:
            T = [matrix @ flat for matrix in self.to_meetings]
        else:
            products = (self.couplings[:, a] @ covariance for a in range(q))
            T = [product.reshape(B, -1).T for product in products]
        inner = np.empty((J, q, q, B))
        for a in range(q):
            for b in range(a + 1):
                inner[:, a, b] = self.by_level @ (self.values[:, a, None] * T[b])
                inner[:, b, a] = inner[:, a, b]
        return {
            "covariance": covariance,
            "flat": flat,
            "mean": rest_mean,
            "white": white,
            "u": u,
            "T": T,
            "inner": inner,
        }

    def of_rows(self, rows: slice) -> Callable[[Theta, Any], FloatArray]:
        """Prepare the log densities (B, rows) of some rows."""
        codes, rest = self.codes[rows], self.rest[rows]
        n, width = rest.shape
        # Places of the row's columns among the meetings of its level.
        columns = rest.indices.reshape(n, -1).astype(np.int64)
        place = np.searchsorted(
            self.level * width + self.column, (codes[:, None] * width + columns).ravel()
        )
        own = sparse.csr_array((rest.data, place, rest.indptr), shape=(n, len(self.level)))
        # Products of the row's columns, those of two population effects left out.
        values = rest.data.reshape(n, -1)
        first, second = np.triu_indices(values.shape[1])
        use = first < values.shape[1] - self.n_terms
        first, second = first[use], second[use]
        squares = sparse.csr_array(
            (
                (values[:, first] * values[:, second] * np.where(first == second, 1, 2)).ravel(),
                (columns[:, first] * width + columns[:, second]).ravel(),
                np.arange(n + 1) * len(first),
            ),
            shape=(n, width**2),
        )

        def densities(theta: Theta, state: dict[str, Any]) -> FloatArray:
            B = len(theta)
            far = self._spread(theta) > FAR
            out = np.empty((B, n))
            for chunk in _chunks(n, -(-B // 16)):
                some = slice(rows.start + chunk.start, rows.start + chunk.stop)
                residual = self._residual(some, state)
                leverage = self._leverage(some, own[chunk], squares[chunk], state)
                weights = None if self.weights is None else self.weights[some]
                out[:, chunk] = _log_normal(residual, leverage, weights, theta.sigma).T
            if far.any():
                out[far] = self._far_rows(rows, theta[np.flatnonzero(far)], _taken(state, far))
            return out

        return densities

    def _residual(self, rows: slice | IntArray, state: dict[str, Any]) -> FloatArray:
        """Residuals (rows, B) at the posterior mean of the effects."""
        residual: FloatArray = self.y[rows, None] - self.rest[rows] @ state["mean"]
        codes, Z = self.codes[rows], self.Z[rows]
        for a in range(Z.shape[1]):
            residual -= Z[:, a, None] * state["u"][codes, a]
        return residual

    def _leverage(
        self,
        rows: slice,
        own: sparse.csr_array,
        squares: sparse.csr_array,
        state: dict[str, Any],
    ) -> FloatArray:
        """Leverages (rows, B) from the covariances of the effects that meet in a row."""
        codes, Z = self.codes[rows], self.Z[rows]
        q, m = Z.shape[1], self.width - self.n_terms
        leverage: FloatArray = squares @ state["flat"]
        if self.n_terms:
            X = self.rest[rows].data.reshape(len(codes), -1)[:, -self.n_terms :]
            products = X @ state["covariance"][:, m:, m:]
            leverage += np.einsum("bip,ip->ib", products, X)
        solved: list[Any] = [0.0] * q  # K z
        for a in range(q):
            half: Any = 0.0
            for b in range(q):
                if (a, b) in state["white"]:
                    half = half + state["white"][a, b][codes] * Z[:, b, None]
            leverage += half * half
            for b in range(q):
                if (a, b) in state["white"]:
                    solved[b] = solved[b] + state["white"][a, b][codes] * half
        for a in range(q):
            leverage -= 2 * solved[a] * (own @ state["T"][a])
            for b in range(q):
                leverage += solved[a] * solved[b] * state["inner"][codes, a, b]
        return leverage

    def _spread(self, theta: Theta) -> FloatArray:
        """Size of the largest group effect, in residual sds of the row with the largest weight."""
        sizes = [
            np.abs(scale).max(axis=(1, 2)) * most
            for scale, most in zip(theta.scale, self.largest, strict=True)
        ]
        return np.max(sizes, axis=0) / theta.sigma

    def _far_rows(self, rows: slice, theta: Theta, state: dict[str, Any]) -> FloatArray:
        """Log densities (B, rows) from sums of squares, which is slower but keeps the digits."""
        order = np.argsort(self.codes[rows], kind="stable") + rows.start
        levels, starts = np.unique(self.codes[order], return_index=True)
        out = np.empty((len(theta), len(order)))
        for level, own in zip(levels, np.split(order, starts[1:]), strict=True):
            columns = self.column[slice(*np.searchsorted(self.level, [level, level + 1]))]
            half, h, covariance = self._reduced(own, np.array([level]), columns, state)
            leverage = (half**2).sum(axis=2) + ((h @ covariance) * h).sum(axis=2)
            weights = None if self.weights is None else self.weights[own]
            residual = self._residual(own, state)
            out[:, own - rows.start] = _log_normal(residual, leverage.T, weights, theta.sigma).T
        return out

    def _reduced(
        self, rows: IntArray, levels: IntArray, columns: IntArray, state: dict[str, Any]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Eliminate the first factor from some rows of some levels, which meet some columns.

        A row keeps its own part ``W z`` (B, rows, q), shared with rows of the same level, and
        ``h = x - H' K z`` (B, rows, columns) of the rest, whose covariance comes last.
        """
        q = self.Z.shape[1]
        place = np.searchsorted(levels, self.codes[rows])
        coupling = np.zeros((len(levels), q, len(columns)))
        for k, level in enumerate(levels):
            met = slice(*np.searchsorted(self.level, [level, level + 1]))
            coupling[k][:, np.searchsorted(columns, self.column[met])] = self.values[met].T
        covariance = state["covariance"][:, columns[:, None], columns]
        white = np.zeros((len(covariance), len(levels), q, q))
        for (a, b), value in state["white"].items():
            white[:, :, a, b] = value[levels].T
        half = np.einsum("skab,kb->ska", white[:, place], self.Z[rows])
        solved = np.einsum("skab,ska->skb", white[:, place], half)
        h = self.rest[rows][:, columns].toarray()
        return half, h - np.einsum("ska,kac->skc", solved, coupling[place]), covariance

    # ------------------------------------------------------------------ whole groups left out

    def of_groups(self, codes: IntArray) -> tuple[IntArray, Callable[[Theta, Any], FloatArray]]:
        """Find the groups of few rows, and how to get their densities (B, J)."""
        order = np.argsort(codes, kind="stable")
        groups, starts = np.unique(codes[order], return_index=True)
        chosen, blocks = [], []
        for group, rows in zip(groups, np.split(order, starts[1:]), strict=True):
            if group < 0:
                continue
            levels = np.unique(self.codes[rows])
            bounds = zip(*np.searchsorted(self.level, [levels, levels + 1]), strict=True)
            columns = np.unique(np.concatenate([self.column[slice(*met)] for met in bounds]))
            n, width = float(len(rows)), len(columns)
            if n * width**2 + n**2 * width + n**3 / 3 < self.model.cost:
                chosen.append(group)
                blocks.append((rows, levels, columns))
        return np.array(chosen, dtype=np.int64), functools.partial(self._blocks, blocks)

    def _blocks(
        self,
        blocks: list[tuple[IntArray, IntArray, IntArray]],
        theta: Theta,
        state: dict[str, Any],
    ) -> FloatArray:
        """Log densities (B, blocks) of whole blocks, from the covariance of their predictors."""
        out = np.empty((len(theta), len(blocks)))
        for i, (rows, levels, columns) in enumerate(blocks):
            n = len(rows)
            half, h, covariance = self._reduced(rows, levels, columns, state)
            same = self.codes[rows][:, None] == self.codes[rows]
            together = half @ np.swapaxes(half, 1, 2) * same
            together += h @ covariance @ np.swapaxes(h, 1, 2)
            weights = np.ones(n) if self.weights is None else self.weights[rows]
            root = np.sqrt(weights)
            Q = np.eye(n) - together * root[:, None] * root
            residual = self._residual(rows, state)
            C = cholesky(Q)
            scaled = np.linalg.solve(C, (residual * root[:, None]).T[..., None])[..., 0]
            log_determinant = 2 * np.log(np.einsum("bii->bi", C)).sum(axis=1)
            out[:, i] = -0.5 * (
                n * (LOG_2_PI + 2 * np.log(theta.sigma))
                - np.log(weights).sum()
                - log_determinant
                + (scaled**2).sum(axis=1) / theta.sigma**2
            )
        return out


def _taken(state: dict[str, Any], use: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Take what sums of squares need of some thetas."""
    return {
        "covariance": state["covariance"][use],
        "mean": state["mean"][:, use],
        "u": state["u"][:, :, use],
        "white": {entry: value[:, use] for entry, value in state["white"].items()},
    }


def _crossed(design: Design, model: MarginalModel, X: FloatArray, y: FloatArray) -> _Crossed:
    first, rest = model.first, model.rest
    assert first is not None
    assert rest is not None
    p = X.shape[1]
    start, m = {}, 0
    for t in rest.factors:
        start[t] = m
        m += design.groups[t].n_levels * design.groups[t].n_effects
    width = m + p
    J, q, _ = first.border.shape
    # What each row multiplies the rest with.
    columns, values = [], []
    for t in rest.factors:
        term = design.groups[t]
        columns.append(start[t] + term.codes[:, None] * term.n_effects + np.arange(term.n_effects))
        values.append(term.Z)
    columns.append(np.broadcast_to(np.arange(m, width), X.shape))
    values.append(X)
    indices = np.concatenate(columns, axis=1)
    n, each = indices.shape
    matrix = sparse.csr_array(
        (np.concatenate(values, axis=1).ravel(), indices.ravel(), np.arange(n + 1) * each),
        shape=(n, width),
    )
    # Which columns each level of the first factor meets.
    if first.columns is not None:
        couplings = np.ascontiguousarray(first.columns[:, :, :width])
        levels, met = np.repeat(np.arange(J), width), np.tile(np.arange(width), J)
        vectors = np.swapaxes(couplings, 1, 2).reshape(-1, q)
        to_meetings: tuple[sparse.csr_array, ...] = ()
    else:
        couplings = None
        levels, met, vectors = _meetings(design, first, start, m, p)
        to_meetings = _to_meetings(levels, met, vectors, width)
    ends = np.searchsorted(levels, np.arange(J + 1))
    by_level = sparse.csr_array(
        (np.ones(len(levels)), np.arange(len(levels)), ends), shape=(J, len(levels))
    )
    heaviest = 1.0 if design.weights is None else np.sqrt(design.weights.max())
    term = design.groups[first.factor]
    return _Crossed(
        model,
        term.codes,
        term.Z,
        matrix,
        p,
        y,
        design.weights,
        tuple(float(np.abs(own.Z).max() * heaviest) for own in design.groups),
        first.border[:, :, p],
        levels,
        met,
        vectors,
        by_level,
        couplings,
        to_meetings,
    )


def _meetings(
    design: Design, first: Any, start: dict[int, int], m: int, p: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Level and column of each meeting, sorted, and their cross-products with the level."""
    J, q, _ = first.border.shape
    level, column = [np.repeat(np.arange(J), p)], [np.tile(np.arange(m, m + p), J)]
    vector = [np.swapaxes(first.border[:, :, :p], 1, 2).reshape(-1, q)]
    for t, blocks in first.couplings:
        own = design.groups[t].n_effects
        level.append(np.repeat(blocks.row, own))
        column.append((start[t] + blocks.column[:, None] * own + np.arange(own)).ravel())
        vector.append(np.swapaxes(blocks.values, 1, 2).reshape(-1, q))
    levels, columns = np.concatenate(level), np.concatenate(column)
    order = np.lexsort((columns, levels))
    return levels[order], columns[order], np.concatenate(vector)[order]


def _to_meetings(
    levels: IntArray, columns: IntArray, vectors: FloatArray, width: int
) -> tuple[sparse.csr_array, ...]:
    """Matrices that take ``Cov(rest)`` to its products with the H of each level."""
    counts = np.bincount(levels)
    times = counts[levels]
    starts = np.concatenate([[0], np.cumsum(times)])
    # Each meeting of a level with each of the same level.
    first = (np.cumsum(counts) - counts)[levels]
    other = np.arange(starts[-1]) - np.repeat(starts[:-1] - first, times)
    places = np.repeat(columns, times) * width + columns[other]
    shape = (len(levels), width**2)
    return tuple(
        sparse.csr_array((values[other], places, starts), shape=shape) for values in vectors.T
    )
