"""Field and class options for dataclasses: `field`, `dataclass`, `dataslots`."""

from __future__ import annotations

import typing
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Set

from pyfory.error import SchemaError

FORY_FIELD_METADATA_KEY = "__fory__"
FORY_OBJECT_METADATA_KEY = "__fory_object__"
#: tag ids are below 2**29 (wire-format section 11)
MAX_FIELD_ID = (1 << 29) - 1

_UNSET: Any = object()

if typing.TYPE_CHECKING:
    from typing_extensions import dataclass_transform as _dataclass_transform
else:

    def _dataclass_transform(**_kwargs):
        return lambda function: function



class ForyFieldMeta(NamedTuple):
    """What `field(...)` says to pyfory. `id` is -1 without a tag id."""

    id: int
    nullable: bool = False
    ref: bool = False
    ignore: bool = False
    dynamic: Optional[bool] = None

    def uses_tag_id(self) -> bool:
        """True when the field goes by number instead of by name."""
        return self.id >= 0


class ForyObjectMeta(NamedTuple):
    """What `@pyfory.dataclass(...)` says to pyfory."""

    evolving: bool = True


def field(
    id: int = _UNSET,
    *,
    nullable: bool = False,
    ref: bool = False,
    ignore: bool = False,
    dynamic: Optional[bool] = None,
    default: Any = _UNSET,
    default_factory: Optional[Callable[[], Any]] = _UNSET,
    init: bool = True,
    repr: bool = True,
    hash: Optional[bool] = None,
    compare: bool = True,
    metadata: Optional[Mapping[str, Any]] = None,
    **kwargs: Any,
) -> Any:
    """A dataclass field with pyfory options.

    `id` is a tag id: the field is then known to peers by this number and may
    be renamed. `nullable` allows None, `ref` tracks shared references (with
    `Fory(ref=True)`), `ignore` keeps the field off the wire, `dynamic`
    forces (True) or suppresses (False) type information for the value in
    `compatible=False`. The other arguments are those of `dataclasses.field`.

    Raises TypeError when `id` is no int, ValueError when it is out of range.
    """
    import dataclasses

    if id is _UNSET:
        id = -1
    elif isinstance(id, bool) or not isinstance(id, int):
        raise TypeError("id must be an int, got %s" % type(id).__name__)
    elif id < 0:
        raise ValueError("id must be non-negative, got %d" % id)
    elif id > MAX_FIELD_ID:
        raise ValueError("id must not exceed %d, got %d" % (MAX_FIELD_ID, id))
    merged: Dict[str, Any] = dict(metadata) if metadata else {}
    merged[FORY_FIELD_METADATA_KEY] = ForyFieldMeta(id, nullable, ref, ignore, dynamic)
    if default is not _UNSET:
        kwargs["default"] = default
    if default_factory is not _UNSET and default_factory is not None:
        kwargs["default_factory"] = default_factory
    return dataclasses.field(
        init=init, repr=repr, hash=hash, compare=compare, metadata=merged, **kwargs
    )


@_dataclass_transform(field_specifiers=(field,))
def dataclass(
    _cls: Optional[type] = None, *, evolving: bool = True, slots: bool = False, **kwargs: Any
) -> Any:
    """`dataclasses.dataclass` with two more options.

    `evolving=False` fixes the schema: messages carry no field names even in
    compatible mode. `slots=True` works on every supported Python.
    """
    import sys

    native_slots = sys.version_info >= (3, 10)

    def wrap(cls: type) -> type:
        import dataclasses

        if slots and native_slots:
            kwargs["slots"] = True
        cls = dataclasses.dataclass(**kwargs)(cls)
        if slots and not native_slots:
            cls = dataslots(cls)
        setattr(cls, FORY_OBJECT_METADATA_KEY, ForyObjectMeta(evolving))
        return cls

    return wrap if _cls is None else wrap(_cls)


def dataslots(cls: type) -> type:
    """A copy of the dataclass `cls` that stores its fields in `__slots__`.

    Raises TypeError when the class defines `__slots__` already.
    """
    import dataclasses

    if "__slots__" in cls.__dict__:
        raise TypeError("%s already specifies __slots__" % cls.__name__)
    namespace = dict(cls.__dict__)
    own = [f.name for f in dataclasses.fields(cls)]
    inherited: Set[str] = set()
    for base in cls.__mro__[1:-1]:
        slots = base.__dict__.get("__slots__", ())
        inherited.update((slots,) if isinstance(slots, str) else slots)
    for name in own:
        # a default would shadow the slot; the dataclass keeps it in __init__
        namespace.pop(name, None)
    namespace["__slots__"] = tuple(name for name in own if name not in inherited)
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    result = type(cls)(cls.__name__, cls.__bases__, namespace)
    result.__qualname__ = getattr(cls, "__qualname__", cls.__name__)
    if getattr(cls.__dict__.get("__dataclass_params__"), "frozen", False):
        # default pickling would call the frozen __setattr__
        if "__getstate__" not in cls.__dict__:
            setattr(result, "__getstate__", _slots_getstate)
            setattr(result, "__setstate__", _slots_setstate)
    return result


def _slots_getstate(self: Any) -> List[Any]:
    import dataclasses

    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _slots_setstate(self: Any, state: List[Any]) -> None:
    import dataclasses

    for f, value in zip(dataclasses.fields(self), state):
        object.__setattr__(self, f.name, value)


def extract_field_meta(dc_field: Any) -> Optional[ForyFieldMeta]:
    """The options given with `field(...)`, None for an ordinary dataclass field."""
    meta: Optional[ForyFieldMeta] = dc_field.metadata.get(FORY_FIELD_METADATA_KEY)
    return meta


def extract_object_meta(cls: type) -> Optional[ForyObjectMeta]:
    """The options given with `@pyfory.dataclass(...)`, None without it.

    A subclass without options of its own inherits them.
    """
    return getattr(cls, FORY_OBJECT_METADATA_KEY, None)


def validate_field_metas(
    cls: type, field_metas: Mapping[str, ForyFieldMeta], type_hints: Mapping[str, Any]
) -> None:
    """Checks tag ids and nullability against the annotations.

    Raises ValueError for a duplicate tag id, and for `Optional[T]` with
    options that say `nullable=False`.
    """
    from pyfory.schema import is_optional_hint

    check_tag_ids(cls, field_metas)
    for name, meta in field_metas.items():
        if not meta.ignore and not meta.nullable and is_optional_hint(type_hints.get(name)):
            raise SchemaError(
                "Field %r in class %s is Optional[T] but nullable=False. "
                "Optional fields must have nullable=True." % (name, cls.__name__)
            )


def check_tag_ids(cls: type, field_metas: Mapping[str, ForyFieldMeta]) -> None:
    """Raises ValueError when two fields of a class have one tag id."""
    seen: Dict[int, str] = {}
    for name, meta in field_metas.items():
        if meta is None or meta.ignore or meta.id < 0:
            continue
        if meta.id in seen:
            raise SchemaError(
                "Duplicate tag ID %d in class %s: fields %r and %r have the same ID"
                % (meta.id, cls.__name__, seen[meta.id], name)
            )
        seen[meta.id] = name
