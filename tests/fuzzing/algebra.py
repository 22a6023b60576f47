"""Formulas read and written out a second time, with nothing of bayesmix or formulae.

A parser of R's grammar by precedence, Wilkinson and Rogers' algebra over sets of sets, and columns
computed with NumPy. Categories are not coded: a term stands for all its indicator columns, so that
the space and the number of columns can be compared, whatever the contrasts.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re

import numpy as np

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)L?(?!\w)|(?P<quoted>`[^`]+`)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")|(?P<name>\.?[^\W\d][\w.]*)"
    r"|(?P<op>\*\*|%in%|\|\||[<>=!]=|[-+*/:^~|(){},<>=.]))"
)
STRUCTURES = ("us", "diag", "zerocorr")
SAME = {
    "^": "**",
    "factor": "C",
    "as.factor": "C",
    "contr.sum": "Sum",
    "contr.treatment": "Treatment",
    "contr.helmert": "Helmert",
    "contr.poly": "Poly",
    "contr.sdif": "Diff",
    "TRUE": "True",
    "FALSE": "False",
}


class Unread(Exception):
    """The text is no formula."""


class UnknownFunction(Exception):
    """A function that has no second implementation here."""


@dataclasses.dataclass(frozen=True)
class Atom:
    """A column or a function of columns; `matrix` holds all indicators of categories."""

    key: str
    matrix: np.ndarray = dataclasses.field(compare=False)
    is_category: bool = dataclasses.field(default=False, compare=False)


@dataclasses.dataclass
class Model:
    """What a sum means: `terms` are sets of atoms, the empty one is the intercept."""

    terms: set[frozenset[Atom]]
    bars: list[tuple[str, Model, list[tuple[str, ...]]]]

    def matrix(self, n_rows: int) -> np.ndarray:
        """Return all columns, those of categories as indicators of every category."""
        parts = [_product(term, n_rows) for term in self.terms if not is_offset(term)]
        return np.hstack([np.empty((n_rows, 0)), *parts])

    def n_columns(self) -> int:
        """Count the columns of a design that leaves nothing out and has nothing twice."""
        groups: dict[frozenset[Atom], set[frozenset[Atom]]] = {}
        for term in self.terms:
            if not is_offset(term):
                categories = frozenset(atom for atom in term if atom.is_category)
                groups.setdefault(term - categories, set()).add(categories)
        return sum(
            math.prod(atom.matrix.shape[1] for atom in numbers)
            * sum(
                math.prod(atom.matrix.shape[1] - 1 for atom in margin)
                for margin in {m for one in categories for m in _subsets(one)}
            )
            for numbers, categories in groups.items()
        )

    def offset(self, n_rows: int) -> np.ndarray:
        """Return the sum of the offsets."""
        terms = [_product(term, n_rows)[:, 0] for term in self.terms if is_offset(term)]
        return np.sum([np.zeros(n_rows), *terms], axis=0)

    def numeric_columns(self, n_rows: int) -> np.ndarray:
        """Return the columns of the terms without categories."""
        terms = [t for t in self.terms if not is_offset(t) and not any(a.is_category for a in t)]
        return np.hstack([np.empty((n_rows, 0)), *(_product(term, n_rows) for term in terms)])


def is_offset(term: frozenset[Atom]) -> bool:
    """Tell whether a term has no coefficient."""
    return any(atom.key.startswith("offset(") for atom in term)


def _subsets(atoms):
    return map(
        frozenset,
        itertools.chain.from_iterable(
            itertools.combinations(atoms, k) for k in range(len(atoms) + 1)
        ),
    )


def _product(term, n_rows):
    matrix = np.ones((n_rows, 1))
    for atom in term:
        matrix = (matrix[:, :, None] * atom.matrix[:, None, :]).reshape(n_rows, -1)
    return matrix


class Reader:
    """Reads one formula over one frame."""

    def __init__(self, text, frame, functions):
        self.frame, self.functions = frame, functions
        self.tokens, position = [], 0
        text = text.strip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise Unread(f"character {text[position]!r}")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.tokens.append(("end", ""))
        self.i = 0

    def peek(self, *texts):
        kind, text = self.tokens[self.i]
        return kind == "op" and text in texts

    def take(self, *texts):
        if not self.peek(*texts):
            raise Unread(f"{self.tokens[self.i][1]!r} instead of {texts}")
        self.i += 1
        return self.tokens[self.i - 1][1]

    def key(self, start):
        """Write what was read in one way; `SAME` has words that mean the same."""
        texts = [SAME.get(text, text) for _, text in self.tokens[start : self.i]]
        if texts[0] == "{":
            texts = ["I", "(", *texts[1:-1], ")"]
        return "".join(text.strip("`") for text in texts)

    # --- terms ----------------------------------------------------------------------------------

    def formula(self):
        """Return the response and the model of a whole formula."""
        response = self.arithmetic()
        self.take("~")
        model = self.whole_sum()
        if self.tokens[self.i][0] != "end":
            raise Unread("text after the formula")
        return np.asarray(response, dtype=float) * np.ones(len(self.frame)), model

    def whole_sum(self):
        """Read a sum with its own intercept: the right side, or the left of a bar."""
        self.intercept, self.bars = True, []
        terms = self.sum(adds=True)
        model = Model(set(terms) | ({frozenset()} if self.intercept else set()), self.bars)
        return model

    def sum(self, *, adds):
        terms: set[frozenset[Atom]] = set()
        first = True
        while first or self.peek("+", "-"):
            plus = True
            while self.peek("+", "-"):
                plus = plus == (self.take("+", "-") == "+")
            first = False
            part = self.summand(adds == plus)
            terms = terms | part if plus else terms - part
        return terms

    def summand(self, adds):
        kind, text = self.tokens[self.i]
        following = self.tokens[self.i + 1]
        ends = following[0] == "end" or following[1] in ("+", "-", ")", "|", "||")
        if kind == "number" and ends and float(text) in (0, 1):
            self.i += 1
            self.intercept = (float(text) == 1) == adds
            return set()
        if kind == "name" and text in STRUCTURES and following[1] == "(":
            self.i += 1
            return self.parentheses(adds, text)
        return self.product(adds)

    def product(self, adds):
        terms = self.interaction(adds)
        while self.peek("*", "/"):
            operator = self.take("*", "/")
            right = self.interaction(adds)
            if operator == "/":
                terms |= cross({frozenset().union(*terms)}, right)
            else:
                terms |= right | cross(terms, right)
        return terms

    def interaction(self, adds):
        terms = self.power(adds)
        while self.peek(":", "%in%"):
            self.i += 1
            terms = cross(terms, self.power(adds))
        return terms

    def power(self, adds):
        terms = self.atom(adds)
        if self.peek("^", "**"):
            self.i += 1
            kind, text = self.tokens[self.i]
            if kind != "number" or float(text) % 1 or float(text) < 1 or len(terms) < 2:
                raise Unread("power")
            self.i += 1
            base = terms
            for _ in range(int(min(float(text), len(base))) - 1):
                terms = terms | cross(terms, base)
            if self.peek("^", "**"):
                raise Unread("power of a power")
        return terms

    def atom(self, adds):
        kind, text = self.tokens[self.i]
        start = self.i
        if self.peek("("):
            return self.parentheses(adds, "")
        if self.peek("."):
            return self.others()
        if kind == "name" and self.tokens[self.i + 1][1] == "(":
            value = self.call()
        elif self.peek("{"):
            self.i += 1
            value = self.arithmetic()
            self.take("}")
        elif kind in ("name", "quoted"):
            value = self.column()
        else:
            raise Unread(f"{text!r} is no term")
        key = self.key(start)
        if isinstance(value, Category):
            return {frozenset([Atom(key, value.indicators(), True)])}
        matrix = np.asarray(value, dtype=float)
        if matrix.ndim == 0:
            raise UnknownFunction("one value")
        return {frozenset([Atom(key, matrix.reshape(len(matrix), -1))])}

    def others(self):
        """Read a dot: the columns that are neither in the response nor right of a bar."""
        self.i += 1
        place, elsewhere, depth, bar, left = self.i, set(), 0, 0, True
        for kind, text in self.tokens:
            depth += (text == "(") - (text == ")")
            left = left and text != "~"
            bar = depth if text in ("|", "||") else bar if depth >= bar else 0
            if (left or bar) and kind in ("name", "quoted"):
                elsewhere.add(text.strip("`"))
        terms = set()
        for name in self.frame.columns.difference(elsewhere):
            self.tokens[place - 1 : place] = [("quoted", f"`{name}`")]
            self.i = place - 1
            terms |= self.atom(True)
        self.tokens[place - 1 : place] = [("op", ".")]
        return terms

    def parentheses(self, adds, structure):
        """Read a sum in parentheses, or a bar."""
        has_bar = self.has_bar()
        self.take("(")
        if not has_bar:
            if structure:
                raise Unread("structure without a bar")
            terms = self.sum(adds=adds)
            self.take(")")
            return terms
        outer = self.intercept, self.bars
        model = self.whole_sum()
        kind = self.take("|", "||")
        factors = self.factors()
        self.take(")")
        self.intercept, self.bars = outer
        if not adds or model.bars or not model.terms:
            raise Unread("bar")
        self.bars.append((structure or kind, model, factors))
        return set()

    def has_bar(self):
        """Tell whether a bar stands in the parentheses that open here, not deeper."""
        depth = 0
        for kind, text in self.tokens[self.i :]:
            if kind == "op":
                depth += (text in "({") - (text in ")}")
                if depth == 1 and text in ("|", "||"):
                    return True
            if not depth:
                break
        return False

    def factors(self):
        """Read a grouping factor: a/b is a and a:b."""
        found = self.crossed_factors()
        while self.peek("/"):
            self.i += 1
            found += [found[-1] + one for one in self.crossed_factors()]
        return found

    def crossed_factors(self):
        combined = self.factor()
        while self.peek(":"):
            self.i += 1
            right = self.factor()
            combined = [one + other for one in combined for other in right]
        return combined

    def factor(self):
        kind, text = self.tokens[self.i]
        self.i += 1
        if kind == "op" and text == "(":
            inside = self.factors()
            self.take(")")
            return inside
        if kind == "name" and text in ("C", "factor", "interaction") and self.peek("("):
            self.i += 1
            combined = self.factors()
            while self.peek(","):
                self.i += 1
                right = self.factors()
                combined = [one + other for one in combined for other in right]
            self.take(")")
            return combined
        name = text.strip("`")
        if kind not in ("name", "quoted") or name not in self.frame:
            raise Unread("grouping factor")
        return [(name,)]

    # --- arithmetic -----------------------------------------------------------------------------

    def arithmetic(self):
        left = self.added()
        if self.peek("<", ">", "<=", ">=", "==", "!="):
            operator = self.take("<", ">", "<=", ">=", "==", "!=")
            right = self.added()
            if isinstance(left, Category):
                left = left.values
            return _OPERATIONS[operator](left, right)
        return left

    def added(self):
        left = self.multiplied()
        while self.peek("+", "-"):
            operator = self.take("+", "-")
            left = _OPERATIONS[operator](_number(left), _number(self.multiplied()))
        return left

    def multiplied(self):
        left = self.signed()
        while self.peek("*", "/"):
            operator = self.take("*", "/")
            left = _OPERATIONS[operator](_number(left), _number(self.signed()))
        return left

    def signed(self):
        if self.peek("+", "-"):
            return (1.0 if self.take("+", "-") == "+" else -1.0) * _number(self.signed())
        base = self.operand()
        if self.peek("^", "**"):
            self.i += 1
            return _number(base) ** _number(self.signed())
        return base

    def operand(self):
        kind, text = self.tokens[self.i]
        for bracket, end in ("()", "{}"):
            if self.peek(bracket):
                self.i += 1
                value = self.arithmetic()
                self.take(end)
                return value
        if kind == "name" and self.tokens[self.i + 1][1] == "(":
            return self.call()
        self.i += 1
        if kind == "number":
            return float(text)
        if kind == "string":
            return text[1:-1]
        if text in ("TRUE", "FALSE", "True", "False"):
            return text.upper() == "TRUE"
        if kind in ("name", "quoted"):
            self.i -= 1
            return self.column()
        raise Unread(f"{text!r} is no value")

    def column(self):
        name = self.tokens[self.i][1].strip("`")
        if name not in self.frame:
            raise UnknownFunction(name)
        self.i += 1
        values = self.frame[name].to_numpy()
        return Category(values) if values.dtype.kind in "OUT" else values.astype(float)

    def call(self):
        name = self.tokens[self.i][1]
        self.i += 1
        self.take("(")
        if self.peek(")"):  # a term that is taken away need not have a value
            raise UnknownFunction(f"{name}()")
        arguments, named = [], {}
        while True:
            if self.tokens[self.i][0] == "name" and self.tokens[self.i + 1][1] == "=":
                key = self.tokens[self.i][1]
                self.i += 2
                named[key] = self.arithmetic()
            elif self.tokens[self.i][0] == "name" and self.tokens[self.i][1] in CONTRASTS:
                arguments.append(self.tokens[self.i][1])
                self.i += 1
            else:
                arguments.append(self.arithmetic())
            if not self.peek(","):
                break
            self.i += 1
        self.take(")")
        if name not in self.functions:
            raise UnknownFunction(name)
        return self.functions[name](*arguments, **named)


CONTRASTS = [
    "Sum",
    "Treatment",
    "Helmert",
    "Poly",
    "Diff",
    "contr.sum",
    "contr.treatment",
    "contr.helmert",
    "contr.poly",
    "contr.sdif",
]


class Category:
    """A categorical column."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def indicators(self):
        return (self.values[:, None] == np.unique(self.values)).astype(float)


def _number(value):
    if isinstance(value, Category | str):
        raise UnknownFunction("arithmetic of text")
    return np.asarray(value, dtype=float)


def cross(left, right):
    """Join every term of one with every term of the other."""
    return {one | other for one in left for other in right}


_OPERATIONS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def _poly(x, degree, raw=False):
    powers = np.vander(x, int(degree) + 1, increasing=True)
    return powers[:, 1:] if raw else _positive(np.linalg.qr(powers))[:, 1:]


def _positive(qr):
    q, r = qr
    return q * np.sign(np.diag(r))


def _category(values, contrast=None, **named):
    return values if isinstance(values, Category) else Category(values)


FUNCTIONS = {
    "I": lambda x: x,
    "log": lambda x, base=None: np.log(x) if base is None else np.log(x) / np.log(base),
    "np.log": np.log,
    "exp": np.exp,
    "np.exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "round": lambda x, digits=0: np.round(x, int(digits)),
    "sin": np.sin,
    "pmin": np.minimum,
    "pmax": np.maximum,
    "ifelse": np.where,
    "center": lambda x: x - x.mean(),
    "scale": lambda x: (x - x.mean()) / x.std(),
    "poly": _poly,
    "offset": lambda x: x,
    "C": _category,
    "factor": _category,
    "as.factor": _category,
    "relevel": lambda values, ref: values,
    "ordered": _category,
    "as.numeric": lambda x: x,
}


def read(text, frame):
    """Read a formula; return the values of the response and the `Model`."""
    with np.errstate(all="ignore"):
        return Reader(text, frame, FUNCTIONS).formula()
