"""`pyfory.pickle` beyond what CPython's own cases ask: memo over several messages,
streams, both error families, and old pickles."""

from __future__ import annotations

import collections
import copyreg
import datetime
import gc
import io
import os
import pickle as std
import subprocess
import sys
import time
from typing import Any, List

import pytest
from pyfory import error, pickle


class Forwards:
    """A stream without seek, tell and peek."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(size)

    def readline(self) -> bytes:
        return self._inner.readline()


STREAMS = [io.BytesIO, Forwards, lambda data: io.BufferedReader(io.BytesIO(data), 16)]
STREAM_IDS = ["seekable", "forwards", "buffered"]


class Thing:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


# ------------------------------------------------------------------ names and arguments


def test_names_of_pickle() -> None:
    for name in (
        "DEFAULT_PROTOCOL HIGHEST_PROTOCOL PickleBuffer PickleError Pickler PicklingError Unpickler UnpicklingError"
        " dispatch_table dump dumps load loads"
    ).split():
        assert name in pickle.__all__
        assert hasattr(pickle, name)
    for name in pickle.__all__:
        assert hasattr(pickle, name)
    assert pickle.PicklingError is std.PicklingError
    assert pickle.UnpicklingError is std.UnpicklingError
    assert pickle.PickleBuffer is std.PickleBuffer
    assert pickle.dispatch_table is copyreg.dispatch_table
    assert (pickle.HIGHEST_PROTOCOL, pickle.DEFAULT_PROTOCOL) == (5, std.DEFAULT_PROTOCOL)


def test_importing_pyfory_does_not_import_pickle() -> None:
    code = "import sys, pyfory; sys.exit('pickle' in sys.modules or 'pyfory.pickle' in sys.modules)"
    assert subprocess.run([sys.executable, "-S", "-c", "import sys; sys.path[:] = %r; %s" % (sys.path, code)]).returncode == 0


def test_from_pyfory_import_pickle() -> None:
    namespace: dict = {}
    exec("from pyfory import pickle", namespace)
    assert namespace["pickle"].loads(namespace["pickle"].dumps([1])) == [1]


@pytest.mark.parametrize("protocol", [None, -1, 0, 1, 2, 3, 4, 5])
def test_protocol_has_no_effect(protocol: Any) -> None:
    value = {"a": [1, (2, 3)]}
    assert pickle.dumps(value, protocol) == pickle.dumps(value)
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol, fix_imports=False).dump(value)
    pickle.dump(value, stream, protocol=protocol, fix_imports=True)
    stream.seek(0)
    assert pickle.load(stream, encoding="latin-1", errors="ignore") == value
    assert pickle.load(stream, fix_imports=False) == value


def test_protocol_is_checked() -> None:
    with pytest.raises(ValueError, match="<= 5"):
        pickle.dumps(1, 6)
    with pytest.raises(ValueError, match="<= 5"):
        pickle.Pickler(io.BytesIO(), 6)
    with pytest.raises(ValueError, match="protocol >= 5"):
        pickle.dumps(1, 4, buffer_callback=print)
    with pytest.raises(TypeError):
        pickle.dumps(1, "5")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda b: std.PickleBuffer(b)])
def test_loads_takes_bytes_like_objects(make: Any) -> None:
    assert pickle.loads(make(pickle.dumps([1, 2]))) == [1, 2]


def test_loads_ignores_what_follows() -> None:
    assert pickle.loads(pickle.dumps([1, 2]) + b"more") == [1, 2]


@pytest.mark.parametrize("data", [None, "text", 5, memoryview(b"abcdef")[::2]])
def test_loads_refuses_other_arguments(data: Any) -> None:
    with pytest.raises((TypeError, BufferError)):
        pickle.loads(data)


# ------------------------------------------------------------------ streams


@pytest.mark.parametrize("make", STREAMS, ids=STREAM_IDS)
def test_load_stops_after_the_message(make: Any) -> None:
    data = pickle.dumps([1, "a"]) + b"rest"
    stream = make(data)
    assert pickle.load(stream) == [1, "a"]
    assert stream.read() == b"rest"


@pytest.mark.parametrize("make", STREAMS, ids=STREAM_IDS)
def test_messages_one_after_the_other(make: Any) -> None:
    values: List[Any] = [1, "text", [1] * 3000, {"k": b"x" * 100000}, None]
    stream = make(b"".join(pickle.dumps(value) for value in values))
    unpickler = pickle.Unpickler(stream)
    read = []
    with pytest.raises(EOFError):
        while True:
            read.append(unpickler.load())
    assert read == values


def test_empty_and_truncated_input() -> None:
    with pytest.raises(EOFError):
        pickle.load(io.BytesIO())
    with pytest.raises(EOFError):
        pickle.loads(b"")
    data = pickle.dumps(["text", 12345678, {"a": b"bytes"}])
    for size in range(len(data)):
        with pytest.raises(pickle.UnpicklingError) as raised:
            pickle.loads(data[:size])
        assert isinstance(raised.value, error.ForyError)


def test_file_arguments() -> None:
    for bad in (object(), None):
        with pytest.raises(TypeError):
            pickle.dump(1, bad)
        with pytest.raises(TypeError):
            pickle.load(bad)
    with pytest.raises(TypeError):
        pickle.dump(1, io.StringIO())


def test_nothing_is_written_when_writing_fails() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    with pytest.raises(TypeError):
        pickler.dump([1, sys._getframe()])
    assert stream.getvalue() == b""
    pickler.dump([2])
    assert pickle.loads(stream.getvalue()) == [2]


# ------------------------------------------------------------------ memo


def test_dumps_of_one_pickler_share_objects() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = Thing(name="shared", data="x" * 1000)
    pickler.dump([shared])
    first = stream.tell()
    pickler.dump({"again": shared})
    assert stream.tell() - first < 100
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    (one,) = unpickler.load()
    assert unpickler.load()["again"] is one
    assert one.data == "x" * 1000


def test_later_messages_need_the_earlier() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = [1, 2]
    pickler.dump(shared)
    position = stream.tell()
    pickler.dump([shared])
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(stream.getvalue()[position:])


def test_clear_memo_makes_messages_stand_alone() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = [1, 2]
    pickler.dump(shared)
    for clear in (pickler.clear_memo, pickler.memo.clear):
        position = stream.tell()
        clear()
        pickler.dump([shared])
        assert pickle.loads(stream.getvalue()[position:]) == [[1, 2]]


def test_one_unpickler_reads_messages_of_several_picklers() -> None:
    shared = ["shared"]
    stream = io.BytesIO()
    one, two = pickle.Pickler(stream), pickle.Pickler(stream)
    for pickler in (one, two):
        pickler.dump([shared, shared])
        pickler.dump(shared)
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    for _ in range(2):
        first, second = unpickler.load()
        assert first is second
        assert unpickler.load() is first


@pytest.mark.parametrize("make", STREAMS, ids=STREAM_IDS)
def test_messages_with_and_without_memo_in_turn(make: Any) -> None:
    shared = ["shared", "x" * 20000]
    value = [shared, shared, {"k": shared}]
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.dump([[1], [2], [3], shared])
    pickle.dump(value, stream)
    pickler.dump(value)
    pickle.dump(value, stream)
    pickle.Pickler(stream).dump(value)
    unpickler = pickle.Unpickler(make(stream.getvalue()))
    first = unpickler.load()[3]
    backs = [unpickler.load() for _ in range(4)]
    for back in backs:
        assert back == value
        assert back[0] is back[1] is back[2]["k"]
    assert backs[1][0] is first
    assert backs[0][0] is not first and backs[2][0] is not first and backs[3][0] is not first


def test_numbers_of_a_memo_may_be_large() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = [1]
    pickler.memo = {id(shared): (10**9, shared)}
    pickler.dump([shared, [2]])
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    unpickler.memo = {10**9: shared}
    back = unpickler.load()
    assert back == [[1], [2]] and back[0] is shared


def test_many_messages_are_read_in_proportion() -> None:
    def best(count: int) -> float:
        stream = io.BytesIO()
        pickler = pickle.Pickler(stream)
        for number in range(count):
            pickler.dump([str(number), [number]])
        seconds = []
        for _ in range(3):
            stream.seek(0)
            unpickler = pickle.Unpickler(stream)
            started = time.process_time()
            for _ in range(count):
                unpickler.load()
            seconds.append(time.process_time() - started)
        return min(seconds)

    gc.disable()
    try:
        assert best(8000) < 24 * best(1000)
    finally:
        gc.enable()


def test_memo_keeps_written_objects_alive() -> None:
    # otherwise a new object at the same address would be taken for an old one
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    for number in range(200):
        pickler.dump([number, str(number)])
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    assert [unpickler.load() for _ in range(200)] == [[n, str(n)] for n in range(200)]


def test_memo_after_a_failure() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = ["shared"]
    with pytest.raises(TypeError):
        pickler.dump([shared, sys._getframe()])
    pickler.dump(shared)
    assert pickle.loads(stream.getvalue()) == ["shared"]


def test_memo_can_be_handed_over() -> None:
    stream = io.BytesIO()
    first = pickle.Pickler(stream)
    shared = [1, 2]
    first.dump(shared)
    second = pickle.Pickler(stream)
    second.memo = first.memo
    second.dump([shared])
    stream.seek(0)
    reader = pickle.Unpickler(stream)
    back = reader.load()
    other = pickle.Unpickler(stream)
    other.memo = reader.memo
    assert other.load()[0] is back


def test_memo_as_a_dict() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    shared = [1, 2]
    pickler.dump(shared)
    memo = pickler.memo.copy()
    number, obj = memo[id(shared)]
    assert obj is shared
    other = pickle.Pickler(stream)
    other.memo = memo
    position = stream.tell()
    other.dump([shared])
    reader = pickle.Unpickler(io.BytesIO(stream.getvalue()[position:]))
    stand_in = object()
    reader.memo = {number: stand_in}
    assert reader.load()[0] is stand_in
    assert isinstance(reader.memo.copy(), dict)


def test_memo_is_checked() -> None:
    pickler, unpickler = pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO())
    for bad in (object, 5, [1], unpickler.memo):
        with pytest.raises(TypeError):
            pickler.memo = bad
    with pytest.raises(TypeError):
        pickler.memo = {1: "no pair"}
    for bad in (object, 5, [1], pickler.memo):
        with pytest.raises(TypeError):
            unpickler.memo = bad
    with pytest.raises(ValueError):
        unpickler.memo = {-1: None}
    with pytest.raises(TypeError):
        unpickler.memo = {"1": None}
    unpickler.memo = {1: None}


def test_fast_writes_without_references() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.fast = True
    shared = [1]
    pickler.dump([shared, shared])
    first, second = pickle.loads(stream.getvalue())
    assert first == second and first is not second


def test_objects_of_a_failed_dump_are_written_again() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    first, second = ["first"], ["second"]
    pickler.dump(first)
    with pytest.raises(TypeError):
        pickler.dump([first, second, second, (second,), sys._getframe()])
    pickler.dump([first, second, second])
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    one = unpickler.load()
    back = unpickler.load()
    assert back == [["first"], ["second"], ["second"]]
    assert back[0] is one and back[1] is back[2]


def test_parts_of_earlier_messages() -> None:
    class_, inner = Thing, [1, 2]
    value = {"tuple": (inner, "text"), "thing": Thing(inner=inner), "cycle": [], "date": datetime.timedelta(1), "class": class_}
    value["cycle"].append(value)
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.dump(value)
    parts = [inner, value["tuple"], value["thing"], value["cycle"], value["date"], value["thing"].__dict__["inner"], value["tuple"][1]]
    pickler.dump(parts)
    pickler.dump([parts, parts])
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    back = unpickler.load()
    assert back["cycle"][0] is back and back["tuple"][0] is back["thing"].inner
    again = unpickler.load()
    expected = [back["tuple"][0], back["tuple"], back["thing"], back["cycle"], back["date"], back["tuple"][0], back["tuple"][1]]
    assert len(again) == len(expected) and all(a is b for a, b in zip(again, expected))
    one, two = unpickler.load()
    assert one is two is again


def test_dump_inside_dump_is_a_message_of_its_own() -> None:
    stream = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            if type(obj) is Thing:
                self.dump(shared)
            return None

    shared = ["shared"]
    pickler = Pickler(stream)
    pickler.dump([shared, Thing(), shared])
    pickler.dump(shared)
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    assert unpickler.load() == ["shared"]
    back = unpickler.load()
    assert back[0] is back[2]
    assert unpickler.load() is back[0]


def test_memo_is_forgotten_and_asked_for_during_dump() -> None:
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            if obj == "clear":
                with pytest.raises(RuntimeError):
                    self.memo.copy()
                self.clear_memo()
            return None

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            with pytest.raises(RuntimeError):
                self.memo.copy()
            self.memo.clear()
            return super().find_class(module, name)

    stream = io.BytesIO()
    pickler = Pickler(stream)
    shared = [Thing(a=1)]
    pickler.dump([shared, "clear", shared])
    assert pickler.memo.copy() == {}
    pickler.dump(shared)
    stream.seek(0)
    unpickler = Unpickler(stream)
    back = unpickler.load()
    assert back[0] is back[2] and back[0][0].a == 1
    assert unpickler.memo.copy() == {}
    assert unpickler.load()[0].a == 1


def test_many_dumps_take_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        pickler = pickle.Pickler(io.BytesIO())
        started = time.process_time()
        for number in range(count):
            pickler.dump([str(number), [number]])
        return time.process_time() - started

    def best(count: int) -> float:
        return min(seconds(count) for _ in range(3))

    # 8 times as many; 64 times as long if each dump cost what went before
    gc.disable()
    try:
        assert best(16000) < 24 * best(2000)
    finally:
        gc.enable()


# ------------------------------------------------------------------ hooks


class Store:
    def __init__(self) -> None:
        self.kept = {}  # type: ignore


def test_persistent_ids_of_any_type() -> None:
    store = Store()
    things = [Thing(pid=pid) for pid in ("", 0, False, ("t", 1), 3.5, "text")]

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            if type(obj) is Thing:
                store.kept[obj.pid] = obj
                return obj.pid
            return None

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            return store.kept[pid]

    stream = io.BytesIO()
    Pickler(stream).dump([things, things[0]])
    stream.seek(0)
    back, again = Unpickler(stream).load()
    assert [b.pid for b in back] == [t.pid for t in things]
    assert back[5] is things[5]
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(stream.getvalue())


def test_persistent_id_set_on_the_instance() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.persistent_id = lambda obj: "list" if type(obj) is list else None  # type: ignore
    pickler.dump({"a": [1]})
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    unpickler.persistent_load = lambda pid: pid * 2  # type: ignore
    assert unpickler.load() == {"a": "listlist"}


def test_persistent_id_sees_every_object() -> None:
    seen: List[Any] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            seen.append(obj)
            return None

    Pickler(io.BytesIO()).dump([1, "a", None, True, 2.5, (b"b",), {"k": {3}}, [10, 20, 30]])
    for value in (1, "a", None, True, 2.5, b"b", "k", 3, 10, 20, 30):
        assert any(type(s) is type(value) and s == value for s in seen), value


def test_hooks_pass_errors_unchanged() -> None:
    class Refusal(Exception):
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            raise Refusal("no")

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise Refusal(module + ":" + name)

    with pytest.raises(Refusal):
        Pickler(io.BytesIO()).dump(1)
    with pytest.raises(Refusal, match="Thing"):
        Unpickler(io.BytesIO(pickle.dumps(Thing()))).load()


def test_reducer_override_is_asked_for_everything_but_builtins() -> None:
    class Pickler(pickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            asked.append(type(obj))
            if isinstance(obj, datetime.date):
                return str, ("a date",)
            return NotImplemented

    asked: List[type] = []
    stream = io.BytesIO()
    Pickler(stream).dump([datetime.date(2024, 1, 1), 1, "a", [2], {"k": (3,)}, Thing, Thing(), 1j, len])
    back = pickle.loads(stream.getvalue())
    assert back[0] == "a date"
    assert back[5] is Thing and type(back[6]) is Thing and back[8] is len
    assert datetime.date in asked and complex in asked and Thing in asked and type in asked
    assert not {int, str, list, dict, tuple, bool, type(None)} & set(asked)


def test_dispatch_table_replaces_copyreg() -> None:
    class Pickler(pickle.Pickler):
        dispatch_table = collections.ChainMap({Thing: lambda obj: (str, ("thing",)), complex: lambda obj: (int, (7,))})

    stream = io.BytesIO()
    Pickler(stream).dump([Thing(), 1j, datetime.date(2024, 1, 1)])
    assert pickle.loads(stream.getvalue()) == ["thing", 7, datetime.date(2024, 1, 1)]


def test_copyreg_wins_over_native_encodings() -> None:
    copyreg.pickle(datetime.timedelta, lambda obj: (str, ("delta",)))  # type: ignore
    try:
        assert pickle.loads(pickle.dumps([datetime.timedelta(1)])) == ["delta"]
    finally:
        del copyreg.dispatch_table[datetime.timedelta]
    assert pickle.loads(pickle.dumps([datetime.timedelta(1)])) == [datetime.timedelta(1)]


def test_find_class_is_asked_and_its_result_used() -> None:
    asked = []

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            asked.append((module, name))
            if name == "Thing":
                return Other
            return super().find_class(module, name)

    class Other:
        pass

    value = [Thing(a=1), len, collections.OrderedDict]
    back = Unpickler(io.BytesIO(pickle.dumps(value))).load()
    assert type(back[0]) is Other and back[0].a == 1
    assert back[1:] == [len, collections.OrderedDict]
    assert {name for _, name in asked} >= {"Thing", "len"}
    # the choice of one Unpickler is not that of others
    assert type(pickle.loads(pickle.dumps(Thing()))) is Thing


ATTACKS = {
    "class": lambda: Thing,
    "instance": lambda: Thing(a=1),
    "function": lambda: os.system,
    "builtin": lambda: eval,
    "reduce": lambda: Calls(os.system, "true"),
    "method": lambda: Thing().__init__,
    "lambda": lambda: (lambda: 1),
    "local class": lambda: type("Local", (), {}),
    "module": lambda: os,
    "enum": lambda: std_enum(),
    "exception": lambda: ValueError("v"),
}


class Calls:
    def __init__(self, function: Any, *args: Any) -> None:
        self.reduced = function, args

    def __reduce__(self) -> Any:
        return self.reduced


def std_enum() -> Any:
    import http

    return http.HTTPStatus.OK


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_find_class_that_denies_all_lets_nothing_through(name: str) -> None:
    class Denied(Exception):
        pass

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise Denied

    with pytest.raises(Denied):
        Unpickler(io.BytesIO(pickle.dumps([ATTACKS[name]()]))).load()


def test_base_hooks_can_be_called() -> None:
    pickler, unpickler = pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO())
    assert pickler.persistent_id("x") is None
    with pytest.raises(pickle.UnpicklingError):
        unpickler.persistent_load("x")
    assert unpickler.find_class("os.path", "join") is os.path.join
    assert unpickler.find_class("builtins", "str.upper") is str.upper
    for module, name, expected in (("os", "nothing", AttributeError), ("no_such", "x", ImportError)):
        with pytest.raises(expected):
            unpickler.find_class(module, name)


def test_uninitialised_objects() -> None:
    class Pickler(pickle.Pickler):
        def __init__(self) -> None:
            pass

    class Unpickler(pickle.Unpickler):
        def __init__(self) -> None:
            pass

    with pytest.raises(pickle.PicklingError, match="Pickler.__init__"):
        Pickler().dump(1)
    with pytest.raises(pickle.UnpicklingError, match="Unpickler.__init__"):
        Unpickler().load()


# ------------------------------------------------------------------ out-of-band


def test_buffers_of_two_messages_in_order() -> None:
    stream, buffers = io.BytesIO(), []  # type: ignore
    pickler = pickle.Pickler(stream, buffer_callback=buffers.append)
    pickler.dump([std.PickleBuffer(b"one"), 1])
    pickler.dump([std.PickleBuffer(bytearray(b"two")), 2])
    assert all(type(buffer) is std.PickleBuffer for buffer in buffers)
    assert b"one" not in stream.getvalue() and b"two" not in stream.getvalue()
    stream.seek(0)
    unpickler = pickle.Unpickler(stream, buffers=buffers)
    assert bytes(unpickler.load()[0]) == b"one"
    back = unpickler.load()[0]
    assert bytes(back) == b"two" and not memoryview(back).readonly


def test_buffers_come_back_as_given() -> None:
    given = [b"read-only", bytearray(b"writable")]
    buffers: List[Any] = []
    data = pickle.dumps([std.PickleBuffer(b) for b in given], buffer_callback=buffers.append)
    back = pickle.loads(data, buffers=given)
    assert back[0] is given[0] and back[1] is given[1]
    # what was written as read-only is not handed out writable
    back = pickle.loads(data, buffers=[bytearray(b"read-only"), given[1]])
    assert memoryview(back[0]).readonly and bytes(back[0]) == b"read-only"


def test_buffers_in_band() -> None:
    for callback in (None, lambda buffer: True):
        data = pickle.dumps([std.PickleBuffer(b"abc"), std.PickleBuffer(bytearray(b"def"))], buffer_callback=callback)
        back = pickle.loads(data)
        assert back == [b"abc", bytearray(b"def")]
        assert [type(b) for b in back] == [bytes, bytearray]


def test_missing_buffers() -> None:
    data = pickle.dumps(std.PickleBuffer(b"abc"), buffer_callback=lambda buffer: False)
    for buffers in ((), None, [], iter([])):
        with pytest.raises(pickle.UnpicklingError):
            pickle.loads(data, buffers=buffers)
    with pytest.raises(TypeError):
        pickle.loads(data, buffers=5)  # type: ignore[arg-type]


# ------------------------------------------------------------------ errors


def test_errors_are_of_both_families() -> None:
    with pytest.raises(pickle.PicklingError) as writing:
        pickle.dumps({"a": [sys._getframe()]})
    assert isinstance(writing.value, (error.ForyError,)) and isinstance(writing.value, TypeError)
    with pytest.raises(pickle.UnpicklingError) as reading:
        pickle.loads(b"\x04")
    assert isinstance(reading.value, error.ForyError) and isinstance(reading.value, EOFError)


def test_errors_travel() -> None:
    with pytest.raises(pickle.UnpicklingError) as raised:
        pickle.loads(b"\x04")
    for module in (std, pickle):
        back = module.loads(module.dumps(raised.value))
        assert type(back) is type(raised.value)
        assert back.args == raised.value.args
    code = "import sys, pickle; sys.path[:] = %r; print(type(pickle.loads(%r)).__mro__)" % (
        sys.path, std.dumps(raised.value),
    )  # fmt: skip
    output = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout
    assert b"UnpicklingError" in output and b"ForyError" in output


def test_unknown_names_of_the_module() -> None:
    for name in ("nothing", "NoSuchPicklingError", "PicklingErrorX"):
        with pytest.raises(AttributeError):
            getattr(pickle, name)


def test_errors_of_classes_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError):
        pickle.dumps(Failing())
    with pytest.raises(ZeroDivisionError):
        pickle.loads(pickle.dumps(Calls(divide, 1, 0)))


class Failing:
    def __reduce__(self) -> Any:
        return divide(1, 0)


def divide(a: int, b: int) -> float:
    return a / b


# ------------------------------------------------------------------ old pickles


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_read_only_when_allowed(protocol: int) -> None:
    value = {"a": [1, (2, "x")], "t": Thing(b=2)}
    data = std.dumps(value, protocol)
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(data)
    back = pickle.loads(data, allow_pickle=True)
    assert back["a"] == [1, (2, "x")] and back["t"].b == 2
    assert pickle.loads(pickle.dumps(5), allow_pickle=True) == 5
    for make in STREAMS:
        with pytest.raises(pickle.UnpicklingError):
            pickle.load(make(data))
        stream = make(data + b"rest")
        assert pickle.load(stream, allow_pickle=True)["a"] == value["a"]
        if not isinstance(stream, Forwards):
            assert stream.read() == b"rest"


@pytest.mark.parametrize("make", STREAMS, ids=STREAM_IDS)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_both_formats_on_one_stream(make: Any, protocol: int) -> None:
    parts = [std.dumps([1, "a"], protocol), pickle.dumps([2]), pickle.dumps([3]), std.dumps([4], protocol), pickle.dumps([5])]
    unpickler = pickle.Unpickler(make(b"".join(parts)), allow_pickle=True)
    assert [unpickler.load() for _ in parts] == [[1, "a"], [2], [3], [4], [5]]
    with pytest.raises(EOFError):
        unpickler.load()


def test_hooks_count_for_pickles_too() -> None:
    class Old(std.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return "pid" if type(obj) is list else None

    class Unpickler(pickle.Unpickler):
        allow_pickle = True

        def persistent_load(self, pid: Any) -> Any:
            return "loaded " + pid

        def find_class(self, module: str, name: str) -> Any:
            return str if name == "Thing" else super().find_class(module, name)

    stream = io.BytesIO()
    Old(stream).dump(([1], Thing))
    stream.seek(0)
    assert Unpickler(stream).load() == ("loaded pid", str)


def test_arguments_for_pickles() -> None:
    assert pickle.loads(b"U\x03a\x00\xa0.", allow_pickle=True, encoding="bytes") == b"a\x00\xa0"
    assert pickle.loads(b"U\x01\xe9.", allow_pickle=True, encoding="latin-1") == "\xe9"
    assert pickle.loads(b"c__builtin__\nxrange\n.", allow_pickle=True) is range
    with pytest.raises(ImportError):
        pickle.loads(b"c__builtin__\nxrange\n.", allow_pickle=True, fix_imports=False)
    buffers: List[Any] = []
    data = std.dumps(std.PickleBuffer(b"abc"), 5, buffer_callback=buffers.append)
    assert bytes(pickle.loads(data, allow_pickle=True, buffers=buffers)) == b"abc"


def test_allowing_on_the_class_and_denying_on_the_instance() -> None:
    class Allowing(pickle.Unpickler):
        allow_pickle = True

    assert Allowing(io.BytesIO(std.dumps(5))).load() == 5
    with pytest.raises(pickle.UnpicklingError):
        Allowing(io.BytesIO(std.dumps(5)), allow_pickle=False).load()


def test_deep_values_and_large_values_have_no_limit() -> None:
    value: Any = None
    for _ in range(5000):
        value = [value]
    try:
        back = pickle.loads(pickle.dumps(value))
    except RecursionError:
        pytest.skip("the C stack of this build is smaller")
    depth = 0
    while back is not None:
        (back,) = back
        depth += 1
    assert depth == 5000
