"""TypeDefs: the description of a type that compatible mode sends once per message.

Section 11 of the wire format. `build_type_def` writes our own,
`parse_type_def` reads a peer's with every check that untrusted input needs.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from pyfory.error import ForyBufferOutOfBoundError, ForyInvalidDataError, ForyLimitError
from pyfory.schema import HASH_SEED, StructField, TypeNode
from pyfory.types import FIELD_TYPE_IDS, TypeId

_MASK64 = (1 << 64) - 1
_COMPRESSED = 0x100
_RESERVED = 0xE00

_META_STRUCT, _META_COMPATIBLE, _META_BY_NAME = 0x80, 0x40, 0x20
_MANY_FIELDS = 31
_FIELD_TRACK_REF, _FIELD_NULLABLE = 1, 2
_CODE_TAG = 3
_MAX_TAG = 1 << 29
_Context = Tuple[Tuple[int, ...], str, str]
#: sizes and counts that no longer fit their bits are followed by the rest
_LONG_NAME, _LONG_FIELD, _LONG_BODY = 63, 15, 255
# No sane schema nests containers this deep; a hostile one could exhaust the stack.
MAX_TYPE_NESTING = 100

# Meta string contexts: encodings by code, special characters (section 10).
_NAMESPACE: _Context = ((0, 4, 2), ".", "_")
_TYPE_NAME: _Context = ((0, 4, 2, 3), "$", "_")
_FIELD_NAME: _Context = ((0, 4, 2), "$", "_")

_KINDS = {"enum": 0, "ext": 2, "union": 4}
_KIND_NAMES = ("enum", "ext", "union")
_KIND_TYPE_IDS = (25, 26, 31, 32, 34, 35)


# ---- writing --------------------------------------------------------------


def _vu32(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _encode_name(text: str, context: _Context) -> Tuple[int, bytes]:
    """(code, bytes) of a name; the code is the index of the encoding in its context."""
    from pyfory._core import encode_meta_string

    encodings, special1, special2 = context
    if not text:
        return 0, b""
    allowed = 0
    for encoding in encodings:
        allowed |= 1 << encoding
    encoding, data = encode_meta_string(text, special1, special2, allowed)
    return encodings.index(encoding), bytes(data)


def _name_bytes(text: str, context: _Context) -> bytes:
    code, data = _encode_name(text, context)
    size = len(data)
    if size < _LONG_NAME:
        return bytes((size << 2 | code,)) + data
    return bytes((_LONG_NAME << 2 | code,)) + _vu32(size - _LONG_NAME) + data


def _nested_type(node: TypeNode, inherited_ref: bool, track_ref: bool) -> bytes:
    ref = inherited_ref if node.ref is None else node.ref
    flags = node.nullable << 1 | (ref and track_ref)
    return _vu32(node.type_id << 2 | flags) + _children(node, ref, track_ref)


def _children(node: TypeNode, ref: bool, track_ref: bool) -> bytes:
    return b"".join(_nested_type(child, ref, track_ref) for child in node.args)


def _field_bytes(field: StructField, track_ref: bool) -> bytes:
    if field.tag >= 0:
        code, name, number = _CODE_TAG, b"", field.tag
    else:
        code, name = _encode_name(field.name, _FIELD_NAME)
        number = len(name) - 1
    head = code << 6 | min(number, _LONG_FIELD) << 2 | field.nullable << 1 | (field.ref and track_ref)
    overflow = _vu32(number - _LONG_FIELD) if number >= _LONG_FIELD else b""
    type_bytes = bytes((field.node.type_id,)) + _children(field.node, field.ref, track_ref)
    return bytes((head,)) + overflow + type_bytes + name


def _type_spec(registration: Any) -> bytes:
    if registration.by_name:
        return _name_bytes(registration.namespace, _NAMESPACE) + _name_bytes(
            registration.typename, _TYPE_NAME
        )
    return _vu32(registration.user_type_id)


def _header_hash(body: bytes) -> int:
    """The header without its low 12 bits."""
    from pyfory._core import hash_buffer

    size = min(len(body), _LONG_BODY)
    lane = hash_buffer(body + size.to_bytes(2, "little"), HASH_SEED)[0]
    shifted = (lane << 12) & _MASK64
    if shifted >> 63:
        shifted = (-shifted) & _MASK64
    return shifted & ~0xFFF


def finish_type_def(body: bytes) -> bytes:
    """Header, size and body."""
    size = len(body)
    header = _header_hash(body) | min(size, _LONG_BODY)
    extra = _vu32(size - _LONG_BODY) if size >= _LONG_BODY else b""
    return header.to_bytes(8, "little") + extra + body


def build_type_def(resolver: Any, registration: Any, fields: Sequence[StructField] = ()) -> bytes:
    """The TypeDef of a registered type; `fields` are those of a struct in wire order."""
    if registration.kind != "struct":
        kind = _KINDS[registration.kind] | registration.by_name
        return finish_type_def(bytes((kind,)) + _type_spec(registration))
    meta = _META_STRUCT | min(len(fields), _MANY_FIELDS)
    if registration.type_id in (TypeId.COMPATIBLE_STRUCT, TypeId.NAMED_COMPATIBLE_STRUCT):
        meta |= _META_COMPATIBLE
    if registration.by_name:
        meta |= _META_BY_NAME
    body = [bytes((meta,))]
    if len(fields) >= _MANY_FIELDS:
        body.append(_vu32(len(fields) - _MANY_FIELDS))
    body.append(_type_spec(registration))
    track_ref = bool(resolver.track_ref)
    body.extend(_field_bytes(field, track_ref) for field in fields)
    return finish_type_def(b"".join(body))


def type_def_key(data: bytes) -> int:
    """The 52-bit identity of a TypeDef, 0 without one."""
    return int.from_bytes(data[:8], "little") >> 12 if data else 0


# ---- reading ---------------------------------------------------------------


class RemoteField:
    """One field of a received TypeDef: known by `name` or by `tag_id`, the other is None."""

    __slots__ = ("name", "tag_id", "node", "nullable", "ref")

    def __init__(
        self, name: Optional[str], tag_id: Optional[int], node: TypeNode, nullable: bool, ref: bool
    ) -> None:
        self.name = name
        self.tag_id = tag_id
        self.node = node
        self.nullable = nullable
        self.ref = ref

    @property
    def key(self) -> str:
        """The name under which an UnknownStruct holds the value."""
        return "__tag_%s__" % self.tag_id if self.name is None else self.name

    def __repr__(self) -> str:
        return "RemoteField(%r, %r)" % (self.key, self.node)


class RemoteType:
    """A received TypeDef. `type_id` is the wire id that goes with it."""

    __slots__ = (
        "kind", "type_id", "by_name", "user_type_id", "namespace", "typename",
        "compatible", "fields", "data", "key",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        type_id: int,
        by_name: bool,
        user_type_id: Optional[int],
        namespace: str,
        typename: str,
        compatible: bool,
        fields: Tuple[RemoteField, ...],
        data: bytes,
        key: int,
    ) -> None:
        self.kind = kind
        self.type_id = type_id
        self.by_name = by_name
        self.user_type_id = user_type_id
        self.namespace = namespace
        self.typename = typename
        self.compatible = compatible
        self.fields = fields
        self.data = data
        self.key = key

    @property
    def display_name(self) -> str:
        """`ns.Name`, or `fory.UnknownStruct<number>` for a type known by number."""
        if not self.by_name:
            return "fory.UnknownStruct%d" % (self.user_type_id or 0)
        return "%s.%s" % (self.namespace, self.typename) if self.namespace else self.typename

    def __repr__(self) -> str:
        return "RemoteType(%s, %r)" % (self.display_name, self.fields)


class _Cursor:
    """Reads the body of a TypeDef; running out of it is malformed data."""

    __slots__ = ("data", "pos", "end")

    def __init__(self, data: bytes, pos: int, end: int) -> None:
        self.data = data
        self.pos = pos
        self.end = end

    def u8(self) -> int:
        if self.pos >= self.end:
            raise ForyInvalidDataError("Invalid TypeDef: it ends inside a field or name")
        self.pos += 1
        return self.data[self.pos - 1]

    def vu32(self) -> int:
        result = 0
        for shift in range(0, 35, 7):
            byte = self.u8()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise ForyInvalidDataError("Invalid TypeDef: number is too long")
        if result >> 32:
            raise ForyInvalidDataError("Invalid TypeDef: number is out of range")
        return result

    def take(self, n: int) -> bytes:
        if n > self.end - self.pos:
            raise ForyInvalidDataError("Invalid TypeDef: it ends inside a field or name")
        self.pos += n
        return self.data[self.pos - n : self.pos]


def _read_name(cursor: _Cursor, context: _Context) -> str:
    head = cursor.u8()
    size = head >> 2
    if size == _LONG_NAME:
        size += cursor.vu32()
    return _decode_name(cursor.take(size), head & 3, context)


def _decode_name(data: bytes, code: int, context: _Context) -> str:
    from pyfory._core import decode_meta_string

    encodings, special1, special2 = context
    if code >= len(encodings):
        raise ForyInvalidDataError("Invalid TypeDef: unexpected name encoding %d" % code)
    if not data:
        return ""
    return decode_meta_string(data, encodings[code], special1, special2)


def _read_children(cursor: _Cursor, type_id: int, depth: int) -> Tuple[TypeNode, ...]:
    if type_id == TypeId.MAP:
        return (_read_nested(cursor, depth), _read_nested(cursor, depth))
    if type_id in (TypeId.LIST, TypeId.SET):
        return (_read_nested(cursor, depth),)
    return ()


def _check_type_id(type_id: int) -> int:
    if type_id not in FIELD_TYPE_IDS:
        raise ForyInvalidDataError("Invalid TypeDef: Unexpected type_id %d" % type_id)
    return type_id


def _read_nested(cursor: _Cursor, depth: int) -> TypeNode:
    if depth >= MAX_TYPE_NESTING:
        raise ForyInvalidDataError("Invalid TypeDef: field type nested deeper than %d" % MAX_TYPE_NESTING)
    head = cursor.vu32()
    type_id = _check_type_id(head >> 2)
    return TypeNode(type_id, _read_children(cursor, type_id, depth + 1), bool(head & 2), bool(head & 1))


def _read_field(cursor: _Cursor) -> RemoteField:
    head = cursor.u8()
    number = head >> 2 & 15
    if number == _LONG_FIELD:
        number += cursor.vu32()
    nullable, ref = bool(head & _FIELD_NULLABLE), bool(head & _FIELD_TRACK_REF)
    type_id = _check_type_id(cursor.u8())
    node = TypeNode(type_id, _read_children(cursor, type_id, 0), nullable, ref)
    code = head >> 6
    if code == _CODE_TAG:
        if number >= _MAX_TAG:
            raise ForyInvalidDataError("Invalid TypeDef: tag id %d is out of range" % number)
        return RemoteField(None, number, node, nullable, ref)
    name = _decode_name(cursor.take(number + 1), code, _FIELD_NAME)
    return RemoteField(name, None, node, nullable, ref)


def _read_type_spec(cursor: _Cursor, by_name: bool) -> Tuple[Optional[int], str, str]:
    if not by_name:
        return cursor.vu32(), "", ""
    namespace = _read_name(cursor, _NAMESPACE)
    return None, namespace, _read_name(cursor, _TYPE_NAME)


def parse_type_def(resolver: Any, data: Any) -> RemoteType:
    """Reads one TypeDef, header included, from the start of `data`.

    Raises, in the order of section 11.2: ForyInvalidDataError for reserved
    bits and compressed bodies, ForyLimitError beyond `max_type_meta_bytes`,
    ForyBufferOutOfBoundError when the body is cut off, ForyLimitError beyond
    `max_type_fields`, ForyInvalidDataError for everything malformed inside
    and for a hash that does not match.
    """
    data = bytes(data)
    if len(data) < 8:
        raise ForyBufferOutOfBoundError("TypeDef header is cut off")
    header = int.from_bytes(data[:8], "little")
    if header & _RESERVED:
        raise ForyInvalidDataError("Unsupported TypeDef header: reserved bits are set")
    if header & _COMPRESSED:
        raise ForyInvalidDataError("Unsupported TypeDef header: compressed bodies are not supported")
    size = header & 0xFF
    start = 8
    if size == _LONG_BODY:
        outer = _Cursor(data, 8, len(data))
        try:
            size += outer.vu32()
        except ForyInvalidDataError:
            if len(data) - 8 < 5:
                raise ForyBufferOutOfBoundError("TypeDef size is cut off") from None
            raise
        start = outer.pos
    if size > resolver.max_type_meta_bytes:
        raise ForyLimitError(
            "TypeDef body of %d bytes exceeds max_type_meta_bytes=%d; pass a larger "
            "Fory(max_type_meta_bytes=...) if the peer is trusted" % (size, resolver.max_type_meta_bytes)
        )
    end = start + size
    if end > len(data):
        raise ForyBufferOutOfBoundError("TypeDef body is cut off: %d bytes, %d are left" % (size, len(data) - start))
    data = data[:end]
    cursor = _Cursor(data, start, end)
    meta = cursor.u8()
    fields: List[RemoteField] = []
    if meta & _META_STRUCT:
        kind = "struct"
        count = meta & _MANY_FIELDS
        if count == _MANY_FIELDS:
            count += cursor.vu32()
        if count > resolver.max_type_fields:
            raise ForyLimitError(
                "TypeDef with %d fields exceeds max_type_fields=%d; pass a larger "
                "Fory(max_type_fields=...) if the peer is trusted" % (count, resolver.max_type_fields)
            )
        by_name = bool(meta & _META_BY_NAME)
        compatible = bool(meta & _META_COMPATIBLE)
        type_id = TypeId.STRUCT + compatible + 2 * by_name
        spec = _read_type_spec(cursor, by_name)
        tags = set()
        for _ in range(count):
            field = _read_field(cursor)
            if field.tag_id is not None:
                if field.tag_id in tags:
                    raise ForyInvalidDataError("Duplicate tag ID %d in TypeDef" % field.tag_id)
                tags.add(field.tag_id)
            fields.append(field)
    else:
        if meta > 5:
            raise ForyInvalidDataError("Invalid TypeDef: unknown kind 0x%02x" % meta)
        kind = _KIND_NAMES[meta >> 1]
        by_name = bool(meta & 1)
        compatible = False
        type_id = _KIND_TYPE_IDS[meta]
        spec = _read_type_spec(cursor, by_name)
    if cursor.pos != end:
        raise ForyInvalidDataError("Invalid TypeDef metadata size: %d bytes are left over" % (end - cursor.pos))
    if header & ~0xFFF != _header_hash(data[start:end]):
        raise ForyInvalidDataError("Invalid TypeDef: hash mismatch")
    user_type_id, namespace, typename = spec
    return RemoteType(
        kind, type_id, by_name, user_type_id, namespace, typename, compatible, tuple(fields), data, header >> 12
    )
