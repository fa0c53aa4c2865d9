"""WriteContext and ReadContext: every method of the interface for serializers
written in Python. The bytes and results of the first two tests are those of
pyfory 1.7.7 (ref=True)."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import gc
import io
import threading
import weakref
from typing import Any, Callable, List

import pytest

import pyfory
from pyfory.error import (
    ForyBufferOutOfBoundError,
    ForyDepthExceedError,
    ForyError,
    ForyInvalidDataError,
    ForyInvalidRefError,
    ForyLimitError,
    ForyOverflowError,
    ForyUnsupportedError,
)
from support import BOTH_MODES, MODE_IDS


class Thing:
    """A value whose serializer is whatever a test gives."""

    def __init__(self, *items: Any) -> None:
        self.items: Any = list(items)


def fory_with(write: Callable, read: Callable, **config: Any) -> pyfory.Fory:
    class S(pyfory.Serializer):
        def write(self, write_context, value):
            write(write_context, value)

        def read(self, read_context):
            return read(read_context)

    result = pyfory.Fory(**config)
    result.register(Thing, name="t.Thing", serializer=S)
    return result


def prepared(data: bytes = b"", **options: Any) -> Any:
    context = pyfory.Fory(ref=True).read_context
    context.prepare(pyfory.Buffer(data), **options)
    return context


# ---- contexts of the caller's own ---------------------------------------------------


def test_writing_into_a_buffer() -> None:
    context = pyfory.Fory(ref=True).write_context
    assert context.buffer is None and context.depth == 0
    buffer = pyfory.Buffer.allocate(64)
    context.prepare(buffer)
    assert context.buffer is buffer

    def step(call: Callable[[], Any]) -> Any:
        start = buffer.get_writer_index()
        result = call()
        end = buffer.get_writer_index()
        return result, buffer.to_bytes(start, end - start).hex() if end > start else ""

    shared = [1]
    assert step(lambda: context.write_null_flag(None)) == (True, "fd")
    assert step(lambda: context.write_null_flag(1)) == (False, "")
    assert step(lambda: context.write_ref_or_null(shared)) == (False, "00")
    assert step(lambda: context.write_ref_or_null(shared)) == (True, "fe00")
    assert step(lambda: context.write_ref_or_null(None)) == (True, "fd")
    assert step(lambda: context.write_ref_value_flag([2])) == (True, "00")
    assert step(lambda: context.write_ref_value_flag(shared)) == (False, "fe00")
    assert step(lambda: context.write_ref_value_flag(None)) == (False, "fd")
    assert step(lambda: context.write_ref(5)) == (None, "00070a")
    assert step(lambda: context.write_ref(shared)) == (None, "fe00")
    assert step(lambda: context.write_non_ref(5)) == (None, "070a")
    assert step(lambda: context.write_no_ref("a")) == (None, "150461")
    assert step(lambda: context.write_var_uint32(300)) == (None, "ac02")
    assert step(lambda: context.write_bytes(b"ab")) == (None, "6162")
    assert step(lambda: context.write_bytes_and_size(b"ab")) == (None, "026162")
    assert step(lambda: context.write_buffer(bytearray(b"ab"))) == (None, "6162")
    index = context.get_writer_index()
    assert index == buffer.get_writer_index() == 28
    context.put_uint8(1, 7)
    assert buffer.get_int8(1) == 7 and buffer.get_writer_index() == index
    assert step(lambda: context.write_buffer_object(pyfory.BufferObject(b"xyz"))) == (None, "0378797a")
    # methods that only a Buffer has
    assert step(lambda: context.write_int24(1)) == (None, "010000")
    assert context.write_varint64(-2) is None
    assert buffer.write_varint32(-2) == 1
    context.reset()
    assert context.buffer is None


def test_reading_from_a_buffer() -> None:
    context = prepared(bytes.fromhex("fd00fffefe00")[:4])
    assert [context.read_ref_or_null() for _ in range(3)] == [-3, 0, -1]
    assert not context.has_preserved_ref_id()
    with pytest.raises(ForyInvalidRefError):
        prepared(b"\xfe\x00").read_ref_or_null()

    context = prepared(bytes.fromhex("fd00ff00fe00fe01"))
    assert context.try_preserve_ref_id() == -3
    assert not context.has_preserved_ref_id() and context.get_read_ref() is None
    assert context.try_preserve_ref_id() == 0
    assert context.has_preserved_ref_id() and context.last_preserved_ref_id() == 0
    assert context.try_preserve_ref_id() == -1
    assert context.has_preserved_ref_id() and context.last_preserved_ref_id() == -1
    assert context.try_preserve_ref_id() == 1 and context.last_preserved_ref_id() == 1
    context.reference("first")
    assert context.last_preserved_ref_id() == -1
    context.reference("untracked")
    context.reference("second")
    assert not context.has_preserved_ref_id()
    assert context.try_preserve_ref_id() == -2 and context.get_read_ref() == "second"
    assert context.get_read_ref(1) == "first" and context.get_read_ref(id=0) == "second"
    with pytest.raises(ForyInvalidRefError, match="invalid reference id 7"):
        context.get_read_ref(7)
    context.set_read_ref(0, "new")
    assert context.get_read_ref(0) == "new" and context.get_read_ref() == "second"
    context.set_read_ref(-1, "nothing")
    with pytest.raises(ForyInvalidRefError):
        context.set_read_ref(9, "new")
    assert context.preserve_ref_id() == 2 and context.preserve_ref_id(-1) == -1
    assert context.last_preserved_ref_id() == -1
    with pytest.raises(ForyInvalidRefError):
        context.preserve_ref_id(3)
    with pytest.raises(ForyInvalidRefError):
        context.get_read_ref(2)  # reserved, not yet there
    assert context.read_ref_or_null() == -2 and context.get_read_ref() == "first"
    assert context.get_reader_index() == 8

    context = prepared(bytes.fromhex("fdff070a00070affff"))
    assert context.read_nullable() is None
    assert [context.read_nullable(), context.read_nullable()] == [5, 5]
    assert prepared(bytes.fromhex("070a")).read_non_ref() == 5


def test_reading_methods_of_the_buffer() -> None:
    context = prepared(b"\x01\x00\x00\x05\x06")
    assert context.read_int24() == 1
    assert context.buffer.read_int8() == 5 and context.read_int8() == 6
    assert context.get_reader_index() == context.buffer.get_reader_index() == 5
    with pytest.raises(ForyBufferOutOfBoundError):
        context.read_int8()
    context.set_reader_index(3)
    assert context.buffer.get_reader_index() == 3
    context.buffer.set_reader_index(4)
    assert context.read_uint8() == 6
    with pytest.raises(AttributeError):
        context.no_such_method()


def test_limits_of_a_context() -> None:
    context = pyfory.Fory(max_depth=5, max_graph_memory_bytes=100, max_unbacked_container_items=10).read_context
    context.prepare(pyfory.Buffer(b"12345"))
    context.check_readable_bytes(5)
    with pytest.raises(ForyBufferOutOfBoundError):
        context.check_readable_bytes(6)
    with pytest.raises(ForyInvalidDataError, match="negative"):
        context.check_readable_bytes(-1)
    with pytest.raises(ForyInvalidDataError, match="negative"):
        context.read_bytes(-1)

    context.reserve_graph_memory(100)
    with pytest.raises(ForyLimitError, match="max_graph_memory_bytes"):
        context.reserve_graph_memory(1)
    for bad in (-1, -(2**70)):
        with pytest.raises(ForyLimitError, match="negative"):
            context.reserve_graph_memory(bad)
    with pytest.raises(ForyLimitError, match="max_graph_memory_bytes"):
        context.reserve_graph_memory(2**63)

    assert context.remaining_unbacked_container_items == 10
    context.reserve_unbacked_container_items(10)
    assert context.remaining_unbacked_container_items == 0
    with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
        context.reserve_unbacked_container_items(1)
    with pytest.raises(ForyLimitError, match="negative"):
        context.reserve_unbacked_container_items(-1)

    assert context.max_depth == 5 and context.depth == 0
    context.increase_depth()
    context.increase_depth(4)
    assert context.depth == 5
    with pytest.raises(ForyDepthExceedError, match="max_depth"):
        context.increase_depth()
    context.decrease_depth(2)
    context.decrease_depth()
    assert context.depth == 2
    with pytest.raises(ValueError):
        context.decrease_depth(3)
    with pytest.raises(ValueError):
        context.increase_depth(-1)


def test_out_of_band_objects() -> None:
    fory = pyfory.Fory()
    given: List[Any] = []
    for answer, data in ((False, "00"), (True, "010378797a")):
        buffer = pyfory.Buffer.allocate(8)

        def callback(o: Any) -> bool:
            given.append(o)
            return answer

        fory.write_context.prepare(buffer, buffer_callback=callback)
        assert fory.write_context.buffer_callback is callback
        fory.write_context.write_buffer_object(pyfory.BufferObject(b"xyz"))
        fory.write_context.reset()
        assert buffer.to_bytes(0, buffer.get_writer_index()).hex() == data
    assert [bytes(o.getbuffer()) for o in given] == [b"xyz", b"xyz"]

    context = prepared(bytes.fromhex("0378797a"))
    part = context.read_buffer_object()
    assert isinstance(part, pyfory.Buffer) and part.to_bytes() == b"xyz" and context.get_reader_index() == 4
    context = prepared(bytes.fromhex("010378797a"), buffers=[b"q"], peer_out_of_band_enabled=True)
    assert context.peer_out_of_band_enabled is True
    assert context.read_buffer_object().to_bytes() == b"xyz"
    context = prepared(bytes.fromhex("0000"), buffers=[b"q"], peer_out_of_band_enabled=True)
    assert context.read_buffer_object() == b"q"
    with pytest.raises(ForyInvalidDataError, match="buffers="):
        context.read_buffer_object()
    with pytest.raises(ForyInvalidDataError, match="mark 2"):
        prepared(b"\x02", buffers=[b"q"], peer_out_of_band_enabled=True).read_buffer_object()
    with pytest.raises(ForyBufferOutOfBoundError):
        prepared(b"\x04abc").read_buffer_object()


def test_unsupported_objects() -> None:
    seen: List[Any] = []

    def take(o: Any) -> bool:
        seen.append(o)
        return False

    def write(context, value):
        assert context.unsupported_callback is take
        context.handle_unsupported_write(value.items)

    fory = fory_with(write, lambda context: Thing(context.handle_unsupported_read()))
    value = Thing(1)
    data = fory.serialize([value, value], unsupported_callback=take)
    assert seen == [value.items, value.items]
    result = fory.deserialize(data, unsupported_objects=["a", "b"])
    assert [x.items for x in result] == [["a"], ["b"]]
    with pytest.raises(ForyInvalidDataError, match="unsupported_objects"):
        fory.deserialize(data, unsupported_objects=["a"])
    with pytest.raises(ForyInvalidDataError, match="unsupported_objects"):
        fory.deserialize(data)

    fory = fory_with(lambda context, value: context.handle_unsupported_write(value.items), None)
    for callback in (None, lambda o: True):
        with pytest.raises(NotImplementedError) as info:
            fory.serialize(value, unsupported_callback=callback)
        assert isinstance(info.value, ForyUnsupportedError)
    with pytest.raises(ZeroDivisionError):
        fory.serialize(value, unsupported_callback=lambda o: 1 / 0)


def test_life_of_a_prepared_context() -> None:
    fory = pyfory.Fory(ref=True)
    context = fory.write_context
    assert fory.write_context is context and fory.read_context is fory.read_context
    with pytest.raises(RuntimeError, match="prepare"):
        context.write_int8(1)
    context.reset()
    fory.reset()
    buffer = pyfory.Buffer.allocate(4)
    context.prepare(buffer)
    context.write_ref([1])
    context.prepare(buffer)  # ends the first
    context.write_int8(1)
    fory.reset_write()
    with pytest.raises(RuntimeError, match="prepare"):
        context.write_int8(1)
    with pytest.raises(TypeError):
        context.prepare(bytearray(4))
    with pytest.raises(TypeError):
        context.prepare()
    with pytest.raises(TypeError):
        type(context)(3)

    fory.read_context.prepare(pyfory.Buffer(b"\x01\x02"))
    fory.read_context.read_int8()
    fory.reset_read()
    with pytest.raises(RuntimeError, match="prepare"):
        fory.read_context.read_int8()
    with pytest.raises(TypeError):
        fory.read_context.prepare(b"abc")
    with pytest.raises(TypeError):
        fory.read_context.prepare(pyfory.Buffer(b""), buffers=3)

    failures: List[str] = []

    def other_thread() -> None:
        try:
            context.write_int8(1)
        except RuntimeError as e:
            failures.append(str(e))

    context.prepare(buffer)
    thread = threading.Thread(target=other_thread)
    thread.start()
    thread.join()
    assert len(failures) == 1 and "thread" in failures[0]
    context.reset()


def test_prepared_contexts_are_collected() -> None:
    class Sub(pyfory.Fory):
        pass

    for use in (lambda f: None, lambda f: f.write_context.prepare(pyfory.Buffer.allocate(3)),
                lambda f: f.read_context.prepare(pyfory.Buffer(b"abc"))):
        fory = Sub(ref=True)
        use(fory)
        fory.write_context, fory.read_context
        ref = weakref.ref(fory)
        del fory
        gc.collect()
        assert ref() is None


def test_a_reader_continues_where_another_stopped() -> None:
    fory = pyfory.Fory()
    buffer = pyfory.Buffer.allocate(4)
    fory.write_context.prepare(buffer)
    fory.write_context.write_ref({"a": [1, 2.5]})
    fory.write_context.write_string("end")
    fory.write_context.reset()
    fory.serialize("message", buffer)
    context = fory.read_context
    context.prepare(buffer)
    assert context.read_ref() == {"a": [1, 2.5]}
    context.reset()
    assert buffer.read_string() == "end"
    assert fory.deserialize(buffer) == "message"

    stream = io.BytesIO(buffer.to_bytes(0, buffer.get_writer_index()))
    source = pyfory.Buffer.from_stream(stream, 3)
    context.prepare(source)
    assert context.read_ref() == {"a": [1, 2.5]}
    assert context.buffer.read_string() == "end"
    context.reset()
    assert fory.deserialize(source) == "message"


# ---- contexts given to serializers -----------------------------------------------------


@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("how", ["bytes", "buffer", "dump", "stream", "bytearray"])
def test_the_buffer_of_a_running_operation(how: str, ref: bool, compatible: bool) -> None:
    """Code that goes through context.buffer and code that does not may be mixed."""

    def write(context, value):
        n = len(value.items)
        context.write_varint32(n)
        buffer = context.buffer
        assert buffer is context.buffer and context.get_writer_index() == buffer.get_writer_index()
        buffer.write_int32(n)
        context.write_ref(value.items)
        mark = buffer.get_writer_index()
        buffer.write_int8(0)
        context.put_uint8(mark, n)
        assert buffer.get_int8(mark) == n

    def read(context):
        n = context.read_varint32()
        buffer = context.buffer
        assert context.get_reader_index() == buffer.get_reader_index()
        assert buffer.read_int32() == n
        result = Thing()
        context.reference(result)
        result.items = context.read_ref()
        assert buffer.read_int8() == n and len(result.items) == n
        return result

    fory = fory_with(write, read, ref=ref, compatible=compatible)
    inner = Thing("x", {"k": Thing(1)})
    value = {"a": [inner, 2], "b": {i: Thing(i) for i in range(300)}, "c": {"only": inner}, "d": "end" * 100}
    before = b""
    if how == "bytes":
        data = fory.serialize(value)
    elif how == "dump":
        sink = io.BytesIO()
        fory.dump(value, sink)
        data = sink.getvalue()
    else:
        out = pyfory.Buffer.allocate(2)
        out.write_bytes(b"before")
        fory.serialize(value, out)
        data = out.to_bytes(6, out.get_writer_index() - 6)
        before = b"before"
    assert data == fory.serialize(value)
    if how == "stream":
        source: Any = pyfory.Buffer.from_stream(io.BytesIO(before + data + b"\x07"), 5)
        source.skip(len(before))
    elif how == "buffer":
        source = pyfory.Buffer(before + data + b"\x07")
        source.skip(len(before))
    else:
        source = bytearray(data) if how == "bytearray" else data
    result = fory.deserialize(source)
    if isinstance(source, pyfory.Buffer):
        assert source.read_int8() == 7
    assert result["a"][0].items[1]["k"].items == [1] and result["d"] == "end" * 100
    assert [x.items for x in result["b"].values()] == [[i] for i in range(300)]
    assert (result["c"]["only"] is result["a"][0]) == ref


def test_a_failing_serializer_leaves_the_buffers_in_order() -> None:
    def read(context):
        context.buffer.read_int8()
        raise KeyError("mine")

    fory = fory_with(lambda context, value: context.buffer.write_int64(1), read)
    data = fory.serialize([Thing()])
    source = pyfory.Buffer(data)
    with pytest.raises(KeyError, match="mine"):
        fory.deserialize(source)
    with pytest.raises(KeyError, match="mine"):
        fory.deserialize(pyfory.Buffer.from_stream(io.BytesIO(data)))
    with pytest.raises(KeyError, match="mine"):
        fory.deserialize(data)

    def back(context):
        context.buffer.set_reader_index(0)
        return Thing()

    fory = fory_with(lambda context, value: context.write_int8(1), back)
    source = pyfory.Buffer(b"..." + fory.serialize([Thing()]))
    source.skip(3)
    with pytest.raises(RuntimeError, match="back"):
        fory.deserialize(source)

    def beyond(context):
        context.buffer.skip(1000)
        return Thing()

    fory = fory_with(lambda context, value: context.write_int8(1), beyond)
    with pytest.raises(ForyBufferOutOfBoundError):
        fory.deserialize(fory.serialize([Thing()]))


def test_preserved_ids_in_a_serializer() -> None:
    """A cycle that a serializer builds with the single steps."""

    def write(context, value):
        for item in value.items:
            if context.write_ref_value_flag(item):
                context.write_non_ref(item)

    def read(context):
        assert context.has_preserved_ref_id() and context.last_preserved_ref_id() >= 0
        result = Thing()
        context.reference(result)
        for _ in range(3):
            flag = context.try_preserve_ref_id()
            if flag < -1:
                result.items.append(context.get_read_ref())
            else:
                item = context.read_non_ref()
                context.set_read_ref(flag, item)
                result.items.append(item)
        return result

    fory = fory_with(write, read, ref=True)
    value = Thing([1], None)
    value.items.append(value)
    shared = value.items[0]
    result = fory.deserialize(fory.serialize([shared, value, shared]))
    assert result[0] is result[2] and result[0] == [1]
    assert result[1].items[0] is result[0] and result[1].items[1] is None and result[1].items[2] is result[1]


def test_references_with_a_serializer_argument() -> None:
    class Text(pyfory.Serializer):
        def write(self, write_context, value):
            write_context.write_string(value)

        def read(self, read_context):
            return read_context.read_string()

    for opt_out, flags in ((False, ["00", "fe01"]), (True, ["ff", "ff"])):
        text = Text(None, str)
        text.need_to_write_ref = not opt_out
        sizes: List[str] = []

        def write(context, value):
            for item in value.items:
                start = context.get_writer_index()
                context.write_ref(item, serializer=text)
                sizes.append(bytes(context.buffer.get_bytes(start, context.get_writer_index() - start)).hex()[:4])

        fory = fory_with(write, lambda c: Thing(c.read_ref(serializer=text), c.read_ref(text), c.read_nullable(text)), ref=True)
        value = "some" + str(len(flags))
        result = fory.deserialize(fory.serialize(Thing(value, value, None)))
        assert result.items == [value, value, None]
        assert [s.startswith(f) for s, f in zip(sizes, flags)] == [True, True] and sizes[2] == "fd"


def test_depth_of_a_running_operation() -> None:
    depths: List[int] = []

    def write(context, value):
        depths.append(context.depth)
        context.increase_depth()
        context.write_non_ref(value.items)  # the level that is not given back goes with the call

    def read(context):
        depths.append(context.depth)
        context.increase_depth()
        return Thing(*context.read_non_ref())

    fory = fory_with(write, read, max_depth=4)
    data = fory.serialize([Thing(1), Thing(2)])
    assert [x.items for x in fory.deserialize(data)] == [[1], [2]]
    assert depths == [2, 2, 2, 2]
    with pytest.raises(ForyDepthExceedError):
        fory.serialize([[Thing(1)]])


def test_contexts_of_operations_cannot_be_ended() -> None:
    def write(context, value):
        with pytest.raises(RuntimeError, match="running operation"):
            context.reset()
        with pytest.raises(RuntimeError, match="running operation"):
            context.prepare(pyfory.Buffer.allocate(1))
        context.write_int8(1)

    def read(context):
        with pytest.raises(RuntimeError, match="running operation"):
            context.reset()
        with pytest.raises(RuntimeError, match="running operation"):
            context.prepare(pyfory.Buffer(b""))
        return Thing(context.read_int8())

    fory = fory_with(write, read)
    assert fory.deserialize(fory.serialize(Thing())).items == [1]

    # nor from within a method of their own
    def reset(context, value):
        with pytest.raises(RuntimeError, match="in use"):
            fory.write_context.reset()
        with pytest.raises(RuntimeError, match="in use"):
            fory.write_context.prepare(pyfory.Buffer.allocate(1))
        context.write_int8(2)

    def reset_reader(context):
        with pytest.raises(RuntimeError, match="in use"):
            fory.read_context.reset()
        return Thing(context.read_int8())

    fory = fory_with(reset, reset_reader)
    buffer = pyfory.Buffer.allocate(1)
    fory.write_context.prepare(buffer)
    fory.write_context.write_ref(Thing())
    fory.write_context.reset()
    fory.read_context.prepare(buffer)
    assert fory.read_context.read_ref().items == [2]


def test_attributes() -> None:
    policy = pyfory.DeserializationPolicy()
    fory = pyfory.Fory(ref=True, strict=False, compatible=False, field_nullable=True, max_depth=7, policy=policy)
    for context in (fory.write_context, fory.read_context):
        assert context.type_resolver is fory.type_resolver
        assert (context.xlang, context.track_ref, context.strict, context.compatible) == (True, True, False, False)
        assert context.field_nullable is True and context.policy is policy and context.max_depth == 7
        assert context.meta_share_context is None if hasattr(context, "meta_share_context") else True
    fory.write_context.prepare(pyfory.Buffer.allocate(3))
    for name in ("buffer_callback", "unsupported_callback"):
        assert getattr(fory.write_context, name) is None
    for name in ("ref_writer", "meta_string_writer"):
        assert getattr(fory.write_context, name) is not None
    fory.read_context.prepare(pyfory.Buffer(b""))
    for name in ("buffers", "unsupported_objects"):
        assert getattr(fory.read_context, name) is None
    assert fory.read_context.peer_out_of_band_enabled is False
    for name in ("ref_reader", "meta_string_reader"):
        assert getattr(fory.read_context, name) is not None
    assert isinstance(fory.buffer, pyfory.Buffer) and fory.buffer is fory.buffer


def test_context_objects_end_with_the_operation() -> None:
    key, seen = [1], []

    def write(context, value):
        seen.append((context.has_context_object(key), context.get_context_object(key), context.get_context_object(key, 5)))
        context.add_context_object(key, "one")
        context.add_context_object(key, "two")
        assert context.has_context_object(key) and context.get_context_object(key) == "two"
        assert not context.has_context_object([1])
        context.write_int8(0)

    fory = fory_with(write, lambda context: Thing(context.read_int8()))
    fory.serialize(Thing())
    fory.serialize(Thing())
    assert seen == [(False, None, 5)] * 2


def test_put_uint8_is_checked() -> None:
    context = pyfory.Fory().write_context
    context.prepare(pyfory.Buffer.allocate(8))
    context.write_int16(0)
    context.put_uint8(1, 255)
    assert context.buffer.get_int16(0) == -256
    for offset in (-1, 2, 100):
        with pytest.raises(ForyBufferOutOfBoundError):
            context.put_uint8(offset, 1)
    for value in (-1, 256):
        with pytest.raises(ForyOverflowError):
            context.put_uint8(0, value)
    with pytest.raises(TypeError):
        context.put_uint8(0, "x")


def test_what_a_serializer_says_of_its_reads() -> None:
    """read_data_always_advances=False makes empty values count against the budget."""
    for advances in (False, True):

        class S(pyfory.Serializer):
            read_data_always_advances = advances

            def write(self, write_context, value):
                if advances:
                    write_context.write_int8(1)

            def read(self, read_context):
                if advances:
                    read_context.read_int8()
                return Thing()

        fory = pyfory.Fory(max_unbacked_container_items=100)
        fory.register(Thing, name="t.Thing", serializer=S)
        assert len(fory.deserialize(fory.serialize([Thing()] * 100))) == 100
        data = fory.serialize([Thing()] * 5000)
        if advances:
            assert len(fory.deserialize(data)) == 5000
        else:
            with pytest.raises(ForyLimitError, match="max_unbacked_container_items"):
                fory.deserialize(data)


def test_flush_barriers() -> None:
    writes: List[bytes] = []

    class Sink:
        flushed = 0

        def write(self, data):
            writes.append(bytes(data))

        def flush(self):
            self.flushed += 1

    sink = Sink()

    def write(context, value):
        context.enter_flush_barrier()
        mark = context.get_writer_index()
        context.write_int8(0)
        for _ in range(100):
            context.write_bytes(b"x" * 100)
            context.try_flush()
        assert not writes
        context.put_uint8(mark, 100)
        with pytest.raises(ValueError):
            context.force_flush()
        context.exit_flush_barrier()
        with pytest.raises(ValueError):
            context.exit_flush_barrier()
        context.force_flush()
        assert len(b"".join(writes)) > 10000 and sink.flushed == 1
        with pytest.raises(ForyBufferOutOfBoundError):
            context.put_uint8(mark, 1)
        context.write_int8(5)

    fory = fory_with(write, lambda c: (c.read_uint8(), c.read_bytes(10000), c.read_int8()))
    fory.dump(Thing(), sink)
    assert sink.flushed == 2
    assert fory.loads(b"".join(writes)) == (100, b"x" * 10000, 5)

    # without a stream they do nothing
    plain = fory_with(
        lambda c, v: (c.enter_flush_barrier(), c.try_flush(), c.exit_flush_barrier(), c.force_flush(), c.write_int8(1)),
        lambda c: c.read_int8(),
    )
    assert plain.loads(plain.dumps(Thing())) == 1
    for method in ("enter_flush_barrier", "try_flush", "force_flush", "exit_flush_barrier"):
        getattr(plain, method)()

    # and on an operation of the caller's own
    target, buffer = io.BytesIO(), pyfory.Buffer.allocate(1)
    buffer.bind_output_stream(target)
    plain.write_context.prepare(buffer)
    plain.enter_flush_barrier()
    plain.write_context.write_bytes(b"y" * 5000)
    plain.try_flush()
    assert target.getvalue() == b""
    plain.exit_flush_barrier()
    plain.force_flush()
    assert target.getvalue() == b"y" * 5000


@dataclasses.dataclass
class Point:
    x: int
    y: str


class Shade(enum.Enum):
    DARK = 1


@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_serializers_of_other_types(compatible: bool) -> None:
    """type_resolver.get_serializer gives bodies without flag and type information."""
    parts = [(int, 5), (str, "x"), (float, 0.5), (bytes, b"b"), (list, [1, "a"]), (dict, {1: 2}), (set, {1}),
             (Point, Point(1, "a")), (Shade, Shade.DARK), (bool, True), (pyfory.Int32Array, pyfory.Int32Array([1]))]  # fmt: skip
    bodies: List[str] = []

    def write(context, value):
        for cls, part in parts:
            start = context.get_writer_index()
            serializer = context.type_resolver.get_serializer(cls)
            serializer.write(context, part)
            context.write_ref(part, serializer=serializer)
            context.write_ref(None, serializer=serializer)
            bodies.append(context.buffer.get_bytes(start, context.get_writer_index() - start).hex())

    def read(context):
        result = Thing()
        for cls, _ in parts:
            serializer = context.type_resolver.get_serializer(cls)
            result.items.append(serializer.read(context))
            result.items.append(context.read_ref(serializer))
            assert context.read_ref(serializer) is None
        return result

    fory = fory_with(write, read, compatible=compatible)
    fory.register(Point, name="t.Point")
    fory.register(Shade, name="t.Shade")
    result = fory.deserialize(fory.serialize(Thing()))
    assert result.items == [part for _, part in parts for _ in range(2)]
    assert bodies[:3] == ["0aff0afd", "0478ff0478fd", "000000000000e03fff000000000000e03ffd"]

    wrong = fory_with(lambda c, v: c.type_resolver.get_serializer(Point).write(c, 5), None)
    wrong.register(Point, name="t.Point")
    with pytest.raises(TypeError, match="expected Point"):
        wrong.serialize(Thing())
    with pytest.raises(TypeError, match="not registered"):
        fory.type_resolver.get_serializer(dataclasses.Field)


def test_type_info_of_builtin_types() -> None:
    resolver = pyfory.Fory().type_resolver
    assert [resolver.get_type_info(c).type_id for c in (int, str, list, dict, decimal.Decimal)] == [7, 21, 22, 24, 40]
    assert resolver.get_type_info(object, create=False) is None
    with pytest.raises(TypeError):
        resolver.get_type_info(object)


def test_type_of_a_serializer() -> None:
    resolver = pyfory.Fory(ref=True).type_resolver
    assert [(s.type_, s.need_to_write_ref) for s in (pyfory.Serializer(resolver, t) for t in (
        int, str, list, Thing, pyfory.Int32, 5, 21))] == [
        (int, False), (str, True), (list, True), (Thing, True), (5, False), (5, False), (21, True)]  # fmt: skip
    assert pyfory.Serializer(pyfory.Fory().type_resolver, list).need_to_write_ref is False
    assert pyfory.Serializer(resolver, list).read_data_always_advances is False
    for method in ("write", "read"):
        with pytest.raises(NotImplementedError):
            getattr(pyfory.Serializer(resolver, list), method)(*[None] * (1 + (method == "write")))


@pytest.mark.parametrize("ref", [False, True])
def test_contexts_in_native_mode(ref: bool) -> None:
    """The same methods; a native message is put together at its end, so its Buffer takes what is written in turn."""

    def write(context, value):
        context.write_varint32(len(value.items))
        context.buffer.write_int32(7)
        context.buffer.write_int8(1)
        context.write_ref(value.items)
        context.buffer.write_string("end")

    def read(context):
        result = Thing()
        context.reference(result)
        n = context.read_varint32()
        assert context.buffer.read_int32() == 7 and context.read_int8() == 1
        result.items = context.read_ref()
        assert context.buffer.read_string() == "end" and len(result.items) == n
        return result

    fory = fory_with(write, read, xlang=False, ref=ref)
    inner = Thing("x", (1, 2))
    value = {"a": [inner, 2.5], "b": {i: Thing(i) for i in range(50)}, "c": inner}
    data = fory.serialize(value)
    sink, target = io.BytesIO(), pyfory.Buffer.allocate(1)
    fory.dump(value, sink)
    assert sink.getvalue() == data
    target.write_bytes(b"before")
    fory.serialize(value, target)
    assert target.to_bytes(6, target.get_writer_index() - 6) == data
    for source in (data, bytearray(data), pyfory.Buffer(data), pyfory.Buffer.from_stream(io.BytesIO(data), 5)):
        result = fory.deserialize(source)
        assert result["a"][0].items == ["x", (1, 2)] and result["b"][49].items == [49]
        assert (result["c"] is result["a"][0]) == ref
    for context in (fory.write_context, fory.read_context):
        with pytest.raises(ForyUnsupportedError, match="xlang"):
            context.prepare(pyfory.Buffer.allocate(1))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\u4f60\ud800", "\U0001f600\udc00", "\U0001f600", "\u4f60"])
def test_native_extensions_write_lone_surrogates(text: str) -> None:
    native = fory_with(lambda c, v: c.write_string(text), lambda c: c.read_string(), xlang=False)
    assert native.loads(native.dumps([Thing()])) == [text]
    portable = fory_with(lambda c, v: c.write_string(text), lambda c: c.read_string())
    if any("\ud800" <= char <= "\udfff" for char in text):
        with pytest.raises(ForyError, match="lone surrogate"):
            portable.dumps([Thing()])
    else:
        assert portable.loads(portable.dumps([Thing()])) == [text]
