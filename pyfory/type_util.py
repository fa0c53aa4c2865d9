"""Small helpers about classes: simple record classes, and the names of classes."""

from __future__ import annotations

import sys
from typing import Any, Dict, Iterator, Sequence, Tuple, Union

__all__ = ["get_qualified_classname", "record_class_factory"]


def get_qualified_classname(obj: Any) -> str:
    """"module.name" of a class, or of the class of any other object."""
    cls = obj if isinstance(obj, type) else type(obj)
    return "%s.%s" % (cls.__module__, cls.__name__)


class _Record:
    __slots__: Tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = self.__slots__
        if len(args) > len(names):
            raise TypeError("%s takes %d values, got %d" % (type(self).__name__, len(names), len(args)))
        for name in names:
            setattr(self, name, None)
        for name, value in zip(names, args):
            setattr(self, name, value)
        for name, value in kwargs.items():
            if name not in names:
                raise AttributeError("%s has no field %r" % (type(self).__name__, name))
            if name in names[: len(args)]:
                raise TypeError("two values for field %r of %s" % (name, type(self).__name__))
            setattr(self, name, value)

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, name, None) for name in self.__slots__])

    def __eq__(self, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        fields = ", ".join("%s=%r" % (name, value) for name, value in self.as_dict().items())
        return "%s(%s)" % (type(self).__name__, fields)

    def as_dict(self) -> Dict[str, Any]:
        """The fields by name."""
        return dict(zip(self.__slots__, self))

    def __reduce__(self) -> Any:
        return type(self), tuple(self)


def record_class_factory(name: str, fields: Union[str, Sequence[str]], *, publish: bool = True) -> type:
    """A slotted class with these fields, set by position or by name; those left out are None.

    Args:
        fields: a list or tuple of names, or one string with commas or blanks between them.
        publish: put the class into this module, so that its instances can be pickled.

    Raises TypeError for names that are no identifiers, ValueError for one that is there twice.
    """
    names = tuple(fields.replace(",", " ").split()) if isinstance(fields, str) else tuple(fields)
    if len(set(names)) != len(names):
        raise ValueError("a field of %s is there twice: %s" % (name, ", ".join(names)))
    cls = type(name, (_Record,), {"__slots__": names, "__module__": __name__, "__qualname__": name})
    if publish:
        setattr(sys.modules[__name__], name, cls)
    return cls
