"""Objects to rows and back.

    encoder = pyfory.encoder(Person)
    row = encoder.to_row(person)          # RowData: row.name, row[0], row.to_bytes()
    person = encoder.from_row(row)        # or from bytes, memoryview, mmap
    data = encoder.encode(person)         # with the schema hash in front
    person = encoder.decode(data)

Section 17 of the wire format; docs/row-format.md.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from pyfory._core import RowCodec, RowData
from pyfory.error import ForyTypeError
from pyfory.format.infer import get_cls_by_schema, infer_schema, record_class
from pyfory.format.schema import Schema
from pyfory.format.types import DataType, ListType, MapType, StructType
from pyfory.schema import class_hints

if TYPE_CHECKING:
    from pyfory.format.batch import RowBatch

__all__ = ["Encoder", "RowEncoder", "create_row_encoder", "encoder"]

#: (class or None, container, declared order, attributes beside the schema, bindings of the children)
Binding = Optional[Tuple[Optional[type], int, Tuple[int, ...], Tuple[Tuple[str, Any, bool], ...], Tuple[Any, ...]]]

_LIST, _SET, _TUPLE, _FROZENSET = range(4)


# ---- what a schema is decoded to -------------------------------------------------


def _plain(hint: Any) -> Any:
    """The annotation without Optional, Annotated, Final and NewType around it."""
    while True:
        if getattr(hint, "__metadata__", None) and not isinstance(hint, type):
            hint = hint.__origin__
            continue
        if getattr(hint, "__supertype__", None) is not None:
            hint = hint.__supertype__
            continue
        if type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
            continue
        arguments = [a for a in typing.get_args(hint) if a is not type(None)]
        origin = typing.get_origin(hint)
        if origin is typing.Final and arguments:
            hint = arguments[0]
            continue
        if len(arguments) == 1 and (origin is typing.Union or type(hint).__name__ == "UnionType"):
            hint = arguments[0]
            continue
        return hint


def _container(hint: Any) -> int:
    import collections.abc as abc

    origin = typing.get_origin(hint) or hint
    if origin is tuple:
        return _TUPLE
    if origin is frozenset:
        return _FROZENSET
    if origin in (set, abc.Set, abc.MutableSet):
        return _SET
    return _LIST


def _extras(cls: type, names: Iterable[str]) -> Tuple[Tuple[str, Any, bool], ...]:
    """Attributes of a dataclass that the schema does not have: (name, value or factory, is factory)."""
    options: Dict[str, Any] = getattr(cls, "__dataclass_fields__", {})
    missing = sorted(set(options).difference(names))
    if not missing:
        return ()
    import dataclasses

    result = []
    for name in missing:
        option = options[name]
        if option._field_type is not dataclasses._FIELD:  # type: ignore[attr-defined]
            continue
        if option.default_factory is not dataclasses.MISSING:
            result.append((name, option.default_factory, True))
        elif option.default is not dataclasses.MISSING:
            result.append((name, option.default, False))
    return tuple(result)


def _bind_struct(names: List[str], types: List[DataType], cls: Optional[type]) -> Binding:
    if cls is None:
        cls = record_class(names)
        hints: Dict[str, Any] = {}
    elif issubclass(cls, dict):  # a TypedDict
        return None, _LIST, (), (), tuple(_bind(t, h) for t, h in zip(types, _hints_of(cls, names)))
    elif issubclass(cls, tuple):
        return cls, _LIST, _tuple_order(cls, names), (), tuple(_bind(t, h) for t, h in zip(types, _hints_of(cls, names)))
    else:
        hints = dict(zip(names, _hints_of(cls, names)))
    declared = [names.index(n) for n in _declared(cls, names)]
    order = tuple(declared + [i for i in range(len(names)) if i not in declared])
    children = tuple(_bind(dtype, hints.get(name)) for name, dtype in zip(names, types))
    return cls, _LIST, order, _extras(cls, names), children


def _tuple_order(cls: type, names: List[str]) -> Tuple[int, ...]:
    """Where a NamedTuple's fields are in the schema."""
    fields = getattr(cls, "_fields", None)
    if type(fields) is not tuple or sorted(fields) != sorted(names) or len(names) > 255:
        raise ForyTypeError(
            "%s is a tuple whose elements are not the fields of the schema: rows are read into NamedTuples "
            "and into classes with settable attributes" % cls.__qualname__
        )
    return tuple([names.index(name) for name in fields])


def _declared(cls: type, names: List[str]) -> List[str]:
    seen: Dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name in getattr(base, "__dataclass_fields__", None) or vars(base).get("__annotations__", ()):
            if name in names:
                seen.setdefault(name)
    return list(seen)


def _hints_of(cls: type, names: List[str]) -> List[Any]:
    hints = class_hints(cls, None, set(names))
    return [hints.get(name) for name in names]


def _bind(dtype: DataType, hint: Any) -> Binding:
    """What values of `dtype` become where the class says `hint`."""
    hint = _plain(hint)
    arguments = typing.get_args(hint)
    if isinstance(dtype, StructType):
        fields = dtype.fields()
        cls = hint if isinstance(hint, type) else None
        return _bind_struct([f.name for f in fields], [f.type for f in fields], cls)
    if isinstance(dtype, ListType):
        element = _bind(dtype.value_type, arguments[0] if arguments else None)
        return None, _container(hint), (), (), (element,)
    if isinstance(dtype, MapType):
        key, value = arguments if len(arguments) == 2 else (None, None)
        return None, _LIST, (), (), (_bind(dtype.key_type, key), _bind(dtype.item_type, value))
    return None


def _nested_schema(schema: Schema, path: Tuple[int, ...]) -> Schema:
    """The schema of the struct that `path` leads to: child indices from the root of `schema`."""
    fields = schema.fields
    for i in path[:-1]:
        fields = fields[i].type.fields()
    dtype = fields[path[-1]].type
    return Schema(dtype.fields())


def _row_in_utc(schema: Schema, data: bytes) -> RowData:
    return RowData(schema, data, utc=True)


# ---- encoders -------------------------------------------------------------------------


class RowEncoder(RowCodec):
    """Writes rows of one schema and reads them into record objects.

    `to_row` takes an object with the attributes of the schema, or a dict; what
    is missing there is null. (An `Encoder` insists on every attribute.)
    """

    def __init__(self, schema: Schema, *, utc: bool = False) -> None:
        self._bind(schema, _bind_struct(schema.names, schema.types, get_cls_by_schema(schema)), utc, True)

    def __repr__(self) -> str:
        return "RowEncoder(%s)" % (self.schema,)


def create_row_encoder(schema: Any) -> RowEncoder:
    """A `RowEncoder` for a `Schema` or an Arrow schema."""
    if not isinstance(schema, Schema):
        from pyfory.format.arrow import from_arrow_schema

        schema = from_arrow_schema(schema)
    return RowEncoder(schema)


class Encoder(RowCodec):
    """Rows of the instances of one class.

    The schema is inferred from the annotations of `clz` unless one is given;
    with a schema alone objects come back as records. Methods raise with the
    path of the field: `ForyTypeError` for a wrong type or a missing attribute,
    `ForyOverflowError`, `ForyInvalidDataError` for damaged rows.

    Timestamps are instants: naive datetimes are local time, and come back so;
    with `utc=True` they come back aware, in UTC.
    """

    def __init__(self, clz: Optional[type] = None, schema: Optional[Schema] = None, *, utc: bool = False) -> None:
        if schema is None:
            if clz is None:
                raise ForyTypeError("an encoder needs a class or a schema")
            schema = infer_schema(clz)
        elif not isinstance(schema, Schema):
            from pyfory.format.arrow import from_arrow_schema

            schema = from_arrow_schema(schema)
        self.clz = clz
        self.utc = utc
        self._row_encoder: Optional[RowEncoder] = None
        cls = get_cls_by_schema(schema) if clz is None else clz
        self._bind(schema, _bind_struct(schema.names, schema.types, cls), utc, False)

    @property
    def row_encoder(self) -> RowEncoder:
        """The encoder of the schema alone."""
        if self._row_encoder is None:
            self._row_encoder = RowEncoder(self.schema, utc=self.utc)
        return self._row_encoder

    def __repr__(self) -> str:
        name = "None" if self.clz is None else self.clz.__qualname__
        return "Encoder(%s, schema=%s)" % (name, self.schema)

    # ---- many rows

    def batch(self, objects: Iterable[Any] = ()) -> "RowBatch":
        """A `RowBatch` with the rows of `objects`."""
        from pyfory.format.batch import RowBatch

        batch = RowBatch(self.schema, utc=self.utc)
        batch.extend(objects)
        return batch

    def to_arrow_record_batch(self, objects: Iterable[Any]) -> Any:
        """A `pyarrow.RecordBatch` with one row for each object. ImportError without pyarrow."""
        from pyfory.format.arrow import record_batch_of, record_batch_of_columns

        if type(objects) is list or type(objects) is tuple:
            columns = self._object_columns(objects, 0, len(objects))
            if columns is not None:
                return record_batch_of_columns(self.schema, columns)
        return record_batch_of(self.batch(objects))

    def to_arrow_table(self, objects: Iterable[Any]) -> Any:
        """A `pyarrow.Table` with one row for each object. ImportError without pyarrow."""
        from pyfory.format.arrow import ROWS_PER_BATCH, table_of, table_of_columns

        if type(objects) is list or type(objects) is tuple:
            n = len(objects)
            parts: List[Tuple[Any, ...]] = []
            for start in range(0, n, ROWS_PER_BATCH):
                part = self._object_columns(objects, start, min(n, start + ROWS_PER_BATCH))
                if part is None:
                    break
                parts.append(part)
            else:
                return table_of_columns(self.schema, parts)
        return table_of(self.batch(objects))

    def from_arrow(self, data: Any) -> List[Any]:
        """The objects of a table or record batch of any library that speaks the Arrow C data interface."""
        from pyfory.format.arrow import append_arrow
        from pyfory.format.batch import RowBatch

        batch = RowBatch(self.schema, utc=self.utc)
        append_arrow(batch, data)
        return self.from_batch(batch)


def encoder(clz: Optional[type] = None, schema: Optional[Schema] = None, *, utc: bool = False) -> Encoder:
    """An `Encoder` for a class whose annotations describe its rows, or for a schema."""
    return Encoder(clz, schema, utc=utc)
