"""What help() and inspect.signature() show of compiled functions."""

import inspect
import sys

import pytest

import pyfory
from pyfory import _core
from support import ARRAY_TYPES

COMPILED = [
    _core.Engine, _core.Buffer, _core.BufferObject, _core.DenseArray, _core.ReadContext, _core.WriteContext,
]  # fmt: skip


def methods(cls):
    return [name for name in vars(cls) if not name.startswith("_") and callable(getattr(cls, name))]


@pytest.mark.parametrize("cls", COMPILED, ids=lambda cls: cls.__name__)
def test_methods_have_signatures_and_descriptions(cls):
    for name in methods(cls):
        function = getattr(cls, name)
        parameters = list(inspect.signature(function).parameters)
        bound = inspect.ismethod(function) or getattr(function, "__self__", None) is cls
        assert bound or parameters[:1] == ["self"], name
        assert function.__doc__ and "--\n" not in function.__doc__, name


def test_functions_have_signatures_and_descriptions():
    functions = [f for name, f in vars(_core).items() if not name.startswith(("_", "arrow_")) and inspect.isroutine(f)]
    assert len(functions) > 10
    for function in functions:
        assert inspect.signature(function) and function.__doc__, function.__name__


@pytest.mark.skipif(sys.version_info < (3, 10), reason="older interpreters drop the signature of such classes")
@pytest.mark.parametrize("cls", ARRAY_TYPES, ids=lambda cls: cls.__name__)
def test_array_constructors(cls):
    assert str(inspect.signature(cls)) == "(values=None)"


def test_both_names_of_the_entry_points():
    fory = pyfory.Fory()
    for one, other in ((fory.dumps, fory.serialize), (fory.loads, fory.deserialize)):
        assert inspect.signature(one) == inspect.signature(other)
        assert one.__doc__ == other.__doc__
    assert list(inspect.signature(fory.loads).parameters) == ["buffer", "buffers", "unsupported_objects"]
    assert str(inspect.signature(pyfory.Buffer.allocate)) == "(size, /)"
    assert str(inspect.signature(pyfory.Buffer(b"").put_int8)) == "(offset, value, /)"
