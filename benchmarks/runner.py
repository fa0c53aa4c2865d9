"""Runs the workers: one process per contender and workload, timed in turns."""

import json
import os
import select
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

from . import envs
from .workloads import Workload

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
# Each peer, and the mode of ours that does its task; upstream is compared mode by mode.
PEERS = {
    "upstream": "", "pickle": "native", "cloudpickle": "native", "marshal": "native", "pyarrow": "native",
    "msgspec": "compatible", "msgspec-struct": "compatible", "ormsgpack": "compatible", "orjson": "compatible", "cbor2": "compatible",
    "protobuf": "compatible", "protobuf-message": "compatible", "json": "compatible",
}  # fmt: skip

# A sample counts as quiet when the fixed work before and after it took at most this many times the best of the session.
PROBE_TOLERANCE = 1.12


@dataclass(frozen=True)
class Contender:
    key: str  # "ours/compatible", "pickle"
    home: str  # the environment: ours, upstream, others
    impl: str  # the name in impls.IMPLEMENTATIONS
    mode: str = ""


def takes_part(peer: str, workload: Workload) -> bool:
    """Say whether a peer is asked at all; the rest it says itself."""
    if peer == "pyarrow":
        return workload.group == "frame" and not workload.out_of_band
    if peer.startswith("protobuf"):
        return bool(workload.classes) and isinstance(workload.hint, type)
    if workload.out_of_band:
        return peer in ("pickle", "cloudpickle")
    return True


def contenders(workload: Workload, peers: List[str], modes: List[str]) -> List[Contender]:
    """Return who takes part in a workload, ours first."""
    used = [mode for mode in workload.modes if mode in modes]
    result = [Contender(f"ours/{mode}", "ours", "fory", mode) for mode in used]
    for peer in peers:
        if peer == "upstream":
            result += [Contender(f"upstream/{mode}", "upstream", "fory", mode) for mode in used]
        elif PEERS[peer] in used and takes_part(peer, workload):
            result.append(Contender(peer, "others", peer))
    return result


class WorkerDied(Exception):
    """The worker process ended or did not answer in time."""


class Process:
    """A worker process and the line protocol with it."""

    def __init__(self, python: str, log: Any) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") or k == "PYTHONHOME"}
        environment["PYTHONHASHSEED"] = "0"
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["TZ"] = "UTC"
        self.process = subprocess.Popen(
            [python, "-s", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, bufsize=0
        )  # fmt: skip
        self.pending = b""

    def ask(self, timeout: float = 300.0, **request: Any) -> Dict[str, Any]:
        """Send a request and return the answer.  Raises WorkerDied when there is none."""
        self.send(**request)
        return self.receive(timeout)

    def send(self, **request: Any) -> None:
        """Send a request; a process that is gone is noticed when its answer is awaited."""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
        except OSError:
            pass

    def receive(self, timeout: float) -> Dict[str, Any]:
        """Return the next answer.  Raises WorkerDied when there is none."""
        deadline = time.monotonic() + timeout
        output = self.process.stdout
        while b"\n" not in self.pending:
            ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.stop()
                raise WorkerDied(f"no answer within {timeout:.0f} s")
            chunk = output.read(65536)
            if not chunk:
                raise WorkerDied(self.cause())
            self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def cause(self) -> str:
        code = self.process.wait()
        return f"the process ended with signal {-code}" if code < 0 else f"the process ended with code {code}"

    def stop(self) -> None:
        """End the process for certain."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _summary(samples: List[float]) -> Dict[str, float]:
    return {"best": min(samples), "median": statistics.median(samples), "samples": len(samples)}


class Session:
    """Everything one run needs: interpreters, options, and what is known of the contenders."""

    def __init__(self, interpreters: Dict[str, str], options: Any, say: Callable[[str], None]) -> None:
        self.interpreters = interpreters
        self.options = options
        self.say = say
        self.best_probe = float("inf")
        self.known: Dict[str, Dict[str, Any]] = {}
        envs.PLACE.mkdir(parents=True, exist_ok=True)
        self.log = open(envs.PLACE / "workers.log", "ab", buffering=0)

    def start(self, contender: Contender) -> Process:
        """Start a worker and let it import what it needs."""
        process = Process(self.interpreters[contender.home], self.log)
        process.send(
            cmd="hello", impl=contender.impl, gc=self.options.gc, clock=self.options.clock, versions=contender.key not in self.known
        )  # fmt: skip
        return process

    def prepare(self, contenders: List[Contender], running: Dict[str, Process], workload: Workload, cells: Dict[str, Any]) -> None:
        """Let started workers build, write, read and compare the value, two at a time: nothing of this is timed.

        The first facts of each go into its cell.
        """
        waiting = [contender for contender in contenders if contender.key not in cells]
        width = min(2, os.cpu_count() or 1)
        for first in range(0, len(waiting), width):
            group = waiting[first : first + width]
            for contender in group:
                running[contender.key].send(
                    cmd="prepare", workload=workload.name, impl=contender.impl, mode=contender.mode, min_time=self.options.min_time
                )  # fmt: skip
            for contender in group:
                try:
                    cells[contender.key] = running[contender.key].receive(300.0)
                except WorkerDied as error:
                    cells[contender.key] = {"status": "crashed", "reason": str(error)}

    def take_turn(
        self, key: str, running: Dict[str, Process], cells: Dict[str, Any], samples: Dict[str, Any], count: int
    ) -> None:
        """Let one contender take ``count`` samples of each operation."""
        try:
            for op in ("write", "read"):
                answer = running[key].ask(cmd="time", op=op, samples=count)
                samples[key][op] += zip(answer["ns"], answer["probe"])
                self.best_probe = min([self.best_probe, *answer["probe"]])
        except (WorkerDied, KeyError) as error:
            cells[key].update(status="crashed", reason=str(error))
            running.pop(key).stop()

    def quiet(self, samples: Dict[str, Any], only: str = "") -> int:
        """Count the samples of the worse operation during which nothing slowed the core down."""
        limit = self.best_probe * PROBE_TOLERANCE
        return min(sum(probe <= limit for _, probe in samples[op]) for op in ([only] if only else samples))

    def measure(self, workload: Workload) -> Dict[str, Any]:
        """Measure one workload in one or more sittings, each with new processes, and return its record.

        A new process lays out its memory anew, which moves the time of single cells by several per cent.
        """
        record = self.run(workload)
        for _ in range(self.options.sittings - 1):
            more = self.run(workload)["cells"]
            for key, cell in record["cells"].items():
                other = more[key]
                for op in ("write", "read"):
                    if op in cell and op in other:
                        cell[op]["samples"] += other[op]["samples"]
                        cell[op]["quiet"] += other[op]["quiet"]
                if other["status"] != cell["status"]:
                    cell.update(status=other["status"], reason=other.get("reason"))
                    cell.pop("write", None), cell.pop("read", None)
        for cell in record["cells"].values():
            for op in ("write", "read"):
                if op in cell:
                    cell[op] = {**_summary([ns for ns, _ in cell[op]["samples"]]), "quiet": cell[op]["quiet"]}
        return record

    def run(self, workload: Workload) -> Dict[str, Any]:
        """Measure one workload once with all its contenders, in turns."""
        cells: Dict[str, Dict[str, Any]] = {}
        running: Dict[str, Process] = {}
        samples: Dict[str, Dict[str, List[float]]] = {}
        source: Optional[str] = None
        try:
            taking_part = contenders(workload, self.options.peers, self.options.modes)
            for contender in list(taking_part):
                if contender.home not in self.interpreters:
                    taking_part.remove(contender)
                    cells[contender.key] = {"status": "unsupported", "reason": "could not be installed"}
                    continue
                running[contender.key] = self.start(contender)
            # All have finished importing before the first one prepares; while one is timed, no other works.
            for contender in taking_part:
                try:
                    hello = running[contender.key].receive(60)
                    if hello.get("status") == "error":
                        cells[contender.key] = hello
                    else:
                        self.known.setdefault(contender.key, hello)
                except WorkerDied as error:
                    cells[contender.key] = {"status": "crashed", "reason": str(error)}
            self.prepare(taking_part, running, workload, cells)
            for contender in taking_part:
                key = contender.key
                cell = cells[key]
                if "source" in cell:
                    source = source or cell["source"]
                    if cell["source"] != source:
                        cell.update(status="differs", reason="this process built another value than the first one")
                if cell["status"] in ("same", "loose"):
                    samples[key] = {"write": [], "read": []}
                else:
                    running.pop(key).stop()
            for turn in range(self.options.rounds):
                order = list(running)
                shift = turn % max(1, len(order))
                for key in order[shift:] + order[:shift]:
                    self.take_turn(key, running, cells, samples, self.options.samples)
            # Who had no quiet moment gets more turns.
            wanted = min(2, self.options.rounds * self.options.samples)
            for _ in range(self.options.extra):
                disturbed = [key for key in running if self.quiet(samples[key]) < wanted]
                for key in disturbed:
                    self.take_turn(key, running, cells, samples, 1)
            for key, process in running.items():
                for op in ("write", "read"):
                    cells[key][op] = {"samples": samples[key][op], "quiet": self.quiet(samples[key], op)}
                try:
                    cells[key].update(process.ask(30, cmd="end"))
                except WorkerDied:
                    pass
        finally:
            for process in running.values():
                process.stop()
        return {
            "group": workload.group, "large": workload.large, "ref": workload.ref, "objects": bool(workload.classes), "cells": cells,
        }  # fmt: skip
