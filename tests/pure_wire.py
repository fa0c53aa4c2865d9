"""MurmurHash3 and meta strings in plain Python, written from the format description.

The tests of schemas and TypeDefs compare the C functions with these, and
stand-ins for a resolver and its registrations live here too.
"""

import struct

MASK = (1 << 64) - 1
LOWER = "abcdefghijklmnopqrstuvwxyz._$|"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _rotate(value, count):
    return (value << count | value >> (64 - count)) & MASK


def _mix(value):
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def hash_buffer(data, seed=0):
    """MurmurHash3_x64_128 as two signed lanes."""
    data = bytes(data)
    a, b = 0x87C37B91114253D5, 0x4CF5AD432745937F
    one = two = seed
    whole = len(data) // 16 * 16
    for first, second in struct.iter_unpack("<QQ", data[:whole]):
        one ^= _rotate(first * a & MASK, 31) * b & MASK
        one = ((_rotate(one, 27) + two) * 5 + 0x52DCE729) & MASK
        two ^= _rotate(second * b & MASK, 33) * a & MASK
        two = ((_rotate(two, 31) + one) * 5 + 0x38495AB5) & MASK
    tail = data[whole:]
    if len(tail) > 8:
        two ^= _rotate(int.from_bytes(tail[8:], "little") * b & MASK, 33) * a & MASK
    if tail:
        one ^= _rotate(int.from_bytes(tail[:8], "little") * a & MASK, 31) * b & MASK
    one ^= len(data)
    two ^= len(data)
    one = (one + two) & MASK
    two = (two + one) & MASK
    one, two = _mix(one), _mix(two)
    one = (one + two) & MASK
    two = (two + one) & MASK
    return _signed(one), _signed(two)


def _pack(codes, width):
    bits = "".join(format(code, "0%db" % width) for code in codes)
    total = 1 + len(bits)
    size = -(-total // 8)
    strip = size * 8 >= total + width
    return int(("1" if strip else "0") + bits.ljust(size * 8 - 1, "0"), 2).to_bytes(size, "big")


def encode_meta_string(text, special1, special2, allowed):
    """(encoding, bytes) of section 10."""
    table = LETTERS + special1 + special2
    if not text:
        return 0, b""
    if all(c in LOWER for c in text) and allowed & 2:
        return 1, _pack([LOWER.index(c) for c in text], 5)
    if all(c in table for c in text) and allowed & 4:
        uppers = sum(c.isupper() for c in text)
        if not any(c.isdigit() for c in text):
            if uppers == 1 and text[0].isupper() and allowed & 8:
                return 3, _pack([LOWER.index(c) for c in text.lower()], 5)
            lowered = "".join("|" + c.lower() if c.isupper() else c for c in text)
            if (len(text) + uppers) * 5 < len(text) * 6 and allowed & 16:
                return 4, _pack([LOWER.index(c) for c in lowered], 5)
        return 2, _pack([table.index(c) for c in text], 6)
    return 0, text.encode("utf-8", "surrogatepass")


def decode_meta_string(data, encoding, special1, special2):
    """The text of section 10."""
    if not data:
        return ""
    if encoding == 0:
        return data.decode("utf-8")
    width = 6 if encoding == 2 else 5
    table = LETTERS + special1 + special2 if encoding == 2 else LOWER
    bits = "".join(format(byte, "08b") for byte in data)
    count = (len(bits) - 1) // width - (bits[0] == "1")
    text = "".join(table[int(bits[1 + i * width : 1 + (i + 1) * width], 2)] for i in range(count))
    if encoding == 3:
        return text[:1].upper() + text[1:]
    if encoding == 4:
        head, *rest = text.split("|")
        return head + "".join(part[0].upper() + part[1:] for part in rest)
    return text


class Registration:
    """What the registry knows about a class."""

    def __init__(self, cls, kind, type_id, user_type_id=None, name="", evolving=True):
        self.cls = cls
        self.kind = kind
        self.type_id = type_id
        self.user_type_id = user_type_id
        self.namespace, _, self.typename = name.rpartition(".")
        self.by_name = bool(name)
        self.evolving = evolving
        self.serializer = None


class Resolver:
    """The part of a registry that schemas need."""

    def __init__(
        self,
        compatible=True,
        track_ref=False,
        field_nullable=False,
        max_type_fields=512,
        max_type_meta_bytes=4096,
    ):
        self.compatible = compatible
        self.track_ref = track_ref
        self.field_nullable = field_nullable
        self.max_type_fields = max_type_fields
        self.max_type_meta_bytes = max_type_meta_bytes
        self.registrations = {}

    def lookup(self, cls):
        return self.registrations.get(cls)

    def find(self, user_type_id=None, namespace=None, typename=None):
        for reg in self.registrations.values():
            if user_type_id is not None:
                if reg.user_type_id == user_type_id:
                    return reg
            elif reg.by_name and (reg.namespace, reg.typename) == (namespace, typename):
                return reg
        return None

    def add(self, cls, type_id=None, name="", kind="struct", evolving=True):
        named = bool(name)
        if kind == "struct":
            wire_id = 27 + (self.compatible and evolving) + 2 * named
        else:
            wire_id = {"enum": 25, "ext": 31, "union": 34}[kind] + named
        reg = Registration(cls, kind, wire_id, None if named else type_id, name, evolving)
        self.registrations[cls] = reg
        return reg
