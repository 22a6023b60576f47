"""Formulas from a grammar, half of them mutated: read as a second implementation reads them.

    python tests/fuzzing/formulas.py --seed 7 --count 50000

A formula is refused with a `BayesmixError`, or its design has the columns that `fuzzing.algebra`
makes of it: those without categories one by one, all of them as a space with nothing in it twice,
and likewise for each grouping factor. What is told is any other exception, more than two seconds of
computing, a design that differs, and a formula of the grammar that is refused. Ends with 1 if there
was any.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import itertools
import random
import re
import signal
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bayesmix.base.errors import BayesmixError
from bayesmix.families.registry import get_family
from bayesmix.preparation.make import make_design
from fuzzing.algebra import UnknownFunction, Unread, read

SECONDS = 2.0
# Formulas of the grammar that are rightly refused.
REFUSED = re.compile(
    r"in two bars|No effects are left|none before it|Two effects are called|twice\. Name it once"
    r"|is on the right|infinite or not a number|A power of|a power of|The number|as it is\. Put it"
    r"|cannot be in an interaction|no effect to vary|one value for all rows|subtracted"
)


def make_frame():
    """Make a frame with every combination of its categories."""
    rng = np.random.default_rng(20)
    rows = list(itertools.product("pq", "abc", range(1, 4), "uvwt")) * 2
    frame = pd.DataFrame(rows, columns=["a", "f", "k", "h"])
    n = len(frame)
    for name in ("y", "x", "z", "leaf.length", "my x", "_u"):
        frame[name] = rng.normal(size=n)
    frame["w"] = rng.uniform(0.5, 2, n)
    frame["g"] = rng.choice([f"g{i}" for i in range(9)], n)
    frame["m m"] = rng.integers(1, 6, n)
    return frame.sample(frac=1, random_state=3).reset_index(drop=True)


FRAME = make_frame()
NUMBERS = ["x", "z", "w", "leaf.length", "`my x`", "_u"]
FACTORS = ["a", "f", "h", "factor(k)", "C(k)", "as.factor(f)", "C(f, contr.sum)", "C(a, Sum)"]
CALLS = [
    "log(w)", "np.log(w)", "exp(x)", "sqrt(w)", "abs(z)", "round(x, 1)", "sin(x)", "pmin(x, z)",
    "I(x^2)", "I(x**2)", "I(-x^2)", "I(x*z - 1)", "I((x + z)/w)", "I(x > 0)", "I(2^x)", "{x + w}",
    "center(x)", "scale(z)", "poly(x, 2)", "poly(z, 2, raw=TRUE)", "log(w, 2)", "I(x - -1.5)",
    "ifelse(x > 0, 1, 0)", "I(f == 'a')", "log(I(w + 1))", "I(w^2^0.5)", "as.numeric(k)",
    "offset(log(w))", "I((x > 0) + (z > 0))", "relevel(f, ref='b')", "ordered(k)",
    "C(f, contr.helmert)", "C(h, Diff)",
]  # fmt: skip
RESPONSES = ["y"] * 8 + ["log(w)", "I(y^2)", "y/w", "(y)", "exp(y)", "y + x", "-y"]
GROUPS = ["g", "h", "`m m`", "g:h", "h/g", "g/h", "factor(g)", "interaction(g, h)", "(g/h):a"]


class Grammar:
    """Draws formulas."""

    def __init__(self, rng):
        self.rng = rng

    def formula(self):
        terms = self.sum(self.rng.randint(1, 4), 2)
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            terms += f"{self.operator('+')}{self.bar()}"
        return f"{self.rng.choice(RESPONSES)} ~ {terms}"

    def operator(self, text):
        return f" {text} " if self.rng.random() < 0.7 else text

    def sum(self, n_terms, depth):
        text = self.rng.choice(["", "", "", "", "0 + ", "1 + ", "-1 + "])
        text += self.product(depth)
        for _ in range(n_terms - 1):
            operator = "-" if self.rng.random() < 0.12 else "+"
            text += self.operator(operator)
            text += self.rng.choice(["1", "0"]) if self.rng.random() < 0.06 else self.product(depth)
        return text

    def product(self, depth):
        text = self.factor(depth)
        while self.rng.random() < 0.3:
            text += self.operator(self.rng.choice(["*", "*", ":", ":", "/", "%in%"])).replace(
                "%in%", " %in% "
            ) + self.factor(depth)
        return text

    def factor(self, depth):
        if depth and self.rng.random() < 0.15:
            power = self.rng.choice(["", "", "", "^2", "**2", "^3"])
            inside = (
                self.sum(self.rng.randint(2, 3), depth - 1)
                if not power
                else " + ".join(self.rng.sample(NUMBERS + FACTORS[:3], 3))
            )
            return f"({inside}){power}"
        return self.rng.choice(self.rng.choice([NUMBERS, NUMBERS, FACTORS, CALLS]))

    def bar(self):
        kind = self.rng.choice(["|", "|", "|", "||"])
        effects = "1" if self.rng.random() < 0.3 else self.sum(self.rng.randint(1, 2), 0)
        opener = self.rng.choice(["(", "(", "(", "(", "diag(", "us(", "zerocorr("])
        if opener != "(":
            kind = "|"
        return f"{opener}{effects} {kind} {self.rng.choice(GROUPS)})"


PIECES = [
    *"()[]{}|~+-*/:^,.=<>!%&$#@;'\"` \t0129axyzfg_",
    "||", "**", "%in%", "1 +", "0 +", " | g)", "(1 | ", "I(", "log(", "C(", "offset(w)", "TRUE",
    "np.", "é", "\u2212", "1e5", "99999999999", "==", "diag(", "ar1(", "s(", "cbind(", ".",
]  # fmt: skip


def mutate(text, rng):
    """Change a formula in a few places, most of them small."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at, stop = sorted(rng.randint(0, len(text)) for _ in range(2))
        piece = rng.choice(PIECES)
        match rng.choice("iiidddrrrcswn"):
            case "i":
                text = text[:at] + piece + text[at:]
            case "d":
                text = text[:at] + text[at + rng.randint(1, 3) :]
            case "r":
                text = text[:at] + piece + text[at + 1 :]
            case "c":
                text = text[:stop] + text[at : min(stop, at + 12)] + text[stop:]
            case "s":
                text = text[stop:] + text[at:stop] + text[:at]
            case "w":
                signs = [i for i, character in enumerate(text) if character in "+-*/:|^"]
                i = rng.choice(signs or [0])
                text = text[:i] + rng.choice("+-*/:|^") + text[i + 1 :]
            case "n":
                names = list(re.finditer(r"\b[a-z]\b", text))
                where = rng.choice(names or [re.match("", text)])
                text = text[: where.start()] + rng.choice("axzwfhkgy") + text[where.end() :]
    return text


class Slow(BaseException):
    """More than `SECONDS` of computing; raised wherever the program is, past what it catches."""


@contextlib.contextmanager
def limited(seconds):
    """Raise `Slow` after so many seconds of computing."""

    def stop(*_):
        raise Slow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def check(text, *, is_valid):
    """Return what came of a formula: "same", "refused", "unknown", or what is wrong."""
    try:
        with warnings.catch_warnings(), limited(SECONDS):
            warnings.simplefilter("ignore")
            design = make_design(text, FRAME, family=get_family("gaussian"))
    except BayesmixError as error:
        message = str(error)
        if is_valid and not REFUSED.search(message):
            return f"valid, but refused: {message}"
        return "refused" if len(message) < 3000 else f"long message: {message}"
    except Slow:
        return f"more than {SECONDS} s"
    except Exception:
        return "foreign exception: " + traceback.format_exc(limit=-3)
    try:
        y, model = read(text, FRAME)
    except UnknownFunction:
        return "unknown"
    except Unread as error:
        return f"accepted as {design.formula}, but {error}"
    except Exception:  # a function of text, in a term that is taken away again
        return "unknown"
    if not np.allclose(design.y, y):
        return "another response"
    offset = model.offset(len(FRAME))
    if not np.allclose(offset, 0.0 if design.offset is None else design.offset):
        return "another offset"
    problem = compare(design.X, model)
    return problem or compare_groups(design, model.bars) or "same"


def compare(X, model):
    """Say how columns differ from those of a model; empty where they do not."""
    n_rows = len(X)
    for column in model.numeric_columns(n_rows).T:
        near = np.isclose(X, column[:, None], rtol=1e-7, atol=1e-9).all(axis=0)
        if not near.any():
            return f"a column is missing; {X.shape[1]} columns"
    theirs = model.matrix(n_rows)
    if X.shape[1] != model.n_columns() and not has_twins(model):
        return f"{X.shape[1]} columns instead of {model.n_columns()}"
    if X.shape[1] < n_rows / 2 and not (spans(X, theirs) and spans(theirs, X)):
        return "another space"
    return ""


def has_twins(model):
    """Tell whether functions with different texts are the same column."""
    atoms = {atom for term in model.terms for atom in term}
    return len({(a.is_category, a.matrix.round(9).tobytes()) for a in atoms}) < len(atoms)


def spans(space, columns):
    """Tell whether columns are in the space of others."""
    if not columns.shape[1]:
        return True
    if not space.shape[1]:
        return not columns.any()
    scaled = space / np.maximum(np.abs(space).max(axis=0), 1e-300)
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    basis, values, _ = np.linalg.svd(scaled, full_matrices=False)
    basis = basis[:, values > 1e-10 * values[0]]
    left = columns / scale - basis @ (basis.T @ (columns / scale))
    return bool(np.abs(left).max() < 1e-5)


def compare_groups(design, bars):
    """Say how group effects differ; empty where they do not."""
    by_factor = collections.defaultdict(list)
    for kind, model, factors in bars:
        for factor in factors:
            by_factor[frozenset(factor)].append((kind, model))
    if {frozenset(term.variables) for term in design.groups} != set(by_factor):
        return "other grouping factors"
    for term in design.groups:
        mine = by_factor[frozenset(term.variables)]
        n_levels = len(FRAME[list(term.variables)].drop_duplicates())
        if term.n_levels != n_levels:
            return f"{term.n_levels} levels instead of {n_levels}"
        named = [frozenset(atom.key for atom in t) for _, model in mine for t in model.terms]
        if len(set(named)) < len(named):
            continue  # the same bar twice, which is used once
        if len(mine) == 1:
            kind, model = mine[0]
            if problem := compare(term.Z, model):
                return f"{term.factor}: {problem}"
            one = kind in ("|", "us") or (len(model.terms) == 1 and kind == "||")
            expected = 1 if one else len(model.terms) if kind == "||" else term.n_effects
            # what completes the space of a:b without a and b is a block of its own
            whole = all(sum(atom.is_category for atom in one) < 2 for one in model.terms)
            if (whole or kind != "||") and len(term.blocks) != expected and not has_twins(model):
                return f"{term.factor}: {len(term.blocks)} blocks instead of {expected}"
    return ""


def run(seed, count, *, show=None):
    """Try formulas; return the outcomes, counted, and those that are wrong."""
    rng = random.Random(seed)
    grammar = Grammar(rng)
    outcomes, wrong = collections.Counter(), []
    for i in range(count):
        if show is not None and i and not i % 5000:
            print(f"{i:,} formulas, {len(wrong)} wrong", flush=True)
        text = grammar.formula()
        is_valid = rng.random() < 0.5
        if not is_valid:
            text = mutate(text, rng)
        outcome = check(text, is_valid=is_valid)
        kind = outcome if outcome in ("same", "refused", "unknown") else "wrong"
        outcomes[f"{'valid' if is_valid else 'mutated'}, {kind}"] += 1
        if kind == "wrong":
            wrong.append((text, outcome))
            if show is not None:
                show(f"{text!r}\n    {outcome}")
    return outcomes, wrong


def main():
    """Read the arguments, run, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    outcomes, wrong = run(
        arguments.seed, arguments.count, show=functools.partial(print, flush=True)
    )
    for kind, number in sorted(outcomes.items()):
        print(f"{number:8,} {kind}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
