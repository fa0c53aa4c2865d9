"""Every limit of Fory(...): its default, what values it takes, and where it bites.

Each is tested at the limit and one beyond, and every message names the option
to raise (api section 10, decisions 5 and 8).
"""

from __future__ import annotations

import array
import dataclasses
import datetime
import io
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

import pytest

import pyfory
from pyfory.error import (
    ForyBufferOutOfBoundError,
    ForyDepthExceedError,
    ForyError,
    ForyInvalidDataError,
    ForyLimitError,
)
from pyfory.typedef import finish_type_def
from support import BOTH_MODES, MODE_IDS, lists_nested, unhex

MOST = 2**63 - 1
DEFAULTS = {
    "max_depth": 50,
    "max_type_fields": 512,
    "max_type_meta_bytes": 4096,
    "max_schema_versions_per_type": 10,
    "max_average_schema_versions_per_type": 3,
    "max_graph_memory_bytes": 128 * 1024 * 1024,
    "max_unbacked_container_items": 8192,
}
#: option -> (smallest, largest) value
RANGES = {
    "max_type_fields": (1, 10**30),
    "max_type_meta_bytes": (1, 10**30),
    "max_schema_versions_per_type": (1, 10**30),
    "max_average_schema_versions_per_type": (1, 10**30),
    "max_graph_memory_bytes": (1, MOST),
    "max_unbacked_container_items": (0, MOST),
}


# ---- the options ---------------------------------------------------------------------


def test_defaults() -> None:
    fory = pyfory.Fory()
    for name, value in DEFAULTS.items():
        assert getattr(fory.config, name) == value
        assert type(getattr(fory.config, name)) is int
    assert (fory.max_depth, fory.max_graph_memory_bytes, fory.max_unbacked_container_items) == (50, 2**27, 8192)
    assert pyfory.Fory(max_depth=None).max_depth == 50


def test_positions() -> None:
    fory = pyfory.Fory(True, True, False, False, 1, 2, 3, 4, 5, 6, 7, None, True, None)
    config = fory.config
    assert [getattr(config, name) for name in DEFAULTS] == [1, 2, 3, 4, 5, 6, 7]
    assert (config.xlang, config.track_ref, config.strict, config.compatible, config.field_nullable) == (
        True, True, False, False, True)  # fmt: skip
    assert config.meta_share is False and config.scoped_meta_share_enabled is False
    with pytest.raises(TypeError):
        pyfory.Fory(language="xlang")


def test_options_are_read_only() -> None:
    fory = pyfory.Fory(max_depth=3)
    for target in (fory, fory.config):
        with pytest.raises(AttributeError):
            target.max_depth = 4  # type: ignore[misc]
        with pytest.raises(AttributeError):
            del target.max_depth
    assert fory.max_depth == fory.config.max_depth == 3
    assert "max_depth=3, max_type_fields=512" in repr(fory.config)
    assert fory.config.meta_share is True


@pytest.mark.parametrize("name", list(RANGES))
def test_ranges(name: str) -> None:
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(pyfory.Fory(**{name: value}).config, name) == value
    for value in (low - 1, -(10**30)) + ((high + 1,) if high == MOST else ()):
        with pytest.raises(ValueError, match=name) as info:
            pyfory.Fory(**{name: value})
        assert isinstance(info.value, ForyError)
    for odd in (1.5, "5", None, True):
        with pytest.raises(TypeError, match=name):
            pyfory.Fory(**{name: odd})


def test_depth_takes_any_int() -> None:
    for value, kept in ((0, 0), (-1, -1), (-(10**9), -1), (1, 1), (2**31 - 1, 2**31 - 1), (10**30, 2**31 - 1)):
        assert pyfory.Fory(max_depth=value).max_depth == kept
    for odd in (1.5, "5", True):
        with pytest.raises(TypeError, match="max_depth"):
            pyfory.Fory(max_depth=odd)
    for none_allowed in (0, -1):
        fory = pyfory.Fory(max_depth=none_allowed)
        assert fory.loads(fory.dumps(5)) == 5
        with pytest.raises(ForyDepthExceedError):
            fory.dumps([])
        with pytest.raises(ForyDepthExceedError):
            fory.loads(pyfory.Fory().dumps([]))


def test_later_assignment_is_refused() -> None:
    fory = pyfory.Fory()
    for name in ("max_depth", "max_graph_memory_bytes", "max_unbacked_container_items"):
        with pytest.raises(AttributeError):
            setattr(fory, name, 5)


# ---- depth ---------------------------------------------------------------------------


def test_depth_at_the_limit() -> None:
    for limit in (1, 2, 25, 50, 51, 1000):
        fory, free = pyfory.Fory(max_depth=limit), pyfory.Fory(max_depth=10**6)
        value = lists_nested(limit)
        result, depth = fory.loads(fory.dumps(value)), 0
        while isinstance(result, list):
            (result,), depth = result, depth + 1
        assert (result, depth) == (1, limit)
        with pytest.raises(ForyDepthExceedError, match=r"raise Fory\(max_depth=...\)"):
            fory.dumps([value])
        with pytest.raises(ForyDepthExceedError, match=r"raise Fory\(max_depth=...\)") as info:
            fory.loads(free.dumps([value]))
        assert isinstance(info.value, ValueError) and info.value.offset is not None


# ---- received schemas ------------------------------------------------------------------


def type_def(name: str, fields: int, version: int = 0) -> bytes:
    """TypeDef of struct n.<name> with int64 fields a<version>, b0, b1, ...; `name` is lower case."""

    def name_bytes(value: str) -> bytes:
        data = value.encode()
        assert len(data) < 63
        return bytes((len(data) << 2,)) + data

    body = bytearray([0x80 | 0x40 | 0x20 | min(fields, 31)])
    if fields >= 31:
        body += bytes(vu32(fields - 31))
    body += name_bytes("n") + name_bytes(name)
    for i in range(fields):
        data = (b"a%d" % version) if i == 0 else b"b%d" % i
        body += bytes(((len(data) - 1) << 2, 7)) + data
    return finish_type_def(bytes(body))


def vu32(n: int) -> List[int]:
    out = []
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return out + [n]


def message(*defs: Tuple[bytes, int]) -> bytes:
    """A list of one struct of each schema, all fields zero."""
    out = bytearray(unhex("01ff 16")) + bytes(vu32(len(defs))) + b"\x00"
    for i, (data, fields) in enumerate(defs):
        out += b"\x1e" + bytes(vu32(i << 1)) + data + b"\x00" * fields
    return bytes(out)


def test_the_schemas_of_this_file() -> None:
    results = pyfory.Fory().loads(message((type_def("one", 1), 1), (type_def("two", 40), 40)))
    assert [len(u) for u in results] == [1, 40]
    assert dict(results[0]) == {"a0": 0} and list(results[1])[:2] == ["a0", "b1"]


@pytest.mark.parametrize("limit", [1, 30, 31, 32, 512])
def test_type_fields(limit: int) -> None:
    fory = pyfory.Fory(max_type_fields=limit, max_type_meta_bytes=10**6)
    assert len(fory.loads(message((type_def("t", limit), limit)))[0]) == limit
    with pytest.raises(ForyLimitError, match=r"max_type_fields") as info:
        fory.loads(message((type_def("t", limit + 1), limit + 1)))
    assert isinstance(info.value, ValueError)
    # the count is refused before the fields are looked at
    broken = bytearray(type_def("t", limit + 1))
    cut = finish_type_def(bytes(broken[8:16])) if len(broken) < 260 else bytes(broken[:16])
    with pytest.raises(ForyInvalidDataError):
        fory.loads(unhex("01ff 1e 00") + cut)


@pytest.mark.parametrize("fields", [5, 100, 400])
def test_type_meta_bytes(fields: int) -> None:
    data = type_def("t", fields)
    body = len(data) - 8 - (0 if len(data) - 8 < 255 else 1 if len(data) - 9 - 255 < 128 else 2)
    whole = message((data, fields))
    assert len(pyfory.Fory(max_type_meta_bytes=body).loads(whole)[0]) == fields
    for source in (whole, pyfory.Buffer.from_stream(io.BytesIO(whole))):
        with pytest.raises(ForyLimitError, match="max_type_meta_bytes") as info:
            pyfory.Fory(max_type_meta_bytes=body - 1).loads(source)
    assert isinstance(info.value, ValueError)


def test_type_meta_bytes_before_they_are_read() -> None:
    """A size beyond the limit is refused although nothing of the body has come."""

    class Stream:
        asked = 0

        def __init__(self, data: bytes) -> None:
            self.data = data

        def readinto(self, room: Any) -> int:
            self.asked += 1
            n = min(len(room), len(self.data))
            room[:n] = self.data[:n]
            self.data = self.data[n:]
            return n

    header = (0xFF | 1 << 12).to_bytes(8, "little") + bytes(vu32(10**9 - 255))
    stream = Stream(unhex("01ff 1e 00") + header + b"\x00" * 100)
    with pytest.raises(ForyLimitError, match="max_type_meta_bytes"):
        pyfory.Fory().loads(pyfory.Buffer.from_stream(stream, 16))
    assert stream.asked < 10


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 10])
def test_schema_versions_per_type(limit: int, registered: bool) -> None:
    @dataclasses.dataclass
    class T:
        a0: int = 5

    fory = pyfory.Fory(max_schema_versions_per_type=limit)
    if registered:
        fory.register(T, name="n.t")
        assert fory.loads(fory.dumps(T(3))) == T(3)  # the own schema does not count
    datas = [message((type_def("t", 2, version), 2)) for version in range(limit + 1)]
    for data in datas[:limit] * 2:
        fory.loads(data)
    for _ in range(2):
        with pytest.raises(ForyLimitError, match="max_schema_versions_per_type") as info:
            fory.loads(datas[limit])
        assert "n.t" in str(info.value)
    for data in datas[:limit]:
        fory.loads(data)
    # another type has versions of its own
    fory.loads(message((type_def("other", 2), 2)))


def test_versions_of_one_message_count() -> None:
    fory = pyfory.Fory(max_schema_versions_per_type=3)
    defs = [(type_def("t", 1, version), 1) for version in range(4)]
    with pytest.raises(ForyLimitError, match="max_schema_versions_per_type"):
        fory.loads(message(*defs))
    # what was accepted before the failure is counted
    with pytest.raises(ForyLimitError):
        fory.loads(message((type_def("t", 1, 9), 1)))
    assert len(fory.loads(message(*defs[:3]))) == 3


def test_refused_schemas_do_not_count() -> None:
    fory = pyfory.Fory(max_schema_versions_per_type=2, max_type_fields=3)
    for version in range(20):
        with pytest.raises(ForyLimitError, match="max_type_fields"):
            fory.loads(message((type_def("t", 4, version), 4)))
    for version in range(2):
        fory.loads(message((type_def("t", 3, version), 3)))


def test_average_schema_versions_and_their_floor() -> None:
    """Below 8192 schemas the average does not matter; above it, total // types must stay below."""
    fory = pyfory.Fory(max_schema_versions_per_type=10**6, max_average_schema_versions_per_type=3)
    fory.loads(message(*[(type_def("t", 1, version), 1) for version in range(8192)]))
    with pytest.raises(ForyLimitError, match="max_average_schema_versions_per_type"):
        fory.loads(message((type_def("t", 1, 8192), 1)))
    fory = pyfory.Fory(max_schema_versions_per_type=10**6, max_average_schema_versions_per_type=2)
    # 4097 types and 8193 schemas: 1 on average
    fory.loads(message(*[(type_def("t%d" % i, 1, v), 1) for i in range(4097) for v in range(2)][:8193]))
    fory.loads(message((type_def("t4096", 1, 1), 1)))
    with pytest.raises(ForyLimitError, match="max_average_schema_versions_per_type"):
        fory.loads(message((type_def("t1", 1, 2), 1)))
    # a new type lowers the average
    fory.loads(message((type_def("new", 1), 1)))


def test_number_of_remote_types() -> None:
    fory = pyfory.Fory()
    fory.loads(message(*[(type_def("t%d" % i, 1), 1) for i in range(8192)]))
    with pytest.raises(ForyLimitError, match="key limit"):
        fory.loads(message((type_def("more", 1), 1)))
    fory.loads(message((type_def("t5", 1, 1), 1)))


def test_fields_of_all_schemas_together() -> None:
    """What is kept of schemas is bounded by more than their number."""
    fory = pyfory.Fory(max_average_schema_versions_per_type=1)
    most = 8192 * 16
    full = most // 512
    for i in range(full):
        fory.loads(message((type_def("t%d" % i, 511), 511)))
    with pytest.raises(ForyLimitError, match="max_average_schema_versions_per_type"):
        fory.loads(message((type_def("more", 1), 1)))
    assert len(fory.loads(message((type_def("t3", 511), 511)))[0]) == 511


# ---- graph memory ------------------------------------------------------------------------


@dataclasses.dataclass
class Two:
    a: int = 1
    b: Any = None


@dataclasses.dataclass
class Holder:
    ints: List[int] = dataclasses.field(default_factory=list)
    pair: Tuple[int, ...] = ()
    names: Set[str] = dataclasses.field(default_factory=set)
    frozen: FrozenSet[int] = frozenset()
    table: Dict[str, List[int]] = dataclasses.field(default_factory=dict)
    more: Optional[Two] = None


class Slots:
    __slots__ = ("a", "b")
    a: int
    b: int

    def __init__(self, a: int = 1, b: int = 2) -> None:
        self.a, self.b = a, b

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slots) and (self.a, self.b) == (other.a, other.b)


@dataclasses.dataclass
class Listed:
    v: List[pyfory.Int32]


@dataclasses.dataclass
class Dense:
    v: pyfory.Array[pyfory.Int32]


def charged(**config: Any) -> pyfory.Fory:
    result = pyfory.Fory(**config)
    for cls in (Two, Holder, Slots):
        result.register(cls, name="n." + cls.__name__)
    return result


COSTS = {
    "empty list": ([], 32),
    "ints": ([1] * 10, 32 + 80),
    "nested": ([[1]], 40 + 40),
    "mixed": ([1, "a", None, []], 32 + 32 + 32),
    "dict": ({1: 1}, 64 + 16),
    "dict of lists": ({1: [], 2: [5]}, 64 + 32 + 32 + 40),
    "set": ({1, 2}, 48 + 16),
    "struct": (Two(), 96 + 32),
    "slots": (Slots(), 32 + 16),
    "structs": ([Two(), Two()], 32 + 16 + 2 * 128),
    "struct in struct": (Two(1, Two()), 2 * 128),
    "holder": (
        Holder([1, 2], (1,), {"a"}, frozenset((1, 2, 3)), {"k": [1]}, Two()),
        96 + 6 * 16 + 48 + 24 + 8 + 48 + 8 + 48 + 24 + 64 + 16 + 40 + 128,
    ),
}
FREE = {
    "str": "x" * 10000,
    "bytes": b"x" * 10000,
    "int": 5,
    "float": 5.5,
    "none": None,
    "date": datetime.date(2020, 1, 1),
    "array": pyfory.Int32Array(range(1000)),
    "array.array": array.array("d", [0.5] * 1000),
}


@pytest.mark.parametrize("source", ["bytes", "stream"])
@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
@pytest.mark.parametrize("name", list(COSTS))
def test_graph_memory(name: str, compatible: bool, ref: bool, source: str) -> None:
    value, cost = COSTS[name]
    data = charged(compatible=compatible, ref=ref).dumps(value)

    def read(limit: int) -> Any:
        fory = charged(compatible=compatible, ref=ref, max_graph_memory_bytes=limit)
        return fory.loads(data if source == "bytes" else pyfory.Buffer.from_stream(io.BytesIO(data), 16))

    assert read(cost) == value
    with pytest.raises(ForyLimitError, match="max_graph_memory_bytes") as info:
        read(cost - 1)
    assert isinstance(info.value, ValueError) and info.value.offset is not None
    with pytest.raises(ForyLimitError):
        read(1)


@pytest.mark.parametrize("name", list(FREE))
def test_what_costs_nothing(name: str) -> None:
    data = pyfory.Fory().dumps(FREE[name])
    pyfory.Fory(max_graph_memory_bytes=1).loads(data)


def test_unknown_structs_and_conversions() -> None:
    data = charged().dumps(Two())
    assert len(pyfory.Fory(max_graph_memory_bytes=112 + 32).loads(data)) == 2
    with pytest.raises(ForyLimitError, match="max_graph_memory_bytes"):
        pyfory.Fory(max_graph_memory_bytes=112 + 31).loads(data)

    writer = pyfory.Fory()
    writer.register(Dense, name="n.v")
    data = writer.dumps(Dense(pyfory.Int32Array([1, 2, 3])))
    cost = 96 + 16 + 32 + 24
    reader = pyfory.Fory(max_graph_memory_bytes=cost)
    reader.register(Listed, name="n.v")
    assert reader.loads(data) == Listed([1, 2, 3])
    reader = pyfory.Fory(max_graph_memory_bytes=cost - 1)
    reader.register(Listed, name="n.v")
    with pytest.raises(ForyLimitError, match="max_graph_memory_bytes"):
        reader.loads(data)


def test_graph_memory_is_counted_per_message() -> None:
    fory = pyfory.Fory(max_graph_memory_bytes=112)
    data = fory.dumps([1] * 10)
    for _ in range(3):
        assert fory.loads(data) == [1] * 10
    buffer = pyfory.Buffer(data * 3)
    assert [fory.loads(buffer) for _ in range(3)] == [[1] * 10] * 3


def test_graph_memory_is_charged_before_anything_is_read() -> None:
    source = io.BytesIO(unhex("01ff 16 ffffff7f 08 07") + b"\x00" * 10**6)  # 2**28 - 1 ints
    with pytest.raises(ForyLimitError, match="max_graph_memory_bytes"):
        pyfory.Fory().loads(pyfory.Buffer.from_stream(source, 64))
    assert source.tell() <= 256


# ---- items without bytes ----------------------------------------------------------------------


@dataclasses.dataclass
class Nothing:
    pass


def nulls(n: int) -> bytes:
    """n times None, known by type alone: no bytes each."""
    return unhex("01ff 16") + bytes(vu32(n)) + unhex("08 24")


@pytest.mark.parametrize("limit", [0, 1, 100, 1024, 8192])
def test_unbacked_items(limit: int) -> None:
    fory = pyfory.Fory(max_unbacked_container_items=limit)
    for n in (limit, limit + 1):
        # a long message needs no budget for its check before, only for what is charged after
        for tail in (b"", b"\x00" * 20000):
            if n <= limit:
                assert fory.loads(nulls(n) + tail) == [None] * n
            else:
                with pytest.raises(ForyLimitError, match="max_unbacked_container_items") as info:
                    fory.loads(nulls(n) + tail)
                assert isinstance(info.value, ValueError)
    with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
        fory.loads(pyfory.Buffer.from_stream(io.BytesIO(nulls(limit + 1) + b"\x00" * 20000), 16))
    assert fory.loads(pyfory.Buffer.from_stream(io.BytesIO(nulls(limit)), 16)) == [None] * limit


def test_unbacked_items_of_every_container() -> None:
    fory = pyfory.Fory(max_unbacked_container_items=100)
    fory.register(Nothing, name="n.Nothing")
    assert fory.loads(fory.dumps([Nothing()] * 100)) == [Nothing()] * 100
    with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
        fory.loads(fory.dumps([Nothing()] * 101))
    # several containers share one budget
    assert fory.loads(fory.dumps([[Nothing()] * 50, [Nothing()] * 50])) == [[Nothing()] * 50] * 2
    with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
        fory.loads(fory.dumps([[Nothing()] * 50, [Nothing()] * 51]))
    # bytes of neighbours pay for nothing, those of the elements do
    assert len(fory.loads(fory.dumps([Nothing(), 1] * 200))) == 400
    table = fory.dumps({i: Nothing() for i in range(500)})
    assert len(fory.loads(table)) == 500  # the keys have bytes


def test_huge_counts_end_early() -> None:
    for n in (2**31 - 1, 2**32 - 1):
        with pytest.raises(ForyInvalidDataError):
            pyfory.Fory().loads(nulls(n))
        with pytest.raises(ForyInvalidDataError):
            pyfory.Fory(max_unbacked_container_items=MOST).loads(nulls(n))
    with pytest.raises(ForyBufferOutOfBoundError):
        pyfory.Fory().loads(unhex("01ff 16 ffff7f 08 15"))
