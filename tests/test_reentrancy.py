"""One Fory re-entered from user code, shared between threads, and used again
after exceptions."""

import threading
from dataclasses import dataclass, field
from typing import Dict, List, Optional

import pytest

import pyfory
import support
from pyfory.error import ForyError


@dataclass
class P:
    name: str = ""
    values: List[int] = field(default_factory=list)
    table: Dict[str, int] = field(default_factory=dict)
    next: Optional["P"] = None


class Outer:
    """Carries an inner payload made by the same Fory while it is written."""

    def __init__(self, inner):
        self.inner = inner


def make(ref=False, compatible=True):
    fory = pyfory.Fory(ref=ref, compatible=compatible)

    class OuterSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_bytes_and_size(fory.serialize(value.inner))

        def read(self, read_context):
            return Outer(fory.deserialize(read_context.read_bytes_and_size()))

    fory.register(P, name="re.P")
    fory.register(Outer, name="re.Outer", serializer=OuterSerializer)
    return fory


def unpack(value):
    if isinstance(value, Outer):
        return ("outer", unpack(value.inner))
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if isinstance(value, dict):
        return {k: unpack(v) for k, v in value.items()}
    return value


@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_serialize_inside_serialize(ref, compatible):
    p, shared = P("p", [1], {"k": 2}), [1, 2]
    value = [p, shared, Outer([p, shared, shared, Outer({"deep": p, "n": [p, 1]})]), shared, p, Outer(None), P("last")]
    fory, reader = make(ref, compatible), make(ref, compatible)
    data = fory.serialize(value)
    assert fory.serialize(value) == data
    for _ in range(2):
        result = reader.deserialize(data)
        assert unpack(result) == unpack(value)
        if ref:
            assert result[1] is result[3] and result[0] is result[4]


def test_deserialize_inside_serialize():
    fory = pyfory.Fory()
    stored = fory.serialize({"k": [1, 2]})

    class Lookup:
        pass

    class LookupSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_varint64(len(fory.deserialize(stored)["k"]))

        def read(self, read_context):
            return (fory.serialize([1]), read_context.read_varint64())

    fory.register(Lookup, type_id=3, serializer=LookupSerializer)
    result = fory.deserialize(fory.serialize([Lookup(), 5]))
    assert result == [(fory.serialize([1]), 2), 5]


def test_register_inside_serialize():
    @dataclass
    class Late:
        a: int = 3

    fory = pyfory.Fory()

    class Trigger:
        pass

    class TriggerSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            fory.register(Late, type_id=77)
            write_context.write_ref(Late())

        def read(self, read_context):
            return read_context.read_ref()

    fory.register(Trigger, type_id=3, serializer=TriggerSerializer)
    assert fory.deserialize(fory.serialize([Trigger(), 1])) == [Late(), 1]


class Pair:
    def __init__(self, left, right):
        self.left, self.right = left, right


class PairSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_ref(value.left)
        write_context.write_ref(value.right)

    def read(self, read_context):
        pair = Pair(None, None)
        read_context.reference(pair)
        pair.left = read_context.read_ref()
        pair.right = read_context.read_ref()
        return pair


@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_serializer_with_nested_references(compatible):
    def instance():
        fory = pyfory.Fory(ref=True, compatible=compatible)
        fory.register(P, name="re.P")
        fory.register(Pair, name="re.Pair", serializer=PairSerializer)
        return fory

    shared = P("s", [1])
    pair = Pair(shared, [shared, None])
    pair.right[1] = pair
    result = instance().deserialize(instance().serialize([pair, shared, pair]))
    assert result[0] is result[2] and result[0].left is result[1] and result[0].right[0] is result[1]
    assert result[0].right[1] is result[0]


def test_all_scalar_methods_of_the_contexts():
    calls = [
        ("bool", True), ("int8", -5), ("uint8", 250), ("int16", -300), ("uint16", 65535), ("int32", -70000), ("uint32", 2**32 - 1),
        ("int64", -(2**40)), ("uint64", 2**64 - 1), ("varint32", -77), ("var_uint32", 2**31), ("varint64", -(2**50)),
        ("var_uint64", 2**63), ("tagged_int64", 2**35), ("tagged_uint64", 2**35), ("float32", 1.5), ("float64", 0.1),
        ("float", 2.5), ("double", -0.25), ("string", "te\u4f60xt"), ("bytes_and_size", b"blob"),
    ]

    class Everything:
        pass

    class EverythingSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            for name, v in calls:
                getattr(write_context, "write_" + name)(v)
            write_context.write_ref({"nested": [1]})
            write_context.write_no_ref([2])

        def read(self, read_context):
            result = [getattr(read_context, "read_" + name)() for name, _ in calls]
            return result + [read_context.read_ref(), read_context.read_no_ref()]

    fory = pyfory.Fory()
    fory.register(Everything, type_id=4, serializer=EverythingSerializer)
    support.assert_same([v for _, v in calls] + [{"nested": [1]}, [2]], fory.deserialize(fory.serialize(Everything())))


def test_serializer_that_reads_too_much():
    class Greedy:
        pass

    class GreedySerializer(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_int8(1)

        def read(self, read_context):
            return read_context.read_bytes(100)

    fory = pyfory.Fory()
    fory.register(Greedy, type_id=4, serializer=GreedySerializer)
    data = fory.serialize([Greedy(), 5])
    with pytest.raises(pyfory.error.ForyBufferOutOfBoundError):
        fory.deserialize(data)
    assert fory.deserialize(fory.serialize([5])) == [5]


def test_contexts_are_dead_after_the_call():
    kept = []

    class Keeper:
        pass

    class KeepingSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            kept.append(write_context)
            write_context.write_int8(1)

        def read(self, read_context):
            kept.append(read_context)
            return read_context.read_int8()

    fory = pyfory.Fory()
    fory.register(Keeper, type_id=4, serializer=KeepingSerializer)
    assert fory.deserialize(fory.serialize([Keeper()])) == [1]
    for call in (lambda: kept[0].write_string("x" * 100), lambda: kept[0].write_ref([1]), lambda: kept[1].read_string(), lambda: kept[1].read_ref()):
        try:
            call()
        except Exception:  # any clean error will do, a crash will not
            pass
    assert fory.deserialize(fory.serialize([Keeper(), 2])) == [1, 2]


@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_threads_share_one_fory(ref, compatible):
    fory = make(ref, compatible)
    errors = []
    start = threading.Barrier(8)

    def work(n):
        try:
            start.wait()
            for i in range(150):
                shared = [n, i]
                value = [P("p%d" % n, [i] * 5, {"k": n}, P("next")), shared, shared, {"t": n, "o": Outer([n, P("in")])}]
                result = fory.deserialize(fory.serialize(value))
                assert unpack(result) == unpack(value)
                assert (result[1] is result[2]) is ref
                if i % 10 == 0:
                    with pytest.raises(ForyError):
                        fory.serialize([value, object()])
                    with pytest.raises(ForyError):
                        fory.deserialize(b"\x01\xff\x16\x05")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[0]


def test_threads_read_new_schemas_at_once():
    datas = []
    for n in range(8):
        cls = type("S", (), {})
        cls.__annotations__ = {"f%d" % i: int for i in range(n + 1)}
        cls = dataclass(cls)
        writer = pyfory.Fory()
        writer.register(cls, name="v.S")
        datas.append((n, writer.serialize(cls(*range(n + 1)))))

    @dataclass
    class Local:
        f0: int = -1
        f3: int = -1

    reader = pyfory.Fory()
    reader.register(Local, name="v.S")
    errors = []

    def work():
        for n, data in datas * 20:
            result = reader.deserialize(data)
            if (result.f0, result.f3) != (0, 3 if n >= 3 else -1):
                errors.append((n, result))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_state_is_clean_after_each_kind_of_failure():
    fory = make(ref=True)
    good = fory.serialize([P("a"), P("b"), [1], P("a")])
    bad_inputs = [good[:n] for n in range(len(good))] + [good[:5] + b"\xff" * 10]
    expected = [P("a"), P("b"), [1], P("a")]
    for data in bad_inputs:
        with pytest.raises(ForyError):
            fory.deserialize(data)
        assert fory.serialize(expected) == good
        assert fory.deserialize(good) == expected


def test_explicit_resets_are_harmless():
    fory = make(ref=True)
    data = fory.serialize([P("a")])
    fory.reset_write()
    fory.reset_read()
    fory.reset()
    assert fory.serialize([P("a")]) == data and fory.deserialize(data) == [P("a")]


def test_fory_is_collectable():
    import gc
    import weakref

    fory = make()
    fory.deserialize(fory.serialize([P("a"), Outer(1)]))
    reference = weakref.ref(fory)
    del fory
    gc.collect()
    assert reference() is None


def test_value_changed_by_its_own_serializer():
    fory = pyfory.Fory()
    target = []

    class Shrinker:
        pass

    class ShrinkerSerializer(pyfory.Serializer):
        def write(self, write_context, value):
            target.clear()
            write_context.write_int8(0)

        def read(self, read_context):
            return read_context.read_int8()

    fory.register(Shrinker, type_id=5, serializer=ShrinkerSerializer)
    for make_target in (lambda: [Shrinker() for _ in range(50)], lambda: [1, Shrinker(), "a", 2.0, Shrinker()],
                        lambda: [Shrinker(), None, Shrinker()]):
        target[:] = make_target()
        try:
            fory.deserialize(fory.serialize(target))
        except (ForyError, RuntimeError, ValueError, TypeError):
            pass
    mapping = {}

    class Clearer(Shrinker):
        pass

    class ClearerSerializer(ShrinkerSerializer):
        def write(self, write_context, value):
            mapping.clear()
            write_context.write_int8(0)

    fory.register(Clearer, type_id=6, serializer=ClearerSerializer)
    for _ in range(3):
        mapping.update({i: Clearer() for i in range(20)})
        try:
            fory.deserialize(fory.serialize(mapping))
        except (ForyError, RuntimeError, ValueError, TypeError):
            pass
    assert fory.deserialize(fory.serialize([1])) == [1]
