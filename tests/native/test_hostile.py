"""Native messages that are damaged, or were made to hurt: an error of the family
(or the policy's own) or a value, little memory, no deep C stack, and an instance
that works afterwards. PYFORY_MUTATIONS sets how often each message is mutated."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from typing import Any, List

import pytest
import support
from native import damage, messages
from native.messages import FIRE, HEAD, NONE, TAGS, ext, named, number, reference, string, tag, text, values, vu

import pyfory
from pyfory import pickle
from pyfory.error import (
    ForyBufferOutOfBoundError,
    ForyDepthExceedError,
    ForyError,
    ForyInvalidDataError,
    ForyInvalidRefError,
)

MUTATIONS = os.environ.get("PYFORY_MUTATIONS", "200")
TIME_LIMIT = float(os.environ.get("PYFORY_MUTATIONS_TIMEOUT", "600"))
HERE = os.path.dirname(os.path.abspath(__file__))
LIST = TAGS["FORY_N_LIST"]
TUPLE = TAGS["FORY_N_TUPLE"]
DICT = TAGS["FORY_N_DICT"]
REF = TAGS["FORY_N_REF"]


def guarded(**options: Any) -> pyfory.Fory:
    return pyfory.Fory(xlang=False, ref=True, strict=False, policy=damage.DenyAll(), **options)


def test_damaged_messages() -> None:
    out = support.check_python(
        "import json, sys; from native import damage; print(json.dumps(damage.run(int(sys.argv[1]), 0)))",
        args=[MUTATIONS], timeout=TIME_LIMIT,
    )  # fmt: skip
    report = json.loads(out.splitlines()[-1])
    assert report["problems"] == [], "\n".join(report["problems"])
    assert report["messages"] > 150
    assert report["tried"] > report["messages"] * 6 * min(int(MUTATIONS), 10)
    assert report["grown_mib"] < 64, report


# ---- small messages that promise much -------------------------------------------------------

MUCH = vu(2 ** 40)
BIG = vu(2 ** 31)

BOMBS = {
    "list": tag("LIST_N") + MUCH, "tuple": tag("TUPLE_N") + MUCH, "dict": tag("DICT_N") + MUCH, "set": tag("SET") + MUCH,
    "frozenset": tag("FROZENSET") + MUCH, "ints": tag("INTS") + MUCH, "floats": tag("FLOATS") + MUCH, "bools": tag("BOOLS") + MUCH,
    "most bools": tag("BOOLS") + vu(2 ** 62), "text": tag("STR_1") + MUCH, "wide text": tag("STR_2") + vu(2 ** 63 - 1),
    "UTF-8": tag("STR_UTF8") + MUCH, "bytes": tag("BYTES") + MUCH, "int": tag("INT_BIG") + MUCH, "bytearray": ext("BYTEARRAY") + MUCH,
    "buffer": ext("BUFFER") + b"\x00" + MUCH, "decimal": ext("DECIMAL") + b"\x01" + MUCH,
    "column of ints": tag("TUPLE_OF") + b"\x01" + MUCH, "column of floats": tag("LIST_OF") + b"\x02" + MUCH,
    "column of text": tag("LIST_OF") + b"\x03" + MUCH, "text of a column": tag("LIST_OF") + b"\x03\x01" + vu(2 ** 40 << 2),
    "wide text of a column": tag("LIST_OF") + b"\x03\x01" + vu(2 ** 62 - 3), "column of bools": tag("TUPLE_OF") + b"\x04" + vu(2 ** 62),
    "column of Decimals": tag("LIST_OF") + b"\x05" + MUCH, "set of a column": tag("SET_OF") + b"\x01" + MUCH,
    "dict of runs": tag("DICT_OF") + MUCH, "run of a dict": tag("DICT_OF") + b"\x09\x11\x08",
    "array": ext("NDARRAY") + b"\x00" + string("<f8") + b"\x02" + BIG + BIG + MUCH,
    "array of no bytes": ext("NDARRAY") + b"\x00" + string("<f8") + b"\x03" + BIG + BIG + b"\x00" + b"\x00",
    "array of many dimensions": ext("NDARRAY") + b"\x00" + string("<f8") + vu(2 ** 50),
    "array of wide text": ext("NDARRAY") + b"\x00" + string("<U2000000000") + b"\x01\x01" + MUCH,
    "numbers": tag("ARRAY") + b"\x0c" + MUCH, "most numbers": tag("ARRAY") + b"\x0c" + vu(2 ** 61), "matrix": tag("ARRAY") + b"\x83\x10" + BIG + BIG,
    "matrix of no numbers": tag("ARRAY") + b"\x8c\x18" + BIG + BIG + b"\x00", "matrix of none first": tag("ARRAY") + b"\x8c\x10\x00" + vu(2 ** 61),
    "65 dimensions": tag("ARRAY") + b"\x81" + vu(65 << 3) + bytes(65), "many dimensions": tag("ARRAY") + b"\x81" + vu(2 ** 62),
    "carrier": tag("ARRAY") + b"\x23" + MUCH, "most of a carrier": tag("ARRAY") + b"\x24" + vu(2 ** 61), "array.array": tag("ARRAY") + b"\x43" + MUCH,
    "element": tag("ARRAY") + b"\x1f\x01" + bytes(16), "no element": tag("ARRAY") + b"\x00\x01" + bytes(16),
    "element of another carrier": tag("ARRAY") + b"\x0f\x01" + bytes(16), "matrix as a carrier": tag("ARRAY") + b"\xa3\x10\x01\x01" + bytes(16),
    "carrier in Fortran order": tag("ARRAY") + b"\xa3\x0c\x01" + bytes(16), "scalar of lengths": tag("ARRAY") + b"\xe3\x08\x01" + bytes(16),
    "bits of an array": tag("ARRAY") + b"\x83\x0a\x01" + bytes(16), "short scalar": tag("ARRAY") + b"\x6e" + bytes(15),
    "narrow numbers": tag("ARRAY_1") + b"\x05" + MUCH, "most narrow numbers": tag("ARRAY_2") + b"\x05" + vu(2 ** 62), "narrow bytes": tag("ARRAY_1") + b"\x02\x01\x01",
    "narrow scalar": tag("ARRAY_1") + b"\x65\x01", "wide narrow numbers": tag("ARRAY_4") + b"\x03\x01" + bytes(8), "narrow float": tag("ARRAY_2") + b"\x0c\x01" + bytes(8),
    "narrow float32": tag("ARRAY_2") + b"\x0b\x01" + bytes(8), "narrow numbers out-of-band": tag("ARRAY_1") + b"\x85\x09\x01" + bytes(8),
    "arguments": tag("REDUCE") + NONE + MUCH, "items": tag("REDUCE_X") + b"\x02" + NONE + values() + MUCH,
    "shape": tag("SHAPE") + named("X", "os") + MUCH, "name": tag("GLOBAL") + b"\x00\x00" + MUCH,
    "long name": tag("GLOBAL") + b"\x00\x00" + vu(5000) + b"a" * 5000, "code": tag("CODE") + b"\x01" + MUCH,
    "marks": tag("MARKS") + BIG + BIG, "more ids than marks": tag("MARKS") + b"\x05\x01\x00\x00" + NONE,
    "dict shape": tag("DICT_SHAPE") + MUCH, "memo": tag("MEMO") + BIG + NONE, "earlier": tag("EARLIER") + MUCH, "reference": tag("REF_N") + MUCH,
    "siblings": tag("LIST_N") + vu(200) + (tag("BOOLS") + vu(2 ** 20)) * 200,
    "nested counts": (tag("LIST_N") + vu(1000)) * 900 + bytes(1000),
    "overlong number": tag("LIST_N") + b"\xff" * 10 + b"\x01",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_promises_are_checked_before_memory_is_taken(name: str) -> None:
    import tracemalloc

    readers = [guarded(), pyfory.Fory(xlang=False, ref=True, strict=True)]
    for fory in readers:
        fory.loads(fory.dumps([1, {"a": 2.5}]))
    tracemalloc.start()
    try:
        for fory in readers:
            try:
                fory.loads(HEAD + BOMBS[name])
            except (ForyError, damage.Denied):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20, peak


# ---- depth --------------------------------------------------------------------------------------

LEVELS = {
    "lists": bytes([LIST + 1]), "tuples": bytes([TUPLE + 1]), "sets": tag("SET") + b"\x01", "dict values": bytes([DICT + 1]) + NONE,
    "dict keys": bytes([DICT + 1]), "frozensets": tag("FROZENSET") + b"\x01", "calls": tag("REDUCE"), "globals by value": tag("GLOBAL") + b"\x01",
    "shapes by value": tag("SHAPE") + b"\x01", "new by value": tag("NEWOBJ") + b"\x01", "enums by value": tag("ENUM") + b"\x01",
    "instances by value": tag("INSTANCE") + b"\x01", "time zones of datetimes": ext("DATETIME_TZ") + bytes(8),
    "time zones of times": ext("TIME_TZ") + bytes(5), "element types": ext("NDARRAY") + b"\x00", "persistent ids": ext("PERSISTENT"),
    "memo": tag("MEMO") + b"\x00", "ranges": ext("RANGE"), "slices": ext("SLICE"), "code": tag("CODE") + b"\x01\x01",
    "arguments of code": tag("CODE") + b"\x05\x02" + NONE + NONE + b"\x01", "lists under a memo": tag("MEMO") + b"\x00" + bytes([LIST + 1]), "earlier": tag("EARLIER") + b"\x00",
    "marks": tag("MARKS") + b"\x01\x01\x00\x00", "dict shapes": tag("DICT_SHAPE") + b"\x01\x61a", "keys of dict shapes": tag("DICT_SHAPE") + b"\x01",
    "tuples of two": bytes([TUPLE + 2]) + NONE,
}  # fmt: skip


@pytest.mark.parametrize("max_depth", [None, 10 ** 9])
@pytest.mark.parametrize("name", LEVELS)
def test_depth(name: str, max_depth: Any) -> None:
    fory = guarded(max_depth=max_depth)
    message = HEAD + LEVELS[name] * (1 << 20) + NONE
    with pytest.raises(ForyError) as raised:
        fory.loads(message)
    if name in ("lists", "tuples", "calls", "time zones of datetimes", "globals by value", "persistent ids", "element types"):
        assert isinstance(raised.value, ForyDepthExceedError)
    with pytest.raises((ForyError, damage.Denied)):
        damage.Find(io.BytesIO(message)).load()
    assert fory.loads(fory.dumps([1])) == [1]


def test_depth_is_the_same_for_writing_and_reading() -> None:
    """What is written under a setting is read under it, the deepest thing that is."""
    import datetime

    class Zone(datetime.tzinfo):
        pass

    values_ = [
        datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))), datetime.time(1, tzinfo=datetime.timezone.utc),
        [[[1]]], damage.Point(damage.Point([1])), damage.Reduced(), range(3), damage.Colour.RED, {"a": ({1},)}, damage.WithArguments(1),
        damage.Stateful(), lambda: 1, {"a": 1}.keys(),
    ]  # fmt: skip
    if damage.numpy is not None:
        values_ += [damage.numpy.zeros(3), damage.numpy.array([[1]], dtype=object), damage.numpy.zeros(1, "i4,f8"), damage.numpy.float32(1)]
    for value in values_:
        for depth in range(1, 40):
            fory = pyfory.Fory(xlang=False, ref=True, strict=False, max_depth=depth)
            try:
                data = fory.dumps(value)
            except ForyDepthExceedError:
                continue
            fory.loads(data)
            break
        else:
            raise AssertionError("%r is too deep" % (value,))


# ---- tricks with the table of shared objects -------------------------------------------------------


def marked(ids: int, *marks: Any) -> bytes:
    return tag("MARKS") + vu(ids) + vu(len(marks)) + b"".join(vu(delta) + vu(id_) for delta, id_ in marks)


TRICKS = {
    "never defined": marked(2, (0, 0), (200, 1)) + bytes([LIST + 1, REF + 1]),
    "inside a number": marked(1, (3, 0)) + bytes([LIST + 2]) + tag("INT_64") + bytes(8) + bytes([REF]),
    "inside a text": marked(1, (3, 0)) + bytes([LIST + 2]) + string("abcdef") + bytes([REF]),
    "unfinished tuple": marked(1, (0, 0)) + bytes([TUPLE + 1, REF]),
    "unfinished frozenset": marked(1, (0, 0)) + tag("FROZENSET") + b"\x01" + bytes([REF]),
    "unfinished range": marked(1, (0, 0)) + ext("RANGE") + bytes([REF, REF, REF]),
    "unfinished call": marked(1, (0, 0)) + tag("REDUCE") + bytes([REF]) + values(),
    "unfinished dtype": marked(1, (0, 0)) + ext("NDARRAY") + b"\x00" + bytes([REF]),
    "duplicate offset": marked(2, (0, 0), (0, 1)) + bytes([LIST + 1, REF + 1]),
    "same number twice": marked(1, (0, 0), (1, 0)) + bytes([LIST + 2]) + bytes([LIST]) + bytes([REF]),
    "class number of a list": tag("SHAPE") + b"\x04" + messages.SHAPE_OF_A + NONE,
    "marks inside": bytes([LIST + 1]) + marked(1, (0, 0)) + bytes([LIST]),
    "marks twice": marked(1, (0, 0)) + marked(1, (0, 0)) + bytes([LIST]),
    "list as its own key": marked(1, (0, 0)) + bytes([DICT + 1]) + bytes([REF]) + NONE,
    "list as its own element of a set": marked(1, (0, 0)) + tag("SET") + b"\x01" + bytes([REF]),
    "a list where a class belongs": tag("GLOBAL") + b"\x01" + bytes([LIST]),
    "kwargs that are a list": tag("NEWOBJ_EX") + b"\x00" + b"\x01" + NONE,
    "position far away": tag("MEMO") + vu(2 ** 62 - 1) + bytes([LIST]),
    "largest position": tag("MEMO") + vu(2 ** 64 - 1) + bytes([LIST]),
    "earlier message that was not read": tag("MEMO") + b"\x05" + bytes([LIST + 1]) + tag("EARLIER") + b"\x00",
    "earlier object in this message": tag("MEMO") + b"\x00" + bytes([LIST + 2]) + string("abc") + tag("EARLIER") + b"\x01",
    "earlier without a position of its own": bytes([LIST + 1]) + tag("EARLIER") + b"\x00",
    "position inside": bytes([LIST + 1]) + tag("MEMO") + b"\x00" + bytes([LIST]),
    "position twice": tag("MEMO") + b"\x00" + tag("MEMO") + b"\x00" + bytes([LIST]),
    "marks before the position": marked(1, (0, 0)) + tag("MEMO") + b"\x00" + bytes([LIST]),
    "module number": tag("GLOBAL") + b"\x00\x05" + text("x"),
    "module number of a name that failed": tag("GLOBAL") + b"\x00\x01" + text("x"),
    "shape number": bytes([TAGS["FORY_N_OBJECT"] + 3]),
    "dict shape within its own keys": tag("DICT_SHAPE") + b"\x01" + tag("DICT_LIKE") + b"\x00" + NONE,
    "dict shape with its own values": tag("DICT_SHAPE") + b"\x02\x61a\x61b" + tag("DICT_LIKE") + b"\x00" + NONE + NONE + NONE,
    "dict shape with one key twice": tag("DICT_SHAPE") + b"\x02\x61a\x61a" + NONE + NONE,
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_tricks_with_references(name: str) -> None:
    for fory in (guarded(), pyfory.Fory(xlang=False, ref=True, strict=True), pyfory.Fory(xlang=False, ref=False, strict=True)):
        try:
            fory.loads(HEAD + TRICKS[name])
        except (ForyError, damage.Denied):
            pass
        assert fory.loads(fory.dumps([1])) == [1]
    try:
        damage.Find(io.BytesIO(HEAD + TRICKS[name])).load()
    except (ForyError, damage.Denied):
        pass


@pytest.mark.parametrize("name", ["never defined", "unfinished tuple", "unfinished range", "unfinished call"])
def test_references_to_what_is_not_there(name: str) -> None:
    with pytest.raises(ForyInvalidRefError):
        pyfory.Fory(xlang=False, ref=True, strict=True).loads(HEAD + TRICKS[name])


# ---- shapes of odd classes ------------------------------------------------------------------------------


class Meta(type):
    __slots__ = ()


class SlottedMeta(type):
    pass


class Other:
    """Its __new__ gives something else."""

    def __new__(cls) -> Any:
        return ["something else"]


class OtherSlots:
    __slots__ = ("a",)

    def __new__(cls) -> Any:
        return 5


class Frozen:
    __slots__ = ("a",)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(name)


class ReadOnly:
    @property
    def a(self) -> int:
        return 1


class OwnDict:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("asked")


ODD = (Meta, SlottedMeta, Other, OtherSlots, Frozen, ReadOnly, OwnDict)
ATTRIBUTES = [b"a", b"__class__", b"__dict__", b"__slots__", b"", b"\xed\xa0\x80", b"a\0b", b"__weakref__", b"__del__"]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("cls", ODD, ids=lambda cls: cls.__name__)
def test_shapes_of_odd_classes(cls: type, attribute: bytes) -> None:
    body = b"\x01\x00" + vu(len(attribute)) + attribute
    message = HEAD + tag("SHAPE") + named(cls.__qualname__, __name__) + vu(len(body)) + body + number(1)
    for slots in (0, 1):
        message = message.replace(body, b"\x01" + bytes([slots]) + body[2:])
        for policy in (None, damage.DeserializationPolicy()):
            fory = pyfory.Fory(xlang=False, ref=True, strict=True, **({"policy": policy} if policy else {}))
            fory.register(cls)
            try:
                fory.loads(message)
            except ForyError:
                pass
            except RuntimeError as error:
                assert str(error) == "asked"
            assert fory.loads(fory.dumps([1])) == [1]


@pytest.mark.parametrize("name", "int str bytes tuple list dict type object range slice property super memoryview bool "
                                 "staticmethod complex BaseException NotImplementedError frozenset".split())  # fmt: skip
def test_shapes_of_builtins(name: str) -> None:
    message = HEAD + tag("SHAPE") + named(name, "builtins") + messages.SHAPE_OF_A + number(1)

    class Allow(damage.DeserializationPolicy):
        def validate_module(self, module_name: str, **kwargs: Any) -> None:
            assert module_name == "builtins"

    for fory in (pyfory.Fory(xlang=False, strict=True), pyfory.Fory(xlang=False, strict=False, policy=Allow()), pyfory.Fory(xlang=False, strict=False)):
        try:
            fory.loads(message)
        except ForyError:
            pass
        assert fory.loads(fory.dumps([1])) == [1]


@pytest.mark.parametrize("module", ["", ".", "a.", "\0", "os\0x", "\ud800", "..os", "os.path.", "x" * 4000, "\uffff", " "])
@pytest.mark.parametrize("qualname", ["x", "", ".", "a..b", "\0", "\ud800", "<locals>", "a.<locals>.b", "x." * 500])
def test_names(module: str, qualname: str) -> None:
    message = HEAD + reference(qualname, module)
    for policy in (None, damage.DeserializationPolicy()):
        fory = pyfory.Fory(xlang=False, strict=False, **({"policy": policy} if policy else {}))
        with pytest.raises((ForyError, ImportError)):
            fory.loads(message)
    with pytest.raises((ForyError, damage.Denied)):
        damage.Find(io.BytesIO(message)).load()


def test_truncation_names_itself() -> None:
    data = pyfory.Fory(xlang=False, ref=True, strict=False).dumps([1, "abc", {"k": [2.5]}])
    fory = guarded()
    for cut in range(1, len(data)):
        with pytest.raises(ForyBufferOutOfBoundError):
            fory.loads(data[:cut])
    with pytest.raises(ForyError):
        fory.loads(b"")


def test_keyword_arguments_have_names() -> None:
    message = HEAD + tag("NEWOBJ_EX") + b"\x00" + named("WithArguments", damage.__name__) + values(number(1)) + bytes([DICT + 1]) + number(1) + NONE
    for fory in (damage.strict_fory(), pyfory.Fory(xlang=False, strict=False, policy=damage.OnlyOurs())):
        with pytest.raises(ForyError):
            fory.loads(message)
    with pytest.raises(ForyInvalidDataError, match="int as the name of an argument"):
        damage.Find(io.BytesIO(message)).load()


def test_callables_are_not_compared() -> None:
    """An array where a callable belongs says neither yes nor no to `==`."""
    array = ext("NDARRAY") + b"\x00" + string("<f8") + b"\x01\x00\x00"
    pytest.importorskip("numpy")
    for fory in (guarded(), pyfory.Fory(xlang=False, strict=True), pyfory.Fory(xlang=False, strict=False)):
        with pytest.raises((ForyError, damage.Denied)):
            fory.loads(HEAD + tag("REDUCE") + array + values())


def test_unhashable_keys_inside_tuples() -> None:
    for body in (bytes([DICT + 1, TUPLE + 1, LIST]) + NONE, tag("SET") + b"\x01" + bytes([TUPLE + 1, LIST])):
        with pytest.raises(ForyInvalidDataError, match="unhashable"):
            guarded().loads(HEAD + body)


# ---- threads and re-entry ----------------------------------------------------------------------------------


class Reentrant:
    """Serializes with the same instance while it is itself serialized."""

    fory: Any = None

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth

    def __reduce__(self) -> Any:
        inner = Reentrant.fory.dumps([self.depth, "inner"])
        return Reentrant, (self.depth,), {"inner": inner}

    def __setstate__(self, state: Any) -> None:
        self.inner = Reentrant.fory.loads(state["inner"])


def test_reentry() -> None:
    Reentrant.fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    shared = ["shared"]
    data = Reentrant.fory.dumps([shared, Reentrant(1), shared, [Reentrant(2)]])
    first, one, second, (two,) = Reentrant.fory.loads(data)
    assert first is second
    assert (one.inner, two.inner) == ([1, "inner"], [2, "inner"])


class FailsInside:
    fory: Any = None

    def __setstate__(self, state: Any) -> None:
        try:
            FailsInside.fory.loads(HEAD + bytes([LIST + 1]))
        except ForyError:
            self.failed = True

    def __getstate__(self) -> Any:
        return 1


def test_failure_inside_leaves_the_outer_message_alone() -> None:
    FailsInside.fory = fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    a, b, c = fory.loads(fory.dumps([FailsInside(), FailsInside(), "after"]))
    assert a.failed and b.failed and c == "after"


def test_threads_share_one_instance() -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    problems: List[str] = []

    def work(n: int) -> None:
        shared = ["shared by", n]
        value = [damage.Point(n, [shared, shared]), {"n": n, "m": 1}, {"n": 2, "m": 2}, damage.Colour.RED, n * 1.5, damage.Reduced(), lambda: n]
        try:
            for i in range(150):
                value[1]["i"] = i
                read = fory.loads(fory.dumps(value))
                assert read[0].x == n and read[0].y[0] is read[0].y[1] and read[1]["i"] == i and read[6]() == n
                if i % 10 == 0:
                    made = type("Made%d" % i, (damage.Point,), {})
                    assert type(fory.loads(fory.dumps(made(1)))) is made
                    with pytest.raises(ForyError):
                        fory.loads(HEAD + bytes([LIST + 3]) + number(1))
        except BaseException as error:
            problems.append(repr(error))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    finally:
        sys.setswitchinterval(interval)
    assert problems == []


def test_pickler_memo_after_a_damaged_message() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = ["shared"]
    pickler.dump(shared)
    first = stream.getvalue()
    pickler.dump([shared])
    unpickler = pickle.Unpickler(io.BytesIO(stream.getvalue()))
    assert unpickler.load() == ["shared"]
    again = pickle.Unpickler(io.BytesIO(first + HEAD + bytes([LIST + 1]) + bytes([REF + 9])))
    assert again.load() == ["shared"]
    with pytest.raises(ForyInvalidRefError):
        again.load()


def test_policy_against_calls_in_depth() -> None:
    """The deny-all policy refuses the innermost thing first and leaves nothing half-made."""
    fory = guarded()
    body = bytes([LIST + 1]) * 20 + FIRE
    for _ in range(50):
        with pytest.raises(damage.Denied):
            fory.loads(HEAD + body)
    assert fory.loads(fory.dumps({"k": [1]})) == {"k": [1]}
