"""Paths that a user gives, and files that are there whole or not at all."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import bayesmix as bm
from bayesmix.storage import files
from bayesmix.storage.files import as_path, replaced_file

ON_UNIX = pytest.mark.skipif(os.name != "posix", reason="modes and links are those of Unix")
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(params=["unnamed", "named"])
def way(request, monkeypatch):
    """Both ways of writing: a file without a name until it is complete, and one with a name."""
    if request.param == "named":
        monkeypatch.setattr(files, "_unnamed", lambda *_: None)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("there are no files without a name here")


def write(path: Path, content: bytes = b"new", *, overwrite: bool = False) -> None:
    with replaced_file(path, overwrite=overwrite) as file:
        file.write(content)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("path", [None, 3, 1.5, b"bytes", ["a"], Path, True, object()])
def test_what_is_no_path(path):
    with pytest.raises(bm.BayesmixError, match=r"path is a .*give the path of a file as text"):
        as_path(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "path is empty"),
        ("a\0b", "null character"),
        ("a\ud800", "file systems cannot write"),
        ("fits" + os.sep, "name of a folder"),
    ],
)
def test_text_that_is_no_path(path, reason):
    with pytest.raises(bm.BayesmixError, match=reason) as caught:
        as_path(path)
    str(caught.value).encode()


def test_the_home_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert as_path("~/a.fit") == tmp_path / "a.fit"
    assert as_path("a~b") == Path("a~b")


class OfBytes:
    def __fspath__(self) -> bytes:
        return b"a"


def test_a_path_of_bytes():
    with pytest.raises(bm.BayesmixError, match="path is a OfBytes"):
        as_path(OfBytes())


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 300, "name is too long.*shorter"),
        ("none/a", r"folder '.*none' does not exist\. Make it first"),
        ("file/a", r"folder '.*file' does not exist|part of the path is a file"),
        (".", "is a folder"),
        ("circle", "links lead in a circle"),
        ("pipe", "is a pipe"),
        ("socket", "is a socket"),
        ("/dev/null", "is a device"),
    ],
)
@ON_UNIX
def test_paths_that_are_refused(name, reason, overwrite, way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    (tmp_path / "file").write_text("precious")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")
        before = sorted(os.listdir())
        with pytest.raises(bm.BayesmixError, match=reason):
            write(tmp_path / name, overwrite=overwrite)
    assert sorted(os.listdir()) == before
    assert (tmp_path / "file").read_text() == "precious"
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


@ON_UNIX
def test_a_new_file_has_the_mode_of_the_umask(way, tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "a")
    finally:
        os.umask(old)
    assert mode_of(tmp_path / "a") == 0o640


@ON_UNIX
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755, 0o606])
def test_a_file_that_is_replaced_passes_on_its_mode(mode, way, tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(mode)
    write(path, overwrite=True)
    assert (path.read_text(), mode_of(path)) == ("new", mode)


@ON_UNIX
def test_what_is_written_in_place_of_a_private_file_is_private_from_the_start(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "_unnamed", lambda *_: None)
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o600)
    with replaced_file(path, overwrite=True) as file:
        file.write(b"new")
        assert {mode_of(one) for one in tmp_path.iterdir()} == {0o600}


@pytest.mark.skipif(not IS_ROOT, reason="only root may give files away")
def test_a_file_that_is_replaced_passes_on_its_owner(way, tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    os.chown(path, 1234, 4321)
    write(path, overwrite=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
@ON_UNIX
def test_read_only_files_and_folders_are_refused(way, tmp_path):
    path = tmp_path / "a"
    path.write_text("precious")
    path.chmod(0o400)
    with pytest.raises(bm.BayesmixError, match="is read-only"):
        write(path, overwrite=True)
    tmp_path.chmod(0o500)
    with pytest.raises(bm.BayesmixError, match="Permission is denied"):
        write(tmp_path / "b")
    tmp_path.chmod(0o700)


@ON_UNIX
def test_symbolic_links_are_followed(way, tmp_path):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    link.symlink_to(Path("folder", "target"))
    write(link)  # to where nothing is yet
    assert link.is_symlink()
    assert target.read_text() == "new"
    with pytest.raises(bm.BayesmixError, match=r"link' exists.*overwrite=True"):
        write(link)
    target.chmod(0o600)
    write(link, b"newer", overwrite=True)
    assert link.is_symlink()
    assert target.read_text() == "newer"
    assert mode_of(target) == 0o600
    assert [one.name for one in target.parent.iterdir()] == ["target"]


def test_an_error_leaves_what_was_there(way, tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def interrupted() -> None:
        with replaced_file(path, overwrite=True) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a", "old")]


def test_a_file_made_meanwhile_stays(way, tmp_path):
    path = tmp_path / "a"
    with pytest.raises(bm.BayesmixError, match="exists"), replaced_file(path, overwrite=False):
        path.write_text("precious")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a", "precious")]


def test_of_two_at_once_one_is_refused(way, tmp_path, monkeypatch):
    """Also where both have looked before either has written."""
    path, barrier, ends = tmp_path / "a", threading.Barrier(2), []
    check = files._checked_target

    def together(*arguments):
        try:
            return check(*arguments)
        finally:
            barrier.wait()

    monkeypatch.setattr(files, "_checked_target", together)

    def save(content: bytes) -> None:
        try:
            write(path, content)
            ends.append("saved")
        except bm.BayesmixError as error:
            ends.append("exists" if "exists" in str(error) else str(error))

    threads = [threading.Thread(target=save, args=(content,)) for content in (b"1", b"2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["exists", "saved"]
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


KILLED = """
import os, signal
from pathlib import Path
from bayesmix.storage import files
{change}
with files.replaced_file(Path({path!r}), overwrite=True) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path: Path, change: str = "") -> None:
    code = textwrap.dedent(KILLED).format(path=str(path), change=change)
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode < 0


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="there are no files without a name here")
def test_a_killed_save_leaves_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    killed(path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a", "old")]


@ON_UNIX
def test_the_next_save_cleans_up_after_killed_ones_and_nobody_else(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")
    killed(path, "files._unnamed = lambda *_: None")
    (left,) = set(tmp_path.iterdir()) - {path}
    other = left.with_name(left.name.replace(".tmp", ".txt"))
    of_another = tmp_path / f"{files._prefix(tmp_path / 'b')}{'0' * 16}.tmp"
    folder = tmp_path / f"{files._prefix(path)}{'1' * 16}.tmp"
    link = tmp_path / f"{files._prefix(path)}{'2' * 16}.tmp"
    folder.mkdir()
    link.symlink_to(other)
    for one in (other, of_another):
        one.write_text("precious")
    write(path, overwrite=True)
    assert left.exists(), "it may be that somebody is about to write it"
    long_ago = time.time() - 2 * files._STALE
    for one in (left, other, of_another):
        os.utime(one, (long_ago, long_ago))
    with left.open("r+b") as opened:
        assert files._lock(opened)
        write(path, overwrite=True)
        assert left.exists(), "somebody writes it"
    write(path, overwrite=True)
    assert set(tmp_path.iterdir()) == {path, other, of_another, folder, link}
    assert other.read_text() == of_another.read_text() == "precious"


FULL = """
import resource, sys
from pathlib import Path
from bayesmix.storage import files
from bayesmix import BayesmixError
{change}
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with files.replaced_file(Path({path!r}), overwrite=True) as file:
        file.write(bytes(10**6))
except BayesmixError as error:
    print(error)
"""


@ON_UNIX
@pytest.mark.parametrize("change", ["", "files._unnamed = lambda *_: None"])
def test_a_disk_that_is_full_leaves_what_was_there(change, tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    code = textwrap.dedent(FULL).format(path=str(path), change=change)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be saved. Files may not be so large here" in done.stdout
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a", "old")]


def test_what_the_system_says_becomes_a_remedy(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(bm.BayesmixError, match=r"No space is left on the device\. Free some"):
        write(tmp_path / "a")
    assert not list(tmp_path.iterdir())
