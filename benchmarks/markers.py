"""Field markers for the models.

A worker that measures pyfory sees the real markers. The environments of the other peers have no pyfory: they see the plain
Python types, which is what those libraries expect of a dataclass.
"""

from dataclasses import field as _plain_field
from importlib.util import find_spec
from typing import Any

from . import MEASURING

# The controlling side never imports pyfory: from a source tree it would find the sources instead of what is installed.
HAVE_PYFORY = MEASURING and find_spec("pyfory") is not None

if HAVE_PYFORY:
    import pyfory

    Int32 = pyfory.Int32
    Int64 = pyfory.Int64
    Float32 = pyfory.Float32
    Float64 = pyfory.Float64

    _ARRAY_ELEMENTS = {"bool": bool, "i4": pyfory.Int32, "i8": pyfory.Int64, "f4": pyfory.Float32, "f8": pyfory.Float64}

    def number_array(kind: str) -> Any:
        """Annotation of a numeric array field whose value is an ndarray."""
        return pyfory.NDArray[_ARRAY_ELEMENTS[kind]]

    def tagged(number: int, **options: Any) -> Any:
        """A dataclass field with a tag id, where tags exist."""
        return pyfory.field(number, **options)

else:
    Int32 = int
    Int64 = int
    Float32 = float
    Float64 = float

    def number_array(kind: str) -> Any:
        """Annotation of a numeric array field whose value is an ndarray."""
        return Any

    def tagged(number: int, **options: Any) -> Any:
        """A dataclass field with a tag id, where tags exist."""
        for name in ("nullable", "ref"):
            options.pop(name, None)
        return _plain_field(**options)

__all__ = ["HAVE_PYFORY", "Int32", "Int64", "Float32", "Float64", "number_array", "tagged"]
