"""Fory.dump: pieces that leave while a value is written."""

from __future__ import annotations

import array
import dataclasses
import gc
import io
import os
import socket
import threading
import weakref
from typing import Any, Dict, List

import pytest

import pyfory
from pyfory.error import ForyDepthExceedError, ForyError, ForyTypeError, TypeUnregisteredError
from support import BOTH_MODES, MODE_IDS, check_python, lists_nested


@dataclasses.dataclass
class Item:
    number: pyfory.Int32 = 0
    text: str = ""
    tags: List[str] = dataclasses.field(default_factory=list)
    more: Dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Items:
    items: List[Item]


class Sink:
    """Keeps what it is given; `step` is how much it takes at a time."""

    def __init__(self, step: int = 10**9) -> None:
        self.writes: List[int] = []
        self.data = bytearray()
        self.step = step
        self.flushes = 0

    def write(self, data: Any) -> int:
        taken = bytes(data)[: self.step]
        self.writes.append(len(taken))
        self.data += taken
        return len(taken)

    def flush(self) -> None:
        self.flushes += 1


def make(**config: Any) -> pyfory.Fory:
    result = pyfory.Fory(**config)
    result.register(Item, name="t.Item")
    result.register(Items, name="t.Items")
    return result


def some_items(n: int) -> List[Item]:
    return [Item(i, "text %d" % i, ["a", "b" * (i % 50)], {"k%d" % i: i}) for i in range(n)]


VALUES: Dict[str, Any] = {
    "number": 42,
    "none": None,
    "text": "x" * 20_000,
    "structs": some_items(2000),
    "one struct": Items(some_items(2000)),
    "dict of structs": {str(i): item for i, item in enumerate(some_items(1500))},
    "dict in dict": {"outer": {str(i): {"a": item} for i, item in enumerate(some_items(700))}},
    "dict of numbers": {i: float(i) for i in range(20_000)},
    "dict of kinds": {str(i): [1, "a", 2.5, None, b"x"][i % 5] for i in range(6000)},
    "dict of nones": {str(i): None for i in range(3000)},
    "dict of arrays": {i: array.array("hid"[i // 700 % 3], [i] * 10) for i in range(2000)},
    "lists": [[i, "x" * (i % 20)] for i in range(5000)],
    "sets": [{i, i + 1} for i in range(5000)],
    "ints": list(range(30_000)),
    "floats": [i / 7 for i in range(20_000)],
    "bools": [i % 3 == 0 for i in range(30_000)],
    "texts": ["text %d" % i for i in range(9000)],
    "wide texts": ["\u4e2d\u6587" * (i % 7) for i in range(9000)],
    "set of ints": set(range(30_000)),
    "mixed": [[i, str(i), Item(i), None, float(i), b"b" * i][i % 6] for i in range(5000)],
    "holes": [None if i % 3 else Item(i) for i in range(5000)],
}


@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("name", list(VALUES))
def test_equals_dumps(name: str, ref: bool, compatible: bool) -> None:
    fory = make(ref=ref, compatible=compatible)
    value = VALUES[name]
    data = fory.dumps(value)
    for step in (10**9, 1000):
        sink = Sink(step)
        fory.dump(value, sink)
        assert bytes(sink.data) == data and sink.flushes == 1
    # and into a Buffer that passes its bytes on
    target, buffer = io.BytesIO(), pyfory.Buffer.allocate(1)
    buffer.bind_output_stream(target)
    buffer.write_bytes(b"before")
    assert fory.serialize(value, buffer) is buffer
    buffer.get_output_stream().force_flush()
    assert target.getvalue() == b"before" + data


@pytest.mark.parametrize("value", [some_items(600), Items(some_items(600)), {"a": {"b": some_items(600)}}],
                         ids=["list", "field", "dicts"])
def test_goes_out_in_pieces(value: Any) -> None:
    fory = make()
    sink = Sink()
    fory.dump(value, sink)
    assert len(sink.data) > 16 * 1024
    assert len(sink.writes) >= 4 and min(sink.writes[:-1]) >= 4096


@pytest.mark.parametrize(
    "value", [list(range(200_000)), [0.5] * 50_000, ["text"] * 100_000, set(range(200_000)), ("x",) * 200_000],
    ids=["ints", "floats", "texts", "set", "tuple"],
)  # fmt: skip
def test_long_lists_of_plain_values_go_out_in_pieces(value: Any) -> None:
    sink = Sink()
    make().dump(value, sink)
    assert len(sink.writes) >= 4 and max(sink.writes) <= 120_000
    assert make().loads(bytes(sink.data)) == (list(value) if isinstance(value, tuple) else value)


def test_the_index_of_what_cannot_be_written_counts_all_pieces() -> None:
    fory = make()
    numbers: Any = [0] * 20_000
    numbers[12_345] = 1 << 70
    for write in (fory.dumps, lambda value: fory.dump(value, Sink())):
        with pytest.raises(ForyError) as error:
            write({"a": numbers})
        assert error.value.path == "$.a[12345]"


def test_barely_enough_for_four_pieces() -> None:
    fory = make()
    value = some_items(400)
    while len(fory.dumps(value)) <= 16 * 1024:
        value.append(value[0])
    sink = Sink()
    fory.dump(value, sink)
    assert len(sink.writes) >= 4


def test_pieces_grow_and_memory_stays_small() -> None:
    out = check_python(
        """
        import resource, sys
        import pyfory
        class Sink:
            n = size = 0
            def write(self, data):
                self.n += 1
                self.size += len(data)
        fory = pyfory.Fory()
        value = [["x" * 100]] * 1_000_000
        fory.dump([1], Sink())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sink = Sink()
        fory.dump(value, sink)
        print(sink.n, sink.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    )
    writes, size, more = map(int, out.split())
    assert size > 100_000_000 and size / 65536 / 1.2 < writes < size / 65536 * 1.1 + 40
    assert more < 20_000  # kilobytes


def test_small_messages_take_one_write() -> None:
    sink = Sink()
    make().dump([Item(1), Item(2)], sink)
    assert len(sink.writes) == 1


def test_one_large_value_is_not_cut() -> None:
    sink = Sink()
    make().dump(b"x" * 10_000_000, sink)
    assert len(sink.writes) == 1


def test_what_the_stream_does_to_the_value() -> None:
    """Python code runs between the pieces: whatever it changes, nothing breaks."""
    for name, value, spoil in (
        ("list", some_items(2000), lambda v: v.clear()),
        ("list of lists", [[Item(i)] for i in range(3000)], lambda v: v.__delitem__(slice(None))),
        ("dict", {i: Item(i, "y" * 30) for i in range(3000)}, lambda v: v.clear()),
        ("dict of numbers", {i: i for i in range(30000)}, lambda v: v.clear()),
        ("dict exchanged", {i: [i] for i in range(3000)}, lambda v: v.update({k: "s" for k in v})),
    ):
        class Spoiler(Sink):
            def write(self, data: Any) -> int:
                spoil(value)
                gc.collect()
                return super().write(data)

        for ref in (False, True):
            try:
                make(ref=ref).dump(value, Spoiler())
            except ForyTypeError as e:
                assert "changed" in str(e), name


def test_objects_written_already_stay_until_the_end() -> None:
    """With references, an address may not come back as another object."""

    class Fresh:
        def __init__(self, n: int) -> None:
            self.n = n

        def __iter__(self):
            return ([i, "x" * 50] for i in range(self.n))

    import collections.abc

    class Rows(collections.abc.Sequence):
        def __len__(self) -> int:
            return 3000

        def __getitem__(self, i: int) -> Any:
            if i >= 3000:
                raise IndexError
            return [i, "x" * 50]

    class Collecting(Sink):
        def write(self, data: Any) -> int:
            gc.collect()
            return super().write(data)

    fory = make(ref=True)
    sink = Collecting()
    fory.dump([Rows(), Rows()], sink)
    assert fory.loads(bytes(sink.data)) == [[[i, "x" * 50] for i in range(3000)]] * 2


def test_what_fails_half_way() -> None:
    fory = make()
    value: List[Any] = some_items(2000)
    whole = fory.dumps(value)
    value[1900] = object()
    sink = Sink()
    with pytest.raises(TypeUnregisteredError) as info:
        fory.dump(value, sink)
    assert info.value.path == "$[1900]"
    # the beginning is out, as documented; the number of types in the list differs
    assert 4096 < len(sink.data) < len(whole) and sink.flushes == 0
    sink = Sink()
    with pytest.raises(ForyDepthExceedError):
        fory.dump(lists_nested(100), sink)
    assert sink.data == b""

    class Breaking(Sink):
        def write(self, data: Any) -> int:
            if len(self.writes) == 3:
                raise OSError("no space")
            return super().write(data)

    with pytest.raises(OSError, match="no space") as caught:
        fory.dump(VALUES["structs"], Breaking())
    assert type(caught.value) is OSError
    for odd in (0, -1, 10**9):
        class Odd(Sink):
            def write(self, data: Any) -> int:
                return odd

        with pytest.raises(ValueError, match="IOError"):
            fory.dump(1, Odd())
    assert fory.loads(fory.dumps(value[:3])) == value[:3]


def test_the_same_fory_inside_write() -> None:
    fory = make()
    inner: List[bytes] = []

    class Nested(Sink):
        def write(self, data: Any) -> int:
            inner.append(fory.dumps([1, 2]))
            small = io.BytesIO()
            fory.dump(Item(3), small)
            assert fory.loads(small.getvalue()) == Item(3)
            return super().write(data)

    sink = Nested()
    fory.dump(VALUES["structs"], sink)
    assert fory.loads(bytes(sink.data)) == VALUES["structs"]
    assert set(inner) == {fory.dumps([1, 2])}


def test_real_destinations(tmp_path: Any) -> None:
    fory = make()
    value = VALUES["structs"]
    path = tmp_path / "file"
    for buffering in (0, 1000, -1):
        with open(path, "wb", buffering) as file:
            fory.dump(value, file)
        with open(path, "rb") as file:
            assert fory.load(file) == value and file.read() == b""

    left, right = socket.socketpair()
    with left, right:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

        class Sender:
            def write(self, data: Any) -> int:
                return left.send(data)

        thread = threading.Thread(target=fory.dump, args=(value, Sender()))
        thread.start()
        assert fory.load(right) == value
        thread.join()

    read_end, write_end = os.pipe()
    with open(read_end, "rb", 0) as reading, open(write_end, "wb", 0) as writing:
        thread = threading.Thread(target=fory.dump, args=(value, writing))
        thread.start()
        assert fory.load(reading) == value
        thread.join()


def test_the_stream_is_released() -> None:
    sink = Sink()
    ref = weakref.ref(sink)
    fory = make()
    fory.dump(VALUES["structs"], sink)
    with pytest.raises(TypeUnregisteredError):
        fory.dump(object(), sink)
    del sink
    assert ref() is None


def test_text_streams_are_refused() -> None:
    with pytest.raises(TypeError):
        make().dump(1, io.StringIO())
    with pytest.raises(ValueError):
        make().dump(1, None)


@pytest.mark.skipif(not hasattr(os, "set_blocking"), reason="needs pipes that do not block")
def test_raw_streams_that_would_block() -> None:
    """None from a raw stream is no success."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with open(read_end, "rb", 0), open(write_end, "wb", 0) as writing:
        with pytest.raises(BlockingIOError):
            make().dump(b"x" * 10_000_000, writing)

    class Silent:
        def write(self, data: Any) -> None:
            self.data = bytes(data)

    sink = Silent()
    make().dump([1], sink)
    assert sink.data == make().dumps([1])
