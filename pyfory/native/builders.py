"""Builtins that the reduce protocol does not cover: how they are taken apart and rebuilt.

The `reduce_*` functions give reduce values (callable, args); the callables are
the other functions of this module, named in messages and allowed in strict mode.
"""

from __future__ import annotations

import copyreg
import uuid
from types import MappingProxyType
from typing import Any, Dict, Tuple

__all__ = ["REDUCERS", "SAFE_UNKNOWN", "dict_items", "dict_keys", "dict_values", "memory_view", "zone_info"]

#: what a UUID says of its origin unless it knows better
SAFE_UNKNOWN = uuid.SafeUUID.unknown


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
    return cls._unpickle(key, from_cache)  # type: ignore[attr-defined]


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
