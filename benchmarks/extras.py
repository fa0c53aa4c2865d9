"""What is not a message of a workload: costs before the first use, threads, growth with the number of elements, one copy.

``run`` is called by the command line and asks worker processes, which are this file started as a script.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List

_HERE = os.path.dirname(os.path.abspath(__file__))

# library -> (home, statements that import it, that make what is kept, that write and read the first message)
STARTUP = {
    "ours": ("ours", "import pyfory", "f = pyfory.Fory(xlang=True); f.register(P, name='x.P')", "f.loads(f.dumps(v))"),
    "ours native": ("ours", "import pyfory", "f = pyfory.Fory(xlang=False, ref=True, strict=False)", "f.loads(f.dumps(v))"),
    "upstream": ("upstream", "import pyfory", "f = pyfory.Fory(xlang=True); f.register(P, name='x.P')", "f.loads(f.dumps(v))"),
    "upstream native": ("upstream", "import pyfory", "f = pyfory.Fory(xlang=False, ref=True, strict=False)", "f.loads(f.dumps(v))"),
    "pickle": ("others", "import pickle", "f = pickle", "f.loads(f.dumps(v, 5))"),
    "cloudpickle": ("others", "import cloudpickle", "f = cloudpickle", "f.loads(f.dumps(v, 5))"),
    "msgspec": ("others", "import msgspec", "e = msgspec.msgpack.Encoder(); d = msgspec.msgpack.Decoder(P)", "d.decode(e.encode(v))"),
    "ormsgpack": ("others", "import ormsgpack", "f = ormsgpack", "f.unpackb(f.packb(v))"),
    "orjson": ("others", "import orjson", "f = orjson", "f.loads(f.dumps(v))"),
    "cbor2": ("others", "import cbor2", "f = cbor2; v = dict(name='Mira', age=30, email='m@example.org')", "f.loads(f.dumps(v))"),
}
_CHILD = """
import sys, json, time
sys.modules.setdefault('dataclasses', __import__('dataclasses'))
import dataclasses
@dataclasses.dataclass
class P:
    name: str
    age: int
    email: str
v = P('Mira', 30, 'm@example.org')
def rss():
    try:
        return next(int(line.split()[1]) * 1024 for line in open('/proc/self/status') if line.startswith('VmRSS'))
    except OSError:
        return 0
clock = time.perf_counter_ns
before = rss()
t0 = clock()
{}
t1 = clock()
{}
t2 = clock()
{}
t3 = clock()
print(json.dumps([t1 - t0, t2 - t1, t3 - t2, rss() - before]))
"""


def _startup(homes: Dict[str, str], processes: int) -> Dict[str, List[float]]:
    found: Dict[str, List[List[float]]] = {}
    for turn in range(processes + 1):
        for name, (home, *parts) in STARTUP.items():
            if home not in homes:
                continue
            done = subprocess.run([homes[home], "-I", "-c", _CHILD.format(*parts)], capture_output=True, text=True, cwd=os.path.sep)
            if done.returncode == 0 and turn:  # the first turn fills the file cache
                found.setdefault(name, []).append(json.loads(done.stdout))
    return {name: [min(column) for column in zip(*rows)] for name, rows in found.items()}


# ---------------------------------------------------------------- the workers


def _best(function: Callable[[], Any], rounds: int, clock: Callable[[], int]) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = clock()
        result = function()
        spent = clock() - start
        del result
        best = min(best, spent)
    return best


def _in_turns(functions: Dict[str, Callable[[], Any]], seconds: float, clock: Callable[[], int]) -> Dict[str, float]:
    """Return the best ns of a call of each function, the time to drop its result included. They take turns, four at least.

    A sample is as many calls as take a millisecond (reading the clock would show in less) behind one that is not counted.
    """
    counts: Dict[str, int] = {}
    best = dict.fromkeys(functions, float("inf"))
    end = time.perf_counter() + seconds
    turns = 0
    while turns < 4 or time.perf_counter() < end:
        for name, function in functions.items():
            if best[name] * counts.get(name, 1) < 1e8:
                function()  # the others have had the caches since
            steps = range(counts.get(name, 1))
            start = clock()
            for _ in steps:
                function()
            spent = max(1, clock() - start)
            counts.setdefault(name, 1 + 1_000_000 // spent)
            best[name] = min(best[name], spent / len(steps))
        turns += 1
    return best


def _growth(largest: int, kinds: List[str], seconds: float) -> Dict[str, Any]:
    """Return ns per element of creating, writing and reading lists, by number of elements. The collector is on.

    All take turns, so that each finds the allocator as the one before left it. Memory is not kept mapped here (see `allocator`): what large
    results cost more is page faults and caches, for creation as for reading.
    """
    import dataclasses
    from array import array

    import pyfory

    clock = getattr(time, "thread_time_ns", time.process_time_ns)

    @dataclasses.dataclass
    class Point:
        x: int
        y: float

    Point.__qualname__ = "Point"
    Point.__module__ = "__main__"
    sys.modules["__main__"].Point = Point  # type: ignore[attr-defined]
    instances = {
        "compatible": pyfory.Fory(xlang=True, max_graph_memory_bytes=1 << 40),
        "native": pyfory.Fory(xlang=False, ref=True, strict=False, max_graph_memory_bytes=1 << 40),
    }
    instances["compatible"].register(Point, name="growth.Point")
    result: Dict[str, Any] = {}
    for kind in kinds:
        count = 1000
        while count <= (largest // 10 if kind == "dataclass" and largest <= 10**6 else largest):
            numbers = array("q", [i * 2654435761 % (1 << 40) for i in range(min(count, 1000))]) * (count // min(count, 1000))
            if kind == "int":
                create = numbers.tolist
            elif kind == "float":
                create = array("d", numbers).tolist
            elif kind == "str":
                text = " ".join(["%012d" % i for i in range(count)])
                create = text.split
            else:
                pairs = [(i, i * 0.5) for i in range(count)]
                create = lambda pairs=pairs: [Point(x, y) for x, y in pairs]  # noqa: E731
            # The value lives beside what is created, as it does beside what is read.
            value = create()
            messages = {mode: fory.dumps(value) for mode, fory in instances.items()}
            for mode, fory in instances.items():
                if fory.loads(messages[mode]) != value:
                    raise ValueError(f"{kind} x {count}: another value came back")
            functions = {"create": create}
            for mode, fory in instances.items():
                functions[f"write {mode}"] = lambda dumps=fory.dumps, value=value: dumps(value)
                functions[f"read {mode}"] = lambda loads=fory.loads, data=messages[mode]: loads(data)
            best = _in_turns(functions, seconds, clock)
            result.setdefault(kind, {})[str(count)] = {name: ns / count for name, ns in best.items()}
            del value, create, numbers, messages, functions
            count *= 10
    return result


def _threads(seconds: float) -> Dict[str, float]:
    """Return messages per second, each written and read, with one thread and with two; every thread has an instance."""
    import dataclasses
    import threading

    import pyfory

    @dataclasses.dataclass
    class Message:
        ident: int
        name: str
        score: float

    document = {"a": list(range(50)), "b": ["text"] * 20, "c": {"x": 1.5, "y": None}}
    blob = bytes(4 << 20)
    found: Dict[str, float] = {}
    for what, value, limit in (("3-field dataclass", Message(1, "one", 0.5), 512), ("document", document, 64), ("4 MB bytes", blob, 1)):
        for number in (1, 2):
            stop = time.perf_counter() + seconds
            counts = [0] * number

            def work(index: int) -> None:
                fory = pyfory.Fory(xlang=True)
                fory.register(Message, name="threads.Message")
                dumps, loads = fory.dumps, fory.loads
                while time.perf_counter() < stop:
                    for _ in range(limit):
                        loads(dumps(value))
                    counts[index] += limit

            threads = [threading.Thread(target=work, args=(index,)) for index in range(number)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            found[f"{what}, {number}"] = sum(counts) / (time.perf_counter() - start)
    return found


def _copy(rounds: int) -> Dict[str, float]:
    """Return ns of one copy of so many MB into memory that is new."""
    clock = getattr(time, "thread_time_ns", time.process_time_ns)
    found = {}
    for size in (1, 8, 100):
        source = bytearray(size << 20)
        found[str(size)] = _best(lambda source=source: bytes(source), max(2, rounds * 8 // size), clock)
    return found


def _ask(python: str, what: str, *arguments: Any) -> Any:
    command = [python, "-s", os.path.join(_HERE, "extras.py"), what, json.dumps(arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") or k == "PYTHONHOME"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.sep, env=environment)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1]}
    return json.loads(done.stdout)


def run(homes: Dict[str, str], quick: bool, say: Callable[[str], None]) -> Dict[str, Any]:
    """Measure all of it and return what the report shows. A part that fails says so in its place."""
    found: Dict[str, Any] = {}
    say("one copy of large memory")
    found["copy"] = _ask(homes["ours"], "copy", 3 if quick else 20)
    say("import, first instance, first message")
    found["startup"] = _startup(homes, 2 if quick else 7)
    say("one thread and two")
    found["threads"] = {home: _ask(homes[home], "threads", 0.2 if quick else 1.0) for home in ("ours", "upstream") if home in homes}
    say("growth with the number of elements")
    found["growth"] = _ask(homes["ours"], "growth", 10**6 if quick else 10**7, ["int", "float", "str", "dataclass"], 0.4 if quick else 3.0)
    return found


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") not in (_HERE, os.path.dirname(_HERE))]
    _WORKERS = {"copy": _copy, "growth": _growth, "threads": _threads}
    print(json.dumps(_WORKERS[sys.argv[1]](*json.loads(sys.argv[2]))))
