"""The process that measures one contender.

Started as a script by ``runner`` with the interpreter of the contender's environment.  It answers one JSON line on its standard
output for every JSON line on its standard input; anything a library prints goes to standard error.

    {"cmd": "hello"}                                                        -> versions, garbage collector, ...
    {"cmd": "prepare", "workload": W, "impl": I, "mode": M, "min_time": s}  -> build, write, read, compare, calibrate
    {"cmd": "time", "op": "write" | "read", "samples": n}                   -> ns per call of every sample, and of the probes around it
    {"cmd": "end"}                                                          -> ru_maxrss; the process leaves
"""

import gc
import hashlib
import importlib.util
import json
import os
import platform
import sys
import time
from itertools import repeat
from typing import Any, Callable, Dict, List, Optional, Tuple

_HERE = os.path.dirname(os.path.abspath(__file__))


def _load_package() -> None:
    """Import the ``benchmarks`` package by place, so that the source tree around it is not importable: only installed code is."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") not in (_HERE, os.path.dirname(_HERE))]
    spec = importlib.util.spec_from_file_location(
        "benchmarks", os.path.join(_HERE, "__init__.py"), submodule_search_locations=[_HERE]
    )  # fmt: skip
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmarks"] = module
    spec.loader.exec_module(module)
    module.MEASURING = True


# CPU time of the thread unless the command line asks for wall time: what the process waits for a core does not count.
_CLOCK: List[Callable[[], int]] = [getattr(time, "thread_time_ns", time.process_time_ns)]


def _version(name: str) -> Optional[str]:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def run_loop(function: Callable[..., Any], args: Tuple[Any, ...], count: int) -> int:
    """Call the function ``count`` times and return the nanoseconds it took; the results are dropped inside the timed part."""
    clock = _CLOCK[0]
    steps = repeat(None, count)
    if len(args) == 1:
        (a,) = args
        start = clock()
        for _ in steps:
            function(a)
        return clock() - start
    start = clock()
    for _ in steps:
        function(*args)
    return clock() - start


def _probe() -> int:
    """Time a fixed piece of work (about 0.3 ms).  It takes longer when something else slows the core down during a sample."""
    clock = _CLOCK[0]
    start = clock()
    sum(range(20_000))
    return clock() - start


def _flat_loop(extra: int) -> Callable[..., int]:
    """A loop for one value and ``extra`` constant arguments, without packing a tuple in each turn."""
    names = ", ".join(f"a{i}" for i in range(1 + extra))
    scope: Dict[str, Any] = {"clock": _CLOCK[0], "repeat": repeat}
    exec(
        f"def loop(function, args, count):\n    {names}, = args\n    steps = repeat(None, count)\n    start = clock()\n"
        f"    for _ in steps:\n        function({names})\n    return clock() - start\n",
        scope,
    )
    return scope["loop"]


def _memory(field: str) -> Optional[int]:
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _maxrss() -> Optional[int]:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_of(function: Callable[..., Any], args: Tuple[Any, ...]) -> Tuple[Any, Optional[int]]:
    """Call once; return the result and by how much resident memory rose at its highest (Linux; elsewhere None).

    The kernel's high-water mark is reset before the call, so nothing is traced and the call runs at full speed.
    """
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w") as control:
            control.write("5")
    except OSError:
        return function(*args), None
    before = _memory("VmRSS")
    result = function(*args)
    after = _memory("VmHWM")
    return result, None if before is None or after is None else max(0, after - before)


def _same(one: Any, other: Any) -> bool:
    """Compare two results of one reader with ``==``; values that cannot be compared so (arrays) are not the same here."""
    try:
        return bool(one == other)
    except Exception:
        return False


class Worker:
    def __init__(self) -> None:
        self.peak: Optional[int] = None
        self.ops: Dict[str, Tuple[Callable[..., Any], Tuple[Any, ...]]] = {}
        self.loops: Dict[str, Callable[..., int]] = {}
        self.counts: Dict[str, int] = {}

    def hello(self, request: Dict[str, Any]) -> Dict[str, Any]:
        if request.get("gc") == "off":
            gc.disable()
        if request.get("clock") == "wall":
            _CLOCK[0] = time.perf_counter_ns
        names = ("numpy", "msgspec", "ormsgpack", "orjson", "cloudpickle", "cbor2", "protobuf", "pyarrow", "pandas")
        if not request.get("versions", True):
            return {}
        answer: Dict[str, Any] = {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "gc": f"enabled {gc.get_threshold()}" if gc.isenabled() else "disabled",
            "versions": {name: version for name in names for version in [_version(name)] if version},
        }
        if request.get("impl") == "fory":
            import pyfory

            answer["versions"]["pyfory"] = _version("pyfory") or getattr(pyfory, "__version__", "?")
            answer["own_core"] = importlib.util.find_spec("pyfory._core") is not None
            if answer["own_core"]:
                core = importlib.import_module("pyfory._core")
                answer["simd"] = core.simd_tier() if hasattr(core, "simd_tier") else None
        return answer

    def prepare(self, request: Dict[str, Any]) -> Dict[str, Any]:
        from benchmarks import allocator, canon, impls, workloads

        workload = workloads.table()[request["workload"]]
        impl = request["impl"]
        if impl in workload.skip:
            return {"status": "unsupported", "reason": workload.skip[impl]}
        for name in ("numpy",) * workload.numpy + ("pandas",) * (workload.group == "frame"):
            if importlib.util.find_spec(name) is None:
                return {"status": "unsupported", "reason": f"{name} is not installed in this environment"}
        value = workload.build()
        source = canon.digest(value, True, workload.ref), canon.digest(value, False)
        try:
            chosen = impls.IMPLEMENTATIONS[impl](workload, value, request["mode"])
        except impls.Unsupported as error:
            return {"status": "unsupported", "reason": str(error)}
        written = chosen.value if chosen.replaced else value
        if chosen.replaced:
            del value
        rss = _memory("VmRSS")
        try:
            stage = "write"
            payload, write_peak = _peak_of(chosen.write, (written, *chosen.write_args))
            stage = "read"
            result, read_peak = _peak_of(chosen.read, (payload, *chosen.read_args))
            stage = "compare"
            restored = chosen.restore(result) if chosen.restore else result
            decoded = [canon.digest(restored, True, workload.ref), source[1]]
            if decoded[0] != source[0]:
                decoded[1] = canon.digest(restored, False)
            # A second pass: state that an instance keeps between messages must not change the result.
            stage = "second pass"
            again = chosen.read(chosen.write(written, *chosen.write_args), *chosen.read_args)
            stable = _same(again, result)
            if not stable:
                stable = canon.digest(chosen.restore(again) if chosen.restore else again, True, workload.ref) == decoded[0]
            del again, restored
        except Exception as error:
            return {"status": "unsupported", "reason": f"{stage}: {type(error).__name__}: {error}"[:160]}
        beside = 0
        raw = payload
        if workload.out_of_band:
            raw, beside = payload[0], sum(memoryview(one).nbytes for one in payload[1])
        raw = raw if isinstance(raw, bytes) else raw.encode() if isinstance(raw, str) else bytes(raw)
        answer = {
            "source": source[1],
            "size": len(raw),
            "beside": beside,
            "sha": hashlib.sha256(raw).hexdigest()[:16],
            "rss_before": rss,
            "write_peak": write_peak,
            "read_peak": read_peak,
        }
        del raw, result
        if not stable or decoded[1] != source[1]:
            return {"status": "differs", "reason": "the value that comes back is not the value that was written", **answer}
        same = decoded[0] == source[0]
        answer["status"] = "same" if same else "loose"
        # From here on nothing is said about memory any more.
        self.peak = _maxrss()
        allocator.settle()
        self.ops = {
            "write": (chosen.write, (written, *chosen.write_args)),
            "read": (chosen.read, (payload, *chosen.read_args)),
        }
        for op, (function, args) in self.ops.items():
            self.loops[op] = run_loop if len(args) == 1 else _flat_loop(len(args) - 1)
            self.counts[op] = self.calibrate(op, request["min_time"])
        answer["counts"] = self.counts
        return answer

    def calibrate(self, op: str, min_time: float) -> int:
        """Find how many calls take ``min_time`` seconds; this warms caches and the interpreter's specialised code as well."""
        function, args = self.ops[op]
        target = min_time * 1e9
        count = 1
        while True:
            spent = self.loops[op](function, args, count)
            if spent >= target / 5:
                return max(1, int(count * target * 1.05 / spent)) if spent < target else count
            count = max(count + 1, min(count * 10, int(count * target * 1.1 / max(spent, 1)) + 1))

    def time(self, request: Dict[str, Any]) -> Dict[str, Any]:
        op = request["op"]
        function, args = self.ops[op]
        count = self.counts[op]
        samples: List[float] = []
        probes: List[int] = []
        for _ in range(request["samples"]):
            gc.collect()
            before = _probe()
            samples.append(self.loops[op](function, args, count) / count)
            probes.append(max(before, _probe()))
        return {"ns": samples, "probe": probes}

    def end(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return {"maxrss": self.peak}


def main() -> None:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _load_package()
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request["cmd"])(request)
        except Exception as error:
            import traceback

            traceback.print_exc()
            answer = {"status": "error", "reason": f"{type(error).__name__}: {error}"[:200]}
        channel.write(json.dumps(answer) + "\n")
        channel.flush()
        if request["cmd"] == "end":
            break


if __name__ == "__main__":
    main()
