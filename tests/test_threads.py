"""ThreadSafeFory, and one plain Fory for many threads."""

from __future__ import annotations

import dataclasses
import io
import sys
import threading
from typing import Any, Callable, Dict, List, Optional

import pytest

import pyfory
from pyfory.error import ForyError, ForyLimitError, TypeUnregisteredError
from support import BOTH_MODES, MODE_IDS

THREADS = 16
MESSAGES = 10_000


@dataclasses.dataclass
class Event:
    thread: int
    number: int
    text: str
    tags: List[str] = dataclasses.field(default_factory=list)
    more: Optional[Event] = None


class Wrapped:
    def __init__(self, value: Any) -> None:
        self.value = value


def in_threads(work: Callable[[int], None], n: int = THREADS) -> None:
    """Runs work(0) .. work(n - 1) at once and raises what one of them raised."""
    errors: List[BaseException] = []
    start = threading.Barrier(n)

    def run(i: int) -> None:
        try:
            start.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # far more changes of threads than usual
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


@pytest.fixture(params=[pyfory.Fory, pyfory.ThreadSafeFory], ids=["Fory", "ThreadSafeFory"])
def kind(request: Any) -> Any:
    return request.param


@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_many_messages(kind: Any, compatible: bool, ref: bool) -> None:
    """16 threads, 10,000 messages each, from the first message of the instance on."""
    fory = kind(ref=ref, compatible=compatible)
    fory.register(Event, name="t.Event")

    def work(thread: int) -> None:
        for number in range(MESSAGES):
            value = Event(thread, number, "text %d" % number)
            if number % 16 == 0:
                value.tags = ["a", "b"] * (number % 7)
                value.more = Event(-thread, number, "é" * thread)
            data = fory.dumps(value)
            result = fory.loads(data)
            assert result == value, (thread, number)

    in_threads(work)


def test_streams_buffers_and_failures(kind: Any) -> None:
    fory = kind(ref=True)
    fory.register(Event, name="t.Event")

    def work(thread: int) -> None:
        for number in range(100):
            shared = [thread, number]
            value = {"a": shared, "b": shared, "e": [Event(thread, number, "x" * 500)] * 5}
            stream = io.BytesIO()
            fory.dump(value, stream)
            stream.seek(0)
            result = fory.load(stream)
            assert result["a"] is result["b"] and result["a"] == shared and result["e"][4] is result["e"][0]
            buffer = pyfory.Buffer.allocate(4)
            assert fory.serialize(value, buffer) is buffer
            assert fory.deserialize(buffer)["e"][0].number == number
            with pytest.raises(TypeUnregisteredError) as info:
                fory.dumps({"k%d" % thread: object()})
            assert info.value.path == "$.k%d" % thread
            with pytest.raises(ForyError):
                fory.loads(stream.getvalue()[:-3])

    in_threads(work)


def test_reentrant_serializers(kind: Any) -> None:
    class S(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_bytes_and_size(fory.dumps([value.value, "inner"]))
            write_context.write_ref(value.value)

        def read(self, read_context):
            inner = fory.loads(read_context.read_bytes_and_size())
            assert inner[1] == "inner"
            value = read_context.read_ref()
            assert value == inner[0]
            return Wrapped(value)

    fory = kind(ref=True)
    fory.register(Event, name="t.Event")
    fory.register(Wrapped, name="t.Wrapped", serializer=S)

    def work(thread: int) -> None:
        for number in range(100):
            event = Event(thread, number, "e")
            result = fory.loads(fory.dumps([Wrapped(event), Wrapped([event, event]), event]))
            assert result[0].value == event and result[2] is result[0].value
            assert result[1].value[0] is result[1].value[1] is result[2]

    in_threads(work, 8)


def test_the_first_use_of_many_classes(kind: Any) -> None:
    """Plans are built by whoever comes first; all must come to the same bytes."""
    for compatible in BOTH_MODES:
        fory = kind(compatible=compatible)
        values = []
        for i in range(60):
            cls = dataclasses.make_dataclass("C%d" % i, [("a", int), ("b", List[str]), ("c%d" % i, float)])
            fory.register(cls, name="t.C%d" % i)
            values.append(cls(i, ["x"], float(i)))
        results: Dict[int, List[bytes]] = {}

        def work(thread: int) -> None:
            mine = results[thread] = []
            for value in values:
                mine.append(fory.dumps(value))
                assert fory.loads(mine[-1]) == value

        in_threads(work)
        assert all(r == results[0] for r in results.values())


def test_one_new_schema_counts_once() -> None:
    """Many threads that meet a remote schema at the same time do not use up its versions."""
    for _ in range(20):
        other = dataclasses.make_dataclass("Event", [("thread", int), ("extra", str)])
        writer = pyfory.Fory()
        writer.register(other, name="t.Event")
        data = writer.dumps(other(5, "x"))
        unknown = pyfory.Fory()
        unknown.register(other, name="t.Unknown")
        unknown_data = unknown.dumps(other(6, "y"))
        reader = pyfory.Fory(max_schema_versions_per_type=1)
        reader.register(Event, name="t.Event")

        def work(thread: int) -> None:
            assert reader.loads(data).thread == 5
            assert reader.loads(unknown_data)["thread"] == 6

        in_threads(work)
        third = dataclasses.make_dataclass("Event", [("thread", int), ("third", str)])
        writer = pyfory.Fory()
        writer.register(third, name="t.Event")
        with pytest.raises(ForyLimitError, match="max_schema_versions_per_type"):
            reader.loads(writer.dumps(third(5, "x")))


def test_registering_while_others_serialize() -> None:
    fory = pyfory.Fory()
    fory.register(Event, name="t.Event")
    done = threading.Event()

    def work(thread: int) -> None:
        if thread == 0:
            for i in range(300):
                fory.register(dataclasses.make_dataclass("R%d" % i, [("a", int)]), name="t.R%d" % i)
            done.set()
        else:
            number = 0
            while not done.is_set() or number < 10:
                number += 1
                event = Event(thread, number, "x")
                assert fory.loads(fory.dumps([event, event])) == [event, event]

    in_threads(work, 8)


# ---- ThreadSafeFory itself ---------------------------------------------------------------


def test_frozen_by_the_first_use() -> None:
    for use in (lambda f: f.dumps(1), lambda f: f.loads(b"\x01\xff\x07\x02"), lambda f: f.dump(1, io.BytesIO()),
                lambda f: f.load(io.BytesIO(b"\x01\xff\x07\x02")), lambda f: f.serialize(1), lambda f: f.deserialize(b"\x01\xff\x07\x02")):  # fmt: skip
        fory = pyfory.ThreadSafeFory()
        assert fory.register(Event, name="t.Event") is None
        use(fory)
        for name in ("register", "register_type", "register_union", "register_serializer"):
            with pytest.raises(RuntimeError, match="Cannot register types after Fory instances have been created"):
                getattr(fory, name)(Wrapped, serializer=None)


def test_all_registrations_reach_the_instance() -> None:
    class S(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_string(value.value)

        def read(self, read_context):
            return Wrapped(read_context.read_string())

    fory = pyfory.ThreadSafeFory(ref=True)
    assert fory.register_type(Event, type_id=5) is None
    assert fory.register(Wrapped, name="t.W", serializer=S) is None
    plain = pyfory.Fory(ref=True)
    plain.register_type(Event, type_id=5)
    plain.register(Wrapped, name="t.W", serializer=S)
    value = [Event(1, 2, "x"), Wrapped("w")]
    assert fory.dumps(value) == plain.dumps(value) == fory.serialize(value)
    assert fory.loads(plain.dumps(value))[1].value == "w"
    assert not hasattr(fory, "xlang") and not hasattr(fory, "config")


def test_mistakes_show_at_the_first_use() -> None:
    fory = pyfory.ThreadSafeFory(no_such_option=1)
    with pytest.raises(TypeError):
        fory.dumps(1)
    fory = pyfory.ThreadSafeFory()
    fory.register(Event, type_id=1)
    fory.register(Wrapped, type_id=1)
    for _ in range(2):
        with pytest.raises(TypeError, match="registered"):
            fory.dumps(1)


def test_factories_and_subclasses() -> None:
    made: List[pyfory.Fory] = []

    def factory() -> pyfory.Fory:
        made.append(pyfory.Fory(ref=True))
        return made[-1]

    fory = pyfory.ThreadSafeFory(fory_factory=factory)
    in_threads(lambda i: fory.loads(fory.dumps([i])))
    assert len(made) == 1

    class Counting(pyfory.ThreadSafeFory):
        calls = 0

        def dumps(self, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return super().dumps(*args, **kwargs)

    fory = Counting()
    for _ in range(3):
        assert fory.loads(fory.dumps([1])) == [1]
    assert fory.calls == 3


def test_every_argument_goes_through() -> None:
    fory = pyfory.ThreadSafeFory()
    for _ in range(2):
        buffer, out = pyfory.Buffer.allocate(1), []
        fory.serialize([b"x" * 10], buffer, buffer_callback=out.append)
        assert fory.deserialize(buffer, buffers=[o.getbuffer() for o in out]) == [b"x" * 10]
        assert fory.loads(fory.dumps([b"y"], buffer_callback=lambda o: True), []) == [b"y"]
