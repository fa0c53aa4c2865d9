"""Native mode, repeated: the number of allocated blocks, the resident size and the
reference counts of classes, modules and shared values stay as they were."""

from __future__ import annotations

import json
import os

import pytest
import support

REPETITIONS = int(os.environ.get("PYFORY_LEAK_REPETITIONS", "10000"))

SCRIPT = """
    import gc, io, json, os, sys, warnings
    import pyfory, support
    from native import damage, messages
    from pyfory import pickle
    from pyfory.error import ForyError

    group, repetitions = sys.argv[1], int(sys.argv[2])

    def resident():
        try:
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0

    class Failing:
        def __reduce__(self):
            raise KeyError("no")

    class FailingState:
        def __getstate__(self):
            return [1]
        def __setstate__(self, state):
            raise KeyError("no")

    class Policy(damage.DeserializationPolicy):
        pass

    def scenarios():
        plain = pyfory.Fory(xlang=False, ref=True, strict=False)
        strict = damage.strict_fory()
        watched = pyfory.Fory(xlang=False, ref=True, strict=False, policy=Policy())
        denied = pyfory.Fory(xlang=False, ref=True, strict=False, policy=damage.DenyAll())
        everything = dict(damage.values())
        if group == "values":
            for name, value in everything.items():
                data = plain.dumps(value)
                yield name + " write", lambda v=value: plain.dumps(v)
                yield name + " read", lambda d=data: plain.loads(d)
                yield name + " strict", lambda v=value: strict.loads(strict.dumps(v))
                yield name + " policy", lambda d=data: watched.loads(d)
        elif group == "failures":
            for name, value in everything.items():
                data = plain.dumps(value)
                for at in (len(data) // 3, len(data) // 2, len(data) - 1):
                    yield "%s cut at %d" % (name, at), lambda d=data[:at]: plain.loads(d)
                broken = bytearray(data)
                broken[len(data) // 2] ^= 0x55
                yield name + " damaged", lambda d=bytes(broken): strict.loads(d)
                yield name + " denied", lambda d=data: denied.loads(d)
                yield name + " unwritable", lambda v=value: plain.dumps([v, Failing()])
                yield name + " unwritable in strict mode", lambda v=value: strict.dumps([v, Failing()])
            failing = plain.dumps([damage.Point(1), FailingState()])
            yield "state", lambda: plain.loads(failing)
            for name, message in messages.all_messages():
                if messages.CANARY.encode() not in message:
                    yield name, lambda m=message: strict.loads(m)
                yield name + " denied", lambda m=message: denied.loads(m)
        elif group == "code":
            def outer(n):
                def inner(x):
                    return x + n + len("abc")
                return inner
            data = plain.dumps(outer(3))
            yield "function", lambda: plain.loads(plain.dumps(outer(3)))(1)
            yield "function read", lambda: plain.loads(data)(1)
            cls = type("Local", (damage.Point,), {"f": lambda self: self.x, "g": classmethod(lambda cls: cls)})
            written = plain.dumps(cls)
            yield "class write", lambda: plain.dumps(cls)
            yield "class read", lambda: plain.loads(written)
            yield "class cut", lambda: plain.loads(written[:len(written) // 2])
            yield "instance of a local class", lambda: plain.loads(plain.dumps(cls(1)))
            yield "method", lambda: plain.loads(plain.dumps(damage.Point(1).__init__))
        elif group == "pickle":
            for name, value in everything.items():
                yield name, lambda v=value: pickle.loads(pickle.dumps(v))

            def memo():
                stream = io.BytesIO()
                pickler = pickle.Pickler(stream)
                shared = damage.Point([1])
                pickler.dump([shared])
                pickler.dump([shared, shared])
                stream.seek(0)
                reader = pickle.Unpickler(stream)
                assert reader.load()[0] is reader.load()[0]

            yield "memo", memo
            data = pickle.dumps(everything["objects"])
            yield "find_class", lambda: damage.Find(io.BytesIO(data)).load()
            yield "find_class cut", lambda: damage.Find(io.BytesIO(data[:len(data) // 2])).load()

            def out_of_band():
                buffers = []
                big = pickle.PickleBuffer(bytearray(1000))
                data = pickle.dumps([big, big], protocol=5, buffer_callback=buffers.append)
                pickle.loads(data, buffers=buffers)

            yield "out of band", out_of_band
            arrays = [everything["carriers"], everything.get("numbers of NumPy"), b"abc", pickle.PickleBuffer(bytearray(1000))]

            def arrays_out_of_band(loads, dumps, take):
                buffers = []
                data = dumps(arrays, buffer_callback=buffers.append)
                back = loads(data, buffers=[take(buffer) for buffer in buffers])
                try:
                    loads(data, buffers=[take(buffer) for buffer in buffers[:-1]])
                except ForyError:
                    pass
                try:
                    loads(data, buffers=[b"a" for buffer in buffers])
                except ForyError:
                    pass

            plain_loads, plain_dumps = plain.loads, plain.dumps
            yield "arrays out of band", lambda: arrays_out_of_band(plain_loads, plain_dumps, lambda buffer: buffer.getbuffer())
            yield "arrays out of band, pickle", lambda: arrays_out_of_band(pickle.loads, pickle.dumps, lambda buffer: buffer)
        elif group == "instances":
            value = everything["objects"]

            def fresh():
                fory = pyfory.Fory(xlang=False, ref=True, strict=False)
                fory.register(damage.Point, type_id=5)
                fory.loads(fory.dumps(value))

            yield "Fory", fresh

            def new_class():
                cls = type("New", (), {"__slots__": ("a",)})
                cls.__module__, cls.__qualname__ = __name__, "New"
                globals()["New"] = cls
                one = cls()
                one.a = 1
                fory = pyfory.Fory(xlang=False, ref=True, strict=False)
                assert type(fory.loads(fory.dumps([one, one]))[0]).__name__ == "New"

            yield "class", new_class

    def run(call, n):
        for _ in range(n):
            try:
                call()
            except (ForyError, TypeError, KeyError, damage.Denied, ImportError):
                pass

    def settle():
        gc.collect()
        # CPython's cache of attribute look-ups keeps names: each new class fills more of it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(sys, "_clear_type_cache", int)()

    report = []
    for name, call in scenarios():
        count = repetitions // 40 if group in ("failures", "instances") else repetitions // 20
        count = max(30, count)
        run(call, max(10, count // 5))
        # Caches of the interpreter and of NumPy grow for a while; a leak grows each time.
        rounds = []
        for _ in range(8):
            settle()
            blocks, size = sys.getallocatedblocks(), resident()
            run(call, count)
            settle()
            rounds.append((sys.getallocatedblocks() - blocks, (resident() - size) // 1024))
            if rounds[-1][0] <= count // 4 and rounds[-1][1] <= 4096:
                break
        else:
            report.append("%s: blocks and KiB over %d calls: %s" % (name, count, rounds))
    print(json.dumps(report))
"""


@pytest.mark.parametrize("group", ["values", "failures", "code", "pickle", "instances"])
def test_nothing_leaks(group: str) -> None:
    out = support.check_python(SCRIPT, args=[group, str(REPETITIONS)], timeout=900, env={"PYTHONHASHSEED": "0"})
    report = json.loads(out.splitlines()[-1])
    assert report == [], "\n".join(report)


def test_reference_counts() -> None:
    """Classes, modules, functions and values that messages name are neither kept nor lost."""
    out = support.check_python("""
        import gc, io, sys, collections, datetime
        import pyfory
        from native import damage, messages
        from pyfory import pickle
        from pyfory.error import ForyError
        plain = pyfory.Fory(xlang=False, ref=True, strict=False)
        strict = damage.strict_fory()
        watched = pyfory.Fory(xlang=False, ref=True, strict=False, policy=damage.OnlyOurs())
        denied = pyfory.Fory(xlang=False, ref=True, strict=False, policy=damage.DenyAll())
        value = [value for _, value in damage.values()]
        data = [plain.dumps(v) for v in value]
        key = "a key that lives elsewhere"
        dicts = [{key: 1, "b": None}, {key: 2, "b": True}, {key: 3, "b": ()}]
        things = list(damage.CLASSES) + [
            damage, sys.modules["builtins"], collections.OrderedDict, collections, len, key, None, True, (), int, damage.Colour.RED,
            datetime.timezone.utc, object, type, value, damage.Point.__init__, messages, dicts, Ellipsis, NotImplemented,
        ]

        def run():
            for _ in range(200):
                for v, d in zip(value, data):
                    plain.loads(plain.dumps([v, dicts]))
                    plain.loads(d)
                    strict.loads(strict.dumps(v))
                    for fory in (watched, denied):
                        try:
                            fory.loads(d)
                        except damage.Denied:
                            pass
                    for fory in (plain, strict):
                        try:
                            fory.loads(d[:len(d) * 2 // 3])
                        except ForyError:
                            pass
                plain.loads(plain.dumps([len, damage.Point, damage, damage.Point(1).__init__]))
                pickle.loads(pickle.dumps([damage.Point, len, dicts]))

        run()
        gc.collect()
        before = [sys.getrefcount(t) for t in things]
        run()
        gc.collect()
        after = [sys.getrefcount(t) for t in things]
        # what happens once in a repetition is 200; the interpreter's cache of attributes holds None in unused places
        print([(repr(t)[:60], b, a) for t, b, a in zip(things, before, after) if abs(a - b) > (150 if t is None else 40)])
    """, timeout=300)
    assert out.strip().splitlines()[-1] == "[]", out


def test_an_engine_lets_its_classes_go() -> None:
    out = support.check_python("""
        import gc, weakref
        import pyfory

        class Node:
            def __init__(self):
                self.next = self

        class Slotted:
            __slots__ = ("x", "__weakref__")

        def use():
            fory = pyfory.Fory(xlang=False, ref=True, strict=False)
            made = type("Made", (), {"f": lambda self: 1})
            one = made()
            one.me, one.fory = one, 1
            fory.loads(fory.dumps([one, Node(), made]))
            return weakref.ref(fory), weakref.ref(made)

        references = [use() for _ in range(3)]
        gc.collect()
        gc.collect()
        print([r() is None for pair in references for r in pair])
    """)
    assert out.strip().splitlines()[-1] == str([True] * 6), out


def test_one_collection_frees_classes_that_were_written() -> None:
    """What remembers identities is no garbage of its own that waits for the next collection."""
    out = support.check_python("""
        import gc
        import pyfory

        def use():
            made = type("Made", (), {"f": lambda self: 1})
            fory = pyfory.Fory(xlang=False, ref=True, strict=False)
            fory.loads(fory.dumps([made(), made()]))

        use()
        gc.collect()
        gc.disable()
        for _ in range(20):
            use()
        gc.collect()
        print(gc.collect())
    """)
    assert out.strip().splitlines()[-1] == "0", out
