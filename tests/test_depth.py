"""Nesting depth: one level per container or object, the same when writing and
reading, and never the end of the process."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import pytest

import pyfory
import support
from pyfory.error import ForyDepthExceedError, ForyError


@dataclass
class Node:
    next: Optional["Node"] = None
    n: int = 0


@dataclass
class Box:
    v: Any = None


@dataclass
class Lists:
    v: List[List[List[int]]]


def lists(n):
    return support.lists_nested(n)


def dicts(n):
    value = 1
    for _ in range(n):
        value = {"k": value}
    return value


def sets(n):
    return support.lists_nested(n - 1, {1})


def nodes(n):
    value = None
    for i in range(n):
        value = Node(value, i)
    return value


def boxes(n):
    value = 1
    for _ in range(n):
        value = Box(value)
    return value


def mixed(n):
    value = 1
    for i in range(n):
        value = [[value], {"k": value}, [value, "x"], Box(value)][i % 4]
    return value


def keyed(n):
    value = 1
    for _ in range(n):
        value = [value, "mixed", None]
    return value


SHAPES = [lists, dicts, nodes, boxes, mixed, keyed, sets]


def make(compatible=True, **options):
    return support.fory(Node, Box, Lists, compatible=compatible, **options)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("compatible", support.BOTH_MODES, ids=support.MODE_IDS)
@pytest.mark.parametrize("ref", [False, True], ids=["noref", "ref"])
@pytest.mark.parametrize("limit", [None, 1, 2, 5, 50, 200])
def test_limit(shape, compatible, ref, limit):
    options = {} if limit is None else {"max_depth": limit}
    limit = 50 if limit is None else limit
    fory = make(compatible, ref=ref, **options)
    deep_writer = make(compatible, ref=ref, max_depth=limit + 1)
    value, too_deep = shape(limit), shape(limit + 1)
    assert make(compatible, ref=ref, **options).deserialize(fory.serialize(value)) == support.as_read(value)
    with pytest.raises(ForyDepthExceedError) as caught:
        fory.serialize(too_deep)
    assert "max_depth" in str(caught.value)
    data = deep_writer.serialize(too_deep)
    with pytest.raises(ForyDepthExceedError) as caught:
        fory.deserialize(data)
    assert "max_depth" in str(caught.value)
    assert fory.deserialize(fory.serialize(value)) == support.as_read(value)


def test_defaults():
    assert pyfory.Fory().max_depth == 50
    assert pyfory.Fory(max_depth=None).max_depth == 50
    assert pyfory.Fory(max_depth=7).max_depth == 7


def test_scalars_need_no_depth():
    for limit in (0, -1):
        fory = pyfory.Fory(max_depth=limit)
        assert fory.deserialize(fory.serialize(5)) == 5
        assert fory.deserialize(fory.serialize("a")) == "a"
        with pytest.raises(ForyDepthExceedError):
            fory.serialize([1])
        with pytest.raises(ForyDepthExceedError):
            fory.deserialize(bytes.fromhex("01ff1601080702"))


def test_declared_containers_count_too():
    value = Lists([[[1]]])
    assert support.roundtrip(value, Lists, max_depth=4) == value
    for compatible in support.BOTH_MODES:
        fory = make(compatible, max_depth=3)
        with pytest.raises(ForyDepthExceedError):
            fory.serialize(value)


def test_empty_containers_count():
    fory = pyfory.Fory(max_depth=1)
    with pytest.raises(ForyDepthExceedError):
        fory.serialize([[]])
    with pytest.raises(ForyDepthExceedError):
        fory.deserialize(bytes.fromhex("01ff160108" + "1600"))
    assert fory.deserialize(fory.serialize([])) == []


def test_siblings_do_not_add_up():
    value = [[1] for _ in range(500)]
    assert support.roundtrip(value, max_depth=2) == value
    value = {i: {"k": [1]} for i in range(300)}
    assert support.roundtrip(value, max_depth=3) == value


CRASH_TEST = """
    import sys, threading
    import pyfory
    from pyfory.error import ForyError
    import test_depth

    shape, compatible, ref, depth = sys.argv[1], sys.argv[2] == "1", sys.argv[3] == "1", int(sys.argv[4])
    value = getattr(test_depth, shape)(depth)

    def run():
        fory = test_depth.make(compatible, ref=ref, max_depth=10**9)
        try:
            data = fory.serialize(value)
            print("written")
        except ForyError as error:
            assert isinstance(error, pyfory.error.ForyDepthExceedError), repr(error)
            print("refused")
        assert fory.deserialize(fory.serialize([1])) == [1]

    if sys.argv[5:] == ["thread"]:
        threading.stack_size(256 * 1024)
        t = threading.Thread(target=run)
        t.start()
        t.join()
    else:
        run()
    print("alive")
    # the value itself may be too deep for the interpreter to free recursively
    import os
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.mark.parametrize("shape", ["lists", "dicts", "nodes", "boxes", "mixed", "keyed"])
@pytest.mark.parametrize("compatible, ref", [(True, False), (True, True), (False, False)])
def test_very_deep_values_do_not_crash_the_writer(shape, compatible, ref):
    out = support.check_python(CRASH_TEST, args=[shape, str(int(compatible)), str(int(ref)), "100000"])
    assert out.split()[-1] == "alive"


def test_small_thread_stacks_are_respected():
    out = support.check_python(CRASH_TEST, args=["mixed", "1", "0", "100000", "thread"])
    assert out.split()[-1] == "alive"


READ_CRASH_TEST = """
    import os, sys, threading
    import pyfory
    from pyfory.error import ForyError
    import test_depth

    def run():
        n = 200000
        payloads = {
            "lists": b"\\x01\\xff" + b"\\x16\\x01\\x08" * n + b"\\x07\\x02",
            "mixed lists": b"\\x01\\xff" + b"\\x16\\x01\\x00" * n + b"\\x07\\x02",
            "null lists": b"\\x01\\xff" + b"\\x16\\x01\\x02\\xff" * n + b"\\x07\\x02",
            "sets": b"\\x01\\xff" + b"\\x17\\x01\\x08" * n + b"\\x07\\x02",
            "map values": b"\\x01\\xff" + b"\\x18\\x01\\x0a\\xff" * n + b"\\x07\\x02",
            "map keys": b"\\x01\\xff" + b"\\x18\\x01\\x00\\x01" * n + b"\\x07\\x02",
            "null side": b"\\x01\\xff" + b"\\x18\\x01\\x11\\xff" * n + b"\\x07\\x02",
        }
        for ref in (False, True):
            for compatible in (True, False):
                fory = test_depth.make(compatible, ref=ref, max_depth=10**9)
                for name, data in payloads.items():
                    try:
                        value = fory.deserialize(data)
                        keep.append(value)
                    except ForyError:
                        pass
                assert fory.deserialize(fory.serialize([1])) == [1]

    keep = []
    if sys.argv[1:] == ["thread"]:
        threading.stack_size(256 * 1024)
        t = threading.Thread(target=run)
        t.start()
        t.join()
    else:
        run()
    print("alive")
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.mark.parametrize("where", [[], ["thread"]], ids=["main", "thread"])
def test_very_deep_payloads_do_not_crash_the_reader(where):
    assert support.check_python(READ_CRASH_TEST, args=where).split()[-1] == "alive"


def test_cycles_with_a_very_large_limit_do_not_crash():
    out = support.check_python("""
        import pyfory
        from test_depth import Node, Box, make
        from pyfory.error import ForyDepthExceedError

        a = []; a.append(a)
        d = {}; d["d"] = d
        n = Node(); n.next = n
        b = Box(); b.v = [b]
        for ref in (False, True):
            for compatible in (True, False):
                fory = make(compatible, ref=ref, max_depth=10**9)
                for value in (a, d, n, b):
                    try:
                        fory.serialize(value)
                        assert ref
                    except ForyDepthExceedError:
                        assert not ref or value is n or value is b
        print("alive")
    """)
    assert out.split() == ["alive"]


def test_deep_values_within_the_stack_work():
    value = lists(1000)
    data = pyfory.Fory(max_depth=2000).serialize(value)
    result = pyfory.Fory(max_depth=2000).deserialize(data)
    for _ in range(1000):
        assert type(result) is list and len(result) == 1
        result = result[0]
    assert result == 1


def test_errors_in_the_depth_count_do_not_stay():
    fory = pyfory.Fory(max_depth=3)
    for _ in range(20):
        with pytest.raises(ForyError):
            fory.serialize([[[object()]]])
        with pytest.raises(ForyDepthExceedError):
            fory.serialize(lists(4))
        assert fory.deserialize(fory.serialize(lists(3))) == lists(3)


def test_typed_containers_of_structs():
    @dataclass
    class Holder:
        m: Dict[str, List[Box]]

    value = Holder({"a": [Box(1)]})
    assert support.roundtrip(value, Holder, Box, max_depth=4) == value
    with pytest.raises(ForyDepthExceedError):
        support.roundtrip(value, Holder, Box, max_depth=3)
