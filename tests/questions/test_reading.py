"""Hypotheses as text: what is read, what is told, and that nothing is ever executed."""

from __future__ import annotations

import random
import sys
import warnings

import pytest

import bayesmix as bm
from bayesmix.questions import prior_densities
from bayesmix.questions.hypothesis import Hypotheses
from bayesmix.questions.reading import read_hypothesis
from bayesmix.questions.spelling import MOST_CHARACTERS, Spelling

NAMES = ["x", "y1", "log(x)", "a", "b", "a-b", "f[very hot]", "f[a>b]", "sd:g:x", "2", "I(x ** 2)"]
SPELLING = Spelling(
    {name: f"beta:{name}" for name in NAMES} | {f"beta:{n}": f"beta:{n}" for n in NAMES}
)


def labels(text: str) -> tuple[str, ...]:
    return read_hypothesis(text, SPELLING).expression.labels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 0", ["x"]),
        ("  beta:x>0 ", ["x"]),
        ("f[very hot] > f[a>b]", ["f[very hot]", "f[a>b]"]),
        ("f[ very\nhot ] > 0", ["f[very hot]"]),
        ("`f[very hot]` > 0", ["f[very hot]"]),
        ("`log(x)` > 0", ["log(x)"]),
        ("log((x)) > 0", ["x"]),
        ("log( 2*x ) > 0", ["x"]),
        ("`a-b` > (a) - b", ["a-b", "a", "b"]),
        ("a -1*b > 0", ["a", "b"]),
        ("2 * x > 2", ["x"]),
        ("`2` > 0", ["2"]),
        ("I(x**2) - I( x ** 2 ) > 0", ["I(x ** 2)"]),
        ("0 < x", ["x"]),
    ],
)
def test_names(text, expected):
    assert labels(text) == tuple(f"beta:{name}" for name in expected)


BAD = {
    "": "empty",
    " \t\n": "empty",
    "x": "compares",
    "x +": "missing",
    "> 0": "value is missing",
    "x > ": "missing",
    "x = = 0": "value is missing",
    "x == 0": "Write '='",
    "x != 0": "below 1 speaks against it",
    "x <> 0": "Ask for the hypothesis with '='",
    "x => 0": "Write '>='",
    "x =< 0": "Write '<='",
    "x ≥ 0": "Write '>='",
    "x ~ 0": "compare by",
    "0 < x < 1": "more than one comparison",
    "x > 0 & a > 0": "list of hypotheses",
    "x > 0 and a > 0": "'a' is unexpected",
    "x > 0, a > 0": "',' is unexpected",
    "1 > 0": "names no parameter",
    "z > 0": "Unknown parameter 'z'",
    "X > 0": "Unknown parameter 'X'",
    "I(x**3) > 0": "Unknown function or parameter 'I'",
    "sd:h:x > 0": "Did you mean 'sd:g:x'",
    "x:z > 0": "Unknown parameter 'x:z'",
    "f[cold] > 0": r"Unknown parameter 'f\[cold\]'",
    "`z` > 0": "Unknown parameter 'z'",
    "`x > 0": "backquote has no second",
    "`` > 0": "Unknown parameter ''",
    "2x > 0": "Write \\* for a product",
    "x(2) > 0": "'x' is no function",
    "x 2 > 0": "'2' is unexpected",
    "sin(x) > 0": "Unknown function or parameter 'sin'. Functions: exp, log, sqrt, abs",
    "lg(x) > 0": "Did you mean 'log'",
    "log x > 0": "Unknown parameter 'log'",
    "exp() > 0": "value is missing",
    "exp(x, 2) > 0": "not closed",
    "(x > 0": "not closed",
    "x) > 0": r"'\)' is unexpected",
    "x > 0)": r"'\)' is unexpected",
    "x // 2 > 0": "There is",
    "x % 2 > 0": "There is",
    "x * > 0": "value is missing",
    "x ** ** 2 > 0": "value is missing",
    "log(x) > 0": "arithmetic of others, too",
    "a-b > 0": "arithmetic of others, too",
    "1e999 > x": "too large",
    "1.2.3 > x": "A number ends where",
    "0x10 > x": "A number ends where",
    "x\0 > 0": "cannot be printed",
    "x > 'a'": "Unknown parameter",
    "__import__('os').system('true') > x": "Unknown function or parameter",
    "x.__class__ > 0": "Unknown parameter 'x.__class__'",
    "lambda: x > 0": "Unknown parameter 'lambda:'",
    "[x] > 0": r"Unknown parameter '\[x\]'",
    "x > 0; import os": "';' is unexpected",
    "{x} > 0": "Unknown parameter",
    "x := 0": "Unknown parameter|is unexpected",
    "(" * 41 + "x" + ")" * 41 + " > 0": "nested more than",
    "-" * 60 + "x > 0": "nested more than",
    "x" + " + x" * 300 + " > 0": f"at most {MOST_CHARACTERS}",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_hypotheses(text):
    with pytest.raises(bm.FormulaError, match=BAD[text]) as error:
        labels(text)
    assert len(str(error.value)) < 1000


def test_the_caret_stands_under_the_place():
    with pytest.raises(bm.FormulaError) as error:
        labels("2 * x > zz + 1")
    assert str(error.value).splitlines()[1:] == ["    2 * x > zz + 1", " " * 12 + "^"]


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("log(x - 100) > 0", "log"),
        ("sqrt(-abs(sigma)) > 0", "sqrt"),
        ("1 / (sigma - sigma) > 0", "/"),
        ("0 / (x - x) = 1", "/"),
        ("(0 * x - 1) ** 0.5 > 0", r"\*\*"),
    ],
)
def test_what_has_no_value_is_told(odd_fit, text, operation):
    with pytest.raises(bm.FormulaError, match=f"'{operation}' has no value in 1000 draws"):
        odd_fit.hypothesis(text)


def test_as_many_operations_as_fit(odd_fit):
    text = "x" + "+x" * 480 + " > 0"
    x = odd_fit.draws_frame("x")["beta:x"].mean()
    assert odd_fit.hypothesis(text)["value"].iloc[0] == pytest.approx(481 * x)


# --- random strings -----------------------------------------------------------------------------

PIECES = (
    *("x", "sigma", "beta:x", "I(x**2)", "`I(x ** 2)`", "np.log(x)", "temp[very hot]", "sd:g:x"),
    *("temp[mid-low]", "u:g:x:3", "u:g", "Intercept", "cor:g:Intercept:x", "z", "sd", "log", "exp"),
    *("+", "-", "*", "/", "**", "^", "(", ")", "((", "))", ">", "<", ">=", "<=", "=", "==", "!="),
    *("0", "1", "2.5", "1e3", "1e400", ".", "`", ",", ";", "'", '"', "[", "]", "{", "}", ":", "\\"),
    *(
        "sqrt(",
        "abs(",
        "exp(",
        "log(",
        " ",
        "\n",
        "\0",
        "__import__('os').system('true')",
        "\u2212",
    ),
    *("eval('1')", "exec('import os')", "open('f')", "lambda", "import os", "().__class__", "@"),
)
COMPARISONS = (">", "<", ">=", "<=", "=")
FORBIDDEN = ("exec", "compile", "import", "open", "os.system", "subprocess.Popen", "code.__new__")
SEEN: list[str] = []
LISTENING = [False]


def listen(event: str, arguments: tuple[object, ...]) -> None:
    if LISTENING[0] and event in FORBIDDEN:
        SEEN.append(f"{event} {arguments!r}"[:200])


def random_text(rng: random.Random) -> str:
    match rng.randrange(4):
        case 0:
            return "".join(
                chr(rng.choice((32, 40, 41, 62, 61, rng.randrange(0x3000))))
                for _ in range(rng.randrange(30))
            )
        case 1:
            return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 14)))
        case 2:
            return f"{arithmetic(rng, 4)} {rng.choice(COMPARISONS)} {arithmetic(rng, 2)}"
    text = list(f"{arithmetic(rng, 3)} > {arithmetic(rng, 2)}")
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text))
        text[at : at + rng.randrange(2)] = rng.choice(PIECES)
    return "".join(text)


def arithmetic(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice((*PIECES[:10], "3", "0.5", "x"))
    one, other = arithmetic(rng, depth - 1), arithmetic(rng, depth - 1)
    match rng.randrange(4):
        case 0:
            return f"{rng.choice(('exp', 'log', 'sqrt', 'abs'))}({one})"
        case 1:
            return f"({one}) {rng.choice('+-*/')} {other}"
        case 2:
            return f"-{one}"
    return f"{one} {rng.choice(('+', '-', '*', '**'))} {other}"


@pytest.mark.parametrize(
    ("seed", "count"), [(3, 600), pytest.param(4, 5000, marks=pytest.mark.slow)]
)
def test_random_strings_end_in_a_table_or_an_error(odd_fit, monkeypatch, seed, count):
    """Draws of the prior are left out: PyMC compiles, and imports."""

    def improper(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(prior_densities, "draw_variables", improper)
    # What is imported late, and what SciPy compiles for a law of its own.
    odd_fit.hypothesis(["x = 0", "sigma = 1", "x = sigma", "sd:g:x = 1"])
    rng, outcomes = random.Random(seed), {"table": 0, "error": 0}
    longest = 0
    sys.addaudithook(listen)
    SEEN.clear()
    for _ in range(count):
        text = random_text(rng)
        LISTENING[0] = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                table = odd_fit.hypothesis(text)
            outcomes["table"] += isinstance(table, Hypotheses)
        except bm.BayesmixError as error:
            outcomes["error"] += 1
            longest = max(longest, len(str(error)))
        finally:
            LISTENING[0] = False
    assert not SEEN
    assert longest < 1500
    assert outcomes["table"] + outcomes["error"] == count
    assert min(outcomes.values()) > count / 10
