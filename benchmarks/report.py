"""The Markdown report: what matters is on the first screen, where we lose above all."""

import math
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from .runner import PEERS

Data = Dict[str, Any]
OPS = ("write", "read")


def duration(ns: float) -> str:
    """Return a time in ns, us or ms with three significant digits."""
    for limit, unit, scale in ((1e3, "ns", 1), (1e6, "us", 1e3), (1e9, "ms", 1e6)):
        if ns < limit:
            return f"{ns / scale:.3g} {unit}" if ns / scale < 99.95 else f"{ns / scale:.0f} {unit}"
    return f"{ns / 1e9:.3g} s"


def size(count: Optional[int]) -> str:
    """Return a byte count in B, KB or MB."""
    if count is None:
        return "-"
    if count < 10_000:
        return f"{count} B"
    return f"{count / 1024:.0f} KB" if count < 10 << 20 else f"{count / (1 << 20):.0f} MB"


class Ratio(NamedTuple):
    """How many times faster we are than a peer in one cell."""

    workload: str
    mode: str
    peer: str
    op: str
    value: float
    loose: bool  # the peer's read returns other types (dicts for dataclasses, lists for arrays)
    large: bool
    group: str
    ours: float  # our time, ns


def _timed(cell: Optional[Dict[str, Any]]) -> bool:
    return bool(cell) and "write" in cell and "read" in cell


def ratios(data: Data) -> List[Ratio]:
    """Return every comparison of the run: upstream mode against mode, other peers against the mode that does their task."""
    result = []
    for name, record in data["workloads"].items():
        cells = record["cells"]
        ours = [(key.split("/")[1], cell) for key, cell in cells.items() if key.startswith("ours/") and _timed(cell)]
        for mode, mine in ours:
            for key, cell in cells.items():
                if key.startswith("ours/") or not _timed(cell):
                    continue
                if key.startswith("upstream/"):
                    if key != f"upstream/{mode}":
                        continue
                elif PEERS.get(key) != mode:
                    continue
                for op in OPS:
                    loose = op == "read" and cell["status"] == "loose"
                    value = cell[op]["best"] / mine[op]["best"]
                    result.append(Ratio(name, mode, key.split("/")[0], op, value, loose, record["large"], record["group"], mine[op]["best"]))
    return result


# Floors, in ns: what a minimal encoder and decoder without error paths, limits or references needs for the same values; for readers
# of long lists, dicts and sets only the creation of the objects from ready C values; for large memory one copy. 0: not measured.
# Measured on one machine (Zen 3, CPython 3.11.7, gcc 12, collector on), see README.md. A cell within 15 % of its floor has met its goal.
FLOORS: Dict[str, Tuple[float, float]] = {
    "int_42": (33, 22),
    "numeric12": (88, 249),
    "numeric12_slots": (84, 254),
    "numeric12_x1000": (58e3, 317e3),
    "json_document": (730, 2260),
    "dict_str_str_10k": (131e3, 724e3),
    "dict_int_float_10k": (0, 462e3),
    "list_int_small": (260e3, 360e3),
    "list_int_17bit": (350e3, 1270e3),
    "list_int_wide": (380e3, 1820e3),
    "list_float": (143e3, 1270e3),
    "list_bool": (100e3, 340e3),
    "list_str_ascii": (375e3, 2130e3),
    "list_str_cyrillic": (0, 2480e3),
    "list_str_cjk": (0, 2570e3),
    "set_int_10k": (0, 390e3),
    "set_str_10k": (0, 663e3),
    "plain_objects_x10000": (496e3, 1824e3),
    "getstate_objects_x10000": (840e3, 0),
    "reduce_objects_x10000": (1100e3, 0),
    "bytes_1MB": (27.9e3, 28.5e3),
    "str_ascii_1MB": (27.9e3, 42e3),
    "bytes_100MB": (11.5e6, 11.5e6),
    "str_ascii_100MB": (11.5e6, 11.5e6),
    "ndarray_f8_100MB": (11.5e6, 11.5e6),
    "frame_1M": (7.0e6, 9.6e6),
}
FLOOR_SLACK = 1.15


def on_floor(ratio: Ratio) -> bool:
    """Say whether our time is within 15 % of what is physically possible."""
    floor = FLOORS.get(ratio.workload)
    return floor is not None and ratio.ours <= FLOOR_SLACK * floor[OPS.index(ratio.op)]


# Peers whose task is another one: the user's classes have to be theirs. None: shown without a goal.
OTHER_TASKS: Dict[str, Optional[float]] = {"msgspec-struct": 0.7, "protobuf-message": None}


def bar(ratio: Ratio) -> Optional[float]:
    """Return the least ratio that the project's goals ask for in a cell; None where they ask for nothing."""
    if ratio.peer in OTHER_TASKS:
        return OTHER_TASKS[ratio.peer]
    if ratio.group == "scalar" and ratio.peer in ("msgspec", "ormsgpack"):
        return 0.7
    if ratio.large:
        return 0.95
    if ratio.peer == "upstream" and ratio.op == "read" and ratio.workload.startswith(("list_int", "list_float")):
        return 0.95
    return 1.0


def geometric_mean(values: Iterable[float]) -> Optional[float]:
    """Return the geometric mean, or None of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None


def _times(value: Optional[float]) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x"


def _table(head: List[str], rows: List[List[str]]) -> List[str]:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def met(ratio: Ratio) -> bool:
    """Say whether a cell has met its goal."""
    least = bar(ratio)
    return least is None or ratio.value >= least or on_floor(ratio)


# (text, names or a prefix of the workloads, peer, op, least ratio); every cell that matches must reach it
GOALS: List[Tuple[str, Tuple[str, ...], str, str, float]] = [
    ("single dataclass", ("numeric12", "numeric12_slots", "person3", "mixed12"), "upstream", "write", 4.0),
    ("single dataclass", ("numeric12", "numeric12_slots", "person3", "mixed12"), "upstream", "read", 3.5),
    ("3-field dataclass", ("person3",), "pickle", "write", 4.0),
    ("3-field dataclass", ("person3",), "pickle", "read", 4.0),
    ("plain and reduce objects", ("plain_objects_x10000", "slotted_objects_x10000", "reduce_objects_x10000"), "upstream", "write", 10.0),
    ("plain and reduce objects", ("plain_objects_x10000", "slotted_objects_x10000", "reduce_objects_x10000"), "upstream", "read", 6.0),
    ("list of dataclasses", ("numeric12_x1000", "person3_x1000", "mixed12_x1000", "orders_x10000"), "upstream", "write", 3.0),
    ("list of dataclasses", ("numeric12_x1000", "person3_x1000", "mixed12_x1000", "orders_x10000"), "upstream", "read", 1.8),
    ("JSON-like documents", ("json_document", "json_documents_x100"), "upstream", "write", 6.0),
    ("JSON-like documents", ("json_document", "json_documents_x100"), "upstream", "read", 2.5),
    ("dicts", ("dict_str_str_10k", "dict_int_float_10k"), "upstream", "write", 4.0),
]
MEANS: List[Tuple[str, str, float]] = [("upstream", "write", 4.0), ("upstream", "read", 2.2), ("pickle", "write", 5.0), ("pickle", "read", 2.5),
                                       ("marshal", "write", 1.0), ("marshal", "read", 1.0), ("msgspec", "write", 1.5),
                                       ("msgspec", "read", 1.5), ("ormsgpack", "write", 1.5), ("ormsgpack", "read", 1.5)]  # fmt: skip
TIMES: List[Tuple[str, str, float]] = [("int_42", "write", 45.0), ("int_42", "read", 30.0)]


def _copies(data: Data) -> List[List[str]]:
    """Large payloads against one copy of the same memory, measured beside them (see extras), where that is known."""
    rows = []
    copy = data.get("extras", {}).get("copy", {})
    for name, op, most in (
        ("bytes_1MB", "write", 1.1), ("bytes_1MB", "read", 1.1), ("bytes_100MB", "write", 1.1), ("bytes_100MB", "read", 1.1),
        ("ndarray_f8_1M", "write", 1.1), ("ndarray_f8_1M", "read", 1.1), ("str_ascii_1MB", "write", 1.1), ("str_ascii_1MB", "read", 1.6),
    ):  # fmt: skip
        cells = data["workloads"].get(name, {}).get("cells", {})
        for mode in ("compatible", "native"):
            cell = cells.get(f"ours/{mode}")
            ns = copy.get(str(round(cell["size"] / (1 << 20)))) if _timed(cell) else None
            if ns:
                times = cell[op]["best"] / ns
                rows.append([f"{name} ({mode}) against memcpy", op, f"<= {most}x", _times(times), "yes" if times <= most else "**no**"])
    return rows


def _shapes(data: Data) -> List[List[str]]:
    """Out-of-band writing must not depend on the size."""
    rows = []
    for kind in ("bytes", "ndarray_f8"):
        for op in OPS:
            times = [
                cell[op]["best"]
                for label in ("1KB", "1MB", "100MB")
                for cell in [data["workloads"].get(f"{kind}_{label}_oob", {}).get("cells", {}).get("ours/native")]
                if _timed(cell)
            ]
            if len(times) > 1:
                spread = max(times) / min(times)
                rows.append([f"{kind} out-of-band, slowest size against fastest", op, "<= 1.3x", _times(spread), "yes" if spread <= 1.3 else "**no**"])
    return rows


GROWTH = 1.15


def _growth_cells(data: Data) -> List[Tuple[str, str, str, float, float]]:
    """Return (kind, operation, elements, time per element over what is expected, growth over that of plain creation as factors).

    Expected is the time at 1,000 elements and the ns that plain creation has gained since. What grows is what memory costs, page
    faults and caches that are too small: so many ns for each new object, whoever makes it. A factor depends on the time
    at 1,000 elements as well: half of that doubles it.
    """
    found = []
    for kind, sizes in data.get("extras", {}).get("growth", {}).items():
        if not isinstance(sizes, dict):
            continue
        first = sizes.get("1000", {})
        for count, cell in sizes.items():
            for op, value in cell.items():
                if op != "create" and count != "1000":
                    expected = first[op] + max(0.0, cell["create"] - first["create"])
                    factor = value / first[op] / max(1.0, cell["create"] / first["create"])
                    found.append((kind, op, count, value / expected, factor))
    return found


def _growing(data: Data) -> List[List[str]]:
    rows = []
    cells = _growth_cells(data)
    for op in OPS:
        mine = [cell for cell in cells if cell[1].startswith(op)]
        if mine:
            for which, title in ((3, "time per element, against that of 1,000 and what plain creation gains"), (4, "... growth as a factor of creation's, for information")):
                worst = max(mine, key=lambda cell: cell[which])
                value = float(worst[which])
                text = f"{_times(value)} ({worst[0]} x {int(worst[2]):,}, {worst[1].split()[1]})"
                verdict = "-" if which == 4 else "yes" if value <= GROWTH else "**no**"
                rows.append([title, op, f"<= {GROWTH}x" if which == 3 else "-", text, verdict])
    return rows


def _more(data: Data) -> List[str]:
    """The sections about what is not a message: start-up, threads, growth."""
    extras = data.get("extras", {})
    lines: List[str] = []
    if extras.get("startup"):
        rows = [[name, *[duration(ns) for ns in cell[:3]], size(int(cell[3]))] for name, cell in extras["startup"].items()]
        lines += ["## Before the first message", "", "Best of several fresh processes; memory is what the resident set rose by until the first message was read.", ""]
        lines += _table(["", "import", "first instance", "first message", "memory"], rows) + [""]
    threads = extras.get("threads", {})
    if threads:
        names = list(dict.fromkeys(name for found in threads.values() for name in found))
        rows = [[name, *[f"{found[name]:,.0f}" if isinstance(found.get(name), float) else str(found.get(name, "-")) for found in threads.values()]] for name in names]
        lines += ["## Threads", "", "Messages per second, written and read, wall time; every thread has an instance of its own.", ""]
        lines += _table(["message, threads", *threads], rows) + [""]
    growth = extras.get("growth", {})
    if growth:
        rows = []
        for kind, sizes in growth.items():
            for count, cell in sizes.items() if isinstance(sizes, dict) else ():
                rows.append([f"{kind} x {int(count):,}"] + [f"{cell[name]:.1f}" for name in
                            ("create", "write compatible", "read compatible", "write native", "read native")])  # fmt: skip
        lines += ["## Growth", "", "ns per element of a list, the collector on; `create` makes the same objects without any serializer.", ""]
        lines += _table(["", "create", "write, compatible", "read", "write, native", "read"], rows) + [""]
        if not rows:
            lines += [f"failed: {growth}", ""]
    return lines


def _goals(data: Data, found: List[Ratio]) -> List[List[str]]:
    rows = []
    for peer, op, least in MEANS:
        mean = geometric_mean(r.value for r in found if r.peer == peer and r.op == op and not r.large and not r.loose)
        if mean is not None:
            rows.append([f"geometric mean against {peer}", op, f">= {least}x", _times(mean), "yes" if mean >= least else "**no**"])
    for text, names, peer, op, least in GOALS:
        cells = [r for r in found if r.workload in names and r.peer == peer and r.op == op]
        if cells:
            worst = min(cells, key=lambda r: r.value)
            where = f"{_times(worst.value)} ({worst.workload}, {worst.mode})"
            missed = [r for r in cells if r.value < least and not on_floor(r)]
            verdict = "**no**" if missed else "yes" if worst.value >= least else "yes (floor)"
            rows.append([f"{text} against {peer}", op, f">= {least}x", where, verdict])
    rows += _copies(data) + _shapes(data) + _growing(data)
    for name, op, most in TIMES:
        cell = data["workloads"].get(name, {}).get("cells", {}).get("ours/compatible")
        if _timed(cell):
            best = cell[op]["best"]
            rows.append([f"{name}, one call", op, f"<= {most:.0f} ns", duration(best), "yes" if best <= most else "**no**"])
    return rows


def _banner(data: Data) -> List[str]:
    machine, options = data["machine"], data["options"]
    known = data["contenders"]
    mine = next((value for key, value in known.items() if key.startswith("ours/")), {})
    theirs: Dict[str, str] = {}
    for key, hello in known.items():
        if not key.startswith("ours/"):
            for name, version in hello.get("versions", {}).items():
                theirs["upstream pyfory" if name == "pyfory" else name] = version
    kept = f"{options['kept'] >> 20} MB of each process's memory for small objects stay mapped" if options.get("kept") else "allocators as they start"
    load = ""
    if machine.get("load"):
        load = f"; load average {machine['load'][0]} before, {(machine.get('load_after') or machine['load'])[0]} after"
    simd = f", {mine['simd']}" if mine.get("simd") else ""
    return [
        f"{data['date']}, {data['seconds']:.0f} s, label `{data['label']}`. {machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
        f"{machine['libc']}{load}. CPython {mine.get('python', '?')}. Ours: pyfory {mine.get('versions', {}).get('pyfory', '?')}{simd}. "
        f"Peers: {', '.join(f'{n} {v}' for n, v in sorted(theirs.items()))}. Collector {mine.get('gc', '?')}. "
        f"Best of {options['sittings']} sittings x {options['rounds']} rounds x {options['samples']} samples of >= {options['min_time'] * 1e3:.0f} ms ({options['clock']} time), contenders in turns; {kept}.",
    ]  # fmt: skip


LEVEL = 0.98  # a ratio between this and 1 is called level: less than what two runs of the same code differ by
SHOWN = 25


def _verdict(r: Ratio) -> str:
    least = bar(r)
    if least is None:
        return "-"
    return "yes" if r.value >= least else "yes (floor)" if on_floor(r) else "**no**"


def _loss_rows(behind: List[Ratio]) -> List[str]:
    rows = [
        [r.workload, r.mode, r.peer + (" (a)" if r.loose else ""), r.op, _times(r.value), f"{bar(r)}x" if bar(r) else "-", _verdict(r)]
        for r in behind
    ]  # fmt: skip
    return _table(["workload", "mode", "peer", "operation", "we are", "goal", "met"], rows) + [""]


def _behind(found: List[Ratio]) -> List[Ratio]:
    return sorted((r for r in found if r.value < LEVEL), key=lambda r: (met(r), r.value / (bar(r) or 1)))


def _losses(data: Data, found: List[Ratio]) -> List[str]:
    behind = _behind(found)
    wide: List[str] = []
    heavy: List[str] = []
    for name, record in data["workloads"].items():
        for key, cell in record["cells"].items():
            peer = record["cells"].get(key.replace("ours/", "upstream/"), {})
            if key.startswith("ours/") and "size" in cell and "size" in peer and cell["size"] > peer["size"]:
                wide.append(f"{name} ({key[5:]}): {cell['size']} B against {peer['size']} B")
            if key == "ours/native" and cell.get("size", 0) > record["cells"].get("pickle", {}).get("size", 1 << 62):
                heavy.append(f"{name}: {cell['size']} B against {record['cells']['pickle']['size']} B")
    failed = [
        f"{name}: {key} {cell['status']} ({cell.get('reason', '')})"
        for name, record in data["workloads"].items()
        for key, cell in record["cells"].items()
        if (cell["status"] in ("crashed", "error", "differs") and key.startswith(("ours/", "upstream/")))
        or (key.startswith("ours/") and not _timed(cell))
    ]
    lines = ["## Where we lose", ""]
    if not behind:
        lines += [f"Nowhere in this run: no cell is below {LEVEL}x of any peer.", ""]
    else:
        counts: Dict[str, List[int]] = {}
        for r in found:
            count = counts.setdefault(r.peer, [0, 0])
            count[0] += r.value < LEVEL
            count[1] += 1
        summary = ", ".join(f"{peer} {lost} of {total}" for peer, (lost, total) in counts.items() if lost)
        missed = sum(not met(r) for r in behind)
        lines += [f"{len(behind)} of {len(found)} cells are slower than a peer ({summary}); {missed} of them miss their goal. A cell within 15 % of its "
                  "measured floor has met it (`yes (floor)`).", ""]  # fmt: skip
        lines += _loss_rows(behind[:SHOWN])
        if len(behind) > SHOWN:
            lines += [f"... and {len(behind) - SHOWN} more, see *All losing cells*.", ""]
        if any(r.loose for r in behind[:SHOWN]):
            lines += ["(a) the peer's read returns other types than were written (dicts for dataclasses, lists for arrays).", ""]
    lost = data.get("not_installed", {})
    if data.get("not_reached"):
        lines += ["Left out for lack of time: " + ", ".join(data["not_reached"]) + ".", ""]
    if lost:
        lines += ["Could not be installed: " + "; ".join(f"{name} ({reason})" for name, reason in lost.items()) + ".", ""]
    if wide:
        lines += ["Larger than upstream: " + "; ".join(wide) + ".", ""]
    if heavy:
        lines += ["Larger than pickle (native): " + "; ".join(heavy) + ".", ""]
    if failed:
        lines += ["Failed cells (not timed): " + "; ".join(failed) + ".", ""]
    return lines


def _means(found: List[Ratio]) -> List[str]:
    pairs: List[Tuple[str, str]] = []
    for r in found:
        pair = (r.peer, r.mode if r.peer == "upstream" else "")
        if pair not in pairs:
            pairs.append(pair)
    rows = []
    for peer, mode in sorted(pairs, key=lambda pair: pair[0] != "upstream"):
        row = [f"{peer} {mode}".strip()]
        for large in (False, True):
            for op in OPS:
                values = [
                    r.value for r in found
                    if r.peer == peer and (not mode or r.mode == mode) and r.op == op and r.large == large and not r.loose
                ]  # fmt: skip
                row.append(f"{_times(geometric_mean(values))} ({len(values)})" if values else "-")
        rows.append(row)
    return _table(["times faster than", "write", "read", "write, blobs >= 1 MB", "read, blobs"], rows)


def _against(data: Data, peers: List[str], mode: str, note: str) -> List[str]:
    rows = []
    for name, record in data["workloads"].items():
        mine = record["cells"].get(f"ours/{mode}")
        if not _timed(mine):
            continue
        row = [name, duration(mine["write"]["best"]), duration(mine["read"]["best"])]
        for peer in peers:
            cell = record["cells"].get(peer)
            for op in OPS:
                if not _timed(cell):
                    row.append("-")
                    continue
                value = cell[op]["best"] / mine[op]["best"]
                mark = " (a)" if op == "read" and cell["status"] == "loose" else ""
                row.append((f"**{_times(value)}**" if value < 1 else _times(value)) + mark)
        if any(cell != "-" for cell in row[3:]):
            rows.append(row)
    head = ["workload", "ours write", "ours read"]
    for peer in peers:
        head += [f"{peer} w", "r"]
    return [note, ""] + _table(head, rows) + [""] if rows else []


def _sizes(data: Data, peers: List[str], modes: List[str]) -> List[str]:
    rows = []
    for name, record in data["workloads"].items():
        cells = record["cells"]
        row = [name]
        for mode in modes:
            mine, up = cells.get(f"ours/{mode}", {}), cells.get(f"upstream/{mode}", {})
            row.append(size(mine.get("size")))
            if "sha" in mine and "sha" in up:
                row.append("same bytes" if mine["sha"] == up["sha"] else f"{mine['size'] / up['size']:.3f}")
            else:
                row.append("-")
        row += [size(cells.get(peer, {}).get("size")) for peer in peers]
        rows.append(row)
    head = ["workload"]
    for mode in modes:
        head += [f"ours {mode}", "to upstream"]
    return _table(head + peers, rows)


def _memory(data: Data, keys: List[str]) -> List[str]:
    rows = []
    for name, record in data["workloads"].items():
        cells = record["cells"]
        if max((cell.get("size") or 0 for cell in cells.values()), default=0) < 50_000:
            continue
        row = [name]
        for key in keys:
            cell = cells.get(key, {})
            if "maxrss" in cell:
                row.append(f"{size(cell['write_peak'])} / {size(cell['read_peak'])} / {size(cell['maxrss'])}")
            else:
                row.append("-")
        rows.append(row)
    return _table(["workload"] + keys, rows) if rows else ["(no workload of this run is large enough)"]


def _noise(data: Data) -> str:
    spread = sorted(
        cell[op]["median"] / cell[op]["best"]
        for record in data["workloads"].values() for cell in record["cells"].values() if _timed(cell) for op in OPS
    )  # fmt: skip
    if not spread:
        return ""
    restless = [
        f"{name} {key} {op}"
        for name, record in data["workloads"].items() for key, cell in record["cells"].items() if _timed(cell)
        for op in OPS if not cell[op].get("quiet", 1)
    ]  # fmt: skip
    disturbed = ""
    if restless:
        shown = ", ".join(restless[:20]) + (", ..." if len(restless) > 20 else "")
        disturbed = f" Something else slowed the core down in every sample of {len(restless)} cells, whose figures are too high: {shown}."
    return (
        f"Noise of this run: the median sample of a cell lies {100 * (spread[len(spread) // 2] - 1):.0f} % above its best in the middle cell and "
        f"{100 * (spread[int(len(spread) * 0.95)] - 1):.0f} % in the worst twentieth. Ratios closer to 1 than that need a quieter machine or more rounds.{disturbed}"
    )  # fmt: skip


def markdown(data: Data, pictures: List[str]) -> str:
    """Return the whole report."""
    found = ratios(data)
    modes = [mode for mode in data["options"]["modes"] if any(f"ours/{mode}" in r["cells"] for r in data["workloads"].values())]
    others = [peer for peer in data["options"]["peers"] if peer != "upstream"]
    lines = ["# Benchmark report", ""]
    if data.get("self_comparison"):
        lines += ["**This run compares upstream with itself: it tests the harness and says nothing about this project.**", ""]
    lines += _banner(data) + ["", "All ratios are the peer's time divided by ours: above 1 we are faster.", ""]
    lines += _means(found) + [""] + _losses(data, found)
    goals = _goals(data, found)
    if goals:
        lines += ["## Goals", ""] + _table(["goal", "operation", "asked", "measured (worst cell)", "met"], goals) + [""]
    lines += ["<!-- end of the first screen -->", ""]
    lines += ["## Against upstream", ""]
    for mode in modes:
        lines += _against(data, [f"upstream/{mode}"], mode, f"Mode `{mode}`:")
    if others:
        lines += ["## Against other libraries", ""]
        for mode in ("native", "compatible"):
            lines += _against(data, [peer for peer in others if PEERS[peer] == mode], mode,
                              f"Ours in mode `{mode}`; `w` is writing, `r` reading; (a) the read returns other types than were written.")  # fmt: skip
    behind = _behind(found)
    if len(behind) > SHOWN:
        lines += ["## All losing cells", ""] + _loss_rows(behind)
    lines += ["## Sizes", ""] + _sizes(data, others, modes) + [""]
    lines += ["## Peak memory", "",
              "Rise of the resident set during the first write / during the first read / highest of the whole worker with its data. A rise of zero means "
              "that memory the process already had was enough.", ""]  # fmt: skip
    lines += _memory(data, [f"{who}/{mode}" for mode in modes if mode != "consistent" for who in ("ours", "upstream")] + [p for p in ("pickle", "msgspec") if p in others]) + [""]
    lines += _more(data)
    lines += ["Rows, against upstream's and pyarrow: `python -m benchmarks.rows`, figures in [rows.md](rows.md) and docs/row-format.md.", ""]
    if pictures:
        lines += ["## Plots", ""] + [f"![{name}]({name})" for name in pictures] + [""]
    unsupported: Dict[str, List[str]] = {}
    for name, record in data["workloads"].items():
        for key, cell in record["cells"].items():
            if not _timed(cell):
                unsupported.setdefault(f"{key}: {cell.get('reason', '')}", []).append(name)
    if unsupported:
        lines += ["## Not measured", ""] + [f"- {reason} ({', '.join(names)})" for reason, names in sorted(unsupported.items())] + [""]
    lines += ["## How to read this", "", _noise(data),
              "Times are per call including about 7 ns of the measuring loop, and include destroying the result. Every contender runs in a process of its own, "
              "which builds the value itself; a digest proves that all built the same value and that each got back what it wrote. See benchmarks/README.md.", ""]  # fmt: skip
    return "\n".join(lines)


def ledger(data: Data) -> str:
    """Return the table of docs/performance.md: every workload with its floor, our times, and the peer that comes closest."""
    found = ratios(data)
    rows = []
    for name, record in data["workloads"].items():
        floor = FLOORS.get(name)
        row = [name, " / ".join(duration(ns) if ns else "-" for ns in floor) if floor else ""]
        for mode in ("compatible", "native"):
            cell = record["cells"].get(f"ours/{mode}")
            row.append(f"{duration(cell['write']['best'])} / {duration(cell['read']['best'])}" if _timed(cell) else "")
        for op in OPS:
            mine = [r for r in found if r.workload == name and r.op == op and bar(r) is not None and not r.loose]
            worst = min(mine, key=lambda r: r.value / (bar(r) or 1), default=None)
            where = f"{worst.peer}, {worst.mode}" if worst else ""
            mark = "" if worst is None or met(worst) else " **no**" if worst.value < LEVEL else " (no)"
            row.append(f"{_times(worst.value)} {where}{mark}" if worst else "-")
        rows.append(row)
    head = ["workload", "floor", "xlang, write / read", "native", "closest peer, write", "closest peer, read"]
    return "\n".join([f"{data['date']}, label `{data['label']}`, {data['machine']['cpu']}.", "", *_table(head, rows)])


def put_ledger(document: str, data: Data) -> str:
    """Return the text of docs/performance.md with the table of this run. Raises ValueError when the marks are not in it."""
    start, end = "<!-- ledger -->", "<!-- end of the ledger -->"
    before, rest = document.split(start, 1) if start in document else ("", "")
    if end not in rest:
        raise ValueError("the marks around the ledger are missing")
    return before + start + "\n" + ledger(data) + "\n" + end + rest.split(end, 1)[1]


def first_screen(text: str) -> str:
    """Return the part of the report that is shown on the terminal."""
    return text.split("<!-- end of the first screen -->")[0].rstrip()
