"""Dense array carriers: list behaviour, element rules, buffers, pickling, NumPy."""

from __future__ import annotations

import array as stdlib_array
import copy
import gc
import math
import pickle
import random
import struct
import sys
import tracemalloc
from collections.abc import MutableSequence

import pytest

import pyfory
from pyfory.array import ARRAY_TYPES, DenseArray

INTS = {
    "Int8Array": (-(2**7), 2**7 - 1, "b", "b"),
    "Int16Array": (-(2**15), 2**15 - 1, "h", "h"),
    "Int32Array": (-(2**31), 2**31 - 1, "i", "i"),
    "Int64Array": (-(2**63), 2**63 - 1, "q", "q"),
    "UInt8Array": (0, 2**8 - 1, "B", "B"),
    "UInt16Array": (0, 2**16 - 1, "H", "H"),
    "UInt32Array": (0, 2**32 - 1, "I", "I"),
    "UInt64Array": (0, 2**64 - 1, "Q", "Q"),
}
FLOATS = {"Float16Array": "e", "BFloat16Array": "H", "Float32Array": "f", "Float64Array": "d"}
ALL = ["BoolArray"] + list(INTS) + list(FLOATS)
WIDTH = {"BoolArray": 1, "Float16Array": 2, "BFloat16Array": 2, "Float32Array": 4, "Float64Array": 8}
WIDTH.update({name: struct.calcsize("<" + fmt) for name, (_, _, fmt, _) in INTS.items()})


def carrier(name):
    return getattr(pyfory.array, name)


def sample(name):
    if name == "BoolArray":
        return [True, False, True, True]
    if name in INTS:
        low, high, _, _ = INTS[name]
        return [low, 0, 1, high]
    return [0.5, -2.0, 0.0, 3.0]


@pytest.fixture(params=ALL)
def name(request):
    return request.param


# ---- construction -------------------------------------------------------------


def test_all_thirteen_are_registered():
    assert [cls.__name__ for _, cls in sorted(ARRAY_TYPES.items())] == ALL
    assert sorted(ARRAY_TYPES) == [43, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 55, 56]


def test_construct_from_iterables(name):
    cls, values = carrier(name), sample(name)
    for source in (values, tuple(values), iter(values), (v for v in values), dict.fromkeys(values, 0)):
        expected = list(dict.fromkeys(values)) if isinstance(source, dict) else values
        made = cls(source)
        assert made.tolist() == expected
        assert [type(v) for v in made] == [type(v) for v in expected]
    assert cls().tolist() == cls([]).tolist() == cls(None).tolist() == []
    assert cls(values=values) == cls.from_values(values) == values
    assert cls(cls(values)) == values


def test_constructor_arguments(name):
    cls = carrier(name)
    with pytest.raises(TypeError):
        cls(5)
    with pytest.raises(TypeError):
        cls([], [])
    with pytest.raises(TypeError):
        cls(nothing=1)
    with pytest.raises(TypeError):
        cls([None])
    with pytest.raises(TypeError):
        cls("ab")


def test_base_class_is_not_a_carrier():
    for base in (DenseArray, pyfory._core.DenseArray):
        with pytest.raises(TypeError, match="Int32Array"):
            base([1])
        with pytest.raises(TypeError):
            base.from_buffer(b"")


def test_init_again_replaces(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    made.__init__(values[:2])
    assert made == values[:2]
    made.__init__()
    assert len(made) == 0


def test_failing_iterator_is_not_swallowed(name):
    def values():
        yield sample(name)[0]
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        carrier(name)(values())


def test_large(name):
    values = sample(name) * 5000
    made = carrier(name)(values)
    assert len(made) == 20000 and made.tolist() == values and list(made) == values


# ---- element rules ------------------------------------------------------------


@pytest.mark.parametrize("name", list(INTS))
def test_integer_range(name):
    cls = carrier(name)
    low, high, fmt, _ = INTS[name]
    assert cls([low, high]).tolist() == [low, high]
    assert bytes(cls([low, high])) == struct.pack("<2" + fmt, low, high)
    for bad in (low - 1, high + 1, 2**64, -(2**64), 10**30):
        with pytest.raises(OverflowError, match=r"%s element %d out of range \[%d, %d\]" % (name, bad, low, high)):
            cls([0, bad])
        with pytest.raises(pyfory.error.ForyOverflowError):
            cls([0]).append(bad)
    with pytest.raises(OverflowError, match="out of range"):
        cls([10**6000])


@pytest.mark.parametrize("name", list(INTS))
def test_integer_types(name):
    cls = carrier(name)

    class Index:
        def __index__(self):
            return 1

    class Small(int):
        pass

    assert cls([Small(3)]).tolist() == [3] and type(cls([Small(3)])[0]) is int
    for bad in (True, 1.0, "1", None, Index()):
        with pytest.raises(TypeError, match="%s element must be int" % name):
            cls([1, bad])
        made = cls([1, 2])
        with pytest.raises(pyfory.error.ForyTypeError):
            made[0] = bad
        assert made == [1, 2]


@pytest.mark.parametrize("name", list(FLOATS))
def test_float_types(name):
    cls = carrier(name)

    class Mine(float):
        pass

    assert cls([1, Mine(2), 0.5]).tolist() == [1.0, 2.0, 0.5]
    assert all(type(v) is float for v in cls([1, Mine(2)]))
    for bad in (True, "1", None, 1j):
        with pytest.raises(TypeError, match="%s element must be int or float" % name):
            cls([bad])
    with pytest.raises(OverflowError, match=name):
        cls([10**400])


def test_bool_types():
    for bad in (0, 1, 1.0, None, "x"):
        with pytest.raises(TypeError, match=r"array<bool> element must be bool"):
            pyfory.BoolArray([True, bad])
    assert pyfory.BoolArray([True])[0] is True


def test_failed_extend_changes_nothing(name):
    made = carrier(name)(sample(name))
    for bad in ([*sample(name), None], (sample(name)[0], "x")):
        with pytest.raises(TypeError):
            made.extend(iter(bad))
        with pytest.raises(TypeError):
            made.extend(bad)
        with pytest.raises(TypeError):
            made += bad
        with pytest.raises(TypeError):
            made[1:2] = [None]
    with pytest.raises(TypeError):
        made.insert(0, None)
    with pytest.raises(TypeError):
        made.extend(None)
    assert made == sample(name)


def test_float32_rounds_and_overflows():
    made = pyfory.Float32Array([1 / 3, 1e39, -1e39, 1e-50, math.nan, 3.4028235e38])
    assert made[0] == struct.unpack("<f", struct.pack("<f", 1 / 3))[0]
    assert made[1] == math.inf and made[2] == -math.inf and made[3] == 0.0
    assert math.isnan(made[4]) and made[5] == struct.unpack("<f", struct.pack("<f", 3.4028235e38))[0]


@pytest.mark.parametrize(
    "value, bits",
    [
        (0.0, 0x0000), (-0.0, 0x8000), (1.0, 0x3C00), (-0.5, 0xB800), (65504.0, 0x7BFF), (65519.99, 0x7BFF),
        (65520.0, 0x7C00), (1e9, 0x7C00), (-math.inf, 0xFC00), (2049.0, 0x6800), (2051.0, 0x6802), (1 / 3, 0x3555),
        (2.0**-24, 0x0001), (2.0**-25, 0x0000), (math.nextafter(2.0**-25, 1) if sys.version_info >= (3, 9) else
         2.0**-25 * (1 + 2.0**-52), 0x0001), (3 * 2.0**-25, 0x0002), (6.1e-5, 0x03FF), (5e-324, 0x0000),
        (1 + 2.0**-11 + 2.0**-40, 0x3C01),  # float32 in between would make this a tie
        (math.nan, 0x7E00), (2048, 0x6800),
    ],
)  # fmt: skip
def test_float16_rounding(value, bits):
    for made in (pyfory.Float16Array([value]), pyfory.Float16Array([value] * 300)[299:], pyfory.Float16Array()):
        if not made:
            made.append(value)
        assert made.to_buffer().tolist() == [bits]
    made = pyfory.Float16Array([1.0])
    made[0] = value
    assert bytes(made) == struct.pack("<H", bits)


def test_float16_equals_struct():
    rng = random.Random(3)
    values = [rng.uniform(-70000, 70000) for _ in range(300)] + [rng.uniform(-1e-4, 1e-4) for _ in range(300)]
    for value, bits in zip(values, pyfory.Float16Array(values).to_buffer()):
        try:
            expected = struct.unpack("<H", struct.pack("<e", value))[0]
        except OverflowError:
            expected = 0xFC00 if value < 0 else 0x7C00
        assert bits == expected, value


@pytest.mark.parametrize(
    "value, bits",
    [
        (1.0, 0x3F80), (-0.5, 0xBF00), (3.0, 0x4040), (1 / 3, 0x3EAB), (3.3961775292304957e38, 0x7F80),
        (1.00390625, 0x3F80), (1.01171875, 0x3F82), (1e-40, 0x0001), (1e300, 0x7F80), (-math.inf, 0xFF80),
        (1 + 2.0**-8 + 2.0**-40, 0x3F81), (-0.0, 0x8000),
    ],
)  # fmt: skip
def test_bfloat16_rounding(value, bits):
    assert pyfory.BFloat16Array([value]).to_buffer().tolist() == [bits]
    assert pyfory.BFloat16Array([value] * 300).to_buffer().tolist() == [bits] * 300


@pytest.mark.parametrize("cls", [pyfory.Float16Array, pyfory.BFloat16Array])
def test_half_floats_all_patterns(cls):
    patterns = stdlib_array.array("H", range(65536))
    made = cls.from_buffer(patterns)
    assert made.to_buffer() == patterns  # verbatim, signalling NaN too
    values = made.tolist()
    assert [made[i] if not math.isnan(made[i]) else None for i in range(0, 65536, 97)] == [
        v if not math.isnan(v) else None for v in values[::97]
    ]
    again = cls(values).to_buffer()
    quiet = 0x200 if cls is pyfory.Float16Array else 0x40
    for pattern, result, value in zip(patterns, again, values):
        assert result == (pattern | quiet if math.isnan(value) else pattern)


# ---- list protocol ------------------------------------------------------------


def test_is_a_mutable_sequence(name):
    made = carrier(name)(sample(name))
    assert isinstance(made, MutableSequence) and not isinstance(made, list)
    assert not hasattr(made, "__dict__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(made)
    with pytest.raises(AttributeError):
        made.nothing = 1


def test_repr_and_bool(name):
    made = carrier(name)(sample(name))
    assert repr(made) == "%s(%r)" % (name, sample(name))
    assert bool(made) and not carrier(name)()
    assert repr(pyfory.Int32Array([1, 2])) == "Int32Array([1, 2])"


def test_items(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    for i in range(-4, 4):
        assert made[i] == values[i] and type(made[i]) is type(values[i])
    for bad in (4, -5, 10**30):
        with pytest.raises(IndexError):
            made[bad]
        with pytest.raises(IndexError):
            made[bad] = values[0]
        with pytest.raises(IndexError):
            del made[bad]
    with pytest.raises(IndexError, match="array index out of range"):
        made[4]
    with pytest.raises(TypeError):
        made["0"]
    with pytest.raises(TypeError):
        made[0.0] = values[0]
    made[1] = values[3]
    made[-1] = values[0]
    assert made == [values[0], values[3], values[2], values[0]]
    del made[0]
    del made[-1]
    assert made == [values[3], values[2]]


def test_same_as_list_at_random(name):
    """Every mutation does what list does."""
    cls, values = carrier(name), sample(name)
    rng = random.Random(ALL.index(name))
    for _ in range(150):
        model = [rng.choice(values) for _ in range(rng.randrange(12))]
        made = cls(model)
        for _ in range(12):
            bound = lambda: rng.choice([None, rng.randrange(-14, 14)])  # noqa: E731
            key = slice(bound(), bound(), rng.choice([None, 1, 1, 2, 3, -1, -2, -5]))
            assert type(made[key]) is cls and made[key].tolist() == model[key]
            new = [rng.choice(values) for _ in range(rng.randrange(6))]
            action = rng.randrange(9)
            if action == 0:
                try:
                    model[key] = new
                except ValueError:
                    with pytest.raises(ValueError):
                        made[key] = new
                else:
                    made[key] = rng.choice([list, tuple, iter, cls])(new)
            elif action == 1:
                del model[key], made[key]
            elif action == 2:
                i = rng.randrange(-14, 14)
                model.insert(i, values[0])
                made.insert(i, values[0])
            elif action == 3 and model:
                i = rng.randrange(-len(model), len(model))
                assert made.pop(i) == model.pop(i)
            elif action == 4:
                model.extend(new)
                made.extend(new)
            elif action == 5:
                model.reverse()
                made.reverse()
            elif action == 6:
                reverse = rng.random() < 0.5
                model.sort(reverse=reverse)
                made.sort(reverse=reverse)
            elif action == 7 and values[1] in model:
                model.remove(values[1])
                made.remove(values[1])
            else:
                times = rng.randrange(-1, 3)
                assert made * times == times * made == model * times
                if len(model) < 40:
                    model *= times
                    made *= times
            assert made.tolist() == model and len(made) == len(model)
            assert made.count(values[0]) == model.count(values[0])
            assert (values[2] in made) == (values[2] in model)
            assert list(reversed(made)) == model[::-1]


def test_slice_assignment_of_itself():
    made = pyfory.Int32Array([1, 2, 3, 4])
    made[1:3] = made
    assert made == [1, 1, 2, 3, 4, 4]
    made[::-1] = made
    assert made == [4, 4, 3, 2, 1, 1]
    made.extend(made)
    assert made == [4, 4, 3, 2, 1, 1] * 2
    made += made
    assert len(made) == 24
    with pytest.raises(ValueError, match="extended slice of size 12"):
        made[::2] = [1]
    with pytest.raises(ValueError):
        made[::0]
    with pytest.raises(TypeError):
        made[1:2] = 5


def test_pop_index_remove_errors(name):
    made, values = carrier(name)(), sample(name)
    with pytest.raises(IndexError, match="pop from empty"):
        made.pop()
    with pytest.raises(ValueError):
        made.remove(values[0])
    with pytest.raises(ValueError):
        made.index(values[0])
    made.append(values[0])
    with pytest.raises(IndexError):
        made.pop(1)
    assert made.pop() == values[0] and not made


def test_iterator():
    made = pyfory.Int16Array([1, 2])
    it = iter(made)
    assert iter(it) is it and it.__length_hint__() == 2 and next(it) == 1
    made.append(3)
    assert it.__length_hint__() == 2 and list(it) == [2, 3]
    made.append(4)
    assert list(it) == [] and it.__length_hint__() == 0  # stays exhausted, as a list's
    it = iter(made)
    next(it)
    made.clear()
    assert it.__length_hint__() == 0 and list(it) == []


def test_index_bounds():
    made = pyfory.Int16Array([5, 6, 5, 7, 5])
    model = made.tolist()
    for start in range(-7, 7):
        for stop in range(-7, 7):
            try:
                expected = model.index(5, start, stop)
            except ValueError:
                with pytest.raises(ValueError):
                    made.index(5, start, stop)
            else:
                assert made.index(5, start, stop) == expected
    assert made.index(5, 1) == 2 and made.index(5, start=3, stop=None) == 4
    assert made.index(5, -(10**30), 10**30) == 0


def test_search_compares_like_numbers(name):
    cls = carrier(name)
    one = True if name == "BoolArray" else 1
    made = cls([one])
    for equal in (1, 1.0, True, 1 + 0j):
        assert equal in made and made.count(equal) == 1 and made.index(equal) == 0
    for different in (2, 0, -1, 1.5, "1", None, 2**70, math.nan, b"1"):
        assert different not in made and made.count(different) == 0


def test_search_nan_and_zero():
    made = pyfory.Float64Array([math.nan, -0.0])
    assert math.nan not in made and 0 in made and 0.0 in made and made.index(0) == 1
    assert 2**53 + 1 not in pyfory.Float64Array([2.0**53])


def test_search_calls_eq():
    class Fails:
        def __eq__(self, other):
            raise KeyError("eq")

        __hash__ = None

    class Shrinks:
        def __eq__(self, other):
            made.clear()
            return False

        __hash__ = None

    made = pyfory.Int8Array([1, 2, 3])
    for call in (made.index, made.count, made.remove, made.__contains__):
        with pytest.raises(KeyError):
            call(Fails())
    assert Shrinks() not in made and made == []


def test_sort_key(name):
    made = carrier(name)(sample(name))
    with pytest.raises(TypeError):
        made.sort(lambda v: v)
    made.sort(key=lambda v: -v)
    assert made == sorted(sample(name), reverse=True)
    with pytest.raises(KeyError):
        made.sort(key={}.__getitem__)
    assert sorted(made) == sorted(sample(name))


def test_sort_notices_modification():
    made = pyfory.Int8Array([3, 2, 1])
    with pytest.raises(ValueError, match="modified"):
        made.sort(key=lambda v: made.append(v) or v)


def test_concat(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    for other in (values, tuple(values), cls(values), iter(values)):
        total = made + other
        assert type(total) is cls and total == values * 2
    with pytest.raises(TypeError):
        made + 1
    with pytest.raises(TypeError):
        made * 1.5
    with pytest.raises(MemoryError):
        made * sys.maxsize
    with pytest.raises(MemoryError):
        made *= sys.maxsize
    same = made
    same += values
    same *= 2
    assert same is made and made == values * 4


def test_copies_are_independent(name):
    made = carrier(name)(sample(name))
    for other in (made.copy(), copy.copy(made), copy.deepcopy(made), made[:], carrier(name)(made)):
        assert type(other) is type(made) and other == made
        other.pop()
        assert len(other) == 3 and len(made) == 4


# ---- comparison ---------------------------------------------------------------


def test_equality(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    assert made == values and values == made and made == tuple(values) and made == cls(values)
    assert made == stdlib_array.array("d", values) or name in ("Int64Array", "UInt64Array")
    assert not made != values and made != values[:3] and made != values + values[:1] and made != cls(values[:3])
    assert made != 5 and made is not None and made != None and made != object()  # noqa: E711
    assert (made == 5) is False and (made != 5) is True
    assert cls() == [] and cls() == () and cls() != [1]


def test_equality_between_kinds():
    assert pyfory.Int8Array([1, 2]) == pyfory.Float64Array([1, 2]) == pyfory.UInt64Array([1, 2])
    assert pyfory.BoolArray([True]) == pyfory.Int8Array([1])
    assert pyfory.Float64Array([math.nan]) != pyfory.Float64Array([math.nan])
    assert pyfory.Float32Array([0.0]) == pyfory.Float32Array([-0.0])
    assert pyfory.Float16Array([0.0]) == pyfory.Float16Array([-0.0])


@pytest.mark.parametrize("name", ALL)
def test_order_is_that_of_lists(name):
    values = sample(name)
    rng = random.Random(1)
    samples = [[rng.choice(values) for _ in range(rng.randrange(4))] for _ in range(40)]
    for a in samples:
        for b in samples:
            for other in (carrier(name)(b), b):
                made = carrier(name)(a)
                assert (made < other, made <= other, made > other, made >= other) == (a < b, a <= b, a > b, a >= b)
                assert (made == other, made != other) == (a == b, a != b)


def test_order_errors():
    made = pyfory.Int8Array([1])
    with pytest.raises(TypeError):
        made < 5  # noqa: B015
    with pytest.raises(TypeError):
        made < ["a"]  # noqa: B015
    nan = pyfory.Float32Array([math.nan])
    assert not (nan < nan or nan <= nan or nan > nan or nan >= nan or nan == nan)


# ---- pickling and subclasses --------------------------------------------------


class Mine(pyfory.Int32Array):
    """A subclass with a constructor and attributes of its own."""

    def __init__(self, values=None, label=""):
        super().__init__(values)
        self.label = label


class Slotted(pyfory.Float16Array):
    __slots__ = ()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(name, protocol):
    made = carrier(name)(sample(name))
    back = pickle.loads(pickle.dumps(made, protocol))
    assert type(back) is type(made) and back == made
    assert made.__reduce__() == (type(made), (sample(name),))


def test_subclass():
    made = Mine([1, 2], label="x")
    for back in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert type(back) is Mine and back == [1, 2] and back.label == "x"
    assert repr(made) == "Mine([1, 2])" and type(made[:1]) is Mine and isinstance(made, pyfory.Int32Array)
    assert type(Mine.from_buffer(b"\1\0\0\0")) is Mine and type(Mine.from_values([1])) is Mine
    assert type(made + [1]) is Mine and type(made * 2) is Mine and made == pyfory.Int32Array([1, 2])
    slotted = Slotted([1.5])
    assert not hasattr(slotted, "__dict__") and pickle.loads(pickle.dumps(slotted)) == [1.5]
    assert type(pickle.loads(pickle.dumps(slotted))) is Slotted


def test_subclass_in_a_cycle_is_collected():
    import weakref

    class Node(pyfory.Int8Array):
        pass

    node = Node([1])
    node.me = node
    seen = weakref.ref(node)
    del node
    gc.collect()
    assert seen() is None


def test_register_array_type_checks():
    register = pyfory._core.register_array_type
    with pytest.raises(ValueError):
        register(1, pyfory.Int8Array)
    with pytest.raises(ValueError):
        register(42, pyfory.Int8Array)
    with pytest.raises(TypeError):
        register(44, int)
    with pytest.raises(TypeError):
        register(44, "x")


# ---- buffers ------------------------------------------------------------------


def test_to_and_from_buffer(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    packed = made.to_buffer()
    if name in ("BoolArray", "UInt8Array"):
        assert type(packed) is bytearray and list(packed) == values
    else:
        assert type(packed) is stdlib_array.array
        assert packed.typecode == cls.typecode == ("H" if WIDTH[name] == 2 and name in FLOATS else cls.typecode)
    assert bytes(packed) == bytes(made) and len(bytes(made)) == 4 * WIDTH[name] == made.nbytes
    for data in (bytes(packed), bytearray(packed), memoryview(packed), packed, memoryview(made)):
        assert cls.from_buffer(data) == made
    del data
    assert cls.from_buffer(b"") == [] and not cls().to_buffer()
    packed_again = made.to_buffer()
    made.clear()
    assert bytes(packed_again) == bytes(packed)


def test_from_buffer_errors(name):
    cls = carrier(name)
    if WIDTH[name] > 1:
        with pytest.raises(ValueError, match="%s byte size mismatch" % name):
            cls.from_buffer(b"\0" * (WIDTH[name] + 1))
    for bad in (None, 5, [1], "ab"):
        with pytest.raises(TypeError):
            cls.from_buffer(bad)
    with pytest.raises((BufferError, ValueError)):
        cls.from_buffer(memoryview(bytes(16))[::2])


def test_bool_bytes_become_zero_or_one():
    made = pyfory.BoolArray.from_buffer(b"\x00\x01\x02\xff")
    assert made == [False, True, True, True] and bytes(made) == b"\0\1\1\1"
    view = memoryview(bytearray(b"\x00\x02")).cast("?")
    assert bytes(pyfory.BoolArray(view)) == b"\0\1"


def test_buffer_protocol(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    view = memoryview(made)
    fmt = "?" if name == "BoolArray" else INTS[name][3] if name in INTS else FLOATS[name]
    assert (view.format, view.itemsize, view.ndim, view.shape) == (fmt, WIDTH[name], 1, (4,))
    assert view.strides == (WIDTH[name],) and view.contiguous and not view.readonly
    assert view.nbytes == made.nbytes and made.itemsize == WIDTH[name]
    if name not in ("Float16Array", "BFloat16Array"):
        assert view.tolist() == values
        view[0] = values[3]
        assert made[0] == values[3]
    made[1] = values[3]
    assert bytes(view) == bytes(made)
    view.release()
    made.append(values[0])
    empty = memoryview(cls())
    assert empty.nbytes == 0 and bytes(empty) == b"" and empty.shape == (0,)


def test_no_resize_while_exported(name):
    values = sample(name)
    made = carrier(name)(values)
    view = memoryview(made)
    second = view[1:]

    def setitem(key, value):
        made[key] = value

    for change in (
        lambda: made.append(values[0]),
        lambda: made.extend(values),
        lambda: made.extend(made),
        lambda: made.insert(0, values[0]),
        lambda: made.pop(),
        lambda: made.remove(values[0]),
        lambda: made.clear(),
        lambda: made.__init__(),
        lambda: made.__delitem__(0),
        lambda: made.__delitem__(slice(None, None, 2)),
        lambda: made.__iadd__(values),
        lambda: made.__imul__(2),
        lambda: made.__imul__(0),
        lambda: setitem(slice(0, 1), values),
        lambda: setitem(slice(0, 2), []),
    ):
        with pytest.raises(BufferError):
            change()
        assert made == values
    made[0:2] = values[2:]  # same length
    made.reverse()
    made.sort()
    made.extend([])
    made *= 1
    view.release()
    with pytest.raises(BufferError):
        made.append(values[0])
    second.release()
    made.append(values[0])
    assert len(made) == 5


def test_view_keeps_array_alive():
    view = memoryview(pyfory.Int32Array(range(1000)))
    gc.collect()
    assert view[999] == 999


def test_construct_from_buffers(name):
    cls, values = carrier(name), sample(name)
    made = cls(values)
    if name != "BFloat16Array":
        assert cls(memoryview(made)) == made
        assert cls(memoryview(made)[::-1]).tolist() == values[::-1] if name != "Float16Array" else True
    if name in INTS and name not in ("Int64Array", "UInt64Array"):
        assert cls(stdlib_array.array(INTS[name][2], values)) == values
    longs = stdlib_array.array("l", [1, 0, 1])
    if name in INTS:
        assert cls(longs) == [1, 0, 1]  # other dtypes: number by number
        assert cls(b"\x01\x02") == [1, 2]
    elif name in FLOATS:
        assert cls(longs) == [1, 0, 1]
    else:
        with pytest.raises(TypeError):
            cls(longs)
    if name in INTS and INTS[name][0] == 0:
        with pytest.raises(OverflowError):
            cls(stdlib_array.array("b", [-1]))
        with pytest.raises(TypeError):
            cls(stdlib_array.array("d", [1.0]))


def test_bfloat16_from_numbers_that_look_like_patterns():
    assert pyfory.BFloat16Array(stdlib_array.array("H", [1, 2])) == [1.0, 2.0]
    assert pyfory.Float16Array(stdlib_array.array("H", [1, 2])) == [1.0, 2.0]


def test_extend_with_own_view_is_refused():
    made = pyfory.Int32Array([1, 2])
    with pytest.raises(BufferError):
        made.extend(memoryview(made))
    assert made == [1, 2]
    made.append(3)


# ---- numpy --------------------------------------------------------------------

DTYPES = {
    "BoolArray": "bool", "Int8Array": "int8", "Int16Array": "int16", "Int32Array": "int32", "Int64Array": "int64",
    "UInt8Array": "uint8", "UInt16Array": "uint16", "UInt32Array": "uint32", "UInt64Array": "uint64",
    "Float16Array": "float16", "Float32Array": "float32", "Float64Array": "float64",
}  # fmt: skip


@pytest.mark.parametrize("name", list(DTYPES))
def test_numpy_shares_memory(name):
    np = pytest.importorskip("numpy")
    cls, values = carrier(name), sample(name)
    made = cls(values)
    for shared in (np.asarray(made), np.array(made, copy=False), made.to_numpy(), np.frombuffer(made, DTYPES[name])):
        assert shared.dtype == np.dtype(DTYPES[name]) and shared.tolist() == values
        assert np.shares_memory(shared, np.asarray(made)) and shared.flags.writeable
    shared = np.asarray(made)
    shared[0] = values[3]
    assert made[0] == values[3]
    with pytest.raises(BufferError):
        made.append(values[0])
    del shared
    gc.collect()
    made.append(values[0])
    assert np.array(made).tolist() == made.tolist()
    assert np.asarray(cls()).shape == (0,)
    assert made.to_numpy("float64").dtype == np.float64


@pytest.mark.parametrize("name", list(DTYPES))
def test_construct_from_ndarray(name):
    np = pytest.importorskip("numpy")
    cls, values = carrier(name), sample(name)
    source = np.array(values, DTYPES[name])
    assert cls(source) == values and cls(source[::-1]) == values[::-1] and cls(source[::2]) == values[::2]
    assert cls(source).tolist() == values
    readonly = source.copy()
    readonly.flags.writeable = False
    made = cls(readonly)
    made[0] = values[1]
    made.extend(source)
    assert made == [values[1]] + values[1:] + values
    made[0:2] = source
    assert len(made) == 10
    with pytest.raises(TypeError):
        cls(source.reshape(2, 2))
    with pytest.raises(TypeError):
        cls(source[0])
    assert cls.from_buffer(source) == values


def test_other_dtypes_are_refused():
    np = pytest.importorskip("numpy")
    for cls, dtype in (
        (pyfory.Int32Array, "int64"),
        (pyfory.Int64Array, "int32"),
        (pyfory.Int32Array, ">i4"),
        (pyfory.Int8Array, "bool"),
        (pyfory.UInt8Array, "int8"),
        (pyfory.Float32Array, "float16"),
        (pyfory.BoolArray, "uint8"),
        (pyfory.Int32Array, "datetime64[s]"),
        (pyfory.Float64Array, "complex128"),
    ):
        with pytest.raises(TypeError):
            cls(np.zeros(3, dtype))
    for scalar in (np.int32(1), np.uint8(1)):
        with pytest.raises(TypeError, match="must be int"):
            pyfory.Int32Array([scalar])
    with pytest.raises(TypeError):
        pyfory.Float32Array([np.float32(1)])
    with pytest.raises(TypeError):
        pyfory.BoolArray([np.bool_(True)])


def test_bfloat16_to_numpy():
    np = pytest.importorskip("numpy")
    made = pyfory.BFloat16Array([1.0, -0.5, 1 / 3, math.inf])
    assert np.asarray(made).dtype == np.uint16 and np.asarray(made).tolist() == made.to_buffer().tolist()
    assert made.to_numpy().dtype == np.float32 and made.to_numpy().tolist() == made.tolist()
    assert made.to_numpy(np.float64).dtype == np.float64
    made.append(1.0)
    assert pyfory.BFloat16Array.from_buffer(np.array([0x3F80], np.uint16)) == [1.0]


def test_compare_with_ndarray():
    np = pytest.importorskip("numpy")
    made = pyfory.Int32Array([1, 2])
    assert made == np.array([1, 2]) and made != np.array([1, 3])


def test_numpy_is_not_imported_by_arrays():
    import subprocess

    code = "import sys, pyfory.array; pyfory.array.Int32Array([1]).to_buffer(); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- leaks --------------------------------------------------------------------


# The interpreter's cache of type attributes keeps the names that were looked up.
clear_type_cache = getattr(sys, "_clear_type_cache", gc.collect)


def exercise(name):
    cls, values = carrier(name), sample(name)
    made = cls(values * 50)
    made.append(values[0])
    made[1:7] = iter(values)
    del made[::3]
    made += made
    made.sort()
    made.sort(key=lambda v: -v)
    cls.from_buffer(bytes(made.to_buffer()))
    cls(memoryview(made))
    made.__reduce__()
    made == made.tolist(), made < made.tolist(), made == 5, repr(made), values[0] in made, "x" in made
    for bad in (lambda: cls([None]), lambda: made.extend([values[0], None]), lambda: made[10**9],
                lambda: cls.from_buffer(b"abc" if WIDTH[name] > 1 else None), lambda: made.index("x"), lambda: made + 1):  # fmt: skip
        try:
            bad()
        except Exception:
            pass


def test_no_leaks(name):
    for _ in range(10):
        exercise(name)
    clear_type_cache()
    before_refs = sys.getrefcount(carrier(name)), sys.getrefcount(None)
    tracemalloc.start()
    try:
        exercise(name)
        gc.collect()
        clear_type_cache()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            exercise(name)
        gc.collect()
        clear_type_cache()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 2500
    assert abs(sys.getrefcount(carrier(name)) - before_refs[0]) < 20
    assert abs(sys.getrefcount(None) - before_refs[1]) < 100


def test_sizeof_counts_the_elements():
    made = pyfory.Int64Array(range(1000))
    assert sys.getsizeof(made) >= 8000
    made.clear()
    assert sys.getsizeof(made) < 200
