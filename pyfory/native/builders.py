"""Builtins that the reduce protocol does not cover: how they are taken apart and rebuilt.

The `reduce_*` functions give reduce values (callable, args); the callables are
the other functions of this module, named in messages and allowed in strict mode.
"""

from __future__ import annotations

import copyreg
from types import MappingProxyType
from typing import Any, Dict, Tuple

from pyfory.error import ForyInvalidDataError

__all__ = [
    "REDUCERS", "dict_items", "dict_keys", "dict_values", "dtype", "fill_object_array", "memory_view",
    "object_array", "structure", "subarray", "zone_info",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "SAFE_UNKNOWN":  # what a UUID says of its origin unless it knows better
        from uuid import SafeUUID  # imports much, which programs without UUIDs do not need

        return SafeUUID.unknown
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def dict_keys(mapping: Dict[Any, Any]) -> Any:
    """The keys view of a dict."""
    return mapping.keys()


def dict_values(mapping: Dict[Any, Any]) -> Any:
    """The values view of a dict."""
    return mapping.values()


def dict_items(mapping: Dict[Any, Any]) -> Any:
    """The items view of a dict."""
    return mapping.items()


def memory_view(data: Any, format: str, shape: Tuple[int, ...]) -> memoryview:
    """A C-contiguous memoryview over new memory: bytes when it was read-only, else a bytearray."""
    if not isinstance(data, (bytes, bytearray)):
        raise ForyInvalidDataError("%s as the memory of a memoryview" % type(data).__name__)
    view = memoryview(data)
    if format == "B" and len(shape) == 1:
        return view
    return view.cast(format, shape)  # type: ignore[call-overload,no-any-return]


def reduce_with_attributes(obj: Any) -> Any:
    """What the class's own reduce method gives, and the attributes that it forgets."""
    parts = obj.__reduce_ex__(5)
    if not isinstance(parts, tuple) or (len(parts) > 2 and parts[2] is not None):
        return parts
    attributes = getattr(obj, "__dict__", None) or None
    slots = {name: getattr(obj, name) for name in copyreg._slotnames(type(obj)) if hasattr(obj, name)}  # type: ignore
    if attributes is None and not slots:
        return parts
    return parts[:2] + ((attributes, slots) if slots else attributes,) + parts[3:]


def reduce_exception(error: BaseException) -> Any:
    """An exception with its cause; traceback and context stay behind, as pickle leaves them."""
    parts: Any = error.__reduce_ex__(5)
    if error.__cause__ is None and not error.__suppress_context__:
        return parts
    # BaseException.__setstate__ sets attributes, in this order
    state = dict(parts[2]) if len(parts) > 2 and parts[2] else {}
    state["__cause__"] = error.__cause__
    state["__suppress_context__"] = error.__suppress_context__
    return parts[:2] + (state,) + parts[3:]


def zone_info(cls: type, key: str, from_cache: int) -> Any:
    """The time zone of a key of the system's database."""
    if not isinstance(cls, type) or not any(base.__name__ == "ZoneInfo" for base in cls.__mro__):
        raise ForyInvalidDataError("a time zone of a class that is none")
    return cls._unpickle(key, from_cache)  # type: ignore[attr-defined]


# --- NumPy ------------------------------------------------------------------------
#
# The pickled state of a dtype holds its flags and offsets and that of an array
# of objects is taken at its word about its length: a message could make memory
# of anything. So dtypes travel as what their constructor checks, and arrays of
# objects as the list of them.


def dtype(text: str) -> Any:
    """The dtype that a short text such as "<f8" names completely."""
    import numpy

    if type(text) is not str:
        raise ForyInvalidDataError("%s as the name of a dtype" % type(text).__name__)
    return numpy.dtype(text)


def subarray(base: Any, shape: Tuple[int, ...]) -> Any:
    """A dtype whose elements are arrays."""
    import numpy

    if not isinstance(base, numpy.dtype) or type(shape) is not tuple:
        raise ForyInvalidDataError("damaged dtype of arrays")
    return numpy.dtype((base, shape))


def structure(
    names: Tuple[str, ...], formats: Tuple[Any, ...], offsets: Tuple[int, ...], titles: Any, itemsize: int, aligned: bool
) -> Any:
    """A structured dtype."""
    import numpy

    if type(formats) is not tuple or not all(isinstance(part, numpy.dtype) for part in formats):
        raise ForyInvalidDataError("damaged structured dtype")
    spec: Any = {"names": list(names), "formats": list(formats), "offsets": list(offsets), "itemsize": itemsize}
    if titles is not None:
        spec["titles"] = list(titles)
    return numpy.dtype(spec, align=bool(aligned))


def reduce_dtype(value: Any) -> Any:
    import numpy

    if value.metadata is None:
        if value.subdtype is not None:
            return subarray, value.subdtype
        if value.names is not None and value.type is numpy.void:
            fields = [value.fields[name] for name in value.names]
            titles = tuple([field[2] if len(field) > 2 else None for field in fields])
            return structure, (
                value.names, tuple([field[0] for field in fields]), tuple([field[1] for field in fields]),
                titles if any(title is not None for title in titles) else None, value.itemsize, value.isalignedstruct,
            )  # fmt: skip
        if value.names is None and value.kind in "?biufcmMSUVO" and numpy.dtype(value.str) == value:
            return dtype, (value.str,)
    return value.__reduce_ex__(5)


def object_array() -> Any:
    """An array of objects without its shape and elements."""
    import numpy

    return numpy.empty(0, dtype=object)


def fill_object_array(array: Any, state: Any) -> None:
    """Gives an array from `object_array` its dtype, shape and elements."""
    import numpy

    of, shape, fortran, elements = state
    count = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise ForyInvalidDataError("damaged array of objects")
        count *= length
    if (
        type(array) is not numpy.ndarray
        or array.dtype != object
        or array.size
        or not isinstance(of, numpy.dtype)
        or not of.hasobject
        or type(elements) is not list
        or len(elements) != count
        or type(shape) is not tuple
    ):
        raise ForyInvalidDataError("damaged array of objects")
    # NumPy does not notice when an element of a structure cannot be set here, so
    # these are set one by one.
    objects = of.kind == "O"
    whole: Any = (1, shape, of, bool(fortran), elements if objects else [numpy.zeros((), of)[()]] * count)
    array.__setstate__(whole)
    if not objects:
        flat = array.reshape(-1, order="A")
        for i, element in enumerate(elements):
            flat[i] = element


def reduce_object_array(array: Any) -> Any:
    _, shape, of, fortran, elements = array.__reduce__()[2]
    return object_array, (), (of, shape, fortran, elements), None, None, fill_object_array


def reduce_mapping_proxy(proxy: Any) -> Any:
    return MappingProxyType, (_underlying(proxy),)


def _underlying(proxy: Any) -> Any:
    # `==` hands the other operand the mapping itself
    return _Catch().take(proxy)


class _Catch:
    """Compares with a mapping proxy to get hold of the mapping behind it."""

    found: Any = None

    def __eq__(self, other: object) -> bool:
        self.found = other
        return True

    __hash__ = None  # type: ignore[assignment]

    def take(self, proxy: Any) -> Any:
        proxy == self  # noqa: B015
        return self.found


def _mapping_of_view(view: Any) -> Any:
    """What the view looks into; before Python 3.10 it cannot be reached."""
    mapping = getattr(view, "mapping", None)
    return None if mapping is None else _underlying(mapping)


def _copied(view: Any, entries: Any) -> Any:
    """A mapping of the view's kind."""
    if type(view).__name__.startswith("odict_"):
        from collections import OrderedDict

        return OrderedDict(entries)
    return dict(entries)


def reduce_keys(view: Any) -> Any:
    mapping = _mapping_of_view(view)
    return dict_keys, (_copied(view, dict.fromkeys(view)) if mapping is None else mapping,)


def reduce_items(view: Any) -> Any:
    mapping = _mapping_of_view(view)
    return dict_items, (_copied(view, view) if mapping is None else mapping,)


def reduce_values(view: Any) -> Any:
    mapping = _mapping_of_view(view)
    return dict_values, (_copied(view, enumerate(view)) if mapping is None else mapping,)


def reduce_memory_view(view: memoryview) -> Any:
    data = view.tobytes() if view.readonly else bytearray(view.tobytes())
    return memory_view, (data, view.format, view.shape)


def reduce_zone_info(zone: Any) -> Any:
    # raises for zones that came from a file
    _, args = zone.__reduce__()
    return zone_info, (type(zone),) + tuple(args)


def _reducers() -> Dict[type, Any]:
    from collections import OrderedDict

    ordered: Any = OrderedDict()
    plain: Dict[Any, Any] = {}
    table: Dict[type, Any] = {MappingProxyType: reduce_mapping_proxy, memoryview: reduce_memory_view}
    for mapping in (plain, ordered):
        table[type(mapping.keys())] = reduce_keys
        table[type(mapping.items())] = reduce_items
        table[type(mapping.values())] = reduce_values
    return table


REDUCERS = _reducers()
