"""Definitions of shapes, int positions, and what an instance keeps of a class from one message to the next."""

from __future__ import annotations

import copyreg
import enum
import importlib
import io
import pickle as standard
import sys
from typing import Any, Dict, Iterator, List

import pytest
from native.messages import HEAD, SHAPE_OF_A, name, tag

import pyfory
from pyfory.error import ForyBufferOutOfBoundError, ForyError, ForyInvalidDataError, ForyUnknownEnumError


def make() -> pyfory.Fory:
    return pyfory.Fory(xlang=False, ref=True, strict=False)


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Pair:
    def __init__(self, x: Any = None, y: Any = None) -> None:
        self.x = x
        self.y = y


class Slots:
    __slots__ = ("x", "y")

    def __init__(self, x: Any = None, y: Any = None) -> None:
        self.x = x
        self.y = y


class Both(Slots):
    def __init__(self, x: Any = None, y: Any = None) -> None:
        super().__init__(x, y)
        self.z = x


class Derived(int):
    pass


CLASSES = (Pair, Slots, Both)
EDGES = sorted({
    sign * (2 ** bits + near) for bits in range(0, 70) for near in (-1, 0, 1) for sign in (1, -1)
} | set(range(-130, 130)))  # fmt: skip


@pytest.mark.parametrize("cls", CLASSES)
def test_ints_at_int_positions(cls: Any) -> None:
    fory = make()
    for first in (0, 2 ** 59):
        values = [cls(first, first)] + [cls(n, -n) for n in EDGES]
        read = fory.loads(fory.dumps(values))
        assert [(o.x, o.y) for o in read] == [(o.x, o.y) for o in values]
        assert all(type(o) is cls and type(o.x) is int for o in read)
    reader = make()
    for n in EDGES:
        read = reader.loads(fory.dumps(cls(n, 1)))
        assert (read.x, read.y) == (n, 1)


@pytest.mark.parametrize("cls", CLASSES)
def test_other_values_at_int_positions(cls: Any) -> None:
    fory = make()
    shared: List[Any] = ["shared"]
    others = [None, True, False, 0.5, "text", shared, shared, b"bytes", (1, 2), {"a": 1}, 2 ** 100, Derived(5), print]
    values = [cls(1, 1)] + [cls(v, v) for v in others]
    values.append(cls(values[0], values))
    read = fory.loads(fory.dumps(values))
    for o, v in zip(read[1:], others):
        assert o.x == v and type(o.x) is type(v) and o.x is o.y or type(v) in (int, float)
    assert read[6].x is read[7].x and read[-1].x is read[0] and read[-1].y is read
    # the other way round: what begins as another value stays with its tag
    values = [cls("a", None), cls(5, 2 ** 40)]
    read = fory.loads(fory.dumps(values))
    assert (read[0].x, read[0].y, read[1].x, read[1].y) == ("a", None, 5, 2 ** 40)


def test_attributes_that_go_away_at_int_positions() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            del second.y
            return str, ()

    fory, second = make(), Pair(Evil(), 2)
    with pytest.raises(RuntimeError, match="changed while it was serialized"):
        fory.dumps([Pair(1, 2), second])
    assert fory.loads(fory.dumps(Pair(1, 2))).y == 2


NAMES = [
    ["f%d" % i for i in range(1, 13)], ["x9", "x10", "x11"], ["x09", "x10", "x11"], ["x99", "x100"], ["a", "a1", "a2"], ["v1", "v3", "v2"],
    ["n" * 61 + "9", "n" * 61 + "10"], ["n" * 62, "m"], ["n" * 63, "m"], ["n" * 200], ["ä", "b"], ["日本", "f1", "f2"], ["with space"], [""],
    ["_", "__x", "A9", "zZ_0"], ["9", "10"], ["x999999999", "x1000000000"], ["a.b", "c"],
]  # fmt: skip


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0][:12])
def test_attribute_names(names: List[str]) -> None:
    fory = make()
    value = Plain(**{sys.intern(attribute): i for i, attribute in enumerate(names)})
    for _ in range(2):
        data = fory.dumps([value, value, Plain(**vars(value))])
        read = make().loads(data)
        assert [list(vars(o).items()) for o in read] == [list(vars(value).items())] * 3
        assert all(sys.intern(attribute) is attribute for attribute in vars(read[0]))
        assert fory.loads(data)[0] is not read[0]


@pytest.mark.parametrize("size", [0, 1, 31, 32, 63, 64, 65])
def test_many_attributes(size: int) -> None:
    for step in (1, 2):
        value = Plain(**{"a%d" % (step * i): i * i * (1 if i % 3 else -1) for i in range(size)})
        read = make().loads(make().dumps([value, Plain(**vars(value))]))
        assert list(vars(read[1]).items()) == list(vars(value).items())


def module_with(source: str, folder: Any) -> Any:
    (folder / "fory_shapes_module.py").write_text(source)
    importlib.invalidate_caches()
    sys.modules.pop("fory_shapes_module", None)
    return importlib.import_module("fory_shapes_module")


@pytest.fixture
def home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield module_with("class C:\n    def __init__(self, a):\n        self.a = a\n", tmp_path)
    sys.modules.pop("fory_shapes_module", None)


def test_a_replaced_class_is_not_named(home: Any, tmp_path: Any) -> None:
    fory, old = make(), home.C(1)
    data = fory.dumps(old)
    assert fory.dumps(old) == data
    before, home.C = home.C, type("C", (), {"__module__": home.__name__, "new": True})
    replaced = fory.dumps(old)
    assert replaced != data and not hasattr(make().loads(replaced), "new")
    # the same bytes mean the new class, also for a reader that knows the old one
    home.C = before
    reader = make()
    assert type(reader.loads(data)) is before is type(reader.loads(data))
    home.C = type("C", (), {"__module__": home.__name__, "new": True})
    assert reader.loads(data).new and reader.loads(data).a == 1
    home.C = before
    assert fory.dumps(old) == data and type(reader.loads(data)) is before
    # without the module, and with another one in its place
    (tmp_path / (home.__name__ + ".py")).unlink()
    importlib.invalidate_caches()
    del sys.modules[home.__name__]
    assert fory.dumps(old) != data
    with pytest.raises(ImportError):
        reader.loads(data)
    other = module_with("class C:\n    other = True\n", tmp_path)
    assert fory.dumps(old) != data and reader.loads(data).other
    assert type(reader.loads(data)) is other.C


def test_a_class_that_changes_is_looked_at_again(home: Any) -> None:
    fory, reader, value = make(), make(), home.C(1)
    data = fory.dumps(value)
    assert fory.dumps(value) == data and reader.loads(data).a == reader.loads(data).a == 1
    home.C.__setstate__ = lambda self, state: self.__dict__.update(seen=state)
    assert reader.loads(data).seen == {"a": 1}
    del home.C.__setstate__
    assert reader.loads(data).a == 1
    home.C.__getstate__ = lambda self: {"given": 2}
    assert vars(make().loads(fory.dumps(value))) == {"given": 2}
    del home.C.__getstate__
    assert fory.dumps(value) == data
    home.C.__reduce__ = lambda self: (dict, ((("k", 1),),))
    assert make().loads(fory.dumps(value)) == {"k": 1}
    del home.C.__reduce__
    assert fory.dumps(value) == data
    copyreg.pickle(home.C, lambda self: "C")
    try:
        assert make().loads(fory.dumps(value)) is home.C if home.C is value else True
    except ForyError:
        pass
    finally:
        del copyreg.dispatch_table[home.C]
    assert fory.dumps(value) == data


def test_a_class_nobody_has_asked_anything_may_change(home: Any) -> None:
    fory, value = make(), home.C(1)
    first = fory.dumps(value)
    home.C.__reduce__ = lambda self: (str, ("reduced",))
    assert make().loads(fory.dumps(value)) == "reduced" and fory.dumps(value) != first


def test_registering_between_messages(home: Any) -> None:
    fory, value = make(), home.C(1)
    data = fory.dumps(value)
    assert fory.dumps(value) == data and fory.loads(data).a == 1
    fory.register(home.C, type_id=300)
    by_id = fory.dumps(value)
    assert by_id != data and fory.dumps(value) == by_id
    assert fory.loads(by_id).a == 1 == fory.loads(data).a


@pytest.mark.parametrize("hook", ["__reduce__", "__getstate__"])
def test_methods_of_instances_go_first(hook: str) -> None:
    class Hooked:
        def __init__(self) -> None:
            self.a = 1

    home = Hooked.__reduce__ if hook == "__reduce__" else None
    del home
    result = (str, ("class",)) if hook == "__reduce__" else {"a": 2}
    setattr(Hooked, hook, lambda self: result)
    fory = make()
    plain, special, later = Hooked(), Hooked(), Hooked()
    expected = fory.loads(fory.dumps(plain))
    assert expected == "class" if hook == "__reduce__" else expected.a == 2
    setattr(special, hook, lambda: (str, ("instance",)) if hook == "__reduce__" else {"a": 3})
    got = fory.loads(fory.dumps(special))
    assert got == "instance" if hook == "__reduce__" else got.a == 3
    again = fory.loads(fory.dumps([later, special, plain]))
    assert again == ["class", "instance", "class"] if hook == "__reduce__" else [o.a for o in again] == [2, 3, 2]
    later.__dict__[hook] = lambda: (str, ("dict",)) if hook == "__reduce__" else {"a": 4}
    got = fory.loads(fory.dumps(later))
    assert got == "dict" if hook == "__reduce__" else got.a == 4


def corpus() -> Dict[str, Any]:
    class_list = [type("K%d" % i, (), {"__module__": __name__}) for i in range(12)]
    for cls in class_list:
        globals()[cls.__name__] = cls
    many = [cls() for cls in class_list]
    for i, o in enumerate(many):
        o.a = i  # type: ignore[attr-defined]
    return {
        "pair": Pair(1, 2), "pair of text": Pair("a", 1), "text first": Pair(1, "a"), "nested": Pair(Pair(1, 2), Pair("a", [Slots(1, 2)])),
        "after a class": [Pair, Pair(1, 2), Pair], "classes": many + [class_list, many[::-1]], "slots": Slots(3, 4), "both": Both(1, 2),
        "half slots": [Both(1), Both(1, "x")], "itself": _loop(), "in a dict": {"a": Pair(1, 2), "b": Pair(2, 3)}, "function": [len, Pair(len, len)],
    }  # fmt: skip


def _loop() -> Any:
    made = Pair(1)
    made.y = made
    return made


def test_bytes_do_not_depend_on_earlier_messages() -> None:
    values = corpus()
    fresh = {key: make().dumps(value) for key, value in values.items()}
    used = make()
    for _ in range(2):
        for order in (list(values), list(values)[::-1]):
            for key in order:
                assert used.dumps(values[key]) == fresh[key], key
                assert make().dumps(used.loads(fresh[key])) == fresh[key], key


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"
    LIST = [1]  # type: ignore[assignment]


class Size(enum.IntEnum):
    SMALL = 0
    LARGE = 1


class Mode(enum.Flag):
    A = 1
    B = 2


class Lenient(enum.Enum):
    KNOWN = 1

    @classmethod
    def _missing_(cls, value: Any) -> Any:
        return cls.KNOWN


def test_enum_members_are_found_by_value() -> None:
    fory = make()
    members = [*Colour, *Size, *Mode, Mode.A | Mode.B, *Lenient]
    for _ in range(3):
        assert all(a is b for a, b in zip(fory.loads(fory.dumps(members)), members))
        for member in members:
            assert fory.loads(fory.dumps(member)) is member
    data = fory.dumps(Size.LARGE)
    for _ in range(3):
        with pytest.raises(ForyUnknownEnumError):
            fory.loads(data[:-1] + bytes([data[-1] + 5]))
        assert fory.loads(data) is Size.LARGE
    data = fory.dumps(Lenient.KNOWN)
    assert fory.loads(data[:-1] + bytes([data[-1] + 5])) is Lenient.KNOWN is fory.loads(data)


def test_an_enum_class_that_is_called_otherwise_is_called() -> None:
    calls = []

    class Meta(enum.EnumMeta):
        def __call__(cls, value: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(value)
            return super().__call__(value, *args, **kwargs)

    globals()["Called"] = called = Meta("Called", (enum.Enum,), _namespace(Meta))
    called.__module__, called.__qualname__ = __name__, "Called"
    fory = make()
    data = fory.dumps(called.ONE)
    del calls[:]
    assert [fory.loads(data), fory.loads(data)] == [called.ONE] * 2 and calls == [1, 1]


def _namespace(meta: Any) -> Any:
    namespace = meta.__prepare__("Called", (enum.Enum,))
    namespace["ONE"] = 1
    namespace["__module__"] = __name__
    return namespace


CANARY = name(__name__) + name("Pair")


@pytest.mark.parametrize("body", [
    b"\x03\x06\x3f\x00", b"\x02\x06\xff", b"\x04\x06\x01\x00\x00", b"\x03\x04\x02a", b"\x04\x04\x01ab", b"\x02\xff\xff\x01",
    b"\x03\x07\x02\x01", b"\x04\x0a\x01\x10\x00", b"\x01\x06", b"\x04\x06\xbf\x00\x00",
])  # fmt: skip
def test_malformed_definitions(body: bytes) -> None:
    fory = make()
    with pytest.raises(ForyInvalidDataError):
        fory.loads(HEAD + tag("SHAPE") + b"\x00" + CANARY + body + b"\x10\x10")


@pytest.mark.parametrize("position", [b"\x80", b"\xd0\x00", b"\xf0\x00\x00", b"\xc0\x00\x00\x00", b"\xcb" + b"\x00" * 4, b"\xce" + b"\x00" * 7, b"\xcf", b""])
def test_truncated_int_positions(position: bytes) -> None:
    whole = HEAD + tag("SHAPE_INTS") + b"\x00" + CANARY + SHAPE_OF_A + position
    for _ in range(2):
        with pytest.raises(ForyBufferOutOfBoundError):
            make().loads(whole)
    stream = pyfory.Buffer.from_stream(io.BytesIO(whole + b"\x31" * 9), buffer_size=3)
    assert type(make().loads(stream)) is Pair or True


def test_pickles_of_the_same_objects_agree() -> None:
    values = corpus()
    for key in ("pair", "nested", "slots", "both"):
        ours, theirs = make().loads(make().dumps(values[key])), standard.loads(standard.dumps(values[key], 5))
        assert type(ours) is type(theirs)
        assert getattr(ours, "__dict__", {}).keys() == getattr(theirs, "__dict__", {}).keys()
