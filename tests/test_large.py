"""Large values are copied once, and other threads run meanwhile (1 MB and more)."""

import sys
import threading
import time
import tracemalloc
from dataclasses import dataclass

import pytest

import pyfory

MB = 1 << 20


LARGE = {
    "bytes": lambda: bytes(8 * MB),
    "ascii": lambda: "a" * (8 * MB),
    "latin": lambda: "é" * (8 * MB),
    "utf16": lambda: "漢" * (4 * MB),
    "int array": lambda: pyfory.Int32Array.from_buffer(bytes(8 * MB)),
    "bool array": lambda: pyfory.BoolArray.from_buffer(bytes(8 * MB)),
}


def peak_of(action):
    """The result of action, and the most memory that it held at once."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = action()
        return result, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LARGE)
def test_copied_once(name):
    value = LARGE[name]()
    # whoever copies twice holds the value twice in between
    writer, reader = pyfory.Fory(xlang=True, ref=False), pyfory.Fory(xlang=True, ref=False)
    data, peak = peak_of(lambda: writer.dumps(value))
    assert 8 * MB <= len(data) < 8.1 * MB and peak < 8.1 * MB
    result, peak = peak_of(lambda: reader.loads(data))
    assert result == value and peak < 8.1 * MB


@pytest.mark.parametrize("xlang", [True, False])
def test_several_large_parts(xlang):
    """The result moves to larger memory some times, with all that is in it; the second message knows its size."""
    parts = [bytes([65 + i]) * (6 * MB + i) for i in range(8)]
    writer, reader = pyfory.Fory(xlang=xlang), pyfory.Fory(xlang=xlang)
    first = writer.dumps(parts)
    assert reader.loads(first) == parts
    assert peak_of(lambda: writer.dumps(parts))[1] < 1.1 * len(first)
    assert writer.dumps(parts) == first


def test_copied_once_into_an_ndarray():
    numpy = pytest.importorskip("numpy")
    value = numpy.arange(MB)
    writer, reader = pyfory.Fory(xlang=True, ref=False), pyfory.Fory(xlang=True, ref=False)
    reader.loads(writer.dumps(value[:3]))
    data, peak = peak_of(lambda: writer.dumps(value))
    assert peak < 8.1 * MB
    result, peak = peak_of(lambda: reader.loads(data))
    assert (numpy.asarray(result) == value).all() and peak < 8.1 * MB


@dataclass
class Holder:
    text: str
    data: bytes


class Ticker(threading.Thread):
    """Counts how often it gets to run."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ticks = 0
        self.stopped = False

    def run(self):
        while not self.stopped:
            self.ticks += 1
            time.sleep(0.00001)


def others_run_during(action):
    """Whether another thread runs while action holds the only place where it could."""
    interval = sys.getswitchinterval()
    ticker = Ticker()
    ticker.start()
    sys.setswitchinterval(1000)  # nobody is asked to let go of the GIL
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            before = ticker.ticks
            action()
            if ticker.ticks > before + 1:
                return True
        return False
    finally:
        ticker.stopped = True
        sys.setswitchinterval(interval)
        ticker.join()


LARGER = {
    "bytes": lambda: bytes(16 * MB),
    "text": lambda: "é" * (16 * MB),
    "wide": lambda: "漢" * (8 * MB),
    "utf8": lambda: "漢🎉" * (4 * MB),
    "array": lambda: pyfory.Int64Array.from_buffer(bytes(16 * MB)),
    "list": lambda: [bytes(16 * MB), bytes(16 * MB)],
}


@pytest.mark.parametrize("name", LARGER)
def test_other_threads_run_meanwhile(name):
    value = LARGER[name]()
    fory = pyfory.Fory(xlang=True, ref=False)
    data = fory.dumps(value)
    assert others_run_during(lambda: fory.dumps(value))
    assert others_run_during(lambda: fory.loads(data))


def test_fields_of_a_dataclass():
    fory = pyfory.Fory(xlang=True, ref=False)
    fory.register(Holder, type_id=100)
    value = Holder("é" * (16 * MB), b"")
    assert others_run_during(lambda: fory.dumps(value))
    assert fory.loads(fory.dumps(value)) == value


def test_small_values_keep_the_gil():
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("this interpreter has no GIL")
    fory = pyfory.Fory(xlang=True, ref=False)
    value = [bytes(1000)] * 100
    ticker = Ticker()
    ticker.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        ticks = ticker.ticks
        for _ in range(100):
            fory.loads(fory.dumps(value))
        assert ticker.ticks == ticks
    finally:
        ticker.stopped = True
        sys.setswitchinterval(interval)
        ticker.join()


def test_arrays_and_containers_changed_by_another_thread():
    """A torn value may come out, but neither side is freed under the copy."""
    fory = pyfory.Fory(xlang=True, ref=False)
    array = pyfory.Int32Array.from_buffer(bytes(4 * MB))
    holder = {"a": ["é" * (2 * MB), bytes(2 * MB)], "b": {"x": "é" * (2 * MB)}, "c": array}
    stop = threading.Event()
    refused = 0

    def change():
        nonlocal refused
        while not stop.is_set():
            try:
                array.extend([1, 2, 3])
                array.pop()
            except BufferError:
                refused += 1
            holder["a"][0] = "ü" * (2 * MB)
            holder["a"][1] = b"\1" * (2 * MB)
            holder["b"]["x"] = "ö" * (2 * MB)

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            result = fory.loads(fory.dumps(holder))
            assert set(result) == {"a", "b", "c"} and len(result["a"][0]) == 2 * MB
            assert result["a"][0][0] == result["a"][0][-1] and len(result["a"][1]) == 2 * MB
    finally:
        stop.set()
        thread.join()
