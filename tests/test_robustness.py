"""User code that runs in the middle of an operation and does its worst, and
inputs and values at the edges of what the core keeps track of."""

import datetime
import gc
import threading
import weakref
from dataclasses import dataclass, field
from typing import Any, Dict, List

import pytest

import pyfory
import support
from pyfory.error import ForyError, ForyOverflowError, ForyTypeError


@dataclass
class Numbers:
    floats: List[pyfory.Float64] = field(default_factory=list)
    halves: List[pyfory.Float16] = field(default_factory=list)
    ints: List[pyfory.Int16] = field(default_factory=list)
    longs: List[int] = field(default_factory=list)
    bools: List[bool] = field(default_factory=list)


@dataclass
class Point:
    x: int = 0


@dataclass
class SubPoint(Point):
    y: int = 0


@dataclass
class Points:
    points: List[Point] = field(default_factory=list)


@dataclass
class Half:
    a: Any = None
    b: Any = None


class Box:
    def __init__(self, value=None):
        self.value = value


class BoxSerializer(pyfory.Serializer):
    """Writes the value; `during` runs first and may be set by a test."""

    during = None
    context = None

    def write(self, write_context, value):
        type(self).context = write_context
        if type(self).during is not None:
            type(self).during()
        write_context.write_ref(value.value)

    def read(self, read_context):
        box = Box()
        read_context.reference(box)
        box.value = read_context.read_ref()
        return box


def make(ref=False, compatible=True, serializer=None, **options):
    fory = pyfory.Fory(ref=ref, compatible=compatible, **options)
    for cls in (Numbers, Point, SubPoint, Points, Half):
        fory.register(cls, name="robust." + cls.__name__)

    class Own(serializer or BoxSerializer):
        pass

    fory.register(Box, name="robust.Box", serializer=Own)
    return fory, Own


# ---- writing ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["floats", "halves", "ints", "longs", "bools"])
@pytest.mark.parametrize("n", [3, 100, 400, 1000, 3000])
def test_elements_that_write_to_the_context_while_they_are_converted(name, n):
    """The room of a batch is not used up by what __index__ and __float__ write."""
    fory, own = make()

    def spill():
        own.context.write_bytes(b"x" * 900)

    class Spill:
        def __float__(self):
            spill()
            return 1.0

        def __index__(self):
            spill()
            return 1

    class SpillBool:
        def __bool__(self):
            spill()
            return True

    SpillBool.__name__ = "numpy.bool_"  # the one foreign bool that is taken
    filler = {"floats": 1.5, "halves": 1.5, "ints": 3, "longs": 3, "bools": True}[name]
    special = SpillBool() if name == "bools" else Spill()
    for where in (0, n // 2, n - 1):
        values = [filler] * n
        values[where] = special
        data = fory.serialize(Box(Numbers(**{name: values})))
        assert len(data) >= 900 + n


@pytest.mark.parametrize("element", [Point, SubPoint])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_list_that_shrinks_while_the_plan_of_its_elements_is_made(element, compatible):
    fory, _ = make(compatible=compatible)
    value = Points([element(i) for i in range(1000)])
    resolver, ask = fory.type_resolver, fory.type_resolver.struct_plan

    def struct_plan(cls):
        if cls is Point:
            del value.points[1:]
        return ask(cls)

    resolver.struct_plan = struct_plan
    with pytest.raises(ForyTypeError, match="changed its length"):
        fory.serialize(value)
    del resolver.struct_plan
    assert fory.deserialize(fory.serialize(value)) == value


def test_list_that_shrinks_while_its_class_is_looked_up():
    class Unheard(list):
        pass

    fory, _ = make()
    value = [Unheard() for _ in range(1000)]
    resolver, ask = fory.type_resolver, fory.type_resolver.resolve_class

    def resolve_class(cls):
        if cls is Unheard:
            del value[:]
            gc.collect()
        return ask(cls)

    resolver.resolve_class = resolve_class
    with pytest.raises(ForyError):
        fory.serialize(value)


def shrink_by_index(outer):
    class Shrink:
        def __index__(self):
            outer[:50] = [1] * 50
            gc.collect()
            return 3

    return Point(Shrink())


def shrink_by_float(outer):
    class Shrink:
        def __float__(self):
            outer[:50] = [1] * 50
            gc.collect()
            return 3.0

    return Numbers(floats=[Shrink()])


def shrink_by_first_sight(outer):
    class Unheard(dict):
        pass

    return Unheard()


@pytest.mark.parametrize("make_value", [shrink_by_index, shrink_by_float, shrink_by_first_sight])
def test_tracked_objects_that_go_while_the_graph_is_written(make_value):
    """The reference table owns its objects before any user code can drop them."""
    fory, _ = make(ref=True)
    outer = [[i, "a"] for i in range(50)]
    resolver, ask = fory.type_resolver, fory.type_resolver.resolve_class

    def resolve_class(cls):
        outer[:50] = [1] * 50
        gc.collect()
        return ask(cls)

    resolver.resolve_class = resolve_class
    outer += [make_value(outer), Box([[i] for i in range(200)]), {1: 2}]
    back = fory.deserialize(fory.serialize(outer))
    assert back[:50] == [[i, "a"] for i in range(50)]
    assert back[51].value == [[i] for i in range(200)] and back[52] == {1: 2}


@pytest.mark.parametrize("ref", [False, True])
def test_dict_whose_keys_are_exchanged_while_it_is_written(ref):
    fory, own = make(ref=ref)
    table: Dict[str, Any] = {"first": Box()}
    table.update(("k%d" % i, i) for i in range(60))

    def exchange():
        for key in list(table)[:60]:
            del table[key]
            table["new " + key] = 1

    own.during = staticmethod(exchange)
    with pytest.raises(ForyTypeError, match="changed its size"):
        fory.serialize(table)
    own.during = None
    assert len(fory.deserialize(fory.serialize(table))) == 61


@pytest.mark.parametrize("hours", [-5, 5])
def test_instants_outside_the_calendar_are_refused_when_written(hours):
    fory, _ = make()
    zone = datetime.timezone(datetime.timedelta(hours=hours))
    edge = (datetime.datetime.min if hours > 0 else datetime.datetime.max).replace(tzinfo=zone)
    with pytest.raises(ForyOverflowError):
        fory.serialize(edge)
    inside = (datetime.datetime.max if hours > 0 else datetime.datetime.min).replace(tzinfo=zone)
    assert fory.deserialize(fory.serialize(inside)) == inside


# ---- reading ------------------------------------------------------------------


def test_half_read_list_is_whole_for_a_serializer_that_goes_on():
    class Stubborn(BoxSerializer):
        def read(self, read_context):
            box = Box()
            with pytest.raises(ForyError):
                read_context.read_ref()
            box.value = read_context.read_ref()
            return box

    fory = pyfory.Fory(ref=True, compatible=False)
    fory.register(Box, type_id=100, serializer=Stubborn)
    data = fory.serialize(Box(["aa", "bb", "cc", "dd"]))
    at = data.index(b"\x08bb")
    # the second text gets an encoding that does not exist, then a reference to the list follows
    broken = data[:at] + b"\x0bbb" + b"\xfe\x01"
    value = fory.deserialize(broken).value
    assert repr(value) == repr(["aa", None, None, None])


def test_dict_of_an_object_that_is_taken_before_the_object_is_complete():
    seen = []

    class Early(BoxSerializer):
        def read(self, read_context):
            box = BoxSerializer.read(self, read_context)
            seen.append(vars(box.value))
            return box

    fory, _ = make(ref=True, serializer=Early)
    value = Half(Box(), [1, 2, 3])
    value.a.value = value
    back = fory.deserialize(fory.serialize(value))
    assert seen[0] is vars(back)
    assert len(vars(back)) == 2 and list(vars(back)) == ["a", "b"]
    del back.a
    back.c = 1
    assert vars(back) == {"b": [1, 2, 3], "c": 1}


# ---- operations inside operations ------------------------------------------------


@pytest.mark.parametrize("reading", [False, True], ids=["writing", "reading"])
def test_endless_operations_inside_operations_end_in_an_exception(reading):
    """Each one is shallow: the stack is what they share."""
    fory, made = pyfory.Fory(), []

    def nested(value):
        for _ in range(3):
            value = [value]
        return value

    class Endless(pyfory.Serializer):
        def write(self, write_context, value):
            if reading:
                write_context.write_int8(1)
            else:
                fory.serialize(nested(value))

        def read(self, read_context):
            read_context.read_int8()
            return fory.deserialize(data)

    fory.register(Box, name="robust.Box", serializer=Endless)
    data = fory.serialize(nested(Box())) if reading else b""

    def run():
        try:
            fory.deserialize(data) if reading else fory.serialize(nested(Box()))
        except RecursionError as error:  # ForyDepthExceedError is one too
            made.append(error)

    run()
    old = threading.stack_size(1024 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)
    assert len(made) == 2


# ---- life time ----------------------------------------------------------------------


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
def test_classes_that_hold_their_fory_are_collected(compatible, used):
    def cycle():
        fory = pyfory.Fory(ref=True, compatible=compatible)

        @dataclass
        class Local:
            value: Any = None
            other: Any = field(default_factory=fory.reset)
            more: Any = field(default_factory=fory.serialize)

        class Ext:
            value: Any = None

        class Keeps(pyfory.Serializer):
            def write(self, write_context, value):
                self.last = write_context
                write_context.add_context_object(self, value)
                write_context.write_ref(value.value)

            def read(self, read_context):
                self.last = read_context
                result = Ext()
                read_context.reference(result)
                read_context.add_context_object(self, result)
                result.value = read_context.read_ref()
                return result

        fory.register(Local, name="robust.Local")
        fory.register(Ext, name="robust.Ext", serializer=Keeps)
        Local.fory = Ext.fory = fory
        if used:
            ext = Ext()
            ext.value = [Local(1, 2, 3), ext]
            data = fory.serialize(ext)
            fory.deserialize(data)
            with pytest.raises(ForyError):
                fory.deserialize(data[:-3])
            with pytest.raises(ForyError):
                fory.serialize([ext, object()])
        return [weakref.ref(o) for o in (Local, Ext, fory)]

    references = cycle()
    gc.collect()
    gc.collect()
    assert [r() for r in references] == [None, None, None]


def test_buffer_object_in_a_cycle_is_collected():
    class Data(bytearray):
        pass

    data = Data(b"abc")
    data.buffer_object = pyfory._core.BufferObject(data)
    reference = weakref.ref(data)
    del data
    gc.collect()
    assert reference() is None
