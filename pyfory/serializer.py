"""Serializers written in Python, for classes that are no plain structs."""

from __future__ import annotations

from typing import Any, Optional

from pyfory.types import is_primitive_type

__all__ = ["CollectionSerializer", "Serializer", "make_serializer"]


class Serializer:
    """Base of custom serializers: override `write` and `read`.

    One instance serves all threads and all calls of a `Fory`; it must not keep
    the contexts it is given. A class registered with a serializer travels as
    an extension type (wire-format 8.2).

    Attributes:
        type_resolver: the registry of the `Fory` it belongs to.
        type_: the class it serves; of a scalar marker its type id.
        need_to_write_ref: False takes its values out of reference tracking. By
            default True with `Fory(ref=True)`, but for numbers. It may be set
            before the class is first used.
        read_data_always_advances: True promises that every read consumes at
            least one byte; False makes long collections of such values count
            against `max_unbacked_container_items`.
    """

    need_to_write_ref: bool = True
    read_data_always_advances: bool = False

    def __init__(self, type_resolver: Any, cls: Any) -> None:
        self.type_resolver = type_resolver
        self.type_ = _type_id_of_marker(cls)
        tracking = bool(getattr(type_resolver, "track_ref", False))
        number = is_primitive_type(self.type_) if isinstance(self.type_, int) else self.type_ in (bool, int, float)
        self.need_to_write_ref = tracking and not number

    def write(self, write_context: Any, value: Any) -> None:
        """Writes the body of `value`, with the write_* methods of `write_context`."""
        raise NotImplementedError("%s.write" % type(self).__name__)

    def read(self, read_context: Any) -> Any:
        """Reads what `write` wrote and returns the object.

        An object that may be part of a cycle must be given to
        `read_context.reference(obj)` before its children are read.
        """
        raise NotImplementedError("%s.read" % type(self).__name__)

    @classmethod
    def support_subclass(cls) -> bool:
        """True when the serializer also serves subclasses of the registered class."""
        return False


class BodySerializer(Serializer):
    """What `type_resolver.get_serializer` gives for a class without a serializer of its own: its
    `write` and `read` are those of the engine, for the body alone."""

    def write(self, write_context: Any, value: Any) -> None:
        write_context._write_body(self.type_, value)

    def read(self, read_context: Any) -> Any:
        return read_context._read_body(self.type_)


class CollectionSerializer(Serializer):
    """Base for serializers of container classes; nothing differs from `Serializer`."""


def _type_id_of_marker(cls: Any) -> Any:
    """The type id of `pyfory.Int32` and the like, anything else as it is."""
    metadata = getattr(cls, "__metadata__", None)
    if metadata and isinstance(metadata[0], int) and not isinstance(cls, type):
        return metadata[0]
    return cls


def make_serializer(serializer: Any, resolver: Any, cls: type) -> Optional[Any]:
    """The serializer object for `serializer=`: an instance, a class, or a factory
    called with (type_resolver, cls), (type_resolver) or ().

    Raises TypeError for anything else.
    """
    if serializer is None:
        return None
    if not isinstance(serializer, type) and hasattr(serializer, "write") and hasattr(serializer, "read"):
        return serializer
    if not callable(serializer):
        raise _not_a_serializer(serializer)
    for args in ((resolver, cls), (resolver,), ()):
        if _accepts(serializer, len(args)):
            made = serializer(*args)
            if not hasattr(made, "write") or not hasattr(made, "read"):
                raise _not_a_serializer(made)
            return made
    raise _not_a_serializer(serializer)


def _not_a_serializer(value: Any) -> Exception:
    from pyfory.error import ForyTypeError

    return ForyTypeError(
        "serializer must be a Serializer, a Serializer class or a factory of one, not %s" % type(value).__name__
    )


def _accepts(function: Any, count: int) -> bool:
    import inspect

    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # builtins without a signature: let the call decide
        return True
    return True
