"""Many rows of one schema in one contiguous block of memory.

    batch = RowBatch(Trade)                # or a Schema
    batch.extend(trades)                   # objects, dicts or rows
    batch[7].price                         # a row, read where it lies
    prices, nulls = batch.column("price")  # NumPy arrays
    zips = batch.column("address.zip")
    batch.save("trades.rows")
    batch = RowBatch.open("trades.rows")   # mapped, not read

The layout of the bytes is described in docs/row-format.md. A batch may be read
from several threads at once; appending needs it for itself.
"""

from __future__ import annotations

import os
import struct as _struct
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar, Union

from pyfory import _core
from pyfory.error import ForyInvalidDataError, ForyTypeError
from pyfory.format.infer import infer_schema
from pyfory.format.schema import Schema
from pyfory.format.types import DataType, DecimalType, Field, ListType, MapType, StructType
from pyfory.types import TypeId

__all__ = ["Column", "ListColumn", "MapColumn", "RowBatch", "StringColumn", "StructColumn"]

_Batch = TypeVar("_Batch", bound="RowBatch")

_HEADER = _struct.Struct("<8sHHIQQQQQQ")
_MAGIC = b"FORYROWS"
#: about this many bytes of a mapped file are looked at in one go
_WINDOW = 32 << 20
#: and of other batches
_LARGEST = 1 << 30

_DTYPES: Dict[int, str] = {
    TypeId.INT8: "<i1",
    TypeId.INT16: "<i2",
    TypeId.INT32: "<i4",
    TypeId.INT64: "<i8",
    TypeId.FLOAT16: "<f2",
    TypeId.FLOAT32: "<f4",
    TypeId.FLOAT64: "<f8",
    TypeId.DATE: "<i4",
    TypeId.TIMESTAMP: "<M8[us]",
    TypeId.DURATION: "<m8[us]",
}


# ---- columns ------------------------------------------------------------------------


class Column:
    """The values of one field in every row: `values, mask = column`.

    `values` is a NumPy array with zeros where there is no value, `mask` one of
    bool, True where the value is null. Dates are `datetime64[D]`, timestamps
    `datetime64[us]` in UTC, durations `timedelta64[us]`, decimals objects.
    """

    __slots__ = ("mask", "values")

    def __init__(self, values: Any, mask: Any) -> None:
        self.values = values
        self.mask = mask

    def _parts(self) -> Tuple[Any, ...]:
        return self.values, self.mask

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts())

    def __len__(self) -> int:
        return len(self.mask)

    def __repr__(self) -> str:
        return "%s(%d values, %d null)" % (type(self).__name__, len(self), int(self.mask.sum()))

    def to_list(self) -> List[Any]:
        """The values as Python objects, None where they are null."""
        return [None if null else value for value, null in zip(self.values.tolist(), self.mask.tolist())]


class StringColumn(Column):
    """Text or bytes: value i is `data[offsets[i]:offsets[i + 1]]`. `offsets, data, mask = column`."""

    __slots__ = ("_text", "data", "offsets")

    def __init__(self, offsets: Any, data: Any, mask: Any, text: bool) -> None:
        super().__init__(None, mask)
        self.offsets = offsets
        self.data = data
        self._text = text

    def _parts(self) -> Tuple[Any, ...]:
        return self.offsets, self.data, self.mask

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError("value %d of %d" % (i, len(self)))
        if self.mask[i]:
            return None
        value = self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()
        return value.decode("utf-8", "surrogatepass") if self._text else value

    def to_list(self) -> List[Any]:
        """The values as str or bytes, None where they are null."""
        data, at = self.data.tobytes(), self.offsets.tolist()
        pieces: List[Any] = [data[a:b] for a, b in zip(at, at[1:])]
        if self._text:
            pieces = [piece.decode("utf-8", "surrogatepass") for piece in pieces]
        return [None if null else piece for piece, null in zip(pieces, self.mask.tolist())]


class ListColumn(Column):
    """Lists: list i is `elements[offsets[i]:offsets[i + 1]]`. `offsets, elements, mask = column`."""

    __slots__ = ("elements", "offsets")

    def __init__(self, offsets: Any, elements: Column, mask: Any) -> None:
        super().__init__(None, mask)
        self.offsets = offsets
        self.elements = elements

    def _parts(self) -> Tuple[Any, ...]:
        return self.offsets, self.elements, self.mask

    def to_list(self) -> List[Any]:
        """The values as lists, None where they are null."""
        elements, at = self.elements.to_list(), self.offsets.tolist()
        return [None if null else elements[a:b] for a, b, null in zip(at, at[1:], self.mask.tolist())]


class MapColumn(Column):
    """Maps, as keys and values with common offsets. `offsets, keys, items, mask = column`."""

    __slots__ = ("items", "keys", "offsets")

    def __init__(self, offsets: Any, keys: Column, items: Column, mask: Any) -> None:
        super().__init__(None, mask)
        self.offsets = offsets
        self.keys = keys
        self.items = items

    def _parts(self) -> Tuple[Any, ...]:
        return self.offsets, self.keys, self.items, self.mask

    def to_list(self) -> List[Any]:
        """The values as dicts, None where they are null."""
        keys, items, at = self.keys.to_list(), self.items.to_list(), self.offsets.tolist()
        return [
            None if null else dict(zip(keys[a:b], items[a:b])) for a, b, null in zip(at, at[1:], self.mask.tolist())
        ]


class StructColumn(Column):
    """Structs, as the columns of their fields. `fields, mask = column`."""

    __slots__ = ("fields",)

    def __init__(self, fields: Dict[str, Column], mask: Any) -> None:
        super().__init__(None, mask)
        self.fields = fields

    def _parts(self) -> Tuple[Any, ...]:
        return self.fields, self.mask

    def to_list(self) -> List[Any]:
        """The values as dicts, None where they are null."""
        names = list(self.fields)
        rows = zip(*[column.to_list() for column in self.fields.values()]) if names else [()] * len(self)
        return [None if null else dict(zip(names, row)) for row, null in zip(rows, self.mask.tolist())]


def _decimals(np: Any, data: Any, scale: int) -> Any:
    from decimal import Context, Decimal

    exact = Context(prec=60)
    unscaled = (int.from_bytes(data[i : i + 16], "little", signed=True) for i in range(0, len(data), 16))
    values = np.empty(len(data) // 16, dtype=object)
    for i, number in enumerate(unscaled):
        values[i] = Decimal(number).scaleb(-scale, exact)
    return values


def _column_of(np: Any, dtype: DataType, column: Tuple[Any, ...]) -> Column:
    """A column of the engine as NumPy arrays."""
    length, null_count, validity, offsets, data, children = column
    if validity is None:
        mask = np.zeros(length, dtype=bool)
    else:
        mask = np.unpackbits(np.frombuffer(validity, dtype=np.uint8), count=length, bitorder="little") == 0
    if isinstance(dtype, StructType):
        fields = zip(dtype.fields(), children)
        return StructColumn({field.name: _column_of(np, field.type, child) for field, child in fields}, mask)
    if offsets is not None:
        offsets = np.ndarray(length + 1, "<i4", offsets)
    if isinstance(dtype, ListType):
        return ListColumn(offsets, _column_of(np, dtype.value_type, children[0]), mask)
    if isinstance(dtype, MapType):
        keys, items = children
        return MapColumn(offsets, _column_of(np, dtype.key_type, keys), _column_of(np, dtype.item_type, items), mask)
    if offsets is not None:
        return StringColumn(offsets, np.ndarray(len(data), np.uint8, data), mask, dtype.id == TypeId.STRING)
    if isinstance(dtype, DecimalType):
        return Column(_decimals(np, bytes(data), dtype.scale), mask)
    if dtype.id == TypeId.BOOL:
        bits = np.ndarray(len(data), np.uint8, data)
        return Column(np.unpackbits(bits, count=length, bitorder="little").view(bool), mask)
    values = np.ndarray(length, _DTYPES[dtype.id], data)
    return Column(values.astype("<M8[D]") if dtype.id == TypeId.DATE else values, mask)


def _join(np: Any, parts: List[Any]) -> Column:
    """Columns of consecutive rows as one."""
    first = parts[0]
    if len(parts) == 1:
        return first  # type: ignore[no-any-return]
    mask = np.concatenate([part.mask for part in parts])
    if isinstance(first, StructColumn):
        return StructColumn({n: _join(np, [part.fields[n] for part in parts]) for n in first.fields}, mask)
    if type(first) is Column:
        return Column(np.concatenate([part.values for part in parts]), mask)
    offsets, end = [parts[0].offsets.astype(np.int64)], int(parts[0].offsets[-1])
    for part in parts[1:]:
        offsets.append(part.offsets[1:].astype(np.int64) + end)
        end += int(part.offsets[-1])
    joined = np.concatenate(offsets)
    if isinstance(first, StringColumn):
        return StringColumn(joined, np.concatenate([part.data for part in parts]), mask, first._text)
    if isinstance(first, ListColumn):
        return ListColumn(joined, _join(np, [part.elements for part in parts]), mask)
    keys, items = [part.keys for part in parts], [part.items for part in parts]
    return MapColumn(joined, _join(np, keys), _join(np, items), mask)


# ---- columns to rows ------------------------------------------------------------------


def _array_column(field: Field, values: Any, mask: Any) -> Optional[Tuple[Any, ...]]:
    """An ndarray of the field's own kind of numbers as a column of the engine, or None."""
    import numpy as np

    type_id = field.type.id
    if getattr(values, "ndim", 1) != 1:
        raise ForyTypeError("column %r has %d dimensions" % (field.name, values.ndim))
    kind = values.dtype.kind
    data: Any
    if type_id == TypeId.BOOL and kind == "b":
        data = np.packbits(values, bitorder="little")
    elif type_id == TypeId.DATE and kind == "M":
        days = values.astype("M8[D]")
        data = days.astype(np.int64).astype("<i4")
        mask = np.isnat(values) if mask is None else mask | np.isnat(values)
        if not np.array_equal(data[~mask], days.astype(np.int64)[~mask]) or (days != values)[~mask].any():
            raise ForyInvalidDataError("column %r: not all values are dates" % field.name)
    elif (type_id, kind) in ((TypeId.TIMESTAMP, "M"), (TypeId.DURATION, "m")):
        data = values.astype(_DTYPES[type_id])
        mask = np.isnat(values) if mask is None else mask | np.isnat(values)
        if (data != values)[~mask].any():
            raise ForyInvalidDataError("column %r: values are finer than a microsecond" % field.name)
    elif type_id in _DTYPES and values.dtype == np.dtype(_DTYPES[type_id]):
        data = np.ascontiguousarray(values)
    else:
        return None
    validity = None
    if mask is not None and mask.any():
        validity = np.packbits(~mask, bitorder="little").tobytes()
    return len(values), int(validity is not None and mask.sum()), validity, None, data.tobytes(), ()


def _value_column(field: Field, values: Iterable[Any], mask: Any) -> Tuple[Any, ...]:
    """Any values as a column of the engine."""
    if mask is not None:
        values = [None if null else value for value, null in zip(values, mask)]
    elif hasattr(values, "tolist"):
        values = values.tolist()
    elif hasattr(values, "to_pylist"):  # pyarrow
        values = values.to_pylist()
    batch = RowBatch(Schema([field]))
    name = field.name
    batch.extend({name: value} for value in values)
    return batch._columns()[0]  # type: ignore[no-any-return]


# ---- batches ------------------------------------------------------------------------------


class RowBatch(_core.RowBatch):
    """Rows of one schema in one block of memory, with an index.

    `batch[i]` is a `RowData`, `batch[i:j]` a batch that shares the memory;
    iteration gives rows. `bytes(batch)`, `memoryview(batch)` and `save` give
    the whole batch in the layout of docs/row-format.md, which `from_bytes` and
    `open` read in place. With `utc=True` rows show timestamps as aware datetimes
    in UTC, else as naive local time.
    """

    def __init__(self, schema: Union[Schema, type], objects: Iterable[Any] = (), *, utc: bool = False) -> None:
        if isinstance(schema, type):
            schema = infer_schema(schema)
        elif not isinstance(schema, Schema):
            from pyfory.format.arrow import from_arrow_schema

            schema = from_arrow_schema(schema)
        self._bind(schema, schema.to_bytes(), utc)
        if objects != ():
            self.extend(objects)

    def __repr__(self) -> str:
        return "RowBatch(%d rows, %d bytes, %s)" % (len(self), self.nbytes, ", ".join(self.schema.names))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, RowBatch):
            return NotImplemented
        return len(self) == len(other) and self.schema == other.schema and all(a == b for a, b in zip(self, other))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Tuple[Any, ...]:
        return _from_pickle, (type(self), self.to_bytes(), self.utc)

    def to_list(self) -> List[Dict[str, Any]]:
        """All rows as dicts."""
        return [row.to_dict() for row in self]

    # ---- columns

    def column(self, path: str) -> Column:
        """One field of every row, as NumPy arrays; `"address.zip"` reaches into structs.

        A value is null too where the struct around it is. Text and bytes come as
        `StringColumn`, lists as `ListColumn`, maps as `MapColumn`, structs as
        `StructColumn`. Raises ForyFieldError for an unknown field.
        """
        import numpy as np

        dtype = _type_at(self.schema, path)
        # in pieces: pages of a mapped file are given back in between, and
        # the offsets of one piece fit 32 bits
        size, window = self.nbytes, _WINDOW if self._mapped else _LARGEST
        if size <= window:
            return _column_of(np, dtype, self._column(path))
        step = max(8, len(self) * window // size)
        parts = [_column_of(np, dtype, self[i : i + step]._column(path)) for i in range(0, len(self), step)]
        return _join(np, parts)

    def append_columns(self, columns: Mapping[str, Any], masks: Optional[Mapping[str, Any]] = None) -> None:
        """Adds a row for each position of equally long columns; a missing column is null.

        A column is a NumPy array or any sequence of values. `masks` may say
        which values are null: True for a null, as in `column`. Either all
        rows are added or, after an error, none.
        """
        masks = masks or {}
        fields = self.schema.fields
        unknown = sorted({*columns, *masks}.difference(f.name for f in fields))
        if unknown:
            raise ForyTypeError("the schema has no field %r" % unknown[0])
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ForyTypeError("columns of different lengths: %s" % lengths)
        length = next(iter(lengths.values()), 0)
        self._append_columns(length, tuple(_any_column(f, columns, masks, length) for f in fields))

    # ---- bytes and files

    @classmethod
    def from_bytes(cls: Type[_Batch], data: Any, schema: Optional[Schema] = None, *, utc: bool = False) -> _Batch:
        """The batch that lies in bytes-like `data`; nothing is copied.

        With `schema` the batch must have that schema: ForySchemaHashError if not.
        Raises ForyInvalidDataError for other bytes.
        """
        return _attach(cls, data, schema, False, utc)

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes the batch to a file, in place of one that is there.

        Batches that are mapped from that one, this one among them, keep what they have.
        """
        import stat
        import tempfile

        try:
            old: Optional[os.stat_result] = os.stat(path)
        except OSError:
            old = None
        if old is None or not stat.S_ISREG(old.st_mode) or os.name == "nt":
            with open(path, "wb") as file, memoryview(self) as view:
                file.write(view)
            return
        # shortening a file that is mapped would end the process
        target = os.path.realpath(os.fsdecode(path))
        handle, fresh = tempfile.mkstemp(prefix=".rows-", dir=os.path.dirname(target))
        try:
            with open(handle, "wb") as file, memoryview(self) as view:
                file.write(view)
            os.chmod(fresh, stat.S_IMODE(old.st_mode))
            os.replace(fresh, target)
        except BaseException:
            os.unlink(fresh)
            raise

    @classmethod
    def open(
        cls: Type[_Batch], path: Union[str, "os.PathLike[str]"], schema: Optional[Schema] = None, *, utc: bool = False
    ) -> _Batch:
        """The batch in a file, which is mapped into memory and read where it is touched.

        Iteration and columns give memory back behind them, so a file may be
        larger than memory. The file must not be shortened while the batch lives.
        """
        import mmap

        with open(path, "rb") as file:
            try:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise ForyInvalidDataError("%s is empty: not a RowBatch" % os.fspath(path)) from None
        return _attach(cls, data, schema, True, utc)

    # ---- Arrow

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`. ImportError without pyarrow."""
        from pyfory.format.arrow import table_of

        return table_of(self)

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`. ImportError without pandas and pyarrow."""
        from pyfory.format.arrow import frame_of

        return frame_of(self)

    @classmethod
    def from_arrow(cls: Type[_Batch], data: Any, schema: Optional[Schema] = None, *, utc: bool = False) -> _Batch:
        """Rows from a table or record batch of any library that speaks the Arrow C data interface."""
        from pyfory.format.arrow import append_arrow, arrow_schema_of

        batch = cls(arrow_schema_of(data) if schema is None else schema, utc=utc)
        append_arrow(batch, data)
        return batch

    def __arrow_c_schema__(self) -> Any:
        from pyfory.format.arrow import schema_capsule

        return schema_capsule(self.schema)

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        from pyfory.format.arrow import array_capsules

        return array_capsules(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from pyfory.format.arrow import stream_capsule

        return stream_capsule(self)


def _without_mask(values: Any) -> Tuple[Any, Any]:
    """The values, and which of them are null, of what says that in a way of its own."""
    if isinstance(values, Column):
        return (values.values, values.mask) if type(values) is Column else (values.to_list(), None)
    home = type(values).__module__.partition(".")[0]
    if home == "numpy" and hasattr(values, "filled"):
        import numpy as np

        return values.data, np.ma.getmaskarray(values)
    if home == "pandas" and hasattr(values, "isna"):
        import numpy as np

        # NaN is a number where nothing else can say that a value is missing
        if not (isinstance(values.dtype, np.dtype) and values.dtype.kind in "fc"):
            return values, np.asarray(values.isna(), dtype=bool)
    return values, None


def _any_column(field: Field, columns: Mapping[str, Any], masks: Mapping[str, Any], length: int) -> Tuple[Any, ...]:
    values, mask = columns.get(field.name), masks.get(field.name)
    if values is None:
        return _value_column(field, [None] * length, None)
    if mask is not None and len(mask) != length:
        raise ForyTypeError("the mask of column %r has %d values, not %d" % (field.name, len(mask), length))
    values, own = _without_mask(values)
    if own is not None:
        mask = own if mask is None else [a or b for a, b in zip(own, mask)]
    if hasattr(values, "dtype") and hasattr(values, "astype"):
        import numpy as np

        given = None if mask is None else np.asarray(mask, dtype=bool)
        column = _array_column(field, np.asarray(values), given)
        if column is not None:
            return column
    return _value_column(field, values, mask)


def _type_at(schema: Schema, path: str) -> DataType:
    """The type of the field at a dotted path; ForyFieldError when there is none."""
    from pyfory.error import ForyFieldError

    if not isinstance(path, str):
        raise ForyTypeError("a column is found by name, not by %s" % type(path).__name__)
    field = schema.get_field_by_name(path)
    if field is not None:
        return field.type
    fields, dtype = schema.fields, None
    for name in path.split("."):
        found = [f for f in fields if f.name == name]
        if not found:
            raise ForyFieldError("the rows have no field %r" % path)
        dtype = found[0].type
        fields = dtype.fields() if isinstance(dtype, StructType) else []
    assert dtype is not None
    return dtype


def _from_pickle(cls: Type[_Batch], data: bytes, utc: bool) -> _Batch:
    return cls.from_bytes(data, utc=utc)


def _attach(cls: Type[_Batch], data: Any, schema: Optional[Schema], mapped: bool, utc: bool) -> _Batch:
    view = memoryview(data).cast("B")
    if len(view) < _HEADER.size:
        raise ForyInvalidDataError("%d bytes are too short for a RowBatch" % len(view))
    header = _HEADER.unpack(view[: _HEADER.size])
    if header[0] != _MAGIC:
        raise ForyInvalidDataError("these bytes are not a RowBatch")
    size = header[3]
    if size > len(view) - _HEADER.size:
        raise ForyInvalidDataError("the schema of the RowBatch does not fit its %d bytes" % len(view))
    theirs = Schema.from_bytes(bytes(view[_HEADER.size : _HEADER.size + size]))
    batch = cls.__new__(cls)
    batch._attach(theirs if schema is None else schema, data, mapped, utc)
    if schema is not None and not schema.equals(theirs):
        from pyfory.error import ForySchemaHashError

        raise ForySchemaHashError("the RowBatch has another schema: %s" % ", ".join(str(f) for f in theirs.fields))
    return batch
