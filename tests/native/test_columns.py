"""Containers of values of one kind, which travel as columns (docs/native-format.md, Containers)."""

from __future__ import annotations

import io
import itertools
import os
import random
import subprocess
import sys
from decimal import Decimal
from typing import Any, Callable, Dict, List

import pytest

import pyfory
from pyfory import pickle
from pyfory.error import ForyError

TAGS = {"LIST_OF": 0xF3, "TUPLE_OF": 0xF4, "SET_OF": 0xF5, "FROZENSET_OF": 0xF6, "DICT_OF": 0xF7, "LIST_N": 0xD8, "TUPLE_N": 0xD9,
        "SET": 0xDB, "DICT_N": 0xDA, "INTS": 0xDD, "FLOATS": 0xDE, "BOOLS": 0xDF}  # fmt: skip


def fory(ref: bool = True) -> pyfory.Fory:
    return pyfory.Fory(xlang=False, ref=ref, strict=False)


def tag_of(value: Any) -> str:
    number = fory(ref=False).dumps(value)[1]
    return next(name for name, tag in TAGS.items() if tag == number)


def shown(value: Any) -> Any:
    """A form in which 1, 1.0 and True differ, and NaN equals itself."""
    if isinstance(value, (list, tuple)):
        return type(value), [shown(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(repr(item) for item in value)
    if isinstance(value, dict):
        return dict, [(shown(key), shown(item)) for key, item in value.items()]
    return type(value), ascii(value)


# ---- which form is taken --------------------------------------------------------------------------


class Number(int):
    pass


class Text(str):
    pass


def test_kinds_are_exact() -> None:
    assert tag_of([1] * 8) == "INTS" and tag_of([1] * 7 + [True]) == "LIST_N" and tag_of([1] * 7 + [Number(1)]) == "LIST_N"
    assert tag_of((1,) * 8) == "TUPLE_OF" and tag_of((1,) * 7 + (2 ** 63,)) == "TUPLE_N"
    assert tag_of(["a"] * 8) == "LIST_OF" and tag_of(["a"] * 7 + [Text("a")]) == "LIST_N"
    assert tag_of([Decimal(1)] * 8) == "LIST_OF" and tag_of([Decimal(1)] * 7 + [1]) == "LIST_N"
    assert tag_of(set(range(8))) == "SET_OF" and tag_of({*range(8), "a"}) == "SET" and tag_of({*range(8), 2 ** 63}) == "SET"
    assert tag_of({i: 0.5 for i in range(8)}) == "DICT_OF" and tag_of({i: None for i in range(8)}) == "DICT_N"
    assert tag_of({**{i: 1 for i in range(7)}, 7: True}) == "DICT_N"
    assert tag_of({**{i: 1 for i in range(8)}, 8: True}) == "DICT_OF"
    assert tag_of({2 ** 63 + i: 1 for i in range(9)}) == "DICT_N"


# ---- round trips ------------------------------------------------------------------------------------

SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300, 2047, 2048, 2049, 4500]
ALPHABETS = ["abc xyz", "äöüß é", "жук", "数据库字", "a数 b", "\ud800a\udfff数", "\U0001f600数a", "\U0001f600"]


def texts(rng: random.Random) -> str:
    text = "".join(rng.choices(rng.choice(ALPHABETS), k=rng.choice(SIZES)))
    return "ascii " * rng.randint(0, 60) + text if rng.random() < 0.2 else text


def integers(rng: random.Random) -> int:
    return rng.choice([0, 63, 64, -65, 2 ** 30, -2 ** 31, 2 ** 60, 2 ** 62, 2 ** 63 - 1, -2 ** 63, rng.getrandbits(rng.randint(1, 62))])


def decimals(rng: random.Random) -> Decimal:
    return Decimal(rng.choice(["0", "-0", "-0.00", "NaN", "sNaN7", "-Infinity", "1.50", "-12.345", "999999999999999999", "1E+18",
                               "1000000000000000000", "1E+10000", "1E-10001", "1E+10001", "9" * 40, str(rng.random())]))  # fmt: skip


MAKERS: Dict[str, Callable[[random.Random], Any]] = {
    "str": texts, "int": integers, "float": lambda rng: rng.choice([0.0, -0.0, float("inf"), float("nan"), rng.random()]),
    "bool": lambda rng: rng.random() < 0.5, "Decimal": decimals, "None": lambda rng: None, "big int": lambda rng: rng.choice([2 ** 63, -2 ** 90]),
}  # fmt: skip


@pytest.mark.parametrize("ref", [True, False])
@pytest.mark.parametrize("kind", MAKERS)
def test_sequences_and_sets(kind: str, ref: bool) -> None:
    rng = random.Random(kind)
    one = fory(ref)
    for size in (7, 8, 9, 100, 255, 256, 257, 600):
        values = [MAKERS[kind](rng) for _ in range(size)]
        odd = list(values)
        odd[rng.randrange(size)] = rng.choice(list(MAKERS.values()))(rng)
        hashable = [item for item in values if not (isinstance(item, Decimal) and item.is_snan())]
        for value in (values, tuple(values), odd, tuple(odd), set(hashable), frozenset(hashable), values + values):
            data = one.dumps(value)
            assert shown(fory(ref).loads(data)) == shown(value)
            assert one.dumps(value) == data


@pytest.mark.parametrize("keys", ["str", "int", "float", "big int"])
@pytest.mark.parametrize("kind", MAKERS)
def test_dicts(kind: str, keys: str) -> None:
    rng = random.Random(kind + keys)
    for size, purity in itertools.product((8, 9, 255, 256, 257, 600), (1.0, 0.99, 0.8)):
        value = {}
        for _ in range(size):
            make_key, make_value = MAKERS[keys], MAKERS[kind]
            if rng.random() > purity:
                make_key, make_value = MAKERS[rng.choice(["str", "int"])], rng.choice(list(MAKERS.values()))
            value[make_key(rng)] = make_value(rng)
        for ref in (True, False):
            assert shown(fory(ref).loads(fory(ref).dumps(value))) == shown(value)


def test_sets_with_gaps_in_their_table() -> None:
    value = set(range(1000))
    for i in range(0, 1000, 3):
        value.discard(i)
    assert fory().loads(fory().dumps(value)) == value
    assert pyfory.Fory(xlang=True).loads(pyfory.Fory(xlang=True).dumps(value)) == value
    assert list(fory().loads(fory().dumps({"b%d" % i for i in range(50)} - {"b7"}))) != []


@pytest.mark.parametrize("xlang", [True, False])
def test_ints_to_floats_of_every_size_and_with_gaps(xlang: bool) -> None:
    """They are written in a loop of their own; ints of more than 60 bits end it."""
    rng = random.Random(7)
    edges = [sign * ((1 << bits) + more) for bits in range(63) for more in (-1, 0, 1) for sign in (1, -1)]
    for highest in (1 << 7, 1 << 14, 1 << 27, 1 << 28, 1 << 34, 1 << 60, 1 << 63):
        for size in (9, 40, 190, 700):
            keys = [key for key in edges if -highest < key < highest] + [rng.randrange(-highest + 1, highest) for _ in range(size)]
            rng.shuffle(keys)
            value = {key: rng.random() for key in keys[:size]}
            for key in list(value):
                if rng.random() < 0.3:
                    del value[key]
            one, other = pyfory.Fory(xlang=xlang), pyfory.Fory(xlang=xlang)
            data = one.dumps(value)
            assert list(other.loads(data).items()) == list(value.items())
            assert other.dumps(dict(list(value.items()))) == data


# ---- identity ------------------------------------------------------------------------------------------


def test_elements_keep_their_identity() -> None:
    names = ["name %d" % i for i in range(20)] + ["数" * i for i in range(1, 9)]
    numbers = [Decimal(i) / 4 for i in range(12)]
    value = [names, tuple(names), set(names), {name: name for name in names}, numbers, numbers * 2, names[3], numbers[3], names]
    back = fory().loads(fory().dumps(value))
    assert back == value
    assert back[8] is back[0] and back[6] is back[0][3] and back[7] is back[4][3]
    for i, name in enumerate(back[0]):
        assert back[1][i] is name
        if len(name) > 1 or ord(name) > 255:
            assert any(item is name for item in back[2])
        assert next(key for key in back[3] if key == name) is name and back[3][name] is name
    assert all(a is b for a, b in zip(back[4] * 2, back[5]))


def test_distinct_elements_stay_distinct() -> None:
    names = ["".join(["na", "me %d" % (i % 3)]) for i in range(10)]
    back = fory().loads(fory().dumps(names))
    assert len({id(item) for item in back}) == 10


def test_cycles_beside_columns() -> None:
    value: Dict[Any, Any] = {i: "x%d" % i for i in range(10)}
    value["self"] = value
    value["list"] = [value]
    back = fory().loads(fory().dumps(value))
    assert back["self"] is back and back["list"][0] is back and back[3] == "x3"


def test_picklers_messages_name_earlier_elements() -> None:
    names = ["name %d" % i for i in range(20)]
    numbers = [Decimal(i) for i in range(20)]
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    for value in (names, {name: 1 for name in names}, set(names), numbers, (names[5], numbers[5]), tuple(names)):
        pickler.dump(value)
    file.seek(0)
    unpickler = pickle.Unpickler(file)
    first, table, elements, decimals_, pair, again = [unpickler.load() for _ in range(6)]
    assert pair == (names[5], numbers[5]) and pair[0] is first[5] and pair[1] is decimals_[5]
    assert next(iter(table)) is first[0] and all(any(item is name for name in first) for item in elements)
    assert all(a is b for a, b in zip(first, again))


def test_columns_under_a_memo() -> None:
    """What a reader with a memo makes of columns of shared objects: no writer of ours puts them together."""
    data = fory().dumps([["ab", "cd"] * 4, ["ab"] * 8])
    assert data[1] == 0xFC
    message = b"\x04\xfd\x00" + data[1:] + b"\x04\xfd" + bytes([len(data)]) + b"\x10"
    unpickler = pickle.Unpickler(io.BytesIO(message))
    first = unpickler.load()
    assert first == [["ab", "cd"] * 4, ["ab"] * 8] and first[0][0] is first[1][7] and unpickler.load() == 0


# ---- changes while writing --------------------------------------------------------------------------------


class Meddler:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action

    def __reduce__(self) -> Any:
        self.action()
        return Meddler, (None,)


@pytest.mark.parametrize("change", ["grow", "shrink", "clear"])
def test_a_dict_that_changes_behind_its_runs(change: str) -> None:
    value: Dict[Any, Any] = {i: i for i in range(300)}
    actions: Dict[str, Callable[[], None]] = {
        "grow": lambda: value.update({-i: 0 for i in range(1, 500)}), "shrink": lambda: [value.pop(i) for i in range(9)] and None, "clear": value.clear,
    }  # fmt: skip
    value["x"] = Meddler(actions[change])
    value.update({"y%d" % i: i for i in range(20)})
    with pytest.raises(RuntimeError, match="changed size"):
        fory().dumps(value)


# ---- damage --------------------------------------------------------------------------------------------------

HEAD = b"\x04"
DAMAGED = {
    "kind 0": b"\xf3\x00\x08" + bytes(8), "kind 6": b"\xf3\x06\x08" + bytes(64), "set of bools": b"\xf5\x04\x08\xff", "set of kind 0": b"\xf5\x00\x01\x00",
    "reference to no text": b"\xf3\x03\x01\x03", "text that ends": b"\xf3\x03\x01\x0cab", "wide text that ends": b"\xf3\x03\x01\x09a\x00b",
    "malformed UTF-8": b"\xf3\x03\x01\x0a\xff\xff", "reference to no Decimal": b"\xf3\x05\x01\x00\x00", "Decimal of a large scale": b"\xea\x0c\xff\xff\x7f\x02",
    "Decimal that is a reference": b"\xea\x0c\x00\x00", "text of no Decimal": b"\xea\x0c\x01\x02ab", "keys of bools": b"\xf7\x01\x14\x00\x01\x02",
    "values of Decimals": b"\xf7\x01\x51\x00\x02\x02\x02", "a run of too many": b"\xf7\x02\x11\x02" + bytes(6), "a run of no kind": b"\xf7\x01\x01\x00\x02\x02",
    "an unhashable key": b"\xf7\x01\x00\x00\xb8\x10", "a str that is a list": b"\xfc\x01\x01\x01\x00\xba\xb9\x10\xf3\x03\x01\x03",
    "a key that is a list": b"\xfc\x01\x01\x01\x00\xba\xb9\x10\xf7\x01\x13\x00\x03\x02",
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage(name: str) -> None:
    with pytest.raises(ForyError):
        fory().loads(HEAD + DAMAGED[name])


def test_truncated_columns() -> None:
    value: List[Any] = [["name %d" % i for i in range(9)], {i: 0.5 for i in range(9)}, {"a%d" % i for i in range(9)}, [Decimal(i) for i in range(9)], (True,) * 9]
    data = fory().dumps(value)
    for end in range(1, len(data)):
        with pytest.raises(ForyError):
            fory().loads(data[:end])


# ---- Decimals by their fields and by their text -----------------------------------------------------------------

CHILD = """
import sys, pyfory
from decimal import Decimal
texts = %r
values = [Decimal(text) for text in texts]
native = pyfory.Fory(xlang=False, ref=True, strict=False)
xlang = pyfory.Fory(xlang=True)
finite = [value for value in values if value.is_finite() and -9000 < value.as_tuple().exponent < 9000]
for fory, them in ((native, values), (xlang, finite)):
    data = fory.dumps(them)
    back = fory.loads(data)
    if fory is native:
        assert [value.as_tuple() for value in back] == [value.as_tuple() for value in them]
    assert [hash(value) for value in back if not value.is_nan()] == [hash(value) for value in them if not value.is_nan()]
    assert all(value + 1 == expected + 1 and -value == -expected for value, expected in zip(back, them) if value.is_finite())
    print(data.hex())
"""


def test_both_ways_to_decimals_give_the_same_bytes() -> None:
    digits = ["0", "1", "9", "10", "12345", "999999999", "1" + "0" * 17, "9" * 18, "1" + "0" * 18, "9" * 19, "9" * 20, "123456789" * 6]
    texts = [sign + digit + exponent for sign in ("", "-") for digit in digits for exponent in ("", "E-2", "E+7", "E-18", "E+9999", "E-9999", "E-10001")]
    code = CHILD % (texts + ["NaN", "-sNaN12", "Infinity", "-Infinity"],)
    outputs = []
    for public in ("0", "1"):
        environment = dict(os.environ, PYFORY_PUBLIC_ATTRIBUTES=public)
        outputs.append(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, timeout=60).stdout)
    assert outputs[0] == outputs[1]


PAIRS = list(itertools.product((0, 1, 9, 10, 99, 10 ** 17, 10 ** 18 - 1, 10 ** 18, 2 ** 62, 2 ** 63), (0, -3, 5, -9999)))


@pytest.mark.parametrize("coefficient,exponent", PAIRS)
def test_decimals_behave_as_any(coefficient: int, exponent: int) -> None:
    value = Decimal((0, tuple(map(int, str(coefficient))), exponent))
    for instance in (fory(), pyfory.Fory(xlang=True)):
        back = instance.loads(instance.dumps(value))
        assert type(back) is Decimal and str(back) == str(value) and back == value and hash(back) == hash(value)
        assert back.as_tuple() == value.as_tuple() and back.adjusted() == value.adjusted() and int(back * 0) == 0
        assert sys.getsizeof(back) == sys.getsizeof(value)
