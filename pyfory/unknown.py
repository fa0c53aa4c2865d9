"""Values of types that are not registered here (wire-format 14.5)."""

from __future__ import annotations

from reprlib import recursive_repr
from typing import Any, Dict, ItemsView, Iterator, KeysView, ValuesView

__all__ = ["NonExistEnum", "UnknownStruct"]


class UnknownStruct:
    """A struct whose class is not registered: a read-only mapping of field names to values.

    Readers in compatible mode make these; keys are the names on the wire, or
    `__tag_N__` for fields known by number. Any compatible `Fory` writes one
    again with its original TypeDef. Two are equal only when they are the same
    object.

    Raises TypeError when made by hand: only a received TypeDef describes one.
    """

    __slots__ = ("_type_def", "_fields", "__weakref__")

    def __init__(self, type_def: Any, fields: Any = None) -> None:
        from pyfory.typedef import RemoteType

        if not isinstance(type_def, RemoteType):
            raise TypeError("UnknownStruct needs a framework TypeDef, not %s" % type(type_def).__name__)
        self._type_def = type_def
        self._fields: Dict[str, Any] = {} if fields is None else dict(fields)

    @classmethod
    def _from_wire(cls, type_def: Any, fields: Dict[str, Any]) -> "UnknownStruct":
        # the reader goes on filling `fields`, which keeps cycles possible
        made = cls.__new__(cls)
        made._type_def = type_def
        made._fields = fields
        return made

    @property
    def type_def(self) -> Any:
        """The received `pyfory.typedef.RemoteType`."""
        return self._type_def

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self._fields.get(key, default)

    def items(self) -> ItemsView[str, Any]:
        return self._fields.items()

    def keys(self) -> KeysView[str]:
        return self._fields.keys()

    def values(self) -> ValuesView[Any]:
        return self._fields.values()

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    @recursive_repr("UnknownStruct(...)")
    def __repr__(self) -> str:
        return "UnknownStruct(%r, %r)" % (self._type_def.display_name, self._fields)


class NonExistEnum:
    """A member of an enum that is not registered here: only its wire value is known."""

    __slots__ = ("value", "name")

    def __init__(self, value: int = -1, name: str = "") -> None:
        self.value = value
        self.name = name

    def __eq__(self, other: object) -> bool:
        if type(other) is not NonExistEnum:
            return NotImplemented
        return (self.value, self.name) == (other.value, other.name)

    def __hash__(self) -> int:
        return hash((NonExistEnum, self.value, self.name))

    def __repr__(self) -> str:
        return "NonExistEnum(value=%r, name=%r)" % (self.value, self.name)
