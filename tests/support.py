"""Helpers shared by the test modules; holds no tests."""

from __future__ import annotations

import array
import dataclasses
import datetime
import decimal
import math
import os
import subprocess
import sys
import textwrap
import types
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pyfory

TESTS = os.path.dirname(os.path.abspath(__file__))
UTC = datetime.timezone.utc

BOTH_MODES = [True, False]
MODE_IDS = ["compatible", "consistent"]

ARRAY_TYPES: Tuple[type, ...] = tuple(
    getattr(pyfory, name + "Array")
    for name in (
        "Bool Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float16 BFloat16 Float32 Float64".split()
    )
)


def unhex(text: str) -> bytes:
    """Bytes of a hex literal in which blanks and bars only group."""
    return bytes.fromhex(text.replace(" ", "").replace("|", ""))


def difference(expected: Any, actual: Any) -> Optional[str]:
    """Why `actual` is not the same value as `expected`, or None.

    Compares exact types, NaN, the sign of zero, and the sharing of mutable
    objects in cyclic graphs as far as needed to terminate.
    """
    return _difference(expected, actual, "$", set())


def assert_same(expected: Any, actual: Any) -> None:
    reason = difference(expected, actual)
    assert reason is None, reason


def _difference(a: Any, b: Any, path: str, seen: set) -> Optional[str]:
    if type(a) is not type(b):
        return "%s: expected %s, got %s" % (path, _show(a), _show(b))
    if isinstance(a, float):
        same = (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))
        return None if same else "%s: expected %r, got %r" % (path, a, b)
    if a is None or isinstance(a, (str, bytes, int)):
        return None if a == b else "%s: expected %s, got %s" % (path, _show(a), _show(b))
    key = (id(a), id(b))
    if key in seen:
        return None
    seen.add(key)
    if isinstance(a, ARRAY_TYPES):
        return _difference(list(a), list(b), path, seen)
    if isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return "%s: expected %d items, got %d" % (path, len(a), len(b))
        for i, (x, y) in enumerate(zip(a, b)):
            reason = _difference(x, y, "%s[%d]" % (path, i), seen)
            if reason:
                return reason
        return None
    if isinstance(a, dict):
        if len(a) != len(b):
            return "%s: expected %d entries, got %d" % (path, len(a), len(b))
        for k in a:
            # a NaN key is found only by position
            other = k if k in b else next((q for q in b if q != q and k != k), None)
            if other is None and k is not None:
                return "%s: key %r is missing" % (path, k)
            reason = _difference(k, _own_key(b, other), path + ".key", seen) or _difference(
                a[k], b[other], "%s[%r]" % (path, k), seen
            )
            if reason:
                return reason
        return None
    if isinstance(a, (set, frozenset)):
        if len(a) != len(b):
            return "%s: expected %s, got %s" % (path, _show(a), _show(b))
        left = sorted(map(_set_key, a))
        right = sorted(map(_set_key, b))
        return None if left == right else "%s: expected %s, got %s" % (path, _show(a), _show(b))
    if dataclasses.is_dataclass(a):
        for f in dataclasses.fields(a):
            if hasattr(a, f.name) != hasattr(b, f.name):
                return "%s.%s: set on one side only" % (path, f.name)
            reason = _difference(getattr(a, f.name, None), getattr(b, f.name, None), path + "." + f.name, seen)
            if reason:
                return reason
        return None
    if isinstance(a, array.array):
        same = a.typecode == b.typecode and a.tobytes() == b.tobytes()
        return None if same else "%s: expected %s, got %s" % (path, _show(a), _show(b))
    if type(a).__module__ == "numpy":
        same = a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        return None if same else "%s: expected %s, got %s" % (path, _show(a), _show(b))
    if type(a).__eq__ is object.__eq__:
        left, right = getattr(a, "__dict__", {}), getattr(b, "__dict__", {})
        return None if a is b else _difference(left, right, path + ".__dict__", seen)
    same = a == b and (not isinstance(a, decimal.Decimal) or a.as_tuple() == b.as_tuple())
    return None if same else "%s: expected %s, got %s" % (path, _show(a), _show(b))


def _own_key(mapping: Dict[Any, Any], key: Any) -> Any:
    return next(k for k in mapping if k is key or k == key or (k != k and key != key))


def _set_key(item: Any) -> Tuple[str, str]:
    return (type(item).__name__, repr(item))


def _show(value: Any) -> str:
    text = "%s %r" % (type(value).__name__, value)
    return text if len(text) < 300 else text[:300] + "..."


def as_read(value: Any, memo: Optional[dict] = None) -> Any:
    """What an xlang reader returns for `value` at a dynamic position: lists for
    sequences, sets, dicts, aware UTC datetimes, dense carriers for arrays."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, (list, tuple)):
        result: Any = []
        memo[id(value)] = result
        result.extend(as_read(x, memo) for x in value)
        return result
    if isinstance(value, (set, frozenset)):
        return {as_read(x, memo) for x in value}
    if isinstance(value, dict):
        result = {}
        memo[id(value)] = result
        for k, v in value.items():
            result[as_read(k, memo)] = as_read(v, memo)
        return result
    if type(value) is datetime.datetime:
        return utc(value)
    return value


def utc(value: datetime.datetime) -> datetime.datetime:
    """The instant as an aware UTC datetime; naive values are UTC here, because
    the tests run with TZ=UTC."""
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC, fold=0)
    return value.astimezone(UTC).replace(fold=0)


def make_module(name: str, source: str) -> types.ModuleType:
    """A real module (its classes find their annotations) from source text."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(textwrap.dedent(source), name, "exec", dont_inherit=True), module.__dict__)
    return module


def run_python(source: str, args: Sequence[str] = (), timeout: float = 120, env: Optional[Dict[str, str]] = None,
               python: str = sys.executable) -> "subprocess.CompletedProcess[str]":
    """Runs source text in a fresh interpreter, away from the repository root
    (whose `pyfory` folder would hide the installed package)."""
    full = dict(os.environ, TZ="UTC", PYTHONPATH=TESTS, PYTHONIOENCODING="utf-8")
    full.update(env or {})
    return subprocess.run(
        [python, "-c", textwrap.dedent(source)] + list(args),
        cwd=TESTS, env=full, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
    )


def check_python(source: str, **kwargs: Any) -> str:
    """run_python that must end well; returns what it printed."""
    done = run_python(source, **kwargs)
    assert done.returncode == 0, "exit %d\n%s\n%s" % (done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout


def roundtrip(value: Any, *classes: Any, reader: Optional[Sequence[Any]] = None, **config: Any) -> Any:
    """Writes with one instance and reads with a fresh one. A class is
    registered by its own name, or give (class, {"type_id": ...})."""
    data = fory(*classes, **config).serialize(value)
    return fory(*(classes if reader is None else reader), **config).deserialize(data)


def fory(*classes: Any, **config: Any) -> "pyfory.Fory":
    result = pyfory.Fory(**config)
    for entry in classes:
        cls, options = entry if isinstance(entry, tuple) else (entry, {"name": "test." + entry.__name__})
        result.register(cls, **options)
    return result


def body_of(data: bytes, *prefix: str) -> str:
    """Hex of a payload behind a checked hex prefix."""
    text = data.hex()
    start = "".join(prefix).replace(" ", "").replace("|", "")
    assert text.startswith(start), "%s does not start with %s" % (text, start)
    return text[len(start):]


def lists_nested(depth: int, leaf: Any = 1) -> List[Any]:
    """`depth` lists around `leaf`."""
    value = leaf
    for _ in range(depth):
        value = [value]
    return value
