"""Paths that a user gives: what they may be, and files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from bayesmix.base.errors import BayesmixError

__all__ = ["as_path", "regular_file", "replaced_file", "system_errors"]

# A temporary file that nobody writes to is left alone for so many seconds.
_STALE = 60.0

_REMEDIES = {
    errno.ENOENT: "The folder does not exist. Make it first.",
    errno.ENOTDIR: "A part of the path is a file, not a folder. Choose another path.",
    errno.ENAMETOOLONG: "The name is too long for this file system. Choose a shorter one.",
    errno.ELOOP: "The symbolic links lead in a circle. Choose another path.",
    errno.EACCES: "Permission is denied. Choose a place of your own, or have its mode changed.",
    errno.EPERM: "It is not permitted. Choose a place of your own, or have its mode changed.",
    errno.EROFS: "The file system is read-only. Choose another place.",
    errno.ENOSPC: "No space is left on the device. Free some, or choose another place.",
    errno.EDQUOT: "The disk quota is used up. Free some space, or choose another place.",
    errno.EFBIG: "Files may not be so large here. Choose another place, or keep fewer draws.",
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def as_path(path: object) -> Path:
    """Return a path of text, ``~`` being the home; raise for anything that cannot be one.

    Parameters
    ----------
    path : object
        What a user gave.

    Returns
    -------
    Path

    Raises
    ------
    BayesmixError
        It is neither text nor a `pathlib.Path`, is empty, is that of a folder, or has characters
        that no path can have.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise BayesmixError(
            f"path is a {type(path).__name__}; give the path of a file as text or a pathlib.Path, "
            "such as 'sleepstudy.fit'."
        )
    if not text:
        raise BayesmixError("path is empty; give the path of a file, such as 'sleepstudy.fit'.")
    try:
        if b"\0" in os.fsencode(text):
            raise BayesmixError(f"{_shown(text)} has a null character, which no path can have.")
    except UnicodeEncodeError:
        raise BayesmixError(
            f"{_shown(text)} has a character that file systems cannot write. Take it out."
        ) from None
    if text.endswith(tuple(filter(None, (os.sep, os.altsep)))):
        raise BayesmixError(f"{_shown(text)} is the name of a folder. Give the path of a file.")
    return Path(os.path.expanduser(text))


@contextlib.contextmanager
def system_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn what the system refuses into an error with a remedy.

    Parameters
    ----------
    doing : str
        ``"read"`` or ``"saved"``, after "cannot be".
    path : Path
    """
    try:
        yield
    except OSError as error:
        raise _refused(doing, path, error) from error


def regular_file(path: Path) -> os.stat_result | None:
    """Return what the system knows of a file, links followed; None if there is nothing.

    Raises
    ------
    BayesmixError
        It is a folder, a pipe or anything else that is no regular file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = next((word for is_kind, word in _KINDS if is_kind(found.st_mode)), "no regular file")
        raise BayesmixError(f"{_shown(path)} is {kind}. Give the path of a file.")
    return found


@contextlib.contextmanager
def replaced_file(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when the block ends without an error.

    Until then what was there stays. A symbolic link stays one, and what it leads to is written. A
    file that was there passes on its mode and its owner; a new one has those of any new file.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Whether a file that exists may be replaced.

    Yields
    ------
    binary file

    Raises
    ------
    BayesmixError
        The path exists and may not be overwritten, is no regular file or is read-only; its folder
        does not exist; or the system refuses it.
    """
    with system_errors("saved", path):
        target = Path(os.path.realpath(path))
        old = _checked_target(path, target, overwrite)
        _remove_stale(target)
        mode = 0o666 if old is None else 0o600
        file, publish = _unnamed(target, mode) or _named(target, mode)
        with contextlib.ExitStack() as stack:
            stack.callback(publish, None)
            stack.enter_context(file)
            yield file
            file.flush()
            if old is not None:
                _pass_on(file.fileno(), old)
            os.fsync(file.fileno())
            _checked_target(path, target, overwrite)
            try:
                publish(overwrite)
            except FileExistsError:
                raise _exists(path) from None
        _sync_folder(target.parent)


type _Publish = Callable[[bool | None], None]
"""Puts the file into its place, replacing or not; None takes away what is left of it."""


def _checked_target(path: Path, target: Path, overwrite: bool) -> os.stat_result | None:
    old = regular_file(target)
    if old is not None and not overwrite:
        raise _exists(path)
    if old is not None and not os.access(target, os.W_OK):
        raise BayesmixError(
            f"{_shown(path)} is read-only. Choose another path, or change its mode to replace it."
        )
    if old is None and not target.parent.is_dir():
        raise BayesmixError(f"The folder {_shown(target.parent)} does not exist. Make it first.")
    return old


def _exists(path: Path) -> BayesmixError:
    return BayesmixError(
        f"{_shown(path)} exists. Choose another path, or pass overwrite=True to replace it."
    )


def _unnamed(target: Path, mode: int) -> tuple[IO[bytes], _Publish] | None:
    """Open a file without a name, which is gone when the process is; None where there are none."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        number = os.open(target.parent, os.O_TMPFILE | os.O_RDWR, mode)
    except OSError:
        return None  # not on this file system; a folder that refuses files will say so again

    def publish(overwrite: bool | None) -> None:
        if overwrite is None:
            return
        # With dst_dir_fd Python calls linkat, which follows the link in /proc to the file.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            source = f"/proc/self/fd/{number}"
            if not overwrite:
                os.link(source, target.name, dst_dir_fd=folder, follow_symlinks=True)
                return
            name = _temporary_name(target)
            os.link(source, name, dst_dir_fd=folder, follow_symlinks=True)
            try:
                os.replace(name, target.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(name, dir_fd=folder)
                raise
        finally:
            os.close(folder)

    return os.fdopen(number, "w+b"), publish


def _named(target: Path, mode: int) -> tuple[IO[bytes], _Publish]:
    """Open a file with a name that the next save of the same target cleans up."""
    temporary = target.with_name(_temporary_name(target))
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(temporary, flags, mode), "w+b")
    _lock(file)

    def publish(overwrite: bool | None) -> None:
        if overwrite is None:
            temporary.unlink(missing_ok=True)
        elif os.name == "nt":
            file.close()  # Windows moves no file that is open
            (os.replace if overwrite else os.rename)(temporary, target)
        elif overwrite:
            os.replace(temporary, target)
        else:
            _move(temporary, target)

    return file, publish


def _move(temporary: Path, target: Path) -> None:
    """Move a file to a path that must be free."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        if target.exists():
            raise FileExistsError(target) from None
        os.replace(temporary, target)


def _temporary_name(target: Path) -> str:
    """Make a name of fixed length that tells which target it is for."""
    return f"{_prefix(target)}{secrets.token_hex(8)}.tmp"


def _prefix(target: Path) -> str:
    return f".bayesmix-{hashlib.blake2b(os.fsencode(target.name), digest_size=8).hexdigest()}-"


def _remove_stale(target: Path) -> None:
    """Remove what killed saves of the same target have left: old, and locked by nobody."""
    pattern = re.compile(re.escape(_prefix(target)) + r"[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError):
        for entry in os.scandir(target.parent):
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError), open(entry.path, "r+b") as file:
                    if time.time() - entry.stat().st_mtime > _STALE and _lock(file):
                        os.unlink(entry.path)


def _lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False if another process has, or if there are no locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _pass_on(number: int, old: os.stat_result) -> None:
    """Give a file the owner and the mode of the one that it replaces, as far as one may."""
    if not hasattr(os, "fchown"):
        return
    mode, new = stat.S_IMODE(old.st_mode) & 0o777, os.fstat(number)
    if old.st_uid != new.st_uid:
        with contextlib.suppress(OSError):
            os.fchown(number, old.st_uid, -1)
    if old.st_gid != new.st_gid:
        try:
            os.fchown(number, -1, old.st_gid)
        except OSError:
            mode &= ~0o070  # what the old group might do is not for another one
    os.fchmod(number, mode)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _refused(doing: str, path: Path, error: OSError) -> BayesmixError:
    reason = _REMEDIES.get(error.errno or 0) or f"{error.strerror or error}. Choose another path."
    return BayesmixError(f"{_shown(path)} cannot be {doing}. {reason}")


def _shown(path: Any, longest: int = 200) -> str:
    text = str(path)
    text = text if len(text) <= longest else f"{text[: longest // 2]}...{text[-longest // 2 :]}"
    quoted = f"'{text}'"
    return quoted if quoted.isprintable() else ascii(text)
