"""Programs that use pickle, with `pyfory.pickle` in its place. Each client is a
program of its own in clients/, because it changes the modules that it uses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import List

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(client: str, *arguments: str) -> None:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([TESTS, *filter(None, sys.path)]))
    program = os.path.join(TESTS, "native", "clients", client + ".py")
    process = subprocess.Popen(
        [sys.executable, program, *arguments], env=environment, cwd=TESTS, universal_newlines=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        # with the processes that it has started
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail("the client hangs: " + output)
    assert process.returncode == 0, output
    assert output.strip().endswith("passed"), output


def need(package: str) -> None:
    """Skips the test without `package`, unless PYFORY_CLIENTS says that all are there."""
    if not os.environ.get("PYFORY_CLIENTS"):
        pytest.importorskip(package)


def start_methods() -> List[str]:
    import multiprocessing

    return [method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("method", start_methods())
def test_multiprocessing(method: str) -> None:
    run("client_multiprocessing", method)


@pytest.mark.skipif("fork" not in start_methods(), reason="needs processes that inherit the replacement")
def test_concurrent_futures() -> None:
    run("client_futures")


def test_shelve() -> None:
    run("client_shelve")


def test_joblib() -> None:
    need("joblib")
    run("client_joblib")


def test_sqlalchemy() -> None:
    need("sqlalchemy")
    run("client_sqlalchemy")


def test_diskcache() -> None:
    need("diskcache")
    run("client_diskcache")
