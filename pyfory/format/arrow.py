"""Rows and Apache Arrow: schemas, record batches, tables and the capsules that
pyarrow, polars, DuckDB and pandas exchange columns with.

Data goes through the Arrow C data interface; pyarrow itself is needed only
where one of its objects is asked for (`pip install pyfory[format]`).

Rows hold instants, so exported timestamps are `timestamp[us, tz=UTC]`;
`to_arrow_schema` alone gives the plain `timestamp[us]` unless asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple

from pyfory.error import ForyInvalidDataError, ForyTypeError, ForyUnsupportedError
from pyfory.format.schema import MAX_NESTING, Schema
from pyfory.format.types import (
    DataType,
    DecimalType,
    Field,
    decimal,
    list_,
    map_,
    MapType,
    simple_type,
    struct,
    StructType,
)
from pyfory.types import TypeId

if TYPE_CHECKING:
    from pyfory.format.batch import RowBatch

#: (format, name, flags, children) of an Arrow schema
Node = Tuple[str, str, int, Tuple[Any, ...]]
#: (length, null_count, validity, offsets, data, children)
Column = Tuple[int, int, Any, Any, Any, Tuple[Any, ...]]

_NULLABLE, _KEYS_SORTED = 2, 4
#: rows that go into one record batch of a table or stream
ROWS_PER_BATCH = 1 << 16
_MAX_PRECISION = 38

_FORMATS: Dict[int, str] = {
    TypeId.BOOL: "b",
    TypeId.INT8: "c",
    TypeId.INT16: "s",
    TypeId.INT32: "i",
    TypeId.INT64: "l",
    TypeId.FLOAT16: "e",
    TypeId.FLOAT32: "f",
    TypeId.FLOAT64: "g",
    TypeId.STRING: "u",
    TypeId.BINARY: "z",
    TypeId.DURATION: "tDu",
    TypeId.DATE: "tdD",
}

#: formats that mean a type without parameters; times with their units come on top
_TYPE_IDS: Dict[str, int] = {format: type_id for type_id, format in _FORMATS.items()}
_TYPE_IDS.update({"U": TypeId.STRING, "vu": TypeId.STRING, "Z": TypeId.BINARY, "vz": TypeId.BINARY})
_TYPE_IDS.update({"tdm": TypeId.DATE})

#: what a reader of an error message knows a format as
_NAMES = {"n": "null", "C": "uint8", "S": "uint16", "I": "uint32", "L": "uint64", "dictionary": "dictionary"}

_NEEDS_PYARROW = "this needs pyarrow; install it with: pip install pyfory[format]"


def _pyarrow() -> Any:
    import importlib

    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise ImportError(_NEEDS_PYARROW) from None


# ---- schemas ----------------------------------------------------------------


def _node(field: Field, timezone: str) -> Node:
    dtype = field.type
    type_id = dtype.id
    flags = _NULLABLE if field.nullable else 0
    children: Tuple[Any, ...] = tuple(_node(child, timezone) for child in dtype.fields())
    format = _FORMATS.get(type_id)
    if format is None:
        if type_id == TypeId.TIMESTAMP:
            format = "tsu:" + timezone
        elif isinstance(dtype, DecimalType):
            if not 1 <= dtype.precision <= _MAX_PRECISION:
                raise ForyUnsupportedError("Arrow's decimal128 has no %s (field %r)" % (dtype, field.name))
            format = "d:%d,%d" % (dtype.precision, dtype.scale)
        elif isinstance(dtype, MapType):
            format = "+m"
            flags |= _KEYS_SORTED if dtype.keys_sorted else 0
            key, value = children
            # the standard forbids null keys and entries
            children = (("+s", "entries", 0, ((key[0], key[1], 0, key[3]), value)),)
        else:
            format = "+s" if isinstance(dtype, StructType) else "+l"
    return (format, field.name, flags, children)


def _root_node(schema: Schema, timezone: str) -> Node:
    return ("+s", "", 0, tuple(_node(field, timezone) for field in schema.fields))


def _type_of(node: Node, path: Tuple[str, ...]) -> DataType:
    format, name, flags, children = node
    if len(path) > MAX_NESTING:
        raise ForyUnsupportedError("the Arrow schema is nested deeper than %d" % MAX_NESTING)
    type_id = _TYPE_IDS.get(format)
    if type_id is None and format[:3] in ("tDs", "tDm", "tDn"):
        type_id = TypeId.DURATION
    if type_id is None and format[:2] == "ts":
        type_id = TypeId.TIMESTAMP
    dtype = None if type_id is None else simple_type(type_id)
    if dtype is not None:
        return dtype
    if format[:2] == "d:":
        digits = format[2:].split(",")
        if len(digits) == 2 and int(digits[0]) <= _MAX_PRECISION and int(digits[1]) >= 0:
            return decimal(int(digits[0]), int(digits[1]))
    elif format in ("+l", "+L") or format[:3] == "+w:":
        return list_(_field_of(children[0], path))
    elif format == "+s":
        return struct([_field_of(child, path) for child in children])
    elif format == "+m":
        key, value = children[0][3]
        return map_(_field_of(key, path), _field_of(value, path), bool(flags & _KEYS_SORTED))
    elif format[:2] == "w:":
        return simple_type(TypeId.BINARY)  # type: ignore[return-value]
    where = ".".join(path)
    raise ForyUnsupportedError("Arrow type %s of field %s has no row type" % (_NAMES.get(format, format), where))


def _field_of(node: Node, path: Tuple[str, ...]) -> Field:
    return Field(node[1], _type_of(node, (*path, node[1])), bool(node[2] & _NULLABLE))


def _schema_of(node: Node, metadata: Optional[Dict[bytes, bytes]] = None) -> Schema:
    if node[0] != "+s":
        raise ForyTypeError("rows come from Arrow structs, record batches or tables, not from single columns")
    return Schema([_field_of(child, ()) for child in node[3]], metadata)


class _HasSchema:
    """An object with nothing but a schema capsule."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __arrow_c_schema__(self) -> Any:
        from pyfory._core import arrow_schema_capsule

        return arrow_schema_capsule(self.node)


def to_arrow_schema(schema: Schema, timezone: Optional[str] = None) -> Any:
    """The `pyarrow.Schema` for a row schema.

    `timezone` is what timestamps get. Raises ImportError without pyarrow and
    ForyUnsupportedError (a TypeError) for what Arrow cannot express: decimals
    of more than 38 digits.
    """
    pa = _pyarrow()
    result = pa.schema(_HasSchema(_root_node(schema, timezone or "")))
    return result.with_metadata(schema.metadata) if schema.metadata else result


def from_arrow_schema(arrow_schema: Any) -> Schema:
    """The row schema for a `pyarrow.Schema`, or anything else that has an Arrow schema.

    Types that differ only in how they are stored become one (large strings,
    string views, times of any unit). Raises ForyUnsupportedError (a
    TypeError) that names the field for types without a row type, TypeError
    for what has no Arrow schema (ImportError when pyarrow is missing too).
    """
    from pyfory._core import arrow_read_schema

    get_capsule = getattr(arrow_schema, "__arrow_c_schema__", None)
    if get_capsule is None or isinstance(arrow_schema, type):
        _pyarrow()
        raise ForyTypeError("expected an Arrow schema, got %s" % type(arrow_schema).__name__)
    metadata = getattr(arrow_schema, "metadata", None)
    if not isinstance(metadata, dict):
        metadata = None
    return _schema_of(arrow_read_schema(get_capsule()), metadata)


def arrow_type_to_fory_type_id(arrow_type: Any) -> int:
    """The `TypeId` of a `pyarrow.DataType`; ForyUnsupportedError without a row type."""
    from pyfory._core import arrow_read_schema

    return _type_of(arrow_read_schema(arrow_type.__arrow_c_schema__()), ()).id


def fory_type_id_to_arrow_type(
    type_id: int,
    precision: Optional[int] = None,
    scale: Optional[int] = None,
    list_type: Any = None,
    map_key_type: Any = None,
    map_value_type: Any = None,
    struct_fields: Optional[Sequence[Tuple[str, Any]]] = None,
) -> Any:
    """The `pyarrow.DataType` of a type id; what it is made of are pyarrow types.

    Raises ForyUnsupportedError (a TypeError) for ids without a row type.
    """
    pa = _pyarrow()
    dtype = simple_type(type_id)
    if dtype is not None:
        return to_arrow_schema(Schema([Field("x", dtype)])).field(0).type
    if type_id == TypeId.DECIMAL:
        return pa.decimal128(38 if precision is None else precision, 18 if scale is None else scale)
    if type_id == TypeId.LIST and list_type is not None:
        return pa.list_(list_type)
    if type_id == TypeId.MAP and map_key_type is not None and map_value_type is not None:
        return pa.map_(map_key_type, map_value_type)
    if type_id == TypeId.STRUCT and struct_fields is not None:
        return pa.struct(list(struct_fields))
    raise ForyUnsupportedError("type %r has no Arrow type" % (type_id,))


# ---- giving away ---------------------------------------------------------------


def _array(dtype: DataType, column: Column) -> Tuple[Any, ...]:
    """What the core makes an Arrow array of: (length, null_count, buffers, children)."""
    length, null_count, validity, offsets, data, children = column
    if isinstance(dtype, StructType):
        arrays = tuple(map(_array, (field.type for field in dtype.fields()), children))
        return (length, null_count, (validity,), arrays)
    if isinstance(dtype, MapType):
        key, value = children
        entries = (key[0], 0, (None,), (_array(dtype.key_type, key), _array(dtype.item_type, value)))
        return (length, null_count, (validity, offsets), (entries,))
    if dtype.id == TypeId.LIST:
        return (length, null_count, (validity, offsets), (_array(dtype.fields()[0].type, children[0]),))
    buffers = (validity, data) if offsets is None else (validity, offsets, data)
    return (length, null_count, buffers, ())


def _root_array(batch: "RowBatch") -> Tuple[Any, ...]:
    arrays = tuple(map(_array, batch.schema.types, batch._columns()))
    return (len(batch), 0, (None,), arrays)


def _rows_per_batch(batch: "RowBatch") -> int:
    # far below the 2 GB that 32-bit offsets can express
    size = int(getattr(batch, "nbytes", 0))
    return max(1, min(ROWS_PER_BATCH, (len(batch) << 29) // size)) if size else ROWS_PER_BATCH


def _root_arrays(batch: "RowBatch") -> Iterator[Tuple[Any, ...]]:
    step = _rows_per_batch(batch)
    for start in range(0, len(batch), step):
        yield _root_array(batch[start : start + step])


def schema_capsule(schema: Schema) -> Any:
    """The `arrow_schema` capsule of a schema."""
    from pyfory._core import arrow_schema_capsule

    return arrow_schema_capsule(_root_node(schema, "UTC"))


def array_capsules(batch: "RowBatch") -> Tuple[Any, Any]:
    """The `arrow_schema` and `arrow_array` capsules of a batch."""
    from pyfory._core import arrow_array_capsule

    return schema_capsule(batch.schema), arrow_array_capsule(_root_array(batch))


def stream_capsule(batch: "RowBatch") -> Any:
    """The `arrow_array_stream` capsule of a batch. Columns are made in pieces, when asked for."""
    from pyfory._core import arrow_stream_capsule

    return arrow_stream_capsule(_root_node(batch.schema, "UTC"), _root_arrays(batch))


class _HasArray:
    __slots__ = ("batch",)

    def __init__(self, batch: "RowBatch") -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        return array_capsules(self.batch)


class _HasStream:
    __slots__ = ("batch",)

    def __init__(self, batch: "RowBatch") -> None:
        self.batch = batch

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return stream_capsule(self.batch)


def record_batch_of(batch: "RowBatch") -> Any:
    """One `pyarrow.RecordBatch` with every row. ImportError without pyarrow."""
    return _pyarrow().record_batch(_HasArray(batch))


def table_of(batch: "RowBatch") -> Any:
    """A `pyarrow.Table`, in record batches of moderate size. ImportError without pyarrow."""
    return _pyarrow().table(_HasStream(batch))


class _HasColumns:
    """Struct columns of the engine, one or many."""

    __slots__ = ("columns", "schema")

    def __init__(self, schema: Schema, columns: Sequence[Tuple[Any, ...]]) -> None:
        self.schema = schema
        self.columns = columns

    def _arrays(self) -> Iterator[Tuple[Any, ...]]:
        types = self.schema.types
        for length, _, _, _, _, children in self.columns:
            yield (length, 0, (None,), tuple(map(_array, types, children)))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        from pyfory._core import arrow_stream_capsule

        return arrow_stream_capsule(_root_node(self.schema, "UTC"), self._arrays())


class _HasOneColumn(_HasColumns):
    __slots__ = ()

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        from pyfory._core import arrow_array_capsule

        return schema_capsule(self.schema), arrow_array_capsule(next(self._arrays()))


def record_batch_of_columns(schema: Schema, column: Column) -> Any:
    """One `pyarrow.RecordBatch` of a struct column of the engine. ImportError without pyarrow."""
    return _pyarrow().record_batch(_HasOneColumn(schema, [column]))


def table_of_columns(schema: Schema, columns: Sequence[Tuple[Any, ...]]) -> Any:
    """A `pyarrow.Table` of struct columns of the engine, a record batch of each. ImportError without pyarrow."""
    return _pyarrow().table(_HasColumns(schema, columns))


def frame_of(batch: "RowBatch") -> Any:
    """A `pandas.DataFrame`. ImportError without pandas or pyarrow."""
    import importlib.util

    _pyarrow()
    if importlib.util.find_spec("pandas") is None:
        raise ImportError("to_pandas() needs pandas; install it with: pip install pandas")
    return table_of(batch).to_pandas()


# ---- taking ------------------------------------------------------------------------


def _fits(node: Node, dtype: DataType) -> bool:
    """Whether the core reads this format as `dtype`."""
    format, _, _, children = node
    type_id = dtype.id
    if format == "n":
        return True
    if isinstance(dtype, StructType):
        if format != "+s":
            return False
        known = {child[1]: child for child in children}
        return len(known) == len(children) and all(
            field.name not in known or _fits(known[field.name], field.type) for field in dtype.fields()
        )
    if isinstance(dtype, MapType):
        return format == "+m" and all(map(_fits, children[0][3], (dtype.key_type, dtype.item_type)))
    if type_id == TypeId.LIST:
        return (format in ("+l", "+L") or format[:3] == "+w:") and _fits(children[0], dtype.fields()[0].type)
    if isinstance(dtype, DecimalType):
        digits = format[2:].split(",") if format[:2] == "d:" else []
        return len(digits) == 2 and int(digits[1]) == dtype.scale and int(digits[0]) <= dtype.precision
    if type_id == TypeId.TIMESTAMP:
        return format[:2] == "ts"
    if type_id == TypeId.DURATION:
        return format[:2] == "tD"
    if type_id == TypeId.BINARY and format[:2] == "w:":
        return True
    return _TYPE_IDS.get(format) == type_id


def _null_column(dtype: DataType, length: int) -> Column:
    validity = bytes((length + 7) // 8)
    null_count = length
    if isinstance(dtype, StructType):
        children = tuple(_null_column(field.type, length) for field in dtype.fields())
        return (length, null_count, validity, None, None, children)
    if dtype.num_fields:
        children = tuple(_null_column(field.type, 0) for field in dtype.fields())
        return (length, null_count, validity, bytes(4 * (length + 1)), None, children)
    if dtype.id in (TypeId.STRING, TypeId.BINARY):
        return (length, null_count, validity, bytes(4 * (length + 1)), b"", ())
    if dtype.id == TypeId.BOOL:
        return (length, null_count, validity, None, validity, ())
    width = 16 if dtype.id == TypeId.DECIMAL else dtype.bit_width // 8
    return (length, null_count, validity, None, bytes(width * length), ())


def _arranged(node: Node, column: Column, dtype: DataType) -> Column:
    """The column with struct fields in the order of `dtype`; null columns for missing ones."""
    length, null_count, validity, offsets, data, children = column
    if node[0] == "n":
        return _null_column(dtype, length)
    if isinstance(dtype, StructType):
        children = tuple(_arranged_fields(node[3], children, dtype.fields(), length))
    elif dtype.num_fields:
        nodes = node[3][0][3] if isinstance(dtype, MapType) else node[3]
        types = [field.type for field in dtype.fields()]
        children = tuple(map(_arranged, nodes, children, types))
    return (length, null_count, validity, offsets, data, children)


def _arranged_fields(
    nodes: Sequence[Node], columns: Sequence[Column], fields: Sequence[Field], length: int
) -> Iterator[Column]:
    known = {node[1]: i for i, node in enumerate(nodes)}
    for field in fields:
        i = known.get(field.name)
        if i is None:
            yield _null_column(field.type, length)
        else:
            yield _arranged(nodes[i], columns[i], field.type)


def _cast_table(data: Any, schema: Schema, node: Node) -> Any:
    """`data` as a pyarrow.Table with the types of `schema`."""
    wanted = struct(schema.fields)
    wrong = [
        child[1] for child in node[3]
        if child[1] in schema and not _fits(child, schema[child[1]].type)  # type: ignore[union-attr]
    ]  # fmt: skip
    if not wrong and not _fits(node, wanted):
        raise ForyTypeError("the Arrow data has two columns of one name")
    try:
        pa = _pyarrow()
    except ImportError:
        raise ForyTypeError(
            "column %s is %s in the Arrow data, %s in the schema; pyarrow could convert it (pip install pyfory[format])"
            % (wrong[0], _shown(node, wrong[0]), schema[wrong[0]].type)  # type: ignore[union-attr]
        ) from None
    table = data if isinstance(data, pa.Table) else pa.table(data)
    target = to_arrow_schema(schema, "UTC")
    for name in wrong:
        i = table.schema.get_field_index(name)
        field = target.field(name)
        try:
            table = table.set_column(i, field, table.column(i).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ForyTypeError(
                "column %s is %s in the Arrow data and cannot become %s: %s"
                % (name, table.schema.field(i).type, schema[name].type, error)  # type: ignore[union-attr]
            ) from None
    return table


def _shown(node: Node, name: str) -> str:
    for child in node[3]:
        if child[1] == name:
            return str(_NAMES.get(child[0], child[0]))
    return "missing"


def arrow_schema_of(data: Any) -> Schema:
    """The row schema of Arrow data."""
    from pyfory._core import arrow_read_schema

    if hasattr(data, "__arrow_c_schema__"):
        return from_arrow_schema(data)
    if hasattr(getattr(data, "schema", None), "__arrow_c_schema__"):
        return from_arrow_schema(data.schema)
    if hasattr(data, "__arrow_c_stream__"):
        columns = data.reset_index(drop=True) if _is_frame(data) else data
        return _schema_of(arrow_read_schema(columns.__arrow_c_stream__()))
    if hasattr(data, "__arrow_c_array__"):
        return _schema_of(arrow_read_schema(data.__arrow_c_array__()[0]))
    raise _not_arrow(data)


def _not_arrow(data: Any) -> ForyTypeError:
    return ForyTypeError(
        "expected Arrow data (a pyarrow, polars or pandas table, or anything with __arrow_c_stream__ or "
        "__arrow_c_array__), got %s" % type(data).__name__
    )


def append_arrow(batch: "RowBatch", data: Any) -> int:
    """Appends the rows of Arrow data; the number of them.

    Columns are found by name; missing ones are null, others are left out.
    Types that differ from the schema are converted by pyarrow where that
    loses nothing. Raises TypeError for what is no Arrow data or has columns
    that cannot be converted, ForyInvalidDataError (a ValueError) for times
    finer than a microsecond.
    """
    from pyfory._core import arrow_read_array, arrow_read_schema, arrow_read_stream

    if isinstance(data, (list, tuple)):
        return sum(append_arrow(batch, part) for part in data)
    wanted = batch.schema.fields
    dtype = struct(wanted)
    appended = 0
    if hasattr(data, "__arrow_c_stream__"):
        stream = _frame_stream(data, batch.schema) if _is_frame(data) else data.__arrow_c_stream__()
        node = arrow_read_schema(stream)
        _require_struct(node)
        if not _fits(node, dtype):
            # the stream is not asked for data yet, so another one may be
            return append_arrow(batch, _cast_table(_consumed_once(data, stream), batch.schema, node))
        while True:
            column = arrow_read_stream(stream, node)
            if column is None:
                return appended
            appended += _append(batch, node, column, wanted)
    if _is_frame(data):  # before pandas 2.2
        return append_arrow(batch, _pyarrow().Table.from_pandas(data, preserve_index=False))
    if hasattr(data, "__arrow_c_array__"):
        schema, array = data.__arrow_c_array__()
        node = arrow_read_schema(schema)
        _require_struct(node)
        if not _fits(node, dtype):
            return append_arrow(batch, _cast_table(_array_table(data), batch.schema, node))
        return _append(batch, node, arrow_read_array(array, node), wanted)
    raise _not_arrow(data)


def _is_frame(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def _frame_stream(frame: Any, schema: Schema) -> Any:
    """The stream of a pandas DataFrame: what an object column holds is told, not guessed."""
    names = set(frame.columns)
    known = [field for field in schema.fields if field.name in names]
    return frame[[field.name for field in known]].__arrow_c_stream__(schema_capsule(Schema(known)))


def _require_struct(node: Node) -> None:
    if node[0] != "+s":
        raise ForyTypeError("rows come from Arrow structs, record batches or tables, not from single columns")


def _append(batch: "RowBatch", node: Node, column: Column, wanted: List[Field]) -> int:
    length, null_count = column[0], column[1]
    if null_count:
        raise ForyInvalidDataError("the Arrow data has %d null structs; a row cannot be null" % null_count)
    batch._append_columns(length, tuple(_arranged_fields(node[3], column[5], wanted, length)))
    return length


class _consumed_once:
    """The stream that was asked for its schema, for a second taker."""

    __slots__ = ("data", "stream")

    def __init__(self, data: Any, stream: Any) -> None:
        self.data = data
        self.stream = stream

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.stream


def _array_table(data: Any) -> Any:
    try:
        pa = _pyarrow()
    except ImportError:
        return data
    return pa.Table.from_batches([pa.record_batch(data)])


class ArrowWriter:
    """Collects rows for one `pyarrow.RecordBatch` of the given schema.

    `pool` is accepted for the sake of older programs and not used.
    """

    def __init__(self, arrow_schema: Any, pool: Any = None) -> None:
        from pyfory.format.batch import RowBatch

        self._arrow_schema = arrow_schema
        self._batch: "RowBatch" = RowBatch(from_arrow_schema(arrow_schema))

    def write(self, row: Any) -> None:
        """Adds a `RowData`, an object with the attributes of the schema, or a dict."""
        self._batch.append(row)

    def finish(self) -> Any:
        """The rows written so far as a RecordBatch; the writer is empty again."""
        pa = _pyarrow()
        rows = record_batch_of(self._batch)
        arrays = [rows.column(i).cast(field.type) for i, field in enumerate(self._arrow_schema)]
        self.reset()
        return pa.RecordBatch.from_arrays(arrays, schema=self._arrow_schema)

    def reset(self) -> None:
        """Forgets the rows written so far."""
        from pyfory.format.batch import RowBatch

        self._batch = RowBatch(self._batch.schema)
