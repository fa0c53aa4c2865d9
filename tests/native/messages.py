"""Messages of the native format put together by hand: one at least for every
tag, extension code and kind of code record, each reaching, where its tag lets
anything be named at all, for a module that must not be imported.

The tags come from csrc/native/native.h, so that a new one without a case fails.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any, Dict, List

from pyfory.native import kinds
from pyfory.native.bytecode import MAGIC, PYTHON

HEAD = b"\x04"
CANARY = "fory_canary"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

_HEADER = Path(__file__).resolve().parents[2] / "csrc" / "native" / "native.h"


def enum_of(name: str) -> Dict[str, int]:
    """The members of an enum of the header."""
    text = re.sub(r"/\*.*?\*/", "", _HEADER.read_text(), flags=re.S)
    found = re.search(r"enum %s \{(.*?)\};" % name, text, flags=re.S)
    assert found, name
    members: Dict[str, int] = {}
    number = -1
    for item in found.group(1).split(","):
        item = item.strip()
        if item:
            label, _, value = item.partition("=")
            number = int(value, 0) if value else number + 1
            members[label.strip()] = number
    return members


TAGS = enum_of("fory_native_tag")
EXTENSIONS = enum_of("fory_native_ext")
EXTENSIONS.pop("FORY_X_COUNT")
KINDS = {name: number for name, number in vars(kinds).items() if name.isupper() and type(number) is int}


def vu(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def tag(name: str) -> bytes:
    return bytes([TAGS["FORY_N_" + name]])


def ext(name: str) -> bytes:
    return tag("EXT") + bytes([EXTENSIONS["FORY_X_" + name]])


def text(value: str) -> bytes:
    """Size and UTF-8."""
    data = value.encode("utf-8", "surrogatepass")
    return vu(len(data)) + data


def name(value: str) -> bytes:
    """A name that is not packed."""
    data = value.encode("utf-8", "surrogatepass")
    return vu(2 * len(data)) + data


def packed(value: str) -> bytes:
    """A name that is packed."""
    bits = sum(LETTERS.index(letter) << 6 * i for i, letter in enumerate(value))
    return vu(2 * len(value) + 1) + bits.to_bytes((6 * len(value) + 7) // 8, "little")


def string(value: str) -> bytes:
    """A short str as a value."""
    assert len(value) < 40
    return bytes([TAGS["FORY_N_STR"] + len(value)]) + value.encode("latin-1")


def number(n: int) -> bytes:
    """A small int as a value."""
    assert -16 <= n < 80
    return bytes([n + 16])


def named(qualname: str, module: str = CANARY) -> bytes:
    """A class or function in the place of a class: by name, the module for the first time."""
    return b"\x00" + name(module) + name(qualname)


def by_typename(typename: str, qualname: str, module: str = CANARY) -> bytes:
    return b"\x03" + name(typename) + b"\x00" + name(module) + name(qualname)


def reference(qualname: str, module: str = CANARY) -> bytes:
    return tag("GLOBAL") + named(qualname, module)


def values(*items: bytes) -> bytes:
    return vu(len(items)) + b"".join(items)


def tuple_of(*items: bytes) -> bytes:
    return bytes([TAGS["FORY_N_TUPLE"] + len(items)]) + b"".join(items)


NONE = tag("NONE")
FIRE = tag("REDUCE") + reference("fire") + values()
"""A value that is the result of calling the canary."""


def code(kind: str, header: bytes, args: bytes = values(), state: bytes = NONE) -> bytes:
    return tag("CODE") + vu(KINDS[kind]) + header + args + state


FUNCTION_HEADER = values(string(CANARY), string("f"), string("f"), string(PYTHON), tag("INT_U16") + struct.pack("<H", MAGIC))
CLASS_HEADER = values(string(CANARY), string("C"), string("C"), string("0" * 32), string(""))
CODE_HEADER = values(string("f"), string(PYTHON), tag("INT_U16") + struct.pack("<H", MAGIC))
SHAPE_OF_A = b"\x03\x04\x01a"
"""Size, one attribute, its name."""
PACKED_SHAPE = b"\x03\x06\x01\x00"
"""The same, packed."""

CODE_RECORDS: Dict[str, List[bytes]] = {
    "FUNCTION": [code("FUNCTION", FUNCTION_HEADER, values(FIRE)), code("FUNCTION", values(FIRE))],
    "FUNCTION_SHELL": [code("FUNCTION_SHELL", FUNCTION_HEADER, values(FIRE))],
    "FUNCTION_BODY": [code("FUNCTION_BODY", values(), values(FIRE)), code("FUNCTION_BODY", values(), values(reference("fire")))],
    "CODE": [code("CODE", CODE_HEADER, values(FIRE)), code("CODE", CODE_HEADER)],
    "GLOBALS": [code("GLOBALS", values(string(CANARY), NONE), values(), FIRE)],
    "CELL_SHELL": [code("CELL_SHELL", values(), values(), FIRE)],
    "CELL": [code("CELL", values(), values(code("CELL_SHELL", values())), tuple_of(FIRE))],
    "CLASS": [code("CLASS", CLASS_HEADER, values(NONE, tuple_of(reference("Canary")), NONE, NONE))],
    "CLASS_NAMESPACE": [code("CLASS_NAMESPACE", values(), values(FIRE)), code("CLASS_NAMESPACE", values(), values(reference("Canary")))],
    "CLASS_STAGE": [
        code("CLASS_STAGE", values(), values(FIRE, NONE)),
        code("CLASS_STAGE", values(), values(reference("Canary"), NONE)),
    ],
    "CLASS_SHELL": [code("CLASS_SHELL", CLASS_HEADER, values(NONE, tuple_of(), NONE, NONE))],
    "CLASS_BODY": [code("CLASS_BODY", values(), values(reference("Canary")))],
    "MODULE": [code("MODULE", values(string(CANARY)))],
    "MODULE_VALUE": [code("MODULE_VALUE", values(string(CANARY)), values(code("GLOBALS", values(NONE, NONE))), FIRE)],
    "METHOD": [
        code("METHOD", values(string("system")), values(code("MODULE", values(string(CANARY))))),
        code("METHOD", values(string("m")), values(reference("Canary"))),
        code("METHOD", values(NONE), values(NONE, reference("fire"))),
    ],
    "BUILTIN_METHOD": [code("BUILTIN_METHOD", values(string("append")), values(FIRE))],
    "PROPERTY": [code("PROPERTY", values(), values(reference("Canary"))), code("PROPERTY", values(), values(), FIRE)],
    "STATICMETHOD": [code("STATICMETHOD", values(), values(), tuple_of(FIRE, NONE))],
    "CLASSMETHOD": [code("CLASSMETHOD", values(), values(), tuple_of(FIRE, NONE))],
    "WRAPPER_SHELL": [
        code("WRAPPER_SHELL", values(number(0)), values(FIRE)),
        code("WRAPPER_SHELL", values(number(1)), values(reference("fire"))),
        code("WRAPPER_SHELL", values(FIRE), values(NONE)),
    ],
    "WRAPPER_BODY": [code("WRAPPER_BODY", values(), values(reference("Canary")), tuple_of(FIRE, NONE))],
    "DESCRIPTOR": [code("DESCRIPTOR", values(string("a")), values(reference("Canary")))],
    "LRU_CACHE": [code("LRU_CACHE", values(NONE, tag("FALSE")), values(reference("fire")))],
    "CACHED_PROPERTY": [code("CACHED_PROPERTY", values(), values(), FIRE)],
    "TYPEVAR": [
        code(
            "TYPEVAR", values(string("TypeVar"), string("T"), NONE, string("1" * 32), number(0)),
            values(reference("Canary"), tuple_of(), tuple_of()),
        )
    ],
    "PARTIALMETHOD": [code("PARTIALMETHOD", values(), values(), FIRE)],
    "NEWTYPE": [code("NEWTYPE", values(string("N"), string("N"), NONE), values(reference("Canary")))],
    "TYPE_ALIAS": [code("TYPE_ALIAS", values(string("A")), values(reference("Canary"), tuple_of()))],
    "WEAK_SET": [code("WEAK_SET", values(), values(), FIRE)],
    "WEAK_DICT": [code("WEAK_DICT", values(number(0)), values(), FIRE)],
    "SENTINEL": [
        code("SENTINEL", values(string(CANARY), string("x"))),
        code("SENTINEL", values(string("asyncio.coroutines"), string("_is_coroutine"))),
    ],
}  # fmt: skip

BY_EXTENSION: Dict[str, List[bytes]] = {
    "COMPLEX": [ext("COMPLEX") + struct.pack("<2d", 1.5, -0.0)],
    "BYTEARRAY": [ext("BYTEARRAY") + text("abc")],
    "RANGE": [ext("RANGE") + number(0) + number(9) + number(1), ext("RANGE") + FIRE + FIRE + FIRE],
    "SLICE": [ext("SLICE") + NONE + number(9) + NONE, ext("SLICE") + FIRE + FIRE + FIRE],
    "ELLIPSIS": [ext("ELLIPSIS")],
    "NOT_IMPLEMENTED": [ext("NOT_IMPLEMENTED")],
    "TIME": [ext("TIME") + bytes(5)],
    "TIME_TZ": [ext("TIME_TZ") + bytes(5) + ext("UTC"), ext("TIME_TZ") + bytes(5) + FIRE],
    "DATETIME_TZ": [
        ext("DATETIME_TZ") + (2024 << 47 | 2 << 43 | 29 << 38).to_bytes(8, "little") + ext("UTC"),
        ext("DATETIME_TZ") + (2024 << 47 | 2 << 43 | 29 << 38).to_bytes(8, "little") + FIRE,
    ],
    "TIMEDELTA": [ext("TIMEDELTA") + vu(2) + vu(3) + vu(4)],
    "UTC": [ext("UTC")],
    "DECIMAL": [ext("DECIMAL") + b"\x06\xab\x02", ext("DECIMAL") + b"\x01" + text("-1.50")],
    "UUID": [ext("UUID") + bytes(range(16))],
    "BUFFER": [ext("BUFFER") + b"\x02" + text("abc"), ext("BUFFER") + b"\x01"],
    "NDARRAY": [ext("NDARRAY") + b"\x00" + string(">i2") + b"\x01\x02" + vu(4) + bytes(4), ext("NDARRAY") + b"\x00" + FIRE],
    "PERSISTENT": [ext("PERSISTENT") + FIRE],
    "BYTES_OUT": [ext("BYTES_OUT")],
}

BY_TAG: Dict[str, List[bytes]] = {
    "INT": [number(-16), number(79)],
    "STR": [string(""), string("canary")],
    "OBJECT": [bytes([TAGS["FORY_N_OBJECT"]])],
    "REF": [bytes([TAGS["FORY_N_REF"]])],
    "TUPLE": [tuple_of(FIRE)],
    "LIST": [bytes([TAGS["FORY_N_LIST"] + 1]) + FIRE, bytes([TAGS["FORY_N_LIST"] + 2]) + number(1) + FIRE],
    "DICT": [bytes([TAGS["FORY_N_DICT"] + 1]) + FIRE + NONE, bytes([TAGS["FORY_N_DICT"] + 1]) + NONE + FIRE],
    "NONE": [NONE],
    "FALSE": [tag("FALSE")],
    "TRUE": [tag("TRUE")],
    "INT_U8": [tag("INT_U8") + b"\xff"],
    "INT_U16": [tag("INT_U16") + b"\xff\xff"],
    "INT_N8": [tag("INT_N8") + b"\xff"],
    "INT_24": [tag("INT_24") + b"\xff\xff\x7f"],
    "INT_32": [tag("INT_32") + b"\xff\xff\xff\x7f"],
    "INT_64": [tag("INT_64") + b"\xff" * 7 + b"\x7f"],
    "INT_BIG": [tag("INT_BIG") + vu(9) + b"\xff" * 8 + b"\x7f"],
    "FLOAT": [tag("FLOAT") + struct.pack("<d", 0.1)],
    "FLOAT_32": [tag("FLOAT_32") + struct.pack("<f", 0.5)],
    "STR_1": [tag("STR_1") + text("x" * 40)],
    "STR_2": [tag("STR_2") + vu(2) + "€€".encode("utf-16-le")],
    "STR_UTF8": [tag("STR_UTF8") + text("a\U0001f600")],
    "BYTES": [tag("BYTES") + text("abc")],
    "LIST_N": [tag("LIST_N") + values(FIRE)],
    "TUPLE_N": [tag("TUPLE_N") + values(FIRE)],
    "DICT_N": [tag("DICT_N") + vu(1) + NONE + FIRE],
    "DICT_SHAPE": [
        tag("DICT_SHAPE") + vu(1) + string("a") + FIRE,
        tag("DICT_SHAPE") + vu(1) + FIRE + NONE,
        bytes([TAGS["FORY_N_LIST"] + 2]) + tag("DICT_SHAPE") + vu(1) + string("a") + number(1) + tag("DICT_LIKE") + b"\x00" + FIRE,
    ],
    "DICT_LIKE": [tag("DICT_LIKE") + b"\x00" + FIRE],
    "SET": [tag("SET") + values(FIRE)],
    "FROZENSET": [tag("FROZENSET") + values(FIRE)],
    "INTS": [tag("INTS") + vu(3) + b"\x02\x04\x06"],
    "FLOATS": [tag("FLOATS") + vu(1) + struct.pack("<d", 0.1)],
    "BOOLS": [tag("BOOLS") + vu(3) + b"\x05"],
    "ARRAY": [
        tag("ARRAY") + bytes([kind]) + body
        for kind, body in (
            (0x03, b"\x02" + bytes(4)), (0x01, b"\x02\x07\xff"), (0x83, vu(2 << 3 | 4) + b"\x02\x02" + bytes(8)), (0x8C, b"\x00" + bytes(8)),
            (0x83, vu(1 << 3 | 1) + b"\x02"), (0x2F, b"\x02" + bytes(4)), (0xA3, vu(1 << 3 | 1) + b"\x01"), (0x43, b"\x02" + bytes(4)),
            (0x51, b"\x01" + bytes(8)), (0xC4, vu(1 << 3 | 1) + b"\x01"), (0x6C, struct.pack("<d", 0.1)), (0x61, b"\x05"),
        )
    ],
    "ARRAY_1": [tag("ARRAY_1") + body for body in (b"\x05\x02\x01\xff", b"\x27\x01\xff", b"\x44\x01\x01", b"\x84\x10\x02\x01\x01\x02")],
    "ARRAY_2": [tag("ARRAY_2") + b"\x08\x01\xff\xff"],
    "ARRAY_4": [tag("ARRAY_4") + b"\x0c\x01" + struct.pack("<f", 0.5), tag("ARRAY_4") + b"\x53\x01" + bytes(4)],
    "LIST_OF": [
        tag("LIST_OF") + b"\x03\x03" + b"\x05" + "€".encode("utf-16-le") + b"\x0e" + "€".encode() + b"\x08ab",
        tag("LIST_OF") + b"\x03\x01\x03",
        tag("LIST_OF") + b"\x05\x03" + b"\x06\xac\x02" + b"\x01" + text("NaN") + b"\x05" + vu(2 ** 63),
        tag("LIST_OF") + b"\x05\x01\x00\x00",
        tag("LIST_OF") + b"\x04\x03\x05",
        # a str of the column, number 0, is met again in it and behind it
        tag("MARKS") + vu(1) + vu(1) + vu(4) + vu(0) + bytes([TAGS["FORY_N_LIST"] + 2]) + tag("LIST_OF") + b"\x03\x02\x08ab\x03" + bytes([TAGS["FORY_N_REF"]]),
    ],
    "TUPLE_OF": [tag("TUPLE_OF") + b"\x01\x03\x02\x04\x06", tag("TUPLE_OF") + b"\x02\x01" + struct.pack("<d", 0.1)],
    "SET_OF": [tag("SET_OF") + b"\x01\x03\x02\x04\x06", tag("SET_OF") + b"\x03\x02\x08ab\x04c"],
    "FROZENSET_OF": [tag("FROZENSET_OF") + b"\x02\x01" + struct.pack("<d", 0.1)],
    "DICT_OF": [
        tag("DICT_OF") + b"\x03" + b"\x31\x01\x02\x04\x08ab\x03" + b"\x00\x00" + FIRE + NONE,
        tag("DICT_OF") + b"\x01" + b"\x00\x00" + NONE + FIRE,
        tag("DICT_OF") + b"\x02" + b"\x43\x01\x04a\x04b\x01",
    ],
    "OBJECT_N": [tag("OBJECT_N") + vu(30)],
    "SHAPE": [
        tag("SHAPE") + named("Canary") + SHAPE_OF_A + number(1),
        tag("SHAPE") + by_typename("x.Canary", "Canary") + SHAPE_OF_A + number(1),
        tag("SHAPE") + b"\x02\x07" + SHAPE_OF_A + number(1),
        tag("SHAPE") + b"\x01" + FIRE + SHAPE_OF_A + number(1),
        tag("SHAPE") + named("Canary") + b"\x00" + FIRE,
        tag("LIST_N") + vu(2) + tag("SHAPE") + named("Canary") + b"\x01\x00" + tag("OBJECT"),
        tag("SHAPE") + b"\x00" + packed(CANARY) + packed("Canary") + PACKED_SHAPE + FIRE,
    ],
    "SHAPE_INTS": [
        tag("SHAPE_INTS") + named("Canary") + PACKED_SHAPE + b"\x31",
        tag("SHAPE_INTS") + named("Canary") + SHAPE_OF_A + b"\xcf" + FIRE,
        tag("LIST_N") + vu(2) + tag("SHAPE_INTS") + named("Canary") + PACKED_SHAPE + b"\xce" + b"\x80" * 8 + tag("OBJECT") + b"\xc9",
    ],
    "SHAPE_SOME": [
        tag("SHAPE_SOME") + named("Canary") + SHAPE_OF_A + b"\x01" + b"\xc7\xff\xff\xff\xff",
        tag("SHAPE_SOME") + named("Canary") + PACKED_SHAPE + b"\xfe" + FIRE,
    ],
    "REF_N": [tag("REF_N") + vu(99)],
    "GLOBAL": [
        reference("fire"), reference("Canary.method"), reference("Canary.computed"), tag("GLOBAL") + b"\x02\x07",
        tag("GLOBAL") + by_typename("x.Canary", "Canary"), tag("GLOBAL") + b"\x01" + FIRE, reference("x", "os.path"),
        tag("GLOBAL") + b"\x09", reference("lazy.x"),
    ],
    "REDUCE": [FIRE, tag("REDUCE") + FIRE + values(), tag("REDUCE") + reference("Canary") + values(number(1))],
    "REDUCE_X": [
        tag("REDUCE_X") + b"\x01" + reference("Canary") + values() + FIRE,
        tag("REDUCE_X") + b"\x02" + reference("Canary") + values() + values(FIRE) + b"\x00",
        tag("REDUCE_X") + b"\x04" + reference("Canary") + values() + vu(1) + FIRE + FIRE + b"\x00",
        tag("REDUCE_X") + b"\x09" + reference("list", "builtins") + values() + reference("fire") + NONE,
    ],
    "NEWOBJ": [tag("NEWOBJ") + named("Canary") + values(), tag("NEWOBJ") + b"\x01" + FIRE + values()],
    "NEWOBJ_X": [tag("NEWOBJ_X") + b"\x01" + named("Canary") + values() + NONE],
    "NEWOBJ_EX": [tag("NEWOBJ_EX") + b"\x00" + named("Canary") + values() + bytes([TAGS["FORY_N_DICT"]])],
    "CODE": [record for records in CODE_RECORDS.values() for record in records],
    "EXT": [message for messages in BY_EXTENSION.values() for message in messages],
    "DATETIME": [tag("DATETIME") + (2024 << 47 | 2 << 43 | 29 << 38).to_bytes(8, "little")],
    "DATE": [tag("DATE") + (2024 << 9 | 2 << 5 | 29).to_bytes(3, "little")],
    "ENUM": [tag("ENUM") + named("Colour") + number(1), tag("ENUM") + b"\x01" + FIRE + number(1)],
    "INSTANCE": [tag("INSTANCE") + named("Canary") + FIRE, tag("INSTANCE") + b"\x02\x07" + FIRE],
    "MARKS": [
        # two lists around one call, of which the first is number 0
        tag("MARKS") + vu(1) + vu(1) + vu(1) + vu(0) + bytes([TAGS["FORY_N_LIST"] + 2])
        + bytes([TAGS["FORY_N_LIST"] + 1]) + FIRE + bytes([TAGS["FORY_N_REF"]]),
    ],
    "MEMO": [tag("MEMO") + vu(0) + FIRE, tag("MEMO") + vu(0) + bytes([TAGS["FORY_N_LIST"] + 1]) + FIRE],
    "EARLIER": [bytes([TAGS["FORY_N_LIST"] + 2]) + FIRE + tag("EARLIER") + vu(0)],
}  # fmt: skip


def all_messages() -> List[Any]:
    """(name, message) of every case."""
    return [
        ("%s %d" % (name, i), HEAD + body) for name, bodies in BY_TAG.items() for i, body in enumerate(bodies)
    ]
