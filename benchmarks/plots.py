"""Pictures of a run.  Importing this module needs matplotlib; the command line goes on without it."""

from pathlib import Path
from typing import Any, Dict, List

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from . import report  # noqa: E402

_COLOURS = {
    "upstream": "#d62728", "pickle": "#9467bd", "cloudpickle": "#c5b0d5", "marshal": "#8c564b", "msgspec": "#1f77b4",
    "msgspec-struct": "#aec7e8", "ormsgpack": "#2ca02c", "orjson": "#ff7f0e", "json": "#bcbd22",
    "cbor2": "#17becf", "protobuf": "#e377c2", "protobuf-message": "#f7b6d2", "pyarrow": "#7f7f7f",
}  # fmt: skip


def _ratios(data: Dict[str, Any], op: str, target: Path) -> None:
    found = [r for r in report.ratios(data) if r.op == op]
    rows = list(dict.fromkeys(f"{r.workload} · {r.mode}" if r.mode != "compatible" else r.workload for r in found))
    place = {name: len(rows) - index for index, name in enumerate(rows)}
    figure, axes = plt.subplots(figsize=(10, 1.5 + 0.24 * len(rows)))
    for peer, colour in _COLOURS.items():
        mine = [r for r in found if r.peer == peer]
        if mine:
            where = [place[f"{r.workload} · {r.mode}" if r.mode != "compatible" else r.workload] for r in mine]
            axes.scatter([r.value for r in mine], where, s=26, color=colour, label=peer, zorder=3)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(list(place.values()), list(place.keys()), fontsize=8)
    axes.set_ylim(0, len(rows) + 1)
    axes.grid(axis="both", alpha=0.3)
    axes.set_xlabel("times faster than the peer (left of the line: slower)")
    axes.set_title(f"{op}: pyfory against its peers")
    axes.legend(fontsize=8, loc="upper right")
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)


def _throughput(data: Dict[str, Any], target: Path) -> None:
    records = {n: r for n, r in data["workloads"].items() if r["group"] in ("dataclass", "objects", "plain")}
    keys = [k for k in ("ours/compatible", "upstream/compatible", "pickle", "msgspec", "ormsgpack") if any("write" in r["cells"].get(k, {}) for r in records.values())]  # fmt: skip
    colours = dict(zip(keys, ("#111111", "#d62728", "#9467bd", "#1f77b4", "#2ca02c")))
    figure, axes = plt.subplots(2, 1, figsize=(max(8, 0.45 * len(records) + 3), 9), sharex=True)
    width = 0.8 / max(1, len(keys))
    for panel, op in zip(axes, report.OPS):
        for index, key in enumerate(keys):
            points = [(i, 1e9 / r["cells"][key][op]["best"]) for i, r in enumerate(records.values()) if "write" in r["cells"].get(key, {})]
            panel.bar([i + index * width for i, _ in points], [y for _, y in points], width, label=key, color=colours[key])
        panel.set_yscale("log")
        panel.set_ylabel(f"{op}s per second")
        panel.grid(axis="y", alpha=0.3)
    axes[0].legend(fontsize=8)
    axes[0].set_title("throughput (messages per second)")
    axes[1].set_xticks([i + 0.4 for i in range(len(records))], list(records), rotation=75, fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)


def _sizes(data: Dict[str, Any], target: Path) -> None:
    names = [n for n, r in data["workloads"].items() if r["cells"].get("ours/compatible", {}).get("size") and not r["large"]]
    figure, axes = plt.subplots(figsize=(10, 1.5 + 0.24 * len(names)))
    place = {name: len(names) - index for index, name in enumerate(names)}
    for peer, colour in _COLOURS.items():
        key = "upstream/compatible" if peer == "upstream" else peer
        points = [
            (data["workloads"][n]["cells"][key]["size"] / data["workloads"][n]["cells"]["ours/compatible"]["size"], place[n])
            for n in names if data["workloads"][n]["cells"].get(key, {}).get("size")
        ]  # fmt: skip
        if points:
            axes.scatter([x for x, _ in points], [y for _, y in points], s=26, color=colour, label=peer, zorder=3)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(list(place.values()), list(place.keys()), fontsize=8)
    axes.set_ylim(0, len(names) + 1)
    axes.grid(alpha=0.3)
    axes.set_xlabel("size of the peer's message, ours = 1 (left of the line: smaller)")
    axes.set_title("message size")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)


def _scaling(data: Dict[str, Any], target: Path) -> bool:
    """ns per byte of the same text in messages from 10 B to 100 MB."""
    records = [r for r in data["workloads"].values() if r["group"] == "scaling"]
    if len(records) < 2:
        return False
    keys = list(dict.fromkeys(key for r in records for key in r["cells"] if key.split("/")[0] in ("ours", *_COLOURS)))
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    for panel, op in zip(axes, report.OPS):
        for key in keys:
            cells = [r["cells"][key] for r in records if op in r["cells"].get(key, {})]
            style = ":" if key.endswith("native") else "-"
            colour = "#111111" if key.startswith("ours") else _COLOURS[key.split("/")[0]]
            panel.plot([c["size"] for c in cells], [c[op]["best"] / c["size"] for c in cells], style, marker=".", label=key, color=colour)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("bytes of the message")
        panel.set_title(op)
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("ns per byte")
    axes[1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return True


def _threads(data: Dict[str, Any], target: Path) -> bool:
    threads = {home: found for home, found in data.get("extras", {}).get("threads", {}).items() if "failed" not in found}
    if not threads:
        return False
    names = list(dict.fromkeys(name.rsplit(",", 1)[0] for found in threads.values() for name in found))
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 4), squeeze=False)
    for panel, name in zip(axes[0], names):
        for home, found in threads.items():
            panel.plot([1, 2], [found[f"{name}, {n}"] for n in (1, 2)], marker="o", label=home, color="#111111" if home == "ours" else _COLOURS[home])
        panel.set_xticks([1, 2])
        panel.set_ylim(bottom=0)
        panel.set_title(name)
        panel.set_xlabel("threads")
        panel.grid(alpha=0.3)
    axes[0][0].set_ylabel("messages per second, written and read")
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)
    return True


def draw(data: Dict[str, Any], folder: Path, label: str) -> List[str]:
    """Write the pictures of a run and return their file names."""
    if not report.ratios(data):
        return []
    made = []
    for op in report.OPS:
        made.append(f"{label}-{op}.png")
        _ratios(data, op, folder / made[-1])
    made.append(f"{label}-throughput.png")
    _throughput(data, folder / made[-1])
    made.append(f"{label}-size.png")
    _sizes(data, folder / made[-1])
    for name, picture in (("scaling", _scaling), ("threads", _threads)):
        if picture(data, folder / f"{label}-{name}.png"):
            made.append(f"{label}-{name}.png")
    return made
