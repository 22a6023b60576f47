"""A hypothesis as text to the steps of an expression, by a grammar of its own."""

from __future__ import annotations

import dataclasses
import math
import re

from bayesmix.base.errors import FormulaError, short, suggest
from bayesmix.questions.expressions import (
    FUNCTIONS,
    Constant,
    Expression,
    Operation,
    Reference,
    Step,
    difference,
    negative,
)
from bayesmix.questions.spelling import Spelling, number_at, plain_text

__all__ = ["Hypothesis", "read_expression", "read_hypothesis"]

_DEEPEST = 40
_COMPARISONS = ("<=", ">=", "<", ">", "=")
# Longer ones first. Only what differs from `_COMPARISONS` is answered.
_OTHERS = {
    "==": "Write '=' for a point hypothesis.",
    "!=": "Ask for the hypothesis with '=': an evidence ratio below 1 speaks against it.",
    "<>": "Ask for the hypothesis with '=': an evidence ratio below 1 speaks against it.",
    "=<": "Write '<='.",
    "=>": "Write '>='.",
    "\N{LESS-THAN OR EQUAL TO}": "Write '<='.",
    "\N{GREATER-THAN OR EQUAL TO}": "Write '>='.",
    "~": "Hypotheses compare by >, <, >=, <= or =.",
    "&": "Ask for each comparison by itself, as a list of hypotheses.",
    "|": "Ask for each comparison by itself, as a list of hypotheses.",
    "%": "There is +, -, *, / and **.",
    "//": "There is +, -, *, / and **.",
}
_WORD = re.compile(r"[^\s+\-*/()<>=!,;`^~&|]+")


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """A comparison of an expression, left less right, with zero.

    Attributes
    ----------
    text : str
        As it was written.
    comparison : {">", ">=", "<", "<=", "="}
    expression : Expression
    """

    text: str
    comparison: str
    expression: Expression


def read_hypothesis(text: str, names: Spelling) -> Hypothesis:
    """Read a hypothesis such as ``"2 * Days > 5"``.

    Raises
    ------
    FormulaError
        It is none; with a caret under the place.
    """
    plain = plain_text(text, "hypothesis", "x > 0")
    return _Reader(plain, names).hypothesis()


def read_expression(text: str, names: Spelling) -> Expression:
    """Read an expression of parameters such as ``"Days / sigma"``.

    Raises
    ------
    FormulaError
        It is none; with a caret under the place.
    """
    return _Reader(plain_text(text, "expression", "x / sigma"), names).expression()


class _Ambiguous(FormulaError):
    """What can be read in two ways."""


@dataclasses.dataclass
class _Reader:
    text: str
    names: Spelling
    at: int = 0
    depth: int = 0

    def hypothesis(self) -> Hypothesis:
        left = self._sum()
        at = self._skip()
        comparison = self._comparison()
        if comparison is None:
            raise self._unexpected(
                "A hypothesis compares: write > 0, < 0 or = 0 behind the expression."
            )
        right = self._sum()
        if self._skip() < len(self.text):
            start = self.at
            if self._comparison() is not None:
                raise FormulaError(
                    "There is more than one comparison. Write a list of hypotheses, each with one.",
                    self.text,
                    start,
                )
            raise self._unexpected("Here an operator such as + or * may stand.")
        expression = Expression(difference(left, right, at), self.text)
        self._check_labels(expression, "hypothesis")
        return Hypothesis(self.text.strip(), comparison, expression)

    def expression(self) -> Expression:
        expression = Expression(tuple(self._sum()), self.text)
        if self._skip() < len(self.text):
            raise self._unexpected("Here an operator such as + or * may stand.")
        self._check_labels(expression, "expression")
        return expression

    def _check_labels(self, expression: Expression, what: str) -> None:
        if not expression.labels:
            known = ", ".join(list(self.names.labels)[:5])
            raise FormulaError(
                f"The {what} names no parameter of the model, such as {known}.", self.text
            )

    def is_expression(self) -> bool:
        """Whether all of the text can be read as arithmetic."""
        try:
            self._sum()
        except _Ambiguous:
            return True
        except FormulaError:
            return False
        return self._skip() == len(self.text)

    def _comparison(self) -> str | None:
        for other, remedy in _OTHERS.items():
            if self.text.startswith(other, self._skip()):
                raise FormulaError(f"'{other}' is no comparison. {remedy}", self.text, self.at)
        return next((own for own in _COMPARISONS if self._take(own)), None)

    def _sum(self) -> list[Step]:
        steps = self._product()
        while (operator := self._operator("+", "-")) is not None:
            steps = [*steps, *self._product(), operator]
        return steps

    def _product(self) -> list[Step]:
        steps = self._signed()
        while (operator := self._operator("*", "/")) is not None:
            steps = [*steps, *self._signed(), operator]
        return steps

    def _signed(self) -> list[Step]:
        at = self._skip()
        self._deeper(1)
        if self._take("-"):
            steps = [*self._signed(), negative(at)]
        elif self._take("+"):
            steps = self._signed()
        else:
            steps = self._power()
        self._deeper(-1)
        return steps

    def _power(self) -> list[Step]:
        base = self._value()
        at = self._skip()
        if self._take("**") or self._take("^"):
            return [*base, *self._signed(), Operation("**", at)]
        return base

    def _value(self) -> list[Step]:
        start = self._skip()
        if start == len(self.text):
            raise FormulaError("Here a value is missing.", self.text, start)
        if self._take("`"):
            return self._quoted(start)
        match, number = self.names.at(self.text, start), number_at(self.text, start)
        if match is not None and (number is None or match.stop > number[1]):
            if not match.is_plain:
                self._check_one_meaning(start, match.stop, match.label)
            self.at = match.stop
            return [Reference(match.label)]
        if number is not None:
            return self._number(start, *number)
        if self._take("("):
            return self._inside(start)
        return self._function(start)

    def _quoted(self, start: int) -> list[Step]:
        stop = self.text.find("`", self.at)
        if stop < 0:
            raise FormulaError("This backquote has no second one.", self.text, start)
        name = self.text[self.at : stop].strip()
        label = self.names.named(name)
        if label is None:
            raise self._unknown(name, start)
        self.at = stop + 1
        return [Reference(label)]

    def _check_one_meaning(self, start: int, stop: int, label: str) -> None:
        segment = self.text[start:stop]
        if _Reader(segment, self.names.without(label), depth=self.depth).is_expression():
            raise _Ambiguous(
                f"'{short(segment)}' is the parameter '{short(label)}', and arithmetic of others, "
                "too. Write it in backquotes for the parameter; for the arithmetic put single "
                "names into parentheses.",
                self.text,
                start,
            )

    def _number(self, start: int, value: float, stop: int) -> list[Step]:
        if not math.isfinite(value):
            raise FormulaError("This number is too large.", self.text, start)
        rest = _WORD.match(self.text, stop)
        if rest is not None:
            raise FormulaError(
                f"A number ends where '{short(rest[0])}' begins. Write * for a product.",
                self.text,
                stop,
            )
        self.at = stop
        return [Constant(value)]

    def _inside(self, start: int) -> list[Step]:
        self._deeper(1)
        steps = self._sum()
        self._deeper(-1)
        self._skip()
        if not self._take(")"):
            raise self._unexpected("The parenthesis is not closed.", unclosed=start)
        return steps

    def _function(self, start: int) -> list[Step]:
        word = _WORD.match(self.text, start)
        if word is None:
            raise self._unexpected("Here a value is missing: a parameter or a number.")
        after = word.end() + len(self.text[word.end() :]) - len(self.text[word.end() :].lstrip())
        if word[0] in FUNCTIONS and self.text.startswith("(", after):
            self.at = after + 1
            return [*self._inside(after), Operation(word[0], start)]
        if self.text.startswith("(", after) and self.names.named(word[0]) is not None:
            raise FormulaError(
                f"'{short(word[0])}' is no function. Write * for a product.", self.text, after
            )
        if self.text.startswith("(", after):
            raise FormulaError(
                f"Unknown function or parameter '{short(word[0])}'. Functions: "
                f"{', '.join(FUNCTIONS)}. {suggest(word[0], FUNCTIONS)}".rstrip(),
                self.text,
                start,
            )
        raise self._unknown(word[0], start)

    def _unknown(self, name: str, start: int) -> FormulaError:
        options = list(self.names.labels)
        return FormulaError(
            f"Unknown parameter '{short(name)}'. Names are those of fit.draws_frame().columns, "
            f"such as {', '.join(map(short, options[:6]))}; names with operators or spaces go into "
            f"backquotes. {suggest(name, options)}".rstrip(),
            self.text,
            start,
        )

    def _operator(self, *names: str) -> Operation | None:
        at = self._skip()
        if self.text.startswith(("**", "//"), at):
            return None
        return next((Operation(name, at) for name in names if self._take(name)), None)

    def _take(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _skip(self) -> int:
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1
        return self.at

    def _deeper(self, by: int) -> None:
        self.depth += by
        if self.depth > _DEEPEST:
            raise FormulaError(
                f"Parentheses and signs are nested more than {_DEEPEST} deep.", self.text, self.at
            )

    def _unexpected(self, remedy: str, unclosed: int | None = None) -> FormulaError:
        at = self._skip()
        found = "The text ends" if at == len(self.text) else f"'{self.text[at]}' is unexpected"
        return FormulaError(f"{found}. {remedy}", self.text, at if unclosed is None else unclosed)
