"""What an archive says of itself is not believed."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np
import pytest

from bayesmix.storage.archive import _ALWAYS, METADATA, Archive, Damaged, write_array, write_json
from bayesmix.storage.plain import decode

SAVED = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "none": np.empty((0, 3)),
    "text": np.array(["a", "été", ""]),
    "one": np.array(3, dtype=np.int32),
    "truth": np.array([True, False]),
    "times": np.array(["2026-01-01", "NaT"], "datetime64[ns]"),
    "complex": np.array([1 + 2j]),
    "big-endian": np.arange(3, dtype=">i4"),
}


def zipped(members: dict[str, bytes], level: int = 9) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def opened(content: bytes) -> Archive:
    return Archive(io.BytesIO(content), len(content))


def npy(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header.encode("latin1") + body


def test_arrays_come_back_writable_and_in_their_order():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for i, array in enumerate(SAVED.values()):
            write_array(archive, f"{i}.npy", array)
        write_json(archive, {"a": 1})
    archive = opened(file.getvalue())
    assert archive.json() == {"a": 1}
    for i, array in enumerate(SAVED.values()):
        again = archive.array(f"{i}.npy")
        np.testing.assert_array_equal(again, array)
        assert again.dtype == array.dtype
        assert again.flags.writeable
        assert again.flags.f_contiguous == array.flags.f_contiguous
        assert not np.shares_memory(again, archive.array(f"{i}.npy"))


def test_what_is_written_is_never_taken_for_a_bomb():
    """The densest arrays shrink by less than the factor that is allowed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        write_array(archive, "0.npy", np.zeros(17_000_000))
        write_json(archive, [])
    content = file.getvalue()
    assert 8 * 17_000_000 > _ALWAYS > 100 * len(content)
    assert opened(content).array("0.npy").shape == (17_000_000,)


def test_a_small_file_that_claims_gigabytes_is_refused_before_it_is_unpacked():
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (40000000,), }\n"
    content = zipped({"0.npy": npy(header, bytes(8 * 40_000_000))})
    assert len(content) < 400_000
    with pytest.raises(Damaged, match=r"bytes cannot hold the 3200000\d\d that they claim"):
        opened(content)


def test_json_of_many_small_values_is_refused_before_it_is_unpacked():
    content = zipped({METADATA: b"[" + b"{}," * 3_000_000 + b"1]"})
    with pytest.raises(Damaged, match=r"would fill 288000\d\d\d bytes of memory"):
        opened(content).json()


def test_one_member_named_many_times_is_refused():
    body = np.zeros(10**6)
    content = zipped(
        {
            "0.npy": npy(
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,), }", body.tobytes()
            )
        }
    )
    archive = opened(content)
    with pytest.raises(Damaged, match=r"0\.npy would fill"):
        decode(archive, [{"$array": "0.npy"}] * 100)


def member(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "ends", [[0, 9, 0, 9], [9, 0, 9], [-1, 9], [3, 10], [3, 8], [2**62, 9], np.array([9.0]), [[9]]]
)
def test_texts_that_overlap_are_refused(ends):
    archive = opened(zipped({"0.npy": member(np.full(9, 97, np.uint8)), "1.npy": member(ends)}))
    node = {"$text": ["0.npy", "1.npy"], "shape": [np.size(ends)]}
    with pytest.raises(Damaged, match="ends of texts"):
        decode(archive, node)


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n"


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (GOOD.replace("<f8", "|O"), "the header"),
        (GOOD.replace("<f8", "|V8"), "the header"),
        (GOOD.replace("<f8", "<M8[zz]"), "the header"),
        (GOOD.replace("<f8", "<f5"), "the header"),
        (GOOD.replace("'<f8'", "[('a', '<f8')]"), "the header"),
        (GOOD.replace("(2,)", "(-2,)"), "the header"),
        (GOOD.replace("(2,)", "(2.0,)"), "the header"),
        (GOOD.replace("(2,)", f"({'1, ' * 40}2)"), "the header"),
        (GOOD.replace("(2,)", f"({10**20},)"), "the header"),
        (GOOD.replace("(2,)", "(0, 99999999999)"), "longer than its array"),
        (GOOD.replace("(2,)", "(3,)"), "shorter than its array"),
        (GOOD.replace("(2,)", "(1,)"), "longer than its array"),
        (GOOD.replace("False", "open('x', 'w')"), "the header"),
        (GOOD.replace("'descr'", "descr'"), "the header"),
        ("[" * 10_000, "the header"),
        ("", "the header"),
        (GOOD.replace("<f8", "<U2"), "characters that do not exist"),
        (GOOD.replace("<f8", "|b1").replace("(2,)", "(16,)"), "neither true or false"),
    ],
)
def test_headers_that_are_none(header, problem):
    archive = opened(zipped({"0.npy": npy(header, b"\xff" * 16)}))
    with pytest.raises(Damaged, match=problem):
        archive.array("0.npy")


def test_an_empty_array_that_is_too_long():
    archive = opened(zipped({"0.npy": npy(GOOD.replace("(2,)", "(0, 99999999999)"))}))
    with pytest.raises(Damaged, match="the header"):
        archive.array("0.npy")


@pytest.mark.parametrize("version", [b"\2\0", b"\3\0"])
def test_headers_of_later_versions(version):
    archive = opened(zipped({"0.npy": npy(GOOD, np.arange(2.0).tobytes(), version)}))
    assert archive.array("0.npy").tolist() == [0.0, 1.0]


def test_the_check_sum_comes_first():
    """Where the sum is wrong, nobody looks at what the header says."""
    content = bytearray(
        zipped({"0.npy": npy(GOOD.replace("'descr'", "descr'"), bytes(16))}, level=0)
    )
    content[content.index(b"descr'")] ^= 1
    with pytest.raises(Damaged, match=r"0\.npy cannot be unpacked: Bad CRC-32"):
        opened(bytes(content)).array("0.npy")


@pytest.mark.parametrize(
    "name", ["../0.npy", "/etc/passwd", "1.npy", METADATA, "", None, 0, ["0.npy"]]
)
def test_names_that_no_member_has(name):
    archive = opened(zipped({"0.npy": npy(GOOD, bytes(16)), METADATA: b"{}"}))
    with pytest.raises(Damaged, match=r"the name of an array|there is no 1\.npy"):
        archive.array(name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, "{}")
        archive.writestr(METADATA, "[]")
    with pytest.raises(Damaged, match="twice"):
        opened(file.getvalue())


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "[1, ", "[" * 10**5, "9" * 10**4, "\ud800", '{"a": -Infinity}']
)
def test_json_that_is_none(text):
    archive = opened(zipped({METADATA: text.encode("utf-8", "surrogatepass")}))
    with pytest.raises(Damaged, match="cannot be read"):
        archive.json()


@pytest.mark.parametrize(
    "node",
    [
        {"$float": "1"},
        {"$float": 1},
        {"$tuple": 1},
        {"$map": [[1]]},
        {"$map": [[[1], 2]]},
        {"$map": [[{"$tuple": [[1]]}, 2]]},
        {"$new": 1},
        {"$objects": [1], "shape": [2]},
        {"$objects": [1], "shape": [-1, -1]},
        {"$objects": [1], "shape": [True]},
        {"$objects": [], "shape": [0, 10**15]},
        json.loads("[" * 200 + "]" * 200),
        1e999,
    ],
)
def test_nodes_that_are_never_written(node):
    with pytest.raises(Damaged):
        decode(opened(zipped({METADATA: b"{}"})), node)
