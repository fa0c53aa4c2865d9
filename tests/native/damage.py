"""Damages native messages and reads them under everything that restricts a reader;
run by test_hostile.py in a process of its own:

    damage.py MUTATIONS [SEED]

Prints one JSON object: what was tried, what went wrong, and how far the memory
of the process grew. Calls of the message's choosing never happen: a policy, an
Unpickler's find_class or strict mode stands before them (decision 20).
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import gc
import io
import json
import os
import sys
import time
import types
import uuid
import warnings
import zlib
from typing import Any, Dict, Iterator, List, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import support  # noqa: E402,F401
from mutations import damaged, peak_kib  # noqa: E402

import pyfory  # noqa: E402
from native import messages  # noqa: E402
from pyfory import pickle  # noqa: E402
from pyfory.error import ForyError  # noqa: E402
from pyfory.policy import DeserializationPolicy  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

MAX_PROBLEMS = 20


class Point:
    def __init__(self, x: Any = 0, y: Any = 0) -> None:
        self.x = x
        self.y = y


class Slots:
    __slots__ = ("a", "b", "__weakref__")


class Mixed(Slots):
    """Slots and a dict."""


class Stateful:
    def __getstate__(self) -> Any:
        return {"x": 1}

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state


class Reduced:
    def __init__(self, *args: Any) -> None:
        self.items = list(args)

    def append(self, item: Any) -> None:
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def __reduce__(self) -> Any:
        return Reduced, (1,), {"z": 2}, iter([1, "a"]), iter([("k", "v")])


class WithArguments:
    def __new__(cls, first: Any, **named: Any) -> Any:
        return object.__new__(cls)

    def __getnewargs_ex__(self) -> Any:
        return (1,), {"named": 2}


class Numbers(list):
    pass


class Text(str):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


CLASSES = (Point, Slots, Mixed, Stateful, Reduced, WithArguments, Numbers, Text, Colour)


class Denied(Exception):
    pass


def _deny(self: Any, *args: Any, **kwargs: Any) -> None:
    raise Denied()


HOOKS = (
    "validate_module validate_class validate_function validate_method authorize_instantiation "
    "intercept_reduce_call inspect_reduced_object intercept_setstate"
).split()
DenyAll: Any = type("DenyAll", (DeserializationPolicy,), dict.fromkeys(HOOKS, _deny))


class OnlyOurs(DeserializationPolicy):
    """The classes of this module, and nothing else."""

    def validate_module(self, module_name: str, **kwargs: Any) -> None:
        if module_name != __name__:
            raise Denied()

    def validate_class(self, cls: type, **kwargs: Any) -> None:
        if cls not in CLASSES:
            raise Denied()

    validate_function = validate_method = _deny
    authorize_instantiation = validate_class


class Find(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        for cls in CLASSES:
            if (cls.__module__, cls.__qualname__) == (module, name):
                return cls
        raise Denied()

    def persistent_load(self, pid: Any) -> Any:
        return "persistent"


def values() -> Iterator[Tuple[str, Any]]:
    slots, mixed = Slots(), Mixed()
    slots.a = mixed.a = 1
    mixed.b, mixed.c = 2, 3
    shared = ["shared"]
    loop: List[Any] = []
    loop.append((loop, {"self": loop}))
    text = "text that occurs twice"
    yield "numbers", [0, 79, -17, 255, 70000, -200, 2 ** 31, 2 ** 63, -(2 ** 200), 0.5, 0.1, 1j, True, None]
    yield "texts", ["a", "x" * 50, "é", "€€€", "\U0001f600 smile", "\ud800", b"bytes", bytearray(b"b")]
    yield "numeric lists", [[1, 2, 300] * 5, [0.1, 2.5] * 5, [True, False] * 9]
    yield "containers", [(1, (2, (3,))), {1: 2, "a": [1]}, {1, 2}, frozenset("ab"), list("abcdefghijkl"), tuple("abcdefghijkl")]
    yield "dicts alike", [{"name": "a", "age": 1}, {"name": "b", "age": 2}, {"name": "c", "age": 3}]
    yield "shared", [shared, shared, text, text, {"k": shared}]
    yield "loop", loop
    yield "objects", [Point(1, [2]), Point("a", None), slots, mixed, Stateful(), Reduced(), WithArguments(1), Colour.RED, Colour.BLUE]
    yield "subclasses", [Numbers([1, 2]), Text("abc")]
    yield "dates", [
        datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, 3, 4, fold=1), datetime.time(1, 2),
        datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), datetime.timedelta(-3, 4, 5),
        datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    ]  # fmt: skip
    yield "rare", [
        decimal.Decimal("1.50"), fractions.Fraction(1, 3), uuid.UUID(int=5), range(3, 10 ** 20), slice(1, None, "x"), ...,
        NotImplemented, collections.OrderedDict(a=1), collections.deque([1, 2], 5), collections.Counter("aab"),
        collections.defaultdict(list, a=[1]), types.SimpleNamespace(a=1), types.MappingProxyType({1: 2}), ValueError("x"), Point, int,
        memoryview(b"abc"), {1: 2}.keys(),
    ]  # fmt: skip
    if numpy is not None:
        yield "arrays", [
            numpy.arange(6.0).reshape(2, 3), numpy.array(["a", "b"]), numpy.array([1, None], dtype=object),
            numpy.zeros(2, dtype=[("a", "i4"), ("b", "f8")]), numpy.float32(1.5), numpy.array([(1, "x")], dtype=[("a", "i4"), ("b", "O")]),
        ]  # fmt: skip
        yield "numbers of NumPy", [
            numpy.arange(5, dtype="i2"), numpy.asfortranarray(numpy.arange(6, dtype="u1").reshape(2, 3)), numpy.zeros((0, 3)),
            numpy.arange(8)[::2], numpy.array(True), numpy.array([1, 2], "M8[s]"), numpy.arange(3, dtype=">f4"), numpy.int64(5), numpy.bool_(True),
        ]  # fmt: skip
    yield "carriers", [array.array("d", [0.5]), array.array("l", [1, 2]), array.array("w" if sys.version_info >= (3, 13) else "u", "ab"), pyfory.Int16Array([1, 2]), pyfory.BoolArray([True])]


def strict_fory() -> pyfory.Fory:
    fory = pyfory.Fory(xlang=False, ref=True, strict=True)
    for i, cls in enumerate(CLASSES):
        if i % 3 == 0:
            fory.register(cls)
        elif i % 3 == 1:
            fory.register(cls, type_id=200 + i)
        else:
            fory.register(cls, name="damage." + cls.__name__)
    return fory


def corpus() -> List[Tuple[str, bytes, List[bytes]]]:
    """(name, message, out-of-band buffers)"""
    found = [(name, message, [b"out of band"] * 2) for name, message in messages.all_messages()]
    plain = pyfory.Fory(xlang=False, ref=True, strict=False)
    for name, value in values():
        found.append((name, plain.dumps(value), []))
        found.append((name + ", strict", strict_fory().dumps(value), []))
        stream = io.BytesIO()
        try:
            pickler = pickle.Pickler(stream)
            pickler.dump(value)
            pickler.dump([value, value])
            found.append((name + ", memo", stream.getvalue(), []))
        except ForyError:
            pass
    buffers: List[Any] = []
    big: Any = [b"0123456789", pickle.PickleBuffer(b"abc"), pyfory.Int16Array([1, 2]), array.array("h", [3])]
    big += [numpy.arange(4), numpy.ones((2, 3), order="F")] if numpy is not None else []
    data = plain.dumps(big, buffer_callback=buffers.append)
    found.append(("out of band", data, [bytes(b.getbuffer()) for b in buffers]))
    found.append(("function", plain.dumps(lambda x: x + len("abc")), []))
    found.append(("class", plain.dumps(type("Local", (Point,), {"f": lambda self: 1})), []))
    return found


def run(mutations: int, seed: int, only: Any = None) -> Dict[str, Any]:
    warnings.simplefilter("ignore")
    problems: List[str] = []
    tried = accepted = 0
    readers = {
        "strict": strict_fory(),
        "denied": pyfory.Fory(xlang=False, ref=True, strict=False, policy=DenyAll()),
        "only ours": pyfory.Fory(xlang=False, ref=True, strict=False, policy=OnlyOurs()),
        "no references": pyfory.Fory(xlang=False, ref=False, strict=True),
        "deep": pyfory.Fory(xlang=False, ref=True, strict=False, policy=OnlyOurs(), max_depth=10 ** 9),
    }
    todo = corpus()
    good = readers["strict"].dumps([Point(1), {"a": 2}])

    def attempt(payload: bytes, buffers: List[bytes], what: str) -> None:
        nonlocal tried, accepted
        flags = payload[:1]
        for name, fory in readers.items():
            tried += 1
            try:
                fory.loads(payload, buffers=buffers if flags and flags[0] & 2 else None)
                accepted += 1
            except (ForyError, Denied):
                pass
            except BaseException as error:
                problem(name, what, error, payload)
        tried += 1
        try:
            # pieces of a few bytes: what was read is never where it was
            source = pyfory.Buffer.from_stream(io.BytesIO(payload), buffer_size=16)
            readers["only ours"].loads(source, buffers=buffers if flags and flags[0] & 2 else None)
            accepted += 1
        except (ForyError, Denied):
            pass
        except BaseException as error:
            problem("stream", what, error, payload)
        stream = io.BytesIO(payload)
        unpickler = Find(stream, buffers=buffers)
        tried += 1
        try:
            for _ in range(3):
                unpickler.load()
            accepted += 1
        except (ForyError, Denied):
            pass
        except BaseException as error:
            problem("find_class", what, error, payload)

    def problem(reader: str, what: str, error: BaseException, payload: bytes) -> None:
        if len(problems) < MAX_PROBLEMS:
            problems.append("%s, %s: %s: %.300s [%s]" % (reader, what, type(error).__name__, error, payload[:300].hex()))

    start, started = 0, time.time()
    for n, (name, data, buffers) in enumerate(todo):
        if only is not None and name not in only:
            continue
        attempt(data, buffers, name)
        for cut in range(len(data)):
            attempt(data[:cut], buffers, "%s, cut at %d" % (name, cut))
        for i, payload in enumerate(damaged(data, mutations, zlib.crc32(name.encode()) + seed)):
            attempt(payload, buffers, "%s, mutation %d" % (name, i))
        for reader in ("strict", "only ours"):
            again = readers[reader].loads(good) if reader == "strict" else readers[reader].loads(readers[reader].dumps([1]))
            if not again:
                problems.append("%s is unusable after %s" % (reader, name))
        if n == len(todo) // 3:
            gc.collect()
            start = peak_kib()
        if len(problems) >= MAX_PROBLEMS:
            break
    return {
        "messages": len(todo), "tried": tried, "accepted": accepted, "problems": problems,
        "grown_mib": (peak_kib() - start) / 1024, "peak_mib": peak_kib() / 1024, "seconds": time.time() - started,
    }  # fmt: skip


if __name__ == "__main__":
    # the module's classes are named after it in messages, whoever runs it
    from native import damage

    print(json.dumps(damage.run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
