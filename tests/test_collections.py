"""Bytes of lists, sets and maps (wire-format.md, section 6)."""

import collections
import dataclasses
import enum
from dataclasses import dataclass
from datetime import date
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

import pytest

import pyfory
import support
from pyfory.error import ForyError
from support import unhex


def read(data, **config):
    return pyfory.Fory(**config).deserialize(unhex(data))


@pytest.mark.parametrize("value, body, ref", [
    ([], "1600", False),
    ([1], "16 01 08 07 02", False),
    ([None], "16 01 0a 24 fd", False),
    ([None, None], "16 02 0a 24 fdfd", False),
    ([1, None], "16 02 0a 07 ff02 fd", False),
    ([None, 1], "16 02 0a 07 fd ff02", False),
    ([True, False], "16 02 08 01 01 00", False),
    ([1, True], "16 02 00 0702 0101", False),
    ([1, None, "a"], "16 03 02 ff0702 fd ff150461", False),
    ([1, None, "a"], "16 03 03 ff0702 fd ff150461", True),
    ([[1], [2]], "16 02 08 16 010807 02 010807 04", False),
    ([[1], [2]], "16 02 09 16 00010807 02 00010807 04", True),
    ([[], None], "16020a16 ff00 fd", False),
    ([[], None], "16020b16 0000 fd", True),
    ([{1: 2}], "16 01 08 18 01 00 01 07 07 02 04", False),
    ({1}, "17 01 08 07 02", False),
    ([1.0, 2.5], "16 02 08 14 000000000000f03f 0000000000000440", False),
    (["a", "\u4f60"], "16 02 08 15 0461 09604f", False),
    ([b"a", b""], "16 02 08 29 0161 00", False),
    ([date(1970, 1, 2)], "16 01 08 27 02", False),
    ({}, "1800", False),
    ({"a": 1}, "18 01 00 01 15 07 0461 02", False),
    ({1: 2, 3: 4}, "18 02 00 02 07 07 02 04 06 08", False),
    ({"a": None}, "18 01 11 ff150461", False),
    ({"a": None}, "18 01 11 00150461", True),
    ({None: 1}, "18 01 0a ff0702", False),
    ({None: 1}, "18 01 0a 000702", True),
    ({None: None}, "18 01 12", False),
    ({"a": 1, "b": None, "c": 3}, "18 03 00011507 046102 11ff150462 00011507 046306", False),
    ({"a": 1, "b": "x"}, "18 02 00011507 046102 00011515 04620478", False),
    ({1: 1, "a": 2}, "18 02 00010707 0202 00011507 046104", False),
    ({"a": [1]}, "18 01 00 01 15 16 0461 010807 02", False),
    ({"a": [1]}, "18 01 08 01 15 16 0461 00 010807 02", True),
    ({b"k": 1}, "18 01 01 01 29 07 00016b 02", True),
    ({1: True, 2: False, 3: None, 4: 1}, "18 04 00020701 0201 0400 11ff0706 00010707 0802", False),
], ids=lambda x: None if isinstance(x, (str, bool)) else repr(x))
def test_dynamic(value, body, ref):
    data = pyfory.Fory(ref=ref).serialize(value)
    assert data.hex() == unhex(("0100" if ref else "01ff") + body).hex()
    support.assert_same(value, pyfory.Fory(ref=ref).deserialize(data))


def test_map_chunks_hold_255_pairs():
    data = pyfory.Fory().serialize({i: 0 for i in range(256)}).hex()
    assert data.startswith("01ff188002" + "00ff0707") and data.endswith("00010707fe0300")
    for n in (254, 255, 256, 510, 511, 1000):
        support.assert_same({i: 0 for i in range(n)}, support.roundtrip({i: 0 for i in range(n)}))


def test_shared_map_value():
    x = [1]
    value = {"a": x, "b": x}
    data = pyfory.Fory(ref=True).serialize(value)
    assert data == unhex("0100 18 02 08 02 15 16 0461 00010807 02 0462 fe01")
    result = pyfory.Fory(ref=True).deserialize(data)
    assert result == value and result["a"] is result["b"]


def test_insertion_order_is_kept():
    value = {"b": 1, "a": None, 1: "x", None: 2, "c": {"z": 1, "y": 2}}
    assert list(support.roundtrip(value)) == ["b", "a", 1, None, "c"]
    assert list(support.roundtrip(collections.OrderedDict(reversed(list(value.items()))))) == ["c", None, 1, "a", "b"]


@pytest.mark.parametrize("data, value", [
    # the form that Rust writes for a None side: type and body without a flag
    ("01ff 18 01 10 15 0661", {"a": None}),
    ("01ff 18 03 00 01 15 07 0661 02 10 15 0662 00 01 15 07 0663 06", {"a": 1, "b": None, "c": 3}),
    ("01ff 18 01 02 07 02", {None: 1}),
    # typed None, mixed headers with uniform elements, single-pair chunks
    ("01ff 16 02 02 ff0702 ff0704", [1, 2]), ("01ff 16 02 00 0702 0704", [1, 2]),
    ("01ff 16 01 00 24", [None]), ("01ff 16 02 08 24", [None, None]),
    ("01ff 18 02 00 01 15 07 0461 02 00 01 15 07 0462 04", {"a": 1, "b": 2}),
    ("01ff 18 01 00 01 15 24 0461", {"a": None}),
    ("01ff 18 02 00 02 07 07 02 02 02 04", {1: 2}),  # the later pair wins
    ("01ff 16 02 08 05 02 04", [1, 2]), ("01ff 16 02 08 02 01 ff", [1, -1]),
    # tracked flags where the header says so, with references off
    ("01ff 16 02 09 07 0002 0004", [1, 2]), ("01ff 16 02 09 15 ff0461 ff0462", ["a", "b"]),
    ("01ff 16 02 0b 07 fd ff02", [None, 1]), ("01ff 16 02 01 000702 ff150461", [1, "a"]),
    ("01ff 18 01 09 01 15 07 000461 0002", {"a": 1}),
])
def test_legal_forms_of_other_writers(data, value):
    support.assert_same(value, read(data))


def test_tracked_scalars_in_one_list():
    # flags are obeyed for scalars too when references are on
    support.assert_same([1, 1, 2], read("0100 16 03 09 07 0002 fe01 0004", ref=True))


@pytest.mark.parametrize("data", [
    "01ff 16 01 0c 02",  # declared element without a declaration
    "01ff 18 01 04 01 07 02 04", "01ff 18 01 24 01 02 04", "01ff 18 01 14 02", "01ff 18 01 22 02",
    "01ff 18 02 00 00 07 07", "01ff 18 01 00 02 07 07 02 04 06 08",  # chunk size
    "01ff 16 ffffffff0f 08 07 02", "01ff 16 ff7f 08 07 02", "01ff 18 ffffffff0f 00 ff 07 07",
    "01ff 17 01 08 16 00", "01ff 17 02 00 1600 0702", "01ff 18 01 00 01 16 07 00 02",  # unhashable
    "01ff 17 01 08 18 00", "01ff 18 01 00 01 17 07 00 02",
    "01ff 16 02 08 07 02", "01ff 16 01", "01ff 16 01 08", "01ff 18 01 00", "01ff 18 01 00 01", "01ff 18 02 00 01 15 07 0461 02",
])
def test_bad_collections(data):
    fory = pyfory.Fory()
    with pytest.raises(ForyError):
        fory.deserialize(unhex(data))
    assert fory.deserialize(unhex("01ff0702")) == 1


def test_huge_counts_do_not_allocate():
    for data in ("01ff 16 feffffff07 08 24", "01ff 17 feffffff07 08 24", "01ff 18 feffffff07 00 ff 24 24",
                 "01ff 2e f8ffffff0f", "01ff 15 fcffffff1f", "01ff 29 ffffffff0f", "01ff 16 80808004 08 24"):
        with pytest.raises(ForyError):
            read(data)


@pytest.mark.parametrize("value", [{(1, 2)}, {(1, 2): 3}, [{"a": {(1,): 1}}], frozenset([(1,)]), {frozenset([1])},
                                   {1: {frozenset([1]): 2}}], ids=repr)
def test_what_cannot_come_back_is_refused(value):
    with pytest.raises(ForyError):
        pyfory.Fory().serialize(value)


def test_list_changed_while_it_is_written():
    class Grow(list):
        pass

    class Evil:
        def __init__(self, target):
            self.target = target

        def __index__(self):
            self.target.clear()
            return 1

    @dataclass
    class Holder:
        xs: List[pyfory.Int32]

    xs = []
    xs.extend([1, Evil(xs), 3, 4])
    fory = support.fory(Holder)
    try:
        fory.deserialize(fory.serialize(Holder(xs)))
    except (ForyError, TypeError, ValueError, RuntimeError):
        pass
    assert fory.deserialize(fory.serialize(Holder([1]))) == Holder([1])


# ---- declared collections in fields ---------------------------------------------------

class Color(enum.Enum):
    RED = 1
    GREEN = 2


@dataclass
class In:
    v: int = 0


def field_body(annotation, value, compatible=False, ref=False, **options):
    """Hex of one field's bytes; the class has id 1, In id 2, Color id 3."""
    cls = dataclasses.make_dataclass("One", [("f", annotation)])
    fory = pyfory.Fory(compatible=compatible, ref=ref, **options)
    reader = pyfory.Fory(compatible=compatible, ref=ref, **options)
    for instance in (fory, reader):
        instance.register(cls, type_id=1)
        instance.register(In, type_id=2)
        instance.register(Color, type_id=3)
    data = fory.serialize(cls(value))
    support.assert_same(as_field(annotation, value), reader.deserialize(data).f)
    text = data.hex()
    if compatible:
        assert text[4:8] == "1c00"
        return text[8 + 16 + 2 * data[4]:]
    return text[8 + 8:]


def as_field(annotation, value):
    if "FrozenSet" in str(annotation) or "Tuple" in str(annotation):
        return value
    return support.as_read(value) if not isinstance(value, set) else value


@pytest.mark.parametrize("annotation, value, body, body_ref", [
    (List[int], [1, 2], "02 0c 02 04", None),
    (List[int], [1, None], "02 0e ff02 fd", None),
    (List[int], [], "00", None),
    (List[str], ["a"], "01 0c 0461", None),
    (List[List[int]], [[1], [2]], "02 0c 01 0c 02 01 0c 04", "02 0d 00 01 0c 02 00 01 0c 04"),
    (List[Any], [1, "a"], "02 00 0702 150461", "02 01 ff0702 ff150461"),
    (List[Any], [1, 2], "02 08 07 02 04", None),
    (Set[int], {1}, "01 0c 02", None),
    (Tuple[int, ...], (1, 2), "02 0c 02 04", None),
    (Tuple[int, int], (1, 2), "02 0c 02 04", None),
    (Tuple[int, str], (1, "a"), "02 00 0702 150461", "02 01 ff0702 ff150461"),
    (Sequence[int], [1], "01 0c 02", None),
    (List[Color], [Color.RED], "01 0c 01", None),
    (List[bytes], [b"a"], "01 0c 0161", "01 0d 00 0161"),
    (List[Optional[str]], ["a", None], "02 0e ff0461 fd", None),
    (List[bool], [True, False], "02 0c 01 00", None),
    (List[pyfory.Int8], [-1], "01 0c ff", None),
    (List[pyfory.Int32], [-1], "01 0c 01", None),
    (List[pyfory.FixedInt32], [-1], "01 0c ffffffff", None),
    (List[pyfory.TaggedInt64], [-1], "01 0c feffffff", None),
    (List[pyfory.Float32], [1.0], "01 0c 0000803f", None),
    (List[date], [date(1970, 1, 2)], "01 0c 02", "01 0d 00 02"),
    (Dict[str, int], {"a": 1}, "01 24 01 0461 02", None),
    (Dict[str, Optional[int]], {"a": 1, "b": None}, "02 24 01 0461 02 14 0462", None),
    (Dict[Any, Any], {"a": 1}, "01 00 01 15 07 0461 02", None),
    (Dict[int, Any], {1: "x"}, "01 04 01 15 02 0478", None),
    (Dict[bytes, List[int]], {b"k": None, None: [1], b"q": [2]},
     "03 | 14 016b | 22 010c02 | 24 01 0171 010c04", "03 | 15 00016b | 2a 00010c02 | 2d 01 000171 00010c04"),
    (Dict[str, Dict[str, str]], {"a": {"b": "c"}}, "01 24 01 0461 01 24 01 0462 0463", "01 2c 01 0461 00 01 24 01 0462 0463"),
    (Dict[pyfory.Int8, pyfory.FixedInt32], {-1: 1}, "01 24 01 ff 01000000", None),
], ids=lambda x: None if not isinstance(x, type) and not hasattr(x, "__origin__") else str(x).replace("typing.", ""))
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_declared(annotation, value, body, body_ref, compatible):
    assert field_body(annotation, value, compatible) == unhex(body).hex()
    assert field_body(annotation, value, compatible, ref=True) == unhex(body_ref or body).hex()


def test_declared_struct_elements():
    # consistent mode: the id once, then hash and fields of each
    hash_ = "9131d7e7"
    assert field_body(List[In], [In(1), In(2)]) == unhex("02 08 1b02 %s02 %s04" % (hash_, hash_)).hex()
    assert field_body(List[In], [In(1), None]) == unhex("02 0a 1b02 ff%s02 fd" % hash_).hex()
    assert field_body(List[In], [In(1)], ref=True) == unhex("01 09 1b02 00 %s02" % hash_).hex()
    assert field_body(Dict[str, In], {"a": In(1)}) == unhex("01 24 01 0461 %s02" % hash_).hex()
    # compatible mode: the shared marker, the TypeDef at its first use
    define = "05a0e168cce8de69c102400754"
    assert field_body(List[In], [In(1), In(2)], True) == unhex("02 08 1c02 %s 02 04" % define).hex()
    assert field_body(List[List[In]], [[In(1)], [In(2)]], True) == unhex(
        "02 0c 01 08 1c02 %s 02 01 08 1c03 04" % define).hex()
    assert field_body(Dict[str, In], {"a": In(1), "b": In(2)}, True) == unhex(
        "02 04 02 1c02 %s 0461 02 0462 04" % define).hex()
    assert field_body(Dict[str, In], {None: In(1), "a": None, "b": In(2)}, True) == unhex(
        "03 | 0a ff 1c02 %s 02 | 14 0461 | 04 01 1c03 0462 04" % define).hex()
    assert field_body(Dict[str, In], {None: In(1), "a": None, "b": In(2)}) == unhex(
        "03 | 22 %s02 | 140461 | 24 01 0462 %s04" % (hash_, hash_)).hex()


def test_ref_markers_of_elements():
    x = [1]
    annotation = Dict[str, pyfory.Ref[List[int]]]
    assert field_body(annotation, {"a": x, "b": x}, ref=True).startswith("022c02")
    assert field_body(List[pyfory.Ref[List[int], False]], [[1]], ref=True) == unhex("01 0c 01 0c 02").hex()


def test_declared_frozenset_comes_back_as_one():
    for compatible in support.BOTH_MODES:
        assert field_body(FrozenSet[int], frozenset([1]), compatible) == "010c02"


@pytest.mark.parametrize("annotation, value", [
    (List[int], ["a"]), (List[int], 5), (List[str], [1]), (List[int], None), (Dict[str, int], {1: 1}),
    (Dict[str, int], {"a": "b"}), (Dict[str, int], [1]), (Set[int], {"a"}), (List[pyfory.Int8], [128]),
    (List[List[int]], [1]), (List[bool], [1]), (Tuple[int, ...], ("a",)), (List[bytes], ["a"]),
    (List[Color], [1]), (List[In], [1]), (List[In], [Color.RED]), (Dict[str, In], {"a": 1}), (List[date], [1]),
], ids=str)
def test_wrong_values_in_declared_collections(annotation, value):
    for compatible in support.BOTH_MODES:
        with pytest.raises(ForyError) as caught:
            field_body(annotation, value, compatible)
        assert isinstance(caught.value, (TypeError, OverflowError))


@pytest.mark.parametrize("annotation, value, expected", [
    (List[int], (1, 2), [1, 2]), (List[int], {1}, [1]), (List[str], collections.deque(["a"]), ["a"]),
    (Set[int], frozenset([1]), {1}), (Dict[str, int], collections.OrderedDict(a=1), {"a": 1}),
    (Tuple[int, ...], [1], (1,)), (List[int], range(3), [0, 1, 2]), (Any, (1, 2), [1, 2]),
    (list, (1,), [1]), (dict, collections.Counter("a"), {"a": 1}),
], ids=str)
def test_other_containers_in_declared_fields(annotation, value, expected):
    cls = dataclasses.make_dataclass("One", [("f", annotation)])
    for compatible in support.BOTH_MODES:
        support.assert_same(expected, support.roundtrip(cls(value), cls, compatible=compatible).f)
