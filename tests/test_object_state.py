"""Writing leaves the user's objects as they were: from CPython 3.11 on, attributes live in the object itself until somebody
asks for ``__dict__``; a dict made for writing would stay for good and slow the program's own accesses down.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import textwrap
import tracemalloc
from dataclasses import dataclass
from typing import Any, List

import pytest

import pyfory

# What shows a dict: from 3.11 on the collector sees the values of an object without one, and the dict of an object with one.
needs_inline_values = pytest.mark.skipif(sys.version_info < (3, 11), reason="every object has a dict before 3.11")

# Native mode carries whatever attributes an object has. Without the internal layout it has to ask for the dict.
PUBLIC = os.environ.get("PYFORY_PUBLIC_ATTRIBUTES") == "1"
needs_layout = pytest.mark.skipif(PUBLIC, reason="the public way has to ask for the dict")


@dataclass
class Point:
    x: int
    y: float
    label: str


@dataclass
class Line:
    ends: List[Point]
    name: str


class Plain:
    def __init__(self, a: int, b: str) -> None:
        self.a = a
        self.b = b


class Stateful(Plain):
    def __getstate__(self) -> Any:
        return (self.a, self.b)

    def __setstate__(self, state: Any) -> None:
        self.a, self.b = state


class Reduced(Plain):
    def __reduce__(self) -> Any:
        return Reduced, (self.a, self.b)


def has_dict(obj: object) -> bool:
    if sys.version_info >= (3, 13):
        # the collector shows the values, with a dict beside them too: look at the pointer in front of the object
        return ctypes.c_void_p.from_address(id(obj) - 3 * ctypes.sizeof(ctypes.c_void_p)).value is not None
    return any(type(item) is dict for item in gc.get_referents(obj))


def xlang(**options: Any) -> pyfory.Fory:
    fory = pyfory.Fory(xlang=True, **options)
    fory.register(Point, name="state.Point")
    fory.register(Line, name="state.Line")
    return fory


def native(**options: Any) -> pyfory.Fory:
    return pyfory.Fory(xlang=False, strict=False, **options)


@needs_inline_values
def test_has_dict_sees_a_dict():
    point = Point(1, 2.0, "p")
    assert not has_dict(point)
    point.__dict__
    assert has_dict(point)


@needs_inline_values
@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("make", [xlang, pytest.param(native, marks=needs_layout)])
def test_dataclasses(make, ref):
    fory = make(ref=ref)
    points = [Point(i, i * 0.5, "p%d" % i) for i in range(100)]
    line = Line(points, "line")
    for _ in range(3):
        data = fory.serialize(line)
        fory.serialize(points)
        fory.serialize(points[7])
    assert not has_dict(line)
    assert not any(map(has_dict, points))
    # nor do those have one that were read
    back = fory.deserialize(data)
    assert back == line
    assert not has_dict(back)
    assert not any(map(has_dict, back.ends))


@needs_inline_values
def test_schema_consistent_dataclasses():
    fory = xlang(compatible=False)
    points = [Point(i, i * 0.5, "p") for i in range(10)]
    fory.serialize(Line(points, "line"))
    assert not any(map(has_dict, points))


@needs_inline_values
@needs_layout
@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("cls", [Plain, Stateful, Reduced])
def test_plain_objects(cls, ref):
    fory = native(ref=ref)
    objects = [cls(i, "b%d" % i) for i in range(100)]
    for _ in range(3):
        data = fory.serialize(objects)
        fory.serialize(objects[3])
    assert not any(map(has_dict, objects))
    assert [(o.a, o.b) for o in fory.deserialize(data)] == [(o.a, o.b) for o in objects]


@needs_inline_values
def test_dict_that_is_there_stays_the_same():
    fory = native(ref=True)
    plain, point = Plain(1, "b"), Point(1, 2.0, "p")
    mine, its = plain.__dict__, point.__dict__
    mine["late"] = 3
    fory.serialize([plain, point])
    assert plain.__dict__ is mine and point.__dict__ is its
    assert mine == {"a": 1, "b": "b", "late": 3}
    assert fory.deserialize(fory.serialize(plain)).late == 3


@needs_inline_values
@pytest.mark.parametrize("make", [xlang, pytest.param(native, marks=needs_layout)])
def test_no_memory_stays(make):
    """A dict for each of 2,000 objects would be 64 bytes each, at least."""
    fory = make(ref=True)
    points = [Point(i, i * 0.5, "label") for i in range(2000)]
    fory.serialize(points)
    more = [Point(i, i * 0.5, "label") for i in range(2000)]
    gc.collect()
    tracemalloc.start()
    try:
        fory.serialize(more)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 2000 * 16


@needs_inline_values
def test_dataclasses_through_the_public_interface():
    """Without the internal layout, fields are read one by one, which makes no dict either."""
    script = """
        import gc
        from dataclasses import dataclass
        import pyfory

        @dataclass
        class Point:
            x: int
            y: str

        points = [Point(i, "p") for i in range(10)]
        xlang = pyfory.Fory(xlang=True)
        xlang.register(Point, name="state.Point")
        assert xlang.deserialize(xlang.serialize(points)) == points
        xlang.serialize(points[0])
        assert not any(type(item) is dict for point in points for item in gc.get_referents(point))
    """
    environment = dict(os.environ, PYFORY_PUBLIC_ATTRIBUTES="1")
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, env=environment)


def test_collector_is_on_again_after_large_reads():
    """It rests while a large message is read, and is back whatever happens."""
    fory = native(ref=True)
    data = fory.serialize([[i] for i in range(20_000)])
    assert gc.isenabled()
    assert len(fory.deserialize(data)) == 20_000
    assert gc.isenabled()
    with pytest.raises(pyfory.error.ForyError):
        fory.deserialize(data[:-100])
    assert gc.isenabled()
    gc.disable()
    try:
        fory.deserialize(data)
        assert not gc.isenabled()
    finally:
        gc.enable()
