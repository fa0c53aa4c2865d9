"""A value as text that tells types, signs of zero, NaN and sharing apart.

Runs here and in upstream's process, so it knows the values of both by the
names of their classes only.
"""

import array
import dataclasses
import datetime
import decimal
import enum


def describe(value, sharing=True):
    """The text; an object that occurs more than once is written once, as `&n=`, and then as `*n`."""
    counts, order = {}, {}
    if sharing:
        _count(value, counts)
    return _show(value, counts, order)


def _children(value):
    if isinstance(value, dict):
        return [x for pair in value.items() for x in pair]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if dataclasses.is_dataclass(value):
        return [getattr(value, f.name, None) for f in dataclasses.fields(value)]
    return ()


def _count(value, counts):
    if isinstance(value, (list, dict, set)) or dataclasses.is_dataclass(value):
        counts[id(value)] = counts.get(id(value), 0) + 1
        if counts[id(value)] > 1:
            return
    for child in _children(value):
        _count(child, counts)


def _show(value, counts, order):
    if counts.get(id(value), 0) > 1:
        if id(value) in order:
            return "*%d" % order[id(value)]
        order[id(value)] = len(order)
        return "&%d=%s" % (order[id(value)], _plain(value, counts, order))
    return _plain(value, counts, order)


def _plain(value, counts, order):
    def inner(x):
        return _show(x, counts, order)

    kind = type(value).__name__
    if isinstance(value, enum.Enum):
        return "%s.%s" % (kind, value.name)
    if kind == "NonExistEnum":
        return "NonExistEnum(%r)" % value.value
    if value is None or isinstance(value, (bool, int, float, bytes, decimal.Decimal)):
        return repr(value)
    if isinstance(value, str):
        return ascii(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return "%s(%s)" % (kind, value.isoformat())
    if isinstance(value, datetime.timedelta):
        return "timedelta(%d, %d, %d)" % (value.days, value.seconds, value.microseconds)
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(inner, value))
    if isinstance(value, tuple):
        return "(%s,)" % ", ".join(map(inner, value))
    if isinstance(value, (set, frozenset)):
        return "%s{%s}" % (kind, ", ".join(sorted(map(inner, value))))
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (inner(k), inner(v)) for k, v in value.items())
    if isinstance(value, array.array):
        return "array(%r, %r)" % (value.typecode, value.tolist())
    if kind == "ndarray":
        return "ndarray(%s, %r)" % (value.dtype, value.tolist())
    if kind.endswith("Array"):
        return "%s%r" % (kind, list(value))
    if kind == "UnknownStruct":
        return "UnknownStruct(%s)" % ", ".join("%s=%s" % (k, inner(value[k])) for k in value)
    if dataclasses.is_dataclass(value):
        fields = [f.name for f in dataclasses.fields(value)]
        return "%s(%s)" % (kind, ", ".join("%s=%s" % (n, inner(getattr(value, n)) if hasattr(value, n) else "<unset>") for n in fields))
    return "%s:%r" % (kind, value)
