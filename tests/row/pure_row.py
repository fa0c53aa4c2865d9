"""Section 17.2 of the wire format in plain Python: what the compiled core is compared with.

Values are plain: a struct is a tuple, a map a list of pairs, a list a list;
dates are days, times microseconds, decimals unscaled integers. Nulls are None.
"""

from __future__ import annotations

import datetime
import decimal
import struct
from typing import Any, List, Sequence, Tuple

BOOL, INT8, INT16, INT32, INT64 = 1, 2, 3, 4, 6
FLOAT16, FLOAT32, FLOAT64 = 17, 19, 20
UTF8, LIST, MAP, STRUCT = 21, 22, 24, 27
DURATION, TIMESTAMP, DATE, DECIMAL, BINARY = 37, 38, 39, 40, 41

#: struct codes of fixed-width values
CODES = {
    BOOL: "?", INT8: "b", INT16: "h", INT32: "i", INT64: "q", FLOAT16: "e", FLOAT32: "f", FLOAT64: "d",
    DURATION: "q", TIMESTAMP: "q", DATE: "i",
}  # fmt: skip

Spec = Tuple[int, str, bool, Tuple[Any, ...], Tuple[int, ...]]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _bitmap(values: Sequence[Any]) -> bytearray:
    bits = bytearray(8 * ((len(values) + 63) // 64))
    for i, value in enumerate(values):
        if value is None:
            bits[i // 8] |= 1 << i % 8
    return bits


def encode_struct(children: Sequence[Spec], values: Sequence[Any]) -> bytes:
    assert len(children) == len(values)
    head = _bitmap(values)
    base = len(head) + 8 * len(values)
    slots, tail = b"", b""
    for spec, value in zip(children, values):
        if value is None:
            slots += bytes(8)
        elif spec[0] in CODES:
            slots += _padded(struct.pack("<" + CODES[spec[0]], value))
        else:
            body = encode_value(spec, value)
            slots += struct.pack("<II", len(body), base + len(tail))
            tail += _padded(body)
    return bytes(head) + slots + tail


def encode_array(spec: Spec, values: Sequence[Any]) -> bytes:
    head = struct.pack("<Q", len(values)) + bytes(_bitmap(values))
    code = CODES.get(spec[0])
    if code is not None:
        items = b"".join(bytes(struct.calcsize(code)) if v is None else struct.pack("<" + code, v) for v in values)
        return head + _padded(items)
    base = len(head) + 8 * len(values)
    slots, tail = b"", b""
    for value in values:
        if value is None:
            slots += bytes(8)
        else:
            body = encode_value(spec, value)
            slots += struct.pack("<II", len(body), base + len(tail))
            tail += _padded(body)
    return head + slots + tail


def encode_value(spec: Spec, value: Any) -> bytes:
    type_id, children = spec[0], spec[3]
    if type_id == UTF8:
        return value.encode("utf-8")
    if type_id == BINARY:
        return value
    if type_id == DECIMAL:
        return value.to_bytes(16, "little", signed=True)
    if type_id == STRUCT:
        return encode_struct(children, value)
    if type_id == LIST:
        return encode_array(children[0], value)
    keys = encode_array(children[0], [pair[0] for pair in value])
    return struct.pack("<Q", len(keys)) + keys + encode_array(children[1], [pair[1] for pair in value])


def encode(spec: Spec, values: Sequence[Any]) -> bytes:
    """The bytes of a row; `spec` is that of the schema."""
    return encode_struct(spec[3], values)


# ---- reading, without checks ----------------------------------------------------


def _scrub_items(spec: Spec, data: bytearray, base: int, count: int, bitmap: int, items: int) -> None:
    width = struct.calcsize(CODES[spec[0]]) if spec[0] in CODES else 8
    for i in range(count):
        at = items + i * width
        if data[bitmap + i // 8] >> i % 8 & 1:
            data[at : at + width] = bytes(width)
        elif spec[0] not in CODES:
            size, offset = struct.unpack_from("<II", data, at)
            _scrub_value(spec, data, base + offset, size)
            end = base + offset + size
            data[end : end + -size % 8] = bytes(-size % 8)


def _scrub_array(spec: Spec, data: bytearray, base: int) -> None:
    (count,) = struct.unpack_from("<Q", data, base)
    items = base + 8 + 8 * ((count + 63) // 64)
    _scrub_items(spec, data, base, count, base + 8, items)


def _scrub_value(spec: Spec, data: bytearray, at: int, size: int) -> None:
    type_id, children = spec[0], spec[3]
    if type_id == STRUCT:
        _scrub_struct(children, data, at)
    elif type_id == LIST:
        _scrub_array(children[0], data, at)
    elif type_id == MAP:
        (keys,) = struct.unpack_from("<Q", data, at)
        _scrub_array(children[0], data, at + 8)
        _scrub_array(children[1], data, at + 8 + keys)


def _scrub_struct(children: Sequence[Spec], data: bytearray, base: int) -> None:
    head = 8 * ((len(children) + 63) // 64)
    for i, spec in enumerate(children):
        at = base + head + 8 * i
        if data[base + i // 8] >> i % 8 & 1:
            data[at : at + 8] = bytes(8)
        elif spec[0] not in CODES:
            size, offset = struct.unpack_from("<II", data, at)
            _scrub_value(spec, data, base + offset, size)
            end = base + offset + size
            data[end : end + -size % 8] = bytes(-size % 8)


def scrub(spec: Spec, row: bytes) -> bytes:
    """A row of a correct writer with zeros wherever the format leaves the content open."""
    data = bytearray(row)
    _scrub_struct(spec[3], data, 0)
    return bytes(data)


# ---- plain values and Python's own -------------------------------------------------

UTC = datetime.timezone.utc
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
_WIDE = decimal.Context(prec=60)


def to_python(spec: Spec, value: Any) -> Any:
    """A plain value as a user would pass it: dicts for structs and maps."""
    type_id, children = spec[0], spec[3]
    if value is None:
        return None
    if type_id == STRUCT:
        return {child[1]: to_python(child, v) for child, v in zip(children, value)}
    if type_id == LIST:
        return [to_python(children[0], v) for v in value]
    if type_id == MAP:
        return {to_python(children[0], k): to_python(children[1], v) for k, v in value}
    if type_id == DATE:
        return datetime.date.fromordinal(datetime.date(1970, 1, 1).toordinal() + value)
    if type_id == TIMESTAMP:
        return _EPOCH + datetime.timedelta(microseconds=value)
    if type_id == DURATION:
        return datetime.timedelta(microseconds=value)
    if type_id == DECIMAL:
        return decimal.Decimal(value).scaleb(-spec[4][1], _WIDE)
    return value


def java_text(spec: Spec, value: Any) -> str:
    """A plain value as RowPeer.java shows it."""
    type_id, children = spec[0], spec[3]
    if value is None:
        return "None"
    if type_id == STRUCT:
        return "(%s)" % ",".join(map(java_text, children, value))
    if type_id == LIST:
        return _java_list(children[0], value)
    if type_id == MAP:
        keys: List[Any] = [pair[0] for pair in value]
        return _java_list(children[0], keys) + ":" + _java_list(children[1], [pair[1] for pair in value])
    if type_id == FLOAT32:
        return "f%x" % struct.unpack("<I", struct.pack("<f", value))
    if type_id == FLOAT64:
        return "d%x" % struct.unpack("<Q", struct.pack("<d", value))
    if type_id == UTF8:
        return "s" + value.encode("utf-8").hex()
    if type_id == BINARY:
        return "b" + value.hex()
    return str(value)


def _java_list(spec: Spec, values: Sequence[Any]) -> str:
    return "[%s]" % ",".join(java_text(spec, v) for v in values)
