"""Command line: ``python -m benchmarks [--quick] [--only PATTERN] [--rounds N] ...``."""

import argparse
import datetime
import fnmatch
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

from . import allocator, envs, extras, report, runner, workloads

QUICK_SECONDS = 140  # for the workloads; the extras take about 15 more
RESULTS = envs.PACKAGE / "results"


def _names(text: str) -> List[str]:
    return [item for item in text.split(",") if item]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure pyfory against its peers.")
    parser.add_argument("--quick", action="store_true", help="at most three minutes: fewer rounds and peers, nothing of 100 MB")
    parser.add_argument("--only", metavar="PATTERN", type=_names, default=[],
                        help="workloads or groups to run: parts of names or shell patterns, separated by commas")
    parser.add_argument("--rounds", type=int, help="turns that each contender gets of a sitting (default 4; quick 3)")
    parser.add_argument("--sittings", type=int, help="times that the worker processes are started anew (default 2; quick 1)")
    parser.add_argument("--samples", type=int, help="samples per turn and operation (default 2; quick 1)")
    parser.add_argument("--min-time", type=float, help="seconds that one sample takes at least (default 0.02; quick 0.006)")
    parser.add_argument("--ours", metavar="PYTHON", default=sys.executable, help="interpreter whose installed pyfory is measured")
    parser.add_argument("--peers", type=_names, help="peers to run, separated by commas: " + ",".join(runner.PEERS))
    parser.add_argument("--modes", type=_names, default=["compatible", "consistent", "native"], help="modes of pyfory: compatible,consistent,native")
    parser.add_argument("--gc", choices=("on", "off"), default="on", help="the cyclic garbage collector while timing (default on)")
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu", help="CPU time of the measuring thread, or wall time (default cpu)")
    parser.add_argument("--label", help="name of the result files (default: full, quick or partial)")
    parser.add_argument("--report", metavar="FILE", help="only make the report and plots again from a result file")
    parser.add_argument("--ledger", action="store_true", help="put the table of the run into docs/performance.md")
    parser.add_argument("--list", action="store_true", help="list the workloads and leave")
    parser.add_argument("--no-extras", action="store_true", help="without start-up, threads, growth; they are left out with --only as well")
    parser.add_argument("--no-plots", action="store_true")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 3 if options.quick else 4
    options.sittings = options.sittings or (1 if options.quick else 2)
    options.samples = options.samples or (1 if options.quick else 2)
    options.min_time = options.min_time or (0.006 if options.quick else 0.02)
    options.extra = 2 if options.quick else options.rounds * options.samples
    if options.peers is None:
        # The quick form leaves out the peers that say least.
        left_out = ("cloudpickle", "json", "msgspec-struct", "orjson", "protobuf-message") if options.quick else ()
        options.peers = [peer for peer in runner.PEERS if peer not in left_out]
    unknown = set(options.peers) - set(runner.PEERS) or set(options.modes) - {"compatible", "consistent", "native"}
    if unknown:
        parser.error(f"unknown peer or mode: {', '.join(sorted(unknown))}")
    if options.label is None:
        options.label = "partial" if options.only else "quick" if options.quick else "full"
    return options


def _selected(options: argparse.Namespace) -> List[workloads.Workload]:
    def wanted(item: workloads.Workload) -> bool:
        if not set(item.modes) & set(options.modes):
            return False
        if not options.only:
            return item.quick or not options.quick
        return any(part == item.group or part in item.name or fnmatch.fnmatch(item.name, part) for part in options.only)

    return [item for item in workloads.table().values() if wanted(item)]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> Dict[str, Any]:
    """Describe the machine and how busy it is."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def _line(name: str, record: Dict[str, Any]) -> str:
    parts = []
    for key, cell in record["cells"].items():
        if "write" in cell:
            parts.append(f"{key} {report.duration(cell['write']['best'])}/{report.duration(cell['read']['best'])}")
        elif cell["status"] in ("crashed", "error", "differs"):
            parts.append(f"{key} {cell['status'].upper()}")
    return f"{name}: " + "  ".join(parts)


def _finish(data: Dict[str, Any], options: argparse.Namespace) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.label}.json").write_text(json.dumps(data, indent=1) + "\n")
    pictures: List[str] = []
    if not options.no_plots:
        try:
            from . import plots

            pictures = plots.draw(data, RESULTS, options.label)
        except ImportError:
            print("plots are skipped: matplotlib is not installed (pip install '.[bench]')", file=sys.stderr)
    text = report.markdown(data, pictures)
    (RESULTS / f"{options.label}.md").write_text(text)
    if options.ledger:
        page = envs.ROOT / "docs" / "performance.md"
        page.write_text(report.put_ledger(page.read_text(), data))
    print(report.first_screen(text))
    print(f"\nwritten: benchmarks/results/{options.label}.json, {options.label}.md" + "".join(", " + p for p in pictures))


def main() -> int:
    """Run the command line; return the exit code."""
    options = _arguments()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    if options.report:
        data = json.loads(Path(options.report).read_text())
        options.label = Path(options.report).stem
        _finish(data, options)
        return 0
    chosen = _selected(options)
    if options.list:
        for item in chosen:
            print(f"{item.name:24}{item.group:11}{', '.join(item.modes)}")
        return 0
    if not chosen:
        print("no workload matches", file=sys.stderr)
        return 2
    need = {"upstream": "upstream" in options.peers, "others": bool(set(options.peers) - {"upstream"})}
    try:
        interpreters, lost = envs.interpreters(options.ours, need, say)
    except envs.SetupError as error:
        print(error, file=sys.stderr)
        return 2
    banner = machine()
    began = datetime.datetime.now(datetime.timezone.utc)
    session = runner.Session(interpreters, options, say)
    records: Dict[str, Any] = {}
    more: Dict[str, Any] = {}
    not_reached: List[str] = []
    ready = time.monotonic()
    asked_rounds = options.rounds
    try:
        for position, item in enumerate(chosen, 1):
            if options.quick and position > 3:
                # On a slow or busy machine the quick form keeps its time by measuring less.
                due = (time.monotonic() - ready) / (position - 1) * len(chosen)
                in_time = due < QUICK_SECONDS
                options.rounds = asked_rounds if in_time else 2 if due < 1.15 * QUICK_SECONDS else 1
                options.extra = 2 if in_time else 0
                if time.monotonic() - ready > QUICK_SECONDS + 20:
                    not_reached = [left.name for left in chosen[position - 1 :]]
                    say(f"out of time: {len(not_reached)} workloads are left out")
                    break
            records[item.name] = session.measure(item)
            rest = (time.monotonic() - ready) / position * (len(chosen) - position)
            say(f"{position}/{len(chosen)} (about {rest:.0f} s left) " + _line(item.name, records[item.name]))
        if not options.only and not options.no_extras:
            more = extras.run(interpreters, options.quick, say)
    except KeyboardInterrupt:
        say("interrupted: reporting what there is")
    banner["load_after"] = machine()["load"]
    data = {
        "format": 1,
        "label": options.label,
        "date": began.strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": round(time.monotonic() - started, 1),
        "machine": banner,
        "options": {
            "sittings": options.sittings, "rounds": asked_rounds, "samples": options.samples, "min_time": options.min_time, "gc": options.gc, "clock": options.clock,
            "kept": allocator.KEPT, "quick": options.quick, "modes": options.modes, "peers": options.peers, "only": options.only,
        },
        "contenders": session.known,
        "not_installed": lost,
        "not_reached": not_reached,
        "extras": more,
        "workloads": records,
    }  # fmt: skip
    if not all(hello.get("own_core", True) for key, hello in session.known.items() if key.startswith("ours/")):
        say("note: the interpreter given as 'ours' holds upstream pyfory: this compares upstream with itself")
        data["self_comparison"] = True
    _finish(data, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
