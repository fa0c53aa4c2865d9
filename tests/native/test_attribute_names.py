"""The definitions of shapes: names of attributes in packed and plain form, words that come again, and damage to them."""

from __future__ import annotations

import random
from typing import Any, List

import pytest

import pyfory
from pyfory.error import ForyError


class Anything:
    pass


def native() -> pyfory.Fory:
    return pyfory.Fory(xlang=False, ref=True, strict=False)


def travel(names: List[str]) -> Any:
    one = Anything()
    for i, name in enumerate(names):
        setattr(one, name, i)
    data = native().dumps(one)
    back = native().loads(data)
    assert type(back) is Anything and list(vars(back).items()) == list(vars(one).items())
    return data


@pytest.mark.parametrize("names", [
    ["a"], ["_"], ["__"], ["___a___"], ["int_value", "long_value", "int_value_boxed", "value"], ["abc_abc_abc", "abc"], ["abc_", "_abc", "_abc_", "abc__abc"],
    ["ab_ab", "ab"], ["f8", "f9", "f10", "f10_f10"], ["count_9", "count_10", "ten_count_11"], ["x" * 62, "x" * 62 + "y"], ["x" * 63], ["word_" + "x" * 57, "x" * 57],
    ["word_" * 12 + "ab"], ["a.b", "a_b"], ["word.word", "word"], ["Stra\u00dfe", "strasse"], ["\u65e5\u672c_name", "name"], ["a b", ""],
    ["w%s_x" % chr(97 + i % 26) * 3 + str(i) for i in range(64)], ["%s%s%s_end" % (chr(97 + i // 26), chr(97 + i % 26), "q") for i in range(64)],
    ["_".join("%s%s%s" % (chr(97 + i), chr(97 + j), chr(97 + k)) for k in range(5)) for i in range(4) for j in range(16)],
], ids=lambda names: names[0][:12])  # fmt: skip
def test_names(names: List[str]) -> None:
    travel(names)


def test_words_are_spelled_once() -> None:
    plain = ["alpha_one", "bravo_two", "delta_six"]
    assert len(travel(["common_" + name for name in plain])) - len(travel(plain)) < 6 + 2 * 3


def test_random_names() -> None:
    rng = random.Random(5)
    words = ["a", "id", "int", "value", "value2", "x" * 20, "", "Number", "9", "10", "name"]
    for _ in range(300):
        names = {"_".join(rng.choices(words, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 30))}
        travel(sorted(names, key=lambda name: rng.random()))


def test_damaged_definitions() -> None:
    """A wrong number of a word, a word that does not fit, an end in between: an error of the family, or other names."""
    one = Anything()
    one.__dict__.update(int_value=1, long_value=2, long_value_boxed=3, f1=4, f2=5)
    data = native().dumps(one)
    reader, errors = native(), 0
    for at in range(12, len(data)):
        for change in list(range(1, 256, 3)) + [255]:
            damaged = bytearray(data)
            damaged[at] ^= change
            try:
                reader.loads(bytes(damaged))
            except ForyError:
                errors += 1
            except (ModuleNotFoundError, AttributeError, TypeError):
                pass
    assert errors > 500
    for size in range(len(data)):
        with pytest.raises((ForyError, ModuleNotFoundError)):
            reader.loads(data[:size])
