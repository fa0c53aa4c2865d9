"""What static type checkers see."""

import os
import subprocess
import sys

import pytest

import pyfory

pytest.importorskip("mypy")

EXAMPLE = '''
from dataclasses import dataclass
from typing import Dict, List, Optional

import pyfory


@dataclass
class Point:
    x: pyfory.Int32
    y: pyfory.Float32 = 0.0
    names: List[str] = pyfory.field(default_factory=list)
    next: Optional["Point"] = pyfory.field(default=None, ref=True)


fory = pyfory.Fory(xlang=True, ref=True, max_depth=100)
fory.register(Point, name="example.Point")
data: bytes = fory.serialize(Point(1, 2.5))
point = fory.deserialize(data)
total: float = Point(3).x + Point(3).y
buffer = pyfory.Buffer.allocate(16)
buffer.write_int32(total.__int__())
count: int = buffer.get_writer_index()
'''

WRONG = '''
import pyfory

pyfory.Fory(xlang="yes", no_such_option=1)
pyfory.Buffer.allocate("16")
'''


def mypy(folder, source, *options):
    script = folder / "example.py"
    script.write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache"), *options, str(script)],
        cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
    )  # fmt: skip


@pytest.mark.slow
def test_users_code_is_accepted(tmp_path):
    done = mypy(tmp_path, EXAMPLE, "--strict")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_mistakes_are_found(tmp_path):
    done = mypy(tmp_path, WRONG)
    assert done.returncode == 1
    assert "no_such_option" in done.stdout and done.stdout.count("error:") == 3, done.stdout


@pytest.mark.slow
def test_the_package_itself(tmp_path):
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\npython_version = 3.9\nwarn_unused_configs = True\n")
    package = os.path.dirname(pyfory.__file__)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(tmp_path / "cache"), package],
        cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
