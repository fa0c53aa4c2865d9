"""Hypothesis strategies: random row schemas, and plain values for them (see pure_row)."""

from __future__ import annotations

from hypothesis import strategies as st

from pyfory import format as rows
from row import pure_row as pure

_SIMPLE = [
    rows.boolean(), rows.int8(), rows.int16(), rows.int32(), rows.int64(), rows.float32(), rows.float64(),
    rows.utf8(), rows.binary(), rows.date32(), rows.timestamp(),
]  # fmt: skip
#: what upstream's rows do not have
_OURS = [rows.float16(), rows.duration(), rows.decimal(10, 2), rows.decimal(38, 18)]
_KEYS = [rows.utf8(), rows.int64(), rows.int8(), rows.int32(), rows.date32()]

NAMES = st.text("abcxyzABC019_\u00e9\u65e5", min_size=1, max_size=20)


def types(upstream=False, depth=2):
    """Random types; `upstream`: only what upstream's Python supports."""
    leaf = st.sampled_from(_SIMPLE if upstream else _SIMPLE + _OURS)
    if depth == 0:
        return leaf
    inner = types(upstream, depth - 1)
    # upstream makes no encoder for lists and maps directly inside of lists and maps
    items = inner.filter(lambda t: t.id not in (pure.LIST, pure.MAP)) if upstream else inner
    return st.one_of(
        leaf,
        leaf,
        items.map(rows.list_),
        st.builds(rows.map_, st.sampled_from(_KEYS), items),
        _fields(inner).map(rows.struct),
    )


def _fields(inner, max_size=4, min_size=1):
    return st.lists(st.builds(rows.field, NAMES, inner), min_size=min_size, max_size=max_size, unique_by=lambda f: f.name)


def schemas(upstream=False, depth=2, max_size=8):
    return _fields(types(upstream, depth), max_size).map(rows.schema)


def _int(bits):
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


_TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
_VALUES = {
    pure.BOOL: st.booleans(),
    pure.INT8: _int(8),
    pure.INT16: _int(16),
    pure.INT32: _int(32),
    pure.INT64: _int(64),
    pure.FLOAT16: st.floats(width=16, allow_nan=False),
    pure.FLOAT32: st.floats(width=32, allow_nan=False),
    pure.FLOAT64: st.floats(allow_nan=False),
    pure.UTF8: _TEXT,
    pure.BINARY: st.binary(max_size=20),
    # year 1 to 9999
    pure.DATE: st.integers(-719162, 2932896),
    pure.TIMESTAMP: st.integers(-62135596800 * 10**6, 253402300799 * 10**6),
    pure.DURATION: _int(64).map(lambda v: v // 2),
}


def values(spec, upstream=False, nulls=True):
    """Plain values of a position; `upstream`: without what upstream gets wrong."""
    type_id, _, _, children, params = spec
    if type_id == pure.STRUCT:
        made = st.tuples(*[values(child, upstream) for child in children])
    elif type_id == pure.LIST:
        made = st.lists(values(children[0], upstream), max_size=5)
    elif type_id == pure.MAP:
        made = st.lists(
            st.tuples(values(children[0], upstream, nulls=False), values(children[1], upstream)),
            max_size=4,
            unique_by=lambda pair: pair[0],
        )
    elif type_id == pure.DECIMAL:
        limit = 10 ** params[0] - 1
        made = st.integers(-limit, limit)
    elif upstream and type_id == pure.BINARY:
        made = st.binary(min_size=1, max_size=20)  # empty bytes raise IndexError there
    elif upstream and type_id == pure.TIMESTAMP:
        made = st.integers(-(2**31), 2**31).map(lambda v: v * 10**6)  # whole seconds survive its float arithmetic
    else:
        made = _VALUES[type_id]
    return st.none() | made if nulls else made


def rows_of(schema, upstream=False):
    """Plain values of whole rows."""
    return values(schema.spec, upstream, nulls=False)


def schemas_with_rows(upstream=False, depth=2, count=None):
    """(schema, row) or, with `count`, (schema, list of rows)."""

    def with_rows(schema):
        row = rows_of(schema, upstream)
        return st.tuples(st.just(schema), row if count is None else st.lists(row, max_size=count))

    return schemas(upstream, depth).flatmap(with_rows)
