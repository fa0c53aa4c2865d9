"""RowBatch: many rows in one block, their columns, and files."""

import copy
import dataclasses
import datetime
import decimal
import gc
import os
import pickle
import random
import struct
import subprocess
import sys
import textwrap
import threading
import weakref
from dataclasses import dataclass, field
from typing import Dict, List, Optional

import pytest

import pyfory
from pyfory import format as rows
from pyfory.error import (
    ForyError,
    ForyFieldError,
    ForyInvalidDataError,
    ForyInvalidError,
    ForyOverflowError,
    ForySchemaHashError,
    ForyTypeError,
)
from pyfory.format import RowBatch

UTC = datetime.timezone.utc


@dataclass
class Address:
    street: str
    zip: Optional[pyfory.Int32]


@dataclass
class Trade:
    price: float
    size: int
    symbol: Optional[str]
    address: Optional[Address]
    buy: Optional[bool] = True
    tags: List[str] = field(default_factory=list)


ENCODER = pyfory.encoder(Trade)


def trade(i):
    address = None if i % 5 == 4 else Address("s%d" % i, None if i % 3 == 0 else i)
    return Trade(i * 0.5, i, None if i % 7 == 6 else "sym%d" % i, address, (True, False, None)[i % 3], ["t"] * (i % 4))


TRADES = [trade(i) for i in range(100)]


@pytest.fixture
def batch():
    return ENCODER.batch(TRADES)


def numpy_or_skip():
    return pytest.importorskip("numpy")


# ---- rows ------------------------------------------------------------------------


def test_rows(batch):
    assert len(batch) == 100
    assert batch[0].price == 0.0 and batch[-1].size == 99 and batch[7].address.zip == 7
    assert [row.size for row in batch] == list(range(100))
    assert [t.price for t in ENCODER.from_batch(batch)] == [t.price for t in TRADES]
    assert ENCODER.from_batch(batch) == TRADES
    assert batch.to_list() == [dataclasses.asdict(t) for t in TRADES]
    assert batch.nbytes == sum(ENCODER.to_row(t).size_bytes() for t in TRADES)
    assert "100 rows" in repr(batch) and batch.schema is ENCODER.schema


@pytest.mark.parametrize("index", [100, -101, 2**70])
def test_index_outside(batch, index):
    with pytest.raises(IndexError):
        batch[index]


def test_index_of_another_type(batch):
    with pytest.raises(ForyTypeError):
        batch["price"]


def test_every_source_of_rows():
    row = ENCODER.to_row(TRADES[3])
    batches = [RowBatch(source) for source in (Trade, ENCODER.schema)]
    for batch in batches:
        batch.append(TRADES[3])
        batch.append(dataclasses.asdict(TRADES[3]))
        batch.append(row)
        batch.extend([TRADES[3]])
        batch.extend(iter(batch))
        assert len(batch) == 8 and all(r == row for r in batch)
    assert len(RowBatch(Trade, TRADES)) == 100


def test_rows_are_those_of_the_encoder(batch):
    for row, value in zip(batch, TRADES):
        assert row.to_bytes() == ENCODER.to_row(value).to_bytes()


def test_a_failed_row_leaves_nothing(batch):
    before = batch.to_bytes()
    for bad in (Trade("x", 1, None, None), {"price": 1.0, "address": {"zip": 2**40}}, 5, None):
        with pytest.raises(ForyError):
            batch.append(bad)
    with pytest.raises(ForyTypeError, match=r"\$\.price"):
        batch.extend([TRADES[0], {"price": "x"}])
    assert len(batch) == 101
    assert batch[:100].to_bytes() == before


def test_slices(batch):
    for key in (slice(3, 10), slice(None), slice(90, None), slice(5, 5), slice(None, None, 3), slice(None, None, -1)):
        part = batch[key]
        assert type(part) is RowBatch and ENCODER.from_batch(part) == TRADES[key]
        again = part[1:]
        assert ENCODER.from_batch(again) == TRADES[key][1:]
        assert ENCODER.from_batch(RowBatch.from_bytes(bytes(part))) == TRADES[key]
    shared = batch[10:20]
    assert shared[0].buffer().to_bytes(8, 8) == batch[0].buffer().to_bytes(8, 8)


def test_appending_to_a_slice_leaves_the_batch(batch):
    part = batch[10:20]
    part.append(TRADES[0])
    batch.append(TRADES[1])
    assert ENCODER.from_batch(part) == [*TRADES[10:20], TRADES[0]]
    assert ENCODER.from_batch(batch) == [*TRADES, TRADES[1]]


def test_views_survive_growth():
    batch = RowBatch(Trade)
    kept = []
    for i in range(2000):
        batch.append(trade(i))
        if i % 97 == 0:
            kept.append((i, batch[i], batch[: i + 1], memoryview(batch) if i % 194 == 0 else None))
    image = bytes(batch)
    for i, row, part, _ in kept:
        assert row.size == i and len(part) == i + 1 and part[i].symbol == trade(i).symbol
    del batch
    gc.collect()
    for i, row, part, view in kept:
        assert row.to_dict() == dataclasses.asdict(trade(i)) and part[-1] == row
        if view is not None:
            assert ENCODER.from_batch(RowBatch.from_bytes(view)) == [trade(k) for k in range(i + 1)]
    assert len(RowBatch.from_bytes(image)) == 2000


def test_exports_do_not_change(batch):
    view = memoryview(batch)
    before = bytes(view)
    batch.append(TRADES[0])
    assert bytes(view) == before
    assert len(RowBatch.from_bytes(view)) == 100 and len(RowBatch.from_bytes(batch)) == 101


def test_iteration_ends(batch):
    for row in batch:
        batch.append(row)
    assert len(batch) == 200
    batch.extend(batch)
    assert len(batch) == 400 and batch[399] == batch[99]


def test_user_code_within_append(batch):
    class Nosy:
        price, symbol, address, buy, tags = 1.0, None, None, None, []

        @property
        def size(self):
            self.seen = batch[99].size, len(batch), batch[:1][0].size, len(batch.to_list())
            self.errors = []
            for act in (lambda: batch.append(TRADES[0]), lambda: batch.to_bytes(), lambda: batch.append_columns({})):
                try:
                    act()
                except ForyInvalidError as error:
                    self.errors.append(str(error))
            with pytest.raises(BufferError):
                memoryview(batch)
            return 5

    nosy = Nosy()
    batch.append(nosy)
    assert nosy.seen == (99, 100, 0, 100) and nosy.errors == ["the RowBatch is being appended to"] * 3
    assert len(batch) == 101 and batch[100].size == 5 and batch[99].size == 99


def test_growth_while_a_row_is_written():
    """Views that are made in the middle of a row keep their memory when it grows."""
    schema = rows.schema([rows.field("a", rows.list_(rows.int64())), rows.field("b", rows.binary())])
    batch = RowBatch(schema, [{"a": [7], "b": b"first"}])
    seen = []

    class Peek:
        def __init__(self, size):
            self.size = size

        def __index__(self):
            seen.append((batch[0], batch[:]))
            return self.size

    for size in (10, 10000, 100000):
        batch.append({"a": [Peek(size)], "b": b"x" * size})
    assert [row.a[0] for row in batch] == [7, 10, 10000, 100000]
    assert all(row.b == part[0].b == b"first" for row, part in seen)


def test_empty_batches():
    batch = RowBatch(Trade)
    assert len(batch) == 0 and list(batch) == [] and batch.nbytes == 0 and batch.to_list() == []
    assert len(RowBatch.from_bytes(batch.to_bytes())) == 0
    assert len(batch[0:5]) == 0
    empty = RowBatch(rows.schema([]), [{}, {}])
    assert len(empty) == 2 and len(RowBatch.from_bytes(bytes(empty))) == 2 and empty[1].to_dict() == {}


def test_unfinished_batches():
    batch = RowBatch.__new__(RowBatch)
    for act in (lambda: batch[0], lambda: batch.append(1), lambda: list(batch), lambda: batch.to_bytes(),
                lambda: batch._columns(), lambda: batch._column("a"), lambda: batch.schema, lambda: batch.nbytes,
                lambda: batch.extend([1])):  # fmt: skip
        with pytest.raises((ForyInvalidError, IndexError)):
            act()
    assert len(batch) == 0
    batch = RowBatch(Trade)
    with pytest.raises(ForyInvalidError, match="one schema"):
        batch.__init__(Trade)


def test_subclasses():
    class Trades(RowBatch):
        pass

    batch = Trades(Trade, TRADES)
    assert type(batch[1:]) is type(batch[::2]) is type(Trades.from_bytes(bytes(batch))) is Trades


def test_batches_are_collected(batch):
    class Holder(RowBatch):
        pass

    holder = Holder(Trade, TRADES)
    holder.me = holder
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None


def test_reading_in_threads(batch):
    expected, problems = [t.symbol for t in TRADES], []

    def read():
        for _ in range(50):
            if [row.symbol for row in batch] != expected or ENCODER.from_batch(batch) != TRADES:
                problems.append("rows differ")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


# ---- bytes and files ----------------------------------------------------------------


def test_layout():
    schema = rows.schema([rows.field("a", rows.int64())])
    batch = RowBatch(schema, [{"a": 5}, {"a": None}])
    described = schema.to_bytes()
    assert batch.to_bytes() == (
        struct.pack("<8sHHIQQQQQQ", b"FORYROWS", 1, 0, len(described), 17 * 31 + 6, 2, 128, 32, 160, 0)
        + described.ljust(64, b"\0")
        + struct.pack("<QqQq", 0, 5, 1, 0)
        + struct.pack("<QQQ", 0, 16, 32)
    )


def test_bytes_in_other_buffers(batch):
    data = batch.to_bytes()
    for source in (data, bytearray(data), memoryview(data), pyfory.Buffer(data)):
        twin = RowBatch.from_bytes(source)
        assert ENCODER.from_batch(twin) == TRADES and twin.to_bytes() == data
        twin.append(TRADES[0])
        assert len(twin) == 101 and ENCODER.from_batch(twin)[100] == TRADES[0]
    assert RowBatch.from_bytes(data).schema == batch.schema
    assert RowBatch.from_bytes(data, batch.schema).schema is batch.schema


def test_bytes_of_another_schema(batch):
    with pytest.raises(ForySchemaHashError):
        RowBatch.from_bytes(bytes(batch), rows.schema([rows.field("x", rows.int64())]))
    renamed = rows.schema([rows.field(f.name + "_", f.type) for f in batch.schema.fields])
    with pytest.raises(ForySchemaHashError, match="price"):
        RowBatch.from_bytes(bytes(batch), renamed)


def test_times_in_utc(tmp_path):
    schema = rows.schema([rows.field("t", rows.timestamp())])
    moment = datetime.datetime(2024, 1, 2, 3, tzinfo=UTC)
    batch = RowBatch(schema, [{"t": moment}], utc=True)
    batch.save(tmp_path / "times")
    for one in (batch, batch[:], batch[::-1], copy.copy(batch), RowBatch.from_bytes(bytes(batch), utc=True),
                RowBatch.open(tmp_path / "times", utc=True)):  # fmt: skip
        assert one.utc and one[0].t == moment and next(iter(one)).t.tzinfo is UTC
    local = RowBatch.from_bytes(bytes(batch))
    assert not local.utc and local[0].t == moment.astimezone().replace(tzinfo=None)
    assert pyfory.encoder(schema=schema, utc=True).batch([{"t": moment}])[0].t == moment


def test_copies(batch):
    for twin in (copy.copy(batch), copy.deepcopy(batch), pickle.loads(pickle.dumps(batch)), batch[:]):
        assert ENCODER.from_batch(twin) == TRADES


def test_files(batch, tmp_path):
    path = tmp_path / "trades.rows"
    batch.save(path)
    opened = RowBatch.open(path)
    assert ENCODER.from_batch(opened) == TRADES and opened.to_bytes() == batch.to_bytes()
    assert ENCODER.from_batch(opened[10:20]) == TRADES[10:20]
    opened[10:12].save(str(tmp_path / "part.rows"))
    assert ENCODER.from_batch(RowBatch.open(str(tmp_path / "part.rows"), ENCODER.schema)) == TRADES[10:12]
    opened.append(TRADES[0])
    assert len(opened) == 101 and len(RowBatch.open(path)) == 100
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ForyInvalidDataError, match="empty"):
        RowBatch.open(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        RowBatch.open(tmp_path / "none")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps_rollup")
def test_mapped_files_are_read_in_little_memory(tmp_path):
    """Iteration and columns give back the pages behind them (a file of some 200 MB here)."""
    path = str(tmp_path / "large.rows")
    script = """
        import os, resource, sys
        import pyfory
        from pyfory.format import RowBatch, field, schema, int64, utf8

        def resident():
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

        batch = RowBatch(schema([field("a", int64()), field("b", utf8())]))
        text = "x" * 4000
        for i in range(50000):
            batch.append({"a": i, "b": text})
        batch.save(sys.argv[1])
        del batch
        batch = RowBatch.open(sys.argv[1])
        start, peak, total = resident(), 0, 0
        for i, row in enumerate(batch):
            total += row.a + len(row.b)
            if i % 1000 == 0:
                peak = max(peak, resident())
        assert total == sum(range(50000)) + 50000 * 4000, total
        print(start, peak)
        try:
            import numpy
        except ImportError:
            pass
        else:
            start = resident()
            values, nulls = batch.column("a")
            assert values.sum() == sum(range(50000))
            print(start, resident())
    """
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    out = subprocess.run([sys.executable, "-c", textwrap.dedent(script), path], env=env, stdout=subprocess.PIPE, check=True)
    for line in out.stdout.decode().splitlines():
        start, peak = map(int, line.split())
        assert peak - start < 60, line
    os.remove(path)


# ---- columns --------------------------------------------------------------------------


def test_numbers(batch):
    numpy = numpy_or_skip()
    values, nulls = batch.column("price")
    assert type(values) is numpy.ndarray and values.dtype == "f8" and values.flags.writeable
    assert values.tolist() == [t.price for t in TRADES] and nulls.dtype == bool and not nulls.any()
    column = batch.column("buy")
    assert column.values.dtype == bool and column.to_list() == [t.buy for t in TRADES]
    assert column.mask.tolist() == [t.buy is None for t in TRADES]
    assert len(column) == 100 and repr(column) == "Column(100 values, 33 null)"


def test_nested_paths(batch):
    numpy_or_skip()
    values, nulls = batch.column("address.zip")
    expected = [t.address and t.address.zip for t in TRADES]
    assert batch.column("address.zip").to_list() == expected
    assert nulls.tolist() == [v is None for v in expected] and values[nulls].sum() == 0
    assert batch.column("address.street").to_list() == [t.address and t.address.street for t in TRADES]


def test_text(batch):
    numpy_or_skip()
    column = batch.column("symbol")
    offsets, data, nulls = column
    assert column.to_list() == [t.symbol for t in TRADES] == [column[i] for i in range(100)]
    assert offsets.tolist()[:3] == [0, 4, 8] and data[:8].tobytes() == b"sym0sym1" and nulls[6]
    assert column[-1] == "sym99"
    for i in (100, -101):
        with pytest.raises(IndexError):
            column[i]


def test_lists_structs_and_slices(batch):
    numpy_or_skip()
    offsets, elements, nulls = batch.column("tags")
    assert batch.column("tags").to_list() == [t.tags for t in TRADES]
    assert len(elements) == offsets[-1] == sum(len(t.tags) for t in TRADES) and not nulls.any()
    structs = batch.column("address")
    assert structs.to_list() == [t.address and dataclasses.asdict(t.address) for t in TRADES]
    assert structs.fields["zip"].to_list() == batch.column("address.zip").to_list()
    for key in (slice(3, 50), slice(50, 51), slice(9, 9), slice(None, None, 7)):
        for name in ("price", "symbol", "tags", "address", "buy"):
            assert batch[key].column(name).to_list() == batch.column(name).to_list()[key]


@pytest.mark.parametrize("path", ["", "nothing", "address.nothing", "price.x", "address.", ".zip", "tags.item", "address.zip.x"])
def test_unknown_columns(batch, path):
    numpy_or_skip()
    with pytest.raises(ForyFieldError):
        batch.column(path)
    with pytest.raises(ForyFieldError):
        batch._column(path)
    with pytest.raises(ForyTypeError):
        batch._column(5)


TYPES = [
    (rows.boolean(), [True, None, False], "?"),
    (rows.int8(), [-128, None, 127], "i1"),
    (rows.int16(), [-(2**15), None, 5], "i2"),
    (rows.int32(), [-(2**31), None, 5], "i4"),
    (rows.int64(), [-(2**63), None, 5], "i8"),
    (rows.float16(), [0.5, None, -2.0], "f2"),
    (rows.float32(), [0.5, None, -2.0], "f4"),
    (rows.float64(), [0.1, None, -2.0], "f8"),
    (rows.date32(), [datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)], "M8[D]"),
    (rows.timestamp(), [datetime.datetime(1, 1, 2), None, datetime.datetime(2024, 1, 1, 5, 0, 0, 7)], "M8[us]"),
    (rows.duration(), [datetime.timedelta(-1, 5, 7), None, datetime.timedelta(0)], "m8[us]"),
    (rows.decimal(10, 2), [decimal.Decimal("-1.50"), None, decimal.Decimal("99999999.99")], "O"),
    (rows.utf8(), ["é", None, ""], None),
    (rows.binary(), [b"\xff", None, b""], None),
    (rows.list_(rows.boolean()), [[True, None, False], None, []], None),
    (rows.list_(rows.int16()), [[1, None, -3], None, []], None),
    (rows.list_(rows.utf8()), [["a", None, "ccc"], None, []], None),
    (rows.list_(rows.list_(rows.int8())), [[[1], None, []], None, []], None),
    (rows.map_(rows.utf8(), rows.list_(rows.int64())), [{"a": [1], "b": None}, None, {}], None),
    (rows.struct([rows.field("x", rows.int8()), rows.field("y", rows.utf8())]), [{"x": 1, "y": None}, None, {"x": None, "y": ""}], None),
    (rows.list_(rows.struct([rows.field("x", rows.date32())])), [[{"x": None}, None, {"x": datetime.date(2020, 1, 1)}], None, []], None),
]  # fmt: skip


@pytest.mark.parametrize("dtype, values, kind", TYPES, ids=[str(t[0]) for t in TYPES])
def test_columns_of_every_type(dtype, values, kind):
    numpy_or_skip()
    wanted = values * 30
    written = wanted
    if dtype == rows.timestamp():  # columns show instants
        written = [v and v.replace(tzinfo=UTC) for v in wanted]
    schema = rows.schema([rows.field("v", dtype), rows.field("s", rows.struct([rows.field("v", dtype)]))])
    batch = RowBatch(schema, [{"v": v, "s": None if i % 4 == 3 else {"v": v}} for i, v in enumerate(written)])
    column = batch.column("v")
    assert column.to_list() == wanted
    assert column.mask.tolist() == [v is None for v in wanted]
    if kind is not None:
        assert column.values.dtype == kind
    assert batch.column("s.v").to_list() == [None if i % 4 == 3 else v for i, v in enumerate(wanted)]
    # and back
    twin = RowBatch(schema)
    twin._append_columns(len(batch), batch._columns())
    assert twin.to_bytes() == batch.to_bytes()
    again = RowBatch(schema)
    again.append_columns({"v": written, "s": batch.column("s").to_list() if dtype != rows.timestamp() else None} if
                         dtype != rows.timestamp() else {"v": written})  # fmt: skip
    assert again.column("v").to_list() == wanted
    if kind not in (None, "O"):
        arrays = RowBatch(schema)
        arrays.append_columns({"v": column.values}, {"v": column.mask})
        assert arrays.column("v").to_list() == wanted


def test_a_million_random_values():
    numpy = numpy_or_skip()
    rng = numpy.random.default_rng(5)
    schema = rows.schema([rows.field("a", rows.int32()), rows.field("b", rows.float64())])
    a, b, mask = rng.integers(-(2**31), 2**31, 10**6).astype("i4"), rng.random(10**6), rng.random(10**6) < 0.3
    batch = RowBatch(schema)
    batch.append_columns({"a": a, "b": b}, {"b": mask})
    assert (batch.column("a").values == a).all() and (batch.column("b").mask == mask).all()
    assert (batch.column("b").values == numpy.where(mask, 0, b)).all()


def test_columns_in_pieces(batch, monkeypatch):
    """A large batch is taken in pieces that are put together."""
    numpy_or_skip()
    from pyfory.format import batch as module

    many = RowBatch(Trade, TRADES * 5)
    names = ["price", "symbol", "tags", "address", "buy", "address.zip"]
    whole = {name: many.column(name).to_list() for name in names}
    monkeypatch.setattr(module, "_LARGEST", 1000)
    for name in names:
        assert many.column(name).to_list() == whole[name]
    maps = RowBatch(rows.schema([rows.field("m", rows.map_(rows.utf8(), rows.int64()))]), [{"m": {"k%d" % i: i}} for i in range(500)])
    assert maps.column("m").to_list() == [{"k%d" % i: i} for i in range(500)]


def test_names_with_dots():
    numpy_or_skip()
    batch = RowBatch(rows.schema([rows.field("a.b", rows.int64())]), [{"a.b": 5}])
    assert batch.column("a.b").to_list() == [5]


# ---- columns to rows ---------------------------------------------------------------------


def test_append_columns_of_any_kind():
    numpy = numpy_or_skip()
    batch = RowBatch(Trade)
    batch.append_columns({
        "price": numpy.arange(3.0), "size": [7, 8, 9], "symbol": numpy.array(["a", "b", "c"]),
        "address": [Address("x", 1), None, {"street": "z", "zip": None}], "buy": numpy.array([True, False, True]),
    })  # fmt: skip
    assert batch.to_list() == [
        {"address": {"street": "x", "zip": 1}, "buy": True, "price": 0.0, "size": 7, "symbol": "a", "tags": None},
        {"address": None, "buy": False, "price": 1.0, "size": 8, "symbol": "b", "tags": None},
        {"address": {"street": "z", "zip": None}, "buy": True, "price": 2.0, "size": 9, "symbol": "c", "tags": None},
    ]
    batch.append_columns({"price": numpy.arange(2, dtype="i4"), "size": numpy.array([1, 2])}, {"size": [True, False]})
    assert batch[3].to_dict()["size"] is None and batch[4].size == 2 and batch[4].price == 1.0


def test_append_columns_that_do_not_fit():
    numpy = numpy_or_skip()
    batch = RowBatch(Trade, TRADES[:2])
    before = bytes(batch)
    for columns, masks, error in (
        ({"price": [1.0], "size": [1, 2]}, None, "different lengths"),
        ({"nothing": [1]}, None, "no field"),
        ({"price": [1.0]}, {"nothing": [True]}, "no field"),
        ({"price": [1.0]}, {"price": [True, False]}, "mask"),
        ({"price": numpy.zeros((2, 2)), "size": [1, 2]}, None, "dimensions"),
        ({"size": ["x", 1]}, None, r"\$\.size"),
        ({"size": numpy.array([0.5])}, None, "expected int"),
    ):
        with pytest.raises(ForyTypeError, match=error):
            batch.append_columns(columns, masks)
    with pytest.raises(ForyOverflowError):
        batch.append_columns({"size": [2**70]})
    assert bytes(batch) == before
    strict = RowBatch(rows.schema([rows.field("a", rows.int64(), False)]))
    with pytest.raises(ForyTypeError, match="not nullable"):
        strict.append_columns({"a": numpy.array([1, 2])}, {"a": [False, True]})
    assert len(strict) == 0
    times = RowBatch(rows.schema([rows.field("d", rows.date32()), rows.field("t", rows.timestamp())]))
    with pytest.raises(ForyInvalidDataError, match="not all values are dates"):
        times.append_columns({"d": numpy.array(["2020-01-01T05"], dtype="M8[h]")})
    with pytest.raises(ForyInvalidDataError, match="finer"):
        times.append_columns({"t": numpy.array(["2020-01-01T05:00:00.000000001"], dtype="M8[ns]")})
    times.append_columns({"t": numpy.array(["2020-01-01", "NaT"], dtype="M8[D]")})
    assert times.column("t").to_list() == [datetime.datetime(2020, 1, 1), None]


COLUMN = (2, 0, None, None, struct.pack("<qq", 1, 2), ())


@pytest.mark.parametrize(
    "dtype, columns",
    [
        (rows.int64(), ()),
        (rows.int64(), (COLUMN, COLUMN)),
        (rows.int64(), (5,)),
        (rows.int64(), ((2, 0, None, None, None, ()),)),
        (rows.int64(), ((1, 0, None, None, bytes(8), ()),)),
        (rows.int64(), ((-1, 0, None, None, bytes(8), ()),)),
        (rows.int64(), ((2**62, 0, None, None, bytes(8), ()),)),
        (rows.int64(), ((2, 0, None, None, bytes(15), ()),)),
        (rows.int64(), ((2, 0, b"", None, bytes(16), ()),)),
        (rows.int64(), ((2, 0, None, None, "text", ()),)),
        (rows.int64(), ((2, 0, None, None, bytes(16), (COLUMN,)),)),
        (rows.boolean(), ((2, 0, None, None, b"", ()),)),
        (rows.decimal(), ((2, 0, None, None, bytes(31), ()),)),
        (rows.utf8(), ((2, 0, None, None, b"ab", ()),)),
        (rows.utf8(), ((2, 0, None, bytes(11), b"ab", ()),)),
        (rows.utf8(), ((2, 0, None, struct.pack("<iii", 0, 1, 3), b"ab", ()),)),
        (rows.utf8(), ((2, 0, None, struct.pack("<iii", 0, 2, 1), b"ab", ()),)),
        (rows.utf8(), ((2, 0, None, struct.pack("<iii", -1, 1, 2), b"ab", ()),)),
        (rows.utf8(), ((2, 0, None, struct.pack("<iii", 0, 1, 2), b"a\xff", ()),)),
        (rows.list_(rows.int64()), ((2, 0, None, struct.pack("<iii", 0, 1, 3), None, (COLUMN,)),)),
        (rows.list_(rows.int64()), ((2, 0, None, struct.pack("<iii", 0, 1, 2), None, ()),)),
        (rows.map_(rows.int64(), rows.int64()), ((2, 0, None, struct.pack("<iii", 0, 1, 3), None, (COLUMN, COLUMN)),)),
        (rows.struct([rows.field("x", rows.int64())]), ((2, 0, None, None, None, ()),)),
        (rows.struct([rows.field("x", rows.int64())]), ((3, 0, None, None, None, (COLUMN,)),)),
    ],
)
def test_damaged_columns(dtype, columns):
    batch = RowBatch(rows.schema([rows.field("a", dtype)]))
    with pytest.raises((ForyError, TypeError)):
        batch._append_columns(2, columns)
    assert len(batch) == 0 and len(RowBatch.from_bytes(bytes(batch))) == 0


def test_random_appends_and_slices():
    rng = random.Random(3)
    batch, model = RowBatch(Trade), []
    kept = []
    for step in range(300):
        what = rng.randrange(5)
        if what == 0:
            value = trade(rng.randrange(1000))
            batch.append(value)
            model = [*model, value]
        elif what == 1:
            values = [trade(rng.randrange(1000)) for _ in range(rng.randrange(10))]
            batch.extend(values)
            model = [*model, *values]
        elif what == 2 and model:
            a = rng.randrange(len(model))
            kept.append((batch[a:], model[a:], memoryview(batch) if rng.random() < 0.3 else None))
        elif what == 3 and kept:
            batch, model, _ = kept.pop(rng.randrange(len(kept)))
        elif what == 4:
            batch, model = RowBatch.from_bytes(batch), list(model)
        assert len(batch) == len(model)
    for part, values, _ in [*kept, (batch, model, None)]:
        assert ENCODER.from_batch(part) == values


def test_a_batch_is_saved_over_the_file_it_is_mapped_from(tmp_path):
    path = tmp_path / "trades.rows"
    batch = ENCODER.batch([trade(i) for i in range(2000)])
    batch.save(path)
    os.chmod(path, 0o640)
    mapped = RowBatch.open(path)
    mapped.save(path)
    assert RowBatch.open(path) == batch == mapped
    mapped[:3].save(path)
    assert len(RowBatch.open(path)) == 3 and mapped == batch
    assert [entry.name for entry in tmp_path.iterdir()] == ["trades.rows"]
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o640
        link = tmp_path / "link.rows"
        link.symlink_to(path)
        batch[:7].save(link)
        assert link.is_symlink() and len(RowBatch.open(path)) == 7


def test_equal_batches():
    batch = ENCODER.batch([trade(i) for i in range(10)])
    assert batch == ENCODER.batch([trade(i) for i in range(10)]) == RowBatch.from_bytes(batch.to_bytes())
    assert batch[2:5] == ENCODER.batch([trade(i) for i in range(2, 5)])
    assert batch != batch[1:] and batch != ENCODER.batch([trade(i) for i in range(1, 11)]) and batch != 5
    assert RowBatch(Address) != RowBatch(Trade) and RowBatch(Address) == RowBatch(Address)


def test_columns_that_know_their_nulls():
    np = pytest.importorskip("numpy")
    schema = rows.schema([rows.field("i", rows.int64()), rows.field("s", rows.utf8()), rows.field("l", rows.list_(rows.int64()))])

    def read(**columns):
        batch = RowBatch(schema)
        batch.append_columns(columns)
        return [row[next(iter(columns))] for row in batch]

    assert read(i=np.ma.array([1, 2, 3], mask=[False, True, False])) == [1, None, 3]
    assert read(i=np.ma.array([1, 2])) == [1, 2]
    assert read(s=np.ma.array(["a", "b"], mask=[True, False])) == [None, "b"]
    source = RowBatch(schema, [{"i": 1, "s": "a", "l": [1]}, {"i": None, "s": None, "l": None}, {"i": 3, "s": "c", "l": []}])
    assert read(i=source.column("i")) == [1, None, 3]
    assert read(s=source.column("s")) == ["a", None, "c"]
    assert [None if v is None else v.to_list() for v in read(l=source.column("l"))] == [[1], None, []]
    batch = RowBatch(schema)
    batch.append_columns({"i": np.ma.array([1, 2, 3], mask=[0, 1, 0])}, masks={"i": [True, False, False]})
    assert [row.i for row in batch] == [None, None, 3]


def test_columns_of_pandas_and_pyarrow():
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    schema = rows.schema([rows.field("i", rows.int64()), rows.field("s", rows.utf8()), rows.field("f", rows.float64())])

    def read(**columns):
        batch = RowBatch(schema)
        batch.append_columns(columns)
        return [row[next(iter(columns))] for row in batch]

    assert read(i=pd.array([1, None], dtype="Int64")) == [1, None]
    assert read(i=pd.Series([1, 2])) == [1, 2]
    assert read(s=pd.Series(["a", None])) == ["a", None]
    assert read(s=pd.Series(["a", None], dtype="category")) == ["a", None]
    assert read(f=pd.Series([0.5, None], dtype="Float64")) == [0.5, None]
    values = read(f=pd.Series([0.5, float("nan")]))
    assert values[0] == 0.5 and values[1] != values[1]
    assert read(s=pa.chunked_array([["a"], [None]])) == ["a", None]


def test_slices_of_text_columns():
    names = ENCODER.batch([trade(i) for i in range(8)]).column("symbol")
    assert names[5:] == ["sym5", None, "sym7"] and names[::-4] == ["sym7", "sym3"] and names[9:] == []


def test_columns_are_found_by_name():
    with pytest.raises(ForyTypeError, match="by name, not by int"):
        ENCODER.batch([]).column(5)
