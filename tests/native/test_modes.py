"""The two modes do not read each other's messages, and both go through streams and threads alike."""

import io
import os
import signal
import threading

import pytest

import pyfory


def native(**options):
    return pyfory.Fory(xlang=False, ref=True, strict=False, **options)


def test_a_native_message_is_refused_by_name_in_xlang_mode():
    with pytest.raises(ValueError, match="xlang bit.*xlang=False"):
        pyfory.Fory().loads(native().dumps([1, 2]))


def test_an_xlang_message_is_refused_by_name_in_native_mode():
    with pytest.raises(ValueError, match="xlang bit.*xlang=True"):
        native().loads(pyfory.Fory().dumps([1, 2]))


def test_streams_of_native_messages():
    shared = [1, 2]
    values = [{"x": [shared, shared]}, (1, "é日😀"), {"a", "b"}]
    stream = io.BytesIO()
    for value in values:
        native().dump(value, stream)
    stream.seek(0)
    first = native().load(stream)
    assert first == values[0] and first["x"][0] is first["x"][1]
    assert list(pyfory.Reader(stream, native())) == values[1:]


def test_a_buffer_takes_several_messages():
    buffer = pyfory.Buffer.allocate(16)
    fory = native()
    fory.serialize([1, 2], buffer)
    fory.serialize({"k": None}, buffer)
    assert fory.deserialize(buffer) == [1, 2]
    assert fory.deserialize(buffer) == {"k": None}


def test_thread_safe_fory_in_native_mode():
    fory = pyfory.ThreadSafeFory(xlang=False, ref=True, strict=False)
    node = {}
    node["self"] = node
    copy = fory.loads(fory.dumps(node))
    assert copy["self"] is copy


class Pair:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class PairSerializer(pyfory.Serializer):
    def write(self, context, value):
        context.write_varint64(value.x)
        context.write_ref(value.y)

    def read(self, context):
        pair = Pair.__new__(Pair)
        context.reference(pair)
        pair.x = context.read_varint64()
        pair.y = context.read_ref()
        return pair


@pytest.mark.parametrize("strict", [True, False])
def test_serializers_of_classes_work_in_native_mode(strict):
    def fory():
        made = pyfory.Fory(xlang=False, ref=True, strict=strict)
        made.register(Pair, name="test.Pair", serializer=PairSerializer)
        return made

    pair = Pair(5, None)
    pair.y = [pair]
    first, second = fory().loads(fory().dumps([pair, pair]))
    assert first is second and first.x == 5 and first.y[0] is first


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "name, values",
    [("BoolArray", [True, False]), ("Int8Array", [-1, 2]), ("Int32Array", [1, -2]), ("UInt64Array", [2**64 - 1]),
     ("Float16Array", [0.5, -2.0]), ("BFloat16Array", [1.5]), ("Float64Array", [0.1, float("inf")]), ("Int64Array", [])],
)  # fmt: skip
def test_array_carriers_travel_as_their_memory(name, values, strict):
    array = getattr(pyfory, name)(values)
    data = pyfory.Fory(xlang=False, ref=True, strict=strict).dumps([array, array])
    first, second = pyfory.Fory(xlang=False, ref=True, strict=strict).loads(data)
    assert first is second and type(first) is type(array) and list(first) == values
    first.append(first[0] if values else 7)
    many = getattr(pyfory, name)(values * 1000)
    assert len(native().dumps(many)) < len(bytes(memoryview(many))) + 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_another_thread_writes_a_class():
    """Its lock is not held in the child, where that thread is not."""
    from pyfory.native.tracker import tracker

    fory = pyfory.Fory(xlang=False, ref=True, strict=False)

    class Local:
        def __init__(self, value):
            self.value = value

    fory.loads(fory.dumps([Local(1), Local]))
    held, leave = threading.Event(), threading.Event()

    def hold():
        with tracker.lock:
            held.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        held.wait(60)
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # a child that waits for ever ends here

            class Other:
                pass

            os._exit(0 if type(fory.loads(fory.dumps(Other()))) is Other else 1)
    finally:
        leave.set()
        thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_modules_go_by_value_from_then_on(tmp_path, monkeypatch):
    """Also what this Fory has named already."""
    (tmp_path / "by_value_later.py").write_text("class C:\n    x = 5\n\ndef f():\n    return C\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import by_value_later

    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    values = [by_value_later.C, by_value_later.C(), by_value_later.f]
    named = [fory.dumps(value) for value in values]
    pyfory.register_by_value(by_value_later)
    try:
        assert all(len(fory.dumps(value)) > 2 * len(data) for value, data in zip(values, named))
    finally:
        pyfory.unregister_by_value(by_value_later)
    assert [fory.dumps(value) for value in values] == named
