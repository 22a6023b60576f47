"""Ctrl-C during the import of a large library."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import types

import pytest

from bayesmix.base.interrupts import held_back, import_whole


def test_an_interrupt_waits_for_the_end():
    done = []
    before = signal.getsignal(signal.SIGINT)

    def interrupted():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_inside_comes_out():
    before = signal.getsignal(signal.SIGINT)

    def failing():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            int("all of it")

    with pytest.raises(ValueError, match="all of it"):
        failing()
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_import_as_ever():
    found = []
    thread = threading.Thread(target=lambda: found.append(import_whole("json.tool")))
    thread.start()
    thread.join()
    assert found == [None]


def test_what_is_there_is_not_imported_again(monkeypatch):
    monkeypatch.setitem(sys.modules, "half_of_it", types.ModuleType("half_of_it"))
    import_whole("half_of_it")


@pytest.mark.slow
def test_an_interrupted_import_of_pymc_is_whole_afterwards():
    code = """
import signal, sys
import bayesmix as bm
spec = bm.prepare("Reaction ~ Days + (Days | Subject)", bm.load_dataset("sleepstudy"))
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    spec.build()
except KeyboardInterrupt:
    print("interrupted", "pymc.model" in sys.modules)
print(len(spec.build().free_RVs))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["interrupted", "True", "6"]
