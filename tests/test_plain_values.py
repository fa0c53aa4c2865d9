"""Values of the builtin types: written in line where output stays in memory, by their codecs where it is sent on."""

import datetime
import io
import itertools
import random

import pytest

import pyfory
import support
from pyfory.error import ForyError

#: of every kind that a container tells apart, those that end a run of plain values too
LEAVES = [
    0, -1, 63, 64, -(2 ** 29), 2 ** 40, 2 ** 62, -(2 ** 63), 0.0, -2.5, float("inf"), True, False, None,
    "", "a", "seven b", "eight by", "nine byte", "sixteen letters.", "seventeen letter.", "x" * 31, "x" * 32, "x" * 33, "x" * 1024, "x" * 1025,
    "\u00e9", "\u00e9" * 40, "\u4f60\u597d", "\U0001f600", b"bytes", datetime.date(2024, 2, 29), [], {}, [1], {"a": 1}, (), (1, None),
]  # fmt: skip


def through_codecs(fory, value):
    """The bytes of a message that leaves while it is written: no value of it is written in line."""
    stream = io.BytesIO()
    fory.dump(value, stream)
    return stream.getvalue()


@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("make", [list, lambda pair: {"k": pair[0], "key two": pair[1]}, lambda pair: {1: pair[0], 2 ** 61: pair[1]}], ids=["list", "str keys", "int keys"])
def test_pairs_are_written_alike(make, ref):
    fory = pyfory.Fory(xlang=True, ref=ref)
    for pair in itertools.product(LEAVES, repeat=2):
        value = make(pair)
        data = fory.dumps(value)
        assert data == through_codecs(fory, value), pair
        support.assert_same(support.as_read(value), fory.loads(data))


@pytest.mark.parametrize("ref", [False, True])
def test_documents_are_written_alike(ref):
    rng = random.Random(7)

    def key():
        return rng.choice(["id", "name", "a rather long key that goes on", "cl\u00e9", "\u4f60", 5, -(2 ** 50), 2.5, None, True, "k%d" % rng.randrange(50)])

    def grow(depth):
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(LEAVES)
        if rng.random() < 0.5:
            return [grow(depth - 1) for _ in range(rng.randrange(7))]
        return {key(): grow(depth - 1) for _ in range(rng.randrange(9))}

    fory = pyfory.Fory(xlang=True, ref=ref)
    for _ in range(300):
        value = grow(5)
        data = fory.dumps(value)
        assert data == through_codecs(fory, value)
        support.assert_same(support.as_read(value), fory.loads(data))


@pytest.mark.parametrize("n", [254, 255, 256, 511])
def test_full_chunks(n):
    fory = pyfory.Fory(xlang=True)
    for value in ({"k%d" % i: i for i in range(n)}, {i: "v" for i in range(n)}, {"k%d" % i: [i] for i in range(n)}):
        data = fory.dumps(value)
        assert data == through_codecs(fory, value)
        assert fory.loads(data) == value


@pytest.mark.parametrize("xlang", [True, False])
def test_keys_come_from_a_cache(xlang):
    """Of any length, wherever they stand in the message, and however many there are."""
    fory = pyfory.Fory(xlang=xlang)
    rng = random.Random(11)
    texts = ["".join(rng.choices("abcxyz\u00e9", k=rng.randrange(20))) for _ in range(3000)] + ["k%d" % i for i in range(2000)]
    for _ in range(3):
        rng.shuffle(texts)
        for i in range(0, len(texts), 7):
            value = {text: rng.choice([None, 1, "v", [text]]) for text in texts[i:i + 7]}
            assert fory.loads(fory.dumps(value)) == value
    known = {"id": 1, "name": None, "sixteen letters.": "x"}
    data = fory.dumps(known)
    first, second = fory.loads(data), fory.loads(data)
    assert all(a is b for a, b in zip(first, second))


def test_dicts_with_gaps_and_shared_keys():
    """Tables of every layout: after deletions, of instances, emptied, copied."""

    class Holder:
        def __init__(self):
            self.one, self.two, self.three = 1, "two", None

    gaps = {"k%d" % i: i for i in range(40)}
    for i in range(0, 40, 3):
        del gaps["k%d" % i]
    emptied = dict(gaps)
    emptied.clear()
    popped = {i: i for i in range(9)}
    popped.popitem()
    holder = Holder()
    later = Holder()
    del later.two
    fory = pyfory.Fory(xlang=True)
    for value in (gaps, emptied, popped, holder.__dict__, later.__dict__, vars(Holder()), gaps.copy(), dict.fromkeys("abc")):
        data = fory.dumps(value)
        assert data == through_codecs(fory, value)
        assert list(fory.loads(data).items()) == list(value.items())


SCALARS = [
    value for value in LEAVES if not isinstance(value, (list, dict, tuple))
] + [255, 256, -256, -257, 2 ** 59, 2 ** 60 - 1, 2 ** 60, 2 ** 63 - 1, 2 ** 31, 0.1, 1e300, float("-inf"), b"", b"x" * 2000, "t" * 70000]  # fmt: skip
MODES = [{"xlang": True}, {"xlang": True, "ref": True}, {"xlang": False}, {"xlang": False, "ref": True}]


@pytest.mark.parametrize("config", MODES, ids=str)
def test_messages_of_one_scalar(config):
    """Made without a context, they have the bytes that the general way gives, and are read alike."""
    fory = pyfory.Fory(**config)
    for value in SCALARS:
        data = fory.dumps(value)
        assert data == through_codecs(fory, value), value
        for source in (data, bytearray(data), data + b"more"):
            result = fory.loads(source)
            assert type(result) is type(value) and result == value
    assert str(fory.loads(fory.dumps(float("nan")))) == "nan"


@pytest.mark.parametrize("config", MODES, ids=str)
def test_damaged_messages_of_one_scalar(config):
    """bytes take the short way first, a memoryview the general one: the same outcome."""

    def outcome(source):
        try:
            return repr(fory.loads(source))
        except ForyError as error:
            return type(error), str(error)

    fory = pyfory.Fory(**config)
    rng = random.Random(3)
    for value in SCALARS:
        data = fory.dumps(value)[:300]
        for end in range(min(len(data), 40)):
            assert outcome(data[:end]) == outcome(memoryview(data[:end]))
        for _ in range(60):
            broken = bytearray(data)
            broken[rng.randrange(min(len(data), 14))] = rng.randrange(256)
            assert outcome(bytes(broken)) == outcome(memoryview(bytes(broken)))


def test_a_serializer_changes_the_dict_around_it():
    """Pairs are borrowed only as long as no Python code runs."""

    class Item:
        pass

    class ItemSerializer(pyfory.Serializer):
        def write(self, context, value):
            action(document)
            context.write_varint32(1)

        def read(self, context):
            context.read_varint32()
            return Item()

    fory = pyfory.Fory(xlang=True)
    fory.register(Item, type_id=300, serializer=ItemSerializer(fory, Item))

    def grow(d):
        d.update(("new %d" % i, "v") for i in range(1000))

    def swap(d):
        del d["z"]
        d["other"] = "text made anew %d" % len(d)

    for action in (dict.clear, grow, lambda d: d.pop("z")):
        document = {"a": 1, "b": [Item()], "c": {"d": Item()}, "z": "last"}
        with pytest.raises(ForyError, match="changed"):
            fory.dumps(document)
    action = swap
    document = {"a": 1, "b": [Item()], "z": "last"}
    assert list(fory.loads(fory.dumps(document))) == ["a", "b", "other"]


def test_a_serializer_changes_the_list_around_it():
    class Item:
        pass

    class ItemSerializer(pyfory.Serializer):
        def write(self, context, value):
            action(values)

        def read(self, context):
            return Item()

    fory = pyfory.Fory(xlang=True)
    fory.register(Item, type_id=300, serializer=ItemSerializer(fory, Item))
    for action in (list.clear, lambda v: v.extend(range(1000)), list.pop):
        values = [1, "two", Item(), 3.0, None]
        with pytest.raises(ForyError, match="changed"):
            fory.dumps(values)


def test_public_walk():
    """Without the private layouts: the same bytes."""
    source = """
        import pyfory
        f = pyfory.Fory(xlang=True)
        print(f.dumps({"a": 1, "b": "x", "c": {"d": None, "e": [1, "2"]}, 5: {}}).hex())
    """
    assert support.check_python(source) == support.check_python(source, env={"PYFORY_PUBLIC_ATTRIBUTES": "1"})
