"""Messages of one small object: the short ways must say what the general ones say."""

import copyreg
import dataclasses
import random
import sys
import types
from dataclasses import dataclass
from typing import List, Optional

import pytest

import pyfory
from pyfory.error import ForyError, ForyOverflowError, ForyTypeError

INTS = [0, 1, -1, 63, -64, 64, -65, 8191, -8192, 8192, 1 << 20, -(1 << 20) - 1, (1 << 28) - 1, 1 << 29, (1 << 30) - 1, 1 << 30,
        -(1 << 30), (1 << 31) - 1, -(1 << 31)]


def numbers_class(name, count, slotted=False):
    fields = [(f"f{i}", pyfory.Int32) for i in range(count)]
    cls = dataclasses.make_dataclass(name, fields)
    if slotted:
        space = {"__slots__": tuple(n for n, _ in fields), "__annotations__": dict(fields), "__module__": __name__,
                 "__init__": cls.__init__, "__eq__": lambda a, b: all(getattr(a, n) == getattr(b, n) for n, _ in fields)}
        cls = type(name, (), space)
    return cls


def varint(n):
    z = (n << 1) ^ (n >> 31)
    out = bytearray()
    while z >= 0x80:
        out.append(z & 0x7F | 0x80)
        z >>= 7
    out.append(z)
    return bytes(out)


def general(fory, value):
    """The bytes of the way that every option leads to."""
    buffer = pyfory.Buffer.allocate(64)
    fory.serialize(value, buffer=buffer)
    return buffer.to_bytes(0, buffer.get_writer_index())


def outcome(function, *args):
    try:
        return "value", function(*args)
    except ForyError as error:
        return type(error), str(error)


class Small:
    pass


@dataclass
class Person:
    name: str
    age: pyfory.Int32
    email: Optional[str]
    score: float
    ok: bool
    level: Optional[int]
    tags: List[str]


@dataclass
class Pair:
    first: Optional[Person]
    second: Optional[Person]


@dataclass
class Same:
    n: int


# --- xlang ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("count", [1, 3, 4, 12, 29, 32, 33, 70])
@pytest.mark.parametrize("slotted", [False, True])
@pytest.mark.parametrize("compatible", [False, True])
def test_numbers_in_a_row(count, slotted, compatible):
    cls = numbers_class(f"Row{count}", count, slotted)
    fory, fresh = (pyfory.Fory(xlang=True, compatible=compatible) for _ in range(2))
    fory.register(cls, type_id=300)
    rng = random.Random(count)
    order = None
    for turn in range(12):
        values = [rng.choice(INTS) for _ in range(count)] if turn else list(range(1, count + 1))
        value = cls(*values)
        data = fory.dumps(value)
        if order is None:
            # fields travel in an order of their own: found with numbers of one byte
            order = [(b >> 1) - 1 for b in data[len(data) - sum(len(varint(v)) for v in values):]] if count < 63 else None
        if order is not None:
            assert data.endswith(b"".join(varint(values[i]) for i in order))
        assert data == general(fory, value)
        back = fory.loads(data)
        assert type(back) is cls and back == value
        for i, got in enumerate(values):
            assert type(getattr(back, f"f{i}")) is int and getattr(back, f"f{i}") == got
    fresh.register(cls, type_id=300)
    assert fresh.loads(data) == value


@pytest.mark.parametrize("bad, error", [(1 << 31, ForyOverflowError), (-(1 << 31) - 1, ForyOverflowError), (1 << 70, ForyOverflowError),
                                        ("x", ForyTypeError), (None, ForyTypeError)])
@pytest.mark.parametrize("compatible", [False, True])
def test_a_number_that_does_not_fit_is_named(bad, error, compatible):
    cls = numbers_class("Twelve", 12)
    fory = pyfory.Fory(xlang=True, compatible=compatible)
    fory.register(cls, type_id=300)
    good = fory.dumps(cls(*range(12)))
    for at in (0, 5, 11):
        value = cls(*range(12))
        setattr(value, f"f{at}", bad)
        with pytest.raises(error, match=f"f{at}"):
            fory.dumps(value)
        delattr(value, f"f{at}")
        with pytest.raises(ForyError, match=f"f{at}"):
            fory.dumps(value)
    assert fory.dumps(cls(*range(12))) == good


def test_values_that_are_almost_numbers():
    class Big(int):
        pass

    cls = numbers_class("Twelve", 12)
    fory = pyfory.Fory(xlang=True)
    fory.register(cls, type_id=300)
    value = cls(*range(12))
    good = fory.dumps(value)
    value.f3 = Big(3)
    assert fory.dumps(value) == good
    value.__dict__["f4"] = 4  # attributes are in a dict from now on
    assert fory.dumps(value) == good


@pytest.mark.parametrize("compatible", [False, True])
def test_attributes_in_a_dict(compatible):
    class Str(str):
        pass

    class Key:
        def __hash__(self):
            return hash("f5")

        def __eq__(self, other):
            if armed:
                value.__dict__.clear()
            return False

    armed = []
    cls = numbers_class("Twelve", 12)
    fory = pyfory.Fory(xlang=True, compatible=compatible)
    fory.register(cls, type_id=300)
    fory.register(Person, type_id=7)
    for values in (INTS[:12], list(range(12))):
        good = fory.dumps(cls(*values))
        value = cls(*values)
        value.__dict__["more"] = 1
        assert fory.dumps(value) == good
        value.__dict__[Str("other")] = 1
        assert fory.dumps(value) == good
        del value.f3
        with pytest.raises(ForyError, match="f3"):
            fory.dumps(value)
        cls.f3 = values[3]
        assert fory.dumps(value) == good
        del cls.f3
        value.__dict__[7] = 1
        value.f3 = values[3]
        assert fory.dumps(value) == good
        value = cls(*values)
        value.__dict__ = {Key(): 1, **value.__dict__}
        armed.append(True)
        outcome(fory.dumps, value)
        armed.clear()
        assert fory.dumps(cls(*values)) == good
    person = Person("Ada", 36, None, 0.5, True, None, ["x"])
    good = fory.dumps(person)
    assert vars(person)["name"] == "Ada" and fory.dumps(person) == good
    person.age = "x"
    with pytest.raises(ForyTypeError, match="age"):
        fory.dumps(person)


@pytest.mark.parametrize("compatible", [False, True])
def test_damage_is_told_as_ever(compatible):
    def make(warm):
        """An instance that knows its own schema, and has read messages of it."""
        fory = pyfory.Fory(xlang=True, compatible=compatible)
        fory.register(Person, type_id=7)
        fory.register(cls, type_id=300)
        data = fory.dumps(cls(*INTS[:12]))
        for _ in range(warm):
            fory.loads(data)
        return fory

    cls = numbers_class("Twelve", 12)
    known = make(3)
    data = known.dumps(cls(*INTS[:12]))
    broken = [data[:n] for n in range(len(data))]
    broken += [data[:i] + bytes([data[i] ^ bit]) + data[i + 1:] for i in range(len(data)) for bit in (1, 0x10, 0x80)]
    broken += [data[:-20] + b"\xff" * k for k in range(1, 30)]
    for one in broken:
        assert outcome(known.loads, one) == outcome(make(0).loads, one)
        assert known.loads(data) == cls(*INTS[:12])


@pytest.mark.parametrize("compatible", [False, True])
@pytest.mark.parametrize("ref", [False, True])
def test_classes_in_turns(compatible, ref):
    fory, fresh = (pyfory.Fory(xlang=True, compatible=compatible, ref=ref) for _ in range(2))
    cls = numbers_class("Twelve", 12)
    for one in (fory, fresh):
        one.register(cls, type_id=300)
        one.register(Person, name="a.person")
        one.register(Pair, name="a.pair")
        one.register(Same, name="same.same")
    values = [Pair(Person("in", 1, None, 2.0, False, 3, []), Person("two", 1, None, 2.0, False, 3, [])), Pair(None, None), Same(1), [Same(2)],
              cls(*range(12)), Person("Ada", 36, None, 0.5, True, None, ["x"]), Person("é\u4e00", -1, "m" * 1100, -0.0, False, 1 << 50, []),
              [cls(*range(12)), cls(*range(12, 24))], {"a": 1}, ["few"], 42, cls(*range(-12, 0)), Person("", 0, "", 1.0, True, 0, ["y", "z"])]
    for turn in range(4):
        for value in values:
            data = fory.dumps(value)
            assert data == general(fory, value) == fresh.dumps(value)
            assert fresh.loads(data) == fory.loads(data) == value
    # and a class that comes later
    late = numbers_class("Late", 5)
    fory.register(late, type_id=301)
    assert fory.loads(fory.dumps(late(*range(5)))) == late(*range(5))
    assert fory.loads(fory.dumps(values[0])) == values[0]


def test_a_known_beginning_leads_where_registrations_say():
    writer, reader = pyfory.Fory(xlang=True, compatible=False), pyfory.Fory(xlang=True, compatible=False)
    one, other = numbers_class("One", 4), numbers_class("One", 4)
    writer.register(one, type_id=9)
    reader.register(other, type_id=9)
    data = writer.dumps(one(1, 2, 3, 4))
    for _ in range(3):
        assert type(reader.loads(data)) is other


def test_a_peer_with_another_schema():
    old, new = numbers_class("Evolving", 5), numbers_class("Evolving", 12)
    a, b = pyfory.Fory(xlang=True), pyfory.Fory(xlang=True)
    a.register(old, type_id=9)
    b.register(new, type_id=9)
    for _ in range(3):
        back = a.loads(b.dumps(new(*range(12))))
        assert type(back) is old and back == old(*range(5))
        assert a.loads(a.dumps(old(*range(5)))) == old(*range(5))


def test_text_beyond_the_room():
    @dataclass
    class Texts:
        a: str
        n: pyfory.Int32
        b: str
        c: Optional[str]

    fory = pyfory.Fory(xlang=True)
    fory.register(Texts, type_id=4)
    for size in (0, 1, 8, 31, 32, 33, 1023, 1024, 1025, 5000):
        for c in (None, "", "x" * size, "\u4e00" * size):
            value = Texts("a" * size, size, "é" * size, c)
            data = fory.dumps(value)
            assert fory.loads(data) == value and fory.loads(fory.dumps([value] * 9)) == [value] * 9


@pytest.mark.parametrize("value", [["ten chars."], ["", "a", "b" * 120, "c" * 32], ["x" * 121], ["a"] * 5, ["é"], ["a", 1], ["a", None], [],
                                   ["\u4e00"], [1], [["a"]]])
@pytest.mark.parametrize("ref", [False, True])
def test_few_strings(value, ref):
    fory = pyfory.Fory(xlang=True, ref=ref)
    data = fory.dumps(value)
    assert data == general(fory, value)
    assert fory.loads(data) == value


def test_a_depth_that_allows_no_list():
    fory = pyfory.Fory(xlang=True, max_depth=0)
    for value in (["few"], ["more"] * 9, [1]):
        with pytest.raises(ForyError, match="max_depth=0"):
            fory.dumps(value)


def test_the_bytes_of_one_string():
    assert pyfory.Fory(xlang=True).dumps(["abc"]) == bytes.fromhex("01ff160108150c616263")


# --- native --------------------------------------------------------------------------------------------------------------

class Slots:
    __slots__ = ("a", "b", "c")


def fill(o, *values):
    for name, value in zip("abc", values):
        setattr(o, name, value)
    return o


def state(o):
    return type(o), [(n, getattr(o, n)) for n in "abc" if hasattr(o, n)]


ATOMS = [0, 1, -49, 80, 1 << 13, 1 << 29, 1 << 34, -(1 << 40), 1 << 61, 1 << 90, "", "a", "plain text", "x" * 39, "y" * 40, "z" * 900,
         "z" * 2000, "é", "\u4e00", "\U0001f600", 0.5, 0.1, float("inf"), None, True, False, (), [], b"bytes", 1j]


@pytest.mark.parametrize("cls", [Small, Slots])
@pytest.mark.parametrize("ref", [False, True])
def test_native_object_of_atoms(cls, ref):
    rng = random.Random(5)
    fory, fresh = (pyfory.Fory(xlang=False, ref=ref, strict=False) for _ in range(2))
    for turn in range(600):
        value = fill(cls(), *(rng.choice(ATOMS) for _ in range(rng.choice([3, 3, 3, 2]))))
        if turn % 3 == 0:
            value.b = value.a  # the same object twice
        for _ in range(2):
            data = fory.dumps(value)
            assert data == general(fory, value)
        assert data == pyfory.Fory(xlang=False, ref=ref, strict=False).dumps(value) if turn % 50 == 0 else True
        assert state(fresh.loads(data)) == state(value)


def test_native_shared_text_is_shared():
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    text = "shared by two fields"
    for _ in range(3):
        fory.dumps(fill(Small(), "one " * 2, "two", 3))
    back = fory.loads(fory.dumps(fill(Small(), text, text, 3)))
    assert back.a == text and back.a is back.b
    for _ in range(3):
        back = fory.loads(fory.dumps(fill(Small(), text, "two", 3)))
        assert (back.a, back.b) == (text, "two")
    many = Small()
    for i in range(12):
        setattr(many, f"t{i}", f"text {i}")
    hold = list(vars(many).values())
    for _ in range(3):
        assert vars(fory.loads(fory.dumps(many))) == vars(many)
    assert len(hold) == 12


def test_native_class_that_changes():
    module = types.ModuleType("single_messages_module")
    sys.modules[module.__name__] = module
    try:
        exec("class Thing:\n    pass", module.__dict__)
        thing = module.Thing()
        thing.a = 1
        fory = pyfory.Fory(xlang=False, ref=True, strict=False)
        for _ in range(3):
            first = fory.dumps(thing)
        assert fory.loads(first).a == 1
        # another class has the name
        exec("class Thing:\n    pass", module.__dict__)
        for _ in range(3):
            assert fory.dumps(thing) == general(fory, thing) != first
        other = module.Thing()
        other.a = 2
        for _ in range(3):
            assert type(fory.loads(fory.dumps(other))) is module.Thing
        # it reduces in its own way
        module.Thing.__reduce__ = lambda self: (dict, (), None, None, iter([("a", self.a)]))
        assert fory.loads(fory.dumps(other)) == {"a": 2}
        del module.Thing.__reduce__
        assert fory.loads(fory.dumps(other)).a == 2
        copyreg.pickle(module.Thing, lambda o: (list, ((o.a,),)))
        try:
            assert fory.loads(fory.dumps(other)) == [2]
        finally:
            del copyreg.dispatch_table[module.Thing]
        assert fory.loads(fory.dumps(other)).a == 2
    finally:
        del sys.modules[module.__name__]


def test_native_float_that_copyreg_replaces():
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    value = fill(Small(), 0.5, "b", 3)
    for _ in range(3):
        fory.dumps(value)
    copyreg.pickle(float, lambda f: (str, ("as text",)))
    try:
        for _ in range(2):
            assert fory.loads(fory.dumps(value)).a == fory.loads(general(fory, value)).a
    finally:
        del copyreg.dispatch_table[float]
    assert fory.loads(fory.dumps(value)).a == 0.5
