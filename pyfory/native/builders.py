"""Builtins that the reduce protocol does not cover: how they are taken apart and rebuilt.

The `reduce_*` functions give reduce values (callable, args); the callables are
the other functions of this module, named in messages and allowed in strict mode.
"""

from __future__ import annotations

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
    mapping = getattr(view, "mapping", None)
    return None if mapping is None else _underlying(mapping)


def reduce_keys(view: Any) -> Any:
    mapping = _mapping_of_view(view)
    return dict_keys, (dict.fromkeys(view) if mapping is None else mapping,)


def reduce_items(view: Any) -> Any:
    mapping = _mapping_of_view(view)
    return dict_items, (dict(view) if mapping is None else mapping,)


def reduce_values(view: Any) -> Any:
    mapping = _mapping_of_view(view)
    return dict_values, (dict(enumerate(view)) if mapping is None else mapping,)


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
