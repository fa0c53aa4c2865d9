"""Checks what threads cost on one core.

    python benchmarks/threads.py

One thread writes and reads all messages, then 16 threads share them, with a
plain `Fory`, with `ThreadSafeFory`, and with a `Fory` for each thread; all are
kept on one core where the system allows it, and take turns. Prints the best
round of each in microseconds per message (written and read), and exits with 1
when 16 threads are more than 10 % slower than one with the same instance. A
second table shows the same threads without any serializer: what the
interpreter's own switching costs is in every figure.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List

THREADS = 16
LIMIT = 1.10


@dataclass
class Message:
    id: int
    name: str
    score: float
    tags: List[str]
    counts: Dict[str, int]


def _value(i: int) -> Message:
    return Message(i, "message %d" % i, i * 0.5, ["a", "b", "c"], {"x": i, "y": -i})


def _worker(fory: Any, n: int) -> Callable[[], None]:
    values = [_value(i) for i in range(50)]

    def run() -> None:
        dumps, loads = fory.dumps, fory.loads
        for _ in range(n // len(values)):
            for value in values:
                loads(dumps(value))

    return run


def _idle_worker(n: int) -> Callable[[], None]:
    values = [_value(i) for i in range(50)]

    def run() -> None:
        for _ in range(n // len(values)):
            for value in values:
                _value(value.id)

    return run


def _timed(workers: List[Callable[[], None]]) -> float:
    """Seconds until all are done; one runs in the calling thread."""
    if len(workers) == 1:
        start = time.perf_counter()
        workers[0]()
        return time.perf_counter() - start
    gate = threading.Barrier(len(workers) + 1)

    def run(work: Callable[[], None]) -> None:
        gate.wait()
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in workers]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description="The cost of threads on one core.")
    parser.add_argument("--messages", type=int, default=160_000, help="in all, each written and read")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    import pyfory

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def make(kind: Callable[..., Any]) -> Any:
        fory = kind(ref=False)
        fory.register(Message, name="bench.Message")
        fory.loads(fory.dumps(_value(1)))
        return fory

    n, share = options.messages, options.messages // THREADS
    plain, safe = make(pyfory.Fory), make(pyfory.ThreadSafeFory)
    each = [make(pyfory.Fory) for _ in range(THREADS)]
    plans: Dict[str, List[Callable[[], None]]] = {
        "Fory, 1 thread": [_worker(plain, n)],
        "Fory, %d threads" % THREADS: [_worker(plain, share) for _ in range(THREADS)],
        "ThreadSafeFory, 1 thread": [_worker(safe, n)],
        "ThreadSafeFory, %d threads" % THREADS: [_worker(safe, share) for _ in range(THREADS)],
        "a Fory for each of %d threads" % THREADS: [_worker(fory, share) for fory in each],
        "no serializer, 1 thread": [_idle_worker(n)],
        "no serializer, %d threads" % THREADS: [_idle_worker(share) for _ in range(THREADS)],
    }
    best: Dict[str, float] = {}
    for _ in range(options.rounds):
        for name, workers in plans.items():
            took = _timed(workers)
            best[name] = min(took, best.get(name, took))
    print("%d messages, each written and read; best of %d rounds, one core" % (n, options.rounds))
    for name, took in best.items():
        print("%-32s %7.3f us per message" % (name, took / n * 1e6))
    failed = False
    for kind in ("Fory", "ThreadSafeFory"):
        ratio = best["%s, %d threads" % (kind, THREADS)] / best["%s, 1 thread" % kind]
        over = ratio > LIMIT
        failed = failed or over
        print("%s: %d threads take %.3f times as long as one%s" % (kind, THREADS, ratio, " (over %.2f)" % LIMIT if over else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file: its modules are no top-level ones
    sys.exit(main())
