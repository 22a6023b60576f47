"""Gaussian models with all effects integrated out: log density of theta, exact draws of effects.

theta holds the sds and correlations of the group effects and the residual sd. Given theta, group
effects u = L zeta and population effects beta are jointly Gaussian, so that they integrate out and
can be drawn exactly (see docs/exact-method.md). Everything here takes a batch of B values of theta.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import linalg, sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import CrossBlocks, CrossProducts
from bayesmix.blocks.theta import Theta

__all__ = ["Effects", "MarginalModel", "cholesky", "factorise", "marginal_model"]


LARGEST_BATCH = 1 << 21
CACHE_SIZE = 1 << 14

# Operations of a product of dense matrices in the time of one of a sparse matrix.
DENSE_GAIN = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Exact draws of the effects, one for each theta.

    Attributes
    ----------
    beta : ndarray, shape (B, p)
        Population effects of the centred columns.
    zeta : tuple of ndarray, shape (B, J, q)
        Standardised group effects of each factor, ``u = L zeta``.
    log_density : ndarray, shape (B,)
        Log density of the response given theta, which comes with the factorisation.
    """

    beta: FloatArray
    zeta: tuple[FloatArray, ...]
    log_density: FloatArray

    def __getitem__(self, index: IntArray) -> Effects:
        return Effects(
            self.beta[index], tuple(zeta[index] for zeta in self.zeta), self.log_density[index]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _First:
    """The factor that is eliminated first, while everything is still free of theta.

    Levels with the same ``Z'WZ`` share their factorisation, so that the cost is that of the
    distinct ones. What the elimination takes from the rest is linear in ``K = L M^-1 L'``.
    """

    factor: int
    gram: FloatArray  # (C, q, q) distinct Z'WZ
    class_of: IntArray  # (J,)
    counts: FloatArray  # (C,)
    pattern: tuple[tuple[int, int], ...]  # entries of L that are not zero
    corner: FloatArray  # (r, C * k) takes from the corner, lower triangle
    rest: sparse.csr_array | None  # (E, C * k) takes from the rest
    columns: FloatArray | None  # (J, q, m + p + 1) all couplings, where too dense for `rest`
    border: FloatArray  # (J, q, p + 1)
    couplings: tuple[tuple[int, CrossBlocks], ...]  # factor, blocks with rows = levels of this


@dataclasses.dataclass(frozen=True, eq=False)
class MarginalModel:
    """Cross-products, prior and order of elimination: all that the density needs.

    Attributes
    ----------
    products : CrossProducts
    precision : ndarray, shape (p,)
        Prior precision of the population effects of the centred columns.
    """

    products: CrossProducts
    precision: FloatArray
    patterns: tuple[tuple[tuple[int, int], ...], ...]
    first: _First | None
    rest: _Nested | _Dense | None

    @property
    def batch(self) -> int:
        """Number of thetas that are worked on at once."""
        size = 1 if self.rest is None else self.rest.size
        if self.first is not None and self.first.columns is not None:
            size += 2 * self.first.columns.size
        return int(np.clip(LARGEST_BATCH // max(size, 1), 1, 1024))

    @property
    def cost(self) -> float:
        """Rough number of floating-point operations of one density."""
        cost = float(len(self.precision) ** 3 + 1)
        if self.first is not None:
            C, q, _ = self.first.gram.shape
            cost += C * (5 * q**3 + 20 * q) + self.first.corner.size
            if self.first.rest is not None:
                cost += 2 * self.first.rest.nnz
            if self.first.columns is not None:
                cost += self.first.columns.size * self.first.columns.shape[2] / DENSE_GAIN
        return cost + (0.0 if self.rest is None else self.rest.cost)

    def log_density(self, theta: Theta, run: Callable[..., Any] = map) -> FloatArray:
        """Compute the log density of the response given theta.

        Parameters
        ----------
        theta : Theta
            A batch of B values.
        run : callable
            ``map``, or an executor's: batches are of fixed size, so that the numbers do not
            depend on it.

        Returns
        -------
        ndarray, shape (B,)
            NaN where theta is beyond what the machine can factorise.
        """
        parts = list(run(lambda part: self._eliminate(part)[0], self._batches(theta)))
        return np.concatenate(parts) if parts else np.empty(0)

    def draw(
        self,
        theta: Theta,
        rng: np.random.Generator,
        run: Callable[..., Any] = map,
        report: Callable[[float], None] = lambda share: None,
        *,
        with_first: bool = True,
    ) -> Effects:
        """Draw the effects exactly, once for each theta.

        Parameters
        ----------
        theta : Theta
            A batch of B values.
        rng : Generator
        run : callable
            As in `log_density`.
        report : callable
            Called with the share that is done.
        with_first : bool
            Whether to draw the factor that is eliminated first, too; `draw_first` can do that
            level by level. Its array is empty otherwise.

        Returns
        -------
        Effects
        """
        batches = self._batches(theta)
        generators = rng.spawn(len(batches))

        def draw(part: Theta, generator: np.random.Generator) -> Effects:
            log, state = self._eliminate(part)
            return self._substitute(part, log, state, generator, with_first)

        left_out = None if with_first or self.first is None else self.first.factor
        beta = np.empty((len(theta), len(self.precision)))
        zeta = tuple(
            np.empty((len(theta), *(d.shape[:2] if t != left_out else (0, d.shape[1]))))
            for t, d in enumerate(self.products.diagonal)
        )
        log_density = np.empty(len(theta))
        done = 0
        for effects in run(draw, batches, generators):
            place = slice(done, done + len(effects.beta))
            beta[place], log_density[place] = effects.beta, effects.log_density
            for whole, part in zip(zeta, effects.zeta, strict=True):
                whole[place] = part
            done = place.stop
            report(done / len(theta))
        return Effects(beta, zeta, log_density)

    def draw_first[T](
        self,
        theta: Theta,
        effects: Effects,
        rng: np.random.Generator,
        use: Callable[[slice, FloatArray], T],
        run: Callable[..., Any] = map,
    ) -> Iterator[T]:
        """Draw the factor that is eliminated first given all other effects, some levels at a time.

        Parameters
        ----------
        theta : Theta
            A batch of B values.
        effects : Effects
            All others, from `draw`.
        rng : Generator
        use : callable
            Called with a slice of levels and their draws of u, shape (q, levels, B); what it
            returns is passed on, and the draws are forgotten.
        run : callable
            As in `log_density`.

        Yields
        ------
        object
            What `use` returned, in the order of the levels.
        """
        first = self.first
        if first is None:
            return
        J, q, _ = first.border.shape
        step = max(1, 8 * CACHE_SIZE // len(theta))
        slices = [slice(i, min(i + step, J)) for i in range(0, J, step)]
        u = {
            t: zeta @ np.swapaxes(theta.scale[t], 1, 2)
            for t, zeta in enumerate(effects.zeta)
            if t != first.factor
        }
        scale = theta.scale[first.factor]

        def draw(levels: slice, generator: np.random.Generator) -> T:
            with np.errstate(all="ignore"):
                zeta = _draw_levels(first, levels, effects.beta, theta, u, generator)
            for k in reversed(range(q)):
                zeta[k] *= scale[:, k, k]
                for a in range(k):
                    zeta[k] += scale[:, k, a] * zeta[a]
            return use(levels, zeta)

        yield from run(draw, slices, rng.spawn(len(slices)))

    def covariance_of_dense(self, theta: Theta) -> tuple[FloatArray, FloatArray]:
        """Compute mean and covariance of all effects but those of the factor eliminated first.

        Only where factors cross: the others need no dense matrix.

        Parameters
        ----------
        theta : Theta
            A batch of B values.

        Returns
        -------
        mean : ndarray, shape (B, m + p)
            Of u of the factors in `rest`, level by level, and of the population effects of the
            centred columns, less their prior mean.
        covariance : ndarray, shape (B, m + p, m + p)
            Divided by the residual variance.
        """
        assert isinstance(self.rest, _Dense)
        with np.errstate(all="ignore"):
            _, state = self._eliminate_quietly(theta)
            return self.rest.moments(theta, state)

    def _batches(self, theta: Theta) -> list[Theta]:
        return [theta[i : i + self.batch] for i in range(0, len(theta), self.batch)]

    def _eliminate(self, theta: Theta) -> tuple[FloatArray, dict[str, Any]]:
        with np.errstate(all="ignore"):
            return self._eliminate_quietly(theta)

    def _eliminate_quietly(self, theta: Theta) -> tuple[FloatArray, dict[str, Any]]:
        products = self.products
        B, p = len(theta), len(self.precision)
        variance = theta.sigma**2
        state: dict[str, Any] = {}
        log_determinant = np.zeros(B)
        corner = np.broadcast_to(products.corner[..., None], (p + 1, p + 1, B))
        if self.first is not None:
            taken, entries, log_first = _eliminate_first(
                self.first, theta.scale[self.first.factor], variance, self.rest
            )
            log_determinant += log_first
            corner = corner - _unpack_lower(taken, p + 1)
            if self.rest is not None and entries is not None:
                corner, log_rest = self.rest.eliminate(entries, corner, theta, variance, state)
                log_determinant += log_rest
        A = np.moveaxis(corner[:p, :p], -1, 0) / variance[:, None, None]
        A = A + np.diag(self.precision)
        c = corner[:p, p].T / variance[:, None]
        C = cholesky(A)
        half = np.linalg.solve(C, c[..., None])[..., 0] if p else np.zeros((B, 0))
        n_zeta = sum(d.shape[0] * d.shape[1] for d in products.diagonal)
        log_determinant += 2 * np.log(np.diagonal(C, axis1=1, axis2=2)).sum(axis=1)
        log_determinant -= n_zeta * np.log(variance)
        log = -0.5 * (
            products.n_rows * np.log(2 * np.pi * variance)
            - products.log_weights
            - np.log(self.precision).sum()
            + log_determinant
            + corner[p, p] / variance
            - (half**2).sum(axis=1)
        )
        # y'y / sigma^2 less what the effects explain: of that difference rounding leaves nothing
        # where sigma is this small, and a huge density would come of it.
        log[np.finfo(float).eps * products.corner[p, p] > 0.1 * variance] = np.nan
        state |= {"C": C, "half": half}
        return log, state

    def _substitute(
        self,
        theta: Theta,
        log_density: FloatArray,
        state: dict[str, Any],
        rng: np.random.Generator,
        with_first: bool,
    ) -> Effects:
        B, p = len(theta), len(self.precision)
        C, half = state["C"], state["half"]
        noise = rng.standard_normal((B, p))
        beta = np.linalg.solve(np.swapaxes(C, 1, 2), (half + noise)[..., None])[..., 0]
        # The last column of every border is the response: what beta explains is taken off.
        zeta: dict[int, FloatArray] = {}
        u: dict[int, FloatArray] = {}
        if self.rest is not None:
            self.rest.substitute(beta, theta, state, zeta, u, rng)
        if self.first is not None and not with_first:
            zeta[self.first.factor] = np.empty((B, 0, self.first.gram.shape[1]))
        elif self.first is not None:
            _substitute_first(self.first, beta, theta, zeta, u, rng)
        return Effects(beta, tuple(zeta[t] for t in range(len(theta.scale))), log_density)


# ------------------------------------------------------------------ small factorisations


def factorise(
    gram: FloatArray, scale: FloatArray, variance: FloatArray, pattern: Sequence[tuple[int, int]]
) -> tuple[dict[tuple[int, int], FloatArray], dict[tuple[int, int], FloatArray], FloatArray]:
    """Cholesky of ``M = L' G L + variance I`` for all levels and thetas at once, by element.

    Parameters
    ----------
    gram : ndarray, shape (C, q, q, 1 or B)
        G of each level.
    scale : ndarray, shape (B, q, q)
        L of each theta, lower triangular.
    variance : ndarray, shape (B,)
    pattern : sequence of (int, int)
        Entries of L that are not zero.

    Returns
    -------
    chol : dict of (int, int) to ndarray, shape (C, B)
        Elements of the Cholesky factor of M.
    white : dict of (int, int) to ndarray, shape (C, B)
        Elements of ``W = chol(M)^-1 L'``, so that ``L M^-1 L' = W' W``; those that are not there
        are zero.
    log_determinant : ndarray, shape (C, B)
    """
    q = gram.shape[1]
    GL: dict[tuple[int, int], Any] = {}
    for a in range(q):
        for c, b in pattern:
            GL[a, b] = GL.get((a, b), 0.0) + gram[:, a, c] * scale[:, c, b]
    chol: dict[tuple[int, int], FloatArray] = {}
    pivots: Any = 1.0
    for b in range(q):
        for a in range(b, q):
            m: Any = variance if a == b else 0.0
            for c, column in pattern:
                if column == a:
                    m = m + scale[:, c, a] * GL[c, b]
            for k in range(b):
                m = m - chol[a, k] * chol[b, k]
            if a == b:
                pivots = pivots * m
                chol[a, a] = np.sqrt(m)
            else:
                chol[a, b] = m / chol[b, b]
    white: dict[tuple[int, int], FloatArray] = {}
    for b in range(q):
        for a in range(q):
            value: Any = scale[:, b, a] if (b, a) in pattern else 0.0
            for k in range(a):
                if (k, b) in white:
                    value = value - chol[a, k] * white[k, b]
            if np.ndim(value):
                white[a, b] = value / chol[a, a]
    return chol, white, np.log(pivots)


def cholesky(A: FloatArray) -> FloatArray:
    """Cholesky factors of a stack; NaN for a matrix that is not positive definite."""
    try:
        return np.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        if len(A) == 1:
            return np.full(A.shape, np.nan)
        half = len(A) // 2
        return np.concatenate([cholesky(A[:half]), cholesky(A[half:])])


def _inverse(white: dict[tuple[int, int], FloatArray], q: int, b: int, c: int) -> Any:
    """Element (b, c) of ``K = L M^-1 L' = W' W``."""
    total: Any = 0.0
    for a in range(q):
        if (a, b) in white and (a, c) in white:
            total = total + white[a, b] * white[a, c]
    return total


def _lower(q: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(q) for b in range(a + 1)]


def _unpack_lower(values: FloatArray, n: int) -> FloatArray:
    full = np.empty((n, n, values.shape[1]))
    for i, (a, b) in enumerate(_lower(n)):
        full[a, b] = full[b, a] = values[i]
    return full


# ---------------------------------------------------------------------- the first factor


def _eliminate_first(
    first: _First, scale: FloatArray, variance: FloatArray, rest: _Nested | _Dense | None
) -> tuple[FloatArray, FloatArray | None, FloatArray]:
    C, q, _ = first.gram.shape
    lower = _lower(q)
    k, B = len(lower), len(variance)
    taken = np.zeros((len(first.corner), B))
    log_determinant = np.zeros(B)
    inverses: list[FloatArray] = []
    whites: list[FloatArray] = []
    step = max(1, CACHE_SIZE // B)
    for start in range(0, C, step):
        levels = slice(start, start + step)
        _, white, log = factorise(first.gram[levels, ..., None], scale, variance, first.pattern)
        blocks = np.empty((len(log), k, B))
        for i, (a, b) in enumerate(lower):
            blocks[:, i] = _inverse(white, q, a, b)
        K = blocks.reshape(-1, B)
        log_determinant += first.counts[levels] @ log
        columns = slice(start * k, start * k + len(K))
        taken += first.corner[:, columns] @ K
        if first.rest is not None:
            inverses.append(K)
        if first.columns is not None:
            whites.append(_stack(white, q, len(log), B))
    entries = None
    if rest is not None and first.rest is not None:
        entries = rest.base[:, None] - first.rest @ np.concatenate(inverses)
    elif isinstance(rest, _Dense) and first.columns is not None:
        W = np.concatenate(whites, axis=1)[:, first.class_of]
        H = (W @ first.columns).reshape(B, -1, rest.n_columns)
        entries = rest.spread(rest.base[:, None]) - np.swapaxes(H, 1, 2) @ H
    return taken, entries, log_determinant


def _stack(white: dict[tuple[int, int], FloatArray], q: int, n: int, B: int) -> FloatArray:
    """Elements (n, B) as matrices (B, n, q, q)."""
    out = np.zeros((B, n, q, q))
    for (a, b), value in white.items():
        out[:, :, a, b] = value.T
    return out


def _substitute_first(
    first: _First,
    beta: FloatArray,
    theta: Theta,
    zeta: dict[int, FloatArray],
    u: dict[int, FloatArray],
    rng: np.random.Generator,
) -> None:
    J, q, _ = first.border.shape
    out = np.empty((len(theta), J, q))
    step = max(1, 4 * CACHE_SIZE // len(theta))
    for start in range(0, J, step):
        levels = slice(start, min(start + step, J))
        drawn = _draw_levels(first, levels, beta, theta, u, rng)
        out[:, levels] = np.moveaxis(drawn, (0, 2), (2, 0))
    zeta[first.factor] = out
    u[first.factor] = out @ np.swapaxes(theta.scale[first.factor], 1, 2)


def _draw_levels(
    first: _First,
    levels: slice,
    beta: FloatArray,
    theta: Theta,
    u: dict[int, FloatArray],
    rng: np.random.Generator,
) -> FloatArray:
    """Draw zeta of some levels given all other effects, shape (q, levels, B)."""
    p = beta.shape[1]
    border = first.border[levels]
    residual = border[..., p, None] - np.tensordot(border[..., :p], beta.T, axes=1)
    for factor, blocks in first.couplings:
        _couple(residual, blocks, u[factor], levels)
    gram = first.gram[first.class_of[levels], ..., None]
    chol, white, _ = factorise(gram, theta.scale[first.factor], theta.sigma**2, first.pattern)
    return _solve(chol, white, residual, theta.sigma, rng.standard_normal(residual.shape))


def _couple(residual: FloatArray, blocks: CrossBlocks, u: FloatArray, levels: slice) -> None:
    """Take ``Z_s' W Z_t u_t`` off the residual (levels, q_s, B) of some levels of factor s."""
    start, stop = np.searchsorted(blocks.row, [levels.start, levels.stop])
    row, column = blocks.row[start:stop] - levels.start, blocks.column[start:stop]
    shape = (len(residual), u.shape[1])
    for a in range(residual.shape[1]):
        for b in range(u.shape[2]):
            matrix = sparse.csr_array((blocks.values[start:stop, a, b], (row, column)), shape=shape)
            residual[:, a] -= matrix @ u[:, :, b].T


def _solve(
    chol: dict[tuple[int, int], FloatArray],
    white: dict[tuple[int, int], FloatArray],
    residual: FloatArray,
    sigma: FloatArray,
    noise: FloatArray,
) -> FloatArray:
    """Draw zeta with mean ``M^-1 L' residual`` and covariance ``sigma^2 M^-1``, shape (q, J, B)."""
    q = residual.shape[1]
    z: list[Any] = []
    for a in range(q):
        value = sigma * noise[:, a]
        for b in range(q):
            if (a, b) in white:
                value = value + white[a, b] * residual[:, b]
        z.append(value)
    for a in reversed(range(q)):
        for c in range(a + 1, q):
            z[a] = z[a] - chol[c, a] * z[c]
        z[a] = z[a] / chol[a, a]
    return np.stack(z)


# ---------------------------------------------------------------------- the other factors


@dataclasses.dataclass(frozen=True, eq=False)
class _Nested:
    """Factors nested in one another, eliminated from the inside out, level by level."""

    factors: tuple[int, ...]
    patterns: tuple[tuple[tuple[int, int], ...], ...]
    base: FloatArray  # (E,) entries before anything is eliminated
    gram: tuple[IntArray, ...]  # (J, q, q) places of the entries
    border: tuple[IntArray, ...]  # (J, q, p + 1)
    coupling: dict[tuple[int, int], IntArray]  # (J, q_t, q_v)
    parent: dict[tuple[int, int], IntArray]  # (J,)

    @property
    def size(self) -> int:
        return 4 * len(self.base)

    @property
    def cost(self) -> float:
        return 20.0 * len(self.base)

    def eliminate(
        self,
        entries: FloatArray,
        corner: FloatArray,
        theta: Theta,
        variance: FloatArray,
        state: dict[str, Any],
    ) -> tuple[FloatArray, FloatArray]:
        log_determinant = np.zeros(len(variance))
        gram = [entries[places] for places in self.gram]
        border = [entries[places] for places in self.border]
        coupling = {pair: entries[places] for pair, places in self.coupling.items()}
        state["stages"] = stages = []
        for i, factor in enumerate(self.factors):
            chol, white, log = factorise(gram[i], theta.scale[factor], variance, self.patterns[i])
            log_determinant += log.sum(axis=0)
            stages.append((chol, white, border[i], {v: coupling[i, v] for v in self._after(i)}))
            H = _whiten(white, border[i])
            corner = corner - np.einsum("jacb,jadb->cdb", H, H, optimize=True)
            inside = {v: _whiten(white, coupling[i, v]) for v in self._after(i)}
            for v in self._after(i):
                up = self._up(i, v)
                gram[v] = gram[v] - up(np.einsum("jacb,jadb->jcdb", inside[v], inside[v]))
                border[v] = border[v] - up(np.einsum("jacb,jadb->jcdb", inside[v], H))
                for w in self._after(v):
                    both = np.einsum("jacb,jadb->jcdb", inside[v], inside[w])
                    coupling[v, w] = coupling[v, w] - up(both)
        return corner, log_determinant

    def substitute(
        self,
        beta: FloatArray,
        theta: Theta,
        state: dict[str, Any],
        zeta: dict[int, FloatArray],
        u: dict[int, FloatArray],
        rng: np.random.Generator,
    ) -> None:
        p = beta.shape[1]
        for i in reversed(range(len(self.factors))):
            factor = self.factors[i]
            chol, white, border, couplings = state["stages"][i]
            residual = border[:, :, p] - np.einsum("jacb,bc->jab", border[:, :, :p], beta)
            for v, values in couplings.items():
                above = u[self.factors[v]][:, self.parent[i, v]]
                residual = residual - np.einsum("jacb,bjc->jab", values, above)
            noise = rng.standard_normal(residual.shape)
            drawn = _solve(chol, white, residual, theta.sigma, noise)
            zeta[factor] = np.moveaxis(drawn, (0, 2), (2, 0))
            u[factor] = zeta[factor] @ np.swapaxes(theta.scale[factor], 1, 2)

    def _after(self, i: int) -> range:
        return range(i + 1, len(self.factors))

    def _up(self, i: int, v: int) -> Any:
        parent = self.parent[i, v]
        gather = sparse.csr_array(
            (np.ones(len(parent)), (parent, np.arange(len(parent)))),
            shape=(len(self.gram[v]), len(parent)),
        )
        return lambda values: (gather @ values.reshape(len(values), -1)).reshape(
            len(self.gram[v]), *values.shape[1:]
        )


def _whiten(white: dict[tuple[int, int], FloatArray], values: FloatArray) -> FloatArray:
    """``W values`` for values (J, q, c, B)."""
    out = np.zeros(values.shape)
    for (a, b), w in white.items():
        out[:, a] += w[:, None] * values[:, b]
    return out


@dataclasses.dataclass(frozen=True, eq=False)
class _Dense:
    """Crossed factors: one dense matrix per theta for all that is left."""

    factors: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]  # (J, q) of each factor
    base: FloatArray  # (E,) entries before anything is eliminated
    places: IntArray  # (E,) in the flat lower triangle of (m + p + 1) columns
    n_columns: int  # m + p + 1

    @property
    def m(self) -> int:
        return sum(J * q for J, q in self.shapes)

    @property
    def mirrored(self) -> IntArray:
        return self.places % self.n_columns * self.n_columns + self.places // self.n_columns

    @property
    def size(self) -> int:
        return 2 * self.n_columns**2

    @property
    def cost(self) -> float:
        return self.n_columns**3 / 3 + 20.0 * self.n_columns**2

    def eliminate(
        self,
        entries: FloatArray,
        corner: FloatArray,
        theta: Theta,
        variance: FloatArray,
        state: dict[str, Any],
    ) -> tuple[FloatArray, FloatArray]:
        m = self.m
        full = entries if entries.ndim == 3 else self.spread(entries)
        self._scale(full, theta)
        diagonal = np.einsum("bii->bi", full)
        diagonal[:, :m] += variance[:, None]
        # With a corner that keeps the whole positive, its rows of the factor are the half-solved
        # border; the corner itself is only there for that.
        full[:, m:, m:] = np.moveaxis(corner, -1, 0)
        diagonal[:, m:] *= 1 + 1e-6
        diagonal[:, m:] += 1e-6 * diagonal[:, m:].max(axis=1, keepdims=True)
        factor = cholesky(full)
        half = factor[:, m:, :m]
        state["dense"] = factor
        log_determinant = 2 * np.log(np.einsum("bii->bi", factor)[:, :m]).sum(axis=1)
        taken = half @ np.swapaxes(half, 1, 2)
        return corner - np.moveaxis(taken, 0, -1), log_determinant

    def spread(self, entries: FloatArray) -> FloatArray:
        """Entries (E, B) as symmetric matrices (B, m + p + 1, m + p + 1)."""
        full = np.zeros((entries.shape[1], self.n_columns, self.n_columns))
        flat = full.reshape(len(full), -1)
        flat[:, self.places] = entries.T
        if any(q > 1 for _, q in self.shapes):
            flat[:, self.mirrored] = entries.T
        return full

    def _scale(self, full: FloatArray, theta: Theta) -> None:
        """``L' S L`` and ``L' border``, L block-diagonal, in place."""
        start = 0
        B, width, _ = full.shape
        for factor, (J, q) in zip(self.factors, self.shapes, strict=True):
            scale = theta.scale[factor]
            places = slice(start, start + J * q)
            if q == 1:
                full[:, :, places] *= scale
                full[:, places] *= scale
            else:
                right = full[:, :, places].reshape(B, width * J, q) @ scale
                full[:, :, places] = right.reshape(B, width, J * q)
                left = np.swapaxes(scale, 1, 2)[:, None] @ full[:, places].reshape(B, J, q, width)
                full[:, places] = left.reshape(B, J * q, width)
            start += J * q

    def substitute(
        self,
        beta: FloatArray,
        theta: Theta,
        state: dict[str, Any],
        zeta: dict[int, FloatArray],
        u: dict[int, FloatArray],
        rng: np.random.Generator,
    ) -> None:
        B, p = beta.shape
        m = self.m
        draws = np.empty((B, m))
        noise = rng.standard_normal((B, m))
        for b, factor in enumerate(state["dense"]):
            half = factor[m:, :m]
            right = half[p] - beta[b] @ half[:p] + theta.sigma[b] * noise[b]
            draws[b] = linalg.blas.dtrsv(factor[:m, :m].T, right, lower=False)
        start = 0
        for factor, (J, q) in zip(self.factors, self.shapes, strict=True):
            zeta[factor] = draws[:, start : start + J * q].reshape(B, J, q)
            u[factor] = zeta[factor] @ np.swapaxes(theta.scale[factor], 1, 2)
            start += J * q

    def moments(self, theta: Theta, state: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
        """Mean (B, m + p) and covariance / sigma^2 (B, m + p, m + p) of u and beta."""
        m = self.m
        p = state["half"].shape[1]
        mean = np.empty((len(theta), m + p))
        covariance = np.zeros((len(theta), m + p, m + p))
        for b, factor in enumerate(state["dense"]):
            triangle = np.tril(factor[: m + p, : m + p])
            triangle[m:, m:] = theta.sigma[b] * state["C"][b]
            right = np.append(factor[m + p, :m], theta.sigma[b] * state["half"][b])
            mean[b] = linalg.blas.dtrsv(triangle.T, right, lower=False)
            lower = linalg.lapack.dpotri(triangle.T, lower=False, overwrite_c=True)[0].T
            covariance[b] = lower
            covariance[b] += np.tril(lower, -1).T
        up = Theta(tuple(np.swapaxes(scale, 1, 2) for scale in theta.scale), theta.sigma)
        self._scale(covariance, up)
        start = 0
        for factor, (J, q) in zip(self.factors, self.shapes, strict=True):
            u = mean[:, start : start + J * q].reshape(-1, J, q) @ up.scale[factor]
            mean[:, start : start + J * q] = u.reshape(-1, J * q)
            start += J * q
        return mean, covariance


# --------------------------------------------------------------------------- the plan


def marginal_model(
    products: CrossProducts,
    precision: FloatArray,
    patterns: tuple[tuple[tuple[int, int], ...], ...],
) -> MarginalModel:
    """Choose the order of elimination and prepare what does not depend on theta."""
    n_factors = len(products.diagonal)
    if n_factors == 0:
        return MarginalModel(products, precision, patterns, None, None)
    chain = _nested_chain(products)
    if chain is not None:
        s, others = chain[0], chain[1:]
    else:
        sizes = [d.shape[0] * d.shape[1] for d in products.diagonal]
        s = int(np.argmax(sizes))
        others = tuple(t for t in range(n_factors) if t != s)
    rest: _Nested | _Dense | None = None
    rest_map = full_columns = None
    gram, class_of, counts = _classes(products.diagonal[s])
    couplings = tuple((t, _blocks(products, s, t)) for t in others)
    if others:
        columns = _Columns.of(products, others)
        keys, base = columns.entries(products)
        if chain is None:
            full_columns = columns.all_of(products, s, couplings, len(gram))
        fill = np.empty(0, dtype=np.int64)
        if full_columns is None:
            fill, contributions = columns.contributions(products, s, couplings, class_of, len(gram))
        if chain is None:
            places = np.union1d(keys, fill)
            full = np.zeros(len(places))
            full[np.searchsorted(places, keys)] = base
            rest = _Dense(
                others,
                tuple(products.diagonal[t].shape[:2] for t in others),
                full,
                places,
                columns.n_columns,
            )
        else:
            order = np.argsort(keys)
            places, full = keys[order], base[order]
            rest = columns.nested(products, places, full, patterns)
        if full_columns is None:
            rows, cols, values = contributions
            q = products.diagonal[s].shape[1]
            rest_map = sparse.csr_array(
                (values, (np.searchsorted(places, rows), cols)),
                shape=(len(places), len(gram) * q * (q + 1) // 2),
            )
    first = _First(
        s,
        gram,
        class_of,
        counts,
        patterns[s],
        _corner_map(products.border[s], class_of, len(gram)),
        rest_map,
        full_columns,
        products.border[s],
        couplings,
    )
    return MarginalModel(products, precision, patterns, first, rest)


def _classes(diagonal: FloatArray) -> tuple[FloatArray, IntArray, FloatArray]:
    J, q, _ = diagonal.shape
    flat = diagonal.reshape(J, q * q)
    order = np.lexsort(flat.T)
    new = np.ones(J, dtype=bool)
    new[1:] = (flat[order][1:] != flat[order][:-1]).any(axis=1)
    class_of = np.empty(J, dtype=np.int64)
    class_of[order] = np.cumsum(new) - 1
    gram = flat[order][new].reshape(-1, q, q)
    return gram, class_of, np.bincount(class_of).astype(np.float64)


def _corner_map(border: FloatArray, class_of: IntArray, n_classes: int) -> FloatArray:
    """Compute what ``sum_j H_j' K_j H_j`` takes from the corner, per element of K."""
    _, q, width = border.shape
    lower_q, lower = _lower(q), _lower(width)
    result = np.empty((len(lower), n_classes, len(lower_q)))
    for i, (c, d) in enumerate(lower):
        for k, (a, b) in enumerate(lower_q):
            value = border[:, a, c] * border[:, b, d]
            if a != b:
                value = value + border[:, b, c] * border[:, a, d]
            result[i, :, k] = np.bincount(class_of, value, minlength=n_classes)
    return result.reshape(len(lower), -1)


def _blocks(products: CrossProducts, s: int, t: int) -> CrossBlocks:
    """Blocks of the pair with the levels of s as rows."""
    if s < t:
        return products.cross[s, t]
    blocks = products.cross[t, s]
    order = np.lexsort((blocks.row, blocks.column))
    return CrossBlocks(
        blocks.column[order], blocks.row[order], np.swapaxes(blocks.values[order], 1, 2)
    )


def _nested_chain(products: CrossProducts) -> tuple[int, ...] | None:
    """Order the factors from the innermost outwards, or None if two of them cross."""
    order = sorted(range(len(products.diagonal)), key=lambda t: -products.diagonal[t].shape[0])
    for i, s in enumerate(order):
        for t in order[i + 1 :]:
            levels = np.arange(len(products.diagonal[s]))
            if not np.array_equal(_blocks(products, s, t).row, levels):
                return None
    return tuple(order)


@dataclasses.dataclass(frozen=True, eq=False)
class _Columns:
    """Places of the effects that are not eliminated first, the corner's columns last."""

    factors: tuple[int, ...]
    start: dict[int, int]
    n_effects: dict[int, int]
    m: int
    n_columns: int

    @classmethod
    def of(cls, products: CrossProducts, factors: tuple[int, ...]) -> _Columns:
        start, m = {}, 0
        for t in factors:
            start[t] = m
            m += products.diagonal[t].shape[0] * products.diagonal[t].shape[1]
        n_effects = {t: products.diagonal[t].shape[1] for t in factors}
        return cls(factors, start, n_effects, m, m + len(products.corner))

    def of_levels(self, t: int, levels: IntArray) -> IntArray:
        """Columns of the effects of some levels, shape (len(levels), q)."""
        q = self.n_effects[t]
        return self.start[t] + levels[:, None] * q + np.arange(q)

    def key(self, row: IntArray, column: IntArray) -> IntArray:
        return np.maximum(row, column) * self.n_columns + np.minimum(row, column)

    def entries(self, products: CrossProducts) -> tuple[IntArray, FloatArray]:
        """Keys and values of the entries that the data give, lower triangle, no corner."""
        keys, values = [], []
        corner = np.arange(self.m, self.n_columns)
        for t in self.factors:
            places = self.of_levels(t, np.arange(len(products.diagonal[t])))
            q = self.n_effects[t]
            for a, b in _lower(q):
                keys.append(self.key(places[:, a], places[:, b]))
                values.append(products.diagonal[t][:, a, b])
            keys.append(self.key(places[:, :, None], corner).ravel())
            values.append(products.border[t].ravel())
        for i, t in enumerate(self.factors):
            for v in self.factors[i + 1 :]:
                blocks = _blocks(products, t, v)
                keys.append(
                    self.key(
                        self.of_levels(t, blocks.row)[:, :, None],
                        self.of_levels(v, blocks.column)[:, None, :],
                    ).ravel()
                )
                values.append(blocks.values.ravel())
        return np.concatenate(keys), np.concatenate(values)

    def all_of(
        self,
        products: CrossProducts,
        s: int,
        couplings: tuple[tuple[int, CrossBlocks], ...],
        n_classes: int,
    ) -> FloatArray | None:
        """Couplings and border of s as one dense array, where that is the faster way."""
        J, q, width = products.border[s].shape
        met = sum(
            np.bincount(blocks.row, minlength=J) * self.n_effects[t] for t, blocks in couplings
        )
        counts = met + width
        pairs = min(float((counts * (counts + 1) // 2).sum()), n_classes * self.n_columns**2 / 2)
        if J * q * self.n_columns**2 > DENSE_GAIN * pairs * q * (q + 1):
            return None
        full = np.zeros((J, q, self.n_columns))
        full[:, :, self.m :] = products.border[s]
        for t, blocks in couplings:
            places = self.of_levels(t, blocks.column)
            full[blocks.row[:, None, None], np.arange(q)[:, None], places[:, None]] = blocks.values
        return full

    def contributions(
        self,
        products: CrossProducts,
        s: int,
        couplings: tuple[tuple[int, CrossBlocks], ...],
        class_of: IntArray,
        n_classes: int,
    ) -> tuple[IntArray, tuple[IntArray, IntArray, FloatArray]]:
        """Compute what eliminating s takes from each entry, as a matrix on the elements of K."""
        J, q, width = products.border[s].shape
        level, column, vector = [], [], []
        for t, blocks in couplings:
            places = self.of_levels(t, blocks.column)
            level.append(np.repeat(blocks.row, places.shape[1]))
            column.append(places.ravel())
            vector.append(np.swapaxes(blocks.values, 1, 2).reshape(-1, q))
        level.append(np.repeat(np.arange(J), width))
        column.append(np.tile(np.arange(self.m, self.n_columns), J))
        vector.append(np.swapaxes(products.border[s], 1, 2).reshape(-1, q))
        levels, columns = np.concatenate(level), np.concatenate(column)
        vectors = np.concatenate(vector)
        order = np.lexsort((columns, levels))
        levels, columns, vectors = levels[order], columns[order], vectors[order]
        counts = np.bincount(levels, minlength=J)
        ends = np.cumsum(counts)
        # Each column of a level pairs with itself and those before it in the same level.
        position = np.arange(len(levels)) - (ends - counts)[levels]
        second = np.repeat(np.arange(len(levels)), position + 1)
        offset = np.arange(len(second)) - np.repeat(
            np.cumsum(position + 1) - position - 1, position + 1
        )
        first = (ends - counts)[levels[second]] + offset
        use = columns[first] < self.m
        first, second = first[use], second[use]
        keys = self.key(columns[second], columns[first])
        lower = _lower(q)
        rows, cols, values = [], [], []
        for k, (a, b) in enumerate(lower):
            value = vectors[first, a] * vectors[second, b]
            if a != b:
                value = value + vectors[first, b] * vectors[second, a]
            rows.append(keys)
            cols.append(class_of[levels[second]] * len(lower) + k)
            values.append(value)
        return keys, (np.concatenate(rows), np.concatenate(cols), np.concatenate(values))

    def nested(
        self,
        products: CrossProducts,
        places: IntArray,
        base: FloatArray,
        patterns: tuple[tuple[tuple[int, int], ...], ...],
    ) -> _Nested:
        def find(row: IntArray, column: IntArray) -> IntArray:
            return np.searchsorted(places, self.key(row, column))

        corner = np.arange(self.m, self.n_columns)
        gram, border, coupling, parent = [], [], {}, {}
        for i, t in enumerate(self.factors):
            own = self.of_levels(t, np.arange(len(products.diagonal[t])))
            gram.append(find(own[:, :, None], own[:, None, :]))
            border.append(find(own[:, :, None], corner))
            for v in range(i + 1, len(self.factors)):
                blocks = _blocks(products, t, self.factors[v])
                parent[i, v] = blocks.column
                above = self.of_levels(self.factors[v], blocks.column)
                coupling[i, v] = find(own[:, :, None], above[:, None, :])
        return _Nested(
            self.factors,
            tuple(patterns[t] for t in self.factors),
            base,
            tuple(gram),
            tuple(border),
            coupling,
            parent,
        )
