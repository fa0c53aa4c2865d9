"""The error family of pyfory.

Every error that pyfory raises on its own account derives from `ForyError`.
Each class also derives from the builtin exception that describes the same
situation, so callers may catch either. Exceptions raised by user code that
pyfory calls (serializers, hooks, policies, streams) pass through unchanged.
"""

from __future__ import annotations

from typing import Dict, Optional, Type


class ForyError(Exception):
    """Root of all pyfory errors.

    `path` says where in the value the failure happened (`$.orders[3].price`),
    `offset` is the position in the input when reading. Both are None when
    they are not known.
    """

    path: Optional[str] = None
    offset: Optional[int] = None

    def __str__(self) -> str:
        # Exception.__str__ and not super(): KeyError and OSError format
        # their arguments in ways of their own.
        text = Exception.__str__(self)
        where = []
        if self.path is not None:
            where.append("at %s" % (self.path,))
        if self.offset is not None:
            where.append("%sbyte %d" % ("" if where else "at ", self.offset))
        if where:
            return "%s (%s)" % (text, ", ".join(where))
        return text


class ForyOutOfMemoryError(ForyError, MemoryError):
    """Memory for a value could not be allocated."""


class ForyOutOfBoundError(ForyError, IndexError):
    """An index lies outside of a buffer or table."""


class ForyKeyError(ForyError, KeyError):
    """A name is not known."""


class ForyTypeError(ForyError, TypeError):
    """A value or annotation has the wrong Python type, or a registration conflicts with another."""


class ForyInvalidError(ForyError, ValueError):
    """An argument or setting is not valid."""


class ForyFieldError(ForyInvalidError, AttributeError, KeyError):
    """A row has no field of this name."""


class ForyIOError(ForyError, OSError):
    """A stream did not behave as a stream."""


class ForyUnknownError(ForyError):
    """A failure without a better name."""


class ForyEncodeError(ForyError, ValueError):
    """A value could not be encoded."""


class ForyInvalidDataError(ForyError, ValueError):
    """The input is malformed, or a value cannot be converted without loss."""


class ForyInvalidRefError(ForyInvalidDataError):
    """The input refers to an object that was not announced."""


class ForyUnknownEnumError(ForyInvalidDataError):
    """The input holds an enum value that the local class does not have."""


class ForyEncodingError(ForyInvalidDataError):
    """Text in the input is not valid in its encoding."""


class ForyDepthExceedError(ForyError, ValueError, RecursionError):
    """Values are nested deeper than `max_depth`."""


class ForyUnsupportedError(ForyTypeError, NotImplementedError):
    """A value has no representation in the chosen mode."""


class ForyNotAllowedError(ForyError):
    """A policy refused the operation."""


class ForyStructVersionMismatchError(ForyInvalidDataError):
    """The two sides disagree about the version of a struct."""


class ForyTypeMismatchError(ForyInvalidDataError, TypeError):
    """The input holds another type than the one expected."""


class ForyBufferOutOfBoundError(ForyInvalidDataError, EOFError):
    """The input ends before the value does."""


class ForyOverflowError(ForyError, OverflowError):
    """A number is out of range for the type it is written as."""


class ForyLimitError(ForyInvalidDataError):
    """A limit of the reader is used up; the message names the option to raise."""


class TypeNotCompatibleError(ForyInvalidDataError):
    """A received schema cannot be read into the local class."""


class ForySchemaHashError(TypeNotCompatibleError, AssertionError):
    """A row was written with another schema than the reader's."""


class TypeUnregisteredError(ForyTypeError, ValueError):
    """A class, name or id is not registered."""


class SchemaError(ForyTypeError, ValueError):
    """The annotations or field options of a class contradict each other."""


class UnresolvedAnnotationError(SchemaError, NameError):
    """An annotation names something that cannot be found."""


class CompileError(ForyError):
    """Kept for source compatibility; nothing is compiled from source text."""


_BY_CODE: Dict[int, Type[ForyError]] = dict(
    enumerate(
        (
            ForyOutOfMemoryError,
            ForyOutOfBoundError,
            ForyKeyError,
            ForyTypeError,
            ForyInvalidError,
            ForyIOError,
            ForyUnknownError,
            ForyEncodeError,
            ForyInvalidDataError,
            ForyInvalidRefError,
            ForyUnknownEnumError,
            ForyEncodingError,
            ForyDepthExceedError,
            ForyUnsupportedError,
            ForyNotAllowedError,
            ForyStructVersionMismatchError,
            ForyTypeMismatchError,
            ForyBufferOutOfBoundError,
        ),
        start=1,
    )
)


def raise_fory_error(code: int, message: str) -> None:
    """Raises the error with the numeric `code` 1 to 18; `ForyError` itself for any other code."""
    raise _BY_CODE.get(code, ForyError)(message)
