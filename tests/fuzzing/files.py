"""Damaged and hostile files: `bm.load` refuses them with a `BayesmixError`, or they work.

    python tests/fuzzing/files.py --seed 7 --count 3000

Every file is one that `fit.save` made, changed in one or two ways: bits, bytes and lengths of the
whole file; members with the check sums mended; the JSON; headers and numbers of arrays; declared
sizes. A file that loads nevertheless is used: tables, text, predictions for new rows, and saved
again. What is told is any other exception or warning, a file that takes longer than two seconds or
more than 400 MB, and anything that was executed. Ends with 1 if there was any.
"""

from __future__ import annotations

import argparse
import collections
import copy
import dataclasses
import functools
import io
import json
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayesmix as bm

SECONDS = 2.0
MEGABYTES = 400
SETTINGS = {"draws": 30, "chains": 2, "cores": 1, "random_seed": 1, "progressbar": False}
METADATA = "bayesmix.json"
FORMULAS = {
    "slopes": ("y ~ scale(x) + ses + (1 + x | g) + (1 | h:ses)", {}),
    "transforms": (
        "np.log(positive) ~ poly(x, 2) + bs(z, df=5) + C(year) + center(x):ses + (scale(x) || g)",
        {"weights": "w"},
    ),
    "plain": ("y ~ x + I(z**2) + offset(w)", {}),
}

type Members = dict[str, bytes]


# --- files to start from ------------------------------------------------------------------------


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(5, 1, n),
            "positive": rng.gamma(4, 1, n),
            "x": rng.normal(size=n),
            "z": rng.uniform(1, 2, n),
            "w": rng.uniform(0.5, 2, n),
            "ses": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"]),
            "year": rng.integers(2001, 2004, n),
            "g": np.repeat(np.arange(6), 10),
            "h": np.tile(["p", "q", "r"], 20),
        },
        index=pd.Index([f"row {i}" for i in range(n)], name="id"),
    )


@functools.cache
def originals() -> dict[str, bytes]:
    """Make the files, by name."""
    files = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (formula, options) in FORMULAS.items():
            fit = bm.fit(formula, frame(), **options, **SETTINGS)
            fit.save(Path(folder, name))
            files[name] = Path(folder, name).read_bytes()
    return files


def members_of(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Members, level: int = 1) -> bytes:
    """Put members together, with check sums that are right."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


# --- changes of the whole file ------------------------------------------------------------------


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 5, 100])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def lose_a_part(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randrange(1, 2000) :]


def fill_a_part(content: bytes, rng: random.Random) -> bytes:
    start, length = rng.randrange(len(content)), rng.randrange(1, 5000)
    filling = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    return content[:start] + filling + content[start + length :]


def append(content: bytes, rng: random.Random) -> bytes:
    tail = rng.choice([b"\0" * 100, rng.randbytes(300), content])
    return content + tail if rng.random() < 0.7 else tail + content


def change_the_directory(content: bytes, rng: random.Random) -> bytes:
    """Change a field of a header of zip, local or central."""
    changed = bytearray(content)
    signature, size = rng.choice([(b"PK\x01\x02", 46), (b"PK\x03\x04", 30), (b"PK\x05\x06", 22)])
    places = [i for i in range(len(content)) if content.startswith(signature, i)]
    for place in rng.sample(places, min(len(places), rng.choice([1, 1, 100]))):
        at = place + rng.randrange(4, size - 3)
        values = (0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32))
        changed[at : at + 4] = struct.pack("<I", rng.choice(values))
    return bytes(changed)


def change_the_sizes(content: bytes, rng: random.Random) -> bytes:
    """Let members claim other sizes, in both headers, or another method of compression."""
    changed = bytearray(content)
    offset, width = rng.choice([(24, 4), (20, 4), (10, 2), (8, 2), (16, 4)])
    value = rng.choice([0, 1, 8, 12, 14, 99, 0xFFFF, 10**6, 10**9, 0xFFFFFFFE])
    for i in range(len(content)):
        for signature, shift in ((b"PK\x01\x02", 0), (b"PK\x03\x04", 2)):
            if content.startswith(signature, i) and rng.random() < 0.5:
                at = i + offset - shift
                changed[at : at + width] = value.to_bytes(4, "little")[:width]
    return bytes(changed)


# --- changes of members, check sums mended ------------------------------------------------------


def swap_members(members: Members, rng: random.Random) -> None:
    one, other = rng.sample(sorted(members), 2)
    members[one], members[other] = members[other], members[one]


def drop_a_member(members: Members, rng: random.Random) -> None:
    del members[rng.choice(sorted(members))]


def change_bytes(members: Members, rng: random.Random) -> None:
    name = rng.choice(sorted(members))
    changer = rng.choice([flip_bits, truncate, lose_a_part, fill_a_part, append])
    if members[name]:
        members[name] = changer(members[name], rng)


def change_a_header(members: Members, rng: random.Random) -> None:
    name = rng.choice([name for name in members if name != METADATA])
    content = members[name]
    length = int.from_bytes(content[8:10], "little")
    header, body = content[10 : 10 + length].decode("latin1"), content[10 + length :]
    dtypes = ["<f8", ">f8", "<f4", "|b1", "<i8", "<U1", "<U0", "|O", "|V8", "<M8[ns]", "<M8[zz]"]
    dtypes += ["<c16", "<f16", "<U99999999", "[('a', '<f8')]", "<m8", "|S8", "=f8", "f8"]
    shapes = ["()", "(0,)", "(-1,)", "(1,)", f"({10**9},)", f"({10**30},)", "(2, 3)", "(" * 500]
    shapes += ["(1.5,)", "'a'", "(0, 10000000000)", f"({'1, ' * 70})", "((1,),)"]
    what = rng.choice(["descr", "shape", "order", "text", "version"])
    if what == "descr":
        header = header.replace(header.split("'")[3], rng.choice(dtypes), 1)
    elif what == "shape":
        start = header.index("'shape': ") + 9
        header = header[:start] + rng.choice(shapes) + ", }"
    elif what == "order":
        header = header.replace("False", rng.choice(["True", "1", "None", "[]", "open('x')"]))
    elif what == "text":
        at = rng.randrange(len(header))
        header = header[:at] + rng.choice(["", "'", "\x08", "\n", "{", "\xff"]) + header[at + 1 :]
    start = b"\x93NUMPY" + (
        rng.choice([b"\2\0", b"\3\0", b"\\9\0"]) if what == "version" else b"\1\0"
    )
    size = len(header) if rng.random() < 0.9 else rng.randrange(1 << 16)
    members[name] = start + struct.pack("<H", size) + header.encode("latin1") + body


def change_numbers(members: Members, rng: random.Random) -> None:
    """Change numbers of an array, or all of it, so that the file is well made."""
    name = rng.choice([name for name in members if name != METADATA])
    array = np.load(io.BytesIO(members[name]), allow_pickle=False)
    what = rng.choice(["value", "value", "all", "shape", "dtype", "order"])
    numbers = (np.nan, np.inf, -np.inf, -1, 0, 1, 1e308, -1e308, 2**31, 10**6)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if what in ("value", "all") and array.size:
            array = array.copy()
            value: Any = rng.choice(numbers)
            if array.dtype.kind in "iu":
                value = rng.choice([-(2**31), -1, 0, 1, 2**31 - 1]) % 2 ** (8 * array.itemsize - 1)
                value = rng.choice([value, 0]) if array.dtype.kind == "u" else value
            elif array.dtype.kind in "US":
                value = rng.choice(["", "Intercept", "a:b", "$array", "x" * 50])
            place = rng.randrange(array.size) if what == "value" else slice(None)
            array.flat[place] = np.asarray(value).astype(array.dtype)
        elif what == "shape":
            options = (
                [array[:-1], array[:0], array[None], array.ravel(), array.T] if array.ndim else []
            )
            options += [np.concatenate([array, array])] if array.ndim else [array[None]]
            array = rng.choice(options)
        elif what == "dtype":
            kind = rng.choice(["f4", "f8", "i4", "i8", "b1", "c16", "U8", "M8[ns]", "u1", "S4"])
            try:
                array = array.astype(kind)
            except (TypeError, ValueError):
                array = np.zeros(array.shape, kind)
        else:
            array = np.asfortranarray(array)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    members[name] = file.getvalue()


class Executed:
    """Makes a file when it is unpickled."""

    path = ""

    def __reduce__(self) -> Any:
        return (os.mkdir, (self.path,))


def put_a_pickle(members: Members, rng: random.Random) -> None:
    array = np.empty(1, dtype=object)
    array[0] = Executed()
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    members[rng.choice([name for name in members if name != METADATA])] = file.getvalue()


# --- changes of the JSON ------------------------------------------------------------------------

CALLS = (
    "log.__globals__.clear",
    "as.__reduce__",
    "open",
    "eval",
    "np.load",
    "np.save",
    "np.fromfile",
    "np.lib.os.mkdir",
    "os.mkdir",
    "half",
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 1000, 10**6, 10**18, 10**30, 10**400, 0.5, -0.5, 1e308),
    *("", "x", "y", "Intercept", "numeric", "categoric", "nan", "\ud800", "a\0b", "0.npy", "9.npy"),
    *(
        "1",
        "g",
        "h:ses",
        "Normal",
        "Flat",
        "HalfNormal",
        "LKJ",
        "Categorical",
        "\x1b[31m",
        "x" * 5000,
    ),
    *([], {}, [[]], {"a": 1}, [None], ["x"], {"$tuple": []}, {"$tuple": ["x"]}, {"$tuple": 1}),
    *({"$array": "0.npy"}, {"$array": "99.npy"}, {"$array": "../x"}, {"$array": []}, {"$array": 0}),
    *(
        {"$float": "inf"},
        {"$float": "nan"},
        {"$float": []},
        {"$map": [[1, 2]]},
        {"$map": [[[], 1]]},
    ),
    *({"$map": 1}, {"$text": ["0.npy", "1.npy"], "shape": [1]}, {"$new": 1}, {"is": "numpy"}),
    {"$objects": [1, "a"], "shape": [2]},
    {"$objects": [], "shape": [0, 10**12]},
    {"$objects": [], "shape": [-1]},
    {"kind": "range", "name": None, "range": [0, 10**12, 1]},
    {"kind": "range", "name": None, "range": [0, 60, 0]},
    {"kind": "values", "name": None, "values": {"$array": "0.npy"}, "dtype": "category"},
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def change_the_json(members: Members, rng: random.Random) -> None:
    """Change, drop, double or exchange values, or put other text into a text."""
    metadata = json.loads(members[METADATA])
    known = [place for place in places(metadata) if len(place) > 1]
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        *above, key = rng.choice(known)
        try:
            parent = functools.reduce(lambda node, one: node[one], above, metadata)
            value = parent[key]
        except (LookupError, TypeError):
            continue
        what = rng.choice(["value", "value", "drop", "exchange", "text", "number", "key"])
        if what == "drop":
            del parent[key]
        elif what == "exchange":
            *other_above, other_key = rng.choice(known)
            try:
                other = functools.reduce(lambda node, one: node[one], other_above, metadata)
                parent[key] = copy.deepcopy(other[other_key])
            except (LookupError, TypeError):
                continue
        elif what == "text" and isinstance(value, str) and value:
            at = rng.randrange(len(value))
            parent[key] = (
                value[:at] + rng.choice(["", "~", "(", "|", ":", "é", "**"]) + value[at + 1 :]
            )
        elif what == "number" and type(value) in (int, float):
            parent[key] = value + rng.choice([-1, 1, 0.5, 1e6, -1e6, 1e-9])
        elif what == "key" and isinstance(parent, dict):
            parent[rng.choice(["$array", "x", key + "2"])] = parent.pop(key)
        elif isinstance(parent, list) and rng.random() < 0.3:
            parent.insert(key, copy.deepcopy(value))
        else:
            parent[key] = rng.choice(VALUES)
    members[METADATA] = json.dumps(metadata).encode()


def change_the_text_of_json(members: Members, rng: random.Random) -> None:
    text = members[METADATA].decode()
    bad = [
        "NaN",
        "Infinity",
        "1e999",
        "-",
        "9" * 5000,
        "[" * 100_000,
        "{" * 1000,
        "\x00",
        '"',
        "\\u",
    ]
    at = rng.randrange(len(text))
    members[METADATA] = (text[:at] + rng.choice(bad) + text[at + 1 :]).encode()
    if rng.random() < 0.1:
        members[METADATA] = text.encode(rng.choice(["utf-16", "utf-32", "utf-8-sig"]))


def call_something(members: Members, rng: random.Random) -> None:
    """Let the formula call what it must not."""
    text = members[METADATA].decode()
    old = rng.choice(["np.log", "scale", "center", "poly", "bs", "offset", "I", "C"])
    call = rng.choice(CALLS)
    metadata = json.loads(text.replace(f"{old}(", f"{call}("))
    names = metadata["content"]["names"]
    for kind in ("numpy", "formulae", "ufunc", "value", "given", "R"):
        if rng.random() < 0.3:
            value = {"value": rng.choice(CALLS)} if rng.random() < 0.5 else {}
            names[call.partition(".")[0]] = {"is": kind} | value
    if rng.random() < 0.3:
        names[call] = {"is": "remembered"}
        metadata["content"]["remembered"][f"{call}({rng.choice('xzw')})"] = rng.choice(VALUES)
    members[METADATA] = json.dumps(metadata).encode()


# Effects that another file might have; {} is a number.
EFFECTS = (
    *("bs(x, df={})", "bs(x, df=9, degree={})", "bs(x, knots={})", "poly(x, {})", "cr(x, df={})"),
    *("cc(z, df={})", "tp(x, df={})", "I(x ** {})", "I({} ** {} ** {})", "I(x * {})", "C(x)"),
    *("C(x):C(z):h:ses", "C(x)*C(z)*C(w)*h*ses", "(x + z + w + h + ses) ** {}", "offset({})"),
    *("np.clip(x, {}, {})", "np.power(x, {})", "np.left_shift(year, {})", "x.quantile({})", "y"),
    *(
        "I(x if z else w)",
        "scale(scale(x))",
        "np.exp(x, out=z)",
        "np.where(x > {}, x, z)",
        "(1 | x)",
    ),
    *("(C(x) | g)", "(1 | g:h:ses:year)", "np.add.reduce(x)", "np.add.at(x, 0, 1)", "T(ses, {})"),
)
SIZES = (0, 1, 2, 3, 5, 20, 25, 59, 60, 1000, 10**5, 10**6, 10**9, 10**18, -1, 0.5, 1e308)


def change_the_formula(members: Members, rng: random.Random) -> None:
    """Ask for effects that are large, slow, or not those that were fitted."""
    metadata = json.loads(members[METADATA])
    content = metadata["content"]
    effects = [rng.choice(EFFECTS) for _ in range(rng.choice([1, 1, 2, 4]))]
    sizes = iter(lambda: rng.choice(SIZES), None)
    written = [effect.format(*(next(sizes) for _ in range(3))) for effect in effects]
    response, _, rest = content["formula"].partition("~")
    kept = rng.choice([rest, "1", "0", "1 + (1 | g)"])
    content["formula"] = f"{response}~ {kept} + {' + '.join(written)}"
    if rng.random() < 0.5:
        content["names"] |= {"np": {"is": "numpy"}}
    members[METADATA] = json.dumps(metadata).encode()


# --- files that claim or fill gigabytes ---------------------------------------------------------


def bomb(members: Members, rng: random.Random) -> None:
    """Make something large of little."""
    kind = rng.choice(["zeros", "objects", "deep", "text", "repeat", "range", "digits", "header"])
    metadata = json.loads(members[METADATA])
    name = rng.choice([name for name in members if name != METADATA])
    known = [place for place in places(metadata) if len(place) > 2]
    *above, key = rng.choice(known)
    parent = functools.reduce(lambda node, one: node[one], above, metadata)
    if kind in ("zeros", "header"):
        file = io.BytesIO()
        size = 4 * 10**7 if kind == "zeros" else 10**9
        header = {"descr": "<f8", "fortran_order": False, "shape": (size,)}
        np.lib.format.write_array_header_1_0(file, header)
        members[name] = file.getvalue() + bytes(8 * size if kind == "zeros" else 1000)
        return
    if kind == "objects":
        text = json.dumps(metadata)
        members[METADATA] = (text[:-1] + ', "more": [' + "{}," * 5_000_000 + "1]}").encode()
        return
    value: Any = {
        "deep": functools.reduce(lambda inner, _: [inner], range(900), 0),
        "text": {"$text": ["0.npy", "1.npy"], "shape": [10]},
        "repeat": [{"$array": name}] * 50_000,
        "range": {"kind": "range", "name": None, "range": [0, 10**10, 1]},
        "digits": 10 ** rng.choice([100, 4000]),
    }[kind]
    if kind == "text":  # every second text is the whole
        file = io.BytesIO()
        np.save(file, np.tile([0, 10**6], 20_000))
        members["1.npy"] = file.getvalue()
        file = io.BytesIO()
        np.save(file, np.full(10**6, 97, np.uint8))
        members["0.npy"] = file.getvalue()
    parent[key] = value
    members[METADATA] = json.dumps(metadata).encode()


WHOLE = (
    flip_bits,
    truncate,
    lose_a_part,
    fill_a_part,
    append,
    change_the_directory,
    change_the_sizes,
)
INSIDE = (
    swap_members,
    drop_a_member,
    change_bytes,
    change_a_header,
    change_numbers,
    put_a_pickle,
    change_the_json,
    change_the_text_of_json,
    change_the_formula,
    call_something,
    bomb,
)
# The JSON has the most to say that can be wrong.
OFTEN: tuple[Callable[..., Any], ...] = (
    *WHOLE,
    *INSIDE,
    *(change_the_json,) * 10,
    *(change_the_formula,) * 6,
    *(change_numbers,) * 4,
)


def damaged(rng: random.Random) -> tuple[str, bytes]:
    """Return how a file was changed, and the file."""
    name = rng.choice(sorted(originals()))
    content, told = originals()[name], [name]
    for change in rng.choices(OFTEN, k=rng.choice([1, 1, 1, 2])):
        told.append(change.__name__)
        if change in WHOLE:
            content = change(content, rng) if content else content
            continue
        try:
            members = members_of(content)
            change(members, rng)
        except Exception:  # the first change has left nothing for a second
            continue
        content = zipped(members, rng.choice([1, 9]))
    return " ".join(told), content


# --- what must hold -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Trial:
    """What one file did.

    Attributes
    ----------
    how : str
        What was changed.
    end : str
        ``"refused"``, ``"works"`` or ``"refused in use"``.
    fault : str
        What must not be; empty if all is well.
    seconds, megabytes : float
        Time of the processor, and memory beside what was there before.
    """

    how: str
    end: str
    fault: str
    seconds: float
    megabytes: float


def use(fit: bm.MixedFit, folder: Path) -> None:
    """Do with a fit what users do, without sampling."""
    repr(fit)
    fit._repr_html_()
    fit.summary(cor_re=True, cor_fe=True)
    repr(fit.spec)
    repr(fit.design)
    fit.varcorr(estimator="posterior")
    fit.diagnostics()
    fit.linpred()
    rows = frame().drop(columns=["y", "positive"]).iloc[[3, 11, 40]].assign(g=[1, 99, 5])
    fit.epred(rows, new_levels="population")
    fit.predict(rows, new_levels="sample", random_seed=1)
    if fit.design.groups:
        fit.ranef(add_group_N=True)
        fit.coef()
        fit.cor_re(long=True)
        fit.find_typical()
        fit.no_pooling()
        fit.shrinkage()
    fit.waic()
    fit.save(folder / "again", overwrite=True)


def tried(how: str, content: bytes, folder: Path) -> Trial:
    """Load a file, and use what comes of it."""
    path, mark = folder / "a.fit", folder / "executed"
    path.write_bytes(content)
    # Time of this process: how busy the machine is says nothing of a file.
    before, start = memory(reset=True), time.process_time()
    end, fault = "refused", ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fit = bm.load(path)
            end = "refused in use"
            warnings.simplefilter("ignore", RuntimeWarning)  # draws of 1e308 overflow
            warnings.simplefilter("ignore", bm.ComparisonWarning)
            use(fit, folder)
            end = "works"
        except bm.BayesmixError as error:
            if len(str(error)) > 3000:
                fault = f"a message of {len(str(error))} characters"
        except BaseException as error:
            fault = "".join(traceback.format_exception(error)[-4:])
    seconds = time.process_time() - start
    if seconds > SECONDS:
        fault = fault or f"took {seconds:.1f} s"
    megabytes = memory() - before
    if megabytes > MEGABYTES:
        fault = fault or f"filled {megabytes:.0f} MB"
    if mark.exists():
        mark.rmdir()
        fault = "executed what was in the file"
    return Trial(how, end, fault, seconds, megabytes)


def memory(*, reset: bool = False) -> float:
    """The most memory that the process has had, since a reset where the system knows of those."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (2**20 if sys.platform == "darwin" else 2**10)


def run(seed: int, count: int) -> Iterator[tuple[int, bytes, Trial]]:
    """Try `count` damaged files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Executed.path = str(folder / "executed")
        use_all(folder)
        for number in range(count):
            rng = random.Random(f"{seed} {number}")
            how, content = damaged(rng)
            yield number, content, tried(how, content, folder)


def use_all(folder: Path) -> None:
    """Use the originals once, so that nothing is imported or compiled while the clock runs."""
    for name, content in originals().items():
        tried(name, content, folder)
        trial = tried(name, content, folder)
        assert trial.end == "works", trial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--keep", type=Path, help="folder for the files that were at fault")
    options = parser.parse_args()
    ends: collections.Counter[str] = collections.Counter()
    faults, slowest, most = 0, 0.0, 0.0
    for number, content, trial in run(options.seed, options.count):
        ends[trial.end] += 1
        slowest, most = max(slowest, trial.seconds), max(most, trial.megabytes)
        if trial.fault:
            faults += 1
            print(
                f"{options.seed} {number} ({trial.how}; {trial.end}): {trial.fault}\n", flush=True
            )
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{number}.fit").write_bytes(content)
    counts = ", ".join(f"{n} {end}" for end, n in sorted(ends.items()))
    print(f"{options.count} files: {counts}; {faults} faults")
    print(f"at most {slowest:.2f} s and {most:.0f} MB for one")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
