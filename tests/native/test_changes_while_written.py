"""What changes between or during the objects of one message: classes, methods, copyreg, arrays, dicts."""

from __future__ import annotations

import copyreg
import datetime
import pickle
import sys
import threading
from typing import Any, List

import pytest

import pyfory
from pyfory.error import ForyError


def trusting() -> pyfory.Fory:
    return pyfory.Fory(xlang=False, ref=True, strict=False)


class Replaced:
    def __init__(self, x: int) -> None:
        self.x = x


def test_a_reduce_method_that_replaces_itself() -> None:
    def second(self: Any) -> Any:
        return int, (99,)

    def first(self: Any) -> Any:
        if self.x == 0:
            del Replaced.__reduce__
            Replaced.__reduce__ = second  # type: ignore[method-assign]
        return int, (self.x,)

    fory = trusting()
    for _ in range(3):
        Replaced.__reduce__ = first  # type: ignore[method-assign]
        assert trusting().loads(fory.dumps([Replaced(4), Replaced(5)])) == [4, 5]
        assert trusting().loads(fory.dumps([Replaced(0), Replaced(1), Replaced(2)])) == [0, 99, 99]


def test_a_list_that_is_emptied_while_a_class_is_looked_at() -> None:
    class Counted:
        count = 0

    fory = trusting()
    fory.dumps([Counted()])
    items: List[Any] = []
    stop = threading.Event()

    def clear() -> None:
        while not stop.is_set():
            items.clear()

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        for i in range(2000):
            items[:] = [Counted(), Counted(), Counted()]
            Counted.count = i
            try:
                fory.dumps(items)
            except (ForyError, RuntimeError):
                pass
    finally:
        stop.set()
        thread.join()


def test_a_large_key_of_a_dict_that_another_thread_changes() -> None:
    key = "\u4e2d" * 3_000_000
    small = {"a": 1, "b": 2}
    data: Any = {}
    stop = threading.Event()

    def change() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            data.clear()
            data[key] = "value %d" % n
            data["n"] = n

    thread = threading.Thread(target=change)
    thread.start()
    fory = trusting()
    try:
        for _ in range(20):
            try:
                fory.dumps([small, {"a": 1, "b": 2}, data, data])
            except (ForyError, RuntimeError):
                pass
    finally:
        stop.set()
        thread.join()
    assert trusting().loads(fory.dumps([small])) == [small]


def test_copyreg_entries_that_take_each_others_place() -> None:
    class Other:
        pass

    def as_text(value: Any) -> Any:
        return str, (value.isoformat(),)

    fory, day = trusting(), datetime.date(2020, 1, 2)
    copyreg.pickle(Other, as_text)  # type: ignore[arg-type]
    try:
        assert trusting().loads(fory.dumps(day)) == day
        del copyreg.dispatch_table[Other]
        copyreg.pickle(datetime.date, as_text)
        if sys.version_info < (3, 12):  # later versions tell only that the table has another size
            assert trusting().loads(fory.dumps(day)) == "2020-01-02"
    finally:
        copyreg.dispatch_table.pop(Other, None)
        copyreg.dispatch_table.pop(datetime.date, None)


class Both:
    __slots__ = ("a", "__dict__")


def test_one_name_in_a_slot_and_in_the_dict() -> None:
    one = Both()
    one.a = 1
    one.__dict__["a"] = 2
    back = trusting().loads(trusting().dumps([one, one]))
    assert back[0] is back[1] and back[0].a == 1 and back[0].__dict__ == {"a": 2}


def test_a_stream_that_releases_what_it_is_given() -> None:
    class Stream:
        def write(self, view: Any) -> int:
            if isinstance(view, memoryview):
                view.release()
            return 1

    buffers: List[Any] = []
    trusting().dumps(pickle.PickleBuffer(bytearray(b"x" * 100)), buffer_callback=buffers.append)
    with pytest.raises(ValueError):
        buffers[0].write_to(Stream())


@pytest.mark.parametrize("dtype", ["f8", "M8[s]"])
def test_a_callback_that_resizes_the_array(dtype: str) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.zeros(1000, dtype)

    def callback(buffer: Any) -> bool:
        array.resize(10, refcheck=False)
        return True

    fory = trusting()
    try:
        data = fory.dumps(array, buffer_callback=callback)
    except (RuntimeError, ValueError, BufferError):
        return
    assert len(trusting().loads(data)) in (10, 1000)


def test_a_state_without_a_truth_is_damage() -> None:
    numpy = pytest.importorskip("numpy")

    class Odd:
        def __getstate__(self) -> Any:
            return numpy.zeros(3)

    writer, reader = [pyfory.Fory(xlang=False, ref=True, strict=True) for _ in range(2)]
    for fory in (writer, reader):
        fory.register(Odd)
    data = writer.dumps(Odd())
    with pytest.raises(ForyError, match="not a dict"):
        reader.loads(data)
