"""What static type checkers see."""

import ast
import os
import subprocess
import sys

import pytest

import pyfory
from pyfory import _core

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
    samples: pyfory.Array[pyfory.Int16] = pyfory.field(default_factory=pyfory.Int16Array)
    peers: List[pyfory.Ref["Point"]] = pyfory.field(default_factory=list)


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
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "--strict", "-p", "pyfory"],
        cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def members(body):
    """Names defined in the body of a stub module or class."""
    names = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.If):
            names |= members(node.body)
    return names


def test_the_stub_of_the_compiled_module_is_complete():
    with open(os.path.join(os.path.dirname(pyfory.__file__), "_core.pyi"), encoding="utf-8") as file:
        stub = ast.parse(file.read())
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    found = {name for name in dir(_core) if not name.startswith("__")}
    assert members(stub.body) - {"_Context"} == found
    inherited = members(classes["_Context"].body)
    for name, node in classes.items():
        cls = getattr(_core, name, None)
        if cls is None:
            continue
        declared = {member for member in members(node.body) if not member.startswith("__")}
        assert {member for member in vars(cls) if not member.startswith("__")} <= declared | inherited, name
        assert declared <= set(dir(cls)), name
