"""Errors: the family, the path to the value, and the state afterwards."""

import enum
import pickle
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import pytest

import pyfory
import pyfory.error
import support
from pyfory.error import ForyError


class Color(enum.Enum):
    RED = 1


@dataclass
class Item:
    price: pyfory.Int32 = 0
    label: str = ""
    tags: List[str] = field(default_factory=list)


@dataclass
class Order:
    items: List[Item] = field(default_factory=list)
    by_name: Dict[str, Item] = field(default_factory=dict)
    first: Optional[Item] = None
    extra: Any = None


def make(compatible=True, **options):
    return support.fory(Color, Item, Order, compatible=compatible, **options)


BAD = Item(2**31)
WORSE = Item(1, "x", ["a", 5])


@pytest.mark.parametrize("value, path, error", [
    (object(), "$", TypeError), ([1, object()], "$[1]", TypeError), ({"a": [0, {"b": object()}]}, "$.a[1].b", TypeError),
    ([[[2**63]]], "$[0][0][0]", OverflowError), ({"k": 2**64}, "$.k", OverflowError), ((1, 2, "\ud800"), "$[2]", ValueError),
    (BAD, "$.price", OverflowError), ([Item(), BAD], "$[1].price", OverflowError), (WORSE, "$.tags[1]", TypeError),
    (Order([Item(), BAD]), "$.items[1].price", OverflowError), (Order([], {"k": BAD}), "$.by_name.k.price", OverflowError),
    (Order([], {"j": Item(), "k": WORSE}), "$.by_name.k.tags[1]", TypeError), (Order(first=BAD), "$.first.price", OverflowError),
    (Order(extra=[1, {"x": BAD}]), "$.extra[1].x.price", OverflowError), ([1, "a", 2**63], "$[2]", OverflowError),
    ([None, 2**63], "$[1]", OverflowError), ({"a": None, "b": Color.RED, "c": 1j}, "$.c", TypeError),
    (Item("x"), "$.price", TypeError), (Item(1, None), "$.label", TypeError), (Item(1, "a", None), "$.tags", TypeError),
], ids=lambda x: x if isinstance(x, str) else None)
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
@pytest.mark.parametrize("ref", [False, True], ids=["noref", "ref"])
def test_path_when_writing(value, path, error, compatible, ref):
    fory = make(compatible, ref=ref)
    for _ in range(2):
        with pytest.raises(ForyError) as caught:
            fory.serialize(value)
        assert caught.value.path == path
        assert isinstance(caught.value, error)
        assert path in str(caught.value)
        # and the instance works as before
        good = Order([Item(1, "a", ["b"])], {"k": Item(2)}, Item(3), [Color.RED, None])
        assert make(compatible, ref=ref).deserialize(fory.serialize(good)) == good


@pytest.mark.parametrize("key, text", [("a b", "a b"), ("", ""), ("a.b", "a.b"), (5, "5"), (None, "None"), ("\n", "n")])
def test_path_through_unusual_keys(key, text):
    with pytest.raises(ForyError) as caught:
        pyfory.Fory().serialize({key: object()})
    assert caught.value.path.startswith("$") and text in caught.value.path and "\n" not in caught.value.path


def test_path_of_a_bad_key():
    with pytest.raises(ForyError) as caught:
        pyfory.Fory().serialize([{object(): 1}])
    assert caught.value.path.startswith("$[0]")


def test_long_paths_stay_readable():
    fory = pyfory.Fory(max_depth=500)
    with pytest.raises(ForyError) as caught:
        fory.serialize(support.lists_nested(300, object()))
    assert caught.value.path.startswith("$[0][0]")


@pytest.mark.parametrize("value, cut, path", [
    ([1, 2, 3], 1, "$"), ([None, 5000, 6000], 1, "$[2]"), ([[1], ["abc"]], 1, "$[1][0]"), ({"a": 1, "b": "xyz"}, 1, "$.b"),
    (Item(1, "a", ["b", "cd"]), 1, "$.tags[1]"), (Order([Item(1, "a", ["b", "cd"])], {}, None, None), 30, "$"),
])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_path_when_reading(value, cut, path, compatible):
    data = make(compatible).serialize(value)
    fory = make(compatible)
    with pytest.raises(pyfory.error.ForyBufferOutOfBoundError) as caught:
        fory.deserialize(data[:-cut])
    assert caught.value.path.startswith(path)
    assert isinstance(caught.value.offset, int) and 0 <= caught.value.offset <= len(data)
    assert "byte %d" % caught.value.offset in str(caught.value)
    assert fory.deserialize(data) == value


def test_damage_is_located():
    fory = make()
    data = bytearray(fory.serialize([1, "abc", {"k": "def"}]))
    position = data.index(b"def") - 1
    data[position] |= 3  # no such string encoding
    with pytest.raises(pyfory.error.ForyInvalidDataError) as caught:
        fory.deserialize(bytes(data))
    assert caught.value.path == "$[2].k" and abs(caught.value.offset - position) <= 4


NAMES = (
    "ForyOutOfMemoryError ForyOutOfBoundError ForyKeyError ForyTypeError ForyInvalidError ForyIOError ForyUnknownError "
    "ForyEncodeError ForyInvalidDataError ForyInvalidRefError ForyUnknownEnumError ForyEncodingError ForyDepthExceedError "
    "ForyUnsupportedError ForyNotAllowedError ForyStructVersionMismatchError ForyTypeMismatchError "
    "ForyBufferOutOfBoundError TypeNotCompatibleError TypeUnregisteredError CompileError"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_family(name):
    cls = getattr(pyfory.error, name)
    assert issubclass(cls, ForyError) and issubclass(cls, Exception)
    error = cls("text")
    assert "text" in str(error) and error.path is None and error.offset is None
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls and copy.args == error.args


@pytest.mark.parametrize("name, bases", [
    ("ForyInvalidDataError", [ValueError]), ("ForyBufferOutOfBoundError", [ValueError, EOFError]), ("ForyTypeError", [TypeError]),
    ("ForyInvalidRefError", [ValueError]), ("ForyUnknownEnumError", [ValueError]), ("TypeNotCompatibleError", [ValueError]),
    ("TypeUnregisteredError", [TypeError]), ("ForyDepthExceedError", [RecursionError]), ("ForyUnsupportedError", [TypeError, NotImplementedError]),
    ("ForyOverflowError", [OverflowError]), ("ForyLimitError", [ValueError]),
])
def test_builtin_bases(name, bases):
    for base in bases:
        assert issubclass(getattr(pyfory.error, name), base)
    assert not issubclass(getattr(pyfory.error, name), UnicodeDecodeError)


def test_raised_errors_keep_path_in_pickle():
    with pytest.raises(ForyError) as caught:
        make().serialize([1, object()])
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.path == "$[1]" and str(copy) == str(caught.value)


class Boom(Exception):
    pass


class Thing:
    pass


class BadSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_string("half")
        raise Boom("write")

    def read(self, read_context):
        raise Boom("read")


class GoodSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_string("half")

    def read(self, read_context):
        return Thing()


@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_user_exceptions_pass_unchanged(compatible):
    def make_with(serializer):
        fory = make(compatible)
        fory.register(Thing, type_id=9, serializer=serializer)
        return fory

    bad = make_with(BadSerializer)
    with pytest.raises(Boom, match="write") as caught:
        bad.serialize([1, {"k": Thing()}])
    assert type(caught.value) is Boom and caught.value.args == ("write",)
    if hasattr(caught.value, "add_note"):
        assert any("$[1].k" in note for note in caught.value.__notes__)
    data = make_with(GoodSerializer).serialize([1, {"k": Thing()}])
    with pytest.raises(Boom, match="read") as caught:
        bad.deserialize(data)
    if hasattr(caught.value, "add_note"):
        assert any("$[1].k" in note for note in caught.value.__notes__)
    assert bad.deserialize(bad.serialize(Item(1))) == Item(1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit])
def test_base_exceptions_pass(error):
    class Raising(pyfory.Serializer):
        def write(self, write_context, value):
            raise error()

    fory = pyfory.Fory()
    fory.register(Thing, type_id=9, serializer=Raising)
    with pytest.raises(error):
        fory.serialize([Thing()])
    assert fory.deserialize(fory.serialize([1])) == [1]


def test_iteration_errors_pass():
    class Evil(list):
        def __iter__(self):
            raise Boom("iter")

        def __len__(self):
            raise Boom("len")

    import collections.abc

    class EvilSequence(collections.abc.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            raise Boom("item")

    fory = pyfory.Fory()
    with pytest.raises(Boom, match="item"):
        fory.serialize([1, EvilSequence()])
    try:
        fory.serialize(Evil([1]))
    except Boom:
        pass
    assert fory.deserialize(fory.serialize([1])) == [1]


def test_hash_mismatch():
    @dataclass
    class Other:
        x: int = 0

    writer, reader = pyfory.Fory(compatible=False), pyfory.Fory(compatible=False)
    writer.register(Item, name="n.T")
    reader.register(Other, name="n.T")
    with pytest.raises(pyfory.error.TypeNotCompatibleError):
        reader.deserialize(writer.serialize(Item(1)))
    assert reader.deserialize(reader.serialize(Other(2))) == Other(2)


@pytest.mark.parametrize("bad", [None, "text", 5, 1.5, [1], object()], ids=lambda bad: type(bad).__name__)
def test_input_of_a_wrong_type(bad):
    fory = pyfory.Fory()
    for method in (fory.deserialize, fory.loads):
        with pytest.raises(TypeError):
            method(bad)
    with pytest.raises(TypeError):
        fory.serialize(1, bad if bad is not None else bytearray())


def test_messages_do_not_echo_the_payload():
    fory = pyfory.Fory()
    for data in (b"\x01\xff\x15" + b"\xff" * 100, b"\x01\xff\x15\xc2\x1f" + b"\xff" * 1000):
        with pytest.raises(ForyError) as caught:
            fory.deserialize(data)
        assert len(str(caught.value)) < 400


def test_attribute_errors_of_a_property_pass_unchanged():
    class Computed:
        value: int

        @property
        def value(self):  # noqa: F811
            raise AttributeError("my own reason")

    fory = pyfory.Fory()
    fory.register(Computed, name="demo.Computed")
    with pytest.raises(AttributeError, match="my own reason") as caught:
        fory.serialize([Computed()])
    assert not isinstance(caught.value, ForyError)
    if hasattr(caught.value, "add_note"):
        assert any("$[0].value" in note for note in caught.value.__notes__)


def test_incompatible_schemas_are_both_named():
    from dataclasses import make_dataclass
    from typing import Dict, List, Optional

    def read(there, here, value):
        writer, reader = pyfory.Fory(), pyfory.Fory()
        cls = make_dataclass("Writer", [("f", there)])
        writer.register(cls, name="n.T")
        reader.register(make_dataclass("Reader", [("f", here)]), name="n.T")
        with pytest.raises(ForyError) as info:
            reader.deserialize(writer.serialize(cls(value)))
        assert info.value.offset is not None
        return str(info.value)

    text = read(List[Optional[str]], int, ["a"])
    assert "'f'" in text and "list<string?> there, varint64 here" in text
    assert "schema n.T of the input, class Reader" in text
    text = read(Dict[str, List[int]], Dict[str, List[str]], {"a": [1]})
    assert "map<string, list<varint64>> there, map<string, list<string>> here" in text
    text = read(str, int, "abc")
    assert "from type 21 to type 7 (string to varint64) without loss" in text and "$.f" in text and "abc" not in text
    long = read(Dict[str, Dict[str, Dict[str, Dict[str, Dict[str, int]]]]], int, {})
    assert len(long) < 300 and "..." in long


def test_incompatible_references_are_named():
    from dataclasses import make_dataclass

    plain = make_dataclass("Plain", [("f", int)])
    tracked = make_dataclass("Tracked", [("f", int, pyfory.field(ref=True))])
    for there, here, text in (
        (tracked, plain, "varint64 with references there, varint64 here"),
        (plain, tracked, "varint64 there, varint64 with references here"),
    ):
        writer, reader = pyfory.Fory(ref=True), pyfory.Fory(ref=True)
        writer.register(there, name="n.T")
        reader.register(here, name="n.T")
        with pytest.raises(ForyError, match=text):
            reader.loads(writer.dumps(there(1)))


def test_paths_lead_through_fields_that_only_the_peer_has():
    from dataclasses import make_dataclass
    from typing import List

    wide = make_dataclass("Wide", [("a", int), ("z", List[str])])
    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(wide, name="n.T")
    reader.register(make_dataclass("Narrow", [("a", int)]), name="n.T")
    data = writer.dumps([wide(1, ["x", "yy"])])
    assert reader.loads(data)[0].a == 1
    with pytest.raises(ForyError) as info:
        reader.loads(data[:-1])
    assert info.value.path == "$[0].z[1]"
