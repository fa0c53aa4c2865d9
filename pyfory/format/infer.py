"""Row schemas from annotations (wire format 17.1).

    @dataclass
    class Trade:
        price: float
        symbol: str
        size: Optional[Int32]

    infer_schema(Trade)   # price: double, size: int32, symbol: utf8

Fields are sorted by name. A `DataType` inside of `Annotated` decides the
type itself: `Annotated[Decimal, decimal(10, 2)]`.
"""

from __future__ import annotations

import sys
import typing
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from pyfory.annotation import ArrayMeta
from pyfory.error import ForyTypeError, SchemaError
from pyfory.field import FORY_FIELD_METADATA_KEY
from pyfory.format.schema import Schema
from pyfory.format.types import (
    DataType,
    Field,
    boolean,
    binary,
    date32,
    decimal,
    duration,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    list_,
    map_,
    struct,
    timestamp,
    utf8,
)
from pyfory.schema import class_hints
from pyfory.types import TypeId

#: scalar markers of pyfory.annotation -> type; the unsigned ones and bfloat16 have none
_MARKERS: Dict[int, DataType] = {
    TypeId.BOOL: boolean(),
    TypeId.INT8: int8(),
    TypeId.INT16: int16(),
    TypeId.INT32: int32(),
    TypeId.VARINT32: int32(),
    TypeId.INT64: int64(),
    TypeId.VARINT64: int64(),
    TypeId.TAGGED_INT64: int64(),
    TypeId.FLOAT16: float16(),
    TypeId.FLOAT32: float32(),
    TypeId.FLOAT64: float64(),
}

#: NumPy's scalar classes by name; they are recognised without importing it
_NUMPY: Dict[str, DataType] = {
    "bool": boolean(),
    "bool_": boolean(),
    "int8": int8(),
    "int16": int16(),
    "int32": int32(),
    "int64": int64(),
    "float16": float16(),
    "float32": float32(),
    "float64": float64(),
    "str_": utf8(),
    "bytes_": binary(),
}

_PLAIN: Dict[Any, DataType] = {
    bool: boolean(),
    int: int64(),
    float: float64(),
    str: utf8(),
    bytes: binary(),
}

_MAX_NESTING = 100


class _Unsupported(Exception):
    """What is wrong, and the names that lead there."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.path: List[str] = []


def _type_of_class(cls: type, stack: Tuple[type, ...]) -> DataType:
    dtype = _PLAIN.get(cls)
    if dtype is not None:
        return dtype
    if cls.__module__ == "numpy":
        dtype = _NUMPY.get(cls.__name__)
        if dtype is None:
            raise _Unsupported("%s has no row type" % cls.__name__)
        return dtype
    import datetime
    import decimal as decimal_module
    import enum

    if cls is datetime.datetime:
        return timestamp()
    if cls is datetime.date:
        return date32()
    if cls is datetime.timedelta:
        return duration()
    if cls is decimal_module.Decimal:
        return decimal()
    if issubclass(cls, enum.Enum):
        raise _Unsupported("an enum has no row type; use int or str for its value")
    if cls.__module__ == "pyfory.array" or cls.__module__ == "builtins":
        raise _Unsupported("%s has no row type" % cls.__qualname__)
    return struct(_class_fields(cls, stack))


def _is_annotated_class(cls: type) -> bool:
    if hasattr(cls, "__dataclass_fields__"):
        return True
    return any("__annotations__" in vars(base) or "__annotate_func__" in vars(base) for base in cls.__mro__)


def _class_fields(cls: type, stack: Tuple[type, ...]) -> List[Field]:
    if cls in stack:
        raise _Unsupported("class %s contains itself; a row has a fixed shape" % cls.__qualname__)
    if not _is_annotated_class(cls):
        raise _Unsupported("class %s has no annotations" % cls.__qualname__)
    options = getattr(cls, "__dataclass_fields__", {})
    result = []
    for name, hint in sorted(class_hints(cls, None).items()):
        option = options.get(name)
        meta = option.metadata.get(FORY_FIELD_METADATA_KEY) if option is not None else None
        if meta is not None and meta.ignore:
            continue
        try:
            result.append(Field(name, _infer(hint, (*stack, cls))))
        except _Unsupported as error:
            error.path.append(name)
            raise
    return result


def _is_optional(hint: Any) -> Optional[Tuple[Any, ...]]:
    """The alternatives of a union in any spelling, None for anything else."""
    if typing.get_origin(hint) is Union:
        return typing.get_args(hint)
    if sys.version_info >= (3, 10):
        import types

        if isinstance(hint, types.UnionType):
            return typing.get_args(hint)
    return None


def _infer(hint: Any, stack: Tuple[type, ...], depth: int = 0) -> DataType:
    """The row type of an annotation; _Unsupported when it has none."""
    if depth > _MAX_NESTING:
        raise _Unsupported("nested deeper than %d" % _MAX_NESTING)
    if isinstance(hint, DataType):
        return hint
    if hint is Any or hint is object:
        raise _Unsupported("Any has no row type")
    if getattr(hint, "__metadata__", None) and not isinstance(hint, type):
        return _infer_annotated(hint, stack, depth)
    alternatives = _is_optional(hint)
    if alternatives is not None:
        others = [a for a in alternatives if a is not type(None)]
        if len(others) != 1:
            raise _Unsupported("a union of several types has no row type")
        return _infer(others[0], stack, depth + 1)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _infer_generic(hint, origin, stack, depth)
    if isinstance(hint, type):
        return _type_of_class(hint, stack)
    target = getattr(hint, "__supertype__", None)  # NewType
    if target is None and type(hint).__name__ == "TypeAliasType":
        target = hint.__value__
    if target is not None:
        return _infer(target, stack, depth + 1)
    raise _Unsupported("no row type for %r" % (hint,))


def _infer_annotated(hint: Any, stack: Tuple[type, ...], depth: int) -> DataType:
    base = hint.__origin__
    for item in hint.__metadata__:
        if isinstance(item, DataType):
            return item
        if isinstance(item, ArrayMeta):
            raise _Unsupported("pyfory.Array and its kin have no row type; use List[...]")
        if type(item) is int and base in (bool, int, float):
            dtype = _MARKERS.get(item)
            if dtype is None:
                raise _Unsupported("%s has no row type" % _marker_name(item))
            return dtype
    return _infer(base, stack, depth + 1)


def _marker_name(type_id: int) -> str:
    for name, value in vars(TypeId).items():
        if value == type_id and not name.startswith("_"):
            return name.lower()
    return "type id %d" % type_id


def _infer_generic(hint: Any, origin: Any, stack: Tuple[type, ...], depth: int) -> DataType:
    import collections.abc as abc

    args = [a for a in typing.get_args(hint) if not isinstance(a, typing.TypeVar)]
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            args.pop()
        kinds = [_child(a, "item", stack, depth) for a in args if a != ()]
        if not kinds:
            raise _Unsupported("a tuple needs an element type")
        if any(kind != kinds[0] for kind in kinds):
            raise _Unsupported("a tuple of several types has no row type")
        return list_(kinds[0])
    if origin in (list, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet,
                  abc.Collection, abc.Iterable):  # fmt: skip
        if len(args) != 1:
            raise _Unsupported("%s needs an element type" % _origin_name(hint))
        return list_(_child(args[0], "item", stack, depth))
    if origin in (dict, abc.Mapping, abc.MutableMapping):
        if len(args) != 2:
            raise _Unsupported("%s needs a key and a value type" % _origin_name(hint))
        return map_(_child(args[0], "key", stack, depth), _child(args[1], "value", stack, depth))
    if origin is typing.Literal:
        kinds_of = {type(v) for v in args if v is not None}
        if len(kinds_of) != 1:
            raise _Unsupported("a Literal of several types has no row type")
        return _infer(kinds_of.pop(), stack, depth + 1)
    if origin is typing.Final:
        return _infer(args[0], stack, depth + 1)
    raise _Unsupported("no row type for %r" % (hint,))


def _child(hint: Any, name: str, stack: Tuple[type, ...], depth: int) -> DataType:
    try:
        return _infer(hint, stack, depth + 1)
    except _Unsupported as error:
        error.path.append(name)
        raise


def _origin_name(hint: Any) -> str:
    return str(getattr(hint, "__name__", None) or getattr(hint, "_name", None) or hint)


# ---- public -------------------------------------------------------------------


def infer_data_type(type_: Any) -> Optional[DataType]:
    """The row type of an annotation, None when it has none."""
    try:
        return _infer(type_, ())
    except (_Unsupported, ForyTypeError):
        return None


def get_type_id(type_: Any) -> Optional[int]:
    """The id of the row type of an annotation, None when it has none."""
    dtype = infer_data_type(type_)
    return None if dtype is None else dtype.id


def infer_schema(cls: type) -> Schema:
    """The schema of a class: its annotated attributes, sorted by name.

    Raises SchemaError (a TypeError) that names the attribute when an
    annotation has no row type, UnresolvedAnnotationError (a NameError) when
    one cannot be resolved.
    """
    if not isinstance(cls, type):
        raise ForyTypeError("infer_schema needs a class, not %r" % (cls,))
    try:
        if cls in _PLAIN or cls.__module__ == "builtins":
            raise _Unsupported("it has no annotations")
        fields = _class_fields(cls, ())
    except _Unsupported as error:
        where = ".".join([cls.__qualname__, *reversed(error.path)])
        raise SchemaError("no row schema for %s: %s" % (where, error)) from None
    key = ("%s.%s" % (cls.__module__, cls.__qualname__)).encode("utf-8", "surrogatepass")
    _classes[key] = cls
    return Schema(fields, {_CLS: key})


# ---- classes by schema ----------------------------------------------------------

_CLS = b"cls"
#: the classes that schemas were inferred from in this process
_classes: Dict[bytes, type] = {}


def get_cls_by_schema(schema: Schema) -> type:
    """The class that `schema` was inferred from, else a fresh record class.

    `schema.metadata[b"cls"]` names the class. It is looked up among the
    classes that `infer_schema` has seen in this process; nothing is imported.
    A record class takes the fields by keyword or position.
    """
    cls = _classes.get(schema.metadata.get(_CLS, b""))
    return record_class(schema.names) if cls is None else cls


def remove_schema(schema: Schema) -> None:
    """Forgets the class that `schema` was inferred from."""
    _classes.pop(schema.metadata.get(_CLS, b""), None)


def reset() -> None:
    """Forgets every class that a schema was inferred from."""
    _classes.clear()


class Record:
    """Base of the classes made for schemas without a class of their own."""

    __slots__ = ("__dict__",)
    _fields: Tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = self._fields
        if len(args) > len(names):
            raise TypeError("%d values for a record of %d fields" % (len(args), len(names)))
        values = dict.fromkeys(names)
        values.update(zip(names, args))
        for name, value in kwargs.items():
            if name not in values:
                raise AttributeError("the record has no field %r" % name)
            values[name] = value
        self.__dict__.update(values)

    def as_dict(self) -> Dict[str, Any]:
        """The fields by name."""
        return {name: self.__dict__.get(name) for name in self._fields}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.as_dict().values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self._fields == other._fields and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return "Record(%s)" % ", ".join("%s=%r" % item for item in self.as_dict().items())

    def __reduce__(self) -> Tuple[Any, ...]:
        return _make_record, (self._fields, tuple(self))


def _make_record(names: Tuple[str, ...], values: Tuple[Any, ...]) -> Record:
    return record_class(names)(*values)  # type: ignore[no-any-return]


def record_class(names: Any) -> Any:
    """A fresh subclass of `Record` with these fields."""
    return type("Record", (Record,), {"_fields": tuple(names), "__slots__": ()})
